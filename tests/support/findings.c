// SPDX-License-Identifier: BSD-3-Clause
#include "support/findings.h"

#include "base/units.h"

#include <assert.h>
#include <string.h>

struct ss_endpoint endpoint_of(const char *text)
{
    struct ss_endpoint endpoint;
    bool parsed = ss_endpoint_parse(text, strlen(text), &endpoint);
    assert(parsed);
    (void)parsed;
    return endpoint;
}

struct ss_finding finding_start(void)
{
    struct ss_finding finding = {.start_ns = 1795388597630499123,
                                 .tuple_hash = 0x1122334455667788,
                                 .client = endpoint_of("192.0.2.7:51234"),
                                 .server = endpoint_of("198.51.100.1:443"),
                                 .clock = SS_CLOCK_SOFTWARE,
                                 .tap = SS_TAP_SERVER,
                                 .rtt_ns = SS_MARK_UNSEEN,
                                 .server_rtt_ns = SS_MARK_UNSEEN,
                                 .verdict = SS_VERDICT_NONE,
                                 .confidence = SS_CONFIDENCE_HIGH};
    for (unsigned i = 0; i < SS_MARK_COUNT; i++)
        finding.mark_ns[i] = SS_MARK_UNSEEN;
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        finding.sent_ns[i] = SS_MARK_UNSEEN;
    return finding;
}

void finding_mark(struct ss_finding *finding, enum ss_mark mark, int64_t at_ns)
{
    finding->mark_ns[mark] = at_ns;
}

void finding_judge(struct ss_finding *finding, int64_t open_ns)
{
    struct ss_timeline timeline;
    struct ss_slow slow;
    int64_t last_ns = 0;

    ss_timeline_init(&timeline);
    for (unsigned i = 0; i < SS_MARK_COUNT; i++) {
        timeline.mark_ns[i] = finding->mark_ns[i];
        if (finding->mark_ns[i] > last_ns)
            last_ns = finding->mark_ns[i];
    }
    timeline.answer_begin_ns = finding->mark_ns[SS_MARK_CLIENT_FINISHED];
    timeline.client_rtt_ns = finding->rtt_ns == SS_MARK_UNSEEN ? 0 : finding->rtt_ns;
    timeline.server_rtt_ns = finding->server_rtt_ns == SS_MARK_UNSEEN ? 0 : finding->server_rtt_ns;
    if (open_ns > 0)
        timeline.open_until_ns = last_ns + open_ns;
    ss_timeline_judge(&timeline, (enum ss_tap)finding->tap, &finding->judged);

    ss_slow_init(&slow);
    slow.handshake_ns = 300 * SS_NS_PER_MS;
    slow.phase_ns[SS_PHASE_CLIENT_FINISH] = 200 * SS_NS_PER_MS;
    slow.unfinished_ns = SS_NS_PER_S;
    finding->flags = ss_slow_flags(&slow, &finding->judged, finding->clock_error_ns);
    struct ss_verdict_evidence evidence = {.flags = finding->flags,
                                           .proxy_ns = SS_MARK_UNSEEN,
                                           .clock_error_ns = finding->clock_error_ns,
                                           .one_sided = finding->visibility != SS_SEEN_BOTH,
                                           .tap_missing_bytes = finding->tap_missing_bytes};
    struct ss_opinion opinion = ss_verdict_form(&finding->judged, &evidence);
    finding->verdict = (uint8_t)opinion.verdict;
    finding->confidence = (uint8_t)opinion.confidence;
}

static struct ss_ja4 ja4_example(void)
{
    return (struct ss_ja4){.version = 0x0304,
                           .has_sni = true,
                           .alpn = {'h', '2'},
                           .ciphers = 3,
                           .extensions = 6,
                           .signatures = 2,
                           .codes = {0x1303, 0x1301, 0x1302, 0, 16, 51, 43, 13, 10, 0x0403, 0x0804}};
}

struct ss_finding finding_example(void)
{
    static const struct {
        enum ss_mark mark;
        int64_t at_ns;
    } MARKS[] = {{SS_MARK_SYN, 0},
                 {SS_MARK_SYN_ACK, 41000},
                 {SS_MARK_ACK, 20100000},
                 {SS_MARK_CLIENT_HELLO_FIRST, 20500000},
                 {SS_MARK_CLIENT_HELLO, 20510000},
                 {SS_MARK_HELLO_ACK, 20530000},
                 {SS_MARK_SERVER_HELLO, 21700000},
                 {SS_MARK_SERVER_FLIGHT, 21900000},
                 {SS_MARK_FLIGHT_ACK, 41800000},
                 {SS_MARK_CLIENT_FINISHED, 523000000}};
    struct ss_finding finding = finding_start();

    for (size_t i = 0; i < sizeof(MARKS) / sizeof(MARKS[0]); i++)
        finding_mark(&finding, MARKS[i].mark, MARKS[i].at_ns);
    finding.clock_error_ns = 2100;
    finding.rtt_ns = 20059000;
    finding.encap_count = 1;
    finding.encap[0] = (struct ss_encap){.kind = SS_ENCAP_VLAN, .id = 100};
    finding.tls = (struct ss_finding_tls){.version = 0x0304,
                                          .cipher = 0x1301,
                                          .group = 0x11ec,
                                          .hello_seen = true,
                                          .server_hello_seen = true,
                                          .sni = "example.com",
                                          .alpn = "h2\0http/1.1\0",
                                          .has_ja4 = true,
                                          .ja4 = ja4_example()};
    finding_judge(&finding, 0);
    return finding;
}
