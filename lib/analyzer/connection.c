// SPDX-License-Identifier: BSD-3-Clause

/* One packet of one connection: opened, kept in the history, measured, closed. */

#include "analyzer/state.h"

#include "analyzer/overlap.h"
#include "base/seq.h"

/* Payload that begins with a hello of this type: a handshake record (RFC 8446 section 5.1). */
static bool begins_with(const struct ss_packet *packet, enum ss_tls_handshake_type hello)
{
    const uint8_t *bytes = packet->payload;

    return packet->payload_captured >= 6 && bytes[0] == SS_TLS_HANDSHAKE && bytes[1] == 3 && bytes[2] <= 4 &&
           bytes[5] == hello;
}

static bool begins_with_client_hello(const struct ss_packet *packet)
{
    return begins_with(packet, SS_TLS_CLIENT_HELLO) ||
           ss_tls_is_sslv2_hello(ss_span_of(packet->payload, packet->payload_captured));
}

/* Whether a connection that the tap has never seen begins here; where its SYN was
 * missed, with its first hello. */
static bool is_beginning(const struct ss_packet *packet)
{
    return (packet->flags & (SS_TCP_SYN | SS_TCP_RST)) == SS_TCP_SYN || begins_with_client_hello(packet) ||
           begins_with(packet, SS_TLS_SERVER_HELLO);
}

/* Who is the client: the sender of the SYN, or of a ClientHello. */
static bool is_from_client(const struct ss_packet *packet)
{
    if (packet->flags & SS_TCP_SYN)
        return !(packet->flags & SS_TCP_ACK);
    return begins_with_client_hello(packet);
}

static void begin_handshake(struct ss_analyzer *analyzer, uint32_t number, unsigned i)
{
    const struct ss_burst *burst = &analyzer->burst;
    struct ss_flow *flow = ss_flow_at(&analyzer->flows, number);
    uint32_t block = ss_pool_take(&analyzer->handshakes);

    if (block == SS_POOL_NONE && ss_upkeep_free_handshake(analyzer))
        block = ss_pool_take(&analyzer->handshakes);
    if (block == SS_POOL_NONE) {
        flow->state = SS_FLOW_UNMEASURED;
        analyzer->counters.handshakes_full++;
        return;
    }
    flow->handshake = block;
    struct ss_handshake *handshake = ss_pool_at(&analyzer->handshakes, block);
    ss_handshake_init(handshake, &analyzer->pools, &analyzer->told[block], number, &burst->packet[i],
                      burst->time_ns[i]);
    handshake->seen_ns = burst->age_ns[i];
}

/* SS_FLOW_NONE: the table is full. */
static uint32_t open_connection(struct ss_analyzer *analyzer, unsigned i)
{
    const struct ss_burst *burst = &analyzer->burst;
    const struct ss_packet *packet = &burst->packet[i];
    uint32_t number = ss_flow_add(&analyzer->flows, &burst->key[i], burst->hash[i]);

    if (number == SS_FLOW_NONE && ss_flow_is_full(&analyzer->flows) && ss_upkeep_make_room(analyzer))
        number = ss_flow_add(&analyzer->flows, &burst->key[i], burst->hash[i]);
    if (number == SS_FLOW_NONE)
        return SS_FLOW_NONE;
    struct ss_flow *flow = ss_flow_at(&analyzer->flows, number);
    flow->client_is_first = burst->from_first[i] == is_from_client(packet);
    flow->start_ns = burst->time_ns[i];
    if (packet->flags & SS_TCP_SYN) { /* a SYN-ACK that the mirror shows first names it too */
        flow->isn = packet->flags & SS_TCP_ACK ? packet->ack - 1 : packet->seq;
        flow->has_isn = true;
    }
    analyzer->counters.flows_opened++;
    begin_handshake(analyzer, number, i);
    return number;
}

/* A SYN that is not one of this connection's own: its port is used again. Where the connection's own was
 * missed it had begun with a hello, long after any SYN of its own. */
static bool is_new_connection(const struct ss_flow *flow, const struct ss_packet *packet, bool from_client)
{
    return from_client && (packet->flags & (SS_TCP_SYN | SS_TCP_ACK | SS_TCP_RST)) == SS_TCP_SYN &&
           (flow->is_closed || !flow->has_isn || packet->seq != flow->isn);
}

/* The number that pass 2 found is by tags alone, and may be stale: the entry may have been given away within
 * this burst, or made in it. */
static uint32_t find_again(struct ss_analyzer *analyzer, unsigned i)
{
    const struct ss_burst *burst = &analyzer->burst;
    uint32_t number = burst->flow[i];

    if (number != SS_FLOW_NONE) {
        const struct ss_flow *flow = ss_flow_at(&analyzer->flows, number);
        if (flow->state != SS_FLOW_FREE && ss_flow_key_equal(&flow->key, &burst->key[i]))
            return number;
    }
    return ss_flow_find(&analyzer->flows, &burst->key[i], burst->hash[i]);
}

/* SS_REFUSED_NOTHING and its number, or why it belongs to none. */
static enum ss_refusal connection_of(struct ss_analyzer *analyzer, unsigned i, uint32_t *ret_number)
{
    const struct ss_burst *burst = &analyzer->burst;
    const struct ss_packet *packet = &burst->packet[i];
    uint32_t number = find_again(analyzer, i);

    if (number != SS_FLOW_NONE) {
        const struct ss_flow *flow = ss_flow_at(&analyzer->flows, number);
        if (!ss_upkeep_is_over(flow, burst->age_ms[i]) &&
            !is_new_connection(flow, packet, burst->from_first[i] == flow->client_is_first)) {
            *ret_number = number;
            return SS_REFUSED_NOTHING;
        }
        ss_connection_forget(analyzer, number, burst->age_ns[i]);
    }
    if (!is_beginning(packet))
        return SS_REFUSED_NO_START;
    if (analyzer->shed >= SS_SHED_NEW)
        return SS_REFUSED_SHED_NEW;
    *ret_number = open_connection(analyzer, i);
    return *ret_number == SS_FLOW_NONE ? SS_REFUSED_FLOWS_FULL : SS_REFUSED_NOTHING;
}

static void count_packet(struct ss_flow *flow)
{
    if (flow->packets < UINT32_MAX)
        flow->packets++;
}

static inline void keep(struct ss_analyzer *analyzer, struct ss_flow *flow, const struct ss_frame *frame)
{
    uint64_t number = ++analyzer->packet_number;

    flow->recent_at = ss_history_append(&analyzer->recent, frame, number, flow->recent_at);
    if (!flow->has_spent) {
        flow->handshakes_at = ss_history_append(&analyzer->kept, frame, number, flow->handshakes_at);
        flow->kept_bytes += frame->captured;
        flow->has_spent = flow->kept_bytes >= analyzer->config.per_flow_bytes;
    }
    count_packet(flow);
}

/* Frames as they came: the fragments of a datagram, which is known only now to be of this connection, too. */
static void keep_frames(struct ss_analyzer *analyzer, struct ss_flow *flow, unsigned i)
{
    const struct ss_datagram *datagram = analyzer->burst.datagram;

    if (datagram == NULL) {
        keep(analyzer, flow, analyzer->burst.frame[i]);
        return;
    }
    for (unsigned j = 0; j < datagram->frame_count; j++)
        keep(analyzer, flow, &datagram->frames[j]);
}

void ss_connection_conclude(struct ss_analyzer *analyzer, struct ss_handshake *handshake, int64_t until_ns)
{
    struct ss_flow *flow = ss_flow_at(&analyzer->flows, handshake->flow);

    if (handshake->outcome == SS_OUTCOME_COUNT)
        handshake->outcome = SS_OUTCOME_UNFINISHED;
    ss_news_judged(analyzer, handshake, until_ns);
    ss_handshake_release(handshake);
    ss_pool_give(&analyzer->handshakes, flow->handshake);
    flow->state = SS_FLOW_DONE;
    flow->clock_error_ns = 0;
}

/* Data before the edge, or what may be held behind it; but for the byte of garbage that a keep-alive may
 * carry (RFC 9293 section 3.8.4). */
static bool may_overlap(const struct ss_handshake *handshake, const struct ss_packet *packet,
                        enum ss_side side)
{
    const struct ss_stream *stream = &handshake->stream[side];

    return packet->payload_bytes > 1 && stream->started && !(packet->flags & (SS_TCP_SYN | SS_TCP_RST)) &&
           (stream->held_count > 0 || ss_seq_before(packet->seq, stream->edge));
}

static void measure(struct ss_analyzer *analyzer, struct ss_flow *flow, unsigned i, enum ss_side side)
{
    const struct ss_burst *burst = &analyzer->burst;
    struct ss_handshake *handshake = ss_pool_at(&analyzer->handshakes, flow->handshake);
    int64_t time_ns = burst->time_ns[i];

    if (ss_upkeep_is_stuck(handshake, burst->age_ns[i])) {
        ss_connection_conclude(analyzer, handshake, ss_upkeep_given_up(handshake, burst->age_ns[i]));
        return;
    }
    if (may_overlap(handshake, &burst->packet[i], side) &&
        ss_overlap_differs(&analyzer->kept, flow->handshakes_at, analyzer->config.packet,
                           &burst->packet[i])) {
        handshake->conflicts++;
        analyzer->counters.conflicts++;
    }
    if (handshake->has_answer) /* it may end with this packet: what the hello said makes the finding */
        ss_handshake_prefetch_told(handshake);
    uint32_t missing_bytes = handshake->missing_bytes;
    bool is_over = ss_handshake_is_over(handshake, time_ns); /* and only upkeep has not seen it yet */
    handshake->seen_ns = burst->age_ns[i];
    enum ss_handshake_step step =
        ss_handshake_feed(handshake, &burst->packet[i], side, time_ns, burst->frame[i]->clock_error_ns);
    if (!is_over) /* who lacks evidence may have been shown what it misses */
        ss_news_mirror(analyzer, time_ns, burst->packet[i].payload_bytes,
                       handshake->lacks_evidence ? 0 : handshake->missing_bytes - missing_bytes);
    if (step == SS_HANDSHAKE_ENDED) {
        ss_connection_conclude(analyzer, handshake, time_ns);
    } else if (step == SS_HANDSHAKE_NOT_TLS) {
        flow->state = SS_FLOW_NOT_TLS;
        ss_handshake_release(handshake);
        ss_pool_give(&analyzer->handshakes, flow->handshake);
    }
}

static void close_side(struct ss_flow *flow, const struct ss_packet *packet, enum ss_side side)
{
    if (packet->flags & SS_TCP_FIN)
        flow->fin_seen |= (uint8_t)(1u << side);
    if (packet->flags & SS_TCP_RST || flow->fin_seen == 3)
        flow->is_closed = true;
}

/* Copies of fragments are the mirror's. */
static void note_copies(struct ss_analyzer *analyzer, const struct ss_flow *flow)
{
    struct ss_handshake *handshake = ss_pool_at(&analyzer->handshakes, flow->handshake);
    handshake->duplicates += analyzer->burst.datagram->copies;
}

/* A packet of a connection whose handshake is under way. Returns whether it may close its side. */
static bool take_open(struct ss_analyzer *analyzer, struct ss_flow *flow, unsigned i, enum ss_side side)
{
    const struct ss_burst *burst = &analyzer->burst;
    const struct ss_handshake *handshake = ss_pool_at(&analyzer->handshakes, flow->handshake);
    bool is_stray = ss_handshake_is_stray_reset(handshake, &burst->packet[i], side);

    if (burst->datagram != NULL)
        note_copies(analyzer, flow);
    if (burst->datagram == NULL || !burst->datagram->is_copy)
        measure(analyzer, flow, i, side);
    return !is_stray;
}

/* Of a connection whose handshake was judged. */
static void note_clock_error(struct ss_flow *flow, const struct ss_frame *frame)
{
    if (frame->clock_error_ns > flow->clock_error_ns)
        flow->clock_error_ns = frame->clock_error_ns;
}

/* Counted, so that its record knows how many are missing. */
static enum ss_refusal shed_bulk(struct ss_flow *flow)
{
    count_packet(flow);
    return SS_REFUSED_SHED_BULK;
}

/* What is left to do with it once its handshake, if it is of one, has had its share. */
static enum ss_refusal take_rest(struct ss_analyzer *analyzer, struct ss_flow *flow, unsigned i, bool is_shed)
{
    if (flow->state == SS_FLOW_NOT_TLS)
        return SS_REFUSED_NOT_TLS;
    if (is_shed)
        return shed_bulk(flow);
    if (flow->state == SS_FLOW_DONE)
        note_clock_error(flow, analyzer->burst.frame[i]);
    keep_frames(analyzer, flow, i);
    return SS_REFUSED_NOTHING;
}

/* A packet of any kind, of any connection or none. Not inlined, so that what it needs is not saved for those
 * that take the short way (bench: min64). */
static __attribute__((noinline)) enum ss_refusal take_any(struct ss_analyzer *analyzer, unsigned i)
{
    const struct ss_burst *burst = &analyzer->burst;
    uint32_t number;
    enum ss_refusal refused = connection_of(analyzer, i, &number);

    if (refused != SS_REFUSED_NOTHING)
        return refused;
    struct ss_flow *flow = ss_flow_at(&analyzer->flows, number);
    enum ss_side side = burst->from_first[i] == flow->client_is_first ? SS_CLIENT : SS_SERVER;
    bool is_open = flow->state == SS_FLOW_OPEN, may_close = true;

    flow->last_seen_ms = burst->age_ms[i];
    if (is_open)
        may_close = take_open(analyzer, flow, i, side);
    refused = take_rest(analyzer, flow, i, !is_open && analyzer->shed >= SS_SHED_BULK);
    if (may_close && burst->packet[i].flags & (SS_TCP_FIN | SS_TCP_RST))
        close_side(flow, &burst->packet[i], side);
    return refused;
}

/* The connection of a packet as they come by the million: its handshake was judged, and nothing begins or
 * ends. NULL is no judgement, only that take_any() has to look (bench: min64). */
static struct ss_flow *settled_flow(const struct ss_analyzer *analyzer, unsigned i)
{
    const struct ss_burst *burst = &analyzer->burst;
    bool is_plain = !(burst->packet[i].flags & (SS_TCP_FIN | SS_TCP_SYN | SS_TCP_RST));

    if (burst->flow[i] == SS_FLOW_NONE || !is_plain || burst->datagram != NULL)
        return NULL;
    struct ss_flow *flow = ss_flow_at(&analyzer->flows, burst->flow[i]);
    bool is_settled = flow->state == SS_FLOW_DONE && !flow->is_closed &&
                      burst->age_ms[i] - flow->last_seen_ms <= SS_IDLE_MS &&
                      ss_flow_key_equal(&flow->key, &burst->key[i]);
    return is_settled ? flow : NULL;
}

enum ss_refusal ss_connection_packet(struct ss_analyzer *analyzer, unsigned i)
{
    const struct ss_burst *burst = &analyzer->burst;
    struct ss_flow *flow = settled_flow(analyzer, i);

    if (flow == NULL)
        return take_any(analyzer, i);
    flow->last_seen_ms = burst->age_ms[i];
    if (analyzer->shed >= SS_SHED_BULK)
        return shed_bulk(flow);
    note_clock_error(flow, burst->frame[i]);
    keep(analyzer, flow, burst->frame[i]);
    return SS_REFUSED_NOTHING;
}

void ss_connection_forget(struct ss_analyzer *analyzer, uint32_t number, int64_t now_ns)
{
    struct ss_flow *flow = ss_flow_at(&analyzer->flows, number);

    if (flow->state == SS_FLOW_OPEN) {
        struct ss_handshake *handshake = ss_pool_at(&analyzer->handshakes, flow->handshake);
        ss_connection_conclude(analyzer, handshake, ss_upkeep_given_up(handshake, now_ns));
    }
    ss_news_ended(analyzer, flow);
    ss_flow_remove(&analyzer->flows, number);
    analyzer->counters.flows_closed++;
}
