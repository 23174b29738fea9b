// SPDX-License-Identifier: BSD-3-Clause
#include "origin/origin.h"

#include "origin/names.h"
#include "origin/prefixes.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ss_origins {
    struct ss_prefixes *prefixes;
    struct ss_names names;
};

/* Where the prefixes of one family stand in the file of AWS. */
struct family {
    const char *list, *prefix;
};

/* A file that is being loaded, for its error sentences. */
struct load {
    struct ss_origins *origins;
    const char *file;
    char *why;
    size_t why_bytes;
};

int ss_origins_create(struct ss_origins **ret_origins, char *ret_why, size_t why_bytes)
{
    struct ss_origins *origins = calloc(1, sizeof(*origins));
    if (!origins) {
        snprintf(ret_why, why_bytes, "no memory for origins");
        return -ENOMEM;
    }
    int result = ss_prefixes_create(&origins->prefixes);
    if (result < 0) {
        snprintf(ret_why, why_bytes, "the prefix tables of origins could not be made: %s", strerror(-result));
        free(origins);
        return result;
    }
    *ret_origins = origins;
    return 0;
}

void ss_origins_free(struct ss_origins *origins)
{
    if (!origins)
        return;
    ss_prefixes_free(origins->prefixes);
    ss_names_fini(&origins->names);
    free(origins);
}

/* "192.0.2.0/24" */
static bool parse_prefix(const char *text, struct ss_ip *ret_ip, uint8_t *ret_bits)
{
    const char *slash = strchr(text, '/');
    struct ss_ip ip;
    if (!slash || !ss_ip_parse(text, (size_t)(slash - text), &ip))
        return false;
    unsigned bits = 0;
    const char *at = slash + 1;
    for (; *at >= '0' && *at <= '9' && bits <= 128; at++)
        bits = bits * 10 + (unsigned)(*at - '0');
    bool v4 = memchr(text, ':', (size_t)(slash - text)) == NULL;
    if (at == slash + 1 || *at || bits > (v4 ? 32U : 128U))
        return false;
    *ret_ip = ip;
    *ret_bits = (uint8_t)(v4 ? bits + 96 : bits);
    return true;
}

/* AWS lists most prefixes twice: as AMAZON, which is everything, and as the service that has them. */
static bool is_vague(const char *name)
{
    static const char vague[] = "/AMAZON";
    size_t length = strlen(name), end = sizeof(vague) - 1;
    return length >= end && strcmp(name + length - end, vague) == 0;
}

static int add(struct load *load, const struct ss_ip *ip, uint8_t bits, const char *name)
{
    struct ss_origins *origins = load->origins;
    uint32_t index, old;
    if (ss_prefixes_exact(origins->prefixes, ip, bits, &old) &&
        (is_vague(name) || !is_vague(ss_names_at(&origins->names, old))))
        return 0;
    int result = ss_names_intern(&origins->names, name, &index);
    if (result == 0)
        result = ss_prefixes_set(origins->prefixes, ip, bits, index);
    if (result == -ENOSPC)
        snprintf(load->why, load->why_bytes, "%s: more than %u prefixes do not fit", load->file,
                 SS_PREFIXES_MAX);
    else if (result < 0)
        snprintf(load->why, load->why_bytes, "%s: %s", load->file, strerror(-result));
    return result;
}

static int refuse(struct load *load, const struct family *family, size_t index, const char *wanted)
{
    snprintf(load->why, load->why_bytes, "%s: /%s/%zu: %s", load->file, family->list, index, wanted);
    return -EINVAL;
}

static int add_entry(struct load *load, const struct family *family, size_t index, json_t *entry)
{
    const char *prefix = json_string_value(json_object_get(entry, family->prefix));
    const char *region = json_string_value(json_object_get(entry, "region"));
    const char *service = json_string_value(json_object_get(entry, "service"));
    char name[SS_ORIGIN_NAME_MAX];
    struct ss_ip ip;
    uint8_t bits;
    if (!prefix || !region || !service)
        return refuse(load, family, index, "wanted an object with a prefix, a region and a service");
    if (!parse_prefix(prefix, &ip, &bits))
        return refuse(load, family, index, "its prefix is not an address, a slash and a length");
    int length = snprintf(name, sizeof(name), "aws/%s/%s", region, service);
    if (length < 0 || (size_t)length >= sizeof(name))
        return refuse(load, family, index, "its region and service are too long");
    return add(load, &ip, bits, name);
}

static int add_family(struct load *load, const struct family *family, json_t *root)
{
    json_t *list = json_object_get(root, family->list), *entry;
    size_t index;
    if (!json_is_array(list)) {
        snprintf(load->why, load->why_bytes, "%s: not an ip-ranges.json of AWS: it has no list \"%s\"",
                 load->file, family->list);
        return -EINVAL;
    }
    json_array_foreach(list, index, entry)
    {
        int result = add_entry(load, family, index, entry);
        if (result < 0)
            return result;
    }
    return 0;
}

static int load_aws(struct load *load)
{
    static const struct family families[] = {{"prefixes", "ip_prefix"}, {"ipv6_prefixes", "ipv6_prefix"}};
    json_error_t error;
    json_t *root = json_load_file(load->file, 0, &error);
    if (!root && json_error_code(&error) == json_error_cannot_open_file) {
        snprintf(load->why, load->why_bytes, "%s", error.text);
        return -ENOENT;
    }
    if (!root) {
        snprintf(load->why, load->why_bytes, "%s:%d:%d: %s", load->file, error.line, error.column,
                 error.text);
        return -EINVAL;
    }
    int result = 0;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && result == 0; i++)
        result = add_family(load, &families[i], root);
    json_decref(root);
    return result;
}

int ss_origins_load(struct ss_origins *origins, const char *file, const char *format, char *ret_why,
                    size_t why_bytes)
{
    struct load load = {origins, file, ret_why, why_bytes};
    if (strcmp(format, "aws") == 0)
        return load_aws(&load);
    snprintf(ret_why, why_bytes, "%s: the format \"%s\" is not known; wanted \"aws\"", file, format);
    return -EINVAL;
}

const char *ss_origins_find(const struct ss_origins *origins, const struct ss_ip *ip)
{
    uint32_t index;
    return ss_prefixes_find(origins->prefixes, ip, &index) ? ss_names_at(&origins->names, index) : NULL;
}

size_t ss_origins_count(const struct ss_origins *origins)
{
    return ss_prefixes_count(origins->prefixes);
}
