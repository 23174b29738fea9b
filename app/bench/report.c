// SPDX-License-Identifier: BSD-3-Clause

#include "report.h"

#include "analyzer/handshake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB               1048576.0
#define CHECKSUM_BYTES    4 /* of a frame on the wire, which no NIC delivers */
#define CPU_NAME_BYTES    64
#define BITS_OF_A_GIGABIT 1e9

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* Of all rounds. */
struct spread {
    double median, least, most;
};

struct row {
    struct spread mpps, gbits, ticks, handshakes;
};

/* ---- numbers */

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static struct spread spread_of(const double *values, unsigned count)
{
    double sorted[SS_BENCH_ROUNDS_MAX];

    memcpy(sorted, values, count * sizeof(*values));
    qsort(sorted, count, sizeof(*sorted), compare);
    double middle = count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
    return (struct spread){.median = middle, .least = sorted[0], .most = sorted[count - 1]};
}

/* Of all workers together: rates add up. */
struct round_sum {
    double packets_s, bits_s, handshakes_s, ticks_packet;
};

static struct round_sum sum_of(const struct ss_bench_report *report, enum ss_bench_lane lane, unsigned round)
{
    struct round_sum sum = {0};

    for (unsigned i = 0; i < report->options->workers; i++) {
        const struct ss_bench_time *time = &report->workers[i]->times[lane][round];
        double seconds = (double)time->ns / 1e9;
        sum.packets_s += (double)time->frames / seconds;
        sum.bits_s += (double)(time->bytes + CHECKSUM_BYTES * time->frames) * 8 / seconds;
        sum.handshakes_s += (double)time->handshakes / seconds;
        sum.ticks_packet += seconds * report->ticks_hz / (double)time->frames / report->options->workers;
    }
    return sum;
}

static struct row row_of(const struct ss_bench_report *report, enum ss_bench_lane lane)
{
    double mpps[SS_BENCH_ROUNDS_MAX], gbits[SS_BENCH_ROUNDS_MAX], ticks[SS_BENCH_ROUNDS_MAX];
    double handshakes[SS_BENCH_ROUNDS_MAX];
    unsigned rounds = report->options->rounds;

    for (unsigned i = 0; i < rounds; i++) {
        struct round_sum sum = sum_of(report, lane, i);
        mpps[i] = sum.packets_s / 1e6;
        gbits[i] = sum.bits_s / BITS_OF_A_GIGABIT;
        ticks[i] = sum.ticks_packet;
        handshakes[i] = sum.handshakes_s;
    }
    return (struct row){.mpps = spread_of(mpps, rounds),
                        .gbits = spread_of(gbits, rounds),
                        .ticks = spread_of(ticks, rounds),
                        .handshakes = spread_of(handshakes, rounds)};
}

static bool has(const struct ss_bench_report *report, enum ss_bench_lane lane)
{
    return report->options->lanes[lane];
}

/* Each round's own ratio: what else the machine did then slowed both. */
static struct spread ratio_of(const struct ss_bench_report *report)
{
    double ratio[SS_BENCH_ROUNDS_MAX];

    for (unsigned i = 0; i < report->options->rounds; i++)
        ratio[i] = sum_of(report, SS_BENCH_WHOLE, i).packets_s / sum_of(report, SS_BENCH_FLOOR, i).packets_s;
    return spread_of(ratio, report->options->rounds);
}

/* What the whole costs beyond its parts: connections, streams, TLS, marks, findings, ageing. */
static double rest_ticks(const struct ss_bench_report *report)
{
    return row_of(report, SS_BENCH_WHOLE).ticks.median - row_of(report, SS_BENCH_FLOW).ticks.median -
           row_of(report, SS_BENCH_HISTORY).ticks.median;
}

static bool has_rest(const struct ss_bench_report *report)
{
    return has(report, SS_BENCH_WHOLE) && has(report, SS_BENCH_FLOW) && has(report, SS_BENCH_HISTORY);
}

static double mean_bytes(const struct ss_bench_report *report)
{
    for (unsigned lane = 0; lane < SS_BENCH_LANE_COUNT; lane++) {
        const struct ss_bench_time *time = &report->workers[0]->times[lane][0];
        if (time->frames > 0)
            return (double)time->bytes / (double)time->frames;
    }
    return 0;
}

/* Bytes of packets among those that the recent tier's ring has spent. */
static double efficiency(const struct ss_bench_report *report)
{
    const struct ss_history *recent = &report->workers[0]->recent;
    return (double)recent->data_bytes / (double)recent->head;
}

static double bucket_bytes(const struct ss_bench_report *report)
{
    const struct ss_bench_worker *worker = report->workers[0];
    double buckets = (double)worker->table.bucket_mask + 1;
    return buckets * sizeof(struct ss_flow_bucket) / worker->profile.flows_max;
}

/* ---- the machine */

static void read_cpu_name(char ret_name[CPU_NAME_BYTES])
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");

    snprintf(ret_name, CPU_NAME_BYTES, "unknown CPU");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *name = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || name == NULL)
            continue;
        snprintf(ret_name, CPU_NAME_BYTES, "%.*s", (int)strcspn(name + 2, "\n\"\\"), name + 2);
        break;
    }
    if (file != NULL)
        fclose(file);
}

static void count_versions(const struct ss_bench_report *report, unsigned *ret_tls12, unsigned *ret_tls13)
{
    const struct ss_bench_templates *templates = report->templates;
    unsigned families = report->profile->ipv6 ? SS_BENCH_FAMILY_COUNT : 1;

    *ret_tls12 = *ret_tls13 = 0;
    for (unsigned family = 0; family < families; family++) {
        for (unsigned i = 0; i < templates->count[family]; i++)
            *(templates->handshakes[family][0][i].version == 0x0304 ? ret_tls13 : ret_tls12) += 1;
    }
}

/* ---- the table */

static void print_head(const struct ss_bench_report *report)
{
    const struct ss_bench_worker *worker = report->workers[0];
    const struct ss_bench_memory *memory = &worker->memory;
    char cpu[CPU_NAME_BYTES];
    unsigned tls12, tls13;

    read_cpu_name(cpu);
    count_versions(report, &tls12, &tls13);
    printf("\n%s: %s\n", report->profile->name, report->profile->about);
    printf("  slowshake %s, %s; %s, counter of %.0f MHz; %u worker%s\n", SS_VERSION, COMPILER, cpu,
           report->ticks_hz / 1e6, report->options->workers, report->options->workers == 1 ? "" : "s");
    printf("  %u rounds of %" PRIu32
           " frames, mean %.1f bytes, in chunks of %u; templates: %u of TLS 1.2, %u of "
           "TLS 1.3\n",
           report->options->rounds, worker->profile.frames, mean_bytes(report), worker->chunk, tls12, tls13);
    printf("  connections %" PRIu32 ", in handshakes %" PRIu32
           "; history recent %.0f MiB, handshakes %.0f MiB, "
           "%" PRIu32 " bytes a connection\n",
           worker->profile.flows, worker->profile.open, (double)report->options->recent_bytes / MIB,
           (double)report->options->handshakes_bytes / MIB, worker->per_flow_bytes);
    printf(
        "  memory a worker: %.0f MiB in reserved huge pages, %.0f MiB in transparent ones (%.0f MiB of all "
        "workers' are), %.0f MiB in small ones\n",
        (double)memory->bytes[SS_BENCH_PAGES_RESERVED] / MIB,
        (double)memory->bytes[SS_BENCH_PAGES_TRANSPARENT] / MIB, (double)report->transparent_bytes / MIB,
        (double)memory->bytes[SS_BENCH_PAGES_SMALL] / MIB);
}

static void print_lanes(const struct ss_bench_report *report)
{
    printf("\n  %-8s %18s %18s %22s\n", "", "Mpps", "Gbit/s", "cycles/packet");
    for (unsigned lane = 0; lane < SS_BENCH_LANE_COUNT; lane++) {
        if (!has(report, lane))
            continue;
        struct row row = row_of(report, lane);
        printf("  %-8s %6.2f %5.2f-%-5.2f %6.1f %5.1f-%-5.1f %8.1f %6.1f-%-6.1f\n", ss_bench_lane_name(lane),
               row.mpps.median, row.mpps.least, row.mpps.most, row.gbits.median, row.gbits.least,
               row.gbits.most, row.ticks.median, row.ticks.least, row.ticks.most);
    }
    if (has_rest(report))
        printf("  %-8s %46.1f\n", "rest", rest_ticks(report));
}

static uint64_t judged(const struct ss_bench_report *report)
{
    uint64_t handshakes = 0;

    for (unsigned i = 0; i < report->options->workers; i++)
        handshakes += ss_analyzer_counters(report->workers[i]->analyzer)->handshakes;
    return handshakes;
}

static uint64_t made(const struct ss_bench_report *report)
{
    uint64_t handshakes = 0;

    for (unsigned i = 0; i < report->options->workers; i++)
        handshakes += report->workers[i]->source.completed;
    return handshakes;
}

static void print_foot(const struct ss_bench_report *report)
{
    printf("\n");
    if (has(report, SS_BENCH_FLOOR) && has(report, SS_BENCH_WHOLE)) {
        struct spread ratio = ratio_of(report);
        printf("  of the floor's rate: %.3f (%.3f-%.3f)\n", ratio.median, ratio.least, ratio.most);
    }
    if (has(report, SS_BENCH_WHOLE)) {
        struct spread handshakes = row_of(report, SS_BENCH_WHOLE).handshakes;
        printf("  complete handshakes/s: %.0f (%.0f-%.0f)\n", handshakes.median, handshakes.least,
               handshakes.most);
        printf("  handshakes since the start: %" PRIu64 " made, %" PRIu64 " measured\n", made(report),
               judged(report));
    }
    if (has(report, SS_BENCH_HISTORY))
        printf("  history: %.1f %% of its ring are packet bytes\n", efficiency(report) * 100);
    printf("  a connection: %zu bytes, and %.1f of buckets; a handshake in progress: %zu bytes\n\n",
           sizeof(struct ss_flow), bucket_bytes(report), sizeof(struct ss_handshake));
}

void ss_bench_report_table(const struct ss_bench_report *report)
{
    print_head(report);
    print_lanes(report);
    print_foot(report);
}

/* ---- JSON */

static void print_spread(const char *name, struct spread spread)
{
    printf("\"%s\":{\"median\":%.6g,\"least\":%.6g,\"most\":%.6g}", name, spread.median, spread.least,
           spread.most);
}

static void print_json_lanes(const struct ss_bench_report *report)
{
    const char *between = "";

    printf(",\"lanes\":{");
    for (unsigned lane = 0; lane < SS_BENCH_LANE_COUNT; lane++) {
        if (!has(report, lane))
            continue;
        struct row row = row_of(report, lane);
        printf("%s\"%s\":{", between, ss_bench_lane_name(lane));
        print_spread("mpps", row.mpps);
        printf(",");
        print_spread("gbits", row.gbits);
        printf(",");
        print_spread("cycles_per_packet", row.ticks);
        printf("}");
        between = ",";
    }
    printf("}");
    if (has_rest(report))
        printf(",\"rest_cycles_per_packet\":%.1f", rest_ticks(report));
}

static void print_json_results(const struct ss_bench_report *report)
{
    if (has(report, SS_BENCH_FLOOR) && has(report, SS_BENCH_WHOLE)) {
        printf(",");
        print_spread("of_floor", ratio_of(report));
    }
    if (has(report, SS_BENCH_WHOLE)) {
        printf(",");
        print_spread("handshakes_per_s", row_of(report, SS_BENCH_WHOLE).handshakes);
        printf(",\"handshakes_made\":%" PRIu64 ",\"handshakes_measured\":%" PRIu64, made(report),
               judged(report));
    }
    if (has(report, SS_BENCH_HISTORY))
        printf(",\"history_packet_bytes\":%.4f", efficiency(report));
}

void ss_bench_report_json(const struct ss_bench_report *report)
{
    const struct ss_bench_worker *worker = report->workers[0];
    char cpu[CPU_NAME_BYTES];

    read_cpu_name(cpu);
    printf("{\"profile\":\"%s\",\"version\":\"%s\",\"compiler\":\"%s\",\"cpu\":\"%s\",\"counter_hz\":%.0f",
           report->profile->name, SS_VERSION, COMPILER, cpu, report->ticks_hz);
    printf(",\"workers\":%u,\"rounds\":%u,\"frames\":%" PRIu32 ",\"mean_bytes\":%.1f,\"connections\":%" PRIu32
           ",\"in_handshakes\":%" PRIu32,
           report->options->workers, report->options->rounds, worker->profile.frames, mean_bytes(report),
           worker->profile.flows, worker->profile.open);
    printf(",\"reserved_bytes\":%zu,\"transparent_bytes\":%zu,\"small_bytes\":%zu",
           worker->memory.bytes[SS_BENCH_PAGES_RESERVED], worker->memory.bytes[SS_BENCH_PAGES_TRANSPARENT],
           worker->memory.bytes[SS_BENCH_PAGES_SMALL]);
    print_json_lanes(report);
    print_json_results(report);
    printf(",\"flow_bytes\":%zu,\"bucket_bytes_per_flow\":%.1f,\"handshake_bytes\":%zu}\n",
           sizeof(struct ss_flow), bucket_bytes(report), sizeof(struct ss_handshake));
}

/* ---- */

/* Each is judged at its last packet at the latest: before it, where that comes so late that ageing found it
 * complete. */
static bool has_measured_all(const struct ss_bench_worker *worker)
{
    uint64_t measured = ss_analyzer_counters(worker->analyzer)->handshakes;
    return measured >= worker->source.completed &&
           measured - worker->source.completed <= worker->profile.open;
}

static bool check_worker(const struct ss_bench_worker *worker)
{
    const struct ss_analyzer_counters *counters = ss_analyzer_counters(worker->analyzer);
    bool is_flooded = worker->profile.flood_share > 0;
    uint64_t refused = 0;
    uint64_t complete =
        counters->outcomes[0][SS_OUTCOME_COMPLETE] + counters->outcomes[1][SS_OUTCOME_COMPLETE];

    for (unsigned i = 0; i < SS_REFUSED_COUNT; i++)
        refused += counters->refused[i];
    if (counters->received_packets == worker->fed && counters->analyzed_packets + refused == worker->fed &&
        (is_flooded || (refused == 0 && has_measured_all(worker) && complete == counters->handshakes)))
        return true;
    fprintf(stderr,
            "slowshake-bench: fed %" PRIu64 " frames, analyzed %" PRIu64 ", refused %" PRIu64 "; of %" PRIu64
            " handshakes measured %" PRIu64 ", complete %" PRIu64 ", without a block %" PRIu64 "\n",
            worker->fed, counters->analyzed_packets, refused, worker->source.completed, counters->handshakes,
            complete, counters->handshakes_full);
    return false;
}

bool ss_bench_report_check(const struct ss_bench_report *report)
{
    bool is_right = true;

    for (unsigned i = 0; has(report, SS_BENCH_WHOLE) && i < report->options->workers; i++)
        is_right &= check_worker(report->workers[i]);
    return is_right;
}
