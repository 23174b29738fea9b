// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The PROXY protocol's header, versions 1 and 2 (HAProxy's doc/proxy-protocol.txt): which client a load
 * balancer speaks for.
 *
 * Incremental in the simplest way: give it all bytes so far, at most SS_PROXIED_MAX of them; a version 2
 * header may be longer, its rest is extensions that nobody reads here.
 */

#include "base/ip.h"
#include "base/span.h"

#define SS_PROXIED_MAX 107 /* the longest header of version 1; the addresses of version 2 end before */

enum ss_proxied_result {
    SS_PROXIED_MORE, /* could become one: give more bytes */
    SS_PROXIED_DONE, /* *ret_header is filled in */
    SS_PROXIED_NONE, /* is none */
};

struct ss_proxied {
    struct ss_endpoint client, server;
    bool has_addresses; /* else UNKNOWN or LOCAL: the connection is the balancer's own */
    uint32_t bytes;     /* of the header, to the first byte behind it; may be more than was given */
};

enum ss_proxied_result ss_proxied_decode(struct ss_span bytes, struct ss_proxied *ret_header);
