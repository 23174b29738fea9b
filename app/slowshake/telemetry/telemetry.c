// SPDX-License-Identifier: BSD-3-Clause

#include "telemetry/telemetry.h"
#include "telemetry/answer.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static const struct command {
    const char *name;
    ss_answer_command *run;
    const char *help;
} COMMANDS[] = {
    {"/slowshake/status", ss_answer_status, "The appliance in one page. Takes no parameters"},
    {"/slowshake/ports", ss_answer_ports, "Mirror ports and what they lost. Takes no parameters"},
    {"/slowshake/lcores", ss_answer_lcores, "What each lcore does. Parameters: OFFSET"},
    {"/slowshake/phases", ss_answer_phases, "Statistics of the phases. Parameters: NAME, for its histogram"},
    {"/slowshake/verdicts", ss_answer_verdicts, "Who was slow, how often. Takes no parameters"},
    {"/slowshake/origins", ss_answer_origins, "Where flagged clients come from. Parameters: OFFSET"},
    {"/slowshake/flows", ss_answer_flows, "The latest flagged flows. Parameters: OFFSET"},
    {"/slowshake/flow", ss_answer_flow, "The record of one of them. Parameters: ID"},
    {"/slowshake/journal", ss_answer_journal,
     "Journals, events and proxy hosts. Parameters: OFFSET of hosts"},
    {"/slowshake/history", ss_answer_history,
     "The packet history and how far it goes back. Parameters: OFFSET"},
    {"/slowshake/config", ss_answer_config, "The configuration in effect. Parameters: OFFSET of characters"},
};

#define COMMAND_COUNT (sizeof(COMMANDS) / sizeof(COMMANDS[0]))

/* The library's callbacks take no argument of ours before DPDK 24.11, and its threads outlive the appliance.
 * Whoever closes the gate goes first: clients that ask without a pause would keep it open. */
static pthread_rwlock_t gate = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static const struct ss_appliance *shown; /* NULL: there is none any more */

static int answer_with(const struct command *command, const char *parameter, struct rte_tel_data *answer)
{
    int error = -ESHUTDOWN;

    rte_tel_data_start_dict(answer);
    pthread_rwlock_rdlock(&gate);
    if (shown != NULL)
        error = command->run(shown, parameter, answer);
    pthread_rwlock_unlock(&gate);
    return error;
}

static int dispatch(const char *name, const char *parameter, struct rte_tel_data *answer)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, COMMANDS[i].name) == 0)
            return answer_with(&COMMANDS[i], parameter, answer);
    }
    return -ENOENT;
}

int ss_telemetry_register(struct ss_appliance *appliance)
{
    pthread_rwlock_wrlock(&gate);
    shown = appliance;
    pthread_rwlock_unlock(&gate);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        int error = rte_telemetry_register_cmd(COMMANDS[i].name, dispatch, COMMANDS[i].help);
        if (error != 0)
            return error < 0 ? error : -error;
    }
    return 0;
}

void ss_telemetry_unregister(void)
{
    pthread_rwlock_wrlock(&gate);
    shown = NULL;
    pthread_rwlock_unlock(&gate);
}
