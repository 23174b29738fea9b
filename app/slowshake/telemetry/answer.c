// SPDX-License-Identifier: BSD-3-Clause

#include "telemetry/answer.h"
#include "compat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OFFSET_DIGITS_MAX 9
#define WORDS_OF(type)    (sizeof(type) / sizeof(uint64_t))

/* ---- parts ---- */

void ss_answer_text(struct rte_tel_data *answer, const char *name, const char *text, size_t max)
{
    char plain[SS_ANSWER_TEXT_MAX + 1];
    size_t length = 0;

    if (max > SS_ANSWER_TEXT_MAX)
        max = SS_ANSWER_TEXT_MAX;
    for (; length < max && text[length] != '\0'; length++)
        plain[length] = text[length] >= ' ' && text[length] <= '~' ? text[length] : '?';
    plain[length] = '\0';
    if (answer != NULL)
        rte_tel_data_add_dict_string(answer, name, plain);
}

void ss_answer_uint(struct rte_tel_data *answer, const char *name, uint64_t value)
{
    if (answer != NULL)
        ss_telemetry_add_uint(answer, name, value);
}

void ss_answer_int(struct rte_tel_data *answer, const char *name, int value)
{
    if (answer != NULL)
        rte_tel_data_add_dict_int(answer, name, value);
}

void ss_answer_signed(struct rte_tel_data *answer, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    ss_answer_text(answer, name, text, sizeof(text));
}

/* child becomes answer's, which frees it once it was sent. */
static struct rte_tel_data *put(struct rte_tel_data *answer, const char *name, struct rte_tel_data *child)
{
    if (answer != NULL && child != NULL && rte_tel_data_add_dict_container(answer, name, child, 0) == 0)
        return child;
    if (child != NULL)
        rte_tel_data_free(child);
    return NULL;
}

struct rte_tel_data *ss_answer_dict(struct rte_tel_data *answer, const char *name)
{
    struct rte_tel_data *child = rte_tel_data_alloc();
    if (child != NULL)
        rte_tel_data_start_dict(child);
    return put(answer, name, child);
}

struct rte_tel_data *ss_answer_dict_at(struct rte_tel_data *answer, unsigned number)
{
    char name[16];
    snprintf(name, sizeof(name), "%u", number);
    return ss_answer_dict(answer, name);
}

struct rte_tel_data *ss_answer_uints(struct rte_tel_data *answer, const char *name)
{
    struct rte_tel_data *child = rte_tel_data_alloc();
    if (child != NULL)
        rte_tel_data_start_array(child, SS_TELEMETRY_UINT);
    return put(answer, name, child);
}

void ss_answer_append(struct rte_tel_data *list, uint64_t value)
{
    if (list != NULL)
        ss_telemetry_append_uint(list, value);
}

void ss_answer_page(struct rte_tel_data *answer, uint64_t total, uint64_t offset, uint64_t returned)
{
    ss_answer_uint(answer, "total", total);
    ss_answer_uint(answer, "offset", offset);
    ss_answer_uint(answer, "returned", returned);
}

unsigned ss_answer_on_page(uint64_t total, uint64_t offset, unsigned max)
{
    uint64_t left = offset < total ? total - offset : 0;
    return left < max ? (unsigned)left : max;
}

bool ss_answer_offset(const char *parameter, uint64_t *ret_offset)
{
    uint64_t offset = 0;

    if (parameter == NULL)
        parameter = "";
    if (strlen(parameter) > OFFSET_DIGITS_MAX)
        return false;
    for (const char *c = parameter; *c != '\0'; c++) {
        if (*c < '0' || *c > '9')
            return false;
        offset = offset * 10 + (uint64_t)(*c - '0');
    }
    *ret_offset = offset;
    return true;
}

/* ---- counters ---- */

static void add_analyzer(const struct ss_analyzer_counters *from, struct ss_analyzer_counters *to)
{
    uint64_t words[WORDS_OF(*from)], sums[WORDS_OF(*from)];

    _Static_assert(sizeof(*from) % sizeof(uint64_t) == 0, "counters are 64 bits wide, all of them");
    memcpy(words, from, sizeof(*from));
    memcpy(sums, to, sizeof(*to));
    for (size_t i = 0; i < WORDS_OF(*from); i++)
        sums[i] += words[i];
    memcpy(to, sums, sizeof(*to));
}

static void add_worker(const struct ss_worker_counters *from, struct ss_worker_counters *to)
{
    to->turns += from->turns;
    to->busy_turns += from->busy_turns;
    to->received += from->received;
    to->ring_full += from->ring_full;
    to->news_lost += from->news_lost;
    to->exports += from->exports;
    to->exports_gone += from->exports_gone;
    if (from->absence_max_ns > to->absence_max_ns)
        to->absence_max_ns = from->absence_max_ns;
    if (from->absence_recent_ns > to->absence_recent_ns)
        to->absence_recent_ns = from->absence_recent_ns;
}

static void add_gauges(const struct ss_analyzer_gauges *from, struct ss_analyzer_gauges *to)
{
    to->flows += from->flows;
    to->flows_max += from->flows_max;
    to->handshakes_open += from->handshakes_open;
    to->handshakes_max += from->handshakes_max;
    to->handshakes_ring_bytes += from->handshakes_ring_bytes;
    to->recent_ring_bytes += from->recent_ring_bytes;
}

struct ss_worker_view *ss_answer_view(const struct ss_appliance *appliance, unsigned number)
{
    struct ss_worker_view *view = malloc(sizeof(*view));
    if (view != NULL)
        ss_snapshot_read(&appliance->workers[number].snapshot, view);
    return view;
}

struct ss_worker_view *ss_answer_sum(const struct ss_appliance *appliance)
{
    struct ss_worker_view *sum = calloc(1, sizeof(*sum));

    for (unsigned i = 0; i < appliance->worker_count && sum != NULL; i++) {
        struct ss_worker_view *view = ss_answer_view(appliance, i);
        if (view == NULL) {
            free(sum);
            return NULL;
        }
        add_worker(&view->worker, &sum->worker);
        add_analyzer(&view->analyzer, &sum->analyzer);
        add_gauges(&view->gauges, &sum->gauges);
        for (unsigned k = 0; k < SS_PHASE_COUNT + 1; k++) {
            ss_histogram_merge(&sum->phases[0][k], &view->phases[0][k]);
            ss_histogram_merge(&sum->phases[1][k], &view->phases[1][k]);
        }
        free(view);
    }
    return sum;
}

static uint64_t unmatched_of(const struct ss_join_counters *join)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < SS_UNMATCHED_COUNT; i++)
        count += join->unmatched[i];
    return count;
}

void ss_answer_events(struct rte_tel_data *answer, const struct ss_join_counters *join)
{
    ss_answer_uint(answer, "read", join->events);
    ss_answer_uint(answer, "matched", join->matched);
    ss_answer_uint(answer, "waiting", join->waiting);
    ss_answer_uint(answer, "unmatched", unmatched_of(join));
}
