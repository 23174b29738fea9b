// SPDX-License-Identifier: BSD-3-Clause
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct unit {
    const char *name;
    uint64_t size;
};

static const struct unit DURATIONS[] = {
    {"ns", 1},
    {"us", SS_NS_PER_US},
    {"\xc2\xb5s", SS_NS_PER_US}, /* U+00B5 micro sign */
    {"\xce\xbcs", SS_NS_PER_US}, /* U+03BC Greek letter mu, which looks the same */
    {"ms", SS_NS_PER_MS},
    {"s", SS_NS_PER_S},
    {"m", 60 * SS_NS_PER_S},
    {"h", 3600 * SS_NS_PER_S},
};

static const struct unit SIZES[] = {
    {"B", 1},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
    {"kB", 1000ull},
    {"MB", 1000000ull},
    {"GB", 1000000000ull},
    {"TB", 1000000000000ull},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(const char *text, size_t length)
{
    size_t digits = 0;
    while (digits < length && is_digit(text[digits]))
        digits++;
    return digits;
}

/* whole * unit + 0.fraction * unit, the latter rounded down, exactly: Horner's rule from the last digit on.
 */
static bool scale(const char *text, size_t whole_digits, size_t fraction_digits, uint64_t unit,
                  uint64_t *ret_value)
{
    uint64_t whole = 0, fraction = 0;
    for (size_t i = 0; i < whole_digits; i++)
        if (__builtin_mul_overflow(whole, 10u, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(text[i] - '0'), &whole))
            return false;
    for (size_t i = fraction_digits; i > 0; i--)
        fraction = ((uint64_t)(text[whole_digits + i] - '0') * unit + fraction) / 10;
    return !__builtin_mul_overflow(whole, unit, &whole) &&
           !__builtin_add_overflow(whole, fraction, ret_value);
}

/* One number with its unit at the start of text, and how much of the text it is. */
static bool take_quantity(const char *text, size_t length, const struct unit *units, size_t unit_count,
                          uint64_t *ret_value, size_t *ret_taken)
{
    size_t whole_digits = count_digits(text, length), at = whole_digits, fraction_digits = 0;
    if (whole_digits == 0)
        return false;
    if (at < length && text[at] == '.') {
        fraction_digits = count_digits(text + at + 1, length - at - 1);
        at += 1 + fraction_digits;
        if (fraction_digits == 0)
            return false;
    }
    size_t name_length = 0;
    while (at + name_length < length && !is_digit(text[at + name_length]))
        name_length++;
    for (size_t i = 0; i < unit_count; i++) {
        if (strlen(units[i].name) != name_length || memcmp(text + at, units[i].name, name_length) != 0)
            continue;
        *ret_taken = at + name_length;
        return scale(text, whole_digits, fraction_digits, units[i].size, ret_value);
    }
    return false;
}

bool ss_duration_parse(const char *text, size_t length, int64_t *ret_ns)
{
    if (length == 1 && text[0] == '0') {
        *ret_ns = 0;
        return true;
    }
    uint64_t sum = 0, part;
    size_t at = 0, taken;
    do {
        if (!take_quantity(text + at, length - at, DURATIONS, COUNT_OF(DURATIONS), &part, &taken) ||
            __builtin_add_overflow(sum, part, &sum))
            return false;
        at += taken;
    } while (at < length);
    if (sum > INT64_MAX)
        return false;
    *ret_ns = (int64_t)sum;
    return true;
}

bool ss_size_parse(const char *text, size_t length, uint64_t *ret_bytes)
{
    if (length == 1 && text[0] == '0') {
        *ret_bytes = 0;
        return true;
    }
    uint64_t bytes;
    size_t taken;
    if (!take_quantity(text, length, SIZES, COUNT_OF(SIZES), &bytes, &taken) || taken != length)
        return false;
    *ret_bytes = bytes;
    return true;
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

/* "1.5" for 1500 thousandths; places is the number of decimals that scaled has. */
static void print_decimal(uint64_t scaled, unsigned places, bool negative, const char *unit,
                          char ret_text[SS_DURATION_TEXT_MAX])
{
    uint64_t one = 1;
    for (; places > 0 && scaled % 10 == 0; places--)
        scaled /= 10;
    for (unsigned i = 0; i < places; i++)
        one *= 10;
    const char *sign = negative ? "-" : "";
    if (places == 0)
        snprintf(ret_text, SS_DURATION_TEXT_MAX, "%s%" PRIu64 "%s", sign, scaled, unit);
    else
        snprintf(ret_text, SS_DURATION_TEXT_MAX, "%s%" PRIu64 ".%0*" PRIu64 "%s", sign, scaled / one,
                 (int)places, scaled % one, unit);
}

char *ss_duration_format(int64_t ns, char ret_text[SS_DURATION_TEXT_MAX])
{
    uint64_t value = magnitude(ns);
    if (value == 0)
        print_decimal(0, 0, false, "", ret_text);
    else if (value % (3600 * SS_NS_PER_S) == 0)
        print_decimal(value / (3600 * SS_NS_PER_S), 0, ns < 0, "h", ret_text);
    else if (value % (60 * SS_NS_PER_S) == 0)
        print_decimal(value / (60 * SS_NS_PER_S), 0, ns < 0, "m", ret_text);
    else if (value >= SS_NS_PER_S)
        print_decimal(value, 9, ns < 0, "s", ret_text);
    else if (value >= SS_NS_PER_MS)
        print_decimal(value, 6, ns < 0, "ms", ret_text);
    else if (value >= SS_NS_PER_US)
        print_decimal(value, 3, ns < 0, "us", ret_text);
    else
        print_decimal(value, 0, ns < 0, "ns", ret_text);
    return ret_text;
}

char *ss_size_format(uint64_t bytes, char ret_text[SS_DURATION_TEXT_MAX])
{
    static const struct unit UNITS[] = {
        {"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}};
    for (size_t i = 0; i < COUNT_OF(UNITS); i++) {
        uint64_t size = UNITS[i].size, rest = bytes % size * 1000;
        if (bytes < size || rest % size != 0 || bytes / size > UINT64_MAX / 2000)
            continue;
        print_decimal(bytes / size * 1000 + rest / size, 3, false, UNITS[i].name, ret_text);
        return ret_text;
    }
    print_decimal(bytes, 0, false, bytes == 0 ? "" : "B", ret_text);
    return ret_text;
}

char *ss_duration_say(int64_t ns, char ret_text[SS_DURATION_TEXT_MAX])
{
    static const struct unit UNITS[] = {{" us", SS_NS_PER_US}, {" ms", SS_NS_PER_MS}, {" s", SS_NS_PER_S}};
    uint64_t value = magnitude(ns);
    if (value < SS_NS_PER_US) {
        print_decimal(value, 0, ns < 0, value == 0 ? " s" : " ns", ret_text);
        return ret_text;
    }
    for (size_t i = 0; i < COUNT_OF(UNITS); i++) {
        unsigned places = value < 10 * UNITS[i].size ? 2 : 1;
        uint64_t step = UNITS[i].size / (places == 2 ? 100 : 10);
        uint64_t rounded = value / step + (value % step >= step - step / 2);
        /* What rounds up to 1000 is said in the next unit. */
        if (rounded >= 10000 && i + 1 < COUNT_OF(UNITS))
            continue;
        print_decimal(rounded, places, ns < 0, UNITS[i].name, ret_text);
        break;
    }
    return ret_text;
}

char *ss_time_format(int64_t utc_ns, char ret_text[SS_TIME_TEXT_MAX])
{
    int64_t seconds = utc_ns / SS_NS_PER_S, nanoseconds = utc_ns % SS_NS_PER_S;
    if (nanoseconds < 0) {
        nanoseconds += SS_NS_PER_S;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm utc;
    gmtime_r(&when, &utc);
    size_t used = strftime(ret_text, SS_TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(ret_text + used, SS_TIME_TEXT_MAX - used, ".%09" PRId64 "Z", nanoseconds);
    return ret_text;
}

/* Exactly `digits` digits, then the byte `after` unless that is 0. */
static bool take_field(const char **at, const char *end, size_t digits, const char *after, int *ret_value)
{
    int value = 0;
    if (count_digits(*at, (size_t)(end - *at)) < digits)
        return false;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (*(*at)++ - '0');
    if (*after != '\0' && (*at == end || strchr(after, *(*at)++) == NULL))
        return false;
    *ret_value = value;
    return true;
}

/* "Z", "+02:00" or "+0200". */
static bool take_offset(const char **at, const char *end, int *ret_seconds)
{
    if (*at == end)
        return false;
    char sign = *(*at)++;
    if (sign == 'Z' || sign == 'z') {
        *ret_seconds = 0;
        return true;
    }
    int hours, minutes;
    if ((sign != '+' && sign != '-') || !take_field(at, end, 2, "", &hours))
        return false;
    if (*at < end && **at == ':')
        (*at)++;
    if (!take_field(at, end, 2, "", &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_seconds = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    return true;
}

static bool take_date_and_time(const char **at, const char *end, int64_t *ret_seconds)
{
    struct tm utc = {0};
    int year, month;
    if (!take_field(at, end, 4, "-", &year) || !take_field(at, end, 2, "-", &month) ||
        !take_field(at, end, 2, "Tt ", &utc.tm_mday) || !take_field(at, end, 2, ":", &utc.tm_hour) ||
        !take_field(at, end, 2, ":", &utc.tm_min) || !take_field(at, end, 2, "", &utc.tm_sec))
        return false;
    /* Years that int64_t nanoseconds hold in full; second 60 is a leap second (RFC 3339 section 5.7). */
    if (year < 1678 || year > 2261 || utc.tm_hour > 23 || utc.tm_min > 59 || utc.tm_sec > 60)
        return false;
    utc.tm_year = year - 1900;
    utc.tm_mon = month - 1;

    struct tm normal = utc;
    normal.tm_sec = 0;
    time_t minute = timegm(&normal); /* which brings 30 February to another day */
    if (normal.tm_mon != utc.tm_mon || normal.tm_mday != utc.tm_mday)
        return false;
    *ret_seconds = (int64_t)minute + utc.tm_sec;
    return true;
}

bool ss_time_parse(const char *text, size_t length, int64_t *ret_utc_ns)
{
    const char *at = text, *end = text + length;
    int64_t seconds, nanoseconds = 0;
    if (!take_date_and_time(&at, end, &seconds))
        return false;
    if (at < end && *at == '.') {
        const char *first = ++at;
        int64_t unit = SS_NS_PER_S / 10;
        for (; at < end && is_digit(*at); at++, unit /= 10)
            nanoseconds += (*at - '0') * unit;
        if (at == first)
            return false;
    }
    int offset;
    if (!take_offset(&at, end, &offset) || at != end)
        return false;
    *ret_utc_ns = (seconds - offset) * SS_NS_PER_S + nanoseconds;
    return true;
}
