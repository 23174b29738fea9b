// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The latest events that were written: a further revision of such a record (the handshake was judged again,
 * or its connection has ended) needs what the proxy said once more. Each has one place, and gives way to the
 * next one there. */

#include "join/join.h"

#define SS_KEPT_EVENTS 1024

struct ss_kept {
    struct {
        const struct ss_join_flow *flow; /* its slot, which with its start is its identity; NULL: not used */
        int64_t start_ns;
        struct ss_event event;
    } entries[SS_KEPT_EVENTS];
};

void ss_kept_put(struct ss_kept *kept, const struct ss_join_flow *flow, int64_t start_ns,
                 const struct ss_event *event);
/* NULL: not kept, or no more. */
const struct ss_event *ss_kept_find(const struct ss_kept *kept, const struct ss_join_flow *flow,
                                    int64_t start_ns);
