// SPDX-License-Identifier: BSD-3-Clause
#include "journal/format.h"

#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS SS_NS_PER_MS
#define US SS_NS_PER_US

/* 2026-11-23T07:18:40Z, when every entry here was logged unless its row says otherwise */
#define LOGGED (1795418320 * SS_NS_PER_S)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A message and what becomes of it. */
struct row {
    const char *message;
    enum ss_format_result result;
    const char *client; /* as ss_endpoint_format has it */
    const char *server; /* NULL: has_server is false */
    int64_t duration_ns;
    enum ss_event_moment moment;
    int64_t time_ns; /* 0: LOGGED */
    int64_t resolution_ns;
};

static struct ss_format *create(const struct ss_config_journal *config)
{
    struct ss_format *format = NULL;
    char why[256] = "";
    int error = ss_format_create(config, &format, why, sizeof(why));
    if (error != 0)
        print_error("%s\n", why);
    assert_int_equal(error, 0);
    return format;
}

static struct ss_format *create_preset(enum ss_journal_format name, int64_t min_duration_ns)
{
    return create(&(struct ss_config_journal){.format = name, .min_duration_ns = min_duration_ns});
}

/* The message in memory of just its size, so that a read beyond it is seen. */
static enum ss_format_result apply(struct ss_format *format, const char *message, struct ss_event *ret_event)
{
    size_t length = strlen(message);
    char *copy = malloc(length > 0 ? length : 1);
    memcpy(copy, message, length);
    const struct ss_entry_field field = {"MESSAGE", copy, length};
    const struct ss_entry entry = {&field, 1, LOGGED};
    enum ss_format_result result = ss_format_apply(format, &entry, ret_event);
    free(copy);
    return result;
}

static void check_event(const struct row *row, const struct ss_event *event)
{
    char text[SS_ENDPOINT_TEXT_MAX];
    assert_string_equal(ss_endpoint_format(&event->client, text), row->client);
    assert_int_equal(event->has_server, row->server != NULL);
    if (row->server != NULL)
        assert_string_equal(ss_endpoint_format(&event->server, text), row->server);
    assert_int_equal(event->duration_ns, row->duration_ns);
    assert_int_equal(event->moment, row->moment);
    assert_int_equal(event->time_ns, row->time_ns != 0 ? row->time_ns : LOGGED);
    assert_int_equal(event->time_resolution_ns, row->resolution_ns != 0 ? row->resolution_ns : US);
    assert_int_equal(event->logged_ns, LOGGED);
}

static void check_rows(struct ss_format *format, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct ss_event event;
        memset(&event, 0x5a, sizeof(event));
        const struct ss_event untouched = event;
        enum ss_format_result result = apply(format, rows[i].message, &event);
        if (result != rows[i].result)
            print_error("%s\nis %s\n", rows[i].message, ss_format_result_name(result));
        assert_int_equal(result, rows[i].result);
        if (result == SS_FORMAT_EVENT)
            check_event(&rows[i], &event);
        else
            assert_memory_equal(&event, &untouched, sizeof(event));
    }
    ss_format_free(format);
}

static const char *field_of(const struct ss_event *event, const char *key)
{
    for (const char *at = event->fields; *at != '\0';) {
        const char *value = at + strlen(at) + 1;
        if (strcmp(at, key) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

#define ACCEPTED(text_ms) SS_EVENT_ACCEPTED, (text_ms)*MS, MS

/* Lines that HAProxy 2.6 wrote with the log-format of docs/proxies.md, and variants of it. */
static void haproxy_lines_of_keys_and_values_are_events(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"hs client_ip=127.0.0.1 client_port=41844 server_ip=127.0.0.1 server_port=7443 Th=3 "
         "accept=1795418318.224 "
         "Ti=1 Tt=4 fe=rec~ sslv=TLSv1.3 resumed=0 sni=-",
         SS_FORMAT_EVENT, "127.0.0.1:41844", "127.0.0.1:7443", 3 * MS, ACCEPTED(1795418318224)},
        {"hs client_ip=::1 client_port=50396 server_ip=::1 server_port=7443 Th=523 accept=1795418318.238",
         SS_FORMAT_EVENT, "[::1]:50396", "[::1]:7443", 523 * MS, ACCEPTED(1795418318238)},
        {"hs fe=fe_http~ cip=10.99.0.2 cport=46740 fip=10.99.0.1 fport=8443 Th=1 Ti=1 TR=0 Tq=2 Tt=2 "
         "sslv=TLSv1.3 "
         "acc=1795390095.593 ts=LR-- rtt=49 resumed=0",
         SS_FORMAT_EVENT, "10.99.0.2:46740", "10.99.0.1:8443", MS, ACCEPTED(1795390095593)},
        {"slowhs src=127.0.0.1:56510 dst=127.0.0.1:18443 cli=192.0.2.9:5555 acc_us=1795390095593123 "
         "th_ms=900 "
         "ti_ms=2 rtt_us=40 rtx=0",
         SS_FORMAT_EVENT, "127.0.0.1:56510", "127.0.0.1:18443", 900 * MS, SS_EVENT_ACCEPTED,
         1795390095593123 * US, US},
        {"slowhs th_ms=900 acc_us=1795390095593123 dst=2001:db8::1:443 src=2001:db8::2:50000",
         SS_FORMAT_EVENT, "[2001:db8::2]:50000", "[2001:db8::1]:443", 900 * MS, SS_EVENT_ACCEPTED,
         1795390095593123 * US, US},
        {"hs cli=192.0.2.9:5555 Th=12", SS_FORMAT_EVENT, "192.0.2.9:5555", NULL, 12 * MS, SS_EVENT_LOGGED, 0,
         0},
        {"hs src=- cli=192.0.2.9:5555 Th=12", SS_FORMAT_EVENT, "192.0.2.9:5555", NULL, 12 * MS,
         SS_EVENT_LOGGED, 0, 0},
        {"hs client_ip=10.99.0.2 client_port=46740 duration=301ms accept=1795390095", SS_FORMAT_EVENT,
         "10.99.0.2:46740", NULL, 301 * MS, SS_EVENT_ACCEPTED, 1795390095 * SS_NS_PER_S, SS_NS_PER_S},
        {"hs client_ip=::ffff:10.99.0.2 client_port=46740 duration_us=1500", SS_FORMAT_EVENT,
         "10.99.0.2:46740", NULL, 1500 * US, SS_EVENT_LOGGED, 0, 0},
        {"  hs   client_ip=10.99.0.2\tclient_port=\"46740\"   Th=1  ", SS_FORMAT_EVENT, "10.99.0.2:46740",
         NULL, MS, SS_EVENT_LOGGED, 0, 0},
        /* the first of a key counts: what follows may come from the client */
        {"hs src=10.99.0.2:1 Th=1 sni=a.example src=10.99.0.3:2 Th=9999", SS_FORMAT_EVENT, "10.99.0.2:1",
         NULL, MS, SS_EVENT_LOGGED, 0, 0},
        {"hs src=10.99.0.2:1 why=\"said \\\" Th=9999\" Th=7", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, 7 * MS,
         SS_EVENT_LOGGED, 0, 0},
        /* the listening address is no server */
        {"hs src=10.99.0.2:1 dst=0.0.0.0:443", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, -1, SS_EVENT_LOGGED, 0,
         0},
        {"hs client_ip=10.99.0.2 Th=5", SS_FORMAT_EVENT, "10.99.0.2", NULL, 5 * MS, SS_EVENT_LOGGED, 0, 0},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

static void haproxy_failed_handshakes_are_events(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"hs client_ip=127.0.0.1 client_port=41856 server_ip=127.0.0.1 server_port=7443 Th=0 "
         "accept=1795418318.380 "
         "Tt=0 fe=rec~ err=34 why=\"SSL handshake failure\"",
         SS_FORMAT_EVENT, "127.0.0.1:41856", "127.0.0.1:7443", 0, ACCEPTED(1795418318380)},
        {"hs client_ip=127.0.0.1 client_port=41872 server_ip=127.0.0.1 server_port=7443 Th=-1 "
         "accept=1795418318.519 "
         "Tt=2003 fe=rec~ err=26 why=\"Timeout during SSL handshake\"",
         SS_FORMAT_EVENT, "127.0.0.1:41872", "127.0.0.1:7443", -1, ACCEPTED(1795418318519)},
        {"hs src=10.99.0.2:1 duration=-1ms", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, -1, SS_EVENT_LOGGED, 0, 0},
        {"127.0.0.1:50702 [23/Nov/2026:07:18:40.624] web/1: SSL handshake failure", SS_FORMAT_EVENT,
         "127.0.0.1:50702", NULL, -1, ACCEPTED(1795418320624)},
        {"127.0.0.1:50706 [23/Nov/2026:07:18:38.967] web/1: Timeout during SSL handshake", SS_FORMAT_EVENT,
         "127.0.0.1:50706", NULL, -1, ACCEPTED(1795418318967)},
        {"2001:db8::1:50722 [23/Nov/2026:07:18:40.969] web/2: Connection closed during SSL handshake",
         SS_FORMAT_EVENT, "[2001:db8::1]:50722", NULL, -1, ACCEPTED(1795418320969)},
        {"127.0.0.1:50722 [23/Nov/2026:07:18:42.969] web/1: Proxy header too short", SS_FORMAT_NO_MATCH, NULL,
         NULL, 0, 0, 0, 0},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

/* The date is in the proxy's time zone: UTC, two hours ahead, five and a half ahead, three and a half behind.
 */
static void haproxy_default_lines_are_events_without_duration(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"127.0.0.1:50686 [23/Nov/2026:07:18:39.255] web~ web/<NOSRV> 0/-1/-1/-1/745 200 73 - - LR-- "
         "1/1/0/0/0 0/0 "
         "\"GET /?src=192.0.2.1:1 HTTP/1.1\"",
         SS_FORMAT_EVENT, "127.0.0.1:50686", NULL, -1, SS_EVENT_LOGGED, 1795418319255 * MS, MS},
        {"127.0.0.1:50030 [23/Nov/2026:07:18:38.285] webs~ webs/<NOSRV> 0/-1/-1/-1/+0 200 73 - - LR-- "
         "1/1/0/0/0 0/0 "
         "{evil src=192.0.2.1:1 Th=9} \"GET / HTTP/1.1\" 0/0000000000000000/0/0/0 "
         "-/TLSv1.3/TLS_AES_256_GCM_SHA384",
         SS_FORMAT_EVENT, "127.0.0.1:50030", NULL, -1, SS_EVENT_LOGGED, 1795418318285 * MS, MS},
        {"::1:49218 [23/Nov/2026:09:18:38.272] web~ web/s1 0/0/1/2/5 200 73 - - ---- 1/1/0/0/0 0/0 \"GET / "
         "HTTP/1.1\"",
         SS_FORMAT_EVENT, "[::1]:49218", NULL, -1, SS_EVENT_LOGGED, 1795418318272 * MS, MS},
        {"127.0.0.1:47522 [23/Nov/2026:12:48:38.296] tcp~ b/s 4/0/1004 66 -- 1/1/0/0/0 0/0", SS_FORMAT_EVENT,
         "127.0.0.1:47522", NULL, -1, ACCEPTED(1795418318296)},
        /* a connection that was open for three hours, of a proxy at UTC-3:30 */
        {"127.0.0.1:47522 [23/Nov/2026:00:48:40.000] tcp b/s 4/0/10800000 66 cD 1/1/0/0/0 0/0",
         SS_FORMAT_EVENT, "127.0.0.1:47522", NULL, -1, ACCEPTED(1795407520000)},
        {"Connect from 127.0.0.1:51882 to 127.0.0.1:7448 (nothing/HTTP)", SS_FORMAT_EVENT, "127.0.0.1:51882",
         "127.0.0.1:7448", -1, SS_EVENT_LOGGED, 0, 0},
        /* plain HTTP: there was no handshake */
        {"127.0.0.1:56378 [23/Nov/2026:07:18:38.300] plain plain/<NOSRV> 0/-1/-1/-1/0 200 73 - - LR-- "
         "2/1/0/0/0 0/0 "
         "\"GET / HTTP/1.1\"",
         SS_FORMAT_NO_MATCH, NULL, NULL, 0, 0, 0, 0},
        {"unix:1 [23/Nov/2026:07:18:38.300] u~ u/s 0/0/0/0/0 200 73 - - ---- 2/1/0/0/0 0/0 \"GET / "
         "HTTP/1.1\"",
         SS_FORMAT_NO_CLIENT, NULL, NULL, 0, 0, 0, 0},
        {"127.0.0.1:47522 [23/Foo/2026:12:48:38.296] tcp~ b/s 4/0/1004 66 -- 1/1/0/0/0 0/0",
         SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"127.0.0.1:47522 [23/anF/2026:12:48:38.296] tcp~ b/s 4/0/1004 66 -- 1/1/0/0/0 0/0",
         SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"Proxy web started.", SS_FORMAT_NO_MATCH, NULL, NULL, 0, 0, 0, 0},
        {"", SS_FORMAT_NO_MATCH, NULL, NULL, 0, 0, 0, 0},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

static void what_is_out_of_range_is_refused(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"hs src=10.99.0.2:65536 Th=1", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:0 Th=1", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs client_ip=10.99.0.2 client_port=x", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs client_ip=10.99.0.2 client_port=1.5", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 dst=10.99.0.1:70000", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 Th=-2", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 Th=-1.5", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 Th=1e3", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 Th=1795390095593", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 Th=99999999999999999999", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 duration=12", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 accept=12.5", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 accept=9999999999999", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.300:1 Th=1", SS_FORMAT_NO_CLIENT, NULL, NULL, 0, 0, 0, 0},
        {"hs src= Th=1", SS_FORMAT_NO_CLIENT, NULL, NULL, 0, 0, 0, 0},
        {"hs client_port=1 Th=1", SS_FORMAT_NO_MATCH, NULL, NULL, 0, 0, 0, 0},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

/* The 2nd request of a connection has Th=0; a handshake that timed out has lasted as long as its connection.
 */
static void what_lasted_less_than_the_minimum_is_short(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"hs src=10.99.0.2:1 Th=0", SS_FORMAT_SHORT, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 Th=299", SS_FORMAT_SHORT, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1", SS_FORMAT_SHORT, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 Th=-1", SS_FORMAT_SHORT, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 Th=-1 Tt=299", SS_FORMAT_SHORT, NULL, NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 Th=2 Tt=5000", SS_FORMAT_SHORT, NULL, NULL, 0, 0, 0, 0},
        {"127.0.0.1:50702 [23/Nov/2026:07:18:40.624] web/1: SSL handshake failure", SS_FORMAT_SHORT, NULL,
         NULL, 0, 0, 0, 0},
        {"hs src=10.99.0.2:1 Th=300", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, 300 * MS, SS_EVENT_LOGGED, 0, 0},
        {"hs src=10.99.0.2:1 Th=-1 Tt=10000", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, -1, SS_EVENT_LOGGED, 0,
         0},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 300 * MS), ROWS, COUNT_OF(ROWS));
}

static void a_plain_keepalive_line_is_an_event_when_there_is_no_minimum(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"hs src=10.99.0.2:1 Th=0", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, 0, SS_EVENT_LOGGED, 0, 0},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

static void the_other_presets_read_their_documented_lines(void **state)
{
    (void)state;
    static const struct row NGINX[] = {
        {"client_ip=192.0.2.7 client_port=51234 server_ip=198.51.100.1 server_port=443 duration_ms=- "
         "sni=a.example",
         SS_FORMAT_EVENT, "192.0.2.7:51234", "198.51.100.1:443", -1, SS_EVENT_LOGGED, 0, 0},
        {"2026/11/23 07:18:40 [info] 12#12: *5 SSL_do_handshake() failed (SSL: error:0A0000C1:SSL "
         "routines::no shared "
         "cipher) while SSL handshaking, client: 192.0.2.43, server: 0.0.0.0:443",
         SS_FORMAT_EVENT, "192.0.2.43", NULL, -1, SS_EVENT_LOGGED, 0, 0},
    };
    static const struct row ENVOY[] = {
        {"client=[2001:db8::2]:51234 server=[2001:db8::1]:443 duration_ms=842 accept=1795418319.001 "
         "sni=a.example",
         SS_FORMAT_EVENT, "[2001:db8::2]:51234", "[2001:db8::1]:443", 842 * MS, ACCEPTED(1795418319001)},
        {"client=192.0.2.7:51234 duration_ms=- accept=1795418319.001", SS_FORMAT_EVENT, "192.0.2.7:51234",
         NULL, -1, ACCEPTED(1795418319001)},
    };
    static const struct row CADDY[] = {
        {"{\"level\":\"info\",\"ts\":1795418319.5,\"logger\":\"http.log.access\",\"request\":{\"remote_ip\":"
         "\"192.0.2.7\",\"remote_port\":\"51234\",\"tls\":{\"server_name\":\"a.example\"}},\"duration\":0."
         "001}",
         SS_FORMAT_EVENT, "192.0.2.7:51234", NULL, -1, SS_EVENT_LOGGED, 0, 0},
        {"{\"level\":\"debug\",\"logger\":\"http.stdlib\",\"msg\":\"http: TLS handshake error from "
         "[2001:db8::2]:54106: remote error: tls: bad certificate\"}",
         SS_FORMAT_EVENT, "[2001:db8::2]:54106", NULL, -1, SS_EVENT_LOGGED, 0, 0},
    };
    static const struct row TRAEFIK[] = {
        {"{\"ClientAddr\":\"192.0.2.7:51234\",\"ClientHost\":\"203.0.113.9\",\"ClientPort\":\"1\","
         "\"Duration\":5}",
         SS_FORMAT_EVENT, "192.0.2.7:51234", NULL, -1, SS_EVENT_LOGGED, 0, 0},
        {"http: TLS handshake error from 127.0.0.1:54106: EOF", SS_FORMAT_EVENT, "127.0.0.1:54106", NULL, -1,
         SS_EVENT_LOGGED, 0, 0},
    };
    static const struct row TRACING[] = {
        {"{\"level\":\"WARN\",\"fields\":{\"message\":\"slow tls "
         "handshake\",\"peer_addr\":\"[2001:db8::1]:51515\","
         "\"elapsed_ms\":1532}}",
         SS_FORMAT_EVENT, "[2001:db8::1]:51515", NULL, 1532 * MS, SS_EVENT_LOGGED, 0, 0},
        {"{\"fields\":{\"peer_addr\":\"192.0.2.7:51515\",\"elapsed\":\"842.1ms\"}}", SS_FORMAT_EVENT,
         "192.0.2.7:51515", NULL, 842100 * US, SS_EVENT_LOGGED, 0, 0},
    };
    check_rows(create_preset(SS_FORMAT_NGINX, 0), NGINX, COUNT_OF(NGINX));
    check_rows(create_preset(SS_FORMAT_ENVOY, 0), ENVOY, COUNT_OF(ENVOY));
    check_rows(create_preset(SS_FORMAT_CADDY, 0), CADDY, COUNT_OF(CADDY));
    check_rows(create_preset(SS_FORMAT_TRAEFIK, 0), TRAEFIK, COUNT_OF(TRAEFIK));
    check_rows(create_preset(SS_FORMAT_TRACING, 0), TRACING, COUNT_OF(TRACING));
}

static void a_regular_expression_takes_its_named_groups(void **state)
{
    (void)state;
    static char pattern[] = "(?:slow|late) (?<client>\\S+)(?: to (?<server_ip>\\S+) (?<server_port>\\d+))? "
                            "(?<duration>[\\d.a-z\xc2\xb5]+) (?<color>\\w+)(?: (?<sni>\\S+))?";
    static const struct row ROWS[] = {
        {"it was slow 192.0.2.7:51234 to 198.51.100.1 443 1.532s red a.example", SS_FORMAT_EVENT,
         "192.0.2.7:51234", "198.51.100.1:443", 1532 * MS, SS_EVENT_LOGGED, 0, 0},
        {"late [2001:db8::7]:51234 93\xc2\xb5s blue", SS_FORMAT_EVENT, "[2001:db8::7]:51234", NULL, 93 * US,
         SS_EVENT_LOGGED, 0, 0},
        {"slow 192.0.2.7 1m2.5s red", SS_FORMAT_EVENT, "192.0.2.7", NULL, 62500 * MS, SS_EVENT_LOGGED, 0, 0},
        {"slow nobody 1s red", SS_FORMAT_NO_CLIENT, NULL, NULL, 0, 0, 0, 0},
        {"slow 192.0.2.7:1 99h red", SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"quick 192.0.2.7:51234 1.532s red", SS_FORMAT_NO_MATCH, NULL, NULL, 0, 0, 0, 0},
    };
    check_rows(create(&(struct ss_config_journal){.format = SS_FORMAT_REGEX, .regex = pattern}), ROWS,
               COUNT_OF(ROWS));

    struct ss_format *format =
        create(&(struct ss_config_journal){.format = SS_FORMAT_REGEX, .regex = pattern});
    struct ss_event event;
    assert_int_equal(apply(format, ROWS[0].message, &event), SS_FORMAT_EVENT);
    assert_string_equal(event.sni, "a.example");
    assert_string_equal(field_of(&event, "color"), "red");
    assert_string_equal(field_of(&event, "duration"), "1.532s");
    ss_format_free(format);
}

static void a_regular_expression_that_backtracks_for_ever_is_given_up(void **state)
{
    (void)state;
    static char pattern[] = "^(?<client>(?:\\w+\\s?)*)$";
    static const struct row ROWS[] = {
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
         SS_FORMAT_NO_MATCH, NULL, NULL, 0, 0, 0, 0},
    };
    check_rows(create(&(struct ss_config_journal){.format = SS_FORMAT_REGEX, .regex = pattern}), ROWS,
               COUNT_OF(ROWS));
}

static void json_pointers_find_strings_and_numbers(void **state)
{
    (void)state;
    static char client[] = "/peers/0/addr~1port", server_ip[] = "/server/ip", server_port[] = "/server/port",
                duration[] = "/tls/handshake~0s", sni[] = "/tls/";
    static const struct row ROWS[] = {
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"server\":{\"ip\":\"198.51.100.1\",\"port\":443},"
         "\"tls\":{\"handshake~s\":0.3,\"\":\"a.example\"}}",
         SS_FORMAT_EVENT, "192.0.2.7:51234", "198.51.100.1:443", 300 * MS, SS_EVENT_LOGGED, 0, 0},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"tls\":{\"handshake~s\":\"1.532\"}}",
         SS_FORMAT_EVENT, "192.0.2.7:51234", NULL, 1532 * MS, SS_EVENT_LOGGED, 0, 0},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"tls\":{\"handshake~s\":-1}}", SS_FORMAT_EVENT,
         "192.0.2.7:51234", NULL, -1, SS_EVENT_LOGGED, 0, 0},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"tls\":{\"handshake~s\":null}}", SS_FORMAT_EVENT,
         "192.0.2.7:51234", NULL, -1, SS_EVENT_LOGGED, 0, 0},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"tls\":{\"handshake~s\":1e300}}",
         SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"tls\":{\"handshake~s\":1795418319}}",
         SS_FORMAT_BAD_NUMBER, NULL, NULL, 0, 0, 0, 0},
        {"{\"peers\":[],\"server\":{\"port\":443}}", SS_FORMAT_NO_CLIENT, NULL, NULL, 0, 0, 0, 0},
        {"{\"peers\":{\"0\":{\"addr/port\":true}}}", SS_FORMAT_NO_MATCH, NULL, NULL, 0, 0, 0, 0},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}]", SS_FORMAT_NO_MATCH, NULL, NULL, 0, 0, 0, 0},
        {"plain text", SS_FORMAT_NO_MATCH, NULL, NULL, 0, 0, 0, 0},
    };
    check_rows(create(&(struct ss_config_journal){.format = SS_FORMAT_JSON,
                                                  .pointers = {[SS_KEY_CLIENT] = client,
                                                               [SS_KEY_SERVER_IP] = server_ip,
                                                               [SS_KEY_SERVER_PORT] = server_port,
                                                               [SS_KEY_DURATION_S] = duration,
                                                               [SS_KEY_SNI] = sni}}),
               ROWS, COUNT_OF(ROWS));
}

static void journal_fields_are_read_by_name(void **state)
{
    (void)state;
    static char ip[] = "F_IP", port[] = "F_PORT", duration[] = "F_NS";
    struct ss_format *format = create(&(struct ss_config_journal){
        .format = SS_FORMAT_FIELDS,
        .pointers = {[SS_KEY_CLIENT_IP] = ip, [SS_KEY_CLIENT_PORT] = port, [SS_KEY_DURATION_NS] = duration}});
    const char *const *names = ss_format_fields(format);
    assert_string_equal(names[0], "F_IP");
    assert_string_equal(names[1], "F_PORT");
    assert_string_equal(names[2], "F_NS");
    assert_null(names[3]);

    const struct ss_entry_field fields[] = {
        {"F_NS", "523000001!", 9}, {"F_PORT", "51234", 5}, {"F_IP", "2001:db8::7", 11}};
    const struct ss_entry entry = {fields, 3, LOGGED}, no_ip = {fields, 2, LOGGED},
                          empty = {fields, 0, LOGGED};
    struct ss_event event;
    char text[SS_ENDPOINT_TEXT_MAX];
    assert_int_equal(ss_format_apply(format, &entry, &event), SS_FORMAT_EVENT);
    assert_string_equal(ss_endpoint_format(&event.client, text), "[2001:db8::7]:51234");
    assert_int_equal(event.duration_ns, 523000001);
    assert_string_equal(field_of(&event, "client_port"), "51234");
    assert_int_equal(ss_format_apply(format, &no_ip, &event), SS_FORMAT_NO_CLIENT);
    assert_int_equal(ss_format_apply(format, &empty, &event), SS_FORMAT_NO_MATCH);
    ss_format_free(format);
}

static void tracing_reads_journal_fields_before_the_message(void **state)
{
    (void)state;
    struct ss_format *format = create_preset(SS_FORMAT_TRACING, 0);
    const struct ss_entry_field fields[] = {{"MESSAGE", "slow tls handshake", 18},
                                            {"F_PEER_ADDR", "192.0.2.7:51515", 15},
                                            {"F_HANDSHAKE_MS", "842", 3}};
    const struct ss_entry entry = {fields, 3, LOGGED};
    struct ss_event event;
    char text[SS_ENDPOINT_TEXT_MAX];
    assert_int_equal(ss_format_apply(format, &entry, &event), SS_FORMAT_EVENT);
    assert_string_equal(ss_endpoint_format(&event.client, text), "192.0.2.7:51515");
    assert_int_equal(event.duration_ns, 842 * MS);
    ss_format_free(format);
}

static void all_of_a_haproxy_line_is_kept_for_the_record(void **state)
{
    (void)state;
    struct ss_format *format = create_preset(SS_FORMAT_HAPROXY, 0);
    struct ss_event event;
    assert_int_equal(
        apply(format, "hs src=10.99.0.2:1 Th=1 ts=LR-- why=\"a b\" sni=\x01\xc3\xa4.example =x", &event),
        SS_FORMAT_EVENT);
    assert_string_equal(field_of(&event, "src"), "10.99.0.2:1");
    assert_string_equal(field_of(&event, "ts"), "LR--");
    assert_string_equal(field_of(&event, "why"), "a b");
    assert_string_equal(field_of(&event, "sni"), "???.example");
    assert_string_equal(event.sni, "???.example");
    assert_null(field_of(&event, "hs"));
    ss_format_free(format);
}

static void fields_that_do_not_fit_are_left_out(void **state)
{
    (void)state;
    char line[8192] = "hs src=10.99.0.2:1 Th=1 sni=";
    memset(line + strlen(line), 's', 300);
    for (int i = 0; i < 100; i++)
        snprintf(line + strlen(line), sizeof(line) - strlen(line), " key%d=%060d", i, i);
    struct ss_format *format = create_preset(SS_FORMAT_HAPROXY, 0);
    struct ss_event event;
    memset(&event, 0x5a, sizeof(event));
    assert_int_equal(apply(format, line, &event), SS_FORMAT_EVENT);
    assert_int_equal(strlen(event.sni), sizeof(event.sni) - 1);
    assert_int_equal(strlen(field_of(&event, "sni")), 255);
    assert_non_null(field_of(&event, "key9"));
    assert_null(field_of(&event, "key99"));
    ss_format_free(format);
}

static void a_format_that_cannot_be_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static char open[] = "(?<client>\\S+", none[] = "(?<who>\\S+)", pointer[] = "client", tilde[] = "/a~2",
                field[] = "f_ip", good[] = "/duration";
    static const struct {
        struct ss_config_journal config;
        const char *says;
    } ROWS[] = {
        {{.format = SS_FORMAT_REGEX, .regex = open}, "offset 13"},
        {{.format = SS_FORMAT_REGEX, .regex = none}, "no group named client"},
        {{.format = SS_FORMAT_REGEX}, "no regular expression"},
        {{.format = SS_FORMAT_JSON, .pointers = {[SS_KEY_CLIENT] = pointer}},
         "client is \"client\", which is no JSON"},
        {{.format = SS_FORMAT_JSON, .pointers = {[SS_KEY_CLIENT] = tilde}}, "no JSON pointer"},
        {{.format = SS_FORMAT_JSON, .pointers = {[SS_KEY_DURATION_MS] = good}}, "neither where client"},
        {{.format = SS_FORMAT_FIELDS, .pointers = {[SS_KEY_CLIENT_IP] = field}}, "client_ip is \"f_ip\""},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_format *format = NULL;
        char why[256] = "";
        assert_int_equal(ss_format_create(&ROWS[i].config, &format, why, sizeof(why)), -EINVAL);
        assert_null(format);
        if (strstr(why, ROWS[i].says) == NULL)
            print_error("%s\n", why);
        assert_non_null(strstr(why, ROWS[i].says));
    }
}

static void every_result_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SS_FORMAT_RESULT_COUNT; i++)
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(ss_format_result_name(i), ss_format_result_name(j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(haproxy_lines_of_keys_and_values_are_events),
        cmocka_unit_test(haproxy_failed_handshakes_are_events),
        cmocka_unit_test(haproxy_default_lines_are_events_without_duration),
        cmocka_unit_test(what_is_out_of_range_is_refused),
        cmocka_unit_test(what_lasted_less_than_the_minimum_is_short),
        cmocka_unit_test(a_plain_keepalive_line_is_an_event_when_there_is_no_minimum),
        cmocka_unit_test(the_other_presets_read_their_documented_lines),
        cmocka_unit_test(a_regular_expression_takes_its_named_groups),
        cmocka_unit_test(a_regular_expression_that_backtracks_for_ever_is_given_up),
        cmocka_unit_test(json_pointers_find_strings_and_numbers),
        cmocka_unit_test(journal_fields_are_read_by_name),
        cmocka_unit_test(tracing_reads_journal_fields_before_the_message),
        cmocka_unit_test(all_of_a_haproxy_line_is_kept_for_the_record),
        cmocka_unit_test(fields_that_do_not_fit_are_left_out),
        cmocka_unit_test(a_format_that_cannot_be_is_refused_with_a_sentence),
        cmocka_unit_test(every_result_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
