// SPDX-License-Identifier: BSD-3-Clause

/* Events and handshakes, as they come: joined, kept waiting, or given up. */

#include "join/state.h"

#include <string.h>

#define UNLEARNED_NS 600000000000LL /* a clock that is not known is not believed to be off by more */

#define RETRIES_MAX 1024 /* waiting events that one call looks at again */
#define WEIGHED_MAX 16   /* waiting events of one endpoint that a new handshake is held against */

static struct ss_sample sample_of(const struct ss_query *query, const struct ss_news *news)
{
    const struct ss_event *event = query->event;
    int64_t middle_ns = ss_time_plus(event->time_ns, ss_time_minus(query->to_ns, query->from_ns) / 2);
    int64_t duration_ns = event->duration_ns > 0 ? event->duration_ns : 0;
    bool accepted = event->moment == SS_EVENT_ACCEPTED;
    return (struct ss_sample){
        .most_ns = ss_time_minus(middle_ns, accepted ? news->accept_ns : news->end_ns),
        .least_ns = ss_time_minus(ss_time_minus(middle_ns, accepted ? 0 : duration_ns), news->served_ns),
        .wire_ns = news->end_ns,
        .is_line = event->moment == SS_EVENT_LOGGED,
    };
}

/* Ports that are used again at a steady pace look like a clock that is off: a clock that is off by more than
 * slack is believed where the handshake took as long as the event says. */
static bool is_believed(const struct ss_query *query, const struct ss_news *news)
{
    int64_t off_ns;
    return ss_fits_time(query, news, &off_ns) || ss_fits_duration(query->event, news);
}

/* A sample of the host's offset, where there is no doubt which handshake is meant, whatever the time. */
static void learn(struct ss_join *join, const struct ss_query *query, const struct ss_choice *choice)
{
    const struct ss_event *event = query->event;
    struct ss_join_slot *slot = &join->slots[choice->seen_slot];
    if (choice->seen != 1 || choice->cut || !query->has_port || slot->sampled ||
        !is_believed(query, &slot->flow.news))
        return;
    struct ss_offset *offset = ss_offsets_take(&join->offsets, event->host);
    if (!offset)
        return;
    slot->sampled = true;
    struct ss_sample sample = sample_of(query, &slot->flow.news);
    if (ss_offset_learn(offset, &sample, query->slack_ns))
        join->retry_at = 0;
}

static struct ss_join_flow *match(struct ss_join *join, const struct ss_event *event, uint32_t slot)
{
    struct ss_join_flow *flow = &join->slots[slot].flow;
    if (flow->events < UINT16_MAX)
        flow->events++;
    join->counters.matched++;
    struct ss_offset *offset = ss_offsets_take(&join->offsets, event->host);
    if (offset)
        offset->host.joined++;
    else
        join->counters.hosts_refused++;
    return flow;
}

void ss_join_overwritten(struct ss_join *join, struct ss_join_flow *flow)
{
    if (flow->events)
        flow->events--;
    join->counters.matched--;
    join->counters.unmatched[SS_UNMATCHED_OVERWRITTEN]++;
}

/* How the waiting event at place fits now; a sample is taken on the way. Once the host's clock is known, what
 * seems to be off may only have come before its handshake, and is a sample when it is due. */
static enum ss_fit weigh(struct ss_join *join, uint32_t place, bool due, uint32_t *ret_slot)
{
    struct ss_query query = ss_choice_query(join, &join->waiting[place].event);
    struct ss_choice choice = ss_choice_look(join, &query);
    enum ss_fit fit = ss_choice_judge(join, &query, &choice);
    if (due || !query.learned || fit == SS_FIT_ONE)
        learn(join, &query, &choice);
    *ret_slot = choice.best;
    return fit;
}

/* The first event waiting under that name of the client (its port 0: the address alone) that is about this
 * very handshake. */
static bool take_from(struct ss_join *join, uint32_t node, const struct ss_endpoint *client,
                      struct ss_event *ret_event)
{
    uint32_t slot = ss_index_slot_of(join, node), best;
    const struct ss_news *news = &join->slots[slot].flow.news;
    uint32_t bucket = ss_chains_bucket(&join->waiting_chains, &client->ip, client->port);
    uint32_t place = join->waiting_chains.heads[bucket];
    unsigned weighed = 0;
    for (unsigned steps = 0; place != SS_CHAINS_NONE && steps < SS_JOIN_WALK && weighed < WEIGHED_MAX;
         steps++) {
        const struct ss_event *event = &join->waiting[place].event;
        bool may_be = event->client.port == client->port && ss_fits_addresses(event, news, node != slot);
        weighed += may_be;
        if (may_be && weigh(join, place, false, &best) == SS_FIT_ONE && best == slot) {
            match(join, event, slot);
            ss_waiting_release(join, place, ret_event);
            return true;
        }
        place = ss_chains_next(&join->waiting_chains, bucket, place);
    }
    join->counters.walks_cut += place != SS_CHAINS_NONE;
    return false;
}

static bool take_named(struct ss_join *join, uint32_t node, const struct ss_endpoint *client,
                       struct ss_event *ret_event)
{
    struct ss_endpoint address = {.ip = client->ip};
    return take_from(join, node, client, ret_event) ||
           (client->port != 0 && take_from(join, node, &address, ret_event));
}

bool ss_join_take_waiting(struct ss_join *join, const struct ss_join_flow *flow, struct ss_event *ret_event)
{
    uint32_t slot = (uint32_t)((const struct ss_join_slot *)flow - join->slots);
    const struct ss_news *news = &flow->news;
    return take_named(join, slot, &news->client, ret_event) ||
           (ss_index_has_two_names(news) &&
            take_named(join, slot + join->flows_max, &news->proxied_client, ret_event));
}

static enum ss_join_result unmatched(struct ss_join *join, enum ss_unmatched reason,
                                     enum ss_unmatched *ret_reason)
{
    join->counters.unmatched[reason]++;
    *ret_reason = reason;
    return SS_JOIN_UNMATCHED;
}

enum ss_join_result ss_join_add_event(struct ss_join *join, const struct ss_event *event, int64_t now_ns,
                                      int64_t steady_ns, struct ss_join_flow **ret_flow,
                                      enum ss_unmatched *ret_reason)
{
    join->counters.events++;
    struct ss_query query = ss_choice_query(join, event);
    struct ss_choice choice = ss_choice_look(join, &query);
    enum ss_fit fit = ss_choice_judge(join, &query, &choice);
    if (!query.learned || fit == SS_FIT_ONE)
        learn(join, &query, &choice);
    if (fit == SS_FIT_ONE) {
        *ret_flow = match(join, event, choice.best);
        int64_t late_ns = ss_time_minus(now_ns, (*ret_flow)->news.end_ns);
        if (late_ns > join->counters.late_max_ns)
            join->counters.late_max_ns = late_ns;
        return SS_JOIN_MATCHED;
    }
    /* A nearer handshake may yet come, or the host's clock be learned. */
    bool settled = !query.has_port || event->moment == SS_EVENT_LOGGED ||
                   (query.learned && ss_choice_is_near(&query, &choice));
    if (fit == SS_FIT_AMBIGUOUS && settled)
        return unmatched(join, SS_UNMATCHED_AMBIGUOUS, ret_reason);
    int64_t hold_ns = ss_join_source_of(join, event).hold_ns;
    int64_t margin_ns = query.learned ? hold_ns : ss_time_plus(hold_ns, UNLEARNED_NS);
    if (fit == SS_FIT_NONE && ss_unmatched_is_too_old(ss_join_oldest(join), &query, margin_ns))
        return unmatched(
            join, ss_join_is_before_start(join, event) ? SS_UNMATCHED_BEFORE_START : SS_UNMATCHED_TOO_OLD,
            ret_reason);
    if (!ss_waiting_add(join, event, fit, steady_ns))
        return unmatched(join, SS_UNMATCHED_WAITING_FULL, ret_reason);
    return SS_JOIN_WAITING;
}

/* A waiting event that fits one handshake since an offset was learned, of the next few. */
static bool retry(struct ss_join *join, uint32_t most, struct ss_event *ret_event,
                  struct ss_join_flow **ret_flow)
{
    for (; most > 0 && join->retry_at < join->waiting_max; most--) {
        uint32_t place = join->retry_at++, slot;
        if (join->position[place] >= join->waiting_count || weigh(join, place, false, &slot) != SS_FIT_ONE)
            continue;
        *ret_flow = match(join, &join->waiting[place].event, slot);
        ss_waiting_release(join, place, ret_event);
        return true;
    }
    return false;
}

/* The handshake has a report of its own, and this one, of another moment, is of another handshake, which the
 * mirror did not show. Lines of later requests on a connection have no duration of the handshake. */
static bool is_reported(const struct ss_join *join, const struct ss_event *event, uint32_t slot)
{
    return join->slots[slot].flow.events > 0 && event->duration_ns > 0;
}

bool ss_join_expire(struct ss_join *join, int64_t steady_ns, struct ss_event *ret_event,
                    struct ss_join_flow **ret_flow, enum ss_unmatched *ret_reason)
{
    uint32_t most = steady_ns == SS_JOIN_FOREVER ? join->waiting_max : RETRIES_MAX;
    if (retry(join, most, ret_event, ret_flow))
        return true;
    if (join->waiting_count == 0 || join->waiting[join->heap[0]].deadline_ns > steady_ns)
        return false;
    uint32_t place = join->heap[0], slot;
    const struct ss_event *event = &join->waiting[place].event;
    enum ss_fit fit = weigh(join, place, true, &slot);
    *ret_flow = NULL;
    if (fit == SS_FIT_ONE || (fit == SS_FIT_LATER && !is_reported(join, event, slot))) {
        *ret_flow = match(join, event, slot);
    } else {
        struct ss_query query = ss_choice_query(join, event);
        unmatched(join, ss_unmatched_reason(join, &join->waiting[place], &query, fit), ret_reason);
    }
    ss_waiting_release(join, place, ret_event);
    return true;
}

const struct ss_join_counters *ss_join_counters(const struct ss_join *join)
{
    return &join->counters;
}

size_t ss_join_hosts(const struct ss_join *join, struct ss_join_host *ret_hosts, size_t max)
{
    for (size_t i = 0; i < join->offsets.count && i < max; i++)
        ret_hosts[i] = join->offsets.entries[i].host;
    return join->offsets.count;
}

int64_t ss_join_offset(const struct ss_join *join, const char *host)
{
    for (size_t i = 0; i < join->offsets.count; i++)
        if (strncmp(join->offsets.entries[i].host.name, host, SS_HOST_MAX - 1) == 0)
            return join->offsets.entries[i].host.offset_ns;
    return 0;
}
