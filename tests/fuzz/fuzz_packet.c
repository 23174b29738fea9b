// SPDX-License-Identifier: BSD-3-Clause

/* Any bytes as a frame of each link layer, in memory of exactly their size.
 *
 * Held to be true: what is decoded lies inside the frame; lengths are possible; a frame that was captured
 * whole and decodes gives the same packet, but for its payload, when it is cut behind its headers; the short
 * way of plain frames and the walk through all layers find the same.
 */

#include "packet/packet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct ss_frame *frame, const struct ss_packet *packet)
{
    require(packet->encap_count <= SS_ENCAP_MAX);
    for (unsigned i = 0; i < packet->encap_count; i++)
        require(packet->encap[i].kind < SS_ENCAP_COUNT && ss_encap_name(packet->encap[i].kind) != NULL);
    require(packet->payload_captured <= packet->payload_bytes);
    require(packet->payload_bytes <= UINT16_MAX); /* the IP header is believed, not the frame */
    if (packet->payload_captured > 0) {
        require(packet->payload >= frame->data);
        require(packet->payload + packet->payload_captured <= frame->data + frame->captured);
    }
}

static void check_cut(const struct ss_frame *frame, const struct ss_packet *whole)
{
    struct ss_frame cut = *frame;
    struct ss_packet packet;

    if (whole->payload_captured == 0)
        return;
    cut.captured = (uint32_t)(whole->payload - frame->data);
    require(ss_packet_decode(&cut, NULL, &packet) == SS_REFUSED_NOTHING);
    check(&cut, &packet);
    require(packet.seq == whole->seq && packet.ack == whole->ack && packet.flags == whole->flags);
    require(packet.payload_bytes == whole->payload_bytes && packet.payload_captured == 0);
    require(packet.source_port == whole->source_port && ss_ip_equal(&packet.source, &whole->source));
}

static bool is_same(const struct ss_packet *a, const struct ss_packet *b)
{
    for (unsigned i = 0; i < a->encap_count && i < b->encap_count; i++) {
        if (a->encap[i].kind != b->encap[i].kind || a->encap[i].id != b->encap[i].id)
            return false;
    }
    return a->encap_count == b->encap_count && ss_ip_equal(&a->source, &b->source) &&
           ss_ip_equal(&a->destination, &b->destination) && a->source_port == b->source_port &&
           a->destination_port == b->destination_port && a->seq == b->seq && a->ack == b->ack &&
           a->ts_value == b->ts_value && a->ts_echo == b->ts_echo && a->has_timestamps == b->has_timestamps &&
           a->has_again == b->has_again && (!a->has_again || a->again_end == b->again_end) &&
           a->flow_label == b->flow_label && a->window == b->window && a->tcp_checksum == b->tcp_checksum &&
           a->ip_id == b->ip_id && a->ttl == b->ttl && a->flags == b->flags && a->payload == b->payload &&
           a->payload_bytes == b->payload_bytes && a->payload_captured == b->payload_captured;
}

static void check_walk(const struct ss_frame *frame, enum ss_refusal refusal, const struct ss_packet *packet)
{
    struct ss_packet walked;

    require(ss_packet_decode_within(frame, NULL, 0, NULL, &walked) == refusal);
    require(refusal != SS_REFUSED_NOTHING || is_same(packet, &walked));
}

static void check_fragment(const struct ss_frame *frame)
{
    struct ss_fragment fragment;

    if (ss_packet_fragment(frame, NULL, &fragment) != SS_REFUSED_NOTHING)
        return;
    require(fragment.head >= frame->data && fragment.data == fragment.head + fragment.head_bytes);
    require(fragment.data + fragment.bytes <= frame->data + frame->captured && fragment.bytes > 0);
    require(fragment.offset + fragment.bytes <= UINT16_MAX && fragment.encap_count <= SS_ENCAP_MAX);
    require(fragment.is_last || fragment.bytes % 8 == 0);
}

static void decode(const uint8_t *bytes, size_t length, enum ss_link link, uint32_t beyond)
{
    uint8_t *data = malloc(length + (length == 0));
    struct ss_frame frame = {
        .data = data, .captured = (uint32_t)length, .wire = (uint32_t)length + beyond, .link = (uint8_t)link};
    struct ss_packet packet;

    require(data != NULL);
    if (length > 0)
        memcpy(data, bytes, length);
    enum ss_refusal refusal = ss_packet_decode(&frame, NULL, &packet);
    check_walk(&frame, refusal, &packet);
    if (refusal == SS_REFUSED_NOTHING) {
        check(&frame, &packet);
        check_cut(&frame, &packet);
    } else if (refusal == SS_REFUSED_FRAGMENT) {
        check_fragment(&frame);
    } else {
        require(refusal < SS_REFUSED_COUNT);
        require(ss_refusal_class(refusal) != SS_CLASS_DROPPED); /* the decoder has no room to lack */
    }
    free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    if (length < 2)
        return 0;
    decode(input + 2, length - 2, input[0] % (SS_LINK_OTHER + 1), input[1] & 1 ? input[1] * 16u : 0);
    return 0;
}
