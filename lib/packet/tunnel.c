// SPDX-License-Identifier: BSD-3-Clause
/* What carries frames or IP packets over IP: GRE, ERSPAN, and by their UDP ports VXLAN, Geneve and GTP-U. */
#include "packet/walk.h"

#define GRE_CHECKSUM 0x8000
#define GRE_ROUTING  0x4000 /* RFC 1701; RFC 2784 wants such packets dropped */
#define GRE_KEY      0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_VERSION  0x0007 /* 1 is PPTP (RFC 2637), whose PPP is encrypted or compressed as a rule */

#define GRE_ERSPAN_1_OR_2 0x88be
#define GRE_ERSPAN_3      0x22eb

#define GTP_PORT 2152

static enum ss_layer inside_gre(struct ss_walk *walk, uint16_t flags, uint16_t protocol, uint32_t key)
{
    if (protocol == GRE_ERSPAN_3)
        return SS_LAYER_ERSPAN_3;
    if (protocol == GRE_ERSPAN_1_OR_2) {
        if ((flags & GRE_SEQUENCE) != 0)
            return SS_LAYER_ERSPAN_2;
        /* Type I has neither sequence number nor header (draft-foschiano-erspan-03 section 4.1). */
        ss_walk_encap(walk, SS_ENCAP_ERSPAN, 0);
        return SS_LAYER_ETHERNET;
    }
    ss_walk_encap(walk, SS_ENCAP_GRE, key);
    return ss_layer_of_ethertype(protocol);
}

/* RFC 2784 and RFC 2890: flags and version, protocol; then checksum and reserved, key, sequence number. */
enum ss_refusal ss_layer_gre(struct ss_walk *walk)
{
    const uint8_t *header, *skipped, *key = NULL;
    enum ss_refusal refused = ss_walk_take(walk, 4, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    uint16_t flags = ss_load16(header);
    if ((flags & (GRE_VERSION | GRE_ROUTING)) != 0) {
        walk->next = SS_LAYER_OTHER;
        return SS_REFUSED_NOTHING;
    }
    if ((flags & GRE_CHECKSUM) != 0)
        refused = ss_walk_take(walk, 4, &skipped);
    if (refused == SS_REFUSED_NOTHING && (flags & GRE_KEY) != 0)
        refused = ss_walk_take(walk, 4, &key);
    if (refused == SS_REFUSED_NOTHING && (flags & GRE_SEQUENCE) != 0)
        refused = ss_walk_take(walk, 4, &skipped);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    walk->next = inside_gre(walk, flags, ss_load16(header + 2), key == NULL ? 0 : ss_load32(key));
    return SS_REFUSED_NOTHING;
}

/* Type II: version 4, VLAN 12, class 3, encapsulation 2, truncated 1, session 10, reserved 12, index 20. */
enum ss_refusal ss_layer_erspan_2(struct ss_walk *walk)
{
    const uint8_t *header;
    enum ss_refusal refused = ss_walk_take(walk, 8, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    if (header[0] >> 4 != 1)
        return SS_REFUSED_BAD_VERSION;
    ss_walk_encap(walk, SS_ENCAP_ERSPAN, ss_load16(header + 2) & 0x3ff);
    walk->next = SS_LAYER_ETHERNET;
    return SS_REFUSED_NOTHING;
}

/* Type III: as type II up to the session; timestamp 32, security group 16, Ethernet or not 1, frame type 5,
 * hardware 6, direction 1, granularity 2, and whether a subheader of 8 bytes follows 1. */
enum ss_refusal ss_layer_erspan_3(struct ss_walk *walk)
{
    const uint8_t *header, *subheader;
    enum ss_refusal refused = ss_walk_take(walk, 12, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    if (header[0] >> 4 != 2)
        return SS_REFUSED_BAD_VERSION;
    ss_walk_encap(walk, SS_ENCAP_ERSPAN, ss_load16(header + 2) & 0x3ff);
    uint16_t last = ss_load16(header + 10);
    uint8_t frame_type = last >> 10 & 0x1f;
    if ((last & 1) != 0)
        refused = ss_walk_take(walk, 8, &subheader);
    walk->next = frame_type == 0 ? SS_LAYER_ETHERNET : frame_type == 2 ? SS_LAYER_IP : SS_LAYER_OTHER;
    return refused;
}

/* RFC 7348 section 5: flags 8, reserved 24, network identifier 24, reserved 8. */
static enum ss_refusal take_vxlan(struct ss_walk *walk)
{
    const uint8_t *header;
    enum ss_refusal refused = ss_walk_take(walk, 8, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    if ((header[0] & 0x08) == 0) /* no identifier, so it is none of ours */
        return SS_REFUSED_NOTHING;
    ss_walk_encap(walk, SS_ENCAP_VXLAN, ss_load24(header + 4));
    walk->next = SS_LAYER_ETHERNET;
    return SS_REFUSED_NOTHING;
}

/* RFC 8926 section 3.4: version 2, length of the options 6 in 4 bytes, flags 8, EtherType, identifier 24. */
static enum ss_refusal take_geneve(struct ss_walk *walk)
{
    const uint8_t *header, *options;
    enum ss_refusal refused = ss_walk_take(walk, 8, &header);
    if (refused != SS_REFUSED_NOTHING || header[0] >> 6 != 0)
        return refused;
    refused = ss_walk_take(walk, (header[0] & 0x3fu) * 4, &options);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    ss_walk_encap(walk, SS_ENCAP_GENEVE, ss_load24(header + 4));
    walk->next = ss_layer_of_ethertype(ss_load16(header + 2));
    return SS_REFUSED_NOTHING;
}

/* A chain of extension headers (3GPP TS 29.281 section 5.2): length in 4 bytes first, the next one's type
 * last. Each takes bytes off, so the frame bounds the loop. */
static enum ss_refusal take_gtp_extensions(struct ss_walk *walk, uint8_t type)
{
    while (type != 0) {
        const uint8_t *length, *rest;
        enum ss_refusal refused = ss_walk_take(walk, 1, &length);
        if (refused != SS_REFUSED_NOTHING)
            return refused;
        if (length[0] == 0)
            return SS_REFUSED_BAD_LENGTH;
        uint32_t rest_bytes = length[0] * 4u - 1;
        refused = ss_walk_take(walk, rest_bytes, &rest);
        if (refused != SS_REFUSED_NOTHING)
            return refused;
        type = rest[rest_bytes - 1];
    }
    return SS_REFUSED_NOTHING;
}

/* 3GPP TS 29.281 section 5.1: version 3, protocol type 1, spare 1, E, S, PN; message type, length, TEID; and
 * where one of E, S, PN is set, sequence number, N-PDU number and type of the first extension header. */
static enum ss_refusal take_gtp(struct ss_walk *walk)
{
    const uint8_t *header, *optional;
    enum ss_refusal refused = ss_walk_take(walk, 8, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    bool carries_ip = header[0] >> 4 == 3 && header[1] == 0xff; /* version 1, GTP and not GTP'; a G-PDU */
    if (!carries_ip)
        return SS_REFUSED_NOTHING;
    if ((header[0] & 0x07) != 0) {
        refused = ss_walk_take(walk, 4, &optional);
        if (refused == SS_REFUSED_NOTHING && (header[0] & 0x04) != 0)
            refused = take_gtp_extensions(walk, optional[3]);
        if (refused != SS_REFUSED_NOTHING)
            return refused;
    }
    ss_walk_encap(walk, SS_ENCAP_GTP, ss_load32(header + 4));
    walk->next = SS_LAYER_IP;
    return SS_REFUSED_NOTHING;
}

static bool is_among(const uint16_t *ports, unsigned count, uint16_t port)
{
    for (unsigned i = 0; i < count; i++) {
        if (ports[i] == port)
            return true;
    }
    return false;
}

enum ss_refusal ss_layer_udp(struct ss_walk *walk)
{
    const uint8_t *header;
    enum ss_refusal refused = ss_walk_take(walk, 8, &header);
    if (refused != SS_REFUSED_NOTHING)
        return refused;
    const struct ss_packet_settings *settings = walk->settings;
    uint16_t port = ss_load16(header + 2); /* destination */
    walk->next = SS_LAYER_OTHER;
    if (is_among(settings->vxlan_ports, settings->vxlan_port_count, port))
        return take_vxlan(walk);
    if (is_among(settings->geneve_ports, settings->geneve_port_count, port))
        return take_geneve(walk);
    return port == GTP_PORT ? take_gtp(walk) : SS_REFUSED_NOTHING;
}
