// SPDX-License-Identifier: BSD-3-Clause
#include "export/store.h"
#include "base/units.h"
#include "export/files.h"
#include "export/packets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBE      "write-test"
#define PATH_BYTES 80

_Static_assert(SS_ID_TEXT_MAX + sizeof(".pcapng") <= SS_FILES_NAME_MAX, "a flow's file name fits");

struct ss_store {
    struct ss_store_config config;
    struct ss_store_counters counters;
    struct ss_files files;
    struct ss_pcapng writer;
    int64_t credit_ns; /* what the rate has left: a file costs a second divided by the rate, a second is the
                          most */
    int64_t credited_ns;
};

/* ---- Life ---- */

static const char *advice(int error)
{
    switch (error) {
    case -EACCES:
    case -EPERM:
        return "give the user that runs slowshake write access to it, or change export.directory";
    case -EROFS:
        return "remount it writable, or change export.directory";
    case -ENOSPC:
    case -EDQUOT:
        return "make room on its file system, or change export.directory";
    case -ENOTDIR:
    case -EEXIST:
        return "something else than a directory is in the way; change export.directory";
    default:
        return "check export.directory";
    }
}

/* Finds out now, not at the first slow handshake, whether files can be made. */
static int probe(struct ss_files *files)
{
    int fd;
    int error = ss_files_begin(files->root, PROBE, &fd);
    if (error == 0)
        ss_files_abandon(files->root, PROBE, fd);
    return error;
}

int ss_store_open(const struct ss_store_config *config, struct ss_store **ret_store, char *ret_why,
                  size_t why_bytes)
{
    struct ss_store *store = calloc(1, sizeof(*store));
    int error = -ENOMEM;

    if (store != NULL) {
        store->config = *config;
        store->config.directory = NULL; /* its copy is in files */
        store->credit_ns = SS_NS_PER_S;
        store->files.root = -1;
        error = ss_files_open(&store->files, config->directory);
    }
    if (error == 0)
        error = probe(&store->files);
    if (error != 0) {
        snprintf(ret_why, why_bytes, "cannot write to %s: %s; %s", config->directory, strerror(-error),
                 advice(error));
        ss_store_close(store);
        return error;
    }
    store->counters.bytes = store->files.bytes;
    *ret_store = store;
    return 0;
}

void ss_store_close(struct ss_store *store)
{
    if (store == NULL)
        return;
    ss_files_close(&store->files);
    free(store);
}

const struct ss_store_counters *ss_store_counters(const struct ss_store *store)
{
    return &store->counters;
}

/* ---- One flow ---- */

static void day_of(int64_t ns, char ret_day[SS_FILES_DAY_MAX])
{
    char time[SS_TIME_TEXT_MAX];
    ss_time_format(ns, time);
    memcpy(ret_day, time, SS_FILES_DAY_MAX - 1);
    ret_day[SS_FILES_DAY_MAX - 1] = '\0';
}

/* A token bucket; a clock that was set back gives nothing. */
static bool rate_allows(struct ss_store *store, int64_t now_ns)
{
    if (store->config.rate == 0)
        return false;
    int64_t cost_ns = SS_NS_PER_S / store->config.rate;
    int64_t passed_ns =
        store->credited_ns == 0 || now_ns < store->credited_ns ? 0 : now_ns - store->credited_ns;

    store->credited_ns = now_ns;
    store->credit_ns =
        passed_ns > SS_NS_PER_S - store->credit_ns ? SS_NS_PER_S : store->credit_ns + passed_ns;
    if (store->credit_ns < cost_ns)
        return false;
    store->credit_ns -= cost_ns;
    return true;
}

static int append_record(struct ss_store *store, int day, const struct ss_record *record)
{
    char *line = ss_record_json(record);
    if (line == NULL)
        return -ENOMEM;
    int error = ss_files_append(&store->files, day, SS_FILES_FLOWS, line);
    free(line);
    return error;
}

/* The packets' file, complete and synced before it has its name. */
static int place_pcapng(struct ss_store *store, int day, const char *name, const struct ss_record *record,
                        const struct ss_packets *packets)
{
    char *comment = ss_record_json(record);
    int fd;

    if (comment == NULL)
        return -ENOMEM;
    int error = ss_files_begin(day, name, &fd);
    if (error == 0) {
        error = ss_packets_write(packets, comment, fd, &store->writer);
        if (error == 0)
            error = ss_files_commit(&store->files, day, name, fd);
        else
            ss_files_abandon(day, name, fd);
    }
    free(comment);
    return error;
}

/* Writes what there is of the flow's packets; the record then says where. */
static int write_packets(struct ss_store *store, int day, const char *day_name, struct ss_store_flow *flow,
                         char path[PATH_BYTES], int64_t now_ns)
{
    struct ss_record *record = &flow->record;
    const struct ss_history_record **sorted = calloc(flow->packet_count + 1, sizeof(*sorted));
    char id[SS_ID_TEXT_MAX];
    int error = 0;

    if (sorted == NULL)
        return -ENOMEM;
    struct ss_packets packets = {.sorted = sorted,
                                 .count = ss_packets_sort(flow->packets, flow->packet_count, sorted),
                                 .finding = record->finding,
                                 .interfaces = store->config.interfaces,
                                 .interface_count = store->config.interface_count,
                                 .headers_only = store->config.headers_only};
    record->has_packets = true;
    record->packets = packets.count;
    record->packets_missing = flow->packets_missing;
    if (packets.count > 0 && !rate_allows(store, now_ns)) {
        store->counters.rate_limited++;
        record->has_packets = false; /* they say what is in the file */
    } else if (packets.count > 0) {
        snprintf(path, PATH_BYTES, "%s/%s.pcapng", day_name, ss_finding_id(record->finding, id));
        record->pcapng = path;
        error = place_pcapng(store, day, path + strlen(day_name) + 1, record, &packets);
    }
    free(sorted);
    return error;
}

static int note_error(struct ss_store *store, int error, uint64_t *counter)
{
    if (error != 0) {
        ++*counter;
        store->counters.last_errno = -error;
    }
    return error;
}

static int write_flow(struct ss_store *store, int day, const char *day_name, struct ss_store_flow *flow,
                      int64_t now_ns)
{
    struct ss_store_counters *counters = &store->counters;
    char path[PATH_BYTES];
    int pcapng_error =
        note_error(store, write_packets(store, day, day_name, flow, path, now_ns), &counters->pcapng_errors);

    if (pcapng_error != 0) {
        flow->record.pcapng = NULL;
        flow->record.has_packets = false;
    }
    counters->pcapngs += flow->record.pcapng != NULL;
    int error = note_error(store, append_record(store, day, &flow->record), &counters->record_errors);
    counters->records += error == 0;
    flow->record.pcapng = NULL; /* path ends here */
    return pcapng_error != 0 ? pcapng_error : error;
}

static void keep_quota(struct ss_store *store, const char *day_name, int64_t now_ns)
{
    char today[SS_FILES_DAY_MAX];

    day_of(now_ns, today);
    if (store->config.quota_bytes > 0) {
        int error = ss_files_trim(&store->files, store->config.quota_bytes, today, day_name, now_ns);
        if (error != 0)
            store->counters.last_errno = -error;
    }
    store->counters.quota_removed = store->files.removed;
    store->counters.bytes = store->files.bytes;
}

int ss_store_write(struct ss_store *store, struct ss_store_flow *flow, int64_t now_ns)
{
    char day_name[SS_FILES_DAY_MAX];
    int day;

    flow->record.pcapng = NULL;
    flow->record.has_packets = false;
    day_of(flow->record.finding->start_ns, day_name);
    int error = ss_files_day(&store->files, day_name, &day);
    if (error != 0)
        return note_error(store, error, &store->counters.record_errors);
    error = write_flow(store, day, day_name, flow, now_ns);
    close(day);
    keep_quota(store, day_name, now_ns);
    return error;
}

int ss_store_unmatched(struct ss_store *store, const char *sensor, const struct ss_event *event,
                       enum ss_unmatched reason, const struct ss_unmatched_note *note)
{
    char day_name[SS_FILES_DAY_MAX];
    int day;

    /* The journal's own time: that of the event is the proxy's word. */
    day_of(event->logged_ns > 0 ? event->logged_ns : event->time_ns, day_name);
    char *line =
        ss_unmatched_json(sensor, event, ss_unmatched_name(reason), ss_unmatched_about(reason), note);
    int error = line == NULL ? -ENOMEM : ss_files_day(&store->files, day_name, &day);
    if (error == 0) {
        error = ss_files_append(&store->files, day, SS_FILES_UNMATCHED, line);
        close(day);
    }
    free(line);
    store->counters.unmatched += error == 0;
    store->counters.bytes = store->files.bytes;
    return note_error(store, error, &store->counters.record_errors);
}
