// SPDX-License-Identifier: BSD-3-Clause

/* Looks at the directory: whether it is there, which files and hosts it has, and whether anything changed. */

#include "journal/state.h"

#define LOOK_SOONEST_NS (200 * SS_NS_PER_MS)
#define RESCAN_EVERY_NS (10 * SS_NS_PER_S)

int ss_watch_open(struct ss_journal *journal)
{
    int error = ss_handle_open(journal, &journal->watch);
    if (error < 0)
        return error;
    if (!journal->looked.is_file)
        ss_handle_poll(journal, journal->watch);
    return 0;
}

static void count_refused_files(struct ss_journal *journal, const struct ss_directory *looked)
{
    if (looked->refused > journal->refused_files)
        journal->counters.errors += looked->refused - journal->refused_files;
    journal->refused_files = looked->refused;
}

/* False: the directory is not there, or not again. */
static bool check_directory(struct ss_journal *journal)
{
    struct ss_directory looked;
    char why[8];
    if (ss_directory_look(journal->directory, &looked, why, sizeof(why)) != 0) {
        journal->counters.errors += !journal->gone;
        journal->gone = true;
        return false;
    }
    bool same = looked.device == journal->looked.device && looked.inode == journal->looked.inode;
    count_refused_files(journal, &looked);
    if (same && !journal->gone && looked.is_file == journal->looked.is_file) {
        journal->looked = looked;
        return true;
    }
    journal->looked = looked;
    sd_journal_close(journal->watch);
    journal->watch = NULL;
    journal->gone = true;
    if (ss_watch_open(journal) < 0)
        return false;
    journal->gone = false;
    ss_hosts_mark_stale(journal, true);
    return true;
}

/* What libsystemd saw: new entries, or that files came and went. */
static bool process_changes(struct ss_journal *journal)
{
    bool changed = journal->watch != NULL && sd_journal_process(journal->watch) == SD_JOURNAL_INVALIDATE;
    for (size_t i = 0; i < journal->host_count; i++)
        if (journal->hosts[i].handle != NULL)
            sd_journal_process(journal->hosts[i].handle);
    if (changed) {
        journal->counters.rotations++;
        ss_hosts_mark_stale(journal, false);
    }
    return changed;
}

/* The directory and the hosts in it, once in a while and soon after a change. */
static void look(struct ss_journal *journal, bool changed)
{
    int64_t now_ns = ss_journal_clock(CLOCK_MONOTONIC);
    if (changed && journal->next_look_ns > now_ns + LOOK_SOONEST_NS)
        journal->next_look_ns = now_ns + LOOK_SOONEST_NS;
    if (now_ns < journal->next_look_ns)
        return;
    journal->next_look_ns = now_ns + SS_JOURNAL_LOOK_EVERY_NS;
    if (!check_directory(journal))
        return;
    /* A network file system does not tell of new files. */
    if (!journal->looked.is_file && now_ns >= journal->next_rescan_ns &&
        sd_journal_reliable_fd(journal->watch) == 0) {
        journal->next_rescan_ns = now_ns + RESCAN_EVERY_NS;
        ss_hosts_mark_stale(journal, true);
    }
    if (!journal->looked.is_file && ss_hosts_look(journal) < 0)
        journal->counters.errors++;
}

void ss_watch_turn(struct ss_journal *journal)
{
    look(journal, process_changes(journal));
}
