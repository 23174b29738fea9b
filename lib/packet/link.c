// SPDX-License-Identifier: BSD-3-Clause
/* Link layers, and what stands between them and IP. */
#include "packet/walk.h"

enum ss_layer ss_layer_of_ethertype(uint16_t ethertype)
{
    switch (ethertype) {
    case 0x0800:
        return SS_LAYER_IPV4;
    case 0x86dd:
        return SS_LAYER_IPV6;
    case 0x8100: /* IEEE 802.1Q */
        return SS_LAYER_VLAN;
    case 0x88a8: /* IEEE 802.1ad */
    case 0x9100: /* the same before it was a standard */
        return SS_LAYER_QINQ;
    case 0x8847: /* RFC 3032 */
    case 0x8848: /* RFC 5332 */
        return SS_LAYER_MPLS;
    case 0x8864: /* RFC 2516; its discovery stage, 0x8863, carries no IP */
        return SS_LAYER_PPPOE;
    case 0x8909:
        return SS_LAYER_CMD;
    case 0x6558: /* transparent Ethernet bridging, in GRE and Geneve (RFC 1701) */
        return SS_LAYER_ETHERNET;
    default:
        return SS_LAYER_OTHER;
    }
}

enum ss_refusal ss_layer_ethernet(struct ss_walk *walk)
{
    const uint8_t *header;
    enum ss_refusal refused = ss_walk_take(walk, 14, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    walk->next = ss_layer_of_ethertype(ss_load16(header + 12));
    return SS_REFUSED_NOTHING;
}

/* LINKTYPE_LINUX_SLL: packet type, ARPHRD type, address length, address[8], EtherType. */
enum ss_refusal ss_layer_sll(struct ss_walk *walk)
{
    const uint8_t *header;
    enum ss_refusal refused = ss_walk_take(walk, 16, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    walk->next = ss_layer_of_ethertype(ss_load16(header + 14));
    return SS_REFUSED_NOTHING;
}

/* LINKTYPE_LINUX_SLL2: EtherType, reserved, interface index, ARPHRD type, packet type, address. */
enum ss_refusal ss_layer_sll2(struct ss_walk *walk)
{
    const uint8_t *header;
    enum ss_refusal refused = ss_walk_take(walk, 20, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    walk->next = ss_layer_of_ethertype(ss_load16(header));
    return SS_REFUSED_NOTHING;
}

/* LINKTYPE_NULL and LINKTYPE_LOOP: the address family as the capturing machine numbers it, in its own byte
 * order or in network order. All families are below 2^16, which tells the order. */
enum ss_refusal ss_layer_null(struct ss_walk *walk)
{
    const uint8_t *header;
    enum ss_refusal refused = ss_walk_take(walk, 4, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    uint32_t family = ss_load32(header);
    if (family > UINT16_MAX)
        family = __builtin_bswap32(family);
    switch (family) {
    case 2: /* AF_INET everywhere */
        walk->next = SS_LAYER_IPV4;
        break;
    case 10: /* AF_INET6 of Linux */
    case 23: /* of Windows */
    case 24: /* of NetBSD and OpenBSD */
    case 28: /* of FreeBSD */
    case 30: /* of macOS */
        walk->next = SS_LAYER_IPV6;
        break;
    default:
        walk->next = SS_LAYER_OTHER;
    }
    return SS_REFUSED_NOTHING;
}

enum ss_refusal ss_layer_vlan(struct ss_walk *walk)
{
    const uint8_t *header;
    enum ss_refusal refused = ss_walk_take(walk, 4, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    ss_walk_encap(walk, walk->next == SS_LAYER_QINQ ? SS_ENCAP_QINQ : SS_ENCAP_VLAN,
                  ss_load16(header) & 0xfff);
    walk->next = ss_layer_of_ethertype(ss_load16(header + 2));
    return SS_REFUSED_NOTHING;
}

/* Cisco MetaData, which carries a security group tag: version, length of the option in units of 4 bytes, the
 * option, EtherType. */
enum ss_refusal ss_layer_cmd(struct ss_walk *walk)
{
    const uint8_t *header, *type;
    enum ss_refusal refused = ss_walk_take(walk, 2, &header);
    if (refused == SS_REFUSED_NOTHING)
        refused = ss_walk_take(walk, header[1] * 4u, &type);
    if (refused == SS_REFUSED_NOTHING)
        refused = ss_walk_take(walk, 2, &type);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    walk->next = ss_layer_of_ethertype(ss_load16(type));
    return SS_REFUSED_NOTHING;
}

/* Whether an Ethernet header at `offset` would have a type that leads on. */
static bool looks_ethernet(const struct ss_span *in, size_t offset)
{
    return ss_span_left(in) >= offset + 14 &&
           ss_layer_of_ethertype(ss_load16(in->at + offset + 12)) != SS_LAYER_OTHER;
}

/* Whether an IP header here would have a length that the frame can hold. */
static bool looks_ip(const struct ss_walk *walk)
{
    const uint8_t *at = walk->in.at;
    if (ss_span_left(&walk->in) < 20)
        return true;
    if (at[0] >> 4 == 4)
        return (at[0] & 0xf) >= 5 && ss_load16(at + 2) <= walk->wire;
    return at[0] >> 4 == 6 && ss_load16(at + 4) + 40u <= walk->wire;
}

/* What a label stack carries is not said. By the first nibble it is IP, or a pseudowire's control word (RFC
 * 4385 section 3, RFC 4448); an Ethernet pseudowire without one starts with any address. */
static enum ss_refusal after_labels(struct ss_walk *walk)
{
    const uint8_t *control_word;
    if (ss_span_left(&walk->in) == 0)
        return ss_walk_missing(walk, 1);
    uint8_t nibble = walk->in.at[0] >> 4;
    bool ethernet = looks_ethernet(&walk->in, 0);
    if ((nibble == 4 || nibble == 6) && (looks_ip(walk) || !ethernet)) {
        walk->next = SS_LAYER_IP;
    } else if (nibble == 0 && (looks_ethernet(&walk->in, 4) || !ethernet)) {
        walk->next = SS_LAYER_ETHERNET;
        return ss_walk_take(walk, 4, &control_word);
    } else {
        walk->next = ethernet ? SS_LAYER_ETHERNET : SS_LAYER_OTHER;
    }
    return SS_REFUSED_NOTHING;
}

/* One entry of the label stack (RFC 3032 section 2.1): label 20, traffic class 3, bottom 1, TTL 8. */
enum ss_refusal ss_layer_mpls(struct ss_walk *walk)
{
    const uint8_t *header;
    enum ss_refusal refused = ss_walk_take(walk, 4, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    ss_walk_encap(walk, SS_ENCAP_MPLS, ss_load24(header) >> 4);
    bool bottom = (header[2] & 1) != 0;
    return bottom ? after_labels(walk) : SS_REFUSED_NOTHING;
}

/* What is left is no longer than a header says, whatever the headers inside say: access concentrators have
 * been seen that count Ethernet's padding into the length of IP. */
static void limit(struct ss_walk *walk, uint32_t bytes)
{
    if (bytes > walk->wire)
        return;
    if (bytes < ss_span_left(&walk->in))
        walk->in.end = walk->in.at + bytes;
    walk->wire = bytes;
    walk->is_limited = true;
}

/* RFC 2516 section 4: version and type, code, session, length; then PPP's protocol, whose first byte may be
 * left out when it is zero (RFC 1661 section 6.5). */
enum ss_refusal ss_layer_pppoe(struct ss_walk *walk)
{
    const uint8_t *header, *protocol;
    enum ss_refusal refused = ss_walk_take(walk, 6, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    limit(walk, ss_load16(header + 4));
    refused = ss_walk_take(walk, 1, &protocol);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    ss_walk_encap(walk, SS_ENCAP_PPPOE, ss_load16(header + 2));
    walk->next = SS_LAYER_OTHER;
    uint8_t low = protocol[0];
    if (low == 0) {
        refused = ss_walk_take(walk, 1, &protocol);
        if (refused != SS_REFUSED_NOTHING)
            return refused;
        low = protocol[0];
    }
    bool session_data = header[0] == 0x11 && header[1] == 0;
    if (session_data && low == 0x21)
        walk->next = SS_LAYER_IPV4;
    else if (session_data && low == 0x57)
        walk->next = SS_LAYER_IPV6;
    return SS_REFUSED_NOTHING;
}
