// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The directory of flows on disk: DIRECTORY/YYYY-MM-DD/<id>.pcapng, flows.jsonl, unmatched.jsonl.
 *
 * Files are written under a hidden name, synced, renamed, and their directory synced: what has its name is
 * whole. A record is appended, in one write and synced, after its pcapng, and always: where there is no
 * pcapng, it says why (the rates, a disk that is nearly full or fails). Opening the store puts in order what
 * a crash left, at whatever moment it came: see files.h.
 *
 * Flows that are given together share what waits for the disk longest: the directory is synced once for their
 * pcapng files, and their records are appended in one write and synced once. Should that fail, each record is
 * written by itself.
 *
 *     for (i = 0; i < count; i++)
 *         ss_store_write(store, &flows[i], now_ns);
 *     ss_store_sync(store);
 *
 * Past the quota the oldest days' files go first. A day's flows.jsonl that would have more than a quarter of
 * it becomes flows.1.jsonl, in the place of the one before, and a day's unmatched.jsonl ends at a sixteenth,
 * so that storms do not drive the newest flows out. The day is that of the flow's start, or of the event's
 * entry where that is near now: a clock that is set back changes neither it nor the flow's id. Names are made
 * of digits and dashes only; nothing of the input becomes a path. Files have mode 0640, directories 0750.
 *
 * Blocking calls, for a thread of their own; the store itself keeps no lock.
 */

#include "export/files.h"
#include "export/pcapng.h"
#include "export/record.h"
#include "history/history.h"
#include "join/join.h"

#include <stddef.h>
#include <stdint.h>

struct ss_store;

struct ss_store_counters {
    uint64_t records, pcapngs, unmatched; /* written */
    /* Not written, by reason. */
    uint64_t records_unwritten[SS_UNWRITTEN_COUNT];
    uint64_t pcapngs_unwritten[SS_UNWRITTEN_COUNT];
    uint64_t unmatched_unwritten[SS_UNWRITTEN_COUNT];
    uint64_t ends_left_out; /* further revisions (is_end) whose pcapng there was no file for, or no room */
    uint64_t quota_removed; /* files removed for the quota */
    uint64_t bytes;         /* in the directory now */
    struct ss_files_found found;
    int last_errno;
};

#define SS_STORE_GROUP    256 /* flows that are synced together, at most, */
#define SS_STORE_PCAPNGS  16  /* and of them, those with a pcapng: each of these costs a sync of its own */
#define SS_STORE_PATH_MAX (SS_FILES_DAY_MAX + SS_FILES_NAME_MAX)

/* One flow to write, and what became of it. */
struct ss_store_flow {
    struct ss_record record; /* pcapng, pcapng_skipped, packets and packets_missing: the store's */
    const struct ss_history_record *packets; /* any order */
    size_t packet_count;
    uint64_t packets_missing;
    bool is_end; /* of a flow that has its record: written only where its pcapng can be replaced */

    /* The store's. */
    bool is_written; /* the record is on disk */
    bool is_new;     /* there was no pcapng of its name */
    int error; /* negative errno of what failed first; 0: nothing, what is left out is left out by decision */
    char path[SS_STORE_PATH_MAX]; /* record.pcapng, if it has one */
};

struct ss_store_config {
    const char *directory;
    const char *setting;  /* that names the directory, for errors; NULL: export.directory */
    uint64_t quota_bytes; /* 0: none */
    uint32_t rate;        /* pcapng files a second; 0: none */
    bool headers_only;    /* keep headers and handshake records only */
    const struct ss_pcapng_interface *interfaces; /* borrowed, with their names, for the store's life */
    unsigned interface_count;
    const struct ss_packet_settings *packet; /* borrowed likewise; NULL: see ss_packet_decode() */
};

/* 0; negative errno with a sentence in ret_why (not writable, and what to do). */
int ss_store_open(const struct ss_store_config *config, struct ss_store **ret_store, char *ret_why,
                  size_t why_bytes);
void ss_store_close(struct ss_store *store);

/* A flow, whose answer is known once ss_store_sync has returned: flow, and what its record points to, is
 * borrowed until then, its packets for this call. A further revision's pcapng replaces the one before, and
 * costs export.rate nothing more. now_ns: for rate and quota. */
void ss_store_write(struct ss_store *store, struct ss_store_flow *flow, int64_t now_ns);
/* An event without a flow; it is on disk once ss_store_sync has returned 0. -EDQUOT: the day's
 * unmatched.jsonl has its share. now_ns: for the quota, and the
 * day of an entry that is more than two days from it. */
int ss_store_unmatched(struct ss_store *store, const char *sensor, const struct ss_event *event,
                       enum ss_unmatched reason, const struct ss_unmatched_note *note, int64_t now_ns);
/* 0, or the first negative errno of events. */
int ss_store_sync(struct ss_store *store);

const struct ss_store_counters *ss_store_counters(const struct ss_store *store);
