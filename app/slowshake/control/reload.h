// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* SIGHUP: what can change while the appliance runs (slow, journal, origins, export), and what it says about
 * the rest.
 *
 * Control lcore only, but for ss_reload_text and ss_reload_journal_directory.
 */

#include "control/journals.h"

struct ss_reload;

/* The configuration of the start stays the appliance's, and alive: analyzers borrow from it. NULL: no memory.
 */
struct ss_reload *ss_reload_create(struct ss_appliance *appliance, struct ss_journals *journals,
                                   struct ss_join *join);
/* The writer must have ended. NULL: nothing to do. */
void ss_reload_free(struct ss_reload *reload);

/* Reads the file again. While the writer is still busy with the last time, it is done afterwards. */
void ss_reload_ask(struct ss_reload *reload, int64_t now_ns);
/* Each turn: takes the writer's answer. */
void ss_reload_turn(struct ss_reload *reload, int64_t now_ns);

void ss_reload_show(const struct ss_reload *reload, struct ss_control_view *view);
/* Any thread; the caller frees the text. */
char *ss_reload_text(struct ss_reload *reload);
void ss_reload_journal_directory(struct ss_reload *reload, unsigned i, char *ret_text, size_t bytes);
