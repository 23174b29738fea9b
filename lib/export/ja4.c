// SPDX-License-Identifier: BSD-3-Clause

#include "export/ja4.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_CHARACTERS 12
#define LISTS_BYTES     (5 * SS_JA4_CODES + 1) /* "0403," of each, and a zero */

enum { SERVER_NAME = 0, ALPN = 16 };

static const char *version_text(uint16_t version)
{
    switch (version) {
    case 0x0304:
        return "13";
    case 0x0303:
        return "12";
    case 0x0302:
        return "11";
    case 0x0301:
        return "10";
    case 0x0300:
        return "s3";
    case 0x0002:
        return "s2";
    default:
        return "00";
    }
}

static int by_number(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* Appends "_1301,1302" to text[used], with that first character where there is one; how long it then is. */
static size_t print_codes(const uint16_t *codes, unsigned count, char before, char *text, size_t used)
{
    for (unsigned i = 0; i < count; i++) {
        char between = i > 0 ? ',' : before;
        if (between != '\0')
            text[used++] = between;
        used += (size_t)snprintf(text + used, LISTS_BYTES - used, "%04x", codes[i]);
    }
    return used;
}

/* A hash of nothing is zeros, so that one sees that nothing was there. */
static bool print_hash(const char *text, size_t length, char ret_hash[HASH_CHARACTERS + 1])
{
    unsigned char hash[EVP_MAX_MD_SIZE];

    memset(ret_hash, '0', HASH_CHARACTERS);
    ret_hash[HASH_CHARACTERS] = '\0';
    if (length == 0)
        return true;
    if (EVP_Digest(text, length, hash, NULL, EVP_sha256(), NULL) != 1)
        return false;
    for (unsigned i = 0; i < HASH_CHARACTERS / 2; i++)
        snprintf(ret_hash + 2 * i, 3, "%02x", hash[i]);
    return true;
}

static bool hash_ciphers(const struct ss_ja4 *ja4, char ret_hash[HASH_CHARACTERS + 1])
{
    uint16_t sorted[SS_JA4_CODES];
    char text[LISTS_BYTES];

    memcpy(sorted, ja4->codes, ja4->ciphers * sizeof(*sorted));
    qsort(sorted, ja4->ciphers, sizeof(*sorted), by_number);
    return print_hash(text, print_codes(sorted, ja4->ciphers, '\0', text, 0), ret_hash);
}

/* Without the name and the protocols, so that a client is the same wherever it goes; they stand in front. */
static bool hash_extensions(const struct ss_ja4 *ja4, char ret_hash[HASH_CHARACTERS + 1])
{
    const uint16_t *extensions = ja4->codes + ja4->ciphers;
    uint16_t sorted[SS_JA4_CODES];
    char text[LISTS_BYTES];
    unsigned count = 0;

    for (unsigned i = 0; i < ja4->extensions; i++) {
        if (extensions[i] != SERVER_NAME && extensions[i] != ALPN)
            sorted[count++] = extensions[i];
    }
    qsort(sorted, count, sizeof(*sorted), by_number);
    size_t used = print_codes(sorted, count, '\0', text, 0);
    if (used > 0)
        used = print_codes(extensions + ja4->extensions, ja4->signatures, '_', text, used);
    return print_hash(text, used, ret_hash);
}

static unsigned at_most_99(unsigned count)
{
    return count < 99 ? count : 99;
}

bool ss_ja4_print(const struct ss_ja4 *ja4, char ret_text[SS_JA4_TEXT_MAX])
{
    char ciphers[HASH_CHARACTERS + 1], extensions[HASH_CHARACTERS + 1];

    if (!hash_ciphers(ja4, ciphers) || !hash_extensions(ja4, extensions))
        return false;
    snprintf(ret_text, SS_JA4_TEXT_MAX, "t%s%c%02u%02u%c%c_%s_%s", version_text(ja4->version),
             ja4->has_sni ? 'd' : 'i', at_most_99(ja4->ciphers), at_most_99(ja4->extensions), ja4->alpn[0],
             ja4->alpn[1], ciphers, extensions);
    return true;
}
