// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Inside lib/join: the state of a join, shared by the files of this folder and nobody else. */

#include "join/chains.h"
#include "join/fit.h"
#include "join/join.h"
#include "join/offset.h"

struct ss_join_slot {
    struct ss_join_flow flow; /* first, so that a flow leads to its slot */
    bool used;
    bool sampled; /* gave a sample of its host's offset */
};

enum ss_fit {
    SS_FIT_NONE,
    SS_FIT_OUTSIDE,
    SS_FIT_AMBIGUOUS,
    SS_FIT_LATER, /* one, so far off that a better one may come */
    SS_FIT_ONE,
};

struct ss_join_waiting {
    struct ss_event event;
    int64_t deadline_ns; /* steady */
    int64_t oldest_ns;   /* of the index, when it came */
    uint64_t serial;     /* order of arrival */
    enum ss_fit fit;     /* when it came */
};

struct ss_join_source {
    int64_t slack_ns, hold_ns;
};

struct ss_join {
    struct ss_join_slot *slots;
    /* Each slot as its client is called on the wire, and behind those, slot + flows_max, as a PROXY protocol
     * header calls it; the latest judged first. */
    struct ss_chains by_endpoint, by_ip;
    uint32_t flows_max, flow_next; /* the slot to fill next: the oldest */

    struct ss_join_waiting *waiting;
    struct ss_chains waiting_chains; /* by endpoint, or address alone; the oldest first */
    uint32_t *heap;     /* waiting events, the first due at 0; behind waiting_count, the free places */
    uint32_t *position; /* where in heap each place is */
    uint32_t waiting_max, waiting_count;
    uint32_t retry_at; /* place from which ss_join_expire retries; waiting_max: nothing to retry */
    uint64_t serial;

    int64_t start_ns;
    struct ss_join_source sources[SS_JOIN_SOURCES];
    struct ss_offsets offsets;
    struct ss_join_counters counters;
};

/* The handshakes that an event may be about, by one name of their client. */
struct ss_choice {
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

/* Settings: create.c */
struct ss_join_source ss_join_source_of(const struct ss_join *join, const struct ss_event *event);

/* Handshakes: index.c */
bool ss_index_has_two_names(const struct ss_news *news); /* of its client */

/* Which of them: choice.c */
struct ss_query ss_choice_query(struct ss_join *join, const struct ss_event *event);
struct ss_choice ss_choice_look(struct ss_join *join, const struct ss_query *query);
enum ss_fit ss_choice_judge(const struct ss_join *join, const struct ss_query *query,
                            const struct ss_choice *choice);
/* The best is as near as this host's times are known. */
bool ss_choice_is_near(const struct ss_query *query, const struct ss_choice *choice);

/* Waiting events: waiting.c. False: there is no room. */
bool ss_waiting_add(struct ss_join *join, const struct ss_event *event, enum ss_fit fit, int64_t steady_ns);
void ss_waiting_release(struct ss_join *join, uint32_t place, struct ss_event *ret_event);

/* Why none: unmatched.c */
bool ss_unmatched_is_too_old(int64_t oldest_ns, const struct ss_query *query, int64_t margin_ns);
enum ss_unmatched ss_unmatched_reason(struct ss_join *join, const struct ss_join_waiting *waiting,
                                      const struct ss_query *query, enum ss_fit fit);

/* A chain's node to its slot. */
static inline uint32_t ss_index_slot_of(const struct ss_join *join, uint32_t node)
{
    return node < join->flows_max ? node : node - join->flows_max;
}
