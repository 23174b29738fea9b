// SPDX-License-Identifier: BSD-3-Clause

/* slowshake-bench-capture FILE [HANDSHAKES]: a capture for measuring readers of captures (app/bench/peers).
 *
 * Complete handshakes of TLS 1.2 and 1.3, copies of captured ones as in slowshake-bench, over IPv4 and IPv6;
 * 30 packets a connection: its handshake, then TLS records of a full segment and acknowledgements in turn,
 * without a hole, and a FIN of each side. 1,000 connections are under way at once, in random order; every
 * fiftieth client keeps the server waiting for its Finished for 30,000 packets, which are 0.3 s.
 *
 * IP and TCP checksums are those of the originals, and wrong: readers must not ask for them.
 */

#include "packet/packet.h"
#include "templates.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDSHAKES       100000
#define OPEN             1000
#define FLOW_PACKETS     30
#define CLOSING_PACKETS  2
#define STALL_EVERY      50
#define STALL_PACKETS    30000
#define PACKET_NS        10000
#define START_NS         1800000000000000000ULL
#define PCAP_NANOSECONDS 0xa1b23c4d
#define WHY_BYTES        256

/* A template, and where each side's bytes have got to when its handshake is over. */
struct model {
    const struct ss_bench_template *handshake;
    const struct ss_bench_segments *segments;
    uint32_t seq[2];      /* [0]: the client's */
    unsigned finish_step; /* the frame with its last bytes: the client's Finished */
};

struct slot {
    uint32_t connection;
    unsigned step;
    uint64_t stalled_until; /* packets */
    uint32_t seq[2];
    const struct model *model; /* NULL: no connection is left */
};

struct making {
    FILE *file;
    struct model models[SS_BENCH_FAMILY_COUNT * SS_BENCH_TEMPLATES];
    unsigned model_count;
    struct slot slots[OPEN];
    uint32_t next, last; /* connections */
    uint64_t packets, random;
};

static void store32(uint8_t *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof(value));
}

static uint32_t load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap32(value);
}

static uint32_t draw_of(struct making *making, uint32_t count)
{
    uint64_t z = making->random += 0x9e3779b97f4a7c15ULL; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return (uint32_t)((z >> 32) * count >> 32);
}

/* ---- models */

static uint32_t bytes_of(const struct ss_bench_frame *frame, uint32_t *ret_payload)
{
    struct ss_frame whole = {
        .data = frame->bytes, .captured = frame->length, .wire = frame->length, .link = SS_LINK_ETHERNET};
    struct ss_packet packet;

    ss_packet_decode(&whole, NULL, &packet);
    *ret_payload = packet.payload_bytes;
    return packet.payload_bytes + !!(packet.flags & SS_TCP_SYN) + !!(packet.flags & SS_TCP_FIN);
}

static void add_model(struct making *making, const struct ss_bench_templates *templates,
                      enum ss_bench_family family, unsigned which)
{
    struct model *model = &making->models[making->model_count++];
    uint32_t payload;

    model->handshake = &templates->handshakes[family][0][which];
    model->segments = &templates->segments[family][0];
    for (unsigned i = 0; i <= model->handshake->last_of_handshake; i++) {
        const struct ss_bench_frame *frame = &model->handshake->frames[i];
        uint32_t end = load32(frame->bytes + frame->seq_at) + bytes_of(frame, &payload);
        uint32_t *seq = &model->seq[!frame->from_client];
        if (i < 2 || (int32_t)(end - *seq) > 0)
            *seq = end;
        if (frame->from_client && payload > 0)
            model->finish_step = i;
    }
}

/* ---- frames */

static void write_frame(struct making *making, struct slot *slot, const struct ss_bench_frame *frame)
{
    uint32_t connection = slot->connection, offset = connection * 0x85ebca6bu, length = frame->length;
    uint64_t now_ns = START_NS + making->packets++ * PACKET_NS;
    uint32_t head[4] = {(uint32_t)(now_ns / 1000000000), (uint32_t)(now_ns % 1000000000), length, length};
    uint8_t bytes[SS_BENCH_FRAME_MAX];

    memcpy(bytes, frame->bytes, length);
    store32(bytes + frame->client_at, 10u << 24 | (connection * 0x9e3779b1u & 0xffffff));
    bytes[frame->client_port_at] = (uint8_t)(64 + (connection & 0x7f));
    bytes[frame->client_port_at + 1] = (uint8_t)(connection >> 7);
    store32(bytes + frame->seq_at, load32(bytes + frame->seq_at) + offset);
    if (bytes[frame->seq_at + 9] & SS_TCP_ACK)
        store32(bytes + frame->seq_at + 4, load32(bytes + frame->seq_at + 4) + offset);
    fwrite(head, sizeof(head), 1, making->file);
    fwrite(bytes, length, 1, making->file);
}

/* A frame after the handshake, where its side's bytes have got to; is_record: its payload is a TLS record. */
static void write_next(struct making *making, struct slot *slot, const struct ss_bench_frame *model,
                       bool is_record)
{
    struct ss_bench_frame frame = *model;
    unsigned side = !frame.from_client;
    uint32_t payload, bytes = bytes_of(&frame, &payload);
    uint8_t *at = frame.bytes + frame.length - payload;

    store32(frame.bytes + frame.seq_at, slot->seq[side]);
    store32(frame.bytes + frame.seq_at + 4, slot->seq[!side]);
    if (is_record)
        memcpy(at, (const uint8_t[]){0x17, 3, 3, (uint8_t)((payload - 5) >> 8), (uint8_t)(payload - 5)}, 5);
    slot->seq[side] += bytes;
    write_frame(making, slot, &frame);
}

static void step(struct making *making, struct slot *slot)
{
    const struct ss_bench_template *handshake = slot->model->handshake;
    unsigned done = handshake->last_of_handshake + 1, at = slot->step++;

    if (at < done) {
        write_frame(making, slot, &handshake->frames[at]);
    } else if (at < FLOW_PACKETS - CLOSING_PACKETS) {
        bool is_data = (at - done) % 2 == 0;
        const struct ss_bench_segments *segments = slot->model->segments;
        write_next(making, slot, is_data ? &segments->full[at > done] : &segments->ack[at == done + 1],
                   is_data);
    } else {
        write_next(making, slot, &handshake->frames[done + at - (FLOW_PACKETS - CLOSING_PACKETS)], false);
    }
    if (at + 1 == slot->model->finish_step && slot->connection % STALL_EVERY == 0)
        slot->stalled_until = making->packets + STALL_PACKETS;
}

/* ---- connections */

static void open_slot(struct making *making, struct slot *slot)
{
    *slot = (struct slot){.connection = making->next};
    if (making->next == making->last)
        return;
    slot->model = &making->models[making->next++ / 2 % making->model_count];
    memcpy(slot->seq, slot->model->seq, sizeof(slot->seq));
}

static void make(struct making *making)
{
    for (unsigned i = 0; i < OPEN; i++)
        open_slot(making, &making->slots[i]);
    for (uint64_t left = (uint64_t)making->last * FLOW_PACKETS; left > 0;) {
        struct slot *slot = &making->slots[draw_of(making, OPEN)];
        bool is_alone = making->next == making->last; /* at the end nobody else may be left to wait for */
        if (slot->model == NULL || (making->packets < slot->stalled_until && !is_alone))
            continue;
        step(making, slot);
        left--;
        if (slot->step == FLOW_PACKETS)
            open_slot(making, slot);
    }
}

static bool write_capture(struct making *making, const char *path)
{
    const uint32_t head[6] = {PCAP_NANOSECONDS, 4u << 16 | 2, 0, 0, 65535, 1};

    making->file = fopen(path, "we");
    if (making->file == NULL)
        return false;
    fwrite(head, sizeof(head), 1, making->file);
    make(making);
    bool is_good = !ferror(making->file);
    return fclose(making->file) == 0 && is_good;
}

int main(int argc, char **argv)
{
    static struct making making = {.last = HANDSHAKES, .random = 1};
    char why[WHY_BYTES];

    if (argc == 3)
        making.last = (uint32_t)strtoul(argv[2], NULL, 10);
    if (argc < 2 || argc > 3 || making.last == 0 || argv[1][0] == '-') {
        fputs("usage: slowshake-bench-capture FILE [HANDSHAKES]\n", stderr);
        return 2;
    }
    struct ss_bench_templates *templates =
        ss_bench_templates_load(SS_BENCH_TEMPLATES_FOLDER, why, sizeof(why));
    if (templates == NULL) {
        fprintf(stderr, "slowshake-bench-capture: %s\n", why);
        return EXIT_FAILURE;
    }
    for (unsigned family = 0; family < SS_BENCH_FAMILY_COUNT; family++) {
        for (unsigned which = 0; which < templates->count[family]; which++)
            add_model(&making, templates, family, which);
    }
    bool is_written = write_capture(&making, argv[1]);
    if (!is_written)
        perror(argv[1]);
    free(templates);
    return is_written ? EXIT_SUCCESS : EXIT_FAILURE;
}
