// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "timeline/slow.h"

#define ROWS(a)   (sizeof(a) / sizeof((a)[0]))
#define WAIT_FLAG SS_FLAG_PHASE(SS_PHASE_HELLO_WAIT)
#define US        1000LL /* all rows are in microseconds */

/* A judgement of a few shares, a phase, and what is pending. */
struct judged_row {
    int shares[SS_SHARE_COUNT];
    enum ss_phase phase;
    int phase_us;
    int pending;
    enum ss_share pending_share;
};

static struct ss_judgement judgement_of(const struct judged_row *row)
{
    struct ss_judgement judged = {.pending_phase = SS_PHASE_COUNT, .pending_share = SS_SHARE_UNKNOWN};

    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        judged.phase_ns[i] = SS_MARK_UNSEEN;
    for (unsigned i = 0; i < SS_SHARE_COUNT; i++) {
        judged.share_ns[i] = row->shares[i] * US;
        judged.duration_ns += row->shares[i] * US;
    }
    if (row->phase_us > 0)
        judged.phase_ns[row->phase] = row->phase_us * US;
    judged.pending_ns = row->pending * US;
    if (row->pending > 0)
        judged.pending_share = (uint8_t)row->pending_share;
    return judged;
}

/* ---- flags */

static struct ss_slow slow_of(int handshake, int unfinished, enum ss_phase phase, int phase_us)
{
    struct ss_slow slow;

    ss_slow_init(&slow);
    if (handshake >= 0)
        slow.handshake_ns = handshake * US;
    if (unfinished >= 0)
        slow.unfinished_ns = unfinished * US;
    if (phase_us >= 0)
        slow.phase_ns[phase] = phase_us * US;
    return slow;
}

static const struct {
    const char *about;
    int handshake, unfinished, phase; /* limits; -1: off */
    int clock_error;
    struct judged_row judged;
    uint32_t flags;
} flag_rows[] = {
    {"no test is on",
     -1,
     -1,
     -1,
     0,
     {.shares = {[SS_SHARE_CLIENT] = 1000000},
      .phase = SS_PHASE_CLIENT_FINISH,
      .phase_us = 1000000,
      .pending = 1000000},
     0},
    {"just under the limit", 300, -1, -1, 0, {.shares = {[SS_SHARE_CLIENT] = 299}}, 0},
    {"as long as the limit", 300, -1, -1, 0, {.shares = {[SS_SHARE_CLIENT] = 300}}, SS_FLAG_HANDSHAKE},
    {"longer",
     300,
     -1,
     -1,
     0,
     {.shares = {[SS_SHARE_SERVER] = 200, [SS_SHARE_LOSS] = 101}},
     SS_FLAG_HANDSHAKE},
    {"idle time does not count",
     300,
     -1,
     -1,
     0,
     {.shares = {[SS_SHARE_CLIENT] = 299, [SS_SHARE_IDLE] = 5000000}},
     0},
    {"what the tap missed does", 300, -1, -1, 0, {.shares = {[SS_SHARE_UNKNOWN] = 301}}, SS_FLAG_HANDSHAKE},
    {"within the clock's error", 300, -1, -1, 400, {.shares = {[SS_SHARE_CLIENT] = 400}}, 0},
    {"beyond the clock's error", 300, -1, -1, 400, {.shares = {[SS_SHARE_CLIENT] = 401}}, SS_FLAG_HANDSHAKE},
    {"a limit of nothing flags all that took time",
     0,
     -1,
     -1,
     0,
     {.shares = {[SS_SHARE_CLIENT] = 1}},
     SS_FLAG_HANDSHAKE},
    {"a limit of nothing, no time", 0, -1, -1, 0, {.shares = {0}}, 0},
    {"a phase under its limit",
     -1,
     -1,
     200,
     0,
     {.shares = {[SS_SHARE_CLIENT] = 199}, .phase = SS_PHASE_CLIENT_FINISH, .phase_us = 199},
     0},
    {"a phase over its limit",
     -1,
     -1,
     200,
     0,
     {.shares = {[SS_SHARE_CLIENT] = 201}, .phase = SS_PHASE_CLIENT_FINISH, .phase_us = 201},
     SS_FLAG_PHASE(SS_PHASE_CLIENT_FINISH)},
    {"another phase's limit is not this one's",
     -1,
     -1,
     200,
     0,
     {.shares = {[SS_SHARE_CLIENT] = 201}, .phase = SS_PHASE_FLIGHT_ACK, .phase_us = 201},
     0},
    {"a phase within the clock's error is nobody's fault",
     -1,
     -1,
     200,
     300,
     {.shares = {[SS_SHARE_CLIENT] = 1000}, .phase = SS_PHASE_CLIENT_FINISH, .phase_us = 300},
     0},
    {"a phase that was not seen", -1, -1, 0, 0, {.shares = {[SS_SHARE_CLIENT] = 1000}}, 0},
    {"stuck",
     -1,
     1000,
     -1,
     0,
     {.shares = {[SS_SHARE_SERVER] = 100}, .pending = 900, .pending_share = SS_SHARE_CLIENT},
     SS_FLAG_UNFINISHED},
    {"stuck, but not for that long",
     -1,
     1000,
     -1,
     0,
     {.shares = {[SS_SHARE_SERVER] = 100}, .pending = 899, .pending_share = SS_SHARE_CLIENT},
     0},
    {"complete by now, and was stuck",
     -1,
     1000,
     -1,
     0,
     {.shares = {[SS_SHARE_SERVER] = 5000}},
     SS_FLAG_UNFINISHED},
    {"a client that connected and says nothing is not stuck",
     -1,
     1000,
     -1,
     0,
     {.shares = {[SS_SHARE_SERVER] = 100}, .pending = 900000, .pending_share = SS_SHARE_IDLE},
     0},
    {"stuck, idle before: what was idle does not count",
     -1,
     1000,
     -1,
     0,
     {.shares = {[SS_SHARE_IDLE] = 5000}, .pending = 999, .pending_share = SS_SHARE_SERVER},
     0},
    {"stuck within the clock's error",
     -1,
     1000,
     -1,
     2000,
     {.pending = 2000, .pending_share = SS_SHARE_SERVER},
     0},
    {"pending time is not the handshake's duration",
     300,
     -1,
     -1,
     0,
     {.shares = {[SS_SHARE_SERVER] = 299}, .pending = 5000, .pending_share = SS_SHARE_SERVER},
     0},
    {"all at once",
     300,
     1000,
     200,
     0,
     {.shares = {[SS_SHARE_CLIENT] = 400},
      .phase = SS_PHASE_CLIENT_FINISH,
      .phase_us = 400,
      .pending = 700,
      .pending_share = SS_SHARE_SERVER},
     SS_FLAG_HANDSHAKE | SS_FLAG_UNFINISHED | SS_FLAG_PHASE(SS_PHASE_CLIENT_FINISH)},
};

static void what_is_slow_is_flagged_by_each_test_on_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(flag_rows); i++) {
        struct ss_slow slow = slow_of(flag_rows[i].handshake, flag_rows[i].unfinished, SS_PHASE_CLIENT_FINISH,
                                      flag_rows[i].phase);
        struct ss_judgement judged = judgement_of(&flag_rows[i].judged);
        print_message("%s\n", flag_rows[i].about);
        assert_int_equal(ss_slow_flags(&slow, &judged, flag_rows[i].clock_error * US), flag_rows[i].flags);
    }
}

static void each_phase_has_a_flag_and_a_limit_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++) {
        struct judged_row row = {
            .shares = {[SS_SHARE_SERVER] = 50}, .phase = (enum ss_phase)i, .phase_us = 50};
        struct ss_judgement judged = judgement_of(&row);
        for (unsigned limited = 0; limited < SS_PHASE_COUNT; limited++) {
            struct ss_slow slow = slow_of(-1, -1, (enum ss_phase)limited, 49);
            assert_int_equal(ss_slow_flags(&slow, &judged, 0), limited == i ? SS_FLAG_PHASE(i) : 0);
        }
    }
}

/* ---- verdict and confidence */

static const struct {
    const char *about;
    struct judged_row judged;
    uint32_t flags;
    int proxy; /* -1: it said nothing */
    int clock_error;
    bool one_sided;
    uint32_t missing;
    enum ss_verdict verdict;
    enum ss_confidence confidence;
} verdict_rows[] = {
    {"not flagged: nothing was slow",
     {.shares = {[SS_SHARE_CLIENT] = 9000}},
     0,
     -1,
     0,
     false,
     0,
     SS_VERDICT_NONE,
     SS_CONFIDENCE_HIGH},
    {"the client",
     {.shares = {[SS_SHARE_CLIENT] = 900, [SS_SHARE_SERVER] = 100}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_HIGH},
    {"its path",
     {.shares = {[SS_SHARE_CLIENT_PATH] = 900}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_CLIENT_PATH,
     SS_CONFIDENCE_HIGH},
    {"the server",
     {.shares = {[SS_SHARE_SERVER] = 900}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_SERVER,
     SS_CONFIDENCE_HIGH},
    {"its path",
     {.shares = {[SS_SHARE_SERVER_PATH] = 900}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_SERVER_PATH,
     SS_CONFIDENCE_HIGH},
    {"loss",
     {.shares = {[SS_SHARE_LOSS] = 900}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_LOSS,
     SS_CONFIDENCE_HIGH},
    {"what the tap missed blames the tap",
     {.shares = {[SS_SHARE_UNKNOWN] = 600, [SS_SHARE_SERVER] = 400}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_TAP,
     SS_CONFIDENCE_HIGH},
    {"idle time is not elected where something else is slow",
     {.shares = {[SS_SHARE_IDLE] = 90000, [SS_SHARE_SERVER] = 400}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_SERVER,
     SS_CONFIDENCE_HIGH},
    {"but it is where only the wait for the hello is flagged",
     {.shares = {[SS_SHARE_IDLE] = 90000, [SS_SHARE_SERVER] = 400}},
     WAIT_FLAG,
     -1,
     0,
     false,
     0,
     SS_VERDICT_IDLE,
     SS_CONFIDENCE_HIGH},
    {"and where only the talk before TLS is",
     {.shares = {[SS_SHARE_IDLE] = 90000, [SS_SHARE_SERVER] = 400}},
     SS_FLAG_PHASE(SS_PHASE_TALK),
     -1,
     0,
     false,
     0,
     SS_VERDICT_IDLE,
     SS_CONFIDENCE_HIGH},
    {"not where it is flagged among others",
     {.shares = {[SS_SHARE_IDLE] = 90000, [SS_SHARE_SERVER] = 400}},
     WAIT_FLAG | SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_SERVER,
     SS_CONFIDENCE_HIGH},
    {"a proxy's timer counts idle time",
     {.shares = {[SS_SHARE_IDLE] = 5000, [SS_SHARE_CLIENT] = 10}},
     SS_FLAG_PROXY,
     5000,
     0,
     false,
     0,
     SS_VERDICT_IDLE,
     SS_CONFIDENCE_HIGH},
    {"the wire was quick, the proxy is slow",
     {.shares = {[SS_SHARE_CLIENT] = 400}},
     SS_FLAG_PROXY,
     1000,
     0,
     false,
     0,
     SS_VERDICT_PROXY,
     SS_CONFIDENCE_HIGH},
    {"the wire explains half of it",
     {.shares = {[SS_SHARE_CLIENT] = 500}},
     SS_FLAG_PROXY,
     1000,
     0,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_HIGH},
    {"seen from one side only, quickness proves little",
     {.shares = {[SS_SHARE_CLIENT] = 400}},
     SS_FLAG_PROXY,
     1000,
     0,
     true,
     0,
     SS_VERDICT_PROXY,
     SS_CONFIDENCE_LOW},
    {"flagged by wire and proxy: the wire's word",
     {.shares = {[SS_SHARE_SERVER] = 400}},
     SS_FLAG_PROXY | SS_FLAG_HANDSHAKE,
     1000,
     0,
     false,
     0,
     SS_VERDICT_SERVER,
     SS_CONFIDENCE_HIGH},
    {"a proxy that says no duration flags nothing",
     {.shares = {[SS_SHARE_SERVER] = 400}},
     SS_FLAG_PROXY,
     -1,
     0,
     false,
     0,
     SS_VERDICT_NONE,
     SS_CONFIDENCE_HIGH},
    {"pending time is held up too",
     {.shares = {[SS_SHARE_SERVER] = 400}, .pending = 2000, .pending_share = SS_SHARE_CLIENT},
     SS_FLAG_UNFINISHED,
     -1,
     0,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_HIGH},
    {"pending idle time is not elected either",
     {.shares = {[SS_SHARE_SERVER] = 400}, .pending = 2000, .pending_share = SS_SHARE_IDLE},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_SERVER,
     SS_CONFIDENCE_HIGH},
    {"pending time is the wire's where the proxy complains",
     {.shares = {[SS_SHARE_SERVER] = 100}, .pending = 900, .pending_share = SS_SHARE_CLIENT},
     SS_FLAG_PROXY,
     1000,
     0,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_HIGH},

    {"three quarters are enough for certainty",
     {.shares = {[SS_SHARE_CLIENT] = 750, [SS_SHARE_SERVER] = 250}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_HIGH},
    {"a little less is not",
     {.shares = {[SS_SHARE_CLIENT] = 749, [SS_SHARE_SERVER] = 251}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_MEDIUM},
    {"nor is what the clock can have made of it",
     {.shares = {[SS_SHARE_CLIENT] = 750, [SS_SHARE_SERVER] = 250}},
     SS_FLAG_HANDSHAKE,
     -1,
     1,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_MEDIUM},
    {"half of it is the least",
     {.shares = {[SS_SHARE_CLIENT] = 500, [SS_SHARE_SERVER] = 300, [SS_SHARE_LOSS] = 200}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_MEDIUM},
    {"less is a guess",
     {.shares = {[SS_SHARE_CLIENT] = 499, [SS_SHARE_SERVER] = 301, [SS_SHARE_LOSS] = 200}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_LOW},
    {"a share of twice the clock's error is a guess",
     {.shares = {[SS_SHARE_CLIENT] = 1000}},
     SS_FLAG_HANDSHAKE,
     -1,
     500,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_LOW},
    {"one side is a guess",
     {.shares = {[SS_SHARE_CLIENT] = 1000}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     true,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_LOW},
    {"bytes that the mirror lost make it a guess",
     {.shares = {[SS_SHARE_CLIENT] = 1000}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     1,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_LOW},
    {"idle time does not blur it",
     {.shares = {[SS_SHARE_CLIENT] = 750, [SS_SHARE_SERVER] = 250, [SS_SHARE_IDLE] = 9000}},
     SS_FLAG_HANDSHAKE,
     -1,
     0,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_HIGH},
    {"but where it is elected it counts",
     {.shares = {[SS_SHARE_IDLE] = 749, [SS_SHARE_SERVER] = 251}},
     WAIT_FLAG,
     -1,
     0,
     false,
     0,
     SS_VERDICT_IDLE,
     SS_CONFIDENCE_MEDIUM},
    {"pending time counts in the whole",
     {.shares = {[SS_SHARE_CLIENT] = 700}, .pending = 300, .pending_share = SS_SHARE_SERVER},
     SS_FLAG_UNFINISHED,
     -1,
     0,
     false,
     0,
     SS_VERDICT_CLIENT,
     SS_CONFIDENCE_MEDIUM},
};

static void flags_are_named_in_the_order_of_the_record(void **state)
{
    (void)state;
    static const char *const names[] = {"handshake", "phase:hello_wait", "phase:client_finish", "unfinished",
                                        "proxy"};
    uint32_t flags = SS_FLAG_PROXY | SS_FLAG_UNFINISHED | SS_FLAG_PHASE(SS_PHASE_CLIENT_FINISH) | WAIT_FLAG |
                     SS_FLAG_HANDSHAKE;
    char name[SS_FLAG_TEXT_MAX];

    for (size_t i = 0; i < ROWS(names); i++) {
        assert_true(ss_slow_flag_next(&flags, name));
        assert_string_equal(name, names[i]);
    }
    assert_false(ss_slow_flag_next(&flags, name));
}

static void the_verdict_is_the_largest_share_of_a_slow_flow(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(verdict_rows); i++) {
        struct ss_judgement judged = judgement_of(&verdict_rows[i].judged);
        struct ss_verdict_evidence evidence = {
            .flags = verdict_rows[i].flags,
            .proxy_ns = verdict_rows[i].proxy < 0 ? SS_MARK_UNSEEN : verdict_rows[i].proxy * US,
            .clock_error_ns = verdict_rows[i].clock_error * US,
            .one_sided = verdict_rows[i].one_sided,
            .tap_missing_bytes = verdict_rows[i].missing};
        struct ss_opinion opinion = ss_verdict_form(&judged, &evidence);
        print_message("%s\n", verdict_rows[i].about);
        assert_int_equal(opinion.verdict, verdict_rows[i].verdict);
        assert_int_equal(opinion.confidence, verdict_rows[i].confidence);
    }
}

static void a_verdict_that_rests_by_half_on_the_length_of_a_silence_is_a_guess(void **state)
{
    (void)state;
    static const struct {
        int guessed;
        enum ss_confidence confidence;
    } rows[] = {{0, SS_CONFIDENCE_HIGH}, {450, SS_CONFIDENCE_HIGH}, {451, SS_CONFIDENCE_LOW}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct judged_row row = {.shares = {[SS_SHARE_CLIENT] = 900}};
        struct ss_judgement judged = judgement_of(&row);
        struct ss_verdict_evidence evidence = {.flags = SS_FLAG_HANDSHAKE, .proxy_ns = SS_MARK_UNSEEN};

        judged.guessed_ns = rows[i].guessed * US;
        struct ss_opinion opinion = ss_verdict_form(&judged, &evidence);
        assert_int_equal(opinion.verdict, SS_VERDICT_CLIENT);
        assert_int_equal(opinion.confidence, rows[i].confidence);
    }
}

static void where_the_mirror_hid_the_end_a_slow_report_of_the_proxy_alone_blames_nobody(void **state)
{
    (void)state;
    struct judged_row row = {.shares = {[SS_SHARE_CLIENT] = 900}};
    struct ss_judgement judged = judgement_of(&row);
    struct ss_verdict_evidence evidence = {
        .flags = SS_FLAG_PROXY, .proxy_ns = 5000 * US, .one_sided = true, .is_end_hidden = true};

    assert_int_equal(ss_verdict_form(&judged, &evidence).verdict, SS_VERDICT_TAP);
    evidence.proxy_ns = 1000 * US; /* the wire shows most of it */
    assert_int_equal(ss_verdict_form(&judged, &evidence).verdict, SS_VERDICT_CLIENT);
}

static void without_all_of_its_evidence_any_verdict_is_a_guess_unless_nothing_was_slow(void **state)
{
    (void)state;
    static const struct {
        uint32_t flags;
        int proxy;
        enum ss_verdict verdict;
        enum ss_confidence confidence;
    } rows[] = {
        {0, -1, SS_VERDICT_NONE, SS_CONFIDENCE_HIGH},
        {SS_FLAG_HANDSHAKE, -1, SS_VERDICT_CLIENT, SS_CONFIDENCE_LOW},
        {SS_FLAG_PROXY, 5000, SS_VERDICT_PROXY, SS_CONFIDENCE_LOW},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct judged_row row = {.shares = {[SS_SHARE_CLIENT] = 900}};
        struct ss_judgement judged = judgement_of(&row);
        struct ss_verdict_evidence evidence = {.flags = rows[i].flags,
                                               .proxy_ns =
                                                   rows[i].proxy < 0 ? SS_MARK_UNSEEN : rows[i].proxy * US,
                                               .lacks_evidence = true};
        struct ss_opinion opinion = ss_verdict_form(&judged, &evidence);
        assert_int_equal(opinion.verdict, rows[i].verdict);
        assert_int_equal(opinion.confidence, rows[i].confidence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_slow_is_flagged_by_each_test_on_its_own),
        cmocka_unit_test(each_phase_has_a_flag_and_a_limit_of_its_own),
        cmocka_unit_test(flags_are_named_in_the_order_of_the_record),
        cmocka_unit_test(the_verdict_is_the_largest_share_of_a_slow_flow),
        cmocka_unit_test(a_verdict_that_rests_by_half_on_the_length_of_a_silence_is_a_guess),
        cmocka_unit_test(where_the_mirror_hid_the_end_a_slow_report_of_the_proxy_alone_blames_nobody),
        cmocka_unit_test(without_all_of_its_evidence_any_verdict_is_a_guess_unless_nothing_was_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
