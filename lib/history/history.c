// SPDX-License-Identifier: BSD-3-Clause
#include "history/history.h"

#include <assert.h>
#include <string.h>

#define CACHE_LINE  64
#define FETCH_AHEAD 4096 /* bytes before the head (bench: mix, handshakes) */

/* What stands before a record's data.
 *
 *   0        4      8       12     14     15     16         24       32        40
 *   | captured | wire | check | port | link | kind | previous | number | time_ns |
 */
struct header {
    uint32_t captured;
    uint32_t wire;
    uint32_t check; /* of the position, so that other bytes are not taken for a record */
    uint16_t port;
    uint8_t link;
    uint8_t kind;
    uint64_t previous;
    uint64_t number;
    int64_t time_ns;
};

static_assert(sizeof(struct header) == SS_HISTORY_HEADER, "a record's header is what history.h says");

/* Positions are multiples of 8, so this names 32 GiB of them; the constant keeps zeroed memory from passing.
 */
static uint32_t check_of(uint64_t position)
{
    return (uint32_t)(position >> 3) ^ 0xa5c35a3cU;
}

static uint64_t record_bytes(uint32_t captured)
{
    return SS_HISTORY_HEADER + (((uint64_t)captured + 7) & ~(uint64_t)7);
}

static struct header *header_at(const struct ss_history *history, uint64_t at)
{
    return (void *)(history->memory + at);
}

/* Bytes from a place in the ring to the next record. What is left at the ring's end may be too short for a
 * header. */
static uint64_t bytes_at(const struct ss_history *history, uint64_t at)
{
    uint64_t left = history->bytes - at;
    return left < SS_HISTORY_HEADER ? left : record_bytes(header_at(history, at)->captured);
}

void ss_history_init(struct ss_history *history, void *memory, uint64_t bytes, uint32_t snaplen)
{
    assert((uintptr_t)memory % 8 == 0);
    *history = (struct ss_history){.memory = memory, .bytes = bytes & ~(uint64_t)7, .snaplen = snaplen};
}

/* Gives up the oldest records until need bytes before the head's place are free. Their headers are read,
 * which is why they are given up before anything is written. */
static inline void free_bytes(struct ss_history *history, uint64_t need)
{
    while (history->head + need - history->tail > history->bytes) {
        uint64_t bytes = bytes_at(history, history->tail_at);
        history->tail += bytes;
        history->tail_at += bytes;
        if (history->tail_at == history->bytes)
            history->tail_at = 0;
    }
}

static void advance_head(struct ss_history *history, uint64_t bytes)
{
    history->head += bytes;
    history->head_at += bytes;
    if (history->head_at == history->bytes)
        history->head_at = 0;
}

/* Fills the end of the ring, so that the next record lies in one piece at its beginning. */
static void wrap(struct ss_history *history, uint64_t left)
{
    free_bytes(history, left);
    if (left >= SS_HISTORY_HEADER)
        *header_at(history, history->head_at) = (struct header){
            .captured = (uint32_t)(left - SS_HISTORY_HEADER),
            .check = check_of(history->head),
            .kind = SS_HISTORY_WRAP,
        };
    advance_head(history, left);
}

/* The memory of as many bytes to come: it is written to, and before that the headers in it are read, of
 * records that are given up. At the ring's end this is memory beyond it, which does no harm. Always inlined,
 * as all that only prefetches: gcc 12 takes a call of it for one that does nothing, and leaves it out. */
static inline __attribute__((always_inline)) void fetch_ahead(const struct ss_history *history,
                                                              uint64_t bytes)
{
    const unsigned char *at = history->memory + history->head_at + FETCH_AHEAD;

    for (uint64_t line = 0; line < bytes; line += CACHE_LINE)
        __builtin_prefetch(at + line, 1);
}

/* The next record, with its size; the rest of its header is the caller's to fill in. *ret_position is where
 * it is. NULL: too large. */
static inline struct header *append(struct ss_history *history, uint32_t captured, uint64_t *ret_position)
{
    uint64_t need = record_bytes(captured);
    if (need > history->bytes / 4)
        return NULL;
    if (need > history->bytes - history->head_at)
        wrap(history, history->bytes - history->head_at);
    fetch_ahead(history, need);
    free_bytes(history, need);
    struct header *header = header_at(history, history->head_at);
    header->captured = captured;
    header->check = check_of(history->head);
    *ret_position = history->head;
    advance_head(history, need);
    history->records++;
    history->data_bytes += captured;
    return header;
}

uint64_t ss_history_append(struct ss_history *history, const struct ss_frame *frame, uint64_t number,
                           uint64_t previous)
{
    uint32_t captured = frame->captured < history->snaplen ? frame->captured : history->snaplen;
    uint64_t position;
    struct header *header = append(history, captured, &position);

    if (header == NULL)
        return SS_HISTORY_NONE;
    header->wire = frame->wire;
    header->port = frame->port;
    header->link = frame->link;
    header->kind = SS_HISTORY_FRAME;
    header->previous = previous;
    header->number = number;
    header->time_ns = frame->time_ns;
    if (captured > 0)
        memcpy(header + 1, frame->data, captured);
    return position;
}

uint64_t ss_history_append_note(struct ss_history *history, uint32_t bytes, int64_t time_ns,
                                uint64_t previous, void **ret_data)
{
    uint64_t position;
    struct header *header = append(history, bytes, &position);

    if (header == NULL)
        return SS_HISTORY_NONE;
    header->wire = bytes;
    header->port = 0;
    header->link = 0;
    header->kind = SS_HISTORY_NOTE;
    header->previous = previous;
    header->number = 0;
    header->time_ns = time_ns;
    *ret_data = header + 1;
    return position;
}

/* The header at position, if a record that begins there is still whole. */
static const struct header *find(const struct ss_history *history, uint64_t position)
{
    if (position >= history->head || position < history->tail || position % 8 != 0)
        return NULL;
    uint64_t back = history->head - position; /* at most the ring's bytes, as tail is */
    uint64_t at =
        history->head_at >= back ? history->head_at - back : history->head_at + history->bytes - back;
    if (history->bytes - at < SS_HISTORY_HEADER)
        return NULL;
    const struct header *header = header_at(history, at);
    uint64_t bytes = record_bytes(header->captured);
    if (header->check != check_of(position) || bytes > back || bytes > history->bytes - at)
        return NULL;
    return header->kind == SS_HISTORY_FRAME || header->kind == SS_HISTORY_NOTE ? header : NULL;
}

bool ss_history_read(const struct ss_history *history, uint64_t position,
                     struct ss_history_record *ret_record)
{
    const struct header *header = find(history, position);
    if (!header)
        return false;
    *ret_record = (struct ss_history_record){
        .data = (const uint8_t *)(header + 1),
        .previous = header->previous,
        .number = header->number,
        .time_ns = header->time_ns,
        .captured = header->captured,
        .wire = header->wire,
        .port = header->port,
        .link = header->link,
        .kind = header->kind,
    };
    return true;
}

void *ss_history_note(struct ss_history *history, uint64_t position, uint32_t bytes)
{
    const struct header *header = find(history, position);
    if (!header || header->kind != SS_HISTORY_NOTE || header->captured != bytes)
        return NULL;
    uint64_t at = (uint64_t)((const unsigned char *)(header + 1) - history->memory);
    return history->memory + at;
}

bool ss_history_oldest(const struct ss_history *history, int64_t *ret_time_ns)
{
    if (history->tail == history->head)
        return false;
    /* A filler may be the oldest; the record that it made room for is at the ring's beginning. */
    uint64_t at = history->tail_at;
    if (history->bytes - at < SS_HISTORY_HEADER || header_at(history, at)->kind == SS_HISTORY_WRAP)
        at = 0;
    *ret_time_ns = header_at(history, at)->time_ns;
    return true;
}
