// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What is known of one connection's handshake: the analyzer's product, from which every record is made.
 *
 * Plain data without pointers, so that it can be copied between lcores and kept in the history.
 */

#include "base/ip.h"
#include "packet/packet.h"
#include "tables/tables.h"
#include "timeline/slow.h"
#include "tls/hello.h"
#include "tls/ja4.h"

#include <stdbool.h>
#include <stdint.h>

#define SS_ID_TEXT_MAX      32
#define SS_OUTCOME_TEXT_MAX 64

enum ss_visibility { SS_SEEN_BOTH, SS_SEEN_CLIENT_ONLY, SS_SEEN_SERVER_ONLY, SS_VISIBILITY_COUNT };

/* Segments that were lost, by where, as far as the evidence tells. */
struct ss_lost {
    uint16_t client_to_tap, tap_to_server, server_to_tap, tap_to_client;
};

struct ss_finding_tls {
    uint16_t version; /* negotiated, else 0 */
    uint16_t cipher;
    uint16_t group;
    bool hello_seen; /* the ClientHello was decoded */
    bool server_hello_seen;
    bool hello_retry, resumed, early_data;
    bool ech;                      /* encrypted_client_hello was offered, or something that looks like it */
    bool has_ja4, is_ja4_left_out; /* left out: the ClientHello has more numbers than ja4 has room for */
    /* What is not in use of these is undefined. */
    char sni[SS_SNI_MAX];
    char alpn[SS_ALPN_MAX]; /* offered, each ended by a zero, then an empty one */
    struct ss_ja4 ja4;
};

struct ss_finding {
    int64_t start_ns;    /* UTC, of the first packet seen */
    uint64_t tuple_hash; /* of the endpoints, the same on every machine: part of the id */
    struct ss_endpoint client, server;
    struct ss_encap encap[SS_ENCAP_MAX];
    uint8_t encap_count;
    uint8_t visibility; /* enum ss_visibility */
    uint8_t outcome;    /* enum ss_outcome */
    uint8_t alert;      /* outcome ALERT: its description */
    uint8_t clock;      /* enum ss_clock_source */
    uint8_t tap;        /* enum ss_tap */
    uint8_t verdict;    /* enum ss_verdict, of the wire alone */
    uint8_t confidence;
    uint32_t clock_error_ns; /* the largest of its packets */
    uint32_t flags;          /* SS_FLAG_... of the wire */
    int64_t mark_ns[SS_MARK_COUNT];
    int64_t sent_ns[SS_PHASE_COUNT]; /* how long the phase was by its sender's own clock, or UNSEEN */
    struct ss_timeline_wait waits[SS_TIMELINE_WAITS]; /* the evidence, in order of time */
    uint8_t wait_count;
    struct ss_judgement judged;
    int64_t rtt_ns;        /* least to the client; SS_MARK_UNSEEN where not measured */
    int64_t server_rtt_ns; /* least to the server */
    uint16_t client_retransmits, server_retransmits;
    uint32_t tap_missing_bytes;
    uint32_t mirror_duplicates;
    uint32_t conflicts; /* segments that sent other bytes at the same place: the first copy counts */
    struct ss_lost lost;
    bool still_open;     /* an UNFINISHED that may yet be judged again */
    bool is_tls;         /* a hello was seen; else a connection that stayed silent */
    bool lacks_evidence; /* some was seen, and found no room */
    bool has_proxied;    /* addresses of a PROXY protocol header */
    struct ss_endpoint proxied_client, proxied_server;
    struct ss_finding_tls tls;
};

/* Its name in files and telemetry: start time and a hash of the endpoints, hexadecimal. */
char *ss_finding_id(const struct ss_finding *finding, char ret_text[SS_ID_TEXT_MAX]);

/* How it ended, an alert with its name or number: "alert:handshake_failure". */
char *ss_finding_outcome(const struct ss_finding *finding, char ret_text[SS_OUTCOME_TEXT_MAX]);

/* What its verdict rests on, as far as the wire tells: flagged by the wire, no proxy's word. */
struct ss_verdict_evidence ss_finding_evidence(const struct ss_finding *finding);

/* When it was over for those who waited, from its first packet on: its last mark, or later what it was given
 * up at, or what its last message met behind the tap. */
int64_t ss_finding_end_ns(const struct ss_finding *finding);
