// SPDX-License-Identifier: BSD-3-Clause
#include "analyzer/unseen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS  1000000LL
#define RTT (20 * MS)

/* Packets with 0x100 and 0x101 at 0 and 20 ms, then this one. */
static void a_missing_number_and_a_timeouts_silence_are_a_loss_together_only(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        uint16_t ip_id;
        uint32_t payload_bytes;
        int64_t gap_ms;
        unsigned lost;
    } ROWS[] = {
        {"the next number, whatever the silence", 0x102, 80, 220, 0},
        {"one missing, after a timeout", 0x103, 80, 220, 1},
        {"one missing, a little sooner", 0x103, 80, 193, 1},
        {"one missing, a little later", 0x103, 80, 329, 1},
        {"one missing, too soon", 0x103, 80, 190, 0},
        {"one missing, after a stall", 0x103, 80, 340, 0},
        {"two missing, after two timeouts", 0x104, 80, 660, 2},
        {"two missing, after one", 0x104, 80, 220, 0},
        {"three missing, after three", 0x105, 80, 1540, 3},
        {"four missing", 0x106, 80, 3300, 0},
        {"one missing, but nobody waits for an acknowledgement", 0x103, 0, 220, 0},
        {"a number that goes back", 0x0ff, 80, 220, 0},
        {"no number", 0, 80, 220, 0},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct ss_sender sender = {0};
        int64_t since_ns = -1;
        struct ss_packet packet = {.ip_id = 0x100};
        print_message("%s\n", ROWS[i].about);
        assert_int_equal(ss_sender_next(&sender, &packet, 0, RTT, &since_ns), 0);
        packet.ip_id = 0x101;
        assert_int_equal(ss_sender_next(&sender, &packet, 20 * MS, RTT, &since_ns), 0);
        packet.ip_id = ROWS[i].ip_id;
        packet.payload_bytes = ROWS[i].payload_bytes;
        assert_int_equal(ss_sender_next(&sender, &packet, (20 + ROWS[i].gap_ms) * MS, RTT, &since_ns),
                         ROWS[i].lost);
        assert_int_equal(since_ns, ROWS[i].lost > 0 ? 20 * MS : -1);
    }
}

static void numbers_that_wrap_follow_one_another(void **state)
{
    (void)state;
    struct ss_sender sender = {0};
    struct ss_packet packet = {.payload_bytes = 80};
    static const uint16_t NUMBERS[] = {0xfffd, 0xfffe, 0xffff, 1};
    int64_t since_ns = -1;
    unsigned lost = 0;

    for (unsigned i = 0; i < 4; i++) { /* 0 is missing after ffff */
        packet.ip_id = NUMBERS[i];
        lost += ss_sender_next(&sender, &packet, i < 3 ? i : 220 * MS, RTT, &since_ns);
    }
    assert_int_equal(lost, 1);
}

static void a_sender_whose_numbers_do_not_follow_one_another_proves_nothing(void **state)
{
    (void)state;
    struct ss_sender sender = {0};
    struct ss_packet packet = {.payload_bytes = 80};
    static const uint16_t NUMBERS[] = {0x100, 0x180, 0x182};
    int64_t since_ns = -1;

    for (unsigned i = 0; i < 3; i++) {
        packet.ip_id = NUMBERS[i];
        assert_int_equal(ss_sender_next(&sender, &packet, i * 220 * MS, RTT, &since_ns), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_number_and_a_timeouts_silence_are_a_loss_together_only),
        cmocka_unit_test(numbers_that_wrap_follow_one_another),
        cmocka_unit_test(a_sender_whose_numbers_do_not_follow_one_another_proves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
