// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/handshake_talk.h"

#include "analyzer/answer.h"
#include "analyzer/handshake_tls.h"
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

static void begin_tls(struct ss_handshake *handshake, enum ss_side side, uint32_t seq)
{
    handshake->talk.state[side] = SS_TALK_OVER;
    handshake->talk.skipped[side] = seq - handshake->stream[side].first;
}

/* TLS begins at this byte of the client; of the server's, unless it has begun already, at what the client had
 * heard of it by then. */
static enum ss_talk_verdict begin_client_tls(struct ss_handshake *handshake, uint32_t client_seq)
{
    const struct ss_stream *server = &handshake->stream[SS_SERVER];
    uint32_t heard;

    begin_tls(handshake, SS_CLIENT, client_seq);
    if (handshake->talk.state[SS_SERVER] == SS_TALK_OVER)
        return SS_TALK_TLS;
    bool is_known = server->started && ss_answer_ack_of(handshake, client_seq, &heard) &&
                    ss_seq_reached(heard, server->first);
    begin_tls(handshake, SS_SERVER, is_known ? heard : server->first);
    return SS_TALK_TLS;
}

static bool is_going(const struct ss_talk *talk)
{
    return talk->state[SS_CLIENT] == SS_TALK_GOING || talk->state[SS_SERVER] == SS_TALK_GOING;
}

/* A word of a side. Its first bytes say whether this may be a talk at all. */
static enum ss_talk_verdict pass(struct ss_handshake *handshake, struct ss_span bytes, enum ss_side side)
{
    struct ss_talk *talk = &handshake->talk;

    if (talk->state[side] == SS_TALK_EXPECTED) {
        talk->is_known |= ss_talk_is_opener(bytes, side == SS_CLIENT);
        if (!talk->is_known && ss_talk_is_other(bytes))
            return SS_TALK_NONE;
    }
    talk->state[side] = SS_TALK_GOING;
    return ++talk->chunks < (talk->is_known ? TALK_CHUNKS_MAX : UNKNOWN_CHUNKS_MAX) ? SS_TALK_PASSED
                                                                                    : SS_TALK_NONE;
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

/* What of the chunk is behind the PROXY protocol header. False: nothing. */
static bool cut_proxied(struct ss_handshake *handshake, struct ss_chunk *chunk)
{
    const struct ss_talk *talk = &handshake->talk;

    if (!talk->is_proxied_over && take_proxied(handshake, chunk))
        return false;
    uint32_t offset_in_stream = chunk->seq - handshake->stream[SS_CLIENT].first;
    if (offset_in_stream >= talk->header_bytes)
        return true;
    uint32_t header_left = talk->header_bytes - offset_in_stream;
    if (ss_span_left(&chunk->bytes) <= header_left)
        return false;
    cut(chunk, header_left);
    return true;
}

/* Bytes that may be the beginning of the client's hello: the next ones will tell. */
static void collect(struct ss_handshake *handshake, const uint8_t *bytes, size_t count, uint32_t end_seq)
{
    memcpy(handshake->told->begun, bytes, count);
    handshake->talk.begun_bytes = (uint8_t)count;
    handshake->told->begun_end = end_seq;
}

/* What was collected is no hello: it was talk. */
static enum ss_talk_found note_begun(struct ss_handshake *handshake)
{
    int64_t at_ns;

    if (ss_stream_seen_at(&handshake->stream[SS_CLIENT], handshake->told->begun_end, &at_ns))
        note_talk(handshake, at_ns);
    return SS_TALK_NOWHERE;
}

/* The chunk goes on with what was collected. FOUND: that was the beginning of the hello, and TLS has it. */
static enum ss_talk_found join_begun(struct ss_handshake *handshake, const struct ss_chunk *chunk, int64_t t)
{
    struct ss_talk *talk = &handshake->talk;
    uint8_t joined[2 * SS_TALK_HELLO_BYTES];
    size_t begun = talk->begun_bytes, left = ss_span_left(&chunk->bytes), offset;
    size_t taken = left < SS_TALK_HELLO_BYTES ? left : SS_TALK_HELLO_BYTES;

    talk->begun_bytes = 0;
    if (begun == 0)
        return SS_TALK_NOWHERE;
    if (chunk->seq != handshake->told->begun_end)
        return note_begun(handshake);
    memcpy(joined, handshake->told->begun, begun);
    memcpy(joined + begun, chunk->bytes.at, taken);
    struct ss_span bytes = ss_span_of(joined, begun + taken);
    enum ss_talk_found found = ss_talk_find_hello(bytes, SS_TLS_CLIENT_HELLO, &offset);
    if (found == SS_TALK_NOWHERE || offset >= begun)
        return note_begun(handshake);
    if (found == SS_TALK_PERHAPS) {
        collect(handshake, joined + offset, begun + taken - offset, chunk->seq + (uint32_t)taken);
        return found;
    }
    begin_client_tls(handshake, chunk->seq - (uint32_t)(begun - offset));
    ss_handshake_take_bytes(handshake, SS_CLIENT, ss_span_of(joined + offset, begun - offset), t);
    return found;
}

/* The client's hello after a talk: in TLS's format or in SSLv2's, which is whole in its segment or not known.
 */
static enum ss_talk_verdict find_client_hello(struct ss_handshake *handshake, struct ss_chunk *chunk,
                                              int64_t t)
{
    size_t offset = 0, left = ss_span_left(&chunk->bytes);
    enum ss_talk_found joined = join_begun(handshake, chunk, t);

    if (joined == SS_TALK_FOUND)
        return SS_TALK_TLS;
    if (joined == SS_TALK_PERHAPS)
        return pass(handshake, chunk->bytes, SS_CLIENT);
    enum ss_talk_found found = ss_talk_find_hello(chunk->bytes, SS_TLS_CLIENT_HELLO, &offset);
    if (found == SS_TALK_NOWHERE && ss_tls_is_sslv2_hello(chunk->bytes))
        found = SS_TALK_FOUND;
    if ((found == SS_TALK_NOWHERE || offset > 0) && handshake->talk.state[SS_SERVER] != SS_TALK_OVER)
        note_talk(handshake, t);
    if (found == SS_TALK_PERHAPS)
        collect(handshake, chunk->bytes.at + offset, left - offset, chunk->seq + (uint32_t)left);
    if (found != SS_TALK_FOUND)
        return pass(handshake, chunk->bytes, SS_CLIENT);
    cut(chunk, offset);
    return begin_client_tls(handshake, chunk->seq);
}

static enum ss_talk_verdict take_client(struct ss_handshake *handshake, struct ss_chunk *chunk, int64_t t)
{
    const struct ss_talk *talk = &handshake->talk;

    if (!cut_proxied(handshake, chunk))
        return SS_TALK_PASSED;
    uint8_t first = *chunk->bytes.at;
    bool is_server_tls = talk->state[SS_SERVER] == SS_TALK_OVER && talk->skipped[SS_SERVER] == 0;
    if (is_server_tls || (!is_going(talk) && (first == SS_TLS_HANDSHAKE || first & 0x80)))
        return begin_client_tls(handshake, chunk->seq);
    return find_client_hello(handshake, chunk, t);
}

/* The mirror may show the server's answer first, or the server only. */
static enum ss_talk_verdict take_server(struct ss_handshake *handshake, struct ss_chunk *chunk, int64_t t)
{
    uint8_t first = *chunk->bytes.at;
    size_t offset = 0;
    bool is_tls =
        (!is_going(&handshake->talk) && (first == SS_TLS_HANDSHAKE || first == SS_TLS_ALERT_RECORD)) ||
        ss_talk_find_hello(chunk->bytes, SS_TLS_SERVER_HELLO, &offset) == SS_TALK_FOUND;

    if (!is_tls || offset > 0)
        note_talk(handshake, t);
    if (!is_tls)
        return pass(handshake, chunk->bytes, SS_SERVER);
    cut(chunk, offset);
    begin_tls(handshake, SS_SERVER, chunk->seq);
    return SS_TALK_TLS;
}

bool ss_handshake_skip(struct ss_handshake *handshake, enum ss_side side, uint32_t seq, uint32_t missing)
{
    uint32_t before = handshake->stream[side].first + handshake->talk.skipped[side] - seq;

    if (handshake->talk.state[side] != SS_TALK_OVER)
        return false;
    if ((int32_t)before > 0)
        missing = missing > before ? missing - before : 0;
    return missing == 0 || ss_tls_skip(&handshake->tls[side], missing);
}

enum ss_talk_verdict ss_handshake_talk(struct ss_handshake *handshake, enum ss_side side,
                                       struct ss_chunk *chunk, int64_t t)
{
    const struct ss_talk *talk = &handshake->talk;

    if (talk->state[side] == SS_TALK_OVER) {
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
    if (ss_span_left(&chunk->bytes) == 0) { /* only bytes that nobody captured */
        if (!is_going(talk))
            return SS_TALK_TLS;
        note_talk(handshake, t);
        return pass(handshake, chunk->bytes, side);
    }
    return side == SS_CLIENT ? take_client(handshake, chunk, t) : take_server(handshake, chunk, t);
}
