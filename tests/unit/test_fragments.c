// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet/fragments.h"
#include "support/frames.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define CLIENT  "192.0.2.7"
#define SERVER  "198.51.100.1"
#define CLIENT6 "2001:db8::7"
#define SERVER6 "2001:db8:1::1"

#define PAYLOAD_BYTES 300
#define TCP_BYTES     20
#define SECOND        1000000000LL

/* One fragment of a datagram that carries a TCP segment; what a test does not name is as in all others. */
struct part {
    unsigned offset, bytes;
    bool is_last;
    bool is_v6;
    uint16_t id;
    uint16_t vlan;    /* 0: no tag */
    uint8_t protocol; /* 0: TCP */
    uint8_t other;    /* added to each byte */
    const char *source;
    int64_t time_ns;
};

static struct frame whole, f;
static struct ss_fragments *fragments;

static const uint8_t *segment(size_t *ret_bytes)
{
    frame_start(&whole, SS_LINK_RAW_IP);
    frame_tcp(&whole, (struct frame_tcp){.source_port = 51234, .destination_port = 443, .seq = 7});
    for (unsigned i = 0; i < PAYLOAD_BYTES; i++)
        frame_bytes(&whole, &(uint8_t){(uint8_t)i}, 1);
    *ret_bytes = whole.length;
    return whole.bytes;
}

static struct ss_frame frame_of(struct part part)
{
    size_t bytes, ip;
    const uint8_t *data = segment(&bytes);

    frame_start(&f, SS_LINK_ETHERNET);
    frame_ethernet(&f);
    if (part.vlan != 0)
        frame_vlan(&f, part.vlan);
    ip = f.length;
    if (part.is_v6) {
        frame_ip(&f, part.source != NULL ? part.source : CLIENT6, SERVER6);
        frame_fragment(&f, (uint16_t)part.offset, !part.is_last);
        f.bytes[ip + 40] = 6;
        f.bytes[ip + 47] = (uint8_t)part.id;
    } else {
        unsigned field = part.offset / 8 | (part.is_last ? 0 : 0x2000);
        frame_ip(&f, part.source != NULL ? part.source : CLIENT, SERVER);
        f.bytes[ip + 5] = (uint8_t)part.id;
        f.bytes[ip + 6] = (uint8_t)(field >> 8);
        f.bytes[ip + 7] = (uint8_t)field;
        f.bytes[ip + 9] = part.protocol != 0 ? part.protocol : 6;
    }
    for (unsigned i = 0; i < part.bytes; i++) {
        unsigned at = part.offset + i;
        frame_bytes(&f, &(uint8_t){(uint8_t)((at < bytes ? data[at] : 0) + part.other)}, 1);
    }
    struct ss_frame frame = frame_end(&f);
    frame.time_ns = part.time_ns;
    return frame;
}

static const struct ss_datagram *add(struct part part)
{
    struct ss_frame frame = frame_of(part);
    struct ss_fragment fragment;

    assert_int_equal(ss_packet_fragment(&frame, NULL, &fragment), SS_REFUSED_NOTHING);
    return ss_fragments_add(fragments, &frame, &fragment, part.time_ns);
}

static void assert_is_segment(const struct ss_datagram *datagram, bool is_v6)
{
    struct ss_packet packet;
    size_t bytes;
    const uint8_t *data = segment(&bytes);

    assert_non_null(datagram);
    assert_int_equal(datagram->refused, SS_REFUSED_NOTHING);
    assert_int_equal(
        ss_packet_decode_within(&datagram->whole, datagram->encap, datagram->encap_count, NULL, &packet),
        SS_REFUSED_NOTHING);
    assert_int_equal(packet.source_port, 51234);
    assert_int_equal(packet.seq, 7);
    assert_int_equal(ss_ip_is_v4(&packet.source), !is_v6);
    assert_int_equal(packet.payload_bytes, PAYLOAD_BYTES);
    assert_int_equal(packet.payload_captured, PAYLOAD_BYTES);
    assert_memory_equal(packet.payload, data + TCP_BYTES, PAYLOAD_BYTES);
}

static void assert_refused(const struct ss_datagram *datagram, enum ss_refusal refused, unsigned frames)
{
    assert_non_null(datagram);
    assert_int_equal(datagram->refused, refused);
    assert_int_equal(datagram->frame_count, frames);
}

/* ---- */

static void fragments_in_any_order_become_the_datagram_with_the_last_one(void **state)
{
    (void)state;
    static const unsigned ORDERS[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const struct part PARTS[] = {
        {.bytes = 104}, {.offset = 104, .bytes = 112}, {.offset = 216, .bytes = 104, .is_last = true}};
    for (unsigned i = 0; i < COUNT_OF(ORDERS) * 2; i++) {
        const struct ss_datagram *datagram = NULL;
        for (unsigned j = 0; j < 3; j++) {
            struct part part = PARTS[ORDERS[i / 2][j]];
            part.is_v6 = i % 2 != 0;
            part.id = (uint16_t)i;
            part.time_ns = SECOND + j;
            assert_null(datagram);
            assert_int_equal(ss_fragments_waiting(fragments), j);
            datagram = add(part);
        }
        assert_is_segment(datagram, i % 2 != 0);
        assert_int_equal(datagram->whole.time_ns, SECOND + 2);
        assert_int_equal(datagram->frame_count, 3);
        assert_int_equal(datagram->copies, 0);
        for (unsigned j = 0; j < 3; j++) {
            assert_int_equal(datagram->frames[j].time_ns, SECOND + j);
            assert_int_equal(datagram->frames[j].link, SS_LINK_ETHERNET);
        }
        assert_int_equal(ss_fragments_waiting(fragments), 0);
    }
}

static void frames_come_back_byte_for_byte(void **state)
{
    (void)state;
    static const struct part FIRST = {.bytes = 104, .vlan = 5},
                             LAST = {.offset = 104, .bytes = 216, .is_last = true, .vlan = 5};
    struct ss_frame frame = frame_of(FIRST);
    uint8_t *copy = malloc(frame.captured);
    memcpy(copy, frame.data, frame.captured);
    assert_null(add(FIRST));
    const struct ss_datagram *datagram = add(LAST);
    assert_non_null(datagram);
    assert_int_equal(datagram->frames[0].captured, frame.captured);
    assert_memory_equal(datagram->frames[0].data, copy, frame.captured);
    assert_int_equal(datagram->encap_count, 1);
    assert_int_equal(datagram->encap[0].id, 5);
    free(copy);
}

static void fragments_of_other_datagrams_do_not_mix(void **state)
{
    (void)state;
    static const struct part FIRST = {.bytes = 104, .id = 1};
    static const struct part OTHERS[] = {
        {.offset = 104, .bytes = 216, .is_last = true, .id = 2},
        {.offset = 104, .bytes = 216, .is_last = true, .id = 1, .source = "192.0.2.8"},
        {.offset = 104, .bytes = 216, .is_last = true, .id = 1, .protocol = 17},
        {.offset = 104, .bytes = 216, .is_last = true, .id = 1, .vlan = 4},
        {.offset = 104, .bytes = 216, .is_last = true, .id = 1, .is_v6 = true},
    };
    assert_null(add(FIRST));
    for (size_t i = 0; i < COUNT_OF(OTHERS); i++)
        assert_null(add(OTHERS[i]));
    assert_is_segment(add((struct part){.offset = 104, .bytes = 216, .is_last = true, .id = 1}), false);
    assert_int_equal(ss_fragments_waiting(fragments), COUNT_OF(OTHERS));
}

static void a_copy_of_a_fragment_changes_nothing(void **state)
{
    (void)state;
    static const struct part FIRST = {.bytes = 104}, LAST = {.offset = 104, .bytes = 216, .is_last = true};
    assert_null(add(FIRST));
    assert_null(add(FIRST));
    const struct ss_datagram *datagram = add(LAST);
    assert_is_segment(datagram, false);
    assert_int_equal(datagram->frame_count, 3);
    assert_int_equal(datagram->copies, 1);
    assert_false(datagram->is_copy);
}

static void a_copy_that_comes_after_the_datagram_is_given_back_as_one(void **state)
{
    (void)state;
    static const struct part FIRST = {.bytes = 104}, LAST = {.offset = 104, .bytes = 216, .is_last = true};
    assert_null(add(FIRST));
    assert_is_segment(add(LAST), false);
    for (unsigned i = 0; i < 2; i++) {
        const struct ss_datagram *datagram = add(i == 0 ? LAST : FIRST);
        assert_is_segment(datagram, false);
        assert_true(datagram->is_copy);
        assert_int_equal(datagram->frame_count, 1);
        assert_int_equal(datagram->copies, 1);
        assert_int_equal(ss_fragments_waiting(fragments), 0);
    }
}

static void a_sender_may_use_an_identification_again(void **state)
{
    (void)state;
    static const struct part FIRST = {.bytes = 104}, LAST = {.offset = 104, .bytes = 216, .is_last = true};
    for (unsigned i = 0; i < 3; i++) {
        struct part first = FIRST, last = LAST;
        first.bytes += 8 * i; /* cut elsewhere, so that it is no copy */
        last.offset += 8 * i;
        last.bytes -= 8 * i;
        assert_null(add(first));
        assert_is_segment(add(last), false);
    }
    /* The same cut, but so late that it is another datagram. */
    struct part first = {.bytes = 120, .time_ns = SS_FRAGMENTS_WAIT_NS + 1};
    assert_null(add(first));
}

static void fragments_that_contradict_one_another_give_their_datagram_up(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct part parts[3];
        unsigned count; /* the last of them is the contradiction */
    } ROWS[] = {
        {"the same place, another content", {{.bytes = 104}, {.bytes = 104, .other = 1}}, 2},
        {"a teardrop: begins inside another", {{.bytes = 104}, {.offset = 96, .bytes = 104}}, 2},
        {"ends inside another", {{.offset = 104, .bytes = 104}, {.offset = 96, .bytes = 16}}, 2},
        {"lies inside another", {{.bytes = 104}, {.offset = 8, .bytes = 8}}, 2},
        {"covers another", {{.offset = 8, .bytes = 8}, {.bytes = 104}}, 2},
        {"begins as another, but is longer", {{.bytes = 104}, {.bytes = 112}}, 2},
        {"lies beyond the end",
         {{.offset = 104, .bytes = 216, .is_last = true}, {.offset = 320, .bytes = 8}},
         2},
        {"ends before another",
         {{.offset = 216, .bytes = 104}, {.offset = 104, .bytes = 8, .is_last = true}},
         2},
        {"another end",
         {{.bytes = 8},
          {.offset = 104, .bytes = 216, .is_last = true},
          {.offset = 320, .bytes = 8, .is_last = true}},
         3},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS) * 2; i++) {
        const struct ss_datagram *datagram = NULL;
        for (unsigned j = 0; j < ROWS[i / 2].count; j++) {
            struct part part = ROWS[i / 2].parts[j];
            part.is_v6 = i % 2 != 0;
            part.id = (uint16_t)i;
            assert_null(datagram);
            datagram = add(part);
        }
        if (datagram == NULL)
            fail_msg("%s", ROWS[i / 2].what);
        assert_refused(datagram, SS_REFUSED_FRAGMENT_CONFLICT, ROWS[i / 2].count);
        assert_int_equal(ss_fragments_waiting(fragments), 0);
        /* Neither is there anything to be had of what comes afterwards. */
        struct part late = {.offset = 200, .bytes = 8, .is_v6 = i % 2 != 0, .id = (uint16_t)i};
        assert_refused(add(late), SS_REFUSED_FRAGMENT_CONFLICT, 1);
    }
}

static void a_datagram_of_too_many_fragments_is_given_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SS_FRAGMENTS_FRAMES; i++)
        assert_null(add((struct part){.offset = 8 * i, .bytes = 8}));
    assert_refused(add((struct part){.offset = 8 * SS_FRAGMENTS_FRAMES, .bytes = 8}),
                   SS_REFUSED_FRAGMENT_EXCESS, SS_FRAGMENTS_FRAMES + 1);
    assert_refused(add((struct part){.offset = 4000, .bytes = 8, .is_last = true}),
                   SS_REFUSED_FRAGMENT_EXCESS, 1);
}

static void a_datagram_of_too_many_bytes_is_given_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_null(add((struct part){.offset = 8800 * i, .bytes = 8800}));
    assert_refused(add((struct part){.offset = 26400, .bytes = 8800, .is_last = true}),
                   SS_REFUSED_FRAGMENT_EXCESS, 4);
}

static void what_does_not_come_whole_is_given_up_in_time(void **state)
{
    (void)state;
    assert_null(add((struct part){.bytes = 104, .id = 1, .time_ns = SECOND}));
    assert_null(add((struct part){.bytes = 104, .id = 2, .time_ns = 2 * SECOND}));
    assert_null(add((struct part){.offset = 104, .bytes = 8, .id = 1, .time_ns = 3 * SECOND}));
    assert_null(ss_fragments_give_up(fragments, SECOND + SS_FRAGMENTS_WAIT_NS, false));
    assert_refused(ss_fragments_give_up(fragments, SECOND + SS_FRAGMENTS_WAIT_NS + 1, false),
                   SS_REFUSED_FRAGMENT, 2);
    assert_null(ss_fragments_give_up(fragments, SECOND + SS_FRAGMENTS_WAIT_NS + 1, false));
    assert_refused(ss_fragments_give_up(fragments, INT64_MAX, false), SS_REFUSED_FRAGMENT, 1);
    assert_null(ss_fragments_give_up(fragments, INT64_MAX, false));
}

static void where_there_is_no_room_the_oldest_gives_way(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < SS_FRAGMENTS_DATAGRAMS; i++) {
        assert_null(ss_fragments_give_up(fragments, i, true));
        assert_null(add((struct part){.bytes = 104, .id = i, .time_ns = i}));
    }
    assert_null(ss_fragments_give_up(fragments, 100, false));
    assert_refused(ss_fragments_give_up(fragments, 100, true), SS_REFUSED_FRAGMENTS_FULL, 1);
    assert_null(ss_fragments_give_up(fragments, 100, true));
    assert_null(add((struct part){.bytes = 104, .id = 200, .time_ns = 100}));
    /* The youngest are still there. */
    assert_is_segment(
        add((struct part){.offset = 104, .bytes = 216, .is_last = true, .id = 1, .time_ns = 101}), false);
    assert_is_segment(
        add((struct part){.offset = 104, .bytes = 216, .is_last = true, .id = 200, .time_ns = 101}), false);
}

static void a_remembered_datagram_takes_nobody_s_room(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3 * SS_FRAGMENTS_DATAGRAMS; i++) {
        assert_null(ss_fragments_give_up(fragments, i, true));
        assert_null(add((struct part){.bytes = 104, .id = (uint16_t)i, .time_ns = i}));
        assert_is_segment(
            add((struct part){.offset = 104, .bytes = 216, .is_last = true, .id = (uint16_t)i, .time_ns = i}),
            false);
    }
}

static void what_no_datagram_can_hold_is_no_fragment(void **state)
{
    (void)state;
    static const struct {
        struct part part;
        unsigned cut; /* bytes that were not captured */
        enum ss_refusal refused;
    } ROWS[] = {
        {{.bytes = 104}, 0, SS_REFUSED_NOTHING},
        {{.bytes = 100}, 0, SS_REFUSED_BAD_LENGTH},                /* ends at no multiple of 8, and goes on */
        {{.bytes = 100, .is_last = true}, 0, SS_REFUSED_FRAGMENT}, /* whole in itself */
        {{.offset = 104, .bytes = 101, .is_last = true}, 0, SS_REFUSED_NOTHING},
        {{.offset = 104, .bytes = 0, .is_last = true}, 0, SS_REFUSED_BAD_LENGTH},
        {{.offset = 104, .bytes = 0}, 0, SS_REFUSED_BAD_LENGTH},
        {{.offset = 65528, .bytes = 7, .is_last = true}, 0, SS_REFUSED_NOTHING},
        {{.offset = 65528, .bytes = 8, .is_last = true}, 0, SS_REFUSED_BAD_LENGTH}, /* the ping of death */
        {{.bytes = 104}, 1, SS_REFUSED_TRUNCATED},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS) * 2; i++) {
        struct part part = ROWS[i / 2].part;
        struct ss_fragment fragment;
        part.is_v6 = i % 2 != 0;
        struct ss_frame frame = frame_of(part);
        frame.captured -= ROWS[i / 2].cut;
        assert_int_equal(ss_packet_fragment(&frame, NULL, &fragment), ROWS[i / 2].refused);
    }
}

static int set_up(void **state)
{
    (void)state;
    size_t bytes = (ss_fragments_bytes() + 63) & ~(size_t)63;
    fragments = ss_fragments_create(memset(aligned_alloc(64, bytes), 0xa5, bytes));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(fragments);
    return 0;
}

#define with_fragments(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fragments(fragments_in_any_order_become_the_datagram_with_the_last_one),
        with_fragments(frames_come_back_byte_for_byte),
        with_fragments(fragments_of_other_datagrams_do_not_mix),
        with_fragments(a_copy_of_a_fragment_changes_nothing),
        with_fragments(a_copy_that_comes_after_the_datagram_is_given_back_as_one),
        with_fragments(a_sender_may_use_an_identification_again),
        with_fragments(fragments_that_contradict_one_another_give_their_datagram_up),
        with_fragments(a_datagram_of_too_many_fragments_is_given_up),
        with_fragments(a_datagram_of_too_many_bytes_is_given_up),
        with_fragments(what_does_not_come_whole_is_given_up_in_time),
        with_fragments(where_there_is_no_room_the_oldest_gives_way),
        with_fragments(a_remembered_datagram_takes_nobody_s_room),
        cmocka_unit_test(what_no_datagram_can_hold_is_no_fragment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
