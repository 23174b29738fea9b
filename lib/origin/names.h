// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Texts by number, each kept once. There are some hundreds, so a new one is looked for among all. */

#include <stddef.h>
#include <stdint.h>

struct ss_names {
    char **texts;
    uint32_t count, room;
};

/* The text's number; zeroed names are empty. 0 or -ENOMEM. */
int ss_names_intern(struct ss_names *names, const char *text, uint32_t *ret_index);
void ss_names_fini(struct ss_names *names);

static inline const char *ss_names_at(const struct ss_names *names, uint32_t index)
{
    return names->texts[index];
}
