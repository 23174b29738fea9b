// SPDX-License-Identifier: BSD-3-Clause

/* The lanes that measure the analyzer, whole and in parts. Each part does what analyzer.c does there. */

#include "packet/packet.h"
#include "ticks.h"
#include "worker.h"

#define DECODE_AHEAD 4

/* ---- the whole */

/* As an analyzer lcore's turn: worker.c of the appliance. */
static void whole(struct ss_bench_worker *worker, const struct ss_frame *frames, unsigned count)
{
    struct ss_news news;

    worker->fed += count;
    ss_analyzer_feed(worker->analyzer, frames, count);
    ss_analyzer_tick(worker->analyzer, frames[count - 1].time_ns);
    while (ss_analyzer_next(worker->analyzer, &news))
        worker->news += news.packets > 0;
}

/* ---- parts */

static void decode(const struct ss_frame *frames, struct ss_packet *packets, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (i + DECODE_AHEAD < count)
            __builtin_prefetch(frames[i + DECODE_AHEAD].data);
        ss_packet_decode(&frames[i], NULL, &packets[i]);
    }
}

static void decode_only(struct ss_bench_worker *worker, const struct ss_frame *frames, unsigned count)
{
    struct ss_packet packets[SS_BENCH_BURST];

    decode(frames, packets, count);
    for (unsigned i = 0; i < count; i++)
        worker->sum += packets[i].payload_bytes + packets[i].seq;
}

/* Another one's tag, or opened or given away within this burst. */
static bool is_stale(const struct ss_flow_table *table, uint32_t number, const struct ss_flow_key *key)
{
    if (number == SS_FLOW_NONE)
        return true;
    const struct ss_flow *flow = ss_flow_at(table, number);
    return flow->state == SS_FLOW_FREE || !ss_flow_key_equal(&flow->key, key);
}

static void touch(struct ss_bench_worker *worker, const struct ss_flow_key *key, uint64_t hash,
                  uint32_t number, const struct ss_frame *frame, uint8_t marks)
{
    if (is_stale(&worker->table, number, key))
        number = ss_flow_find(&worker->table, key, hash);
    if (number == SS_FLOW_NONE)
        number = ss_flow_add(&worker->table, key, hash);
    if (number == SS_FLOW_NONE)
        return;
    ss_flow_at(&worker->table, number)->last_seen_ms = (uint32_t)frame->time_ns;
    if (marks & SS_BENCH_LAST)
        ss_flow_remove(&worker->table, number);
}

static void decode_and_look_up(struct ss_bench_worker *worker, const struct ss_frame *frames,
                               const uint8_t *marks, unsigned count)
{
    struct ss_packet packets[SS_BENCH_BURST];
    struct ss_flow_key keys[SS_BENCH_BURST];
    uint64_t hashes[SS_BENCH_BURST];
    uint32_t numbers[SS_BENCH_BURST];
    bool from_first;

    decode(frames, packets, count);
    for (unsigned i = 0; i < count; i++) {
        keys[i] = ss_flow_key_of(&packets[i], NULL, &from_first);
        hashes[i] = ss_flow_hash(&keys[i], worker->table.seed);
    }
    ss_flow_prefetch(&worker->table, hashes, count);
    ss_flow_candidates(&worker->table, hashes, count, numbers);
    for (unsigned i = 0; i < count; i++)
        touch(worker, &keys[i], hashes[i], numbers[i], &frames[i], marks[i]);
}

static void keep(struct ss_bench_worker *worker, const struct ss_frame *frames, const uint8_t *marks,
                 unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        __builtin_prefetch(frames[i].data);
    for (unsigned i = 0; i < count; i++) {
        ss_history_append(&worker->recent, &frames[i], i, SS_HISTORY_NONE);
        if (marks[i] & SS_BENCH_KEPT)
            ss_history_append(&worker->kept, &frames[i], i, SS_HISTORY_NONE);
    }
}

/* ---- */

static void burst(struct ss_bench_worker *worker, enum ss_bench_lane lane, const struct ss_frame *frames,
                  const uint8_t *marks, unsigned count)
{
    switch (lane) {
    case SS_BENCH_FLOOR:
        ss_bench_floor_burst(&worker->floor, frames, marks, count);
        break;
    case SS_BENCH_WHOLE:
        whole(worker, frames, count);
        break;
    case SS_BENCH_DECODE:
        decode_only(worker, frames, count);
        break;
    case SS_BENCH_FLOW:
        decode_and_look_up(worker, frames, marks, count);
        break;
    case SS_BENCH_HISTORY:
        keep(worker, frames, marks, count);
        break;
    case SS_BENCH_LANE_COUNT:
        break;
    }
}

uint64_t ss_bench_lane_run(struct ss_bench_worker *worker, enum ss_bench_lane lane, unsigned count)
{
    uint64_t from = ss_bench_thread_ns();

    for (unsigned i = 0; i < count; i += SS_BENCH_BURST) {
        unsigned left = count - i;
        burst(worker, lane, worker->frames + i, worker->marks + i,
              left < SS_BENCH_BURST ? left : SS_BENCH_BURST);
    }
    return ss_bench_thread_ns() - from;
}

const char *ss_bench_lane_name(enum ss_bench_lane lane)
{
    static const char *const names[] = {[SS_BENCH_FLOOR] = "floor",
                                        [SS_BENCH_WHOLE] = "whole",
                                        [SS_BENCH_DECODE] = "decode",
                                        [SS_BENCH_FLOW] = "flow",
                                        [SS_BENCH_HISTORY] = "history"};
    return names[lane];
}
