// SPDX-License-Identifier: BSD-3-Clause

#include "memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static size_t whole_pages(size_t bytes)
{
    return (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

static void *map(size_t bytes, int flags)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* A mapping that begins where a huge page can. */
static void *map_aligned(size_t bytes)
{
    char *at = map(bytes + HUGE_PAGE, 0);
    if (at == NULL)
        return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)at % HUGE_PAGE) % HUGE_PAGE;
    if (before > 0)
        munmap(at, before);
    munmap(at + before + bytes, HUGE_PAGE - before);
    return at + before;
}

void *ss_bench_memory_take(struct ss_bench_memory *memory, size_t bytes)
{
    size_t whole = whole_pages(bytes);
    enum ss_bench_pages kind = memory->wanted;
    void *at = NULL;

    if (kind == SS_BENCH_PAGES_RESERVED)
        at = map(whole, MAP_HUGETLB | MAP_POPULATE);
    if (at == NULL) {
        kind = kind == SS_BENCH_PAGES_RESERVED ? SS_BENCH_PAGES_TRANSPARENT : kind;
        at = map_aligned(whole);
        if (at == NULL)
            return NULL;
        madvise(at, whole, kind == SS_BENCH_PAGES_SMALL ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
        memset(at, 0, whole);
    }
    memory->bytes[kind] += whole;
    return at;
}

void ss_bench_memory_free(void *at, size_t bytes)
{
    if (at != NULL)
        munmap(at, whole_pages(bytes));
}

size_t ss_bench_memory_transparent(void)
{
    char line[128];
    size_t kib, found = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "re");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "AnonHugePages: %zu kB", &kib) == 1)
            found = kib * 1024;
    }
    if (file != NULL)
        fclose(file);
    return found;
}
