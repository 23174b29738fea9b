// SPDX-License-Identifier: BSD-3-Clause
#include "clock/clock.h"

#include <time.h>

#define SHIFT        40 /* one unit of mult is 1e-12 ns a tick */
#define SECOND_NS    1e9
#define WIDE_NS      50000        /* a wider pair was interrupted; */
#define WIDE_MAX     10           /* but a machine that gives no better is believed */
#define LEAST_NS     10000000LL   /* shortest stretch that gives a rate */
#define ENOUGH_NS    5000000000LL /* a stretch that gives a good one */
#define DISTURBED_NS 500000LL     /* off by this much more than last time: the time was set a little */

static void publish(struct ss_clock *clock)
{
    uint32_t next = atomic_load_explicit(&clock->published, memory_order_relaxed) + 1;
    struct ss_clock_shared *to = &clock->lines[next & 1];
    /* Release: a reader that sees one of these words also sees the count that the last publication left, and
     * so knows that this place is no longer its own. */
    atomic_store_explicit(&to->base_tsc, clock->line.base_tsc, memory_order_release);
    atomic_store_explicit(&to->base_ns, clock->line.base_ns, memory_order_release);
    atomic_store_explicit(&to->mult, clock->line.mult, memory_order_release);
    atomic_store_explicit(&to->error_ns, clock->line.error_ns, memory_order_release);
    atomic_store_explicit(&clock->published, next, memory_order_release);
}

struct ss_clock_line ss_clock_read(const struct ss_clock *clock)
{
    for (;;) {
        /* Acquire: pairs with the releases in publish(). */
        uint32_t published = atomic_load_explicit(&clock->published, memory_order_acquire);
        const struct ss_clock_shared *from = &clock->lines[published & 1];
        struct ss_clock_line line = {
            .base_tsc = atomic_load_explicit(&from->base_tsc, memory_order_acquire),
            .base_ns = atomic_load_explicit(&from->base_ns, memory_order_acquire),
            .mult = atomic_load_explicit(&from->mult, memory_order_acquire),
            .shift = SHIFT,
            .error_ns = atomic_load_explicit(&from->error_ns, memory_order_acquire),
        };
        if (atomic_load_explicit(&clock->published, memory_order_relaxed) == published)
            return line;
    }
}

static uint64_t mult_of(double ns_per_tick)
{
    return (uint64_t)(ns_per_tick * (double)(1ULL << SHIFT) + 0.5);
}

static uint32_t error_of(int64_t off_ns, uint32_t width_ns)
{
    int64_t error = (off_ns < 0 ? -off_ns : off_ns) + width_ns;
    return error < UINT32_MAX ? (uint32_t)error : UINT32_MAX;
}

/* The rate is measured anew from this pair on. */
static void restart(struct ss_clock *clock, uint64_t tsc, int64_t utc_ns)
{
    clock->first_tsc = clock->middle_tsc = tsc;
    clock->first_ns = clock->middle_ns = utc_ns;
    clock->last_off_ns = 0;
}

void ss_clock_init(struct ss_clock *clock, uint64_t hz_hint, uint64_t tsc, int64_t utc_ns)
{
    clock->ns_per_tick = SECOND_NS / (double)(hz_hint ? hz_hint : 1000000000);
    clock->steps = 0;
    clock->wide = 0;
    clock->stretch_ns = 0;
    restart(clock, tsc, utc_ns);
    clock->line = (struct ss_clock_line){
        .base_tsc = tsc,
        .base_ns = utc_ns,
        .mult = mult_of(clock->ns_per_tick),
        .shift = SHIFT,
        .error_ns = SS_CLOCK_UNKNOWN_NS,
    };
    atomic_init(&clock->published, 0);
    publish(clock);
}

/* CLOCK_REALTIME was set: follow, at the rate known so far. */
static void step(struct ss_clock *clock, uint64_t tsc, int64_t utc_ns, uint32_t width_ns)
{
    clock->steps++;
    clock->line.base_tsc = tsc;
    clock->line.base_ns = utc_ns;
    clock->line.mult = mult_of(clock->ns_per_tick);
    clock->line.error_ns = width_ns;
    restart(clock, tsc, utc_ns);
    publish(clock);
}

/* The rate from the oldest pair in the window to this one, unless the one we have is better founded. Where
 * the window has become too long, its later half goes on. */
static void measure(struct ss_clock *clock, uint64_t tsc, int64_t utc_ns)
{
    int64_t stretch_ns = utc_ns - clock->first_ns;
    if (stretch_ns >= ENOUGH_NS || (stretch_ns >= LEAST_NS && stretch_ns > clock->stretch_ns)) {
        clock->ns_per_tick = (double)stretch_ns / (double)(tsc - clock->first_tsc);
        clock->stretch_ns = stretch_ns;
    }
    if (utc_ns - clock->middle_ns < SS_CLOCK_WINDOW_NS / 2)
        return;
    clock->first_tsc = clock->middle_tsc;
    clock->first_ns = clock->middle_ns;
    clock->middle_tsc = tsc;
    clock->middle_ns = utc_ns;
}

/* A line at that rate that is nowhere behind the present one within SS_CLOCK_HOLD_NS of tsc. */
static void turn(struct ss_clock *clock, uint64_t tsc, double ns_per_tick)
{
    uint64_t mult = mult_of(ns_per_tick);
    /* In ticks; a hundredth more, as the rate is only about right in the beginning. */
    uint64_t hold = (uint64_t)((double)SS_CLOCK_HOLD_NS * 1.01 / ns_per_tick);
    uint64_t cross = mult > clock->line.mult ? tsc - hold : tsc + hold;
    /* One more, as ss_clock_ns rounds down by up to one on either line. */
    clock->line.base_ns = ss_clock_ns(&clock->line, cross) + 1;
    clock->line.base_tsc = cross;
    clock->line.mult = mult;
}

/* The pair tells how far off the line is and nothing happened that it must not be believed for. */
static void steer(struct ss_clock *clock, uint64_t tsc, int64_t utc_ns, int64_t off_ns)
{
    int64_t change_ns = off_ns - clock->last_off_ns;
    if (clock->stretch_ns > 0 && (change_ns > DISTURBED_NS || change_ns < -DISTURBED_NS))
        restart(clock, tsc, utc_ns);
    else
        measure(clock, tsc, utc_ns);
    clock->last_off_ns = off_ns;

    double slew = (double)off_ns / SECOND_NS, most = SS_CLOCK_SLEW_PPM * 1e-6;
    slew = slew > most ? most : slew < -most ? -most : slew;
    turn(clock, tsc, clock->ns_per_tick * (1 + slew));
}

void ss_clock_calibrate(struct ss_clock *clock, uint64_t tsc, int64_t utc_ns, uint32_t width_ns)
{
    int64_t off_ns = utc_ns - ss_clock_ns(&clock->line, tsc);
    if (off_ns > SS_CLOCK_STEP_NS + width_ns || off_ns < -SS_CLOCK_STEP_NS - width_ns) {
        step(clock, tsc, utc_ns, width_ns);
        return;
    }
    if ((int64_t)(tsc - clock->first_tsc) <= 0)
        return;
    if (width_ns > WIDE_NS && clock->wide++ < WIDE_MAX)
        return;
    if (width_ns <= WIDE_NS)
        clock->wide = 0;
    steer(clock, tsc, utc_ns, off_ns);
    uint32_t before = error_of(off_ns, width_ns);
    uint32_t after = error_of(utc_ns - ss_clock_ns(&clock->line, tsc), width_ns);
    clock->line.error_ns = before > after ? before : after;
    publish(clock);
}

uint64_t ss_clock_ticks(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
#endif
}

static int64_t utc_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void ss_clock_sample(uint64_t *ret_tsc, int64_t *ret_utc_ns, uint32_t *ret_width_ns)
{
    int64_t best_ns = INT64_MAX;
    for (int i = 0; i < 8 || best_ns == INT64_MAX; i++) {
        int64_t before_ns = utc_now();
        uint64_t tsc = ss_clock_ticks();
        int64_t width_ns = utc_now() - before_ns;
        if (width_ns < 0 || width_ns >= best_ns) /* below 0: the time was set in between */
            continue;
        best_ns = width_ns;
        *ret_tsc = tsc;
        *ret_utc_ns = before_ns + width_ns / 2;
    }
    /* The counter may be read out of order with the calls around it, but not by more than a call takes. */
    *ret_width_ns = best_ns < UINT32_MAX ? (uint32_t)best_ns + 1 : UINT32_MAX;
}
