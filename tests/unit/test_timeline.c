// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "timeline/owners.h"
#include "timeline/timeline.h"

#include <string.h>

/* Timelines as scripts: what was seen when, in microseconds, and what is to come out of it. */

#define STEPS 16
#define US    1000

struct wait {
    enum ss_evidence evidence;
    int from, to;
};

struct script {
    const char *about;
    enum ss_tap tap;
    int client_rtt, server_rtt;
    struct {
        enum ss_mark mark;
        int at;
    } marks[STEPS];
    unsigned mark_count;
    struct wait waits[SS_TIMELINE_WAITS + 2];
    unsigned wait_count;
    int open_until; /* 0: complete */

    struct {
        enum ss_phase phase;
        int us;
    } phases[STEPS];
    unsigned phase_count;
    int shares[SS_SHARE_COUNT];
    int pending;
    enum ss_phase pending_phase;
    enum ss_share pending_share;
};

#define ROWS(a)     (sizeof(a) / sizeof((a)[0]))
#define MARKS(n)    .mark_count = (n), .marks
#define WAITS(n)    .wait_count = (n), .waits
#define PHASES(n)   .phase_count = (n), .phases
#define NOT_PENDING .pending_phase = SS_PHASE_COUNT, .pending_share = SS_SHARE_UNKNOWN

static struct ss_timeline timeline_of(const struct script *script)
{
    struct ss_timeline timeline;

    ss_timeline_init(&timeline);
    timeline.client_rtt_ns = script->client_rtt * US;
    timeline.server_rtt_ns = script->server_rtt * US;
    for (unsigned i = 0; i < script->mark_count; i++)
        timeline.mark_ns[script->marks[i].mark] = script->marks[i].at * US;
    timeline.answer_begin_ns = timeline.mark_ns[SS_MARK_CLIENT_FINISHED];
    for (unsigned i = 0; i < script->wait_count; i++)
        ss_timeline_add_wait(&timeline.waits, script->waits[i].evidence, script->waits[i].from * US,
                             script->waits[i].to * US);
    if (script->open_until > 0)
        timeline.open_until_ns = script->open_until * US;
    return timeline;
}

/* The promise: phases and shares both sum to the duration, and none is negative. */
static void check_sums(const struct ss_judgement *judged)
{
    int64_t phases = 0, shares = 0;

    for (unsigned i = 0; i < SS_PHASE_COUNT; i++) {
        if (judged->phase_ns[i] == SS_MARK_UNSEEN)
            continue;
        assert_true(judged->phase_ns[i] >= 0);
        phases += judged->phase_ns[i];
    }
    for (unsigned i = 0; i < SS_SHARE_COUNT; i++) {
        assert_true(judged->share_ns[i] >= 0);
        shares += judged->share_ns[i];
    }
    assert_int_equal(phases, judged->duration_ns);
    assert_int_equal(shares, judged->duration_ns);
    assert_true(judged->pending_ns >= 0);
}

static void play(const struct script *script)
{
    struct ss_timeline timeline = timeline_of(script);
    struct ss_judgement judged;
    int64_t expected[SS_PHASE_COUNT], sum = 0;

    print_message("%s\n", script->about);
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        expected[i] = SS_MARK_UNSEEN;
    for (unsigned i = 0; i < script->phase_count; i++) {
        expected[script->phases[i].phase] = script->phases[i].us * US;
        sum += script->phases[i].us * US;
    }
    ss_timeline_judge(&timeline, script->tap, &judged);
    check_sums(&judged);
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        assert_int_equal(judged.phase_ns[i], expected[i]);
    for (unsigned i = 0; i < SS_SHARE_COUNT; i++)
        assert_int_equal(judged.share_ns[i], script->shares[i] * US);
    assert_int_equal(judged.duration_ns, sum);
    assert_int_equal(judged.pending_ns, script->pending * US);
    assert_int_equal(judged.pending_phase, script->pending_phase);
    assert_int_equal(judged.pending_share, script->pending_share);
}

static void play_all(const struct script *scripts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        play(&scripts[i]);
}

/* ---- whole handshakes */

/* TLS 1.3 as in docs/record.md: the client takes 481.2 ms for its Finished. */
#define EXAMPLE_MARKS                                                                                        \
    MARKS(10) = {{SS_MARK_SYN, 0},                                                                           \
                 {SS_MARK_SYN_ACK, 41},                                                                      \
                 {SS_MARK_ACK, 20100},                                                                       \
                 {SS_MARK_CLIENT_HELLO_FIRST, 20500},                                                        \
                 {SS_MARK_CLIENT_HELLO, 20510},                                                              \
                 {SS_MARK_HELLO_ACK, 20530},                                                                 \
                 {SS_MARK_SERVER_HELLO, 21700},                                                              \
                 {SS_MARK_SERVER_FLIGHT, 21900},                                                             \
                 {SS_MARK_FLIGHT_ACK, 41800},                                                                \
                 {SS_MARK_CLIENT_FINISHED, 523000}}
#define EXAMPLE_PHASES                                                                                       \
    PHASES(9) = {                                                                                            \
        {SS_PHASE_TCP_ACCEPT, 41},     {SS_PHASE_TCP_RETURN, 20059}, {SS_PHASE_HELLO_WAIT, 400},             \
        {SS_PHASE_HELLO_SEND, 10},     {SS_PHASE_HELLO_ACK, 20},     {SS_PHASE_SERVER_HELLO, 1170},          \
        {SS_PHASE_SERVER_FLIGHT, 200}, {SS_PHASE_FLIGHT_ACK, 19900}, {SS_PHASE_CLIENT_FINISH, 481200}}

static void the_same_marks_are_shared_by_where_the_tap_is(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "beside the server: the client's round trip is its path",
         .tap = SS_TAP_SERVER,
         .client_rtt = 19900,
         .server_rtt = 20,
         EXAMPLE_MARKS,
         EXAMPLE_PHASES,
         .shares = {[SS_SHARE_CLIENT] = 481200,
                    [SS_SHARE_CLIENT_PATH] = 20059 + 10 + 19900,
                    [SS_SHARE_SERVER] = 41 + 20 + 1170 + 200,
                    [SS_SHARE_IDLE] = 400},
         NOT_PENDING},
        {.about = "beside the client: no path to it, and a round trip of the server's is path",
         .tap = SS_TAP_CLIENT,
         .client_rtt = 19900,
         .server_rtt = 30,
         EXAMPLE_MARKS,
         EXAMPLE_PHASES,
         .shares = {[SS_SHARE_CLIENT] = 20059 + 10 + 19900 + 481200,
                    [SS_SHARE_SERVER] = 1170 + 200,
                    [SS_SHARE_SERVER_PATH] = 41 + 20,
                    [SS_SHARE_IDLE] = 400},
         NOT_PENDING},
        {.about = "in the middle: both have a path",
         .tap = SS_TAP_MIDDLE,
         .client_rtt = 19000,
         .server_rtt = 30,
         EXAMPLE_MARKS,
         EXAMPLE_PHASES,
         .shares = {[SS_SHARE_CLIENT] = 900 + 481200,
                    [SS_SHARE_CLIENT_PATH] = 20059 + 10 + 19000,
                    [SS_SHARE_SERVER] = 1170 + 200,
                    [SS_SHARE_SERVER_PATH] = 41 + 20,
                    [SS_SHARE_IDLE] = 400},
         NOT_PENDING},
        {.about = "in the middle, no round trip measured: nothing is known of paths but the kernels' answers",
         .tap = SS_TAP_MIDDLE,
         EXAMPLE_MARKS,
         EXAMPLE_PHASES,
         .shares = {[SS_SHARE_CLIENT] = 10 + 19900 + 481200,
                    [SS_SHARE_CLIENT_PATH] = 20059,
                    [SS_SHARE_SERVER] = 1170 + 200,
                    [SS_SHARE_SERVER_PATH] = 41 + 20,
                    [SS_SHARE_IDLE] = 400},
         NOT_PENDING},
    };
    play_all(scripts, ROWS(scripts));
}

static void every_phase_has_its_owner(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "TLS 1.2: the server's ChangeCipherSpec is the server's, but for its path",
         .tap = SS_TAP_MIDDLE,
         .client_rtt = 100,
         .server_rtt = 30,
         MARKS(2) = {{SS_MARK_CLIENT_FINISHED, 0}, {SS_MARK_SERVER_FINISHED, 500}},
         PHASES(1) = {{SS_PHASE_SERVER_FINISH, 500}},
         .shares = {[SS_SHARE_SERVER] = 470, [SS_SHARE_SERVER_PATH] = 30},
         NOT_PENDING},
        {.about = "a HelloRetryRequest costs a round trip of the client's path, the rest is the client",
         .tap = SS_TAP_SERVER,
         .client_rtt = 100,
         MARKS(4) = {{SS_MARK_CLIENT_HELLO, 0},
                     {SS_MARK_HELLO_RETRY, 20},
                     {SS_MARK_CLIENT_HELLO_2, 150},
                     {SS_MARK_SERVER_HELLO, 190}},
         PHASES(3) = {{SS_PHASE_HELLO_RETRY, 20}, {SS_PHASE_HELLO_AGAIN, 130}, {SS_PHASE_SERVER_HELLO, 40}},
         .shares = {[SS_SHARE_SERVER] = 60, [SS_SHARE_CLIENT_PATH] = 100, [SS_SHARE_CLIENT] = 30},
         NOT_PENDING},
        {.about = "a ServerHello that answers the hello's bytes themselves has a round trip in it",
         .tap = SS_TAP_MIDDLE,
         .server_rtt = 30,
         MARKS(2) = {{SS_MARK_CLIENT_HELLO, 0}, {SS_MARK_SERVER_HELLO, 40}},
         PHASES(1) = {{SS_PHASE_SERVER_HELLO, 40}},
         .shares = {[SS_SHARE_SERVER] = 10, [SS_SHARE_SERVER_PATH] = 30},
         NOT_PENDING},
        {.about = "one that comes after the hello's acknowledgement has none",
         .tap = SS_TAP_MIDDLE,
         .server_rtt = 30,
         MARKS(3) = {{SS_MARK_CLIENT_HELLO, 0}, {SS_MARK_HELLO_ACK, 30}, {SS_MARK_SERVER_HELLO, 70}},
         PHASES(2) = {{SS_PHASE_HELLO_ACK, 30}, {SS_PHASE_SERVER_HELLO, 40}},
         .shares = {[SS_SHARE_SERVER] = 40, [SS_SHARE_SERVER_PATH] = 30},
         NOT_PENDING},
        {.about = "a Finished without an acknowledgement before it has the round trip in it",
         .tap = SS_TAP_SERVER,
         .client_rtt = 100,
         MARKS(2) = {{SS_MARK_SERVER_FLIGHT, 0}, {SS_MARK_CLIENT_FINISHED, 130}},
         PHASES(1) = {{SS_PHASE_CLIENT_FINISH, 130}},
         .shares = {[SS_SHARE_CLIENT] = 30, [SS_SHARE_CLIENT_PATH] = 100},
         NOT_PENDING},
    };
    play_all(scripts, ROWS(scripts));
}

#define FLIGHT_ACKED(ack, answer)                                                                            \
    .client_rtt = 100,                                                                                       \
    MARKS(3) = {{SS_MARK_SERVER_FLIGHT, 0}, {SS_MARK_FLIGHT_ACK, ack}, {SS_MARK_CLIENT_FINISHED, answer}},   \
    PHASES(2) = {{SS_PHASE_FLIGHT_ACK, ack}, {SS_PHASE_CLIENT_FINISH, (answer) - (ack)}}

static void a_kernel_s_own_acknowledgement_takes_as_long_as_the_path(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "alone and late, the answer soon after: both were under way",
         .tap = SS_TAP_SERVER,
         FLIGHT_ACKED(150000, 151000),
         .shares = {[SS_SHARE_CLIENT_PATH] = 150000, [SS_SHARE_CLIENT] = 1000},
         NOT_PENDING},
        {.about = "alone, later than any delayed one",
         .tap = SS_TAP_SERVER,
         FLIGHT_ACKED(300101, 900000),
         .shares = {[SS_SHARE_CLIENT_PATH] = 300101, [SS_SHARE_CLIENT] = 599899},
         NOT_PENDING},
        {.about = "alone, as late as a delayed one, and the answer took as long again: the program's",
         .tap = SS_TAP_SERVER,
         FLIGHT_ACKED(40100, 300000),
         .shares = {[SS_SHARE_CLIENT_PATH] = 100, [SS_SHARE_CLIENT] = 299900},
         NOT_PENDING},
        {.about = "later than that by what timers and paths vary, and the answer took as long again",
         .tap = SS_TAP_SERVER,
         FLIGHT_ACKED(225200, 500000),
         .shares = {[SS_SHARE_CLIENT_PATH] = 100, [SS_SHARE_CLIENT] = 499900},
         NOT_PENDING},
        {.about = "with the answer: the program's beyond a round trip",
         .tap = SS_TAP_SERVER,
         FLIGHT_ACKED(600000, 600000),
         .shares = {[SS_SHARE_CLIENT_PATH] = 100, [SS_SHARE_CLIENT] = 599900},
         NOT_PENDING},
        {.about = "beside the client there is no path",
         .tap = SS_TAP_CLIENT,
         FLIGHT_ACKED(150000, 151000),
         .shares = {[SS_SHARE_CLIENT] = 151000},
         NOT_PENDING},
        {.about = "the server's host, where the tap is beside it",
         .tap = SS_TAP_SERVER,
         MARKS(2) = {{SS_MARK_CLIENT_HELLO, 0}, {SS_MARK_HELLO_ACK, 300000}},
         PHASES(1) = {{SS_PHASE_HELLO_ACK, 300000}},
         .shares = {[SS_SHARE_SERVER] = 300000},
         NOT_PENDING},
        {.about = "the server's path or host, where it is not",
         .tap = SS_TAP_MIDDLE,
         .server_rtt = 30,
         MARKS(2) = {{SS_MARK_CLIENT_HELLO, 0}, {SS_MARK_HELLO_ACK, 300000}},
         PHASES(1) = {{SS_PHASE_HELLO_ACK, 300000}},
         .shares = {[SS_SHARE_SERVER_PATH] = 300000},
         NOT_PENDING},
    };
    play_all(scripts, ROWS(scripts));
}

static void an_acknowledgement_as_late_as_a_kernel_delays_one_is_doubtful(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        enum ss_tap tap;
        int ack, answer;
        bool is_doubtful;
    } ACKED[] = {
        {"as late, and the answer sooner after it", SS_TAP_SERVER, 200100, 230000, true},
        {"a timer's slack and a round trip later", SS_TAP_SERVER, 225200, 240000, true},
        {"later than that", SS_TAP_SERVER, 225201, 240000, false},
        {"sooner", SS_TAP_SERVER, 190099, 230000, false},
        {"the answer took as long again: the program's", SS_TAP_SERVER, 200100, 500000, false},
        {"with the answer: the program's", SS_TAP_SERVER, 200100, 200100, false},
        {"beside the client there is no path", SS_TAP_CLIENT, 200100, 230000, false},
    };
    for (size_t i = 0; i < ROWS(ACKED); i++) {
        const struct script script = {.client_rtt = 100,
                                      MARKS(3) = {{SS_MARK_SERVER_FLIGHT, 0},
                                                  {SS_MARK_FLIGHT_ACK, ACKED[i].ack},
                                                  {SS_MARK_CLIENT_FINISHED, ACKED[i].answer}}};
        struct ss_timeline timeline = timeline_of(&script);
        print_message("%s\n", ACKED[i].about);
        assert_int_equal(ss_owner_flight_ack_is_doubtful(&timeline, ACKED[i].tap), ACKED[i].is_doubtful);
    }
}

/* ---- marks that are missing, tie, or are out of order */

static void a_phase_runs_from_the_latest_mark_that_was_seen(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "nothing was seen", .tap = SS_TAP_SERVER, NOT_PENDING},
        {.about = "one mark has no duration", MARKS(1) = {{SS_MARK_ACK, 70}}, NOT_PENDING},
        {.about = "the tap came in with the ClientHello",
         .tap = SS_TAP_SERVER,
         MARKS(2) = {{SS_MARK_CLIENT_HELLO_FIRST, 0}, {SS_MARK_SERVER_HELLO, 50}},
         PHASES(1) = {{SS_PHASE_SERVER_HELLO, 50}},
         .shares = {[SS_SHARE_SERVER] = 50},
         NOT_PENDING},
        {.about = "only the client's side was seen",
         .tap = SS_TAP_SERVER,
         MARKS(3) = {{SS_MARK_SYN, 0}, {SS_MARK_CLIENT_HELLO, 100}, {SS_MARK_CLIENT_FINISHED, 300}},
         PHASES(2) = {{SS_PHASE_HELLO_SEND, 100}, {SS_PHASE_CLIENT_FINISH, 200}},
         .shares = {[SS_SHARE_UNKNOWN] = 300},
         NOT_PENDING},
        {.about = "marks that tie make phases of nothing, which were seen all the same",
         .tap = SS_TAP_SERVER,
         MARKS(4) = {{SS_MARK_CLIENT_HELLO_FIRST, 5},
                     {SS_MARK_CLIENT_HELLO, 5},
                     {SS_MARK_HELLO_ACK, 5},
                     {SS_MARK_SERVER_HELLO, 5}},
         PHASES(3) = {{SS_PHASE_HELLO_SEND, 0}, {SS_PHASE_HELLO_ACK, 0}, {SS_PHASE_SERVER_HELLO, 0}},
         NOT_PENDING},
        {.about = "a mark that the mirror showed too early counts at the latest before it",
         .tap = SS_TAP_SERVER,
         MARKS(4) =
             {{SS_MARK_SYN, 10}, {SS_MARK_SYN_ACK, 4}, {SS_MARK_ACK, 6}, {SS_MARK_CLIENT_HELLO_FIRST, 30}},
         PHASES(3) = {{SS_PHASE_TCP_ACCEPT, 0}, {SS_PHASE_TCP_RETURN, 0}, {SS_PHASE_HELLO_WAIT, 20}},
         .shares = {[SS_SHARE_IDLE] = 20},
         NOT_PENDING},
        {.about = "a mark before time zero is a mark like any other",
         .tap = SS_TAP_SERVER,
         MARKS(2) = {{SS_MARK_SYN, -5}, {SS_MARK_SYN_ACK, 3}},
         PHASES(1) = {{SS_PHASE_TCP_ACCEPT, 8}},
         .shares = {[SS_SHARE_SERVER] = 8},
         NOT_PENDING},
        {.about = "acknowledged before the ServerHello or after, the order of the marks decides",
         .tap = SS_TAP_SERVER,
         MARKS(3) = {{SS_MARK_CLIENT_HELLO, 0}, {SS_MARK_HELLO_ACK, 90}, {SS_MARK_SERVER_HELLO, 60}},
         PHASES(2) = {{SS_PHASE_HELLO_ACK, 90}, {SS_PHASE_SERVER_HELLO, 0}},
         .shares = {[SS_SHARE_SERVER] = 90},
         NOT_PENDING},
    };
    play_all(scripts, ROWS(scripts));
}

/* ---- waits */

#define LONG_ACCEPT                                                                                          \
    MARKS(2) = {{SS_MARK_SYN, 0}, {SS_MARK_SYN_ACK, 100}}, PHASES(1) = {{SS_PHASE_TCP_ACCEPT, 100}}

static void a_wait_takes_its_time_from_the_phases_it_lies_in(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "inside a phase",
         .tap = SS_TAP_SERVER,
         LONG_ACCEPT,
         WAITS(1) = {{SS_EVIDENCE_HOLE, 10, 90}},
         .shares = {[SS_SHARE_LOSS] = 80, [SS_SHARE_SERVER] = 20},
         NOT_PENDING},
        {.about = "beyond the marks on both sides",
         .tap = SS_TAP_SERVER,
         LONG_ACCEPT,
         WAITS(1) = {{SS_EVIDENCE_HOLE, -50, 500}},
         .shares = {[SS_SHARE_LOSS] = 100},
         NOT_PENDING},
        {.about = "outside of all marks, or touching them",
         .tap = SS_TAP_SERVER,
         LONG_ACCEPT,
         WAITS(3) = {{SS_EVIDENCE_HOLE, -50, 0},
                     {SS_EVIDENCE_HOLE, 100, 200},
                     {SS_EVIDENCE_MIRROR_LOST, 300, 400}},
         .shares = {[SS_SHARE_SERVER] = 100},
         NOT_PENDING},
        {.about = "over several phases",
         .tap = SS_TAP_SERVER,
         MARKS(3) = {{SS_MARK_SYN, 0}, {SS_MARK_SYN_ACK, 100}, {SS_MARK_ACK, 150}},
         WAITS(1) = {{SS_EVIDENCE_HOLE, 80, 140}},
         PHASES(2) = {{SS_PHASE_TCP_ACCEPT, 100}, {SS_PHASE_TCP_RETURN, 50}},
         .shares = {[SS_SHARE_LOSS] = 60, [SS_SHARE_SERVER] = 80, [SS_SHARE_CLIENT_PATH] = 10},
         NOT_PENDING},
        {.about = "what a wait leaves has the round trip in it first",
         .tap = SS_TAP_SERVER,
         .client_rtt = 30,
         MARKS(2) = {{SS_MARK_SERVER_FLIGHT, 0}, {SS_MARK_FLIGHT_ACK, 100}},
         WAITS(1) = {{SS_EVIDENCE_HOLE, 20, 80}},
         PHASES(1) = {{SS_PHASE_FLIGHT_ACK, 100}},
         .shares = {[SS_SHARE_LOSS] = 60, [SS_SHARE_CLIENT_PATH] = 30, [SS_SHARE_CLIENT] = 10},
         NOT_PENDING},
        {.about = "empty and backward ones are none",
         .tap = SS_TAP_SERVER,
         LONG_ACCEPT,
         WAITS(2) = {{SS_EVIDENCE_HOLE, 40, 40}, {SS_EVIDENCE_HOLE, 60, 50}},
         .shares = {[SS_SHARE_SERVER] = 100},
         NOT_PENDING},
    };
    play_all(scripts, ROWS(scripts));
}

static void what_rests_on_the_length_of_a_silence_alone_is_guessed(void **state)
{
    (void)state;
    static const struct {
        enum ss_evidence evidence;
        int client_path, client, loss, guessed;
    } rows[] = {
        {SS_EVIDENCE_HOLE, 0, 0, 300, 0},
        {SS_EVIDENCE_TIMEOUT_LENGTH, 0, 0, 300, 300},
        {SS_EVIDENCE_CLIENT_OR_LOSS, 20, 280, 0, 300}, /* whose time it is without it */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ss_timeline timeline;
        struct ss_judgement judged;

        ss_timeline_init(&timeline);
        timeline.client_rtt_ns = 20;
        timeline.mark_ns[SS_MARK_HELLO_RETRY] = 100;
        timeline.mark_ns[SS_MARK_CLIENT_HELLO_2] = 400;
        ss_timeline_add_wait(&timeline.waits, rows[i].evidence, 100, 400);
        ss_timeline_judge(&timeline, SS_TAP_SERVER, &judged);
        assert_int_equal(judged.share_ns[SS_SHARE_CLIENT_PATH], rows[i].client_path);
        assert_int_equal(judged.share_ns[SS_SHARE_CLIENT], rows[i].client);
        assert_int_equal(judged.share_ns[SS_SHARE_LOSS], rows[i].loss);
        assert_int_equal(judged.guessed_ns, rows[i].guessed);
    }
}

static void a_talk_before_tls_is_idle_whatever_was_lost_in_it(void **state)
{
    (void)state;
    play(&(struct script){
        .about = "",
        .tap = SS_TAP_SERVER,
        MARKS(3) = {{SS_MARK_ACK, 0}, {SS_MARK_TALK, 100}, {SS_MARK_CLIENT_HELLO_FIRST, 150}},
        WAITS(1) = {{SS_EVIDENCE_HOLE, 50, 120}},
        PHASES(2) = {{SS_PHASE_TALK, 100}, {SS_PHASE_HELLO_WAIT, 50}},
        .shares = {[SS_SHARE_IDLE] = 130, [SS_SHARE_LOSS] = 20},
        NOT_PENDING});
}

static void of_waits_that_overlap_the_surest_counts(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "the surer one begins inside the other",
         .tap = SS_TAP_SERVER,
         LONG_ACCEPT,
         WAITS(2) = {{SS_EVIDENCE_HOLE, 10, 50}, {SS_EVIDENCE_MIRROR_LOST, 30, 80}},
         .shares = {[SS_SHARE_LOSS] = 20, [SS_SHARE_UNKNOWN] = 50, [SS_SHARE_SERVER] = 30},
         NOT_PENDING},
        {.about = "the surer one begins before the other",
         .tap = SS_TAP_SERVER,
         LONG_ACCEPT,
         WAITS(2) = {{SS_EVIDENCE_HOLE, 30, 80}, {SS_EVIDENCE_MIRROR_LOST, 10, 50}},
         .shares = {[SS_SHARE_LOSS] = 30, [SS_SHARE_UNKNOWN] = 40, [SS_SHARE_SERVER] = 30},
         NOT_PENDING},
        {.about = "the surer one lies around the other, whichever was added first",
         .tap = SS_TAP_SERVER,
         LONG_ACCEPT,
         WAITS(2) = {{SS_EVIDENCE_HOLE, 40, 60}, {SS_EVIDENCE_MIRROR_LOST, 10, 90}},
         .shares = {[SS_SHARE_UNKNOWN] = 80, [SS_SHARE_SERVER] = 20},
         NOT_PENDING},
        {.about = "the surer one lies inside the other",
         .tap = SS_TAP_SERVER,
         LONG_ACCEPT,
         WAITS(2) = {{SS_EVIDENCE_HOLE, 10, 90}, {SS_EVIDENCE_MIRROR_LOST, 40, 60}},
         .shares = {[SS_SHARE_LOSS] = 60, [SS_SHARE_UNKNOWN] = 20, [SS_SHARE_SERVER] = 20},
         NOT_PENDING},
        {.about = "three, each cut by those surer than it",
         .tap = SS_TAP_MIDDLE,
         LONG_ACCEPT,
         WAITS(3) = {{SS_EVIDENCE_LATE_FROM_SERVER, 0, 100},
                     {SS_EVIDENCE_HOLE, 60, 70},
                     {SS_EVIDENCE_MIRROR_LOST, 20, 65}},
         .shares = {[SS_SHARE_LOSS] = 5, [SS_SHARE_UNKNOWN] = 45, [SS_SHARE_SERVER_PATH] = 50},
         NOT_PENDING},
    };
    play_all(scripts, ROWS(scripts));
}

static void a_wait_for_the_path_is_the_host_s_where_the_tap_is_beside_it(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "the server's",
         .tap = SS_TAP_SERVER,
         LONG_ACCEPT,
         WAITS(1) = {{SS_EVIDENCE_SPURIOUS_TO_SERVER, 0, 100}},
         .shares = {[SS_SHARE_SERVER] = 100},
         NOT_PENDING},
        {.about = "the client's",
         .tap = SS_TAP_CLIENT,
         LONG_ACCEPT,
         WAITS(1) = {{SS_EVIDENCE_LATE_FROM_CLIENT, 0, 100}},
         .shares = {[SS_SHARE_CLIENT] = 100},
         NOT_PENDING},
    };
    play_all(scripts, ROWS(scripts));
}

static void of_more_waits_than_there_is_room_for_the_shortest_give_way(void **state)
{
    (void)state;
    struct ss_timeline timeline;

    ss_timeline_init(&timeline);
    for (int i = 0; i < SS_TIMELINE_WAITS; i++)
        ss_timeline_add_wait(&timeline.waits, SS_EVIDENCE_HOLE, i * 10, i * 10 + (i == 4 ? 3 : 5));
    assert_int_equal(timeline.waits.count, SS_TIMELINE_WAITS);
    assert_false(timeline.waits.lacks_some);

    ss_timeline_add_wait(&timeline.waits, SS_EVIDENCE_HOLE, 1000, 1003); /* no longer than the shortest */
    assert_int_equal(timeline.waits.count, SS_TIMELINE_WAITS);
    assert_int_equal(timeline.waits.at[4].from_ns, 40);
    assert_true(timeline.waits.lacks_some);
    ss_timeline_add_wait(&timeline.waits, SS_EVIDENCE_MIRROR_LOST, 1000, 2000);
    assert_int_equal(timeline.waits.count, SS_TIMELINE_WAITS);
    assert_int_equal(timeline.waits.at[4].from_ns, 50);
    assert_int_equal(timeline.waits.at[SS_TIMELINE_WAITS - 1].evidence, SS_EVIDENCE_MIRROR_LOST);
    assert_int_equal(timeline.waits.at[SS_TIMELINE_WAITS - 1].to_ns, 2000);
}

static void a_wait_that_goes_on_is_one(void **state)
{
    (void)state;
    struct ss_timeline timeline;

    ss_timeline_init(&timeline);
    ss_timeline_add_wait(&timeline.waits, SS_EVIDENCE_CONGESTION_WINDOW, 0, 100);
    ss_timeline_add_wait(&timeline.waits, SS_EVIDENCE_CONGESTION_WINDOW, 100, 200);
    ss_timeline_add_wait(&timeline.waits, SS_EVIDENCE_CONGESTION_WINDOW, 150, 180);
    assert_int_equal(timeline.waits.count, 1);
    assert_int_equal(timeline.waits.at[0].to_ns, 200);
    ss_timeline_add_wait(&timeline.waits, SS_EVIDENCE_HOLE, 200, 300);
    ss_timeline_add_wait(&timeline.waits, SS_EVIDENCE_HOLE, 301, 400);
    assert_int_equal(timeline.waits.count, 3);
}

/* ---- handshakes that did not finish */

static void an_unfinished_handshake_waits_for_the_phase_after_its_last_mark(void **state)
{
    (void)state;
    static const struct {
        enum ss_mark last;
        enum ss_tap tap;
        enum ss_phase phase;
        enum ss_share share;
    } rows[] = {
        {SS_MARK_SYN, SS_TAP_SERVER, SS_PHASE_TCP_ACCEPT, SS_SHARE_SERVER},
        {SS_MARK_SYN_ACK, SS_TAP_SERVER, SS_PHASE_TCP_RETURN, SS_SHARE_CLIENT_PATH},
        {SS_MARK_SYN_ACK, SS_TAP_MIDDLE, SS_PHASE_TCP_RETURN, SS_SHARE_CLIENT_PATH},
        {SS_MARK_SYN_ACK, SS_TAP_CLIENT, SS_PHASE_TCP_RETURN, SS_SHARE_CLIENT},
        {SS_MARK_ACK, SS_TAP_SERVER, SS_PHASE_HELLO_WAIT, SS_SHARE_IDLE},
        {SS_MARK_TALK, SS_TAP_SERVER, SS_PHASE_HELLO_WAIT, SS_SHARE_IDLE},
        {SS_MARK_CLIENT_HELLO_FIRST, SS_TAP_SERVER, SS_PHASE_HELLO_SEND, SS_SHARE_CLIENT},
        {SS_MARK_CLIENT_HELLO, SS_TAP_SERVER, SS_PHASE_HELLO_ACK, SS_SHARE_SERVER},
        {SS_MARK_HELLO_ACK, SS_TAP_SERVER, SS_PHASE_SERVER_HELLO, SS_SHARE_SERVER},
        {SS_MARK_HELLO_RETRY, SS_TAP_SERVER, SS_PHASE_HELLO_AGAIN, SS_SHARE_CLIENT},
        {SS_MARK_CLIENT_HELLO_2, SS_TAP_SERVER, SS_PHASE_SERVER_HELLO, SS_SHARE_SERVER},
        {SS_MARK_SERVER_HELLO, SS_TAP_SERVER, SS_PHASE_SERVER_FLIGHT, SS_SHARE_SERVER},
        {SS_MARK_SERVER_FLIGHT, SS_TAP_SERVER, SS_PHASE_FLIGHT_ACK, SS_SHARE_CLIENT_PATH},
        {SS_MARK_SERVER_FLIGHT, SS_TAP_CLIENT, SS_PHASE_FLIGHT_ACK, SS_SHARE_CLIENT},
        {SS_MARK_CLIENT_HELLO, SS_TAP_MIDDLE, SS_PHASE_HELLO_ACK, SS_SHARE_SERVER_PATH},
        {SS_MARK_FLIGHT_ACK, SS_TAP_SERVER, SS_PHASE_CLIENT_FINISH, SS_SHARE_CLIENT},
        {SS_MARK_CLIENT_FINISHED, SS_TAP_SERVER, SS_PHASE_SERVER_FINISH, SS_SHARE_SERVER},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct script script = {.about = ss_mark_name(rows[i].last),
                                .tap = rows[i].tap,
                                MARKS(1) = {{rows[i].last, 10}},
                                .open_until = 250,
                                .pending = 240,
                                .pending_phase = rows[i].phase,
                                .pending_share = rows[i].share};
        play(&script);
    }
}

static void nothing_is_pending_where_the_mirror_would_not_show_its_end(void **state)
{
    (void)state;
    static const struct {
        enum ss_mark last;
        bool server_hidden;
        bool is_pending;
    } rows[] = {
        {SS_MARK_CLIENT_HELLO, true, false}, {SS_MARK_CLIENT_FINISHED, true, false},
        {SS_MARK_ACK, true, true},           {SS_MARK_CLIENT_HELLO_FIRST, true, true},
        {SS_MARK_SYN_ACK, false, false},     {SS_MARK_SERVER_FLIGHT, false, false},
        {SS_MARK_HELLO_ACK, false, true},    {SS_MARK_SERVER_HELLO, false, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ss_timeline timeline;
        struct ss_judgement judged;

        ss_timeline_init(&timeline);
        timeline.mark_ns[rows[i].last] = 10;
        timeline.open_until_ns = 250;
        timeline.server_hidden = rows[i].server_hidden;
        timeline.client_hidden = !rows[i].server_hidden;
        ss_timeline_judge(&timeline, SS_TAP_MIDDLE, &judged);
        print_message("%s\n", ss_mark_name(rows[i].last));
        assert_int_equal(judged.pending_ns, rows[i].is_pending ? 240 : 0);
        assert_int_equal(judged.pending_phase < SS_PHASE_COUNT, rows[i].is_pending);
    }
}

static void evidence_tells_what_is_pending_though_the_mirror_would_not_show_its_end(void **state)
{
    (void)state;
    struct ss_timeline timeline;
    struct ss_judgement judged;

    ss_timeline_init(&timeline);
    timeline.mark_ns[SS_MARK_CLIENT_HELLO] = 10;
    timeline.open_until_ns = 250;
    timeline.server_hidden = true;
    ss_timeline_add_wait(&timeline.waits, SS_EVIDENCE_RETRANSMITTED, 10, 200);
    ss_timeline_judge(&timeline, SS_TAP_MIDDLE, &judged);
    assert_int_equal(judged.pending_ns, 240);
    assert_int_equal(judged.pending_share, SS_SHARE_LOSS);
}

static void what_is_pending_is_the_share_of_the_evidence_that_covers_most_of_it(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "sent again and again, never acknowledged",
         .tap = SS_TAP_SERVER,
         MARKS(1) = {{SS_MARK_SERVER_FLIGHT, 0}},
         WAITS(1) = {{SS_EVIDENCE_RETRANSMITTED, 0, 600}},
         .open_until = 1000,
         .pending = 1000,
         .pending_phase = SS_PHASE_FLIGHT_ACK,
         .pending_share = SS_SHARE_LOSS},
        {.about = "the lesser part of it",
         .tap = SS_TAP_SERVER,
         MARKS(1) = {{SS_MARK_FLIGHT_ACK, 0}},
         WAITS(1) = {{SS_EVIDENCE_RETRANSMITTED, 0, 400}},
         .open_until = 1000,
         .pending = 1000,
         .pending_phase = SS_PHASE_CLIENT_FINISH,
         .pending_share = SS_SHARE_CLIENT},
    };
    play_all(scripts, ROWS(scripts));
}

static void a_wait_after_the_last_mark_is_told_apart(void **state)
{
    (void)state;
    struct ss_timeline timeline;
    struct ss_judgement judged;

    ss_timeline_init(&timeline);
    timeline.mark_ns[SS_MARK_CLIENT_FINISHED] = 100;
    ss_timeline_add_wait(&timeline.waits, SS_EVIDENCE_RETRANSMITTED, 100, 350);
    ss_timeline_judge(&timeline, SS_TAP_MIDDLE, &judged);
    assert_int_equal(judged.after_ns, 250);
    assert_int_equal(judged.after_share, SS_SHARE_LOSS);
    assert_int_equal(judged.share_ns[SS_SHARE_LOSS], 0);

    timeline.open_until_ns = 400; /* then it is pending */
    ss_timeline_judge(&timeline, SS_TAP_MIDDLE, &judged);
    assert_int_equal(judged.after_ns, 0);
    assert_int_equal(judged.pending_share, SS_SHARE_LOSS);
}

static void nothing_is_pending_where_nothing_is_waited_for(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "no mark at all", .open_until = 100, NOT_PENDING},
        {.about = "looked at when the last mark was made",
         MARKS(1) = {{SS_MARK_SYN, 100}},
         .open_until = 100,
         NOT_PENDING},
        {.about = "looked at before", MARKS(1) = {{SS_MARK_SYN, 100}}, .open_until = 50, NOT_PENDING},
        {.about = "after the very last mark",
         MARKS(1) = {{SS_MARK_SERVER_FINISHED, 10}},
         .open_until = 50,
         NOT_PENDING},
    };
    play_all(scripts, ROWS(scripts));
}

/* ---- any timeline */

static uint32_t random_below(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static void phases_and_shares_of_any_timeline_sum_to_its_duration(void **state)
{
    (void)state;
    uint32_t seed = 20;

    for (unsigned round = 0; round < 200000; round++) {
        struct ss_timeline timeline;
        struct ss_judgement judged, again;
        uint32_t span = round % 2 ? 12 : 1000000;

        ss_timeline_init(&timeline);
        for (unsigned m = 0; m < SS_MARK_COUNT; m++) {
            if (random_below(&seed, 4) > 0)
                timeline.mark_ns[m] = (int64_t)random_below(&seed, span) - span / 4;
        }
        timeline.client_rtt_ns = random_below(&seed, span);
        timeline.server_rtt_ns = random_below(&seed, span);
        for (unsigned i = random_below(&seed, SS_TIMELINE_WAITS + 4); i > 0; i--)
            ss_timeline_add_wait(&timeline.waits, random_below(&seed, SS_EVIDENCE_COUNT),
                                 (int64_t)random_below(&seed, span) - span / 4, random_below(&seed, span));
        if (random_below(&seed, 2))
            timeline.open_until_ns = random_below(&seed, span);
        ss_timeline_judge(&timeline, random_below(&seed, SS_TAP_COUNT), &judged);
        check_sums(&judged);
        assert_true((judged.pending_ns > 0) == (judged.pending_phase < SS_PHASE_COUNT));

        enum ss_tap tap = random_below(&seed, SS_TAP_COUNT); /* the tap moves shares, never phases */
        ss_timeline_judge(&timeline, tap, &again);
        check_sums(&again);
        assert_memory_equal(judged.phase_ns, again.phase_ns, sizeof(judged.phase_ns));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_marks_are_shared_by_where_the_tap_is),
        cmocka_unit_test(every_phase_has_its_owner),
        cmocka_unit_test(a_kernel_s_own_acknowledgement_takes_as_long_as_the_path),
        cmocka_unit_test(an_acknowledgement_as_late_as_a_kernel_delays_one_is_doubtful),
        cmocka_unit_test(a_phase_runs_from_the_latest_mark_that_was_seen),
        cmocka_unit_test(a_wait_takes_its_time_from_the_phases_it_lies_in),
        cmocka_unit_test(of_waits_that_overlap_the_surest_counts),
        cmocka_unit_test(a_wait_for_the_path_is_the_host_s_where_the_tap_is_beside_it),
        cmocka_unit_test(what_rests_on_the_length_of_a_silence_alone_is_guessed),
        cmocka_unit_test(a_talk_before_tls_is_idle_whatever_was_lost_in_it),
        cmocka_unit_test(of_more_waits_than_there_is_room_for_the_shortest_give_way),
        cmocka_unit_test(a_wait_that_goes_on_is_one),
        cmocka_unit_test(an_unfinished_handshake_waits_for_the_phase_after_its_last_mark),
        cmocka_unit_test(nothing_is_pending_where_the_mirror_would_not_show_its_end),
        cmocka_unit_test(evidence_tells_what_is_pending_though_the_mirror_would_not_show_its_end),
        cmocka_unit_test(what_is_pending_is_the_share_of_the_evidence_that_covers_most_of_it),
        cmocka_unit_test(a_wait_after_the_last_mark_is_told_apart),
        cmocka_unit_test(nothing_is_pending_where_nothing_is_waited_for),
        cmocka_unit_test(phases_and_shares_of_any_timeline_sum_to_its_duration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
