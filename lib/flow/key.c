// SPDX-License-Identifier: BSD-3-Clause

#include "flow/key.h"

_Static_assert(sizeof(struct ss_flow_key) == 40, "the key is compared and hashed as bytes, without padding");

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t ss_flow_hash(const struct ss_flow_key *key, uint64_t seed)
{
    uint64_t word[4], rest;

    memcpy(word, key->ip, sizeof(word));
    memcpy(&rest, key->port, sizeof(rest)); /* ports and network */
    uint64_t h = fold(word[0] ^ seed ^ 0xa0761d6478bd642fULL, word[1] ^ 0xe7037ed1a0b428dbULL);
    h ^= fold(word[2] ^ seed ^ 0x8ebc6af09c88c6e3ULL, word[3] ^ 0x589965cc75374cc3ULL);
    return fold(h ^ rest, seed ^ 0x1d8e4e27c47d124fULL);
}
