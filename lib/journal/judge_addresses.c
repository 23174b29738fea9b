// SPDX-License-Identifier: BSD-3-Clause
#include "journal/judge.h"

#include <string.h>

#define ADDRESS_TEXT_MAX 128

static bool parse_port(struct ss_text text, uint16_t *ret_port)
{
    int64_t port;
    unsigned digits;
    if (!ss_text_decimal(text, 1, &port, &digits) || digits > 0 || port < 1 || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* "fe80::1%eth0" and "[fe80::1%eth0]:443" without the zone (RFC 4007 section 11), which is the proxy's own
 * name for an interface. */
static struct ss_text without_zone(struct ss_text text, char copy[ADDRESS_TEXT_MAX])
{
    const char *zone = memchr(text.at, '%', text.length), *end = text.at + text.length;
    if (zone == NULL || text.length > ADDRESS_TEXT_MAX)
        return text;
    const char *rest = memchr(zone, ']', (size_t)(end - zone));
    size_t before = (size_t)(zone - text.at), behind = rest != NULL ? (size_t)(end - rest) : 0;
    memcpy(copy, text.at, before);
    if (behind > 0)
        memcpy(copy + before, rest, behind);
    return (struct ss_text){copy, before + behind};
}

static const char *last_colon(struct ss_text text)
{
    for (size_t i = text.length; i > 0; i--)
        if (text.at[i - 1] == ':')
            return text.at + i - 1;
    return NULL;
}

/* "192.0.2.1:443", "[2001:db8::1]:443", and as HAProxy writes it "2001:db8::1:443"; an address alone has port
 * 0. Unlike ss_endpoint_parse, what follows the last colon is the port, if it can be. */
static enum ss_format_result parse_endpoint(struct ss_text logged, struct ss_endpoint *ret_endpoint)
{
    char copy[ADDRESS_TEXT_MAX];
    struct ss_text text = without_zone(logged, copy);
    struct ss_endpoint endpoint = {.port = 0};
    const char *colon = last_colon(text);
    if (colon != NULL && text.at[0] != '[') {
        size_t ip_length = (size_t)(colon - text.at);
        struct ss_text port = {colon + 1, text.length - ip_length - 1};
        if (ss_ip_parse(text.at, ip_length, &endpoint.ip)) {
            if (parse_port(port, &endpoint.port)) {
                *ret_endpoint = endpoint;
                return SS_FORMAT_EVENT;
            }
            if (!ss_ip_parse(text.at, text.length, &endpoint.ip))
                return SS_FORMAT_BAD_NUMBER;
        }
    }
    if (!ss_endpoint_parse(text.at, text.length, &endpoint))
        return SS_FORMAT_NO_CLIENT;
    *ret_endpoint = endpoint;
    return SS_FORMAT_EVENT;
}

/* "2001:db8::1", or between brackets. */
static bool parse_ip(struct ss_text logged, struct ss_ip *ret_ip)
{
    char copy[ADDRESS_TEXT_MAX];
    if (ss_text_is_absent(logged))
        return false;
    struct ss_text text = without_zone(logged, copy);
    if (text.length >= 2 && text.at[0] == '[' && text.at[text.length - 1] == ']')
        text = (struct ss_text){text.at + 1, text.length - 2};
    return ss_ip_parse(text.at, text.length, ret_ip);
}

/* One key with address and port, or two. NO_CLIENT: there is no address. */
static enum ss_format_result judge_endpoint(struct ss_text both, struct ss_text ip, struct ss_text port,
                                            struct ss_endpoint *ret_endpoint)
{
    struct ss_endpoint endpoint = {.port = 0};
    if (!ss_text_is_absent(both))
        return parse_endpoint(both, ret_endpoint);
    if (!parse_ip(ip, &endpoint.ip))
        return SS_FORMAT_NO_CLIENT;
    if (!ss_text_is_absent(port) && !parse_port(port, &endpoint.port))
        return SS_FORMAT_BAD_NUMBER;
    *ret_endpoint = endpoint;
    return SS_FORMAT_EVENT;
}

static bool is_same(const struct ss_endpoint *a, const struct ss_endpoint *b)
{
    return a->port == b->port && ss_ip_equal(&a->ip, &b->ip);
}

/* What a header or a request says is at best a help: Envoy writes port 0 for what it has from a request. */
static enum ss_format_result judge_clients(const struct ss_text *values, struct ss_event *event)
{
    enum ss_format_result proxied =
        judge_endpoint(values[SS_KEY_PROXIED_CLIENT], values[SS_KEY_PROXIED_CLIENT_IP],
                       values[SS_KEY_PROXIED_CLIENT_PORT], &event->proxied_client);
    event->has_proxied = proxied == SS_FORMAT_EVENT;
    enum ss_format_result result = judge_endpoint(values[SS_KEY_CLIENT], values[SS_KEY_CLIENT_IP],
                                                  values[SS_KEY_CLIENT_PORT], &event->client);
    if (result == SS_FORMAT_EVENT && is_same(&event->client, &event->proxied_client))
        event->has_proxied = false; /* HAProxy's %ci without any header */
    if (result != SS_FORMAT_NO_CLIENT || proxied == SS_FORMAT_NO_CLIENT)
        return result;
    event->client = event->proxied_client;
    return proxied;
}

/* A server that is not known is left out. That of a listening socket, 0.0.0.0 or ::, still tells its port. */
static enum ss_format_result judge_server(const struct ss_text *values, struct ss_event *event)
{
    struct ss_endpoint server = {.port = 0};
    enum ss_format_result result =
        judge_endpoint(values[SS_KEY_SERVER], values[SS_KEY_SERVER_IP], values[SS_KEY_SERVER_PORT], &server);
    if (result == SS_FORMAT_BAD_NUMBER)
        return result;
    event->has_server = result == SS_FORMAT_EVENT && server.port != 0;
    if (event->has_server)
        event->server = server;
    return SS_FORMAT_EVENT;
}

enum ss_format_result ss_judge_addresses(const struct ss_text *values, struct ss_event *event)
{
    enum ss_format_result result = judge_clients(values, event);
    return result == SS_FORMAT_EVENT ? judge_server(values, event) : result;
}
