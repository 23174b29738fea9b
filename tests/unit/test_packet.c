// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet/packet.h"
#include "support/frames.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define CLIENT   "192.0.2.7"
#define SERVER   "198.51.100.1"
#define CLIENT6  "2001:db8::7"
#define SERVER6  "2001:db8:1::1"
#define OUTER    "10.0.0.1"
#define OUTER_2  "10.0.0.2"
#define OUTER6   "fd00::1"
#define OUTER6_2 "fd00::2"

static const uint8_t TIMESTAMPS[] = {1, 1, 8, 10, 0, 0, 0x12, 0x34, 0, 0, 0x56, 0x78};

/* The same segment in every frame: five bytes of payload, timestamps. */
static void add_segment(struct frame *f)
{
    frame_tcp(f, (struct frame_tcp){.source_port = 51234,
                                    .destination_port = 443,
                                    .seq = 0x01020304,
                                    .ack = 0x05060708,
                                    .flags = SS_TCP_ACK | SS_TCP_PSH,
                                    .window = 500,
                                    .checksum = 0xbeef,
                                    .options = TIMESTAMPS,
                                    .option_bytes = sizeof(TIMESTAMPS)});
    frame_text(f, "hello");
}

static void add_v4(struct frame *f)
{
    frame_ip(f, CLIENT, SERVER);
    add_segment(f);
}

static void add_v6(struct frame *f)
{
    frame_ip(f, CLIENT6, SERVER6);
    add_segment(f);
}

/* Decodes a copy of the frame's exact size, so that a sanitizer sees every byte read beyond it. */
static enum ss_refusal decode(const struct ss_frame *frame, uint32_t captured, struct ss_packet *ret_packet)
{
    struct ss_frame cut = *frame;
    uint8_t *copy = malloc(captured + (captured == 0));
    memcpy(copy, frame->data, captured);
    cut.data = copy;
    cut.captured = captured;
    enum ss_refusal refused = ss_packet_decode(&cut, NULL, ret_packet);
    if (refused == SS_REFUSED_NOTHING) {
        assert_true(ret_packet->payload >= copy);
        assert_true(ret_packet->payload + ret_packet->payload_captured <= copy + captured);
        ret_packet->payload = frame->data + (ret_packet->payload - copy);
    }
    free(copy);
    return refused;
}

static enum ss_refusal decode_whole(const struct ss_frame *frame, struct ss_packet *ret_packet)
{
    return decode(frame, frame->captured, ret_packet);
}

static void assert_endpoints(const struct ss_packet *packet, bool v6)
{
    char text[SS_IP_TEXT_MAX];
    assert_string_equal(ss_ip_format(&packet->source, text), v6 ? CLIENT6 : CLIENT);
    assert_string_equal(ss_ip_format(&packet->destination, text), v6 ? SERVER6 : SERVER);
    assert_int_equal(packet->source_port, 51234);
    assert_int_equal(packet->destination_port, 443);
    assert_int_equal(packet->ttl, 64);
    assert_int_equal(packet->ip_id, v6 ? 0 : 0x1234);
}

static void assert_segment(const struct ss_packet *packet)
{
    assert_int_equal(packet->seq, 0x01020304);
    assert_int_equal(packet->ack, 0x05060708);
    assert_int_equal(packet->flags, SS_TCP_ACK | SS_TCP_PSH);
    assert_int_equal(packet->window, 500);
    assert_int_equal(packet->tcp_checksum, 0xbeef);
    assert_true(packet->has_timestamps);
    assert_int_equal(packet->ts_value, 0x1234);
    assert_int_equal(packet->ts_echo, 0x5678);
    assert_int_equal(packet->payload_bytes, 5);
    assert_int_equal(packet->payload_captured, 5);
    assert_memory_equal(packet->payload, "hello", 5);
}

/* "vlan:100,gre:0" */
static const char *encap_text(const struct ss_packet *packet, char text[256])
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < packet->encap_count; i++)
        used +=
            (size_t)snprintf(text + used, 256 - used, "%s%s:%u", i == 0 ? "" : ",",
                             ss_encap_name((enum ss_encap_kind)packet->encap[i].kind), packet->encap[i].id);
    return text;
}

static void plain_v4(struct frame *f)
{
    frame_ethernet(f);
    add_v4(f);
}

static void plain_v6(struct frame *f)
{
    frame_ethernet(f);
    add_v6(f);
}

static void vlan_v4(struct frame *f)
{
    frame_ethernet(f);
    frame_vlan(f, 100);
    add_v4(f);
}

static void vlan_v6(struct frame *f)
{
    frame_ethernet(f);
    frame_vlan(f, 4095);
    add_v6(f);
}

static void qinq(struct frame *f)
{
    frame_ethernet(f);
    frame_tag(f, 0x88a8, 100);
    frame_vlan(f, 200);
    add_v4(f);
}

static void old_qinq(struct frame *f)
{
    frame_ethernet(f);
    frame_tag(f, 0x9100, 1);
    frame_tag(f, 0x8100, 2);
    frame_tag(f, 0x8100, 3);
    add_v6(f);
}

static void mpls_ip(struct frame *f)
{
    frame_ethernet(f);
    frame_mpls(f, 16, false);
    frame_mpls(f, 0xfffff, true);
    add_v4(f);
}

static void mpls_ipv6(struct frame *f)
{
    frame_ethernet(f);
    frame_mpls(f, 17, true);
    add_v6(f);
}

static void mpls_pseudowire(struct frame *f)
{
    frame_ethernet(f);
    frame_mpls(f, 18, true);
    frame_control_word(f);
    frame_ethernet(f);
    frame_vlan(f, 5);
    add_v4(f);
}

static void mpls_pseudowire_without_control_word(struct frame *f)
{
    frame_ethernet(f);
    frame_mpls(f, 18, true);
    frame_ethernet(f);
    add_v4(f);
}

static void mpls_pseudowire_to_an_address_like_ip(struct frame *f)
{
    frame_ethernet(f);
    frame_mpls(f, 18, true);
    size_t address = f->length;
    frame_ethernet(f);
    memcpy(f->bytes + address, "\x4c\x52\x62\x11\x22\x33", 6);
    add_v4(f);
}

static void mpls_pseudowire_to_an_address_of_zeros(struct frame *f)
{
    frame_ethernet(f);
    frame_mpls(f, 18, true);
    size_t address = f->length;
    frame_ethernet(f);
    memcpy(f->bytes + address, "\x00\x1b\x21\x11\x22\x33", 6);
    add_v4(f);
}

static void pppoe_v4(struct frame *f)
{
    frame_ethernet(f);
    frame_pppoe(f, 0x1693);
    add_v4(f);
}

static void pppoe_v6(struct frame *f)
{
    frame_ethernet(f);
    frame_vlan(f, 7);
    frame_pppoe(f, 1);
    add_v6(f);
}

/* Cisco MetaData with a security group tag. */
static void metadata(struct frame *f)
{
    frame_ethernet(f);
    frame_tag(f, 0x8909, 0x0101);
    f->length -= 2;
    frame_bytes(f, "\0\1\0\2\0", 6);
    f->next_at = f->length - 2;
    add_v4(f);
}

static void gre_v4(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER, OUTER_2);
    frame_gre(f, 0, 0);
    add_v4(f);
}

static void gre_with_all_fields(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER6, OUTER6_2);
    frame_gre(f, 0xb000, 0xdeadbeef);
    add_v6(f);
}

static void gre_bridging(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER, OUTER_2);
    frame_gre(f, 0x2000, 9);
    frame_ethernet(f);
    frame_vlan(f, 10);
    add_v4(f);
}

static void erspan_1(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER, OUTER_2);
    frame_erspan_1(f);
    frame_ethernet(f);
    add_v4(f);
}

static void erspan_2(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER, OUTER_2);
    frame_erspan_2(f, 7);
    frame_ethernet(f);
    frame_vlan(f, 3);
    add_v6(f);
}

static void erspan_3(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER, OUTER_2);
    frame_erspan_3(f, 1023, false);
    frame_ethernet(f);
    add_v4(f);
}

static void erspan_3_with_subheader(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER6, OUTER6_2);
    frame_erspan_3(f, 1, true);
    frame_ethernet(f);
    add_v4(f);
}

static void vxlan(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER, OUTER_2);
    frame_vxlan(f, 0xabcdef);
    frame_ethernet(f);
    add_v4(f);
}

static void geneve(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER, OUTER_2);
    frame_geneve(f, 11, 0);
    frame_ethernet(f);
    add_v6(f);
}

static void geneve_with_options_and_ip(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER6, OUTER6_2);
    frame_geneve(f, 12, 252);
    add_v4(f);
}

static void gtp(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER, OUTER_2);
    frame_gtp(f, 0x80000001, false, false);
    add_v4(f);
}

static void gtp_with_all_fields(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER, OUTER_2);
    frame_gtp(f, 2, true, true);
    add_v6(f);
}

static void v4_in_v4(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER, OUTER_2);
    add_v4(f);
}

static void v6_in_v4(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER, OUTER_2);
    add_v6(f);
}

static void v4_in_v6(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER6, OUTER6_2);
    add_v4(f);
}

static void v6_in_v6(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, OUTER6, OUTER6_2);
    add_v6(f);
}

static void extensions(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, CLIENT6, SERVER6);
    frame_extension(f, 0, 0);
    frame_extension(f, 60, 2);
    frame_extension(f, 43, 4);
    frame_authentication(f, 12);
    frame_fragment(f, 0, false);
    add_segment(f);
}

static void authenticated_v4(struct frame *f)
{
    frame_ethernet(f);
    frame_ip(f, CLIENT, SERVER);
    frame_authentication(f, 16);
    add_segment(f);
}

static void sll(struct frame *f)
{
    frame_sll(f);
    add_v4(f);
}

static void sll_vlan(struct frame *f)
{
    frame_sll(f);
    frame_vlan(f, 6);
    add_v6(f);
}

static void sll2(struct frame *f)
{
    frame_sll2(f);
    add_v6(f);
}

static void null_v4(struct frame *f)
{
    frame_null(f, 2);
    add_v4(f);
}

static void null_v4_swapped(struct frame *f)
{
    frame_null_swapped(f, 2);
    add_v4(f);
}

static void null_v6_of_macos(struct frame *f)
{
    frame_null_swapped(f, 30);
    add_v6(f);
}

static void null_v6_of_freebsd(struct frame *f)
{
    frame_null(f, 28);
    add_v6(f);
}

static void many_encapsulations(struct frame *f)
{
    frame_ethernet(f);
    for (uint16_t i = 1; i <= 13; i++)
        frame_vlan(f, i);
    add_v4(f);
}

struct encapsulation {
    void (*build)(struct frame *frame);
    enum ss_link link;
    bool v6;
    const char *encap;
};

static const struct encapsulation ENCAPSULATIONS[] = {
    {plain_v4, SS_LINK_ETHERNET, false, ""},
    {plain_v6, SS_LINK_ETHERNET, true, ""},
    {vlan_v4, SS_LINK_ETHERNET, false, "vlan:100"},
    {vlan_v6, SS_LINK_ETHERNET, true, "vlan:4095"},
    {qinq, SS_LINK_ETHERNET, false, "qinq:100,vlan:200"},
    {old_qinq, SS_LINK_ETHERNET, true, "qinq:1,vlan:2,vlan:3"},
    {mpls_ip, SS_LINK_ETHERNET, false, "mpls:16,mpls:1048575"},
    {mpls_ipv6, SS_LINK_ETHERNET, true, "mpls:17"},
    {mpls_pseudowire, SS_LINK_ETHERNET, false, "mpls:18,vlan:5"},
    {mpls_pseudowire_without_control_word, SS_LINK_ETHERNET, false, "mpls:18"},
    {mpls_pseudowire_to_an_address_like_ip, SS_LINK_ETHERNET, false, "mpls:18"},
    {mpls_pseudowire_to_an_address_of_zeros, SS_LINK_ETHERNET, false, "mpls:18"},
    {pppoe_v4, SS_LINK_ETHERNET, false, "pppoe:5779"},
    {pppoe_v6, SS_LINK_ETHERNET, true, "vlan:7,pppoe:1"},
    {metadata, SS_LINK_ETHERNET, false, ""},
    {gre_v4, SS_LINK_ETHERNET, false, "gre:0"},
    {gre_with_all_fields, SS_LINK_ETHERNET, true, "gre:3735928559"},
    {gre_bridging, SS_LINK_ETHERNET, false, "gre:9,vlan:10"},
    {erspan_1, SS_LINK_ETHERNET, false, "erspan:0"},
    {erspan_2, SS_LINK_ETHERNET, true, "erspan:7,vlan:3"},
    {erspan_3, SS_LINK_ETHERNET, false, "erspan:1023"},
    {erspan_3_with_subheader, SS_LINK_ETHERNET, false, "erspan:1"},
    {vxlan, SS_LINK_ETHERNET, false, "vxlan:11259375"},
    {geneve, SS_LINK_ETHERNET, true, "geneve:11"},
    {geneve_with_options_and_ip, SS_LINK_ETHERNET, false, "geneve:12"},
    {gtp, SS_LINK_ETHERNET, false, "gtp:2147483649"},
    {gtp_with_all_fields, SS_LINK_ETHERNET, true, "gtp:2"},
    {v4_in_v4, SS_LINK_ETHERNET, false, "ip:0"},
    {v6_in_v4, SS_LINK_ETHERNET, true, "ip:0"},
    {v4_in_v6, SS_LINK_ETHERNET, false, "ip:0"},
    {v6_in_v6, SS_LINK_ETHERNET, true, "ip:0"},
    {extensions, SS_LINK_ETHERNET, true, ""},
    {authenticated_v4, SS_LINK_ETHERNET, false, ""},
    {sll, SS_LINK_SLL, false, ""},
    {sll_vlan, SS_LINK_SLL, true, "vlan:6"},
    {sll2, SS_LINK_SLL2, true, ""},
    {null_v4, SS_LINK_NULL, false, ""},
    {null_v4_swapped, SS_LINK_NULL, false, ""},
    {null_v6_of_macos, SS_LINK_NULL, true, ""},
    {null_v6_of_freebsd, SS_LINK_NULL, true, ""},
    {add_v4, SS_LINK_RAW_IP, false, ""},
    {add_v6, SS_LINK_RAW_IP, true, ""},
    {many_encapsulations, SS_LINK_ETHERNET, false, "vlan:1,vlan:2,vlan:3,vlan:4,vlan:5"},
};

static struct frame f;

static struct ss_frame build(const struct encapsulation *row)
{
    frame_start(&f, row->link);
    row->build(&f);
    return frame_end(&f);
}

static void the_innermost_segment_is_found_in_every_encapsulation(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ENCAPSULATIONS); i++) {
        struct ss_frame frame = build(&ENCAPSULATIONS[i]);
        struct ss_packet packet;
        char text[256];
        assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOTHING);
        assert_endpoints(&packet, ENCAPSULATIONS[i].v6);
        assert_segment(&packet);
        assert_string_equal(encap_text(&packet, text), ENCAPSULATIONS[i].encap);
    }
}

static void a_frame_cut_by_a_snap_length_decodes_while_its_headers_are_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ENCAPSULATIONS); i++) {
        struct ss_frame frame = build(&ENCAPSULATIONS[i]);
        for (uint32_t captured = 0; captured < frame.wire; captured++) {
            struct ss_packet packet;
            enum ss_refusal refused = decode(&frame, captured, &packet);
            if (captured + 5 < frame.wire) {
                /* A pseudowire is guessed by what is captured of it. */
                bool guess = strstr(ENCAPSULATIONS[i].encap, "mpls:18") != NULL;
                assert_true(refused == SS_REFUSED_TRUNCATED || (guess && refused != SS_REFUSED_NOTHING));
                continue;
            }
            assert_int_equal(refused, SS_REFUSED_NOTHING);
            assert_endpoints(&packet, ENCAPSULATIONS[i].v6);
            assert_int_equal(packet.payload_bytes, 5);
            assert_int_equal(packet.payload_captured, captured + 5 - frame.wire);
        }
    }
}

static void a_frame_cut_without_a_word_decodes_as_one_cut_by_a_snap_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct ss_frame frame = build(&ENCAPSULATIONS[i]);
        struct ss_packet packet;
        frame.wire = frame.captured -= 3;
        assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOTHING);
        assert_int_equal(packet.payload_bytes, 5);
        assert_int_equal(packet.payload_captured, 2);
    }
}

static void padding_is_no_payload(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ENCAPSULATIONS); i++) {
        struct ss_frame frame = build(&ENCAPSULATIONS[i]);
        struct ss_packet packet;
        frame.captured += 40;
        frame.wire += 44; /* with a frame check sequence that was not captured */
        assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOTHING);
        assert_segment(&packet);
    }
}

/* An access concentrator that counts Ethernet's padding into the length of IP, but not into PPPoE's. */
static void padding_that_ip_counts_is_no_payload_where_pppoe_knows_better(void **state)
{
    (void)state;
    struct ss_packet packet;
    frame_start(&f, SS_LINK_ETHERNET);
    pppoe_v4(&f);
    struct ss_frame frame = frame_end(&f);
    f.bytes[25] = (uint8_t)(f.bytes[25] + 6); /* IP's total length */
    frame.captured += 6;
    frame.wire += 6;
    assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOTHING);
    assert_segment(&packet);
}

static void a_frame_that_ends_too_early_contradicts_the_lengths_in_it(void **state)
{
    (void)state;
    struct ss_packet packet;
    for (uint32_t bytes = 0; bytes < 34; bytes++) {
        struct ss_frame frame = build(&ENCAPSULATIONS[0]);
        frame.wire = frame.captured = bytes;
        assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_BAD_LENGTH);
    }
    /* From here on the IP header has told how long the packet was. */
    struct ss_frame frame = build(&ENCAPSULATIONS[0]);
    frame.wire = frame.captured = 34;
    assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_TRUNCATED);
}

static void without_a_total_length_the_rest_of_the_frame_is_the_packet(void **state)
{
    (void)state;
    static const struct {
        void (*build)(struct frame *frame);
        size_t length_at;
    } ROWS[] = {{plain_v4, 16}, {plain_v6, 18}, {vlan_v4, 20}, {vlan_v6, 22}};
    static const uint8_t MORE[60000] = {0};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_packet packet;
        frame_start(&f, SS_LINK_ETHERNET);
        ROWS[i].build(&f);
        frame_bytes(&f, MORE, sizeof(MORE));
        struct ss_frame frame = frame_end(&f);
        memset(f.bytes + ROWS[i].length_at, 0, 2);
        assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOTHING);
        assert_int_equal(packet.payload_bytes, 60005);
        assert_int_equal(packet.payload_captured, 60005);
        assert_int_equal(decode(&frame, 200, &packet), SS_REFUSED_NOTHING);
        assert_int_equal(packet.payload_bytes, 60005);
        assert_true(packet.payload_captured < 200);
    }
}

/* Offsets in a plain IPv4 frame: Ethernet 0, IP 14, TCP 34. In a plain IPv6 frame: IP 14, TCP 54. */
static void what_cannot_be_decoded_is_refused_with_its_reason(void **state)
{
    (void)state;
    static const struct {
        void (*build)(struct frame *frame);
        size_t at;
        unsigned value; /* 16 bits */
        enum ss_refusal refused;
    } ROWS[] = {
        {plain_v4, 12, 0x0806, SS_REFUSED_NOT_IP},      /* ARP */
        {plain_v4, 12, 0x0027, SS_REFUSED_NOT_IP},      /* a length: spanning tree */
        {vlan_v4, 16, 0x88cc, SS_REFUSED_NOT_IP},       /* LLDP */
        {pppoe_v4, 14, 0x1109, SS_REFUSED_NOT_IP},      /* another code than session data */
        {pppoe_v4, 20, 0xc021, SS_REFUSED_NOT_IP},      /* LCP */
        {plain_v4, 22, 0x4001, SS_REFUSED_NOT_TCP},     /* ICMP */
        {plain_v4, 22, 0x4032, SS_REFUSED_NOT_TCP},     /* ESP */
        {plain_v6, 20, 0x3a40, SS_REFUSED_NOT_TCP},     /* ICMPv6 */
        {plain_v4, 22, 0x4011, SS_REFUSED_NOT_TCP},     /* UDP to port 443 */
        {extensions, 54, 0x3b00, SS_REFUSED_NOT_TCP},   /* no next header */
        {gre_v4, 34, 0x4000, SS_REFUSED_NOT_TCP},       /* routing present */
        {gre_v4, 34, 0x0001, SS_REFUSED_NOT_TCP},       /* PPTP */
        {gre_v4, 36, 0x0806, SS_REFUSED_NOT_TCP},       /* ARP in it */
        {vxlan, 42, 0x0000, SS_REFUSED_NOT_TCP},        /* without identifier */
        {geneve, 42, 0x4000, SS_REFUSED_NOT_TCP},       /* version 1 */
        {gtp, 42, 0x3001, SS_REFUSED_NOT_TCP},          /* echo request */
        {gtp, 42, 0x20ff, SS_REFUSED_NOT_TCP},          /* GTP' */
        {erspan_3, 52, 0x0400, SS_REFUSED_NOT_TCP},     /* frame type 1 */
        {plain_v4, 14, 0x6500, SS_REFUSED_BAD_VERSION}, /* IPv6 where Ethernet said IPv4 */
        {plain_v6, 14, 0x4000, SS_REFUSED_BAD_VERSION},
        {erspan_2, 42, 0x2000, SS_REFUSED_BAD_VERSION},
        {erspan_3, 42, 0x1000, SS_REFUSED_BAD_VERSION},
        {plain_v4, 14, 0x4400, SS_REFUSED_BAD_LENGTH}, /* IP header of 16 bytes */
        {plain_v4, 16, 0x0013, SS_REFUSED_BAD_LENGTH}, /* total length of 19 */
        {plain_v4, 16, 0x0027, SS_REFUSED_BAD_LENGTH}, /* not even a TCP header */
        {plain_v4, 16, 0x0033, SS_REFUSED_BAD_LENGTH}, /* not all of its options */
        {plain_v4, 46, 0x4018, SS_REFUSED_BAD_LENGTH}, /* TCP header of 16 bytes */
        {plain_v4, 46, 0xf018, SS_REFUSED_BAD_LENGTH}, /* and of 60 */
        {plain_v6, 18, 0x0013, SS_REFUSED_BAD_LENGTH},
        {plain_v6, 66, 0xf018, SS_REFUSED_BAD_LENGTH},
        {extensions, 62, 0x3cff, SS_REFUSED_BAD_LENGTH},          /* longer than the packet */
        {gtp_with_all_fields, 54, 0x0010, SS_REFUSED_BAD_LENGTH}, /* an extension of no bytes */
        {plain_v4, 20, 0x2000, SS_REFUSED_FRAGMENT},              /* the first */
        {plain_v4, 20, 0x2001, SS_REFUSED_FRAGMENT},              /* one in between */
        {plain_v4, 20, 0x0001, SS_REFUSED_FRAGMENT},              /* the last */
        {vlan_v4, 24, 0x2000, SS_REFUSED_FRAGMENT},
        {gre_v4, 20, 0x2000, SS_REFUSED_FRAGMENT},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_packet packet;
        frame_start(&f, SS_LINK_ETHERNET);
        ROWS[i].build(&f);
        struct ss_frame frame = frame_end(&f);
        f.bytes[ROWS[i].at] = (uint8_t)(ROWS[i].value >> 8);
        f.bytes[ROWS[i].at + 1] = (uint8_t)ROWS[i].value;
        if (decode_whole(&frame, &packet) != ROWS[i].refused)
            print_message("row %zu\n", i);
        assert_int_equal(decode_whole(&frame, &packet), ROWS[i].refused);
    }
}

static void only_an_atomic_ipv6_fragment_is_a_packet(void **state)
{
    (void)state;
    static const struct {
        uint16_t offset;
        bool more;
        enum ss_refusal refused;
    } ROWS[] = {{0, false, SS_REFUSED_NOTHING},
                {0, true, SS_REFUSED_FRAGMENT},
                {8, true, SS_REFUSED_FRAGMENT},
                {0xfff8, false, SS_REFUSED_FRAGMENT}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_packet packet;
        frame_start(&f, SS_LINK_ETHERNET);
        frame_ethernet(&f);
        frame_ip(&f, CLIENT6, SERVER6);
        frame_fragment(&f, ROWS[i].offset, ROWS[i].more);
        add_segment(&f);
        struct ss_frame frame = frame_end(&f);
        assert_int_equal(decode_whole(&frame, &packet), ROWS[i].refused);
    }
}

static void a_frame_may_nest_so_many_headers_and_no_more(void **state)
{
    (void)state;
    for (unsigned tags = 0; tags < 40; tags++) {
        struct ss_packet packet;
        frame_start(&f, SS_LINK_ETHERNET);
        frame_ethernet(&f);
        for (unsigned i = 0; i < tags; i++)
            frame_vlan(&f, 1);
        add_v4(&f);
        struct ss_frame frame = frame_end(&f);
        bool fits = tags + 3 <= SS_PACKET_LAYERS_MAX; /* with Ethernet, IP and TCP */
        assert_int_equal(decode_whole(&frame, &packet), fits ? SS_REFUSED_NOTHING : SS_REFUSED_TOO_DEEP);
    }
}

static void another_link_layer_is_refused(void **state)
{
    (void)state;
    struct ss_frame frame = build(&ENCAPSULATIONS[0]);
    struct ss_packet packet;
    frame.link = SS_LINK_OTHER;
    assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_LINK_TYPE);

    frame_start(&f, SS_LINK_NULL);
    frame_null(&f, 9); /* a family that is not IP */
    add_v4(&f);
    frame = frame_end(&f);
    assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOT_IP);
}

static void udp_to_a_tunnel_s_other_port_is_a_tunnel_too(void **state)
{
    (void)state;
    struct ss_packet packet;
    char text[256];
    frame_start(&f, SS_LINK_ETHERNET);
    vxlan(&f);
    struct ss_frame frame = frame_end(&f);
    memcpy(f.bytes + 36, "\x21\x18", 2); /* 8472 */
    assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOTHING);
    assert_string_equal(encap_text(&packet, text), "vxlan:11259375");
    memcpy(f.bytes + 36, "\x21\x19", 2);
    assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOT_TCP);
}

static enum ss_refusal decode_with(const struct ss_packet_settings *settings, struct ss_packet *ret_packet)
{
    struct ss_frame frame = frame_end(&f);
    return ss_packet_decode(&frame, settings, ret_packet);
}

static void tunnels_are_known_by_the_ports_that_settings_name_and_no_others(void **state)
{
    (void)state;
    static const struct ss_packet_settings NONE = {0};
    static const struct ss_packet_settings OTHER = {
        .vxlan_ports = {1, 4790}, .vxlan_port_count = 2, .geneve_ports = {65535}, .geneve_port_count = 1};
    static const struct {
        void (*build)(struct frame *frame);
        const char *port; /* NULL: the assigned one */
        const struct ss_packet_settings *settings;
        const char *encap; /* NULL: not taken for a tunnel */
    } ROWS[] = {
        {vxlan, NULL, NULL, "vxlan:11259375"},
        {vxlan, NULL, &NONE, NULL},
        {vxlan, NULL, &OTHER, NULL},
        {vxlan, "\x12\xb6", &OTHER, "vxlan:11259375"},
        {vxlan, "\x00\x01", &OTHER, "vxlan:11259375"},
        {geneve, NULL, NULL, "geneve:11"},
        {geneve, NULL, &NONE, NULL},
        {geneve, "\xff\xff", &OTHER, "geneve:11"},
        {gtp, NULL, &NONE, "gtp:2147483649"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_packet packet;
        char text[256];
        frame_start(&f, SS_LINK_ETHERNET);
        ROWS[i].build(&f);
        if (ROWS[i].port != NULL)
            memcpy(f.bytes + 36, ROWS[i].port, 2);
        enum ss_refusal refused = decode_with(ROWS[i].settings, &packet);
        assert_int_equal(refused, ROWS[i].encap == NULL ? SS_REFUSED_NOT_TCP : SS_REFUSED_NOTHING);
        if (ROWS[i].encap != NULL)
            assert_string_equal(encap_text(&packet, text), ROWS[i].encap);
    }
}

static void tagged(struct frame *frame, unsigned outer, unsigned vni, unsigned service, unsigned customer)
{
    frame_start(frame, SS_LINK_ETHERNET);
    frame_ethernet(frame);
    if (outer != 0)
        frame_vlan(frame, (uint16_t)outer);
    if (vni != 0) {
        frame_ip(frame, OUTER, OUTER_2);
        frame_vxlan(frame, vni);
        frame_ethernet(frame);
    }
    if (service != 0)
        frame_tag(frame, 0x88a8, (uint16_t)service);
    if (customer != 0)
        frame_vlan(frame, (uint16_t)customer);
    add_v4(frame);
}

static void networks_differ_by_what_settings_name(void **state)
{
    (void)state;
    static const struct {
        unsigned tags[4], others[4]; /* outside of the tunnel, its VNI, service and customer tag within */
        bool by_vlan, by_vni, both;  /* whether they are different networks */
    } ROWS[] = {
        {{0, 0, 0, 0}, {0, 0, 0, 0}, false, false, false}, {{0, 0, 0, 1}, {0, 0, 0, 2}, true, false, true},
        {{0, 0, 0, 0}, {0, 0, 0, 1}, true, false, true},   {{0, 0, 1, 2}, {0, 0, 1, 3}, true, false, true},
        {{0, 0, 1, 2}, {0, 0, 3, 2}, true, false, true},   {{0, 0, 1, 2}, {0, 0, 2, 1}, true, false, true},
        {{0, 7, 0, 0}, {0, 8, 0, 0}, false, true, true},   {{0, 7, 0, 1}, {0, 7, 0, 2}, true, false, true},
        {{0, 7, 0, 1}, {0, 8, 0, 1}, false, true, true},   {{0, 7, 0, 0}, {0, 0, 0, 0}, false, true, true},
        {{1, 7, 0, 0}, {2, 7, 0, 0}, false, false, false}, /* the mirror's own tag */
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        for (unsigned by = 0; by < 4; by++) {
            struct ss_packet_settings settings = {
                .vxlan_ports = {4789}, .vxlan_port_count = 1, .identity = {(by & 1) != 0, (by & 2) != 0}};
            bool differ[] = {false, ROWS[i].by_vlan, ROWS[i].by_vni, ROWS[i].both};
            struct ss_packet one, other;
            const unsigned *tags = ROWS[i].tags, *others = ROWS[i].others;
            tagged(&f, tags[0], tags[1], tags[2], tags[3]);
            assert_int_equal(decode_with(&settings, &one), SS_REFUSED_NOTHING);
            tagged(&f, others[0], others[1], others[2], others[3]);
            assert_int_equal(decode_with(&settings, &other), SS_REFUSED_NOTHING);
            uint32_t network = ss_packet_network(&one, &settings);
            assert_int_equal(network != ss_packet_network(&other, &settings), differ[by]);
            assert_true(by != 0 || network == 0);
        }
    }
}

static void a_frame_is_never_refused_for_its_checksums(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ss_frame frame = build(&ENCAPSULATIONS[i]);
        struct ss_packet packet;
        uint8_t *ip = f.bytes + 14, *tcp = ip + (i == 0 ? 20 : 40);
        for (unsigned value = 0; value < 256; value += 51) {
            if (i == 0)
                memset(ip + 10, (int)value, 2);
            memset(tcp + 16, (int)value, 2); /* partial, as a host's mirror shows it, or none */
            assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOTHING);
            assert_int_equal(packet.payload_bytes, 5);
        }
    }
}

static void a_fragment_of_what_carries_no_tcp_is_refused_as_such(void **state)
{
    (void)state;
    for (unsigned part = 0; part < 3; part++) {
        struct ss_packet packet;
        frame_start(&f, SS_LINK_ETHERNET);
        plain_v4(&f);
        f.bytes[20] = part == 2 ? 0 : 0x20; /* first, in between, last */
        f.bytes[21] = part == 0 ? 0 : 5;
        f.bytes[23] = 1; /* ICMP */
        struct ss_frame frame = frame_end(&f);
        assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOT_TCP);
    }
}

static void ipv4_options_are_skipped(void **state)
{
    (void)state;
    struct ss_packet packet;
    frame_start(&f, SS_LINK_ETHERNET);
    frame_ethernet(&f);
    frame_ip(&f, CLIENT, SERVER);
    frame_bytes(&f, "\x94\x04\x00\x00", 4); /* router alert */
    add_segment(&f);
    f.bytes[14] = 0x46;
    struct ss_frame frame = frame_end(&f);
    assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOTHING);
    assert_endpoints(&packet, false);
    assert_segment(&packet);
}

static void timestamps_are_found_among_the_options(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        size_t bytes;
        bool found;
    } ROWS[] = {
        {"\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02", 12, true},
        {"\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02\x01\x01", 12, true},
        {"\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02\x01\x03\x03\x07", 20, true},
        {"\xfd\x06\x01\x02\x03\x04\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02", 16,
         true},                                                          /* unknown before it */
        {"\x00\x00\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02", 12, false}, /* after the end */
        {"\x02\x00\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02", 12, false}, /* after a length of 0 */
        {"\x02\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02", 12, false}, /* and of 1 */
        {"\x08\x08\x00\x00\x00\x01\x00\x00", 8, false},                  /* of another length */
        {"\x01\x01\x08\x0a\x00\x00\x00\x01", 8, false},                  /* longer than the header */
        {"\x01\x01\x01\x08", 4, false},                                  /* without a length */
        {"", 0, false},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_packet packet;
        frame_start(&f, SS_LINK_ETHERNET);
        frame_ethernet(&f);
        frame_ip(&f, CLIENT, SERVER);
        frame_tcp(&f, (struct frame_tcp){.source_port = 1,
                                         .destination_port = 2,
                                         .flags = SS_TCP_SYN | 0xc0, /* and the ECN bits */
                                         .options = ROWS[i].options,
                                         .option_bytes = ROWS[i].bytes});
        struct ss_frame frame = frame_end(&f);
        assert_int_equal(decode_whole(&frame, &packet), SS_REFUSED_NOTHING);
        assert_int_equal(packet.flags, SS_TCP_SYN | 0xc0);
        assert_int_equal(packet.has_timestamps, ROWS[i].found);
        assert_int_equal(packet.ts_value, ROWS[i].found ? 1 : 0);
        assert_int_equal(packet.ts_echo, ROWS[i].found ? 2 : 0);
        assert_int_equal(packet.payload_bytes, 0);
    }
}

static void no_changed_byte_makes_the_decoder_read_beyond_the_frame(void **state)
{
    (void)state;
    static const uint8_t VALUES[] = {0x00, 0x01, 0x0f, 0x40, 0x45, 0x60, 0x7f, 0x80, 0xf0, 0xff};
    unsigned decoded = 0, refused = 0;
    for (size_t i = 0; i < COUNT_OF(ENCAPSULATIONS); i++) {
        struct ss_frame frame = build(&ENCAPSULATIONS[i]);
        for (size_t at = 0; at < frame.captured; at++) {
            uint8_t was = f.bytes[at];
            for (size_t v = 0; v < COUNT_OF(VALUES); v++) {
                struct ss_packet packet;
                f.bytes[at] = VALUES[v];
                if (decode_whole(&frame, &packet) == SS_REFUSED_NOTHING) {
                    assert_true(packet.payload_captured <= packet.payload_bytes);
                    decoded++;
                } else {
                    refused++;
                }
            }
            f.bytes[at] = was;
        }
    }
    assert_true(decoded > 0 && refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_innermost_segment_is_found_in_every_encapsulation),
        cmocka_unit_test(a_frame_cut_by_a_snap_length_decodes_while_its_headers_are_there),
        cmocka_unit_test(a_frame_cut_without_a_word_decodes_as_one_cut_by_a_snap_length),
        cmocka_unit_test(padding_is_no_payload),
        cmocka_unit_test(padding_that_ip_counts_is_no_payload_where_pppoe_knows_better),
        cmocka_unit_test(a_frame_that_ends_too_early_contradicts_the_lengths_in_it),
        cmocka_unit_test(without_a_total_length_the_rest_of_the_frame_is_the_packet),
        cmocka_unit_test(what_cannot_be_decoded_is_refused_with_its_reason),
        cmocka_unit_test(only_an_atomic_ipv6_fragment_is_a_packet),
        cmocka_unit_test(a_frame_may_nest_so_many_headers_and_no_more),
        cmocka_unit_test(another_link_layer_is_refused),
        cmocka_unit_test(udp_to_a_tunnel_s_other_port_is_a_tunnel_too),
        cmocka_unit_test(tunnels_are_known_by_the_ports_that_settings_name_and_no_others),
        cmocka_unit_test(networks_differ_by_what_settings_name),
        cmocka_unit_test(a_frame_is_never_refused_for_its_checksums),
        cmocka_unit_test(a_fragment_of_what_carries_no_tcp_is_refused_as_such),
        cmocka_unit_test(ipv4_options_are_skipped),
        cmocka_unit_test(timestamps_are_found_among_the_options),
        cmocka_unit_test(no_changed_byte_makes_the_decoder_read_beyond_the_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
