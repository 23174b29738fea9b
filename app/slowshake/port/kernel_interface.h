// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What only the kernel knows of an interface that a driver reads: whether it is up, and what its packet
 * sockets had to drop. */

#include <stdbool.h>
#include <stdint.h>

bool ss_interface_is_running(const char *name);

/* This process's AF_PACKET sockets that are bound to the interface: up to max. Returns how many there are. */
unsigned ss_interface_sockets(unsigned interface_index, int *ret_sockets, unsigned max);

/* Whether they still are. The kernel unbinds them when the interface goes to another network namespace, even
 * if it is back under its old name and index a moment later. */
bool ss_interface_is_bound(const int *sockets, unsigned count, unsigned interface_index);

/* Packets that found no room in the sockets' rings since the last call: reading resets the kernel's counters,
 * so there is one reader only. */
uint64_t ss_interface_drops(const int *sockets, unsigned count);
