// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* One connection's handshake in progress: its two streams and TLS directions, and the marks they give.
 *
 * Fed with the connection's packets in the order of the mirror, it says when the handshake has ended, and
 * can be concluded at any time into a finding. Where time is needed it is the packets'. It lives in a block
 * of the analyzer's pool, beside which there is a place for what the client told about itself, and borrows
 * blocks from four more pools: for bytes out of order, for hellos in pieces, for what only a handshake
 * that somebody held up needs, and for one of more packets than most have.
 *
 * There may be a hundred thousand, and a new packet is of any of them: a block is as small as it can be, and
 * most of it is touched by every packet (bench: handshakes).
 */

#include "analyzer/finding.h"
#include "analyzer/sender.h"
#include "base/pool.h"
#include "packet/packet.h"
#include "stream/stream.h"
#include "talk/proxied.h"
#include "talk/talk.h"
#include "tls/tls.h"

enum ss_side { SS_CLIENT, SS_SERVER };

#define SS_FEW_RECORDS      2 /* records of the client after its hello that are remembered, */
#define SS_FEW_ACKS         4 /* and segments of the client whose acknowledgement is; */
#define SS_ANSWER_RECORDS   6 /* the same with more room */
#define SS_SEGMENT_ACKS     6
#define SS_SENDER_GAPS      3       /* silences of a side with missing numbers that are remembered */
#define SS_SENT_AGAIN       3       /* segments of a side sent again, whose acknowledgement is awaited */
#define SS_RECENT_PRINTS    4       /* packets of a side among which duplicates are looked for */
#define SS_DUPLICATE_MAX_NS 1000000 /* a mirror's second copy comes within this; no retransmission does */
#define SS_HOLE_PATIENCE_NS (10 * 1000000LL) /* missing data may come so long after its acknowledgement */
#define SS_GIVING_NS        1000000000LL     /* who has said nothing for so long gives way to others */
#define SS_LEAP_NS                                                                                           \
    (86400 * 1000000000LL) /* a single packet so far ahead of those before it has a wrong time */

/* A record that the client sent after its hello: the one that answers the server's flight is among them. */
struct ss_answer_record {
    int64_t end_ns; /* when the tap had all of it */
    uint32_t begin_seq;
    uint32_t ack;   /* what the segment with its first byte acknowledged */
    uint16_t bytes; /* length field */
    bool is_ccs;    /* ChangeCipherSpec; else an encrypted record */
} __attribute__((packed, aligned(4)));

struct ss_segment_ack {
    int64_t time_ns;
    uint32_t seq_end; /* of a client segment */
    uint32_t ack;     /* that it carried */
};

/* A segment that the tap saw twice. Whether the copy before had arrived, the acknowledgement tells. */
struct ss_sent_again {
    int64_t since_ns, at_ns; /* the copy before, this copy */
    int64_t acked_ns;        /* 0: not yet */
    uint32_t seq_end;
    uint32_t ts_value; /* of this copy, with has_timestamps */
    bool has_timestamps;
    bool is_echo;     /* the acknowledgement echoes the time of a copy before (RFC 3522) */
    bool is_reported; /* or reports that both came (RFC 3708), as one of a SYN always might */
};

/* The server's flight and the client's window for it. */
struct ss_flight_window {
    int64_t sent_ns;     /* newest data of the server */
    int64_t released_ns; /* newest acknowledgement that made room */
    uint32_t in_flight;  /* bytes before the first that came since that data */
} __attribute__((packed, aligned(4)));

struct ss_print {
    uint32_t time_us; /* low bits */
    uint32_t print;   /* of everything in the packet that a copy shares */
};

/* What comes before TLS, in both directions. */
struct ss_talk {
    uint8_t state[2];         /* enum ss_talk_state, of each side */
    uint8_t chunks;           /* of talk until now, of both */
    uint8_t proxied_bytes;    /* collected of what may be a PROXY protocol header */
    uint8_t begun_bytes;      /* collected of what may be the client's hello */
    bool is_known : 1;        /* by its opener: it may take long */
    bool is_proxied_over : 1; /* it is known whether there is one */
    bool has_proxied : 1;     /* it names addresses */
    uint32_t skipped[2];      /* bytes of each direction that come before TLS */
    uint32_t header_bytes;    /* of the PROXY protocol header; 0: there is none */
};

enum ss_talk_state {
    SS_TALK_EXPECTED, /* nothing was said yet */
    SS_TALK_GOING,    /* something else than TLS */
    SS_TALK_OVER,     /* TLS */
};

/* What was told in the open, wanted when a finding is made of it. */
struct ss_told {
    struct ss_encap encap[SS_ENCAP_MAX];               /* around the first packet; with encap_count */
    struct ss_endpoint proxied_client, proxied_server; /* with talk.has_proxied */
    uint8_t proxied[SS_PROXIED_MAX];                   /* talk.proxied_bytes of them */
    uint8_t begun[SS_TALK_HELLO_BYTES];                /* talk.begun_bytes of them, */
    uint32_t begun_end;                                /* and the sequence number just past them */
    bool has_ja4, is_ja4_left_out;                     /* from here on with has_names */
    char sni[SS_SNI_MAX];
    char alpn[SS_ALPN_MAX];
    struct ss_ja4 ja4;
};

/* Evidence against somebody. */
struct ss_trouble {
    struct ss_handshake *owner; /* whose it is */
    struct ss_waits waits;
    struct ss_sent_again sent_again[2][SS_SENT_AGAIN];
    struct ss_sender_gap gaps[2][SS_SENDER_GAPS];
    int64_t window_closed_ns[2]; /* since when a side's receive window is closed, or SS_MARK_UNSEEN */
    struct ss_lost lost;
    uint8_t sent_again_count[2], gap_count[2];
};

/* More room for what is remembered of packets. */
struct ss_more {
    struct ss_stream_more stream[2];
    struct ss_sender_sample samples[2][SS_SENDER_CLOCK_SAMPLES];
    struct ss_segment_ack segment_acks[SS_SEGMENT_ACKS];
    struct ss_answer_record records[SS_ANSWER_RECORDS];
};

/* Who borrowed each block of a pool last. */
struct ss_borrowers {
    struct ss_handshake **of; /* or NULL */
    uint32_t hand;            /* the next that is looked at when no block is free */
    uint64_t gave_back;       /* blocks, for others */
};

/* What handshakes borrow. */
struct ss_handshake_pools {
    struct ss_pool segments; /* of SS_STREAM_BLOCK_BYTES */
    struct ss_pool hellos;   /* of SS_TLS_BLOCK_BYTES */
    struct ss_pool troubles; /* of struct ss_trouble */
    struct ss_pool mores;    /* of struct ss_more */
    struct ss_borrowers segment_borrowers, hello_borrowers;
    uint32_t trouble_hand; /* the next of them that is looked at when none is free */
};

struct ss_handshake {
    struct ss_handshake_pools *pools;
    struct ss_told *told; /* its own, for as long as it lives */
    uint32_t flow;        /* the flow it belongs to */
    uint32_t trouble;     /* block of its pool, or SS_POOL_NONE */
    uint32_t more;        /* the same */
    uint32_t clock_error_ns;
    int64_t base_ns;         /* UTC of the first packet; all other times are relative to it */
    int64_t last_ns;         /* newest packet */
    int64_t seen_ns;         /* UTC of the same, as far as it is believed: ageing goes by this */
    bool is_used : 1;        /* the block is taken */
    bool reported_open : 1;  /* a finding was given while it was still open */
    bool is_given_up : 1;    /* so that its end will never be seen */
    bool lacks_evidence : 1; /* there was no room for some, or it was given away */
    bool has_gaps : 1;       /* bytes of either side are missing, by the mirror or by the snap length */
    bool has_hello : 1, has_server_hello : 1, has_flight_end : 1, has_answer : 1;
    bool has_certificate : 1;  /* of the server, in the clear: TLS 1.2, and no resumption */
    bool has_key_exchange : 1; /* of the client: TLS 1.2, whether or not its ServerHello was seen */
    bool is_resumed12 : 1;     /* TLS 1.2: the server's ChangeCipherSpec came before the client's */
    bool has_names : 1;        /* a ClientHello was decoded */
    bool has_syn_data : 1;     /* the client has sent nothing but what its SYN carried */
    bool hello_retry : 1, resumed : 1, early_data : 1, ech : 1;
    bool is_challenged : 1; /* the newest SYN was answered, for an older connection of the same ports */
    uint8_t outcome;        /* enum ss_outcome, SS_OUTCOME_COUNT while open */
    uint8_t alert;
    bool saw[2]; /* packets of each side */
    uint8_t encap_count;
    /* ---- second cache line: upkeep looks at the first one */
    int64_t ended_ns; /* when outcome was set */
    bool is_blind[2]; /* what the mirror lost of a side makes its TLS unreadable from there on */
    bool has_fin[2];
    uint8_t encrypted_records; /* encrypted records of the server since its hello, saturating */
    uint8_t syns_again[2]; /* SYNs and SYN-ACKs of each side that were sent again before anybody answered */
    uint8_t record_count, segment_ack_count, print_next[2];
    uint8_t answer;                                   /* which of the records it is; with has_answer */
    uint16_t version, cipher, group;                  /* that were negotiated */
    uint32_t hello_end, server_hello_end, flight_end; /* sequence numbers; valid with the bits above */
    uint32_t encrypted_end;                           /* of the server's newest encrypted record */
    /* From base_ns on, or SS_MARK_UNSEEN. Some are not what they are called until they are known to be:
     * TALK is the newest of a talk, which only a hello ends; CLIENT_HELLO_2 any second hello, which only
     * hello_retry asks for; SERVER_FLIGHT and FLIGHT_ACK are of flight_end, where that is known. */
    int64_t mark_ns[SS_MARK_COUNT];
    int64_t rtt_ns[2];          /* least round trip from the tap to a side and back; 0: unknown */
    int64_t syn_ns, syn_ack_ns; /* newest of each, for their retransmissions */
    struct ss_flight_window window;
    struct ss_tls_direction tls[2];
    struct ss_stream stream[2];
    uint32_t missing_bytes; /* of both, that only the mirror lost: both sides say so */
    struct ss_sender sender[2];
    struct ss_print prints[2][SS_RECENT_PRINTS];
    struct ss_segment_ack few_acks[SS_FEW_ACKS];
    struct ss_answer_record few_records[SS_FEW_RECORDS];
    /* ---- what few packets touch */
    int64_t closed_ns;    /* when both sides had closed */
    int64_t early_ack_ns; /* of a client's acknowledgement (early_ack) shown before the SYN-ACK */
    int64_t blind_ns;     /* when the newest of what only the mirror lost was acknowledged */
    uint32_t fin_seq[2];  /* number of the FIN of each side that has_fin */
    uint32_t duplicates;
    uint32_t conflicts; /* segments that sent other bytes at the same place */
    uint32_t early_ack; /* see early_ack_ns */
    struct ss_talk talk;
};

enum ss_handshake_step {
    SS_HANDSHAKE_GOES_ON,
    SS_HANDSHAKE_ENDED,   /* outcome is set: conclude it */
    SS_HANDSHAKE_NOT_TLS, /* the connection carries something else */
};

/* Takes whatever the block held before. told and pools are borrowed. */
void ss_handshake_init(struct ss_handshake *handshake, struct ss_handshake_pools *pools, struct ss_told *told,
                       uint32_t flow, const struct ss_packet *first, int64_t time_ns);

enum ss_handshake_step ss_handshake_feed(struct ss_handshake *handshake, const struct ss_packet *packet,
                                         enum ss_side side, int64_t time_ns, uint32_t clock_error_ns);

/* Marks, judgement, outcome, what the hellos said. An open handshake counts as unfinished at
 * until_ns (UTC); it may be fed and concluded again afterwards. Addresses, tap, clock and verdict
 * are the caller's to fill in. */
void ss_handshake_conclude(const struct ss_handshake *handshake, enum ss_tap tap, int64_t until_ns,
                           struct ss_finding *ret_finding);

static inline bool ss_handshake_is_tls(const struct ss_handshake *handshake)
{
    return handshake->mark_ns[SS_MARK_CLIENT_HELLO_FIRST] != SS_MARK_UNSEEN || handshake->has_server_hello;
}

/* Not even a connection, as far as it has come: a scan or a flood is not worth a note. */
static inline bool ss_handshake_is_noise(const struct ss_handshake *handshake)
{
    return !ss_handshake_is_tls(handshake) && handshake->mark_ns[SS_MARK_ACK] == SS_MARK_UNSEEN;
}

/* Silent for a while, and as yet nobody has answered: where there is no room it gives what it has to others.
 */
static inline bool ss_handshake_is_idle(const struct ss_handshake *handshake, int64_t now_ns)
{
    bool is_answered = handshake->has_server_hello && handshake->saw[SS_CLIENT];

    return handshake->is_used && !is_answered && now_ns - handshake->seen_ns >= SS_GIVING_NS;
}

/* A RST that resets nothing: far from what its side has sent (RFC 9293 section 3.5.3, RFC 5961). A client
 * sends one when the server answers its SYN for an older connection, and goes on. */
static inline bool ss_handshake_is_stray_reset(const struct ss_handshake *handshake,
                                               const struct ss_packet *packet, enum ss_side side)
{
    const struct ss_stream *stream = &handshake->stream[side];

    return packet->flags & SS_TCP_RST && stream->started &&
           packet->seq - stream->edge + SS_STREAM_WINDOW > 2 * SS_STREAM_WINDOW;
}

/* It has ended, and what was under way then has had its time. */
bool ss_handshake_has_settled(const struct ss_handshake *handshake, int64_t now_ns);
static inline bool ss_handshake_is_over(const struct ss_handshake *handshake, int64_t now_ns)
{
    return handshake->outcome != SS_OUTCOME_COUNT && ss_handshake_has_settled(handshake, now_ns);
}

void ss_handshake_release(struct ss_handshake *handshake);

/* What is mostly in use of it. Always inlined, since gcc 12 leaves out calls of what only prefetches. */
static inline __attribute__((always_inline)) void
ss_handshake_prefetch_told(const struct ss_handshake *handshake)
{
    const struct ss_told *told = handshake->told;

    __builtin_prefetch(told->sni);
    __builtin_prefetch(told->alpn);
    for (unsigned i = 0; i < 96; i += 32) /* codes: a line has as many */
        __builtin_prefetch(&told->ja4.codes[i]);
}

/* NULL: there has been none. */
static inline const struct ss_trouble *ss_handshake_trouble(const struct ss_handshake *handshake)
{
    return handshake->trouble == SS_POOL_NONE ? NULL
                                              : ss_pool_at(&handshake->pools->troubles, handshake->trouble);
}

/* NULL: few are enough, or all that there is room for. */
static inline struct ss_more *ss_handshake_more(const struct ss_handshake *handshake)
{
    return handshake->more == SS_POOL_NONE ? NULL : ss_pool_at(&handshake->pools->mores, handshake->more);
}

/* Borrows a block with more room. Where there is none, what is remembered gives way to newer, and so the
 * handshake lacks evidence. */
void ss_handshake_extend(struct ss_handshake *handshake);

/* Where trouble is noted; where no block is free, noise gives one away. NULL: there is no room for it. Who
 * goes without lacks evidence. */
struct ss_trouble *ss_handshake_new_trouble(struct ss_handshake *handshake);

/* Evidence of who held the handshake up; see ss_timeline_add_wait. */
void ss_handshake_add_wait(struct ss_handshake *handshake, enum ss_evidence evidence, int64_t from_ns,
                           int64_t to_ns);
