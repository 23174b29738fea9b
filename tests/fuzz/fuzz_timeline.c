// SPDX-License-Identifier: BSD-3-Clause

/* Any marks, waits and round trips to a judgement and a verdict.
 *
 * Held to be true: phases and shares sum to the duration and none is negative, wherever the tap is; waits are
 * bounded and never empty; no more is guessed than there is; what is pending has a phase and somebody who is
 * waited for; a verdict is one of the table's, and NONE only where nothing was flagged.
 */

#include "base/span.h"
#include "timeline/slow.h"
#include "timeline/timeline.h"

#include <stdlib.h>

#define TIME_MAX_NS (INT64_C(1) << 62) /* what the analyzer lets through */

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static uint8_t next_u8(struct ss_span *in)
{
    uint8_t value = 0;
    ss_span_u8(in, &value);
    return value;
}

/* Few distinct small times, so that they tie and overlap, and now and then any time at all. */
static int64_t next_time(struct ss_span *in)
{
    uint8_t kind = next_u8(in);
    uint32_t high = 0, low = 0;

    if (kind < 224)
        return kind % 16;
    ss_span_u32(in, &high);
    ss_span_u32(in, &low);
    return (int64_t)(((uint64_t)high << 32 | low) % (uint64_t)TIME_MAX_NS);
}

static void check(const struct ss_judgement *judged)
{
    int64_t phases = 0, shares = 0;

    for (unsigned i = 0; i < SS_PHASE_COUNT; i++) {
        if (judged->phase_ns[i] == SS_MARK_UNSEEN)
            continue;
        require(judged->phase_ns[i] >= 0);
        phases += judged->phase_ns[i];
    }
    for (unsigned i = 0; i < SS_SHARE_COUNT; i++) {
        require(judged->share_ns[i] >= 0);
        shares += judged->share_ns[i];
    }
    require(phases == judged->duration_ns && shares == judged->duration_ns);
    require(judged->guessed_ns >= 0 && judged->guessed_ns <= judged->duration_ns);
    require(judged->pending_ns >= 0);
    require((judged->pending_ns > 0) == (judged->pending_phase < SS_PHASE_COUNT));
    require(judged->pending_share < SS_SHARE_COUNT);
    require(judged->after_ns >= 0 && judged->after_share < SS_SHARE_COUNT);
    require(judged->after_ns == 0 || judged->pending_ns == 0);
}

static void check_verdict(struct ss_span *in, const struct ss_judgement *judged)
{
    struct ss_slow slow;
    struct ss_verdict_evidence evidence = {.clock_error_ns = next_u8(in), .one_sided = next_u8(in) & 1};

    ss_slow_init(&slow);
    require(ss_slow_flags(&slow, judged, evidence.clock_error_ns) == 0);
    slow.handshake_ns = next_time(in);
    slow.unfinished_ns = next_time(in);
    slow.phase_ns[next_u8(in) % SS_PHASE_COUNT] = next_time(in);
    evidence.flags = ss_slow_flags(&slow, judged, evidence.clock_error_ns);
    evidence.proxy_ns = next_u8(in) & 1 ? next_time(in) : SS_MARK_UNSEEN;
    if (evidence.proxy_ns != SS_MARK_UNSEEN)
        evidence.flags |= SS_FLAG_PROXY;
    evidence.tap_missing_bytes = next_u8(in);
    evidence.lacks_evidence = next_u8(in) & 1;
    evidence.is_end_hidden = next_u8(in) & 1;

    struct ss_opinion opinion = ss_verdict_form(judged, &evidence);
    require(opinion.verdict < SS_VERDICT_COUNT && opinion.confidence < SS_CONFIDENCE_COUNT);
    require((opinion.verdict == SS_VERDICT_NONE) == (evidence.flags == 0));
    require(!evidence.lacks_evidence || evidence.flags == 0 || opinion.confidence == SS_CONFIDENCE_LOW);
    require(opinion.verdict != SS_VERDICT_PROXY ||
            (evidence.flags == SS_FLAG_PROXY && !evidence.is_end_hidden));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    struct ss_span in = ss_span_of(input, length);
    struct ss_timeline timeline;
    struct ss_judgement judged[SS_TAP_COUNT];

    ss_timeline_init(&timeline);
    for (unsigned m = 0; m < SS_MARK_COUNT; m++) {
        if (next_u8(&in) & 1)
            timeline.mark_ns[m] = next_time(&in);
    }
    if (next_u8(&in) & 1)
        timeline.answer_begin_ns = next_time(&in);
    timeline.client_rtt_ns = next_time(&in);
    timeline.server_rtt_ns = next_time(&in);
    if (next_u8(&in) & 1)
        timeline.open_until_ns = next_time(&in);
    for (unsigned i = next_u8(&in) % 32; i > 0; i--) {
        enum ss_evidence evidence = next_u8(&in) % SS_EVIDENCE_COUNT;
        int64_t from_ns = next_time(&in);
        ss_timeline_add_wait(&timeline.waits, evidence, from_ns, next_time(&in));
    }
    require(timeline.waits.count <= SS_TIMELINE_WAITS);
    for (unsigned i = 0; i < timeline.waits.count; i++)
        require(timeline.waits.at[i].from_ns < timeline.waits.at[i].to_ns);
    for (unsigned tap = 0; tap < SS_TAP_COUNT; tap++) {
        ss_timeline_judge(&timeline, (enum ss_tap)tap, &judged[tap]);
        check(&judged[tap]);
        require(judged[tap].duration_ns == judged[0].duration_ns);
    }
    check_verdict(&in, &judged[next_u8(&in) % SS_TAP_COUNT]);
    return 0;
}
