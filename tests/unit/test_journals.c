// SPDX-License-Identifier: BSD-3-Clause

/* The control loop's journals, when a reload changes what is configured: the directory is taken away before,
 * so that a journal that is opened again says that it cannot be. */

#include "control/journals.h"
#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char *const MATCHES[] = {"A=1", NULL}, *const OTHER_MATCHES[] = {"A=2", NULL};

static struct ss_config_journal journal_in(char *directory)
{
    return (struct ss_config_journal){
        .directory = directory,
        .matches = (char **)(uintptr_t)MATCHES,
        .format = SS_FORMAT_JSON,
        .pointers = {[SS_KEY_CLIENT_IP] = "/client", [SS_KEY_DURATION_MS] = "/ms"},
        .slack_ns = 2 * SS_NS_PER_S,
        .hold_ns = 30 * SS_NS_PER_S};
}

/* From one configuration to another, the directory being gone meanwhile. */
static bool is_opened_again(const struct ss_config_journal *from, const struct ss_config_journal *to)
{
    static struct ss_config old_config, new_config;
    static struct ss_control_view view;
    struct ss_journals *journals;
    char why[256];
    old_config.journals[0] = *from;
    new_config.journals[0] = *to;
    old_config.journal_count = new_config.journal_count = 1;
    assert_int_equal(ss_journals_open(&old_config, &journals, why, sizeof(why)), 0);
    assert_int_equal(rmdir(from->directory), 0);
    ss_journals_change(journals, &new_config, 0);
    ss_journals_show(journals, &view);
    ss_journals_close(journals);
    return view.journal_errors[0][0] != '\0';
}

static bool is_opened_again_where(void (*change)(struct ss_config_journal *))
{
    char directory[] = "/tmp/slowshake-journals-XXXXXX";
    assert_non_null(mkdtemp(directory));
    struct ss_config_journal from = journal_in(directory), to = from;
    change(&to);
    return is_opened_again(&from, &to);
}

static void nothing(struct ss_config_journal *journal)
{
    (void)journal;
}

static void slack(struct ss_config_journal *journal)
{
    journal->slack_ns++;
}

static void hold(struct ss_config_journal *journal)
{
    journal->hold_ns++;
}

static void a_journal_goes_on_where_only_the_joins_part_changes(void **state)
{
    (void)state;
    assert_false(is_opened_again_where(nothing));
    assert_false(is_opened_again_where(slack));
    assert_false(is_opened_again_where(hold));
}

static void directory(struct ss_config_journal *journal)
{
    journal->directory = "/nowhere";
}

static void matches(struct ss_config_journal *journal)
{
    journal->matches = (char **)(uintptr_t)OTHER_MATCHES;
}

static void format(struct ss_config_journal *journal)
{
    journal->format = SS_FORMAT_FIELDS;
}

static void regex(struct ss_config_journal *journal)
{
    journal->regex = "(?<client_ip>.*)";
}

static void pointer(struct ss_config_journal *journal)
{
    journal->pointers[SS_KEY_CLIENT_IP] = "/other";
}

static void entry_time(struct ss_config_journal *journal)
{
    journal->entry_time = SS_ENTRY_TIME_ENDED;
}

static void min_duration(struct ss_config_journal *journal)
{
    journal->min_duration_ns++;
}

static void cursor_file(struct ss_config_journal *journal)
{
    journal->cursor_file = "/nowhere/cursor";
}

static void a_journal_is_opened_again_where_anything_else_changes(void **state)
{
    (void)state;
    static void (*const CHANGES[])(struct ss_config_journal *) = {
        directory, matches, format, regex, pointer, entry_time, min_duration, cursor_file};
    for (size_t i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++)
        if (!is_opened_again_where(CHANGES[i]))
            fail_msg("row %zu: it went on as it was", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_goes_on_where_only_the_joins_part_changes),
        cmocka_unit_test(a_journal_is_opened_again_where_anything_else_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
