// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* One JSON file to a struct, by tables; see docs/config.md for the keys.
 *
 * Every error is found, not only the first, and says where it is (file, line and column, or the JSON path),
 * what was found and what is wanted. Unknown keys are errors. The tables (lib/tables/config.def) hold each
 * key's path, type, default, range and a line for people; the documentation and the JSON schema come from the
 * same rows.
 */

#include "base/ip.h"
#include "packet/packet.h"
#include "tables/tables.h"
#include "timeline/slow.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_CONFIG_NAME_MAX 64
#define SS_LCORES_MAX      64
#define SS_PORTS_MAX       16
#define SS_PORT_NAME_MAX   64
#define SS_PORT_QUEUES_MAX 16
#define SS_JOURNALS_MAX    16
#define SS_ORIGINS_MAX     8
#define SS_EAL_ARGS_MAX    32

enum ss_port_driver { SS_DRIVER_AF_PACKET, SS_DRIVER_AF_XDP };

struct ss_config_port {
    char *device;       /* PCI address, kernel interface, or vdev */
    unsigned rx_queues; /* 0: as many as there are rx lcores to poll them, SS_PORT_QUEUES_MAX at most */
    enum ss_port_driver driver;
};

enum ss_journal_format {
    SS_FORMAT_HAPROXY,
    SS_FORMAT_ENVOY,
    SS_FORMAT_NGINX,
    SS_FORMAT_CADDY,
    SS_FORMAT_TRAEFIK,
    SS_FORMAT_TRACING,
    SS_FORMAT_REGEX,
    SS_FORMAT_JSON,
    SS_FORMAT_FIELDS,
    SS_FORMAT_COUNT
};

/* What a format takes out of an entry. */
enum ss_journal_key {
    SS_KEY_CLIENT, /* ip:port */
    SS_KEY_CLIENT_IP,
    SS_KEY_CLIENT_PORT,
    SS_KEY_PROXIED_CLIENT, /* ip:port */
    SS_KEY_PROXIED_CLIENT_IP,
    SS_KEY_PROXIED_CLIENT_PORT,
    SS_KEY_SERVER, /* ip:port */
    SS_KEY_SERVER_IP,
    SS_KEY_SERVER_PORT,
    SS_KEY_DURATION, /* with its unit in the text */
    SS_KEY_DURATION_S,
    SS_KEY_DURATION_MS,
    SS_KEY_DURATION_US,
    SS_KEY_DURATION_NS,
    SS_KEY_ACCEPTED,
    SS_KEY_ENDED,
    SS_KEY_LOGGED,
    SS_KEY_ERROR,
    SS_KEY_SNI,
    SS_KEY_COUNT
};

/* What the journal's time of an entry tells, where the text has no time of its own. */
enum ss_entry_time {
    SS_ENTRY_TIME_OF_FORMAT, /* as the preset has it; else LOGGED */
    SS_ENTRY_TIME_ACCEPTED,
    SS_ENTRY_TIME_ENDED,
    SS_ENTRY_TIME_LOGGED,
};

struct ss_config_journal {
    char *directory;
    char **matches; /* FIELD=value, NULL-terminated */
    enum ss_journal_format format;
    char *regex;                  /* FORMAT_REGEX */
    char *pointers[SS_KEY_COUNT]; /* FORMAT_JSON: JSON pointers (RFC 6901); FORMAT_FIELDS: field names; NULL:
                                     not given */
    enum ss_entry_time entry_time;
    int64_t min_duration_ns;
    int64_t slack_ns;
    int64_t hold_ns;
    char *cursor_file;
};

struct ss_config_origin {
    char *file;
    char *format; /* "aws" */
};

struct ss_config {
    char sensor[SS_CONFIG_NAME_MAX];
    enum ss_tap tap;
    char *eal[SS_EAL_ARGS_MAX + 1];
    struct ss_config_port ports[SS_PORTS_MAX];
    unsigned port_count;
    unsigned control_lcore;
    unsigned rx_lcores[SS_LCORES_MAX], analyzer_lcores[SS_LCORES_MAX];
    unsigned rx_count, analyzer_count;
    bool spin;

    uint64_t handshakes_bytes; /* in all, shared by the analyzers */
    uint64_t per_flow_bytes;
    uint64_t recent_bytes;
    uint32_t snaplen;
    uint32_t flows_max; /* in all */

    struct ss_packet_settings packet;
    bool any_port;
    uint8_t tls_ports[65536 / 8];
    struct ss_slow slow;

    struct ss_config_journal journals[SS_JOURNALS_MAX];
    unsigned journal_count;
    struct ss_config_origin origins[SS_ORIGINS_MAX];
    unsigned origin_count;

    char *export_directory; /* NULL: nothing is exported */
    uint64_t quota_bytes;   /* 0: none */
    uint32_t export_rate;   /* pcapng files a second */
    bool headers_only;
    bool export_journal;
};

/* All errors of one file, in order. */
struct ss_config_errors {
    char **lines; /* each a whole sentence with its place */
    size_t count;
};

/* Reads and checks path. 0 and *ret_config, with no errors; -EINVAL with errors in *ret_errors (also for an
 * unreadable file). The caller frees both. */
int ss_config_load(const char *path, struct ss_config **ret_config, struct ss_config_errors *ret_errors);

/* The same for slowshake read: nothing is required that only the appliance uses, the tap is in the middle and
 * there is no quota, unless the file says otherwise. */
int ss_config_load_for_reading(const char *path, struct ss_config **ret_config,
                               struct ss_config_errors *ret_errors);

/* What slowshake read does without a file: the same, and any port, nothing exported. */
struct ss_config *ss_config_default(void);

void ss_config_free(struct ss_config *config);
void ss_config_errors_free(struct ss_config_errors *errors);

/* The effective configuration, defaults filled in, as JSON text with a final newline; the caller frees it.
 * NULL: no memory. */
char *ss_config_print(const struct ss_config *config);

/* The sections that differ between two configurations and cannot change at run time, each named ("ports",
 * "history"...): up to max names (static strings); returns how many there are. */
size_t ss_config_fixed_changes(const struct ss_config *old_config, const struct ss_config *new_config,
                               const char **ret_names, size_t max);
