// SPDX-License-Identifier: BSD-3-Clause
#include "journal/taken.h"

#include "config/pattern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bounds what a hostile line costs. PCRE2's limit holds for each place of the line that a match may begin at,
 * so that a pattern without an anchor takes time by the square of the line's length: some tens of
 * milliseconds for one as long as this, minutes for the longest that journald keeps. */
#define LINE_MAX_BYTES (8u << 10)
#define MATCH_LIMIT    20000
#define HEAP_LIMIT_KIB 4096
#define STACK_BYTES    (1u << 20) /* of compiled patterns: 32 KiB, the default, is not enough for such lines */

struct group {
    unsigned number;
    unsigned key; /* enum ss_journal_key, enum ss_taken_key, or SS_TAKEN_OTHER */
    struct ss_text name;
};

struct ss_regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
    unsigned group_count;
    struct group groups[SS_PATTERN_NAMES_MAX];
};

static void read_groups(struct ss_regex *regex, unsigned key_count)
{
    struct ss_pattern_name names[SS_PATTERN_NAMES_MAX];
    regex->group_count = ss_pattern_names(regex->code, names);
    for (unsigned i = 0; i < regex->group_count; i++) {
        struct group *group = &regex->groups[i];
        group->number = names[i].number;
        group->name = (struct ss_text){names[i].text, strlen(names[i].text)};
        group->key = ss_taken_key_of(group->name, key_count);
    }
}

bool ss_regex_has_client(const struct ss_regex *regex)
{
    for (unsigned i = 0; i < regex->group_count; i++)
        if (regex->groups[i].key == SS_KEY_CLIENT || regex->groups[i].key == SS_KEY_CLIENT_IP)
            return true;
    return false;
}

static int compile(struct ss_regex *regex, const char *pattern, char *ret_why, size_t why_bytes)
{
    char why[200];
    regex->code = ss_pattern_compile(pattern, why, sizeof(why));
    if (regex->code == NULL) {
        snprintf(ret_why, why_bytes, "the regular expression %s", why);
        return -EINVAL;
    }
    /* Without JIT (not on every architecture) matching is slower and gives the same. */
    pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
    return 0;
}

int ss_regex_create(const char *pattern, unsigned key_count, struct ss_regex **ret_regex, char *ret_why,
                    size_t why_bytes)
{
    struct ss_regex *regex = calloc(1, sizeof(*regex));
    if (regex == NULL)
        return -ENOMEM;
    int error = compile(regex, pattern, ret_why, why_bytes);
    if (error == 0) {
        read_groups(regex, key_count);
        regex->match = pcre2_match_data_create_from_pattern(regex->code, NULL);
        regex->limits = pcre2_match_context_create(NULL);
        regex->stack = pcre2_jit_stack_create(32u << 10, STACK_BYTES, NULL);
        if (regex->match == NULL || regex->limits == NULL)
            error = -ENOMEM;
    }
    if (error != 0) {
        ss_regex_free(regex);
        return error;
    }
    pcre2_set_match_limit(regex->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(regex->limits, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(regex->limits, NULL, regex->stack); /* NULL where there is no JIT */
    *ret_regex = regex;
    return 0;
}

void ss_regex_free(struct ss_regex *regex)
{
    if (regex == NULL)
        return;
    pcre2_match_context_free(regex->limits);
    pcre2_jit_stack_free(regex->stack);
    pcre2_match_data_free(regex->match);
    pcre2_code_free(regex->code);
    free(regex);
}

enum ss_take ss_regex_take(const struct ss_regex *regex, struct ss_text message, struct ss_taken *taken)
{
    if (message.length > LINE_MAX_BYTES)
        return SS_TAKE_GIVEN_UP;
    int matched =
        pcre2_match(regex->code, (PCRE2_SPTR)message.at, message.length, 0, 0, regex->match, regex->limits);
    if (matched < 0)
        return matched == PCRE2_ERROR_NOMATCH ? SS_TAKE_NOTHING : SS_TAKE_GIVEN_UP;
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(regex->match);
    for (unsigned i = 0; i < regex->group_count; i++) {
        const struct group *group = &regex->groups[i];
        PCRE2_SIZE from = offsets[2 * group->number], to = offsets[2 * group->number + 1];
        /* A \K in a lookahead can put a group's start behind its end. */
        if ((int)group->number < matched && from != PCRE2_UNSET && from <= to)
            ss_taken_add(taken, group->key, group->name, (struct ss_text){message.at + from, to - from});
    }
    return SS_TAKE_DONE;
}
