// SPDX-License-Identifier: BSD-3-Clause
#include "config/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 1024
#define KEY_MAX_BYTES  64

/* How much of text fits into bytes, not ending within a UTF-8 character (RFC 3629: 10xxxxxx continues one).
 */
static size_t fitting(const char *text, size_t bytes)
{
    size_t length = strnlen(text, bytes + 1);
    if (length <= bytes)
        return length;
    while (bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80)
        bytes--;
    return bytes;
}

/* The path grows by a piece of text; what was written goes out of bounds only by being cut. */
static size_t grow_path(struct ss_config_reader *reader, int would_be)
{
    size_t before = reader->path_length, room = sizeof(reader->path) - before;
    if (would_be < 0)
        return before;
    reader->path_length += (size_t)would_be < room ? (size_t)would_be : room - 1;
    return before;
}

size_t ss_config_enter(struct ss_config_reader *reader, const char *key)
{
    char *end = reader->path + reader->path_length;
    size_t room = sizeof(reader->path) - reader->path_length;
    int length = (int)fitting(key, KEY_MAX_BYTES);
    return grow_path(reader, snprintf(end, room, "%s%.*s", reader->path_length > 0 ? "." : "", length, key));
}

size_t ss_config_enter_entry(struct ss_config_reader *reader, size_t i)
{
    char *end = reader->path + reader->path_length;
    return grow_path(reader, snprintf(end, sizeof(reader->path) - reader->path_length, "[%zu]", i));
}

void ss_config_leave(struct ss_config_reader *reader, size_t path_length)
{
    reader->path_length = path_length;
    reader->path[path_length] = '\0';
}

/* Control characters of a hostile file must not reach a terminal. */
static void clean(char *line)
{
    for (; *line != '\0'; line++)
        if ((unsigned char)*line < 0x20 || *line == 0x7f)
            *line = '?';
}

static void add_line(struct ss_config_reader *reader, char *line)
{
    struct ss_config_errors *errors = &reader->errors;
    clean(line);
    char **lines = realloc(errors->lines, (errors->count + 1) * sizeof(*lines));
    if (lines != NULL)
        errors->lines = lines;
    char *copy = lines != NULL ? strdup(line) : NULL;
    if (copy == NULL)
        reader->out_of_memory = true;
    else
        errors->lines[errors->count++] = copy;
}

void ss_config_complain(struct ss_config_reader *reader, const char *format, ...)
{
    char sentence[LINE_MAX_BYTES], line[2 * LINE_MAX_BYTES + SS_CONFIG_PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    snprintf(line, sizeof(line), "%.1000s: %s%s%s", reader->file, reader->path,
             reader->path_length > 0 ? ": " : "", sentence);
    add_line(reader, line);
}

void ss_config_complain_at(struct ss_config_reader *reader, int line_number, int column, const char *sentence)
{
    char line[2 * LINE_MAX_BYTES];
    snprintf(line, sizeof(line), "%.1000s:%d:%d: %.900s", reader->file, line_number > 0 ? line_number : 1,
             column > 0 ? column : 0, sentence);
    add_line(reader, line);
}

void ss_config_describe(const json_t *found, char ret_text[SS_CONFIG_FOUND_MAX])
{
    if (json_is_object(found) || json_is_array(found)) {
        snprintf(ret_text, SS_CONFIG_FOUND_MAX, json_is_object(found) ? "an object" : "a list");
        return;
    }
    char *text = json_dumps(found, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    size_t length = text != NULL ? strlen(text) : 0;
    if (length >= SS_CONFIG_FOUND_MAX) {
        int kept = (int)fitting(text, SS_CONFIG_FOUND_MAX - sizeof("...\""));
        snprintf(ret_text, SS_CONFIG_FOUND_MAX, "%.*s...\"", kept, text);
    } else {
        snprintf(ret_text, SS_CONFIG_FOUND_MAX, "%s", text != NULL ? text : "it");
    }
    free(text);
}

void ss_config_refuse(struct ss_config_reader *reader, const json_t *found, const char *what,
                      const char *wanted)
{
    char text[SS_CONFIG_FOUND_MAX];
    ss_config_describe(found, text);
    ss_config_complain(reader, "%s is not %s (wanted: %s)", text, what, wanted);
}

void ss_config_refuse_range(struct ss_config_reader *reader, const json_t *found, const char *wanted)
{
    char text[SS_CONFIG_FOUND_MAX];
    ss_config_describe(found, text);
    ss_config_complain(reader, "%s is out of range (wanted: %s)", text, wanted);
}
