// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Findings for tests of what is made from them: a healthy one to start from, then marks as one would say
 * them.
 *
 *     struct ss_finding finding = finding_start();
 *     finding_mark(&finding, SS_MARK_CLIENT_FINISHED, 523000000);
 *     finding_judge(&finding, 0);
 */

#include "analyzer/finding.h"

/* 2026-11-22T23:03:17.630499123Z, 192.0.2.7:51234 to 198.51.100.1:443, nothing seen yet. */
struct ss_finding finding_start(void);

/* The handshake of docs/record.md: complete, the client took 481.2 ms for its Finished. */
struct ss_finding finding_example(void);

void finding_mark(struct ss_finding *finding, enum ss_mark mark, int64_t at_ns);

/* Phases, shares, flags (over 300 ms the handshake, over 200 ms client_finish) and the wire's verdict.
 * open_ns: how long after the last mark an open handshake was looked at; 0: it is complete. */
void finding_judge(struct ss_finding *finding, int64_t open_ns);

struct ss_endpoint endpoint_of(const char *text);
