// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pool.h"
#include "base/span.h"
#include "stream/stream.h"

#include <stdlib.h>
#include <string.h>

#define BLOCKS   8u
#define TEXT_MAX (128u * 1024)
#define ROWS(a)  (sizeof(a) / sizeof((a)[0]))

/* Where the streams of these tests start: far from the wrap, and so that every test crosses it. */
static const uint32_t FIRSTS[] = {1000, UINT32_MAX - 2, UINT32_MAX - 3000};

struct bench {
    struct ss_stream stream;
    struct ss_stream_more more;
    struct ss_pool pool;
    uint32_t first;
    _Alignas(8) unsigned char memory[BLOCKS * SS_STREAM_BLOCK_BYTES];
    char text[TEXT_MAX]; /* what came out, a '.' for each byte that the snap length cut */
    uint32_t length;
};

static struct bench *open_bench(uint32_t first, uint32_t blocks)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    bench->first = first;
    ss_pool_init(&bench->pool, bench->memory, SS_STREAM_BLOCK_BYTES, blocks);
    ss_stream_init(&bench->stream);
    ss_stream_extend(&bench->stream, &bench->more);
    ss_stream_start(&bench->stream, first);
    return bench;
}

static void close_bench(struct bench *bench)
{
    ss_stream_release(&bench->stream, &bench->pool);
    assert_int_equal(bench->pool.used, 0);
    free(bench);
}

static void drain(struct bench *bench, const struct ss_segment *segment)
{
    struct ss_chunk chunk;
    while (ss_stream_next(&bench->stream, &bench->pool, segment, &chunk)) {
        size_t known = ss_span_left(&chunk.bytes);
        assert_int_equal(chunk.seq, bench->first + bench->length);
        assert_true(bench->length + known + chunk.missing <= TEXT_MAX);
        if (known > 0)
            memcpy(bench->text + bench->length, chunk.bytes.at, known);
        memset(bench->text + bench->length + known, '.', chunk.missing);
        bench->length += (uint32_t)known + chunk.missing;
    }
    assert_int_equal(bench->stream.given, bench->stream.edge);
    assert_int_equal(bench->pool.used, bench->stream.held_count);
}

static struct ss_segment_fate feed_bytes(struct bench *bench, uint32_t offset, const void *data,
                                         uint32_t bytes, uint32_t captured, int64_t time_ns)
{
    struct ss_segment segment = {bench->first + offset, data, bytes, captured, time_ns};
    struct ss_segment_fate fate = ss_stream_feed(&bench->stream, &bench->pool, &segment);
    drain(bench, &segment);
    return fate;
}

static struct ss_segment_fate feed(struct bench *bench, uint32_t offset, const char *text, int64_t time_ns)
{
    uint32_t bytes = (uint32_t)strlen(text);
    return feed_bytes(bench, offset, text, bytes, bytes, time_ns);
}

static void expect_text(const struct bench *bench, const char *text)
{
    assert_int_equal(bench->length, strlen(text));
    assert_memory_equal(bench->text, text, bench->length);
}

static int64_t seen_at(const struct bench *bench, uint32_t offset)
{
    int64_t time_ns = -1;
    return ss_stream_seen_at(&bench->stream, bench->first + offset, &time_ns) ? time_ns : -1;
}

static int64_t acknowledged_at(const struct bench *bench, uint32_t offset)
{
    int64_t time_ns = -1;
    return ss_stream_acknowledged_at(&bench->stream, bench->first + offset, &time_ns) ? time_ns : -1;
}

static void acknowledge(struct bench *bench, uint32_t offset, int64_t time_ns)
{
    ss_stream_acknowledge(&bench->stream, bench->first + offset, time_ns);
}

/* ---- what a segment was ------------------------------------------------------------------------------- */

#define STEPS_MAX 8

struct step {
    const char *text; /* NULL: the peer acknowledges all before offset */
    uint32_t offset;
    enum ss_segment_kind kind;
    int64_t since_ns;
    bool was_acknowledged;
};

struct script {
    const char *name;
    struct step
        steps[STEPS_MAX]; /* the first is at 100 ns, each 100 ns after the one before; ends where all is 0 */
    const char *text;
};

static const struct script SCRIPTS[] = {
    {"in order", {{"abc", 0, SS_SEGMENT_NEW, 0, false}, {"de", 3, SS_SEGMENT_NEW, 0, false}}, "abcde"},
    {"no payload",
     {{"", 0, SS_SEGMENT_EMPTY, 0, false},
      {"ab", 0, SS_SEGMENT_NEW, 0, false},
      {"", 9, SS_SEGMENT_EMPTY, 0, false}},
     "ab"},
    {"sent twice",
     {{"abc", 0, SS_SEGMENT_NEW, 0, false}, {"XYZ", 0, SS_SEGMENT_RETRANSMITTED, 100, false}},
     "abc"},
    {"a part sent again",
     {{"abc", 0, SS_SEGMENT_NEW, 0, false},
      {"def", 3, SS_SEGMENT_NEW, 0, false},
      {"BC", 1, SS_SEGMENT_RETRANSMITTED, 100, false}},
     "abcdef"},
    {"sent twice though acknowledged",
     {{"abc", 0, SS_SEGMENT_NEW, 0, false},
      {NULL, 3, SS_SEGMENT_EMPTY, 0, false},
      {"abc", 0, SS_SEGMENT_RETRANSMITTED, 100, true}},
     "abc"},
    {"sent twice and half acknowledged",
     {{"abc", 0, SS_SEGMENT_NEW, 0, false},
      {NULL, 2, SS_SEGMENT_EMPTY, 0, false},
      {"abc", 0, SS_SEGMENT_RETRANSMITTED, 100, false}},
     "abc"},
    {"begins before the edge and goes beyond",
     {{"abc", 0, SS_SEGMENT_NEW, 0, false}, {"XYdef", 1, SS_SEGMENT_NEW, 0, false}},
     "abcdef"},
    {"swapped",
     {{"def", 3, SS_SEGMENT_EARLY, 0, false},
      {"abc", 0, SS_SEGMENT_FILLED, 100, false},
      {"g", 6, SS_SEGMENT_NEW, 0, false}},
     "abcdefg"},
    {"backwards",
     {{"ef", 4, SS_SEGMENT_EARLY, 0, false},
      {"cd", 2, SS_SEGMENT_EARLY, 0, false},
      {"ab", 0, SS_SEGMENT_FILLED, 100, false}},
     "abcdef"},
    {"a hole filled in two steps",
     {{"ef", 4, SS_SEGMENT_EARLY, 0, false},
      {"ab", 0, SS_SEGMENT_FILLED, 100, false},
      {"cd", 2, SS_SEGMENT_FILLED, 100, false}},
     "abcdef"},
    {"two holes, the second noticed later",
     {{"c", 2, SS_SEGMENT_EARLY, 0, false},
      {"e", 4, SS_SEGMENT_EARLY, 0, false},
      {"ab", 0, SS_SEGMENT_FILLED, 100, false},
      {"d", 3, SS_SEGMENT_FILLED, 200, false}},
     "abcde"},
    {"two holes, the second noticed first",
     {{"e", 4, SS_SEGMENT_EARLY, 0, false},
      {"c", 2, SS_SEGMENT_EARLY, 0, false},
      {"ab", 0, SS_SEGMENT_FILLED, 100, false},
      {"d", 3, SS_SEGMENT_FILLED, 100, false}},
     "abcde"},
    {"three holes, the last noticed first",
     {{"g", 6, SS_SEGMENT_EARLY, 0, false},
      {"e", 4, SS_SEGMENT_EARLY, 0, false},
      {"c", 2, SS_SEGMENT_EARLY, 0, false},
      {"ab", 0, SS_SEGMENT_FILLED, 100, false},
      {"d", 3, SS_SEGMENT_FILLED, 100, false},
      {"f", 5, SS_SEGMENT_FILLED, 100, false}},
     "abcdefg"},
    {"two held segments, the first of them later, sent again as one",
     {{"ef", 4, SS_SEGMENT_EARLY, 0, false},
      {"cd", 2, SS_SEGMENT_EARLY, 0, false},
      {"CDEF", 2, SS_SEGMENT_RETRANSMITTED, 200, false}},
     ""},
    {"just before the first byte",
     {{"a", 0, SS_SEGMENT_NEW, 0, false}, {"XX", UINT32_MAX - 1, SS_SEGMENT_REFUSED, 0, false}},
     "a"},
    {"held bytes sent again",
     {{"cd", 2, SS_SEGMENT_EARLY, 0, false},
      {"CD", 2, SS_SEGMENT_RETRANSMITTED, 100, false},
      {"ab", 0, SS_SEGMENT_FILLED, 100, false}},
     "abcd"},
    {"two held segments sent again as one",
     {{"cd", 2, SS_SEGMENT_EARLY, 0, false},
      {"ef", 4, SS_SEGMENT_EARLY, 0, false},
      {"CDEF", 2, SS_SEGMENT_RETRANSMITTED, 200, false}},
     ""},
    {"early and partly held, on both sides",
     {{"e", 4, SS_SEGMENT_EARLY, 0, false},
      {"cdXf", 2, SS_SEGMENT_EARLY, 0, false},
      {"ab", 0, SS_SEGMENT_FILLED, 100, false}},
     "abcdef"},
    {"early over two held ones and the holes between",
     {{"d", 3, SS_SEGMENT_EARLY, 0, false},
      {"f", 5, SS_SEGMENT_EARLY, 0, false},
      {"bcXeXg", 1, SS_SEGMENT_EARLY, 0, false},
      {"a", 0, SS_SEGMENT_FILLED, 100, false}},
     "abcdefg"},
    {"fills over two held ones: their bytes came first",
     {{"b", 1, SS_SEGMENT_EARLY, 0, false},
      {"d", 3, SS_SEGMENT_EARLY, 0, false},
      {"aXcXe", 0, SS_SEGMENT_FILLED, 100, false}},
     "abcde"},
    {"fills, and covers a held one in part",
     {{"cde", 2, SS_SEGMENT_EARLY, 0, false},
      {"abXX", 0, SS_SEGMENT_FILLED, 100, false},
      {"f", 5, SS_SEGMENT_NEW, 0, false}},
     "abcdef"},
    {"begins before the edge, fills and leaves a hole",
     {{"a", 0, SS_SEGMENT_NEW, 0, false},
      {"de", 3, SS_SEGMENT_EARLY, 0, false},
      {"Xb", 0, SS_SEGMENT_FILLED, 200, false}},
     "ab"},
    {"keep-alive",
     {{"abc", 0, SS_SEGMENT_NEW, 0, false},
      {NULL, 3, SS_SEGMENT_EMPTY, 0, false},
      {"X", 2, SS_SEGMENT_EMPTY, 0, false}},
     "abc"},
    {"keep-alive before any byte",
     {{"X", UINT32_MAX, SS_SEGMENT_EMPTY, 0, false}, {"abc", 0, SS_SEGMENT_NEW, 0, false}},
     "abc"},
    {"one byte sent again is no keep-alive while it is unacknowledged",
     {{"abc", 0, SS_SEGMENT_NEW, 0, false},
      {NULL, 2, SS_SEGMENT_EMPTY, 0, false},
      {"X", 2, SS_SEGMENT_RETRANSMITTED, 100, false}},
     "abc"},
    {"two bytes are no keep-alive",
     {{"abc", 0, SS_SEGMENT_NEW, 0, false},
      {NULL, 3, SS_SEGMENT_EMPTY, 0, false},
      {"XX", 1, SS_SEGMENT_RETRANSMITTED, 100, true}},
     "abc"},
    {"acknowledged before it was seen",
     {{NULL, 3, SS_SEGMENT_EMPTY, 0, false},
      {"abc", 0, SS_SEGMENT_NEW, 0, false},
      {"abc", 0, SS_SEGMENT_RETRANSMITTED, 200, true}},
     "abc"},
    {"before the first byte",
     {{"ab", UINT32_MAX - 5, SS_SEGMENT_REFUSED, 0, false}, {"a", 0, SS_SEGMENT_NEW, 0, false}},
     "a"},
    {"before the first byte and beyond it", {{"XXabc", UINT32_MAX - 1, SS_SEGMENT_NEW, 0, false}}, "abc"},
    {"ends with the window", {{"ab", SS_STREAM_WINDOW - 2, SS_SEGMENT_EARLY, 0, false}}, ""},
    {"goes beyond the window", {{"ab", SS_STREAM_WINDOW - 1, SS_SEGMENT_REFUSED, 0, false}}, ""},
    {"half the numbers away", {{"ab", 1u << 31, SS_SEGMENT_REFUSED, 0, false}}, ""},
};

static void play(const struct script *script, uint32_t first)
{
    struct bench *bench = open_bench(first, BLOCKS);
    int64_t time_ns = 100;
    for (const struct step *step = script->steps; step < script->steps + STEPS_MAX; step++, time_ns += 100) {
        if (step->text == NULL && step->offset == 0)
            break;
        if (step->text == NULL) {
            acknowledge(bench, step->offset, time_ns);
            continue;
        }
        struct ss_segment_fate fate = feed(bench, step->offset, step->text, time_ns);
        if (fate.kind != step->kind || fate.since_ns != step->since_ns ||
            fate.was_acknowledged != step->was_acknowledged)
            fail_msg("%s: at %lld: kind %d, since %lld, acknowledged %d", script->name, (long long)time_ns,
                     (int)fate.kind, (long long)fate.since_ns, fate.was_acknowledged);
    }
    if (bench->length != strlen(script->text) || memcmp(bench->text, script->text, bench->length) != 0)
        fail_msg("%s: gave %.*s", script->name, (int)bench->length, bench->text);
    close_bench(bench);
}

static void a_segment_is_told_for_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(SCRIPTS); i++) {
        for (size_t j = 0; j < ROWS(FIRSTS); j++)
            play(&SCRIPTS[i], FIRSTS[j]);
    }
}

static void new_bytes_behind_unacknowledged_ones_sent_again_are_both(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        uint32_t acked; /* 0: nothing */
        uint32_t held;  /* bytes seen there before the hole is filled; 0: none */
        enum ss_segment_kind kind;
        bool begins_again;
    } SENT[] = {
        {"nothing acknowledged", 0, 0, SS_SEGMENT_NEW, true},
        {"half of it acknowledged", 2, 0, SS_SEGMENT_NEW, true},
        {"all acknowledged", 4, 0, SS_SEGMENT_NEW, false},
        {"a hole filled with it", 0, 6, SS_SEGMENT_FILLED, true},
    };
    for (size_t i = 0; i < ROWS(SENT); i++) {
        struct bench *bench = open_bench(FIRSTS[1], BLOCKS);
        print_message("%s\n", SENT[i].about);
        feed(bench, 0, "ab", 100);
        feed(bench, 2, "cd", 200);
        if (SENT[i].held > 0)
            feed(bench, SENT[i].held, "gh", 250);
        if (SENT[i].acked > 0)
            acknowledge(bench, SENT[i].acked, 300);
        struct ss_segment_fate fate = feed(bench, 0, "abcdef", 400);
        assert_int_equal(fate.kind, SENT[i].kind);
        assert_int_equal(fate.begins_again, SENT[i].begins_again);
        assert_int_equal(bench->stream.retransmitted, SENT[i].begins_again);
        if (fate.begins_again) {
            assert_int_equal(fate.again_end, bench->first + 4);
            assert_int_equal(fate.again_ns, 200);
        }
        close_bench(bench);
    }
}

static void every_kind_of_segment_has_a_row(void **state)
{
    (void)state;
    unsigned rows[SS_SEGMENT_KIND_COUNT] = {0};
    for (size_t i = 0; i < ROWS(SCRIPTS); i++) {
        for (const struct step *step = SCRIPTS[i].steps; step->text || step->offset; step++)
            rows[step->kind] += step->text != NULL;
    }
    for (unsigned kind = 0; kind < SS_SEGMENT_KIND_COUNT; kind++)
        assert_true(rows[kind] > 0);
}

/* ---- orders of arrival -------------------------------------------------------------------------------- */

static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz";

static void the_same_bytes_come_out_wherever_they_are_split(void **state)
{
    (void)state;
    for (uint32_t cut = 1; cut < 26; cut++) {
        for (unsigned swapped = 0; swapped < 2; swapped++) {
            struct bench *bench = open_bench(UINT32_MAX - 12, BLOCKS);
            for (unsigned part = 0; part < 2; part++) {
                bool is_head = (part == 0) != (swapped == 1);
                uint32_t offset = is_head ? 0 : cut;
                uint32_t bytes = is_head ? cut : 26 - cut;
                feed_bytes(bench, offset, ALPHABET + offset, bytes, bytes, 1 + part);
            }
            expect_text(bench, ALPHABET);
            close_bench(bench);
        }
    }
}

static void the_same_bytes_come_out_one_at_a_time(void **state)
{
    (void)state;
    struct bench *bench = open_bench(UINT32_MAX - 12, BLOCKS);
    for (uint32_t i = 0; i < 26; i++)
        assert_int_equal(feed_bytes(bench, i, ALPHABET + i, 1, 1, i).kind, SS_SEGMENT_NEW);
    expect_text(bench, ALPHABET);
    close_bench(bench);
}

static void five_segments_come_out_whole_in_any_order(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
        struct bench *bench = open_bench(UINT32_MAX - 7, BLOCKS);
        unsigned sent = 0;
        for (unsigned i = 0, rest = code; i < 5; i++, rest /= 5) {
            unsigned part = rest % 5;
            feed_bytes(bench, part * 5, ALPHABET + part * 5, part == 4 ? 6 : 5, part == 4 ? 6 : 5, 1 + i);
            sent |= 1u << part;
        }
        uint32_t whole = 0;
        while (sent >> whole & 1)
            whole++;
        assert_int_equal(bench->length, whole == 5 ? 26 : whole * 5);
        assert_memory_equal(bench->text, ALPHABET, bench->length);
        close_bench(bench);
    }
}

/* ---- sizes -------------------------------------------------------------------------------------------- */

static void fill_pattern(char *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (char)('A' + (i * 7 + i / 251) % 57);
}

static void a_super_frame_in_order_needs_no_block(void **state)
{
    (void)state;
    static char sent[65483];
    fill_pattern(sent, sizeof(sent));
    struct bench *bench = open_bench(UINT32_MAX - 40000, 0);
    assert_int_equal(feed_bytes(bench, 0, sent, sizeof(sent), sizeof(sent), 1).kind, SS_SEGMENT_NEW);
    assert_int_equal(bench->length, sizeof(sent));
    assert_memory_equal(bench->text, sent, sizeof(sent));
    close_bench(bench);
}

static void an_initial_window_is_held_while_its_first_segment_is_missing(void **state)
{
    (void)state;
    static char sent[10 * 1460];
    fill_pattern(sent, sizeof(sent));
    struct bench *bench = open_bench(UINT32_MAX - 5000, BLOCKS);
    for (uint32_t i = 1; i < 10; i++)
        assert_int_equal(feed_bytes(bench, i * 1460, sent + i * 1460, 1460, 1460, i).kind, SS_SEGMENT_EARLY);
    assert_int_equal(feed_bytes(bench, 0, sent, 1460, 1460, 20).since_ns, 1);
    assert_int_equal(bench->length, sizeof(sent));
    assert_memory_equal(bench->text, sent, sizeof(sent));
    assert_int_equal(seen_at(bench, 1), 20);
    assert_int_equal(seen_at(bench, sizeof(sent)), 20);
    close_bench(bench);
}

static void an_early_jumbo_frame_is_held_in_several_blocks(void **state)
{
    (void)state;
    static char sent[1 + 8960];
    fill_pattern(sent, sizeof(sent));
    struct bench *bench = open_bench(UINT32_MAX - 5000, BLOCKS);
    assert_int_equal(feed_bytes(bench, 1, sent + 1, 8960, 8960, 1).kind, SS_SEGMENT_EARLY);
    assert_int_equal(bench->pool.used, 5);
    feed_bytes(bench, 0, sent, 1, 1, 2);
    assert_int_equal(bench->length, sizeof(sent));
    assert_memory_equal(bench->text, sent, sizeof(sent));
    assert_int_equal(bench->pool.used, 0);
    close_bench(bench);
}

static void of_a_segment_too_large_to_hold_what_found_room_is_kept(void **state)
{
    (void)state;
    static char sent[1 + 60000];
    fill_pattern(sent, sizeof(sent));
    struct bench *bench = open_bench(7, BLOCKS);
    assert_int_equal(feed_bytes(bench, 1, sent + 1, 60000, 60000, 1).kind, SS_SEGMENT_REFUSED);
    assert_int_equal(bench->stream.refused, 1);
    assert_int_equal(bench->pool.used, BLOCKS);
    feed_bytes(bench, 0, sent, 1, 1, 2);
    assert_true(bench->length > BLOCKS * 2000);
    assert_memory_equal(bench->text, sent, bench->length);
    uint32_t rest = (uint32_t)sizeof(sent) - bench->length;
    assert_int_equal(feed_bytes(bench, bench->length, sent + bench->length, rest, rest, 3).kind,
                     SS_SEGMENT_NEW);
    assert_memory_equal(bench->text, sent, sizeof(sent));
    close_bench(bench);
}

static void a_segment_that_finds_no_block_is_refused_until_sent_again(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, 1);
    assert_int_equal(feed(bench, 2, "c", 1).kind, SS_SEGMENT_EARLY);
    assert_int_equal(feed(bench, 4, "e", 2).kind, SS_SEGMENT_REFUSED);
    assert_int_equal(bench->pool.refusals, 1);
    assert_int_equal(feed(bench, 0, "ab", 3).kind, SS_SEGMENT_FILLED);
    assert_int_equal(feed(bench, 4, "e", 4).kind, SS_SEGMENT_EARLY);
    assert_int_equal(feed(bench, 3, "d", 5).since_ns, 4);
    expect_text(bench, "abcde");
    close_bench(bench);
}

static void no_more_segments_are_held_than_there_are_entries(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    for (uint32_t i = 0; i < SS_STREAM_HELD; i++)
        assert_int_equal(feed(bench, 2 + 2 * i, "x", 1).kind, SS_SEGMENT_EARLY);
    assert_int_equal(feed(bench, 2 + 2 * SS_STREAM_HELD, "x", 1).kind, SS_SEGMENT_REFUSED);
    assert_int_equal(bench->pool.refusals, 0);
    close_bench(bench);
}

static void a_segment_larger_than_the_window_is_refused(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    assert_int_equal(feed_bytes(bench, 0, "a", SS_STREAM_WINDOW + 1, 1, 1).kind, SS_SEGMENT_REFUSED);
    assert_int_equal(feed_bytes(bench, 0, "a", UINT32_MAX, 1, 1).kind, SS_SEGMENT_REFUSED);
    expect_text(bench, "");
    feed(bench, 0, "abc", 2);
    assert_int_equal(feed_bytes(bench, 3, "a", UINT32_MAX, 1, 3).kind, SS_SEGMENT_REFUSED);
    assert_int_equal(bench->stream.refused, 3);
    expect_text(bench, "abc");
    close_bench(bench);
}

static void counters_stop_at_their_end(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    feed(bench, 0, "ab", 1);
    for (unsigned i = 0; i < 65600; i++) {
        feed(bench, 0, "ab", 2);
        feed(bench, UINT32_MAX - 10, "ab", 2);
    }
    assert_int_equal(bench->stream.retransmitted, UINT16_MAX);
    assert_int_equal(bench->stream.refused, UINT16_MAX);
    close_bench(bench);
}

/* ---- captures cut by a snap length -------------------------------------------------------------------- */

static void bytes_that_the_snap_length_cut_are_missing_not_lost(void **state)
{
    (void)state;
    struct bench *bench = open_bench(UINT32_MAX - 2, BLOCKS);
    assert_int_equal(feed_bytes(bench, 0, "abXX", 4, 2, 1).kind, SS_SEGMENT_NEW);
    assert_int_equal(feed_bytes(bench, 4, NULL, 2, 0, 2).kind, SS_SEGMENT_NEW);
    assert_int_equal(feed_bytes(bench, 1, "XXXXXgh", 7, 7, 3).kind, SS_SEGMENT_NEW);
    expect_text(bench, "ab....gh");
    close_bench(bench);
}

static void cut_bytes_are_missing_also_when_they_were_held(void **state)
{
    (void)state;
    struct bench *bench = open_bench(UINT32_MAX - 2, BLOCKS);
    assert_int_equal(feed_bytes(bench, 1, "bXX", 3, 1, 1).kind, SS_SEGMENT_EARLY);
    assert_int_equal(feed_bytes(bench, 4, NULL, 2, 0, 2).kind, SS_SEGMENT_EARLY);
    assert_int_equal(feed_bytes(bench, 2, "cd", 2, 2, 3).kind, SS_SEGMENT_RETRANSMITTED);
    assert_int_equal(feed_bytes(bench, 6, "g", 1, 1, 4).kind, SS_SEGMENT_EARLY);
    assert_int_equal(feed_bytes(bench, 0, "a", 1, 1, 5).since_ns, 1);
    expect_text(bench, "ab....g");
    close_bench(bench);
}

static void a_cut_super_frame_is_held_in_one_block(void **state)
{
    (void)state;
    static char sent[1900];
    fill_pattern(sent, sizeof(sent));
    struct bench *bench = open_bench(UINT32_MAX - 2, BLOCKS);
    assert_int_equal(feed_bytes(bench, 1, sent, 65483, sizeof(sent), 1).kind, SS_SEGMENT_EARLY);
    assert_int_equal(bench->pool.used, 1);
    feed(bench, 0, "a", 2);
    assert_int_equal(bench->length, 1 + 65483);
    assert_memory_equal(bench->text + 1, sent, sizeof(sent));
    assert_int_equal(bench->text[1 + sizeof(sent)], '.');
    close_bench(bench);
}

static void only_what_follows_the_captured_bytes_is_missing(void **state)
{
    (void)state;
    static char sent[5000];
    fill_pattern(sent, sizeof(sent));
    struct bench *bench = open_bench(UINT32_MAX - 2, BLOCKS);
    assert_int_equal(feed_bytes(bench, 1, sent, 9000, sizeof(sent), 1).kind, SS_SEGMENT_EARLY);
    assert_int_equal(bench->pool.used, 3);
    feed(bench, 0, "a", 2);
    assert_int_equal(bench->length, 1 + 9000);
    assert_memory_equal(bench->text + 1, sent, sizeof(sent));
    for (uint32_t i = 1 + sizeof(sent); i < 1 + 9000; i++)
        assert_int_equal(bench->text[i], '.');
    close_bench(bench);
}

static void a_segment_that_claims_more_captured_than_sent_is_cut_to_what_was_sent(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    feed_bytes(bench, 1, "bcX", 2, 3, 1);
    feed_bytes(bench, 0, "aX", 1, 2, 2);
    expect_text(bench, "abc");
    close_bench(bench);
}

/* ---- holes that stay ---------------------------------------------------------------------------------- */

/* sent: offset before which the sender had sent everything. */
static void skip_hole_to(struct bench *bench, uint32_t sent, int64_t time_ns, uint32_t missing)
{
    sent += bench->stream.first;
    assert_int_equal(ss_stream_skip_hole(&bench->stream, &bench->pool, sent, time_ns), missing);
    memset(bench->text + bench->length, '?', missing);
    bench->length += missing;
    drain(bench, NULL);
}

static void skip_hole(struct bench *bench, int64_t time_ns, uint32_t missing)
{
    skip_hole_to(bench, ss_stream_acknowledged(&bench->stream) - bench->stream.first, time_ns, missing);
}

static void a_hole_is_skipped_to_what_is_held_behind_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(FIRSTS); i++) {
        struct bench *bench = open_bench(FIRSTS[i], BLOCKS);
        feed(bench, 0, "ab", 100);
        feed(bench, 4, "ef", 200);
        feed(bench, 7, "h", 300);
        skip_hole(bench, 400, 2);
        expect_text(bench, "ab??ef");
        assert_int_equal(seen_at(bench, 6), 400);
        assert_int_equal(feed(bench, 2, "cd", 500).kind, SS_SEGMENT_RETRANSMITTED);
        assert_int_equal(feed(bench, 6, "g", 600).since_ns, 300);
        expect_text(bench, "ab??efgh");
        close_bench(bench);
    }
}

static void a_hole_is_skipped_only_as_far_as_it_was_acknowledged(void **state)
{
    (void)state;
    struct bench *bench = open_bench(UINT32_MAX - 2, BLOCKS);
    feed(bench, 4, "ef", 100);
    acknowledge(bench, 2, 200);
    skip_hole(bench, 300, 2);
    expect_text(bench, "??");
    assert_int_equal(feed(bench, 2, "cd", 400).since_ns, 100);
    expect_text(bench, "??cdef");
    acknowledge(bench, 8, 500);
    skip_hole(bench, 600, 2);
    expect_text(bench, "??cdef??");
    assert_int_equal(seen_at(bench, 8), 600);
    close_bench(bench);
}

static void a_hole_is_skipped_only_as_far_as_its_sender_had_sent(void **state)
{
    (void)state;
    struct bench *bench = open_bench(UINT32_MAX - 2, BLOCKS);
    feed(bench, 0, "ab", 100);
    acknowledge(bench, 1000, 200);
    skip_hole_to(bench, 2, 300, 0);
    skip_hole_to(bench, 1, 300, 0);
    skip_hole_to(bench, 4, 300, 2);
    expect_text(bench, "ab??");
    feed(bench, 6, "gh", 400);
    skip_hole_to(bench, 4, 500, 2);
    expect_text(bench, "ab????gh");
    close_bench(bench);
}

static void a_stream_that_starts_anew_has_seen_nothing(void **state)
{
    (void)state;
    struct bench *bench = open_bench(UINT32_MAX - 2, BLOCKS);
    feed(bench, 0, "ab", 100);
    feed(bench, 4, "ef", 200);
    ss_stream_restart(&bench->stream, &bench->pool);
    assert_int_equal(bench->pool.used, 0);
    bench->length = 0;
    assert_int_equal(feed(bench, 0, "abcd", 300).kind, SS_SEGMENT_NEW);
    expect_text(bench, "abcd");
    assert_int_equal(seen_at(bench, 2), 300);
    close_bench(bench);
}

static void a_stream_without_a_hole_skips_nothing(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    skip_hole(bench, 100, 0);
    feed(bench, 0, "ab", 200);
    acknowledge(bench, 2, 300);
    skip_hole(bench, 400, 0);
    assert_int_equal(bench->stream.progress_count, 1);
    close_bench(bench);
}

static void bytes_not_taken_are_dropped_and_their_blocks_come_back(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    struct ss_segment early = {9, (const uint8_t *)"cd", 2, 2, 1};
    struct ss_segment filling = {7, (const uint8_t *)"ab", 2, 2, 2};
    struct ss_segment after = {11, (const uint8_t *)"ef", 2, 2, 3};
    struct ss_chunk chunk;
    ss_stream_feed(&bench->stream, &bench->pool, &early);
    ss_stream_feed(&bench->stream, &bench->pool, &filling);
    assert_int_equal(ss_stream_feed(&bench->stream, &bench->pool, &after).kind, SS_SEGMENT_NEW);
    assert_int_equal(bench->pool.used, 0);
    assert_true(ss_stream_next(&bench->stream, &bench->pool, &after, &chunk));
    assert_int_equal(chunk.seq, 11);
    assert_false(ss_stream_next(&bench->stream, &bench->pool, &after, &chunk));
    close_bench(bench);
}

/* ---- when --------------------------------------------------------------------------------------------- */

static void the_time_of_a_byte_is_when_all_up_to_it_was_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(FIRSTS); i++) {
        struct bench *bench = open_bench(FIRSTS[i], BLOCKS);
        assert_int_equal(seen_at(bench, 0), -1);
        feed(bench, 0, "ab", 100);
        feed(bench, 4, "ef", 200);
        assert_int_equal(seen_at(bench, 3), -1);
        feed(bench, 2, "cd", 300);
        feed(bench, 6, "g", 400);
        static const int64_t TIMES[] = {100, 100, 100, 300, 300, 300, 300, 400, -1};
        for (uint32_t offset = 0; offset < ROWS(TIMES); offset++)
            assert_int_equal(seen_at(bench, offset), TIMES[offset]);
        close_bench(bench);
    }
}

static void a_later_byte_with_an_earlier_time_was_not_there_before_its_predecessor(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    feed(bench, 0, "ab", 100);
    feed(bench, 2, "cd", 90);
    assert_int_equal(seen_at(bench, 4), 100);
    acknowledge(bench, 2, 100);
    acknowledge(bench, 4, 90);
    assert_int_equal(acknowledged_at(bench, 4), 100);
    feed(bench, 6, "gh", 200);
    feed(bench, 4, "ef", 190);
    assert_int_equal(seen_at(bench, 8), 200);
    feed(bench, 9, "j", 300);
    feed(bench, 11, "l", 290);
    assert_int_equal(feed(bench, 8, "i", 310).since_ns, 290);
    close_bench(bench);
}

static void acknowledgements_are_remembered_even_before_their_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(FIRSTS); i++) {
        struct bench *bench = open_bench(FIRSTS[i], BLOCKS);
        acknowledge(bench, 0, 50);
        assert_int_equal(bench->stream.ack_count, 0);
        acknowledge(bench, 3, 100);
        feed(bench, 0, "abcdef", 200);
        acknowledge(bench, 2, 300);
        acknowledge(bench, 3, 300);
        acknowledge(bench, 6, 400);
        acknowledge(bench, 6 + SS_STREAM_WINDOW + 1, 500);
        acknowledge(bench, 1u << 31, 500);
        static const int64_t TIMES[] = {100, 100, 100, 100, 400, 400, 400, -1};
        for (uint32_t offset = 0; offset < ROWS(TIMES); offset++)
            assert_int_equal(acknowledged_at(bench, offset), TIMES[offset]);
        acknowledge(bench, 6 + SS_STREAM_WINDOW, 600);
        assert_int_equal(acknowledged_at(bench, 7), 600);
        close_bench(bench);
    }
}

/* A direction of `sent` segments of one byte, byte i at 100 * (i + 1), acknowledged up to acked at once after
 * each. */
static struct bench *open_long(uint32_t sent, uint32_t acked)
{
    struct bench *bench = open_bench(UINT32_MAX - 30, BLOCKS);
    for (uint32_t i = 0; i < sent; i++) {
        int64_t time_ns = 100 * ((int64_t)i + 1);
        feed(bench, i, "x", time_ns);
        if (i + 1 <= acked)
            acknowledge(bench, i + 1, time_ns + 10);
    }
    return bench;
}

static void unacknowledged_points_outlast_acknowledged_ones(void **state)
{
    (void)state;
    const uint32_t acked = 60 - SS_STREAM_PROGRESS * 3 / 4;
    struct bench *bench = open_long(60, acked);
    assert_true(bench->stream.progress_count <= SS_STREAM_PROGRESS);
    for (uint32_t offset = acked; offset <= 60; offset++)
        assert_int_equal(seen_at(bench, offset), 100 * (int64_t)offset);
    close_bench(bench);

    bench = open_long(SS_STREAM_PROGRESS + 1, 3);
    assert_int_equal(seen_at(bench, 3), 300);
    close_bench(bench);
}

static void a_forgotten_time_is_answered_late_but_never_early(void **state)
{
    (void)state;
    struct bench *bench = open_long(500, 0);
    assert_int_equal(bench->stream.progress_count, SS_STREAM_PROGRESS);
    assert_int_equal(seen_at(bench, 1), 100);
    assert_int_equal(seen_at(bench, 500), 50000);
    for (uint32_t offset = 1; offset <= 500; offset++) {
        /* Merging what is closest spreads the points evenly: none stands for more than a few shares of them
         * all. */
        assert_true(seen_at(bench, offset) >= 100 * (int64_t)offset);
        assert_true(seen_at(bench, offset) <= 100 * ((int64_t)offset + 4 * 500 / SS_STREAM_PROGRESS));
    }
    close_bench(bench);
}

static void a_forgotten_acknowledgement_is_answered_late_but_never_early(void **state)
{
    (void)state;
    struct bench *bench = open_long(50, 50);
    assert_int_equal(bench->stream.ack_count, SS_STREAM_ACKS);
    for (uint32_t offset = 1; offset <= 50; offset++)
        assert_true(acknowledged_at(bench, offset) >= 100 * (int64_t)offset + 10);
    for (uint32_t offset = 50 - SS_STREAM_ACKS + 1; offset <= 50; offset++)
        assert_int_equal(acknowledged_at(bench, offset), 100 * (int64_t)offset + 10);
    close_bench(bench);
}

static void without_more_room_points_are_forgotten_sooner_and_as_late(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    bench->stream.more = NULL;
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(ss_stream_is_full(&bench->stream), i >= SS_STREAM_FEW);
        assert_int_equal(ss_stream_is_full_for(&bench->stream, 7 + i + 1), i >= SS_STREAM_FEW_ACKS);
        feed(bench, i, "x", 100 * ((int64_t)i + 1));
        acknowledge(bench, i + 1, 100 * ((int64_t)i + 1) + 10);
        assert_int_equal(seen_at(bench, i + 1), 100 * ((int64_t)i + 1));
        assert_int_equal(acknowledged_at(bench, i + 1), 100 * ((int64_t)i + 1) + 10);
    }
    for (uint32_t offset = 1; offset <= 20; offset++) {
        assert_true(seen_at(bench, offset) >= 100 * (int64_t)offset);
        assert_true(acknowledged_at(bench, offset) >= 100 * (int64_t)offset + 10);
    }
    close_bench(bench);
}

static void more_room_keeps_what_was_remembered(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    bench->stream.more = NULL;
    for (uint32_t i = 0; i < 10; i++) {
        if (i == 3)
            ss_stream_extend(&bench->stream, &bench->more);
        feed(bench, i, "x", 100 * ((int64_t)i + 1));
    }
    for (uint32_t offset = 1; offset <= 10; offset++)
        assert_int_equal(seen_at(bench, offset), 100 * (int64_t)offset);
    close_bench(bench);
}

static void segments_of_one_burst_share_a_point(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    for (uint32_t i = 0; i < 100; i++)
        feed(bench, i, "x", 100);
    assert_int_equal(bench->stream.progress_count, 1);
    assert_int_equal(seen_at(bench, 100), 100);
    close_bench(bench);
}

/* ---- life --------------------------------------------------------------------------------------------- */

static void a_stream_starts_anew_only_before_its_first_byte(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    acknowledge(bench, 5, 50);
    ss_stream_start(&bench->stream, 500);
    bench->first = 500;
    assert_int_equal(bench->stream.ack_count, 0);
    feed(bench, 1, "b", 100);
    ss_stream_start(&bench->stream, 9000);
    feed(bench, 0, "a", 200);
    ss_stream_start(&bench->stream, 9000);
    feed(bench, 2, "c", 300);
    expect_text(bench, "abc");
    close_bench(bench);
}

static void a_stream_not_started_knows_no_acknowledgements(void **state)
{
    (void)state;
    struct ss_stream stream;
    int64_t time_ns = -1;
    ss_stream_init(&stream);
    ss_stream_acknowledge(&stream, 5, 100);
    assert_false(ss_stream_acknowledged_at(&stream, 5, &time_ns));
    assert_false(ss_stream_seen_at(&stream, 0, &time_ns));
    assert_int_equal(time_ns, -1);
}

static void a_released_stream_gives_its_blocks_back_and_keeps_its_times(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    feed(bench, 0, "ab", 100);
    feed(bench, 4, "ef", 200);
    feed(bench, 8, "ij", 300);
    assert_int_equal(bench->pool.used, 2);
    ss_stream_release(&bench->stream, &bench->pool);
    ss_stream_release(&bench->stream, &bench->pool);
    assert_int_equal(bench->pool.used, 0);
    assert_int_equal(ss_stream_hole_since(&bench->stream, &bench->pool), 0);
    assert_int_equal(seen_at(bench, 2), 100);
    close_bench(bench);
}

static void a_stream_beyond_two_gigabytes_still_compares(void **state)
{
    (void)state;
    struct bench *bench = open_bench(7, BLOCKS);
    struct ss_segment segment = {.seq = 7, .bytes = SS_STREAM_WINDOW};
    struct ss_chunk chunk;
    for (unsigned i = 0; i < 3000; i++, segment.seq += segment.bytes) {
        segment.time_ns = i + 1;
        assert_int_equal(ss_stream_feed(&bench->stream, &bench->pool, &segment).kind, SS_SEGMENT_NEW);
        assert_true(ss_stream_next(&bench->stream, &bench->pool, &segment, &chunk));
    }
    segment.seq -= segment.bytes;
    assert_int_equal(ss_stream_feed(&bench->stream, &bench->pool, &segment).kind, SS_SEGMENT_RETRANSMITTED);
    int64_t time_ns = -1;
    assert_true(ss_stream_seen_at(&bench->stream, bench->stream.edge, &time_ns));
    assert_int_equal(time_ns, 3000);
    close_bench(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_told_for_what_it_is),
        cmocka_unit_test(new_bytes_behind_unacknowledged_ones_sent_again_are_both),
        cmocka_unit_test(every_kind_of_segment_has_a_row),
        cmocka_unit_test(the_same_bytes_come_out_wherever_they_are_split),
        cmocka_unit_test(the_same_bytes_come_out_one_at_a_time),
        cmocka_unit_test(five_segments_come_out_whole_in_any_order),
        cmocka_unit_test(a_super_frame_in_order_needs_no_block),
        cmocka_unit_test(an_initial_window_is_held_while_its_first_segment_is_missing),
        cmocka_unit_test(an_early_jumbo_frame_is_held_in_several_blocks),
        cmocka_unit_test(of_a_segment_too_large_to_hold_what_found_room_is_kept),
        cmocka_unit_test(a_segment_that_finds_no_block_is_refused_until_sent_again),
        cmocka_unit_test(no_more_segments_are_held_than_there_are_entries),
        cmocka_unit_test(a_segment_larger_than_the_window_is_refused),
        cmocka_unit_test(counters_stop_at_their_end),
        cmocka_unit_test(bytes_that_the_snap_length_cut_are_missing_not_lost),
        cmocka_unit_test(cut_bytes_are_missing_also_when_they_were_held),
        cmocka_unit_test(a_cut_super_frame_is_held_in_one_block),
        cmocka_unit_test(only_what_follows_the_captured_bytes_is_missing),
        cmocka_unit_test(a_segment_that_claims_more_captured_than_sent_is_cut_to_what_was_sent),
        cmocka_unit_test(a_hole_is_skipped_to_what_is_held_behind_it),
        cmocka_unit_test(a_hole_is_skipped_only_as_far_as_it_was_acknowledged),
        cmocka_unit_test(a_hole_is_skipped_only_as_far_as_its_sender_had_sent),
        cmocka_unit_test(a_stream_that_starts_anew_has_seen_nothing),
        cmocka_unit_test(a_stream_without_a_hole_skips_nothing),
        cmocka_unit_test(bytes_not_taken_are_dropped_and_their_blocks_come_back),
        cmocka_unit_test(the_time_of_a_byte_is_when_all_up_to_it_was_there),
        cmocka_unit_test(a_later_byte_with_an_earlier_time_was_not_there_before_its_predecessor),
        cmocka_unit_test(acknowledgements_are_remembered_even_before_their_bytes),
        cmocka_unit_test(a_forgotten_time_is_answered_late_but_never_early),
        cmocka_unit_test(unacknowledged_points_outlast_acknowledged_ones),
        cmocka_unit_test(a_forgotten_acknowledgement_is_answered_late_but_never_early),
        cmocka_unit_test(without_more_room_points_are_forgotten_sooner_and_as_late),
        cmocka_unit_test(more_room_keeps_what_was_remembered),
        cmocka_unit_test(segments_of_one_burst_share_a_point),
        cmocka_unit_test(a_stream_starts_anew_only_before_its_first_byte),
        cmocka_unit_test(a_stream_not_started_knows_no_acknowledgements),
        cmocka_unit_test(a_released_stream_gives_its_blocks_back_and_keeps_its_times),
        cmocka_unit_test(a_stream_beyond_two_gigabytes_still_compares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
