// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* How much memory the appliance takes of the EAL, all of it at the start: for taking it, and for saying what
 * to reserve. */

#include "config/config.h"

#define SS_HUGEPAGE_MIB 2 /* of the smallest hugepages, which waste the most */

/* Everything that can hold an mbuf, full. */
unsigned ss_memory_mbufs(const struct ss_config *config);

/* MiB in all, rounded up, with what the EAL needs itself: of hugepages, or of what -m says with --no-huge. */
unsigned ss_memory_mib(const struct ss_config *config, bool has_hugepages);
