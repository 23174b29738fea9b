// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What a verdict rests on besides whose turn it was: the finding's evidence, in a sentence. */

#include "analyzer/finding.h"

#include <stddef.h>

/* The evidence that made the better part of the verdict's time, and how long it lasted in all;
 * SS_EVIDENCE_COUNT: there is none. */
enum ss_evidence ss_evidence_of(const struct ss_finding *finding, enum ss_verdict verdict, int64_t *ret_ns);

/* "the same bytes came again 220 ms later, ...": at most bytes with its zero. A doubt follows what is said
 * without it: "; the client counts no packets: ...". */
void ss_evidence_say(enum ss_evidence evidence, int64_t ns, char *ret_text, size_t bytes);
