// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* One TCP direction of a handshake in progress: its bytes in order, and when the tap had seen them.
 *
 * What it does: takes segments as they come (out of order, overlapping, repeated, wrapping around 2^32),
 * gives each byte once and in order, and says of every segment what it was. It remembers when the contiguous
 * edge passed each point (progress) and when the peer acknowledged each point (acks), for as long as its few
 * entries last, so that "when had the tap seen all up to x" can be asked later. Most streams have few; who
 * wants more remembered lends more room (ss_stream_extend).
 *
 * What it is not: it knows no TLS, keeps no bytes that were delivered, judges nothing. Of overlapping copies
 * the first one seen wins.
 *
 * Bytes that came too early are kept in blocks of a shared pool of SS_STREAM_BLOCK_BYTES; a segment that
 * finds no block, or lies beyond SS_STREAM_WINDOW, is refused (SS_SEGMENT_REFUSED) and its bytes become a
 * hole until sent again; of a large segment what found room is kept. The pool's memory must be aligned for an
 * int64_t.
 *
 *     ss_stream_start(&stream, isn + 1);
 *     fate = ss_stream_feed(&stream, pool, &segment);
 *     while (ss_stream_next(&stream, pool, &segment, &chunk))
 *         parse(chunk.bytes, chunk.missing);
 */

#include "base/pool.h"
#include "base/seq.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define SS_STREAM_FEW         4  /* points remembered of the edge, */
#define SS_STREAM_FEW_ACKS    3  /* and of the peer's acknowledgements; */
#define SS_STREAM_PROGRESS    12 /* the same with more room */
#define SS_STREAM_ACKS        8
#define SS_STREAM_HELD        8          /* segments held out of order at once */
#define SS_STREAM_WINDOW      (1u << 20) /* how far beyond the edge a segment is believed */
#define SS_STREAM_BLOCK_BYTES 2048       /* of a pool block; larger segments take several */

struct ss_segment {
    uint32_t seq; /* of the first byte at data (a SYN's own number does not count here) */
    const uint8_t *data;
    uint32_t bytes;    /* on the wire */
    uint32_t captured; /* of them at data; the rest counts as seen but unknown */
    int64_t time_ns;
};

enum ss_segment_kind {
    SS_SEGMENT_EMPTY,         /* no payload, or a keep-alive (one byte before the edge) */
    SS_SEGMENT_NEW,           /* moved the edge, nothing was missing before it */
    SS_SEGMENT_EARLY,         /* lies beyond the edge: a hole before it */
    SS_SEGMENT_FILLED,        /* began at the edge while later bytes were already held */
    SS_SEGMENT_RETRANSMITTED, /* every byte was seen before */
    SS_SEGMENT_REFUSED,       /* no room, or outside the window */
    SS_SEGMENT_KIND_COUNT
};

struct ss_segment_fate {
    enum ss_segment_kind kind;
    /* RETRANSMITTED: when these bytes were first seen. FILLED: when the hole was first noticed, i.e. when the
     * first segment beyond it came. Else 0. */
    int64_t since_ns;
    /* RETRANSMITTED: the peer had already acknowledged all of it (so nobody was waiting for it). */
    bool was_acknowledged;
    /* NEW, FILLED: its first bytes, those before again_end, had been seen by again_ns, and the peer had not
     * acknowledged all of them: a sender may put what it sends again and what is new into one segment. */
    bool begins_again;
    uint32_t again_end;
    int64_t again_ns;
};

struct ss_chunk {
    struct ss_span bytes; /* the next bytes in order; valid until the next call on the stream */
    uint32_t missing;     /* bytes after them that the snap length cut off: seen, but unknown */
    uint32_t seq;         /* of the first byte */
};

/* Packed, for there are many in every handshake under way. */
struct ss_stream_point {
    int64_t time_ns;
    uint32_t seq; /* every byte before this number */
} __attribute__((packed, aligned(4)));

/* More room for points, ascending in seq and time. */
struct ss_stream_more {
    struct ss_stream_point acks[SS_STREAM_ACKS];
    struct ss_stream_point progress[SS_STREAM_PROGRESS];
};

/* Bytes that came early: what a pool block holds. */
struct ss_stream_held {
    int64_t first_ns, last_ns; /* when its first and its last segment came */
    uint32_t seq;
    uint16_t bytes;    /* on the wire */
    uint16_t captured; /* of them, kept in data */
    uint32_t next;     /* block, ascending in seq; or SS_POOL_NONE */
    uint8_t data[];
};

/* The arrays hold what their counts say. */
struct ss_stream {
    struct ss_stream_more *more; /* instead of few..., or NULL */
    uint32_t first;              /* sequence number of stream offset 0 */
    uint32_t edge;               /* next byte expected */
    uint32_t given;              /* next byte to give; == edge but while next() runs */
    uint16_t retransmitted;      /* segments, saturating */
    uint16_t refused;            /* segments, saturating */
    uint8_t progress_count;
    uint8_t ack_count;
    uint8_t held_count;
    bool started;
    uint32_t held; /* first block of early bytes, or SS_POOL_NONE */
    struct ss_stream_point few_acks[SS_STREAM_FEW_ACKS];
    struct ss_stream_point few[SS_STREAM_FEW];
} __attribute__((packed, aligned(4)));

void ss_stream_init(struct ss_stream *stream);

/* From here on there is more room. It is borrowed for as long as the stream is in use. */
void ss_stream_extend(struct ss_stream *stream, struct ss_stream_more *more);

/* Without more room, one more point of the edge makes the stream forget another; or, if it is new, this
 * acknowledgement does. */
static inline bool ss_stream_is_full(const struct ss_stream *stream)
{
    return stream->more == NULL && stream->progress_count == SS_STREAM_FEW;
}
static inline bool ss_stream_is_full_for(const struct ss_stream *stream, uint32_t ack)
{
    return stream->more == NULL && stream->ack_count == SS_STREAM_FEW_ACKS &&
           ss_seq_before(stream->few_acks[SS_STREAM_FEW_ACKS - 1].seq, ack);
}

/* The number of the first byte: ISN + 1, or where the tap first saw payload. Again before any byte: starts
 * anew; after one: changes nothing. */
void ss_stream_start(struct ss_stream *stream, uint32_t first_seq);

/* A segment of a started stream. Blocks are taken from pool. Call ss_stream_next until it returns false after
 * each; bytes not taken by the next feed are dropped. */
struct ss_segment_fate ss_stream_feed(struct ss_stream *stream, struct ss_pool *pool,
                                      const struct ss_segment *segment);
bool ss_stream_next(struct ss_stream *stream, struct ss_pool *pool, const struct ss_segment *segment,
                    struct ss_chunk *ret_chunk);

/* ss_stream_next has nothing to give, and nothing to give back. */
static inline bool ss_stream_is_given(const struct ss_stream *stream)
{
    return stream->given == stream->edge && stream->held_count == 0;
}

/* Jump over a hole that will never be filled (the peer acknowledged beyond it, the tap never saw it): to the
 * first byte held, where nothing is held to `sent`, before which the sender had sent everything; or to the
 * peer's highest acknowledgement if that comes first. Returns how many bytes were missing, 0 if there is no
 * hole; then ss_stream_next (with segment NULL) gives what was held behind it. time_ns is now. */
uint32_t ss_stream_skip_hole(struct ss_stream *stream, struct ss_pool *pool, uint32_t sent, int64_t time_ns);

/* When the first segment beyond the hole came; 0: there is none. */
int64_t ss_stream_hole_since(const struct ss_stream *stream, const struct ss_pool *pool);

/* The peer acknowledged every byte before ack. Numbers that go back, or beyond the window, are ignored. */
void ss_stream_acknowledge(struct ss_stream *stream, uint32_t ack, int64_t time_ns);

/* When the tap had every byte before seq; when the peer first acknowledged all before seq. False: not yet.
 * Once points had to be forgotten, the answer for their bytes is the next point's: late, never early. */
bool ss_stream_seen_at(const struct ss_stream *stream, uint32_t seq, int64_t *ret_time_ns);
bool ss_stream_acknowledged_at(const struct ss_stream *stream, uint32_t seq, int64_t *ret_time_ns);

/* The newest number that the peer acknowledged, or where the stream begins. */
static inline uint32_t ss_stream_acknowledged(const struct ss_stream *stream)
{
    const struct ss_stream_point *acks = stream->more != NULL ? stream->more->acks : stream->few_acks;

    return stream->ack_count > 0 ? acks[stream->ack_count - 1].seq : stream->first;
}

/* The peer has dropped all bytes until now, and is sent them anew: nothing is seen nor acknowledged. */
void ss_stream_restart(struct ss_stream *stream, struct ss_pool *pool);

/* Gives held blocks back to the pool. */
void ss_stream_release(struct ss_stream *stream, struct ss_pool *pool);
