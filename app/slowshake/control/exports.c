// SPDX-License-Identifier: BSD-3-Clause

#include "control/exports.h"
#include "control/control.h"
#include "control/copies.h"
#include "control/kept.h"

#include <stdlib.h>

#define NONE          UINT32_MAX
#define BLOCKS_A_TURN 64 /* of each analyzer */
#define END_NS        (10 * 1000000000LL)

enum state { FREE, WAITING, ASKED, READY };

/* One flow, or one event without a flow, on its way to the writer. */
struct export
{
    struct ss_writer_job *job;
    struct ss_join_flow *flow; /* its slot in the join, which may be another's by now; NULL: an event alone */
    struct ss_news news;
    struct ss_export_block *last; /* of the job's blocks */
    uint32_t next;                /* in its list */
    uint16_t analyzer;
    uint8_t state;
    bool is_event;  /* without a flow from the beginning */
    bool is_anew;   /* judged again while it was asked for */
    bool is_end;    /* of a connection that was written: it may bring more packets, and nothing else */
    bool is_broken; /* there was no memory for one of its blocks */
};

struct list {
    uint32_t first, last;
};

struct ss_exports {
    struct ss_appliance *appliance;
    struct ss_join *join;
    const struct ss_mirror_loss *mirror_loss; /* the control loop's */
    struct export entries[SS_EXPORTS_MAX];
    struct list unused, waiting, ready;
    unsigned under_way, events, asked;
    _Atomic size_t held; /* bytes of blocks; the writer subtracts */
    struct ss_kept kept;
    struct ss_exports_counters counters;
};

/* ---- lists and entries ---- */

static void append(struct ss_exports *exports, struct list *list, uint32_t number)
{
    exports->entries[number].next = NONE;
    if (list->first == NONE)
        list->first = number;
    else
        exports->entries[list->last].next = number;
    list->last = number;
}

static uint32_t take_first(struct ss_exports *exports, struct list *list)
{
    uint32_t number = list->first;
    if (number != NONE)
        list->first = exports->entries[number].next;
    return number;
}

struct ss_exports *ss_exports_create(struct ss_appliance *appliance, struct ss_join *join,
                                     const struct ss_mirror_loss *mirror_loss)
{
    struct ss_exports *exports = calloc(1, sizeof(*exports));

    if (exports == NULL)
        return NULL;
    exports->appliance = appliance;
    exports->join = join;
    exports->mirror_loss = mirror_loss;
    exports->unused = exports->waiting = exports->ready = (struct list){NONE, NONE};
    for (uint32_t i = 0; i < SS_EXPORTS_MAX; i++)
        append(exports, &exports->unused, i);
    return exports;
}

void ss_exports_free(struct ss_exports *exports)
{
    for (uint32_t i = 0; exports != NULL && i < SS_EXPORTS_MAX; i++) {
        if (exports->entries[i].job != NULL)
            ss_writer_job_free(exports->entries[i].job);
    }
    free(exports);
}

bool ss_exports_is_idle(const struct ss_exports *exports)
{
    return exports->under_way == 0;
}

const struct ss_exports_counters *ss_exports_counters(const struct ss_exports *exports)
{
    return &exports->counters;
}

static uint32_t number_of(const struct ss_exports *exports, const struct export *entry)
{
    return (uint32_t)(entry - exports->entries);
}

/* NULL: no room. */
static struct export *new_entry(struct ss_exports *exports, struct ss_join_flow *flow)
{
    struct ss_writer_job *job = exports->unused.first != NONE ? calloc(1, sizeof(*job)) : NULL;

    if (job == NULL)
        return NULL;
    struct export *entry = &exports->entries[take_first(exports, &exports->unused)];
    *entry = (struct export){.job = job, .flow = flow, .next = NONE};
    job->is_flow = flow != NULL;
    job->held = &exports->held;
    exports->under_way++;
    return entry;
}

/* The flow's slot is still the flow's: another one's has another job, or none. */
static bool has_flow(const struct ss_exports *exports, const struct export *entry)
{
    return entry->flow != NULL && entry->flow->job == number_of(exports, entry) + 1;
}

/* The job was given away, or is freed here. */
static void release(struct ss_exports *exports, struct export *entry)
{
    if (has_flow(exports, entry))
        entry->flow->job = 0;
    if (entry->job != NULL)
        ss_writer_job_free(entry->job);
    exports->events -= entry->is_event;
    *entry = (struct export){.state = FREE};
    append(exports, &exports->unused, number_of(exports, entry));
    exports->under_way--;
}

/* ---- events ---- */

/* Of several events the longest is in the record: those of later requests on a connection tell less. All are
 * kept until it is known that there is a record. */
static void attach(struct export *entry, const struct ss_event *event)
{
    struct ss_writer_job *job = entry->job;
    bool is_longest = !job->has_event || event->duration_ns > job->event.duration_ns;

    if (job->has_event)
        ss_copies_add_event(job, is_longest ? &job->event : event);
    if (is_longest)
        job->event = *event;
    job->has_event = true;
    job->events[event->epoch]++;
}

/* A further revision says what the one before said of the proxy. */
static void restore_event(struct ss_exports *exports, struct export *entry)
{
    struct ss_writer_job *job = entry->job;
    const struct ss_event *event =
        entry->flow->reported ? ss_kept_find(&exports->kept, entry->flow, entry->news.start_ns) : NULL;

    if (event == NULL || (job->has_event && event->duration_ns <= job->event.duration_ns))
        return;
    job->event = *event;
    job->has_event = true;
}

static void settle_events(struct ss_exports *exports, const unsigned events[SS_EPOCHS], bool refused)
{
    for (unsigned i = 0; i < SS_EPOCHS; i++) {
        exports->counters.events_settled[i] += events[i];
        exports->counters.events_refused += refused ? events[i] : 0;
    }
}

static void settle_event(struct ss_exports *exports, const struct ss_event *event, bool refused)
{
    unsigned events[SS_EPOCHS] = {0};

    events[event->epoch] = 1;
    settle_events(exports, events, refused);
}

static int64_t tap_now(const struct ss_exports *exports)
{
    struct ss_clock_line line = ss_clock_read(&exports->appliance->clock);
    return ss_clock_ns(&line, ss_clock_ticks());
}

/* Of something that was then, by the tap's clock, while what is left begins at oldest_ns (0: not known). */
static struct ss_unmatched_note note_of(const struct ss_exports *exports, int64_t then_ns, int64_t oldest_ns)
{
    int64_t now_ns = tap_now(exports);
    return (struct ss_unmatched_note){
        .age_ns = then_ns > 0 && then_ns <= now_ns ? now_ns - then_ns : -1,
        .missed_by_ns = then_ns > 0 && then_ns <= oldest_ns ? oldest_ns - then_ns : -1,
    };
}

void ss_exports_unmatched(struct ss_exports *exports, const struct ss_event *event, enum ss_unmatched reason)
{
    struct export *entry = exports->events < SS_EXPORTS_EVENTS ? new_entry(exports, NULL) : NULL;

    if (entry == NULL) {
        exports->counters.unmatched_refused++;
        settle_event(exports, event, true);
        return;
    }
    entry->is_event = true;
    exports->events++;
    attach(entry, event);
    entry->job->reason = reason;
    entry->job->note = (struct ss_unmatched_note){.age_ns = -1, .missed_by_ns = -1};
    if (reason == SS_UNMATCHED_AMBIGUOUS)
        entry->job->note.candidates = ss_join_candidates(exports->join, event);
    if (reason == SS_UNMATCHED_TOO_OLD)
        entry->job->note = note_of(exports, event->time_ns - ss_join_offset(exports->join, event->host),
                                   ss_join_oldest(exports->join));
    entry->state = READY;
    append(exports, &exports->ready, number_of(exports, entry));
}

/* ---- flows ---- */

static struct export *entry_of(struct ss_exports *exports, const struct ss_join_flow *flow)
{
    return flow->job != 0 ? &exports->entries[flow->job - 1] : NULL;
}

static void schedule(struct ss_exports *exports, struct export *entry)
{
    entry->news = entry->flow->news;
    entry->analyzer = entry->flow->analyzer;
    entry->state = WAITING;
    entry->flow->job = number_of(exports, entry) + 1;
    append(exports, &exports->waiting, number_of(exports, entry));
}

/* What the proxy says is no more than the record that was written says already. */
static bool is_old_news(const struct ss_join_flow *flow, const struct ss_event *event)
{
    return event != NULL && flow->exported && flow->reported && event->duration_ns <= flow->reported_ns;
}

void ss_exports_flow(struct ss_exports *exports, struct ss_join_flow *flow, const struct ss_event *event)
{
    struct export *entry = entry_of(exports, flow);

    if (entry == NULL && is_old_news(flow, event)) {
        settle_event(exports, event, false);
        return;
    }
    if (entry == NULL) {
        exports->counters.flagged += !flow->exported;
        entry = new_entry(exports, flow);
        if (entry == NULL) {
            exports->counters.refused++;
            if (event != NULL)
                settle_event(exports, event, true);
            return;
        }
        schedule(exports, entry);
    }
    if (event != NULL)
        attach(entry, event);
}

bool ss_exports_update(struct ss_exports *exports, const struct ss_join_flow *flow)
{
    struct export *entry = entry_of(exports, flow);

    if (entry == NULL)
        return false;
    if (entry->state == WAITING) {
        entry->news = flow->news;
        entry->analyzer = flow->analyzer;
    } else {
        entry->is_anew = true;
    }
    return true;
}

/* What the last record said of the proxy can be said again, if anything. */
static bool is_event_known(const struct ss_exports *exports, const struct ss_join_flow *flow)
{
    return !flow->reported || ss_kept_find(&exports->kept, flow, flow->news.start_ns) != NULL;
}

void ss_exports_ended(struct ss_exports *exports, struct ss_join_flow *flow, const struct ss_news *end)
{
    if (!flow->exported || entry_of(exports, flow) != NULL || end->packets <= flow->packets ||
        tap_now(exports) - flow->news.end_ns > END_NS || !is_event_known(exports, flow))
        return;
    struct export *entry = new_entry(exports, flow);
    if (entry == NULL) {
        exports->counters.refused++;
        return;
    }
    entry->is_end = true;
    schedule(exports, entry);
}

/* ---- analyzers ---- */

static bool ask(struct ss_exports *exports, struct export *entry)
{
    struct ss_request request = {
        .kind = SS_REQUEST_EXPORT, .job = number_of(exports, entry), .note = entry->news.note};

    return rte_ring_enqueue_elem(exports->appliance->analyzers[entry->analyzer]->requests, &request,
                                 sizeof(request)) == 0;
}

static bool may_ask(const struct ss_exports *exports)
{
    return exports->asked < SS_EXPORTS_ASKED &&
           atomic_load_explicit(&exports->held, memory_order_relaxed) < SS_COPIES_HELD_BYTES;
}

static void ask_what_waits(struct ss_exports *exports)
{
    while (exports->waiting.first != NONE && may_ask(exports)) {
        struct export *entry = &exports->entries[exports->waiting.first];
        if (!ask(exports, entry))
            return;
        take_first(exports, &exports->waiting);
        entry->state = ASKED;
        exports->asked++;
        exports->counters.asked++;
    }
}

/* The history has overwritten the finding itself: for the proxy's report that is the end. */
static void lose(struct ss_exports *exports, struct export *entry, int64_t oldest_ns)
{
    struct ss_join_flow evicted = {0};
    struct ss_join_flow *flow = has_flow(exports, entry) ? entry->flow : &evicted;
    struct ss_writer_job *job = entry->job;

    if (entry->is_anew && has_flow(exports, entry)) { /* there is a newer finding */
        entry->is_anew = false;
        schedule(exports, entry);
        return;
    }
    exports->counters.gone += !entry->is_end; /* its record is written */
    unsigned events = job->events[0] + job->events[1];
    if (events == 0) {
        release(exports, entry);
        return;
    }
    for (unsigned i = 0; i < events; i++)
        ss_join_overwritten(exports->join, flow);
    flow->job = 0;
    entry->flow = NULL;
    job->is_flow = false;
    job->reason = SS_UNMATCHED_OVERWRITTEN;
    job->note = note_of(exports, entry->news.end_ns, oldest_ns);
    entry->state = READY;
    append(exports, &exports->ready, number_of(exports, entry));
}

static void finish(struct ss_exports *exports, struct export *entry, const struct ss_export_block *block)
{
    exports->asked--;
    if (block->is_gone) {
        lose(exports, entry, block->oldest_ns);
    } else if (entry->is_broken) {
        exports->counters.refused++;
        settle_events(exports, entry->job->events, true);
        release(exports, entry);
    } else {
        entry->state = READY;
        append(exports, &exports->ready, number_of(exports, entry));
    }
}

/* Copied at once, so that a few blocks serve flows of any size, and a slow disk never holds an analyzer up.
 */
static void take_block(struct ss_exports *exports, const struct ss_export_block *block)
{
    struct export *entry = block->job < SS_EXPORTS_MAX ? &exports->entries[block->job] : NULL;

    if (entry == NULL || entry->state != ASKED)
        return;
    if (!block->is_gone && !entry->is_broken)
        entry->is_broken = !ss_copies_add(entry->job, &entry->last, block);
    if (block->is_last || block->is_gone)
        finish(exports, entry, block);
}

static void take_blocks(struct ss_exports *exports)
{
    for (unsigned i = 0; i < exports->appliance->analyzer_count; i++) {
        void *block;
        for (unsigned taken = 0; taken < BLOCKS_A_TURN; taken++) {
            if (rte_ring_dequeue(exports->appliance->analyzers[i]->blocks, &block) != 0)
                break;
            take_block(exports, block);
            rte_mempool_put(exports->appliance->blocks, block);
        }
    }
}

/* ---- writer ---- */

static void prepare(struct ss_exports *exports, struct export *entry)
{
    struct ss_writer_job *job = entry->job;

    if (has_flow(exports, entry)) {
        restore_event(exports, entry);
        if (job->has_event)
            ss_kept_put(&exports->kept, entry->flow, entry->news.start_ns, &job->event);
        job->revision = entry->flow->exported ? entry->flow->revision + 1u : 0;
    }
    job->is_end = entry->is_end && job->events[0] + job->events[1] == 0;
    job->mirror_loss_ppm = ss_mirror_loss_ppm(exports->mirror_loss, entry->news.start_ns, entry->news.end_ns);
    job->clock_offset_ns = job->has_event ? ss_join_offset(exports->join, job->event.host) : 0;
}

static void note_given(struct ss_join_flow *flow, uint64_t packets, bool has_event, int64_t event_ns)
{
    flow->packets = packets;
    flow->revision = flow->exported ? (uint16_t)(flow->revision + 1) : 1;
    flow->exported = true;
    if (has_event) {
        flow->reported = true;
        flow->reported_ns = event_ns;
    }
}

/* False: the writer has no room now. */
static bool give(struct ss_exports *exports, struct export *entry)
{
    struct ss_join_flow *flow = has_flow(exports, entry) ? entry->flow : NULL;
    bool is_anew = flow != NULL && entry->is_anew;

    prepare(exports, entry);
    bool is_flow = entry->job->is_flow, has_event = entry->job->has_event;
    int64_t event_ns = entry->job->event.duration_ns;
    uint64_t packets = is_flow ? entry->last->packets : 0;
    if (!ss_writer_give(exports->appliance->writer, entry->job))
        return false;
    entry->job = NULL; /* the writer's now */
    exports->counters.done += is_flow;
    if (flow != NULL)
        note_given(flow, packets, has_event, event_ns);
    release(exports, entry);
    if (is_anew)
        ss_exports_flow(exports, flow, NULL);
    return true;
}

static void give_what_is_ready(struct ss_exports *exports)
{
    while (exports->ready.first != NONE) {
        struct export *entry = &exports->entries[exports->ready.first];
        uint32_t next = entry->next;
        if (!give(exports, entry))
            return;
        exports->ready.first = next;
    }
}

void ss_exports_turn(struct ss_exports *exports)
{
    take_blocks(exports);
    ask_what_waits(exports);
    give_what_is_ready(exports);
}
