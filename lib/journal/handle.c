// SPDX-License-Identifier: BSD-3-Clause

/* A handle of libsystemd's: opened on the journal's files, told which entries to give, waited for. */

#include "journal/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define DATA_MAX (256u << 10) /* of one field: longer log lines are cut */

/* libsystemd leaves out what it has no descriptors for, in silence. */
static bool has_descriptors(const struct ss_journal *journal)
{
    struct rlimit limit;
    int lowest = fcntl(journal->epoll_fd, F_DUPFD_CLOEXEC, 0);
    if (lowest < 0)
        return false;
    close(lowest);
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           (size_t)lowest + journal->looked.files + 8 < limit.rlim_cur;
}

int ss_handle_open(struct ss_journal *journal, sd_journal **ret_handle)
{
    const char *files[] = {journal->directory, NULL};
    sd_journal *handle;
    if (!has_descriptors(journal))
        return -EMFILE;
    int error = journal->looked.is_file ? sd_journal_open_files(&handle, files, 0)
                                        : sd_journal_open_directory(&handle, journal->directory, 0);
    if (error < 0)
        return error;
    sd_journal_set_data_threshold(handle, DATA_MAX);
    *ret_handle = handle;
    return 0;
}

bool ss_handle_poll(struct ss_journal *journal, sd_journal *handle)
{
    int fd = sd_journal_get_fd(handle);
    struct epoll_event event = {.events = EPOLLIN};
    return fd >= 0 && (epoll_ctl(journal->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 || errno == EEXIST);
}

static int add_host_match(sd_journal *handle, const char *name)
{
    char match[sizeof("_HOSTNAME=") + SS_HOST_NAME_MAX];
    if (strcmp(name, SS_JOURNAL_WHOLE_FILE) == 0)
        return 0;
    snprintf(match, sizeof(match), "_HOSTNAME=%s", name);
    return sd_journal_add_match(handle, match, 0);
}

int ss_handle_match(const struct ss_journal *journal, sd_journal *handle, const char *name)
{
    for (size_t i = 0; journal->matches[i] != NULL; i++) {
        int error = sd_journal_add_match(handle, journal->matches[i], 0);
        if (error < 0)
            return error;
    }
    int error = add_host_match(handle, name);
    if (error < 0 || journal->matches[0] == NULL) /* then the notices are among all the others */
        return error;
    error = sd_journal_add_disjunction(handle);
    if (error >= 0)
        error = sd_journal_add_match(handle, "MESSAGE_ID=" SS_JOURNAL_DROPPED_ID, 0);
    return error < 0 ? error : add_host_match(handle, name);
}
