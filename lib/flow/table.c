// SPDX-License-Identifier: BSD-3-Clause

#include "flow/table.h"

static uint64_t bucket_count(uint32_t flows_max)
{
    uint64_t buckets = 2;

    while (buckets * SS_FLOW_SLOTS < 2 * (uint64_t)flows_max)
        buckets *= 2;
    return buckets;
}

size_t ss_flow_table_bytes(uint32_t flows_max)
{
    return bucket_count(flows_max) * sizeof(struct ss_flow_bucket) +
           (size_t)flows_max * sizeof(struct ss_flow);
}

void ss_flow_table_init(struct ss_flow_table *table, void *memory, uint32_t flows_max, uint64_t seed)
{
    uint64_t buckets = bucket_count(flows_max);

    *table = (struct ss_flow_table){.buckets = memory, .bucket_mask = buckets - 1, .seed = seed};
    ss_pool_init(&table->entries, table->buckets + buckets, sizeof(struct ss_flow), flows_max);
}

/* Never 0, which means an empty slot. */
static uint16_t tag_of(uint64_t hash)
{
    return (uint16_t)(hash >> 16 | 1);
}

static uint32_t find_in(const struct ss_flow_table *table, const struct ss_flow_bucket *bucket, uint16_t tag,
                        const struct ss_flow_key *key)
{
    for (unsigned i = 0; i < SS_FLOW_SLOTS; i++) {
        if (bucket->tag[i] == tag && ss_flow_key_equal(&ss_flow_at(table, bucket->entry[i])->key, key))
            return bucket->entry[i];
    }
    return SS_FLOW_NONE;
}

uint32_t ss_flow_find(const struct ss_flow_table *table, const struct ss_flow_key *key, uint64_t hash)
{
    uint16_t tag = tag_of(hash);
    uint32_t number = find_in(table, &table->buckets[hash & table->bucket_mask], tag, key);

    if (number == SS_FLOW_NONE)
        number = find_in(table, &table->buckets[ss_flow_second_bucket(table, hash)], tag, key);
    return number;
}

/* Tags of a bucket, and what comes of comparing them, narrowed to fit a register. */
typedef uint16_t tags __attribute__((vector_size(2 * SS_FLOW_SLOTS)));
typedef uint8_t matches __attribute__((vector_size(SS_FLOW_SLOTS)));

/* All slots at once, and no entry is touched (bench: min64, whole). */
static uint32_t candidate_in(const struct ss_flow_bucket *bucket, uint16_t tag)
{
    tags all;
    uint64_t bytes;

    memcpy(&all, bucket->tag, sizeof(all));
    matches equal = __builtin_convertvector(all == tag, matches);
    memcpy(&bytes, &equal, sizeof(bytes));
    return bytes == 0 ? SS_FLOW_NONE : bucket->entry[__builtin_ctzll(bytes) / 8];
}

uint32_t ss_flow_candidate(const struct ss_flow_table *table, uint64_t hash)
{
    uint16_t tag = tag_of(hash);
    uint32_t number = candidate_in(&table->buckets[hash & table->bucket_mask], tag);

    if (number == SS_FLOW_NONE)
        number = candidate_in(&table->buckets[ss_flow_second_bucket(table, hash)], tag);
    return number;
}

static unsigned free_slots(const struct ss_flow_bucket *bucket)
{
    unsigned free = 0;

    for (unsigned i = 0; i < SS_FLOW_SLOTS; i++)
        free += bucket->tag[i] == 0;
    return free;
}

static unsigned first_free(const struct ss_flow_bucket *bucket)
{
    unsigned i = 0;

    while (bucket->tag[i] != 0)
        i++;
    return i;
}

uint32_t ss_flow_add(struct ss_flow_table *table, const struct ss_flow_key *key, uint64_t hash)
{
    struct ss_flow_bucket *bucket = &table->buckets[hash & table->bucket_mask];
    struct ss_flow_bucket *second = &table->buckets[ss_flow_second_bucket(table, hash)];

    if (free_slots(second) > free_slots(bucket))
        bucket = second;
    if (free_slots(bucket) == 0) {
        table->overflow++;
        return SS_FLOW_NONE;
    }
    uint32_t number = ss_pool_take(&table->entries);
    if (number == SS_POOL_NONE)
        return SS_FLOW_NONE;

    struct ss_flow *flow = ss_flow_at(table, number);
    *flow = (struct ss_flow){.key = *key,
                             .state = SS_FLOW_OPEN,
                             .tag = hash,
                             .recent_at = SS_HISTORY_NONE,
                             .handshakes_at = SS_HISTORY_NONE,
                             .note = SS_HISTORY_NONE};
    unsigned slot = first_free(bucket);
    bucket->tag[slot] = tag_of(hash);
    bucket->entry[slot] = number;
    return number;
}

static bool clear_slot(struct ss_flow_bucket *bucket, uint16_t tag, uint32_t number)
{
    for (unsigned i = 0; i < SS_FLOW_SLOTS; i++) {
        if (bucket->tag[i] == tag && bucket->entry[i] == number) {
            bucket->tag[i] = 0;
            return true;
        }
    }
    return false;
}

void ss_flow_remove(struct ss_flow_table *table, uint32_t number)
{
    struct ss_flow *flow = ss_flow_at(table, number);
    uint64_t hash = flow->tag;

    if (!clear_slot(&table->buckets[hash & table->bucket_mask], tag_of(hash), number))
        clear_slot(&table->buckets[ss_flow_second_bucket(table, hash)], tag_of(hash), number);
    flow->state = SS_FLOW_FREE;
    ss_pool_give(&table->entries, number);
}

uint32_t ss_flow_next_to_age(struct ss_flow_table *table)
{
    uint32_t number = table->hand;

    if (table->entries.fresh == 0)
        return SS_FLOW_NONE;
    if (number >= table->entries.fresh)
        number = 0;
    table->hand = number + 1;
    if (table->hand < table->entries.fresh)
        __builtin_prefetch(ss_flow_at(table, table->hand));
    return ss_flow_at(table, number)->state == SS_FLOW_FREE ? SS_FLOW_NONE : number;
}
