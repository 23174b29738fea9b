// SPDX-License-Identifier: BSD-3-Clause
#include "support/frames.h"

#include <assert.h>
#include <string.h>

static uint8_t *append(struct frame *frame, const void *bytes, size_t length)
{
    assert(frame->length + length <= sizeof(frame->bytes));
    uint8_t *at = frame->bytes + frame->length;
    if (length > 0)
        memcpy(at, bytes, length);
    frame->length += length;
    return at;
}

static void put8(struct frame *frame, unsigned value)
{
    append(frame, &(uint8_t){(uint8_t)value}, 1);
}

static void put16(struct frame *frame, unsigned value)
{
    put8(frame, value >> 8);
    put8(frame, value & 0xff);
}

static void put32(struct frame *frame, uint32_t value)
{
    put16(frame, value >> 16);
    put16(frame, value & 0xffff);
}

static void put_zeros(struct frame *frame, size_t count)
{
    for (; count > 0; count--)
        put8(frame, 0);
}

static void set16(struct frame *frame, size_t at, unsigned value)
{
    frame->bytes[at] = (uint8_t)(value >> 8);
    frame->bytes[at + 1] = (uint8_t)value;
}

/* Tells the header before what comes now, in the numbers that it uses. */
static void name(struct frame *frame, unsigned ethertype, unsigned protocol, unsigned ppp)
{
    if (frame->next_kind == FRAME_NEXT_ETHERTYPE)
        set16(frame, frame->next_at, ethertype);
    else if (frame->next_kind == FRAME_NEXT_PROTOCOL)
        frame->bytes[frame->next_at] = (uint8_t)protocol;
    else if (frame->next_kind == FRAME_NEXT_PPP)
        set16(frame, frame->next_at, ppp);
    frame->next_kind = FRAME_NEXT_NONE;
}

static void put_ethertype(struct frame *frame)
{
    frame->next_at = frame->length;
    frame->next_kind = FRAME_NEXT_ETHERTYPE;
    put16(frame, 0);
}

static void put_protocol(struct frame *frame)
{
    frame->next_at = frame->length;
    frame->next_kind = FRAME_NEXT_PROTOCOL;
    put8(frame, 0);
}

/* A length of 16 bits here, which counts what comes `skip` bytes after this place on. */
static void put_length(struct frame *frame, ptrdiff_t skip)
{
    assert(frame->length_count < FRAME_HEADERS_MAX);
    frame->lengths[frame->length_count].at = frame->length;
    frame->lengths[frame->length_count].from = (size_t)((ptrdiff_t)frame->length + skip);
    frame->length_count++;
    put16(frame, 0);
}

void frame_start(struct frame *frame, enum ss_link link)
{
    memset(frame, 0, sizeof(*frame));
    frame->link = (uint8_t)link;
}

struct ss_frame frame_end(struct frame *frame)
{
    for (size_t i = 0; i < frame->length_count; i++)
        set16(frame, frame->lengths[i].at, (unsigned)(frame->length - frame->lengths[i].from));
    return (struct ss_frame){.data = frame->bytes,
                             .captured = (uint32_t)frame->length,
                             .wire = (uint32_t)frame->length,
                             .link = frame->link};
}

void frame_ethernet(struct frame *frame)
{
    static const uint8_t ADDRESSES[12] = {0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1};
    name(frame, 0x6558, 143, 0);
    append(frame, ADDRESSES, sizeof(ADDRESSES));
    put_ethertype(frame);
}

void frame_sll(struct frame *frame)
{
    put16(frame, 0); /* sent to us */
    put16(frame, 1); /* ARPHRD_ETHER */
    put16(frame, 6);
    put_zeros(frame, 8);
    put_ethertype(frame);
}

void frame_sll2(struct frame *frame)
{
    put_ethertype(frame);
    put16(frame, 0);
    put32(frame, 3); /* interface */
    put16(frame, 1);
    put8(frame, 0);
    put8(frame, 6);
    put_zeros(frame, 8);
}

void frame_null(struct frame *frame, uint32_t family)
{
    put32(frame, family);
}

void frame_null_swapped(struct frame *frame, uint32_t family)
{
    put32(frame, __builtin_bswap32(family));
}

void frame_tag(struct frame *frame, uint16_t ethertype, uint16_t id)
{
    name(frame, ethertype, 0, 0);
    put16(frame, 0xe000u | id); /* priority 7, which is no part of the identifier */
    put_ethertype(frame);
}

void frame_vlan(struct frame *frame, uint16_t id)
{
    frame_tag(frame, 0x8100, id);
}

void frame_mpls(struct frame *frame, uint32_t label, bool bottom)
{
    name(frame, 0x8847, 137, 0x0281);
    put32(frame, label << 12 | (bottom ? 0x100u : 0) | 64);
}

void frame_control_word(struct frame *frame)
{
    put32(frame, 0);
}

void frame_pppoe(struct frame *frame, uint16_t session)
{
    name(frame, 0x8864, 0, 0);
    put16(frame, 0x1100);
    put16(frame, session);
    put_length(frame, 2);
    frame->next_at = frame->length;
    frame->next_kind = FRAME_NEXT_PPP;
    put16(frame, 0);
}

static struct ss_ip address(const char *text)
{
    struct ss_ip ip;
    bool parsed = ss_ip_parse(text, strlen(text), &ip);
    assert(parsed);
    (void)parsed;
    return ip;
}

static void put_ipv4(struct frame *frame, const struct ss_ip *source, const struct ss_ip *destination)
{
    name(frame, 0x0800, 4, 0x0021);
    put16(frame, 0x4500);
    put_length(frame, -2);
    put16(frame, 0x1234);
    put16(frame, 0x4000); /* don't fragment */
    put8(frame, 64);
    put_protocol(frame);
    put16(frame, 0);
    append(frame, source->bytes + 12, 4);
    append(frame, destination->bytes + 12, 4);
}

static void put_ipv6(struct frame *frame, const struct ss_ip *source, const struct ss_ip *destination)
{
    name(frame, 0x86dd, 41, 0x0057);
    put32(frame, 0x60000000);
    put_length(frame, 36);
    put_protocol(frame);
    put8(frame, 64);
    append(frame, source->bytes, 16);
    append(frame, destination->bytes, 16);
}

void frame_ip(struct frame *frame, const char *source, const char *destination)
{
    struct ss_ip from = address(source), to = address(destination);
    if (ss_ip_is_v4(&from))
        put_ipv4(frame, &from, &to);
    else
        put_ipv6(frame, &from, &to);
}

void frame_extension(struct frame *frame, uint8_t kind, uint8_t more)
{
    name(frame, 0, kind, 0);
    put_protocol(frame);
    put8(frame, more);
    put_zeros(frame, 6 + more * 8u);
}

void frame_authentication(struct frame *frame, uint8_t check_bytes)
{
    name(frame, 0, 51, 0);
    put_protocol(frame);
    put8(frame, 1u + check_bytes / 4u);
    put_zeros(frame, 10u + check_bytes);
}

void frame_fragment(struct frame *frame, uint16_t offset, bool more)
{
    name(frame, 0, 44, 0);
    put_protocol(frame);
    put8(frame, 0);
    put16(frame, offset | (unsigned)more);
    put32(frame, 0x1234);
}

void frame_gre(struct frame *frame, uint16_t flags, uint32_t key)
{
    name(frame, 0, 47, 0);
    put16(frame, flags);
    put_ethertype(frame);
    if ((flags & 0x8000) != 0)
        put32(frame, 0);
    if ((flags & 0x2000) != 0)
        put32(frame, key);
    if ((flags & 0x1000) != 0)
        put32(frame, 1);
}

void frame_erspan_1(struct frame *frame)
{
    frame_gre(frame, 0, 0);
    name(frame, 0x88be, 0, 0);
}

void frame_erspan_2(struct frame *frame, uint16_t session)
{
    frame_gre(frame, 0x1000, 0);
    name(frame, 0x88be, 0, 0);
    put16(frame, 0x1000);
    put16(frame, 0xf800u | session);
    put32(frame, 0);
}

void frame_erspan_3(struct frame *frame, uint16_t session, bool subheader)
{
    frame_gre(frame, 0x1000, 0);
    name(frame, 0x22eb, 0, 0);
    put16(frame, 0x2000);
    put16(frame, 0xf800u | session);
    put32(frame, 0);
    put16(frame, 0);
    put16(frame, subheader);
    put_zeros(frame, subheader ? 8 : 0);
}

void frame_udp(struct frame *frame, uint16_t source_port, uint16_t destination_port)
{
    name(frame, 0, 17, 0);
    put16(frame, source_port);
    put16(frame, destination_port);
    put_length(frame, -4);
    put16(frame, 0);
}

void frame_vxlan(struct frame *frame, uint32_t vni)
{
    frame_udp(frame, 40000, 4789);
    put32(frame, 0x08000000);
    put32(frame, vni << 8);
}

void frame_geneve(struct frame *frame, uint32_t vni, size_t option_bytes)
{
    frame_udp(frame, 40000, 6081);
    put16(frame, (unsigned)(option_bytes / 4) << 8);
    put_ethertype(frame);
    put32(frame, vni << 8);
    put_zeros(frame, option_bytes);
}

void frame_gtp(struct frame *frame, uint32_t teid, bool sequence, bool extension)
{
    frame_udp(frame, 2152, 2152);
    put8(frame, 0x30u | (extension ? 4u : 0) | (sequence ? 2u : 0));
    put8(frame, 0xff);
    put_length(frame, 6);
    put32(frame, teid);
    if (sequence || extension)
        put32(frame, extension ? 0x00010085 : 0x00010000); /* 0x85: PDU session container */
    if (extension)
        put32(frame, 0x01100900); /* 4 bytes, and no other extension after it */
}

void frame_tcp(struct frame *frame, struct frame_tcp tcp)
{
    size_t padding = (4 - tcp.option_bytes % 4) % 4;
    name(frame, 0, 6, 0);
    put16(frame, tcp.source_port);
    put16(frame, tcp.destination_port);
    put32(frame, tcp.seq);
    put32(frame, tcp.ack);
    put8(frame, (unsigned)(20 + tcp.option_bytes + padding) / 4 << 4);
    put8(frame, tcp.flags);
    put16(frame, tcp.window);
    put16(frame, tcp.checksum);
    put16(frame, 0);
    append(frame, tcp.options, tcp.option_bytes);
    put_zeros(frame, padding);
}

void frame_bytes(struct frame *frame, const void *bytes, size_t length)
{
    append(frame, bytes, length);
}

void frame_text(struct frame *frame, const char *text)
{
    append(frame, text, strlen(text));
}
