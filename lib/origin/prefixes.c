// SPDX-License-Identifier: BSD-3-Clause
#include "origin/prefixes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_rib.h>
#include <rte_rib6.h>
#include <rte_version.h>

/* A rib needs a node a prefix, and one for every fork between two. */
#define NODES_MAX ((int)(2 * SS_PREFIXES_MAX))

#define V4_BITS 96 /* of ::ffff:0:0/96, in front of an IPv4 address (RFC 4291 section 2.5.5.2) */

struct ss_prefixes {
    struct rte_rib *v4;
    struct rte_rib6 *v6;
    size_t v4_count, v6_count;
};

/* DPDK 24.11 gave IPv6 addresses a type of their own, of the same bytes. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
typedef const struct rte_ipv6_addr *address6;
#else
typedef const uint8_t *address6;
#endif

static address6 address6_of(const struct ss_ip *ip)
{
    return (address6)ip->bytes;
}

static uint32_t address4_of(const struct ss_ip *ip)
{
    const uint8_t *b = ip->bytes + 12;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

int ss_prefixes_create(struct ss_prefixes **ret_prefixes)
{
    struct ss_prefixes *prefixes = calloc(1, sizeof(*prefixes));
    if (!prefixes)
        return -ENOMEM;
    /* Ribs have names in the process, and two live side by side while one is reloaded. */
    char name[32];
    snprintf(name, sizeof(name), "v4_%zx", (size_t)prefixes);
    prefixes->v4 = rte_rib_create(name, SOCKET_ID_ANY, &(struct rte_rib_conf){.max_nodes = NODES_MAX});
    name[1] = '6'; /* v6_... */
    if (prefixes->v4)
        prefixes->v6 = rte_rib6_create(name, SOCKET_ID_ANY, &(struct rte_rib6_conf){.max_nodes = NODES_MAX});
    if (!prefixes->v6) {
        int error = rte_errno ? rte_errno : ENOMEM;
        ss_prefixes_free(prefixes);
        return -error;
    }
    *ret_prefixes = prefixes;
    return 0;
}

void ss_prefixes_free(struct ss_prefixes *prefixes)
{
    if (!prefixes)
        return;
    rte_rib_free(prefixes->v4);
    rte_rib6_free(prefixes->v6);
    free(prefixes);
}

static bool value4(const struct rte_rib_node *node, uint32_t *ret_value)
{
    uint64_t value;
    if (!node || rte_rib_get_nh(node, &value) < 0)
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

static bool value6(const struct rte_rib6_node *node, uint32_t *ret_value)
{
    uint64_t value;
    if (!node || rte_rib6_get_nh(node, &value) < 0)
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

bool ss_prefixes_exact(const struct ss_prefixes *prefixes, const struct ss_ip *ip, uint8_t bits,
                       uint32_t *ret_value)
{
    if (ss_ip_is_v4(ip) && bits >= V4_BITS)
        return value4(rte_rib_lookup_exact(prefixes->v4, address4_of(ip), (uint8_t)(bits - V4_BITS)),
                      ret_value);
    return value6(rte_rib6_lookup_exact(prefixes->v6, address6_of(ip), bits), ret_value);
}

bool ss_prefixes_find(const struct ss_prefixes *prefixes, const struct ss_ip *ip, uint32_t *ret_value)
{
    if (ss_ip_is_v4(ip))
        return value4(rte_rib_lookup(prefixes->v4, address4_of(ip)), ret_value);
    return value6(rte_rib6_lookup(prefixes->v6, address6_of(ip)), ret_value);
}

static int set4(struct ss_prefixes *prefixes, uint32_t ip, uint8_t bits, uint32_t value)
{
    struct rte_rib_node *node = rte_rib_lookup_exact(prefixes->v4, ip, bits);
    if (!node) {
        if (prefixes->v4_count == SS_PREFIXES_MAX)
            return -ENOSPC;
        node = rte_rib_insert(prefixes->v4, ip, bits);
        if (!node)
            return -rte_errno;
        prefixes->v4_count++;
    }
    return rte_rib_set_nh(node, value);
}

static int set6(struct ss_prefixes *prefixes, address6 ip, uint8_t bits, uint32_t value)
{
    struct rte_rib6_node *node = rte_rib6_lookup_exact(prefixes->v6, ip, bits);
    if (!node) {
        if (prefixes->v6_count == SS_PREFIXES_MAX)
            return -ENOSPC;
        node = rte_rib6_insert(prefixes->v6, ip, bits);
        if (!node)
            return -rte_errno;
        prefixes->v6_count++;
    }
    return rte_rib6_set_nh(node, value);
}

int ss_prefixes_set(struct ss_prefixes *prefixes, const struct ss_ip *ip, uint8_t bits, uint32_t value)
{
    if (ss_ip_is_v4(ip) && bits >= V4_BITS)
        return set4(prefixes, address4_of(ip), (uint8_t)(bits - V4_BITS), value);
    return set6(prefixes, address6_of(ip), bits, value);
}

size_t ss_prefixes_count(const struct ss_prefixes *prefixes)
{
    return prefixes->v4_count + prefixes->v6_count;
}
