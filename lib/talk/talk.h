// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What client and server say before TLS begins: STARTTLS of mail, directories, chat and databases, HTTP
 * CONNECT, SOCKS.
 *
 * Nothing of it is parsed: a ClientHello is looked for in what the client sends. How long is said by the
 * first bytes, of whichever side speaks first. A known opener may be followed by many words; some protocols,
 * with HTTP before all, never come to TLS and are known by theirs; of all others, which are many (RDP, IRC,
 * remote desktops, file sharing), a short talk is heard.
 */

#include "base/span.h"

#include <stdbool.h>

/* The first bytes of a connection, sent by the client or by the server. Openers that come in pieces are not
 * known. */
bool ss_talk_is_opener(struct ss_span bytes, bool from_client);

/* The first bytes of a protocol that does not come to TLS later. */
bool ss_talk_is_other(struct ss_span bytes);

/* Where in bytes a ClientHello's record begins: its header, and as much of the message's as makes a chance
 * match impossible (RFC 8446 sections 4, 4.1.2, 5.1). False: nowhere. */
bool ss_talk_find_hello(struct ss_span bytes, size_t *ret_offset);
