// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The directory of flows on disk: DIRECTORY/YYYY-MM-DD/<id>.pcapng, flows.jsonl, unmatched.jsonl.
 *
 * Files are written under a hidden name (".<id>.pcapng.tmp"), synced, renamed, and their directory synced:
 * what has its name is whole. A record is appended, in one write and synced, after its pcapng. Hidden
 * leftovers of a crash are removed, and a last line that was cut is ended, when the store is opened. Past the
 * quota the oldest days' files go first. Names are made of digits and dashes only; nothing of the input
 * becomes a path. Files have mode 0640, directories 0750.
 *
 * Blocking calls, for a thread of their own; the store itself keeps no lock.
 */

#include "export/record.h"
#include "history/history.h"
#include "join/join.h"
#include "export/pcapng.h"

#include <stddef.h>
#include <stdint.h>

struct ss_store;

struct ss_store_counters {
    uint64_t records, pcapngs, unmatched;  /* written */
    uint64_t record_errors, pcapng_errors; /* failed */
    uint64_t rate_limited;                 /* records whose pcapng the rate forbade */
    uint64_t quota_removed;                /* files removed for the quota */
    uint64_t bytes;                        /* in the directory now */
    int last_errno;
};

/* One flow to write. */
struct ss_store_flow {
    struct ss_record record; /* pcapng, packets and packets_missing are filled in by the store */
    const struct ss_history_record *packets; /* any order */
    size_t packet_count;
    uint64_t packets_missing;
};

struct ss_store_config {
    const char *directory;
    uint64_t quota_bytes;                         /* 0: none */
    uint32_t rate;                                /* pcapng files a second; 0: none */
    bool headers_only;                            /* keep headers and handshake records only */
    const struct ss_pcapng_interface *interfaces; /* borrowed, with their names, for the store's life */
    unsigned interface_count;
};

/* 0; negative errno with a sentence in ret_why (not writable, and what to do). */
int ss_store_open(const struct ss_store_config *config, struct ss_store **ret_store, char *ret_why,
                  size_t why_bytes);
void ss_store_close(struct ss_store *store);

/* 0; negative errno of what failed first. now_ns: for rate and quota. */
int ss_store_write(struct ss_store *store, struct ss_store_flow *flow, int64_t now_ns);
int ss_store_unmatched(struct ss_store *store, const char *sensor, const struct ss_event *event,
                       enum ss_unmatched reason, const struct ss_unmatched_note *note);

const struct ss_store_counters *ss_store_counters(const struct ss_store *store);
