// SPDX-License-Identifier: BSD-3-Clause

/* Removes the oldest of the store's files once there are too many bytes.
 *
 * Lines have shares of the quota, so that of a day which alone is more than it there is room for both lines
 * and pcapng files, the newest of each. */

#include "base/units.h"
#include "export/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files that others removed are noticed after this long at the latest, before anything more is removed. */
#define COUNT_AGAIN_NS (60 * SS_NS_PER_S)

static bool is_pcapng(const char *name)
{
    static const char ending[] = ".pcapng";
    size_t length = strlen(name), stem = strspn(name, "0123456789abcdef-");

    return stem > 0 && length < SS_FILES_NAME_MAX && strcmp(name + stem, ending) == 0;
}

/* Keeps the smallest names, in order. */
static void batch_add(struct ss_files *files, const char *name)
{
    unsigned at = files->batch_count;

    while (at > 0 && strcmp(name, files->batch[at - 1]) < 0)
        at--;
    if (at == SS_FILES_BATCH)
        return;
    if (files->batch_count < SS_FILES_BATCH)
        files->batch_count++;
    memmove(files->batch[at + 1], files->batch[at], (files->batch_count - at - 1) * sizeof(files->batch[0]));
    memcpy(files->batch[at], name, strlen(name) + 1);
}

static bool is_kept_day(const struct ss_files_kept *kept, const char *day)
{
    return strcmp(day, kept->today) == 0 || strcmp(day, kept->day) == 0;
}

static bool is_kept(const struct ss_files_kept *kept, const char *day, const char *name)
{
    return strcmp(name, kept->name) == 0 && strcmp(day, kept->day) == 0;
}

static void batch_fill(struct ss_files *files, const char *day, const struct ss_files_kept *kept)
{
    int fd = ss_files_open_day(files, day);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);

    files->batch_count = files->batch_next = 0;
    memcpy(files->batch_day, day, SS_FILES_DAY_MAX);
    if (list == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;) {
        if (is_pcapng(entry->d_name) && !is_kept(kept, day, entry->d_name))
            batch_add(files, entry->d_name);
    }
    closedir(list);
}

/* 1: removed; 0: it was not there; else a negative errno. */
static int remove_file(struct ss_files *files, int day, const char *name)
{
    struct stat status;

    if (fstatat(day, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || unlinkat(day, name, 0) != 0)
        return errno == ENOENT ? 0 : -errno;
    uint64_t bytes = (uint64_t)status.st_size;
    files->bytes -= bytes < files->bytes ? bytes : files->bytes;
    files->removed++;
    return 1;
}

/* Of the batch, until there are at most quota bytes. */
static int spend_batch(struct ss_files *files, uint64_t quota, const struct ss_files_kept *kept)
{
    if (files->batch_next == files->batch_count)
        return 0;
    int day = ss_files_open_day(files, files->batch_day);
    if (day < 0) {
        files->batch_count = files->batch_next = 0;
        return day == -ENOENT ? 0 : day;
    }
    int result = 0;
    while (result >= 0 && files->bytes > quota && files->batch_next < files->batch_count) {
        const char *name = files->batch[files->batch_next++];
        if (!is_kept(kept, files->batch_day, name)) /* it may have been written again since */
            result = remove_file(files, day, name);
    }
    close(day);
    return result;
}

static int remove_pcapngs(struct ss_files *files, const char *day, uint64_t quota,
                          const struct ss_files_kept *kept)
{
    int result = 0;

    batch_fill(files, day, kept);
    while (result >= 0 && files->bytes > quota && files->batch_count > 0) {
        result = spend_batch(files, quota, kept);
        if (files->batch_next == files->batch_count)
            batch_fill(files, day, kept);
    }
    return result;
}

/* Those of a day's files of lines that have more than that many bytes. */
static int remove_lines(struct ss_files *files, const char *day_name, uint64_t flows_max,
                        uint64_t unmatched_max)
{
    const struct {
        const char *name;
        uint64_t max;
    } lines[] = {
        {SS_FILES_EARLIER, flows_max}, {SS_FILES_FLOWS, flows_max}, {SS_FILES_UNMATCHED, unmatched_max}};
    int day = ss_files_open_day(files, day_name), result = 0;

    if (day < 0)
        return day == -ENOENT ? 0 : day;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]) && result >= 0; i++) {
        if (ss_files_bytes(day, lines[i].name) > lines[i].max)
            result = remove_file(files, day, lines[i].name);
    }
    close(day);
    return result;
}

/* Lines that are far more than their share: the quota was lowered since. */
static int trim_kept_day(struct ss_files *files, const char *day, uint64_t quota,
                         const struct ss_files_kept *kept)
{
    int result = remove_lines(files, day, 2 * quota / SS_FILES_SHARE, 2 * quota / SS_FILES_UNMATCHED_SHARE);

    return result < 0 ? result : remove_pcapngs(files, day, quota, kept);
}

static int trim_day(struct ss_files *files, const char *day, uint64_t quota, const struct ss_files_kept *kept)
{
    int result = remove_pcapngs(files, day, quota, kept);

    if (result < 0 || files->bytes <= quota)
        return result;
    result = remove_lines(files, day, 0, 0);
    if (result >= 0)
        unlinkat(files->root, day, AT_REMOVEDIR); /* it stays where it holds files of others */
    return result;
}

int ss_files_trim(struct ss_files *files, uint64_t quota, const struct ss_files_kept *kept, int64_t now_ns)
{
    struct ss_files_days days = {0};

    if (files->bytes <= quota || files->root < 0)
        return 0;
    int64_t since_ns = now_ns - files->counted_ns;
    if (since_ns < 0 || since_ns >= COUNT_AGAIN_NS) {
        files->counted_ns = now_ns;
        ss_files_count(files, false);
    }
    int result = spend_batch(files, quota, kept);
    if (result >= 0 && files->bytes > quota)
        result = ss_files_list_days(files, &days);
    for (size_t i = 0; i < days.count && result >= 0 && files->bytes > quota; i++) {
        const char *day = days.names[i];
        result = is_kept_day(kept, day) ? trim_kept_day(files, day, quota, kept)
                                        : trim_day(files, day, quota, kept);
    }
    free(days.names);
    return result < 0 ? result : 0;
}

/* ---- Lines ---- */

static bool is_share_used_up(int day, uint64_t quota, size_t line_bytes)
{
    uint64_t bytes = ss_files_bytes(day, SS_FILES_FLOWS);
    return quota > 0 && bytes > 0 && bytes + line_bytes > quota / SS_FILES_SHARE;
}

/* Synced first: under its old name it would not be found any more. */
static int turn_over(struct ss_files *files, int day, int fd)
{
    int result = fdatasync(fd) == 0 ? remove_file(files, day, SS_FILES_EARLIER) : -errno;

    if (result >= 0 && renameat(day, SS_FILES_FLOWS, day, SS_FILES_EARLIER) != 0)
        result = -errno;
    return result < 0 ? result : 0;
}

int ss_files_turn_over(struct ss_files *files, int day, uint64_t quota, size_t line_bytes)
{
    int error = 0;

    if (!is_share_used_up(day, quota, line_bytes))
        return 0;
    int fd = openat(day, SS_FILES_FLOWS, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    flock(fd, LOCK_EX);                           /* closing gives it back */
    if (is_share_used_up(day, quota, line_bytes)) /* another store may have been quicker */
        error = turn_over(files, day, fd);
    close(fd);
    return error;
}
