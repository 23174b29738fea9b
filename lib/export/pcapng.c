// SPDX-License-Identifier: BSD-3-Clause

/* Writes draft-ietf-opsawg-pcapng in the byte order of the machine; section and block numbers are the
 * draft's. */

#include "export/pcapng.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SECTION   0x0a0d0d0au /* section 4.1 */
#define BLOCK_INTERFACE 0x00000001u /* section 4.2 */
#define BLOCK_PACKET    0x00000006u /* section 4.3 */
#define BLOCK_BYTES     12          /* type and both lengths */
#define SECTION_BYTES   16
#define INTERFACE_BYTES 8
#define PACKET_BYTES    20

#define OPTION_END       0
#define OPTION_COMMENT   1 /* section 3.5 */
#define OPTION_NAME      2 /* if_name */
#define OPTION_USERAPPL  4 /* shb_userappl */
#define OPTION_TSRESOL   9 /* if_tsresol */
#define OPTION_BYTES     4
#define OPTION_VALUE_MAX 65535

static size_t padded(size_t bytes)
{
    return (bytes + 3) & ~(size_t)3;
}

static void flush(struct ss_pcapng *writer)
{
    size_t done = 0;

    while (writer->error == 0 && done < writer->used) {
        ssize_t n = write(writer->fd, writer->buffer + done, writer->used - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            writer->error = -EIO;
        else if (errno != EINTR)
            writer->error = -errno;
    }
    writer->bytes += done;
    writer->used = 0;
}

static void put(struct ss_pcapng *writer, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;

    while (count > 0 && writer->error == 0) {
        size_t room = sizeof(writer->buffer) - writer->used;
        size_t n = count < room ? count : room;
        memcpy(writer->buffer + writer->used, at, n);
        writer->used += n;
        at += n;
        count -= n;
        if (writer->used == sizeof(writer->buffer))
            flush(writer);
    }
}

static void put_u16(struct ss_pcapng *writer, size_t value)
{
    uint16_t narrow = (uint16_t)value;
    put(writer, &narrow, sizeof(narrow));
}

static void put_u32(struct ss_pcapng *writer, size_t value)
{
    uint32_t narrow = (uint32_t)value;
    put(writer, &narrow, sizeof(narrow));
}

static void put_padded(struct ss_pcapng *writer, const void *bytes, size_t count)
{
    static const unsigned char zeros[4];
    put(writer, bytes, count);
    put(writer, zeros, padded(count) - count);
}

/* What of a text fits into an option, cut between characters (RFC 3629: 10xxxxxx continues one). */
static size_t option_length(const char *text)
{
    size_t length = strlen(text);

    if (length <= OPTION_VALUE_MAX)
        return length;
    length = OPTION_VALUE_MAX;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static size_t option_bytes(const char *text)
{
    return OPTION_BYTES + padded(option_length(text));
}

static void put_option(struct ss_pcapng *writer, unsigned code, const void *value, size_t length)
{
    put_u16(writer, code);
    put_u16(writer, length);
    put_padded(writer, value, length);
}

static void put_text(struct ss_pcapng *writer, unsigned code, const char *text)
{
    put_option(writer, code, text, option_length(text));
}

static unsigned link_type(uint8_t link)
{
    /* LINKTYPE_ values of www.tcpdump.org/linktypes.html; USER0 stands for what slowshake does not read. */
    switch (link) {
    case SS_LINK_ETHERNET:
        return 1;
    case SS_LINK_RAW_IP:
        return 101;
    case SS_LINK_NULL:
        return 0;
    case SS_LINK_SLL:
        return 113;
    case SS_LINK_SLL2:
        return 276;
    default:
        return 147;
    }
}

static void put_section(struct ss_pcapng *writer, const char *comment)
{
    static const char program[] = "slowshake";
    static const int64_t unknown_length = -1;
    size_t bytes = BLOCK_BYTES + SECTION_BYTES + option_bytes(program) + OPTION_BYTES;

    if (comment != NULL)
        bytes += option_bytes(comment);
    put_u32(writer, BLOCK_SECTION);
    put_u32(writer, bytes);
    put_u32(writer, 0x1a2b3c4d); /* tells the byte order */
    put_u16(writer, 1);          /* version 1.0 */
    put_u16(writer, 0);
    put(writer, &unknown_length, sizeof(unknown_length));
    if (comment != NULL)
        put_text(writer, OPTION_COMMENT, comment);
    put_text(writer, OPTION_USERAPPL, program);
    put_option(writer, OPTION_END, NULL, 0);
    put_u32(writer, bytes);
}

static void put_interface(struct ss_pcapng *writer, const struct ss_pcapng_interface *interface)
{
    static const uint8_t nanoseconds = 9; /* 10 to the minus 9 */
    size_t bytes = BLOCK_BYTES + INTERFACE_BYTES + option_bytes(interface->name) + OPTION_BYTES +
                   padded(sizeof(nanoseconds)) + OPTION_BYTES;

    put_u32(writer, BLOCK_INTERFACE);
    put_u32(writer, bytes);
    put_u16(writer, link_type(interface->link));
    put_u16(writer, 0);
    put_u32(writer, interface->snaplen);
    put_text(writer, OPTION_NAME, interface->name);
    put_option(writer, OPTION_TSRESOL, &nanoseconds, sizeof(nanoseconds));
    put_option(writer, OPTION_END, NULL, 0);
    put_u32(writer, bytes);
}

void ss_pcapng_begin(struct ss_pcapng *writer, int fd, const char *comment,
                     const struct ss_pcapng_interface *interfaces, unsigned interface_count)
{
    writer->fd = fd;
    writer->error = 0;
    writer->used = 0;
    writer->bytes = 0;
    put_section(writer, comment);
    for (unsigned i = 0; i < interface_count; i++)
        put_interface(writer, &interfaces[i]);
}

void ss_pcapng_packet(struct ss_pcapng *writer, const struct ss_frame *frame, const char *const *comments,
                      unsigned count)
{
    uint64_t time_ns = (uint64_t)frame->time_ns;
    size_t bytes = BLOCK_BYTES + PACKET_BYTES + padded(frame->captured);

    for (unsigned i = 0; i < count; i++)
        bytes += option_bytes(comments[i]);
    if (count > 0)
        bytes += OPTION_BYTES;
    put_u32(writer, BLOCK_PACKET);
    put_u32(writer, bytes);
    put_u32(writer, frame->port);
    put_u32(writer, time_ns >> 32);
    put_u32(writer, time_ns & UINT32_MAX);
    put_u32(writer, frame->captured);
    put_u32(writer, frame->wire);
    put_padded(writer, frame->data, frame->captured);
    for (unsigned i = 0; i < count; i++)
        put_text(writer, OPTION_COMMENT, comments[i]);
    if (count > 0)
        put_option(writer, OPTION_END, NULL, 0);
    put_u32(writer, bytes);
}

int ss_pcapng_finish(struct ss_pcapng *writer)
{
    flush(writer);
    return writer->error;
}
