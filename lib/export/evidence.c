// SPDX-License-Identifier: BSD-3-Clause

#include "export/evidence.h"

#include "base/units.h"

#include <stdio.h>

/* What stands before and after how long it lasted. */
static const struct {
    const char *before, *after;
} SENTENCES[] = {
    [SS_EVIDENCE_MIRROR_LOST] = {"for ", " bytes were missing that the mirror never showed"},
    [SS_EVIDENCE_SPURIOUS_TO_CLIENT] =
        {"the server sent again what had arrived: the client's acknowledgement came ",
         " after the first copy"},
    [SS_EVIDENCE_SPURIOUS_TO_SERVER] =
        {"the client sent again what had arrived: the server's acknowledgement came ",
         " after the first copy"},
    [SS_EVIDENCE_RETRANSMITTED] = {"the same bytes came again ", " later, unacknowledged in between"},
    [SS_EVIDENCE_HOLE] = {"later bytes came first, and those missing ", " after them"},
    [SS_EVIDENCE_SENT_BEFORE] = {"bytes came ", " after their sender's sequence number had passed them"},
    [SS_EVIDENCE_NUMBER_MISSING] = {"IPv4 identifications are missing over a silence of ", ""},
    [SS_EVIDENCE_LABEL_CHANGED] = {"the IPv6 flow label changed over a silence of ",
                                   ", as it does after a retransmission timeout"},
    [SS_EVIDENCE_SYN_TIMEOUT] = {"the SYN-ACK came after ", ", when a SYN or SYN-ACK is sent again"},
    [SS_EVIDENCE_LATE_FROM_CLIENT] = {"by the client's TCP clock, its segment was ", " under way"},
    [SS_EVIDENCE_LATE_FROM_SERVER] = {"by the server's TCP clock, its segment was ", " under way"},
    [SS_EVIDENCE_CONGESTION_WINDOW] = {"the server's flight did not fit its congestion window, and waited ",
                                       " for the client's acknowledgements"},
    [SS_EVIDENCE_CONGESTION_WINDOW_OPENED] = {"the server's flight did not fit its congestion window, and "
                                              "went on ",
                                              " after the client's acknowledgements"},
    [SS_EVIDENCE_CLIENT_WINDOW_CLOSED] = {"the client's receive window was closed for ", ""},
    [SS_EVIDENCE_SERVER_WINDOW_CLOSED] = {"the server's receive window was closed for ", ""},
    [SS_EVIDENCE_TIMEOUT_LENGTH] = {"a silence of ",
                                    " is exactly as long as a retransmission timeout, and its "
                                    "sender counts no packets: a loss before the tap, or a wait "
                                    "of just that length"},
    [SS_EVIDENCE_CLIENT_OR_LOSS] = {"; the client counts no packets: ",
                                    " may as well be some time of its own, a loss before the tap, and a "
                                    "retransmission timeout"},
    [SS_EVIDENCE_SERVER_OR_LOSS] = {"; the server counts no packets: ",
                                    " may as well be some time of its own, a loss before the tap, and a "
                                    "retransmission timeout"},
    [SS_EVIDENCE_PATH_OR_CLIENT] = {"; ",
                                    " may as well be a delayed acknowledgement, of a client whose program "
                                    "took longer than that"},
};
_Static_assert(sizeof(SENTENCES) / sizeof(SENTENCES[0]) == SS_EVIDENCE_COUNT, "every evidence has its words");

enum ss_evidence ss_evidence_of(const struct ss_finding *finding, enum ss_verdict verdict, int64_t *ret_ns)
{
    const struct ss_judgement *judged = &finding->judged;
    int64_t ns[SS_EVIDENCE_COUNT] = {0}, until = ss_finding_end_ns(finding), all_ns = 0;
    enum ss_evidence most = SS_EVIDENCE_COUNT;

    if (verdict > SS_VERDICT_IDLE)
        return SS_EVIDENCE_COUNT;
    all_ns = judged->share_ns[verdict];
    if (judged->pending_ns > 0 && judged->pending_share == (unsigned)verdict)
        all_ns += judged->pending_ns;
    for (unsigned i = 0; i < finding->wait_count; i++) {
        const struct ss_timeline_wait *wait = &finding->waits[i];
        enum ss_evidence evidence = (enum ss_evidence)wait->evidence;
        if (ss_timeline_share(evidence, (enum ss_tap)finding->tap) != (enum ss_share)verdict)
            continue;
        int64_t from_ns = wait->from_ns > 0 ? wait->from_ns : 0;
        int64_t to_ns = wait->to_ns < until ? wait->to_ns : until;
        if (to_ns <= from_ns) /* all of it before the handshake or after its end */
            continue;
        ns[evidence] += to_ns - from_ns;
        if (ns[evidence] > all_ns / 2 && (most == SS_EVIDENCE_COUNT || ns[evidence] > ns[most]))
            most = evidence;
    }
    if (most != SS_EVIDENCE_COUNT)
        *ret_ns = ns[most];
    return most;
}

void ss_evidence_say(enum ss_evidence evidence, int64_t ns, char *ret_text, size_t bytes)
{
    char duration[SS_DURATION_TEXT_MAX];

    snprintf(ret_text, bytes, "%s%s%s", SENTENCES[evidence].before, ss_duration_say(ns, duration),
             SENTENCES[evidence].after);
}
