// SPDX-License-Identifier: BSD-3-Clause
#include "base/histogram.h"

/* Eight linear steps to an octave, so the first octave, 1 to 2 us, has steps of 125 ns. Counted in such steps
 * a value's highest four bits are its bucket: where the first stands is the octave, the other three the step.
 */
#define STEP_NS          125
#define STEPS_PER_OCTAVE 8

static unsigned bucket_of(uint64_t ns)
{
    uint64_t steps = ns / STEP_NS;
    if (steps < STEPS_PER_OCTAVE)
        return 0;
    unsigned octave = 60 - (unsigned)__builtin_clzll(steps);
    uint64_t bucket = octave * STEPS_PER_OCTAVE + (steps >> octave) - STEPS_PER_OCTAVE;
    return bucket < SS_HISTOGRAM_BUCKETS ? (unsigned)bucket : SS_HISTOGRAM_BUCKETS - 1;
}

void ss_histogram_add(struct ss_histogram *histogram, uint64_t ns)
{
    histogram->count++;
    histogram->sum_ns += ns;
    if (ns > histogram->max_ns)
        histogram->max_ns = ns;
    histogram->buckets[bucket_of(ns)]++;
}

void ss_histogram_merge(struct ss_histogram *into, const struct ss_histogram *from)
{
    into->count += from->count;
    into->sum_ns += from->sum_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
    for (unsigned i = 0; i < SS_HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t ss_histogram_quantile(const struct ss_histogram *histogram, double q)
{
    if (histogram->count == 0)
        return 0;
    double wanted = q * (double)histogram->count;
    uint64_t counted = 0;
    unsigned i = 0;
    for (; i < SS_HISTOGRAM_BUCKETS - 1; i++) {
        counted += histogram->buckets[i];
        if (counted > 0 && (double)counted >= wanted)
            break;
    }
    uint64_t bound = ss_histogram_bound(i);
    return bound < histogram->max_ns ? bound : histogram->max_ns;
}

uint64_t ss_histogram_bound(unsigned i)
{
    if (i >= SS_HISTOGRAM_BUCKETS - 1)
        return UINT64_MAX;
    unsigned next = i + 1; /* what bucket i counts ends just before the next one */
    uint64_t steps = STEPS_PER_OCTAVE + next % STEPS_PER_OCTAVE;
    return (steps * STEP_NS << next / STEPS_PER_OCTAVE) - 1;
}
