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

#define DAY_NS (24 * 3600 * SS_NS_PER_S)

/* A directory of its own for each test. */
struct fixture {
    char directory[64];
    struct ss_store_config config;
    struct ss_store *store;
    int64_t now_ns;
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
        TEST(many_days_are_listed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
