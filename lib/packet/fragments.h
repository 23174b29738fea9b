// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* IP fragments to datagrams, IPv4 (RFC 791) and IPv6 (RFC 8200 section 4.5), inside tunnels too.
 *
 * A fixed number of datagrams may be under way, each of so many frames and bytes, in memory that the caller
 * gives. What does not fit, contradicts itself or never comes whole is given back with the reason, so that
 * every frame that went in comes out once:
 *
 *     while ((datagram = ss_fragments_give_up(fragments, now_ns, true)) != NULL)
 *         ...                                          refused: these frames have waited for nothing
 *     datagram = ss_fragments_add(fragments, &frame, &fragment, now_ns);
 *     if (datagram != NULL && datagram->refused == SS_REFUSED_NOTHING)
 *         ss_packet_decode_within(&datagram->whole, datagram->encap, ...)
 *
 * Frames are copied and come back in the order in which they came. A datagram's time is that of the frame
 * that made it whole. Fragments that overlap give their datagram up, with what may yet come of it, as hosts
 * do (RFC 5722, RFC 8200): but for exact copies, which are the mirror's. A datagram that was given back is
 * remembered for as long as its place is not needed, so that what comes too late is known for what it is.
 *
 * now_ns is the caller's, and only grows. One owner; nothing is allocated.
 */

#include "packet/packet.h"

#include <stddef.h>

#define SS_FRAGMENTS_DATAGRAMS  64           /* under way at the same time */
#define SS_FRAGMENTS_FRAMES     32           /* of one datagram */
#define SS_FRAGMENTS_BYTES      (32u * 1024) /* of one datagram's frames */
#define SS_FRAGMENTS_WAIT_NS    5000000000LL /* from a datagram's first frame to its last */
#define SS_FRAGMENTS_HEAD_BYTES 512          /* of IP headers and options before the data */

/* Valid until the next call. */
struct ss_datagram {
    enum ss_refusal refused;      /* SS_REFUSED_NOTHING: whole is what the frames amount to */
    bool is_copy;                 /* the frame is one more of a datagram that was whole before */
    struct ss_frame whole;        /* from its IP header on: link RAW_IP */
    const struct ss_encap *encap; /* around it */
    unsigned encap_count;
    const struct ss_frame *frames; /* as they came */
    unsigned frame_count;
    unsigned copies; /* of frames that came before */
};

struct ss_fragments;

size_t ss_fragments_bytes(void);
/* memory: borrowed, aligned to 64. */
struct ss_fragments *ss_fragments_create(void *memory);

/* NULL: the frame waits for the others. A place must be free for it: see ss_fragments_give_up. */
const struct ss_datagram *ss_fragments_add(struct ss_fragments *fragments, const struct ss_frame *frame,
                                           const struct ss_fragment *fragment, int64_t now_ns);

/* A datagram that has waited too long, or, where room is wanted and there is none, the oldest. NULL: none. */
const struct ss_datagram *ss_fragments_give_up(struct ss_fragments *fragments, int64_t now_ns,
                                               bool want_room);

/* Frames that wait. */
unsigned ss_fragments_waiting(const struct ss_fragments *fragments);
