// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The clock offset of proxy hosts, learned from samples that may hold outliers; see join.h for the rule. */

#include "join/join.h"

/* What one event says of its host's offset. */
struct ss_sample {
    int64_t most_ns;  /* the offset, if the proxy was prompt */
    int64_t least_ns; /* and if it was as late as this handshake allows */
    int64_t wire_ns;  /* when, by the tap's clock */
    bool is_line;     /* of a line's own time, which may be later by any time */
};

struct ss_offset {
    struct ss_join_host host;
    struct ss_sample samples[SS_JOIN_SAMPLES]; /* a ring */
    unsigned next;                             /* place of the next sample */
    bool by_lines;                             /* all of them are of lines: there is nothing better yet */
};

struct ss_offsets {
    struct ss_offset entries[SS_JOIN_HOSTS];
    size_t count;
    size_t last; /* found last: mostly the next one, too */
};

/* NULL: not known. */
struct ss_offset *ss_offsets_find(struct ss_offsets *offsets, const char *host);

/* The host's entry, made where there is none; NULL: no room. */
struct ss_offset *ss_offsets_take(struct ss_offsets *offsets, const char *host);

/* True: the offset was learned just now, or anew after the host's clock was set. */
bool ss_offset_learn(struct ss_offset *offset, const struct ss_sample *sample, int64_t slack_ns);

/* a - b, a + b, held at the ends of the range: times in log lines may be anything. */
int64_t ss_time_minus(int64_t a, int64_t b);
int64_t ss_time_plus(int64_t a, int64_t b);
