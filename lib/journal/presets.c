// SPDX-License-Identifier: BSD-3-Clause
#include "journal/taken.h"

/* What the presets look for. docs/proxies.md has the lines to put into each proxy's configuration.
 *
 * Rows that are anchored at the start of a proxy's own line come before key=value pairs: such a line may
 * quote what the client sent. */

static const struct ss_extractor_row HAPROXY[] = {
    /* option httplog and httpslog, of TLS frontends ("~"): %ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta */
    {SS_EXTRACT_REGEX,
     "^(?<client>\\S+) \\[(?<request_date>[^]]+)\\] (?<frontend>\\S+~) (?<backend>\\S+) "
     "(?:-?\\d+/){4}(?<total_ms>[-+]?\\d+) (?<status>-?\\d+) ",
     NULL},
    /* option tcplog: %ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt */
    {SS_EXTRACT_REGEX,
     "^(?<client>\\S+) \\[(?<accept_date>[^]]+)\\] (?<frontend>\\S+) (?<backend>\\S+) "
     "-?\\d+/-?\\d+/(?<total_ms>[-+]?\\d+) ",
     NULL},
    /* A failed handshake: %ci:%cp [%t] frontend/bind: Timeout during SSL handshake */
    {SS_EXTRACT_REGEX,
     "^(?<client>\\S+) \\[(?<accept_date>[^]]+)\\] (?<bind>\\S+/\\S+): (?<error>.*(?:SSL|handshake).*)",
     NULL},
    /* No log format at all: a line once the handshake is done */
    {SS_EXTRACT_REGEX, "^Connect from (?<client>\\S+) to (?<server>\\S+) \\((?<frontend>[^/]+)/", NULL},
    {SS_EXTRACT_KEY_VALUES, NULL, NULL},
};

static const struct ss_extractor_row NGINX[] = {
    /* error.log: no port, and the server is the listening address, which may be 0.0.0.0 */
    {SS_EXTRACT_REGEX,
     "(?<error>SSL_do_handshake\\(\\) failed.*?|peer closed connection in SSL handshake.*?|client timed "
     "out.*?)"
     " while SSL handshaking, client: (?<client_ip>[^, ]+)(?:, server: (?<listen>\\S+))?",
     NULL},
    {SS_EXTRACT_KEY_VALUES, NULL, NULL},
};

static const struct ss_extractor_row ENVOY[] = {
    {SS_EXTRACT_KEY_VALUES, NULL, NULL},
};

/* Go's net/http, whoever embeds it; also inside a JSON line. */
#define GO_HANDSHAKE_ERROR "http: TLS handshake error from (?<client>[0-9A-Fa-f:.\\[\\]]+): (?<error>[^\"]*)"

static const struct ss_wanted CADDY_ACCESS[] = {
    {SS_KEY_CLIENT_IP, "/request/remote_ip"},
    {SS_KEY_CLIENT_PORT, "/request/remote_port"},
    {SS_KEY_SNI, "/request/tls/server_name"},
    {0, NULL},
};

static const struct ss_extractor_row CADDY[] = {
    {SS_EXTRACT_REGEX, GO_HANDSHAKE_ERROR, NULL},
    {SS_EXTRACT_JSON, NULL, CADDY_ACCESS},
};

static const struct ss_wanted TRAEFIK_ACCESS[] = {
    {SS_KEY_CLIENT, "/ClientAddr"},
    {SS_KEY_CLIENT_IP, "/ClientHost"},
    {SS_KEY_CLIENT_PORT, "/ClientPort"},
    {0, NULL},
};

static const struct ss_extractor_row TRAEFIK[] = {
    {SS_EXTRACT_REGEX, GO_HANDSHAKE_ERROR, NULL},
    {SS_EXTRACT_JSON, NULL, TRAEFIK_ACCESS},
};

/* Rust's tracing-journald: each of an event's fields is a journal field with the prefix F_. */
static const struct ss_wanted TRACING_FIELDS[] = {
    {SS_KEY_CLIENT, "F_PEER_ADDR"},         {SS_KEY_CLIENT, "F_CLIENT_ADDR"},
    {SS_KEY_CLIENT, "F_REMOTE_ADDR"},       {SS_KEY_CLIENT, "F_CLIENT"},
    {SS_TAKEN_SERVER, "F_LOCAL_ADDR"},      {SS_KEY_DURATION_MS, "F_ELAPSED_MS"},
    {SS_KEY_DURATION_MS, "F_HANDSHAKE_MS"}, {SS_KEY_DURATION_MS, "F_DURATION_MS"},
    {SS_KEY_DURATION_US, "F_ELAPSED_US"},   {SS_KEY_DURATION_US, "F_HANDSHAKE_US"},
    {SS_KEY_DURATION_NS, "F_ELAPSED_NS"},   {SS_KEY_DURATION_S, "F_ELAPSED_S"},
    {SS_KEY_DURATION, "F_ELAPSED"},         {SS_KEY_DURATION, "F_HANDSHAKE"},
    {SS_KEY_DURATION, "F_DURATION"},        {SS_KEY_SNI, "F_SNI"},
    {SS_KEY_SNI, "F_SERVER_NAME"},          {0, NULL},
};

/* The same as tracing-subscriber writes it with its JSON formatter. */
static const struct ss_wanted TRACING_JSON[] = {
    {SS_KEY_CLIENT, "/fields/peer_addr"},
    {SS_KEY_CLIENT, "/fields/client_addr"},
    {SS_KEY_CLIENT, "/fields/remote_addr"},
    {SS_KEY_CLIENT, "/span/peer_addr"},
    {SS_KEY_CLIENT, "/peer_addr"},
    {SS_TAKEN_SERVER, "/fields/local_addr"},
    {SS_KEY_DURATION_MS, "/fields/elapsed_ms"},
    {SS_KEY_DURATION_MS, "/fields/handshake_ms"},
    {SS_KEY_DURATION_MS, "/elapsed_ms"},
    {SS_KEY_DURATION_US, "/fields/elapsed_us"},
    {SS_KEY_DURATION, "/fields/elapsed"},
    {SS_KEY_DURATION, "/fields/handshake"},
    {SS_KEY_DURATION, "/fields/duration"},
    {SS_KEY_SNI, "/fields/sni"},
    {0, NULL},
};

static const struct ss_extractor_row TRACING[] = {
    {SS_EXTRACT_FIELDS, NULL, TRACING_FIELDS},
    {SS_EXTRACT_JSON, NULL, TRACING_JSON},
};

#define ROWS(table)                                                                                          \
    {                                                                                                        \
        table, sizeof(table) / sizeof((table)[0])                                                            \
    }

static const struct {
    const struct ss_extractor_row *rows;
    size_t count;
} PRESETS[SS_FORMAT_COUNT] = {
    [SS_FORMAT_HAPROXY] = ROWS(HAPROXY), [SS_FORMAT_ENVOY] = ROWS(ENVOY),
    [SS_FORMAT_NGINX] = ROWS(NGINX),     [SS_FORMAT_CADDY] = ROWS(CADDY),
    [SS_FORMAT_TRAEFIK] = ROWS(TRAEFIK), [SS_FORMAT_TRACING] = ROWS(TRACING),
};

const struct ss_extractor_row *ss_preset_rows(enum ss_journal_format format, size_t *ret_count)
{
    *ret_count = PRESETS[format].count;
    return PRESETS[format].rows;
}
