// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Sends entries to the local journal, without ever waiting for it.
 *
 * Speaks journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) on a datagram socket of its own:
 * sd_journal_sendv would block its caller for as long as journald is stopped.
 */

#include <stddef.h>

#define SS_SUMMARY_SOCKET     "/run/systemd/journal/socket"
#define SS_SUMMARY_FIELDS_MAX 32

struct ss_summary_field {
    const char *name;  /* A-Z, 0-9 and _ */
    const char *value; /* any text; NULL: the field is left out */
};

/* A socket, or a negative errno. */
int ss_summary_open(void);

/* One entry for the journald that listens at path. 0; -EAGAIN: it is behind, and the entry was not sent;
 * another negative errno: -ENOENT and -ECONNREFUSED where there is no journald. */
int ss_summary_send(int fd, const char *path, const struct ss_summary_field *fields, size_t count);
