// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* A copy of plain data that one thread publishes now and then and any other may read: a sequence lock.
 *
 * The writer never waits. A reader copies and tries again when the writer was in the middle (the sequence is
 * odd, or moved); so the data must be plain bytes without pointers that it would follow.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ss_snapshot {
    _Atomic uint32_t sequence; /* odd while being written */
    size_t bytes;
    void *data; /* borrowed */
};

static inline void ss_snapshot_init(struct ss_snapshot *snapshot, void *data, size_t bytes)
{
    atomic_init(&snapshot->sequence, 0);
    snapshot->data = data;
    snapshot->bytes = bytes;
}

static inline void ss_snapshot_write(struct ss_snapshot *snapshot, const void *from)
{
    uint32_t sequence = atomic_load_explicit(&snapshot->sequence, memory_order_relaxed);
    atomic_store_explicit(&snapshot->sequence, sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* the odd number is seen before any new byte */
    memcpy(snapshot->data, from, snapshot->bytes);
    atomic_store_explicit(&snapshot->sequence, sequence + 2,
                          memory_order_release); /* pairs with the acquire load in read */
}

static inline void ss_snapshot_read(const struct ss_snapshot *snapshot, void *ret_copy)
{
    uint32_t before, after;
    do {
        before = atomic_load_explicit(&snapshot->sequence,
                                      memory_order_acquire); /* pairs with write's last store */
        memcpy(ret_copy, snapshot->data, snapshot->bytes);
        atomic_thread_fence(memory_order_acquire); /* the bytes are read before the number is read again */
        after = atomic_load_explicit(&snapshot->sequence, memory_order_relaxed);
    } while (before != after || before & 1);
}
