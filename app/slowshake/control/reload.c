// SPDX-License-Identifier: BSD-3-Clause

#include "control/reload.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_KEPT 8 /* thresholds handed to analyzers that may not have been taken yet */

struct ss_reload {
    struct ss_appliance *appliance;
    struct ss_journals *journals;
    struct ss_join *join;
    struct ss_config *loaded;  /* slow and journal are from it */
    struct ss_config *written; /* origins and export are from it */
    struct ss_slow slow[SLOW_KEPT];
    unsigned slow_next;
    bool is_writer_busy, is_asked;
    uint64_t reloads, errors;
    pthread_mutex_t lock; /* of what follows */
    char *text;
    char *directories[SS_JOURNALS_MAX];
};

/* ---- the configuration in effect ---- */

/* Frees a configuration that nothing borrows from any more. */
static void drop(const struct ss_reload *reload, struct ss_config *config)
{
    if (config != reload->appliance->config && config != reload->loaded && config != reload->written)
        ss_config_free(config);
}

/* Composed of the parts in effect; only for printing, its texts are borrowed. NULL: no memory. */
static char *print_effective(const struct ss_reload *reload)
{
    struct ss_config *effective = malloc(sizeof(*effective));
    const struct ss_config *loaded = reload->loaded, *written = reload->written;

    if (effective == NULL)
        return NULL;
    *effective = *reload->appliance->config;
    effective->slow = loaded->slow;
    memcpy(effective->journals, loaded->journals, sizeof(effective->journals));
    effective->journal_count = loaded->journal_count;
    memcpy(effective->origins, written->origins, sizeof(effective->origins));
    effective->origin_count = written->origin_count;
    effective->export_directory = written->export_directory;
    effective->quota_bytes = written->quota_bytes;
    effective->export_rate = written->export_rate;
    effective->headers_only = written->headers_only;
    effective->export_journal = written->export_journal;
    char *text = ss_config_print(effective);
    free(effective);
    return text;
}

static void publish(struct ss_reload *reload)
{
    char *text = print_effective(reload);

    pthread_mutex_lock(&reload->lock);
    free(reload->text);
    reload->text = text;
    for (unsigned i = 0; i < SS_JOURNALS_MAX; i++) {
        free(reload->directories[i]);
        reload->directories[i] =
            i < reload->loaded->journal_count ? strdup(reload->loaded->journals[i].directory) : NULL;
    }
    pthread_mutex_unlock(&reload->lock);
}

char *ss_reload_text(struct ss_reload *reload)
{
    pthread_mutex_lock(&reload->lock);
    char *text = reload->text != NULL ? strdup(reload->text) : NULL;
    pthread_mutex_unlock(&reload->lock);
    return text;
}

void ss_reload_journal_directory(struct ss_reload *reload, unsigned i, char *ret_text, size_t bytes)
{
    pthread_mutex_lock(&reload->lock);
    const char *directory = i < SS_JOURNALS_MAX ? reload->directories[i] : NULL;
    snprintf(ret_text, bytes, "%s", directory != NULL ? directory : "");
    pthread_mutex_unlock(&reload->lock);
}

/* ---- parts ---- */

/* Also where it is as it was: an analyzer may not have taken it the last time. */
static void change_slow(struct ss_reload *reload, const struct ss_slow *new_slow)
{
    struct ss_slow *slow = &reload->slow[reload->slow_next++ % SLOW_KEPT];
    struct ss_request request = {.kind = SS_REQUEST_SLOW, .slow = slow};
    *slow = *new_slow;
    for (unsigned i = 0; i < reload->appliance->analyzer_count; i++) {
        const struct ss_worker *worker = reload->appliance->analyzers[i];
        if (rte_ring_enqueue_elem(worker->requests, &request, sizeof(request)) != 0)
            fprintf(stderr, "slowshake: reload: lcore %u is too busy to take slow; send SIGHUP again\n",
                    worker->lcore);
    }
}

static void set_sources(struct ss_join *join, const struct ss_config *config)
{
    for (unsigned i = 0; i < config->journal_count; i++)
        ss_join_set_source(join, i, config->journals[i].slack_ns, config->journals[i].hold_ns);
}

static void say_fixed(const struct ss_config *old_config, const struct ss_config *new_config)
{
    const char *names[16];
    size_t max = sizeof(names) / sizeof(names[0]);
    size_t count = ss_config_fixed_changes(old_config, new_config, names, max);

    if (count == 0)
        return;
    fprintf(stderr, "slowshake: reload: ");
    for (size_t i = 0; i < count && i < max; i++)
        fprintf(stderr, "%s%s", i > 0 ? ", " : "", names[i]);
    fprintf(stderr, " changed: restart needed for %s\n", count > 1 ? "them" : "it");
}

/* ---- the whole ---- */

static struct ss_config *load(struct ss_reload *reload)
{
    struct ss_config_errors errors = {0};
    struct ss_config *config = NULL;

    if (ss_config_load(reload->appliance->config_path, &config, &errors) != 0) {
        config = NULL;
        reload->errors++;
        for (size_t i = 0; i < errors.count; i++)
            fprintf(stderr, "%s\n", errors.lines[i]);
        fprintf(stderr, "slowshake: reload: the configuration is wrong, the old one stays\n");
    }
    ss_config_errors_free(&errors);
    return config;
}

void ss_reload_ask(struct ss_reload *reload, int64_t now_ns)
{
    reload->is_asked = reload->is_writer_busy;
    if (reload->is_writer_busy)
        return;
    struct ss_config *config = load(reload), *old_config = reload->loaded;
    if (config == NULL)
        return;
    say_fixed(reload->appliance->config, config);
    change_slow(reload, &config->slow);
    ss_journals_change(reload->journals, config, now_ns);
    set_sources(reload->join, config);
    reload->loaded = config;
    drop(reload, old_config);
    publish(reload);
    reload->is_writer_busy = true;
    ss_writer_configure(reload->appliance->writer, config);
}

void ss_reload_turn(struct ss_reload *reload, int64_t now_ns)
{
    char why[SS_WRITER_WHY_BYTES];
    int error;

    if (!reload->is_writer_busy || !ss_writer_configured(reload->appliance->writer, &error, why, sizeof(why)))
        return;
    reload->is_writer_busy = false;
    if (error == 0) {
        struct ss_config *old_config = reload->written;
        reload->written = reload->loaded;
        drop(reload, old_config);
        publish(reload);
        reload->reloads++;
        fprintf(stderr, "slowshake: reloaded %s\n", reload->appliance->config_path);
    } else {
        reload->errors++;
        fprintf(stderr, "slowshake: reload: %s; origins and export stay as they were\n", why);
    }
    if (reload->is_asked)
        ss_reload_ask(reload, now_ns);
}

void ss_reload_show(const struct ss_reload *reload, struct ss_control_view *view)
{
    view->reloads = reload->reloads;
    view->reload_errors = reload->errors;
}

struct ss_reload *ss_reload_create(struct ss_appliance *appliance, struct ss_journals *journals,
                                   struct ss_join *join)
{
    struct ss_reload *reload = calloc(1, sizeof(*reload));

    if (reload == NULL)
        return NULL;
    reload->appliance = appliance;
    reload->journals = journals;
    reload->join = join;
    reload->loaded = reload->written = appliance->config;
    pthread_mutex_init(&reload->lock, NULL);
    set_sources(join, appliance->config);
    publish(reload);
    return reload;
}

void ss_reload_free(struct ss_reload *reload)
{
    if (reload == NULL)
        return;
    if (reload->loaded != reload->appliance->config)
        ss_config_free(reload->loaded);
    if (reload->written != reload->appliance->config && reload->written != reload->loaded)
        ss_config_free(reload->written);
    for (unsigned i = 0; i < SS_JOURNALS_MAX; i++)
        free(reload->directories[i]);
    free(reload->text);
    pthread_mutex_destroy(&reload->lock);
    free(reload);
}
