// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What the writer does with jobs, and what it has open for that: store, origins, the journal's socket. The
 * writer's thread alone; blocking. */

#include "writer/recent.h"
#include "writer/writer.h"

/* What a configuration opens. */
struct ss_opened {
    struct ss_store *store;     /* NULL: nothing is exported */
    struct ss_origins *origins; /* NULL: none */
    bool to_journal;
};

struct ss_writing_flow {
    struct ss_writer_job *job;
    struct ss_store_flow flow;
};

struct ss_writing {
    char sensor[SS_CONFIG_NAME_MAX];
    const struct ss_pcapng_interface *interfaces; /* borrowed */
    unsigned interface_count;
    struct ss_packet_settings packet; /* as at the start */
    int journal_fd;
    struct ss_opened opened;
    struct ss_store_counters past; /* of stores that were closed since */
    struct ss_writer_view view;    /* but refused, and store: see ss_writing_view */
    struct ss_recent *recent;      /* borrowed */
    /* Of the jobs at hand: flows, and events that are written and not synced. */
    struct ss_writing_flow flows[SS_WRITER_JOBS];
    unsigned flow_count;
    uint64_t unsynced[SS_EPOCHS];
};

/* Opens what config says; on success what was open before is closed, else it stays. 0; -errno with a
 * sentence. */
int ss_writing_open(struct ss_writing *writing, const struct ss_config *config, char *ret_why,
                    size_t why_bytes);
void ss_writing_close(struct ss_writing *writing);

/* Writes, remembers and frees the jobs, at most SS_WRITER_JOBS; they share what waits for the disk longest.
 */
void ss_writing_jobs(struct ss_writing *writing, struct ss_writer_job *const *jobs, unsigned count);

void ss_writing_view(const struct ss_writing *writing, struct ss_writer_view *ret_view);
