// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What shows that somebody waited for the network: retransmissions, holes, closed and full windows. Each
 * piece of evidence is a row of tables/evidence.def; docs/measurement.md has the reasons. */

#include "analyzer/handshake.h"

/* A side's next packet, whose numbers may tell of others. is_again: all its data was seen before. */
void ss_loss_take_packet(struct ss_handshake *handshake, enum ss_side side, const struct ss_packet *packet,
                         bool is_again, int64_t t);

/* A copy of what was sent before at since_ns, ending before seq_end, and not acknowledged yet. */
void ss_loss_sent_again(struct ss_handshake *handshake, enum ss_side side, const struct ss_packet *packet,
                        uint32_t seq_end, int64_t since_ns, int64_t t);

/* An acknowledgement of the side's peer tells which copy of what was sent again had arrived. */
void ss_loss_acknowledged(struct ss_handshake *handshake, enum ss_side side, const struct ss_packet *packet,
                          int64_t t);

/* What became of a segment with data. */
void ss_loss_take_fate(struct ss_handshake *handshake, enum ss_side side, const struct ss_packet *packet,
                       const struct ss_segment_fate *fate, int64_t t);

/* Receive windows of both sides, and the server's congestion window. Before the packet's acknowledgement and
 * data are taken. */
void ss_loss_take_windows(struct ss_handshake *handshake, enum ss_side side, const struct ss_packet *packet,
                          int64_t t);

/* At the end: what was never acknowledged, missing numbers, segments that were late by their sender's clock,
 * whose ticks are so long. */
void ss_loss_conclude(const struct ss_handshake *handshake, enum ss_tap tap, const int64_t tick_ns[2],
                      struct ss_timeline *timeline, struct ss_lost *lost);

/* Least round trip between both sides that was seen until now. */
int64_t ss_loss_round_trip(const struct ss_timeline *timeline);
