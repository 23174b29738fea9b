// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Which of the client's records answers the server's flight, and where that flight ended. */

#include "analyzer/handshake.h"

/* The client sent a record after its hello. */
void ss_answer_note(struct ss_handshake *handshake, bool is_ccs, uint16_t record_bytes, uint32_t begin_seq,
                    int64_t end_ns);

/* The client sent a segment with payload: what it acknowledged. */
void ss_answer_note_segment(struct ss_handshake *handshake, uint32_t seq_end, uint32_t ack, int64_t t);

/* When the client first sent data that acknowledges the server's bytes before ack; SS_MARK_UNSEEN: not seen.
 */
int64_t ss_answer_begin_ns(const struct ss_handshake *handshake, uint32_t ack);

/* What the segment that first carried this byte of the client acknowledged; false: forgotten, or not seen. */
bool ss_answer_ack_of(const struct ss_handshake *handshake, uint32_t seq, uint32_t *ret_ack);

/* An encrypted record of the server in TLS 1.3 has ended before end_seq. */
void ss_answer_note_server_record(struct ss_handshake *handshake, uint16_t record_bytes, uint32_t end_seq);

/* Looks for the answer among the noted records once the ServerHello is known, or a ClientKeyExchange says
 * that it was one of TLS 1.2; true where it is (or was) found. */
bool ss_answer_find(struct ss_handshake *handshake);

/* With has_answer. */
static inline const struct ss_answer_record *ss_answer_of(const struct ss_handshake *handshake)
{
    const struct ss_more *more = ss_handshake_more(handshake);

    return &(more != NULL ? more->records : handshake->few_records)[handshake->answer];
}

/* The answer of a client that rejects the server: an encrypted alert in place of its Finished. */
bool ss_answer_is_rejection(const struct ss_handshake *handshake);

/* The server's flight ends before end_seq, which the tap has seen: a message has said so. */
void ss_answer_end_flight(struct ss_handshake *handshake, uint32_t end_seq);

/* The client has acknowledged more. When that was is noted as soon as it can be, since streams forget. */
void ss_answer_follow_flight(struct ss_handshake *handshake);

/* The server's flight. */
struct ss_flight {
    uint32_t end;              /* sequence number just past it */
    int64_t seen_ns, acked_ns; /* when the tap had all of it, and its acknowledgement, or SS_MARK_UNSEEN */
};

/* As far as is known where it ended: what a message has said, else what the answer acknowledges. That of
 * TLS 1.2 ends at the latest with the server's ChangeCipherSpec, which answers the answer (RFC 5246
 * section 7.3). False: nothing of it was seen. */
bool ss_answer_flight(const struct ss_handshake *handshake, struct ss_flight *ret_flight);
