// SPDX-License-Identifier: BSD-3-Clause
#include "base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>

static const uint8_t V4_MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ss_ip_is_v4(const struct ss_ip *ip)
{
    return memcmp(ip->bytes, V4_MAPPED, sizeof(V4_MAPPED)) == 0;
}

bool ss_ip_parse(const char *text, size_t length, struct ss_ip *ret_ip)
{
    char copy[SS_IP_TEXT_MAX];
    if (length >= sizeof(copy) || memchr(text, '\0', length) != NULL)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';

    uint8_t v4[4];
    struct ss_ip v6;
    if (inet_pton(AF_INET, copy, v4) == 1)
        *ret_ip = ss_ip_from_v4(v4);
    else if (inet_pton(AF_INET6, copy, v6.bytes) == 1)
        *ret_ip = v6;
    else
        return false;
    return true;
}

static bool port_parse(const char *text, size_t length, uint16_t *ret_port)
{
    uint32_t port = 0;
    if (length == 0 || length > 5)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    if (port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* Splits "[2001:db8::1]:443" in its address and ":443", which may be missing. */
static bool split_brackets(const char *text, size_t length, size_t *ret_ip_length)
{
    const char *close = memchr(text, ']', length);
    if (close == NULL || memchr(text, ':', (size_t)(close - text)) == NULL)
        return false; /* brackets are for IPv6 (RFC 3986 section 3.2.2) */
    *ret_ip_length = (size_t)(close - text) - 1;
    return true;
}

bool ss_endpoint_parse(const char *text, size_t length, struct ss_endpoint *ret_endpoint)
{
    struct ss_endpoint endpoint = {.port = 0};
    size_t ip_length = length, port_at = length; /* where ":443" starts */
    const char *ip = text;

    if (length > 0 && text[0] == '[') {
        if (!split_brackets(text, length, &ip_length))
            return false;
        ip = text + 1;
        port_at = ip_length + 2;
    } else {
        const char *colon = memchr(text, ':', length);
        size_t at = colon == NULL ? length : (size_t)(colon - text);
        /* With a second colon it is an IPv6 address alone. */
        if (at < length && memchr(colon + 1, ':', length - at - 1) == NULL)
            ip_length = port_at = at;
    }
    if (port_at < length &&
        (text[port_at] != ':' || !port_parse(text + port_at + 1, length - port_at - 1, &endpoint.port)))
        return false;
    if (!ss_ip_parse(ip, ip_length, &endpoint.ip))
        return false;
    *ret_endpoint = endpoint;
    return true;
}

char *ss_ip_format(const struct ss_ip *ip, char ret_text[SS_IP_TEXT_MAX])
{
    if (ss_ip_is_v4(ip))
        inet_ntop(AF_INET, ip->bytes + sizeof(V4_MAPPED), ret_text, SS_IP_TEXT_MAX);
    else
        inet_ntop(AF_INET6, ip->bytes, ret_text, SS_IP_TEXT_MAX);
    return ret_text;
}

char *ss_endpoint_format(const struct ss_endpoint *endpoint, char ret_text[SS_ENDPOINT_TEXT_MAX])
{
    char ip[SS_IP_TEXT_MAX];
    ss_ip_format(&endpoint->ip, ip);
    if (endpoint->port == 0)
        snprintf(ret_text, SS_ENDPOINT_TEXT_MAX, "%s", ip);
    else if (ss_ip_is_v4(&endpoint->ip))
        snprintf(ret_text, SS_ENDPOINT_TEXT_MAX, "%s:%u", ip, endpoint->port);
    else
        snprintf(ret_text, SS_ENDPOINT_TEXT_MAX, "[%s]:%u", ip, endpoint->port);
    return ret_text;
}
