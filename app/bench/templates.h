// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Connections to copy: real handshakes from capture files, and segments of established connections.
 *
 * A template's frames are those of one captured connection from its SYN to the packet with which the analyzer
 * judged its handshake complete, then a FIN of each side. What differs from one connection to the next (the
 * client's address and port, sequence numbers) is written over a copy; see source.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_BENCH_FRAME_MAX 1536 /* of a frame, with its VLAN tag */
#define SS_BENCH_STEPS_MAX 16   /* frames of one template */
#define SS_BENCH_TEMPLATES 8    /* of each family */

enum ss_bench_family { SS_BENCH_IPV4, SS_BENCH_IPV6, SS_BENCH_FAMILY_COUNT };

struct ss_bench_frame {
    uint8_t bytes[SS_BENCH_FRAME_MAX];
    uint16_t length;
    uint16_t client_at;      /* the last four bytes of the client's address */
    uint16_t client_port_at; /* its port */
    uint16_t seq_at;
    uint16_t timestamps_at; /* TSval and TSecr; 0: it has none */
    bool from_client;
};

struct ss_bench_template {
    struct ss_bench_frame frames[SS_BENCH_STEPS_MAX];
    unsigned count;
    unsigned last_of_handshake; /* with this frame the handshake is complete */
    uint16_t version;           /* of TLS */
};

/* Segments of a connection after its handshake, [0]: the client's. */
struct ss_bench_segments {
    struct ss_bench_frame least[2]; /* 64 bytes on the wire, with the checksum that no NIC delivers */
    struct ss_bench_frame ack[2];   /* no payload, with timestamps */
    struct ss_bench_frame full[2];  /* 1500 bytes of IP */
};

/* By family, and without and with a VLAN tag. */
struct ss_bench_templates {
    struct ss_bench_template handshakes[SS_BENCH_FAMILY_COUNT][2][SS_BENCH_TEMPLATES];
    unsigned count[SS_BENCH_FAMILY_COUNT];
    struct ss_bench_segments segments[SS_BENCH_FAMILY_COUNT][2];
};

/* From the captures in folder; NULL: *ret_why says why not. */
struct ss_bench_templates *ss_bench_templates_load(const char *folder, char *ret_why, size_t why_bytes);
