// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* An analyzer's export blocks, copied into a job of the writer: so a few blocks serve flows of any size, and
 * a slow disk never holds an analyzer up. All jobs together hold SS_COPIES_HELD_BYTES, and as much as those
 * under way at that moment, SS_EXPORTS_ASKED, may go on with. */

#include "writer/writer.h"

#define SS_COPIES_HELD_BYTES    (256u * 1024 * 1024) /* of all flows; beyond that */
#define SS_COPIES_FLOW_BYTES    (32u * 1024 * 1024)  /* one flow may have no longer this much */
#define SS_COPIES_CROWDED_BYTES (1024u * 1024)       /* but this */

/* Copies the block to the end of job->blocks; *last is the last of them, NULL while there is none. Packets
 * come newest first: a flow that is too large loses its newest ones, all but those beside its finding. False:
 * no memory. */
bool ss_copies_add(struct ss_writer_job *job, struct ss_export_block **last,
                   const struct ss_export_block *block);

/* Keeps a further event of the job, if there is room. */
void ss_copies_add_event(struct ss_writer_job *job, const struct ss_event *event);
