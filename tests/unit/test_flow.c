// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/key.h"
#include "flow/table.h"

#include <stdlib.h>
#include <string.h>

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define SEED    0x1234567890abcdefULL

static struct ss_ip ip_of(const char *text)
{
    struct ss_ip ip;
    assert_true(ss_ip_parse(text, strlen(text), &ip));
    return ip;
}

static struct ss_packet packet_of(const char *source, uint16_t source_port, const char *destination,
                                  uint16_t destination_port)
{
    return (struct ss_packet){.source = ip_of(source),
                              .source_port = source_port,
                              .destination = ip_of(destination),
                              .destination_port = destination_port};
}

/* A key that differs from all others by its number. */
static struct ss_flow_key key_of(uint32_t number)
{
    struct ss_packet packet = packet_of("192.0.2.7", (uint16_t)number, "198.51.100.1", 443);
    bool first;

    packet.source.bytes[13] = (uint8_t)(number >> 16);
    return ss_flow_key_of(&packet, NULL, &first);
}

static uint64_t hash_of(uint32_t number)
{
    struct ss_flow_key key = key_of(number);
    return ss_flow_hash(&key, SEED);
}

static struct ss_flow_table open_table(uint32_t flows_max)
{
    struct ss_flow_table table;
    size_t bytes = ss_flow_table_bytes(flows_max);
    void *memory = aligned_alloc(64, bytes);

    assert_non_null(memory);
    memset(memory, 0, bytes);
    ss_flow_table_init(&table, memory, flows_max, SEED);
    return table;
}

static void close_table(struct ss_flow_table *table)
{
    free(table->buckets);
}

static uint32_t add(struct ss_flow_table *table, uint32_t number)
{
    struct ss_flow_key key = key_of(number);
    return ss_flow_add(table, &key, ss_flow_hash(&key, SEED));
}

static uint32_t find(const struct ss_flow_table *table, uint32_t number)
{
    struct ss_flow_key key = key_of(number);
    return ss_flow_find(table, &key, ss_flow_hash(&key, SEED));
}

/* ---- keys */

static void both_directions_of_a_connection_have_one_key(void **state)
{
    (void)state;
    static const struct {
        const char *client, *server;
        uint16_t client_port, server_port;
    } rows[] = {
        {"192.0.2.7", "198.51.100.1", 51234, 443}, {"198.51.100.1", "192.0.2.7", 51234, 443},
        {"192.0.2.7", "198.51.100.1", 443, 443}, /* ports equal: the addresses order them */
        {"127.0.0.1", "127.0.0.1", 51234, 443},  /* addresses equal: the ports do */
        {"127.0.0.1", "127.0.0.1", 443, 51234},    {"2001:db8::7", "2001:db8::1", 51234, 443},
        {"192.0.2.7", "2001:db8::1", 51234, 443},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ss_packet there =
            packet_of(rows[i].client, rows[i].client_port, rows[i].server, rows[i].server_port);
        struct ss_packet back =
            packet_of(rows[i].server, rows[i].server_port, rows[i].client, rows[i].client_port);
        bool there_first, back_first;
        struct ss_flow_key key = ss_flow_key_of(&there, NULL, &there_first),
                           again = ss_flow_key_of(&back, NULL, &back_first);

        assert_true(ss_flow_key_equal(&key, &again));
        assert_true(there_first != back_first);
        assert_int_equal(ss_flow_hash(&key, SEED), ss_flow_hash(&again, SEED));
        assert_true(ss_ip_equal(&key.ip[!there_first], &there.source));
        assert_int_equal(key.port[!there_first], there.source_port);
    }
}

/* The record's tuple hash is made of the key: its order is part of what is written. */
static void the_lower_address_comes_first_as_its_bytes_order(void **state)
{
    (void)state;
    static const struct {
        const char *low, *high;
    } rows[] = {{"0.0.0.1", "0.0.1.0"},
                {"1.0.0.0", "2.0.0.0"},
                {"192.0.2.7", "198.51.100.1"},
                {"::1", "::2"},
                {"::ff", "::100"},
                {"::1:0:0:0", "1::"},
                {"1::", "100::"},
                {"192.0.2.7", "2001:db8::"},
                {"7fff::", "8000::"},
                {"::7fff:0:0:0", "::8000:0:0:0"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ss_packet up = packet_of(rows[i].low, 9, rows[i].high, 1);
        struct ss_packet down = packet_of(rows[i].high, 1, rows[i].low, 9);
        bool first;
        assert_true(memcmp(&up.source, &up.destination, sizeof(up.source)) < 0);
        struct ss_flow_key key = ss_flow_key_of(&up, NULL, &first);
        assert_true(first);
        assert_true(ss_ip_equal(&key.ip[0], &up.source) && key.port[0] == 9);
        ss_flow_key_of(&down, NULL, &first);
        assert_false(first);
    }
}

static void a_connection_of_an_endpoint_with_itself_has_a_key(void **state)
{
    (void)state;
    struct ss_packet packet = packet_of("192.0.2.7", 443, "192.0.2.7", 443);
    bool first = false;
    struct ss_flow_key key = ss_flow_key_of(&packet, NULL, &first);

    assert_true(first);
    assert_int_equal(key.port[0], 443);
    assert_int_equal(key.port[1], 443);
}

static void every_byte_of_a_key_counts(void **state)
{
    (void)state;
    struct ss_flow_key key = key_of(1);

    for (size_t i = 0; i < sizeof(key); i++) {
        struct ss_flow_key other = key;
        ((uint8_t *)&other)[i] ^= 1;
        assert_false(ss_flow_key_equal(&key, &other));
        assert_true(ss_flow_hash(&key, SEED) != ss_flow_hash(&other, SEED));
    }
}

static void another_seed_gives_other_hashes(void **state)
{
    (void)state;
    unsigned moved = 0;

    for (uint32_t i = 0; i < 1000; i++) {
        struct ss_flow_key key = key_of(i);
        uint64_t hash = ss_flow_hash(&key, SEED), other = ss_flow_hash(&key, SEED + 1);
        assert_true(hash != other);
        moved += (hash & 255) != (other & 255);
    }
    assert_true(moved > 980); /* 996 on average: a collision under one seed is none under another */
}

static void analyzers_get_even_parts(void **state)
{
    (void)state;
    for (unsigned count = 1; count <= 7; count++) {
        unsigned of[8] = {0};
        for (uint32_t i = 0; i < 70000; i++) {
            unsigned worker = ss_flow_worker(hash_of(i), count);
            assert_true(worker < count);
            of[worker]++;
        }
        for (unsigned i = 0; i < count; i++)
            assert_in_range(of[i], 70000 / count - 1000, 70000 / count + 1000);
    }
}

/* ---- the table */

static void what_was_added_is_found_until_it_is_removed(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(1000);
    uint32_t numbers[1000];

    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(find(&table, i), SS_FLOW_NONE);
        numbers[i] = add(&table, i);
        assert_true(numbers[i] < 1000);
        struct ss_flow_key key = key_of(i);
        const struct ss_flow *flow = ss_flow_at(&table, numbers[i]);
        assert_true(ss_flow_key_equal(&flow->key, &key));
        assert_int_equal(flow->state, SS_FLOW_OPEN);
        assert_true(flow->recent_at == SS_HISTORY_NONE && flow->handshakes_at == SS_HISTORY_NONE &&
                    flow->note == SS_HISTORY_NONE);
        assert_int_equal(flow->packets, 0);
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(find(&table, i), numbers[i]);
    for (uint32_t i = 0; i < 1000; i += 2)
        ss_flow_remove(&table, numbers[i]);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(find(&table, i), i % 2 ? numbers[i] : SS_FLOW_NONE);
    assert_int_equal(table.entries.used, 500);
    assert_int_equal(table.overflow, 0);
    close_table(&table);
}

static uint32_t candidate(const struct ss_flow_table *table, uint32_t number)
{
    uint64_t hash = hash_of(number);
    uint32_t found;

    ss_flow_candidates(table, &hash, 1, &found);
    return found;
}

/* Tags have 15 bits and a key meets 8 others on average: of 1000, hardly one finds another's. */
static void by_its_tag_nearly_every_key_finds_its_entry_and_none_that_is_not_there(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(1000);
    uint32_t numbers[1000];
    unsigned wrong = 0;

    for (uint32_t i = 0; i < 1000; i++)
        wrong += candidate(&table, i) != SS_FLOW_NONE;
    assert_int_equal(wrong, 0); /* nothing is in it */
    for (uint32_t i = 0; i < 1000; i++)
        numbers[i] = add(&table, i);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(candidate(&table, i) != SS_FLOW_NONE);
        wrong += candidate(&table, i) != numbers[i];
        wrong += candidate(&table, 5000 + i) != SS_FLOW_NONE;
    }
    assert_in_range(wrong, 0, 5);
    for (uint32_t i = 0; i < 1000; i++)
        ss_flow_remove(&table, numbers[i]);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(candidate(&table, i), SS_FLOW_NONE);
    close_table(&table);
}

static uint64_t first_bucket(const struct ss_flow_table *table, uint32_t number)
{
    return hash_of(number) & table->bucket_mask;
}

static uint64_t second_bucket(const struct ss_flow_table *table, uint32_t number)
{
    return ss_flow_second_bucket(table, hash_of(number));
}

/* The next number from *from on that has these buckets. */
static uint32_t next_of(const struct ss_flow_table *table, uint64_t first, uint64_t second, uint32_t *from)
{
    while (first_bucket(table, *from) != first || second_bucket(table, *from) != second)
        ++*from;
    return (*from)++;
}

/* Nine keys of one first bucket: one of them is in the second. */
static void a_burst_finds_what_is_in_second_buckets_too(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(64);
    uint64_t hashes[SS_FLOW_SLOTS + 2];
    uint32_t entries[ROWS(hashes)], found[ROWS(hashes)], from = 0;

    for (unsigned i = 0; i < ROWS(hashes); i++) {
        uint32_t number = next_of(&table, 3, 7, &from);
        hashes[i] = hash_of(number);
        entries[i] = i + 1 < ROWS(hashes) ? add(&table, number) : SS_FLOW_NONE;
    }
    ss_flow_candidates(&table, hashes, ROWS(hashes), found);
    assert_memory_equal(found, entries, sizeof(found));
    close_table(&table);
}

/* Two keys of one tag and one bucket: the candidate is one of them, the look-up by key tells them apart. */
static void where_tags_are_equal_the_key_decides(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(16);
    struct ss_flow_key one = key_of(1), two = key_of(2);
    uint64_t hash = hash_of(1);
    uint32_t first = ss_flow_add(&table, &one, hash), second = ss_flow_add(&table, &two, hash);
    uint32_t found = candidate(&table, 1);

    assert_true(found == first || found == second);
    assert_int_equal(ss_flow_find(&table, &one, hash), first);
    assert_int_equal(ss_flow_find(&table, &two, hash), second);
    ss_flow_remove(&table, first);
    assert_int_equal(candidate(&table, 1), second);
    close_table(&table);
}

static void an_entry_that_is_used_again_starts_clean(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(16);
    uint32_t number = add(&table, 1);
    struct ss_flow *flow = ss_flow_at(&table, number);

    flow->state = SS_FLOW_DONE;
    flow->packets = 77;
    flow->is_closed = flow->has_isn = true;
    flow->note = flow->recent_at = flow->handshakes_at = 8;
    ss_flow_remove(&table, number);
    assert_int_equal(ss_flow_at(&table, number)->state, SS_FLOW_FREE);
    assert_int_equal(add(&table, 2), number);
    assert_int_equal(flow->state, SS_FLOW_OPEN);
    assert_int_equal(flow->packets, 0);
    assert_false(flow->is_closed || flow->has_isn);
    assert_true(flow->note == SS_HISTORY_NONE && flow->recent_at == SS_HISTORY_NONE &&
                flow->handshakes_at == SS_HISTORY_NONE);
    close_table(&table);
}

static void a_full_table_refuses_the_newcomer_and_keeps_the_rest(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(64);
    uint32_t numbers[64];

    for (uint32_t i = 0; i < 64; i++)
        numbers[i] = add(&table, i);
    assert_int_equal(table.entries.used, 64);
    assert_int_equal(add(&table, 1000), SS_FLOW_NONE);
    assert_int_equal(table.entries.refusals, 1);
    assert_int_equal(table.overflow, 0);
    assert_int_equal(find(&table, 1000), SS_FLOW_NONE);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(find(&table, i), numbers[i]);
    ss_flow_remove(&table, numbers[5]);
    assert_int_equal(add(&table, 1000), numbers[5]);
    close_table(&table);
}

static void keys_of_the_same_two_buckets_fill_both_and_then_are_refused_and_counted(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(64);
    uint32_t numbers[2 * SS_FLOW_SLOTS], from = 0;

    for (unsigned i = 0; i < ROWS(numbers); i++) {
        numbers[i] = next_of(&table, i % 2 ? 3 : 7, i % 2 ? 7 : 3, &from);
        assert_true(add(&table, numbers[i]) != SS_FLOW_NONE);
    }
    uint32_t newcomer = next_of(&table, 3, 7, &from);
    assert_int_equal(add(&table, newcomer), SS_FLOW_NONE);
    assert_int_equal(table.overflow, 1);
    assert_int_equal(table.entries.used, ROWS(numbers)); /* no entry leaks */
    assert_int_equal(table.entries.refusals, 0);
    for (unsigned i = 0; i < ROWS(numbers); i++)
        assert_true(find(&table, numbers[i]) != SS_FLOW_NONE);

    ss_flow_remove(&table, find(&table, numbers[9]));
    assert_true(add(&table, newcomer) != SS_FLOW_NONE);
    assert_true(find(&table, newcomer) != SS_FLOW_NONE);
    close_table(&table);
}

static void where_both_buckets_are_full_an_entry_goes_to_its_other_one(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(64);
    uint32_t numbers[2 * SS_FLOW_SLOTS + 1], from = 0;

    for (unsigned i = 0; i < ROWS(numbers); i++) {
        numbers[i] = i == 5 ? next_of(&table, 3, 12, &from) : next_of(&table, 3, 7, &from);
        assert_true(add(&table, numbers[i]) != SS_FLOW_NONE);
    }
    assert_int_equal(table.overflow, 0);
    for (unsigned i = 0; i < ROWS(numbers); i++)
        assert_int_equal(candidate(&table, numbers[i]), find(&table, numbers[i]));
    ss_flow_remove(&table, find(&table, numbers[5]));
    assert_int_equal(find(&table, numbers[5]), SS_FLOW_NONE);
    assert_true(add(&table, numbers[5]) != SS_FLOW_NONE);
    close_table(&table);
}

/* Room that was made for a newcomer which then found no entry would leave what had moved in both buckets. */
static void a_newcomer_to_a_full_table_moves_nothing(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(2 * SS_FLOW_SLOTS);
    uint32_t numbers[2 * SS_FLOW_SLOTS], from = 0;

    for (unsigned i = 0; i < ROWS(numbers); i++) {
        numbers[i] = i == 0 ? next_of(&table, 0, 2, &from) : next_of(&table, 0, 1, &from);
        assert_true(add(&table, numbers[i]) != SS_FLOW_NONE);
    }
    assert_int_equal(add(&table, next_of(&table, 0, 1, &from)), SS_FLOW_NONE);
    for (unsigned i = 0; i < ROWS(numbers); i++)
        ss_flow_remove(&table, find(&table, numbers[i]));
    for (uint64_t bucket = 0; bucket <= table.bucket_mask; bucket++) {
        for (unsigned slot = 0; slot < SS_FLOW_SLOTS; slot++)
            assert_int_equal(table.buckets[bucket].tag[slot], 0);
    }
    close_table(&table);
}

static void a_table_that_is_full_to_the_brim_has_room_in_its_buckets(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(65536);

    for (uint32_t i = 0; i < 65536; i++)
        assert_true(add(&table, i) != SS_FLOW_NONE);
    assert_int_equal(table.overflow, 0);
    close_table(&table);
}

static bool is_in_first(const struct ss_flow_table *table, uint32_t number)
{
    const struct ss_flow_bucket *bucket = &table->buckets[first_bucket(table, number)];
    uint32_t entry = find(table, number);

    for (unsigned i = 0; i < SS_FLOW_SLOTS; i++) {
        if (bucket->tag[i] != 0 && bucket->entry[i] == entry)
            return true;
    }
    return false;
}

static void in_a_full_table_99_of_100_keys_are_in_their_first_bucket(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(65536);
    unsigned in_first = 0;

    for (uint32_t i = 0; i < 65536; i++)
        add(&table, i);
    for (uint32_t i = 0; i < 65536; i++)
        in_first += is_in_first(&table, i);
    assert_in_range(in_first, 65536 / 100 * 99, 65536);
    close_table(&table);
}

/* ---- ageing */

static void the_hand_of_ageing_visits_each_entry_once_a_round(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(100);

    assert_int_equal(ss_flow_next_to_age(&table), SS_FLOW_NONE);
    for (uint32_t i = 0; i < 50; i++)
        add(&table, i);
    for (unsigned round = 0; round < 3; round++) {
        unsigned visits[50] = {0};
        for (unsigned i = 0; i < 50; i++) {
            uint32_t number = ss_flow_next_to_age(&table);
            assert_true(number < 50);
            visits[number]++;
        }
        for (unsigned i = 0; i < 50; i++)
            assert_int_equal(visits[i], 1);
    }
    close_table(&table);
}

static void the_hand_skips_free_entries_and_survives_removal_under_it(void **state)
{
    (void)state;
    struct ss_flow_table table = open_table(100);
    unsigned visited = 0, free_ones = 0;

    for (uint32_t i = 0; i < 30; i++)
        add(&table, i);
    for (unsigned i = 0; i < 30;
         i++) { /* each is removed as it is visited: nothing is left, nothing is missed */
        uint32_t number = ss_flow_next_to_age(&table);
        assert_true(number != SS_FLOW_NONE);
        ss_flow_remove(&table, number);
        visited++;
    }
    for (unsigned i = 0; i < 30; i++)
        free_ones += ss_flow_next_to_age(&table) == SS_FLOW_NONE;
    assert_int_equal(visited, 30);
    assert_int_equal(free_ones, 30);
    assert_int_equal(table.entries.used, 0);
    close_table(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_of_a_connection_have_one_key),
        cmocka_unit_test(the_lower_address_comes_first_as_its_bytes_order),
        cmocka_unit_test(a_connection_of_an_endpoint_with_itself_has_a_key),
        cmocka_unit_test(every_byte_of_a_key_counts),
        cmocka_unit_test(another_seed_gives_other_hashes),
        cmocka_unit_test(analyzers_get_even_parts),
        cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
        cmocka_unit_test(by_its_tag_nearly_every_key_finds_its_entry_and_none_that_is_not_there),
        cmocka_unit_test(a_burst_finds_what_is_in_second_buckets_too),
        cmocka_unit_test(where_tags_are_equal_the_key_decides),
        cmocka_unit_test(an_entry_that_is_used_again_starts_clean),
        cmocka_unit_test(a_full_table_refuses_the_newcomer_and_keeps_the_rest),
        cmocka_unit_test(keys_of_the_same_two_buckets_fill_both_and_then_are_refused_and_counted),
        cmocka_unit_test(where_both_buckets_are_full_an_entry_goes_to_its_other_one),
        cmocka_unit_test(a_newcomer_to_a_full_table_moves_nothing),
        cmocka_unit_test(a_table_that_is_full_to_the_brim_has_room_in_its_buckets),
        cmocka_unit_test(in_a_full_table_99_of_100_keys_are_in_their_first_bucket),
        cmocka_unit_test(the_hand_of_ageing_visits_each_entry_once_a_round),
        cmocka_unit_test(the_hand_skips_free_entries_and_survives_removal_under_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
