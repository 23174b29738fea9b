// SPDX-License-Identifier: BSD-3-Clause

#include "read/results.h"

#include "base/units.h"
#include "export/store.h"
#include "join/join.h"
#include "journal/journal.h"
#include "read/origins.h"
#include "read/table.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 16384 /* events that wait for their host's clock to be learned */
#define SECONDS_MAX 65536 /* of which the mirror's loss is known */
#define PORTS_MAX   256   /* in one flow's file: the store takes no more */

/* News of one connection: judged (with a finding), judged again, ended. Merged by ss_results_show. */
struct item {
    struct ss_news news;
    struct ss_analyzer *analyzer;
    struct ss_finding *finding; /* NULL: only says that the connection ended */
    struct ss_event *event;     /* the proxy's report; NULL: none */
    size_t order;               /* of arrival */
};

struct ss_results {
    const struct ss_read_options *options;
    const struct ss_config *config;
    struct item *items;
    size_t count, room;
    struct ss_mirror_second seconds[SECONDS_MAX];
    struct ss_mirror_loss mirror_loss;
    struct ss_join *join;
    struct ss_config_journal settings[SS_JOURNALS_MAX];
    struct ss_journal *journals[SS_JOURNALS_MAX];
    struct ss_origins *origins;
    struct ss_store *store;
    int status;
};

static unsigned journal_count(const struct ss_results *results)
{
    return results->options->journal_count;
}

struct ss_results *ss_results_create(const struct ss_read_options *options, const struct ss_config *config)
{
    struct ss_results *results = calloc(1, sizeof(*results));

    if (results != NULL) {
        results->options = options;
        results->config = config;
        ss_mirror_loss_init(&results->mirror_loss, results->seconds, SECONDS_MAX);
    }
    return results;
}

void ss_results_free(struct ss_results *results)
{
    if (results == NULL)
        return;
    for (size_t i = 0; i < results->count; i++) {
        free(results->items[i].finding);
        free(results->items[i].event);
    }
    free(results->items);
    for (unsigned i = 0; i < journal_count(results); i++)
        ss_journal_close(results->journals[i]);
    ss_join_free(results->join);
    ss_origins_free(results->origins);
    ss_store_close(results->store);
    free(results);
}

/* A handshake that may have to be shown: any that is flagged, or that a journal may yet flag. */
static bool is_wanted(const struct ss_results *results, const struct ss_news *news)
{
    return news->is_tls && (news->flags != 0 || results->options->all || journal_count(results) > 0);
}

bool ss_results_add(struct ss_results *results, const struct ss_news *news, struct ss_analyzer *analyzer)
{
    struct item item = {.news = *news, .analyzer = analyzer, .order = results->count};

    if (news->kind == SS_NEWS_SECOND)
        ss_mirror_loss_add(&results->mirror_loss, &news->mirror);
    if (news->kind == SS_NEWS_SECOND || !is_wanted(results, news))
        return true;
    if (news->kind == SS_NEWS_JUDGED) {
        const struct ss_finding *finding = ss_analyzer_finding(analyzer, news->note);
        item.finding = finding == NULL ? NULL : malloc(sizeof(*finding));
        if (item.finding == NULL)
            return false;
        *item.finding = *finding;
    }
    if (results->count == results->room) {
        size_t room = results->room == 0 ? 1024 : results->room * 2;
        struct item *items = realloc(results->items, room * sizeof(*items));
        if (items == NULL)
            return false;
        results->items = items;
        results->room = room;
    }
    results->items[results->count++] = item;
    return true;
}

/* ---- in the order of their start */

static int compare_connection(const struct ss_news *a, const struct ss_news *b)
{
    int order;

    if (a->start_ns != b->start_ns)
        return a->start_ns < b->start_ns ? -1 : 1;
    if ((order = memcmp(&a->client.ip, &b->client.ip, sizeof(a->client.ip))) != 0)
        return order;
    if (a->client.port != b->client.port)
        return a->client.port < b->client.port ? -1 : 1;
    if ((order = memcmp(&a->server.ip, &b->server.ip, sizeof(a->server.ip))) != 0)
        return order;
    if (a->server.port != b->server.port)
        return a->server.port < b->server.port ? -1 : 1;
    return (a->network > b->network) - (a->network < b->network);
}

static int compare_items(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    int order = compare_connection(&a->news, &b->news);

    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

/* One item a connection: its newest finding, and how many packets it had when it ended. */
static void merge(struct ss_results *results)
{
    size_t kept = 0;

    if (results->count == 0)
        return;
    qsort(results->items, results->count, sizeof(struct item), compare_items);
    for (size_t i = 0; i < results->count; i++) {
        struct item *item = &results->items[i];
        struct item *last = kept > 0 ? &results->items[kept - 1] : NULL;
        if (last == NULL || compare_connection(&last->news, &item->news) != 0) {
            results->items[kept++] = *item;
            continue;
        }
        if (item->finding != NULL) {
            free(last->finding);
            last->finding = item->finding;
            last->news.flags = item->news.flags;
        }
        last->news.note = item->news.note;
        last->news.packets = item->news.packets;
    }
    results->count = kept;
}

/* ---- joined with the journals */

static void take_unmatched(struct ss_results *results, const struct ss_event *event, enum ss_unmatched reason)
{
    struct ss_unmatched_note note = {.age_ns = -1, .missed_by_ns = -1};

    if (reason == SS_UNMATCHED_AMBIGUOUS)
        note.candidates = ss_join_candidates(results->join, event);
    if (results->store != NULL && ss_store_unmatched(results->store, results->config->sensor, event, reason,
                                                     &note, event->logged_ns) != 0)
        results->status = EXIT_FAILURE;
}

/* Of several events the longest: those of later requests on a connection tell less. */
static void attach(struct ss_results *results, const struct ss_join_flow *flow, const struct ss_event *event)
{
    struct item key = {.news = flow->news};
    size_t low = 0, high = results->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_connection(&results->items[middle].news, &key.news) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct item *item = &results->items[low];
    if (item->event == NULL && (item->event = malloc(sizeof(*event))) != NULL)
        *item->event = *event;
    else if (item->event != NULL && event->duration_ns > item->event->duration_ns)
        *item->event = *event;
}

/* A journal's settings: those that the configuration has for it, or HAProxy's lines. */
static struct ss_config_journal settings_of(const struct ss_results *results, unsigned index)
{
    static char *no_matches[] = {NULL};
    const struct ss_config *config = results->config;
    struct ss_config_journal settings = {.matches = no_matches,
                                         .format = SS_FORMAT_HAPROXY,
                                         .slack_ns = 2 * SS_NS_PER_S,
                                         .hold_ns = 30 * SS_NS_PER_S};

    if (config->journal_count > 0)
        settings = config->journals[index < config->journal_count ? index : config->journal_count - 1];
    settings.directory = (char *)(uintptr_t)results->options->journals[index];
    settings.cursor_file = NULL;
    return settings;
}

/* "Nothing more now" may only mean that one call has done enough work: then the journal's fd says so. */
static bool has_more(struct ss_journal *journal)
{
    struct pollfd fd = {.fd = ss_journal_fd(journal), .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

static void take_events(struct ss_results *results, struct ss_journal *journal)
{
    struct ss_join_flow *flow;
    enum ss_unmatched reason;
    struct ss_event event;
    int got;

    while ((got = ss_journal_next(journal, &event)) > 0 || (got == 0 && has_more(journal))) {
        if (got == 0)
            continue;
        switch (ss_join_add_event(results->join, &event, event.logged_ns, event.logged_ns, &flow, &reason)) {
        case SS_JOIN_MATCHED:
            attach(results, flow, &event);
            break;
        case SS_JOIN_UNMATCHED:
            take_unmatched(results, &event, reason);
            break;
        case SS_JOIN_WAITING:
            break;
        }
    }
}

/* Events that wait for their host's clock to be learned: now it is, or never will be. */
static void take_waiting(struct ss_results *results)
{
    struct ss_join_flow *flow;
    enum ss_unmatched reason;
    struct ss_event event;

    while (ss_join_expire(results->join, SS_JOIN_FOREVER, &event, &flow, &reason)) {
        if (flow != NULL)
            attach(results, flow, &event);
        else
            take_unmatched(results, &event, reason);
    }
}

static int open_journals(struct ss_results *results)
{
    char why[256];

    for (unsigned i = 0; i < journal_count(results); i++) {
        results->settings[i] = settings_of(results, i);
        if (ss_journal_open(&results->settings[i], i, true, &results->journals[i], why, sizeof(why)) != 0) {
            fprintf(stderr, "slowshake read: %s\n", why);
            return EXIT_FAILURE;
        }
    }
    return 0;
}

/* What an operator would find in telemetry. */
static void warn_of_entries(const char *directory, const struct ss_journal_counters *counters)
{
    uint64_t events = counters->results[SS_FORMAT_EVENT];

    if (counters->errors > 0)
        fprintf(stderr, "slowshake read: warning: %s: %" PRIu64 " entries or files could not be read\n",
                directory, counters->errors);
    if (counters->entries == events)
        return;
    fprintf(stderr,
            "slowshake read: warning: %s: %" PRIu64 " of %" PRIu64 " entries are no events:", directory,
            counters->entries - events, counters->entries);
    for (unsigned i = 0; i < SS_FORMAT_RESULT_COUNT; i++) {
        if (i != SS_FORMAT_EVENT && counters->results[i] > 0)
            fprintf(stderr, " %" PRIu64 " %s", counters->results[i],
                    ss_format_result_name((enum ss_format_result)i));
    }
    fputc('\n', stderr);
}

static void warn_of_unmatched(const struct ss_join_counters *counters)
{
    if (counters->events == counters->matched)
        return;
    fprintf(stderr, "slowshake read: warning: %" PRIu64 " of %" PRIu64 " events found no handshake:",
            counters->events - counters->matched, counters->events);
    for (unsigned i = 0; i < SS_UNMATCHED_COUNT; i++) {
        if (counters->unmatched[i] > 0)
            fprintf(stderr, " %" PRIu64 " %s", counters->unmatched[i],
                    ss_unmatched_name((enum ss_unmatched)i));
    }
    fputc('\n', stderr);
}

static void read_journal(struct ss_results *results, unsigned index)
{
    const struct ss_config_journal *settings = &results->settings[index];

    ss_join_set_source(results->join, index, settings->slack_ns, settings->hold_ns);
    take_events(results, results->journals[index]);
    warn_of_entries(settings->directory, ss_journal_counters(results->journals[index]));
}

static int join_journals(struct ss_results *results)
{
    if (journal_count(results) == 0)
        return 0;
    if (ss_join_create(results->count + 1, WAITING_MAX, 0, &results->join) != 0) {
        fprintf(stderr, "slowshake read: no memory for the join\n");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < results->count; i++)
        ss_join_add_flow(results->join, &results->items[i].news, 0);
    for (unsigned i = 0; i < journal_count(results); i++)
        read_journal(results, i);
    take_waiting(results);
    warn_of_unmatched(ss_join_counters(results->join));
    return 0;
}

/* ---- shown and written */

static int open_store(struct ss_results *results)
{
    struct ss_store_config wanted = {.directory = results->options->out,
                                     .setting = "--out",
                                     .quota_bytes = results->config->quota_bytes,
                                     .rate = UINT32_MAX, /* nothing else waits for the disk here */
                                     .headers_only = results->config->headers_only,
                                     .packet = &results->config->packet};
    char why[256];

    if (results->options->out == NULL)
        return 0;
    if (ss_store_open(&wanted, &results->store, why, sizeof(why)) == 0)
        return 0;
    fprintf(stderr, "slowshake read: %s\n", why);
    return EXIT_FAILURE;
}

/* The place of a key among those known, where it may be added. */
static uint16_t place_of(uint32_t key, uint32_t known[PORTS_MAX], uint16_t *known_count)
{
    uint16_t k = 0;

    while (k < *known_count && known[k] != key)
        k++;
    if (k == *known_count && k < PORTS_MAX)
        known[(*known_count)++] = key;
    return k;
}

/* One port for each interface and link type that the flow came by, in the order of its first packet there:
 * each of the files numbers its own interfaces, and may have many. */
static void number_ports(struct ss_history_record *packets, size_t count)
{
    uint32_t known[PORTS_MAX];
    uint16_t known_count = 0;

    for (size_t i = count; i-- > 0;) /* the newest is the first */
        packets[i].port = place_of((uint32_t)packets[i].port << 8 | packets[i].link, known, &known_count);
}

/* path becomes the record's pcapng, where one is written. */
static void write_flow(struct ss_results *results, struct ss_record *record, struct item *item,
                       char path[SS_STORE_PATH_MAX])
{
    struct ss_store_flow flow = {.record = *record};
    struct ss_history_record *packets = calloc(item->news.packets + 1, sizeof(*packets));
    struct ss_export_cursor cursor;

    if (packets == NULL || !ss_export_begin(item->analyzer, item->news.note, &cursor)) {
        free(packets);
        packets = NULL;
    } else {
        while (flow.packet_count < item->news.packets &&
               ss_export_next(item->analyzer, &cursor, &packets[flow.packet_count]))
            flow.packet_count++;
    }
    flow.packets = packets;
    number_ports(packets, flow.packet_count);
    flow.packets_missing = item->news.packets - flow.packet_count;
    ss_store_write(results->store, &flow, record->finding->start_ns);
    int error = ss_store_sync(results->store);
    if (flow.error != 0)
        error = flow.error;
    if (error != 0) {
        fprintf(stderr, "slowshake read: %s: %s\n", results->options->out, strerror(-error));
        results->status = EXIT_FAILURE;
    }
    *record = flow.record;
    if (record->pcapng != NULL)
        record->pcapng = memcpy(path, flow.path, sizeof(flow.path));
    free(packets);
}

static void show_item(struct ss_results *results, struct item *item, struct ss_table *table)
{
    struct ss_record record = {
        .finding = item->finding,
        .sensor = results->config->sensor,
        .event = item->event,
        .mirror_loss_ppm = ss_mirror_loss_ppm(&results->mirror_loss, item->news.start_ns, item->news.end_ns),
        .has_packets = true,
        .packets = item->news.packets};
    char path[SS_STORE_PATH_MAX];

    if (results->origins != NULL)
        record.origin = ss_origins_find(results->origins, &item->finding->client.ip);
    if (item->event != NULL)
        record.clock_offset_ns = ss_join_offset(results->join, item->event->host);
    bool is_flagged = item->finding->flags != 0 || item->event != NULL;
    if (is_flagged && results->store != NULL)
        write_flow(results, &record, item, path);
    if (!is_flagged && !results->options->all)
        return;
    if (!results->options->json) {
        ss_table_row(table, &record);
        return;
    }
    char *line = ss_record_json(&record);
    if (line == NULL) {
        fprintf(stderr, "slowshake read: no memory for a record\n");
        results->status = EXIT_FAILURE;
        return;
    }
    puts(line);
    free(line);
}

/* What the output may name and is no longer there is said. */
static void finish_store(struct ss_results *results)
{
    char quota[SS_DURATION_TEXT_MAX];

    if (ss_store_sync(results->store) != 0)
        results->status = EXIT_FAILURE;
    uint64_t removed = ss_store_counters(results->store)->quota_removed;
    if (removed > 0)
        fprintf(stderr, "slowshake read: warning: %s: %" PRIu64 " files were removed for export.quota, %s\n",
                results->options->out, removed, ss_size_format(results->config->quota_bytes, quota));
}

int ss_results_open(struct ss_results *results)
{
    int status;

    if ((status = open_store(results)) == 0 && (status = open_journals(results)) == 0)
        status = ss_origins_of_config(results->config, &results->origins);
    return status;
}

int ss_results_show(struct ss_results *results, bool whole)
{
    struct ss_table table = {.out = stdout};

    merge(results);
    if (join_journals(results) != 0)
        return EXIT_FAILURE;
    for (size_t i = 0; i < results->count; i++)
        show_item(results, &results->items[i], &table);
    if (results->store != NULL)
        finish_store(results);
    if (!results->options->json && whole)
        ss_table_end(&table, results->options->all);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "slowshake read: standard output: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return results->status;
}
