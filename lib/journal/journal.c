// SPDX-License-Identifier: BSD-3-Clause
#include "journal/journal.h"

#include "base/units.h"
#include "journal/cursors.h"
#include "journal/directory.h"
#include "journal/taken.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#define HOSTS_MAX       256
#define HOST_NAME_MAX   255
#define HOST_PREFIX     (sizeof("_HOSTNAME=") - 1)
#define DATA_MAX        (256u << 10) /* of one field: longer log lines are cut */
#define TEXT_BYTES      (512u << 10) /* of all of an entry's fields that the format wants */
#define ROUND_ENTRIES   512          /* work of ss_journal_next until it returns 0 */
#define TURN_ENTRIES    64           /* of one host before the next has its turn */
#define OPENING_COSTS   64           /* opening a handle counts as so many entries */
#define LOOK_EVERY_NS   (2 * SS_NS_PER_S)
#define LOOK_SOONEST_NS (200 * SS_NS_PER_MS)
#define RESCAN_EVERY_NS (10 * SS_NS_PER_S)

/* The clock of a host that is new may be behind ours, and its entries may have waited on the way here. */
#define NEW_HOST_BACK_NS (3600 * SS_NS_PER_S)

/* journald takes the time that the kernel received a datagram for _SOURCE_REALTIME_TIMESTAMP; one further off
 * is not ours. */
#define SOURCE_LATE_MAX_NS (3600 * SS_NS_PER_S)

/* SD_MESSAGE_JOURNAL_DROPPED: journald's rate limit, N_DROPPED says how many. */
#define DROPPED_ID    "a596d6fe7bfa4994828e72309e95d61e"
#define DROPPED_MATCH "MESSAGE_ID=" DROPPED_ID

#define WHOLE_FILE "-" /* the host of a single file's only handle, which no host name can be */

struct host {
    char *name;
    sd_journal *handle; /* NULL: to be opened */
    char *cursor;       /* the last position that was taken over from the handle; NULL: none */
    char *marked;       /* the cursor at the last mark, for the cursor file; NULL: none */
    int64_t retry_ns;   /* when to try again to open it */
    bool moved;         /* the handle was moved since cursor was taken */
    bool at_entry;      /* the handle stands on an entry that was not read yet */
    bool watched;       /* its inotify works */
    bool stale;         /* files came or went that it does not know of */
    bool absent;        /* nothing of it is left in the directory */
};

struct ss_journal {
    char *directory;
    char **matches;
    char *cursor_file;
    unsigned source;
    bool from_start;
    struct ss_format *format;
    struct ss_directory looked; /* as it was when it was last looked at */
    bool gone;
    size_t refused_hosts;
    size_t refused_files;

    sd_journal *watch; /* without matches: knows hosts and files */
    int64_t next_look_ns, next_rescan_ns;
    struct host hosts[HOSTS_MAX];
    size_t host_count;
    struct ss_cursors saved; /* as loaded */
    int64_t since_ns;        /* new hosts are read from here on */
    bool opened;
    bool unmarked;     /* a cursor moved since the last mark */
    bool unsaved;      /* a marked one is not in the file yet */
    int64_t marked_ns; /* when that was */

    int epoll_fd, more_fd; /* more_fd keeps epoll_fd readable when a round was cut short */
    bool in_round;
    size_t current, drained;
    int round_left, turn_left;

    struct ss_journal_counters counters;
    struct ss_entry_field fields[SS_WANTED_MAX + 2];
    char *text; /* the fields' values: libsystemd's are gone with the next question */
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * SS_NS_PER_S + now.tv_nsec;
}

/* --- handles
 * ------------------------------------------------------------------------------------------------- */

/* libsystemd leaves out what it has no descriptors for, in silence. */
static bool has_descriptors(const struct ss_journal *journal)
{
    struct rlimit limit;
    int lowest = fcntl(journal->epoll_fd, F_DUPFD_CLOEXEC, 0);
    if (lowest < 0)
        return false;
    close(lowest);
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           (size_t)lowest + journal->looked.files + 8 < limit.rlim_cur;
}

static int open_handle(struct ss_journal *journal, sd_journal **ret_handle)
{
    const char *files[] = {journal->directory, NULL};
    sd_journal *handle;
    if (!has_descriptors(journal))
        return -EMFILE;
    int error = journal->looked.is_file ? sd_journal_open_files(&handle, files, 0)
                                        : sd_journal_open_directory(&handle, journal->directory, 0);
    if (error < 0)
        return error;
    sd_journal_set_data_threshold(handle, DATA_MAX);
    *ret_handle = handle;
    return 0;
}

/* Whether it can be waited for. A file system that does not tell is looked at twice a second by the caller.
 */
static bool wait_for(struct ss_journal *journal, sd_journal *handle)
{
    int fd = sd_journal_get_fd(handle);
    struct epoll_event event = {.events = EPOLLIN};
    return fd >= 0 && (epoll_ctl(journal->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 || errno == EEXIST);
}

static int add_host_match(sd_journal *handle, const char *name)
{
    char match[sizeof("_HOSTNAME=") + HOST_NAME_MAX];
    if (strcmp(name, WHOLE_FILE) == 0)
        return 0;
    snprintf(match, sizeof(match), "_HOSTNAME=%s", name);
    return sd_journal_add_match(handle, match, 0);
}

/* The host's entries that match the configuration, or say that journald dropped some. */
static int add_matches(const struct ss_journal *journal, sd_journal *handle, const char *name)
{
    for (size_t i = 0; journal->matches[i] != NULL; i++) {
        int error = sd_journal_add_match(handle, journal->matches[i], 0);
        if (error < 0)
            return error;
    }
    int error = add_host_match(handle, name);
    if (error < 0 || journal->matches[0] == NULL) /* then the notices are among all the others */
        return error;
    error = sd_journal_add_disjunction(handle);
    if (error >= 0)
        error = sd_journal_add_match(handle, DROPPED_MATCH, 0);
    return error < 0 ? error : add_host_match(handle, name);
}

static void keep_cursor(struct ss_journal *journal, struct host *host)
{
    char *cursor;
    if (!host->moved || host->handle == NULL || host->at_entry ||
        sd_journal_get_cursor(host->handle, &cursor) < 0)
        return;
    free(host->cursor);
    host->cursor = cursor;
    host->moved = false;
    journal->unmarked = true;
}

static void close_host(struct ss_journal *journal, struct host *host)
{
    keep_cursor(journal, host);
    sd_journal_close(host->handle);
    host->handle = NULL;
    host->at_entry = host->moved = false;
}

/* --- where to start
 * -------------------------------------------------------------------------------------------- */

static int seek_since(sd_journal *handle, int64_t since_ns)
{
    return sd_journal_seek_realtime_usec(handle, (uint64_t)(since_ns / SS_NS_PER_US));
}

static int seek_cursor(struct ss_journal *journal, struct host *host)
{
    int error = sd_journal_seek_cursor(host->handle, host->cursor);
    if (error < 0) { /* damaged: what may come twice is better than what does not come */
        journal->counters.errors++;
        return seek_since(host->handle, journal->since_ns);
    }
    int moved = sd_journal_next(host->handle);
    if (moved <= 0)
        return moved;
    if (sd_journal_test_cursor(host->handle, host->cursor) > 0)
        return 0;
    /* The entry is gone (rotated away), and this is the nearest one that is left. */
    journal->counters.errors++;
    host->at_entry = true;
    return 0;
}

/* Behind the last entry there is. With no entry yet, the tail would never move on to those that come. */
static int seek_tail(struct host *host)
{
    int error = sd_journal_seek_tail(host->handle);
    if (error < 0)
        return error;
    int moved = sd_journal_previous(host->handle);
    if (moved < 0)
        return moved;
    host->moved = moved > 0;
    return moved > 0 ? 0 : sd_journal_seek_head(host->handle);
}

static int seek_start(struct ss_journal *journal, struct host *host)
{
    if (host->cursor != NULL)
        return seek_cursor(journal, host);
    if (journal->from_start)
        return sd_journal_seek_head(host->handle);
    if (journal->opened || journal->saved.saved_ns > 0)
        return seek_since(host->handle, journal->since_ns);
    return seek_tail(host);
}

static int open_host(struct ss_journal *journal, struct host *host)
{
    int error = open_handle(journal, &host->handle);
    if (error < 0)
        return error;
    error = add_matches(journal, host->handle, host->name);
    if (error >= 0)
        error = seek_start(journal, host);
    if (error < 0) {
        sd_journal_close(host->handle);
        host->handle = NULL;
        return error;
    }
    host->watched = !journal->looked.is_file && wait_for(journal, host->handle);
    host->stale = false;
    return 0;
}

/* --- hosts
 * ------------------------------------------------------------------------------------------------------ */

/* Host names are ASCII without spaces; anything else does not get into our files. */
static bool is_host_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] <= ' ' || name[i] >= 0x7f)
            return false;
    return length > 0 && length <= HOST_NAME_MAX && !(length == 1 && name[0] == WHOLE_FILE[0]);
}

static struct host *find_host(struct ss_journal *journal, const char *name, size_t length)
{
    for (size_t i = 0; i < journal->host_count; i++)
        if (strlen(journal->hosts[i].name) == length && memcmp(journal->hosts[i].name, name, length) == 0)
            return &journal->hosts[i];
    return NULL;
}

static void free_host(struct host *host)
{
    free(host->cursor);
    free(host->marked);
    free(host->name);
}

/* Where the hosts of a fleet come and go under ever new names, one that went gives its place to one that
 * came. NULL: all of them are there. */
static struct host *take_place(struct ss_journal *journal)
{
    if (journal->host_count < HOSTS_MAX) {
        journal->counters.hosts = (unsigned)++journal->host_count;
        return &journal->hosts[journal->host_count - 1];
    }
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        struct host *host = &journal->hosts[i];
        if (!host->absent)
            continue;
        sd_journal_close(host->handle);
        free_host(host);
        return host;
    }
    return NULL;
}

/* 0, -ENOSPC: there is no place for it, or -ENOMEM. */
static int add_host(struct ss_journal *journal, const char *name, size_t length)
{
    const char *cursor;
    struct host host = {.name = strndup(name, length)};
    if (host.name == NULL)
        return -ENOMEM;
    cursor = journal->from_start ? NULL : ss_cursors_find(&journal->saved, host.name);
    if (cursor != NULL) {
        host.cursor = strdup(cursor);
        host.marked = strdup(cursor);
        if (host.cursor == NULL || host.marked == NULL) {
            free_host(&host);
            return -ENOMEM;
        }
    }
    struct host *place = take_place(journal);
    if (place == NULL) {
        free_host(&host);
        return -ENOSPC;
    }
    *place = host;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct host *)a)->name, ((const struct host *)b)->name);
}

/* Which of the known hosts are still in the directory. */
static int find_absent(struct ss_journal *journal)
{
    const void *data;
    size_t bytes;
    int error = sd_journal_query_unique(journal->watch, "_HOSTNAME");
    for (size_t i = 0; i < journal->host_count && error >= 0; i++)
        journal->hosts[i].absent = true;
    if (error < 0)
        return error;
    SD_JOURNAL_FOREACH_UNIQUE(journal->watch, data, bytes)
    {
        struct host *host = bytes < HOST_PREFIX
                                ? NULL
                                : find_host(journal, (const char *)data + HOST_PREFIX, bytes - HOST_PREFIX);
        if (host != NULL)
            host->absent = false;
    }
    return 0;
}

/* New hosts go to the end, sorted, so that reading files gives the same order each time. */
static int find_hosts(struct ss_journal *journal)
{
    const void *data;
    size_t bytes, known = journal->host_count, refused = 0;
    int error = find_absent(journal);
    if (error < 0)
        return error;
    SD_JOURNAL_FOREACH_UNIQUE(journal->watch, data, bytes)
    {
        const char *name = (const char *)data + HOST_PREFIX;
        if (bytes < HOST_PREFIX || find_host(journal, name, bytes - HOST_PREFIX) != NULL)
            continue;
        error =
            is_host_name(name, bytes - HOST_PREFIX) ? add_host(journal, name, bytes - HOST_PREFIX) : -ENOSPC;
        if (error < 0 && error != -ENOSPC)
            return error;
        refused += error == -ENOSPC;
    }
    qsort(journal->hosts + known, journal->host_count - known, sizeof(journal->hosts[0]), by_name);
    if (refused > journal->refused_hosts)
        journal->counters.errors += refused - journal->refused_hosts;
    journal->refused_hosts = refused;
    return 0;
}

static void mark_stale(struct ss_journal *journal, bool all)
{
    for (size_t i = 0; i < journal->host_count; i++)
        journal->hosts[i].stale |= all || !journal->hosts[i].watched;
}

/* --- looking at the directory
 * ------------------------------------------------------------------------------------ */

static int open_watch(struct ss_journal *journal)
{
    int error = open_handle(journal, &journal->watch);
    if (error < 0)
        return error;
    if (!journal->looked.is_file)
        wait_for(journal, journal->watch);
    return 0;
}

static void count_refused_files(struct ss_journal *journal, const struct ss_directory *looked)
{
    if (looked->refused > journal->refused_files)
        journal->counters.errors += looked->refused - journal->refused_files;
    journal->refused_files = looked->refused;
}

/* False: the directory is not there, or not again. */
static bool check_directory(struct ss_journal *journal)
{
    struct ss_directory looked;
    char why[8];
    if (ss_directory_look(journal->directory, &looked, why, sizeof(why)) != 0) {
        journal->counters.errors += !journal->gone;
        journal->gone = true;
        return false;
    }
    bool same = looked.device == journal->looked.device && looked.inode == journal->looked.inode;
    count_refused_files(journal, &looked);
    if (same && !journal->gone && looked.is_file == journal->looked.is_file) {
        journal->looked = looked;
        return true;
    }
    journal->looked = looked;
    sd_journal_close(journal->watch);
    journal->watch = NULL;
    journal->gone = true;
    if (open_watch(journal) < 0)
        return false;
    journal->gone = false;
    mark_stale(journal, true);
    return true;
}

/* What libsystemd saw: new entries, or that files came and went. */
static bool process_changes(struct ss_journal *journal)
{
    bool changed = journal->watch != NULL && sd_journal_process(journal->watch) == SD_JOURNAL_INVALIDATE;
    for (size_t i = 0; i < journal->host_count; i++)
        if (journal->hosts[i].handle != NULL)
            sd_journal_process(journal->hosts[i].handle);
    if (changed) {
        journal->counters.rotations++;
        mark_stale(journal, false);
    }
    return changed;
}

/* The directory and the hosts in it, once in a while and soon after a change. */
static void look(struct ss_journal *journal, bool changed)
{
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    if (changed && journal->next_look_ns > now_ns + LOOK_SOONEST_NS)
        journal->next_look_ns = now_ns + LOOK_SOONEST_NS;
    if (now_ns < journal->next_look_ns)
        return;
    journal->next_look_ns = now_ns + LOOK_EVERY_NS;
    if (!check_directory(journal))
        return;
    /* A network file system does not tell of new files. */
    if (!journal->looked.is_file && now_ns >= journal->next_rescan_ns &&
        sd_journal_reliable_fd(journal->watch) == 0) {
        journal->next_rescan_ns = now_ns + RESCAN_EVERY_NS;
        mark_stale(journal, true);
    }
    if (!journal->looked.is_file && find_hosts(journal) < 0)
        journal->counters.errors++;
}

/* --- entries
 * ------------------------------------------------------------------------------------------------------- */

/* The value of a field of the entry the handle stands on, until the next question. */
static bool get_value(sd_journal *handle, const char *name, struct ss_text *ret_value)
{
    const void *data;
    size_t bytes, prefix = strlen(name) + 1;
    if (sd_journal_get_data(handle, name, &data, &bytes) < 0 || bytes < prefix)
        return false;
    *ret_value = (struct ss_text){(const char *)data + prefix, bytes - prefix};
    return true;
}

static bool get_number(sd_journal *handle, const char *name, uint64_t *ret_number)
{
    struct ss_text value;
    uint64_t number = 0;
    if (!get_value(handle, name, &value) || value.length == 0)
        return false;
    for (size_t i = 0; i < value.length; i++) {
        if (value.at[i] < '0' || value.at[i] > '9' || __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(value.at[i] - '0'), &number))
            return false;
    }
    *ret_number = number;
    return true;
}

static bool is_dropped_notice(sd_journal *handle)
{
    struct ss_text id;
    return get_value(handle, "MESSAGE_ID", &id) && id.length == strlen(DROPPED_ID) &&
           memcmp(id.at, DROPPED_ID, id.length) == 0;
}

/* A notice says whose entries were dropped as OBJECT_SYSTEMD_UNIT= and so on. Without that it may be anyone.
 */
static bool concerns_us(const struct ss_journal *journal, sd_journal *handle)
{
    bool asked = false;
    for (size_t i = 0; journal->matches[i] != NULL; i++) {
        const char *match = journal->matches[i], *equals = strchr(match, '=');
        char name[96];
        struct ss_text value;
        if (match[0] != '_' || equals == NULL || equals - match > 64)
            continue;
        snprintf(name, sizeof(name), "OBJECT%.*s", (int)(equals - match), match);
        if (!get_value(handle, name, &value))
            continue;
        if (value.length == strlen(equals + 1) && memcmp(value.at, equals + 1, value.length) == 0)
            return true;
        asked = true;
    }
    return !asked;
}

static void count_dropped(struct ss_journal *journal, sd_journal *handle)
{
    uint64_t dropped;
    if (concerns_us(journal, handle) && get_number(handle, "N_DROPPED", &dropped))
        journal->counters.suppressed += dropped;
}

/* When the entry was made: when the kernel received it, else when journald did. */
static int read_time(sd_journal *handle, int64_t *ret_ns)
{
    uint64_t journal_us, source_us;
    int error = sd_journal_get_realtime_usec(handle, &journal_us);
    if (error < 0)
        return error;
    if (journal_us > INT64_MAX / SS_NS_PER_US)
        return -EBADMSG;
    int64_t time_ns = (int64_t)journal_us * SS_NS_PER_US;
    if (get_number(handle, "_SOURCE_REALTIME_TIMESTAMP", &source_us) && source_us <= journal_us &&
        journal_us - source_us <= SOURCE_LATE_MAX_NS / SS_NS_PER_US)
        time_ns = (int64_t)source_us * SS_NS_PER_US;
    *ret_ns = time_ns;
    return 0;
}

/* Copies the fields that the format wants. */
static size_t read_fields(struct ss_journal *journal, sd_journal *handle)
{
    size_t count = 0, used = 0;
    for (const char *const *name = ss_format_fields(journal->format); *name != NULL; name++) {
        struct ss_text value;
        if (!get_value(handle, *name, &value))
            continue;
        if (value.length > TEXT_BYTES - used)
            value.length = TEXT_BYTES - used;
        memcpy(journal->text + used, value.at, value.length);
        journal->fields[count++] = (struct ss_entry_field){*name, journal->text + used, value.length};
        used += value.length;
    }
    return count;
}

static void read_cursor(sd_journal *handle, char ret_cursor[SS_CURSOR_MAX])
{
    char *cursor = NULL;
    ret_cursor[0] = '\0';
    if (sd_journal_get_cursor(handle, &cursor) >= 0 && strlen(cursor) < SS_CURSOR_MAX)
        memcpy(ret_cursor, cursor, strlen(cursor) + 1);
    free(cursor);
}

static bool read_event(struct ss_journal *journal, const struct host *host, struct ss_event *ret_event)
{
    struct ss_entry entry = {.fields = journal->fields};
    struct ss_text name = {host->name, strlen(host->name)};
    if (is_dropped_notice(host->handle)) {
        count_dropped(journal, host->handle);
        return false;
    }
    if (read_time(host->handle, &entry.realtime_ns) < 0) {
        journal->counters.errors++;
        return false;
    }
    entry.field_count = read_fields(journal, host->handle);
    enum ss_format_result result = ss_format_apply(journal->format, &entry, ret_event);
    journal->counters.entries++;
    journal->counters.results[result]++;
    if (result != SS_FORMAT_EVENT)
        return false;
    if (strcmp(host->name, WHOLE_FILE) == 0 && !get_value(host->handle, "_HOSTNAME", &name))
        name.length = 0;
    ss_taken_copy(ret_event->host, sizeof(ret_event->host), name);
    ret_event->source = journal->source;
    ret_event->epoch = 0;
    read_cursor(host->handle, ret_event->cursor);
    return true;
}

/* --- a round over the hosts
 * ------------------------------------------------------------------------------------ */

/* Opens a host's handle where there is none, or again where it does not know of all files. False: not now. */
static bool ready(struct ss_journal *journal, struct host *host)
{
    if (host->handle != NULL && !host->stale)
        return true;
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    if (journal->gone || now_ns < host->retry_ns)
        return host->handle != NULL;
    journal->round_left -= OPENING_COSTS;
    if (host->handle != NULL)
        close_host(journal, host);
    if (open_host(journal, host) == 0)
        return true;
    journal->counters.errors++;
    host->retry_ns = now_ns + LOOK_EVERY_NS;
    return false;
}

enum step { STEP_EVENT, STEP_ENTRY, STEP_NOTHING };

static enum step step(struct ss_journal *journal, struct host *host, struct ss_event *ret_event)
{
    if (!ready(journal, host))
        return STEP_NOTHING;
    int moved = host->at_entry ? 1 : sd_journal_next(host->handle);
    if (moved < 0)
        journal->counters.errors++;
    if (moved <= 0) {
        keep_cursor(journal, host);
        return STEP_NOTHING;
    }
    host->at_entry = false;
    host->moved = true;
    return read_event(journal, host, ret_event) ? STEP_EVENT : STEP_ENTRY;
}

static void next_host(struct ss_journal *journal)
{
    journal->current = (journal->current + 1) % journal->host_count;
    journal->turn_left = TURN_ENTRIES;
}

static void start_round(struct ss_journal *journal)
{
    uint64_t told;
    while (read(journal->more_fd, &told, sizeof(told)) > 0)
        continue;
    look(journal, process_changes(journal));
    journal->in_round = true;
    journal->drained = 0;
    journal->round_left = ROUND_ENTRIES;
}

static void end_round(struct ss_journal *journal)
{
    const uint64_t more = 1;
    journal->in_round = false;
    if (journal->drained < journal->host_count && write(journal->more_fd, &more, sizeof(more)) < 0)
        journal->counters.errors++;
}

int ss_journal_next(struct ss_journal *journal, struct ss_event *ret_event)
{
    if (!journal->in_round)
        start_round(journal);
    while (journal->round_left > 0 && journal->drained < journal->host_count) {
        enum step did = step(journal, &journal->hosts[journal->current], ret_event);
        if (did == STEP_NOTHING) {
            journal->drained++;
            next_host(journal);
            continue;
        }
        journal->drained = 0;
        journal->round_left--;
        if (--journal->turn_left <= 0)
            next_host(journal);
        if (did == STEP_EVENT)
            return 1;
    }
    end_round(journal);
    return 0;
}

/* --- life --- */

int ss_journal_fd(const struct ss_journal *journal)
{
    return journal->epoll_fd;
}

const struct ss_journal_counters *ss_journal_counters(const struct ss_journal *journal)
{
    return &journal->counters;
}

size_t ss_journal_files(const struct ss_journal *journal)
{
    return journal->looked.files;
}

/* A host whose journal has gone is still in the file: it may come back. */
static size_t list_cursors(struct ss_journal *journal, struct ss_cursor *ret_list)
{
    size_t count = 0;
    for (size_t i = 0; i < journal->host_count; i++)
        if (journal->hosts[i].marked != NULL)
            ret_list[count++] = (struct ss_cursor){journal->hosts[i].name, journal->hosts[i].marked};
    for (size_t i = 0; i < journal->saved.count && count < 2 * HOSTS_MAX; i++) {
        const struct ss_cursor *old = &journal->saved.list[i];
        if (find_host(journal, old->host, strlen(old->host)) == NULL)
            ret_list[count++] = *old;
    }
    return count;
}

/* Without memory for it, a host stays at the mark it had. */
static void mark_host(struct ss_journal *journal, struct host *host)
{
    keep_cursor(journal, host);
    char *marked = host->cursor != NULL ? strdup(host->cursor) : NULL;
    if (marked == NULL)
        return;
    free(host->marked);
    host->marked = marked;
}

void ss_journal_mark(struct ss_journal *journal)
{
    for (size_t i = 0; i < journal->host_count; i++)
        mark_host(journal, &journal->hosts[i]);
    journal->marked_ns = clock_ns(CLOCK_REALTIME);
    journal->unsaved |= journal->unmarked;
    journal->unmarked = false;
}

int ss_journal_save(struct ss_journal *journal)
{
    struct ss_cursor list[2 * HOSTS_MAX];
    if (journal->cursor_file == NULL || !journal->unsaved)
        return 0;
    const struct ss_cursors cursors = {journal->marked_ns, list, list_cursors(journal, list)};
    int error = ss_cursors_save(journal->cursor_file, &cursors);
    journal->unsaved = error != 0;
    return error;
}

int64_t ss_journal_saved_ns(const struct ss_journal *journal)
{
    return journal->saved.saved_ns;
}

void ss_journal_close(struct ss_journal *journal)
{
    if (journal == NULL)
        return;
    for (size_t i = 0; i < journal->host_count; i++) {
        sd_journal_close(journal->hosts[i].handle);
        free_host(&journal->hosts[i]);
    }
    sd_journal_close(journal->watch);
    ss_cursors_free(&journal->saved);
    if (journal->epoll_fd >= 0)
        close(journal->epoll_fd);
    if (journal->more_fd >= 0)
        close(journal->more_fd);
    ss_format_free(journal->format);
    for (size_t i = 0; journal->matches != NULL && journal->matches[i] != NULL; i++)
        free(journal->matches[i]);
    free(journal->matches);
    free(journal->directory);
    free(journal->cursor_file);
    free(journal->text);
    free(journal);
}

static int copy_matches(struct ss_journal *journal, char *const *matches)
{
    size_t count = 0;
    while (matches != NULL && matches[count] != NULL)
        count++;
    journal->matches = calloc(count + 1, sizeof(*journal->matches));
    for (size_t i = 0; journal->matches != NULL && i < count; i++) {
        journal->matches[i] = strdup(matches[i]);
        if (journal->matches[i] == NULL)
            return -ENOMEM;
    }
    return journal->matches == NULL ? -ENOMEM : 0;
}

/* The configuration may be gone before the journal is. */
static int copy_config(struct ss_journal *journal, const struct ss_config_journal *config)
{
    journal->directory = strdup(config->directory);
    if (journal->directory == NULL)
        return -ENOMEM;
    if (config->cursor_file != NULL) {
        journal->cursor_file = strdup(config->cursor_file);
        if (journal->cursor_file == NULL)
            return -ENOMEM;
    }
    return copy_matches(journal, config->matches);
}

static int allocate(struct ss_journal *journal)
{
    journal->text = malloc(TEXT_BYTES);
    if (journal->text == NULL)
        return -ENOMEM;
    journal->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    journal->more_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (journal->epoll_fd < 0 || journal->more_fd < 0 ||
        epoll_ctl(journal->epoll_fd, EPOLL_CTL_ADD, journal->more_fd, &event) != 0)
        return -errno;
    return 0;
}

/* A cursor file that cannot be read is as good as none, and counted; it is written anew. */
static void load_cursors(struct ss_journal *journal)
{
    int64_t start_ns = clock_ns(CLOCK_REALTIME);
    if (!journal->from_start && journal->cursor_file != NULL) {
        int error = ss_cursors_load(journal->cursor_file, &journal->saved);
        journal->counters.errors += error != 0 && error != -ENOENT;
    }
    if (journal->saved.saved_ns > 0 && journal->saved.saved_ns < start_ns)
        start_ns = journal->saved.saved_ns;
    journal->since_ns = start_ns > NEW_HOST_BACK_NS ? start_ns - NEW_HOST_BACK_NS : 0;
}

static int check_matches(struct ss_journal *journal, char *ret_why, size_t why_bytes)
{
    for (size_t i = 0; journal->matches[i] != NULL; i++) {
        if (sd_journal_add_match(journal->watch, journal->matches[i], 0) >= 0)
            continue;
        snprintf(ret_why, why_bytes,
                 "\"%s\" is no match of journal entries, as \"SYSLOG_IDENTIFIER=haproxy\" is",
                 journal->matches[i]);
        return -EINVAL;
    }
    sd_journal_flush_matches(journal->watch);
    return 0;
}

static int check_readable(struct ss_journal *journal, char *ret_why, size_t why_bytes)
{
    const struct ss_directory *looked = &journal->looked;
    int error = ss_directory_look(journal->directory, &journal->looked, ret_why, why_bytes);
    if (error != 0)
        return error;
    if (looked->refused > 0) {
        snprintf(ret_why, why_bytes,
                 "the journal %s has %zu of %zu files that may not be read, %s first: run as root or as a "
                 "member of "
                 "the group systemd-journal",
                 journal->directory, looked->refused, looked->files, looked->refused_name);
        return -EACCES;
    }
    if (journal->from_start && looked->files == 0) {
        snprintf(ret_why, why_bytes, "there are no journal files in %s: name the directory that has them",
                 journal->directory);
        return -ENOENT;
    }
    return 0;
}

static int open_all(struct ss_journal *journal, char *ret_why, size_t why_bytes)
{
    int error = open_watch(journal);
    if (error == 0)
        error = check_matches(journal, ret_why, why_bytes);
    if (error == -EINVAL)
        return error;
    if (error == 0)
        error = journal->looked.is_file ? add_host(journal, WHOLE_FILE, 1) : find_hosts(journal);
    for (size_t i = 0; i < journal->host_count && error == 0; i++)
        error = open_host(journal, &journal->hosts[i]);
    if (error == -EMFILE)
        snprintf(ret_why, why_bytes,
                 "the journal %s has %zu files and %zu hosts, too many for the limit of open files: raise it "
                 "(LimitNOFILE=, ulimit -n)",
                 journal->directory, journal->looked.files, journal->host_count);
    else if (error < 0 && journal->looked.is_file)
        snprintf(ret_why, why_bytes, "%s cannot be read as a journal file: %s", journal->directory,
                 strerror(-error));
    else if (error < 0)
        snprintf(ret_why, why_bytes, "the journal %s cannot be read: %s", journal->directory,
                 strerror(-error));
    return error;
}

int ss_journal_open(const struct ss_config_journal *config, unsigned source, bool from_start,
                    struct ss_journal **ret_journal, char *ret_why, size_t why_bytes)
{
    struct ss_journal *journal = calloc(1, sizeof(*journal));
    snprintf(ret_why, why_bytes, "the journal %s cannot be opened: out of memory or descriptors",
             config->directory);
    if (journal == NULL)
        return -ENOMEM;
    journal->epoll_fd = journal->more_fd = -1;
    journal->source = source;
    journal->from_start = from_start;
    journal->turn_left = TURN_ENTRIES;
    int error = copy_config(journal, config);
    if (error == 0)
        error = allocate(journal);
    if (error == 0)
        error = ss_format_create(config, &journal->format, ret_why, why_bytes);
    if (error == 0)
        error = check_readable(journal, ret_why, why_bytes);
    if (error == 0) {
        load_cursors(journal);
        error = open_all(journal, ret_why, why_bytes);
    }
    if (error != 0) {
        ss_journal_close(journal);
        return error;
    }
    journal->opened = true;
    journal->unmarked = true; /* a first position counts: what comes after it must not be lost */
    journal->next_look_ns = clock_ns(CLOCK_MONOTONIC) + LOOK_EVERY_NS;
    *ret_journal = journal;
    return 0;
}
