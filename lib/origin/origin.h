// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Address prefixes to names, for saying where clients come from: "aws/us-east-1/EC2".
 *
 * Longest prefix wins; of equal prefixes the more specific service (not "AMAZON"). Built on rte_rib and
 * rte_rib6, so the EAL must be up. Read-only after loading: to reload, make a new one.
 */

#include "base/ip.h"

#include <stddef.h>

#define SS_ORIGIN_NAME_MAX 96

struct ss_origins;

/* 0; -errno with a sentence in ret_why. */
int ss_origins_create(struct ss_origins **ret_origins, char *ret_why, size_t why_bytes);
/* Adds all prefixes of a file; format "aws": the ip-ranges.json of AWS. */
int ss_origins_load(struct ss_origins *origins, const char *file, const char *format, char *ret_why,
                    size_t why_bytes);
void ss_origins_free(struct ss_origins *origins);

/* NULL: none. The text lives as long as origins. */
const char *ss_origins_find(const struct ss_origins *origins, const struct ss_ip *ip);
size_t ss_origins_count(const struct ss_origins *origins);
