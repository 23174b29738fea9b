// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Inside lib/journal: what ss_taken_judge is made of, addresses and times each in a file of their own.
 *
 * What a proxy writes in place of a value that it does not have ("-", nothing) is absent; anything else must
 * be right, or the entry is refused. */

#include "journal/taken.h"

/* Not in the line, or what proxies write in its place. */
bool ss_text_is_absent(struct ss_text text);

/* "-1", "-1ms": the proxy's way to say that it did not get that far. */
bool ss_text_is_given_up(struct ss_text text);

/* "12", "12.5", "+12": decimals beyond the ninth are cut off. ret_digits: how many decimals there are, nine
 * at most. */
bool ss_text_decimal(struct ss_text text, int64_t unit_ns, int64_t *ret_ns, unsigned *ret_digits);

/* Client, client in the PROXY header, and server. EVENT, NO_CLIENT or BAD_NUMBER. */
enum ss_format_result ss_judge_addresses(const struct ss_text *values, struct ss_event *event);

/* time_ns, its resolution and which moment it is; the event's duration and failed are known. has_duration:
 * the line has a place for the duration, whatever is in it. EVENT or BAD_NUMBER. */
enum ss_format_result ss_judge_time(const struct ss_taken *taken, bool has_duration, struct ss_event *event);
