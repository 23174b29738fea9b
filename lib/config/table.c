// SPDX-License-Identifier: BSD-3-Clause
#include "config/table.h"

#include "base/units.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* In the order of enum ss_tap, of false and true, of enum ss_port_driver and enum ss_entry_time. */
static const char *const TAPS[] = {"server", "client", "middle", NULL};
static const char *const IDLES[] = {"relax", "spin", NULL};
static const char *const PAYLOADS[] = {"full", "headers", NULL};
static const char *const DRIVERS[] = {"af_packet", "af_xdp", NULL};
static const char *const ENTRY_TIMES[] = {"format", "accepted", "ended", "logged", NULL};
static const char *const ORIGIN_FORMATS[] = {"aws", NULL};
/* In the order of enum ss_identity. */
static const char *const IDENTITIES[] = {"vlan", "vni", NULL};

static const char *const FORMATS[] = {
    [SS_FORMAT_HAPROXY] = "haproxy", [SS_FORMAT_ENVOY] = "envoy",     [SS_FORMAT_NGINX] = "nginx",
    [SS_FORMAT_CADDY] = "caddy",     [SS_FORMAT_TRAEFIK] = "traefik", [SS_FORMAT_TRACING] = "tracing",
    [SS_FORMAT_REGEX] = "regex",     [SS_FORMAT_JSON] = "json",       [SS_FORMAT_FIELDS] = "fields"};
_Static_assert(COUNT_OF(FORMATS) == SS_FORMAT_COUNT, "a format has no name");

static const char *const WHAT[] = {[SS_TYPE_TEXT] = "a string",
                                   [SS_TYPE_STRING] = "a string",
                                   [SS_TYPE_POINTER] = "a JSON pointer such as \"/request/remote_ip\"",
                                   [SS_TYPE_FIELD] = "the name of a journal field such as \"CLIENT_IP\"",
                                   [SS_TYPE_WORD] = "a known word",
                                   [SS_TYPE_NAME] = "a known word",
                                   [SS_TYPE_DURATION] = "a duration such as \"300ms\"",
                                   [SS_TYPE_SIZE] = "a size such as \"64KiB\"",
                                   [SS_TYPE_INTEGER] = "an integer",
                                   [SS_TYPE_LCORE] = "an lcore id",
                                   [SS_TYPE_BOOL] = "true or false",
                                   [SS_TYPE_ARGUMENTS] = "a list of strings",
                                   [SS_TYPE_MATCHES] = "a list of strings \"FIELD=value\"",
                                   [SS_TYPE_LCORE_LIST] = "a list of lcore ids",
                                   [SS_TYPE_UDP_PORTS] = "a list of UDP ports",
                                   [SS_TYPE_WORDS] = "a list of known words",
                                   [SS_TYPE_TLS_PORTS] = "a list of TCP ports, or \"any\"",
                                   [SS_TYPE_OBJECT] = "an object",
                                   [SS_TYPE_OBJECTS] = "a list of objects",
                                   [SS_TYPE_PORTS] = "a list of devices or objects",
                                   [SS_TYPE_JOURNALS] = "an object or a list of objects",
                                   [SS_TYPE_FORMAT] = "a format"};
_Static_assert(COUNT_OF(WHAT) == SS_TYPE_COUNT, "a type has no words");

/* The struct that each section's fields are in. */
#define SECTION(name, owner, change) typedef owner name##_owner;
#include "tables/config.def"

enum { AT_START = false, RELOAD = true };
static const bool RELOADS[] = {
#define SECTION(name, owner, change) change,
#include "tables/config.def"
};

enum { OPTIONAL = false, REQUIRED = true };
#define PLACE(holder, field)   .offset = offsetof(holder##_owner, field)
#define SIZE_OF(holder, field) .size = sizeof(((holder##_owner *)NULL)->field)

static const struct ss_config_member MEMBERS[] = {
#define KEY(holder, name, kind, field, need, value, least, most, line)                                       \
    {.section = SS_SECTION_##holder,                                                                         \
     .key = name,                                                                                            \
     .type = SS_TYPE_##kind,                                                                                 \
     PLACE(holder, field),                                                                                   \
     SIZE_OF(holder, field),                                                                                 \
     .required = need,                                                                                       \
     .standard = value,                                                                                      \
     .low = (uint64_t)(least),                                                                               \
     .high = (uint64_t)(most),                                                                               \
     .sub = SS_SECTION_NONE,                                                                                 \
     .about = line},
#define NAME(holder, name, kind, field, words, value, line)                                                  \
    {.section = SS_SECTION_##holder,                                                                         \
     .key = name,                                                                                            \
     .type = SS_TYPE_##kind,                                                                                 \
     PLACE(holder, field),                                                                                   \
     SIZE_OF(holder, field),                                                                                 \
     .standard = value,                                                                                      \
     .names = words,                                                                                         \
     .sub = SS_SECTION_NONE,                                                                                 \
     .about = line},
#define LIST(holder, name, kind, field, count, need, value, fewest, most, entry, line)                       \
    {.section = SS_SECTION_##holder,                                                                         \
     .key = name,                                                                                            \
     .type = SS_TYPE_##kind,                                                                                 \
     PLACE(holder, field),                                                                                   \
     SIZE_OF(holder, field[0]),                                                                              \
     .count_offset = offsetof(holder##_owner, count),                                                        \
     .required = need,                                                                                       \
     .standard = value,                                                                                      \
     .low = fewest,                                                                                          \
     .high = most,                                                                                           \
     .sub = SS_SECTION_##entry,                                                                              \
     .about = line},
#define OBJECT(holder, name, inner, need, line)                                                              \
    {.section = SS_SECTION_##holder,                                                                         \
     .key = name,                                                                                            \
     .type = SS_TYPE_OBJECT,                                                                                 \
     .required = need,                                                                                       \
     .sub = SS_SECTION_##inner,                                                                              \
     .about = line},
#define FORMAT_KEY(index, name, line)                                                                        \
    {.section = SS_SECTION_FORMAT_JSON,                                                                      \
     .key = name,                                                                                            \
     .type = SS_TYPE_POINTER,                                                                                \
     PLACE(FORMAT_JSON, pointers[SS_KEY_##index]),                                                           \
     .low = 1,                                                                                               \
     .high = 255,                                                                                            \
     .sub = SS_SECTION_NONE,                                                                                 \
     .about = line},                                                                                         \
        {.section = SS_SECTION_FORMAT_FIELDS,                                                                \
         .key = name,                                                                                        \
         .type = SS_TYPE_FIELD,                                                                              \
         PLACE(FORMAT_FIELDS, pointers[SS_KEY_##index]),                                                     \
         .low = 1,                                                                                           \
         .high = 64,                                                                                         \
         .sub = SS_SECTION_NONE,                                                                             \
         .about = line},
#include "tables/config.def"
#define X(name, json, end, owner, line)                                                                      \
    {.section = SS_SECTION_PHASES,                                                                           \
     .key = json,                                                                                            \
     .type = SS_TYPE_DURATION,                                                                               \
     PLACE(PHASES, slow.phase_ns[SS_PHASE_##name]),                                                          \
     .high = 24 * 3600 * SS_NS_PER_S,                                                                        \
     .sub = SS_SECTION_NONE,                                                                                 \
     .about = line},
#include "tables/phases.def"
#undef X
};

const struct ss_config_member *ss_config_member_next(enum ss_config_section section,
                                                     const struct ss_config_member *after)
{
    for (const struct ss_config_member *member = after != NULL ? after + 1 : MEMBERS;
         member < MEMBERS + COUNT_OF(MEMBERS); member++)
        if (member->section == section)
            return member;
    return NULL;
}

const struct ss_config_member *ss_config_member_find(enum ss_config_section section, const char *key)
{
    const struct ss_config_member *member = NULL;
    while ((member = ss_config_member_next(section, member)) != NULL)
        if (strcmp(member->key, key) == 0)
            break;
    return member;
}

bool ss_config_member_reloads(const struct ss_config_member *member)
{
    return RELOADS[member->section] || (member->sub != SS_SECTION_NONE && RELOADS[member->sub]);
}

const char *ss_config_format_name(enum ss_journal_format format)
{
    assert(format < SS_FORMAT_COUNT);
    return FORMATS[format];
}

const char *ss_config_type_what(enum ss_config_type type)
{
    assert(type < SS_TYPE_COUNT);
    return WHAT[type];
}

/* "a", "b" or "c" */
static char *list_words(const char *const *words, size_t count, char *ret_text, size_t bytes)
{
    size_t at = 0;
    for (size_t i = 0; i < count && at < bytes; i++) {
        const char *between = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        at += (size_t)snprintf(ret_text + at, bytes - at, "%s\"%s\"", between, words[i]);
    }
    return ret_text;
}

static void list_names(const char *const *names, char ret_text[SS_CONFIG_BOUNDS_MAX])
{
    size_t count = 0;
    while (names[count] != NULL)
        count++;
    list_words(names, count, ret_text, SS_CONFIG_BOUNDS_MAX);
}

static void format_bounds(char ret_text[SS_CONFIG_BOUNDS_MAX])
{
    list_words(FORMATS, SS_FORMAT_PRESETS, ret_text, SS_CONFIG_BOUNDS_MAX);
    size_t length = strlen(ret_text);
    snprintf(ret_text + length, SS_CONFIG_BOUNDS_MAX - length,
             ", or an object with one of regex, json and fields");
}

char *ss_config_member_bounds(const struct ss_config_member *member, char ret_text[SS_CONFIG_BOUNDS_MAX])
{
    char low[SS_DURATION_TEXT_MAX], high[SS_DURATION_TEXT_MAX];
    const char *unit = "";
    snprintf(low, sizeof(low), "%" PRIu64, member->low);
    snprintf(high, sizeof(high), "%" PRIu64, member->high);
    switch (member->type) {
    case SS_TYPE_WORD:
    case SS_TYPE_NAME:
    case SS_TYPE_WORDS:
        list_names(member->names, ret_text);
        return ret_text;
    case SS_TYPE_FORMAT:
        format_bounds(ret_text);
        return ret_text;
    case SS_TYPE_OBJECT:
    case SS_TYPE_BOOL:
        snprintf(ret_text, SS_CONFIG_BOUNDS_MAX, "%s", WHAT[member->type]);
        return ret_text;
    case SS_TYPE_DURATION:
        ss_duration_format((int64_t)member->low, low);
        ss_duration_format((int64_t)member->high, high);
        break;
    case SS_TYPE_SIZE:
        ss_size_format(member->low, low);
        ss_size_format(member->high, high);
        break;
    case SS_TYPE_TEXT:
    case SS_TYPE_STRING:
    case SS_TYPE_POINTER:
    case SS_TYPE_FIELD:
        unit = " bytes";
        break;
    case SS_TYPE_ARGUMENTS:
    case SS_TYPE_MATCHES:
    case SS_TYPE_LCORE_LIST:
    case SS_TYPE_UDP_PORTS:
    case SS_TYPE_OBJECTS:
    case SS_TYPE_PORTS:
    case SS_TYPE_JOURNALS:
        unit = " entries";
        break;
    default:
        break;
    }
    snprintf(ret_text, SS_CONFIG_BOUNDS_MAX, "%s to %s%s", low, high, unit);
    return ret_text;
}

char *ss_config_section_keys(enum ss_config_section section, char ret_text[SS_CONFIG_KEYS_MAX])
{
    const struct ss_config_member *member = NULL;
    const char *keys[COUNT_OF(MEMBERS)];
    size_t count = 0;
    while ((member = ss_config_member_next(section, member)) != NULL)
        keys[count++] = member->key;
    return list_words(keys, count, ret_text, SS_CONFIG_KEYS_MAX);
}

#define KEY_TEXT_MAX 32
#define LETTERS_MAX  2 /* that are wrong in a key that is near; of short ones less than half */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* How many letters must be put in, taken out or replaced (Levenshtein), row by row. */
static unsigned distance(const char *a, const char *b)
{
    size_t a_length = strlen(a), b_length = strlen(b);
    unsigned row[KEY_TEXT_MAX + 1];
    assert(b_length <= KEY_TEXT_MAX);
    for (unsigned j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_length];
}

const char *ss_config_key_like(enum ss_config_section section, const char *text)
{
    const struct ss_config_member *member = NULL;
    const char *best = NULL;
    size_t length = strlen(text);
    if (length > KEY_TEXT_MAX)
        return NULL;
    unsigned best_letters = LETTERS_MAX + 1;
    while ((member = ss_config_member_next(section, member)) != NULL) {
        unsigned letters = distance(text, member->key);
        if (letters < best_letters && 2 * letters < length) {
            best_letters = letters;
            best = member->key;
        }
    }
    return best;
}
