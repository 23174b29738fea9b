// SPDX-License-Identifier: BSD-3-Clause

#include "timeline/owners.h"

#include <stddef.h>

/* How a phase's time is split. A round trip counts for the path as far as the tap is away from that
 * side: the least round trip seen on the connection, nothing where the tap is beside it. */
enum owner {
    OWNER_SERVER_KERNEL, /* a kernel's answer: the path, or the server's host where the tap is beside it */
    OWNER_SERVER_ROUND_TRIP, /* one round trip is the server's path, the rest the server */
    OWNER_SERVER,        /* the server; with a round trip where the phase begins with the client's bytes */
    OWNER_SERVER_SEND,   /* the server */
    OWNER_CLIENT_KERNEL, /* a kernel's acknowledgement, or the program's answer with it: see below */
    OWNER_CLIENT_ROUND_TRIP, /* one round trip is the client's path, the rest the client */
    OWNER_CLIENT,            /* the client; with a round trip where nothing was acknowledged separately */
    OWNER_CLIENT_SEND,       /* up to one round trip is the client's path, the rest the client */
    OWNER_CLIENT_PATH,       /* a kernel's answer: the path, or the client where the tap is beside it */
    OWNER_IDLE,              /* nobody is waiting for anybody */
};

static const enum owner owners[SS_PHASE_COUNT] = {
#define X(name, json_name, end, owner, about) OWNER_##owner,
#include "tables/phases.def"
#undef X
};

/* The phase that a mark ends, and 1; 0: it ends none. */
static const uint8_t ended[SS_MARK_COUNT] = {
#define X(name, json_name, end, owner, about) [SS_MARK_##end] = SS_PHASE_##name + 1,
#include "tables/phases.def"
#undef X
};

enum ss_phase ss_phase_of_mark(enum ss_mark mark)
{
    return ended[mark] > 0 ? (enum ss_phase)(ended[mark] - 1) : SS_PHASE_COUNT;
}

static void split(int64_t ns, int64_t path_ns, int64_t *path_share, int64_t *side_share)
{
    int64_t on_path_ns = ns < path_ns ? ns : path_ns;
    *path_share += on_path_ns;
    *side_share += ns - on_path_ns;
}

/* A kernel waits for so long at most before it acknowledges by itself what its program has not answered yet
 * (Linux and Windows; RFC 1122 section 4.2.3.2 allows 500 ms). */
#define DELAYED_ACK_NS (200 * 1000000LL)
#define EARLY_NS       (10 * 1000000LL) /* the round trip was measured elsewhere, and varies */
#define BUSY_NS        (25 * 1000000LL) /* a timer's tick, and a host that was busy */

static int64_t latest_delayed_ns(const struct ss_timeline *timeline)
{
    return DELAYED_ACK_NS + BUSY_NS + timeline->client_rtt_ns;
}

/* The client's acknowledgement of the flight. Alone, it is its kernel's, and took as long as the path: unless
 * it was as late as a delayed one may be, and the program's answer then took as long again. Where it came
 * with the answer, all beyond a round trip is the program's. */
static bool is_late_on_the_path(const struct ss_timeline *timeline, int64_t late_ns)
{
    int64_t ack_ns = timeline->mark_ns[SS_MARK_FLIGHT_ACK];
    int64_t answer_ns = timeline->answer_begin_ns;

    if (answer_ns != SS_MARK_UNSEEN && answer_ns <= ack_ns)
        return false;
    return late_ns > latest_delayed_ns(timeline) ||
           (answer_ns != SS_MARK_UNSEEN && answer_ns - ack_ns < late_ns);
}

bool ss_owner_flight_ack_is_doubtful(const struct ss_timeline *timeline, enum ss_tap tap)
{
    int64_t flight_ns = timeline->mark_ns[SS_MARK_SERVER_FLIGHT];
    int64_t ack_ns = timeline->mark_ns[SS_MARK_FLIGHT_ACK];

    if (tap == SS_TAP_CLIENT || flight_ns == SS_MARK_UNSEEN || ack_ns == SS_MARK_UNSEEN)
        return false;
    int64_t late_ns = ack_ns - flight_ns - timeline->client_rtt_ns;
    return late_ns >= DELAYED_ACK_NS - EARLY_NS && late_ns <= latest_delayed_ns(timeline) &&
           is_late_on_the_path(timeline, late_ns);
}

/* The earliest mark from which the phase is its owner's. Where that was not seen, nor a later one, the time
 * since holds what others did too. */
static enum ss_mark beginning_of(enum ss_phase phase)
{
    switch (phase) {
    case SS_PHASE_TCP_RETURN:
        return SS_MARK_SYN_ACK;
    case SS_PHASE_HELLO_SEND:
    case SS_PHASE_HELLO_ACK:
    case SS_PHASE_HELLO_RETRY:
    case SS_PHASE_SERVER_HELLO:
        return SS_MARK_CLIENT_HELLO_FIRST;
    case SS_PHASE_HELLO_AGAIN:
        return SS_MARK_HELLO_RETRY;
    case SS_PHASE_SERVER_FLIGHT:
    case SS_PHASE_FLIGHT_ACK:
    case SS_PHASE_CLIENT_FINISH:
        return SS_MARK_SERVER_HELLO;
    case SS_PHASE_SERVER_FINISH:
        return SS_MARK_CLIENT_FINISHED;
    default:
        return SS_MARK_SYN;
    }
}

void ss_owner_share(const struct ss_timeline *timeline, enum ss_phase phase, enum ss_mark since,
                    enum ss_tap tap, int64_t ns, int64_t share_ns[SS_SHARE_COUNT])
{
    int64_t client_path_ns = tap == SS_TAP_CLIENT ? 0 : timeline->client_rtt_ns;
    int64_t server_path_ns = tap == SS_TAP_SERVER ? 0 : timeline->server_rtt_ns;
    int64_t *client = &share_ns[SS_SHARE_CLIENT], *client_path = &share_ns[SS_SHARE_CLIENT_PATH];
    int64_t *server = &share_ns[SS_SHARE_SERVER], *server_path = &share_ns[SS_SHARE_SERVER_PATH];

    if (since < beginning_of(phase)) {
        share_ns[SS_SHARE_UNKNOWN] += ns;
        return;
    }
    switch (owners[phase]) {
    case OWNER_SERVER_KERNEL:
        *(tap == SS_TAP_SERVER ? server : server_path) += ns;
        break;
    case OWNER_CLIENT_KERNEL:
        if (tap != SS_TAP_CLIENT && is_late_on_the_path(timeline, ns - client_path_ns))
            *client_path += ns;
        else
            split(ns, client_path_ns, client_path, client);
        break;
    case OWNER_SERVER_ROUND_TRIP:
        split(ns, server_path_ns, server_path, server);
        break;
    case OWNER_SERVER:
        split(ns, ss_mark_sent_by(since) == SS_SENT_BY_CLIENT ? server_path_ns : 0, server_path, server);
        break;
    case OWNER_SERVER_SEND:
        *server += ns;
        break;
    case OWNER_CLIENT_ROUND_TRIP:
    case OWNER_CLIENT_SEND:
        split(ns, client_path_ns, client_path, client);
        break;
    case OWNER_CLIENT:
        split(ns, since == SS_MARK_FLIGHT_ACK ? 0 : client_path_ns, client_path, client);
        break;
    case OWNER_CLIENT_PATH:
        *(tap == SS_TAP_CLIENT ? client : client_path) += ns;
        break;
    case OWNER_IDLE:
        share_ns[SS_SHARE_IDLE] += ns;
        break;
    }
}

enum ss_share ss_owner_of_excess(enum ss_phase phase, enum ss_tap tap)
{
    switch (owners[phase]) {
    case OWNER_SERVER_KERNEL:
        return tap == SS_TAP_SERVER ? SS_SHARE_SERVER : SS_SHARE_SERVER_PATH;
    case OWNER_SERVER_ROUND_TRIP:
    case OWNER_SERVER:
    case OWNER_SERVER_SEND:
        return SS_SHARE_SERVER;
    case OWNER_CLIENT_ROUND_TRIP:
    case OWNER_CLIENT_SEND:
    case OWNER_CLIENT:
        return SS_SHARE_CLIENT;
    case OWNER_CLIENT_KERNEL:
    case OWNER_CLIENT_PATH:
        return tap == SS_TAP_CLIENT ? SS_SHARE_CLIENT : SS_SHARE_CLIENT_PATH;
    case OWNER_IDLE:
        return SS_SHARE_IDLE;
    }
    return SS_SHARE_UNKNOWN;
}
