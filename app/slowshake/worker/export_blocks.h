// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Packing a flow's packets into blocks: the writing side of ss_export_block_next (worker.h). */

#include "worker/worker.h"

void ss_export_block_init(struct ss_export_block *block, uint32_t job);

/* Copies a record and its bytes behind those that are there; capacity: bytes of the block's data. False: no
 * room. A frame that is larger than a whole block is cut to it (captured < wire), for it would never fit. */
bool ss_export_block_add(struct ss_export_block *block, uint32_t capacity,
                         const struct ss_history_record *record);

/* One turn's part of answering an EXPORT. Returns whether there was anything to do. */
bool ss_export_turn(struct ss_worker *worker);
