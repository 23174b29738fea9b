// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Parts that telemetry's answers are made of. An answer whose memory runs out is NULL: nothing is added to
 * it. */

#include "appliance.h"
#include "control/control.h"

#include <rte_telemetry.h>

#define SS_ANSWER_TEXT_MAX 127

/* text: cut to max characters (at most SS_ANSWER_TEXT_MAX); whatever is not printable ASCII becomes '?',
 * because the socket's writer cannot take it. */
void ss_answer_text(struct rte_tel_data *answer, const char *name, const char *text, size_t max);
void ss_answer_uint(struct rte_tel_data *answer, const char *name, uint64_t value);
void ss_answer_int(struct rte_tel_data *answer, const char *name, int value);
/* As text: the socket has no signed numbers of 64 bits before DPDK 23.03. */
void ss_answer_signed(struct rte_tel_data *answer, const char *name, int64_t value);
/* A dictionary, or a list of numbers, in the dictionary. */
struct rte_tel_data *ss_answer_dict(struct rte_tel_data *answer, const char *name);
struct rte_tel_data *ss_answer_dict_at(struct rte_tel_data *answer, unsigned number);
struct rte_tel_data *ss_answer_uints(struct rte_tel_data *answer, const char *name);
void ss_answer_append(struct rte_tel_data *list, uint64_t value);
void ss_answer_page(struct rte_tel_data *answer, uint64_t total, uint64_t offset, uint64_t returned);

/* How many of total are on the page that begins at offset. */
unsigned ss_answer_on_page(uint64_t total, uint64_t offset, unsigned max);

/* A parameter that is a decimal number, or nothing: 0. False: it is something else. */
bool ss_answer_offset(const char *parameter, uint64_t *ret_offset);

/* All lcores' counters added up, or one lcore's (number < worker_count). The caller frees it; NULL: no
 * memory. */
struct ss_worker_view *ss_answer_sum(const struct ss_appliance *appliance);
struct ss_worker_view *ss_answer_view(const struct ss_appliance *appliance, unsigned number);

/* read = matched + waiting + unmatched. */
void ss_answer_events(struct rte_tel_data *answer, const struct ss_join_counters *join);

/* Commands: answer is a dictionary already. 0 or a negative errno. */
typedef int ss_answer_command(const struct ss_appliance *appliance, const char *parameter,
                              struct rte_tel_data *answer);

ss_answer_command ss_answer_status, ss_answer_ports, ss_answer_lcores, ss_answer_history; /* answer_state.c */
ss_answer_command ss_answer_journal, ss_answer_config;                     /* answer_journal.c */
ss_answer_command ss_answer_phases, ss_answer_verdicts, ss_answer_origins; /* answer_flows.c */
ss_answer_command ss_answer_flows, ss_answer_flow;                         /* answer_flows.c */
