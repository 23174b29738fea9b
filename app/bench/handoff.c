// SPDX-License-Identifier: BSD-3-Clause

/* slowshake-bench-handoff [EAL-ARGUMENT...]: what it costs to hand packets from one lcore to another.
 *
 * The appliance's own receiving and handing on (worker/rx.c) and its analyzer, on two lcores, with a port
 * that gives 64-byte segments of 16,384 established connections out of a pool of mbufs, as fast as they are
 * taken. Three ways:
 *
 *     alone    each lcore receives and analyzes for itself: nothing is handed over
 *     shared   each receives and analyzes, and hands half of what it receives to the other, by its hash
 *     split    one receives and hands on all, the other analyzes
 *
 * Cycles of turns with packets, a packet received, both lcores together; turns of more than 100 us are not
 * counted: the lcore was away. The median of five rounds of a second each, with the least and the most.
 */

#include "source.h"
#include "worker/rx.h"

#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LCORES         2
#define MBUFS          32767
#define MBUF_CACHE     256
#define CONNECTIONS    16384
#define FLOWS_MAX      65536
#define ROUNDS         5
#define AWAYS_A_SECOND 10000
#define EAL_MAX        32
#define WHY_BYTES      256

enum way { ALONE, SHARED, SPLIT, WAY_COUNT };

static const char *const WAYS[] = {[ALONE] = "alone", [SHARED] = "shared", [SPLIT] = "split"};

struct seat {
    struct ss_worker worker;
    struct ss_port port;
    uint64_t cycles, received, turns_away;
};

struct bench {
    struct seat seats[LCORES];
    struct ss_worker *analyzers[LCORES];
    struct rte_ring *rings[LCORES];
    struct ss_clock clock;
    struct rte_mempool *mbufs;
    struct ss_bench_profile profile;
    struct ss_bench_source source;
    double cycles[WAY_COUNT][LCORES + 1][ROUNDS]; /* a packet; [LCORES]: both */
};

static struct bench bench;

/* ---- the port */

/* As long as what is handed over finds room: drops would make it cheap. */
static bool has_room(void)
{
    for (unsigned i = 0; i < LCORES; i++) {
        if (rte_ring_free_count(bench.rings[i]) < LCORES * SS_WORKER_BURST)
            return false;
    }
    return true;
}

uint16_t ss_port_burst(struct ss_port *port, uint16_t queue, struct rte_mbuf **ret_mbufs, uint16_t max)
{
    (void)port;
    (void)queue;
    if (!has_room() || rte_pktmbuf_alloc_bulk(bench.mbufs, ret_mbufs, max) != 0)
        return 0;
    for (unsigned i = 0; i < max; i++)
        ret_mbufs[i]->data_len = (uint16_t)(ret_mbufs[i]->pkt_len = 60);
    return max;
}

int ss_port_has_waiting(const struct ss_port *port, uint16_t queue, uint16_t packets)
{
    (void)port;
    (void)queue;
    (void)packets;
    return 0;
}

/* The frame stays in the mbuf, however often that is taken and given back. */
static void fill(struct rte_mempool *pool, void *source, void *object, unsigned number)
{
    struct rte_mbuf *mbuf = object;
    uint8_t buffer[SS_BENCH_FRAME_MAX];
    struct ss_frame frame;

    (void)pool;
    (void)number;
    ss_bench_source_next(source, buffer, &frame);
    memcpy((uint8_t *)mbuf->buf_addr + RTE_PKTMBUF_HEADROOM, buffer, frame.captured);
}

/* ---- a round */

static int64_t now_ns(void)
{
    struct ss_clock_line line = ss_clock_read(&bench.clock);
    return ss_clock_ns(&line, rte_rdtsc());
}

static void turn(struct seat *seat, uint64_t away)
{
    struct ss_worker *worker = &seat->worker;
    struct ss_news news;
    uint64_t from = rte_rdtsc();
    unsigned received = 0, taken = 0;

    worker->is_behind = false;
    worker->shed = SS_SHED_NOTHING;
    if (worker->queue_count > 0)
        received = ss_rx_poll(worker);
    if (worker->analyzer != NULL) {
        taken = ss_rx_take(worker);
        if (!worker->is_behind)
            ss_analyzer_tick(worker->analyzer, now_ns());
        while (ss_analyzer_next(worker->analyzer, &news))
            ;
    }
    uint64_t cycles = rte_rdtsc() - from;
    if (received + taken == 0)
        return;
    if (cycles > away) {
        seat->turns_away++;
        return;
    }
    seat->cycles += cycles;
    seat->received += received;
}

static int run_seat(void *argument)
{
    struct seat *seat = argument;
    uint64_t away = rte_get_tsc_hz() / AWAYS_A_SECOND, end = rte_rdtsc() + rte_get_tsc_hz();

    seat->cycles = seat->received = 0;
    seat->worker.queues[0].since_empty = 0;
    while (rte_rdtsc() < end)
        turn(seat, away);
    return 0;
}

static void set_up_way(enum way way, struct ss_analyzer *analyzers[LCORES])
{
    for (unsigned i = 0; i < LCORES; i++) {
        struct ss_worker *worker = &bench.seats[i].worker;
        worker->queue_count = way != SPLIT || i == 0;
        worker->analyzer = way != SPLIT || i == 1 ? analyzers[i] : NULL;
        worker->analyzers = way == SHARED  ? bench.analyzers
                            : way == ALONE ? &bench.analyzers[i]
                                           : &bench.analyzers[1];
        worker->analyzer_count = way == SHARED ? LCORES : 1;
        worker->packets = way == ALONE ? NULL : bench.rings[i];
        worker->analyzer_index = way == SHARED ? i : 0;
    }
}

static void run_way(enum way way, struct ss_analyzer *analyzers[LCORES], unsigned round)
{
    uint64_t cycles = 0, received = 0;

    set_up_way(way, analyzers);
    rte_eal_remote_launch(run_seat, &bench.seats[1], rte_get_next_lcore(rte_lcore_id(), 1, 0));
    run_seat(&bench.seats[0]);
    rte_eal_mp_wait_lcore();
    for (unsigned i = 0; i < LCORES; i++) {
        void *mbufs[SS_WORKER_BURST];
        unsigned count;
        while ((count = rte_ring_dequeue_burst(bench.rings[i], mbufs, SS_WORKER_BURST, NULL)) > 0)
            rte_pktmbuf_free_bulk((struct rte_mbuf **)mbufs, count);
        cycles += bench.seats[i].cycles;
        received += bench.seats[i].received;
    }
    for (unsigned i = 0; i < LCORES; i++)
        bench.cycles[way][i][round] = (double)bench.seats[i].cycles / (double)received;
    bench.cycles[way][LCORES][round] = (double)cycles / (double)received;
}

/* ---- setting up */

static struct ss_analyzer *make_analyzer(void)
{
    struct ss_analyzer_config config = {.clock = SS_CLOCK_SOFTWARE,
                                        .flows_max = FLOWS_MAX,
                                        .per_flow_bytes = ss_bench_source_quota(bench.source.templates),
                                        .handshakes_bytes = 16 << 20,
                                        .recent_bytes = 64 << 20,
                                        .snaplen = 65535,
                                        .hash_seed = 1};
    size_t bytes = (ss_analyzer_bytes(&config) + 63) & ~(size_t)63;
    void *memory = aligned_alloc(64, bytes);

    ss_slow_init(&config.slow);
    if (memory == NULL)
        rte_exit(EXIT_FAILURE, "no memory for an analyzer\n");
    memset(memory, 0, bytes);
    return ss_analyzer_create(&config, memory);
}

/* Every analyzer gets all connections: whichever the hash picks has it. */
static void open_connections(struct ss_analyzer *analyzers[LCORES])
{
    uint8_t buffer[SS_BENCH_FRAME_MAX];
    struct ss_frame frame;
    struct ss_news news;

    while (ss_bench_source_open(&bench.source, buffer, &frame)) {
        frame.time_ns = now_ns();
        for (unsigned i = 0; i < LCORES; i++) {
            ss_analyzer_feed(analyzers[i], &frame, 1);
            while (ss_analyzer_next(analyzers[i], &news))
                ;
        }
    }
}

static void set_up(const struct ss_bench_templates *templates, struct ss_analyzer *analyzers[LCORES])
{
    uint64_t tsc;
    int64_t utc_ns;
    uint32_t width_ns;

    bench.profile = *ss_bench_profile_find("min64");
    bench.profile.flows = CONNECTIONS;
    ss_bench_source_init(&bench.source, &bench.profile, templates, NULL, 1);
    ss_clock_sample(&tsc, &utc_ns, &width_ns);
    ss_clock_init(&bench.clock, rte_get_tsc_hz(), tsc, utc_ns);
    bench.mbufs =
        rte_pktmbuf_pool_create("handoff", MBUFS, MBUF_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    int offset = ss_rx_arrival_offset();
    for (unsigned i = 0; i < LCORES; i++) {
        struct seat *seat = &bench.seats[i];
        char name[] = "packets0";
        name[sizeof(name) - 2] = (char)('0' + i);
        bench.rings[i] = rte_ring_create(name, SS_PACKET_RING, SOCKET_ID_ANY, RING_F_SC_DEQ);
        seat->port = (struct ss_port){
            .queue_room = UINT16_MAX, .cut_bytes = SS_PORT_NEVER_CUT, .timestamp_offset = -1};
        seat->worker.queues[0].port = &seat->port;
        seat->worker.clock = &bench.clock;
        seat->worker.spread_seed = 2;
        seat->worker.arrival_offset = (unsigned)offset;
        bench.analyzers[i] = &seat->worker;
        analyzers[i] = make_analyzer();
        if (bench.rings[i] == NULL || bench.mbufs == NULL || offset < 0)
            rte_exit(EXIT_FAILURE, "no memory\n");
    }
    open_connections(analyzers);
    rte_mempool_obj_iter(bench.mbufs, fill, &bench.source);
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void show(enum way way)
{
    printf("| %-6s |", WAYS[way]);
    for (unsigned i = 0; i <= LCORES; i++) {
        double *cycles = bench.cycles[way][i];
        qsort(cycles, ROUNDS, sizeof(*cycles), compare);
        printf(" %.0f (%.0f-%.0f) |", cycles[ROUNDS / 2], cycles[0], cycles[ROUNDS - 1]);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    char *eal[EAL_MAX] = {argv[0],          "--no-huge",         "-m", "256", "--no-pci",
                          "--no-telemetry", "--log-level=error", "-l", "0,1"};
    int count = 9;
    struct ss_analyzer *analyzers[LCORES];
    char why[WHY_BYTES];

    for (int i = 1; i < argc && count < EAL_MAX - 1; i++)
        eal[count++] = argv[i];
    if (rte_eal_init(count, eal) < 0 || rte_lcore_count() != LCORES)
        rte_exit(EXIT_FAILURE, "needs two lcores\n");
    struct ss_bench_templates *templates =
        ss_bench_templates_load(SS_BENCH_TEMPLATES_FOLDER, why, sizeof(why));
    if (templates == NULL)
        rte_exit(EXIT_FAILURE, "%s\n", why);
    set_up(templates, analyzers);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (enum way way = 0; way < WAY_COUNT; way++)
            run_way(way, analyzers, round);
    }
    printf("| way | lcore 0, cycles | lcore 1, cycles | both, cycles a packet |\n|---|---|---|---|\n");
    for (enum way way = 0; way < WAY_COUNT; way++)
        show(way);
    for (unsigned i = 0; i < LCORES; i++)
        fprintf(stderr, "lcore %u: %" PRIu64 " turns away, %" PRIu64 " packets dropped\n", i,
                bench.seats[i].turns_away, bench.seats[i].worker.counters.ring_full);
    return EXIT_SUCCESS;
}
