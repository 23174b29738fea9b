// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tables/tables.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Lower case words joined by '_', as JSON, telemetry and metrics all take them. */
static void assert_is_name(const char *name)
{
    assert_non_null(name);
    assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789"), strlen(name));
    assert_int_not_equal(strlen(name), 0);
}

static void assert_is_line(const char *line)
{
    assert_non_null(line);
    assert_int_not_equal(strlen(line), 0);
    assert_null(strchr(line, '\n'));
}

static void every_row_has_its_own_name_and_a_line_about_it(void **state)
{
    (void)state;
    static const struct {
        const char *(*name)(unsigned);
        const char *(*about)(unsigned);
        unsigned count;
    } TABLES[] = {
        {(const char *(*)(unsigned))ss_refusal_name, (const char *(*)(unsigned))ss_refusal_about,
         SS_REFUSED_COUNT},
        {(const char *(*)(unsigned))ss_refusal_name, (const char *(*)(unsigned))ss_refusal_advice,
         SS_REFUSED_COUNT},
        {(const char *(*)(unsigned))ss_mark_name, (const char *(*)(unsigned))ss_mark_about, SS_MARK_COUNT},
        {(const char *(*)(unsigned))ss_phase_name, (const char *(*)(unsigned))ss_phase_about, SS_PHASE_COUNT},
        {(const char *(*)(unsigned))ss_share_name, (const char *(*)(unsigned))ss_share_about, SS_SHARE_COUNT},
        {(const char *(*)(unsigned))ss_evidence_name, (const char *(*)(unsigned))ss_evidence_about,
         SS_EVIDENCE_COUNT},
        {(const char *(*)(unsigned))ss_unwritten_name, (const char *(*)(unsigned))ss_unwritten_about,
         SS_UNWRITTEN_COUNT},
        {(const char *(*)(unsigned))ss_verdict_name, (const char *(*)(unsigned))ss_verdict_about,
         SS_VERDICT_COUNT},
        {(const char *(*)(unsigned))ss_outcome_name, (const char *(*)(unsigned))ss_outcome_about,
         SS_OUTCOME_COUNT},
        {(const char *(*)(unsigned))ss_confidence_name, NULL, SS_CONFIDENCE_COUNT},
        {(const char *(*)(unsigned))ss_tap_name, NULL, SS_TAP_COUNT},
        {(const char *(*)(unsigned))ss_clock_source_name, NULL, SS_CLOCK_COUNT},
    };
    for (size_t i = 0; i < COUNT_OF(TABLES); i++) {
        for (unsigned row = 0; row < TABLES[i].count; row++) {
            assert_is_name(TABLES[i].name(row));
            if (TABLES[i].about != NULL)
                assert_is_line(TABLES[i].about(row));
            for (unsigned other = 0; other < row; other++)
                assert_string_not_equal(TABLES[i].name(row), TABLES[i].name(other));
        }
    }
}

static void the_names_are_those_of_the_contract(void **state)
{
    (void)state;
    assert_string_equal(ss_mark_name(SS_MARK_CLIENT_HELLO_2), "client_hello_2");
    assert_string_equal(ss_phase_name(SS_PHASE_CLIENT_FINISH), "client_finish");
    assert_string_equal(ss_outcome_name(SS_OUTCOME_CLIENT_REJECTED), "client_rejected");
    assert_string_equal(ss_tap_name(SS_TAP_MIDDLE), "middle");
    assert_string_equal(ss_clock_source_name(SS_CLOCK_SOFTWARE), "software");
    assert_string_equal(ss_confidence_name(SS_CONFIDENCE_HIGH), "high");
    assert_string_equal(ss_refusal_name(SS_REFUSED_NOT_TCP), "not_tcp");
    assert_string_equal(ss_verdict_name(SS_VERDICT_NONE), "none");
    assert_string_equal(ss_unwritten_name(SS_UNWRITTEN_BEHIND), "behind");
}

static void each_phase_ends_at_another_mark_in_the_order_of_the_marks(void **state)
{
    (void)state;
    assert_int_equal(ss_phase_end(SS_PHASE_TCP_ACCEPT), SS_MARK_SYN_ACK);
    assert_int_equal(ss_phase_end(SS_PHASE_SERVER_FINISH), SS_MARK_SERVER_FINISHED);
    for (unsigned phase = 1; phase < SS_PHASE_COUNT; phase++)
        assert_true(ss_phase_end((enum ss_phase)(phase - 1)) < ss_phase_end((enum ss_phase)phase));
}

static void a_verdict_on_a_share_has_the_share_s_number(void **state)
{
    (void)state;
    for (unsigned share = 0; share < SS_SHARE_UNKNOWN; share++)
        assert_string_equal(ss_share_name((enum ss_share)share), ss_verdict_name((enum ss_verdict)share));
}

static void every_refusal_belongs_to_the_sum_it_is_counted_in(void **state)
{
    (void)state;
    unsigned seen[SS_CLASS_COUNT] = {0};
    for (unsigned i = 0; i < SS_REFUSED_COUNT; i++)
        seen[ss_refusal_class((enum ss_refusal)i)]++;
    assert_int_equal(ss_refusal_class(SS_REFUSED_NOT_IP), SS_CLASS_NOT_TLS);
    assert_int_equal(ss_refusal_class(SS_REFUSED_FRAGMENT), SS_CLASS_UNDECODABLE);
    assert_int_equal(ss_refusal_class(SS_REFUSED_RING_FULL), SS_CLASS_DROPPED);
    assert_true(seen[SS_CLASS_NOT_TLS] > 0 && seen[SS_CLASS_UNDECODABLE] > 0 && seen[SS_CLASS_DROPPED] > 0);
}

static void tls_numbers_have_their_registered_names(void **state)
{
    (void)state;
    static const struct {
        const char *(*name)(unsigned);
        unsigned number;
        const char *text;
    } ROWS[] = {
        {ss_tls_version_name, 0x0002, "SSL 2"},
        {ss_tls_version_name, 0x0303, "1.2"},
        {ss_tls_version_name, 0x0304, "1.3"},
        {ss_tls_version_name, 0x7f1c, "1.3-draft28"},
        {ss_tls_version_name, 0x0305, NULL},
        {ss_tls_cipher_name, 0x1301, "TLS_AES_128_GCM_SHA256"},
        {ss_tls_cipher_name, 0x1303, "TLS_CHACHA20_POLY1305_SHA256"},
        {ss_tls_cipher_name, 0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"},
        {ss_tls_cipher_name, 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
        {ss_tls_cipher_name, 0xcc13, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
        {ss_tls_cipher_name, 0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
        {ss_tls_cipher_name, 0x0a0a, NULL},
        {ss_tls_cipher_name, 0x11301, NULL},
        {ss_tls_group_name, 0x0001, "sect163k1"},
        {ss_tls_group_name, 0x001d, "x25519"},
        {ss_tls_group_name, 0x11eb, "SecP256r1MLKEM768"},
        {ss_tls_group_name, 0x11ec, "X25519MLKEM768"},
        {ss_tls_group_name, 0x11ed, "SecP384r1MLKEM1024"},
        {ss_tls_group_name, 0x6399, "X25519Kyber768Draft00"},
        {ss_tls_group_name, 0xff02, "arbitrary_explicit_char2_curves"},
        {ss_tls_group_name, 0xffff, NULL},
        {ss_tls_group_name, 0, NULL},
        {ss_tls_alert_name, 0, "close_notify"},
        {ss_tls_alert_name, 40, "handshake_failure"},
        {ss_tls_alert_name, 48, "unknown_ca"},
        {ss_tls_alert_name, 121, "ech_required"},
        {ss_tls_alert_name, 1, NULL},
        {ss_tls_alert_name, 255, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const char *text = ROWS[i].name(ROWS[i].number);
        if (ROWS[i].text == NULL)
            assert_null(text);
        else
            assert_string_equal(text, ROWS[i].text);
    }
}

/* A table out of order would hide rows from the search; the counts are those of the tables. */
static void every_tls_name_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *(*name)(unsigned);
        unsigned names;
    } ROWS[] = {{ss_tls_version_name, 23},
                {ss_tls_cipher_name, 214},
                {ss_tls_group_name, 60},
                {ss_tls_alert_name, 35}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        unsigned names = 0;
        for (unsigned number = 0; number <= UINT16_MAX; number++)
            names += ROWS[i].name(number) != NULL;
        assert_int_equal(names, ROWS[i].names);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_its_own_name_and_a_line_about_it),
        cmocka_unit_test(the_names_are_those_of_the_contract),
        cmocka_unit_test(each_phase_ends_at_another_mark_in_the_order_of_the_marks),
        cmocka_unit_test(a_verdict_on_a_share_has_the_share_s_number),
        cmocka_unit_test(every_refusal_belongs_to_the_sum_it_is_counted_in),
        cmocka_unit_test(tls_numbers_have_their_registered_names),
        cmocka_unit_test(every_tls_name_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
