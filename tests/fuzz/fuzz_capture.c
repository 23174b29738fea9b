// SPDX-License-Identifier: BSD-3-Clause

/* Any bytes as a capture file, read from a file in memory.
 *
 * Held to be true: reading ends; a frame is not longer than the file; what was read is what was given; a file
 * cut anywhere gives the same first frames.
 */

#include "capture/capture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

struct summary {
    uint64_t frames;
    uint64_t bytes;
    uint64_t sum; /* of times and bytes, in order */
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static int file_of(const uint8_t *bytes, size_t length)
{
    int fd = memfd_create("capture", 0);

    require(fd >= 0);
    require(write(fd, bytes, length) == (ssize_t)length);
    require(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void add(struct summary *summary, const struct ss_frame *frame)
{
    summary->frames++;
    summary->bytes += frame->captured;
    summary->sum = (summary->sum ^ (uint64_t)frame->time_ns) * 0x9e3779b97f4a7c15ULL;
    for (uint32_t i = 0; i < frame->captured; i++)
        summary->sum = (summary->sum ^ frame->data[i]) * 0x9e3779b97f4a7c15ULL;
}

/* Reads at most frames_max frames. */
static struct summary read_all(const uint8_t *bytes, size_t length, uint64_t frames_max)
{
    struct summary summary = {0};
    struct ss_capture *capture;
    struct ss_frame frame;
    const char *why = NULL;
    int fd = file_of(bytes, length);
    int result = ss_capture_open(fd, &capture, &why);

    require(result <= 0 && (result == 0 || why != NULL));
    while (result == 0 && summary.frames < frames_max) {
        enum ss_capture_result next = ss_capture_next(capture, &frame);
        require(ss_capture_position(capture) <= length);
        if (next != SS_CAPTURE_FRAME) {
            require(next == SS_CAPTURE_END || ss_capture_error(capture) != NULL);
            require(ss_capture_next(capture, &frame) == next); /* the end is the end */
            break;
        }
        require(frame.captured <= length && frame.captured <= frame.wire && frame.link <= SS_LINK_OTHER);
        add(&summary, &frame);
    }
    if (result == 0)
        ss_capture_close(capture);
    close(fd);
    return summary;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    if (length == 0)
        return 0;
    const uint8_t *file = input + 1;
    size_t bytes = length - 1;
    struct summary whole = read_all(file, bytes, UINT64_MAX);
    require(whole.bytes <= bytes);

    struct summary cut = read_all(file, bytes * input[0] / 256, UINT64_MAX);
    struct summary head = read_all(file, bytes, cut.frames);
    require(cut.frames <= whole.frames);
    require(cut.frames == head.frames && cut.bytes == head.bytes && cut.sum == head.sum);
    return 0;
}
