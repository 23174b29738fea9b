// SPDX-License-Identifier: BSD-3-Clause

#include "port/port_device.h"

#include <errno.h>
#include <net/if.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_pci.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SLOT_BYTES_MAX 16384u
#define SLOT_BYTES_MIN 2048u
#define SLOT_OVERHEAD  32u    /* what net_af_packet takes off a slot before it compares it with an mbuf */
#define SLOTS_MAX      16384u /* no loss up to 460 kpps, over absences of 30 ms */
/* Twice this is locked: the driver makes a ring for sending, too. */
#define RING_BYTES_MAX (128u * 1024 * 1024)

static bool is_pci(const char *name, char *ret_canonical, size_t bytes)
{
    struct rte_pci_addr address;

    if (strchr(name, ':') == NULL || rte_pci_addr_parse(name, &address) != 0)
        return false;
    rte_pci_device_name(&address, ret_canonical, bytes);
    return true;
}

enum ss_device_kind ss_port_device_kind(const char *name)
{
    char canonical[PCI_PRI_STR_SIZE + 1];
    uint16_t id;

    if (rte_eth_dev_get_port_by_name(name, &id) == 0)
        return SS_DEVICE_ETHDEV;
    if (is_pci(name, canonical, sizeof(canonical)))
        return SS_DEVICE_PCI;
    return if_nametoindex(name) != 0 ? SS_DEVICE_INTERFACE : SS_DEVICE_NONE;
}

uint32_t ss_port_slot_bytes(uint16_t room)
{
    uint32_t slot = SLOT_BYTES_MAX;

    /* Powers of two: the driver takes the slots for contiguous, which holds where they divide the blocks. */
    while (slot > SLOT_BYTES_MIN && slot - SLOT_OVERHEAD + RTE_PKTMBUF_HEADROOM > room)
        slot /= 2;
    return slot;
}

static int attach_pci(struct ss_port *port, char *ret_why, size_t why_bytes)
{
    char name[PCI_PRI_STR_SIZE + 1];
    uint16_t id;

    is_pci(port->name, name, sizeof(name));
    int error = 0;
    if (rte_eth_dev_get_port_by_name(name, &id) != 0)
        error = rte_dev_probe(name);
    if (error == 0 && rte_eth_dev_get_port_by_name(name, &id) == 0) {
        port->id = id;
        return 0;
    }
    snprintf(
        ret_why, why_bytes,
        "%s: no driver of DPDK takes this PCI device (%s); is there such a device, is it bound to vfio-pci "
        "(dpdk-devbind.py --status), and does eal not say --no-pci?",
        port->name, error != 0 ? strerror(-error) : "it has no port");
    return error != 0 ? error : -ENODEV;
}

static void vdev_name(const struct ss_port *port, char *ret_name, size_t bytes)
{
    snprintf(ret_name, bytes, "%s_ss%u",
             port->config.driver == SS_DRIVER_AF_XDP ? "net_af_xdp" : "net_af_packet", port->index);
}

uint32_t ss_port_slots(const struct ss_port *port, uint16_t room)
{
    uint32_t slot = ss_port_slot_bytes(room);
    uint32_t slots = RING_BYTES_MAX / slot < SLOTS_MAX ? RING_BYTES_MAX / slot : SLOTS_MAX;

    /* The kernel wants whole blocks of slots: hence the power of two. */
    return slots / rte_align32pow2(port->queues);
}

static void af_packet_arguments(const struct ss_port *port, uint16_t room, char *ret_text, size_t bytes)
{
    uint32_t slot = ss_port_slot_bytes(room);
    uint32_t block = slot > (uint32_t)getpagesize() ? slot : (uint32_t)getpagesize();

    snprintf(ret_text, bytes, "iface=%s,qpairs=%u,framesz=%u,blocksz=%u,framecnt=%u", port->name,
             port->queues, slot, block, ss_port_slots(port, room));
}

static int attach_interface(struct ss_port *port, uint16_t room, char *ret_why, size_t why_bytes)
{
    char name[RTE_DEV_NAME_MAX_LEN], arguments[160];

    vdev_name(port, name, sizeof(name));
    if (port->config.driver == SS_DRIVER_AF_XDP)
        snprintf(arguments, sizeof(arguments), "iface=%s,start_queue=0,queue_count=%u", port->name,
                 port->queues);
    else
        af_packet_arguments(port, room, arguments, sizeof(arguments));
    /* Taken over on success only: it is 0 where the interface has just vanished, and 0 is not watched. */
    unsigned index = if_nametoindex(port->name);
    int error = rte_eal_hotplug_add("vdev", name, arguments);
    if (error == 0 && rte_eth_dev_get_port_by_name(name, &port->id) == 0) {
        port->interface_index = index;
        port->is_vdev = true;
        return 0;
    }
    snprintf(
        ret_why, why_bytes,
        "%s: cannot make %s (%s): %s; it needs the capabilities NET_RAW, NET_ADMIN%s and IPC_LOCK, and the "
        "driver's library",
        port->name, name, arguments, error != 0 ? strerror(-error) : "it has no port",
        port->config.driver == SS_DRIVER_AF_XDP ? ", SYS_ADMIN" : "");
    return error < 0 ? error : -ENODEV;
}

int ss_port_device_attach(struct ss_port *port, uint16_t room, char *ret_why, size_t why_bytes)
{
    switch (ss_port_device_kind(port->name)) {
    case SS_DEVICE_ETHDEV:
        return rte_eth_dev_get_port_by_name(port->name, &port->id);
    case SS_DEVICE_PCI:
        return attach_pci(port, ret_why, why_bytes);
    case SS_DEVICE_INTERFACE:
        return attach_interface(port, room, ret_why, why_bytes);
    case SS_DEVICE_NONE:
        break;
    }
    snprintf(
        ret_why, why_bytes,
        "%s: no such PCI device, vdev or kernel interface; see dpdk-devbind.py --status and ip link, in this "
        "network namespace",
        port->name);
    return -ENODEV;
}

void ss_port_device_detach(struct ss_port *port)
{
    char name[RTE_DEV_NAME_MAX_LEN];

    port->id = RTE_MAX_ETHPORTS;
    if (!port->is_vdev)
        return;
    vdev_name(port, name, sizeof(name));
    rte_eal_hotplug_remove("vdev", name);
    port->is_vdev = false;
}
