// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What client and server say before TLS begins: STARTTLS of mail, directories, chat and databases, HTTP
 * CONNECT, SOCKS.
 *
 * Nothing of it is parsed. A connection is such a talk when its first bytes, of whichever side speaks first,
 * are those of a known opener; then its ClientHello is looked for in what the client sends. Connections that
 * begin with neither TLS nor an opener are not TLS.
 */

#include "base/span.h"

#include <stdbool.h>

/* The first bytes of a connection, sent by the client or by the server. Openers that come in pieces are not
 * known. */
bool ss_talk_is_opener(struct ss_span bytes, bool from_client);

/* Where in bytes a ClientHello's record begins: its header, and as much of the message's as makes a chance
 * match impossible (RFC 8446 sections 4, 4.1.2, 5.1). False: nowhere. */
bool ss_talk_find_hello(struct ss_span bytes, size_t *ret_offset);
