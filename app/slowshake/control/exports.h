// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What is to be written, and when: from a flagged flow to the job in the writer's ring.
 *
 *   flagged ─> waiting ─> asked (its analyzer copies) ─> ready ─> writer
 *
 * A flow is written as soon as anything flags it, and is under way once: what comes meanwhile joins its
 * record, what comes later (the proxy's report, another judgement, the connection's end) makes a further
 * revision. That the connection goes on makes none.
 * Everything is bounded: flows under way, those asked for at once, the bytes of one flow (its newest packets
 * are left out then) and of all together. What finds no room is refused and counted.
 *
 * Control lcore only.
 */

#include "appliance.h"
#include "join/join.h"

#define SS_EXPORTS_MAX    16384 /* under way */
#define SS_EXPORTS_EVENTS 8192  /* of them, events without a flow */
#define SS_EXPORTS_ASKED  32    /* asked for at once, and none while SS_COPIES_HELD_BYTES are held */

struct ss_exports_counters {
    uint64_t flagged; /* flows */
    uint64_t asked, done, gone;
    uint64_t refused;           /* flows that found no room or no memory */
    uint64_t events_refused;    /* events that are written nowhere for that reason */
    uint64_t unmatched_refused; /* of them, those without a flow */
    /* Events that no job of the writer counts, by epoch: nothing new in them, or refused. */
    uint64_t events_settled[SS_EPOCHS];
};

struct ss_exports;

/* NULL: no memory. */
struct ss_exports *ss_exports_create(struct ss_appliance *appliance, struct ss_join *join,
                                     const struct ss_mirror_loss *mirror_loss);
void ss_exports_free(struct ss_exports *exports);

/* The flow is to be written: it was flagged, judged again after it had been, or an event (else NULL) is about
 * it. */
void ss_exports_flow(struct ss_exports *exports, struct ss_join_flow *flow, const struct ss_event *event);

/* The flow was judged again: if it is under way, it is written as it is now. False: it is not. */
bool ss_exports_update(struct ss_exports *exports, const struct ss_join_flow *flow);

/* The flow's connection has ended. If that is within ten seconds of its handshake, and brings packets that
 * its record lacks, it is written once more; later, the history may hold less than the first file. */
void ss_exports_ended(struct ss_exports *exports, struct ss_join_flow *flow, const struct ss_news *end);

/* An event that found no flow is to be written. */
void ss_exports_unmatched(struct ss_exports *exports, const struct ss_event *event, enum ss_unmatched reason);

/* Takes what the analyzers gave, asks for what waits, gives to the writer. Bounded work. */
void ss_exports_turn(struct ss_exports *exports);

/* Nothing is under way. */
bool ss_exports_is_idle(const struct ss_exports *exports);
const struct ss_exports_counters *ss_exports_counters(const struct ss_exports *exports);
