// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/units.h"
#include "export/record.h"
#include "support/findings.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MS              SS_NS_PER_MS
#define US              SS_NS_PER_US

static struct ss_record record_of(const struct ss_finding *finding)
{
    return (struct ss_record){.finding = finding, .sensor = "edge-ams-1"};
}

static struct ss_event event_of(int64_t duration_ns)
{
    return (struct ss_event){.client = endpoint_of("192.0.2.7:51234"),
                             .time_ns = 1795388597630619123,
                             .moment = SS_EVENT_ACCEPTED,
                             .duration_ns = duration_ns,
                             .host = "edge-ams-1",
                             .fields = "frontend\0fe\0Th\000522\0"};
}

/* The parsed line, which was checked to be one line of printable ASCII. */
static json_t *parsed(const struct ss_record *record)
{
    char *line = ss_record_json(record);
    assert_non_null(line);
    for (const char *c = line; *c != '\0'; c++)
        assert_in_range((unsigned char)*c, 0x20, 0x7e);
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    free(line);
    return object;
}

static const char *text_at(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void a_record_has_the_documented_keys_in_the_documented_order(void **state)
{
    (void)state;
    struct ss_finding finding = finding_example();
    struct ss_event event = event_of(522 * MS);
    struct ss_record record = record_of(&finding);
    finding.has_proxied = true;
    finding.proxied_client = endpoint_of("203.0.113.9:40112");
    finding.proxied_server = endpoint_of("203.0.113.1:443");
    record.origin = "aws/us-east-1/EC2";
    record.event = &event;
    record.clock_offset_ns = 120000;
    record.has_packets = true;
    record.packets = 14;
    record.pcapng = "2026-11-22/x.pcapng";

    char *line = ss_record_json(&record);
    assert_string_equal(
        line,
        "{\"schema\":1,\"id\":\"18ea806acb8d7933-55667788\",\"sensor\":\"edge-ams-1\","
        "\"start\":\"2026-11-22T23:03:17.630499123Z\",\"clock\":\"software\",\"clock_error_ns\":2100,"
        "\"client\":{\"ip\":\"192.0.2.7\",\"port\":51234,\"origin\":\"aws/us-east-1/EC2\"},"
        "\"server\":{\"ip\":\"198.51.100.1\",\"port\":443},\"encap\":[\"vlan:100\"],\"visibility\":\"both\","
        "\"tls\":{\"version\":\"1.3\",\"cipher\":\"TLS_AES_128_GCM_SHA256\",\"group\":\"X25519MLKEM768\","
        "\"sni\":\"example.com\",\"alpn\":[\"h2\",\"http/1.1\"],\"hello_retry\":false,\"resumed\":false,"
        "\"early_data\":false,\"ja4\":\"t13d0306h2_55b375c5d22e_e12c865f31a5\"},\"outcome\":\"complete\","
        "\"duration_ns\":523000000,"
        "\"marks\":{\"syn\":0,\"syn_ack\":41000,\"ack\":20100000,\"client_hello_first\":20500000,"
        "\"client_hello\":20510000,\"hello_ack\":20530000,\"server_hello\":21700000,\"server_flight\":"
        "21900000,"
        "\"flight_ack\":41800000,\"client_finished\":523000000},"
        "\"phases\":{\"tcp_accept\":41000,\"tcp_return\":20059000,\"hello_wait\":400000,\"hello_send\":10000,"
        "\"hello_ack\":20000,\"server_hello\":1170000,\"server_flight\":200000,\"flight_ack\":19900000,"
        "\"client_finish\":481200000},"
        "\"shares\":{\"client\":481200000,\"client_path\":39969000,\"server\":1431000,\"server_path\":0,"
        "\"loss\":0,\"idle\":400000,\"unknown\":0},\"verdict\":\"client\",\"confidence\":\"high\","
        "\"why\":\"the client acknowledged the server's flight, then took 481.2 ms to send its Finished; "
        "the proxy reports 522 ms, which the wire explains\","
        "\"tcp\":{\"rtt_ns\":20059000,\"client_retransmits\":0,\"server_retransmits\":0,"
        "\"lost\":{\"client_to_tap\":0,\"tap_to_server\":0,\"server_to_tap\":0,\"tap_to_client\":0},"
        "\"tap_missing_bytes\":0,\"mirror_duplicates\":0},"
        "\"flagged_by\":[\"handshake\",\"phase:client_finish\",\"proxy\"],"
        "\"proxied\":{\"client\":{\"ip\":\"203.0.113.9\",\"port\":40112},"
        "\"server\":{\"ip\":\"203.0.113.1\",\"port\":443}},"
        "\"proxy\":{\"host\":\"edge-ams-1\",\"time\":\"2026-11-22T23:03:17.630619123Z\",\"duration_ns\":"
        "522000000,"
        "\"wire_ns\":502900000,\"difference_ns\":19100000,\"clock_offset_ns\":120000,\"fields\":{"
        "\"frontend\":\"fe\",\"Th\":\"522\"}},"
        "\"packets\":14,\"packets_missing\":0,\"pcapng\":\"2026-11-22/x.pcapng\"}");
    free(line);
}

static void what_was_not_seen_is_left_out(void **state)
{
    (void)state;
    static const char *const ABSENT[] = {"revision", "encap",   "tls",    "proxied",        "proxy",
                                         "pending",  "packets", "pcapng", "packets_missing"};
    struct ss_finding finding = finding_start();
    struct ss_record record = record_of(&finding);
    finding_mark(&finding, SS_MARK_SYN, 0);
    finding.outcome = SS_OUTCOME_UNFINISHED;
    finding_judge(&finding, 0);

    json_t *object = parsed(&record);
    for (size_t i = 0; i < COUNT_OF(ABSENT); i++)
        assert_null(json_object_get(object, ABSENT[i]));
    assert_int_equal(json_object_size(json_object_get(object, "marks")), 1);
    assert_int_equal(json_object_size(json_object_get(object, "phases")), 0);
    assert_int_equal(json_object_size(json_object_get(object, "shares")), SS_SHARE_COUNT);
    assert_null(json_object_get(json_object_get(object, "tcp"), "rtt_ns"));
    assert_null(json_object_get(json_object_get(object, "client"), "origin"));
    assert_int_equal(json_array_size(json_object_get(object, "flagged_by")), 0);
    json_decref(object);
}

static void half_a_hello_exchange_tells_half(void **state)
{
    (void)state;
    struct ss_finding finding = finding_start();
    struct ss_record record = record_of(&finding);
    finding.tls.hello_seen = true;
    json_t *object = parsed(&record), *tls = json_object_get(object, "tls");
    assert_int_equal(json_object_size(tls), 1);
    assert_true(json_is_false(json_object_get(tls, "early_data")));
    json_decref(object);

    finding.tls = (struct ss_finding_tls){.server_hello_seen = true, .version = 0x03ff, .cipher = 0xfefe};
    object = parsed(&record);
    tls = json_object_get(object, "tls");
    assert_string_equal(text_at(tls, "version"), "0x03ff");
    assert_string_equal(text_at(tls, "cipher"), "0xfefe");
    assert_null(json_object_get(tls, "group"));
    assert_null(json_object_get(tls, "early_data"));
    json_decref(object);
}

static void an_encrypted_client_hello_is_told_where_one_was_offered(void **state)
{
    (void)state;
    for (unsigned offered = 0; offered < 2; offered++) {
        struct ss_finding finding = finding_example();
        struct ss_record record = record_of(&finding);
        finding.tls.ech = offered;
        json_t *object = parsed(&record);
        json_t *ech = json_object_get(json_object_get(object, "tls"), "ech");
        assert_true(offered ? json_is_true(ech) : ech == NULL);
        json_decref(object);
    }
}

static void a_later_record_of_a_flow_says_its_revision_after_the_id(void **state)
{
    (void)state;
    struct ss_finding finding = finding_example();
    struct ss_record record = record_of(&finding);
    record.revision = 2;
    char *line = ss_record_json(&record);
    assert_non_null(strstr(line, "-55667788\",\"revision\":2,\"sensor\""));
    free(line);
}

static void outcomes_encapsulations_and_directions_have_their_names(void **state)
{
    (void)state;
    static const struct {
        enum ss_outcome outcome;
        uint8_t alert;
        const char *name;
    } OUTCOMES[] = {{SS_OUTCOME_COMPLETE, 0, "complete"},
                    {SS_OUTCOME_CLIENT_REJECTED, 0, "client_rejected"},
                    {SS_OUTCOME_ALERT, 40, "alert:handshake_failure"},
                    {SS_OUTCOME_ALERT, 0, "alert:close_notify"},
                    {SS_OUTCOME_ALERT, 199, "alert:199"}};
    static const char *const VISIBILITIES[] = {"both", "client", "server"};
    static const char *const ENCAPS[] = {"qinq:7", "gre", "gre:5", "ip", "vxlan:16777215"};
    struct ss_finding finding = finding_example();
    struct ss_record record = record_of(&finding);
    finding.encap_count = 5;
    finding.encap[0] = (struct ss_encap){.kind = SS_ENCAP_QINQ, .id = 7};
    finding.encap[1] = (struct ss_encap){.kind = SS_ENCAP_GRE};
    finding.encap[2] = (struct ss_encap){.kind = SS_ENCAP_GRE, .id = 5};
    finding.encap[3] = (struct ss_encap){.kind = SS_ENCAP_IP};
    finding.encap[4] = (struct ss_encap){.kind = SS_ENCAP_VXLAN, .id = 0xffffff};

    for (size_t i = 0; i < COUNT_OF(OUTCOMES); i++) {
        finding.outcome = (uint8_t)OUTCOMES[i].outcome;
        finding.alert = OUTCOMES[i].alert;
        json_t *object = parsed(&record);
        assert_string_equal(text_at(object, "outcome"), OUTCOMES[i].name);
        json_decref(object);
    }
    for (unsigned i = 0; i < SS_VISIBILITY_COUNT; i++) {
        finding.visibility = (uint8_t)i;
        json_t *object = parsed(&record);
        assert_string_equal(text_at(object, "visibility"), VISIBILITIES[i]);
        for (size_t e = 0; e < COUNT_OF(ENCAPS); e++)
            assert_string_equal(json_string_value(json_array_get(json_object_get(object, "encap"), e)),
                                ENCAPS[e]);
        json_decref(object);
    }
}

static void every_flag_has_its_name(void **state)
{
    (void)state;
    struct ss_finding finding = finding_example();
    struct ss_record record = record_of(&finding);
    finding.flags = SS_FLAG_HANDSHAKE | SS_FLAG_UNFINISHED | (SS_FLAG_PHASE(SS_PHASE_COUNT) - 1);
    json_t *object = parsed(&record), *flags = json_object_get(object, "flagged_by");
    assert_int_equal(json_array_size(flags), SS_PHASE_COUNT + 2);
    assert_string_equal(json_string_value(json_array_get(flags, 1)), "phase:tcp_accept");
    assert_string_equal(json_string_value(json_array_get(flags, SS_PHASE_COUNT)), "phase:server_finish");
    assert_string_equal(json_string_value(json_array_get(flags, SS_PHASE_COUNT + 1)), "unfinished");
    json_decref(object);
}

static void text_of_a_journal_cannot_break_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        const char *wanted;
    } ROWS[] = {{"caf\xc3\xa9", "caf\xc3\xa9"}, /* UTF-8 comes back as it was */
                {"caf\xe9\xff", "caf??"},
                {"a\"b\\c\n\x01", "a\"b\\c\n\x01"}};
    struct ss_finding finding = finding_example();
    struct ss_event event = event_of(MS);
    struct ss_record record = record_of(&finding);
    record.event = &event;

    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        snprintf(event.host, sizeof(event.host), "%s", ROWS[i].host);
        memset(event.fields, 0, sizeof(event.fields));
        snprintf(event.fields, sizeof(event.fields), "%s", ROWS[i].host);
        json_t *object = parsed(&record), *proxy = json_object_get(object, "proxy");
        assert_string_equal(text_at(proxy, "host"), ROWS[i].wanted);
        assert_string_equal(text_at(json_object_get(proxy, "fields"), ROWS[i].wanted), "");
        json_decref(object);
    }
    memset(event.fields, 'x', sizeof(event.fields)); /* never ends */
    json_t *object = parsed(&record);
    assert_int_equal(json_object_size(json_object_get(json_object_get(object, "proxy"), "fields")), 0);
    json_decref(object);
}

static void the_proxys_report_changes_the_verdict(void **state)
{
    (void)state;
    struct ss_finding finding = finding_start();
    finding_mark(&finding, SS_MARK_SYN, 0);
    finding_mark(&finding, SS_MARK_CLIENT_FINISHED, 2100 * US);
    finding_judge(&finding, 0);
    struct ss_record record = record_of(&finding);
    struct ss_event event = event_of(503 * MS);
    assert_int_equal(ss_record_opinion(&record).verdict, SS_VERDICT_NONE);
    record.event = &event;
    assert_int_equal(ss_record_opinion(&record).verdict, SS_VERDICT_PROXY);
    event.duration_ns = -1;
    assert_int_equal(ss_record_opinion(&record).verdict, SS_VERDICT_NONE);
}

/* One handshake, told by where its marks are; 0 is the SYN. -1: not seen. */
struct story {
    const char *why;
    int64_t marks[SS_MARK_COUNT - 1]; /* but the talk's */
    int64_t open_ns;
    int64_t proxy_ns;              /* 0: no event */
    int64_t rtt_ns, server_rtt_ns; /* 0: not measured */
    enum ss_tap tap;
    enum ss_outcome outcome;
    uint16_t version;
};

/* syn, syn_ack, ack, hello_first, hello, hello_ack, retry, hello_2, server_hello, flight, flight_ack,
 * finished, server_finished */
static const struct story STORIES[] = {
    {"the client acknowledged the server's flight, then took 500 ms to send its ChangeCipherSpec",
     {0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, 508, 509},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0303},
    {"the client took 501 ms after the last byte of the server's flight to send its Finished",
     {0, 1, 2, 3, 4, 5, -1, -1, 6, 7, -1, 508, -1},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the client acknowledged the server's flight only with its Finished, 501 ms after the last byte of the "
     "server's flight; a round trip to it takes 1 ms",
     {0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 508, 508, -1},
     0,
     0,
     MS,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the client acknowledged the server's flight, then took 500 ms to send its encrypted alert; the client "
     "rejected the server's flight",
     {0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, 508, -1},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_CLIENT_REJECTED,
     0x0304},
    {"the client took 600 ms to answer the HelloRetryRequest",
     {0, 1, 2, 3, 4, 5, 6, 606, 607, 608, 609, 610, -1},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the client took 300 ms from the first to the last byte of its ClientHello; in all, 501 ms of 512 ms "
     "went to the "
     "client",
     {0, 1, 2, 3, 303, 304, -1, -1, 305, 309, 310, 510, 512},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"a round trip to the client takes 210 ms, and the handshake waited for 2 of them",
     {0, 1, 211, 212, 213, 214, -1, -1, 215, 216, 426, 427, -1},
     0,
     0,
     210 * MS,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"a round trip to the client takes 100 ms; in all, 341 ms of 352 ms went to the path to the client",
     {0, 1, 241, 242, 243, 244, -1, -1, 245, 250, 350, 352, -1},
     0,
     0,
     100 * MS,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the client's ACK came 400 ms after the SYN-ACK",
     {0, 1, 401, 402, 403, 404, -1, -1, 405, 406, 407, 408, -1},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the server's kernel acknowledged the ClientHello after 1 ms, its ServerHello took 503 ms more; the "
     "proxy "
     "reports 522 ms, which the wire explains",
     {0, 1, 2, 3, 4, 5, -1, -1, 508, 509, 510, 511, -1},
     0,
     522 * MS,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the server acknowledged the ClientHello only with its ServerHello, 504 ms after it",
     {0, 1, 2, 3, 4, 508, -1, -1, 508, 509, 510, 511, -1},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the server's ServerHello came 500 ms after the second ClientHello",
     {0, 1, 2, 3, 4, 5, 6, 7, 507, 508, 509, 510, -1},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the server's kernel took 700 ms to acknowledge the ClientHello",
     {0, 1, 2, 3, 4, 704, -1, -1, 705, 706, 707, 708, -1},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the server's SYN-ACK came 1 s after the first SYN",
     {0, 1000, 1001, 1002, 1003, 1004, -1, -1, 1005, 1006, 1007, 1008, -1},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the server took 400 ms from the ServerHello to the last byte of its flight",
     {0, 1, 2, 3, 4, 5, -1, -1, 6, 406, 407, 408, -1},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the server's ChangeCipherSpec came 350 ms after the client's ChangeCipherSpec",
     {0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, 9, 359},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0303},
    {"a round trip to the server takes 200 ms, and the handshake waited for 2 of them",
     {0, 200, 201, 202, 203, 403, -1, -1, 404, 405, 406, 407, -1},
     0,
     0,
     0,
     200 * MS,
     SS_TAP_CLIENT,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the client connected, then sent nothing for 2.3 s; the proxy reports 2.3 s, which the wire explains",
     {0, 1, 2, 2302, 2303, 2304, -1, -1, 2305, 2306, 2307, 2308, -1},
     0,
     2300 * MS,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"the client connected, then sent nothing for 5 s; then the client closed the connection; the proxy "
     "reports 5 s, which the wire explains",
     {0, 1, 2, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
     5000 * MS,
     5000 * MS,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_CLIENT_CLOSED,
     0},
    {"10 s after the server's acknowledgement of the ClientHello, the ServerHello had not come; still open",
     {0, 1, 2, 3, 4, 5, -1, -1, -1, -1, -1, -1, -1},
     10000 * MS,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_UNFINISHED,
     0},
    {"4 s after the client's acknowledgement of the flight, the client's Finished had not come; then the "
     "client "
     "reset the connection",
     {0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, -1, -1},
     4000 * MS,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_CLIENT_RESET,
     0x0304},
    {"the wire shows 12 ms from the first SYN to the client's Finished; the proxy reports 503 ms, 493 ms "
     "more than the wire shows until the client's Finished: the proxy itself took that long after it, or its "
     "timer starts elsewhere",
     {0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, 12, -1},
     0,
     503 * MS,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"nothing took longer than allowed: 12 ms from the first SYN to the client's Finished",
     {0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, 12, -1},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_COMPLETE,
     0x0304},
    {"nothing took longer than allowed: 5 ms from the first SYN to the server's acknowledgement of the "
     "ClientHello; "
     "then an alert ended it, handshake_failure",
     {0, 1, 2, 3, 4, 5, -1, -1, -1, -1, -1, -1, -1},
     0,
     0,
     0,
     0,
     SS_TAP_SERVER,
     SS_OUTCOME_ALERT,
     0},
};

static struct ss_finding finding_of(const struct story *story)
{
    struct ss_finding finding = finding_start();

    for (unsigned i = 0; i < SS_MARK_COUNT - 1; i++)
        finding.mark_ns[i < SS_MARK_TALK ? i : i + 1] =
            story->marks[i] < 0 ? SS_MARK_UNSEEN : story->marks[i] * MS;
    finding.rtt_ns = story->rtt_ns == 0 ? SS_MARK_UNSEEN : story->rtt_ns;
    finding.server_rtt_ns = story->server_rtt_ns == 0 ? SS_MARK_UNSEEN : story->server_rtt_ns;
    finding.tap = (uint8_t)story->tap;
    finding.outcome = (uint8_t)story->outcome;
    finding.alert = 40;
    finding.still_open = true;
    finding.tls.version = story->version;
    finding_judge(&finding, story->open_ns);
    return finding;
}

static void the_reason_tells_what_the_marks_show(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(STORIES); i++) {
        struct ss_finding finding = finding_of(&STORIES[i]);
        struct ss_event event = event_of(STORIES[i].proxy_ns);
        struct ss_record record = record_of(&finding);
        char why[512];
        record.event = STORIES[i].proxy_ns == 0 ? NULL : &event;
        assert_string_equal(ss_record_why(&record, why, sizeof(why)), STORIES[i].why);
    }
}

static void a_talk_before_tls_is_told_apart_from_the_silence_after_it(void **state)
{
    (void)state;
    static const struct {
        int64_t talk;
        const char *why;
    } rows[] = {
        {602, "client and server talked for 600 ms before TLS began; the proxy reports 610 ms, which the "
              "wire explains"},
        {3, "after the talk before TLS the client sent nothing for 600 ms; the proxy reports 610 ms, which "
            "the wire explains"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ss_finding finding = finding_start();
        struct ss_event event = event_of(610 * MS);
        struct ss_record record = record_of(&finding);
        char why[512];
        finding_mark(&finding, SS_MARK_SYN, 0);
        finding_mark(&finding, SS_MARK_ACK, 2 * MS);
        finding_mark(&finding, SS_MARK_TALK, rows[i].talk * MS);
        finding_mark(&finding, SS_MARK_CLIENT_HELLO_FIRST, 603 * MS);
        finding_mark(&finding, SS_MARK_CLIENT_FINISHED, 609 * MS);
        finding_judge(&finding, 0);
        record.event = &event;
        assert_int_equal(ss_record_opinion(&record).verdict, SS_VERDICT_IDLE);
        assert_string_equal(ss_record_why(&record, why, sizeof(why)), rows[i].why);
    }
}

static void loss_and_the_tap_are_told_with_their_numbers(void **state)
{
    (void)state;
    struct ss_finding finding = finding_example();
    struct ss_record record = record_of(&finding);
    char why[512];
    finding.verdict = SS_VERDICT_LOSS;
    finding.judged.share_ns[SS_SHARE_LOSS] = 412 * MS;
    finding.client_retransmits = finding.server_retransmits = 1;
    finding.lost.client_to_tap = 1;
    assert_string_equal(
        ss_record_why(&record, why, sizeof(why)),
        "2 segments were sent again (1 by the client, 1 by the server); 412 ms went by waiting for "
        "them; 1 lost between the client and the tap");
    finding.server_retransmits = 0;
    finding.lost.client_to_tap = 0;
    assert_string_equal(
        ss_record_why(&record, why, sizeof(why)),
        "1 segment was sent again (1 by the client, 0 by the server); 412 ms went by waiting for it");
    finding.verdict = SS_VERDICT_TAP;
    finding.tap_missing_bytes = 1460;
    assert_string_equal(ss_record_why(&record, why, sizeof(why)),
                        "the mirror lost 1460 bytes of it, so nobody is blamed");
    finding.tap_missing_bytes = 0;
    finding.visibility = SS_SEEN_SERVER_ONLY;
    assert_string_equal(ss_record_why(&record, why, sizeof(why)),
                        "the mirror shows only what the server sent, so nobody is blamed");
}

/* A slow client, with 300 ms from 100 ms on of one kind of evidence. */
static struct ss_finding finding_with(enum ss_evidence evidence)
{
    struct ss_finding finding = finding_example();
    enum ss_share share = ss_evidence_share(evidence);

    finding.tap = SS_TAP_MIDDLE;
    finding.waits[finding.wait_count++] =
        (struct ss_timeline_wait){.from_ns = 100 * MS, .to_ns = 400 * MS, .evidence = (uint8_t)evidence};
    finding.verdict = (uint8_t)(share == SS_SHARE_UNKNOWN ? SS_VERDICT_TAP : (enum ss_verdict)share);
    finding.judged.share_ns[share] = 310 * MS;
    return finding;
}

static void the_evidence_that_a_verdict_rests_on_is_told(void **state)
{
    (void)state;
    static const struct {
        enum ss_evidence evidence;
        const char *why;
    } ROWS[] = {
        {SS_EVIDENCE_SPURIOUS_TO_CLIENT,
         "the server sent again what had arrived: the client's acknowledgement "
         "came 300 ms after the first copy"},
        {SS_EVIDENCE_SPURIOUS_TO_SERVER,
         "the client sent again what had arrived: the server's acknowledgement "
         "came 300 ms after the first copy"},
        {SS_EVIDENCE_RETRANSMITTED, "the same bytes came again 300 ms later, unacknowledged in between"},
        {SS_EVIDENCE_HOLE, "later bytes came first, and those missing 300 ms after them"},
        {SS_EVIDENCE_SENT_BEFORE, "bytes came 300 ms after their sender's sequence number had passed them"},
        {SS_EVIDENCE_NUMBER_MISSING, "IPv4 identifications are missing over a silence of 300 ms"},
        {SS_EVIDENCE_LABEL_CHANGED,
         "the IPv6 flow label changed over a silence of 300 ms, as it does after a "
         "retransmission timeout"},
        {SS_EVIDENCE_SYN_TIMEOUT, "the SYN-ACK came after 300 ms, when a SYN or SYN-ACK is sent again"},
        {SS_EVIDENCE_LATE_FROM_CLIENT, "by the client's TCP clock, its segment was 300 ms under way"},
        {SS_EVIDENCE_LATE_FROM_SERVER, "by the server's TCP clock, its segment was 300 ms under way"},
        {SS_EVIDENCE_CONGESTION_WINDOW, "the server's flight did not fit its congestion window, and waited "
                                        "300 ms for the client's acknowledgements"},
        {SS_EVIDENCE_CONGESTION_WINDOW_OPENED, "the server's flight did not fit its congestion window, and "
                                               "went on 300 ms after the client's acknowledgements"},
        {SS_EVIDENCE_CLIENT_WINDOW_CLOSED, "the client's receive window was closed for 300 ms"},
        {SS_EVIDENCE_SERVER_WINDOW_CLOSED, "the server's receive window was closed for 300 ms"},
        {SS_EVIDENCE_TIMEOUT_LENGTH,
         "a silence of 300 ms is exactly as long as a retransmission timeout, and its "
         "sender counts no packets: a loss before the tap, or a wait of just that "
         "length"},
        {SS_EVIDENCE_CLIENT_OR_LOSS,
         "the client acknowledged the server's flight, then took 481.2 ms to send its Finished; in all, "
         "310 ms of 523 ms went to the client; the client counts no packets: 300 ms may as well be some "
         "time of its own, a loss before the tap, and a retransmission timeout"},
        {SS_EVIDENCE_PATH_OR_CLIENT, "the client's Finished came 481.2 ms after the client's acknowledgement "
                                     "of the flight; in all, 310 ms "
                                     "of 523 ms went to the path to the client; 300 ms may as well be a "
                                     "delayed acknowledgement, of a client "
                                     "whose program took longer than that"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_finding finding = finding_with(ROWS[i].evidence);
        struct ss_record record = record_of(&finding);
        char why[512];
        assert_string_equal(ss_record_why(&record, why, sizeof(why)), ROWS[i].why);
    }
}

static void evidence_that_found_no_room_is_told_and_makes_the_verdict_less_sure(void **state)
{
    (void)state;
    struct ss_finding finding = finding_example();
    struct ss_event event = event_of(522 * MS);
    struct ss_record record = record_of(&finding);
    char why[512];
    finding.lacks_evidence = true;
    assert_string_equal(
        ss_record_why(&record, why, sizeof(why)),
        "the client acknowledged the server's flight, then took 481.2 ms to send its Finished; not all "
        "evidence found room, so it may have been somebody else");
    record.event = &event;
    assert_int_equal(ss_record_opinion(&record).verdict, SS_VERDICT_CLIENT);
    assert_int_equal(ss_record_opinion(&record).confidence, SS_CONFIDENCE_LOW);
}

static void evidence_of_after_the_end_takes_nothing_from_that_of_before(void **state)
{
    (void)state;
    struct ss_finding finding = finding_with(SS_EVIDENCE_RETRANSMITTED);
    struct ss_record record = record_of(&finding);
    char why[512];
    finding.waits[finding.wait_count++] = (struct ss_timeline_wait){
        .from_ns = 1000 * MS, .to_ns = 1100 * MS, .evidence = SS_EVIDENCE_RETRANSMITTED};
    assert_string_equal(ss_record_why(&record, why, sizeof(why)),
                        "the same bytes came again 300 ms later, unacknowledged in between");
}

static void the_evidence_stands_in_the_record(void **state)
{
    (void)state;
    struct ss_finding finding = finding_with(SS_EVIDENCE_MIRROR_LOST);
    struct ss_record record = record_of(&finding);
    finding.sent_ns[SS_PHASE_CLIENT_FINISH] = 481 * MS;
    json_t *object = parsed(&record), *row = json_array_get(json_object_get(object, "evidence"), 0);
    assert_int_equal(json_array_size(json_object_get(object, "evidence")), 1);
    assert_string_equal(text_at(row, "what"), "mirror_lost");
    assert_string_equal(text_at(row, "share"), "unknown");
    assert_int_equal(json_integer_value(json_object_get(row, "from")), 100 * MS);
    assert_int_equal(json_integer_value(json_object_get(row, "to")), 400 * MS);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(object, "sender_clock"), "client_finish")),
        481 * MS);
    json_decref(object);
}

static void the_blamed_ones_own_clock_is_told(void **state)
{
    (void)state;
    struct ss_finding finding = finding_example();
    struct ss_record record = record_of(&finding);
    char why[512];
    finding.sent_ns[SS_PHASE_CLIENT_FINISH] = 481 * MS;
    assert_string_equal(
        ss_record_why(&record, why, sizeof(why)),
        "the client acknowledged the server's flight, then took 481.2 ms to send its Finished; its "
        "own TCP clock says 481 ms");
}

static void a_loss_beyond_the_tap_after_the_end_explains_the_proxy(void **state)
{
    (void)state;
    struct ss_finding finding = finding_of(&STORIES[COUNT_OF(STORIES) - 2]); /* 12 ms, nothing flagged */
    struct ss_event event = event_of(225 * MS);
    struct ss_record record = record_of(&finding);
    char why[512];
    finding.judged.after_ns = 214 * MS;
    finding.judged.after_share = SS_SHARE_LOSS;
    record.event = &event;
    assert_int_equal(ss_record_opinion(&record).verdict, SS_VERDICT_LOSS);
    assert_string_equal(ss_record_why(&record, why, sizeof(why)),
                        "the last message was sent again 214 ms after it had passed the tap; the proxy "
                        "reports 225 ms, which the wire explains");
}

static void a_mirror_that_lost_much_in_that_second_makes_less_sure(void **state)
{
    (void)state;
    struct ss_finding finding = finding_example();
    struct ss_record record = record_of(&finding);
    finding.verdict = SS_VERDICT_CLIENT;
    for (unsigned confidence = 0; confidence < SS_CONFIDENCE_COUNT; confidence++) {
        finding.confidence = (uint8_t)confidence;
        record.mirror_loss_ppm = 9999;
        assert_int_equal(ss_record_opinion(&record).confidence, confidence);
        record.mirror_loss_ppm = 10000;
        assert_int_equal(ss_record_opinion(&record).confidence, confidence == 0 ? 0 : confidence - 1);
    }
    json_t *object = parsed(&record);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "tcp"), "mirror_loss_ppm")),
                     10000);
    json_decref(object);
}

static void a_report_without_a_port_says_so_and_makes_less_sure(void **state)
{
    (void)state;
    struct ss_finding finding = finding_of(&STORIES[0]);
    struct ss_record record = record_of(&finding);
    struct ss_event event = event_of(-1);
    char why[512];
    record.event = &event;
    assert_int_equal(ss_record_opinion(&record).confidence, SS_CONFIDENCE_HIGH);
    assert_null(strstr(ss_record_why(&record, why, sizeof(why)), "port"));
    event.client.port = 0;
    assert_int_equal(ss_record_opinion(&record).confidence, SS_CONFIDENCE_MEDIUM);
    assert_non_null(strstr(ss_record_why(&record, why, sizeof(why)),
                           "; the proxy's line named no port, and this was that client's only handshake at "
                           "that time"));
    assert_null(strstr(why, "complete"));
    event.failed = true;
    assert_non_null(strstr(ss_record_why(&record, why, sizeof(why)), "at that time that did not complete"));
    json_t *object = parsed(&record);
    assert_true(json_is_true(json_object_get(json_object_get(object, "proxy"), "no_port")));
    json_decref(object);
}

static void the_reason_is_cut_where_its_room_ends(void **state)
{
    (void)state;
    struct ss_finding finding = finding_example();
    struct ss_record record = record_of(&finding);
    char whole[512], cut[512];
    size_t length = strlen(ss_record_why(&record, whole, sizeof(whole)));
    for (size_t room = 1; room <= length + 2; room++) {
        memset(cut, 'x', sizeof(cut));
        ss_record_why(&record, cut, room);
        size_t wanted = room - 1 < length ? room - 1 : length;
        assert_int_equal(strlen(cut), wanted);
        assert_memory_equal(cut, whole, wanted);
        assert_int_equal(cut[room], 'x');
    }
}

static void every_verdict_has_a_reason_whatever_was_seen(void **state)
{
    (void)state;
    for (unsigned seen = 0; seen < 1u << SS_MARK_COUNT; seen += 7) {
        struct ss_finding finding = finding_start();
        for (unsigned i = 0; i < SS_MARK_COUNT; i++)
            finding.mark_ns[i] = seen & 1u << i ? i * 100 * MS : SS_MARK_UNSEEN;
        finding_judge(&finding, seen & 1 ? MS : 0);
        for (unsigned verdict = 0; verdict < SS_VERDICT_COUNT; verdict++) {
            struct ss_record record = record_of(&finding);
            char why[512];
            finding.verdict = (uint8_t)verdict;
            ss_record_why(&record, why, sizeof(why));
            assert_in_range(strlen(why), 10, sizeof(why) - 2);
            assert_null(strpbrk(why, "{}"));
        }
    }
}

static void an_open_handshake_says_what_it_waits_for(void **state)
{
    (void)state;
    struct ss_finding finding = finding_of(&STORIES[19]);
    struct ss_record record = record_of(&finding);
    json_t *object = parsed(&record), *pending = json_object_get(object, "pending");
    assert_string_equal(text_at(pending, "phase"), "server_hello");
    assert_string_equal(text_at(pending, "share"), "server");
    assert_int_equal(json_integer_value(json_object_get(pending, "duration_ns")), 10000 * MS);
    json_decref(object);
}

static void an_event_without_a_flow_keeps_what_the_proxy_said(void **state)
{
    (void)state;
    struct ss_event event = event_of(-1);
    snprintf(event.sni, sizeof(event.sni), "example.com");
    event.proxied_client = endpoint_of("203.0.113.9:40112");
    event.has_proxied = event.failed = true;
    char *line = ss_unmatched_json("edge-ams-1", &event, "no_flow", "nothing was seen", NULL);
    assert_string_equal(line,
                        "{\"schema\":1,\"sensor\":\"edge-ams-1\",\"reason\":\"no_flow\","
                        "\"about\":\"nothing was seen\",\"client\":{\"ip\":\"192.0.2.7\",\"port\":51234},"
                        "\"proxied_client\":{\"ip\":\"203.0.113.9\",\"port\":40112},"
                        "\"sni\":\"example.com\",\"proxy\":{\"host\":\"edge-ams-1\","
                        "\"time\":\"2026-11-22T23:03:17.630619123Z\",\"failed\":true,"
                        "\"fields\":{\"frontend\":\"fe\",\"Th\":\"522\"}}}");
    free(line);
}

static void an_event_that_came_too_late_says_by_how_much(void **state)
{
    (void)state;
    const struct {
        struct ss_unmatched_note note;
        const char *part;
    } rows[] = {
        {{-1, -1, 1, 0}, "\"about\":\"gone\",\"client\""},
        {{90 * MS, -1, 0, 0}, "\"about\":\"gone\",\"age_ns\":90000000,\"client\""},
        {{0, 0, 0, 0}, "\"about\":\"gone\",\"age_ns\":0,\"missed_by_ns\":0,\"client\""},
        {{-1, -1, 1, 2}, "\"about\":\"gone\",\"candidates\":2,\"client\""},
        {{90 * MS, 30 * MS, 3, 0}, "\"age_ns\":90000000,\"missed_by_ns\":30000000,\"events\":3,\"client\""},
    };
    struct ss_event event = event_of(-1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *line = ss_unmatched_json("edge-ams-1", &event, "overwritten", "gone", &rows[i].note);
        assert_non_null(strstr(line, rows[i].part));
        free(line);
    }
}

/* The schema lies beside this file's tests, in docs/. */
static bool schema_path(char *ret_path, size_t bytes)
{
    static const char file[] = __FILE__, tail[] = "tests/unit/test_record.c";
    size_t stem = sizeof(file) > sizeof(tail) ? sizeof(file) - sizeof(tail) : 0;
    snprintf(ret_path, bytes, "%.*sdocs/record.schema.json", (int)stem, file);
    return access(ret_path, R_OK) == 0;
}

static void an_independent_reader_finds_every_record_within_the_schema(void **state)
{
    (void)state;
    static const char check[] = "python3 -c 'import sys,json,jsonschema\n"
                                "v=jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))\n"
                                "[v.validate(json.loads(l)) for l in sys.stdin]' ";
    char path[4096], command[8192];
    if (system("python3 -c 'import jsonschema' 2>/dev/null") != 0 || !schema_path(path, sizeof(path))) {
        print_message("skipped: python3-jsonschema or docs/record.schema.json is not here\n");
        skip();
    }
    snprintf(command, sizeof(command), "%s '%s'", check, path);
    FILE *checker = popen(command, "w");
    assert_non_null(checker);
    for (size_t i = 0; i <= COUNT_OF(STORIES) + SS_EVIDENCE_COUNT; i++) {
        struct ss_finding finding = i < COUNT_OF(STORIES) ? finding_of(&STORIES[i])
                                    : i == COUNT_OF(STORIES)
                                        ? finding_example()
                                        : finding_with((enum ss_evidence)(i - COUNT_OF(STORIES) - 1));
        struct ss_event event = event_of(500 * MS);
        struct ss_record record = record_of(&finding);
        event.client.port = i % 4 == 0 ? 0 : event.client.port;
        record.event = i % 2 == 0 ? &event : NULL;
        char *line = ss_record_json(&record);
        fprintf(checker, "%s\n", line);
        free(line);
    }
    assert_int_equal(pclose(checker), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_the_documented_keys_in_the_documented_order),
        cmocka_unit_test(what_was_not_seen_is_left_out),
        cmocka_unit_test(half_a_hello_exchange_tells_half),
        cmocka_unit_test(an_encrypted_client_hello_is_told_where_one_was_offered),
        cmocka_unit_test(a_later_record_of_a_flow_says_its_revision_after_the_id),
        cmocka_unit_test(outcomes_encapsulations_and_directions_have_their_names),
        cmocka_unit_test(every_flag_has_its_name),
        cmocka_unit_test(text_of_a_journal_cannot_break_the_line),
        cmocka_unit_test(the_proxys_report_changes_the_verdict),
        cmocka_unit_test(the_reason_tells_what_the_marks_show),
        cmocka_unit_test(a_talk_before_tls_is_told_apart_from_the_silence_after_it),
        cmocka_unit_test(loss_and_the_tap_are_told_with_their_numbers),
        cmocka_unit_test(the_evidence_that_a_verdict_rests_on_is_told),
        cmocka_unit_test(evidence_that_found_no_room_is_told_and_makes_the_verdict_less_sure),
        cmocka_unit_test(evidence_of_after_the_end_takes_nothing_from_that_of_before),
        cmocka_unit_test(the_evidence_stands_in_the_record),
        cmocka_unit_test(the_blamed_ones_own_clock_is_told),
        cmocka_unit_test(a_loss_beyond_the_tap_after_the_end_explains_the_proxy),
        cmocka_unit_test(a_mirror_that_lost_much_in_that_second_makes_less_sure),
        cmocka_unit_test(a_report_without_a_port_says_so_and_makes_less_sure),
        cmocka_unit_test(the_reason_is_cut_where_its_room_ends),
        cmocka_unit_test(every_verdict_has_a_reason_whatever_was_seen),
        cmocka_unit_test(an_open_handshake_says_what_it_waits_for),
        cmocka_unit_test(an_event_without_a_flow_keeps_what_the_proxy_said),
        cmocka_unit_test(an_event_that_came_too_late_says_by_how_much),
        cmocka_unit_test(an_independent_reader_finds_every_record_within_the_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
