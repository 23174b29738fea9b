// SPDX-License-Identifier: BSD-3-Clause

#include "worker/backlog.h"

enum ss_shed ss_backlog_of_ring(const struct rte_ring *ring)
{
    return ss_shed_of(rte_ring_count(ring), rte_ring_get_capacity(ring));
}

/* The most that waits for sure: drivers only tell whether so many do. */
enum ss_shed ss_backlog_of_queue(struct ss_queue_ref *queue, unsigned count)
{
    static const uint16_t QUARTERS[] = {3, 2};
    uint16_t room = queue->port->queue_room;

    queue->since_empty = count < SS_WORKER_BURST ? 0 : queue->since_empty + count;
    if (ss_shed_of(queue->since_empty, room) == SS_SHED_NOTHING) /* mostly it costs no more than this */
        return SS_SHED_NOTHING;
    for (unsigned i = 0; i < RTE_DIM(QUARTERS); i++) {
        uint16_t waiting = room / 4 * QUARTERS[i];
        int is_waiting = ss_port_has_waiting(queue->port, queue->queue, waiting);
        if (is_waiting != 0)
            return is_waiting > 0 ? ss_shed_of(waiting, room) : SS_SHED_BULK;
    }
    return SS_SHED_NOTHING;
}
