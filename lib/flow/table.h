// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The table of connections: a fixed number of entries, found through buckets of tags.
 *
 *   hash ─> two buckets of 64 bytes ─ tag matches ─> entry, 128 bytes
 *           8 tags, 8 entry numbers                  line 0: all that a packet after the handshake touches
 *                                                    line 1: the rest
 *
 * A key lives in the first of its two buckets; where that was full, in the second. With twice as many slots
 * as entries some 99 of 100 are in their first one, so that a look-up rarely touches another. Where both are
 * full a slot moves to its own other bucket; where none can, the newcomer is refused, which practically never
 * happens. Entries never move: their number names them for as long as they live. One owner, no lock, nothing
 * allocated.
 *
 * A burst is looked up in passes, so that its misses overlap. Prefetches stand together in short loops: where
 * one misses the TLB, too, a CPU does not get far beyond it (bench: min64, mix).
 *
 *     ss_flow_prefetch()      first buckets, as soon as some hashes are known
 *     ss_flow_candidates()    by tags alone; the entries are prefetched
 *     the entry's key is compared; where it is another's, ss_flow_find()
 */

#include "base/pool.h"
#include "flow/key.h"
#include "history/history.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_FLOW_NONE      UINT32_MAX
#define SS_FLOW_SLOTS     8
#define SS_FLOW_BURST_MAX 64 /* hashes looked up together */

enum ss_flow_state {
    SS_FLOW_FREE,      /* an entry not in use */
    SS_FLOW_OPEN,      /* its handshake is under way */
    SS_FLOW_DONE,      /* its handshake was judged */
    SS_FLOW_NOT_TLS,   /* its first bytes were something else */
    SS_FLOW_UNMEASURED /* there was no room to measure its handshake */
};

struct ss_flow {
    struct ss_flow_key key;
    uint32_t last_seen_ms; /* low bits of UTC milliseconds */
    union {
        uint32_t handshake;      /* while OPEN: number of its handshake block */
        uint32_t clock_error_ns; /* afterwards: the largest of its packets since then */
    };
    uint32_t packets;         /* seen, saturating */
    uint8_t state;            /* enum ss_flow_state */
    uint8_t fin_seen;         /* bit 0: the client's, bit 1: the server's */
    bool client_is_first : 1; /* endpoint 0 of the key is the client */
    bool is_closed : 1;       /* both FINs, or a RST: kept for stragglers only */
    bool has_spent : 1;       /* its quota of the history's handshakes tier */
    uint64_t recent_at;       /* newest record in the recent tier, or SS_HISTORY_NONE */
    /* ---- second cache line */
    uint64_t handshakes_at; /* newest record in the handshakes tier, or SS_HISTORY_NONE */
    uint64_t note;          /* its finding in the handshakes tier, or SS_HISTORY_NONE */
    int64_t start_ns;       /* UTC, of its first packet */
    uint64_t tag;           /* the hash, for removal */
    uint32_t kept_bytes;    /* in the history's handshakes tier */
    uint32_t isn;           /* the client's, for telling a new connection from a retransmitted SYN */
    uint32_t flags;         /* of its finding: SS_FLAG_... of the wire */
    bool is_tls;            /* the same */
    bool has_isn;
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct ss_flow) == 128, "two cache lines; more would cost memory for every flow");
_Static_assert(offsetof(struct ss_flow, handshakes_at) == 64, "line 0 ends with recent_at");

struct ss_flow_bucket {
    uint32_t entry[SS_FLOW_SLOTS];
    uint16_t tag[SS_FLOW_SLOTS]; /* 0: empty slot */
    uint64_t unused[2];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct ss_flow_bucket) == 64, "a bucket is one cache line");

struct ss_flow_table {
    struct ss_flow_bucket *buckets;
    uint64_t bucket_mask;
    struct ss_pool entries;
    uint64_t seed;
    uint32_t hand;     /* the entry that ageing looks at next */
    uint64_t overflow; /* newcomers refused because both buckets were full */
};

/* Bytes of memory that a table of flows_max entries takes; alignment 64. */
size_t ss_flow_table_bytes(uint32_t flows_max);
/* memory: zeroed, borrowed. */
void ss_flow_table_init(struct ss_flow_table *table, void *memory, uint32_t flows_max, uint64_t seed);

/* For each of count hashes, at most SS_FLOW_BURST_MAX, the entry that a key of this hash probably has, from
 * tags alone; SS_FLOW_NONE: no tag matches. The second bucket of those that are not in their first is fetched
 * while the others are looked at. */
void ss_flow_candidates(const struct ss_flow_table *table, const uint64_t *hashes, unsigned count,
                        uint32_t *ret_numbers);
/* The entry's number or SS_FLOW_NONE. */
uint32_t ss_flow_find(const struct ss_flow_table *table, const struct ss_flow_key *key, uint64_t hash);
/* A zeroed entry with its key, state OPEN; SS_FLOW_NONE: no room. The key must not be in the table. */
uint32_t ss_flow_add(struct ss_flow_table *table, const struct ss_flow_key *key, uint64_t hash);
void ss_flow_remove(struct ss_flow_table *table, uint32_t number);

/* The next entry for ageing to look at, round and round; SS_FLOW_NONE where that entry is free.
 * Prefetches the one after. */
uint32_t ss_flow_next_to_age(struct ss_flow_table *table);

/* By the entry's own size, a shift, and not by the pool's, a multiplication (bench: min64). */
static inline struct ss_flow *ss_flow_at(const struct ss_flow_table *table, uint32_t number)
{
    return (struct ss_flow *)(void *)table->entries.memory + number;
}

static inline bool ss_flow_is_full(const struct ss_flow_table *table)
{
    return table->entries.used == table->entries.blocks;
}

static inline uint64_t ss_flow_second_bucket(const struct ss_flow_table *table, uint64_t hash)
{
    return (hash >> 32 ^ (hash >> 48) * 0x5bd1e995u) & table->bucket_mask;
}

/* Always inlined, as all that only prefetches: gcc 12 takes a call of it for one that does nothing, and
 * leaves it out. */
static inline __attribute__((always_inline)) void ss_flow_prefetch(const struct ss_flow_table *table,
                                                                   const uint64_t *hashes, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        __builtin_prefetch(&table->buckets[hashes[i] & table->bucket_mask]);
}
