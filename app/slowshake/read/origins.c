// SPDX-License-Identifier: BSD-3-Clause

#include "read/origins.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The prefix tables live in the EAL's memory: ordinary pages, no devices, no sockets, no files. */
static int start_small_eal(void)
{
    static char *arguments[] = {
        "slowshake", "--no-huge", "--no-pci", "--no-telemetry",          "--no-shconf", "-m",
        "128",       "-l",        "0",        "--log-level=lib.*:error", NULL};

    return rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])) - 1, arguments) < 0 ? -rte_errno : 0;
}

int ss_origins_of_config(const struct ss_config *config, struct ss_origins **ret_origins)
{
    struct ss_origins *origins;
    char why[256];

    if (config->origin_count == 0)
        return 0;
    if (start_small_eal() != 0) {
        fprintf(stderr, "slowshake read: the EAL does not start: %s\n", rte_strerror(rte_errno));
        return EXIT_FAILURE;
    }
    int error = ss_origins_create(&origins, why, sizeof(why));
    for (unsigned i = 0; error == 0 && i < config->origin_count; i++) {
        error =
            ss_origins_load(origins, config->origins[i].file, config->origins[i].format, why, sizeof(why));
        if (error != 0)
            ss_origins_free(origins);
    }
    if (error != 0) {
        fprintf(stderr, "slowshake read: %s\n", why);
        return EXIT_FAILURE;
    }
    *ret_origins = origins;
    return 0;
}
