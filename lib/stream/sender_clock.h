// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The sender's own clock, as its TCP timestamps tell it (RFC 7323 section 5.4).
 *
 * Each segment carries the time at which it was sent, in ticks of a length that nobody announces. Two
 * segments that arrive G apart and were sent S apart leave G - S to the path and S to the sender. And the
 * segment for which arrival less sending time is least had the quickest way: what came later than that,
 * compared with its sender's clock, was so much longer under way.
 *
 * A few samples a direction are kept, the first and the latest, more where the caller lends room for them;
 * in microseconds, which is finer than any tick that is told from another by them. The tick is what they
 * show: 1 ms, as with today's systems, 4 ms, 10 ms, or 1 us. Where two samples show none of them, all
 * contradict them, or the clock was set back, nothing is said. The numbers wrap.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_SENDER_CLOCK_FEW     6
#define SS_SENDER_CLOCK_SAMPLES 12 /* with more room */
#define SS_SENDER_CLOCK_FIRST   4  /* of them are the first ones, and stay */

struct ss_sender_sample {
    int32_t time_us; /* of arrival, ascending */
    uint32_t value;  /* TSval */
};

struct ss_sender_clock {
    struct ss_sender_sample *more; /* instead of few, or NULL */
    struct ss_sender_sample few[SS_SENDER_CLOCK_FEW];
    uint8_t count;
} __attribute__((packed, aligned(4)));

/* One sample more makes it forget another. */
static inline bool ss_sender_clock_is_full(const struct ss_sender_clock *clock)
{
    return clock->more == NULL && clock->count == SS_SENDER_CLOCK_FEW;
}

/* From here on there is room for more, which is borrowed for as long as the clock is in use. */
void ss_sender_clock_extend(struct ss_sender_clock *clock,
                            struct ss_sender_sample more[SS_SENDER_CLOCK_SAMPLES]);

/* A segment arrived. Several of one burst are one sample; what is half an hour away from 0 is none. */
void ss_sender_clock_note(struct ss_sender_clock *clock, uint32_t value, int64_t time_ns);

/* The length of a tick in ns, or 0: nothing can be said. */
int64_t ss_sender_clock_tick(const struct ss_sender_clock *clock);

/* How far apart the segments that arrived at these times were sent; false: not known. Within a tick. */
bool ss_sender_clock_between(const struct ss_sender_clock *clock, int64_t tick_ns, int64_t from_ns,
                             int64_t to_ns, int64_t *ret_ns);

/* TSval of the latest sample by then; false: there is none. */
bool ss_sender_clock_value(const struct ss_sender_clock *clock, int64_t time_ns, uint32_t *ret_value);

/* How much longer any segment was under way than the quickest: what the next can say at most. */
int64_t ss_sender_clock_spread(const struct ss_sender_clock *clock, int64_t tick_ns);

/* How much longer the segment that arrived at at_ns was under way than the quickest; 0 also where that is not
 * known. At most since the sample before it. Within a tick. */
int64_t ss_sender_clock_late(const struct ss_sender_clock *clock, int64_t tick_ns, int64_t at_ns);
