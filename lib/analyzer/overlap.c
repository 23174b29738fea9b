// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/overlap.h"

#include "base/seq.h"

#include <string.h>

#define RECORDS_MAX 64 /* looked at: a flight and its acknowledgements */

/* The bytes that both have, at their places. */
static bool differ(const struct ss_packet *a, const struct ss_packet *b)
{
    uint32_t a_end = a->seq + a->payload_captured, b_end = b->seq + b->payload_captured;
    uint32_t from = ss_seq_before(a->seq, b->seq) ? b->seq : a->seq;
    uint32_t to = ss_seq_before(a_end, b_end) ? a_end : b_end;

    return ss_seq_before(from, to) &&
           memcmp(a->payload + (from - a->seq), b->payload + (from - b->seq), to - from) != 0;
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
