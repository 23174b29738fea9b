// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/config.h"
#include "origin/origin.h"

/* The prefixes of all files that the configuration names, for slowshake read, which starts a small EAL for
 * them. *ret_origins stays NULL where it names none. The exit status; what failed has been said. */
int ss_origins_of_config(const struct ss_config *config, struct ss_origins **ret_origins);
