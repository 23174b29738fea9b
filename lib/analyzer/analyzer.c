// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/analyzer.h"

#include "analyzer/state.h"

#define PREFETCH_AHEAD 4                  /* frames whose headers are on their way while one is decoded */
#define TIME_MAX_NS    (INT64_C(1) << 62) /* the year 2116; so that no difference of two times overflows */
#define BEHIND_MAX_NS  (60 * 1000000000LL)

/* Handshakes under way at once: a sixteenth of the connections. */
static uint32_t handshakes_max(const struct ss_analyzer_config *config)
{
    uint32_t count = config->flows_max / 16;
    return count < 1024 ? 1024 : count;
}

/* Hellos in several segments at once, and segments out of order: few of the handshakes under way. */
static uint32_t hellos_max(const struct ss_analyzer_config *config)
{
    uint32_t count = handshakes_max(config) / 64;
    return count < 64 ? 64 : count > 4096 ? 4096 : count;
}

static uint32_t segments_max(const struct ss_analyzer_config *config)
{
    return hellos_max(config) * 8;
}

static size_t aligned(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static size_t handshake_block_bytes(void)
{
    return aligned(sizeof(struct ss_handshake));
}

size_t ss_analyzer_bytes(const struct ss_analyzer_config *config)
{
    return aligned(sizeof(struct ss_analyzer)) + ss_flow_table_bytes(config->flows_max) +
           handshakes_max(config) * handshake_block_bytes() +
           (size_t)hellos_max(config) * SS_TLS_BLOCK_BYTES +
           (size_t)segments_max(config) * SS_STREAM_BLOCK_BYTES + aligned(config->handshakes_bytes) +
           aligned(config->recent_bytes);
}

/* The next bytes of the memory that ss_analyzer_bytes counted. */
static void *carve(unsigned char **memory, size_t bytes)
{
    void *carved = *memory;
    *memory += aligned(bytes);
    return carved;
}

struct ss_analyzer *ss_analyzer_create(const struct ss_analyzer_config *config, void *memory)
{
    unsigned char *rest = memory;
    struct ss_analyzer *analyzer = carve(&rest, sizeof(*analyzer));
    uint32_t handshakes = handshakes_max(config);

    analyzer->config = *config;
    ss_flow_table_init(&analyzer->flows, carve(&rest, ss_flow_table_bytes(config->flows_max)),
                       config->flows_max, config->hash_seed);
    ss_pool_init(&analyzer->handshakes, carve(&rest, handshakes * handshake_block_bytes()),
                 handshake_block_bytes(), handshakes);
    ss_pool_init(&analyzer->pools.hellos, carve(&rest, (size_t)hellos_max(config) * SS_TLS_BLOCK_BYTES),
                 SS_TLS_BLOCK_BYTES, hellos_max(config));
    ss_pool_init(&analyzer->pools.segments,
                 carve(&rest, (size_t)segments_max(config) * SS_STREAM_BLOCK_BYTES), SS_STREAM_BLOCK_BYTES,
                 segments_max(config));
    ss_history_init(&analyzer->kept, carve(&rest, config->handshakes_bytes), config->handshakes_bytes,
                    config->snaplen);
    ss_history_init(&analyzer->recent, carve(&rest, config->recent_bytes), config->recent_bytes,
                    config->snaplen);
    return analyzer;
}

/* ---- the passes over a burst */

static bool is_watched(const struct ss_analyzer *analyzer, const struct ss_packet *packet)
{
    const uint8_t *ports = analyzer->config.ports;
    uint16_t to = packet->destination_port, from = packet->source_port;

    return ports == NULL || ports[to >> 3] >> (to & 7) & 1 || ports[from >> 3] >> (from & 7) & 1;
}

/* What a capture file says may be any number. */
static int64_t sane_time(int64_t time_ns)
{
    if (time_ns < 0)
        return 0;
    return time_ns < TIME_MAX_NS ? time_ns : TIME_MAX_NS;
}

/* The newest time, by which everything ages. A leap ahead is believed of a client that opens a
 * connection, or when the next frame agrees: capture files have been seen with single packets of another
 * year. */
static void advance(struct ss_analyzer *analyzer, int64_t time_ns, const struct ss_packet *packet)
{
    bool is_leap = analyzer->now_ns > 0 && time_ns - analyzer->now_ns > SS_LEAP_NS;
    bool is_believed =
        !is_leap || analyzer->has_leapt || (packet != NULL && ss_connection_is_opening(packet));

    if (time_ns > analyzer->now_ns && is_believed)
        analyzer->now_ns = time_ns;
    analyzer->has_leapt = is_leap;
}

/* A packet's own time, but for what a file claims that was put together in another order: no older than is
 * out of order by chance, and no newer than believed. */
static int64_t age_of(const struct ss_analyzer *analyzer, int64_t time_ns)
{
    if (time_ns > analyzer->now_ns)
        return analyzer->now_ns;
    return analyzer->now_ns - time_ns < BEHIND_MAX_NS ? time_ns : analyzer->now_ns - BEHIND_MAX_NS;
}

/* Frames to packets with keys; what is not for us is counted and left out. Returns how many are left. */
static unsigned decode(struct ss_analyzer *analyzer, const struct ss_frame *frames, unsigned count)
{
    struct ss_burst *burst = &analyzer->burst;
    struct ss_analyzer_counters *counters = &analyzer->counters;
    unsigned kept = 0;

    for (unsigned i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count)
            __builtin_prefetch(frames[i + PREFETCH_AHEAD].data);
        counters->received_bytes += frames[i].wire;
        counters->truncated_frames += frames[i].captured < frames[i].wire;
        burst->time_ns[kept] = sane_time(frames[i].time_ns);
        enum ss_refusal refusal = ss_packet_decode(&frames[i], &burst->packet[kept]);
        advance(analyzer, burst->time_ns[kept], refusal == SS_REFUSED_NOTHING ? &burst->packet[kept] : NULL);
        burst->age_ns[kept] = age_of(analyzer, burst->time_ns[kept]);
        if (refusal == SS_REFUSED_NOTHING && !is_watched(analyzer, &burst->packet[kept]))
            refusal = SS_REFUSED_NOT_WATCHED;
        if (refusal != SS_REFUSED_NOTHING) {
            counters->refused[refusal]++;
            continue;
        }
        burst->frame[kept] = &frames[i];
        burst->key[kept] = ss_flow_key_of(&burst->packet[kept], &burst->from_first[kept]);
        burst->hash[kept] = ss_flow_hash(&burst->key[kept], analyzer->flows.seed);
        ss_flow_prefetch(&analyzer->flows, burst->hash[kept]);
        kept++;
    }
    counters->received_packets += count;
    return kept;
}

static void look_up(struct ss_analyzer *analyzer, unsigned count)
{
    struct ss_burst *burst = &analyzer->burst;

    for (unsigned i = 0; i < count; i++) {
        burst->flow[i] = ss_flow_candidate(&analyzer->flows, burst->hash[i]);
        if (burst->flow[i] != SS_FLOW_NONE)
            __builtin_prefetch(ss_flow_at(&analyzer->flows, burst->flow[i]), 1);
    }
}

void ss_analyzer_feed(struct ss_analyzer *analyzer, const struct ss_frame *frames, unsigned count)
{
    unsigned kept = decode(analyzer, frames, count);

    look_up(analyzer, kept);
    for (unsigned i = 0; i < kept; i++)
        ss_connection_packet(analyzer, i);
    analyzer->counters.hellos_full = analyzer->pools.hellos.refusals;
    ss_upkeep(analyzer);
    analyzer->has_fed = true;
}

void ss_analyzer_tick(struct ss_analyzer *analyzer, int64_t now_ns)
{
    if (sane_time(now_ns) > analyzer->now_ns)
        analyzer->now_ns = sane_time(now_ns);
    if (!analyzer->has_fed)
        ss_upkeep(analyzer);
    analyzer->has_fed = false;
}

bool ss_analyzer_flush(struct ss_analyzer *analyzer)
{
    return ss_upkeep_flush(analyzer);
}

void ss_analyzer_set_slow(struct ss_analyzer *analyzer, const struct ss_slow *slow)
{
    analyzer->config.slow = *slow;
}

const struct ss_analyzer_counters *ss_analyzer_counters(const struct ss_analyzer *analyzer)
{
    return &analyzer->counters;
}

const struct ss_histogram *ss_analyzer_phases(const struct ss_analyzer *analyzer, bool resumed)
{
    return analyzer->phases[resumed];
}

void ss_analyzer_gauges(const struct ss_analyzer *analyzer, struct ss_analyzer_gauges *ret_gauges)
{
    struct ss_analyzer_gauges gauges = {.flows = analyzer->flows.entries.used,
                                        .flows_max = analyzer->flows.entries.blocks,
                                        .handshakes_open = analyzer->handshakes.used,
                                        .handshakes_max = analyzer->handshakes.blocks,
                                        .handshakes_ring_bytes = analyzer->kept.bytes,
                                        .recent_ring_bytes = analyzer->recent.bytes};

    ss_history_oldest(&analyzer->kept, &gauges.handshakes_oldest_ns);
    ss_history_oldest(&analyzer->recent, &gauges.recent_oldest_ns);
    *ret_gauges = gauges;
}
