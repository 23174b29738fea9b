// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Zeroed memory in huge pages, all of it touched: what the EAL gives the appliance. */

#include <stddef.h>
#include <stdint.h>

enum ss_bench_pages {
    SS_BENCH_PAGES_RESERVED,    /* MAP_HUGETLB, else transparent ones */
    SS_BENCH_PAGES_TRANSPARENT, /* madvise(MADV_HUGEPAGE): leaves what was reserved to others */
    SS_BENCH_PAGES_SMALL,
    SS_BENCH_PAGES_COUNT
};

struct ss_bench_memory {
    enum ss_bench_pages wanted;
    size_t bytes[SS_BENCH_PAGES_COUNT]; /* given, by kind */
};

/* NULL: there is none. Freed with ss_bench_memory_free. */
void *ss_bench_memory_take(struct ss_bench_memory *memory, size_t bytes);
void ss_bench_memory_free(void *at, size_t bytes);

/* Of the transparent ones, bytes that really are in huge pages now: the kernel promises nothing. */
size_t ss_bench_memory_transparent(void);
