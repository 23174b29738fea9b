// SPDX-License-Identifier: BSD-3-Clause
/* pcapng (draft-ietf-opsawg-pcapng): blocks of type, length, body, and the length once more. */
#include "capture/reader.h"

#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define BLOCK_BYTES      12 /* of a block without body */
#define SECTION_BYTES    28 /* of a section header without options */

enum {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2, /* obsolete */
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_ENHANCED_PACKET = 6,
    BLOCK_SECTION = 0x0a0d0d0a, /* the same in either byte order */
};

enum { OPTION_END = 0, OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };

/* A body's bytes that are not read yet. */
struct body {
    const uint8_t *at;
    size_t left;
};

struct option {
    uint16_t code;
    uint16_t length;
    const uint8_t *value;
};

static bool fail(struct ss_capture *capture, const char *why)
{
    capture->error = why;
    return false;
}

/* Code, length, and the value padded to 32 bits. False after the last one; an error is set when one is longer
 * than its block. */
static bool next_option(struct ss_capture *capture, struct body *options, struct option *ret_option)
{
    if (options->left < 4)
        return false;
    struct option option = {.code = ss_capture_u16(capture, options->at),
                            .length = ss_capture_u16(capture, options->at + 2),
                            .value = options->at + 4};
    size_t padded = 4 + ((size_t)option.length + 3) / 4 * 4;
    if (option.code == OPTION_END)
        return false;
    if (padded > options->left)
        return fail(capture, "an option is longer than the pcapng block it is in");
    options->at += padded;
    options->left -= padded;
    *ret_option = option;
    return true;
}

bool ss_pcapng_is(const uint8_t magic[4])
{
    static const uint8_t MAGIC[4] = {0x0a, 0x0d, 0x0d, 0x0a};
    return memcmp(magic, MAGIC, sizeof(MAGIC)) == 0;
}

/* The byte order of a section stands behind its length, and is needed to read that. */
static bool read_byte_order(struct ss_capture *capture, const uint8_t *block)
{
    uint32_t magic;
    memcpy(&magic, block + 8, sizeof(magic));
    if (magic != BYTE_ORDER_MAGIC && __builtin_bswap32(magic) != BYTE_ORDER_MAGIC)
        return fail(capture, "a pcapng section has no byte order mark");
    capture->swapped = magic != BYTE_ORDER_MAGIC;
    return true;
}

/* byte order, major 16, minor 16, section length 64, options */
static bool read_section(struct ss_capture *capture, const struct body *body)
{
    if (body->left < SECTION_BYTES - BLOCK_BYTES)
        return fail(capture, "a pcapng section header is too short");
    uint16_t major = ss_capture_u16(capture, body->at + 4), minor = ss_capture_u16(capture, body->at + 6);
    if (major != 1 || (minor != 0 && minor != 2)) /* 1.2 was written by mistake and means 1.0 */
        return fail(capture, "its pcapng version is none that is known (1.0)");
    struct body options = {body->at + 16, body->left - 16};
    struct option option;
    while (next_option(capture, &options, &option))
        continue;
    capture->section_first = capture->interface_count;
    return capture->error == NULL;
}

static uint64_t power_of_ten(unsigned exponent)
{
    uint64_t power = 1;
    for (; exponent > 0; exponent--)
        power *= 10;
    return power;
}

/* link type 16, reserved 16, snap length 32, options */
static bool read_interface(struct ss_capture *capture, const struct body *body)
{
    if (body->left < 8)
        return fail(capture, "a pcapng interface description is too short");
    struct ss_interface interface = {.link = ss_capture_link(ss_capture_u16(capture, body->at)),
                                     .snap_bytes = ss_capture_u32(capture, body->at + 4),
                                     .exponent = 6};
    struct body options = {body->at + 8, body->left - 8};
    struct option option;
    while (next_option(capture, &options, &option)) {
        if (option.code == OPTION_TSRESOL && option.length == 1) {
            interface.binary = (option.value[0] & 0x80) != 0;
            interface.exponent = option.value[0] & 0x7f;
        } else if (option.code == OPTION_TSOFFSET && option.length == 8) {
            uint64_t offset;
            memcpy(&offset, option.value, sizeof(offset));
            interface.offset_s = (int64_t)(capture->swapped ? __builtin_bswap64(offset) : offset);
        }
    }
    if (capture->error != NULL)
        return false;
    if (interface.exponent > (interface.binary ? 63 : 19))
        return fail(capture, "an interface's clock is finer than 64 bits can count");
    if (!interface.binary && interface.exponent <= 9)
        interface.ns_per_tick = power_of_ten(9 - interface.exponent);
    return ss_capture_add_interface(capture, &interface);
}

/* Nanoseconds of a clock that does not count in whole ones, rounded down; false beyond 64 bits. */
static bool scale(const struct ss_interface *interface, uint64_t ticks, uint64_t *ret_ns)
{
    uint64_t seconds, ns;
    if (interface->binary) {
        seconds = ticks >> interface->exponent;
        uint64_t rest = ticks - (seconds << interface->exponent);
        ns = (uint64_t)((unsigned __int128)rest * 1000000000 >> interface->exponent);
    } else {
        seconds = 0;
        ns = ticks / power_of_ten(interface->exponent - 9);
    }
    return !__builtin_mul_overflow(seconds, UINT64_C(1000000000), &seconds) &&
           !__builtin_add_overflow(seconds, ns, ret_ns);
}

/* What no int64_t of nanoseconds holds becomes its largest value. */
static int64_t time_of(const struct ss_interface *interface, uint64_t ticks)
{
    uint64_t ns;
    int64_t offset_ns, total;
    bool fits = interface->ns_per_tick != 0 ? !__builtin_mul_overflow(ticks, interface->ns_per_tick, &ns)
                                            : scale(interface, ticks, &ns);
    if (!fits || ns > INT64_MAX ||
        __builtin_mul_overflow(interface->offset_s, INT64_C(1000000000), &offset_ns) ||
        __builtin_add_overflow((int64_t)ns, offset_ns, &total))
        return INT64_MAX;
    return total;
}

/* The body of a packet block after its fixed fields; false and an error where the two disagree. */
static bool make_frame(struct ss_capture *capture, uint32_t interface_id, uint32_t captured, uint32_t wire,
                       struct body data, struct ss_frame *ret_frame)
{
    uint32_t interface = capture->section_first + interface_id;
    if (interface_id >= capture->interface_count - capture->section_first)
        return fail(capture, "a packet names an interface that the pcapng file did not describe");
    uint32_t max = capture->interfaces[interface].snap_bytes;
    if (captured > (max > SS_CAPTURE_PACKET_MAX ? max : SS_CAPTURE_PACKET_MAX))
        return fail(capture, "a packet is larger than any capture has them: the file is damaged");
    if (captured > data.left)
        return fail(capture, "a packet is longer than the pcapng block it is in");
    *ret_frame = (struct ss_frame){
        .data = data.at,
        .captured = captured,
        .wire = wire > captured ? wire : captured,
        .time_ns = capture->time_ns,
        .port = (uint16_t)interface,
        .link = capture->interfaces[interface].link,
    };
    return true;
}

/* interface 32, time 64 as two halves, captured 32, wire 32, data, options. The obsolete packet block has
 * interface 16 and drops 16 in the first word. */
static bool read_packet(struct ss_capture *capture, uint32_t type, const struct body *body,
                        struct ss_frame *ret_frame)
{
    if (body->left < 20)
        return fail(capture, "a pcapng packet block is too short");
    const uint8_t *at = body->at;
    uint32_t interface = type == BLOCK_PACKET ? ss_capture_u16(capture, at) : ss_capture_u32(capture, at);
    uint64_t ticks = (uint64_t)ss_capture_u32(capture, at + 4) << 32 | ss_capture_u32(capture, at + 8);
    if (interface < capture->interface_count - capture->section_first)
        capture->time_ns = time_of(&capture->interfaces[capture->section_first + interface], ticks);
    return make_frame(capture, interface, ss_capture_u32(capture, at + 12), ss_capture_u32(capture, at + 16),
                      (struct body){at + 20, body->left - 20}, ret_frame);
}

/* wire 32, data: on the section's first interface, at no time, captured as far as its snap length lets it. */
static bool read_simple_packet(struct ss_capture *capture, const struct body *body,
                               struct ss_frame *ret_frame)
{
    if (body->left < 4)
        return fail(capture, "a pcapng packet block is too short");
    uint32_t wire = ss_capture_u32(capture, body->at), captured = wire;
    if (capture->interface_count > capture->section_first) {
        uint32_t snap_bytes = capture->interfaces[capture->section_first].snap_bytes;
        if (snap_bytes != 0 && captured > snap_bytes)
            captured = snap_bytes;
    }
    return make_frame(capture, 0, captured, wire, (struct body){body->at + 4, body->left - 4}, ret_frame);
}

/* Brings the whole next block into the window. SS_CAPTURE_FRAME: it is there. */
static enum ss_capture_result next_block(struct ss_capture *capture, uint32_t *ret_type,
                                         struct body *ret_body)
{
    if (!ss_capture_has(capture, BLOCK_BYTES))
        return ss_capture_finish(capture);
    const uint8_t *block = ss_capture_at(capture);
    uint32_t type = ss_capture_u32(capture, block);
    if (type == BLOCK_SECTION && !read_byte_order(capture, block))
        return ss_capture_bad(capture, capture->error);
    uint32_t bytes = ss_capture_u32(capture, block + 4);
    if (bytes < BLOCK_BYTES || bytes % 4 != 0 || bytes > SS_CAPTURE_BLOCK_MAX)
        return ss_capture_bad(capture, "what follows is no pcapng block: its length cannot be");
    if (!ss_capture_has(capture, bytes))
        return ss_capture_cut(capture);
    block = ss_capture_at(capture);
    if (ss_capture_u32(capture, block + bytes - 4) != bytes)
        return ss_capture_bad(capture, "a pcapng block's two lengths differ: the file is damaged");
    *ret_type = type;
    *ret_body = (struct body){block + 8, bytes - BLOCK_BYTES};
    capture->start += bytes;
    return SS_CAPTURE_FRAME;
}

bool ss_pcapng_open(struct ss_capture *capture)
{
    uint32_t type;
    struct body body;
    enum ss_capture_result result = next_block(capture, &type, &body);
    if (result == SS_CAPTURE_CUT && capture->error != NULL)
        capture->error = "it ends inside pcapng's section header";
    capture->pcapng = true;
    return result == SS_CAPTURE_FRAME && read_section(capture, &body);
}

bool ss_pcapng_is_at_hand(const struct ss_capture *capture)
{
    size_t left = capture->end - capture->start;

    if (left < BLOCK_BYTES)
        return false;
    uint32_t type = ss_capture_u32(capture, ss_capture_at(capture));
    return (type == BLOCK_ENHANCED_PACKET || type == BLOCK_PACKET || type == BLOCK_SIMPLE_PACKET) &&
           ss_capture_u32(capture, ss_capture_at(capture) + 4) <= left;
}

enum ss_capture_result ss_pcapng_next(struct ss_capture *capture, struct ss_frame *ret_frame)
{
    for (;;) {
        uint32_t type;
        struct body body;
        bool ok = true, packet = false;
        enum ss_capture_result result = next_block(capture, &type, &body);
        if (result != SS_CAPTURE_FRAME)
            return result;
        switch (type) {
        case BLOCK_SECTION:
            ok = read_section(capture, &body);
            break;
        case BLOCK_INTERFACE:
            ok = read_interface(capture, &body);
            break;
        case BLOCK_ENHANCED_PACKET:
        case BLOCK_PACKET:
            ok = packet = read_packet(capture, type, &body, ret_frame);
            break;
        case BLOCK_SIMPLE_PACKET:
            ok = packet = read_simple_packet(capture, &body, ret_frame);
            break;
        default: /* names, statistics, secrets, comments, anybody's own */
            break;
        }
        if (!ok)
            return ss_capture_bad(capture, capture->error);
        if (packet)
            return SS_CAPTURE_FRAME;
    }
}
