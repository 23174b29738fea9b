// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pool.h"
#include "hellos.h"
#include "tls/hello.h"
#include "tls/tls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Every test writes the events of a direction as one line of text and compares it:
 *
 *     begin 0-6        kind, begin and end
 *     msg1 5-13 aabb   a message, its type, and the body that was kept; "-" where none was; "sum..." of a
 * long one                  ccs 13-19
 * alert2/40 0-7 (level/description)        prot23 0-21 (content type)
 */

enum {
    BLOCKS = 2,
    TEXT_BYTES = 8192,
    WHOLE = 1 << 30,
};

struct reader {
    struct ss_tls_direction direction;
    struct ss_pool pool;
    bool unprotects; /* after each ChangeCipherSpec and encrypted record, as the caller does after a
                        HelloRetryRequest */
    size_t used;
    char text[TEXT_BYTES];
};

static uint8_t memory[BLOCKS * SS_TLS_BLOCK_BYTES];

static void reader_start(struct reader *reader, uint32_t blocks)
{
    memset(reader, 0, sizeof(*reader));
    memset(memory, 0xdb, sizeof(memory));
    ss_pool_init(&reader->pool, memory, SS_TLS_BLOCK_BYTES, blocks);
    ss_tls_init(&reader->direction);
}

static void reader_end(struct reader *reader)
{
    ss_tls_release(&reader->direction, &reader->pool);
    assert_int_equal(reader->pool.used, 0);
}

__attribute__((format(printf, 2, 3))) static void write_text(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(reader->text + reader->used, TEXT_BYTES - reader->used, format, arguments);
    va_end(arguments);
    assert_true(length >= 0 && (size_t)length < TEXT_BYTES - reader->used);
    reader->used += (size_t)length;
}

static unsigned sum_of(const uint8_t *bytes, size_t length)
{
    unsigned sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = (sum * 31 + bytes[i]) & 0xffff;
    return sum;
}

static void write_body(struct reader *reader, struct ss_span body)
{
    size_t length = ss_span_left(&body);
    if (body.at == NULL)
        write_text(reader, " -");
    else if (length > 16)
        write_text(reader, " sum%u", sum_of(body.at, length));
    else
        for (size_t i = 0; i < length; i++)
            write_text(reader, "%s%02x", i == 0 ? " " : "", body.at[i]);
}

static void write_event(struct reader *reader, const struct ss_tls_event *event)
{
    static const char *const words[] = {"more", "begin", "msg", "ccs", "alert", "prot", "not_tls", "broken"};
    write_text(reader, "%s%s", reader->used > 0 ? ", " : "", words[event->kind]);
    if (event->kind == SS_TLS_MESSAGE || event->kind == SS_TLS_PROTECTED)
        write_text(reader, "%u", event->type);
    if (event->kind == SS_TLS_ALERT)
        write_text(reader, "%u/%u", event->alert_level, event->alert_description);
    write_text(reader, "%s %" PRIu32 "-%" PRIu32, event->sslv2 ? "v2" : "", event->begin, event->end);
    if (event->kind == SS_TLS_MESSAGE)
        write_body(reader, event->message);
    if (event->kind == SS_TLS_PROTECTED)
        assert_int_equal(event->end - event->begin, 5u + event->record_bytes);
}

static void feed(struct reader *reader, const uint8_t *bytes, size_t length)
{
    struct ss_span input = ss_span_of(bytes, length);
    for (;;) {
        struct ss_tls_event event;
        ss_tls_next(&reader->direction, &reader->pool, &input, &event);
        if (event.kind == SS_TLS_MORE)
            break;
        write_event(reader, &event);
        if (reader->unprotects && (event.kind == SS_TLS_CCS || event.kind == SS_TLS_PROTECTED))
            ss_tls_unprotect(&reader->direction);
    }
    assert_int_equal(ss_span_left(&input), 0);
}

/* Each piece in a copy that is wiped afterwards, so that nothing can be pointed into once the next one is
 * fed. */
static void feed_pieces(struct reader *reader, const uint8_t *bytes, size_t length, size_t piece)
{
    static uint8_t copy[sizeof(((struct tls_bytes *)0)->at)];
    for (size_t at = 0; at < length; at += piece) {
        size_t take = length - at < piece ? length - at : piece;
        memcpy(copy, bytes + at, take);
        feed(reader, copy, take);
        memset(copy, 0xdb, take);
    }
}

struct feeding {
    uint32_t blocks;
    bool unprotects;
};

static void expect_cut(const struct tls_bytes *wire, struct feeding how, size_t cut, size_t piece,
                       const char *expected)
{
    static struct reader reader;
    reader_start(&reader, how.blocks);
    reader.unprotects = how.unprotects;
    feed_pieces(&reader, wire->at, cut, piece);
    feed_pieces(&reader, wire->at + cut, wire->length - cut, piece);
    if (strcmp(reader.text, expected) != 0)
        print_error("cut at %zu, in pieces of %zu\n", cut, piece);
    assert_string_equal(reader.text, expected);
    reader_end(&reader);
}

/* Whole, one byte at a time, and cut once at every byte (long ones: at every so many). */
static void expect_with(const struct tls_bytes *wire, struct feeding how, const char *expected)
{
    size_t stride = wire->length > 4096 ? 97 : 1;
    expect_cut(wire, how, 0, WHOLE, expected);
    expect_cut(wire, how, 0, 1, expected);
    for (size_t cut = 1; cut < wire->length; cut += stride)
        expect_cut(wire, how, cut, WHOLE, expected);
}

static void expect(const struct tls_bytes *wire, const char *expected)
{
    expect_with(wire, (struct feeding){.blocks = BLOCKS}, expected);
}

struct row {
    const char *says;
    const char *wire;
    const char *events;
};

static void expect_rows(const struct row *rows, size_t count, bool unprotects)
{
    static struct tls_bytes wire;
    for (size_t i = 0; i < count; i++) {
        wire.length = 0;
        tls_put_hex(&wire, rows[i].wire);
        print_message("    %s\n", rows[i].says);
        expect_with(&wire, (struct feeding){.blocks = BLOCKS, .unprotects = unprotects}, rows[i].events);
    }
}

#define EXPECT_ROWS(rows, unprotects) expect_rows(rows, sizeof(rows) / sizeof((rows)[0]), unprotects)

/* The shortest of hellos, in its record: a begin for the rows that are about what follows. */
#define HELLO       "16 0303 0006  01 000002 aabb "
#define HELLO_GIVES "begin 0-6, msg1 5-11 aabb"

static void records_and_messages_give_their_events(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a hello in a record", HELLO, HELLO_GIVES},
        {"a server's hello", "16 0303 0005  02 000001 cc", "begin 0-6, msg2 5-10 cc"},
        {"a hello without a body", "16 0301 0004  01 000000", "begin 0-6, msg1 5-9 -"},
        {"a HelloRequest may come first", "16 0301 0004  00 000000", "begin 0-6, msg0 5-9 -"},
        {"several messages in a record", "16 0303 000e  02 000001 cc  0b 000001 dd  0e 000000",
         "begin 0-6, msg2 5-10 cc, msg11 10-15 -, msg14 15-19 -"},
        {"a message over two records", "16 0303 0005  01 000002 aa  16 0303 0001  bb",
         "begin 0-6, msg1 5-16 aabb"},
        {"a message header over four records",
         "16 0303 0001 01  16 0303 0001 00  16 0303 0001 00  16 0303 0003 02aabb",
         "begin 0-6, msg1 5-26 aabb"},
        {"a message that begins in the middle of a record",
         "16 0303 000a 02 000001 cc 0b 000003 d1  16 0303 0002 d2d3",
         "begin 0-6, msg2 5-10 cc, msg11 10-22 -"},
        {"a body is kept for hellos alone", HELLO "16 0303 0005  10 000001 ff",
         HELLO_GIVES ", msg16 16-21 -"},
        {"record versions from SSL 3 to TLS 1.3", "16 0300 0004 01000000 16 0304 0004 01000000",
         "begin 0-6, msg1 5-9 -, msg1 14-18 -"},
        {"a server may begin with an alert", "15 0301 0002 0228", "begin 0-6, alert2/40 0-7"},
        {"several alerts in a record", HELLO "15 0303 0004 0170 0228",
         HELLO_GIVES ", alert1/112 11-18, alert2/40 11-20"},
        {"an alert over two records", HELLO "15 0303 0001 02 15 0303 0001 28 16 0303 0004 0e000000",
         HELLO_GIVES ", alert2/40 17-23, msg14 28-32 -"},
        {"a server may begin with a part of an alert", "15 0301 0001 02 15 0301 0001 28",
         "begin 0-6, alert2/40 6-12"},
        {"a server may begin with two alerts", "15 0301 0004 0170 0228",
         "begin 0-6, alert1/112 0-7, alert2/40 0-9"},
        {"a warning between messages", HELLO "15 0303 0002 0170  16 0303 0004 0e000000",
         HELLO_GIVES ", alert1/112 11-18, msg14 23-27 -"},
        {"a warning between the parts of a message",
         "16 0303 0005  01 000002 aa  15 0303 0002 0100  16 0303 0001  bb",
         "begin 0-6, alert1/0 10-17, msg1 5-23 aabb"},
    };
    EXPECT_ROWS(rows, false);
}

static void what_is_encrypted_is_told_by_its_record_alone(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"TLS 1.2: messages after ChangeCipherSpec", HELLO "14 0303 0001 01  16 0303 0004 01000000",
         HELLO_GIVES ", ccs 11-17, prot22 17-26"},
        {"TLS 1.3: application data", HELLO "17 0303 0002 abcd", HELLO_GIVES ", prot23 11-18"},
        {"handshake records after application data", HELLO "17 0303 0001 ab 16 0303 0004 01000000",
         HELLO_GIVES ", prot23 11-17, prot22 17-26"},
        {"application data of no bytes", HELLO "17 0303 0000 17 0303 0001 ab",
         HELLO_GIVES ", prot23 11-16, prot23 16-22"},
        {"an encrypted alert", HELLO "14 0303 0001 01  15 0303 0003 010203",
         HELLO_GIVES ", ccs 11-17, prot21 17-25"},
        {"an alert of two bytes has no tag, so it is plain", HELLO "14 0303 0001 01  15 0303 0002 0228",
         HELLO_GIVES ", ccs 11-17, alert2/40 17-24"},
        {"a longer alert that nothing says is encrypted",
         HELLO "15 0303 0012 0228 0000000000000000 0000000000000000", HELLO_GIVES ", prot21 11-34"},
        {"an alert of no bytes", HELLO "15 0303 0000", HELLO_GIVES ", prot21 11-16"},
        {"a renegotiation's ChangeCipherSpec", HELLO "14 0303 0001 01  14 0303 0003 010203",
         HELLO_GIVES ", ccs 11-17, prot20 17-25"},
        {"a heartbeat", HELLO "18 0303 0003 010203", HELLO_GIVES ", prot24 11-19"},
        {"a message does not go on beyond a change of keys",
         "16 0303 0005  01 000002 aa  14 0303 0001 01  16 0303 0001 bb",
         "begin 0-6, ccs 10-16, prot22 16-22"},
    };
    EXPECT_ROWS(rows, false);
}

static void after_a_hello_retry_the_second_hello_is_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"with the compatibility ChangeCipherSpec before it",
         HELLO "14 0303 0001 01  16 0303 0005  01 000001 cc", HELLO_GIVES ", ccs 11-17, msg1 22-27 cc"},
        {"with one between its parts", HELLO "16 0303 0005 01 000002 c1  14 0303 0001 01  16 0303 0001 c2",
         HELLO_GIVES ", ccs 21-27, msg1 16-33 c1c2"},
        {"instead of one that broke off",
         "16 0303 0005 01 000002 aa  17 0303 0001 ee  16 0303 0005  01 000001 cc",
         "begin 0-6, prot23 10-16, msg1 21-26 cc"},
        {"after early data that was in vain",
         HELLO "14 0303 0001 01 17 0303 0002 eeee 16 0303 0005  01 000001 cc",
         HELLO_GIVES ", ccs 11-17, prot23 17-24, msg1 29-34 cc"},
    };
    EXPECT_ROWS(rows, true);
}

static void what_is_not_tls_is_refused_on_the_first_byte_that_cannot_be(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"text", "47 4554202f", "not_tls 0-1"},
        {"application data", "17 0303 0010 ffff", "not_tls 0-1"},
        {"a ChangeCipherSpec", "14 0303 0001 01", "not_tls 0-1"},
        {"major version", "16 0203 0010 01", "not_tls 0-2"},
        {"minor version", "16 0305 0010 01", "not_tls 0-3"},
        {"length, by its high byte", "16 0303 4900 01", "not_tls 0-4"},
        {"length, by its low byte", "16 0303 4801 01", "not_tls 0-5"},
        {"a record without content", "16 0303 0000 16", "not_tls 0-5"},
        {"a message that does not come first", "16 0303 0010 03", "not_tls 0-6"},
        {"an alert's length", "15 0303 0005 0100", "not_tls 0-5"},
        {"an alert of no bytes", "15 0303 0000", "not_tls 0-5"},
        {"an alert's level, below", "15 0303 0002 0028", "not_tls 0-6"},
        {"an alert's level, beyond", "15 0303 0002 0328", "not_tls 0-6"},
        {"SSLv2: too short", "801b 01 0301 0003", "not_tls 0-2"},
        {"SSLv2: too long", "c001 01 0301 0003", "not_tls 0-2"},
        {"SSLv2: not too long, but no ClientHello", "c000 04 0301 0003", "not_tls 0-3"},
        {"SSLv2: no ClientHello", "801c 04 0301 0003", "not_tls 0-3"},
        {"SSLv2: major version", "801c 01 0101 0003", "not_tls 0-4"},
        {"SSLv2: minor version", "801c 01 0305 0003", "not_tls 0-5"},
        {"SSLv2: minor version of its own", "801c 01 0003 0003", "not_tls 0-5"},
        {"SSLv2: ciphers are of three bytes", "801c 01 0301 0004 0000", "not_tls 0-7"},
        {"SSLv2: no ciphers", "801c 01 0301 0000 0000", "not_tls 0-7"},
        {"SSLv2: session id", "801c 01 0301 0003 0021 0010", "not_tls 0-9"},
        {"SSLv2: a short challenge", "801c 01 0301 0003 0000 000f", "not_tls 0-11"},
        {"SSLv2: a long challenge", "802d 01 0301 0003 0000 0021", "not_tls 0-11"},
        {"SSLv2: lengths that do not add up", "801d 01 0301 0003 0000 0010", "not_tls 0-11"},
    };
    EXPECT_ROWS(rows, false);
}

static void what_breaks_off_is_reported_once(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"no content type", HELLO "13 0303 0001 01", HELLO_GIVES ", broken 11-12"},
        {"no content type, beyond", HELLO "19 0303 0001 01", HELLO_GIVES ", broken 11-12"},
        {"an SSLv2 record", HELLO "801c 01 0301 0003", HELLO_GIVES ", broken 11-12"},
        {"version", HELLO "16 0403 0001 01", HELLO_GIVES ", broken 11-13"},
        {"length", HELLO "17 0303 4801 01", HELLO_GIVES ", broken 11-16"},
        {"a ChangeCipherSpec of two bytes", HELLO "14 0303 0002 0101", HELLO_GIVES ", broken 11-16"},
        {"in the middle of a message", "16 0303 0005 01 000002 aa  00", "begin 0-6, broken 10-11"},
    };
    EXPECT_ROWS(rows, false);
}

static void the_longest_record_passes(void **state)
{
    (void)state;
    static struct tls_bytes wire;
    wire.length = 0;
    tls_put_hex(&wire, HELLO);
    tls_put_noise_record(&wire, 23, 0x4800);
    expect(&wire, HELLO_GIVES ", prot23 11-18448");
}

static void some_empty_handshake_records_in_a_row_are_ignored_and_more_are_not(void **state)
{
    (void)state;
    static struct tls_bytes wire;
    wire.length = 0;
    tls_put_hex(&wire, HELLO);
    for (int i = 0; i < 32; i++)
        tls_put_hex(&wire, "16 0303 0000");
    tls_put_hex(&wire, "16 0303 0004 0e000000");
    for (int i = 0; i < 32; i++)
        tls_put_hex(&wire, "16 0303 0000");
    expect(&wire, HELLO_GIVES ", msg14 176-180 -");
    tls_put_hex(&wire, "16 0303 0000");
    expect(&wire, HELLO_GIVES ", msg14 176-180 -, broken 340-345");
}

static void an_sslv2_framed_hello_is_a_message_and_tls_records_follow(void **state)
{
    (void)state;
    static struct tls_bytes wire;
    static const uint16_t versions[] = {0x0002, 0x0300, 0x0301, 0x0303};
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        char expected[256];
        wire.length = 0;
        tls_put_sslv2_hello(&wire, versions[i], 3, 16);
        assert_int_equal(wire.length, 52);
        unsigned sum = sum_of(wire.at + 2, 50);
        tls_put_hex(&wire, "16 0301 0004 10000000");
        snprintf(expected, sizeof(expected), "begin 0-11, msg1v2 0-52 sum%u, msg16 57-61 -", sum);
        expect(&wire, expected);
    }
}

/* Each of the fixed part's bytes counts, but the low ones of the version and of lengths that still fit. */
static void an_sslv2_framed_hello_is_known_by_its_fixed_part(void **state)
{
    (void)state;
    static struct tls_bytes wire;
    wire.length = 0;
    tls_put_sslv2_hello(&wire, 0x0301, 3, 16);
    for (size_t length = 0; length <= wire.length; length++)
        assert_int_equal(ss_tls_is_sslv2_hello(ss_span_of(wire.at, length)), length >= 11);
    for (size_t i = 0; i < 11; i++) {
        wire.at[i] ^= 0x80;
        assert_false(ss_tls_is_sslv2_hello(ss_span_of(wire.at, wire.length)));
        wire.at[i] ^= 0x80;
    }
}

static void a_hello_over_many_records_is_put_together(void **state)
{
    (void)state;
    static struct tls_bytes hello, wire;
    static const size_t pieces[] = {1, 2, 3, 5, 64, 500, 16384};
    hello.length = 0;
    tls_put_client_hello(&hello, &(struct tls_client_recipe){.sni = "example.com", .padding_bytes = 500});
    unsigned sum = sum_of(hello.at + 4, hello.length - 4);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        char expected[128];
        wire.length = 0;
        tls_put_records(&wire, 22, &hello, pieces[i]);
        snprintf(expected, sizeof(expected), "begin 0-6, msg1 5-%zu sum%u", wire.length, sum);
        expect(&wire, expected);
    }
}

static void a_hello_is_kept_up_to_the_size_of_a_block(void **state)
{
    (void)state;
    static struct tls_bytes message, wire;
    for (unsigned beyond = 0; beyond <= 1; beyond++) {
        char expected[128], body[32] = "-";
        message.length = wire.length = 0;
        tls_put_message(&message, 1, SS_TLS_BLOCK_BYTES + beyond);
        tls_put_records(&wire, 22, &message, 18000); /* one record, so that it can be whole at hand */
        if (beyond == 0)
            snprintf(body, sizeof(body), "sum%u", sum_of(message.at + 4, SS_TLS_BLOCK_BYTES));
        snprintf(expected, sizeof(expected), "begin 0-6, msg1 5-%zu %s", wire.length, body);
        expect(&wire, expected);
    }
}

static void a_certificate_of_any_length_takes_no_block(void **state)
{
    (void)state;
    static struct tls_bytes message, wire;
    char expected[128];
    message.length = wire.length = 0;
    tls_put_message(&message, 2, 40);
    unsigned sum = sum_of(message.at + 4, 40);
    tls_put_message(&message, 11, 60000);
    tls_put_message(&message, 14, 0);
    tls_put_records(&wire, 22, &message, 16384);
    snprintf(expected, sizeof(expected), "begin 0-6, msg2 5-49 sum%u, msg11 49-60068 -, msg14 60068-60072 -",
             sum);
    expect(&wire, expected);

    static struct reader reader;
    reader_start(&reader, BLOCKS);
    feed(&reader, wire.at, 1000);
    assert_int_equal(reader.pool.used, 0);
    reader_end(&reader);
}

static void without_a_free_block_a_hello_is_reported_but_not_kept(void **state)
{
    (void)state;
    static struct reader reader;
    static struct tls_bytes wire;
    wire.length = 0;
    tls_put_hex(&wire, HELLO "16 0303 0005 01 000001 cc");
    reader_start(&reader, 0);
    feed_pieces(&reader, wire.at, wire.length, 10);
    assert_string_equal(reader.text, "begin 0-6, msg1 5-11 -, msg1 16-21 cc");
    assert_int_equal(reader.pool.refusals, 1);
    reader_end(&reader);
}

static void a_block_is_held_from_the_first_piece_until_the_next_call(void **state)
{
    (void)state;
    static struct reader reader;
    static const uint8_t wire[] = {22, 3, 3, 0, 6, 1, 0, 0, 2, 0xaa, 0xbb};
    reader_start(&reader, BLOCKS);
    feed(&reader, wire, 9);
    assert_int_equal(reader.pool.used, 0);
    feed(&reader, wire + 9, 1);
    assert_int_equal(reader.pool.used, 1);

    struct ss_span input = ss_span_of(wire + 10, 1);
    struct ss_tls_event event;
    ss_tls_next(&reader.direction, &reader.pool, &input, &event);
    assert_int_equal(event.kind, SS_TLS_MESSAGE);
    assert_int_equal(reader.pool.used, 1);
    assert_int_equal(event.message.at[0], 0xaa);
    assert_int_equal(event.message.at[1], 0xbb);
    ss_tls_next(&reader.direction, &reader.pool, &input, &event);
    assert_int_equal(event.kind, SS_TLS_MORE);
    assert_int_equal(reader.pool.used, 0);
    reader_end(&reader);
}

static void it_is_known_beforehand_where_a_block_may_be_wanted(void **state)
{
    (void)state;
    static struct reader reader;
    static struct tls_bytes wire;
    static const struct {
        const char *about, *wire;
        bool is_wanted;
    } rows[] = {
        {"a whole hello", HELLO, false},
        {"a whole hello, and data", HELLO "17 0303 0010 aabb", false},
        {"half a hello", "16 0303 0006 01 000002 aa", true},
        {"half a hello behind a middlebox's change of cipher", "14 0303 0001 01 16 0303 0006 01 000002",
         true},
        {"a record's header without its body", "16 0303 0006", true},
        {"half a record's header", "16 0303", true},
        {"half a certificate", "16 0303 0106 0b 000102 aa", false},
        {"half a record of data", "17 0303 0010 aa", false},
        {"nothing", "", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].about);
        wire.length = 0;
        tls_put_hex(&wire, rows[i].wire);
        reader_start(&reader, BLOCKS);
        assert_int_equal(ss_tls_may_collect(&reader.direction, ss_span_of(wire.at, wire.length)),
                         rows[i].is_wanted);
    }
    wire.length = 0;
    tls_put_hex(&wire,
                "16 0303 0006 01 000002 aabb 16 0303 0003 02 0000 16 0303 0003 02 cc dd 17 0303 0001 ee");
    for (size_t piece = 1; piece <= wire.length; piece++) {
        reader_start(&reader, BLOCKS);
        for (size_t at = 0; at < wire.length; at += piece) {
            size_t bytes = wire.length - at < piece ? wire.length - at : piece;
            bool may = ss_tls_may_collect(&reader.direction, ss_span_of(wire.at + at, bytes));
            uint32_t block = reader.direction.block;
            feed(&reader, wire.at + at, bytes);
            assert_true(may || block != SS_POOL_NONE || reader.pool.used == 0);
        }
        reader_end(&reader);
    }
}

static void a_hello_that_is_forgotten_is_reported_but_not_kept(void **state)
{
    (void)state;
    static struct reader reader;
    static struct tls_bytes wire;
    wire.length = 0;
    tls_put_hex(&wire, "16 0303 0006 01 000002 aabb 16 0303 0005 01 000001 cc");
    reader_start(&reader, BLOCKS);
    feed(&reader, wire.at, 10);
    assert_int_equal(reader.pool.used, 1);
    ss_tls_forget(&reader.direction, &reader.pool);
    assert_int_equal(reader.pool.used, 0);
    feed(&reader, wire.at + 10, wire.length - 10);
    assert_string_equal(reader.text, "begin 0-6, msg1 5-11 -, msg1 16-21 cc");
    reader_end(&reader);
}

static void a_direction_that_stops_or_breaks_in_a_hello_gives_its_block_back(void **state)
{
    (void)state;
    static struct reader reader;
    static const uint8_t stops[] = {22, 3, 3, 0, 5, 1, 0, 0, 2, 0xaa}, breaks[] = {99};
    reader_start(&reader, BLOCKS);
    feed(&reader, stops, sizeof(stops));
    assert_int_equal(reader.pool.used, 1);
    reader_end(&reader);

    reader_start(&reader, BLOCKS);
    feed_pieces(&reader, stops, sizeof(stops), 1);
    assert_int_equal(reader.pool.used, 1);
    feed(&reader, breaks, sizeof(breaks));
    assert_int_equal(reader.pool.used, 0);
    reader_end(&reader);
}

struct hole {
    const char *says;
    const char *before;
    uint32_t missing;
    const char *after;
    bool goes_on;
    const char *events;
};

static const struct hole holes[] = {
    {"in a body that is not kept", HELLO "16 0303 0008 0b 000004 dd", 2, "dd 16 0303 0004 0e000000", true,
     HELLO_GIVES ", msg11 16-24 -, msg14 29-33 -"},
    {"to the end of a body", HELLO "16 0303 000c 0b 000004 dd", 3, "0e000000", true,
     HELLO_GIVES ", msg11 16-24 -, msg14 24-28 -"},
    {"in a hello", "16 0303 0008 01 000004 aa", 1, "aaaa" HELLO, true,
     "begin 0-6, msg1 5-13 -, msg1 18-24 aabb"},
    {"at the start of a hello's body", "16 0303 0008 01 000004", 1, "aaaaaa" HELLO, true,
     "begin 0-6, msg1 5-13 -, msg1 18-24 aabb"},
    {"in an SSLv2 hello", "801c 01 0301 0003 0000 0010", 19, HELLO, true,
     "begin 0-11, msg1v2 0-30 -, msg1 35-41 aabb"},
    {"in an encrypted record", HELLO "17 0303 0004 ee", 2, "ee 17 0303 0001 ee", true,
     HELLO_GIVES ", prot23 11-20, prot23 20-26"},
    {"of all of an encrypted record's body", HELLO "17 0303 0004", 4, "17 0303 0001 ee", true,
     HELLO_GIVES ", prot23 11-20, prot23 20-26"},
    {"of a ChangeCipherSpec", HELLO "14 0303 0001", 1, "16 0303 0001 ee", true,
     HELLO_GIVES ", ccs 11-17, prot22 17-23"},
    {"of an alert", HELLO "15 0303 0002", 2, HELLO, true, HELLO_GIVES ", alert0/0 11-18, msg1 23-29 aabb"},
    {"of an alert after another", HELLO "15 0303 0002 0164 15 0303 0002", 2, "", true,
     HELLO_GIVES ", alert1/100 11-18, alert0/0 18-25"},
    {"of one alert of two", HELLO "15 0303 0004 02", 1, "0228", true,
     HELLO_GIVES ", alert2/0 11-18, alert2/40 11-20"},
    {"of an alert's description", HELLO "15 0303 0002 01", 1, HELLO, true,
     HELLO_GIVES ", alert1/0 11-18, msg1 23-29 aabb"},
    {"of a message header: only records are told then", HELLO "16 0303 0006 02", 1,
     "0000 0000 16 0303 0004 0e000000 14 0303 0001 01 17 0303 0001 ee", true,
     HELLO_GIVES ", ccs 31-37, prot23 37-43"},
    {"beyond the record", HELLO "17 0303 0004 ee", 4, "0303 0001 ee", false, HELLO_GIVES ", broken 11-17"},
    {"between records", HELLO, 1, "0303 0001 ee", false, HELLO_GIVES ", broken 0-11"},
    {"in a record header", HELLO "17", 1, "03 0001 ee", false, HELLO_GIVES ", broken 11-12"},
    {"at the first byte of all", "", 1, HELLO, false, "broken 0-0"},
    {"at the byte that decides", "16 0303 0006", 1, "000002 aabb", false, "broken 0-5"},
    {"after the end", "47", 1, HELLO, false, "not_tls 0-1"},
    {"of no bytes, in a body", HELLO "17 0303 0004 ee", 0, "eeeeee", true, HELLO_GIVES ", prot23 11-20"},
};

static void expect_hole(const struct hole *hole, size_t piece, bool in_parts)
{
    static struct reader reader;
    static struct tls_bytes before, after;
    before.length = after.length = 0;
    tls_put_hex(&before, hole->before);
    tls_put_hex(&after, hole->after);
    reader_start(&reader, BLOCKS);
    feed_pieces(&reader, before.at, before.length, piece);
    bool goes_on = true;
    for (uint32_t i = 0; in_parts && i < hole->missing && goes_on; i++)
        goes_on = ss_tls_skip(&reader.direction, 1);
    if (!in_parts)
        goes_on = ss_tls_skip(&reader.direction, hole->missing);
    assert_int_equal(goes_on, hole->goes_on);
    feed(&reader, NULL, 0); /* what the hole completed is told without further bytes */
    feed_pieces(&reader, after.at, after.length, piece);
    assert_int_equal(ss_tls_skip(&reader.direction, 1 << 20), false);
    assert_string_equal(reader.text, hole->events);
    reader_end(&reader);
}

static void bytes_that_nobody_saw_are_passed_over_inside_a_record(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
        print_message("    %s\n", holes[i].says);
        expect_hole(&holes[i], WHOLE, false);
        expect_hole(&holes[i], 1, false);
        expect_hole(&holes[i], 1, true);
    }
}

static void offsets_wrap_after_four_gigabytes(void **state)
{
    (void)state;
    static struct reader reader;
    static struct tls_bytes wire;
    wire.length = 0;
    tls_put_hex(&wire, HELLO);
    reader_start(&reader, BLOCKS);
    feed(&reader, wire.at, wire.length);
    wire.length = 0;
    tls_put_noise_record(&wire, 23, 0x4000);
    struct ss_tls_event last = {0};
    uint64_t records = (UINT64_C(1) << 32) / 0x4005 + 2;
    for (uint64_t i = 0; i < records; i++) {
        struct ss_span head = ss_span_of(wire.at, 6), rest = ss_span_of(wire.at + 6, wire.length - 6);
        ss_tls_next(&reader.direction, &reader.pool, &head, &last);
        ss_tls_next(&reader.direction, &reader.pool, &rest, &last);
    }
    assert_int_equal(last.kind, SS_TLS_PROTECTED);
    assert_int_equal(last.end, (uint32_t)(11 + records * 0x4005));
    reader_end(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_messages_give_their_events),
        cmocka_unit_test(what_is_encrypted_is_told_by_its_record_alone),
        cmocka_unit_test(after_a_hello_retry_the_second_hello_is_read),
        cmocka_unit_test(what_is_not_tls_is_refused_on_the_first_byte_that_cannot_be),
        cmocka_unit_test(what_breaks_off_is_reported_once),
        cmocka_unit_test(the_longest_record_passes),
        cmocka_unit_test(some_empty_handshake_records_in_a_row_are_ignored_and_more_are_not),
        cmocka_unit_test(an_sslv2_framed_hello_is_a_message_and_tls_records_follow),
        cmocka_unit_test(an_sslv2_framed_hello_is_known_by_its_fixed_part),
        cmocka_unit_test(a_hello_over_many_records_is_put_together),
        cmocka_unit_test(a_hello_is_kept_up_to_the_size_of_a_block),
        cmocka_unit_test(a_certificate_of_any_length_takes_no_block),
        cmocka_unit_test(without_a_free_block_a_hello_is_reported_but_not_kept),
        cmocka_unit_test(a_block_is_held_from_the_first_piece_until_the_next_call),
        cmocka_unit_test(it_is_known_beforehand_where_a_block_may_be_wanted),
        cmocka_unit_test(a_hello_that_is_forgotten_is_reported_but_not_kept),
        cmocka_unit_test(a_direction_that_stops_or_breaks_in_a_hello_gives_its_block_back),
        cmocka_unit_test(bytes_that_nobody_saw_are_passed_over_inside_a_record),
        cmocka_unit_test(offsets_wrap_after_four_gigabytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
