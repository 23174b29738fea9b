// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* One journal entry's text to an event: presets, regular expressions, JSON pointers, journal fields.
 *
 * Knows no journal: the entry comes in as an accessor-free list of its fields. Durations, addresses and ports
 * are range-checked; an entry that does not parse is refused with a reason.
 */

#include "config/config.h"
#include "journal/event.h"

#include <stddef.h>

struct ss_entry_field {
    const char *name;
    const char *value; /* not zero-terminated */
    size_t length;
};

/* The entry's fields that the format asked for (ss_format_fields), and its times. */
struct ss_entry {
    const struct ss_entry_field *fields;
    size_t field_count;
    int64_t realtime_ns; /* __REALTIME_TIMESTAMP, or _SOURCE_REALTIME_TIMESTAMP where there is one */
};

enum ss_format_result {
    SS_FORMAT_EVENT,
    SS_FORMAT_NO_MATCH,    /* the text is not of this form */
    SS_FORMAT_NO_CLIENT,   /* no client address or it does not parse */
    SS_FORMAT_BAD_NUMBER,  /* a port, duration or time out of range */
    SS_FORMAT_SHORT,       /* lasted less than min_duration */
    SS_FORMAT_NO_DURATION, /* there is a min_duration, and the text does not say how long it lasted */
    SS_FORMAT_GIVEN_UP,    /* too long, nested too deeply, or a regular expression backtracked too much */
    SS_FORMAT_RESULT_COUNT
};

const char *ss_format_result_name(enum ss_format_result result);

struct ss_format;

/* 0, -ENOMEM, or -EINVAL with a sentence in ret_why (a regular expression that does not compile, and where).
 */
int ss_format_create(const struct ss_config_journal *config, struct ss_format **ret_format, char *ret_why,
                     size_t why_bytes);
void ss_format_free(struct ss_format *format);

/* Journal field names it wants (NULL-terminated); MESSAGE among them mostly. */
const char *const *ss_format_fields(const struct ss_format *format);

enum ss_format_result ss_format_apply(struct ss_format *format, const struct ss_entry *entry,
                                      struct ss_event *ret_event);
