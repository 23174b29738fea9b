// SPDX-License-Identifier: BSD-3-Clause
#include "worker/export_blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEADER ((uint32_t)sizeof(struct ss_history_record))

/* A block in memory of exactly its size, so that the sanitizers see a byte too far. */
static struct ss_export_block *block_of(uint32_t capacity)
{
    struct ss_export_block *block = malloc(sizeof(*block) + capacity);
    assert_non_null(block);
    memset(block, 0xee, sizeof(*block) + capacity);
    ss_export_block_init(block, 7);
    return block;
}

static bool add(struct ss_export_block *block, uint32_t capacity, uint64_t number, uint32_t bytes)
{
    static uint8_t data[70000];
    assert_true(bytes <= sizeof(data));
    memset(data, (int)number, bytes);
    struct ss_history_record record = {.data = data,
                                       .previous = number - 1,
                                       .number = number,
                                       .time_ns = (int64_t)number * 1000,
                                       .captured = bytes,
                                       .wire = bytes + 4,
                                       .port = 3,
                                       .link = SS_LINK_ETHERNET,
                                       .kind = SS_HISTORY_FRAME};
    return ss_export_block_add(block, capacity, &record);
}

static void assert_next(const struct ss_export_block *block, uint32_t *offset, uint64_t number,
                        uint32_t bytes)
{
    struct ss_history_record record;
    assert_true(ss_export_block_next(block, offset, &record));
    assert_int_equal(record.number, number);
    assert_int_equal(record.time_ns, number * 1000);
    assert_int_equal(record.captured, bytes);
    assert_int_equal(record.port, 3);
    assert_int_equal(record.link, SS_LINK_ETHERNET);
    assert_int_equal(record.kind, SS_HISTORY_FRAME);
    for (uint32_t i = 0; i < bytes; i++)
        assert_int_equal(record.data[i], number);
}

static void assert_end(const struct ss_export_block *block, uint32_t offset)
{
    struct ss_history_record record = {.number = 99};
    assert_int_equal(offset, block->used);
    assert_false(ss_export_block_next(block, &offset, &record));
    assert_int_equal(record.number, 99);
}

static void a_new_block_is_empty_and_knows_its_job(void **state)
{
    (void)state;
    struct ss_export_block *block = block_of(256);
    assert_int_equal(block->job, 7);
    assert_int_equal(block->records, 0);
    assert_false(block->is_last);
    assert_false(block->is_gone);
    assert_null(block->next);
    assert_end(block, 0);
    free(block);
}

static void records_come_back_in_order_whatever_their_length(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {1, 7, 8, 9, 0, 60, 1514};
    const unsigned count = sizeof(lengths) / sizeof(lengths[0]);
    struct ss_export_block *block = block_of(4096);
    for (unsigned i = 0; i < count; i++)
        assert_true(add(block, 4096, i + 1, lengths[i]));
    assert_int_equal(block->records, count);

    uint32_t offset = 0;
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(offset % 8, 0);
        assert_next(block, &offset, i + 1, lengths[i]);
    }
    assert_end(block, offset);
    free(block);
}

static void a_record_does_not_carry_its_writers_pointer(void **state)
{
    (void)state;
    struct ss_export_block *block = block_of(256);
    struct ss_history_record stored;
    assert_true(add(block, 256, 1, 8));
    memcpy(&stored, block->data, sizeof(stored));
    assert_null(stored.data);
    free(block);
}

static void a_block_takes_what_fits_to_the_byte_and_refuses_the_next(void **state)
{
    (void)state;
    const uint32_t capacity = 2 * (HEADER + 64);
    struct ss_export_block *block = block_of(capacity);
    assert_true(add(block, capacity, 1, 64));
    assert_false(add(block, capacity, 2, 65));
    assert_int_equal(block->records, 1);
    assert_true(add(block, capacity, 2, 64));
    assert_int_equal(block->used, capacity);
    assert_false(add(block, capacity, 3, 0));

    uint32_t offset = 0;
    assert_next(block, &offset, 1, 64);
    assert_next(block, &offset, 2, 64);
    assert_end(block, offset);
    free(block);
}

static void a_frame_larger_than_a_block_is_cut_to_it_and_still_says_its_length(void **state)
{
    (void)state;
    static const uint32_t odd[] = {0, 1, 7}; /* bytes of capacity that no padded record can use */
    for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        const uint32_t capacity = HEADER + 1024 + odd[i];
        struct ss_export_block *block = block_of(capacity);
        struct ss_history_record record;
        uint32_t offset = 0;
        assert_true(add(block, capacity, 1, 66000));
        assert_true(ss_export_block_next(block, &offset, &record));
        assert_int_equal(record.captured, 1024);
        assert_int_equal(record.wire, 66004);
        assert_int_equal(record.data[1023], 1);
        assert_end(block, offset);
        free(block);
    }
}

static void a_large_frame_waits_for_an_empty_block(void **state)
{
    (void)state;
    const uint32_t capacity = HEADER + 1024;
    struct ss_export_block *block = block_of(capacity);
    assert_true(add(block, capacity, 1, 8));
    assert_false(add(block, capacity, 2, 66000));
    assert_int_equal(block->records, 1);
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_block_is_empty_and_knows_its_job),
        cmocka_unit_test(records_come_back_in_order_whatever_their_length),
        cmocka_unit_test(a_record_does_not_carry_its_writers_pointer),
        cmocka_unit_test(a_block_takes_what_fits_to_the_byte_and_refuses_the_next),
        cmocka_unit_test(a_frame_larger_than_a_block_is_cut_to_it_and_still_says_its_length),
        cmocka_unit_test(a_large_frame_waits_for_an_empty_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
