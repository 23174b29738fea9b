// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* How much the mirror loses, by second: bytes of handshakes that the tap never saw though both endpoints say
 * that they were sent (the one has acknowledged them, the other goes on behind them), against those it saw.
 * One connection tells little; what the mirror lost of all of them in a second lowers the confidence in
 * whatever is concluded from that second.
 *
 * A table of the latest seconds, by their number: a newer one takes the place of an older. Several analyzers
 * add to the same table, in any order. Plain memory of the caller's; one owner.
 */

#include <stddef.h>
#include <stdint.h>

struct ss_mirror_second {
    int64_t second; /* UTC */
    uint64_t seen_bytes, missing_bytes;
};

struct ss_mirror_loss {
    struct ss_mirror_second *seconds;
    uint32_t mask;
    uint64_t seen_bytes, missing_bytes; /* since the start */
};

/* memory: zeroed, borrowed, room for count seconds; a power of two. */
void ss_mirror_loss_init(struct ss_mirror_loss *loss, struct ss_mirror_second *memory, uint32_t count);
void ss_mirror_loss_add(struct ss_mirror_loss *loss, const struct ss_mirror_second *second);

/* The worst second that the span (UTC, ns) touches, in millionths of the bytes; of a long span the latest
 * seconds. */
uint32_t ss_mirror_loss_ppm(const struct ss_mirror_loss *loss, int64_t from_ns, int64_t to_ns);
