// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The bytes of one direction of a connection to TLS events.
 *
 * Feed it the bytes in order, in pieces of any size; take events until it wants more. It knows records and
 * handshake messages (TLS 1.0 to 1.3, and SSLv2-framed ClientHellos), no TCP and no time: an event says at
 * which offset of the direction it began and ended, and the caller knows when that byte came. What is not TLS
 * is refused on the first byte that cannot be, before anything is buffered.
 *
 * A handshake message that is whole inside the fed bytes is pointed into; else it is collected in a block of
 * a shared pool (SS_TLS_BLOCK_BYTES). A message larger than that, or one that finds no block, still gives its
 * event, with message.at == NULL. Bodies of Certificate and other long messages are never collected: only
 * hellos and ServerKeyExchanges are.
 *
 * Once ChangeCipherSpec has passed in this direction, or a record of type application_data came (TLS 1.3),
 * handshake records are opaque and give SS_TLS_PROTECTED events.
 *
 * Sources: RFC 8446 sections 4, 5, 6, D.4 and E; RFC 5246 sections 6.2, 7; RFC 6101 appendix E.
 */

#include "base/pool.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define SS_TLS_BLOCK_BYTES (16u * 1024) /* of a pool block: the longest hello that is looked into */

enum ss_tls_event_kind {
    SS_TLS_MORE,      /* the input is used up; feed the next bytes */
    SS_TLS_BEGIN,     /* the first record's header was sound: this is TLS. begin: its first byte */
    SS_TLS_MESSAGE,   /* a plaintext handshake message has passed */
    SS_TLS_CCS,       /* a ChangeCipherSpec record has passed */
    SS_TLS_ALERT,     /* a plaintext alert has passed */
    SS_TLS_PROTECTED, /* an encrypted record has passed: of any type; record_bytes is its length field */
    /* Reported once, then all input is passed over with SS_TLS_MORE. begin: of the record; end: just past the
     * byte that cannot be. */
    SS_TLS_NOT_TLS, /* these bytes are not TLS: only at the start of the direction */
    SS_TLS_BROKEN,  /* what follows is no record, or bytes are missing */
};

/* HandshakeType of RFC 8446 section 4 and RFC 5246 section 7.4. */
enum ss_tls_handshake_type {
    SS_TLS_HELLO_REQUEST = 0,
    SS_TLS_CLIENT_HELLO = 1,
    SS_TLS_SERVER_HELLO = 2,
    SS_TLS_NEW_SESSION_TICKET = 4,
    SS_TLS_CERTIFICATE = 11,
    SS_TLS_SERVER_KEY_EXCHANGE = 12,
    SS_TLS_CERTIFICATE_REQUEST = 13,
    SS_TLS_SERVER_HELLO_DONE = 14,
    SS_TLS_CERTIFICATE_VERIFY = 15,
    SS_TLS_CLIENT_KEY_EXCHANGE = 16,
    SS_TLS_FINISHED = 20,
    SS_TLS_CERTIFICATE_STATUS = 22,
};

enum ss_tls_content_type {
    SS_TLS_CHANGE_CIPHER_SPEC = 20,
    SS_TLS_ALERT_RECORD = 21,
    SS_TLS_HANDSHAKE = 22,
    SS_TLS_APPLICATION_DATA = 23,
};

struct ss_tls_event {
    enum ss_tls_event_kind kind;
    uint32_t begin;        /* offset of its first byte: of the message, or of the record's header */
    uint32_t end;          /* offset just past its last byte */
    uint8_t type;          /* MESSAGE: enum ss_tls_handshake_type; PROTECTED: content type */
    bool sslv2;            /* MESSAGE: an SSLv2-framed ClientHello (RFC 5246 appendix E.2) */
    uint16_t record_bytes; /* PROTECTED: length field of the record */
    uint8_t alert_level, alert_description; /* ALERT */
    /* MESSAGE of a hello or ServerKeyExchange: its body without the 4-byte header, valid until the next call;
     * at == NULL where it was not kept. */
    struct ss_span message;
};

/* One direction. Opaque but for its size: the caller embeds it. Offsets wrap, as TCP's numbers do. What an
 * opaque record's body touches comes first. */
struct ss_tls_direction {
    uint32_t offset;       /* of the next byte */
    uint32_t record_left;  /* bytes of the record's body still to come */
    uint32_t missing;      /* of them, those that nobody saw and that come next */
    uint8_t state;         /* see tls.c */
    bool has_begun;        /* SS_TLS_BEGIN was given */
    bool is_protected;     /* handshake records are opaque from here on */
    bool is_lost;          /* bytes of a message header are missing: where messages begin is unknown */
    bool is_sslv2;         /* the message under way is an SSLv2-framed hello */
    uint8_t empty_records; /* handshake records without a body in a row */
    uint8_t header_seen;   /* of the record header */
    union {
        struct {
            uint8_t header[5]; /* of the record */
            uint8_t message_header[4];
            uint8_t alert[2]; /* an alert's two bytes */
        };
        uint8_t sslv2_header[11]; /* the fixed part of an SSLv2 hello, with which a direction may begin */
    };
    uint8_t alert_seen;     /* of an alert's two bytes */
    uint32_t block;         /* pool block that collects a hello, or SS_POOL_NONE */
    uint32_t message_bytes; /* body length of the message under way */
    uint32_t message_seen;  /* of its header and body; 0: none is under way */
    uint32_t record_begin;  /* of the record under way */
    uint32_t message_begin; /* of the message under way */
};

void ss_tls_init(struct ss_tls_direction *direction);

/* Bytes begin like an SSLv2-framed ClientHello, by all of its fixed part. */
bool ss_tls_is_sslv2_hello(struct ss_span bytes);

/* Reads on in *input, which shrinks by what was consumed. Gives one event; call again until SS_TLS_MORE (or
 * NOT_TLS, BROKEN). */
void ss_tls_next(struct ss_tls_direction *direction, struct ss_pool *pool, struct ss_span *input,
                 struct ss_tls_event *ret_event);

/* Whether a block may be wanted for these bytes, which are next: a hello does not end in them. */
bool ss_tls_may_collect(const struct ss_tls_direction *direction, struct ss_span bytes);

/* count bytes of the direction passed that nobody saw; call it when ss_tls_next wanted more. Inside a
 * record's body the framing goes on: a message that lost bytes of its body is reported with message.at ==
 * NULL, an alert with level 0, and where a message header is lost no further messages are reported, only
 * records. Elsewhere the direction is broken: false, and SS_TLS_BROKEN is the next event. */
bool ss_tls_skip(struct ss_tls_direction *direction, uint32_t count);

/* After a HelloRetryRequest neither a middlebox ChangeCipherSpec (RFC 8446 section D.4) nor rejected early
 * data protects the hello that follows: the caller, who knows, says so. Holds until the next such record, so
 * say it after each until that hello has come. */
void ss_tls_unprotect(struct ss_tls_direction *direction);

/* The hello under way is not looked into: what collects it is given back. */
void ss_tls_forget(struct ss_tls_direction *direction, struct ss_pool *pool);

/* Gives a block back. */
void ss_tls_release(struct ss_tls_direction *direction, struct ss_pool *pool);
