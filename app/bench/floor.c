// SPDX-License-Identifier: BSD-3-Clause

#include "floor.h"

#include "source.h"

#include <string.h>

static uint32_t load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

/* The same for both directions, from the addresses' last words and the ports. */
static uint64_t hash_of(const uint8_t *frame)
{
    const uint8_t *ip = frame + (frame[12] == 0x81 ? 18 : 14);
    bool is_v6 = ip[0] >> 4 == 6;
    const uint8_t *addresses = ip + (is_v6 ? 20 : 12);
    uint32_t ports = load32(ip + (is_v6 ? 40 : 20));
    uint32_t both = load32(addresses) ^ load32(addresses + (is_v6 ? 16 : 4));

    return ((uint64_t)both << 16 ^ (ports ^ ports >> 16)) * 0x9e3779b97f4a7c15ULL;
}

static void copy(struct ss_bench_floor_ring *ring, const struct ss_frame *frame)
{
    if (ring->at + frame->captured > ring->bytes)
        ring->at = 0;
    memcpy(ring->memory + ring->at, frame->data, frame->captured);
    ring->at += frame->captured;
}

void ss_bench_floor_burst(struct ss_bench_floor *floor, const struct ss_frame *frames, const uint8_t *marks,
                          unsigned count)
{
    const uint8_t *bucket[SS_BENCH_BURST];
    uint8_t *entry[SS_BENCH_BURST];

    for (unsigned i = 0; i < count; i++)
        __builtin_prefetch(frames[i].data);
    for (unsigned i = 0; i < count; i++) {
        uint64_t hash = hash_of(frames[i].data);
        bucket[i] = floor->buckets + (hash >> 20 & floor->bucket_mask) * 64;
        entry[i] = floor->entries + ((hash >> 32) * floor->entry_count >> 32) * 128;
        __builtin_prefetch(bucket[i]);
        __builtin_prefetch(entry[i], 1);
    }
    for (unsigned i = 0; i < count; i++) {
        uint32_t seen_ms = (uint32_t)frames[i].time_ns;
        floor->sum += load32(bucket[i]) + load32(entry[i]);
        memcpy(entry[i] + floor->seen_at, &seen_ms, sizeof(seen_ms));
        copy(&floor->recent, &frames[i]);
        if (marks[i] & SS_BENCH_KEPT)
            copy(&floor->kept, &frames[i]);
    }
}
