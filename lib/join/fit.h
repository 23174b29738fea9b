// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Does an event fit a handshake, and how well? See join.h for the rule. */

#include "analyzer/analyzer.h"
#include "journal/event.h"

#include <stdbool.h>
#include <stdint.h>

/* An event with what is known of its source and its host's clock. */
struct ss_query {
    const struct ss_event *event;
    int64_t from_ns, to_ns; /* its moment by the tap's clock, as coarse as it was logged */
    int64_t slack_ns;
    int64_t doubt_ns; /* closer than this, two handshakes are equally likely */
    int64_t ahead_ns; /* how far before its handshake's end a line may seem to be written */
    bool learned;
    bool has_port;
    bool count; /* up to SS_JOIN_CANDIDATES, not only whether there is more than one */
};

/* False: they are not about the same connection, or too far apart; else *ret_off_ns is how far. */
bool ss_fits_time(const struct ss_query *query, const struct ss_news *news, int64_t *ret_off_ns);
/* Whether the handshake lasted as the event tells: by its duration, or as the line was written before it had
 * ended. UNKNOWN: the event tells only of a moment. */
enum ss_lasted { SS_LASTED_UNKNOWN, SS_LASTED_SO, SS_LASTED_OTHERWISE };
enum ss_lasted ss_fits_lasted(const struct ss_query *query, const struct ss_news *news);
/* Whether the handshake can have taken a proxy as long as the event says, whatever its clock says: true where
 * it says nothing of that. */
bool ss_fits_duration(const struct ss_event *event, const struct ss_news *news);
/* Whether they may be about the same connection, whenever. proxied: the client by its name in the PROXY
 * protocol header, not by that on the wire. */
bool ss_fits_addresses(const struct ss_event *event, const struct ss_news *news, bool proxied);
