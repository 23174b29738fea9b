// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* A journal format's regular expression, compiled by PCRE2: config/ does so to check it, and whoever matches
 * with it does so in the same way. */

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stddef.h>

#define SS_PATTERN_NAMES_MAX 64 /* named groups */

struct ss_pattern_name {
    unsigned number;  /* of the group */
    const char *text; /* the code's */
};

/* The caller frees the code with pcre2_code_free. NULL: ret_why says what is wrong and where, to be put
 * behind what the pattern is called ("does not compile: ..."). */
pcre2_code *ss_pattern_compile(const char *pattern, char *ret_why, size_t why_bytes);

/* Its named groups; returns how many there are. */
unsigned ss_pattern_names(const pcre2_code *code, struct ss_pattern_name ret_names[SS_PATTERN_NAMES_MAX]);
