// SPDX-License-Identifier: BSD-3-Clause

#include "talk/talk.h"

#include <string.h>

/* Who opens with what. at: offset of the bytes that tell. */
static const struct opener {
    bool from_client;
    size_t at, length;
    const char *bytes;
} OPENERS[] = {
    {true, 0, 8, "CONNECT "},                   /* HTTP proxy: RFC 9110 section 9.3.6 */
    {true, 0, 1, "\x05"},                       /* SOCKS 5: RFC 1928 section 3 */
    {true, 0, 2, "\x04\x01"},                   /* SOCKS 4, CONNECT */
    {true, 0, 8, "\0\0\0\x08\x04\xd2\x16\x2f"}, /* PostgreSQL's SSLRequest */
    {true, 0, 8, "\0\0\0\x08\x04\xd2\x16\x30"}, /* its GSSENCRequest, which may come before */
    {true, 0, 1, "\x30"},  /* LDAP: StartTLS is an extended request, RFC 4511 section 4.14 */
    {true, 0, 5, "<?xml"}, /* XMPP: RFC 6120 section 5 */
    {true, 0, 7, "<stream"},
    {false, 0, 3, "220"},    /* SMTP (RFC 3207), FTP (RFC 4217) */
    {false, 0, 4, "* OK"},   /* IMAP: RFC 9051 section 6.2.1 */
    {false, 0, 3, "+OK"},    /* POP3: RFC 2595 section 4 */
    {false, 3, 2, "\0\x0a"}, /* MySQL's greeting: packet 0, protocol 10 */
};

bool ss_talk_is_opener(struct ss_span bytes, bool from_client)
{
    size_t length = ss_span_left(&bytes);

    for (size_t i = 0; i < sizeof(OPENERS) / sizeof(OPENERS[0]); i++) {
        const struct opener *opener = &OPENERS[i];
        if (opener->from_client == from_client && length >= opener->at + opener->length &&
            memcmp(bytes.at + opener->at, opener->bytes, opener->length) == 0)
            return true;
    }
    return false;
}

static const char *const OTHERS[] = {"GET ", "POST ", "HEAD ", "PUT ", "HTTP/1.", "SSH-"};

/* The whole head of an answer after which the connection may carry something else: CONNECT's 2xx (RFC 9110
 * section 9.3.6), or 101 (section 7.8). The mirror may show it before the request. */
static bool switches_protocol(struct ss_span bytes)
{
    size_t length = ss_span_left(&bytes);

    return length > 13 && memcmp(bytes.at, "HTTP/1.", 7) == 0 && (bytes.at[9] == '1' || bytes.at[9] == '2') &&
           memcmp(bytes.end - 4, "\r\n\r\n", 4) == 0;
}

bool ss_talk_is_other(struct ss_span bytes)
{
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
        size_t length = strlen(OTHERS[i]);
        if (ss_span_left(&bytes) >= length && memcmp(bytes.at, OTHERS[i], length) == 0)
            return !switches_protocol(bytes);
    }
    return false;
}

static unsigned u16_at(const uint8_t *at)
{
    return (unsigned)(at[0] << 8 | at[1]);
}

/* 16 03 0x llll tt 00 mmmm 03 0x, the message no shorter than a hello can be; of fewer bytes, those. */
static bool may_be_hello(const uint8_t *at, size_t left, uint8_t type)
{
    return (left < 2 || at[1] == 3) && (left < 3 || at[2] <= 4) &&
           (left < 5 || (u16_at(at + 3) >= 8 && u16_at(at + 3) <= 1u << 14)) && (left < 6 || at[5] == type) &&
           (left < 7 || at[6] == 0) && (left < 9 || u16_at(at + 7) >= 38) && (left < 10 || at[9] == 3) &&
           (left < 11 || at[10] <= 4);
}

enum ss_talk_found ss_talk_find_hello(struct ss_span bytes, uint8_t type, size_t *ret_offset)
{
    const uint8_t *from = bytes.at;

    while (from < bytes.end) {
        const uint8_t *at = memchr(from, 0x16, (size_t)(bytes.end - from));
        if (at == NULL)
            return SS_TALK_NOWHERE;
        size_t left = (size_t)(bytes.end - at);
        if (may_be_hello(at, left, type)) {
            *ret_offset = (size_t)(at - bytes.at);
            return left < SS_TALK_HELLO_BYTES ? SS_TALK_PERHAPS : SS_TALK_FOUND;
        }
        from = at + 1;
    }
    return SS_TALK_NOWHERE;
}
