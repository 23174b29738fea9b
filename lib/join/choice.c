// SPDX-License-Identifier: BSD-3-Clause

/* Which of the handshakes of its client an event is about. */

#include "join/state.h"

#define DOUBT_NS 10000000LL /* how well a learned offset tells two handshakes apart, at best */

/* A proxy may have read its clock some time before it accepts. Where its duration leads to the handshake's
 * end as well, that much is no matter; where the handshake lasted otherwise, it counts as so much further
 * off. */
#define STALE_NS    50000000LL
#define DISAGREE_NS 100000000LL

struct ss_query ss_choice_query(struct ss_join *join, const struct ss_event *event)
{
    const struct ss_offset *offset = ss_offsets_find(&join->offsets, event->host);
    struct ss_query query = {
        .event = event,
        .from_ns = event->time_ns,
        .slack_ns = ss_join_source_of(join, event).slack_ns,
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

static void consider(struct ss_join *join, const struct ss_query *query, uint32_t node,
                     struct ss_choice choices[2])
{
    uint32_t slot = ss_index_slot_of(join, node);
    struct ss_choice *choice = &choices[node != slot];
    const struct ss_news *news = &join->slots[slot].flow.news;
    int64_t off_ns;
    if (!ss_fits_addresses(query->event, news, node != slot))
        return;
    choice->seen++;
    choice->seen_slot = slot;
    if (!ss_fits_time(query, news, &off_ns))
        return;
    choice->fitting++;
    enum ss_lasted lasted = query->learned ? ss_fits_lasted(query, news) : SS_LASTED_UNKNOWN;
    int64_t far_ns = lasted == SS_LASTED_OTHERWISE ? ss_time_plus(off_ns, DISAGREE_NS) : off_ns;
    if (far_ns < choice->best_ns || choice->fitting == 1) {
        choice->second_ns = choice->best_ns;
        choice->best_ns = far_ns;
        choice->best_off_ns = off_ns;
        choice->best_agrees = lasted == SS_LASTED_SO;
        choice->best = slot;
    } else if (far_ns < choice->second_ns) {
        choice->second_ns = far_ns;
    }
}

bool ss_choice_is_near(const struct ss_query *query, const struct ss_choice *choice)
{
    int64_t more_ns = choice->best_agrees ? STALE_NS : 0;
    return choice->fitting > 0 && choice->best_off_ns <= ss_time_plus(query->doubt_ns, more_ns);
}

/* Two fit so well that no third can make it clear. */
static bool is_hopeless(const struct ss_query *query, const struct ss_choice *choice)
{
    if (query->count)
        return choice->fitting >= SS_JOIN_CANDIDATES;
    return choice->fitting > 1 && (!query->has_port || choice->second_ns <= query->doubt_ns);
}

/* By the client's name on the wire where that fits anything, else by that of a PROXY protocol header. */
struct ss_choice ss_choice_look(struct ss_join *join, const struct ss_query *query)
{
    struct ss_choice choices[2] = {{.best_ns = INT64_MAX, .second_ns = INT64_MAX},
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
    struct ss_choice choice = choices[by_header];
    choice.seen = choices[0].seen + choices[1].seen;
    choice.cut = node != SS_CHAINS_NONE && !is_hopeless(query, &choices[0]);
    join->counters.walks_cut += choice.cut;
    return choice;
}

unsigned ss_join_candidates(struct ss_join *join, const struct ss_event *event)
{
    struct ss_query query = ss_choice_query(join, event);
    query.count = true;
    return ss_choice_look(join, &query).fitting;
}

/* Of several that fit: is another one about as likely as the best? */
static bool in_doubt(const struct ss_join *join, const struct ss_query *query, const struct ss_choice *choice)
{
    if (!query->has_port)
        return choice->cut || choice->fitting > 1;
    if (choice->fitting < 2)
        return false;
    if (query->event->moment != SS_EVENT_LOGGED)
        return !ss_choice_is_near(query, choice) ||
               ss_time_minus(choice->second_ns, choice->best_ns) <= query->doubt_ns;
    /* A line about a connection is written before its port is used again, so the latest handshake it is,
     * unless that began after the line was written, or both were just then. */
    int64_t began_ns = join->slots[choice->best].flow.news.start_ns;
    return choice->second_ns == choice->best_ns || choice->second_ns <= query->doubt_ns ||
           ss_time_minus(began_ns, query->to_ns) > 0;
}

enum ss_fit ss_choice_judge(const struct ss_join *join, const struct ss_query *query,
                            const struct ss_choice *choice)
{
    if (choice->fitting == 0)
        return choice->seen ? SS_FIT_OUTSIDE : SS_FIT_NONE;
    if (in_doubt(join, query, choice))
        return SS_FIT_AMBIGUOUS;
    bool later = query->event->moment != SS_EVENT_LOGGED && !ss_choice_is_near(query, choice);
    return later ? SS_FIT_LATER : SS_FIT_ONE;
}
