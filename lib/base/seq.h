// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Sequence number arithmetic modulo 2^32 (RFC 9293 section 3.4, RFC 1982). */

#include <stdbool.h>
#include <stdint.h>

/* How far b is ahead of a, in [-2^31, 2^31). */
static inline int32_t ss_seq_ahead(uint32_t a, uint32_t b)
{
    return (int32_t)(b - a);
}

static inline bool ss_seq_before(uint32_t a, uint32_t b)
{
    return ss_seq_ahead(a, b) > 0;
}

static inline bool ss_seq_reached(uint32_t value, uint32_t goal)
{
    return ss_seq_ahead(goal, value) >= 0;
}
