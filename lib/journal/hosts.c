// SPDX-License-Identifier: BSD-3-Clause

/* The hosts that the directory has entries of. They come and go. */

#include "journal/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOST_PREFIX (sizeof("_HOSTNAME=") - 1)

/* Host names are ASCII without spaces; anything else does not get into our files. */
static bool is_host_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] <= ' ' || name[i] >= 0x7f)
            return false;
    return length > 0 && length <= SS_HOST_NAME_MAX && !(length == 1 && name[0] == SS_JOURNAL_WHOLE_FILE[0]);
}

struct ss_journal_host *ss_hosts_find(struct ss_journal *journal, const char *name, size_t length)
{
    for (size_t i = 0; i < journal->host_count; i++)
        if (strlen(journal->hosts[i].name) == length && memcmp(journal->hosts[i].name, name, length) == 0)
            return &journal->hosts[i];
    return NULL;
}

/* Where the hosts of a fleet come and go under ever new names, one that went gives its place to one that
 * came. NULL: all of them are there. */
static struct ss_journal_host *take_place(struct ss_journal *journal)
{
    if (journal->host_count < SS_JOURNAL_HOSTS_MAX) {
        journal->counters.hosts = (unsigned)++journal->host_count;
        return &journal->hosts[journal->host_count - 1];
    }
    for (size_t i = 0; i < SS_JOURNAL_HOSTS_MAX; i++) {
        struct ss_journal_host *host = &journal->hosts[i];
        if (!host->absent)
            continue;
        ss_host_free(host);
        return host;
    }
    return NULL;
}

int ss_hosts_add(struct ss_journal *journal, const char *name, size_t length)
{
    const char *cursor;
    struct ss_journal_host host = {.name = strndup(name, length)};
    if (host.name == NULL)
        return -ENOMEM;
    cursor = journal->from_start ? NULL : ss_cursors_find(&journal->saved, host.name);
    if (cursor != NULL) {
        host.cursor = strdup(cursor);
        host.marked = strdup(cursor);
        if (host.cursor == NULL || host.marked == NULL) {
            ss_host_free(&host);
            return -ENOMEM;
        }
    }
    struct ss_journal_host *place = take_place(journal);
    if (place == NULL) {
        ss_host_free(&host);
        return -ENOSPC;
    }
    *place = host;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct ss_journal_host *)a)->name, ((const struct ss_journal_host *)b)->name);
}

/* Which of the known hosts are still in the directory. */
static int find_absent(struct ss_journal *journal)
{
    const void *data;
    size_t bytes;
    int error = sd_journal_query_unique(journal->watch, "_HOSTNAME");
    for (size_t i = 0; i < journal->host_count && error >= 0; i++)
        journal->hosts[i].absent = true;
    if (error < 0)
        return error;
    SD_JOURNAL_FOREACH_UNIQUE(journal->watch, data, bytes)
    {
        struct ss_journal_host *host =
            bytes < HOST_PREFIX
                ? NULL
                : ss_hosts_find(journal, (const char *)data + HOST_PREFIX, bytes - HOST_PREFIX);
        if (host != NULL)
            host->absent = false;
    }
    return 0;
}

/* New hosts go to the end, sorted, so that reading files gives the same order each time. */
int ss_hosts_look(struct ss_journal *journal)
{
    const void *data;
    size_t bytes, known = journal->host_count, refused = 0;
    int error = find_absent(journal);
    if (error < 0)
        return error;
    SD_JOURNAL_FOREACH_UNIQUE(journal->watch, data, bytes)
    {
        const char *name = (const char *)data + HOST_PREFIX;
        if (bytes < HOST_PREFIX || ss_hosts_find(journal, name, bytes - HOST_PREFIX) != NULL)
            continue;
        error = is_host_name(name, bytes - HOST_PREFIX) ? ss_hosts_add(journal, name, bytes - HOST_PREFIX)
                                                        : -ENOSPC;
        if (error < 0 && error != -ENOSPC)
            return error;
        refused += error == -ENOSPC;
    }
    qsort(journal->hosts + known, journal->host_count - known, sizeof(journal->hosts[0]), by_name);
    if (refused > journal->refused_hosts)
        journal->counters.errors += refused - journal->refused_hosts;
    journal->refused_hosts = refused;
    return 0;
}

void ss_hosts_mark_stale(struct ss_journal *journal, bool all)
{
    for (size_t i = 0; i < journal->host_count; i++)
        journal->hosts[i].stale |= all || !journal->hosts[i].watched;
}
