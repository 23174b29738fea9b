// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"
#include "export/reconcile.h"
#include "support/findings.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MS              SS_NS_PER_MS
#define TEXT_BYTES      300

/* A handshake in ms from its first packet; -1: not seen. */
struct wire {
    int64_t syn_ack, ack, hello_first, finished, server_finished;
    int64_t open; /* not complete: how long after the last mark it was given up */
    enum ss_outcome outcome;
};

static void mark(struct ss_finding *finding, enum ss_mark mark, int64_t ms)
{
    if (ms >= 0)
        finding_mark(finding, mark, ms * MS);
}

static struct ss_finding finding_of(const struct wire *wire)
{
    struct ss_finding finding = finding_start();
    finding.tls.version = wire->server_finished >= 0 ? 0x0303 : 0x0304;
    mark(&finding, SS_MARK_SYN, 0);
    mark(&finding, SS_MARK_SYN_ACK, wire->syn_ack);
    mark(&finding, SS_MARK_ACK, wire->ack);
    mark(&finding, SS_MARK_CLIENT_HELLO_FIRST, wire->hello_first);
    mark(&finding, SS_MARK_CLIENT_FINISHED, wire->finished);
    mark(&finding, SS_MARK_SERVER_FINISHED, wire->server_finished);
    finding.outcome = (uint8_t)wire->outcome;
    finding_judge(&finding, wire->open * MS);
    finding.still_open = wire->outcome == SS_OUTCOME_UNFINISHED;
    return finding;
}

static struct ss_event event_of(int64_t duration_ms)
{
    return (struct ss_event){.moment = SS_EVENT_ENDED,
                             .duration_ns = duration_ms < 0 ? -1 : duration_ms * MS};
}

static void the_wires_number_is_from_the_ack_to_the_end(void **state)
{
    (void)state;
    const struct {
        struct wire wire;
        int64_t proxy_ms, wire_ms, difference_ms;
    } rows[] = {
        {{1, 20, 21, 523, -1, 0, SS_OUTCOME_COMPLETE}, 522, 503, 19},
        {{1, 20, 21, 523, 530, 0, SS_OUTCOME_COMPLETE}, 400, 510, -110},
        {{3000, 3001, 3002, 3010, -1, 0, SS_OUTCOME_COMPLETE}, 9, 9, 0}, /* no proxy counts lost SYNs */
        {{1, -1, 21, 523, -1, 0, SS_OUTCOME_COMPLETE}, 522, 522, 0},
        {{-1, -1, 21, 523, -1, 0, SS_OUTCOME_COMPLETE}, 522, 523, -1},
        {{1, 2, -1, -1, -1, 5000, SS_OUTCOME_CLIENT_CLOSED}, 5000, 5000, 0}, /* until it was closed */
        {{1, 2, 3, -1, -1, 9999, SS_OUTCOME_UNFINISHED}, 10000, 10000, 0},
        {{1, 20, 21, 523, -1, 0, SS_OUTCOME_COMPLETE}, -1, 503, 0}, /* no number */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ss_finding finding = finding_of(&rows[i].wire);
        struct ss_event event = event_of(rows[i].proxy_ms);
        struct ss_record record = {.finding = &finding, .event = &event};
        struct ss_reconciled reconciled = ss_reconcile(&record);
        if (reconciled.wire_ns != rows[i].wire_ms * MS ||
            reconciled.difference_ns != rows[i].difference_ms * MS)
            fail_msg("row %zu: %lld, %lld", i, (long long)reconciled.wire_ns,
                     (long long)reconciled.difference_ns);
    }
}

static void the_sentence_says_what_the_difference_is(void **state)
{
    (void)state;
    const struct {
        struct wire wire;
        int64_t proxy_ms;
        const char *text;
    } rows[] = {
        {{0, 1, 2, 501, -1, 0, SS_OUTCOME_COMPLETE},
         520,
         "; the proxy reports 520 ms, which the wire explains"},
        {{0, 1, 2, 501, -1, 0, SS_OUTCOME_COMPLETE},
         480,
         "; the proxy reports 480 ms, which the wire explains"},
        {{0, 1, 2, 11, -1, 0, SS_OUTCOME_COMPLETE}, 30, "; the proxy reports 30 ms, which the wire explains"},
        {{0, 1, 2, 2001, -1, 0, SS_OUTCOME_COMPLETE},
         2200,
         "; the proxy reports 2.2 s, which the wire explains"},
        {{1000, 1030, 1031, 1531, -1, 0, SS_OUTCOME_COMPLETE},
         501,
         "; the proxy reports 501 ms, which the wire explains; its timer starts after the first 1.03 s"},
        {{0, 1, 2, 11, -1, 0, SS_OUTCOME_COMPLETE},
         503,
         "; the proxy reports 503 ms, 493 ms more than the wire shows until the client's Finished: the proxy "
         "itself took that long after it, or its timer starts elsewhere"},
        {{0, 1, 2, 11, 12, 0, SS_OUTCOME_COMPLETE},
         503,
         "; the proxy reports 503 ms, 492 ms more than the wire shows until the server's ChangeCipherSpec: "
         "the "
         "proxy itself took that long after it, or its timer starts elsewhere"},
        {{0, 1, 2, -1, -1, 50, SS_OUTCOME_CLIENT_RESET},
         503,
         "; the proxy reports 503 ms, 452 ms more than the wire shows until the connection ended: the proxy "
         "itself took that long after it, or its timer starts elsewhere"},
        {{0, 1, 2, -1, -1, 1000, SS_OUTCOME_UNFINISHED},
         3000,
         "; the proxy reports 3 s, 2 s more than the mirror shows by now"},
        {{0, 1, 801, 811, -1, 0, SS_OUTCOME_COMPLETE},
         12,
         "; the proxy reports 12 ms, without the 800 ms before the ClientHello: its timer starts later, or "
         "its "
         "kernel held the connection back until then (deferred accept)"},
        {{0, 1, 2, 811, -1, 0, SS_OUTCOME_COMPLETE},
         310,
         "; the proxy reports 310 ms, 500 ms less than the wire shows since the client's ACK: the connection "
         "waited for its accept(), or its timer starts later"},
        {{0, 1, 2, 501, -1, 0, SS_OUTCOME_COMPLETE}, -1, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ss_finding finding = finding_of(&rows[i].wire);
        struct ss_event event = event_of(rows[i].proxy_ms);
        struct ss_record record = {.finding = &finding, .event = &event};
        char text[TEXT_BYTES] = "";
        ss_reconcile_say(&record, text, sizeof(text));
        assert_string_equal(text, rows[i].text);
    }
}

static void the_clocks_error_is_no_difference(void **state)
{
    (void)state;
    const struct wire wire = {0, 1, 2, 11, -1, 0, SS_OUTCOME_COMPLETE};
    struct ss_finding finding = finding_of(&wire);
    struct ss_event event = event_of(100);
    struct ss_record record = {.finding = &finding, .event = &event};
    char text[TEXT_BYTES];
    ss_reconcile_say(&record, text, sizeof(text));
    assert_null(strstr(text, "explains"));
    finding.clock_error_ns = 95 * MS;
    ss_reconcile_say(&record, text, sizeof(text));
    assert_non_null(strstr(text, "explains"));
}

static void what_the_mirror_lost_is_not_held_against_the_proxy(void **state)
{
    (void)state;
    const struct wire wire = {0, 1, 2, 11, -1, 0, SS_OUTCOME_COMPLETE};
    struct ss_finding finding = finding_of(&wire);
    struct ss_event event = event_of(503);
    struct ss_record record = {.finding = &finding, .event = &event};
    char text[TEXT_BYTES];
    finding.tap_missing_bytes = 1;
    ss_reconcile_say(&record, text, sizeof(text));
    assert_string_equal(
        text, "; the proxy reports 503 ms, 493 ms more than the mirror shows until the client's Finished");
    finding.tap_missing_bytes = 0;
    finding.visibility = SS_SEEN_CLIENT_ONLY;
    ss_reconcile_say(&record, text, sizeof(text));
    assert_non_null(strstr(text, "more than the mirror shows"));
}

/* A proxy that logs when it accepted tells how long the connection was in the accept queue, once its clock is
 * known. */
static void a_late_accept_is_told_by_the_proxys_own_clock(void **state)
{
    (void)state;
    const struct wire wire = {0, 1, 2, 811, -1, 0, SS_OUTCOME_COMPLETE};
    struct ss_finding finding = finding_of(&wire);
    struct ss_event event = event_of(310);
    struct ss_record record = {.finding = &finding, .event = &event, .clock_offset_ns = 90000 * MS};
    char text[TEXT_BYTES];
    event.moment = SS_EVENT_ACCEPTED;
    event.time_ns = finding.start_ns + (1 + 501 + 90000) * MS;
    ss_reconcile_say(&record, text, sizeof(text));
    assert_string_equal(text, "; the proxy reports 310 ms, 500 ms less than the wire shows: it accepted the "
                              "connection 501 ms after it could");
    record.clock_offset_ns = 0;
    ss_reconcile_say(&record, text, sizeof(text));
    assert_non_null(strstr(text, "waited for its accept(), or"));
    event.time_ns = INT64_MIN;
    record.clock_offset_ns = INT64_MAX;
    ss_reconcile_say(&record, text, sizeof(text));
    assert_non_null(strstr(text, "waited for its accept(), or"));
}

static void text_is_cut_where_its_room_ends(void **state)
{
    (void)state;
    const struct wire wire = {0, 1, 2, 11, -1, 0, SS_OUTCOME_COMPLETE};
    struct ss_finding finding = finding_of(&wire);
    struct ss_event event = event_of(503);
    struct ss_record record = {.finding = &finding, .event = &event};
    char whole[TEXT_BYTES], cut[TEXT_BYTES];
    ss_reconcile_say(&record, whole, sizeof(whole));
    for (size_t room = 1; room < strlen(whole); room++) {
        memset(cut, '#', sizeof(cut));
        ss_reconcile_say(&record, cut, room);
        assert_int_equal(strlen(cut), room - 1);
        assert_memory_equal(cut, whole, room - 1);
        assert_int_equal(cut[room], '#');
    }
    cut[0] = '#';
    ss_reconcile_say(&record, cut, 0);
    assert_int_equal(cut[0], '#');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wires_number_is_from_the_ack_to_the_end),
        cmocka_unit_test(the_sentence_says_what_the_difference_is),
        cmocka_unit_test(the_clocks_error_is_no_difference),
        cmocka_unit_test(what_the_mirror_lost_is_not_held_against_the_proxy),
        cmocka_unit_test(a_late_accept_is_told_by_the_proxys_own_clock),
        cmocka_unit_test(text_is_cut_where_its_room_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
