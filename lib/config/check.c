// SPDX-License-Identifier: BSD-3-Clause
/* What must hold between several keys. */

#include "config/reader.h"

#include "base/units.h"
#include "history/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
        if (lcores[i] == SS_CONFIG_NO_LCORE)
            continue;
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
    if (part > 0) {
        check_per_flow(reader, config, part);
        check_snaplen(reader, config, "handshakes", part);
    }
    if (config->recent_bytes >= 1u << 20) {
        check_snaplen(reader, config, "recent", config->recent_bytes / analyzers);
    } else if (config->recent_bytes > 0) {
        size_t path = ss_config_enter(reader, "recent.memory");
        ss_config_complain(reader, "\"%s\" is out of range (wanted: \"0\", or 1MiB or more)",
                           ss_size_format(config->recent_bytes, found));
        ss_config_leave(reader, path);
    }
}

/* A port cannot be both. */
static void check_tunnels(struct ss_config_reader *reader, const struct ss_packet_settings *packet)
{
    size_t path = ss_config_enter(reader, "geneve_ports");
    for (unsigned i = 0; i < packet->geneve_port_count; i++)
        for (unsigned j = 0; j < packet->vxlan_port_count; j++) {
            if (packet->geneve_ports[i] == 0 || packet->geneve_ports[i] != packet->vxlan_ports[j])
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
        ss_config_check_journal(reader, owner);
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
