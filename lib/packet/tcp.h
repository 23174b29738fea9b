// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Inside of packet/: a TCP header (RFC 9293). Inline, since every packet has one; what few have is in tcp.c
 * (bench: min64). */

#include "packet/walk.h"

#include <string.h>

#define SS_TCP_BYTES 20 /* without options */

/* Stops at the first option that is malformed, as receivers do. */
void ss_tcp_decode_options(struct ss_span options, struct ss_packet *packet);

static inline void ss_tcp_note_timestamps(const uint8_t *values, struct ss_packet *packet)
{
    packet->has_timestamps = true;
    packet->ts_value = ss_load32(values);
    packet->ts_echo = ss_load32(values + 4);
}

/* A TCP segment of `wire` bytes, of which `captured` are at tcp, SS_TCP_BYTES at least. */
static inline enum ss_refusal ss_tcp_decode(const uint8_t *tcp, uint32_t captured, uint32_t wire,
                                            struct ss_packet *packet)
{
    const uint8_t *options = tcp + SS_TCP_BYTES;
    uint32_t header_bytes = (tcp[12] >> 4) * 4u;
    if (header_bytes < SS_TCP_BYTES || header_bytes > wire)
        return SS_REFUSED_BAD_LENGTH;
    if (header_bytes > captured)
        return SS_REFUSED_TRUNCATED;
    packet->source_port = ss_load16(tcp);
    packet->destination_port = ss_load16(tcp + 2);
    packet->seq = ss_load32(tcp + 4);
    packet->ack = ss_load32(tcp + 8);
    packet->flags = tcp[13];
    packet->window = ss_load16(tcp + 14);
    packet->tcp_checksum = ss_load16(tcp + 16);
    packet->has_timestamps = packet->has_again = false;
    packet->ts_value = packet->ts_echo = 0;
    /* What nearly every segment has, as RFC 7323 appendix A recommends: NOP, NOP, timestamps. */
    if (header_bytes == SS_TCP_BYTES + 12 && ss_load32(options) == 0x0101080a)
        ss_tcp_note_timestamps(options + 4, packet);
    else if (header_bytes > SS_TCP_BYTES)
        ss_tcp_decode_options(ss_span_of(options, header_bytes - SS_TCP_BYTES), packet);
    packet->payload = tcp + header_bytes;
    packet->payload_bytes = wire - header_bytes;
    packet->payload_captured = captured - header_bytes;
    return SS_REFUSED_NOTHING;
}
