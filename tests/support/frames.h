// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Builds frames for tests, outermost header first, as one would say them:
 *
 *     struct frame f;
 *     frame_start(&f, SS_LINK_ETHERNET);
 *     frame_ethernet(&f);
 *     frame_vlan(&f, 100);
 *     frame_ip(&f, "192.0.2.7", "198.51.100.1");
 *     frame_tcp(&f, (struct frame_tcp){.source_port = 51234, .destination_port = 443, .seq = 1, .flags =
 * SS_TCP_ACK}); frame_text(&f, "hello"); struct ss_frame frame = frame_end(&f);
 *
 * Each header tells the one before it what follows, and frame_end() fills in the lengths, so a test names
 * only what it is about. What is to be wrong is made wrong afterwards, in f.bytes. Checksums are zero, as in
 * many mirrors, but for those that a test gives.
 */

#include "packet/packet.h"

#include <stddef.h>
#include <stdint.h>

#define FRAME_BYTES_MAX   70000
#define FRAME_HEADERS_MAX 64

struct frame {
    uint8_t bytes[FRAME_BYTES_MAX];
    size_t length;
    uint8_t link;

    /* Where what follows is to be named, and in which numbers. */
    size_t next_at;
    enum { FRAME_NEXT_NONE, FRAME_NEXT_ETHERTYPE, FRAME_NEXT_PROTOCOL, FRAME_NEXT_PPP } next_kind;

    /* Lengths to fill in: the 16 bits at `at` count what comes from `from` on. */
    struct {
        size_t at;
        size_t from;
    } lengths[FRAME_HEADERS_MAX];
    size_t length_count;
};

struct frame_tcp {
    uint16_t source_port;
    uint16_t destination_port;
    uint32_t seq;
    uint32_t ack;
    uint8_t flags;
    uint16_t window;
    uint16_t checksum;
    const void *options; /* padded to 4 bytes with zeros */
    size_t option_bytes;
};

void frame_start(struct frame *frame, enum ss_link link);

/* Fills in the lengths. The frame was captured whole; the caller cuts or pads the result as it likes. */
struct ss_frame frame_end(struct frame *frame);

void frame_ethernet(struct frame *frame);
void frame_sll(struct frame *frame);
void frame_sll2(struct frame *frame);
void frame_null(struct frame *frame, uint32_t family);
void frame_null_swapped(struct frame *frame, uint32_t family);

void frame_vlan(struct frame *frame, uint16_t id);                    /* 0x8100 */
void frame_tag(struct frame *frame, uint16_t ethertype, uint16_t id); /* 0x88a8, 0x9100 */
void frame_mpls(struct frame *frame, uint32_t label, bool bottom);
void frame_control_word(struct frame *frame);
void frame_pppoe(struct frame *frame, uint16_t session);

/* IPv4 or IPv6, by the addresses. TTL 64, identification 0x1234. */
void frame_ip(struct frame *frame, const char *source, const char *destination);
/* An extension header of the kind, 8 bytes and `more` times 8. */
void frame_extension(struct frame *frame, uint8_t kind, uint8_t more);
/* An AH with an integrity check value of `check_bytes`, a multiple of 4. */
void frame_authentication(struct frame *frame, uint8_t check_bytes);
/* IPv6 fragment header; offset in bytes. */
void frame_fragment(struct frame *frame, uint16_t offset, bool more);

/* flags as on the wire: 0x8000 checksum, 0x2000 key, 0x1000 sequence number. */
void frame_gre(struct frame *frame, uint16_t flags, uint32_t key);
void frame_erspan_1(struct frame *frame);
void frame_erspan_2(struct frame *frame, uint16_t session);
void frame_erspan_3(struct frame *frame, uint16_t session, bool subheader);
void frame_udp(struct frame *frame, uint16_t source_port, uint16_t destination_port);
void frame_vxlan(struct frame *frame, uint32_t vni);
void frame_geneve(struct frame *frame, uint32_t vni, size_t option_bytes);
/* With a sequence number, and one extension header, if wished. */
void frame_gtp(struct frame *frame, uint32_t teid, bool sequence, bool extension);

void frame_tcp(struct frame *frame, struct frame_tcp tcp);
void frame_bytes(struct frame *frame, const void *bytes, size_t length);
void frame_text(struct frame *frame, const char *text);
