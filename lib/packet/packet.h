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
 * decodes as long as its headers are there, with payload_captured < payload_bytes.
 */

#include "base/ip.h"
#include "packet/frame.h"
#include "tables/tables.h"

#include <stdbool.h>
#include <stdint.h>

#define SS_PACKET_LAYERS_MAX 16 /* nested headers; a frame with more is refused as TOO_DEEP */
#define SS_ENCAP_MAX         6  /* encapsulations listed; deeper ones are not listed */

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
    uint32_t again_begin; /* with has_again: sequence numbers that the sender of this had received twice */
    uint32_t again_end;
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

/* SS_REFUSED_NOTHING and *ret_packet, or why not and *ret_packet is undefined. */
enum ss_refusal ss_packet_decode(const struct ss_frame *frame, struct ss_packet *ret_packet);

/* "vlan", "qinq"... as in the record's encap. */
const char *ss_encap_name(enum ss_encap_kind kind);
