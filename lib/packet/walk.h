// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Inside of packet/: the walk from a frame's first header to its innermost TCP segment.
 *
 * Each layer's function takes its header off the front, notes what it says in the packet, and names the layer
 * that follows. ss_packet_decode() drives them, at most SS_PACKET_LAYERS_MAX of them.
 *
 * Two lengths go along: the captured bytes that are left, and how many there were on the wire as the nearest
 * IP header outside tells. wire >= captured always. A header that is not captured was cut off if the wire had
 * it (TRUNCATED), and contradicts a length around it if not (BAD_LENGTH).
 */

#include "base/span.h"
#include "packet/packet.h"

enum ss_layer {
    SS_LAYER_ETHERNET,
    SS_LAYER_SLL,
    SS_LAYER_SLL2,
    SS_LAYER_NULL,
    SS_LAYER_VLAN,
    SS_LAYER_QINQ,
    SS_LAYER_CMD,
    SS_LAYER_MPLS,
    SS_LAYER_PPPOE,
    SS_LAYER_IP, /* of either version */
    SS_LAYER_IPV4,
    SS_LAYER_IPV6,
    SS_LAYER_EXTENSION, /* of IPv6, and AH */
    SS_LAYER_GRE,
    SS_LAYER_ERSPAN_2,
    SS_LAYER_ERSPAN_3,
    SS_LAYER_UDP,
    SS_LAYER_TCP,
    SS_LAYER_DONE,  /* the packet is decoded */
    SS_LAYER_OTHER, /* something that cannot carry TCP, or not so that slowshake could read it */
};

struct ss_walk {
    struct ss_span in; /* captured and not taken yet */
    uint32_t wire;     /* bytes from in.at on, on the wire */
    bool has_ip;       /* an IP header was taken */
    bool is_limited;   /* a header around IP says how long it is at most */
    const uint8_t *ip; /* the nearest */
    uint8_t protocol;  /* of the extension header that follows */
    enum ss_layer next;
    const struct ss_packet_settings *settings;
    struct ss_packet *packet;
    struct ss_fragment *fragment; /* where to say what a fragment is; NULL: nobody asks */
};

static inline uint16_t ss_load16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t ss_load24(const uint8_t *at)
{
    return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

static inline uint32_t ss_load32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | ss_load24(at + 1);
}

static inline enum ss_refusal ss_walk_missing(const struct ss_walk *walk, uint32_t bytes)
{
    return bytes <= walk->wire ? SS_REFUSED_TRUNCATED : SS_REFUSED_BAD_LENGTH;
}

/* Takes a header; its fields may then be read at their fixed offsets in *ret_header. */
static inline enum ss_refusal ss_walk_take(struct ss_walk *walk, uint32_t bytes, const uint8_t **ret_header)
{
    struct ss_span header;
    if (!ss_span_take(&walk->in, bytes, &header))
        return ss_walk_missing(walk, bytes);
    walk->wire -= bytes;
    *ret_header = header.at;
    return SS_REFUSED_NOTHING;
}

/* The innermost encapsulations beyond SS_ENCAP_MAX are not listed. */
static inline void ss_walk_encap(struct ss_walk *walk, enum ss_encap_kind kind, uint32_t id)
{
    struct ss_packet *packet = walk->packet;
    if (packet->encap_count < SS_ENCAP_MAX)
        packet->encap[packet->encap_count++] = (struct ss_encap){.id = id, .kind = (uint8_t)kind};
}

enum ss_layer ss_layer_of_ethertype(uint16_t ethertype);
enum ss_layer ss_layer_of_protocol(uint8_t protocol);

enum ss_refusal ss_layer_ethernet(struct ss_walk *walk);
enum ss_refusal ss_layer_sll(struct ss_walk *walk);
enum ss_refusal ss_layer_sll2(struct ss_walk *walk);
enum ss_refusal ss_layer_null(struct ss_walk *walk);
enum ss_refusal ss_layer_vlan(struct ss_walk *walk);
enum ss_refusal ss_layer_cmd(struct ss_walk *walk);
enum ss_refusal ss_layer_mpls(struct ss_walk *walk);
enum ss_refusal ss_layer_pppoe(struct ss_walk *walk);
enum ss_refusal ss_layer_ip(struct ss_walk *walk);
enum ss_refusal ss_layer_ipv4(struct ss_walk *walk);
enum ss_refusal ss_layer_ipv6(struct ss_walk *walk);
enum ss_refusal ss_layer_extension(struct ss_walk *walk);
enum ss_refusal ss_layer_gre(struct ss_walk *walk);
enum ss_refusal ss_layer_erspan_2(struct ss_walk *walk);
enum ss_refusal ss_layer_erspan_3(struct ss_walk *walk);
enum ss_refusal ss_layer_udp(struct ss_walk *walk);
enum ss_refusal ss_layer_tcp(struct ss_walk *walk);
