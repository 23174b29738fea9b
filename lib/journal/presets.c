// SPDX-License-Identifier: BSD-3-Clause
#include "journal/taken.h"

/* What the presets look for. docs/proxies.md has the lines to put into each proxy's configuration.
 *
 * Rows that are anchored at the start of a proxy's own line come before key=value pairs, the last of them for
 * those lines that tell of no handshake: such a line may hold what the client sent. */

/* The common log format, perhaps behind the host's name: its third word is the user's name by the client's
 * word. */
#define COMMON_LOG "(?:\\S+ ){1,2}- "

static const struct ss_extractor_row HAPROXY[] = {
    /* option httplog and httpslog, of TLS frontends ("~"): %ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta */
    {.kind = SS_EXTRACT_REGEX,
     .regex = "^(?<client>\\S+) \\[(?<request_date>[^]]+)\\] (?<frontend>\\S+~) (?<backend>\\S+) "
              "(?:-?\\d+/){4}(?<total_ms>[-+]?\\d+) (?<status>-?\\d+) "},
    /* option tcplog: %ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt */
    {.kind = SS_EXTRACT_REGEX,
     .regex = "^(?<client>\\S+) \\[(?<accept_date>[^]]+)\\] (?<frontend>\\S+) (?<backend>\\S+) "
              "-?\\d+/-?\\d+/(?<total_ms>[-+]?\\d+) "},
    /* A failed handshake: %ci:%cp [%t] frontend/bind: Timeout during SSL handshake */
    {.kind = SS_EXTRACT_REGEX,
     .regex = "^(?<client>\\S+) \\[(?<accept_date>[^]]+)\\] (?<bind>\\S+/\\S+): "
              "(?<error>.*(?:SSL|handshake).*)"},
    /* No log format at all: a line once the handshake is done */
    {.kind = SS_EXTRACT_REGEX,
     .regex = "^Connect from (?<client>\\S+) to (?<server>\\S+) \\((?<frontend>[^/]+)/"},
    {.kind = SS_EXTRACT_REGEX, .regex = "^(?:\\S+ \\[\\d+/[A-Z]|" COMMON_LOG ")", .is_other = true},
    {.kind = SS_EXTRACT_KEY_VALUES},
};

static const struct ss_extractor_row NGINX[] = {
    /* error.log, of http and stream: no port, and the server is the listening address, which may be 0.0.0.0.
     * From its first byte to its last, because other lines quote requests. */
    {.kind = SS_EXTRACT_REGEX,
     .regex =
         "^(?:[\\d/]+ [\\d:]+ )?\\[\\w+\\] \\d+#\\d+: \\*\\d+ "
         "(?<error>[^\"]*) while SSL handshaking, client: (?<client_ip>[^, ]+), server: (?<server>\\S+)$"},
    {.kind = SS_EXTRACT_REGEX,
     .regex = "^(?:(?:[\\d/]+ [\\d:]+ )?\\[\\w+\\] \\d+#\\d+: |" COMMON_LOG ")",
     .is_other = true},
    {.kind = SS_EXTRACT_KEY_VALUES},
};

static const struct ss_extractor_row ENVOY[] = {
    {.kind = SS_EXTRACT_KEY_VALUES},
};

/* Go's net/http, whoever embeds it: as it is, or as the message of a line in JSON or in logfmt. What comes
 * before it are times and levels: a line about a request can quote anything, but not there. */
#define GO_HANDSHAKE_ERROR                                                                                   \
    {                                                                                                        \
        .kind = SS_EXTRACT_REGEX,                                                                            \
        .regex = "^(?:(?:[\\d/]+ [\\d:.]+ )?|\\{(?:\"[a-z_.]+\":(?:\"[^\"\\\\]*\"|[-+.\\deE]+),)*"           \
                 "\"(?:msg|message)\":\"|(?:[a-z_.]+=(?:\"[^\"\\\\]*\"|[^\" ]*) )*msg=\")"                   \
                 "http: TLS handshake error from (?<client>[0-9A-Za-z:.%\\[\\]]+): (?<error>[^\"]*)"         \
    }

static const struct ss_wanted CADDY_ACCESS[] = {
    {SS_KEY_CLIENT_IP, "/request/remote_ip"},
    {SS_KEY_CLIENT_PORT, "/request/remote_port"},
    {SS_KEY_SNI, "/request/tls/server_name"},
    {0, NULL},
};

static const struct ss_extractor_row CADDY[] = {
    GO_HANDSHAKE_ERROR,
    {.kind = SS_EXTRACT_JSON, .wanted = CADDY_ACCESS, .needs = "/request/tls"},
};

/* StartUTC is when the request began. */
static const struct ss_wanted TRAEFIK_ACCESS[] = {
    {SS_KEY_CLIENT, "/ClientAddr"},
    {SS_KEY_CLIENT_IP, "/ClientHost"},
    {SS_KEY_CLIENT_PORT, "/ClientPort"},
    {SS_KEY_LOGGED, "/StartUTC"},
    {0, NULL},
};

static const struct ss_extractor_row TRAEFIK[] = {
    GO_HANDSHAKE_ERROR,
    {.kind = SS_EXTRACT_JSON, .wanted = TRAEFIK_ACCESS, .needs = "/TLSVersion"},
};

/* Rust's tracing-journald: each field of an event, and of the spans around it, is a journal field with the
 * prefix F_. */
static const struct ss_wanted TRACING_FIELDS[] = {
    {SS_KEY_CLIENT, "F_PEER_ADDR"},
    {SS_KEY_CLIENT, "F_CLIENT_ADDR"},
    {SS_KEY_CLIENT, "F_REMOTE_ADDR"},
    {SS_KEY_CLIENT, "F_CLIENT"},
    {SS_KEY_PROXIED_CLIENT, "F_PROXIED_CLIENT"},
    {SS_KEY_SERVER, "F_LOCAL_ADDR"},
    {SS_KEY_DURATION_MS, "F_ELAPSED_MS"},
    {SS_KEY_DURATION_MS, "F_HANDSHAKE_MS"},
    {SS_KEY_DURATION_MS, "F_DURATION_MS"},
    {SS_KEY_DURATION_US, "F_ELAPSED_US"},
    {SS_KEY_DURATION_US, "F_HANDSHAKE_US"},
    {SS_KEY_DURATION_US, "F_DURATION_US"},
    {SS_KEY_DURATION_NS, "F_ELAPSED_NS"},
    {SS_KEY_DURATION_NS, "F_HANDSHAKE_NS"},
    {SS_KEY_DURATION_NS, "F_DURATION_NS"},
    {SS_KEY_DURATION_S, "F_ELAPSED_S"},
    {SS_KEY_DURATION_S, "F_HANDSHAKE_S"},
    {SS_KEY_DURATION_S, "F_DURATION_S"},
    {SS_KEY_DURATION, "F_ELAPSED"},
    {SS_KEY_DURATION, "F_HANDSHAKE"},
    {SS_KEY_DURATION, "F_DURATION"},
    {SS_KEY_ERROR, "F_ERROR"},
    {SS_KEY_SNI, "F_SNI"},
    {SS_KEY_SNI, "F_SERVER_NAME"},
    {0, NULL},
};

/* The same as tracing-subscriber writes it with its JSON formatter; NAME is looked for in the event, then,
 * where fields were flattened, in the line, and in the span that it happened in. */
#define EVERYWHERE(key, name)                                                                                \
    {key, "/fields/" name}, {key, "/" name},                                                                 \
    {                                                                                                        \
        key, "/span/" name                                                                                   \
    }
#define IN_EVENT(key, name)                                                                                  \
    {key, "/fields/" name},                                                                                  \
    {                                                                                                        \
        key, "/" name                                                                                        \
    }

static const struct ss_wanted TRACING_JSON[] = {
    EVERYWHERE(SS_KEY_CLIENT, "peer_addr"),
    EVERYWHERE(SS_KEY_CLIENT, "client_addr"),
    EVERYWHERE(SS_KEY_CLIENT, "remote_addr"),
    IN_EVENT(SS_KEY_PROXIED_CLIENT, "proxied_client"),
    EVERYWHERE(SS_KEY_SERVER, "local_addr"),
    IN_EVENT(SS_KEY_DURATION_MS, "elapsed_ms"),
    IN_EVENT(SS_KEY_DURATION_MS, "handshake_ms"),
    IN_EVENT(SS_KEY_DURATION_US, "elapsed_us"),
    IN_EVENT(SS_KEY_DURATION_US, "handshake_us"),
    IN_EVENT(SS_KEY_DURATION_NS, "elapsed_ns"),
    IN_EVENT(SS_KEY_DURATION_NS, "handshake_ns"),
    IN_EVENT(SS_KEY_DURATION_S, "elapsed_s"),
    IN_EVENT(SS_KEY_DURATION_S, "handshake_s"),
    IN_EVENT(SS_KEY_DURATION, "elapsed"),
    IN_EVENT(SS_KEY_DURATION, "handshake"),
    IN_EVENT(SS_KEY_DURATION, "duration"),
    IN_EVENT(SS_KEY_ERROR, "error"),
    EVERYWHERE(SS_KEY_SNI, "sni"),
    {SS_KEY_LOGGED, "/timestamp"},
    {0, NULL},
};

_Static_assert(sizeof(TRACING_JSON) / sizeof(TRACING_JSON[0]) <= SS_WANTED_MAX + 1, "some would be left out");

static const struct ss_extractor_row TRACING[] = {
    {.kind = SS_EXTRACT_FIELDS, .wanted = TRACING_FIELDS, .time = SS_LINE_MEASURED},
    {.kind = SS_EXTRACT_JSON, .wanted = TRACING_JSON, .time = SS_LINE_MEASURED},
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
