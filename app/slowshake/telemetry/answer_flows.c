// SPDX-License-Identifier: BSD-3-Clause

/* Handshakes and flows: /slowshake/phases, verdicts, origins, flows, flow. */

#include "telemetry/answer.h"
#include "base/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Worst cases, with every character of a text escaped: a flow takes 920 bytes, an origin 1300, of 16384. */
#define FLOWS_A_PAGE   16
#define ORIGINS_A_PAGE 12
#define SNI_SHOWN      100
#define WHY_SHOWN      120

/* ---- phases ---- */

#define WHOLE "handshake" /* the histogram behind the phases */

static const char *name_of(unsigned phase)
{
    return phase < SS_PHASE_COUNT ? ss_phase_name((enum ss_phase)phase) : WHOLE;
}

static void add_summary(struct rte_tel_data *answer, const struct ss_histogram *histogram)
{
    ss_answer_uint(answer, "count", histogram->count);
    ss_answer_uint(answer, "sum_ns", histogram->sum_ns);
    ss_answer_uint(answer, "p50_ns", ss_histogram_quantile(histogram, 0.50));
    ss_answer_uint(answer, "p90_ns", ss_histogram_quantile(histogram, 0.90));
    ss_answer_uint(answer, "p99_ns", ss_histogram_quantile(histogram, 0.99));
    ss_answer_uint(answer, "max_ns", histogram->max_ns);
}

static void add_buckets(struct rte_tel_data *answer, const struct ss_histogram *histogram)
{
    struct rte_tel_data *list = ss_answer_uints(answer, "buckets");
    for (unsigned i = 0; i < SS_HISTOGRAM_BUCKETS; i++)
        ss_answer_append(list, histogram->buckets[i]);
}

static void add_all_phases(const struct ss_worker_view *sum, struct rte_tel_data *answer)
{
    for (unsigned resumed = 0; resumed < 2; resumed++) {
        struct rte_tel_data *dict = ss_answer_dict(answer, resumed ? "resumed" : "full");
        for (unsigned i = 0; i < SS_PHASE_COUNT + 1; i++)
            add_summary(ss_answer_dict(dict, name_of(i)), &sum->phases[resumed][i]);
    }
}

static void add_one_phase(const struct ss_worker_view *sum, unsigned phase, struct rte_tel_data *answer)
{
    ss_answer_text(answer, "name", name_of(phase), SS_ANSWER_TEXT_MAX);
    ss_answer_text(answer, "about",
                   phase < SS_PHASE_COUNT ? ss_phase_about((enum ss_phase)phase) : "first to last mark",
                   SS_ANSWER_TEXT_MAX);
    struct rte_tel_data *bounds = ss_answer_uints(answer, "bounds_ns");
    for (unsigned i = 0; i < SS_HISTOGRAM_BUCKETS; i++)
        ss_answer_append(bounds, ss_histogram_bound(i));
    for (unsigned resumed = 0; resumed < 2; resumed++) {
        struct rte_tel_data *dict = ss_answer_dict(answer, resumed ? "resumed" : "full");
        add_summary(dict, &sum->phases[resumed][phase]);
        add_buckets(dict, &sum->phases[resumed][phase]);
    }
}

int ss_answer_phases(const struct ss_appliance *appliance, const char *parameter, struct rte_tel_data *answer)
{
    bool is_one = parameter != NULL && parameter[0] != '\0';
    unsigned phase = 0;

    while (is_one && phase <= SS_PHASE_COUNT && strcmp(parameter, name_of(phase)) != 0)
        phase++;
    if (phase > SS_PHASE_COUNT)
        return -EINVAL;
    struct ss_worker_view *sum = ss_answer_sum(appliance);
    if (sum == NULL)
        return -ENOMEM;
    if (is_one)
        add_one_phase(sum, phase, answer);
    else
        add_all_phases(sum, answer);
    free(sum);
    return 0;
}

/* ---- verdicts and origins ---- */

/* Which handshakes are counted. */
enum { FULL = 1, RESUMED = 2, ALL = FULL | RESUMED };

static uint64_t of_kinds(unsigned kinds, uint64_t full, uint64_t resumed)
{
    return (kinds & FULL ? full : 0) + (kinds & RESUMED ? resumed : 0);
}

static void add_verdicts(struct rte_tel_data *answer, unsigned kinds,
                         const uint64_t verdicts[2][SS_VERDICT_COUNT])
{
    for (unsigned i = 0; i < SS_VERDICT_COUNT; i++)
        ss_answer_uint(answer, ss_verdict_name((enum ss_verdict)i),
                       of_kinds(kinds, verdicts[0][i], verdicts[1][i]));
}

static void add_outcomes(struct rte_tel_data *answer, unsigned kinds,
                         const uint64_t outcomes[2][SS_OUTCOME_COUNT])
{
    for (unsigned i = 0; i < SS_OUTCOME_COUNT; i++)
        ss_answer_uint(answer, ss_outcome_name((enum ss_outcome)i),
                       of_kinds(kinds, outcomes[0][i], outcomes[1][i]));
}

static void add_all_verdicts(struct rte_tel_data *answer, unsigned kinds,
                             const struct ss_analyzer_counters *wire, const struct ss_writer_view *writer)
{
    add_verdicts(ss_answer_dict(answer, "wire"), kinds, wire->verdicts);
    add_verdicts(ss_answer_dict(answer, "flagged"), kinds, writer->verdicts);
    add_outcomes(ss_answer_dict(answer, "outcomes"), kinds, wire->outcomes);
}

int ss_answer_verdicts(const struct ss_appliance *appliance, const char *parameter,
                       struct rte_tel_data *answer)
{
    struct ss_worker_view *sum = ss_answer_sum(appliance);
    struct ss_writer_view writer;

    (void)parameter;
    if (sum == NULL)
        return -ENOMEM;
    ss_writer_view(appliance->writer, &writer);
    add_all_verdicts(answer, ALL, &sum->analyzer, &writer);
    add_all_verdicts(ss_answer_dict(answer, "full"), FULL, &sum->analyzer, &writer);
    add_all_verdicts(ss_answer_dict(answer, "resumed"), RESUMED, &sum->analyzer, &writer);
    free(sum);
    return 0;
}

static void add_origin(struct rte_tel_data *answer, unsigned kinds, const struct ss_writer_origin *origin)
{
    ss_answer_uint(answer, "flows", of_kinds(kinds, origin->flows[0], origin->flows[1]));
    add_verdicts(answer, kinds, origin->verdicts);
}

int ss_answer_origins(const struct ss_appliance *appliance, const char *parameter,
                      struct rte_tel_data *answer)
{
    struct ss_writer_origin origins[ORIGINS_A_PAGE];
    uint64_t offset;

    if (!ss_answer_offset(parameter, &offset))
        return -EINVAL;
    unsigned total = ss_writer_origins(appliance->writer, (unsigned)offset, ORIGINS_A_PAGE, origins);
    unsigned returned = ss_answer_on_page(total, offset, ORIGINS_A_PAGE);
    ss_answer_page(answer, total, offset, returned);
    struct rte_tel_data *list = ss_answer_dict(answer, "origins");
    for (unsigned i = 0; i < returned; i++) {
        struct rte_tel_data *origin = ss_answer_dict_at(list, i);
        ss_answer_text(origin, "name", origins[i].name, SS_ANSWER_TEXT_MAX);
        add_origin(origin, ALL, &origins[i]);
        add_origin(ss_answer_dict(origin, "full"), FULL, &origins[i]);
        add_origin(ss_answer_dict(origin, "resumed"), RESUMED, &origins[i]);
    }
    return 0;
}

/* ---- flows ---- */

static void add_flow(struct rte_tel_data *answer, const struct ss_writer_flow *flow)
{
    char text[SS_ENDPOINT_TEXT_MAX + SS_TIME_TEXT_MAX];

    ss_answer_text(answer, "id", flow->id, SS_ANSWER_TEXT_MAX);
    if (flow->revision > 0)
        ss_answer_uint(answer, "revision", flow->revision);
    ss_answer_text(answer, "start", ss_time_format(flow->start_ns, text), SS_ANSWER_TEXT_MAX);
    ss_answer_text(answer, "client", ss_endpoint_format(&flow->client, text), SS_ANSWER_TEXT_MAX);
    ss_answer_text(answer, "server", ss_endpoint_format(&flow->server, text), SS_ANSWER_TEXT_MAX);
    if (flow->sni[0] != '\0')
        ss_answer_text(answer, "sni", flow->sni, SNI_SHOWN);
    ss_answer_text(answer, "outcome", flow->outcome, SS_ANSWER_TEXT_MAX);
    ss_answer_int(answer, "resumed", flow->resumed);
    ss_answer_uint(answer, "duration_ns", (uint64_t)flow->duration_ns);
    if (flow->proxy_ns >= 0)
        ss_answer_uint(answer, "proxy_ns", (uint64_t)flow->proxy_ns);
    ss_answer_text(answer, "verdict", ss_verdict_name(flow->verdict), SS_ANSWER_TEXT_MAX);
    ss_answer_text(answer, "confidence", ss_confidence_name(flow->confidence), SS_ANSWER_TEXT_MAX);
    ss_answer_text(answer, "why", flow->why, WHY_SHOWN);
}

int ss_answer_flows(const struct ss_appliance *appliance, const char *parameter, struct rte_tel_data *answer)
{
    struct ss_writer_flow flow;
    unsigned returned = 0;
    uint64_t offset;

    if (!ss_answer_offset(parameter, &offset))
        return -EINVAL;
    unsigned total = ss_writer_recent_count(appliance->writer);
    struct rte_tel_data *list = ss_answer_dict(answer, "flows");
    while (returned < FLOWS_A_PAGE &&
           ss_writer_recent(appliance->writer, (unsigned)offset + returned, &flow)) {
        add_flow(ss_answer_dict_at(list, returned), &flow);
        returned++;
    }
    ss_answer_page(answer, total, offset, returned);
    return 0;
}

/* The record as it is in flows.jsonl, in one text: a dictionary would cut its sentences. */
int ss_answer_flow(const struct ss_appliance *appliance, const char *parameter, struct rte_tel_data *answer)
{
    char *json;

    if (parameter == NULL || parameter[0] == '\0')
        return -EINVAL;
    if (!ss_writer_recent_by_id(appliance->writer, parameter, &json))
        return -ENOENT;
    int error = rte_tel_data_string(answer, json);
    free(json);
    return error == 0 ? 0 : -E2BIG;
}
