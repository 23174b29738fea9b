// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/handshake_talk.h"

#include "analyzer/answer.h"
#include "base/seq.h"
#include "talk/talk.h"

#include <string.h>

/* Of both sides: a talk that takes longer is none. */
#define TALK_CHUNKS_MAX    64
#define UNKNOWN_CHUNKS_MAX 8 /* where its opener is not known */

static void cut(struct ss_chunk *chunk, size_t count)
{
    chunk->bytes.at += count;
    chunk->seq += (uint32_t)count;
}

/* Bytes of a talk: its end may be shown after the hello. */
static void note_talk(struct ss_handshake *handshake, int64_t t)
{
    int64_t *last_ns = &handshake->mark_ns[SS_MARK_TALK];

    if (t > *last_ns) /* SS_MARK_UNSEEN is less than any time */
        *last_ns = t;
}

/* TLS begins at this byte of the client; of the server's, at what the client had heard of it by then. */
static void begin_tls(struct ss_handshake *handshake, uint32_t client_seq)
{
    struct ss_stream *server = &handshake->stream[SS_SERVER];
    uint32_t heard;

    handshake->talk.state = SS_TALK_OVER;
    handshake->talk.skipped[SS_CLIENT] = client_seq - handshake->stream[SS_CLIENT].first;
    if (server->started && ss_answer_ack_of(handshake, client_seq, &heard) &&
        ss_seq_reached(heard, server->first))
        handshake->talk.skipped[SS_SERVER] = heard - server->first;
}

static enum ss_talk_verdict pass(struct ss_handshake *handshake, int64_t t)
{
    struct ss_talk *talk = &handshake->talk;

    talk->state = SS_TALK_GOING;
    note_talk(handshake, t);
    return ++talk->chunks < (talk->is_known ? TALK_CHUNKS_MAX : UNKNOWN_CHUNKS_MAX) ? SS_TALK_PASSED
                                                                                    : SS_TALK_NONE;
}

/* The connection's first bytes: whether they may be a talk at all. */
static bool open_talk(struct ss_handshake *handshake, struct ss_span bytes, enum ss_side side)
{
    handshake->talk.is_known = ss_talk_is_opener(bytes, side == SS_CLIENT);
    return handshake->talk.is_known || !ss_talk_is_other(bytes);
}

/* A PROXY protocol header, collected until it is whole. False: it is none, or what is left of *chunk comes
 * after it. */
static bool take_proxied(struct ss_handshake *handshake, struct ss_chunk *chunk)
{
    struct ss_talk *talk = &handshake->talk;
    struct ss_told *told = handshake->told;
    size_t room = sizeof(told->proxied) - talk->proxied_bytes, left = ss_span_left(&chunk->bytes);
    size_t taken = left < room ? left : room;
    struct ss_proxied header;

    memcpy(told->proxied + talk->proxied_bytes, chunk->bytes.at, taken);
    size_t known = talk->proxied_bytes + taken;
    enum ss_proxied_result result = ss_proxied_decode(ss_span_of(told->proxied, known), &header);
    if (result == SS_PROXIED_MORE && known < sizeof(told->proxied)) {
        talk->proxied_bytes = (uint8_t)known;
        return true;
    }
    talk->is_proxied_over = true;
    if (result != SS_PROXIED_DONE)
        return false;
    talk->has_proxied = header.has_addresses;
    told->proxied_client = header.client;
    told->proxied_server = header.server;
    talk->header_bytes = header.bytes; /* version 2's extensions may end in a later segment */
    return false;
}

static enum ss_talk_verdict take_client(struct ss_handshake *handshake, struct ss_chunk *chunk, int64_t t)
{
    struct ss_talk *talk = &handshake->talk;
    size_t offset;

    if (!talk->is_proxied_over && take_proxied(handshake, chunk))
        return SS_TALK_PASSED;
    uint32_t offset_in_stream = chunk->seq - handshake->stream[SS_CLIENT].first;
    if (offset_in_stream < talk->header_bytes) {
        uint32_t header_left = talk->header_bytes - offset_in_stream;
        if (ss_span_left(&chunk->bytes) <= header_left)
            return SS_TALK_PASSED;
        cut(chunk, header_left);
    }
    uint8_t first = *chunk->bytes.at;
    if (talk->state == SS_TALK_EXPECTED && (first == SS_TLS_HANDSHAKE || first & 0x80)) {
        begin_tls(handshake, chunk->seq);
        return SS_TALK_TLS;
    }
    if (talk->state == SS_TALK_EXPECTED && !open_talk(handshake, chunk->bytes, SS_CLIENT))
        return SS_TALK_NONE;
    if (!ss_talk_find_hello(chunk->bytes, &offset))
        return pass(handshake, t);
    if (offset > 0)
        note_talk(handshake, t);
    cut(chunk, offset);
    begin_tls(handshake, chunk->seq);
    return SS_TALK_TLS;
}

static enum ss_talk_verdict take_server(struct ss_handshake *handshake, struct ss_chunk *chunk, int64_t t)
{
    uint8_t first = *chunk->bytes.at;

    if (handshake->talk.state == SS_TALK_GOING)
        return pass(handshake, t);
    if (first == SS_TLS_HANDSHAKE || first == SS_TLS_ALERT_RECORD)
        return SS_TALK_TLS; /* the mirror shows the answer first, or shows the server only */
    return open_talk(handshake, chunk->bytes, SS_SERVER) ? pass(handshake, t) : SS_TALK_NONE;
}

bool ss_handshake_skip(struct ss_handshake *handshake, enum ss_side side, uint32_t seq, uint32_t missing)
{
    uint32_t before = handshake->stream[side].first + handshake->talk.skipped[side] - seq;

    if (handshake->talk.state != SS_TALK_OVER)
        return false;
    if ((int32_t)before > 0)
        missing = missing > before ? missing - before : 0;
    return missing == 0 || ss_tls_skip(&handshake->tls[side], missing);
}

enum ss_talk_verdict ss_handshake_talk(struct ss_handshake *handshake, enum ss_side side,
                                       struct ss_chunk *chunk, int64_t t)
{
    const struct ss_talk *talk = &handshake->talk;

    if (talk->state == SS_TALK_OVER) {
        uint32_t from = handshake->stream[side].first + talk->skipped[side];
        if (!ss_seq_before(chunk->seq, from))
            return SS_TALK_TLS;
        uint32_t early = from - chunk->seq;
        note_talk(handshake, t);
        if (ss_span_left(&chunk->bytes) <= early)
            return SS_TALK_PASSED;
        cut(chunk, early);
        return SS_TALK_TLS;
    }
    if (ss_span_left(&chunk->bytes) == 0) /* only bytes that nobody captured */
        return talk->state == SS_TALK_GOING ? pass(handshake, t) : SS_TALK_TLS;
    return side == SS_CLIENT ? take_client(handshake, chunk, t) : take_server(handshake, chunk, t);
}
