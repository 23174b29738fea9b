// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Starts DPDK's EAL as the configuration says. */

#include "config/config.h"

#include <stddef.h>

/* Its arguments are the lcores of config, config->eal, and extra (NULL-terminated). 0; -errno with a
 * sentence.
 */
int ss_eal_start(const struct ss_config *config, char *const *extra, char *ret_why, size_t why_bytes);

/* The path of the telemetry socket that this process listens on; false: it has none. */
bool ss_eal_telemetry_socket(char *ret_path, size_t bytes);
