// SPDX-License-Identifier: BSD-3-Clause

/* The index of handshakes: by the names of their client, the oldest giving way. */

#include "join/state.h"

/* By the client's name on the wire. */
static uint32_t find_same(const struct ss_join *join, const struct ss_news *news)
{
    uint32_t bucket = ss_chains_bucket(&join->by_endpoint, &news->client.ip, news->client.port);
    uint32_t node = join->by_endpoint.heads[bucket];
    for (unsigned steps = 0; node != SS_CHAINS_NONE && steps < SS_JOIN_WALK; steps++) {
        const struct ss_news *old = &join->slots[ss_index_slot_of(join, node)].flow.news;
        if (node < join->flows_max && old->start_ns == news->start_ns &&
            ss_ip_equal(&old->client.ip, &news->client.ip) && old->client.port == news->client.port &&
            ss_ip_equal(&old->server.ip, &news->server.ip) && old->server.port == news->server.port &&
            old->network == news->network)
            return node;
        node = ss_chains_next(&join->by_endpoint, bucket, node);
    }
    return SS_CHAINS_NONE;
}

bool ss_index_has_two_names(const struct ss_news *news)
{
    return news->has_proxied && (news->proxied_client.port != news->client.port ||
                                 !ss_ip_equal(&news->proxied_client.ip, &news->client.ip));
}

/* Puts the node into both chains under that name of its client, or takes it out of them. */
static void chain(struct ss_join *join, uint32_t node, const struct ss_endpoint *client, bool in)
{
    uint32_t endpoint = ss_chains_bucket(&join->by_endpoint, &client->ip, client->port);
    uint32_t ip = ss_chains_bucket(&join->by_ip, &client->ip, 0);
    if (in) {
        ss_chains_add_first(&join->by_endpoint, endpoint, node);
        ss_chains_add_first(&join->by_ip, ip, node);
    } else {
        ss_chains_remove(&join->by_endpoint, endpoint, node);
        ss_chains_remove(&join->by_ip, ip, node);
    }
}

static void chain_slot(struct ss_join *join, uint32_t slot, bool in)
{
    const struct ss_news *news = &join->slots[slot].flow.news;
    chain(join, slot, &news->client, in);
    if (ss_index_has_two_names(news))
        chain(join, slot + join->flows_max, &news->proxied_client, in);
}

static uint32_t take_slot(struct ss_join *join)
{
    uint32_t slot = join->flow_next;
    join->flow_next = slot + 1 == join->flows_max ? 0 : slot + 1;
    if (join->slots[slot].used) {
        chain_slot(join, slot, false);
        join->counters.flows_evicted++;
    } else {
        join->counters.flows++;
    }
    join->slots[slot] = (struct ss_join_slot){.used = true};
    return slot;
}

struct ss_join_flow *ss_join_add_flow(struct ss_join *join, const struct ss_news *news, uint16_t analyzer)
{
    uint32_t slot = find_same(join, news);
    if (slot == SS_CHAINS_NONE)
        slot = take_slot(join);
    else
        chain_slot(join, slot, false); /* it may have got another name */
    struct ss_join_flow *flow = &join->slots[slot].flow;
    flow->news = *news;
    flow->analyzer = analyzer;
    chain_slot(join, slot, true);
    return flow;
}

struct ss_join_flow *ss_join_find_flow(struct ss_join *join, const struct ss_news *news)
{
    uint32_t slot = find_same(join, news);
    return slot == SS_CHAINS_NONE ? NULL : &join->slots[slot].flow;
}

int64_t ss_join_oldest(const struct ss_join *join)
{
    const struct ss_join_slot *oldest = &join->slots[join->flow_next];
    if (!oldest->used) /* not full yet */
        oldest = &join->slots[0];
    return oldest->used ? oldest->flow.news.start_ns : 0;
}
