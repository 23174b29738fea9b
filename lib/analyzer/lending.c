// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/lending.h"

#define TRIES 8 /* blocks that are looked at */

static bool has_borrowed(const struct ss_handshake *handshake)
{
    return handshake->stream[SS_CLIENT].held_count > 0 || handshake->stream[SS_SERVER].held_count > 0 ||
           handshake->tls[SS_CLIENT].block != SS_POOL_NONE || handshake->tls[SS_SERVER].block != SS_POOL_NONE;
}

/* Of those who borrowed the next few blocks the one that has been silent longest, or NULL. They may have
 * given them back since. */
static struct ss_handshake *find_idle(struct ss_borrowers *borrowers, const struct ss_pool *pool,
                                      int64_t now_ns)
{
    struct ss_handshake *found = NULL;

    for (unsigned i = 0; i < TRIES; i++) {
        struct ss_handshake *borrower = borrowers->of[borrowers->hand];
        borrowers->hand = borrowers->hand + 1 < pool->blocks ? borrowers->hand + 1 : 0;
        if (borrower != NULL && ss_handshake_is_idle(borrower, now_ns) && has_borrowed(borrower) &&
            (found == NULL || borrower->seen_ns < found->seen_ns))
            found = borrower;
    }
    return found;
}

static void give_back(struct ss_handshake *handshake)
{
    struct ss_handshake_pools *pools = handshake->pools;
    uint32_t segments = pools->segments.used, hellos = pools->hellos.used;

    for (unsigned side = 0; side < 2; side++) {
        ss_stream_release(&handshake->stream[side], &pools->segments);
        ss_tls_forget(&handshake->tls[side], &pools->hellos);
    }
    pools->segment_borrowers.gave_back += segments - pools->segments.used;
    pools->hello_borrowers.gave_back += hellos - pools->hellos.used;
    handshake->lacks_evidence = true;
}

void ss_lending_take_back(const struct ss_pool *pool, struct ss_borrowers *borrowers, int64_t now_ns)
{
    struct ss_handshake *idle = find_idle(borrowers, pool, now_ns);

    if (idle != NULL)
        give_back(idle);
}

void ss_lending_after_early(struct ss_handshake *handshake, enum ss_side side)
{
    struct ss_handshake_pools *pools = handshake->pools;

    for (uint32_t block = handshake->stream[side].held; block != SS_POOL_NONE;) {
        const struct ss_stream_held *held = ss_pool_at(&pools->segments, block);
        pools->segment_borrowers.of[block] = handshake;
        block = held->next;
    }
}
