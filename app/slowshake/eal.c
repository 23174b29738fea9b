// SPDX-License-Identifier: BSD-3-Clause

#include "eal.h"

#include "memory.h"

#include <errno.h>
#include <glob.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ARGUMENTS_MAX  (SS_EAL_ARGS_MAX + 96)
#define LIST_BYTES     1024
#define FREE_HUGEPAGES "/sys/kernel/mm/hugepages/hugepages-*/free_hugepages"
#define DESCRIPTORS    1024 /* among which the telemetry socket is */
#define SOCKET_NAME    "/dpdk_telemetry.v2"

struct arguments {
    char *list[ARGUMENTS_MAX + 1];
    int count;
    char lcores[LIST_BYTES];
    char main_lcore[32];
};

static void add(struct arguments *arguments, const char *text)
{
    if (arguments->count < ARGUMENTS_MAX)
        arguments->list[arguments->count++] = (char *)(uintptr_t)text; /* the EAL changes their order only */
}

static bool is_option(const char *argument, const char *option)
{
    size_t length = strlen(option);
    bool is_long = option[1] == '-';
    return strncmp(argument, option, length) == 0 &&
           (!is_long || argument[length] == '\0' || argument[length] == '=');
}

/* list: NULL-terminated. */
static bool has_option(char *const *list, const char *option)
{
    for (; *list != NULL; list++) {
        if (is_option(*list, option))
            return true;
    }
    return false;
}

static bool maps_lcores(char *const *list)
{
    return has_option(list, "--lcores") || has_option(list, "-l") || has_option(list, "-c");
}

static void add_all(struct arguments *arguments, char *const *list)
{
    for (; *list != NULL; list++)
        add(arguments, *list);
}

static unsigned lcore_at(const struct ss_config *config, unsigned i)
{
    return i < config->rx_count ? config->rx_lcores[i] : config->analyzer_lcores[i - config->rx_count];
}

static void list_lcores(const struct ss_config *config, char ret_list[LIST_BYTES])
{
    size_t used = (size_t)snprintf(ret_list, LIST_BYTES, "%u", config->control_lcore);

    for (unsigned i = 0; i < config->rx_count + config->analyzer_count && used < LIST_BYTES; i++) {
        unsigned lcore = lcore_at(config, i);
        used += (size_t)snprintf(ret_list + used, LIST_BYTES - used, ",%u", lcore);
    }
}

static bool has_hugetlbfs(void)
{
    FILE *mounts = fopen("/proc/mounts", "re");
    char line[1024];
    bool found = false;

    while (mounts != NULL && !found && fgets(line, sizeof(line), mounts) != NULL)
        found = strstr(line, " hugetlbfs ") != NULL;
    if (mounts != NULL)
        fclose(mounts);
    return found;
}

/* Without a hugetlbfs the EAL finds no hugepages, unless it needs no files in it. */
static bool wants_in_memory(char *const *list)
{
    return !has_option(list, "--no-huge") && !has_option(list, "--in-memory") &&
           !has_option(list, "--huge-dir") && !has_hugetlbfs();
}

/* Ours come first: of options given twice the last one counts. */
static void build(const struct ss_config *config, char *const *extra, struct arguments *ret_arguments)
{
    list_lcores(config, ret_arguments->lcores);
    snprintf(ret_arguments->main_lcore, sizeof(ret_arguments->main_lcore), "--main-lcore=%u",
             config->control_lcore);
    add(ret_arguments, "slowshake");
    if (!maps_lcores(config->eal) && !maps_lcores(extra)) {
        add(ret_arguments, "-l");
        add(ret_arguments, ret_arguments->lcores);
    }
    add(ret_arguments, ret_arguments->main_lcore);
    add(ret_arguments, "--log-level=error");
    add_all(ret_arguments, config->eal);
    add_all(ret_arguments, extra);
    if (wants_in_memory(ret_arguments->list))
        add(ret_arguments, "--in-memory");
}

static bool has_free_hugepages(void)
{
    unsigned long pages = 0;
    glob_t files;

    if (glob(FREE_HUGEPAGES, 0, NULL, &files) != 0)
        return false;
    for (size_t i = 0; i < files.gl_pathc; i++) {
        FILE *file = fopen(files.gl_pathv[i], "re");
        unsigned long here;
        if (file == NULL)
            continue;
        if (fscanf(file, "%lu", &here) == 1)
            pages += here;
        fclose(file);
    }
    globfree(&files);
    return pages > 0;
}

static void say_failure(const struct arguments *arguments, const struct ss_config *config, char *ret_why,
                        size_t why_bytes)
{
    if (has_option(arguments->list, "--no-huge") || has_free_hugepages())
        snprintf(ret_why, why_bytes,
                 "DPDK's EAL does not start: %s; it says more itself with \"--log-level=debug\" in eal",
                 rte_strerror(rte_errno));
    else
        snprintf(
            ret_why, why_bytes,
            "no hugepages are free; reserve them with sysctl -w vm.nr_hugepages=%u, or put \"--no-huge\", "
            "\"-m\", \"%u\" into eal for a trial",
            ss_memory_mib(config, true) / SS_HUGEPAGE_MIB + 1, ss_memory_mib(config, false));
}

/* Without a mapping an lcore is the CPU of its number: the EAL would only print its usage. */
static int check_cpus(const struct ss_config *config, char *ret_why, size_t why_bytes)
{
    for (unsigned i = 0; i <= config->rx_count + config->analyzer_count; i++) {
        unsigned lcore = i == 0 ? config->control_lcore : lcore_at(config, i - 1);
        char path[64];
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology", lcore);
        if (access(path, F_OK) == 0)
            continue;
        snprintf(ret_why, why_bytes,
                 "lcore %u of lcores: there is no CPU %u here, or it is offline; change lcores, or map them "
                 "to CPUs with \"--lcores=...\" in eal",
                 lcore, lcore);
        return -EINVAL;
    }
    return 0;
}

static int check_lcores(const struct ss_config *config, char *ret_why, size_t why_bytes)
{
    for (unsigned i = 0; i < config->rx_count + config->analyzer_count; i++) {
        unsigned lcore = lcore_at(config, i);
        if (rte_lcore_is_enabled(lcore) && lcore != rte_get_main_lcore())
            continue;
        snprintf(ret_why, why_bytes, "lcore %u of lcores is not among those that eal makes", lcore);
        return -EINVAL;
    }
    return 0;
}

int ss_eal_start(const struct ss_config *config, char *const *extra, char *ret_why, size_t why_bytes)
{
    struct arguments arguments = {0};

    if (!maps_lcores(config->eal) && !maps_lcores(extra) && check_cpus(config, ret_why, why_bytes) != 0)
        return -EINVAL;
    build(config, extra, &arguments);
    rte_openlog_stream(stderr); /* 22.11 would log to stdout and to syslog */
    if (rte_eal_init(arguments.count, arguments.list) < 0) {
        int error = rte_errno;
        say_failure(&arguments, config, ret_why, why_bytes);
        return error > 0 ? -error : -EINVAL;
    }
    int error = check_lcores(config, ret_why, why_bytes);
    if (error != 0)
        rte_eal_cleanup();
    return error;
}

/* The name has a number behind it where several processes share a prefix, so ask the socket itself. */
bool ss_eal_telemetry_socket(char *ret_path, size_t bytes)
{
    char wanted[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

    snprintf(wanted, sizeof(wanted), "%s" SOCKET_NAME, rte_eal_get_runtime_dir());
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        struct sockaddr_un address = {0};
        socklen_t length = sizeof(address);
        if (getsockname(fd, (struct sockaddr *)&address, &length) != 0 || address.sun_family != AF_UNIX)
            continue;
        if (strncmp(address.sun_path, wanted, strlen(wanted)) != 0)
            continue;
        snprintf(ret_path, bytes, "%.*s", (int)sizeof(address.sun_path), address.sun_path);
        return true;
    }
    return false;
}
