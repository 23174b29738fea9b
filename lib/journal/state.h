// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Inside lib/journal: the state of a journal that is followed, shared by the files that do so and nobody
 * else.
 */

#include "journal/cursors.h"
#include "journal/directory.h"
#include "journal/journal.h"
#include "journal/taken.h"

#include "base/units.h"

#include <systemd/sd-journal.h>
#include <time.h>

#define SS_JOURNAL_HOSTS_MAX     256
#define SS_HOST_NAME_MAX         255
#define SS_JOURNAL_TEXT_BYTES    (512u << 10) /* of all of an entry's fields that the format wants */
#define SS_JOURNAL_TURN_ENTRIES  64           /* of one host before the next has its turn */
#define SS_JOURNAL_LOOK_EVERY_NS (2 * SS_NS_PER_S)

#define SS_JOURNAL_WHOLE_FILE "-" /* the host of a single file's only handle, which no host name can be */

/* SD_MESSAGE_JOURNAL_DROPPED: journald's rate limit, N_DROPPED says how many. */
#define SS_JOURNAL_DROPPED_ID "a596d6fe7bfa4994828e72309e95d61e"

struct ss_journal_host {
    char *name;
    sd_journal *handle; /* NULL: to be opened */
    char *cursor;       /* the last position that was taken over from the handle; NULL: none */
    char *marked;       /* the cursor at the last mark, for the cursor file; NULL: none */
    int64_t retry_ns;   /* when to try again to open it */
    bool moved;         /* the handle was moved since cursor was taken */
    bool at_entry;      /* the handle stands on an entry that was not read yet */
    bool watched;       /* its inotify works */
    bool stale;         /* files came or went that it does not know of */
    bool absent;        /* nothing of it is left in the directory */
};

struct ss_journal {
    char *directory;
    char **matches;
    char *cursor_file;
    unsigned source;
    bool from_start;
    struct ss_format *format;
    struct ss_directory looked; /* as it was when it was last looked at */
    bool gone;
    size_t refused_hosts;
    size_t refused_files;

    sd_journal *watch; /* without matches: knows hosts and files */
    int64_t next_look_ns, next_rescan_ns;
    struct ss_journal_host hosts[SS_JOURNAL_HOSTS_MAX];
    size_t host_count;
    struct ss_cursors saved; /* as loaded */
    int64_t since_ns;        /* new hosts are read from here on */
    bool opened;
    bool unmarked;     /* a cursor moved since the last mark */
    bool unsaved;      /* a marked one was not given to be saved yet */
    int64_t marked_ns; /* when that was */

    int epoll_fd, more_fd; /* more_fd keeps epoll_fd readable when a round was cut short */
    bool in_round;
    size_t current, drained;
    int round_left, turn_left;

    struct ss_journal_counters counters;
    struct ss_entry_field fields[SS_WANTED_MAX + 2];
    char *text; /* the fields' values: libsystemd's are gone with the next question */
};

/* Handles: handle.c. 0 or a negative errno; -EMFILE: libsystemd would have left out files. */
int ss_handle_open(struct ss_journal *journal, sd_journal **ret_handle);
/* The host's entries that match the configuration, or say that journald dropped some. */
int ss_handle_match(const struct ss_journal *journal, sd_journal *handle, const char *host_name);
/* Whether it can be waited for. A file system that does not tell is looked at twice a second by the caller.
 */
bool ss_handle_poll(struct ss_journal *journal, sd_journal *handle);

/* One host: host.c */
int ss_host_open(struct ss_journal *journal, struct ss_journal_host *host);
void ss_host_close(struct ss_journal *journal, struct ss_journal_host *host); /* it knows where it was */
void ss_host_free(struct ss_journal_host *host);
void ss_host_keep_cursor(struct ss_journal *journal, struct ss_journal_host *host);

/* All hosts: hosts.c */
struct ss_journal_host *ss_hosts_find(struct ss_journal *journal, const char *name, size_t length);
/* 0, -ENOSPC: there is no place for it, or -ENOMEM. */
int ss_hosts_add(struct ss_journal *journal, const char *name, size_t length);
int ss_hosts_look(struct ss_journal *journal); /* in the directory, for new ones */
void ss_hosts_mark_stale(struct ss_journal *journal, bool all);

/* The directory: watch.c */
int ss_watch_open(struct ss_journal *journal);
void ss_watch_turn(struct ss_journal *journal);

/* Entries: entry.c. False: no event, or one that is not wanted, and counted. */
bool ss_entry_read(struct ss_journal *journal, const struct ss_journal_host *host,
                   struct ss_event *ret_event);

/* Positions: positions.c. A cursor file that cannot be read is as good as none, and counted. */
void ss_positions_load(struct ss_journal *journal);

static inline int64_t ss_journal_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * SS_NS_PER_S + now.tv_nsec;
}
