// SPDX-License-Identifier: BSD-3-Clause
#include "join/chains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ss_chains_init(struct ss_chains *chains, size_t slots, uint64_t seed)
{
    uint32_t buckets = 16;
    while (buckets < slots)
        buckets *= 2;
    chains->mask = buckets - 1;
    chains->seed = seed;
    chains->heads = malloc(buckets * sizeof(*chains->heads));
    chains->links = malloc(slots * sizeof(*chains->links));
    if (!chains->heads || !chains->links) {
        ss_chains_fini(chains);
        return -ENOMEM;
    }
    memset(chains->heads, 0xff, buckets * sizeof(*chains->heads));
    return 0;
}

void ss_chains_fini(struct ss_chains *chains)
{
    free(chains->heads);
    free(chains->links);
    *chains = (struct ss_chains){0};
}

void ss_chains_add_last(struct ss_chains *chains, uint32_t bucket, uint32_t slot)
{
    struct ss_links *links = chains->links;
    uint32_t head = chains->heads[bucket];
    if (head == SS_CHAINS_NONE) {
        links[slot] = (struct ss_links){slot, slot};
        chains->heads[bucket] = slot;
        return;
    }
    links[slot] = (struct ss_links){head, links[head].previous};
    links[links[head].previous].next = slot;
    links[head].previous = slot;
}

void ss_chains_add_first(struct ss_chains *chains, uint32_t bucket, uint32_t slot)
{
    ss_chains_add_last(chains, bucket, slot);
    chains->heads[bucket] = slot; /* in a ring, the last is the one before the first */
}

void ss_chains_remove(struct ss_chains *chains, uint32_t bucket, uint32_t slot)
{
    struct ss_links *links = chains->links;
    uint32_t next = links[slot].next;
    links[links[slot].previous].next = next;
    links[next].previous = links[slot].previous;
    if (chains->heads[bucket] == slot)
        chains->heads[bucket] = next == slot ? SS_CHAINS_NONE : next;
}

uint32_t ss_chains_next(const struct ss_chains *chains, uint32_t bucket, uint32_t slot)
{
    uint32_t next = chains->links[slot].next;
    return next == chains->heads[bucket] ? SS_CHAINS_NONE : next;
}

uint32_t ss_chains_bucket(const struct ss_chains *chains, const struct ss_ip *ip, uint16_t port)
{
    uint64_t high, low;
    memcpy(&high, ip->bytes, sizeof(high));
    memcpy(&low, ip->bytes + 8, sizeof(low));
    uint64_t hash = (high ^ port ^ chains->seed) * 0x9e3779b97f4a7c15ULL;
    hash = (hash ^ hash >> 29 ^ low ^ chains->seed >> 32) * 0xbf58476d1ce4e5b9ULL;
    hash = (hash ^ hash >> 32) * 0x94d049bb133111ebULL;
    return (uint32_t)(hash >> 32) & chains->mask;
}
