// SPDX-License-Identifier: BSD-3-Clause
#include "journal/journal.h"

#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Journal files are made by the real systemd-journal-remote, from what journalctl -o export would print. */
#define REMOTE "/lib/systemd/systemd-journal-remote"

#define DROPPED "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\n"

struct lab {
    char directory[100];
    char cursor_file[160];
    int64_t start_us; /* the entries' times count from here */
    struct ss_config_journal config;
    struct ss_journal *journal;
};

static char *haproxy_only[] = {(char[]){"SYSLOG_IDENTIFIER=haproxy"}, NULL};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int setup(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    const char *temporary = getenv("TMPDIR");
    snprintf(lab->directory, sizeof(lab->directory), "%s/test_journal.XXXXXX",
             temporary != NULL ? temporary : P_tmpdir);
    if (mkdtemp(lab->directory) == NULL || access(REMOTE, X_OK) != 0)
        return -1;
    snprintf(lab->cursor_file, sizeof(lab->cursor_file), "%s/cursor", lab->directory);
    lab->start_us = now_us() - 60 * 1000000;
    lab->config = (struct ss_config_journal){.directory = lab->directory,
                                             .matches = haproxy_only,
                                             .format = SS_FORMAT_HAPROXY,
                                             .cursor_file = lab->cursor_file};
    *state = lab;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    ss_journal_close(lab->journal);
    nftw(lab->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(lab);
    return 0;
}

/* --- feeding
 * ------------------------------------------------------------------------------------------------------ */

static FILE *feed_start(const struct lab *lab, const char *file)
{
    char command[400];
    snprintf(command, sizeof(command), REMOTE " --output=%s/%s.journal - >/dev/null 2>&1", lab->directory,
             file);
    FILE *feed = popen(command, "w");
    assert_non_null(feed);
    return feed;
}

/* An entry at so many seconds; more: further fields, a line each. */
static void feed_entry(FILE *feed, const struct lab *lab, const char *host, int64_t at_s, const char *more)
{
    int64_t at_us = lab->start_us + at_s * 1000000;
    fprintf(feed,
            "__REALTIME_TIMESTAMP=%" PRId64 "\n__MONOTONIC_TIMESTAMP=%" PRId64 "\n"
            "_BOOT_ID=%032x\n_HOSTNAME=%s\n%s\n",
            at_us, 1000000000000 + at_s * 1000000, (unsigned)(unsigned char)host[0], host, more);
}

static void feed_stop(FILE *feed)
{
    assert_int_equal(pclose(feed), 0);
}

/* count of HAProxy's lines, a second apart; the port is the number of the entry, and what next_port sees. */
static void feed_lines(const struct lab *lab, const char *file, const char *host, unsigned port,
                       unsigned count, int64_t at_s)
{
    FILE *feed = feed_start(lab, file);
    for (unsigned i = 0; i < count; i++) {
        char more[128];
        snprintf(more, sizeof(more), "SYSLOG_IDENTIFIER=haproxy\nMESSAGE=hs src=192.0.2.1:%u Th=5\n",
                 port + i);
        feed_entry(feed, lab, host, at_s + i, more);
    }
    feed_stop(feed);
}

static void feed_text(const struct lab *lab, const char *file, const char *host, const char *more)
{
    FILE *feed = feed_start(lab, file);
    feed_entry(feed, lab, host, 10, more);
    feed_stop(feed);
}

/* --- reading
 * -------------------------------------------------------------------------------------------------------- */

static void open_journal(struct lab *lab, bool from_start)
{
    char why[512] = "";
    int error = ss_journal_open(&lab->config, 3, from_start, &lab->journal, why, sizeof(why));
    if (error != 0)
        print_error("%s\n", why);
    assert_int_equal(error, 0);
}

static void close_journal(struct lab *lab)
{
    ss_journal_close(lab->journal);
    lab->journal = NULL;
}

/* The next event, waited for up to so long; port 0: none came. */
static uint16_t next_event(struct lab *lab, struct ss_event *ret_event, int64_t wait_ms)
{
    int64_t end_us = now_us() + wait_ms * 1000;
    for (;;) {
        int got = ss_journal_next(lab->journal, ret_event);
        assert_true(got >= 0);
        if (got == 1)
            return ret_event->client.port;
        if (now_us() >= end_us)
            return 0;
        struct pollfd wait = {.fd = ss_journal_fd(lab->journal), .events = POLLIN};
        poll(&wait, 1, 100);
    }
}

static uint16_t next_port(struct lab *lab)
{
    struct ss_event event;
    return next_event(lab, &event, 5000);
}

#define assert_nothing_more(lab, event) assert_int_equal(next_event(lab, event, 300), 0)

static void check_counters(const struct lab *lab)
{
    const struct ss_journal_counters *counters = ss_journal_counters(lab->journal);
    uint64_t sum = 0;
    for (unsigned i = 0; i < SS_FORMAT_RESULT_COUNT; i++)
        sum += counters->results[i];
    assert_int_equal(counters->entries, sum);
}

static uint64_t errors(const struct lab *lab)
{
    return ss_journal_counters(lab->journal)->errors;
}

/* --- tests --- */

static void every_entry_there_is_can_be_read_from_the_start(void **state)
{
    struct lab *lab = *state;
    struct ss_event event;
    feed_lines(lab, "remote-b", "b", 201, 2, 10);
    feed_lines(lab, "remote-a", "a", 101, 3, 5);
    feed_text(lab, "remote-a", "a", "SYSLOG_IDENTIFIER=haproxy\nMESSAGE=Proxy web started.\n");
    open_journal(lab, true);
    for (uint16_t i = 0; i < 3; i++) {
        assert_int_equal(next_event(lab, &event, 0), 101 + i);
        assert_string_equal(event.host, "a");
        assert_int_equal(event.source, 3);
        assert_int_equal(event.duration_ns, 5 * SS_NS_PER_MS);
        assert_int_equal(event.logged_ns, (lab->start_us + (5 + i) * 1000000) * 1000);
        assert_int_equal(event.time_ns, event.logged_ns);
    }
    assert_int_equal(next_event(lab, &event, 0), 201);
    assert_int_equal(next_event(lab, &event, 0), 202);
    assert_string_equal(event.host, "b");
    assert_int_equal(next_event(lab, &event, 0), 0);
    assert_int_equal(ss_journal_counters(lab->journal)->hosts, 2);
    assert_int_equal(ss_journal_counters(lab->journal)->entries, 6);
    assert_int_equal(ss_journal_counters(lab->journal)->results[SS_FORMAT_NO_MATCH], 1);
    check_counters(lab);
}

static void following_starts_behind_the_last_entry(void **state)
{
    struct lab *lab = *state;
    struct ss_event event;
    feed_lines(lab, "remote-a", "a", 101, 3, 5);
    open_journal(lab, false);
    assert_nothing_more(lab, &event);
    feed_lines(lab, "remote-a", "a", 104, 2, 9);
    assert_int_equal(next_port(lab), 104);
    assert_int_equal(next_port(lab), 105);
    assert_nothing_more(lab, &event);
}

static void following_an_empty_directory_gives_all_that_comes(void **state)
{
    struct lab *lab = *state;
    open_journal(lab, false);
    assert_int_equal(ss_journal_counters(lab->journal)->hosts, 0);
    assert_int_equal(ss_journal_files(lab->journal), 0);
    feed_lines(lab, "remote-a", "a", 101, 2, 5);
    assert_int_equal(next_port(lab), 101);
    assert_int_equal(next_port(lab), 102);
}

/* The host is there, but nothing of it matched yet. */
static void the_first_entry_that_matches_is_given(void **state)
{
    struct lab *lab = *state;
    struct ss_event event;
    feed_text(lab, "remote-a", "a", "SYSLOG_IDENTIFIER=sshd\nMESSAGE=hs src=192.0.2.1:9 Th=5\n");
    open_journal(lab, false);
    assert_int_equal(ss_journal_files(lab->journal), 1);
    assert_nothing_more(lab, &event);
    feed_lines(lab, "remote-a", "a", 101, 1, 11);
    assert_int_equal(next_port(lab), 101);
}

static void entries_that_arrive_late_are_given(void **state)
{
    struct lab *lab = *state;
    struct ss_event event;
    feed_lines(lab, "remote-a", "a", 101, 1, 1);
    feed_lines(lab, "remote-b", "b", 201, 1, 2);
    open_journal(lab, false);
    assert_nothing_more(lab, &event);
    feed_lines(lab, "remote-b", "b", 202, 1, 50);
    assert_int_equal(next_port(lab), 202);
    /* of another host, older than what was read already */
    feed_lines(lab, "remote-a", "a", 102, 20, 20);
    for (uint16_t port = 102; port < 122; port++)
        assert_int_equal(next_port(lab), port);
    /* of the same host, whose clock was set back */
    feed_lines(lab, "remote-b", "b", 203, 1, 30);
    assert_int_equal(next_port(lab), 203);
}

static void several_hosts_may_share_a_file(void **state)
{
    struct lab *lab = *state;
    struct ss_event event;
    feed_lines(lab, "all", "a", 101, 1, 1);
    open_journal(lab, false);
    assert_nothing_more(lab, &event);
    feed_lines(lab, "all", "b", 201, 1, 9);
    assert_int_equal(next_event(lab, &event, 5000), 201);
    assert_string_equal(event.host, "b");
    feed_lines(lab, "all", "a", 102, 1, 5);
    assert_int_equal(next_port(lab), 102);
}

static void a_host_that_appears_while_following_is_read_from_its_beginning(void **state)
{
    struct lab *lab = *state;
    struct ss_event event;
    feed_lines(lab, "remote-a", "a", 101, 1, 50);
    open_journal(lab, false);
    assert_nothing_more(lab, &event);
    feed_lines(lab, "remote-new", "new", 301, 3, 5);
    for (uint16_t port = 301; port < 304; port++)
        assert_int_equal(next_port(lab), port);
    assert_int_equal(ss_journal_counters(lab->journal)->hosts, 2);
}

/* What a new host brings from long ago cannot be joined any more. */
static void a_new_hosts_old_past_is_left_out(void **state)
{
    struct lab *lab = *state;
    open_journal(lab, false);
    FILE *feed = feed_start(lab, "remote-new");
    feed_entry(feed, lab, "new", -90000, "SYSLOG_IDENTIFIER=haproxy\nMESSAGE=hs src=192.0.2.1:300 Th=5\n");
    feed_entry(feed, lab, "new", 5, "SYSLOG_IDENTIFIER=haproxy\nMESSAGE=hs src=192.0.2.1:301 Th=5\n");
    feed_stop(feed);
    assert_int_equal(next_port(lab), 301);
}

/* 0: there may have been nothing to save. */
static int save(struct lab *lab)
{
    struct ss_positions *positions = ss_journal_positions(lab->journal);
    int error = positions != NULL ? ss_positions_save(positions) : 0;
    ss_positions_free(positions);
    if (error != 0)
        ss_journal_not_saved(lab->journal);
    return error;
}

static int mark_and_save(struct lab *lab)
{
    ss_journal_mark(lab->journal);
    return save(lab);
}

static void a_restart_goes_on_where_it_was_saved(void **state)
{
    struct lab *lab = *state;
    struct ss_event event;
    feed_lines(lab, "remote-a", "a", 101, 1, 1);
    feed_lines(lab, "remote-b", "b", 201, 1, 1);
    open_journal(lab, false);
    feed_lines(lab, "remote-a", "a", 102, 1, 2);
    assert_int_equal(next_port(lab), 102);
    assert_int_equal(mark_and_save(lab), 0);
    feed_lines(lab, "remote-a", "a", 103, 1, 3);
    assert_int_equal(next_port(lab), 103); /* handled, but that was not saved */
    close_journal(lab);

    feed_lines(lab, "remote-a", "a", 104, 1, 4);
    feed_lines(lab, "remote-b", "b", 202, 1, 1); /* late */
    feed_lines(lab, "remote-c", "c", 301, 1, 1); /* new meanwhile */
    open_journal(lab, false);
    assert_int_equal(next_port(lab), 103);
    assert_int_equal(next_port(lab), 104);
    assert_int_equal(next_port(lab), 202);
    assert_int_equal(next_port(lab), 301);
    assert_nothing_more(lab, &event);
    assert_int_equal(errors(lab), 0);
    assert_int_equal(mark_and_save(lab), 0);
    close_journal(lab);

    open_journal(lab, false);
    assert_nothing_more(lab, &event);
}

/* Events that are still under way when others have been handled come again. */
static void what_was_given_after_the_mark_comes_again(void **state)
{
    struct lab *lab = *state;
    struct ss_event first, again;
    feed_lines(lab, "remote-a", "a", 101, 1, 1);
    open_journal(lab, false);
    feed_lines(lab, "remote-a", "a", 102, 2, 2);
    assert_int_equal(next_port(lab), 102);
    ss_journal_mark(lab->journal);
    assert_int_equal(next_event(lab, &first, 5000), 103);
    assert_int_equal(save(lab), 0);
    close_journal(lab);

    open_journal(lab, false);
    assert_true(ss_journal_saved_ns(lab->journal) > 0);
    assert_int_equal(next_event(lab, &again, 5000), 103);
    assert_string_equal(again.cursor, first.cursor);
    assert_non_null(strstr(first.cursor, ";b="));
}

/* As the thread that saves them may be behind. */
static void positions_that_were_given_stay_what_they_were(void **state)
{
    struct lab *lab = *state;
    feed_lines(lab, "remote-a", "a", 101, 1, 1);
    open_journal(lab, false);
    feed_lines(lab, "remote-a", "a", 102, 2, 2);
    assert_int_equal(next_port(lab), 102);
    ss_journal_mark(lab->journal);
    struct ss_positions *positions = ss_journal_positions(lab->journal);
    assert_int_equal(access(lab->cursor_file, F_OK), -1); /* giving them touches no disk */
    assert_int_equal(next_port(lab), 103);
    ss_journal_mark(lab->journal);
    close_journal(lab);
    assert_int_equal(ss_positions_save(positions), 0);
    ss_positions_free(positions);

    open_journal(lab, false);
    assert_int_equal(next_port(lab), 103);
}

/* Or what came between a first start and a crash would be left out. */
static void a_first_start_has_a_position_too(void **state)
{
    struct lab *lab = *state;
    feed_lines(lab, "remote-a", "a", 101, 1, 1);
    open_journal(lab, false);
    assert_int_equal(mark_and_save(lab), 0);
    feed_lines(lab, "remote-a", "a", 102, 1, 2);
    close_journal(lab);
    open_journal(lab, false);
    assert_int_equal(next_port(lab), 102);
}

static void nothing_is_written_when_nothing_moved(void **state)
{
    struct lab *lab = *state;
    struct stat before, after;
    feed_lines(lab, "remote-a", "a", 101, 1, 1);
    open_journal(lab, true);
    assert_int_equal(next_port(lab), 101);
    assert_int_equal(mark_and_save(lab), 0);
    assert_int_equal(stat(lab->cursor_file, &before), 0);
    assert_int_equal(next_event(lab, &(struct ss_event){.source = 0}, 0), 0);
    assert_int_equal(mark_and_save(lab), 0);
    assert_int_equal(stat(lab->cursor_file, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_mode & 0777, 0640 & ~umask(umask(0)));
}

static void a_cursor_whose_entry_vanished_goes_on_with_what_is_left(void **state)
{
    struct lab *lab = *state;
    struct ss_event event;
    feed_lines(lab, "remote-a", "a", 101, 2, 1);
    open_journal(lab, true);
    assert_int_equal(next_port(lab), 101);
    assert_int_equal(next_port(lab), 102);
    assert_int_equal(mark_and_save(lab), 0);
    close_journal(lab);

    char path[200];
    snprintf(path, sizeof(path), "%s/remote-a.journal", lab->directory);
    assert_int_equal(unlink(path), 0);
    feed_lines(lab, "remote-a2", "a", 103, 2, 3);
    open_journal(lab, false);
    assert_int_equal(next_port(lab), 103);
    assert_int_equal(next_port(lab), 104);
    assert_nothing_more(lab, &event);
    assert_int_equal(errors(lab), 1);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_damaged_cursor_is_counted_and_nothing_is_left_out(void **state)
{
    struct lab *lab = *state;
    struct ss_event event;
    char text[128];
    feed_lines(lab, "remote-a", "a", 101, 1, 1);
    snprintf(text, sizeof(text), "slowshake-cursors 1 %" PRId64 "000\ns=nonsense a\n", lab->start_us);
    write_file(lab->cursor_file, text);
    open_journal(lab, false);
    assert_int_equal(next_port(lab), 101);
    assert_nothing_more(lab, &event);
    assert_int_equal(errors(lab), 1);
}

static void a_cursor_file_that_is_none_is_counted_and_replaced(void **state)
{
    static const char *const ROWS[] = {"",
                                       "hello\n",
                                       "slowshake-cursors 1 x\n",
                                       "slowshake-cursors 1 5\nonlyone\n",
                                       "slowshake-cursors 1 5\ns=1 a",
                                       "slowshake-cursors 2 5\n"};
    struct lab *lab = *state;
    struct ss_event event;
    feed_lines(lab, "remote-a", "a", 101, 1, 1);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        write_file(lab->cursor_file, ROWS[i]);
        open_journal(lab, false);
        assert_int_equal(next_event(lab, &event, 0), 0);
        assert_int_equal(errors(lab), 1);
        assert_int_equal(mark_and_save(lab), 0);
        close_journal(lab);
        open_journal(lab, false);
        assert_int_equal(errors(lab), 0);
        close_journal(lab);
    }
}

static void a_cursor_file_that_cannot_be_written_is_an_error_until_it_can(void **state)
{
    struct lab *lab = *state;
    char path[200], hidden[200];
    snprintf(path, sizeof(path), "%s/later/cursor", lab->directory);
    snprintf(hidden, sizeof(hidden), "%s/later/.cursor.new", lab->directory);
    lab->config.cursor_file = path;
    feed_lines(lab, "remote-a", "a", 101, 1, 1);
    open_journal(lab, true);
    assert_int_equal(next_port(lab), 101);
    assert_int_equal(mark_and_save(lab), -ENOENT);
    snprintf(path, sizeof(path), "%s/later", lab->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(mark_and_save(lab), 0);
    assert_int_not_equal(access(hidden, F_OK), 0);
}

static void matches_on_different_fields_must_all_hold(void **state)
{
    struct lab *lab = *state;
    static char name[] = "SYSLOG_IDENTIFIER=haproxy", other[] = "SYSLOG_IDENTIFIER=edge", unit[] = "_PID=7";
    char *matches[] = {name, unit, other, NULL};
    feed_text(lab, "x", "a", "SYSLOG_IDENTIFIER=haproxy\n_PID=7\nMESSAGE=hs src=192.0.2.1:1\n");
    feed_text(lab, "x", "a", "SYSLOG_IDENTIFIER=haproxy\n_PID=8\nMESSAGE=hs src=192.0.2.1:2\n");
    feed_text(lab, "x", "a", "SYSLOG_IDENTIFIER=edge\n_PID=7\nMESSAGE=hs src=192.0.2.1:3\n");
    feed_text(lab, "x", "a", "SYSLOG_IDENTIFIER=sshd\n_PID=7\nMESSAGE=hs src=192.0.2.1:4\n");
    lab->config.matches = matches;
    open_journal(lab, true);
    assert_int_equal(next_port(lab), 1);
    assert_int_equal(next_port(lab), 3);
    assert_int_equal(next_event(lab, &(struct ss_event){.source = 0}, 0), 0);
    assert_int_equal(ss_journal_counters(lab->journal)->entries, 2);
}

static void what_journald_dropped_is_counted(void **state)
{
    struct lab *lab = *state;
    char *matches[] = {(char[]){"_SYSTEMD_UNIT=haproxy.service"}, NULL}, *none[] = {NULL};
    feed_text(lab, "x", "a", DROPPED "N_DROPPED=289\nMESSAGE=Suppressed 289 messages\n");
    feed_text(lab, "x", "b",
              DROPPED "N_DROPPED=11\nOBJECT_SYSTEMD_UNIT=haproxy.service\nMESSAGE=Suppressed\n");
    feed_text(lab, "x", "a",
              DROPPED "N_DROPPED=1000\nOBJECT_SYSTEMD_UNIT=other.service\nMESSAGE=Suppressed\n");
    feed_text(lab, "x", "a", DROPPED "N_DROPPED=many\nMESSAGE=Suppressed\n");
    feed_text(lab, "x", "a", "_SYSTEMD_UNIT=haproxy.service\nMESSAGE=hs src=192.0.2.1:1\n");
    lab->config.matches = matches;
    open_journal(lab, true);
    assert_int_equal(next_port(lab), 1);
    assert_int_equal(next_event(lab, &(struct ss_event){.source = 0}, 0), 0);
    assert_int_equal(ss_journal_counters(lab->journal)->suppressed, 300);
    assert_int_equal(ss_journal_counters(lab->journal)->entries, 1);
    close_journal(lab);

    lab->config.matches = none;
    open_journal(lab, true);
    assert_int_equal(next_port(lab), 1);
    assert_int_equal(next_event(lab, &(struct ss_event){.source = 0}, 0), 0);
    assert_int_equal(ss_journal_counters(lab->journal)->suppressed, 1300);
}

static void the_time_the_kernel_received_a_line_is_preferred(void **state)
{
    struct lab *lab = *state;
    const int64_t at_us = lab->start_us + 10 * 1000000;
    const struct {
        int64_t source_us, logged_us;
    } ROWS[] = {{at_us - 60, at_us - 60},
                {at_us, at_us},
                {at_us + 1, at_us},
                {at_us - 7200000000, at_us},
                {0, at_us}};
    struct ss_event event;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        char more[160];
        snprintf(more, sizeof(more),
                 "SYSLOG_IDENTIFIER=haproxy\n_SOURCE_REALTIME_TIMESTAMP=%" PRId64
                 "\nMESSAGE=hs src=192.0.2.1:%zu\n",
                 ROWS[i].source_us, i + 1);
        feed_text(lab, "x", "a", more);
    }
    open_journal(lab, true);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        assert_int_equal(next_event(lab, &event, 0), i + 1);
        assert_int_equal(event.logged_ns, ROWS[i].logged_us * 1000);
    }
}

static void one_file_can_be_read_even_without_host_names(void **state)
{
    struct lab *lab = *state;
    char path[200];
    struct ss_event event;
    feed_lines(lab, "x", "b", 1, 1, 9);
    feed_lines(lab, "x", "a", 2, 1, 5);
    FILE *feed = feed_start(lab, "x");
    fprintf(feed,
            "__REALTIME_TIMESTAMP=1795390095598375\n__MONOTONIC_TIMESTAMP=5\n_BOOT_ID=%032x\n"
            "SYSLOG_IDENTIFIER=haproxy\nMESSAGE=hs src=192.0.2.1:3\n\n",
            7);
    feed_stop(feed);
    snprintf(path, sizeof(path), "%s/x.journal", lab->directory);
    lab->config.directory = path;
    open_journal(lab, true);
    assert_int_equal(next_event(lab, &event, 0), 1);
    assert_string_equal(event.host, "b");
    assert_int_equal(next_event(lab, &event, 0), 2);
    assert_string_equal(event.host, "a");
    assert_int_equal(next_event(lab, &event, 0), 3);
    assert_string_equal(event.host, "");
    assert_int_equal(next_event(lab, &event, 0), 0);
}

/* As journald does it: the file gets another name, and a new one takes its place. */
static void files_may_be_rotated_away(void **state)
{
    struct lab *lab = *state;
    char path[200], old[200];
    uint16_t port = 100;
    snprintf(path, sizeof(path), "%s/remote-a.journal", lab->directory);
    feed_lines(lab, "remote-a", "a", port, 1, 1);
    open_journal(lab, false);
    for (int64_t i = 0; i < 3; i++) {
        snprintf(old, sizeof(old), "%s/remote-a@%d.journal", lab->directory, (int)i);
        feed_lines(lab, "remote-a", "a", (unsigned)port + 1, 1, 2 + 2 * i);
        assert_int_equal(rename(path, old), 0);
        feed_lines(lab, "remote-a", "a", (unsigned)port + 2, 1, 3 + 2 * i);
        assert_int_equal(next_port(lab), ++port);
        assert_int_equal(next_port(lab), ++port);
    }
    assert_true(ss_journal_counters(lab->journal)->rotations > 0);
    assert_int_equal(errors(lab), 0);
}

static void a_directory_that_vanishes_is_counted_and_read_again_when_it_is_back(void **state)
{
    struct lab *lab = *state;
    struct lab inner = *lab;
    struct ss_event event;
    snprintf(inner.directory, sizeof(inner.directory), "%.90s/in", lab->directory);
    assert_int_equal(mkdir(inner.directory, 0700), 0);
    lab->config.directory = inner.directory;
    feed_lines(&inner, "remote-a", "a", 101, 1, 1);
    open_journal(lab, false);
    feed_lines(&inner, "remote-a", "a", 102, 1, 2);
    assert_int_equal(next_port(lab), 102);
    assert_int_equal(nftw(inner.directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(next_event(lab, &event, 2500), 0);
    assert_int_equal(errors(lab), 1);
    assert_int_equal(mkdir(inner.directory, 0700), 0);
    feed_lines(&inner, "remote-a", "a", 103, 2, 3);
    feed_lines(&inner, "remote-b", "b", 201, 1, 3);
    assert_int_equal(next_port(lab), 103);
    assert_int_equal(next_port(lab), 104);
    assert_int_equal(next_port(lab), 201);
}

/* As journald's vacuum does it, whoever reads them just then. */
static void files_may_be_deleted_while_they_are_read(void **state)
{
    struct lab *lab = *state;
    char path[200];
    snprintf(path, sizeof(path), "%s/remote-a.journal", lab->directory);
    open_journal(lab, false);
    feed_lines(lab, "remote-a", "a", 1001, 600, 0);
    assert_int_equal(next_port(lab), 1001);
    assert_int_equal(unlink(path), 0);
    feed_lines(lab, "remote-a", "a", 2001, 2, 700);
    uint16_t last = 1001, port;
    while ((port = next_port(lab)) < 2001) {
        assert_int_equal(port, last + 1);
        last = port;
    }
    assert_int_equal(port, 2001);
    assert_int_equal(next_port(lab), 2002);
    check_counters(lab);
}

static void feed_hosts(const struct lab *lab, const char *file, char first, unsigned count, int64_t at_s)
{
    FILE *feed = feed_start(lab, file);
    for (unsigned i = 0; i < count; i++) {
        char name[16], more[128];
        snprintf(name, sizeof(name), "%c%03u", first, i);
        snprintf(more, sizeof(more), "SYSLOG_IDENTIFIER=haproxy\nMESSAGE=hs src=192.0.2.1:%u Th=5\n", 1 + i);
        feed_entry(feed, lab, name, at_s, more);
    }
    feed_stop(feed);
}

static void more_hosts_than_there_is_room_for_are_counted(void **state)
{
    struct lab *lab = *state;
    struct ss_event event;
    unsigned events = 0;
    feed_hosts(lab, "all", 'h', 260, 1);
    open_journal(lab, true);
    while (next_event(lab, &event, 0) != 0)
        events++;
    assert_int_equal(events, 256);
    assert_int_equal(ss_journal_counters(lab->journal)->hosts, 256);
    assert_int_equal(errors(lab), 4);
}

static void a_host_that_went_gives_its_place_to_one_that_came(void **state)
{
    struct lab *lab = *state;
    char path[200];
    feed_hosts(lab, "old", 'h', 256, 1);
    open_journal(lab, false);
    snprintf(path, sizeof(path), "%s/old.journal", lab->directory);
    assert_int_equal(unlink(path), 0);
    feed_lines(lab, "new", "new", 501, 2, 2);
    assert_int_equal(next_port(lab), 501);
    assert_int_equal(next_port(lab), 502);
    assert_int_equal(ss_journal_counters(lab->journal)->hosts, 256);
    /* and one that comes back takes the place of another */
    feed_lines(lab, "back", "h000", 601, 1, 3);
    assert_int_equal(next_port(lab), 601);
    assert_int_equal(errors(lab), 0);
}

static void the_work_of_a_call_is_bounded(void **state)
{
    struct lab *lab = *state;
    struct ss_event event;
    FILE *feed = feed_start(lab, "x");
    for (int i = 0; i < 3000; i++)
        feed_entry(feed, lab, "a", i, "SYSLOG_IDENTIFIER=haproxy\nMESSAGE=nothing\n");
    feed_stop(feed);
    feed_lines(lab, "x", "a", 101, 1, 5000);
    open_journal(lab, true);
    struct pollfd wait = {.fd = ss_journal_fd(lab->journal), .events = POLLIN};
    unsigned calls = 0;
    while (ss_journal_next(lab->journal, &event) == 0) {
        assert_true(ss_journal_counters(lab->journal)->entries <= ++calls * 512);
        assert_int_equal(poll(&wait, 1, 0), 1);
    }
    assert_int_equal(event.client.port, 101);
    assert_int_equal(calls, 5);
    while (ss_journal_next(lab->journal, &event) != 0 || poll(&wait, 1, 0) != 0)
        assert_true(++calls < 10);
    check_counters(lab);
}

static void no_host_is_kept_waiting_by_another(void **state)
{
    struct lab *lab = *state;
    feed_lines(lab, "remote-a", "a", 1001, 1000, 0);
    feed_lines(lab, "remote-b", "b", 101, 1, 0);
    open_journal(lab, true);
    unsigned before = 0;
    while (next_port(lab) != 101)
        before++;
    assert_true(before > 0 && before <= 64);
}

/* --- refusals --- */

static int open_error(const struct lab *lab, bool from_start, const char *says)
{
    struct ss_journal *journal = NULL;
    char why[512] = "";
    int error = ss_journal_open(&lab->config, 0, from_start, &journal, why, sizeof(why));
    if (strstr(why, says) == NULL || journal != NULL) {
        fprintf(stderr, "%d: %s\n", error, why);
        return 0;
    }
    return error;
}

static void a_journal_that_cannot_be_opened_says_why(void **state)
{
    struct lab *lab = *state;
    char path[200];
    assert_int_equal(open_error(lab, true, "no journal files"), -ENOENT);

    snprintf(path, sizeof(path), "%s/nowhere", lab->directory);
    lab->config.directory = path;
    assert_int_equal(open_error(lab, false, "nowhere does not exist: create"), -ENOENT);

    snprintf(path, sizeof(path), "%s/x.journal", lab->directory);
    write_file(path, "this is no journal");
    assert_int_not_equal(open_error(lab, true, "x.journal cannot be read as a journal file"), 0);

    lab->config.directory = lab->directory;
    char *matches[] = {(char[]){"haproxy"}, NULL};
    lab->config.matches = matches;
    assert_int_equal(open_error(lab, false, "\"haproxy\" is no match"), -EINVAL);

    lab->config.matches = NULL;
    lab->config.format = SS_FORMAT_REGEX;
    lab->config.regex = (char[]){"("};
    assert_int_equal(open_error(lab, false, "does not compile"), -EINVAL);
}

/* As user nobody, if we are root. */
static int open_error_as_nobody(const struct lab *lab, const char *says)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(1);
        _exit(-open_error(lab, false, says));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

static void a_journal_that_may_not_be_read_is_never_an_empty_one(void **state)
{
    struct lab *lab = *state;
    char path[200];
    feed_lines(lab, "remote-a", "a", 101, 1, 1);
    assert_int_equal(chmod(lab->directory, 0), 0);
    assert_int_equal(open_error_as_nobody(lab, "systemd-journal"), -EACCES);

    assert_int_equal(chmod(lab->directory, 0755), 0);
    snprintf(path, sizeof(path), "%s/remote-a.journal", lab->directory);
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(open_error_as_nobody(lab, "1 of 1 files that may not be read, remote-a.journal first"),
                     -EACCES);

    snprintf(path, sizeof(path), "%s/0123456789abcdef0123456789abcdef", lab->directory);
    assert_int_equal(mkdir(path, 0), 0);
    assert_int_equal(open_error_as_nobody(lab, "2 of 1 files"), -EACCES);
}

#define lab_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(every_entry_there_is_can_be_read_from_the_start),
        lab_test(following_starts_behind_the_last_entry),
        lab_test(following_an_empty_directory_gives_all_that_comes),
        lab_test(the_first_entry_that_matches_is_given),
        lab_test(entries_that_arrive_late_are_given),
        lab_test(several_hosts_may_share_a_file),
        lab_test(a_host_that_appears_while_following_is_read_from_its_beginning),
        lab_test(a_new_hosts_old_past_is_left_out),
        lab_test(a_restart_goes_on_where_it_was_saved),
        lab_test(what_was_given_after_the_mark_comes_again),
        lab_test(positions_that_were_given_stay_what_they_were),
        lab_test(a_first_start_has_a_position_too),
        lab_test(nothing_is_written_when_nothing_moved),
        lab_test(a_cursor_whose_entry_vanished_goes_on_with_what_is_left),
        lab_test(a_damaged_cursor_is_counted_and_nothing_is_left_out),
        lab_test(a_cursor_file_that_is_none_is_counted_and_replaced),
        lab_test(a_cursor_file_that_cannot_be_written_is_an_error_until_it_can),
        lab_test(matches_on_different_fields_must_all_hold),
        lab_test(what_journald_dropped_is_counted),
        lab_test(the_time_the_kernel_received_a_line_is_preferred),
        lab_test(one_file_can_be_read_even_without_host_names),
        lab_test(files_may_be_rotated_away),
        lab_test(a_directory_that_vanishes_is_counted_and_read_again_when_it_is_back),
        lab_test(files_may_be_deleted_while_they_are_read),
        lab_test(more_hosts_than_there_is_room_for_are_counted),
        lab_test(a_host_that_went_gives_its_place_to_one_that_came),
        lab_test(the_work_of_a_call_is_bounded),
        lab_test(no_host_is_kept_waiting_by_another),
        lab_test(a_journal_that_cannot_be_opened_says_why),
        lab_test(a_journal_that_may_not_be_read_is_never_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
