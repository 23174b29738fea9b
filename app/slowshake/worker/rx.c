// SPDX-License-Identifier: BSD-3-Clause

#include "worker/rx.h"

#include "flow/key.h"
#include "packet/fragments.h"
#include "worker/backlog.h"

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#define OF_A_FRAGMENT SS_LCORES_MAX /* in place of an analyzer: none is known yet */

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

/* There is one scratch buffer: a frame in several mbufs is dealt with alone. */
static struct ss_frame frame_of_chain(const struct ss_worker *worker, struct rte_mbuf *mbuf)
{
    struct ss_frame frame = frame_of(worker, mbuf);

    frame.captured = RTE_MIN(mbuf->pkt_len, (uint32_t)SS_WORKER_SCRATCH);
    frame.data = rte_pktmbuf_read(mbuf, 0, frame.captured, worker->scratch);
    return frame;
}

/* To this worker's analyzer, which copies what it keeps: the mbufs are free at once. */
static void feed(struct ss_worker *worker, struct rte_mbuf **mbufs, unsigned count)
{
    struct ss_frame frames[SS_BURST_MAX];
    unsigned ready = 0;

    ss_analyzer_shed(worker->analyzer, worker->shed);
    for (unsigned i = 0; i < count; i++) {
        if (mbufs[i]->nb_segs == 1) {
            frames[ready++] = frame_of(worker, mbufs[i]);
            continue;
        }
        ss_analyzer_feed(worker->analyzer, frames, ready);
        ready = 0;
        frames[0] = frame_of_chain(worker, mbufs[i]);
        ss_analyzer_feed(worker->analyzer, frames, 1);
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
    worker->shed = RTE_MAX(worker->shed, ss_backlog_of_ring(worker->packets));
    if (count > 0)
        feed(worker, mbufs, count);
    return count;
}

/* ---- whose packet it is */

/* The first mbuf is enough: it holds the headers of any frame that has them. */
static enum ss_refusal decode(const struct ss_worker *worker, struct rte_mbuf *mbuf,
                              struct ss_packet *ret_packet)
{
    struct ss_frame frame = {.data = rte_pktmbuf_mtod(mbuf, const uint8_t *),
                             .captured = mbuf->data_len,
                             .wire = mbuf->pkt_len,
                             .link = SS_LINK_ETHERNET};

    return ss_packet_decode(&frame, &worker->packet, ret_packet);
}

/* By the hash of the innermost flow, so that both directions meet, whatever queue or port they came by. */
static unsigned analyzer_of_packet(const struct ss_worker *worker, const struct ss_packet *packet)
{
    bool from_first;
    struct ss_flow_key key = ss_flow_key_of(packet, &worker->packet, &from_first);

    return ss_flow_worker(ss_flow_hash(&key, worker->spread_seed), worker->analyzer_count);
}

/* What is no flow goes to the first, which counts it. */
static unsigned analyzer_of(const struct ss_worker *worker, struct rte_mbuf *mbuf)
{
    struct ss_packet packet;

    switch (decode(worker, mbuf, &packet)) {
    case SS_REFUSED_NOTHING:
        return analyzer_of_packet(worker, &packet);
    case SS_REFUSED_FRAGMENT:
        return OF_A_FRAGMENT;
    default:
        return 0;
    }
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

static void spread_packets(struct ss_worker *worker, struct rte_mbuf **mbufs, const uint8_t *analyzer,
                           unsigned count)
{
    struct rte_mbuf *together[SS_WORKER_BURST];
    uint64_t concerned = 0;

    for (unsigned i = 0; i < count; i++)
        concerned |= UINT64_C(1) << analyzer[i];
    for (; concerned != 0; concerned &= concerned - 1) {
        unsigned to = (unsigned)__builtin_ctzll(concerned), n = 0;
        for (unsigned i = 0; i < count; i++) {
            if (analyzer[i] == to)
                together[n++] = mbufs[i];
        }
        give(worker, to, together, n);
    }
}

/* ---- fragments, which have no ports: they wait until their datagram is whole, and then go together, as they
 * came, to the analyzer of its connection. That one puts them together for itself. */

/* NULL: no mbufs. */
static struct rte_mbuf *copy_of(const struct ss_worker *worker, const struct ss_frame *frame)
{
    struct rte_mbuf *first = NULL;
    uint32_t done = 0;

    while (first == NULL || done < frame->captured) {
        struct rte_mbuf *mbuf = rte_pktmbuf_alloc(worker->mbufs);
        if (mbuf == NULL || (first != NULL && rte_pktmbuf_chain(first, mbuf) != 0)) {
            rte_pktmbuf_free(mbuf);
            rte_pktmbuf_free(first);
            return NULL;
        }
        first = first == NULL ? mbuf : first;
        uint16_t part = (uint16_t)RTE_MIN((uint32_t)rte_pktmbuf_tailroom(mbuf), frame->captured - done);
        memcpy(rte_pktmbuf_append(first, part), frame->data + done, part);
        done += part;
    }
    *arrival_of(worker, first) =
        (struct arrival){.time_ns = frame->time_ns,
                         .error_ns = frame->clock_error_ns,
                         .port = frame->port,
                         .cut = (uint16_t)RTE_MIN(frame->wire - frame->captured, (uint32_t)UINT16_MAX)};
    return first;
}

static unsigned analyzer_of_datagram(const struct ss_worker *worker, const struct ss_datagram *datagram)
{
    struct ss_packet packet;
    bool is_packet = datagram->refused == SS_REFUSED_NOTHING &&
                     ss_packet_decode_within(&datagram->whole, datagram->encap, datagram->encap_count,
                                             &worker->packet, &packet) == SS_REFUSED_NOTHING;

    return is_packet ? analyzer_of_packet(worker, &packet) : 0;
}

static void give_datagram(struct ss_worker *worker, const struct ss_datagram *datagram)
{
    unsigned analyzer = analyzer_of_datagram(worker, datagram);

    if (is_own(worker, analyzer)) {
        ss_analyzer_feed(worker->analyzer, datagram->frames, datagram->frame_count);
        return;
    }
    for (unsigned i = 0; i < datagram->frame_count; i++) {
        struct rte_mbuf *mbuf = copy_of(worker, &datagram->frames[i]);
        if (mbuf != NULL)
            hand_over(worker, analyzer, &mbuf, 1);
        else
            worker->counters.ring_full++;
    }
}

static void give_up_fragments(struct ss_worker *worker, int64_t now_ns, bool want_room)
{
    const struct ss_datagram *datagram;

    while ((datagram = ss_fragments_give_up(worker->fragments, now_ns, want_room)) != NULL)
        give_datagram(worker, datagram);
}

static void hold_fragment(struct ss_worker *worker, struct rte_mbuf *mbuf)
{
    struct ss_frame frame = mbuf->nb_segs == 1 ? frame_of(worker, mbuf) : frame_of_chain(worker, mbuf);
    struct ss_fragment fragment;

    if (ss_packet_fragment(&frame, &worker->packet, &fragment) != SS_REFUSED_NOTHING) {
        give(worker, 0, &mbuf, 1); /* which counts it */
        return;
    }
    worker->mbufs = mbuf->pool;
    give_up_fragments(worker, frame.time_ns, true);
    const struct ss_datagram *datagram =
        ss_fragments_add(worker->fragments, &frame, &fragment, frame.time_ns);
    if (datagram != NULL)
        give_datagram(worker, datagram);
    rte_pktmbuf_free(mbuf);
}

static void spread(struct ss_worker *worker, struct rte_mbuf **mbufs, unsigned count)
{
    uint8_t analyzer[SS_WORKER_BURST];
    unsigned from = 0;

    for (unsigned i = 0; i < count; i++) {
        analyzer[i] = (uint8_t)analyzer_of(worker, mbufs[i]);
        if (analyzer[i] != OF_A_FRAGMENT)
            continue;
        spread_packets(worker, mbufs + from, analyzer + from, i - from);
        hold_fragment(worker, mbufs[i]);
        from = i + 1;
    }
    spread_packets(worker, mbufs + from, analyzer + from, count - from);
}

/* ---- polling */

/* A driver that cuts frames does not say so; the IP header does. */
static uint16_t bytes_cut(const struct ss_worker *worker, const struct ss_port *port, struct rte_mbuf *mbuf)
{
    struct ss_packet packet;

    if (mbuf->pkt_len < port->cut_bytes || decode(worker, mbuf, &packet) != SS_REFUSED_NOTHING)
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
        arrival->cut = bytes_cut(worker, port, mbufs[i]);
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
    worker->shed = RTE_MAX(worker->shed, ss_backlog_of_queue(queue, count));
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
    if (worker->fragments != NULL && ss_fragments_waiting(worker->fragments) > 0) {
        struct ss_clock_line line = ss_clock_read(worker->clock);
        give_up_fragments(worker, ss_clock_ns(&line, rte_rdtsc()), false);
    }
    return received;
}
