// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The whole way of a packet on one lcore: frames in, findings out.
 *
 *     frames > decode > flow > history > stream > tls > handshake (timeline, verdict) > findings
 *
 * The live appliance, the reader of capture files and the bench run this very code. One analyzer shares
 * nothing with another; feed each flow to one analyzer only. All memory comes from the caller at the start,
 * nothing is allocated later. Time is that of the frames: the analyzer asks no clock.
 *
 *     ss_analyzer_feed(analyzer, frames, count);
 *     while (ss_analyzer_next(analyzer, &news))
 *         ...
 */

#include "analyzer/finding.h"
#include "analyzer/mirror_loss.h"
#include "analyzer/shed.h"
#include "base/histogram.h"
#include "history/history.h"
#include "packet/frame.h"

#include <stddef.h>
#include <stdint.h>

#define SS_BURST_MAX 64 /* frames of one feed */

struct ss_analyzer_config {
    const uint8_t *ports; /* bitmap of 65536 server ports, NULL: any; borrowed for the analyzer's life */
    const struct ss_packet_settings *packet; /* NULL: see ss_packet_decode(); borrowed likewise */
    struct ss_slow slow;
    enum ss_tap tap;
    enum ss_clock_source clock;
    uint32_t flows_max;
    uint32_t per_flow_bytes;   /* of the handshakes tier */
    uint64_t handshakes_bytes; /* of the tiers' rings */
    uint64_t recent_bytes;
    uint32_t snaplen;
    uint64_t hash_seed;  /* unpredictable where packets are hostile */
    int64_t disorder_ns; /* how far frames may be out of order; 0: as they come on a mirror. Upkeep waits that
                            much longer, so that it matters to no frame when it gets to its connection */
};

struct ss_analyzer;

enum ss_news_kind {
    SS_NEWS_JUDGED, /* a handshake was judged, or judged again */
    SS_NEWS_ENDED,  /* the connection of a judged handshake is forgotten: no more packets of it will come.
                       Where its finding is overwritten it names the connection, packets, flags and is_tls
                       alone */
    SS_NEWS_SECOND, /* `mirror` of a second, and nothing else; several of the same second add up */
};

struct ss_news {
    enum ss_news_kind kind;
    struct ss_endpoint client, server;
    struct ss_endpoint proxied_client, proxied_server; /* of a PROXY protocol header, if has_proxied */
    int64_t start_ns;
    int64_t end_ns;    /* of its last mark */
    int64_t over_ns;   /* when it was over for those who waited, if it is: ss_finding_end_ns(); else end_ns */
    int64_t accept_ns; /* UTC when the server's kernel could accept it: the ACK mark, else the first packet */
    int64_t served_ns; /* UTC when its program had accepted it: the first hello of the server, else end_ns */
    uint64_t note;     /* where its finding is: for ss_analyzer_finding() and ss_export_begin() */
    uint64_t packets;  /* of the connection until now */
    uint32_t network;  /* tells its addresses from the same in another network */
    uint32_t flags;    /* SS_FLAG_... of the wire */
    uint8_t verdict;   /* enum ss_verdict of the wire */
    bool still_open;   /* not complete yet: may be judged again */
    bool is_tls;       /* a hello was seen; else a connection that stayed silent */
    bool completed;    /* all of the handshake was seen */
    bool early_data;   /* was offered, so that a request may be answered before the handshake's end */
    struct ss_mirror_second mirror;
    bool has_proxied;
};

/* Counters: plain, private to the owner's lcore. received = analyzed + sum(refused). A fragment counts when
 * its datagram is whole or given up. */
struct ss_analyzer_counters {
    uint64_t received_packets, received_bytes;
    uint64_t analyzed_packets;
    uint64_t refused[SS_REFUSED_COUNT];
    uint64_t flows_opened, flows_closed, flows_evicted;
    uint64_t handshakes; /* judged; connections without a hello do not count */
    uint64_t silent;     /* connections that ended without a hello */
    uint64_t resumed;    /* of the handshakes */
    /* Of full handshakes (and those of which no ServerHello said what they are), and of resumed ones. */
    uint64_t flagged[2];
    uint64_t outcomes[2][SS_OUTCOME_COUNT];
    uint64_t verdicts[2][SS_VERDICT_COUNT];
    uint64_t handshakes_full;  /* connections not measured for want of a handshake block */
    uint64_t hellos_full;      /* hellos not looked into for want of a block, for good or from then on */
    uint64_t lacking_evidence; /* handshakes judged without some of it, for want of a block */
    uint64_t segments_full;    /* segments out of order, or blocks of them, not kept for want of a block */
    uint64_t ja4_left_out;     /* handshakes whose ClientHello is too long for a JA4 */
    uint64_t news_dropped;     /* findings nobody fetched in time */
    uint64_t conflicts;        /* segments of handshakes that sent other bytes at the same place */
    uint64_t truncated_frames; /* captured < wire */
    uint64_t datagrams;        /* put together of fragments */
};

struct ss_analyzer_gauges {
    uint32_t flows, flows_max, handshakes_open, handshakes_max;
    uint64_t handshakes_ring_bytes, recent_ring_bytes;
    int64_t handshakes_oldest_ns, recent_oldest_ns; /* 0 while empty */
};

/* How much memory ss_analyzer_create will use: alignment 64. */
size_t ss_analyzer_bytes(const struct ss_analyzer_config *config);

/* memory: zeroed, borrowed for the analyzer's life. */
struct ss_analyzer *ss_analyzer_create(const struct ss_analyzer_config *config, void *memory);

/* count <= SS_BURST_MAX. Frames should come in order of time, and may be out of order by disorder_ns. One
 * further ahead (by more than a day, where that is 0) is taken for a single frame with a wrong time, unless
 * ss_analyzer_tick() has said before that it is so late. */
void ss_analyzer_feed(struct ss_analyzer *analyzer, const struct ss_frame *frames, unsigned count);

/* Upkeep when nothing arrives: judges what waited long enough and ages flows. Cheap
 * enough for each turn of a loop. */
void ss_analyzer_tick(struct ss_analyzer *analyzer, int64_t now_ns);

/* The input has ended: judge all that is still open. Call ss_analyzer_next until empty, and flush
 * again until it returns false. What is fed then may be of any other time, even an earlier one. */
bool ss_analyzer_flush(struct ss_analyzer *analyzer);

/* The next finding; false: none. */
bool ss_analyzer_next(struct ss_analyzer *analyzer, struct ss_news *ret_news);

/* NULL: overwritten since. Valid until the next feed. */
const struct ss_finding *ss_analyzer_finding(struct ss_analyzer *analyzer, uint64_t note);

/* What is left out of later feeds, until told otherwise, for want of time. */
void ss_analyzer_shed(struct ss_analyzer *analyzer, enum ss_shed shed);

void ss_analyzer_set_slow(struct ss_analyzer *analyzer, const struct ss_slow *slow);

const struct ss_analyzer_counters *ss_analyzer_counters(const struct ss_analyzer *analyzer);
void ss_analyzer_gauges(const struct ss_analyzer *analyzer, struct ss_analyzer_gauges *ret_gauges);

/* Statistics of all complete handshakes since the start, full and resumed ones apart: SS_PHASE_COUNT
 * histograms, and one more of the whole duration. */
const struct ss_histogram *ss_analyzer_phases(const struct ss_analyzer *analyzer, bool resumed);

/* The packets of a flow that the history still has, newest first, each once. A cursor survives feeds
 * between its steps: what was overwritten meanwhile is counted in missing. */
struct ss_export_cursor {
    uint64_t handshakes_at, recent_at; /* next positions in each tier */
    uint64_t packets;                  /* the flow's packets in all, when the cursor was opened */
    uint64_t given;                    /* by ss_export_next until now */
};

/* False: the finding itself was overwritten. */
bool ss_export_begin(struct ss_analyzer *analyzer, uint64_t note, struct ss_export_cursor *ret_cursor);
bool ss_export_next(struct ss_analyzer *analyzer, struct ss_export_cursor *cursor,
                    struct ss_history_record *ret_record);
