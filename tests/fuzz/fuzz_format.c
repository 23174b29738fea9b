// SPDX-License-Identifier: BSD-3-Clause

/* Any text as a log line, in every format, and as a client's own text in a proxy's line. The first byte
 * chooses the format, the second the minimum.
 *
 * What must hold: an event is complete and within its ranges, its texts end and are printable; a refusal
 * leaves the output alone; the same line gives the same result again; what stands where a client's text does
 * changes nothing but the server's name. */

#include "journal/format.h"

#include "base/units.h"

#include <stdlib.h>
#include <string.h>

static char pattern[] =
    "(?<client>\\S+) (?<server_ip>\\S+) (?<server_port>\\d+) (?<duration>\\S+) (?<rest>.*)";
static char times[] = "(?<client>\\S+) (?<proxied_client>\\S+) (?<accepted>\\S*) (?<ended>\\S*) (?<error>.*)";
static char client[] = "/a", client_port[] = "/b/0", duration[] = "/c~1d", sni[] = "/e/f";
static char field_client[] = "MESSAGE";

static const struct ss_config_journal CONFIGS[] = {
    {.format = SS_FORMAT_HAPROXY},
    {.format = SS_FORMAT_NGINX},
    {.format = SS_FORMAT_ENVOY},
    {.format = SS_FORMAT_CADDY},
    {.format = SS_FORMAT_TRAEFIK},
    {.format = SS_FORMAT_TRACING},
    {.format = SS_FORMAT_REGEX, .regex = pattern},
    {.format = SS_FORMAT_JSON,
     .pointers = {[SS_KEY_CLIENT_IP] = client,
                  [SS_KEY_CLIENT_PORT] = client_port,
                  [SS_KEY_DURATION_S] = duration,
                  [SS_KEY_SNI] = sni}},
    {.format = SS_FORMAT_FIELDS, .pointers = {[SS_KEY_CLIENT] = field_client}},
    {.format = SS_FORMAT_REGEX, .entry_time = SS_ENTRY_TIME_ENDED, .regex = times},
};

#define CONFIG_COUNT (sizeof(CONFIGS) / sizeof(CONFIGS[0]))

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *text, size_t bytes)
{
    size_t length = strnlen(text, bytes);
    require(length < bytes);
    for (size_t i = 0; i < length; i++)
        require(text[i] >= ' ' && text[i] < 0x7f);
}

static void check_fields(const struct ss_event *event)
{
    const char *at = event->fields, *end = event->fields + sizeof(event->fields);
    while (at < end && *at != '\0') {
        check_text(at, (size_t)(end - at));
        at += strlen(at) + 1;
        require(at < end);
        check_text(at, (size_t)(end - at));
        at += strlen(at) + 1;
    }
    require(at < end);
}

static void check_event(const struct ss_event *event, int64_t min_duration_ns, int64_t logged_ns)
{
    require(event->duration_ns != 0 && event->duration_ns >= -1);
    require(event->duration_ns <= 24 * 3600 * SS_NS_PER_S);
    require(event->duration_ns < 0 || event->duration_ns >= min_duration_ns);
    require(event->logged_ns == logged_ns);
    require(event->moment <= SS_EVENT_LOGGED);
    require(event->moment != SS_EVENT_ENDED || !event->failed);
    require(event->time_resolution_ns > 0 && event->time_resolution_ns <= 2 * SS_NS_PER_S);
    require(!event->has_server || event->server.port != 0);
    check_text(event->sni, sizeof(event->sni));
    check_fields(event);
}

static void run(const struct ss_config_journal *base, int64_t min_duration_ns, const struct ss_entry *entry)
{
    struct ss_config_journal config = *base;
    struct ss_format *format;
    struct ss_event event, again;
    char why[256];
    config.min_duration_ns = min_duration_ns;
    memset(&event, 0x5a, sizeof(event));
    again = event;
    require(ss_format_create(&config, &format, why, sizeof(why)) == 0);
    enum ss_format_result result = ss_format_apply(format, entry, &event);
    require(result < SS_FORMAT_RESULT_COUNT);
    if (result == SS_FORMAT_EVENT)
        check_event(&event, min_duration_ns, entry->realtime_ns);
    else
        require(memcmp(&event, &again, sizeof(event)) == 0);
    require(ss_format_apply(format, entry, &again) == result && again.time_ns == event.time_ns &&
            memcmp(again.fields, event.fields, sizeof(event.fields)) == 0);
    ss_format_free(format);
}

/* Beginnings of lines, each followed by a client's text. The last says all that there is to say, so that
 * nothing adds to it. */
#define TOLD "hs client_ip=192.0.2.7 client_port=5 duration_ms=7 accepted=1795418319 "
static const char *const BEGINNINGS[] = {
    TOLD "sni=",
    TOLD "sni=\"",
    TOLD "\"GET ",
    TOLD "{",
    TOLD "server=198.51.100.1:443 proxied_client=203.0.113.9:7 Tt=9 connection_time=- error=- ",
};

static enum ss_format_result apply(struct ss_format *format, const char *text, size_t length,
                                   struct ss_event *ret_event)
{
    const struct ss_entry_field field = {"MESSAGE", text, length};
    const struct ss_entry entry = {&field, 1, 1795418320 * SS_NS_PER_S};
    return ss_format_apply(format, &entry, ret_event);
}

static bool is_same(const struct ss_endpoint *a, const struct ss_endpoint *b)
{
    return a->port == b->port && ss_ip_equal(&a->ip, &b->ip);
}

static void check_same(const struct ss_event *told, const struct ss_event *event)
{
    require(is_same(&event->client, &told->client));
    require(event->has_server == told->has_server && is_same(&event->server, &told->server));
    require(event->has_proxied == told->has_proxied &&
            is_same(&event->proxied_client, &told->proxied_client));
    require(event->failed == told->failed && event->duration_ns == told->duration_ns);
    require(event->time_ns == told->time_ns && event->moment == told->moment);
    require(event->time_resolution_ns == told->time_resolution_ns && event->age_ns == told->age_ns);
}

static void check_client_text(const struct ss_config_journal *config, const char *text, size_t length)
{
    struct ss_format *format;
    struct ss_event told, event;
    char why[256];
    require(ss_format_create(config, &format, why, sizeof(why)) == 0);
    for (size_t i = 0; i < sizeof(BEGINNINGS) / sizeof(BEGINNINGS[0]); i++) {
        size_t before = strlen(BEGINNINGS[i]);
        char *line = malloc(before + length);
        if (line == NULL)
            continue;
        memcpy(line, BEGINNINGS[i], before);
        if (length > 0)
            memcpy(line + before, text, length);
        require(apply(format, line, before, &told) == SS_FORMAT_EVENT);
        require(apply(format, line, before + length, &event) == SS_FORMAT_EVENT);
        check_same(&told, &event);
        free(line);
    }
    ss_format_free(format);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t length = size - 2;
    char *message = malloc(length > 0 ? length : 1);
    if (message == NULL)
        return 0;
    memcpy(message, data + 2, length);
    const struct ss_entry_field field = {"MESSAGE", message, length};
    const struct ss_entry entry = {&field, 1, 1795418320 * SS_NS_PER_S};
    run(&CONFIGS[data[0] % CONFIG_COUNT], (int64_t)data[1] * SS_NS_PER_MS, &entry);
    if (CONFIGS[data[0] % CONFIG_COUNT].format <= SS_FORMAT_NGINX)
        check_client_text(&CONFIGS[data[0] % CONFIG_COUNT], message, length);
    free(message);
    return 0;
}
