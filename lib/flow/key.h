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

/* An address as one number that orders as its bytes do. */
static inline unsigned __int128 ss_flow_order(const struct ss_ip *ip)
{
    uint64_t word[2];

    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the words' bytes are turned around here");
    memcpy(word, ip->bytes, sizeof(word));
    return (unsigned __int128)__builtin_bswap64(word[0]) << 64 | __builtin_bswap64(word[1]);
}

/* *ret_from_first: the packet's source is endpoint 0. settings NULL: the addresses alone. */
static inline struct ss_flow_key ss_flow_key_of(const struct ss_packet *packet,
                                                const struct ss_packet_settings *settings,
                                                bool *ret_from_first)
{
    unsigned __int128 source = ss_flow_order(&packet->source), other = ss_flow_order(&packet->destination);
    bool first = (source < other) | ((source == other) & (packet->source_port <= packet->destination_port));
    struct ss_flow_key key;

    key.ip[!first] = packet->source;
    key.port[!first] = packet->source_port;
    key.ip[first] = packet->destination;
    key.port[first] = packet->destination_port;
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

/* Seeded multiply-and-fold (as in wyhash): with a secret seed, a peer cannot
 * choose addresses that collide. */
uint64_t ss_flow_hash(const struct ss_flow_key *key, uint64_t seed);

/* Which of count analyzers a connection belongs to; the same for both directions, without a division. */
static inline unsigned ss_flow_worker(uint64_t hash, unsigned count)
{
    return (unsigned)((uint64_t)(uint32_t)(hash >> 8) * count >> 32);
}
