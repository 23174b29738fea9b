// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Private to config/ and to what writes its documentation: the rows of tables/config.def.
 *
 * A section is one JSON object with the struct that holds its values; a nested object may share its parent's
 * struct.
 */

#include "config/config.h"

#define SECTION(name, ...) SS_SECTION_##name,
enum ss_config_section {
#include "tables/config.def"
    SS_SECTION_COUNT,
    SS_SECTION_NONE = SS_SECTION_COUNT
};

enum ss_config_type {
    SS_TYPE_TEXT,       /* char[] */
    SS_TYPE_STRING,     /* char *, allocated; NULL: absent */
    SS_TYPE_POINTER,    /* a STRING that is a JSON pointer (RFC 6901) */
    SS_TYPE_FIELD,      /* a STRING that is the name of a journal field */
    SS_TYPE_WORD,       /* a STRING that is one of names */
    SS_TYPE_NAME,       /* an enum or a bool: the index of one of names */
    SS_TYPE_DURATION,   /* int64_t; SS_SLOW_NEVER: absent */
    SS_TYPE_SIZE,       /* uint64_t */
    SS_TYPE_INTEGER,    /* unsigned */
    SS_TYPE_LCORE,      /* unsigned */
    SS_TYPE_BOOL,       /* bool */
    SS_TYPE_ARGUMENTS,  /* char *[], NULL-terminated */
    SS_TYPE_MATCHES,    /* char **, NULL-terminated, itself allocated */
    SS_TYPE_LCORE_LIST, /* unsigned[] and a count */
    SS_TYPE_UDP_PORTS,  /* uint16_t[] and a count */
    SS_TYPE_WORDS,      /* bool[]: which of names are in the list */
    SS_TYPE_TLS_PORTS,  /* "any" or a list: ss_config's any_port and tls_ports */
    SS_TYPE_OBJECT,     /* section sub, in the same struct */
    SS_TYPE_OBJECTS,    /* a list of section sub: struct[] and a count */
    SS_TYPE_PORTS,      /* OBJECTS; an entry that is a string is its device */
    SS_TYPE_JOURNALS,   /* OBJECTS; one object stands for a list of one */
    SS_TYPE_FORMAT,     /* a preset's name, or section FORMAT */
    SS_TYPE_COUNT
};

struct ss_config_member {
    enum ss_config_section section;
    enum ss_config_type type;
    const char *key;
    bool required;
    size_t offset; /* of the field in the section's struct */
    size_t size;   /* of the field; for lists: of one entry */
    size_t count_offset;
    const char *standard; /* the default as JSON text, or NULL */
    uint64_t low, high;
    const char *const *names; /* NULL-terminated */
    enum ss_config_section sub;
    const char *about;
};

#define SS_CONFIG_BOUNDS_MAX 160
#define SS_CONFIG_KEYS_MAX   320

/* The section's members in order: start with NULL; NULL after the last. */
const struct ss_config_member *ss_config_member_next(enum ss_config_section section,
                                                     const struct ss_config_member *after);
/* NULL: the section has no such key. */
const struct ss_config_member *ss_config_member_find(enum ss_config_section section, const char *key);

/* Whether SIGHUP brings a change of it into effect. */
bool ss_config_member_reloads(const struct ss_config_member *member);

/* The names of enum ss_journal_format. */
const char *ss_config_format_name(enum ss_journal_format format);
/* The first of them that are no presets. */
#define SS_FORMAT_PRESETS SS_FORMAT_REGEX

/* "a duration such as "300ms"", for sentences. */
const char *ss_config_type_what(enum ss_config_type type);

/* What values it takes, for sentences: "1 to 65535"; writes and returns ret_text. */
char *ss_config_member_bounds(const struct ss_config_member *member, char ret_text[SS_CONFIG_BOUNDS_MAX]);

/* All keys of the section, for sentences: ""memory" or "per_flow""; writes and returns ret_text. */
char *ss_config_section_keys(enum ss_config_section section, char ret_text[SS_CONFIG_KEYS_MAX]);

/* The key of the section that the text most looks like; NULL: none is near. */
const char *ss_config_key_like(enum ss_config_section section, const char *text);
