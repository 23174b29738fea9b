// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/histogram.h"
#include "base/ip.h"
#include "base/pool.h"
#include "base/seq.h"
#include "base/span.h"
#include "base/units.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Text in a block of its exact size, so that a sanitizer sees each byte read beyond it. */
static char *exact(const char *text, size_t length)
{
    char *copy = malloc(length + (length == 0));
    memcpy(copy, text, length);
    return copy;
}

static bool duration(const char *text, int64_t *ret_ns)
{
    char *copy = exact(text, strlen(text));
    bool ok = ss_duration_parse(copy, strlen(text), ret_ns);
    free(copy);
    return ok;
}

static bool size(const char *text, uint64_t *ret_bytes)
{
    char *copy = exact(text, strlen(text));
    bool ok = ss_size_parse(copy, strlen(text), ret_bytes);
    free(copy);
    return ok;
}

static bool point(const char *text, int64_t *ret_ns)
{
    char *copy = exact(text, strlen(text));
    bool ok = ss_time_parse(copy, strlen(text), ret_ns);
    free(copy);
    return ok;
}

static bool endpoint(const char *text, struct ss_endpoint *ret_endpoint)
{
    char *copy = exact(text, strlen(text));
    bool ok = ss_endpoint_parse(copy, strlen(text), ret_endpoint);
    free(copy);
    return ok;
}

static void durations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } ROWS[] = {
        {"0", 0},
        {"0ms", 0},
        {"5ns", 5},
        {"10us", 10000},
        {"93\xc2\xb5s", 93000},
        {"93.208\xce\xbcs", 93208},
        {"300ms", 300000000},
        {"1.5s", 1500000000},
        {"1m", 60000000000},
        {"2h", 7200000000000},
        {"1m2.5s", 62500000000},
        {"1h0m0.000000001s", 3600000000001},
        {"1.9ns", 1},
        {"0.00000000000000000000000000000001s", 0},
        {"0.333333333333333333333h", 1199999999999},
        {"9223372036854775807ns", INT64_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        int64_t ns = -1;
        assert_true(duration(ROWS[i].text, &ns));
        assert_int_equal(ns, ROWS[i].ns);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    (void)state;
    static const char *const ROWS[] = {"",
                                       "1",
                                       "-1s",
                                       "+1s",
                                       "s",
                                       "1 s",
                                       "1.s",
                                       ".5s",
                                       "1..s",
                                       "1s2",
                                       "1sx",
                                       "1d",
                                       "0 ",
                                       "00",
                                       "1e3s",
                                       "9223372036854775808ns",
                                       "1S",
                                       "2562048h",
                                       "99999999999999999999s",
                                       "-",
                                       "1.5"};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        int64_t ns = 77;
        assert_false(duration(ROWS[i], &ns));
        assert_int_equal(ns, 77);
    }
}

static void durations_are_written_short_and_read_back(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } ROWS[] = {
        {0, "0"},
        {1, "1ns"},
        {999, "999ns"},
        {1500, "1.5us"},
        {300000000, "300ms"},
        {300000001, "300.000001ms"},
        {2500000000, "2.5s"},
        {90000000000, "90s"},
        {120000000000, "2m"},
        {5400000000000, "90m"},
        {3600000000000, "1h"},
        {3600000000001, "3600.000000001s"},
        {INT64_MAX, "9223372036.854775807s"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char text[SS_DURATION_TEXT_MAX];
        int64_t back;
        assert_string_equal(ss_duration_format(ROWS[i].ns, text), ROWS[i].text);
        assert_true(duration(text, &back));
        assert_int_equal(back, ROWS[i].ns);
    }
    char text[SS_DURATION_TEXT_MAX];
    assert_string_equal(ss_duration_format(INT64_MIN, text), "-9223372036.854775808s");
}

static void durations_are_said_for_people(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } ROWS[] = {
        {0, "0 s"},
        {7, "7 ns"},
        {41000, "41 us"},
        {481200000, "481.2 ms"},
        {481249999, "481.2 ms"},
        {481250000, "481.3 ms"},
        {999949999, "999.9 ms"},
        {999950000, "1 s"},
        {2500000000, "2.5 s"},
        {1234567890, "1.23 s"},
        {9999999, "10 ms"},
        {7200000000000, "7200 s"},
        {-41000, "-41 us"},
        {INT64_MAX, "9223372036.9 s"},
        {INT64_MIN, "-9223372036.9 s"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char text[SS_DURATION_TEXT_MAX];
        assert_string_equal(ss_duration_say(ROWS[i].ns, text), ROWS[i].text);
    }
}

static void sizes_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } ROWS[] = {
        {"0", 0},
        {"100B", 100},
        {"64KiB", 65536},
        {"512MiB", 536870912},
        {"1.5GiB", 1610612736},
        {"4GiB", 4294967296},
        {"1TiB", 1099511627776},
        {"5kB", 5000},
        {"2MB", 2000000},
        {"3GB", 3000000000},
        {"1TB", 1000000000000},
        {"18446744073709551615B", UINT64_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        uint64_t bytes = 1;
        assert_true(size(ROWS[i].text, &bytes));
        assert_int_equal(bytes, ROWS[i].bytes);
    }
}

static void what_is_no_size_is_refused(void **state)
{
    (void)state;
    static const char *const ROWS[] = {"",
                                       "1",
                                       "-1B",
                                       "KiB",
                                       "1 KiB",
                                       "1K",
                                       "1kiB",
                                       "1KiB1KiB",
                                       "1.KiB",
                                       "18446744073709551616B",
                                       "16777216TiB",
                                       "1KiB "};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        uint64_t bytes = 77;
        assert_false(size(ROWS[i], &bytes));
        assert_int_equal(bytes, 77);
    }
}

static void sizes_are_written_short_and_read_back(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } ROWS[] = {
        {0, "0"},
        {100, "100B"},
        {1000, "1000B"},
        {65536, "64KiB"},
        {65537, "65537B"},
        {201326592, "192MiB"},
        {1610612736, "1.5GiB"},
        {10737418240, "10GiB"},
        {UINT64_MAX, "18446744073709551615B"},
        {1ull << 63, "8388608TiB"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char text[SS_DURATION_TEXT_MAX];
        uint64_t back;
        assert_string_equal(ss_size_format(ROWS[i].bytes, text), ROWS[i].text);
        assert_true(size(text, &back));
        assert_int_equal(back, ROWS[i].bytes);
    }
}

static void points_in_time_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } ROWS[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59.999999999Z", -1},
        {"2026-11-22T23:03:17.630499123Z", 1795388597630499123},
        {"2026-11-22T23:03:17.6304991239999Z", 1795388597630499123},
        {"2026-11-23T01:03:17.630499123+02:00", 1795388597630499123},
        {"2026-11-22t15:33:17.63-0730", 1795388597630000000},
        {"2026-11-22 23:03:17z", 1795388597000000000},
        {"2024-02-29T00:00:00Z", 1709164800000000000},
        {"2016-12-31T23:59:60Z", 1483228800000000000}, /* the last leap second */
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        int64_t ns = 77;
        assert_true(point(ROWS[i].text, &ns));
        assert_int_equal(ns, ROWS[i].ns);
    }
}

static void what_is_no_point_in_time_is_refused(void **state)
{
    (void)state;
    static const char *const ROWS[] = {"",
                                       "2026-11-22",
                                       "2026-11-22T23:03:17",
                                       "2026-11-22T23:03:17.Z",
                                       "2026-11-22T23:03:17Zx",
                                       "2026-11-22T23:03:17+02",
                                       "2026-11-22T23:03:17+24:00",
                                       "2026-13-22T23:03:17Z",
                                       "2026-00-22T23:03:17Z",
                                       "2025-02-29T00:00:00Z",
                                       "2026-11-22T24:00:00Z",
                                       "2026-11-22T23:60:00Z",
                                       "2026-11-22T23:00:61Z",
                                       "1500-01-01T00:00:00Z",
                                       "9999-01-01T00:00:00Z",
                                       "26-11-22T23:03:17Z"};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        int64_t ns = 77;
        assert_false(point(ROWS[i], &ns));
        assert_int_equal(ns, 77);
    }
}

static void points_in_time_are_written_with_nanoseconds(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } ROWS[] = {
        {0, "1970-01-01T00:00:00.000000000Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {1795388597630499123, "2026-11-22T23:03:17.630499123Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char text[SS_TIME_TEXT_MAX];
        assert_string_equal(ss_time_format(ROWS[i].ns, text), ROWS[i].text);
    }
}

static void endpoints_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *written;
        uint16_t port;
        bool v4;
    } ROWS[] = {
        {"192.0.2.1:443", "192.0.2.1:443", 443, true},
        {"192.0.2.1", "192.0.2.1", 0, true},
        {"[2001:db8::1]:65535", "[2001:db8::1]:65535", 65535, false},
        {"[2001:db8::1]", "2001:db8::1", 0, false},
        {"2001:0DB8:0:0::1", "2001:db8::1", 0, false},
        {"[::ffff:192.0.2.7]:1", "192.0.2.7:1", 1, true},
        {"::", "::", 0, false},
        {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
         65535, false},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_endpoint parsed;
        char text[SS_ENDPOINT_TEXT_MAX];
        assert_true(endpoint(ROWS[i].text, &parsed));
        assert_int_equal(parsed.port, ROWS[i].port);
        assert_int_equal(ss_ip_is_v4(&parsed.ip), ROWS[i].v4);
        assert_string_equal(ss_endpoint_format(&parsed, text), ROWS[i].written);
    }
}

static void what_is_no_endpoint_is_refused(void **state)
{
    (void)state;
    static const char *const ROWS[] = {
        "",
        ":",
        "192.0.2.1:",
        "192.0.2.1:65536",
        "192.0.2.1:x",
        "192.0.2.1:-1",
        "192.0.2:1",
        "192.0.2.256",
        "[192.0.2.1]:443",
        "[2001:db8::1",
        "[2001:db8::1]443",
        "[2001:db8::1]:",
        "[]:443",
        "[",
        "unix:1",
        "2001:db8::1::2",
        "192.0.2.1:000443",
        "192.0.2.01",
        "2001:db8::1%eth0:1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_endpoint parsed = {.port = 77};
        assert_false(endpoint(ROWS[i], &parsed));
        assert_int_equal(parsed.port, 77);
    }
    struct ss_ip ip;
    assert_false(ss_ip_parse("192.0.2.1\0", 10, &ip));
    assert_true(ss_ip_parse("192.0.2.1xyz", 9, &ip));
}

static void both_families_share_one_form(void **state)
{
    (void)state;
    struct ss_ip v4 = ss_ip_from_v4((const uint8_t[]){192, 0, 2, 1}), mapped, other;
    assert_true(ss_ip_parse("::ffff:192.0.2.1", 16, &mapped));
    assert_true(ss_ip_equal(&v4, &mapped));
    assert_true(ss_ip_parse("::192.0.2.1", 11, &other));
    assert_false(ss_ip_equal(&v4, &other));
    assert_false(ss_ip_is_v4(&other));
}

static void a_pool_gives_each_block_once(void **state)
{
    (void)state;
    uint64_t memory[3];
    struct ss_pool pool;
    ss_pool_init(&pool, memory, sizeof(memory[0]), 3);
    uint32_t a = ss_pool_take(&pool), b = ss_pool_take(&pool), c = ss_pool_take(&pool);
    assert_true(a != b && b != c && a != c);
    assert_true(a < 3 && b < 3 && c < 3);
    assert_int_equal(ss_pool_take(&pool), SS_POOL_NONE);
    assert_int_equal(pool.refusals, 1);
    assert_int_equal(pool.used, 3);
    assert_true(ss_pool_is_empty(&pool));

    memset(ss_pool_at(&pool, b), 0xff, sizeof(memory[0]));
    ss_pool_give(&pool, b);
    ss_pool_give(&pool, a);
    assert_int_equal(pool.used, 1);
    assert_false(ss_pool_is_empty(&pool));
    assert_int_equal(ss_pool_take(&pool), a);
    assert_int_equal(ss_pool_take(&pool), b);
    assert_int_equal(ss_pool_take(&pool), SS_POOL_NONE);
    assert_int_equal(pool.refusals, 2);
    assert_ptr_equal(ss_pool_at(&pool, 2), memory + 2);
}

static void sequence_numbers_wrap(void **state)
{
    (void)state;
    static const struct {
        uint32_t a, b;
        int32_t ahead;
    } ROWS[] = {{5, 5, 0},          {5, 6, 1},           {6, 5, -1},
                {0xffffffff, 0, 1}, {0, 0xffffffff, -1}, {0, 0x80000000, INT32_MIN}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        assert_int_equal(ss_seq_ahead(ROWS[i].a, ROWS[i].b), ROWS[i].ahead);
        assert_int_equal(ss_seq_before(ROWS[i].a, ROWS[i].b), ROWS[i].ahead > 0);
        assert_int_equal(ss_seq_reached(ROWS[i].b, ROWS[i].a), ROWS[i].ahead >= 0);
    }
}

static void a_span_reads_in_network_order_and_never_beyond_its_end(void **state)
{
    (void)state;
    static const uint8_t BYTES[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    struct ss_span span = ss_span_of(BYTES, sizeof(BYTES)), taken;
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u24 = 0, u32 = 0;
    assert_true(ss_span_u8(&span, &u8) && u8 == 0x01);
    assert_true(ss_span_u16(&span, &u16) && u16 == 0x0203);
    assert_true(ss_span_u24(&span, &u24) && u24 == 0x040506);
    assert_true(ss_span_u32(&span, &u32) && u32 == 0x0708090a);
    assert_int_equal(ss_span_left(&span), 0);
    struct ss_span before = span;
    assert_false(ss_span_u8(&span, &u8) || ss_span_u16(&span, &u16) || ss_span_u24(&span, &u24) ||
                 ss_span_u32(&span, &u32) || ss_span_skip(&span, 1) || ss_span_take(&span, SIZE_MAX, &taken));
    assert_memory_equal(&span, &before, sizeof(span));
    assert_true(u8 == 0x01 && u16 == 0x0203 && u24 == 0x040506 && u32 == 0x0708090a);
    assert_true(ss_span_take(&span, 0, &taken));
}

static void a_block_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    static const uint8_t BYTES[] = {0, 0, 2, 'a', 'b'};
    for (size_t width = 1; width <= 3; width++) {
        bool (*const READ[])(struct ss_span *, struct ss_span *) = {ss_span_block8, ss_span_block16,
                                                                    ss_span_block24};
        for (size_t length = 0; length <= width + 2; length++) {
            struct ss_span span = ss_span_of(BYTES + 3 - width, length), block = {0};
            struct ss_span before = span;
            bool whole = length == width + 2;
            assert_int_equal(READ[width - 1](&span, &block), whole);
            if (whole)
                assert_memory_equal(block.at, "ab", 2);
            else
                assert_true(span.at == before.at && block.at == NULL);
        }
    }
}

static void a_histogram_counts_each_duration_in_the_bucket_that_bounds_it(void **state)
{
    (void)state;
    assert_int_equal(ss_histogram_bound(0), 1124);
    assert_int_equal(ss_histogram_bound(7), 1999);
    assert_int_equal(ss_histogram_bound(8), 2249);
    assert_int_equal(ss_histogram_bound(SS_HISTOGRAM_BUCKETS - 1), UINT64_MAX);
    assert_true(ss_histogram_bound(SS_HISTOGRAM_BUCKETS - 2) > 3600 * (uint64_t)SS_NS_PER_S);
    for (unsigned i = 0; i < SS_HISTOGRAM_BUCKETS; i++) {
        struct ss_histogram histogram = {0};
        uint64_t bound = ss_histogram_bound(i), least = i == 0 ? 0 : ss_histogram_bound(i - 1) + 1;
        assert_true(least < bound);
        ss_histogram_add(&histogram, least);
        ss_histogram_add(&histogram, bound);
        assert_int_equal(histogram.buckets[i], 2);
        assert_int_equal(histogram.max_ns, bound);
    }
}

static void quantiles_are_at_most_an_eighth_too_large(void **state)
{
    (void)state;
    struct ss_histogram histogram = {0}, half = {0};
    assert_int_equal(ss_histogram_quantile(&histogram, 0.5), 0);
    for (uint64_t i = 1; i <= 1000; i++)
        ss_histogram_add(i % 2 == 0 ? &histogram : &half, i * SS_NS_PER_MS);
    ss_histogram_merge(&histogram, &half);
    assert_int_equal(histogram.count, 1000);
    assert_int_equal(histogram.sum_ns, 500500 * SS_NS_PER_MS);
    for (uint64_t percent = 1; percent <= 100; percent++) {
        uint64_t truth = percent * 10 * SS_NS_PER_MS,
                 said = ss_histogram_quantile(&histogram, (double)percent / 100);
        assert_in_range(said, truth, truth + truth / 8);
    }
    assert_int_equal(ss_histogram_quantile(&histogram, 1.0), 1000 * SS_NS_PER_MS);
    assert_in_range(ss_histogram_quantile(&histogram, 0.0), SS_NS_PER_MS, SS_NS_PER_MS * 9 / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(durations_are_written_short_and_read_back),
        cmocka_unit_test(durations_are_said_for_people),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(what_is_no_size_is_refused),
        cmocka_unit_test(sizes_are_written_short_and_read_back),
        cmocka_unit_test(points_in_time_are_read),
        cmocka_unit_test(what_is_no_point_in_time_is_refused),
        cmocka_unit_test(points_in_time_are_written_with_nanoseconds),
        cmocka_unit_test(endpoints_are_read_and_written),
        cmocka_unit_test(what_is_no_endpoint_is_refused),
        cmocka_unit_test(both_families_share_one_form),
        cmocka_unit_test(a_pool_gives_each_block_once),
        cmocka_unit_test(sequence_numbers_wrap),
        cmocka_unit_test(a_span_reads_in_network_order_and_never_beyond_its_end),
        cmocka_unit_test(a_block_is_taken_whole_or_not_at_all),
        cmocka_unit_test(a_histogram_counts_each_duration_in_the_bucket_that_bounds_it),
        cmocka_unit_test(quantiles_are_at_most_an_eighth_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
