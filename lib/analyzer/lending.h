// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Blocks that handshakes borrow for bytes that wait: of hellos in pieces, and of segments out of order. They
 * are few, and may be held for as long as a handshake may be silent. Where none is left, one that has been
 * silent for a while gives back what it has. It costs next to nothing while there is room.
 */

#include "analyzer/handshake.h"

/* No block is free: one that is idle at now_ns (UTC), if any is found among a few, gives back all its own. */
void ss_lending_take_back(const struct ss_pool *pool, struct ss_borrowers *borrowers, int64_t now_ns);

/* Before a side's bytes are read; and after them, so that it is known who has a block. */
static inline void ss_lending_before_hello(struct ss_handshake *handshake, enum ss_side side,
                                           struct ss_span bytes)
{
    struct ss_handshake_pools *pools = handshake->pools;

    if (ss_pool_is_empty(&pools->hellos) && ss_tls_may_collect(&handshake->tls[side], bytes))
        ss_lending_take_back(&pools->hellos, &pools->hello_borrowers, handshake->seen_ns);
}
static inline void ss_lending_after_hello(struct ss_handshake *handshake, enum ss_side side)
{
    uint32_t block = handshake->tls[side].block;

    if (block != SS_POOL_NONE)
        handshake->pools->hello_borrowers.of[block] = handshake;
}

/* The same of a segment that comes early. */
static inline void ss_lending_before_early(struct ss_handshake *handshake)
{
    struct ss_handshake_pools *pools = handshake->pools;

    if (ss_pool_is_empty(&pools->segments))
        ss_lending_take_back(&pools->segments, &pools->segment_borrowers, handshake->seen_ns);
}
void ss_lending_after_early(struct ss_handshake *handshake, enum ss_side side);
