// SPDX-License-Identifier: BSD-3-Clause
/* IPv4 (RFC 791), IPv6 (RFC 8200), and IP in IP. */
#include "packet/walk.h"

#include <string.h>

/* Protocol numbers, which IPv6 calls next headers. */
enum {
    HOP_BY_HOP = 0,
    IPV4 = 4,
    TCP = 6,
    UDP = 17,
    IPV6 = 41,
    ROUTING = 43,
    FRAGMENT = 44,
    GRE = 47,
    AUTHENTICATION = 51,
    DESTINATION = 60,
    MOBILITY = 135,
};

enum ss_layer ss_layer_of_protocol(uint8_t protocol)
{
    switch (protocol) {
    case TCP:
        return SS_LAYER_TCP;
    case UDP:
        return SS_LAYER_UDP;
    case IPV4:
        return SS_LAYER_IPV4;
    case IPV6:
        return SS_LAYER_IPV6;
    case GRE:
        return SS_LAYER_GRE;
    case HOP_BY_HOP:
    case ROUTING:
    case FRAGMENT:
    case AUTHENTICATION:
    case DESTINATION:
    case MOBILITY:
        return SS_LAYER_EXTENSION;
    default:
        return SS_LAYER_OTHER;
    }
}

static void follow(struct ss_walk *walk, uint8_t protocol)
{
    walk->has_ip = true;
    walk->protocol = protocol;
    walk->next = ss_layer_of_protocol(protocol);
    if (protocol == IPV4 || protocol == IPV6)
        ss_walk_encap(walk, SS_ENCAP_IP, 0);
}

/* What the fragment is a part of, once its header and options are taken: the walk stands at its data. */
static enum ss_refusal note_fragment(const struct ss_walk *walk, uint32_t id, uint32_t offset, bool is_last)
{
    struct ss_fragment *fragment = walk->fragment;
    if (fragment == NULL)
        return SS_REFUSED_FRAGMENT;
    const uint8_t *ip = walk->ip;
    uint32_t captured = (uint32_t)ss_span_left(&walk->in);
    if (captured < walk->wire)
        return SS_REFUSED_TRUNCATED;
    /* All but the last end at a multiple of 8, and none beyond what a length field can say. */
    if (captured == 0 || (!is_last && captured % 8 != 0) || offset + captured > UINT16_MAX)
        return SS_REFUSED_BAD_LENGTH;
    fragment->is_v6 = ip[0] >> 4 == 6;
    fragment->protocol = fragment->is_v6 ? 0 : ip[9];
    fragment->id = id;
    fragment->offset = offset;
    fragment->is_last = is_last;
    fragment->head = ip;
    fragment->head_bytes = (uint32_t)(walk->in.at - ip);
    fragment->data = walk->in.at;
    fragment->bytes = captured;
    fragment->source = walk->packet->source;
    fragment->destination = walk->packet->destination;
    fragment->encap_count = walk->packet->encap_count;
    memcpy(fragment->encap, walk->packet->encap, sizeof(fragment->encap));
    return SS_REFUSED_FRAGMENT;
}

/* From here on the wire had as many bytes as the IP header says: fewer than the frame, when it was padded;
 * more, when somebody cut it without a word. */
static void limit(struct ss_walk *walk, uint32_t bytes)
{
    if (walk->is_limited && bytes > walk->wire)
        return;
    if (bytes < ss_span_left(&walk->in))
        walk->in.end = walk->in.at + bytes;
    walk->wire = bytes;
}

enum ss_refusal ss_layer_ip(struct ss_walk *walk)
{
    if (ss_span_left(&walk->in) == 0)
        return ss_walk_missing(walk, 1);
    return walk->in.at[0] >> 4 == 6 ? ss_layer_ipv6(walk) : ss_layer_ipv4(walk);
}

enum ss_refusal ss_layer_ipv4(struct ss_walk *walk)
{
    const uint8_t *header, *options;
    enum ss_refusal refused = ss_walk_take(walk, 20, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    if (header[0] >> 4 != 4)
        return SS_REFUSED_BAD_VERSION;

    uint32_t header_bytes = (header[0] & 0xfu) * 4, total_bytes = ss_load16(header + 2);
    if (total_bytes == 0) /* a segment for the NIC to cut (TSO), seen before it did: the rest of the frame */
        total_bytes = walk->wire + 20;
    if (header_bytes < 20 || header_bytes > total_bytes)
        return SS_REFUSED_BAD_LENGTH;
    limit(walk, total_bytes - 20);
    refused = ss_walk_take(walk, header_bytes - 20, &options);
    if (refused != SS_REFUSED_NOTHING)
        return refused;

    struct ss_packet *packet = walk->packet;
    packet->source = ss_ip_from_v4(header + 12);
    packet->destination = ss_ip_from_v4(header + 16);
    packet->ip_id = ss_load16(header + 4);
    packet->flow_label = 0;
    packet->ttl = header[8];
    walk->ip = header;
    uint16_t fragment = ss_load16(header + 6);
    bool is_part = (fragment & 0x3fff) != 0; /* more fragments, or an offset */
    if (is_part && ss_layer_of_protocol(header[9]) != SS_LAYER_OTHER)
        return note_fragment(walk, packet->ip_id, (fragment & 0x1fffu) * 8, (fragment & 0x2000) == 0);
    follow(walk, header[9]);
    return SS_REFUSED_NOTHING;
}

enum ss_refusal ss_layer_ipv6(struct ss_walk *walk)
{
    const uint8_t *header;
    if (ss_span_left(&walk->in) > 0 && walk->in.at[0] >> 4 != 6)
        return SS_REFUSED_BAD_VERSION;
    enum ss_refusal refused = ss_walk_take(walk, 40, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;

    uint32_t payload_bytes = ss_load16(header + 4);
    if (payload_bytes !=
        0) /* 0: a jumbogram (RFC 2675), or not cut yet as with IPv4: the rest of the frame */
        limit(walk, payload_bytes);
    struct ss_packet *packet = walk->packet;
    memcpy(packet->source.bytes, header + 8, 16);
    memcpy(packet->destination.bytes, header + 24, 16);
    packet->ip_id = 0;
    packet->flow_label = ss_load32(header) & 0xfffff;
    packet->ttl = header[7];
    walk->ip = header;
    follow(walk, header[6]);
    return SS_REFUSED_NOTHING;
}

enum ss_refusal ss_layer_extension(struct ss_walk *walk)
{
    const uint8_t *header, *rest;
    uint8_t kind = walk->protocol;
    enum ss_refusal refused = ss_walk_take(walk, 8, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    /* Counted in units of 8 bytes beyond the first (RFC 8200 section 4), but AH's in 4 bytes beyond the first
     * two (RFC 4302 section 2.2), and a fragment header has but one size. */
    uint32_t rest_bytes = header[1] * 8u;
    if (kind == AUTHENTICATION)
        rest_bytes = header[1] * 4u;
    else if (kind == FRAGMENT)
        rest_bytes = 0;
    refused = ss_walk_take(walk, rest_bytes, &rest);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    /* Offset 0 and no more fragments is the whole packet, an atomic fragment (RFC 6946). */
    uint16_t fragment = kind == FRAGMENT ? ss_load16(header + 2) & 0xfff9 : 0;
    if (fragment != 0 && ss_layer_of_protocol(header[0]) != SS_LAYER_OTHER)
        return note_fragment(walk, ss_load32(header + 4), fragment & 0xfff8u, (fragment & 1) == 0);
    follow(walk, header[0]);
    return SS_REFUSED_NOTHING;
}
