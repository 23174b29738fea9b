// SPDX-License-Identifier: BSD-3-Clause

/* Records without packets, as a storm of flagged flows makes them beyond export.rate: how many a second the
 * store takes, one by one and in groups. In a new folder of the directory that is named, as the disk decides;
 * the folder stays. */

#include "base/units.h"
#include "export/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define START_NS (1795390095LL * SS_NS_PER_S)

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SS_NS_PER_S + now.tv_nsec;
}

static void write_group(struct ss_store *store, unsigned from, unsigned count)
{
    static struct ss_finding findings[SS_STORE_GROUP];
    static struct ss_store_flow flows[SS_STORE_GROUP];

    for (unsigned i = 0; i < count; i++) {
        findings[i].start_ns = START_NS;
        findings[i].tuple_hash = from + i;
        flows[i] = (struct ss_store_flow){.record = {.finding = &findings[i], .sensor = "bench"}};
        ss_store_write(store, &flows[i], START_NS);
    }
    ss_store_sync(store);
}

/* count: a multiple of group. */
static void run(struct ss_store *store, unsigned group, unsigned count)
{
    uint64_t records = ss_store_counters(store)->records;
    int64_t begin_ns = now_ns();

    for (unsigned i = 0; i < count; i += group)
        write_group(store, i, group);
    double took_s = (double)(now_ns() - begin_ns) / SS_NS_PER_S;
    printf("%3u together: %6.0f records a second, %5.1f ms a group%s\n", group, count / took_s,
           took_s * 1000 * group / count,
           ss_store_counters(store)->records == records + count ? "" : "; SOME WERE NOT WRITTEN");
}

int main(int argc, char **argv)
{
    static const unsigned GROUPS[] = {1, 4, 16, 64, SS_STORE_GROUP};
    struct ss_store *store;
    char why[256], directory[256];

    if (argc != 2) {
        fprintf(stderr, "usage: slowshake-bench-store DIRECTORY\n");
        return 2;
    }
    snprintf(directory, sizeof(directory), "%s/slowshake-bench-XXXXXX", argv[1]);
    if (mkdtemp(directory) == NULL) {
        perror(directory);
        return 1;
    }
    const struct ss_store_config config = {.directory = directory};
    if (ss_store_open(&config, &store, why, sizeof(why)) != 0) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    for (unsigned i = 0; i < sizeof(GROUPS) / sizeof(GROUPS[0]); i++)
        run(store, GROUPS[i], 200 * GROUPS[i]);
    ss_store_close(store);
    printf("written to %s\n", directory);
    return 0;
}
