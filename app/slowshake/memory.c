// SPDX-License-Identifier: BSD-3-Clause

#include "memory.h"

#include "port/port.h"
#include "worker/worker.h"

#include <rte_mempool.h>
#include <unistd.h>

#define MBUFS_OF_LCORE (2 * SS_MBUF_CACHE + 2 * SS_WORKER_BURST)
#define RING_BYTES     (256ull << 20) /* of mbufs that may wait between lcores, in all */
#define LCORE_BYTES    (4ull << 20)   /* an lcore's rings and buffers */
#define OTHER_BYTES    (16ull << 20)  /* the EAL's own, and what does not fill its pages */

static unsigned lcores_of(const struct ss_config *config)
{
    return config->rx_count + config->analyzer_count;
}

unsigned ss_memory_mbufs(const struct ss_config *config)
{
    uint64_t waiting = RING_BYTES / ss_port_mbuf_room(config);
    uint64_t rings = (uint64_t)config->analyzer_count * SS_PACKET_RING;
    bool is_alone = config->rx_count == 1 && config->analyzer_count == 1 &&
                    config->rx_lcores[0] == config->analyzer_lcores[0];

    if (rings > waiting)
        rings = waiting;
    return ss_port_descriptors(config, config->rx_count) + (is_alone ? 0 : (unsigned)rings) +
           lcores_of(config) * MBUFS_OF_LCORE;
}

/* As rte_mempool lays them out: each within a page, or in pages of its own. */
static uint64_t mbuf_pool_bytes(const struct ss_config *config, size_t page_bytes)
{
    uint32_t mbuf = (uint32_t)sizeof(struct rte_mbuf) + ss_port_mbuf_room(config);
    size_t bytes = rte_mempool_calc_obj_size(mbuf, 0, NULL);
    size_t mbufs_of_page = page_bytes / bytes;
    uint64_t count = ss_memory_mbufs(config);

    if (mbufs_of_page == 0)
        return count * RTE_ALIGN_CEIL(bytes, page_bytes);
    return (count / mbufs_of_page + 1) * page_bytes;
}

unsigned ss_memory_mib(const struct ss_config *config, bool has_hugepages)
{
    size_t page_bytes = has_hugepages ? SS_HUGEPAGE_MIB << 20 : (size_t)getpagesize();
    uint64_t block_bytes = rte_mempool_calc_obj_size(SS_EXPORT_BLOCK_BYTES, 0, NULL);
    uint64_t bytes = config->analyzer_count * ss_worker_analyzer_bytes(config) +
                     mbuf_pool_bytes(config, page_bytes) + SS_EXPORT_BLOCKS * block_bytes +
                     lcores_of(config) * LCORE_BYTES + OTHER_BYTES;

    return (unsigned)((bytes + (1 << 20) - 1) >> 20);
}
