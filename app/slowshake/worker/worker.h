// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What one lcore does in its loop: poll ports, hand packets to their analyzer, analyze, answer requests.
 *
 *   rx queues ─> burst ─┬─ own flow ───────────────> analyzer ─> news ring ──────> control
 *                       └─ another's ─> its ring       ^   └──> export blocks ──> control
 *   own ring (from other rx lcores) ───────────────────┘   <── requests ring ─── control
 *
 * An lcore that is in rx only has no analyzer; one in analyzers only has no queues; one in both runs to
 * completion, and still hands over what the hash of the inner flow gives to another. Everything in struct
 * ss_worker belongs to its lcore, except the rings, the snapshot, the heartbeat and the stop flag.
 */

#include "analyzer/analyzer.h"
#include "base/snapshot.h"
#include "clock/clock.h"
#include "config/config.h"
#include "packet/fragments.h"
#include "port/port.h"

#include <rte_mempool.h>
#include <rte_ring.h>
#include <stdatomic.h>

#define SS_WORKER_BURST       32
#define SS_MBUF_CACHE         256  /* mbufs that an lcore keeps for itself */
#define SS_NEWS_RING          4096 /* elements: struct ss_news */
#define SS_REQUEST_RING       1024 /* elements: struct ss_request */
#define SS_PACKET_RING        8192 /* mbufs */
#define SS_EXPORT_BLOCK_BYTES (80u * 1024)
#define SS_EXPORT_BLOCKS      256
#define SS_WORKER_SCRATCH     (128u * 1024) /* longest frame in several mbufs that is analyzed whole */

enum ss_request_kind { SS_REQUEST_EXPORT, SS_REQUEST_SLOW };

/* Control asks an analyzer. */
struct ss_request {
    uint32_t kind;              /* enum ss_request_kind */
    uint32_t job;               /* EXPORT: comes back in every block */
    uint64_t note;              /* EXPORT */
    const struct ss_slow *slow; /* SLOW: stays valid until the next one was taken */
};

/* An analyzer's answer to EXPORT, in one or more blocks, the last with is_last. Packets lie in data one after
 * another: a struct ss_history_record (its data pointer meaningless until ss_export_block_next), then the
 * bytes, padded to 8. */
struct ss_export_block {
    uint32_t job;
    uint32_t used; /* bytes of data */
    uint32_t records;
    bool is_last;
    bool is_gone;                 /* the finding itself was overwritten: nothing else is in here, but */
    int64_t oldest_ns;            /* how far back the handshakes tier goes */
    uint64_t packets;             /* of the flow; valid in the last block */
    struct ss_finding finding;    /* in the first block */
    struct ss_export_block *next; /* the receiver's, to chain a job's blocks */
    uint8_t data[];
};

/* The next record of a block: start with *offset = 0. */
bool ss_export_block_next(const struct ss_export_block *block, uint32_t *offset,
                          struct ss_history_record *ret_record);

struct ss_worker_counters {
    uint64_t turns, busy_turns;
    uint64_t received;  /* from ports */
    uint64_t ring_full; /* handed to another analyzer that had no room: dropped */
    uint64_t news_lost; /* control had no room for news */
    uint64_t exports, exports_gone;
    uint64_t absence_max_ns; /* longest time between two polls, ever and in the last second */
    uint64_t absence_recent_ns;
};

/* What a worker publishes a few times a second. */
struct ss_worker_view {
    struct ss_worker_counters worker;
    struct ss_analyzer_counters analyzer;
    struct ss_analyzer_gauges gauges;
    struct ss_histogram phases[2][SS_PHASE_COUNT + 1];
};

struct ss_queue_ref {
    struct ss_port *port;
    uint16_t port_index; /* in the configuration: the interface number in exports */
    uint16_t queue;
    uint64_t emptied_tsc; /* private to rx.c: what the queue gives next came after this */
    uint32_t since_empty; /* private to backlog.c: packets since the queue was last seen empty */
};

struct ss_worker {
    /* Filled in before ss_worker_init; analyzers before ss_worker_run. */
    unsigned lcore;
    unsigned queue_count;
    struct ss_queue_ref queues[SS_PORTS_MAX * SS_PORT_QUEUES_MAX];
    struct ss_worker **analyzers; /* all workers with an analyzer, by index */
    unsigned analyzer_count;
    enum ss_clock_source source;    /* of the packets' time: ss_port_worst_clock() */
    struct rte_mempool *block_pool; /* elements: struct ss_export_block with its data */
    const struct ss_clock *clock;
    _Atomic bool *stop;

    /* Made by ss_worker_init. */
    struct ss_analyzer *analyzer; /* NULL: rx only */
    unsigned analyzer_index;      /* place in lcores.analyzers */
    struct rte_ring *packets;     /* mbufs from other lcores; NULL where there is nobody else */
    struct rte_ring *news;        /* to control */
    struct rte_ring *requests;    /* from control */
    struct rte_ring *blocks;      /* struct ss_export_block * to control */
    bool spin;
    _Atomic uint64_t heartbeat;  /* turns, for whoever watches; relaxed */
    struct ss_snapshot snapshot; /* of struct ss_worker_view */
    struct ss_worker_view view;  /* its storage */

    /* Private to the lcore. */
    struct ss_worker_counters counters;
    struct ss_worker_view draft;    /* of the next view */
    void *memory;                   /* the analyzer's */
    uint8_t *scratch;               /* for frames in several mbufs */
    struct ss_fragments *fragments; /* that wait for their analyzer to be known; NULL: there is but one */
    struct rte_mempool *mbufs;      /* for handing them on */
    struct ss_packet_settings packet;
    uint8_t tls_ports[65536 / 8];
    uint64_t spread_seed;    /* of the hash that picks an analyzer: the same in all workers */
    unsigned arrival_offset; /* mbuf dynfield, see rx.c */
    bool is_behind;          /* more packets wait than the last turn could take */
    enum ss_shed shed;       /* in this turn */
    unsigned idle_turns;
    uint64_t last_turn_tsc, published_tsc, second_tsc;
    uint64_t absence_max_ticks, absence_second_ticks;
    struct ss_request exporting;
    struct ss_export_cursor cursor;
    struct ss_export_block *block; /* being filled */
    bool is_exporting, is_begun, is_block_full;
};

/* Registers the mbuf field that carries arrival times between lcores. Once, before any worker. 0 or
 * -rte_errno. */
int ss_worker_register(void);

/* Memory of one analyzer, the same for all. */
size_t ss_worker_analyzer_bytes(const struct ss_config *config);

/* Makes rings, memory (hugepages on the lcore's socket) and the analyzer. 0; -errno with a sentence in
 * ret_why. */
int ss_worker_init(struct ss_worker *worker, const struct ss_config *config, uint64_t hash_seed,
                   char *ret_why, size_t why_bytes);
void ss_worker_fini(struct ss_worker *worker);

/* The lcore's function for rte_eal_remote_launch: runs until *stop. */
int ss_worker_run(void *worker);
