// SPDX-License-Identifier: BSD-3-Clause
#include "packet/packet.h"

#include "packet/tcp.h"
#include "packet/walk.h"

#include <assert.h>
#include <stddef.h>

#define ETHERNET_BYTES 14
#define VLAN_BYTES     4
#define IPV4_BYTES     20
#define IPV6_BYTES     40

_Static_assert(sizeof(struct ss_packet) == 128, "two cache lines a packet of a burst (bench: min64, decode)");

static const struct ss_packet_settings ASSIGNED = {
    .vxlan_ports = {4789, 8472}, /* the second is what Linux used before the first was assigned */
    .vxlan_port_count = 2,
    .geneve_ports = {6081},
    .geneve_port_count = 1,
};

/* The packets that come by the million: Ethernet, perhaps one VLAN tag, IPv4 without options or IPv6 without
 * extension headers, TCP, captured whole. False is no judgement, only that the walk has to look. */
static bool decode_plain(const struct ss_frame *frame, struct ss_packet *packet)
{
    const uint8_t *at = frame->data;
    uint32_t header = ETHERNET_BYTES, ip_bytes, ip_header;
    if (frame->link != SS_LINK_ETHERNET || frame->captured < ETHERNET_BYTES + VLAN_BYTES + IPV4_BYTES)
        return false;

    uint16_t ethertype = ss_load16(at + 12);
    packet->encap_count = 0;
    if (ethertype == 0x8100) {
        packet->encap[0] = (struct ss_encap){.id = ss_load16(at + 14) & 0xfff, .kind = SS_ENCAP_VLAN};
        packet->encap_count = 1;
        ethertype = ss_load16(at + 16);
        header += VLAN_BYTES;
    }
    const uint8_t *ip = at + header;
    uint32_t left = frame->captured - header;
    if (ethertype == 0x0800) {
        /* 0x45: version 4, no options; 0x3fff: more fragments, and the offset */
        if (ip[0] != 0x45 || (ss_load16(ip + 6) & 0x3fff) != 0 || ip[9] != 6)
            return false;
        ip_header = IPV4_BYTES;
        ip_bytes = ss_load16(ip + 2);
        packet->source = ss_ip_from_v4(ip + 12);
        packet->destination = ss_ip_from_v4(ip + 16);
        packet->ip_id = ss_load16(ip + 4);
        packet->flow_label = 0;
        packet->ttl = ip[8];
    } else if (ethertype == 0x86dd) {
        if (left < IPV6_BYTES || ip[0] >> 4 != 6 || ip[6] != 6)
            return false;
        ip_header = IPV6_BYTES;
        ip_bytes = IPV6_BYTES + (uint32_t)ss_load16(ip + 4);
        memcpy(packet->source.bytes, ip + 8, 16);
        memcpy(packet->destination.bytes, ip + 24, 16);
        packet->ip_id = 0;
        packet->flow_label = ss_load32(ip) & 0xfffff;
        packet->ttl = ip[7];
    } else {
        return false;
    }
    if (ip_bytes < ip_header + SS_TCP_BYTES || ip_bytes > left)
        return false;
    uint32_t tcp_bytes = ip_bytes - ip_header;
    return ss_tcp_decode(ip + ip_header, tcp_bytes, tcp_bytes, packet) == SS_REFUSED_NOTHING;
}

static enum ss_layer first_layer(uint8_t link)
{
    switch ((enum ss_link)link) {
    case SS_LINK_ETHERNET:
        return SS_LAYER_ETHERNET;
    case SS_LINK_RAW_IP:
        return SS_LAYER_IP;
    case SS_LINK_NULL:
        return SS_LAYER_NULL;
    case SS_LINK_SLL:
        return SS_LAYER_SLL;
    case SS_LINK_SLL2:
        return SS_LAYER_SLL2;
    case SS_LINK_OTHER:
        break;
    }
    return SS_LAYER_OTHER;
}

static enum ss_refusal decode_layer(struct ss_walk *walk)
{
    switch (walk->next) {
    case SS_LAYER_ETHERNET:
        return ss_layer_ethernet(walk);
    case SS_LAYER_SLL:
        return ss_layer_sll(walk);
    case SS_LAYER_SLL2:
        return ss_layer_sll2(walk);
    case SS_LAYER_NULL:
        return ss_layer_null(walk);
    case SS_LAYER_VLAN:
    case SS_LAYER_QINQ:
        return ss_layer_vlan(walk);
    case SS_LAYER_CMD:
        return ss_layer_cmd(walk);
    case SS_LAYER_MPLS:
        return ss_layer_mpls(walk);
    case SS_LAYER_PPPOE:
        return ss_layer_pppoe(walk);
    case SS_LAYER_IP:
        return ss_layer_ip(walk);
    case SS_LAYER_IPV4:
        return ss_layer_ipv4(walk);
    case SS_LAYER_IPV6:
        return ss_layer_ipv6(walk);
    case SS_LAYER_EXTENSION:
        return ss_layer_extension(walk);
    case SS_LAYER_GRE:
        return ss_layer_gre(walk);
    case SS_LAYER_ERSPAN_2:
        return ss_layer_erspan_2(walk);
    case SS_LAYER_ERSPAN_3:
        return ss_layer_erspan_3(walk);
    case SS_LAYER_UDP:
        return ss_layer_udp(walk);
    case SS_LAYER_TCP:
        return ss_layer_tcp(walk);
    case SS_LAYER_DONE:
    case SS_LAYER_OTHER:
        break;
    }
    return SS_REFUSED_NOT_IP;
}

static enum ss_refusal walk_through(struct ss_walk *walk)
{
    if (walk->next == SS_LAYER_OTHER)
        return SS_REFUSED_LINK_TYPE;
    for (unsigned layers = 0; layers < SS_PACKET_LAYERS_MAX; layers++) {
        enum ss_refusal refused = decode_layer(walk);
        if (refused != SS_REFUSED_NOTHING || walk->next == SS_LAYER_DONE)
            return refused;
        if (walk->next == SS_LAYER_OTHER)
            return walk->has_ip ? SS_REFUSED_NOT_TCP : SS_REFUSED_NOT_IP;
    }
    return SS_REFUSED_TOO_DEEP;
}

static struct ss_walk walk_of(const struct ss_frame *frame, const struct ss_packet_settings *settings,
                              struct ss_packet *packet)
{
    return (struct ss_walk){
        .in = ss_span_of(frame->data, frame->captured),
        .wire = frame->wire > frame->captured ? frame->wire : frame->captured,
        .next = first_layer(frame->link),
        .settings = settings == NULL ? &ASSIGNED : settings,
        .packet = packet,
    };
}

enum ss_refusal ss_packet_decode_within(const struct ss_frame *frame, const struct ss_encap *encap,
                                        unsigned encap_count, const struct ss_packet_settings *settings,
                                        struct ss_packet *ret_packet)
{
    struct ss_walk walk = walk_of(frame, settings, ret_packet);

    for (unsigned i = 0; i < encap_count; i++)
        ret_packet->encap[i] = encap[i];
    ret_packet->encap_count = (uint8_t)encap_count;
    return walk_through(&walk);
}

enum ss_refusal ss_packet_decode(const struct ss_frame *frame, const struct ss_packet_settings *settings,
                                 struct ss_packet *ret_packet)
{
    if (decode_plain(frame, ret_packet))
        return SS_REFUSED_NOTHING;
    return ss_packet_decode_within(frame, NULL, 0, settings, ret_packet);
}

enum ss_refusal ss_packet_fragment(const struct ss_frame *frame, const struct ss_packet_settings *settings,
                                   struct ss_fragment *ret_fragment)
{
    struct ss_packet packet;
    struct ss_walk walk = walk_of(frame, settings, &packet);

    packet.encap_count = 0;
    walk.fragment = ret_fragment;
    enum ss_refusal refused = walk_through(&walk);
    /* No fragment at all, or one that is whole in itself. */
    if (refused == SS_REFUSED_NOTHING)
        return SS_REFUSED_FRAGMENT;
    return refused == SS_REFUSED_FRAGMENT ? SS_REFUSED_NOTHING : refused;
}

static uint32_t mixed(uint32_t network, const struct ss_encap *encap)
{
    return (network * 0x9e3779b1u) ^ ((uint32_t)(encap->kind + 1) << 24 | encap->id);
}

/* A tag counts within the innermost tunnel only: one outside is the mirror's, or the underlay's. */
uint32_t ss_packet_network(const struct ss_packet *packet, const struct ss_packet_settings *settings)
{
    uint32_t tags = 0, identifier = 0;

    for (unsigned i = 0; i < packet->encap_count; i++) {
        const struct ss_encap *encap = &packet->encap[i];
        if (encap->kind == SS_ENCAP_VLAN || encap->kind == SS_ENCAP_QINQ)
            tags = mixed(tags, encap);
        else if (encap->kind != SS_ENCAP_MPLS && encap->kind != SS_ENCAP_PPPOE)
            tags = 0;
        if (encap->kind == SS_ENCAP_VXLAN || encap->kind == SS_ENCAP_GENEVE)
            identifier = mixed(0, encap);
    }
    tags = settings->identity[SS_IDENTITY_VLAN] ? tags : 0;
    identifier = settings->identity[SS_IDENTITY_VNI] ? identifier : 0;
    return tags != 0 && identifier != 0 ? identifier * 0x85ebca6bu ^ tags : tags | identifier;
}

const char *ss_encap_name(enum ss_encap_kind kind)
{
    static const char *const NAMES[] = {
        [SS_ENCAP_VLAN] = "vlan",   [SS_ENCAP_QINQ] = "qinq",     [SS_ENCAP_MPLS] = "mpls",
        [SS_ENCAP_PPPOE] = "pppoe", [SS_ENCAP_GRE] = "gre",       [SS_ENCAP_ERSPAN] = "erspan",
        [SS_ENCAP_VXLAN] = "vxlan", [SS_ENCAP_GENEVE] = "geneve", [SS_ENCAP_IP] = "ip",
        [SS_ENCAP_GTP] = "gtp",
    };
    assert(kind < SS_ENCAP_COUNT);
    return NAMES[kind];
}
