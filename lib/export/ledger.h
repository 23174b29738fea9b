// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Which journal entries have been taken already, so that what is read again after a crash is not written
 * again.
 *
 * Positions in the journals are saved once everything before them is on disk: entries behind a saved position
 * may be on disk too, and come again. Records and unmatched events name their entry ("cursor"), so the disk
 * itself says which: ss_ledger_load reads what was written lately. What is read from then on is added, as a
 * journal that is opened again while running gives it again too.
 *
 * An entry is known by what its cursor says of the entry itself (boot, times, hash of the contents), not of
 * the file that it lies in: a journal that was sent twice is the same journal. Several events of one flow
 * make one record, which names the longest of them: the others are known by host, client, time and duration.
 *
 * Fixed in size: SS_LEDGER_ENTRIES names, the oldest give way. No lock.
 */

#include "journal/event.h"

#include <stdbool.h>
#include <stdint.h>

#define SS_LEDGER_ENTRIES (1u << 20)

struct ss_ledger;

/* NULL: no memory. */
struct ss_ledger *ss_ledger_create(void);
void ss_ledger_free(struct ss_ledger *ledger);

/* Adds what the directory's files that were changed since then name, of each at most the last
 * SS_LEDGER_TAIL_BYTES. Returns how many entries. A directory that cannot be read has none. */
#define SS_LEDGER_TAIL_BYTES (256LL << 20)
uint64_t ss_ledger_load(struct ss_ledger *ledger, const char *directory, int64_t since_ns);

/* False: the event's entry was there already. One whose entry is not known is always new. */
bool ss_ledger_add(struct ss_ledger *ledger, const struct ss_event *event);

/* A record that was loaded tells of this host's handshake with this client, within SS_LEDGER_NEAR_NS of the
 * event's time, or twice that, and of no shorter a duration. Not further off: clients use their ports again.
 */
#define SS_LEDGER_NEAR_NS (1000 * 1000000LL)
bool ss_ledger_is_told(const struct ss_ledger *ledger, const struct ss_event *event);
