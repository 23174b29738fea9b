// SPDX-License-Identifier: BSD-3-Clause

/* Packets of a few connections, with and without what kernels add to them, in any order, cut, repeated and
 * mutated, through a whole analyzer.
 *
 * Held to be true: received = analyzed + refused; phases and shares of every finding sum to its duration;
 * phases are those of its marks, and marks on bytes of one direction are in their order; a finding's evidence
 * is bounded, never empty and in the order of time; an export gives each packet of its own connection once,
 * newest first; after the flush every pool is whole again; news are bounded; one burst or many, no packet is
 * counted twice.
 */

#include "analyzer/state.h"
#include "base/span.h"
#include "support/frames.h"
#include "support/hellos.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FLOWS       6
#define PACKETS_MAX 256
#define FLOWS_MAX   4 /* of the table: one must give way now and then */

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

/* What each side of a connection says when nothing goes wrong, one after the other. */
struct script {
    struct tls_bytes said[2];
};

#define SCRIPTS 5

static struct script scripts[SCRIPTS];
static bool scripts_are_made;

struct side {
    uint32_t isn;
    uint32_t sent;   /* payload bytes until now */
    uint16_t number; /* IPv4 identification of its last packet */
    uint8_t label;   /* IPv6 flow label */
    uint8_t signs;   /* of its last packet */
};

struct connection {
    struct side side[2];
    const struct script *script;
    uint16_t client_port, server_port;
    bool has_signs; /* its kernels' timestamps, packet numbers and flow labels */
    bool is_v6;
};

struct world {
    struct ss_analyzer *analyzer;
    struct connection connections[FLOWS];
    int64_t now_ns, last_ns;
    bool went_back; /* in time */
    struct ss_frame burst[SS_BURST_MAX];
    uint8_t *bytes[SS_BURST_MAX];
    unsigned burst_count;
    uint64_t fed;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* ---- what is said */

static void put_hello(struct tls_bytes *out, const struct tls_client_recipe *client,
                      const struct tls_server_recipe *server)
{
    static struct tls_bytes message;

    message.length = 0;
    if (client != NULL)
        tls_put_client_hello(&message, client);
    else
        tls_put_server_hello(&message, server);
    tls_put_records(out, 22, &message, 16384);
}

static void make_tls13(struct script *script, bool retry)
{
    struct tls_client_recipe client = {.sni = "example.com",
                                       .alpn = {"h2"},
                                       .versions = {0x0304},
                                       .session_id_bytes = 32,
                                       .early_data = retry};

    put_hello(&script->said[SS_CLIENT], &client, NULL);
    if (retry) {
        put_hello(&script->said[SS_SERVER], NULL,
                  &(struct tls_server_recipe){.version = 0x0304, .hello_retry = true});
        put_hello(&script->said[SS_CLIENT], &client, NULL);
    }
    put_hello(&script->said[SS_SERVER], NULL, &(struct tls_server_recipe){.version = 0x0304, .group = 29});
    tls_put_hex(&script->said[SS_SERVER], "14 0303 0001 01");
    tls_put_noise_record(&script->said[SS_SERVER], 23, 1500);
    tls_put_noise_record(&script->said[SS_SERVER], 23, 53);
    tls_put_hex(&script->said[SS_CLIENT], "14 0303 0001 01");
    tls_put_noise_record(&script->said[SS_CLIENT], 23, 53);
}

static void make_tls12(struct script *script, bool resumed)
{
    static struct tls_bytes messages;

    put_hello(&script->said[SS_CLIENT], &(struct tls_client_recipe){.sni = "example.com"}, NULL);
    put_hello(&script->said[SS_SERVER], NULL, &(struct tls_server_recipe){.cipher = 0xc02f});
    if (!resumed) {
        messages.length = 0;
        tls_put_message(&messages, 11, 2500);
        tls_put_message(&messages, 14, 0);
        tls_put_records(&script->said[SS_SERVER], 22, &messages, 16384);
    }
    for (unsigned side = 0; side < 2; side++) {
        tls_put_hex(&script->said[side], "14 0303 0001 01");
        tls_put_noise_record(&script->said[side], 22, 40);
    }
}

/* PostgreSQL's request for TLS, behind a PROXY protocol header. */
static void make_talk(struct script *script)
{
    tls_put(&script->said[SS_CLIENT], "PROXY UNKNOWN\r\n\0\0\0\x08\x04\xd2\x16\x2f", 23);
    tls_put(&script->said[SS_SERVER], "S", 1);
    make_tls13(script, false);
}

static void make_scripts(void)
{
    if (scripts_are_made)
        return;
    make_tls13(&scripts[0], false);
    make_tls13(&scripts[1], true);
    make_tls12(&scripts[2], false);
    make_tls12(&scripts[3], true);
    make_talk(&scripts[4]);
    for (unsigned i = 0; i < SCRIPTS; i++) {
        for (unsigned side = 0; side < 2; side++)
            tls_put_noise_record(&scripts[i].said[side], i == 2 || i == 3 ? 21 : 23, 700);
    }
    scripts_are_made = true;
}

/* ---- the analyzer */

static struct ss_analyzer *open_analyzer(uint8_t kind, size_t *ret_bytes)
{
    struct ss_analyzer_config config = {.tap = kind % SS_TAP_COUNT,
                                        .clock = SS_CLOCK_FILE,
                                        .flows_max = FLOWS_MAX,
                                        .per_flow_bytes = kind & 4 ? 1000 : 32 << 10,
                                        .handshakes_bytes = 64 << 10,
                                        .recent_bytes = kind & 8 ? 0 : 32 << 10,
                                        .snaplen = kind & 16 ? 200 : 65535,
                                        .hash_seed = kind};
    ss_slow_init(&config.slow);
    config.slow.handshake_ns = 300000000;
    config.slow.unfinished_ns = 2000000000;
    /* Fresh pages are zero, and those that are not touched cost nothing. */
    *ret_bytes = ss_analyzer_bytes(&config);
    void *memory = mmap(NULL, *ret_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(memory != MAP_FAILED);
    struct ss_analyzer *analyzer = ss_analyzer_create(&config, memory);
    if (kind & 32) { /* so few blocks that they run out */
        analyzer->handshakes.blocks = 2;
        analyzer->pools.segments.blocks = 3;
        analyzer->pools.hellos.blocks = 1;
    }
    return analyzer;
}

static void check_account(const struct world *world)
{
    const struct ss_analyzer_counters *counters = ss_analyzer_counters(world->analyzer);
    uint64_t accounted = counters->analyzed_packets;

    for (unsigned i = 0; i < SS_REFUSED_COUNT; i++)
        accounted += counters->refused[i];
    require(counters->received_packets == world->fed && accounted == world->fed);
    require(counters->flows_opened - counters->flows_closed == world->analyzer->flows.entries.used);
    uint64_t full = 0, resumed = 0;
    for (unsigned i = 0; i < SS_OUTCOME_COUNT; i++) {
        full += counters->outcomes[0][i];
        resumed += counters->outcomes[1][i];
    }
    require(full + resumed == counters->handshakes && resumed == counters->resumed);
    require(counters->flagged[0] + counters->flagged[1] <= counters->handshakes &&
            counters->resumed <= counters->handshakes);
    require(counters->handshakes + counters->silent <= counters->flows_opened);
    require(counters->news_dropped == 0); /* they are fetched after each burst */
}

/* Marks on bytes of one direction, where no packet went back in time, are in the order of the bytes. */
static void check_order(const struct ss_finding *finding)
{
    static const enum ss_mark orders[2][4] = {
        {SS_MARK_CLIENT_HELLO_FIRST, SS_MARK_CLIENT_HELLO, SS_MARK_CLIENT_HELLO_2, SS_MARK_CLIENT_FINISHED},
        {SS_MARK_HELLO_RETRY, SS_MARK_SERVER_HELLO, SS_MARK_SERVER_FLIGHT, SS_MARK_SERVER_FINISHED}};

    for (unsigned side = 0; side < 2; side++) {
        int64_t last_ns = SS_MARK_UNSEEN; /* the least of all */
        for (unsigned i = 0; i < 4; i++) {
            int64_t at_ns = finding->mark_ns[orders[side][i]];
            require(at_ns == SS_MARK_UNSEEN || at_ns >= last_ns);
            last_ns = at_ns == SS_MARK_UNSEEN ? last_ns : at_ns;
        }
    }
}

static void check_evidence(const struct ss_finding *finding)
{
    require(finding->wait_count <= SS_TIMELINE_WAITS);
    for (unsigned i = 0; i < finding->wait_count; i++) {
        const struct ss_timeline_wait *wait = &finding->waits[i];
        require(wait->from_ns < wait->to_ns && wait->evidence < SS_EVIDENCE_COUNT);
        require(i == 0 || finding->waits[i - 1].from_ns <= wait->from_ns);
    }
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        require(finding->sent_ns[i] == SS_MARK_UNSEEN || finding->sent_ns[i] >= 0);
    require(finding->confidence < SS_CONFIDENCE_COUNT);
    require(finding->judged.guessed_ns >= 0 && finding->judged.guessed_ns <= finding->judged.duration_ns);
    require(finding->rtt_ns == SS_MARK_UNSEEN || finding->rtt_ns > 0);
    require(finding->server_rtt_ns == SS_MARK_UNSEEN || finding->server_rtt_ns > 0);
}

static void check_finding(const struct ss_finding *finding)
{
    const struct ss_judgement *judged = &finding->judged;
    int64_t phases = 0, shares = 0, last_ns = SS_MARK_UNSEEN;

    for (unsigned m = 0; m < SS_MARK_COUNT; m++) {
        int64_t at_ns = finding->mark_ns[m];
        if (at_ns == SS_MARK_UNSEEN)
            continue;
        for (unsigned i = 0; last_ns != SS_MARK_UNSEEN && i < SS_PHASE_COUNT; i++) {
            if (ss_phase_end((enum ss_phase)i) == m)
                require(judged->phase_ns[i] == (at_ns > last_ns ? at_ns - last_ns : 0));
        }
        last_ns = last_ns == SS_MARK_UNSEEN || at_ns > last_ns ? at_ns : last_ns;
    }
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        phases += judged->phase_ns[i] == SS_MARK_UNSEEN ? 0 : judged->phase_ns[i];
    for (unsigned i = 0; i < SS_SHARE_COUNT; i++) {
        require(judged->share_ns[i] >= 0);
        shares += judged->share_ns[i];
    }
    require(phases == judged->duration_ns && shares == judged->duration_ns && judged->pending_ns >= 0);
    require(finding->outcome < SS_OUTCOME_COUNT && finding->verdict < SS_VERDICT_COUNT);
    require(finding->outcome != SS_OUTCOME_COMPLETE || judged->pending_ns == 0);
    require(finding->outcome != SS_OUTCOME_COMPLETE ||
            finding->mark_ns[SS_MARK_CLIENT_FINISHED] != SS_MARK_UNSEEN);
    require(memchr(finding->tls.sni, 0, sizeof(finding->tls.sni)) != NULL);
}

static void check_export(struct world *world, const struct ss_news *news)
{
    struct ss_export_cursor cursor;
    struct ss_history_record record;
    uint64_t last = UINT64_MAX;

    if (!ss_export_begin(world->analyzer, news->note, &cursor))
        return;
    while (ss_export_next(world->analyzer, &cursor, &record)) {
        struct ss_frame frame = {
            .data = record.data, .captured = record.captured, .wire = record.wire, .link = record.link};
        struct ss_packet packet;
        require(record.kind == SS_HISTORY_FRAME && record.number < last);
        last = record.number;
        require(ss_packet_decode(&frame, NULL, &packet) == SS_REFUSED_NOTHING);
        require(packet.source_port == news->client.port || packet.destination_port == news->client.port);
    }
    require(cursor.given <= cursor.packets);
}

static void drain(struct world *world)
{
    struct ss_news news;

    check_account(world);
    while (ss_analyzer_next(world->analyzer, &news)) {
        const struct ss_finding *finding = ss_analyzer_finding(world->analyzer, news.note);
        if (finding != NULL) {
            check_finding(finding);
            if (!world->went_back)
                check_order(finding);
            check_evidence(finding);
            require(finding->start_ns == news.start_ns && finding->client.port == news.client.port);
        }
        check_export(world, &news);
    }
}

static void feed(struct world *world)
{
    ss_analyzer_feed(world->analyzer, world->burst, world->burst_count);
    world->fed += world->burst_count;
    for (unsigned i = 0; i < world->burst_count; i++)
        free(world->bytes[i]);
    world->burst_count = 0;
    drain(world);
}

/* ---- the input's bytes to packets */

static uint8_t next_u8(struct ss_span *in)
{
    uint8_t value = 0;
    ss_span_u8(in, &value);
    return value;
}

/* Nanoseconds between packets: mostly short, sometimes back, sometimes as long as a timeout. */
static int64_t next_gap(struct ss_span *in)
{
    static const int64_t steps[] = {0,        1000,       20000,        700000,      1500000,
                                    40000000, 1000000000, 130000000000, 310000000000};
    uint8_t kind = next_u8(in);

    if (kind >= 240)
        return -1000 * (int64_t)(kind - 239);
    return kind >= 200 ? steps[kind % (sizeof(steps) / sizeof(steps[0]))] : 1000 * (int64_t)kind;
}

static void add_frame(struct world *world, struct frame *built)
{
    struct ss_frame frame = frame_end(built);
    uint8_t *bytes = malloc(frame.captured); /* its exact size: nothing may be read beyond */

    require(bytes != NULL);
    memcpy(bytes, frame.data, frame.captured);
    frame.data = bytes;
    frame.time_ns = world->now_ns;
    world->bytes[world->burst_count] = bytes;
    world->burst[world->burst_count++] = frame;
    if (world->burst_count == SS_BURST_MAX)
        feed(world);
}

/* Which bytes of its script a side sends now: what comes next, an earlier part again, or a later one. */
static uint32_t next_offset(struct ss_span *in, const struct side *side)
{
    uint8_t kind = next_u8(in);

    if (kind < 180)
        return side->sent;
    return kind < 220 ? side->sent - (kind - 179u) * 13 : side->sent + (kind - 219u) * 41;
}

static void add_payload(struct ss_span *in, struct frame *frame, const struct tls_bytes *said,
                        uint32_t offset, uint32_t length)
{
    size_t at = frame->length;

    for (uint32_t i = 0; i < length; i++) {
        uint8_t byte = offset + i < said->length ? said->at[offset + i] : (uint8_t)(offset + i);
        frame_bytes(frame, &byte, 1);
    }
    if (length > 0 && next_u8(in) >= 230)
        frame->bytes[at + next_u8(in) % length] ^= next_u8(in);
}

/* Up to the IP header. Signs: bits 0 to 3, how many ticks the packet was under way; 4 and 5, how many before
 * it are missing; 6, another flow label; 7, something has come twice. */
static void start_packet(struct frame *frame, struct connection *c, unsigned from, uint8_t signs)
{
    static const char *const addresses[2][2] = {{"192.0.2.7", "198.51.100.1"},
                                                {"2001:db8::7", "2001:db8::1"}};
    struct side *side = &c->side[from];

    frame_start(frame, SS_LINK_RAW_IP);
    frame_ip(frame, addresses[c->is_v6][from], addresses[c->is_v6][!from]);
    side->number = (uint16_t)(side->number + 1 + (signs >> 4 & 3));
    side->label = (uint8_t)(side->label + (signs >> 6 & 1));
    side->signs = signs;
    if (c->is_v6) {
        frame->bytes[3] = side->label;
    } else if (c->has_signs) {
        frame->bytes[4] = (uint8_t)(side->number >> 8);
        frame->bytes[5] = (uint8_t)side->number;
    }
}

static void put_u32(uint8_t *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof(value));
}

/* Timestamps in ticks of 1 ms, and of what came twice the block that says so (RFC 2883). */
static void add_tcp(struct frame *frame, const struct connection *c, unsigned from, struct frame_tcp tcp,
                    int64_t now_ns)
{
    const struct side *side = &c->side[from], *peer = &c->side[!from];
    uint8_t options[24] = {1, 1, 8, 10, [12] = 1, 1, 5, 10};
    uint32_t now = (uint32_t)(now_ns / 1000000);

    put_u32(options + 4, now - (side->signs & 15));
    put_u32(options + 8, now);
    put_u32(options + 16, peer->isn + 1);
    put_u32(options + 20, peer->isn + 1 + peer->sent);
    tcp.source_port = from == SS_CLIENT ? c->client_port : c->server_port;
    tcp.destination_port = from == SS_CLIENT ? c->server_port : c->client_port;
    tcp.options = options;
    tcp.option_bytes = !c->has_signs ? 0 : side->signs & 128 ? 24 : 12;
    frame_tcp(frame, tcp);
}

static void send_packet(struct world *world, struct ss_span *in)
{
    static const uint8_t kinds[] = {SS_TCP_ACK, SS_TCP_ACK, SS_TCP_ACK | SS_TCP_FIN, SS_TCP_RST,
                                    SS_TCP_ACK | SS_TCP_RST};
    static struct frame frame;
    uint8_t head = next_u8(in), what = next_u8(in);
    struct connection *c = &world->connections[head % FLOWS];
    unsigned from = head >> 7;
    struct side *side = &c->side[from], *peer = &c->side[!from];
    bool is_syn = side->sent == 0 ? what < 128 : what < 8;
    uint32_t offset = next_offset(in, side);
    uint32_t length = is_syn && what & 1 ? 0 : next_u8(in) * (what & 2 ? 7u : 1u);
    uint8_t flags = kinds[what >= 250 ? what % sizeof(kinds) : 0];

    if (is_syn && what % 8 == 7)
        side->isn += 100000; /* the port is used again */
    if (is_syn)
        flags = from == SS_CLIENT ? SS_TCP_SYN : SS_TCP_SYN | SS_TCP_ACK;
    if (!is_syn && (what & 12) == 12)
        length = 0;
    world->now_ns += next_gap(in);
    world->went_back |= world->now_ns < world->last_ns;
    world->last_ns = world->now_ns;
    uint32_t ack = peer->isn + 1 + peer->sent + (what & 16 ? next_u8(in) : 0);
    start_packet(&frame, c, from, c->has_signs ? next_u8(in) : 0);
    add_tcp(&frame, c, from,
            (struct frame_tcp){.seq = is_syn ? side->isn : side->isn + 1 + offset,
                               .ack = ack,
                               .flags = flags,
                               .window = what & 32},
            world->now_ns);
    add_payload(in, &frame, &c->script->said[from], offset, length);
    if (offset + length > side->sent && offset + length - side->sent < 100000)
        side->sent = offset + length;
    if (is_syn && what % 8 == 7)
        side->sent = peer->sent = 0;
    add_frame(world, &frame);
    if (what & 64)
        add_frame(world, &frame); /* the mirror shows it twice */
}

static void start_world(struct world *world, struct ss_span *in)
{
    uint8_t kind = next_u8(in);

    *world =
        (struct world){.now_ns = kind & 64 ? 1795391886000000000 : (int64_t)UINT32_MAX * 1000000 - 100000000};
    for (unsigned i = 0; i < FLOWS; i++) {
        uint8_t seed = next_u8(in);
        world->connections[i] = (struct connection){
            .script = &scripts[seed % SCRIPTS],
            .side = {{.isn = seed * 0x01010101u}, {.isn = seed & 16 ? 0xffffffe0u : seed * 7919u}},
            .client_port = (uint16_t)(5000 + i),
            .server_port = seed & 32 ? (uint16_t)(5000 + i) : 443,
            .has_signs = seed & 64,
            .is_v6 = seed & 128};
    }
}

static void finish(struct world *world)
{
    feed(world);
    for (unsigned turns = 0; ss_analyzer_flush(world->analyzer); turns++) {
        require(turns < FLOWS_MAX);
        drain(world);
    }
    drain(world);
    require(world->analyzer->flows.entries.used == 0 && world->analyzer->handshakes.used == 0);
    require(world->analyzer->pools.segments.used == 0 && world->analyzer->pools.hellos.used == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    struct ss_span in = ss_span_of(input, length);
    struct world world;
    size_t bytes;

    make_scripts();
    uint8_t kind = next_u8(&in);
    start_world(&world, &in);
    world.analyzer = open_analyzer(kind, &bytes);
    for (unsigned i = 0; i < PACKETS_MAX && ss_span_left(&in) > 0; i++) {
        send_packet(&world, &in);
        if (kind & 128 || next_u8(&in) < 64)
            feed(&world);
        if (next_u8(&in) >= 240)
            ss_analyzer_tick(world.analyzer, world.now_ns);
    }
    finish(&world);
    munmap(world.analyzer, bytes);
    return 0;
}
