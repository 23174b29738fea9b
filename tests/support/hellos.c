// SPDX-License-Identifier: BSD-3-Clause
#include "hellos.h"

#include <assert.h>
#include <string.h>

static const uint8_t hello_retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

void tls_put(struct tls_bytes *out, const void *bytes, size_t length)
{
    assert(length <= sizeof(out->at) - out->length);
    if (length > 0)
        memcpy(out->at + out->length, bytes, length);
    out->length += length;
}

void tls_put_u8(struct tls_bytes *out, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    tls_put(out, &byte, 1);
}

void tls_put_u16(struct tls_bytes *out, unsigned value)
{
    tls_put_u8(out, value >> 8);
    tls_put_u8(out, value);
}

void tls_put_u24(struct tls_bytes *out, size_t value)
{
    tls_put_u8(out, (unsigned)(value >> 16));
    tls_put_u16(out, (unsigned)value);
}

void tls_put_fill(struct tls_bytes *out, uint8_t byte, size_t length)
{
    while (length-- > 0)
        tls_put_u8(out, byte);
}

static unsigned digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = strchr(digits, c);
    assert(c != '\0' && found != NULL);
    return (unsigned)(found - digits);
}

void tls_put_hex(struct tls_bytes *out, const char *hex)
{
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ')
            continue;
        tls_put_u8(out, digit(hex[0]) << 4 | digit(hex[1]));
        hex++;
    }
}

void tls_put_record(struct tls_bytes *out, uint8_t type, const void *body, size_t length)
{
    tls_put_u8(out, type);
    tls_put_u16(out, 0x0303);
    tls_put_u16(out, (unsigned)length);
    tls_put(out, body, length);
}

void tls_put_noise_record(struct tls_bytes *out, uint8_t type, size_t length)
{
    tls_put_u8(out, type);
    tls_put_u16(out, 0x0303);
    tls_put_u16(out, (unsigned)length);
    tls_put_fill(out, 0xee, length);
}

void tls_put_records(struct tls_bytes *out, uint8_t type, const struct tls_bytes *content, size_t piece)
{
    for (size_t at = 0; at < content->length; at += piece) {
        size_t left = content->length - at;
        tls_put_record(out, type, content->at + at, left < piece ? left : piece);
    }
}

/* A block behind a length: open it, put its content, close it. */
static size_t open_block(struct tls_bytes *out, size_t length_bytes)
{
    tls_put_fill(out, 0, length_bytes);
    return out->length;
}

static void close_block(struct tls_bytes *out, size_t begin, size_t length_bytes)
{
    size_t length = out->length - begin;
    for (size_t i = 1; i <= length_bytes; i++, length >>= 8)
        out->at[begin - i] = (uint8_t)length;
    assert(length == 0);
}

void tls_put_message(struct tls_bytes *out, uint8_t type, size_t length)
{
    tls_put_u8(out, type);
    tls_put_u24(out, length);
    tls_put_fill(out, 0x5a, length);
}

static void put_random_and_session(struct tls_bytes *out, bool hello_retry, uint8_t session_id_bytes)
{
    if (hello_retry)
        tls_put(out, hello_retry_random, sizeof(hello_retry_random));
    else
        tls_put_fill(out, 0x77, 32);
    tls_put_u8(out, session_id_bytes);
    tls_put_fill(out, 0x1d, session_id_bytes);
}

static void put_noise_extension(struct tls_bytes *out, unsigned type, size_t length)
{
    tls_put_u16(out, type);
    tls_put_u16(out, (unsigned)length);
    tls_put_fill(out, 0, length);
}

static void put_server_name(struct tls_bytes *out, const char *name)
{
    tls_put_u16(out, 0);
    size_t extension = open_block(out, 2), list = open_block(out, 2);
    tls_put_u8(out, 0);
    size_t host = open_block(out, 2);
    tls_put(out, name, strlen(name));
    close_block(out, host, 2);
    close_block(out, list, 2);
    close_block(out, extension, 2);
}

static void put_alpn(struct tls_bytes *out, const char *const *names, size_t count)
{
    tls_put_u16(out, 16);
    size_t extension = open_block(out, 2), list = open_block(out, 2);
    for (size_t i = 0; i < count && names[i] != NULL; i++) {
        tls_put_u8(out, (unsigned)strlen(names[i]));
        tls_put(out, names[i], strlen(names[i]));
    }
    close_block(out, list, 2);
    close_block(out, extension, 2);
}

static void put_versions(struct tls_bytes *out, const struct tls_client_recipe *recipe)
{
    tls_put_u16(out, 43);
    size_t extension = open_block(out, 2), list = open_block(out, 1);
    for (size_t i = 0; i < 8 && recipe->versions[i] != 0; i++)
        tls_put_u16(out, recipe->versions[i]);
    close_block(out, list, 1);
    close_block(out, extension, 2);
}

static void put_client_extensions(struct tls_bytes *out, const struct tls_client_recipe *recipe)
{
    size_t extensions = open_block(out, 2);
    if (recipe->sni != NULL)
        put_server_name(out, recipe->sni);
    if (recipe->alpn[0] != NULL)
        put_alpn(out, recipe->alpn, 8);
    if (recipe->versions[0] != 0)
        put_versions(out, recipe);
    if (recipe->ticket_bytes > 0 || recipe->empty_ticket)
        put_noise_extension(out, 35, recipe->ticket_bytes);
    if (recipe->padding_bytes > 0)
        put_noise_extension(out, 21, recipe->padding_bytes);
    if (recipe->encrypted_client_hello)
        put_noise_extension(out, 0xfe0d, 40);
    if (recipe->early_data)
        put_noise_extension(out, 42, 0);
    if (recipe->pre_shared_key)
        put_noise_extension(out, 41, 50);
    close_block(out, extensions, 2);
}

void tls_put_client_hello(struct tls_bytes *out, const struct tls_client_recipe *recipe)
{
    tls_put_u8(out, 1);
    size_t body = open_block(out, 3);
    tls_put_u16(out, recipe->legacy_version != 0 ? recipe->legacy_version : 0x0303);
    put_random_and_session(out, false, recipe->session_id_bytes);
    size_t ciphers = open_block(out, 2);
    tls_put_hex(out, "1301 c02f");
    for (unsigned i = 0; i < recipe->more_ciphers; i++)
        tls_put_u16(out, 0x0100 + i);
    close_block(out, ciphers, 2);
    tls_put_hex(out, "01 00"); /* compression_methods */
    if (!recipe->no_extensions)
        put_client_extensions(out, recipe);
    close_block(out, body, 3);
}

static void put_server_extensions(struct tls_bytes *out, const struct tls_server_recipe *recipe)
{
    size_t extensions = open_block(out, 2);
    if (recipe->version != 0) {
        tls_put_hex(out, "002b 0002");
        tls_put_u16(out, recipe->version);
    }
    if (recipe->group != 0) {
        tls_put_u16(out, 51);
        size_t extension = open_block(out, 2);
        tls_put_u16(out, recipe->group);
        if (!recipe->hello_retry)
            tls_put_hex(out, "0004 01020304");
        close_block(out, extension, 2);
    }
    if (recipe->alpn != NULL)
        put_alpn(out, &recipe->alpn, 1);
    if (recipe->pre_shared_key)
        tls_put_hex(out, "0029 0002 0000");
    close_block(out, extensions, 2);
}

void tls_put_server_hello(struct tls_bytes *out, const struct tls_server_recipe *recipe)
{
    tls_put_u8(out, 2);
    size_t body = open_block(out, 3);
    tls_put_u16(out, recipe->legacy_version != 0 ? recipe->legacy_version : 0x0303);
    put_random_and_session(out, recipe->hello_retry, recipe->session_id_bytes);
    if (recipe->early_draft)
        out->length--; /* the empty session id */
    tls_put_u16(out, recipe->cipher != 0 ? recipe->cipher : 0x1301);
    if (!recipe->early_draft)
        tls_put_u8(out, 0);
    if (!recipe->no_extensions)
        put_server_extensions(out, recipe);
    close_block(out, body, 3);
}

void tls_put_sslv2_hello(struct tls_bytes *out, uint16_t version, unsigned ciphers, unsigned session_id_bytes)
{
    tls_put_u16(out, 0x8000 | (9 + 3 * ciphers + session_id_bytes + 16));
    tls_put_u8(out, 1);
    tls_put_u16(out, version);
    tls_put_u16(out, 3 * ciphers);
    tls_put_u16(out, session_id_bytes);
    tls_put_u16(out, 16);
    tls_put_fill(out, 0xc1, 3 * (size_t)ciphers);
    tls_put_fill(out, 0x1d, session_id_bytes);
    tls_put_fill(out, 0xcc, 16);
}
