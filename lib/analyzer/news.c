// SPDX-License-Identifier: BSD-3-Clause

/* A concluded handshake to a finding in the history, and word of it to whoever drives the analyzer. */

#include "analyzer/state.h"

#include "base/units.h"

static struct ss_news *next_news(struct ss_analyzer *analyzer)
{
    if (analyzer->news_head - analyzer->news_tail == SS_NEWS_MAX) {
        analyzer->counters.news_dropped++;
        return NULL;
    }
    return &analyzer->news[analyzer->news_head++ % SS_NEWS_MAX];
}

bool ss_analyzer_next(struct ss_analyzer *analyzer, struct ss_news *ret_news)
{
    if (analyzer->news_tail == analyzer->news_head)
        return false;
    *ret_news = analyzer->news[analyzer->news_tail++ % SS_NEWS_MAX];
    return true;
}

static struct ss_endpoint endpoint_of(const struct ss_flow *flow, bool client)
{
    unsigned i = client == flow->client_is_first ? 0 : 1;
    return (struct ss_endpoint){.ip = flow->key.ip[i], .port = flow->key.port[i]};
}

/* The marks' own word: of what is in the finding alone. */
static void judge(const struct ss_analyzer *analyzer, const struct ss_flow *flow, struct ss_finding *finding)
{
    finding->client = endpoint_of(flow, true);
    finding->server = endpoint_of(flow, false);
    finding->tuple_hash = ss_flow_hash(&flow->key, 0);
    finding->clock = (uint8_t)analyzer->config.clock;
    finding->tap = (uint8_t)analyzer->config.tap;
    finding->flags = ss_slow_flags(&analyzer->config.slow, &finding->judged, finding->clock_error_ns);

    struct ss_verdict_evidence evidence = ss_finding_evidence(finding);
    struct ss_opinion opinion = ss_verdict_form(&finding->judged, &evidence);
    finding->verdict = (uint8_t)opinion.verdict;
    finding->confidence = (uint8_t)opinion.confidence;
}

static void count(struct ss_analyzer *analyzer, const struct ss_finding *finding)
{
    struct ss_analyzer_counters *counters = &analyzer->counters;
    unsigned resumed = finding->tls.resumed;
    struct ss_histogram *phases = analyzer->phases[resumed];

    if (!finding->is_tls) {
        counters->silent++;
        return;
    }
    counters->handshakes++;
    counters->resumed += resumed;
    counters->flagged[resumed] += finding->flags != 0;
    counters->ja4_left_out += finding->tls.is_ja4_left_out;
    counters->lacking_evidence += finding->lacks_evidence;
    counters->outcomes[resumed][finding->outcome]++;
    counters->verdicts[resumed][finding->verdict]++;
    if (finding->outcome != SS_OUTCOME_COMPLETE)
        return;
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++) {
        if (finding->judged.phase_ns[i] != SS_MARK_UNSEEN)
            ss_histogram_add(&phases[i], (uint64_t)finding->judged.phase_ns[i]);
    }
    ss_histogram_add(&phases[SS_PHASE_COUNT], (uint64_t)finding->judged.duration_ns);
}

/* UTC of a mark, or of the first packet where it was not seen. */
static int64_t moment_of(const struct ss_finding *finding, enum ss_mark mark)
{
    return finding->start_ns + (finding->mark_ns[mark] == SS_MARK_UNSEEN ? 0 : finding->mark_ns[mark]);
}

/* UTC of the last mark. */
static int64_t end_of(const struct ss_finding *finding)
{
    int64_t end_ns = finding->start_ns;

    for (unsigned i = 0; i < SS_MARK_COUNT; i++) {
        if (moment_of(finding, (enum ss_mark)i) > end_ns)
            end_ns = moment_of(finding, (enum ss_mark)i);
    }
    return end_ns;
}

/* UTC of the server's first hello, or of the end where there is none. */
static int64_t served_at(const struct ss_finding *finding)
{
    const int64_t *marks = finding->mark_ns;

    if (marks[SS_MARK_HELLO_RETRY] != SS_MARK_UNSEEN)
        return moment_of(finding, SS_MARK_HELLO_RETRY);
    return marks[SS_MARK_SERVER_HELLO] != SS_MARK_UNSEEN ? moment_of(finding, SS_MARK_SERVER_HELLO)
                                                         : end_of(finding);
}

static int64_t over_at(const struct ss_finding *finding)
{
    return finding->still_open ? end_of(finding) : finding->start_ns + ss_finding_end_ns(finding);
}

static void tell(struct ss_analyzer *analyzer, const struct ss_flow *flow, const struct ss_finding *finding,
                 enum ss_news_kind kind)
{
    struct ss_news *news = next_news(analyzer);

    if (news == NULL)
        return;
    *news = (struct ss_news){.kind = kind,
                             .client = finding->client,
                             .server = finding->server,
                             .proxied_client = finding->proxied_client,
                             .proxied_server = finding->proxied_server,
                             .start_ns = finding->start_ns,
                             .end_ns = end_of(finding),
                             .over_ns = over_at(finding),
                             .accept_ns = moment_of(finding, SS_MARK_ACK),
                             .served_ns = served_at(finding),
                             .note = flow->note,
                             .packets = flow->packets,
                             .network = flow->key.network,
                             .flags = finding->flags,
                             .verdict = finding->verdict,
                             .still_open = finding->still_open,
                             .is_tls = finding->is_tls,
                             .completed = finding->outcome == SS_OUTCOME_COMPLETE,
                             .early_data = finding->tls.early_data,
                             .has_proxied = finding->has_proxied};
}

/* Tells of the second at hand, and goes on with another. Where nobody fetches news, the same goes on. */
static void turn_to(struct ss_analyzer *analyzer, int64_t second)
{
    struct ss_mirror_second *mirror = &analyzer->mirror;

    if (mirror->seen_bytes + mirror->missing_bytes > 0) {
        if (analyzer->news_head - analyzer->news_tail == SS_NEWS_MAX)
            return;
        *next_news(analyzer) = (struct ss_news){.kind = SS_NEWS_SECOND, .mirror = *mirror};
    }
    *mirror = (struct ss_mirror_second){.second = second};
}

void ss_news_second(struct ss_analyzer *analyzer)
{
    turn_to(analyzer, analyzer->now_ns / SS_NS_PER_S);
}

void ss_news_mirror(struct ss_analyzer *analyzer, int64_t time_ns, uint32_t seen_bytes,
                    uint32_t missing_bytes)
{
    if (seen_bytes == 0 && missing_bytes == 0)
        return;
    if (time_ns / SS_NS_PER_S != analyzer->mirror.second)
        turn_to(analyzer, time_ns / SS_NS_PER_S);
    analyzer->mirror.seen_bytes += seen_bytes;
    analyzer->mirror.missing_bytes += missing_bytes;
}

void ss_news_judged(struct ss_analyzer *analyzer, const struct ss_handshake *handshake, int64_t until_ns)
{
    struct ss_flow *flow = ss_flow_at(&analyzer->flows, handshake->flow);
    void *data;

    if (ss_handshake_is_noise(handshake)) {
        analyzer->counters.silent += handshake->outcome != SS_OUTCOME_COUNT; /* it may be judged again */
        return;
    }
    flow->note = ss_history_append_note(&analyzer->kept, sizeof(struct ss_note), analyzer->now_ns,
                                        flow->handshakes_at, &data);
    if (flow->note == SS_HISTORY_NONE) {
        analyzer->counters.news_dropped++;
        return;
    }
    struct ss_note *note = data;
    note->handshakes_at = flow->handshakes_at;
    note->recent_at = flow->recent_at;
    note->packets = flow->packets;
    note->flow = handshake->flow;
    note->key = flow->key;
    ss_handshake_conclude(handshake, analyzer->config.tap, until_ns, &note->finding);
    judge(analyzer, flow, &note->finding);
    flow->flags = note->finding.flags;
    flow->is_tls = note->finding.is_tls;
    if (!note->finding.still_open)
        count(analyzer, &note->finding);
    tell(analyzer, flow, &note->finding, SS_NEWS_JUDGED);
}

/* Packets after the handshake count too: the record bounds them all. */
void ss_note_clock_error(struct ss_note *note, const struct ss_flow *flow)
{
    if (flow->state == SS_FLOW_DONE && flow->clock_error_ns > note->finding.clock_error_ns)
        note->finding.clock_error_ns = flow->clock_error_ns;
}

/* Of a connection whose finding is overwritten. */
static void tell_end(struct ss_analyzer *analyzer, const struct ss_flow *flow)
{
    struct ss_news *news = next_news(analyzer);

    if (news != NULL)
        *news = (struct ss_news){.kind = SS_NEWS_ENDED,
                                 .client = endpoint_of(flow, true),
                                 .server = endpoint_of(flow, false),
                                 .start_ns = flow->start_ns,
                                 .note = flow->note,
                                 .packets = flow->packets,
                                 .network = flow->key.network,
                                 .flags = flow->flags,
                                 .is_tls = flow->is_tls};
}

void ss_news_ended(struct ss_analyzer *analyzer, const struct ss_flow *flow)
{
    struct ss_note *note = ss_history_note(&analyzer->kept, flow->note, sizeof(*note));

    if (note == NULL && flow->note != SS_HISTORY_NONE)
        tell_end(analyzer, flow);
    if (note == NULL)
        return;
    note->flow = SS_FLOW_NONE;
    note->handshakes_at = flow->handshakes_at;
    note->recent_at = flow->recent_at;
    note->packets = flow->packets;
    ss_note_clock_error(note, flow);
    tell(analyzer, flow, &note->finding, SS_NEWS_ENDED);
}

const struct ss_finding *ss_analyzer_finding(struct ss_analyzer *analyzer, uint64_t at)
{
    const struct ss_note *note = ss_history_note(&analyzer->kept, at, sizeof(*note));
    return note == NULL ? NULL : &note->finding;
}
