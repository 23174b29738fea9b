// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Reads capture files: pcap (all four magics) and pcapng, from a file or a pipe.
 *
 * Keeps nanoseconds. Every interface of a pcapng file has its own link type and resolution; frame.port counts
 * interfaces over the file. Only one block is in memory at a time; a block larger than
 * SS_CAPTURE_BLOCK_MAX is refused. The frame's bytes are valid until the next call.
 *
 * Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
 */

#include "packet/frame.h"

#include <stddef.h>
#include <stdint.h>

#define SS_CAPTURE_BLOCK_MAX (16u << 20)

struct ss_capture;

enum ss_capture_result {
    SS_CAPTURE_FRAME, /* *ret_frame is the next one */
    SS_CAPTURE_END,   /* the file ended where it should */
    SS_CAPTURE_CUT,   /* the file ends inside its last packet or block */
    SS_CAPTURE_BAD,   /* what follows is no capture: ss_capture_error() says why */
};

/* fd is borrowed. 0; -EINVAL where the file is no capture, -ENOMEM, or the negative errno of a read; then
 * *ret_why is a static sentence. */
int ss_capture_open(int fd, struct ss_capture **ret_capture, const char **ret_why);
void ss_capture_close(struct ss_capture *capture);

enum ss_capture_result ss_capture_next(struct ss_capture *capture, struct ss_frame *ret_frame);

/* The same for up to max frames, all valid until the next call: as many as are at hand without reading on.
 * FRAME: *ret_count > 0; else why there are no more, and *ret_count is 0. */
enum ss_capture_result ss_capture_burst(struct ss_capture *capture, struct ss_frame *ret_frames, unsigned max,
                                        unsigned *ret_count);

/* A static sentence for SS_CAPTURE_CUT and SS_CAPTURE_BAD. */
const char *ss_capture_error(const struct ss_capture *capture);

/* Bytes consumed so far, for progress. */
uint64_t ss_capture_position(const struct ss_capture *capture);
