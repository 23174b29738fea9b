// SPDX-License-Identifier: BSD-3-Clause
/* Any text: refused with at least one sentence, or a configuration whose print loads and prints the same. */

#include "config/reader.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_errors(struct ss_config_errors *errors)
{
    require(errors->count > 0);
    for (size_t i = 0; i < errors->count; i++)
        require(strncmp(errors->lines[i], "fuzz:", 5) == 0 && strchr(errors->lines[i], '\n') == NULL);
    ss_config_errors_free(errors);
}

static void check_print(const struct ss_config *config)
{
    char *text = ss_config_print(config);
    require(text != NULL);
    struct ss_config *again = NULL;
    struct ss_config_errors errors = {0};
    require(ss_config_load_text("fuzz", text, strlen(text), &again, &errors) == 0);
    char *text_again = ss_config_print(again);
    require(text_again != NULL && strcmp(text, text_again) == 0);
    free(text_again);
    free(text);
    ss_config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct ss_config *config = NULL;
    struct ss_config_errors errors = {0};
    if (ss_config_load_text("fuzz", (const char *)bytes, length, &config, &errors) != 0) {
        require(config == NULL);
        check_errors(&errors);
        return 0;
    }
    require(errors.count == 0);
    check_print(config);
    ss_config_free(config);
    return 0;
}
