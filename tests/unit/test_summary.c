// SPDX-License-Identifier: BSD-3-Clause

/* lib/journal/summary: entries as journald receives them. */

#include "journal/summary.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct journald {
    char directory[32];
    char path[64];
    int fd; /* -1: not listening */
    int sender;
};

static int listen_at(void **state)
{
    struct journald *journald = calloc(1, sizeof(*journald));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(journald->directory, "/tmp/ss-summary-XXXXXX");
    assert_non_null(mkdtemp(journald->directory));
    snprintf(journald->path, sizeof(journald->path), "%s/socket", journald->directory);
    strcpy(address.sun_path, journald->path);
    journald->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(journald->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    journald->sender = ss_summary_open();
    assert_true(journald->sender >= 0);
    *state = journald;
    return 0;
}

static int listen_no_more(void **state)
{
    struct journald *journald = *state;

    close(journald->fd);
    close(journald->sender);
    unlink(journald->path);
    rmdir(journald->directory);
    free(journald);
    return 0;
}

static void an_entry_arrives_as_name_length_and_value_of_each_field(void **state)
{
    const struct journald *journald = *state;
    const struct ss_summary_field fields[] = {{"MESSAGE", "two\nlines"}, {"SLOWSHAKE_ID", "1"}};
    static const char expected[] = "MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\n"
                                   "SLOWSHAKE_ID\n\x01\0\0\0\0\0\0\0"
                                   "1\n";
    char entry[256];

    assert_int_equal(ss_summary_send(journald->sender, journald->path, fields, 2), 0);
    ssize_t length = recv(journald->fd, entry, sizeof(entry), 0);
    assert_int_equal(length, sizeof(expected) - 1);
    assert_memory_equal(entry, expected, sizeof(expected) - 1);
}

static void a_field_without_a_value_is_left_out(void **state)
{
    const struct journald *journald = *state;
    const struct ss_summary_field fields[] = {{"A", NULL}, {"B", "x"}, {"C", NULL}};
    char entry[256];

    assert_int_equal(ss_summary_send(journald->sender, journald->path, fields, 3), 0);
    assert_int_equal(recv(journald->fd, entry, sizeof(entry), 0), 12);
    assert_memory_equal(entry, "B\n\x01\0\0\0\0\0\0\0x\n", 12);
}

static void a_journald_that_does_not_read_is_never_waited_for(void **state)
{
    const struct journald *journald = *state;
    const struct ss_summary_field field = {"MESSAGE", "again"};
    int error = 0;

    for (int i = 0; i < 100000 && error == 0; i++)
        error = ss_summary_send(journald->sender, journald->path, &field, 1);
    assert_int_equal(error, -EAGAIN);
}

static void without_a_journald_it_says_so(void **state)
{
    const struct journald *journald = *state;
    const struct ss_summary_field field = {"MESSAGE", "nobody"};

    assert_int_equal(unlink(journald->path), 0);
    assert_int_equal(ss_summary_send(journald->sender, journald->path, &field, 1), -ENOENT);
}

static void what_cannot_be_sent_is_refused(void **state)
{
    const struct journald *journald = *state;
    struct ss_summary_field fields[SS_SUMMARY_FIELDS_MAX + 1] = {{"A", "a"}};
    char path[200];

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(ss_summary_send(journald->sender, path, fields, 1), -ENAMETOOLONG);
    assert_int_equal(ss_summary_send(journald->sender, journald->path, fields, SS_SUMMARY_FIELDS_MAX + 1),
                     -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, listen_at, listen_no_more)
        TEST(an_entry_arrives_as_name_length_and_value_of_each_field),
        TEST(a_field_without_a_value_is_left_out),
        TEST(a_journald_that_does_not_read_is_never_waited_for),
        TEST(without_a_journald_it_says_so),
        TEST(what_cannot_be_sent_is_refused),
#undef TEST
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
