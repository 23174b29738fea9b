// SPDX-License-Identifier: BSD-3-Clause
/* What must hold between several keys, and within a text. */

#include "config/reader.h"

#include "base/units.h"
#include "history/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* RFC 6901 section 3: each token behind a "/", "~" only as "~0" or "~1". */
bool ss_config_is_pointer(const char *text)
{
    if (text[0] != '/')
        return false;
    for (; *text != '\0'; text++)
        if (*text == '~' && text[1] != '0' && text[1] != '1')
            return false;
    return true;
}

/* systemd's rule for field names: capitals, digits and underscores, no digit first, at most 64 bytes. */
bool ss_config_is_field(const char *text, size_t length)
{
    if (length == 0 || length > 64 || (text[0] >= '0' && text[0] <= '9'))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!((text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= '0' && text[i] <= '9') || text[i] == '_'))
            return false;
    return true;
}

static bool contains(const unsigned *lcores, unsigned count, unsigned lcore)
{
    for (unsigned i = 0; i < count; i++)
        if (lcores[i] == lcore)
            return true;
    return false;
}

static void check_lcore_list(struct ss_config_reader *reader, const char *key, const unsigned *lcores,
                             unsigned count, unsigned control)
{
    size_t path = ss_config_enter(reader, key);
    for (unsigned i = 0; i < count; i++) {
        size_t list = ss_config_enter_entry(reader, i);
        if (contains(lcores, i, lcores[i]))
            ss_config_complain(reader, "lcore %u is in the list already (wanted: each once)", lcores[i]);
        else if (lcores[i] == control)
            ss_config_complain(reader, "lcore %u is lcores.control already (wanted: one of its own)",
                               control);
        ss_config_leave(reader, list);
    }
    ss_config_leave(reader, path);
}

static void check_lcores(struct ss_config_reader *reader, const struct ss_config *config)
{
    check_lcore_list(reader, "rx", config->rx_lcores, config->rx_count, config->control_lcore);
    check_lcore_list(reader, "analyzers", config->analyzer_lcores, config->analyzer_count,
                     config->control_lcore);
}

/* A ring takes no record above a quarter of its bytes (history/history.h). */
static void check_snaplen(struct ss_config_reader *reader, const struct ss_config *config, const char *tier,
                          uint64_t part)
{
    char text[SS_DURATION_TEXT_MAX];
    if (config->snaplen + SS_HISTORY_HEADER + 8 <= part / 4)
        return;
    size_t path = ss_config_enter(reader, "snaplen");
    ss_config_complain(reader,
                       "%" PRIu32 " with its header is above a quarter of what an analyzer has of "
                       "history.%s.memory (wanted: a quarter of %s at most)",
                       config->snaplen, tier, ss_size_format(part, text));
    ss_config_leave(reader, path);
}

static void check_per_flow(struct ss_config_reader *reader, const struct ss_config *config, uint64_t part)
{
    char found[SS_DURATION_TEXT_MAX], wanted[SS_DURATION_TEXT_MAX];
    if (config->per_flow_bytes <= part / 4)
        return;
    size_t path = ss_config_enter(reader, "handshakes.per_flow");
    ss_config_complain(reader,
                       "\"%s\" is above a quarter of what an analyzer has of memory "
                       "(wanted: a quarter of %s at most)",
                       ss_size_format(config->per_flow_bytes, found), ss_size_format(part, wanted));
    ss_config_leave(reader, path);
}

static void check_history(struct ss_config_reader *reader, const struct ss_config *config)
{
    char found[SS_DURATION_TEXT_MAX];
    unsigned analyzers = config->analyzer_count > 0 ? config->analyzer_count : 1;
    uint64_t part = config->handshakes_bytes / analyzers;
    check_per_flow(reader, config, part);
    check_snaplen(reader, config, "handshakes", part);
    if (config->recent_bytes >= 1u << 20) {
        check_snaplen(reader, config, "recent", config->recent_bytes / analyzers);
    } else if (config->recent_bytes > 0) {
        size_t path = ss_config_enter(reader, "recent.memory");
        ss_config_complain(reader, "\"%s\" is out of range (wanted: \"0\", or 1MiB or more)",
                           ss_size_format(config->recent_bytes, found));
        ss_config_leave(reader, path);
    }
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The name of the group that a "(" at this place opens: (?<name>, (?P<name> or (?'name'; 0: none. */
static size_t group_name(const char *at, const char **ret_name)
{
    if (strncmp(at, "(?", 2) != 0)
        return 0;
    at += 2;
    if (at[0] == 'P' && at[1] == '<')
        at++;
    if (*at != '<' && *at != '\'')
        return 0;
    size_t length = 0;
    while (is_name_byte(at[1 + length]))
        length++;
    *ret_name = at + 1; /* nothing for (?<= and (?<!, which look behind */
    return length;
}

/* Past one element that can hide a parenthesis: an escape or a class. */
static const char *skip_literal(const char *at)
{
    if (*at == '\\')
        return at[1] != '\0' ? at + 2 : at + 1;
    if (*at != '[')
        return at + 1;
    at += at[1] == '^' ? 2 : 1;
    at += *at == ']'; /* first in its class it stands for itself */
    while (*at != '\0' && *at != ']')
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    return *at == ']' ? at + 1 : at;
}

/* Sees to the names of all groups, of which those that no key is called like go into the record as they are;
 * the expression itself is compiled by who uses it. */
static void scan_groups(struct ss_config_reader *reader, const char *regex, bool ret_given[SS_KEY_COUNT])
{
    size_t path = ss_config_enter(reader, "regex");
    for (const char *at = regex; *at != '\0'; at = skip_literal(at)) {
        const char *name;
        char text[65];
        size_t length = group_name(at, &name);
        if (length == 0)
            continue;
        snprintf(text, sizeof(text), "%.*s", (int)(length < 64 ? length : 64), name);
        const struct ss_config_member *member = ss_config_member_find(SS_SECTION_FORMAT_FIELDS, text);
        const char *like = ss_config_key_like(SS_SECTION_FORMAT_FIELDS, text);
        if (member != NULL)
            ret_given[(member->offset - offsetof(struct ss_config_journal, pointers)) / sizeof(char *)] =
                true;
        else if (like != NULL)
            ss_config_complain(reader, "unknown group \"%s\"; did you mean \"%s\"?", text, like);
    }
    ss_config_leave(reader, path);
}

static void find_given(struct ss_config_reader *reader, const struct ss_config_journal *journal,
                       bool ret_given[SS_KEY_COUNT])
{
    memset(ret_given, 0, SS_KEY_COUNT * sizeof(*ret_given));
    if (journal->format == SS_FORMAT_REGEX)
        scan_groups(reader, journal->regex, ret_given);
    else
        for (unsigned i = 0; i < SS_KEY_COUNT; i++)
            ret_given[i] = journal->pointers[i] != NULL;
}

void ss_config_check_format(struct ss_config_reader *reader, const struct ss_config_journal *journal)
{
    bool given[SS_KEY_COUNT];
    size_t errors = reader->errors.count;
    find_given(reader, journal, given);
    if (reader->errors.count == errors && !given[SS_KEY_CLIENT] && !given[SS_KEY_CLIENT_IP])
        ss_config_complain(reader, "names no client (wanted: client or client_ip)");
}

/* Of the presets, Caddy's and Traefik's lines never have one. */
static bool gives_duration(struct ss_config_reader *reader, const struct ss_config_journal *journal)
{
    bool given[SS_KEY_COUNT];
    if (journal->format < SS_FORMAT_PRESETS)
        return journal->format != SS_FORMAT_CADDY && journal->format != SS_FORMAT_TRAEFIK;
    find_given(reader, journal, given);
    for (unsigned i = SS_KEY_DURATION; i <= SS_KEY_DURATION_NS; i++)
        if (given[i])
            return true;
    return false;
}

/* Without a duration no event would ever flag. */
static void check_journal(struct ss_config_reader *reader, const struct ss_config_journal *journal)
{
    if (journal->min_duration_ns == 0 || gives_duration(reader, journal))
        return;
    size_t path = ss_config_enter(reader, "min_duration");
    ss_config_complain(
        reader, "the format takes no duration out of an event (wanted: \"0\", or a duration in format)");
    ss_config_leave(reader, path);
}

/* A port cannot be both. */
static void check_tunnels(struct ss_config_reader *reader, const struct ss_packet_settings *packet)
{
    size_t path = ss_config_enter(reader, "geneve_ports");
    for (unsigned i = 0; i < packet->geneve_port_count; i++)
        for (unsigned j = 0; j < packet->vxlan_port_count; j++) {
            if (packet->geneve_ports[i] != packet->vxlan_ports[j])
                continue;
            size_t list = ss_config_enter_entry(reader, i);
            ss_config_complain(reader, "%u is in vxlan_ports already (wanted: another)",
                               packet->geneve_ports[i]);
            ss_config_leave(reader, list);
        }
    ss_config_leave(reader, path);
}

void ss_config_check_section(struct ss_config_reader *reader, enum ss_config_section section,
                             const void *owner)
{
    if (section == SS_SECTION_LCORES)
        check_lcores(reader, owner);
    else if (section == SS_SECTION_HISTORY)
        check_history(reader, owner);
    else if (section == SS_SECTION_TUNNELS)
        check_tunnels(reader, &((const struct ss_config *)owner)->packet);
    else if (section == SS_SECTION_JOURNAL)
        check_journal(reader, owner);
}

static const char *unique_text(const struct ss_config_member *member, const struct ss_config *config,
                               size_t i)
{
    return member->type == SS_TYPE_PORTS ? config->ports[i].device : config->journals[i].cursor_file;
}

/* Two entries must not share a device, or a cursor file, which would make each resume at the other's place.
 */
void ss_config_check_list(struct ss_config_reader *reader, const struct ss_config_member *member,
                          const void *owner)
{
    const struct ss_config *config = owner;
    bool is_ports = member->type == SS_TYPE_PORTS;
    if (!is_ports && member->type != SS_TYPE_JOURNALS)
        return;
    unsigned count = is_ports ? config->port_count : config->journal_count;
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < i; j++) {
            const char *mine = unique_text(member, config, i), *other = unique_text(member, config, j);
            if (mine == NULL || other == NULL || strcmp(mine, other) != 0)
                continue;
            size_t path = ss_config_enter_entry(reader, i);
            ss_config_complain(reader, "\"%.200s\" is the %s of %s[%u] already (wanted: one of its own)",
                               mine, is_ports ? "device" : "cursor_file", member->key, j);
            ss_config_leave(reader, path);
            break;
        }
}
