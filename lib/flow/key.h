// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The identity of a TCP connection: both endpoints, in an order of their own, so that both
 * directions have the same key; and the network, where addresses overlap and settings tell networks apart. */

#include "base/ip.h"
#include "packet/packet.h"

struct ss_flow_key {
    struct ss_ip ip[2];
    uint16_t port[2];
    uint32_t network; /* see ss_packet_network() */
};
_Static_assert(sizeof(struct ss_flow_key) == 40, "the key is compared and hashed as bytes, without padding");

/* *ret_from_first: the packet's source is endpoint 0. settings NULL: the addresses alone. By words and
 * without a branch, since which side a packet is of is anybody's guess (bench: min64). */
static inline struct ss_flow_key ss_flow_key_of(const struct ss_packet *packet,
                                                const struct ss_packet_settings *settings,
                                                bool *ret_from_first)
{
    struct ss_flow_key key;
    uint64_t source[2], other[2];

    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the words' bytes are turned around here");
    memcpy(source, packet->source.bytes, sizeof(source));
    memcpy(other, packet->destination.bytes, sizeof(other));
    unsigned __int128 source_order =
        (unsigned __int128)__builtin_bswap64(source[0]) << 64 | __builtin_bswap64(source[1]);
    unsigned __int128 other_order =
        (unsigned __int128)__builtin_bswap64(other[0]) << 64 | __builtin_bswap64(other[1]);
    bool first = (source_order < other_order) |
                 ((source_order == other_order) & (packet->source_port <= packet->destination_port));
    uint64_t swap = first ? 0 : UINT64_MAX;
    const uint64_t different[2] = {(source[0] ^ other[0]) & swap, (source[1] ^ other[1]) & swap};
    const uint64_t words[4] = {source[0] ^ different[0], source[1] ^ different[1], other[0] ^ different[0],
                               other[1] ^ different[1]};

    memcpy(key.ip, words, sizeof(words));
    uint16_t different_port = (uint16_t)((packet->source_port ^ packet->destination_port) & swap);
    key.port[0] = packet->source_port ^ different_port;
    key.port[1] = packet->destination_port ^ different_port;
    key.network = packet->encap_count == 0 || settings == NULL ? 0 : ss_packet_network(packet, settings);
    *ret_from_first = first;
    return key;
}

static inline bool ss_flow_key_equal(const struct ss_flow_key *a, const struct ss_flow_key *b)
{
    uint64_t x[4], y[4], x_rest, y_rest;

    memcpy(x, a->ip, sizeof(x));
    memcpy(y, b->ip, sizeof(y));
    memcpy(&x_rest, a->port, sizeof(x_rest));
    memcpy(&y_rest, b->port, sizeof(y_rest));
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x_rest ^ y_rest)) == 0;
}

static inline uint64_t ss_flow_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Seeded multiply-and-fold (as in wyhash): with a secret seed, a peer cannot
 * choose addresses that collide. */
static inline uint64_t ss_flow_hash(const struct ss_flow_key *key, uint64_t seed)
{
    uint64_t word[4], rest;

    memcpy(word, key->ip, sizeof(word));
    memcpy(&rest, key->port, sizeof(rest)); /* ports and network */
    uint64_t h = ss_flow_fold(word[0] ^ seed ^ 0xa0761d6478bd642fULL, word[1] ^ 0xe7037ed1a0b428dbULL);
    h ^= ss_flow_fold(word[2] ^ seed ^ 0x8ebc6af09c88c6e3ULL, word[3] ^ 0x589965cc75374cc3ULL);
    return ss_flow_fold(h ^ rest, seed ^ 0x1d8e4e27c47d124fULL);
}

/* Which of count analyzers a connection belongs to; the same for both directions, without a division. */
static inline unsigned ss_flow_worker(uint64_t hash, unsigned count)
{
    return (unsigned)((uint64_t)(uint32_t)(hash >> 8) * count >> 32);
}
