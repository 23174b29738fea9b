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

static bool is_called(const struct ss_offset *offset, const char *host)
{
    return strncmp(offset->host.name, host, SS_HOST_MAX - 1) == 0;
}

struct ss_offset *ss_offsets_find(struct ss_offsets *offsets, const char *host)
{
    if (offsets->count > 0 && is_called(&offsets->entries[offsets->last], host))
        return &offsets->entries[offsets->last];
    for (size_t i = 0; i < offsets->count; i++) {
        if (!is_called(&offsets->entries[i], host))
            continue;
        offsets->last = i;
        return &offsets->entries[i];
    }
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

/* The i-th of the latest count samples. */
static const struct ss_sample *sample_at(const struct ss_offset *offset, unsigned count, unsigned i)
{
    return &offset->samples[(offset->next + SS_JOIN_SAMPLES - count + i) % SS_JOIN_SAMPLES];
}

/* Of the latest count samples, count at least 1: their median, or of lines, which are late or prompt but
 * never early, the lower eighth. */
static void summarize(const struct ss_offset *offset, unsigned count, int64_t *ret_offset_ns,
                      int64_t *ret_spread_ns)
{
    int64_t values[SS_JOIN_SAMPLES];
    for (unsigned i = 0; i < count; i++)
        values[i] = sample_at(offset, count, i)->most_ns;
    sort(values, count);
    if (offset->by_lines) {
        *ret_offset_ns = values[count / 8];
        *ret_spread_ns = ss_time_minus(values[count / 4], values[0]);
        return;
    }
    int64_t median_ns = values[count / 2];
    for (unsigned i = 0; i < count; i++)
        values[i] = apart(values[i], median_ns);
    sort(values, count);
    *ret_offset_ns = median_ns;
    *ret_spread_ns = values[count / 2];
}

/* Whether a proxy that was slow to accept, its clock as it was, explains most of the latest samples. */
static bool was_busy(const struct ss_offset *offset, int64_t near_ns)
{
    unsigned explained = 0;
    for (unsigned i = 0; i < SS_JOIN_LEARNED; i++) {
        const struct ss_sample *sample = sample_at(offset, SS_JOIN_LEARNED, i);
        explained += ss_time_minus(sample->least_ns, offset->host.offset_ns) <= near_ns &&
                     ss_time_minus(offset->host.offset_ns, sample->most_ns) <= near_ns;
    }
    return explained > SS_JOIN_LEARNED / 2;
}

/* The latest samples agree on another offset than the one in use: the host's clock was set. Lines tell only
 * of a clock that was set back: later ones may just be late. */
static bool was_set(const struct ss_offset *offset, int64_t slack_ns)
{
    const struct ss_join_host *host = &offset->host;
    int64_t offset_ns, spread_ns;
    if (!host->learned)
        return false;
    summarize(offset, SS_JOIN_LEARNED, &offset_ns, &spread_ns);
    int64_t apart_ns = apart(offset_ns, host->offset_ns);
    if (apart_ns <= slack_ns / 4 || spread_ns > apart_ns / 4 || spread_ns > slack_ns / 4)
        return false;
    return offset->by_lines ? offset_ns < host->offset_ns : !was_busy(offset, slack_ns / 4);
}

/* False: samples of another kind are there, which say more. */
static bool add_sample(struct ss_offset *offset, const struct ss_sample *sample)
{
    struct ss_join_host *host = &offset->host;
    if (sample->is_line && host->samples > 0 && !offset->by_lines)
        return false;
    if (!sample->is_line && offset->by_lines)
        host->samples = 0;
    offset->by_lines = sample->is_line;
    offset->samples[offset->next] = *sample;
    offset->next = (offset->next + 1) % SS_JOIN_SAMPLES;
    if (host->samples < SS_JOIN_SAMPLES)
        host->samples++;
    return true;
}

static void note_step(struct ss_join_host *host, int64_t by_ns, int64_t at_ns)
{
    host->steps++;
    host->stepped_ns = by_ns;
    host->stepped_at_ns = at_ns;
}

bool ss_offset_learn(struct ss_offset *offset, const struct ss_sample *sample, int64_t slack_ns)
{
    struct ss_join_host *host = &offset->host;
    if (!add_sample(offset, sample))
        return false;
    bool set = host->samples >= SS_JOIN_LEARNED && was_set(offset, slack_ns);
    if (set)
        host->samples = SS_JOIN_LEARNED;
    int64_t offset_ns;
    summarize(offset, host->samples, &offset_ns, &host->spread_ns);
    if (set)
        note_step(host, ss_time_minus(offset_ns, host->offset_ns), sample->wire_ns);
    bool learned = host->samples >= SS_JOIN_LEARNED && host->spread_ns <= slack_ns / 4;
    bool news = learned && (set || !host->learned);
    host->learned = learned;
    host->offset_ns = learned ? offset_ns : 0;
    return news;
}
