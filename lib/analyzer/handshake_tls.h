// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* A direction's bytes to the marks of its TLS messages: what handshake.c hands on, and what both share. */

#include "analyzer/handshake.h"

#define SS_TLS13 0x0304

/* The next bytes of a side in order, which the tap had at t. False: this connection is not TLS. */
bool ss_handshake_take_bytes(struct ss_handshake *handshake, enum ss_side side, struct ss_span bytes,
                             int64_t t);

/* The hello may have been acknowledged: after each acknowledgement of the server. */
void ss_handshake_take_hello_ack(struct ss_handshake *handshake);

/* A mark is the first time that its moment was seen. */
static inline void ss_handshake_mark(struct ss_handshake *handshake, enum ss_mark name, int64_t at_ns)
{
    if (handshake->mark_ns[name] == SS_MARK_UNSEEN)
        handshake->mark_ns[name] = at_ns;
}

static inline bool ss_handshake_is_marked(const struct ss_handshake *handshake, enum ss_mark name)
{
    return handshake->mark_ns[name] != SS_MARK_UNSEEN;
}

static inline bool ss_handshake_is_tls12(const struct ss_handshake *handshake)
{
    return handshake->has_server_hello ? handshake->version < SS_TLS13 : handshake->has_key_exchange;
}

/* The first reason to end counts; packets that were under way then still make their marks. */
static inline void ss_handshake_end(struct ss_handshake *handshake, enum ss_outcome outcome, int64_t t)
{
    if (handshake->outcome != SS_OUTCOME_COUNT)
        return;
    handshake->outcome = (uint8_t)outcome;
    handshake->ended_ns = t;
}
