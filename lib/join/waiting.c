// SPDX-License-Identifier: BSD-3-Clause

/* The room of events that wait: a heap by deadline, and chains by client. */

#include "join/state.h"

static bool due_before(const struct ss_join *join, uint32_t a, uint32_t b)
{
    const struct ss_join_waiting *first = &join->waiting[a], *second = &join->waiting[b];
    return first->deadline_ns != second->deadline_ns ? first->deadline_ns < second->deadline_ns
                                                     : first->serial < second->serial;
}

static void put(struct ss_join *join, uint32_t at, uint32_t place)
{
    join->heap[at] = place;
    join->position[place] = at;
}

static void sift_up(struct ss_join *join, uint32_t at)
{
    uint32_t place = join->heap[at];
    while (at > 0 && due_before(join, place, join->heap[(at - 1) / 2])) {
        put(join, at, join->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(join, at, place);
}

static void sift_down(struct ss_join *join, uint32_t at)
{
    uint32_t place = join->heap[at];
    for (uint32_t child = 2 * at + 1; child < join->waiting_count; child = 2 * at + 1) {
        if (child + 1 < join->waiting_count && due_before(join, join->heap[child + 1], join->heap[child]))
            child++;
        if (!due_before(join, join->heap[child], place))
            break;
        put(join, at, join->heap[child]);
        at = child;
    }
    put(join, at, place);
}

static uint32_t bucket_of(const struct ss_join *join, const struct ss_event *event)
{
    return ss_chains_bucket(&join->waiting_chains, &event->client.ip, event->client.port);
}

/* Where a handshake already fits, only for one that fits better, and that is on its way if there is one. */
bool ss_waiting_add(struct ss_join *join, const struct ss_event *event, enum ss_fit fit, int64_t steady_ns)
{
    int64_t hold_ns = ss_join_source_of(join, event).hold_ns;
    if (fit == SS_FIT_LATER && hold_ns > SS_JOIN_PATIENCE_NS)
        hold_ns = SS_JOIN_PATIENCE_NS;
    if (join->waiting_count == join->waiting_max)
        return false;
    uint32_t at = join->waiting_count++, place = join->heap[at];
    join->waiting[place] = (struct ss_join_waiting){
        .event = *event,
        .deadline_ns = ss_time_plus(steady_ns, hold_ns),
        .oldest_ns = ss_join_oldest(join),
        .serial = join->serial++,
        .fit = fit,
    };
    sift_up(join, at);
    ss_chains_add_last(&join->waiting_chains, bucket_of(join, event), place);
    join->counters.waiting = join->waiting_count;
    return true;
}

/* Copies the event out and frees its place. */
void ss_waiting_release(struct ss_join *join, uint32_t place, struct ss_event *ret_event)
{
    *ret_event = join->waiting[place].event;
    ss_chains_remove(&join->waiting_chains, bucket_of(join, ret_event), place);
    uint32_t at = join->position[place], last = --join->waiting_count;
    uint32_t moved = join->heap[last];
    put(join, last, place);
    if (at != last) {
        put(join, at, moved);
        sift_down(join, at);
        sift_up(join, join->position[moved]);
    }
    join->counters.waiting = join->waiting_count;
}
