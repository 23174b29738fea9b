// SPDX-License-Identifier: BSD-3-Clause
#include "talk/proxied.h"
#include "talk/talk.h"
#include "tls/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SIGNATURE       "\r\n\r\n\0\r\nQUIT\n"
#define V4              "\xc0\x00\x02\x07\xc6\x33\x64\x01\xc8\x22\x01\xbb" /* 192.0.2.7:51234 to 198.51.100.1:443 */
#define ZEROS_14        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define V6              "\x20\x01" ZEROS_14 "\x20\x02" ZEROS_14 "\xc8\x22\x01\xbb"
#define BYTES(text)     text, sizeof(text) - 1

struct row {
    const char *about;
    const char *bytes;
    size_t length;
    enum ss_proxied_result result;
    const char *client, *server; /* NULL: no addresses */
    uint32_t header;
};

static const struct row ROWS[] = {
    {"version 1 of IPv4", BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n"), SS_PROXIED_DONE,
     "192.0.2.7:51234", "198.51.100.1:443", 45},
    {"version 1 of IPv6", BYTES("PROXY TCP6 2001:db8::7 2001:db8::1 51234 443\r\n"), SS_PROXIED_DONE,
     "[2001:db8::7]:51234", "[2001:db8::1]:443", 46},
    {"version 1, unknown", BYTES("PROXY UNKNOWN\r\n"), SS_PROXIED_DONE, NULL, NULL, 15},
    {"version 1, unknown with text", BYTES("PROXY UNKNOWN ffff::1 what 1 2\r\n"), SS_PROXIED_DONE, NULL, NULL,
     32},
    {"version 1, another family", BYTES("PROXY UDP4 192.0.2.7 198.51.100.1 51234 443\r\n"), SS_PROXIED_NONE,
     NULL, NULL, 0},
    {"version 1, a bad address", BYTES("PROXY TCP4 192.0.2.777 198.51.100.1 51234 443\r\n"), SS_PROXIED_NONE,
     NULL, NULL, 0},
    {"version 1, a bad port", BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51234 65536\r\n"), SS_PROXIED_NONE,
     NULL, NULL, 0},
    {"version 1, a port too few", BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51234\r\n"), SS_PROXIED_NONE, NULL,
     NULL, 0},
    {"version 1, a word too many", BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51234 443 1\r\n"),
     SS_PROXIED_NONE, NULL, NULL, 0},
    {"version 1, no carriage return", BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\n"), SS_PROXIED_NONE,
     NULL, NULL, 0},
    {"version 2 of IPv4", BYTES(SIGNATURE "\x21\x11\0\x0c" V4), SS_PROXIED_DONE, "192.0.2.7:51234",
     "198.51.100.1:443", 28},
    {"version 2 of IPv6", BYTES(SIGNATURE "\x21\x21\0\x24" V6), SS_PROXIED_DONE, "[2001::]:51234",
     "[2002::]:443", 52},
    {"version 2 with extensions to come", BYTES(SIGNATURE "\x21\x11\x02\x0c" V4), SS_PROXIED_DONE,
     "192.0.2.7:51234", "198.51.100.1:443", 16 + 0x20c},
    {"version 2, the balancer's own", BYTES(SIGNATURE "\x20\0\0\0"), SS_PROXIED_DONE, NULL, NULL, 16},
    {"version 2, a Unix socket", BYTES(SIGNATURE "\x21\x31\0\xd8"), SS_PROXIED_DONE, NULL, NULL, 16 + 0xd8},
    {"version 2, too short for its family", BYTES(SIGNATURE "\x21\x11\0\x0b" V4), SS_PROXIED_NONE, NULL, NULL,
     0},
    {"version 2, another command", BYTES(SIGNATURE "\x22\x11\0\x0c" V4), SS_PROXIED_NONE, NULL, NULL, 0},
    {"version 3", BYTES(SIGNATURE "\x31\x11\0\x0c" V4), SS_PROXIED_NONE, NULL, NULL, 0},
    {"TLS", BYTES("\x16\x03\x01\x02\x00\x01"), SS_PROXIED_NONE, NULL, NULL, 0},
    {"HTTP", BYTES("PUT / HTTP/1.1\r\n"), SS_PROXIED_NONE, NULL, NULL, 0},
};

/* In memory of its exact size, so that a sanitizer sees every byte. */
static enum ss_proxied_result decode(const char *bytes, size_t length, struct ss_proxied *ret_header)
{
    uint8_t *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    enum ss_proxied_result result = ss_proxied_decode(ss_span_of(copy, length), ret_header);
    free(copy);
    return result;
}

static void assert_endpoint(const struct ss_endpoint *endpoint, const char *expected)
{
    char text[SS_ENDPOINT_TEXT_MAX];
    assert_string_equal(ss_endpoint_format(endpoint, text), expected);
}

static void headers_of_both_versions_are_read_and_others_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const struct row *row = &ROWS[i];
        struct ss_proxied header;
        print_message("%s\n", row->about);
        assert_int_equal(decode(row->bytes, row->length, &header), row->result);
        if (row->result != SS_PROXIED_DONE)
            continue;
        assert_int_equal(header.bytes, row->header);
        assert_int_equal(header.has_addresses, row->client != NULL);
        if (row->client != NULL) {
            assert_endpoint(&header.client, row->client);
            assert_endpoint(&header.server, row->server);
        }
    }
}

static void a_header_in_pieces_asks_for_more_until_it_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const struct row *row = &ROWS[i];
        struct ss_proxied header;
        size_t whole = row->header < row->length ? row->header : row->length;
        if (row->result != SS_PROXIED_DONE)
            continue;
        for (size_t length = 0; length < whole; length++)
            assert_int_equal(decode(row->bytes, length, &header), SS_PROXIED_MORE);
    }
}

static void a_version_1_line_that_never_ends_is_refused(void **state)
{
    (void)state;
    char line[SS_PROXIED_MAX];
    struct ss_proxied header;
    memset(line, ' ', sizeof(line));
    memcpy(line, "PROXY TCP4", 10);
    assert_int_equal(decode(line, sizeof(line) - 1, &header), SS_PROXIED_MORE);
    assert_int_equal(decode(line, sizeof(line), &header), SS_PROXIED_NONE);
}

static void known_openers_are_told_from_anything_else_and_by_who_speaks(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        bool client, server;
    } OPENINGS[] = {
        {BYTES("CONNECT example.com:443 HTTP/1.1\r\n"), true, false},
        {BYTES("\x05\x01\0"), true, false},
        {BYTES("\x04\x01\x01\xbb"), true, false},
        {BYTES("\x04\x02"), false, false},
        {BYTES("\0\0\0\x08\x04\xd2\x16\x2f"), true, false},
        {BYTES("\0\0\0\x08\x04\xd2\x16\x30"), true, false},
        {BYTES("\0\0\0\x08\x04\xd2\x16"), false, false},
        {BYTES("\x30\x1d\x02"), true, false},
        {BYTES("<?xml version='1.0'?>"), true, false},
        {BYTES("<stream:stream"), true, false},
        {BYTES("220 mail.example ESMTP\r\n"), false, true},
        {BYTES("* OK IMAP4rev1\r\n"), false, true},
        {BYTES("+OK POP3\r\n"), false, true},
        {BYTES("\x4a\0\0\0\x0a"
               "8.0.30"),
         false, true},
        {BYTES("GET / HTTP/1.1\r\n"), false, false},
        {BYTES("SSH-2.0-OpenSSH"), false, false},
        {BYTES(""), false, false},
    };
    for (size_t i = 0; i < COUNT_OF(OPENINGS); i++) {
        struct ss_span bytes = ss_span_of(OPENINGS[i].bytes, OPENINGS[i].length);
        print_message("%s\n", OPENINGS[i].bytes);
        assert_int_equal(ss_talk_is_opener(bytes, true), OPENINGS[i].client);
        assert_int_equal(ss_talk_is_opener(bytes, false), OPENINGS[i].server);
    }
}

static void what_never_comes_to_tls_is_told_by_its_first_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool other;
    } OPENINGS[] = {{"GET / HTTP/1.1\r\n", true},
                    {"POST / HTTP/1.1\r\n", true},
                    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true},
                    {"HTTP/1.1 200 Connection established\r\n\r\n", false}, /* CONNECT's, shown first */
                    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.2\r\n\r\n", false},
                    {"HTTP/1.1 304 Not Modified\r\n\r\n", true},
                    {"HTTP/1.1 200", true},
                    {"SSH-2.0-OpenSSH", true},
                    {"GET", false},
                    {"NICK a\r\n", false},
                    {"220 mail.example", false},
                    {"", false}};
    for (size_t i = 0; i < COUNT_OF(OPENINGS); i++) {
        print_message("%s\n", OPENINGS[i].bytes);
        struct ss_span bytes = ss_span_of(OPENINGS[i].bytes, strlen(OPENINGS[i].bytes));
        assert_int_equal(ss_talk_is_other(bytes), OPENINGS[i].other);
    }
}

static void a_hello_is_found_wherever_it_begins_and_nothing_else_is(void **state)
{
    (void)state;
    for (uint8_t type = SS_TLS_CLIENT_HELLO; type <= SS_TLS_SERVER_HELLO; type++) {
        const uint8_t HELLO[SS_TALK_HELLO_BYTES] = {0x16, 3, 1, 2, 0, type, 0, 1, 0xfc, 3, 3};
        uint8_t bytes[64 + sizeof(HELLO)];
        size_t found;
        for (size_t at = 0; at <= 64; at++) {
            memset(bytes, 0x16, sizeof(bytes));
            memcpy(bytes + at, HELLO, sizeof(HELLO));
            struct ss_span all = ss_span_of(bytes, at + sizeof(HELLO));
            assert_int_equal(ss_talk_find_hello(all, type, &found), SS_TALK_FOUND);
            assert_int_equal(found, at);
            uint8_t other = SS_TLS_CLIENT_HELLO + SS_TLS_SERVER_HELLO - type;
            assert_int_equal(ss_talk_find_hello(all, other, &found), SS_TALK_NOWHERE);
        }
        for (size_t i = 0; i < sizeof(HELLO); i++) { /* each byte counts, but the low ones of lengths */
            memcpy(bytes, HELLO, sizeof(HELLO));
            bytes[i] ^= 0x80;
            if (i != 4 && i != 8 && i != 7)
                assert_int_equal(ss_talk_find_hello(ss_span_of(bytes, sizeof(HELLO)), type, &found),
                                 SS_TALK_NOWHERE);
        }
    }
}

static void the_beginning_of_a_hello_at_the_end_of_the_bytes_may_become_one(void **state)
{
    (void)state;
    static const uint8_t BYTES_BEFORE_END[] = {'a', 'b', 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
    size_t found = 0;
    for (size_t length = 3; length < sizeof(BYTES_BEFORE_END); length++) {
        uint8_t *copy = malloc(length); /* of its exact size, so that a sanitizer sees every byte */
        assert_non_null(copy);
        memcpy(copy, BYTES_BEFORE_END, length);
        assert_int_equal(ss_talk_find_hello(ss_span_of(copy, length), SS_TLS_CLIENT_HELLO, &found),
                         SS_TALK_PERHAPS);
        assert_int_equal(found, 2);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_of_both_versions_are_read_and_others_refused),
        cmocka_unit_test(a_header_in_pieces_asks_for_more_until_it_is_whole),
        cmocka_unit_test(a_version_1_line_that_never_ends_is_refused),
        cmocka_unit_test(known_openers_are_told_from_anything_else_and_by_who_speaks),
        cmocka_unit_test(what_never_comes_to_tls_is_told_by_its_first_bytes),
        cmocka_unit_test(a_hello_is_found_wherever_it_begins_and_nothing_else_is),
        cmocka_unit_test(the_beginning_of_a_hello_at_the_end_of_the_bytes_may_become_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
