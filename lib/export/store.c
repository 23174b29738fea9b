// SPDX-License-Identifier: BSD-3-Clause
#include "export/store.h"
#include "base/units.h"
#include "export/packets.h"
#include "export/rates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBE "write-test"

#define RESERVE_SHARE  64 /* of the file system, for records alone */
#define RESERVE_MAX    (64u << 20)
#define PACKET_BYTES   128                       /* a pcapng packet's block, besides its frame */
#define OVERHEAD_BYTES 8192                      /* the file's other blocks */
#define FAR_NS         (48 * 3600 * SS_NS_PER_S) /* of an entry from now */

_Static_assert(SS_ID_TEXT_MAX + sizeof(".pcapng") <= SS_FILES_NAME_MAX, "a flow's file name fits");

/* Flows whose records are to be appended to one day's file. */
struct ss_group {
    int day; /* its directory; -1: there is no group */
    char day_name[SS_FILES_DAY_MAX];
    struct ss_store_flow *flows[SS_STORE_GROUP]; /* borrowed */
    unsigned count, pcapngs;
    int64_t now_ns; /* of the latest */
};

struct ss_store {
    struct ss_store_config config;
    struct ss_store_counters counters;
    struct ss_files files;
    struct ss_pcapng writer;
    struct ss_rates rates;
    struct ss_group group;
    uint64_t unsynced; /* events in that day's unmatched.jsonl, */
    char unsynced_day[SS_FILES_DAY_MAX];
    int64_t unsynced_ns; /* the last of them written then */
    int sync_error;      /* of another day, since the last ss_store_sync */
};

/* ---- Life ---- */

/* Before the setting that names the directory. */
static const char *advice(int error)
{
    switch (error) {
    case -EACCES:
    case -EPERM:
        return "give the user that runs slowshake write access to it, or change";
    case -EROFS:
        return "remount it writable, or change";
    case -ENOSPC:
    case -EDQUOT:
        return "make room on its file system, or change";
    case -ENOTDIR:
    case -EEXIST:
        return "something else than a directory is in the way; change";
    default:
        return "check";
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

static void show_files(struct ss_store *store)
{
    store->counters.quota_removed = store->files.removed;
    store->counters.bytes = store->files.bytes;
    store->counters.found = store->files.found;
}

int ss_store_open(const struct ss_store_config *config, struct ss_store **ret_store, char *ret_why,
                  size_t why_bytes)
{
    struct ss_store *store = calloc(1, sizeof(*store));
    int error = -ENOMEM;

    if (store != NULL) {
        store->config = *config;
        store->config.directory = NULL; /* its copy is in files */
        store->files.root = store->group.day = -1;
        error = ss_files_open(&store->files, config->directory);
    }
    if (error == 0)
        error = probe(&store->files);
    if (error != 0) {
        snprintf(ret_why, why_bytes, "cannot write to %s: %s; %s %s", config->directory, strerror(-error),
                 advice(error), config->setting != NULL ? config->setting : "export.directory");
        ss_store_close(store);
        return error;
    }
    show_files(store);
    *ret_store = store;
    return 0;
}

void ss_store_close(struct ss_store *store)
{
    if (store == NULL)
        return;
    ss_store_sync(store);
    ss_files_close(&store->files);
    free(store);
}

const struct ss_store_counters *ss_store_counters(const struct ss_store *store)
{
    return &store->counters;
}

/* ---- What is not written ---- */

static enum ss_unwritten reason_of(int error)
{
    switch (error) {
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
        return SS_UNWRITTEN_NO_SPACE;
    case -EROFS:
    case -EACCES:
    case -EPERM:
        return SS_UNWRITTEN_NOT_WRITABLE;
    case -ELOOP:
    case -ENOTDIR:
    case -EISDIR:
    case -EEXIST:
    case -ENOTEMPTY:
    case -EINVAL: /* see files.c: no regular file */
        return SS_UNWRITTEN_IN_THE_WAY;
    default:
        return SS_UNWRITTEN_DISK_ERROR;
    }
}

static int note_error(struct ss_store *store, int error, uint64_t unwritten[SS_UNWRITTEN_COUNT])
{
    if (error != 0) {
        unwritten[reason_of(error)]++;
        store->counters.last_errno = -error;
    }
    return error;
}

/* Whether the disk is too full for that many bytes and the records to come. */
static bool is_reserved(int day, uint64_t bytes)
{
    uint64_t room, size;

    if (ss_files_room(day, &room, &size) != 0)
        return false;
    uint64_t reserve = size / RESERVE_SHARE < RESERVE_MAX ? size / RESERVE_SHARE : RESERVE_MAX;
    return room < bytes + reserve;
}

static uint64_t bytes_of_packets(const struct ss_packets *packets)
{
    uint64_t bytes = OVERHEAD_BYTES;

    for (size_t i = 0; i < packets->count; i++)
        bytes += packets->sorted[i]->captured + PACKET_BYTES;
    return bytes;
}

/* ---- One flow ---- */

static void day_of(int64_t ns, char ret_day[SS_FILES_DAY_MAX])
{
    char time[SS_TIME_TEXT_MAX];
    ss_time_format(ns, time);
    memcpy(ret_day, time, SS_FILES_DAY_MAX - 1);
    ret_day[SS_FILES_DAY_MAX - 1] = '\0';
}

/* Of the pcapng, in its day. */
static const char *name_of(const struct ss_store_flow *flow)
{
    return flow->path + SS_FILES_DAY_MAX;
}

/* The packets' file, complete and synced before it has its name. */
static int place_pcapng(struct ss_store *store, struct ss_store_flow *flow, const struct ss_packets *packets)
{
    int day = store->group.day;
    char *comment = ss_record_json(&flow->record);
    int fd;

    if (comment == NULL)
        return -ENOMEM;
    int error = ss_files_begin(day, name_of(flow), &fd);
    if (error == 0) {
        error = ss_packets_write(packets, comment, fd, &store->writer);
        if (error == 0)
            error = ss_files_commit(&store->files, day, name_of(flow), fd, &flow->is_new);
        else
            ss_files_abandon(day, name_of(flow), fd);
    }
    free(comment);
    return error;
}

static bool has_pcapng(const struct ss_store *store, const struct ss_store_flow *flow)
{
    return ss_files_bytes(store->group.day, name_of(flow)) > 0;
}

/* Whether the flow gets its pcapng file. One that has it already takes nothing more of the rates. */
static enum ss_unwritten decide(struct ss_store *store, const struct ss_store_flow *flow,
                                const struct ss_packets *packets)
{
    const struct ss_record *record = &flow->record;
    uint64_t bytes = bytes_of_packets(packets), share = store->config.quota_bytes / SS_FILES_SHARE;

    if (share > 0 && bytes > share)
        return SS_UNWRITTEN_QUOTA;
    if (is_reserved(store->group.day, bytes))
        return SS_UNWRITTEN_RESERVE;
    if (has_pcapng(store, flow))
        return SS_UNWRITTEN_NOT;
    return ss_rates_take(&store->rates, store->config.rate, ss_record_opinion(record).verdict,
                         &record->finding->client.ip, store->group.now_ns);
}

static void skip_pcapng(struct ss_record *record, enum ss_unwritten reason)
{
    record->pcapng = NULL;
    record->has_packets = false; /* they say what is in the file */
    record->pcapng_skipped = ss_unwritten_name(reason);
}

static int place_packets(struct ss_store *store, struct ss_store_flow *flow, const struct ss_packets *packets)
{
    struct ss_record *record = &flow->record;

    if (flow->is_end && !has_pcapng(store, flow))
        return 0;
    enum ss_unwritten reason = decide(store, flow, packets);
    if (reason != SS_UNWRITTEN_NOT) {
        store->counters.pcapngs_unwritten[reason] += !flow->is_end;
        skip_pcapng(record, reason);
        return 0;
    }
    record->pcapng = flow->path;
    int error = place_pcapng(store, flow, packets);
    if (error != 0)
        skip_pcapng(record, reason_of(error));
    else
        store->counters.pcapngs++;
    return note_error(store, error, store->counters.pcapngs_unwritten);
}

/* Writes what there is of the flow's packets; the record then says where, or why not. */
static int write_packets(struct ss_store *store, struct ss_store_flow *flow)
{
    struct ss_record *record = &flow->record;
    const struct ss_history_record **sorted = calloc(flow->packet_count + 1, sizeof(*sorted));
    int error = 0;

    if (sorted == NULL)
        return note_error(store, -ENOMEM, store->counters.pcapngs_unwritten);
    struct ss_packets packets = {.sorted = sorted,
                                 .count = ss_packets_sort(flow->packets, flow->packet_count, sorted),
                                 .finding = record->finding,
                                 .interfaces = store->config.interfaces,
                                 .interface_count = store->config.interface_count,
                                 .headers_only = store->config.headers_only,
                                 .settings = store->config.packet};
    record->has_packets = true;
    record->packets = packets.count;
    record->packets_missing = flow->packets_missing;
    if (packets.count > 0)
        error = place_packets(store, flow, &packets);
    free(sorted);
    return error;
}

/* The flow's new pcapng goes again: its record goes on without it. */
static void withdraw_pcapng(struct ss_store *store, struct ss_store_flow *flow, int error)
{
    ss_files_revoke(&store->files, store->group.day, name_of(flow));
    store->counters.pcapngs--;
    note_error(store, error, store->counters.pcapngs_unwritten);
    skip_pcapng(&flow->record, reason_of(error));
}

static int append_lines(struct ss_store *store, const char *lines)
{
    int error =
        ss_files_turn_over(&store->files, store->group.day, store->config.quota_bytes, strlen(lines) + 1);
    if (error != 0)
        store->counters.last_errno = -error; /* they are written all the same */
    return ss_files_append(&store->files, store->group.day, SS_FILES_FLOWS, lines, SS_FILES_NOW);
}

static int append_record(struct ss_store *store, const struct ss_record *record)
{
    char *line = ss_record_json(record);
    if (line == NULL)
        return -ENOMEM;
    int error = append_lines(store, line);
    free(line);
    return error;
}

/* By itself. Where the disk takes only one of the two, it is the record. */
static int write_record(struct ss_store *store, struct ss_store_flow *flow)
{
    int error = append_record(store, &flow->record);

    if (error != 0 && flow->record.pcapng != NULL && flow->is_new) {
        withdraw_pcapng(store, flow, error);
        error = append_record(store, &flow->record);
    }
    return error;
}

/* ---- A group of flows ---- */

static bool may_join(const struct ss_group *group, const struct ss_store_flow *flow)
{
    if (group->count == SS_STORE_GROUP || group->pcapngs == SS_STORE_PCAPNGS ||
        strncmp(group->day_name, flow->path, SS_FILES_DAY_MAX - 1) != 0)
        return false;
    /* A further revision replaces a file whose record has to be on disk. */
    for (unsigned i = 0; i < group->count; i++) {
        if (strcmp(group->flows[i]->path, flow->path) == 0)
            return false;
    }
    return true;
}

/* A new file whose name may not last goes again. One that took the place of an earlier record's stays: under
 * that name there is always a whole file of the flow. */
static void sync_names(struct ss_store *store)
{
    struct ss_group *group = &store->group;
    int error = group->pcapngs > 0 ? ss_files_sync_names(group->day) : 0;

    if (error == 0)
        return;
    store->counters.last_errno = -error;
    for (unsigned i = 0; i < group->count; i++) {
        struct ss_store_flow *flow = group->flows[i];
        if (flow->record.pcapng == NULL)
            continue;
        flow->error = error;
        if (flow->is_new)
            withdraw_pcapng(store, flow, error);
    }
}

/* The records' lines, a newline between two. NULL: no memory. */
static char *print_records(const struct ss_group *group)
{
    char *text = NULL;
    size_t bytes;
    FILE *lines = open_memstream(&text, &bytes);
    bool is_whole = lines != NULL;

    for (unsigned i = 0; i < group->count && is_whole; i++) {
        char *line = ss_record_json(&group->flows[i]->record);
        is_whole = line != NULL && fprintf(lines, "%s%s", i > 0 ? "\n" : "", line) > 0;
        free(line);
    }
    if (lines != NULL && fclose(lines) != 0)
        is_whole = false;
    if (is_whole)
        return text;
    free(text);
    return NULL;
}

/* All or none: where they are more than what flows.jsonl may have, none. */
static int append_records(struct ss_store *store)
{
    uint64_t share = store->config.quota_bytes / SS_FILES_SHARE;
    char *lines = print_records(&store->group);
    if (lines == NULL)
        return -ENOMEM;
    int error = share > 0 && strlen(lines) >= share ? -EDQUOT : append_lines(store, lines);
    free(lines);
    return error;
}

static void write_records(struct ss_store *store)
{
    struct ss_group *group = &store->group;
    bool is_done = group->count > 1 && append_records(store) == 0;

    for (unsigned i = 0; i < group->count; i++) {
        struct ss_store_flow *flow = group->flows[i];
        int error = is_done ? 0 : write_record(store, flow);
        note_error(store, error, store->counters.records_unwritten);
        if (flow->record.pcapng != NULL)
            ss_files_settle(group->day, name_of(flow));
        flow->is_written = error == 0;
        store->counters.records += error == 0;
        if (flow->error == 0)
            flow->error = error;
    }
}

/* name: what was just written to that day. */
static void keep_quota(struct ss_store *store, const char *day, const char *name, int64_t now_ns)
{
    char today[SS_FILES_DAY_MAX];
    const struct ss_files_kept kept = {today, day, name};

    day_of(now_ns, today);
    if (store->config.quota_bytes > 0) {
        int error = ss_files_trim(&store->files, store->config.quota_bytes, &kept, now_ns);
        if (error != 0)
            store->counters.last_errno = -error;
    }
    show_files(store);
}

static void end_group(struct ss_store *store)
{
    struct ss_group *group = &store->group;

    if (group->day < 0)
        return;
    sync_names(store);
    write_records(store);
    close(group->day);
    keep_quota(store, group->day_name, group->count > 0 ? name_of(group->flows[group->count - 1]) : "",
               group->now_ns);
    group->day = -1;
    group->count = group->pcapngs = 0;
}

static int begin_group(struct ss_store *store, const struct ss_store_flow *flow)
{
    struct ss_group *group = &store->group;

    if (group->day >= 0)
        return 0;
    snprintf(group->day_name, SS_FILES_DAY_MAX, "%.*s", SS_FILES_DAY_MAX - 1, flow->path);
    return ss_files_day(&store->files, group->day_name, &group->day);
}

/* What the record says of its pcapng is the store's to say. */
static void begin_flow(struct ss_store_flow *flow)
{
    char day_name[SS_FILES_DAY_MAX], id[SS_ID_TEXT_MAX];

    flow->record.pcapng = flow->record.pcapng_skipped = NULL;
    flow->record.has_packets = flow->is_written = flow->is_new = false;
    day_of(flow->record.finding->start_ns, day_name);
    snprintf(flow->path, sizeof(flow->path), "%s/%s.pcapng", day_name,
             ss_finding_id(flow->record.finding, id));
}

void ss_store_write(struct ss_store *store, struct ss_store_flow *flow, int64_t now_ns)
{
    struct ss_group *group = &store->group;

    begin_flow(flow);
    if (!may_join(group, flow))
        end_group(store);
    flow->error = note_error(store, begin_group(store, flow), store->counters.records_unwritten);
    if (flow->error != 0)
        return;
    group->now_ns = now_ns;
    flow->error = write_packets(store, flow);
    if (flow->is_end && flow->record.pcapng == NULL) {
        store->counters.ends_left_out += flow->error == 0;
        note_error(store, flow->error, store->counters.records_unwritten);
        return;
    }
    group->pcapngs += flow->record.pcapng != NULL;
    group->flows[group->count++] = flow;
}

/* ---- One event ---- */

static bool is_share_used_up(const struct ss_store *store, int day)
{
    uint64_t share = store->config.quota_bytes / SS_FILES_UNMATCHED_SHARE;
    return share > 0 && ss_files_bytes(day, SS_FILES_UNMATCHED) >= share;
}

static int append_unmatched(struct ss_store *store, int day, const char *line)
{
    if (is_share_used_up(store, day)) {
        store->counters.unmatched_unwritten[SS_UNWRITTEN_QUOTA]++;
        return -EDQUOT;
    }
    int error = ss_files_append(&store->files, day, SS_FILES_UNMATCHED, line, SS_FILES_LATER);
    return note_error(store, error, store->counters.unmatched_unwritten);
}

/* Those that could not be synced count as not written, all of them. */
static void sync_day(struct ss_store *store)
{
    int day = store->unsynced > 0 ? ss_files_open_day(&store->files, store->unsynced_day) : -1;
    int error = day >= 0 ? ss_files_sync(day, SS_FILES_UNMATCHED) : day;

    if (day >= 0)
        close(day);
    if (store->unsynced > 0 && error != 0) {
        store->counters.unmatched_unwritten[reason_of(error)] += store->unsynced;
        store->counters.last_errno = -error;
        store->sync_error = error;
    } else {
        store->counters.unmatched += store->unsynced;
    }
    if (store->unsynced > 0)
        keep_quota(store, store->unsynced_day, "", store->unsynced_ns);
    store->unsynced = 0;
}

int ss_store_sync(struct ss_store *store)
{
    end_group(store);
    sync_day(store);
    int error = store->sync_error;
    store->sync_error = 0;
    return error;
}

static void note_unsynced(struct ss_store *store, const char *day_name, int64_t now_ns)
{
    if (strcmp(day_name, store->unsynced_day) != 0)
        sync_day(store);
    memcpy(store->unsynced_day, day_name, SS_FILES_DAY_MAX);
    store->unsynced++;
    store->unsynced_ns = now_ns;
}

/* When the journal took the entry: the event's own time is the proxy's word. Where that is far from now it is
 * a sender's word too, who shall not make days as it likes. */
static int64_t entry_ns(const struct ss_event *event, int64_t now_ns)
{
    int64_t ns = event->logged_ns > 0 ? event->logged_ns : event->time_ns;
    return ns < now_ns - FAR_NS || ns > now_ns + FAR_NS ? now_ns : ns;
}

int ss_store_unmatched(struct ss_store *store, const char *sensor, const struct ss_event *event,
                       enum ss_unmatched reason, const struct ss_unmatched_note *note, int64_t now_ns)
{
    char day_name[SS_FILES_DAY_MAX];
    int day;

    day_of(entry_ns(event, now_ns), day_name);
    char *line =
        ss_unmatched_json(sensor, event, ss_unmatched_name(reason), ss_unmatched_about(reason), note);
    int error = line == NULL ? -ENOMEM : ss_files_day(&store->files, day_name, &day);
    if (error == 0) {
        error = append_unmatched(store, day, line);
        close(day);
    } else {
        note_error(store, error, store->counters.unmatched_unwritten);
    }
    free(line);
    if (error == 0)
        note_unsynced(store, day_name, now_ns);
    show_files(store);
    return error;
}
