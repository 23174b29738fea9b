// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "export/ja4.h"
#include "hellos.h"
#include "tls/ja4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

/* The ClientHello of JA4.md's example: Chrome, with its GREASE. */
#define CIPHERS    "8a8a 1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035"
#define SNI        "0000 0010 000e 00 000b 6578616d706c652e636f6d "
#define ALPN       "0010 000e 000c 02 6832 08 687474702f312e31 "
#define VERSIONS   "002b 0007 06 7a7a 0304 0303 "
#define SIGNATURES "000d 0012 0010 0403 0804 0401 0503 0805 0501 0806 0601 "
#define OTHERS                                                                                               \
    "4469 0000  0017 0000  002d 0002 01 01  0005 0000  0023 0000  0012 0000  ff01 0001 00  000b 0000 "       \
    " 000a 0000  0015 0003 000000 "

static struct tls_bytes hello;

/* A ClientHello's body of these cipher suites and extensions. */
static struct ss_span hello_of(uint16_t version, const char *ciphers, const char *extensions)
{
    struct tls_bytes *part = calloc(1, sizeof(*part));
    assert_non_null(part);
    hello.length = 0;
    tls_put_u16(&hello, version);
    tls_put_fill(&hello, 0x77, 32);
    tls_put_hex(&hello, "00");
    tls_put_hex(part, ciphers);
    tls_put_u16(&hello, (unsigned)part->length);
    tls_put(&hello, part->at, part->length);
    tls_put_hex(&hello, "01 00");
    part->length = 0;
    tls_put_hex(part, extensions);
    if (part->length > 0)
        tls_put_u16(&hello, (unsigned)part->length);
    tls_put(&hello, part->at, part->length);
    free(part);
    return ss_span_of(hello.at, hello.length);
}

static const char *ja4_of(struct ss_span body)
{
    static char text[SS_JA4_TEXT_MAX];
    struct ss_ja4 ja4;
    if (ss_ja4_read(body, &ja4) != SS_JA4_READ)
        return "";
    assert_true(ss_ja4_print(&ja4, text));
    return text;
}

static void the_specifications_example_has_its_fingerprint(void **state)
{
    (void)state;
    struct ss_span body =
        hello_of(0x0303, CIPHERS,
                 "001b 0000  1a1a 0000 " SNI "0033 0000 " ALPN SIGNATURES OTHERS VERSIONS "fafa 0001 00");
    assert_string_equal(ja4_of(body), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

/* It gives the hash of this list of extensions; with 000d there can be no list of algorithms but an empty
 * one. */
static void without_signature_algorithms_the_list_ends_without_an_underscore(void **state)
{
    (void)state;
    struct ss_span body =
        hello_of(0x0303, CIPHERS, "001b 0000 " SNI "0033 0000 000d 0002 0000 " OTHERS VERSIONS);
    assert_string_equal(ja4_of(body), "t13d151500_8daaf6152771_6d807ffa2a79");
}

static void neither_name_nor_protocols_nor_any_order_but_that_of_signatures_matters(void **state)
{
    (void)state;
    char end[2][26];
    strcpy(end[0], ja4_of(hello_of(0x0303, CIPHERS, SNI ALPN SIGNATURES OTHERS)) + 11);
    strcpy(end[1], ja4_of(hello_of(
                       0x0303, "0035 002f 009d 009c c014 c013 cca8 cca9 c030 c02c c02f c02b 1303 1302 1301",
                       OTHERS SIGNATURES)) +
                       11);
    assert_string_equal(end[0], end[1]);
    strcpy(end[1], ja4_of(hello_of(0x0303, CIPHERS,
                                   "000d 0012 0010 0804 0403 0401 0503 0805 0501 0806 0601 " OTHERS)) +
                       11);
    assert_string_not_equal(end[0], end[1]);
}

static void a_list_of_nothing_is_zeros(void **state)
{
    (void)state;
    assert_string_equal(ja4_of(hello_of(0x0301, "", "")), "t10i000000_000000000000_000000000000");
    assert_string_equal(ja4_of(hello_of(0x0301, "0a0a fafa", "baba 0000")),
                        "t10i000000_000000000000_000000000000");
    assert_string_equal(ja4_of(hello_of(0x0303, "", SNI ALPN)), "t12d0002h2_000000000000_000000000000");
}

static void the_version_is_the_highest_that_is_supported(void **state)
{
    (void)state;
    static const struct {
        uint16_t version;
        const char *extensions, *text;
    } rows[] = {
        {0x0304, "", "13"},
        {0x0303, "", "12"},
        {0x0302, "", "11"},
        {0x0301, "", "10"},
        {0x0300, "", "s3"},
        {0x0002, "", "s2"},
        {0x7f17, "", "00"},
        {0x0303, "002b 0005 04 0303 0304", "13"},
        {0x0303, "002b 0005 04 0302 0301", "11"},
        {0x0301, "002b 0007 06 fafa 0303 0301", "12"},
        {0x0303, "002b 0005 04 7f1c 0304", "00"}, /* a draft's number is higher, and unknown to JA4 */
        {0x0303, "002b 0003 02 0a0a", "00"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *text = ja4_of(hello_of(rows[i].version, CIPHERS, rows[i].extensions));
        assert_memory_equal(text + 1, rows[i].text, 2);
    }
}

static void the_protocol_is_its_first_and_last_character_or_hexadecimal_digit(void **state)
{
    (void)state;
    static const struct {
        const char *list, *text;
    } rows[] = {
        {"0003 02 6832", "h2"},
        {"0009 08 687474702f312e31", "h1"},
        {"0006 02 6832 02 6833", "h2"},
        {"0002 01 68", "hh"},
        {"0000", "00"},
        {"0001 00", "00"},
        {"0003 02 5a41", "ZA"},
        {"0006 02 0a0a 02 6832", "h2"}, /* GREASE */
        /* the table in JA4.md */
        {"0002 01 ab", "ab"},
        {"0002 01 20", "20"},
        {"0003 02 abcd", "ad"},
        {"0003 02 2061", "21"},
        {"0003 02 30ab", "3b"},
        {"0003 02 6120", "60"},
        {"0005 04 3031abcd", "3d"},
        {"0005 04 30abcd31", "01"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tls_bytes *list = calloc(1, sizeof(*list));
        char extension[64];
        assert_non_null(list);
        tls_put_hex(list, rows[i].list);
        snprintf(extension, sizeof(extension), "0010 %04x %s", (unsigned)list->length, rows[i].list);
        print_message("%s\n", rows[i].list);
        assert_memory_equal(ja4_of(hello_of(0x0303, CIPHERS, extension)) + 8, rows[i].text, 2);
        free(list);
    }
}

static void a_name_of_any_content_is_a_name(void **state)
{
    (void)state;
    assert_int_equal(ja4_of(hello_of(0x0303, CIPHERS, "0000 0000"))[3], 'd');
    assert_int_equal(ja4_of(hello_of(0x0303, CIPHERS, OTHERS))[3], 'i');
}

/* `ciphers` suites, from 0100 on. */
static struct ss_span many_ciphers(unsigned ciphers)
{
    static char list[5 * 300 + 1];
    list[0] = '\0';
    for (unsigned i = 0; i < ciphers; i++)
        snprintf(list + strlen(list), 6, "%04x ", 0x100 + i);
    return hello_of(0x0303, list, "000a 0000  000b 0000");
}

static void more_than_99_are_99(void **state)
{
    (void)state;
    assert_memory_equal(ja4_of(many_ciphers(98)), "t12i980200_", 11);
    assert_memory_equal(ja4_of(many_ciphers(99)), "t12i990200_", 11);
    assert_memory_equal(ja4_of(many_ciphers(150)), "t12i990200_", 11);
}

static void a_hello_of_more_numbers_than_there_is_room_for_has_none(void **state)
{
    (void)state;
    struct ss_ja4 ja4 = {.version = 0x1234};
    assert_int_equal(ss_ja4_read(many_ciphers(SS_JA4_CODES - 1), &ja4), SS_JA4_TOO_LONG);
    assert_int_equal(ss_ja4_read(many_ciphers(SS_JA4_CODES + 1), &ja4), SS_JA4_TOO_LONG);
    assert_int_equal(ja4.version, 0x1234);
    assert_int_equal(ss_ja4_read(many_ciphers(SS_JA4_CODES - 2), &ja4), SS_JA4_READ);
    assert_int_equal(ja4.ciphers, SS_JA4_CODES - 2);
}

static void what_is_malformed_has_none(void **state)
{
    (void)state;
    static const struct {
        const char *ciphers, *extensions;
    } rows[] = {
        {"1301 13", ""},
        {"1301", "0010 0003 0004 00"},
        {"1301", "0010 0004 0001 01 00"},
        {"1301", "0010 0003 0001 02"},
        {"1301", "0010 0001 00"},
        {"1301", "002b 0003 03 0304"},
        {"1301", "002b 0004 03 0304 03"},
        {"1301", "002b 0004 02 0304 03"},
        {"1301", "002b 0000"},
        {"1301", "000d 0003 0001 04"},
        {"1301", "000d 0004 0004 0403"},
        {"1301", "000d 0005 0002 0403 04"},
        {"1301", "000d 0001 00"},
        {"1301", "000a 0001"},
        {"1301", "000a 00"},
        {"1301", "00"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ss_ja4 ja4;
        print_message("%s, %s\n", rows[i].ciphers, rows[i].extensions);
        assert_int_equal(ss_ja4_read(hello_of(0x0303, rows[i].ciphers, rows[i].extensions), &ja4),
                         SS_JA4_MALFORMED);
    }
}

/* In memory of its exact size, so that a sanitizer sees every byte. */
static void a_hello_cut_anywhere_has_none(void **state)
{
    (void)state;
    struct ss_span body = hello_of(0x0303, CIPHERS, SNI ALPN SIGNATURES OTHERS VERSIONS);
    size_t whole = ss_span_left(&body), without_extensions = 2 + 32 + 1 + 2 + 32 + 2;
    for (size_t length = 0; length <= whole; length++) {
        struct ss_ja4 ja4;
        uint8_t *copy = malloc(length + 1);
        assert_non_null(copy);
        memcpy(copy, body.at, length);
        assert_int_equal(ss_ja4_read(ss_span_of(copy, length), &ja4) == SS_JA4_READ,
                         length == whole || length == without_extensions);
        free(copy);
    }
    assert_int_equal(ss_ja4_read(ss_span_of(body.at, whole + 1), &(struct ss_ja4){0}), SS_JA4_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_specifications_example_has_its_fingerprint),
        cmocka_unit_test(without_signature_algorithms_the_list_ends_without_an_underscore),
        cmocka_unit_test(neither_name_nor_protocols_nor_any_order_but_that_of_signatures_matters),
        cmocka_unit_test(a_list_of_nothing_is_zeros),
        cmocka_unit_test(the_version_is_the_highest_that_is_supported),
        cmocka_unit_test(the_protocol_is_its_first_and_last_character_or_hexadecimal_digit),
        cmocka_unit_test(a_name_of_any_content_is_a_name),
        cmocka_unit_test(more_than_99_are_99),
        cmocka_unit_test(a_hello_of_more_numbers_than_there_is_room_for_has_none),
        cmocka_unit_test(what_is_malformed_has_none),
        cmocka_unit_test(a_hello_cut_anywhere_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
