// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/answer.h"

#include "analyzer/handshake_tls.h"
#include "base/seq.h"

#include <string.h>

/* Cipher suites of TLS 1.3 whose records are of other lengths than those of the rest (RFC 8446 appendix B.4).
 */
#define AES_256_GCM_SHA384 0x1302
#define AES_128_CCM_8      0x1305

/* TLS 1.3, its drafts included (0x7fNN, 0xfbNN of Facebook's, and 0x7eNN of Google's experiments). */
static bool is_tls13(const struct ss_handshake *handshake)
{
    uint16_t version = handshake->version;
    return version == SS_TLS13 || version >> 8 == 0x7f || version >> 8 == 0xfb || version >> 8 == 0x7e;
}

/* What encryption adds to a record: the content type and a tag (RFC 8446 section 5.2, RFC 6655 section 4). */
static uint16_t sealed_bytes(const struct ss_handshake *handshake, unsigned plain_bytes)
{
    return (uint16_t)(plain_bytes + 1 + (handshake->cipher == AES_128_CCM_8 ? 8 : 16));
}

/* Length of a record that holds a Finished alone: 4 bytes of header and the hash (RFC 8446 section 4.4.4). */
static uint16_t finished_bytes(const struct ss_handshake *handshake)
{
    return sealed_bytes(handshake, handshake->cipher == AES_256_GCM_SHA384 ? 4 + 48 : 4 + 32);
}

/* That of an alert: level and description. */
static uint16_t alert_bytes(const struct ss_handshake *handshake)
{
    return sealed_bytes(handshake, 2);
}

/* ---- what the client sent, and acknowledged with it */

static const struct ss_segment_ack *acks_of(const struct ss_handshake *handshake)
{
    const struct ss_more *more = ss_handshake_more(handshake);

    return more != NULL ? more->segment_acks : handshake->few_acks;
}

bool ss_answer_ack_of(const struct ss_handshake *handshake, uint32_t seq, uint32_t *ret_ack)
{
    const struct ss_segment_ack *acks = acks_of(handshake);

    for (unsigned i = 0; i < handshake->segment_ack_count; i++) {
        if (ss_seq_before(seq, acks[i].seq_end)) {
            *ret_ack = acks[i].ack;
            return true;
        }
    }
    return false;
}

int64_t ss_answer_begin_ns(const struct ss_handshake *handshake, uint32_t ack)
{
    const struct ss_segment_ack *acks = acks_of(handshake);

    for (unsigned i = 0; i < handshake->segment_ack_count; i++) {
        if (ss_seq_reached(acks[i].ack, ack))
            return acks[i].time_ns;
    }
    return SS_MARK_UNSEEN;
}

void ss_answer_note_segment(struct ss_handshake *handshake, uint32_t seq_end, uint32_t ack, int64_t t)
{
    struct ss_more *more = ss_handshake_more(handshake);
    struct ss_segment_ack *acks = more != NULL ? more->segment_acks : handshake->few_acks;
    unsigned count = handshake->segment_ack_count, room = more != NULL ? SS_SEGMENT_ACKS : SS_FEW_ACKS;

    if (count > 0 && !ss_seq_before(acks[count - 1].seq_end, seq_end))
        return; /* a retransmission: the first copy's acknowledgement counts */
    if (count == room) {
        memmove(acks, acks + 1, (room - 1) * sizeof(*acks));
        count--;
    }
    acks[count] = (struct ss_segment_ack){.time_ns = t, .seq_end = seq_end, .ack = ack};
    handshake->segment_ack_count = (uint8_t)(count + 1);
}

void ss_answer_note(struct ss_handshake *handshake, bool is_ccs, uint16_t record_bytes, uint32_t begin_seq,
                    int64_t end_ns)
{
    unsigned count = handshake->record_count;

    if (handshake->has_answer)
        return;
    if (count == SS_FEW_RECORDS)
        ss_handshake_extend(handshake);
    struct ss_more *more = ss_handshake_more(handshake);
    struct ss_answer_record *records = more != NULL ? more->records : handshake->few_records;
    unsigned room = more != NULL ? SS_ANSWER_RECORDS : SS_FEW_RECORDS;
    if (count == room) { /* early data: the answer comes after it */
        memmove(records, records + 1, (room - 1) * sizeof(*records));
        count--;
    }
    records[count] = (struct ss_answer_record){
        .end_ns = end_ns, .begin_seq = begin_seq, .bytes = record_bytes, .is_ccs = is_ccs};
    ss_answer_ack_of(handshake, begin_seq, &records[count].ack);
    handshake->record_count = (uint8_t)(count + 1);
}

void ss_answer_end_flight(struct ss_handshake *handshake, uint32_t end_seq)
{
    if (handshake->has_flight_end)
        return;
    handshake->flight_end = end_seq;
    handshake->has_flight_end = true;
    ss_stream_seen_at(&handshake->stream[SS_SERVER], end_seq, &handshake->mark_ns[SS_MARK_SERVER_FLIGHT]);
    ss_answer_follow_flight(handshake);
}

void ss_answer_follow_flight(struct ss_handshake *handshake)
{
    if (handshake->has_flight_end && !ss_handshake_is_marked(handshake, SS_MARK_FLIGHT_ACK))
        ss_stream_acknowledged_at(&handshake->stream[SS_SERVER], handshake->flight_end,
                                  &handshake->mark_ns[SS_MARK_FLIGHT_ACK]);
}

void ss_answer_note_server_record(struct ss_handshake *handshake, uint16_t record_bytes, uint32_t end_seq)
{
    if (!is_tls13(handshake) || handshake->has_flight_end)
        return;
    /* The first encrypted record begins with EncryptedExtensions, so it is never a Finished alone. */
    if (handshake->encrypted_records > 0 && record_bytes == finished_bytes(handshake))
        ss_answer_end_flight(handshake, end_seq);
    handshake->encrypted_end = end_seq;
    if (handshake->encrypted_records < UINT8_MAX)
        handshake->encrypted_records++;
}

/* TLS 1.2: its ChangeCipherSpec. TLS 1.3: the first encrypted record in a segment that acknowledges the
 * ServerHello; where early data was offered, the first such record of a Finished's size, since
 * EndOfEarlyData and the last of the early data may come in such segments too. */
static bool is_answer(const struct ss_handshake *handshake, const struct ss_answer_record *record)
{
    if (!is_tls13(handshake))
        return record->is_ccs;
    if (record->is_ccs || !ss_seq_reached(record->ack, handshake->server_hello_end))
        return false;
    return !handshake->early_data || record->bytes == finished_bytes(handshake);
}

bool ss_answer_find(struct ss_handshake *handshake)
{
    if (handshake->has_answer || !(handshake->has_server_hello || handshake->has_key_exchange))
        return handshake->has_answer;
    const struct ss_more *more = ss_handshake_more(handshake);
    const struct ss_answer_record *records = more != NULL ? more->records : handshake->few_records;
    for (unsigned i = 0; i < handshake->record_count; i++) {
        if (is_answer(handshake, &records[i])) {
            handshake->answer = (uint8_t)i;
            handshake->has_answer = true;
            break;
        }
    }
    return handshake->has_answer;
}

bool ss_answer_is_rejection(const struct ss_handshake *handshake)
{
    return handshake->has_answer && is_tls13(handshake) &&
           ss_answer_of(handshake)->bytes == alert_bytes(handshake);
}

/* Nobody answered: was the flight whole? A ServerHelloDone, or a record of a Finished's size, says so.
 * Else a stack that puts its whole flight into one record has sent it all when that record has ended,
 * and one that gives each message a record of its own has not. */
static bool unanswered_flight_end(const struct ss_handshake *handshake, uint32_t *ret_seq)
{
    if (!is_tls13(handshake) || handshake->encrypted_records != 1)
        return false;
    *ret_seq = handshake->encrypted_end;
    return true;
}

/* Where the server's flight ended, as far as is known; false: nothing of it was seen. */
static bool flight_end(const struct ss_handshake *handshake, uint32_t *ret_seq)
{
    bool is_beyond_answer = handshake->has_answer && is_tls13(handshake) &&
                            !ss_seq_reached(ss_answer_of(handshake)->ack, handshake->flight_end);

    if (!handshake->has_server_hello)
        return false;
    if (handshake->has_flight_end && !is_beyond_answer)
        *ret_seq = handshake->flight_end;
    else if (handshake->has_answer)
        *ret_seq = ss_answer_of(handshake)->ack;
    else if (!unanswered_flight_end(handshake, ret_seq))
        return false;
    /* An answer to nothing, or messages out of their order, say nothing of the flight. */
    return ss_seq_reached(*ret_seq, handshake->server_hello_end);
}

/* Written number by number: to copy them as one would wait until all that was stored before is in the cache.
 */
bool ss_answer_flight(const struct ss_handshake *handshake, struct ss_flight *ret_flight)
{
    const struct ss_stream *server = &handshake->stream[SS_SERVER];
    int64_t finished_ns = handshake->mark_ns[SS_MARK_SERVER_FINISHED];
    uint32_t end;

    if (!flight_end(handshake, &end))
        return false;
    ret_flight->end = end;
    ret_flight->seen_ns = handshake->mark_ns[SS_MARK_SERVER_FLIGHT];
    ret_flight->acked_ns = handshake->mark_ns[SS_MARK_FLIGHT_ACK];
    if (!handshake->has_flight_end || end != handshake->flight_end) {
        ret_flight->seen_ns = ret_flight->acked_ns = SS_MARK_UNSEEN;
        ss_stream_seen_at(server, end, &ret_flight->seen_ns);
        ss_stream_acknowledged_at(server, end, &ret_flight->acked_ns);
    }
    if (finished_ns != SS_MARK_UNSEEN && ret_flight->seen_ns > finished_ns)
        ret_flight->seen_ns = finished_ns;
    return true;
}
