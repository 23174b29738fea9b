// SPDX-License-Identifier: BSD-3-Clause

#include "read/table.h"

#include "base/units.h"

#include <string.h>

#define WHY_MAX 256

static void print_heading(FILE *out)
{
    fprintf(out, "%-24s  %-24s %-24s %10s  %-11s %-6s  %s\n", "START (UTC)", "CLIENT", "SERVER", "TOTAL",
            "VERDICT", "SURE", "WHY");
}

void ss_table_row(struct ss_table *table, const struct ss_record *record)
{
    const struct ss_finding *finding = record->finding;
    struct ss_opinion opinion = ss_record_opinion(record);
    char start[SS_TIME_TEXT_MAX], client[SS_ENDPOINT_TEXT_MAX], server[SS_ENDPOINT_TEXT_MAX];
    char total[SS_DURATION_TEXT_MAX], why[WHY_MAX];

    if (table->rows++ == 0)
        print_heading(table->out);
    ss_time_format(finding->start_ns, start);
    start[23] = '\0'; /* milliseconds are enough here */
    fprintf(table->out, "%-24s  %-24s %-24s %10s  %-11s %-6s  %s\n", start,
            ss_endpoint_format(&finding->client, client), ss_endpoint_format(&finding->server, server),
            ss_duration_say(finding->judged.duration_ns, total), ss_verdict_name(opinion.verdict),
            ss_confidence_name(opinion.confidence), ss_record_why(record, why, sizeof(why)));
}

void ss_table_end(const struct ss_table *table, bool all)
{
    if (table->rows == 0)
        fprintf(table->out, all ? "no TLS handshakes found\n" : "no slow TLS handshakes found\n");
}
