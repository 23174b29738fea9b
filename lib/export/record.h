// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* A finding to its JSON record (contract: docs/record.md). The only place, with config/, journal formats and
 * the store, that includes jansson. */

#include "analyzer/finding.h"
#include "journal/event.h"

#include <stdbool.h>
#include <stdint.h>

struct ss_record {
    const struct ss_finding *finding;
    const char *sensor;
    const char *origin;           /* of the client; NULL: none */
    const struct ss_event *event; /* the proxy's report; NULL: none */
    int64_t clock_offset_ns;      /* of the event's host */
    const char *pcapng;           /* relative path; NULL: not written */
    const char
        *pcapng_skipped; /* why there are packets and no file of them; NULL: there is, or none was wanted */
    bool has_packets;    /* packets and packets_missing are known */
    uint64_t packets;
    uint64_t packets_missing;
    uint32_t mirror_loss_ppm; /* of the worst second of the handshake, all connections together */
    unsigned revision;        /* 0: the first record of this flow, not printed */
};

/* One line of JSON without the newline, keys in the contract's order; the caller frees it. NULL: no memory.
 */
char *ss_record_json(const struct ss_record *record);

/* The sentence in "why", at most why_bytes with its zero. */
char *ss_record_why(const struct ss_record *record, char *ret_why, size_t why_bytes);

/* The verdict with the proxy's report taken into account. */
struct ss_opinion ss_record_opinion(const struct ss_record *record);

/* What else is known of an event that found no flow. */
struct ss_unmatched_note {
    int64_t age_ns;       /* how old its handshake was when it was looked for; -1: not known */
    int64_t missed_by_ns; /* how much further back the history should have reached; -1: not known */
    unsigned events;      /* that the line stands for; 0 or 1: this one */
    unsigned candidates;  /* handshakes that fit; 0: not known, or none */
};

/* An event that found no flow, for unmatched.jsonl; the caller frees it. note may be NULL. */
char *ss_unmatched_json(const char *sensor, const struct ss_event *event, const char *reason,
                        const char *about, const struct ss_unmatched_note *note);
