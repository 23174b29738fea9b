// SPDX-License-Identifier: BSD-3-Clause

#include "worker/export_blocks.h"

#include <string.h>

_Static_assert(sizeof(struct ss_history_record) % 8 == 0, "records lie at multiples of 8");
_Static_assert(offsetof(struct ss_export_block, data) % 8 == 0, "records lie at multiples of 8");

static uint32_t padded(uint32_t bytes)
{
    return (bytes + 7) & ~UINT32_C(7);
}

void ss_export_block_init(struct ss_export_block *block, uint32_t job)
{
    *block = (struct ss_export_block){.job = job};
}

bool ss_export_block_add(struct ss_export_block *block, uint32_t capacity,
                         const struct ss_history_record *record)
{
    struct ss_history_record header = *record;
    uint32_t most = (capacity & ~UINT32_C(7)) - (uint32_t)sizeof(header);

    if (header.captured > most)
        header.captured = most;
    uint32_t need = (uint32_t)sizeof(header) + padded(header.captured);
    if (need > capacity - block->used)
        return false;
    uint8_t *to = block->data + block->used;
    header.data = NULL; /* it would point into the analyzer's history */
    memcpy(to, &header, sizeof(header));
    memcpy(to + sizeof(header), record->data, header.captured);
    block->used += need;
    block->records++;
    return true;
}

bool ss_export_block_next(const struct ss_export_block *block, uint32_t *offset,
                          struct ss_history_record *ret_record)
{
    if (*offset >= block->used)
        return false;
    const uint8_t *from = block->data + *offset;
    memcpy(ret_record, from, sizeof(*ret_record));
    ret_record->data = from + sizeof(*ret_record);
    *offset += (uint32_t)sizeof(*ret_record) + padded(ret_record->captured);
    return true;
}
