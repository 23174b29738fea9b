// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The store's files: a directory of day directories (YYYY-MM-DD), what is put into them and what is removed.
 *
 * Part of store.c, which decides what is written; here is how. Everything is opened relative to a directory
 * that is held open, symbolic links are not followed, and what was deleted underneath is made again. Only
 * names that the store itself gives are ever removed: hidden leftovers, NAME.pcapng of digits and dashes, the
 * three .jsonl files.
 *
 * A file whose record is yet to come has two names:
 *
 *   begin    .NAME.tmp                 being written
 *   commit   .NAME.due and NAME        whole and synced, its names by ss_files_sync_names; its record is due
 *   settle             NAME            its record is on disk
 *   revoke                             its record could not be written: neither is there
 *
 * A file that took the place of one with a record is never revoked.
 *
 * So what a crash left says of itself what it is: .tmp is removed, .due gets its record (recover.c).
 *
 * Errors are negative errnos. Two stores may share a directory: a line is appended under a lock of its file,
 * and leftovers are only swept by the one that has the directory to itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_FILES_FLOWS     "flows.jsonl"
#define SS_FILES_EARLIER   "flows.1.jsonl" /* the lines before those of flows.jsonl */
#define SS_FILES_UNMATCHED "unmatched.jsonl"
#define SS_FILES_DAY_MAX   11 /* 2026-11-22 */
#define SS_FILES_NAME_MAX  48
#define SS_FILES_DUE       ".due"
#define SS_FILES_BATCH     1024

/* Of the quota: flows.jsonl, flows.1.jsonl and a pcapng file, each at most; and a day's unmatched.jsonl. */
#define SS_FILES_SHARE           4
#define SS_FILES_UNMATCHED_SHARE 16

/* What a crash had left when the directory was opened. */
struct ss_files_found {
    uint64_t halves;    /* files that were not whole: removed */
    uint64_t cut_lines; /* lines that were not whole: taken away */
    uint64_t recovered; /* whole files without their record: it was written */
    uint64_t orphans;   /* files that do not say their record: removed */
};

struct ss_files {
    char *directory;
    int root;         /* of the directory; -1: not open */
    uint64_t bytes;   /* in all days' files, as last counted and kept up since */
    uint64_t removed; /* files removed for the quota */
    struct ss_files_found found;
    int64_t counted_ns; /* when bytes was last counted for the quota */
    /* The first names of the oldest day that has any: a day of a million files is not listed for each
     * removal. */
    char batch_day[SS_FILES_DAY_MAX];
    unsigned batch_count, batch_next;
    char batch[SS_FILES_BATCH][SS_FILES_NAME_MAX];
};

/* Makes the directory where it is missing, sweeps what a crash left behind, counts the bytes. */
int ss_files_open(struct ss_files *files, const char *directory);
void ss_files_close(struct ss_files *files);

/* A day's directory, made where it is missing; the caller closes it. */
int ss_files_day(struct ss_files *files, const char *day, int *ret_fd);

/* A new file under its hidden name; then one of the two, which close it. *ret_is_new: no other file had the
 * name. */
int ss_files_begin(int day, const char *name, int *ret_fd);
int ss_files_commit(struct ss_files *files, int day, const char *name, int fd, bool *ret_is_new);
void ss_files_abandon(int day, const char *name, int fd);
/* Of all that were committed in the day. */
int ss_files_sync_names(int day);

/* After commit, one of the two. */
void ss_files_settle(int day, const char *name);
void ss_files_revoke(struct ss_files *files, int day, const char *name);

/* Appends the line, or several with newlines between them, and a newline, whole, or leaves the file as it
 * was, also where it cannot be synced. Synced, or to be synced by ss_files_sync. */
enum ss_files_when { SS_FILES_NOW, SS_FILES_LATER };
int ss_files_append(struct ss_files *files, int day, const char *name, const char *line,
                    enum ss_files_when when);
int ss_files_sync(int day, const char *name);

/* Before a line of that many bytes is appended to flows.jsonl: where it would have more than its share, it
 * becomes flows.1.jsonl, in the place of the one before. */
int ss_files_turn_over(struct ss_files *files, int day, uint64_t quota, size_t line_bytes);

/* Removes the oldest until there are at most quota bytes, day by day: the pcapng files in the order of their
 * names, then the rest of the day. */
struct ss_files_kept {
    const char *today,
        *day;         /* of these two days only pcapng files are removed, and lines beyond their share */
    const char *name; /* of a file of day that stays: it was just written */
};
int ss_files_trim(struct ss_files *files, uint64_t quota, const struct ss_files_kept *kept, int64_t now_ns);

/* Of a regular file; 0 where there is none. */
uint64_t ss_files_bytes(int day, const char *name);
/* Of the whole file system: what is free, and how large it is. */
int ss_files_room(int day, uint64_t *ret_free, uint64_t *ret_size);

/* For recover.c: as ss_files_append, without the count of bytes. */
int ss_files_append_line(int day, const char *name, const char *line, enum ss_files_when when);

/* recover.c: the record of a .due file is written where it is not there; then the file has one name. */
void ss_files_recover(struct ss_files_found *found, int day, const char *due);

/* For files.c, quota.c and ledger.c: all days there are, the oldest first. The caller frees their names. */
struct ss_files_days {
    char (*names)[SS_FILES_DAY_MAX];
    size_t count;
};
int ss_files_list_days(const struct ss_files *files, struct ss_files_days *ret_days);
int ss_files_open_day(const struct ss_files *files, const char *day);

/* Counts files->bytes anew; with sweep, removes hidden leftovers and cut last lines first. */
void ss_files_count(struct ss_files *files, bool sweep);
