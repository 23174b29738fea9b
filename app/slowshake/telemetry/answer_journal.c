// SPDX-License-Identifier: BSD-3-Clause

/* What the operator put in: /slowshake/journal, config. */

#include "telemetry/answer.h"
#include "base/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Worst cases, with every character of a text escaped: a journal takes 700 bytes, a host 440, of 16384. */
#define HOSTS_A_PAGE      6
#define DIRECTORY_SHOWN   80
#define ERROR_SHOWN       100
#define CONFIG_PAGE_BYTES 14000 /* of the text with its escapes */
#define CONFIG_PIECE      120
#define CONFIG_PIECES_MAX 400 /* an array takes 512 */

/* ---- journal ---- */

static void add_journal(struct rte_tel_data *answer, const struct ss_appliance *appliance,
                        const struct ss_control_view *control, unsigned number)
{
    const struct ss_journal_counters *counters = &control->journals[number];
    char directory[SS_ANSWER_TEXT_MAX + 1];

    ss_control_journal_directory(appliance->control, number, directory, sizeof(directory));
    ss_answer_text(answer, "directory", directory, DIRECTORY_SHOWN);
    ss_answer_text(answer, "error", control->journal_errors[number], ERROR_SHOWN);
    ss_answer_uint(answer, "hosts", counters->hosts);
    ss_answer_uint(answer, "entries", counters->entries);
    for (unsigned i = 0; i < SS_FORMAT_RESULT_COUNT; i++)
        ss_answer_uint(answer, ss_format_result_name((enum ss_format_result)i), counters->results[i]);
    ss_answer_uint(answer, "suppressed", counters->suppressed);
    ss_answer_uint(answer, "rotations", counters->rotations);
    ss_answer_uint(answer, "errors", counters->errors);
}

static void add_join(struct rte_tel_data *answer, const struct ss_control_view *control)
{
    const struct ss_join_counters *join = &control->join;
    struct rte_tel_data *events = ss_answer_dict(answer, "events");
    struct rte_tel_data *reasons = ss_answer_dict(answer, "unmatched");
    struct rte_tel_data *index = ss_answer_dict(answer, "join");

    ss_answer_events(events, join);
    for (unsigned i = 0; i < SS_UNMATCHED_COUNT; i++)
        ss_answer_uint(reasons, ss_unmatched_name((enum ss_unmatched)i), join->unmatched[i]);
    ss_answer_uint(index, "handshakes", join->flows);
    ss_answer_uint(index, "handshakes_evicted", join->flows_evicted);
    ss_answer_uint(index, "age_ns", (uint64_t)control->join_age_ns);
    ss_answer_uint(index, "late_max_ns", (uint64_t)join->late_max_ns);
    ss_answer_uint(index, "walks_cut", join->walks_cut);
    ss_answer_uint(index, "hosts_refused", join->hosts_refused);
}

static void add_host(struct rte_tel_data *answer, const struct ss_join_host *host)
{
    ss_answer_text(answer, "name", host->name, SS_ANSWER_TEXT_MAX);
    ss_answer_uint(answer, "joined", host->joined);
    ss_answer_signed(answer, "offset_ns", host->offset_ns);
    ss_answer_uint(answer, "spread_ns", (uint64_t)host->spread_ns);
    ss_answer_uint(answer, "samples", host->samples);
    ss_answer_int(answer, "trusted", host->learned);
    ss_answer_uint(answer, "steps", host->steps);
    if (host->steps == 0)
        return;
    char text[SS_TIME_TEXT_MAX];
    ss_answer_signed(answer, "stepped_ns", host->stepped_ns);
    ss_answer_text(answer, "stepped_at", ss_time_format(host->stepped_at_ns, text), SS_ANSWER_TEXT_MAX);
}

int ss_answer_journal(const struct ss_appliance *appliance, const char *parameter,
                      struct rte_tel_data *answer)
{
    struct ss_control_view *control;
    uint64_t offset;

    if (!ss_answer_offset(parameter, &offset))
        return -EINVAL;
    control = malloc(sizeof(*control));
    if (control == NULL)
        return -ENOMEM;
    ss_control_view(appliance->control, control);
    add_join(answer, control);
    struct rte_tel_data *journals = ss_answer_dict(answer, "journals");
    for (unsigned i = 0; i < control->journal_count; i++)
        add_journal(ss_answer_dict_at(journals, i), appliance, control, i);
    unsigned returned = ss_answer_on_page(control->host_count, offset, HOSTS_A_PAGE);
    ss_answer_page(answer, control->host_count, offset, returned);
    struct rte_tel_data *hosts = ss_answer_dict(answer, "hosts");
    for (unsigned i = 0; i < returned; i++)
        add_host(ss_answer_dict_at(hosts, i), &control->hosts[offset + i]);
    free(control);
    return 0;
}

/* ---- config ---- */

/* How much of the text is the next piece: a line with its end, or what a text can hold of it. */
static size_t piece_length(const char *text, size_t *ret_escaped)
{
    size_t length = 0, escaped = 0;

    while (text[length] != '\0' && length < CONFIG_PIECE) {
        char c = text[length++];
        escaped += c == '"' || c == '\\' || c == '\n' ? 2 : 1;
        if (c == '\n')
            break;
    }
    *ret_escaped = escaped + 3; /* quotes and a comma */
    return length;
}

/* The socket's writer takes ASCII only. */
static void append_piece(struct rte_tel_data *list, const char *text, size_t length)
{
    char piece[CONFIG_PIECE + 1];

    for (size_t i = 0; i < length; i++)
        piece[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    piece[length] = '\0';
    if (list != NULL)
        rte_tel_data_add_array_string(list, piece);
}

static size_t append_pieces(struct rte_tel_data *list, const char *text)
{
    size_t used = 0, at = 0, escaped;

    for (unsigned pieces = 0; pieces < CONFIG_PIECES_MAX && text[at] != '\0'; pieces++) {
        size_t length = piece_length(text + at, &escaped);
        if (used + escaped > CONFIG_PAGE_BYTES)
            break;
        append_piece(list, text + at, length);
        used += escaped;
        at += length;
    }
    return at;
}

int ss_answer_config(const struct ss_appliance *appliance, const char *parameter, struct rte_tel_data *answer)
{
    uint64_t offset;

    if (!ss_answer_offset(parameter, &offset))
        return -EINVAL;
    char *text = ss_control_config(appliance->control);
    struct rte_tel_data *list = rte_tel_data_alloc();
    if (text == NULL || list == NULL) {
        free(text);
        rte_tel_data_free(list);
        return -ENOMEM;
    }
    size_t total = strlen(text);
    rte_tel_data_start_array(list, RTE_TEL_STRING_VAL);
    size_t returned = offset < total ? append_pieces(list, text + offset) : 0;
    ss_answer_page(answer, total, offset, returned);
    if (rte_tel_data_add_dict_container(answer, "text", list, 0) != 0)
        rte_tel_data_free(list);
    free(text);
    return 0;
}
