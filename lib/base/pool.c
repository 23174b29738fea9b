// SPDX-License-Identifier: BSD-3-Clause
#include "base/pool.h"

#include <assert.h>
#include <string.h>

void ss_pool_init(struct ss_pool *pool, void *memory, size_t block_bytes, uint32_t blocks)
{
    assert(block_bytes >= sizeof(uint32_t) && blocks < SS_POOL_NONE);
    *pool = (struct ss_pool){
        .memory = memory, .block_bytes = block_bytes, .blocks = blocks, .free = SS_POOL_NONE};
}

/* Blocks given back come first: they are warm in the cache, and memory never used stays untouched. */
uint32_t ss_pool_take(struct ss_pool *pool)
{
    uint32_t index = pool->free;
    if (index != SS_POOL_NONE) {
        memcpy(&pool->free, ss_pool_at(pool, index), sizeof(pool->free));
    } else if (pool->fresh < pool->blocks) {
        index = pool->fresh++;
    } else {
        pool->refusals++;
        return SS_POOL_NONE;
    }
    pool->used++;
    return index;
}

void ss_pool_give(struct ss_pool *pool, uint32_t index)
{
    assert(index < pool->fresh && pool->used > 0);
    memcpy(ss_pool_at(pool, index), &pool->free, sizeof(pool->free));
    pool->free = index;
    pool->used--;
}
