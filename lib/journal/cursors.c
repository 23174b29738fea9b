// SPDX-License-Identifier: BSD-3-Clause
#include "journal/cursors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD       "slowshake-cursors 1 "
#define HOSTS_MAX  4096
#define LINE_BYTES 1024

static int parse_head(FILE *file, int64_t *ret_saved_ns)
{
    char line[LINE_BYTES];
    char *end;
    if (fgets(line, sizeof(line), file) == NULL || strncmp(line, HEAD, strlen(HEAD)) != 0)
        return -EINVAL;
    errno = 0;
    long long saved_ns = strtoll(line + strlen(HEAD), &end, 10);
    if (errno != 0 || *end != '\n' || saved_ns < 0)
        return -EINVAL;
    *ret_saved_ns = saved_ns;
    return 0;
}

int ss_cursors_add(struct ss_cursors *cursors, const char *host, const char *cursor)
{
    struct ss_cursor *list = reallocarray(cursors->list, cursors->count + 1, sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    cursors->list = list;
    struct ss_cursor *added = &list[cursors->count++];
    added->host = strdup(host);
    added->cursor = strdup(cursor);
    return added->host != NULL && added->cursor != NULL ? 0 : -ENOMEM;
}

static int parse_lines(FILE *file, struct ss_cursors *cursors)
{
    char line[LINE_BYTES];
    while (fgets(line, sizeof(line), file) != NULL) {
        char *end = strchr(line, '\n'), *space = strchr(line, ' ');
        if (end == NULL || space == NULL || space == line || space + 1 == end || cursors->count == HOSTS_MAX)
            return -EINVAL;
        *end = *space = '\0';
        int error = ss_cursors_add(cursors, space + 1, line);
        if (error != 0)
            return error;
    }
    return ferror(file) ? -EIO : 0;
}

int ss_cursors_load(const char *path, struct ss_cursors *ret_cursors)
{
    struct ss_cursors cursors = {.count = 0};
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -errno;
    int error = parse_head(file, &cursors.saved_ns);
    if (error == 0)
        error = parse_lines(file, &cursors);
    fclose(file);
    if (error != 0) {
        ss_cursors_free(&cursors);
        return error;
    }
    *ret_cursors = cursors;
    return 0;
}

void ss_cursors_free(struct ss_cursors *cursors)
{
    for (size_t i = 0; i < cursors->count; i++) {
        free(cursors->list[i].host);
        free(cursors->list[i].cursor);
    }
    free(cursors->list);
    *cursors = (struct ss_cursors){.count = 0};
}

const char *ss_cursors_find(const struct ss_cursors *cursors, const char *host)
{
    for (size_t i = 0; i < cursors->count; i++)
        if (strcmp(cursors->list[i].host, host) == 0)
            return cursors->list[i].cursor;
    return NULL;
}

/* Writes and syncs the hidden file. */
static int write_hidden(int directory, const char *name, const struct ss_cursors *cursors)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    FILE *file = fdopen(fd, "w");
    if (file == NULL) {
        close(fd);
        return -ENOMEM;
    }
    fprintf(file, HEAD "%" PRId64 "\n", cursors->saved_ns);
    for (size_t i = 0; i < cursors->count; i++)
        fprintf(file, "%s %s\n", cursors->list[i].cursor, cursors->list[i].host);
    int error = 0;
    errno = EIO;
    if (ferror(file) || fflush(file) != 0 || fdatasync(fd) != 0)
        error = -errno;
    if (fclose(file) != 0 && error == 0)
        error = -errno;
    return error;
}

static int save_in(int directory, const char *name, const struct ss_cursors *cursors)
{
    char hidden[300];
    if ((size_t)snprintf(hidden, sizeof(hidden), ".%s.new", name) >= sizeof(hidden))
        return -ENAMETOOLONG;
    int error = write_hidden(directory, hidden, cursors);
    if (error == 0 && renameat(directory, hidden, directory, name) != 0)
        error = -errno;
    if (error != 0)
        unlinkat(directory, hidden, 0);
    else if (fsync(directory) != 0) /* or the rename may be gone after a crash */
        error = -errno;
    return error;
}

int ss_cursors_save(const char *path, const struct ss_cursors *cursors)
{
    char *directory_text = strdup(path), *name_text = strdup(path);
    int error = -ENOMEM;
    if (directory_text != NULL && name_text != NULL) {
        int directory = open(dirname(directory_text), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        error = directory < 0 ? -errno : save_in(directory, basename(name_text), cursors);
        if (directory >= 0)
            close(directory);
    }
    free(directory_text);
    free(name_text);
    return error;
}
