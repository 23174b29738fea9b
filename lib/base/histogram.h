// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* A histogram of durations: log-linear buckets, 8 to an octave, from 1 us to beyond an hour.
 *
 * No value is ever clipped: what is below or above lands in the first or last bucket, and the largest value
 * is kept exactly. Adding is one increment; a quantile is at most 1/8 above the true value.
 */

#include <stdint.h>

#define SS_HISTOGRAM_BUCKETS 264

struct ss_histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint64_t buckets[SS_HISTOGRAM_BUCKETS];
};

void ss_histogram_add(struct ss_histogram *histogram, uint64_t ns);
void ss_histogram_merge(struct ss_histogram *into, const struct ss_histogram *from);

/* Upper bound of the bucket that holds the q-quantile, q in [0, 1], never above max_ns; 0 when empty. */
uint64_t ss_histogram_quantile(const struct ss_histogram *histogram, double q);

/* Largest duration that bucket i counts, in ns; UINT64_MAX for the last one. */
uint64_t ss_histogram_bound(unsigned i);
