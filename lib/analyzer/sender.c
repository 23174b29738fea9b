// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/sender.h"

#include "base/seq.h"

#define MS               1000000LL
#define TIMEOUT_LEAST_NS (200 * MS)
#define GAP_LEAST_NS     (150 * MS) /* a silence that may be a timeout, whatever the round trip */
#define TIMEOUTS_MAX     3          /* in a row: they are 0.8 s and more */
#define MISSING_MAX      256        /* numbers; more is another way of numbering */
#define BACK_MAX         16         /* numbers; a mirror out of order */
#define EARLY_NS         (10 * MS)  /* the round trip was measured elsewhere, and varies */
#define BUSY_NS          (25 * MS)  /* a timer's tick, and a sender that was busy */

/* The first timeout. The estimate of the round trip has a margin that is the round trip itself at first (RFC
 * 6298 section 2.2). */
static int64_t shortest(int64_t rtt_ns)
{
    return TIMEOUT_LEAST_NS + rtt_ns;
}

static int64_t longest(int64_t rtt_ns)
{
    return rtt_ns > TIMEOUT_LEAST_NS ? 3 * rtt_ns : TIMEOUT_LEAST_NS + 2 * rtt_ns;
}

bool ss_sender_is_timeout(int64_t silence_ns, int64_t rtt_ns)
{
    return silence_ns >= shortest(rtt_ns) - EARLY_NS && silence_ns <= longest(rtt_ns) + BUSY_NS;
}

bool ss_sender_may_hold_timeout(int64_t silence_ns, int64_t rtt_ns)
{
    return silence_ns > longest(rtt_ns) + BUSY_NS && silence_ns <= longest(rtt_ns) + longest(rtt_ns) / 2;
}

/* With other evidence at hand it need not be exact: from `count` timeouts after a probe, as 1, 1, 2... to as
 * many without one, as 1, 2, 4..., with a margin: round trips vary, and senders are busy. */
static bool is_roughly_timeouts(int64_t silence_ns, int64_t rtt_ns, unsigned count)
{
    int64_t least = 1 << (count - 1), most = (1 << count) - 1;

    return silence_ns >= least * shortest(rtt_ns) - shortest(rtt_ns) / 4 &&
           silence_ns <= most * longest(rtt_ns) + longest(rtt_ns) / 2;
}

/* So many packets can be lost before the one that `count` timeouts brought: all that were outstanding, and a
 * copy of the first for each timeout but the last. Of several, one more is sent soon, as a probe. */
static unsigned most_lost(const struct ss_sender_gap *gap, unsigned count)
{
    return gap->outstanding + count - 1 + (gap->outstanding > 1);
}

static bool is_roughly_lost(const struct ss_sender_gap *gap, int64_t rtt_ns)
{
    for (unsigned count = 1; count <= TIMEOUTS_MAX; count++) {
        bool is_possible =
            gap->missing == 0 || (gap->missing >= count && gap->missing <= most_lost(gap, count));
        if (is_possible && is_roughly_timeouts(gap->until_ns - gap->since_ns, rtt_ns, count))
            return true;
    }
    return false;
}

/* Many stacks send 0 in all packets, or in some. */
static bool is_number(const struct ss_sender *sender, uint16_t ip_id)
{
    return ip_id != 0 || (sender->has_id && (uint16_t)(0u - sender->ip_id) <= MISSING_MAX);
}

/* Data after a silence that may have been a timeout. */
static bool ends_silence(const struct ss_sender *sender, const struct ss_packet *packet, int64_t t)
{
    return packet->payload_bytes > 0 && t - sender->last_ns >= GAP_LEAST_NS;
}

/* Returns how many numbers are missing before it. */
static uint16_t count(struct ss_sender *sender, const struct ss_packet *packet)
{
    bool is_first = !sender->has_id;
    uint16_t missing = (uint16_t)(packet->ip_id - sender->ip_id - 1u);

    if (!is_number(sender, packet->ip_id) ||
        (!is_first && (uint16_t)(sender->ip_id - packet->ip_id) <= BACK_MAX))
        return 0;
    sender->ip_id = packet->ip_id;
    sender->has_id = true;
    if (is_first)
        return 0;
    if (missing == 0)
        sender->followed = sender->followed < UINT8_MAX ? (uint8_t)(sender->followed + 1) : UINT8_MAX;
    else if (missing > MISSING_MAX)
        sender->is_random = true;
    return missing > MISSING_MAX ? 0 : missing;
}

/* Returns whether it is another than before. */
static bool take_label(struct ss_sender *sender, uint32_t flow_label)
{
    bool is_other = sender->flow_label != 0 && flow_label != sender->flow_label;

    sender->flow_label = flow_label;
    return is_other;
}

bool ss_sender_next(struct ss_sender *sender, const struct ss_packet *packet, int64_t t, bool is_again,
                    struct ss_sender_gap *ret_gap)
{
    uint16_t missing = count(sender, packet);
    bool is_other = take_label(sender, packet->flow_label);
    bool is_gap = (missing > 0 || is_other) && ends_silence(sender, packet, t);
    bool is_syn_ack = (packet->flags & (SS_TCP_SYN | SS_TCP_ACK)) == (SS_TCP_SYN | SS_TCP_ACK);

    if (is_gap)
        *ret_gap = (struct ss_sender_gap){.since_ns = sender->last_ns, .until_ns = t, .missing = missing};
    sender->last_ns = t;
    if (packet->has_timestamps && !is_again && !is_syn_ack) /* a SYN cookie hides in that (Linux) */
        ss_sender_clock_note(&sender->clock, packet->ts_value, t);
    return is_gap;
}

void ss_sender_told(struct ss_sender *sender, uint32_t seq, uint32_t edge, int64_t t)
{
    if (sender->is_ahead || !ss_seq_before(edge, seq))
        return;
    sender->is_ahead = true;
    sender->ahead = seq;
    sender->ahead_ns = t;
}

bool ss_sender_had_sent(struct ss_sender *sender, uint32_t seq, uint32_t edge, int64_t *ret_since_ns)
{
    if (!sender->is_ahead)
        return false;
    *ret_since_ns = sender->ahead_ns;
    if (ss_seq_reached(edge, sender->ahead))
        sender->is_ahead = false;
    return ss_seq_before(seq, sender->ahead);
}

bool ss_sender_lost(const struct ss_sender *sender, const struct ss_sender_gap *gap, int64_t rtt_ns)
{
    return (gap->missing == 0 || ss_sender_counts(sender)) && is_roughly_lost(gap, rtt_ns);
}

bool ss_sender_shares_numbers(const struct ss_sender_gap *gap, int64_t rtt_ns)
{
    return gap->missing > 0 && !is_roughly_lost(gap, rtt_ns);
}

bool ss_sender_counts(const struct ss_sender *sender)
{
    return sender->followed > 0 && !sender->is_random;
}
