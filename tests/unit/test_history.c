// SPDX-License-Identifier: BSD-3-Clause
#include "history/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING 4096

/* A ring in memory of exactly its size, so that the sanitizers see a byte too far. */
static struct ss_history ring_of(uint64_t bytes, uint32_t snaplen)
{
    struct ss_history history;
    void *memory = bytes ? calloc(1, bytes) : NULL;
    assert_true(memory || bytes == 0);
    ss_history_init(&history, memory, bytes, snaplen);
    return history;
}

/* Content that can be recomputed from the record's number. */
static uint8_t byte_of(uint64_t number, uint32_t i)
{
    return (uint8_t)(number * 31 + i * 7 + 1);
}

static uint64_t append(struct ss_history *history, uint64_t number, uint32_t bytes, uint64_t previous)
{
    static uint8_t data[65536];
    assert_true(bytes <= sizeof(data));
    for (uint32_t i = 0; i < bytes; i++)
        data[i] = byte_of(number, i);
    struct ss_frame frame = {.data = data,
                             .captured = bytes,
                             .wire = bytes + 3,
                             .time_ns = (int64_t)number * 1000,
                             .port = (uint16_t)(number & 0xff),
                             .link = SS_LINK_SLL2};
    return ss_history_append(history, &frame, number, previous);
}

static void assert_record(const struct ss_history *history, uint64_t position, uint64_t number,
                          uint32_t bytes)
{
    struct ss_history_record record;
    assert_true(ss_history_read(history, position, &record));
    assert_int_equal(record.number, number);
    assert_int_equal(record.captured, bytes);
    assert_int_equal(record.wire, bytes + 3);
    assert_int_equal(record.time_ns, number * 1000);
    assert_int_equal(record.port, number & 0xff);
    assert_int_equal(record.link, SS_LINK_SLL2);
    assert_int_equal(record.kind, SS_HISTORY_FRAME);
    for (uint32_t i = 0; i < bytes; i++)
        assert_int_equal(record.data[i], byte_of(number, i));
}

static void a_record_reads_back_as_it_was_written(void **state)
{
    (void)state;
    struct ss_history history = ring_of(RING, 65535);
    uint32_t sizes[] = {0, 1, 7, 8, 9, 60, 513};
    uint64_t positions[7];
    for (unsigned i = 0; i < 7; i++)
        positions[i] = append(&history, i + 1, sizes[i], SS_HISTORY_NONE);
    for (unsigned i = 0; i < 7; i++)
        assert_record(&history, positions[i], i + 1, sizes[i]);
    assert_int_equal(history.records, 7);
    assert_int_equal(history.data_bytes, 0 + 1 + 7 + 8 + 9 + 60 + 513);
    free(history.memory);
}

static void a_chain_is_read_backwards(void **state)
{
    (void)state;
    struct ss_history history = ring_of(RING, 65535);
    uint64_t even = SS_HISTORY_NONE, odd = SS_HISTORY_NONE;
    for (uint64_t number = 1; number <= 20; number++) {
        uint64_t *chain = number % 2 ? &odd : &even;
        *chain = append(&history, number, 20, *chain);
    }
    struct ss_history_record record;
    uint64_t expected = 19;
    for (uint64_t at = odd; at != SS_HISTORY_NONE; at = record.previous, expected -= 2) {
        assert_true(ss_history_read(&history, at, &record));
        assert_int_equal(record.number, expected);
    }
    assert_int_equal(expected, (uint64_t)-1);
    free(history.memory);
}

static void a_frame_longer_than_snaplen_is_cut_and_says_so(void **state)
{
    (void)state;
    struct ss_history history = ring_of(RING, 100);
    uint64_t position = append(&history, 1, 300, SS_HISTORY_NONE);
    struct ss_history_record record;
    assert_true(ss_history_read(&history, position, &record));
    assert_int_equal(record.captured, 100);
    assert_int_equal(record.wire, 303);
    assert_int_equal(history.data_bytes, 100);
    free(history.memory);
}

static void a_tier_of_no_bytes_keeps_nothing(void **state)
{
    (void)state;
    struct ss_history history = ring_of(0, 65535);
    struct ss_history_record record;
    int64_t oldest = 7;
    void *data = &oldest;
    assert_true(append(&history, 1, 60, SS_HISTORY_NONE) == SS_HISTORY_NONE);
    assert_true(ss_history_append_note(&history, 8, 0, SS_HISTORY_NONE, &data) == SS_HISTORY_NONE);
    assert_ptr_equal(data, &oldest);
    assert_false(ss_history_read(&history, 0, &record));
    assert_false(ss_history_oldest(&history, &oldest));
    assert_int_equal(oldest, 7);
    assert_int_equal(history.records, 0);
}

static void a_record_larger_than_a_quarter_of_the_ring_is_refused(void **state)
{
    (void)state;
    struct ss_history history = ring_of(RING, 65535);
    uint32_t most = RING / 4 - SS_HISTORY_HEADER;
    assert_true(append(&history, 1, most + 1, SS_HISTORY_NONE) == SS_HISTORY_NONE);
    assert_int_equal(history.head, 0);
    uint64_t position = append(&history, 2, most, SS_HISTORY_NONE);
    assert_record(&history, position, 2, most);
    free(history.memory);
}

static void what_was_never_a_record_is_not_read(void **state)
{
    (void)state;
    struct ss_history history = ring_of(RING, 65535);
    struct ss_history_record record;
    assert_false(ss_history_read(&history, 0, &record)); /* zeroed memory, nothing written */
    uint64_t first = append(&history, 1, 200, SS_HISTORY_NONE);
    uint64_t second = append(&history, 2, 200, SS_HISTORY_NONE);
    unsigned readable = 0;
    for (uint64_t at = 0; at < history.head + 100; at++)
        readable += ss_history_read(&history, at, &record);
    assert_int_equal(readable, 2);
    assert_record(&history, first, 1, 200);
    assert_record(&history, second, 2, 200);
    assert_false(ss_history_read(&history, SS_HISTORY_NONE, &record));
    assert_false(ss_history_read(&history, history.head, &record));
    free(history.memory);
}

/* A hostile sender puts what looks like a header into its packets. */
static void a_record_copied_into_a_packet_is_not_a_record(void **state)
{
    (void)state;
    struct ss_history history = ring_of(RING, 65535);
    uint64_t position = append(&history, 1, 64, SS_HISTORY_NONE);
    struct ss_frame frame = {.data = history.memory, .captured = 104, .wire = 104};
    uint8_t copy[104];
    memcpy(copy, history.memory, sizeof(copy));
    frame.data = copy;
    uint64_t bait = ss_history_append(&history, &frame, 2, SS_HISTORY_NONE);
    struct ss_history_record record;
    assert_false(ss_history_read(&history, bait + SS_HISTORY_HEADER, &record));
    assert_record(&history, position, 1, 64);
    free(history.memory);
}

/* Against a list of all that was ever appended: after every append, exactly the records that fit behind the
 * head can be read, whole, and the oldest of them is the one that oldest() tells. */
static void check_model(uint64_t ring_bytes, uint32_t most, unsigned appends)
{
    struct ss_history history = ring_of(ring_bytes, 65535);
    uint64_t *positions = calloc(appends + 1, sizeof(*positions));
    uint32_t *sizes = calloc(appends + 1, sizeof(*sizes));
    assert_true(positions && sizes);
    uint64_t random = 88172645463325252ULL, oldest = 1;
    for (unsigned number = 1; number <= appends; number++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        sizes[number] = (uint32_t)(random % (most + 1));
        positions[number] = append(&history, number, sizes[number], SS_HISTORY_NONE);
        assert_true(positions[number] != SS_HISTORY_NONE);
        struct ss_history_record record;
        while (positions[oldest] + history.bytes < history.head)
            assert_false(ss_history_read(&history, positions[oldest++], &record));
        for (uint64_t at = oldest; at <= number; at++)
            assert_record(&history, positions[at], at, sizes[at]);
        int64_t time_ns;
        assert_true(ss_history_oldest(&history, &time_ns));
        assert_int_equal(time_ns, oldest * 1000);
    }
    assert_true(oldest > 1); /* it went round */
    free(positions);
    free(sizes);
    free(history.memory);
}

static void only_the_oldest_records_are_overwritten_and_each_read_proves_it(void **state)
{
    (void)state;
    struct {
        uint64_t ring_bytes;
        uint32_t most;
        unsigned appends;
    } rows[] = {{RING, 300, 600}, {RING, RING / 4 - 40, 400}, {RING + 8, 0, 500},   {1000, 200, 500},
                {4104, 1, 700},   {2047, 100, 400},           {RING + 16, 24, 600}, {65536, 1514, 600}};
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_model(rows[i].ring_bytes, rows[i].most, rows[i].appends);
}

static void every_distance_to_the_rings_end_is_filled_right(void **state)
{
    (void)state;
    for (uint32_t last = 0; last <= 512; last++) {
        struct ss_history history = ring_of(2048, 65535);
        for (unsigned i = 0; i < 3; i++)
            append(&history, i, 472 - 40, SS_HISTORY_NONE);
        uint64_t before = append(&history, 3, last < 472 ? last : 472, SS_HISTORY_NONE);
        uint64_t after = append(&history, 4, 400, SS_HISTORY_NONE);
        assert_record(&history, before, 3, last < 472 ? last : 472);
        assert_record(&history, after, 4, 400);
        for (uint64_t number = 5; number < 12; number++)
            assert_record(&history, append(&history, number, 300, SS_HISTORY_NONE), number, 300);
        free(history.memory);
    }
}

static void a_note_can_be_written_until_it_is_overwritten(void **state)
{
    (void)state;
    struct ss_history history = ring_of(RING, 10); /* snaplen is for frames */
    void *data = NULL;
    uint64_t note = ss_history_append_note(&history, 100, 77, 1234, &data);
    assert_non_null(data);
    assert_int_equal((uintptr_t)data % 8, 0);
    memset(data, 'x', 100);
    uint64_t frame = append(&history, 2, 8, note);

    assert_ptr_equal(ss_history_note(&history, note, 100), data);
    assert_null(ss_history_note(&history, note, 99));
    assert_null(ss_history_note(&history, frame, 8)); /* a frame is no note */

    struct ss_history_record record;
    assert_true(ss_history_read(&history, note, &record));
    assert_int_equal(record.kind, SS_HISTORY_NOTE);
    assert_int_equal(record.previous, 1234);
    assert_int_equal(record.time_ns, 77);
    assert_int_equal(record.captured, 100);
    assert_int_equal(record.data[99], 'x');

    for (unsigned i = 0; i < RING / 48; i++)
        append(&history, i, 8, SS_HISTORY_NONE);
    assert_null(ss_history_note(&history, note, 100));
    free(history.memory);
}

static void nine_tenths_of_the_ring_are_packets_at_a_mean_of_850_bytes(void **state)
{
    (void)state;
    uint64_t bytes = 1 << 20;
    struct ss_history history = ring_of(bytes, 65535);
    uint64_t oldest = 0, numbers = 6000, kept = 0;
    uint64_t *positions = calloc(numbers, sizeof(*positions));
    assert_non_null(positions);
    for (uint64_t i = 0; i < numbers; i++)
        positions[i] = append(&history, i, i % 2 ? 200 : 1500, SS_HISTORY_NONE);
    struct ss_history_record record;
    while (!ss_history_read(&history, positions[oldest], &record))
        oldest++;
    for (uint64_t i = oldest; i < numbers; i++)
        kept += i % 2 ? 200 : 1500;
    assert_true(kept * 100 >= bytes * 90);
    free(positions);
    free(history.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_reads_back_as_it_was_written),
        cmocka_unit_test(a_chain_is_read_backwards),
        cmocka_unit_test(a_frame_longer_than_snaplen_is_cut_and_says_so),
        cmocka_unit_test(a_tier_of_no_bytes_keeps_nothing),
        cmocka_unit_test(a_record_larger_than_a_quarter_of_the_ring_is_refused),
        cmocka_unit_test(what_was_never_a_record_is_not_read),
        cmocka_unit_test(a_record_copied_into_a_packet_is_not_a_record),
        cmocka_unit_test(only_the_oldest_records_are_overwritten_and_each_read_proves_it),
        cmocka_unit_test(every_distance_to_the_rings_end_is_filled_right),
        cmocka_unit_test(a_note_can_be_written_until_it_is_overwritten),
        cmocka_unit_test(nine_tenths_of_the_ring_are_packets_at_a_mean_of_850_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
