// SPDX-License-Identifier: BSD-3-Clause

#include "control/copies.h"

#include <stdlib.h>
#include <string.h>

static void hold(struct ss_writer_job *job, size_t bytes)
{
    job->bytes += bytes;
    atomic_fetch_add_explicit(job->held, bytes, memory_order_relaxed);
}

static void trim(struct ss_writer_job *job, const struct ss_export_block *last)
{
    while (job->bytes > SS_COPIES_FLOW_BYTES && job->blocks->next != NULL && job->blocks->next != last) {
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
