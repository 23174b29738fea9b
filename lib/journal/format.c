// SPDX-License-Identifier: BSD-3-Clause
#include "journal/format.h"

#include "journal/taken.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_NAME_MAX 64 /* as journald has it */

/* Of a line, which may be longer than regular expressions look at: what shows whose it is. */
#define BEGINNING_BYTES 1024

struct extractor {
    enum ss_extractor_kind kind;
    enum ss_line_time time;
    bool is_other;
    struct ss_regex *regex;
    const char *needs;
    struct ss_wanted wanted[SS_WANTED_MAX + 1]; /* up to where == NULL */
};

struct ss_format {
    int64_t min_duration_ns;
    enum ss_entry_time entry_time;
    bool is_preset;
    size_t extractor_count;
    struct extractor extractors[SS_EXTRACTORS_MAX];
    const char *fields[SS_WANTED_MAX + 2];
    char *owned[SS_KEY_COUNT]; /* the configuration's pointers or field names */
};

const char *ss_format_result_name(enum ss_format_result result)
{
    static const char *const NAMES[SS_FORMAT_RESULT_COUNT] = {
        [SS_FORMAT_EVENT] = "event",         [SS_FORMAT_NO_MATCH] = "no_match",
        [SS_FORMAT_NO_CLIENT] = "no_client", [SS_FORMAT_BAD_NUMBER] = "bad_number",
        [SS_FORMAT_SHORT] = "short",         [SS_FORMAT_NO_DURATION] = "no_duration",
        [SS_FORMAT_GIVEN_UP] = "given_up",
    };
    return NAMES[result];
}

/* What the configuration says goes before what the preset does. */
static enum ss_line_time line_time(enum ss_entry_time configured, enum ss_line_time of_row)
{
    switch (configured) {
    case SS_ENTRY_TIME_ACCEPTED:
        return SS_LINE_ACCEPTED;
    case SS_ENTRY_TIME_ENDED:
        return SS_LINE_ENDED;
    case SS_ENTRY_TIME_LOGGED:
        return SS_LINE_LOGGED;
    default:
        return of_row;
    }
}

static int add_extractor(struct ss_format *format, const struct ss_extractor_row *row, unsigned key_count,
                         char *ret_why, size_t why_bytes)
{
    struct extractor *extractor = &format->extractors[format->extractor_count++];
    extractor->kind = row->kind;
    extractor->time = line_time(format->entry_time, row->time);
    extractor->needs = row->needs;
    extractor->is_other = row->is_other;
    for (size_t i = 0; row->wanted != NULL && row->wanted[i].where != NULL && i < SS_WANTED_MAX; i++)
        extractor->wanted[i] = row->wanted[i];
    if (row->kind == SS_EXTRACT_REGEX)
        return ss_regex_create(row->regex, key_count, &extractor->regex, ret_why, why_bytes);
    return 0;
}

static int add_preset(struct ss_format *format, enum ss_journal_format name, char *ret_why, size_t why_bytes)
{
    size_t count;
    const struct ss_extractor_row *rows = ss_preset_rows(name, &count);
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++)
        error = add_extractor(format, &rows[i], SS_TAKEN_COUNT, ret_why, why_bytes);
    return error;
}

static int add_regex(struct ss_format *format, const char *pattern, char *ret_why, size_t why_bytes)
{
    const struct ss_extractor_row row = {.kind = SS_EXTRACT_REGEX, .regex = pattern};
    if (pattern == NULL) {
        snprintf(ret_why, why_bytes, "the format has no regular expression");
        return -EINVAL;
    }
    int error = add_extractor(format, &row, SS_KEY_COUNT, ret_why, why_bytes);
    if (error != 0 || ss_regex_has_client(format->extractors[0].regex))
        return error;
    snprintf(ret_why, why_bytes,
             "the regular expression has no group named client or client_ip, as in (?<client_ip>\\S+)");
    return -EINVAL;
}

/* journald's rule for the names of fields. */
static bool is_field_name(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= FIELD_NAME_MAX && !(name[0] >= '0' && name[0] <= '9') &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length;
}

static int check_place(enum ss_extractor_kind kind, unsigned key, const char *where, char *ret_why,
                       size_t why_bytes)
{
    if (kind == SS_EXTRACT_JSON && !ss_json_pointer_valid(where))
        snprintf(ret_why, why_bytes,
                 "%s is \"%s\", which is no JSON pointer (RFC 6901), as \"/request/remote_ip\" is",
                 ss_taken_key_name(key), where);
    else if (kind == SS_EXTRACT_FIELDS && !is_field_name(where))
        snprintf(ret_why, why_bytes,
                 "%s is \"%s\", which is no name of a journal field, as \"F_PEER_ADDR\" is",
                 ss_taken_key_name(key), where);
    else
        return 0;
    return -EINVAL;
}

static int add_places(struct ss_format *format, enum ss_extractor_kind kind,
                      char *const pointers[SS_KEY_COUNT], char *ret_why, size_t why_bytes)
{
    struct ss_wanted wanted[SS_KEY_COUNT + 1] = {{0, NULL}};
    size_t count = 0;
    for (unsigned key = 0; key < SS_KEY_COUNT; key++) {
        if (pointers[key] == NULL)
            continue;
        int error = check_place(kind, key, pointers[key], ret_why, why_bytes);
        if (error != 0)
            return error;
        format->owned[key] = strdup(pointers[key]);
        if (format->owned[key] == NULL)
            return -ENOMEM;
        wanted[count++] = (struct ss_wanted){key, format->owned[key]};
    }
    if (pointers[SS_KEY_CLIENT] == NULL && pointers[SS_KEY_CLIENT_IP] == NULL) {
        snprintf(ret_why, why_bytes, "the format says neither where client nor where client_ip is");
        return -EINVAL;
    }
    const struct ss_extractor_row row = {.kind = kind, .wanted = wanted};
    return add_extractor(format, &row, SS_KEY_COUNT, ret_why, why_bytes);
}

static void list_fields(struct ss_format *format)
{
    size_t count = 0;
    bool message = false;
    for (size_t i = 0; i < format->extractor_count; i++) {
        const struct extractor *extractor = &format->extractors[i];
        message |= extractor->kind != SS_EXTRACT_FIELDS;
        if (extractor->kind != SS_EXTRACT_FIELDS)
            continue;
        for (const struct ss_wanted *wanted = extractor->wanted; wanted->where != NULL; wanted++)
            if (count < SS_WANTED_MAX)
                format->fields[count++] = wanted->where;
    }
    if (message)
        format->fields[count] = "MESSAGE";
}

static int add_extractors(struct ss_format *format, const struct ss_config_journal *config, char *ret_why,
                          size_t why_bytes)
{
    if (config->format == SS_FORMAT_REGEX)
        return add_regex(format, config->regex, ret_why, why_bytes);
    if (config->format == SS_FORMAT_JSON)
        return add_places(format, SS_EXTRACT_JSON, config->pointers, ret_why, why_bytes);
    if (config->format == SS_FORMAT_FIELDS)
        return add_places(format, SS_EXTRACT_FIELDS, config->pointers, ret_why, why_bytes);
    return add_preset(format, config->format, ret_why, why_bytes);
}

int ss_format_create(const struct ss_config_journal *config, struct ss_format **ret_format, char *ret_why,
                     size_t why_bytes)
{
    struct ss_format *format = calloc(1, sizeof(*format));
    if (format == NULL)
        return -ENOMEM;
    format->min_duration_ns = config->min_duration_ns;
    format->entry_time = config->entry_time;
    format->is_preset = config->format < SS_FORMAT_REGEX;
    int error = add_extractors(format, config, ret_why, why_bytes);
    if (error != 0) {
        ss_format_free(format);
        return error;
    }
    list_fields(format);
    *ret_format = format;
    return 0;
}

void ss_format_free(struct ss_format *format)
{
    if (format == NULL)
        return;
    for (size_t i = 0; i < format->extractor_count; i++)
        ss_regex_free(format->extractors[i].regex);
    for (unsigned key = 0; key < SS_KEY_COUNT; key++)
        free(format->owned[key]);
    free(format);
}

const char *const *ss_format_fields(const struct ss_format *format)
{
    return format->fields;
}

static struct ss_text find_field(const struct ss_entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->field_count; i++)
        if (strcmp(entry->fields[i].name, name) == 0)
            return (struct ss_text){entry->fields[i].value, entry->fields[i].length};
    return (struct ss_text){NULL, 0};
}

static enum ss_take take_fields(const struct extractor *extractor, const struct ss_entry *entry,
                                struct ss_taken *taken)
{
    enum ss_take result = SS_TAKE_NOTHING;
    for (const struct ss_wanted *wanted = extractor->wanted; wanted->where != NULL; wanted++) {
        struct ss_text value = find_field(entry, wanted->where);
        if (value.at == NULL)
            continue;
        const char *name = ss_taken_key_name(wanted->key);
        ss_taken_add(taken, wanted->key, (struct ss_text){name, strlen(name)}, value);
        result = SS_TAKE_DONE;
    }
    return result;
}

static enum ss_take take(const struct extractor *extractor, const struct ss_entry *entry,
                         struct ss_taken *taken, struct ss_json **ret_json)
{
    if (extractor->kind == SS_EXTRACT_FIELDS)
        return take_fields(extractor, entry, taken);
    struct ss_text message = find_field(entry, "MESSAGE");
    if (message.at == NULL)
        return SS_TAKE_NOTHING;
    switch (extractor->kind) {
    case SS_EXTRACT_KEY_VALUES:
        return ss_key_values_take(message, taken) ? SS_TAKE_DONE : SS_TAKE_NOTHING;
    case SS_EXTRACT_REGEX:
        if (extractor->is_other && message.length > BEGINNING_BYTES)
            message.length = BEGINNING_BYTES;
        return ss_regex_take(extractor->regex, message, taken);
    default:
        return ss_json_take(message, extractor->needs, extractor->wanted, taken, ret_json);
    }
}

enum ss_format_result ss_format_apply(struct ss_format *format, const struct ss_entry *entry,
                                      struct ss_event *ret_event)
{
    struct ss_taken taken;
    enum ss_format_result result = SS_FORMAT_NO_MATCH;
    for (size_t i = 0; i < format->extractor_count; i++) {
        struct ss_json *json = NULL;
        ss_taken_init(&taken);
        taken.time = format->extractors[i].time;
        enum ss_take took = take(&format->extractors[i], entry, &taken, &json);
        if (took == SS_TAKE_GIVEN_UP)
            result = SS_FORMAT_GIVEN_UP;
        if (format->extractors[i].is_other && took != SS_TAKE_NOTHING)
            return result;
        if (took != SS_TAKE_DONE)
            continue;
        /* A service writes many other lines with some of these fields. */
        bool ours = !format->is_preset || ss_taken_has_client(&taken);
        if (ours)
            result = ss_taken_judge(&taken, format->min_duration_ns, entry->realtime_ns, ret_event);
        ss_json_free(json);
        if (ours)
            return result;
    }
    return result;
}
