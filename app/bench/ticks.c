// SPDX-License-Identifier: BSD-3-Clause

#include "ticks.h"

#include <time.h>

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double ss_bench_ticks_hz(void)
{
    const struct timespec nap = {.tv_nsec = 100000000};
    double from_s = now_s();
    uint64_t from = ss_bench_ticks();

    nanosleep(&nap, NULL);
    double to_s = now_s();
    return (double)(ss_bench_ticks() - from) / (to_s - from_s);
}

uint64_t ss_bench_thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
