// SPDX-License-Identifier: BSD-3-Clause
#include "capture/capture.h"

#include "capture/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define WINDOW_BYTES (256u << 10)

/* Of more than one window's worth, the next multiple of it. */
static bool make_room(struct ss_capture *capture, size_t n)
{
    memmove(capture->buffer, ss_capture_at(capture), capture->end - capture->start);
    capture->end -= capture->start;
    capture->start = 0;
    if (n <= capture->capacity)
        return true;
    size_t capacity = (n + WINDOW_BYTES - 1) / WINDOW_BYTES * WINDOW_BYTES;
    uint8_t *larger = realloc(capture->buffer, capacity);
    if (larger == NULL) {
        capture->error = "there is no memory for a packet of this size";
        return false;
    }
    capture->buffer = larger;
    capture->capacity = capacity;
    return true;
}

bool ss_capture_refill(struct ss_capture *capture, size_t n)
{
    if (capture->at_end || !make_room(capture, n))
        return false;
    while (capture->end < n) {
        ssize_t got = read(capture->fd, capture->buffer + capture->end, capture->capacity - capture->end);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            capture->error = "reading the file failed";
        if (got <= 0) {
            capture->at_end = true;
            return false;
        }
        capture->end += (size_t)got;
        capture->read_bytes += (size_t)got;
    }
    return true;
}

enum ss_capture_result ss_capture_bad(struct ss_capture *capture, const char *why)
{
    capture->error = why;
    return capture->result = SS_CAPTURE_BAD;
}

enum ss_capture_result ss_capture_cut(struct ss_capture *capture)
{
    if (capture->error != NULL)
        return ss_capture_bad(capture, capture->error);
    capture->error = "the file ends inside a packet";
    return capture->result = SS_CAPTURE_CUT;
}

enum ss_capture_result ss_capture_finish(struct ss_capture *capture)
{
    if (capture->end > capture->start || capture->error != NULL)
        return ss_capture_cut(capture);
    return capture->result = SS_CAPTURE_END;
}

uint8_t ss_capture_link(uint32_t link_type)
{
    switch (link_type) {
    case 1:
        return SS_LINK_ETHERNET;
    case 0:   /* NULL */
    case 108: /* LOOP */
        return SS_LINK_NULL;
    case 113:
        return SS_LINK_SLL;
    case 276:
        return SS_LINK_SLL2;
    case 12:  /* RAW as most systems number it, which old files have */
    case 14:  /* and OpenBSD */
    case 101: /* RAW */
    case 228: /* IPV4 */
    case 229: /* IPV6 */
        return SS_LINK_RAW_IP;
    default:
        return SS_LINK_OTHER;
    }
}

/* frame.port has 16 bits, which bounds the table. */
bool ss_capture_add_interface(struct ss_capture *capture, const struct ss_interface *interface)
{
    if (capture->interface_count > UINT16_MAX) {
        capture->error = "the file has more than 65536 interfaces";
        return false;
    }
    if (capture->interface_count == capture->interface_room) {
        uint32_t room = capture->interface_room == 0 ? 4 : capture->interface_room * 2;
        struct ss_interface *larger = realloc(capture->interfaces, room * sizeof(*larger));
        if (larger == NULL) {
            capture->error = "there is no memory for another interface";
            return false;
        }
        capture->interfaces = larger;
        capture->interface_room = room;
    }
    capture->interfaces[capture->interface_count++] = *interface;
    return true;
}

static const char *why_no_capture(const struct ss_capture *capture)
{
    static const struct {
        const char *magic;
        const char *why;
    } KNOWN[] = {
        {"\x1f\x8b", "it is compressed with gzip: decompress it first, or pipe it in from zcat"},
        {"\x28\xb5\x2f\xfd", "it is compressed with zstd: decompress it first, or pipe it in from zstdcat"},
        {"\xfd\x37zXZ", "it is compressed with xz: decompress it first, or pipe it in from xzcat"},
        {"\x34\xcd\xb2\xa1",
         "it is a pcap file of the modified kind (magic a1b2cd34): convert it with editcap"},
        {"\xa1\xb2\xcd\x34",
         "it is a pcap file of the modified kind (magic a1b2cd34): convert it with editcap"},
    };
    size_t bytes = capture->end - capture->start;
    if (capture->error != NULL)
        return capture->error;
    if (bytes == 0)
        return "it is empty";
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        size_t length = strlen(KNOWN[i].magic);
        if (bytes >= length && memcmp(ss_capture_at(capture), KNOWN[i].magic, length) == 0)
            return KNOWN[i].why;
    }
    return "it starts neither like a pcap nor like a pcapng file";
}

static bool open_format(struct ss_capture *capture)
{
    if (ss_capture_has(capture, 4) && ss_pcap_is(ss_capture_at(capture)))
        return ss_pcap_open(capture);
    if (ss_capture_has(capture, 4) && ss_pcapng_is(ss_capture_at(capture)))
        return ss_pcapng_open(capture);
    capture->error = why_no_capture(capture);
    return false;
}

int ss_capture_open(int fd, struct ss_capture **ret_capture, const char **ret_why)
{
    struct ss_capture *capture = calloc(1, sizeof(*capture));
    if (capture != NULL)
        capture->buffer = malloc(WINDOW_BYTES);
    if (capture == NULL || capture->buffer == NULL) {
        free(capture);
        *ret_why = "there is no memory to read it";
        return -ENOMEM;
    }
    capture->fd = fd;
    capture->capacity = WINDOW_BYTES;
    errno = 0;
    if (!open_format(capture)) {
        int failed = errno;
        *ret_why = capture->error;
        ss_capture_close(capture);
        return failed != 0 ? -failed : -EINVAL;
    }
    *ret_capture = capture;
    return 0;
}

void ss_capture_close(struct ss_capture *capture)
{
    if (capture == NULL)
        return;
    free(capture->interfaces);
    free(capture->buffer);
    free(capture);
}

enum ss_capture_result ss_capture_next(struct ss_capture *capture, struct ss_frame *ret_frame)
{
    if (capture->result != SS_CAPTURE_FRAME)
        return capture->result;
    return capture->pcapng ? ss_pcapng_next(capture, ret_frame) : ss_pcap_next(capture, ret_frame);
}

enum ss_capture_result ss_capture_burst(struct ss_capture *capture, struct ss_frame *ret_frames, unsigned max,
                                        unsigned *ret_count)
{
    enum ss_capture_result result = SS_CAPTURE_FRAME;
    unsigned count = 0;

    *ret_count = 0;
    /* The first may move the window; those after it only while they lie in it. */
    while (count < max &&
           (count == 0 || (capture->pcapng ? ss_pcapng_is_at_hand(capture) : ss_pcap_is_at_hand(capture)))) {
        result = ss_capture_next(capture, &ret_frames[count]);
        if (result != SS_CAPTURE_FRAME)
            break;
        count++;
    }
    *ret_count = count;
    return count > 0 ? SS_CAPTURE_FRAME : result;
}

const char *ss_capture_error(const struct ss_capture *capture)
{
    return capture->error;
}

uint64_t ss_capture_position(const struct ss_capture *capture)
{
    return capture->read_bytes - (capture->end - capture->start);
}
