// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The identity of a TCP connection: both endpoints, in an order of their own, so that both
 * directions have the same key; and the network, where addresses overlap and settings tell networks apart. */

#include "base/ip.h"
#include "packet/packet.h"

#include <stddef.h>

struct ss_flow_key {
    union {
        struct {
            struct ss_ip ip[2];
            uint16_t port[2];
            uint32_t network; /* see ss_packet_network() */
        };
        uint64_t words[5]; /* the same, to be compared and hashed */
    };
};
_Static_assert(sizeof(struct ss_flow_key) == 40, "no padding, which would be compared and hashed, too");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the words' bytes are turned around below");
_Static_assert(offsetof(struct ss_packet, destination_port) == offsetof(struct ss_packet, source_port) + 2,
               "a packet's ports are one word");

static inline unsigned __int128 ss_flow_order(const uint64_t address[2])
{
    return (unsigned __int128)__builtin_bswap64(address[0]) << 64 | __builtin_bswap64(address[1]);
}

/* *ret_from_first: the packet's source is endpoint 0. settings NULL: the addresses alone. By words and
 * without a branch, since which side a packet is of is anybody's guess (bench: min64). */
static inline struct ss_flow_key ss_flow_key_of(const struct ss_packet *packet,
                                                const struct ss_packet_settings *settings,
                                                bool *ret_from_first)
{
    struct ss_flow_key key;
    uint64_t source[2], other[2];
    uint32_t ports;

    memcpy(source, packet->source.bytes, sizeof(source));
    memcpy(other, packet->destination.bytes, sizeof(other));
    memcpy(&ports, &packet->source_port, sizeof(ports));
    unsigned __int128 source_order = ss_flow_order(source), other_order = ss_flow_order(other);
    bool first = (source_order < other_order) |
                 ((source_order == other_order) & ((uint16_t)ports <= (uint16_t)(ports >> 16)));
    uint64_t swap = (uint64_t)first - 1;
    unsigned turn = swap & 16;

    for (unsigned i = 0; i < 2; i++) {
        uint64_t different = (source[i] ^ other[i]) & swap;
        key.words[i] = source[i] ^ different;
        key.words[2 + i] = other[i] ^ different;
    }
    uint32_t network = packet->encap_count == 0 || settings == NULL ? 0 : ss_packet_network(packet, settings);
    key.words[4] = (uint64_t)network << 32 | (ports << turn | ports >> (-turn & 31));
    *ret_from_first = first;
    return key;
}

static inline bool ss_flow_key_equal(const struct ss_flow_key *a, const struct ss_flow_key *b)
{
    const uint64_t *x = a->words, *y = b->words;

    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4])) == 0;
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
    const uint64_t *words = key->words;
    uint64_t h = ss_flow_fold(words[0] ^ seed ^ 0xa0761d6478bd642fULL, words[1] ^ 0xe7037ed1a0b428dbULL);

    h ^= ss_flow_fold(words[2] ^ seed ^ 0x8ebc6af09c88c6e3ULL, words[3] ^ 0x589965cc75374cc3ULL);
    return ss_flow_fold(h ^ words[4], seed ^ 0x1d8e4e27c47d124fULL);
}

/* Which of count analyzers a connection belongs to; the same for both directions, without a division. */
static inline unsigned ss_flow_worker(uint64_t hash, unsigned count)
{
    return (unsigned)((uint64_t)(uint32_t)(hash >> 8) * count >> 32);
}
