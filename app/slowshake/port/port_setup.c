// SPDX-License-Identifier: BSD-3-Clause

/* An ethdev made ready to receive: everything that is loss if it is left at its default. */

#include "port/kernel_interface.h"
#include "port/port_device.h"

#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>
#include <rte_mbuf_dyn.h>
#include <string.h>

#define TX_DESCRIPTORS   64 /* nothing is ever sent, but some drivers want as many queues either way */
#define BURST            32
#define LARGE_FRAME      9728 /* jumbo frames of all common equipment */
#define SLOT_FRAME_LEAST 80   /* bytes of a slot that the kernel takes for itself, at most */
#define RSS_KEY_MAX      64

/* The largest frames that the driver takes and that fit the mbufs; 0: the driver's default. */
static uint16_t largest_mtu(const struct rte_eth_dev_info *info, uint32_t room, bool is_scattered)
{
    bool has_mtu = info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu;
    uint32_t overhead = has_mtu ? info->max_rx_pktlen - info->max_mtu : RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
    uint32_t frame = RTE_MIN(info->max_rx_pktlen, (uint32_t)LARGE_FRAME);

    if (!is_scattered)
        frame = RTE_MIN(frame, room - RTE_PKTMBUF_HEADROOM);
    return frame > overhead + RTE_ETHER_MTU ? (uint16_t)(frame - overhead) : 0;
}

/* Both directions of a connection to one queue. With a key of repeated 16 bits, Toeplitz gives the same hash
 * when source and destination change places. */
static void spread_symmetrically(struct rte_eth_conf *conf, const struct rte_eth_dev_info *info,
                                 uint8_t key[RSS_KEY_MAX])
{
    uint64_t types = (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP) & info->flow_type_rss_offloads;

    if (types == 0)
        return;
    for (unsigned i = 0; i < RSS_KEY_MAX; i++)
        key[i] = i % 2 == 0 ? 0x6d : 0x5a;
    bool takes_key = info->hash_key_size > 0 && info->hash_key_size <= RSS_KEY_MAX;
    conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf->rx_adv_conf.rss_conf = (struct rte_eth_rss_conf){.rss_key = takes_key ? key : NULL,
                                                           .rss_key_len = takes_key ? info->hash_key_size : 0,
                                                           .rss_hf = types};
}

static int configure(struct ss_port *port, const struct rte_eth_dev_info *info, uint32_t room)
{
    uint8_t key[RSS_KEY_MAX];
    struct rte_eth_conf conf = {0};

    conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_SCATTER & info->rx_offload_capa;
    bool is_scattered = conf.rxmode.offloads != 0;
    if (strcmp(info->driver_name, "net_af_packet") == 0)
        conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_TIMESTAMP & info->rx_offload_capa;
    conf.rxmode.mtu = largest_mtu(info, room, is_scattered);
    if (port->queues > 1)
        spread_symmetrically(&conf, info, key);
    int error = rte_eth_dev_configure(port->id, port->queues, port->queues, &conf);
    if (error != 0 && conf.rxmode.mtu != 0) {
        conf.rxmode.mtu = 0;
        error = rte_eth_dev_configure(port->id, port->queues, port->queues, &conf);
    }
    return error;
}

static int set_up_queues(struct ss_port *port, struct rte_mempool *mbufs)
{
    uint16_t rx = SS_PORT_RX_DESCRIPTORS, tx = TX_DESCRIPTORS;
    unsigned socket = (unsigned)rte_eth_dev_socket_id(port->id);
    int error = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx, &tx);

    port->queue_room = rx;

    for (uint16_t i = 0; i < port->queues && error == 0; i++)
        error = rte_eth_rx_queue_setup(port->id, i, rx, socket, NULL, mbufs);
    for (uint16_t i = 0; i < port->queues && error == 0; i++)
        error = rte_eth_tx_queue_setup(port->id, i, tx, socket, NULL);
    return error;
}

/* Whether the driver's stamps are UTC, and in what unit; 0: they are not, or there are none. */
static uint32_t stamp_unit_ns(const struct rte_eth_dev_info *info)
{
    if (strcmp(info->driver_name, "net_af_packet") == 0)
        return info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_TIMESTAMP ? 1 : 0;
    if (strcmp(info->driver_name, "net_pcap") == 0) {
        /* Of an interface they are the kernel's; a file's are of the past, which is no time to live in. */
        const struct rte_devargs *arguments = rte_dev_devargs(info->device);
        return arguments != NULL && arguments->args != NULL && strstr(arguments->args, "rx_pcap=") == NULL
                   ? 1000
                   : 0;
    }
    return 0;
}

static void choose_clock(struct ss_port *port, const struct rte_eth_dev_info *info)
{
    port->clock = SS_CLOCK_SOFTWARE;
    port->timestamp_offset = -1;
    port->timestamp_flag = 0;
    port->timestamp_unit_ns = stamp_unit_ns(info);
    if (port->timestamp_unit_ns != 0 &&
        rte_mbuf_dyn_rx_timestamp_register(&port->timestamp_offset, &port->timestamp_flag) == 0)
        port->clock = SS_CLOCK_KERNEL;
}

/* A packet socket hears every interface until it is bound to its own: what came before is not the mirror's.
 */
static void discard_early_packets(const struct ss_port *port)
{
    struct rte_mbuf *mbufs[BURST];

    for (uint16_t queue = 0; queue < port->queues; queue++) {
        uint16_t count = BURST;
        for (unsigned turn = 0; turn < 1024 && count > 0; turn++) {
            count = rte_eth_rx_burst(port->id, queue, mbufs, BURST);
            rte_pktmbuf_free_bulk(mbufs, count);
        }
    }
    rte_eth_stats_reset(port->id);
    ss_interface_drops(port->sockets, port->socket_count);
}

static void look_at_kernel_side(struct ss_port *port, const struct rte_eth_dev_info *info, uint16_t room)
{
    bool is_packet_socket = strcmp(info->driver_name, "net_af_packet") == 0;

    port->cut_bytes = SS_PORT_NEVER_CUT;
    port->socket_count = 0;
    if (!is_packet_socket)
        return;
    port->socket_count = ss_interface_sockets(info->if_index, port->sockets, SS_PORT_QUEUES_MAX);
    if (!port->is_vdev)
        return;
    port->cut_bytes = ss_port_slot_bytes(room) - SLOT_FRAME_LEAST;
    port->queue_room = (uint16_t)ss_port_slots(port, room);
}

int ss_port_set_up(struct ss_port *port, struct rte_mempool *mbufs, const char **ret_step)
{
    struct rte_eth_dev_info info;
    uint16_t room = rte_pktmbuf_data_room_size(mbufs);

    *ret_step = "rte_eth_dev_info_get";
    int error = rte_eth_dev_info_get(port->id, &info);
    if (error != 0)
        return error;
    if (port->queues > info.max_rx_queues)
        port->queues = info.max_rx_queues;
    *ret_step = "rte_eth_dev_configure";
    error = configure(port, &info, room);
    if (error != 0)
        return error;
    *ret_step = "setting up its queues";
    error = set_up_queues(port, mbufs);
    if (error != 0)
        return error;
    *ret_step = "rte_eth_dev_start";
    error = rte_eth_dev_start(port->id);
    if (error != 0)
        return error;
    /* Some have neither; a mirror port without them still shows what is addressed to it. */
    rte_eth_promiscuous_enable(port->id);
    rte_eth_allmulticast_enable(port->id);
    choose_clock(port, &info);
    look_at_kernel_side(port, &info, room);
    if (port->is_vdev)
        discard_early_packets(port);
    return 0;
}
