// SPDX-License-Identifier: BSD-3-Clause

#include "writer/writing.h"
#include "base/units.h"
#include "writer/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATH_BYTES     80
#define TELLABLE_BYTES 8000 /* telemetry takes texts of 8191 bytes, and answers of 16384 */

/* ---- what a configuration opens ---- */

static void close_opened(struct ss_opened *opened)
{
    ss_store_close(opened->store);
    if (opened->origins != NULL)
        ss_origins_free(opened->origins);
    *opened = (struct ss_opened){0};
}

static int open_origins(const struct ss_config *config, struct ss_opened *opened, char *ret_why,
                        size_t why_bytes)
{
    if (config->origin_count == 0)
        return 0;
    int error = ss_origins_create(&opened->origins, ret_why, why_bytes);
    for (unsigned i = 0; error == 0 && i < config->origin_count; i++)
        error = ss_origins_load(opened->origins, config->origins[i].file, config->origins[i].format, ret_why,
                                why_bytes);
    return error;
}

static int open_store(const struct ss_writing *writing, const struct ss_config *config,
                      struct ss_opened *opened, char *ret_why, size_t why_bytes)
{
    const struct ss_store_config store = {.directory = config->export_directory,
                                          .quota_bytes = config->quota_bytes,
                                          .rate = config->export_rate,
                                          .headers_only = config->headers_only,
                                          .interfaces = writing->interfaces,
                                          .interface_count = writing->interface_count};
    if (config->export_directory == NULL)
        return 0;
    opened->to_journal = config->export_journal;
    return ss_store_open(&store, &opened->store, ret_why, why_bytes);
}

static int open_all(const struct ss_writing *writing, const struct ss_config *config,
                    struct ss_opened *ret_opened, char *ret_why, size_t why_bytes)
{
    struct ss_opened opened = {0};
    int error = open_origins(config, &opened, ret_why, why_bytes);

    if (error == 0)
        error = open_store(writing, config, &opened, ret_why, why_bytes);
    if (error != 0)
        close_opened(&opened);
    else
        *ret_opened = opened;
    return error;
}

/* Counters go on where the old store's ended. */
static void add_store_counters(const struct ss_store_counters *from, struct ss_store_counters *to)
{
    to->records += from->records;
    to->pcapngs += from->pcapngs;
    to->unmatched += from->unmatched;
    to->record_errors += from->record_errors;
    to->pcapng_errors += from->pcapng_errors;
    to->rate_limited += from->rate_limited;
    to->quota_removed += from->quota_removed;
    if (from->last_errno != 0)
        to->last_errno = from->last_errno;
}

int ss_writing_open(struct ss_writing *writing, const struct ss_config *config, char *ret_why,
                    size_t why_bytes)
{
    struct ss_opened opened;
    int error = open_all(writing, config, &opened, ret_why, why_bytes);

    if (error != 0)
        return error;
    if (writing->opened.store != NULL)
        add_store_counters(ss_store_counters(writing->opened.store), &writing->past);
    close_opened(&writing->opened);
    writing->opened = opened;
    return 0;
}

void ss_writing_close(struct ss_writing *writing)
{
    close_opened(&writing->opened);
}

void ss_writing_view(const struct ss_writing *writing, struct ss_writer_view *ret_view)
{
    *ret_view = writing->view;
    ret_view->store = writing->past;
    if (writing->opened.store != NULL) {
        const struct ss_store_counters *counters = ss_store_counters(writing->opened.store);
        add_store_counters(counters, &ret_view->store);
        ret_view->store.bytes = counters->bytes;
    }
}

/* ---- jobs ---- */

static int64_t utc_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * SS_NS_PER_S + now.tv_nsec;
}

static size_t count_records(const struct ss_export_block *blocks)
{
    size_t count = 0;
    for (const struct ss_export_block *block = blocks; block != NULL; block = block->next)
        count += block->records;
    return count;
}

/* The flow's packets, pointing into the blocks. The array is the caller's to free. */
static struct ss_history_record *list_records(const struct ss_export_block *blocks, size_t *ret_count)
{
    size_t room = count_records(blocks), count = 0;
    struct ss_history_record *records = calloc(room + 1, sizeof(*records));

    for (const struct ss_export_block *block = blocks; block != NULL && records != NULL;
         block = block->next) {
        uint32_t offset = 0;
        while (count < room && ss_export_block_next(block, &offset, &records[count]))
            count++;
    }
    *ret_count = count;
    return records;
}

static uint64_t packets_of(const struct ss_export_block *blocks)
{
    while (blocks->next != NULL)
        blocks = blocks->next;
    return blocks->packets;
}

/* To disk. path becomes the record's pcapng, where one was written. */
static int store_flow(struct ss_writing *writing, const struct ss_writer_job *job, struct ss_record *record,
                      char path[PATH_BYTES])
{
    struct ss_store *store = writing->opened.store;
    struct ss_store_flow flow = {.record = *record};
    struct ss_history_record *records = list_records(job->blocks, &flow.packet_count);
    uint64_t packets = packets_of(job->blocks);
    char id[SS_ID_TEXT_MAX], day[SS_TIME_TEXT_MAX];

    if (records == NULL)
        return -ENOMEM;
    flow.packets = records;
    flow.packets_missing = packets > flow.packet_count ? packets - flow.packet_count : 0;
    uint64_t before = ss_store_counters(store)->pcapngs;
    int error = ss_store_write(store, &flow, utc_now());
    *record = flow.record;
    if (ss_store_counters(store)->pcapngs > before) {
        snprintf(path, PATH_BYTES, "%.10s/%s.pcapng", ss_time_format(record->finding->start_ns, day),
                 ss_finding_id(record->finding, id));
        record->pcapng = path;
    }
    free(records);
    return error;
}

static void summarize(const struct ss_record *record, struct ss_writer_flow *ret_flow)
{
    const struct ss_finding *finding = record->finding;
    struct ss_opinion opinion = ss_record_opinion(record);

    *ret_flow = (struct ss_writer_flow){
        .start_ns = finding->start_ns,
        .duration_ns = finding->judged.duration_ns,
        .client = finding->client,
        .server = finding->server,
        .verdict = opinion.verdict,
        .confidence = opinion.confidence,
        .outcome = (enum ss_outcome)finding->outcome,
        .revision = record->revision,
        .has_event = record->event != NULL,
        .proxy_ns = record->event != NULL ? record->event->duration_ns : -1,
    };
    ss_finding_id(finding, ret_flow->id);
    memcpy(ret_flow->sni, finding->tls.sni, sizeof(ret_flow->sni));
    ss_record_why(record, ret_flow->why, sizeof(ret_flow->why));
}

/* Whether telemetry can tell it, as one text with its quotes escaped. */
static bool is_tellable(const char *json)
{
    size_t length = strlen(json), escaped = length;

    for (const char *c = json; *c != '\0'; c++)
        escaped += *c == '"' || *c == '\\';
    return length <= TELLABLE_BYTES && escaped <= 2 * TELLABLE_BYTES;
}

/* As it is remembered: what the proxy's line held besides goes where it is too much. */
static char *short_json(const struct ss_record *record)
{
    char *json = ss_record_json(record);

    if (json == NULL || record->event == NULL || is_tellable(json))
        return json;
    struct ss_event event = *record->event;
    struct ss_record without = *record;
    event.fields[0] = event.fields[1] = '\0';
    without.event = &event;
    free(json);
    return ss_record_json(&without);
}

static int write_flow(struct ss_writing *writing, const struct ss_writer_job *job)
{
    const struct ss_finding *finding = &job->blocks->finding;
    struct ss_record record = {
        .finding = finding,
        .sensor = writing->sensor,
        .origin =
            writing->opened.origins ? ss_origins_find(writing->opened.origins, &finding->client.ip) : NULL,
        .event = job->has_event ? &job->event : NULL,
        .clock_offset_ns = job->clock_offset_ns,
        .revision = job->revision,
    };
    struct ss_writer_flow flow;
    char path[PATH_BYTES];

    int error = writing->opened.store != NULL ? store_flow(writing, job, &record, path) : 0;
    summarize(&record, &flow);
    if (writing->opened.to_journal && ss_report_send(writing->journal_fd, &record, &flow) != 0)
        writing->view.journal_errors++;
    if (flow.revision == 0)
        writing->view.verdicts[flow.verdict]++;
    ss_recent_add(writing->recent, &flow, short_json(&record), record.origin);
    return error;
}

static int write_unmatched(struct ss_writing *writing, const struct ss_writer_job *job)
{
    struct ss_store *store = writing->opened.store;
    struct ss_unmatched_note note = job->note;
    if (store == NULL)
        return 0;
    note.events = job->events - job->more_count;
    int error = ss_store_unmatched(store, writing->sensor, &job->event, job->reason, &note);
    note.events = 1;
    for (const struct ss_writer_event *more = job->more; more != NULL && error == 0; more = more->next)
        error = ss_store_unmatched(store, writing->sensor, &more->event, job->reason, &note);
    return error;
}

void ss_writing_job(struct ss_writing *writing, struct ss_writer_job *job)
{
    int error = job->is_flow ? write_flow(writing, job) : write_unmatched(writing, job);

    writing->view.jobs++;
    if (error == 0)
        writing->view.events_durable += job->events;
    else
        writing->view.events_failed += job->events;
    ss_writer_job_free(job);
}
