// SPDX-License-Identifier: BSD-3-Clause
#include "config/reader.h"

#include "base/units.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void read_value(struct ss_config_reader *reader, const struct ss_config_member *member,
                       const json_t *value, void *owner);

static void refuse_type(struct ss_config_reader *reader, const struct ss_config_member *member,
                        const json_t *value)
{
    char bounds[SS_CONFIG_BOUNDS_MAX];
    ss_config_refuse(reader, value, ss_config_type_what(member->type),
                     ss_config_member_bounds(member, bounds));
}

static void refuse_range(struct ss_config_reader *reader, const struct ss_config_member *member,
                         const json_t *value)
{
    char bounds[SS_CONFIG_BOUNDS_MAX];
    ss_config_refuse_range(reader, value, ss_config_member_bounds(member, bounds));
}

/* The JSON text of a value that is within the member's length. */
static bool take_text(struct ss_config_reader *reader, const struct ss_config_member *member,
                      const json_t *value, const char **ret_text)
{
    size_t length = json_string_length(value);
    if (!json_is_string(value)) {
        refuse_type(reader, member, value);
        return false;
    }
    if (length < member->low || length > member->high) {
        refuse_range(reader, member, value);
        return false;
    }
    *ret_text = json_string_value(value);
    return true;
}

static void store_string(struct ss_config_reader *reader, const char *text, char **ret_string)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        reader->out_of_memory = true;
        return;
    }
    free(*ret_string);
    *ret_string = copy;
}

static void read_text(struct ss_config_reader *reader, const struct ss_config_member *member,
                      const json_t *value, char *ret_text)
{
    const char *text;
    if (take_text(reader, member, value, &text))
        memcpy(ret_text, text, strlen(text) + 1); /* a TEXT's greatest length is that of its field */
}

static void read_string(struct ss_config_reader *reader, const struct ss_config_member *member,
                        const json_t *value, char **ret_string)
{
    const char *text;
    if (!take_text(reader, member, value, &text))
        return;
    if ((member->type == SS_TYPE_POINTER && !ss_config_is_pointer(text)) ||
        (member->type == SS_TYPE_FIELD && !ss_config_is_field(text, strlen(text))))
        refuse_type(reader, member, value);
    else
        store_string(reader, text, ret_string);
}

static bool find_name(const char *const *names, const json_t *value, size_t *ret_index)
{
    const char *text = json_string_value(value);
    for (size_t i = 0; text != NULL && names[i] != NULL; i++) {
        if (strcmp(names[i], text) != 0)
            continue;
        *ret_index = i;
        return true;
    }
    return false;
}

static void read_name(struct ss_config_reader *reader, const struct ss_config_member *member,
                      const json_t *value, void *field)
{
    size_t index;
    if (!find_name(member->names, value, &index))
        refuse_type(reader, member, value);
    else if (member->type == SS_TYPE_WORD)
        store_string(reader, member->names[index], field);
    else if (member->size == sizeof(bool))
        *(bool *)field = index != 0;
    else
        *(unsigned *)field = (unsigned)index;
}

static void read_duration(struct ss_config_reader *reader, const struct ss_config_member *member,
                          const json_t *value, int64_t *ret_ns)
{
    int64_t ns;
    if (!json_is_string(value) ||
        !ss_duration_parse(json_string_value(value), json_string_length(value), &ns))
        refuse_type(reader, member, value);
    else if ((uint64_t)ns < member->low || (uint64_t)ns > member->high)
        refuse_range(reader, member, value);
    else
        *ret_ns = ns;
}

static void read_size(struct ss_config_reader *reader, const struct ss_config_member *member,
                      const json_t *value, uint64_t *ret_bytes)
{
    uint64_t bytes;
    *ret_bytes = 0;
    if (!json_is_string(value) || !ss_size_parse(json_string_value(value), json_string_length(value), &bytes))
        refuse_type(reader, member, value);
    else if (bytes < member->low || bytes > member->high)
        refuse_range(reader, member, value);
    else
        *ret_bytes = bytes;
}

static void read_integer(struct ss_config_reader *reader, const struct ss_config_member *member,
                         const json_t *value, unsigned *ret_number)
{
    json_int_t number = json_integer_value(value);
    *ret_number = member->type == SS_TYPE_LCORE ? SS_CONFIG_NO_LCORE : 0;
    if (!json_is_integer(value))
        refuse_type(reader, member, value);
    else if (number < (json_int_t)member->low || number > (json_int_t)member->high)
        refuse_range(reader, member, value);
    else
        *ret_number = (unsigned)number;
}

static void read_bool(struct ss_config_reader *reader, const struct ss_config_member *member,
                      const json_t *value, bool *ret_flag)
{
    if (json_is_boolean(value))
        *ret_flag = json_is_true(value);
    else
        refuse_type(reader, member, value);
}

/* A list with as many entries as the member may have. */
static bool is_fitting_list(struct ss_config_reader *reader, const struct ss_config_member *member,
                            const json_t *value)
{
    char bounds[SS_CONFIG_BOUNDS_MAX];
    size_t count = json_array_size(value);
    if (!json_is_array(value)) {
        refuse_type(reader, member, value);
        return false;
    }
    if (count < member->low || count > member->high) {
        ss_config_complain(reader, "a list of %zu (wanted: %s)", count,
                           ss_config_member_bounds(member, bounds));
        return false;
    }
    return true;
}

static void read_list_string(struct ss_config_reader *reader, const struct ss_config_member *member,
                             const json_t *value, char **ret_string)
{
    const char *text = json_string_value(value);
    const char *equals = text != NULL ? strchr(text, '=') : NULL;
    if (text == NULL || *text == '\0')
        ss_config_refuse(reader, value, "a string", "at least one character");
    else if (member->type == SS_TYPE_MATCHES &&
             (equals == NULL || !ss_config_is_field(text, (size_t)(equals - text))))
        ss_config_refuse(reader, value, "a match", "FIELD=value, such as \"SYSLOG_IDENTIFIER=haproxy\"");
    else
        store_string(reader, text, ret_string);
}

/* Refused entries leave no gap: strings stays NULL-terminated. */
static void read_strings(struct ss_config_reader *reader, const struct ss_config_member *member,
                         const json_t *value, char **strings)
{
    size_t filled = 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        size_t path = ss_config_enter_entry(reader, i);
        read_list_string(reader, member, json_array_get(value, i), &strings[filled]);
        filled += strings[filled] != NULL;
        ss_config_leave(reader, path);
    }
}

static void read_matches(struct ss_config_reader *reader, const struct ss_config_member *member,
                         const json_t *value, char ***ret_strings)
{
    if (*ret_strings != NULL) { /* the default's */
        free(*ret_strings);
        *ret_strings = NULL;
    }
    *ret_strings = calloc(json_array_size(value) + 1, sizeof(**ret_strings));
    if (*ret_strings == NULL)
        reader->out_of_memory = true;
    else
        read_strings(reader, member, value, *ret_strings);
}

static void read_lcore_list(struct ss_config_reader *reader, const struct ss_config_member *member,
                            const json_t *value, unsigned *lcores, unsigned *ret_count)
{
    const struct ss_config_member *one = ss_config_member_find(SS_SECTION_LCORES, "control");
    assert(one != NULL && member->high <= SS_LCORES_MAX);
    *ret_count = 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        size_t path = ss_config_enter_entry(reader, i);
        read_integer(reader, one, json_array_get(value, i), &lcores[i]);
        ss_config_leave(reader, path);
    }
    *ret_count = (unsigned)json_array_size(value);
}

static void read_udp_ports(struct ss_config_reader *reader, const json_t *value, uint16_t *ports,
                           unsigned *ret_count)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *entry = json_array_get(value, i);
        json_int_t port = json_integer_value(entry);
        size_t path = ss_config_enter_entry(reader, i);
        ports[i] = 0;
        if (!json_is_integer(entry) || port < 1 || port > 65535)
            ss_config_refuse(reader, entry, "a UDP port", "1 to 65535");
        else
            ports[i] = (uint16_t)port;
        ss_config_leave(reader, path);
    }
    *ret_count = (unsigned)json_array_size(value);
}

static void read_words(struct ss_config_reader *reader, const struct ss_config_member *member,
                       const json_t *value, bool *ret_chosen)
{
    char bounds[SS_CONFIG_BOUNDS_MAX];
    if (!json_is_array(value)) {
        refuse_type(reader, member, value);
        return;
    }
    memset(ret_chosen, 0, member->size);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *entry = json_array_get(value, i);
        size_t index, path = ss_config_enter_entry(reader, i);
        if (find_name(member->names, entry, &index))
            ret_chosen[index] = true;
        else
            ss_config_refuse(reader, entry, "a known word", ss_config_member_bounds(member, bounds));
        ss_config_leave(reader, path);
    }
}

static void read_tls_port(struct ss_config_reader *reader, const json_t *value, uint8_t *ports)
{
    json_int_t port = json_integer_value(value);
    if (!json_is_integer(value) || port < 1 || port > 65535)
        ss_config_refuse(reader, value, "a TCP port", "1 to 65535");
    else
        ports[port / 8] |= (uint8_t)(1u << (port % 8));
}

static void read_tls_ports(struct ss_config_reader *reader, const struct ss_config_member *member,
                           const json_t *value, struct ss_config *config)
{
    const char *text = json_string_value(value);
    bool any = text != NULL && strcmp(text, "any") == 0;
    if (!any && !json_is_array(value)) {
        refuse_type(reader, member, value);
        return;
    }
    if (!any && json_array_size(value) == 0)
        ss_config_complain(reader, "an empty list (wanted: at least one port, or \"any\")");
    config->any_port = any;
    memset(config->tls_ports, 0, sizeof(config->tls_ports));
    for (size_t i = 0; i < json_array_size(value); i++) {
        size_t path = ss_config_enter_entry(reader, i);
        read_tls_port(reader, json_array_get(value, i), config->tls_ports);
        ss_config_leave(reader, path);
    }
}

static void read_entry(struct ss_config_reader *reader, const struct ss_config_member *member,
                       const json_t *value, void *entry)
{
    ss_config_set_defaults(reader, member->sub, entry);
    if (member->type != SS_TYPE_PORTS || json_is_object(value)) {
        ss_config_read_section(reader, member->sub, value, entry);
        return;
    }
    if (json_is_string(value))
        read_value(reader, ss_config_member_find(SS_SECTION_PORT, "device"), value, entry);
    else
        ss_config_refuse(reader, value, "a port", "the name of a device, or an object with device");
}

static void read_entries(struct ss_config_reader *reader, const struct ss_config_member *member,
                         const json_t *value, void *owner)
{
    char *entries = (char *)owner + member->offset;
    unsigned *count = (unsigned *)(void *)((char *)owner + member->count_offset);
    if (member->type == SS_TYPE_JOURNALS && json_is_object(value)) {
        *count = 1;
        read_entry(reader, member, value, entries);
        return;
    }
    if (!is_fitting_list(reader, member, value))
        return;
    *count = (unsigned)json_array_size(value);
    for (size_t i = 0; i < *count; i++) {
        size_t path = ss_config_enter_entry(reader, i);
        read_entry(reader, member, json_array_get(value, i), entries + i * member->size);
        ss_config_leave(reader, path);
    }
    ss_config_check_list(reader, member, owner);
}

static bool find_preset(const json_t *value, enum ss_journal_format *ret_format)
{
    const char *text = json_string_value(value);
    for (unsigned i = 0; text != NULL && i < SS_FORMAT_PRESETS; i++) {
        if (strcmp(ss_config_format_name(i), text) != 0)
            continue;
        *ret_format = i;
        return true;
    }
    return false;
}

static void read_format(struct ss_config_reader *reader, const struct ss_config_member *member,
                        const json_t *value, struct ss_config_journal *journal)
{
    memset(reader->given, true, sizeof(reader->given));
    if (find_preset(value, &journal->format)) {
        ss_config_check_preset(reader, journal->format);
        return;
    }
    if (!json_is_object(value)) {
        refuse_type(reader, member, value);
        return;
    }
    ss_config_read_section(reader, SS_SECTION_FORMAT, value, journal);
    const json_t *format = NULL;
    unsigned kinds = 0;
    for (unsigned i = SS_FORMAT_PRESETS; i < SS_FORMAT_COUNT; i++) {
        const json_t *found = json_object_get(value, ss_config_format_name(i));
        if (found == NULL)
            continue;
        journal->format = i;
        format = found;
        kinds++;
    }
    if (kinds == 1)
        ss_config_check_format(reader, journal, format);
    else
        ss_config_complain(reader, "has %u of regex, json and fields (wanted: exactly one)", kinds);
}

static void read_list(struct ss_config_reader *reader, const struct ss_config_member *member,
                      const json_t *value, void *owner)
{
    void *field = (char *)owner + member->offset;
    if (!is_fitting_list(reader, member, value))
        return;
    if (member->type == SS_TYPE_ARGUMENTS)
        read_strings(reader, member, value, field);
    else if (member->type == SS_TYPE_MATCHES)
        read_matches(reader, member, value, field);
    else if (member->type == SS_TYPE_UDP_PORTS)
        read_udp_ports(reader, value, field, (void *)((char *)owner + member->count_offset));
    else
        read_lcore_list(reader, member, value, field, (void *)((char *)owner + member->count_offset));
}

static void read_value(struct ss_config_reader *reader, const struct ss_config_member *member,
                       const json_t *value, void *owner)
{
    void *field = (char *)owner + member->offset;
    switch (member->type) {
    case SS_TYPE_TEXT:
        read_text(reader, member, value, field);
        return;
    case SS_TYPE_STRING:
    case SS_TYPE_POINTER:
    case SS_TYPE_FIELD:
        read_string(reader, member, value, field);
        return;
    case SS_TYPE_WORD:
    case SS_TYPE_NAME:
        read_name(reader, member, value, field);
        return;
    case SS_TYPE_DURATION:
        read_duration(reader, member, value, field);
        return;
    case SS_TYPE_SIZE:
        read_size(reader, member, value, field);
        return;
    case SS_TYPE_INTEGER:
    case SS_TYPE_LCORE:
        read_integer(reader, member, value, field);
        return;
    case SS_TYPE_BOOL:
        read_bool(reader, member, value, field);
        return;
    case SS_TYPE_ARGUMENTS:
    case SS_TYPE_MATCHES:
    case SS_TYPE_LCORE_LIST:
    case SS_TYPE_UDP_PORTS:
        read_list(reader, member, value, owner);
        return;
    case SS_TYPE_WORDS:
        read_words(reader, member, value, field);
        return;
    case SS_TYPE_TLS_PORTS:
        read_tls_ports(reader, member, value, owner);
        return;
    case SS_TYPE_OBJECT:
        ss_config_read_section(reader, member->sub, value, owner);
        return;
    case SS_TYPE_OBJECTS:
    case SS_TYPE_PORTS:
    case SS_TYPE_JOURNALS:
        read_entries(reader, member, value, owner);
        return;
    case SS_TYPE_FORMAT:
        read_format(reader, member, value, owner);
        return;
    case SS_TYPE_COUNT:
        break;
    }
    assert(false); /* a type without a case above */
}

static void set_default(struct ss_config_reader *reader, const struct ss_config_member *member, void *owner)
{
    void *field = (char *)owner + member->offset;
    if (member->type == SS_TYPE_DURATION)
        *(int64_t *)field = SS_SLOW_NEVER;
    if (member->type == SS_TYPE_LCORE)
        *(unsigned *)field = SS_CONFIG_NO_LCORE;
    if (member->standard == NULL)
        return;
    json_t *value = json_loads(member->standard, JSON_DECODE_ANY, NULL);
    if (value == NULL)
        reader->out_of_memory = true;
    else
        read_value(reader, member, value, owner);
    json_decref(value);
}

void ss_config_set_defaults(struct ss_config_reader *reader, enum ss_config_section section, void *owner)
{
    const struct ss_config_member *member = NULL;
    while ((member = ss_config_member_next(section, member)) != NULL) {
        size_t path = ss_config_enter(reader, member->key);
        if (member->type == SS_TYPE_OBJECT)
            ss_config_set_defaults(reader, member->sub, owner);
        else
            set_default(reader, member, owner);
        ss_config_leave(reader, path);
    }
}

static void complain_unknown(struct ss_config_reader *reader, enum ss_config_section section, const char *key)
{
    char keys[SS_CONFIG_KEYS_MAX];
    const char *like = ss_config_key_like(section, key);
    size_t path = ss_config_enter(reader, key);
    if (like != NULL)
        ss_config_complain(reader, "unknown key; did you mean \"%s\"?", like);
    else
        ss_config_complain(reader, "unknown key (wanted: %s)", ss_config_section_keys(section, keys));
    ss_config_leave(reader, path);
}

void ss_config_read_section(struct ss_config_reader *reader, enum ss_config_section section,
                            const json_t *object, void *owner)
{
    if (!json_is_object(object)) {
        ss_config_refuse(reader, object, "an object", "{...}");
        return;
    }
    const struct ss_config_member *member = NULL;
    while ((member = ss_config_member_next(section, member)) != NULL) {
        const json_t *value = json_object_get(object, member->key);
        size_t path = ss_config_enter(reader, member->key);
        if (value != NULL)
            read_value(reader, member, value, owner);
        else if (member->required && (!reader->for_reading || section == SS_SECTION_ORIGIN))
            ss_config_complain(reader, "missing (wanted: %s)", ss_config_type_what(member->type));
        ss_config_leave(reader, path);
    }
    void *keys = json_object_iter((json_t *)(uintptr_t)object); /* jansson's iterators take no const */
    for (; keys != NULL; keys = json_object_iter_next((json_t *)(uintptr_t)object, keys))
        if (ss_config_member_find(section, json_object_iter_key(keys)) == NULL)
            complain_unknown(reader, section, json_object_iter_key(keys));
    ss_config_check_section(reader, section, owner);
}

static void free_strings(char **strings)
{
    for (; *strings != NULL; strings++) {
        free(*strings);
        *strings = NULL;
    }
}

static void free_member(const struct ss_config_member *member, void *owner)
{
    void *field = (char *)owner + member->offset;
    char **string = field, ***strings = field;
    switch (member->type) {
    case SS_TYPE_STRING:
    case SS_TYPE_POINTER: /* of format.json; the FIELDs of format.fields are the same strings */
    case SS_TYPE_WORD:
        free(*string);
        *string = NULL;
        break;
    case SS_TYPE_ARGUMENTS:
        free_strings(field);
        break;
    case SS_TYPE_MATCHES:
        if (*strings != NULL)
            free_strings(*strings);
        free(*strings);
        *strings = NULL;
        break;
    case SS_TYPE_OBJECT:
        ss_config_free_section(member->sub, owner);
        break;
    case SS_TYPE_FORMAT:
        ss_config_free_section(SS_SECTION_FORMAT, owner);
        break;
    case SS_TYPE_OBJECTS:
    case SS_TYPE_PORTS:
    case SS_TYPE_JOURNALS:
        for (size_t i = 0; i < *(unsigned *)(void *)((char *)owner + member->count_offset); i++)
            ss_config_free_section(member->sub, (char *)field + i * member->size);
        break;
    default:
        break;
    }
}

void ss_config_free_section(enum ss_config_section section, void *owner)
{
    const struct ss_config_member *member = NULL;
    while ((member = ss_config_member_next(section, member)) != NULL)
        free_member(member, owner);
}
