// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What the memory allows: a plain loop that shares no code with the analyzer.
 *
 * For each burst: the frames are prefetched, their headers read, one bucket and one flow entry (a cache line
 * each) touched where the flow lies, and the bytes that the history keeps copied to rings of the same size.
 * Nothing else.
 */

#include "packet/frame.h"

#include <stdint.h>

struct ss_bench_floor_ring {
    uint8_t *memory;
    uint64_t bytes, at;
};

struct ss_bench_floor {
    uint8_t *buckets; /* of 64 bytes; a power of two of them */
    uint64_t bucket_mask;
    uint8_t *entries;     /* of 128 bytes */
    uint32_t entry_count; /* as many as there are connections */
    unsigned seen_at;     /* of the entry's four bytes that are written */
    struct ss_bench_floor_ring recent, kept;
    uint64_t sum; /* of what was read, so that it is read */
};

/* Up to SS_BENCH_BURST frames. marks: what the history keeps twice is copied twice. */
void ss_bench_floor_burst(struct ss_bench_floor *floor, const struct ss_frame *frames, const uint8_t *marks,
                          unsigned count);
