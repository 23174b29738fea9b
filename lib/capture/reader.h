// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Inside of capture/: the window on the file that both formats read through.
 *
 * The file comes in large reads; a packet is handed out where it lies in the window. When it is not there
 * whole, what there is of it moves to the front and the next read goes behind it, which is the only copy
 * made.
 */

#include "capture/capture.h"

#include <stdbool.h>
#include <string.h>

/* No capture has a larger packet, unless its header announces it: the largest snap length of libpcap. */
#define SS_CAPTURE_PACKET_MAX 262144

struct ss_interface {
    uint32_t snap_bytes; /* 0: no limit */
    uint8_t link;        /* enum ss_link */
    bool binary;         /* the clock counts 2^-exponent seconds, not 10^-exponent */
    uint8_t exponent;
    uint64_t ns_per_tick; /* 0 where a tick is no whole number of nanoseconds */
    int64_t offset_s;
};

struct ss_capture {
    int fd;
    bool at_end;  /* of the file: a read gave nothing */
    bool swapped; /* integers are not in this machine's byte order */
    bool pcapng;

    uint8_t *buffer;
    size_t capacity;
    size_t start; /* of what is not consumed yet */
    size_t end;
    uint64_t read_bytes;

    const char *error;             /* why it ended, or what failed */
    enum ss_capture_result result; /* other than SS_CAPTURE_FRAME: it ended */

    /* pcap */
    bool nanoseconds;
    uint16_t minor;
    uint32_t packet_max;

    /* Interfaces over all sections; those of the current one start at section_first. pcap has one. */
    struct ss_interface *interfaces;
    uint32_t interface_count;
    uint32_t interface_room;
    uint32_t section_first;
    int64_t time_ns; /* of the last packet, for blocks without one */
};

/* Whether n bytes are in the window; false at the end of the file, or with an error set. */
bool ss_capture_refill(struct ss_capture *capture, size_t n);

static inline bool ss_capture_has(struct ss_capture *capture, size_t n)
{
    return capture->end - capture->start >= n || ss_capture_refill(capture, n);
}

static inline const uint8_t *ss_capture_at(const struct ss_capture *capture)
{
    return capture->buffer + capture->start;
}

static inline uint16_t ss_capture_u16(const struct ss_capture *capture, const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return capture->swapped ? __builtin_bswap16(value) : value;
}

static inline uint32_t ss_capture_u32(const struct ss_capture *capture, const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return capture->swapped ? __builtin_bswap32(value) : value;
}

/* They end the capture for good, and return what ss_capture_next() shall. */
enum ss_capture_result ss_capture_finish(struct ss_capture *capture); /* where another packet could start */
enum ss_capture_result ss_capture_cut(struct ss_capture *capture);    /* bytes are missing */
enum ss_capture_result ss_capture_bad(struct ss_capture *capture, const char *why);

uint8_t ss_capture_link(uint32_t link_type);
bool ss_capture_add_interface(struct ss_capture *capture, const struct ss_interface *interface);

/* The first header; false with capture->error set. */
bool ss_pcap_open(struct ss_capture *capture);
bool ss_pcapng_open(struct ss_capture *capture);

enum ss_capture_result ss_pcap_next(struct ss_capture *capture, struct ss_frame *ret_frame);
enum ss_capture_result ss_pcapng_next(struct ss_capture *capture, struct ss_frame *ret_frame);

/* The next thing in the file is a packet, and all of it is in the window. */
bool ss_pcap_is_at_hand(const struct ss_capture *capture);
bool ss_pcapng_is_at_hand(const struct ss_capture *capture);

bool ss_pcap_is(const uint8_t magic[4]);
bool ss_pcapng_is(const uint8_t magic[4]);
