// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/handshake.h"

#include "analyzer/answer.h"
#include "analyzer/handshake_loss.h"
#include "analyzer/handshake_talk.h"
#include "analyzer/handshake_tls.h"
#include "analyzer/lending.h"
#include "base/seq.h"

#include <assert.h>
#include <string.h>

#define SETTLE_NS      (50 * 1000000LL)   /* a complete handshake waits for what the mirror still owes */
#define CLOSE_NS       (1000 * 1000000LL) /* for its acknowledgement; one broken off for what was under way, */
#define HALF_CLOSED_NS (25000 * 1000000LL) /* longer where only one side has closed */

#define GIVING_TRIES 8 /* blocks that are looked at for one to be given away */

/* Memory for each of the handshakes that may be under way, and cache lines for each of their packets. */
static_assert(sizeof(struct ss_handshake) <= 1024, "a handshake's block has grown (bench: handshakes)");

void ss_handshake_init(struct ss_handshake *handshake, struct ss_handshake_pools *pools, struct ss_told *told,
                       uint32_t flow, const struct ss_packet *first, int64_t time_ns)
{
    memset(handshake, 0, sizeof(*handshake));
    handshake->pools = pools;
    handshake->told = told;
    handshake->flow = flow;
    handshake->trouble = handshake->more = SS_POOL_NONE;
    handshake->is_used = true;
    handshake->outcome = SS_OUTCOME_COUNT;
    handshake->base_ns = time_ns;
    handshake->syn_ns = handshake->syn_ack_ns = handshake->early_ack_ns = SS_MARK_UNSEEN;
    handshake->closed_ns = SS_MARK_UNSEEN;
    handshake->encap_count = first->encap_count;
    if (first->encap_count > 0)
        memcpy(told->encap, first->encap, sizeof(told->encap));
    for (unsigned side = 0; side < 2; side++) {
        ss_tls_init(&handshake->tls[side]);
        ss_stream_init(&handshake->stream[side]);
    }
    for (unsigned i = 0; i < SS_MARK_COUNT; i++)
        handshake->mark_ns[i] = SS_MARK_UNSEEN;
}

void ss_handshake_release(struct ss_handshake *handshake)
{
    struct ss_handshake_pools *pools = handshake->pools;

    for (unsigned side = 0; side < 2; side++) {
        ss_stream_release(&handshake->stream[side], &pools->segments);
        ss_tls_release(&handshake->tls[side], &pools->hellos);
    }
    if (handshake->trouble != SS_POOL_NONE)
        ss_pool_give(&pools->troubles, handshake->trouble);
    if (handshake->more != SS_POOL_NONE)
        ss_pool_give(&pools->mores, handshake->more);
    handshake->trouble = handshake->more = SS_POOL_NONE;
    handshake->is_used = false;
}

/* All blocks are taken. A flood's SYNs and SYN-ACKs that are sent again may have most of them, and come to
 * nothing. */
static uint32_t take_from_noise(struct ss_handshake_pools *pools)
{
    for (unsigned i = 0; i < GIVING_TRIES; i++) {
        uint32_t block = pools->trouble_hand++ % pools->troubles.blocks;
        struct ss_trouble *trouble = ss_pool_at(&pools->troubles, block);
        if (!ss_handshake_is_noise(trouble->owner))
            continue;
        trouble->owner->trouble = SS_POOL_NONE;
        trouble->owner->lacks_evidence = true;
        return block;
    }
    return SS_POOL_NONE;
}

struct ss_trouble *ss_handshake_new_trouble(struct ss_handshake *handshake)
{
    struct ss_handshake_pools *pools = handshake->pools;

    if (handshake->trouble != SS_POOL_NONE)
        return ss_pool_at(&pools->troubles, handshake->trouble);
    handshake->trouble = ss_pool_take(&pools->troubles);
    if (handshake->trouble == SS_POOL_NONE)
        handshake->trouble = take_from_noise(pools);
    if (handshake->trouble == SS_POOL_NONE) {
        handshake->lacks_evidence = true;
        return NULL;
    }
    struct ss_trouble *trouble = ss_pool_at(&pools->troubles, handshake->trouble);
    *trouble = (struct ss_trouble){.owner = handshake, .window_closed_ns = {SS_MARK_UNSEEN, SS_MARK_UNSEEN}};
    return trouble;
}

void ss_handshake_extend(struct ss_handshake *handshake)
{
    if (handshake->more != SS_POOL_NONE)
        return;
    handshake->more = ss_pool_take(&handshake->pools->mores);
    struct ss_more *more = ss_handshake_more(handshake);
    if (more == NULL) {
        handshake->lacks_evidence = true;
        return;
    }
    for (unsigned side = 0; side < 2; side++) {
        ss_stream_extend(&handshake->stream[side], &more->stream[side]);
        ss_sender_clock_extend(&handshake->sender[side].clock, more->samples[side]);
    }
    memcpy(more->segment_acks, handshake->few_acks, sizeof(handshake->few_acks));
    memcpy(more->records, handshake->few_records, sizeof(handshake->few_records));
}

void ss_handshake_add_wait(struct ss_handshake *handshake, enum ss_evidence evidence, int64_t from_ns,
                           int64_t to_ns)
{
    struct ss_trouble *trouble = to_ns > from_ns ? ss_handshake_new_trouble(handshake) : NULL;

    if (trouble != NULL)
        ss_timeline_add_wait(&trouble->waits, evidence, from_ns, to_ns);
}

/* What leaps has a wrong time, and is no round trip: sums and multiples of those stay in range. */
static void round_trip(int64_t *least_ns, int64_t sample_ns)
{
    if (sample_ns > 0 && sample_ns < SS_LEAP_NS && (*least_ns == 0 || sample_ns < *least_ns))
        *least_ns = sample_ns;
}

/* ---- duplicates: a mirror that shows a packet twice */

/* What tells acknowledgements apart that differ in their options alone. Copies of other packets may differ in
 * it: a host's mirror shows some before the NIC has filled it in, and a router clamps a SYN's MSS. */
static uint16_t checksum_of(const struct ss_packet *packet)
{
    bool is_bare = packet->payload_bytes == 0 && packet->ip_id == 0 && !(packet->flags & SS_TCP_SYN);

    return is_bare ? packet->tcp_checksum : 0;
}

static uint32_t print_of(const struct ss_packet *packet)
{
    uint64_t print = (uint64_t)packet->seq << 32 | packet->ack;
    print =
        print * 0x9e3779b97f4a7c15ULL ^ ((uint64_t)packet->ip_id << 48 | (uint64_t)packet->window << 32 |
                                         (uint64_t)packet->flags << 24 | (packet->payload_bytes & 0xffffff));
    print = (print * 0x9e3779b97f4a7c15ULL ^ ((uint64_t)packet->ts_value << 32 | packet->ts_echo) ^
             (uint64_t)checksum_of(packet) << 16) *
            0x9e3779b97f4a7c15ULL;
    return (uint32_t)(print >> 32);
}

/* Data of which the tap has had every byte. */
static bool is_again(const struct ss_handshake *handshake, const struct ss_packet *packet, enum ss_side side)
{
    const struct ss_stream *stream = &handshake->stream[side];

    return packet->payload_bytes > 0 && stream->started &&
           ss_seq_reached(stream->edge, packet->seq + packet->payload_bytes);
}

/* Data again that was shown just now, however many packets ago. Its sender has not made it anew: it counts a
 * retransmission as its newest packet, and stamps and acknowledges in it what is newest. */
static bool is_again_by_mirror(const struct ss_handshake *handshake, enum ss_side side,
                               const struct ss_packet *packet, int64_t t)
{
    const struct ss_sender *sender = &handshake->sender[side];
    uint32_t newest;
    int64_t seen_ns;

    if (!is_again(handshake, packet, side) ||
        !ss_stream_seen_at(&handshake->stream[side], packet->seq + packet->payload_bytes, &seen_ns) ||
        t - seen_ns > SS_DUPLICATE_MAX_NS)
        return false;
    bool is_newer_number = sender->has_id && (int16_t)(packet->ip_id - sender->ip_id) > 0;
    bool is_newer_time = packet->has_timestamps && ss_sender_clock_value(&sender->clock, t, &newest) &&
                         ss_seq_before(newest, packet->ts_value);
    bool is_newer_ack = ss_seq_before(ss_stream_acknowledged(&handshake->stream[!side]), packet->ack);
    return !is_newer_number && !is_newer_time && !is_newer_ack;
}

/* The same packet again, too soon to be a retransmission: a retransmission has another IP identification
 * or, for the stacks that send none, another timestamp. */
static bool is_duplicate(struct ss_handshake *handshake, enum ss_side side, const struct ss_packet *packet,
                         int64_t t)
{
    struct ss_print *prints = handshake->prints[side];
    uint32_t print = print_of(packet), time_us = (uint32_t)(t / 1000);

    for (unsigned i = 0; i < SS_RECENT_PRINTS; i++) {
        if (prints[i].print == print && (int32_t)(time_us - prints[i].time_us) <= SS_DUPLICATE_MAX_NS / 1000)
            return true;
    }
    if (is_again_by_mirror(handshake, side, packet, t))
        return true;
    unsigned next = handshake->print_next[side];
    prints[next] = (struct ss_print){.time_us = time_us, .print = print};
    handshake->print_next[side] = (uint8_t)((next + 1) % SS_RECENT_PRINTS);
    return false;
}

/* ---- room for what the packet brings: more than the few that most handshakes have */

static void make_room(struct ss_handshake *handshake, const struct ss_packet *packet, enum ss_side side)
{
    bool is_full = ss_stream_is_full_for(&handshake->stream[!side], packet->ack) ||
                   ss_sender_clock_is_full(&handshake->sender[side].clock);

    if (packet->payload_bytes > 0)
        is_full |= ss_stream_is_full(&handshake->stream[side]) ||
                   (side == SS_CLIENT && handshake->segment_ack_count == SS_FEW_ACKS);
    if (is_full)
        ss_handshake_extend(handshake);
}

/* ---- TCP's own handshake */

/* A SYN or SYN-ACK sent again, while nobody had answered the one before, unless for an older connection. */
static void sent_again(struct ss_handshake *handshake, const struct ss_packet *packet, enum ss_side side,
                       int64_t *newest_ns, int64_t t)
{
    if (*newest_ns != SS_MARK_UNSEEN) {
        if (!handshake->is_challenged)
            ss_loss_sent_again(handshake, side, packet, packet->seq + 1, *newest_ns, t);
        handshake->is_challenged = false;
        if (handshake->syns_again[side] < UINT8_MAX)
            handshake->syns_again[side]++;
    }
    *newest_ns = t;
}

/* A server that still has an older connection of the same ports acknowledges that one's numbers (RFC 9293
 * section 3.10.7.4), the client resets it, and its SYN comes to something when it is sent again. */
static bool is_challenge(const struct ss_handshake *handshake, const struct ss_packet *packet,
                         enum ss_side side)
{
    const struct ss_stream *client = &handshake->stream[SS_CLIENT];
    bool is_opening = handshake->syn_ns != SS_MARK_UNSEEN && handshake->syn_ack_ns == SS_MARK_UNSEEN &&
                      handshake->early_ack_ns == SS_MARK_UNSEEN && client->edge == client->first;

    return side == SS_SERVER && is_opening && packet->flags == SS_TCP_ACK && packet->payload_bytes == 0 &&
           packet->ack != client->first;
}

/* The server has acknowledged the SYN and not its data (RFC 7413 section 3): it has dropped them, and will be
 * sent them anew. */
static void forget_syn_data(struct ss_handshake *handshake)
{
    static const enum ss_mark MARKS[] = {SS_MARK_TALK, SS_MARK_CLIENT_HELLO_FIRST, SS_MARK_CLIENT_HELLO,
                                         SS_MARK_CLIENT_HELLO_2};

    ss_stream_restart(&handshake->stream[SS_CLIENT], &handshake->pools->segments);
    ss_tls_release(&handshake->tls[SS_CLIENT], &handshake->pools->hellos);
    ss_tls_init(&handshake->tls[SS_CLIENT]);
    for (unsigned i = 0; i < sizeof(MARKS) / sizeof(MARKS[0]); i++)
        handshake->mark_ns[MARKS[i]] = SS_MARK_UNSEEN;
    handshake->talk = (struct ss_talk){.state = {SS_TALK_EXPECTED, SS_TALK_EXPECTED}};
    handshake->has_hello = handshake->has_names = handshake->early_data = handshake->ech = false;
    handshake->record_count = handshake->segment_ack_count = 0;
    handshake->has_syn_data = false;
}

static void take_syn(struct ss_handshake *handshake, const struct ss_packet *packet, enum ss_side side,
                     int64_t t)
{
    if (side == SS_CLIENT && !(packet->flags & SS_TCP_ACK)) {
        ss_handshake_mark(handshake, SS_MARK_SYN, t);
        if (!ss_handshake_is_marked(handshake, SS_MARK_SYN_ACK))
            sent_again(handshake, packet, side, &handshake->syn_ns, t);
    } else if (side == SS_SERVER && packet->flags & SS_TCP_ACK) {
        ss_handshake_mark(handshake, SS_MARK_SYN_ACK, t);
        /* After the ACK it is a deferred accept, and no loss. */
        if (!ss_handshake_is_marked(handshake, SS_MARK_ACK))
            sent_again(handshake, packet, side, &handshake->syn_ack_ns, t);
        if (handshake->early_ack_ns != SS_MARK_UNSEEN && handshake->early_ack == packet->seq + 1)
            ss_handshake_mark(handshake, SS_MARK_ACK, handshake->early_ack_ns);
        if (handshake->syn_ns != SS_MARK_UNSEEN)
            round_trip(&handshake->rtt_ns[SS_SERVER], t - handshake->syn_ns);
        if (handshake->stream[side].ack_count > 0 || ss_handshake_is_marked(handshake, SS_MARK_ACK))
            return; /* another number than the one that was acknowledged is of no connection */
        if (handshake->has_syn_data && packet->ack == handshake->stream[SS_CLIENT].first)
            forget_syn_data(handshake);
    }
    ss_stream_start(&handshake->stream[side], packet->seq + 1);
}

/* ---- acknowledgements */

/* An acknowledgement of what the tap has not seen yet, or never will. */
static void take_early_ack(struct ss_handshake *handshake, const struct ss_packet *packet, enum ss_side side,
                           int64_t t)
{
    if (packet->flags & SS_TCP_SYN) {
        ss_stream_start(&handshake->stream[!side], packet->ack);
    } else if (side == SS_CLIENT && handshake->early_ack_ns == SS_MARK_UNSEEN) {
        handshake->early_ack_ns = t;
        handshake->early_ack = packet->ack;
    }
}

static void take_ack(struct ss_handshake *handshake, const struct ss_packet *packet, enum ss_side side,
                     int64_t t)
{
    struct ss_stream *peer = &handshake->stream[!side];
    int64_t *rtt_ns = &handshake->rtt_ns[side];
    int64_t seen_ns;

    if (!peer->started) {
        take_early_ack(handshake, packet, side, t);
        return;
    }
    ss_loss_acknowledged(handshake, !side, packet, t);
    if (side == SS_CLIENT && !(packet->flags & SS_TCP_SYN) &&
        !ss_handshake_is_marked(handshake, SS_MARK_ACK) &&
        ss_handshake_is_marked(handshake, SS_MARK_SYN_ACK) && ss_seq_reached(packet->ack, peer->first)) {
        ss_handshake_mark(handshake, SS_MARK_ACK, t);
        if (handshake->syns_again[SS_SERVER] == 0) /* Karn, as below */
            round_trip(rtt_ns, t - handshake->syn_ack_ns);
    }
    if (packet->ack == peer->first)
        return;
    bool is_news = !ss_stream_acknowledged_at(peer, packet->ack, &seen_ns);
    ss_stream_acknowledge(peer, packet->ack, t);
    /* Karn: a round trip is not measured where it is not known which copy was acknowledged. */
    if (is_news && peer->retransmitted == 0 && ss_stream_seen_at(peer, packet->ack, &seen_ns))
        round_trip(rtt_ns, t - seen_ns);
    if (side == SS_SERVER)
        ss_handshake_take_hello_ack(handshake);
    else
        ss_answer_follow_flight(handshake);
}

/* ---- payload */

static bool take_chunks(struct ss_handshake *handshake, enum ss_side side, const struct ss_segment *segment,
                        int64_t t)
{
    struct ss_stream *stream = &handshake->stream[side];
    struct ss_chunk chunk;
    bool is_tls = true;

    while (!ss_stream_is_given(stream) &&
           ss_stream_next(stream, &handshake->pools->segments, segment, &chunk)) {
        enum ss_talk_verdict said = ss_handshake_talk(handshake, side, &chunk, t);
        if (said == SS_TALK_NONE)
            is_tls = ss_handshake_is_tls(handshake);
        if (said != SS_TALK_TLS)
            continue;
        is_tls = is_tls && ss_handshake_take_bytes(handshake, side, chunk.bytes, t);
        handshake->has_gaps |= chunk.missing > 0;
        if (chunk.missing > 0) { /* what they complete has passed with them */
            ss_tls_skip(&handshake->tls[side], chunk.missing);
            is_tls = is_tls && ss_handshake_take_bytes(handshake, side, (struct ss_span){NULL, NULL}, t);
        }
    }
    return is_tls;
}

/* The peer acknowledged bytes that the tap has not seen, and the side's own later numbers say that it had
 * sent them: to claim so is not for the peer alone. A single one may be the FIN's number, or a keep-alive's.
 */
static bool lacks_bytes(const struct ss_handshake *handshake, enum ss_side side)
{
    const struct ss_stream *stream = &handshake->stream[side];
    const struct ss_sender *sender = &handshake->sender[side];

    return ss_seq_reached(ss_stream_acknowledged(stream), stream->edge + 2) &&
           (stream->held_count > 0 || (sender->is_ahead && ss_seq_reached(sender->ahead, stream->edge + 2)));
}

/* It did so long ago: the mirror lost them. */
static void skip_lost_by_mirror(struct ss_handshake *handshake, enum ss_side side, int64_t t)
{
    struct ss_stream *stream = &handshake->stream[side];
    struct ss_pool *segments = &handshake->pools->segments;
    struct ss_sender *sender = &handshake->sender[side];
    int64_t acknowledged_ns;

    if (!ss_stream_acknowledged_at(stream, stream->edge + 2, &acknowledged_ns) ||
        t - acknowledged_ns < SS_HOLE_PATIENCE_NS)
        return;
    uint32_t hole = stream->edge;
    if (ss_stream_is_full(stream))
        ss_handshake_extend(handshake);
    int64_t noticed_ns = ss_stream_hole_since(stream, segments);
    bool was_noticed = stream->held_count > 0 && noticed_ns < acknowledged_ns;
    int64_t since_ns = was_noticed ? noticed_ns : acknowledged_ns;
    uint32_t sent = sender->is_ahead ? sender->ahead : hole;
    uint32_t missing = ss_stream_skip_hole(stream, segments, sent, t);
    sender->is_ahead &= ss_seq_before(stream->edge, sender->ahead);
    handshake->missing_bytes += missing;
    handshake->has_gaps |= missing > 0;
    handshake->blind_ns = acknowledged_ns;
    ss_handshake_add_wait(handshake, SS_EVIDENCE_MIRROR_LOST, since_ns, t);
    if (!ss_handshake_skip(handshake, side, hole, missing))
        handshake->is_blind[side] = true;
    take_chunks(handshake, side, NULL, t);
}

/* Bytes that find no block are missing, but the mirror has not lost them. */
static struct ss_segment_fate feed(struct ss_handshake *handshake, enum ss_side side,
                                   const struct ss_segment *segment)
{
    struct ss_stream *stream = &handshake->stream[side];
    struct ss_pool *segments = &handshake->pools->segments;
    bool is_early = ss_seq_before(stream->edge, segment->seq);

    if (is_early)
        ss_lending_before_early(handshake);
    struct ss_segment_fate fate = ss_stream_feed(stream, segments, segment);
    if (is_early)
        ss_lending_after_early(handshake, side);
    if (fate.kind == SS_SEGMENT_REFUSED && ss_pool_is_empty(segments))
        handshake->lacks_evidence = true;
    return fate;
}

static bool take_payload(struct ss_handshake *handshake, const struct ss_packet *packet, enum ss_side side,
                         int64_t t)
{
    struct ss_stream *stream = &handshake->stream[side];
    struct ss_segment segment = {.seq = packet->seq + (packet->flags & SS_TCP_SYN ? 1 : 0),
                                 .data = packet->payload,
                                 .bytes = packet->payload_bytes,
                                 .captured = packet->payload_captured,
                                 .time_ns = t};

    if (!stream->started)
        ss_stream_start(stream, segment.seq);
    if (packet->flags & SS_TCP_ACK && !handshake->stream[!side].started)
        ss_stream_start(&handshake->stream[!side], packet->ack);
    if (side == SS_CLIENT) {
        handshake->has_syn_data = packet->flags & SS_TCP_SYN;
        ss_answer_note_segment(handshake, segment.seq + segment.bytes, packet->ack, t);
    }
    struct ss_segment_fate fate = feed(handshake, side, &segment);
    ss_loss_take_fate(handshake, side, packet, &fate, t);
    return take_chunks(handshake, side, &segment, t);
}

/* ---- the end */

/* Whether the tap has seen all that the client's answer acknowledges: the mirror may show it later. */
static bool has_all_of_flight(const struct ss_handshake *handshake)
{
    struct ss_flight flight;

    return !ss_answer_flight(handshake, &flight) || flight.seen_ns != SS_MARK_UNSEEN;
}

/* Bytes that only the mirror lost held the messages that are still missing: there is nothing to wait for. */
static bool is_blind(const struct ss_handshake *handshake)
{
    if (!handshake->has_answer)
        return handshake->is_blind[SS_CLIENT] ||
               (handshake->is_blind[SS_SERVER] && !handshake->has_server_hello);
    return handshake->is_blind[SS_SERVER];
}

/* Complete, whatever was said of it before: a side may close while the other's last bytes are under way. */
static void look_for_end(struct ss_handshake *handshake)
{
    bool is_answered = ss_answer_find(handshake);

    handshake->is_given_up = is_blind(handshake) && (!is_answered || ss_handshake_is_tls12(handshake));
    if (handshake->is_given_up)
        ss_handshake_end(handshake, SS_OUTCOME_UNFINISHED, handshake->blind_ns);
    if (!is_answered)
        return;
    if (ss_answer_is_rejection(handshake)) {
        ss_handshake_end(handshake, SS_OUTCOME_CLIENT_REJECTED, ss_answer_of(handshake)->end_ns);
        return;
    }
    ss_handshake_mark(handshake, SS_MARK_CLIENT_FINISHED, ss_answer_of(handshake)->end_ns);
    if (ss_handshake_is_tls12(handshake) && !handshake->is_resumed12 &&
        !ss_handshake_is_marked(handshake, SS_MARK_SERVER_FINISHED))
        return;
    if (handshake->outcome != SS_OUTCOME_COMPLETE) {
        handshake->outcome = SS_OUTCOME_COMPLETE;
        handshake->ended_ns = handshake->last_ns;
    }
}

/* It has closed, and the tap has seen all that it said before. */
static bool is_said_out(const struct ss_handshake *handshake, enum ss_side side)
{
    return handshake->has_fin[side] && ss_seq_reached(handshake->stream[side].edge, handshake->fin_seq[side]);
}

static void take_close(struct ss_handshake *handshake, const struct ss_packet *packet, enum ss_side side,
                       int64_t t)
{
    if (packet->flags & SS_TCP_RST) {
        ss_handshake_end(handshake, side == SS_CLIENT ? SS_OUTCOME_CLIENT_RESET : SS_OUTCOME_SERVER_RESET, t);
    } else if (packet->flags & SS_TCP_FIN) {
        ss_handshake_end(handshake, side == SS_CLIENT ? SS_OUTCOME_CLIENT_CLOSED : SS_OUTCOME_SERVER_CLOSED,
                         t);
        handshake->has_fin[side] = true;
        handshake->fin_seq[side] = packet->seq + packet->payload_bytes;
    }
    bool is_closed = packet->flags & SS_TCP_RST ||
                     (is_said_out(handshake, SS_CLIENT) && is_said_out(handshake, SS_SERVER));
    if (is_closed && handshake->closed_ns == SS_MARK_UNSEEN)
        handshake->closed_ns = t;
}

/* What was under way when the handshake was broken off still comes. A side that has closed hears the other
 * one out. */
static bool has_waited(const struct ss_handshake *handshake, int64_t t)
{
    bool is_half_closed =
        handshake->outcome == SS_OUTCOME_CLIENT_CLOSED || handshake->outcome == SS_OUTCOME_SERVER_CLOSED;

    if (!is_half_closed)
        return t - handshake->ended_ns >= CLOSE_NS;
    return t - handshake->ended_ns >= HALF_CLOSED_NS ||
           (handshake->closed_ns != SS_MARK_UNSEEN && t - handshake->closed_ns >= CLOSE_NS);
}

/* Whether the server has the client's answer: on its way there it may have been lost beyond the tap. */
static bool is_answer_received(const struct ss_handshake *handshake)
{
    const struct ss_answer_record *answer = ss_answer_of(handshake);
    uint32_t answer_end = answer->begin_seq + 5u + answer->bytes;
    int64_t at_ns;

    return !handshake->saw[SS_SERVER] || handshake->is_blind[SS_SERVER] ||
           ss_stream_acknowledged_at(&handshake->stream[SS_CLIENT], answer_end, &at_ns);
}

bool ss_handshake_has_settled(const struct ss_handshake *handshake, int64_t now_ns)
{
    int64_t t = now_ns - handshake->base_ns;

    if (handshake->outcome != SS_OUTCOME_COMPLETE)
        return has_waited(handshake, t);
    if (!is_answer_received(handshake))
        return t - handshake->ended_ns >= CLOSE_NS;
    return t - handshake->ended_ns >= SETTLE_NS || has_all_of_flight(handshake);
}

enum ss_handshake_step ss_handshake_feed(struct ss_handshake *handshake, const struct ss_packet *packet,
                                         enum ss_side side, int64_t time_ns, uint32_t clock_error_ns)
{
    int64_t t = time_ns - handshake->base_ns;

    if (ss_handshake_is_over(handshake, time_ns))
        return SS_HANDSHAKE_ENDED; /* this packet comes after it */
    handshake->saw[side] = true;
    if (is_duplicate(handshake, side, packet, t)) {
        handshake->duplicates++;
        return SS_HANDSHAKE_GOES_ON;
    }
    if (t > handshake->last_ns && t - handshake->last_ns < SS_LEAP_NS)
        handshake->last_ns = t;
    if (clock_error_ns > handshake->clock_error_ns)
        handshake->clock_error_ns = clock_error_ns;
    if (ss_handshake_is_stray_reset(handshake, packet, side))
        return SS_HANDSHAKE_GOES_ON;
    if (handshake->more == SS_POOL_NONE)
        make_room(handshake, packet, side);
    ss_loss_take_packet(handshake, side, packet, is_again(handshake, packet, side), t);
    ss_loss_take_windows(handshake, side, packet, t);
    if (packet->payload_bytes == 0 && handshake->stream[side].started &&
        !(packet->flags & (SS_TCP_SYN | SS_TCP_RST)))
        ss_sender_told(&handshake->sender[side], packet->seq, handshake->stream[side].edge, t);
    if (packet->flags & SS_TCP_SYN)
        take_syn(handshake, packet, side, t);
    if (is_challenge(handshake, packet, side))
        handshake->is_challenged = true;
    if (packet->flags & SS_TCP_ACK && !(packet->flags & SS_TCP_RST))
        take_ack(handshake, packet, side, t);
    if (packet->payload_bytes > 0 && !(packet->flags & SS_TCP_RST) &&
        !take_payload(handshake, packet, side, t))
        return SS_HANDSHAKE_NOT_TLS;
    for (enum ss_side of = SS_CLIENT; of <= SS_SERVER; of++) {
        if (lacks_bytes(handshake, of))
            skip_lost_by_mirror(handshake, of, t);
    }
    look_for_end(handshake);
    take_close(handshake, packet, side, t);
    return ss_handshake_is_over(handshake, time_ns) ? SS_HANDSHAKE_ENDED : SS_HANDSHAKE_GOES_ON;
}
