// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/unseen.h"

#define TIMEOUT_LEAST_NS 200000000LL
#define LOST_MAX         3 /* in a row: three timeouts are 1.4 s and more */

/* Timeouts are not exact: timers tick, and the sender's own estimate of the round trip has a margin. */
static bool is_as_long_as(int64_t gap_ns, int64_t timeouts_ns)
{
    return gap_ns >= timeouts_ns - timeouts_ns / 8 && gap_ns <= timeouts_ns + timeouts_ns / 2;
}

unsigned ss_sender_next(struct ss_sender *sender, const struct ss_packet *packet, int64_t t, int64_t rtt_ns,
                        int64_t *ret_since_ns)
{
    struct ss_sender before = *sender;
    unsigned missing = (uint16_t)(packet->ip_id - before.ip_id - 1u);

    sender->last_ns = t;
    sender->ip_id = packet->ip_id;
    if (before.ip_id == 0 || packet->ip_id == 0) {
        sender->in_a_row = 0;
        return 0;
    }
    if (missing == 0) {
        sender->in_a_row = before.in_a_row < UINT8_MAX ? (uint8_t)(before.in_a_row + 1) : UINT8_MAX;
        return 0;
    }
    sender->in_a_row = 0;
    if (before.in_a_row == 0 || missing > LOST_MAX || packet->payload_bytes == 0 ||
        !is_as_long_as(t - before.last_ns, (TIMEOUT_LEAST_NS + rtt_ns) * ((1 << missing) - 1)))
        return 0;
    *ret_since_ns = before.last_ns;
    return missing;
}
