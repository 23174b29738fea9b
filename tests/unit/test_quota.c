// SPDX-License-Identifier: BSD-3-Clause
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
#include <unistd.h>

#include <cmocka.h>

#include "base/units.h"
#include "export/store.h"
#include "support/findings.h"

#define DAY_NS  (24 * 3600 * SS_NS_PER_S)
#define PACKETS 8
#define FLOWS   "2026-11-22/flows.jsonl"
#define EARLIER "2026-11-22/flows.1.jsonl"

/* A directory of its own for each test. */
struct fixture {
    char directory[64];
    struct ss_store_config config;
    struct ss_store *store;
    int64_t now_ns;
    struct ss_finding finding;
    uint8_t frame[400];
    struct ss_history_record packets[PACKETS];
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/slowshake-quota-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->config = (struct ss_store_config){.directory = fixture->directory, .rate = UINT32_MAX};
    fixture->now_ns = finding_example().start_ns; /* on 2026-11-22 */
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char command[96];
    ss_store_close(fixture->store);
    snprintf(command, sizeof(command), "rm -rf '%s'", fixture->directory);
    system(command);
    free(fixture);
    return 0;
}

static void open_store(struct fixture *fixture)
{
    char why[256] = "";
    ss_store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(ss_store_open(&fixture->config, &fixture->store, why, sizeof(why)), 0);
}

static const char *path_in(const struct fixture *fixture, const char *name)
{
    static char path[160];
    snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
    return path;
}

static bool exists(const struct fixture *fixture, const char *name)
{
    return access(path_in(fixture, name), F_OK) == 0;
}

static uint64_t number_from(const struct fixture *fixture, const char *command)
{
    char text[256];
    unsigned long long number = 0;
    snprintf(text, sizeof(text), "cd '%s' && %s", fixture->directory, command);
    FILE *pipe = popen(text, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%llu", &number), 1);
    pclose(pipe);
    return number;
}

static uint64_t bytes_on_disk(const struct fixture *fixture)
{
    return number_from(fixture, "find . -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }'");
}

static void put_bytes(const struct fixture *fixture, const char *name, int64_t bytes)
{
    FILE *file = fopen(path_in(fixture, name), "wb");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(truncate(path_in(fixture, name), bytes), 0);
}

/* A flow that began at start_ns, with its packets. */
static void write_flow(struct fixture *fixture, int64_t start_ns)
{
    fixture->finding = finding_example();
    fixture->finding.start_ns = start_ns;
    for (unsigned i = 0; i < PACKETS; i++)
        fixture->packets[i] = (struct ss_history_record){.data = fixture->frame,
                                                         .captured = sizeof(fixture->frame),
                                                         .wire = sizeof(fixture->frame),
                                                         .number = i + 1,
                                                         .time_ns = start_ns + i,
                                                         .link = SS_LINK_ETHERNET};
    struct ss_store_flow flow = {.record = {.finding = &fixture->finding, .sensor = "edge"},
                                 .packets = fixture->packets,
                                 .packet_count = PACKETS};
    ss_store_write(fixture->store, &flow, fixture->now_ns);
    assert_int_equal(ss_store_sync(fixture->store), 0);
    assert_int_equal(flow.error, 0);
}

/* One a millisecond. */
static void write_flows(struct fixture *fixture, unsigned count)
{
    for (unsigned i = 0; i < count; i++, fixture->now_ns += SS_NS_PER_MS)
        write_flow(fixture, fixture->now_ns);
}

/* Of the flow that was written last. */
static const char *pcapng_of(const struct fixture *fixture)
{
    static char name[64];
    char id[SS_ID_TEXT_MAX], day[SS_TIME_TEXT_MAX];
    snprintf(name, sizeof(name), "%.10s/%s.pcapng", ss_time_format(fixture->finding.start_ns, day),
             ss_finding_id(&fixture->finding, id));
    return name;
}

static void a_day_that_is_more_than_the_quota_keeps_its_newest_lines_and_packets(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.quota_bytes = 1 << 20;
    open_store(fixture);
    write_flows(fixture, 2000);
    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    assert_in_range(counters->bytes, 900 << 10, 1 << 20);
    assert_int_equal(counters->bytes, bytes_on_disk(fixture));
    assert_int_equal(counters->records, 2000);
    assert_in_range(number_from(fixture, "cat 2026-11-22/flows*.jsonl | wc -l"), 250, 500);
    uint64_t pcapngs = number_from(fixture, "ls 2026-11-22 | grep -c pcapng");
    assert_in_range(pcapngs, 50, 250);
    /* The newest have all that there is: record and packets. */
    char command[200];
    snprintf(command, sizeof(command),
             "cat " EARLIER " " FLOWS
             " | tail -n %u | grep -o '2026-11-22/[-0-9a-f]*.pcapng' | xargs ls | wc -l",
             (unsigned)pcapngs);
    assert_int_equal(number_from(fixture, command), pcapngs);
}

static void what_was_just_written_stays_however_long_ago_it_began(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.quota_bytes = 128 << 10;
    open_store(fixture);
    write_flows(fixture, 100);
    write_flow(fixture, fixture->now_ns - SS_NS_PER_S);
    assert_true(exists(fixture, pcapng_of(fixture)));
    assert_in_range(ss_store_counters(fixture->store)->bytes, 0, 128 << 10);
}

static void older_days_go_whole_before_anything_of_today(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.quota_bytes = 256 << 10;
    open_store(fixture);
    write_flows(fixture, 20);
    fixture->now_ns += DAY_NS;
    write_flow(fixture, fixture->now_ns);
    char first[64];
    snprintf(first, sizeof(first), "%s", pcapng_of(fixture));
    for (int i = 0; i < 100 && exists(fixture, "2026-11-22"); i++) {
        assert_true(exists(fixture, first));
        write_flows(fixture, 1);
    }
    assert_false(exists(fixture, "2026-11-22"));
    assert_true(exists(fixture, first));
}

static int write_event(struct fixture *fixture, int64_t logged_ns)
{
    struct ss_event event = {.client = endpoint_of("192.0.2.7:51234"),
                             .time_ns = logged_ns,
                             .logged_ns = logged_ns,
                             .duration_ns = SS_NS_PER_S};
    return ss_store_unmatched(fixture->store, "edge", &event, SS_UNMATCHED_NO_FLOW, NULL, fixture->now_ns);
}

static void events_without_a_flow_alone_are_kept_within_the_quota_too(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.quota_bytes = 256 << 10;
    open_store(fixture);
    for (unsigned day = 0; day < 60; day++, fixture->now_ns += DAY_NS) {
        for (unsigned i = 0; i < 100; i++)
            write_event(fixture, fixture->now_ns);
        assert_int_equal(ss_store_sync(fixture->store), 0);
        assert_in_range(bytes_on_disk(fixture), 1, 256 << 10);
    }
    assert_true(exists(fixture, "2027-01-20/unmatched.jsonl"));
    assert_false(exists(fixture, "2026-11-22"));
    assert_int_equal(ss_store_counters(fixture->store)->bytes, bytes_on_disk(fixture));
}

static void an_entry_of_a_time_far_from_now_is_kept_in_the_directory_of_now(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    const int64_t FAR[] = {1, fixture->now_ns - 49 * 3600 * SS_NS_PER_S,
                           fixture->now_ns + 49 * 3600 * SS_NS_PER_S, INT64_MAX};
    for (unsigned i = 0; i < sizeof(FAR) / sizeof(FAR[0]); i++)
        assert_int_equal(write_event(fixture, FAR[i]), 0);
    assert_int_equal(number_from(fixture, "cat 2026-11-22/unmatched.jsonl | wc -l"), 4);
    assert_int_equal(write_event(fixture, fixture->now_ns - 47 * 3600 * SS_NS_PER_S), 0);
    assert_true(exists(fixture, "2026-11-21/unmatched.jsonl")); /* late, but near enough */
    assert_int_equal(number_from(fixture, "ls | wc -l"), 2);
}

static void a_pcapng_file_of_more_than_a_quarter_of_the_quota_is_left_out(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.quota_bytes = 32 << 10;
    open_store(fixture);
    write_flow(fixture, fixture->now_ns);
    assert_int_equal(ss_store_counters(fixture->store)->pcapngs_unwritten[SS_UNWRITTEN_QUOTA], 1);
    assert_int_equal(number_from(fixture, "grep -c '\"pcapng_skipped\":\"quota\"' " FLOWS), 1);
}

static void a_quota_that_was_lowered_is_kept_from_the_next_record_on(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    write_flows(fixture, 300);
    put_bytes(fixture, "2026-11-22/unmatched.jsonl", 100 << 10);
    fixture->config.quota_bytes = 256 << 10;
    open_store(fixture);
    write_flows(fixture, 1);
    assert_in_range(ss_store_counters(fixture->store)->bytes, 0, 256 << 10);
    assert_int_equal(number_from(fixture, "cat " FLOWS " | wc -l"), 1);
    assert_true(exists(fixture, pcapng_of(fixture)));
}

static void files_of_others_do_not_drive_out_the_last_evidence(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.quota_bytes = 256 << 10;
    open_store(fixture);
    write_flows(fixture, 10);
    put_bytes(fixture, "2026-11-22/notes.txt", 1 << 20);
    open_store(fixture);
    write_flows(fixture, 1);
    assert_true(exists(fixture, pcapng_of(fixture)));
    assert_true(exists(fixture, "2026-11-22/notes.txt"));
    assert_int_equal(number_from(fixture, "cat " FLOWS " | wc -l"), 11);
}

static void a_record_among_the_earlier_lines_is_not_written_again_after_a_crash(void **state)
{
    struct fixture *fixture = *state;
    char due[256];
    open_store(fixture);
    write_flow(fixture, fixture->now_ns);
    ss_store_close(fixture->store);
    fixture->store = NULL;
    snprintf(due, sizeof(due), "ln %s 2026-11-22/.%s.due && mv " FLOWS " " EARLIER "; echo $?",
             pcapng_of(fixture), pcapng_of(fixture) + strlen("2026-11-22/"));
    assert_int_equal(number_from(fixture, due), 0);
    open_store(fixture);
    assert_int_equal(ss_store_counters(fixture->store)->found.recovered, 0);
    assert_false(exists(fixture, FLOWS));
    assert_true(exists(fixture, pcapng_of(fixture)));
}

static void many_days_are_listed_once(void **state)
{
    struct fixture *fixture = *state;
    char name[32];
    for (unsigned year = 1000; year < 5000; year++) {
        snprintf(name, sizeof(name), "%u-01-01", year);
        assert_int_equal(mkdir(path_in(fixture, name), 0750), 0);
    }
    clock_t began = clock();
    open_store(fixture);
    assert_in_range(clock() - began, 0, CLOCKS_PER_SEC); /* not in time that grows with its square */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_day_that_is_more_than_the_quota_keeps_its_newest_lines_and_packets),
        TEST(what_was_just_written_stays_however_long_ago_it_began),
        TEST(older_days_go_whole_before_anything_of_today),
        TEST(events_without_a_flow_alone_are_kept_within_the_quota_too),
        TEST(an_entry_of_a_time_far_from_now_is_kept_in_the_directory_of_now),
        TEST(a_pcapng_file_of_more_than_a_quarter_of_the_quota_is_left_out),
        TEST(a_quota_that_was_lowered_is_kept_from_the_next_record_on),
        TEST(files_of_others_do_not_drive_out_the_last_evidence),
        TEST(a_record_among_the_earlier_lines_is_not_written_again_after_a_crash),
        TEST(many_days_are_listed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
