// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The clock offset of proxy hosts, learned from samples that may hold outliers; see join.h for the rule. */

#include "join/join.h"

struct ss_offset {
    struct ss_join_host host;
    int64_t sample_ns[SS_JOIN_SAMPLES]; /* a ring */
    unsigned next;                      /* place of the next sample */
    bool learned;
};

struct ss_offsets {
    struct ss_offset entries[SS_JOIN_HOSTS];
    size_t count;
};

/* NULL: not known. */
struct ss_offset *ss_offsets_find(struct ss_offsets *offsets, const char *host);

/* The host's entry, made where there is none; NULL: no room. */
struct ss_offset *ss_offsets_take(struct ss_offsets *offsets, const char *host);

/* True: the offset was learned just now, or anew after the host's clock was set. */
bool ss_offset_learn(struct ss_offset *offset, int64_t sample_ns, int64_t slack_ns);

/* a - b, a + b, held at the ends of the range: times in log lines may be anything. */
int64_t ss_time_minus(int64_t a, int64_t b);
int64_t ss_time_plus(int64_t a, int64_t b);
