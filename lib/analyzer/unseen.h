// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Packets that were lost before the tap, so that it only saw them sent again.
 *
 * Such a retransmission looks like a first copy that came late, and its sender like one that waited. Two
 * things tell. Many stacks, Linux's among them, count the IPv4 identification of a connection's packets one
 * by one: the lost copy's number is missing. And the silence is as long as retransmission timeouts are: 200
 * ms and a round trip, doubled each time (RFC 6298 section 5, with Linux's minimum). Only both together count
 * as a loss.
 */

#include "packet/packet.h"

#include <stdbool.h>
#include <stdint.h>

/* What is known of one side as a sender. */
struct ss_sender {
    int64_t last_ns;  /* its newest packet */
    uint16_t ip_id;   /* of that packet; 0: none, or it numbers none */
    uint8_t in_a_row; /* packets before that whose numbers followed one another, saturating; any other number
                         starts anew */
};

/* Its next packet, at t. Returns how many packets right before it were lost unseen, by number and by the time
 * since the last one (in *ret_since_ns): 0 mostly. rtt_ns: least round trip to that side, 0 where it is not
 * known. */
unsigned ss_sender_next(struct ss_sender *sender, const struct ss_packet *packet, int64_t t, int64_t rtt_ns,
                        int64_t *ret_since_ns);
