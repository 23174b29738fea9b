// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The identity of a TCP connection: both endpoints, in an order of their own, so that both
 * directions have the same key. */

#include "base/ip.h"
#include "packet/packet.h"

struct ss_flow_key {
    struct ss_ip ip[2];
    uint16_t port[2];
};

/* *ret_from_first: the packet's source is endpoint 0. */
static inline struct ss_flow_key ss_flow_key_of(const struct ss_packet *packet, bool *ret_from_first)
{
    int order = memcmp(&packet->source, &packet->destination, sizeof(packet->source));
    bool first = order < 0 || (order == 0 && packet->source_port <= packet->destination_port);
    struct ss_flow_key key;

    key.ip[!first] = packet->source;
    key.port[!first] = packet->source_port;
    key.ip[first] = packet->destination;
    key.port[first] = packet->destination_port;
    *ret_from_first = first;
    return key;
}

static inline bool ss_flow_key_equal(const struct ss_flow_key *a, const struct ss_flow_key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Seeded multiply-and-fold (as in wyhash): with a secret seed, a peer cannot
 * choose addresses that collide. */
uint64_t ss_flow_hash(const struct ss_flow_key *key, uint64_t seed);

/* Which of count analyzers a connection belongs to; the same for both directions, without a division. */
static inline unsigned ss_flow_worker(uint64_t hash, unsigned count)
{
    return (unsigned)((uint64_t)(uint32_t)(hash >> 8) * count >> 32);
}
