// SPDX-License-Identifier: BSD-3-Clause

#include "appliance.h"
#include "control/control.h"
#include "eal.h"
#include "memory.h"
#include "telemetry/telemetry.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define WHY_BYTES  512

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "slowshake: ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* ---- the ladder, from the bottom up: each step says what failed ---- */

static bool start_eal(struct ss_appliance *appliance, char *const *eal_args)
{
    char why[WHY_BYTES];

    appliance->has_eal = ss_eal_start(appliance->config, eal_args, why, sizeof(why)) == 0;
    if (!appliance->has_eal)
        say("%s", why);
    return appliance->has_eal;
}

static void start_clock(struct ss_appliance *appliance)
{
    struct timespec now;
    uint64_t tsc;
    int64_t utc_ns;
    uint32_t width_ns;

    ss_clock_sample(&tsc, &utc_ns, &width_ns);
    ss_clock_init(&appliance->clock, rte_get_tsc_hz(), tsc, utc_ns);
    clock_gettime(CLOCK_MONOTONIC, &now);
    appliance->started_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
}

static bool make_pools(struct ss_appliance *appliance)
{
    const struct ss_config *config = appliance->config;
    int error = ss_worker_register();

    if (error != 0) {
        say("no room in mbufs for arrival times: %s", rte_strerror(-error));
        return false;
    }
    appliance->mbufs = rte_pktmbuf_pool_create("ss_mbufs", ss_memory_mbufs(config), SS_MBUF_CACHE, 0,
                                               ss_port_mbuf_room(config), SOCKET_ID_ANY);
    if (appliance->mbufs != NULL)
        appliance->blocks =
            rte_mempool_create("ss_blocks", SS_EXPORT_BLOCKS, SS_EXPORT_BLOCK_BYTES, 0, 0, NULL, NULL, NULL,
                               NULL, SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
    if (appliance->blocks == NULL)
        say("no memory for %u mbufs of %u bytes and %u export blocks (%s): %u MiB are wanted in all; reserve "
            "more hugepages, or raise -m in eal to it",
            ss_memory_mbufs(config), (unsigned)ss_port_mbuf_room(config), SS_EXPORT_BLOCKS,
            rte_strerror(rte_errno), ss_memory_mib(config, rte_eal_has_hugepages()));
    return appliance->blocks != NULL;
}

static bool open_ports(struct ss_appliance *appliance)
{
    const struct ss_config *config = appliance->config;
    char why[WHY_BYTES];

    for (unsigned i = 0; i < config->port_count; i++) {
        struct ss_port *port = &appliance->ports[i];
        if (ss_port_open(port, &config->ports[i], i, config->rx_count, appliance->mbufs, why, sizeof(why)) !=
            0) {
            say("%s", why);
            return false;
        }
        appliance->port_count++;
        appliance->interfaces[i] = (struct ss_pcapng_interface){
            .name = port->name, .link = SS_LINK_ETHERNET, .snaplen = config->snaplen};
    }
    return true;
}

static bool is_among(unsigned lcore, const unsigned *lcores, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (lcores[i] == lcore)
            return true;
    }
    return false;
}

static struct ss_worker *worker_of(const struct ss_appliance *appliance, unsigned lcore)
{
    for (unsigned i = 0; i < appliance->worker_count; i++) {
        if (appliance->workers[i].lcore == lcore)
            return &appliance->workers[i];
    }
    return NULL;
}

static void name_workers(struct ss_appliance *appliance)
{
    const struct ss_config *config = appliance->config;

    for (unsigned i = 0; i < config->rx_count; i++)
        appliance->workers[appliance->worker_count++].lcore = config->rx_lcores[i];
    for (unsigned i = 0; i < config->analyzer_count; i++) {
        if (!is_among(config->analyzer_lcores[i], config->rx_lcores, config->rx_count))
            appliance->workers[appliance->worker_count++].lcore = config->analyzer_lcores[i];
    }
    for (unsigned i = 0; i < config->analyzer_count; i++)
        appliance->analyzers[appliance->analyzer_count++] = worker_of(appliance, config->analyzer_lcores[i]);
}

/* Round and round, over all ports: as even as it gets. */
static void deal_queues(struct ss_appliance *appliance)
{
    unsigned dealt = 0;

    for (unsigned i = 0; i < appliance->port_count; i++) {
        for (uint16_t queue = 0; queue < appliance->ports[i].queues; queue++) {
            struct ss_worker *worker = &appliance->workers[dealt++ % appliance->config->rx_count];
            worker->queues[worker->queue_count++] = (struct ss_queue_ref){
                .port = &appliance->ports[i], .port_index = (uint16_t)i, .queue = queue};
        }
    }
}

static bool make_workers(struct ss_appliance *appliance)
{
    uint64_t hash_seed;
    char why[WHY_BYTES];

    appliance->workers =
        calloc(appliance->config->rx_count + appliance->config->analyzer_count, sizeof(*appliance->workers));
    if (appliance->workers == NULL || getrandom(&hash_seed, sizeof(hash_seed), 0) != sizeof(hash_seed)) {
        say("cannot make the lcores: %s", strerror(errno));
        return false;
    }
    name_workers(appliance);
    deal_queues(appliance);
    for (unsigned i = 0; i < appliance->worker_count; i++) {
        struct ss_worker *worker = &appliance->workers[i];
        worker->analyzers = appliance->analyzers;
        worker->analyzer_count = appliance->analyzer_count;
        worker->source = ss_port_worst_clock(appliance->ports, appliance->port_count);
        worker->block_pool = appliance->blocks;
        worker->clock = &appliance->clock;
        worker->stop = &appliance->stop;
        if (ss_worker_init(worker, appliance->config, hash_seed, why, sizeof(why)) != 0) {
            say("%s", why);
            return false;
        }
    }
    return true;
}

static bool start_control(struct ss_appliance *appliance)
{
    char why[WHY_BYTES];

    if (ss_writer_start(appliance->config, appliance->interfaces, appliance->port_count, &appliance->writer,
                        why, sizeof(why)) != 0 ||
        ss_control_create(appliance, &appliance->control, why, sizeof(why)) != 0) {
        say("%s", why);
        return false;
    }
    int error = ss_telemetry_register(appliance);
    if (error != 0)
        say("cannot register telemetry commands: %s", strerror(-error));
    return error == 0;
}

static bool launch(struct ss_appliance *appliance)
{
    for (unsigned i = 0; i < appliance->worker_count; i++) {
        struct ss_worker *worker = &appliance->workers[i];
        int error = rte_eal_remote_launch(ss_worker_run, worker, worker->lcore);
        if (error != 0) {
            say("cannot launch lcore %u: %s", worker->lcore, strerror(-error));
            return false;
        }
    }
    return true;
}

static bool start(struct ss_appliance *appliance, char *const *eal_args)
{
    if (!start_eal(appliance, eal_args))
        return false;
    start_clock(appliance);
    return make_pools(appliance) && open_ports(appliance) && make_workers(appliance) &&
           start_control(appliance) && launch(appliance);
}

/* ---- and down again, from wherever it got to ---- */

static void stop(struct ss_appliance *appliance)
{
    atomic_store_explicit(&appliance->stop, true, memory_order_release);
    if (appliance->has_eal)
        rte_eal_mp_wait_lcore();
    ss_telemetry_unregister();
    ss_writer_stop(appliance->writer);
    ss_control_free(appliance->control);
    for (unsigned i = 0; i < appliance->worker_count; i++)
        ss_worker_fini(&appliance->workers[i]);
    for (unsigned i = 0; i < appliance->port_count; i++)
        ss_port_close(&appliance->ports[i]);
    rte_mempool_free(appliance->blocks);
    rte_mempool_free(appliance->mbufs);
    if (appliance->has_eal)
        rte_eal_cleanup();
    free(appliance->workers);
    ss_config_free(appliance->config);
    free(appliance);
}

/* ---- the whole ---- */

static void say_ready(const struct ss_appliance *appliance)
{
    char path[128] = "none";

    fprintf(stderr, "slowshake: ready: ports");
    for (unsigned i = 0; i < appliance->port_count; i++)
        fprintf(stderr, "%s %s", i > 0 ? "," : "", appliance->ports[i].name);
    fprintf(stderr, "; analyzers on lcores");
    for (unsigned i = 0; i < appliance->analyzer_count; i++)
        fprintf(stderr, "%s %u", i > 0 ? "," : "", appliance->analyzers[i]->lcore);
    ss_eal_telemetry_socket(path, sizeof(path));
    fprintf(stderr, "; telemetry socket %s\n", path);
}

/* Before any thread is made: they inherit it, and only control's signalfd takes these. */
static void block_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static struct ss_config *load(const char *path)
{
    struct ss_config_errors errors = {0};
    struct ss_config *config = NULL;

    if (ss_config_load(path, &config, &errors) != 0)
        config = NULL;
    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    ss_config_errors_free(&errors);
    return config;
}

int ss_appliance_main(const char *config_path, char *const *eal_args)
{
    struct ss_config *config = load(config_path);
    struct ss_appliance *appliance = config != NULL ? calloc(1, sizeof(*appliance)) : NULL;

    if (config == NULL)
        return EXIT_USAGE;
    if (appliance == NULL) {
        say("out of memory");
        ss_config_free(config);
        return EXIT_FAILURE;
    }
    appliance->config_path = config_path;
    appliance->config = config;
    dup2(STDERR_FILENO, STDOUT_FILENO); /* some drivers print there: it holds results only */
    setvbuf(stdout, NULL, _IOLBF, 0);
    block_signals();
    bool is_running = start(appliance, eal_args);
    if (is_running) {
        say_ready(appliance);
        ss_control_run(appliance->control);
    }
    stop(appliance);
    return is_running ? EXIT_SUCCESS : EXIT_FAILURE;
}
