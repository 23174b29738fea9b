// SPDX-License-Identifier: BSD-3-Clause

/* The sentence that says why: what a person can look up in the marks and in the pcapng, and nothing else. */

#include "export/reconcile.h"
#include "base/units.h"
#include "export/evidence.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ANY             SS_MARK_COUNT
#define SENTENCE_BYTES  320

/* Text that is cut where its room ends. */
struct text {
    char *at;
    size_t left; /* with the zero */
};

/* What one sentence speaks of. */
struct facts {
    const struct ss_finding *finding;
    enum ss_verdict verdict;
    enum ss_phase phase; /* the largest of those the verdict can lie in; SS_PHASE_COUNT: none was seen */
    enum ss_mark from;   /* where that phase begins */
    int64_t share_ns;    /* of the verdict, with what an open handshake still waits for */
    int64_t all_ns;
};

/* Marks as they are called after "after". */
static const char *const MOMENTS[] = {
    [SS_MARK_SYN] = "the first SYN",
    [SS_MARK_SYN_ACK] = "the SYN-ACK",
    [SS_MARK_ACK] = "the client's ACK",
    [SS_MARK_TALK] = "the end of the talk before TLS",
    [SS_MARK_CLIENT_HELLO_FIRST] = "the first byte of the ClientHello",
    [SS_MARK_CLIENT_HELLO] = "the ClientHello",
    [SS_MARK_HELLO_ACK] = "the server's acknowledgement of the ClientHello",
    [SS_MARK_HELLO_RETRY] = "the HelloRetryRequest",
    [SS_MARK_CLIENT_HELLO_2] = "the second ClientHello",
    [SS_MARK_SERVER_HELLO] = "the ServerHello",
    [SS_MARK_SERVER_FLIGHT] = "the last byte of the server's flight",
    [SS_MARK_FLIGHT_ACK] = "the client's acknowledgement of the flight",
    [SS_MARK_CLIENT_FINISHED] = "the client's answer to the flight",
    [SS_MARK_SERVER_FINISHED] = "the server's ChangeCipherSpec",
};
_Static_assert(COUNT_OF(MOMENTS) == SS_MARK_COUNT, "every mark has its words");

/* The first row that fits is said. from: the mark that the phase begins with; with: a mark that came in the
 * same moment as the phase's end. For what stands in braces see add_value(). */
static const struct row {
    enum ss_verdict verdict;
    enum ss_phase phase;
    enum ss_mark from, with;
    const char *sentence;
} ROWS[] = {
    {SS_VERDICT_CLIENT, SS_PHASE_CLIENT_FINISH, SS_MARK_FLIGHT_ACK, ANY,
     "the client acknowledged the server's flight, then took {phase} to send its {answer}"},
    {SS_VERDICT_CLIENT, SS_PHASE_CLIENT_FINISH, ANY, ANY,
     "the client took {phase} after {from} to send its {answer}{client_rtt}"},
    {SS_VERDICT_CLIENT, SS_PHASE_FLIGHT_ACK, ANY, SS_MARK_CLIENT_FINISHED,
     "the client acknowledged the server's flight only with its {answer}, {phase} after {from}{client_rtt}"},
    {SS_VERDICT_CLIENT, SS_PHASE_FLIGHT_ACK, ANY, ANY,
     "the client took {phase} after {from} to acknowledge the server's flight{client_rtt}"},
    {SS_VERDICT_CLIENT, SS_PHASE_HELLO_AGAIN, ANY, ANY,
     "the client took {phase} to answer the HelloRetryRequest{client_rtt}"},
    {SS_VERDICT_CLIENT, SS_PHASE_HELLO_SEND, ANY, ANY,
     "the client took {phase} from the first to the last byte of its ClientHello"},
    {SS_VERDICT_CLIENT, SS_PHASE_TCP_RETURN, ANY, ANY, "the client took {phase} to acknowledge the SYN-ACK"},

    {SS_VERDICT_CLIENT_PATH, SS_PHASE_TCP_RETURN, ANY, ANY,
     "the client's ACK came {phase} after the SYN-ACK"},
    {SS_VERDICT_CLIENT_PATH, SS_PHASE_HELLO_SEND, ANY, ANY,
     "the last byte of the ClientHello came {phase} after its first"},
    {SS_VERDICT_CLIENT_PATH, SS_PHASE_HELLO_AGAIN, ANY, ANY,
     "the second ClientHello came {phase} after the HelloRetryRequest"},
    {SS_VERDICT_CLIENT_PATH, SS_PHASE_SERVER_FLIGHT, ANY, ANY,
     "the last byte of the server's flight came {phase} after {from}"},
    {SS_VERDICT_CLIENT_PATH, SS_PHASE_FLIGHT_ACK, ANY, ANY,
     "the client's acknowledgement of the server's flight came {phase} after {from}"},
    {SS_VERDICT_CLIENT_PATH, SS_PHASE_CLIENT_FINISH, ANY, ANY,
     "the client's {answer} came {phase} after {from}"},

    {SS_VERDICT_SERVER, SS_PHASE_TCP_ACCEPT, ANY, ANY,
     "the server's SYN-ACK came {phase} after the first SYN"},
    {SS_VERDICT_SERVER, SS_PHASE_HELLO_ACK, ANY, SS_MARK_SERVER_HELLO,
     "the server acknowledged the ClientHello only with its ServerHello, {phase} after it"},
    {SS_VERDICT_SERVER, SS_PHASE_HELLO_ACK, ANY, SS_MARK_HELLO_RETRY,
     "the server acknowledged the ClientHello only with its HelloRetryRequest, {phase} after it"},
    {SS_VERDICT_SERVER, SS_PHASE_HELLO_ACK, ANY, ANY,
     "the server's kernel took {phase} to acknowledge the ClientHello"},
    {SS_VERDICT_SERVER, SS_PHASE_HELLO_RETRY, SS_MARK_HELLO_ACK, ANY,
     "the server's kernel acknowledged the ClientHello {before}, its HelloRetryRequest took {phase} "
     "more"},
    {SS_VERDICT_SERVER, SS_PHASE_HELLO_RETRY, ANY, ANY,
     "the server's HelloRetryRequest came {phase} after {from}"},
    {SS_VERDICT_SERVER, SS_PHASE_SERVER_HELLO, SS_MARK_HELLO_ACK, ANY,
     "the server's kernel acknowledged the ClientHello {before}, its ServerHello took {phase} more"},
    {SS_VERDICT_SERVER, SS_PHASE_SERVER_HELLO, ANY, ANY,
     "the server's ServerHello came {phase} after {from}"},
    {SS_VERDICT_SERVER, SS_PHASE_SERVER_FLIGHT, ANY, ANY,
     "the server took {phase} from {from} to the last byte of its flight"},
    {SS_VERDICT_SERVER, SS_PHASE_SERVER_FINISH, ANY, ANY,
     "the server's ChangeCipherSpec came {phase} after {from}"},

    {SS_VERDICT_SERVER_PATH, SS_PHASE_TCP_ACCEPT, ANY, ANY, "the SYN-ACK came {phase} after the first SYN"},
    {SS_VERDICT_SERVER_PATH, SS_PHASE_HELLO_ACK, ANY, ANY,
     "the server's acknowledgement of the ClientHello came {phase} after it"},
    {SS_VERDICT_SERVER_PATH, SS_PHASE_HELLO_RETRY, ANY, ANY,
     "the HelloRetryRequest came {phase} after {from}"},
    {SS_VERDICT_SERVER_PATH, SS_PHASE_SERVER_HELLO, ANY, ANY, "the ServerHello came {phase} after {from}"},
    {SS_VERDICT_SERVER_PATH, SS_PHASE_SERVER_FINISH, ANY, ANY,
     "the server's ChangeCipherSpec came {phase} after {from}"},

    {SS_VERDICT_IDLE, SS_PHASE_TALK, ANY, ANY, "client and server talked for {phase} before TLS began"},
    {SS_VERDICT_IDLE, SS_PHASE_HELLO_WAIT, SS_MARK_TALK, ANY,
     "after the talk before TLS the client sent nothing for {phase}"},
    {SS_VERDICT_IDLE, SS_PHASE_HELLO_WAIT, ANY, ANY, "the client connected, then sent nothing for {phase}"},
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->at, text->left, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size_t used = (size_t)length < text->left ? (size_t)length : text->left - 1;
    text->at += used;
    text->left -= used;
}

static void say_duration(struct text *text, int64_t ns)
{
    char duration[SS_DURATION_TEXT_MAX];
    say(text, "%s", ss_duration_say(ns, duration));
}

/* What the mark client_finished is made from: TLS 1.3 the Finished, before that the ChangeCipherSpec. */
static const char *answer_of(const struct ss_finding *finding)
{
    if (finding->outcome == SS_OUTCOME_CLIENT_REJECTED)
        return "encrypted alert";
    return finding->tls.version > 0x0303 ? "Finished" : "ChangeCipherSpec";
}

static const char *moment_of(const struct ss_finding *finding, enum ss_mark mark)
{
    if (mark == SS_MARK_COUNT)
        return "the first packet";
    if (mark != SS_MARK_CLIENT_FINISHED || finding->outcome == SS_OUTCOME_CLIENT_REJECTED)
        return MOMENTS[mark];
    return finding->tls.version > 0x0303 ? "the client's Finished" : "the client's ChangeCipherSpec";
}

/* The first (step 1) or last (step -1) mark seen from the given one on, or SS_MARK_COUNT. */
static enum ss_mark mark_seen(const struct ss_finding *finding, int mark, int step)
{
    for (; mark >= 0 && mark < SS_MARK_COUNT; mark += step) {
        if (finding->mark_ns[mark] != SS_MARK_UNSEEN)
            return (enum ss_mark)mark;
    }
    return SS_MARK_COUNT;
}

/* The kernel's answer may come in the same burst: then nothing finer can be said. */
static void say_before(struct text *text, int64_t ns)
{
    if (ns <= 0) {
        say(text, "at once");
        return;
    }
    say(text, "after ");
    say_duration(text, ns);
}

/* How long the phase before the one that the sentence is about took. */
static int64_t phase_before(const struct facts *facts)
{
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++) {
        if (ss_phase_end((enum ss_phase)i) == facts->from &&
            facts->finding->judged.phase_ns[i] != SS_MARK_UNSEEN)
            return facts->finding->judged.phase_ns[i];
    }
    return 0;
}

static bool is_named(const char *name, size_t length, const char *wanted)
{
    return strlen(wanted) == length && memcmp(name, wanted, length) == 0;
}

static void add_value(struct text *text, const struct facts *facts, const char *name, size_t length)
{
    const struct ss_finding *finding = facts->finding;

    if (is_named(name, length, "phase")) {
        say_duration(text, finding->judged.phase_ns[facts->phase]);
    } else if (is_named(name, length, "before")) {
        say_before(text, phase_before(facts));
    } else if (is_named(name, length, "from")) {
        say(text, "%s", moment_of(finding, facts->from));
    } else if (is_named(name, length, "answer")) {
        say(text, "%s", answer_of(finding));
    } else if (finding->rtt_ns != SS_MARK_UNSEEN) { /* client_rtt */
        say(text, "; a round trip to it takes ");
        say_duration(text, finding->rtt_ns);
    }
}

static void add_sentence(struct text *text, const struct facts *facts, const char *sentence)
{
    for (;;) {
        size_t plain = strcspn(sentence, "{");
        say(text, "%.*s", (int)plain, sentence);
        if (sentence[plain] == '\0')
            return;
        const char *name = sentence + plain + 1;
        size_t length = strcspn(name, "}");
        add_value(text, facts, name, length);
        sentence = name + length + 1;
    }
}

static bool row_fits(const struct row *row, const struct facts *facts)
{
    const int64_t *mark_ns = facts->finding->mark_ns;

    return row->verdict == facts->verdict && row->phase == facts->phase &&
           (row->from == ANY || row->from == facts->from) &&
           (row->with == ANY || mark_ns[row->with] == mark_ns[ss_phase_end(row->phase)]);
}

static enum ss_phase largest_phase(const struct ss_finding *finding, enum ss_verdict verdict)
{
    enum ss_phase largest = SS_PHASE_COUNT;
    int64_t largest_ns = 0;

    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        int64_t ns = finding->judged.phase_ns[ROWS[i].phase];
        if (ROWS[i].verdict == verdict && ns > largest_ns) {
            largest_ns = ns;
            largest = ROWS[i].phase;
        }
    }
    return largest;
}

static const char *who(enum ss_verdict verdict)
{
    return ss_share_about((enum ss_share)verdict);
}

/* "; in all, 500 ms of 800 ms went to the client": where one phase is not about the whole of it. */
static void add_total(struct text *text, const struct facts *facts, int64_t said_ns)
{
    int64_t gap_ns = facts->share_ns - said_ns;
    if (gap_ns <= said_ns / 10 && -gap_ns <= said_ns / 10)
        return;
    say(text, "; in all, ");
    say_duration(text, facts->share_ns);
    say(text, " of ");
    say_duration(text, facts->all_ns);
    say(text, " went to %s", who(facts->verdict));
}

/* What the blamed one's own clock says of the phase. */
static void add_sender_clock(struct text *text, const struct facts *facts)
{
    int64_t sent_ns = facts->finding->sent_ns[facts->phase];

    if (sent_ns == SS_MARK_UNSEEN || sent_ns == 0 ||
        (facts->verdict != SS_VERDICT_CLIENT && facts->verdict != SS_VERDICT_SERVER))
        return;
    say(text, "; its own TCP clock says ");
    say_duration(text, sent_ns);
}

static void add_phase(struct text *text, const struct facts *facts)
{
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        if (!row_fits(&ROWS[i], facts))
            continue;
        add_sentence(text, facts, ROWS[i].sentence);
        add_sender_clock(text, facts);
        add_total(text, facts, facts->finding->judged.phase_ns[facts->phase]);
        return;
    }
    say_duration(text, facts->share_ns);
    say(text, " of ");
    say_duration(text, facts->all_ns);
    say(text, " went to %s", who(facts->verdict));
}

/* Evidence that is the better part of it, a doubt behind whose turn it was; false: there is none. */
static bool add_evidence(struct text *text, const struct facts *facts)
{
    int64_t ns;
    enum ss_evidence evidence = ss_evidence_of(facts->finding, facts->verdict, &ns);

    if (evidence == SS_EVIDENCE_COUNT)
        return false;
    if (ss_evidence_strength(evidence) == SS_STRENGTH_DOUBT)
        add_phase(text, facts);
    char sentence[SENTENCE_BYTES];
    ss_evidence_say(evidence, ns, sentence, sizeof(sentence));
    say(text, "%s", sentence);
    return true;
}

/* What an open handshake waits for, where that is most of the verdict's time. */
static bool add_pending(struct text *text, const struct facts *facts)
{
    const struct ss_judgement *judged = &facts->finding->judged;

    if (judged->pending_ns <= 0 || judged->pending_phase >= SS_PHASE_COUNT ||
        judged->pending_share != (unsigned)facts->verdict || judged->pending_ns < facts->share_ns / 2)
        return false;
    if (facts->verdict == SS_VERDICT_IDLE && judged->pending_phase == SS_PHASE_HELLO_WAIT) {
        say(text, "the client connected, then sent nothing for ");
        say_duration(text, judged->pending_ns);
    } else {
        enum ss_mark awaited = ss_phase_end((enum ss_phase)judged->pending_phase);
        say_duration(text, judged->pending_ns);
        say(text, " after %s, %s had not come",
            moment_of(facts->finding, mark_seen(facts->finding, SS_MARK_COUNT - 1, -1)),
            moment_of(facts->finding, awaited));
    }
    add_total(text, facts, judged->pending_ns);
    return true;
}

/* Round trips are told as such, counted where their number comes out even. */
static bool add_round_trips(struct text *text, const struct facts *facts)
{
    bool to_client = facts->verdict == SS_VERDICT_CLIENT_PATH;
    int64_t rtt_ns = to_client ? facts->finding->rtt_ns : facts->finding->server_rtt_ns;

    if (rtt_ns <= 0 || facts->share_ns < rtt_ns)
        return false;
    int64_t trips = (facts->share_ns + rtt_ns / 2) / rtt_ns;
    int64_t off_ns = facts->share_ns - trips * rtt_ns;
    say(text, "a round trip to the %s takes ", to_client ? "client" : "server");
    say_duration(text, rtt_ns);
    if (trips <= 8 && off_ns <= rtt_ns / 8 && -off_ns <= rtt_ns / 8) {
        say(text, ", and the handshake waited for %" PRId64 " of them", trips);
        return true;
    }
    say(text, "; in all, ");
    say_duration(text, facts->share_ns);
    say(text, " of ");
    say_duration(text, facts->all_ns);
    say(text, " went to %s", who(facts->verdict));
    return true;
}

static void add_loss_place(struct text *text, unsigned count, const char *from, const char *to)
{
    if (count > 0)
        say(text, "; %u lost between %s and %s", count, from, to);
}

static void add_loss(struct text *text, const struct facts *facts)
{
    const struct ss_finding *finding = facts->finding;
    unsigned by_client = finding->client_retransmits, by_server = finding->server_retransmits;
    unsigned all = by_client + by_server;

    if (facts->share_ns == 0 && finding->judged.after_ns > 0) {
        say(text, "the last message was sent again ");
        say_duration(text, finding->judged.after_ns);
        say(text, " after it had passed the tap");
    } else if (all > 0) {
        say(text, "%u segment%s sent again (%u by the client, %u by the server); ", all,
            all == 1 ? " was" : "s were", by_client, by_server);
        say_duration(text, facts->share_ns);
        say(text, " went by waiting for %s", all == 1 ? "it" : "them");
    } else if (!add_evidence(text, facts)) {
        say_duration(text, facts->share_ns);
        say(text, " went by waiting for lost packets");
    }
    add_loss_place(text, finding->lost.client_to_tap, "the client", "the tap");
    add_loss_place(text, finding->lost.tap_to_server, "the tap", "the server");
    add_loss_place(text, finding->lost.server_to_tap, "the server", "the tap");
    add_loss_place(text, finding->lost.tap_to_client, "the tap", "the client");
}

static void add_tap(struct text *text, const struct facts *facts)
{
    const struct ss_finding *finding = facts->finding;

    if (finding->tap_missing_bytes > 0) {
        say(text, "the mirror lost %" PRIu32 " bytes of it", finding->tap_missing_bytes);
    } else if (finding->visibility != SS_SEEN_BOTH) {
        say(text, "the mirror shows only what the %s sent",
            finding->visibility == SS_SEEN_CLIENT_ONLY ? "client" : "server");
    } else {
        say(text, "for ");
        say_duration(text, finding->judged.share_ns[SS_SHARE_UNKNOWN]);
        say(text, " of ");
        say_duration(text, facts->all_ns);
        say(text, " the mirror does not show who was waiting for whom");
    }
    say(text, ", so nobody is blamed");
}

static void add_span(struct text *text, const struct facts *facts)
{
    const struct ss_finding *finding = facts->finding;

    say_duration(text, finding->judged.duration_ns);
    say(text, " from %s to %s", moment_of(finding, mark_seen(finding, 0, 1)),
        moment_of(finding, mark_seen(finding, SS_MARK_COUNT - 1, -1)));
}

static void add_verdict(struct text *text, const struct facts *facts)
{
    switch (facts->verdict) {
    case SS_VERDICT_NONE:
        say(text, "nothing took longer than allowed: ");
        add_span(text, facts);
        return;
    case SS_VERDICT_PROXY:
        say(text, "the wire shows ");
        add_span(text, facts);
        return;
    case SS_VERDICT_TAP:
        add_tap(text, facts);
        return;
    case SS_VERDICT_LOSS:
        add_loss(text, facts);
        return;
    case SS_VERDICT_CLIENT_PATH:
    case SS_VERDICT_SERVER_PATH:
        if (!add_pending(text, facts) && !add_evidence(text, facts) && !add_round_trips(text, facts))
            add_phase(text, facts);
        return;
    default:
        if (!add_pending(text, facts) && !add_evidence(text, facts))
            add_phase(text, facts);
    }
}

static void add_end(struct text *text, const struct ss_finding *finding)
{
    static const char *const ENDS[SS_OUTCOME_COUNT] = {
        [SS_OUTCOME_CLIENT_RESET] = "; then the client reset the connection",
        [SS_OUTCOME_SERVER_RESET] = "; then the server reset the connection",
        [SS_OUTCOME_CLIENT_CLOSED] = "; then the client closed the connection",
        [SS_OUTCOME_SERVER_CLOSED] = "; then the server closed the connection",
        [SS_OUTCOME_CLIENT_REJECTED] = "; the client rejected the server's flight",
    };
    const char *alert = ss_tls_alert_name(finding->alert);

    if (finding->outcome == SS_OUTCOME_ALERT && alert != NULL)
        say(text, "; then an alert ended it, %s", alert);
    else if (finding->outcome == SS_OUTCOME_ALERT)
        say(text, "; then an alert ended it, number %u", finding->alert);
    else if (finding->outcome == SS_OUTCOME_UNFINISHED)
        say(text, "%s", finding->still_open ? "; still open" : "; its end was not seen");
    else if (finding->outcome < SS_OUTCOME_COUNT && ENDS[finding->outcome] != NULL)
        say(text, "%s", ENDS[finding->outcome]);
}

static void add_no_port(struct text *text, const struct ss_event *event)
{
    if (event->client.port == 0)
        say(text,
            "; the proxy's line named no port, and this was that client's only handshake at that time%s",
            event->failed ? " that did not complete" : "");
}

static struct facts gather(const struct ss_record *record)
{
    const struct ss_finding *finding = record->finding;
    const struct ss_judgement *judged = &finding->judged;
    struct facts facts = {.finding = finding,
                          .verdict = ss_record_opinion(record).verdict,
                          .from = SS_MARK_COUNT,
                          .all_ns = judged->duration_ns + judged->pending_ns};

    facts.phase = largest_phase(finding, facts.verdict);
    if (facts.phase != SS_PHASE_COUNT)
        facts.from = mark_seen(finding, (int)ss_phase_end(facts.phase) - 1, -1);
    if ((unsigned)facts.verdict < SS_SHARE_COUNT && facts.verdict <= SS_VERDICT_IDLE) {
        facts.share_ns = judged->share_ns[facts.verdict];
        if (judged->pending_ns > 0 && judged->pending_share == (unsigned)facts.verdict)
            facts.share_ns += judged->pending_ns;
    }
    return facts;
}

char *ss_record_why(const struct ss_record *record, char *ret_why, size_t why_bytes)
{
    struct facts facts = gather(record);
    struct text text = {ret_why, why_bytes};

    if (why_bytes == 0)
        return ret_why;
    ret_why[0] = '\0';
    add_verdict(&text, &facts);
    if (record->finding->lacks_evidence && facts.verdict != SS_VERDICT_NONE)
        say(&text, "; not all evidence found room, so it may have been somebody else");
    add_end(&text, record->finding);
    if (record->event == NULL)
        return ret_why;
    add_no_port(&text, record->event);
    ss_reconcile_say(record, text.at, text.left);
    return ret_why;
}
