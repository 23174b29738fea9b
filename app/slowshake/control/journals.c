// SPDX-License-Identifier: BSD-3-Clause

#include "control/journals.h"
#include "base/units.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_A_TURN 256 /* of each journal */
#define LOOK_NS       (500 * SS_NS_PER_MS)
#define RETRY_NS      (5 * SS_NS_PER_S)

struct source {
    struct ss_journal *handle;              /* NULL: cannot be opened now */
    const struct ss_config_journal *config; /* borrowed */
    struct ss_journal_counters past;        /* of handles that were closed since */
    char error[160];
    int64_t retry_ns, look_ns; /* when to try to open it; when to look without being told */
    unsigned left;             /* events that this round may still take */
};

struct ss_journals {
    struct source sources[SS_JOURNALS_MAX];
    unsigned count;
    unsigned current;
};

/* ---- one journal ---- */

static void add_counters(const struct ss_journal_counters *from, struct ss_journal_counters *to)
{
    to->entries += from->entries;
    for (unsigned i = 0; i < SS_FORMAT_RESULT_COUNT; i++)
        to->results[i] += from->results[i];
    to->suppressed += from->suppressed;
    to->rotations += from->rotations;
    to->errors += from->errors;
}

static void close_source(struct source *source)
{
    if (source->handle == NULL)
        return;
    add_counters(ss_journal_counters(source->handle), &source->past);
    ss_journal_close(source->handle);
    source->handle = NULL;
}

static int open_source(struct source *source, unsigned number, int64_t now_ns)
{
    int error =
        ss_journal_open(source->config, number, false, &source->handle, source->error, sizeof(source->error));
    if (error == 0) {
        source->error[0] = '\0';
        source->look_ns = now_ns;
        if (ss_journal_files(source->handle) == 0)
            fprintf(stderr, "slowshake: there are no journal files in %s yet\n", source->config->directory);
    } else {
        source->handle = NULL;
        source->past.errors++;
        source->retry_ns = now_ns + RETRY_NS;
    }
    return error;
}

static void fail(struct source *source, int error, int64_t now_ns)
{
    close_source(source);
    snprintf(source->error, sizeof(source->error), "reading %s failed: %s; it will be opened again",
             source->config->directory, strerror(-error));
    source->retry_ns = now_ns + RETRY_NS;
}

/* ---- all of them ---- */

int ss_journals_open(const struct ss_config *config, struct ss_journals **ret_journals, char *ret_why,
                     size_t why_bytes)
{
    struct ss_journals *journals = calloc(1, sizeof(*journals));

    snprintf(ret_why, why_bytes, "cannot open the journals: out of memory");
    if (journals == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < config->journal_count; i++) {
        struct source *source = &journals->sources[journals->count++];
        source->config = &config->journals[i];
        int error = open_source(source, i, 0);
        if (error == 0)
            continue;
        snprintf(ret_why, why_bytes, "%s", source->error);
        ss_journals_close(journals);
        return error;
    }
    *ret_journals = journals;
    return 0;
}

void ss_journals_close(struct ss_journals *journals)
{
    for (unsigned i = 0; journals != NULL && i < journals->count; i++)
        close_source(&journals->sources[i]);
    free(journals);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_matches(char *const *a, char *const *b)
{
    size_t i = 0;

    if (a == NULL || b == NULL)
        return a == b;
    while (a[i] != NULL && b[i] != NULL && strcmp(a[i], b[i]) == 0)
        i++;
    return a[i] == NULL && b[i] == NULL;
}

/* What the handle depends on; slack and hold are the join's. */
static bool same_journal(const struct ss_config_journal *a, const struct ss_config_journal *b)
{
    bool same = same_text(a->directory, b->directory) && same_matches(a->matches, b->matches) &&
                a->format == b->format && same_text(a->regex, b->regex) && a->entry_time == b->entry_time &&
                a->min_duration_ns == b->min_duration_ns && same_text(a->cursor_file, b->cursor_file);

    for (unsigned i = 0; i < SS_KEY_COUNT; i++)
        same = same && same_text(a->pointers[i], b->pointers[i]);
    return same;
}

void ss_journals_change(struct ss_journals *journals, const struct ss_config *config, int64_t now_ns)
{
    unsigned old_count = journals->count;

    for (unsigned i = config->journal_count; i < old_count; i++) {
        close_source(&journals->sources[i]);
        journals->sources[i] = (struct source){0};
    }
    journals->count = config->journal_count;
    for (unsigned i = 0; i < journals->count; i++) {
        struct source *source = &journals->sources[i];
        bool goes_on = i < old_count && same_journal(source->config, &config->journals[i]);
        source->config = &config->journals[i];
        if (goes_on)
            continue;
        close_source(source);
        if (open_source(source, i, now_ns) != 0)
            fprintf(stderr, "slowshake: reload: %s\n", source->error);
    }
}

static void start_round(struct source *source, unsigned number, bool is_readable, int64_t now_ns)
{
    source->left = 0;
    if (source->handle == NULL && now_ns >= source->retry_ns)
        open_source(source, number, now_ns);
    if (source->handle == NULL || (!is_readable && now_ns < source->look_ns))
        return;
    source->left = EVENTS_A_TURN;
    source->look_ns = now_ns + LOOK_NS;
}

void ss_journals_turn(struct ss_journals *journals, int64_t now_ns)
{
    struct pollfd polled[SS_JOURNALS_MAX];

    journals->current = 0;
    if (journals->count == 0)
        return;
    for (unsigned i = 0; i < journals->count; i++) {
        const struct ss_journal *handle = journals->sources[i].handle;
        polled[i] = (struct pollfd){.fd = handle != NULL ? ss_journal_fd(handle) : -1, .events = POLLIN};
    }
    /* One question for all, once a turn: a busy journal would wake an epoll for every entry. */
    if (poll(polled, journals->count, 0) < 0)
        return;
    for (unsigned i = 0; i < journals->count; i++)
        start_round(&journals->sources[i], i, polled[i].revents != 0, now_ns);
}

bool ss_journals_next(struct ss_journals *journals, int64_t now_ns, struct ss_event *ret_event)
{
    for (; journals->current < journals->count; journals->current++) {
        struct source *source = &journals->sources[journals->current];
        if (source->left == 0)
            continue;
        int found = ss_journal_next(source->handle, ret_event);
        if (found > 0) {
            if (--source->left == 0)
                source->look_ns = now_ns; /* there may be more, which its descriptor does not tell */
            return true;
        }
        source->left = 0;
        if (found < 0)
            fail(source, found, now_ns);
    }
    return false;
}

int64_t ss_journals_saved_ns(const struct ss_journals *journals)
{
    int64_t oldest_ns = 0;

    for (unsigned i = 0; i < journals->count; i++) {
        const struct ss_journal *handle = journals->sources[i].handle;
        int64_t saved_ns = handle != NULL ? ss_journal_saved_ns(handle) : 0;
        if (saved_ns > 0 && (oldest_ns == 0 || saved_ns < oldest_ns))
            oldest_ns = saved_ns;
    }
    return oldest_ns;
}

void ss_journals_mark(struct ss_journals *journals)
{
    for (unsigned i = 0; i < journals->count; i++) {
        if (journals->sources[i].handle != NULL)
            ss_journal_mark(journals->sources[i].handle);
    }
}

struct ss_positions *ss_journals_positions(struct ss_journals *journals, unsigned i)
{
    struct ss_journal *handle = i < journals->count ? journals->sources[i].handle : NULL;
    return handle != NULL ? ss_journal_positions(handle) : NULL;
}

void ss_journals_saved(struct ss_journals *journals, unsigned i, int error)
{
    struct source *source = i < journals->count ? &journals->sources[i] : NULL;

    if (source == NULL || source->handle == NULL)
        return;
    source->error[0] = '\0';
    if (error == 0)
        return;
    source->past.errors++;
    ss_journal_not_saved(source->handle);
    snprintf(source->error, sizeof(source->error), "cannot write %s: %s", source->config->cursor_file,
             strerror(-error));
}

void ss_journals_show(const struct ss_journals *journals, struct ss_control_view *view)
{
    view->journal_count = journals->count;
    for (unsigned i = 0; i < journals->count; i++) {
        const struct source *source = &journals->sources[i];
        view->journals[i] = source->past;
        if (source->handle != NULL) {
            add_counters(ss_journal_counters(source->handle), &view->journals[i]);
            view->journals[i].hosts = ss_journal_counters(source->handle)->hosts;
        }
        memcpy(view->journal_errors[i], source->error, sizeof(source->error));
    }
}
