// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Inside lib/journal: what was taken out of one entry as text, before it is judged.
 *
 * Extractors (key=value lines, regular expressions, JSON, journal fields) fill a struct ss_taken, and
 * ss_taken_judge alone (with judge.h) knows what an address, a duration or a date must look like. The texts
 * point into the entry, which must live until then.
 */

#include "journal/format.h"

#define SS_EXTRACTORS_MAX 6
#define SS_WANTED_MAX     64

struct ss_text {
    const char *at; /* NULL: not there; else not zero-terminated */
    size_t length;
};

/* Goes on where enum ss_journal_key ends, with what only the presets take. */
enum ss_taken_key {
    SS_TAKEN_ACCEPT_DATE = SS_KEY_COUNT, /* 22/Nov/2026:23:28:15.593, in the proxy's time zone */
    SS_TAKEN_REQUEST_DATE,               /* likewise, when a request began */
    SS_TAKEN_TOTAL_MS,                   /* from that date until the line was written */
    SS_TAKEN_AGE_S,                      /* from the accept until the line was written */
    SS_TAKEN_TIMESTAMP,                  /* of the line, in a form that may not be known */
    SS_TAKEN_COUNT,
    SS_TAKEN_OTHER = SS_TAKEN_COUNT /* nothing is made of it, but it is kept for the record */
};

/* What the time of an entry tells if there is none in its text. */
enum ss_line_time {
    SS_LINE_LOGGED,
    SS_LINE_ACCEPTED,
    SS_LINE_ENDED,    /* unless the handshake failed */
    SS_LINE_MEASURED, /* the handshake ended, if the line says how long it took */
};

struct ss_taken {
    enum ss_line_time time;
    struct ss_text values[SS_TAKEN_COUNT];
    char numbers[SS_TAKEN_COUNT][32]; /* text of values that were numbers (JSON) */
    size_t fields_used;
    char fields[SS_EVENT_FIELDS_MAX]; /* as in struct ss_event */
};

void ss_taken_init(struct ss_taken *taken);

/* The first value of a key stays: what follows it in a line may be the client's own text. */
void ss_taken_add(struct ss_taken *taken, unsigned key, struct ss_text name, struct ss_text value);

bool ss_taken_has_client(const struct ss_taken *taken);

/* Copies printable ASCII, everything else as '?', cut to the room there is, with a final zero. */
void ss_taken_copy(char *ret_text, size_t bytes, struct ss_text text);

/* ret_event is written for SS_FORMAT_EVENT only. */
enum ss_format_result ss_taken_judge(const struct ss_taken *taken, int64_t min_duration_ns, int64_t logged_ns,
                                     struct ss_event *ret_event);

/* "client_ip" and so on; key_count is how many keys may be named, SS_KEY_COUNT or SS_TAKEN_COUNT.
 * SS_TAKEN_OTHER: none of them. */
unsigned ss_taken_key_of(struct ss_text name, unsigned key_count);
const char *ss_taken_key_name(unsigned key);

/* A value that is wanted and where it is: a journal field's name or a JSON pointer. */
struct ss_wanted {
    unsigned key;
    const char *where;
};

enum ss_extractor_kind { SS_EXTRACT_KEY_VALUES, SS_EXTRACT_REGEX, SS_EXTRACT_JSON, SS_EXTRACT_FIELDS };

struct ss_extractor_row {
    enum ss_extractor_kind kind;
    const char *regex;
    bool is_other; /* regex: a line that begins like that is of no interest, and no later row is tried */
    /* Up to where == NULL; several may name one key, then the first that is there counts. */
    const struct ss_wanted *wanted;
    const char *needs; /* JSON: what must be there for it to be such a line; NULL: nothing */
    enum ss_line_time time;
};

/* A preset's rows; they are tried in order until one is of the entry's form. */
const struct ss_extractor_row *ss_preset_rows(enum ss_journal_format format, size_t *ret_count);

/* Whether a text is of an extractor's form. */
enum ss_take { SS_TAKE_NOTHING, SS_TAKE_DONE, SS_TAKE_GIVEN_UP };

/* Pairs up to a brace, or a quote that does not begin a value, and behind the server name no more: what
 * follows may be what a client wrote. */
bool ss_key_values_take(struct ss_text message, struct ss_taken *taken);

struct ss_regex;
int ss_regex_create(const char *pattern, unsigned key_count, struct ss_regex **ret_regex, char *ret_why,
                    size_t why_bytes);
void ss_regex_free(struct ss_regex *regex);
bool ss_regex_has_client(const struct ss_regex *regex); /* among its named groups */
enum ss_take ss_regex_take(const struct ss_regex *regex, struct ss_text message, struct ss_taken *taken);

/* Parsed JSON that the taken texts point into; free it when they were judged. */
struct ss_json;
bool ss_json_pointer_valid(const char *pointer);
enum ss_take ss_json_take(struct ss_text message, const char *needs, const struct ss_wanted *wanted,
                          struct ss_taken *taken, struct ss_json **ret_json);
void ss_json_free(struct ss_json *json);
