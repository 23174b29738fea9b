// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What counts as slow, and what a judged handshake is then called. */

#include "timeline/timeline.h"

#define SS_SLOW_NEVER INT64_MAX

/* Thresholds; SS_SLOW_NEVER where a test is off. Idle time is not counted. */
struct ss_slow {
    int64_t handshake_ns;
    int64_t unfinished_ns; /* a handshake that is still open after this long, idle time not counted */
    int64_t phase_ns[SS_PHASE_COUNT];
};

/* Bits of why a flow is flagged: one a phase, and these. */
#define SS_FLAG_PHASE(phase) (1u << (phase))
#define SS_FLAG_HANDSHAKE    (1u << 29)
#define SS_FLAG_UNFINISHED   (1u << 30)
#define SS_FLAG_PROXY        (1u << 31)
_Static_assert(SS_PHASE_COUNT < 29, "flags of phases and of handshakes overlap");

/* Takes the next of the flags out of *flags, in the record's order, and says its name; false: there is none.
 */
#define SS_FLAG_TEXT_MAX 64
bool ss_slow_flag_next(uint32_t *flags, char ret_text[SS_FLAG_TEXT_MAX]);

void ss_slow_init(struct ss_slow *slow);

/* The wire's own flags of a judged handshake. What lies within the clock's error flags nothing. */
uint32_t ss_slow_flags(const struct ss_slow *slow, const struct ss_judgement *judgement,
                       int64_t clock_error_ns);

/* What a verdict rests on besides the shares. */
struct ss_verdict_evidence {
    uint32_t flags;   /* SS_FLAG_... */
    int64_t proxy_ns; /* what the proxy reported, or SS_MARK_UNSEEN */
    int64_t clock_error_ns;
    bool one_sided;      /* only one direction was seen */
    bool is_end_hidden;  /* the mirror does not show that it was completed, and could not */
    bool lacks_evidence; /* some was seen, and found no room */
    uint32_t tap_missing_bytes;
};

struct ss_opinion {
    enum ss_verdict verdict;
    enum ss_confidence confidence;
};

/* The largest share of a flow that is slow; docs/measurement.md states the rules of verdict and confidence.
 */
struct ss_opinion ss_verdict_form(const struct ss_judgement *judgement,
                                  const struct ss_verdict_evidence *evidence);
