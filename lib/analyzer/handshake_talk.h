// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What comes before TLS on a connection: a PROXY protocol header, or a talk that ends in TLS. */

#include "analyzer/handshake.h"

enum ss_talk_verdict {
    SS_TALK_TLS,    /* *chunk is (what is left of it) TLS */
    SS_TALK_PASSED, /* nothing of it is TLS, more may come */
    SS_TALK_NONE,   /* this connection will not speak TLS */
};

/* The mirror lost `missing` bytes of a side, from seq on: those that are TLS are missing there. False: what
 * TLS comes after them may be unreadable. */
bool ss_handshake_skip(struct ss_handshake *handshake, enum ss_side side, uint32_t seq, uint32_t missing);

/* Looks at the next bytes of a side, which the tap had at t, and cuts off *chunk what comes before TLS. Once
 * TLS has begun, the end of a talk is marked. */
enum ss_talk_verdict ss_handshake_talk(struct ss_handshake *handshake, enum ss_side side,
                                       struct ss_chunk *chunk, int64_t t);
