// SPDX-License-Identifier: BSD-3-Clause
#include "journal/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* Journal files that were not closed properly end in a tilde. */
static bool is_journal_file(const char *name)
{
    return ends_with(name, ".journal") || ends_with(name, ".journal~");
}

/* libsystemd goes down into directories named after a machine's id, 32 hexadecimal digits. */
static bool is_machine_directory(const char *name)
{
    return strlen(name) == 32 && strspn(name, "0123456789abcdefABCDEF") == 32;
}

static void refuse(struct ss_directory *directory, const char *name)
{
    if (directory->refused++ == 0)
        snprintf(directory->refused_name, sizeof(directory->refused_name), "%s", name);
}

/* Counts the journal files of an open directory, which this closes. below: also those of its machines. */
static int look_inside(int fd, struct ss_directory *directory, bool below)
{
    DIR *entries = fdopendir(fd);
    if (entries == NULL) {
        close(fd);
        return -errno;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (is_journal_file(entry->d_name)) {
            directory->files++;
            if (faccessat(fd, entry->d_name, R_OK, AT_EACCESS) != 0 && errno != ENOENT)
                refuse(directory, entry->d_name);
        } else if (below && is_machine_directory(entry->d_name)) {
            int machine = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (machine >= 0)
                look_inside(machine, directory, false);
            else if (errno == EACCES)
                refuse(directory, entry->d_name);
        }
    }
    closedir(entries);
    return 0;
}

static int say(int error, const char *path, char *ret_why, size_t why_bytes)
{
    if (error == -ENOENT)
        snprintf(ret_why, why_bytes,
                 "the journal %s does not exist: create the directory, or name another one", path);
    else if (error == -EACCES)
        snprintf(ret_why, why_bytes,
                 "the journal %s may not be read: run as root or as a member of the group systemd-journal",
                 path);
    else
        snprintf(ret_why, why_bytes, "the journal %s cannot be opened: %s", path, strerror(-error));
    return error;
}

int ss_directory_look(const char *path, struct ss_directory *ret_directory, char *ret_why, size_t why_bytes)
{
    struct ss_directory directory = {.files = 0};
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return say(-errno, path, ret_why, why_bytes);
    if (fstat(fd, &status) != 0) {
        int error = -errno;
        close(fd);
        return say(error, path, ret_why, why_bytes);
    }
    directory.device = status.st_dev;
    directory.inode = status.st_ino;
    directory.is_file = !S_ISDIR(status.st_mode);
    if (directory.is_file) {
        directory.files = 1;
        close(fd);
    } else {
        int error = look_inside(fd, &directory, true);
        if (error != 0)
            return say(error, path, ret_why, why_bytes);
    }
    *ret_directory = directory;
    return 0;
}
