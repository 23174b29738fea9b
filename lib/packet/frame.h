// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* One frame as the mirror or a capture file delivered it, before anything is known about it. */

#include <stdint.h>

/* Link layers, by what their first bytes mean. */
enum ss_link { SS_LINK_ETHERNET, SS_LINK_RAW_IP, SS_LINK_NULL, SS_LINK_SLL, SS_LINK_SLL2, SS_LINK_OTHER };

struct ss_frame {
    const uint8_t *data;
    uint32_t captured;       /* bytes at data */
    uint32_t wire;           /* bytes the frame had on the wire; >= captured */
    int64_t time_ns;         /* arrival, UTC */
    uint32_t clock_error_ns; /* how late, at most, time_ns may be */
    uint16_t port;           /* index of the mirror port or the file's interface */
    uint8_t link;            /* enum ss_link */
};

#define SS_FRAME_TIME_MAX_NS (INT64_C(1) << 62) /* the year 2116; so that no difference of two overflows */

/* time_ns within 0 and that: what a capture file says may be any number. */
static inline int64_t ss_frame_time(int64_t time_ns)
{
    if (time_ns < 0)
        return 0;
    return time_ns < SS_FRAME_TIME_MAX_NS ? time_ns : SS_FRAME_TIME_MAX_NS;
}
