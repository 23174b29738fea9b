// SPDX-License-Identifier: BSD-3-Clause
/* pcap (draft-ietf-opsawg-pcap). */
#include "capture/reader.h"

#define MAGIC_MICROSECONDS 0xa1b2c3d4
#define MAGIC_NANOSECONDS  0xa1b23c4d
#define FILE_HEADER_BYTES  24
#define HEADER_BYTES       16

/* Of the link type field: the type, how long frame check sequences are, and bits that must be zero. */
#define LINK_TYPE     0x0000ffff
#define LINK_RESERVED 0x03ff0000

/* Sets the file's byte order when it is one. */
static bool read_magic(const uint8_t bytes[4], bool *ret_swapped, bool *ret_nanoseconds)
{
    uint32_t native, swapped;
    memcpy(&native, bytes, sizeof(native));
    swapped = __builtin_bswap32(native);
    bool is_native = native == MAGIC_MICROSECONDS || native == MAGIC_NANOSECONDS;
    if (!is_native && swapped != MAGIC_MICROSECONDS && swapped != MAGIC_NANOSECONDS)
        return false;
    *ret_swapped = !is_native;
    *ret_nanoseconds = (is_native ? native : swapped) == MAGIC_NANOSECONDS;
    return true;
}

bool ss_pcap_is(const uint8_t magic[4])
{
    bool swapped, nanoseconds;
    return read_magic(magic, &swapped, &nanoseconds);
}

/* magic, major 16, minor 16, reserved 32, reserved 32, snap length, link type */
bool ss_pcap_open(struct ss_capture *capture)
{
    if (!ss_capture_has(capture, FILE_HEADER_BYTES)) {
        if (capture->error == NULL)
            capture->error = "it ends inside pcap's file header";
        return false;
    }
    const uint8_t *header = ss_capture_at(capture);
    read_magic(header, &capture->swapped, &capture->nanoseconds);
    uint32_t snap_bytes = ss_capture_u32(capture, header + 16);
    uint32_t link = ss_capture_u32(capture, header + 20);
    capture->minor = ss_capture_u16(capture, header + 6);
    if (ss_capture_u16(capture, header + 4) != 2 || capture->minor > 4) {
        capture->error = "its pcap version is none that is known (2.0 to 2.4)";
        return false;
    }
    if ((link & LINK_RESERVED) != 0) {
        capture->error = "bits of pcap's link type that must be zero are not";
        return false;
    }
    capture->packet_max = SS_CAPTURE_PACKET_MAX;
    if (snap_bytes > capture->packet_max)
        capture->packet_max = snap_bytes < SS_CAPTURE_BLOCK_MAX ? snap_bytes : SS_CAPTURE_BLOCK_MAX;
    capture->start += FILE_HEADER_BYTES;
    return ss_capture_add_interface(capture,
                                    &(struct ss_interface){.link = ss_capture_link(link & LINK_TYPE)});
}

bool ss_pcap_is_at_hand(const struct ss_capture *capture)
{
    size_t left = capture->end - capture->start;
    const uint8_t *header = ss_capture_at(capture);

    if (left < HEADER_BYTES)
        return false;
    uint32_t captured = ss_capture_u32(capture, header + 8), wire = ss_capture_u32(capture, header + 12);
    if (capture->minor <= 3 && wire > captured)
        captured = wire; /* whichever of the two it turns out to be */
    return left - HEADER_BYTES >= captured;
}

/* Seconds, then the fraction, captured, wire. Writers before version 2.3 had the two lengths the other way
 * round, and some that claim 2.3 as well. */
enum ss_capture_result ss_pcap_next(struct ss_capture *capture, struct ss_frame *ret_frame)
{
    if (!ss_capture_has(capture, HEADER_BYTES))
        return ss_capture_finish(capture);
    const uint8_t *header = ss_capture_at(capture);
    uint32_t seconds = ss_capture_u32(capture, header), fraction = ss_capture_u32(capture, header + 4);
    uint32_t captured = ss_capture_u32(capture, header + 8), wire = ss_capture_u32(capture, header + 12);
    if (capture->minor < 3 || (capture->minor == 3 && captured > wire)) {
        uint32_t first = captured;
        captured = wire;
        wire = first;
    }
    if (captured > capture->packet_max)
        return ss_capture_bad(capture, "a packet is larger than any capture has them: the file is damaged");
    if (!ss_capture_has(capture, HEADER_BYTES + (size_t)captured))
        return ss_capture_cut(capture);

    *ret_frame = (struct ss_frame){
        .data = ss_capture_at(capture) + HEADER_BYTES,
        .captured = captured,
        .wire = wire > captured ? wire : captured,
        .time_ns = (int64_t)seconds * 1000000000 + (int64_t)fraction * (capture->nanoseconds ? 1 : 1000),
        .link = capture->interfaces[0].link,
    };
    capture->start += HEADER_BYTES + (size_t)captured;
    return SS_CAPTURE_FRAME;
}
