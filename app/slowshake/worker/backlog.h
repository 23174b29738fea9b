// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What to shed (analyzer/shed.h), by what waits between lcores or in a NIC's queue. What a driver cannot tell
 * of its queue is guessed from how many packets came since it was last empty: those that waited at some time
 * are no more; so then only packets after handshakes are shed. */

#include "worker/worker.h"

enum ss_shed ss_backlog_of_ring(const struct rte_ring *ring);

/* count: packets of this burst, of at most SS_WORKER_BURST. */
enum ss_shed ss_backlog_of_queue(struct ss_queue_ref *queue, unsigned count);
