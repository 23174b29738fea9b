// SPDX-License-Identifier: BSD-3-Clause

#include "worker/worker.h"

#include "worker/export_blocks.h"
#include "worker/rx.h"

#include <rte_cycles.h>
#include <rte_pause.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define IDLE_TURNS     64    /* relaxed: turns without work before it sleeps */
#define SLEEP_NS       50000 /* a software stamp is about as late then; with the kernel's part < 200 us */
#define TIMER_SLACK_NS 1000  /* the default of 50 us would double the sleep */
#define VIEWS_A_SECOND 4

/* ---- to control */

static void tell_news(struct ss_worker *worker)
{
    struct ss_news news;

    while (ss_analyzer_next(worker->analyzer, &news)) {
        if (rte_ring_sp_enqueue_elem(worker->news, &news, sizeof(news)) != 0)
            worker->counters.news_lost++;
    }
}

static void publish(struct ss_worker *worker, uint64_t now_tsc)
{
    struct ss_clock_line line = ss_clock_read(worker->clock);
    struct ss_worker_view *draft = &worker->draft;

    worker->published_tsc = now_tsc;
    worker->counters.absence_max_ns = ss_clock_span_ns(&line, worker->absence_max_ticks);
    draft->worker = worker->counters;
    if (worker->analyzer != NULL) {
        draft->analyzer = *ss_analyzer_counters(worker->analyzer);
        ss_analyzer_gauges(worker->analyzer, &draft->gauges);
        for (unsigned resumed = 0; resumed < 2; resumed++)
            memcpy(draft->phases[resumed], ss_analyzer_phases(worker->analyzer, resumed),
                   sizeof(draft->phases[resumed]));
    }
    ss_snapshot_write(&worker->snapshot, draft);
}

/* ---- from control */

static void take_request(struct ss_worker *worker)
{
    struct ss_request request;

    if (worker->is_exporting || rte_ring_sc_dequeue_elem(worker->requests, &request, sizeof(request)) != 0)
        return;
    if (request.kind == SS_REQUEST_SLOW) {
        ss_analyzer_set_slow(worker->analyzer, request.slow);
        return;
    }
    worker->exporting = request;
    worker->is_exporting = true;
    worker->is_begun = false;
}

/* ---- the loop */

/* How long the loop was away: packets waited that long to be stamped. */
static void note_absence(struct ss_worker *worker, uint64_t now_tsc)
{
    uint64_t ticks = now_tsc - worker->last_turn_tsc;

    worker->last_turn_tsc = now_tsc;
    if (ticks > worker->absence_max_ticks)
        worker->absence_max_ticks = ticks;
    if (ticks > worker->absence_second_ticks)
        worker->absence_second_ticks = ticks;
    if (now_tsc - worker->second_tsc < rte_get_tsc_hz())
        return;
    struct ss_clock_line line = ss_clock_read(worker->clock);
    worker->counters.absence_recent_ns = ss_clock_span_ns(&line, worker->absence_second_ticks);
    worker->absence_second_ticks = 0;
    worker->second_tsc = now_tsc;
}

/* Returns whether there was work. now_tsc: before this turn's polls, so that nothing older is still to come
 * unless is_behind. */
static bool analyze(struct ss_worker *worker, uint64_t now_tsc)
{
    unsigned taken = ss_rx_take(worker);

    if (!worker->is_behind) {
        struct ss_clock_line line = ss_clock_read(worker->clock);
        ss_analyzer_tick(worker->analyzer, ss_clock_ns(&line, now_tsc));
    }
    tell_news(worker);
    take_request(worker);
    bool exported = ss_export_turn(worker);
    return taken > 0 || exported;
}

static void idle(struct ss_worker *worker)
{
    const struct timespec nap = {.tv_nsec = SLEEP_NS};

    if (worker->spin || worker->idle_turns < IDLE_TURNS)
        rte_pause();
    else
        clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
}

static void turn(struct ss_worker *worker)
{
    uint64_t now_tsc = rte_rdtsc();

    note_absence(worker, now_tsc);
    worker->is_behind = false;
    worker->shed = SS_SHED_NOTHING;
    bool is_busy = ss_rx_poll(worker) > 0;
    if (worker->analyzer != NULL && analyze(worker, now_tsc))
        is_busy = true;
    worker->counters.turns++;
    worker->counters.busy_turns += is_busy;
    atomic_store_explicit(&worker->heartbeat, worker->counters.turns, memory_order_relaxed);
    if (now_tsc - worker->published_tsc > rte_get_tsc_hz() / VIEWS_A_SECOND)
        publish(worker, now_tsc);
    worker->idle_turns = is_busy ? 0 : worker->idle_turns + 1;
    if (!is_busy)
        idle(worker);
}

int ss_worker_run(void *argument)
{
    struct ss_worker *worker = argument;
    uint64_t now_tsc = rte_rdtsc();

    if (!worker->spin)
        prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
    worker->last_turn_tsc = worker->second_tsc = worker->published_tsc = now_tsc;
    for (unsigned i = 0; i < worker->queue_count; i++)
        worker->queues[i].emptied_tsc = now_tsc;
    while (!atomic_load_explicit(worker->stop, memory_order_relaxed))
        turn(worker);
    publish(worker, rte_rdtsc());
    return 0;
}
