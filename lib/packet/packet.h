// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The bytes of one frame to a decoded TCP segment.
 *
 * Ethernet, VLAN and QinQ, MPLS, PPPoE, GRE, ERSPAN, VXLAN, Geneve, IP-in-IP, IPv4, IPv6 with extension
 * headers, TCP. The innermost TCP segment is the packet's; what was around it is listed in encap. A decoder
 * and nothing else: it keeps no state, judges nothing, and points into the frame, which must outlive the
 * result.
 *
 * Lengths come from the IP header, so that Ethernet padding is not payload; a frame cut by a snap length
 * decodes as long as its headers are there, with payload_captured < payload_bytes. Checksums are not looked
 * at: a mirror shows frames before the NIC has filled them in.
 *
 * A fragment is no packet yet: it is refused as FRAGMENT, and ss_packet_fragment() says what it is a part of
 * (packet/fragments.h puts the parts together).
 */

#include "base/ip.h"
#include "packet/frame.h"
#include "tables/tables.h"

#include <stdbool.h>
#include <stdint.h>

#define SS_PACKET_LAYERS_MAX 16 /* nested headers; a frame with more is refused as TOO_DEEP */
#define SS_ENCAP_MAX         5  /* encapsulations listed; deeper ones are not listed */
#define SS_TUNNEL_PORTS_MAX  16 /* of a tunnel over UDP */

enum ss_encap_kind {
    SS_ENCAP_VLAN,   /* id: VLAN identifier (IEEE 802.1Q) */
    SS_ENCAP_QINQ,   /* id: service VLAN identifier (IEEE 802.1ad) */
    SS_ENCAP_MPLS,   /* id: label (RFC 3032) */
    SS_ENCAP_PPPOE,  /* id: session (RFC 2516) */
    SS_ENCAP_GRE,    /* id: key, if any (RFC 2890) */
    SS_ENCAP_ERSPAN, /* id: session (draft-foschiano-erspan-03) */
    SS_ENCAP_VXLAN,  /* id: VNI (RFC 7348) */
    SS_ENCAP_GENEVE, /* id: VNI (RFC 8926) */
    SS_ENCAP_IP,     /* IP in IP (RFC 2003, RFC 4213, RFC 2473); id: 0 */
    SS_ENCAP_GTP,    /* id: TEID (3GPP TS 29.281) */
    SS_ENCAP_COUNT
};

struct ss_encap {
    uint32_t id;
    uint8_t kind; /* enum ss_encap_kind */
};

/* What tells connections of the same addresses and ports apart. */
enum ss_identity {
    SS_IDENTITY_VLAN, /* the VLAN tags of the innermost frame */
    SS_IDENTITY_VNI,  /* the innermost VXLAN's or Geneve's network identifier */
    SS_IDENTITY_COUNT
};

/* What no header says. */
struct ss_packet_settings {
    uint16_t vxlan_ports[SS_TUNNEL_PORTS_MAX];
    uint16_t geneve_ports[SS_TUNNEL_PORTS_MAX];
    unsigned vxlan_port_count;
    unsigned geneve_port_count;
    bool identity[SS_IDENTITY_COUNT];
};

enum ss_tcp_flag {
    SS_TCP_FIN = 0x01,
    SS_TCP_SYN = 0x02,
    SS_TCP_RST = 0x04,
    SS_TCP_PSH = 0x08,
    SS_TCP_ACK = 0x10,
};

struct ss_packet {
    struct ss_ip source;
    struct ss_ip destination;
    uint16_t source_port;
    uint16_t destination_port;

    uint32_t seq;
    uint32_t ack; /* meaningless without SS_TCP_ACK */
    uint32_t ts_value;
    uint32_t ts_echo;
    uint32_t again_end;  /* with has_again: its sender had received twice what ends there */
    uint32_t flow_label; /* IPv6, 0 for IPv4 */
    uint16_t window;
    uint16_t tcp_checksum;
    uint16_t ip_id;      /* IPv4 identification, 0 for IPv6 */
    uint8_t ttl;         /* or hop limit */
    uint8_t flags;       /* enum ss_tcp_flag, and the ECN bits */
    bool has_timestamps; /* RFC 7323 option present */
    bool has_again;      /* a D-SACK (RFC 2883) */

    uint8_t encap_count;
    struct ss_encap encap[SS_ENCAP_MAX]; /* outermost first */

    const uint8_t *payload;
    uint32_t payload_bytes;    /* on the wire */
    uint32_t payload_captured; /* of them at payload */
};

/* Part of an IP datagram; it points into its frame. */
struct ss_fragment {
    struct ss_ip source;
    struct ss_ip destination;
    uint32_t id;
    uint8_t protocol; /* IPv4 only, where it is part of a datagram's identity */
    bool is_v6;
    bool is_last;
    uint8_t encap_count; /* around the IP header */
    struct ss_encap encap[SS_ENCAP_MAX];
    const uint8_t *head; /* from the IP header on, to the data: an IPv6 fragment header is its end */
    uint32_t head_bytes;
    const uint8_t *data; /* captured whole */
    uint32_t bytes;
    uint32_t offset;
};

/* SS_REFUSED_NOTHING and *ret_packet, or why not and *ret_packet is undefined. settings NULL: the assigned
 * ports, and the addresses alone. */
enum ss_refusal ss_packet_decode(const struct ss_frame *frame, const struct ss_packet_settings *settings,
                                 struct ss_packet *ret_packet);

/* What a frame that was refused as FRAGMENT is a part of: SS_REFUSED_NOTHING and *ret_fragment, or why it
 * cannot be part of anything. */
enum ss_refusal ss_packet_fragment(const struct ss_frame *frame, const struct ss_packet_settings *settings,
                                   struct ss_fragment *ret_fragment);

/* As ss_packet_decode(), of a datagram (link RAW_IP) that lay within encapsulations. */
enum ss_refusal ss_packet_decode_within(const struct ss_frame *frame, const struct ss_encap *encap,
                                        unsigned encap_count, const struct ss_packet_settings *settings,
                                        struct ss_packet *ret_packet);

/* Which of the networks with the same addresses it is of: 0, but where settings tell them apart. One tag or
 * one identifier does so for sure; several of them are mixed into one number. */
uint32_t ss_packet_network(const struct ss_packet *packet, const struct ss_packet_settings *settings);

/* "vlan", "qinq"... as in the record's encap. */
const char *ss_encap_name(enum ss_encap_kind kind);
