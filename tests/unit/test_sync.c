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

#define REVISIONS 3
#define DAY       "2026-11-22"
#define PCAPNG    DAY "/18ea806acb8d7933-55667788.pcapng"

struct fixture {
    char directory[64];
    struct ss_store *store;
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

static void write_flow(struct fixture *fixture, unsigned revision)
{
    struct ss_finding finding = finding_example();
    struct frame frame;
    frame_start(&frame, SS_LINK_ETHERNET);
    frame_ethernet(&frame);
    struct ss_frame whole = frame_end(&frame);
    const struct ss_history_record packet = {.data = whole.data,
                                             .captured = whole.captured,
                                             .wire = whole.wire,
                                             .number = 1,
                                             .time_ns = finding.start_ns,
                                             .link = SS_LINK_ETHERNET};
    struct ss_store_flow flow = {.record = {.finding = &finding, .sensor = "edge", .revision = revision},
                                 .packets = &packet,
                                 .packet_count = 1};
    ss_store_write(fixture->store, &flow, finding.start_ns);
}

/* All of one flow, in a directory of its own. */
static void write_revisions(struct fixture *fixture, unsigned fail_at)
{
    char why[256];
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/slowshake-sync-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    const struct ss_store_config config = {.directory = fixture->directory, .rate = 1000};
    assert_int_equal(ss_store_open(&config, &fixture->store, why, sizeof(why)), 0);
    disk.calls = 0;
    disk.fail_at = fail_at;
    for (unsigned revision = 0; revision < REVISIONS; revision++)
        write_flow(fixture, revision);
    disk.fail_at = 0;
}

static bool exists(const struct fixture *fixture, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
    return access(path, F_OK) == 0;
}

struct seen {
    unsigned revisions[REVISIONS], lines, with_pcapng;
};

static void see_line(const struct fixture *fixture, const char *line, struct seen *seen)
{
    json_t *record = json_loads(line, 0, NULL);
    assert_non_null(record);
    const char *pcapng = json_string_value(json_object_get(record, "pcapng"));
    json_int_t revision = json_integer_value(json_object_get(record, "revision"));
    assert_in_range(revision, 0, REVISIONS - 1);
    seen->revisions[revision]++;
    seen->lines++;
    seen->with_pcapng += pcapng != NULL;
    if (pcapng != NULL && !exists(fixture, pcapng))
        fail_msg("revision %u names a file that is not there", (unsigned)revision);
    json_decref(record);
}

static struct seen see(const struct fixture *fixture)
{
    struct seen seen = {.lines = 0};
    char path[256], *line = NULL;
    size_t room = 0;
    snprintf(path, sizeof(path), "%s/" DAY "/flows.jsonl", fixture->directory);
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
    for (unsigned revision = 0; revision < REVISIONS; revision++)
        assert_in_range(seen.revisions[revision], 0, 1);
    assert_int_equal(counters->records, seen.lines);
    assert_true(counters->pcapngs >= seen.with_pcapng);
    assert_int_equal(counters->records + counters->records_unwritten[SS_UNWRITTEN_DISK_ERROR], REVISIONS);
    assert_int_equal(exists(fixture, PCAPNG), seen.with_pcapng > 0);
    shell("test -z \"$(find '%s' -name '.*')\"", fixture->directory);
}

static void discard(struct fixture *fixture)
{
    ss_store_close(fixture->store);
    shell("rm -rf '%s'", fixture->directory);
}

static void whichever_sync_fails_no_record_is_there_twice_or_without_its_pcapng(void **state)
{
    struct fixture *fixture = *state;
    unsigned fail_at = 0;
    do {
        write_revisions(fixture, ++fail_at);
        check(fixture);
        discard(fixture);
    } while (disk.calls >= fail_at);
    print_message("failed at each of %u calls\n", fail_at - 1);
    assert_true(fail_at > 3 * REVISIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(whichever_sync_fails_no_record_is_there_twice_or_without_its_pcapng),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
