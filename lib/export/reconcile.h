// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The proxy's number beside the wire's.
 *
 * A proxy's timer starts when it accepts the connection, which it can from the client's ACK on, and ends with
 * the handshake. The wire has the same stretch: from that ACK to the handshake's last mark, and on until its
 * last message had passed for good, or to where it was given up. The two agree within 20 ms, a tenth of the
 * longer one, or the clock's error.
 */

#include "export/record.h"

struct ss_reconciled {
    int64_t wire_ns;
    int64_t difference_ns; /* the proxy's number less that; 0 where it has none */
    int64_t tolerance_ns;
};

/* record->event is there. */
struct ss_reconciled ss_reconcile(const struct ss_record *record);

/* "; the proxy reports 522 ms, which the wire explains": what the difference is, at most bytes with its zero.
 * Nothing where the proxy has no number. */
void ss_reconcile_say(const struct ss_record *record, char *ret_text, size_t bytes);
