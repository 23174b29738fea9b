// SPDX-License-Identifier: BSD-3-Clause

#include "writer/writing.h"
#include "base/units.h"
#include "writer/report.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static void say_found(const char *directory, const struct ss_files_found *found)
{
    if (found->halves + found->cut_lines + found->recovered + found->orphans == 0)
        return;
    fprintf(stderr,
            "slowshake: %s was left by a crash: %" PRIu64 " records written from their pcapng files, %" PRIu64
            " half files, %" PRIu64 " cut lines and %" PRIu64 " files without a record removed\n",
            directory, found->recovered, found->halves, found->cut_lines, found->orphans);
}

static int open_store(const struct ss_writing *writing, const struct ss_config *config,
                      struct ss_opened *opened, char *ret_why, size_t why_bytes)
{
    const struct ss_store_config store = {.directory = config->export_directory,
                                          .quota_bytes = config->quota_bytes,
                                          .rate = config->export_rate,
                                          .headers_only = config->headers_only,
                                          .interfaces = writing->interfaces,
                                          .interface_count = writing->interface_count,
                                          .packet = &writing->packet};
    if (config->export_directory == NULL)
        return 0;
    opened->to_journal = config->export_journal;
    int error = ss_store_open(&store, &opened->store, ret_why, why_bytes);
    if (error == 0)
        say_found(config->export_directory, &ss_store_counters(opened->store)->found);
    return error;
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
    to->ends_left_out += from->ends_left_out;
    to->unmatched += from->unmatched;
    for (unsigned i = 0; i < SS_UNWRITTEN_COUNT; i++) {
        to->records_unwritten[i] += from->records_unwritten[i];
        to->pcapngs_unwritten[i] += from->pcapngs_unwritten[i];
        to->unmatched_unwritten[i] += from->unmatched_unwritten[i];
    }
    to->found.halves += from->found.halves;
    to->found.cut_lines += from->found.cut_lines;
    to->found.recovered += from->found.recovered;
    to->found.orphans += from->found.orphans;
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

/* To the store, which writes the packets at once. */
static void store_flow(struct ss_writing *writing, const struct ss_writer_job *job,
                       struct ss_store_flow *flow)
{
    struct ss_history_record *records = list_records(job->blocks, &flow->packet_count);
    uint64_t packets = packets_of(job->blocks);

    if (records == NULL) {
        flow->error = -ENOMEM;
        return;
    }
    flow->packets = records;
    flow->packets_missing = packets > flow->packet_count ? packets - flow->packet_count : 0;
    ss_store_write(writing->opened.store, flow, utc_now());
    free(records);
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
        .revision = record->revision,
        .resumed = finding->tls.resumed,
        .has_event = record->event != NULL,
        .proxy_ns = record->event != NULL ? record->event->duration_ns : -1,
    };
    ss_finding_id(finding, ret_flow->id);
    ss_finding_outcome(finding, ret_flow->outcome);
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

static void write_flow(struct ss_writing *writing, struct ss_writer_job *job)
{
    const struct ss_finding *finding = &job->blocks->finding;
    struct ss_writing_flow *written = &writing->flows[writing->flow_count++];

    *written = (struct ss_writing_flow){.job = job, .flow.is_end = job->is_end};
    written->flow.record = (struct ss_record){
        .finding = finding,
        .sensor = writing->sensor,
        .origin =
            writing->opened.origins ? ss_origins_find(writing->opened.origins, &finding->client.ip) : NULL,
        .event = job->has_event ? &job->event : NULL,
        .clock_offset_ns = job->clock_offset_ns,
        .mirror_loss_ppm = job->mirror_loss_ppm,
        .revision = job->revision,
    };
    if (writing->opened.store != NULL)
        store_flow(writing, job, &written->flow);
}

/* To the journal and to telemetry. */
static void tell_flow(struct ss_writing *writing, const struct ss_record *record, bool is_end)
{
    struct ss_writer_flow flow;

    summarize(record, &flow);
    if (writing->opened.to_journal && !is_end && ss_report_send(writing->journal_fd, record, &flow) != 0)
        writing->view.journal_errors++;
    if (flow.revision == 0)
        writing->view.verdicts[flow.resumed][flow.verdict]++;
    ss_recent_add(writing->recent, &flow, short_json(record), record->origin);
}

static void add_events(uint64_t to[SS_EPOCHS], const unsigned events[SS_EPOCHS])
{
    for (unsigned i = 0; i < SS_EPOCHS; i++)
        to[i] += events[i];
}

/* The proxy's report is on disk with the record, whatever became of the packets. */
static void end_flow(struct ss_writing *writing, const struct ss_writing_flow *written)
{
    const struct ss_store_flow *flow = &written->flow;
    int error = flow->is_written ? 0 : flow->error;

    if (!flow->is_end || flow->record.pcapng != NULL)
        tell_flow(writing, &flow->record, flow->is_end);
    add_events(error == 0 ? writing->view.events_durable : writing->view.events_failed, written->job->events);
    ss_writer_job_free(written->job);
}

/* The event's line, which stands for that many, by epoch. */
static void write_event(struct ss_writing *writing, const struct ss_writer_job *job,
                        const struct ss_event *event, const unsigned events[SS_EPOCHS])
{
    struct ss_store *store = writing->opened.store;
    struct ss_unmatched_note note = job->note;

    note.events = events[0] + events[1];
    int error =
        store != NULL ? ss_store_unmatched(store, writing->sensor, event, job->reason, &note, utc_now()) : 0;
    add_events(error == 0 ? writing->unsynced : writing->view.events_failed, events);
}

static void write_unmatched(struct ss_writing *writing, const struct ss_writer_job *job)
{
    unsigned rest[SS_EPOCHS];

    memcpy(rest, job->events, sizeof(rest));
    for (const struct ss_writer_event *more = job->more; more != NULL; more = more->next) {
        unsigned one[SS_EPOCHS] = {0};
        one[more->event.epoch] = 1;
        rest[more->event.epoch]--;
        write_event(writing, job, &more->event, one);
    }
    write_event(writing, job, &job->event, rest);
}

static void sync_all(struct ss_writing *writing)
{
    int error = writing->opened.store != NULL ? ss_store_sync(writing->opened.store) : 0;

    for (unsigned i = 0; i < writing->flow_count; i++)
        end_flow(writing, &writing->flows[i]);
    writing->flow_count = 0;
    for (unsigned i = 0; i < SS_EPOCHS; i++) {
        uint64_t *to = error == 0 ? writing->view.events_durable : writing->view.events_failed;
        to[i] += writing->unsynced[i];
        writing->unsynced[i] = 0;
    }
}

void ss_writing_jobs(struct ss_writing *writing, struct ss_writer_job *const *jobs, unsigned count)
{
    assert(count <= SS_WRITER_JOBS);
    for (unsigned i = 0; i < count; i++) {
        if (jobs[i]->is_flow) {
            write_flow(writing, jobs[i]);
        } else {
            write_unmatched(writing, jobs[i]);
            ss_writer_job_free(jobs[i]);
        }
    }
    sync_all(writing);
    writing->view.jobs += count;
}
