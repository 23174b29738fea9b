// SPDX-License-Identifier: BSD-3-Clause

/* The packets of one connection out of both tiers, newest first, each once. */

#include "analyzer/state.h"

/* The flow that the note speaks of, while it lives. */
static const struct ss_flow *living_flow(const struct ss_analyzer *analyzer, const struct ss_note *note)
{
    if (note->flow == SS_FLOW_NONE)
        return NULL;
    const struct ss_flow *flow = ss_flow_at(&analyzer->flows, note->flow);
    bool is_same = flow->state != SS_FLOW_FREE && ss_flow_key_equal(&flow->key, &note->key) &&
                   flow->start_ns == note->finding.start_ns;
    return is_same ? flow : NULL;
}

bool ss_export_begin(struct ss_analyzer *analyzer, uint64_t at, struct ss_export_cursor *ret_cursor)
{
    struct ss_note *note = ss_history_note(&analyzer->kept, at, sizeof(*note));

    if (note == NULL)
        return false;
    const struct ss_flow *flow = living_flow(analyzer, note);
    if (flow != NULL) {
        ss_note_clock_error(note, flow);
        *ret_cursor = (struct ss_export_cursor){
            .handshakes_at = flow->handshakes_at, .recent_at = flow->recent_at, .packets = flow->packets};
    } else {
        *ret_cursor = (struct ss_export_cursor){
            .handshakes_at = note->handshakes_at, .recent_at = note->recent_at, .packets = note->packets};
    }
    return true;
}

bool ss_export_next(struct ss_analyzer *analyzer, struct ss_export_cursor *cursor,
                    struct ss_history_record *ret_record)
{
    struct ss_history_record kept, recent;
    bool has_kept = ss_history_read(&analyzer->kept, cursor->handshakes_at, &kept);
    bool has_recent = ss_history_read(&analyzer->recent, cursor->recent_at, &recent);

    if (!has_kept && !has_recent)
        return false;
    bool take_kept = has_kept && (!has_recent || kept.number >= recent.number);
    bool take_recent = has_recent && (!has_kept || recent.number >= kept.number);
    if (take_kept)
        cursor->handshakes_at = kept.previous;
    if (take_recent)
        cursor->recent_at = recent.previous;
    *ret_record = take_kept ? kept : recent;
    cursor->given++;
    return true;
}
