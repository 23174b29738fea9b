// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What client and server say before TLS begins: STARTTLS of mail, directories, chat and databases, HTTP
 * CONNECT, SOCKS.
 *
 * Nothing of it is parsed: a ClientHello is looked for in what the client sends, and a ServerHello in what
 * the server sends, since a mirror may show it first, or alone. How long is said by the first bytes of each
 * side. A known opener may be followed by many words; some protocols, with HTTP before all, never come to TLS
 * and are known by theirs; of all others, which are many (RDP, IRC, remote desktops, file sharing), a short
 * talk is heard.
 */

#include "base/span.h"

#include <stdbool.h>

/* The first bytes of the client or of the server. Openers that come in pieces are not known. */
bool ss_talk_is_opener(struct ss_span bytes, bool from_client);

/* The first bytes, of either side, of a protocol that does not come to TLS later. */
bool ss_talk_is_other(struct ss_span bytes);

#define SS_TALK_HELLO_BYTES 11 /* of a hello that tell: record header, message header, legacy_version */

enum ss_talk_found {
    SS_TALK_NOWHERE,
    SS_TALK_PERHAPS, /* the bytes end too early to tell */
    SS_TALK_FOUND,
};

/* Where in bytes a hello's record begins, of the type (enum ss_tls_handshake_type): its header, and as much
 * of the message's as makes a chance match impossible (RFC 8446 sections 4, 4.1.2, 4.1.3, 5.1). *ret_offset
 * is set unless it is nowhere. */
enum ss_talk_found ss_talk_find_hello(struct ss_span bytes, uint8_t type, size_t *ret_offset);
