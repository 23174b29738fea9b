// SPDX-License-Identifier: BSD-3-Clause
/* Keys that are given twice: jansson keeps the last one, or gives the whole text up for the first. */

#include "config/reader.h"

#include <stdio.h>

/* A walk over the tokens of JSON that is known to be valid. */
struct walk {
    const char *at, *end;
    const char *line; /* where it begins */
    int line_number;
    bool is_value; /* a colon was before it */
    json_t *open;  /* of each object and list that it is in, the outermost first: the keys so far, or null */
};

static json_t *innermost(const struct walk *walk)
{
    return json_array_get(walk->open, json_array_size(walk->open) - 1);
}

/* Past the string that begins at a quote. */
static const char *string_end(const struct walk *walk)
{
    const char *at = walk->at + 1;
    while (at < walk->end && *at != '"')
        at += *at == '\\' ? 2 : 1;
    return at < walk->end ? at + 1 : walk->end;
}

/* In characters (RFC 3629: 10xxxxxx continues one), the first is 1. */
static int column_of(const struct walk *walk)
{
    int column = 1;
    for (const char *at = walk->line; at < walk->at; at++)
        column += ((unsigned char)*at & 0xc0) != 0x80;
    return column;
}

static void complain(struct ss_config_reader *reader, const struct walk *walk, const json_t *key)
{
    char found[SS_CONFIG_FOUND_MAX], sentence[SS_CONFIG_FOUND_MAX + 64];
    ss_config_describe(key, found);
    snprintf(sentence, sizeof(sentence), "the key %s is given twice (wanted: once)", found);
    ss_config_complain_at(reader, walk->line_number, column_of(walk), sentence);
}

static void see_key(struct ss_config_reader *reader, const struct walk *walk, const char *key_end)
{
    json_t *keys = innermost(walk);
    json_t *key = json_loadb(walk->at, (size_t)(key_end - walk->at), JSON_DECODE_ANY, NULL);
    if (key == NULL)
        reader->out_of_memory = true;
    else if (json_object_get(keys, json_string_value(key)) != NULL)
        complain(reader, walk, key);
    else if (json_object_set_new(keys, json_string_value(key), json_true()) != 0)
        reader->out_of_memory = true;
    json_decref(key);
}

static void see_string(struct ss_config_reader *reader, struct walk *walk)
{
    const char *end = string_end(walk);
    if (json_is_object(innermost(walk)) && !walk->is_value)
        see_key(reader, walk, end);
    walk->at = end;
}

static void enter(struct ss_config_reader *reader, struct walk *walk, json_t *keys)
{
    walk->is_value = false;
    if (json_array_append_new(walk->open, keys) != 0)
        reader->out_of_memory = true;
}

static void see_mark(struct ss_config_reader *reader, struct walk *walk)
{
    char mark = *walk->at++;
    if (mark == '{')
        enter(reader, walk, json_object());
    else if (mark == '[')
        enter(reader, walk, json_null());
    else if (mark == '}' || mark == ']')
        json_array_remove(walk->open, json_array_size(walk->open) - 1);
    else if (mark == ':' || mark == ',')
        walk->is_value = mark == ':';
    if (mark != '\n')
        return;
    walk->line = walk->at;
    walk->line_number++;
}

void ss_config_check_duplicates(struct ss_config_reader *reader, const char *text, size_t length)
{
    struct walk walk = {.at = text, .end = text + length, .line = text, .line_number = 1};
    walk.open = json_array();
    while (walk.at < walk.end && !reader->out_of_memory)
        if (*walk.at == '"')
            see_string(reader, &walk);
        else
            see_mark(reader, &walk);
    json_decref(walk.open);
}
