// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/handshake_tls.h"

#include "analyzer/answer.h"
#include "analyzer/lending.h"

#include <string.h>

static uint32_t seq_of(const struct ss_handshake *handshake, enum ss_side side, uint32_t offset)
{
    return handshake->stream[side].first + handshake->talk.skipped[side] + offset;
}

void ss_handshake_take_hello_ack(struct ss_handshake *handshake)
{
    int64_t at_ns;

    if (handshake->has_hello && !ss_handshake_is_marked(handshake, SS_MARK_HELLO_ACK) &&
        ss_stream_acknowledged_at(&handshake->stream[SS_CLIENT], handshake->hello_end, &at_ns))
        ss_handshake_mark(handshake, SS_MARK_HELLO_ACK, at_ns);
}

/* What the first ClientHello says. */
static void read_client_hello(struct ss_handshake *handshake, const struct ss_tls_event *event)
{
    struct ss_told *told = handshake->told;
    struct ss_client_hello hello;

    told->has_ja4 = told->is_ja4_left_out = false;
    if (event->sslv2) {
        ss_client_hello_decode_v2(event->message, &hello);
    } else {
        ss_client_hello_decode(event->message, &hello);
        enum ss_ja4_result result = ss_ja4_read(event->message, &told->ja4);
        told->has_ja4 = result == SS_JA4_READ;
        told->is_ja4_left_out = result == SS_JA4_TOO_LONG;
    }
    handshake->has_names = true;
    handshake->early_data = hello.early_data;
    handshake->ech = hello.encrypted_client_hello;
    memcpy(told->sni, hello.sni, ss_sni_bytes(hello.sni));
    memcpy(told->alpn, hello.alpn, ss_alpn_bytes(hello.alpn));
}

static void take_client_hello(struct ss_handshake *handshake, const struct ss_tls_event *event, int64_t t)
{
    if (ss_handshake_is_marked(handshake, SS_MARK_CLIENT_HELLO)) {
        ss_handshake_mark(handshake, SS_MARK_CLIENT_HELLO_2, t); /* the mirror may show the request later */
        return;
    }
    ss_handshake_mark(handshake, SS_MARK_CLIENT_HELLO, t);
    handshake->hello_end = seq_of(handshake, SS_CLIENT, event->end);
    handshake->has_hello = true;
    ss_handshake_take_hello_ack(handshake);
    if (event->message.at != NULL)
        read_client_hello(handshake, event);
}

static void take_server_hello(struct ss_handshake *handshake, const struct ss_tls_event *event, int64_t t)
{
    struct ss_server_hello hello;

    if (handshake->has_server_hello || event->message.at == NULL)
        return;
    ss_server_hello_decode(event->message, &hello);
    if (hello.hello_retry) {
        ss_handshake_mark(handshake, SS_MARK_HELLO_RETRY, t);
        handshake->hello_retry = true;
        ss_tls_unprotect(&handshake->tls[SS_CLIENT]);
        return;
    }
    ss_handshake_mark(handshake, SS_MARK_SERVER_HELLO, t);
    handshake->server_hello_end = seq_of(handshake, SS_SERVER, event->end);
    handshake->has_server_hello = true;
    handshake->version = hello.version;
    handshake->cipher = hello.cipher;
    handshake->group = hello.group;
    handshake->resumed = hello.pre_shared_key;
}

/* A TLS 1.2 handshake that is no resumption: any of the messages that one leaves out. */
static bool is_full(const struct ss_handshake *handshake)
{
    return handshake->has_flight_end || handshake->has_certificate || handshake->has_key_exchange;
}

/* The flight of TLS 1.2 ends with ServerHelloDone, or in a resumption with the server's Finished. */
static void take_server_event(struct ss_handshake *handshake, const struct ss_tls_event *event, int64_t t)
{
    uint32_t end_seq = seq_of(handshake, SS_SERVER, event->end);

    switch (event->kind) {
    case SS_TLS_MESSAGE:
        if (event->type == SS_TLS_SERVER_HELLO)
            take_server_hello(handshake, event, t);
        else if (event->type == SS_TLS_CERTIFICATE)
            handshake->has_certificate = true;
        else if (event->type == SS_TLS_SERVER_KEY_EXCHANGE && event->message.at != NULL)
            ss_server_key_exchange_decode(event->message, &handshake->group);
        else if (event->type == SS_TLS_SERVER_HELLO_DONE)
            ss_answer_end_flight(handshake, end_seq);
        break;
    case SS_TLS_CCS:
        if (!ss_handshake_is_tls12(handshake))
            break;
        if (is_full(handshake) && !handshake->is_resumed12) {
            ss_handshake_mark(handshake, SS_MARK_SERVER_FINISHED, t);
        } else {
            handshake->is_resumed12 = true;
            handshake->resumed = true;
        }
        break;
    case SS_TLS_PROTECTED:
        if (ss_handshake_is_tls12(handshake) && handshake->is_resumed12 && event->type == SS_TLS_HANDSHAKE)
            ss_answer_end_flight(handshake, end_seq);
        else if (event->type == SS_TLS_APPLICATION_DATA)
            ss_answer_note_server_record(handshake, event->record_bytes, end_seq);
        break;
    default:
        break;
    }
}

static void take_client_event(struct ss_handshake *handshake, const struct ss_tls_event *event, int64_t t)
{
    uint32_t begin_seq = seq_of(handshake, SS_CLIENT, event->begin);

    switch (event->kind) {
    case SS_TLS_BEGIN:
        /* The record's header may have come in pieces. */
        ss_stream_seen_at(&handshake->stream[SS_CLIENT], begin_seq + 1, &t);
        ss_handshake_mark(handshake, SS_MARK_CLIENT_HELLO_FIRST, t);
        break;
    case SS_TLS_MESSAGE:
        if (event->type == SS_TLS_CLIENT_HELLO)
            take_client_hello(handshake, event, t);
        else if (event->type == SS_TLS_CLIENT_KEY_EXCHANGE)
            handshake->has_key_exchange = true;
        break;
    case SS_TLS_CCS:
        ss_answer_note(handshake, true, 1, begin_seq, t);
        break;
    case SS_TLS_PROTECTED:
        if (event->type == SS_TLS_APPLICATION_DATA)
            ss_answer_note(handshake, false, event->record_bytes, begin_seq, t);
        break;
    default:
        break;
    }
}

/* Before TLS 1.3 the level decides, in it the meaning alone (RFC 8446 section 6). */
static bool ends_handshake(const struct ss_handshake *handshake, const struct ss_tls_event *event)
{
    enum { WARNING = 1, FATAL = 2, CLOSE_NOTIFY = 0, USER_CANCELED = 90 };

    if (handshake->has_server_hello && !ss_handshake_is_tls12(handshake))
        return event->alert_level >= WARNING && event->alert_description != CLOSE_NOTIFY &&
               event->alert_description != USER_CANCELED;
    return event->alert_level == FATAL;
}

/* What a client begins with that is no ClientHello is no TLS, though it looked like it. Where bytes of it are
 * missing it stays in doubt. */
static bool is_no_hello(const struct ss_handshake *handshake, enum ss_side side,
                        const struct ss_tls_event *event)
{
    if (side == SS_SERVER || ss_handshake_is_marked(handshake, SS_MARK_CLIENT_HELLO) ||
        handshake->has_server_hello || handshake->has_gaps)
        return false;
    return event->kind == SS_TLS_BROKEN ||
           (event->kind == SS_TLS_MESSAGE && event->type != SS_TLS_CLIENT_HELLO);
}

/* Middleboxes' ChangeCipherSpec protects nothing between a HelloRetryRequest and its answer (RFC 8446 D.4),
 * nor does anything else before the ServerHello; the mirror may show the request late, and the ServerHello
 * early. */
static bool is_before_keys(const struct ss_handshake *handshake, enum ss_side side)
{
    bool is_hello_due = side == SS_CLIENT && handshake->hello_retry &&
                        !ss_handshake_is_marked(handshake, SS_MARK_CLIENT_HELLO_2);

    return !handshake->has_server_hello || is_hello_due;
}

bool ss_handshake_take_bytes(struct ss_handshake *handshake, enum ss_side side, struct ss_span bytes,
                             int64_t t)
{
    ss_lending_before_hello(handshake, side, bytes);
    for (;;) {
        struct ss_tls_event event;
        ss_tls_next(&handshake->tls[side], &handshake->pools->hellos, &bytes, &event);
        if (event.kind == SS_TLS_NOT_TLS)
            return ss_handshake_is_tls(handshake);
        if (is_no_hello(handshake, side, &event))
            return false;
        if (event.kind == SS_TLS_MORE || event.kind == SS_TLS_BROKEN) {
            ss_lending_after_hello(handshake, side);
            return true;
        }
        if (event.kind == SS_TLS_ALERT && ends_handshake(handshake, &event) &&
            handshake->outcome == SS_OUTCOME_COUNT) {
            ss_handshake_end(handshake, SS_OUTCOME_ALERT, t);
            handshake->alert = event.alert_description;
        }
        if (is_before_keys(handshake, side))
            ss_tls_unprotect(&handshake->tls[side]);
        if (side == SS_CLIENT)
            take_client_event(handshake, &event, t);
        else
            take_server_event(handshake, &event, t);
    }
}
