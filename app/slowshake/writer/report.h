// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* A record's summary in the local journal: a fixed MESSAGE_ID, and the record's fields as SLOWSHAKE_*. */

#include "writer/writer.h"

#define SS_REPORT_MESSAGE_ID "651d511f9ffe49b28d78babcc1d272b7"

/* fd: of ss_summary_open. Never waits. 0 or a negative errno. */
int ss_report_send(int fd, const struct ss_record *record, const struct ss_writer_flow *flow);
