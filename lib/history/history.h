// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* One tier of the packet history: a ring of records in memory that the caller gives, never grown.
 *
 *   memory  | record | record | record |..free..| oldest record | ... |
 *                                      ^ head                         (positions only grow: position % bytes
 * is the place)
 *
 * A record is a small header, the frame's bytes, padding to 8. It links to the previous record of its chain
 * (a flow), so a chain is read backwards from its newest record. Appending overwrites the oldest records;
 * nothing else does.
 *
 * Positions are 64-bit byte counts since the start and never repeat. A record may be read while
 * position + bytes >= head holds; each read proves it, and that a record begins there, or returns false.
 * One owner: the analyzer that appends is the only one that reads.
 *
 * A record larger than a quarter of the ring is refused (position SS_HISTORY_NONE).
 */

#include "packet/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_HISTORY_NONE   UINT64_MAX
#define SS_HISTORY_HEADER 40 /* bytes of a record before its data; asserted in history.c */

enum ss_history_kind {
    SS_HISTORY_FRAME, /* data is a frame */
    SS_HISTORY_NOTE,  /* data is its writer's own (a judged handshake) */
    SS_HISTORY_WRAP,  /* filler up to the end of the ring; never returned */
};

struct ss_history {
    unsigned char *memory;
    uint64_t bytes;      /* of the ring; a multiple of 8 */
    uint64_t head;       /* position where the next record goes */
    uint64_t tail;       /* position of the oldest whole record */
    uint64_t head_at;    /* head % bytes, and */
    uint64_t tail_at;    /* tail % bytes, kept so that appending divides nothing */
    uint64_t records;    /* appended in all */
    uint64_t data_bytes; /* of them, without headers and padding */
    uint32_t snaplen;
};

struct ss_history_record {
    const uint8_t *data;
    uint64_t previous; /* position of the chain's previous record, or SS_HISTORY_NONE */
    uint64_t number;   /* the caller's packet number: equal in both tiers for one packet */
    int64_t time_ns;
    uint32_t captured; /* bytes at data */
    uint32_t wire;
    uint16_t port;
    uint8_t link;
    uint8_t kind; /* enum ss_history_kind */
};

/* bytes of 0 turns the tier off: every append returns SS_HISTORY_NONE. memory is borrowed, 8-byte aligned;
 * bytes are rounded down to a multiple of 8. */
void ss_history_init(struct ss_history *history, void *memory, uint64_t bytes, uint32_t snaplen);

/* Copies up to snaplen bytes of the frame. Returns the record's position. */
uint64_t ss_history_append(struct ss_history *history, const struct ss_frame *frame, uint64_t number,
                           uint64_t previous);

/* Room for bytes of the caller's own, their content undefined; *ret_data is 8-byte aligned and stays valid
 * until overwritten. */
uint64_t ss_history_append_note(struct ss_history *history, uint32_t bytes, int64_t time_ns,
                                uint64_t previous, void **ret_data);

/* False: overwritten since, or never a record. */
bool ss_history_read(const struct ss_history *history, uint64_t position,
                     struct ss_history_record *ret_record);

/* The note of that many bytes at position, writable, or NULL where it was overwritten. */
void *ss_history_note(struct ss_history *history, uint64_t position, uint32_t bytes);

/* Arrival time of the oldest record still held; false while empty. */
bool ss_history_oldest(const struct ss_history *history, int64_t *ret_time_ns);
