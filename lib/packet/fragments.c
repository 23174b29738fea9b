// SPDX-License-Identifier: BSD-3-Clause
#include "packet/fragments.h"

#include <assert.h>
#include <string.h>

enum state {
    FREE,
    WAITING, /* for more of its fragments */
    WHOLE,   /* given back, remembered for copies of its fragments */
    REFUSED, /* given back, remembered for the rest of its fragments */
};

/* What one fragment holds of its datagram. */
struct piece {
    uint32_t offset, bytes;
    uint32_t at; /* its data, in the slot's bytes */
};

/* What is looked at to find a datagram: all of them in a few cache lines. */
struct place {
    int64_t first_ns; /* when its first frame came */
    uint32_t hash;
    enum state state;
};

/* A datagram under way, or remembered. */
struct slot {
    struct place *place;
    enum ss_refusal refused;
    struct ss_fragment key;       /* of its first frame; what points into frames is not used */
    uint32_t used;                /* of bytes */
    uint32_t data_bytes;          /* of all pieces, copies left out */
    uint32_t end;                 /* of the datagram's data; 0: its last fragment has not come yet */
    uint32_t highest;             /* end of the furthest piece */
    uint32_t head_at, head_bytes; /* of the first piece, in bytes; 0 bytes: it has not come yet */
    unsigned count, copies;
    struct ss_frame frames[SS_FRAGMENTS_FRAMES + 1]; /* the one too many is given back with the others */
    struct piece pieces[SS_FRAGMENTS_FRAMES];
    uint8_t bytes[SS_FRAGMENTS_BYTES];
};

struct ss_fragments {
    unsigned waiting; /* frames */
    int64_t due_ns;   /* nothing is given up before */
    struct place places[SS_FRAGMENTS_DATAGRAMS];
    struct ss_datagram given;
    struct ss_frame lone; /* given back alone */
    uint8_t whole[SS_FRAGMENTS_HEAD_BYTES + SS_FRAGMENTS_BYTES];
    struct slot slots[SS_FRAGMENTS_DATAGRAMS];
} __attribute__((aligned(64)));

size_t ss_fragments_bytes(void)
{
    return sizeof(struct ss_fragments);
}

struct ss_fragments *ss_fragments_create(void *memory)
{
    struct ss_fragments *fragments = memory;

    fragments->waiting = 0;
    memset(fragments->places, 0, sizeof(fragments->places));
    for (unsigned i = 0; i < SS_FRAGMENTS_DATAGRAMS; i++)
        fragments->slots[i].place = &fragments->places[i];
    return fragments;
}

unsigned ss_fragments_waiting(const struct ss_fragments *fragments)
{
    return fragments->waiting;
}

/* ---- which datagram */

static bool is_same(const struct ss_fragment *a, const struct ss_fragment *b)
{
    if (a->id != b->id || a->is_v6 != b->is_v6 || a->protocol != b->protocol ||
        !ss_ip_equal(&a->source, &b->source) || !ss_ip_equal(&a->destination, &b->destination) ||
        a->encap_count != b->encap_count)
        return false;
    for (unsigned i = 0; i < a->encap_count; i++) {
        if (a->encap[i].kind != b->encap[i].kind || a->encap[i].id != b->encap[i].id)
            return false;
    }
    return true;
}

static uint32_t hash_of(const struct ss_fragment *fragment)
{
    uint32_t word[8], hash = fragment->id;

    memcpy(word, fragment->source.bytes, 16);
    memcpy(word + 4, fragment->destination.bytes, 16);
    for (unsigned i = 0; i < 8; i++)
        hash = (hash ^ word[i]) * 0x9e3779b1u;
    return hash;
}

static struct slot *find(struct ss_fragments *fragments, const struct ss_fragment *fragment, uint32_t hash)
{
    for (unsigned i = 0; i < SS_FRAGMENTS_DATAGRAMS; i++) {
        const struct place *place = &fragments->places[i];
        if (place->hash == hash && place->state != FREE && is_same(&fragments->slots[i].key, fragment))
            return &fragments->slots[i];
    }
    return NULL;
}

/* The oldest of a state; NULL: there is none. */
static struct slot *oldest(struct ss_fragments *fragments, enum state state)
{
    const struct place *found = NULL;

    for (unsigned i = 0; i < SS_FRAGMENTS_DATAGRAMS; i++) {
        const struct place *place = &fragments->places[i];
        if (place->state == state && (found == NULL || place->first_ns < found->first_ns))
            found = place;
    }
    return found == NULL ? NULL : &fragments->slots[found - fragments->places];
}

/* One that is free, or only remembered. */
static struct slot *find_room(struct ss_fragments *fragments)
{
    struct slot *slot = oldest(fragments, FREE);

    if (slot == NULL)
        slot = oldest(fragments, WHOLE);
    return slot != NULL ? slot : oldest(fragments, REFUSED);
}

static void begin(struct ss_fragments *fragments, struct slot *slot, const struct ss_fragment *fragment,
                  uint32_t hash, int64_t now_ns)
{
    *slot->place = (struct place){.state = WAITING, .hash = hash, .first_ns = now_ns};
    slot->key = *fragment;
    slot->used = slot->data_bytes = slot->end = slot->highest = slot->head_bytes = 0;
    slot->count = slot->copies = 0;
    if (fragments->waiting == 0)
        fragments->due_ns = now_ns + SS_FRAGMENTS_WAIT_NS;
}

/* ---- given back */

/* All frames of the slot, which is remembered. */
static struct ss_datagram *give_slot(struct ss_fragments *fragments, struct slot *slot,
                                     enum ss_refusal refused)
{
    fragments->waiting -= slot->count;
    slot->place->state = refused == SS_REFUSED_NOTHING ? WHOLE : REFUSED;
    slot->refused = refused;
    fragments->given = (struct ss_datagram){.refused = refused,
                                            .encap = slot->key.encap,
                                            .encap_count = slot->key.encap_count,
                                            .frames = slot->frames,
                                            .frame_count = slot->count,
                                            .copies = slot->copies};
    return &fragments->given;
}

/* This frame alone: the others were given back before. */
static struct ss_datagram *give_lone(struct ss_fragments *fragments, const struct slot *slot,
                                     const struct ss_frame *frame)
{
    fragments->lone = *frame;
    fragments->given = (struct ss_datagram){.refused = slot->refused,
                                            .encap = slot->key.encap,
                                            .encap_count = slot->key.encap_count,
                                            .frames = &fragments->lone,
                                            .frame_count = 1};
    return &fragments->given;
}

const struct ss_datagram *ss_fragments_give_up(struct ss_fragments *fragments, int64_t now_ns, bool want_room)
{
    bool is_short = want_room && find_room(fragments) == NULL;

    if (fragments->waiting == 0 || (now_ns <= fragments->due_ns && !is_short))
        return NULL;
    struct slot *slot = oldest(fragments, WAITING);
    fragments->due_ns = slot->place->first_ns + SS_FRAGMENTS_WAIT_NS;
    if (now_ns > fragments->due_ns)
        return give_slot(fragments, slot, SS_REFUSED_FRAGMENT);
    return is_short ? give_slot(fragments, slot, SS_REFUSED_FRAGMENTS_FULL) : NULL;
}

/* ---- pieces */

enum fit {
    FITS,
    COPY,     /* of one that is here */
    CONFLICT, /* with those that are here */
};

static enum fit fit(const struct slot *slot, const struct ss_fragment *fragment)
{
    uint32_t end = fragment->offset + fragment->bytes;

    for (unsigned i = 0; i < slot->count; i++) {
        const struct piece *piece = &slot->pieces[i];
        if (end <= piece->offset || piece->offset + piece->bytes <= fragment->offset)
            continue;
        bool is_equal = piece->offset == fragment->offset && piece->bytes == fragment->bytes &&
                        memcmp(slot->bytes + piece->at, fragment->data, fragment->bytes) == 0;
        return is_equal ? COPY : CONFLICT;
    }
    if (fragment->is_last && (slot->end != 0 || end < slot->highest))
        return CONFLICT;
    return slot->end != 0 && end > slot->end ? CONFLICT : FITS;
}

static bool has_room(const struct slot *slot, const struct ss_frame *frame,
                     const struct ss_fragment *fragment)
{
    return slot->count < SS_FRAGMENTS_FRAMES && frame->captured <= SS_FRAGMENTS_BYTES - slot->used &&
           fragment->head_bytes <= SS_FRAGMENTS_HEAD_BYTES;
}

/* The frame's bytes, and where in them the fragment is. */
static void keep(struct ss_fragments *fragments, struct slot *slot, const struct ss_frame *frame,
                 const struct ss_fragment *fragment)
{
    uint8_t *copy = slot->bytes + slot->used;

    memcpy(copy, frame->data, frame->captured);
    slot->frames[slot->count] = *frame;
    slot->frames[slot->count].data = copy;
    slot->pieces[slot->count] = (struct piece){.offset = fragment->offset,
                                               .bytes = fragment->bytes,
                                               .at = slot->used + (uint32_t)(fragment->data - frame->data)};
    if (fragment->offset == 0) {
        slot->head_at = slot->used + (uint32_t)(fragment->head - frame->data);
        slot->head_bytes = fragment->head_bytes;
    }
    slot->used += frame->captured;
    slot->count++;
    fragments->waiting++;
}

static void note_extent(struct slot *slot, const struct ss_fragment *fragment)
{
    uint32_t end = fragment->offset + fragment->bytes;

    slot->data_bytes += fragment->bytes;
    if (end > slot->highest)
        slot->highest = end;
    if (fragment->is_last)
        slot->end = end;
}

/* ---- the whole */

static void store16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* The first fragment's headers say that it is all there is: an IPv6 fragment header stays, as that of an
 * atomic fragment (RFC 6946). */
static void make_head(uint8_t *head, uint32_t head_bytes, uint32_t data_bytes, bool is_v6)
{
    if (is_v6) {
        store16(head + 4, head_bytes - 40 + data_bytes);
        store16(head + head_bytes - 6, 0);
    } else {
        store16(head + 2, head_bytes + data_bytes);
        store16(head + 6, 0);
    }
}
_Static_assert(SS_FRAGMENTS_HEAD_BYTES + SS_FRAGMENTS_BYTES <= UINT16_MAX, "a length field can say it");

/* Pieces do not overlap, so that they are all there when their bytes are. */
static bool is_whole(const struct slot *slot)
{
    return slot->end != 0 && slot->data_bytes == slot->end;
}

static struct ss_frame make_whole(struct ss_fragments *fragments, const struct slot *slot)
{
    const struct ss_frame *last = &slot->frames[slot->count - 1];
    uint8_t *whole = fragments->whole;

    memcpy(whole, slot->bytes + slot->head_at, slot->head_bytes);
    make_head(whole, slot->head_bytes, slot->end, slot->key.is_v6);
    for (unsigned i = 0; i < slot->count; i++) {
        const struct piece *piece = &slot->pieces[i];
        memcpy(whole + slot->head_bytes + piece->offset, slot->bytes + piece->at, piece->bytes);
    }
    return (struct ss_frame){.data = whole,
                             .captured = slot->head_bytes + slot->end,
                             .wire = slot->head_bytes + slot->end,
                             .time_ns = last->time_ns,
                             .clock_error_ns = last->clock_error_ns,
                             .port = last->port,
                             .link = SS_LINK_RAW_IP};
}

static struct ss_datagram *give_whole(struct ss_fragments *fragments, struct slot *slot)
{
    struct ss_datagram *given = give_slot(fragments, slot, SS_REFUSED_NOTHING);
    given->whole = make_whole(fragments, slot);
    return given;
}

/* ---- */

/* Everything of a datagram that will not be. The frame itself is with its caller yet, and need not fit. */
static struct ss_datagram *refuse(struct ss_fragments *fragments, struct slot *slot,
                                  const struct ss_frame *frame, enum ss_refusal refused)
{
    slot->frames[slot->count++] = *frame;
    fragments->waiting++;
    return give_slot(fragments, slot, refused);
}

static struct ss_datagram *add_to(struct ss_fragments *fragments, struct slot *slot,
                                  const struct ss_frame *frame, const struct ss_fragment *fragment)
{
    enum fit how = fit(slot, fragment);

    if (how == CONFLICT)
        return refuse(fragments, slot, frame, SS_REFUSED_FRAGMENT_CONFLICT);
    if (!has_room(slot, frame, fragment))
        return refuse(fragments, slot, frame, SS_REFUSED_FRAGMENT_EXCESS);
    keep(fragments, slot, frame, fragment);
    if (how == FITS)
        note_extent(slot, fragment);
    else
        slot->copies++;
    return is_whole(slot) ? give_whole(fragments, slot) : NULL;
}

/* Of a datagram that was given back: a copy of what it was made of, or the rest of what was refused. NULL:
 * another datagram, whose sender uses the identification again. */
static struct ss_datagram *recall(struct ss_fragments *fragments, const struct slot *slot,
                                  const struct ss_frame *frame, const struct ss_fragment *fragment,
                                  int64_t now_ns)
{
    if (now_ns - slot->place->first_ns > SS_FRAGMENTS_WAIT_NS)
        return NULL;
    if (slot->place->state == REFUSED)
        return give_lone(fragments, slot, frame);
    if (fit(slot, fragment) != COPY)
        return NULL;
    struct ss_datagram *given = give_lone(fragments, slot, frame);
    given->whole = make_whole(fragments, slot);
    given->is_copy = true;
    given->copies = 1;
    return given;
}

const struct ss_datagram *ss_fragments_add(struct ss_fragments *fragments, const struct ss_frame *frame,
                                           const struct ss_fragment *fragment, int64_t now_ns)
{
    uint32_t hash = hash_of(fragment);
    struct slot *slot = find(fragments, fragment, hash);

    if (slot != NULL && slot->place->state != WAITING) {
        const struct ss_datagram *given = recall(fragments, slot, frame, fragment, now_ns);
        if (given != NULL)
            return given;
        begin(fragments, slot, fragment, hash, now_ns);
    }
    if (slot == NULL) {
        slot = find_room(fragments);
        assert(slot != NULL);
        begin(fragments, slot, fragment, hash, now_ns);
    }
    return add_to(fragments, slot, frame, fragment);
}
