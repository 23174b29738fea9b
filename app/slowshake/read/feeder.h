// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Frames of capture files through the analyzers of slowshake read.
 *
 * Each connection goes to one analyzer, as the rx lcores choose it, and all of them are told the same time,
 * so that it does not matter how many there are. Where another capture begins, all that is open is judged as
 * it stood at the end of the one before.
 */

#include "analyzer/analyzer.h"
#include "config/config.h"
#include "read/results.h"

struct ss_feeder;

/* config and results are borrowed. NULL: no memory, which has been said. */
struct ss_feeder *ss_feeder_create(const struct ss_config *config, struct ss_results *results);
void ss_feeder_free(struct ss_feeder *feeder);

/* Frames in the order of their file; count <= SS_BURST_MAX. Ends the program where there is no memory for
 * results. */
void ss_feeder_take(struct ss_feeder *feeder, const struct ss_frame *frames, unsigned count);
void ss_feeder_end_file(struct ss_feeder *feeder);
/* All files have ended. */
void ss_feeder_finish(struct ss_feeder *feeder);

/* Packets of all analyzers that were refused for this reason. */
uint64_t ss_feeder_refused(const struct ss_feeder *feeder, enum ss_refusal reason);

/* What all analyzers together had no room for: handshakes_full, hellos_full, segments_full, lacking_evidence
 * and news_dropped; the rest is 0. */
struct ss_analyzer_counters ss_feeder_left_out(const struct ss_feeder *feeder);
