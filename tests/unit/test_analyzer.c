// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyzer/analyzer.h"
#include "analyzer/state.h"
#include "base/units.h"
#include "support/frames.h"
#include "support/hellos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A test writes packets on a tape, at microseconds, plays the tape, and looks at what was found. */

#define ROWS(a)     (sizeof(a) / sizeof((a)[0]))
#define TAPE_MAX    4096
#define FOUND_MAX   4096
#define SECONDS_MAX 256
#define EPOCH_NS    (1795391886 * SS_NS_PER_S)
#define US(n)       ((int64_t)(n)*SS_NS_PER_US)
#define SECOND      1000000 /* us */
#define AUTO        INT64_MIN
#define ABSENT      INT64_MIN
#define CLIENT_ISN  0xfffffff0u /* sequence numbers wrap inside the first hello */
#define SERVER_ISN  0xffffff00u
#define IP_AT       14 /* in a frame, and what is in the datagram */
#define DATA_AT     34

/* ---- the tape */

struct taped {
    uint8_t *bytes;
    struct ss_frame frame;
};

struct tape {
    struct taped frames[TAPE_MAX];
    unsigned count;
};

struct connection {
    const char *ip[2]; /* of client and server */
    uint16_t port[2];
    uint32_t isn[2];
    uint32_t sent[2]; /* payload bytes of each side until now */
};

static struct connection connection_of(uint16_t client_port)
{
    return (struct connection){
        .ip = {"192.0.2.7", "198.51.100.1"}, .port = {client_port, 443}, .isn = {CLIENT_ISN, SERVER_ISN}};
}

static struct tape *new_tape(void)
{
    struct tape *tape = calloc(1, sizeof(*tape));
    assert_non_null(tape);
    return tape;
}

static void free_tape(struct tape *tape)
{
    for (unsigned i = 0; i < tape->count; i++)
        free(tape->frames[i].bytes);
    free(tape);
}

static void drop_last(struct tape *tape, unsigned count)
{
    while (count-- > 0)
        free(tape->frames[--tape->count].bytes);
}

static void put_frame(struct tape *tape, struct frame *built, int64_t us)
{
    struct taped *taped = &tape->frames[tape->count++];

    assert_true(tape->count <= TAPE_MAX);
    taped->frame = frame_end(built);
    taped->bytes = malloc(taped->frame.captured); /* its exact size, so that a sanitizer sees every byte */
    assert_non_null(taped->bytes);
    memcpy(taped->bytes, taped->frame.data, taped->frame.captured);
    taped->frame.data = taped->bytes;
    taped->frame.time_ns = EPOCH_NS + US(us);
}

static void put_copy(struct tape *tape, const struct ss_frame *like, int64_t time_ns)
{
    struct taped *taped = &tape->frames[tape->count++];

    assert_true(tape->count <= TAPE_MAX);
    taped->frame = *like;
    taped->bytes = malloc(like->captured);
    assert_non_null(taped->bytes);
    memcpy(taped->bytes, like->data, like->captured);
    taped->frame.data = taped->bytes;
    taped->frame.time_ns = time_ns;
}

struct send {
    uint8_t flags;  /* besides ACK */
    bool no_ack;    /* not even ACK */
    int64_t offset; /* of the payload in its direction; AUTO: what comes next */
    int64_t acked;  /* bytes of the other side; AUTO: all that it sent */
    const struct tls_bytes *payload;
    size_t from, to; /* of the payload; to 0: all */
};

static void send_as(struct tape *tape, struct connection *c, enum ss_side side, int64_t us, struct send how)
{
    static struct frame frame;
    size_t to = how.payload == NULL ? 0 : how.to > 0 ? how.to : how.payload->length;
    size_t length = to - how.from;
    uint32_t offset = how.offset == AUTO ? c->sent[side] : (uint32_t)how.offset;
    uint32_t acked = how.acked == AUTO ? c->sent[!side] : (uint32_t)how.acked;
    bool is_syn = how.flags & SS_TCP_SYN;

    frame_start(&frame, SS_LINK_ETHERNET);
    frame_ethernet(&frame);
    frame_ip(&frame, c->ip[side], c->ip[!side]);
    frame_tcp(&frame, (struct frame_tcp){.source_port = c->port[side],
                                         .destination_port = c->port[!side],
                                         .seq = c->isn[side] + (is_syn ? 0 : 1) + offset,
                                         .ack = how.no_ack ? 0 : c->isn[!side] + 1 + acked,
                                         .flags = (uint8_t)(how.flags | (how.no_ack ? 0 : SS_TCP_ACK)),
                                         .window = 502});
    if (length > 0)
        frame_bytes(&frame, how.payload->at + how.from, length);
    put_frame(tape, &frame, us);
    if (offset + length > c->sent[side])
        c->sent[side] = offset + (uint32_t)length;
}

static void syn(struct tape *tape, struct connection *c, int64_t us)
{
    send_as(tape, c, SS_CLIENT, us, (struct send){.flags = SS_TCP_SYN, .no_ack = true});
}

static void syn_ack(struct tape *tape, struct connection *c, int64_t us)
{
    send_as(tape, c, SS_SERVER, us, (struct send){.flags = SS_TCP_SYN});
}

static void ack(struct tape *tape, struct connection *c, enum ss_side side, int64_t us)
{
    send_as(tape, c, side, us, (struct send){.offset = AUTO, .acked = AUTO});
}

static void data(struct tape *tape, struct connection *c, enum ss_side side, int64_t us,
                 const struct tls_bytes *payload)
{
    send_as(tape, c, side, us,
            (struct send){.flags = SS_TCP_PSH, .offset = AUTO, .acked = AUTO, .payload = payload});
}

static void flag(struct tape *tape, struct connection *c, enum ss_side side, int64_t us, uint8_t flags)
{
    send_as(tape, c, side, us, (struct send){.flags = flags, .offset = AUTO, .acked = AUTO});
}

/* ---- TLS bytes, made once */

static struct tls_bytes hello13, hello12, hello_early, server13, server12_full, certified12, server12_resumed,
    retry13, hello13_pieces, retry13_alone, answer13, answer12, finished12, alert_fatal, alert13, request,
    early;

static void put_client(struct tls_bytes *out, struct tls_client_recipe recipe)
{
    struct tls_bytes *message = calloc(1, sizeof(*message));
    assert_non_null(message);
    tls_put_client_hello(message, &recipe);
    tls_put_records(out, 22, message, 16384);
    free(message);
}

static void put_server(struct tls_bytes *out, struct tls_server_recipe recipe)
{
    struct tls_bytes *message = calloc(1, sizeof(*message));
    assert_non_null(message);
    tls_put_server_hello(message, &recipe);
    tls_put_records(out, 22, message, 16384);
    free(message);
}

/* The rest of a server's flight of TLS 1.2: its certificate, and the ServerHelloDone unless that is left out.
 */
static void put_certificate(struct tls_bytes *out, bool is_done)
{
    struct tls_bytes *message = calloc(1, sizeof(*message));
    assert_non_null(message);
    tls_put_message(message, 11, 2000);
    if (is_done)
        tls_put_message(message, 14, 0);
    tls_put_records(out, 22, message, 16384);
    free(message);
}

static int make_bytes(void **state)
{
    (void)state;
    put_client(&hello13, (struct tls_client_recipe){.sni = "example.com",
                                                    .alpn = {"h2"},
                                                    .versions = {0x0304, 0x0303},
                                                    .session_id_bytes = 32});
    struct tls_bytes *message = calloc(1, sizeof(*message));
    assert_non_null(message);
    tls_put(message, hello13.at + 5, hello13.length - 5);
    tls_put_records(&hello13_pieces, 22, message, 50);
    free(message);
    put_client(&hello12, (struct tls_client_recipe){.sni = "example.com"});
    put_client(&hello_early,
               (struct tls_client_recipe){.versions = {0x0304}, .early_data = true, .pre_shared_key = true});
    put_server(&server13, (struct tls_server_recipe){.version = 0x0304, .group = 29, .session_id_bytes = 32});
    tls_put_hex(&server13, "14 0303 0001 01");
    tls_put_noise_record(&server13, 23, 2000);
    tls_put_noise_record(&server13, 23, 53); /* Finished: 4 + 32 + 1 + 16 */
    put_server(&retry13, (struct tls_server_recipe){
                             .version = 0x0304, .group = 23, .hello_retry = true, .session_id_bytes = 32});
    retry13_alone = retry13;
    tls_put_hex(&retry13, "14 0303 0001 01");
    put_server(&server12_full, (struct tls_server_recipe){.cipher = 0xc02f});
    put_certificate(&server12_full, true);
    put_server(&certified12, (struct tls_server_recipe){.cipher = 0xc02f});
    put_certificate(&certified12, false);
    put_server(&server12_resumed, (struct tls_server_recipe){.cipher = 0xc02f, .session_id_bytes = 32});
    tls_put_hex(&server12_resumed, "14 0303 0001 01");
    tls_put_noise_record(&server12_resumed, 22, 40);
    tls_put_hex(&answer13, "14 0303 0001 01");
    tls_put_noise_record(&answer13, 23, 53);
    tls_put_noise_record(&answer12, 22, 70);
    answer12.at[5] = 16; /* ClientKeyExchange */
    answer12.at[6] = answer12.at[7] = 0;
    answer12.at[8] = 66;
    tls_put_hex(&answer12, "14 0303 0001 01");
    tls_put_noise_record(&answer12, 22, 40);
    tls_put_hex(&finished12, "14 0303 0001 01");
    tls_put_noise_record(&finished12, 22, 40);
    tls_put_hex(&alert_fatal, "15 0303 0002 02 28");
    tls_put_hex(&alert13, "14 0303 0001 01");
    tls_put_noise_record(&alert13, 23, 19);
    tls_put_noise_record(&request, 23, 300);
    tls_put_noise_record(&early, 23, 500);
    return 0;
}

/* ---- playing */

struct played {
    struct ss_analyzer *analyzer;
    void *memory;
    struct ss_news news[FOUND_MAX];
    struct ss_mirror_loss mirror_loss;
    struct ss_mirror_second seconds[SECONDS_MAX];
    unsigned seconds_told;
    struct ss_finding found[FOUND_MAX]; /* of news i, where it is of kind JUDGED */
    unsigned count;
};

static struct ss_analyzer_config plain_config(void)
{
    struct ss_analyzer_config config = {.tap = SS_TAP_SERVER,
                                        .clock = SS_CLOCK_FILE,
                                        .flows_max = 1000,
                                        .per_flow_bytes = 32 << 10,
                                        .handshakes_bytes = 4 << 20,
                                        .recent_bytes = 4 << 20,
                                        .snaplen = 65535,
                                        .hash_seed = 7};
    ss_slow_init(&config.slow);
    return config;
}

static struct played *open_player(struct ss_analyzer_config config)
{
    struct played *played = calloc(1, sizeof(*played));
    size_t bytes = (ss_analyzer_bytes(&config) + 63) & ~(size_t)63;

    assert_non_null(played);
    ss_mirror_loss_init(&played->mirror_loss, played->seconds, SECONDS_MAX);
    played->memory = aligned_alloc(64, bytes);
    assert_non_null(played->memory);
    memset(played->memory, 0, bytes);
    played->analyzer = ss_analyzer_create(&config, played->memory);
    return played;
}

/* Each packet is analyzed, or refused for one reason. */
static void check_account(const struct played *played)
{
    const struct ss_analyzer_counters *counters = ss_analyzer_counters(played->analyzer);
    uint64_t accounted = counters->analyzed_packets;

    for (unsigned i = 0; i < SS_REFUSED_COUNT; i++)
        accounted += counters->refused[i];
    assert_int_equal(counters->received_packets, accounted);
    assert_int_equal(counters->flows_opened - counters->flows_closed, played->analyzer->flows.entries.used);
}

static void check_sums(const struct ss_finding *finding)
{
    int64_t phases = 0, shares = 0;

    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        phases += finding->judged.phase_ns[i] == SS_MARK_UNSEEN ? 0 : finding->judged.phase_ns[i];
    for (unsigned i = 0; i < SS_SHARE_COUNT; i++)
        shares += finding->judged.share_ns[i];
    assert_int_equal(phases, finding->judged.duration_ns);
    assert_int_equal(shares, finding->judged.duration_ns);
}

static void drain(struct played *played)
{
    struct ss_news news;

    check_account(played);
    while (ss_analyzer_next(played->analyzer, &news)) {
        if (news.kind == SS_NEWS_SECOND) {
            ss_mirror_loss_add(&played->mirror_loss, &news.mirror);
            played->seconds_told++;
            continue;
        }
        assert_true(played->count < FOUND_MAX);
        played->news[played->count] = news;
        if (news.kind == SS_NEWS_JUDGED) {
            const struct ss_finding *finding = ss_analyzer_finding(played->analyzer, news.note);
            assert_non_null(finding);
            check_sums(finding);
            played->found[played->count] = *finding;
        }
        played->count++;
    }
}

static void feed(struct played *played, const struct tape *tape, unsigned from, unsigned to, unsigned burst)
{
    struct ss_frame frames[SS_BURST_MAX];

    for (unsigned i = from; i < to; i += burst) {
        unsigned count = to - i < burst ? to - i : burst;
        for (unsigned k = 0; k < count; k++)
            frames[k] = tape->frames[i + k].frame;
        ss_analyzer_feed(played->analyzer, frames, count);
        drain(played);
    }
}

static void feed_rest(struct played *played, const struct tape *tape, unsigned from)
{
    feed(played, tape, from, tape->count, 1);
}

static void flush(struct played *played)
{
    while (ss_analyzer_flush(played->analyzer))
        drain(played);
    drain(played);
    assert_int_equal(played->analyzer->flows.entries.used, 0);
    assert_int_equal(played->analyzer->handshakes.used, 0);
    assert_int_equal(played->analyzer->pools.segments.used, 0);
    assert_int_equal(played->analyzer->pools.hellos.used, 0);
}

static struct played *play_with(const struct tape *tape, struct ss_analyzer_config config, unsigned burst)
{
    struct played *played = open_player(config);
    feed(played, tape, 0, tape->count, burst);
    flush(played);
    return played;
}

static struct played *play(const struct tape *tape)
{
    return play_with(tape, plain_config(), 1);
}

static void close_player(struct played *played)
{
    flush(played);
    free(played->memory);
    free(played);
}

/* Turns of an idle loop until now. */
static void idle_until(struct played *played, int64_t us)
{
    for (unsigned i = 0; i < 1000; i++) {
        ss_analyzer_tick(played->analyzer, EPOCH_NS + US(us));
        drain(played);
    }
}

static uint64_t refused(const struct played *played, enum ss_refusal refusal)
{
    return ss_analyzer_counters(played->analyzer)->refused[refusal];
}

/* The n-th judged finding. */
static const struct ss_finding *judged(const struct played *played, unsigned n)
{
    for (unsigned i = 0; i < played->count; i++) {
        if (played->news[i].kind == SS_NEWS_JUDGED && n-- == 0)
            return &played->found[i];
    }
    fail_msg("fewer handshakes were judged");
    return NULL;
}

static unsigned count_news(const struct played *played, enum ss_news_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < played->count; i++)
        count += played->news[i].kind == kind;
    return count;
}

static const struct ss_finding *only_one(const struct played *played)
{
    assert_int_equal(count_news(played, SS_NEWS_JUDGED), 1);
    return judged(played, 0);
}

/* Marks as one would say them, in microseconds: those not named, or ABSENT, must not be there. */
struct expected {
    enum ss_mark mark;
    int64_t us;
};

static void check_marks(const struct ss_finding *finding, const struct expected *expected, size_t count)
{
    int64_t marks[SS_MARK_COUNT];

    for (unsigned i = 0; i < SS_MARK_COUNT; i++)
        marks[i] = SS_MARK_UNSEEN;
    for (size_t i = 0; i < count; i++)
        marks[expected[i].mark] = expected[i].us == ABSENT ? SS_MARK_UNSEEN : US(expected[i].us);
    for (unsigned i = 0; i < SS_MARK_COUNT; i++) {
        if (finding->mark_ns[i] != marks[i])
            print_message("%s\n", ss_mark_name((enum ss_mark)i));
        assert_int_equal(finding->mark_ns[i], marks[i]);
    }
}

#define CHECK_MARKS(finding, ...)                                                                            \
    check_marks(finding, (const struct expected[])__VA_ARGS__, ROWS(((const struct expected[])__VA_ARGS__)))

/* ---- whole handshakes */

static void open_tcp(struct tape *tape, struct connection *c, int64_t us)
{
    syn(tape, c, us);
    syn_ack(tape, c, us + 40);
    ack(tape, c, SS_CLIENT, us + 20000);
}

/* TLS 1.3, as in docs/record.md, 50 ms long. */
static void put_tls13(struct tape *tape, struct connection *c, int64_t us)
{
    open_tcp(tape, c, us);
    data(tape, c, SS_CLIENT, us + 20500, &hello13);
    ack(tape, c, SS_SERVER, us + 20530);
    data(tape, c, SS_SERVER, us + 21700, &server13);
    ack(tape, c, SS_CLIENT, us + 41800);
    data(tape, c, SS_CLIENT, us + 50000, &answer13);
    ack(tape, c, SS_SERVER, us + 50020);
}

#define TLS13_MARKS                                                                                          \
    {                                                                                                        \
        {SS_MARK_SYN, 0}, {SS_MARK_SYN_ACK, 40}, {SS_MARK_ACK, 20000}, {SS_MARK_CLIENT_HELLO_FIRST, 20500},  \
            {SS_MARK_CLIENT_HELLO, 20500}, {SS_MARK_HELLO_ACK, 20530}, {SS_MARK_SERVER_HELLO, 21700},        \
            {SS_MARK_SERVER_FLIGHT, 21700}, {SS_MARK_FLIGHT_ACK, 41800}, {SS_MARK_CLIENT_FINISHED, 50000},   \
    }

static void close_tcp(struct tape *tape, struct connection *c, int64_t us)
{
    flag(tape, c, SS_CLIENT, us, SS_TCP_FIN);
    flag(tape, c, SS_SERVER, us + 10, SS_TCP_FIN);
    ack(tape, c, SS_CLIENT, us + 20);
}

static void a_tls13_handshake_gives_its_marks_and_what_its_hellos_said(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    put_tls13(tape, &c, 0);
    struct played *played = play(tape);
    const struct ss_finding *finding = only_one(played);
    CHECK_MARKS(finding, TLS13_MARKS);
    assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
    assert_int_equal(finding->tls.version, 0x0304);
    assert_int_equal(finding->tls.cipher, 0x1301);
    assert_int_equal(finding->tls.group, 29);
    assert_string_equal(finding->tls.sni, "example.com");
    assert_string_equal(finding->tls.alpn, "h2");
    assert_true(finding->tls.has_ja4 && finding->tls.ja4.has_sni);
    assert_int_equal(finding->tls.ja4.ciphers, 2);
    assert_false(finding->tls.resumed || finding->tls.hello_retry || finding->tls.early_data ||
                 finding->still_open);
    assert_true(finding->is_tls && finding->tls.hello_seen && finding->tls.server_hello_seen);
    assert_int_equal(finding->visibility, SS_SEEN_BOTH);
    assert_int_equal(finding->verdict, SS_VERDICT_NONE);
    assert_int_equal(finding->start_ns, EPOCH_NS);
    assert_int_equal(finding->client.port, 51234);
    assert_int_equal(finding->server.port, 443);
    assert_int_equal(finding->rtt_ns, US(41800 - 21700 < 20000 - 40 ? 41800 - 21700 : 20000 - 40));
    assert_int_equal(finding->server_rtt_ns, US(20)); /* of the answer's acknowledgement */
    assert_int_equal(played->news[0].accept_ns, EPOCH_NS + US(20000));
    assert_int_equal(played->news[0].served_ns, EPOCH_NS + US(21700));
    assert_int_equal(played->news[0].end_ns, EPOCH_NS + US(50000));
    assert_true(played->news[0].completed && !played->news[0].early_data);

    const struct ss_analyzer_counters *counters = ss_analyzer_counters(played->analyzer);
    assert_int_equal(counters->received_packets, 9);
    assert_int_equal(counters->analyzed_packets, 9);
    assert_int_equal(counters->handshakes, 1);
    assert_int_equal(counters->outcomes[0][SS_OUTCOME_COMPLETE], 1);
    assert_int_equal(counters->verdicts[0][SS_VERDICT_NONE], 1);
    assert_int_equal(counters->resumed + counters->flagged[0] + counters->silent, 0);
    assert_int_equal(ss_analyzer_phases(played->analyzer, false)[SS_PHASE_COUNT].count, 1);
    assert_int_equal(ss_analyzer_phases(played->analyzer, false)[SS_PHASE_COUNT].max_ns, US(50000));
    assert_int_equal(ss_analyzer_phases(played->analyzer, true)[SS_PHASE_COUNT].count, 0);
    assert_int_equal(count_news(played, SS_NEWS_ENDED), 1);
    close_player(played);
    free_tape(tape);
}

static void a_hello_of_too_many_numbers_for_a_ja4_has_none_and_is_counted(void **state)
{
    (void)state;
    for (unsigned many = 0; many < 2; many++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        struct tls_bytes *hello = calloc(1, sizeof(*hello));

        assert_non_null(hello);
        put_client(hello, (struct tls_client_recipe){.more_ciphers = many ? SS_JA4_CODES : 100});
        open_tcp(tape, &c, 0);
        data(tape, &c, SS_CLIENT, 20100, hello);
        data(tape, &c, SS_SERVER, 21000, &server12_full);
        struct played *played = play(tape);
        assert_int_equal(only_one(played)->tls.has_ja4, !many);
        assert_true(only_one(played)->tls.hello_seen);
        assert_int_equal(ss_analyzer_counters(played->analyzer)->ja4_left_out, many);
        close_player(played);
        free(hello);
        free_tape(tape);
    }
}

static void a_hello_with_an_encrypted_one_inside_names_the_outer_server(void **state)
{
    (void)state;
    for (unsigned offered = 0; offered < 2; offered++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        struct tls_bytes *hello = calloc(1, sizeof(*hello));

        assert_non_null(hello);
        put_client(hello, (struct tls_client_recipe){.sni = "outer.example",
                                                     .versions = {0x0304},
                                                     .encrypted_client_hello = offered});
        open_tcp(tape, &c, 0);
        data(tape, &c, SS_CLIENT, 20500, hello);
        data(tape, &c, SS_SERVER, 21700, &server13);
        data(tape, &c, SS_CLIENT, 50000, &answer13);
        struct played *played = play(tape);
        assert_string_equal(only_one(played)->tls.sni, "outer.example");
        assert_int_equal(only_one(played)->tls.ech, offered);
        close_player(played);
        free(hello);
        free_tape(tape);
    }
}

static void a_tls12_handshake_ends_with_the_servers_change_of_cipher(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20100, &hello12);
    data(tape, &c, SS_SERVER, 21000, &server12_full);
    data(tape, &c, SS_CLIENT, 45000, &answer12); /* acknowledges the flight too */
    data(tape, &c, SS_SERVER, 46000, &finished12);
    struct played *played = play(tape);
    const struct ss_finding *finding = only_one(played);
    CHECK_MARKS(finding, {{SS_MARK_SYN, 0},
                          {SS_MARK_SYN_ACK, 40},
                          {SS_MARK_ACK, 20000},
                          {SS_MARK_CLIENT_HELLO_FIRST, 20100},
                          {SS_MARK_CLIENT_HELLO, 20100},
                          {SS_MARK_HELLO_ACK, 21000},
                          {SS_MARK_SERVER_HELLO, 21000},
                          {SS_MARK_SERVER_FLIGHT, 21000},
                          {SS_MARK_FLIGHT_ACK, 45000},
                          {SS_MARK_CLIENT_FINISHED, 45000},
                          {SS_MARK_SERVER_FINISHED, 46000}});
    assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
    assert_int_equal(finding->tls.version, 0x0303);
    assert_false(finding->tls.resumed);
    close_player(played);
    free_tape(tape);
}

/* The client's ChangeCipherSpec comes before the server has said a word: it answers no flight. */
static void no_flight_ends_before_its_server_hello(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    size_t hello_end = 5 + ((size_t)server12_full.at[3] << 8 | server12_full.at[4]);

    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20100, &hello12);
    data(tape, &c, SS_CLIENT, 20200, &answer12);
    ack(tape, &c, SS_SERVER, 20300);
    send_as(tape, &c, SS_SERVER, 21000,
            (struct send){.offset = AUTO, .acked = AUTO, .payload = &server12_full, .to = hello_end});
    struct played *played = play(tape);
    const struct ss_finding *finding = only_one(played);
    CHECK_MARKS(finding, {{SS_MARK_SYN, 0},
                          {SS_MARK_SYN_ACK, 40},
                          {SS_MARK_ACK, 20000},
                          {SS_MARK_CLIENT_HELLO_FIRST, 20100},
                          {SS_MARK_CLIENT_HELLO, 20100},
                          {SS_MARK_HELLO_ACK, 20300},
                          {SS_MARK_SERVER_HELLO, 21000},
                          {SS_MARK_CLIENT_FINISHED, 20200}});
    close_player(played);
    free_tape(tape);
}

static void a_resumed_tls12_handshake_ends_with_the_client(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    struct ss_analyzer_config config = plain_config();

    config.slow.handshake_ns = 40 * SS_NS_PER_MS;
    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20100, &hello12);
    data(tape, &c, SS_SERVER, 21000, &server12_resumed);
    data(tape, &c, SS_CLIENT, 45000, &finished12);
    struct played *played = play_with(tape, config, 1);
    const struct ss_finding *finding = only_one(played);
    CHECK_MARKS(finding, {{SS_MARK_SYN, 0},
                          {SS_MARK_SYN_ACK, 40},
                          {SS_MARK_ACK, 20000},
                          {SS_MARK_CLIENT_HELLO_FIRST, 20100},
                          {SS_MARK_CLIENT_HELLO, 20100},
                          {SS_MARK_HELLO_ACK, 21000},
                          {SS_MARK_SERVER_HELLO, 21000},
                          {SS_MARK_SERVER_FLIGHT, 21000},
                          {SS_MARK_FLIGHT_ACK, 45000},
                          {SS_MARK_CLIENT_FINISHED, 45000}});
    assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
    assert_true(finding->tls.resumed);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->resumed, 1);
    assert_int_equal(ss_analyzer_phases(played->analyzer, true)[SS_PHASE_COUNT].count, 1);
    assert_int_equal(ss_analyzer_phases(played->analyzer, false)[SS_PHASE_COUNT].count, 0);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->flagged[true], 1);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->flagged[false], 0);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->outcomes[true][SS_OUTCOME_COMPLETE], 1);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->outcomes[false][SS_OUTCOME_COMPLETE], 0);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->verdicts[true][SS_VERDICT_CLIENT_PATH], 1);
    close_player(played);
    free_tape(tape);
}

static void a_hello_retry_makes_marks_of_its_own(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20100, &hello13);
    data(tape, &c, SS_SERVER, 21000, &retry13);
    data(tape, &c, SS_CLIENT, 41000, &hello13);
    data(tape, &c, SS_SERVER, 42000, &server13);
    data(tape, &c, SS_CLIENT, 63000, &answer13);
    struct played *played = play(tape);
    const struct ss_finding *finding = only_one(played);
    CHECK_MARKS(finding, {{SS_MARK_SYN, 0},
                          {SS_MARK_SYN_ACK, 40},
                          {SS_MARK_ACK, 20000},
                          {SS_MARK_CLIENT_HELLO_FIRST, 20100},
                          {SS_MARK_CLIENT_HELLO, 20100},
                          {SS_MARK_HELLO_ACK, 21000},
                          {SS_MARK_HELLO_RETRY, 21000},
                          {SS_MARK_CLIENT_HELLO_2, 41000},
                          {SS_MARK_SERVER_HELLO, 42000},
                          {SS_MARK_SERVER_FLIGHT, 42000},
                          {SS_MARK_FLIGHT_ACK, 63000},
                          {SS_MARK_CLIENT_FINISHED, 63000}});
    assert_true(finding->tls.hello_retry);
    assert_int_equal(played->news[0].served_ns, EPOCH_NS + US(21000));
    close_player(played);
    free_tape(tape);
}

static void early_data_is_not_the_answer_to_the_flight(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20100, &hello_early);
    for (unsigned i = 0; i < 10; i++)
        data(tape, &c, SS_CLIENT, 20200 + i, &early);
    data(tape, &c, SS_SERVER, 21000, &server13);
    data(tape, &c, SS_CLIENT, 41000, &early); /* acknowledges the flight, and is still early data */
    data(tape, &c, SS_CLIENT, 41500, &answer13);
    struct played *played = play(tape);
    const struct ss_finding *finding = only_one(played);
    assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_FINISHED], US(41500));
    assert_int_equal(finding->mark_ns[SS_MARK_FLIGHT_ACK], US(41000));
    assert_true(finding->tls.early_data);
    assert_true(played->news[0].early_data);
    close_player(played);
    free_tape(tape);
}

static void a_hello_cut_anywhere_has_a_first_and_a_last_byte(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < hello13.length; cut++) {
        for (unsigned swapped = 0; swapped < 2; swapped++) {
            struct tape *tape = new_tape();
            struct connection c = connection_of(51234);
            struct send head = {.acked = AUTO, .payload = &hello13, .to = cut};
            struct send tail = {.offset = (int64_t)cut, .acked = AUTO, .payload = &hello13, .from = cut};

            open_tcp(tape, &c, 0);
            send_as(tape, &c, SS_CLIENT, 20500, swapped ? tail : head);
            send_as(tape, &c, SS_CLIENT, 20700, swapped ? head : tail);
            data(tape, &c, SS_SERVER, 22000, &server13);
            data(tape, &c, SS_CLIENT, 43000, &answer13);
            struct played *played = play(tape);
            const struct ss_finding *finding = only_one(played);
            assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO_FIRST], US(swapped ? 20700 : 20500));
            assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO], US(20700));
            assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_FINISHED], US(43000));
            assert_string_equal(finding->tls.sni, "example.com");
            assert_int_equal(finding->judged.share_ns[SS_SHARE_LOSS], 0); /* too close to be sent again */
            close_player(played);
            free_tape(tape);
        }
    }
}

static void a_handshake_whose_syn_was_missed_begins_with_its_hello(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    data(tape, &c, SS_CLIENT, 0, &hello13);
    data(tape, &c, SS_SERVER, 1000, &server13);
    data(tape, &c, SS_CLIENT, 21000, &answer13);
    struct played *played = play(tape);
    CHECK_MARKS(only_one(played), {{SS_MARK_CLIENT_HELLO_FIRST, 0},
                                   {SS_MARK_CLIENT_HELLO, 0},
                                   {SS_MARK_HELLO_ACK, 1000},
                                   {SS_MARK_SERVER_HELLO, 1000},
                                   {SS_MARK_SERVER_FLIGHT, 1000},
                                   {SS_MARK_FLIGHT_ACK, 21000},
                                   {SS_MARK_CLIENT_FINISHED, 21000}});
    close_player(played);
    free_tape(tape);
}

static void a_handshake_whose_syn_was_missed_begins_with_its_sslv2_hello(void **state)
{
    (void)state;
    static struct tls_bytes hello;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    hello = (struct tls_bytes){0};
    tls_put_sslv2_hello(&hello, 0x0301, 3, 16);
    data(tape, &c, SS_CLIENT, 0, &hello);
    data(tape, &c, SS_SERVER, 1000, &server12_full);
    data(tape, &c, SS_CLIENT, 21000, &answer12);
    data(tape, &c, SS_SERVER, 22000, &finished12);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_CLIENT_HELLO], 0);
    assert_int_equal(only_one(played)->client.port, 51234);
    close_player(played);
    free_tape(tape);
}

/* By a snap length: of each packet only the first 40 bytes of payload are known. */
static void what_was_cut_off_a_packet_counts_as_seen_with_it(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    put_tls13(tape, &c, 0);
    for (unsigned i = 0; i < tape->count; i++) {
        struct ss_packet packet;
        struct ss_frame *frame = &tape->frames[i].frame;
        assert_int_equal(ss_packet_decode(frame, NULL, &packet), SS_REFUSED_NOTHING);
        if (packet.payload_bytes > 40)
            frame->captured = (uint32_t)(packet.payload - frame->data) + 40;
    }
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_CLIENT_HELLO_FIRST], US(20500));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_CLIENT_HELLO], US(20500));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_HELLO_ACK], US(20530));
    close_player(played);
    free_tape(tape);
}

/* The server's flight is not shown, so its ServerHello names no version. */
static void a_clients_key_exchange_says_that_its_change_of_cipher_is_the_answer(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello12);
    c.sent[SS_SERVER] = (uint32_t)server12_full.length;
    data(tape, &c, SS_CLIENT, 50000, &answer12);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_CLIENT_FINISHED], US(50000));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_HELLO], SS_MARK_UNSEEN);
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_UNFINISHED);
    close_player(played);
    free_tape(tape);
}

/* Its flight ends without a ServerHelloDone. */
static void a_servers_certificate_says_that_its_change_of_cipher_is_no_resumption(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello12);
    data(tape, &c, SS_SERVER, 21700, &certified12);
    data(tape, &c, SS_CLIENT, 50000, &answer12);
    data(tape, &c, SS_SERVER, 51000, &finished12);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
    assert_false(only_one(played)->tls.resumed);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_FINISHED], US(51000));
    close_player(played);
    free_tape(tape);
}

/* A server answers early data before it has the client's Finished (RFC 8446 section 2.3), for as long as that
 * takes. */
static void a_long_answer_to_early_data_moves_no_mark_of_the_flight(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello_early);
    data(tape, &c, SS_SERVER, 21700, &server13);
    ack(tape, &c, SS_CLIENT, 41800);
    for (unsigned i = 0; i < 50; i++) {
        data(tape, &c, SS_SERVER, 42000 + 100 * i, &request);
        ack(tape, &c, SS_CLIENT, 62000 + 100 * i);
    }
    data(tape, &c, SS_CLIENT, 523000, &answer13);
    ack(tape, &c, SS_SERVER, 523040);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_FLIGHT], US(21700));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_FLIGHT_ACK], US(41800));
    close_player(played);
    free_tape(tape);
}

/* Without a ServerHelloDone the flight is what the client's answer acknowledges: here, all of the server's.
 */
static void no_flight_reaches_beyond_the_servers_change_of_cipher(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello12);
    data(tape, &c, SS_SERVER, 21700, &certified12);
    send_as(tape, &c, SS_SERVER, 51000,
            (struct send){.offset = AUTO, .acked = AUTO, .payload = &finished12, .to = 6});
    send_as(tape, &c, SS_SERVER, 52000,
            (struct send){.offset = AUTO, .acked = AUTO, .payload = &finished12, .from = 6});
    data(tape, &c, SS_CLIENT, 60000, &answer12);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_FLIGHT], US(51000));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_FINISHED], US(51000));
    close_player(played);
    free_tape(tape);
}

static void seen_from_one_side_it_says_so(void **state)
{
    (void)state;
    for (unsigned side = 0; side < 2; side++) {
        struct tape *tape = new_tape(), *half = new_tape();
        struct connection c = connection_of(51234);
        struct played *played = open_player(plain_config());

        put_tls13(tape, &c, 0);
        for (unsigned i = 0; i < tape->count; i++) {
            struct ss_packet packet;
            assert_int_equal(ss_packet_decode(&tape->frames[i].frame, NULL, &packet), SS_REFUSED_NOTHING);
            if ((packet.destination_port == 443) == (side == 0))
                half->frames[half->count++] = tape->frames[i];
        }
        feed_rest(played, half, 0);
        flush(played);
        assert_int_equal(only_one(played)->visibility, side == 0 ? SS_SEEN_CLIENT_ONLY : SS_SEEN_SERVER_ONLY);
        assert_int_equal(only_one(played)->outcome, SS_OUTCOME_UNFINISHED);
        assert_int_equal(only_one(played)->judged.pending_ns, 0); /* its end was not for the mirror to show */
        close_player(played);
        free(half);
        free_tape(tape);
    }
}

/* ---- what a mirror does to the order */

/* The client's answer would tell where a flight ended whose Finished has no record of its own. */
static void where_the_flight_ended_that_an_unseen_client_answered_is_nobodys_delay(void **state)
{
    (void)state;
    static struct tls_bytes flight;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    flight = (struct tls_bytes){0};
    put_server(&flight, (struct tls_server_recipe){.version = 0x0304, .group = 29});
    tls_put_noise_record(&flight, 23, 2000);
    syn_ack(tape, &c, 0);
    c.sent[SS_CLIENT] += 500; /* its hello */
    data(tape, &c, SS_SERVER, 21000, &flight);
    c.sent[SS_CLIENT] += 80; /* its Finished */
    ack(tape, &c, SS_SERVER, 42000);
    data(tape, &c, SS_SERVER, 43000, &request);
    data(tape, &c, SS_SERVER, 9 * SECOND, &request);
    flag(tape, &c, SS_SERVER, 10 * SECOND, SS_TCP_FIN);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_HELLO], US(21000));
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_SERVER_CLOSED);
    assert_int_equal(only_one(played)->judged.pending_ns, 0);
    close_player(played);
    free_tape(tape);
}

static void swap(struct tape *tape, unsigned a, unsigned b)
{
    struct taped taped = tape->frames[a];
    tape->frames[a] = tape->frames[b];
    tape->frames[b] = taped;
}

/* Each direction comes through a port of its own, and one port is behind: two neighbours are in the wrong
 * order, each with its own time. The marks are the same. */
static void neighbours_shown_in_the_wrong_order_change_no_mark(void **state)
{
    (void)state;
    static const unsigned pairs[] = {0, 1, 3, 5, 7}; /* packets of two directions, and the next */

    for (unsigned pair = 0; pair < ROWS(pairs); pair++) {
        unsigned at = pairs[pair];
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        struct expected marks[] = TLS13_MARKS;

        put_tls13(tape, &c, 0);
        swap(tape, at, at + 1);
        struct played *played = play(tape);
        const struct ss_finding *finding = only_one(played);
        int64_t shift_us =
            (finding->start_ns - EPOCH_NS) / 1000; /* marks count from the first packet shown */
        for (size_t i = 0; i < ROWS(marks); i++)
            marks[i].us -= shift_us;
        print_message("%u\n", at);
        check_marks(finding, marks, ROWS(marks));
        assert_int_equal(finding->judged.duration_ns, US(50000));
        assert_int_equal(played->news[0].end_ns, EPOCH_NS + US(50000));
        assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
        assert_int_equal(finding->judged.share_ns[SS_SHARE_LOSS], 0);
        assert_int_equal(finding->judged.share_ns[SS_SHARE_UNKNOWN], 0);
        close_player(played);
        free_tape(tape);
    }
}

/* The packet is shown after the next ones. */
static void show_later(struct tape *tape, unsigned at, unsigned packets)
{
    for (; packets > 0; packets--, at++)
        swap(tape, at, at + 1);
}

static void a_flight_in_segments_that_is_shown_before_the_hello_changes_no_mark(void **state)
{
    (void)state;
    static const struct {
        const struct tls_bytes *hello, *flight, *answer;
    } rows[] = {{&hello13, &server13, &answer13}, {&hello12, &server12_full, &answer12}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        bool is_tls12 = i == 1;

        open_tcp(tape, &c, 0);
        data(tape, &c, SS_CLIENT, 20500, rows[i].hello);
        for (unsigned n = 0; n < 3; n++)
            send_as(tape, &c, SS_SERVER, 21700 + n,
                    (struct send){.offset = AUTO,
                                  .acked = AUTO,
                                  .payload = rows[i].flight,
                                  .from = n * 700,
                                  .to = n < 2 ? (n + 1) * 700 : 0});
        show_later(tape, 3, 3);
        data(tape, &c, SS_CLIENT, 50000, rows[i].answer);
        if (is_tls12)
            data(tape, &c, SS_SERVER, 50500, &finished12);
        ack(tape, &c, is_tls12 ? SS_CLIENT : SS_SERVER, 70020);
        struct played *played = play(tape);
        const struct ss_finding *finding = only_one(played);
        CHECK_MARKS(finding, {{SS_MARK_SYN, 0},
                              {SS_MARK_SYN_ACK, 40},
                              {SS_MARK_ACK, 20000},
                              {SS_MARK_CLIENT_HELLO_FIRST, 20500},
                              {SS_MARK_CLIENT_HELLO, 20500},
                              {SS_MARK_HELLO_ACK, 21700},
                              {SS_MARK_SERVER_HELLO, 21700},
                              {SS_MARK_SERVER_FLIGHT, 21702},
                              {SS_MARK_FLIGHT_ACK, 50000},
                              {SS_MARK_CLIENT_FINISHED, 50000},
                              {SS_MARK_SERVER_FINISHED, is_tls12 ? 50500 : ABSENT}});
        assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
        close_player(played);
        free_tape(tape);
    }
}

/* Beside the client its ACK follows the SYN-ACK within microseconds; an idle client speaks seconds later. */
static void an_ack_shown_before_its_syn_ack_is_the_ack_all_the_same(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    struct ss_analyzer_config config = plain_config();

    config.tap = SS_TAP_CLIENT;
    config.slow.handshake_ns = 300 * SS_NS_PER_MS;
    syn(tape, &c, 0);
    ack(tape, &c, SS_CLIENT, 20002);
    syn_ack(tape, &c, 20003);
    data(tape, &c, SS_CLIENT, 5 * SECOND, &hello13);
    data(tape, &c, SS_SERVER, 5 * SECOND + 20000, &server13);
    data(tape, &c, SS_CLIENT, 5 * SECOND + 20100, &answer13);
    struct played *played = play_with(tape, config, 1);
    const struct ss_finding *finding = only_one(played);
    assert_int_equal(finding->mark_ns[SS_MARK_ACK], US(20002));
    assert_int_equal(finding->judged.share_ns[SS_SHARE_IDLE], US(5 * SECOND - 20003));
    assert_int_equal(finding->flags, 0);
    close_player(played);
    free_tape(tape);
}

static void a_hello_out_of_order_after_a_missed_syn_is_put_together(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    syn_ack(tape, &c, 0);
    send_as(tape, &c, SS_CLIENT, 20000, (struct send){.offset = 100, .payload = &hello13, .from = 100});
    send_as(tape, &c, SS_CLIENT, 20100, (struct send){.payload = &hello13, .to = 100});
    data(tape, &c, SS_SERVER, 21000, &server13);
    data(tape, &c, SS_CLIENT, 41000, &answer13);
    struct played *played = play(tape);
    const struct ss_finding *finding = only_one(played);
    assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
    assert_string_equal(finding->tls.sni, "example.com");
    close_player(played);
    free_tape(tape);
}

static void a_mirror_that_shows_everything_twice_changes_nothing(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    put_tls13(tape, &c, 0);
    unsigned count = tape->count;
    struct taped twice[32];
    for (unsigned i = 0; i < count; i++)
        twice[2 * i] = twice[2 * i + 1] = tape->frames[i];
    for (unsigned i = 0; i < count; i++)
        twice[2 * i + 1].frame.time_ns += US(7);
    struct tape *doubled = new_tape();
    memcpy(doubled->frames, twice, 2 * count * sizeof(*twice));
    doubled->count = 2 * count;

    struct played *played = play(doubled);
    const struct ss_finding *finding = only_one(played);
    CHECK_MARKS(finding, TLS13_MARKS);
    assert_int_equal(finding->mirror_duplicates,
                     count - 1); /* the handshake ends with the first copy of the answer's acknowledgement */
    assert_int_equal(finding->client_retransmits + finding->server_retransmits, 0);
    assert_int_equal(finding->judged.share_ns[SS_SHARE_LOSS], 0);
    close_player(played);
    free(doubled);
    free_tape(tape);
}

/* As their sender counts them; in frames of send_as(). */
static void number(struct tape *tape, unsigned at, unsigned id)
{
    tape->frames[at].bytes[IP_AT + 4] = (uint8_t)(id >> 8);
    tape->frames[at].bytes[IP_AT + 5] = (uint8_t)id;
}

static void copies_that_were_changed_on_their_way_are_the_mirror_s_too(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        unsigned at; /* what is changed of each frame */
        bool is_numbered;
        unsigned duplicates; /* the handshake ends with the first copy of its last packet */
    } rows[] = {
        {"time to live", IP_AT + 8, false, 8},
        {"checksums, of packets with numbers", DATA_AT + 16, true, 8},
        {"checksums, of packets without: acknowledgements may be others", DATA_AT + 16, false, 5},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape(), *doubled = new_tape();
        struct connection c = connection_of(51234);
        print_message("%s\n", rows[i].about);
        put_tls13(tape, &c, 0);
        for (unsigned n = 0; n < tape->count; n++) {
            number(tape, n, rows[i].is_numbered ? 100 + n : 0);
            put_copy(doubled, &tape->frames[n].frame, tape->frames[n].frame.time_ns);
            put_copy(doubled, &tape->frames[n].frame, tape->frames[n].frame.time_ns + US(50));
            doubled->frames[doubled->count - 1].bytes[rows[i].at] ^= 1;
        }
        struct played *played = play(doubled);
        const struct ss_finding *finding = only_one(played);
        CHECK_MARKS(finding, TLS13_MARKS);
        assert_int_equal(finding->mirror_duplicates, rows[i].duplicates);
        assert_int_equal(finding->client_retransmits + finding->server_retransmits, 0);
        close_player(played);
        free_tape(doubled);
        free_tape(tape);
    }
}

/* A flight in ten segments, of each of which the mirror shows a copy when it has shown them all; and the same
 * where the sender has sent the first of them again. */
static void the_copy_of_a_packet_is_known_however_many_are_shown_in_between(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        unsigned first_id, copies; /* of the copies; 0: the packets have no numbers */
        unsigned duplicates, retransmits;
        int64_t acked; /* by the first copies */
    } rows[] = {
        {"copies of packets with numbers", 500, 10, 10, 0, AUTO},
        {"copies of packets without", 0, 10, 10, 0, AUTO},
        {"sent again under a newer number", 510, 1, 0, 1, AUTO},
        {"sent again with a newer acknowledgement", 0, 1, 0, 1, 0},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        print_message("%s\n", rows[i].about);
        open_tcp(tape, &c, 0);
        data(tape, &c, SS_CLIENT, 20500, &hello13);
        size_t piece = server13.length / 10 + 1;
        unsigned first = tape->count;
        for (unsigned n = 0; n < 10 + rows[i].copies; n++) {
            size_t from = n % 10 * piece;
            send_as(tape, &c, SS_SERVER, 21000 + n % 10 * 10 + n / 10 * 400,
                    (struct send){.offset = (int64_t)from,
                                  .acked = n < 10 ? rows[i].acked : AUTO,
                                  .payload = &server13,
                                  .from = from,
                                  .to = from + piece < server13.length ? from + piece : server13.length});
            number(tape, first + n, rows[i].first_id == 0 ? 0 : n < 10 ? 500 + n : rows[i].first_id + n - 10);
        }
        data(tape, &c, SS_CLIENT, 41000, &answer13);
        ack(tape, &c, SS_SERVER, 41020);
        struct played *played = play(tape);
        assert_int_equal(only_one(played)->mirror_duplicates, rows[i].duplicates);
        assert_int_equal(only_one(played)->server_retransmits, rows[i].retransmits);
        close_player(played);
        free_tape(tape);
    }
}

static void bytes_that_the_mirror_lost_blame_the_tap(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    struct ss_analyzer_config config = plain_config();

    config.slow.handshake_ns = 300 * SS_NS_PER_MS;
    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello13);
    send_as(tape, &c, SS_SERVER, 21000, (struct send){.acked = AUTO, .payload = &server13, .to = 1000});
    /* 1000 to 1500 are never shown, and acknowledged */
    send_as(tape, &c, SS_SERVER, 21010,
            (struct send){.offset = 1500, .acked = AUTO, .payload = &server13, .from = 1500});
    ack(tape, &c, SS_CLIENT, 41000);
    ack(tape, &c, SS_CLIENT, 500000);
    data(tape, &c, SS_CLIENT, 500100, &answer13);
    struct played *played = play_with(tape, config, 1);
    const struct ss_finding *finding = only_one(played);
    assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
    assert_int_equal(finding->tap_missing_bytes, 500);
    assert_int_equal(finding->judged.share_ns[SS_SHARE_UNKNOWN], US(500000 - 21010));
    assert_int_equal(finding->mark_ns[SS_MARK_SERVER_FLIGHT], SS_MARK_UNSEEN); /* only its acknowledgement */
    assert_int_equal(finding->verdict, SS_VERDICT_TAP);
    close_player(played);
    free_tape(tape);
}

/* Tickets that the server sends with its acknowledgement of the answer, through the port that is behind. */
static void what_was_acknowledged_lately_is_not_lost_yet_when_the_handshake_ends(void **state)
{
    (void)state;
    static const struct {
        int64_t end_us;
        uint32_t missing;
    } rows[] = {{53020, 0}, {61999, 0}, {62000, 403}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);

        put_tls13(tape, &c, 0);
        drop_last(tape, 1);
        send_as(tape, &c, SS_CLIENT, 52000,
                (struct send){.offset = AUTO, .acked = (int64_t)server13.length + 403});
        ack(tape, &c, SS_SERVER, rows[i].end_us);
        struct played *played = play(tape);
        assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
        assert_int_equal(only_one(played)->tap_missing_bytes, rows[i].missing);
        close_player(played);
        free_tape(tape);
    }
}

/* ---- what comes before TLS */

/* A handshake whose client's first bytes are `before` and then the hello, cut into segments at `cuts` (0:
 * not). */
static void put_after(struct tape *tape, struct connection *c, const struct tls_bytes *before, size_t cut)
{
    static struct tls_bytes first;

    first = (struct tls_bytes){0};
    tls_put(&first, before->at, before->length);
    tls_put(&first, hello13.at, hello13.length);
    open_tcp(tape, c, 0);
    if (cut > 0)
        send_as(
            tape, c, SS_CLIENT, 20400,
            (struct send){.flags = SS_TCP_PSH, .offset = AUTO, .acked = AUTO, .payload = &first, .to = cut});
    send_as(
        tape, c, SS_CLIENT, 20500,
        (struct send){.flags = SS_TCP_PSH, .offset = AUTO, .acked = AUTO, .payload = &first, .from = cut});
    ack(tape, c, SS_SERVER, 20530);
    data(tape, c, SS_SERVER, 21700, &server13);
    ack(tape, c, SS_CLIENT, 41800);
    data(tape, c, SS_CLIENT, 50000, &answer13);
    ack(tape, c, SS_SERVER, 50020);
}

#define V2 "0d0a0d0a000d0a515549540a "

static void a_proxy_protocol_header_in_any_pieces_gives_its_addresses_and_no_mark(void **state)
{
    (void)state;
    static const struct {
        const char *about, *text, *hex; /* one of the two */
        const char *client, *server;    /* NULL: it names none */
    } rows[] = {
        {"version 1", "PROXY TCP4 203.0.113.9 198.51.100.1 40112 443\r\n", NULL, "203.0.113.9:40112",
         "198.51.100.1:443"},
        {"version 1, IPv4 as IPv6", "PROXY TCP6 ::ffff:203.0.113.9 ::ffff:c633:6401 40112 443\r\n", NULL,
         "203.0.113.9:40112", "198.51.100.1:443"},
        {"version 1, unknown", "PROXY UNKNOWN\r\n", NULL, NULL, NULL},
        {"version 1, unknown, with addresses all the same",
         "PROXY UNKNOWN 2001:db8::7 2001:db8::1 40112 443\r\n", NULL, NULL, NULL},
        {"version 2", NULL, V2 "21 11 000c cb007109 c6336401 9cb0 01bb", "203.0.113.9:40112",
         "198.51.100.1:443"},
        {"version 2 with extensions, one of which looks like TLS", NULL,
         V2 "21 11 001a cb007109 c6336401 9cb0 01bb  02 000b 1603010200010001fc0303", "203.0.113.9:40112",
         "198.51.100.1:443"},
        {"version 2, IPv4 as IPv6", NULL,
         V2 "21 21 0024 00000000000000000000ffffcb007109 00000000000000000000ffffc6336401 9cb0 01bb",
         "203.0.113.9:40112", "198.51.100.1:443"},
        {"version 2, the balancer's own", NULL, V2 "20 00 0000", NULL, NULL},
        {"version 2, the balancer's own, with addresses all the same", NULL,
         V2 "20 11 000c cb007109 c6336401 9cb0 01bb", NULL, NULL},
        {"version 2, of an unknown family", NULL, V2 "21 00 0004 04 0001 00", NULL, NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        static struct tls_bytes before;
        char text[SS_ENDPOINT_TEXT_MAX];

        print_message("%s\n", rows[i].about);
        before = (struct tls_bytes){0};
        if (rows[i].text != NULL)
            tls_put(&before, rows[i].text, strlen(rows[i].text));
        else
            tls_put_hex(&before, rows[i].hex);
        for (size_t cut = 0; cut <= before.length; cut++) {
            struct tape *tape = new_tape();
            struct connection c = connection_of(51234);
            put_after(tape, &c, &before, cut);
            struct played *played = play(tape);
            const struct ss_finding *finding = only_one(played);
            CHECK_MARKS(finding, TLS13_MARKS);
            assert_int_equal(finding->has_proxied, rows[i].client != NULL);
            if (rows[i].client != NULL) {
                assert_string_equal(ss_endpoint_format(&finding->proxied_client, text), rows[i].client);
                assert_string_equal(ss_endpoint_format(&finding->proxied_server, text), rows[i].server);
                const struct ss_news *news = &played->news[0]; /* the join finds it by them, too */
                assert_true(news->has_proxied);
                assert_memory_equal(&news->proxied_client, &finding->proxied_client,
                                    sizeof(struct ss_endpoint));
                assert_memory_equal(&news->proxied_server, &finding->proxied_server,
                                    sizeof(struct ss_endpoint));
            }
            close_player(played);
            free_tape(tape);
        }
    }
}

/* Its extensions come in a segment of their own. */
static void a_long_proxy_protocol_header_is_passed_over(void **state)
{
    (void)state;
    static struct tls_bytes before;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    before = (struct tls_bytes){0};
    tls_put_hex(&before, "0d0a0d0a000d0a515549540a 21 11 00cc cb007109 c6336401 9cb0 01bb");
    tls_put_fill(&before, 0x16, 0xcc - 12);
    put_after(tape, &c, &before, 100);
    struct played *played = play(tape);
    CHECK_MARKS(only_one(played), TLS13_MARKS);
    assert_true(only_one(played)->has_proxied);
    close_player(played);
    free_tape(tape);
}

static void put_bytes(struct tape *tape, struct connection *c, enum ss_side side, int64_t us,
                      const char *bytes, size_t length)
{
    static struct tls_bytes said;

    said = (struct tls_bytes){0};
    tls_put(&said, bytes, length);
    data(tape, c, side, us, &said);
}

static void put_text(struct tape *tape, struct connection *c, enum ss_side side, int64_t us, const char *said)
{
    put_bytes(tape, c, side, us, said, strlen(said));
}

/* What is said before TLS: each line by the one whose letter it begins with. */
struct talk {
    const char *about;
    struct {
        const char *bytes;
        size_t length;
    } lines[8];
};

#define SAID(text)                                                                                           \
    {                                                                                                        \
        text, sizeof(text) - 1                                                                               \
    }

static const struct talk TALKS[] = {
    {"SMTP",
     {SAID("S220 mail.example ESMTP\r\n"), SAID("CEHLO client.example\r\n"), SAID("S250 STARTTLS\r\n"),
      SAID("CSTARTTLS\r\n"), SAID("S220 go ahead\r\n")}},
    {"IMAP", {SAID("S* OK IMAP4rev2\r\n"), SAID("Ca STARTTLS\r\n"), SAID("Sa OK begin\r\n")}},
    {"POP3", {SAID("S+OK POP3\r\n"), SAID("CSTLS\r\n"), SAID("S+OK begin\r\n")}},
    {"FTP", {SAID("S220-Hello\r\n220 here\r\n"), SAID("CAUTH TLS\r\n"), SAID("S234 begin\r\n")}},
    {"LDAP",
     {SAID("C\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
           "1.3.6.1.4.1.1466.20037"),
      SAID("S\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0")}},
    {"XMPP",
     {SAID("C<?xml version='1.0'?><stream:stream to='a.example'>"), SAID("S<stream:stream><stream:features>"),
      SAID("C<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), SAID("S<proceed/>")}},
    {"PostgreSQL", {SAID("C\0\0\0\x08\x04\xd2\x16\x2f"), SAID("SS")}},
    {"PostgreSQL that would rather have Kerberos",
     {SAID("C\0\0\0\x08\x04\xd2\x16\x30"), SAID("SN"), SAID("C\0\0\0\x08\x04\xd2\x16\x2f"), SAID("SS")}},
    {"MySQL, whose client speaks last",
     {SAID("S\x4a\0\0\0\x0a"
           "8.0.30"),
      SAID("C\x20\0\0\x01\x85\xae\xff\x19")}},
    {"HTTP CONNECT",
     {SAID("CCONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n"),
      SAID("SHTTP/1.1 200 Connection established\r\n\r\n")}},
    {"SOCKS 5",
     {SAID("C\x05\x01\0"), SAID("S\x05\0"), SAID("C\x05\x01\0\x01\xc0\0\x02\x01\x01\xbb"),
      SAID("S\x05\0\0\x01\0\0\0\0\0\0")}},
};

/* 10 ms a line, the first at us; when the next would come. */
static int64_t put_talk(struct tape *tape, struct connection *c, int64_t us, const struct talk *talk)
{
    for (unsigned i = 0; i < ROWS(talk->lines) && talk->lines[i].bytes != NULL; i++, us += 10000)
        put_bytes(tape, c, *talk->lines[i].bytes == 'C' ? SS_CLIENT : SS_SERVER, us, talk->lines[i].bytes + 1,
                  talk->lines[i].length - 1);
    return us;
}

/* From its hello at us on. */
static void put_tls13_after(struct tape *tape, struct connection *c, int64_t us)
{
    data(tape, c, SS_CLIENT, us, &hello13);
    ack(tape, c, SS_SERVER, us + 30);
    data(tape, c, SS_SERVER, us + 1200, &server13);
    ack(tape, c, SS_CLIENT, us + 21300);
    data(tape, c, SS_CLIENT, us + 29500, &answer13);
}

static void a_talk_before_tls_is_a_phase_of_its_own_and_the_clock_starts_at_the_hello(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(TALKS); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        struct ss_analyzer_config config = plain_config();

        print_message("%s\n", TALKS[i].about);
        config.slow.handshake_ns = 51 * SS_NS_PER_MS;
        open_tcp(tape, &c, 0);
        int64_t end = put_talk(tape, &c, 30000, &TALKS[i]), hello = end + 5000;
        put_tls13_after(tape, &c, hello);
        struct played *played = play_with(tape, config, 1);
        const struct ss_finding *finding = only_one(played);
        const struct ss_judgement *judged = &finding->judged;
        bool is_talk = end > 30000;
        assert_int_equal(finding->mark_ns[SS_MARK_TALK], is_talk ? US(end - 10000) : SS_MARK_UNSEEN);
        assert_int_equal(judged->phase_ns[SS_PHASE_TALK], is_talk ? US(end - 30000) : SS_MARK_UNSEEN);
        assert_int_equal(judged->phase_ns[SS_PHASE_HELLO_WAIT], US(15000));
        assert_int_equal(judged->share_ns[SS_SHARE_IDLE], US(hello - 20000));
        assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO_FIRST], US(hello));
        assert_int_equal(finding->mark_ns[SS_MARK_SERVER_HELLO], US(hello + 1200));
        assert_int_equal(judged->duration_ns, US(hello + 29500));
        assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
        assert_int_equal(finding->flags, 0);
        assert_false(finding->has_proxied);
        assert_int_equal(refused(played, SS_REFUSED_NOT_TLS), 0);
        close_player(played);
        free_tape(tape);
    }
}

static void a_talk_may_follow_a_proxy_protocol_header(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    put_text(tape, &c, SS_CLIENT, 25000, "PROXY TCP4 203.0.113.9 198.51.100.1 40112 25\r\n");
    int64_t end = put_talk(tape, &c, 30000, &TALKS[0]);
    put_tls13_after(tape, &c, end);
    struct played *played = play(tape);
    assert_true(only_one(played)->has_proxied);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_TALK], US(end - 10000));
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
    close_player(played);
    free_tape(tape);
}

/* The mirror shows the talk's last line after the hello that answers it. */
static void the_end_of_a_talk_is_where_it_was_and_not_where_it_is_shown(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    int64_t end = put_talk(tape, &c, 30000, &TALKS[0]);
    put_tls13_after(tape, &c, end);
    swap(tape, 7, 8); /* "220 go ahead", and the hello */
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_TALK], US(end - 10000));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_HELLO], US(end + 1200));
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
    close_player(played);
    free_tape(tape);
}

static void a_talk_that_goes_on_in_the_segment_of_the_hello_ends_there(void **state)
{
    (void)state;
    static struct tls_bytes first;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    first = (struct tls_bytes){0};
    tls_put_hex(&first, "00000008 04d2162f");
    tls_put(&first, hello13.at, hello13.length);
    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 30000, &first);
    data(tape, &c, SS_SERVER, 31000, &server13);
    data(tape, &c, SS_CLIENT, 52000, &answer13);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_TALK], US(30000));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_CLIENT_HELLO_FIRST], US(30000));
    close_player(played);
    free_tape(tape);
}

static void what_was_lost_in_a_talk_is_no_loss_of_the_handshake(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    int64_t end = put_talk(tape, &c, 30000, &TALKS[0]) + 400000;
    c.sent[SS_SERVER] -= (uint32_t)strlen("220 go ahead\r\n");
    put_text(tape, &c, SS_SERVER, end - 10000, "220 go ahead\r\n"); /* again: nobody had acknowledged it */
    put_tls13_after(tape, &c, end);
    struct played *played = play(tape);
    const struct ss_finding *finding = only_one(played);
    assert_int_equal(finding->server_retransmits, 1);
    assert_int_equal(finding->judged.share_ns[SS_SHARE_LOSS], 0);
    assert_int_equal(finding->judged.share_ns[SS_SHARE_IDLE], US(end - 20000));
    close_player(played);
    free_tape(tape);
}

/* As with RDP, IRC, and what nobody has heard of. */
static void a_talk_of_an_unknown_protocol_is_heard_for_a_while(void **state)
{
    (void)state;
    for (unsigned words = 1; words <= 8; words++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);

        open_tcp(tape, &c, 0);
        for (unsigned i = 0; i < words; i++)
            put_text(tape, &c, i % 2 == 0 ? SS_CLIENT : SS_SERVER, 20100 + i, "\x03\x01\x13\x0e");
        data(tape, &c, SS_CLIENT, 20500, &hello13);
        ack(tape, &c, SS_SERVER, 20530);
        data(tape, &c, SS_SERVER, 21700, &server13);
        ack(tape, &c, SS_CLIENT, 41800);
        data(tape, &c, SS_CLIENT, 50000, &answer13);
        struct played *played = play(tape);
        assert_int_equal(count_news(played, SS_NEWS_JUDGED), words < 8);
        if (words < 8) {
            const struct ss_finding *finding = only_one(played);
            assert_int_equal(finding->mark_ns[SS_MARK_TALK], US(20100 + words - 1));
            assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO_FIRST], US(20500));
            assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
        }
        close_player(played);
        free_tape(tape);
    }
}

static void what_the_mirror_lost_of_a_talk_is_not_missing_in_tls(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    put_text(tape, &c, SS_CLIENT, 20100, "CONNECT www.example:443 HTTP/1.0\r\n\r\n");
    c.sent[SS_SERVER] += 95; /* the proxy's answer, which is not shown */
    data(tape, &c, SS_CLIENT, 20500, &hello13);
    ack(tape, &c, SS_SERVER, 20530);
    data(tape, &c, SS_SERVER, 40000, &server13);
    ack(tape, &c, SS_CLIENT, 41800);
    data(tape, &c, SS_CLIENT, 50000, &answer13);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_HELLO], US(40000));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_FLIGHT], US(40000));
    assert_int_equal(only_one(played)->tap_missing_bytes, 95);
    close_player(played);
    free_tape(tape);
}

/* Cut in one place, or, where the first piece is 0, into single bytes. */
static void put_hello_in_pieces(struct tape *tape, struct connection *c, int64_t us, size_t first)
{
    struct send how = {.offset = AUTO, .acked = AUTO, .payload = &hello13, .to = first > 0 ? first : 1};

    while (how.to < 20 && first == 0) {
        send_as(tape, c, SS_CLIENT, us + (int64_t)how.from, how);
        how.from = how.to++;
    }
    if (first > 0)
        send_as(tape, c, SS_CLIENT, us, how);
    how.from = first > 0 ? first : how.from;
    how.to = 0;
    send_as(tape, c, SS_CLIENT, us + 100, how);
}

static void a_hello_after_a_talk_may_be_cut_anywhere(void **state)
{
    (void)state;
    for (size_t first = 0; first < 16; first++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);

        open_tcp(tape, &c, 0);
        int64_t end = put_talk(tape, &c, 30000, &TALKS[9]);
        put_hello_in_pieces(tape, &c, end, first);
        data(tape, &c, SS_SERVER, end + 1200, &server13);
        data(tape, &c, SS_CLIENT, end + 21200, &answer13);
        struct played *played = play(tape);
        const struct ss_finding *finding = only_one(played);
        print_message("%zu\n", first);
        assert_int_equal(finding->mark_ns[SS_MARK_TALK], US(end - 10000));
        assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO_FIRST], US(end));
        assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO], US(end + 100));
        assert_string_equal(finding->tls.sni, "example.com");
        assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
        close_player(played);
        free_tape(tape);
    }
}

static void what_begins_like_a_hello_in_a_talk_may_be_part_of_it(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    put_text(tape, &c, SS_CLIENT, 20100, "\x05\x16\x03");
    put_text(tape, &c, SS_CLIENT, 20200, "\x01\x16");
    put_text(tape, &c, SS_CLIENT, 20300, "\x16");
    put_tls13_after(tape, &c, 20500);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_TALK], US(20300));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_CLIENT_HELLO_FIRST], US(20500));
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
    close_player(played);
    free_tape(tape);
}

static void a_hello_framed_as_in_sslv2_may_follow_a_talk(void **state)
{
    (void)state;
    static struct tls_bytes hello;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    hello = (struct tls_bytes){0};
    tls_put_sslv2_hello(&hello, 0x0301, 20, 0);
    open_tcp(tape, &c, 0);
    int64_t end = put_talk(tape, &c, 30000, &TALKS[0]);
    data(tape, &c, SS_CLIENT, end, &hello);
    data(tape, &c, SS_SERVER, end + 1000, &server12_full);
    data(tape, &c, SS_CLIENT, end + 21000, &answer12);
    data(tape, &c, SS_SERVER, end + 22000, &finished12);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_TALK], US(end - 10000));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_CLIENT_HELLO], US(end));
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
    close_player(played);
    free_tape(tape);
}

/* Each whole talk, and the handshake after it, with only one side's packets on the mirror. */
static void a_talk_seen_from_the_server_alone_ends_with_its_hello(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(TALKS); i++) {
        struct tape *tape = new_tape(), *shown = new_tape();
        struct connection c = connection_of(51234);

        print_message("%s\n", TALKS[i].about);
        open_tcp(tape, &c, 0);
        int64_t end = put_talk(tape, &c, 30000, &TALKS[i]);
        put_tls13_after(tape, &c, end);
        for (unsigned n = 0; n < tape->count; n++) {
            bool is_from_server = memcmp(tape->frames[n].bytes + 26, "\xc6\x33\x64\x01", 4) == 0;
            if (is_from_server)
                shown->frames[shown->count++] = tape->frames[n];
        }
        struct played *played = play(shown);
        const struct ss_finding *finding = only_one(played);
        assert_int_equal(finding->visibility, SS_SEEN_SERVER_ONLY);
        assert_int_equal(finding->tls.version, 0x0304);
        assert_int_equal(finding->start_ns + finding->mark_ns[SS_MARK_SERVER_HELLO],
                         EPOCH_NS + US(end + 1200));
        assert_int_equal(finding->start_ns + finding->mark_ns[SS_MARK_SERVER_FLIGHT],
                         EPOCH_NS + US(end + 1200));
        assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO], SS_MARK_UNSEEN);
        close_player(played);
        free(shown);
        free_tape(tape);
    }
}

/* The proxy's answer before the request. */
static void a_talk_whose_answer_is_shown_first_is_the_same_talk(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    int64_t end = put_talk(tape, &c, 30000, &TALKS[9]);
    put_tls13_after(tape, &c, end);
    swap(tape, 3, 4);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_TALK], US(end - 10000));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_CLIENT_HELLO_FIRST], US(end));
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
    close_player(played);
    free_tape(tape);
}

static void plain_http_is_given_up_with_the_request_even_where_its_answer_is_shown_first(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    put_text(tape, &c, SS_SERVER, 21000, "HTTP/1.1 204 No Content\r\n\r\n");
    put_text(tape, &c, SS_CLIENT, 20000, "GET / HTTP/1.1\r\n\r\n");
    struct played *played = play(tape);
    assert_int_equal(refused(played, SS_REFUSED_NOT_TLS), 1);
    close_player(played);
    free_tape(tape);
}

/* The mirror shows all of the server's flight before the client's hello, which comes after a talk. */
static void a_flight_after_a_talk_that_is_shown_before_the_hello_is_no_talk(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    int64_t end = put_talk(tape, &c, 30000, &TALKS[0]);
    data(tape, &c, SS_CLIENT, end, &hello13);
    send_as(tape, &c, SS_SERVER, end + 1200,
            (struct send){.offset = AUTO, .acked = AUTO, .payload = &server13, .to = 1000});
    send_as(tape, &c, SS_SERVER, end + 1201,
            (struct send){.offset = AUTO, .acked = AUTO, .payload = &server13, .from = 1000});
    show_later(tape, 8, 2);
    data(tape, &c, SS_CLIENT, end + 21200, &answer13);
    struct played *played = play(tape);
    const struct ss_finding *finding = only_one(played);
    assert_int_equal(finding->mark_ns[SS_MARK_TALK], US(end - 10000));
    assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO], US(end));
    assert_int_equal(finding->mark_ns[SS_MARK_SERVER_HELLO], US(end + 1200));
    assert_int_equal(finding->mark_ns[SS_MARK_SERVER_FLIGHT], US(end + 1201));
    assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
    close_player(played);
    free_tape(tape);
}

static void a_talk_that_never_ends_is_not_tls(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    put_text(tape, &c, SS_SERVER, 20100, "220 mail.example ESMTP\r\n");
    for (unsigned i = 0; i < 70; i++)
        put_text(tape, &c, SS_CLIENT, 20200 + i, "NOOP\r\n");
    struct played *played = play(tape);
    assert_int_equal(count_news(played, SS_NEWS_JUDGED), 0);
    assert_true(refused(played, SS_REFUSED_NOT_TLS) > 0);
    close_player(played);
    free_tape(tape);
}

/* ---- TLS as it is */

/* What one side sends, and when: hexadecimal, or bytes made before; some of each row is there. */
struct step {
    int64_t us;
    enum ss_side side;
    const char *hex;
    const struct tls_bytes *bytes;
    size_t from, to; /* of the bytes; to 0: all */
};

#define STEPS 10

/* Through TCP's own handshake and these steps. */
static struct played *play_steps(const struct step steps[STEPS])
{
    static struct tls_bytes made;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    for (unsigned i = 0; i < STEPS && steps[i].us > 0; i++) {
        made = (struct tls_bytes){0};
        if (steps[i].hex != NULL)
            tls_put_hex(&made, steps[i].hex);
        if (steps[i].bytes != NULL)
            tls_put(&made, steps[i].bytes->at + steps[i].from,
                    (steps[i].to > 0 ? steps[i].to : steps[i].bytes->length) - steps[i].from);
        data(tape, &c, steps[i].side, steps[i].us, &made);
    }
    struct played *played = play(tape);
    free_tape(tape);
    return played;
}

#define CCS "14 0303 0001 01 "

static void a_hello_framed_as_in_sslv2_begins_a_handshake(void **state)
{
    (void)state;
    static struct tls_bytes hello;
    hello = (struct tls_bytes){0};
    tls_put_sslv2_hello(&hello, 0x0301, 20, 0);
    struct played *played = play_steps((struct step[STEPS]){{20100, SS_CLIENT, .bytes = &hello, .to = 30},
                                                            {20200, SS_CLIENT, .bytes = &hello, .from = 30},
                                                            {21000, SS_SERVER, .bytes = &server12_full},
                                                            {45000, SS_CLIENT, .bytes = &answer12},
                                                            {46000, SS_SERVER, .bytes = &finished12}});
    const struct ss_finding *finding = only_one(played);
    assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO_FIRST], US(20100));
    assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO], US(20200));
    assert_int_equal(finding->mark_ns[SS_MARK_SERVER_FINISHED], US(46000));
    assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
    assert_true(finding->tls.hello_seen);
    assert_false(finding->tls.has_ja4);
    close_player(played);
}

/* SSLv2 itself: the server answers in its own format, and nothing of it is known. */
static void a_handshake_of_sslv2_itself_is_one_that_is_not_understood(void **state)
{
    (void)state;
    static struct tls_bytes hello;
    hello = (struct tls_bytes){0};
    tls_put_sslv2_hello(&hello, 0x0002, 20, 0);
    struct played *played = play_steps((struct step[STEPS]){
        {20100, SS_CLIENT, .bytes = &hello}, {21000, SS_SERVER, .hex = "8408 04 00 01 0002 03e7 0003 0010"}});
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_UNFINISHED);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_CLIENT_HELLO], US(20100));
    assert_int_equal(only_one(played)->tls.version, 0);
    close_player(played);
}

static void an_alert_ends_a_handshake_by_its_level_or_in_tls13_by_its_meaning(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        struct step steps[STEPS];
        enum ss_outcome outcome;
        uint8_t alert;
    } rows[] = {
        {"the server does not know the name, and goes on",
         {{20100, SS_CLIENT, .bytes = &hello12},
          {20900, SS_SERVER, .hex = "15 0303 0002 01 70"},
          {21000, SS_SERVER, .bytes = &server12_full},
          {45000, SS_CLIENT, .bytes = &answer12},
          {46000, SS_SERVER, .bytes = &finished12}},
         SS_OUTCOME_COMPLETE,
         0},
        {"the server does not know the name, and does not go on",
         {{20100, SS_CLIENT, .bytes = &hello12}, {20900, SS_SERVER, .hex = "15 0303 0004 0170 0228"}},
         SS_OUTCOME_ALERT,
         40},
        {"an alert over two records",
         {{20100, SS_CLIENT, .bytes = &hello12},
          {20900, SS_SERVER, .hex = "15 0303 0001 02 15 0303 0001 28"}},
         SS_OUTCOME_ALERT,
         40},
        {"the client has no certificate (SSL 3), and goes on",
         {{20100, SS_CLIENT, .bytes = &hello12},
          {21000, SS_SERVER, .bytes = &server12_full},
          {44000, SS_CLIENT, .hex = "15 0300 0002 01 29"},
          {45000, SS_CLIENT, .bytes = &answer12},
          {46000, SS_SERVER, .bytes = &finished12}},
         SS_OUTCOME_COMPLETE,
         0},
        {"TLS 1.2: the client rejects the certificate",
         {{20100, SS_CLIENT, .bytes = &hello12},
          {21000, SS_SERVER, .bytes = &server12_full},
          {45000, SS_CLIENT, .hex = "15 0303 0002 02 30"}},
         SS_OUTCOME_ALERT,
         48},
        {"TLS 1.3: the client rejects the certificate at the level of a warning",
         {{20100, SS_CLIENT, .bytes = &hello13},
          {21000, SS_SERVER, .bytes = &server13},
          {45000, SS_CLIENT, .hex = "15 0303 0002 01 30"}},
         SS_OUTCOME_ALERT,
         48},
        {"TLS 1.3: user_canceled and close_notify end nothing by themselves, whatever their level",
         {{20100, SS_CLIENT, .bytes = &hello13},
          {21000, SS_SERVER, .bytes = &server13},
          {44000, SS_CLIENT, .hex = "15 0303 0002 02 5a"},
          {44500, SS_CLIENT, .hex = "15 0303 0002 02 00"},
          {45000, SS_CLIENT, .bytes = &answer13}},
         SS_OUTCOME_COMPLETE,
         0},
        {"TLS 1.3: the client rejects the certificate with an encrypted alert",
         {{20100, SS_CLIENT, .bytes = &hello13},
          {21000, SS_SERVER, .bytes = &server13},
          {45000, SS_CLIENT, .bytes = &alert13}},
         SS_OUTCOME_CLIENT_REJECTED,
         0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].about);
        struct played *played = play_steps(rows[i].steps);
        assert_int_equal(only_one(played)->outcome, rows[i].outcome);
        assert_int_equal(only_one(played)->alert, rows[i].alert);
        close_player(played);
    }
}

/* The server asks for a hello before any has come (RFC 5246 section 7.4.1.1). */
static void a_hello_request_before_the_hello_moves_no_mark(void **state)
{
    (void)state;
    struct played *played =
        play_steps((struct step[STEPS]){{20100, SS_SERVER, .hex = "16 0303 0004 00000000"},
                                        {40100, SS_CLIENT, .bytes = &hello12},
                                        {41000, SS_SERVER, .bytes = &server12_full},
                                        {65000, SS_CLIENT, .bytes = &answer12},
                                        {66000, SS_SERVER, .bytes = &finished12}});
    const struct ss_finding *finding = only_one(played);
    assert_int_equal(finding->mark_ns[SS_MARK_SERVER_HELLO], US(41000));
    assert_int_equal(finding->mark_ns[SS_MARK_SERVER_FLIGHT], US(41000));
    assert_int_equal(finding->mark_ns[SS_MARK_FLIGHT_ACK], US(65000));
    assert_int_equal(finding->mark_ns[SS_MARK_TALK], SS_MARK_UNSEEN);
    assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
    close_player(played);
}

/* The compatibility ChangeCipherSpec may stand anywhere (RFC 8446 appendix D.4). */
static void the_hello_after_a_retry_is_found_wherever_a_change_of_cipher_stands(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        struct step steps[STEPS];
    } rows[] = {
        {"nowhere",
         {{20100, SS_CLIENT, .bytes = &hello13},
          {21000, SS_SERVER, .bytes = &retry13_alone},
          {41000, SS_CLIENT, .bytes = &hello13},
          {42000, SS_SERVER, .bytes = &server13},
          {63000, SS_CLIENT, .bytes = &answer13}}},
        {"before it",
         {{20100, SS_CLIENT, .bytes = &hello13},
          {21000, SS_SERVER, .bytes = &retry13},
          {41000, SS_CLIENT, .hex = CCS, .bytes = &hello13},
          {42000, SS_SERVER, .bytes = &server13},
          {63000, SS_CLIENT, .bytes = &answer13}}},
        {"after it",
         {{20100, SS_CLIENT, .bytes = &hello13},
          {21000, SS_SERVER, .bytes = &retry13},
          {41000, SS_CLIENT, .bytes = &hello13},
          {41500, SS_CLIENT, .hex = CCS},
          {42000, SS_SERVER, .bytes = &server13},
          {63000, SS_CLIENT, .bytes = &answer13}}},
        {"between its fragments",
         {{20100, SS_CLIENT, .bytes = &hello13},
          {21000, SS_SERVER, .bytes = &retry13},
          {40000, SS_CLIENT, .bytes = &hello13_pieces, .to = 55},
          {40500, SS_CLIENT, .hex = CCS},
          {41000, SS_CLIENT, .bytes = &hello13_pieces, .from = 55},
          {42000, SS_SERVER, .bytes = &server13},
          {63000, SS_CLIENT, .bytes = &answer13}}},
        {"before early data that the retry refuses",
         {{20100, SS_CLIENT, .bytes = &hello_early},
          {20200, SS_CLIENT, .hex = CCS, .bytes = &early},
          {20300, SS_CLIENT, .bytes = &early},
          {21000, SS_SERVER, .bytes = &retry13},
          {41000, SS_CLIENT, .bytes = &hello13},
          {42000, SS_SERVER, .bytes = &server13},
          {63000, SS_CLIENT, .bytes = &answer13}}},
        {"before it, and the mirror shows the retry after it",
         {{20100, SS_CLIENT, .bytes = &hello13},
          {41000, SS_CLIENT, .hex = CCS, .bytes = &hello13},
          {41001, SS_SERVER, .bytes = &retry13},
          {42000, SS_SERVER, .bytes = &server13},
          {63000, SS_CLIENT, .bytes = &answer13}}},
        {"before it, and the mirror shows the ServerHello before both",
         {{20100, SS_CLIENT, .bytes = &hello13},
          {21000, SS_SERVER, .bytes = &retry13},
          {42000, SS_SERVER, .bytes = &server13},
          {41000, SS_CLIENT, .hex = CCS, .bytes = &hello13},
          {63000, SS_CLIENT, .bytes = &answer13}}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].about);
        struct played *played = play_steps(rows[i].steps);
        const struct ss_finding *finding = only_one(played);
        assert_true(finding->tls.hello_retry);
        assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO], US(20100));
        assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO_2], US(41000));
        assert_int_equal(finding->mark_ns[SS_MARK_SERVER_HELLO], US(42000));
        assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_FINISHED], US(63000));
        assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
        close_player(played);
    }
}

static void what_a_handshake_resumes_is_told_by_what_its_server_sends(void **state)
{
    (void)state;
    static struct tls_bytes renewed, psk, hello_ticket;
    static const struct {
        const char *about;
        struct step steps[STEPS];
        bool resumed;
    } rows[] = {
        {"TLS 1.2, full, with a ticket at its end",
         {{20100, SS_CLIENT, .bytes = &hello12},
          {21000, SS_SERVER, .bytes = &server12_full},
          {45000, SS_CLIENT, .bytes = &answer12},
          {46000, SS_SERVER, .hex = "16 0303 0008 04 000004 00000000", .bytes = &finished12}},
         false},
        {"TLS 1.2: a ticket was offered, and refused",
         {{20100, SS_CLIENT, .bytes = &hello_ticket},
          {21000, SS_SERVER, .bytes = &server12_full},
          {45000, SS_CLIENT, .bytes = &answer12},
          {46000, SS_SERVER, .bytes = &finished12}},
         false},
        {"TLS 1.2, by session id",
         {{20100, SS_CLIENT, .bytes = &hello12},
          {21000, SS_SERVER, .bytes = &server12_resumed},
          {45000, SS_CLIENT, .bytes = &finished12}},
         true},
        {"TLS 1.2, by ticket, which is renewed",
         {{20100, SS_CLIENT, .bytes = &hello_ticket},
          {21000, SS_SERVER, .bytes = &renewed},
          {45000, SS_CLIENT, .bytes = &finished12}},
         true},
        {"TLS 1.3: a key was offered, and refused",
         {{20100, SS_CLIENT, .bytes = &hello_early},
          {21000, SS_SERVER, .bytes = &server13},
          {45000, SS_CLIENT, .bytes = &answer13}},
         false},
        {"TLS 1.3, by pre-shared key",
         {{20100, SS_CLIENT, .bytes = &hello_early},
          {21000, SS_SERVER, .bytes = &psk},
          {45000, SS_CLIENT, .bytes = &answer13}},
         true},
    };
    renewed = psk = hello_ticket = (struct tls_bytes){0};
    put_client(&hello_ticket, (struct tls_client_recipe){.ticket_bytes = 180, .session_id_bytes = 32});
    put_server(&renewed, (struct tls_server_recipe){.cipher = 0xc02f, .session_id_bytes = 32});
    tls_put_hex(&renewed, "16 0303 0008 04 000004 00000000  14 0303 0001 01");
    tls_put_noise_record(&renewed, 22, 40);
    put_server(&psk, (struct tls_server_recipe){.version = 0x0304, .group = 29, .pre_shared_key = true});
    tls_put_noise_record(&psk, 23, 40);
    tls_put_noise_record(&psk, 23, 53);
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].about);
        struct played *played = play_steps(rows[i].steps);
        assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
        assert_int_equal(only_one(played)->tls.resumed, rows[i].resumed);
        assert_int_equal(ss_analyzer_phases(played->analyzer, rows[i].resumed)[SS_PHASE_COUNT].count, 1);
        assert_int_equal(ss_analyzer_phases(played->analyzer, !rows[i].resumed)[SS_PHASE_COUNT].count, 0);
        close_player(played);
    }
}

/* Its certificate comes before the Finished, in TLS 1.3 in records of its own: the mark is the first's. */
static void a_clients_certificate_is_part_of_its_answer(void **state)
{
    (void)state;
    static struct tls_bytes certificate12, certificate13;
    static struct step rows[2][STEPS] = {{{20100, SS_CLIENT, .bytes = &hello12},
                                          {21000, SS_SERVER, .bytes = &server12_full},
                                          {44000, SS_CLIENT, .bytes = &certificate12},
                                          {45000, SS_CLIENT, .bytes = &answer12},
                                          {46000, SS_SERVER, .bytes = &finished12}},
                                         {{20100, SS_CLIENT, .bytes = &hello13},
                                          {21000, SS_SERVER, .bytes = &server13},
                                          {45000, SS_CLIENT, .hex = CCS, .bytes = &certificate13},
                                          {46000, SS_CLIENT, .bytes = &answer13}}};
    certificate12 = certificate13 = (struct tls_bytes){0};
    struct tls_bytes *message = calloc(1, sizeof(*message));
    assert_non_null(message);
    tls_put_message(message, 11, 1200);
    tls_put_records(&certificate12, 22, message, 16384);
    tls_put_noise_record(&certificate13, 23, 1300);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct played *played = play_steps(rows[i]);
        assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
        assert_int_equal(only_one(played)->mark_ns[SS_MARK_CLIENT_FINISHED], US(45000));
        assert_int_equal(only_one(played)->mark_ns[SS_MARK_FLIGHT_ACK], US(i == 0 ? 44000 : 45000));
        close_player(played);
    }
    free(message);
}

/* RFC 8422 section 5.4. */
static void the_group_of_tls12_is_that_of_the_servers_key_exchange_wherever_it_is_cut(void **state)
{
    (void)state;
    static struct tls_bytes flight;
    flight = (struct tls_bytes){0};
    put_server(&flight, (struct tls_server_recipe){.cipher = 0xc02f});
    size_t exchange = flight.length;
    tls_put_hex(&flight, "16 0303 0013 0c 00000f 03 001d 04 aabbccdd 0403 0003 010203");
    tls_put_hex(&flight, "16 0303 0004 0e 000000");
    for (size_t cut = exchange; cut < flight.length; cut++) {
        struct played *played =
            play_steps((struct step[STEPS]){{20100, SS_CLIENT, .bytes = &hello12},
                                            {21000, SS_SERVER, .bytes = &flight, .to = cut},
                                            {21100, SS_SERVER, .bytes = &flight, .from = cut},
                                            {45000, SS_CLIENT, .bytes = &answer12},
                                            {46000, SS_SERVER, .bytes = &finished12}});
        assert_int_equal(only_one(played)->tls.group, 0x001d);
        assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
        close_player(played);
    }
}

/* TLS_AES_128_CCM_8_SHA256: an alert and a Finished have eight bytes less. */
static void records_with_a_short_tag_are_known_by_their_length(void **state)
{
    (void)state;
    static struct tls_bytes server, alert, finished;
    static const struct {
        const struct tls_bytes *answer;
        enum ss_outcome outcome;
    } rows[] = {{&alert, SS_OUTCOME_CLIENT_REJECTED}, {&finished, SS_OUTCOME_COMPLETE}};

    server = alert = finished = (struct tls_bytes){0};
    put_server(&server, (struct tls_server_recipe){.version = 0x0304, .cipher = 0x1305, .group = 29});
    tls_put_noise_record(&server, 23, 2000);
    tls_put_noise_record(&server, 23, 4 + 32 + 1 + 8);
    tls_put_noise_record(&alert, 23, 2 + 1 + 8);
    tls_put_noise_record(&finished, 23, 4 + 32 + 1 + 8);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct played *played =
            play_steps((struct step[STEPS]){{20100, SS_CLIENT, .bytes = &hello13},
                                            {21000, SS_SERVER, .bytes = &server},
                                            {21500, SS_SERVER, .bytes = &request}, /* it may speak early */
                                            {45000, SS_CLIENT, .bytes = rows[i].answer}});
        const struct ss_finding *finding = only_one(played);
        assert_int_equal(finding->mark_ns[SS_MARK_SERVER_FLIGHT], US(21000));
        assert_int_equal(finding->outcome, rows[i].outcome);
        close_player(played);
    }
}

static void messages_after_the_handshake_are_no_handshake(void **state)
{
    (void)state;
    static struct step rows[2][STEPS] = {
        /* a renegotiation: the server asks, the client says hello; and one in the clear, which none may */
        {{20100, SS_CLIENT, .bytes = &hello12},
         {21000, SS_SERVER, .bytes = &server12_full},
         {45000, SS_CLIENT, .bytes = &answer12},
         {46000, SS_SERVER, .bytes = &finished12},
         {90000, SS_SERVER, .hex = "16 0303 0006 eeeeeeeeeeee"},
         {91000, SS_CLIENT, .hex = "16 0303 0006 eeeeeeeeeeee"},
         {92000, SS_CLIENT, .bytes = &hello12},
         {93000, SS_SERVER, .bytes = &server12_full}},
        /* tickets, a change of keys, a certificate asked for later */
        {{20100, SS_CLIENT, .bytes = &hello13},
         {21000, SS_SERVER, .bytes = &server13},
         {45000, SS_CLIENT, .bytes = &answer13},
         {46000, SS_SERVER, .bytes = &early},
         {90000, SS_SERVER, .bytes = &request},
         {91000, SS_CLIENT, .bytes = &early},
         {92000, SS_CLIENT, .bytes = &hello13}}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct played *played = play_steps(rows[i]);
        assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
        assert_true(only_one(played)->judged.duration_ns <= US(46000));
        assert_int_equal(ss_analyzer_counters(played->analyzer)->handshakes, 1);
        assert_int_equal(refused(played, SS_REFUSED_NOT_TLS), 0);
        close_player(played);
    }
}

/* server12_full as one record, its messages and its segments cut elsewhere. */
static void a_flight_in_one_record_is_its_messages_wherever_its_segments_are_cut(void **state)
{
    (void)state;
    static struct tls_bytes messages, flight;
    messages = flight = (struct tls_bytes){0};
    tls_put_server_hello(&messages, &(struct tls_server_recipe){.cipher = 0xc02f});
    size_t hello_end = 5 + messages.length;
    tls_put_message(&messages, 11, 700);
    tls_put_message(&messages, 14, 0);
    tls_put_records(&flight, 22, &messages, 16384);
    for (size_t cut = 1; cut < flight.length; cut += cut < 100 ? 1 : 23) {
        struct played *played =
            play_steps((struct step[STEPS]){{20100, SS_CLIENT, .bytes = &hello12},
                                            {21000, SS_SERVER, .bytes = &flight, .to = cut},
                                            {22000, SS_SERVER, .bytes = &flight, .from = cut},
                                            {45000, SS_CLIENT, .bytes = &answer12},
                                            {46000, SS_SERVER, .bytes = &finished12}});
        const struct ss_finding *finding = only_one(played);
        assert_int_equal(finding->mark_ns[SS_MARK_SERVER_HELLO], US(cut < hello_end ? 22000 : 21000));
        assert_int_equal(finding->mark_ns[SS_MARK_SERVER_FLIGHT], US(22000));
        assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
        close_player(played);
    }
}

static void what_begins_like_tls_and_goes_on_otherwise_is_not_tls(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        struct step steps[STEPS];
        bool is_tls;
    } rows[] = {
        {"a record behind which no record comes",
         {{20100, SS_CLIENT, .hex = "16 0301 0006 01 0000ff aabb"}, {20200, SS_CLIENT, .hex = "deadbeef"}},
         false},
        {"a client that sends a server's hello",
         {{20100, SS_CLIENT, .hex = "16 0301 0004 02 000000"}},
         false},
        {"a client that asks for a hello", {{20100, SS_CLIENT, .hex = "16 0301 0004 00 000000"}}, false},
        {"a hello behind which no record comes",
         {{20100, SS_CLIENT, .bytes = &hello12}, {20200, SS_CLIENT, .hex = "deadbeef"}},
         true},
        {"a server that answers a hello with something else",
         {{20100, SS_CLIENT, .bytes = &hello12}, {21000, SS_SERVER, .hex = "485454502f312e31"}},
         true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].about);
        struct played *played = play_steps(rows[i].steps);
        assert_int_equal(count_news(played, SS_NEWS_JUDGED), rows[i].is_tls);
        assert_int_equal(refused(played, SS_REFUSED_NOT_TLS) > 0, !rows[i].is_tls);
        close_player(played);
    }
}

/* ---- loss */

static void a_syn_sent_again_is_loss(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    struct ss_analyzer_config config = plain_config();

    config.slow.handshake_ns = 300 * SS_NS_PER_MS;
    syn(tape, &c, 0);
    syn(tape, &c, 1 * SECOND);
    put_tls13(tape, &c, 3 * SECOND);
    struct played *played = play_with(tape, config, 1);
    const struct ss_finding *finding = only_one(played);
    assert_int_equal(finding->mark_ns[SS_MARK_SYN], 0);
    assert_int_equal(finding->judged.share_ns[SS_SHARE_LOSS], US(3 * SECOND));
    assert_int_equal(finding->judged.duration_ns, US(3 * SECOND + 50000));
    assert_int_equal(finding->flags, SS_FLAG_HANDSHAKE);
    assert_int_equal(finding->verdict, SS_VERDICT_LOSS);
    assert_int_equal(finding->confidence, SS_CONFIDENCE_HIGH);
    assert_int_equal(finding->client_retransmits, 2);
    assert_int_equal(finding->lost.tap_to_server, 2);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->flagged[0], 1);
    close_player(played);
    free_tape(tape);
}

static void a_syn_ack_sent_again_before_the_ack_is_loss_and_no_round_trip(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    syn(tape, &c, 0);
    syn_ack(tape, &c, 40);
    syn_ack(tape, &c, SECOND);
    ack(tape, &c, SS_CLIENT, SECOND + 100);
    struct played *played = play(tape);
    const struct ss_finding *finding = only_one(played);
    assert_int_equal(finding->judged.share_ns[SS_SHARE_LOSS], US(SECOND - 40));
    assert_int_equal(finding->server_retransmits, 1);
    assert_int_equal(finding->lost.tap_to_client, 1);
    assert_int_equal(finding->rtt_ns, SS_MARK_UNSEEN);
    close_player(played);
    free_tape(tape);
}

static void a_segment_sent_again_is_loss_on_the_side_of_the_tap_where_it_happened(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        enum ss_side side;
        bool was_seen; /* the first copy */
        struct ss_lost lost;
    } rows[] = {
        {"the hello, after the tap", SS_CLIENT, true, {.tap_to_server = 1}},
        {"the flight, after the tap", SS_SERVER, true, {.tap_to_client = 1}},
        {"the hello's first half, before the tap", SS_CLIENT, false, {.client_to_tap = 1}},
        {"the flight's first half, before the tap", SS_SERVER, false, {.server_to_tap = 1}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        const struct tls_bytes *bytes[2] = {&hello13, &server13};
        int64_t at[2] = {20500, 21000};

        print_message("%s\n", rows[i].about);
        open_tcp(tape, &c, 0);
        for (unsigned side = 0; side < 2; side++) {
            struct send head = {.acked = AUTO, .payload = bytes[side], .to = 100};
            struct send tail = {.offset = 100, .acked = AUTO, .payload = bytes[side], .from = 100};
            if (side != rows[i].side || rows[i].was_seen)
                send_as(tape, &c, side, at[side], head);
            send_as(tape, &c, side, at[side] + 1, tail);
            if (side == rows[i].side) {
                send_as(tape, &c, side, at[side] + 200000, head);
                at[1] += 200000;
            }
        }
        data(tape, &c, SS_CLIENT, 250000, &answer13);
        struct played *played = play(tape);
        const struct ss_finding *finding = only_one(played);
        assert_memory_equal(&finding->lost, &rows[i].lost, sizeof(finding->lost));
        assert_int_equal(finding->judged.share_ns[SS_SHARE_LOSS], US(rows[i].was_seen ? 200000 : 199999));
        close_player(played);
        free_tape(tape);
    }
}

/* ---- how it ends */

static void each_way_to_end_has_its_outcome(void **state)
{
    (void)state;
    static const struct {
        enum ss_side side;
        uint8_t flags;
        const struct tls_bytes *payload;
        enum ss_outcome outcome;
    } rows[] = {
        {SS_CLIENT, SS_TCP_RST, NULL, SS_OUTCOME_CLIENT_RESET},
        {SS_SERVER, SS_TCP_RST, NULL, SS_OUTCOME_SERVER_RESET},
        {SS_CLIENT, SS_TCP_FIN, NULL, SS_OUTCOME_CLIENT_CLOSED},
        {SS_SERVER, SS_TCP_FIN, NULL, SS_OUTCOME_SERVER_CLOSED},
        {SS_CLIENT, SS_TCP_PSH, &alert_fatal, SS_OUTCOME_ALERT},
        {SS_CLIENT, SS_TCP_PSH, &alert13, SS_OUTCOME_CLIENT_REJECTED},
        {SS_CLIENT, SS_TCP_PSH, &answer13, SS_OUTCOME_COMPLETE},
        {SS_CLIENT, 0, NULL, SS_OUTCOME_UNFINISHED},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);

        open_tcp(tape, &c, 0);
        data(tape, &c, SS_CLIENT, 20500, &hello13);
        data(tape, &c, SS_SERVER, 21000, &server13);
        send_as(
            tape, &c, rows[i].side, 91000,
            (struct send){.flags = rows[i].flags, .offset = AUTO, .acked = AUTO, .payload = rows[i].payload});
        flag(tape, &c, SS_SERVER, 92000, SS_TCP_FIN); /* the first reason counts */
        flag(tape, &c, SS_SERVER, 92000, SS_TCP_RST);
        if (rows[i].outcome == SS_OUTCOME_UNFINISHED)
            drop_last(tape, 2);
        struct played *played = play(tape);
        const struct ss_finding *finding = only_one(played);
        print_message("%s\n", ss_outcome_name(rows[i].outcome));
        assert_int_equal(finding->outcome, rows[i].outcome);
        assert_int_equal(finding->alert, rows[i].outcome == SS_OUTCOME_ALERT ? 40 : 0);
        assert_int_equal(ss_analyzer_counters(played->analyzer)->outcomes[0][rows[i].outcome], 1);
        bool is_complete = rows[i].outcome == SS_OUTCOME_COMPLETE;
        bool ends_with_segment = rows[i].side == SS_CLIENT; /* which acknowledges the flight, but for a RST */
        int64_t last_us = ends_with_segment && rows[i].flags != SS_TCP_RST ? 91000 : 21000;
        assert_int_equal(finding->judged.duration_ns, US(last_us));
        assert_int_equal(finding->judged.pending_ns, is_complete ? 0 : US(91000 - last_us));
        assert_int_equal(played->news[0].end_ns, EPOCH_NS + US(last_us));
        assert_int_equal(played->news[0].over_ns, EPOCH_NS + US(91000));
        close_player(played);
        free_tape(tape);
    }
}

static void the_alert_that_ended_it_is_the_one_that_is_named(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    struct tls_bytes *other = calloc(1, sizeof(*other));

    assert_non_null(other);
    tls_put_hex(other, "15 0303 0002 02 46");
    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello13);
    data(tape, &c, SS_SERVER, 21000, &alert_fatal);
    data(tape, &c, SS_CLIENT, 41000, other);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_ALERT);
    assert_false(played->news[0].completed);
    assert_int_equal(only_one(played)->alert, 40);
    close_player(played);
    free(other);
    free_tape(tape);
}

static void a_handshake_that_is_stuck_is_reported_open_and_judged_in_the_end(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    struct ss_analyzer_config config = plain_config();

    config.slow.unfinished_ns = 10 * SS_NS_PER_S;
    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello13);
    unsigned stuck = tape->count;
    data(tape, &c, SS_SERVER, 15 * SECOND, &server13);
    data(tape, &c, SS_CLIENT, 15 * SECOND + 20000, &answer13);
    ack(tape, &c, SS_SERVER, 15 * SECOND + 20020);

    struct played *played = open_player(config);
    feed(played, tape, 0, stuck, 1);
    idle_until(played, 9 * SECOND);
    assert_int_equal(played->count, 0);
    idle_until(played, 12 * SECOND);
    const struct ss_finding *open = only_one(played);
    assert_true(open->still_open && played->news[0].still_open);
    assert_int_equal(played->news[0].over_ns, played->news[0].end_ns);
    assert_int_equal(open->outcome, SS_OUTCOME_UNFINISHED);
    assert_int_equal(open->flags, SS_FLAG_UNFINISHED);
    assert_int_equal(open->verdict, SS_VERDICT_SERVER);
    assert_int_equal(open->judged.pending_ns, US(12 * SECOND - 20500));
    assert_int_equal(ss_analyzer_counters(played->analyzer)->handshakes, 0);

    feed_rest(played, tape, stuck);
    assert_int_equal(count_news(played, SS_NEWS_JUDGED), 2);
    const struct ss_finding *end = judged(played, 1);
    assert_false(end->still_open);
    assert_int_equal(end->outcome, SS_OUTCOME_COMPLETE);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->handshakes, 1);
    close_player(played);
    free_tape(tape);
}

/* One handshake whole, one in the next second of which the mirror lost the answer, as its acknowledgement and
 * the client's own later number say; each second to itself, however many packets are analyzed at once. */
static void what_the_mirror_loses_is_told_by_the_second(void **state)
{
    (void)state;
    static const unsigned bursts[] = {1, 3, SS_BURST_MAX};
    struct tape *tape = new_tape();
    struct connection whole = connection_of(51234), holed = connection_of(51235);
    int64_t next_ns = EPOCH_NS + US(SECOND);

    put_tls13(tape, &whole, 0);
    put_tls13(tape, &holed, SECOND);
    free(tape->frames[tape->count - 2].bytes); /* the answer; its acknowledgement is the last packet */
    tape->frames[tape->count - 2] = tape->frames[tape->count - 1];
    tape->count--;
    ack(tape, &holed, SS_CLIENT, SECOND + 70000);
    for (size_t i = 0; i < ROWS(bursts); i++) {
        struct played *played = play_with(tape, plain_config(), bursts[i]);
        const struct ss_mirror_loss *loss = &played->mirror_loss;
        assert_int_equal(ss_mirror_loss_ppm(loss, EPOCH_NS, next_ns - 1), 0);
        assert_int_equal(loss->missing_bytes, answer13.length);
        uint64_t seen = hello13.length + server13.length;
        assert_int_equal(loss->seen_bytes, 2 * seen + answer13.length);
        assert_int_equal(ss_mirror_loss_ppm(loss, EPOCH_NS, next_ns),
                         answer13.length * 1000000 / (seen + answer13.length));
        close_player(played);
    }
    free_tape(tape);
}

/* Bytes that the server never sent, whatever it says later; and of each second the rest is another client's.
 */
static void no_client_makes_the_mirror_lose_by_acknowledging_what_was_never_sent(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        bool is_before_hello, is_server_quiet;
    } rows[] = {
        {"before any data of the server, which answers it as wrong", true, false},
        {"after the flight, which the server answers as wrong", false, false},
        {"after the flight, and the server is silent", false, true},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection liar = connection_of(51234), other = connection_of(51235);
        print_message("%s\n", rows[i].about);
        open_tcp(tape, &liar, 0);
        data(tape, &liar, SS_CLIENT, 20500, &hello13);
        if (!rows[i].is_before_hello)
            data(tape, &liar, SS_SERVER, 21700, &server13);
        send_as(tape, &liar, SS_CLIENT, 41800, (struct send){.offset = AUTO, .acked = 1000000});
        if (!rows[i].is_server_quiet)
            ack(tape, &liar, SS_SERVER, 41820);
        send_as(tape, &liar, SS_CLIENT, 61800, (struct send){.offset = AUTO, .acked = 1000000});
        put_tls13(tape, &other, 100000);
        struct played *played = play(tape);
        const struct ss_mirror_loss *loss = &played->mirror_loss;
        assert_int_equal(loss->missing_bytes, 0);
        assert_int_equal(ss_mirror_loss_ppm(loss, EPOCH_NS, EPOCH_NS + US(SECOND)), 0);
        close_player(played);
        free_tape(tape);
    }
}

static void other_bytes_at_the_same_place_are_counted_and_the_first_copy_counts(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        size_t from, to; /* of the hello, sent again from another hello of the same length */
        bool is_other;
    } rows[] = {
        {"the same bytes", 0, 0, false},
        {"a whole copy that differs", 0, 0, true},
        {"a part of it that differs", 50, 150, true},
    };
    struct tls_bytes other = hello13;

    for (size_t i = 60; i < 140; i++)
        other.at[i] ^= 0x20;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        print_message("%s\n", rows[i].about);
        open_tcp(tape, &c, 0);
        data(tape, &c, SS_CLIENT, 20500, &hello13);
        send_as(tape, &c, SS_CLIENT, 25000,
                (struct send){.offset = (int64_t)rows[i].from,
                              .payload = rows[i].is_other ? &other : &hello13,
                              .from = rows[i].from,
                              .to = rows[i].to});
        data(tape, &c, SS_SERVER, 26000, &server13);
        data(tape, &c, SS_CLIENT, 46000, &answer13);
        ack(tape, &c, SS_SERVER, 46020);
        struct played *played = play(tape);
        const struct ss_finding *finding = only_one(played);
        assert_int_equal(finding->conflicts, rows[i].is_other);
        assert_int_equal(ss_analyzer_counters(played->analyzer)->conflicts, rows[i].is_other);
        assert_string_equal(finding->tls.sni, "example.com");
        close_player(played);
        free_tape(tape);
    }
}

/* Two segments whose ends compare otherwise than their beginnings do (RFC 9293 section 3.4). */
/* The second half of a hello first, then all before it and a part of it: from another hello, or from it. */
static void other_bytes_at_the_place_of_early_ones_are_counted_too(void **state)
{
    (void)state;
    struct tls_bytes other = hello13;

    other.at[120] ^= 0x20;
    for (unsigned is_other = 0; is_other < 2; is_other++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        open_tcp(tape, &c, 0);
        send_as(tape, &c, SS_CLIENT, 20500, (struct send){.offset = 100, .payload = &hello13, .from = 100});
        send_as(tape, &c, SS_CLIENT, 20600,
                (struct send){.payload = is_other ? &other : &hello13, .to = 150});
        data(tape, &c, SS_SERVER, 26000, &server13);
        data(tape, &c, SS_CLIENT, 46000, &answer13);
        ack(tape, &c, SS_SERVER, 46020);
        struct played *played = play(tape);
        assert_int_equal(only_one(played)->conflicts, is_other);
        assert_string_equal(only_one(played)->tls.sni, "example.com");
        close_player(played);
        free_tape(tape);
    }
}

/* TCP Fast Open (RFC 7413), of which the server makes use or not, and for which the client sends its hello
 * again after the SYN-ACK or not. */
static void a_hello_in_the_syn_counts_where_the_server_took_it(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        bool is_taken, is_sent_again;
        int64_t hello_us;
        unsigned retransmits;
    } rows[] = {
        {"taken", true, false, 0, 0},
        {"taken, and sent again all the same", true, true, 0, 1},
        {"refused", false, true, 200100, 0},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        print_message("%s\n", rows[i].about);
        send_as(tape, &c, SS_CLIENT, 0,
                (struct send){.flags = SS_TCP_SYN, .no_ack = true, .payload = &hello13});
        send_as(tape, &c, SS_SERVER, 40,
                (struct send){.flags = SS_TCP_SYN, .acked = rows[i].is_taken ? AUTO : 0});
        send_as(tape, &c, SS_CLIENT, 200000, (struct send){.offset = rows[i].is_taken ? AUTO : 0});
        if (rows[i].is_sent_again)
            send_as(tape, &c, SS_CLIENT, 200100, (struct send){.payload = &hello13});
        data(tape, &c, SS_SERVER, 201000, &server13);
        data(tape, &c, SS_CLIENT, 401000, &answer13);
        ack(tape, &c, SS_SERVER, 401100);
        struct played *played = play(tape);
        const struct ss_finding *finding = only_one(played);
        assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
        assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO_FIRST], US(rows[i].hello_us));
        assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_HELLO], US(rows[i].hello_us));
        assert_int_equal(finding->client_retransmits, rows[i].retransmits);
        assert_int_equal(finding->judged.share_ns[SS_SHARE_LOSS], 0);
        assert_int_equal(finding->conflicts, 0);
        assert_string_equal(finding->tls.sni, "example.com");
        close_player(played);
        free_tape(tape);
    }
}

static void segments_half_a_circle_apart_have_no_bytes_in_common(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello13);
    int64_t beyond = (int64_t)hello13.length + 0x1000;
    send_as(tape, &c, SS_CLIENT, 21000, (struct send){.offset = beyond, .payload = &hello13});
    send_as(tape, &c, SS_CLIENT, 21500,
            (struct send){.offset = beyond - 0x7fffffe0, .payload = &hello13, .to = 10});
    struct played *played = play(tape);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->conflicts, 0);
    close_player(played);
    free_tape(tape);
}

static void of_the_seconds_of_several_analyzers_the_newest_are_known(void **state)
{
    (void)state;
    struct ss_mirror_second memory[4] = {0};
    struct ss_mirror_loss loss;

    ss_mirror_loss_init(&loss, memory, 4);
    ss_mirror_loss_add(&loss, &(struct ss_mirror_second){100, 900, 0});
    ss_mirror_loss_add(&loss, &(struct ss_mirror_second){100, 0, 100}); /* another analyzer's */
    assert_int_equal(ss_mirror_loss_ppm(&loss, 100 * SS_NS_PER_S, 101 * SS_NS_PER_S), 100000);
    assert_int_equal(ss_mirror_loss_ppm(&loss, 101 * SS_NS_PER_S, 103 * SS_NS_PER_S), 0);
    ss_mirror_loss_add(&loss, &(struct ss_mirror_second){104, 10, 0});   /* in the place of 100 */
    ss_mirror_loss_add(&loss, &(struct ss_mirror_second){100, 0, 1000}); /* too late */
    assert_int_equal(ss_mirror_loss_ppm(&loss, 0, 200 * SS_NS_PER_S), 0);
    assert_int_equal(loss.seen_bytes, 910);
    assert_int_equal(loss.missing_bytes, 1100);
}

/* It is judged a second after both sides closed; until then it is not open any more. */
static void a_handshake_broken_off_late_is_judged_once(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    struct ss_analyzer_config config = plain_config();

    config.slow.unfinished_ns = 10 * SS_NS_PER_S;
    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello13);
    flag(tape, &c, SS_CLIENT, 11 * SECOND, SS_TCP_FIN);
    send_as(tape, &c, SS_SERVER, 11 * SECOND, (struct send){.flags = SS_TCP_FIN, .offset = AUTO});
    struct played *played = open_player(config);
    feed_rest(played, tape, 0);
    idle_until(played, 11 * SECOND + 500000);
    idle_until(played, 13 * SECOND);
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_CLIENT_CLOSED);
    assert_int_equal(only_one(played)->flags, SS_FLAG_UNFINISHED);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->handshakes, 1);
    close_player(played);
    free_tape(tape);
}

static void a_stuck_handshake_is_given_up_when_it_was_due_and_not_when_upkeep_sees_it(void **state)
{
    (void)state;
    for (unsigned fed = 0; fed < 2;
         fed++) { /* found by upkeep, or by a packet that comes before upkeep does */
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);

        open_tcp(tape, &c, 0);
        data(tape, &c, SS_CLIENT, 20500, &hello13);
        unsigned stuck = tape->count;
        data(tape, &c, SS_SERVER, 200 * SECOND, &server13);
        data(tape, &c, SS_CLIENT, 200 * SECOND + 20000, &answer13);
        struct played *played = open_player(plain_config());
        feed(played, tape, 0, stuck, 1);
        if (!fed)
            idle_until(played, 150 * SECOND);
        feed(played, tape, stuck, tape->count, 2);
        const struct ss_finding *finding = only_one(played);
        assert_int_equal(finding->outcome, SS_OUTCOME_UNFINISHED);
        assert_int_equal(finding->judged.pending_ns, US(120 * SECOND));
        close_player(played);
        free_tape(tape);
    }
}

static void a_connection_that_says_nothing_is_silent_and_counted_once(void **state)
{
    (void)state;
    for (unsigned acked = 0; acked < 2; acked++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        struct ss_analyzer_config config = plain_config();

        config.slow.unfinished_ns = 10 * SS_NS_PER_S;
        syn(tape, &c, 0);
        if (acked) {
            syn_ack(tape, &c, 40);
            ack(tape, &c, SS_CLIENT, 20000);
        }
        struct played *played = open_player(config);
        feed_rest(played, tape, 0);
        idle_until(played, 20 * SECOND);
        assert_int_equal(played->count, 0);
        idle_until(played, 200 * SECOND);
        const struct ss_analyzer_counters *counters = ss_analyzer_counters(played->analyzer);
        assert_int_equal(counters->silent, 1);
        assert_int_equal(counters->handshakes, 0);
        assert_int_equal(count_news(played, SS_NEWS_JUDGED), acked); /* a scan is not worth a note */
        if (acked) {
            assert_false(played->news[0].is_tls);
            assert_int_equal(played->found[0].flags, 0);
        }
        close_player(played);
        free_tape(tape);
    }
}

/* ---- a port used again */

/* A balancer made two connections of one SYN; the client stays with the first. */
static void a_syn_ack_of_another_number_after_the_ack_changes_nothing(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    c.isn[SS_SERVER] += 99000000;
    syn_ack(tape, &c, 20100);
    c.isn[SS_SERVER] -= 99000000;
    data(tape, &c, SS_CLIENT, 20500, &hello13);
    ack(tape, &c, SS_SERVER, 20530);
    data(tape, &c, SS_SERVER, 21700, &server13);
    ack(tape, &c, SS_CLIENT, 41800);
    data(tape, &c, SS_CLIENT, 50000, &answer13);
    struct played *played = play(tape);
    CHECK_MARKS(only_one(played), TLS13_MARKS);
    close_player(played);
    free_tape(tape);
}

/* The server still had one of the same ports: its acknowledgement of that one is reset, and the SYN sent
 * again. */
static void a_reset_of_an_older_connection_is_not_the_end_of_this_one(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234), older = connection_of(51234);

    older.isn[SS_CLIENT] -= 900000000;
    older.isn[SS_SERVER] -= 500000000;
    syn(tape, &c, 0);
    ack(tape, &older, SS_SERVER, 30);
    send_as(tape, &older, SS_CLIENT, 60, (struct send){.flags = SS_TCP_RST, .no_ack = true});
    put_tls13(tape, &c, 3 * SECOND);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SYN], 0);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SYN_ACK], US(3 * SECOND + 40));
    assert_int_equal(only_one(played)->judged.share_ns[SS_SHARE_LOSS], 0);
    assert_true(only_one(played)->judged.share_ns[SS_SHARE_SERVER] >= US(3 * SECOND));
    close_player(played);
    free_tape(tape);
}

/* Its last words come 15 s later, behind a FIN of its own that was shown before them. */
static void a_side_that_has_closed_hears_the_other_one_out(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello12);
    data(tape, &c, SS_SERVER, 21700, &server12_full);
    data(tape, &c, SS_CLIENT, 50000, &answer12);
    flag(tape, &c, SS_CLIENT, 50010, SS_TCP_FIN);
    int64_t finished_at = c.sent[SS_SERVER];
    send_as(tape, &c, SS_SERVER, 7 * SECOND,
            (struct send){
                .flags = SS_TCP_FIN, .offset = finished_at + (int64_t)finished12.length, .acked = AUTO});
    send_as(tape, &c, SS_SERVER, 15 * SECOND,
            (struct send){.offset = finished_at, .acked = AUTO, .payload = &finished12});
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->outcome, SS_OUTCOME_COMPLETE);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_FINISHED], US(15 * SECOND));
    close_player(played);
    free_tape(tape);
}

static void a_port_used_again_is_a_connection_of_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        unsigned skip;   /* packets of the first connection that are not shown */
        bool swap_first; /* SYN-ACK before SYN */
        enum { CLOSED, RESET, LEFT } end;
        bool same_isn;
    } rows[] = {
        {"after both FINs", 0, false, CLOSED, false},
        {"after both FINs, by chance with the same number", 0, false, CLOSED, true},
        {"after a RST", 0, false, RESET, false},
        {"whose end was not seen", 0, false, LEFT, false},
        {"whose end was not seen, and whose SYN-ACK was shown first", 0, true, LEFT, false},
        {"whose end and whose SYN were not seen", 1, false, LEFT, false},
        {"whose end was not seen, and whose beginning was its hello", 3, false, LEFT, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection first = connection_of(51234), second = connection_of(51234);

        print_message("%s\n", rows[i].about);
        put_tls13(tape, &first, 0);
        if (rows[i].swap_first)
            swap(tape, 0, 1);
        if (rows[i].end == CLOSED)
            close_tcp(tape, &first, 60000);
        else if (rows[i].end == RESET)
            flag(tape, &first, SS_SERVER, 60000, SS_TCP_RST);
        if (!rows[i].same_isn)
            second.isn[SS_CLIENT] += 70000;
        put_tls13(tape, &second, 1 * SECOND);
        struct played *played = open_player(plain_config());
        feed_rest(played, tape, rows[i].skip);
        flush(played);
        assert_int_equal(count_news(played, SS_NEWS_JUDGED), 2);
        assert_int_equal(count_news(played, SS_NEWS_ENDED), 2);
        assert_int_equal(judged(played, 1)->start_ns, EPOCH_NS + US(1 * SECOND));
        CHECK_MARKS(judged(played, 1), TLS13_MARKS);
        assert_int_equal(ss_analyzer_counters(played->analyzer)->flows_opened, 2);
        close_player(played);
        free_tape(tape);
    }
}

static void a_handshake_cut_off_by_a_new_one_was_unfinished_until_then(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection first = connection_of(51234), second = connection_of(51234), other = connection_of(9);

    open_tcp(tape, &first, 0);
    data(tape, &first, SS_CLIENT, 20500, &hello13);
    second.isn[SS_CLIENT] += 70000;
    put_tls13(tape, &second, 1 * SECOND);
    syn(tape, &other, 5 * SECOND); /* in the same burst: what comes later must not matter */
    struct played *played = play_with(tape, plain_config(), 64);
    assert_int_equal(judged(played, 0)->outcome, SS_OUTCOME_UNFINISHED);
    assert_int_equal(judged(played, 0)->judged.pending_ns, US(1 * SECOND - 20500));
    close_player(played);
    free_tape(tape);
}

/* ---- what is refused */

static void what_is_not_tls_is_refused_from_then_on(void **state)
{
    (void)state;
    for (unsigned side = 0; side < 2; side++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        struct tls_bytes *text = calloc(1, sizeof(*text));

        assert_non_null(text);
        tls_put(text, "GET / HTTP/1.1\r\n", 16);
        open_tcp(tape, &c, 0);
        data(tape, &c, side, 21000, text);
        ack(tape, &c, !side, 22000);
        struct played *played = open_player(plain_config());
        feed_rest(played, tape, 0);
        assert_int_equal(refused(played, SS_REFUSED_NOT_TLS), 2);
        assert_int_equal(ss_analyzer_counters(played->analyzer)->analyzed_packets, 3);
        assert_int_equal(played->analyzer->handshakes.used, 0); /* at once */
        flush(played);
        assert_int_equal(played->count, 0);
        close_player(played);
        free(text);
        free_tape(tape);
    }
}

static void what_began_before_the_tap_looked_is_refused(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    ack(tape, &c, SS_CLIENT, 0);
    data(tape, &c, SS_CLIENT, 10, &request);
    data(tape, &c, SS_SERVER, 20, &request);
    flag(tape, &c, SS_CLIENT, 30, SS_TCP_FIN);
    flag(tape, &c, SS_CLIENT, 40, SS_TCP_RST);
    send_as(tape, &c, SS_CLIENT, 50, (struct send){.flags = SS_TCP_RST | SS_TCP_SYN});
    struct played *played = play(tape);
    assert_int_equal(refused(played, SS_REFUSED_NO_START), 6);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->flows_opened, 0);
    assert_int_equal(played->count, 0);
    close_player(played);
    free_tape(tape);
}

static void only_the_ports_that_are_named_are_watched(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection watched = connection_of(51234), other = connection_of(51235);
    struct ss_analyzer_config config = plain_config();
    static uint8_t ports[65536 / 8];

    ports[443 >> 3] |= 1 << (443 & 7);
    config.ports = ports;
    other.port[SS_SERVER] = 8443;
    put_tls13(tape, &watched, 0);
    put_tls13(tape, &other, 0);
    struct played *played = play_with(tape, config, 64);
    assert_int_equal(refused(played, SS_REFUSED_NOT_WATCHED), 9);
    assert_int_equal(only_one(played)->client.port, 51234);
    close_player(played);
    free_tape(tape);
}

static void frames_that_cannot_be_read_are_counted_by_their_reason(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    static struct frame frame;

    syn(tape, &c, 0);
    tape->frames[0].frame.captured = 40;
    frame_start(&frame, SS_LINK_ETHERNET);
    frame_ethernet(&frame);
    frame_ip(&frame, "192.0.2.7", "198.51.100.1");
    frame_udp(&frame, 5, 443);
    put_frame(tape, &frame, 10);
    struct played *played = play_with(tape, plain_config(), 64);
    assert_int_equal(refused(played, SS_REFUSED_TRUNCATED), 1);
    assert_int_equal(refused(played, SS_REFUSED_NOT_TCP), 1);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->received_packets, 2);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->truncated_frames, 1);
    close_player(played);
    free_tape(tape);
}

/* ---- what is full */

static void a_full_table_gives_up_what_is_closed_first_and_what_is_open_never(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct ss_analyzer_config config = plain_config();
    struct connection c[18];

    config.flows_max = 16;
    for (unsigned i = 0; i < ROWS(c); i++)
        c[i] = connection_of((uint16_t)(1000 + i));
    put_tls13(tape, &c[0], 0); /* judged, and still talking */
    put_tls13(tape, &c[1], 1000);
    close_tcp(tape, &c[1], 60000); /* judged and closed */
    for (unsigned i = 2; i < 16; i++)
        syn(tape, &c[i], 70000 + i); /* under way */
    syn(tape, &c[16], 80000);
    unsigned second = tape->count;
    syn(tape, &c[17], 80001);
    unsigned third = tape->count;
    c[1].isn[SS_CLIENT]++;
    syn(tape, &c[1], 80002);

    struct played *played = open_player(config);
    const struct ss_analyzer_counters *counters = ss_analyzer_counters(played->analyzer);
    feed(played, tape, 0, second, 1);
    assert_int_equal(counters->flows_evicted, 1);
    assert_int_equal(count_news(played, SS_NEWS_ENDED), 1);
    assert_int_equal(played->news[played->count - 1].client.port, 1001);
    feed(played, tape, second, third, 1);
    assert_int_equal(counters->flows_evicted, 2);
    assert_int_equal(played->news[played->count - 1].client.port, 1000);
    assert_int_equal(refused(played, SS_REFUSED_FLOWS_FULL), 0);
    feed_rest(played, tape, third);
    assert_int_equal(counters->flows_evicted, 2);
    assert_int_equal(refused(played, SS_REFUSED_FLOWS_FULL), 1);
    close_player(played);
    free_tape(tape);
}

static void of_a_connection_whose_handshake_is_over_packets_are_shed_and_of_no_other(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection over = connection_of(1000), under_way = connection_of(1001);

    put_tls13(tape, &over, 0);
    unsigned begun = tape->count;
    put_tls13(tape, &under_way, 100000);
    data(tape, &over, SS_CLIENT, 160000, &request);
    data(tape, &over, SS_SERVER, 161000, &request);
    close_tcp(tape, &over, 170000);
    unsigned shed = tape->count;
    data(tape, &under_way, SS_CLIENT, 180000, &request);

    struct played *played = open_player(plain_config());
    feed(played, tape, 0, begun, 8);
    ss_analyzer_shed(played->analyzer, SS_SHED_BULK);
    feed(played, tape, begun, shed, 8);
    assert_int_equal(count_news(played, SS_NEWS_JUDGED), 2); /* a new one, too */
    assert_int_equal(ss_analyzer_counters(played->analyzer)->outcomes[0][SS_OUTCOME_COMPLETE], 2);
    assert_int_equal(refused(played, SS_REFUSED_SHED_BULK), 5);

    ss_analyzer_shed(played->analyzer, SS_SHED_NOTHING);
    feed_rest(played, tape, shed);
    assert_int_equal(refused(played, SS_REFUSED_SHED_BULK), 5);
    flush(played); /* that it was closed was seen, and its end says how many packets it had */
    assert_int_equal(count_news(played, SS_NEWS_ENDED), 2);
    struct ss_news *end = &played->news[played->count - 2];
    assert_int_equal(end->packets, end->client.port == 1000 ? begun + 5 : shed - begun - 5 + 1);
    close_player(played);
    free_tape(tape);
}

static void new_connections_are_shed_before_handshakes_under_way(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection under_way = connection_of(1000), late = connection_of(1001),
                      after = connection_of(1002);

    syn(tape, &under_way, 0);
    under_way = connection_of(1000);
    put_tls13(tape, &under_way, 10); /* its SYN comes again */
    unsigned first = tape->count;
    put_tls13(tape, &late, 100000);
    unsigned over = tape->count;
    put_tls13(tape, &after, 200000);

    struct played *played = open_player(plain_config());
    feed(played, tape, 0, 3, 8);
    ss_analyzer_shed(played->analyzer, SS_SHED_NEW);
    feed(played, tape, 3, over, 8);
    const struct ss_analyzer_counters *counters = ss_analyzer_counters(played->analyzer);
    assert_int_equal(counters->outcomes[0][SS_OUTCOME_COMPLETE], 1);
    assert_int_equal(counters->flows_opened, 1);
    /* What begins a connection is SYN, SYN-ACK and both hellos. */
    assert_int_equal(refused(played, SS_REFUSED_SHED_NEW), 4);
    assert_int_equal(refused(played, SS_REFUSED_NO_START), over - first - 4);

    ss_analyzer_shed(played->analyzer, SS_SHED_NOTHING);
    feed_rest(played, tape, over);
    assert_int_equal(counters->outcomes[0][SS_OUTCOME_COMPLETE], 2);
    close_player(played);
    free_tape(tape);
}

/* Both buckets of the newcomer are full, the table is not: nobody would be helped by giving way. */
static void where_only_the_buckets_are_full_nothing_gives_way(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct ss_analyzer_config config = plain_config();
    struct played *played = open_player(config);
    struct ss_flow_table *table = &played->analyzer->flows;
    unsigned found = 0;

    config = played->analyzer->config;
    for (uint32_t port = 1; found < 2 * SS_FLOW_SLOTS + 1 && port < 65536; port++) {
        for (uint8_t host = 1; host < 200 && found < 2 * SS_FLOW_SLOTS + 1; host++) {
            static char texts[2 * SS_FLOW_SLOTS + 1][16];
            struct connection c = connection_of((uint16_t)port);
            struct ss_packet packet = {.source_port = (uint16_t)port, .destination_port = 443};
            bool first;
            snprintf(texts[found], sizeof(texts[found]), "10.0.0.%u", host);
            c.ip[SS_CLIENT] = texts[found];
            assert_true(ss_ip_parse(c.ip[SS_CLIENT], strlen(c.ip[SS_CLIENT]), &packet.source));
            assert_true(ss_ip_parse(c.ip[SS_SERVER], strlen(c.ip[SS_SERVER]), &packet.destination));
            struct ss_flow_key key = ss_flow_key_of(&packet, NULL, &first);
            uint64_t hash = ss_flow_hash(&key, config.hash_seed);
            uint64_t a = hash & table->bucket_mask, b = ss_flow_second_bucket(table, hash);
            if (!(a == 1 && b == 2) && !(a == 2 && b == 1))
                continue;
            if (found++ < 2 * SS_FLOW_SLOTS)
                put_tls13(tape, &c, 100000 * found);
            else
                syn(tape, &c, 100000 * found);
        }
    }
    assert_int_equal(found, 2 * SS_FLOW_SLOTS + 1);
    feed_rest(played, tape, 0);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->flows_evicted, 0);
    assert_int_equal(refused(played, SS_REFUSED_FLOWS_FULL), 1);
    close_player(played);
    free_tape(tape);
}

/* There are 1024 blocks for handshakes under way. */
static void a_new_handshake_takes_the_block_of_one_that_stays_half_open(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct ss_analyzer_config config = plain_config();
    struct connection c;

    config.flows_max = 2000;
    for (unsigned i = 0; i < 1024; i++) {
        c = connection_of((uint16_t)(1000 + i));
        syn(tape, &c, i);
    }
    struct connection early_one = connection_of(9), late_one = connection_of(10);
    put_tls13(tape, &early_one, 500000);
    unsigned late = tape->count;
    put_tls13(tape, &late_one, 2 * SECOND);
    struct played *played = open_player(config);
    feed(played, tape, 0, late, 1);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->handshakes_full, 1);
    assert_int_equal(played->count, 0);
    feed_rest(played, tape, late);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->handshakes_full, 1);
    assert_int_equal(only_one(played)->client.port, 10);
    close_player(played);
    free_tape(tape);
}

/* The first encrypted record of a server's flight begins with its EncryptedExtensions. */
static void a_first_record_of_a_finisheds_size_does_not_end_the_flight(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    struct tls_bytes *first = calloc(1, sizeof(*first)), *rest = calloc(1, sizeof(*rest));

    assert_true(first != NULL && rest != NULL);
    put_server(first, (struct tls_server_recipe){.version = 0x0304, .group = 29});
    tls_put_noise_record(first, 23, 53);
    tls_put_noise_record(rest, 23, 2000);
    tls_put_noise_record(rest, 23, 53);
    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello13);
    data(tape, &c, SS_SERVER, 21000, first);
    data(tape, &c, SS_SERVER, 30000, rest);
    data(tape, &c, SS_CLIENT, 51000, &answer13);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_HELLO], US(21000));
    assert_int_equal(only_one(played)->mark_ns[SS_MARK_SERVER_FLIGHT], US(30000));
    close_player(played);
    free(first);
    free(rest);
    free_tape(tape);
}

/* Karn: it is not known which copy was acknowledged. */
static void what_was_sent_again_measures_no_round_trip(void **state)
{
    (void)state;
    for (unsigned again = 0; again < 2; again++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);

        data(tape, &c, SS_CLIENT, 0, &hello13);
        data(tape, &c, SS_SERVER, 1000, &server13);
        if (again)
            send_as(tape, &c, SS_SERVER, 201000, (struct send){.acked = AUTO, .payload = &server13});
        data(tape, &c, SS_CLIENT, 221000, &answer13);
        struct played *played = play(tape);
        assert_int_equal(only_one(played)->server_retransmits, again);
        assert_true(only_one(played)->rtt_ns == (again ? SS_MARK_UNSEEN : US(220000)));
        close_player(played);
        free_tape(tape);
    }
}

static void a_connection_closed_on_one_side_lives_on(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    put_tls13(tape, &c, 0);
    flag(tape, &c, SS_CLIENT, 60000, SS_TCP_FIN);
    data(tape, &c, SS_SERVER, 10 * SECOND, &request);
    flag(tape, &c, SS_SERVER, 20 * SECOND, SS_TCP_FIN);
    ack(tape, &c, SS_CLIENT, 20 * SECOND + 20000); /* a straggler */
    ack(tape, &c, SS_CLIENT, 23 * SECOND);         /* too late */
    struct played *played = play(tape);
    assert_int_equal(refused(played, SS_REFUSED_NO_START), 1);
    assert_int_equal(count_news(played, SS_NEWS_ENDED), 1);
    close_player(played);
    free_tape(tape);
}

/* A burst is looked up before it is processed. */
static void an_entry_given_away_within_a_burst_is_not_taken_for_the_connection_it_was(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct ss_analyzer_config config = plain_config();
    struct connection c[17];

    config.flows_max = 16;
    for (unsigned i = 0; i < ROWS(c); i++)
        c[i] = connection_of((uint16_t)(1000 + i));
    put_tls13(tape, &c[0], 0);
    for (unsigned i = 1; i < 16; i++)
        syn(tape, &c[i], 60000 + i);
    unsigned before = tape->count;
    syn(tape, &c[16], 70000);           /* takes the first one's entry */
    ack(tape, &c[0], SS_CLIENT, 70001); /* which still comes */
    syn_ack(tape, &c[16], 70040);       /* the entry was made within this burst */
    struct played *played = open_player(config);
    feed(played, tape, 0, before, 1);
    feed(played, tape, before, tape->count, 3);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->flows_evicted, 1);
    assert_int_equal(refused(played, SS_REFUSED_NO_START), 1);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->flows_opened, 17);
    close_player(played);
    free_tape(tape);
}

static void a_handshake_that_was_answered_keeps_its_block(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct ss_analyzer_config config = plain_config();

    config.flows_max = 2000;
    for (unsigned i = 0; i < 1024; i++) {
        struct connection c = connection_of((uint16_t)(1000 + i));
        data(tape, &c, SS_CLIENT, i, &hello13);
        data(tape, &c, SS_SERVER, i, &server13);
    }
    struct connection late = connection_of(9);
    put_tls13(tape, &late, 5 * SECOND);
    struct played *played = open_player(config);
    feed_rest(played, tape, 0);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->handshakes_full, 1);
    assert_int_equal(played->count, 0);
    free_tape(tape);
    close_player(played);
}

/* A second after its hello the server has not answered; meanwhile 1024 blocks are held by lone beginnings of
 * hellos, and more come. */
static void lone_beginnings_of_hellos_keep_no_block_from_a_slow_handshake(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct ss_analyzer_config config = plain_config();
    struct connection slow = connection_of(9), c;

    config.flows_max = 4000;
    for (unsigned i = 0; i < 1023; i++) {
        c = connection_of((uint16_t)(1000 + i));
        send_as(tape, &c, SS_CLIENT, i, (struct send){.payload = &hello13, .to = 6});
    }
    open_tcp(tape, &slow, 9 * SECOND);
    data(tape, &slow, SS_CLIENT, 9 * SECOND + 20500, &hello13);
    ack(tape, &slow, SS_SERVER, 9 * SECOND + 20530);
    for (unsigned i = 0; i < 800; i++) {
        c = connection_of((uint16_t)(3000 + i));
        send_as(tape, &c, SS_CLIENT, 9 * SECOND + 100000 + 2 * i * 1000,
                (struct send){.payload = &hello13, .to = 6});
    }
    data(tape, &slow, SS_SERVER, 11 * SECOND, &server13);
    data(tape, &slow, SS_CLIENT, 11 * SECOND + 20000, &answer13);
    ack(tape, &slow, SS_SERVER, 11 * SECOND + 20020);
    struct played *played = open_player(config);
    feed_rest(played, tape, 0);
    const struct ss_analyzer_counters *counters = ss_analyzer_counters(played->analyzer);
    assert_int_equal(counters->handshakes_full, 0);
    assert_int_equal(counters->lacking_evidence, 800);
    assert_int_equal(played->count, 801);
    assert_true(played->found[0].lacks_evidence);
    const struct ss_finding *last = &played->found[played->count - 1];
    assert_int_equal(last->client.port, 9);
    assert_int_equal(last->outcome, SS_OUTCOME_COMPLETE);
    assert_false(last->lacks_evidence);
    free_tape(tape);
    close_player(played);
}

static void a_handshake_that_only_waits_for_late_frames_gives_its_block_away(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct ss_analyzer_config config = plain_config();
    config.flows_max = 2000;
    config.disorder_ns = 60 * SS_NS_PER_S;
    for (unsigned i = 0; i < 1024; i++) {
        struct connection c = connection_of((uint16_t)(1000 + i));
        data(tape, &c, SS_CLIENT, 2 * i, &hello13);
        flag(tape, &c, SS_CLIENT, 2 * i + 1, SS_TCP_RST);
    }
    struct connection late = connection_of(9);
    put_tls13(tape, &late, 2 * SECOND);
    struct played *played = open_player(config);
    feed_rest(played, tape, 0);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->handshakes_full, 0);
    close_player(played);
    free_tape(tape);
}

static void hellos_that_find_no_block_are_counted(void **state)
{
    (void)state;
    struct tape *tape = new_tape();

    for (unsigned i = 0; i < 70; i++) { /* there are 64 blocks */
        struct connection c = connection_of((uint16_t)(1000 + i));
        syn(tape, &c, i);
        send_as(tape, &c, SS_CLIENT, 1000 + i, (struct send){.payload = &hello13, .to = 100});
    }
    struct played *played = open_player(plain_config());
    feed(played, tape, 0, tape->count, 64);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->hellos_full, 6);
    close_player(played);
    free_tape(tape);
}

static const struct ss_finding *found_of(const struct played *played, uint16_t client_port)
{
    unsigned i = 0;

    while (i < played->count && played->found[i].client.port != client_port)
        i++;
    assert_true(i < played->count);
    return &played->found[i];
}

/* Half a hello, and nothing more. */
static void put_half_hellos(struct tape *tape, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct connection c = connection_of((uint16_t)(1000 + i));
        send_as(tape, &c, SS_CLIENT, i, (struct send){.payload = &hello13, .to = 100});
    }
}

static void half_hellos_give_their_blocks_to_hellos_of_a_second_later(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        int64_t us;
        bool is_read;
    } rows[] = {{"half a second", SECOND / 2, false}, {"two seconds", 2 * SECOND, true}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(9);
        print_message("%s\n", rows[i].about);
        put_half_hellos(tape, 64); /* as many as there are blocks */
        send_as(tape, &c, SS_CLIENT, rows[i].us, (struct send){.payload = &hello13, .to = 100});
        send_as(tape, &c, SS_CLIENT, rows[i].us + 10,
                (struct send){.offset = AUTO, .payload = &hello13, .from = 100});
        data(tape, &c, SS_SERVER, rows[i].us + 20, &server13);
        data(tape, &c, SS_CLIENT, rows[i].us + 20000, &answer13);
        ack(tape, &c, SS_SERVER, rows[i].us + 20100);
        struct played *played = open_player(plain_config());
        feed_rest(played, tape, 0);
        assert_int_equal(played->count, 1);
        assert_string_equal(played->found[0].tls.sni, rows[i].is_read ? "example.com" : "");
        assert_false(played->found[0].lacks_evidence);
        assert_int_equal(ss_analyzer_counters(played->analyzer)->hellos_full, 1);
        flush(played);
        assert_int_equal(ss_analyzer_counters(played->analyzer)->lacking_evidence, rows[i].is_read);
        close_player(played);
        free_tape(tape);
    }
}

static void a_hello_that_gave_its_block_away_is_a_hello_all_the_same(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(1000);

    put_half_hellos(tape, 64);
    for (unsigned i = 0; i < 64; i++) {
        struct connection other = connection_of((uint16_t)(2000 + i));
        send_as(tape, &other, SS_CLIENT, 2 * SECOND + i, (struct send){.payload = &hello13, .to = 100});
    }
    send_as(tape, &c, SS_CLIENT, 3 * SECOND, (struct send){.offset = 100, .payload = &hello13, .from = 100});
    data(tape, &c, SS_SERVER, 3 * SECOND + 20, &server13);
    data(tape, &c, SS_CLIENT, 3 * SECOND + 20000, &answer13);
    ack(tape, &c, SS_SERVER, 3 * SECOND + 20100);
    struct played *played = open_player(plain_config());
    feed_rest(played, tape, 0);
    assert_int_equal(played->count, 1);
    assert_int_equal(played->found[0].outcome, SS_OUTCOME_COMPLETE);
    assert_int_equal(played->found[0].mark_ns[SS_MARK_CLIENT_HELLO], US(3 * SECOND));
    assert_string_equal(played->found[0].tls.sni, "");
    assert_true(played->found[0].lacks_evidence);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->hellos_full, 64);
    close_player(played);
    free_tape(tape);
}

/* A hello whose second half comes first, of others that have every block for segments out of order. */
static void stalled_connections_give_their_early_segments_for_those_of_a_second_later(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        int64_t us;
        enum ss_outcome outcome;
    } rows[] = {
        {"half a second", SECOND / 2, SS_OUTCOME_UNFINISHED},
        {"two seconds", 2 * SECOND, SS_OUTCOME_COMPLETE},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(9);
        print_message("%s\n", rows[i].about);
        for (unsigned n = 0; n < 512; n++) { /* there are 512 blocks; each connection has eight */
            struct connection other = connection_of((uint16_t)(1000 + n / 8));
            if (n % 8 == 0)
                syn(tape, &other, n);
            send_as(tape, &other, SS_CLIENT, n,
                    (struct send){.offset = 10 + 2 * (n % 8), .payload = &hello13, .to = 1});
        }
        open_tcp(tape, &c, rows[i].us);
        send_as(tape, &c, SS_CLIENT, rows[i].us + 20500,
                (struct send){.offset = 100, .payload = &hello13, .from = 100});
        send_as(tape, &c, SS_CLIENT, rows[i].us + 20510, (struct send){.payload = &hello13, .to = 100});
        ack(tape, &c, SS_SERVER, rows[i].us + 20600);
        data(tape, &c, SS_SERVER, rows[i].us + 21000, &server13);
        data(tape, &c, SS_CLIENT, rows[i].us + 41000, &answer13);
        ack(tape, &c, SS_SERVER, rows[i].us + 41100);
        ack(tape, &c, SS_CLIENT, rows[i].us + 61100);
        struct played *played = open_player(plain_config());
        feed_rest(played, tape, 0);
        bool is_kept = rows[i].outcome == SS_OUTCOME_COMPLETE;
        assert_int_equal(ss_analyzer_counters(played->analyzer)->segments_full,
                         is_kept ? 8 : 2); /* the half, and the answer behind the hole */
        flush(played);
        const struct ss_finding *finding = found_of(played, 9);
        assert_int_equal(finding->outcome, rows[i].outcome);
        assert_int_equal(finding->lacks_evidence, !is_kept);
        assert_int_equal(played->mirror_loss.missing_bytes, 0); /* they were shown */
        close_player(played);
        free_tape(tape);
    }
}

/* Connections with a SYN, or a SYN-ACK, that is sent again, and nothing more. */
static void put_half_open(struct tape *tape, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct connection c = connection_of((uint16_t)(1000 + i));
        syn(tape, &c, i);
        if (i % 2 > 0)
            syn_ack(tape, &c, i);
        (i % 2 > 0 ? syn_ack : syn)(tape, &c, SECOND + i);
    }
}

/* A handshake whose flight is sent again after 250 ms. */
static void put_lossy(struct tape *tape, struct connection *c, int64_t us)
{
    data(tape, c, SS_CLIENT, us, &hello13);
    data(tape, c, SS_SERVER, us + 1000, &server13);
    c->sent[SS_SERVER] = 0;
    data(tape, c, SS_SERVER, us + 251000, &server13);
    data(tape, c, SS_CLIENT, us + 271000, &answer13);
    ack(tape, c, SS_SERVER, us + 271020);
}

static struct played *play_flagged(const struct tape *tape)
{
    struct ss_analyzer_config config = plain_config();

    config.slow.handshake_ns = 200 * SS_NS_PER_MS;
    struct played *played = open_player(config);
    feed(played, tape, 0, tape->count, 64);
    return played;
}

static void half_open_connections_give_their_blocks_of_evidence_away(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    put_half_open(tape, 300); /* there are 256 blocks */
    open_tcp(tape, &c, 2 * SECOND);
    put_lossy(tape, &c, 2 * SECOND + 20500);
    struct played *played = play_flagged(tape);
    const struct ss_finding *finding = only_one(played);
    assert_int_equal(finding->verdict, SS_VERDICT_LOSS);
    assert_int_equal(finding->confidence, SS_CONFIDENCE_HIGH);
    assert_false(finding->lacks_evidence);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->lacking_evidence, 0);
    close_player(played);
    free_tape(tape);
}

static void
a_half_open_connection_that_is_answered_after_all_lacks_the_evidence_that_it_gave_away(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection first = connection_of(1000);

    put_half_open(tape, 257);
    syn_ack(tape, &first, 2 * SECOND);
    ack(tape, &first, SS_CLIENT, 2 * SECOND + 20000);
    data(tape, &first, SS_CLIENT, 2 * SECOND + 20500, &hello13);
    data(tape, &first, SS_SERVER, 2 * SECOND + 21700, &server13);
    data(tape, &first, SS_CLIENT, 2 * SECOND + 50000, &answer13);
    ack(tape, &first, SS_SERVER, 2 * SECOND + 50020);
    struct played *played = play_flagged(tape);
    const struct ss_finding *finding = only_one(played);
    assert_true(finding->lacks_evidence);
    assert_int_equal(finding->client_retransmits, 1);
    assert_int_equal(finding->confidence, SS_CONFIDENCE_LOW);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->lacking_evidence, 1);
    close_player(played);
    free_tape(tape);
}

static void a_handshake_whose_evidence_finds_no_block_is_judged_with_low_confidence_and_counted(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    for (unsigned i = 0; i < 256; i++) { /* as many as there are blocks */
        struct connection other = connection_of((uint16_t)(1000 + i));
        data(tape, &other, SS_CLIENT, i, &hello13);
        other.sent[SS_CLIENT] = 0;
        data(tape, &other, SS_CLIENT, SECOND + i, &hello13);
    }
    open_tcp(tape, &c, 2 * SECOND);
    put_lossy(tape, &c, 2 * SECOND + 20500);
    struct played *played = play_flagged(tape);
    const struct ss_finding *finding = only_one(played);
    assert_true(finding->lacks_evidence);
    assert_int_equal(finding->confidence, SS_CONFIDENCE_LOW);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->lacking_evidence, 1);
    close_player(played);
    free_tape(tape);
}

/* A ClientHello in more segments than a handshake remembers without a block for more. */
static void put_hello_in_segments(struct tape *tape, struct connection *c, int64_t us)
{
    for (size_t from = 0; from < 60; from += 10)
        send_as(tape, c, SS_CLIENT, us + (int64_t)from,
                (struct send){.offset = AUTO, .payload = &hello13, .from = from, .to = from + 10});
}

static void put_long_handshake(struct tape *tape, struct connection *c, int64_t us)
{
    open_tcp(tape, c, us);
    put_hello_in_segments(tape, c, us + 20500);
    send_as(tape, c, SS_CLIENT, us + 20600,
            (struct send){.offset = AUTO, .acked = AUTO, .payload = &hello13, .from = 60});
    data(tape, c, SS_SERVER, us + 21700, &server13);
    ack(tape, c, SS_CLIENT, us + 41800);
    data(tape, c, SS_CLIENT, us + 1050000, &answer13);
    ack(tape, c, SS_SERVER, us + 1050020);
}

static void a_long_handshake_that_finds_no_block_is_judged_with_low_confidence_and_counted(void **state)
{
    (void)state;
    for (unsigned others = 0; others <= 256; others += 256) { /* there are 256 blocks */
        struct tape *tape = new_tape();
        struct ss_analyzer_config config = plain_config();
        struct connection late = connection_of(9);

        for (unsigned i = 0; i < others; i++) {
            struct connection c = connection_of((uint16_t)(1000 + i));
            syn(tape, &c, i);
            put_hello_in_segments(tape, &c, 1000 + i);
        }
        put_long_handshake(tape, &late, 5000);
        config.slow.handshake_ns = 300 * SS_NS_PER_MS;
        struct played *played = open_player(config);
        feed(played, tape, 0, tape->count, 64);
        assert_int_equal(played->count, 1);
        assert_int_equal(played->found[0].verdict, SS_VERDICT_CLIENT);
        assert_int_equal(played->found[0].confidence, others > 0 ? SS_CONFIDENCE_LOW : SS_CONFIDENCE_HIGH);
        assert_int_equal(played->found[0].mark_ns[SS_MARK_CLIENT_HELLO_FIRST], US(20500));
        assert_int_equal(ss_analyzer_counters(played->analyzer)->lacking_evidence, others > 0);
        close_player(played);
        free_tape(tape);
    }
}

static void the_block_of_evidence_goes_on_to_the_next_handshake(void **state)
{
    (void)state;
    struct tape *tape = new_tape();

    for (unsigned i = 0; i < 300; i++) {
        struct connection c = connection_of((uint16_t)(1000 + i));
        open_tcp(tape, &c, i * 4LL * SECOND);
        put_lossy(tape, &c, i * 4LL * SECOND + 20500);
    }
    struct played *played = open_player(plain_config());
    feed(played, tape, 0, tape->count, 64);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->handshakes, 300);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->lacking_evidence, 0);
    close_player(played);
    free_tape(tape);
}

static void findings_that_nobody_fetches_are_counted_and_flush_waits_for_room(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct ss_analyzer_config config = plain_config();
    unsigned flushes = 0;

    config.flows_max = 2000;
    config.handshakes_bytes = 64 << 20;
    for (unsigned i = 0; i < 800; i++) {
        struct connection c = connection_of((uint16_t)(1000 + i));
        syn(tape, &c, i);
        data(tape, &c, SS_CLIENT, 1000 + i, &hello13);
    }
    struct played *played = open_player(config);
    feed(played, tape, 0, tape->count, 64);
    while (ss_analyzer_flush(played->analyzer)) {
        flushes++;
        drain(played);
    }
    drain(played);
    assert_true(flushes >= 1);
    assert_int_equal(played->count, 1600);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->news_dropped, 0);
    close_player(played);

    played = open_player(config); /* 64 connections a burst of packets, again and again, and nobody fetches */
    for (unsigned round = 0; round < 20; round++) {
        struct tape *again = new_tape();
        for (unsigned i = 0; i < 64; i++) {
            struct connection c = connection_of((uint16_t)(1000 + i));
            c.isn[SS_CLIENT] += round * 100000;
            syn(again, &c, round * SECOND + i);
            data(again, &c, SS_CLIENT, round * SECOND + 1000 + i, &hello13);
            flag(again, &c, SS_CLIENT, round * SECOND + 2000 + i, SS_TCP_RST);
        }
        for (unsigned i = 0; i < again->count; i += 64) {
            struct ss_frame frames[64];
            for (unsigned k = 0; k < 64; k++)
                frames[k] = again->frames[i + k].frame;
            ss_analyzer_feed(played->analyzer, frames, 64);
        }
        free_tape(again);
    }
    assert_true(ss_analyzer_counters(played->analyzer)->news_dropped > 0);
    drain(played);
    assert_int_equal(played->count + played->seconds_told, SS_NEWS_MAX);
    close_player(played);
    free_tape(tape);
}

/* ---- time */

static void a_connection_is_forgotten_after_its_silence_however_long_that_was(void **state)
{
    (void)state;
    static const struct {
        int64_t silence_s;
        bool is_forgotten;
    } rows[] = {{299, false},          {301, true},           {3600, true},
                {2147484 - 100, true}, {2147484 + 100, true}, {30 * 86400, true}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        put_tls13(tape, &c, 0);
        unsigned before = tape->count;
        data(tape, &c, SS_CLIENT, 50020 + rows[i].silence_s * SECOND, &request);
        struct played *played = open_player(plain_config());
        feed(played, tape, 0, before, 1);
        ss_analyzer_tick(played->analyzer, EPOCH_NS + US(50020 + rows[i].silence_s * SECOND));
        feed_rest(played, tape, before);
        assert_int_equal(refused(played, SS_REFUSED_NO_START), rows[i].is_forgotten);
        close_player(played);

        played = open_player(plain_config()); /* and by upkeep alone */
        feed(played, tape, 0, before, 1);
        idle_until(played, 50020 + rows[i].silence_s * SECOND);
        assert_int_equal(played->analyzer->flows.entries.used, !rows[i].is_forgotten);
        close_player(played);
        free_tape(tape);
    }
}

static void a_packet_is_late_by_its_own_time_and_not_by_that_of_its_burst(void **state)
{
    (void)state;
    for (unsigned burst = 1; burst <= 2; burst++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234), other = connection_of(9);
        put_tls13(tape, &c, 0);
        unsigned before = tape->count;
        data(tape, &c, SS_CLIENT, 50020 + 299 * SECOND, &request);
        syn(tape, &other, 50020 + 302 * SECOND);
        struct played *played = open_player(plain_config());
        feed(played, tape, 0, before, 1);
        feed(played, tape, before, tape->count, burst);
        assert_int_equal(refused(played, SS_REFUSED_NO_START), 0);
        close_player(played);
        free_tape(tape);
    }
}

/* Frames with wrong times: +48 and -21 years. */
static void a_single_packet_of_another_year_costs_no_mark_but_its_own(void **state)
{
    (void)state;
    static const int64_t years_s[] = {1500000000, -660000000};

    for (size_t i = 0; i < ROWS(years_s); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        put_tls13(tape, &c, 0);
        tape->frames[1].frame.time_ns += years_s[i] * SS_NS_PER_S;
        for (unsigned burst = 1; burst <= 3; burst += 2) {
            struct played *played = play_with(tape, plain_config(), burst);
            const struct ss_finding *finding = only_one(played);
            assert_int_equal(finding->outcome, SS_OUTCOME_COMPLETE);
            assert_int_equal(finding->mark_ns[SS_MARK_SYN], 0);
            assert_int_equal(finding->mark_ns[SS_MARK_SYN_ACK], US(40) + years_s[i] * SS_NS_PER_S);
            assert_int_equal(finding->mark_ns[SS_MARK_ACK], US(20000));
            assert_int_equal(finding->mark_ns[SS_MARK_CLIENT_FINISHED], US(50000));
            close_player(played);
        }
        free_tape(tape);
    }
}

static void a_single_packet_of_another_year_ages_not_even_its_own_connection(void **state)
{
    (void)state;
    static const int64_t years_s[] = {1500000000, -660000000};

    for (size_t i = 0; i < ROWS(years_s); i++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234);
        put_tls13(tape, &c, 0);
        data(tape, &c, SS_CLIENT, 60000 + years_s[i] * SECOND, &request);
        data(tape, &c, SS_CLIENT, 60010, &request);
        struct played *played = play(tape);
        assert_int_equal(refused(played, SS_REFUSED_NO_START), 0);
        assert_int_equal(played->news[played->count - 1].packets, tape->count);
        close_player(played);
        free_tape(tape);
    }
}

static void frames_may_be_late_by_as_much_as_was_said_whenever_upkeep_has_its_turn(void **state)
{
    (void)state;
    static const struct {
        int64_t disorder_s, other_s, late_s; /* how far they may; when the newest comes, and the late one */
        bool is_taken;
    } rows[] = {{60, 60, 1, true}, {60, 60, 3, false}, {60, 30, 1, true}, {0, 60, 1, false}};

    for (size_t i = 0; i < 2 * ROWS(rows); i++) {
        int64_t shift_ns = i % 2 == 0 ? 0 : EPOCH_NS; /* to 1970, where some captures are */
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234), other = connection_of(9);
        struct ss_analyzer_config config = plain_config();
        config.disorder_ns = rows[i / 2].disorder_s * SS_NS_PER_S;
        put_tls13(tape, &c, 0);
        flag(tape, &c, SS_CLIENT, 60000, SS_TCP_RST);
        syn(tape, &other, rows[i / 2].other_s * SECOND);
        unsigned before = tape->count;
        data(tape, &c, SS_SERVER, rows[i / 2].late_s * SECOND, &request);
        for (unsigned k = 0; k < tape->count; k++)
            tape->frames[k].frame.time_ns -= shift_ns;
        struct played *played = open_player(config);
        feed(played, tape, 0, before, 1);
        for (unsigned turn = 0; turn < 1000; turn++)
            ss_upkeep(played->analyzer);
        feed_rest(played, tape, before);
        assert_int_equal(refused(played, SS_REFUSED_NO_START), !rows[i / 2].is_taken);
        close_player(played);
        free_tape(tape);
    }
}

static void where_frames_may_be_late_one_that_is_far_ahead_ages_nothing_until_it_is_told_to(void **state)
{
    (void)state;
    for (unsigned told = 0; told < 2; told++) {
        struct tape *tape = new_tape();
        struct connection c = connection_of(51234), other = connection_of(9);
        struct ss_analyzer_config config = plain_config();
        config.disorder_ns = 10 * SS_NS_PER_S;
        put_tls13(tape, &c, 0);
        syn(tape, &other, 3600LL * SECOND);
        struct played *played = open_player(config);
        if (told) {
            feed(played, tape, 0, tape->count - 1, 1);
            ss_analyzer_tick(played->analyzer, EPOCH_NS + US(3600LL * SECOND));
        }
        feed(played, tape, told ? tape->count - 1 : 0, tape->count, 1);
        for (unsigned turn = 0; turn < 1000; turn++)
            ss_upkeep(played->analyzer);
        assert_int_equal(played->analyzer->flows.entries.used, told ? 1 : 2);
        close_player(played);
        free_tape(tape);
    }
}

static void the_end_of_a_connection_is_told_though_its_finding_is_overwritten(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct ss_analyzer_config config = plain_config();
    struct connection c = connection_of(51234);

    config.handshakes_bytes = 256 << 10;
    config.per_flow_bytes = 8 << 10;
    put_tls13(tape, &c, 0);
    unsigned packets = tape->count + 1;
    for (unsigned i = 0; i < 200; i++) {
        struct connection other = connection_of((uint16_t)(1000 + i));
        put_tls13(tape, &other, 100000 + 1000 * i);
    }
    data(tape, &c, SS_CLIENT, 2 * SECOND, &request);
    struct played *played = play_with(tape, config, 1);
    const struct ss_news *first = &played->news[0], *end = NULL;
    for (unsigned i = 0; i < played->count; i++) {
        if (played->news[i].kind == SS_NEWS_ENDED && played->news[i].client.port == 51234)
            end = &played->news[i];
    }
    assert_null(ss_analyzer_finding(played->analyzer, first->note));
    assert_non_null(end);
    assert_int_equal(end->start_ns, first->start_ns);
    assert_int_equal(end->server.port, 443);
    assert_int_equal(end->note, first->note);
    assert_true(end->is_tls);
    assert_int_equal(end->packets, packets);
    close_player(played);
    free_tape(tape);
}

/* All that the analyzer knew of the time is over with the flush. */
static void another_capture_may_follow_a_flush_whatever_its_time(void **state)
{
    (void)state;
    static const int64_t apart_s[] = {-100000000, -3600, 1, 3600, 100000000};

    for (size_t i = 0; i < ROWS(apart_s); i++) {
        struct tape *first = new_tape(), *second = new_tape();
        struct connection c = connection_of(51234), again = connection_of(51234);
        put_tls13(first, &c, 0);
        put_tls13(second, &again, apart_s[i] * SECOND);
        struct played *played = play(first);
        feed_rest(played, second, 0);
        flush(played);
        assert_int_equal(count_news(played, SS_NEWS_JUDGED), 2);
        CHECK_MARKS(judged(played, 1), TLS13_MARKS);
        assert_int_equal(judged(played, 1)->start_ns - judged(played, 0)->start_ns, apart_s[i] * SS_NS_PER_S);
        close_player(played);
        free_tape(second);
        free_tape(first);
    }
}

/* As files that were put together from others do. */
static void handshakes_of_earlier_than_those_before_are_measured_all_the_same(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection late = connection_of(51234), earlier = connection_of(51235);

    put_tls13(tape, &late, 0);
    put_tls13(tape, &earlier, -3600LL * SECOND);
    struct played *played = open_player(plain_config());
    for (unsigned i = 0; i < tape->count; i++) {
        feed(played, tape, i, i + 1, 1);
        for (unsigned turn = 0; turn < 1000; turn++)
            ss_upkeep(played->analyzer);
    }
    flush(played);
    assert_int_equal(count_news(played, SS_NEWS_JUDGED), 2);
    for (unsigned i = 0; i < 2; i++)
        CHECK_MARKS(judged(played, i), TLS13_MARKS);
    close_player(played);
    free_tape(tape);
}

static void times_of_any_size_do_no_harm(void **state)
{
    (void)state;
    static const int64_t times[] = {0, -1, INT64_MIN, INT64_MAX, 1, INT64_MIN + 1, INT64_MAX - 1, 1LL << 62};

    for (size_t i = 0; i < ROWS(times); i++) {
        for (size_t k = 0; k < ROWS(times); k++) {
            struct tape *tape = new_tape();
            struct connection c = connection_of(51234);
            struct ss_analyzer_config config = plain_config();
            config.slow.handshake_ns = config.slow.unfinished_ns = SS_NS_PER_S;
            put_tls13(tape, &c, 0);
            syn(tape, &c, 0);
            for (unsigned n = 0; n < tape->count; n++)
                tape->frames[n].frame.time_ns = times[n % 3 ? i : k];
            struct played *played = play_with(tape, config, 3);
            ss_analyzer_tick(played->analyzer, times[k]);
            close_player(played);
            free_tape(tape);
        }
    }
}

static void the_same_packets_give_the_same_findings_however_they_are_cut_into_bursts(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct played *base;

    for (unsigned i = 0; i < 40; i++) {
        struct connection c = connection_of((uint16_t)(1000 + i % 30));
        c.isn[SS_CLIENT] += i * 100000;
        put_tls13(tape, &c, i * 70000);
        if (i % 5 == 0)
            drop_last(tape, 3); /* unfinished */
        if (i % 3 == 0)
            close_tcp(tape, &c, i * 70000 + 60000);
    }
    base = play_with(tape, plain_config(), 1);
    static const unsigned bursts[] = {2, 7, 32, 64};
    for (size_t b = 0; b < ROWS(bursts); b++) {
        struct played *played = play_with(tape, plain_config(), bursts[b]);
        assert_int_equal(count_news(played, SS_NEWS_JUDGED), count_news(base, SS_NEWS_JUDGED));
        for (unsigned i = 0; i < count_news(base, SS_NEWS_JUDGED); i++) {
            const struct ss_finding *finding = judged(base, i);
            unsigned k = 0; /* bursts may change the order in which findings come, nothing else */
            while (judged(played, k)->start_ns != finding->start_ns ||
                   judged(played, k)->client.port != finding->client.port)
                k++;
            assert_memory_equal(judged(played, k), finding, sizeof(*finding));
        }
        close_player(played);
    }
    close_player(base);
    free_tape(tape);
}

/* ---- export */

#define FIRST 1000 /* as many as the handshakes tier keeps of a connection */

/* All that the cursor gives, checked to be the connection's, newest first and each once. */
static unsigned read_all(struct played *played, uint64_t note, const char *client, uint64_t *ret_packets)
{
    struct ss_export_cursor cursor;
    struct ss_history_record record;
    uint64_t last = UINT64_MAX;

    assert_true(ss_export_begin(played->analyzer, note, &cursor));
    while (ss_export_next(played->analyzer, &cursor, &record)) {
        struct ss_frame frame = {
            .data = record.data, .captured = record.captured, .wire = record.wire, .link = record.link};
        struct ss_packet packet;
        struct ss_ip ip;
        assert_int_equal(record.kind, SS_HISTORY_FRAME);
        assert_true(record.number < last);
        last = record.number;
        assert_int_equal(ss_packet_decode(&frame, NULL, &packet), SS_REFUSED_NOTHING);
        assert_true(ss_ip_parse(client, strlen(client), &ip));
        assert_true(ss_ip_equal(&packet.source, &ip) || ss_ip_equal(&packet.destination, &ip));
    }
    *ret_packets = cursor.packets;
    return (unsigned)cursor.given;
}

static uint64_t note_of_first(const struct played *played)
{
    for (unsigned i = 0; i < played->count; i++) {
        if (played->news[i].kind == SS_NEWS_JUDGED)
            return played->news[i].note;
    }
    fail_msg("nothing was judged");
    return 0;
}

static void the_clock_error_is_that_of_the_latest_stamped_packet_even_after_the_handshake(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    uint64_t packets;

    put_tls13(tape, &c, 0);
    tape->frames[tape->count - 2].frame.clock_error_ns = 700; /* the answer */
    ack(tape, &c, SS_SERVER, 60000);
    tape->frames[tape->count - 1].frame.clock_error_ns = 3000;
    ack(tape, &c, SS_CLIENT, 70000);
    struct played *played = play(tape);
    assert_int_equal(only_one(played)->clock_error_ns, 700); /* as far as was known when it was judged */
    read_all(played, note_of_first(played), c.ip[SS_CLIENT], &packets);
    assert_int_equal(ss_analyzer_finding(played->analyzer, note_of_first(played))->clock_error_ns, 3000);
    close_player(played);
    free_tape(tape);
}

/* How many of a connection's packets the handshakes tier keeps. */
static unsigned first_packets(const struct tape *tape, uint32_t per_flow_bytes)
{
    uint32_t bytes = 0;
    unsigned count = 0;

    while (bytes < per_flow_bytes)
        bytes += tape->frames[count++].frame.captured;
    return count;
}

static void put_requests(struct tape *tape, struct connection *c, unsigned count, int64_t us)
{
    for (unsigned i = 0; i < count; i++)
        data(tape, c, i % 2, us + i, &request);
}

static void an_export_gives_each_packet_once_whatever_tiers_there_are(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        uint64_t recent_bytes;
        uint32_t per_flow_bytes;
        unsigned others; /* packets of another connection afterwards */
        unsigned given;
    } rows[] = {
        {"both tiers have all", 1 << 20, 32 << 10, 0, 29},
        {"the recent tier is off, the other has all", 0, 32 << 10, 0, 29},
        {"the recent tier is off, the other only the first bytes", 0, 3000, 0, FIRST},
        {"the recent tier has been overwritten", 64 << 10, 32 << 10, 300, 29},
        {"the recent tier has been overwritten, the other has only the first bytes", 64 << 10, 3000, 300,
         FIRST},
        {"what the two tiers have does not meet", 4000, 3000, 0, FIRST + 10},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (unsigned ended = 0; ended < 2; ended++) {
            struct tape *tape = new_tape();
            struct connection c = connection_of(51234), other = connection_of(9);
            struct ss_analyzer_config config = plain_config();
            uint64_t packets;

            print_message("%s\n", rows[i].about);
            config.recent_bytes = rows[i].recent_bytes;
            config.per_flow_bytes = rows[i].per_flow_bytes;
            other.ip[SS_CLIENT] = "192.0.2.8";
            put_tls13(tape, &c, 0);
            put_requests(tape, &c, 20, 60000);
            if (rows[i].others > 0)
                put_tls13(tape, &other, 70000);
            put_requests(tape, &other, rows[i].others, 200000);
            struct played *played = open_player(config);
            feed_rest(played, tape, 0);
            if (ended)
                flush(played);
            unsigned given = read_all(played, note_of_first(played), "192.0.2.7", &packets);
            assert_int_equal(packets, 29);
            unsigned first = first_packets(tape, 3000);
            assert_int_equal(given, rows[i].given < FIRST ? rows[i].given : rows[i].given - FIRST + first);
            close_player(played);
            free_tape(tape);
        }
    }
}

static void a_cursor_survives_feeds_and_what_is_overwritten_meanwhile_is_missing(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234), other = connection_of(9);
    struct ss_analyzer_config config = plain_config();
    struct ss_export_cursor cursor;
    struct ss_history_record record;

    config.recent_bytes = 64 << 10;
    config.per_flow_bytes = 3000;
    put_tls13(tape, &c, 0);
    put_requests(tape, &c, 20, 60000);
    unsigned before = tape->count;
    put_tls13(tape, &other, 70000);
    put_requests(tape, &other, 300, 200000);
    struct played *played = open_player(config);
    feed(played, tape, 0, before, 1);
    assert_true(ss_export_begin(played->analyzer, note_of_first(played), &cursor));
    for (unsigned i = 0; i < 5; i++)
        assert_true(ss_export_next(played->analyzer, &cursor, &record));
    feed_rest(played, tape, before);
    uint64_t last = record.number;
    while (ss_export_next(played->analyzer, &cursor, &record)) {
        assert_true(record.number < last);
        last = record.number;
    }
    assert_int_equal(cursor.given, 5 + first_packets(tape, 3000));
    assert_int_equal(cursor.packets, 29);
    close_player(played);
    free_tape(tape);
}

static void the_finding_that_was_overwritten_cannot_be_exported(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct ss_analyzer_config config = plain_config();
    struct ss_export_cursor cursor = {.packets = 77};

    config.handshakes_bytes = 64 << 10;
    for (unsigned i = 0; i < 100; i++) {
        struct connection c = connection_of((uint16_t)(1000 + i));
        put_tls13(tape, &c, i * 60000);
    }
    struct played *played = open_player(config);
    feed_rest(played, tape, 0);
    uint64_t note = note_of_first(played);
    assert_null(ss_analyzer_finding(played->analyzer, note));
    assert_false(ss_export_begin(played->analyzer, note, &cursor));
    assert_int_equal(cursor.packets, 77);
    assert_null(ss_analyzer_finding(played->analyzer, SS_HISTORY_NONE));
    assert_null(ss_analyzer_finding(played->analyzer, note + 8));
    close_player(played);
    free_tape(tape);
}

/* A handshake that was reported open and judged later has two findings; the older one still leads to its own
 * packets once the connection is forgotten. */
static void an_older_finding_of_a_connection_leads_to_its_own_packets(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234), other = connection_of(9), again;
    struct ss_analyzer_config config = plain_config();
    uint64_t packets;

    config.slow.unfinished_ns = 10 * SS_NS_PER_S;
    other.ip[SS_CLIENT] = "192.0.2.8";
    put_tls13(tape, &other, 0);
    open_tcp(tape, &c, 0);
    data(tape, &c, SS_CLIENT, 20500, &hello13);
    unsigned stuck = tape->count;
    data(tape, &c, SS_SERVER, 15 * SECOND, &server13);
    data(tape, &c, SS_CLIENT, 15 * SECOND + 20000, &answer13);
    unsigned done = tape->count;
    again = connection_of(51234);
    again.isn[SS_CLIENT] += 70000;
    put_tls13(tape, &again, 20 * SECOND);

    struct played *played = open_player(config);
    feed(played, tape, 0, stuck, 1);
    idle_until(played, 12 * SECOND);
    uint64_t open_note = played->news[played->count - 1].note;
    assert_true(played->news[played->count - 1].still_open);
    assert_int_equal(read_all(played, open_note, "192.0.2.7", &packets), 4);
    feed(played, tape, stuck, done, 1);
    assert_int_equal(read_all(played, open_note, "192.0.2.7", &packets), 6);
    feed_rest(played, tape, done); /* the same endpoints again: not the finding's connection */
    assert_int_equal(read_all(played, open_note, "192.0.2.7", &packets), 4);
    assert_int_equal(packets, 4);
    close_player(played);
    free_tape(tape);
}

static void gauges_say_how_full_everything_is(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234), open = connection_of(9);
    struct played *played = open_player(plain_config());
    struct ss_analyzer_gauges gauges;

    ss_analyzer_gauges(played->analyzer, &gauges);
    assert_int_equal(gauges.handshakes_oldest_ns, 0);
    put_tls13(tape, &c, 0);
    syn(tape, &open, 60000);
    feed_rest(played, tape, 0);
    ss_analyzer_gauges(played->analyzer, &gauges);
    assert_int_equal(gauges.flows, 2);
    assert_int_equal(gauges.flows_max, 1000);
    assert_int_equal(gauges.handshakes_open, 1);
    assert_int_equal(gauges.handshakes_max, 1024);
    assert_int_equal(gauges.handshakes_oldest_ns, EPOCH_NS);
    assert_int_equal(gauges.recent_oldest_ns, EPOCH_NS);
    close_player(played);
    free_tape(tape);
}

/* A finding of a handshake that took long is written when it was judged: as old as that. */
static void the_oldest_packet_never_becomes_older(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection slow = connection_of(9), quick;
    struct ss_analyzer_config config = plain_config();
    int64_t oldest_ns = 0;

    config.handshakes_bytes = 64 << 10;
    slow.ip[SS_CLIENT] = "192.0.2.8";
    open_tcp(tape, &slow, 0);
    for (unsigned i = 0; i < 100; i++) {
        quick = connection_of((uint16_t)(1000 + i));
        put_tls13(tape, &quick, 100000 + i * 60000);
        if (i == 50)
            send_as(tape, &slow, SS_CLIENT, 155000 + i * 60000,
                    (struct send){.flags = SS_TCP_RST, .offset = AUTO, .acked = AUTO});
    }
    struct played *played = open_player(config);
    for (unsigned i = 0; i < tape->count; i++) {
        struct ss_analyzer_gauges gauges;
        feed(played, tape, i, i + 1, 1);
        ss_analyzer_gauges(played->analyzer, &gauges);
        assert_true(gauges.handshakes_oldest_ns >= oldest_ns);
        oldest_ns = gauges.handshakes_oldest_ns;
    }
    assert_true(oldest_ns > EPOCH_NS + 5 * SS_NS_PER_S);
    close_player(played);
    free_tape(tape);
}

static void new_limits_hold_from_then_on(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection first = connection_of(1), second = connection_of(2);
    struct ss_slow slow;

    ss_slow_init(&slow);
    slow.phase_ns[SS_PHASE_CLIENT_FINISH] = 5 * SS_NS_PER_MS;
    put_tls13(tape, &first, 0);
    unsigned before = tape->count;
    put_tls13(tape, &second, 60000);
    struct played *played = open_player(plain_config());
    feed(played, tape, 0, before, 1);
    ss_analyzer_set_slow(played->analyzer, &slow);
    feed_rest(played, tape, before);
    assert_int_equal(judged(played, 0)->flags, 0);
    assert_int_equal(judged(played, 1)->flags, SS_FLAG_PHASE(SS_PHASE_CLIENT_FINISH));
    close_player(played);
    free_tape(tape);
}

/* ---- mirrors as they come */

/* Bytes from..to of the packet's data, as a fragment. */
static void put_piece(struct tape *tape, const struct ss_frame *frame, unsigned id, unsigned from,
                      unsigned to, int64_t time_ns)
{
    uint8_t bytes[4096];
    unsigned end = frame->captured - DATA_AT, length = DATA_AT + to - from,
             field = from / 8 | (to < end ? 0x2000 : 0);
    struct ss_frame piece = *frame;

    memcpy(bytes, frame->data, DATA_AT);
    memcpy(bytes + DATA_AT, frame->data + DATA_AT + from, to - from);
    bytes[IP_AT + 2] = (uint8_t)((length - IP_AT) >> 8);
    bytes[IP_AT + 3] = (uint8_t)(length - IP_AT);
    bytes[IP_AT + 4] = (uint8_t)(id >> 8);
    bytes[IP_AT + 5] = (uint8_t)id;
    bytes[IP_AT + 6] = (uint8_t)(field >> 8);
    bytes[IP_AT + 7] = (uint8_t)field;
    piece.data = bytes;
    piece.captured = piece.wire = length;
    put_copy(tape, &piece, time_ns);
}

/* The same packets through a path that takes so many bytes at a time: the last piece comes when the packet
 * did. */
static struct tape *cut_up(const struct tape *tape, unsigned most, bool in_order, unsigned copies)
{
    struct tape *cut = new_tape();

    for (unsigned i = 0; i < tape->count; i++) {
        const struct ss_frame *frame = &tape->frames[i].frame;
        unsigned end = frame->captured - DATA_AT, pieces = (end + most - 1) / most;
        if (pieces == 1) {
            put_copy(cut, frame, frame->time_ns);
            continue;
        }
        for (unsigned j = 0; j < pieces; j++) {
            unsigned from = most * (in_order ? j : pieces - 1 - j),
                     to = from + most < end ? from + most : end;
            for (unsigned k = 0; k < copies; k++)
                put_piece(cut, frame, i, from, to, frame->time_ns - (int64_t)(pieces - 1 - j) * 1000);
        }
    }
    return cut;
}

static void a_handshake_in_fragments_has_the_marks_of_the_whole_packets(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    put_tls13(tape, &c, 0);
    for (unsigned i = 0; i < 6; i++) {
        unsigned copies = i % 2 + 1, burst = i / 2 == 0 ? 1 : i / 2 == 1 ? 7 : SS_BURST_MAX;
        for (unsigned in_order = 0; in_order < 2; in_order++) {
            struct tape *cut = cut_up(tape, copies == 1 ? 128 : 512, in_order != 0, copies);
            struct played *played = play_with(cut, plain_config(), burst);
            const struct ss_finding *finding = only_one(played);
            CHECK_MARKS(finding, TLS13_MARKS);
            assert_string_equal(finding->tls.sni, "example.com");
            assert_int_equal(finding->mirror_duplicates, copies == 1 ? 0 : finding->mirror_duplicates);
            assert_true(copies == 1 || finding->mirror_duplicates > 0);
            assert_true(cut->count > tape->count + 3);
            assert_int_equal(ss_analyzer_counters(played->analyzer)->analyzed_packets, cut->count);
            close_player(played);
            free_tape(cut);
        }
    }
    free_tape(tape);
}

static void the_history_has_every_fragment_as_it_came(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);
    struct ss_export_cursor cursor;
    struct ss_history_record record;

    put_tls13(tape, &c, 0);
    struct tape *cut = cut_up(tape, 128, false, 1);
    struct played *played = open_player(plain_config());
    feed(played, cut, 0, cut->count, SS_BURST_MAX);
    unsigned left = cut->count;
    assert_true(ss_export_begin(played->analyzer, note_of_first(played), &cursor));
    assert_int_equal(cursor.packets, cut->count);
    while (ss_export_next(played->analyzer, &cursor, &record)) {
        const struct ss_frame *frame = &cut->frames[--left].frame;
        assert_int_equal(record.time_ns, frame->time_ns);
        assert_int_equal(record.captured, frame->captured);
        assert_memory_equal(record.data, frame->data, frame->captured);
    }
    assert_int_equal(left, 0);
    close_player(played);
    free_tape(cut);
    free_tape(tape);
}

static void a_fragment_counts_when_its_datagram_s_fate_is_known(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    put_tls13(tape, &c, 0);
    struct tape *cut = cut_up(tape, 128, true, 1);
    struct played *played = open_player(plain_config());
    feed(played, cut, 0, 4, 1); /* the SYN, the SYN-ACK, the ACK, and the first of the hello */
    assert_int_equal(ss_analyzer_counters(played->analyzer)->received_packets, 3);
    idle_until(played, 4 * SECOND);
    assert_int_equal(refused(played, SS_REFUSED_FRAGMENT), 0);
    idle_until(played, 6 * SECOND);
    assert_int_equal(ss_analyzer_counters(played->analyzer)->received_packets, 4);
    assert_int_equal(refused(played, SS_REFUSED_FRAGMENT), 1);
    close_player(played);
    free_tape(cut);
    free_tape(tape);
}

static void fragments_that_wait_at_the_end_are_given_up(void **state)
{
    (void)state;
    struct tape *tape = new_tape();
    struct connection c = connection_of(51234);

    put_tls13(tape, &c, 0);
    struct tape *cut = cut_up(tape, 128, true, 1);
    struct played *played = open_player(plain_config());
    feed(played, cut, 0, 4, 1);
    flush(played);
    assert_int_equal(refused(played, SS_REFUSED_FRAGMENT), 1);
    close_player(played);
    free_tape(cut);
    free_tape(tape);
}

static void a_flood_of_first_fragments_is_dropped_and_counted(void **state)
{
    (void)state;
    struct tape *tape = new_tape(), *flood = new_tape();
    struct connection c = connection_of(51234);

    put_tls13(tape, &c, 0);
    for (unsigned i = 0; i < 1000; i++)
        put_piece(flood, &tape->frames[3].frame, i, 0, 96, EPOCH_NS + US(i));
    struct played *played = play_with(flood, plain_config(), SS_BURST_MAX);
    assert_int_equal(refused(played, SS_REFUSED_FRAGMENTS_FULL), 1000 - SS_FRAGMENTS_DATAGRAMS);
    assert_int_equal(refused(played, SS_REFUSED_FRAGMENT), SS_FRAGMENTS_DATAGRAMS);
    close_player(played);
    free_tape(flood);
    free_tape(tape);
}

/* The same packets with what the mirror's networks put around them. */
static void put_within(struct tape *to, const struct tape *tape, uint16_t vlan, uint32_t vni,
                       uint16_t udp_port)
{
    static struct frame frame;

    for (unsigned i = 0; i < tape->count; i++) {
        const struct ss_frame *inner = &tape->frames[i].frame;
        frame_start(&frame, SS_LINK_ETHERNET);
        frame_ethernet(&frame);
        if (vni != 0) {
            frame_ip(&frame, "10.0.0.1", "10.0.0.2");
            frame_vxlan(&frame, vni);
            frame.bytes[36] = (uint8_t)(udp_port >> 8);
            frame.bytes[37] = (uint8_t)udp_port;
            frame_ethernet(&frame);
        }
        if (vlan != 0)
            frame_vlan(&frame, vlan);
        memcpy(frame.bytes + frame.length - 2, "\x08\x00", 2);
        frame_bytes(&frame, inner->data + IP_AT, inner->captured - IP_AT);
        put_frame(to, &frame, (inner->time_ns - EPOCH_NS) / 1000 + i % 2);
    }
}

static void the_same_addresses_in_two_networks_are_two_connections_where_the_settings_say_so(void **state)
{
    (void)state;
    static const struct {
        bool by_vlan, by_vni;
        uint16_t vlans[2];
        uint32_t vnis[2];
        unsigned flows;
    } CASES[] = {
        {true, false, {1, 2}, {0, 0}, 2},  {true, false, {1, 1}, {0, 0}, 1},
        {false, false, {1, 2}, {0, 0}, 1}, {false, true, {0, 0}, {1, 2}, 2},
        {false, true, {0, 0}, {1, 1}, 1},  {true, false, {0, 0}, {1, 2}, 1},
        {true, true, {1, 2}, {1, 1}, 2},   {false, false, {0, 0}, {1, 2}, 1},
        {true, true, {1, 2}, {0, 0}, 2},
    };
    for (size_t i = 0; i < ROWS(CASES); i++) {
        struct ss_packet_settings settings = {
            .vxlan_ports = {4790}, .vxlan_port_count = 1, .identity = {CASES[i].by_vlan, CASES[i].by_vni}};
        struct ss_analyzer_config config = plain_config();
        struct tape *tape = new_tape(), *both = new_tape();
        struct connection c = connection_of(51234);
        config.packet = &settings;
        put_tls13(tape, &c, 0);
        for (unsigned j = 0; j < 2; j++)
            put_within(both, tape, CASES[i].vlans[j], CASES[i].vnis[j], 4790);
        struct played *played = play_with(both, config, 1);
        assert_int_equal(count_news(played, SS_NEWS_JUDGED), CASES[i].flows);
        const struct ss_finding *first = judged(played, 0);
        assert_int_equal(first->encap[first->encap_count - 1].id,
                         CASES[i].vlans[0] != 0 ? CASES[i].vlans[0] : CASES[i].vnis[0]);
        if (CASES[i].flows == 2) {
            assert_int_not_equal(first->tuple_hash, judged(played, 1)->tuple_hash);
            assert_int_equal(judged(played, 1)->outcome, SS_OUTCOME_COMPLETE);
        }
        close_player(played);
        free_tape(both);
        free_tape(tape);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tls13_handshake_gives_its_marks_and_what_its_hellos_said),
        cmocka_unit_test(a_hello_of_too_many_numbers_for_a_ja4_has_none_and_is_counted),
        cmocka_unit_test(a_hello_with_an_encrypted_one_inside_names_the_outer_server),
        cmocka_unit_test(a_tls12_handshake_ends_with_the_servers_change_of_cipher),
        cmocka_unit_test(no_flight_ends_before_its_server_hello),
        cmocka_unit_test(a_resumed_tls12_handshake_ends_with_the_client),
        cmocka_unit_test(a_hello_retry_makes_marks_of_its_own),
        cmocka_unit_test(early_data_is_not_the_answer_to_the_flight),
        cmocka_unit_test(a_long_answer_to_early_data_moves_no_mark_of_the_flight),
        cmocka_unit_test(a_hello_cut_anywhere_has_a_first_and_a_last_byte),
        cmocka_unit_test(a_handshake_whose_syn_was_missed_begins_with_its_hello),
        cmocka_unit_test(a_handshake_whose_syn_was_missed_begins_with_its_sslv2_hello),
        cmocka_unit_test(what_was_cut_off_a_packet_counts_as_seen_with_it),
        cmocka_unit_test(a_clients_key_exchange_says_that_its_change_of_cipher_is_the_answer),
        cmocka_unit_test(a_servers_certificate_says_that_its_change_of_cipher_is_no_resumption),
        cmocka_unit_test(no_flight_reaches_beyond_the_servers_change_of_cipher),
        cmocka_unit_test(seen_from_one_side_it_says_so),
        cmocka_unit_test(where_the_flight_ended_that_an_unseen_client_answered_is_nobodys_delay),
        cmocka_unit_test(neighbours_shown_in_the_wrong_order_change_no_mark),
        cmocka_unit_test(a_flight_in_segments_that_is_shown_before_the_hello_changes_no_mark),
        cmocka_unit_test(an_ack_shown_before_its_syn_ack_is_the_ack_all_the_same),
        cmocka_unit_test(a_hello_out_of_order_after_a_missed_syn_is_put_together),
        cmocka_unit_test(a_mirror_that_shows_everything_twice_changes_nothing),
        cmocka_unit_test(copies_that_were_changed_on_their_way_are_the_mirror_s_too),
        cmocka_unit_test(the_copy_of_a_packet_is_known_however_many_are_shown_in_between),
        cmocka_unit_test(bytes_that_the_mirror_lost_blame_the_tap),
        cmocka_unit_test(what_was_acknowledged_lately_is_not_lost_yet_when_the_handshake_ends),
        cmocka_unit_test(the_clock_error_is_that_of_the_latest_stamped_packet_even_after_the_handshake),
        cmocka_unit_test(a_proxy_protocol_header_in_any_pieces_gives_its_addresses_and_no_mark),
        cmocka_unit_test(a_long_proxy_protocol_header_is_passed_over),
        cmocka_unit_test(a_talk_before_tls_is_a_phase_of_its_own_and_the_clock_starts_at_the_hello),
        cmocka_unit_test(a_talk_may_follow_a_proxy_protocol_header),
        cmocka_unit_test(the_end_of_a_talk_is_where_it_was_and_not_where_it_is_shown),
        cmocka_unit_test(a_talk_that_goes_on_in_the_segment_of_the_hello_ends_there),
        cmocka_unit_test(what_was_lost_in_a_talk_is_no_loss_of_the_handshake),
        cmocka_unit_test(a_talk_of_an_unknown_protocol_is_heard_for_a_while),
        cmocka_unit_test(what_the_mirror_lost_of_a_talk_is_not_missing_in_tls),
        cmocka_unit_test(a_hello_after_a_talk_may_be_cut_anywhere),
        cmocka_unit_test(what_begins_like_a_hello_in_a_talk_may_be_part_of_it),
        cmocka_unit_test(a_hello_framed_as_in_sslv2_may_follow_a_talk),
        cmocka_unit_test(a_talk_seen_from_the_server_alone_ends_with_its_hello),
        cmocka_unit_test(a_talk_whose_answer_is_shown_first_is_the_same_talk),
        cmocka_unit_test(plain_http_is_given_up_with_the_request_even_where_its_answer_is_shown_first),
        cmocka_unit_test(a_flight_after_a_talk_that_is_shown_before_the_hello_is_no_talk),
        cmocka_unit_test(a_talk_that_never_ends_is_not_tls),
        cmocka_unit_test(a_hello_framed_as_in_sslv2_begins_a_handshake),
        cmocka_unit_test(a_handshake_of_sslv2_itself_is_one_that_is_not_understood),
        cmocka_unit_test(an_alert_ends_a_handshake_by_its_level_or_in_tls13_by_its_meaning),
        cmocka_unit_test(a_hello_request_before_the_hello_moves_no_mark),
        cmocka_unit_test(the_hello_after_a_retry_is_found_wherever_a_change_of_cipher_stands),
        cmocka_unit_test(what_a_handshake_resumes_is_told_by_what_its_server_sends),
        cmocka_unit_test(a_clients_certificate_is_part_of_its_answer),
        cmocka_unit_test(the_group_of_tls12_is_that_of_the_servers_key_exchange_wherever_it_is_cut),
        cmocka_unit_test(records_with_a_short_tag_are_known_by_their_length),
        cmocka_unit_test(messages_after_the_handshake_are_no_handshake),
        cmocka_unit_test(a_flight_in_one_record_is_its_messages_wherever_its_segments_are_cut),
        cmocka_unit_test(what_begins_like_tls_and_goes_on_otherwise_is_not_tls),
        cmocka_unit_test(a_syn_sent_again_is_loss),
        cmocka_unit_test(a_syn_ack_sent_again_before_the_ack_is_loss_and_no_round_trip),
        cmocka_unit_test(a_segment_sent_again_is_loss_on_the_side_of_the_tap_where_it_happened),
        cmocka_unit_test(each_way_to_end_has_its_outcome),
        cmocka_unit_test(the_alert_that_ended_it_is_the_one_that_is_named),
        cmocka_unit_test(a_handshake_that_is_stuck_is_reported_open_and_judged_in_the_end),
        cmocka_unit_test(what_the_mirror_loses_is_told_by_the_second),
        cmocka_unit_test(no_client_makes_the_mirror_lose_by_acknowledging_what_was_never_sent),
        cmocka_unit_test(other_bytes_at_the_same_place_are_counted_and_the_first_copy_counts),
        cmocka_unit_test(other_bytes_at_the_place_of_early_ones_are_counted_too),
        cmocka_unit_test(a_hello_in_the_syn_counts_where_the_server_took_it),
        cmocka_unit_test(segments_half_a_circle_apart_have_no_bytes_in_common),
        cmocka_unit_test(of_the_seconds_of_several_analyzers_the_newest_are_known),
        cmocka_unit_test(a_handshake_broken_off_late_is_judged_once),
        cmocka_unit_test(a_stuck_handshake_is_given_up_when_it_was_due_and_not_when_upkeep_sees_it),
        cmocka_unit_test(a_syn_ack_of_another_number_after_the_ack_changes_nothing),
        cmocka_unit_test(a_reset_of_an_older_connection_is_not_the_end_of_this_one),
        cmocka_unit_test(a_side_that_has_closed_hears_the_other_one_out),
        cmocka_unit_test(a_connection_that_says_nothing_is_silent_and_counted_once),
        cmocka_unit_test(a_port_used_again_is_a_connection_of_its_own),
        cmocka_unit_test(a_handshake_cut_off_by_a_new_one_was_unfinished_until_then),
        cmocka_unit_test(what_is_not_tls_is_refused_from_then_on),
        cmocka_unit_test(what_began_before_the_tap_looked_is_refused),
        cmocka_unit_test(only_the_ports_that_are_named_are_watched),
        cmocka_unit_test(frames_that_cannot_be_read_are_counted_by_their_reason),
        cmocka_unit_test(a_full_table_gives_up_what_is_closed_first_and_what_is_open_never),
        cmocka_unit_test(of_a_connection_whose_handshake_is_over_packets_are_shed_and_of_no_other),
        cmocka_unit_test(new_connections_are_shed_before_handshakes_under_way),
        cmocka_unit_test(where_only_the_buckets_are_full_nothing_gives_way),
        cmocka_unit_test(a_new_handshake_takes_the_block_of_one_that_stays_half_open),
        cmocka_unit_test(a_first_record_of_a_finisheds_size_does_not_end_the_flight),
        cmocka_unit_test(what_was_sent_again_measures_no_round_trip),
        cmocka_unit_test(a_connection_closed_on_one_side_lives_on),
        cmocka_unit_test(an_entry_given_away_within_a_burst_is_not_taken_for_the_connection_it_was),
        cmocka_unit_test(a_handshake_that_was_answered_keeps_its_block),
        cmocka_unit_test(lone_beginnings_of_hellos_keep_no_block_from_a_slow_handshake),
        cmocka_unit_test(a_handshake_that_only_waits_for_late_frames_gives_its_block_away),
        cmocka_unit_test(hellos_that_find_no_block_are_counted),
        cmocka_unit_test(half_hellos_give_their_blocks_to_hellos_of_a_second_later),
        cmocka_unit_test(a_hello_that_gave_its_block_away_is_a_hello_all_the_same),
        cmocka_unit_test(stalled_connections_give_their_early_segments_for_those_of_a_second_later),
        cmocka_unit_test(half_open_connections_give_their_blocks_of_evidence_away),
        cmocka_unit_test(
            a_half_open_connection_that_is_answered_after_all_lacks_the_evidence_that_it_gave_away),
        cmocka_unit_test(a_handshake_whose_evidence_finds_no_block_is_judged_with_low_confidence_and_counted),
        cmocka_unit_test(a_long_handshake_that_finds_no_block_is_judged_with_low_confidence_and_counted),
        cmocka_unit_test(the_block_of_evidence_goes_on_to_the_next_handshake),
        cmocka_unit_test(findings_that_nobody_fetches_are_counted_and_flush_waits_for_room),
        cmocka_unit_test(a_connection_is_forgotten_after_its_silence_however_long_that_was),
        cmocka_unit_test(a_packet_is_late_by_its_own_time_and_not_by_that_of_its_burst),
        cmocka_unit_test(a_single_packet_of_another_year_costs_no_mark_but_its_own),
        cmocka_unit_test(a_single_packet_of_another_year_ages_not_even_its_own_connection),
        cmocka_unit_test(frames_may_be_late_by_as_much_as_was_said_whenever_upkeep_has_its_turn),
        cmocka_unit_test(where_frames_may_be_late_one_that_is_far_ahead_ages_nothing_until_it_is_told_to),
        cmocka_unit_test(the_end_of_a_connection_is_told_though_its_finding_is_overwritten),
        cmocka_unit_test(another_capture_may_follow_a_flush_whatever_its_time),
        cmocka_unit_test(handshakes_of_earlier_than_those_before_are_measured_all_the_same),
        cmocka_unit_test(times_of_any_size_do_no_harm),
        cmocka_unit_test(the_same_packets_give_the_same_findings_however_they_are_cut_into_bursts),
        cmocka_unit_test(an_export_gives_each_packet_once_whatever_tiers_there_are),
        cmocka_unit_test(a_cursor_survives_feeds_and_what_is_overwritten_meanwhile_is_missing),
        cmocka_unit_test(the_finding_that_was_overwritten_cannot_be_exported),
        cmocka_unit_test(an_older_finding_of_a_connection_leads_to_its_own_packets),
        cmocka_unit_test(gauges_say_how_full_everything_is),
        cmocka_unit_test(the_oldest_packet_never_becomes_older),
        cmocka_unit_test(new_limits_hold_from_then_on),
        cmocka_unit_test(a_handshake_in_fragments_has_the_marks_of_the_whole_packets),
        cmocka_unit_test(the_history_has_every_fragment_as_it_came),
        cmocka_unit_test(a_fragment_counts_when_its_datagram_s_fate_is_known),
        cmocka_unit_test(fragments_that_wait_at_the_end_are_given_up),
        cmocka_unit_test(a_flood_of_first_fragments_is_dropped_and_counted),
        cmocka_unit_test(the_same_addresses_in_two_networks_are_two_connections_where_the_settings_say_so),
    };
    return cmocka_run_group_tests(tests, make_bytes, NULL);
}
