// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Proxy events and judged handshakes, joined by address and time, in either order of arrival.
 *
 * Handshakes are kept in an index by client endpoint, the oldest giving way when it is full; events that find
 * nothing wait for up to hold. A handshake that came with a PROXY protocol header is found by the client that
 * the header names, too, but only where nothing fits by the names on the wire. An event fits a handshake of
 * its client (and of its server, where it names one) by the moment that it tells of, less its host's clock
 * offset:
 *
 *   accepted  within slack of the time between when the server's kernel could accept and when the server's
 *             first hello, which only a program that has accepted sends, was seen
 *   ended     within slack of the handshake's end, or, less the duration, of the accept
 *   logged    at or after the handshake's end, by less than slack before it; lines may come hours late
 *
 * Of several that fit (the port was used again) the nearest is taken, for logged lines the latest; two that
 * are equally likely, as near as the host's clock is known, are not guessed; one that the event's duration
 * leads to both ends of goes before one of which it does not, and one that had ended when the line was
 * written, by the age of the connection in it, before one that had not. Until the clock is known, that is
 * two within slack. Once it is known, a handshake that is only within slack is taken after
 * SS_JOIN_PATIENCE_NS (or hold, if that is shorter), in case that the right one is yet to come, and not if
 * it has a report of its own. Without a client port in the event, only a single candidate is taken, and a
 * line must have been written within slack of its end, or of when it was given up; one of a failed handshake
 * is not about a handshake that the wire shows complete.
 *
 * Each host's clock offset (proxy minus tap) is learned from its last SS_JOIN_SAMPLES samples. A sample is an
 * event whose ip:port had one single handshake in the whole index, however far apart, but where more than
 * slack, that took as long as the event says; and each handshake gives one at most (later lines of a
 * connection tell of later requests). The offset is the median of accept
 * and end times; of a host that logs neither, the lower eighth of its lines' times, which are late or prompt,
 * never early. It is applied from SS_JOIN_LEARNED samples on that agree within a quarter of slack (their
 * median absolute deviation, or the lower quarter of lines): so a host that is minutes off is learned too,
 * its events being outside_slack until then, and one whose samples disagree is not trusted. When most of the
 * last SS_JOIN_LEARNED agree on an offset that is more than a quarter of slack away, and no busy proxy
 * explains that by accepting late, the clock was set: that is counted, and the rest is forgotten. A clock
 * that drifts takes the median, and the spread, along.
 *
 * Times of events and handshakes are UTC. How long an event waits goes by a clock that is never set
 * (CLOCK_MONOTONIC): steady_ns.
 *
 * Pure bookkeeping: time is an argument, nothing is asked of the system, nothing grows; walks of a chain
 * are bounded, whatever ports clients choose.
 *
 * Every event is accounted for: events = matched + waiting + sum(unmatched).
 *
 *     flow = ss_join_add_flow(join, &news, analyzer);
 *     while (ss_join_take_waiting(join, flow, &event))
 *         joined(flow, &event);
 *
 *     while (ss_join_expire(join, steady_ns, &event, &flow, &reason))
 *         flow ? joined(flow, &event) : unmatched(&event, reason);
 */

#include "analyzer/analyzer.h"
#include "journal/event.h"

#include <stddef.h>
#include <stdint.h>

#define SS_JOIN_SAMPLES 63
#define SS_JOIN_LEARNED 8
#define SS_JOIN_HOSTS   256
#define SS_JOIN_SOURCES 16
#define SS_JOIN_PATIENCE_NS                                                                                  \
    (2 * 1000000000LL)         /* news of a handshake are sooner than the proxy's line of it */
#define SS_JOIN_CANDIDATES 16  /* that are counted */
#define SS_JOIN_WALK       256 /* links of a chain that are looked at, newest first */

/* Why an event found no flow. */
#define X(name, ...) SS_UNMATCHED_##name,
enum ss_unmatched {
#include "tables/unmatched.def"
    SS_UNMATCHED_COUNT
};
#undef X

const char *ss_unmatched_name(enum ss_unmatched reason);
const char *ss_unmatched_about(enum ss_unmatched reason);

/* A handshake as the join knows it. */
struct ss_join_flow {
    struct ss_news news;
    uint16_t analyzer;   /* whose note news.note is */
    uint16_t events;     /* joined so far */
    bool exported;       /* the caller's: a record was written */
    bool reported;       /* the caller's: with an event in it */
    uint16_t revision;   /* the caller's: of that record */
    uint32_t job;        /* the caller's: what is under way for it, 0: nothing */
    uint64_t packets;    /* the caller's: of the connection, in that record */
    int64_t reported_ns; /* the caller's: that event's duration */
};

struct ss_join_host {
    char name[SS_HOST_MAX];
    uint64_t joined;
    int64_t offset_ns; /* proxy minus tap; 0 until learned */
    int64_t spread_ns; /* how well the samples agree */
    unsigned samples;
    bool learned;          /* the offset is in use */
    uint64_t steps;        /* how often the clock was set */
    int64_t stepped_ns;    /* by how much, the last time, */
    int64_t stepped_at_ns; /* and when that was noticed, by the tap's clock */
};

struct ss_join_counters {
    uint64_t events, matched, waiting;
    uint64_t unmatched[SS_UNMATCHED_COUNT];
    uint64_t flows, flows_evicted; /* held now; given up for newer ones */
    int64_t late_max_ns;           /* the longest that an event came after its handshake's end */
    uint64_t walks_cut;            /* chains longer than SS_JOIN_WALK */
    uint64_t hosts_refused; /* joined events of hosts beyond SS_JOIN_HOSTS, whose offset is not learned */
};

struct ss_join;

/* Room for flows_max handshakes and waiting_max events; seed: unpredictable where addresses are hostile. 0,
 * -EINVAL (none or too many) or -ENOMEM. */
int ss_join_create(size_t flows_max, size_t waiting_max, uint64_t seed, struct ss_join **ret_join);
void ss_join_free(struct ss_join *join);
/* slack and hold of a journal, 2 s and 30 s until told; sources from SS_JOIN_SOURCES on keep these. */
void ss_join_set_source(struct ss_join *join, unsigned source, int64_t slack_ns, int64_t hold_ns);

/* Packets are seen from then on, by the tap's clock: an event that finds nothing and tells of an earlier
 * moment is BEFORE_START. 0, as it is until told: they always were. */
void ss_join_set_start(struct ss_join *join, int64_t start_ns);
/* Whether the event tells of such a moment, as far as its host's clock is known. */
bool ss_join_is_before_start(struct ss_join *join, const struct ss_event *event);

enum ss_join_result { SS_JOIN_MATCHED, SS_JOIN_WAITING, SS_JOIN_UNMATCHED };

/* A handshake was judged (or judged again: same start and endpoints replace). Returns its slot, valid until
 * evicted. Then call ss_join_take_waiting until it returns false: events that had waited for it. */
struct ss_join_flow *ss_join_add_flow(struct ss_join *join, const struct ss_news *news, uint16_t analyzer);
bool ss_join_take_waiting(struct ss_join *join, const struct ss_join_flow *flow, struct ss_event *ret_event);
/* The slot of a handshake that was added, by later news of its connection. NULL: evicted, or never added. */
struct ss_join_flow *ss_join_find_flow(struct ss_join *join, const struct ss_news *news);

/* An event. MATCHED: *ret_flow. UNMATCHED: *ret_reason. WAITING: it is kept. now_ns is the tap's clock. */
enum ss_join_result ss_join_add_event(struct ss_join *join, const struct ss_event *event, int64_t now_ns,
                                      int64_t steady_ns, struct ss_join_flow **ret_flow,
                                      enum ss_unmatched *ret_reason);

/* An event that need not wait any longer; false: none now. Either its handshake in *ret_flow (its host's
 * clock was learned meanwhile, or hold is over), or NULL there, and why it found none. Cheap when nothing is
 * due: call it each turn. */
bool ss_join_expire(struct ss_join *join, int64_t steady_ns, struct ss_event *ret_event,
                    struct ss_join_flow **ret_flow, enum ss_unmatched *ret_reason);

/* How many handshakes fit the event now, up to SS_JOIN_CANDIDATES: for those that are ambiguous. */
unsigned ss_join_candidates(struct ss_join *join, const struct ss_event *event);

/* A match of this flow turned out to be worthless, its packets being gone: counts it as unmatched,
 * OVERWRITTEN. */
void ss_join_overwritten(struct ss_join *join, struct ss_join_flow *flow);

/* For the end of reading files: every waiting event is due. */
#define SS_JOIN_FOREVER INT64_MAX

const struct ss_join_counters *ss_join_counters(const struct ss_join *join);
/* Copies up to max hosts, in order of appearance, and returns how many there are. */
size_t ss_join_hosts(const struct ss_join *join, struct ss_join_host *ret_hosts, size_t max);
/* When the oldest handshake of the index began; 0: there is none. */
int64_t ss_join_oldest(const struct ss_join *join);
/* 0 until learned. */
int64_t ss_join_offset(const struct ss_join *join, const char *host);
