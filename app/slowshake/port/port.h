// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* One mirror port: an ethdev by PCI address, kernel interface name or vdev name, set up for receiving only.
 *
 * Kernel interfaces get a vdev of their own: net_af_packet with a ring large enough to lose nothing, or
 * net_af_xdp. Promiscuous, scattered receive and large frames where the driver has them, symmetric RSS over
 * several queues, the kernel's time stamps where offered. An interface that vanishes and comes back is picked
 * up again (ss_port_watch).
 *
 * net_af_packet cuts frames to the slots of its ring, and a slot's frame must fit one mbuf. Whoever makes the
 * mbufs decides with their room, therefore: ss_port_mbuf_room() asks for 16 KiB, so that what a server sends
 * in its first window (ten segments, RFC 6928) fits even where the kernel has not cut it into segments yet
 * (GSO, GRO). With smaller mbufs the ring has smaller slots; what is cut is counted (wire > captured).
 *
 * Time stamps: net_af_packet's from DPDK 24.11 on and net_pcap's of a live interface are the kernel's UTC.
 * NICs stamp in ticks of a clock of their own that nothing here relates to UTC: they count as software.
 *
 * ss_port_open/close/watch: control lcore. ss_port_burst: the one rx lcore that owns the queue.
 * ss_port_counters: any thread.
 */

#include "config/config.h"
#include "tables/tables.h"

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#define SS_PORT_STAMP_ERROR_NS 100000 /* bound of a kernel's stamp: 2.5 us late in the median, 61 at most */
#define SS_PORT_NEVER_CUT      UINT32_MAX

struct ss_port_counters {
    uint64_t packets, bytes; /* received by the driver and handed to us */
    uint64_t missed; /* dropped by NIC, ring or kernel for want of room (imissed, PACKET_STATISTICS) */
    uint64_t no_mbufs, errors;
    uint64_t recreated; /* how often a vanished interface was picked up again */
};

/* Counters as they cross threads; each stands alone. */
struct ss_port_shared {
    _Atomic uint64_t packets, bytes, missed, no_mbufs, errors, recreated;
};

struct ss_port {
    char name[SS_PORT_NAME_MAX]; /* as configured */
    uint16_t id;                 /* ethdev; RTE_MAX_ETHPORTS while it is not there */
    uint16_t queues;
    uint16_t queue_room; /* packets that each queue holds until they are polled */
    enum ss_clock_source clock;
    int timestamp_offset;        /* dynfield of the driver's stamp, -1: none */
    uint64_t timestamp_flag;     /* ol_flags bit that says a packet has one; 0: none */
    uint32_t timestamp_unit_ns;  /* of the stamp */
    uint32_t cut_bytes;          /* frames of this length or more may have been cut by the driver */
    bool is_vdev;                /* made by us */
    _Atomic bool is_up;          /* link */
    _Atomic bool is_usable;      /* the device is there: for whoever looks on; rx lcores go by generation */
    _Atomic uint32_t generation; /* odd: rx lcores keep off the device; pairs with ss_port_burst */
    _Atomic uint32_t parked[SS_PORT_QUEUES_MAX]; /* per queue the last odd generation that its rx lcore saw */
    unsigned interface_index;                    /* kernel's, of the vdev's interface; 0: none */
    struct ss_config_port config;                /* device points to name */
    /* private to port.c */
    unsigned index;                  /* in the configuration */
    int sockets[SS_PORT_QUEUES_MAX]; /* the driver's packet sockets, for their drop counters */
    unsigned socket_count;
    struct ss_port_counters past; /* of ethdevs that were closed since; missed: all that the kernel said */
    struct ss_port_shared shared; /* as of the last watch */
    bool is_complained_of;        /* that it cannot be opened again was said */
};

/* How many mbufs all ports together can hold at once, for sizing the pool. */
unsigned ss_port_descriptors(const struct ss_config *config, unsigned rx_lcores);

/* Data room that the pool's mbufs should have (for rte_pktmbuf_pool_create), headroom included. */
uint16_t ss_port_mbuf_room(const struct ss_config *config);

/* The worst of the ports' sources of time: what an analyzer may claim. */
enum ss_clock_source ss_port_worst_clock(const struct ss_port *ports, unsigned count);

/* Everything up to started. 0; -errno with a sentence in ret_why that says what to do. */
int ss_port_open(struct ss_port *port, const struct ss_config_port *config, unsigned index,
                 unsigned rx_lcores, struct rte_mempool *mbufs, char *ret_why, size_t why_bytes);
/* After the rx lcores have ended. */
void ss_port_close(struct ss_port *port);

/* Once a second or so: link state and counters; takes a vanished kernel interface's vdev away and makes it
 * again when the interface is back. Rx lcores skip the port meanwhile. Never waits longer than 2 ms for them:
 * what is not done then is done the next time. */
void ss_port_watch(struct ss_port *port, struct rte_mempool *mbufs);

/* Up to max packets of a queue; 0 also while the port is not usable. */
uint16_t ss_port_burst(struct ss_port *port, uint16_t queue, struct rte_mbuf **ret_mbufs, uint16_t max);

/* After a burst that got as many as it asked for: whether so many packets more wait in the queue. -ENOTSUP:
 * the driver cannot tell. */
int ss_port_has_waiting(const struct ss_port *port, uint16_t queue, uint16_t packets);

/* As of the last watch: the kernel's drop counters can only be read in one place. */
void ss_port_counters(const struct ss_port *port, struct ss_port_counters *ret_counters);
