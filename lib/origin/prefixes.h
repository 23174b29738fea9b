// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Address prefixes to numbers: one rte_rib for IPv4, one rte_rib6 for IPv6, and nothing else knows them.
 *
 * Lengths count from the front of struct ss_ip, so that an IPv4 /24 is 120.
 */

#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_PREFIXES_MAX 32768U /* of each family; AWS has some 15000 in all */

struct ss_prefixes;

/* 0 or a negative errno. */
int ss_prefixes_create(struct ss_prefixes **ret_prefixes);
void ss_prefixes_free(struct ss_prefixes *prefixes);

/* Adds the prefix or gives it another value. 0, -ENOSPC: there are SS_PREFIXES_MAX already. */
int ss_prefixes_set(struct ss_prefixes *prefixes, const struct ss_ip *ip, uint8_t bits, uint32_t value);

/* This very prefix; the longest that holds ip. */
bool ss_prefixes_exact(const struct ss_prefixes *prefixes, const struct ss_ip *ip, uint8_t bits,
                       uint32_t *ret_value);
bool ss_prefixes_find(const struct ss_prefixes *prefixes, const struct ss_ip *ip, uint32_t *ret_value);

size_t ss_prefixes_count(const struct ss_prefixes *prefixes);
