// SPDX-License-Identifier: BSD-3-Clause
#include "join/chains.h"
#include "join/join.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS    1000000LL
#define S     1000000000LL
#define SLACK (2 * S)
#define HOLD  (30 * S)
#define T0    (1795390095LL * S) /* some time of day */

/* A join with what it returned last, and the identity of its counters checked at every step. */
struct bench {
    struct ss_join *join;
    struct ss_join_flow *flow;
    struct ss_event event;
    enum ss_unmatched reason;
};

static struct bench bench_of(size_t flows, size_t waiting)
{
    struct bench bench = {.reason = SS_UNMATCHED_COUNT};
    assert_int_equal(ss_join_create(flows, waiting, 0, &bench.join), 0);
    ss_join_set_source(bench.join, 0, SLACK, HOLD);
    return bench;
}

static void check_identity(const struct bench *bench)
{
    const struct ss_join_counters *counters = ss_join_counters(bench->join);
    uint64_t sum = counters->matched + counters->waiting;
    for (unsigned i = 0; i < SS_UNMATCHED_COUNT; i++)
        sum += counters->unmatched[i];
    assert_int_equal(counters->events, sum);
}

static void end(struct bench *bench)
{
    check_identity(bench);
    ss_join_free(bench->join);
}

static struct ss_endpoint endpoint(const char *text)
{
    struct ss_endpoint endpoint;
    assert_true(ss_endpoint_parse(text, strlen(text), &endpoint));
    return endpoint;
}

/* A handshake accepted at ms after T0 that took 50 ms from then on, its SYN 20 ms before. The proxy answered
 * at its very end. */
static struct ss_news news(const char *client, int64_t ms)
{
    return (struct ss_news){
        .client = endpoint(client),
        .server = endpoint("198.51.100.1:443"),
        .start_ns = T0 + (ms - 20) * MS,
        .accept_ns = T0 + ms * MS,
        .served_ns = T0 + (ms + 50) * MS,
        .end_ns = T0 + (ms + 50) * MS,
        .over_ns = T0 + (ms + 50) * MS,
    };
}

static struct ss_event event(const char *client, enum ss_event_moment moment, int64_t ms)
{
    struct ss_event event = {.moment = moment,
                             .client = endpoint(client),
                             .time_ns = T0 + ms * MS,
                             .time_resolution_ns = MS,
                             .duration_ns = -1,
                             .host = "edge-1"};
    return event;
}

static struct ss_join_flow *add_flow(struct bench *bench, const char *client, int64_t ms)
{
    struct ss_news flow = news(client, ms);
    return ss_join_add_flow(bench->join, &flow, 3);
}

static enum ss_join_result add(struct bench *bench, const struct ss_event *event)
{
    bench->flow = NULL;
    enum ss_join_result result =
        ss_join_add_event(bench->join, event, event->time_ns, event->time_ns, &bench->flow, &bench->reason);
    check_identity(bench);
    return result;
}

static enum ss_join_result add_event(struct bench *bench, const char *client, enum ss_event_moment moment,
                                     int64_t ms)
{
    struct ss_event added = event(client, moment, ms);
    return add(bench, &added);
}

/* An event that left the waiting room: with its handshake in flow, or NULL and the reason. */
static bool expire(struct bench *bench, int64_t steady_ns)
{
    bool expired = ss_join_expire(bench->join, steady_ns, &bench->event, &bench->flow, &bench->reason);
    check_identity(bench);
    return expired;
}

/* One of many clients: an address with that port of it. */
struct client {
    char text[32];
};

static struct client client(const char *ip, unsigned number)
{
    struct client client;
    snprintf(client.text, sizeof(client.text), "%s:%u", ip, 1000 + number);
    return client;
}

/* One handshake and its event, of a new client each time. */
static enum ss_join_result step(struct bench *bench, unsigned number, enum ss_event_moment moment, int64_t ms,
                                int64_t shift_ms)
{
    struct client one = client("203.0.113.77", number);
    add_flow(bench, one.text, ms);
    return add_event(bench, one.text, moment, ms + shift_ms);
}

static struct ss_join_host host_of(const struct bench *bench)
{
    struct ss_join_host host = {0};
    assert_int_equal(ss_join_hosts(bench->join, &host, 1), 1);
    return host;
}

/* An accept at 1000 ms; server NULL: not logged. */
static struct ss_event event_to(const char *client, const char *server)
{
    struct ss_event made = event(client, SS_EVENT_ACCEPTED, 1000);
    made.has_server = server != NULL;
    if (server)
        made.server = endpoint(server);
    return made;
}

static void check_row(unsigned row, unsigned got, unsigned wanted)
{
    if (got != wanted)
        fail_msg("row %u: %u instead of %u", row, got, wanted);
}

#define A "192.0.2.7:51234"

static void one_handshake_and_one_event_are_joined_by_their_times(void **state)
{
    (void)state;
    /* The handshake is accepted at 1000 ms and ends at 1050 ms; slack is 2 s; WAITING stands for outside of
     * it. */
    const struct {
        enum ss_event_moment moment;
        int64_t ms, duration_ms;
        enum ss_join_result result;
    } rows[] = {
        {SS_EVENT_ACCEPTED, 1000, -1, SS_JOIN_MATCHED},
        {SS_EVENT_ACCEPTED, 999, -1, SS_JOIN_MATCHED},
        {SS_EVENT_ACCEPTED, 2999, -1, SS_JOIN_MATCHED},
        {SS_EVENT_ACCEPTED, 3050, -1, SS_JOIN_MATCHED}, /* 2 s after the end */
        {SS_EVENT_ACCEPTED, 3051, -1, SS_JOIN_WAITING},
        {SS_EVENT_ACCEPTED, -1001, -1, SS_JOIN_MATCHED}, /* up to 1 ms later in truth */
        {SS_EVENT_ACCEPTED, -1002, -1, SS_JOIN_WAITING},
        {SS_EVENT_ENDED, 3050, -1, SS_JOIN_MATCHED},
        {SS_EVENT_ENDED, 3051, -1, SS_JOIN_WAITING},
        {SS_EVENT_ENDED, -951, -1, SS_JOIN_MATCHED},
        {SS_EVENT_ENDED, -952, -1, SS_JOIN_WAITING},
        {SS_EVENT_ENDED, 9000, 8000, SS_JOIN_MATCHED}, /* the proxy took 8 s, the wire 50 ms */
        {SS_EVENT_ENDED, 9000, 3000, SS_JOIN_WAITING},
        {SS_EVENT_LOGGED, 1050, -1, SS_JOIN_MATCHED},
        {SS_EVENT_LOGGED, 4 * 3600 * 1000, -1, SS_JOIN_MATCHED}, /* at the connection's end, hours later */
        {SS_EVENT_LOGGED, -951, -1, SS_JOIN_MATCHED},
        {SS_EVENT_LOGGED, -952, -1, SS_JOIN_WAITING},
        {SS_EVENT_LOGGED, 5000, 5000, SS_JOIN_MATCHED},
        {SS_EVENT_LOGGED, 5000, 6002, SS_JOIN_WAITING}, /* so long ago that it was another handshake */
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench = bench_of(8, 8);
        struct ss_join_flow *flow = add_flow(&bench, A, 1000);
        struct ss_event added = event(A, rows[i].moment, rows[i].ms);
        added.duration_ns = rows[i].duration_ms < 0 ? -1 : rows[i].duration_ms * MS;
        enum ss_join_result result = add(&bench, &added);
        check_row(i, result, rows[i].result);
        if (result == SS_JOIN_MATCHED) {
            assert_ptr_equal(bench.flow, flow);
        } else {
            assert_true(expire(&bench, SS_JOIN_FOREVER));
            assert_null(bench.flow);
            assert_int_equal(bench.reason, SS_UNMATCHED_OUTSIDE_SLACK);
        }
        end(&bench);
    }
}

static void an_event_of_another_address_finds_nothing(void **state)
{
    (void)state;
    const struct {
        const char *client, *server; /* NULL: not logged */
        enum ss_join_result result;
    } rows[] = {
        {A, NULL, SS_JOIN_MATCHED},
        {A, "198.51.100.1:443", SS_JOIN_MATCHED},
        {A, "198.51.100.1", SS_JOIN_MATCHED}, /* no port logged */
        {A, "0.0.0.0:443", SS_JOIN_MATCHED},  /* the listener's address */
        {A, "[::]:443", SS_JOIN_MATCHED},
        {A, "::ffff:198.51.100.1", SS_JOIN_MATCHED},
        {A, "198.51.100.1:8443", SS_JOIN_WAITING},
        {A, "198.51.100.2:443", SS_JOIN_WAITING},
        {A, "0.0.0.0:8443", SS_JOIN_WAITING},
        {"192.0.2.7:51235", NULL, SS_JOIN_WAITING},
        {"192.0.2.8:51234", NULL, SS_JOIN_WAITING},
        {"192.0.2.8", NULL, SS_JOIN_WAITING},
        {"[2001:db8::1]:51234", NULL, SS_JOIN_WAITING},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench = bench_of(8, 8);
        add_flow(&bench, A, 1000);
        struct ss_event added = event_to(rows[i].client, rows[i].server);
        enum ss_join_result result = add(&bench, &added);
        check_row(i, result, rows[i].result);
        if (result == SS_JOIN_WAITING) {
            assert_true(expire(&bench, SS_JOIN_FOREVER));
            assert_int_equal(bench.reason, SS_UNMATCHED_NO_FLOW);
        }
        end(&bench);
    }
}

static void an_event_waits_for_its_handshake(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 8);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1000), SS_JOIN_WAITING);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1001), SS_JOIN_WAITING);
    assert_int_equal(add_event(&bench, "192.0.2.7", SS_EVENT_ACCEPTED, 1002), SS_JOIN_WAITING);
    assert_int_equal(add_event(&bench, "192.0.2.9:1", SS_EVENT_ACCEPTED, 1000), SS_JOIN_WAITING);

    struct ss_join_flow *flow = add_flow(&bench, A, 1000);
    int64_t order[] = {1000, 1001, 1002};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(ss_join_take_waiting(bench.join, flow, &bench.event));
        assert_int_equal(bench.event.time_ns, T0 + order[i] * MS);
        check_identity(&bench);
    }
    assert_false(ss_join_take_waiting(bench.join, flow, &bench.event));
    assert_int_equal(flow->events, 3);
    assert_int_equal(ss_join_counters(bench.join)->waiting, 1);
    end(&bench);
}

static void a_waiting_event_is_not_given_to_a_handshake_of_another_time(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 8);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 10000), SS_JOIN_WAITING);
    assert_false(ss_join_take_waiting(bench.join, add_flow(&bench, A, 1000), &bench.event));
    assert_true(ss_join_take_waiting(bench.join, add_flow(&bench, A, 10000), &bench.event));
    end(&bench);
}

static void waiting_events_expire_in_order_of_their_deadlines(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 64);
    ss_join_set_source(bench.join, 1, SLACK, 10 * S);
    const int64_t arrivals[] = {50, 10, 40, 40, 0, 30, 20, 25, 5, 45};
    for (unsigned i = 0; i < 10; i++) {
        struct ss_event added = event(A, SS_EVENT_ACCEPTED, arrivals[i]);
        added.source = i % 2; /* hold of 30 s and 10 s */
        assert_int_equal(add(&bench, &added), SS_JOIN_WAITING);
    }
    assert_false(expire(&bench, T0 + 10 * S + 9 * MS));
    int64_t latest = INT64_MIN;
    for (unsigned i = 0; i < 10; i++) {
        assert_true(expire(&bench, T0 + 60 * S));
        int64_t due = bench.event.time_ns + (bench.event.source ? 10 * S : HOLD);
        assert_true(due >= latest);
        latest = due;
        assert_int_equal(bench.reason, SS_UNMATCHED_NO_FLOW);
    }
    assert_false(expire(&bench, SS_JOIN_FOREVER));
    end(&bench);
}

static void a_clock_that_is_set_holds_no_event_longer_or_shorter(void **state)
{
    (void)state;
    static const int64_t SET_S[] = {-3600, 0, 3600};
    for (unsigned i = 0; i < 3; i++) {
        struct bench bench = bench_of(8, 8);
        struct ss_event first = event(A, SS_EVENT_ACCEPTED, 0), second = first;
        ss_join_add_event(bench.join, &first, T0, 5 * S, &bench.flow, &bench.reason);
        ss_join_add_event(bench.join, &second, T0 + SET_S[i] * S, 6 * S, &bench.flow, &bench.reason);
        assert_false(expire(&bench, 5 * S + HOLD - 1));
        assert_true(expire(&bench, 5 * S + HOLD));
        assert_false(expire(&bench, 6 * S + HOLD - 1));
        assert_true(expire(&bench, 6 * S + HOLD));
        end(&bench);
    }
}

static void a_port_used_again_is_resolved_by_time(void **state)
{
    (void)state;
    /* Handshakes accepted at 1 s and 9 s. */
    const struct {
        enum ss_event_moment moment;
        int64_t ms, found; /* found 0: none is guessed */
    } rows[] = {
        {SS_EVENT_ACCEPTED, 1001, 1000}, {SS_EVENT_ACCEPTED, 8999, 9000},
        {SS_EVENT_ENDED, 1051, 1000},    {SS_EVENT_ENDED, 9049, 9000},
        {SS_EVENT_LOGGED, 1060, 1000},   {SS_EVENT_LOGGED, 5000, 1000},
        {SS_EVENT_LOGGED, 9100, 9000},   {SS_EVENT_LOGGED, 99000, 9000},
        {SS_EVENT_LOGGED, 8000, 0}, /* a late line of the first, or of the second by a clock that is behind */
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench = bench_of(8, 8);
        add_flow(&bench, A, 1000);
        add_flow(&bench, A, 9000);
        enum ss_join_result result = add_event(&bench, A, rows[i].moment, rows[i].ms);
        check_row(i, result, rows[i].found ? SS_JOIN_MATCHED : SS_JOIN_UNMATCHED);
        if (rows[i].found)
            assert_int_equal(bench.flow->news.accept_ns, T0 + rows[i].found * MS);
        else
            assert_int_equal(bench.reason, SS_UNMATCHED_AMBIGUOUS);
        end(&bench);
    }
}

/* Ten unambiguous joins of a host whose clock is shift_ms ahead. */
static void teach(struct bench *bench, int64_t shift_ms)
{
    for (unsigned i = 0; i < 10; i++)
        step(bench, 9000 + i, SS_EVENT_ACCEPTED, 100 * i, shift_ms);
    while (expire(bench, T0 - HOLD))
        assert_non_null(bench->flow);
}

static void two_handshakes_within_slack_are_told_apart_once_the_clock_is_known(void **state)
{
    (void)state;
    struct bench bench = bench_of(64, 8);
    add_flow(&bench, A, 1000);
    add_flow(&bench, A, 2000);
    add_flow(&bench, "192.0.2.7:6", 5000);
    add_flow(&bench, "192.0.2.7:6", 5004);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1995), SS_JOIN_WAITING); /* not guessed */
    assert_int_equal(add_event(&bench, "192.0.2.7:6", SS_EVENT_ACCEPTED, 5000), SS_JOIN_WAITING);
    teach(&bench, 0);
    assert_int_equal(ss_join_counters(bench.join)->matched, 11); /* the waiting one was retried */
    assert_true(expire(&bench, SS_JOIN_FOREVER));
    assert_int_equal(bench.reason, SS_UNMATCHED_AMBIGUOUS); /* 4 ms apart they stay alike */
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1020), SS_JOIN_MATCHED);
    assert_int_equal(bench.flow->news.accept_ns, T0 + 1000 * MS);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1990), SS_JOIN_MATCHED);
    assert_int_equal(bench.flow->news.accept_ns, T0 + 2000 * MS);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1500), SS_JOIN_WAITING); /* a third may come */
    assert_true(expire(&bench, SS_JOIN_FOREVER));
    assert_int_equal(bench.reason, SS_UNMATCHED_AMBIGUOUS);
    end(&bench);
}

static void an_early_event_does_not_take_the_ports_last_handshake(void **state)
{
    (void)state;
    struct bench bench = bench_of(64, 8);
    teach(&bench, 0);
    struct ss_join_flow *last = add_flow(&bench, A, 1000);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1900), SS_JOIN_WAITING);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ENDED, 1950), SS_JOIN_WAITING);
    assert_false(expire(&bench, T0 + 1 * S));
    struct ss_join_flow *flow = add_flow(&bench, A, 1900);
    assert_true(ss_join_take_waiting(bench.join, flow, &bench.event));
    assert_true(ss_join_take_waiting(bench.join, flow, &bench.event));

    /* But when no other comes for a while, the one within slack it was: long before the end of hold. */
    last = add_flow(&bench, "192.0.2.7:5", 1000);
    assert_int_equal(add_event(&bench, "192.0.2.7:5", SS_EVENT_ACCEPTED, 1900), SS_JOIN_WAITING);
    assert_true(expire(&bench, T0 + 10 * S));
    assert_ptr_equal(bench.flow, last);
    assert_int_equal(add_event(&bench, "192.0.2.7:6", SS_EVENT_ACCEPTED, 1900), SS_JOIN_WAITING);
    last = add_flow(&bench, "192.0.2.7:6", 1000);
    assert_false(ss_join_take_waiting(bench.join, last, &bench.event));
    assert_true(expire(&bench, T0 + 32 * S));
    assert_ptr_equal(bench.flow, last);

    /* The proxy was stopped and accepted 5 s late: that is within the handshake. */
    struct ss_news slow = news("192.0.2.7:7", 1000);
    slow.served_ns = slow.over_ns = slow.end_ns += 6 * S;
    last = ss_join_add_flow(bench.join, &slow, 0);
    assert_int_equal(add_event(&bench, "192.0.2.7:7", SS_EVENT_ACCEPTED, 6000), SS_JOIN_MATCHED);
    end(&bench);
}

static void an_event_without_a_port_takes_a_single_handshake_only(void **state)
{
    (void)state;
    for (unsigned moment = SS_EVENT_ACCEPTED; moment <= SS_EVENT_LOGGED; moment++) {
        struct bench bench = bench_of(8, 8);
        struct ss_join_flow *flow = add_flow(&bench, A, 1000);
        add_flow(&bench, "192.0.2.7:9", 9000);
        assert_int_equal(add_event(&bench, "192.0.2.7", moment, 1100), SS_JOIN_MATCHED);
        assert_ptr_equal(bench.flow, flow);
        add_flow(&bench, "192.0.2.7:10", 1900);
        assert_int_equal(add_event(&bench, "192.0.2.7", moment, 1100), SS_JOIN_UNMATCHED);
        assert_int_equal(bench.reason, SS_UNMATCHED_AMBIGUOUS);
        assert_int_equal(add_event(&bench, "192.0.2.7", moment, 30000), SS_JOIN_WAITING);
        assert_true(expire(&bench, SS_JOIN_FOREVER));
        assert_int_equal(bench.reason, SS_UNMATCHED_OUTSIDE_SLACK);
        end(&bench);
    }
}

/* What the proxy says that failed did not go well on the wire either. */
static void a_failure_without_a_port_is_not_of_a_handshake_that_was_complete(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 8);
    struct ss_news complete = news(A, 1000), failed = news("192.0.2.7:9", 1010);
    struct ss_event line = event("192.0.2.7", SS_EVENT_LOGGED, 1100);
    complete.completed = true;
    ss_join_add_flow(bench.join, &complete, 0);
    line.failed = true;
    assert_int_equal(add(&bench, &line), SS_JOIN_WAITING);
    struct ss_join_flow *second = ss_join_add_flow(bench.join, &failed, 0);
    assert_true(ss_join_take_waiting(bench.join, second, &bench.event));
    end(&bench);
}

static void a_failure_without_a_port_of_a_client_whose_handshakes_were_complete_finds_no_flow(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 8);
    struct ss_news complete = news(A, 1000);
    struct ss_event line = event("192.0.2.7", SS_EVENT_LOGGED, 1100);
    complete.completed = line.failed = true;
    struct ss_join_flow *flow = ss_join_add_flow(bench.join, &complete, 0);
    assert_int_equal(add(&bench, &line), SS_JOIN_WAITING);
    assert_true(expire(&bench, SS_JOIN_FOREVER));
    assert_int_equal(bench.reason, SS_UNMATCHED_NO_FLOW);
    line.client = flow->news.client; /* with a port there is nothing to choose */
    assert_int_equal(add(&bench, &line), SS_JOIN_MATCHED);
    line.client.port = 0;
    line.failed = false;
    assert_int_equal(add(&bench, &line), SS_JOIN_MATCHED);
    end(&bench);
}

static void the_candidates_of_an_ambiguous_event_are_counted(void **state)
{
    (void)state;
    struct bench bench = bench_of(32, 8);
    struct ss_event line = event("192.0.2.7", SS_EVENT_LOGGED, 1100);
    assert_int_equal(ss_join_candidates(bench.join, &line), 0);
    for (unsigned i = 1; i <= SS_JOIN_CANDIDATES + 2; i++) {
        add_flow(&bench, client("192.0.2.7", i).text, 1000);
        assert_int_equal(ss_join_candidates(bench.join, &line),
                         i < SS_JOIN_CANDIDATES ? i : SS_JOIN_CANDIDATES);
    }
    add_flow(&bench, "192.0.2.8:1", 1000);
    line.client = endpoint("192.0.2.8");
    assert_int_equal(ss_join_candidates(bench.join, &line), 1);
    end(&bench);
}

/* The proxy gives a silent client up after its timeout, writes its line and closes. */
static void a_line_about_a_handshake_that_was_given_up_comes_long_after_its_last_packet(void **state)
{
    (void)state;
    const struct {
        const char *client;
        int64_t ms;
        enum ss_join_result result;
    } rows[] = {
        {"192.0.2.7", 61000, SS_JOIN_MATCHED},
        {"192.0.2.7", 59100, SS_JOIN_MATCHED},
        {"192.0.2.7", 62900, SS_JOIN_MATCHED},
        {"192.0.2.7", 63100, SS_JOIN_WAITING},
        {"192.0.2.7", 3000, SS_JOIN_MATCHED},
        {"192.0.2.7", 30000, SS_JOIN_WAITING}, /* nothing happened then */
        {A, 61000, SS_JOIN_MATCHED},
        {A, 30000, SS_JOIN_MATCHED},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench = bench_of(8, 8);
        struct ss_news given_up = news(A, 1000);
        given_up.over_ns = T0 + 61000 * MS;
        ss_join_add_flow(bench.join, &given_up, 0);
        enum ss_join_result result = add_event(&bench, rows[i].client, SS_EVENT_LOGGED, rows[i].ms);
        check_row(i, result, rows[i].result);
        end(&bench);
    }
}

static void a_line_about_a_handshake_that_is_still_open_waits_until_it_is_over(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 8);
    struct ss_news silent = news(A, 1000);
    silent.still_open = true;
    struct ss_join_flow *flow = ss_join_add_flow(bench.join, &silent, 0);
    assert_int_equal(add_event(&bench, "192.0.2.7", SS_EVENT_LOGGED, 61000), SS_JOIN_WAITING);
    assert_false(ss_join_take_waiting(bench.join, flow, &bench.event));
    silent.still_open = false;
    silent.over_ns = T0 + 61000 * MS;
    assert_ptr_equal(ss_join_add_flow(bench.join, &silent, 0), flow);
    assert_true(ss_join_take_waiting(bench.join, flow, &bench.event));
    end(&bench);
}

static void the_offset_of_a_host_is_the_median_of_its_samples(void **state)
{
    (void)state;
    struct bench bench = bench_of(256, 8);
    for (unsigned i = 0; i < 30; i++) {
        int64_t shift_ms = 120 + (i % 5 == 0 ? 45 : i % 3); /* ahead, and every fifth was accepted late */
        assert_int_equal(step(&bench, i, SS_EVENT_ACCEPTED, 100 * i, shift_ms), SS_JOIN_MATCHED);
        assert_int_equal(ss_join_offset(bench.join, "edge-1") != 0, i >= SS_JOIN_LEARNED - 1);
    }
    struct ss_join_host host = host_of(&bench);
    assert_string_equal(host.name, "edge-1");
    assert_int_equal(host.joined, 30);
    assert_int_equal(host.samples, 30);
    assert_in_range(host.offset_ns, 120 * MS, 123 * MS);
    assert_in_range(host.spread_ns, 0, 2 * MS);
    assert_int_equal(ss_join_offset(bench.join, "edge-2"), 0);
    end(&bench);
}

static void a_host_that_is_minutes_off_is_learned_and_then_joined(void **state)
{
    (void)state;
    for (int64_t shift_ms = -120000; shift_ms <= 120000; shift_ms += 240000) {
        struct bench bench = bench_of(64, 64);
        add_flow(&bench, A, 50000);
        add_flow(&bench, A, 90000);
        teach(&bench, shift_ms); /* the first wait outside slack, and are joined when the offset is known */
        assert_int_equal(ss_join_counters(bench.join)->matched, 10);
        assert_int_equal(ss_join_counters(bench.join)->waiting, 0);
        assert_int_equal(ss_join_offset(bench.join, "edge-1"), shift_ms * MS + MS / 2);
        assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 90010 + shift_ms), SS_JOIN_MATCHED);
        assert_int_equal(bench.flow->news.accept_ns, T0 + 90000 * MS);
        end(&bench);
    }
}

static void samples_that_disagree_teach_nothing(void **state)
{
    (void)state;
    struct bench bench = bench_of(64, 64);
    for (unsigned i = 0; i < 40; i++)
        step(&bench, i, SS_EVENT_ACCEPTED, 1000, 7000 * (int64_t)((i * 7) % 40));
    assert_int_equal(ss_join_offset(bench.join, "edge-1"), 0);
    end(&bench);
}

/* Ports that are used again at a steady pace, by handshakes of another length, look like a clock that is off.
 */
static void reports_of_handshakes_that_were_not_seen_teach_no_other_clock(void **state)
{
    (void)state;
    struct bench bench = bench_of(64, 64);
    for (unsigned i = 0; i < 2 * SS_JOIN_LEARNED; i++) {
        struct client one = client("203.0.113.77", i);
        struct ss_event added = event(one.text, SS_EVENT_ACCEPTED, 100 * i);
        add_flow(&bench, one.text, 100 * i + 12000);
        added.duration_ns = 300 * MS;
        assert_int_equal(add(&bench, &added), SS_JOIN_WAITING);
    }
    while (expire(&bench, SS_JOIN_FOREVER)) {
        assert_null(bench.flow);
        assert_int_equal(bench.reason, SS_UNMATCHED_OUTSIDE_SLACK);
    }
    assert_int_equal(ss_join_offset(bench.join, "edge-1"), 0);
    end(&bench);
}

/* Accepted when the kernel did or as late as the answer, over when the wire was. */
static void reports_that_last_as_long_as_the_wire_shows_teach_a_clock_that_is_off(void **state)
{
    (void)state;
    for (int64_t late_ms = 0; late_ms <= 290; late_ms += 290) {
        struct bench bench = bench_of(64, 64);
        for (unsigned i = 0; i < SS_JOIN_LEARNED; i++) {
            struct client one = client("203.0.113.77", i);
            struct ss_event added = event(one.text, SS_EVENT_ACCEPTED, 500 * i + late_ms);
            struct ss_news flow = news(one.text, 500 * i + 12000);
            flow.served_ns = flow.accept_ns + 290 * MS;
            flow.end_ns = flow.over_ns = flow.accept_ns + 300 * MS;
            ss_join_add_flow(bench.join, &flow, 0);
            added.duration_ns = (300 - late_ms) * MS;
            add(&bench, &added);
        }
        assert_in_range(-ss_join_offset(bench.join, "edge-1"), (12000 - late_ms) * MS - MS,
                        (12000 - late_ms) * MS);
        end(&bench);
    }
}

static void a_handshake_gives_one_sample_however_many_lines_it_has(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 8);
    add_flow(&bench, A, 1000);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1000 + 50 * i), SS_JOIN_MATCHED);
    assert_int_equal(host_of(&bench).samples, 1);
    assert_int_equal(host_of(&bench).joined, 20);
    end(&bench);
}

static void a_host_whose_clock_was_set_is_learned_anew(void **state)
{
    (void)state;
    struct bench bench = bench_of(256, 64);
    for (unsigned i = 0; i < 100; i++)
        step(&bench, i, SS_EVENT_ACCEPTED, 100 * i, i < 70 ? 0 : 90000);
    /* The first ones after the step had to wait in vain; the others are joined by what these taught. */
    assert_int_equal(ss_join_offset(bench.join, "edge-1"), MS / 2);
    while (expire(&bench, T0 + 200 * S))
        ;
    assert_int_equal(ss_join_offset(bench.join, "edge-1"), 90000 * MS + MS / 2);
    uint64_t lost = ss_join_counters(bench.join)->unmatched[SS_UNMATCHED_OUTSIDE_SLACK];
    assert_in_range(lost, 1, SS_JOIN_LEARNED);
    assert_int_equal(ss_join_counters(bench.join)->matched, 100 - lost);
    end(&bench);
}

static void a_handshake_judged_again_keeps_its_events(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 8);
    struct ss_join_flow *flow = add_flow(&bench, A, 1000);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1000), SS_JOIN_MATCHED);
    flow->exported = true;
    flow->revision = 2;
    struct ss_news again = news(A, 1000);
    again.over_ns = again.end_ns += 7 * S;
    again.note = 99;
    assert_ptr_equal(ss_join_add_flow(bench.join, &again, 3), flow);
    assert_int_equal(flow->events, 1);
    assert_true(flow->exported);
    assert_int_equal(flow->revision, 2);
    assert_int_equal(flow->news.note, 99);
    assert_int_equal(flow->news.end_ns, again.end_ns);
    assert_int_equal(ss_join_counters(bench.join)->flows, 1);
    again.start_ns += 1; /* the same endpoints at another time are another handshake */
    assert_ptr_not_equal(ss_join_add_flow(bench.join, &again, 3), flow);
    end(&bench);
}

static void a_handshake_is_found_by_later_news_of_its_connection(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 8);
    struct ss_join_flow *flow = add_flow(&bench, A, 1000);
    struct ss_news last = news(A, 1000);
    last.kind = SS_NEWS_ENDED;
    assert_ptr_equal(ss_join_find_flow(bench.join, &last), flow);
    last.start_ns += 1;
    assert_null(ss_join_find_flow(bench.join, &last));
    end(&bench);
}

static void the_oldest_handshake_gives_way(void **state)
{
    (void)state;
    struct bench bench = bench_of(4, 8);
    for (unsigned i = 0; i < 6; i++)
        add_flow(&bench, client("192.0.2.1", i).text, 100 * i);
    assert_int_equal(ss_join_counters(bench.join)->flows, 4);
    assert_int_equal(ss_join_counters(bench.join)->flows_evicted, 2);
    assert_int_equal(add_event(&bench, "192.0.2.1:1001", SS_EVENT_ACCEPTED, 100), SS_JOIN_WAITING);
    assert_int_equal(add_event(&bench, "192.0.2.1:1002", SS_EVENT_ACCEPTED, 200), SS_JOIN_MATCHED);
    assert_int_equal(add_event(&bench, "192.0.2.1:1005", SS_EVENT_ACCEPTED, 500), SS_JOIN_MATCHED);
    end(&bench);
}

static void a_full_waiting_room_refuses_the_newcomer(void **state)
{
    (void)state;
    struct bench bench = bench_of(4, 2);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1), SS_JOIN_WAITING);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 2), SS_JOIN_WAITING);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 3), SS_JOIN_UNMATCHED);
    assert_int_equal(bench.reason, SS_UNMATCHED_WAITING_FULL);
    assert_true(expire(&bench, SS_JOIN_FOREVER));
    assert_int_equal(bench.event.time_ns, T0 + 1 * MS);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 3), SS_JOIN_WAITING);
    end(&bench);
}

static void a_match_whose_packets_are_gone_is_counted_as_overwritten(void **state)
{
    (void)state;
    struct bench bench = bench_of(4, 2);
    add_flow(&bench, A, 1);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1), SS_JOIN_MATCHED);
    ss_join_overwritten(bench.join, bench.flow);
    assert_int_equal(ss_join_counters(bench.join)->unmatched[SS_UNMATCHED_OVERWRITTEN], 1);
    assert_int_equal(bench.flow->events, 0);
    end(&bench);
}

static void a_clients_choice_of_ports_does_not_make_walks_long(void **state)
{
    (void)state;
    struct bench bench = bench_of(4096, 8);
    for (unsigned i = 0; i < 4000; i++)
        add_flow(&bench, client("192.0.2.1", i).text, i < 2000 ? 10 * i : 900000);
    assert_int_equal(add_event(&bench, "192.0.2.1", SS_EVENT_ACCEPTED, 0), SS_JOIN_WAITING);
    assert_int_equal(ss_join_counters(bench.join)->walks_cut, 1);
    assert_int_equal(add_event(&bench, "192.0.2.1:1000", SS_EVENT_ACCEPTED, 0), SS_JOIN_MATCHED);
    end(&bench);
}

static void times_at_the_ends_of_the_range_do_no_harm(void **state)
{
    (void)state;
    const int64_t times[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX - 1, INT64_MAX};
    struct bench bench = bench_of(64, 512);
    for (unsigned i = 0; i < 6; i++) {
        struct ss_news flow = news(A, 1000);
        flow.start_ns = flow.accept_ns = flow.served_ns = flow.end_ns = flow.over_ns = times[i];
        ss_join_add_flow(bench.join, &flow, 0);
        for (unsigned j = 0; j < 18; j++) {
            struct ss_event added = event(j % 2 ? A : "192.0.2.7", j / 6, 0);
            added.time_ns = times[j % 6];
            added.duration_ns = INT64_MAX;
            added.time_resolution_ns = j % 2 ? INT64_MAX : INT64_MIN;
            add(&bench, &added);
        }
    }
    while (expire(&bench, SS_JOIN_FOREVER))
        ;
    assert_int_equal(ss_join_counters(bench.join)->waiting, 0);
    end(&bench);
}

/* Handshakes of a few ports at random times and their events, either first: each is joined to its own or to
 * none, and all are accounted for. */
static void none_is_joined_to_a_wrong_handshake(void **state)
{
    (void)state;
    struct bench bench = bench_of(512, 4096);
    teach(&bench, 0);
    uint64_t random = 88172645463325252ULL, matched = 0;
    for (unsigned i = 0; i < 3000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        struct client one = client("192.0.2.1", (unsigned)(random % 50));
        int64_t ms = 1000 + 100 * (int64_t)i;
        struct ss_event added = event(one.text, SS_EVENT_ACCEPTED, ms);
        snprintf(added.sni, sizeof(added.sni), "%lld", (long long)(T0 + ms * MS));
        bool first = random >> 20 & 1;
        if (first && add(&bench, &added) == SS_JOIN_MATCHED)
            fail_msg("joined before its handshake was there");
        struct ss_join_flow *flow = add_flow(&bench, one.text, ms);
        while (ss_join_take_waiting(bench.join, flow, &bench.event)) {
            matched++;
            assert_int_equal(strtoll(bench.event.sni, NULL, 10), flow->news.accept_ns);
        }
        if (first)
            continue;
        assert_int_equal(add(&bench, &added), SS_JOIN_MATCHED);
        assert_ptr_equal(bench.flow, flow);
        matched++;
    }
    assert_int_equal(matched, 3000);
    end(&bench);
}

/* A handshake through a load balancer, which names the client in a PROXY protocol header. */
static struct ss_join_flow *add_proxied(struct bench *bench, const char *wire, const char *client, int64_t ms)
{
    struct ss_news flow = news(wire, ms);
    flow.has_proxied = true;
    flow.proxied_client = endpoint(client);
    flow.proxied_server = endpoint("203.0.113.1:443");
    return ss_join_add_flow(bench->join, &flow, 3);
}

#define LB "10.0.0.1:4444"

static void an_event_finds_its_handshake_by_the_client_of_the_proxy_header(void **state)
{
    (void)state;
    const struct {
        const char *client, *server; /* NULL: not logged */
        enum ss_join_result result;
    } rows[] = {
        {A, NULL, SS_JOIN_MATCHED},
        {LB, NULL, SS_JOIN_MATCHED},
        {"192.0.2.7", NULL, SS_JOIN_MATCHED},
        {A, "203.0.113.1:443", SS_JOIN_MATCHED},  /* both as the header has them */
        {A, "198.51.100.1:443", SS_JOIN_MATCHED}, /* %ci with fc_dst */
        {LB, "203.0.113.1:443", SS_JOIN_MATCHED}, /* fc_src with %fi */
        {A, "0.0.0.0:443", SS_JOIN_MATCHED},
        {A, "203.0.113.2:443", SS_JOIN_WAITING},
        {A, "203.0.113.1:444", SS_JOIN_WAITING},
        {"192.0.2.7:4444", NULL, SS_JOIN_WAITING}, /* half of each is neither */
        {"10.0.0.1:51234", NULL, SS_JOIN_WAITING},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench = bench_of(8, 8);
        struct ss_join_flow *flow = add_proxied(&bench, LB, A, 1000);
        struct ss_event added = event_to(rows[i].client, rows[i].server);
        enum ss_join_result result = add(&bench, &added);
        check_row(i, result, rows[i].result);
        if (result == SS_JOIN_MATCHED)
            assert_ptr_equal(bench.flow, flow);
        end(&bench);
    }
}

static void an_event_waits_for_a_handshake_with_a_proxy_header_too(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 8);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1000), SS_JOIN_WAITING);
    assert_int_equal(add_event(&bench, "192.0.2.7", SS_EVENT_ACCEPTED, 1000), SS_JOIN_WAITING);
    assert_int_equal(add_event(&bench, LB, SS_EVENT_ACCEPTED, 1000), SS_JOIN_WAITING);
    struct ss_join_flow *flow = add_proxied(&bench, LB, A, 1000);
    for (unsigned i = 0; i < 3; i++)
        assert_true(ss_join_take_waiting(bench.join, flow, &bench.event));
    assert_false(ss_join_take_waiting(bench.join, flow, &bench.event));
    end(&bench);
}

static void the_wires_client_is_preferred_to_the_headers(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 8);
    struct ss_join_flow *direct = add_flow(&bench, A, 1000);
    struct ss_join_flow *proxied = add_proxied(&bench, LB, A, 1000);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1000), SS_JOIN_MATCHED);
    assert_ptr_equal(bench.flow, direct);
    assert_int_equal(add_event(&bench, LB, SS_EVENT_ACCEPTED, 1000), SS_JOIN_MATCHED);
    assert_ptr_equal(bench.flow, proxied);
    /* Where the wire has that client at another time only, the header's is it. */
    proxied = add_proxied(&bench, "10.0.0.1:5555", A, 90000);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 90000), SS_JOIN_MATCHED);
    assert_ptr_equal(bench.flow, proxied);
    end(&bench);
}

static void two_proxy_headers_that_fit_alike_are_not_guessed(void **state)
{
    (void)state;
    struct bench bench = bench_of(64, 8);
    teach(&bench, 0);
    add_proxied(&bench, "10.0.0.1:1", A, 1000);
    add_proxied(&bench, "10.0.0.2:2", A, 1004);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1002), SS_JOIN_UNMATCHED);
    assert_int_equal(bench.reason, SS_UNMATCHED_AMBIGUOUS);
    end(&bench);
}

static void a_proxy_header_that_is_seen_late_is_found_nevertheless(void **state)
{
    (void)state;
    struct bench bench = bench_of(4, 8);
    struct ss_join_flow *flow = add_flow(&bench, LB, 1000); /* judged while it was silent */
    assert_ptr_equal(add_proxied(&bench, LB, A, 1000), flow);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1000), SS_JOIN_MATCHED);
    for (unsigned i = 0; i < 4; i++) /* both names go when it gives way */
        add_flow(&bench, client("192.0.2.1", i).text, 1000);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1000), SS_JOIN_WAITING);
    assert_int_equal(add_event(&bench, LB, SS_EVENT_ACCEPTED, 1000), SS_JOIN_WAITING);
    end(&bench);
}

static void clients_behind_one_address_are_told_apart_by_their_ports(void **state)
{
    (void)state;
    struct bench bench = bench_of(256, 8);
    struct ss_join_flow *flows[100];
    for (unsigned i = 0; i < 100; i++)
        flows[i] = add_flow(&bench, client("192.0.2.1", i).text, i);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(add_event(&bench, client("192.0.2.1", i).text, SS_EVENT_ACCEPTED, 50),
                         SS_JOIN_MATCHED);
        assert_ptr_equal(bench.flow, flows[i]);
    }
    /* Without a port, a hundred fit. */
    assert_int_equal(add_event(&bench, "192.0.2.1", SS_EVENT_ACCEPTED, 50), SS_JOIN_UNMATCHED);
    assert_int_equal(bench.reason, SS_UNMATCHED_AMBIGUOUS);
    end(&bench);
}

static void a_step_of_a_hosts_clock_is_counted_with_its_size_and_time(void **state)
{
    (void)state;
    const int64_t steps_ms[] = {-120000, -1500, -700, 700, 1500, 120000};
    for (unsigned k = 0; k < sizeof(steps_ms) / sizeof(steps_ms[0]); k++) {
        struct bench bench = bench_of(256, 64);
        for (unsigned i = 0; i < 70; i++)
            step(&bench, i, SS_EVENT_ACCEPTED, 100 * i, i % 3);
        assert_int_equal(host_of(&bench).steps, 0);
        for (unsigned i = 70; i < 90; i++)
            step(&bench, i, SS_EVENT_ACCEPTED, 100 * i, steps_ms[k] + i % 3);
        while (expire(&bench, SS_JOIN_FOREVER))
            ;
        struct ss_join_host host = host_of(&bench);
        assert_int_equal(host.steps, 1);
        assert_in_range(host.stepped_ns - steps_ms[k] * MS + 5 * MS, 0, 10 * MS);
        assert_in_range(host.stepped_at_ns, T0 + 7000 * MS, T0 + 9100 * MS);
        assert_in_range(host.offset_ns - steps_ms[k] * MS + 5 * MS, 0, 10 * MS);
        end(&bench);
    }
}

static void a_proxy_that_is_late_to_accept_has_not_set_its_clock(void **state)
{
    (void)state;
    struct bench bench = bench_of(256, 64);
    for (unsigned i = 0; i < 30; i++)
        step(&bench, i, SS_EVENT_ACCEPTED, 100 * i, 0);
    for (unsigned i = 30; i < 50; i++) { /* the handshake had to wait for it */
        struct client one = client("203.0.113.77", i);
        struct ss_news slow = news(one.text, 100 * i);
        slow.served_ns = slow.over_ns = slow.end_ns += 1500 * MS;
        ss_join_add_flow(bench.join, &slow, 0);
        assert_int_equal(add_event(&bench, one.text, SS_EVENT_ACCEPTED, 100 * i + 1400), SS_JOIN_MATCHED);
    }
    assert_int_equal(host_of(&bench).steps, 0);
    end(&bench);
}

static void a_clock_that_drifts_is_followed(void **state)
{
    (void)state;
    /* 200 ppm: in the two hours of this test it goes from 0 to 1.44 s. */
    struct bench bench = bench_of(1024, 64);
    for (unsigned i = 0; i < 720; i++) {
        int64_t ms = 10000 * (int64_t)i;
        assert_int_equal(step(&bench, i, SS_EVENT_ACCEPTED, ms, ms / 5000), SS_JOIN_MATCHED);
    }
    struct ss_join_host host = host_of(&bench);
    assert_int_equal(host.steps, 0);
    assert_in_range(host.offset_ns, 1300 * MS, 1440 * MS);
    assert_in_range(host.spread_ns, 1, 100 * MS);
    end(&bench);
}

static void a_host_that_logs_only_lines_is_learned_by_the_promptest(void **state)
{
    (void)state;
    const int64_t shifts_ms[] = {-120000, 90000};
    for (unsigned k = 0; k < 2; k++) {
        struct bench bench = bench_of(256, 64);
        uint64_t joined = 0;
        for (unsigned i = 0; i < 60; i++) {
            /* Every third request takes its time, some take seconds; the handshake ends 50 ms after accept.
             */
            int64_t late_ms = 50 + (i % 3 == 0 ? 37 * (int64_t)i : 2);
            joined += step(&bench, i, SS_EVENT_LOGGED, 1000 * i, shifts_ms[k] + late_ms) == SS_JOIN_MATCHED;
            while (expire(&bench, T0 - 1000 * S))
                joined += bench.flow != NULL;
        }
        assert_int_equal(joined, 60);
        struct ss_join_host host = host_of(&bench);
        assert_true(host.learned);
        assert_int_equal(host.steps, 0);
        assert_in_range(host.offset_ns - shifts_ms[k] * MS, 0, 10 * MS);

        /* With it, the right one of a port that was used again before the line's own time. */
        add_flow(&bench, A, 100000);
        struct ss_join_flow *flow = bench.flow = add_flow(&bench, A, 130000);
        add_flow(&bench, A, 160000);
        assert_int_equal(add_event(&bench, A, SS_EVENT_LOGGED, 130060 + shifts_ms[k]), SS_JOIN_MATCHED);
        assert_ptr_equal(bench.flow, flow);
        end(&bench);
    }
}

static void late_lines_do_not_count_where_accept_times_are_known(void **state)
{
    (void)state;
    struct bench bench = bench_of(256, 64);
    for (unsigned i = 0; i < 20; i++)
        step(&bench, i, SS_EVENT_LOGGED, 100 * i, 60000); /* sessions of a minute */
    assert_in_range(host_of(&bench).offset_ns, 59940 * MS, 60000 * MS);
    for (unsigned i = 20; i < 60; i++)
        step(&bench, i, i % 2 ? SS_EVENT_ACCEPTED : SS_EVENT_LOGGED, 100 * i, i % 2 ? 0 : 60000);
    assert_in_range(host_of(&bench).offset_ns, 0, MS);
    assert_int_equal(host_of(&bench).samples, 20);
    end(&bench);
}

static void a_host_whose_samples_come_to_disagree_is_no_longer_trusted(void **state)
{
    (void)state;
    struct bench bench = bench_of(256, 256);
    for (unsigned i = 0; i < 20; i++)
        step(&bench, i, SS_EVENT_ACCEPTED, 100 * i, 500);
    assert_true(host_of(&bench).learned);
    for (unsigned i = 20; i < 80; i++) {
        step(&bench, i, SS_EVENT_ACCEPTED, 100 * i, 7000 * (int64_t)(i % 13));
        expire(&bench, T0 + 3600 * S);
    }
    struct ss_join_host host = host_of(&bench);
    assert_false(host.learned);
    assert_int_equal(host.offset_ns, 0);
    assert_true(host.spread_ns > SLACK / 4);
    end(&bench);
}

static void more_hosts_than_there_is_room_for_are_joined_without_learning(void **state)
{
    (void)state;
    struct bench bench = bench_of(1024, 64);
    for (unsigned i = 0; i < SS_JOIN_HOSTS + 10; i++) {
        struct client one = client("192.0.2.1", i);
        add_flow(&bench, one.text, i);
        struct ss_event added = event(one.text, SS_EVENT_ACCEPTED, i);
        snprintf(added.host, sizeof(added.host), "edge-%u", i);
        assert_int_equal(add(&bench, &added), SS_JOIN_MATCHED);
    }
    assert_int_equal(ss_join_hosts(bench.join, NULL, 0), SS_JOIN_HOSTS);
    assert_int_equal(ss_join_counters(bench.join)->hosts_refused, 10);
    end(&bench);
}

static void an_event_from_before_the_oldest_handshake_is_too_old(void **state)
{
    (void)state;
    struct bench bench = bench_of(64, 64);
    teach(&bench, 0);
    assert_int_equal(ss_join_oldest(bench.join), T0 - 20 * MS);
    /* While its own handshake may yet be judged it waits; long before that there is nothing to wait for. */
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, -20000), SS_JOIN_WAITING);
    assert_true(expire(&bench, SS_JOIN_FOREVER));
    assert_int_equal(bench.reason, SS_UNMATCHED_TOO_OLD);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, -40000), SS_JOIN_UNMATCHED);
    assert_int_equal(bench.reason, SS_UNMATCHED_TOO_OLD);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, 1000), SS_JOIN_WAITING);
    assert_true(expire(&bench, SS_JOIN_FOREVER));
    assert_int_equal(bench.reason, SS_UNMATCHED_NO_FLOW);
    end(&bench);

    /* A host whose clock is not known may be minutes behind: it waits, unless it is further. */
    bench = bench_of(64, 64);
    add_flow(&bench, "192.0.2.7:1", 0);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, -120000), SS_JOIN_WAITING);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, -3600000), SS_JOIN_UNMATCHED);
    assert_int_equal(bench.reason, SS_UNMATCHED_TOO_OLD);
    end(&bench);
}

static void the_oldest_handshake_moves_on_when_the_index_is_full(void **state)
{
    (void)state;
    struct bench bench = bench_of(4, 8);
    assert_int_equal(ss_join_oldest(bench.join), 0);
    for (unsigned i = 0; i < 6; i++)
        step(&bench, i, SS_EVENT_ACCEPTED, 100 * i, 0);
    assert_int_equal(ss_join_oldest(bench.join), T0 + (200 - 20) * MS);
    end(&bench);
}

static void a_report_of_an_unseen_handshake_is_not_given_to_its_neighbour(void **state)
{
    (void)state;
    struct bench bench = bench_of(64, 8);
    teach(&bench, 0);
    /* The mirror showed only the second use of the port, and the proxy reports both. */
    add_flow(&bench, A, 2000);
    struct ss_event unseen = event(A, SS_EVENT_ACCEPTED, 1000), seen = event(A, SS_EVENT_ACCEPTED, 2000);
    unseen.duration_ns = seen.duration_ns = 50 * MS;
    assert_int_equal(add(&bench, &unseen), SS_JOIN_WAITING);
    assert_int_equal(add(&bench, &seen), SS_JOIN_MATCHED);
    assert_true(expire(&bench, T0 + 10 * S));
    assert_null(bench.flow);
    assert_int_equal(bench.reason, SS_UNMATCHED_OUTSIDE_SLACK);
    /* A line of a later request on the same connection has no handshake to report. */
    struct ss_event later = event(A, SS_EVENT_ACCEPTED, 2900);
    later.duration_ns = 0;
    assert_int_equal(add(&bench, &later), SS_JOIN_WAITING);
    assert_true(expire(&bench, T0 + 10 * S));
    assert_non_null(bench.flow);
    end(&bench);
}

/* A port that is used again at once: accepted, answered and ended, in ms. */
struct use {
    int64_t accept, served, end;
};

static struct ss_join_flow *add_use(struct bench *bench, const struct use *use, bool early_data)
{
    struct ss_news flow = news(A, use->accept);
    flow.served_ns = T0 + use->served * MS;
    flow.end_ns = flow.over_ns = T0 + use->end * MS;
    flow.early_data = early_data;
    return ss_join_add_flow(bench->join, &flow, 0);
}

/* 1 or 2: which of two uses of a port the event is joined to; 0: to none, as both may be meant. */
static unsigned chosen(const struct use uses[2], bool early_data, const struct ss_event *added)
{
    struct bench bench = bench_of(64, 8);
    teach(&bench, 0);
    const struct ss_join_flow *first = add_use(&bench, &uses[0], early_data);
    add_use(&bench, &uses[1], early_data);
    if (add(&bench, added) == SS_JOIN_WAITING)
        assert_true(expire(&bench, SS_JOIN_FOREVER));
    unsigned found = !bench.flow ? 0 : bench.flow == first ? 1 : 2;
    if (found == 0)
        assert_int_equal(bench.reason, SS_UNMATCHED_AMBIGUOUS);
    end(&bench);
    return found;
}

/* And a proxy that read its clock before it accepted. */
static void of_two_uses_of_a_port_the_one_that_fits_at_both_ends_is_taken(void **state)
{
    (void)state;
    const struct {
        struct use uses[2];
        int64_t ms, duration_ms; /* of the event */
        unsigned found;
    } rows[] = {
        {{{955, 965, 965}, {979, 1289, 1289}}, 966, 323, 2}, /* nearer to the first, ends with the other */
        {{{955, 965, 965}, {970, 1280, 1280}}, 966, 314, 2}, /* as near as the clock is known */
        {{{700, 1000, 1000}, {1010, 1310, 1310}}, 997, 313, 2},
        {{{700, 1000, 1000}, {1010, 1310, 1310}}, 700, 300, 1},
        {{{955, 965, 965}, {979, 1289, 1289}}, 956, 9, 1},
        {{{955, 965, 965}, {1050, 1289, 1289}}, 966, 323, 0}, /* no clock is as stale: or the proxy dawdled */
        {{{955, 965, 965}, {979, 989, 989}}, 972, 900, 0},    /* neither ends with it */
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ss_event added = event(A, SS_EVENT_ACCEPTED, rows[i].ms);
        added.duration_ns = rows[i].duration_ms * MS;
        check_row(i, chosen(rows[i].uses, false, &added), rows[i].found);
    }
}

static void a_proxy_had_accepted_when_it_answered(void **state)
{
    (void)state;
    const struct use slow = {1000, 1001, 1300}, again = {1302, 1303, 1602}, served_late = {1000, 1299, 1300};
    const struct use quick = {1000, 1001, 1003}, at_once = {1006, 1007, 1306};
    const struct {
        struct use uses[2];
        int64_t ms; /* of the accept */
        unsigned found;
    } rows[] = {
        {{slow, again}, 1003, 1},        {{slow, again}, 1301, 2},
        {{slow, again}, 1298, 2},        /* its clock was read before */
        {{served_late, again}, 1301, 0}, /* accepted late, or the next */
        {{quick, at_once}, 1004, 0},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ss_event added = event(A, SS_EVENT_ACCEPTED, rows[i].ms);
        check_row(i, chosen(rows[i].uses, false, &added), rows[i].found);
    }
}

/* Accepted as near to each other as the clock is known. */
static void a_line_is_not_about_a_handshake_that_had_not_ended(void **state)
{
    (void)state;
    const struct use quick = {1000, 1001, 1003}, slow = {1006, 1007, 1306}, quick_too = {1006, 1007, 1010};
    const struct {
        struct use uses[2];
        int64_t age_ms; /* of the connection, when the line was written */
        bool failed, early_data;
        unsigned found;
    } rows[] = {
        {{quick, slow}, 4, false, false, 1},
        {{quick, slow}, 303, false, false, 0}, /* of the second, or late of the first */
        {{quick, slow}, 285, false, false, 0}, /* as exactly as a proxy reads its clock */
        {{quick, slow}, 0, false, false, 0},   /* not logged */
        {{quick, slow}, 4, true, false, 0},    /* given up before its end */
        {{quick, slow}, 4, false, true, 0},    /* answered before its end */
        {{quick, quick_too}, 4, false, false, 0},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ss_event added = event(A, SS_EVENT_ACCEPTED, 1003);
        added.age_ns = rows[i].age_ms * MS;
        added.failed = rows[i].failed;
        check_row(i, chosen(rows[i].uses, rows[i].early_data, &added), rows[i].found);
    }
}

static void how_late_events_come_is_measured(void **state)
{
    (void)state;
    struct bench bench = bench_of(8, 8);
    add_flow(&bench, A, 1000);
    struct ss_event added = event(A, SS_EVENT_ACCEPTED, 1000);
    for (unsigned i = 0; i < 3; i++) {
        const int64_t now_s[] = {10, 400, 20};
        ss_join_add_event(bench.join, &added, T0 + now_s[i] * S, 0, &bench.flow, &bench.reason);
    }
    assert_int_equal(ss_join_counters(bench.join)->late_max_ns, 400 * S - 1050 * MS);
    end(&bench);
}

static void addresses_spread_over_the_buckets_by_the_seed(void **state)
{
    (void)state;
    struct ss_chains one, other;
    unsigned same = 0;
    assert_int_equal(ss_chains_init(&one, 1024, 1), 0);
    assert_int_equal(ss_chains_init(&other, 1024, 2), 0);
    for (unsigned i = 0; i < 1000; i++) {
        struct ss_ip ip = endpoint(A).ip;
        same += ss_chains_bucket(&one, &ip, (uint16_t)i) == ss_chains_bucket(&other, &ip, (uint16_t)i);
    }
    assert_in_range(same, 0, 20);
    ss_chains_fini(&one);
    ss_chains_fini(&other);
}

static void a_room_of_nothing_is_refused(void **state)
{
    (void)state;
    struct ss_join *join = NULL;
    assert_int_equal(ss_join_create(0, 1, 0, &join), -EINVAL);
    assert_int_equal(ss_join_create(1, 0, 0, &join), -EINVAL);
    assert_int_equal(ss_join_create(SIZE_MAX, 1, 0, &join), -EINVAL);
    assert_null(join);
    ss_join_free(NULL);
}

static void every_reason_has_its_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SS_UNMATCHED_COUNT; i++) {
        assert_true(strlen(ss_unmatched_name(i)) > 3);
        assert_true(strlen(ss_unmatched_about(i)) > 10);
    }
    assert_string_equal(ss_unmatched_name(SS_UNMATCHED_NO_FLOW), "no_flow");
    assert_string_equal(ss_unmatched_name(SS_UNMATCHED_OVERWRITTEN), "overwritten");
    assert_null(ss_unmatched_name(SS_UNMATCHED_COUNT));
}

/* Nobody could have seen them; whoever was seen all the same is joined. */
static void what_was_before_the_start_says_so(void **state)
{
    (void)state;
    static const struct {
        enum ss_event_moment moment;
        int64_t ms, duration_ms;
        enum ss_unmatched reason;
    } ROWS[] = {
        {SS_EVENT_ACCEPTED, 999, -1, SS_UNMATCHED_BEFORE_START},
        {SS_EVENT_ACCEPTED, 1000, 500, SS_UNMATCHED_NO_FLOW},
        {SS_EVENT_ENDED, 1100, -1, SS_UNMATCHED_NO_FLOW},
        {SS_EVENT_ENDED, 1100, 101, SS_UNMATCHED_BEFORE_START},
        {SS_EVENT_LOGGED, 1100, 101, SS_UNMATCHED_BEFORE_START},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct bench bench = bench_of(10, 10);
        ss_join_set_start(bench.join, T0 + 1000 * MS);
        struct ss_event added = event(A, ROWS[i].moment, ROWS[i].ms);
        added.duration_ns = ROWS[i].duration_ms >= 0 ? ROWS[i].duration_ms * MS : -1;
        assert_int_equal(add(&bench, &added), SS_JOIN_WAITING);
        assert_true(expire(&bench, SS_JOIN_FOREVER));
        assert_int_equal(bench.reason, ROWS[i].reason);
        assert_int_equal(ss_join_is_before_start(bench.join, &added),
                         ROWS[i].reason == SS_UNMATCHED_BEFORE_START);
        end(&bench);
    }
}

/* More memory would not have kept what was never seen. */
static void what_is_too_old_because_of_the_start_says_that(void **state)
{
    (void)state;
    struct bench bench = bench_of(64, 64);
    ss_join_set_start(bench.join, T0 - 30000 * MS);
    teach(&bench, 0);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, -40000), SS_JOIN_UNMATCHED);
    assert_int_equal(bench.reason, SS_UNMATCHED_BEFORE_START);
    assert_int_equal(add_event(&bench, A, SS_EVENT_ACCEPTED, -29000), SS_JOIN_WAITING);
    assert_true(expire(&bench, SS_JOIN_FOREVER));
    assert_int_equal(bench.reason, SS_UNMATCHED_TOO_OLD);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_handshake_and_one_event_are_joined_by_their_times),
        cmocka_unit_test(an_event_of_another_address_finds_nothing),
        cmocka_unit_test(an_event_waits_for_its_handshake),
        cmocka_unit_test(a_waiting_event_is_not_given_to_a_handshake_of_another_time),
        cmocka_unit_test(waiting_events_expire_in_order_of_their_deadlines),
        cmocka_unit_test(a_clock_that_is_set_holds_no_event_longer_or_shorter),
        cmocka_unit_test(a_port_used_again_is_resolved_by_time),
        cmocka_unit_test(two_handshakes_within_slack_are_told_apart_once_the_clock_is_known),
        cmocka_unit_test(an_early_event_does_not_take_the_ports_last_handshake),
        cmocka_unit_test(an_event_without_a_port_takes_a_single_handshake_only),
        cmocka_unit_test(a_failure_without_a_port_is_not_of_a_handshake_that_was_complete),
        cmocka_unit_test(a_failure_without_a_port_of_a_client_whose_handshakes_were_complete_finds_no_flow),
        cmocka_unit_test(the_candidates_of_an_ambiguous_event_are_counted),
        cmocka_unit_test(a_line_about_a_handshake_that_was_given_up_comes_long_after_its_last_packet),
        cmocka_unit_test(a_line_about_a_handshake_that_is_still_open_waits_until_it_is_over),
        cmocka_unit_test(the_offset_of_a_host_is_the_median_of_its_samples),
        cmocka_unit_test(a_host_that_is_minutes_off_is_learned_and_then_joined),
        cmocka_unit_test(samples_that_disagree_teach_nothing),
        cmocka_unit_test(reports_of_handshakes_that_were_not_seen_teach_no_other_clock),
        cmocka_unit_test(reports_that_last_as_long_as_the_wire_shows_teach_a_clock_that_is_off),
        cmocka_unit_test(a_handshake_gives_one_sample_however_many_lines_it_has),
        cmocka_unit_test(a_host_whose_clock_was_set_is_learned_anew),
        cmocka_unit_test(a_handshake_judged_again_keeps_its_events),
        cmocka_unit_test(a_handshake_is_found_by_later_news_of_its_connection),
        cmocka_unit_test(the_oldest_handshake_gives_way),
        cmocka_unit_test(a_full_waiting_room_refuses_the_newcomer),
        cmocka_unit_test(a_match_whose_packets_are_gone_is_counted_as_overwritten),
        cmocka_unit_test(a_clients_choice_of_ports_does_not_make_walks_long),
        cmocka_unit_test(times_at_the_ends_of_the_range_do_no_harm),
        cmocka_unit_test(none_is_joined_to_a_wrong_handshake),
        cmocka_unit_test(an_event_finds_its_handshake_by_the_client_of_the_proxy_header),
        cmocka_unit_test(an_event_waits_for_a_handshake_with_a_proxy_header_too),
        cmocka_unit_test(the_wires_client_is_preferred_to_the_headers),
        cmocka_unit_test(two_proxy_headers_that_fit_alike_are_not_guessed),
        cmocka_unit_test(a_proxy_header_that_is_seen_late_is_found_nevertheless),
        cmocka_unit_test(clients_behind_one_address_are_told_apart_by_their_ports),
        cmocka_unit_test(a_step_of_a_hosts_clock_is_counted_with_its_size_and_time),
        cmocka_unit_test(a_proxy_that_is_late_to_accept_has_not_set_its_clock),
        cmocka_unit_test(a_clock_that_drifts_is_followed),
        cmocka_unit_test(a_host_that_logs_only_lines_is_learned_by_the_promptest),
        cmocka_unit_test(late_lines_do_not_count_where_accept_times_are_known),
        cmocka_unit_test(a_host_whose_samples_come_to_disagree_is_no_longer_trusted),
        cmocka_unit_test(more_hosts_than_there_is_room_for_are_joined_without_learning),
        cmocka_unit_test(an_event_from_before_the_oldest_handshake_is_too_old),
        cmocka_unit_test(the_oldest_handshake_moves_on_when_the_index_is_full),
        cmocka_unit_test(a_report_of_an_unseen_handshake_is_not_given_to_its_neighbour),
        cmocka_unit_test(of_two_uses_of_a_port_the_one_that_fits_at_both_ends_is_taken),
        cmocka_unit_test(a_proxy_had_accepted_when_it_answered),
        cmocka_unit_test(a_line_is_not_about_a_handshake_that_had_not_ended),
        cmocka_unit_test(how_late_events_come_is_measured),
        cmocka_unit_test(addresses_spread_over_the_buckets_by_the_seed),
        cmocka_unit_test(a_room_of_nothing_is_refused),
        cmocka_unit_test(every_reason_has_its_name),
        cmocka_unit_test(what_was_before_the_start_says_so),
        cmocka_unit_test(what_is_too_old_because_of_the_start_says_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
