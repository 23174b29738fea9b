// SPDX-License-Identifier: BSD-3-Clause

#include "flow/table.h"

#include <assert.h>

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

/* Tags of a bucket, and what comes of comparing them, narrowed to fit a register. */
typedef uint16_t tags __attribute__((vector_size(2 * SS_FLOW_SLOTS)));
typedef uint8_t matches __attribute__((vector_size(SS_FLOW_SLOTS)));

/* A byte for each slot, the first one lowest: 1 where its tag is this one. All slots at once, and no entry is
 * touched (bench: min64, whole). */
static uint64_t slots_of(const struct ss_flow_bucket *bucket, uint16_t tag)
{
    tags all;
    uint64_t bytes;

    memcpy(&all, bucket->tag, sizeof(all));
    matches equal = __builtin_convertvector(all == tag, matches);
    memcpy(&bytes, &equal, sizeof(bytes));
    return bytes & 0x0101010101010101;
}

static unsigned first_of(uint64_t slots)
{
    return slots == 0 ? SS_FLOW_SLOTS : (unsigned)__builtin_ctzll(slots) / 8;
}

static struct ss_flow_bucket *first_bucket(const struct ss_flow_table *table, uint64_t hash)
{
    return &table->buckets[hash & table->bucket_mask];
}

static struct ss_flow_bucket *second_bucket(const struct ss_flow_table *table, uint64_t hash)
{
    return &table->buckets[ss_flow_second_bucket(table, hash)];
}

/* ---- looking up */

static uint32_t find_in(const struct ss_flow_table *table, const struct ss_flow_bucket *bucket, uint16_t tag,
                        const struct ss_flow_key *key)
{
    for (uint64_t slots = slots_of(bucket, tag); slots != 0; slots &= slots - 1) {
        uint32_t number = bucket->entry[first_of(slots)];
        if (ss_flow_key_equal(&ss_flow_at(table, number)->key, key))
            return number;
    }
    return SS_FLOW_NONE;
}

uint32_t ss_flow_find(const struct ss_flow_table *table, const struct ss_flow_key *key, uint64_t hash)
{
    uint16_t tag = tag_of(hash);
    uint32_t number = find_in(table, first_bucket(table, hash), tag, key);

    if (number == SS_FLOW_NONE)
        number = find_in(table, second_bucket(table, hash), tag, key);
    return number;
}

/* Its entry is prefetched. */
static inline uint32_t candidate_in(const struct ss_flow_table *table, const struct ss_flow_bucket *bucket,
                                    uint16_t tag)
{
    unsigned slot = first_of(slots_of(bucket, tag));

    if (slot == SS_FLOW_SLOTS)
        return SS_FLOW_NONE;
    __builtin_prefetch(ss_flow_at(table, bucket->entry[slot]), 1);
    return bucket->entry[slot];
}

void ss_flow_candidates(const struct ss_flow_table *table, const uint64_t *hashes, unsigned count,
                        uint32_t *ret_numbers)
{
    uint64_t missed = 0; /* a bit for each hash without a match in its first bucket */

    assert(count <= SS_FLOW_BURST_MAX);
    for (unsigned i = 0; i < count; i++) {
        ret_numbers[i] = candidate_in(table, first_bucket(table, hashes[i]), tag_of(hashes[i]));
        if (ret_numbers[i] == SS_FLOW_NONE) {
            __builtin_prefetch(second_bucket(table, hashes[i]));
            missed |= UINT64_C(1) << i;
        }
    }
    for (; missed != 0; missed &= missed - 1) {
        unsigned i = (unsigned)__builtin_ctzll(missed);
        ret_numbers[i] = candidate_in(table, second_bucket(table, hashes[i]), tag_of(hashes[i]));
    }
}

/* ---- adding and removing */

/* In a full bucket: that of an entry which has room in its other bucket, and goes there. */
static unsigned make_room(const struct ss_flow_table *table, struct ss_flow_bucket *bucket)
{
    for (unsigned slot = 0; slot < SS_FLOW_SLOTS; slot++) {
        uint64_t hash = ss_flow_at(table, bucket->entry[slot])->tag;
        struct ss_flow_bucket *other = first_bucket(table, hash);
        if (other == bucket)
            other = second_bucket(table, hash);
        unsigned free = first_of(slots_of(other, 0));
        if (free == SS_FLOW_SLOTS)
            continue;
        other->entry[free] = bucket->entry[slot];
        other->tag[free] = bucket->tag[slot];
        return slot;
    }
    return SS_FLOW_SLOTS;
}

/* A slot for a new key: in its first bucket if there is one, or in its second, or where one can be made. Then
 * what moved is in both of its buckets, until that slot is taken. */
static unsigned slot_for(const struct ss_flow_table *table, uint64_t hash, struct ss_flow_bucket **ret_bucket)
{
    struct ss_flow_bucket *const both[] = {first_bucket(table, hash), second_bucket(table, hash)};
    unsigned slot = SS_FLOW_SLOTS;

    for (unsigned i = 0; i < 2 && slot == SS_FLOW_SLOTS; i++) {
        *ret_bucket = both[i];
        slot = first_of(slots_of(both[i], 0));
    }
    for (unsigned i = 0; i < 2 && slot == SS_FLOW_SLOTS; i++) {
        *ret_bucket = both[i];
        slot = make_room(table, both[i]);
    }
    return slot;
}

uint32_t ss_flow_add(struct ss_flow_table *table, const struct ss_flow_key *key, uint64_t hash)
{
    struct ss_flow_bucket *bucket;
    uint32_t number = ss_pool_take(&table->entries);

    if (number == SS_POOL_NONE)
        return SS_FLOW_NONE;
    unsigned slot = slot_for(table, hash, &bucket);
    if (slot == SS_FLOW_SLOTS) {
        ss_pool_give(&table->entries, number);
        table->overflow++;
        return SS_FLOW_NONE;
    }

    struct ss_flow *flow = ss_flow_at(table, number);
    *flow = (struct ss_flow){.key = *key,
                             .state = SS_FLOW_OPEN,
                             .tag = hash,
                             .recent_at = SS_HISTORY_NONE,
                             .handshakes_at = SS_HISTORY_NONE,
                             .note = SS_HISTORY_NONE};
    bucket->tag[slot] = tag_of(hash);
    bucket->entry[slot] = number;
    return number;
}

static bool clear_slot(struct ss_flow_bucket *bucket, uint16_t tag, uint32_t number)
{
    for (uint64_t slots = slots_of(bucket, tag); slots != 0; slots &= slots - 1) {
        unsigned slot = first_of(slots);
        if (bucket->entry[slot] == number) {
            bucket->tag[slot] = 0;
            return true;
        }
    }
    return false;
}

void ss_flow_remove(struct ss_flow_table *table, uint32_t number)
{
    struct ss_flow *flow = ss_flow_at(table, number);
    uint64_t hash = flow->tag;

    if (!clear_slot(first_bucket(table, hash), tag_of(hash), number))
        clear_slot(second_bucket(table, hash), tag_of(hash), number);
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
