// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* A fixed number of equal blocks in memory that the caller gives; never grows, never asks the system.
 *
 * One owner, no lock. Free blocks form a list through their own first bytes; taking and giving back are a few
 * instructions. Blocks are cache-line aligned when the memory and the block size are.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ss_pool {
    unsigned char *memory;
    size_t block_bytes;
    uint32_t blocks;   /* in all */
    uint32_t used;     /* taken now */
    uint32_t fresh;    /* blocks never taken yet start at this index */
    uint32_t free;     /* index of the first free block that was used before, or SS_POOL_NONE */
    uint64_t refusals; /* how often the pool was empty */
};

#define SS_POOL_NONE UINT32_MAX

/* memory: blocks * block_bytes bytes, which the pool borrows. block_bytes is at least 4. */
void ss_pool_init(struct ss_pool *pool, void *memory, size_t block_bytes, uint32_t blocks);

/* The index of a block whose content is undefined, or SS_POOL_NONE (counted in refusals). */
uint32_t ss_pool_take(struct ss_pool *pool);
void ss_pool_give(struct ss_pool *pool, uint32_t index);

/* All of them are taken. */
static inline bool ss_pool_is_empty(const struct ss_pool *pool)
{
    return pool->used == pool->blocks;
}

static inline void *ss_pool_at(const struct ss_pool *pool, uint32_t index)
{
    return pool->memory + (size_t)index * pool->block_bytes;
}
