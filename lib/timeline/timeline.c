// SPDX-License-Identifier: BSD-3-Clause

#include "timeline/timeline.h"
#include "timeline/owners.h"

#include <string.h>

void ss_timeline_init(struct ss_timeline *timeline)
{
    for (unsigned i = 0; i < SS_MARK_COUNT; i++)
        timeline->mark_ns[i] = SS_MARK_UNSEEN;
    timeline->open_until_ns = timeline->answer_begin_ns = SS_MARK_UNSEEN;
    timeline->client_rtt_ns = timeline->server_rtt_ns = 0;
    timeline->client_hidden = timeline->server_hidden = false;
    timeline->waits.count = 0;
    timeline->waits.lacks_some = false;
}

/* Room for one that is longer than the shortest; false: it is the shortest itself. */
static bool make_room(struct ss_waits *waits, int64_t ns)
{
    unsigned shortest = SS_TIMELINE_WAITS;

    for (unsigned i = 0; i < waits->count; i++) {
        if (waits->at[i].to_ns - waits->at[i].from_ns < ns) {
            ns = waits->at[i].to_ns - waits->at[i].from_ns;
            shortest = i;
        }
    }
    if (shortest == SS_TIMELINE_WAITS)
        return false;
    waits->count--;
    memmove(&waits->at[shortest], &waits->at[shortest + 1], (waits->count - shortest) * sizeof(waits->at[0]));
    return true;
}

void ss_timeline_add_wait(struct ss_waits *waits, enum ss_evidence evidence, int64_t from_ns, int64_t to_ns)
{
    struct ss_timeline_wait *last = waits->count > 0 ? &waits->at[waits->count - 1] : NULL;

    if (to_ns <= from_ns)
        return;
    if (last != NULL && last->evidence == evidence && from_ns >= last->from_ns && from_ns <= last->to_ns) {
        if (to_ns > last->to_ns)
            last->to_ns = to_ns;
        return;
    }
    if (waits->count == SS_TIMELINE_WAITS) {
        waits->lacks_some = true;
        if (!make_room(waits, to_ns - from_ns))
            return;
    }
    waits->at[waits->count++] =
        (struct ss_timeline_wait){.from_ns = from_ns, .to_ns = to_ns, .evidence = (uint8_t)evidence};
}

enum ss_share ss_timeline_share(enum ss_evidence evidence, enum ss_tap tap)
{
    enum ss_share share = ss_evidence_share(evidence);

    if (share == SS_SHARE_CLIENT_PATH && tap == SS_TAP_CLIENT)
        return SS_SHARE_CLIENT;
    if (share == SS_SHARE_SERVER_PATH && tap == SS_TAP_SERVER)
        return SS_SHARE_SERVER;
    return share;
}

/* The surest wait that covers at_ns, or NULL; *until is where that answer ends, at most what it was. */
static const struct ss_timeline_wait *wait_at(const struct ss_timeline *timeline, int64_t at_ns,
                                              int64_t *until)
{
    const struct ss_timeline_wait *covering = NULL;

    for (unsigned i = 0; i < timeline->waits.count; i++) {
        const struct ss_timeline_wait *wait = &timeline->waits.at[i];
        if (wait->from_ns > at_ns && wait->from_ns < *until)
            *until = wait->from_ns;
        if (at_ns < wait->from_ns || at_ns >= wait->to_ns)
            continue;
        if (wait->to_ns < *until)
            *until = wait->to_ns;
        if (covering == NULL || wait->evidence < covering->evidence)
            covering = wait;
    }
    return covering;
}

/* Splits from..to among the waits that are known; returns what is left for the phase's owner. */
static int64_t share_waits(const struct ss_timeline *timeline, enum ss_tap tap, int64_t from_ns,
                           int64_t to_ns, int64_t share_ns[SS_SHARE_COUNT], int64_t *guessed_ns)
{
    int64_t left_ns = 0;

    if (timeline->waits.count == 0)
        return to_ns - from_ns;
    while (from_ns < to_ns) {
        int64_t until = to_ns;
        const struct ss_timeline_wait *wait = wait_at(timeline, from_ns, &until);
        enum ss_strength strength =
            wait == NULL ? SS_STRENGTH_PROOF : ss_evidence_strength((enum ss_evidence)wait->evidence);
        if (wait == NULL || strength == SS_STRENGTH_DOUBT)
            left_ns += until - from_ns;
        else
            share_ns[ss_timeline_share((enum ss_evidence)wait->evidence, tap)] += until - from_ns;
        if (strength != SS_STRENGTH_PROOF)
            *guessed_ns += until - from_ns;
        from_ns = until;
    }
    return left_ns;
}

/* What an unfinished handshake was waiting for: the phase after the last mark that was seen. A talk before
 * TLS, a HelloRetryRequest and the hello that answers it are never what one waits for first. */
static enum ss_phase phase_after(enum ss_mark mark)
{
    if (mark == SS_MARK_ACK)
        return SS_PHASE_HELLO_WAIT;
    if (mark == SS_MARK_HELLO_ACK || mark == SS_MARK_CLIENT_HELLO_2)
        return SS_PHASE_SERVER_HELLO;
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++) {
        if (ss_phase_end((enum ss_phase)i) > mark)
            return (enum ss_phase)i;
    }
    return SS_PHASE_COUNT;
}

/* Whether the phase ended cannot be known. */
static bool is_end_hidden(const struct ss_timeline *timeline, enum ss_phase phase)
{
    bool is_of_client = ss_mark_sent_by(ss_phase_end(phase)) == SS_SENT_BY_CLIENT;
    return is_of_client ? timeline->client_hidden : timeline->server_hidden;
}

static enum ss_share largest(const int64_t share_ns[SS_SHARE_COUNT])
{
    enum ss_share largest = SS_SHARE_CLIENT;

    for (unsigned i = 0; i < SS_SHARE_COUNT; i++) {
        if (share_ns[i] > share_ns[largest])
            largest = (enum ss_share)i;
    }
    return largest;
}

static void judge_pending(const struct ss_timeline *timeline, enum ss_tap tap, enum ss_mark last,
                          int64_t last_ns, struct ss_judgement *judgement)
{
    enum ss_phase phase = phase_after(last);
    int64_t share_ns[SS_SHARE_COUNT] = {0}, guessed_ns = 0;

    if (timeline->open_until_ns == SS_MARK_UNSEEN || timeline->open_until_ns <= last_ns ||
        phase == SS_PHASE_COUNT)
        return;
    bool is_hidden = is_end_hidden(timeline, phase);
    int64_t left_ns = share_waits(timeline, tap, last_ns, timeline->open_until_ns, share_ns, &guessed_ns);
    share_ns[is_hidden ? SS_SHARE_UNKNOWN : ss_owner_of_excess(phase, tap)] += left_ns;
    enum ss_share share = largest(share_ns);
    if (is_hidden && share == SS_SHARE_UNKNOWN)
        return;
    judgement->pending_ns = timeline->open_until_ns - last_ns;
    judgement->pending_phase = (uint8_t)phase;
    judgement->pending_share = (uint8_t)share;
}

/* The mirror has seen the last message, but who it was for had not: there is a wait after the end. */
static void judge_after(const struct ss_timeline *timeline, enum ss_tap tap, int64_t last_ns,
                        struct ss_judgement *judgement)
{
    if (timeline->open_until_ns != SS_MARK_UNSEEN)
        return;
    for (unsigned i = 0; i < timeline->waits.count; i++) {
        const struct ss_timeline_wait *wait = &timeline->waits.at[i];
        if (wait->to_ns - last_ns > judgement->after_ns) {
            judgement->after_ns = wait->to_ns - last_ns;
            judgement->after_share = (uint8_t)ss_timeline_share((enum ss_evidence)wait->evidence, tap);
        }
    }
}

void ss_timeline_judge(const struct ss_timeline *timeline, enum ss_tap tap,
                       struct ss_judgement *ret_judgement)
{
    struct ss_judgement judgement = {
        .pending_phase = SS_PHASE_COUNT, .pending_share = SS_SHARE_UNKNOWN, .after_share = SS_SHARE_UNKNOWN};
    enum ss_mark last = SS_MARK_COUNT;
    int64_t first_ns = 0, last_ns = 0;

    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        judgement.phase_ns[i] = SS_MARK_UNSEEN;
    for (unsigned m = 0; m < SS_MARK_COUNT; m++) {
        int64_t at_ns = timeline->mark_ns[m];
        if (at_ns == SS_MARK_UNSEEN)
            continue;
        if (last == SS_MARK_COUNT) {
            first_ns = last_ns = at_ns;
            last = (enum ss_mark)m;
            continue;
        }
        if (at_ns < last_ns)
            at_ns = last_ns; /* delivered out of order by the mirror */
        enum ss_phase phase = ss_phase_of_mark((enum ss_mark)m);
        judgement.phase_ns[phase] = at_ns - last_ns;
        /* Losses of a talk are the talk's. */
        int64_t left_ns = at_ns - last_ns;
        if (phase != SS_PHASE_TALK)
            left_ns = share_waits(timeline, tap, last_ns, at_ns, judgement.share_ns, &judgement.guessed_ns);
        ss_owner_share(timeline, phase, last, tap, left_ns, judgement.share_ns);
        last_ns = at_ns;
        last = (enum ss_mark)m;
    }
    judgement.duration_ns = last_ns - first_ns;
    if (last != SS_MARK_COUNT) {
        judge_pending(timeline, tap, last, last_ns, &judgement);
        judge_after(timeline, tap, last_ns, &judgement);
    }
    *ret_judgement = judgement;
}
