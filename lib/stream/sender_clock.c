// SPDX-License-Identifier: BSD-3-Clause
#include "stream/sender_clock.h"

#include <string.h>

#define US          1000LL
#define MS          1000000LL
#define BURST_NS    MS          /* segments of one value this close are one sample */
#define SET_BACK_NS (2000 * MS) /* reordering does not go back as far as this */
#define TICKS_LEAST 3           /* that two samples must be apart to tell the length of a tick */

#define USUAL_NS MS
#define FINE_NS  US
static const int64_t COARSE_NS[] = {10 * MS, 4 * MS}; /* the longest first */

static const struct ss_sender_sample *samples_of(const struct ss_sender_clock *clock)
{
    return clock->more != NULL ? clock->more : clock->few;
}

static int32_t apart(const struct ss_sender_sample *from, const struct ss_sender_sample *to)
{
    return (int32_t)(to->value - from->value);
}

static int64_t gap_ns(const struct ss_sender_sample *from, const struct ss_sender_sample *to)
{
    return ((int64_t)to->time_us - from->time_us) * US;
}

static bool is_in_range(int64_t time_ns)
{
    return time_ns > INT32_MIN * US && time_ns < INT32_MAX * US;
}

void ss_sender_clock_extend(struct ss_sender_clock *clock,
                            struct ss_sender_sample more[SS_SENDER_CLOCK_SAMPLES])
{
    memcpy(more, clock->few, sizeof(clock->few));
    clock->more = more;
}

void ss_sender_clock_note(struct ss_sender_clock *clock, uint32_t value, int64_t time_ns)
{
    struct ss_sender_sample *samples = clock->more != NULL ? clock->more : clock->few;
    unsigned count = clock->count, room = clock->more != NULL ? SS_SENDER_CLOCK_SAMPLES : SS_SENDER_CLOCK_FEW;

    if (!is_in_range(time_ns))
        return;
    const struct ss_sender_sample sample = {.time_us = (int32_t)(time_ns / US), .value = value};
    if (count > 0) {
        int64_t since_us = (int64_t)sample.time_us - samples[count - 1].time_us;
        if (since_us < 0) /* two mirror ports, a little out of order */
            return;
        if (value == samples[count - 1].value && since_us < BURST_NS / US)
            return;
    }
    if (count == room) {
        unsigned kept = SS_SENDER_CLOCK_FIRST;
        memmove(&samples[kept], &samples[kept + 1], (count - kept - 1) * sizeof(samples[0]));
        count--;
    }
    samples[count] = sample;
    clock->count = (uint8_t)(count + 1);
}

/* How much longer the later one was under way. */
static int64_t longer_ns(const struct ss_sender_sample *from, const struct ss_sender_sample *to,
                         int64_t tick_ns)
{
    return gap_ns(from, to) - apart(from, to) * tick_ns;
}

/* No segment was quicker than all before it, but for what the path varies and a tick hides: with too long a
 * tick each would be. */
static bool is_possible(const struct ss_sender_clock *clock, int64_t tick_ns)
{
    const struct ss_sender_sample *samples = samples_of(clock);
    int64_t least_ns = 0;

    for (unsigned i = 1; i < clock->count; i++) {
        int64_t offset_ns = longer_ns(&samples[0], &samples[i], tick_ns);
        int64_t varies_ns = gap_ns(&samples[i - 1], &samples[i]) / 2 + 2 * tick_ns + 20 * MS;
        if (offset_ns < least_ns - varies_ns || apart(&samples[i - 1], &samples[i]) * tick_ns < -SET_BACK_NS)
            return false;
        if (offset_ns < least_ns)
            least_ns = offset_ns;
    }
    return true;
}

/* Some pair was sent as far apart as it arrived, with this tick, but for one part in so many. */
static bool is_shown(const struct ss_sender_clock *clock, int64_t tick_ns, int64_t parts)
{
    const struct ss_sender_sample *samples = samples_of(clock);

    for (unsigned to = 1; to < clock->count; to++) {
        for (unsigned from = 0; from < to; from++) {
            int32_t ticks = apart(&samples[from], &samples[to]);
            int64_t off_ns = longer_ns(&samples[from], &samples[to], tick_ns);
            int64_t most_ns = ticks * tick_ns / parts + tick_ns;
            if (ticks >= TICKS_LEAST && off_ns <= most_ns && -off_ns <= most_ns)
                return true;
        }
    }
    return false;
}

/* RFC 7323 allows ticks of up to a second: what was sent a few of them apart would look as if it had been
 * sent at once, and was then long under way. So the usual one has to be shown as well, but less exactly: the
 * next one is four times as long. */
int64_t ss_sender_clock_tick(const struct ss_sender_clock *clock)
{
    bool may_be_usual = is_possible(clock, USUAL_NS);

    if (may_be_usual && is_shown(clock, USUAL_NS, 4))
        return USUAL_NS;
    for (unsigned i = 0; i < sizeof(COARSE_NS) / sizeof(COARSE_NS[0]); i++) {
        if (is_shown(clock, COARSE_NS[i], 16) && is_possible(clock, COARSE_NS[i]))
            return COARSE_NS[i];
    }
    return !may_be_usual && is_shown(clock, FINE_NS, 16) && is_possible(clock, FINE_NS) ? FINE_NS : 0;
}

/* How many samples are of that time or before. */
static unsigned count_until(const struct ss_sender_clock *clock, int64_t time_ns)
{
    const struct ss_sender_sample *samples = samples_of(clock);
    int64_t time_us = time_ns / US;
    unsigned i = clock->count;

    while (i > 0 && samples[i - 1].time_us > time_us)
        i--;
    return i;
}

/* The sample of the segment that arrived then: at that time, or just before in the same burst. Of several
 * that were read at once the first, which was under way for longest. */
static bool find(const struct ss_sender_clock *clock, int64_t time_ns, unsigned *ret_sample)
{
    const struct ss_sender_sample *samples = samples_of(clock);
    unsigned i = count_until(clock, time_ns);

    if (i == 0 || time_ns / US - samples[i - 1].time_us >= BURST_NS / US)
        return false;
    for (i--; i > 0 && samples[i - 1].time_us == samples[i].time_us;)
        i--;
    *ret_sample = i;
    return true;
}

bool ss_sender_clock_value(const struct ss_sender_clock *clock, int64_t time_ns, uint32_t *ret_value)
{
    unsigned count = count_until(clock, time_ns);

    if (count == 0)
        return false;
    *ret_value = samples_of(clock)[count - 1].value;
    return true;
}

bool ss_sender_clock_between(const struct ss_sender_clock *clock, int64_t tick_ns, int64_t from_ns,
                             int64_t to_ns, int64_t *ret_ns)
{
    unsigned from, to;

    if (tick_ns == 0 || !find(clock, from_ns, &from) || !find(clock, to_ns, &to))
        return false;
    *ret_ns = apart(&samples_of(clock)[from], &samples_of(clock)[to]) * tick_ns;
    return true;
}

int64_t ss_sender_clock_spread(const struct ss_sender_clock *clock, int64_t tick_ns)
{
    const struct ss_sender_sample *samples = samples_of(clock);
    int64_t least_ns = 0, most_ns = 0; /* the first sample's */

    for (unsigned i = 1; i < clock->count; i++) {
        int64_t offset_ns = longer_ns(&samples[0], &samples[i], tick_ns);
        least_ns = offset_ns < least_ns ? offset_ns : least_ns;
        most_ns = offset_ns > most_ns ? offset_ns : most_ns;
    }
    return most_ns - least_ns;
}

int64_t ss_sender_clock_late(const struct ss_sender_clock *clock, int64_t tick_ns, int64_t at_ns)
{
    const struct ss_sender_sample *samples = samples_of(clock);
    unsigned at;
    int64_t late_ns = 0;

    if (tick_ns == 0 || !find(clock, at_ns, &at) || at == 0)
        return 0;
    for (unsigned i = 0; i < clock->count; i++) {
        int64_t more_ns = longer_ns(&samples[i], &samples[at], tick_ns);
        if (more_ns > late_ns)
            late_ns = more_ns;
    }
    int64_t since_ns = gap_ns(&samples[at - 1], &samples[at]);
    return late_ns < since_ns ? late_ns : since_ns;
}
