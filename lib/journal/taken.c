// SPDX-License-Identifier: BSD-3-Clause
#include "journal/taken.h"

#include "base/units.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FIELD_VALUE_MAX 255
#define QUARTER_HOUR_NS (900 * SS_NS_PER_S)
#define ZONES_NS        (15 * 3600 * SS_NS_PER_S) /* UTC-12 to UTC+14, and some */

/* A handshake of more than a day is an epoch or a mistake in the line. */
#define DURATION_MAX_NS (24 * 3600 * SS_NS_PER_S)

static const char *const KEY_NAMES[SS_TAKEN_COUNT] = {
    [SS_KEY_CLIENT] = "client",
    [SS_KEY_CLIENT_IP] = "client_ip",
    [SS_KEY_CLIENT_PORT] = "client_port",
    [SS_KEY_SERVER_IP] = "server_ip",
    [SS_KEY_SERVER_PORT] = "server_port",
    [SS_KEY_DURATION] = "duration",
    [SS_KEY_DURATION_S] = "duration_s",
    [SS_KEY_DURATION_MS] = "duration_ms",
    [SS_KEY_DURATION_US] = "duration_us",
    [SS_KEY_DURATION_NS] = "duration_ns",
    [SS_KEY_SNI] = "sni",
    [SS_TAKEN_SERVER] = "server",
    [SS_TAKEN_HEADER_CLIENT] = "header_client",
    [SS_TAKEN_ACCEPT_S] = "accept_s",
    [SS_TAKEN_ACCEPT_US] = "accept_us",
    [SS_TAKEN_ACCEPT_DATE] = "accept_date",
    [SS_TAKEN_REQUEST_DATE] = "request_date",
    [SS_TAKEN_TOTAL_MS] = "total_ms",
};

unsigned ss_taken_key_of(struct ss_text name, unsigned key_count)
{
    for (unsigned key = 0; key < key_count; key++)
        if (strlen(KEY_NAMES[key]) == name.length && memcmp(KEY_NAMES[key], name.at, name.length) == 0)
            return key;
    return SS_TAKEN_OTHER;
}

const char *ss_taken_key_name(unsigned key)
{
    return KEY_NAMES[key];
}

void ss_taken_init(struct ss_taken *taken)
{
    memset(taken->values, 0, sizeof(taken->values));
    taken->fields_used = 0;
    taken->fields[0] = '\0';
}

void ss_taken_copy(char *ret_text, size_t bytes, struct ss_text text)
{
    size_t length = text.length < bytes ? text.length : bytes - 1;
    for (size_t i = 0; i < length; i++)
        ret_text[i] = text.at[i] >= ' ' && text.at[i] < 0x7f ? text.at[i] : '?';
    ret_text[length] = '\0';
}

/* One more pair of struct ss_event's fields, if it fits with the empty key at the end. */
static void add_field(struct ss_taken *taken, struct ss_text name, struct ss_text value)
{
    if (value.length > FIELD_VALUE_MAX)
        value.length = FIELD_VALUE_MAX;
    size_t need = name.length + 1 + value.length + 1;
    if (name.length == 0 || name.length > FIELD_VALUE_MAX ||
        need + 1 > sizeof(taken->fields) - taken->fields_used)
        return;
    char *at = taken->fields + taken->fields_used;
    ss_taken_copy(at, name.length + 1, name);
    ss_taken_copy(at + name.length + 1, value.length + 1, value);
    at[need] = '\0';
    taken->fields_used += need;
}

void ss_taken_add(struct ss_taken *taken, unsigned key, struct ss_text name, struct ss_text value)
{
    if (key != SS_TAKEN_OTHER) {
        if (taken->values[key].at != NULL)
            return;
        taken->values[key] = value;
    }
    add_field(taken, name, value);
}

bool ss_taken_has_client(const struct ss_taken *taken)
{
    return taken->values[SS_KEY_CLIENT].at != NULL || taken->values[SS_KEY_CLIENT_IP].at != NULL ||
           taken->values[SS_TAKEN_HEADER_CLIENT].at != NULL;
}

/* Not in the line, or what proxies write in its place. */
static bool is_absent(struct ss_text text)
{
    return text.at == NULL || text.length == 0 || (text.length == 1 && text.at[0] == '-');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "12", "12.5", "+12": decimals beyond the ninth are cut off. ret_digits: how many decimals there are, nine
 * at most. */
static bool parse_decimal(struct ss_text text, int64_t unit_ns, int64_t *ret_ns, unsigned *ret_digits)
{
    int64_t whole = 0, fraction = 0, scale = 1;
    unsigned digits = 0;
    size_t i = text.length > 0 && text.at[0] == '+', first = i;
    for (; i < text.length && is_digit(text.at[i]); i++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, text.at[i] - '0', &whole))
            return false;
    if (i == first)
        return false;
    if (i < text.length && text.at[i] == '.') {
        for (i++; i < text.length && is_digit(text.at[i]); i++) {
            if (digits == 9)
                continue;
            fraction = fraction * 10 + (text.at[i] - '0');
            scale *= 10;
            digits++;
        }
    }
    if (i < text.length || __builtin_mul_overflow(whole, unit_ns, &whole) ||
        __builtin_add_overflow(whole, fraction * unit_ns / scale, ret_ns))
        return false;
    *ret_digits = digits;
    return true;
}

static bool parse_port(struct ss_text text, uint16_t *ret_port)
{
    int64_t port;
    unsigned digits;
    if (!parse_decimal(text, 1, &port, &digits) || digits > 0 || port < 1 || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static const char *last_colon(struct ss_text text)
{
    for (size_t i = text.length; i > 0; i--)
        if (text.at[i - 1] == ':')
            return text.at + i - 1;
    return NULL;
}

/* "192.0.2.1:443", "[2001:db8::1]:443", and as HAProxy writes it "2001:db8::1:443"; an address alone has port
 * 0. Unlike ss_endpoint_parse, what follows the last colon is the port, if it can be. */
static enum ss_format_result parse_endpoint(struct ss_text text, struct ss_endpoint *ret_endpoint)
{
    struct ss_endpoint endpoint = {.port = 0};
    const char *colon = last_colon(text);
    if (colon != NULL && text.at[0] != '[') {
        size_t ip_length = (size_t)(colon - text.at);
        struct ss_text port = {colon + 1, text.length - ip_length - 1};
        if (ss_ip_parse(text.at, ip_length, &endpoint.ip)) {
            if (parse_port(port, &endpoint.port)) {
                *ret_endpoint = endpoint;
                return SS_FORMAT_EVENT;
            }
            if (!ss_ip_parse(text.at, text.length, &endpoint.ip))
                return SS_FORMAT_BAD_NUMBER;
        }
    }
    if (!ss_endpoint_parse(text.at, text.length, &endpoint))
        return SS_FORMAT_NO_CLIENT;
    *ret_endpoint = endpoint;
    return SS_FORMAT_EVENT;
}

/* One key with address and port, or two. NO_CLIENT: there is no address. */
static enum ss_format_result judge_endpoint(struct ss_text both, struct ss_text ip, struct ss_text port,
                                            struct ss_endpoint *ret_endpoint)
{
    struct ss_endpoint endpoint = {.port = 0};
    if (!is_absent(both))
        return parse_endpoint(both, ret_endpoint);
    if (is_absent(ip) || !ss_ip_parse(ip.at, ip.length, &endpoint.ip))
        return SS_FORMAT_NO_CLIENT;
    if (!is_absent(port) && !parse_port(port, &endpoint.port))
        return SS_FORMAT_BAD_NUMBER;
    *ret_endpoint = endpoint;
    return SS_FORMAT_EVENT;
}

static enum ss_format_result judge_client(const struct ss_text *values, struct ss_event *event)
{
    enum ss_format_result result = judge_endpoint(values[SS_KEY_CLIENT], values[SS_KEY_CLIENT_IP],
                                                  values[SS_KEY_CLIENT_PORT], &event->client);
    if (result == SS_FORMAT_NO_CLIENT && !is_absent(values[SS_TAKEN_HEADER_CLIENT]))
        return parse_endpoint(values[SS_TAKEN_HEADER_CLIENT], &event->client);
    return result;
}

/* A server whose address is not known, or is the listening socket's 0.0.0.0 or ::, is as good as none. */
static enum ss_format_result judge_server(const struct ss_text *values, struct ss_event *event)
{
    static const uint8_t NO_V4[4];
    const struct ss_ip any_v4 = ss_ip_from_v4(NO_V4), any = {.bytes = {0}};
    struct ss_endpoint server = {.port = 0};
    enum ss_format_result result = judge_endpoint(values[SS_TAKEN_SERVER], values[SS_KEY_SERVER_IP],
                                                  values[SS_KEY_SERVER_PORT], &server);
    if (result == SS_FORMAT_BAD_NUMBER)
        return result;
    if (result == SS_FORMAT_NO_CLIENT || ss_ip_equal(&server.ip, &any) || ss_ip_equal(&server.ip, &any_v4))
        return SS_FORMAT_EVENT;
    event->server = server;
    event->has_server = server.port != 0;
    return SS_FORMAT_EVENT;
}

/* "-1", "-1ms": the proxy's way to say that it did not get that far. */
static bool is_given_up(struct ss_text text)
{
    return text.length >= 2 && text.at[0] == '-' && text.at[1] == '1' &&
           (text.length == 2 || (!is_digit(text.at[2]) && text.at[2] != '.'));
}

static enum ss_format_result judge_duration(const struct ss_text *values, struct ss_event *event)
{
    static const struct {
        unsigned key;
        int64_t unit_ns;
    } UNITS[] = {{SS_KEY_DURATION_NS, 1},
                 {SS_KEY_DURATION_US, SS_NS_PER_US},
                 {SS_KEY_DURATION_MS, SS_NS_PER_MS},
                 {SS_KEY_DURATION_S, SS_NS_PER_S},
                 {SS_KEY_DURATION, 0}};
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
        struct ss_text text = values[UNITS[i].key];
        int64_t duration_ns;
        unsigned digits;
        if (is_absent(text))
            continue;
        if (is_given_up(text))
            return SS_FORMAT_EVENT;
        bool good = UNITS[i].unit_ns > 0 ? parse_decimal(text, UNITS[i].unit_ns, &duration_ns, &digits)
                                         : ss_duration_parse(text.at, text.length, &duration_ns);
        if (!good || duration_ns > DURATION_MAX_NS)
            return SS_FORMAT_BAD_NUMBER;
        event->duration_ns = duration_ns;
        return SS_FORMAT_EVENT;
    }
    return SS_FORMAT_EVENT;
}

/* "22/Nov/2026:23:28:15.593" as if it were UTC. */
static bool parse_date(struct ss_text text, int64_t *ret_ns)
{
    char copy[32], month[4];
    struct tm date = {0};
    int ms = 0, end = 0;
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (text.length >= sizeof(copy))
        return false;
    ss_taken_copy(copy, sizeof(copy), text);
    if (sscanf(copy, "%2d/%3[A-Za-z]/%4d:%2d:%2d:%2d%n.%3d%n", &date.tm_mday, month, &date.tm_year,
               &date.tm_hour, &date.tm_min, &date.tm_sec, &end, &ms, &end) < 6 ||
        copy[end] != '\0' || ms < 0)
        return false;
    const char *at = strstr(MONTHS, month);
    if (at == NULL || strlen(month) != 3 || (at - MONTHS) % 3 != 0 || date.tm_year < 1971 ||
        date.tm_year > 2261)
        return false;
    date.tm_mon = (int)(at - MONTHS) / 3;
    date.tm_year -= 1900;
    *ret_ns = timegm(&date) * SS_NS_PER_S + ms * SS_NS_PER_MS;
    return true;
}

/* HAProxy's dates are in its own time zone and do not say which. But the line was written, by the same clock,
 * when what it reports was over: what is left of the difference, in quarters of an hour, is the zone. */
static bool parse_local_date(const struct ss_text *values, unsigned key, int64_t logged_ns, int64_t *ret_ns)
{
    int64_t date_ns, total_ns = 0;
    unsigned digits;
    if (!parse_date(values[key], &date_ns))
        return false;
    if (!is_absent(values[SS_TAKEN_TOTAL_MS]) && !is_given_up(values[SS_TAKEN_TOTAL_MS]) &&
        !parse_decimal(values[SS_TAKEN_TOTAL_MS], SS_NS_PER_MS, &total_ns, &digits))
        return false;
    int64_t ahead_ns;
    if (__builtin_add_overflow(date_ns, total_ns, &ahead_ns) ||
        __builtin_sub_overflow(ahead_ns, logged_ns, &ahead_ns))
        return false;
    if (ahead_ns > -ZONES_NS && ahead_ns < ZONES_NS) {
        int64_t half = ahead_ns < 0 ? -QUARTER_HOUR_NS / 2 : QUARTER_HOUR_NS / 2;
        date_ns -= (ahead_ns + half) / QUARTER_HOUR_NS * QUARTER_HOUR_NS;
    }
    *ret_ns = date_ns;
    return true;
}

/* The epoch in seconds or microseconds, of which a proxy that lives can only write the later ones. */
static bool parse_epoch(struct ss_text text, int64_t unit_ns, struct ss_event *event)
{
    unsigned digits;
    int64_t time_ns;
    if (!parse_decimal(text, unit_ns, &time_ns, &digits) || time_ns < 31536000 * SS_NS_PER_S)
        return false;
    event->time_ns = time_ns;
    event->time_resolution_ns = unit_ns;
    for (; digits > 0 && event->time_resolution_ns > 1; digits--)
        event->time_resolution_ns /= 10;
    return true;
}

static enum ss_format_result judge_time(const struct ss_text *values, struct ss_event *event)
{
    bool good = true;
    if (!is_absent(values[SS_TAKEN_ACCEPT_US])) {
        good = parse_epoch(values[SS_TAKEN_ACCEPT_US], SS_NS_PER_US, event);
        event->moment = SS_EVENT_ACCEPTED;
    } else if (!is_absent(values[SS_TAKEN_ACCEPT_S])) {
        good = parse_epoch(values[SS_TAKEN_ACCEPT_S], SS_NS_PER_S, event);
        event->moment = SS_EVENT_ACCEPTED;
    } else if (!is_absent(values[SS_TAKEN_ACCEPT_DATE])) {
        good = parse_local_date(values, SS_TAKEN_ACCEPT_DATE, event->logged_ns, &event->time_ns);
        event->moment = SS_EVENT_ACCEPTED;
        event->time_resolution_ns = SS_NS_PER_MS;
    } else if (!is_absent(values[SS_TAKEN_REQUEST_DATE])) {
        /* Some time after the handshake's end, but nearer to it than the line is. */
        good = parse_local_date(values, SS_TAKEN_REQUEST_DATE, event->logged_ns, &event->time_ns);
        event->time_resolution_ns = SS_NS_PER_MS;
    }
    return good ? SS_FORMAT_EVENT : SS_FORMAT_BAD_NUMBER;
}

/* A handshake that the proxy gave up has no duration, but lasted as long as the connection did. */
static bool lasted(const struct ss_text *values, int64_t duration_ns, int64_t min_duration_ns)
{
    int64_t total_ns;
    unsigned digits;
    if (min_duration_ns <= 0 || duration_ns >= min_duration_ns)
        return true;
    return duration_ns < 0 && is_given_up(values[SS_KEY_DURATION_MS]) &&
           !is_absent(values[SS_TAKEN_TOTAL_MS]) &&
           parse_decimal(values[SS_TAKEN_TOTAL_MS], SS_NS_PER_MS, &total_ns, &digits) &&
           total_ns >= min_duration_ns;
}

enum ss_format_result ss_taken_judge(const struct ss_taken *taken, int64_t min_duration_ns, int64_t logged_ns,
                                     struct ss_event *ret_event)
{
    const struct ss_text *values = taken->values;
    struct ss_event event = {.time_ns = logged_ns,
                             .moment = SS_EVENT_LOGGED,
                             .time_resolution_ns = SS_NS_PER_US,
                             .duration_ns = -1,
                             .logged_ns = logged_ns};
    enum ss_format_result result = judge_client(values, &event);
    if (result == SS_FORMAT_EVENT)
        result = judge_server(values, &event);
    if (result == SS_FORMAT_EVENT)
        result = judge_duration(values, &event);
    if (result == SS_FORMAT_EVENT)
        result = judge_time(values, &event);
    if (result != SS_FORMAT_EVENT)
        return result;
    if (!lasted(values, event.duration_ns, min_duration_ns))
        return SS_FORMAT_SHORT;
    if (!is_absent(values[SS_KEY_SNI]))
        ss_taken_copy(event.sni, sizeof(event.sni), values[SS_KEY_SNI]);
    memcpy(event.fields, taken->fields, taken->fields_used + 1);
    *ret_event = event;
    return SS_FORMAT_EVENT;
}
