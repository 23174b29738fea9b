// SPDX-License-Identifier: BSD-3-Clause
/* TCP (RFC 9293) with timestamps (RFC 7323) and what was received twice (RFC 2883). */
#include "packet/walk.h"

#include "base/seq.h"

#define TCP_BYTES         20
#define OPTION_END        0
#define OPTION_NOP        1
#define OPTION_SACK       5
#define OPTION_TIMESTAMPS 8
#define SACK_BLOCK_BYTES  8
#define TIMESTAMPS_BYTES  10

static void note_timestamps(const uint8_t *values, struct ss_packet *packet)
{
    packet->has_timestamps = true;
    packet->ts_value = ss_load32(values);
    packet->ts_echo = ss_load32(values + 4);
}

/* RFC 2883 section 4: a first block that lies below the acknowledgement reports a duplicate. */
static void note_sack(struct ss_span blocks, struct ss_packet *packet)
{
    if (ss_span_left(&blocks) < SACK_BLOCK_BYTES)
        return;
    uint32_t begin = ss_load32(blocks.at), end = ss_load32(blocks.at + 4);
    if (!ss_seq_before(begin, end) || !ss_seq_reached(packet->ack, end))
        return;
    packet->has_again = true;
    packet->again_end = end;
}

/* Stops at the first option that is malformed, as receivers do. */
static void decode_options(struct ss_span options, struct ss_packet *packet)
{
    /* What nearly every segment has, as RFC 7323 appendix A recommends: NOP, NOP, timestamps. */
    if (ss_span_left(&options) == 12 && ss_load32(options.at) == 0x0101080a) {
        note_timestamps(options.at + 4, packet);
        return;
    }
    uint8_t kind, length;
    struct ss_span value;
    while (ss_span_u8(&options, &kind) && kind != OPTION_END) {
        if (kind == OPTION_NOP)
            continue;
        if (!ss_span_u8(&options, &length) || length < 2 || !ss_span_take(&options, length - 2u, &value))
            return;
        if (kind == OPTION_TIMESTAMPS && length == TIMESTAMPS_BYTES)
            note_timestamps(value.at, packet);
        else if (kind == OPTION_SACK)
            note_sack(value, packet);
    }
}

enum ss_refusal ss_tcp_decode(const uint8_t *tcp, uint32_t captured, uint32_t wire, struct ss_packet *packet)
{
    uint32_t header_bytes = (tcp[12] >> 4) * 4u;
    if (header_bytes < TCP_BYTES || header_bytes > wire)
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
    if (header_bytes > TCP_BYTES)
        decode_options(ss_span_of(tcp + TCP_BYTES, header_bytes - TCP_BYTES), packet);
    packet->payload = tcp + header_bytes;
    packet->payload_bytes = wire - header_bytes;
    packet->payload_captured = captured - header_bytes;
    return SS_REFUSED_NOTHING;
}

enum ss_refusal ss_layer_tcp(struct ss_walk *walk)
{
    const struct ss_span segment = walk->in;
    const uint8_t *header;
    uint32_t wire = walk->wire;
    enum ss_refusal refused = ss_walk_take(walk, TCP_BYTES, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    walk->next = SS_LAYER_DONE;
    return ss_tcp_decode(header, (uint32_t)ss_span_left(&segment), wire, walk->packet);
}
