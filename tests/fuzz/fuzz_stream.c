// SPDX-License-Identifier: BSD-3-Clause

/* Any sequence of segments, acknowledgements and skips on one stream, beside a model that keeps every byte
 * for ever.
 *
 * Held to be true: each byte is given once and in order; what is given is the copy that came first; points
 * are ascending; an answer is never earlier than the truth; blocks are bounded and all come back.
 */

#include "base/seq.h"
#include "base/span.h"
#include "stream/stream.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_BYTES (2 * SS_STREAM_WINDOW)
#define POOL_BLOCKS 10u
#define STEPS_MAX   400
#define JITTER_NS   3 /* how far a segment's time may go back */

/* The model looks at every byte; its branches are not those that the fuzzer is to find ways through. */
#define OF_MODEL __attribute__((noinline, no_sanitize("coverage")))

enum state { UNSEEN, KNOWN, CUT };

struct model {
    uint32_t first;
    uint32_t given;
    uint32_t high; /* nothing was ever written at or beyond this offset */
    uint32_t acked;
    int64_t now_ns;
    uint8_t state[MODEL_BYTES];
    uint8_t bytes[MODEL_BYTES];
    int64_t came_ns[MODEL_BYTES];  /* the first copy of this byte */
    int64_t whole_ns[MODEL_BYTES]; /* every byte up to this one */
};

static struct model model;
static struct ss_stream_more more;
static uint8_t data[1u << 16];
static _Alignas(64) unsigned char memory[POOL_BLOCKS * SS_STREAM_BLOCK_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static const struct ss_stream_held *held_at(const struct ss_pool *pool, uint32_t block)
{
    return block == SS_POOL_NONE ? NULL : ss_pool_at(pool, block);
}

static OF_MODEL bool is_held(const struct ss_stream *stream, const struct ss_pool *pool, uint32_t seq)
{
    for (const struct ss_stream_held *held = held_at(pool, stream->held); held != NULL;
         held = held_at(pool, held->next)) {
        if (seq - held->seq < held->bytes)
            return true;
    }
    return false;
}

/* The model takes what the stream has not refused and had not seen; says how many bytes were new. */
static OF_MODEL uint32_t model_take(const struct ss_stream *stream, const struct ss_pool *pool,
                                    const struct ss_segment *segment, bool was_refused)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; i < segment->bytes; i++) {
        uint32_t offset = segment->seq + i - model.first;
        if (offset >= MODEL_BYTES || offset < model.given || model.state[offset] != UNSEEN)
            continue;
        if (was_refused && !is_held(stream, pool, segment->seq + i))
            continue;
        model.state[offset] = i < segment->captured ? KNOWN : CUT;
        model.bytes[offset] = i < segment->captured ? segment->data[i] : 0;
        model.high = offset + 1 > model.high ? offset + 1 : model.high;
        model.came_ns[offset] = segment->time_ns;
        taken++;
    }
    return taken;
}

/* The next byte passes; it came at came_ns. */
static OF_MODEL void model_give(int64_t came_ns)
{
    int64_t before_ns = model.given > 0 ? model.whole_ns[model.given - 1] : came_ns;
    model.whole_ns[model.given++] = came_ns > before_ns ? came_ns : before_ns;
}

static OF_MODEL void check_chunk(const struct ss_chunk *chunk)
{
    require(chunk->seq == model.first + model.given);
    require(ss_span_left(&chunk->bytes) + chunk->missing > 0);
    for (const uint8_t *byte = chunk->bytes.at; byte < chunk->bytes.end; byte++) {
        require(model.state[model.given] == KNOWN && model.bytes[model.given] == *byte);
        model_give(model.came_ns[model.given]);
    }
    for (uint32_t i = 0; i < chunk->missing; i++) {
        require(model.state[model.given] == CUT);
        model_give(model.came_ns[model.given]);
    }
}

static void check_points(const struct ss_stream_point *points, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        require(ss_seq_before(points[i - 1].seq, points[i].seq) && points[i - 1].time_ns < points[i].time_ns);
}

static void check_held(const struct ss_stream *stream, const struct ss_pool *pool)
{
    uint32_t end = stream->edge + 1; /* there is a hole before it */
    unsigned count = 0;
    for (const struct ss_stream_held *held = held_at(pool, stream->held); held != NULL;
         held = held_at(pool, held->next), count++) {
        require(ss_seq_reached(held->seq, end));
        end = held->seq + held->bytes;
    }
    require(count == stream->held_count);
}

static void check_stream(const struct ss_stream *stream, const struct ss_pool *pool)
{
    require(stream->given == stream->edge && stream->edge == model.first + model.given);
    require(model.given == model.high || model.state[model.given] == UNSEEN);
    require(stream->held_count <= SS_STREAM_HELD && pool->used == stream->held_count);
    check_held(stream, pool);
    check_points(stream->more != NULL ? stream->more->progress : stream->few, stream->progress_count);
    check_points(stream->more != NULL ? stream->more->acks : stream->few_acks, stream->ack_count);
}

static void check_answers(const struct ss_stream *stream, uint32_t offset)
{
    int64_t time_ns = -1;
    bool seen = ss_stream_seen_at(stream, model.first + offset + 1, &time_ns);
    require(seen == (offset < model.given));
    require(!seen || (time_ns >= model.whole_ns[offset] && time_ns <= model.now_ns));
    time_ns = -1;
    bool acked = ss_stream_acknowledged_at(stream, model.first + offset + 1, &time_ns);
    require(acked == (offset < model.acked));
    require(acked == (time_ns != -1) && time_ns <= model.now_ns);
}

static void drain(struct ss_stream *stream, struct ss_pool *pool, const struct ss_segment *segment)
{
    struct ss_chunk chunk;
    while (ss_stream_next(stream, pool, segment, &chunk))
        check_chunk(&chunk);
}

/* Before the model takes the segment: the hole was noticed when the first byte beyond it came. */
static OF_MODEL void check_filled(const struct ss_segment_fate *fate)
{
    int64_t first_ns = INT64_MAX;
    for (uint32_t i = model.given; i < model.high; i++) {
        if (model.state[i] != UNSEEN && model.came_ns[i] < first_ns)
            first_ns = model.came_ns[i];
    }
    require(fate->since_ns >= first_ns && fate->since_ns <= first_ns + JITTER_NS);
}

static OF_MODEL void check_retransmitted(const struct ss_segment *segment, const struct ss_segment_fate *fate)
{
    uint32_t end = segment->seq + segment->bytes - model.first;
    require(fate->was_acknowledged == (end <= model.acked));
    require(fate->since_ns <= model.now_ns);
    for (uint32_t i = end > segment->bytes ? end - segment->bytes : 0; i < end; i++)
        require(model.state[i] != UNSEEN && model.came_ns[i] <= fate->since_ns);
}

/* Before the model takes the segment. */
static void check_begins_again(const struct ss_segment *segment, const struct ss_segment_fate *fate)
{
    uint32_t edge = model.first + model.given;
    bool is_open = model.given > 0 && model.acked < model.given;

    require(fate->begins_again == (is_open && ss_seq_before(segment->seq, edge)));
    if (fate->begins_again) {
        require(fate->again_end == edge);
        require(fate->again_ns >= model.whole_ns[model.given - 1] && fate->again_ns <= model.now_ns);
    }
}

static void step_segment(struct ss_stream *stream, struct ss_pool *pool, const struct ss_segment *segment)
{
    uint32_t edge_before = stream->edge;
    unsigned held_before = stream->held_count;
    struct ss_segment_fate fate = ss_stream_feed(stream, pool, segment);
    if (fate.kind == SS_SEGMENT_FILLED)
        check_filled(&fate);
    if (fate.kind == SS_SEGMENT_FILLED || fate.kind == SS_SEGMENT_NEW)
        check_begins_again(segment, &fate);
    uint32_t taken = model_take(stream, pool, segment, fate.kind == SS_SEGMENT_REFUSED);
    bool moved = stream->edge != edge_before;

    require(moved == (fate.kind == SS_SEGMENT_NEW || fate.kind == SS_SEGMENT_FILLED));
    require(!moved || (held_before > 0) == (fate.kind == SS_SEGMENT_FILLED));
    require(fate.kind != SS_SEGMENT_EARLY || taken > 0);
    require((fate.kind != SS_SEGMENT_RETRANSMITTED && fate.kind != SS_SEGMENT_EMPTY) || taken == 0);
    if (fate.kind == SS_SEGMENT_RETRANSMITTED)
        check_retransmitted(segment, &fate);
    drain(stream, pool, segment);
}

static void step_skip(struct ss_stream *stream, struct ss_pool *pool)
{
    uint32_t missing = ss_stream_skip_hole(stream, pool, ss_stream_acknowledged(stream), model.now_ns);
    for (uint32_t i = 0; i < missing; i++) {
        require(model.state[model.given] == UNSEEN);
        model.state[model.given] = CUT;
        model.came_ns[model.given] = model.now_ns;
        model_give(model.now_ns);
    }
    model.high = model.given > model.high ? model.given : model.high;
    drain(stream, pool, NULL);
}

static OF_MODEL void make_data(uint32_t bytes, uint16_t size)
{
    for (uint32_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(model.now_ns * 31 + size + i * 7);
}

static void step(struct ss_stream *stream, struct ss_pool *pool, struct ss_span *in)
{
    uint8_t what, ticks;
    uint16_t where, size;
    if (!ss_span_u8(in, &what) || !ss_span_u8(in, &ticks) || !ss_span_u16(in, &where) ||
        !ss_span_u16(in, &size)) {
        in->at = in->end;
        return;
    }
    model.now_ns += ticks;
    if (stream->more == NULL && ticks & 0x80)
        ss_stream_extend(stream, &more);
    /* Mostly near the edge, sometimes far from it; bit 7: exactly at it. */
    int32_t ahead = what & 0x80 ? 0 : what & 0x40 ? (int16_t)where * 64 : (int16_t)where / 16;
    uint32_t at = stream->edge + (uint32_t)ahead;

    if ((what & 7) == 0) {
        ss_stream_acknowledge(stream, at, model.now_ns);
        uint32_t offset = at - model.first;
        if (ss_seq_ahead(stream->edge, at) <= (int32_t)SS_STREAM_WINDOW &&
            (int32_t)offset > (int32_t)model.acked)
            model.acked = offset;
    } else if ((what & 7) == 1) {
        step_skip(stream, pool);
    } else {
        uint32_t bytes = what & 0x20 ? size : size % 2000;
        uint32_t captured = what & 0x10 ? bytes : bytes / 3;
        make_data(captured, size);
        struct ss_segment segment = {.seq = at, .data = data, .bytes = bytes, .captured = captured};
        segment.time_ns = model.now_ns - (what & 0x08 ? JITTER_NS : 0);
        step_segment(stream, pool, &segment);
    }
    check_stream(stream, pool);
    check_answers(stream, where % (model.given + 100));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    struct ss_span in = ss_span_of(input, length);
    struct ss_stream stream;
    struct ss_pool pool;

    memset(model.state, UNSEEN, model.high);
    model.given = model.high = model.acked = 0;
    model.now_ns = 1000;
    if (!ss_span_u32(&in, &model.first))
        return 0;
    ss_pool_init(&pool, memory, SS_STREAM_BLOCK_BYTES, POOL_BLOCKS);
    ss_stream_init(&stream);
    ss_stream_start(&stream, model.first);
    /* A step goes no further than the window, so that the model always has room for one more. */
    for (unsigned i = 0; i < STEPS_MAX && ss_span_left(&in) > 0 && model.given < MODEL_BYTES / 4; i++)
        step(&stream, &pool, &in);
    ss_stream_release(&stream, &pool);
    require(pool.used == 0 && stream.held_count == 0);
    return 0;
}
