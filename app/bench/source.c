// SPDX-License-Identifier: BSD-3-Clause

#include "source.h"

#include <string.h>

#define START_NS   1800000000000000000LL
#define NS_PER_MS  1000000
#define OPEN_GROUP 64 /* connections whose handshakes go on at once while the established ones open */
#define OPEN_FULL  3  /* full segments behind each handshake, which spend what is left of its quota */

static uint32_t draw(struct ss_bench_source *source)
{
    /* splitmix64: every state is good, and there is no order that a prefetcher could find. */
    uint64_t z = source->random += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return (uint32_t)(z >> 32);
}

/* One of count. */
static uint32_t draw_of(struct ss_bench_source *source, uint32_t count)
{
    return (uint32_t)((uint64_t)draw(source) * count >> 32);
}

/* ---- from a connection's number */

static enum ss_bench_family family_of(const struct ss_bench_source *source, uint32_t connection)
{
    return source->profile->ipv6 && connection % 3 == 0 ? SS_BENCH_IPV6 : SS_BENCH_IPV4;
}

static bool has_tag(const struct ss_bench_source *source, uint32_t connection)
{
    return source->profile->vlan && connection >> 2 & 1;
}

static const struct ss_bench_template *template_of(const struct ss_bench_source *source, uint32_t connection)
{
    enum ss_bench_family family = family_of(source, connection);
    unsigned which = connection / 24 % source->templates->count[family];

    return &source->templates->handshakes[family][has_tag(source, connection)][which];
}

static const struct ss_bench_segments *segments_of(const struct ss_bench_source *source, uint32_t connection)
{
    return &source->templates->segments[family_of(source, connection)][has_tag(source, connection)];
}

/* ---- writing */

static void store32(uint8_t *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof(value));
}

static void add32(uint8_t *at, uint32_t more)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    store32(at, __builtin_bswap32(value) + more);
}

static void write_frame(struct ss_bench_source *source, const struct ss_bench_frame *model, uint32_t address,
                        uint16_t port, uint32_t client_seq, uint32_t server_seq, uint8_t *buffer,
                        struct ss_frame *ret_frame)
{
    memcpy(buffer, model->bytes, model->length);
    store32(buffer + model->client_at, address);
    buffer[model->client_port_at] = (uint8_t)(port >> 8);
    buffer[model->client_port_at + 1] = (uint8_t)port;
    add32(buffer + model->seq_at, model->from_client ? client_seq : server_seq);
    add32(buffer + model->seq_at + 4, model->from_client ? server_seq : client_seq);
    if (source->in_burst++ % SS_BENCH_BURST == 0)
        source->now_ns += source->profile->burst_ns;
    if (model->timestamps_at > 0) { /* as of senders whose packets are all as quick */
        store32(buffer + model->timestamps_at, (uint32_t)(source->now_ns / NS_PER_MS));
        store32(buffer + model->timestamps_at + 4, (uint32_t)(source->now_ns / NS_PER_MS));
    }
    *ret_frame = (struct ss_frame){.data = buffer,
                                   .captured = model->length,
                                   .wire = model->length,
                                   .time_ns = source->now_ns,
                                   .link = SS_LINK_ETHERNET};
}

/* 2^24 addresses; then the same with another port. The multiplier is odd, so that none comes twice. */
static void write_of(struct ss_bench_source *source, const struct ss_bench_frame *model, uint32_t connection,
                     uint32_t more_seq, uint8_t *buffer, struct ss_frame *ret_frame)
{
    uint32_t address = 10u << 24 | (connection * 0x9e3779b1u & 0xffffff);
    uint16_t port = (uint16_t)(1024 + (connection >> 24) * 257 + (connection & 0xff));

    write_frame(source, model, address, port, connection * 0x85ebca6bu + more_seq,
                connection * 0xc2b2ae35u + more_seq, buffer, ret_frame);
}

/* ---- kinds of frames */

static void established(struct ss_bench_source *source, uint8_t *buffer, struct ss_frame *ret_frame)
{
    uint32_t connection = draw_of(source, source->profile->flows);
    uint32_t random = draw(source), side = random & 1;
    const struct ss_bench_segments *segments = segments_of(source, connection);
    const struct ss_bench_frame *model = &segments->ack[side];

    if (source->profile->mean_bytes == 0)
        model = &segments->least[side];
    else if (draw(source) < source->full_limit)
        model = &segments->full[side];
    write_of(source, model, connection, random >> 1, buffer, ret_frame);
}

static void flood(struct ss_bench_source *source, uint8_t *buffer, struct ss_frame *ret_frame)
{
    const struct ss_bench_frame *syn = &source->templates->handshakes[SS_BENCH_IPV4][0][0].frames[0];
    uint32_t address = draw(source), random = draw(source);

    write_frame(source, syn, address, (uint16_t)random, random, 0, buffer, ret_frame);
}

static uint8_t of_handshake(struct ss_bench_source *source, uint8_t *buffer, struct ss_frame *ret_frame)
{
    struct ss_bench_slot *slot = &source->slots[draw_of(source, source->profile->open)];

    if (slot->step == 0)
        slot->connection = source->next_connection++;
    const struct ss_bench_template *template = template_of(source, slot->connection);
    write_of(source, &template->frames[slot->step], slot->connection, 0, buffer, ret_frame);
    source->completed += slot->step == template->last_of_handshake;
    slot->step++;
    if (slot->step < template->count)
        return SS_BENCH_KEPT;
    slot->step = 0;
    return SS_BENCH_KEPT | SS_BENCH_LAST;
}

uint8_t ss_bench_source_next(struct ss_bench_source *source, uint8_t *buffer, struct ss_frame *ret_frame)
{
    uint32_t kind = draw_of(source, 1000);

    if (kind < source->profile->handshakes_share)
        return of_handshake(source, buffer, ret_frame);
    if (kind < source->profile->handshakes_share + source->profile->flood_share) {
        flood(source, buffer, ret_frame);
        return SS_BENCH_KEPT | SS_BENCH_LAST;
    }
    established(source, buffer, ret_frame);
    return 0;
}

bool ss_bench_source_open(struct ss_bench_source *source, uint8_t *buffer, struct ss_frame *ret_frame)
{
    uint32_t flows = source->profile->flows;

    while (source->next_connection < flows) {
        if (source->open_at == OPEN_GROUP) {
            source->open_at = 0;
            source->open_step++;
        }
        if (source->open_step == SS_BENCH_STEPS_MAX + OPEN_FULL) {
            source->open_step = 0;
            source->next_connection += OPEN_GROUP;
            continue;
        }
        uint32_t connection = source->next_connection + source->open_at++;
        const struct ss_bench_template *template = template_of(source, connection);
        if (connection >= flows || source->open_step > template->last_of_handshake + OPEN_FULL)
            continue;
        const struct ss_bench_frame *model = &segments_of(source, connection)->full[0];
        if (source->open_step <= template->last_of_handshake)
            model = &template->frames[source->open_step];
        write_of(source, model, connection, 0, buffer, ret_frame);
        source->completed += source->open_step == template->last_of_handshake;
        return true;
    }
    return false;
}

/* ---- sizes */

static double mean_of(const struct ss_bench_source *source, bool want_full)
{
    double bytes = 0;

    /* Family and tag repeat after 24 connections. */
    for (uint32_t connection = 0; connection < 24; connection++) {
        const struct ss_bench_segments *segments = segments_of(source, connection);
        bytes += want_full ? segments->full[0].length : segments->ack[0].length;
    }
    return bytes / 24;
}

static double handshake_mean(const struct ss_bench_source *source)
{
    double bytes = 0, frames = 0;

    for (uint32_t connection = 0; connection < 24 * SS_BENCH_TEMPLATES; connection++) {
        const struct ss_bench_template *template = template_of(source, connection);
        for (unsigned step = 0; step < template->count; step++)
            bytes += template->frames[step].length;
        frames += template->count;
    }
    return bytes / frames;
}

/* So many full segments among acknowledgements that the mean of all frames is the profile's. */
static uint32_t full_limit(const struct ss_bench_source *source)
{
    double share = source->profile->handshakes_share / 1000.0;
    double ack = mean_of(source, false), full = mean_of(source, true);
    double wanted = (source->profile->mean_bytes - share * handshake_mean(source)) / (1 - share);

    return wanted <= ack ? 0 : (uint32_t)((wanted - ack) / (full - ack) * UINT32_MAX);
}

void ss_bench_source_init(struct ss_bench_source *source, const struct ss_bench_profile *profile,
                          const struct ss_bench_templates *templates, struct ss_bench_slot *slots,
                          uint64_t seed)
{
    *source = (struct ss_bench_source){
        .profile = profile, .templates = templates, .slots = slots, .random = seed, .now_ns = START_NS};
    if (profile->mean_bytes > 0)
        source->full_limit = full_limit(source);
}

uint32_t ss_bench_source_quota(const struct ss_bench_templates *templates)
{
    uint32_t most = 0;

    for (unsigned family = 0; family < SS_BENCH_FAMILY_COUNT; family++) {
        for (unsigned which = 0; which < templates->count[family]; which++) {
            const struct ss_bench_template *template = &templates->handshakes[family][1][which];
            uint32_t bytes = 0;
            for (unsigned step = 0; step < template->count; step++)
                bytes += template->frames[step].length;
            most = bytes > most ? bytes : most;
        }
    }
    return most;
}
