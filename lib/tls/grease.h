// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* GREASE: numbers that clients offer so that servers stay used to unknown ones. They mean nothing. */

#include <stdbool.h>
#include <stdint.h>

/* RFC 8701: 0x0a0a, 0x1a1a, ... 0xfafa. */
static inline bool ss_is_grease(uint16_t value)
{
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}
