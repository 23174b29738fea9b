// SPDX-License-Identifier: BSD-3-Clause

/* Fragments of a few datagrams, cut and repeated as the input says, in memory of exactly their size.
 *
 * Held to be true: each frame that went in comes out once, with its reason, or waits; no more wait than there
 * is room for; a whole datagram is what its fragments say, every one of them, without a gap, and never longer
 * than a length field can say.
 */

#include "packet/fragments.h"

#include <stdlib.h>
#include <string.h>

#define STEP_BYTES 6
#define HEAD_MAX   48
#define DATA_MAX   2048

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

struct world {
    struct ss_fragments *fragments;
    int64_t now_ns;
    uint64_t in, out;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* ---- what comes out */

static void check_whole(const struct ss_datagram *datagram)
{
    const struct ss_frame *whole = &datagram->whole;
    uint32_t head_bytes = whole->data[0] >> 4 == 6 ? 48 : 20, end = 0, sum = 0;
    uint8_t *seen = calloc(1, whole->captured);

    require(seen != NULL && whole->captured == whole->wire && whole->captured > head_bytes);
    for (unsigned i = 0; i < datagram->frame_count; i++) {
        struct ss_fragment fragment;
        require(ss_packet_fragment(&datagram->frames[i], NULL, &fragment) == SS_REFUSED_NOTHING);
        require(fragment.offset + fragment.bytes <= whole->captured - head_bytes);
        require(memcmp(whole->data + head_bytes + fragment.offset, fragment.data, fragment.bytes) == 0);
        sum += seen[fragment.offset] == 0 ? fragment.bytes : 0;
        seen[fragment.offset] = 1;
        if (fragment.offset + fragment.bytes > end)
            end = fragment.offset + fragment.bytes;
    }
    if (!datagram->is_copy)
        require(end == whole->captured - head_bytes && sum == end);
    free(seen);
}

static void take(struct world *world, const struct ss_datagram *datagram)
{
    struct ss_packet packet;

    require(datagram->frame_count > 0 && datagram->frame_count <= SS_FRAGMENTS_FRAMES + 1);
    require(datagram->copies <= datagram->frame_count);
    world->out += datagram->frame_count;
    if (datagram->refused != SS_REFUSED_NOTHING) {
        require(datagram->refused < SS_REFUSED_COUNT);
        return;
    }
    check_whole(datagram);
    require(ss_packet_decode_within(&datagram->whole, datagram->encap, datagram->encap_count, NULL,
                                    &packet) <= SS_REFUSED_NOTHING);
}

static void give_up(struct world *world, int64_t now_ns, bool want_room)
{
    const struct ss_datagram *datagram;

    while ((datagram = ss_fragments_give_up(world->fragments, now_ns, want_room)) != NULL) {
        require(datagram->refused != SS_REFUSED_NOTHING);
        take(world, datagram);
    }
}

/* ---- what goes in */

/* A raw IP frame: what the six bytes say of it. */
static uint32_t build(const uint8_t *step, uint8_t *frame)
{
    uint32_t offset = (uint32_t)(step[1] | (step[2] & 0x1f) << 8) * 8, bytes = step[3] * 8u;
    bool is_v6 = step[0] & 1, is_last = step[4] & 1;
    uint32_t head_bytes = is_v6 ? 48 : 20;

    bytes += is_last ? step[4] >> 5 : 0;
    memset(frame, 0, head_bytes);
    if (is_v6) {
        frame[0] = 0x60;
        frame[4] = (uint8_t)((bytes + 8) >> 8);
        frame[5] = (uint8_t)(bytes + 8);
        frame[6] = 44;
        frame[40] = 6;
        frame[42] = (uint8_t)(offset >> 8);
        frame[43] = (uint8_t)(offset | !is_last);
        frame[47] = step[0];
    } else {
        frame[0] = 0x45;
        frame[2] = (uint8_t)((bytes + 20) >> 8);
        frame[3] = (uint8_t)(bytes + 20);
        frame[5] = step[0];
        frame[6] = (uint8_t)(offset / 8 >> 8 | (is_last ? 0 : 0x20));
        frame[7] = (uint8_t)(offset / 8);
        frame[9] = 6;
    }
    for (uint32_t i = 0; i < bytes; i++)
        frame[head_bytes + i] = (uint8_t)((offset + i) / 8 + (step[5] & 1));
    return head_bytes + bytes;
}

static void put(struct world *world, const uint8_t *step)
{
    uint8_t bytes[HEAD_MAX + DATA_MAX + 8];
    struct ss_fragment fragment;
    struct ss_frame frame = {.captured = build(step, bytes), .link = SS_LINK_RAW_IP};
    uint8_t *exact = malloc(frame.captured);

    require(exact != NULL);
    memcpy(exact, bytes, frame.captured);
    frame.data = exact;
    frame.wire = frame.captured;
    frame.time_ns = world->now_ns += (int64_t)(step[5] >> 1) * 40000000;
    if (ss_packet_fragment(&frame, NULL, &fragment) == SS_REFUSED_NOTHING) {
        give_up(world, world->now_ns, true);
        world->in++;
        const struct ss_datagram *datagram =
            ss_fragments_add(world->fragments, &frame, &fragment, world->now_ns);
        if (datagram != NULL)
            take(world, datagram);
        require(world->in == world->out + ss_fragments_waiting(world->fragments));
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    static void *memory;
    struct world world = {0};

    if (memory == NULL)
        memory = aligned_alloc(64, (ss_fragments_bytes() + 63) & ~(size_t)63);
    require(memory != NULL);
    world.fragments = ss_fragments_create(memory);
    for (; length >= STEP_BYTES; input += STEP_BYTES, length -= STEP_BYTES) {
        put(&world, input);
        require(ss_fragments_waiting(world.fragments) <= SS_FRAGMENTS_DATAGRAMS * SS_FRAGMENTS_FRAMES);
    }
    give_up(&world, INT64_MAX, false);
    require(world.in == world.out && ss_fragments_waiting(world.fragments) == 0);
    return 0;
}
