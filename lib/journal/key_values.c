// SPDX-License-Identifier: BSD-3-Clause
#include "journal/judge.h"
#include "journal/taken.h"

#include <string.h>

/* More than any log line has; bounds the work that a line can cause. */
#define WORDS_MAX 1024

/* What the keys of a line are called: the configuration's own names, those of HAProxy's variables and
 * fetches, and the short ones that log formats use for them. */
static const struct ss_wanted NAMES[] = {
    {SS_KEY_CLIENT, "client"},
    {SS_KEY_CLIENT, "src"},
    {SS_KEY_CLIENT_IP, "client_ip"},
    {SS_KEY_CLIENT_IP, "cip"},
    {SS_KEY_CLIENT_IP, "fc_src"},
    {SS_KEY_CLIENT_PORT, "client_port"},
    {SS_KEY_CLIENT_PORT, "cport"},
    {SS_KEY_CLIENT_PORT, "fc_src_port"},
    {SS_KEY_PROXIED_CLIENT, "proxied_client"},
    {SS_KEY_PROXIED_CLIENT, "cli"},
    {SS_KEY_PROXIED_CLIENT_IP, "proxied_client_ip"},
    {SS_KEY_PROXIED_CLIENT_IP, "ci"},
    {SS_KEY_PROXIED_CLIENT_PORT, "proxied_client_port"},
    {SS_KEY_PROXIED_CLIENT_PORT, "cp"},
    {SS_KEY_SERVER, "server"},
    {SS_KEY_SERVER, "dst"},
    {SS_KEY_SERVER_IP, "server_ip"},
    {SS_KEY_SERVER_IP, "fip"},
    {SS_KEY_SERVER_IP, "fc_dst"},
    {SS_KEY_SERVER_PORT, "server_port"},
    {SS_KEY_SERVER_PORT, "fport"},
    {SS_KEY_SERVER_PORT, "fc_dst_port"},
    {SS_KEY_DURATION, "duration"},
    {SS_KEY_DURATION_S, "duration_s"},
    {SS_KEY_DURATION_MS, "duration_ms"},
    {SS_KEY_DURATION_MS, "Th"},
    {SS_KEY_DURATION_MS, "th"},
    {SS_KEY_DURATION_MS, "th_ms"},
    {SS_KEY_DURATION_US, "duration_us"},
    {SS_KEY_DURATION_NS, "duration_ns"},
    {SS_KEY_SNI, "sni"},
    {SS_KEY_SNI, "ssl_fc_sni"},
    {SS_KEY_ACCEPTED, "accepted"},
    {SS_KEY_ACCEPTED, "accept"},
    {SS_KEY_ACCEPTED, "acc"},
    {SS_KEY_ACCEPTED, "accept_us"},
    {SS_KEY_ACCEPTED, "acc_us"},
    {SS_KEY_ENDED, "ended"},
    {SS_KEY_LOGGED, "logged"},
    {SS_TAKEN_AGE_S, "connection_time"},
    {SS_KEY_ERROR, "error"},
    {SS_KEY_ERROR, "why"},
    {SS_KEY_ERROR, "err"},
    {SS_KEY_ERROR, "fc_err_str"},
    {SS_KEY_ERROR, "fc_err"},
    {SS_TAKEN_TOTAL_MS, "Tt"},
    {SS_TAKEN_TOTAL_MS, "Ta"},
};

static unsigned key_of(struct ss_text name)
{
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
        if (strlen(NAMES[i].where) == name.length && memcmp(NAMES[i].where, name.at, name.length) == 0)
            return NAMES[i].key;
    return SS_TAKEN_OTHER;
}

static bool is_key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* What a proxy sets a client's text off with. */
static bool begins_text(char c)
{
    return c == '"' || c == '{';
}

/* What stands between quotes, or else the text up to the next space; *at moves behind it. False: something
 * else follows right away, so that where the value ends cannot be told. */
static bool take_value(const char **at, const char *end, struct ss_text *ret_value)
{
    bool quoted = *at < end && **at == '"';
    *at += quoted;
    ret_value->at = *at;
    while (*at < end && (quoted ? **at != '"' : !is_space(**at) && !begins_text(**at)))
        *at += quoted && **at == '\\' && end - *at > 1 ? 2 : 1;
    ret_value->length = (size_t)(*at - ret_value->at);
    *at += quoted && *at < end;
    return *at == end || is_space(**at);
}

/* Keys that tell the same in different ways have the same matter. */
static unsigned matter_of(unsigned key)
{
    switch (key) {
    case SS_KEY_CLIENT_IP:
        return SS_KEY_CLIENT;
    case SS_KEY_PROXIED_CLIENT_IP:
        return SS_KEY_PROXIED_CLIENT;
    case SS_KEY_SERVER_IP:
        return SS_KEY_SERVER;
    case SS_KEY_DURATION_S:
    case SS_KEY_DURATION_MS:
    case SS_KEY_DURATION_US:
    case SS_KEY_DURATION_NS:
        return SS_KEY_DURATION;
    case SS_KEY_ENDED:
    case SS_KEY_LOGGED:
        return SS_KEY_ACCEPTED;
    default:
        return key;
    }
}

/* Another key has told it already. */
static bool is_told(const struct ss_taken *taken, unsigned key)
{
    for (unsigned other = 0; other < SS_TAKEN_COUNT; other++)
        if (other != key && matter_of(other) == matter_of(key) && !ss_text_is_absent(taken->values[other]))
            return true;
    return false;
}

/* The pair at *at, which moves behind it, or past a word that is none. False: what follows may be a client's
 * own text, and is none of ours. */
static bool take_pair(const char **at, const char *end, struct ss_taken *taken)
{
    struct ss_text name = {*at, 0}, value;
    while (*at < end && is_key_byte(**at))
        (*at)++;
    name.length = (size_t)(*at - name.at);
    if (name.length > 0 && *at < end && **at == '=') {
        (*at)++;
        unsigned key = key_of(name);
        if (!take_value(at, end, &value))
            return false;
        if (!is_told(taken, key))
            ss_taken_add(taken, key, name, value);
        return key != SS_KEY_SNI;
    }
    while (*at < end && !is_space(**at) && !begins_text(**at))
        (*at)++;
    return *at == end || is_space(**at);
}

bool ss_key_values_take(struct ss_text message, struct ss_taken *taken)
{
    const char *at = message.at, *end = message.at + message.length;
    for (unsigned words = 0; at < end && words < WORDS_MAX; words++) {
        while (at < end && is_space(*at))
            at++;
        if (!take_pair(&at, end, taken))
            break;
    }
    return ss_taken_has_client(taken);
}
