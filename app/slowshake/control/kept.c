// SPDX-License-Identifier: BSD-3-Clause

#include "control/kept.h"

/* Fibonacci hashing of the slot's address: the high bits of the product are mixed best. */
static unsigned place_of(const struct ss_join_flow *flow)
{
    return (unsigned)((uint64_t)(uintptr_t)flow * 0x9e3779b97f4a7c15u >> 32) % SS_KEPT_EVENTS;
}

void ss_kept_put(struct ss_kept *kept, const struct ss_join_flow *flow, int64_t start_ns,
                 const struct ss_event *event)
{
    unsigned place = place_of(flow);

    kept->entries[place].flow = flow;
    kept->entries[place].start_ns = start_ns;
    kept->entries[place].event = *event;
}

const struct ss_event *ss_kept_find(const struct ss_kept *kept, const struct ss_join_flow *flow,
                                    int64_t start_ns)
{
    unsigned place = place_of(flow);
    bool is_it = kept->entries[place].flow == flow && kept->entries[place].start_ns == start_ns;

    return is_it ? &kept->entries[place].event : NULL;
}
