// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The analyzer's own state, shared by the files of this folder and nobody else. */

#include "analyzer/analyzer.h"
#include "analyzer/handshake.h"
#include "flow/table.h"
#include "packet/fragments.h"

#define SS_NEWS_MAX 1024    /* findings waiting to be fetched; a power of two */
#define SS_IDLE_MS  300000u /* a silent connection is forgotten */

/* A finding as it lies in the history's handshakes tier, with what is needed to find
 * the connection's packets. */
struct ss_note {
    uint64_t handshakes_at, recent_at; /* newest packets when it was judged, and at the flow's end */
    uint64_t packets;
    uint32_t flow; /* its entry, as long as key and start are still the same */
    struct ss_flow_key key;
    struct ss_finding finding;
};

/* Packets of a burst between the passes over it. */
struct ss_burst {
    struct ss_packet packet[SS_BURST_MAX];
    struct ss_flow_key key[SS_BURST_MAX];
    uint64_t hash[SS_BURST_MAX];
    uint32_t flow[SS_BURST_MAX];
    int64_t time_ns[SS_BURST_MAX]; /* the frame's, within 0 and what arithmetic can bear */
    int64_t age_ns[SS_BURST_MAX];  /* the same, as far as it is believed: what ages goes by this */
    uint32_t age_ms[SS_BURST_MAX]; /* low bits of its milliseconds */
    const struct ss_frame *frame[SS_BURST_MAX];
    bool from_first[SS_BURST_MAX];
    const struct ss_datagram *datagram; /* the one packet was made of its frames; NULL: as many as packets */
};

struct ss_analyzer {
    struct ss_analyzer_config config;
    struct ss_flow_table flows;
    struct ss_pool handshakes;
    struct ss_told *told; /* of each handshake's block */
    struct ss_handshake_pools pools;
    struct ss_fragments *fragments;
    struct ss_history kept;   /* the handshakes tier */
    struct ss_history recent; /* the recent tier */
    uint64_t packet_number;
    int64_t now_ns;                 /* newest time seen and believed */
    int64_t leap_ns;                /* how far ahead of it a frame's time is believed */
    uint32_t handshake_hand;        /* the handshake block that upkeep looks at next */
    struct ss_mirror_second mirror; /* of one second, not told yet */
    enum ss_shed shed;
    bool has_fed; /* since the last tick: upkeep has had its turn */
    uint32_t news_head, news_tail;
    struct ss_analyzer_counters counters;
    struct ss_histogram phases[2][SS_PHASE_COUNT + 1];
    struct ss_burst burst;
    struct ss_news news[SS_NEWS_MAX];
};

/* Low bits of the milliseconds of a UTC time: they wrap after 49 days. */
static inline uint32_t ss_ms_of(int64_t time_ns)
{
    return (uint32_t)((uint64_t)time_ns / 1000000);
}

/* Connections: connection.c */
enum ss_refusal ss_connection_packet(struct ss_analyzer *analyzer, unsigned i);
void ss_connection_forget(struct ss_analyzer *analyzer, uint32_t number, int64_t now_ns);
void ss_connection_conclude(struct ss_analyzer *analyzer, struct ss_handshake *handshake, int64_t until_ns);

/* Upkeep: upkeep.c */
#define SS_STUCK_NS (120 * INT64_C(1000000000)) /* a handshake silent for so long is given up */
static inline bool ss_upkeep_is_stuck(const struct ss_handshake *handshake, int64_t now_ns)
{
    return now_ns - handshake->seen_ns >= SS_STUCK_NS;
}
void ss_upkeep(struct ss_analyzer *analyzer);
bool ss_upkeep_is_over(const struct ss_flow *flow, uint32_t now_ms);
int64_t ss_upkeep_given_up(const struct ss_handshake *handshake, int64_t now_ns);
bool ss_upkeep_make_room(struct ss_analyzer *analyzer);
bool ss_upkeep_free_handshake(struct ss_analyzer *analyzer);
bool ss_upkeep_flush(struct ss_analyzer *analyzer);

/* Findings: news.c */
void ss_news_judged(struct ss_analyzer *analyzer, const struct ss_handshake *handshake, int64_t until_ns);
void ss_note_clock_error(struct ss_note *note, const struct ss_flow *flow);
void ss_news_second(struct ss_analyzer *analyzer); /* the second has passed, or all is over */
/* Of handshakes, by the packets' own time: whatever else is analyzed beside them, it is the same. */
void ss_news_mirror(struct ss_analyzer *analyzer, int64_t time_ns, uint32_t seen_bytes,
                    uint32_t missing_bytes);
void ss_news_ended(struct ss_analyzer *analyzer, const struct ss_flow *flow);
