// SPDX-License-Identifier: BSD-3-Clause
#include "analyzer/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS  1000000LL
#define RTT (20 * MS)

/* Of a packet that ends no silence, nothing is missing and since_ns is NOTHING. */
#define NOTHING (-1)

static struct ss_sender_gap send(struct ss_sender *sender, uint16_t ip_id, uint32_t payload_bytes, int64_t t)
{
    struct ss_packet packet = {.ip_id = ip_id, .payload_bytes = payload_bytes};
    struct ss_sender_gap gap = {.since_ns = NOTHING};

    ss_sender_next(sender, &packet, t, false, &gap);
    return gap;
}

/* Packets with 0x100 and 0x101 at 0 and 20 ms, then this one. */
static void a_missing_number_and_a_timeouts_silence_are_a_loss_together_only(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        uint16_t ip_id;
        uint32_t payload_bytes;
        int64_t gap_ms;
        uint16_t outstanding;
        unsigned lost;
    } ROWS[] = {
        {"the next number, whatever the silence", 0x102, 80, 220, 1, 0},
        {"one missing, after a timeout", 0x103, 80, 220, 1, 1},
        {"one missing, a little sooner", 0x103, 80, 166, 1, 1},
        {"one missing, a little later", 0x103, 80, 359, 1, 1},
        {"one missing, too soon", 0x103, 80, 160, 1, 0},
        {"one missing, after a stall", 0x103, 80, 370, 1, 0},
        {"two missing, after two timeouts", 0x104, 80, 660, 1, 2},
        {"two missing, after a probe and a timeout", 0x104, 80, 445, 1, 2},
        {"a flight of two, after one", 0x104, 80, 220, 2, 2},
        {"three missing, after three", 0x105, 80, 1540, 1, 3},
        {"a flight of four, after one", 0x106, 80, 230, 4, 4},
        {"a flight of two and a probe, after one", 0x105, 80, 260, 2, 3},
        {"a flight of two, its probe and its first again, after two", 0x106, 80, 660, 2, 4},
        {"more than that", 0x107, 80, 660, 2, 0},
        {"two missing of one, after one", 0x104, 80, 260, 1, 0},
        {"twenty missing of one: of other connections", 0x116, 80, 260, 1, 0},
        {"one missing, after two", 0x103, 80, 660, 1, 0},
        {"four missing, after four", 0x106, 80, 3300, 1, 0},
        {"one missing, but nobody waits for an acknowledgement", 0x103, 0, 220, 1, 0},
        {"a number that goes back", 0x0ff, 80, 220, 1, 0},
        {"no number", 0, 80, 220, 1, 0},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct ss_sender sender = {0};
        print_message("%s\n", ROWS[i].about);
        send(&sender, 0x100, 0, 0);
        send(&sender, 0x101, 0, 20 * MS);
        struct ss_sender_gap gap =
            send(&sender, ROWS[i].ip_id, ROWS[i].payload_bytes, (20 + ROWS[i].gap_ms) * MS);
        assert_true(ss_sender_counts(&sender));
        gap.outstanding = ROWS[i].outstanding;
        bool is_lost = gap.since_ns != NOTHING && ss_sender_lost(&sender, &gap, RTT);
        assert_int_equal(is_lost, ROWS[i].lost > 0);
        if (is_lost) {
            assert_int_equal(gap.missing, ROWS[i].lost);
            assert_int_equal(gap.since_ns, 20 * MS);
            assert_int_equal(gap.until_ns, (20 + ROWS[i].gap_ms) * MS);
        }
    }
}

static void that_a_sender_counts_may_show_only_after_the_gap(void **state)
{
    (void)state;
    struct ss_sender sender = {0};

    send(&sender, 0, 0, 0); /* a SYN-ACK has none */
    send(&sender, 0x5726, 0, 20 * MS);
    assert_int_equal(send(&sender, 0x5728, 800, 240 * MS).missing, 1);
    assert_false(ss_sender_counts(&sender));
    send(&sender, 0x5729, 0, 250 * MS);
    assert_true(ss_sender_counts(&sender));
}

static void a_gap_is_judged_by_the_round_trip_that_was_seen_in_the_end(void **state)
{
    (void)state;
    struct ss_sender sender = {0};

    send(&sender, 0x100, 0, 0); /* the SYN; the mirror lost the ACK that followed it a round trip later */
    struct ss_sender_gap gap = send(&sender, 0x102, 200, 200 * MS);
    send(&sender, 0x103, 0, 400 * MS);
    assert_int_equal(gap.missing, 1);
    gap.outstanding = 1;
    assert_true(ss_sender_lost(&sender, &gap, 0));
    assert_false(ss_sender_lost(&sender, &gap, 200 * MS));
}

static void numbers_that_wrap_follow_one_another(void **state)
{
    (void)state;
    struct ss_sender sender = {0};
    static const uint16_t NUMBERS[] = {0xfffd, 0xfffe, 0, 1};

    for (unsigned i = 0; i < 4; i++) /* ffff is missing before 0 */
        assert_int_equal(send(&sender, NUMBERS[i], 80, i < 2 ? i : 220 * MS + i).missing, i == 2);
    assert_int_equal(sender.followed, 2);
}

static void another_flow_label_and_a_timeouts_silence_are_a_loss_together_only(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        uint32_t label;
        uint32_t payload_bytes;
        int64_t gap_ms;
        bool is_loss;
    } ROWS[] = {
        {"another label after a timeout", 0x2d88a, 80, 445, true},
        {"another label at once", 0x2d88a, 80, 5, false},
        {"the same label after a timeout", 0x5f6f5, 80, 445, false},
        {"another label of a packet without data", 0x2d88a, 0, 445, false},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct ss_sender sender = {0};
        struct ss_packet packet = {.flow_label = 0x5f6f5};
        struct ss_sender_gap gap;
        print_message("%s\n", ROWS[i].about);
        assert_false(ss_sender_next(&sender, &packet, 0, false, &gap));
        packet.flow_label = ROWS[i].label;
        packet.payload_bytes = ROWS[i].payload_bytes;
        bool is_loss = ss_sender_next(&sender, &packet, ROWS[i].gap_ms * MS, false, &gap) &&
                       ss_sender_lost(&sender, &gap, RTT);
        assert_int_equal(is_loss, ROWS[i].is_loss);
    }
}

static void a_mirror_out_of_order_does_not_make_numbers_random(void **state)
{
    (void)state;
    struct ss_sender sender = {0};
    static const uint16_t NUMBERS[] = {0x100, 0x102, 0x101, 0x103};

    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(send(&sender, NUMBERS[i], 80, i).since_ns, NOTHING);
    assert_true(ss_sender_counts(&sender));
}

static void a_sender_whose_numbers_do_not_follow_one_another_proves_nothing(void **state)
{
    (void)state;
    struct ss_sender sender = {0};
    static const uint16_t NUMBERS[] = {0x100, 0x101, 0x9180, 0x9182};

    for (unsigned i = 0; i < 4; i++)
        send(&sender, NUMBERS[i], 80, i * 220 * MS);
    assert_false(ss_sender_counts(&sender));
}

static void a_sequence_number_beyond_what_the_tap_saw_tells_that_it_was_sent(void **state)
{
    (void)state;
    struct ss_sender sender = {0};
    int64_t since_ns = -1;

    ss_sender_told(&sender, 1000, 1000, 1); /* nothing that the tap had not seen */
    assert_false(ss_sender_had_sent(&sender, 1000, 1500, &since_ns));
    ss_sender_told(&sender, 0xfffffff0u, 0xfffffff8u, 2); /* a keep-alive */
    assert_false(ss_sender_had_sent(&sender, 1000, 1500, &since_ns));

    ss_sender_told(&sender, 2000, 1500, 3);
    ss_sender_told(&sender, 2000, 1500, 4);
    assert_true(ss_sender_had_sent(&sender, 1500, 1800, &since_ns)); /* part of it */
    assert_int_equal(since_ns, 3);
    assert_true(ss_sender_had_sent(&sender, 1800, 2000, &since_ns));
    assert_false(ss_sender_had_sent(&sender, 2000, 2100, &since_ns));

    ss_sender_told(&sender, 3000, 2100, 5);
    assert_false(ss_sender_had_sent(&sender, 3000, 3100, &since_ns)); /* the rest never came */
    assert_false(ss_sender_had_sent(&sender, 2900, 3200, &since_ns));
}

static void timers_are_exact_where_nothing_else_tells(void **state)
{
    (void)state;
    static const struct {
        int64_t silence_ms, rtt_ms;
        bool is_timeout;
    } ROWS[] = {
        {214, 10, true},  {205, 0, true},    {150, 0, false},   {260, 0, false},
        {300, 0, false},  {481, 20, false},  {620, 0, false},   {450, 150, true},
        {900, 300, true}, {300, 300, false}, {950, 300, false},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
        assert_int_equal(ss_sender_is_timeout(ROWS[i].silence_ms * MS, ROWS[i].rtt_ms * MS),
                         ROWS[i].is_timeout);
}

static void a_timeout_and_up_to_half_of_one_may_hold_a_timeout(void **state)
{
    (void)state;
    static const struct {
        int64_t silence_ms, rtt_ms;
        bool may_hold;
    } ROWS[] = {
        {225, 0, false},  {226, 0, true},    {300, 0, true},     {301, 0, false},  {253, 14, false},
        {254, 14, true},  {342, 14, true},   {343, 14, false},   {214, 14, false}, {925, 300, false},
        {926, 300, true}, {1350, 300, true}, {1351, 300, false},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
        assert_int_equal(ss_sender_may_hold_timeout(ROWS[i].silence_ms * MS, ROWS[i].rtt_ms * MS),
                         ROWS[i].may_hold);
}

/* ---- the sender's clock */

struct sample {
    int64_t ms;
    uint32_t value;
};

static struct ss_sender_clock clock_of(const struct sample *samples, unsigned count)
{
    struct ss_sender_clock clock = {0};

    for (unsigned i = 0; i < count; i++)
        ss_sender_clock_note(&clock, samples[i].value, samples[i].ms * MS);
    return clock;
}

#define CLOCK(...)                                                                                           \
    clock_of((struct sample[]){__VA_ARGS__}, sizeof((struct sample[]){__VA_ARGS__}) / sizeof(struct sample))

static void a_client_that_waits_lets_its_clock_go_on(void **state)
{
    (void)state;
    struct ss_sender_clock clock = CLOCK({0, 7000}, {20, 7020}, {40, 7040}, {521, 7521});
    int64_t sent_ns;

    assert_int_equal(ss_sender_clock_tick(&clock), MS);
    assert_true(ss_sender_clock_between(&clock, MS, 40 * MS, 521 * MS, &sent_ns));
    assert_int_equal(sent_ns, 481 * MS);
    assert_int_equal(ss_sender_clock_late(&clock, MS, 521 * MS), 0);
}

static void a_segment_that_was_under_way_for_longer_shows_by_its_clock(void **state)
{
    (void)state;
    struct ss_sender_clock clock = CLOCK({0, 0xffffffff}, {20, 19}, {40, 39}, {341, 42}, {342, 341});
    int64_t sent_ns;

    assert_int_equal(ss_sender_clock_tick(&clock), MS);
    assert_true(ss_sender_clock_between(&clock, MS, 40 * MS, 341 * MS, &sent_ns));
    assert_int_equal(sent_ns, 3 * MS);
    assert_int_equal(ss_sender_clock_late(&clock, MS, 341 * MS), 298 * MS);
    assert_int_equal(ss_sender_clock_late(&clock, MS, 40 * MS), 0);
    assert_int_equal(ss_sender_clock_late(&clock, MS, 342 * MS), 0);
}

static void no_segment_is_late_by_more_than_the_time_since_the_one_before(void **state)
{
    (void)state;
    struct ss_sender_clock clock = CLOCK({0, 100}, {300, 105}, {310, 106});

    assert_int_equal(ss_sender_clock_late(&clock, MS, 300 * MS), 295 * MS);
    assert_int_equal(ss_sender_clock_late(&clock, MS, 310 * MS), 10 * MS);
}

static void the_length_of_a_tick_is_learned(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        struct sample samples[4];
        int64_t tick_ns;
    } ROWS[] = {
        {"1 ms", {{0, 50}, {30, 80}, {60, 110}, {400, 450}}, MS},
        {"10 ms", {{0, 50}, {30, 53}, {60, 56}, {400, 90}}, 10 * MS},
        {"4 ms", {{0, 50}, {32, 58}, {64, 66}, {400, 150}}, 4 * MS},
        {"10 ms, and a segment that was late", {{0, 50}, {40, 54}, {60, 56}, {400, 57}}, 10 * MS},
        {"1 us", {{0, 50}, {30, 30050}, {60, 60050}, {400, 400050}}, 1000},
        {"1 ms, and a segment that was late", {{0, 50}, {20, 70}, {21, 71}, {400, 80}}, MS},
        {"1 ms, shown by what came before and after a late one",
         {{0, 50}, {1, 51}, {301, 53}, {321, 371}},
         MS},
        {"1 ms, on a path that varies", {{0, 50}, {20, 66}, {21, 67}, {400, 80}}, MS},
        {"10 ms, shown by no neighbours", {{0, 50}, {20, 52}, {42, 54}, {342, 54}}, 10 * MS},
        {"too close together to tell", {{0, 50}, {1, 51}, {2, 51}, {400, 55}}, 0},
        {"100 ms: nothing was sent as far apart as it arrived", {{0, 50}, {20, 50}, {42, 51}, {342, 54}}, 0},
        {"1 s", {{0, 50}, {20, 50}, {42, 50}, {342, 51}}, 0},
        {"a clock that was set back", {{0, 500000}, {30, 500030}, {60, 100}, {400, 440}}, 0},
        {"numbers that are no clock", {{0, 50}, {30, 0x70000000}, {60, 3}, {400, 0x60000000}}, 0},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct ss_sender_clock clock = clock_of(ROWS[i].samples, 4);
        print_message("%s\n", ROWS[i].about);
        assert_int_equal(ss_sender_clock_tick(&clock), ROWS[i].tick_ns);
    }
}

static void the_first_and_the_latest_samples_are_kept(void **state)
{
    (void)state;
    for (unsigned with_more = 0; with_more < 2; with_more++) {
        struct ss_sender_clock clock = {0};
        struct ss_sender_sample more[SS_SENDER_CLOCK_SAMPLES];
        const struct ss_sender_sample *samples = with_more ? more : clock.few;
        unsigned room = with_more ? SS_SENDER_CLOCK_SAMPLES : SS_SENDER_CLOCK_FEW;
        for (unsigned i = 0; i < 100; i++) {
            if (with_more && ss_sender_clock_is_full(&clock))
                ss_sender_clock_extend(&clock, more);
            ss_sender_clock_note(&clock, i * 10, i * 10 * MS);
        }
        assert_int_equal(clock.count, room);
        assert_int_equal(samples[SS_SENDER_CLOCK_FIRST - 1].value, 30);
        assert_int_equal(samples[room - 1].value, 990);
        for (unsigned i = 1; i < room; i++)
            assert_true(samples[i].time_us > samples[i - 1].time_us);
    }
}

static void a_clock_says_nothing_of_what_is_half_an_hour_away(void **state)
{
    (void)state;
    struct ss_sender_clock clock = {0};
    int64_t far_ns = 3600 * 1000 * MS, sent_ns;

    ss_sender_clock_note(&clock, 10, 10 * MS);
    ss_sender_clock_note(&clock, 3600010, far_ns + 10 * MS);
    assert_int_equal(clock.count, 1);
    assert_false(ss_sender_clock_between(&clock, MS, 10 * MS, far_ns + 10 * MS, &sent_ns));
    assert_int_equal(ss_sender_clock_late(&clock, MS, far_ns + 10 * MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_number_and_a_timeouts_silence_are_a_loss_together_only),
        cmocka_unit_test(that_a_sender_counts_may_show_only_after_the_gap),
        cmocka_unit_test(a_gap_is_judged_by_the_round_trip_that_was_seen_in_the_end),
        cmocka_unit_test(numbers_that_wrap_follow_one_another),
        cmocka_unit_test(another_flow_label_and_a_timeouts_silence_are_a_loss_together_only),
        cmocka_unit_test(a_mirror_out_of_order_does_not_make_numbers_random),
        cmocka_unit_test(a_sender_whose_numbers_do_not_follow_one_another_proves_nothing),
        cmocka_unit_test(a_sequence_number_beyond_what_the_tap_saw_tells_that_it_was_sent),
        cmocka_unit_test(timers_are_exact_where_nothing_else_tells),
        cmocka_unit_test(a_timeout_and_up_to_half_of_one_may_hold_a_timeout),
        cmocka_unit_test(a_client_that_waits_lets_its_clock_go_on),
        cmocka_unit_test(a_segment_that_was_under_way_for_longer_shows_by_its_clock),
        cmocka_unit_test(no_segment_is_late_by_more_than_the_time_since_the_one_before),
        cmocka_unit_test(the_length_of_a_tick_is_learned),
        cmocka_unit_test(the_first_and_the_latest_samples_are_kept),
        cmocka_unit_test(a_clock_says_nothing_of_what_is_half_an_hour_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
