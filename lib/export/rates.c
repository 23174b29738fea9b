// SPDX-License-Identifier: BSD-3-Clause
#include "export/rates.h"
#include "base/units.h"

#include <stdbool.h>

#define VERDICT_SHARE 5
#define PREFIX_SHARE  10
#define SHARE_SAVED_S 5

/* What all zeros mean: a full bucket. */
static void refill(struct ss_bucket *bucket, int64_t now_ns)
{
    int64_t passed_ns = now_ns > bucket->time_ns ? now_ns - bucket->time_ns : 0;

    bucket->spent_ns = passed_ns < bucket->spent_ns ? bucket->spent_ns - passed_ns : 0;
    bucket->time_ns = now_ns;
}

/* One file is always to be had from a full bucket, however low its rate. */
static bool has_one(const struct ss_bucket *bucket, int64_t cost_ns, int64_t saved_ns)
{
    return bucket->spent_ns == 0 || bucket->spent_ns + cost_ns <= saved_ns;
}

/* The first 24 bits of an IPv4 address, which is kept as ::ffff:a.b.c.d, or 48 of an IPv6 address; never 0.
 */
static uint64_t prefix_of(const struct ss_ip *ip)
{
    unsigned from = ss_ip_is_v4(ip) ? 12 : 0, to = ss_ip_is_v4(ip) ? 15 : 6;
    uint64_t prefix = ss_ip_is_v4(ip) ? 1 : 2;

    for (unsigned i = from; i < to; i++)
        prefix = prefix << 8 | ip->bytes[i];
    return prefix;
}

static struct ss_bucket *prefix_bucket(struct ss_rates *rates, const struct ss_ip *ip, int64_t now_ns)
{
    uint64_t prefix = prefix_of(ip);
    /* Fibonacci hashing: the high bits of the product are mixed best. */
    struct ss_prefix_bucket *set = rates->prefixes[(prefix * 0x9e3779b97f4a7c15u >> 32) % SS_RATES_SETS];
    struct ss_prefix_bucket *fullest = &set[0];

    for (unsigned i = 0; i < SS_RATES_WAYS; i++) {
        refill(&set[i].bucket, now_ns);
        if (set[i].prefix == prefix)
            return &set[i].bucket;
        if (set[i].bucket.spent_ns < fullest->bucket.spent_ns)
            fullest = &set[i];
    }
    fullest->prefix = prefix;
    return &fullest->bucket;
}

enum ss_unwritten ss_rates_take(struct ss_rates *rates, uint32_t rate, enum ss_verdict verdict,
                                const struct ss_ip *client, int64_t now_ns)
{
    if (rate == 0)
        return SS_UNWRITTEN_RATE;
    int64_t cost_ns = SS_NS_PER_S / rate, saved_ns = SHARE_SAVED_S * SS_NS_PER_S;
    struct ss_bucket *of_verdict = &rates->verdicts[verdict];
    struct ss_bucket *of_prefix = prefix_bucket(rates, client, now_ns);

    refill(&rates->all, now_ns);
    refill(of_verdict, now_ns);
    if (!has_one(of_prefix, PREFIX_SHARE * cost_ns, saved_ns))
        return SS_UNWRITTEN_PREFIX_RATE;
    if (!has_one(of_verdict, VERDICT_SHARE * cost_ns, saved_ns))
        return SS_UNWRITTEN_VERDICT_RATE;
    if (!has_one(&rates->all, cost_ns, SS_NS_PER_S))
        return SS_UNWRITTEN_RATE;
    of_prefix->spent_ns += PREFIX_SHARE * cost_ns;
    of_verdict->spent_ns += VERDICT_SHARE * cost_ns;
    rates->all.spent_ns += cost_ns;
    return SS_UNWRITTEN_NOT;
}
