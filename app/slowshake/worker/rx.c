// SPDX-License-Identifier: BSD-3-Clause

#include "worker/rx.h"

#include "flow/key.h"
#include "packet/packet.h"

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

/* What a packet carries from the lcore that polled it to the one that analyzes it. */
struct arrival {
    int64_t time_ns;
    uint32_t error_ns;
    uint16_t port;
    uint16_t cut; /* bytes that the driver cut off */
};

_Static_assert(sizeof(struct arrival) == 16, "mbufs have 36 bytes for all dynamic fields");
_Static_assert(SS_WORKER_BURST <= SS_BURST_MAX, "a burst can be fed at once");
_Static_assert(SS_LCORES_MAX <= 64, "analyzers are bits of one word");

static const struct rte_mbuf_dynfield arrival_field = {
    .name = "slowshake_arrival",
    .size = sizeof(struct arrival),
    .align = _Alignof(struct arrival),
};

/* Registering again gives the same place. */
int ss_rx_arrival_offset(void)
{
    int offset = rte_mbuf_dynfield_register(&arrival_field);
    return offset < 0 ? -rte_errno : offset;
}

static struct arrival *arrival_of(const struct ss_worker *worker, struct rte_mbuf *mbuf)
{
    return RTE_MBUF_DYNFIELD(mbuf, worker->arrival_offset, struct arrival *);
}

/* ---- analyzing */

static struct ss_frame frame_of(const struct ss_worker *worker, struct rte_mbuf *mbuf)
{
    const struct arrival *arrival = arrival_of(worker, mbuf);

    return (struct ss_frame){
        .data = rte_pktmbuf_mtod(mbuf, const uint8_t *),
        .captured = mbuf->data_len,
        .wire = mbuf->pkt_len + arrival->cut,
        .time_ns = arrival->time_ns,
        .clock_error_ns = arrival->error_ns,
        .port = arrival->port,
        .link = SS_LINK_ETHERNET,
    };
}

/* There is one scratch buffer: a frame in several mbufs is fed alone. */
static void feed_chain(struct ss_worker *worker, struct rte_mbuf *mbuf)
{
    struct ss_frame frame = frame_of(worker, mbuf);

    frame.captured = RTE_MIN(mbuf->pkt_len, (uint32_t)SS_WORKER_SCRATCH);
    frame.data = rte_pktmbuf_read(mbuf, 0, frame.captured, worker->scratch);
    if (frame.data != NULL)
        ss_analyzer_feed(worker->analyzer, &frame, 1);
}

/* To this worker's analyzer, which copies what it keeps: the mbufs are free at once. */
static void feed(struct ss_worker *worker, struct rte_mbuf **mbufs, unsigned count)
{
    struct ss_frame frames[SS_BURST_MAX];
    unsigned ready = 0;

    for (unsigned i = 0; i < count; i++) {
        if (mbufs[i]->nb_segs == 1) {
            frames[ready++] = frame_of(worker, mbufs[i]);
            continue;
        }
        ss_analyzer_feed(worker->analyzer, frames, ready);
        ready = 0;
        feed_chain(worker, mbufs[i]);
    }
    ss_analyzer_feed(worker->analyzer, frames, ready);
    rte_pktmbuf_free_bulk(mbufs, count);
}

unsigned ss_rx_take(struct ss_worker *worker)
{
    struct rte_mbuf *mbufs[SS_BURST_MAX];

    if (worker->packets == NULL)
        return 0;
    unsigned count = rte_ring_sc_dequeue_burst(worker->packets, (void **)mbufs, SS_BURST_MAX, NULL);
    if (count == SS_BURST_MAX)
        worker->is_behind = true;
    if (count > 0)
        feed(worker, mbufs, count);
    return count;
}

/* ---- whose packet it is */

/* The first mbuf is enough: it holds the headers of any frame that has them. */
static bool decode(struct rte_mbuf *mbuf, struct ss_packet *ret_packet)
{
    struct ss_frame frame = {.data = rte_pktmbuf_mtod(mbuf, const uint8_t *),
                             .captured = mbuf->data_len,
                             .wire = mbuf->pkt_len,
                             .link = SS_LINK_ETHERNET};

    return ss_packet_decode(&frame, ret_packet) == SS_REFUSED_NOTHING;
}

/* By the hash of the innermost flow, so that both directions meet, whatever queue or port they came by. What
 * is no flow goes to the first, which counts it. */
static unsigned analyzer_of(const struct ss_worker *worker, struct rte_mbuf *mbuf)
{
    struct ss_packet packet;
    bool from_first;

    if (!decode(mbuf, &packet))
        return 0;
    struct ss_flow_key key = ss_flow_key_of(&packet, &from_first);
    uint64_t hash = ss_flow_hash(&key, worker->spread_seed);
    return (unsigned)((hash >> 32) * worker->analyzer_count >> 32);
}

/* Packets that find no room are dropped and counted: polling never waits. */
static void hand_over(struct ss_worker *worker, unsigned analyzer, struct rte_mbuf **mbufs, unsigned count)
{
    struct rte_ring *ring = worker->analyzers[analyzer]->packets;
    unsigned taken = rte_ring_mp_enqueue_burst(ring, (void **)mbufs, count, NULL);

    if (taken == count)
        return;
    worker->counters.ring_full += count - taken;
    rte_pktmbuf_free_bulk(mbufs + taken, count - taken);
}

static bool is_own(const struct ss_worker *worker, unsigned analyzer)
{
    return worker->analyzer != NULL && analyzer == worker->analyzer_index;
}

static void give(struct ss_worker *worker, unsigned analyzer, struct rte_mbuf **mbufs, unsigned count)
{
    if (is_own(worker, analyzer))
        feed(worker, mbufs, count);
    else
        hand_over(worker, analyzer, mbufs, count);
}

static void spread(struct ss_worker *worker, struct rte_mbuf **mbufs, unsigned count)
{
    uint8_t analyzer[SS_WORKER_BURST];
    struct rte_mbuf *together[SS_WORKER_BURST];
    uint64_t concerned = 0;

    for (unsigned i = 0; i < count; i++) {
        analyzer[i] = (uint8_t)analyzer_of(worker, mbufs[i]);
        concerned |= UINT64_C(1) << analyzer[i];
    }
    for (; concerned != 0; concerned &= concerned - 1) {
        unsigned to = (unsigned)__builtin_ctzll(concerned), n = 0;
        for (unsigned i = 0; i < count; i++) {
            if (analyzer[i] == to)
                together[n++] = mbufs[i];
        }
        give(worker, to, together, n);
    }
}

/* ---- polling */

/* A driver that cuts frames does not say so; the IP header does. */
static uint16_t bytes_cut(const struct ss_port *port, struct rte_mbuf *mbuf)
{
    struct ss_packet packet;

    if (mbuf->pkt_len < port->cut_bytes || !decode(mbuf, &packet))
        return 0;
    return (uint16_t)RTE_MIN(packet.payload_bytes - packet.payload_captured, (uint32_t)UINT16_MAX);
}

static uint32_t lateness_ns(const struct ss_clock_line *line, uint64_t ticks)
{
    uint64_t ns = ss_clock_span_ns(line, ticks) + line->error_ns;
    return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static void stamp(const struct ss_worker *worker, const struct ss_queue_ref *queue, struct rte_mbuf **mbufs,
                  unsigned count, uint64_t now_tsc)
{
    struct ss_clock_line line = ss_clock_read(worker->clock);
    const struct ss_port *port = queue->port;
    struct arrival software = {.time_ns = ss_clock_ns(&line, now_tsc),
                               .error_ns = lateness_ns(&line, now_tsc - queue->emptied_tsc),
                               .port = queue->port_index};

    for (unsigned i = 0; i < count; i++) {
        struct arrival *arrival = arrival_of(worker, mbufs[i]);
        *arrival = software;
        arrival->cut = bytes_cut(port, mbufs[i]);
        if (mbufs[i]->ol_flags & port->timestamp_flag) {
            rte_mbuf_timestamp_t ticks =
                *RTE_MBUF_DYNFIELD(mbufs[i], (unsigned)port->timestamp_offset, rte_mbuf_timestamp_t *);
            arrival->time_ns = (int64_t)(ticks * port->timestamp_unit_ns);
            arrival->error_ns = SS_PORT_STAMP_ERROR_NS;
        }
    }
}

static unsigned poll_queue(struct ss_worker *worker, struct ss_queue_ref *queue)
{
    struct rte_mbuf *mbufs[SS_WORKER_BURST];
    uint64_t before_tsc = rte_rdtsc();
    unsigned count = ss_port_burst(queue->port, queue->queue, mbufs, SS_WORKER_BURST);

    if (count > 0)
        stamp(worker, queue, mbufs, count, rte_rdtsc());
    /* A full burst may have left older packets behind: the queue was not seen empty. */
    if (count < SS_WORKER_BURST)
        queue->emptied_tsc = before_tsc;
    else
        worker->is_behind = true;
    if (count == 0)
        return 0;
    if (worker->analyzer_count == 1)
        give(worker, 0, mbufs, count);
    else
        spread(worker, mbufs, count);
    return count;
}

unsigned ss_rx_poll(struct ss_worker *worker)
{
    unsigned received = 0;

    for (unsigned i = 0; i < worker->queue_count; i++)
        received += poll_queue(worker, &worker->queues[i]);
    worker->counters.received += received;
    return received;
}
