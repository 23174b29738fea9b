// SPDX-License-Identifier: BSD-3-Clause

/* What becomes of a pcapng file that was whole when a crash came between it and its record: the record stands
 * in its section's comment, and is written to flows.jsonl from there. */

#include "export/files.h"
#include "export/record.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTION_BYTES   24 /* of a section header block, before its options */
#define OPTION_COMMENT  1
#define COMMENT_MAX     65535
#define REVISION_ABSENT 0

/* The comment that our own writer puts first, as a text; NULL: there is none. */
static char *read_comment(int fd)
{
    unsigned char head[SECTION_BYTES + 4];
    uint16_t option, length;

    if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
        return NULL;
    memcpy(&option, head + SECTION_BYTES, sizeof(option));
    memcpy(&length, head + SECTION_BYTES + 2, sizeof(length));
    if (option != OPTION_COMMENT || length == COMMENT_MAX) /* a comment that long was cut */
        return NULL;
    char *text = malloc(length + 1u);
    if (text == NULL || pread(fd, text, length, sizeof(head)) != length) {
        free(text);
        return NULL;
    }
    text[length] = '\0';
    return text;
}

static json_int_t revision_of(const json_t *record)
{
    const json_t *revision = json_object_get(record, "revision");
    return json_is_integer(revision) ? json_integer_value(revision) : REVISION_ABSENT;
}

/* Whether the line is a record of that id, of at least that revision. */
static bool is_record_of(const char *line, const char *id, json_int_t revision)
{
    json_t *record = strstr(line, id) != NULL ? json_loads(line, 0, NULL) : NULL;
    const char *found = json_string_value(json_object_get(record, "id"));
    bool is_it = found != NULL && strcmp(found, id) == 0 && revision_of(record) >= revision;

    json_decref(record);
    return is_it;
}

static bool has_record_in(int day, const char *lines, const char *id, json_int_t revision)
{
    int fd = openat(day, lines, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    if (file == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    while (!found && getline(&line, &room, file) > 0)
        found = is_record_of(line, id, revision);
    free(line);
    fclose(file);
    return found;
}

static bool has_record(int day, const char *id, json_int_t revision)
{
    return has_record_in(day, SS_FILES_FLOWS, id, revision) ||
           has_record_in(day, SS_FILES_EARLIER, id, revision);
}

/* "<id>.pcapng" of ".<id>.pcapng.due"; "": that is not what it is called. */
static void name_of(const char *due, char name[SS_FILES_NAME_MAX], char id[SS_FILES_NAME_MAX])
{
    size_t length = strlen(due) - 1 - strlen(SS_FILES_DUE), stem = strspn(due + 1, "0123456789abcdef-");
    static const char ending[] = ".pcapng";

    name[0] = id[0] = '\0';
    if (length >= SS_FILES_NAME_MAX || stem + strlen(ending) != length ||
        strncmp(due + 1 + stem, ending, strlen(ending)) != 0)
        return;
    memcpy(name, due + 1, length);
    name[length] = '\0';
    memcpy(id, name, stem);
    id[stem] = '\0';
}

/* The file has its name, or gets it; then its record is there, or is written. 1: it was written. */
static int complete(int day, const char *due, const char *name, const char *id, const char *line,
                    json_int_t revision)
{
    if (renameat(day, due, day, name) != 0 || fsync(day) != 0)
        return -errno;
    if (has_record(day, id, revision))
        return 0;
    int error = ss_files_append_line(day, SS_FILES_FLOWS, line, SS_FILES_NOW);
    return error == 0 ? 1 : error;
}

/* A file that does not say its record: under its name it stays only where a record knows it. */
static void forget(struct ss_files_found *found, int day, const char *name, const char *id)
{
    if (name[0] != '\0' && !has_record(day, id, REVISION_ABSENT) && unlinkat(day, name, 0) == 0)
        found->orphans++;
}

void ss_files_recover(struct ss_files_found *found, int day, const char *due)
{
    char name[SS_FILES_NAME_MAX], id[SS_FILES_NAME_MAX];
    int fd = openat(day, due, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    char *line = fd < 0 ? NULL : read_comment(fd);
    json_t *record = line != NULL ? json_loads(line, 0, NULL) : NULL;
    const char *record_id = json_string_value(json_object_get(record, "id"));
    int result = 0;

    name_of(due, name, id);
    if (name[0] != '\0' && record_id != NULL && strcmp(record_id, id) == 0)
        result = complete(day, due, name, id, line, revision_of(record));
    else
        forget(found, day, name, id);
    found->recovered += result == 1;
    if (result >= 0) /* else it is tried again at the next start; two names of one file stay two */
        unlinkat(day, due, 0);
    json_decref(record);
    free(line);
    if (fd >= 0)
        close(fd);
}
