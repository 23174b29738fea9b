// SPDX-License-Identifier: BSD-3-Clause

#include "writer/writer.h"
#include "compat.h"
#include "journal/summary.h"
#include "writer/recent.h"
#include "writer/writing.h"

#include <errno.h>
#include <rte_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SAVED 1 /* an answer: 0 is none, and errors are negative */

/* Of one journal. */
struct saving {
    _Atomic(struct ss_positions *) wanted; /* control's, released to the writer; NULL: nothing new */
    _Atomic int answer;                    /* the writer's, to control */
};

struct ss_writer {
    struct rte_ring *jobs; /* from control */
    int wake;              /* eventfd: there is something to do, or the end */
    ss_thread thread;
    bool is_running;
    _Atomic bool stop;                        /* set by control after its last job; pairs with run() */
    _Atomic uint64_t refused;                 /* counted by control */
    _Atomic(const struct ss_config *) wanted; /* control's, released to the writer; NULL: nothing new */
    _Atomic bool is_answered;                 /* releases the answer to control */
    int answer;
    char answer_why[SS_WRITER_WHY_BYTES];
    struct saving savings[SS_JOURNALS_MAX];

    struct ss_writing writing; /* the thread's own */

    /* For everyone. */
    struct ss_writer_view published;
    struct ss_snapshot snapshot; /* of published */
    struct ss_recent *recent;
};

/* ---- the thread ---- */

static void publish(struct ss_writer *writer)
{
    struct ss_writer_view view;

    ss_writing_view(&writer->writing, &view);
    ss_snapshot_write(&writer->snapshot, &view);
}

/* Takes over what control wants, if it wants anything. */
static void reconfigure(struct ss_writer *writer)
{
    /* Pairs with the store in ss_writer_configure. */
    const struct ss_config *config = atomic_exchange_explicit(&writer->wanted, NULL, memory_order_acquire);

    if (config == NULL)
        return;
    writer->answer =
        ss_writing_open(&writer->writing, config, writer->answer_why, sizeof(writer->answer_why));
    publish(writer);
    /* Releases answer and answer_why to ss_writer_configured. */
    atomic_store_explicit(&writer->is_answered, true, memory_order_release);
}

static void save_positions(struct saving *saving)
{
    /* Pairs with the exchange in ss_writer_save. */
    struct ss_positions *positions = atomic_exchange_explicit(&saving->wanted, NULL, memory_order_acquire);

    if (positions == NULL)
        return;
    int error = ss_positions_save(positions);
    atomic_store_explicit(&saving->answer, error == 0 ? SAVED : error, memory_order_relaxed);
    ss_positions_free(positions);
}

/* What control wants besides. */
static void between_jobs(struct ss_writer *writer)
{
    reconfigure(writer);
    for (unsigned i = 0; i < SS_JOURNALS_MAX; i++)
        save_positions(&writer->savings[i]);
}

static ss_thread_result run(void *argument)
{
    struct ss_writer *writer = argument;
    struct ss_writer_job *jobs[SS_WRITER_JOBS];
    unsigned count;
    uint64_t told;
    bool is_last;

    do {
        /* Before the jobs are looked for: what was handed over before the end is still found. */
        is_last = atomic_load_explicit(&writer->stop, memory_order_acquire);
        between_jobs(writer);
        /* All that wait now: they are on disk together, and none waits for one that is yet to come. */
        while ((count = rte_ring_dequeue_burst(writer->jobs, (void **)jobs, SS_WRITER_JOBS, NULL)) > 0) {
            ss_writing_jobs(&writer->writing, jobs, count);
            publish(writer);
            between_jobs(writer);
        }
        /* Sleeps until something was handed over; what came meanwhile is told already. */
        if (!is_last && read(writer->wake, &told, sizeof(told)) < 0 && errno != EINTR)
            break;
    } while (!is_last);
    return SS_THREAD_DONE;
}

static void wake(struct ss_writer *writer)
{
    const uint64_t one = 1;
    ssize_t written = write(writer->wake, &one, sizeof(one)); /* fails only where it is told already */
    (void)written;
}

static int start(struct ss_writer *writer, const struct ss_config *config, char *ret_why, size_t why_bytes)
{
    int error = ss_writing_open(&writer->writing, config, ret_why, why_bytes);

    if (error != 0)
        return error;
    snprintf(ret_why, why_bytes, "cannot start the writer: out of memory or descriptors");
    writer->recent = writer->writing.recent = ss_recent_create();
    writer->jobs = rte_ring_create("ss_writer", SS_WRITER_JOBS, SOCKET_ID_ANY,
                                   RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
    writer->wake = eventfd(0, EFD_CLOEXEC);
    writer->writing.journal_fd = ss_summary_open();
    if (writer->recent == NULL || writer->jobs == NULL || writer->wake < 0 || writer->writing.journal_fd < 0)
        return -ENOMEM;
    publish(writer);
    error = ss_thread_start(&writer->thread, "ss-writer", run, writer);
    writer->is_running = error == 0;
    return error > 0 ? -error : error;
}

int ss_writer_start(const struct ss_config *config, const struct ss_pcapng_interface *interfaces,
                    unsigned interface_count, struct ss_writer **ret_writer, char *ret_why, size_t why_bytes)
{
    struct ss_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL) {
        snprintf(ret_why, why_bytes, "cannot start the writer: out of memory");
        return -ENOMEM;
    }
    writer->wake = writer->writing.journal_fd = -1;
    writer->writing.interfaces = interfaces;
    writer->writing.packet = config->packet;
    writer->writing.interface_count = interface_count;
    memcpy(writer->writing.sensor, config->sensor, sizeof(config->sensor));
    ss_snapshot_init(&writer->snapshot, &writer->published, sizeof(writer->published));
    int error = start(writer, config, ret_why, why_bytes);
    if (error != 0)
        ss_writer_stop(writer);
    else
        *ret_writer = writer;
    return error;
}

void ss_writer_stop(struct ss_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->is_running) {
        atomic_store_explicit(&writer->stop, true, memory_order_release);
        wake(writer);
        ss_thread_join(writer->thread);
    }
    for (unsigned i = 0; i < SS_JOURNALS_MAX; i++)
        ss_positions_free(writer->savings[i].wanted);
    ss_writing_close(&writer->writing);
    if (writer->wake >= 0)
        close(writer->wake);
    if (writer->writing.journal_fd >= 0)
        close(writer->writing.journal_fd);
    rte_ring_free(writer->jobs);
    ss_recent_free(writer->recent);
    free(writer);
}

/* ---- control's side ---- */

bool ss_writer_give(struct ss_writer *writer, struct ss_writer_job *job)
{
    if (rte_ring_enqueue(writer->jobs, job) != 0) {
        atomic_fetch_add_explicit(&writer->refused, 1, memory_order_relaxed);
        return false;
    }
    wake(writer);
    return true;
}

void ss_writer_job_free(struct ss_writer_job *job)
{
    struct ss_export_block *block = job->blocks;
    struct ss_writer_event *more = job->more;

    while (block != NULL) {
        struct ss_export_block *next = block->next;
        free(block);
        block = next;
    }
    while (more != NULL) {
        struct ss_writer_event *next = more->next;
        free(more);
        more = next;
    }
    if (job->held != NULL)
        atomic_fetch_sub_explicit(job->held, job->bytes, memory_order_relaxed);
    free(job);
}

void ss_writer_configure(struct ss_writer *writer, const struct ss_config *config)
{
    /* Pairs with the exchange in reconfigure(). */
    atomic_store_explicit(&writer->wanted, config, memory_order_release);
    wake(writer);
}

bool ss_writer_configured(struct ss_writer *writer, int *ret_error, char *ret_why, size_t why_bytes)
{
    if (!atomic_load_explicit(&writer->is_answered, memory_order_acquire))
        return false;
    *ret_error = writer->answer;
    if (writer->answer != 0)
        snprintf(ret_why, why_bytes, "%s", writer->answer_why);
    atomic_store_explicit(&writer->is_answered, false, memory_order_relaxed);
    return true;
}

void ss_writer_save(struct ss_writer *writer, unsigned journal, struct ss_positions *positions)
{
    /* Pairs with the exchange in save_positions(). */
    ss_positions_free(
        atomic_exchange_explicit(&writer->savings[journal].wanted, positions, memory_order_acq_rel));
    wake(writer);
}

bool ss_writer_saved(struct ss_writer *writer, unsigned journal, int *ret_error)
{
    int answer = atomic_exchange_explicit(&writer->savings[journal].answer, 0, memory_order_relaxed);

    if (answer == 0)
        return false;
    *ret_error = answer == SAVED ? 0 : answer;
    return true;
}

void ss_writer_view(const struct ss_writer *writer, struct ss_writer_view *ret_view)
{
    ss_snapshot_read(&writer->snapshot, ret_view);
    ret_view->refused = atomic_load_explicit(&writer->refused, memory_order_relaxed);
}

unsigned ss_writer_recent_count(struct ss_writer *writer)
{
    return ss_recent_count(writer->recent);
}

bool ss_writer_recent(struct ss_writer *writer, unsigned i, struct ss_writer_flow *ret_flow)
{
    return ss_recent_get(writer->recent, i, ret_flow);
}

bool ss_writer_recent_by_id(struct ss_writer *writer, const char *id, char **ret_json)
{
    return ss_recent_by_id(writer->recent, id, ret_json);
}

unsigned ss_writer_origins(struct ss_writer *writer, unsigned offset, unsigned max,
                           struct ss_writer_origin *ret_origins)
{
    return ss_recent_origins(writer->recent, offset, max, ret_origins);
}
