// SPDX-License-Identifier: BSD-3-Clause

#include "control/copies.h"

#include <stdlib.h>
#include <string.h>

static void hold(struct ss_writer_job *job, size_t bytes)
{
    job->bytes += bytes;
    atomic_fetch_add_explicit(job->held, bytes, memory_order_relaxed);
}

/* What is under way when all of it becomes too much goes on with less. */
static size_t limit_of(const struct ss_writer_job *job)
{
    return atomic_load_explicit(job->held, memory_order_relaxed) < SS_COPIES_HELD_BYTES
               ? SS_COPIES_FLOW_BYTES
               : SS_COPIES_CROWDED_BYTES;
}

static void trim(struct ss_writer_job *job, const struct ss_export_block *last)
{
    size_t limit = limit_of(job);

    while (job->bytes > limit && job->blocks->next != NULL && job->blocks->next != last) {
        struct ss_export_block *cut = job->blocks->next;
        job->blocks->next = cut->next;
        job->bytes -= cut->used;
        atomic_fetch_sub_explicit(job->held, cut->used, memory_order_relaxed);
        free(cut);
    }
}

bool ss_copies_add(struct ss_writer_job *job, struct ss_export_block **last,
                   const struct ss_export_block *block)
{
    size_t bytes = sizeof(*block) + block->used;
    struct ss_export_block *copy = malloc(bytes);

    if (copy == NULL)
        return false;
    memcpy(copy, block, bytes);
    copy->next = NULL;
    if (*last == NULL)
        job->blocks = copy;
    else
        (*last)->next = copy;
    *last = copy;
    hold(job, copy->used);
    trim(job, *last);
    return true;
}

void ss_copies_add_event(struct ss_writer_job *job, const struct ss_event *event)
{
    struct ss_writer_event *more = NULL;

    if (atomic_load_explicit(job->held, memory_order_relaxed) < SS_COPIES_HELD_BYTES)
        more = malloc(sizeof(*more));
    if (more == NULL)
        return;
    *more = (struct ss_writer_event){.next = job->more, .event = *event};
    job->more = more;
    hold(job, sizeof(*more));
}
