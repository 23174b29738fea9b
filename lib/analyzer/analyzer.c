// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/analyzer.h"

#include "analyzer/state.h"

#define CACHE_LINE       64
#define PREFETCH_AHEAD   4 /* frames whose headers are on their way while one is decoded, and */
#define HANDSHAKES_AHEAD 2 /* packets whose handshakes are, while one is measured (bench: handshakes) */
#define KEYS_TOGETHER    8 /* keys that are made before their buckets are fetched (bench: min64, mix) */

_Static_assert(SS_BURST_MAX <= SS_FLOW_BURST_MAX, "a burst is looked up at once");

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

/* A mirror that loses a lot, or a storm on the network, troubles them all. */
static uint32_t troubles_max(const struct ss_analyzer_config *config)
{
    return handshakes_max(config) / 4;
}

/* A handshake of more packets than most have is as rare. */
static uint32_t mores_max(const struct ss_analyzer_config *config)
{
    return handshakes_max(config) / 4;
}

static size_t aligned(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

/* An odd number of cache lines: where the same line of each block falls into the same few sets of a cache it
 * is slower by 3 % (bench: handshakes). */
static size_t handshake_block_bytes(void)
{
    return aligned(sizeof(struct ss_handshake)) | CACHE_LINE;
}

size_t ss_analyzer_bytes(const struct ss_analyzer_config *config)
{
    return aligned(sizeof(struct ss_analyzer)) + ss_flow_table_bytes(config->flows_max) +
           handshakes_max(config) * handshake_block_bytes() +
           aligned(handshakes_max(config) * sizeof(struct ss_told)) +
           aligned(troubles_max(config) * sizeof(struct ss_trouble)) +
           aligned(mores_max(config) * sizeof(struct ss_more)) +
           (size_t)hellos_max(config) * SS_TLS_BLOCK_BYTES +
           (size_t)segments_max(config) * SS_STREAM_BLOCK_BYTES +
           aligned(hellos_max(config) * sizeof(struct ss_handshake *)) +
           aligned(segments_max(config) * sizeof(struct ss_handshake *)) + aligned(ss_fragments_bytes()) +
           aligned(config->handshakes_bytes) + aligned(config->recent_bytes);
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
    analyzer->leap_ns = config->disorder_ns > 0 ? config->disorder_ns : SS_LEAP_NS;
    ss_flow_table_init(&analyzer->flows, carve(&rest, ss_flow_table_bytes(config->flows_max)),
                       config->flows_max, config->hash_seed);
    ss_pool_init(&analyzer->handshakes, carve(&rest, handshakes * handshake_block_bytes()),
                 handshake_block_bytes(), handshakes);
    analyzer->told = carve(&rest, handshakes * sizeof(struct ss_told));
    ss_pool_init(&analyzer->pools.troubles, carve(&rest, troubles_max(config) * sizeof(struct ss_trouble)),
                 sizeof(struct ss_trouble), troubles_max(config));
    ss_pool_init(&analyzer->pools.mores, carve(&rest, mores_max(config) * sizeof(struct ss_more)),
                 sizeof(struct ss_more), mores_max(config));
    ss_pool_init(&analyzer->pools.hellos, carve(&rest, (size_t)hellos_max(config) * SS_TLS_BLOCK_BYTES),
                 SS_TLS_BLOCK_BYTES, hellos_max(config));
    ss_pool_init(&analyzer->pools.segments,
                 carve(&rest, (size_t)segments_max(config) * SS_STREAM_BLOCK_BYTES), SS_STREAM_BLOCK_BYTES,
                 segments_max(config));
    analyzer->pools.hello_borrowers.of = carve(&rest, hellos_max(config) * sizeof(struct ss_handshake *));
    analyzer->pools.segment_borrowers.of = carve(&rest, segments_max(config) * sizeof(struct ss_handshake *));
    analyzer->fragments = ss_fragments_create(carve(&rest, ss_fragments_bytes()));
    ss_history_init(&analyzer->kept, carve(&rest, config->handshakes_bytes), config->handshakes_bytes,
                    config->snaplen);
    ss_history_init(&analyzer->recent, carve(&rest, config->recent_bytes), config->recent_bytes,
                    config->snaplen);
    return analyzer;
}

/* ---- the passes over a burst */

static inline bool is_watched(const struct ss_analyzer *analyzer, const struct ss_packet *packet)
{
    const uint8_t *ports = analyzer->config.ports;
    uint16_t to = packet->destination_port, from = packet->source_port;

    return ports == NULL || ports[to >> 3] >> (to & 7) & 1 || ports[from >> 3] >> (from & 7) & 1;
}

/* The newest time, by which everything ages. A leap ahead is believed of ss_analyzer_tick() alone: capture
 * files have been seen with single packets of another year. */
static void advance(struct ss_analyzer *analyzer, int64_t time_ns)
{
    int64_t ahead_ns = time_ns - analyzer->now_ns;

    if (ahead_ns > 0 && (ahead_ns <= analyzer->leap_ns || analyzer->now_ns == 0))
        analyzer->now_ns = time_ns;
}

/* A packet's own time, but for one that lies: no older than frames are out of order, and no newer than
 * believed. */
static int64_t age_of(const struct ss_analyzer *analyzer, int64_t time_ns)
{
    int64_t oldest_ns = analyzer->now_ns - analyzer->config.disorder_ns;

    if (time_ns > analyzer->now_ns)
        return analyzer->now_ns;
    return time_ns > oldest_ns ? time_ns : oldest_ns;
}

/* SS_REFUSED_NOTHING: counted, or the fate of so many frames. */
static void count_frames(struct ss_analyzer *analyzer, enum ss_refusal refused, unsigned frames)
{
    struct ss_analyzer_counters *counters = &analyzer->counters;

    if (refused == SS_REFUSED_NOTHING)
        counters->analyzed_packets += frames;
    else
        counters->refused[refused] += frames;
}

/* Whoever calls it counts received_packets, where possible once a burst. */
static void count_bytes(struct ss_analyzer *analyzer, const struct ss_frame *frame)
{
    analyzer->counters.received_bytes += frame->wire;
    analyzer->counters.truncated_frames += frame->captured < frame->wire;
}

/* By groups: the buckets of one are on their way while the keys of the next are made. */
static void take_keys(struct ss_analyzer *analyzer, unsigned count)
{
    struct ss_burst *burst = &analyzer->burst;

    for (unsigned begin = 0, end; begin < count; begin = end) {
        end = begin + KEYS_TOGETHER < count ? begin + KEYS_TOGETHER : count;
        for (unsigned i = begin; i < end; i++) {
            burst->key[i] = ss_flow_key_of(&burst->packet[i], analyzer->config.packet, &burst->from_first[i]);
            burst->hash[i] = ss_flow_hash(&burst->key[i], analyzer->flows.seed);
        }
        ss_flow_prefetch(&analyzer->flows, &burst->hash[begin], end - begin);
    }
}

static void take_times(struct ss_analyzer *analyzer, unsigned i, int64_t time_ns)
{
    struct ss_burst *burst = &analyzer->burst;

    burst->time_ns[i] = time_ns;
    burst->age_ns[i] = age_of(analyzer, time_ns);
    burst->age_ms[i] = ss_ms_of(burst->age_ns[i]);
}

/* Headers with options, or of a tunnel, reach into the second line. Always inlined, as all that only
 * prefetches: gcc 12 takes a call of it for one that does nothing, and leaves it out. */
static inline __attribute__((always_inline)) void prefetch_frame(const struct ss_frame *frame)
{
    __builtin_prefetch(frame->data);
    if (frame->captured > CACHE_LINE)
        __builtin_prefetch(frame->data + CACHE_LINE);
}

/* Frames to packets; what is not for us is counted and left out. Returns how many are left. Stops
 * at a fragment: *ret_taken are the frames before it. */
static unsigned decode(struct ss_analyzer *analyzer, const struct ss_frame *frames, unsigned count,
                       unsigned *ret_taken)
{
    struct ss_burst *burst = &analyzer->burst;
    unsigned kept = 0, i;

    for (i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count)
            prefetch_frame(&frames[i + PREFETCH_AHEAD]);
        int64_t time_ns = ss_frame_time(frames[i].time_ns);
        enum ss_refusal refused = ss_packet_decode(&frames[i], analyzer->config.packet, &burst->packet[kept]);
        if (refused == SS_REFUSED_FRAGMENT)
            break;
        count_bytes(analyzer, &frames[i]);
        advance(analyzer, time_ns);
        if (refused == SS_REFUSED_NOTHING && !is_watched(analyzer, &burst->packet[kept]))
            refused = SS_REFUSED_NOT_WATCHED;
        if (refused != SS_REFUSED_NOTHING) {
            count_frames(analyzer, refused, 1);
            continue;
        }
        burst->frame[kept] = &frames[i];
        take_times(analyzer, kept, time_ns);
        kept++;
    }
    analyzer->counters.received_packets += i;
    *ret_taken = i;
    return kept;
}

/* The block of the handshake that the packet is of, as far as its flow is known, and the rest of its frame,
 * which is both read and kept (bench: handshakes). */
static inline __attribute__((always_inline)) void prefetch_handshake(const struct ss_analyzer *analyzer,
                                                                     unsigned i)
{
    uint32_t number = analyzer->burst.flow[i];
    const struct ss_flow *flow = number == SS_FLOW_NONE ? NULL : ss_flow_at(&analyzer->flows, number);

    if (flow == NULL || flow->state != SS_FLOW_OPEN)
        return;
    __builtin_prefetch((const char *)flow + CACHE_LINE, 1);
    const struct ss_handshake *handshake = ss_pool_at(&analyzer->handshakes, flow->handshake);
#pragma GCC unroll 16
    for (unsigned at = 0; at < sizeof(*handshake); at += CACHE_LINE)
        __builtin_prefetch((const char *)handshake + at, 1);
    const struct ss_frame *frame = analyzer->burst.frame[i];
    for (uint32_t at = 2 * CACHE_LINE; at < frame->captured; at += CACHE_LINE)
        __builtin_prefetch(frame->data + at);
}

/* Returns how many of the frames it took: all, or those before the first fragment. */
static unsigned feed_packets(struct ss_analyzer *analyzer, const struct ss_frame *frames, unsigned count)
{
    unsigned taken, kept = decode(analyzer, frames, count, &taken), analyzed = 0;

    take_keys(analyzer, kept);
    ss_flow_candidates(&analyzer->flows, analyzer->burst.hash, kept, analyzer->burst.flow);
    for (unsigned i = 0; i < kept; i++) {
        if (i + HANDSHAKES_AHEAD < kept)
            prefetch_handshake(analyzer, i + HANDSHAKES_AHEAD);
        enum ss_refusal refused = ss_connection_packet(analyzer, i);
        if (refused == SS_REFUSED_NOTHING)
            analyzed++;
        else
            analyzer->counters.refused[refused]++;
    }
    analyzer->counters.analyzed_packets += analyzed;
    return taken;
}

/* ---- fragments */

/* A datagram is a packet as any other, but for its frames. */
static enum ss_refusal feed_whole(struct ss_analyzer *analyzer, const struct ss_datagram *datagram)
{
    struct ss_burst *burst = &analyzer->burst;
    enum ss_refusal refused = ss_packet_decode_within(
        &datagram->whole, datagram->encap, datagram->encap_count, analyzer->config.packet, &burst->packet[0]);

    if (refused == SS_REFUSED_FRAGMENT) /* in one that was put together: no sender does that */
        return SS_REFUSED_FRAGMENT_EXCESS;
    if (refused == SS_REFUSED_NOTHING && !is_watched(analyzer, &burst->packet[0]))
        return SS_REFUSED_NOT_WATCHED;
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    take_times(analyzer, 0, ss_frame_time(datagram->whole.time_ns));
    burst->frame[0] = &datagram->frames[datagram->frame_count - 1];
    take_keys(analyzer, 1);
    ss_flow_candidates(&analyzer->flows, burst->hash, 1, burst->flow);
    burst->datagram = datagram;
    refused = ss_connection_packet(analyzer, 0);
    burst->datagram = NULL;
    return refused;
}

static void finish(struct ss_analyzer *analyzer, const struct ss_datagram *datagram)
{
    enum ss_refusal refused = datagram->refused;

    analyzer->counters.received_packets += datagram->frame_count;
    for (unsigned i = 0; i < datagram->frame_count; i++)
        count_bytes(analyzer, &datagram->frames[i]);
    if (refused == SS_REFUSED_NOTHING)
        refused = feed_whole(analyzer, datagram);
    count_frames(analyzer, refused, datagram->frame_count);
    analyzer->counters.datagrams += refused == SS_REFUSED_NOTHING && !datagram->is_copy;
}

static void give_up(struct ss_analyzer *analyzer, int64_t now_ns, bool want_room)
{
    const struct ss_datagram *datagram;

    while ((datagram = ss_fragments_give_up(analyzer->fragments, now_ns, want_room)) != NULL)
        finish(analyzer, datagram);
}

static void feed_fragment(struct ss_analyzer *analyzer, const struct ss_frame *frame)
{
    struct ss_fragment fragment;
    enum ss_refusal refused = ss_packet_fragment(frame, analyzer->config.packet, &fragment);

    if (refused != SS_REFUSED_NOTHING) {
        analyzer->counters.received_packets++;
        count_bytes(analyzer, frame);
        count_frames(analyzer, refused, 1);
        return;
    }
    advance(analyzer, ss_frame_time(frame->time_ns));
    give_up(analyzer, analyzer->now_ns, true);
    const struct ss_datagram *datagram =
        ss_fragments_add(analyzer->fragments, frame, &fragment, analyzer->now_ns);
    if (datagram != NULL)
        finish(analyzer, datagram);
}

/* ---- */

static void upkeep(struct ss_analyzer *analyzer)
{
    give_up(analyzer, analyzer->now_ns, false);
    ss_upkeep(analyzer);
}

static void count_lacking(struct ss_analyzer *analyzer)
{
    const struct ss_handshake_pools *pools = &analyzer->pools;

    analyzer->counters.hellos_full = pools->hellos.refusals + pools->hello_borrowers.gave_back;
    analyzer->counters.segments_full = pools->segments.refusals + pools->segment_borrowers.gave_back;
}

void ss_analyzer_feed(struct ss_analyzer *analyzer, const struct ss_frame *frames, unsigned count)
{
    for (unsigned i = feed_packets(analyzer, frames, count); i < count;) {
        feed_fragment(analyzer, &frames[i]);
        i++;
        i += feed_packets(analyzer, frames + i, count - i);
    }
    count_lacking(analyzer);
    upkeep(analyzer);
    analyzer->has_fed = true;
}

void ss_analyzer_tick(struct ss_analyzer *analyzer, int64_t now_ns)
{
    if (ss_frame_time(now_ns) > analyzer->now_ns)
        analyzer->now_ns = ss_frame_time(now_ns);
    if (!analyzer->has_fed)
        upkeep(analyzer);
    analyzer->has_fed = false;
}

bool ss_analyzer_flush(struct ss_analyzer *analyzer)
{
    give_up(analyzer, INT64_MAX, false);
    if (ss_upkeep_flush(analyzer))
        return true;
    analyzer->now_ns = 0;
    return false;
}

void ss_analyzer_shed(struct ss_analyzer *analyzer, enum ss_shed shed)
{
    analyzer->shed = shed;
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
