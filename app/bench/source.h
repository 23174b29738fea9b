// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Frames of a profile, one after the other, from templates.
 *
 * A connection is a number; addresses, ports, family, tag and template follow from it. A source is plain
 * data, so that a copy of it makes the same frames again.
 */

#include "packet/frame.h"
#include "profile.h"
#include "templates.h"

#define SS_BENCH_BURST 32

/* What the frame is, for those who measure single stages. */
enum ss_bench_mark {
    SS_BENCH_KEPT = 1, /* the history's handshakes tier keeps it too */
    SS_BENCH_LAST = 2, /* of its connection */
};

struct ss_bench_slot {
    uint32_t connection;
    uint32_t step; /* next frame of its template */
};

struct ss_bench_source {
    const struct ss_bench_profile *profile;
    const struct ss_bench_templates *templates;
    struct ss_bench_slot *slots; /* of connections in their handshake: profile->open */
    uint64_t random;
    int64_t now_ns;
    uint32_t next_connection;
    uint32_t full_limit; /* of 2^32: how many segments of established connections are full */
    unsigned in_burst;
    unsigned open_at, open_step; /* of the connections that are being established */
    uint64_t completed;          /* handshakes */
};

/* slots: profile->open of them, borrowed. */
void ss_bench_source_init(struct ss_bench_source *source, const struct ss_bench_profile *profile,
                          const struct ss_bench_templates *templates, struct ss_bench_slot *slots,
                          uint64_t seed);

/* The next frame while the profile's established connections open; false: all are. */
bool ss_bench_source_open(struct ss_bench_source *source, uint8_t *buffer, struct ss_frame *ret_frame);

/* The next frame, written to buffer, which holds SS_BENCH_FRAME_MAX bytes. Returns its marks. */
uint8_t ss_bench_source_next(struct ss_bench_source *source, uint8_t *buffer, struct ss_frame *ret_frame);

/* Bytes of the longest template: a quota of the handshakes tier that every connection that is established has
 * spent. */
uint32_t ss_bench_source_quota(const struct ss_bench_templates *templates);
