// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/handshake_loss.h"

#include "base/seq.h"
#include "timeline/owners.h"

#include <string.h>

#define MS            1000000LL
#define LATE_LEAST_NS (5 * MS) /* less is what paths vary by, and ticks hide */
#define SOON_NS       (2 * MS) /* a kernel answers within this, besides the round trip */
#define WINDOW_LEAST_NS                                                                                      \
    MS /* less holds nobody up; a flight that acknowledgements clock has many such waits */
#define INITIAL_WINDOW 4380 /* bytes: the least that any initial window holds back (RFC 3390, RFC 6928) */

static uint16_t *lost_beyond_tap(struct ss_lost *lost, enum ss_side sender)
{
    return sender == SS_CLIENT ? &lost->tap_to_server : &lost->tap_to_client;
}

static uint16_t *lost_before_tap(struct ss_lost *lost, enum ss_side sender)
{
    return sender == SS_CLIENT ? &lost->client_to_tap : &lost->server_to_tap;
}

static void add(uint16_t *count, unsigned more)
{
    *count = (uint16_t)(*count + more < UINT16_MAX ? *count + more : UINT16_MAX);
}

int64_t ss_loss_round_trip(const struct ss_timeline *timeline)
{
    return timeline->client_rtt_ns + timeline->server_rtt_ns;
}

/* ---- sent again */

/* As soon after a segment as its answer comes. */
static bool is_answer(int64_t ns, int64_t rtt_ns)
{
    return ns <= rtt_ns + rtt_ns / 4 + SOON_NS;
}

/* The copy before had arrived, and only the acknowledgement was late. Where both are reported to have come,
 * but the acknowledgement came as the answer to the second, the first one's acknowledgement was lost. */
static bool is_spurious(const struct ss_handshake *handshake, enum ss_side side,
                        const struct ss_sent_again *again)
{
    int64_t after_ns = again->acked_ns - again->at_ns;

    if (again->acked_ns == 0)
        return false;
    return again->is_echo || (again->is_reported && !is_answer(after_ns, handshake->rtt_ns[!side]));
}

static void settle(const struct ss_handshake *handshake, enum ss_side side, const struct ss_sent_again *again,
                   struct ss_waits *waits, struct ss_lost *lost)
{
    if (is_spurious(handshake, side, again)) {
        ss_timeline_add_wait(
            waits, side == SS_CLIENT ? SS_EVIDENCE_SPURIOUS_TO_SERVER : SS_EVIDENCE_SPURIOUS_TO_CLIENT,
            again->since_ns, again->acked_ns);
        return;
    }
    ss_timeline_add_wait(waits, SS_EVIDENCE_RETRANSMITTED, again->since_ns, again->at_ns);
    add(lost_beyond_tap(lost, side), 1);
}

void ss_loss_sent_again(struct ss_handshake *handshake, enum ss_side side, const struct ss_packet *packet,
                        uint32_t seq_end, int64_t since_ns, int64_t t)
{
    struct ss_trouble *trouble = ss_handshake_new_trouble(handshake);

    if (trouble == NULL)
        return;
    struct ss_sent_again *again = trouble->sent_again[side];
    unsigned count = trouble->sent_again_count[side];
    for (unsigned i = 0; i < count; i++) {
        if (again[i].seq_end == seq_end && again[i].at_ns > since_ns)
            since_ns = again[i].at_ns;
    }
    if (count == SS_SENT_AGAIN) {
        settle(handshake, side, &again[0], &trouble->waits, &trouble->lost);
        memmove(again, again + 1, (SS_SENT_AGAIN - 1) * sizeof(*again));
        count--;
    }
    again[count] = (struct ss_sent_again){.since_ns = since_ns,
                                          .at_ns = t,
                                          .seq_end = seq_end,
                                          .ts_value = packet->ts_value,
                                          .has_timestamps = packet->has_timestamps};
    trouble->sent_again_count[side] = (uint8_t)(count + 1);
}

void ss_loss_acknowledged(struct ss_handshake *handshake, enum ss_side side, const struct ss_packet *packet,
                          int64_t t)
{
    bool is_syn = packet->flags & SS_TCP_SYN;

    if (handshake->trouble == SS_POOL_NONE)
        return;
    struct ss_trouble *trouble = ss_pool_at(&handshake->pools->troubles, handshake->trouble);
    for (unsigned i = 0; i < trouble->sent_again_count[side]; i++) {
        struct ss_sent_again *again = &trouble->sent_again[side][i];
        if (again->acked_ns != 0 || !ss_seq_reached(packet->ack, again->seq_end))
            continue;
        bool is_older = again->has_timestamps && packet->has_timestamps &&
                        ss_seq_before(packet->ts_echo, again->ts_value);
        again->acked_ns = t;
        /* A SYN-ACK echoes the first SYN, whichever it answers: a request that it is sent again. */
        again->is_echo = is_older && !is_syn;
        again->is_reported =
            (is_older && is_syn) || (packet->has_again && packet->again_end == again->seq_end);
    }
}

/* ---- lost before the tap */

/* The hole was not made by a loss where what fills it had been sent before what came beyond it. */
static bool is_only_late(const struct ss_sender_clock *clock, const struct ss_packet *packet,
                         int64_t since_ns)
{
    uint32_t value;

    return packet->has_timestamps && ss_sender_clock_value(clock, since_ns, &value) &&
           !ss_seq_before(value, packet->ts_value);
}

static enum ss_evidence closed_by(enum ss_side side)
{
    return side == SS_CLIENT ? SS_EVIDENCE_CLIENT_WINDOW_CLOSED : SS_EVIDENCE_SERVER_WINDOW_CLOSED;
}

/* What a side sent then probed its peer's closed window: the peer did not take it, and it is sent again for
 * that (RFC 9293 section 3.8.6.1). */
static bool was_probe(const struct ss_handshake *handshake, enum ss_side side, int64_t sent_ns)
{
    const struct ss_trouble *trouble = ss_handshake_trouble(handshake);

    if (trouble == NULL)
        return false;
    for (unsigned i = 0; i < trouble->waits.count; i++) {
        const struct ss_timeline_wait *wait = &trouble->waits.at[i];
        if (wait->evidence == closed_by(!side) && sent_ns >= wait->from_ns && sent_ns < wait->to_ns)
            return true;
    }
    int64_t closed_ns = trouble->window_closed_ns[!side];
    return closed_ns != SS_MARK_UNSEEN && sent_ns >= closed_ns;
}

static void take_retransmission(struct ss_handshake *handshake, enum ss_side side,
                                const struct ss_packet *packet, uint32_t seq_end, int64_t since_ns, int64_t t)
{
    if (was_probe(handshake, side, since_ns))
        return;
    if (handshake->talk.state[side] != SS_TALK_GOING) {
        ss_loss_sent_again(handshake, side, packet, seq_end, since_ns, t);
        return;
    }
    struct ss_trouble *trouble = ss_handshake_new_trouble(handshake);
    if (trouble != NULL)
        add(lost_beyond_tap(&trouble->lost, side), 1); /* holds no handshake up */
}

void ss_loss_take_fate(struct ss_handshake *handshake, enum ss_side side, const struct ss_packet *packet,
                       const struct ss_segment_fate *fate, int64_t t)
{
    struct ss_sender *sender = &handshake->sender[side];
    int64_t told_ns;
    bool is_new = fate->kind == SS_SEGMENT_NEW || fate->kind == SS_SEGMENT_FILLED;
    bool had_sent = is_new && ss_sender_had_sent(sender, packet->seq, handshake->stream[side].edge, &told_ns);
    enum ss_evidence evidence = SS_EVIDENCE_HOLE;
    int64_t since_ns = fate->since_ns;

    if (fate->kind == SS_SEGMENT_RETRANSMITTED && !fate->was_acknowledged)
        take_retransmission(handshake, side, packet, packet->seq + packet->payload_bytes, since_ns, t);
    if (fate->begins_again)
        take_retransmission(handshake, side, packet, fate->again_end, fate->again_ns, t);
    if (fate->kind != SS_SEGMENT_FILLED && !had_sent)
        return;
    if (fate->kind != SS_SEGMENT_FILLED || (had_sent && told_ns < since_ns)) {
        evidence = SS_EVIDENCE_SENT_BEFORE;
        since_ns = told_ns;
    }
    if (t - since_ns <= SS_DUPLICATE_MAX_NS || is_only_late(&sender->clock, packet, since_ns))
        return;
    struct ss_trouble *trouble = ss_handshake_new_trouble(handshake);
    if (trouble == NULL)
        return;
    ss_timeline_add_wait(&trouble->waits, evidence, since_ns, t);
    add(lost_before_tap(&trouble->lost, side), 1);
}

#define SEGMENT_BYTES 1460 /* of data, as most paths have it; a frame that is longer was several */

/* As many segments were outstanding in the newest silence, at most, as come after it until the peer answers.
 */
static void count_outstanding(struct ss_trouble *trouble, enum ss_side side, const struct ss_packet *packet)
{
    unsigned own = trouble->gap_count[side], peers = trouble->gap_count[!side];

    if (peers > 0)
        trouble->gaps[!side][peers - 1].is_answered = true;
    if (own > 0 && !trouble->gaps[side][own - 1].is_answered)
        add(&trouble->gaps[side][own - 1].outstanding,
            (packet->payload_bytes + SEGMENT_BYTES - 1) / SEGMENT_BYTES);
}

void ss_loss_take_packet(struct ss_handshake *handshake, enum ss_side side, const struct ss_packet *packet,
                         bool is_again, int64_t t)
{
    struct ss_sender_gap gap;
    bool is_gap = ss_sender_next(&handshake->sender[side], packet, t, is_again, &gap);

    if (!is_gap && handshake->trouble == SS_POOL_NONE)
        return;
    struct ss_trouble *trouble = ss_handshake_new_trouble(handshake);
    if (trouble == NULL)
        return;
    if (is_gap && trouble->gap_count[side] < SS_SENDER_GAPS)
        trouble->gaps[side][trouble->gap_count[side]++] = gap;
    if (packet->payload_bytes > 0 && !is_again)
        count_outstanding(trouble, side, packet);
}

/* ---- windows */

static void take_receive_window(struct ss_handshake *handshake, enum ss_side side,
                                const struct ss_packet *packet, int64_t t)
{
    bool is_closed = packet->window == 0;

    if (!is_closed && handshake->trouble == SS_POOL_NONE)
        return;
    struct ss_trouble *trouble = ss_handshake_new_trouble(handshake);
    if (trouble == NULL)
        return;
    int64_t *closed_ns = &trouble->window_closed_ns[side];
    if (is_closed) {
        if (*closed_ns == SS_MARK_UNSEEN)
            *closed_ns = t;
        return;
    }
    if (*closed_ns != SS_MARK_UNSEEN)
        ss_timeline_add_wait(&trouble->waits, closed_by(side), *closed_ns, t);
    *closed_ns = SS_MARK_UNSEEN;
}

static void take_client_ack(struct ss_handshake *handshake, uint32_t ack, int64_t t)
{
    const struct ss_stream *server = &handshake->stream[SS_SERVER];
    uint32_t acked = ss_stream_acknowledged(server);

    if (!ss_seq_before(acked, ack) || !ss_seq_before(acked, server->edge))
        return;
    handshake->window.released_ns = t;
    if (server->edge - acked > handshake->window.in_flight)
        handshake->window.in_flight = server->edge - acked;
}

static void add_window_wait(struct ss_handshake *handshake, enum ss_evidence evidence, int64_t from_ns,
                            int64_t to_ns)
{
    if (to_ns - from_ns >= WINDOW_LEAST_NS)
        ss_handshake_add_wait(handshake, evidence, from_ns, to_ns);
}

/* The server was silent with a window's worth under way, and went on as soon as part of it was acknowledged:
 * it had to wait for that, first on the client's side of the tap, then on its own. */
static void take_server_data(struct ss_handshake *handshake, int64_t t)
{
    struct ss_flight_window *window = &handshake->window;

    if (window->in_flight >= INITIAL_WINDOW && window->released_ns > window->sent_ns &&
        is_answer(t - window->released_ns, handshake->rtt_ns[SS_SERVER])) {
        add_window_wait(handshake, SS_EVIDENCE_CONGESTION_WINDOW, window->sent_ns, window->released_ns);
        add_window_wait(handshake, SS_EVIDENCE_CONGESTION_WINDOW_OPENED, window->released_ns, t);
    }
    window->sent_ns = t;
    window->in_flight = 0;
}

void ss_loss_take_windows(struct ss_handshake *handshake, enum ss_side side, const struct ss_packet *packet,
                          int64_t t)
{
    const struct ss_stream *server = &handshake->stream[SS_SERVER];

    if (packet->flags & (SS_TCP_SYN | SS_TCP_RST))
        return;
    take_receive_window(handshake, side, packet, t);
    if (side == SS_CLIENT)
        take_client_ack(handshake, packet->ack, t);
    else if (packet->payload_bytes > 0 && packet->seq == server->edge)
        take_server_data(handshake, t);
}

/* ---- the end */

/* Then nothing is lost in between. */
static bool is_beside(enum ss_tap tap, enum ss_side side)
{
    return tap == (side == SS_CLIENT ? SS_TAP_CLIENT : SS_TAP_SERVER);
}

static void add_missing_numbers(const struct ss_handshake *handshake, const struct ss_trouble *trouble,
                                enum ss_side side, struct ss_timeline *timeline, struct ss_lost *lost)
{
    const struct ss_sender *sender = &handshake->sender[side];

    for (unsigned i = 0; i < trouble->gap_count[side]; i++) {
        const struct ss_sender_gap *gap = &trouble->gaps[side][i];
        bool is_label = gap->missing == 0;
        if (!ss_sender_lost(sender, gap, ss_loss_round_trip(timeline)))
            continue;
        ss_timeline_add_wait(&timeline->waits,
                             is_label ? SS_EVIDENCE_LABEL_CHANGED : SS_EVIDENCE_NUMBER_MISSING, gap->since_ns,
                             gap->until_ns);
        add(lost_before_tap(lost, side), is_label ? 1 : gap->missing);
    }
}

/* The first timeouts of a SYN and of a SYN-ACK are 1 s, 2 s, 4 s (RFC 6298 section 2.1), 3 s with older
 * systems; as exact as timers of that length are. */
static void add_syn_timeout(const struct ss_handshake *handshake, struct ss_timeline *timeline)
{
    static const int64_t TIMEOUTS_NS[] = {1000 * MS, 3000 * MS, 7000 * MS};
    int64_t syn_ns = timeline->mark_ns[SS_MARK_SYN], syn_ack_ns = timeline->mark_ns[SS_MARK_SYN_ACK];

    if (syn_ns == SS_MARK_UNSEEN || syn_ack_ns == SS_MARK_UNSEEN || handshake->syns_again[SS_CLIENT] > 0)
        return;
    for (unsigned i = 0; i < 3; i++) {
        int64_t late_ns = syn_ack_ns - syn_ns - TIMEOUTS_NS[i];
        if (late_ns >= -10 * MS && late_ns <= TIMEOUTS_NS[i] / 16 + timeline->client_rtt_ns)
            ss_timeline_add_wait(&timeline->waits, SS_EVIDENCE_SYN_TIMEOUT, syn_ns, syn_ack_ns);
    }
}

static bool is_explained(const struct ss_timeline *timeline, int64_t until_ns)
{
    for (unsigned i = 0; i < timeline->waits.count; i++) {
        if (timeline->waits.at[i].to_ns == until_ns)
            return true;
    }
    return false;
}

/* What the length of a side's silence tells where nothing else does; SS_EVIDENCE_COUNT: nothing. */
static enum ss_evidence evidence_of_length(enum ss_side side, int64_t silence_ns, int64_t rtt_ns)
{
    if (ss_sender_is_timeout(silence_ns, rtt_ns))
        return SS_EVIDENCE_TIMEOUT_LENGTH;
    if (!ss_sender_may_hold_timeout(silence_ns, rtt_ns))
        return SS_EVIDENCE_COUNT;
    return side == SS_CLIENT ? SS_EVIDENCE_CLIENT_OR_LOSS : SS_EVIDENCE_SERVER_OR_LOSS;
}

/* As far as the numbers that it left out tell. */
static bool counts(const struct ss_handshake *handshake, enum ss_side side, int64_t rtt_ns)
{
    const struct ss_trouble *trouble = ss_handshake_trouble(handshake);

    for (unsigned i = 0; trouble != NULL && i < trouble->gap_count[side]; i++) {
        if (ss_sender_shares_numbers(&trouble->gaps[side][i], rtt_ns))
            return false;
    }
    return ss_sender_counts(&handshake->sender[side]);
}

/* Phases that a segment of that side ended. */
static void add_lengths(const struct ss_handshake *handshake, enum ss_tap tap, struct ss_timeline *timeline)
{
    static const struct {
        enum ss_mark from, to;
        enum ss_side side;
    } SILENCES[] = {
        {SS_MARK_CLIENT_HELLO_FIRST, SS_MARK_CLIENT_HELLO, SS_CLIENT},
        {SS_MARK_HELLO_RETRY, SS_MARK_CLIENT_HELLO_2, SS_CLIENT},
        {SS_MARK_FLIGHT_ACK, SS_MARK_CLIENT_FINISHED, SS_CLIENT},
        {SS_MARK_HELLO_ACK, SS_MARK_HELLO_RETRY, SS_SERVER},
        {SS_MARK_HELLO_ACK, SS_MARK_SERVER_HELLO, SS_SERVER},
        {SS_MARK_SERVER_HELLO, SS_MARK_SERVER_FLIGHT, SS_SERVER},
        {SS_MARK_CLIENT_FINISHED, SS_MARK_SERVER_FINISHED, SS_SERVER},
    };
    int64_t rtt_ns = ss_loss_round_trip(timeline);

    for (unsigned i = 0; i < sizeof(SILENCES) / sizeof(SILENCES[0]); i++) {
        enum ss_side side = SILENCES[i].side;
        int64_t from_ns = timeline->mark_ns[SILENCES[i].from], to_ns = timeline->mark_ns[SILENCES[i].to];
        if (from_ns == SS_MARK_UNSEEN || to_ns == SS_MARK_UNSEEN || is_beside(tap, side) ||
            counts(handshake, side, rtt_ns) || is_explained(timeline, to_ns))
            continue;
        enum ss_evidence evidence = evidence_of_length(side, to_ns - from_ns, rtt_ns);
        if (evidence != SS_EVIDENCE_COUNT)
            ss_timeline_add_wait(&timeline->waits, evidence, from_ns, to_ns);
    }
}

/* Where nothing else tells of that time. */
static void add_doubt_of_flight_ack(enum ss_tap tap, struct ss_timeline *timeline)
{
    int64_t from_ns = timeline->mark_ns[SS_MARK_SERVER_FLIGHT], to_ns = timeline->mark_ns[SS_MARK_FLIGHT_ACK];

    if (!ss_owner_flight_ack_is_doubtful(timeline, tap))
        return;
    for (unsigned i = 0; i < timeline->waits.count; i++) {
        if (timeline->waits.at[i].from_ns < to_ns && timeline->waits.at[i].to_ns > from_ns)
            return;
    }
    ss_timeline_add_wait(&timeline->waits, SS_EVIDENCE_PATH_OR_CLIENT, from_ns, to_ns);
}

/* Of the segments that made a mark: others hold nothing up. */
static void add_late(const struct ss_handshake *handshake, enum ss_side side, int64_t tick_ns,
                     struct ss_timeline *timeline)
{
    static const struct {
        enum ss_mark mark;
        enum ss_side side;
    } SENT[] = {
        {SS_MARK_ACK, SS_CLIENT},
        {SS_MARK_CLIENT_HELLO_FIRST, SS_CLIENT},
        {SS_MARK_CLIENT_HELLO, SS_CLIENT},
        {SS_MARK_HELLO_ACK, SS_SERVER},
        {SS_MARK_HELLO_RETRY, SS_SERVER},
        {SS_MARK_CLIENT_HELLO_2, SS_CLIENT},
        {SS_MARK_SERVER_HELLO, SS_SERVER},
        {SS_MARK_SERVER_FLIGHT, SS_SERVER},
        {SS_MARK_FLIGHT_ACK, SS_CLIENT},
        {SS_MARK_CLIENT_FINISHED, SS_CLIENT},
        {SS_MARK_SERVER_FINISHED, SS_SERVER},
    };
    const struct ss_sender_clock *clock = &handshake->sender[side].clock;

    if (tick_ns == 0 || ss_sender_clock_spread(clock, tick_ns) < LATE_LEAST_NS)
        return;
    for (unsigned i = 0; i < sizeof(SENT) / sizeof(SENT[0]); i++) {
        int64_t at_ns = timeline->mark_ns[SENT[i].mark];
        if (SENT[i].side != side || at_ns == SS_MARK_UNSEEN)
            continue;
        int64_t late_ns = ss_sender_clock_late(clock, tick_ns, at_ns);
        if (late_ns >= LATE_LEAST_NS && late_ns > 2 * tick_ns && late_ns > handshake->clock_error_ns)
            ss_timeline_add_wait(&timeline->waits,
                                 side == SS_CLIENT ? SS_EVIDENCE_LATE_FROM_CLIENT
                                                   : SS_EVIDENCE_LATE_FROM_SERVER,
                                 at_ns - late_ns, at_ns);
    }
}

static void close_window(const struct ss_handshake *handshake, const struct ss_trouble *trouble,
                         enum ss_side side, struct ss_timeline *timeline)
{
    if (trouble->window_closed_ns[side] != SS_MARK_UNSEEN)
        ss_timeline_add_wait(&timeline->waits, closed_by(side), trouble->window_closed_ns[side],
                             handshake->last_ns);
}

void ss_loss_conclude(const struct ss_handshake *handshake, enum ss_tap tap, const int64_t tick_ns[2],
                      struct ss_timeline *timeline, struct ss_lost *lost)
{
    const struct ss_trouble *trouble = ss_handshake_trouble(handshake);

    for (unsigned side = 0; side < 2; side++) {
        for (unsigned i = 0; trouble != NULL && i < trouble->sent_again_count[side]; i++)
            settle(handshake, side, &trouble->sent_again[side][i], &timeline->waits, lost);
        if (trouble != NULL && !is_beside(tap, side))
            add_missing_numbers(handshake, trouble, side, timeline, lost);
        if (trouble != NULL)
            close_window(handshake, trouble, side, timeline);
        add_late(handshake, side, tick_ns[side], timeline);
    }
    if (!is_beside(tap, SS_SERVER))
        add_syn_timeout(handshake, timeline);
    add_lengths(handshake, tap, timeline);
    add_doubt_of_flight_ack(tap, timeline);
}
