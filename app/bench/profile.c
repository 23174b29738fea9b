// SPDX-License-Identifier: BSD-3-Clause

#include "profile.h"

#include <stddef.h>
#include <string.h>

#define COUNT (sizeof(profiles) / sizeof(profiles[0]))

/* burst_ns: 32 frames at 14.88 Mpps, at 500,000 handshakes/s, at 100 Gbit/s: the rates that are to be passed.
 *
 * flows_max: a closed connection is kept for two seconds and until its turn in ageing comes, a handshake
 * block is there for every sixteenth connection. */
static const struct ss_bench_profile profiles[] = {
    {.name = "min64",
     .about = "64-byte segments in random order over 1,000,000 connections whose handshake is done",
     .flows = 1000000,
     .flows_max = 1 << 20,
     .burst_ns = 2150,
     .frames = 2000000},
    {.name = "handshakes",
     .about = "complete TLS 1.3 and 1.2 handshakes, every connection new, 100,000 at once under way",
     .open = 100000,
     .handshakes_share = 1000,
     .flows_max = 1 << 21,
     .burst_ns = 6400,
     .frames = 1000000,
     .warm_frames = 11000000},
    {.name = "synflood",
     .about = "handshakes, and as many SYNs of a flood as packets of theirs",
     .open = 100000,
     .handshakes_share = 500,
     .flood_share = 500,
     .flows_max = 1 << 21,
     .burst_ns = 3200,
     .frames = 1000000,
     .warm_frames = 8000000},
    {.name = "mix",
     .about =
         "1,000,000 connections, mean frame 850 bytes, 5 % of packets in handshakes, VLAN on half, IPv6 on "
         "a third",
     .flows = 1000000,
     .open = 10000,
     .handshakes_share = 50,
     .mean_bytes = 850,
     .flows_max = 1250000,
     .burst_ns = 2240,
     .frames = 1000000,
     .warm_frames = 3000000,
     .vlan = true,
     .ipv6 = true},
};

const struct ss_bench_profile *ss_bench_profile_next(const struct ss_bench_profile *profile)
{
    if (profile == NULL)
        return profiles;
    return profile + 1 < profiles + COUNT ? profile + 1 : NULL;
}

const struct ss_bench_profile *ss_bench_profile_find(const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    return NULL;
}
