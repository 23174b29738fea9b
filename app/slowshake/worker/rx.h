// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The packets' part of a worker's turn: from its queues and its ring into its analyzer, or to another's ring.
 *
 * Each packet gets its arrival time once, where it is polled, and carries it in its mbuf. A driver's stamp is
 * taken as it is. A software stamp is the counter right after the burst; how late it is at most follows from
 * when the queue was last seen empty: a packet that came before that would have been in an earlier burst.
 */

#include "worker/worker.h"

/* Both return how many packets they moved, and set is_behind where more are waiting. */
unsigned ss_rx_poll(struct ss_worker *worker);
unsigned ss_rx_take(struct ss_worker *worker);

/* Place of the arrival time in mbufs, or a negative errno. */
int ss_rx_arrival_offset(void);
