// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/overlap.h"

#include <string.h>

#define RECORDS_MAX 64 /* looked at: a flight and its acknowledgements */

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Number of its first byte: a SYN takes one. */
static uint32_t begin_of(const struct ss_packet *packet)
{
    return packet->seq + (packet->flags & SS_TCP_SYN ? 1 : 0);
}

/* The bytes that both have, at their places. Numbers may be anywhere on the circle, so one segment's begin is
 * looked for inside the other, and nothing else is asked of them. */
static bool differ(const struct ss_packet *a, const struct ss_packet *b)
{
    uint32_t a_skips = begin_of(b) - begin_of(a), b_skips = begin_of(a) - begin_of(b);

    if (a_skips < a->payload_captured)
        b_skips = 0;
    else if (b_skips < b->payload_captured)
        a_skips = 0;
    else
        return false;
    uint32_t common = least(a->payload_captured - a_skips, b->payload_captured - b_skips);
    return memcmp(a->payload + a_skips, b->payload + b_skips, common) != 0;
}

bool ss_overlap_differs(const struct ss_history *history, uint64_t at,
                        const struct ss_packet_settings *settings, const struct ss_packet *packet)
{
    struct ss_history_record record;

    for (unsigned i = 0; i < RECORDS_MAX && ss_history_read(history, at, &record);
         i++, at = record.previous) {
        const struct ss_frame frame = {.data = record.data,
                                       .captured = record.captured,
                                       .wire = record.wire,
                                       .link = record.link,
                                       .time_ns = record.time_ns};
        struct ss_packet before;
        if (record.kind == SS_HISTORY_FRAME &&
            ss_packet_decode(&frame, settings, &before) == SS_REFUSED_NOTHING &&
            before.source_port == packet->source_port && ss_ip_equal(&before.source, &packet->source) &&
            before.payload_bytes > 0 && !(before.flags & SS_TCP_RST) && differ(&before, packet))
            return true;
    }
    return false;
}
