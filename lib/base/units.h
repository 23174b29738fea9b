// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Durations, sizes and points in time as people write them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_NS_PER_US 1000LL
#define SS_NS_PER_MS 1000000LL
#define SS_NS_PER_S  1000000000LL

#define SS_TIME_TEXT_MAX     32 /* 2026-11-22T23:03:17.630499123Z */
#define SS_DURATION_TEXT_MAX 48

/* "300ms", "1.5s", "2s", "10us", "5ns", "1m", "2h", and sums as Go prints them ("1m2.5s"); "0" alone needs no
 * unit. Also accepts the micro sign of Rust and Go text ("93µs"). Never negative; false where it does not
 * parse or does not fit in an int64_t. */
bool ss_duration_parse(const char *text, size_t length, int64_t *ret_ns);

/* "64KiB", "4GiB", "512MiB", "1.5GiB", "100B"; also decimal "kB", "MB", "GB"; "0" alone needs no unit. */
bool ss_size_parse(const char *text, size_t length, uint64_t *ret_bytes);

/* The shortest exact text that ss_duration_parse and ss_size_parse take back ("300ms", "64KiB"). */
char *ss_duration_format(int64_t ns, char ret_text[SS_DURATION_TEXT_MAX]);
char *ss_size_format(uint64_t bytes, char ret_text[SS_DURATION_TEXT_MAX]);

/* For people: one decimal, two below ten, and a fitting unit ("481.2 ms", "41 us", "2.5 s"). */
char *ss_duration_say(int64_t ns, char ret_text[SS_DURATION_TEXT_MAX]);

/* UTC, nanoseconds, RFC 3339 section 5.6. Parse takes any number of fraction digits and a numeric offset. */
char *ss_time_format(int64_t utc_ns, char ret_text[SS_TIME_TEXT_MAX]);
bool ss_time_parse(const char *text, size_t length, int64_t *ret_utc_ns);
