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

/* What zerolog's console writer puts before a message: "2026-11-23T07:18:40Z DBG log/log.go:245 > ", mostly
 * in color. */
#define COLOR   "(?:\\x1b\\[[\\d;]*m)*"
#define ZEROLOG COLOR "[-+.:\\dTZ]+" COLOR " " COLOR "[A-Z]{3}" COLOR " (?:\\S+ >" COLOR " )?"

/* Go's net/http, whoever embeds it: as it is, or as the message of a line in JSON, in logfmt or of zerolog.
 * What comes before it are times and levels: a line about a request can quote anything, but not there. */
#define GO_HANDSHAKE_ERROR                                                                                   \
    {                                                                                                        \
        .kind = SS_EXTRACT_REGEX,                                                                            \
        .regex =                                                                                             \
            "^(?:(?:[\\d/]+ [\\d:.]+ )?|" ZEROLOG "|\\{(?:\"[a-z_.]+\":(?:\"[^\"\\\\]*\"|[-+.\\deE]+),)*"    \
            "\"(?:msg|message)\":\"|(?:[a-z_.]+=(?:\"[^\"\\\\]*\"|[^\" ]*) )*msg=\")"                        \
            "http: TLS handshake error from (?<client>[0-9A-Za-z:.%\\[\\]]+): (?<error>[^\"]*)"              \
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

/* Rust's tracing: what an event is about, which may stand in the span around it, and what it says of that. A
 * row is a key, its name in JSON, and as a journal field. */
#define TRACED(ABOUT, SAID)                                                                                  \
    ABOUT(SS_KEY_CLIENT, "peer_addr", "F_PEER_ADDR")                                                         \
    ABOUT(SS_KEY_CLIENT, "client_addr", "F_CLIENT_ADDR")                                                     \
    ABOUT(SS_KEY_CLIENT, "remote_addr", "F_REMOTE_ADDR")                                                     \
    ABOUT(SS_KEY_CLIENT, "client", "F_CLIENT")                                                               \
    SAID(SS_KEY_PROXIED_CLIENT, "proxied_client", "F_PROXIED_CLIENT")                                        \
    ABOUT(SS_KEY_SERVER, "local_addr", "F_LOCAL_ADDR")                                                       \
    SAID(SS_KEY_DURATION_MS, "elapsed_ms", "F_ELAPSED_MS")                                                   \
    SAID(SS_KEY_DURATION_MS, "handshake_ms", "F_HANDSHAKE_MS")                                               \
    SAID(SS_KEY_DURATION_MS, "duration_ms", "F_DURATION_MS")                                                 \
    SAID(SS_KEY_DURATION_US, "elapsed_us", "F_ELAPSED_US")                                                   \
    SAID(SS_KEY_DURATION_US, "handshake_us", "F_HANDSHAKE_US")                                               \
    SAID(SS_KEY_DURATION_US, "duration_us", "F_DURATION_US")                                                 \
    SAID(SS_KEY_DURATION_NS, "elapsed_ns", "F_ELAPSED_NS")                                                   \
    SAID(SS_KEY_DURATION_NS, "handshake_ns", "F_HANDSHAKE_NS")                                               \
    SAID(SS_KEY_DURATION_NS, "duration_ns", "F_DURATION_NS")                                                 \
    SAID(SS_KEY_DURATION_S, "elapsed_s", "F_ELAPSED_S")                                                      \
    SAID(SS_KEY_DURATION_S, "handshake_s", "F_HANDSHAKE_S")                                                  \
    SAID(SS_KEY_DURATION_S, "duration_s", "F_DURATION_S")                                                    \
    SAID(SS_KEY_DURATION, "elapsed", "F_ELAPSED")                                                            \
    SAID(SS_KEY_DURATION, "handshake", "F_HANDSHAKE")                                                        \
    SAID(SS_KEY_DURATION, "duration", "F_DURATION")                                                          \
    SAID(SS_KEY_ERROR, "error", "F_ERROR")                                                                   \
    ABOUT(SS_KEY_SNI, "sni", "F_SNI")                                                                        \
    ABOUT(SS_KEY_SNI, "server_name", "F_SERVER_NAME")

/* As tracing-journald writes it: each field of an event, and of the spans around it, is a journal field with
 * the prefix F_. */
#define AS_FIELD(key, name, field) {key, field},

static const struct ss_wanted TRACING_FIELDS[] = {TRACED(AS_FIELD, AS_FIELD){0, NULL}};

/* As tracing-subscriber writes it with its JSON formatter: in the event, or, where fields were flattened, in
 * the line. Its time has another form in versions before 0.3. */
#define IN_EVENT(key, name, field)    {key, "/fields/" name}, {key, "/" name},
#define IN_SPAN_TOO(key, name, field) IN_EVENT(key, name, field){key, "/span/" name},

static const struct ss_wanted TRACING_JSON[] = {
    TRACED(IN_SPAN_TOO, IN_EVENT){SS_TAKEN_TIMESTAMP, "/timestamp"}, {0, NULL}};

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
