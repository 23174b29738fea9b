// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* IP addresses and TCP endpoints.
 *
 * One form for both families: an IPv4 address a.b.c.d is kept as the IPv4-mapped IPv6 address ::ffff:a.b.c.d
 * (RFC 4291 section 2.5.5.2), so that what a proxy logs on a dual-stack socket equals what is on the wire.
 * Such an address is always printed in IPv4 form.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SS_IP_TEXT_MAX       46 /* as INET6_ADDRSTRLEN, with the final zero */
#define SS_ENDPOINT_TEXT_MAX 54 /* [address]:port */

struct ss_ip {
    uint8_t bytes[16];
};

struct ss_endpoint {
    struct ss_ip ip;
    uint16_t port; /* host byte order; 0 where it is not known */
};

static inline bool ss_ip_equal(const struct ss_ip *a, const struct ss_ip *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static inline struct ss_ip ss_ip_from_v4(const uint8_t bytes[4])
{
    struct ss_ip ip = {.bytes = {[10] = 0xff, [11] = 0xff}};
    memcpy(ip.bytes + 12, bytes, 4);
    return ip;
}

bool ss_ip_is_v4(const struct ss_ip *ip);

/* Text to address: IPv4 dotted quad or IPv6, no port, no brackets. length need not include a zero. */
bool ss_ip_parse(const char *text, size_t length, struct ss_ip *ret_ip);

/* "192.0.2.1:443", "[2001:db8::1]:443"; also "2001:db8::1" or "192.0.2.1" alone, then port is 0. */
bool ss_endpoint_parse(const char *text, size_t length, struct ss_endpoint *ret_endpoint);

/* Writes the text with its final zero and returns ret_text. An endpoint of port 0 is its address alone. */
char *ss_ip_format(const struct ss_ip *ip, char ret_text[SS_IP_TEXT_MAX]);
char *ss_endpoint_format(const struct ss_endpoint *endpoint, char ret_text[SS_ENDPOINT_TEXT_MAX]);
