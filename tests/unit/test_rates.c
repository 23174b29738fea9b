// SPDX-License-Identifier: BSD-3-Clause

/* lib/export/rates: who gets a pcapng file when there are too many. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"
#include "export/rates.h"

#define NOW_NS (1795388597 * SS_NS_PER_S)

static int begin(void **state)
{
    *state = calloc(1, sizeof(struct ss_rates));
    return *state == NULL;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

static struct ss_ip ip_of(const char *text)
{
    struct ss_ip ip;
    assert_true(ss_ip_parse(text, strlen(text), &ip));
    return ip;
}

/* How many of count files at one time are allowed. */
static unsigned take(struct ss_rates *rates, uint32_t rate, enum ss_verdict verdict, const char *client,
                     int64_t now_ns, unsigned count)
{
    struct ss_ip ip = ip_of(client);
    unsigned taken = 0;
    for (unsigned i = 0; i < count; i++)
        taken += ss_rates_take(rates, rate, verdict, &ip, now_ns) == SS_UNWRITTEN_NOT;
    return taken;
}

static void a_prefix_has_a_tenth_and_saves_it_for_five_seconds(void **state)
{
    static const struct {
        const char *first, *same, *other;
    } ROWS[] = {{"192.0.2.1", "192.0.2.255", "192.0.3.1"},
                {"2001:db8:1::1", "2001:db8:1:ffff::2", "2001:db8:2::1"}};
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct ss_rates *rates = *state;
        memset(rates, 0, sizeof(*rates));
        assert_int_equal(take(rates, 100, SS_VERDICT_CLIENT, ROWS[i].first, NOW_NS, 1000), 50);
        assert_int_equal(take(rates, 100, SS_VERDICT_CLIENT, ROWS[i].same, NOW_NS, 10), 0);
        assert_int_equal(take(rates, 100, SS_VERDICT_CLIENT, ROWS[i].other, NOW_NS, 10), 10);
        assert_int_equal(take(rates, 100, SS_VERDICT_CLIENT, ROWS[i].same, NOW_NS + SS_NS_PER_S, 1000), 10);
        struct ss_ip ip = ip_of(ROWS[i].same);
        assert_int_equal(ss_rates_take(rates, 100, SS_VERDICT_SERVER, &ip, NOW_NS + SS_NS_PER_S),
                         SS_UNWRITTEN_PREFIX_RATE);
    }
}

static void a_verdict_has_a_fifth_from_however_many_prefixes(void **state)
{
    struct ss_rates *rates = *state;
    struct ss_ip ip = ip_of("10.0.0.1");
    unsigned allowed = 0;
    for (unsigned second = 0; second < 100; second++) {
        for (unsigned i = 0; i < 1000; i++) {
            ip.bytes[13] = (uint8_t)(i >> 8);
            ip.bytes[14] = (uint8_t)i;
            allowed += ss_rates_take(rates, 100, SS_VERDICT_CLIENT, &ip, NOW_NS + second * SS_NS_PER_S) ==
                       SS_UNWRITTEN_NOT;
        }
        if (second > 5) /* what was saved up is gone */
            assert_int_equal(
                take(rates, 100, SS_VERDICT_SERVER, "198.51.100.1", NOW_NS + second * SS_NS_PER_S, 1), 1);
    }
    assert_in_range(allowed, 99 * 20, 99 * 20 + 100);
    assert_int_equal(ss_rates_take(rates, 100, SS_VERDICT_CLIENT, &ip, NOW_NS + 99 * SS_NS_PER_S),
                     SS_UNWRITTEN_VERDICT_RATE);
}

static void all_together_have_the_rate(void **state)
{
    struct ss_rates *rates = *state;
    struct ss_ip ip = ip_of("10.0.0.1");
    unsigned allowed = 0, last = 0;
    for (unsigned i = 0; i < 1000; i++) {
        ip.bytes[14] = (uint8_t)i;
        last = ss_rates_take(rates, 100, (enum ss_verdict)(i % SS_VERDICT_COUNT), &ip, NOW_NS);
        allowed += last == SS_UNWRITTEN_NOT;
    }
    assert_int_equal(allowed, 100);
    assert_int_equal(last, SS_UNWRITTEN_RATE);
    assert_int_equal(take(rates, 0, SS_VERDICT_SERVER, "192.0.2.1", NOW_NS + SS_NS_PER_S, 1), 0);
}

/* However many prefixes an attacker makes up, they get no more than the places there are. */
static void prefixes_without_number_do_not_get_a_full_bucket_each(void **state)
{
    struct ss_rates *rates = *state;
    struct ss_ip ip = ip_of("2001:db8::1");
    unsigned refused = 0;
    for (unsigned i = 0; i < 100000; i++) {
        memcpy(ip.bytes + 2, &i, sizeof(i));
        /* at such a rate only the prefix's bucket can be empty: each has one file in it */
        memset(&rates->all, 0, sizeof(rates->all));
        memset(rates->verdicts, 0, sizeof(rates->verdicts));
        refused += ss_rates_take(rates, 1, SS_VERDICT_CLIENT, &ip, NOW_NS) == SS_UNWRITTEN_PREFIX_RATE;
    }
    assert_in_range(100000 - refused, 1, SS_RATES_SETS * SS_RATES_WAYS);
}

static void a_low_rate_still_gives_a_file_and_a_clock_set_back_none(void **state)
{
    struct ss_rates *rates = *state;
    assert_int_equal(take(rates, 1, SS_VERDICT_CLIENT, "192.0.2.1", NOW_NS, 5), 1);
    assert_int_equal(take(rates, 1, SS_VERDICT_CLIENT, "192.0.2.1", NOW_NS - 3600 * SS_NS_PER_S, 5), 0);
    assert_int_equal(take(rates, 1, SS_VERDICT_CLIENT, "192.0.2.1", NOW_NS - 3590 * SS_NS_PER_S, 5), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(a_prefix_has_a_tenth_and_saves_it_for_five_seconds),
        TEST(a_verdict_has_a_fifth_from_however_many_prefixes),
        TEST(all_together_have_the_rate),
        TEST(prefixes_without_number_do_not_get_a_full_bucket_each),
        TEST(a_low_rate_still_gives_a_file_and_a_clock_set_back_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
