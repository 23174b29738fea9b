// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hellos.h"
#include "tls/hello.h"

#include <stdlib.h>
#include <string.h>

static struct ss_span body_of(const struct tls_bytes *message)
{
    return ss_span_of(message->at + 4, message->length - 4);
}

static bool decode_client(const struct tls_client_recipe *recipe, struct ss_client_hello *ret_hello)
{
    static struct tls_bytes message;
    message.length = 0;
    tls_put_client_hello(&message, recipe);
    return ss_client_hello_decode(body_of(&message), ret_hello);
}

static bool decode_server(const struct tls_server_recipe *recipe, struct ss_server_hello *ret_hello)
{
    static struct tls_bytes message;
    message.length = 0;
    tls_put_server_hello(&message, recipe);
    return ss_server_hello_decode(body_of(&message), ret_hello);
}

/* A ClientHello with one extension, of these bytes. */
static bool decode_client_extension(const char *extension, struct ss_client_hello *ret_hello)
{
    static struct tls_bytes message, bytes;
    message.length = bytes.length = 0;
    tls_put_client_hello(&message, &(struct tls_client_recipe){.no_extensions = true});
    tls_put_hex(&bytes, extension);
    tls_put_u16(&message, (unsigned)bytes.length);
    tls_put(&message, bytes.at, bytes.length);
    return ss_client_hello_decode(body_of(&message), ret_hello);
}

static bool decode_server_extension(const char *extension, struct ss_server_hello *ret_hello)
{
    static struct tls_bytes message, bytes;
    message.length = bytes.length = 0;
    tls_put_server_hello(&message, &(struct tls_server_recipe){.no_extensions = true});
    tls_put_hex(&bytes, extension);
    tls_put_u16(&message, (unsigned)bytes.length);
    tls_put(&message, bytes.at, bytes.length);
    return ss_server_hello_decode(body_of(&message), ret_hello);
}

static void a_plain_client_hello_says_nothing_but_its_version(void **state)
{
    (void)state;
    struct ss_client_hello hello, expected = {.version = 0x0301};
    memset(&hello, 0xff, sizeof(hello));
    assert_true(
        decode_client(&(struct tls_client_recipe){.legacy_version = 0x0301, .no_extensions = true}, &hello));
    assert_memory_equal(&hello, &expected, sizeof(hello));
    assert_true(decode_client(&(struct tls_client_recipe){.legacy_version = 0x0301}, &hello));
    assert_memory_equal(&hello, &expected, sizeof(hello));
}

static void a_full_client_hello_says_all(void **state)
{
    (void)state;
    struct ss_client_hello hello;
    assert_true(decode_client(&(struct tls_client_recipe){.sni = "www.example.com",
                                                          .alpn = {"h2", "http/1.1"},
                                                          .versions = {0x0304, 0x0303},
                                                          .session_id_bytes = 32,
                                                          .ticket_bytes = 100,
                                                          .padding_bytes = 2000,
                                                          .early_data = true,
                                                          .pre_shared_key = true,
                                                          .encrypted_client_hello = true},
                              &hello));
    assert_int_equal(hello.version, 0x0304);
    assert_string_equal(hello.sni, "www.example.com");
    assert_memory_equal(hello.alpn, "h2\0http/1.1\0", 13);
    assert_int_equal(hello.session_id_bytes, 32);
    assert_int_equal(hello.session_id[0], 0x1d);
    assert_int_equal(hello.session_id[31], 0x1d);
    assert_true(hello.session_ticket);
    assert_true(hello.early_data);
    assert_true(hello.pre_shared_key);
    assert_true(hello.encrypted_client_hello);
}

static void a_session_ticket_extension_without_a_ticket_is_an_offer_not_a_ticket(void **state)
{
    (void)state;
    struct ss_client_hello hello;
    assert_true(decode_client(&(struct tls_client_recipe){.empty_ticket = true}, &hello));
    assert_false(hello.session_ticket);
}

static void the_version_of_a_client_hello_is_the_highest_it_offers(void **state)
{
    (void)state;
    static const struct {
        uint16_t offered[8];
        uint16_t version;
    } rows[] = {
        {{0x0303, 0x0304}, 0x0304},
        {{0x0304, 0x0303, 0x0302}, 0x0304},
        {{0x0302, 0x0301}, 0x0302},
        {{0x6a6a, 0x0304}, 0x0304},
        {{0xfafa, 0x0303}, 0x0303},
        {{0x7f1c, 0x0303}, 0x7f1c},
        {{0x7f17, 0x7f1c, 0x7f12}, 0x7f1c},
        {{0xfb1a, 0x0303}, 0xfb1a},
        {{0x0304, 0x7f1c, 0xfb1a}, 0x0304},
        {{0x7e02, 0x0303}, 0x7e02},
        {{0x1234}, 0x0303},
        {{0x0a0a}, 0x0303},
        {{0x0a1a, 0x0302}, 0x0302},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_client_recipe recipe = {0};
        struct ss_client_hello hello;
        memcpy(recipe.versions, rows[i].offered, sizeof(recipe.versions));
        assert_true(decode_client(&recipe, &hello));
        assert_int_equal(hello.version, rows[i].version);
    }
}

static void names_are_printable_and_fit_their_fields(void **state)
{
    (void)state;
    struct ss_client_hello hello;
    assert_true(
        decode_client(&(struct tls_client_recipe){.sni = "a\nb\x7f\xc3\xa4 ~\"c", .alpn = {"h\t2"}}, &hello));
    assert_string_equal(hello.sni, "a?b??? ~\"c");
    assert_memory_equal(hello.alpn, "h?2\0", 5);
    assert_true(decode_client_extension("0000 0008 0006 00 0003 610062", &hello)); /* a zero byte inside */
    assert_string_equal(hello.sni, "a?b");

    char name[301];
    memset(name, 'n', 300);
    name[300] = '\0';
    assert_true(decode_client(&(struct tls_client_recipe){.sni = name}, &hello));
    assert_int_equal(strlen(hello.sni), SS_SNI_MAX - 1);
}

static void protocol_names_that_find_no_room_are_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        size_t first; /* length of a name before "abc" and "de" */
        const char *rest;
    } rows[] = {
        {"all three fit", SS_ALPN_MAX - 1 - 4 - 3 - 1, "abc\0de\0"},
        {"the last one does not", SS_ALPN_MAX - 1 - 4 - 3, "abc\0\0\0"},
        {"the one in the middle does not", SS_ALPN_MAX - 1 - 4, "de\0\0\0"},
        {"only the first", SS_ALPN_MAX - 2, ""},
    };
    char name[SS_ALPN_MAX];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ss_client_hello hello;
        print_message("%s\n", rows[i].about);
        memset(name, 'p', sizeof(name));
        name[rows[i].first] = '\0';
        assert_true(decode_client(&(struct tls_client_recipe){.alpn = {name, "abc", "de"}}, &hello));
        assert_string_equal(hello.alpn, name);
        const char *rest = hello.alpn + rows[i].first + 1;
        assert_memory_equal(rest, rows[i].rest,
                            SS_ALPN_MAX - rows[i].first - 1 < 7 ? SS_ALPN_MAX - rows[i].first - 1 : 7);
    }
    struct ss_client_hello hello;
    memset(name, 'p', sizeof(name));
    name[SS_ALPN_MAX - 1] = '\0';
    assert_true(decode_client(&(struct tls_client_recipe){.alpn = {name, "h2"}}, &hello));
    assert_memory_equal(hello.alpn, "h2\0", 4); /* the first is longer than the field */
}

static void client_extensions_are_read_as_their_rfcs_have_them(void **state)
{
    (void)state;
    static const struct {
        const char *extension;
        bool is_sound;
        const char *sni, *alpn;
    } rows[] = {
        {"0000 0006 0004 00 0001 61", true, "a", ""},
        {"0000 000a 0008 07 0001 7a 00 0001 61", true, "a", ""}, /* a name of another type before it */
        {"0000 000a 0008 00 0001 61 00 0001 62", true, "a", ""}, /* the first of two */
        {"0000 0000", false, "", ""},
        {"0000 0006 0003 00 0001 61", false, "", ""}, /* bytes behind the list */
        {"0000 0006 0005 00 0001 61", false, "", ""},
        {"0000 0006 0004 00 0002 61", false, "", ""},
        {"0000 0007 0005 00 0001 61 00", false, "a", ""}, /* half a name */
        {"0010 0006 0004 01 61 01 62", true, "", "a"},
        {"0010 0007 0005 02 0a0a 01 62", true, "", "b"}, /* GREASE */
        {"0010 0007 0005 02 0a1a 01 62", true, "", "??"},
        {"0010 0003 0001 00", false, "", ""},
        {"0010 0005 0003 01 61 02", false, "", "a"},
        {"0010 0005 0002 01 61 01", false, "", ""},
        {"0010 0000", false, "", ""},
        {"002b 0003 02 0304", true, "", ""},
        {"002b 0003 01 0304", false, "", ""},
        {"002b 0002 01 03", false, "", ""},
        {"002b 0000", false, "", ""},
        {"eaea 0001 00", true, "", ""},  /* GREASE */
        {"eaea 0002 00", false, "", ""}, /* longer than the list */
        {"eaea 0000 0a", false, "", ""}, /* half a type */
        {"0023 0000 0010 00", false, "", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ss_client_hello hello;
        if (decode_client_extension(rows[i].extension, &hello) != rows[i].is_sound)
            fail_msg("%s", rows[i].extension);
        assert_string_equal(hello.sni, rows[i].sni);
        assert_string_equal(hello.alpn, rows[i].alpn);
    }
}

/* Every prefix of a hello but the sound ones is malformed, and read without a byte beyond. */
static void a_client_hello_cut_anywhere_is_malformed(void **state)
{
    (void)state;
    static struct tls_bytes message;
    message.length = 0;
    tls_put_client_hello(&message, &(struct tls_client_recipe){.sni = "example.com",
                                                               .alpn = {"h2"},
                                                               .versions = {0x0304},
                                                               .session_id_bytes = 32,
                                                               .early_data = true});
    size_t whole = message.length - 4, without_extensions = 2 + 32 + 33 + 6 + 2;
    for (size_t length = 0; length <= whole; length++) {
        struct ss_client_hello hello;
        uint8_t *copy = malloc(length + 1);
        memcpy(copy, message.at + 4, length);
        bool is_sound = ss_client_hello_decode(ss_span_of(copy, length), &hello);
        assert_int_equal(is_sound, length == whole || length == without_extensions);
        free(copy);
    }
    struct ss_client_hello hello;
    assert_false(ss_client_hello_decode(ss_span_of(message.at + 4, whole + 1), &hello));
    assert_string_equal(hello.alpn, "");
}

static void what_was_decoded_before_the_fault_stays(void **state)
{
    (void)state;
    struct ss_client_hello hello;
    assert_false(decode_client_extension("0000 0006 0004 00 0001 61  0010 0000  002a 0000", &hello));
    assert_int_equal(hello.version, 0x0303);
    assert_string_equal(hello.sni, "a");
    assert_false(hello.early_data);
}

struct broken {
    const char *says;
    const char *body; /* after version and random */
};

static void a_client_hello_with_a_wrong_fixed_part_is_malformed(void **state)
{
    (void)state;
    static const struct broken rows[] = {
        {"a session id of 33 bytes",
         "21 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20 0002 1301 01 00"},
        {"no cipher suites", "00 0000 01 00"},
        {"half a cipher suite", "00 0003 130113 01 00"},
        {"no compression method", "00 0002 1301 00"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_bytes *body = calloc(1, sizeof(*body));
        struct ss_client_hello hello;
        tls_put_u16(body, 0x0303);
        tls_put_fill(body, 0x77, 32);
        tls_put_hex(body, rows[i].body);
        if (ss_client_hello_decode(ss_span_of(body->at, body->length), &hello))
            fail_msg("%s", rows[i].says);
        free(body);
    }
}

static void a_server_hello_of_tls_13_says_version_cipher_and_group(void **state)
{
    (void)state;
    struct ss_server_hello hello;
    assert_true(decode_server(&(struct tls_server_recipe){.version = 0x0304,
                                                          .cipher = 0x1302,
                                                          .group = 0x11ec,
                                                          .session_id_bytes = 32,
                                                          .pre_shared_key = true},
                              &hello));
    assert_int_equal(hello.version, 0x0304);
    assert_int_equal(hello.cipher, 0x1302);
    assert_int_equal(hello.group, 0x11ec);
    assert_int_equal(hello.session_id_bytes, 32);
    assert_int_equal(hello.session_id[31], 0x1d);
    assert_true(hello.pre_shared_key);
    assert_false(hello.hello_retry);
    assert_string_equal(hello.alpn, "");
}

static void a_hello_retry_request_is_known_by_its_random(void **state)
{
    (void)state;
    struct ss_server_hello hello;
    assert_true(decode_server(
        &(struct tls_server_recipe){.version = 0x0304, .group = 0x001d, .hello_retry = true}, &hello));
    assert_true(hello.hello_retry);
    assert_int_equal(hello.group, 0x001d);
    assert_int_equal(hello.version, 0x0304);
}

static void a_server_hello_of_tls_12_says_version_session_and_protocol(void **state)
{
    (void)state;
    struct ss_server_hello hello;
    assert_true(decode_server(
        &(struct tls_server_recipe){.cipher = 0xc02f, .alpn = "http/1.1", .session_id_bytes = 16}, &hello));
    assert_int_equal(hello.version, 0x0303);
    assert_int_equal(hello.cipher, 0xc02f);
    assert_int_equal(hello.group, 0);
    assert_int_equal(hello.session_id_bytes, 16);
    assert_memory_equal(hello.alpn, "http/1.1\0", 10);
    assert_true(
        decode_server(&(struct tls_server_recipe){.legacy_version = 0x0301, .no_extensions = true}, &hello));
    assert_int_equal(hello.version, 0x0301);
}

static void a_server_key_exchange_names_its_group_where_it_is_of_a_named_curve(void **state)
{
    (void)state;
    enum { NONE = 0xffff };
    static const struct {
        const char *about, *body;
        uint16_t group;
    } rows[] = {
        {"TLS 1.2", "03 001d 04 aabbccdd 0403 0003 010203", 0x001d},
        {"before TLS 1.2 no algorithm is named", "03 0017 04 aabbccdd 0003 010203", 0x0017},
        {"of an anonymous server", "03 0017 04 aabbccdd", 0x0017},
        {"a curve that is written out", "01 001d 04 aabbccdd 0403 0003 010203", NONE},
        {"DHE with a prime of 0x0300 bytes", "03 00aa 04 aabbccdd eeff0011 22334455", NONE},
        {"PSK's hint", "0000", NONE},
        {"no point", "03 001d 00 0403 0003 010203", NONE},
        {"a byte behind the signature", "03 001d 04 aabbccdd 0403 0003 010203 00", NONE},
        {"half a point", "03 001d 04 aabb", NONE},
        {"half a group", "03 00", NONE},
        {"nothing", "", NONE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct tls_bytes body;
        uint16_t group = NONE;
        body.length = 0;
        tls_put_hex(&body, rows[i].body);
        uint8_t *copy = malloc(body.length > 0 ? body.length : 1);
        assert_non_null(copy);
        memcpy(copy, body.at, body.length);
        print_message("%s\n", rows[i].about);
        assert_int_equal(ss_server_key_exchange_decode(ss_span_of(copy, body.length), &group),
                         rows[i].group != NONE);
        assert_int_equal(group, rows[i].group);
        free(copy);
    }
}

static void a_server_hello_of_a_draft_says_the_draft(void **state)
{
    (void)state;
    static const struct {
        struct tls_server_recipe recipe;
        uint16_t version;
    } rows[] = {
        {{.legacy_version = 0x7f12, .early_draft = true, .cipher = 0x1303, .group = 29}, 0x7f12},
        {{.legacy_version = 0x7f15, .early_draft = true, .cipher = 0x1303, .group = 29}, 0x7f15},
        {{.legacy_version = 0x0304, .early_draft = true, .cipher = 0x1303, .group = 29}, 0x0304},
        {{.legacy_version = 0x7f16, .cipher = 0x1303, .group = 29}, 0x7f16},
        {{.version = 0x7f1c, .cipher = 0x1303, .group = 29}, 0x7f1c},
        {{.version = 0xfb17, .cipher = 0x1303, .group = 29}, 0xfb17},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ss_server_hello hello;
        assert_true(decode_server(&rows[i].recipe, &hello));
        assert_int_equal(hello.version, rows[i].version);
        assert_int_equal(hello.cipher, 0x1303);
        assert_int_equal(hello.group, 29);
    }
}

static void server_extensions_are_read_as_their_rfcs_have_them(void **state)
{
    (void)state;
    static const struct {
        const char *extension;
        bool is_sound;
        uint16_t version, group;
    } rows[] = {
        {"002b 0002 0304", true, 0x0304, 0},   {"002b 0003 020304", false, 0x0203, 0},
        {"002b 0001 03", false, 0x0303, 0},    {"0033 0005 001d 0001 aa", true, 0x0303, 29},
        {"0033 0002 001d", false, 0x0303, 29}, {"0033 0006 001d 0001 aabb", false, 0x0303, 29},
        {"0033 0001 00", false, 0x0303, 0},    {"0029 0002 0000", true, 0x0303, 0},
        {"ff01 0001 00", true, 0x0303, 0},     {"ff01 0002 00", false, 0x0303, 0},
        {"0010 0002 0000 ", true, 0x0303, 0},  {"0010 0001 00", false, 0x0303, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ss_server_hello hello;
        if (decode_server_extension(rows[i].extension, &hello) != rows[i].is_sound)
            fail_msg("%s", rows[i].extension);
        assert_int_equal(hello.version, rows[i].version);
        assert_int_equal(hello.group, rows[i].group);
    }
}

static void a_server_hello_cut_anywhere_is_malformed(void **state)
{
    (void)state;
    static struct tls_bytes message;
    message.length = 0;
    tls_put_server_hello(&message,
                         &(struct tls_server_recipe){.version = 0x0304, .group = 29, .session_id_bytes = 32});
    size_t whole = message.length - 4, without_extensions = 2 + 32 + 33 + 3;
    for (size_t length = 0; length <= whole + 1; length++) {
        struct ss_server_hello hello;
        uint8_t *copy = calloc(1, length + 1);
        memcpy(copy, message.at + 4, length < whole ? length : whole);
        bool is_sound = ss_server_hello_decode(ss_span_of(copy, length), &hello);
        assert_int_equal(is_sound, length == whole || length == without_extensions);
        free(copy);
    }
}

static void an_sslv2_framed_hello_says_its_version_and_session(void **state)
{
    (void)state;
    static struct tls_bytes message;
    message.length = 0;
    tls_put_sslv2_hello(&message, 0x0301, 4, 16);
    size_t whole = message.length - 2;
    for (size_t length = 0; length <= whole; length++) {
        struct ss_client_hello hello;
        assert_int_equal(ss_client_hello_decode_v2(ss_span_of(message.at + 2, length), &hello),
                         length == whole);
        if (length < whole)
            continue;
        assert_int_equal(hello.version, 0x0301);
        assert_int_equal(hello.session_id_bytes, 16);
        assert_int_equal(hello.session_id[15], 0x1d);
        assert_int_equal(hello.session_id[16], 0);
        assert_string_equal(hello.sni, "");
    }
    struct ss_client_hello hello;
    assert_false(ss_client_hello_decode_v2(ss_span_of(message.at + 2, whole + 1), &hello));
    message.at[2] = 4; /* SSLv2's ServerHello */
    assert_false(ss_client_hello_decode_v2(ss_span_of(message.at + 2, whole), &hello));
    message.length = 0;
    tls_put_sslv2_hello(&message, 0x0301, 4, 33);
    assert_false(ss_client_hello_decode_v2(ss_span_of(message.at + 2, message.length - 2), &hello));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_client_hello_says_nothing_but_its_version),
        cmocka_unit_test(a_full_client_hello_says_all),
        cmocka_unit_test(a_session_ticket_extension_without_a_ticket_is_an_offer_not_a_ticket),
        cmocka_unit_test(the_version_of_a_client_hello_is_the_highest_it_offers),
        cmocka_unit_test(names_are_printable_and_fit_their_fields),
        cmocka_unit_test(protocol_names_that_find_no_room_are_left_out),
        cmocka_unit_test(client_extensions_are_read_as_their_rfcs_have_them),
        cmocka_unit_test(a_client_hello_cut_anywhere_is_malformed),
        cmocka_unit_test(what_was_decoded_before_the_fault_stays),
        cmocka_unit_test(a_client_hello_with_a_wrong_fixed_part_is_malformed),
        cmocka_unit_test(a_server_hello_of_tls_13_says_version_cipher_and_group),
        cmocka_unit_test(a_hello_retry_request_is_known_by_its_random),
        cmocka_unit_test(a_server_hello_of_tls_12_says_version_session_and_protocol),
        cmocka_unit_test(a_server_key_exchange_names_its_group_where_it_is_of_a_named_curve),
        cmocka_unit_test(a_server_hello_of_a_draft_says_the_draft),
        cmocka_unit_test(server_extensions_are_read_as_their_rfcs_have_them),
        cmocka_unit_test(a_server_hello_cut_anywhere_is_malformed),
        cmocka_unit_test(an_sslv2_framed_hello_says_its_version_and_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
