// SPDX-License-Identifier: BSD-3-Clause
#include "export/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_MODE      0640
#define DIRECTORY_MODE 0750
#define HIDDEN_MAX     (SS_FILES_NAME_MAX + 8)
#define TMP            ".tmp"
#define LOOK_BACK      4096 /* bytes read at a time in search of a newline */

/* ---- The directory ---- */

static int make_path(const char *directory)
{
    char *path = strdup(directory);
    int error = 0;

    if (path == NULL)
        return -ENOMEM;
    for (char *slash = path[0] == '\0' ? NULL : path; slash != NULL && error == 0;) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(path, DIRECTORY_MODE) == 0 ? chmod(path, DIRECTORY_MODE) != 0 : errno != EEXIST)
            error = -errno;
        if (slash != NULL)
            *slash = '/';
    }
    free(path);
    return error;
}

static int open_root(struct ss_files *files)
{
    int error = make_path(files->directory);
    int root = open(files->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return error != 0 ? error : -errno;
    bool alone = flock(root, LOCK_EX | LOCK_NB) == 0;
    files->root = root;
    files->batch_count = files->batch_next = 0;
    ss_files_count(files, alone);
    /* Shared from here on: who opens the directory next is not alone. Where locks do not work, nobody ever
     * was. */
    flock(root, LOCK_SH | LOCK_NB);
    return 0;
}

static void close_root(struct ss_files *files)
{
    if (files->root >= 0)
        close(files->root);
    files->root = -1;
}

/* Somebody may have removed or replaced the directory since it was opened. */
static int hold_root(struct ss_files *files)
{
    struct stat held, named;

    if (files->root >= 0 && fstat(files->root, &held) == 0 && stat(files->directory, &named) == 0 &&
        held.st_dev == named.st_dev && held.st_ino == named.st_ino)
        return 0;
    close_root(files);
    return open_root(files);
}

int ss_files_open(struct ss_files *files, const char *directory)
{
    memset(files, 0, sizeof(*files));
    files->root = -1;
    files->directory = strdup(directory);
    int error = files->directory == NULL ? -ENOMEM : open_root(files);
    if (error != 0)
        ss_files_close(files);
    return error;
}

void ss_files_close(struct ss_files *files)
{
    close_root(files);
    free(files->directory);
    files->directory = NULL;
}

int ss_files_open_day(const struct ss_files *files, const char *day)
{
    int fd = openat(files->root, day, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int ss_files_day(struct ss_files *files, const char *day, int *ret_fd)
{
    int error = hold_root(files);
    if (error != 0)
        return error;
    bool made = mkdirat(files->root, day, DIRECTORY_MODE) == 0;
    if (!made && errno != EEXIST)
        return -errno;
    int fd = ss_files_open_day(files, day);
    if (fd < 0)
        return fd;
    if (made && (fchmod(fd, DIRECTORY_MODE) != 0 || fsync(files->root) != 0)) {
        error = -errno;
        close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

/* ---- Whole files ---- */

static const char *hidden_name(const char *name, const char *ending, char text[HIDDEN_MAX])
{
    snprintf(text, HIDDEN_MAX, ".%s%s", name, ending);
    return text;
}

/* Never what somebody else has put there: a pipe would not let go of us. */
static int create(int day, const char *hidden)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(day, hidden, flags, FILE_MODE);

    if (fd < 0 && errno == EEXIST && unlinkat(day, hidden, 0) == 0)
        fd = openat(day, hidden, flags, FILE_MODE);
    return fd < 0 ? -errno : fd;
}

int ss_files_begin(int day, const char *name, int *ret_fd)
{
    char hidden[HIDDEN_MAX];
    int fd = create(day, hidden_name(name, TMP, hidden));

    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

void ss_files_abandon(int day, const char *name, int fd)
{
    char hidden[HIDDEN_MAX];
    close(fd);
    unlinkat(day, hidden_name(name, TMP, hidden), 0);
}

uint64_t ss_files_bytes(int day, const char *name)
{
    struct stat status;
    bool is_file = fstatat(day, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
    return is_file ? (uint64_t)status.st_size : 0;
}

static void uncount(struct ss_files *files, uint64_t bytes)
{
    files->bytes -= bytes < files->bytes ? bytes : files->bytes;
}

/* A file system without hard links has no second name to give: after a crash, the file may lack its record.
 */
static int give_due_name(int day, const char *hidden, const char *due)
{
    unlinkat(day, due, 0);
    if (linkat(day, hidden, day, due, 0) == 0 || errno == EPERM || errno == EOPNOTSUPP)
        return 0;
    return -errno;
}

int ss_files_commit(struct ss_files *files, int day, const char *name, int fd, bool *ret_is_new)
{
    char hidden[HIDDEN_MAX], due[HIDDEN_MAX];
    uint64_t old_bytes = ss_files_bytes(day, name);
    bool is_new = faccessat(day, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0;

    hidden_name(name, TMP, hidden);
    hidden_name(name, SS_FILES_DUE, due);
    int error = fchmod(fd, FILE_MODE) != 0 || fdatasync(fd) != 0 ? -errno : give_due_name(day, hidden, due);
    if (error == 0 && renameat(day, hidden, day, name) != 0) {
        error = -errno;
        unlinkat(day, due, 0);
    }
    if (error != 0) {
        ss_files_abandon(day, name, fd);
        return error;
    }
    close(fd);
    uncount(files, old_bytes);
    files->bytes += ss_files_bytes(day, name);
    *ret_is_new = is_new;
    return 0;
}

int ss_files_sync_names(int day)
{
    return fsync(day) == 0 ? 0 : -errno;
}

void ss_files_settle(int day, const char *name)
{
    char due[HIDDEN_MAX];
    unlinkat(day, hidden_name(name, SS_FILES_DUE, due), 0);
}

void ss_files_revoke(struct ss_files *files, int day, const char *name)
{
    uint64_t bytes = ss_files_bytes(day, name);

    ss_files_settle(day, name);
    if (unlinkat(day, name, 0) == 0)
        uncount(files, bytes);
}

int ss_files_room(int day, uint64_t *ret_free, uint64_t *ret_size)
{
    struct statvfs status;

    if (fstatvfs(day, &status) != 0)
        return -errno;
    *ret_free = (uint64_t)status.f_bavail * status.f_frsize;
    *ret_size = (uint64_t)status.f_blocks * status.f_frsize;
    return 0;
}

/* ---- Lines ---- */

/* Where the last whole line ends: *ret_length, counted in what stands before length. */
static int find_line_end(int fd, off_t length, off_t *ret_length)
{
    char bytes[LOOK_BACK];

    while (length > 0) {
        off_t from = length > LOOK_BACK ? length - LOOK_BACK : 0;
        ssize_t n = pread(fd, bytes, (size_t)(length - from), from);
        if (n != length - from)
            return n < 0 ? -errno : -EIO;
        while (n > 0 && bytes[n - 1] != '\n')
            n--;
        if (n > 0) {
            *ret_length = from + n;
            return 0;
        }
        length = from;
    }
    *ret_length = 0;
    return 0;
}

/* Takes away a last line that lacks its newline: a crash cut it. 1: there was one. */
static int drop_cut_line(int fd, off_t *ret_length)
{
    struct stat status;
    off_t length;

    if (fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    int error = find_line_end(fd, status.st_size, &length);
    bool is_cut = error == 0 && length != status.st_size;
    if (is_cut && ftruncate(fd, length) != 0)
        error = -errno;
    if (error != 0)
        return error;
    *ret_length = length;
    return is_cut;
}

/* With a file's first line, its name must last too. */
static int sync_line(int fd, int day, off_t old_length, enum ss_files_when when)
{
    bool is_synced = when == SS_FILES_LATER || fdatasync(fd) == 0;

    if (is_synced && old_length == 0)
        is_synced = fchmod(fd, FILE_MODE) == 0 && fsync(day) == 0;
    return is_synced ? 0 : -errno;
}

/* Whole, or not at all. */
static int write_line(int fd, int day, const char *line, off_t old_length, enum ss_files_when when)
{
    size_t line_bytes = strlen(line);
    struct iovec parts[] = {{(void *)(uintptr_t)line, line_bytes}, {(void *)(uintptr_t) "\n", 1}};
    ssize_t written = writev(fd, parts, 2); /* one write, so that no reader meets half a line */
    int error = 0;

    if (written < 0)
        error = -errno;
    else if ((size_t)written != line_bytes + 1)
        error = -ENOSPC;
    else
        error = sync_line(fd, day, old_length, when);
    /* Should this fail too, the next append or start drops the cut line. */
    if (error != 0 && ftruncate(fd, old_length) != 0)
        return error;
    return error;
}

int ss_files_append_line(int day, const char *name, const char *line, enum ss_files_when when)
{
    off_t length;
    int fd = openat(day, name, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

    if (fd < 0)
        return -errno;
    flock(fd, LOCK_EX); /* closing gives it back */
    int error = drop_cut_line(fd, &length);
    if (error >= 0)
        error = write_line(fd, day, line, length, when);
    close(fd);
    return error;
}

int ss_files_sync(int day, const char *name)
{
    int fd = openat(day, name, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    int error = fdatasync(fd) == 0 ? 0 : -errno;
    close(fd);
    return error;
}

int ss_files_append(struct ss_files *files, int day, const char *name, const char *line,
                    enum ss_files_when when)
{
    uint64_t old_bytes = ss_files_bytes(day, name);
    int error = ss_files_append_line(day, name, line, when);

    uncount(files, old_bytes);
    files->bytes += ss_files_bytes(day, name);
    return error;
}

/* ---- What is there ---- */

static bool is_day(const char *name)
{
    static const char form[] = "0000-00-00";

    for (size_t i = 0; i < sizeof(form); i++) {
        if (form[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != form[i])
            return false;
    }
    return true;
}

static int add_day(struct ss_files_days *days, size_t *room, const char *name)
{
    if (days->count == *room) {
        size_t more = *room > 0 ? 2 * *room : 64;
        void *names = reallocarray(days->names, more, sizeof(days->names[0]));
        if (names == NULL)
            return -ENOMEM;
        days->names = names;
        *room = more;
    }
    memcpy(days->names[days->count++], name, SS_FILES_DAY_MAX);
    return 0;
}

static int compare_days(const void *a, const void *b)
{
    return strcmp(a, b);
}

int ss_files_list_days(const struct ss_files *files, struct ss_files_days *ret_days)
{
    struct ss_files_days days = {0};
    size_t room = 0;
    int fd = openat(files->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
    DIR *list = fd < 0 ? NULL : fdopendir(fd);

    if (list == NULL) {
        error = -errno;
        if (fd >= 0)
            close(fd);
        return error;
    }
    for (const struct dirent *entry; error == 0 && (entry = readdir(list)) != NULL;) {
        if (is_day(entry->d_name))
            error = add_day(&days, &room, entry->d_name);
    }
    closedir(list);
    if (error != 0) {
        free(days.names);
        return error;
    }
    if (days.count > 0)
        qsort(days.names, days.count, sizeof(days.names[0]), compare_days);
    *ret_days = days;
    return 0;
}

/* .NAME and the ending. */
static bool is_hidden(const char *name, const char *ending)
{
    size_t length = strlen(name), ending_length = strlen(ending);
    return length > ending_length + 1 && length < HIDDEN_MAX && name[0] == '.' &&
           strcmp(name + length - ending_length, ending) == 0;
}

static void sweep_lines(struct ss_files_found *found, int day, const char *name)
{
    off_t length;
    int fd = openat(day, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return;
    found->cut_lines += drop_cut_line(fd, &length) == 1;
    close(fd);
}

/* Before the day is counted. */
static void sweep_day(struct ss_files_found *found, int day, DIR *list)
{
    sweep_lines(found, day, SS_FILES_EARLIER);
    sweep_lines(found, day, SS_FILES_FLOWS);
    sweep_lines(found, day, SS_FILES_UNMATCHED);
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;) {
        if (is_hidden(entry->d_name, TMP))
            found->halves += unlinkat(day, entry->d_name, 0) == 0;
        else if (is_hidden(entry->d_name, SS_FILES_DUE))
            ss_files_recover(found, day, entry->d_name);
    }
    rewinddir(list);
}

/* The bytes of a day's files; with sweep, once what a crash left is put in order. Takes over day. */
static uint64_t count_day(struct ss_files_found *found, int day, bool sweep)
{
    uint64_t bytes = 0;
    DIR *list = fdopendir(day);

    if (list == NULL) {
        close(day);
        return 0;
    }
    if (sweep)
        sweep_day(found, day, list);
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;)
        bytes += ss_files_bytes(day, entry->d_name);
    closedir(list);
    return bytes;
}

void ss_files_count(struct ss_files *files, bool sweep)
{
    struct ss_files_days days = {0};

    files->bytes = 0;
    ss_files_list_days(files, &days);
    for (size_t i = 0; i < days.count; i++) {
        int fd = ss_files_open_day(files, days.names[i]);
        if (fd >= 0)
            files->bytes += count_day(&files->found, fd, sweep);
    }
    free(days.names);
}
