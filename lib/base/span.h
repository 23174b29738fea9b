// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* A span of input bytes that only ever shrinks: read, check, advance.
 *
 * What parses hostile bytes goes through these readers; where that is too slow (the common frame, options of
 * TCP) the code checks its length once and says so. A read that does not fit returns false and leaves both
 * the span and the output as they were. All integers are in network byte order. A span owns nothing: the
 * bytes must outlive it.
 *
 *     struct ss_span in = ss_span_of(bytes, length), block;
 *     uint8_t type;
 *     if (!ss_span_u8(&in, &type) || !ss_span_block16(&in, &block))
 *         return SS_REFUSED_TRUNCATED;
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ss_span {
    const uint8_t *at;  /* the next byte to read */
    const uint8_t *end; /* one past the last */
};

static inline struct ss_span ss_span_of(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    return (struct ss_span){at, at + length};
}

static inline size_t ss_span_left(const struct ss_span *span)
{
    return (size_t)(span->end - span->at);
}

/* The next n bytes as a span of their own. */
static inline bool ss_span_take(struct ss_span *span, size_t n, struct ss_span *ret_taken)
{
    if (ss_span_left(span) < n)
        return false;
    *ret_taken = (struct ss_span){span->at, span->at + n};
    span->at += n;
    return true;
}

static inline bool ss_span_skip(struct ss_span *span, size_t n)
{
    struct ss_span skipped;
    return ss_span_take(span, n, &skipped);
}

static inline bool ss_span_u8(struct ss_span *span, uint8_t *ret_value)
{
    if (ss_span_left(span) < 1)
        return false;
    *ret_value = *span->at++;
    return true;
}

static inline bool ss_span_u16(struct ss_span *span, uint16_t *ret_value)
{
    if (ss_span_left(span) < 2)
        return false;
    *ret_value = (uint16_t)(span->at[0] << 8 | span->at[1]);
    span->at += 2;
    return true;
}

static inline bool ss_span_u24(struct ss_span *span, uint32_t *ret_value)
{
    if (ss_span_left(span) < 3)
        return false;
    *ret_value = (uint32_t)span->at[0] << 16 | (uint32_t)span->at[1] << 8 | span->at[2];
    span->at += 3;
    return true;
}

static inline bool ss_span_u32(struct ss_span *span, uint32_t *ret_value)
{
    if (ss_span_left(span) < 4)
        return false;
    *ret_value =
        (uint32_t)span->at[0] << 24 | (uint32_t)span->at[1] << 16 | (uint32_t)span->at[2] << 8 | span->at[3];
    span->at += 4;
    return true;
}

/* A block behind its length of one, two or three bytes (TLS's opaque vectors). */
static inline bool ss_span_block8(struct ss_span *span, struct ss_span *ret_block)
{
    struct ss_span rest = *span;
    uint8_t length;
    if (!ss_span_u8(&rest, &length) || !ss_span_take(&rest, length, ret_block))
        return false;
    *span = rest;
    return true;
}

static inline bool ss_span_block16(struct ss_span *span, struct ss_span *ret_block)
{
    struct ss_span rest = *span;
    uint16_t length;
    if (!ss_span_u16(&rest, &length) || !ss_span_take(&rest, length, ret_block))
        return false;
    *span = rest;
    return true;
}

static inline bool ss_span_block24(struct ss_span *span, struct ss_span *ret_block)
{
    struct ss_span rest = *span;
    uint32_t length;
    if (!ss_span_u24(&rest, &length) || !ss_span_take(&rest, length, ret_block))
        return false;
    *span = rest;
    return true;
}
