// SPDX-License-Identifier: BSD-3-Clause
#include "config/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What slowshake read does without a file; docs/config.md shows it. */
static const char FOR_READING[] =
    "{\"tls\": {\"ports\": \"any\"}, \"flows\": {\"max\": 100000},"
    " \"history\": {\"handshakes\": {\"memory\": \"64MiB\"}},"
    " \"slow\": {\"handshake\": \"300ms\", \"phases\": {\"client_finish\": \"200ms\"},"
    " \"unfinished\": \"10s\"}}";

static struct ss_config *create(struct ss_config_reader *reader)
{
    struct ss_config *config = calloc(1, sizeof(*config));
    if (config == NULL) {
        reader->out_of_memory = true;
        return NULL;
    }
    if (gethostname(config->sensor, sizeof(config->sensor)) != 0 || config->sensor[0] == '\0')
        memcpy(config->sensor, "slowshake", sizeof("slowshake"));
    config->sensor[sizeof(config->sensor) - 1] = '\0'; /* a name that was cut may lack it */
    ss_slow_init(&config->slow);
    ss_config_set_defaults(reader, SS_SECTION_ROOT, config);
    if (reader->for_reading) { /* a capture is from anywhere, and --out is a directory of the user's */
        config->tap = SS_TAP_MIDDLE;
        config->quota_bytes = 0;
    }
    return config;
}

/* NULL where anything is wrong, which reader then says. */
static struct ss_config *read_text(struct ss_config_reader *reader, const char *text, size_t length)
{
    json_error_t error;
    json_t *root = json_loadb(text, length, 0, &error);
    if (root == NULL) {
        ss_config_complain_at(reader, error.line, error.column, error.text);
        return NULL;
    }
    ss_config_check_duplicates(reader, text, length);
    struct ss_config *config = create(reader);
    if (config != NULL)
        ss_config_read_section(reader, SS_SECTION_ROOT, root, config);
    json_decref(root);
    if (reader->out_of_memory)
        ss_config_complain(reader, "out of memory");
    if (!reader->out_of_memory && reader->errors.count == 0)
        return config;
    ss_config_free(config);
    return NULL;
}

static int load_text(struct ss_config_reader *reader, const char *text, size_t length,
                     struct ss_config **ret_config, struct ss_config_errors *ret_errors)
{
    struct ss_config *config = read_text(reader, text, length);
    if (config == NULL) {
        *ret_errors = reader->errors;
        return -EINVAL;
    }
    *ret_config = config;
    *ret_errors = reader->errors; /* none */
    return 0;
}

int ss_config_load_text(const char *file, const char *text, size_t length, struct ss_config **ret_config,
                        struct ss_config_errors *ret_errors)
{
    struct ss_config_reader reader = {.file = file};
    return load_text(&reader, text, length, ret_config, ret_errors);
}

/* The whole file; NULL and a complaint where it cannot be read. */
static char *read_file(struct ss_config_reader *reader, size_t *ret_length)
{
    FILE *file = fopen(reader->file, "re");
    char *text = file != NULL ? malloc(SS_CONFIG_FILE_MAX + 1) : NULL;
    size_t length = text != NULL ? fread(text, 1, SS_CONFIG_FILE_MAX + 1, file) : 0;
    bool failed = text == NULL || ferror(file);
    if (failed)
        ss_config_complain(reader, "cannot be read: %s", strerror(errno));
    else if (length > SS_CONFIG_FILE_MAX)
        ss_config_complain(reader, "is larger than 1MiB, which no configuration is");
    if (file != NULL)
        fclose(file);
    if (failed || length > SS_CONFIG_FILE_MAX) {
        free(text);
        return NULL;
    }
    *ret_length = length;
    return text;
}

static int load_file(struct ss_config_reader *reader, struct ss_config **ret_config,
                     struct ss_config_errors *ret_errors)
{
    size_t length;
    char *text = read_file(reader, &length);
    if (text == NULL) {
        *ret_errors = reader->errors;
        return -EINVAL;
    }
    int result = load_text(reader, text, length, ret_config, ret_errors);
    free(text);
    return result;
}

int ss_config_load(const char *path, struct ss_config **ret_config, struct ss_config_errors *ret_errors)
{
    struct ss_config_reader reader = {.file = path};
    return load_file(&reader, ret_config, ret_errors);
}

int ss_config_load_for_reading(const char *path, struct ss_config **ret_config,
                               struct ss_config_errors *ret_errors)
{
    struct ss_config_reader reader = {.file = path, .for_reading = true};
    return load_file(&reader, ret_config, ret_errors);
}

struct ss_config *ss_config_default(void)
{
    struct ss_config_reader reader = {.file = "default", .for_reading = true};
    struct ss_config *config = read_text(&reader, FOR_READING, sizeof(FOR_READING) - 1);
    ss_config_errors_free(&reader.errors);
    return config;
}

void ss_config_free(struct ss_config *config)
{
    if (config == NULL)
        return;
    ss_config_free_section(SS_SECTION_ROOT, config);
    free(config);
}

void ss_config_errors_free(struct ss_config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        free(errors->lines[i]);
    free(errors->lines);
    *errors = (struct ss_config_errors){0};
}
