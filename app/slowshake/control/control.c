// SPDX-License-Identifier: BSD-3-Clause

#include "control/control.h"
#include "base/units.h"
#include "control/exports.h"
#include "control/journals.h"
#include "control/reload.h"
#include "export/ledger.h"

#include <errno.h>
#include <poll.h>
#include <rte_cycles.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MINUTE_NS      (60 * SS_NS_PER_S)
#define TICK_NS        (5 * SS_NS_PER_MS)
#define CLOCK_NS       (100 * SS_NS_PER_MS)
#define CLOCK_FIRST_NS (10 * SS_NS_PER_MS) /* in the first second */
#define VIEW_NS        (200 * SS_NS_PER_MS)
#define WATCH_NS       SS_NS_PER_S
#define STOP_MAX_NS    (10 * SS_NS_PER_S)   /* for finishing what is under way */
#define STOP_LAST_NS   (300 * SS_NS_PER_MS) /* for the last events: journald tells after up to 250 ms */

#define LEDGER_BACK_NS (3600 * SS_NS_PER_S)

#define NEWS_BURST    64
#define NEWS_A_TURN   1024 /* of each analyzer */
#define EXPIRE_A_TURN 1024
#define WAITING_MAX   65536 /* events that wait for their handshake */
#define FLOWS_MIN     65536 /* handshakes that the join knows, at least and at most */
#define FLOWS_MAX     (1u << 24)
#define FLOW_BYTES    2048 /* of the history's handshakes tier, that the smallest connection takes */

#define SECONDS_MAX 4096 /* of which the mirror's loss is known: events come late */

struct ss_control {
    struct ss_appliance *appliance;
    struct ss_join *join;
    struct ss_exports *exports;
    struct ss_journals *journals;
    struct ss_reload *reload;
    struct ss_mirror_second seconds[SECONDS_MAX];
    struct ss_mirror_loss mirror_loss;
    int signal_fd, tick_fd;
    struct ss_ledger *ledger;
    uint64_t events_taken[SS_EPOCHS]; /* out of the journals */
    uint8_t epoch;                    /* that new events belong to */
    uint64_t steps_told[SS_JOIN_HOSTS];
    int64_t started_ns, next_clock_ns, next_view_ns, next_watch_ns;
    int64_t stop_ns;      /* when stopping ends at the latest; 0: not stopping */
    int64_t last_call_ns; /* stopping: news and journals are read until then */
    bool is_done;

    struct ss_control_view view;
    struct ss_control_view published;
    struct ss_snapshot snapshot; /* of published */
};

static int64_t monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SS_NS_PER_S + now.tv_nsec;
}

/* By the tap's clock. */
static int64_t tap_now(const struct ss_control *control)
{
    struct ss_clock_line line = ss_clock_read(&control->appliance->clock);
    return ss_clock_ns(&line, ss_clock_ticks());
}

/* ---- news and events ---- */

static void take_judged(struct ss_control *control, const struct ss_news *news, uint16_t analyzer)
{
    struct ss_join_flow *flow = ss_join_add_flow(control->join, news, analyzer);
    struct ss_event event;

    bool is_under_way = ss_exports_update(control->exports, flow);
    /* What was written while it was open is written again, whatever became of it. */
    if (!is_under_way && (news->flags != 0 || flow->exported))
        ss_exports_flow(control->exports, flow, NULL);
    while (ss_join_take_waiting(control->join, flow, &event))
        ss_exports_flow(control->exports, flow, &event);
}

static void take_ended(struct ss_control *control, const struct ss_news *news)
{
    struct ss_join_flow *flow = ss_join_find_flow(control->join, news);

    if (flow != NULL)
        ss_exports_ended(control->exports, flow, news);
}

static void take_news(struct ss_control *control, const struct ss_news *news, uint16_t analyzer)
{
    switch (news->kind) {
    case SS_NEWS_JUDGED:
        take_judged(control, news, analyzer);
        break;
    case SS_NEWS_ENDED:
        take_ended(control, news);
        break;
    case SS_NEWS_SECOND:
        ss_mirror_loss_add(&control->mirror_loss, &news->mirror);
        break;
    }
}

static void drain_news(struct ss_control *control)
{
    for (unsigned i = 0; i < control->appliance->analyzer_count; i++) {
        struct rte_ring *ring = control->appliance->analyzers[i]->news;
        struct ss_news news[NEWS_BURST];
        unsigned count = NEWS_BURST;
        for (unsigned taken = 0; taken < NEWS_A_TURN && count == NEWS_BURST; taken += count) {
            count = rte_ring_dequeue_burst_elem(ring, news, sizeof(news[0]), NEWS_BURST, NULL);
            for (unsigned k = 0; k < count; k++)
                take_news(control, &news[k], (uint16_t)i);
        }
    }
}

/* It was taken before, in this run or in one that crashed and read further than its cursors say. */
static bool is_known(struct ss_control *control, const struct ss_event *event)
{
    return !ss_ledger_add(control->ledger, event) ||
           (ss_join_is_before_start(control->join, event) && ss_ledger_is_told(control->ledger, event));
}

static void take_event(struct ss_control *control, struct ss_event *event, int64_t now_ns)
{
    struct ss_join_flow *flow;
    enum ss_unmatched reason;

    if (is_known(control, event)) {
        control->view.events_again++;
        return;
    }
    event->epoch = control->epoch;
    control->events_taken[event->epoch]++;
    switch (ss_join_add_event(control->join, event, tap_now(control), now_ns, &flow, &reason)) {
    case SS_JOIN_MATCHED:
        ss_exports_flow(control->exports, flow, event);
        break;
    case SS_JOIN_UNMATCHED:
        ss_exports_unmatched(control->exports, event, reason);
        break;
    case SS_JOIN_WAITING:
        break;
    }
}

static void read_journals(struct ss_control *control, int64_t now_ns)
{
    struct ss_event event;

    ss_journals_turn(control->journals, now_ns);
    while (ss_journals_next(control->journals, now_ns, &event))
        take_event(control, &event, now_ns);
}

/* Nothing new is taken any more, and nothing waits any longer. */
static bool is_closing(const struct ss_control *control, int64_t now_ns)
{
    return control->stop_ns != 0 && now_ns >= control->last_call_ns;
}

/* Events that need not wait any longer; at the end, all. */
static void expire(struct ss_control *control, int64_t now_ns)
{
    int64_t due_ns = is_closing(control, now_ns) ? SS_JOIN_FOREVER : now_ns;
    struct ss_join_flow *flow;
    enum ss_unmatched reason;
    struct ss_event event;

    for (unsigned i = 0; i < EXPIRE_A_TURN; i++) {
        if (!ss_join_expire(control->join, due_ns, &event, &flow, &reason))
            return;
        if (flow != NULL)
            ss_exports_flow(control->exports, flow, &event);
        else
            ss_exports_unmatched(control->exports, &event, reason);
    }
}

/* ---- cursors ---- */

/* Events of the epoch that are neither on disk nor counted as not written. */
static uint64_t pending(const struct ss_control *control, unsigned epoch)
{
    struct ss_writer_view writer;

    ss_writer_view(control->appliance->writer, &writer);
    return control->events_taken[epoch] - writer.events_durable[epoch] - writer.events_failed[epoch] -
           ss_exports_counters(control->exports)->events_settled[epoch];
}

static bool is_settled(const struct ss_control *control)
{
    return pending(control, 0) == 0 && pending(control, 1) == 0;
}

/* To the writer, which may wait for the disk. */
static void give_positions(struct ss_control *control)
{
    for (unsigned i = 0; i < SS_JOURNALS_MAX; i++) {
        struct ss_positions *positions = ss_journals_positions(control->journals, i);
        if (positions != NULL)
            ss_writer_save(control->appliance->writer, i, positions);
    }
}

static void take_answers(struct ss_control *control)
{
    int error;

    for (unsigned i = 0; i < SS_JOURNALS_MAX; i++) {
        if (ss_writer_saved(control->appliance->writer, i, &error))
            ss_journals_saved(control->journals, i, error);
    }
}

/* A position in the journals may be saved once all events before it have come to their end. Under a stream of
 * events there is never a moment without any under way; so they belong to two epochs in turn. Where one ends,
 * the positions are marked; once its last event has ended, the mark is saved, and the other epoch ends. */
static void save_cursors(struct ss_control *control)
{
    take_answers(control);
    if (pending(control, !control->epoch) > 0)
        return;
    give_positions(control);
    ss_journals_mark(control->journals);
    control->epoch = !control->epoch;
    if (pending(control, !control->epoch) == 0)
        give_positions(control);
}

/* What an earlier run wrote since its cursors were saved comes again. Files may be dated by a clock that was
 * set since. */
static void load_ledger(struct ss_control *control)
{
    const char *directory = control->appliance->config->export_directory;
    int64_t saved_ns = ss_journals_saved_ns(control->journals);

    if (directory != NULL && saved_ns > 0)
        ss_ledger_load(control->ledger, directory, saved_ns - LEDGER_BACK_NS);
}

/* ---- the view ---- */

static double rate_error_ppm(const struct ss_clock *clock)
{
    return (1e9 / clock->ns_per_tick / (double)rte_get_tsc_hz() - 1) * 1e6;
}

/* A name out of a journal. */
static const char *printable(const char *text, char ret_text[SS_HOST_MAX])
{
    size_t length = 0;

    for (; length < SS_HOST_MAX - 1 && text[length] != '\0'; length++)
        ret_text[length] = text[length] > ' ' && text[length] <= '~' ? text[length] : '?';
    ret_text[length] = '\0';
    return ret_text;
}

/* Joins hang on a proxy's clock: whoever set it may want to know. */
static void tell_steps(struct ss_control *control)
{
    const struct ss_control_view *view = &control->view;
    char by[SS_DURATION_TEXT_MAX], now[SS_DURATION_TEXT_MAX], at[SS_TIME_TEXT_MAX], name[SS_HOST_MAX];

    for (unsigned i = 0; i < view->host_count; i++) {
        const struct ss_join_host *host = &view->hosts[i];
        if (host->steps == control->steps_told[i])
            continue;
        control->steps_told[i] = host->steps;
        fprintf(stderr, "slowshake: the clock of host %s was set by %s, noticed at %s: it is %s off by now\n",
                printable(host->name, name), ss_duration_say(host->stepped_ns, by),
                ss_time_format(host->stepped_at_ns, at), ss_duration_say(host->offset_ns, now));
    }
}

static void publish(struct ss_control *control)
{
    const struct ss_exports_counters *exports = ss_exports_counters(control->exports);
    struct ss_control_view *view = &control->view;
    const struct ss_clock *clock = &control->appliance->clock;

    view->join = *ss_join_counters(control->join);
    view->host_count = (unsigned)ss_join_hosts(control->join, view->hosts, SS_JOIN_HOSTS);
    int64_t oldest_ns = ss_join_oldest(control->join), now_ns = tap_now(control);
    /* The kernel's stamps may be a little ahead of our clock. */
    view->join_age_ns = oldest_ns != 0 && oldest_ns < now_ns ? now_ns - oldest_ns : 0;
    tell_steps(control);
    view->flagged = exports->flagged;
    view->exports_asked = exports->asked;
    view->exports_done = exports->done;
    view->exports_gone = exports->gone;
    view->exports_refused = exports->refused;
    view->events_refused = exports->events_refused;
    view->unmatched_refused = exports->unmatched_refused;
    view->events_pending = pending(control, 0) + pending(control, 1);
    view->mirror_seen_bytes = control->mirror_loss.seen_bytes;
    view->mirror_missing_bytes = control->mirror_loss.missing_bytes;
    view->mirror_loss_ppm = ss_mirror_loss_ppm(&control->mirror_loss, now_ns - MINUTE_NS, now_ns);
    view->clock_steps = clock->steps;
    view->clock_error_ns = ss_clock_read(clock).error_ns;
    view->clock_ppm = rate_error_ppm(clock);
    ss_journals_show(control->journals, view);
    ss_reload_show(control->reload, view);
    ss_snapshot_write(&control->snapshot, view);
}

void ss_control_view(const struct ss_control *control, struct ss_control_view *ret_view)
{
    ss_snapshot_read(&control->snapshot, ret_view);
}

char *ss_control_config(struct ss_control *control)
{
    return ss_reload_text(control->reload);
}

void ss_control_journal_directory(struct ss_control *control, unsigned i, char *ret_text, size_t bytes)
{
    ss_reload_journal_directory(control->reload, i, ret_text, bytes);
}

/* ---- the loop ---- */

static void calibrate(struct ss_control *control, int64_t now_ns)
{
    uint64_t tsc;
    int64_t utc_ns;
    uint32_t width_ns;

    ss_clock_sample(&tsc, &utc_ns, &width_ns);
    ss_clock_calibrate(&control->appliance->clock, tsc, utc_ns, width_ns);
    control->next_clock_ns =
        now_ns + (now_ns - control->started_ns < SS_NS_PER_S ? CLOCK_FIRST_NS : CLOCK_NS);
}

static void watch(struct ss_control *control, int64_t now_ns)
{
    struct ss_appliance *appliance = control->appliance;

    for (unsigned i = 0; i < appliance->port_count; i++)
        ss_port_watch(&appliance->ports[i], appliance->mbufs);
    save_cursors(control);
    control->next_watch_ns = now_ns + WATCH_NS;
}

/* All that was flagged is on disk, or there is no more time for it. */
static bool is_finished(const struct ss_control *control, int64_t now_ns)
{
    if (now_ns >= control->stop_ns) {
        fprintf(stderr, "slowshake: stopped before everything was written\n");
        return true;
    }
    return ss_exports_is_idle(control->exports) && is_settled(control);
}

static void tick(struct ss_control *control)
{
    int64_t now_ns = monotonic_now();
    bool closing = is_closing(control, now_ns);

    if (now_ns >= control->next_clock_ns)
        calibrate(control, now_ns);
    if (!closing) { /* a busy mirror would bring the next flagged flow for ever */
        drain_news(control);
        read_journals(control, now_ns);
    }
    expire(control, now_ns);
    ss_exports_turn(control->exports);
    ss_reload_turn(control->reload, now_ns);
    if (now_ns >= control->next_view_ns) {
        publish(control);
        control->next_view_ns = now_ns + VIEW_NS;
    }
    if (now_ns >= control->next_watch_ns)
        watch(control, now_ns);
    if (closing && is_finished(control, now_ns))
        control->is_done = true;
}

static void take_signals(struct ss_control *control)
{
    struct signalfd_siginfo signal;

    while (read(control->signal_fd, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
        if (signal.ssi_signo == SIGHUP) {
            if (control->stop_ns == 0)
                ss_reload_ask(control->reload, monotonic_now());
        } else if (control->stop_ns == 0) {
            control->stop_ns = monotonic_now() + STOP_MAX_NS;
            control->last_call_ns = control->stop_ns - STOP_MAX_NS + STOP_LAST_NS;
        } else {
            control->is_done = true; /* asked twice: at once */
        }
    }
}

void ss_control_run(struct ss_control *control)
{
    struct pollfd polled[] = {{.fd = control->signal_fd, .events = POLLIN},
                              {.fd = control->tick_fd, .events = POLLIN}};
    uint64_t ticks;

    control->started_ns = monotonic_now();
    ss_join_set_start(control->join, tap_now(control));
    save_cursors(control); /* a first run that is killed early shall find where it began */
    while (!control->is_done) {
        if (poll(polled, 2, -1) < 0 && errno != EINTR)
            break;
        take_signals(control);
        if (read(control->tick_fd, &ticks, sizeof(ticks)) == (ssize_t)sizeof(ticks))
            tick(control);
    }
    save_cursors(control);
    publish(control);
    atomic_store_explicit(&control->appliance->stop, true, memory_order_release);
}

/* ---- life ---- */

/* As many handshakes as the history can hold: for others an event comes too late anyway. */
static size_t flows_max(const struct ss_config *config)
{
    uint64_t flows = config->handshakes_bytes / FLOW_BYTES;
    return flows < FLOWS_MIN ? FLOWS_MIN : flows > FLOWS_MAX ? FLOWS_MAX : (size_t)flows;
}

static int open_descriptors(struct ss_control *control)
{
    const struct itimerspec every = {.it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS};
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    control->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    control->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (control->signal_fd < 0 || control->tick_fd < 0 ||
        timerfd_settime(control->tick_fd, 0, &every, NULL) != 0)
        return -errno;
    return 0;
}

static int open_all(struct ss_control *control, char *ret_why, size_t why_bytes)
{
    struct ss_appliance *appliance = control->appliance;
    int error = open_descriptors(control);
    uint64_t seed = 0;

    if (error == 0 && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        error = -EIO;
    if (error == 0)
        error = ss_join_create(flows_max(appliance->config), WAITING_MAX, seed, &control->join);
    if (error == 0) {
        control->exports = ss_exports_create(appliance, control->join, &control->mirror_loss);
        control->ledger = ss_ledger_create();
    }
    if (error != 0 || control->exports == NULL || control->ledger == NULL) {
        snprintf(ret_why, why_bytes, "the control loop cannot start: out of memory or descriptors");
        return error != 0 ? error : -ENOMEM;
    }
    error = ss_journals_open(appliance->config, &control->journals, ret_why, why_bytes);
    if (error != 0)
        return error;
    load_ledger(control);
    control->reload = ss_reload_create(appliance, control->journals, control->join);
    if (control->reload == NULL)
        snprintf(ret_why, why_bytes, "the control loop cannot start: out of memory");
    return control->reload != NULL ? 0 : -ENOMEM;
}

int ss_control_create(struct ss_appliance *appliance, struct ss_control **ret_control, char *ret_why,
                      size_t why_bytes)
{
    struct ss_control *control = calloc(1, sizeof(*control));

    if (control == NULL) {
        snprintf(ret_why, why_bytes, "the control loop cannot start: out of memory");
        return -ENOMEM;
    }
    control->appliance = appliance;
    control->signal_fd = control->tick_fd = -1;
    ss_mirror_loss_init(&control->mirror_loss, control->seconds, SECONDS_MAX);
    ss_snapshot_init(&control->snapshot, &control->published, sizeof(control->published));
    int error = open_all(control, ret_why, why_bytes);
    if (error != 0) {
        ss_control_free(control);
        return error;
    }
    publish(control);
    *ret_control = control;
    return 0;
}

void ss_control_free(struct ss_control *control)
{
    if (control == NULL)
        return;
    ss_reload_free(control->reload);
    ss_journals_close(control->journals);
    ss_exports_free(control->exports);
    ss_join_free(control->join);
    ss_ledger_free(control->ledger);
    if (control->signal_fd >= 0)
        close(control->signal_fd);
    if (control->tick_fd >= 0)
        close(control->tick_fd);
    free(control);
}
