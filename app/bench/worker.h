// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* One core's bench: frames made in chunks, and each lane's time for them.
 *
 *     chunk made (untimed) -> lane (timed) -> next chunk ...      a round: profile->frames frames, once a
 * lane
 *
 * A lane is a way to treat the frames. All lanes get the same frames in a round: the source goes back to
 * where the round began. Workers share nothing but the templates.
 *
 * A chunk's frames lie as in a DPDK pool of mbufs, and are as many as fill CHUNK_BYTES of cache lines: more
 * than the second level cache, less than the last one, which is where a NIC writes them (DDIO).
 */

#include "analyzer/analyzer.h"
#include "flow/table.h"
#include "floor.h"
#include "memory.h"
#include "source.h"

enum ss_bench_lane {
    SS_BENCH_FLOOR,   /* what the memory allows: floor.h */
    SS_BENCH_WHOLE,   /* feed, upkeep, findings fetched: an analyzer lcore's turn */
    SS_BENCH_DECODE,  /* ss_packet_decode alone */
    SS_BENCH_FLOW,    /* decode, key, hash, the look-up in a table of the same connections */
    SS_BENCH_HISTORY, /* ss_history_append alone, to tiers of the same size */
    SS_BENCH_LANE_COUNT
};

#define SS_BENCH_ROUNDS_MAX 64

struct ss_bench_options {
    unsigned rounds;
    unsigned workers;
    uint32_t flows, open, frames; /* 0: the profile's */
    uint32_t per_flow_bytes;      /* 0: spent by all that is established */
    uint64_t recent_bytes, handshakes_bytes;
    uint64_t seed;
    enum ss_bench_pages pages;
    bool lanes[SS_BENCH_LANE_COUNT];
};

/* A lane's round. */
struct ss_bench_time {
    uint64_t ns, frames, bytes, handshakes;
};

struct ss_bench_worker {
    struct ss_bench_profile profile;
    const struct ss_bench_options *options;
    const struct ss_bench_templates *templates;
    uint32_t per_flow_bytes;
    struct ss_bench_memory memory;
    size_t analyzer_bytes, table_bytes, slot_bytes, buffer_bytes, frame_bytes;

    struct ss_bench_source source, begin; /* now, and where the round began */
    struct ss_bench_slot *slots, *begin_slots;
    uint8_t *buffers;
    struct ss_frame *frames;
    uint8_t *marks;
    unsigned chunk; /* frames, a multiple of the burst */

    void *analyzer_memory;
    struct ss_analyzer *analyzer;
    void *table_memory;
    struct ss_flow_table table;
    uint8_t *ring_memory[4];
    struct ss_history recent, kept;
    struct ss_bench_floor floor;
    uint64_t sum; /* of what decode found, so that it is found */
    uint64_t news, fed;

    struct ss_bench_time times[SS_BENCH_LANE_COUNT][SS_BENCH_ROUNDS_MAX];
};

/* Memory for all of it. NULL: there is not enough. number: of the worker, for its seed. */
struct ss_bench_worker *ss_bench_worker_create(const struct ss_bench_profile *profile,
                                               const struct ss_bench_options *options,
                                               const struct ss_bench_templates *templates, unsigned number);
void ss_bench_worker_free(struct ss_bench_worker *worker);

/* Opens the established connections and warms up. */
void ss_bench_worker_prepare(struct ss_bench_worker *worker);
/* A round is begun once, and then run for each of the lanes. */
void ss_bench_worker_begin(struct ss_bench_worker *worker);
void ss_bench_worker_run(struct ss_bench_worker *worker, enum ss_bench_lane lane, unsigned round);

/* Nanoseconds that a lane takes for the first count frames of the chunk. */
uint64_t ss_bench_lane_run(struct ss_bench_worker *worker, enum ss_bench_lane lane, unsigned count);

const char *ss_bench_lane_name(enum ss_bench_lane lane);
