// SPDX-License-Identifier: BSD-3-Clause

/* slowshake-bench-join: what the join makes of a storm of events, on one core.
 *
 *     slowshake-bench-join [HANDSHAKES [EVENTS]]
 *
 * One line a storm: time of an event on average, and of the longest 100, which are a tick of the control loop
 * at 20,000 a second; what became of the events. Time is the thread's own.
 */

#include "join/join.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAITING_MAX 65536 /* as the appliance has it */
#define EPOCH_NS    1795390095000000000LL
#define S           1000000000LL
#define GAP_NS      50000     /* 20,000 a second */
#define TOOK_NS     300000000 /* a handshake */
#define A_TICK      100

struct storm {
    const char *name;
    unsigned clients; /* addresses; each handshake has a port of its own of one of them */
    unsigned ports;   /* 0: as many as it takes */
    unsigned hosts;
    int64_t shift_ns;  /* of the hosts' clocks */
    bool is_seen;      /* the events' handshakes are in the index */
    bool without_port; /* in the events */
};

static const struct storm STORMS[] = {
    {"each finds its handshake", 4096, 0, 4, 0, true, false},
    {"256 hosts", 4096, 0, 256, 0, true, false},
    {"clocks 90 s ahead", 4096, 0, 4, 90 * S, true, false},
    {"none was seen", 4096, 0, 4, 0, false, false},
    {"no port, many clients", 65536, 0, 4, 0, true, true},
    {"no port, one client", 1, 0, 4, 0, true, true},
    {"one client, one port", 1, 1, 4, 0, true, false},
    {"one client, one port, none seen", 1, 1, 4, 0, false, false},
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * S + now.tv_nsec;
}

static struct ss_endpoint client_of(const struct storm *storm, unsigned number, bool is_seen)
{
    unsigned client = number % storm->clients;
    const uint8_t ip[4] = {is_seen ? 10 : 11, (uint8_t)(client >> 16), (uint8_t)(client >> 8),
                           (uint8_t)client};
    unsigned port = storm->ports ? number % storm->ports : number / storm->clients;
    return (struct ss_endpoint){.ip = ss_ip_from_v4(ip), .port = (uint16_t)(1024 + port % 64000)};
}

static struct ss_news news_of(const struct storm *storm, unsigned number)
{
    int64_t at_ns = EPOCH_NS + (int64_t)number * GAP_NS;
    return (struct ss_news){.client = client_of(storm, number, true),
                            .server = {.ip = ss_ip_from_v4((const uint8_t[4]){198, 51, 100, 1}), .port = 443},
                            .start_ns = at_ns,
                            .accept_ns = at_ns,
                            .served_ns = at_ns + 1000000,
                            .end_ns = at_ns + TOOK_NS,
                            .over_ns = at_ns + TOOK_NS};
}

static struct ss_event event_of(const struct storm *storm, unsigned number)
{
    struct ss_event event = {.client = client_of(storm, number, storm->is_seen),
                             .moment = SS_EVENT_ACCEPTED,
                             .time_ns = EPOCH_NS + (int64_t)number * GAP_NS + storm->shift_ns,
                             .time_resolution_ns = 1000000,
                             .duration_ns = TOOK_NS};
    event.logged_ns = event.time_ns;
    if (storm->without_port)
        event.client.port = 0;
    snprintf(event.host, sizeof(event.host), "edge-%u", number * 7 % storm->hosts);
    return event;
}

static void expire_all(struct ss_join *join, int64_t until_ns)
{
    struct ss_join_flow *flow;
    enum ss_unmatched reason;
    struct ss_event event;

    while (ss_join_expire(join, until_ns, &event, &flow, &reason))
        ;
}

static void print(const struct storm *storm, const struct ss_join *join, unsigned events, int64_t took_ns,
                  int64_t longest_ns)
{
    const struct ss_join_counters *counters = ss_join_counters(join);
    uint64_t sum = counters->matched + counters->waiting;

    printf("%-33s %6" PRId64 " ns an event, a tick of 100 at most %5" PRId64 " us; matched %" PRIu64,
           storm->name, took_ns / events, longest_ns / 1000, counters->matched);
    for (unsigned i = 0; i < SS_UNMATCHED_COUNT; i++) {
        sum += counters->unmatched[i];
        if (counters->unmatched[i])
            printf(", %s %" PRIu64, ss_unmatched_name((enum ss_unmatched)i), counters->unmatched[i]);
    }
    printf("%s\n", sum == counters->events && sum == events ? "" : "; THE SUM IS WRONG");
}

/* A handshake is judged, its event comes, and what is due expires. */
static void tick(struct ss_join *join, const struct storm *storm, unsigned from, unsigned to)
{
    struct ss_join_flow *flow;
    enum ss_unmatched reason;

    for (unsigned i = from; i < to; i++) {
        struct ss_news news = news_of(storm, i);
        struct ss_event event = event_of(storm, i), waited;
        flow = ss_join_add_flow(join, &news, 0);
        while (ss_join_take_waiting(join, flow, &waited))
            ;
        ss_join_add_event(join, &event, EPOCH_NS + (int64_t)i * GAP_NS, (int64_t)i * GAP_NS, &flow, &reason);
    }
    expire_all(join, (int64_t)to * GAP_NS);
}

static int run(const struct storm *storm, unsigned handshakes, unsigned events)
{
    int64_t took_ns = 0, longest_ns = 0;
    struct ss_join *join;

    if (ss_join_create(handshakes, WAITING_MAX, 1, &join) != 0) {
        fprintf(stderr, "slowshake-bench-join: no memory\n");
        return 1;
    }
    for (unsigned i = 0; i < events; i += A_TICK) {
        int64_t begin_ns = now_ns();
        tick(join, storm, i, i + A_TICK < events ? i + A_TICK : events);
        int64_t one_ns = now_ns() - begin_ns;
        took_ns += one_ns;
        longest_ns = one_ns > longest_ns ? one_ns : longest_ns;
    }
    int64_t begin_ns = now_ns();
    expire_all(join, SS_JOIN_FOREVER);
    took_ns += now_ns() - begin_ns;
    print(storm, join, events, took_ns, longest_ns);
    ss_join_free(join);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned handshakes = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;
    unsigned events = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 600000;
    int status = 0;

    if (handshakes == 0 || events == 0) {
        fprintf(stderr, "usage: slowshake-bench-join [HANDSHAKES [EVENTS]]\n");
        return 2;
    }
    for (unsigned i = 0; i < sizeof(STORMS) / sizeof(STORMS[0]); i++)
        status |= run(&STORMS[i], handshakes, events);
    return status;
}
