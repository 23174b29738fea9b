// SPDX-License-Identifier: BSD-3-Clause

/* Why an event found no flow. */

#include "join/state.h"

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
bool ss_unmatched_is_too_old(int64_t oldest_ns, const struct ss_query *query, int64_t margin_ns)
{
    return oldest_ns != 0 && ss_time_plus(query->to_ns, ss_time_plus(query->slack_ns, margin_ns)) < oldest_ns;
}

/* What a busy index gave up while the event waited is no reason. */
enum ss_unmatched ss_unmatched_reason(struct ss_join *join, const struct ss_join_waiting *waiting,
                                      const struct ss_query *query, enum ss_fit fit)
{
    if (fit == SS_FIT_AMBIGUOUS || (fit < SS_FIT_AMBIGUOUS && waiting->fit == SS_FIT_AMBIGUOUS))
        return SS_UNMATCHED_AMBIGUOUS;
    if (ss_join_is_before_start(join, query->event))
        return SS_UNMATCHED_BEFORE_START;
    if (fit != SS_FIT_NONE)
        return SS_UNMATCHED_OUTSIDE_SLACK;
    return ss_unmatched_is_too_old(waiting->oldest_ns, query, 0) ? SS_UNMATCHED_TOO_OLD
                                                                 : SS_UNMATCHED_NO_FLOW;
}
