// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What DPDK 22.11 and 24.11 call by different names. */

#include <rte_lcore.h>
#include <rte_telemetry.h>
#include <rte_thread.h>
#include <rte_version.h>
#include <stdint.h>

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)

#define SS_TELEMETRY_UINT RTE_TEL_UINT_VAL
typedef rte_thread_t ss_thread;
typedef uint32_t ss_thread_result;
#define SS_THREAD_DONE 0

static inline int ss_telemetry_add_uint(struct rte_tel_data *data, const char *name, uint64_t value)
{
    return rte_tel_data_add_dict_uint(data, name, value);
}

static inline int ss_telemetry_append_uint(struct rte_tel_data *data, uint64_t value)
{
    return rte_tel_data_add_array_uint(data, value);
}

/* A thread on the CPUs that are no lcores. 0 or an errno of either sign. */
static inline int ss_thread_start(ss_thread *ret_thread, const char *name, ss_thread_result (*run)(void *),
                                  void *argument)
{
    return rte_thread_create_control(ret_thread, name, run, argument);
}

static inline void ss_thread_join(ss_thread thread)
{
    rte_thread_join(thread, NULL);
}

#else

#define SS_TELEMETRY_UINT RTE_TEL_U64_VAL
typedef pthread_t ss_thread;
typedef void *ss_thread_result;
#define SS_THREAD_DONE    NULL

static inline int ss_telemetry_add_uint(struct rte_tel_data *data, const char *name, uint64_t value)
{
    return rte_tel_data_add_dict_u64(data, name, value);
}

static inline int ss_telemetry_append_uint(struct rte_tel_data *data, uint64_t value)
{
    return rte_tel_data_add_array_u64(data, value);
}

/* A thread on the CPUs that are no lcores. 0 or an errno of either sign. */
static inline int ss_thread_start(ss_thread *ret_thread, const char *name, ss_thread_result (*run)(void *),
                                  void *argument)
{
    return rte_ctrl_thread_create(ret_thread, name, NULL, run, argument);
}

static inline void ss_thread_join(ss_thread thread)
{
    pthread_join(thread, NULL);
}

#endif
