// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Whose time a phase is when no wait says otherwise: the owner rules named in tables/phases.def. */

#include "timeline/timeline.h"

enum ss_phase ss_phase_of_mark(enum ss_mark mark);

/* Adds the ns of a phase that began at the mark `since` to the shares. */
void ss_owner_share(const struct ss_timeline *timeline, enum ss_phase phase, enum ss_mark since,
                    enum ss_tap tap, int64_t ns, int64_t share_ns[SS_SHARE_COUNT]);

/* Whether the client's acknowledgement of the flight was late on the path, as it seems, but by just as much
 * as its kernel delays one at most. */
bool ss_owner_flight_ack_is_doubtful(const struct ss_timeline *timeline, enum ss_tap tap);

/* Who holds up a phase that goes on and on, beyond any round trip. */
enum ss_share ss_owner_of_excess(enum ss_phase phase, enum ss_tap tap);
