// SPDX-License-Identifier: BSD-3-Clause

#include "control/kept.h"

/* SS_KEPT_EVENTS: none. */
static unsigned find(const struct ss_kept *kept, const struct ss_join_flow *flow, int64_t start_ns)
{
    unsigned i = 0;
    while (i < SS_KEPT_EVENTS && (kept->entries[i].flow != flow || kept->entries[i].start_ns != start_ns))
        i++;
    return i;
}

void ss_kept_put(struct ss_kept *kept, const struct ss_join_flow *flow, int64_t start_ns,
                 const struct ss_event *event)
{
    unsigned i = find(kept, flow, start_ns);

    if (i == SS_KEPT_EVENTS)
        i = kept->next++ % SS_KEPT_EVENTS;
    kept->entries[i].flow = flow;
    kept->entries[i].start_ns = start_ns;
    kept->entries[i].event = *event;
}

const struct ss_event *ss_kept_find(const struct ss_kept *kept, const struct ss_join_flow *flow,
                                    int64_t start_ns)
{
    unsigned i = find(kept, flow, start_ns);
    return i < SS_KEPT_EVENTS ? &kept->entries[i].event : NULL;
}
