// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What a ClientHello gives to its JA4, FoxIO's fingerprint of the client (https://github.com/FoxIO-LLC/ja4,
 * technical_details/JA4.md): lists of numbers, in the hello's order and without GREASE (RFC 8701).
 *
 * Collects; sorts and hashes nothing, because it stands on the way of packets: export/ja4.h makes the text of
 * it when a record is written. A hello that cannot be read to its end, or has more numbers than fit, gives
 * nothing rather than a wrong fingerprint. An SSLv2-framed hello has none: JA4 is not defined for it.
 */

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_JA4_CODES 192 /* of all three lists; hellos of browsers and libraries have 40 to 140 */

struct ss_ja4 {
    uint16_t version; /* highest of supported_versions, else legacy_version; 0: an empty list */
    bool has_sni;
    char alpn[2]; /* first and last character of the first protocol's name, as JA4 prints them */
    uint8_t ciphers, extensions, signatures; /* how many of each, one after the other: */
    uint16_t codes[SS_JA4_CODES];
};

/* How much of it is in use. */
static inline size_t ss_ja4_bytes(const struct ss_ja4 *ja4)
{
    unsigned codes = (unsigned)ja4->ciphers + ja4->extensions + ja4->signatures;

    return offsetof(struct ss_ja4, codes) + codes * sizeof(ja4->codes[0]);
}

enum ss_ja4_result { SS_JA4_READ, SS_JA4_MALFORMED, SS_JA4_TOO_LONG };

/* body: the ClientHello without its 4-byte header. */
enum ss_ja4_result ss_ja4_read(struct ss_span body, struct ss_ja4 *ret_ja4);
