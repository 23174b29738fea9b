// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* From the name in the configuration to an ethdev, and back: what ss_port_open configures. */

#include "port/port.h"

#define SS_PORT_RX_DESCRIPTORS 4096

enum ss_device_kind {
    SS_DEVICE_ETHDEV, /* the EAL has it: a vdev, or a NIC by another name */
    SS_DEVICE_PCI,
    SS_DEVICE_INTERFACE, /* the kernel's: needs a vdev on it */
    SS_DEVICE_NONE,
};

enum ss_device_kind ss_port_device_kind(const char *name);

/* Sets the port's id; makes or probes the device where it is not there yet. 0; -errno with a sentence. */
int ss_port_device_attach(struct ss_port *port, uint16_t room, char *ret_why, size_t why_bytes);

/* Takes the vdev that attach made away; the port must be closed. */
void ss_port_device_detach(struct ss_port *port);

/* Bytes of a slot of the kernel's ring, for mbufs with that data room, and slots of each queue's ring. */
uint32_t ss_port_slot_bytes(uint16_t room);
uint32_t ss_port_slots(const struct ss_port *port, uint16_t room);

/* Configures and starts the ethdev, finds out where its time comes from. 0; -errno, and *ret_step says what
 * failed. */
int ss_port_set_up(struct ss_port *port, struct rte_mempool *mbufs, const char **ret_step);
