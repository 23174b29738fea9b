// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What the writer remembers for telemetry: the latest records, and how many flows came from which origin.
 *
 * One thread adds, any may ask: a lock, held for a copy or a sort, never over a file. Fixed in size.
 */

#include "writer/writer.h"

struct ss_recent;

struct ss_recent *ss_recent_create(void);
void ss_recent_free(struct ss_recent *recent);

/* json: taken over. origin: NULL where none is known. A further revision of a flow counts no more. */
void ss_recent_add(struct ss_recent *recent, const struct ss_writer_flow *flow, char *json,
                   const char *origin);

unsigned ss_recent_count(struct ss_recent *recent);
bool ss_recent_get(struct ss_recent *recent, unsigned i, struct ss_writer_flow *ret_flow);
bool ss_recent_by_id(struct ss_recent *recent, const char *id, char **ret_json);
unsigned ss_recent_origins(struct ss_recent *recent, unsigned offset, unsigned max,
                           struct ss_writer_origin *ret_origins);
