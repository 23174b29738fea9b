// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The proxies' journals, all of them: polled, tried again when they fail, changed by a reload.
 *
 *     ss_journals_turn(journals, now_ns);
 *     while (ss_journals_next(journals, now_ns, &event))
 *         ...
 *
 * Control lcore only. Time is CLOCK_MONOTONIC.
 */

#include "control/control.h"

struct ss_journals;

/* Opens all journals of config, which is borrowed until ss_journals_change gives another. 0; -errno with a
 * sentence. */
int ss_journals_open(const struct ss_config *config, struct ss_journals **ret_journals, char *ret_why,
                     size_t why_bytes);
void ss_journals_close(struct ss_journals *journals);

/* Journals that are configured as before go on; the others are closed and opened. One that cannot be opened
 * is tried again every few seconds, and says why in the view. */
void ss_journals_change(struct ss_journals *journals, const struct ss_config *config, int64_t now_ns);

/* Finds out which have something to read, and starts a bounded round of reading. */
void ss_journals_turn(struct ss_journals *journals, int64_t now_ns);
/* The next event of this round; false: that was all. */
bool ss_journals_next(struct ss_journals *journals, int64_t now_ns, struct ss_event *ret_event);

/* When the oldest cursor file was written that the journals were opened with; 0: no journal had one. */
int64_t ss_journals_saved_ns(const struct ss_journals *journals);

/* Remembers how far the journals were read. */
void ss_journals_mark(struct ss_journals *journals);
/* Everything that was given before the mark has been handled: the i-th journal's positions, to be saved;
 * NULL: nothing to save. They are the caller's, who says what came of it; what could not be saved is given
 * again. */
struct ss_positions *ss_journals_positions(struct ss_journals *journals, unsigned i);
void ss_journals_saved(struct ss_journals *journals, unsigned i, int error);

/* The journals' part of the view. */
void ss_journals_show(const struct ss_journals *journals, struct ss_control_view *view);
