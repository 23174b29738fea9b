// SPDX-License-Identifier: BSD-3-Clause

#include "worker.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES  (4u << 20) /* of cache lines of frames */
#define BUFFER_BYTES 2368u      /* 37 lines: an element of DPDK's usual pool, its mbuf included */
#define BUFFERS_MAX  65536u
#define DATA_AT      320u /* behind the pool's header, the mbuf and its headroom */
#define HASH_SEED    0x5106571a4eULL
#define BLOCK_SHARE  20 /* connections for each in its handshake: the analyzer has blocks for a 16th */

_Static_assert(DATA_AT + SS_BENCH_FRAME_MAX <= BUFFER_BYTES, "a frame fits behind its headroom");
_Static_assert(sizeof(struct ss_flow) <= 128, "bytes of a connection after its handshake");

/* ---- memory */

static uint32_t scaled(uint32_t value, uint32_t wanted, uint32_t standard)
{
    return (uint32_t)((uint64_t)value * wanted / standard);
}

/* A smaller profile is also slower, so that as many seconds' connections are in its smaller table. */
static void scale(struct ss_bench_profile *profile, uint32_t wanted, uint32_t standard)
{
    profile->flows_max = scaled(profile->flows_max, wanted, standard);
    profile->burst_ns = scaled(profile->burst_ns, standard, wanted);
}

static void apply_options(struct ss_bench_profile *profile, const struct ss_bench_options *options)
{
    if (options->flows > 0 && profile->flows > 0) {
        scale(profile, options->flows, profile->flows);
        profile->flows = options->flows;
    }
    if (options->open > 0 && profile->open > 0) {
        if (profile->flows == 0)
            scale(profile, options->open, profile->open);
        profile->warm_frames = scaled(profile->warm_frames, options->open, profile->open);
        profile->open = options->open;
    }
    if (profile->flows_max / BLOCK_SHARE < profile->open)
        profile->flows_max = profile->open * BLOCK_SHARE;
    if (options->frames > 0)
        profile->frames = options->frames;
}

static struct ss_analyzer_config config_of(const struct ss_bench_worker *worker)
{
    struct ss_analyzer_config config = {.clock = SS_CLOCK_FILE,
                                        .flows_max = worker->profile.flows_max,
                                        .per_flow_bytes = worker->per_flow_bytes,
                                        .handshakes_bytes = worker->options->handshakes_bytes,
                                        .recent_bytes = worker->options->recent_bytes,
                                        .snaplen = 65535,
                                        .hash_seed = HASH_SEED};
    ss_slow_init(&config.slow);
    config.slow.handshake_ns = 300000000;
    return config;
}

static bool take_analyzer(struct ss_bench_worker *worker)
{
    struct ss_analyzer_config config = config_of(worker);

    worker->analyzer_bytes = ss_analyzer_bytes(&config);
    worker->analyzer_memory = ss_bench_memory_take(&worker->memory, worker->analyzer_bytes);
    if (worker->analyzer_memory == NULL)
        return false;
    worker->analyzer = ss_analyzer_create(&config, worker->analyzer_memory);
    return true;
}

static bool take_table(struct ss_bench_worker *worker)
{
    uint32_t flows_max = worker->profile.flows_max;

    worker->table_bytes = ss_flow_table_bytes(flows_max);
    worker->table_memory = ss_bench_memory_take(&worker->memory, worker->table_bytes);
    if (worker->table_memory == NULL)
        return false;
    ss_flow_table_init(&worker->table, worker->table_memory, flows_max, HASH_SEED);
    /* The floor touches the same memory where the table's order does not suffer: last_seen_ms. */
    worker->floor.buckets = (uint8_t *)worker->table.buckets;
    worker->floor.bucket_mask = worker->table.bucket_mask;
    worker->floor.entries = ss_pool_at(&worker->table.entries, 0);
    worker->floor.entry_count = worker->profile.flows + worker->profile.open;
    if (worker->floor.entry_count > flows_max)
        worker->floor.entry_count = flows_max;
    worker->floor.seen_at = offsetof(struct ss_flow, last_seen_ms);
    return true;
}

static bool take_rings(struct ss_bench_worker *worker)
{
    uint64_t bytes[2] = {worker->options->recent_bytes, worker->options->handshakes_bytes};

    for (unsigned i = 0; i < 4; i++) {
        worker->ring_memory[i] = ss_bench_memory_take(&worker->memory, bytes[i % 2]);
        if (worker->ring_memory[i] == NULL)
            return false;
    }
    ss_history_init(&worker->recent, worker->ring_memory[0], bytes[0], 65535);
    ss_history_init(&worker->kept, worker->ring_memory[1], bytes[1], 65535);
    worker->floor.recent = (struct ss_bench_floor_ring){.memory = worker->ring_memory[2], .bytes = bytes[0]};
    worker->floor.kept = (struct ss_bench_floor_ring){.memory = worker->ring_memory[3], .bytes = bytes[1]};
    return true;
}

static bool take_frames(struct ss_bench_worker *worker)
{
    uint32_t mean = worker->profile.mean_bytes > 0 ? worker->profile.mean_bytes : 64;

    if (worker->profile.handshakes_share >= 500)
        mean = 192;
    worker->chunk = CHUNK_BYTES / ((mean + 63) & ~63u) / SS_BENCH_BURST * SS_BENCH_BURST;
    if (worker->chunk > BUFFERS_MAX)
        worker->chunk = BUFFERS_MAX;
    worker->buffer_bytes = (size_t)worker->chunk * BUFFER_BYTES;
    worker->frame_bytes = worker->chunk * (sizeof(struct ss_frame) + sizeof(uint8_t));
    worker->slot_bytes = (size_t)2 * (worker->profile.open + 1) * sizeof(struct ss_bench_slot);
    worker->buffers = ss_bench_memory_take(&worker->memory, worker->buffer_bytes);
    worker->frames = ss_bench_memory_take(&worker->memory, worker->frame_bytes);
    worker->slots = ss_bench_memory_take(&worker->memory, worker->slot_bytes);
    if (worker->buffers == NULL || worker->frames == NULL || worker->slots == NULL)
        return false;
    worker->marks = (uint8_t *)(worker->frames + worker->chunk);
    worker->begin_slots = worker->slots + worker->profile.open;
    return true;
}

struct ss_bench_worker *ss_bench_worker_create(const struct ss_bench_profile *profile,
                                               const struct ss_bench_options *options,
                                               const struct ss_bench_templates *templates, unsigned number)
{
    struct ss_bench_worker *worker = calloc(1, sizeof(*worker));

    if (worker == NULL)
        return NULL;
    worker->profile = *profile;
    worker->options = options;
    worker->templates = templates;
    worker->memory.wanted = options->pages;
    worker->per_flow_bytes = options->per_flow_bytes;
    if (worker->per_flow_bytes == 0)
        worker->per_flow_bytes = ss_bench_source_quota(templates);
    apply_options(&worker->profile, options);
    if (!take_analyzer(worker) || !take_table(worker) || !take_rings(worker) || !take_frames(worker)) {
        ss_bench_worker_free(worker);
        return NULL;
    }
    ss_bench_source_init(&worker->source, &worker->profile, templates, worker->slots, options->seed + number);
    return worker;
}

void ss_bench_worker_free(struct ss_bench_worker *worker)
{
    ss_bench_memory_free(worker->analyzer_memory, worker->analyzer_bytes);
    ss_bench_memory_free(worker->table_memory, worker->table_bytes);
    for (unsigned i = 0; i < 4; i++)
        ss_bench_memory_free(worker->ring_memory[i],
                             i % 2 == 0 ? worker->options->recent_bytes : worker->options->handshakes_bytes);
    ss_bench_memory_free(worker->buffers, worker->buffer_bytes);
    ss_bench_memory_free(worker->frames, worker->frame_bytes);
    ss_bench_memory_free(worker->slots, worker->slot_bytes);
    free(worker);
}

/* ---- chunks */

static uint8_t *buffer_at(const struct ss_bench_worker *worker, unsigned i)
{
    return worker->buffers + (size_t)i * BUFFER_BYTES + DATA_AT;
}

static void make_chunk(struct ss_bench_worker *worker, unsigned count)
{
    uint8_t always = worker->options->per_flow_bytes > 0 ? SS_BENCH_KEPT : 0;

    for (unsigned i = 0; i < count; i++)
        worker->marks[i] =
            always | ss_bench_source_next(&worker->source, buffer_at(worker, i), &worker->frames[i]);
}

/* The lanes that have to know the connections. */
static void feed_untimed(struct ss_bench_worker *worker, unsigned count)
{
    if (worker->options->lanes[SS_BENCH_WHOLE])
        ss_bench_lane_run(worker, SS_BENCH_WHOLE, count);
    if (worker->options->lanes[SS_BENCH_FLOW])
        ss_bench_lane_run(worker, SS_BENCH_FLOW, count);
}

static void open_flows(struct ss_bench_worker *worker)
{
    unsigned count;

    do {
        count = 0;
        while (count < worker->chunk &&
               ss_bench_source_open(&worker->source, buffer_at(worker, count), &worker->frames[count]))
            worker->marks[count++] = 0;
        feed_untimed(worker, count);
    } while (count == worker->chunk);
}

void ss_bench_worker_prepare(struct ss_bench_worker *worker)
{
    open_flows(worker);
    for (uint32_t done = 0; done < worker->profile.warm_frames; done += worker->chunk) {
        make_chunk(worker, worker->chunk);
        feed_untimed(worker, worker->chunk);
    }
}

/* ---- rounds */

void ss_bench_worker_begin(struct ss_bench_worker *worker)
{
    worker->begin = worker->source;
    memcpy(worker->begin_slots, worker->slots, worker->profile.open * sizeof(*worker->slots));
}

static uint64_t bytes_of(const struct ss_bench_worker *worker, unsigned count)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < count; i++)
        bytes += worker->frames[i].captured;
    return bytes;
}

void ss_bench_worker_run(struct ss_bench_worker *worker, enum ss_bench_lane lane, unsigned round)
{
    struct ss_bench_time time = {.frames = worker->profile.frames};

    worker->source = worker->begin;
    memcpy(worker->slots, worker->begin_slots, worker->profile.open * sizeof(*worker->slots));
    for (uint32_t left = worker->profile.frames; left > 0;) {
        unsigned count = left < worker->chunk ? left : worker->chunk;
        make_chunk(worker, count);
        time.bytes += bytes_of(worker, count);
        time.ns += ss_bench_lane_run(worker, lane, count);
        left -= count;
    }
    time.handshakes = worker->source.completed - worker->begin.completed;
    worker->times[lane][round] = time;
}
