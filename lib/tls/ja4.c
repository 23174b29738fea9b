// SPDX-License-Identifier: BSD-3-Clause
#include "tls/ja4.h"

#include "tls/grease.h"

#include <string.h>

enum extension { SERVER_NAME = 0, SIGNATURE_ALGORITHMS = 13, ALPN = 16, SUPPORTED_VERSIONS = 43 };

enum { RANDOM_BYTES = 32 };

/* Appends a list of 16-bit numbers, of which odd bytes are none. */
static enum ss_ja4_result append(struct ss_ja4 *ja4, struct ss_span list, uint8_t *count)
{
    unsigned before = (unsigned)ja4->ciphers + ja4->extensions + ja4->signatures, used = before;
    uint16_t code;

    while (ss_span_u16(&list, &code)) {
        if (ss_is_grease(code))
            continue;
        if (used == SS_JA4_CODES)
            return SS_JA4_TOO_LONG;
        ja4->codes[used++] = code;
    }
    *count = (uint8_t)(*count + used - before);
    return ss_span_left(&list) == 0 ? SS_JA4_READ : SS_JA4_MALFORMED;
}

static enum ss_ja4_result append_one(struct ss_ja4 *ja4, uint16_t code, uint8_t *count)
{
    unsigned used = (unsigned)ja4->ciphers + ja4->extensions + ja4->signatures;

    if (ss_is_grease(code))
        return SS_JA4_READ;
    if (used == SS_JA4_CODES)
        return SS_JA4_TOO_LONG;
    ja4->codes[used] = code;
    (*count)++;
    return SS_JA4_READ;
}

static bool is_alphanumeric(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

/* First and last character of the name; of its hexadecimal digits where one of the two is not alphanumeric.
 */
static void put_alpn(struct ss_span name, char ret_alpn[2])
{
    static const char DIGITS[] = "0123456789abcdef";
    uint8_t first = name.at[0], last = name.end[-1];
    bool is_plain = is_alphanumeric(first) && is_alphanumeric(last);

    ret_alpn[0] = is_plain ? (char)first : DIGITS[first >> 4];
    ret_alpn[1] = is_plain ? (char)last : DIGITS[last & 15];
}

static bool is_grease_name(struct ss_span name)
{
    uint16_t value;
    return ss_span_left(&name) == 2 && ss_span_u16(&name, &value) && ss_is_grease(value);
}

/* ProtocolNameList, RFC 7301 section 3.1: the first that is not GREASE. No name, or an empty one, is "00". */
static bool read_alpn(struct ss_span data, struct ss_ja4 *ja4)
{
    struct ss_span list, name;

    if (!ss_span_block16(&data, &list) || ss_span_left(&data) > 0)
        return false;
    while (ss_span_left(&list) > 0) {
        if (!ss_span_block8(&list, &name))
            return false;
        if (is_grease_name(name))
            continue;
        if (ss_span_left(&name) > 0)
            put_alpn(name, ja4->alpn);
        return true;
    }
    return true;
}

/* RFC 8446 section 4.2.1: the highest, as a number. */
static bool read_versions(struct ss_span data, struct ss_ja4 *ja4)
{
    struct ss_span list;
    uint16_t version;

    if (!ss_span_block8(&data, &list) || ss_span_left(&data) > 0)
        return false;
    ja4->version = 0;
    while (ss_span_u16(&list, &version)) {
        if (!ss_is_grease(version) && version > ja4->version)
            ja4->version = version;
    }
    return ss_span_left(&list) == 0;
}

/* What is looked into; *ret_signatures is the list to append when all extensions have been. */
static bool read_extension(uint16_t type, struct ss_span data, struct ss_ja4 *ja4,
                           struct ss_span *ret_signatures)
{
    switch (type) {
    case SERVER_NAME:
        ja4->has_sni = true;
        return true;
    case ALPN:
        return read_alpn(data, ja4);
    case SUPPORTED_VERSIONS:
        return read_versions(data, ja4);
    case SIGNATURE_ALGORITHMS:
        return ss_span_block16(&data, ret_signatures) && ss_span_left(&data) == 0;
    default:
        return true;
    }
}

static enum ss_ja4_result read_extensions(struct ss_span list, struct ss_ja4 *ja4)
{
    struct ss_span signatures = {NULL, NULL}, data;
    enum ss_ja4_result result;
    uint16_t type;

    while (ss_span_left(&list) > 0) {
        if (!ss_span_u16(&list, &type) || !ss_span_block16(&list, &data) ||
            !read_extension(type, data, ja4, &signatures))
            return SS_JA4_MALFORMED;
        result = append_one(ja4, type, &ja4->extensions);
        if (result != SS_JA4_READ)
            return result;
    }
    return append(ja4, signatures, &ja4->signatures);
}

enum ss_ja4_result ss_ja4_read(struct ss_span body, struct ss_ja4 *ret_ja4)
{
    struct ss_ja4 ja4;
    struct ss_span session_id, ciphers, compressions, extensions = {NULL, NULL};

    memset(&ja4, 0, offsetof(struct ss_ja4, codes));
    memset(ja4.alpn, '0', sizeof(ja4.alpn));
    if (!ss_span_u16(&body, &ja4.version) || !ss_span_skip(&body, RANDOM_BYTES) ||
        !ss_span_block8(&body, &session_id) || !ss_span_block16(&body, &ciphers) ||
        !ss_span_block8(&body, &compressions))
        return SS_JA4_MALFORMED;
    /* Before RFC 3546 there were no extensions. */
    if (ss_span_left(&body) > 0 && (!ss_span_block16(&body, &extensions) || ss_span_left(&body) > 0))
        return SS_JA4_MALFORMED;
    enum ss_ja4_result result = append(&ja4, ciphers, &ja4.ciphers);
    if (result == SS_JA4_READ)
        result = read_extensions(extensions, &ja4);
    if (result == SS_JA4_READ)
        memcpy(ret_ja4, &ja4, ss_ja4_bytes(&ja4));
    return result;
}
