// SPDX-License-Identifier: BSD-3-Clause

/* slowshake-bench: frames from memory into the analyzer, as fast as it takes them. */

#include "base/units.h"
#include "report.h"
#include "ticks.h"

#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE  2
#define WORKERS_MAX 64
#define WHY_BYTES   512

struct bench {
    struct ss_bench_options options;
    struct ss_bench_templates *templates;
    struct ss_bench_worker *workers[WORKERS_MAX];
    pthread_barrier_t together;
    const char *templates_folder;
    double ticks_hz;
    bool json;
};

/* A worker's thread. */
struct seat {
    struct bench *bench;
    unsigned number;
    int cpu;
    pthread_t thread;
};

/* ---- running */

static void *run_worker(void *argument)
{
    struct seat *seat = argument;
    struct bench *bench = seat->bench;
    struct ss_bench_worker *worker = bench->workers[seat->number];
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)seat->cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    ss_bench_worker_prepare(worker);
    for (unsigned round = 0; round < bench->options.rounds; round++) {
        ss_bench_worker_begin(worker);
        for (unsigned lane = 0; lane < SS_BENCH_LANE_COUNT; lane++) {
            if (!bench->options.lanes[lane])
                continue;
            pthread_barrier_wait(&bench->together);
            ss_bench_worker_run(worker, lane, round);
        }
    }
    return NULL;
}

/* The last CPUs that this process may use: the first has the interrupts, mostly. */
static bool choose_cpus(struct seat *seats, unsigned count)
{
    cpu_set_t allowed;
    int cpu = CPU_SETSIZE - 1;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) < (int)count)
        return false;
    for (unsigned i = 0; i < count; i++) {
        while (!CPU_ISSET((size_t)cpu, &allowed))
            cpu--;
        seats[i].cpu = cpu--;
    }
    return true;
}

static bool run_workers(struct bench *bench)
{
    struct seat seats[WORKERS_MAX];
    unsigned count = bench->options.workers;

    if (!choose_cpus(seats, count)) {
        fprintf(stderr, "slowshake-bench: there are fewer than %u CPUs to run on\n", count);
        return false;
    }
    pthread_barrier_init(&bench->together, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        seats[i].bench = bench;
        seats[i].number = i;
        if (pthread_create(&seats[i].thread, NULL, run_worker, &seats[i]) != 0) {
            fprintf(stderr, "slowshake-bench: no thread for worker %u\n", i);
            exit(EXIT_FAILURE); /* the others wait for it */
        }
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(seats[i].thread, NULL);
    pthread_barrier_destroy(&bench->together);
    return true;
}

static bool make_workers(struct bench *bench, const struct ss_bench_profile *profile)
{
    for (unsigned i = 0; i < bench->options.workers; i++) {
        bench->workers[i] = ss_bench_worker_create(profile, &bench->options, bench->templates, i);
        if (bench->workers[i] == NULL) {
            fprintf(stderr, "slowshake-bench: not enough memory for worker %u of %s\n", i, profile->name);
            return false;
        }
    }
    return true;
}

static bool run_profile(struct bench *bench, const struct ss_bench_profile *profile)
{
    memset(bench->workers, 0, sizeof(bench->workers));
    bool is_right = make_workers(bench, profile) && run_workers(bench);
    if (is_right) {
        struct ss_bench_report report = {.profile = profile,
                                         .options = &bench->options,
                                         .templates = bench->templates,
                                         .workers = bench->workers,
                                         .ticks_hz = bench->ticks_hz,
                                         .transparent_bytes = ss_bench_memory_transparent()};
        if (bench->json)
            ss_bench_report_json(&report);
        else
            ss_bench_report_table(&report);
        fflush(stdout);
        is_right = ss_bench_report_check(&report);
    }
    for (unsigned i = 0; i < bench->options.workers; i++) {
        if (bench->workers[i] != NULL)
            ss_bench_worker_free(bench->workers[i]);
    }
    return is_right;
}

/* ---- the command line */

static void print_usage(FILE *file)
{
    const struct ss_bench_profile *profile = NULL;

    fputs("usage: slowshake-bench [OPTION...] [PROFILE...]\n"
          "Feeds frames from memory to the analyzer and to a plain loop that shows what the memory allows "
          "(floor).\n"
          "\n",
          file);
    while ((profile = ss_bench_profile_next(profile)) != NULL)
        fprintf(file, "  %-18s %s\n", profile->name, profile->about);
    fputs("\n"
          "  --lcores N         workers, each on a CPU of its own and with all of the profile; 1\n"
          "  --rounds N         of all lanes in turn; medians are shown, with the least and the most; 5\n"
          "  --lanes A,B...     of floor,whole,decode,flow,history; all\n"
          "  --json             a line of JSON for each profile\n"
          "  --frames N         of a round, in place of the profile's\n"
          "  --connections N    established, in place of the profile's\n"
          "  --open N           connections in their handshake at once, in place of the profile's\n"
          "  --recent SIZE      of the history's ring of all packets; 256MiB\n"
          "  --handshakes SIZE  of the ring of first bytes; 64MiB\n"
          "  --per-flow SIZE    quota of a connection there; else what established ones have spent\n"
          "  --pages KIND       reserved (huge pages; transparent ones where there are none left),\n"
          "                     transparent, small; reserved\n"
          "  --seed N           of the pseudo-random order; 1\n"
          "  --templates DIR    with captures of handshakes; tests/replay of the source\n",
          file);
}

static bool parse_number(const char *text, uint32_t most, uint32_t *ret_number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value == 0 || value > most)
        return false;
    *ret_number = (uint32_t)value;
    return true;
}

static bool parse_ring(const char *text, uint64_t *ret_bytes)
{
    uint64_t bytes;

    if (!ss_size_parse(text, strlen(text), &bytes) || bytes < 1 << 20 || bytes > 1ULL << 36)
        return false;
    *ret_bytes = bytes & ~(uint64_t)63;
    return true;
}

static bool parse_quota(const char *text, uint32_t *ret_bytes)
{
    uint64_t bytes;

    if (!ss_size_parse(text, strlen(text), &bytes) || bytes == 0 || bytes > UINT32_MAX)
        return false;
    *ret_bytes = (uint32_t)bytes;
    return true;
}

static bool parse_pages(const char *text, enum ss_bench_pages *ret_pages)
{
    static const char *const names[] = {"reserved", "transparent", "small"};

    for (unsigned i = 0; i < SS_BENCH_PAGES_COUNT; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_pages = i;
            return true;
        }
    }
    return false;
}

static bool parse_lanes(const char *text, bool ret_lanes[SS_BENCH_LANE_COUNT])
{
    memset(ret_lanes, 0, SS_BENCH_LANE_COUNT * sizeof(*ret_lanes));
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        unsigned lane = 0;
        while (lane < SS_BENCH_LANE_COUNT && (strlen(ss_bench_lane_name(lane)) != length ||
                                              strncmp(text, ss_bench_lane_name(lane), length) != 0))
            lane++;
        if (lane == SS_BENCH_LANE_COUNT)
            return false;
        ret_lanes[lane] = true;
        text += length + (text[length] == ',');
    }
    return true;
}

static bool take_option(struct bench *bench, int option, const char *value)
{
    struct ss_bench_options *options = &bench->options;
    uint32_t number;

    switch (option) {
    case 'l':
        return parse_number(value, WORKERS_MAX, &options->workers);
    case 'r':
        return parse_number(value, SS_BENCH_ROUNDS_MAX, &options->rounds);
    case 'L':
        return parse_lanes(value, options->lanes);
    case 'j':
        bench->json = true;
        return true;
    case 'f':
        return parse_number(value, 1u << 30, &options->frames);
    case 'c':
        return parse_number(value, 1u << 24, &options->flows);
    case 'o':
        return parse_number(value, 1u << 24, &options->open);
    case 'R':
        return parse_ring(value, &options->recent_bytes);
    case 'H':
        return parse_ring(value, &options->handshakes_bytes);
    case 'q':
        return parse_quota(value, &options->per_flow_bytes);
    case 'p':
        return parse_pages(value, &options->pages);
    case 's':
        if (!parse_number(value, UINT32_MAX, &number))
            return false;
        options->seed = number;
        return true;
    case 't':
        bench->templates_folder = value;
        return true;
    default:
        return false;
    }
}

static bool parse_options(int argc, char **argv, struct bench *bench)
{
    static const struct option known[] = {{"lcores", required_argument, NULL, 'l'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"lanes", required_argument, NULL, 'L'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"frames", required_argument, NULL, 'f'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"open", required_argument, NULL, 'o'},
                                          {"recent", required_argument, NULL, 'R'},
                                          {"handshakes", required_argument, NULL, 'H'},
                                          {"per-flow", required_argument, NULL, 'q'},
                                          {"pages", required_argument, NULL, 'p'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"templates", required_argument, NULL, 't'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option, index = 0;

    while ((option = getopt_long(argc, argv, "h", known, &index)) != -1) {
        if (option == 'h') {
            print_usage(stdout);
            exit(EXIT_SUCCESS);
        }
        if (option == '?')
            return false;
        if (!take_option(bench, option, optarg)) {
            fprintf(stderr, "slowshake-bench: --%s: \"%s\" cannot be\n", known[index].name, optarg);
            return false;
        }
    }
    for (int i = optind; i < argc; i++) {
        if (ss_bench_profile_find(argv[i]) == NULL) {
            fprintf(stderr, "slowshake-bench: no profile is called \"%s\"\n", argv[i]);
            return false;
        }
    }
    return true;
}

static bool run_all(struct bench *bench, char **names, int count)
{
    const struct ss_bench_profile *profile = NULL;
    bool is_right = true;

    for (int i = 0; i < count; i++)
        is_right &= run_profile(bench, ss_bench_profile_find(names[i]));
    while (count == 0 && (profile = ss_bench_profile_next(profile)) != NULL)
        is_right &= run_profile(bench, profile);
    return is_right;
}

int main(int argc, char **argv)
{
    struct bench bench = {.options = {.rounds = 5,
                                      .workers = 1,
                                      .recent_bytes = 256u << 20,
                                      .handshakes_bytes = 64u << 20,
                                      .seed = 1,
                                      .lanes = {true, true, true, true, true}},
                          .templates_folder = SS_BENCH_TEMPLATES_FOLDER};
    char why[WHY_BYTES];

    if (!parse_options(argc, argv, &bench)) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    bench.templates = ss_bench_templates_load(bench.templates_folder, why, sizeof(why));
    if (bench.templates == NULL) {
        fprintf(stderr, "slowshake-bench: %s\n", why);
        return EXIT_FAILURE;
    }
    bench.ticks_hz = ss_bench_ticks_hz();
    bool is_right = run_all(&bench, argv + optind, argc - optind);
    free(bench.templates);
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
