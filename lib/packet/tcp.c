// SPDX-License-Identifier: BSD-3-Clause
/* TCP (RFC 9293) with timestamps (RFC 7323) and what was received twice (RFC 2883). */
#include "packet/tcp.h"

#include "base/seq.h"

#define OPTION_END        0
#define OPTION_NOP        1
#define OPTION_SACK       5
#define OPTION_TIMESTAMPS 8
#define SACK_BLOCK_BYTES  8
#define TIMESTAMPS_BYTES  10

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
void ss_tcp_decode_options(struct ss_span options, struct ss_packet *packet)
{
    uint8_t kind, length;
    struct ss_span value;
    while (ss_span_u8(&options, &kind) && kind != OPTION_END) {
        if (kind == OPTION_NOP)
            continue;
        if (!ss_span_u8(&options, &length) || length < 2 || !ss_span_take(&options, length - 2u, &value))
            return;
        if (kind == OPTION_TIMESTAMPS && length == TIMESTAMPS_BYTES)
            ss_tcp_note_timestamps(value.at, packet);
        else if (kind == OPTION_SACK)
            note_sack(value, packet);
    }
}

enum ss_refusal ss_layer_tcp(struct ss_walk *walk)
{
    const struct ss_span segment = walk->in;
    const uint8_t *header;
    uint32_t wire = walk->wire;
    enum ss_refusal refused = ss_walk_take(walk, SS_TCP_BYTES, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    walk->next = SS_LAYER_DONE;
    return ss_tcp_decode(header, (uint32_t)ss_span_left(&segment), wire, walk->packet);
}
