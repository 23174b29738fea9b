// SPDX-License-Identifier: BSD-3-Clause

#include "worker/worker.h"

#include "memory.h"
#include "worker/rx.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <string.h>

#define MIB         (1024.0 * 1024)
#define LEAST_FLOWS 16
/* Another hash than the flow tables': else they fill unevenly. */
#define SPREAD_SEED UINT64_C(0x5370726561646572)

_Static_assert(sizeof(struct ss_news) % 4 == 0 && sizeof(struct ss_request) % 4 == 0, "rte_ring moves words");

/* ---- the analyzer */

/* What each analyzer gets of the memory. */
static struct ss_analyzer_config share_of(const struct ss_config *config)
{
    unsigned analyzers = config->analyzer_count;
    uint32_t flows = config->flows_max / analyzers;

    return (struct ss_analyzer_config){
        .flows_max = flows < LEAST_FLOWS ? LEAST_FLOWS : flows,
        .per_flow_bytes = (uint32_t)config->per_flow_bytes,
        .handshakes_bytes = config->handshakes_bytes / analyzers,
        .recent_bytes = config->recent_bytes / analyzers,
        .snaplen = config->snaplen,
    };
}

size_t ss_worker_analyzer_bytes(const struct ss_config *config)
{
    struct ss_analyzer_config share = share_of(config);
    return ss_analyzer_bytes(&share);
}

struct hugepages {
    uint64_t total, free, bytes; /* pages, pages, of one */
};

static struct hugepages read_hugepages(void)
{
    struct hugepages pages = {.bytes = 2 << 20};
    unsigned long long value;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "HugePages_Total: %llu", &value) == 1)
            pages.total = value;
        else if (sscanf(line, "HugePages_Free: %llu", &value) == 1)
            pages.free = value;
        else if (sscanf(line, "Hugepagesize: %llu", &value) == 1 && value > 0)
            pages.bytes = value * 1024;
    }
    if (file != NULL)
        fclose(file);
    return pages;
}

/* What to do, for this analyzer and those that come after it. */
static void say_memory(const struct ss_worker *worker, const struct ss_config *config, size_t bytes,
                       int socket, char *ret_why, size_t why_bytes)
{
    unsigned left = config->analyzer_count - worker->analyzer_index;
    struct hugepages pages = read_hugepages();
    uint64_t wanted = left * (bytes / pages.bytes + 2) + pages.total - pages.free;

    if (rte_eal_has_hugepages())
        snprintf(ret_why, why_bytes,
                 "the analyzer on lcore %u needs %.0f MiB of hugepages on socket %d, and they are not there "
                 "(%llu of %llu are free): sysctl vm.nr_hugepages=%llu (pages of %.0f MiB), or less history "
                 "and flows",
                 worker->lcore, (double)bytes / MIB, socket, (unsigned long long)pages.free,
                 (unsigned long long)pages.total, (unsigned long long)wanted, (double)pages.bytes / MIB);
    else
        snprintf(
            ret_why, why_bytes,
            "the analyzer on lcore %u needs %.0f MiB, more than the EAL has left: raise -m in eal to %u, or "
            "less history and flows",
            worker->lcore, (double)bytes / MIB, ss_memory_mib(config, false));
}

static int make_analyzer(struct ss_worker *worker, const struct ss_config *config, uint64_t hash_seed,
                         char *ret_why, size_t why_bytes)
{
    int socket = (int)rte_lcore_to_socket_id(worker->lcore);

    memcpy(worker->tls_ports, config->tls_ports, sizeof(worker->tls_ports));
    struct ss_analyzer_config share = share_of(config);
    share.ports = config->any_port ? NULL : worker->tls_ports;
    share.packet = &worker->packet;
    share.slow = config->slow;
    share.tap = config->tap;
    share.clock = worker->source;
    share.hash_seed = hash_seed;
    size_t bytes = ss_analyzer_bytes(&share);
    worker->memory = rte_zmalloc_socket("ss_analyzer", bytes, 64, socket);
    if (worker->memory == NULL) {
        say_memory(worker, config, bytes, socket, ret_why, why_bytes);
        return -ENOMEM;
    }
    worker->analyzer = ss_analyzer_create(&share, worker->memory);
    return 0;
}

/* ---- rings */

static struct rte_ring *make_ring(const struct ss_worker *worker, const char *name, unsigned element_bytes,
                                  unsigned count, unsigned flags)
{
    char unique[RTE_RING_NAMESIZE];

    snprintf(unique, sizeof(unique), "ss_%s_%u", name, worker->lcore);
    return rte_ring_create_elem(unique, element_bytes, count, (int)rte_lcore_to_socket_id(worker->lcore),
                                flags);
}

/* Whether packets come from another lcore. */
static bool has_sources(const struct ss_worker *worker, const struct ss_config *config)
{
    return config->rx_count > 1 || config->rx_lcores[0] != worker->lcore;
}

static int make_rings(struct ss_worker *worker, const struct ss_config *config, char *ret_why,
                      size_t why_bytes)
{
    const unsigned one_to_one = RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ;

    if (has_sources(worker, config))
        worker->packets = make_ring(worker, "packets", sizeof(void *), SS_PACKET_RING, RING_F_SC_DEQ);
    worker->news = make_ring(worker, "news", sizeof(struct ss_news), SS_NEWS_RING, one_to_one);
    worker->requests = make_ring(worker, "requests", sizeof(struct ss_request), SS_REQUEST_RING, one_to_one);
    worker->blocks = make_ring(worker, "blocks", sizeof(void *), SS_EXPORT_BLOCKS, one_to_one);
    bool has_all = (worker->packets != NULL || !has_sources(worker, config)) && worker->news != NULL &&
                   worker->requests != NULL && worker->blocks != NULL;
    if (has_all)
        return 0;
    snprintf(ret_why, why_bytes, "cannot make the rings of lcore %u: %s; reserve more hugepages",
             worker->lcore, rte_strerror(rte_errno));
    return -rte_errno;
}

/* ---- life */

int ss_worker_register(void)
{
    int offset = ss_rx_arrival_offset();
    return offset < 0 ? offset : 0;
}

/* Its place among the analyzers; false: it is none of them. */
static bool find_index(const struct ss_config *config, unsigned lcore, unsigned *ret_index)
{
    for (unsigned i = 0; i < config->analyzer_count; i++) {
        if (config->analyzer_lcores[i] == lcore) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* For frames in several mbufs, and for fragments where there is a choice of analyzers. */
static int make_buffers(struct ss_worker *worker, const struct ss_config *config, char *ret_why,
                        size_t why_bytes)
{
    int socket = (int)rte_lcore_to_socket_id(worker->lcore);
    bool chooses = worker->queue_count > 0 && config->analyzer_count > 1;

    worker->scratch = rte_malloc_socket("ss_scratch", SS_WORKER_SCRATCH, 64, socket);
    if (worker->scratch != NULL && chooses) {
        void *memory = rte_malloc_socket("ss_fragments", ss_fragments_bytes(), 64, socket);
        worker->fragments = memory == NULL ? NULL : ss_fragments_create(memory);
    }
    if (worker->scratch != NULL && (!chooses || worker->fragments != NULL))
        return 0;
    snprintf(ret_why, why_bytes, "no memory for the buffers of lcore %u; reserve more hugepages",
             worker->lcore);
    return -ENOMEM;
}

int ss_worker_init(struct ss_worker *worker, const struct ss_config *config, uint64_t hash_seed,
                   char *ret_why, size_t why_bytes)
{
    worker->spin = config->spin;
    worker->spread_seed = hash_seed ^ SPREAD_SEED;
    ss_snapshot_init(&worker->snapshot, &worker->view, sizeof(worker->view));
    int offset = ss_rx_arrival_offset();
    if (offset < 0) {
        snprintf(ret_why, why_bytes, "no room in the mbufs for arrival times: %s", rte_strerror(-offset));
        return offset;
    }
    worker->arrival_offset = (unsigned)offset;
    worker->packet = config->packet;
    int error = make_buffers(worker, config, ret_why, why_bytes);
    bool analyzes = find_index(config, worker->lcore, &worker->analyzer_index);
    if (error == 0 && analyzes)
        error = make_rings(worker, config, ret_why, why_bytes);
    if (error == 0 && analyzes)
        error = make_analyzer(worker, config, hash_seed, ret_why, why_bytes);
    if (error != 0)
        ss_worker_fini(worker);
    return error;
}

static void free_packets(struct rte_ring *ring)
{
    struct rte_mbuf *mbuf;

    while (ring != NULL && rte_ring_sc_dequeue(ring, (void **)&mbuf) == 0)
        rte_pktmbuf_free(mbuf);
}

static void free_blocks(struct ss_worker *worker)
{
    void *block;

    if (worker->block != NULL)
        rte_mempool_put(worker->block_pool, worker->block);
    while (worker->blocks != NULL && rte_ring_sc_dequeue(worker->blocks, &block) == 0)
        rte_mempool_put(worker->block_pool, block);
}

void ss_worker_fini(struct ss_worker *worker)
{
    free_packets(worker->packets);
    free_blocks(worker);
    rte_ring_free(worker->packets);
    rte_ring_free(worker->news);
    rte_ring_free(worker->requests);
    rte_ring_free(worker->blocks);
    rte_free(worker->scratch);
    rte_free(worker->fragments);
    rte_free(worker->memory);
    worker->packets = worker->news = worker->requests = worker->blocks = NULL;
    worker->scratch = worker->memory = NULL;
    worker->fragments = NULL;
    worker->analyzer = NULL;
    worker->block = NULL;
}
