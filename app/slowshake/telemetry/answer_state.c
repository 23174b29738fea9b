// SPDX-License-Identifier: BSD-3-Clause

/* The appliance itself: /slowshake/status, ports, lcores, history. */

#include "telemetry/answer.h"
#include "base/units.h"

#include <errno.h>
#include <rte_version.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Worst cases: an lcore takes 400 bytes, an analyzer 450, of 16384. */
#define LCORES_A_PAGE    32
#define ANALYZERS_A_PAGE 32

/* ---- status ---- */

static uint64_t refused(const struct ss_worker_view *sum, enum ss_refusal refusal)
{
    return sum->analyzer.refused[refusal] + (refusal == SS_REFUSED_RING_FULL ? sum->worker.ring_full : 0);
}

static uint64_t refused_of_class(const struct ss_worker_view *sum, enum ss_refusal_class class)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < SS_REFUSED_COUNT; i++) {
        if (ss_refusal_class((enum ss_refusal)i) == class)
            count += refused(sum, (enum ss_refusal)i);
    }
    return count;
}

/* received = analyzed + not_tls + undecodable + dropped + in_flight: those handed over just now, and those
 * that one lcore's snapshot has and another's, a quarter of a second older, has not. */
static void add_packets(struct rte_tel_data *answer, const struct ss_worker_view *sum)
{
    struct rte_tel_data *packets = ss_answer_dict(answer, "packets");
    uint64_t not_tls = refused_of_class(sum, SS_CLASS_NOT_TLS);
    uint64_t undecodable = refused_of_class(sum, SS_CLASS_UNDECODABLE);
    uint64_t dropped = refused_of_class(sum, SS_CLASS_DROPPED);
    uint64_t accounted = sum->analyzer.analyzed_packets + not_tls + undecodable + dropped;

    ss_answer_uint(packets, "received", sum->worker.received);
    ss_answer_uint(packets, "analyzed", sum->analyzer.analyzed_packets);
    ss_answer_uint(packets, "not_tls", not_tls);
    ss_answer_uint(packets, "undecodable", undecodable);
    ss_answer_uint(packets, "dropped", dropped);
    ss_answer_signed(packets, "in_flight", (int64_t)(sum->worker.received - accounted));
    ss_answer_uint(packets, "truncated", sum->analyzer.truncated_frames);
    ss_answer_uint(packets, "datagrams", sum->analyzer.datagrams);
    struct rte_tel_data *reasons = ss_answer_dict(answer, "refused");
    for (unsigned i = 0; i < SS_REFUSED_COUNT; i++)
        ss_answer_uint(reasons, ss_refusal_name((enum ss_refusal)i), refused(sum, (enum ss_refusal)i));
}

static void add_mirror_loss(struct rte_tel_data *answer, const struct ss_control_view *control)
{
    struct rte_tel_data *mirror = ss_answer_dict(answer, "mirror");

    ss_answer_uint(mirror, "seen_bytes", control->mirror_seen_bytes);
    ss_answer_uint(mirror, "missing_bytes", control->mirror_missing_bytes);
    ss_answer_uint(mirror, "loss_ppm", control->mirror_loss_ppm);
}

static void add_ports(struct rte_tel_data *answer, const struct ss_appliance *appliance)
{
    struct rte_tel_data *ports = ss_answer_dict(answer, "ports");
    uint64_t missed = 0, no_mbufs = 0, errors = 0;

    for (unsigned i = 0; i < appliance->port_count; i++) {
        struct ss_port_counters counters;
        ss_port_counters(&appliance->ports[i], &counters);
        missed += counters.missed;
        no_mbufs += counters.no_mbufs;
        errors += counters.errors;
    }
    ss_answer_uint(ports, "missed", missed);
    ss_answer_uint(ports, "no_mbufs", no_mbufs);
    ss_answer_uint(ports, "errors", errors);
}

static void add_handshakes(struct rte_tel_data *answer, const struct ss_worker_view *sum)
{
    const struct ss_analyzer_counters *counters = &sum->analyzer;
    struct rte_tel_data *handshakes = ss_answer_dict(answer, "handshakes");
    struct rte_tel_data *flows = ss_answer_dict(answer, "flows");

    ss_answer_uint(handshakes, "judged", counters->handshakes);
    ss_answer_uint(handshakes, "resumed", counters->resumed);
    ss_answer_uint(handshakes, "flagged", counters->flagged[0] + counters->flagged[1]);
    ss_answer_uint(handshakes, "flagged_resumed", counters->flagged[1]);
    ss_answer_uint(handshakes, "silent", counters->silent);
    ss_answer_uint(handshakes, "open", sum->gauges.handshakes_open);
    ss_answer_uint(handshakes, "not_measured", counters->handshakes_full);
    ss_answer_uint(handshakes, "conflicting_segments", counters->conflicts);
    ss_answer_uint(handshakes, "hellos_not_read", counters->hellos_full);
    ss_answer_uint(handshakes, "evidence_not_noted", counters->lacking_evidence);
    ss_answer_uint(handshakes, "segments_not_kept", counters->segments_full);
    ss_answer_uint(handshakes, "ja4_left_out", counters->ja4_left_out);
    ss_answer_uint(handshakes, "findings_lost", counters->news_dropped + sum->worker.news_lost);
    ss_answer_uint(flows, "now", sum->gauges.flows);
    ss_answer_uint(flows, "max", sum->gauges.flows_max);
    ss_answer_uint(flows, "opened", counters->flows_opened);
    ss_answer_uint(flows, "closed", counters->flows_closed);
    ss_answer_uint(flows, "evicted", counters->flows_evicted);
}

static uint64_t sum_of(const uint64_t unwritten[SS_UNWRITTEN_COUNT], enum ss_unwritten from,
                       enum ss_unwritten to)
{
    uint64_t sum = 0;
    for (enum ss_unwritten i = from; i < to; i++)
        sum += unwritten[i];
    return sum;
}

static void add_reasons(struct rte_tel_data *answer, const char *name,
                        const uint64_t unwritten[SS_UNWRITTEN_COUNT])
{
    struct rte_tel_data *reasons = ss_answer_dict(answer, name);
    for (unsigned i = 0; i < SS_UNWRITTEN_COUNT; i++) {
        if (unwritten[i] > 0)
            ss_answer_uint(reasons, ss_unwritten_name((enum ss_unwritten)i), unwritten[i]);
    }
}

static void add_store(struct rte_tel_data *exports, const struct ss_store_counters *store)
{
    ss_answer_uint(exports, "records", store->records);
    ss_answer_uint(exports, "pcapngs", store->pcapngs);
    ss_answer_uint(exports, "ends_left_out", store->ends_left_out);
    ss_answer_uint(exports, "unmatched", store->unmatched);
    ss_answer_uint(exports, "record_errors", sum_of(store->records_unwritten, 0, SS_UNWRITTEN_COUNT));
    ss_answer_uint(exports, "pcapng_errors",
                   sum_of(store->pcapngs_unwritten, SS_UNWRITTEN_NO_SPACE, SS_UNWRITTEN_COUNT));
    ss_answer_uint(exports, "unmatched_errors", sum_of(store->unmatched_unwritten, 0, SS_UNWRITTEN_COUNT));
    ss_answer_uint(exports, "rate_limited",
                   sum_of(store->pcapngs_unwritten, SS_UNWRITTEN_RATE, SS_UNWRITTEN_RESERVE));
    ss_answer_uint(exports, "quota_removed", store->quota_removed);
    ss_answer_uint(exports, "bytes", store->bytes);
    ss_answer_uint(exports, "found_halves", store->found.halves + store->found.cut_lines);
    ss_answer_uint(exports, "found_recovered", store->found.recovered);
    ss_answer_uint(exports, "found_orphans", store->found.orphans);
    ss_answer_text(exports, "last_error", store->last_errno != 0 ? strerror(store->last_errno) : "",
                   SS_ANSWER_TEXT_MAX);
}

static void add_exports(struct rte_tel_data *answer, const struct ss_control_view *control,
                        const struct ss_writer_view *writer)
{
    struct rte_tel_data *exports = ss_answer_dict(answer, "exports");

    ss_answer_uint(exports, "flagged", control->flagged);
    ss_answer_uint(exports, "asked", control->exports_asked);
    ss_answer_uint(exports, "done", control->exports_done);
    ss_answer_uint(exports, "gone", control->exports_gone);
    ss_answer_uint(exports, "refused", control->exports_refused);
    ss_answer_uint(exports, "events_refused", control->events_refused);
    ss_answer_uint(exports, "jobs", writer->jobs);
    ss_answer_uint(exports, "writer_full", writer->refused);
    add_store(exports, &writer->store);
    ss_answer_uint(exports, "events_failed", writer->events_failed[0] + writer->events_failed[1]);
    ss_answer_uint(exports, "events_pending", control->events_pending);
    ss_answer_uint(exports, "events_again", control->events_again);
    ss_answer_uint(exports, "journal_errors", writer->journal_errors);
    uint64_t unmatched[SS_UNWRITTEN_COUNT];
    memcpy(unmatched, writer->store.unmatched_unwritten, sizeof(unmatched));
    unmatched[SS_UNWRITTEN_BEHIND] += control->unmatched_refused;
    struct rte_tel_data *unwritten = ss_answer_dict(answer, "unwritten");
    add_reasons(unwritten, "records", writer->store.records_unwritten);
    add_reasons(unwritten, "pcapngs", writer->store.pcapngs_unwritten);
    add_reasons(unwritten, "unmatched", unmatched);
}

static void add_clock(struct rte_tel_data *answer, const struct ss_appliance *appliance,
                      const struct ss_control_view *control, const struct ss_worker_view *sum)
{
    struct rte_tel_data *clock = ss_answer_dict(answer, "clock");

    ss_answer_text(clock, "source",
                   ss_clock_source_name(ss_port_worst_clock(appliance->ports, appliance->port_count)),
                   SS_ANSWER_TEXT_MAX);
    ss_answer_uint(clock, "error_ns", control->clock_error_ns);
    ss_answer_uint(clock, "steps", control->clock_steps);
    ss_answer_int(clock, "rate_ppb", (int)(control->clock_ppm * 1000));
    ss_answer_uint(clock, "absence_max_ns", sum->worker.absence_max_ns);
    ss_answer_uint(clock, "absence_recent_ns", sum->worker.absence_recent_ns);
}

static uint64_t uptime_s(const struct ss_appliance *appliance)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)(now.tv_sec * SS_NS_PER_S + now.tv_nsec - appliance->started_ns) / SS_NS_PER_S;
}

int ss_answer_status(const struct ss_appliance *appliance, const char *parameter, struct rte_tel_data *answer)
{
    struct ss_worker_view *sum = ss_answer_sum(appliance);
    struct ss_control_view *control = malloc(sizeof(*control));
    struct ss_writer_view writer;

    (void)parameter;
    if (sum == NULL || control == NULL) {
        free(sum);
        free(control);
        return -ENOMEM;
    }
    ss_control_view(appliance->control, control);
    ss_writer_view(appliance->writer, &writer);
    ss_answer_text(answer, "version", SS_VERSION, SS_ANSWER_TEXT_MAX);
    ss_answer_text(answer, "dpdk", rte_version(), SS_ANSWER_TEXT_MAX);
    ss_answer_text(answer, "sensor", appliance->config->sensor, SS_ANSWER_TEXT_MAX);
    ss_answer_uint(answer, "uptime_s", uptime_s(appliance));
    add_packets(answer, sum);
    add_ports(answer, appliance);
    add_mirror_loss(answer, control);
    add_handshakes(answer, sum);
    add_exports(answer, control, &writer);
    ss_answer_events(ss_answer_dict(answer, "events"), &control->join);
    add_clock(answer, appliance, control, sum);
    ss_answer_uint(answer, "reloads", control->reloads);
    ss_answer_uint(answer, "reload_errors", control->reload_errors);
    free(control);
    free(sum);
    return 0;
}

/* ---- ports and lcores ---- */

int ss_answer_ports(const struct ss_appliance *appliance, const char *parameter, struct rte_tel_data *answer)
{
    (void)parameter;
    ss_answer_page(answer, appliance->port_count, 0, appliance->port_count);
    struct rte_tel_data *list = ss_answer_dict(answer, "ports");
    for (unsigned i = 0; i < appliance->port_count; i++) {
        const struct ss_port *port = &appliance->ports[i];
        struct rte_tel_data *dict = ss_answer_dict_at(list, i);
        struct ss_port_counters counters;
        ss_port_counters(port, &counters);
        ss_answer_text(dict, "name", port->name, SS_ANSWER_TEXT_MAX);
        ss_answer_int(dict, "up", atomic_load_explicit(&port->is_up, memory_order_relaxed));
        ss_answer_int(dict, "usable", atomic_load_explicit(&port->is_usable, memory_order_relaxed));
        ss_answer_int(dict, "queues", port->queues);
        ss_answer_text(dict, "clock", ss_clock_source_name(port->clock), SS_ANSWER_TEXT_MAX);
        ss_answer_uint(dict, "packets", counters.packets);
        ss_answer_uint(dict, "bytes", counters.bytes);
        ss_answer_uint(dict, "missed", counters.missed);
        ss_answer_uint(dict, "no_mbufs", counters.no_mbufs);
        ss_answer_uint(dict, "errors", counters.errors);
        ss_answer_uint(dict, "recreated", counters.recreated);
    }
    return 0;
}

static const char *role_of(const struct ss_worker *worker, const struct ss_config *config)
{
    for (unsigned i = 0; i < config->rx_count; i++) {
        if (config->rx_lcores[i] == worker->lcore)
            return worker->analyzer != NULL ? "rx_analyzer" : "rx";
    }
    return "analyzer";
}

static void add_lcore(struct rte_tel_data *answer, const struct ss_appliance *appliance, unsigned number)
{
    const struct ss_worker *worker = &appliance->workers[number];
    struct ss_worker_view *view = ss_answer_view(appliance, number);

    ss_answer_uint(answer, "lcore", worker->lcore);
    ss_answer_text(answer, "role", role_of(worker, appliance->config), SS_ANSWER_TEXT_MAX);
    ss_answer_uint(answer, "queues", worker->queue_count);
    ss_answer_uint(answer, "heartbeat", atomic_load_explicit(&worker->heartbeat, memory_order_relaxed));
    if (view == NULL)
        return;
    ss_answer_uint(answer, "turns", view->worker.turns);
    ss_answer_uint(answer, "busy_turns", view->worker.busy_turns);
    ss_answer_uint(answer, "received", view->worker.received);
    ss_answer_uint(answer, "ring_full", view->worker.ring_full);
    ss_answer_uint(answer, "analyzed", view->analyzer.analyzed_packets);
    ss_answer_uint(answer, "findings_lost", view->analyzer.news_dropped + view->worker.news_lost);
    ss_answer_uint(answer, "exports", view->worker.exports);
    ss_answer_uint(answer, "exports_gone", view->worker.exports_gone);
    ss_answer_uint(answer, "absence_max_ns", view->worker.absence_max_ns);
    ss_answer_uint(answer, "absence_recent_ns", view->worker.absence_recent_ns);
    free(view);
}

int ss_answer_lcores(const struct ss_appliance *appliance, const char *parameter, struct rte_tel_data *answer)
{
    uint64_t offset;

    if (!ss_answer_offset(parameter, &offset))
        return -EINVAL;
    unsigned returned = ss_answer_on_page(appliance->worker_count, offset, LCORES_A_PAGE);
    ss_answer_page(answer, appliance->worker_count, offset, returned);
    ss_answer_uint(answer, "control", appliance->config->control_lcore);
    struct rte_tel_data *list = ss_answer_dict(answer, "lcores");
    for (unsigned i = 0; i < returned; i++)
        add_lcore(ss_answer_dict_at(list, i), appliance, (unsigned)offset + i);
    return 0;
}

/* ---- history ---- */

/* How far back a tier goes: nothing while it is empty. */
static void add_age(struct rte_tel_data *answer, const char *name, int64_t oldest_ns, int64_t now_ns)
{
    if (oldest_ns != 0)
        ss_answer_uint(answer, name, now_ns > oldest_ns ? (uint64_t)(now_ns - oldest_ns) : 0);
}

static void add_tiers(struct rte_tel_data *answer, const struct ss_appliance *appliance, unsigned number,
                      int64_t now_ns)
{
    const struct ss_worker *worker = appliance->analyzers[number];
    struct ss_worker_view *view = ss_answer_view(appliance, (unsigned)(worker - appliance->workers));

    ss_answer_uint(answer, "lcore", worker->lcore);
    if (view == NULL)
        return;
    const struct ss_analyzer_gauges *gauges = &view->gauges;
    ss_answer_uint(answer, "handshakes_bytes", gauges->handshakes_ring_bytes);
    add_age(answer, "handshakes_age_ns", gauges->handshakes_oldest_ns, now_ns);
    ss_answer_uint(answer, "recent_bytes", gauges->recent_ring_bytes);
    add_age(answer, "recent_age_ns", gauges->recent_oldest_ns, now_ns);
    ss_answer_uint(answer, "flows", gauges->flows);
    ss_answer_uint(answer, "flows_max", gauges->flows_max);
    ss_answer_uint(answer, "handshakes_open", gauges->handshakes_open);
    ss_answer_uint(answer, "handshakes_max", gauges->handshakes_max);
    free(view);
}

int ss_answer_history(const struct ss_appliance *appliance, const char *parameter,
                      struct rte_tel_data *answer)
{
    struct ss_clock_line line = ss_clock_read(&appliance->clock);
    int64_t now_ns = ss_clock_ns(&line, ss_clock_ticks());
    uint64_t offset;

    if (!ss_answer_offset(parameter, &offset))
        return -EINVAL;
    unsigned returned = ss_answer_on_page(appliance->analyzer_count, offset, ANALYZERS_A_PAGE);
    ss_answer_page(answer, appliance->analyzer_count, offset, returned);
    ss_answer_uint(answer, "per_flow_bytes", appliance->config->per_flow_bytes);
    ss_answer_uint(answer, "snaplen", appliance->config->snaplen);
    struct rte_tel_data *list = ss_answer_dict(answer, "analyzers");
    for (unsigned i = 0; i < returned; i++)
        add_tiers(ss_answer_dict_at(list, i), appliance, (unsigned)offset + i, now_ns);
    return 0;
}
