// SPDX-License-Identifier: BSD-3-Clause

/* A handshake, as far as it has come, to a finding. */

#include "analyzer/handshake.h"

#include "analyzer/answer.h"
#include "analyzer/handshake_loss.h"

#include <stddef.h>
#include <string.h>

static void place_flight(const struct ss_handshake *handshake, struct ss_timeline *timeline)
{
    struct ss_flight flight;

    if (!ss_answer_flight(handshake, &flight))
        return;
    timeline->mark_ns[SS_MARK_SERVER_FLIGHT] = flight.seen_ns;
    timeline->answer_begin_ns = ss_answer_begin_ns(handshake, flight.end);
    timeline->mark_ns[SS_MARK_FLIGHT_ACK] = flight.acked_ns;
    /* Given up as lost by the mirror, long after it had been acknowledged: when it passed is not known. */
    if (handshake->missing_bytes > 0 && flight.acked_ns != SS_MARK_UNSEEN && flight.seen_ns > flight.acked_ns)
        timeline->mark_ns[SS_MARK_SERVER_FLIGHT] = SS_MARK_UNSEEN;
}

/* Since when bytes are acknowledged that were not seen, with no packet after them to find it out by. False:
 * there are none. */
static bool lacks_bytes(const struct ss_handshake *handshake, enum ss_side side, int64_t *ret_since_ns)
{
    const struct ss_stream *stream = &handshake->stream[side];

    return handshake->saw[side] && ss_stream_acknowledged_at(stream, stream->edge + 2, ret_since_ns);
}

/* How many: as with a hole, the mirror may still show what was acknowledged lately. */
static uint32_t missing_of(const struct ss_handshake *handshake, enum ss_side side, int64_t until_ns)
{
    const struct ss_stream *stream = &handshake->stream[side];
    int64_t since_ns;

    if (!lacks_bytes(handshake, side, &since_ns) ||
        until_ns - handshake->base_ns - since_ns < SS_HOLE_PATIENCE_NS)
        return 0;
    return ss_stream_acknowledged(stream) - stream->edge;
}

/* Where the mirror lacks bytes, what would have completed it may be among them. */
static bool is_waited_for(const struct ss_handshake *handshake)
{
    int64_t since_ns;

    return handshake->outcome != SS_OUTCOME_COMPLETE && !handshake->is_given_up &&
           !lacks_bytes(handshake, SS_CLIENT, &since_ns) && !lacks_bytes(handshake, SS_SERVER, &since_ns);
}

static int64_t measured(int64_t least_ns)
{
    return least_ns > 0 ? least_ns : SS_MARK_UNSEEN;
}

static enum ss_visibility visibility_of(const struct ss_handshake *handshake)
{
    if (handshake->saw[SS_CLIENT] && handshake->saw[SS_SERVER])
        return SS_SEEN_BOTH;
    return handshake->saw[SS_CLIENT] ? SS_SEEN_CLIENT_ONLY : SS_SEEN_SERVER_ONLY;
}

/* The other side has acknowledged what the mirror does not show. */
static bool is_hidden(const struct ss_handshake *handshake, enum ss_side side)
{
    return !handshake->saw[side] && handshake->stream[side].started;
}

/* A flight of TLS 1.3 whose Finished has no record of its own: the client's answer alone tells where it
 * ended. */
static bool is_flight_end_hidden(const struct ss_handshake *handshake)
{
    return is_hidden(handshake, SS_CLIENT) && handshake->encrypted_records > 0 && !handshake->has_flight_end;
}

static uint16_t added(uint16_t a, uint16_t b)
{
    return (uint16_t)(a + b < UINT16_MAX ? a + b : UINT16_MAX);
}

static uint16_t retransmits_of(const struct ss_handshake *handshake, enum ss_side side)
{
    return added(handshake->stream[side].retransmitted, handshake->syns_again[side]);
}

/* How long a phase was by the clock of its sender, where one side made both its marks. */
static void measure_by_sender(const struct ss_handshake *handshake, const struct ss_timeline *timeline,
                              const int64_t tick_ns[2], struct ss_finding *finding)
{
    static const struct {
        enum ss_phase phase;
        enum ss_mark from, to;
        enum ss_side side;
    } PHASES[] = {
        {SS_PHASE_HELLO_WAIT, SS_MARK_ACK, SS_MARK_CLIENT_HELLO_FIRST, SS_CLIENT},
        {SS_PHASE_HELLO_SEND, SS_MARK_CLIENT_HELLO_FIRST, SS_MARK_CLIENT_HELLO, SS_CLIENT},
        {SS_PHASE_SERVER_HELLO, SS_MARK_HELLO_ACK, SS_MARK_SERVER_HELLO, SS_SERVER},
        {SS_PHASE_SERVER_FLIGHT, SS_MARK_SERVER_HELLO, SS_MARK_SERVER_FLIGHT, SS_SERVER},
        {SS_PHASE_CLIENT_FINISH, SS_MARK_FLIGHT_ACK, SS_MARK_CLIENT_FINISHED, SS_CLIENT},
    };
    const int64_t *marks = timeline->mark_ns;

    for (unsigned i = 0; i < sizeof(PHASES) / sizeof(PHASES[0]); i++) {
        enum ss_side side = PHASES[i].side;
        int64_t sent_ns;
        if (marks[PHASES[i].from] != SS_MARK_UNSEEN && marks[PHASES[i].to] != SS_MARK_UNSEEN &&
            ss_sender_clock_between(&handshake->sender[side].clock, tick_ns[side], marks[PHASES[i].from],
                                    marks[PHASES[i].to], &sent_ns) &&
            sent_ns >= 0)
            finding->sent_ns[PHASES[i].phase] = sent_ns;
    }
}

static void put_evidence(const struct ss_timeline *timeline, struct ss_finding *finding)
{
    finding->wait_count = timeline->waits.count;
    memcpy(finding->waits, timeline->waits.at, timeline->waits.count * sizeof(finding->waits[0]));
    for (unsigned i = 1; i < finding->wait_count; i++) { /* few, and nearly in order */
        struct ss_timeline_wait wait = finding->waits[i];
        unsigned at = i;
        for (; at > 0 && finding->waits[at - 1].from_ns > wait.from_ns; at--)
            finding->waits[at] = finding->waits[at - 1];
        finding->waits[at] = wait;
    }
}

/* As far as it is known while packets come. */
static void begin_timeline(const struct ss_handshake *handshake, struct ss_timeline *timeline)
{
    const struct ss_trouble *trouble = ss_handshake_trouble(handshake);

    ss_timeline_init(timeline);
    memcpy(timeline->mark_ns, handshake->mark_ns, sizeof(timeline->mark_ns));
    timeline->mark_ns[SS_MARK_SERVER_FLIGHT] = timeline->mark_ns[SS_MARK_FLIGHT_ACK] = SS_MARK_UNSEEN;
    if (handshake->talk.state[SS_CLIENT] != SS_TALK_OVER && handshake->talk.state[SS_SERVER] != SS_TALK_OVER)
        timeline->mark_ns[SS_MARK_TALK] = SS_MARK_UNSEEN;
    if (!handshake->hello_retry)
        timeline->mark_ns[SS_MARK_CLIENT_HELLO_2] = SS_MARK_UNSEEN;
    timeline->client_rtt_ns = handshake->rtt_ns[SS_CLIENT];
    timeline->server_rtt_ns = handshake->rtt_ns[SS_SERVER];
    timeline->client_hidden = is_hidden(handshake, SS_CLIENT);
    timeline->server_hidden = is_hidden(handshake, SS_SERVER) || is_flight_end_hidden(handshake);
    if (trouble != NULL)
        timeline->waits = trouble->waits;
    if (timeline->mark_ns[SS_MARK_SYN] != SS_MARK_UNSEEN &&
        timeline->mark_ns[SS_MARK_SYN_ACK] == SS_MARK_UNSEEN)
        timeline->mark_ns[SS_MARK_ACK] = handshake->early_ack_ns;
}

static void put_tls(const struct ss_handshake *handshake, struct ss_finding_tls *tls)
{
    const struct ss_told *told = handshake->told;

    tls->version = handshake->version;
    tls->cipher = handshake->cipher;
    tls->group = handshake->group;
    tls->hello_seen = handshake->has_names;
    tls->server_hello_seen = handshake->has_server_hello;
    tls->hello_retry = handshake->hello_retry;
    tls->resumed = handshake->resumed;
    tls->early_data = handshake->early_data;
    tls->ech = handshake->ech;
    tls->sni[0] = tls->alpn[0] = '\0';
    if (!handshake->has_names)
        return;
    memcpy(tls->sni, told->sni, ss_sni_bytes(told->sni));
    memcpy(tls->alpn, told->alpn, ss_alpn_bytes(told->alpn));
    tls->has_ja4 = told->has_ja4;
    tls->is_ja4_left_out = told->is_ja4_left_out;
    if (told->has_ja4)
        memcpy(&tls->ja4, &told->ja4, ss_ja4_bytes(&told->ja4));
}

static void put_proxied(const struct ss_handshake *handshake, struct ss_finding *finding)
{
    finding->has_proxied = handshake->talk.has_proxied;
    if (!finding->has_proxied)
        return;
    finding->proxied_client = handshake->told->proxied_client;
    finding->proxied_server = handshake->told->proxied_server;
}

void ss_handshake_conclude(const struct ss_handshake *handshake, enum ss_tap tap, int64_t until_ns,
                           struct ss_finding *ret_finding)
{
    struct ss_timeline timeline;
    struct ss_finding *finding = ret_finding;
    const struct ss_trouble *trouble = ss_handshake_trouble(handshake);
    bool is_open = handshake->outcome == SS_OUTCOME_COUNT;
    bool was_left = is_open || handshake->outcome == SS_OUTCOME_UNFINISHED;
    const int64_t tick_ns[2] = {ss_sender_clock_tick(&handshake->sender[SS_CLIENT].clock),
                                ss_sender_clock_tick(&handshake->sender[SS_SERVER].clock)};

    memset(finding, 0, offsetof(struct ss_finding, tls.sni)); /* what follows is text and lists */
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        finding->sent_ns[i] = SS_MARK_UNSEEN;
    if (trouble != NULL)
        finding->lost = trouble->lost;
    begin_timeline(handshake, &timeline);
    place_flight(handshake, &timeline);
    ss_loss_conclude(handshake, tap, tick_ns, &timeline, &finding->lost);
    if (is_waited_for(handshake))
        timeline.open_until_ns = was_left ? until_ns - handshake->base_ns : handshake->ended_ns;
    ss_timeline_judge(&timeline, tap, &finding->judged);
    put_evidence(&timeline, finding);
    measure_by_sender(handshake, &timeline, tick_ns, finding);

    finding->start_ns = handshake->base_ns;
    finding->encap_count = handshake->encap_count;
    if (handshake->encap_count > 0)
        memcpy(finding->encap, handshake->told->encap, sizeof(finding->encap));
    finding->visibility = (uint8_t)visibility_of(handshake);
    finding->outcome = is_open ? SS_OUTCOME_UNFINISHED : handshake->outcome;
    finding->alert = handshake->alert;
    finding->clock_error_ns = handshake->clock_error_ns;
    memcpy(finding->mark_ns, timeline.mark_ns, sizeof(finding->mark_ns));
    finding->rtt_ns = measured(timeline.client_rtt_ns);
    finding->server_rtt_ns = measured(timeline.server_rtt_ns);
    finding->client_retransmits = retransmits_of(handshake, SS_CLIENT);
    finding->server_retransmits = retransmits_of(handshake, SS_SERVER);
    finding->tap_missing_bytes = handshake->missing_bytes + missing_of(handshake, SS_CLIENT, until_ns) +
                                 missing_of(handshake, SS_SERVER, until_ns);
    finding->mirror_duplicates = handshake->duplicates;
    finding->conflicts = handshake->conflicts;
    put_proxied(handshake, finding);
    finding->still_open = is_open;
    finding->lacks_evidence = handshake->lacks_evidence || timeline.waits.lacks_some;
    finding->is_tls = ss_handshake_is_tls(handshake);
    put_tls(handshake, &finding->tls);
}
