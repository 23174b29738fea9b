// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Private to config/: where the reader is in the file, and what it has found wrong so far. */

#include "config/table.h"

#include <jansson.h>
#include <limits.h>

#define SS_CONFIG_PATH_MAX  512
#define SS_CONFIG_FOUND_MAX 64
#define SS_CONFIG_FILE_MAX  (1u << 20) /* bytes; more is no configuration */
#define SS_CONFIG_NO_LCORE  UINT_MAX   /* stands where an lcore is missing or was refused */

struct ss_config_reader {
    const char *file;
    struct ss_config_errors errors;
    char path[SS_CONFIG_PATH_MAX]; /* "slow.phases.client_finish", "tls.ports[2]" */
    size_t path_length;
    bool for_reading; /* slowshake read: other defaults, and nothing is required that only the appliance uses
                       */
    bool out_of_memory;
    bool given[SS_KEY_COUNT]; /* what the last format takes out of an entry, as far as it could be read */
};

/* Appends to the path; what they return goes to ss_config_leave. A path that is too long is cut. */
size_t ss_config_enter(struct ss_config_reader *reader, const char *key);
size_t ss_config_enter_entry(struct ss_config_reader *reader, size_t i);
void ss_config_leave(struct ss_config_reader *reader, size_t path_length);

/* Adds "FILE: PATH: SENTENCE". */
void ss_config_complain(struct ss_config_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Adds "FILE:LINE:COLUMN: SENTENCE". */
void ss_config_complain_at(struct ss_config_reader *reader, int line, int column, const char *sentence);
/* A value as it stands in the file, for sentences; cut if it is long. */
void ss_config_describe(const json_t *found, char ret_text[SS_CONFIG_FOUND_MAX]);
/* "FOUND is not WHAT (wanted: WANTED)" */
void ss_config_refuse(struct ss_config_reader *reader, const json_t *found, const char *what,
                      const char *wanted);
/* "FOUND is out of range (wanted: WANTED)" */
void ss_config_refuse_range(struct ss_config_reader *reader, const json_t *found, const char *wanted);

/* All defaults of a section, nested ones too, into its struct. */
void ss_config_set_defaults(struct ss_config_reader *reader, enum ss_config_section section, void *owner);
/* A JSON value that should be the section's object, into its struct, which has the defaults already. */
void ss_config_read_section(struct ss_config_reader *reader, enum ss_config_section section,
                            const json_t *object, void *owner);
/* Frees what the section's struct owns, nested ones too. */
void ss_config_free_section(enum ss_config_section section, void *owner);

/* What one table row cannot say, between values that could be read: a number that was refused is 0, a text
 * NULL, an lcore SS_CONFIG_NO_LCORE, and nothing more is said about it. */
void ss_config_check_section(struct ss_config_reader *reader, enum ss_config_section section,
                             const void *owner);
void ss_config_check_list(struct ss_config_reader *reader, const struct ss_config_member *member,
                          const void *owner);
void ss_config_check_journal(struct ss_config_reader *reader, const struct ss_config_journal *journal);
/* The journal's format: a preset, or the JSON value of its regex, json or fields. */
void ss_config_check_preset(struct ss_config_reader *reader, enum ss_journal_format preset);
void ss_config_check_format(struct ss_config_reader *reader, const struct ss_config_journal *journal,
                            const json_t *format);
bool ss_config_is_pointer(const char *text);
bool ss_config_is_field(const char *text, size_t length);

/* Complains of every key of valid JSON text that its object has already. */
void ss_config_check_duplicates(struct ss_config_reader *reader, const char *text, size_t length);

/* As ss_config_load, from text; file is the name for the errors. */
int ss_config_load_text(const char *file, const char *text, size_t length, struct ss_config **ret_config,
                        struct ss_config_errors *ret_errors);
