// SPDX-License-Identifier: BSD-3-Clause

/* lib/export's store, its ledger, and lib/journal's cursors, when the process dies at any call that changes
 * files: for every such call once, killed (what was written stays) and with loss of power (what was not
 * synced is gone: bytes, names, renames). The calls are this program's own, below; the code under test is as
 * it is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/units.h"
#include "export/ledger.h"
#include "export/store.h"
#include "journal/cursors.h"
#include "support/findings.h"
#include "support/frames.h"

#define DIED 77

/* ---- A disk that forgets what was not synced ---- */

#define FILES_MAX   64
#define CHANGES_MAX 256

enum change_kind { MADE, LINKED, MOVED, REMOVED };

static struct {
    unsigned calls, die_at; /* 0: never */
    bool with_power;
    char backup[80]; /* files that names were taken from */
    struct {
        int fd;
        off_t synced;
    } files[FILES_MAX];
    unsigned file_count;
    struct {
        enum change_kind kind;
        int directory;
        char name[64], to[64];
        bool had_other; /* in the place of what was moved */
    } changes[CHANGES_MAX];
    unsigned change_count;
} disk;

static bool is_same(int fd, int other)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static off_t *synced_of(int fd)
{
    struct stat status;
    for (unsigned i = 0; i < disk.file_count; i++)
        if (is_same(fd, disk.files[i].fd))
            return &disk.files[i].synced;
    if (fstat(fd, &status) != 0 || disk.file_count == FILES_MAX)
        _exit(1);
    /* Opened anew: a duplicate would keep the file's lock. */
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    disk.files[disk.file_count].fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    disk.files[disk.file_count].synced = status.st_size;
    return &disk.files[disk.file_count++].synced;
}

static char *backup_of(unsigned change, char path[128])
{
    snprintf(path, 128, "%s/%u", disk.backup, change);
    return path;
}

static void note(enum change_kind kind, int directory, const char *name, const char *to)
{
    char backup[128];
    if (disk.die_at == 0)
        return;
    if (disk.change_count == CHANGES_MAX || directory < 0)
        _exit(1);
    const char *lost = kind == MOVED ? to : kind == REMOVED ? name : NULL;
    unsigned i = disk.change_count++;
    disk.changes[i].kind = kind;
    disk.changes[i].directory = fcntl(directory, F_DUPFD_CLOEXEC, 100);
    snprintf(disk.changes[i].name, sizeof(disk.changes[i].name), "%s", name);
    snprintf(disk.changes[i].to, sizeof(disk.changes[i].to), "%s", to);
    disk.changes[i].had_other =
        lost != NULL && syscall(SYS_linkat, directory, lost, AT_FDCWD, backup_of(i, backup), 0) == 0;
}

static void take_back(unsigned i)
{
    char backup[128];
    int directory = disk.changes[i].directory;
    const char *name = disk.changes[i].name, *to = disk.changes[i].to;
    const char *other = disk.changes[i].kind == MOVED ? to : name;

    if (directory < 0)
        return;
    if (disk.changes[i].kind == MADE || disk.changes[i].kind == LINKED)
        syscall(SYS_unlinkat, directory, name, 0);
    if (disk.changes[i].kind == MOVED)
        syscall(SYS_renameat2, directory, to, directory, name, 0);
    if (disk.changes[i].had_other)
        syscall(SYS_linkat, AT_FDCWD, backup_of(i, backup), directory, other, 0);
}

static void lose_power(void)
{
    for (unsigned i = 0; i < disk.file_count; i++)
        syscall(SYS_ftruncate, disk.files[i].fd, disk.files[i].synced);
    for (unsigned i = disk.change_count; i-- > 0;)
        take_back(i);
}

/* Whether the process dies in this call: then the caller does half of its work, and dies. */
static bool dies(void)
{
    return disk.die_at != 0 && ++disk.calls == disk.die_at;
}

static void die(void)
{
    if (disk.with_power)
        lose_power();
    _exit(DIED);
}

/* ---- The calls that change files ---- */

ssize_t write(int fd, const void *bytes, size_t count)
{
    if (disk.die_at != 0)
        synced_of(fd);
    if (dies()) {
        syscall(SYS_write, fd, bytes, count / 2);
        die();
    }
    return syscall(SYS_write, fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (disk.die_at != 0)
        synced_of(fd);
    if (dies()) {
        syscall(SYS_write, fd, parts[0].iov_base, parts[0].iov_len / 2);
        die();
    }
    return syscall(SYS_writev, fd, parts, count);
}

static int sync_all(long call, int fd)
{
    struct stat status;
    if (dies())
        die();
    if (syscall(call, fd) != 0)
        return -1;
    if (disk.die_at == 0 || fstat(fd, &status) != 0)
        return 0;
    if (S_ISREG(status.st_mode))
        *synced_of(fd) = status.st_size;
    for (unsigned i = 0; i < disk.change_count && S_ISDIR(status.st_mode); i++)
        if (disk.changes[i].directory >= 0 && is_same(fd, disk.changes[i].directory))
            disk.changes[i].directory = -1;
    return 0;
}

int fdatasync(int fd)
{
    return sync_all(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return sync_all(SYS_fsync, fd);
}

int openat(int directory, const char *name, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    bool makes = (flags & O_CREAT) != 0 && faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    if (makes && dies())
        die();
    int fd = (int)syscall(SYS_openat, directory, name, flags, mode);
    if (makes && fd >= 0)
        note(MADE, directory, name, "");
    return fd;
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    struct stat a, b;
    if (dies())
        die();
    bool moves = fstatat(from_directory, from, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
                 (fstatat(to_directory, to, &b, AT_SYMLINK_NOFOLLOW) != 0 || a.st_ino != b.st_ino);
    if (moves)
        note(MOVED, to_directory, from, to);
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, 0);
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
    if (dies())
        die();
    int result = (int)syscall(SYS_linkat, from_directory, from, to_directory, to, flags);
    if (result == 0)
        note(LINKED, to_directory, to, "");
    return result;
}

int unlinkat(int directory, const char *name, int flags)
{
    if (faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        if (dies())
            die();
        note(REMOVED, directory, name, "");
    }
    return (int)syscall(SYS_unlinkat, directory, name, flags);
}

int ftruncate(int fd, off_t length)
{
    if (dies())
        die();
    return (int)syscall(SYS_ftruncate, fd, length);
}

int mkdirat(int directory, const char *name, mode_t mode)
{
    if (dies())
        die();
    return (int)syscall(SYS_mkdirat, directory, name, mode);
}

/* ---- What the process does until it dies ---- */

#define EVENTS  7
#define PACKETS 3
#define HOST    "edge"

struct fixture {
    char directory[64], flows[80], cursors[80];
};

/* A flow that the store has been given, and what it borrows. */
struct given {
    struct ss_store_flow flow;
    struct ss_event event;
    struct ss_finding finding;
    struct frame frame;
    struct ss_history_record packets[PACKETS];
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

static void make_directory(struct fixture *fixture)
{
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/slowshake-crash-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->flows, sizeof(fixture->flows), "%s/flows", fixture->directory);
    snprintf(fixture->cursors, sizeof(fixture->cursors), "%s/cursor", fixture->directory);
    snprintf(disk.backup, sizeof(disk.backup), "%s/backup", fixture->directory);
    assert_int_equal(mkdir(disk.backup, 0700), 0);
    assert_int_equal(mkdir(fixture->flows, 0700), 0);
}

/* 1 and 3: of one flow, the second longer; 5: of another; 2, 4, 6: of none; 7: of the other flow, no longer.
 */
static struct ss_event event_of(unsigned number)
{
    struct ss_event event = {
        .client = endpoint_of(number == 5 || number == 7 ? "192.0.2.9:999" : "192.0.2.7:51234"),
        .time_ns = finding_example().start_ns,
        .logged_ns = finding_example().start_ns,
        .duration_ns = number == 7 ? SS_NS_PER_S : number * SS_NS_PER_S,
        .host = HOST};
    if (number % 2 == 0)
        event.client.port = (uint16_t)number;
    snprintf(event.cursor, sizeof(event.cursor), "s=1;i=%u;b=b;m=%u;t=1;x=1", number, number);
    return event;
}

static bool is_of_flow(unsigned number)
{
    return number % 2 == 1 && number < 7;
}

static struct ss_store *open_store(const struct fixture *fixture)
{
    const struct ss_store_config config = {.directory = fixture->flows, .rate = 1000};
    struct ss_store *store;
    char why[256];
    return ss_store_open(&config, &store, why, sizeof(why)) == 0 ? store : NULL;
}

/* Of one event's flow. */
static void give_flow(struct given *given, struct ss_store *store, unsigned number)
{
    given->event = event_of(number);
    given->finding = finding_example();
    given->finding.client = given->event.client;
    given->finding.start_ns += number == 5;
    frame_start(&given->frame, SS_LINK_ETHERNET);
    frame_ethernet(&given->frame);
    struct ss_frame whole = frame_end(&given->frame);
    for (unsigned i = 0; i < PACKETS; i++)
        given->packets[i] = (struct ss_history_record){.data = whole.data,
                                                       .captured = whole.captured,
                                                       .wire = whole.wire,
                                                       .number = i + 1,
                                                       .time_ns = given->finding.start_ns + i,
                                                       .link = SS_LINK_ETHERNET};
    given->flow = (struct ss_store_flow){.record = {.finding = &given->finding,
                                                    .sensor = "edge",
                                                    .event = &given->event,
                                                    .revision = number == 3},
                                         .packets = given->packets,
                                         .packet_count = PACKETS};
    ss_store_write(store, &given->flow, given->finding.start_ns);
}

/* 1, its further revision 3, and 5, all at once. */
static int write_flows(struct ss_store *store)
{
    static struct given given[3];
    for (unsigned i = 0; i < 3; i++)
        give_flow(&given[i], store, 2 * i + 1);
    ss_store_sync(store);
    return given[0].flow.is_written && given[1].flow.is_written && given[2].flow.is_written ? 0 : -EIO;
}

static int save_cursor(const struct fixture *fixture, unsigned number)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", number);
    struct ss_cursor cursor = {(char *)(uintptr_t)HOST, text};
    const struct ss_cursors cursors = {finding_example().start_ns, &cursor, 1};
    return ss_cursors_save(fixture->cursors, &cursors);
}

/* As the appliance does: each event to its end, then the cursor behind it. Tells through the pipe what is
 * durable. */
static int work(struct fixture *fixture, int acknowledge)
{
    struct ss_store *store = open_store(fixture);
    int error = store == NULL;
    for (unsigned char number = 1; number <= EVENTS && error == 0; number++) {
        struct ss_event event = event_of(number);
        if (number == 1)
            error = write_flows(store);
        else if (!is_of_flow(number) && number < 7)
            error =
                ss_store_unmatched(store, "edge", &event, SS_UNMATCHED_NO_FLOW, NULL, event.logged_ns) != 0 ||
                ss_store_sync(store) != 0;
        if (error == 0 && number < 7)
            syscall(SYS_write, acknowledge, &number, 1);
        if (error == 0 && number % 3 == 0)
            error = save_cursor(fixture, number);
    }
    ss_store_close(store);
    return error != 0;
}

/* ---- After it died ---- */

static unsigned cursor_of(const struct fixture *fixture)
{
    struct ss_cursors cursors;
    int error = ss_cursors_load(fixture->cursors, &cursors);
    if (error == -ENOENT)
        return 0;
    assert_int_equal(error, 0); /* never half a file */
    unsigned number = (unsigned)strtoul(ss_cursors_find(&cursors, HOST), NULL, 10);
    ss_cursors_free(&cursors);
    return number;
}

/* What the appliance does with entries behind the cursor: their flows' packets are gone. */
static void restart(const struct fixture *fixture)
{
    struct ss_store *store = open_store(fixture);
    struct ss_ledger *ledger = ss_ledger_create();
    assert_non_null(store);
    assert_non_null(ledger);
    ss_ledger_load(ledger, fixture->flows, 0);
    for (unsigned number = cursor_of(fixture) + 1; number <= EVENTS; number++) {
        struct ss_event event = event_of(number);
        if (ss_ledger_add(ledger, &event) && !ss_ledger_is_told(ledger, &event))
            assert_int_equal(
                ss_store_unmatched(store, "edge", &event, SS_UNMATCHED_BEFORE_START, NULL, event.logged_ns),
                0);
    }
    ss_ledger_free(ledger);
    ss_store_close(store);
}

struct seen {
    unsigned events[EVENTS + 1];
    unsigned records;
};

static void see_line(const struct fixture *fixture, const char *line, struct seen *seen)
{
    unsigned number = 0;
    char path[256];
    json_t *object = json_loads(line, 0, NULL);
    assert_non_null(object);
    assert_int_equal(line[strlen(line) - 1], '\n');
    const char *cursor = json_string_value(json_object_get(json_object_get(object, "proxy"), "cursor"));
    const char *pcapng = json_string_value(json_object_get(object, "pcapng"));
    assert_int_equal(sscanf(cursor, "s=1;i=%u;", &number), 1);
    seen->events[number]++;
    if (json_object_get(object, "id") != NULL) {
        assert_non_null(pcapng);
        snprintf(path, sizeof(path), "%s/%s", fixture->flows, pcapng);
        assert_int_equal(access(path, R_OK), 0);
        seen->records++;
    }
    json_decref(object);
}

static void see_lines(const struct fixture *fixture, const char *name, struct seen *seen)
{
    char path[256], *line = NULL;
    size_t room = 0;
    snprintf(path, sizeof(path), "%s/2026-11-22/%s", fixture->flows, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return;
    while (getline(&line, &room, file) > 0)
        see_line(fixture, line, seen);
    free(line);
    fclose(file);
}

/* Every file is whole, has a name of the store's, and a record. */
static void see_files(const struct fixture *fixture)
{
    static const char *const COMMANDS[] = {
        "test -z \"$(find '%s' -name '.*')\"",
        "cd '%s' && for f in */*.pcapng; do [ ! -e \"$f\" ] || grep -q \"$f\" */flows.jsonl || exit 1; done",
        "test -z \"$(find '%s' -name '*.pcapng' -size -1000c)\"",
    };
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
        shell(COMMANDS[i], fixture->flows);
}

/* acknowledged: numbers of events that were durable. */
static void check(const struct fixture *fixture, const unsigned char *acknowledged, size_t count)
{
    struct seen seen = {.records = 0};
    see_lines(fixture, "flows.jsonl", &seen);
    see_lines(fixture, "unmatched.jsonl", &seen);
    see_files(fixture);
    for (unsigned number = 1; number < 7; number++)
        assert_int_equal(seen.events[number], 1);
    /* 7 tells nothing new where the record of 5 is there. */
    assert_in_range(seen.events[7], 0, 1);
    unsigned flows = 0;
    for (size_t i = 0; i < count; i++)
        flows += is_of_flow(acknowledged[i]);
    assert_true(seen.records >= flows);
}

/* The first start after it dies as well, at one call or another. */
static void restart_and_die(const struct fixture *fixture, unsigned die_at, bool with_power)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        disk.die_at = 1 + die_at % 11;
        disk.with_power = with_power;
        restart(fixture);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == DIED || WEXITSTATUS(status) == 0);
}

/* False: it was through before it came to die. */
static bool live_and_die(struct fixture *fixture, unsigned die_at, bool with_power)
{
    unsigned char acknowledged[EVENTS];
    int pipe_ends[2], status;
    make_directory(fixture);
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        disk.die_at = die_at;
        disk.with_power = with_power;
        _exit(work(fixture, pipe_ends[1]));
    }
    close(pipe_ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    ssize_t count = read(pipe_ends[0], acknowledged, sizeof(acknowledged));
    close(pipe_ends[0]);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == DIED || WEXITSTATUS(status) == 0);
    restart_and_die(fixture, die_at, with_power);
    restart(fixture);
    check(fixture, acknowledged, count > 0 ? (size_t)count : 0);
    restart(fixture); /* once more changes nothing */
    check(fixture, acknowledged, count > 0 ? (size_t)count : 0);
    shell("rm -rf '%s'", fixture->directory);
    return WEXITSTATUS(status) == DIED;
}

static void die_at_every_call(struct fixture *fixture, bool with_power)
{
    unsigned die_at = 1;
    while (live_and_die(fixture, die_at, with_power))
        die_at++;
    print_message("died at each of %u calls\n", die_at - 1);
    assert_true(die_at > 50);
}

static void killed_at_any_call_nothing_is_lost_and_nothing_is_there_twice(void **state)
{
    die_at_every_call(*state, false);
}

static void without_power_at_any_call_nothing_is_lost_and_nothing_is_there_twice(void **state)
{
    die_at_every_call(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(killed_at_any_call_nothing_is_lost_and_nothing_is_there_twice),
        TEST(without_power_at_any_call_nothing_is_lost_and_nothing_is_there_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
