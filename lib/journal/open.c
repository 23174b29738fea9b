// SPDX-License-Identifier: BSD-3-Clause

/* A journal's beginning and end. */

#include "journal/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

void ss_journal_close(struct ss_journal *journal)
{
    if (journal == NULL)
        return;
    for (size_t i = 0; i < journal->host_count; i++)
        ss_host_free(&journal->hosts[i]);
    sd_journal_close(journal->watch);
    ss_cursors_free(&journal->saved);
    if (journal->epoll_fd >= 0)
        close(journal->epoll_fd);
    if (journal->more_fd >= 0)
        close(journal->more_fd);
    ss_format_free(journal->format);
    for (size_t i = 0; journal->matches != NULL && journal->matches[i] != NULL; i++)
        free(journal->matches[i]);
    free(journal->matches);
    free(journal->directory);
    free(journal->cursor_file);
    free(journal->text);
    free(journal);
}

static int copy_matches(struct ss_journal *journal, char *const *matches)
{
    size_t count = 0;
    while (matches != NULL && matches[count] != NULL)
        count++;
    journal->matches = calloc(count + 1, sizeof(*journal->matches));
    for (size_t i = 0; journal->matches != NULL && i < count; i++) {
        journal->matches[i] = strdup(matches[i]);
        if (journal->matches[i] == NULL)
            return -ENOMEM;
    }
    return journal->matches == NULL ? -ENOMEM : 0;
}

/* The configuration may be gone before the journal is. */
static int copy_config(struct ss_journal *journal, const struct ss_config_journal *config)
{
    journal->directory = strdup(config->directory);
    if (journal->directory == NULL)
        return -ENOMEM;
    if (config->cursor_file != NULL) {
        journal->cursor_file = strdup(config->cursor_file);
        if (journal->cursor_file == NULL)
            return -ENOMEM;
    }
    return copy_matches(journal, config->matches);
}

static int allocate(struct ss_journal *journal)
{
    journal->text = malloc(SS_JOURNAL_TEXT_BYTES);
    if (journal->text == NULL)
        return -ENOMEM;
    journal->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    journal->more_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (journal->epoll_fd < 0 || journal->more_fd < 0 ||
        epoll_ctl(journal->epoll_fd, EPOLL_CTL_ADD, journal->more_fd, &event) != 0)
        return -errno;
    return 0;
}

static int check_matches(struct ss_journal *journal, char *ret_why, size_t why_bytes)
{
    for (size_t i = 0; journal->matches[i] != NULL; i++) {
        if (sd_journal_add_match(journal->watch, journal->matches[i], 0) >= 0)
            continue;
        snprintf(ret_why, why_bytes,
                 "\"%s\" is no match of journal entries, as \"SYSLOG_IDENTIFIER=haproxy\" is",
                 journal->matches[i]);
        return -EINVAL;
    }
    sd_journal_flush_matches(journal->watch);
    return 0;
}

static int check_readable(struct ss_journal *journal, char *ret_why, size_t why_bytes)
{
    const struct ss_directory *looked = &journal->looked;
    int error = ss_directory_look(journal->directory, &journal->looked, ret_why, why_bytes);
    if (error != 0)
        return error;
    if (looked->refused > 0) {
        snprintf(ret_why, why_bytes,
                 "the journal %s has %zu of %zu files that may not be read, %s first: run as root or as a "
                 "member of the group systemd-journal",
                 journal->directory, looked->refused, looked->files, looked->refused_name);
        return -EACCES;
    }
    if (journal->from_start && looked->files == 0) {
        snprintf(ret_why, why_bytes, "there are no journal files in %s: name the directory that has them",
                 journal->directory);
        return -ENOENT;
    }
    return 0;
}

static int open_all(struct ss_journal *journal, char *ret_why, size_t why_bytes)
{
    int error = ss_watch_open(journal);
    if (error == 0)
        error = check_matches(journal, ret_why, why_bytes);
    if (error == -EINVAL)
        return error;
    if (error == 0)
        error = journal->looked.is_file ? ss_hosts_add(journal, SS_JOURNAL_WHOLE_FILE, 1)
                                        : ss_hosts_look(journal);
    for (size_t i = 0; i < journal->host_count && error == 0; i++)
        error = ss_host_open(journal, &journal->hosts[i]);
    if (error == -EMFILE)
        snprintf(ret_why, why_bytes,
                 "the journal %s has %zu files and %zu hosts, too many for the limit of open files: raise it "
                 "(LimitNOFILE=, ulimit -n)",
                 journal->directory, journal->looked.files, journal->host_count);
    else if (error < 0 && journal->looked.is_file)
        snprintf(ret_why, why_bytes, "%s cannot be read as a journal file: %s", journal->directory,
                 strerror(-error));
    else if (error < 0)
        snprintf(ret_why, why_bytes, "the journal %s cannot be read: %s", journal->directory,
                 strerror(-error));
    return error;
}

int ss_journal_open(const struct ss_config_journal *config, unsigned source, bool from_start,
                    struct ss_journal **ret_journal, char *ret_why, size_t why_bytes)
{
    struct ss_journal *journal = calloc(1, sizeof(*journal));
    snprintf(ret_why, why_bytes, "the journal %s cannot be opened: out of memory or descriptors",
             config->directory);
    if (journal == NULL)
        return -ENOMEM;
    journal->epoll_fd = journal->more_fd = -1;
    journal->source = source;
    journal->from_start = from_start;
    journal->turn_left = SS_JOURNAL_TURN_ENTRIES;
    int error = copy_config(journal, config);
    if (error == 0)
        error = allocate(journal);
    if (error == 0)
        error = ss_format_create(config, &journal->format, ret_why, why_bytes);
    if (error == 0)
        error = check_readable(journal, ret_why, why_bytes);
    if (error == 0) {
        ss_positions_load(journal);
        error = open_all(journal, ret_why, why_bytes);
    }
    if (error != 0) {
        ss_journal_close(journal);
        return error;
    }
    journal->opened = true;
    journal->unmarked = true; /* a first position counts: what comes after it must not be lost */
    journal->next_look_ns = ss_journal_clock(CLOCK_MONOTONIC) + SS_JOURNAL_LOOK_EVERY_NS;
    *ret_journal = journal;
    return 0;
}
