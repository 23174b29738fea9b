// SPDX-License-Identifier: BSD-3-Clause

#include "writer/report.h"
#include "base/units.h"
#include "journal/summary.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBER_BYTES 24
#define FLAGS_BYTES  512

static const char *number(int64_t value, char ret_text[NUMBER_BYTES])
{
    snprintf(ret_text, NUMBER_BYTES, "%" PRId64, value);
    return ret_text;
}

/* Names separated by spaces. */
static void list_flags(uint32_t flags, char ret_text[FLAGS_BYTES])
{
    char name[SS_FLAG_TEXT_MAX];
    size_t used = 0;

    ret_text[0] = '\0';
    while (ss_slow_flag_next(&flags, name)) {
        int written = snprintf(ret_text + used, FLAGS_BYTES - used, "%s%s", used > 0 ? " " : "", name);
        if (written < 0 || (size_t)written >= FLAGS_BYTES - used)
            return;
        used += (size_t)written;
    }
}

static const char *text_or_none(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

int ss_report_send(int fd, const struct ss_record *record, const struct ss_writer_flow *flow)
{
    char client[SS_ENDPOINT_TEXT_MAX], server[SS_ENDPOINT_TEXT_MAX], start[SS_TIME_TEXT_MAX];
    char took[SS_DURATION_TEXT_MAX], duration[NUMBER_BYTES], proxy[NUMBER_BYTES], revision[NUMBER_BYTES];
    char message[SS_WRITER_WHY_BYTES + 256], flags[FLAGS_BYTES];
    char proxied[SS_ENDPOINT_TEXT_MAX], error[NUMBER_BYTES], missing[NUMBER_BYTES];
    const struct ss_event *event = record->event;
    const struct ss_finding *finding = record->finding;

    ss_endpoint_format(&flow->client, client);
    ss_endpoint_format(&flow->server, server);
    list_flags(finding->flags | (event != NULL ? SS_FLAG_PROXY : 0), flags);
    snprintf(message, sizeof(message), "TLS handshake of %s with %s took %s, verdict %s: %s", client, server,
             ss_duration_say(flow->duration_ns, took), ss_verdict_name(flow->verdict), flow->why);
    const struct ss_summary_field fields[] = {
        {"MESSAGE", message},
        {"MESSAGE_ID", SS_REPORT_MESSAGE_ID},
        {"PRIORITY", "5"},
        {"SYSLOG_IDENTIFIER", "slowshake"},
        {"SLOWSHAKE_ID", flow->id},
        {"SLOWSHAKE_REVISION", flow->revision > 0 ? number(flow->revision, revision) : NULL},
        {"SLOWSHAKE_SENSOR", record->sensor},
        {"SLOWSHAKE_START", ss_time_format(flow->start_ns, start)},
        {"SLOWSHAKE_CLIENT", client},
        {"SLOWSHAKE_ORIGIN", record->origin},
        {"SLOWSHAKE_SERVER", server},
        {"SLOWSHAKE_PROXIED_CLIENT",
         finding->has_proxied ? ss_endpoint_format(&finding->proxied_client, proxied) : NULL},
        {"SLOWSHAKE_SNI", text_or_none(flow->sni)},
        {"SLOWSHAKE_OUTCOME", flow->outcome},
        {"SLOWSHAKE_DURATION_NS", number(flow->duration_ns, duration)},
        {"SLOWSHAKE_CLOCK_ERROR_NS", number(finding->clock_error_ns, error)},
        {"SLOWSHAKE_TAP_MISSING_BYTES",
         finding->tap_missing_bytes > 0 ? number((int64_t)finding->tap_missing_bytes, missing) : NULL},
        {"SLOWSHAKE_VERDICT", ss_verdict_name(flow->verdict)},
        {"SLOWSHAKE_CONFIDENCE", ss_confidence_name(flow->confidence)},
        {"SLOWSHAKE_WHY", flow->why},
        {"SLOWSHAKE_FLAGGED_BY", flags},
        {"SLOWSHAKE_PROXY_HOST", event != NULL ? text_or_none(event->host) : NULL},
        {"SLOWSHAKE_PROXY_DURATION_NS", flow->proxy_ns >= 0 ? number(flow->proxy_ns, proxy) : NULL},
        {"SLOWSHAKE_PROXY_CURSOR", event != NULL ? text_or_none(event->cursor) : NULL},
        {"SLOWSHAKE_PCAPNG", record->pcapng},
        {"SLOWSHAKE_PCAPNG_SKIPPED", record->pcapng_skipped},
    };
    return ss_summary_send(fd, SS_SUMMARY_SOCKET, fields, sizeof(fields) / sizeof(fields[0]));
}
