// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The /slowshake/... commands on the DPDK telemetry socket (docs/telemetry.md). Answers come from snapshots
 * only.
 *
 * Callbacks run on the socket's client threads, several at once. Every answer fits the socket's limits: 16384
 * bytes, 127 characters a text, 256 entries a dictionary; what could be longer is paged and says total,
 * offset, returned.
 */

struct ss_appliance;

/* Registers the commands. 0 or a negative errno. */
int ss_telemetry_register(struct ss_appliance *appliance);
/* The appliance ends: waits for answers under way; from now on there are none. */
void ss_telemetry_unregister(void);
