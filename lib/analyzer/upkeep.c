// SPDX-License-Identifier: BSD-3-Clause

/* Ageing: a few entries a turn, never a sweep. What ends by time ends at the time it was due,
 * whenever upkeep gets to it. */

#include "analyzer/state.h"

#include "base/units.h"

#define HANDSHAKES_A_TURN 4
#define FLOWS_A_TURN      4
#define CLOSED_MS         2000u /* a closed connection waits for stragglers */

/* Looked at when there is no room (bench: synflood). */
#define ROOM_TRIES  64 /* entries, until */
#define ROOM_CHOICE 8  /* so many were found that may give way */
#define BLOCK_TRIES 8  /* handshake blocks */

/* The 32 bits wrap after 49 days. Their last minutes are of packets that the mirror shows out of order,
 * a little before the newest one. */
static uint32_t silent_ms(const struct ss_flow *flow, uint32_t now_ms)
{
    uint32_t ms = now_ms - flow->last_seen_ms;
    return ms > UINT32_MAX - SS_IDLE_MS ? 0 : ms;
}

bool ss_upkeep_is_over(const struct ss_flow *flow, uint32_t now_ms)
{
    /* A handshake under way knows itself how long it waits. */
    bool is_closed = flow->is_closed && flow->state != SS_FLOW_OPEN;
    return silent_ms(flow, now_ms) > (is_closed ? CLOSED_MS : SS_IDLE_MS);
}

/* ---- handshakes that wait */

/* When a handshake that nothing more came of counts as given up: not when upkeep happened to see it. Its own
 * times may lie, that by which it ages does not. */
int64_t ss_upkeep_given_up(const struct ss_handshake *handshake, int64_t now_ns)
{
    int64_t last_ns = handshake->base_ns + handshake->last_ns;
    int64_t due_ns = (last_ns < handshake->seen_ns ? last_ns : handshake->seen_ns) + SS_STUCK_NS;
    return due_ns < now_ns ? due_ns : now_ns;
}

/* A handshake that is open for too long is reported while it still is. */
static void report_open(struct ss_analyzer *analyzer, struct ss_handshake *handshake, int64_t now_ns)
{
    struct ss_finding finding;

    if (handshake->reported_open || handshake->outcome != SS_OUTCOME_COUNT ||
        now_ns - handshake->base_ns < analyzer->config.slow.unfinished_ns)
        return;
    ss_handshake_conclude(handshake, analyzer->config.tap, now_ns, &finding);
    if (ss_slow_flags(&analyzer->config.slow, &finding.judged, finding.clock_error_ns) & SS_FLAG_UNFINISHED) {
        handshake->reported_open = true;
        ss_news_judged(analyzer, handshake, now_ns);
    }
}

/* Nothing more is to come of it. */
static bool is_done(const struct ss_handshake *handshake, int64_t now_ns)
{
    return ss_handshake_is_over(handshake, now_ns) || ss_upkeep_is_stuck(handshake, now_ns);
}

static void look_after(struct ss_analyzer *analyzer, struct ss_handshake *handshake, int64_t now_ns)
{
    if (is_done(handshake, now_ns))
        ss_connection_conclude(analyzer, handshake, ss_upkeep_given_up(handshake, now_ns));
    else
        report_open(analyzer, handshake, now_ns);
}

/* The block that the next turn looks at where this one looks at the hand's. */
static uint32_t ahead(const struct ss_analyzer *analyzer)
{
    uint32_t next = analyzer->handshake_hand + HANDSHAKES_A_TURN - 1;
    return next < analyzer->handshakes.fresh ? next : next - analyzer->handshakes.fresh;
}

static struct ss_handshake *next_handshake(struct ss_analyzer *analyzer)
{
    if (analyzer->handshakes.fresh == 0)
        return NULL;
    if (analyzer->handshake_hand >= analyzer->handshakes.fresh)
        analyzer->handshake_hand = 0;
    struct ss_handshake *handshake = ss_pool_at(&analyzer->handshakes, analyzer->handshake_hand++);
    __builtin_prefetch(ss_pool_at(&analyzer->handshakes, ahead(analyzer)), 1);
    return handshake->is_used ? handshake : NULL;
}

/* ---- connections */

static void age_one(struct ss_analyzer *analyzer, int64_t now_ns)
{
    uint32_t number = ss_flow_next_to_age(&analyzer->flows);

    if (number != SS_FLOW_NONE && ss_upkeep_is_over(ss_flow_at(&analyzer->flows, number), ss_ms_of(now_ns)))
        ss_connection_forget(analyzer, number, now_ns);
}

/* Nothing older is still to come. */
static int64_t oldest_to_come(const struct ss_analyzer *analyzer)
{
    int64_t disorder_ns = analyzer->config.disorder_ns;
    return analyzer->now_ns > disorder_ns ? analyzer->now_ns - disorder_ns : 0;
}

void ss_upkeep(struct ss_analyzer *analyzer)
{
    int64_t now_ns = oldest_to_come(analyzer);

    if (analyzer->now_ns >= (analyzer->mirror.second + 1) * SS_NS_PER_S)
        ss_news_second(analyzer);
    for (unsigned i = 0; i < HANDSHAKES_A_TURN; i++) {
        struct ss_handshake *handshake = next_handshake(analyzer);
        if (handshake != NULL)
            look_after(analyzer, handshake, now_ns);
    }
    for (unsigned i = 0; i < FLOWS_A_TURN; i++)
        age_one(analyzer, now_ns);
}

/* The most dispensable of the next entries gives way: one that is closed, else the one that was silent
 * longest and is not in its handshake. */
bool ss_upkeep_make_room(struct ss_analyzer *analyzer)
{
    uint32_t victim = SS_FLOW_NONE, victim_ms = 0;
    unsigned choice = 0;

    for (unsigned i = 0; i < ROOM_TRIES && choice < ROOM_CHOICE && victim_ms < UINT32_MAX; i++) {
        uint32_t number = ss_flow_next_to_age(&analyzer->flows);
        if (number == SS_FLOW_NONE)
            continue;
        const struct ss_flow *flow = ss_flow_at(&analyzer->flows, number);
        if (flow->state == SS_FLOW_OPEN)
            continue;
        choice++;
        uint32_t ms = flow->is_closed ? UINT32_MAX : silent_ms(flow, ss_ms_of(analyzer->now_ns)) + 1;
        if (ms > victim_ms) {
            victim = number;
            victim_ms = ms;
        }
    }
    if (victim == SS_FLOW_NONE)
        return false;
    ss_connection_forget(analyzer, victim, analyzer->now_ns);
    analyzer->counters.flows_evicted++;
    return true;
}

/* A handshake that is done, or a connection that has not come to a hello, gives its block to a new one; else,
 * of the next few, the handshake that has been silent longest of those that nobody has answered. */
bool ss_upkeep_free_handshake(struct ss_analyzer *analyzer)
{
    struct ss_handshake *victim = NULL;

    for (unsigned i = 0; i < BLOCK_TRIES; i++) {
        struct ss_handshake *handshake = next_handshake(analyzer);
        if (handshake == NULL)
            continue;
        if (is_done(handshake, analyzer->now_ns)) {
            ss_connection_conclude(analyzer, handshake, ss_upkeep_given_up(handshake, analyzer->now_ns));
            return true;
        }
        if (analyzer->now_ns - handshake->base_ns < SS_GIVING_NS)
            continue;
        if (!ss_handshake_is_tls(handshake)) {
            victim = handshake;
            break;
        }
        if (ss_handshake_is_idle(handshake, analyzer->now_ns) &&
            (victim == NULL || handshake->seen_ns < victim->seen_ns))
            victim = handshake;
    }
    if (victim == NULL)
        return false;
    victim->lacks_evidence = true;
    ss_connection_conclude(analyzer, victim, analyzer->now_ns);
    return true;
}

bool ss_upkeep_flush(struct ss_analyzer *analyzer)
{
    uint32_t entries = analyzer->flows.entries.fresh;

    for (uint32_t i = 0; i < entries && analyzer->flows.entries.used > 0; i++) {
        uint32_t number = ss_flow_next_to_age(&analyzer->flows);
        if (number == SS_FLOW_NONE)
            continue;
        if (analyzer->news_head - analyzer->news_tail > SS_NEWS_MAX - 4)
            return true;
        ss_connection_forget(analyzer, number, analyzer->now_ns);
    }
    if (analyzer->flows.entries.used > 0)
        return true;
    ss_news_second(analyzer);
    return false;
}
