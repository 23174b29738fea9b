// SPDX-License-Identifier: BSD-3-Clause
#include "origin/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ss_names_intern(struct ss_names *names, const char *text, uint32_t *ret_index)
{
    /* The newest first: files are sorted by region. */
    for (uint32_t i = names->count; i-- > 0;)
        if (strcmp(names->texts[i], text) == 0) {
            *ret_index = i;
            return 0;
        }
    if (names->count == names->room) {
        uint32_t room = names->room ? names->room * 2 : 64;
        char **texts = realloc(names->texts, room * sizeof(*texts));
        if (!texts)
            return -ENOMEM;
        names->texts = texts;
        names->room = room;
    }
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    names->texts[names->count] = copy;
    *ret_index = names->count++;
    return 0;
}

void ss_names_fini(struct ss_names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free(names->texts[i]);
    free(names->texts);
    *names = (struct ss_names){0};
}
