// SPDX-License-Identifier: BSD-3-Clause

#include "talk/proxied.h"

#include <stdlib.h>
#include <string.h>

#define V2_FIXED_BYTES 16 /* signature, version and command, family, length */

static const char V1_START[] = "PROXY ";
static const uint8_t V2_SIGNATURE[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                         0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* The next word of a version 1 line, up to a space or the line's end. */
static struct ss_span next_word(struct ss_span *line)
{
    struct ss_span word = {line->at, line->at};

    while (word.end < line->end && *word.end != ' ')
        word.end++;
    line->at = word.end < line->end ? word.end + 1 : word.end;
    return word;
}

static bool is_word(struct ss_span word, const char *text)
{
    return ss_span_left(&word) == strlen(text) && memcmp(word.at, text, strlen(text)) == 0;
}

static bool parse_port(struct ss_span word, uint16_t *ret_port)
{
    uint32_t port = 0;

    if (ss_span_left(&word) == 0 || ss_span_left(&word) > 5)
        return false;
    for (; word.at < word.end; word.at++) {
        if (*word.at < '0' || *word.at > '9')
            return false;
        port = port * 10 + (uint32_t)(*word.at - '0');
    }
    *ret_port = (uint16_t)port;
    return port <= UINT16_MAX;
}

static bool parse_ip(struct ss_span word, struct ss_ip *ret_ip)
{
    return ss_ip_parse((const char *)word.at, ss_span_left(&word), ret_ip);
}

/* "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n" */
static enum ss_proxied_result decode_v1(struct ss_span bytes, struct ss_proxied *ret_header)
{
    struct ss_proxied header = {.has_addresses = true};
    const uint8_t *end = memchr(bytes.at, '\n', ss_span_left(&bytes));

    if (end == NULL)
        return ss_span_left(&bytes) < SS_PROXIED_MAX ? SS_PROXIED_MORE : SS_PROXIED_NONE;
    if (end[-1] != '\r')
        return SS_PROXIED_NONE;
    header.bytes = (uint32_t)(end + 1 - bytes.at);
    struct ss_span line = {bytes.at + strlen(V1_START), end - 1};
    struct ss_span family = next_word(&line);
    if (is_word(family, "UNKNOWN")) {
        header.has_addresses = false;
        *ret_header = header;
        return SS_PROXIED_DONE;
    }
    if ((!is_word(family, "TCP4") && !is_word(family, "TCP6")) ||
        !parse_ip(next_word(&line), &header.client.ip) || !parse_ip(next_word(&line), &header.server.ip) ||
        !parse_port(next_word(&line), &header.client.port) ||
        !parse_port(next_word(&line), &header.server.port) || ss_span_left(&line) > 0)
        return SS_PROXIED_NONE;
    *ret_header = header;
    return SS_PROXIED_DONE;
}

/* The addresses of TCP over IPv4 (0x11) and IPv6 (0x21); other families have none that matter here. */
static bool read_addresses(struct ss_span in, uint8_t family, struct ss_proxied *header)
{
    size_t address_bytes = family == 0x11 ? 4 : 16;
    struct ss_span client, server;

    if (!ss_span_take(&in, address_bytes, &client) || !ss_span_take(&in, address_bytes, &server) ||
        !ss_span_u16(&in, &header->client.port) || !ss_span_u16(&in, &header->server.port))
        return false;
    if (family == 0x11) {
        header->client.ip = ss_ip_from_v4(client.at);
        header->server.ip = ss_ip_from_v4(server.at);
    } else {
        memcpy(header->client.ip.bytes, client.at, 16);
        memcpy(header->server.ip.bytes, server.at, 16);
    }
    return true;
}

static enum ss_proxied_result decode_v2(struct ss_span bytes, struct ss_proxied *ret_header)
{
    struct ss_proxied header = {0};
    struct ss_span in = bytes;
    uint8_t command, family;
    uint16_t length;

    ss_span_skip(&in, sizeof(V2_SIGNATURE));
    if (!ss_span_u8(&in, &command) || !ss_span_u8(&in, &family) || !ss_span_u16(&in, &length))
        return SS_PROXIED_MORE;
    if (command >> 4 != 2 || (command & 0x0f) > 1)
        return SS_PROXIED_NONE;
    header.bytes = V2_FIXED_BYTES + (uint32_t)length;
    if ((command & 0x0f) == 1 && (family == 0x11 || family == 0x21)) {
        size_t wanted = family == 0x11 ? 12 : 36;
        if (length < wanted)
            return SS_PROXIED_NONE;
        if (ss_span_left(&in) < wanted)
            return SS_PROXIED_MORE;
        header.has_addresses = read_addresses(in, family, &header);
    }
    *ret_header = header;
    return SS_PROXIED_DONE;
}

/* The bytes that there are agree with the start, all of it or the first part. */
static bool agrees(struct ss_span bytes, const void *start, size_t length)
{
    size_t left = ss_span_left(&bytes);
    return memcmp(bytes.at, start, left < length ? left : length) == 0;
}

enum ss_proxied_result ss_proxied_decode(struct ss_span bytes, struct ss_proxied *ret_header)
{
    size_t left = ss_span_left(&bytes);

    if (left == 0)
        return SS_PROXIED_MORE;
    if (agrees(bytes, V1_START, strlen(V1_START)))
        return left < strlen(V1_START) ? SS_PROXIED_MORE : decode_v1(bytes, ret_header);
    if (agrees(bytes, V2_SIGNATURE, sizeof(V2_SIGNATURE)))
        return left < sizeof(V2_SIGNATURE) ? SS_PROXIED_MORE : decode_v2(bytes, ret_header);
    return SS_PROXIED_NONE;
}
