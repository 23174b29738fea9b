// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The control loop, on the main lcore: news and export blocks from the analyzers, events from the journals,
 * their join, what is to be written and when, calibration of the clock, watching ports, signals, reload.
 *
 * Never blocks: journals are polled, files belong to the writer thread.
 */

#include "appliance.h"
#include "join/join.h"
#include "journal/journal.h"

struct ss_control_view {
    struct ss_join_counters join;
    struct ss_journal_counters journals[SS_JOURNALS_MAX];
    unsigned journal_count;
    char journal_errors[SS_JOURNALS_MAX][160]; /* "" while well */
    struct ss_join_host hosts[SS_JOIN_HOSTS];
    unsigned host_count;
    int64_t join_age_ns;     /* of the oldest handshake that the join knows; 0: none */
    uint64_t flagged;        /* flows flagged, by wire or proxy */
    uint64_t events_again;   /* read again after a restart, or a journal's reopening, and left alone */
    uint64_t events_pending; /* read, and not yet on disk or counted as not written */
    uint64_t exports_asked, exports_done, exports_gone, exports_refused, events_refused, unmatched_refused;
    uint64_t mirror_seen_bytes,
        mirror_missing_bytes; /* of handshakes: shown, and acknowledged but never shown */
    uint32_t mirror_loss_ppm; /* of the worst second of the last minute */
    uint64_t clock_steps;
    uint32_t clock_error_ns;
    double clock_ppm; /* measured counter rate against the rate that DPDK reports */
    uint64_t reloads, reload_errors;
};

struct ss_control;

/* Opens the journals and starts to listen for signals, which the caller has blocked. 0; -errno with a
 * sentence. */
int ss_control_create(struct ss_appliance *appliance, struct ss_control **ret_control, char *ret_why,
                      size_t why_bytes);
/* Until SIGTERM or SIGINT; then finishes what is under way, a few seconds at most, and sets appliance->stop.
 */
void ss_control_run(struct ss_control *control);
/* NULL: nothing to do. The writer must have ended. */
void ss_control_free(struct ss_control *control);

/* Any thread. */
void ss_control_view(const struct ss_control *control, struct ss_control_view *ret_view);
/* The configuration in effect as JSON text, which the caller frees; NULL: no memory. Any thread. */
char *ss_control_config(struct ss_control *control);
/* Directory of the i-th journal, cut to the room there is; "" where there is none. Any thread. */
void ss_control_journal_directory(struct ss_control *control, unsigned i, char *ret_text, size_t bytes);
