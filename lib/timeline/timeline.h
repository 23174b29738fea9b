// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Marks of one handshake to phases, shares and a verdict: pure arithmetic.
 *
 * The caller puts in what it saw: when each mark happened, for which stretches of time there is evidence of
 * who held the handshake up (tables/evidence.def), how long a round trip to each side takes at least. The
 * timeline knows no bytes, no TCP and no TLS.
 *
 * The promise, always: the phases sum to last mark minus first mark, the shares sum to the same, none is
 * negative. Marks that a mirror delivered out of order count at the latest earlier mark.
 *
 *     struct ss_timeline timeline;
 *     ss_timeline_init(&timeline);
 *     timeline.mark_ns[SS_MARK_SYN] = 0; ...
 *     ss_timeline_add_wait(&timeline.waits, SS_EVIDENCE_RETRANSMITTED, first_sent_ns, sent_again_ns);
 *     ss_timeline_judge(&timeline, SS_TAP_SERVER, &judged);
 */

#include "tables/tables.h"

#include <stdbool.h>
#include <stdint.h>

#define SS_TIMELINE_WAITS 12 /* stretches kept; of more the shortest give way */
#define SS_MARK_UNSEEN    INT64_MIN

/* A stretch of time of which it is known who held the handshake up, whatever phase it lies in. */
struct ss_timeline_wait {
    int64_t from_ns;
    int64_t to_ns;
    uint8_t evidence; /* enum ss_evidence */
};

struct ss_waits {
    struct ss_timeline_wait at[SS_TIMELINE_WAITS];
    uint8_t count;
    bool lacks_some; /* there was no room for all */
};

struct ss_timeline {
    int64_t mark_ns[SS_MARK_COUNT]; /* from the connection's first packet; SS_MARK_UNSEEN where not seen */
    int64_t answer_begin_ns;        /* the client's first data that acknowledges the flight, or UNSEEN */
    int64_t client_rtt_ns; /* least round trip seen from the tap to the client and back; 0: unknown */
    int64_t server_rtt_ns; /* the same to the server */
    int64_t open_until_ns; /* where it is not complete: when it was given up or looked at; else UNSEEN */
    bool client_hidden, server_hidden; /* whether its next mark came the mirror cannot show */
    struct ss_waits waits;
};

struct ss_judgement {
    int64_t duration_ns;              /* first to last mark */
    int64_t phase_ns[SS_PHASE_COUNT]; /* SS_MARK_UNSEEN where the phase's end was not seen */
    int64_t share_ns[SS_SHARE_COUNT];
    int64_t guessed_ns; /* of the shares: rests on the length of a silence alone */
    int64_t pending_ns; /* not complete: from the last mark until then; else 0. In no share. A hidden side's
                         * mark may have been there: it is pending by evidence alone. */
    uint8_t pending_phase; /* enum ss_phase that was waited for; SS_PHASE_COUNT: none */
    uint8_t pending_share; /* enum ss_share of whom it waited for */
    uint8_t after_share;   /* enum ss_share of after_ns */
    int64_t after_ns;      /* complete: the last mark came too late for somebody by this; 0: for nobody */
};

void ss_timeline_init(struct ss_timeline *timeline);

/* Waits may overlap: the surest evidence counts, that is the table's upper row. Empty ones are ignored; one
 * that goes on where the one before, of its kind, ended extends that. Where there is no room the shortest
 * gives way. */
void ss_timeline_add_wait(struct ss_waits *waits, enum ss_evidence evidence, int64_t from_ns, int64_t to_ns);

/* Whose time a wait counts for: beside the tap there is no path. */
enum ss_share ss_timeline_share(enum ss_evidence evidence, enum ss_tap tap);

void ss_timeline_judge(const struct ss_timeline *timeline, enum ss_tap tap,
                       struct ss_judgement *ret_judgement);
