// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The store's files: a directory of day directories (YYYY-MM-DD), what is put into them and what is removed.
 *
 * Part of store.c, which decides what is written; here is how. Everything is opened relative to a directory
 * that is held open, symbolic links are not followed, and what was deleted underneath is made again. Only
 * names that the store itself gives are ever removed: hidden leftovers, NAME.pcapng of digits and dashes, the
 * two .jsonl files.
 *
 * Errors are negative errnos. Two stores may share a directory: a line is appended under a lock of its file,
 * and leftovers are only swept by the one that has the directory to itself.
 */

#include <stdbool.h>
#include <stdint.h>

#define SS_FILES_FLOWS     "flows.jsonl"
#define SS_FILES_UNMATCHED "unmatched.jsonl"
#define SS_FILES_DAY_MAX   11 /* 2026-11-22 */
#define SS_FILES_NAME_MAX  48
#define SS_FILES_BATCH     1024

struct ss_files {
    char *directory;
    int root;           /* of the directory; -1: not open */
    uint64_t bytes;     /* in all days' files, as last counted and kept up since */
    uint64_t removed;   /* files removed for the quota */
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

/* A new file under its hidden name; then one of the two, which close it. */
int ss_files_begin(int day, const char *name, int *ret_fd);
int ss_files_commit(struct ss_files *files, int day, const char *name, int fd);
void ss_files_abandon(int day, const char *name, int fd);

/* Appends the line and its newline whole, synced, or leaves the file as it was. */
int ss_files_append(struct ss_files *files, int day, const char *name, const char *line);

/* Removes the oldest until there are at most quota bytes: a day's pcapng files in the order of their names,
 * then the rest of the day, except the .jsonl files of the two days named. */
int ss_files_trim(struct ss_files *files, uint64_t quota, const char *today, const char *written_day,
                  int64_t now_ns);

/* For files.c and quota.c: the day after the given one ("": the first); false: there is none. */
bool ss_files_next_day(const struct ss_files *files, const char *after, char ret_day[SS_FILES_DAY_MAX]);
int ss_files_open_day(const struct ss_files *files, const char *day);

/* Counts files->bytes anew; with sweep, removes hidden leftovers and cut last lines first. */
void ss_files_count(struct ss_files *files, bool sweep);
