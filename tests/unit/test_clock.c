// SPDX-License-Identifier: BSD-3-Clause
#include "clock/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define MS_NS 1000000LL
#define S_NS  1000000000LL
#define START 1795390095000000000LL /* a UTC time of day */

/* A machine: a counter of its own rate, and a CLOCK_REALTIME that runs slew_ppm fast for some time and is set
 * once. */
struct machine {
    double hz;
    uint64_t hint_hz;
    uint32_t width_ns;                           /* pairs are off by up to half of it either way */
    int64_t slew_from_ns, slew_to_ns, set_at_ns; /* since the start */
    double slew_ppm;
    int64_t set_by_ns;
    int64_t every_ns; /* between pairs */
    int64_t run_ns;
};

static uint64_t tsc_at(const struct machine *machine, int64_t at_ns)
{
    return 777777777777ULL + (uint64_t)(int64_t)((long double)at_ns * machine->hz / 1e9L);
}

static int64_t utc_at(const struct machine *machine, int64_t at_ns)
{
    int64_t slewed_ns = at_ns < machine->slew_from_ns ? 0 : at_ns - machine->slew_from_ns;
    if (at_ns > machine->slew_to_ns)
        slewed_ns = machine->slew_to_ns - machine->slew_from_ns;
    int64_t utc_ns = START + at_ns + (int64_t)((double)slewed_ns * machine->slew_ppm * 1e-6);
    return machine->set_by_ns && at_ns >= machine->set_at_ns ? utc_ns + machine->set_by_ns : utc_ns;
}

static int64_t apart(int64_t a, int64_t b)
{
    return a < b ? b - a : a - b;
}

/* What a run showed. */
struct seen {
    int64_t worst_ns;   /* farthest from UTC after settle_ns */
    int64_t last_ns;    /* at the end */
    uint64_t backward;  /* times that went back */
    uint64_t dishonest; /* pairs where the line had been farther off than it then said */
    uint64_t steps;
    uint32_t error_ns; /* told at the end */
};

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return *random;
}

/* A pair, wrong by up to half its width. */
static void feed(struct ss_clock *clock, const struct machine *machine, int64_t at_ns, uint64_t *random)
{
    int64_t jitter_ns =
        machine->width_ns ? (int64_t)(next_random(random) % machine->width_ns) - machine->width_ns / 2 : 0;
    ss_clock_calibrate(clock, tsc_at(machine, at_ns), utc_at(machine, at_ns) + jitter_ns, machine->width_ns);
}

/* Readers around the publication: with the old line, held for as long as is allowed, and then the new one for
 * stamps taken up to as long before. */
static uint64_t count_backward(const struct machine *machine, const struct ss_clock_line *before,
                               const struct ss_clock_line *after, int64_t at_ns)
{
    uint64_t backward = 0;
    int64_t latest = INT64_MIN;
    for (int64_t from_ns = -SS_CLOCK_HOLD_NS; from_ns <= SS_CLOCK_HOLD_NS; from_ns += MS_NS / 3) {
        uint64_t tsc = tsc_at(machine, at_ns + from_ns);
        backward += ss_clock_ns(after, tsc) < ss_clock_ns(before, tsc);
        backward += ss_clock_ns(after, tsc + 1) < ss_clock_ns(before, tsc);
        backward += ss_clock_ns(after, tsc) < latest;
        latest = ss_clock_ns(after, tsc);
    }
    return backward;
}

static struct seen run(const struct machine *machine, int64_t settle_ns)
{
    struct ss_clock clock;
    struct seen seen = {0};
    uint64_t random = 88172645463325252ULL;
    ss_clock_init(&clock, machine->hint_hz, tsc_at(machine, 0), utc_at(machine, 0));
    for (int64_t at_ns = machine->every_ns; at_ns < machine->run_ns; at_ns += machine->every_ns) {
        struct ss_clock_line before = ss_clock_read(&clock);
        int64_t was_off_ns = apart(ss_clock_ns(&before, tsc_at(machine, at_ns)), utc_at(machine, at_ns));
        uint64_t steps = clock.steps;
        feed(&clock, machine, at_ns, &random);
        struct ss_clock_line after = ss_clock_read(&clock);
        if (clock.steps == steps)
            seen.backward += count_backward(machine, &before, &after, at_ns);
        seen.dishonest += clock.steps == steps && was_off_ns > after.error_ns;
        seen.last_ns = apart(ss_clock_ns(&after, tsc_at(machine, at_ns)), utc_at(machine, at_ns));
        seen.dishonest += seen.last_ns > after.error_ns;
        if (at_ns >= settle_ns && seen.last_ns > seen.worst_ns)
            seen.worst_ns = seen.last_ns;
        if (at_ns >= settle_ns && was_off_ns > seen.worst_ns && clock.steps == steps)
            seen.worst_ns = was_off_ns;
        seen.error_ns = after.error_ns;
    }
    seen.steps = clock.steps;
    return seen;
}

struct row {
    struct machine machine;
    int64_t settle_ns;
    int64_t worst_ns; /* allowed after that */
    int64_t last_ns;  /* allowed at the end */
    uint64_t steps;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct seen seen = run(&rows[i].machine, rows[i].settle_ns);
        if (seen.worst_ns > rows[i].worst_ns || seen.last_ns > rows[i].last_ns || seen.backward ||
            seen.dishonest || seen.steps != rows[i].steps)
            fail_msg("row %zu: worst %lld last %lld backward %llu dishonest %llu steps %llu", i,
                     (long long)seen.worst_ns, (long long)seen.last_ns, (unsigned long long)seen.backward,
                     (unsigned long long)seen.dishonest, (unsigned long long)seen.steps);
        assert_true(seen.error_ns <= rows[i].last_ns + rows[i].machine.width_ns * 2);
    }
}

static void a_wrong_hint_and_jitter_leave_a_bounded_error(void **state)
{
    (void)state;
    const struct row rows[] = {
        /* hz, hint, width, no slew, no set, every, run; settled after, worst, last */
        {{2596098000.0, 2596098000, 0, .every_ns = 100 * MS_NS, .run_ns = 100 * S_NS}, 0, 100, 100, 0},
        {{2596098000.0, 2600000000, 40, .every_ns = 100 * MS_NS, .run_ns = 100 * S_NS},
         5 * S_NS,
         1000,
         200,
         0},
        {{2596098000.0, 2599000000, 1000, .every_ns = 100 * MS_NS, .run_ns = 100 * S_NS},
         10 * S_NS,
         3000,
         2000,
         0},
        {{999500000.0, 1000000000, 20000, .every_ns = 100 * MS_NS, .run_ns = 100 * S_NS},
         10 * S_NS,
         40000,
         30000,
         0},
        {{2596098000.0, 2598000000, 200, .every_ns = 7 * MS_NS, .run_ns = 60 * S_NS}, 5 * S_NS, 1500, 500, 0},
        {{2596098000.0, 2598000000, 200, .every_ns = 1000 * MS_NS, .run_ns = 200 * S_NS},
         10 * S_NS,
         1500,
         500,
         0},
        {{25000000.0, 25000000, 100, .every_ns = 100 * MS_NS, .run_ns = 60 * S_NS}, 5 * S_NS, 1000, 500, 0},
        {{1e9, 0, 100, .every_ns = 100 * MS_NS, .run_ns = 60 * S_NS}, 5 * S_NS, 1000, 500, 0},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void the_first_two_pairs_make_the_rate_good(void **state)
{
    (void)state;
    /* The hint is 0.15 % off: 150 us at the first pair, then microseconds a second later. */
    const struct machine machine = {.hz = 2596098000.0,
                                    .hint_hz = 2600000000,
                                    .width_ns = 40,
                                    .every_ns = 100 * MS_NS,
                                    .run_ns = 2 * S_NS};
    struct ss_clock clock;
    uint64_t random = 42;
    ss_clock_init(&clock, machine.hint_hz, tsc_at(&machine, 0), utc_at(&machine, 0));
    assert_int_equal(ss_clock_read(&clock).error_ns, SS_CLOCK_UNKNOWN_NS);
    feed(&clock, &machine, 100 * MS_NS, &random);
    assert_true(clock.ns_per_tick * machine.hz / 1e9 > 1 - 2e-6);
    assert_true(clock.ns_per_tick * machine.hz / 1e9 < 1 + 2e-6);
    struct ss_clock_line line = ss_clock_read(&clock);
    assert_true(line.error_ns >= 145000 && line.error_ns < 200000);
    int64_t off_ns =
        apart(ss_clock_ns(&line, tsc_at(&machine, 1100 * MS_NS)), utc_at(&machine, 1100 * MS_NS));
    assert_true(off_ns < 20000);
}

static void a_slewed_realtime_is_followed_and_never_goes_back(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{2596098000.0, 2596000000, 100, 20 * S_NS, 90 * S_NS, 0, 50, 0, 100 * MS_NS, 150 * S_NS},
         10 * S_NS,
         60000,
         1000,
         0},
        {{2596098000.0, 2596000000, 100, 20 * S_NS, 90 * S_NS, 0, -50, 0, 100 * MS_NS, 150 * S_NS},
         10 * S_NS,
         60000,
         1000,
         0},
        /* The kernel's fastest slew is 500 ppm: one second's worth behind until the window has it. */
        {{2596098000.0, 2596000000, 100, 20 * S_NS, 90 * S_NS, 0, 500, 0, 100 * MS_NS, 200 * S_NS},
         10 * S_NS,
         560000,
         1000,
         0},
        {{2596098000.0, 2596000000, 100, 20 * S_NS, 90 * S_NS, 0, -500, 0, 100 * MS_NS, 200 * S_NS},
         10 * S_NS,
         560000,
         1000,
         0},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_realtime_that_was_set_is_followed_at_once(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{2596098000.0, 2596000000, 100, 0, 0, 30 * S_NS, 0, 3600 * S_NS, 100 * MS_NS, 60 * S_NS},
         10 * S_NS,
         1500,
         500,
         1},
        {{2596098000.0, 2596000000, 100, 0, 0, 30 * S_NS, 0, -3600 * S_NS, 100 * MS_NS, 60 * S_NS},
         10 * S_NS,
         1500,
         500,
         1},
        {{2596098000.0, 2596000000, 100, 0, 0, 30 * S_NS, 0, 51 * MS_NS, 100 * MS_NS, 60 * S_NS},
         10 * S_NS,
         1500,
         500,
         1},
        {{2596098000.0, 2596000000, 100, 0, 0, 1 * S_NS, 0, -51 * MS_NS, 100 * MS_NS, 60 * S_NS},
         10 * S_NS,
         1500,
         500,
         1},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_small_set_is_made_up_for_slowly(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{2596098000.0, 2596000000, 100, 0, 0, 30 * S_NS, 0, 20 * MS_NS, 100 * MS_NS, 120 * S_NS},
         10 * S_NS,
         20100000,
         1000,
         0},
        {{2596098000.0, 2596000000, 100, 0, 0, 30 * S_NS, 0, -20 * MS_NS, 100 * MS_NS, 120 * S_NS},
         10 * S_NS,
         20100000,
         1000,
         0},
        {{2596098000.0, 2596000000, 100, 0, 0, 1 * S_NS, 0, -20 * MS_NS, 100 * MS_NS, 120 * S_NS},
         2 * S_NS,
         20100000,
         1000,
         0},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_wide_pair_is_not_believed_unless_there_are_no_better(void **state)
{
    (void)state;
    const struct machine machine = {.hz = 1e9, .hint_hz = 1000000000, .every_ns = 100 * MS_NS};
    struct ss_clock clock;
    uint64_t random = 42;
    ss_clock_init(&clock, machine.hint_hz, tsc_at(&machine, 0), utc_at(&machine, 0));
    int64_t at_ns = 0;
    for (unsigned i = 0; i < 100; i++)
        feed(&clock, &machine, at_ns += machine.every_ns, &random);
    struct ss_clock_line before = ss_clock_read(&clock);
    for (unsigned i = 0; i < 10; i++) {
        at_ns += machine.every_ns;
        ss_clock_calibrate(&clock, tsc_at(&machine, at_ns), utc_at(&machine, at_ns) + 3 * MS_NS, 6 * MS_NS);
        struct ss_clock_line after = ss_clock_read(&clock);
        assert_memory_equal(&before, &after, sizeof(before));
    }
    at_ns += machine.every_ns;
    ss_clock_calibrate(&clock, tsc_at(&machine, at_ns), utc_at(&machine, at_ns) + 3 * MS_NS, 6 * MS_NS);
    assert_true(ss_clock_read(&clock).error_ns >= 9 * MS_NS);
    assert_int_equal(clock.steps, 0);
}

static void a_counter_that_stands_still_changes_nothing(void **state)
{
    (void)state;
    struct ss_clock clock;
    ss_clock_init(&clock, 1000000000, 5000, START);
    struct ss_clock_line before = ss_clock_read(&clock);
    ss_clock_calibrate(&clock, 5000, START + 10, 1);
    ss_clock_calibrate(&clock, 4000, START + 20, 1);
    struct ss_clock_line after = ss_clock_read(&clock);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(clock.steps, 0);
}

static void stamps_before_the_lines_base_are_converted_too(void **state)
{
    (void)state;
    struct ss_clock clock;
    ss_clock_init(&clock, 1000000000, 5000, START);
    struct ss_clock_line line = ss_clock_read(&clock);
    assert_int_equal(ss_clock_ns(&line, 5000), START);
    assert_int_equal(ss_clock_ns(&line, 4000), START - 1000);
    assert_int_equal(ss_clock_ns(&line, 5000 + 86400 * 1000000000ULL), START + 86400 * S_NS);
}

static void this_machines_counter_is_followed(void **state)
{
    (void)state;
    struct ss_clock clock;
    uint64_t tsc;
    int64_t utc_ns, latest_ns = 0;
    uint32_t width_ns;
    ss_clock_sample(&tsc, &utc_ns, &width_ns);
    assert_true(utc_ns > S_NS);
    assert_true(width_ns > 0);
    ss_clock_init(&clock, 1000000000, tsc, utc_ns); /* a hint that may be wrong by any factor */
    for (unsigned i = 0; i < 20; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 15 * MS_NS}, NULL);
        ss_clock_sample(&tsc, &utc_ns, &width_ns);
        ss_clock_calibrate(&clock, tsc, utc_ns, width_ns);
        struct ss_clock_line line = ss_clock_read(&clock);
        if (i > 2)
            assert_true(apart(ss_clock_ns(&line, tsc), utc_ns) <= line.error_ns);
        if (i > 2 && clock.steps == 0) {
            assert_true(ss_clock_ns(&line, tsc) >= latest_ns);
            latest_ns = ss_clock_ns(&line, tsc);
        }
    }
}

static void a_span_is_as_long_as_its_end_is_later(void **state)
{
    struct ss_clock clock;
    uint64_t hour_ticks = UINT64_C(3600) * 2700000001;

    (void)state;
    ss_clock_init(&clock, 2700000001, 1000, START);
    struct ss_clock_line line = ss_clock_read(&clock);
    assert_int_equal(ss_clock_span_ns(&line, 0), 0);
    assert_int_equal(ss_clock_span_ns(&line, hour_ticks), ss_clock_ns(&line, 1000 + hour_ticks) - START);
    assert_true(apart((int64_t)ss_clock_span_ns(&line, hour_ticks), 3600 * S_NS) < MS_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_hint_and_jitter_leave_a_bounded_error),
        cmocka_unit_test(the_first_two_pairs_make_the_rate_good),
        cmocka_unit_test(a_slewed_realtime_is_followed_and_never_goes_back),
        cmocka_unit_test(a_realtime_that_was_set_is_followed_at_once),
        cmocka_unit_test(a_small_set_is_made_up_for_slowly),
        cmocka_unit_test(a_wide_pair_is_not_believed_unless_there_are_no_better),
        cmocka_unit_test(a_counter_that_stands_still_changes_nothing),
        cmocka_unit_test(stamps_before_the_lines_base_are_converted_too),
        cmocka_unit_test(this_machines_counter_is_followed),
        cmocka_unit_test(a_span_is_as_long_as_its_end_is_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
