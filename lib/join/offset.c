// SPDX-License-Identifier: BSD-3-Clause
#include "join/offset.h"

#include <stdio.h>
#include <string.h>

int64_t ss_time_minus(int64_t a, int64_t b)
{
    int64_t difference;
    if (!__builtin_sub_overflow(a, b, &difference))
        return difference;
    return b < 0 ? INT64_MAX : INT64_MIN;
}

int64_t ss_time_plus(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t apart(int64_t a, int64_t b)
{
    return a < b ? ss_time_minus(b, a) : ss_time_minus(a, b);
}

struct ss_offset *ss_offsets_find(struct ss_offsets *offsets, const char *host)
{
    for (size_t i = 0; i < offsets->count; i++)
        if (strncmp(offsets->entries[i].host.name, host, SS_HOST_MAX - 1) == 0)
            return &offsets->entries[i];
    return NULL;
}

struct ss_offset *ss_offsets_take(struct ss_offsets *offsets, const char *host)
{
    struct ss_offset *offset = ss_offsets_find(offsets, host);
    if (offset || offsets->count == SS_JOIN_HOSTS)
        return offset;
    offset = &offsets->entries[offsets->count++];
    snprintf(offset->host.name, sizeof(offset->host.name), "%s", host);
    return offset;
}

/* Insertion: there are few, and in the order of a ring of similar values. */
static void sort(int64_t *values, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        int64_t value = values[i];
        unsigned at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

/* Of the latest count samples, count at least 1. */
static void summarize(const struct ss_offset *offset, unsigned count, int64_t *ret_median_ns,
                      int64_t *ret_spread_ns)
{
    int64_t values[SS_JOIN_SAMPLES];
    for (unsigned i = 0; i < count; i++)
        values[i] = offset->sample_ns[(offset->next + SS_JOIN_SAMPLES - count + i) % SS_JOIN_SAMPLES];
    sort(values, count);
    int64_t median_ns = values[count / 2];
    for (unsigned i = 0; i < count; i++)
        values[i] = apart(values[i], median_ns);
    sort(values, count);
    *ret_median_ns = median_ns;
    *ret_spread_ns = values[count / 2];
}

/* The latest samples agree on another offset than the one in use: the host's clock was set. */
static bool was_set(const struct ss_offset *offset, int64_t slack_ns)
{
    if (!offset->learned)
        return false;
    int64_t median_ns, spread_ns;
    summarize(offset, SS_JOIN_LEARNED, &median_ns, &spread_ns);
    return spread_ns <= slack_ns / 4 && apart(median_ns, offset->host.offset_ns) > slack_ns;
}

bool ss_offset_learn(struct ss_offset *offset, int64_t sample_ns, int64_t slack_ns)
{
    struct ss_join_host *host = &offset->host;
    offset->sample_ns[offset->next] = sample_ns;
    offset->next = (offset->next + 1) % SS_JOIN_SAMPLES;
    if (host->samples < SS_JOIN_SAMPLES)
        host->samples++;

    bool set = was_set(offset, slack_ns);
    if (set)
        host->samples = SS_JOIN_LEARNED;
    int64_t median_ns;
    summarize(offset, host->samples, &median_ns, &host->spread_ns);
    bool learned = host->samples >= SS_JOIN_LEARNED && host->spread_ns <= slack_ns / 4;
    bool news = learned && (set || !offset->learned);
    offset->learned = learned;
    host->offset_ns = learned ? median_ns : 0;
    return news;
}
