// SPDX-License-Identifier: BSD-3-Clause
#include "export/ledger.h"
#include "base/units.h"
#include "export/files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUCKETS (2 * SS_LEDGER_ENTRIES) /* half of them used: short runs */
#define HASH    0xcbf29ce484222325u     /* FNV-1a, 64 bits */

struct ss_ledger {
    uint64_t names[SS_LEDGER_ENTRIES];       /* in the order of arrival, as a ring */
    int64_t durations_ns[SS_LEDGER_ENTRIES]; /* of those that are flows: what the proxy reported */
    uint64_t added;
    uint32_t buckets[BUCKETS]; /* place + 1 in names; 0: empty. Linear probing */
};

struct ss_ledger *ss_ledger_create(void)
{
    return calloc(1, sizeof(struct ss_ledger)); /* pages that are not used cost nothing */
}

void ss_ledger_free(struct ss_ledger *ledger)
{
    free(ledger);
}

/* ---- Names ---- */

static uint64_t hash_on(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u; /* where one text ends and the next begins counts */
}

/* Of "s=...;i=...;b=...;m=...;t=...;x=...", what follows the file's own number. */
static uint64_t name_of_entry(const char *cursor)
{
    const char *boot = strstr(cursor, ";b=");
    return hash_on(HASH, boot != NULL ? boot : cursor);
}

/* when: the proxy's time in steps of SS_LEDGER_NEAR_NS. */
static uint64_t name_of_flow(const char *host, const char *client_ip, long long client_port, int64_t when)
{
    char numbers[48];
    snprintf(numbers, sizeof(numbers), "%lld %" PRId64, client_port, when);
    return hash_on(hash_on(hash_on(HASH, host), client_ip), numbers);
}

/* ---- The table ---- */

static uint32_t bucket_of(uint64_t name)
{
    return (uint32_t)(name >> 32) % BUCKETS;
}

static uint32_t find(const struct ss_ledger *ledger, uint64_t name)
{
    uint32_t at = bucket_of(name);

    while (ledger->buckets[at] != 0 && ledger->names[ledger->buckets[at] - 1] != name)
        at = (at + 1) % BUCKETS;
    return at;
}

/* Linear probing without tombstones: what follows in the run moves up where it may. */
static void take_out(struct ss_ledger *ledger, uint64_t name)
{
    uint32_t hole = find(ledger, name);

    if (ledger->buckets[hole] == 0)
        return;
    for (uint32_t at = (hole + 1) % BUCKETS; ledger->buckets[at] != 0; at = (at + 1) % BUCKETS) {
        uint32_t home = bucket_of(ledger->names[ledger->buckets[at] - 1]);
        /* Between hole (not included) and at, around the end: it stands well where it is. */
        if ((at + BUCKETS - home) % BUCKETS < (at + BUCKETS - hole) % BUCKETS)
            continue;
        ledger->buckets[hole] = ledger->buckets[at];
        hole = at;
    }
    ledger->buckets[hole] = 0;
}

static bool add(struct ss_ledger *ledger, uint64_t name)
{
    if (ledger->buckets[find(ledger, name)] != 0)
        return false;
    uint32_t place = (uint32_t)(ledger->added % SS_LEDGER_ENTRIES);
    if (ledger->added >= SS_LEDGER_ENTRIES)
        take_out(ledger, ledger->names[place]);
    uint32_t at = find(ledger, name);
    ledger->names[place] = name;
    ledger->buckets[at] = place + 1;
    ledger->added++;
    return true;
}

bool ss_ledger_add(struct ss_ledger *ledger, const struct ss_event *event)
{
    return event->cursor[0] == '\0' || add(ledger, name_of_entry(event->cursor));
}

static void add_flow(struct ss_ledger *ledger, uint64_t name, int64_t duration_ns)
{
    bool is_new = add(ledger, name);
    int64_t *told_ns = &ledger->durations_ns[ledger->buckets[find(ledger, name)] - 1];

    if (is_new || duration_ns > *told_ns)
        *told_ns = duration_ns;
}

bool ss_ledger_is_told(const struct ss_ledger *ledger, const struct ss_event *event)
{
    int64_t when = event->time_ns / SS_LEDGER_NEAR_NS;
    char ip[SS_IP_TEXT_MAX];

    if (event->client.port == 0)
        return false;
    ss_ip_format(&event->client.ip, ip);
    for (int step = -1; step <= 1; step++) {
        uint64_t name = name_of_flow(event->host, ip, event->client.port, when + step);
        uint32_t place = ledger->buckets[find(ledger, name)];
        if (place != 0 && event->duration_ns <= ledger->durations_ns[place - 1])
            return true;
    }
    return false;
}

/* ---- What the disk says ---- */

static void load_flow(struct ss_ledger *ledger, const json_t *proxy, const json_t *client)
{
    const char *host = json_string_value(json_object_get(proxy, "host"));
    const char *ip = json_string_value(json_object_get(client, "ip"));
    const char *time = json_string_value(json_object_get(proxy, "time"));
    const json_t *port = json_object_get(client, "port"), *duration = json_object_get(proxy, "duration_ns");
    int64_t time_ns;

    if (host == NULL || ip == NULL || time == NULL || !ss_time_parse(time, strlen(time), &time_ns))
        return;
    add_flow(ledger, name_of_flow(host, ip, json_integer_value(port), time_ns / SS_LEDGER_NEAR_NS),
             json_is_integer(duration) ? json_integer_value(duration) : -1);
}

static uint64_t load_line(struct ss_ledger *ledger, const char *line, bool is_flow)
{
    json_t *object = strstr(line, "\"cursor\"") != NULL ? json_loads(line, 0, NULL) : NULL;
    const json_t *proxy = json_object_get(object, "proxy");
    const char *cursor = json_string_value(json_object_get(proxy, "cursor"));
    uint64_t added = cursor != NULL && add(ledger, name_of_entry(cursor));

    if (is_flow && proxy != NULL)
        load_flow(ledger, proxy, json_object_get(object, "client"));
    json_decref(object);
    return added;
}

/* Takes over fd. */
static uint64_t load_file(struct ss_ledger *ledger, int fd, int64_t bytes, bool is_flow)
{
    FILE *file = fdopen(fd, "r");
    char *line = NULL;
    size_t room = 0;
    uint64_t added = 0;

    if (file == NULL) {
        close(fd);
        return 0;
    }
    if (bytes > SS_LEDGER_TAIL_BYTES && fseeko(file, bytes - SS_LEDGER_TAIL_BYTES, SEEK_SET) == 0 &&
        getline(&line, &room, file) < 0) /* half a line */
        bytes = 0;
    while (bytes > 0 && getline(&line, &room, file) > 0)
        added += load_line(ledger, line, is_flow);
    free(line);
    fclose(file);
    return added;
}

static uint64_t load_lines(struct ss_ledger *ledger, int day, const char *name, int64_t since_ns)
{
    int fd = openat(day, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;

    if (fd < 0)
        return 0;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_mtim.tv_sec < since_ns / SS_NS_PER_S) {
        close(fd);
        return 0;
    }
    return load_file(ledger, fd, status.st_size, strcmp(name, SS_FILES_UNMATCHED) != 0);
}

uint64_t ss_ledger_load(struct ss_ledger *ledger, const char *directory, int64_t since_ns)
{
    struct ss_files *files = calloc(1, sizeof(*files));
    struct ss_files_days days = {0};
    uint64_t added = 0;

    if (files == NULL)
        return 0;
    files->root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->root >= 0)
        ss_files_list_days(files, &days);
    for (size_t i = 0; i < days.count; i++) {
        int fd = ss_files_open_day(files, days.names[i]);
        if (fd < 0)
            continue;
        added += load_lines(ledger, fd, SS_FILES_EARLIER, since_ns);
        added += load_lines(ledger, fd, SS_FILES_FLOWS, since_ns);
        added += load_lines(ledger, fd, SS_FILES_UNMATCHED, since_ns);
        close(fd);
    }
    if (files->root >= 0)
        close(files->root);
    free(days.names);
    free(files);
    return added;
}
