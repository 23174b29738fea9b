// SPDX-License-Identifier: BSD-3-Clause

/* Rounds over the hosts: some entries of one, then the next has its turn. */

#include "journal/state.h"

#include <unistd.h>

#define ROUND_ENTRIES 512 /* work of ss_journal_next until it returns 0 */
#define OPENING_COSTS 64  /* opening a handle counts as so many entries */

/* Opens a host's handle where there is none, or again where it does not know of all files. False: not now. */
static bool ready(struct ss_journal *journal, struct ss_journal_host *host)
{
    if (host->handle != NULL && !host->stale)
        return true;
    int64_t now_ns = ss_journal_clock(CLOCK_MONOTONIC);
    if (journal->gone || now_ns < host->retry_ns)
        return host->handle != NULL;
    journal->round_left -= OPENING_COSTS;
    if (host->handle != NULL)
        ss_host_close(journal, host);
    if (ss_host_open(journal, host) == 0)
        return true;
    journal->counters.errors++;
    host->retry_ns = now_ns + SS_JOURNAL_LOOK_EVERY_NS;
    return false;
}

enum step { STEP_EVENT, STEP_ENTRY, STEP_NOTHING };

static enum step step(struct ss_journal *journal, struct ss_journal_host *host, struct ss_event *ret_event)
{
    if (!ready(journal, host))
        return STEP_NOTHING;
    int moved = host->at_entry ? 1 : sd_journal_next(host->handle);
    if (moved < 0)
        journal->counters.errors++;
    if (moved <= 0) {
        ss_host_keep_cursor(journal, host);
        return STEP_NOTHING;
    }
    host->at_entry = false;
    host->moved = true;
    return ss_entry_read(journal, host, ret_event) ? STEP_EVENT : STEP_ENTRY;
}

static void next_host(struct ss_journal *journal)
{
    journal->current = (journal->current + 1) % journal->host_count;
    journal->turn_left = SS_JOURNAL_TURN_ENTRIES;
}

static void start_round(struct ss_journal *journal)
{
    uint64_t told;
    while (read(journal->more_fd, &told, sizeof(told)) > 0)
        continue;
    ss_watch_turn(journal);
    journal->in_round = true;
    journal->drained = 0;
    journal->round_left = ROUND_ENTRIES;
}

static void end_round(struct ss_journal *journal)
{
    const uint64_t more = 1;
    journal->in_round = false;
    if (journal->drained < journal->host_count && write(journal->more_fd, &more, sizeof(more)) < 0)
        journal->counters.errors++;
}

int ss_journal_next(struct ss_journal *journal, struct ss_event *ret_event)
{
    if (!journal->in_round)
        start_round(journal);
    while (journal->round_left > 0 && journal->drained < journal->host_count) {
        enum step did = step(journal, &journal->hosts[journal->current], ret_event);
        if (did == STEP_NOTHING) {
            journal->drained++;
            next_host(journal);
            continue;
        }
        journal->drained = 0;
        journal->round_left--;
        if (--journal->turn_left <= 0)
            next_host(journal);
        if (did == STEP_EVENT)
            return 1;
    }
    end_round(journal);
    return 0;
}

int ss_journal_fd(const struct ss_journal *journal)
{
    return journal->epoll_fd;
}

const struct ss_journal_counters *ss_journal_counters(const struct ss_journal *journal)
{
    return &journal->counters;
}

size_t ss_journal_files(const struct ss_journal *journal)
{
    return journal->looked.files;
}
