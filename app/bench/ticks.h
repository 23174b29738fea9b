// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Time that this thread had of its CPU: what else the machine did meanwhile is not in it. And the CPU's own
 * counter, for its rate alone: cycles are of that rate, which is not the core's clock where that is boosted.
 */

#include <stdint.h>

static inline uint64_t ss_bench_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
#error "this CPU's counter is not known here"
#endif
}

/* Nanoseconds of this thread. A system call: for chunks of a millisecond, not for bursts. */
uint64_t ss_bench_thread_ns(void);

/* Ticks a second, measured against CLOCK_MONOTONIC. */
double ss_bench_ticks_hz(void);
