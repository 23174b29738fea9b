// SPDX-License-Identifier: BSD-3-Clause
#include "config/pattern.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>

static uint32_t number_of(const pcre2_code *code, uint32_t what)
{
    uint32_t number = 0;
    pcre2_pattern_info(code, what, &number);
    return number;
}

pcre2_code *ss_pattern_compile(const char *pattern, char *ret_why, size_t why_bytes)
{
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C, &error, &offset, NULL);
    if (code == NULL) {
        char text[128] = "";
        pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof(text));
        snprintf(ret_why, why_bytes, "does not compile: %s, at offset %zu", text, (size_t)offset);
        return NULL;
    }
    uint32_t names = number_of(code, PCRE2_INFO_NAMECOUNT);
    if (names <= SS_PATTERN_NAMES_MAX)
        return code;
    snprintf(ret_why, why_bytes, "has %u named groups, more than %u", names, SS_PATTERN_NAMES_MAX);
    pcre2_code_free(code);
    return NULL;
}

/* The table of names: two bytes of number, the name, a zero, each entry of the same size (pcre2api). */
unsigned ss_pattern_names(const pcre2_code *code, struct ss_pattern_name ret_names[SS_PATTERN_NAMES_MAX])
{
    uint32_t count = number_of(code, PCRE2_INFO_NAMECOUNT);
    uint32_t entry_bytes = number_of(code, PCRE2_INFO_NAMEENTRYSIZE);
    PCRE2_SPTR entry = NULL;
    assert(count <= SS_PATTERN_NAMES_MAX);
    pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &entry);
    for (uint32_t i = 0; i < count; i++, entry += entry_bytes)
        ret_names[i] =
            (struct ss_pattern_name){(unsigned)(entry[0] << 8 | entry[1]), (const char *)entry + 2};
    return count;
}
