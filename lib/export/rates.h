// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Which flows get a pcapng file when there are more than export.rate a second: token buckets. Part of
 * store.c.
 *
 * - all: rate a second, saved up for 1 s;
 * - each verdict: a fifth of it, saved up for 5 s;
 * - each prefix, an IPv4 /24 or an IPv6 /48: a tenth of it, saved up for 5 s.
 *
 * The four verdicts that clients can bring about on their own leave something for the others.
 * So a storm from anywhere does not hide the rare flow from elsewhere. The table of prefixes is fixed in
 * size: a prefix that finds no place takes over the fullest bucket of its set as it is, so that prefixes
 * without number, which cost an attacker nothing, gain it nothing.
 *
 * Time is an argument; a clock that is set back gives nothing.
 */

#include "base/ip.h"
#include "tables/tables.h"

#include <stdint.h>

#define SS_RATES_SETS 1024
#define SS_RATES_WAYS 4

struct ss_bucket {
    int64_t spent_ns; /* what is missing: a file costs the time in which it comes again */
    int64_t time_ns;  /* when that was so */
};

struct ss_prefix_bucket {
    uint64_t prefix; /* 0: none yet */
    struct ss_bucket bucket;
};

struct ss_rates {
    struct ss_bucket all;
    struct ss_bucket verdicts[SS_VERDICT_COUNT];
    struct ss_prefix_bucket prefixes[SS_RATES_SETS][SS_RATES_WAYS];
};

/* One file of this verdict and client; rate: files a second. SS_UNWRITTEN_NOT, or which bucket is empty; then
 * nothing was taken from the others. */
enum ss_unwritten ss_rates_take(struct ss_rates *rates, uint32_t rate, enum ss_verdict verdict,
                                const struct ss_ip *client, int64_t now_ns);
