// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/finding.h"

#include <inttypes.h>
#include <stdio.h>

char *ss_finding_id(const struct ss_finding *finding, char ret_text[SS_ID_TEXT_MAX])
{
    snprintf(ret_text, SS_ID_TEXT_MAX, "%016" PRIx64 "-%08" PRIx32, (uint64_t)finding->start_ns,
             (uint32_t)finding->tuple_hash);
    return ret_text;
}

char *ss_finding_outcome(const struct ss_finding *finding, char ret_text[SS_OUTCOME_TEXT_MAX])
{
    const char *name = ss_outcome_name((enum ss_outcome)finding->outcome);
    const char *alert = ss_tls_alert_name(finding->alert);

    if (finding->outcome != SS_OUTCOME_ALERT)
        snprintf(ret_text, SS_OUTCOME_TEXT_MAX, "%s", name);
    else if (alert != NULL)
        snprintf(ret_text, SS_OUTCOME_TEXT_MAX, "%s:%s", name, alert);
    else
        snprintf(ret_text, SS_OUTCOME_TEXT_MAX, "%s:%u", name, (unsigned)finding->alert);
    return ret_text;
}

struct ss_verdict_evidence ss_finding_evidence(const struct ss_finding *finding)
{
    bool one_sided = finding->visibility != SS_SEEN_BOTH;
    bool is_partial = one_sided || finding->tap_missing_bytes > 0;

    return (struct ss_verdict_evidence){.flags = finding->flags,
                                        .proxy_ns = SS_MARK_UNSEEN,
                                        .clock_error_ns = finding->clock_error_ns,
                                        .one_sided = one_sided,
                                        .is_end_hidden =
                                            is_partial && finding->outcome != SS_OUTCOME_COMPLETE,
                                        .lacks_evidence = finding->lacks_evidence,
                                        .tap_missing_bytes = finding->tap_missing_bytes};
}

int64_t ss_finding_end_ns(const struct ss_finding *finding)
{
    int64_t last_ns = 0;

    for (unsigned i = 0; i < SS_MARK_COUNT; i++) {
        if (finding->mark_ns[i] != SS_MARK_UNSEEN && finding->mark_ns[i] > last_ns)
            last_ns = finding->mark_ns[i];
    }
    return last_ns + finding->judged.pending_ns + finding->judged.after_ns;
}
