// SPDX-License-Identifier: BSD-3-Clause

/* lib/export/ledger: journal entries that were taken already. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "base/units.h"
#include "export/ledger.h"
#include "export/store.h"
#include "support/findings.h"

struct fixture {
    char directory[64];
    struct ss_ledger *ledger;
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/slowshake-ledger-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->ledger = ss_ledger_create();
    assert_non_null(fixture->ledger);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    ss_ledger_free(fixture->ledger);
    snprintf(command, sizeof(command), "rm -rf '%s'", fixture->directory);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

/* The number-th entry of a host's journal, as it lies in the file that is called file. */
static struct ss_event event_of(unsigned number, const char *file)
{
    struct ss_event event = {.client = endpoint_of("192.0.2.7:51234"),
                             .time_ns = finding_example().start_ns,
                             .logged_ns = finding_example().start_ns,
                             .duration_ns = SS_NS_PER_S,
                             .host = "edge"};
    snprintf(event.cursor, sizeof(event.cursor), "s=%s;i=%x;b=eb2d;m=%x;t=660e5d4e1a327;x=c9be", file, number,
             number);
    return event;
}

static void an_entry_is_new_once(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event event = event_of(1, "a"), other = event_of(2, "a");
    assert_true(ss_ledger_add(fixture->ledger, &event));
    assert_true(ss_ledger_add(fixture->ledger, &other));
    assert_false(ss_ledger_add(fixture->ledger, &event));
    assert_false(ss_ledger_add(fixture->ledger, &other));
}

static void an_entry_that_was_sent_twice_is_the_same_entry(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event event = event_of(1, "fd67"), again = event_of(1, "0815");
    assert_true(ss_ledger_add(fixture->ledger, &event));
    assert_false(ss_ledger_add(fixture->ledger, &again));
}

static void an_entry_that_is_not_known_is_new_each_time(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event event = event_of(1, "a");
    event.cursor[0] = '\0';
    assert_true(ss_ledger_add(fixture->ledger, &event));
    assert_true(ss_ledger_add(fixture->ledger, &event));
}

static void the_oldest_give_way_and_the_others_are_still_known(void **state)
{
    struct fixture *fixture = *state;
    const unsigned more = 50000;
    struct ss_event event;
    for (unsigned i = 0; i < SS_LEDGER_ENTRIES + more; i++) {
        event = event_of(i, "a");
        assert_true(ss_ledger_add(fixture->ledger, &event));
    }
    for (unsigned i = more; i < SS_LEDGER_ENTRIES + more; i++) {
        event = event_of(i, "a");
        assert_false(ss_ledger_add(fixture->ledger, &event));
    }
    event = event_of(0, "a");
    assert_true(ss_ledger_add(fixture->ledger, &event));
}

/* A record with the event, and one event without a flow. */
static void write_both(const struct fixture *fixture, const struct ss_event *joined,
                       const struct ss_event *unmatched)
{
    const struct ss_store_config config = {.directory = fixture->directory, .rate = 100};
    struct ss_finding finding = finding_example();
    struct ss_store_flow flow = {.record = {.finding = &finding, .sensor = "edge", .event = joined}};
    struct ss_store *store;
    char why[256];
    assert_int_equal(ss_store_open(&config, &store, why, sizeof(why)), 0);
    ss_store_write(store, &flow, finding.start_ns);
    assert_int_equal(
        ss_store_unmatched(store, "edge", unmatched, SS_UNMATCHED_NO_FLOW, NULL, finding.start_ns), 0);
    assert_int_equal(ss_store_sync(store), 0);
    assert_true(flow.is_written);
    ss_store_close(store);
}

static void what_was_written_lately_is_known_from_disk(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event joined = event_of(1, "a"), unmatched = event_of(2, "a"), other = event_of(3, "a");
    const int64_t since_ns = time(NULL) * SS_NS_PER_S;
    write_both(fixture, &joined, &unmatched);
    assert_int_equal(ss_ledger_load(fixture->ledger, fixture->directory, since_ns), 2);
    assert_false(ss_ledger_add(fixture->ledger, &joined));
    assert_false(ss_ledger_add(fixture->ledger, &unmatched));
    assert_true(ss_ledger_add(fixture->ledger, &other));
}

static void what_is_among_the_earlier_lines_is_known_too(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event joined = event_of(1, "a"), unmatched = event_of(2, "a");
    char command[256];
    write_both(fixture, &joined, &unmatched);
    snprintf(command, sizeof(command), "cd '%s'/2026-11-22 && mv flows.jsonl flows.1.jsonl",
             fixture->directory);
    assert_int_equal(system(command), 0);
    assert_int_equal(ss_ledger_load(fixture->ledger, fixture->directory, 0), 2);
    assert_false(ss_ledger_add(fixture->ledger, &joined));
    joined.cursor[0] = '\0';
    assert_true(ss_ledger_is_told(fixture->ledger, &joined));
}

/* Of several events of a flow, its record names one. */
static void the_flow_of_a_record_is_known_by_host_client_time_and_duration(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event joined = event_of(1, "a"), unmatched = event_of(2, "a"), event = event_of(3, "a");
    unmatched.client = endpoint_of("192.0.2.8:51234");
    write_both(fixture, &joined, &unmatched);
    ss_ledger_load(fixture->ledger, fixture->directory, 0);
    assert_true(ss_ledger_is_told(fixture->ledger, &event));
    assert_false(ss_ledger_is_told(fixture->ledger, &unmatched));
    event.duration_ns++; /* than the record says */
    assert_false(ss_ledger_is_told(fixture->ledger, &event));
    event.duration_ns--;
    event.time_ns += SS_NS_PER_S;
    assert_true(ss_ledger_is_told(fixture->ledger, &event));
    event.time_ns += 2 * SS_NS_PER_S; /* the client used its port again */
    assert_false(ss_ledger_is_told(fixture->ledger, &event));
    event.time_ns -= 3 * SS_NS_PER_S;
    event.client.port++;
    assert_false(ss_ledger_is_told(fixture->ledger, &event));
    event = event_of(3, "a");
    event.host[0] = 'E';
    assert_false(ss_ledger_is_told(fixture->ledger, &event));
}

static void old_files_and_what_is_no_file_are_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event joined = event_of(1, "a"), unmatched = event_of(2, "a");
    char path[128];
    write_both(fixture, &joined, &unmatched);
    assert_int_equal(ss_ledger_load(fixture->ledger, fixture->directory, INT64_MAX), 0);
    snprintf(path, sizeof(path), "%s/2026-11-22/flows.jsonl", fixture->directory);
    assert_int_equal(remove(path), 0);
    assert_int_equal(mkfifo(path, 0640), 0);
    assert_int_equal(ss_ledger_load(fixture->ledger, fixture->directory, 0), 1);
    assert_int_equal(ss_ledger_load(fixture->ledger, "/nonexistent", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(an_entry_is_new_once),
        TEST(an_entry_that_was_sent_twice_is_the_same_entry),
        TEST(an_entry_that_is_not_known_is_new_each_time),
        TEST(the_oldest_give_way_and_the_others_are_still_known),
        TEST(what_was_written_lately_is_known_from_disk),
        TEST(what_is_among_the_earlier_lines_is_known_too),
        TEST(the_flow_of_a_record_is_known_by_host_client_time_and_duration),
        TEST(old_files_and_what_is_no_file_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
