// SPDX-License-Identifier: BSD-3-Clause
#include "tls/hello.h"

#include "tls/grease.h"

#include <string.h>

/* ExtensionType, RFC 8446 section 4.2 and the IANA registry. */
enum extension {
    SERVER_NAME = 0,                 /* RFC 6066 */
    ALPN = 16,                       /* RFC 7301 */
    SESSION_TICKET = 35,             /* RFC 5077 */
    PRE_SHARED_KEY = 41,             /* RFC 8446 */
    EARLY_DATA = 42,                 /* RFC 8446 */
    SUPPORTED_VERSIONS = 43,         /* RFC 8446 */
    KEY_SHARE = 51,                  /* RFC 8446 */
    ENCRYPTED_CLIENT_HELLO = 0xfe0d, /* ECH: of the registry */
};

enum {
    RANDOM_BYTES = 32,
    HOST_NAME = 0, /* NameType, RFC 6066 section 3 */
    TLS13 = 0x0304,
};

/* RFC 8446 section 4.1.3: SHA-256 of "HelloRetryRequest", in place of a ServerHello's random. */
static const uint8_t hello_retry_random[RANDOM_BYTES] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

/* Orders the versions of a list: drafts of TLS 1.3 (0x7fNN, and 0xfbNN and 0x7eNN of experiments) stand
 * between TLS 1.2 and 1.3. 0 for what is no version. */
static uint32_t version_rank(uint16_t version)
{
    switch (version >> 8) {
    case 0x03:
        return (uint32_t)version << 8;
    case 0x7e:
    case 0x7f:
    case 0xfb:
        return 0x030300u + (version & 0xff);
    default:
        return 0;
    }
}

static char printable(uint8_t byte)
{
    return byte >= 0x20 && byte <= 0x7e ? (char)byte : '?';
}

/* Writes at most room - 1 characters and a zero; how many characters. */
static size_t copy_text(struct ss_span text, char *to, size_t room)
{
    size_t length = 0;
    uint8_t byte;
    while (length + 1 < room && ss_span_u8(&text, &byte))
        to[length++] = printable(byte);
    to[length] = '\0';
    return length;
}

/* ServerNameList, RFC 6066 section 3: the first host_name. */
static bool decode_server_name(struct ss_span data, char *ret_sni)
{
    struct ss_span list, name;
    uint8_t type;
    if (!ss_span_block16(&data, &list) || ss_span_left(&data) > 0)
        return false;
    while (ss_span_left(&list) > 0) {
        if (!ss_span_u8(&list, &type) || !ss_span_block16(&list, &name))
            return false;
        if (type == HOST_NAME && ret_sni[0] == '\0')
            copy_text(name, ret_sni, SS_SNI_MAX);
    }
    return true;
}

/* ProtocolNameList, RFC 7301 section 3.1. Names that find no room are left out, GREASE (RFC 8701)
 * is too. */
static bool decode_alpn(struct ss_span data, char *ret_alpn)
{
    struct ss_span list, name;
    size_t used = 0;
    if (!ss_span_block16(&data, &list) || ss_span_left(&data) > 0)
        return false;
    while (ss_span_left(&list) > 0) {
        if (!ss_span_block8(&list, &name) || ss_span_left(&name) == 0)
            return false;
        if (ss_span_left(&name) == 2 && ss_is_grease((uint16_t)(name.at[0] << 8 | name.at[1])))
            continue;
        /* Its zero, and that of the empty name that ends the list. */
        if (used + ss_span_left(&name) + 2 <= SS_ALPN_MAX)
            used += copy_text(name, ret_alpn + used, SS_ALPN_MAX - 1 - used) + 1;
    }
    return true;
}

/* RFC 8446 section 4.2.1, the client's list. */
static bool decode_supported_versions(struct ss_span data, uint16_t *ret_version)
{
    struct ss_span list;
    uint16_t version, highest = 0;
    if (!ss_span_block8(&data, &list) || ss_span_left(&data) > 0)
        return false;
    while (ss_span_left(&list) > 0) {
        if (!ss_span_u16(&list, &version))
            return false;
        if (version_rank(version) > version_rank(highest))
            highest = version;
    }
    if (highest != 0)
        *ret_version = highest;
    return true;
}

static bool decode_session_id(struct ss_span *body, uint8_t *ret_session_id, uint8_t *ret_bytes)
{
    struct ss_span id;
    if (!ss_span_block8(body, &id) || ss_span_left(&id) > 32)
        return false;
    *ret_bytes = (uint8_t)ss_span_left(&id);
    memcpy(ret_session_id, id.at, *ret_bytes);
    return true;
}

static bool decode_client_extension(uint16_t type, struct ss_span data, struct ss_client_hello *hello)
{
    switch (type) {
    case SERVER_NAME:
        return decode_server_name(data, hello->sni);
    case ALPN:
        return decode_alpn(data, hello->alpn);
    case SESSION_TICKET:
        hello->session_ticket = ss_span_left(&data) > 0;
        return true;
    case PRE_SHARED_KEY:
        hello->pre_shared_key = true;
        return true;
    case EARLY_DATA:
        hello->early_data = true;
        return true;
    case SUPPORTED_VERSIONS:
        return decode_supported_versions(data, &hello->version);
    case ENCRYPTED_CLIENT_HELLO:
        hello->encrypted_client_hello = true;
        return true;
    default:
        return true;
    }
}

/* Of a ServerHello: server_share, a group and its key; of a HelloRetryRequest: selected_group alone (RFC 8446
 * section 4.2.8). */
static bool decode_key_share(struct ss_span data, struct ss_server_hello *hello)
{
    struct ss_span key;
    uint16_t group;
    if (!ss_span_u16(&data, &group))
        return false;
    hello->group = group;
    return (hello->hello_retry || ss_span_block16(&data, &key)) && ss_span_left(&data) == 0;
}

static bool decode_server_extension(uint16_t type, struct ss_span data, struct ss_server_hello *hello)
{
    switch (type) {
    case ALPN:
        return decode_alpn(data, hello->alpn);
    case PRE_SHARED_KEY:
        hello->pre_shared_key = true;
        return true;
    case SUPPORTED_VERSIONS:
        return ss_span_u16(&data, &hello->version) && ss_span_left(&data) == 0;
    case KEY_SHARE:
        return decode_key_share(data, hello);
    default:
        return true;
    }
}

static bool next_extension(struct ss_span *list, uint16_t *ret_type, struct ss_span *ret_data)
{
    return ss_span_u16(list, ret_type) && ss_span_block16(list, ret_data);
}

bool ss_client_hello_decode(struct ss_span body, struct ss_client_hello *ret_hello)
{
    struct ss_span ciphers, compressions, extensions, data;
    uint16_t type;
    memset(ret_hello, 0, sizeof(*ret_hello));
    if (!ss_span_u16(&body, &ret_hello->version) || !ss_span_skip(&body, RANDOM_BYTES) ||
        !decode_session_id(&body, ret_hello->session_id, &ret_hello->session_id_bytes))
        return false;
    if (!ss_span_block16(&body, &ciphers) || ss_span_left(&ciphers) == 0 || ss_span_left(&ciphers) % 2 != 0 ||
        !ss_span_block8(&body, &compressions) || ss_span_left(&compressions) == 0)
        return false;
    if (ss_span_left(&body) == 0)
        return true; /* before RFC 3546 there were no extensions */
    if (!ss_span_block16(&body, &extensions) || ss_span_left(&body) > 0)
        return false;
    while (ss_span_left(&extensions) > 0)
        if (!next_extension(&extensions, &type, &data) || !decode_client_extension(type, data, ret_hello))
            return false;
    return true;
}

/* Until draft 22 a ServerHello of TLS 1.3 named its version first, and had neither session id nor
 * compression. */
static bool is_early_draft(uint16_t legacy_version)
{
    return legacy_version == TLS13 || (legacy_version >> 8 == 0x7f && (legacy_version & 0xff) < 22);
}

static bool decode_server_start(struct ss_span *body, struct ss_server_hello *hello)
{
    struct ss_span random;
    if (!ss_span_u16(body, &hello->version) || !ss_span_take(body, RANDOM_BYTES, &random))
        return false;
    hello->hello_retry = memcmp(random.at, hello_retry_random, RANDOM_BYTES) == 0;
    if (is_early_draft(hello->version))
        return ss_span_u16(body, &hello->cipher);
    return decode_session_id(body, hello->session_id, &hello->session_id_bytes) &&
           ss_span_u16(body, &hello->cipher) && ss_span_skip(body, 1 /* compression method */);
}

bool ss_server_hello_decode(struct ss_span body, struct ss_server_hello *ret_hello)
{
    struct ss_span extensions, data;
    uint16_t type;
    memset(ret_hello, 0, sizeof(*ret_hello));
    if (!decode_server_start(&body, ret_hello))
        return false;
    if (ss_span_left(&body) == 0)
        return true;
    if (!ss_span_block16(&body, &extensions) || ss_span_left(&body) > 0)
        return false;
    while (ss_span_left(&extensions) > 0)
        if (!next_extension(&extensions, &type, &data) || !decode_server_extension(type, data, ret_hello))
            return false;
    return true;
}

/* digitally-signed: from TLS 1.2 on behind the algorithm; nothing where the server is anonymous. */
static bool is_signature(struct ss_span bytes)
{
    struct ss_span older = bytes, signature;

    if (ss_span_left(&bytes) == 0 || (ss_span_block16(&older, &signature) && ss_span_left(&older) == 0))
        return true;
    return ss_span_skip(&bytes, 2) && ss_span_block16(&bytes, &signature) && ss_span_left(&bytes) == 0;
}

/* ECParameters, ECPoint and signature, all of them, since the key exchange is known by its form alone. */
bool ss_server_key_exchange_decode(struct ss_span body, uint16_t *ret_group)
{
    enum { NAMED_CURVE = 3 }; /* ECCurveType */
    struct ss_span point;
    uint8_t curve_type;
    uint16_t group;

    if (!ss_span_u8(&body, &curve_type) || curve_type != NAMED_CURVE || !ss_span_u16(&body, &group) ||
        !ss_span_block8(&body, &point) || ss_span_left(&point) == 0 || !is_signature(body))
        return false;
    *ret_group = group;
    return true;
}

/* RFC 5246 appendix E.2. */
bool ss_client_hello_decode_v2(struct ss_span body, struct ss_client_hello *ret_hello)
{
    struct ss_span ciphers, id, challenge;
    uint8_t type;
    uint16_t cipher_bytes, id_bytes, challenge_bytes;
    memset(ret_hello, 0, sizeof(*ret_hello));
    if (!ss_span_u8(&body, &type) || type != 1 || !ss_span_u16(&body, &ret_hello->version))
        return false;
    if (!ss_span_u16(&body, &cipher_bytes) || !ss_span_u16(&body, &id_bytes) || id_bytes > 32 ||
        !ss_span_u16(&body, &challenge_bytes))
        return false;
    if (!ss_span_take(&body, cipher_bytes, &ciphers) || !ss_span_take(&body, id_bytes, &id))
        return false;
    ret_hello->session_id_bytes = (uint8_t)id_bytes;
    memcpy(ret_hello->session_id, id.at, id_bytes);
    return ss_span_take(&body, challenge_bytes, &challenge) && ss_span_left(&body) == 0;
}
