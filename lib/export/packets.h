// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* A flow's packets from both tiers of the history to its pcapng file. Part of store.c. */

#include "analyzer/finding.h"
#include "export/pcapng.h"
#include "history/history.h"

#include <stdbool.h>
#include <stddef.h>

#define SS_PACKETS_INTERFACES_MAX 256

/* Frames alone, by time and number, each once. ret_sorted has room for count pointers into records. Returns
 * how many. */
size_t ss_packets_sort(const struct ss_history_record *records, size_t count,
                       const struct ss_history_record **ret_sorted);

struct ss_packets {
    const struct ss_history_record *const *sorted;
    size_t count;
    const struct ss_finding *finding;
    const struct ss_pcapng_interface *interfaces;
    unsigned interface_count; /* ports beyond get an interface block of their own, named after their number */
    bool headers_only;        /* see ss_packets_kept */
    const struct ss_packet_settings *settings;
};

/* The whole file, comment in its section, each mark as a comment of its packet. 0 or a negative errno. */
int ss_packets_write(const struct ss_packets *packets, const char *comment, int fd, struct ss_pcapng *writer);

/* How many of the packet's bytes headers_only keeps: all from the first mark of TLS to the last one, of what
 * was said before and after it only the headers. */
uint32_t ss_packets_kept(const struct ss_finding *finding, const struct ss_packet_settings *settings,
                         const struct ss_history_record *packet);
