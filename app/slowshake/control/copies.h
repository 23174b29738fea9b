// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* An analyzer's export blocks, copied into a job of the writer: so a few blocks serve flows of any size, and
 * a slow disk never holds an analyzer up. */

#include "writer/writer.h"

#define SS_COPIES_FLOW_BYTES (32u * 1024 * 1024) /* of one flow */

/* Copies the block to the end of job->blocks; *last is the last of them, NULL while there is none. Packets
 * come newest first: a flow that is too large loses its newest ones, all but those beside its finding. False:
 * no memory. */
bool ss_copies_add(struct ss_writer_job *job, struct ss_export_block **last,
                   const struct ss_export_block *block);
