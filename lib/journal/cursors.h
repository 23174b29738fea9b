// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Inside lib/journal: the cursor file, one host's position a line.
 *
 *     slowshake-cursors 1 1795390095598375000
 *     s=fd67...;i=5;b=eb2d...;m=74777dce;t=660e5d4e1a327;x=c9be... edge-ams-1
 *
 * The number in the first line is when it was written, in nanoseconds since 1970: a host that is not in the
 * file appeared after that. A single journal file has one position, whose host is "-". */

#include <stddef.h>
#include <stdint.h>

struct ss_cursor {
    char *host;
    char *cursor;
};

struct ss_cursors {
    int64_t saved_ns;
    struct ss_cursor *list;
    size_t count;
};

/* 0; -ENOENT: there is no such file; -EINVAL: it is not one of ours; or another negative errno. */
int ss_cursors_load(const char *path, struct ss_cursors *ret_cursors);
void ss_cursors_free(struct ss_cursors *cursors);

/* Adds copies. 0 or -ENOMEM. */
int ss_cursors_add(struct ss_cursors *cursors, const char *host, const char *cursor);

/* Whole or not at all: a hidden file beside it, synced, renamed. */
int ss_cursors_save(const char *path, const struct ss_cursors *cursors);

/* NULL: not in it. */
const char *ss_cursors_find(const struct ss_cursors *cursors, const char *host);
