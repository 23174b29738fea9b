// SPDX-License-Identifier: BSD-3-Clause

/* The entry that a handle stands on, to an event. */

#include "journal/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* journald takes the time that the kernel received a datagram for _SOURCE_REALTIME_TIMESTAMP; one further off
 * is not ours. */
#define SOURCE_LATE_MAX_NS (3600 * SS_NS_PER_S)

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
    return get_value(handle, "MESSAGE_ID", &id) && id.length == strlen(SS_JOURNAL_DROPPED_ID) &&
           memcmp(id.at, SS_JOURNAL_DROPPED_ID, id.length) == 0;
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
        if (value.length > SS_JOURNAL_TEXT_BYTES - used)
            value.length = SS_JOURNAL_TEXT_BYTES - used;
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

bool ss_entry_read(struct ss_journal *journal, const struct ss_journal_host *host, struct ss_event *ret_event)
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
    if (strcmp(host->name, SS_JOURNAL_WHOLE_FILE) == 0 && !get_value(host->handle, "_HOSTNAME", &name))
        name.length = 0;
    ss_taken_copy(ret_event->host, sizeof(ret_event->host), name);
    ret_event->source = journal->source;
    ret_event->epoch = 0;
    read_cursor(host->handle, ret_event->cursor);
    return true;
}
