// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Inside lib/journal: whether a journal directory can be read, which libsystemd does not tell: it opens what
 * it may not read as if it were empty. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ss_directory {
    bool is_file; /* a single journal file, not a directory */
    dev_t device; /* with inode: whether it is still the same directory */
    ino_t inode;
    size_t files;   /* journal files in it, and in the directories of machines below it */
    size_t refused; /* those that may not be read */
    char refused_name[256];
};

/* 0, or -ENOENT, -EACCES... with a sentence. A file in it that may not be read is no error here, but counted.
 */
int ss_directory_look(const char *path, struct ss_directory *ret_directory, char *ret_why, size_t why_bytes);
