// SPDX-License-Identifier: BSD-3-Clause

/* One host: where its reading starts, and how far it has come. */

#include "journal/state.h"

#include <stdlib.h>

void ss_host_keep_cursor(struct ss_journal *journal, struct ss_journal_host *host)
{
    char *cursor;
    if (!host->moved || host->handle == NULL || host->at_entry ||
        sd_journal_get_cursor(host->handle, &cursor) < 0)
        return;
    free(host->cursor);
    host->cursor = cursor;
    host->moved = false;
    journal->unmarked = true;
}

static int seek_since(sd_journal *handle, int64_t since_ns)
{
    return sd_journal_seek_realtime_usec(handle, (uint64_t)(since_ns / SS_NS_PER_US));
}

static int seek_cursor(struct ss_journal *journal, struct ss_journal_host *host)
{
    int error = sd_journal_seek_cursor(host->handle, host->cursor);
    if (error < 0) { /* damaged: what may come twice is better than what does not come */
        journal->counters.errors++;
        return seek_since(host->handle, journal->since_ns);
    }
    int moved = sd_journal_next(host->handle);
    if (moved <= 0)
        return moved;
    if (sd_journal_test_cursor(host->handle, host->cursor) > 0)
        return 0;
    /* The entry is gone (rotated away), and this is the nearest one that is left. */
    journal->counters.errors++;
    host->at_entry = true;
    return 0;
}

/* Behind the last entry there is. With no entry yet, the tail would never move on to those that come. */
static int seek_tail(struct ss_journal_host *host)
{
    int error = sd_journal_seek_tail(host->handle);
    if (error < 0)
        return error;
    int moved = sd_journal_previous(host->handle);
    if (moved < 0)
        return moved;
    host->moved = moved > 0;
    return moved > 0 ? 0 : sd_journal_seek_head(host->handle);
}

static int seek_start(struct ss_journal *journal, struct ss_journal_host *host)
{
    if (host->cursor != NULL)
        return seek_cursor(journal, host);
    if (journal->from_start)
        return sd_journal_seek_head(host->handle);
    if (journal->opened || journal->saved.saved_ns > 0)
        return seek_since(host->handle, journal->since_ns);
    return seek_tail(host);
}

int ss_host_open(struct ss_journal *journal, struct ss_journal_host *host)
{
    int error = ss_handle_open(journal, &host->handle);
    if (error < 0)
        return error;
    error = ss_handle_match(journal, host->handle, host->name);
    if (error >= 0)
        error = seek_start(journal, host);
    if (error < 0) {
        sd_journal_close(host->handle);
        host->handle = NULL;
        return error;
    }
    host->watched = !journal->looked.is_file && ss_handle_poll(journal, host->handle);
    host->stale = false;
    return 0;
}

void ss_host_close(struct ss_journal *journal, struct ss_journal_host *host)
{
    ss_host_keep_cursor(journal, host);
    sd_journal_close(host->handle);
    host->handle = NULL;
    host->at_entry = host->moved = false;
}

void ss_host_free(struct ss_journal_host *host)
{
    sd_journal_close(host->handle);
    free(host->cursor);
    free(host->marked);
    free(host->name);
}
