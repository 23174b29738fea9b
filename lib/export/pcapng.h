// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Writes pcapng (draft-ietf-opsawg-pcapng): one section, nanoseconds, comments on the section and on packets.
 *
 * A buffer-to-fd writer, blocking: for a thread of its own. Errors stick: check ss_pcapng_finish.
 */

#include "packet/frame.h"

#include <stddef.h>
#include <stdint.h>

#define SS_PCAPNG_BUFFER (64u * 1024)

struct ss_pcapng {
    int fd;    /* borrowed */
    int error; /* first negative errno, or 0 */
    size_t used;
    uint64_t bytes; /* written in all */
    unsigned char buffer[SS_PCAPNG_BUFFER];
};

struct ss_pcapng_interface {
    const char *name;
    uint8_t link; /* enum ss_link */
    uint32_t snaplen;
};

/* Section header with comment (NULL: none; cut at the 65535 bytes an option can hold), then one interface
 * block each. */
void ss_pcapng_begin(struct ss_pcapng *writer, int fd, const char *comment,
                     const struct ss_pcapng_interface *interfaces, unsigned interface_count);
/* comments: count strings, each an opt_comment of the packet. frame->port is the interface's index. */
void ss_pcapng_packet(struct ss_pcapng *writer, const struct ss_frame *frame, const char *const *comments,
                      unsigned count);
/* Flushes. 0 or the first negative errno. */
int ss_pcapng_finish(struct ss_pcapng *writer);
