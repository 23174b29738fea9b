// SPDX-License-Identifier: BSD-3-Clause

#include "port/port.h"

#include "port/kernel_interface.h"
#include "port/port_device.h"

#include <errno.h>
#include <net/if.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define BURSTS     64 /* mbufs of a queue that are on their way where the driver copies */
#define PARK_TRIES 40 /* of 50 us: more than a relaxed loop sleeps */

/* ---- for sizing */

static unsigned queues_of(const struct ss_config_port *config, unsigned rx_lcores)
{
    unsigned queues = config->rx_queues != 0 ? config->rx_queues : rx_lcores;
    return queues < SS_PORT_QUEUES_MAX ? queues : SS_PORT_QUEUES_MAX;
}

static bool is_af_packet(const struct ss_config_port *config)
{
    return config->driver == SS_DRIVER_AF_PACKET &&
           ss_port_device_kind(config->device) == SS_DEVICE_INTERFACE;
}

unsigned ss_port_descriptors(const struct ss_config *config, unsigned rx_lcores)
{
    unsigned descriptors = 0;

    /* net_af_packet copies out of the kernel's ring into mbufs, a burst at a time. */
    for (unsigned i = 0; i < config->port_count; i++)
        descriptors += queues_of(&config->ports[i], rx_lcores) *
                       (is_af_packet(&config->ports[i]) ? BURSTS : SS_PORT_RX_DESCRIPTORS);
    return descriptors;
}

uint16_t ss_port_mbuf_room(const struct ss_config *config)
{
    bool has_af_packet = false;

    for (unsigned i = 0; i < config->port_count; i++) {
        /* net_af_xdp registers the pool's memory as its frames, which must not be larger than a page. */
        if (config->ports[i].driver == SS_DRIVER_AF_XDP)
            return RTE_MBUF_DEFAULT_BUF_SIZE;
        has_af_packet = has_af_packet || is_af_packet(&config->ports[i]);
    }
    return has_af_packet ? 16384 + RTE_PKTMBUF_HEADROOM : RTE_MBUF_DEFAULT_BUF_SIZE;
}

enum ss_clock_source ss_port_worst_clock(const struct ss_port *ports, unsigned count)
{
    enum ss_clock_source worst = SS_CLOCK_HARDWARE;

    for (unsigned i = 0; i < count; i++) {
        if (ports[i].clock > worst)
            worst = ports[i].clock;
    }
    return worst;
}

/* ---- counters */

static void publish(struct ss_port *port)
{
    struct rte_eth_stats stats = {0};

    if (port->id != RTE_MAX_ETHPORTS && rte_eth_stats_get(port->id, &stats) != 0)
        memset(&stats, 0, sizeof(stats));
    port->past.missed += ss_interface_drops(port->sockets, port->socket_count);
    atomic_store_explicit(&port->shared.packets, port->past.packets + stats.ipackets, memory_order_relaxed);
    atomic_store_explicit(&port->shared.bytes, port->past.bytes + stats.ibytes, memory_order_relaxed);
    atomic_store_explicit(&port->shared.missed, port->past.missed + stats.imissed, memory_order_relaxed);
    atomic_store_explicit(&port->shared.no_mbufs, port->past.no_mbufs + stats.rx_nombuf,
                          memory_order_relaxed);
    atomic_store_explicit(&port->shared.errors, port->past.errors + stats.ierrors, memory_order_relaxed);
    atomic_store_explicit(&port->shared.recreated, port->past.recreated, memory_order_relaxed);
}

void ss_port_counters(const struct ss_port *port, struct ss_port_counters *ret_counters)
{
    const struct ss_port_shared *shared = &port->shared;

    *ret_counters = (struct ss_port_counters){
        .packets = atomic_load_explicit(&shared->packets, memory_order_relaxed),
        .bytes = atomic_load_explicit(&shared->bytes, memory_order_relaxed),
        .missed = atomic_load_explicit(&shared->missed, memory_order_relaxed),
        .no_mbufs = atomic_load_explicit(&shared->no_mbufs, memory_order_relaxed),
        .errors = atomic_load_explicit(&shared->errors, memory_order_relaxed),
        .recreated = atomic_load_explicit(&shared->recreated, memory_order_relaxed),
    };
}

static bool is_link_up(const struct ss_port *port)
{
    struct rte_eth_link link;

    /* net_af_packet of 22.11 and net_af_xdp always say up. */
    if (port->interface_index != 0)
        return ss_interface_is_running(port->name);
    return rte_eth_link_get_nowait(port->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

/* ---- life */

static int bring_up(struct ss_port *port, struct rte_mempool *mbufs, char *ret_why, size_t why_bytes)
{
    const char *step;
    int error = ss_port_device_attach(port, rte_pktmbuf_data_room_size(mbufs), ret_why, why_bytes);

    if (error != 0)
        return error;
    error = ss_port_set_up(port, mbufs, &step);
    if (error != 0) {
        snprintf(ret_why, why_bytes, "%s: %s failed: %s (%u rx queues; try another number as rx_queues)",
                 port->name, step, strerror(-error), port->queues);
        rte_eth_dev_close(port->id);
        ss_port_device_detach(port);
        return error;
    }
    port->is_up = is_link_up(port);
    port->is_usable = true;
    return 0;
}

int ss_port_open(struct ss_port *port, const struct ss_config_port *config, unsigned index,
                 unsigned rx_lcores, struct rte_mempool *mbufs, char *ret_why, size_t why_bytes)
{
    *port = (struct ss_port){.config = *config, .index = index, .id = RTE_MAX_ETHPORTS};
    snprintf(port->name, sizeof(port->name), "%s", config->device);
    port->config.device = port->name;
    port->queues = (uint16_t)queues_of(config, rx_lcores);
    int error = bring_up(port, mbufs, ret_why, why_bytes);
    if (error == 0)
        publish(port);
    return error;
}

/* The device away, its counters kept. */
static void take_down(struct ss_port *port)
{
    struct rte_eth_stats stats = {0};

    port->is_usable = false;
    port->is_up = false;
    publish(port);
    if (rte_eth_stats_get(port->id, &stats) == 0) {
        port->past.packets += stats.ipackets;
        port->past.bytes += stats.ibytes;
        port->past.missed += stats.imissed;
        port->past.no_mbufs += stats.rx_nombuf;
        port->past.errors += stats.ierrors;
    }
    port->socket_count = 0;
    rte_eth_dev_stop(port->id);
    rte_eth_dev_close(port->id);
    ss_port_device_detach(port);
}

void ss_port_close(struct ss_port *port)
{
    if (port->id == RTE_MAX_ETHPORTS)
        return;
    if (port->is_vdev)
        rte_eth_promiscuous_disable(port->id); /* it is a flag of the interface, and would outlive us */
    take_down(port);
}

/* ---- a vanished interface
 *
 * Generations keep rx lcores off a device that goes away, at the price of one load a burst. An odd one tells
 * them to keep off; each answers by storing the very number that it saw in parked[queue]. When all have
 * answered, no burst is under way, and none begins before an even generation is stored. */

uint16_t ss_port_burst(struct ss_port *port, uint16_t queue, struct rte_mbuf **ret_mbufs, uint16_t max)
{
    /* Acquire: pairs with the release in resume(), so that the new device is seen whole. */
    uint32_t generation = atomic_load_explicit(&port->generation, memory_order_acquire);

    if (generation % 2 == 0)
        return rte_eth_rx_burst(port->id, queue, ret_mbufs, max);
    /* Release: pairs with the acquire in is_parked(); all earlier bursts are over. */
    atomic_store_explicit(&port->parked[queue], generation, memory_order_release);
    return 0;
}

int ss_port_has_waiting(const struct ss_port *port, uint16_t queue, uint16_t packets)
{
    int status = rte_eth_rx_descriptor_status(port->id, queue, packets);
    return status < 0 ? -ENOTSUP : status == RTE_ETH_RX_DESC_DONE;
}

static bool is_kept_off(const struct ss_port *port)
{
    return atomic_load_explicit(&port->generation, memory_order_relaxed) % 2 != 0;
}

static bool is_parked(struct ss_port *port)
{
    uint32_t generation = atomic_load_explicit(&port->generation, memory_order_relaxed);

    for (unsigned i = 0; i < port->queues; i++) {
        if (atomic_load_explicit(&port->parked[i], memory_order_acquire) != generation)
            return false;
    }
    return true;
}

/* False: an rx lcore did not look yet (it is off its CPU, or does not run). */
static bool park(struct ss_port *port)
{
    if (!is_kept_off(port))
        atomic_fetch_add_explicit(&port->generation, 1, memory_order_release);
    for (unsigned i = 0; i < PARK_TRIES && !is_parked(port); i++)
        rte_delay_us_sleep(50);
    return is_parked(port);
}

static void resume(struct ss_port *port)
{
    atomic_fetch_add_explicit(&port->generation, 1, memory_order_release);
}

static void bring_back(struct ss_port *port, struct rte_mempool *mbufs)
{
    char why[256];

    if (bring_up(port, mbufs, why, sizeof(why)) != 0) {
        if (!port->is_complained_of)
            fprintf(stderr, "slowshake: %s is back, but cannot be opened yet: %s\n", port->name, why);
        port->is_complained_of = true;
        return;
    }
    fprintf(stderr, "slowshake: %s is back\n", port->name);
    port->is_complained_of = false;
    port->past.recreated++;
    resume(port);
}

/* The device reads what has the interface's name now. Once rx lcores were told to keep off it does not, even
 * if the interface came back under its old index before all had answered. */
static bool is_at_work(const struct ss_port *port, unsigned index)
{
    return index == port->interface_index && !is_kept_off(port) &&
           ss_interface_is_bound(port->sockets, port->socket_count, index);
}

static void follow_interface(struct ss_port *port, struct rte_mempool *mbufs)
{
    unsigned index = if_nametoindex(port->name);
    bool is_open = port->id != RTE_MAX_ETHPORTS;

    if (is_open && is_at_work(port, index))
        return;
    if (is_open && park(port)) {
        fprintf(stderr, "slowshake: %s: the interface is gone\n", port->name);
        take_down(port);
        is_open = false;
    }
    if (!is_open && index != 0)
        bring_back(port, mbufs);
}

void ss_port_watch(struct ss_port *port, struct rte_mempool *mbufs)
{
    if (port->interface_index != 0)
        follow_interface(port, mbufs);
    if (port->id != RTE_MAX_ETHPORTS)
        port->is_up = is_link_up(port);
    publish(port);
}
