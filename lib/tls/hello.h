// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What a ClientHello or ServerHello says (RFC 8446 sections 4.1.2, 4.1.3, 4.2; RFC 5246 section 7.4.1), and
 * which group a ServerKeyExchange names.
 *
 * Decodes; judges nothing. GREASE values (RFC 8701) are passed over. Text that is not printable ASCII is
 * replaced byte by byte with '?'. A server name longer than its field is cut, a protocol name that finds no
 * room is left out.
 */

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SS_SNI_MAX  256
#define SS_ALPN_MAX 96 /* protocol names, each ended by a zero, then an empty one */

struct ss_client_hello {
    uint16_t version; /* highest offered: supported_versions, else legacy_version */
    uint8_t session_id_bytes;
    bool early_data;
    bool pre_shared_key;
    bool session_ticket; /* a non-empty session_ticket extension (RFC 5077) */
    bool encrypted_client_hello;
    char sni[SS_SNI_MAX]; /* "" where there is none */
    char alpn[SS_ALPN_MAX];
    uint8_t session_id[32];
};

struct ss_server_hello {
    uint16_t version; /* selected: supported_versions, else legacy_version */
    uint16_t cipher;
    uint16_t group;   /* key_share's group, 0 where there is none */
    bool hello_retry; /* the random of RFC 8446 section 4.1.3 */
    bool pre_shared_key;
    uint8_t session_id_bytes;
    uint8_t session_id[32];
    char alpn[SS_ALPN_MAX]; /* only in TLS 1.2 in the clear */
};

/* body: the message without its 4-byte header. False where it is malformed; what was decoded until then stays
 * in *ret_hello, which is zeroed first. */
bool ss_client_hello_decode(struct ss_span body, struct ss_client_hello *ret_hello);
bool ss_server_hello_decode(struct ss_span body, struct ss_server_hello *ret_hello);

/* The named_curve of TLS 1.2 and before (RFC 8422 section 5.4). False: the key exchange is of another kind,
 * or malformed. */
bool ss_server_key_exchange_decode(struct ss_span body, uint16_t *ret_group);

/* How much of its field a name takes, and a list of names: to what ends it. */
static inline size_t ss_sni_bytes(const char *sni)
{
    return strlen(sni) + 1;
}
static inline size_t ss_alpn_bytes(const char *alpn)
{
    const char *name = alpn;

    while (*name != '\0')
        name += strlen(name) + 1;
    return (size_t)(name - alpn) + 1;
}

/* An SSLv2-framed ClientHello, body from its message type byte on. */
bool ss_client_hello_decode_v2(struct ss_span body, struct ss_client_hello *ret_hello);
