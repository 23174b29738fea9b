// SPDX-License-Identifier: BSD-3-Clause

/* The TLS parser on hostile bytes.
 *
 * The first bytes of the input say how the rest, one direction, is cut, where bytes of it are missing, and
 * whether the caller unprotects; the rest is fed whole, one byte at a time, and as cut. Held:
 *   - the events are the same, whatever the cut, and so is what the hellos say
 *   - offsets are ordered: begin <= end, ends never go back and stay within the input
 *   - at most one block is taken at a time, and none is left after the release
 *   - BEGIN comes once and first, NOT_TLS only before it, nothing after NOT_TLS or BROKEN
 *
 *     clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -Ilib tests/fuzz/fuzz_tls.c lib/tls/tls.c
 *         lib/tls/hello.c lib/base/pool.c -o fuzz_tls && ./fuzz_tls -max_len=40000 corpus/
 */

#include "base/pool.h"
#include "tls/hello.h"
#include "tls/ja4.h"
#include "tls/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCKS = 2,
    HEAD_BYTES = 8,
};

#define HOLD(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                   \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* How the direction is fed, from the head of the fuzzed input. */
struct plan {
    uint32_t cut_seed; /* 0: whole; 1: byte by byte; else pieces of pseudo-random lengths */
    size_t hole_at;    /* of missing bytes */
    size_t hole_bytes; /* 0: none */
    bool does_unprotect;
};

struct outcome {
    uint64_t events;
    uint64_t digest;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void digest(uint64_t *sum, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++)
        *sum = (*sum ^ at[i]) * 0x100000001b3u; /* FNV-1a */
}

static size_t next_piece(uint32_t *seed)
{
    if (*seed == 0)
        return SIZE_MAX;
    if (*seed == 1)
        return 1;
    *seed = *seed * 1664525u + 1013904223u;
    uint32_t bits = *seed >> 16;
    *seed |= 2; /* never 0 or 1 */
    return 1 + (bits & 3 ? bits >> 4 & 15 : bits >> 4 & 2047);
}

static void read_ja4(struct ss_span body, uint64_t *sum)
{
    struct ss_ja4 ja4;
    enum ss_ja4_result result = ss_ja4_read(body, &ja4);
    digest(sum, &result, sizeof(result));
    if (result != SS_JA4_READ)
        return;
    unsigned codes = (unsigned)ja4.ciphers + ja4.extensions + ja4.signatures;
    HOLD(codes <= SS_JA4_CODES);
    digest(sum, ja4.codes, codes * sizeof(ja4.codes[0]));
    for (unsigned i = 0; i < sizeof(ja4.alpn); i++)
        HOLD(ja4.alpn[i] >= '0' && ja4.alpn[i] <= 'z');
}

static void decode_hello(const struct ss_tls_event *event, uint64_t *sum)
{
    struct ss_client_hello client;
    struct ss_server_hello server;
    bool is_sound;
    if (event->type == SS_TLS_CLIENT_HELLO) {
        is_sound = event->sslv2 ? ss_client_hello_decode_v2(event->message, &client)
                                : ss_client_hello_decode(event->message, &client);
        HOLD(memchr(client.sni, 0, sizeof(client.sni)) != NULL);
        HOLD(client.alpn[SS_ALPN_MAX - 1] == '\0' && client.session_id_bytes <= 32);
        digest(sum, &client.version, sizeof(client.version));
        digest(sum, client.sni, sizeof(client.sni));
        read_ja4(event->message, sum);
    } else if (event->type == SS_TLS_SERVER_KEY_EXCHANGE) {
        uint16_t group = 0;
        is_sound = ss_server_key_exchange_decode(event->message, &group);
        digest(sum, &group, sizeof(group));
    } else {
        is_sound = ss_server_hello_decode(event->message, &server);
        HOLD(server.alpn[SS_ALPN_MAX - 1] == '\0' && server.session_id_bytes <= 32);
        digest(sum, &server.cipher, sizeof(server.cipher));
    }
    digest(sum, &is_sound, sizeof(is_sound));
}

struct run {
    struct ss_tls_direction direction;
    struct ss_pool *pool;
    size_t size;
    uint64_t last_end;
    bool has_begun, has_ended;
    struct outcome outcome;
};

static void take_event(struct run *run, const struct ss_tls_event *event, const struct plan *plan)
{
    struct outcome *outcome = &run->outcome;
    HOLD(!run->has_ended);
    HOLD(event->begin <= event->end);
    HOLD(event->end >= run->last_end && event->end <= run->size);
    HOLD((event->kind == SS_TLS_BEGIN || event->kind == SS_TLS_NOT_TLS)
             ? !run->has_begun
             : run->has_begun || event->kind == SS_TLS_BROKEN);
    run->has_begun |= event->kind == SS_TLS_BEGIN;
    run->has_ended |= event->kind == SS_TLS_NOT_TLS || event->kind == SS_TLS_BROKEN;
    run->last_end = event->end;

    uint64_t facts[] = {event->kind,
                        event->begin,
                        event->end,
                        event->type,
                        event->sslv2,
                        event->record_bytes,
                        event->alert_level,
                        event->alert_description,
                        event->message.at != NULL,
                        ss_span_left(&event->message)};
    digest(&outcome->digest, facts, sizeof(facts));
    digest(&outcome->digest, event->message.at, ss_span_left(&event->message));
    outcome->events++;
    if (event->message.at != NULL)
        decode_hello(event, &outcome->digest);
    if (plan->does_unprotect && (event->kind == SS_TLS_CCS || event->kind == SS_TLS_PROTECTED))
        ss_tls_unprotect(&run->direction);
}

static void feed(struct run *run, const uint8_t *bytes, size_t length, const struct plan *plan)
{
    /* A copy of its own size, so that a read beyond the piece is seen. */
    uint8_t *piece = malloc(length + 1);
    HOLD(piece != NULL);
    memcpy(piece, bytes, length);
    struct ss_span input = ss_span_of(piece, length);
    for (;;) {
        struct ss_tls_event event;
        ss_tls_next(&run->direction, run->pool, &input, &event);
        HOLD(run->pool->used <= 1);
        if (event.kind == SS_TLS_MORE)
            break;
        take_event(run, &event, plan);
    }
    HOLD(ss_span_left(&input) == 0);
    free(piece);
}

static void feed_cut(struct run *run, const uint8_t *bytes, size_t length, const struct plan *plan)
{
    uint32_t seed = plan->cut_seed;
    while (length > 0) {
        size_t piece = next_piece(&seed);
        if (piece > length)
            piece = length;
        feed(run, bytes, piece, plan);
        bytes += piece;
        length -= piece;
    }
}

static struct outcome run_plan(struct ss_pool *pool, const uint8_t *bytes, size_t size, struct plan plan)
{
    struct run run = {.pool = pool, .size = size};
    ss_tls_init(&run.direction);
    if (plan.hole_at > size)
        plan.hole_at = size;
    if (plan.hole_bytes > size - plan.hole_at)
        plan.hole_bytes = size - plan.hole_at;
    feed_cut(&run, bytes, plan.hole_at, &plan);
    if (plan.hole_bytes > 0)
        ss_tls_skip(&run.direction, (uint32_t)plan.hole_bytes);
    feed(&run, bytes, 0, &plan);
    feed_cut(&run, bytes + plan.hole_at + plan.hole_bytes, size - plan.hole_at - plan.hole_bytes, &plan);
    ss_tls_release(&run.direction, pool);
    HOLD(pool->used == 0);
    return run.outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[BLOCKS * SS_TLS_BLOCK_BYTES];
    struct ss_pool pool;
    if (size < HEAD_BYTES)
        return 0;
    struct plan plan = {
        .cut_seed = 2u | (uint32_t)data[0] << 8 | (uint32_t)data[1] << 16,
        .hole_at = (size_t)(data[2] << 8 | data[3]),
        .hole_bytes = data[4] & 1 ? (size_t)(data[5] << 8 | data[6]) : 0,
        .does_unprotect = data[7] & 1,
    };
    ss_pool_init(&pool, memory, SS_TLS_BLOCK_BYTES, BLOCKS);

    struct outcome first = {0};
    for (uint32_t i = 0; i < 3; i++) {
        struct plan cut = plan;
        if (i < 2)
            cut.cut_seed = i;
        struct outcome outcome = run_plan(&pool, data + HEAD_BYTES, size - HEAD_BYTES, cut);
        if (i == 0)
            first = outcome;
        HOLD(outcome.events == first.events && outcome.digest == first.digest);
    }
    return 0;
}
