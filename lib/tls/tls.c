// SPDX-License-Identifier: BSD-3-Clause
#include "tls/tls.h"

#include <assert.h>
#include <string.h>

/* Every handshake under way holds two of these. */
static_assert(sizeof(struct ss_tls_direction) <= 52, "a direction grew (bench: handshakes)");

/* What is expected next. The states from IN_MESSAGES to IN_LOST are inside a record's body. */
enum state {
    AT_HEADER,     /* a record header, or the fixed part of an SSLv2 hello */
    AT_FIRST_BYTE, /* of the first record's body, which decides whether this is TLS */
    IN_MESSAGES,   /* plaintext handshake messages */
    IN_OPAQUE,     /* a record that is only counted */
    IN_CCS,
    IN_ALERTS,
    IN_LOST,   /* plaintext handshake messages of which it is unknown where they begin */
    AT_BROKEN, /* to be reported */
    AT_END,    /* was reported */
};

enum {
    RECORD_HEADER_BYTES = 5,
    MESSAGE_HEADER_BYTES = 4,
    /* TLSCiphertext.length: RFC 5246 section 6.2.3; RFC 8446 section 5.2 allows less. */
    RECORD_BYTES_MAX = (1 << 14) + 2048,
    ALERT_BYTES = 2,
    /* An encrypted alert is longer, by a tag of 16 bytes or a MAC; by one of 8 and a nonce (RFC 6655). */
    PLAIN_ALERTS_MAX = 2 + 15,
    /* With as many a direction may begin: nobody sends more than two at once. */
    FIRST_ALERTS_MAX = 2 * ALERT_BYTES,
    /* Nobody has a reason to send handshake records without content, RFC 8446 section 5.1 forbids them;
     * OpenSSL gives up after as many. */
    EMPTY_RECORDS_MAX = 32,
    /* HeartbeatMessage, RFC 6520: an opaque record as good as any. */
    HEARTBEAT = 24,
    /* The SSLv2 hello's fixed part: a length of two bytes with the high bit set, then what its length counts:
     * msg_type, version, and the lengths of cipher_specs, session_id and challenge (RFC 5246 appendix E.2).
     */
    SSLV2_LENGTH_BYTES = 2,
    SSLV2_FIXED_BYTES = 9,
    SSLV2_HEADER_BYTES = SSLV2_LENGTH_BYTES + SSLV2_FIXED_BYTES,
};

static uint16_t u16_at(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint16_t record_bytes(const struct ss_tls_direction *direction)
{
    return u16_at(direction->header + 3);
}

static void give_block(struct ss_tls_direction *direction, struct ss_pool *pool)
{
    if (direction->block != SS_POOL_NONE)
        ss_pool_give(pool, direction->block);
    direction->block = SS_POOL_NONE;
}

static void drop_message(struct ss_tls_direction *direction, struct ss_pool *pool)
{
    give_block(direction, pool);
    direction->message_seen = 0;
}

/* How many bytes of the record's body can be taken at once: first those that nobody saw, then those at hand.
 */
static uint32_t available(const struct ss_tls_direction *direction, const struct ss_span *input)
{
    size_t left = direction->missing > 0 ? direction->missing : ss_span_left(input);
    return left < direction->record_left ? (uint32_t)left : direction->record_left;
}

static void consume(struct ss_tls_direction *direction, struct ss_span *input, uint32_t bytes)
{
    direction->offset += bytes;
    direction->record_left -= bytes;
    if (direction->missing > 0)
        direction->missing -= bytes;
    else
        input->at += bytes;
}

static void expect_header(struct ss_tls_direction *direction)
{
    direction->state = AT_HEADER;
    direction->header_seen = 0;
}

static void fill(const struct ss_tls_direction *direction, enum ss_tls_event_kind kind,
                 struct ss_tls_event *ret_event)
{
    ret_event->kind = kind;
    ret_event->begin = direction->record_begin;
    ret_event->end = direction->offset;
}

/* Nothing more will come: later input is passed over. */
static void give_up(struct ss_tls_direction *direction, struct ss_pool *pool, enum ss_tls_event_kind kind,
                    struct ss_tls_event *ret_event)
{
    fill(direction, kind, ret_event);
    drop_message(direction, pool);
    direction->state = AT_END;
}

static void refuse(struct ss_tls_direction *direction, struct ss_pool *pool, struct ss_tls_event *ret_event)
{
    give_up(direction, pool, direction->has_begun ? SS_TLS_BROKEN : SS_TLS_NOT_TLS, ret_event);
}

static bool length_may_be(const struct ss_tls_direction *direction)
{
    uint16_t length = record_bytes(direction);
    if (length > RECORD_BYTES_MAX)
        return false;
    switch (direction->header[0]) {
    case SS_TLS_CHANGE_CIPHER_SPEC:
        return length == 1 || direction->is_protected; /* of a renegotiation it is encrypted too */
    case SS_TLS_ALERT_RECORD:
        return direction->has_begun || (length > 0 && length <= FIRST_ALERTS_MAX);
    case SS_TLS_HANDSHAKE:
        return length > 0 || (direction->has_begun && direction->empty_records < EMPTY_RECORDS_MAX);
    default:
        return true;
    }
}

/* Whether the last byte collected of a record header can stand there (RFC 8446 section 5.1). */
static bool record_header_may_be(const struct ss_tls_direction *direction)
{
    const uint8_t *header = direction->header;
    switch (direction->header_seen) {
    case 1:
        if (!direction->has_begun)
            return header[0] == SS_TLS_HANDSHAKE || header[0] == SS_TLS_ALERT_RECORD;
        return header[0] >= SS_TLS_CHANGE_CIPHER_SPEC && header[0] <= HEARTBEAT;
    case 2:
        return header[1] == 3;
    case 3:
        return header[2] <= 4;
    case 4:
        return header[3] <= RECORD_BYTES_MAX >> 8;
    default:
        return length_may_be(direction);
    }
}

static uint16_t sslv2_bytes(const struct ss_tls_direction *direction)
{
    return u16_at(direction->sslv2_header) & 0x7fff;
}

/* The same for an SSLv2-framed ClientHello: RFC 5246 appendix E.2, and the version of SSLv2 itself. */
static bool sslv2_header_may_be(const struct ss_tls_direction *direction)
{
    const uint8_t *header = direction->sslv2_header;
    uint16_t length = sslv2_bytes(direction);
    switch (direction->header_seen) {
    case 2:
        return length >= SSLV2_FIXED_BYTES + 3 + 16 && length <= SS_TLS_BLOCK_BYTES;
    case 3:
        return header[2] == SS_TLS_CLIENT_HELLO;
    case 4:
        return header[3] == 0 || header[3] == 3;
    case 5:
        return header[3] == 0 ? header[4] == 2 : header[4] <= 4;
    case 7:
        return u16_at(header + 5) > 0 && u16_at(header + 5) % 3 == 0;
    case 9:
        return u16_at(header + 7) <= 32;
    case 11:
        return u16_at(header + 9) >= 16 && u16_at(header + 9) <= 32 &&
               length == SSLV2_FIXED_BYTES + u16_at(header + 5) + u16_at(header + 7) + u16_at(header + 9);
    default:
        return true;
    }
}

bool ss_tls_is_sslv2_hello(struct ss_span bytes)
{
    struct ss_tls_direction direction = {.header_seen = 0};

    if (ss_span_left(&bytes) < SSLV2_HEADER_BYTES || (*bytes.at & 0x80) == 0)
        return false;
    while (direction.header_seen < SSLV2_HEADER_BYTES) {
        direction.sslv2_header[direction.header_seen++] = *bytes.at++;
        if (!sslv2_header_may_be(&direction))
            return false;
    }
    return true;
}

static void take_block(struct ss_tls_direction *direction, struct ss_pool *pool)
{
    assert(pool->block_bytes >= SS_TLS_BLOCK_BYTES);
    direction->block = ss_pool_take(pool);
}

/* An SSLv2 hello is rare: it is always collected, its fixed part was already. */
static void begin_sslv2(struct ss_tls_direction *direction, struct ss_pool *pool,
                        struct ss_tls_event *ret_event)
{
    fill(direction, SS_TLS_BEGIN, ret_event);
    direction->has_begun = true;
    direction->is_sslv2 = true;
    direction->state = IN_MESSAGES;
    direction->record_left = sslv2_bytes(direction) - (uint32_t)SSLV2_FIXED_BYTES;
    direction->message_begin = direction->record_begin;
    direction->message_bytes = sslv2_bytes(direction);
    direction->message_seen = MESSAGE_HEADER_BYTES + SSLV2_FIXED_BYTES;
    take_block(direction, pool);
    if (direction->block != SS_POOL_NONE)
        memcpy(ss_pool_at(pool, direction->block), direction->sslv2_header + SSLV2_LENGTH_BYTES,
               SSLV2_FIXED_BYTES);
    direction->message_header[0] = SS_TLS_CLIENT_HELLO;
}

static enum state state_of_handshake(const struct ss_tls_direction *direction)
{
    if (direction->is_protected)
        return IN_OPAQUE;
    return direction->is_lost ? IN_LOST : IN_MESSAGES;
}

/* Before TLS 1.3 a record may hold several alerts, or part of one (RFC 5246 section 6.2.1). */
static bool are_plain_alerts(const struct ss_tls_direction *direction)
{
    uint16_t length = record_bytes(direction);

    return length == ALERT_BYTES || (!direction->is_protected && length > 0 && length <= PLAIN_ALERTS_MAX);
}

static void enter_body(struct ss_tls_direction *direction, struct ss_pool *pool)
{
    uint8_t type = direction->header[0];
    uint16_t length = record_bytes(direction);
    bool is_empty = type == SS_TLS_HANDSHAKE && length == 0;
    direction->empty_records = is_empty ? (uint8_t)(direction->empty_records + 1) : 0;
    direction->record_left = length;
    direction->state = IN_OPAQUE;
    if (type == SS_TLS_CHANGE_CIPHER_SPEC && length == 1)
        direction->state = IN_CCS;
    else if (type == SS_TLS_ALERT_RECORD && are_plain_alerts(direction))
        direction->state = IN_ALERTS;
    else if (type == SS_TLS_HANDSHAKE)
        direction->state = (uint8_t)state_of_handshake(direction);
    else if (type == SS_TLS_APPLICATION_DATA)
        direction->is_protected = true;

    /* No message goes on beyond a change of keys (RFC 8446 section 5.1); one goes on over a ChangeCipherSpec
     * that turned out to change nothing. */
    if (direction->is_protected && direction->state == IN_OPAQUE)
        drop_message(direction, pool);
}

/* Each read_...: one step on. True where *ret_event is to be handed out, be it SS_TLS_MORE; false to step
 * again. */

/* A record header that is whole at hand and sound, as nearly all are; the first one, too, where it is of a
 * handshake. False: byte by byte, until it is known what is wrong where. */
static bool take_whole_header(struct ss_tls_direction *direction, struct ss_span *input)
{
    const uint8_t *at = input->at;

    if (direction->header_seen > 0 || ss_span_left(input) < RECORD_HEADER_BYTES ||
        at[0] < SS_TLS_CHANGE_CIPHER_SPEC || at[0] > HEARTBEAT || at[1] != 3 || at[2] > 4 ||
        (!direction->has_begun && at[0] != SS_TLS_HANDSHAKE))
        return false;
    memcpy(direction->header, at, RECORD_HEADER_BYTES);
    if (!length_may_be(direction))
        return false;
    direction->record_begin = direction->offset;
    direction->offset += RECORD_HEADER_BYTES;
    input->at += RECORD_HEADER_BYTES;
    return true;
}

static bool read_header(struct ss_tls_direction *direction, struct ss_pool *pool, struct ss_span *input,
                        struct ss_tls_event *ret_event)
{
    uint8_t byte;

    if (take_whole_header(direction, input)) {
        if (direction->has_begun)
            enter_body(direction, pool);
        else
            direction->state = AT_FIRST_BYTE;
        return false;
    }
    if (!ss_span_u8(input, &byte))
        return true;
    if (direction->header_seen == 0)
        direction->record_begin = direction->offset;
    direction->sslv2_header[direction->header_seen++] = byte;
    direction->offset++;

    bool is_sslv2 = !direction->has_begun && (direction->header[0] & 0x80) != 0;
    if (is_sslv2 ? !sslv2_header_may_be(direction) : !record_header_may_be(direction)) {
        refuse(direction, pool, ret_event);
        return true;
    }
    if (direction->header_seen < (is_sslv2 ? SSLV2_HEADER_BYTES : RECORD_HEADER_BYTES))
        return false;
    if (is_sslv2)
        begin_sslv2(direction, pool, ret_event);
    else if (direction->has_begun)
        enter_body(direction, pool);
    else
        direction->state = AT_FIRST_BYTE;
    return is_sslv2;
}

/* Looks at the byte and leaves it: it belongs to the body. */
static bool read_first_byte(struct ss_tls_direction *direction, struct ss_pool *pool, struct ss_span *input,
                            struct ss_tls_event *ret_event)
{
    if (ss_span_left(input) == 0)
        return true;
    uint8_t byte = *input->at;
    bool is_alert = direction->header[0] == SS_TLS_ALERT_RECORD;
    bool may_be = is_alert ? byte == 1 || byte == 2 /* AlertLevel */ : byte <= SS_TLS_SERVER_HELLO;
    if (!may_be) {
        direction->offset++;
        refuse(direction, pool, ret_event);
        return true;
    }
    fill(direction, SS_TLS_BEGIN, ret_event);
    ret_event->end++;
    direction->has_begun = true;
    enter_body(direction, pool);
    return true;
}

static void finish_message(struct ss_tls_direction *direction, struct ss_span message,
                           struct ss_tls_event *ret_event)
{
    ret_event->kind = SS_TLS_MESSAGE;
    ret_event->begin = direction->message_begin;
    ret_event->end = direction->offset;
    ret_event->type = direction->message_header[0];
    ret_event->sslv2 = direction->is_sslv2;
    ret_event->message = message;
    direction->is_sslv2 = false;
    direction->message_seen = 0;
}

static bool read_message_header(struct ss_tls_direction *direction, struct ss_span *input,
                                struct ss_tls_event *ret_event)
{
    if (direction->missing > 0) {
        direction->is_lost = true;
        direction->message_seen = 0;
        direction->state = IN_LOST;
        return false;
    }
    if (direction->message_seen == 0)
        direction->message_begin = direction->offset;
    uint32_t wanted = MESSAGE_HEADER_BYTES - direction->message_seen, bytes = available(direction, input);
    bytes = bytes < wanted ? bytes : wanted;
    if (bytes == MESSAGE_HEADER_BYTES)
        memcpy(direction->message_header, input->at, MESSAGE_HEADER_BYTES);
    else
        memcpy(direction->message_header + direction->message_seen, input->at, bytes);
    direction->message_seen += bytes;
    consume(direction, input, bytes);
    if (bytes < wanted)
        return false;

    const uint8_t *header = direction->message_header;
    direction->message_bytes = (uint32_t)header[1] << 16 | u16_at(header + 2);
    if (direction->message_bytes > 0)
        return false;
    finish_message(direction, (struct ss_span){NULL, NULL}, ret_event);
    return true;
}

/* Whether the body is worth keeping. The limit holds also for a message that is whole at hand, so that what
 * is kept does not depend on how the bytes were cut. */
static bool is_wanted(const struct ss_tls_direction *direction)
{
    uint8_t type = direction->message_header[0];
    return (type == SS_TLS_CLIENT_HELLO || type == SS_TLS_SERVER_HELLO ||
            type == SS_TLS_SERVER_KEY_EXCHANGE) &&
           direction->message_bytes <= SS_TLS_BLOCK_BYTES;
}

static bool read_message_body(struct ss_tls_direction *direction, struct ss_pool *pool, struct ss_span *input,
                              struct ss_tls_event *ret_event)
{
    uint32_t body_seen = direction->message_seen - MESSAGE_HEADER_BYTES;
    uint32_t body_left = direction->message_bytes - body_seen;
    uint32_t bytes = available(direction, input);
    if (bytes > body_left)
        bytes = body_left;

    struct ss_span message = {NULL, NULL};
    if (direction->missing > 0)
        give_block(direction, pool);
    else if (body_seen == 0 && is_wanted(direction) && bytes == body_left)
        message = ss_span_of(input->at, bytes);
    else if (body_seen == 0 && is_wanted(direction))
        take_block(direction, pool);
    if (direction->block != SS_POOL_NONE)
        memcpy((uint8_t *)ss_pool_at(pool, direction->block) + body_seen, input->at, bytes);

    consume(direction, input, bytes);
    direction->message_seen += bytes;
    if (bytes < body_left)
        return false;
    if (direction->block != SS_POOL_NONE)
        message = ss_span_of(ss_pool_at(pool, direction->block), direction->message_bytes);
    finish_message(direction, message, ret_event);
    return true;
}

static bool read_messages(struct ss_tls_direction *direction, struct ss_pool *pool, struct ss_span *input,
                          struct ss_tls_event *ret_event)
{
    if (direction->record_left == 0) {
        expect_header(direction);
        return false;
    }
    if (available(direction, input) == 0)
        return true;
    if (direction->message_seen < MESSAGE_HEADER_BYTES)
        return read_message_header(direction, input, ret_event);
    return read_message_body(direction, pool, input, ret_event);
}

/* The event of a record that has passed; false where it has none. */
static bool finish_record(struct ss_tls_direction *direction, struct ss_tls_event *ret_event)
{
    uint8_t state = direction->state;
    expect_header(direction);
    if (state == IN_LOST)
        return false;
    if (state == IN_CCS) {
        fill(direction, SS_TLS_CCS, ret_event);
        direction->is_protected = true;
    } else {
        fill(direction, SS_TLS_PROTECTED, ret_event);
        ret_event->type = direction->header[0];
        ret_event->record_bytes = record_bytes(direction);
    }
    return true;
}

static bool read_record(struct ss_tls_direction *direction, struct ss_span *input,
                        struct ss_tls_event *ret_event)
{
    uint32_t bytes = available(direction, input);
    if (bytes == 0 && direction->record_left > 0)
        return true;
    consume(direction, input, bytes);
    return direction->record_left == 0 && finish_record(direction, ret_event);
}

static bool read_alerts(struct ss_tls_direction *direction, struct ss_span *input,
                        struct ss_tls_event *ret_event)
{
    if (direction->record_left == 0) {
        expect_header(direction);
        return false;
    }
    if (available(direction, input) == 0)
        return true;
    direction->alert[direction->alert_seen] = direction->missing > 0 ? 0 : *input->at;
    consume(direction, input, 1);
    direction->alert_seen ^= 1;
    if (direction->alert_seen > 0)
        return false;
    fill(direction, SS_TLS_ALERT, ret_event);
    ret_event->alert_level = direction->alert[0];
    ret_event->alert_description = direction->alert[1];
    return true;
}

static bool step(struct ss_tls_direction *direction, struct ss_pool *pool, struct ss_span *input,
                 struct ss_tls_event *ret_event)
{
    switch ((enum state)direction->state) {
    case AT_HEADER:
        return read_header(direction, pool, input, ret_event);
    case AT_FIRST_BYTE:
        return read_first_byte(direction, pool, input, ret_event);
    case IN_MESSAGES:
        return read_messages(direction, pool, input, ret_event);
    case IN_ALERTS:
        return read_alerts(direction, input, ret_event);
    case IN_OPAQUE:
    case IN_CCS:
    case IN_LOST:
        return read_record(direction, input, ret_event);
    case AT_BROKEN:
        give_up(direction, pool, SS_TLS_BROKEN, ret_event);
        return true;
    case AT_END:
        break;
    }
    input->at = input->end;
    return true;
}

void ss_tls_init(struct ss_tls_direction *direction)
{
    *direction = (struct ss_tls_direction){.state = AT_HEADER, .block = SS_POOL_NONE};
}

void ss_tls_next(struct ss_tls_direction *direction, struct ss_pool *pool, struct ss_span *input,
                 struct ss_tls_event *ret_event)
{
    *ret_event = (struct ss_tls_event){.kind = SS_TLS_MORE};

    /* Most bytes of a connection are inside encrypted records: they are counted, and that is all. */
    size_t left = ss_span_left(input);
    if (direction->state == IN_OPAQUE && direction->missing == 0 && left < direction->record_left) {
        direction->record_left -= (uint32_t)left;
        direction->offset += (uint32_t)left;
        input->at = input->end;
        return;
    }
    if (direction->message_seen == 0)
        give_block(direction, pool); /* of the message that the last call handed out */
    while (!step(direction, pool, input, ret_event))
        continue;
}

/* Of whole records nothing need be kept. */
bool ss_tls_may_collect(const struct ss_tls_direction *direction, struct ss_span bytes)
{
    const uint8_t *record;
    uint16_t length;

    if (direction->block != SS_POOL_NONE || direction->is_protected || direction->state > IN_MESSAGES)
        return false;
    if (direction->state == IN_MESSAGES)
        return direction->message_seen <= MESSAGE_HEADER_BYTES;
    if (direction->state != AT_HEADER || direction->header_seen > 0)
        return true;
    for (record = bytes.at; ss_span_skip(&bytes, 3) && ss_span_u16(&bytes, &length); record = bytes.at) {
        if (!ss_span_skip(&bytes, length))
            return record[0] == SS_TLS_HANDSHAKE &&
                   (ss_span_left(&bytes) == 0 || *bytes.at <= SS_TLS_SERVER_HELLO);
    }
    return record < bytes.end;
}

bool ss_tls_skip(struct ss_tls_direction *direction, uint32_t count)
{
    bool is_in_body = direction->state >= IN_MESSAGES && direction->state <= IN_LOST;
    if (is_in_body && count <= direction->record_left - direction->missing) {
        direction->missing += count;
        return true;
    }
    if (direction->state != AT_END)
        direction->state = AT_BROKEN;
    return false;
}

void ss_tls_unprotect(struct ss_tls_direction *direction)
{
    direction->is_protected = false;
}

void ss_tls_forget(struct ss_tls_direction *direction, struct ss_pool *pool)
{
    give_block(direction, pool);
}

void ss_tls_release(struct ss_tls_direction *direction, struct ss_pool *pool)
{
    drop_message(direction, pool);
}
