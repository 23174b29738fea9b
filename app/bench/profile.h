// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What the bench feeds: how many connections, frames of which sizes, how much of them in handshakes. */

#include <stdbool.h>
#include <stdint.h>

struct ss_bench_profile {
    const char *name;
    const char *about;         /* for the help */
    uint32_t flows;            /* established before anything is measured */
    uint32_t open;             /* connections in their handshake at once */
    uint32_t handshakes_share; /* of 1000 frames: of connections from SYN to FIN */
    uint32_t flood_share;      /* of 1000 frames: SYNs that nobody answers */
    uint32_t mean_bytes;       /* of all frames; 0: those of established connections are the least there is */
    uint32_t flows_max;        /* of the analyzer */
    uint32_t burst_ns;         /* by which the frames' time goes on with each burst */
    uint32_t frames;           /* of a round */
    uint32_t warm_frames;      /* before the first, so that closed connections are forgotten as fast as new
                                  ones come */
    bool vlan;                 /* on half of the connections */
    bool ipv6;                 /* on a third */
};

/* The next after it, NULL first; NULL: no more. */
const struct ss_bench_profile *ss_bench_profile_next(const struct ss_bench_profile *profile);
/* NULL: there is none of that name. */
const struct ss_bench_profile *ss_bench_profile_find(const char *name);
