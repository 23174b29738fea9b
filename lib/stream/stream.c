// SPDX-License-Identifier: BSD-3-Clause
#include "stream/stream.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* Every handshake under way has two. */
static_assert(sizeof(struct ss_stream) <= 116, "a stream costs memory for every open handshake");

#define BLOCK_DATA (SS_STREAM_BLOCK_BYTES - offsetof(struct ss_stream_held, data))

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void count(uint16_t *counter)
{
    if (*counter < UINT16_MAX)
        (*counter)++;
}

static uint32_t held_end(const struct ss_stream_held *held)
{
    return held->seq + held->bytes;
}

static struct ss_stream_held *held_at(const struct ss_pool *pool, uint32_t block)
{
    return block == SS_POOL_NONE ? NULL : ss_pool_at(pool, block);
}

/* How many bytes of [at, end), which lies inside the segment, it has at data. */
static uint32_t known_bytes(const struct ss_segment *segment, uint32_t at, uint32_t end)
{
    uint32_t offset = at - segment->seq;
    return offset < segment->captured ? least(segment->captured - offset, end - at) : 0;
}

static bool was_acknowledged(const struct ss_stream *stream, uint32_t end)
{
    return stream->ack_count > 0 && ss_seq_reached(ss_stream_acknowledged(stream), end);
}

/* ---- points remembered -------------------------------------------------------------------------------- */

static struct ss_stream_point *acks_of(struct ss_stream *stream)
{
    return stream->more != NULL ? stream->more->acks : stream->few_acks;
}

static struct ss_stream_point *progress_of(struct ss_stream *stream)
{
    return stream->more != NULL ? stream->more->progress : stream->few;
}

void ss_stream_extend(struct ss_stream *stream, struct ss_stream_more *more)
{
    memcpy(more->acks, stream->few_acks, sizeof(stream->few_acks));
    memcpy(more->progress, stream->few, sizeof(stream->few));
    stream->more = more;
}

/* The first point that reached seq. From the newest back, because recent numbers are asked for most, and
 * because numbers more than 2^31 apart do not compare (RFC 9293 section 3.4). */
static bool first_point(const struct ss_stream_point *points, unsigned points_count, uint32_t seq,
                        int64_t *ret_time_ns)
{
    unsigned i = points_count;
    while (i > 0 && ss_seq_reached(points[i - 1].seq, seq))
        i--;
    if (i == points_count)
        return false;
    *ret_time_ns = points[i].time_ns;
    return true;
}

static unsigned forget(struct ss_stream_point *points, unsigned points_count, unsigned at, unsigned n)
{
    memmove(points + at, points + at + n, (points_count - at - n) * sizeof(*points));
    return points_count - n;
}

/* The point that is missed least: without it the fewest bytes share one time. (Only the distance to the next
 * point would not do: one point would swallow all that follows.) The first point stays: it tells when the
 * direction began. */
static unsigned least_point(const struct ss_stream *stream, const struct ss_stream_point *points,
                            unsigned points_count)
{
    uint32_t fewest = UINT32_MAX;
    unsigned chosen = 1;
    for (unsigned i = 1; i < points_count; i++) {
        uint32_t next = i + 1 < points_count ? points[i + 1].seq : stream->edge;
        uint32_t bytes = next - points[i - 1].seq;
        if (bytes < fewest) {
            fewest = bytes;
            chosen = i;
        }
    }
    return chosen;
}

/* Of a full array, what was acknowledged goes first, some points together, so that this is rare: whoever
 * wanted to know when that was seen has asked. A point that goes leaves its bytes to its successor, so that
 * an answer may be late but never early. */
static unsigned make_room(const struct ss_stream *stream, struct ss_stream_point *points,
                          unsigned points_count)
{
    unsigned acknowledged = 0;
    while (acknowledged < points_count && was_acknowledged(stream, points[acknowledged].seq))
        acknowledged++;
    if (acknowledged > 1)
        return forget(points, points_count, 0, least(acknowledged - 1, points_count / 4));
    return forget(points, points_count, least_point(stream, points, points_count), 1);
}

/* The edge has moved. Two mirror ports may hand over a later segment with an earlier time; all before the
 * edge was seen only when the latest of them was. */
static void note_progress(struct ss_stream *stream, int64_t time_ns)
{
    struct ss_stream_point *points = progress_of(stream);
    unsigned count = stream->progress_count;
    if (count > 0 && time_ns <= points[count - 1].time_ns) {
        points[count - 1].seq = stream->edge;
        return;
    }
    if (count == (stream->more != NULL ? SS_STREAM_PROGRESS : SS_STREAM_FEW))
        count = make_room(stream, points, count);
    points[count] = (struct ss_stream_point){.time_ns = time_ns, .seq = stream->edge};
    stream->progress_count = (uint8_t)(count + 1);
}

void ss_stream_acknowledge(struct ss_stream *stream, uint32_t ack, int64_t time_ns)
{
    struct ss_stream_point *acks = acks_of(stream);
    unsigned count = stream->ack_count;
    /* Beyond the edge is well: a mirror may show the acknowledgement before the bytes, or never show the
     * bytes. */
    if (!stream->started || !ss_seq_before(ss_stream_acknowledged(stream), ack) ||
        ss_seq_ahead(stream->edge, ack) > (int32_t)SS_STREAM_WINDOW)
        return;
    if (count > 0 && time_ns <= acks[count - 1].time_ns) {
        acks[count - 1].seq = ack;
        return;
    }
    if (count == (stream->more != NULL ? SS_STREAM_ACKS : SS_STREAM_FEW_ACKS))
        count = forget(acks, count, 0, 1);
    acks[count] = (struct ss_stream_point){.time_ns = time_ns, .seq = ack};
    stream->ack_count = (uint8_t)(count + 1);
}

bool ss_stream_seen_at(const struct ss_stream *stream, uint32_t seq, int64_t *ret_time_ns)
{
    const struct ss_stream_point *points = stream->more != NULL ? stream->more->progress : stream->few;

    return first_point(points, stream->progress_count, seq, ret_time_ns);
}

bool ss_stream_acknowledged_at(const struct ss_stream *stream, uint32_t seq, int64_t *ret_time_ns)
{
    const struct ss_stream_point *acks = stream->more != NULL ? stream->more->acks : stream->few_acks;

    return first_point(acks, stream->ack_count, seq, ret_time_ns);
}

/* ---- bytes held out of order -------------------------------------------------------------------------- */

/* Adds from the segment's bytes [at, end) what the block has room for, and returns how many. Bytes that the
 * snap length cut off need no room, but nothing can follow them in a block. */
static uint32_t fill(struct ss_stream_held *held, const struct ss_segment *segment, uint32_t at, uint32_t end)
{
    uint32_t room = (uint32_t)BLOCK_DATA - held->captured;
    uint32_t known = known_bytes(segment, at, end);
    uint32_t kept = least(known, room);
    uint32_t cut = 0;

    if (kept > 0)
        memcpy(held->data + held->captured, segment->data + (at - segment->seq), kept);
    if (kept == known)
        cut = least(end - at - known, UINT16_MAX - held->bytes - kept);
    if (kept + cut > 0 && segment->time_ns > held->last_ns)
        held->last_ns = segment->time_ns;
    held->captured = (uint16_t)(held->captured + kept);
    held->bytes = (uint16_t)(held->bytes + kept + cut);
    return kept + cut;
}

/* Holds bytes of the gap [at, end) behind `before` (NULL: before all that are held): in its block where they
 * join, so that eight blocks are enough for all but the first segment of an initial window (RFC 6928), else
 * in one of their own. Returns how many; 0 when there is no room. */
static uint32_t hold(struct ss_stream *stream, struct ss_pool *pool, struct ss_stream_held *before,
                     const struct ss_segment *segment, uint32_t at, uint32_t end)
{
    uint32_t *link = before != NULL ? &before->next : &stream->held;

    if (before != NULL && held_end(before) == at && before->bytes == before->captured) {
        uint32_t joined = fill(before, segment, at, end);
        if (joined > 0)
            return joined;
    }
    uint32_t block = stream->held_count < SS_STREAM_HELD ? ss_pool_take(pool) : SS_POOL_NONE;
    struct ss_stream_held *held = held_at(pool, block);
    if (held == NULL)
        return 0;
    *held = (struct ss_stream_held){
        .first_ns = segment->time_ns, .last_ns = segment->time_ns, .seq = at, .next = *link};
    *link = block;
    stream->held_count++;
    return fill(held, segment, at, end);
}

static void drop_first(struct ss_stream *stream, struct ss_pool *pool)
{
    uint32_t block = stream->held;

    stream->held = held_at(pool, block)->next;
    stream->held_count--;
    ss_pool_give(pool, block);
}

/* What next() has given out: its blocks may go now. */
static void drop_given(struct ss_stream *stream, struct ss_pool *pool)
{
    while (stream->held_count > 0 && ss_seq_reached(stream->given, held_end(held_at(pool, stream->held))))
        drop_first(stream, pool);
}

/* Moves the edge to seq, and on over what is held from there. */
static void advance(struct ss_stream *stream, const struct ss_pool *pool, uint32_t seq)
{
    stream->edge = seq;
    for (const struct ss_stream_held *held = held_at(pool, stream->held);
         held != NULL && ss_seq_reached(stream->edge, held->seq); held = held_at(pool, held->next)) {
        if (ss_seq_before(stream->edge, held_end(held)))
            stream->edge = held_end(held);
    }
}

/* When the last of what the edge has just passed came: at time_ns, unless the ports' times are out of order.
 */
static int64_t latest_passed(const struct ss_stream *stream, const struct ss_pool *pool, int64_t time_ns)
{
    int64_t latest_ns = time_ns;
    for (const struct ss_stream_held *held = held_at(pool, stream->held); held != NULL;
         held = held_at(pool, held->next)) {
        if (ss_seq_reached(stream->edge, held->seq) && held->last_ns > latest_ns)
            latest_ns = held->last_ns;
    }
    return latest_ns;
}

int64_t ss_stream_hole_since(const struct ss_stream *stream, const struct ss_pool *pool)
{
    const struct ss_stream_held *held = held_at(pool, stream->held);
    int64_t since_ns = held != NULL ? held->first_ns : 0;

    for (; held != NULL; held = held_at(pool, held->next)) {
        if (held->first_ns < since_ns)
            since_ns = held->first_ns;
    }
    return since_ns;
}

/* ---- segments ----------------------------------------------------------------------------------------- */

static struct ss_segment_fate refuse(struct ss_stream *stream)
{
    count(&stream->refused);
    return (struct ss_segment_fate){.kind = SS_SEGMENT_REFUSED};
}

static struct ss_segment_fate retransmitted(struct ss_stream *stream, uint32_t end, int64_t since_ns)
{
    count(&stream->retransmitted);
    return (struct ss_segment_fate){.kind = SS_SEGMENT_RETRANSMITTED,
                                    .since_ns = since_ns,
                                    .was_acknowledged = was_acknowledged(stream, end)};
}

/* A segment that ends at or before the edge. */
static struct ss_segment_fate feed_behind(struct ss_stream *stream, const struct ss_segment *segment)
{
    uint32_t end = segment->seq + segment->bytes;
    int64_t since_ns = 0;

    /* A keep-alive repeats the number before the next one, with one byte of garbage or none (RFC 9293
     * section 3.8.4). As long as that byte is unacknowledged, one byte sent again is a retransmission like
     * any other. */
    bool nothing_open = stream->edge == stream->first || was_acknowledged(stream, stream->edge);
    if (segment->bytes == 1 && end == stream->edge && nothing_open)
        return (struct ss_segment_fate){.kind = SS_SEGMENT_EMPTY};
    /* Distances back from the edge, because the edge may be more than 2^31 beyond the first number. */
    if (stream->edge - end >= stream->edge - stream->first)
        return refuse(stream);
    ss_stream_seen_at(stream, end, &since_ns);
    return retransmitted(stream, end, since_ns);
}

/* A segment that begins beyond the edge: holds what of it is not held already. */
static struct ss_segment_fate feed_early(struct ss_stream *stream, struct ss_pool *pool,
                                         const struct ss_segment *segment)
{
    uint32_t at = segment->seq;
    uint32_t end = segment->seq + segment->bytes;
    int64_t seen_ns = INT64_MIN;
    struct ss_stream_held *before = NULL;
    bool is_new = false;

    while (at != end) {
        struct ss_stream_held *held = held_at(pool, before != NULL ? before->next : stream->held);
        uint32_t gap_end = held && ss_seq_before(held->seq, end) ? held->seq : end;
        if (held && ss_seq_reached(at, held_end(held))) {
            before = held;
        } else if (held && ss_seq_reached(at, held->seq)) {
            seen_ns = held->last_ns > seen_ns ? held->last_ns : seen_ns;
            at += least(held_end(held) - at, end - at);
        } else {
            uint32_t kept = hold(stream, pool, before, segment, at, gap_end);
            if (kept == 0)
                return refuse(stream);
            at += kept;
            is_new = true;
        }
    }
    if (is_new)
        return (struct ss_segment_fate){.kind = SS_SEGMENT_EARLY};
    return retransmitted(stream, end, seen_ns);
}

/* A segment that moves the edge, and begins before it. */
static void note_again(struct ss_stream *stream, struct ss_segment_fate *fate)
{
    uint32_t end = stream->edge;

    if (end == stream->first || was_acknowledged(stream, end))
        return;
    count(&stream->retransmitted);
    fate->begins_again = true;
    fate->again_end = end;
    ss_stream_seen_at(stream, end, &fate->again_ns);
}

/* All but the plain case. */
static struct ss_segment_fate feed_uneven(struct ss_stream *stream, struct ss_pool *pool,
                                          const struct ss_segment *segment)
{
    uint32_t end = segment->seq + segment->bytes;
    if (segment->bytes == 0)
        return (struct ss_segment_fate){.kind = SS_SEGMENT_EMPTY};
    if (segment->bytes > SS_STREAM_WINDOW)
        return refuse(stream);
    if (ss_seq_reached(stream->edge, end))
        return feed_behind(stream, segment);
    if (end - stream->edge > SS_STREAM_WINDOW)
        return refuse(stream);
    if (ss_seq_before(stream->edge, segment->seq))
        return feed_early(stream, pool, segment);

    struct ss_segment_fate fate = {.kind = SS_SEGMENT_NEW};
    if (stream->held_count > 0)
        fate = (struct ss_segment_fate){.kind = SS_SEGMENT_FILLED,
                                        .since_ns = ss_stream_hole_since(stream, pool)};
    if (segment->seq != stream->edge)
        note_again(stream, &fate);
    advance(stream, pool, end);
    note_progress(stream, latest_passed(stream, pool, segment->time_ns));
    return fate;
}

struct ss_segment_fate ss_stream_feed(struct ss_stream *stream, struct ss_pool *pool,
                                      const struct ss_segment *segment)
{
    assert(stream->started);
    stream->given = stream->edge; /* what the caller did not take is not offered again */
    drop_given(stream, pool);

    bool is_plain = segment->seq == stream->edge && stream->held_count == 0;
    if (!is_plain || segment->bytes - 1 >= SS_STREAM_WINDOW)
        return feed_uneven(stream, pool, segment);
    stream->edge += segment->bytes;
    note_progress(stream, segment->time_ns);
    return (struct ss_segment_fate){.kind = SS_SEGMENT_NEW};
}

bool ss_stream_next(struct ss_stream *stream, struct ss_pool *pool, const struct ss_segment *segment,
                    struct ss_chunk *ret_chunk)
{
    drop_given(stream, pool);
    if (stream->given == stream->edge)
        return false;

    /* Held bytes were seen before the segment's copy of them, and go first; the segment fills what is
     * between. */
    const struct ss_stream_held *held = held_at(pool, stream->held);
    uint32_t at = stream->given;
    uint32_t end = held && ss_seq_before(held->seq, stream->edge) ? held->seq : stream->edge;
    uint32_t known;
    const uint8_t *bytes;
    if (end == at) {
        end = held_end(held);
        known = held->captured;
        bytes = held->data;
    } else {
        assert(segment != NULL);
        known = known_bytes(segment, at, end);
        bytes = known > 0 ? segment->data + (at - segment->seq) : segment->data;
    }
    *ret_chunk = (struct ss_chunk){.bytes = {bytes, bytes}, .missing = end - at - known, .seq = at};
    if (known > 0)
        ret_chunk->bytes.end += known;
    stream->given = end;
    return true;
}

uint32_t ss_stream_skip_hole(struct ss_stream *stream, struct ss_pool *pool, uint32_t sent, int64_t time_ns)
{
    stream->given = stream->edge;
    drop_given(stream, pool);
    const struct ss_stream_held *held = held_at(pool, stream->held);
    uint32_t target = held != NULL ? held->seq : sent;
    uint32_t ack = ss_stream_acknowledged(stream);

    /* An acknowledgement inside the hole proves only the bytes before it lost to the tap; the rest may still
     * come. */
    if (ss_seq_before(stream->edge, ack) && ss_seq_before(ack, target))
        target = ack;
    if (!ss_seq_before(stream->edge, target))
        return 0;
    uint32_t missing = target - stream->edge;
    stream->given = target;
    advance(stream, pool, target);
    note_progress(stream, time_ns);
    return missing;
}

/* ---- life --------------------------------------------------------------------------------------------- */

void ss_stream_init(struct ss_stream *stream)
{
    memset(stream, 0, offsetof(struct ss_stream, few_acks));
    stream->held = SS_POOL_NONE;
}

void ss_stream_start(struct ss_stream *stream, uint32_t first_seq)
{
    if (stream->held_count > 0 || stream->progress_count > 0)
        return;
    struct ss_stream_more *more = stream->more;
    ss_stream_init(stream);
    stream->more = more;
    stream->first = first_seq;
    stream->edge = first_seq;
    stream->given = first_seq;
    stream->started = true;
}

void ss_stream_release(struct ss_stream *stream, struct ss_pool *pool)
{
    stream->given = stream->edge;
    while (stream->held_count > 0)
        drop_first(stream, pool);
}

void ss_stream_restart(struct ss_stream *stream, struct ss_pool *pool)
{
    ss_stream_release(stream, pool);
    stream->progress_count = 0;
    ss_stream_start(stream, stream->first);
}
