// SPDX-License-Identifier: BSD-3-Clause
#include "config/reader.h"

#include "base/units.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static json_t *section_object(enum ss_config_section section, const void *owner);

static const void *field_of(const struct ss_config_member *member, const void *owner)
{
    return (const char *)owner + member->offset;
}

static unsigned count_of(const struct ss_config_member *member, const void *owner)
{
    return *(const unsigned *)(const void *)((const char *)owner + member->count_offset);
}

static bool is_present(const struct ss_config_member *member, const void *owner);

/* An object without what it must have is as good as absent. */
static bool is_object_present(enum ss_config_section section, const void *owner)
{
    const struct ss_config_member *member = NULL;
    while ((member = ss_config_member_next(section, member)) != NULL)
        if (member->required && !is_present(member, owner))
            return false;
    return true;
}

static bool is_present(const struct ss_config_member *member, const void *owner)
{
    const void *field = field_of(member, owner);
    switch (member->type) {
    case SS_TYPE_STRING:
    case SS_TYPE_POINTER:
    case SS_TYPE_FIELD:
    case SS_TYPE_WORD:
        return *(char *const *)field != NULL;
    case SS_TYPE_DURATION:
        return *(const int64_t *)field != SS_SLOW_NEVER;
    case SS_TYPE_OBJECT:
        return is_object_present(member->sub, owner);
    case SS_TYPE_LCORE_LIST:
    case SS_TYPE_OBJECTS:
    case SS_TYPE_PORTS:
    case SS_TYPE_JOURNALS:
        return count_of(member, owner) >= member->low;
    default:
        return true;
    }
}

static json_t *name_text(const struct ss_config_member *member, const void *field)
{
    unsigned index = member->size == sizeof(bool) ? *(const bool *)field : *(const unsigned *)field;
    return json_string(member->names[index]);
}

static json_t *duration_text(int64_t ns)
{
    char text[SS_DURATION_TEXT_MAX];
    return json_string(ss_duration_format(ns, text));
}

static json_t *size_text(uint64_t bytes)
{
    char text[SS_DURATION_TEXT_MAX];
    return json_string(ss_size_format(bytes, text));
}

/* Takes over entry, which may be NULL; on failure the list is freed. */
static json_t *append(json_t *list, json_t *entry)
{
    if (list == NULL) {
        json_decref(entry);
        return NULL;
    }
    if (json_array_append_new(list, entry) == 0)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *string_list(char *const *strings)
{
    json_t *list = json_array();
    for (; list != NULL && strings != NULL && *strings != NULL; strings++)
        list = append(list, json_string(*strings));
    return list;
}

static json_t *lcore_list(const struct ss_config_member *member, const void *owner)
{
    const unsigned *lcores = field_of(member, owner);
    json_t *list = json_array();
    for (unsigned i = 0; list != NULL && i < count_of(member, owner); i++)
        list = append(list, json_integer(lcores[i]));
    return list;
}

static json_t *udp_ports(const struct ss_config_member *member, const void *owner)
{
    const uint16_t *ports = field_of(member, owner);
    json_t *list = json_array();
    for (unsigned i = 0; list != NULL && i < count_of(member, owner); i++)
        list = append(list, json_integer(ports[i]));
    return list;
}

static json_t *word_list(const struct ss_config_member *member, const bool *chosen)
{
    json_t *list = json_array();
    for (unsigned i = 0; list != NULL && member->names[i] != NULL; i++)
        if (chosen[i])
            list = append(list, json_string(member->names[i]));
    return list;
}

static json_t *tls_ports(const struct ss_config *config)
{
    if (config->any_port)
        return json_string("any");
    json_t *list = json_array();
    for (unsigned port = 0; list != NULL && port < 65536; port++)
        if (config->tls_ports[port / 8] & 1u << port % 8)
            list = append(list, json_integer(port));
    return list;
}

static json_t *object_list(const struct ss_config_member *member, const void *owner)
{
    const char *entries = field_of(member, owner);
    json_t *list = json_array();
    for (unsigned i = 0; list != NULL && i < count_of(member, owner); i++)
        list = append(list, section_object(member->sub, entries + i * member->size));
    return list;
}

static json_t *member_value(const struct ss_config_member *member, const void *owner);

static json_t *format_value(const struct ss_config_journal *journal)
{
    const char *name = ss_config_format_name(journal->format);
    if (journal->format < SS_FORMAT_PRESETS)
        return json_string(name);
    json_t *object = json_object();
    const struct ss_config_member *member = ss_config_member_find(SS_SECTION_FORMAT, name);
    assert(member != NULL);
    if (json_object_set_new(object, name, member_value(member, journal)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *member_value(const struct ss_config_member *member, const void *owner)
{
    const void *field = field_of(member, owner);
    switch (member->type) {
    case SS_TYPE_TEXT:
        return json_string(field);
    case SS_TYPE_STRING:
    case SS_TYPE_POINTER:
    case SS_TYPE_FIELD:
    case SS_TYPE_WORD:
        return json_string(*(char *const *)field);
    case SS_TYPE_NAME:
        return name_text(member, field);
    case SS_TYPE_DURATION:
        return duration_text(*(const int64_t *)field);
    case SS_TYPE_SIZE:
        return size_text(*(const uint64_t *)field);
    case SS_TYPE_INTEGER:
    case SS_TYPE_LCORE:
        return json_integer(*(const unsigned *)field);
    case SS_TYPE_BOOL:
        return json_boolean(*(const bool *)field);
    case SS_TYPE_ARGUMENTS:
        return string_list(field);
    case SS_TYPE_MATCHES:
        return string_list(*(char **const *)field);
    case SS_TYPE_LCORE_LIST:
        return lcore_list(member, owner);
    case SS_TYPE_UDP_PORTS:
        return udp_ports(member, owner);
    case SS_TYPE_WORDS:
        return word_list(member, field);
    case SS_TYPE_TLS_PORTS:
        return tls_ports(owner);
    case SS_TYPE_OBJECT:
        return section_object(member->sub, owner);
    case SS_TYPE_OBJECTS:
    case SS_TYPE_PORTS:
    case SS_TYPE_JOURNALS:
        return object_list(member, owner);
    case SS_TYPE_FORMAT:
        return format_value(owner);
    case SS_TYPE_COUNT:
        break;
    }
    assert(false); /* a type without a case above */
    return NULL;
}

/* NULL: no memory. */
static json_t *section_object(enum ss_config_section section, const void *owner)
{
    json_t *object = json_object();
    const struct ss_config_member *member = NULL;
    while (object != NULL && (member = ss_config_member_next(section, member)) != NULL) {
        if (!is_present(member, owner) ||
            json_object_set_new(object, member->key, member_value(member, owner)) == 0)
            continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

char *ss_config_print(const struct ss_config *config)
{
    json_t *object = section_object(SS_SECTION_ROOT, config);
    char *text = object != NULL ? json_dumps(object, JSON_INDENT(2)) : NULL;
    json_decref(object);
    size_t length = text != NULL ? strlen(text) : 0;
    char *line = text != NULL ? realloc(text, length + 2) : NULL;
    if (line == NULL)
        free(text);
    else
        memcpy(line + length, "\n", 2);
    return line;
}

size_t ss_config_fixed_changes(const struct ss_config *old_config, const struct ss_config *new_config,
                               const char **ret_names, size_t max)
{
    const struct ss_config_member *member = NULL;
    size_t changes = 0;
    while ((member = ss_config_member_next(SS_SECTION_ROOT, member)) != NULL) {
        if (ss_config_member_reloads(member))
            continue;
        json_t *before = member_value(member, old_config), *after = member_value(member, new_config);
        if (before == NULL || after == NULL || !json_equal(before, after)) {
            if (changes < max)
                ret_names[changes] = member->key;
            changes++;
        }
        json_decref(before);
        json_decref(after);
    }
    return changes;
}
