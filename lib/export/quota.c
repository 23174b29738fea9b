// SPDX-License-Identifier: BSD-3-Clause

/* Removes the oldest of the store's files once there are too many bytes. */

#include "base/units.h"
#include "export/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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

static void batch_fill(struct ss_files *files, const char *day)
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
        if (is_pcapng(entry->d_name))
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

static bool is_kept(const char *day, const char *today, const char *written_day)
{
    return strcmp(day, today) == 0 || strcmp(day, written_day) == 0;
}

/* Of the batch, until there are at most quota bytes. */
static int spend_batch(struct ss_files *files, uint64_t quota)
{
    if (files->batch_next == files->batch_count)
        return 0;
    int day = ss_files_open_day(files, files->batch_day);
    if (day < 0) {
        files->batch_count = files->batch_next = 0;
        return day == -ENOENT ? 0 : day;
    }
    int result = 0;
    while (result >= 0 && files->bytes > quota && files->batch_next < files->batch_count)
        result = remove_file(files, day, files->batch[files->batch_next++]);
    close(day);
    return result;
}

/* What is left of a day without pcapng files. */
static int remove_rest(struct ss_files *files, const char *name)
{
    int day = ss_files_open_day(files, name);
    if (day < 0)
        return day == -ENOENT ? 0 : day;
    int flows = remove_file(files, day, SS_FILES_FLOWS);
    int unmatched = remove_file(files, day, SS_FILES_UNMATCHED);
    close(day);
    if (flows < 0 || unmatched < 0)
        return flows < 0 ? flows : unmatched;
    unlinkat(files->root, name, AT_REMOVEDIR); /* a day that holds files of others stays */
    return 0;
}

static int trim_day(struct ss_files *files, const char *day, uint64_t quota, bool keep_lines)
{
    int result = 0;

    batch_fill(files, day);
    while (result >= 0 && files->bytes > quota && files->batch_count > 0) {
        result = spend_batch(files, quota);
        if (files->batch_next == files->batch_count)
            batch_fill(files, day);
    }
    if (result < 0 || files->bytes <= quota || keep_lines)
        return result;
    return remove_rest(files, day);
}

int ss_files_trim(struct ss_files *files, uint64_t quota, const char *today, const char *written_day,
                  int64_t now_ns)
{
    struct ss_files_days days = {0};

    if (files->bytes <= quota || files->root < 0)
        return 0;
    int64_t since_ns = now_ns - files->counted_ns;
    if (since_ns < 0 || since_ns >= COUNT_AGAIN_NS) {
        files->counted_ns = now_ns;
        ss_files_count(files, false);
    }
    int result = spend_batch(files, quota);
    if (result >= 0 && files->bytes > quota)
        result = ss_files_list_days(files, &days);
    for (size_t i = 0; i < days.count && result >= 0 && files->bytes > quota; i++)
        result = trim_day(files, days.names[i], quota, is_kept(days.names[i], today, written_day));
    free(days.names);
    return result < 0 ? result : 0;
}
