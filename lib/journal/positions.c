// SPDX-License-Identifier: BSD-3-Clause

/* How far each host was read: marked when all before was given, and kept in the cursor file. */

#include "journal/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ss_positions {
    char *file;
    struct ss_cursors cursors;
};

/* The clock of a host that is new may be behind ours, and its entries may have waited on the way here. */
#define NEW_HOST_BACK_NS (3600 * SS_NS_PER_S)

/* A cursor file that cannot be read is as good as none, and counted; it is written anew. */
void ss_positions_load(struct ss_journal *journal)
{
    int64_t start_ns = ss_journal_clock(CLOCK_REALTIME);
    if (!journal->from_start && journal->cursor_file != NULL) {
        int error = ss_cursors_load(journal->cursor_file, &journal->saved);
        journal->counters.errors += error != 0 && error != -ENOENT;
    }
    if (journal->saved.saved_ns > 0 && journal->saved.saved_ns < start_ns)
        start_ns = journal->saved.saved_ns;
    journal->since_ns = start_ns > NEW_HOST_BACK_NS ? start_ns - NEW_HOST_BACK_NS : 0;
}

/* Without memory for it, a host stays at the mark it had. */
static void mark_host(struct ss_journal *journal, struct ss_journal_host *host)
{
    ss_host_keep_cursor(journal, host);
    char *marked = host->cursor != NULL ? strdup(host->cursor) : NULL;
    if (marked == NULL)
        return;
    free(host->marked);
    host->marked = marked;
}

void ss_journal_mark(struct ss_journal *journal)
{
    for (size_t i = 0; i < journal->host_count; i++)
        mark_host(journal, &journal->hosts[i]);
    journal->marked_ns = ss_journal_clock(CLOCK_REALTIME);
    journal->unsaved |= journal->unmarked;
    journal->unmarked = false;
}

/* A host whose journal has gone is still in the file: it may come back. */
static int add_hosts(struct ss_journal *journal, struct ss_cursors *cursors)
{
    int error = 0;
    for (size_t i = 0; i < journal->host_count && error == 0; i++)
        if (journal->hosts[i].marked != NULL)
            error = ss_cursors_add(cursors, journal->hosts[i].name, journal->hosts[i].marked);
    for (size_t i = 0; i < journal->saved.count && cursors->count < 2 * SS_JOURNAL_HOSTS_MAX && error == 0;
         i++) {
        const struct ss_cursor *old = &journal->saved.list[i];
        if (ss_hosts_find(journal, old->host, strlen(old->host)) == NULL)
            error = ss_cursors_add(cursors, old->host, old->cursor);
    }
    return error;
}

struct ss_positions *ss_journal_positions(struct ss_journal *journal)
{
    if (journal->cursor_file == NULL || !journal->unsaved)
        return NULL;
    struct ss_positions *positions = calloc(1, sizeof(*positions));
    if (positions == NULL)
        return NULL;
    positions->file = strdup(journal->cursor_file);
    positions->cursors.saved_ns = journal->marked_ns;
    if (positions->file == NULL || add_hosts(journal, &positions->cursors) != 0) {
        ss_positions_free(positions);
        return NULL;
    }
    journal->unsaved = false;
    return positions;
}

int ss_positions_save(const struct ss_positions *positions)
{
    return ss_cursors_save(positions->file, &positions->cursors);
}

void ss_positions_free(struct ss_positions *positions)
{
    if (positions == NULL)
        return;
    ss_cursors_free(&positions->cursors);
    free(positions->file);
    free(positions);
}

void ss_journal_not_saved(struct ss_journal *journal)
{
    journal->unsaved = true;
}

int64_t ss_journal_saved_ns(const struct ss_journal *journal)
{
    return journal->saved.saved_ns;
}
