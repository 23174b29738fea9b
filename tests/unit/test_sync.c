// SPDX-License-Identifier: BSD-3-Clause

/* lib/export's store on a disk that fails to sync, at one call or another: what is said to be written is
 * there once, with its pcapng. The calls are this program's own, below; the code under test is as it is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "export/store.h"
#include "support/findings.h"
#include "support/frames.h"

static struct {
    unsigned calls, fail_at; /* 0: never */
} disk;

static int sync_one(long call, int fd)
{
    if (++disk.calls == disk.fail_at) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, fd);
}

int fdatasync(int fd)
{
    return sync_one(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return sync_one(SYS_fsync, fd);
}

#define FLOWS_MAX 128

/* What is written, in order. */
struct step {
    unsigned flow, revision;
    bool has_packets, syncs; /* and waits until it is on disk, with those before */
};

static const struct step STEPS[] = {
    {0, 0, true, true},   {0, 1, true, false}, {1, 0, true, false}, {2, 0, false, true}, {0, 2, true, false},
    {1, 1, false, false}, {0, 3, true, false}, {2, 1, true, false}, {3, 0, true, true},
};
#define STEPS_COUNT     (sizeof(STEPS) / sizeof(STEPS[0]))
#define STEPS_FLOWS     4
#define STEPS_REVISIONS 4

struct fixture {
    char directory[64];
    struct ss_store *store;
    struct frame frame;
    struct ss_history_record packet;
    struct ss_finding findings[FLOWS_MAX];
    struct ss_store_flow flows[FLOWS_MAX];
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

static void shell(const char *format, const char *argument)
{
    char command[256];
    snprintf(command, sizeof(command), format, argument);
    assert_int_equal(system(command), 0);
}

static void open_store(struct fixture *fixture)
{
    char why[256];
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/slowshake-sync-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    const struct ss_store_config config = {.directory = fixture->directory, .rate = 1000};
    assert_int_equal(ss_store_open(&config, &fixture->store, why, sizeof(why)), 0);
}

static void discard_store(struct fixture *fixture)
{
    ss_store_close(fixture->store);
    shell("rm -rf '%s'", fixture->directory);
}

/* In the place-th flow of the fixture. */
static void write_flow(struct fixture *fixture, unsigned place, unsigned flow, unsigned revision,
                       bool has_packets)
{
    struct ss_finding *finding = &fixture->findings[place];
    *finding = finding_example();
    finding->start_ns += flow;
    frame_start(&fixture->frame, SS_LINK_ETHERNET);
    frame_ethernet(&fixture->frame);
    struct ss_frame whole = frame_end(&fixture->frame);
    fixture->packet = (struct ss_history_record){.data = whole.data,
                                                 .captured = whole.captured,
                                                 .wire = whole.wire,
                                                 .number = 1,
                                                 .time_ns = finding->start_ns,
                                                 .link = SS_LINK_ETHERNET};
    fixture->flows[place] =
        (struct ss_store_flow){.record = {.finding = finding, .sensor = "edge", .revision = revision},
                               .packets = &fixture->packet,
                               .packet_count = has_packets};
    ss_store_write(fixture->store, &fixture->flows[place], finding->start_ns);
}

static void take_steps(struct fixture *fixture, unsigned fail_at)
{
    disk.calls = 0;
    disk.fail_at = fail_at;
    for (unsigned i = 0; i < STEPS_COUNT; i++) {
        write_flow(fixture, i, STEPS[i].flow, STEPS[i].revision, STEPS[i].has_packets);
        if (STEPS[i].syncs)
            ss_store_sync(fixture->store);
    }
    disk.fail_at = 0;
}

struct seen {
    unsigned records[STEPS_FLOWS][STEPS_REVISIONS], lines;
};

static void see_line(const struct fixture *fixture, const char *line, struct seen *seen)
{
    char path[256];
    unsigned flow;
    json_t *record = json_loads(line, 0, NULL);
    assert_non_null(record);
    const char *pcapng = json_string_value(json_object_get(record, "pcapng"));
    json_int_t revision = json_integer_value(json_object_get(record, "revision"));
    assert_int_equal(sscanf(json_string_value(json_object_get(record, "id")), "18ea806acb8d793%x-", &flow),
                     1);
    snprintf(path, sizeof(path), "%s/%s", fixture->directory, pcapng != NULL ? pcapng : "");
    if (access(path, F_OK) != 0)
        fail_msg("the record names %s, which is not there", pcapng);
    seen->records[flow - 3][revision]++;
    seen->lines++;
    json_decref(record);
}

static struct seen see(const struct fixture *fixture)
{
    struct seen seen = {.lines = 0};
    char path[256], *line = NULL;
    size_t room = 0;
    snprintf(path, sizeof(path), "%s/2026-11-22/flows.jsonl", fixture->directory);
    FILE *file = fopen(path, "r");
    while (file != NULL && getline(&line, &room, file) > 0)
        see_line(fixture, line, &seen);
    free(line);
    if (file != NULL)
        fclose(file);
    return seen;
}

static void check(const struct fixture *fixture)
{
    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    struct seen seen = see(fixture);
    for (unsigned i = 0; i < STEPS_COUNT; i++)
        assert_int_equal(seen.records[STEPS[i].flow][STEPS[i].revision], fixture->flows[i].is_written);
    assert_int_equal(counters->records, seen.lines);
    assert_int_equal(counters->records + counters->records_unwritten[SS_UNWRITTEN_DISK_ERROR], STEPS_COUNT);
    shell("test -z \"$(find '%s' -name '.*')\"", fixture->directory);
    shell(
        "cd '%s' && for f in */*.pcapng; do [ ! -e \"$f\" ] || grep -q \"$f\" */flows.jsonl || exit 1; done",
        fixture->directory);
}

static void whichever_sync_fails_no_record_is_there_twice_or_without_its_pcapng(void **state)
{
    struct fixture *fixture = *state;
    unsigned fail_at = 0;
    do {
        open_store(fixture);
        take_steps(fixture, ++fail_at);
        check(fixture);
        discard_store(fixture);
    } while (disk.calls >= fail_at);
    print_message("failed at each of %u calls\n", fail_at - 1);
    assert_true(fail_at > STEPS_COUNT);
}

/* Of a store that has its files; a sync of its own for each pcapng, one for their names, one for the records.
 */
static void flows_that_wait_together_share_syncs(void **state)
{
    static const struct {
        unsigned flows, with_packets, syncs;
    } ROWS[] = {{1, 0, 1}, {1, 1, 3}, {100, 0, 1}, {100, 10, 12}, {100, 40, 40 + 3 * 2}};
    struct fixture *fixture = *state;
    for (size_t row = 0; row < sizeof(ROWS) / sizeof(ROWS[0]); row++) {
        open_store(fixture);
        write_flow(fixture, 0, 0, 0, false);
        ss_store_sync(fixture->store);
        disk.calls = 0;
        for (unsigned i = 0; i < ROWS[row].flows; i++)
            write_flow(fixture, i, i + 1, 0, i < ROWS[row].with_packets);
        ss_store_sync(fixture->store);
        assert_int_equal(disk.calls, ROWS[row].syncs);
        for (unsigned i = 0; i < ROWS[row].flows; i++)
            assert_true(fixture->flows[i].is_written);
        assert_int_equal(ss_store_counters(fixture->store)->pcapngs, ROWS[row].with_packets);
        discard_store(fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(flows_that_wait_together_share_syncs),
        TEST(whichever_sync_fails_no_record_is_there_twice_or_without_its_pcapng),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
