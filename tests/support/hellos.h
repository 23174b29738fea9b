// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Readable builders of TLS bytes: records, handshake messages, hellos.
 *
 * Everything appends to a struct tls_bytes, which asserts when it is full. Recipes name what differs from a
 * plain hello; what is not named is left out.
 *
 *     struct tls_bytes hello = {0}, wire = {0};
 *     tls_put_client_hello(&hello, &(struct tls_client_recipe){.sni = "example.com", .versions = {0x0304,
 * 0x0303}}); tls_put_records(&wire, 22, &hello, 100);    one message in records of 100 bytes
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_bytes {
    size_t length;
    uint8_t at[96 * 1024];
};

struct tls_client_recipe {
    uint16_t legacy_version; /* 0: TLS 1.2 */
    uint8_t session_id_bytes;
    const char *sni;
    const char *alpn[8];
    uint16_t versions[8]; /* of supported_versions, ended by 0 */
    unsigned more_ciphers;
    size_t ticket_bytes;  /* of session_ticket: 0 leaves the extension out */
    size_t padding_bytes; /* of a padding extension (RFC 7685), to make it long */
    bool empty_ticket;    /* session_ticket without a ticket */
    bool early_data;
    bool pre_shared_key;
    bool encrypted_client_hello;
    bool no_extensions; /* not even the list */
};

struct tls_server_recipe {
    uint16_t legacy_version; /* 0: TLS 1.2 */
    uint8_t session_id_bytes;
    uint16_t cipher;  /* 0: TLS_AES_128_GCM_SHA256 */
    uint16_t version; /* of supported_versions, 0: none */
    uint16_t group;   /* of key_share, 0: none */
    const char *alpn;
    bool hello_retry;
    bool pre_shared_key;
    bool early_draft; /* neither session id nor compression method */
    bool no_extensions;
};

void tls_put(struct tls_bytes *out, const void *bytes, size_t length);
void tls_put_u8(struct tls_bytes *out, unsigned value);
void tls_put_u16(struct tls_bytes *out, unsigned value);
void tls_put_u24(struct tls_bytes *out, size_t value);
void tls_put_fill(struct tls_bytes *out, uint8_t byte, size_t length);

/* "16 0301 0005": pairs of hexadecimal digits, blanks where they please. */
void tls_put_hex(struct tls_bytes *out, const char *hex);

/* One record, of version 0x0303; of `length` bytes of noise. */
void tls_put_record(struct tls_bytes *out, uint8_t type, const void *body, size_t length);
void tls_put_noise_record(struct tls_bytes *out, uint8_t type, size_t length);

/* All of `content` in records of `piece` bytes each, the last one shorter. */
void tls_put_records(struct tls_bytes *out, uint8_t type, const struct tls_bytes *content, size_t piece);

/* Handshake messages with their header, without a record. */
void tls_put_message(struct tls_bytes *out, uint8_t type, size_t length);
void tls_put_client_hello(struct tls_bytes *out, const struct tls_client_recipe *recipe);
void tls_put_server_hello(struct tls_bytes *out, const struct tls_server_recipe *recipe);

/* An SSLv2-framed ClientHello with its two bytes of length. */
void tls_put_sslv2_hello(struct tls_bytes *out, uint16_t version, unsigned ciphers,
                         unsigned session_id_bytes);
