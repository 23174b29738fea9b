// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What a ClientHello gave to its JA4, to the text: FoxIO's technical_details/JA4.md, of TLS over TCP. The
 * only place that includes libcrypto: SHA-256. */

#include "tls/ja4.h"

#define SS_JA4_TEXT_MAX 37 /* t13d1516h2_8daaf6152771_e5627efa2ab1 */

/* False: libcrypto would not hash. */
bool ss_ja4_print(const struct ss_ja4 *ja4, char ret_text[SS_JA4_TEXT_MAX]);
