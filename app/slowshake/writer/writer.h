// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The thread that writes flows and positions in the journals to disk, and remembers the latest records for
 * telemetry.
 *
 * Control hands jobs over a ring and never waits: a full ring refuses the job. The writer owns the store, the
 * origins and the socket to the local journal.
 */

#include "config/config.h"
#include "export/store.h"
#include "journal/journal.h"
#include "origin/origin.h"
#include "worker/worker.h"

#define SS_WRITER_RECENT    256 /* records kept for telemetry */
#define SS_WRITER_JOBS      256 /* waiting to be written */
#define SS_WRITER_WHY_BYTES 256

/* An event belongs to one of two epochs: see control/control.c. */
#define SS_EPOCHS 2

struct ss_writer;

/* A further event of a job. */
struct ss_writer_event {
    struct ss_writer_event *next;
    struct ss_event event;
};

/* A flow to write, or (is_flow == false) an event that found none. Control fills it, the writer frees it with
 * its blocks. */
struct ss_writer_job {
    bool is_flow;
    bool has_event;
    bool is_end;                    /* see struct ss_store_flow */
    unsigned events[SS_EPOCHS];     /* so many events, by epoch, wait for this to be durable */
    struct ss_export_block *blocks; /* copies, chained, the first with the finding; each to be freed */
    size_t bytes; /* of the blocks and further events, subtracted from *held when they are freed */
    _Atomic size_t *held;
    struct ss_event event;        /* of several, the longest */
    struct ss_writer_event *more; /* the others, as far as there was room for them */
    int64_t clock_offset_ns;
    uint32_t mirror_loss_ppm;
    unsigned revision;
    enum ss_unmatched reason; /* without a flow */
    struct ss_unmatched_note note;
};

struct ss_writer_view {
    struct ss_store_counters store;
    uint64_t jobs;                      /* written, or failed */
    uint64_t refused;                   /* how often the ring was full; the job was offered again */
    uint64_t journal_errors;            /* summaries that did not go out */
    uint64_t events_durable[SS_EPOCHS]; /* events of jobs that are on disk, by epoch */
    uint64_t events_failed[SS_EPOCHS];  /* events of jobs that could not be written */
    /* Of flows with a full handshake, and with a resumed one, each once; the proxy's report included where it
     * came first. */
    uint64_t verdicts[2][SS_VERDICT_COUNT];
};

/* One record in a few words. */
struct ss_writer_flow {
    char id[SS_ID_TEXT_MAX];
    int64_t start_ns, duration_ns;
    struct ss_endpoint client, server;
    enum ss_verdict verdict;
    enum ss_confidence confidence;
    char outcome[SS_OUTCOME_TEXT_MAX];
    unsigned revision;
    bool resumed;
    bool has_event;
    int64_t proxy_ns; /* the proxy's number; -1: none */
    char sni[SS_SNI_MAX];
    char why[SS_WRITER_WHY_BYTES];
};

/* The interfaces are borrowed; of config nothing is. 0; -errno with a sentence. */
int ss_writer_start(const struct ss_config *config, const struct ss_pcapng_interface *interfaces,
                    unsigned interface_count, struct ss_writer **ret_writer, char *ret_why, size_t why_bytes);
/* Finishes what was handed over, then ends the thread. NULL: nothing to do. */
void ss_writer_stop(struct ss_writer *writer);

/* False: the ring is full; the job stays the caller's. Control only. */
bool ss_writer_give(struct ss_writer *writer, struct ss_writer_job *job);
void ss_writer_job_free(struct ss_writer_job *job);

/* Another configuration for export and origins: the writer opens them between jobs, at its own time.
 * config is borrowed until ss_writer_configured says true, once: then *ret_error is 0, or a negative errno
 * with a sentence and the old ones stay. Control only. */
void ss_writer_configure(struct ss_writer *writer, const struct ss_config *config);
bool ss_writer_configured(struct ss_writer *writer, int *ret_error, char *ret_why, size_t why_bytes);

/* A journal's positions to be saved: the writer does that between two jobs, at its own time; those that it
 * has not begun with give way. Takes them over. ss_writer_saved says true, once: *ret_error is 0 or a
 * negative errno, of the latest. Control only. */
void ss_writer_save(struct ss_writer *writer, unsigned journal, struct ss_positions *positions);
bool ss_writer_saved(struct ss_writer *writer, unsigned journal, int *ret_error);

/* The rest: any thread. */
void ss_writer_view(const struct ss_writer *writer, struct ss_writer_view *ret_view);

/* The i-th latest record (0: the newest); false: there is none. And one as JSON text, by id, the last
 * revision; the caller frees *ret_json. */
unsigned ss_writer_recent_count(struct ss_writer *writer);
bool ss_writer_recent(struct ss_writer *writer, unsigned i, struct ss_writer_flow *ret_flow);
bool ss_writer_recent_by_id(struct ss_writer *writer, const char *id, char **ret_json);

/* Counts of flagged flows by client origin, full handshakes and resumed ones apart, most first: up to max of
 * them from offset on; returns the number of origins. "" stands for clients that no prefix names, "..." for
 * origins beyond the first few thousand. */
struct ss_writer_origin {
    char name[SS_ORIGIN_NAME_MAX];
    uint64_t flows[2], verdicts[2][SS_VERDICT_COUNT];
};
unsigned ss_writer_origins(struct ss_writer *writer, unsigned offset, unsigned max,
                           struct ss_writer_origin *ret_origins);
