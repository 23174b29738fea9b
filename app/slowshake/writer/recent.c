// SPDX-License-Identifier: BSD-3-Clause

#include "writer/recent.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORIGINS_MAX 4096 /* with the one that stands for the rest */
#define REST        "..."

struct entry {
    struct ss_writer_flow flow;
    char *json; /* NULL: there was no memory for it */
};

struct ss_recent {
    pthread_mutex_t lock;
    struct entry entries[SS_WRITER_RECENT];
    uint64_t added;
    struct ss_writer_origin origins[ORIGINS_MAX]; /* in order of appearance */
    unsigned origin_count;
};

struct ss_recent *ss_recent_create(void)
{
    struct ss_recent *recent = calloc(1, sizeof(*recent));
    if (recent != NULL)
        pthread_mutex_init(&recent->lock, NULL);
    return recent;
}

void ss_recent_free(struct ss_recent *recent)
{
    if (recent == NULL)
        return;
    for (unsigned i = 0; i < SS_WRITER_RECENT; i++)
        free(recent->entries[i].json);
    pthread_mutex_destroy(&recent->lock);
    free(recent);
}

/* ---- origins ---- */

/* The entry of that name, made where there is none and there is room. */
static struct ss_writer_origin *origin_of(struct ss_recent *recent, const char *name)
{
    for (unsigned i = 0; i < recent->origin_count; i++) {
        if (strncmp(recent->origins[i].name, name, SS_ORIGIN_NAME_MAX - 1) == 0)
            return &recent->origins[i];
    }
    if (recent->origin_count == ORIGINS_MAX)
        return &recent->origins[ORIGINS_MAX - 1];
    struct ss_writer_origin *origin = &recent->origins[recent->origin_count++];
    snprintf(origin->name, sizeof(origin->name), "%s", recent->origin_count == ORIGINS_MAX ? REST : name);
    return origin;
}

static uint64_t flows_of(const struct ss_writer_origin *origin)
{
    return origin->flows[0] + origin->flows[1];
}

static int by_flows(const void *a, const void *b)
{
    const struct ss_writer_origin *first = *(const struct ss_writer_origin *const *)a;
    const struct ss_writer_origin *second = *(const struct ss_writer_origin *const *)b;
    if (flows_of(first) != flows_of(second))
        return flows_of(first) > flows_of(second) ? -1 : 1;
    return strcmp(first->name, second->name);
}

unsigned ss_recent_origins(struct ss_recent *recent, unsigned offset, unsigned max,
                           struct ss_writer_origin *ret_origins)
{
    const struct ss_writer_origin **sorted = malloc(ORIGINS_MAX * sizeof(struct ss_writer_origin *));
    if (sorted == NULL)
        return 0;
    pthread_mutex_lock(&recent->lock);
    unsigned count = recent->origin_count;
    for (unsigned i = 0; i < count; i++)
        sorted[i] = &recent->origins[i];
    qsort(sorted, count, sizeof(*sorted), by_flows);
    for (unsigned i = 0; i < max && offset + i < count; i++)
        ret_origins[i] = *sorted[offset + i];
    pthread_mutex_unlock(&recent->lock);
    free(sorted);
    return count;
}

/* ---- records ---- */

void ss_recent_add(struct ss_recent *recent, const struct ss_writer_flow *flow, char *json,
                   const char *origin)
{
    pthread_mutex_lock(&recent->lock);
    struct entry *entry = &recent->entries[recent->added++ % SS_WRITER_RECENT];
    char *old = entry->json;
    *entry = (struct entry){*flow, json};
    if (flow->revision == 0) {
        struct ss_writer_origin *counted = origin_of(recent, origin != NULL ? origin : "");
        counted->flows[flow->resumed]++;
        counted->verdicts[flow->resumed][flow->verdict]++;
    }
    pthread_mutex_unlock(&recent->lock);
    free(old);
}

static unsigned held(const struct ss_recent *recent)
{
    return recent->added < SS_WRITER_RECENT ? (unsigned)recent->added : SS_WRITER_RECENT;
}

/* The i-th latest. */
static const struct entry *entry_at(const struct ss_recent *recent, unsigned i)
{
    return &recent->entries[(recent->added - 1 - i) % SS_WRITER_RECENT];
}

unsigned ss_recent_count(struct ss_recent *recent)
{
    pthread_mutex_lock(&recent->lock);
    unsigned count = held(recent);
    pthread_mutex_unlock(&recent->lock);
    return count;
}

bool ss_recent_get(struct ss_recent *recent, unsigned i, struct ss_writer_flow *ret_flow)
{
    pthread_mutex_lock(&recent->lock);
    bool found = i < held(recent);
    if (found)
        *ret_flow = entry_at(recent, i)->flow;
    pthread_mutex_unlock(&recent->lock);
    return found;
}

bool ss_recent_by_id(struct ss_recent *recent, const char *id, char **ret_json)
{
    char *json = NULL;
    pthread_mutex_lock(&recent->lock);
    for (unsigned i = 0; i < held(recent) && json == NULL; i++) {
        const struct entry *entry = entry_at(recent, i);
        if (entry->json != NULL && strcmp(entry->flow.id, id) == 0)
            json = strdup(entry->json);
    }
    pthread_mutex_unlock(&recent->lock);
    if (json != NULL)
        *ret_json = json;
    return json != NULL;
}
