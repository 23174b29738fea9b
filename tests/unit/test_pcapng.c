// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/capture.h"
#include "export/pcapng.h"
#include "support/frames.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define START_NS        1795388597630499123

static struct ss_pcapng writer;
static struct frame built;

static int new_file(char path[64])
{
    snprintf(path, 64, "/tmp/slowshake-pcapng-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    return fd;
}

static struct ss_frame frame_at(int64_t time_ns, uint16_t port, const char *payload)
{
    frame_start(&built, SS_LINK_ETHERNET);
    frame_ethernet(&built);
    frame_ip(&built, "192.0.2.7", "198.51.100.1");
    frame_tcp(&built, (struct frame_tcp){.source_port = 51234, .destination_port = 443, .flags = SS_TCP_ACK});
    frame_text(&built, payload);
    struct ss_frame frame = frame_end(&built);
    frame.time_ns = time_ns;
    frame.port = port;
    return frame;
}

/* ---- A reader that knows nothing of the writer ---- */

struct block {
    uint32_t type, bytes;
    const uint8_t *body;
    size_t body_bytes;
};

static uint32_t u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static unsigned u16_at(const uint8_t *at)
{
    return (unsigned)(at[0] | at[1] << 8);
}

static size_t read_blocks(const uint8_t *bytes, size_t length, struct block *ret_blocks, size_t max)
{
    size_t count = 0, at = 0;
    while (at < length) {
        assert_true(length - at >= 12);
        struct block block = {.type = u32_at(bytes + at), .bytes = u32_at(bytes + at + 4)};
        assert_int_equal(block.bytes % 4, 0);
        assert_in_range(block.bytes, 12, length - at);
        assert_int_equal(u32_at(bytes + at + block.bytes - 4),
                         block.bytes); /* the length stands at both ends */
        block.body = bytes + at + 8;
        block.body_bytes = block.bytes - 12;
        assert_true(count < max);
        ret_blocks[count++] = block;
        at += block.bytes;
    }
    return count;
}

/* The nth option of the code from offset on, as text; NULL: it is not there. */
static const char *option_of(const struct block *block, size_t offset, unsigned code, unsigned n,
                             size_t *ret_length)
{
    static char text[70000];
    while (offset < block->body_bytes) {
        unsigned found = u16_at(block->body + offset), length = u16_at(block->body + offset + 2);
        if (found == 0)
            return NULL;
        assert_true(offset + 4 + length <= block->body_bytes);
        if (found == code && n-- == 0) {
            memcpy(text, block->body + offset + 4, length);
            text[length] = '\0';
            *ret_length = length;
            return text;
        }
        offset += 4 + ((length + 3u) & ~3u);
    }
    return NULL;
}

static uint8_t *read_file(const char *path, size_t *ret_length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *ret_length = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void write_example(int fd)
{
    static const struct ss_pcapng_interface INTERFACES[] = {{"mirror0", SS_LINK_ETHERNET, 65535},
                                                            {"mirror1", SS_LINK_ETHERNET, 0}};
    static const char *const COMMENTS[] = {"slowshake: syn", "slowshake: ack"};
    ss_pcapng_begin(&writer, fd, "{\"id\":1}", INTERFACES, 2);
    struct ss_frame frame = frame_at(START_NS, 0, "a");
    ss_pcapng_packet(&writer, &frame, COMMENTS, 2);
    frame = frame_at(START_NS + 1, 1, "bcdef");
    frame.captured -= 3; /* cut by a snap length */
    ss_pcapng_packet(&writer, &frame, NULL, 0);
    frame = frame_at(START_NS + 999999999, 0, "0123456789");
    ss_pcapng_packet(&writer, &frame, COMMENTS, 1);
    assert_int_equal(ss_pcapng_finish(&writer), 0);
}

static void blocks_stand_as_the_draft_has_them(void **state)
{
    (void)state;
    char path[64];
    int fd = new_file(path);
    struct block blocks[8];
    size_t length, n;
    write_example(fd);
    uint8_t *bytes = read_file(path, &length);
    assert_int_equal(writer.bytes, length);

    assert_int_equal(read_blocks(bytes, length, blocks, COUNT_OF(blocks)), 6);
    assert_int_equal(blocks[0].type, 0x0a0d0d0a);
    assert_int_equal(u32_at(blocks[0].body), 0x1a2b3c4d);
    assert_string_equal(option_of(&blocks[0], 16, 1, 0, &n), "{\"id\":1}");
    assert_string_equal(option_of(&blocks[0], 16, 4, 0, &n), "slowshake");
    assert_int_equal(blocks[1].type, 1);
    assert_int_equal(u16_at(blocks[1].body), 1);
    assert_int_equal(u32_at(blocks[1].body + 4), 65535);
    assert_string_equal(option_of(&blocks[2], 8, 2, 0, &n), "mirror1");
    assert_int_equal(option_of(&blocks[2], 8, 9, 0, &n)[0], 9);
    assert_int_equal(n, 1);

    assert_int_equal(blocks[4].type, 6);
    assert_int_equal(u32_at(blocks[4].body), 1);
    uint64_t time_ns = (uint64_t)u32_at(blocks[4].body + 4) << 32 | u32_at(blocks[4].body + 8);
    assert_true(time_ns == (uint64_t)START_NS + 1);
    uint32_t captured = u32_at(blocks[4].body + 12);
    assert_int_equal(u32_at(blocks[4].body + 16), captured + 3);
    assert_int_equal(blocks[4].body_bytes, 20 + ((captured + 3) & ~3u)); /* no options, no end of options */

    size_t options = 20 + ((u32_at(blocks[3].body + 12) + 3) & ~3u);
    assert_string_equal(option_of(&blocks[3], options, 1, 0, &n), "slowshake: syn");
    assert_string_equal(option_of(&blocks[3], options, 1, 1, &n), "slowshake: ack");
    free(bytes);
    close(fd);
    unlink(path);
}

static void our_own_reader_gives_back_the_frames(void **state)
{
    (void)state;
    static const int64_t TIMES[] = {START_NS, START_NS + 1, START_NS + 999999999};
    char path[64];
    int fd = new_file(path);
    struct ss_capture *capture;
    struct ss_frame frame;
    const char *why;
    write_example(fd);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(ss_capture_open(fd, &capture, &why), 0);
    for (size_t i = 0; i < COUNT_OF(TIMES); i++) {
        assert_int_equal(ss_capture_next(capture, &frame), SS_CAPTURE_FRAME);
        assert_true(frame.time_ns == TIMES[i]);
        assert_int_equal(frame.port, i == 1);
        assert_int_equal(frame.wire - frame.captured, i == 1 ? 3 : 0);
        assert_int_equal(frame.link, SS_LINK_ETHERNET);
    }
    assert_int_equal(ss_capture_next(capture, &frame), SS_CAPTURE_END);
    ss_capture_close(capture);
    close(fd);
    unlink(path);
}

static void a_comment_too_long_for_its_option_is_cut_between_characters(void **state)
{
    (void)state;
    static const struct {
        size_t plain; /* characters of one byte before those of two */
        size_t wanted;
    } ROWS[] = {{65535, 65535}, {65534, 65534}, {65533, 65535}, {0, 65534}};
    static const struct ss_pcapng_interface INTERFACE = {"mirror0", SS_LINK_ETHERNET, 0};
    char *comment = malloc(80001);
    assert_non_null(comment);
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char path[64];
        int fd = new_file(path);
        struct block blocks[2];
        size_t length, n;
        memset(comment, 'x', ROWS[i].plain);
        for (size_t at = ROWS[i].plain; at < 80000; at += 2)
            memcpy(comment + at, "\xc3\xa9", at + 2 <= 80000 ? 2 : 1);
        comment[80000] = '\0';
        ss_pcapng_begin(&writer, fd, comment, &INTERFACE, 1);
        assert_int_equal(ss_pcapng_finish(&writer), 0);
        uint8_t *bytes = read_file(path, &length);
        assert_int_equal(read_blocks(bytes, length, blocks, 2), 2);
        assert_memory_equal(option_of(&blocks[0], 16, 1, 0, &n), comment, ROWS[i].wanted);
        assert_int_equal(n, ROWS[i].wanted);
        assert_string_equal(option_of(&blocks[0], 16, 4, 0, &n), "slowshake");
        free(bytes);
        close(fd);
        unlink(path);
    }
    free(comment);
}

static void every_link_layer_has_its_registered_number(void **state)
{
    (void)state;
    static const unsigned NUMBERS[] = {[SS_LINK_ETHERNET] = 1, [SS_LINK_RAW_IP] = 101, [SS_LINK_NULL] = 0,
                                       [SS_LINK_SLL] = 113,    [SS_LINK_SLL2] = 276,   [SS_LINK_OTHER] = 147};
    struct ss_pcapng_interface interfaces[COUNT_OF(NUMBERS)];
    struct block blocks[COUNT_OF(NUMBERS) + 1];
    char path[64];
    int fd = new_file(path);
    size_t length;
    for (size_t i = 0; i < COUNT_OF(NUMBERS); i++)
        interfaces[i] = (struct ss_pcapng_interface){.name = "x", .link = (uint8_t)i};
    ss_pcapng_begin(&writer, fd, NULL, interfaces, COUNT_OF(NUMBERS));
    assert_int_equal(ss_pcapng_finish(&writer), 0);
    uint8_t *bytes = read_file(path, &length);
    assert_int_equal(read_blocks(bytes, length, blocks, COUNT_OF(blocks)), COUNT_OF(blocks));
    for (size_t i = 0; i < COUNT_OF(NUMBERS); i++)
        assert_int_equal(u16_at(blocks[i + 1].body), NUMBERS[i]);
    free(bytes);
    close(fd);
    unlink(path);
}

static void frames_larger_than_the_buffer_are_written_whole(void **state)
{
    (void)state;
    static const struct ss_pcapng_interface INTERFACE = {"mirror0", SS_LINK_ETHERNET, 0};
    static uint8_t large[3 * SS_PCAPNG_BUFFER + 1];
    char path[64];
    int fd = new_file(path);
    struct block blocks[3];
    size_t length;
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (uint8_t)(i * 7 + i / 251);
    struct ss_frame frame = {
        .data = large, .captured = sizeof(large), .wire = sizeof(large), .time_ns = START_NS};
    ss_pcapng_begin(&writer, fd, NULL, &INTERFACE, 1);
    ss_pcapng_packet(&writer, &frame, NULL, 0);
    assert_int_equal(ss_pcapng_finish(&writer), 0);
    uint8_t *bytes = read_file(path, &length);
    assert_int_equal(read_blocks(bytes, length, blocks, 3), 3);
    assert_memory_equal(blocks[2].body + 20, large, sizeof(large));
    free(bytes);
    close(fd);
    unlink(path);
}

static void an_error_sticks(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    static const struct ss_pcapng_interface INTERFACE = {"mirror0", SS_LINK_ETHERNET, 0};
    ss_pcapng_begin(&writer, fd, NULL, &INTERFACE, 1);
    for (int i = 0; i < 3000; i++) { /* more than the buffer */
        struct ss_frame frame = frame_at(START_NS + i, 0, "abc");
        ss_pcapng_packet(&writer, &frame, NULL, 0);
    }
    assert_int_equal(ss_pcapng_finish(&writer), -ENOSPC);
    assert_int_equal(ss_pcapng_finish(&writer), -ENOSPC);
    close(fd);
}

static void assert_prints(const char *command, const char *wanted)
{
    char printed[4096];
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(printed, 1, sizeof(printed) - 1, pipe);
    printed[n] = '\0';
    assert_int_equal(pclose(pipe), 0);
    assert_string_equal(printed, wanted);
}

static void wireshark_reads_what_was_written(void **state)
{
    (void)state;
    char path[64], command[512];
    if (system("command -v tshark >/dev/null && command -v capinfos >/dev/null") != 0) {
        print_message("skipped: tshark and capinfos are not here\n");
        skip();
    }
    int fd = new_file(path);
    write_example(fd);
    snprintf(
        command, sizeof(command),
        "tshark -r %s -T fields -e frame.time_epoch -e frame.interface_name -e frame.len -e frame.cap_len "
        "-e frame.comment 2>/dev/null",
        path);
    assert_prints(command, "1795388597.630499123\tmirror0\t55\t55\tslowshake: syn,slowshake: ack\n"
                           "1795388597.630499124\tmirror1\t59\t56\t\n"
                           "1795388598.630499122\tmirror0\t64\t64\tslowshake: syn\n");
    snprintf(command, sizeof(command), "capinfos -k %s 2>&1 | sed -n 's/^Capture comment: *//p'", path);
    assert_prints(command, "{\"id\":1}\n");
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_stand_as_the_draft_has_them),
        cmocka_unit_test(our_own_reader_gives_back_the_frames),
        cmocka_unit_test(a_comment_too_long_for_its_option_is_cut_between_characters),
        cmocka_unit_test(every_link_layer_has_its_registered_number),
        cmocka_unit_test(frames_larger_than_the_buffer_are_written_whole),
        cmocka_unit_test(an_error_sticks),
        cmocka_unit_test(wireshark_reads_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
