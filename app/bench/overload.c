// SPDX-License-Identifier: BSD-3-Clause

/* slowshake-bench-overload: what becomes of handshakes when more comes than one core can take.
 *
 * Frames of the profile `mix` come at a multiple of what the analyzer takes, as measured just before, into a
 * queue of 4096, as a NIC's. Time is the analyzer's own: while it works on a burst, as many frames come as
 * the rate says. A frame that finds the queue full is dropped, whatever it is. Each multiple is run twice: as
 * the appliance does (analyzer/shed.h), and without shedding. Then frames come at half the rate, and it is
 * told how long it took until nothing was shed or dropped any more.
 *
 * A handshake counts as kept if it was judged complete, with no byte missing.
 */

#include "base/units.h"
#include "ticks.h"
#include "worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE        4096
#define CONNECTIONS  200000
#define OPEN         10000
#define FRAMES       2000000 /* of a run */
#define BUFFER_BYTES 2048
#define WHY_BYTES    256

struct queue {
    struct ss_frame frames[QUEUE];
    uint8_t *buffers;
    unsigned first, count;
};

struct result {
    uint64_t offered, dropped, shed_bulk, shed_new, analyzed, made, kept;
};

struct overload {
    struct ss_bench_worker *worker;
    struct queue queue;
    struct result result;
    double due; /* frames that have come since the last burst, and parts of one */
    bool sheds;
};

/* ---- one burst */

static void count_kept(struct overload *overload)
{
    struct ss_analyzer *analyzer = overload->worker->analyzer;
    struct ss_news news;

    while (ss_analyzer_next(analyzer, &news)) {
        const struct ss_finding *finding =
            news.kind == SS_NEWS_JUDGED ? ss_analyzer_finding(analyzer, news.note) : NULL;
        overload->result.kept +=
            finding != NULL && finding->outcome == SS_OUTCOME_COMPLETE && finding->tap_missing_bytes == 0;
    }
}

/* Nanoseconds that the analyzer took for what it found in the queue. */
static uint64_t serve(struct overload *overload)
{
    struct queue *queue = &overload->queue;
    struct ss_frame burst[SS_BENCH_BURST];
    unsigned count = queue->count < SS_BENCH_BURST ? queue->count : SS_BENCH_BURST;
    enum ss_shed shed = overload->sheds ? ss_shed_of(queue->count, QUEUE) : SS_SHED_NOTHING;

    for (unsigned i = 0; i < count; i++)
        burst[i] = queue->frames[(queue->first + i) % QUEUE];
    queue->first += count;
    queue->count -= count;
    uint64_t from_ns = ss_bench_thread_ns();
    ss_analyzer_shed(overload->worker->analyzer, shed);
    ss_analyzer_feed(overload->worker->analyzer, burst, count);
    ss_analyzer_tick(overload->worker->analyzer, burst[count - 1].time_ns);
    count_kept(overload);
    return ss_bench_thread_ns() - from_ns;
}

static void arrive(struct overload *overload)
{
    struct queue *queue = &overload->queue;
    struct ss_bench_source *source = &overload->worker->source;
    uint64_t before = source->completed;
    unsigned at = (queue->first + queue->count) % QUEUE;
    uint8_t spare[BUFFER_BYTES];
    struct ss_frame lost;
    bool is_full = queue->count == QUEUE;

    ss_bench_source_next(source, is_full ? spare : queue->buffers + (size_t)at * BUFFER_BYTES,
                         is_full ? &lost : &queue->frames[at]);
    queue->count += !is_full;
    overload->result.offered++;
    overload->result.dropped += is_full;
    overload->result.made += source->completed - before;
}

/* ---- runs */

static struct result counted(const struct overload *overload)
{
    const struct ss_analyzer_counters *counters = ss_analyzer_counters(overload->worker->analyzer);
    struct result result = overload->result;

    result.shed_bulk = counters->refused[SS_REFUSED_SHED_BULK];
    result.shed_new = counters->refused[SS_REFUSED_SHED_NEW];
    result.analyzed = counters->analyzed_packets;
    return result;
}

static struct result difference(const struct result *after, const struct result *before)
{
    return (struct result){.offered = after->offered - before->offered,
                           .dropped = after->dropped - before->dropped,
                           .shed_bulk = after->shed_bulk - before->shed_bulk,
                           .shed_new = after->shed_new - before->shed_new,
                           .analyzed = after->analyzed - before->analyzed,
                           .made = after->made - before->made,
                           .kept = after->kept - before->kept};
}

/* frames_ns: frames a nanosecond. */
static struct result run(struct overload *overload, double frames_ns, uint64_t frames)
{
    struct result before = counted(overload);

    while (overload->result.offered - before.offered < frames) {
        uint64_t ns = overload->queue.count > 0 ? serve(overload) : 0;
        overload->due += (double)ns * frames_ns;
        if (overload->queue.count == 0 && overload->due < 1) /* nothing to do until the next one comes */
            overload->due = 1;
        for (; overload->due >= 1; overload->due--)
            arrive(overload);
    }
    struct result after = counted(overload);
    return difference(&after, &before);
}

/* What is taken when the queue is neither empty nor so full that anything is shed. */
static double rate_taken(struct overload *overload)
{
    uint64_t ns = 0;

    for (unsigned i = 0; i < FRAMES / 4; i += SS_BENCH_BURST) {
        while (overload->queue.count < QUEUE / 2 - 1)
            arrive(overload);
        ns += serve(overload);
    }
    return (double)(FRAMES / 4) / (double)ns;
}

/* Frames at half the rate until nothing is shed or dropped of a queue's worth of them: how many, before
 * these. */
static uint64_t recover(struct overload *overload, double frames_ns)
{
    uint64_t frames = 0;

    for (;; frames += SS_BENCH_BURST) {
        bool is_well = overload->queue.count < QUEUE / 2;
        struct result result = run(overload, frames_ns / 2, SS_BENCH_BURST);
        if (is_well && result.dropped + result.shed_bulk + result.shed_new == 0)
            return frames;
    }
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void show(struct overload *overload, double times, bool sheds)
{
    double taken_ns = rate_taken(overload);

    overload->sheds = sheds;
    struct result result = run(overload, times * taken_ns, FRAMES);
    uint64_t recovery = recover(overload, taken_ns);

    printf("| %.1f | %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.2f |\n", times, sheds ? "yes" : "no",
           share(result.analyzed, result.offered), share(result.shed_bulk, result.offered),
           share(result.shed_new, result.offered), share(result.dropped, result.offered),
           share(result.kept, result.made), (double)recovery / (taken_ns / 2) / SS_NS_PER_MS);
    fflush(stdout);
}

int main(void)
{
    static const double TIMES[] = {0.8, 1.2, 1.5, 2, 3};
    static struct overload overload;
    const struct ss_bench_profile *profile = ss_bench_profile_find("mix");
    const struct ss_bench_options options = {.rounds = 1,
                                             .workers = 1,
                                             .flows = CONNECTIONS,
                                             .open = OPEN,
                                             .recent_bytes = 256u << 20,
                                             .handshakes_bytes = 64u << 20,
                                             .seed = 1,
                                             .pages = SS_BENCH_PAGES_TRANSPARENT,
                                             .lanes = {[SS_BENCH_WHOLE] = true}};
    char why[WHY_BYTES] = "not enough memory";
    struct ss_bench_templates *templates =
        ss_bench_templates_load(SS_BENCH_TEMPLATES_FOLDER, why, sizeof(why));

    overload.worker = templates != NULL ? ss_bench_worker_create(profile, &options, templates, 0) : NULL;
    overload.queue.buffers = malloc((size_t)QUEUE * BUFFER_BYTES);
    if (overload.worker == NULL || overload.queue.buffers == NULL) {
        fprintf(stderr, "slowshake-bench-overload: %s\n", why);
        return EXIT_FAILURE;
    }
    ss_bench_worker_prepare(overload.worker);
    printf(
        "| offered, times | sheds | analyzed, %% | shed after handshakes, %% | shed new, %% | dropped, %% | "
        "handshakes kept, %% | until well, ms |\n|---|---|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < sizeof(TIMES) / sizeof(TIMES[0]); i++) {
        show(&overload, TIMES[i], true);
        show(&overload, TIMES[i], false);
    }
    free(overload.queue.buffers);
    ss_bench_worker_free(overload.worker);
    free(templates);
    return EXIT_SUCCESS;
}
