// SPDX-License-Identifier: BSD-3-Clause
#include "journal/taken.h"

#include "base/units.h"
#include "journal/judge.h"

#include <string.h>

#define FIELD_VALUE_MAX 255

/* A handshake of more than a day is an epoch or a mistake in the line. */
#define DURATION_MAX_NS (24 * 3600 * SS_NS_PER_S)

static const char *const KEY_NAMES[SS_TAKEN_COUNT] = {
#define FORMAT_KEY(index, name, line) [SS_KEY_##index] = name,
#include "tables/config.def"
    [SS_TAKEN_ACCEPT_DATE] = "accept_date", [SS_TAKEN_REQUEST_DATE] = "request_date",
    [SS_TAKEN_TOTAL_MS] = "total_ms",       [SS_TAKEN_AGE_S] = "age_s",
    [SS_TAKEN_TIMESTAMP] = "timestamp",
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
           taken->values[SS_KEY_PROXIED_CLIENT].at != NULL ||
           taken->values[SS_KEY_PROXIED_CLIENT_IP].at != NULL;
}

bool ss_text_is_absent(struct ss_text text)
{
    return text.at == NULL || text.length == 0 || (text.length == 1 && text.at[0] == '-');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool ss_text_decimal(struct ss_text text, int64_t unit_ns, int64_t *ret_ns, unsigned *ret_digits)
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

bool ss_text_is_given_up(struct ss_text text)
{
    return text.length >= 2 && text.at[0] == '-' && text.at[1] == '1' &&
           (text.length == 2 || (!is_digit(text.at[2]) && text.at[2] != '.'));
}

/* Which of the duration's keys the line has, and its unit; 0: in the text. */
static struct ss_text duration_text(const struct ss_text *values, int64_t *ret_unit_ns)
{
    static const struct {
        unsigned key;
        int64_t unit_ns;
    } UNITS[] = {{SS_KEY_DURATION_NS, 1},
                 {SS_KEY_DURATION_US, SS_NS_PER_US},
                 {SS_KEY_DURATION_MS, SS_NS_PER_MS},
                 {SS_KEY_DURATION_S, SS_NS_PER_S},
                 {SS_KEY_DURATION, 0}};
    struct ss_text text = {NULL, 0};
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]) && ss_text_is_absent(text); i++) {
        if (text.at == NULL || values[UNITS[i].key].at != NULL)
            text = values[UNITS[i].key];
        *ret_unit_ns = UNITS[i].unit_ns;
    }
    return text;
}

static enum ss_format_result judge_duration(struct ss_text text, int64_t unit_ns, struct ss_event *event)
{
    int64_t duration_ns;
    unsigned digits;
    if (ss_text_is_absent(text) || ss_text_is_given_up(text))
        return SS_FORMAT_EVENT;
    bool good = unit_ns > 0 ? ss_text_decimal(text, unit_ns, &duration_ns, &digits)
                            : ss_duration_parse(text.at, text.length, &duration_ns);
    if (!good || duration_ns > DURATION_MAX_NS)
        return SS_FORMAT_BAD_NUMBER;
    event->duration_ns = duration_ns;
    return SS_FORMAT_EVENT;
}

/* The error of a handshake that did not fail is "0", or HAProxy's word for it. */
static bool has_failed(const struct ss_text *values, struct ss_text duration)
{
    static const char SUCCESS[] = "Success";
    struct ss_text error = values[SS_KEY_ERROR];
    if (ss_text_is_given_up(duration))
        return true;
    return !ss_text_is_absent(error) && !(error.length == 1 && error.at[0] == '0') &&
           !(error.length == strlen(SUCCESS) && memcmp(error.at, SUCCESS, error.length) == 0);
}

/* A handshake that the proxy gave up has no duration, but lasted as long as the connection did. */
static enum ss_format_result lasted(const struct ss_text *values, struct ss_text duration,
                                    const struct ss_event *event, int64_t min_duration_ns)
{
    int64_t lasted_ns = event->duration_ns;
    unsigned digits;
    if (min_duration_ns <= 0)
        return SS_FORMAT_EVENT;
    if (ss_text_is_given_up(duration) && !ss_text_is_absent(values[SS_TAKEN_TOTAL_MS]) &&
        !ss_text_decimal(values[SS_TAKEN_TOTAL_MS], SS_NS_PER_MS, &lasted_ns, &digits))
        return SS_FORMAT_BAD_NUMBER;
    if (lasted_ns < 0)
        return SS_FORMAT_NO_DURATION;
    return lasted_ns >= min_duration_ns ? SS_FORMAT_EVENT : SS_FORMAT_SHORT;
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
    int64_t unit_ns = 0;
    struct ss_text duration = duration_text(values, &unit_ns);
    event.failed = has_failed(values, duration);
    enum ss_format_result result = ss_judge_addresses(values, &event);
    if (result == SS_FORMAT_EVENT)
        result = judge_duration(duration, unit_ns, &event);
    if (result == SS_FORMAT_EVENT)
        result = lasted(values, duration, &event, min_duration_ns);
    /* Nothing was measured: HAProxy writes 0 for the later requests of a connection. */
    if (event.duration_ns == 0)
        event.duration_ns = -1;
    if (result == SS_FORMAT_EVENT)
        result = ss_judge_time(taken, duration.at != NULL, &event);
    if (result != SS_FORMAT_EVENT)
        return result;
    if (!ss_text_is_absent(values[SS_KEY_SNI]))
        ss_taken_copy(event.sni, sizeof(event.sni), values[SS_KEY_SNI]);
    memcpy(event.fields, taken->fields, taken->fields_used + 1);
    *ret_event = event;
    return SS_FORMAT_EVENT;
}
