// SPDX-License-Identifier: BSD-3-Clause
#include "journal/judge.h"

#include "base/units.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define QUARTER_HOUR_NS (900 * SS_NS_PER_S)
#define ZONES_NS        (15 * 3600 * SS_NS_PER_S) /* UTC-12 to UTC+14, and some */

/* Older connections than that are a mistake in the line. */
#define AGE_MAX_NS (366 * 24 * 3600 * SS_NS_PER_S)

/* A proxy that lives cannot write times before 1971. */
#define EARLIEST_NS (31536000 * SS_NS_PER_S)

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
    if (!ss_text_is_absent(values[SS_TAKEN_TOTAL_MS]) && !ss_text_is_given_up(values[SS_TAKEN_TOTAL_MS]) &&
        !ss_text_decimal(values[SS_TAKEN_TOTAL_MS], SS_NS_PER_MS, &total_ns, &digits))
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

static int64_t resolution_of(int64_t unit_ns, unsigned digits)
{
    for (; digits > 0 && unit_ns > 1; digits--)
        unit_ns /= 10;
    return unit_ns;
}

/* From 1973 to 5138 the seconds since 1970 and their thousandths, millionths and billionths differ in size.
 */
static int64_t epoch_unit_of(int64_t number)
{
    if (number < 100000000000)
        return SS_NS_PER_S;
    if (number < 100000000000000)
        return SS_NS_PER_MS;
    return number < 100000000000000000 ? SS_NS_PER_US : 1;
}

static bool parse_epoch(struct ss_text text, struct ss_event *event)
{
    int64_t whole, time_ns;
    unsigned digits;
    if (!ss_text_decimal(text, 1, &whole, &digits))
        return false;
    int64_t unit_ns = epoch_unit_of(whole);
    if (!ss_text_decimal(text, unit_ns, &time_ns, &digits) || time_ns < EARLIEST_NS)
        return false;
    event->time_ns = time_ns;
    event->time_resolution_ns = resolution_of(unit_ns, digits);
    return true;
}

/* "2026-11-22T23:28:15.593Z", as fine as it has decimals. */
static bool parse_rfc3339(struct ss_text text, struct ss_event *event)
{
    int64_t time_ns;
    unsigned digits = 0;
    if (!ss_time_parse(text.at, text.length, &time_ns) || time_ns < EARLIEST_NS)
        return false;
    const char *dot = memchr(text.at, '.', text.length), *end = text.at + text.length;
    for (const char *at = dot; at != NULL && ++at < end && *at >= '0' && *at <= '9';)
        digits++;
    event->time_ns = time_ns;
    event->time_resolution_ns = resolution_of(SS_NS_PER_S, digits);
    return true;
}

static bool parse_time(struct ss_text text, struct ss_event *event)
{
    return parse_epoch(text, event) || parse_rfc3339(text, event);
}

/* When the line was written, less how old the connection was then; both are cut off. */
static bool judge_age(const struct ss_text *values, struct ss_event *event)
{
    int64_t age_ns;
    unsigned digits;
    if (!parse_time(values[SS_KEY_LOGGED], event) ||
        !ss_text_decimal(values[SS_TAKEN_AGE_S], SS_NS_PER_S, &age_ns, &digits) || age_ns > AGE_MAX_NS)
        return false;
    int64_t cut_ns = resolution_of(SS_NS_PER_S, digits);
    event->moment = SS_EVENT_ACCEPTED;
    event->age_ns = age_ns + cut_ns;
    event->time_ns -= event->age_ns;
    event->time_resolution_ns += cut_ns;
    return true;
}

/* The accept time of a line whose duration was not measured may be the time of a later request of that
 * connection (HAProxy's %Ts is): then it only says that the handshake was before. */
static bool judge_accepted(const struct ss_text *values, bool has_duration, struct ss_event *event)
{
    bool later = has_duration && event->duration_ns < 0 && !event->failed;
    event->moment = later ? SS_EVENT_LOGGED : SS_EVENT_ACCEPTED;
    return parse_time(values[SS_KEY_ACCEPTED], event);
}

static enum ss_event_moment entry_moment(enum ss_line_time time, const struct ss_event *event)
{
    switch (time) {
    case SS_LINE_ACCEPTED:
        return SS_EVENT_ACCEPTED;
    case SS_LINE_ENDED:
        return event->failed ? SS_EVENT_LOGGED : SS_EVENT_ENDED;
    case SS_LINE_MEASURED:
        return event->failed || event->duration_ns < 0 ? SS_EVENT_LOGGED : SS_EVENT_ENDED;
    default:
        return SS_EVENT_LOGGED;
    }
}

enum ss_format_result ss_judge_time(const struct ss_taken *taken, bool has_duration, struct ss_event *event)
{
    const struct ss_text *values = taken->values;
    bool good = true;
    event->moment = entry_moment(taken->time, event);
    if (!ss_text_is_absent(values[SS_KEY_ACCEPTED])) {
        good = judge_accepted(values, has_duration, event);
    } else if (!ss_text_is_absent(values[SS_TAKEN_AGE_S]) && !ss_text_is_absent(values[SS_KEY_LOGGED])) {
        good = judge_age(values, event);
    } else if (!ss_text_is_absent(values[SS_TAKEN_ACCEPT_DATE])) {
        good = parse_local_date(values, SS_TAKEN_ACCEPT_DATE, event->logged_ns, &event->time_ns);
        event->moment = SS_EVENT_ACCEPTED;
        event->time_resolution_ns = SS_NS_PER_MS;
    } else if (!ss_text_is_absent(values[SS_KEY_ENDED])) {
        good = parse_time(values[SS_KEY_ENDED], event);
        event->moment = event->failed ? SS_EVENT_LOGGED : SS_EVENT_ENDED;
    } else if (!ss_text_is_absent(values[SS_TAKEN_REQUEST_DATE])) {
        /* Some time after the handshake's end, but nearer to it than the line is. */
        good = parse_local_date(values, SS_TAKEN_REQUEST_DATE, event->logged_ns, &event->time_ns);
        event->time_resolution_ns = SS_NS_PER_MS;
    } else if (!ss_text_is_absent(values[SS_KEY_LOGGED])) {
        good = parse_time(values[SS_KEY_LOGGED], event);
    } else if (!ss_text_is_absent(values[SS_TAKEN_TIMESTAMP])) {
        parse_time(values[SS_TAKEN_TIMESTAMP], event); /* else the journal's time stays */
    }
    return good ? SS_FORMAT_EVENT : SS_FORMAT_BAD_NUMBER;
}
