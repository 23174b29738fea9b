// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The CPU's time stamp counter to UTC nanoseconds.
 *
 * The TSC rate that DPDK reports can be off by tens of parts per million (milliseconds a second on some
 * versions), so the rate is measured: the control lcore takes pairs (counter, CLOCK_REALTIME) all the time
 * and publishes a line through them. Readers convert with a multiplication and a shift.
 *
 * Promise: times read through one published line, and from one line to the next, never go back, except where
 * CLOCK_REALTIME itself was set (a step beyond SS_CLOCK_STEP_NS): then the clock follows at once and counts
 * the step. It holds for readers that convert a stamp within SS_CLOCK_HOLD_NS of taking it, with a line that
 * they read then.
 *
 * How: a new line crosses the old one SS_CLOCK_HOLD_NS ago where it is faster, and SS_CLOCK_HOLD_NS ahead
 * where it is slower, so around its publication it is nowhere behind. Its rate is the measured one (over up
 * to SS_CLOCK_WINDOW_NS), corrected by at most SS_CLOCK_SLEW_PPM to meet CLOCK_REALTIME about a second later.
 *
 * Threads: one writer (init, calibrate), any number of readers (ss_clock_read). Readers never wait for the
 * writer: it fills the one of two lines that is not published.
 */

#include <stdatomic.h>
#include <stdint.h>

#define SS_CLOCK_STEP_NS    50000000LL    /* CLOCK_REALTIME moved by more than this: it was set */
#define SS_CLOCK_HOLD_NS    10000000LL    /* how long a reader may hold a line */
#define SS_CLOCK_WINDOW_NS  32000000000LL /* longest stretch that the rate is measured over */
#define SS_CLOCK_SLEW_PPM   500
#define SS_CLOCK_UNKNOWN_NS 1000000U /* error_ns before the first pair: a second at a rate 0.1 % off */

/* A line: ns = base_ns + (tsc - base_tsc) * mult >> shift. */
struct ss_clock_line {
    uint64_t base_tsc;
    int64_t base_ns;
    uint64_t mult;
    uint32_t shift;
    uint32_t error_ns; /* bound of how far the line was from CLOCK_REALTIME when last checked */
};

/* A line in words that can be read while they are written. */
struct ss_clock_shared {
    _Atomic uint64_t base_tsc;
    _Atomic int64_t base_ns;
    _Atomic uint64_t mult;
    _Atomic uint32_t error_ns;
};

struct ss_clock {
    _Atomic uint32_t published; /* lines published so far; its lowest bit is the place of the newest; pairs
                                   with ss_clock_read */
    struct ss_clock_shared lines[2];

    /* The writer's own. */
    struct ss_clock_line line; /* the newest */
    uint64_t first_tsc;        /* the rate is measured from here */
    int64_t first_ns;
    uint64_t middle_tsc; /* and from here on when first is too long ago */
    int64_t middle_ns;
    int64_t last_off_ns; /* how far behind the line was at the last pair */
    double ns_per_tick;  /* measured rate, at first the hint's */
    int64_t stretch_ns;  /* that it was measured over; 0: not yet */
    uint64_t steps;      /* how often CLOCK_REALTIME was set */
    unsigned wide;       /* pairs in a row that were too wide to be used */
};

/* hz_hint: about how many ticks a second, until it has been measured. tsc and utc_ns were read at the same
 * moment. */
void ss_clock_init(struct ss_clock *clock, uint64_t hz_hint, uint64_t tsc, int64_t utc_ns);

/* Feed a new pair, ten times a second or so; tsc and utc_ns were read at the same moment, give or take
 * width_ns. */
void ss_clock_calibrate(struct ss_clock *clock, uint64_t tsc, int64_t utc_ns, uint32_t width_ns);

/* A consistent copy of the line, for a burst. */
struct ss_clock_line ss_clock_read(const struct ss_clock *clock);

static inline int64_t ss_clock_ns(const struct ss_clock_line *line, uint64_t tsc)
{
    return line->base_ns +
           (int64_t)((__int128)(int64_t)(tsc - line->base_tsc) * (int64_t)line->mult >> line->shift);
}

/* How long so many ticks are. */
static inline uint64_t ss_clock_span_ns(const struct ss_clock_line *line, uint64_t ticks)
{
    return (uint64_t)((unsigned __int128)ticks * line->mult >> line->shift);
}

/* The counter that ss_clock_sample pairs with the time; on x86 and arm64 the same that DPDK reads. */
uint64_t ss_clock_ticks(void);

/* Reads counter and CLOCK_REALTIME together: the tightest of a few tries. width_ns bounds how far apart they
 * were. */
void ss_clock_sample(uint64_t *ret_tsc, int64_t *ret_utc_ns, uint32_t *ret_width_ns);
