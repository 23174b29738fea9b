// SPDX-License-Identifier: BSD-3-Clause

#include "talk/talk.h"

#include <string.h>

#define HELLO_BYTES 11 /* record header, message header, legacy_version */

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

bool ss_talk_is_other(struct ss_span bytes)
{
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
        size_t length = strlen(OTHERS[i]);
        if (ss_span_left(&bytes) >= length && memcmp(bytes.at, OTHERS[i], length) == 0)
            return true;
    }
    return false;
}

/* 16 03 0x llll 01 00 mmmm 03 0x, the message no shorter than a hello can be. */
static bool is_hello(const uint8_t *at)
{
    unsigned record = (unsigned)(at[3] << 8 | at[4]), message = (unsigned)(at[7] << 8 | at[8]);

    return at[1] == 3 && at[2] <= 4 && record >= 8 && record <= 1u << 14 && at[5] == 1 && at[6] == 0 &&
           message >= 38 && at[9] == 3 && at[10] <= 4;
}

bool ss_talk_find_hello(struct ss_span bytes, size_t *ret_offset)
{
    const uint8_t *from = bytes.at;

    while (bytes.end - from >= HELLO_BYTES) {
        const uint8_t *at = memchr(from, 0x16, (size_t)(bytes.end - from) - (HELLO_BYTES - 1));
        if (at == NULL)
            return false;
        if (is_hello(at)) {
            *ret_offset = (size_t)(at - bytes.at);
            return true;
        }
        from = at + 1;
    }
    return false;
}
