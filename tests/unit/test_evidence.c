// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyzer/handshake.h"
#include "base/units.h"
#include "support/hellos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Handshakes as lists of segments at milliseconds, and the evidence that is to come out of each. A path of 10
 * ms each way to the client and 2 ms to the server, unless a list says otherwise. */

#define MS         SS_NS_PER_MS
#define ROWS(a)    (sizeof(a) / sizeof((a)[0]))
#define CLIENT_ISN 1000u
#define SERVER_ISN 0xfffffff0u /* wraps inside the flight */
#define SEGMENTS   36

/* Points in each side's bytes. */
enum point {
    START,
    HELLO_HALF,
    HELLO,
    ANSWER_HALF,
    ANSWER,
    FLIGHT_THIRD,
    FLIGHT_HALF,
    FLIGHT_PROBED,
    FLIGHT,
    TICKET,
    POINTS
};

struct segment {
    double ms;
    enum ss_side side;
    enum point from, to; /* payload; equal: none, and the sequence number is that of `from` */
    enum point acked;
    double sent;   /* by the sender's clock; 0: now; -1: the segment has no timestamps */
    double echo;   /* of the peer's clock; 0: of its newest segment */
    int id;        /* IPv4 identification; 0: the one after the newest; -1: none */
    int label;     /* IPv6 flow label */
    int again_to;  /* D-SACK: what ends there came twice; 0: nothing did */
    int flags;     /* besides ACK */
    int is_closed; /* the receive window */
    uint32_t ack;  /* 0: that of `acked` */
};

struct expected {
    enum ss_evidence what;
    double from, to;
};

struct script {
    const char *about;
    enum ss_tap tap;
    struct segment segments[SEGMENTS];
    struct expected evidence[3];
    struct ss_lost lost;
    enum ss_share largest;
};

static struct tls_bytes said[2];
static uint32_t points[POINTS];

static int make_bytes(void **state)
{
    (void)state;
    struct tls_bytes *message = calloc(1, sizeof(*message));

    assert_non_null(message);
    tls_put_client_hello(message,
                         &(struct tls_client_recipe){.versions = {0x0304, 0x0303}, .session_id_bytes = 32});
    tls_put_records(&said[SS_CLIENT], 22, message, 16384);
    points[HELLO] = (uint32_t)said[SS_CLIENT].length;
    points[HELLO_HALF] = points[HELLO] / 2;
    tls_put_noise_record(&said[SS_CLIENT], 23, 53);
    points[ANSWER] = (uint32_t)said[SS_CLIENT].length;
    points[ANSWER_HALF] = (points[HELLO] + points[ANSWER]) / 2;

    memset(message, 0, sizeof(*message));
    tls_put_server_hello(message,
                         &(struct tls_server_recipe){.version = 0x0304, .group = 29, .session_id_bytes = 32});
    tls_put_records(&said[SS_SERVER], 22, message, 16384);
    tls_put_noise_record(&said[SS_SERVER], 23, 9000);
    tls_put_noise_record(&said[SS_SERVER], 23, 53);
    points[FLIGHT] = (uint32_t)said[SS_SERVER].length;
    points[FLIGHT_THIRD] = 4000;
    points[FLIGHT_HALF] = 6000;
    points[FLIGHT_PROBED] = points[FLIGHT_HALF] + 1;
    tls_put_noise_record(&said[SS_SERVER], 23, 200);
    points[TICKET] = (uint32_t)said[SS_SERVER].length;
    free(message);
    return 0;
}

/* ---- a script through a handshake */

struct played {
    struct ss_handshake handshake;
    struct ss_handshake_pools pools;
    struct ss_told told;
    void *memory[4];
    struct ss_handshake *borrowers[18]; /* of segments and hellos */
    double clock[2];                    /* what each side's newest segment said */
    uint16_t id[2];
};

static void *pool(struct ss_pool *pool_of, size_t block_bytes, uint32_t blocks)
{
    void *memory = calloc(blocks, block_bytes);
    assert_non_null(memory);
    ss_pool_init(pool_of, memory, block_bytes, blocks);
    return memory;
}

static uint32_t seq_of(enum ss_side side, enum point point)
{
    return (side == SS_CLIENT ? CLIENT_ISN : SERVER_ISN) + 1 + points[point];
}

static uint32_t ticks(double ms)
{
    return (uint32_t)(0xffffffc0u + (int64_t)ms); /* wraps */
}

static struct ss_packet packet_of(struct played *played, const struct segment *segment)
{
    enum ss_side side = segment->side;
    bool is_syn = segment->flags & SS_TCP_SYN;
    double sent = segment->sent > 0 ? segment->sent : segment->ms;
    struct ss_packet packet = {.seq = seq_of(side, segment->from) - is_syn,
                               .ack = seq_of(!side, segment->acked),
                               .flags = (uint8_t)(segment->flags | SS_TCP_ACK),
                               .window = segment->is_closed ? 0 : 502,
                               .has_timestamps = segment->sent >= 0,
                               .ts_value = ticks(sent),
                               .ts_echo = ticks(segment->echo > 0 ? segment->echo : played->clock[!side]),
                               .flow_label = (uint32_t)segment->label,
                               .payload = said[side].at + points[segment->from],
                               .payload_bytes = points[segment->to] - points[segment->from],
                               .payload_captured = points[segment->to] - points[segment->from]};

    if (segment->ack > 0)
        packet.ack = segment->ack;
    if (is_syn && side == SS_CLIENT)
        packet.flags = SS_TCP_SYN;
    packet.ip_id = (uint16_t)(segment->id > 0 ? segment->id : segment->id < 0 ? 0 : played->id[side] + 1);
    played->id[side] = packet.ip_id;
    played->clock[side] = sent;
    if (segment->again_to > 0) {
        packet.has_again = true;
        packet.again_end = seq_of(!side, (enum point)segment->again_to);
    }
    return packet;
}

static struct ss_finding play(const struct script *script)
{
    struct played *played = calloc(1, sizeof(*played));
    struct ss_finding finding;
    int64_t last_ns = 0;

    assert_non_null(played);
    played->memory[0] = pool(&played->pools.segments, SS_STREAM_BLOCK_BYTES, 16);
    played->memory[1] = pool(&played->pools.hellos, SS_TLS_BLOCK_BYTES, 2);
    played->memory[2] = pool(&played->pools.troubles, sizeof(struct ss_trouble), 1);
    played->memory[3] = pool(&played->pools.mores, sizeof(struct ss_more), 1);
    played->pools.segment_borrowers.of = played->borrowers;
    played->pools.hello_borrowers.of = played->borrowers + 16;
    played->id[SS_SERVER] = 700;
    for (unsigned i = 0; i < SEGMENTS && (i == 0 || script->segments[i].ms > 0); i++) {
        struct ss_packet packet = packet_of(played, &script->segments[i]);
        int64_t t = last_ns = (int64_t)(script->segments[i].ms * MS);
        if (i == 0)
            ss_handshake_init(&played->handshake, &played->pools, &played->told, 0, &packet, t);
        assert_int_not_equal(ss_handshake_feed(&played->handshake, &packet, script->segments[i].side, t, 0),
                             SS_HANDSHAKE_NOT_TLS);
    }
    ss_handshake_conclude(&played->handshake, script->tap, last_ns, &finding);
    ss_handshake_release(&played->handshake);
    assert_int_equal(played->pools.segments.used + played->pools.hellos.used + played->pools.troubles.used +
                         played->pools.mores.used,
                     0);
    for (unsigned i = 0; i < ROWS(played->memory); i++)
        free(played->memory[i]);
    free(played);
    return finding;
}

static void check_evidence(const struct script *script, const struct ss_finding *finding)
{
    unsigned count = 0;

    while (count < ROWS(script->evidence) && script->evidence[count].to > 0)
        count++;
    for (unsigned i = 0; i < finding->wait_count; i++)
        print_message("    %s %.3f to %.3f\n", ss_evidence_name(finding->waits[i].evidence),
                      (double)finding->waits[i].from_ns / MS, (double)finding->waits[i].to_ns / MS);
    assert_int_equal(finding->wait_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(finding->waits[i].evidence, script->evidence[i].what);
        assert_int_equal(finding->waits[i].from_ns, (int64_t)(script->evidence[i].from * MS));
        assert_int_equal(finding->waits[i].to_ns, (int64_t)(script->evidence[i].to * MS));
    }
}

static void check(const struct script *script)
{
    print_message("%s\n", script->about);
    struct ss_finding finding = play(script);
    const struct ss_judgement *judged = &finding.judged;
    unsigned largest = 0;
    int64_t sum_ns = 0;

    check_evidence(script, &finding);
    assert_memory_equal(&finding.lost, &script->lost, sizeof(script->lost));
    for (unsigned i = 0; i < SS_SHARE_COUNT; i++) {
        sum_ns += judged->share_ns[i];
        if (judged->share_ns[i] > judged->share_ns[largest])
            largest = i;
    }
    assert_int_equal(sum_ns, judged->duration_ns);
    assert_string_equal(ss_share_name((enum ss_share)largest), ss_share_name(script->largest));
}

static void check_all(const struct script *scripts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&scripts[i]);
}

#define C SS_CLIENT
#define S SS_SERVER

#define OLD_CONNECTION 0x90000000u

/* Segments at that many ms, and what else is to be said of them. */
#define SYN_AT(t, ...)     ((struct segment){.ms = t, .side = C, .flags = SS_TCP_SYN, __VA_ARGS__})
#define SYN_ACK_AT(t, ...) ((struct segment){.ms = t, .side = S, .flags = SS_TCP_SYN, .id = -1, __VA_ARGS__})
#define CHALLENGE_AT(t)    ((struct segment){.ms = t, .side = S, .ack = OLD_CONNECTION})
#define ACK_AT(t, ...)     ((struct segment){.ms = t, .side = C, __VA_ARGS__})
#define HELLO_AT(t, ...)   ((struct segment){.ms = t, .side = C, .from = START, .to = HELLO, __VA_ARGS__})
#define HALF_HELLO_AT(t, ...)                                                                                \
    ((struct segment){.ms = t, .side = C, .from = START, .to = HELLO_HALF, __VA_ARGS__})
#define HELLO_ACK_AT(t, ...)      ((struct segment){.ms = t, .side = S, .acked = HELLO, __VA_ARGS__})
#define HALF_HELLO_ACK_AT(t, ...) ((struct segment){.ms = t, .side = S, .acked = HELLO_HALF, __VA_ARGS__})
#define FLIGHT_AT(t, ...)                                                                                    \
    ((struct segment){.ms = t, .side = S, .from = START, .to = FLIGHT, .acked = HELLO, __VA_ARGS__})
#define FIRST_HALF_AT(t, ...)                                                                                \
    ((struct segment){.ms = t, .side = S, .from = START, .to = FLIGHT_HALF, .acked = HELLO, __VA_ARGS__})
#define SECOND_HALF_AT(t, ...)                                                                               \
    ((struct segment){.ms = t, .side = S, .from = FLIGHT_HALF, .to = FLIGHT, .acked = HELLO, __VA_ARGS__})
#define PROBE_AT(t)                                                                                          \
    ((struct segment){.ms = t, .side = S, .from = FLIGHT_HALF, .to = FLIGHT_PROBED, .acked = HELLO})
#define HALF_ACK_AT(t, ...)                                                                                  \
    ((struct segment){.ms = t, .side = C, .from = HELLO, .to = HELLO, .acked = FLIGHT_HALF, __VA_ARGS__})
#define THIRD_ACK_AT(t, ...)                                                                                 \
    ((struct segment){.ms = t, .side = C, .from = HELLO, .to = HELLO, .acked = FLIGHT_THIRD, __VA_ARGS__})
#define FLIGHT_ACK_AT(t, ...)                                                                                \
    ((struct segment){.ms = t, .side = C, .from = HELLO, .to = HELLO, .acked = FLIGHT, __VA_ARGS__})
#define ANSWER_AT(t, ...)                                                                                    \
    ((struct segment){.ms = t, .side = C, .from = HELLO, .to = ANSWER, .acked = FLIGHT, __VA_ARGS__})
#define ANSWER_ACK_AT(t, ...)                                                                                \
    ((struct segment){.ms = t, .side = S, .from = FLIGHT, .to = FLIGHT, .acked = ANSWER, __VA_ARGS__})

/* A client and a path without trouble. */
#define OPENED         SYN_AT(0), SYN_ACK_AT(2), ACK_AT(12), HELLO_AT(13)
#define OPENED_6       SYN_AT(0, V6(5)), SYN_ACK_AT(2, .label = 6), ACK_AT(12, V6(5)), HELLO_AT(13, V6(5))
#define V6(flow_label) .id = -1, .label = flow_label

/* ---- sent twice */

static void what_the_tap_saw_twice_was_lost_unless_the_first_copy_had_arrived(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "the flight, acknowledged by the second copy's timestamp: lost beyond the tap",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16), FLIGHT_AT(236),
                      FLIGHT_ACK_AT(256, .echo = 236), ANSWER_AT(257), ANSWER_ACK_AT(259)},
         .evidence = {{SS_EVIDENCE_RETRANSMITTED, 16, 236}},
         .lost = {.tap_to_client = 1},
         .largest = SS_SHARE_LOSS},
        {.about = "acknowledged with the first copy's timestamp: the path was slow",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16), FLIGHT_AT(236), FLIGHT_ACK_AT(316, .echo = 16),
                      ANSWER_AT(317), ANSWER_ACK_AT(319)},
         .evidence = {{SS_EVIDENCE_SPURIOUS_TO_CLIENT, 16, 316}},
         .largest = SS_SHARE_CLIENT_PATH},
        {.about = "without timestamps it looks like a loss",
         .tap = SS_TAP_MIDDLE,
         .segments = {SYN_AT(0, .sent = -1), SYN_ACK_AT(2, .sent = -1), ACK_AT(12, .sent = -1),
                      HELLO_AT(13, .sent = -1), HELLO_ACK_AT(15, .sent = -1), FLIGHT_AT(16, .sent = -1),
                      FLIGHT_AT(236, .sent = -1), ANSWER_AT(316, .sent = -1), ANSWER_ACK_AT(318, .sent = -1)},
         .evidence = {{SS_EVIDENCE_RETRANSMITTED, 16, 236}},
         .lost = {.tap_to_client = 1},
         .largest = SS_SHARE_LOSS},
        {.about =
             "both copies are reported as received, long after the second: the server's host stood still",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_AT(233), HELLO_ACK_AT(413, .again_to = HELLO), FLIGHT_AT(414),
                      ANSWER_AT(434), ANSWER_ACK_AT(436)},
         .evidence = {{SS_EVIDENCE_SPURIOUS_TO_SERVER, 13, 413}},
         .largest = SS_SHARE_SERVER_PATH},
        {.about = "the same beside the server",
         .tap = SS_TAP_SERVER,
         .segments = {OPENED, HELLO_AT(233), HELLO_ACK_AT(413, .again_to = HELLO), FLIGHT_AT(414),
                      ANSWER_AT(434), ANSWER_ACK_AT(436)},
         .evidence = {{SS_EVIDENCE_SPURIOUS_TO_SERVER, 13, 413}},
         .largest = SS_SHARE_SERVER},
        {.about = "reported as the answer to the second: the first one's acknowledgement was lost",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_AT(233), HELLO_ACK_AT(235, .again_to = HELLO), FLIGHT_AT(236),
                      ANSWER_AT(256), ANSWER_ACK_AT(258)},
         .evidence = {{SS_EVIDENCE_RETRANSMITTED, 13, 233}},
         .lost = {.tap_to_server = 1},
         .largest = SS_SHARE_LOSS},
        {.about =
             "the first half of the hello, then all of it in one segment: the half was lost beyond the tap",
         .tap = SS_TAP_MIDDLE,
         .segments = {SYN_AT(0), SYN_ACK_AT(2), ACK_AT(12), HALF_HELLO_AT(13), HELLO_AT(253),
                      HELLO_ACK_AT(255, .echo = 253), FLIGHT_AT(256), ANSWER_AT(266), ANSWER_ACK_AT(268)},
         .evidence = {{SS_EVIDENCE_RETRANSMITTED, 13, 253}},
         .lost = {.tap_to_server = 1},
         .largest = SS_SHARE_LOSS},
        {.about = "the same twice over: from each copy to the next",
         .tap = SS_TAP_MIDDLE,
         .segments = {SYN_AT(0), SYN_ACK_AT(2), ACK_AT(12), HALF_HELLO_AT(13), HALF_HELLO_AT(233),
                      HELLO_AT(673), HELLO_ACK_AT(675, .echo = 673), FLIGHT_AT(676), ANSWER_AT(686),
                      ANSWER_ACK_AT(688)},
         .evidence = {{SS_EVIDENCE_RETRANSMITTED, 13, 673}},
         .lost = {.tap_to_server = 2},
         .largest = SS_SHARE_LOSS},
        {.about = "the half arrived, as its timestamp in the acknowledgement says: the path was slow",
         .tap = SS_TAP_MIDDLE,
         .segments = {SYN_AT(0), SYN_ACK_AT(2), ACK_AT(12), HALF_HELLO_AT(13), HELLO_AT(233),
                      HALF_HELLO_ACK_AT(313, .echo = 13), HELLO_ACK_AT(314, .echo = 233), FLIGHT_AT(315),
                      ANSWER_AT(325), ANSWER_ACK_AT(327)},
         .evidence = {{SS_EVIDENCE_SPURIOUS_TO_SERVER, 13, 313}},
         .largest = SS_SHARE_SERVER_PATH},
        {.about = "the flight's first half, then all of it",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FIRST_HALF_AT(16), FLIGHT_AT(256),
                      ANSWER_AT(266, .echo = 256), ANSWER_ACK_AT(268)},
         .evidence = {{SS_EVIDENCE_RETRANSMITTED, 16, 256}},
         .lost = {.tap_to_client = 1},
         .largest = SS_SHARE_LOSS},
        {.about = "acknowledged in between: nobody waited",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), HELLO_AT(220), FLIGHT_AT(221), ANSWER_AT(241),
                      ANSWER_ACK_AT(243)},
         .largest = SS_SHARE_SERVER},
        {.about = "a SYN whose SYN-ACK answers the second copy, though it echoes the first",
         .tap = SS_TAP_MIDDLE,
         .segments = {SYN_AT(0), SYN_AT(1000), SYN_ACK_AT(1002, .echo = 0.1), ACK_AT(1012), HELLO_AT(1013),
                      FLIGHT_AT(1015), ANSWER_AT(1025), ANSWER_ACK_AT(1027)},
         .evidence = {{SS_EVIDENCE_RETRANSMITTED, 0, 1000}},
         .lost = {.tap_to_server = 1},
         .largest = SS_SHARE_LOSS},
        {.about = "a SYN that waited for the server's host with its second copy",
         .tap = SS_TAP_MIDDLE,
         .segments = {SYN_AT(0), SYN_AT(1000), SYN_ACK_AT(1400, .echo = 0.1), ACK_AT(1410), HELLO_AT(1411),
                      FLIGHT_AT(1413), ANSWER_AT(1423), ANSWER_ACK_AT(1425)},
         .evidence = {{SS_EVIDENCE_SPURIOUS_TO_SERVER, 0, 1400}},
         .largest = SS_SHARE_SERVER_PATH},
        {.about = "a SYN that was answered for an older connection: it was not lost",
         .tap = SS_TAP_MIDDLE,
         .segments = {SYN_AT(0), CHALLENGE_AT(2), SYN_AT(1000), SYN_ACK_AT(1002, .echo = 1000), ACK_AT(1012),
                      HELLO_AT(1013), FLIGHT_AT(1015), ANSWER_AT(1025), ANSWER_ACK_AT(1027)},
         .largest = SS_SHARE_SERVER_PATH},
        {.about = "and its second copy was lost",
         .tap = SS_TAP_MIDDLE,
         .segments = {SYN_AT(0), CHALLENGE_AT(2), SYN_AT(1000), SYN_AT(3000), SYN_ACK_AT(3002, .echo = 3000),
                      ACK_AT(3012), HELLO_AT(3013), FLIGHT_AT(3015), ANSWER_AT(3025), ANSWER_ACK_AT(3027)},
         .evidence = {{SS_EVIDENCE_RETRANSMITTED, 1000, 3000}},
         .lost = {.tap_to_server = 1},
         .largest = SS_SHARE_LOSS},
        {.about = "never acknowledged: the third copy was seen, and the end of it all",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_AT(233), HELLO_AT(673)},
         .evidence = {{SS_EVIDENCE_RETRANSMITTED, 13, 673}},
         .lost = {.tap_to_server = 2},
         .largest = SS_SHARE_CLIENT_PATH},
        {.about = "the answer, after the tap has seen all: the wait is told, and in no share",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16), ANSWER_AT(26), ANSWER_AT(246),
                      ANSWER_ACK_AT(248, .echo = 246)},
         .evidence = {{SS_EVIDENCE_RETRANSMITTED, 26, 246}},
         .lost = {.tap_to_server = 1},
         .largest = SS_SHARE_CLIENT_PATH},
    };
    check_all(scripts, ROWS(scripts));
}

/* ---- lost before the tap */

static void what_was_lost_before_the_tap_shows_in_what_the_sender_says_of_itself(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "the flight's second half first",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), SECOND_HALF_AT(17), FIRST_HALF_AT(47), ANSWER_AT(57),
                      ANSWER_ACK_AT(59)},
         .evidence = {{SS_EVIDENCE_HOLE, 17, 47}},
         .lost = {.server_to_tap = 1},
         .largest = SS_SHARE_LOSS},
        {.about = "but the first half had been sent before it: it was late, and not lost",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), SECOND_HALF_AT(17), FIRST_HALF_AT(47, .sent = 16),
                      ANSWER_AT(57), ANSWER_ACK_AT(59)},
         .evidence = {{SS_EVIDENCE_LATE_FROM_SERVER, 17, 47}},
         .largest = SS_SHARE_SERVER_PATH},
        {.about = "an ACK whose number is beyond the answer that comes later",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED,
                      HELLO_ACK_AT(15),
                      FLIGHT_AT(16),
                      {.ms = 27, .side = C, .from = ANSWER, .to = ANSWER, .acked = FLIGHT, .id = 900},
                      ANSWER_AT(240, .id = 907),
                      ANSWER_ACK_AT(242)},
         .evidence = {{SS_EVIDENCE_SENT_BEFORE, 27, 240}},
         .lost = {.client_to_tap = 1},
         .largest = SS_SHARE_LOSS},
        {.about = "an identification is missing, and a timeout went by",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16), FLIGHT_ACK_AT(26, .id = 5),
                      ANSWER_AT(240, .id = 7), ANSWER_ACK_AT(242)},
         .evidence = {{SS_EVIDENCE_NUMBER_MISSING, 26, 240}},
         .lost = {.client_to_tap = 1},
         .largest = SS_SHARE_LOSS},
        {.about = "two are missing of an answer in two segments",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED,
                      HELLO_ACK_AT(15),
                      FLIGHT_AT(16),
                      FLIGHT_ACK_AT(26, .id = 5),
                      {.ms = 240, .side = C, .from = HELLO, .to = ANSWER_HALF, .acked = FLIGHT, .id = 8},
                      {.ms = 262, .side = C, .from = ANSWER_HALF, .to = ANSWER, .acked = FLIGHT},
                      ANSWER_ACK_AT(264)},
         .evidence = {{SS_EVIDENCE_NUMBER_MISSING, 26, 240}},
         .lost = {.client_to_tap = 2},
         .largest = SS_SHARE_LOSS},
        {.about = "twenty are missing of an answer in one: other connections had them, and the client waited",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16), FLIGHT_ACK_AT(26, .id = 5),
                      ANSWER_AT(286, .id = 26), ANSWER_ACK_AT(288)},
         .evidence = {{SS_EVIDENCE_CLIENT_OR_LOSS, 26, 286}},
         .largest = SS_SHARE_CLIENT},
        {.about = "no identification is missing: the client waited",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16), FLIGHT_ACK_AT(26), ANSWER_AT(240),
                      ANSWER_ACK_AT(242)},
         .largest = SS_SHARE_CLIENT},
        {.about = "over IPv6, another flow label after a probe and a timeout",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED_6, HELLO_ACK_AT(15, V6(6)), FLIGHT_AT(455, V6(7)), ANSWER_AT(465, V6(5)),
                      ANSWER_ACK_AT(467, V6(7))},
         .evidence = {{SS_EVIDENCE_LABEL_CHANGED, 15, 455}},
         .lost = {.server_to_tap = 1},
         .largest = SS_SHARE_LOSS},
        {.about = "over IPv6, a silence of exactly a timeout: most likely a loss",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED_6, HELLO_ACK_AT(15, V6(6)), FLIGHT_AT(230, V6(6)), ANSWER_AT(240, V6(5)),
                      ANSWER_ACK_AT(242, V6(6))},
         .evidence = {{SS_EVIDENCE_TIMEOUT_LENGTH, 15, 230}},
         .largest = SS_SHARE_LOSS},
        {.about = "over IPv6, a silence longer than a timeout by less than half of one: the client's time, "
                  "as it seems",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED_6, FLIGHT_AT(16, V6(6)), FLIGHT_ACK_AT(26, V6(5)), ANSWER_AT(290, V6(5)),
                      ANSWER_ACK_AT(292, V6(6))},
         .evidence = {{SS_EVIDENCE_CLIENT_OR_LOSS, 26, 290}},
         .largest = SS_SHARE_CLIENT},
        {.about = "the same of the server",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED_6, HELLO_ACK_AT(15, V6(6)), FLIGHT_AT(279, V6(6)), ANSWER_AT(289, V6(5)),
                      ANSWER_ACK_AT(291, V6(6))},
         .evidence = {{SS_EVIDENCE_SERVER_OR_LOSS, 15, 279}},
         .largest = SS_SHARE_SERVER},
        {.about = "the same of the client, told to be beside it: there is nothing to lose it",
         .tap = SS_TAP_CLIENT,
         .segments = {OPENED_6, FLIGHT_AT(16, V6(6)), FLIGHT_ACK_AT(26, V6(5)), ANSWER_AT(290, V6(5)),
                      ANSWER_ACK_AT(292, V6(6))},
         .largest = SS_SHARE_CLIENT},
        {.about = "the same of a client that counts its packets: it waited",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, FLIGHT_AT(16), FLIGHT_ACK_AT(26), ANSWER_AT(290), ANSWER_ACK_AT(292)},
         .largest = SS_SHARE_CLIENT},
        {.about = "over IPv6, a silence longer than one and a half timeouts: the client's time",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED_6, FLIGHT_AT(16, V6(6)), FLIGHT_ACK_AT(26, V6(5)), ANSWER_AT(426, V6(5)),
                      ANSWER_ACK_AT(428, V6(6))},
         .largest = SS_SHARE_CLIENT},
        {.about = "beside the server there is nothing to lose it",
         .tap = SS_TAP_SERVER,
         .segments = {OPENED_6, HELLO_ACK_AT(15, V6(6)), FLIGHT_AT(230, V6(6)), ANSWER_AT(240, V6(5)),
                      ANSWER_ACK_AT(242, V6(6))},
         .largest = SS_SHARE_SERVER},
        {.about = "a SYN-ACK after exactly a second",
         .tap = SS_TAP_MIDDLE,
         .segments = {SYN_AT(0), SYN_ACK_AT(1014), ACK_AT(1024), HELLO_AT(1025), FLIGHT_AT(1027),
                      ANSWER_AT(1037), ANSWER_ACK_AT(1039)},
         .evidence = {{SS_EVIDENCE_SYN_TIMEOUT, 0, 1014}},
         .largest = SS_SHARE_LOSS},
        {.about = "after exactly a second, beside the server: it was slow",
         .tap = SS_TAP_SERVER,
         .segments = {SYN_AT(0), SYN_ACK_AT(1014), ACK_AT(1024), HELLO_AT(1025), FLIGHT_AT(1027),
                      ANSWER_AT(1037), ANSWER_ACK_AT(1039)},
         .largest = SS_SHARE_SERVER},
        {.about = "a SYN-ACK after 800 ms",
         .tap = SS_TAP_MIDDLE,
         .segments = {SYN_AT(0), SYN_ACK_AT(800), ACK_AT(810), HELLO_AT(811), FLIGHT_AT(813), ANSWER_AT(823),
                      ANSWER_ACK_AT(825)},
         .largest = SS_SHARE_SERVER_PATH},
    };
    check_all(scripts, ROWS(scripts));
}

/* ---- the sender's clock */

static void a_segment_that_its_sender_sent_earlier_was_on_the_path(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "the answer came 300 ms after it was sent",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16), FLIGHT_ACK_AT(26), ANSWER_AT(328, .sent = 28),
                      ANSWER_ACK_AT(330)},
         .evidence = {{SS_EVIDENCE_LATE_FROM_CLIENT, 28, 328}},
         .largest = SS_SHARE_CLIENT_PATH},
        {.about = "the client took 300 ms for it, by its own clock too",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16), FLIGHT_ACK_AT(26), ANSWER_AT(328),
                      ANSWER_ACK_AT(330)},
         .largest = SS_SHARE_CLIENT},
        {.about = "with copies in the same burst, of which the last was sent just now",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED,
                      HELLO_ACK_AT(15),
                      FLIGHT_AT(16),
                      FLIGHT_ACK_AT(26),
                      ANSWER_AT(328, .sent = 28),
                      ANSWER_AT(328, .sent = 244),
                      {.ms = 328, .side = C, .from = ANSWER, .to = ANSWER, .acked = FLIGHT, .sent = 327},
                      ANSWER_ACK_AT(330, .echo = 28)},
         .evidence = {{SS_EVIDENCE_LATE_FROM_CLIENT, 28, 328}, {SS_EVIDENCE_SPURIOUS_TO_SERVER, 328, 330}},
         .largest = SS_SHARE_CLIENT_PATH},
        {.about = "half and half",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16), FLIGHT_ACK_AT(26), ANSWER_AT(426, .sent = 206),
                      ANSWER_ACK_AT(428)},
         .evidence = {{SS_EVIDENCE_LATE_FROM_CLIENT, 206, 426}},
         .largest = SS_SHARE_CLIENT_PATH},
        {.about = "the ServerHello, with the tap in the middle",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(316, .sent = 16), ANSWER_AT(326),
                      ANSWER_ACK_AT(328)},
         .evidence = {{SS_EVIDENCE_LATE_FROM_SERVER, 16, 316}},
         .largest = SS_SHARE_SERVER_PATH},
        {.about = "the ServerHello, with the tap beside the server: its host held it back",
         .tap = SS_TAP_SERVER,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(316, .sent = 16), ANSWER_AT(326),
                      ANSWER_ACK_AT(328)},
         .evidence = {{SS_EVIDENCE_LATE_FROM_SERVER, 16, 316}},
         .largest = SS_SHARE_SERVER},
    };
    check_all(scripts, ROWS(scripts));
}

static void the_sender_s_clock_tells_how_long_it_took(void **state)
{
    (void)state;
    const struct script script = {
        .about = "TLS 1.3",
        .tap = SS_TAP_MIDDLE,
        .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16), FLIGHT_ACK_AT(26), ANSWER_AT(328),
                     ANSWER_ACK_AT(330)},
    };
    struct ss_finding finding = play(&script);

    assert_int_equal(finding.sent_ns[SS_PHASE_CLIENT_FINISH], 302 * MS);
    assert_int_equal(finding.sent_ns[SS_PHASE_HELLO_WAIT], 1 * MS);
    assert_int_equal(finding.sent_ns[SS_PHASE_SERVER_HELLO], 1 * MS);
    assert_int_equal(finding.sent_ns[SS_PHASE_TCP_RETURN], SS_MARK_UNSEEN); /* of two sides */
}

/* ---- the acknowledgement of the flight */

static void an_acknowledgement_that_came_with_the_answer_s_beginning_is_the_program_s(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "alone, and the answer at once: both were under way",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16, .sent = -1), FLIGHT_ACK_AT(316, .sent = -1),
                      ANSWER_AT(317, .sent = -1), ANSWER_ACK_AT(319, .sent = -1)},
         .largest = SS_SHARE_CLIENT_PATH},
        {.about = "alone, as late as a kernel delays one at most, and the answer sooner after it: both fit",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FLIGHT_AT(16), FLIGHT_ACK_AT(226), ANSWER_AT(256),
                      ANSWER_ACK_AT(258)},
         .evidence = {{SS_EVIDENCE_PATH_OR_CLIENT, 16, 226}},
         .largest = SS_SHARE_CLIENT_PATH},
        {.about = "with the first bytes of the answer, the rest in the next segment",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED,
                      HELLO_ACK_AT(15),
                      FLIGHT_AT(16, .sent = -1),
                      {.ms = 316, .side = C, .from = HELLO, .to = ANSWER_HALF, .acked = FLIGHT, .sent = -1},
                      {.ms = 317, .side = C, .from = ANSWER_HALF, .to = ANSWER, .acked = FLIGHT, .sent = -1},
                      ANSWER_ACK_AT(319, .sent = -1)},
         .largest = SS_SHARE_CLIENT},
    };
    check_all(scripts, ROWS(scripts));
}

/* ---- windows */

static void a_flight_that_waits_for_acknowledgements_waits_for_the_path(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "half of the flight, its acknowledgement, and at once the rest",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FIRST_HALF_AT(16), HALF_ACK_AT(116), SECOND_HALF_AT(118),
                      ANSWER_AT(128), ANSWER_ACK_AT(130)},
         .evidence = {{SS_EVIDENCE_CONGESTION_WINDOW, 16, 116},
                      {SS_EVIDENCE_CONGESTION_WINDOW_OPENED, 116, 118}},
         .largest = SS_SHARE_CLIENT_PATH},
        {.about = "acknowledged in two steps, the second with less than a window under way",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FIRST_HALF_AT(16), THIRD_ACK_AT(116), HALF_ACK_AT(116.5),
                      SECOND_HALF_AT(118.5), ANSWER_AT(128.5), ANSWER_ACK_AT(130)},
         .evidence = {{SS_EVIDENCE_CONGESTION_WINDOW, 16, 116.5},
                      {SS_EVIDENCE_CONGESTION_WINDOW_OPENED, 116.5, 118.5}},
         .largest = SS_SHARE_CLIENT_PATH},
        {.about = "beside the client: the acknowledgement came at once, and had to go to the server",
         .tap = SS_TAP_CLIENT,
         .segments = {SYN_AT(0), SYN_ACK_AT(80), ACK_AT(80.1), HELLO_AT(80.2), HELLO_ACK_AT(160.2),
                      FIRST_HALF_AT(161), THIRD_ACK_AT(161.1), HALF_ACK_AT(161.2), SECOND_HALF_AT(241.2),
                      ANSWER_AT(242), ANSWER_ACK_AT(322)},
         .evidence = {{SS_EVIDENCE_CONGESTION_WINDOW_OPENED, 161.2, 241.2}},
         .largest = SS_SHARE_SERVER_PATH},
        {.about = "waits of less than a millisecond hold nobody up",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FIRST_HALF_AT(16), HALF_ACK_AT(16.9), SECOND_HALF_AT(17.8),
                      ANSWER_AT(117.8), ANSWER_ACK_AT(119.8)},
         .largest = SS_SHARE_CLIENT},
        {.about = "the rest came long after it: the server was slow",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FIRST_HALF_AT(16), HALF_ACK_AT(26), SECOND_HALF_AT(318),
                      ANSWER_AT(328), ANSWER_ACK_AT(330)},
         .largest = SS_SHARE_SERVER},
        {.about = "the client's receive window was closed",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FIRST_HALF_AT(16), HALF_ACK_AT(26, .is_closed = 1),
                      HALF_ACK_AT(326), SECOND_HALF_AT(350), ANSWER_AT(360), ANSWER_ACK_AT(362)},
         .evidence = {{SS_EVIDENCE_CLIENT_WINDOW_CLOSED, 26, 326}},
         .largest = SS_SHARE_CLIENT},
        {.about = "and the server probed it, with a byte that the client did not take",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FIRST_HALF_AT(16), HALF_ACK_AT(26, .is_closed = 1),
                      PROBE_AT(246), HALF_ACK_AT(256, .is_closed = 1), PROBE_AT(686),
                      HALF_ACK_AT(696, .is_closed = 1), HALF_ACK_AT(726), SECOND_HALF_AT(728), ANSWER_AT(738),
                      ANSWER_ACK_AT(740)},
         .evidence = {{SS_EVIDENCE_CLIENT_WINDOW_CLOSED, 26, 726}},
         .largest = SS_SHARE_CLIENT},
        {.about = "what was sent after it had opened, and again, was lost",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED, HELLO_ACK_AT(15), FIRST_HALF_AT(16), HALF_ACK_AT(26, .is_closed = 1),
                      PROBE_AT(246), HALF_ACK_AT(256), SECOND_HALF_AT(258), SECOND_HALF_AT(698),
                      ANSWER_AT(708, .echo = 698), ANSWER_ACK_AT(710)},
         .evidence = {{SS_EVIDENCE_CLIENT_WINDOW_CLOSED, 26, 256}, {SS_EVIDENCE_RETRANSMITTED, 258, 698}},
         .lost = {.tap_to_client = 1},
         .largest = SS_SHARE_LOSS},
        {.about = "the server's, and it never opened",
         .tap = SS_TAP_MIDDLE,
         .segments = {SYN_AT(0),
                      SYN_ACK_AT(2),
                      ACK_AT(12),
                      {.ms = 13, .side = C, .from = START, .to = HELLO_HALF},
                      {.ms = 15, .side = S, .acked = HELLO_HALF, .is_closed = 1},
                      {.ms = 415, .side = S, .acked = HELLO_HALF, .is_closed = 1}},
         .evidence = {{SS_EVIDENCE_SERVER_WINDOW_CLOSED, 15, 415}},
         .largest = SS_SHARE_CLIENT_PATH},
    };
    check_all(scripts, ROWS(scripts));
}

static void a_handshake_with_more_waits_than_there_is_room_for_lacks_evidence(void **state)
{
    (void)state;
    for (unsigned waits = SS_TIMELINE_WAITS; waits <= SS_TIMELINE_WAITS + 1; waits++) {
        struct script script = {.tap = SS_TAP_MIDDLE, .segments = {OPENED, FIRST_HALF_AT(16)}};
        struct segment *next = &script.segments[5];
        for (unsigned i = 0; i < waits; i++) {
            *next++ = HALF_ACK_AT(30 + 20 * i, .is_closed = 1);
            *next++ = HALF_ACK_AT(40 + 20 * i);
        }
        struct ss_finding finding = play(&script);
        assert_int_equal(finding.wait_count, SS_TIMELINE_WAITS);
        assert_int_equal(finding.lacks_evidence, waits > SS_TIMELINE_WAITS);
    }
}

/* ---- what the mirror lost */

static void what_only_the_mirror_lost_is_nobody_s(void **state)
{
    (void)state;
    const struct script scripts[] = {
        {.about = "half of the hello, shown by what the server acknowledged",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED,
                      HELLO_ACK_AT(15),
                      SECOND_HALF_AT(16),
                      ANSWER_AT(26),
                      {.ms = 28, .side = S, .from = FLIGHT, .to = TICKET, .acked = ANSWER},
                      {.ms = 48, .side = C, .from = ANSWER, .to = ANSWER, .acked = TICKET}},
         .evidence = {{SS_EVIDENCE_MIRROR_LOST, 16, 48}},
         .largest = SS_SHARE_CLIENT_PATH},
        {.about = "the answer: whether the handshake ever ended is not known, and nobody is waited for",
         .tap = SS_TAP_MIDDLE,
         .segments = {OPENED,
                      HELLO_ACK_AT(15),
                      FLIGHT_AT(16),
                      FLIGHT_ACK_AT(26),
                      {.ms = 328, .side = S, .from = FLIGHT, .to = TICKET, .acked = ANSWER},
                      {.ms = 338, .side = S, .from = TICKET, .to = TICKET, .acked = ANSWER}},
         .largest = SS_SHARE_CLIENT_PATH},
    };
    check_all(scripts, ROWS(scripts));
    for (size_t i = 0; i < ROWS(scripts); i++) {
        struct ss_finding finding = play(&scripts[i]);
        assert_int_equal(finding.outcome, SS_OUTCOME_UNFINISHED);
        assert_int_equal(finding.judged.pending_ns, 0);
        assert_true(finding.tap_missing_bytes > 0);
    }
}

static void what_follows_on_what_the_mirror_lost_was_not_sent_before(void **state)
{
    (void)state;
    const struct script script = {
        .about = "an ACK whose number is beyond what the mirror lost, and where it lies the answer begins",
        .tap = SS_TAP_MIDDLE,
        .segments = {SYN_AT(0),
                     SYN_ACK_AT(2),
                     ACK_AT(12),
                     {.ms = 13, .side = C, .from = START, .to = HELLO_HALF},
                     HELLO_ACK_AT(15),
                     FLIGHT_AT(16),
                     FLIGHT_ACK_AT(26.5),
                     ANSWER_AT(500),
                     ANSWER_ACK_AT(502)},
        .evidence = {{SS_EVIDENCE_MIRROR_LOST, 15, 26.5}},
        .largest = SS_SHARE_CLIENT};
    check(&script);
}

/* A capture file may say any time: three round trips of a hundred years are more than 64 bits hold. */
static void a_leap_in_time_is_no_round_trip(void **state)
{
    (void)state;
    const double years_ms = 3e12;
    const struct script script = {
        .tap = SS_TAP_MIDDLE,
        .segments = {SYN_AT(0),
                     SYN_ACK_AT(years_ms),
                     ACK_AT(years_ms + 10),
                     HELLO_AT(13),
                     {.ms = 413, .side = S},
                     {.ms = 813, .side = S, .from = START, .to = FLIGHT, .id = 704}}};
    struct ss_finding finding = play(&script);

    assert_true(finding.rtt_ns < 11 * MS);
    assert_int_equal(finding.server_rtt_ns, SS_MARK_UNSEEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_tap_saw_twice_was_lost_unless_the_first_copy_had_arrived),
        cmocka_unit_test(what_was_lost_before_the_tap_shows_in_what_the_sender_says_of_itself),
        cmocka_unit_test(a_segment_that_its_sender_sent_earlier_was_on_the_path),
        cmocka_unit_test(the_sender_s_clock_tells_how_long_it_took),
        cmocka_unit_test(an_acknowledgement_that_came_with_the_answer_s_beginning_is_the_program_s),
        cmocka_unit_test(a_flight_that_waits_for_acknowledgements_waits_for_the_path),
        cmocka_unit_test(a_handshake_with_more_waits_than_there_is_room_for_lacks_evidence),
        cmocka_unit_test(what_only_the_mirror_lost_is_nobody_s),
        cmocka_unit_test(a_leap_in_time_is_no_round_trip),
        cmocka_unit_test(what_follows_on_what_the_mirror_lost_was_not_sent_before),
    };
    return cmocka_run_group_tests(tests, make_bytes, NULL);
}
