// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* A hash index of slots by their number: rings of links in arrays, allocated once.
 *
 * The caller keeps the slots and their keys and compares keys itself; this holds only which slots share a
 * bucket.
 */

#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_CHAINS_NONE UINT32_MAX

struct ss_links {
    uint32_t next, previous;
};

struct ss_chains {
    uint32_t *heads;        /* of buckets: a slot or SS_CHAINS_NONE */
    struct ss_links *links; /* of slots */
    uint32_t mask;          /* buckets - 1 */
    uint64_t seed;          /* unpredictable where addresses are hostile */
};

/* slots up to 2^30. 0 or -ENOMEM. */
int ss_chains_init(struct ss_chains *chains, size_t slots, uint64_t seed);
void ss_chains_fini(struct ss_chains *chains);

void ss_chains_add_first(struct ss_chains *chains, uint32_t bucket, uint32_t slot);
void ss_chains_add_last(struct ss_chains *chains, uint32_t bucket, uint32_t slot);
void ss_chains_remove(struct ss_chains *chains, uint32_t bucket, uint32_t slot);

/* The slot after this one; SS_CHAINS_NONE behind the last. */
uint32_t ss_chains_next(const struct ss_chains *chains, uint32_t bucket, uint32_t slot);

/* A port of 0 stands for the address alone. */
uint32_t ss_chains_bucket(const struct ss_chains *chains, const struct ss_ip *ip, uint16_t port);
