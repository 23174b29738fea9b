// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Enums and names of the taxonomies, one .def table each; see the tables for what each row means.
 *
 * ss_<taxonomy>_name() gives the name used in JSON and telemetry, ss_<taxonomy>_about() a line for people.
 */

#define X(name, ...) SS_REFUSED_##name,
enum ss_refusal {
#include "tables/refusals.def"
    SS_REFUSED_COUNT,
    SS_REFUSED_NOTHING = SS_REFUSED_COUNT, /* the frame was not refused */
};
#undef X

enum ss_refusal_class { SS_CLASS_NOT_TLS, SS_CLASS_UNDECODABLE, SS_CLASS_DROPPED, SS_CLASS_COUNT };

/* Who sends the packet that makes a mark. */
enum ss_sent_by { SS_SENT_BY_CLIENT, SS_SENT_BY_SERVER, SS_SENT_BY_EITHER };

#define X(name, ...) SS_MARK_##name,
enum ss_mark {
#include "tables/marks.def"
    SS_MARK_COUNT
};
#undef X

#define X(name, ...) SS_PHASE_##name,
enum ss_phase {
#include "tables/phases.def"
    SS_PHASE_COUNT
};
#undef X

#define X(name, ...) SS_SHARE_##name,
enum ss_share {
#include "tables/shares.def"
    SS_SHARE_COUNT
};
#undef X

#define X(name, ...) SS_EVIDENCE_##name,
enum ss_evidence {
#include "tables/evidence.def"
    SS_EVIDENCE_COUNT
};
#undef X

/* What evidence is worth: see tables/evidence.def. */
enum ss_strength { SS_STRENGTH_PROOF, SS_STRENGTH_GUESS, SS_STRENGTH_DOUBT };

#define X(name, ...) SS_VERDICT_##name,
enum ss_verdict {
#include "tables/verdicts.def"
    SS_VERDICT_COUNT
};
#undef X

#define X(name, ...) SS_OUTCOME_##name,
enum ss_outcome {
#include "tables/outcomes.def"
    SS_OUTCOME_COUNT
};
#undef X

#define X(name, ...) SS_UNWRITTEN_##name,
enum ss_unwritten {
#include "tables/unwritten.def"
    SS_UNWRITTEN_COUNT,
    SS_UNWRITTEN_NOT = SS_UNWRITTEN_COUNT, /* it was written */
};
#undef X

enum ss_confidence { SS_CONFIDENCE_LOW, SS_CONFIDENCE_MEDIUM, SS_CONFIDENCE_HIGH, SS_CONFIDENCE_COUNT };

/* Where the mirror is: beside the server, beside the client, or unknown. */
enum ss_tap { SS_TAP_SERVER, SS_TAP_CLIENT, SS_TAP_MIDDLE, SS_TAP_COUNT };

/* Where a packet's time comes from. */
enum ss_clock_source { SS_CLOCK_HARDWARE, SS_CLOCK_KERNEL, SS_CLOCK_SOFTWARE, SS_CLOCK_FILE, SS_CLOCK_COUNT };

const char *ss_refusal_name(enum ss_refusal refusal);
const char *ss_refusal_about(enum ss_refusal refusal);
const char *ss_refusal_advice(enum ss_refusal refusal);
enum ss_refusal_class ss_refusal_class(enum ss_refusal refusal);
const char *ss_mark_name(enum ss_mark mark);
const char *ss_mark_about(enum ss_mark mark);
enum ss_sent_by ss_mark_sent_by(enum ss_mark mark);
const char *ss_phase_name(enum ss_phase phase);
const char *ss_phase_about(enum ss_phase phase);
enum ss_mark ss_phase_end(enum ss_phase phase);
const char *ss_share_name(enum ss_share share);
const char *ss_share_about(enum ss_share share);
const char *ss_evidence_name(enum ss_evidence evidence);
const char *ss_evidence_about(enum ss_evidence evidence);
enum ss_share ss_evidence_share(enum ss_evidence evidence);
enum ss_strength ss_evidence_strength(enum ss_evidence evidence);
const char *ss_verdict_name(enum ss_verdict verdict);
const char *ss_verdict_about(enum ss_verdict verdict);
const char *ss_outcome_name(enum ss_outcome outcome);
const char *ss_outcome_about(enum ss_outcome outcome);
const char *ss_unwritten_name(enum ss_unwritten reason);
const char *ss_unwritten_about(enum ss_unwritten reason);
const char *ss_confidence_name(enum ss_confidence confidence);
const char *ss_tap_name(enum ss_tap tap);
const char *ss_clock_source_name(enum ss_clock_source source);

/* TLS names from the IANA registries; NULL where the number has none here. */
const char *ss_tls_version_name(unsigned version);   /* 0x0304 -> "1.3" */
const char *ss_tls_cipher_name(unsigned cipher);     /* 0x1301 -> "TLS_AES_128_GCM_SHA256" */
const char *ss_tls_group_name(unsigned group);       /* 0x11ec -> "X25519MLKEM768" */
const char *ss_tls_alert_name(unsigned description); /* 40 -> "handshake_failure" */
