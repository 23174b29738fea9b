// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What an analyzer leaves out when more comes than it can take, by how much of the room for what waits is
 * used:
 *
 *   half              packets after handshakes: looked up and counted, but not kept
 *   three quarters    new connections too: theirs are packets of none then
 *   all               whoever has no room for it drops what comes, whatever it is
 *
 * What belongs to a handshake under way is never left out, and has the last quarter for itself. Nothing is
 * remembered: when less waits again, all is taken again.
 */

#include <stdint.h>

/* Each includes those before it. */
enum ss_shed { SS_SHED_NOTHING, SS_SHED_BULK, SS_SHED_NEW };

static inline enum ss_shed ss_shed_of(uint32_t waiting, uint32_t room)
{
    if (waiting >= room / 4 * 3)
        return SS_SHED_NEW;
    return waiting >= room / 2 ? SS_SHED_BULK : SS_SHED_NOTHING;
}
