// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/capture.h"
#include "capture/course.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A capture file in the making. */
struct file {
    uint8_t bytes[8192];
    size_t length;
    bool swapped; /* written by a machine of the other byte order */
    size_t block; /* where the current pcapng block started */
};

static void put(struct file *file, const void *bytes, size_t length)
{
    assert_true(file->length + length <= sizeof(file->bytes));
    if (length > 0)
        memcpy(file->bytes + file->length, bytes, length);
    file->length += length;
}

static void put16(struct file *file, uint16_t value)
{
    value = file->swapped ? __builtin_bswap16(value) : value;
    put(file, &value, sizeof(value));
}

static void put32(struct file *file, uint32_t value)
{
    value = file->swapped ? __builtin_bswap32(value) : value;
    put(file, &value, sizeof(value));
}

static void put64(struct file *file, uint64_t value)
{
    value = file->swapped ? __builtin_bswap64(value) : value;
    put(file, &value, sizeof(value));
}

static void pcap_header(struct file *file, uint32_t magic, uint16_t minor, uint32_t link)
{
    put32(file, magic);
    put16(file, 2);
    put16(file, minor);
    put32(file, 0);
    put32(file, 0);
    put32(file, 65535);
    put32(file, link);
}

static void pcap_packet(struct file *file, uint32_t seconds, uint32_t fraction, const char *data,
                        uint32_t wire)
{
    put32(file, seconds);
    put32(file, fraction);
    put32(file, (uint32_t)strlen(data));
    put32(file, wire);
    put(file, data, strlen(data));
}

static void block_start(struct file *file, uint32_t type)
{
    file->block = file->length;
    put32(file, type);
    put32(file, 0);
}

static void block_end(struct file *file)
{
    while ((file->length - file->block) % 4 != 0)
        put(file, "", 1);
    uint32_t bytes = (uint32_t)(file->length - file->block) + 4;
    put32(file, bytes);
    memcpy(file->bytes + file->block + 4, file->bytes + file->length - 4, 4);
}

static void option(struct file *file, uint16_t code, const void *value, uint16_t length)
{
    put16(file, code);
    put16(file, length);
    put(file, value, length);
    put(file, "\0\0\0", (4 - length % 4u) % 4);
}

static void section(struct file *file)
{
    block_start(file, 0x0a0d0d0a);
    put32(file, 0x1a2b3c4d);
    put16(file, 1);
    put16(file, 0);
    put64(file, UINT64_MAX);
    option(file, 1, "a comment", 9);
    option(file, 0, "", 0);
    block_end(file);
}

/* resolution: as in if_tsresol, or -1 to leave it out. */
static void interface(struct file *file, uint16_t link, uint32_t snap, int resolution, int64_t offset)
{
    block_start(file, 1);
    put16(file, link);
    put16(file, 0);
    put32(file, snap);
    option(file, 2, "mirror0", 7);
    if (resolution >= 0)
        option(file, 9, &(uint8_t){(uint8_t)resolution}, 1);
    if (offset != 0) {
        put16(file, 14);
        put16(file, 8);
        put64(file, (uint64_t)offset);
    }
    block_end(file);
}

static void enhanced(struct file *file, uint32_t interface_id, uint64_t ticks, const char *data,
                     uint32_t wire)
{
    block_start(file, 6);
    put32(file, interface_id);
    put32(file, (uint32_t)(ticks >> 32));
    put32(file, (uint32_t)ticks);
    put32(file, (uint32_t)strlen(data));
    put32(file, wire);
    put(file, data, strlen(data));
    put(file, "\0\0\0", (4 - strlen(data) % 4) % 4);
    option(file, 1, "a packet comment", 16);
    block_end(file);
}

static void simple(struct file *file, const char *data, uint32_t wire)
{
    block_start(file, 3);
    put32(file, wire);
    put(file, data, strlen(data));
    block_end(file);
}

static void obsolete(struct file *file, uint16_t interface_id, uint64_t ticks, const char *data)
{
    block_start(file, 2);
    put16(file, interface_id);
    put16(file, 99); /* dropped before it */
    put32(file, (uint32_t)(ticks >> 32));
    put32(file, (uint32_t)ticks);
    put32(file, (uint32_t)strlen(data));
    put32(file, (uint32_t)strlen(data));
    put(file, data, strlen(data));
    block_end(file);
}

static void unknown(struct file *file, uint32_t type, size_t bytes)
{
    block_start(file, type);
    for (; bytes > 0; bytes--)
        put(file, "x", 1);
    block_end(file);
}

/* A descriptor from which the file is read in pieces: the first of `first` bytes, then of `rest` bytes each.
 * A process of its own writes them as messages, so that no read gets two. */
static int descriptor(const struct file *file, size_t first, size_t rest)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        size_t at = 0, piece = first;
        while (at < file->length) {
            if (piece > file->length - at)
                piece = file->length - at;
            if (piece > 0 && send(ends[1], file->bytes + at, piece, MSG_NOSIGNAL) < 0)
                break;
            at += piece;
            piece = rest;
        }
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

struct reading {
    int opened;
    const char *why;
    unsigned count;
    struct ss_frame frames[32];
    char data[32][64];
    enum ss_capture_result result;
    const char *error;
    uint64_t position;
};

static void read_descriptor(int fd, struct reading *ret_reading)
{
    struct ss_capture *capture;
    memset(ret_reading, 0, sizeof(*ret_reading));
    ret_reading->opened = ss_capture_open(fd, &capture, &ret_reading->why);
    if (ret_reading->opened == 0) {
        struct ss_frame frames[3];
        unsigned got;
        while ((ret_reading->result = ss_capture_burst(capture, frames, 3, &got)) == SS_CAPTURE_FRAME) {
            assert_true(got > 0);
            for (unsigned i = 0; i < got; i++) {
                assert_true(ret_reading->count < COUNT_OF(ret_reading->frames) && frames[i].captured < 64);
                memcpy(ret_reading->data[ret_reading->count], frames[i].data, frames[i].captured);
                ret_reading->frames[ret_reading->count++] = frames[i];
            }
        }
        assert_int_equal(ss_capture_next(capture, frames), ret_reading->result);
        ret_reading->error = ss_capture_error(capture);
        ret_reading->position = ss_capture_position(capture);
        ss_capture_close(capture);
    }
    close(fd);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

/* From a file on disk, as most captures are. */
static void read_bytes(const void *bytes, size_t length, struct reading *ret_reading)
{
    char path[] = "/tmp/slowshake-capture-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    read_descriptor(fd, ret_reading);
}

static void read_file(const struct file *file, struct reading *ret_reading)
{
    read_bytes(file->bytes, file->length, ret_reading);
}

static void assert_frame(const struct reading *reading, unsigned i, int64_t time_ns, const char *data,
                         uint32_t wire, uint16_t port, enum ss_link link)
{
    assert_true(i < reading->count);
    const struct ss_frame *frame = &reading->frames[i];
    assert_int_equal(frame->time_ns, time_ns);
    assert_int_equal(frame->captured, strlen(data));
    assert_int_equal(frame->wire, wire);
    assert_int_equal(frame->port, port);
    assert_int_equal(frame->link, link);
    assert_int_equal(frame->clock_error_ns, 0);
    assert_string_equal(reading->data[i], data);
}

static void pcap_of_either_byte_order_and_resolution_is_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct file file = {.swapped = (i & 1) != 0};
        struct reading reading;
        bool nanoseconds = (i & 2) != 0;
        pcap_header(&file, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, 4, 1);
        pcap_packet(&file, 1795388597, 630499, "first", 5);
        pcap_packet(&file, 0xffffffff, 999999, "", 0); /* the year 2106 */
        pcap_packet(&file, 0, 0, "cut", 1500);
        read_file(&file, &reading);
        assert_int_equal(reading.opened, 0);
        assert_int_equal(reading.count, 3);
        assert_frame(&reading, 0, 1795388597000000000 + (nanoseconds ? 630499 : 630499000), "first", 5, 0,
                     SS_LINK_ETHERNET);
        assert_frame(&reading, 1, 4294967295000000000 + (nanoseconds ? 999999 : 999999000), "", 0, 0,
                     SS_LINK_ETHERNET);
        assert_frame(&reading, 2, 0, "cut", 1500, 0, SS_LINK_ETHERNET);
        assert_int_equal(reading.result, SS_CAPTURE_END);
        assert_int_equal(reading.position, file.length);
    }
}

static void link_types_become_link_layers(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        enum ss_link link;
    } ROWS[] = {
        {0, SS_LINK_NULL},
        {1, SS_LINK_ETHERNET},
        {12, SS_LINK_RAW_IP},
        {14, SS_LINK_RAW_IP},
        {101, SS_LINK_RAW_IP},
        {108, SS_LINK_NULL},
        {113, SS_LINK_SLL},
        {228, SS_LINK_RAW_IP},
        {229, SS_LINK_RAW_IP},
        {276, SS_LINK_SLL2},
        {105, SS_LINK_OTHER},
        {65535, SS_LINK_OTHER},
        {0x24000001, SS_LINK_ETHERNET}, /* with a frame check sequence of 4 bytes */
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct file file = {0};
        struct reading reading;
        pcap_header(&file, 0xa1b2c3d4, 4, ROWS[i].type);
        pcap_packet(&file, 1, 0, "x", 1);
        read_file(&file, &reading);
        assert_frame(&reading, 0, 1000000000, "x", 1, 0, ROWS[i].link);
    }
}

static void the_lengths_of_old_pcap_versions_are_the_other_way_round(void **state)
{
    (void)state;
    static const struct {
        uint16_t minor;
        uint32_t first, second;
    } ROWS[] = {{2, 100, 3}, {3, 100, 3}, {3, 3, 100}, {4, 3, 100}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct file file = {0};
        struct reading reading;
        pcap_header(&file, 0xa1b2c3d4, ROWS[i].minor, 1);
        put32(&file, 1);
        put32(&file, 0);
        put32(&file, ROWS[i].first);
        put32(&file, ROWS[i].second);
        put(&file, "abc", 3);
        read_file(&file, &reading);
        assert_frame(&reading, 0, 1000000000, "abc", 100, 0, SS_LINK_ETHERNET);
        assert_int_equal(reading.result, SS_CAPTURE_END);
    }
}

static void captured_bytes_were_on_the_wire_whatever_the_file_says(void **state)
{
    (void)state;
    struct file file = {0};
    struct reading reading;
    pcap_header(&file, 0xa1b2c3d4, 4, 1);
    pcap_packet(&file, 1, 0, "abc", 2);
    read_file(&file, &reading);
    assert_frame(&reading, 0, 1000000000, "abc", 3, 0, SS_LINK_ETHERNET);
}

/* Every kind of block, two sections of different byte order, interfaces of different clocks. */
static void build_pcapng(struct file *file)
{
    *file = (struct file){.swapped = true};
    section(file);
    interface(file, 1, 0, -1, 0);
    interface(file, 113, 5, 9, 0);
    enhanced(file, 0, 1795388597630499, "first", 5);
    unknown(file, 5, 31); /* statistics */
    enhanced(file, 1, 1795388597630499123, "second", 1500);
    simple(file, "third", 5);
    obsolete(file, 1, 1795388597630499124, "fourth");
    unknown(file, 0x80000001, 0);

    file->swapped = false;
    section(file);
    interface(file, 276, 3, 0x80 | 10, 1000000000);
    enhanced(file, 0, (795388597ull << 10) + 512, "fifth", 5);
    simple(file, "six", 700); /* as much as the snap length lets it */
}

static void assert_pcapng(const struct reading *reading, unsigned count)
{
    static const struct {
        int64_t time_ns;
        const char *data;
        uint32_t wire;
        uint16_t port;
        enum ss_link link;
    } ROWS[] = {
        {1795388597630499000, "first", 5, 0, SS_LINK_ETHERNET},
        {1795388597630499123, "second", 1500, 1, SS_LINK_SLL},
        {1795388597630499123, "third", 5, 0, SS_LINK_ETHERNET}, /* with the time of the one before */
        {1795388597630499124, "fourth", 6, 1, SS_LINK_SLL},
        {1795388597500000000, "fifth", 5, 2, SS_LINK_SLL2},
        {1795388597500000000, "six", 700, 2, SS_LINK_SLL2},
    };
    assert_int_equal(reading->count, count);
    for (unsigned i = 0; i < count; i++)
        assert_frame(reading, i, ROWS[i].time_ns, ROWS[i].data, ROWS[i].wire, ROWS[i].port, ROWS[i].link);
}

static void pcapng_is_read_with_all_its_sections_and_interfaces(void **state)
{
    (void)state;
    struct file file;
    struct reading reading;
    build_pcapng(&file);
    read_file(&file, &reading);
    assert_int_equal(reading.opened, 0);
    assert_pcapng(&reading, 6);
    assert_int_equal(reading.result, SS_CAPTURE_END);
    assert_int_equal(reading.position, file.length);
}

static void clocks_of_every_resolution_become_nanoseconds(void **state)
{
    (void)state;
    static const struct {
        int resolution;
        int64_t offset_s;
        uint64_t ticks;
        int64_t time_ns;
    } ROWS[] = {
        {-1, 0, 1500000, 1500000000},
        {0, 0, 7, 7000000000},
        {3, 0, 1500, 1500000000},
        {6, 0, 1500000, 1500000000},
        {9, 0, 1500000001, 1500000001},
        {12, 0, 1500000000999, 1500000000},
        {19, 0, 15000000000000000000ull, 1500000000},
        {0x80, 0, 9, 9000000000},
        {0x80 | 1, 0, 3, 1500000000},
        {0x80 | 20, 0, (1ull << 20) + (1ull << 19), 1500000000},
        {0x80 | 32, 0, (3ull << 31) + 1, 1500000000},
        {0x80 | 63, 0, UINT64_MAX, 1999999999},
        {6, 10, 1500000, 11500000000},
        {6, -1, 1500000, 500000000},
        {6, -2, 1500000, -500000000},
        {0, 0, UINT64_MAX, INT64_MAX},
        {6, 0, UINT64_MAX, INT64_MAX},
        {9, INT64_MAX, 1, INT64_MAX},
        {9, 9223372036, INT64_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct file file = {.swapped = i % 2 != 0};
        struct reading reading;
        section(&file);
        interface(&file, 1, 0, ROWS[i].resolution, ROWS[i].offset_s);
        enhanced(&file, 0, ROWS[i].ticks, "x", 1);
        read_file(&file, &reading);
        assert_frame(&reading, 0, ROWS[i].time_ns, "x", 1, 0, SS_LINK_ETHERNET);
    }
}

static void build_pcap(struct file *file)
{
    *file = (struct file){0};
    pcap_header(file, 0xa1b2c3d4, 4, 1);
    pcap_packet(file, 1, 2, "first", 5);
    pcap_packet(file, 2, 3, "", 60);
    pcap_packet(file, 3, 4, "third", 5);
}

static void assert_same(const struct reading *a, const struct reading *b)
{
    assert_int_equal(a->opened, b->opened);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->result, b->result);
    assert_int_equal(a->position, b->position);
    for (unsigned i = 0; i < a->count; i++) {
        assert_int_equal(a->frames[i].time_ns, b->frames[i].time_ns);
        assert_int_equal(a->frames[i].captured, b->frames[i].captured);
        assert_memory_equal(a->data[i], b->data[i], a->frames[i].captured);
    }
}

static void a_pipe_may_give_the_file_in_any_pieces(void **state)
{
    (void)state;
    void (*const BUILD[])(struct file *) = {build_pcap, build_pcapng};
    for (size_t i = 0; i < COUNT_OF(BUILD); i++) {
        struct file file;
        struct reading whole, pieces;
        BUILD[i](&file);
        read_file(&file, &whole);
        assert_int_equal(whole.result, SS_CAPTURE_END);
        read_descriptor(descriptor(&file, 1, 1), &pieces);
        assert_same(&whole, &pieces);
        for (size_t split = 0; split <= file.length; split++) {
            read_descriptor(descriptor(&file, split, file.length), &pieces);
            assert_same(&whole, &pieces);
        }
    }
}

static void a_file_cut_short_gives_all_that_is_whole(void **state)
{
    (void)state;
    void (*const BUILD[])(struct file *) = {build_pcap, build_pcapng};
    static const size_t HEADER[] = {24, 48};
    for (size_t i = 0; i < COUNT_OF(BUILD); i++) {
        struct file file;
        struct reading whole, cut;
        unsigned boundaries = 0, count = 0;
        BUILD[i](&file);
        read_file(&file, &whole);
        for (size_t length = 0; length < file.length; length++) {
            read_bytes(file.bytes, length, &cut);
            if (length < HEADER[i]) {
                assert_int_equal(cut.opened, -EINVAL);
                assert_non_null(cut.why);
                continue;
            }
            assert_int_equal(cut.opened, 0);
            assert_true(cut.result == SS_CAPTURE_END || cut.result == SS_CAPTURE_CUT);
            assert_int_equal(cut.error == NULL, cut.result == SS_CAPTURE_END);
            assert_true(cut.count >= count && cut.count <= whole.count);
            assert_int_equal(cut.result == SS_CAPTURE_END, cut.position == length);
            for (unsigned frame = 0; frame < cut.count; frame++)
                assert_string_equal(cut.data[frame], whole.data[frame]);
            count = cut.count;
            boundaries += cut.result == SS_CAPTURE_END;
        }
        assert_int_equal(boundaries,
                         i == 0 ? 3 : 12); /* the header's end, and each packet's or block's but the last */
    }
}

static void what_is_no_capture_is_not_opened(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *why;
    } ROWS[] = {
        {"", 0, "it is empty"},
        {"abc", 3, "it starts neither like a pcap nor like a pcapng file"},
        {"GET / HTTP/1.1\r\n", 16, "it starts neither like a pcap nor like a pcapng file"},
        {"\x1f\x8b\x08", 3, "it is compressed with gzip: decompress it first, or pipe it in from zcat"},
        {"\x28\xb5\x2f\xfd", 4,
         "it is compressed with zstd: decompress it first, or pipe it in from zstdcat"},
        {"\xfd\x37zXZ\0", 6, "it is compressed with xz: decompress it first, or pipe it in from xzcat"},
        {"\x34\xcd\xb2\xa1", 4,
         "it is a pcap file of the modified kind (magic a1b2cd34): convert it with editcap"},
        {"\xd4\xc3\xb2\xa1\x02\0\x04\0", 8, "it ends inside pcap's file header"},
        {"\xd4\xc3\xb2\xa1\x01\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0", 24,
         "its pcap version is none that is known (2.0 to 2.4)"},
        {"\xd4\xc3\xb2\xa1\x02\0\x05\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0", 24,
         "its pcap version is none that is known (2.0 to 2.4)"},
        {"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\x30\0", 24,
         "bits of pcap's link type that must be zero are not"},
        {"\x0a\x0d\x0d\x0a\x1c\0\0\0", 8, "it ends inside pcapng's section header"},
        {"\x0a\x0d\x0d\x0a\x1c\0\0\0xxxx", 12, "a pcapng section has no byte order mark"},
        {"\x0a\x0d\x0d\x0a\x10\0\0\0\x4d\x3c\x2b\x1a\x10\0\0\0", 16, "a pcapng section header is too short"},
        {"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x02\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0", 28,
         "its pcapng version is none that is known (1.0)"},
        {"\x0a\x0d\x0d\x0a\x20\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\x09\0"
         "\x20\0\0\0",
         32, "an option is longer than the pcapng block it is in"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct reading reading;
        read_bytes(ROWS[i].bytes, ROWS[i].length, &reading);
        assert_int_equal(reading.opened, -EINVAL);
        assert_string_equal(reading.why, ROWS[i].why);
    }
}

static void a_failing_read_is_told_with_its_reason(void **state)
{
    (void)state;
    struct reading reading;
    read_descriptor(open("/", O_RDONLY | O_DIRECTORY), &reading);
    assert_int_equal(reading.opened, -EISDIR);
    assert_string_equal(reading.why, "reading the file failed");
}

static void damaged_pcap_packets_end_the_file(void **state)
{
    (void)state;
    struct file file;
    struct reading reading;
    build_pcap(&file);
    put32(&file, 5);
    put32(&file, 0);
    put32(&file, 262145);
    put32(&file, 262145);
    read_file(&file, &reading);
    assert_int_equal(reading.count, 3);
    assert_int_equal(reading.result, SS_CAPTURE_BAD);
    assert_string_equal(reading.error, "a packet is larger than any capture has them: the file is damaged");
}

enum damage {
    NO_INTERFACE,
    NO_INTERFACE_IN_THE_SECTION,
    NO_INTERFACE_FOR_A_SIMPLE_PACKET,
    PACKET_LONGER_THAN_BLOCK,
    SIMPLE_PACKET_LONGER_THAN_BLOCK,
    LENGTHS_DIFFER,
    LENGTH_ODD,
    LENGTH_TOO_SMALL,
    LENGTH_TOO_LARGE,
    INTERFACE_TOO_SHORT,
    PACKET_TOO_SHORT,
    SIMPLE_PACKET_TOO_SHORT,
    OPTION_TOO_LONG,
    CLOCK_TOO_FINE,
    BINARY_CLOCK_TOO_FINE,
    NO_BYTE_ORDER,
    DAMAGE_COUNT
};

static void add_damage(struct file *file, enum damage damage)
{
    switch (damage) {
    case NO_INTERFACE:
        enhanced(file, 1, 0, "x", 1);
        break;
    case NO_INTERFACE_IN_THE_SECTION:
        section(file);
        enhanced(file, 0, 0, "x", 1);
        break;
    case NO_INTERFACE_FOR_A_SIMPLE_PACKET:
        section(file);
        simple(file, "x", 1);
        break;
    case PACKET_LONGER_THAN_BLOCK:
        enhanced(file, 0, 0, "x", 1);
        file->bytes[file->block + 20] = 0xff;
        break;
    case SIMPLE_PACKET_LONGER_THAN_BLOCK:
        simple(file, "x", 50);
        break;
    case LENGTHS_DIFFER:
        unknown(file, 5, 4);
        file->bytes[file->length - 4]++;
        break;
    case LENGTH_ODD:
    case LENGTH_TOO_SMALL:
    case LENGTH_TOO_LARGE:
        unknown(file, 5, 4);
        uint32_t length = damage == LENGTH_ODD         ? 13
                          : damage == LENGTH_TOO_SMALL ? 8
                                                       : SS_CAPTURE_BLOCK_MAX + 4;
        memcpy(file->bytes + file->block + 4, &length, 4);
        break;
    case INTERFACE_TOO_SHORT:
        unknown(file, 1, 4);
        break;
    case PACKET_TOO_SHORT:
        unknown(file, 6, 16);
        break;
    case SIMPLE_PACKET_TOO_SHORT:
        unknown(file, 3, 0);
        break;
    case OPTION_TOO_LONG:
        interface(file, 1, 0, -1, 0);
        file->bytes[file->block + 18] = 99;
        break;
    case CLOCK_TOO_FINE:
        interface(file, 1, 0, 20, 0);
        break;
    case BINARY_CLOCK_TOO_FINE:
        interface(file, 1, 0, 0x80 | 64, 0);
        break;
    case NO_BYTE_ORDER:
        section(file);
        file->bytes[file->block + 8]++;
        break;
    case DAMAGE_COUNT:
        break;
    }
}

static void damaged_pcapng_blocks_end_the_file(void **state)
{
    (void)state;
    static const char *const ERRORS[] = {
        [NO_INTERFACE] = "a packet names an interface that the pcapng file did not describe",
        [NO_INTERFACE_IN_THE_SECTION] = "a packet names an interface that the pcapng file did not describe",
        [NO_INTERFACE_FOR_A_SIMPLE_PACKET] =
            "a packet names an interface that the pcapng file did not describe",
        [PACKET_LONGER_THAN_BLOCK] = "a packet is longer than the pcapng block it is in",
        [SIMPLE_PACKET_LONGER_THAN_BLOCK] = "a packet is longer than the pcapng block it is in",
        [LENGTHS_DIFFER] = "a pcapng block's two lengths differ: the file is damaged",
        [LENGTH_ODD] = "what follows is no pcapng block: its length cannot be",
        [LENGTH_TOO_SMALL] = "what follows is no pcapng block: its length cannot be",
        [LENGTH_TOO_LARGE] = "what follows is no pcapng block: its length cannot be",
        [INTERFACE_TOO_SHORT] = "a pcapng interface description is too short",
        [PACKET_TOO_SHORT] = "a pcapng packet block is too short",
        [SIMPLE_PACKET_TOO_SHORT] = "a pcapng packet block is too short",
        [OPTION_TOO_LONG] = "an option is longer than the pcapng block it is in",
        [CLOCK_TOO_FINE] = "an interface's clock is finer than 64 bits can count",
        [BINARY_CLOCK_TOO_FINE] = "an interface's clock is finer than 64 bits can count",
        [NO_BYTE_ORDER] = "a pcapng section has no byte order mark",
    };
    for (enum damage damage = 0; damage < DAMAGE_COUNT; damage++) {
        struct file file = {0};
        struct reading reading;
        section(&file);
        interface(&file, 1, 0, 9, 0);
        enhanced(&file, 0, 5, "good", 4);
        add_damage(&file, damage);
        enhanced(&file, 0, 6, "never seen", 10);
        read_file(&file, &reading);
        assert_int_equal(reading.opened, 0);
        assert_int_equal(reading.count, 1);
        assert_int_equal(reading.result, SS_CAPTURE_BAD);
        assert_string_equal(reading.error, ERRORS[damage]);
    }
}

/* More than one window, with packets across its ends and one larger than all of it. */
static void a_file_of_many_windows_is_read_to_its_end(void **state)
{
    (void)state;
    static const uint32_t BYTES[] = {1, 60, 1514, 9000, 65535, 262144};
    struct ss_capture *capture;
    const char *why;
    struct ss_frame frames[7];
    unsigned count = 0, largest = 0;
    FILE *file = tmpfile();
    struct file header = {0};
    uint8_t *data = malloc(262144);
    assert_non_null(file);
    pcap_header(&header, 0xa1b23c4d, 4, 1);
    fwrite(header.bytes, 1, header.length, file);
    for (uint32_t i = 0; i < 120; i++) {
        uint32_t bytes = BYTES[i % COUNT_OF(BYTES)], record[4] = {i, i, bytes, bytes};
        memset(data, (int)i, bytes);
        fwrite(record, sizeof(record), 1, file);
        fwrite(data, 1, bytes, file);
    }
    rewind(file);
    assert_int_equal(ss_capture_open(fileno(file), &capture, &why), 0);
    for (uint32_t i = 0; i < 120;) {
        assert_int_equal(ss_capture_burst(capture, frames, 7, &count), SS_CAPTURE_FRAME);
        largest = count > largest ? count : largest;
        for (unsigned n = 0; n < count; n++, i++) {
            assert_int_equal(frames[n].captured, BYTES[i % COUNT_OF(BYTES)]);
            assert_int_equal(frames[n].time_ns, i * 1000000001ll);
            assert_true(frames[n].data[0] == i && frames[n].data[frames[n].captured - 1] == i);
        }
    }
    assert_true(largest >= 4); /* the small ones between two of 256 KiB come together */
    assert_int_equal(ss_capture_burst(capture, frames, 7, &count), SS_CAPTURE_END);
    ss_capture_close(capture);
    fclose(file);
    free(data);
}

/* ---- the course of time */

#define SECOND 1000000000ll
#define START  (1795391886 * SECOND)

/* What is said of frames, in their order: g goes on, d doubtful, l later, a anew; L later, and doubtful
 * itself. / is the end of a file. */
static void check_course(const char *what, const char *steps, const int64_t *seconds)
{
    static const char SAID[] = {[SS_COURSE_GOES_ON] = 'g',
                                [SS_COURSE_DOUBTFUL] = 'd',
                                [SS_COURSE_LATER] = 'l',
                                [SS_COURSE_ANEW] = 'a'};
    struct ss_course course = {0};
    unsigned n = 0;

    for (const char *step = steps; *step != '\0'; step++) {
        if (*step == '/') {
            ss_course_end_file(&course);
            continue;
        }
        int64_t time_ns = START + seconds[n++] * SECOND, doubted_ns = course.doubted_ns;
        bool was_doubting = course.is_doubting;
        char said = SAID[ss_course_take(&course, time_ns)];
        if (said == 'a' || said == 'l') {
            ss_course_begin(&course, was_doubting ? doubted_ns : time_ns);
            if (ss_course_take(&course, time_ns) == SS_COURSE_DOUBTFUL)
                said = 'L';
        }
        if (said != *step)
            fail_msg("%s: frame %u: %c, expected %c", what, n, said, *step);
    }
}

#define YEAR  (365 * 86400)
#define HOURS 3600

static void time_goes_on_or_begins_anew_as_frames_tell_together(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *steps;
        int64_t seconds[8];
    } ROWS[] = {
        {"frames in order", "aggg", {0, 1, 2, 3}},
        {"frames out of order", "aggg", {100, 91, 101, 92}},
        {"hours of silence", "adlg", {0, 20 * HOURS, 20 * HOURS + 1, 20 * HOURS + 2}},
        {"silence around every frame", "adLL", {0, 300, 600, 900}},
        {"a single frame of a later year", "agdg", {0, 1, YEAR, 2}},
        {"a single frame of an earlier year", "agdg", {0, 1, -YEAR, 2}},
        {"two such, of different years", "agddg", {0, 1, -YEAR, YEAR, 2}},
        {"a single frame of some minutes later", "agdg", {0, 1, 300, 2}},
        {"a single frame of some minutes ago", "agdg", {0, 1, -300, 2}},
        {"two earlier frames in a row", "agdag", {0, 1, -YEAR, -YEAR + 1, -YEAR + 2}},
        {"two later frames in a row", "agdag", {0, 1, YEAR, YEAR + 1, YEAR + 2}},
        {"two frames of minutes ago in a row", "agdag", {0, 1, -100, -99, -98}},
        {"the second of which is near the newest", "agdg", {0, 1, -10, -9}},
        {"a file that goes on where the one before ended", "ag/gg", {0, 1, 1, 2}},
        {"and its first frame comes late", "ag/g", {0, 1, 121}},
        {"too late for what waits", "ag/ag", {0, 1, 122, 123}},
        {"a little out of order", "ag/g", {0, 1, 0}},
        {"a file of the same time", "ag/ag", {0, 5, 0, 5}},
        {"a file of an earlier year", "ag/ag", {0, 1, -YEAR, -YEAR + 1}},
        {"a file that ends with a frame of another year", "agd/gg", {0, 1, YEAR, 2, 3}},
        {"a file that ends with a frame after a silence", "agd/gg", {0, 1, 300, 301, 302}},
        {"a file without frames", "/ag//g", {0, 1, 2}},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++)
        check_course(ROWS[i].what, ROWS[i].steps, ROWS[i].seconds);
}

static void times_of_any_size_are_brought_to_where_no_difference_overflows(void **state)
{
    (void)state;
    static const int64_t TIMES[] = {INT64_MIN, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < COUNT_OF(TIMES); i++) {
        for (size_t k = 0; k < COUNT_OF(TIMES); k++) {
            struct ss_course course = {0};
            ss_course_begin(&course, ss_frame_time(TIMES[i]));
            enum ss_course_step step = ss_course_take(&course, ss_frame_time(TIMES[k]));
            assert_int_equal(step, (TIMES[i] > 1) == (TIMES[k] > 1) ? SS_COURSE_GOES_ON : SS_COURSE_DOUBTFUL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcap_of_either_byte_order_and_resolution_is_read),
        cmocka_unit_test(link_types_become_link_layers),
        cmocka_unit_test(the_lengths_of_old_pcap_versions_are_the_other_way_round),
        cmocka_unit_test(captured_bytes_were_on_the_wire_whatever_the_file_says),
        cmocka_unit_test(pcapng_is_read_with_all_its_sections_and_interfaces),
        cmocka_unit_test(clocks_of_every_resolution_become_nanoseconds),
        cmocka_unit_test(a_pipe_may_give_the_file_in_any_pieces),
        cmocka_unit_test(a_file_cut_short_gives_all_that_is_whole),
        cmocka_unit_test(what_is_no_capture_is_not_opened),
        cmocka_unit_test(a_failing_read_is_told_with_its_reason),
        cmocka_unit_test(damaged_pcap_packets_end_the_file),
        cmocka_unit_test(damaged_pcapng_blocks_end_the_file),
        cmocka_unit_test(a_file_of_many_windows_is_read_to_its_end),
        cmocka_unit_test(time_goes_on_or_begins_anew_as_frames_tell_together),
        cmocka_unit_test(times_of_any_size_are_brought_to_where_no_difference_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
