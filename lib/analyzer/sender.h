// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* One side of a handshake as a sender: evidence of packets that were lost before the tap, so that it only saw
 * them sent again. Such a retransmission looks like a first copy that came late, and its sender like one that
 * waited. Two things tell:
 *
 * - A segment without data carries the number of the next byte to send (RFC 9293 section 3.4). Bytes before
 * it that come later had been sent already.
 * - Many stacks, Linux's among them, count the IPv4 identification of a connection's packets one by one.
 * Where numbers are missing, and the silence before the next one is as long as a retransmission timeout is,
 * their packets were lost. The timeout is 200 ms and a round trip at least, doubled each time (RFC 6298
 * section 5, with Linux's minimum; RFC 8985 section 7.2 for the probe that comes before it). There can be as
 * many of them as segments were outstanding, and one for each further timeout and probe: where more are
 * missing, other connections had them.
 *
 * Where a sender numbers no packets, a silence of that length alone proves nothing: neither that something
 * was lost nor that the sender waited.
 */

#include "packet/packet.h"
#include "stream/sender_clock.h"

#include <stdbool.h>
#include <stdint.h>

/* A silence after which numbers were missing, or the flow label was another. */
struct ss_sender_gap {
    int64_t since_ns, until_ns;
    uint16_t missing;     /* numbers; 0: the label */
    uint16_t outstanding; /* segments with data that came from its end on, until the peer answered */
    bool is_answered;
};

struct ss_sender {
    int64_t last_ns;  /* its newest packet */
    int64_t ahead_ns; /* when `ahead` was first heard of */
    uint32_t ahead;   /* it had sent everything before this number, valid with is_ahead */
    uint32_t flow_label;
    uint16_t ip_id;   /* of its newest packet that has one, with has_id */
    uint8_t followed; /* numbers that were the one after the one before, saturating */
    bool is_ahead : 1;
    bool has_id : 1;
    bool is_random : 1; /* a number that no count explains: it does not count them one by one */
    struct ss_sender_clock clock;
};

/* Its next packet, at t. is_again: all its data was seen before, so that it makes no mark. True, and
 * *ret_gap: a silence ended with it. */
bool ss_sender_next(struct ss_sender *sender, const struct ss_packet *packet, int64_t t, bool is_again,
                    struct ss_sender_gap *ret_gap);

/* Whether what the gap lacks was lost; rtt_ns: least round trip between both sides that was seen. */
bool ss_sender_lost(const struct ss_sender *sender, const struct ss_sender_gap *gap, int64_t rtt_ns);

/* No loss explains the numbers that the gap lacks: other connections had them, and so it does not count this
 * one's packets one by one. */
bool ss_sender_shares_numbers(const struct ss_sender_gap *gap, int64_t rtt_ns);

/* A packet without data while the tap had seen all before `edge`: it tells what was sent. */
void ss_sender_told(struct ss_sender *sender, uint32_t seq, uint32_t edge, int64_t t);

/* Data that begins at seq moved the tap's edge: was it sent before? Then since when that had been known. What
 * begins at `ahead`, where the mirror lost what was before it, was not. */
bool ss_sender_had_sent(struct ss_sender *sender, uint32_t seq, uint32_t edge, int64_t *ret_since_ns);

/* It counts its packets one by one, as far as can be told by now: so where no number is missing nothing was
 * lost. */
bool ss_sender_counts(const struct ss_sender *sender);

/* Whether a silence is as long as the first timeout, as exactly as timers are. */
bool ss_sender_is_timeout(int64_t silence_ns, int64_t rtt_ns);

/* Whether it is longer, by no more than half of one: the sender may have taken as much time of its own before
 * it sent what was lost. */
bool ss_sender_may_hold_timeout(int64_t silence_ns, int64_t rtt_ns);
