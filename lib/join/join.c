// SPDX-License-Identifier: BSD-3-Clause
#include "join/join.h"

#include "join/chains.h"
#include "join/fit.h"
#include "join/offset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX ((size_t)1 << 29)
#define SLACK_NS  2000000000LL
#define HOLD_NS   30000000000LL
#define DOUBT_NS  10000000LL /* how well a learned offset tells two handshakes apart, at best */

#define UNLEARNED_NS 600000000000LL /* a clock that is not known is not believed to be off by more */

/* A proxy may have read its clock some time before it accepts. Where its duration leads to the handshake's
 * end as well, that much is no matter; where it does not, the handshake counts as so much further off. */
#define STALE_NS    50000000LL
#define DISAGREE_NS 100000000LL

#define RETRIES_MAX 1024 /* waiting events that one call looks at again */
#define WEIGHED_MAX 16   /* waiting events of one endpoint that a new handshake is held against */

struct slot {
    struct ss_join_flow flow; /* first, so that a flow leads to its slot */
    bool used;
    bool sampled; /* gave a sample of its host's offset */
};

enum fit {
    FIT_NONE,
    FIT_OUTSIDE,
    FIT_AMBIGUOUS,
    FIT_LATER, /* one, so far off that a better one may come */
    FIT_ONE,
};

struct waiting {
    struct ss_event event;
    int64_t deadline_ns;
    int64_t oldest_ns; /* of the index, when it came */
    uint64_t serial;   /* order of arrival */
    enum fit fit;      /* when it came */
};

struct source {
    int64_t slack_ns, hold_ns;
};

struct ss_join {
    struct slot *slots;
    /* Each slot as its client is called on the wire, and behind those, slot + flows_max, as a PROXY protocol
     * header calls it; the latest judged first. */
    struct ss_chains by_endpoint, by_ip;
    uint32_t flows_max, flow_next; /* the slot to fill next: the oldest */

    struct waiting *waiting;
    struct ss_chains waiting_chains; /* by endpoint, or address alone; the oldest first */
    uint32_t *heap;     /* waiting events, the first due at 0; behind waiting_count, the free places */
    uint32_t *position; /* where in heap each place is */
    uint32_t waiting_max, waiting_count;
    uint32_t retry_at; /* place from which ss_join_expire retries; waiting_max: nothing to retry */
    uint64_t serial;

    int64_t start_ns;
    struct source sources[SS_JOIN_SOURCES];
    struct ss_offsets offsets;
    struct ss_join_counters counters;
};

/* The handshakes that an event may be about, by one name of their client. */
struct choice {
    uint32_t best;       /* slot */
    int64_t best_off_ns; /* how far off it is */
    int64_t best_ns;     /* the same, and more where its end does not agree */
    int64_t second_ns;
    bool best_agrees;
    unsigned fitting;
    unsigned seen;      /* of the same addresses, whenever */
    uint32_t seen_slot; /* the last of them */
    bool cut;           /* not all were looked at */
};

#define X(name, json, about, ...) json,
static const char *const unmatched_names[] = {
#include "tables/unmatched.def"
};
#undef X

#define X(name, json, about, ...) about,
static const char *const unmatched_abouts[] = {
#include "tables/unmatched.def"
};
#undef X

const char *ss_unmatched_name(enum ss_unmatched reason)
{
    return reason < SS_UNMATCHED_COUNT ? unmatched_names[reason] : NULL;
}

const char *ss_unmatched_about(enum ss_unmatched reason)
{
    return reason < SS_UNMATCHED_COUNT ? unmatched_abouts[reason] : NULL;
}

static int allocate(struct ss_join *join, uint64_t seed)
{
    join->slots = calloc(join->flows_max, sizeof(*join->slots));
    join->waiting = calloc(join->waiting_max, sizeof(*join->waiting));
    join->heap = calloc(join->waiting_max, sizeof(*join->heap));
    join->position = calloc(join->waiting_max, sizeof(*join->position));
    if (!join->slots || !join->waiting || !join->heap || !join->position)
        return -ENOMEM;
    if (ss_chains_init(&join->by_endpoint, 2 * (size_t)join->flows_max, seed) ||
        ss_chains_init(&join->by_ip, 2 * (size_t)join->flows_max, seed) ||
        ss_chains_init(&join->waiting_chains, join->waiting_max, seed))
        return -ENOMEM;
    return 0;
}

int ss_join_create(size_t flows_max, size_t waiting_max, uint64_t seed, struct ss_join **ret_join)
{
    if (flows_max == 0 || waiting_max == 0 || flows_max > SLOTS_MAX || waiting_max > SLOTS_MAX)
        return -EINVAL;
    struct ss_join *join = calloc(1, sizeof(*join));
    if (!join)
        return -ENOMEM;
    join->flows_max = (uint32_t)flows_max;
    join->waiting_max = join->retry_at = (uint32_t)waiting_max;
    if (allocate(join, seed) < 0) {
        ss_join_free(join);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < join->waiting_max; i++)
        join->heap[i] = join->position[i] = i;
    for (unsigned i = 0; i < SS_JOIN_SOURCES; i++)
        join->sources[i] = (struct source){SLACK_NS, HOLD_NS};
    *ret_join = join;
    return 0;
}

void ss_join_free(struct ss_join *join)
{
    if (!join)
        return;
    ss_chains_fini(&join->by_endpoint);
    ss_chains_fini(&join->by_ip);
    ss_chains_fini(&join->waiting_chains);
    free(join->slots);
    free(join->waiting);
    free(join->heap);
    free(join->position);
    free(join);
}

void ss_join_set_source(struct ss_join *join, unsigned source, int64_t slack_ns, int64_t hold_ns)
{
    if (source < SS_JOIN_SOURCES)
        join->sources[source] = (struct source){slack_ns, hold_ns};
}

static struct source source_of(const struct ss_join *join, const struct ss_event *event)
{
    return event->source < SS_JOIN_SOURCES ? join->sources[event->source]
                                           : (struct source){SLACK_NS, HOLD_NS};
}

/* ---- does an event fit a handshake? ---- */

static struct ss_query query_of(struct ss_join *join, const struct ss_event *event)
{
    const struct ss_offset *offset = ss_offsets_find(&join->offsets, event->host);
    struct ss_query query = {
        .event = event,
        .from_ns = event->time_ns,
        .slack_ns = source_of(join, event).slack_ns,
        .has_port = event->client.port != 0,
    };
    int64_t resolution_ns = event->time_resolution_ns > 0 ? event->time_resolution_ns : 0;
    query.doubt_ns = query.ahead_ns = query.slack_ns;
    /* What lines taught serves lines. */
    bool is_line = event->moment == SS_EVENT_LOGGED;
    if (offset && offset->host.learned && (is_line || !offset->by_lines)) {
        query.learned = true;
        query.from_ns = ss_time_minus(event->time_ns, offset->host.offset_ns);
        query.doubt_ns = ss_time_plus(DOUBT_NS + 4 * offset->host.spread_ns, resolution_ns);
        query.ahead_ns = query.doubt_ns < query.slack_ns ? query.doubt_ns : query.slack_ns;
    }
    query.to_ns = ss_time_plus(query.from_ns, resolution_ns);
    return query;
}

static uint32_t slot_of(const struct ss_join *join, uint32_t node)
{
    return node < join->flows_max ? node : node - join->flows_max;
}

static void consider(struct ss_join *join, const struct ss_query *query, uint32_t node,
                     struct choice choices[2])
{
    uint32_t slot = slot_of(join, node);
    struct choice *choice = &choices[node != slot];
    const struct ss_news *news = &join->slots[slot].flow.news;
    int64_t off_ns;
    if (!ss_fits_addresses(query->event, news, node != slot))
        return;
    choice->seen++;
    choice->seen_slot = slot;
    if (!ss_fits_time(query, news, &off_ns))
        return;
    choice->fitting++;
    bool has_both =
        query->learned && query->event->duration_ns > 0 && query->event->moment != SS_EVENT_LOGGED;
    bool agrees = has_both && ss_fits_both_ends(query, news);
    int64_t far_ns = has_both && !agrees ? ss_time_plus(off_ns, DISAGREE_NS) : off_ns;
    if (far_ns < choice->best_ns || choice->fitting == 1) {
        choice->second_ns = choice->best_ns;
        choice->best_ns = far_ns;
        choice->best_off_ns = off_ns;
        choice->best_agrees = agrees;
        choice->best = slot;
    } else if (far_ns < choice->second_ns) {
        choice->second_ns = far_ns;
    }
}

/* As near as this host's times are known. */
static bool is_near(const struct ss_query *query, const struct choice *choice)
{
    int64_t more_ns = choice->best_agrees ? STALE_NS : 0;
    return choice->fitting > 0 && choice->best_off_ns <= ss_time_plus(query->doubt_ns, more_ns);
}

/* Two fit so well that no third can make it clear. */
static bool is_hopeless(const struct ss_query *query, const struct choice *choice)
{
    return choice->fitting > 1 && (!query->has_port || choice->second_ns <= query->doubt_ns);
}

/* By the client's name on the wire where that fits anything, else by that of a PROXY protocol header. */
static struct choice look(struct ss_join *join, const struct ss_query *query)
{
    struct choice choices[2] = {{.best_ns = INT64_MAX, .second_ns = INT64_MAX},
                                {.best_ns = INT64_MAX, .second_ns = INT64_MAX}};
    const struct ss_chains *chains = query->has_port ? &join->by_endpoint : &join->by_ip;
    uint32_t bucket = ss_chains_bucket(chains, &query->event->client.ip, query->event->client.port);
    uint32_t node = chains->heads[bucket];
    for (unsigned steps = 0; node != SS_CHAINS_NONE && steps < SS_JOIN_WALK; steps++) {
        consider(join, query, node, choices);
        if (is_hopeless(query, &choices[0]))
            break;
        node = ss_chains_next(chains, bucket, node);
    }
    bool by_header = choices[0].fitting == 0 && (choices[1].fitting > 0 || choices[0].seen == 0);
    struct choice choice = choices[by_header];
    choice.seen = choices[0].seen + choices[1].seen;
    choice.cut = node != SS_CHAINS_NONE && !is_hopeless(query, &choices[0]);
    join->counters.walks_cut += choice.cut;
    return choice;
}

/* Of several that fit: is another one about as likely as the best? */
static bool in_doubt(struct ss_join *join, const struct ss_query *query, const struct choice *choice)
{
    if (!query->has_port)
        return choice->cut || choice->fitting > 1;
    if (choice->fitting < 2)
        return false;
    if (query->event->moment != SS_EVENT_LOGGED)
        return !is_near(query, choice) ||
               ss_time_minus(choice->second_ns, choice->best_ns) <= query->doubt_ns;
    /* A line about a connection is written before its port is used again, so the latest handshake it is,
     * unless that began after the line was written, or both were just then. */
    int64_t began_ns = join->slots[choice->best].flow.news.start_ns;
    return choice->second_ns == choice->best_ns || choice->second_ns <= query->doubt_ns ||
           ss_time_minus(began_ns, query->to_ns) > 0;
}

static enum fit judge(struct ss_join *join, const struct ss_query *query, const struct choice *choice)
{
    if (choice->fitting == 0)
        return choice->seen ? FIT_OUTSIDE : FIT_NONE;
    if (in_doubt(join, query, choice))
        return FIT_AMBIGUOUS;
    bool later = query->event->moment != SS_EVENT_LOGGED && !is_near(query, choice);
    return later ? FIT_LATER : FIT_ONE;
}

void ss_join_set_start(struct ss_join *join, int64_t start_ns)
{
    join->start_ns = start_ns;
}

/* A line that was logged may tell of any time before: the latest counts. */
bool ss_join_is_before_start(struct ss_join *join, const struct ss_event *event)
{
    int64_t time_ns = ss_time_minus(event->time_ns, ss_join_offset(join, event->host));
    if (event->moment != SS_EVENT_ACCEPTED && event->duration_ns > 0)
        time_ns = ss_time_minus(time_ns, event->duration_ns);
    return time_ns < join->start_ns;
}

/* Nothing as old as that was known, any more or yet, when the oldest handshake was this (0: there was none):
 * not by as much as margin_ns. */
static bool is_too_old(int64_t oldest_ns, const struct ss_query *query, int64_t margin_ns)
{
    return oldest_ns != 0 && ss_time_plus(query->to_ns, ss_time_plus(query->slack_ns, margin_ns)) < oldest_ns;
}

/* What a busy index gave up while the event waited is no reason. */
static enum ss_unmatched reason_of(struct ss_join *join, const struct waiting *waiting,
                                   const struct ss_query *query, enum fit fit)
{
    if (fit == FIT_AMBIGUOUS || (fit < FIT_AMBIGUOUS && waiting->fit == FIT_AMBIGUOUS))
        return SS_UNMATCHED_AMBIGUOUS;
    if (ss_join_is_before_start(join, query->event))
        return SS_UNMATCHED_BEFORE_START;
    if (fit != FIT_NONE)
        return SS_UNMATCHED_OUTSIDE_SLACK;
    return is_too_old(waiting->oldest_ns, query, 0) ? SS_UNMATCHED_TOO_OLD : SS_UNMATCHED_NO_FLOW;
}

/* ---- what a match and a sample change ---- */

static struct ss_sample sample_of(const struct ss_query *query, const struct ss_news *news)
{
    const struct ss_event *event = query->event;
    int64_t middle_ns = ss_time_plus(event->time_ns, ss_time_minus(query->to_ns, query->from_ns) / 2);
    int64_t duration_ns = event->duration_ns > 0 ? event->duration_ns : 0;
    bool accepted = event->moment == SS_EVENT_ACCEPTED;
    return (struct ss_sample){
        .most_ns = ss_time_minus(middle_ns, accepted ? news->accept_ns : news->end_ns),
        .least_ns = ss_time_minus(ss_time_minus(middle_ns, accepted ? 0 : duration_ns), news->end_ns),
        .wire_ns = news->end_ns,
        .is_line = event->moment == SS_EVENT_LOGGED,
    };
}

/* A sample of the host's offset, where there is no doubt which handshake is meant, whatever the time. */
static void learn(struct ss_join *join, const struct ss_query *query, const struct choice *choice)
{
    const struct ss_event *event = query->event;
    struct slot *slot = &join->slots[choice->seen_slot];
    if (choice->seen != 1 || choice->cut || !query->has_port || slot->sampled)
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

/* ---- waiting events: a heap by deadline ---- */

static bool due_before(const struct ss_join *join, uint32_t a, uint32_t b)
{
    const struct waiting *first = &join->waiting[a], *second = &join->waiting[b];
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

static uint32_t waiting_bucket(const struct ss_join *join, const struct ss_event *event)
{
    return ss_chains_bucket(&join->waiting_chains, &event->client.ip, event->client.port);
}

/* Where a handshake already fits, only for one that fits better, and that is on its way if there is one. */
static bool wait_for_flow(struct ss_join *join, const struct ss_event *event, enum fit fit, int64_t now_ns)
{
    int64_t hold_ns = source_of(join, event).hold_ns;
    if (fit == FIT_LATER && hold_ns > SS_JOIN_PATIENCE_NS)
        hold_ns = SS_JOIN_PATIENCE_NS;
    if (join->waiting_count == join->waiting_max)
        return false;
    uint32_t at = join->waiting_count++, place = join->heap[at];
    join->waiting[place] = (struct waiting){
        .event = *event,
        .deadline_ns = ss_time_plus(now_ns, hold_ns),
        .oldest_ns = ss_join_oldest(join),
        .serial = join->serial++,
        .fit = fit,
    };
    sift_up(join, at);
    ss_chains_add_last(&join->waiting_chains, waiting_bucket(join, event), place);
    join->counters.waiting = join->waiting_count;
    return true;
}

/* Copies the event out and frees its place. */
static void release(struct ss_join *join, uint32_t place, struct ss_event *ret_event)
{
    *ret_event = join->waiting[place].event;
    ss_chains_remove(&join->waiting_chains, waiting_bucket(join, ret_event), place);
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

/* ---- in and out ---- */

/* By the client's name on the wire. */
static uint32_t find_same(const struct ss_join *join, const struct ss_news *news)
{
    uint32_t bucket = ss_chains_bucket(&join->by_endpoint, &news->client.ip, news->client.port);
    uint32_t node = join->by_endpoint.heads[bucket];
    for (unsigned steps = 0; node != SS_CHAINS_NONE && steps < SS_JOIN_WALK; steps++) {
        const struct ss_news *old = &join->slots[slot_of(join, node)].flow.news;
        if (node < join->flows_max && old->start_ns == news->start_ns &&
            ss_ip_equal(&old->client.ip, &news->client.ip) && old->client.port == news->client.port &&
            ss_ip_equal(&old->server.ip, &news->server.ip) && old->server.port == news->server.port &&
            old->network == news->network)
            return node;
        node = ss_chains_next(&join->by_endpoint, bucket, node);
    }
    return SS_CHAINS_NONE;
}

static bool has_two_names(const struct ss_news *news)
{
    return news->has_proxied && (news->proxied_client.port != news->client.port ||
                                 !ss_ip_equal(&news->proxied_client.ip, &news->client.ip));
}

/* Puts the node into both chains under that name of its client, or takes it out of them. */
static void chain(struct ss_join *join, uint32_t node, const struct ss_endpoint *client, bool in)
{
    uint32_t endpoint = ss_chains_bucket(&join->by_endpoint, &client->ip, client->port);
    uint32_t ip = ss_chains_bucket(&join->by_ip, &client->ip, 0);
    if (in) {
        ss_chains_add_first(&join->by_endpoint, endpoint, node);
        ss_chains_add_first(&join->by_ip, ip, node);
    } else {
        ss_chains_remove(&join->by_endpoint, endpoint, node);
        ss_chains_remove(&join->by_ip, ip, node);
    }
}

static void chain_slot(struct ss_join *join, uint32_t slot, bool in)
{
    const struct ss_news *news = &join->slots[slot].flow.news;
    chain(join, slot, &news->client, in);
    if (has_two_names(news))
        chain(join, slot + join->flows_max, &news->proxied_client, in);
}

static uint32_t take_slot(struct ss_join *join)
{
    uint32_t slot = join->flow_next;
    join->flow_next = slot + 1 == join->flows_max ? 0 : slot + 1;
    if (join->slots[slot].used) {
        chain_slot(join, slot, false);
        join->counters.flows_evicted++;
    } else {
        join->counters.flows++;
    }
    join->slots[slot] = (struct slot){.used = true};
    return slot;
}

struct ss_join_flow *ss_join_add_flow(struct ss_join *join, const struct ss_news *news, uint16_t analyzer)
{
    uint32_t slot = find_same(join, news);
    if (slot == SS_CHAINS_NONE)
        slot = take_slot(join);
    else
        chain_slot(join, slot, false); /* it may have got another name */
    struct ss_join_flow *flow = &join->slots[slot].flow;
    flow->news = *news;
    flow->analyzer = analyzer;
    chain_slot(join, slot, true);
    return flow;
}

struct ss_join_flow *ss_join_find_flow(struct ss_join *join, const struct ss_news *news)
{
    uint32_t slot = find_same(join, news);
    return slot == SS_CHAINS_NONE ? NULL : &join->slots[slot].flow;
}

int64_t ss_join_oldest(const struct ss_join *join)
{
    const struct slot *oldest = &join->slots[join->flow_next];
    if (!oldest->used) /* not full yet */
        oldest = &join->slots[0];
    return oldest->used ? oldest->flow.news.start_ns : 0;
}

/* How the waiting event at place fits now; a sample is taken on the way. Once the host's clock is known, what
 * seems to be off may only have come before its handshake, and is a sample when it is due. */
static enum fit weigh(struct ss_join *join, uint32_t place, bool due, uint32_t *ret_slot)
{
    struct ss_query query = query_of(join, &join->waiting[place].event);
    struct choice choice = look(join, &query);
    enum fit fit = judge(join, &query, &choice);
    if (due || !query.learned || fit == FIT_ONE)
        learn(join, &query, &choice);
    *ret_slot = choice.best;
    return fit;
}

/* The first event waiting under that name of the client (its port 0: the address alone) that is about this
 * very handshake. */
static bool take_from(struct ss_join *join, uint32_t node, const struct ss_endpoint *client,
                      struct ss_event *ret_event)
{
    uint32_t slot = slot_of(join, node), best;
    const struct ss_news *news = &join->slots[slot].flow.news;
    uint32_t bucket = ss_chains_bucket(&join->waiting_chains, &client->ip, client->port);
    uint32_t place = join->waiting_chains.heads[bucket];
    unsigned weighed = 0;
    for (unsigned steps = 0; place != SS_CHAINS_NONE && steps < SS_JOIN_WALK && weighed < WEIGHED_MAX;
         steps++) {
        const struct ss_event *event = &join->waiting[place].event;
        bool may_be = event->client.port == client->port && ss_fits_addresses(event, news, node != slot);
        weighed += may_be;
        if (may_be && weigh(join, place, false, &best) == FIT_ONE && best == slot) {
            match(join, event, slot);
            release(join, place, ret_event);
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
    uint32_t slot = (uint32_t)((const struct slot *)flow - join->slots);
    const struct ss_news *news = &flow->news;
    return take_named(join, slot, &news->client, ret_event) ||
           (has_two_names(news) &&
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
                                      struct ss_join_flow **ret_flow, enum ss_unmatched *ret_reason)
{
    join->counters.events++;
    struct ss_query query = query_of(join, event);
    struct choice choice = look(join, &query);
    enum fit fit = judge(join, &query, &choice);
    if (!query.learned || fit == FIT_ONE)
        learn(join, &query, &choice);
    if (fit == FIT_ONE) {
        *ret_flow = match(join, event, choice.best);
        int64_t late_ns = ss_time_minus(now_ns, (*ret_flow)->news.end_ns);
        if (late_ns > join->counters.late_max_ns)
            join->counters.late_max_ns = late_ns;
        return SS_JOIN_MATCHED;
    }
    /* A nearer handshake may yet come, or the host's clock be learned. */
    bool settled =
        !query.has_port || event->moment == SS_EVENT_LOGGED || (query.learned && is_near(&query, &choice));
    if (fit == FIT_AMBIGUOUS && settled)
        return unmatched(join, SS_UNMATCHED_AMBIGUOUS, ret_reason);
    int64_t hold_ns = source_of(join, event).hold_ns;
    int64_t margin_ns = query.learned ? hold_ns : ss_time_plus(hold_ns, UNLEARNED_NS);
    if (fit == FIT_NONE && is_too_old(ss_join_oldest(join), &query, margin_ns))
        return unmatched(
            join, ss_join_is_before_start(join, event) ? SS_UNMATCHED_BEFORE_START : SS_UNMATCHED_TOO_OLD,
            ret_reason);
    if (!wait_for_flow(join, event, fit, now_ns))
        return unmatched(join, SS_UNMATCHED_WAITING_FULL, ret_reason);
    return SS_JOIN_WAITING;
}

/* A waiting event that fits one handshake since an offset was learned, of the next few. */
static bool retry(struct ss_join *join, uint32_t most, struct ss_event *ret_event,
                  struct ss_join_flow **ret_flow)
{
    for (; most > 0 && join->retry_at < join->waiting_max; most--) {
        uint32_t place = join->retry_at++, slot;
        if (join->position[place] >= join->waiting_count || weigh(join, place, false, &slot) != FIT_ONE)
            continue;
        *ret_flow = match(join, &join->waiting[place].event, slot);
        release(join, place, ret_event);
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

bool ss_join_expire(struct ss_join *join, int64_t now_ns, struct ss_event *ret_event,
                    struct ss_join_flow **ret_flow, enum ss_unmatched *ret_reason)
{
    uint32_t most = now_ns == SS_JOIN_FOREVER ? join->waiting_max : RETRIES_MAX;
    if (retry(join, most, ret_event, ret_flow))
        return true;
    if (join->waiting_count == 0 || join->waiting[join->heap[0]].deadline_ns > now_ns)
        return false;
    uint32_t place = join->heap[0], slot;
    const struct ss_event *event = &join->waiting[place].event;
    enum fit fit = weigh(join, place, true, &slot);
    *ret_flow = NULL;
    if (fit == FIT_ONE || (fit == FIT_LATER && !is_reported(join, event, slot))) {
        *ret_flow = match(join, event, slot);
    } else {
        struct ss_query query = query_of(join, event);
        unmatched(join, reason_of(join, &join->waiting[place], &query, fit), ret_reason);
    }
    release(join, place, ret_event);
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
