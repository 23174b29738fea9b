// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* A proxy's report of one handshake, as taken out of a journal entry. */

#include "base/ip.h"

#include <stdbool.h>
#include <stdint.h>

#define SS_HOST_MAX         64
#define SS_EVENT_FIELDS_MAX 1024
#define SS_CURSOR_MAX       192

/* Which moment time_ns is. */
enum ss_event_moment {
    SS_EVENT_ACCEPTED, /* the proxy accepted the connection */
    SS_EVENT_ENDED,    /* the handshake ended */
    SS_EVENT_LOGGED,   /* the line was written: some time after the handshake's end */
};

struct ss_event {
    /* Of the wire, where the line tells it from the PROXY header's; port 0: not logged. */
    struct ss_endpoint client;
    struct ss_endpoint server; /* 0.0.0.0 or ::: a listening socket, so that only the port is known */
    bool has_server;
    /* The client in a PROXY header, where the line says so; then client may be the same, if it is all there
     * is. */
    struct ss_endpoint proxied_client;
    bool has_proxied;
    bool failed;     /* the proxy says that the handshake failed, or that it gave it up */
    int64_t time_ns; /* the proxy's clock, UTC */
    enum ss_event_moment moment;
    int64_t time_resolution_ns; /* how coarse time_ns is: 1 ms for HAProxy's dates */
    int64_t duration_ns;        /* -1: not logged, or nothing that the proxy could measure */
    int64_t age_ns;             /* the connection's, at the most, when the line was made; 0: not logged */
    int64_t logged_ns;          /* the journal's time of the entry */
    unsigned source;            /* index of the journal in the configuration */
    char host[SS_HOST_MAX];     /* _HOSTNAME */
    char sni[256];
    char cursor[SS_CURSOR_MAX]; /* the entry in the journal, for journalctl --cursor=; "": not known */
    uint8_t epoch;              /* the caller's: 0 or 1 */
    /* Named values for the record's proxy.fields: key, zero, value, zero, ... then an empty key. */
    char fields[SS_EVENT_FIELDS_MAX];
};
