// SPDX-License-Identifier: BSD-3-Clause

#include "timeline/slow.h"

#include <stdio.h>

_Static_assert((int)SS_VERDICT_CLIENT == (int)SS_SHARE_CLIENT && (int)SS_VERDICT_IDLE == (int)SS_SHARE_IDLE,
               "a share that is to blame is the verdict of the same number");

void ss_slow_init(struct ss_slow *slow)
{
    slow->handshake_ns = SS_SLOW_NEVER;
    slow->unfinished_ns = SS_SLOW_NEVER;
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        slow->phase_ns[i] = SS_SLOW_NEVER;
}

static bool take_flag(uint32_t *flags, uint32_t flag)
{
    bool is_set = (*flags & flag) != 0;

    *flags &= ~flag;
    return is_set;
}

bool ss_slow_flag_next(uint32_t *flags, char ret_text[SS_FLAG_TEXT_MAX])
{
    if (take_flag(flags, SS_FLAG_HANDSHAKE)) {
        snprintf(ret_text, SS_FLAG_TEXT_MAX, "handshake");
        return true;
    }
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++) {
        if (take_flag(flags, SS_FLAG_PHASE(i))) {
            snprintf(ret_text, SS_FLAG_TEXT_MAX, "phase:%s", ss_phase_name((enum ss_phase)i));
            return true;
        }
    }
    bool is_unfinished = take_flag(flags, SS_FLAG_UNFINISHED);
    if (!is_unfinished && !take_flag(flags, SS_FLAG_PROXY))
        return false;
    snprintf(ret_text, SS_FLAG_TEXT_MAX, "%s", is_unfinished ? "unfinished" : "proxy");
    return true;
}

/* As long as its limit at least, and beyond what the clock can have made of it. */
static bool is_slow(int64_t ns, int64_t limit_ns, int64_t clock_error_ns)
{
    return ns >= limit_ns && ns > clock_error_ns;
}

uint32_t ss_slow_flags(const struct ss_slow *slow, const struct ss_judgement *judgement,
                       int64_t clock_error_ns)
{
    int64_t busy_ns = judgement->duration_ns - judgement->share_ns[SS_SHARE_IDLE];
    int64_t open_ns = busy_ns + (judgement->pending_share == SS_SHARE_IDLE ? 0 : judgement->pending_ns);
    uint32_t flags = 0;

    if (is_slow(busy_ns, slow->handshake_ns, clock_error_ns))
        flags |= SS_FLAG_HANDSHAKE;
    if (is_slow(open_ns, slow->unfinished_ns, clock_error_ns))
        flags |= SS_FLAG_UNFINISHED;
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++) {
        if (judgement->phase_ns[i] != SS_MARK_UNSEEN &&
            is_slow(judgement->phase_ns[i], slow->phase_ns[i], clock_error_ns))
            flags |= SS_FLAG_PHASE(i);
    }
    return flags;
}

/* Everything that was held up, the time an open handshake still waits included. */
static int64_t held_up_by(const struct ss_judgement *judgement, enum ss_share share)
{
    int64_t ns = judgement->share_ns[share];
    if (judgement->pending_ns > 0 && judgement->pending_share == share)
        ns += judgement->pending_ns;
    return ns;
}

/* Idle time stands for election only where nothing but the proxy finds the flow slow: its timer counts it. */
static enum ss_share largest_share(const struct ss_judgement *judgement, bool with_idle)
{
    enum ss_share largest = SS_SHARE_CLIENT;

    for (unsigned i = 0; i < SS_SHARE_COUNT; i++) {
        if (i == SS_SHARE_IDLE && !with_idle)
            continue;
        if (held_up_by(judgement, (enum ss_share)i) > held_up_by(judgement, largest))
            largest = (enum ss_share)i;
    }
    return largest;
}

static enum ss_confidence confidence_of(const struct ss_judgement *judgement, enum ss_share largest,
                                        bool with_idle, const struct ss_verdict_evidence *evidence)
{
    int64_t top_ns = held_up_by(judgement, largest);
    int64_t all_ns = judgement->duration_ns + judgement->pending_ns;

    if (!with_idle)
        all_ns -= held_up_by(judgement, SS_SHARE_IDLE);
    if (evidence->one_sided || evidence->tap_missing_bytes > 0 || top_ns <= 2 * evidence->clock_error_ns ||
        top_ns < all_ns / 2 || judgement->guessed_ns > top_ns / 2)
        return SS_CONFIDENCE_LOW;
    return top_ns - evidence->clock_error_ns >= all_ns - all_ns / 4 ? SS_CONFIDENCE_HIGH
                                                                    : SS_CONFIDENCE_MEDIUM;
}

static struct ss_opinion verdict_of_share(enum ss_share share, enum ss_confidence confidence)
{
    if (share == SS_SHARE_UNKNOWN)
        return (struct ss_opinion){SS_VERDICT_TAP, SS_CONFIDENCE_HIGH};
    return (struct ss_opinion){(enum ss_verdict)share, confidence};
}

/* The wire was quick. What the last message met on its way from the tap to the proxy is still the wire's. */
static struct ss_opinion beyond_the_wire(const struct ss_judgement *judgement, int64_t wire_ns,
                                         const struct ss_verdict_evidence *evidence)
{
    if (evidence->is_end_hidden)
        return verdict_of_share(SS_SHARE_UNKNOWN, SS_CONFIDENCE_HIGH);
    if (judgement->after_ns > 0 && wire_ns + judgement->after_ns >= evidence->proxy_ns / 2)
        return verdict_of_share((enum ss_share)judgement->after_share, SS_CONFIDENCE_MEDIUM);
    return (struct ss_opinion){SS_VERDICT_PROXY,
                               evidence->one_sided ? SS_CONFIDENCE_LOW : SS_CONFIDENCE_HIGH};
}

static struct ss_opinion form(const struct ss_judgement *judgement,
                              const struct ss_verdict_evidence *evidence)
{
    uint32_t wire_flags = evidence->flags & ~SS_FLAG_PROXY;
    bool with_idle = (wire_flags & ~(SS_FLAG_PHASE(SS_PHASE_TALK) | SS_FLAG_PHASE(SS_PHASE_HELLO_WAIT))) == 0;
    int64_t wire_ns = judgement->duration_ns + judgement->pending_ns;

    if (evidence->flags == 0 || (wire_flags == 0 && evidence->proxy_ns == SS_MARK_UNSEEN))
        return (struct ss_opinion){SS_VERDICT_NONE, SS_CONFIDENCE_HIGH};
    if (wire_flags == 0 && wire_ns < evidence->proxy_ns / 2)
        return beyond_the_wire(judgement, wire_ns, evidence);

    enum ss_share largest = largest_share(judgement, with_idle);
    return verdict_of_share(largest, confidence_of(judgement, largest, with_idle, evidence));
}

struct ss_opinion ss_verdict_form(const struct ss_judgement *judgement,
                                  const struct ss_verdict_evidence *evidence)
{
    struct ss_opinion opinion = form(judgement, evidence);

    if (evidence->lacks_evidence && opinion.verdict != SS_VERDICT_NONE)
        opinion.confidence = SS_CONFIDENCE_LOW;
    return opinion;
}
