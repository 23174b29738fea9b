// SPDX-License-Identifier: BSD-3-Clause

/* A finding to one line of JSON, in the order of docs/record.md. What was not seen is left out. */

#include "export/reconcile.h"
#include "base/units.h"
#include "export/ja4.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA          1
#define WHY_BYTES       512
#define MIRROR_LOSS_PPM 10000 /* 1 % */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Takes over value, which may be NULL where memory ran out. */
static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static bool append(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0;
}

static json_t *whole(json_t *value, bool ok)
{
    if (ok)
        return value;
    json_decref(value);
    return NULL;
}

/* Text of a journal may be anything: what is not UTF-8 loses all its bytes beyond ASCII. */
static json_t *new_text(const char *text)
{
    json_t *value = json_string(text);
    if (value != NULL)
        return value;
    char *plain = strdup(text);
    if (plain == NULL)
        return NULL;
    for (char *c = plain; *c != '\0'; c++) {
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    }
    value = json_string(plain);
    free(plain);
    return value;
}

static json_t *new_time(int64_t ns)
{
    char text[SS_TIME_TEXT_MAX];
    return json_string(ss_time_format(ns, text));
}

static json_t *new_endpoint(const struct ss_endpoint *endpoint, const char *origin)
{
    char text[SS_IP_TEXT_MAX];
    json_t *object = json_object();
    bool ok = put(object, "ip", json_string(ss_ip_format(&endpoint->ip, text)));

    if (endpoint->port != 0)
        ok &= put(object, "port", json_integer(endpoint->port));
    if (origin != NULL)
        ok &= put(object, "origin", new_text(origin));
    return whole(object, ok);
}

static json_t *new_encap(const struct ss_finding *finding)
{
    json_t *array = json_array();
    bool ok = array != NULL;

    for (unsigned i = 0; i < finding->encap_count && i < SS_ENCAP_MAX; i++) {
        enum ss_encap_kind kind = (enum ss_encap_kind)finding->encap[i].kind;
        char text[64];
        if (kind == SS_ENCAP_IP || (kind == SS_ENCAP_GRE && finding->encap[i].id == 0)) /* no key */
            snprintf(text, sizeof(text), "%s", ss_encap_name(kind));
        else
            snprintf(text, sizeof(text), "%s:%u", ss_encap_name(kind), (unsigned)finding->encap[i].id);
        ok &= append(array, json_string(text));
    }
    return whole(array, ok);
}

static const char *visibility_name(unsigned visibility)
{
    static const char *const NAMES[] = {
        [SS_SEEN_BOTH] = "both", [SS_SEEN_CLIENT_ONLY] = "client", [SS_SEEN_SERVER_ONLY] = "server"};
    _Static_assert(COUNT_OF(NAMES) == SS_VISIBILITY_COUNT, "every visibility has its name");
    return NAMES[visibility];
}

/* A registered name, else the number as registries print it. */
static json_t *new_code(const char *name, unsigned number)
{
    char text[16];
    snprintf(text, sizeof(text), "0x%04x", number);
    return json_string(name != NULL ? name : text);
}

/* Names, each ended by a zero, then an empty one. */
static json_t *new_alpn(const char names[SS_ALPN_MAX])
{
    json_t *array = json_array();
    bool ok = array != NULL;

    for (const char *name = names; *name != '\0'; name += strlen(name) + 1)
        ok &= append(array, new_text(name));
    return whole(array, ok);
}

static json_t *new_ja4(const struct ss_ja4 *ja4)
{
    char text[SS_JA4_TEXT_MAX];
    return ss_ja4_print(ja4, text) ? json_string(text) : NULL;
}

static json_t *new_tls(const struct ss_finding_tls *tls)
{
    json_t *object = json_object();
    bool ok = object != NULL;

    if (tls->version != 0)
        ok &= put(object, "version", new_code(ss_tls_version_name(tls->version), tls->version));
    if (tls->cipher != 0)
        ok &= put(object, "cipher", new_code(ss_tls_cipher_name(tls->cipher), tls->cipher));
    if (tls->group != 0)
        ok &= put(object, "group", new_code(ss_tls_group_name(tls->group), tls->group));
    if (tls->sni[0] != '\0')
        ok &= put(object, "sni", new_text(tls->sni));
    if (tls->alpn[0] != '\0')
        ok &= put(object, "alpn", new_alpn(tls->alpn));
    if (tls->server_hello_seen || tls->hello_retry)
        ok &= put(object, "hello_retry", json_boolean(tls->hello_retry));
    if (tls->server_hello_seen)
        ok &= put(object, "resumed", json_boolean(tls->resumed));
    if (tls->hello_seen)
        ok &= put(object, "early_data", json_boolean(tls->early_data));
    if (tls->ech)
        ok &= put(object, "ech", json_true());
    if (tls->has_ja4)
        ok &= put(object, "ja4", new_ja4(&tls->ja4));
    return whole(object, ok);
}

static json_t *new_marks(const struct ss_finding *finding)
{
    json_t *object = json_object();
    bool ok = object != NULL;

    for (unsigned i = 0; i < SS_MARK_COUNT; i++) {
        if (finding->mark_ns[i] != SS_MARK_UNSEEN)
            ok &= put(object, ss_mark_name((enum ss_mark)i), json_integer(finding->mark_ns[i]));
    }
    return whole(object, ok);
}

static json_t *new_phases(const struct ss_judgement *judged)
{
    json_t *object = json_object();
    bool ok = object != NULL;

    for (unsigned i = 0; i < SS_PHASE_COUNT; i++) {
        if (judged->phase_ns[i] != SS_MARK_UNSEEN)
            ok &= put(object, ss_phase_name((enum ss_phase)i), json_integer(judged->phase_ns[i]));
    }
    return whole(object, ok);
}

/* All of them: a share of zero was measured. */
static json_t *new_shares(const struct ss_judgement *judged)
{
    json_t *object = json_object();
    bool ok = object != NULL;

    for (unsigned i = 0; i < SS_SHARE_COUNT; i++)
        ok &= put(object, ss_share_name((enum ss_share)i), json_integer(judged->share_ns[i]));
    return whole(object, ok);
}

/* The stretches of time that count for somebody by evidence, whatever phase they lie in. */
static json_t *new_evidence(const struct ss_finding *finding)
{
    json_t *array = json_array();
    bool ok = array != NULL;

    for (unsigned i = 0; i < finding->wait_count && i < SS_TIMELINE_WAITS; i++) {
        const struct ss_timeline_wait *wait = &finding->waits[i];
        enum ss_share share = ss_timeline_share((enum ss_evidence)wait->evidence, (enum ss_tap)finding->tap);
        json_t *row = json_object();
        bool row_ok = put(row, "what", json_string(ss_evidence_name((enum ss_evidence)wait->evidence)));
        row_ok &= put(row, "share", json_string(ss_share_name(share)));
        row_ok &= put(row, "from", json_integer(wait->from_ns));
        row_ok &= put(row, "to", json_integer(wait->to_ns));
        ok &= append(array, whole(row, row_ok));
    }
    return whole(array, ok);
}

/* Phases as their sender's own clock has them. */
static json_t *new_sender_clock(const struct ss_finding *finding)
{
    json_t *object = json_object();
    bool ok = object != NULL;

    for (unsigned i = 0; i < SS_PHASE_COUNT; i++) {
        if (finding->sent_ns[i] != SS_MARK_UNSEEN)
            ok &= put(object, ss_phase_name((enum ss_phase)i), json_integer(finding->sent_ns[i]));
    }
    return whole(object, ok);
}

static bool has_sender_clock(const struct ss_finding *finding)
{
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++) {
        if (finding->sent_ns[i] != SS_MARK_UNSEEN)
            return true;
    }
    return false;
}

static json_t *new_pending(const struct ss_judgement *judged)
{
    json_t *object = json_object();
    bool ok = put(object, "phase", json_string(ss_phase_name((enum ss_phase)judged->pending_phase)));

    ok &= put(object, "share", json_string(ss_share_name((enum ss_share)judged->pending_share)));
    ok &= put(object, "duration_ns", json_integer(judged->pending_ns));
    return whole(object, ok);
}

static json_t *new_lost(const struct ss_lost *lost)
{
    json_t *object = json_object();
    bool ok = put(object, "client_to_tap", json_integer(lost->client_to_tap));

    ok &= put(object, "tap_to_server", json_integer(lost->tap_to_server));
    ok &= put(object, "server_to_tap", json_integer(lost->server_to_tap));
    ok &= put(object, "tap_to_client", json_integer(lost->tap_to_client));
    return whole(object, ok);
}

static json_t *new_tcp(const struct ss_record *record)
{
    const struct ss_finding *finding = record->finding;
    json_t *object = json_object();
    bool ok = object != NULL;

    if (finding->rtt_ns != SS_MARK_UNSEEN)
        ok &= put(object, "rtt_ns", json_integer(finding->rtt_ns));
    ok &= put(object, "client_retransmits", json_integer(finding->client_retransmits));
    ok &= put(object, "server_retransmits", json_integer(finding->server_retransmits));
    ok &= put(object, "lost", new_lost(&finding->lost));
    ok &= put(object, "tap_missing_bytes", json_integer(finding->tap_missing_bytes));
    ok &= put(object, "mirror_duplicates", json_integer(finding->mirror_duplicates));
    if (finding->conflicts > 0)
        ok &= put(object, "conflicting_segments", json_integer(finding->conflicts));
    if (record->mirror_loss_ppm > 0)
        ok &= put(object, "mirror_loss_ppm", json_integer(record->mirror_loss_ppm));
    return whole(object, ok);
}

static uint32_t flags_of(const struct ss_record *record)
{
    return record->finding->flags | (record->event != NULL ? SS_FLAG_PROXY : 0);
}

static json_t *new_flags(uint32_t flags)
{
    json_t *array = json_array();
    bool ok = array != NULL;
    char text[SS_FLAG_TEXT_MAX];

    while (ss_slow_flag_next(&flags, text))
        ok &= append(array, json_string(text));
    return whole(array, ok);
}

static json_t *new_proxied(const struct ss_finding *finding)
{
    json_t *object = json_object();
    bool ok = put(object, "client", new_endpoint(&finding->proxied_client, NULL));

    ok &= put(object, "server", new_endpoint(&finding->proxied_server, NULL));
    return whole(object, ok);
}

/* The text at *at, which then stands behind its zero; NULL where none is left. */
static const char *next_text(const char *fields, size_t *at)
{
    const char *text = fields + *at;
    size_t length = strnlen(text, SS_EVENT_FIELDS_MAX - *at);

    if (*at + length >= SS_EVENT_FIELDS_MAX)
        return NULL;
    *at += length + 1;
    return text;
}

static json_t *new_fields(const char *fields)
{
    json_t *object = json_object();
    bool ok = object != NULL;
    size_t at = 0;

    for (;;) {
        const char *key = next_text(fields, &at);
        if (key == NULL || *key == '\0')
            break;
        const char *value = next_text(fields, &at);
        if (value == NULL)
            break;
        json_t *name = new_text(key); /* a key must be UTF-8 too */
        ok &= name != NULL && put(object, json_string_value(name), new_text(value));
        json_decref(name);
    }
    return whole(object, ok);
}

static bool put_reconciled(json_t *object, const struct ss_record *record)
{
    struct ss_reconciled reconciled = ss_reconcile(record);
    bool ok = put(object, "wire_ns", json_integer(reconciled.wire_ns));

    if (record->event->duration_ns >= 0)
        ok &= put(object, "difference_ns", json_integer(reconciled.difference_ns));
    return ok && put(object, "clock_offset_ns", json_integer(record->clock_offset_ns));
}

/* record: NULL where no flow was found to compare with. */
static json_t *new_proxy(const struct ss_event *event, const struct ss_record *record)
{
    json_t *object = json_object();
    bool ok = object != NULL;

    if (event->host[0] != '\0')
        ok &= put(object, "host", new_text(event->host));
    ok &= put(object, "time", new_time(event->time_ns));
    if (event->duration_ns >= 0)
        ok &= put(object, "duration_ns", json_integer(event->duration_ns));
    if (event->failed)
        ok &= put(object, "failed", json_true());
    if (record != NULL && event->client.port == 0)
        ok &= put(object, "no_port", json_true());
    if (record != NULL)
        ok &= put_reconciled(object, record);
    if (event->cursor[0] != '\0')
        ok &= put(object, "cursor", new_text(event->cursor));
    if (event->fields[0] != '\0')
        ok &= put(object, "fields", new_fields(event->fields));
    return whole(object, ok);
}

/* Whoever's bytes the mirror lost in that second, it may have lost some of this flow's that nobody misses.
 * And a report without a port may be about a connection that the mirror lost all of. */
static struct ss_opinion less_sure(struct ss_opinion opinion, const struct ss_record *record)
{
    if (record->mirror_loss_ppm >= MIRROR_LOSS_PPM && opinion.verdict != SS_VERDICT_NONE &&
        opinion.confidence > SS_CONFIDENCE_LOW)
        opinion.confidence--;
    if (record->event != NULL && record->event->client.port == 0 && opinion.confidence > SS_CONFIDENCE_MEDIUM)
        opinion.confidence = SS_CONFIDENCE_MEDIUM;
    return opinion;
}

struct ss_opinion ss_record_opinion(const struct ss_record *record)
{
    const struct ss_finding *finding = record->finding;

    if (record->event == NULL)
        return less_sure(
            (struct ss_opinion){(enum ss_verdict)finding->verdict, (enum ss_confidence)finding->confidence},
            record);
    struct ss_verdict_evidence evidence = ss_finding_evidence(finding);
    evidence.flags = flags_of(record);
    if (record->event->duration_ns >= 0)
        evidence.proxy_ns = record->event->duration_ns;
    return less_sure(ss_verdict_form(&finding->judged, &evidence), record);
}

static bool put_flow(json_t *object, const struct ss_record *record)
{
    const struct ss_finding *finding = record->finding;
    char id[SS_ID_TEXT_MAX];
    bool ok = put(object, "schema", json_integer(SCHEMA));

    ok &= put(object, "id", json_string(ss_finding_id(finding, id)));
    if (record->revision > 0)
        ok &= put(object, "revision", json_integer(record->revision));
    ok &= put(object, "sensor", new_text(record->sensor));
    ok &= put(object, "start", new_time(finding->start_ns));
    ok &= put(object, "clock", json_string(ss_clock_source_name((enum ss_clock_source)finding->clock)));
    ok &= put(object, "clock_error_ns", json_integer(finding->clock_error_ns));
    ok &= put(object, "client", new_endpoint(&finding->client, record->origin));
    ok &= put(object, "server", new_endpoint(&finding->server, NULL));
    if (finding->encap_count > 0)
        ok &= put(object, "encap", new_encap(finding));
    ok &= put(object, "visibility", json_string(visibility_name(finding->visibility)));
    if (finding->tls.hello_seen || finding->tls.server_hello_seen)
        ok &= put(object, "tls", new_tls(&finding->tls));
    return ok;
}

static bool put_times(json_t *object, const struct ss_finding *finding)
{
    const struct ss_judgement *judged = &finding->judged;
    char outcome[SS_OUTCOME_TEXT_MAX];
    bool ok = put(object, "outcome", json_string(ss_finding_outcome(finding, outcome)));

    ok &= put(object, "duration_ns", json_integer(judged->duration_ns));
    ok &= put(object, "marks", new_marks(finding));
    ok &= put(object, "phases", new_phases(judged));
    ok &= put(object, "shares", new_shares(judged));
    if (judged->pending_ns > 0 && judged->pending_phase < SS_PHASE_COUNT)
        ok &= put(object, "pending", new_pending(judged));
    if (finding->wait_count > 0)
        ok &= put(object, "evidence", new_evidence(finding));
    if (has_sender_clock(finding))
        ok &= put(object, "sender_clock", new_sender_clock(finding));
    return ok;
}

static bool put_opinion(json_t *object, const struct ss_record *record)
{
    struct ss_opinion opinion = ss_record_opinion(record);
    char why[WHY_BYTES];
    bool ok = put(object, "verdict", json_string(ss_verdict_name(opinion.verdict)));

    ok &= put(object, "confidence", json_string(ss_confidence_name(opinion.confidence)));
    ok &= put(object, "why", json_string(ss_record_why(record, why, sizeof(why))));
    ok &= put(object, "tcp", new_tcp(record));
    ok &= put(object, "flagged_by", new_flags(flags_of(record)));
    return ok;
}

static bool put_rest(json_t *object, const struct ss_record *record)
{
    bool ok = true;

    if (record->finding->has_proxied)
        ok &= put(object, "proxied", new_proxied(record->finding));
    if (record->event != NULL)
        ok &= put(object, "proxy", new_proxy(record->event, record));
    if (record->has_packets) {
        ok &= put(object, "packets", json_integer((json_int_t)record->packets));
        ok &= put(object, "packets_missing", json_integer((json_int_t)record->packets_missing));
    }
    if (record->pcapng != NULL)
        ok &= put(object, "pcapng", json_string(record->pcapng));
    if (record->pcapng_skipped != NULL)
        ok &= put(object, "pcapng_skipped", json_string(record->pcapng_skipped));
    return ok;
}

static char *print(json_t *object, bool ok)
{
    /* ASCII alone: telemetry and the section comment take nothing else. Keys stay as they were put in. */
    char *line = ok ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(object);
    return line;
}

char *ss_record_json(const struct ss_record *record)
{
    json_t *object = json_object();
    bool ok = put_flow(object, record);

    ok &= put_times(object, record->finding);
    ok &= put_opinion(object, record);
    ok &= put_rest(object, record);
    return print(object, ok);
}

static bool put_note(json_t *object, const struct ss_unmatched_note *note)
{
    bool ok = true;

    if (note->age_ns >= 0)
        ok &= put(object, "age_ns", json_integer(note->age_ns));
    if (note->missed_by_ns >= 0)
        ok &= put(object, "missed_by_ns", json_integer(note->missed_by_ns));
    if (note->events > 1)
        ok &= put(object, "events", json_integer(note->events));
    if (note->candidates > 0)
        ok &= put(object, "candidates", json_integer(note->candidates));
    return ok;
}

char *ss_unmatched_json(const char *sensor, const struct ss_event *event, const char *reason,
                        const char *about, const struct ss_unmatched_note *note)
{
    json_t *object = json_object();
    bool ok = put(object, "schema", json_integer(SCHEMA));

    ok &= put(object, "sensor", new_text(sensor));
    ok &= put(object, "reason", new_text(reason));
    ok &= put(object, "about", new_text(about));
    if (note != NULL)
        ok &= put_note(object, note);
    ok &= put(object, "client", new_endpoint(&event->client, NULL));
    if (event->has_proxied)
        ok &= put(object, "proxied_client", new_endpoint(&event->proxied_client, NULL));
    if (event->has_server)
        ok &= put(object, "server", new_endpoint(&event->server, NULL));
    if (event->sni[0] != '\0')
        ok &= put(object, "sni", new_text(event->sni));
    ok &= put(object, "proxy", new_proxy(event, NULL));
    return print(object, ok);
}
