// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The running appliance: everything that main starts and stops, in one struct. */

#include "clock/clock.h"
#include "config/config.h"
#include "port/port.h"
#include "worker/worker.h"
#include "writer/writer.h"

struct ss_appliance {
    const char *config_path;
    struct ss_config *config; /* of the start: see reload.h for what changes */
    struct ss_clock clock;
    struct ss_port ports[SS_PORTS_MAX];
    struct ss_pcapng_interface interfaces[SS_PORTS_MAX]; /* the ports, as exports name them */
    unsigned port_count;
    struct rte_mempool *mbufs, *blocks;
    struct ss_worker *workers; /* one an lcore in rx or analyzers, those in rx first */
    unsigned worker_count;
    struct ss_worker *analyzers[SS_LCORES_MAX]; /* those with an analyzer */
    unsigned analyzer_count;
    struct ss_writer *writer;
    struct ss_control *control;
    _Atomic bool stop;
    int64_t started_ns; /* CLOCK_MONOTONIC */
    bool has_eal;
};

/* slowshake -c FILE: the exit status. eal_args: those after "--" on the command line, NULL-terminated. */
int ss_appliance_main(const char *config_path, char *const *eal_args);
