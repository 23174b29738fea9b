// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Bytes that come again with another content. Of overlapping copies the first one that was seen counts, as
 * with most receivers; a sender, or somebody in between, that sends something else at the same place is
 * either broken or hides something from whoever watches (RFC 9293 section 3.4 leaves no room for it). The
 * first copies are in the history, and only segments that reach back, or come while others are
 * held, are compared with them. */

#include "history/history.h"
#include "packet/packet.h"

#include <stdbool.h>
#include <stdint.h>

/* at: newest record of the packet's connection in the history, this packet not among them. Compares with the
 * latest records, a bounded number. */
bool ss_overlap_differs(const struct ss_history *history, uint64_t at,
                        const struct ss_packet_settings *settings, const struct ss_packet *packet);
