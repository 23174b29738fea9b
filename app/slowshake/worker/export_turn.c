// SPDX-License-Identifier: BSD-3-Clause

/* An EXPORT is answered a little each turn, so that polling goes on meanwhile: at most one block, of at most
 * RECORDS_A_TURN packets. What is overwritten between turns is missing, and the cursor knows how much. */

#include "worker/export_blocks.h"

#define RECORDS_A_TURN 64

static uint32_t capacity_of(const struct ss_worker *worker)
{
    return worker->block_pool->elt_size - (uint32_t)sizeof(struct ss_export_block);
}

/* False: the pool is empty until control gives one back. */
static bool have_block(struct ss_worker *worker)
{
    void *block;

    if (worker->block != NULL)
        return true;
    if (rte_mempool_get(worker->block_pool, &block) != 0)
        return false;
    worker->block = block;
    ss_export_block_init(worker->block, worker->exporting.job);
    return true;
}

/* The whole of it where the finding is gone, else its finding and a cursor on its packets. */
static void begin(struct ss_worker *worker)
{
    const struct ss_finding *finding = ss_analyzer_finding(worker->analyzer, worker->exporting.note);

    worker->is_begun = true;
    worker->counters.exports++;
    if (finding == NULL || !ss_export_begin(worker->analyzer, worker->exporting.note, &worker->cursor)) {
        struct ss_analyzer_gauges gauges;
        ss_analyzer_gauges(worker->analyzer, &gauges);
        worker->counters.exports_gone++;
        worker->block->oldest_ns = gauges.handshakes_oldest_ns;
        worker->block->is_gone = worker->block->is_last = true;
        worker->is_block_full = true;
        return;
    }
    worker->block->finding = *finding;
}

static void finish(struct ss_worker *worker)
{
    worker->block->packets = worker->cursor.packets;
    worker->block->is_last = true;
    worker->is_block_full = true;
}

static void fill(struct ss_worker *worker)
{
    for (unsigned i = 0; i < RECORDS_A_TURN && !worker->is_block_full; i++) {
        struct ss_export_cursor before = worker->cursor;
        struct ss_history_record record;
        if (!ss_export_next(worker->analyzer, &worker->cursor, &record)) {
            finish(worker);
        } else if (!ss_export_block_add(worker->block, capacity_of(worker), &record)) {
            worker->cursor = before; /* the next block begins with it */
            worker->is_block_full = true;
        }
    }
}

/* False: control has not emptied the ring; the block stays. */
static bool pass_on(struct ss_worker *worker)
{
    bool is_last = worker->block->is_last; /* after that it is no longer ours */

    if (rte_ring_sp_enqueue(worker->blocks, worker->block) != 0)
        return false;
    worker->block = NULL;
    worker->is_block_full = false;
    worker->is_exporting = !is_last;
    return true;
}

bool ss_export_turn(struct ss_worker *worker)
{
    if (!worker->is_exporting || !have_block(worker))
        return false;
    if (!worker->is_begun)
        begin(worker);
    if (!worker->is_block_full)
        fill(worker);
    if (worker->is_block_full)
        return pass_on(worker);
    return true;
}
