// SPDX-License-Identifier: BSD-3-Clause

#include "export/reconcile.h"
#include "base/units.h"

#include <stdio.h>

#define TOLERANCE_NS (20 * SS_NS_PER_MS)

/* When the server's kernel could give the connection to the proxy, from the first packet on. */
static int64_t acceptable_ns(const struct ss_finding *finding)
{
    const int64_t *mark_ns = finding->mark_ns;

    if (mark_ns[SS_MARK_ACK] != SS_MARK_UNSEEN)
        return mark_ns[SS_MARK_ACK];
    return mark_ns[SS_MARK_SYN_ACK] != SS_MARK_UNSEEN ? mark_ns[SS_MARK_SYN_ACK] : 0;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

struct ss_reconciled ss_reconcile(const struct ss_record *record)
{
    const struct ss_finding *finding = record->finding;
    int64_t proxy_ns = record->event->duration_ns;
    struct ss_reconciled reconciled = {
        .wire_ns = larger(ss_finding_end_ns(finding) - acceptable_ns(finding), 0),
        .tolerance_ns = larger(TOLERANCE_NS, finding->clock_error_ns),
    };

    if (proxy_ns >= 0)
        reconciled.difference_ns = proxy_ns - reconciled.wire_ns;
    reconciled.tolerance_ns = larger(reconciled.tolerance_ns, larger(proxy_ns, reconciled.wire_ns) / 10);
    return reconciled;
}

static bool agree(int64_t a_ns, int64_t b_ns, int64_t tolerance_ns)
{
    return a_ns - b_ns <= tolerance_ns && b_ns - a_ns <= tolerance_ns;
}

/* How long after the kernel could, the proxy accepted the connection by its own word; 0: it does not tell, or
 * its clock is not known. */
static int64_t accepted_after_ns(const struct ss_record *record)
{
    const struct ss_event *event = record->event;
    int64_t accepted_ns, after_ns;

    if (event->moment != SS_EVENT_ACCEPTED || record->clock_offset_ns == 0 ||
        __builtin_sub_overflow(event->time_ns, record->clock_offset_ns, &accepted_ns) ||
        __builtin_sub_overflow(accepted_ns, record->finding->start_ns + acceptable_ns(record->finding),
                               &after_ns))
        return 0;
    return larger(after_ns, 0);
}

static bool is_open(const struct ss_finding *finding)
{
    return finding->outcome == SS_OUTCOME_UNFINISHED && finding->still_open;
}

static const char *until(const struct ss_finding *finding)
{
    if (is_open(finding))
        return "by now";
    if (finding->outcome != SS_OUTCOME_COMPLETE)
        return "until the connection ended";
    if (finding->mark_ns[SS_MARK_SERVER_FINISHED] != SS_MARK_UNSEEN)
        return "until the server's ChangeCipherSpec";
    return finding->tls.version > 0x0303 ? "until the client's Finished"
                                         : "until the client's ChangeCipherSpec";
}

/* The proxy counts more. Its timer starts with accept(), so it is not the accept queue: it is what the proxy
 * did once it had all it waited for. */
static void say_more(const struct ss_record *record, const char *difference, char *ret_text, size_t bytes)
{
    const struct ss_finding *finding = record->finding;
    bool is_partly_seen = finding->visibility != SS_SEEN_BOTH || finding->tap_missing_bytes > 0;

    if (is_partly_seen || is_open(finding))
        snprintf(ret_text, bytes, ", %s more than the mirror shows %s", difference, until(finding));
    else
        snprintf(ret_text, bytes,
                 ", %s more than the wire shows %s: the proxy itself took that long after it, or its timer "
                 "starts elsewhere",
                 difference, until(finding));
}

/* The proxy counts less: its timer started late. */
static void say_less(const struct ss_record *record, const struct ss_reconciled *reconciled,
                     const char *difference, char *ret_text, size_t bytes)
{
    int64_t less_ns = -reconciled->difference_ns, after_ns = accepted_after_ns(record);
    int64_t wait_ns = record->finding->judged.phase_ns[SS_PHASE_HELLO_WAIT];
    char time[SS_DURATION_TEXT_MAX];

    if (wait_ns != SS_MARK_UNSEEN && agree(wait_ns, less_ns, reconciled->tolerance_ns))
        snprintf(ret_text, bytes,
                 ", without the %s before the ClientHello: its timer starts later, or its kernel held the "
                 "connection back until then (deferred accept)",
                 ss_duration_say(wait_ns, time));
    else if (after_ns > 0 && agree(after_ns, less_ns, reconciled->tolerance_ns))
        snprintf(ret_text, bytes,
                 ", %s less than the wire shows: it accepted the connection %s after it could", difference,
                 ss_duration_say(after_ns, time));
    else
        snprintf(
            ret_text, bytes,
            ", %s less than the wire shows since the client's ACK: the connection waited for its accept(), "
            "or its timer starts later",
            difference);
}

static void say_agreement(const struct ss_record *record, const struct ss_reconciled *reconciled,
                          char *ret_text, size_t bytes)
{
    int64_t before_ns = acceptable_ns(record->finding);
    char time[SS_DURATION_TEXT_MAX];

    if (before_ns > reconciled->tolerance_ns)
        snprintf(ret_text, bytes, ", which the wire explains; its timer starts after the first %s",
                 ss_duration_say(before_ns, time));
    else
        snprintf(ret_text, bytes, ", which the wire explains");
}

void ss_reconcile_say(const struct ss_record *record, char *ret_text, size_t bytes)
{
    struct ss_reconciled reconciled;
    char proxy[SS_DURATION_TEXT_MAX], difference[SS_DURATION_TEXT_MAX];

    if (bytes == 0 || record->event->duration_ns < 0)
        return;
    reconciled = ss_reconcile(record);
    int length = snprintf(ret_text, bytes, "; the proxy reports %s",
                          ss_duration_say(record->event->duration_ns, proxy));
    if (length < 0 || (size_t)length >= bytes)
        return;
    ret_text += length;
    bytes -= (size_t)length;
    int64_t apart_ns = reconciled.difference_ns;
    ss_duration_say(apart_ns < 0 ? -apart_ns : apart_ns, difference);
    if (agree(apart_ns, 0, reconciled.tolerance_ns))
        say_agreement(record, &reconciled, ret_text, bytes);
    else if (apart_ns > 0)
        say_more(record, difference, ret_text, bytes);
    else
        say_less(record, &reconciled, difference, ret_text, bytes);
}
