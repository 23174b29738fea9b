// SPDX-License-Identifier: BSD-3-Clause

/* A join's beginning and end. */

#include "join/state.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_MAX ((size_t)1 << 29)
#define SLACK_NS  2000000000LL
#define HOLD_NS   30000000000LL

static int allocate(struct ss_join *join, uint64_t seed)
{
    join->slots = calloc(join->flows_max, sizeof(*join->slots));
    join->waiting = calloc(join->waiting_max, sizeof(*join->waiting));
    join->heap = calloc(join->waiting_max, sizeof(*join->heap));
    join->position = calloc(join->waiting_max, sizeof(*join->position));
    if (!join->slots || !join->waiting || !join->heap || !join->position)
        return -ENOMEM;
    if (ss_chains_init(&join->by_endpoint, 2 * (size_t)join->flows_max, seed) ||
        ss_chains_init(&join->by_ip, 2 * (size_t)join->flows_max, seed) ||
        ss_chains_init(&join->waiting_chains, join->waiting_max, seed))
        return -ENOMEM;
    return 0;
}

int ss_join_create(size_t flows_max, size_t waiting_max, uint64_t seed, struct ss_join **ret_join)
{
    if (flows_max == 0 || waiting_max == 0 || flows_max > SLOTS_MAX || waiting_max > SLOTS_MAX)
        return -EINVAL;
    struct ss_join *join = calloc(1, sizeof(*join));
    if (!join)
        return -ENOMEM;
    join->flows_max = (uint32_t)flows_max;
    join->waiting_max = join->retry_at = (uint32_t)waiting_max;
    if (allocate(join, seed) < 0) {
        ss_join_free(join);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < join->waiting_max; i++)
        join->heap[i] = join->position[i] = i;
    for (unsigned i = 0; i < SS_JOIN_SOURCES; i++)
        join->sources[i] = (struct ss_join_source){SLACK_NS, HOLD_NS};
    *ret_join = join;
    return 0;
}

void ss_join_free(struct ss_join *join)
{
    if (!join)
        return;
    ss_chains_fini(&join->by_endpoint);
    ss_chains_fini(&join->by_ip);
    ss_chains_fini(&join->waiting_chains);
    free(join->slots);
    free(join->waiting);
    free(join->heap);
    free(join->position);
    free(join);
}

void ss_join_set_source(struct ss_join *join, unsigned source, int64_t slack_ns, int64_t hold_ns)
{
    if (source < SS_JOIN_SOURCES)
        join->sources[source] = (struct ss_join_source){slack_ns, hold_ns};
}

struct ss_join_source ss_join_source_of(const struct ss_join *join, const struct ss_event *event)
{
    return event->source < SS_JOIN_SOURCES ? join->sources[event->source]
                                           : (struct ss_join_source){SLACK_NS, HOLD_NS};
}
