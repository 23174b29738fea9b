// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Follows a journal directory and gives events. This folder alone includes libsystemd's journal header.
 *
 * A directory may hold journals of several hosts whose entries arrive late and out of order: libsystemd skips
 * what sorts before the position it has reached, so each host has a handle of its own with a _HOSTNAME=
 * match; new hosts are found while following, and take the places of those that went. The position of every
 * host is kept in the cursor file: it is marked when no event is under way to the caller, and given to be
 * saved once all events given before the mark were handled. So nothing is lost, and what comes twice has the
 * same cursor.
 *
 * Non-blocking: an fd to poll, and bounded work a call. One thread. A directory that cannot be read is an
 * error, never an empty journal.
 */

#include "config/config.h"
#include "journal/event.h"
#include "journal/format.h"

struct ss_journal;
struct ss_positions;

struct ss_journal_counters {
    uint64_t entries;                         /* read, matching */
    uint64_t results[SS_FORMAT_RESULT_COUNT]; /* entries = sum */
    uint64_t suppressed; /* entries that journald itself dropped (its rate limit), as it announced */
    uint64_t rotations;
    uint64_t errors;
    unsigned hosts;
};

/* Opens for following: from the cursors in config->cursor_file, else from now; or from_start: every entry
 * there is. The directory may be a single file, too, where from_start. 0; negative errno with a sentence in
 * ret_why that names the directory and what to do. */
int ss_journal_open(const struct ss_config_journal *config, unsigned source, bool from_start,
                    struct ss_journal **ret_journal, char *ret_why, size_t why_bytes);
void ss_journal_close(struct ss_journal *journal);

/* An epoll fd that is readable when something may have changed. Also call ss_journal_next at least twice a
 * second: some file systems do not tell. */
int ss_journal_fd(const struct ss_journal *journal);

/* The next event: 1; 0: nothing more now (or the bound of work for this call was reached and fd stays
 * readable); negative errno. */
int ss_journal_next(struct ss_journal *journal, struct ss_event *ret_event);

/* Remembers how far each host was read. */
void ss_journal_mark(struct ss_journal *journal);
/* All events given before the mark were handled: the positions at the mark, to be saved. NULL: they are as
 * given before, there is no cursor file, or no memory. They are the caller's, and a copy: whoever saves them
 * may be another thread. */
struct ss_positions *ss_journal_positions(struct ss_journal *journal);
/* They could not be saved: the next positions are given though they did not move. */
void ss_journal_not_saved(struct ss_journal *journal);

/* Writes the cursor file (hidden file, synced, renamed); blocks. 0 or a negative errno. */
int ss_positions_save(const struct ss_positions *positions);
void ss_positions_free(struct ss_positions *positions);

/* When the cursor file that it was opened with was written; 0: there was none. */
int64_t ss_journal_saved_ns(const struct ss_journal *journal);

const struct ss_journal_counters *ss_journal_counters(const struct ss_journal *journal);

/* Journal files in the directory when it was last looked at: none is no error where it is followed. */
size_t ss_journal_files(const struct ss_journal *journal);
