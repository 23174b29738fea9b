// SPDX-License-Identifier: BSD-3-Clause
#include "tables/tables.h"

#include <assert.h>
#include <stddef.h>

struct row {
    const char *name;
    const char *about;
};

static const char *name_of(const struct row *rows, unsigned count, unsigned i)
{
    assert(i < count);
    return rows[i].name;
}

static const char *about_of(const struct row *rows, unsigned count, unsigned i)
{
    assert(i < count);
    return rows[i].about;
}

static const struct {
    struct row row;
    enum ss_refusal_class class;
    const char *advice;
} REFUSALS[] = {
#define X(name, json, class, about, advice) {{json, about}, SS_CLASS_##class, advice},
#include "tables/refusals.def"
#undef X
};

static const struct {
    struct row row;
    enum ss_sent_by sent_by;
} MARKS[] = {
#define X(name, json, sender, about) {{json, about}, SS_SENT_BY_##sender},
#include "tables/marks.def"
#undef X
};

static const struct {
    struct row row;
    enum ss_mark end;
} PHASES[] = {
#define X(name, json, end, owner, about) {{json, about}, SS_MARK_##end},
#include "tables/phases.def"
#undef X
};

static const struct row SHARES[] = {
#define X(name, json, about) {json, about},
#include "tables/shares.def"
#undef X
};

static const struct {
    struct row row;
    enum ss_share share;
    enum ss_strength strength;
} EVIDENCE[] = {
#define X(name, json, share, strength, about) {{json, about}, SS_SHARE_##share, SS_STRENGTH_##strength},
#include "tables/evidence.def"
#undef X
};

static const struct row UNWRITTEN[] = {
#define X(name, json, about, advice) {json, about},
#include "tables/unwritten.def"
#undef X
};

static const struct row VERDICTS[] = {
#define X(name, json, about) {json, about},
#include "tables/verdicts.def"
#undef X
};

static const struct row OUTCOMES[] = {
#define X(name, json, about) {json, about},
#include "tables/outcomes.def"
#undef X
};

static const char *const CONFIDENCES[] = {
    [SS_CONFIDENCE_LOW] = "low", [SS_CONFIDENCE_MEDIUM] = "medium", [SS_CONFIDENCE_HIGH] = "high"};

static const char *const TAPS[] = {
    [SS_TAP_SERVER] = "server", [SS_TAP_CLIENT] = "client", [SS_TAP_MIDDLE] = "middle"};

static const char *const CLOCK_SOURCES[] = {[SS_CLOCK_HARDWARE] = "hardware",
                                            [SS_CLOCK_KERNEL] = "kernel",
                                            [SS_CLOCK_SOFTWARE] = "software",
                                            [SS_CLOCK_FILE] = "file"};

const char *ss_refusal_name(enum ss_refusal refusal)
{
    assert(refusal < SS_REFUSED_COUNT);
    return REFUSALS[refusal].row.name;
}

const char *ss_refusal_about(enum ss_refusal refusal)
{
    assert(refusal < SS_REFUSED_COUNT);
    return REFUSALS[refusal].row.about;
}

const char *ss_refusal_advice(enum ss_refusal refusal)
{
    assert(refusal < SS_REFUSED_COUNT);
    return REFUSALS[refusal].advice;
}

enum ss_refusal_class ss_refusal_class(enum ss_refusal refusal)
{
    assert(refusal < SS_REFUSED_COUNT);
    return REFUSALS[refusal].class;
}

const char *ss_mark_name(enum ss_mark mark)
{
    assert(mark < SS_MARK_COUNT);
    return MARKS[mark].row.name;
}

const char *ss_mark_about(enum ss_mark mark)
{
    assert(mark < SS_MARK_COUNT);
    return MARKS[mark].row.about;
}

enum ss_sent_by ss_mark_sent_by(enum ss_mark mark)
{
    assert(mark < SS_MARK_COUNT);
    return MARKS[mark].sent_by;
}

const char *ss_phase_name(enum ss_phase phase)
{
    assert(phase < SS_PHASE_COUNT);
    return PHASES[phase].row.name;
}

const char *ss_phase_about(enum ss_phase phase)
{
    assert(phase < SS_PHASE_COUNT);
    return PHASES[phase].row.about;
}

enum ss_mark ss_phase_end(enum ss_phase phase)
{
    assert(phase < SS_PHASE_COUNT);
    return PHASES[phase].end;
}

const char *ss_share_name(enum ss_share share)
{
    return name_of(SHARES, SS_SHARE_COUNT, share);
}

const char *ss_share_about(enum ss_share share)
{
    return about_of(SHARES, SS_SHARE_COUNT, share);
}

const char *ss_evidence_name(enum ss_evidence evidence)
{
    assert(evidence < SS_EVIDENCE_COUNT);
    return EVIDENCE[evidence].row.name;
}

const char *ss_evidence_about(enum ss_evidence evidence)
{
    assert(evidence < SS_EVIDENCE_COUNT);
    return EVIDENCE[evidence].row.about;
}

enum ss_share ss_evidence_share(enum ss_evidence evidence)
{
    assert(evidence < SS_EVIDENCE_COUNT);
    return EVIDENCE[evidence].share;
}

enum ss_strength ss_evidence_strength(enum ss_evidence evidence)
{
    assert(evidence < SS_EVIDENCE_COUNT);
    return EVIDENCE[evidence].strength;
}

const char *ss_verdict_name(enum ss_verdict verdict)
{
    return name_of(VERDICTS, SS_VERDICT_COUNT, verdict);
}

const char *ss_verdict_about(enum ss_verdict verdict)
{
    return about_of(VERDICTS, SS_VERDICT_COUNT, verdict);
}

const char *ss_outcome_name(enum ss_outcome outcome)
{
    return name_of(OUTCOMES, SS_OUTCOME_COUNT, outcome);
}

const char *ss_outcome_about(enum ss_outcome outcome)
{
    return about_of(OUTCOMES, SS_OUTCOME_COUNT, outcome);
}

const char *ss_unwritten_name(enum ss_unwritten reason)
{
    return name_of(UNWRITTEN, SS_UNWRITTEN_COUNT, reason);
}

const char *ss_unwritten_about(enum ss_unwritten reason)
{
    return about_of(UNWRITTEN, SS_UNWRITTEN_COUNT, reason);
}

const char *ss_confidence_name(enum ss_confidence confidence)
{
    assert(confidence < SS_CONFIDENCE_COUNT);
    return CONFIDENCES[confidence];
}

const char *ss_tap_name(enum ss_tap tap)
{
    assert(tap < SS_TAP_COUNT);
    return TAPS[tap];
}

const char *ss_clock_source_name(enum ss_clock_source source)
{
    assert(source < SS_CLOCK_COUNT);
    return CLOCK_SOURCES[source];
}
