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
    bool failed;
    const char *proxied; /* NULL: has_proxied is false */
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

static char *repeat(const char *head, const char *text, size_t count, const char *tail)
{
    size_t length = strlen(text), used = strlen(head);
    char *line = malloc(used + count * length + strlen(tail) + 1);
    assert_non_null(line);
    memcpy(line, head, used);
    for (size_t i = 0; i < count; i++, used += length)
        memcpy(line + used, text, length);
    memcpy(line + used, tail, strlen(tail) + 1);
    return line;
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
    assert_int_equal(event->failed, row->failed);
    assert_int_equal(event->has_proxied, row->proxied != NULL);
    if (row->proxied != NULL)
        assert_string_equal(ss_endpoint_format(&event->proxied_client, text), row->proxied);
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
#define LOGGED_THEN       SS_EVENT_LOGGED, 0, 0
#define FINE              false, NULL
#define FAILED            true, NULL
#define REFUSED           NULL, NULL, 0, 0, 0, 0, false, NULL

/* Lines that HAProxy 2.6 wrote with the log-format of docs/proxies.md, and variants of it. */
static void haproxy_lines_of_keys_and_values_are_events(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"hs client_ip=127.0.0.1 client_port=41844 server_ip=127.0.0.1 server_port=7443 Th=3 "
         "accept=1795418318.224 "
         "Ti=1 Tt=4 fe=rec~ sslv=TLSv1.3 resumed=0 sni=-",
         SS_FORMAT_EVENT, "127.0.0.1:41844", "127.0.0.1:7443", 3 * MS, ACCEPTED(1795418318224), FINE},
        {"hs client_ip=::1 client_port=50396 server_ip=::1 server_port=7443 Th=523 accept=1795418318.238",
         SS_FORMAT_EVENT, "[::1]:50396", "[::1]:7443", 523 * MS, ACCEPTED(1795418318238), FINE},
        {"hs fe=fe_http~ cip=10.99.0.2 cport=46740 fip=10.99.0.1 fport=8443 Th=1 Ti=1 TR=0 Tq=2 Tt=2 "
         "sslv=TLSv1.3 "
         "acc=1795390095.593 ts=LR-- rtt=49 resumed=0",
         SS_FORMAT_EVENT, "10.99.0.2:46740", "10.99.0.1:8443", MS, ACCEPTED(1795390095593), FINE},
        {"slowhs src=127.0.0.1:56510 dst=127.0.0.1:18443 cli=192.0.2.9:5555 acc_us=1795390095593123 "
         "th_ms=900 "
         "ti_ms=2 rtt_us=40 rtx=0",
         SS_FORMAT_EVENT, "127.0.0.1:56510", "127.0.0.1:18443", 900 * MS, SS_EVENT_ACCEPTED,
         1795390095593123 * US, US, false, "192.0.2.9:5555"},
        {"slowhs th_ms=900 acc_us=1795390095593123 dst=2001:db8::1:443 src=2001:db8::2:50000",
         SS_FORMAT_EVENT, "[2001:db8::2]:50000", "[2001:db8::1]:443", 900 * MS, SS_EVENT_ACCEPTED,
         1795390095593123 * US, US, FINE},
        {"hs cli=192.0.2.9:5555 Th=12", SS_FORMAT_EVENT, "192.0.2.9:5555", NULL, 12 * MS, SS_EVENT_LOGGED, 0,
         0, false, "192.0.2.9:5555"},
        {"hs src=- cli=192.0.2.9:5555 Th=12", SS_FORMAT_EVENT, "192.0.2.9:5555", NULL, 12 * MS,
         SS_EVENT_LOGGED, 0, 0, false, "192.0.2.9:5555"},
        {"hs client_ip=10.99.0.2 client_port=46740 duration=301ms accept=1795390095", SS_FORMAT_EVENT,
         "10.99.0.2:46740", NULL, 301 * MS, SS_EVENT_ACCEPTED, 1795390095 * SS_NS_PER_S, SS_NS_PER_S, false,
         NULL},
        {"hs client_ip=::ffff:10.99.0.2 client_port=46740 duration_us=1500", SS_FORMAT_EVENT,
         "10.99.0.2:46740", NULL, 1500 * US, LOGGED_THEN, FINE},
        {"  hs   client_ip=10.99.0.2\tclient_port=\"46740\"   Th=1  ", SS_FORMAT_EVENT, "10.99.0.2:46740",
         NULL, MS, LOGGED_THEN, FINE},
        /* the first of a key counts: what follows may come from the client */
        {"hs src=10.99.0.2:1 Th=1 sni=a.example src=10.99.0.3:2 Th=9999", SS_FORMAT_EVENT, "10.99.0.2:1",
         NULL, MS, LOGGED_THEN, FINE},
        {"hs src=10.99.0.2:1 note=\"said \\\" Th=9999\" Th=7", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, 7 * MS,
         LOGGED_THEN, FINE},
        /* a listening address tells the port */
        {"hs src=10.99.0.2:1 dst=0.0.0.0:443", SS_FORMAT_EVENT, "10.99.0.2:1", "0.0.0.0:443", -1,
         SS_EVENT_LOGGED, 0, 0, FINE},
        {"hs client_ip=10.99.0.2 Th=5", SS_FORMAT_EVENT, "10.99.0.2", NULL, 5 * MS, SS_EVENT_LOGGED, 0, 0,
         FINE},
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
         SS_FORMAT_EVENT, "127.0.0.1:41856", "127.0.0.1:7443", -1, ACCEPTED(1795418318380), FAILED},
        {"hs client_ip=127.0.0.1 client_port=41872 server_ip=127.0.0.1 server_port=7443 Th=-1 "
         "accept=1795418318.519 "
         "Tt=2003 fe=rec~ err=26 why=\"Timeout during SSL handshake\"",
         SS_FORMAT_EVENT, "127.0.0.1:41872", "127.0.0.1:7443", -1, ACCEPTED(1795418318519), FAILED},
        {"hs src=10.99.0.2:1 duration=-1ms", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, -1, SS_EVENT_LOGGED, 0, 0,
         FAILED},
        {"127.0.0.1:50702 [23/Nov/2026:07:18:40.624] web/1: SSL handshake failure", SS_FORMAT_EVENT,
         "127.0.0.1:50702", NULL, -1, ACCEPTED(1795418320624), FAILED},
        {"127.0.0.1:50706 [23/Nov/2026:07:18:38.967] web/1: Timeout during SSL handshake", SS_FORMAT_EVENT,
         "127.0.0.1:50706", NULL, -1, ACCEPTED(1795418318967), FAILED},
        {"2001:db8::1:50722 [23/Nov/2026:07:18:40.969] web/2: Connection closed during SSL handshake",
         SS_FORMAT_EVENT, "[2001:db8::1]:50722", NULL, -1, ACCEPTED(1795418320969), FAILED},
        {"127.0.0.1:50722 [23/Nov/2026:07:18:42.969] web/1: Proxy header too short", SS_FORMAT_NO_MATCH,
         REFUSED},
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
         SS_FORMAT_EVENT, "127.0.0.1:50686", NULL, -1, SS_EVENT_LOGGED, 1795418319255 * MS, MS, FINE},
        {"127.0.0.1:50030 [23/Nov/2026:07:18:38.285] webs~ webs/<NOSRV> 0/-1/-1/-1/+0 200 73 - - LR-- "
         "1/1/0/0/0 0/0 "
         "{evil src=192.0.2.1:1 Th=9} \"GET / HTTP/1.1\" 0/0000000000000000/0/0/0 "
         "-/TLSv1.3/TLS_AES_256_GCM_SHA384",
         SS_FORMAT_EVENT, "127.0.0.1:50030", NULL, -1, SS_EVENT_LOGGED, 1795418318285 * MS, MS, FINE},
        {"::1:49218 [23/Nov/2026:09:18:38.272] web~ web/s1 0/0/1/2/5 200 73 - - ---- 1/1/0/0/0 0/0 \"GET / "
         "HTTP/1.1\"",
         SS_FORMAT_EVENT, "[::1]:49218", NULL, -1, SS_EVENT_LOGGED, 1795418318272 * MS, MS, FINE},
        {"127.0.0.1:47522 [23/Nov/2026:12:48:38.296] tcp~ b/s 4/0/1004 66 -- 1/1/0/0/0 0/0", SS_FORMAT_EVENT,
         "127.0.0.1:47522", NULL, -1, ACCEPTED(1795418318296), FINE},
        /* a connection that was open for three hours, of a proxy at UTC-3:30 */
        {"127.0.0.1:47522 [23/Nov/2026:00:48:40.000] tcp b/s 4/0/10800000 66 cD 1/1/0/0/0 0/0",
         SS_FORMAT_EVENT, "127.0.0.1:47522", NULL, -1, ACCEPTED(1795407520000), FINE},
        {"Connect from 127.0.0.1:51882 to 127.0.0.1:7448 (nothing/HTTP)", SS_FORMAT_EVENT, "127.0.0.1:51882",
         "127.0.0.1:7448", -1, LOGGED_THEN, FINE},
        /* plain HTTP: there was no handshake */
        {"127.0.0.1:56378 [23/Nov/2026:07:18:38.300] plain plain/<NOSRV> 0/-1/-1/-1/0 200 73 - - LR-- "
         "2/1/0/0/0 0/0 "
         "\"GET / HTTP/1.1\"",
         SS_FORMAT_NO_MATCH, REFUSED},
        {"unix:1 [23/Nov/2026:07:18:38.300] u~ u/s 0/0/0/0/0 200 73 - - ---- 2/1/0/0/0 0/0 \"GET / "
         "HTTP/1.1\"",
         SS_FORMAT_NO_CLIENT, REFUSED},
        {"127.0.0.1:47522 [23/Foo/2026:12:48:38.296] tcp~ b/s 4/0/1004 66 -- 1/1/0/0/0 0/0",
         SS_FORMAT_BAD_NUMBER, REFUSED},
        {"127.0.0.1:47522 [23/anF/2026:12:48:38.296] tcp~ b/s 4/0/1004 66 -- 1/1/0/0/0 0/0",
         SS_FORMAT_BAD_NUMBER, REFUSED},
        {"Proxy web started.", SS_FORMAT_NO_MATCH, REFUSED},
        {"", SS_FORMAT_NO_MATCH, REFUSED},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

static void what_is_out_of_range_is_refused(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"hs src=10.99.0.2:65536 Th=1", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs src=10.99.0.2:0 Th=1", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs client_ip=10.99.0.2 client_port=x", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs client_ip=10.99.0.2 client_port=1.5", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs src=10.99.0.2:1 dst=10.99.0.1:70000", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs src=10.99.0.2:1 Th=-2", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs src=10.99.0.2:1 Th=-1.5", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs src=10.99.0.2:1 Th=1e3", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs src=10.99.0.2:1 Th=1795390095593", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs src=10.99.0.2:1 Th=99999999999999999999", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs src=10.99.0.2:1 duration=12", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs src=10.99.0.2:1 accept=12.5", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs src=10.99.0.2:1 accept=9999999999999", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"hs src=10.99.0.300:1 Th=1", SS_FORMAT_NO_CLIENT, REFUSED},
        {"hs src= Th=1", SS_FORMAT_NO_CLIENT, REFUSED},
        {"hs client_port=1 Th=1", SS_FORMAT_NO_MATCH, REFUSED},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

/* The 2nd request of a connection has Th=0; a handshake that timed out has lasted as long as its connection.
 */
static void what_lasted_less_than_the_minimum_is_short(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"hs src=10.99.0.2:1 Th=0", SS_FORMAT_SHORT, REFUSED},
        {"hs src=10.99.0.2:1 Th=299", SS_FORMAT_SHORT, REFUSED},
        {"hs src=10.99.0.2:1", SS_FORMAT_NO_DURATION, REFUSED},
        {"hs src=10.99.0.2:1 Th=-1", SS_FORMAT_NO_DURATION, REFUSED},
        {"hs src=10.99.0.2:1 Th=-1 Tt=299", SS_FORMAT_SHORT, REFUSED},
        {"hs src=10.99.0.2:1 Th=2 Tt=5000", SS_FORMAT_SHORT, REFUSED},
        {"127.0.0.1:50702 [23/Nov/2026:07:18:40.624] web/1: SSL handshake failure", SS_FORMAT_NO_DURATION,
         REFUSED},
        {"hs src=10.99.0.2:1 Th=300", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, 300 * MS, SS_EVENT_LOGGED, 0, 0,
         FINE},
        {"hs src=10.99.0.2:1 Th=-1 Tt=10000", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, -1, SS_EVENT_LOGGED, 0, 0,
         FAILED},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 300 * MS), ROWS, COUNT_OF(ROWS));
}

static void a_duration_of_nothing_may_be_that_of_a_later_request(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"hs src=10.99.0.2:1 Th=0", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, -1, LOGGED_THEN, FINE},
        {"hs src=10.99.0.2:1 Th=0 accept=1795418318.224", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, -1,
         SS_EVENT_LOGGED, 1795418318224 * MS, MS, FINE},
        {"hs src=10.99.0.2:1 Th=- accept=1795418318.224", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, -1,
         SS_EVENT_LOGGED, 1795418318224 * MS, MS, FINE},
        {"hs src=10.99.0.2:1 Th=1 accept=1795418318.224", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, MS,
         ACCEPTED(1795418318224), FINE},
        {"hs src=10.99.0.2:1 accept=1795418318.224", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, -1,
         ACCEPTED(1795418318224), FINE},
        {"hs src=10.99.0.2:1 Th=0 accept=1795418318.224 err=34", SS_FORMAT_EVENT, "10.99.0.2:1", NULL, -1,
         ACCEPTED(1795418318224), FAILED},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

#define FORGED "client_ip=192.0.2.10 client_port=35518 duration_ms=9000"

/* Lines that the proxies write of themselves, as they are set up without docs/proxies.md. */
static void a_line_of_another_kind_is_no_event_whatever_a_client_wrote(void **state)
{
    (void)state;
    static const struct {
        enum ss_journal_format format;
        const char *message;
    } ROWS[] = {
        /* nginx 1.22, error_log at level info: a request, and text that is not quoted */
        {SS_FORMAT_NGINX, "2026/11/28 01:20:35 [info] 13320#13320: *6 client sent invalid request while "
                          "reading client request line, client: 192.0.2.7, server: , request: \"GET / " FORGED
                          " x HTTP/1.1\""},
        {SS_FORMAT_NGINX, "[info] 13320#13320: *6 client sent invalid request while reading client request "
                          "line, client: 192.0.2.7, server: , request: \"GET / " FORGED " x HTTP/1.1\""},
        {SS_FORMAT_NGINX, "2026/11/28 01:20:35 [error] 13320#13320: *6 no user " FORGED " x"},
        /* combined: the user's name, the request, the user agent */
        {SS_FORMAT_NGINX, "192.0.2.7 - " FORGED " [28/Nov/2026:01:20:35 +0000] \"GET / HTTP/1.1\" 200 5 "
                          "\"-\" \"curl\""},
        {SS_FORMAT_NGINX, "192.0.2.7 - - [28/Nov/2026:01:20:35 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" "
                          "\"curl " FORGED " x\""},
        {SS_FORMAT_NGINX, "www.example:443 192.0.2.7 - " FORGED " [28/Nov/2026:01:20:35 +0000] \"GET /\""},
        /* httplog of a frontend without TLS, with captured headers, and clf */
        {SS_FORMAT_HAPROXY, "192.0.2.7:50030 [23/Nov/2026:07:18:38.285] web web/s1 0/0/0/1/1 200 73 - - ---- "
                            "1/1/0/0/0 0/0 {evil " FORGED " x} \"GET / HTTP/1.1\""},
        {SS_FORMAT_HAPROXY, "192.0.2.7:50030 [23/Nov/2026:07:18:38.285] web web/s1 0/0/0/1/1 200 73 - - ---- "
                            "1/1/0/0/0 0/0 \"GET / " FORGED " x HTTP/1.1\""},
        {SS_FORMAT_HAPROXY, "192.0.2.7:50030 [23/Nov/2026:07:18:38.285] web/1: odd " FORGED},
        {SS_FORMAT_HAPROXY, "192.0.2.7 - - [23/Nov/2026:07:18:38 +0000] \"GET / " FORGED " x HTTP/1.1\" 200"},
        {SS_FORMAT_ENVOY, "[2026-11-23T07:18:38.285Z] \"GET / " FORGED " x HTTP/1.1\" 200 - 0 5 1 1 \"-\" "
                          "\"curl " FORGED " x\" \"-\" \"www.example\" \"10.0.0.1:80\""},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_format *format = create_preset(ROWS[i].format, 0);
        char *long_line = repeat(ROWS[i].message, " " FORGED, 200, "");
        struct ss_event event;
        if (apply(format, ROWS[i].message, &event) != SS_FORMAT_NO_MATCH)
            print_error("%s\n", ROWS[i].message);
        assert_int_equal(apply(format, ROWS[i].message, &event), SS_FORMAT_NO_MATCH);
        assert_int_not_equal(apply(format, long_line, &event), SS_FORMAT_EVENT);
        free(long_line);
        ss_format_free(format);
    }
}

/* Behind what the proxy itself tells: a quote or brace, and anything behind the server name. */
static void what_a_client_wrote_becomes_no_pair(void **state)
{
    (void)state;
    static const char *const TAILS[] = {
        " sni=x client=192.0.2.10:35518 duration_ns=9000000000 accepted=1 server=10.0.0.1:443 error=x",
        " sni=\"x\" client=192.0.2.10:35518 duration_ns=9000000000 accepted=1 server=10.0.0.1:443 error=x",
        " ssl_fc_sni=x client=192.0.2.10:35518 duration_ns=9000000000 server=10.0.0.1:443 error=x",
        " \"GET / client=192.0.2.10:35518 server=10.0.0.1:443 error=x\"",
        " {x client=192.0.2.10:35518 server=10.0.0.1:443 error=x}",
        " ua={x client=192.0.2.10:35518 server=10.0.0.1:443 error=x}",
        " ua=\"x\"y client=192.0.2.10:35518 server=10.0.0.1:443 error=x",
        " path=/\" client=192.0.2.10:35518 server=10.0.0.1:443 error=x",
        " GET:\"x server=10.0.0.1:443 error=x",
        " ua=\"x server=10.0.0.1:443 error=x",
        " ua=\"x \\\" server=10.0.0.1:443 error=x\"",
    };
    for (size_t i = 0; i < COUNT_OF(TAILS); i++) {
        char line[256];
        snprintf(line, sizeof(line),
                 "client_ip=192.0.2.7 client_port=5 duration_ms=7 logged=1795418319.123%s", TAILS[i]);
        const struct row row = {line,   SS_FORMAT_EVENT, "192.0.2.7:5",      NULL,
                                7 * MS, SS_EVENT_LOGGED, 1795418319123 * MS, MS,
                                FINE};
        check_rows(create_preset(SS_FORMAT_NGINX, 0), &row, 1);
    }
}

static void of_what_is_told_twice_the_first_counts(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"client_ip=192.0.2.7 client_port=5 client=192.0.2.10:6", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1,
         LOGGED_THEN, FINE},
        {"client=192.0.2.7:5 client_ip=192.0.2.10 client_port=6", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1,
         LOGGED_THEN, FINE},
        {"src=192.0.2.7:5 server_ip=198.51.100.1 server_port=443 server=198.51.100.2:8443", SS_FORMAT_EVENT,
         "192.0.2.7:5", "198.51.100.1:443", -1, LOGGED_THEN, FINE},
        {"src=192.0.2.7:5 ci=203.0.113.9 cp=7 proxied_client=203.0.113.10:8", SS_FORMAT_EVENT, "192.0.2.7:5",
         NULL, -1, SS_EVENT_LOGGED, 0, 0, false, "203.0.113.9:7"},
        {"client=192.0.2.7:5 duration_ms=7 duration_ns=9000000000 duration=9s Th=9000", SS_FORMAT_EVENT,
         "192.0.2.7:5", NULL, 7 * MS, LOGGED_THEN, FINE},
        {"client=192.0.2.7:5 duration_ms=- duration_us=7", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, 7 * US,
         LOGGED_THEN, FINE},
        {"client=192.0.2.7:5 logged=1795418319.123 accepted=1795418318 ended=1795418317", SS_FORMAT_EVENT,
         "192.0.2.7:5", NULL, -1, SS_EVENT_LOGGED, 1795418319123 * MS, MS, FINE},
        {"client=192.0.2.7:5 accepted=1795418319.123 ended=1795418318 logged=1795418317", SS_FORMAT_EVENT,
         "192.0.2.7:5", NULL, -1, ACCEPTED(1795418319123), FINE},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

static void a_value_in_quotes_may_hold_anything(void **state)
{
    (void)state;
    struct ss_format *format = create_preset(SS_FORMAT_HAPROXY, 0);
    struct ss_event event;
    assert_int_equal(apply(format,
                           "hs note=\"{a \\\"b\\\" client=192.0.2.10:6}\" client=192.0.2.7:5 Th=7 why=\"SSL "
                           "handshake failure\" sni=\"a b client=192.0.2.10:6\"",
                           &event),
                     SS_FORMAT_EVENT);
    assert_int_equal(event.client.port, 5);
    assert_int_equal(event.duration_ns, 7 * MS);
    assert_true(event.failed);
    assert_string_equal(event.sni, "a b client=192.0.2.10:6");
    assert_string_equal(field_of(&event, "note"), "{a \\\"b\\\" client=192.0.2.10:6}");
    ss_format_free(format);
}

/* Lines that nginx 1.22 wrote with the log_format of docs/proxies.md, and to its error log. */
static void nginx_lines_are_events(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        /* $msec less $connection_time, both cut to the millisecond */
        {"client_ip=127.0.0.1 client_port=58234 proxied_client_ip=- proxied_client_port=- "
         "server_ip=127.0.0.1 server_port=17443 logged=1795828831.716 connection_time=0.002 resumed=. sni=-",
         SS_FORMAT_EVENT, "127.0.0.1:58234", "127.0.0.1:17443", -1, SS_EVENT_ACCEPTED, 1795828831713 * MS,
         2 * MS, FINE},
        {"client_ip=192.0.2.7 client_port=38216 proxied_client_ip=203.0.113.9 proxied_client_port=5555 "
         "server_ip=198.51.100.1 server_port=443 logged=1795828831.739 connection_time=0.006 sni=a.example",
         SS_FORMAT_EVENT, "192.0.2.7:38216", "198.51.100.1:443", -1, SS_EVENT_ACCEPTED, 1795828831732 * MS,
         2 * MS, false, "203.0.113.9:5555"},
        {"client_ip=192.0.2.7 client_port=38216 logged=1795828831.739", SS_FORMAT_EVENT, "192.0.2.7:38216",
         NULL, -1, SS_EVENT_LOGGED, 1795828831739 * MS, MS, FINE},
        /* Tengine, and its epochs in place of a duration */
        {"client_ip=192.0.2.7 client_port=38216 duration_ms=842 logged=1795828831.739 connection_time=1.000",
         SS_FORMAT_EVENT, "192.0.2.7:38216", NULL, 842 * MS, SS_EVENT_ACCEPTED, 1795828830738 * MS, 2 * MS,
         FINE},
        {"client_ip=192.0.2.7 client_port=38216 duration_ms=1795828831739", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"client_ip=192.0.2.7 client_port=38216 logged=x connection_time=1.000", SS_FORMAT_BAD_NUMBER,
         REFUSED},
        {"client_ip=unix: client_port=- server_ip=unix:/s", SS_FORMAT_NO_CLIENT, REFUSED},
        {"2026/11/28 01:20:31 [info] 13320#13320: *7 SSL_do_handshake() failed (SSL: error:0A0000C1:SSL "
         "routines::no shared cipher) while SSL handshaking, client: 192.0.2.43, server: 0.0.0.0:443",
         SS_FORMAT_EVENT, "192.0.2.43", "0.0.0.0:443", -1, LOGGED_THEN, FAILED},
        {"[info] 13320#13320: *8 client timed out (110: Connection timed out) while SSL handshaking, client: "
         "2001:db8::43, server: [::]:443",
         SS_FORMAT_EVENT, "2001:db8::43", "[::]:443", -1, LOGGED_THEN, FAILED},
        {"2026/11/28 01:20:36 [info] 13320#13320: *16 peer closed connection in SSL handshake while SSL "
         "handshaking, client: 127.0.0.1, server: 127.0.0.1:17445",
         SS_FORMAT_EVENT, "127.0.0.1", "127.0.0.1:17445", -1, LOGGED_THEN, FAILED},
        {"2026/11/28 01:20:35 [info] 13320#13320: *13 client 127.0.0.1:58358 connected to 127.0.0.1:17445",
         SS_FORMAT_NO_MATCH, REFUSED},
        {"2026/11/28 01:20:35 [error] 13320#13320: *6 SSL_do_handshake() failed (SSL: error) while SSL "
         "handshaking to upstream, client: 192.0.2.43, server: a.example, upstream: \"https://10.0.0.1/\"",
         SS_FORMAT_NO_MATCH, REFUSED},
        /* what a client wrote into its request */
        {"2026/11/28 01:20:35 [error] 13320#13320: *6 open() \"/www/x while SSL handshaking, client: "
         "192.0.2.66, server: 0.0.0.0:443\" failed (2: No such file or directory), client: 192.0.2.43, "
         "server: a.example, request: \"GET /x while SSL handshaking, client: 192.0.2.66, server: "
         "0.0.0.0:443\"",
         SS_FORMAT_NO_MATCH, REFUSED},
    };
    check_rows(create_preset(SS_FORMAT_NGINX, 0), ROWS, COUNT_OF(ROWS));
}

/* Which has no finer clock than the milliseconds that both numbers are cut to. */
static void a_line_that_tells_how_old_the_connection_is_tells_it_at_the_most(void **state)
{
    (void)state;
    struct ss_format *format = create_preset(SS_FORMAT_NGINX, 0);
    struct ss_event event;
    assert_int_equal(apply(format, "client=192.0.2.7:5 logged=1795828831.716 connection_time=0.302", &event),
                     SS_FORMAT_EVENT);
    assert_int_equal(event.age_ns, 303 * MS);
    assert_int_equal(apply(format, "client=192.0.2.7:5 logged=1795828831.716", &event), SS_FORMAT_EVENT);
    assert_int_equal(event.age_ns, 0);
    ss_format_free(format);
}

static void envoy_lines_are_events(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"client=[2001:db8::2]:51234 proxied_client=203.0.113.9:5555 server=[2001:db8::1]:443 "
         "duration_ms=842 "
         "accept=1795418319.001 error=\"-\" sni=a.example",
         SS_FORMAT_EVENT, "[2001:db8::2]:51234", "[2001:db8::1]:443", 842 * MS, ACCEPTED(1795418319001),
         false, "203.0.113.9:5555"},
        /* an address out of a request has no port */
        {"client=192.0.2.7:51234 proxied_client=203.0.113.9:0 duration_ms=842 accept=1795418319.001",
         SS_FORMAT_EVENT, "192.0.2.7:51234", NULL, 842 * MS, ACCEPTED(1795418319001), FINE},
        /* of an HTTP access log: the start is the request's */
        {"client=192.0.2.7:51234 duration_ms=- accept=1795418319.001", SS_FORMAT_EVENT, "192.0.2.7:51234",
         NULL, -1, SS_EVENT_LOGGED, 1795418319001 * MS, MS, FINE},
        {"client=192.0.2.7:51234 duration_ms=- accept=1795418319.001 error=\"TLS error: Secret is not "
         "supplied by SDS\"",
         SS_FORMAT_EVENT, "192.0.2.7:51234", NULL, -1, ACCEPTED(1795418319001), FAILED},
        {"client=192.0.2.7:51234 duration_us=842001 accept=1795418319.001", SS_FORMAT_EVENT,
         "192.0.2.7:51234", NULL, 842001 * US, ACCEPTED(1795418319001), FINE},
        {"client=/run/envoy.sock duration_ms=1", SS_FORMAT_NO_CLIENT, REFUSED},
        {"client=envoy://internal_client_address/ duration_ms=1", SS_FORMAT_NO_CLIENT, REFUSED},
    };
    check_rows(create_preset(SS_FORMAT_ENVOY, 0), ROWS, COUNT_OF(ROWS));
}

static void caddy_lines_are_events(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"{\"level\":\"info\",\"ts\":1795418319.5,\"logger\":\"http.log.access\",\"msg\":\"handled request\","
         "\"request\":{\"remote_ip\":\"192.0.2.7\",\"remote_port\":\"51234\",\"client_ip\":\"192.0.2.7\","
         "\"tls\":{\"resumed\":false,\"version\":772,\"server_name\":\"a.example\"}},\"duration\":0.001}",
         SS_FORMAT_EVENT, "192.0.2.7:51234", NULL, -1, LOGGED_THEN, FINE},
        {"{\"level\":\"info\",\"ts\":1795418319.5,\"msg\":\"handled request\",\"request\":{\"remote_ip\":"
         "\"fe80::7%eth0\",\"remote_port\":\"51234\",\"tls\":{\"resumed\":false}}}",
         SS_FORMAT_EVENT, "[fe80::7]:51234", NULL, -1, LOGGED_THEN, FINE},
        /* plain HTTP */
        {"{\"level\":\"info\",\"ts\":1795418319.5,\"msg\":\"handled request\",\"request\":{\"remote_ip\":"
         "\"192.0.2.7\",\"remote_port\":\"51234\"},\"duration\":0.001}",
         SS_FORMAT_NO_MATCH, REFUSED},
        {"{\"level\":\"debug\",\"ts\":1795418319.5,\"logger\":\"http.stdlib\",\"msg\":\"http: TLS handshake "
         "error from [2001:db8::2]:54106: remote error: tls: bad certificate\"}",
         SS_FORMAT_EVENT, "[2001:db8::2]:54106", NULL, -1, LOGGED_THEN, FAILED},
        /* what a client wrote into its request */
        {"{\"level\":\"info\",\"ts\":1795418319.5,\"msg\":\"handled request\",\"request\":{\"uri\":\"/"
         "\\\"msg\\\":\\\"http: TLS handshake error from 192.0.2.66:1: x\",\"host\":\"http: TLS handshake "
         "error from 192.0.2.66:1: x\"}}",
         SS_FORMAT_NO_MATCH, REFUSED},
    };
    check_rows(create_preset(SS_FORMAT_CADDY, 0), ROWS, COUNT_OF(ROWS));
}

static void traefik_lines_are_events(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"{\"ClientAddr\":\"192.0.2.7:51234\",\"ClientHost\":\"203.0.113.9\",\"ClientPort\":\"1\","
         "\"Duration\":5123456,\"StartUTC\":\"2026-11-23T07:18:39.123456789Z\",\"TLSVersion\":\"1.3\","
         "\"level\":\"info\",\"msg\":\"\"}",
         SS_FORMAT_EVENT, "192.0.2.7:51234", NULL, -1, SS_EVENT_LOGGED, 1795418319123456789, 1, FINE},
        {"{\"ClientAddr\":\"192.0.2.7:51234\",\"Duration\":5123456}", SS_FORMAT_NO_MATCH, REFUSED},
        {"{\"ClientHost\":\"192.0.2.7\",\"ClientPort\":\"51234\",\"TLSVersion\":\"1.3\"}", SS_FORMAT_EVENT,
         "192.0.2.7:51234", NULL, -1, LOGGED_THEN, FINE},
        {"http: TLS handshake error from 127.0.0.1:54106: EOF", SS_FORMAT_EVENT, "127.0.0.1:54106", NULL, -1,
         LOGGED_THEN, FAILED},
        {"2026/11/23 07:18:40 http: TLS handshake error from [fe80::1%eth0]:54106: read tcp: i/o timeout",
         SS_FORMAT_EVENT, "[fe80::1]:54106", NULL, -1, LOGGED_THEN, FAILED},
        {"{\"level\":\"debug\",\"time\":\"2026-11-23T07:18:40Z\",\"message\":\"http: TLS handshake error "
         "from "
         "192.0.2.7:54106: EOF\\n\"}",
         SS_FORMAT_EVENT, "192.0.2.7:54106", NULL, -1, LOGGED_THEN, FAILED},
        {"time=\"2026-11-23T07:18:40Z\" level=debug msg=\"http: TLS handshake error from 192.0.2.7:54106: "
         "EOF\"",
         SS_FORMAT_EVENT, "192.0.2.7:54106", NULL, -1, LOGGED_THEN, FAILED},
        /* Traefik 3 without a format, and as it is on its standard error */
        {"2025-05-23T16:10:11-04:00 DBG log/log.go:245 > http: TLS handshake error from 192.0.2.7:42832: "
         "local "
         "error: tls: bad record MAC",
         SS_FORMAT_EVENT, "192.0.2.7:42832", NULL, -1, LOGGED_THEN, FAILED},
        {"\x1b[90m2026-11-23T07:18:40Z\x1b[0m \x1b[33mDBG\x1b[0m \x1b[1mlog/log.go:245\x1b[0m\x1b[36m >"
         "\x1b[0m http: TLS handshake error from [2001:db8::2]:54106: EOF",
         SS_FORMAT_EVENT, "[2001:db8::2]:54106", NULL, -1, LOGGED_THEN, FAILED},
        /* its access log without a format has no port */
        {"192.0.2.7 - - [23/Nov/2026:07:18:40 +0000] \"GET / HTTP/2.0\" 200 1 \"-\" \"-\" 7 \"web@file\" "
         "\"http://10.0.0.1\" 2ms",
         SS_FORMAT_NO_MATCH, REFUSED},
        {"192.0.2.7 - - [23/Nov/2026:07:18:40 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"http: TLS handshake "
         "error from 192.0.2.66:1: x\"",
         SS_FORMAT_NO_MATCH, REFUSED},
    };
    check_rows(create_preset(SS_FORMAT_TRAEFIK, 0), ROWS, COUNT_OF(ROWS));
}

/* Such a service writes its line when the handshake is over, if it writes how long that took. */
static void tracing_lines_are_events(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"{\"level\":\"WARN\",\"fields\":{\"message\":\"slow tls "
         "handshake\",\"peer_addr\":\"[2001:db8::1]:51515\",\"elapsed_ms\":1532}}",
         SS_FORMAT_EVENT, "[2001:db8::1]:51515", NULL, 1532 * MS, SS_EVENT_ENDED, 0, 0, FINE},
        {"{\"timestamp\":\"2026-11-23T07:18:39.123456Z\",\"level\":\"WARN\",\"fields\":{\"message\":\"slow\","
         "\"elapsed\":\"842.1ms\"},\"target\":\"edge\",\"span\":{\"peer_addr\":\"192.0.2.7:51515\",\"name\":"
         "\"conn\"},\"spans\":[]}",
         SS_FORMAT_EVENT, "192.0.2.7:51515", NULL, 842100 * US, SS_EVENT_ENDED, 1795418319123456 * US, US,
         FINE},
        {"{\"timestamp\":\"2026-11-23T07:18:39.123456Z\",\"level\":\"INFO\",\"message\":\"accepted\","
         "\"peer_addr\":\"192.0.2.7:51515\",\"elapsed\":\"93\xc2\xb5s\"}",
         SS_FORMAT_EVENT, "192.0.2.7:51515", NULL, 93 * US, SS_EVENT_ENDED, 1795418319123456 * US, US, FINE},
        {"{\"fields\":{\"message\":\"request\",\"peer_addr\":\"192.0.2.7:51515\"}}", SS_FORMAT_EVENT,
         "192.0.2.7:51515", NULL, -1, LOGGED_THEN, FINE},
        {"{\"fields\":{\"peer_addr\":\"192.0.2.7:51515\",\"elapsed\":\"1.5s\",\"error\":\"tls handshake "
         "eof\"}}",
         SS_FORMAT_EVENT, "192.0.2.7:51515", NULL, 1500 * MS, LOGGED_THEN, FAILED},
        /* tracing-subscriber 0.2 */
        {"{\"timestamp\":\"Feb 20 11:28:15.096\",\"level\":\"INFO\",\"fields\":{\"peer_addr\":\"192.0.2.7:"
         "51515\",\"elapsed_ms\":7}}",
         SS_FORMAT_EVENT, "192.0.2.7:51515", NULL, 7 * MS, SS_EVENT_ENDED, 0, 0, FINE},
        {"{\"fields\":{\"peer_addr\":\"192.0.2.7:51515\",\"elapsed\":0.8421}}", SS_FORMAT_BAD_NUMBER,
         REFUSED},
        {"{\"timestamp\":\"2026-11-23T07:18:39.123456Z\",\"level\":\"INFO\",\"fields\":{\"message\":\"up\"}}",
         SS_FORMAT_NO_MATCH, REFUSED},
    };
    check_rows(create_preset(SS_FORMAT_TRACING, 0), ROWS, COUNT_OF(ROWS));
}

/* As journal fields and, in JSON, in the event, in the line and in the span. */
static void tracing_reads_the_same_names_everywhere(void **state)
{
    (void)state;
    static const struct {
        const char *field, *name, *value;
        int64_t duration_ns;
        const char *sni;
    } ROWS[] = {
        {"F_ELAPSED_MS", "elapsed_ms", "7", 7 * MS, ""},
        {"F_HANDSHAKE_US", "handshake_us", "7", 7 * US, ""},
        {"F_DURATION_MS", "duration_ms", "7", 7 * MS, ""},
        {"F_DURATION_US", "duration_us", "7", 7 * US, ""},
        {"F_DURATION_NS", "duration_ns", "7", 7, ""},
        {"F_DURATION_S", "duration_s", "7", 7 * SS_NS_PER_S, ""},
        {"F_DURATION", "duration", "7ms", 7 * MS, ""},
        {"F_SNI", "sni", "a.example", -1, "a.example"},
        {"F_SERVER_NAME", "server_name", "a.example", -1, "a.example"},
    };
    struct ss_format *format = create_preset(SS_FORMAT_TRACING, 0);
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const struct ss_entry_field fields[] = {{"F_CLIENT", "192.0.2.7:5", 11},
                                                {ROWS[i].field, ROWS[i].value, strlen(ROWS[i].value)}};
        const struct ss_entry entry = {fields, 2, LOGGED};
        struct ss_event event;
        assert_int_equal(ss_format_apply(format, &entry, &event), SS_FORMAT_EVENT);
        assert_int_equal(event.duration_ns, ROWS[i].duration_ns);
        assert_string_equal(event.sni, ROWS[i].sni);
        static const char *const LINES[] = {
            "{\"fields\":{\"client\":\"192.0.2.7:5\",\"%s\":\"%s\"}}",
            "{\"client\":\"192.0.2.7:5\",\"%s\":\"%s\"}",
            "{\"span\":{\"client\":\"192.0.2.7:5\"},\"fields\":{\"%s\":\"%s\"}}",
        };
        for (size_t j = 0; j < COUNT_OF(LINES); j++) {
            char line[128];
            snprintf(line, sizeof(line), LINES[j], ROWS[i].name, ROWS[i].value);
            if (apply(format, line, &event) != SS_FORMAT_EVENT || event.duration_ns != ROWS[i].duration_ns)
                print_error("%s\n", line);
            assert_int_equal(apply(format, line, &event), SS_FORMAT_EVENT);
            assert_int_equal(event.duration_ns, ROWS[i].duration_ns);
            assert_string_equal(event.sni, ROWS[i].sni);
        }
    }
    ss_format_free(format);
}

static void durations_are_read_in_every_unit_and_within_their_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t duration_ns; /* -2: refused */
    } ROWS[] = {
        {"duration_ns=1", 1},
        {"duration_us=93", 93 * US},
        {"duration_us=93.5", 93500},
        {"duration_ms=842.1", 842100 * US},
        {"duration_s=1.532", 1532 * MS},
        {"duration_ms=+5", 5 * MS},
        {"duration=1.532s", 1532 * MS},
        {"duration=842.1ms", 842100 * US},
        {"duration=93\xc2\xb5s", 93 * US},
        {"duration=93\xce\xbcs", 93 * US},
        {"duration=1m2.5s", 62500 * MS},
        {"duration=1h0m0.5s", 3600500 * MS},
        {"duration=120ns", 120},
        {"duration_s=86400", 86400 * SS_NS_PER_S},
        /* not measured */
        {"duration=0s", -1},
        {"duration_ms=0", -1},
        {"duration_ms=0.000", -1},
        {"duration_ms=-", -1},
        {"duration_ms=", -1},
        {"duration_ms=-1", -1},
        {"duration_ms=- duration_us=7", 7 * US},
        {"duration_ms=\"\"", -1},
        /* out of range, or no duration at all */
        {"duration_s=86401", -2},
        {"duration_ms=-2", -2},
        {"duration_ms=-1.5", -2},
        {"duration_ms=-10", -2},
        {"duration=-5ms", -2},
        {"duration_ms=nan", -2},
        {"duration_ms=NaN", -2},
        {"duration_ms=inf", -2},
        {"duration_ms=1e3", -2},
        {"duration_ms=0x10", -2},
        {"duration_ms=12ms", -2},
        {"duration_ms=1,5", -2},
        {"duration_ms=++5", -2},
        {"duration_ms=.5", -2},
        {"duration_ns=9223372036854775808", -2},
        {"duration_s=9223372037", -2},
        {"duration_ms=1795418319123", -2},
        {"duration_s=1795418319.123", -2},
        {"duration=99999999999999999999s", -2},
        {"duration=12", -2},
        {"duration=s", -2},
        {"duration=1.5", -2},
    };
    struct ss_format *format = create_preset(SS_FORMAT_HAPROXY, 0);
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char line[128];
        struct ss_event event = {.duration_ns = -2};
        snprintf(line, sizeof(line), "client=192.0.2.7:1 %s", ROWS[i].text);
        enum ss_format_result result = apply(format, line, &event);
        if (event.duration_ns != ROWS[i].duration_ns)
            print_error("%s\n", line);
        assert_int_equal(event.duration_ns, ROWS[i].duration_ns);
        assert_int_equal(result, ROWS[i].duration_ns == -2 ? SS_FORMAT_BAD_NUMBER : SS_FORMAT_EVENT);
    }
    ss_format_free(format);
}

static void addresses_are_read_as_proxies_write_them(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"client=[2001:db8::1]:5", SS_FORMAT_EVENT, "[2001:db8::1]:5", NULL, -1, LOGGED_THEN, FINE},
        {"client=2001:db8::1:5", SS_FORMAT_EVENT, "[2001:db8::1]:5", NULL, -1, LOGGED_THEN, FINE},
        {"client=[2001:db8::1]", SS_FORMAT_EVENT, "2001:db8::1", NULL, -1, LOGGED_THEN, FINE},
        {"client=::ffff:192.0.2.7:5", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1, LOGGED_THEN, FINE},
        {"client_ip=[2001:db8::1] client_port=5 server_ip=[2001:db8::2] server_port=443", SS_FORMAT_EVENT,
         "[2001:db8::1]:5", "[2001:db8::2]:443", -1, LOGGED_THEN, FINE},
        {"client_ip=[fe80::1%eth0] client_port=5", SS_FORMAT_EVENT, "[fe80::1]:5", NULL, -1, LOGGED_THEN,
         FINE},
        {"client_ip=[] client_port=5", SS_FORMAT_NO_CLIENT, REFUSED},
        {"client_ip=[2001:db8::1 client_port=5", SS_FORMAT_NO_CLIENT, REFUSED},
        {"client=[::ffff:192.0.2.7]:5", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1, LOGGED_THEN, FINE},
        {"client=[::ffff:c000:207]:5", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1, LOGGED_THEN, FINE},
        {"client=[fe80::1%eth0]:5", SS_FORMAT_EVENT, "[fe80::1]:5", NULL, -1, LOGGED_THEN, FINE},
        {"client_ip=fe80::1%25eth0 client_port=5", SS_FORMAT_EVENT, "[fe80::1]:5", NULL, -1, LOGGED_THEN,
         FINE},
        {"client_ip=2001:db8::1 client_port=5", SS_FORMAT_EVENT, "[2001:db8::1]:5", NULL, -1, LOGGED_THEN,
         FINE},
        {"client=192.0.2.7", SS_FORMAT_EVENT, "192.0.2.7", NULL, -1, LOGGED_THEN, FINE},
        {"client=%", SS_FORMAT_NO_CLIENT, REFUSED},
        {"client=[%]:5", SS_FORMAT_NO_CLIENT, REFUSED},
        {"client=[2001:db8::1:5", SS_FORMAT_NO_CLIENT, REFUSED},
        {"client=192.0.2.7:5:6", SS_FORMAT_NO_CLIENT, REFUSED},
        {"client=unix:1", SS_FORMAT_NO_CLIENT, REFUSED},
        {"client=localhost:443", SS_FORMAT_NO_CLIENT, REFUSED},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

static void the_address_of_the_wire_goes_before_that_of_a_proxy_header(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"proxied_client_ip=203.0.113.9 proxied_client_port=7 client_ip=192.0.2.7 client_port=5",
         SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1, LOGGED_THEN, false, "203.0.113.9:7"},
        {"cli=203.0.113.9:7 fc_src=192.0.2.7 fc_src_port=5", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1,
         LOGGED_THEN, false, "203.0.113.9:7"},
        {"ci=192.0.2.7 cp=5 fc_src=192.0.2.7 fc_src_port=5", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1,
         LOGGED_THEN, FINE},
        {"ci=203.0.113.9 cp=7", SS_FORMAT_EVENT, "203.0.113.9:7", NULL, -1, LOGGED_THEN, false,
         "203.0.113.9:7"},
        {"client=- proxied_client=203.0.113.9:7", SS_FORMAT_EVENT, "203.0.113.9:7", NULL, -1, LOGGED_THEN,
         false, "203.0.113.9:7"},
        {"client=192.0.2.7:5 proxied_client=nobody", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1, LOGGED_THEN,
         FINE},
        {"client=192.0.2.7:0 proxied_client=203.0.113.9:7", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"proxied_client=203.0.113.9:0", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"proxied_client=nobody", SS_FORMAT_NO_CLIENT, REFUSED},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

static void a_line_says_which_moment_its_time_is(void **state)
{
    (void)state;
    static const struct row ROWS[] = {
        {"client=192.0.2.7:5 accepted=1795418319", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1,
         SS_EVENT_ACCEPTED, 1795418319 * SS_NS_PER_S, SS_NS_PER_S, FINE},
        {"client=192.0.2.7:5 accepted=1795418319123", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1,
         ACCEPTED(1795418319123), FINE},
        {"client=192.0.2.7:5 accepted=1795418319123456", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1,
         SS_EVENT_ACCEPTED, 1795418319123456 * US, US, FINE},
        {"client=192.0.2.7:5 accepted=1795418319123456789", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1,
         SS_EVENT_ACCEPTED, 1795418319123456789, 1, FINE},
        {"client=192.0.2.7:5 accepted=2026-11-23T09:18:39.123+02:00", SS_FORMAT_EVENT, "192.0.2.7:5", NULL,
         -1, ACCEPTED(1795418319123), FINE},
        {"client=192.0.2.7:5 ended=2026-11-23T07:18:39Z", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1,
         SS_EVENT_ENDED, 1795418319 * SS_NS_PER_S, SS_NS_PER_S, FINE},
        {"client=192.0.2.7:5 ended=1795418319.123 error=timeout", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1,
         SS_EVENT_LOGGED, 1795418319123 * MS, MS, FAILED},
        {"client=192.0.2.7:5 logged=1795418319.123", SS_FORMAT_EVENT, "192.0.2.7:5", NULL, -1,
         SS_EVENT_LOGGED, 1795418319123 * MS, MS, FINE},
        {"client=192.0.2.7:5 accepted=- ended= logged=1795418319.123", SS_FORMAT_EVENT, "192.0.2.7:5", NULL,
         -1, SS_EVENT_LOGGED, 1795418319123 * MS, MS, FINE},
        {"client=192.0.2.7:5 accepted=12", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"client=192.0.2.7:5 accepted=-1795418319", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"client=192.0.2.7:5 accepted=9223372036854775808", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"client=192.0.2.7:5 ended=2026-13-23T07:18:39Z", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"client=192.0.2.7:5 logged=yesterday", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"client=192.0.2.7:5 logged=1795418319.1 connection_time=-1", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"client=192.0.2.7:5 logged=1795418319.1 connection_time=999999999", SS_FORMAT_BAD_NUMBER, REFUSED},
    };
    check_rows(create_preset(SS_FORMAT_HAPROXY, 0), ROWS, COUNT_OF(ROWS));
}

static void the_configuration_says_what_the_entrys_own_time_tells(void **state)
{
    (void)state;
    static const struct {
        enum ss_entry_time entry_time;
        enum ss_event_moment fine, failed;
    } ROWS[] = {
        {SS_ENTRY_TIME_OF_FORMAT, SS_EVENT_LOGGED, SS_EVENT_LOGGED},
        {SS_ENTRY_TIME_ACCEPTED, SS_EVENT_ACCEPTED, SS_EVENT_ACCEPTED},
        {SS_ENTRY_TIME_ENDED, SS_EVENT_ENDED, SS_EVENT_LOGGED},
        {SS_ENTRY_TIME_LOGGED, SS_EVENT_LOGGED, SS_EVENT_LOGGED},
    };
    static char pattern[] = "^(?<client>\\S+) (?<error>\\S+)$";
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_format *format = create(&(struct ss_config_journal){
            .format = SS_FORMAT_REGEX, .regex = pattern, .entry_time = ROWS[i].entry_time});
        struct ss_event event;
        assert_int_equal(apply(format, "192.0.2.7:5 -", &event), SS_FORMAT_EVENT);
        assert_int_equal(event.moment, ROWS[i].fine);
        assert_int_equal(apply(format, "192.0.2.7:5 eof", &event), SS_FORMAT_EVENT);
        assert_int_equal(event.moment, ROWS[i].failed);
        ss_format_free(format);
    }
    struct ss_format *format =
        create(&(struct ss_config_journal){.format = SS_FORMAT_TRACING, .entry_time = SS_ENTRY_TIME_LOGGED});
    struct ss_event event;
    assert_int_equal(apply(format, "{\"peer_addr\":\"192.0.2.7:5\",\"elapsed_ms\":7}", &event),
                     SS_FORMAT_EVENT);
    assert_int_equal(event.moment, SS_EVENT_LOGGED);
    ss_format_free(format);
}

static void a_regular_expression_takes_its_named_groups(void **state)
{
    (void)state;
    static char pattern[] = "(?:slow|late) (?<client>\\S+)(?: to (?<server_ip>\\S+) (?<server_port>\\d+))? "
                            "(?<duration>[\\d.a-z\xc2\xb5]+) (?<color>\\w+)(?: (?<sni>\\S+))?";
    static const struct row ROWS[] = {
        {"it was slow 192.0.2.7:51234 to 198.51.100.1 443 1.532s red a.example", SS_FORMAT_EVENT,
         "192.0.2.7:51234", "198.51.100.1:443", 1532 * MS, LOGGED_THEN, FINE},
        {"late [2001:db8::7]:51234 93\xc2\xb5s blue", SS_FORMAT_EVENT, "[2001:db8::7]:51234", NULL, 93 * US,
         LOGGED_THEN, FINE},
        {"slow 192.0.2.7 1m2.5s red", SS_FORMAT_EVENT, "192.0.2.7", NULL, 62500 * MS, SS_EVENT_LOGGED, 0, 0,
         FINE},
        {"slow nobody 1s red", SS_FORMAT_NO_CLIENT, REFUSED},
        {"slow 192.0.2.7:1 99h red", SS_FORMAT_BAD_NUMBER, REFUSED},
        {"quick 192.0.2.7:51234 1.532s red", SS_FORMAT_NO_MATCH, REFUSED},
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
         SS_FORMAT_GIVEN_UP, REFUSED},
    };
    check_rows(create(&(struct ss_config_journal){.format = SS_FORMAT_REGEX, .regex = pattern}), ROWS,
               COUNT_OF(ROWS));
}

static void check_repeated(struct ss_format *format, const char *head, const char *text, size_t count,
                           const char *tail, enum ss_format_result result)
{
    struct ss_event event;
    char *line = repeat(head, text, count, tail);
    if (apply(format, line, &event) != result)
        print_error("%s, %zu times %s\n", head, count, text);
    assert_int_equal(apply(format, line, &event), result);
    free(line);
}

/* Without an anchor the time would grow with the square of the length. */
static void a_line_that_is_too_long_for_a_regular_expression_is_given_up(void **state)
{
    (void)state;
    static char pattern[] = "(?<client>\\S+) took (?<duration>\\S+)";
    struct ss_format *format =
        create(&(struct ss_config_journal){.format = SS_FORMAT_REGEX, .regex = pattern});
    check_repeated(format, "192.0.2.7:1 took 1s ", "x", 8 * 1024 - 20, "", SS_FORMAT_EVENT);
    check_repeated(format, "192.0.2.7:1 took 1s ", "x", 8 * 1024, "", SS_FORMAT_GIVEN_UP);
    check_repeated(format, "", "x", 256 * 1024, " took", SS_FORMAT_GIVEN_UP);
    ss_format_free(format);
}

/* The compiled pattern's own stack would be too small for it by default. */
static void a_regular_expression_may_match_all_of_a_long_line(void **state)
{
    (void)state;
    static char pattern[] = "^(?<client>\\S+) (?:a|b|c)*!$";
    struct ss_format *format =
        create(&(struct ss_config_journal){.format = SS_FORMAT_REGEX, .regex = pattern});
    check_repeated(format, "192.0.2.7:1 ", "abc", 2000, "!", SS_FORMAT_EVENT);
    ss_format_free(format);
}

static void json_that_is_too_long_or_too_deep_is_given_up(void **state)
{
    (void)state;
    static char client[] = "/c";
    struct ss_format *format =
        create(&(struct ss_config_journal){.format = SS_FORMAT_JSON, .pointers = {[SS_KEY_CLIENT] = client}});
    check_repeated(format, "{\"c\":\"192.0.2.7:1\",\"x\":", "", 0, "1}", SS_FORMAT_EVENT);
    check_repeated(format, "{\"c\":\"192.0.2.7:1\",\"x\":\"", "[", 1000, "\"}", SS_FORMAT_EVENT);
    check_repeated(format, "{\"c\":\"192.0.2.7:1\",\"x\":\"\\\"", "{", 1000, "\"}", SS_FORMAT_EVENT);
    check_repeated(format, "{\"c\":\"192.0.2.7:1\",\"x\":[", "[],", 1000, "[]]}", SS_FORMAT_EVENT);
    check_repeated(format, "{\"c\":\"192.0.2.7:1\",\"x\":", "[", 31, "", SS_FORMAT_NO_MATCH);
    check_repeated(format, "{\"c\":\"192.0.2.7:1\",\"x\":", "[", 32, "", SS_FORMAT_GIVEN_UP);
    check_repeated(format, "", "{\"x\":", 50000, "", SS_FORMAT_GIVEN_UP);
    check_repeated(format, "{\"c\":\"192.0.2.7:1\",\"x\":\"", "y", 64 * 1024, "\"}", SS_FORMAT_GIVEN_UP);
    check_repeated(format, "plain ", "text ", 50000, "", SS_FORMAT_NO_MATCH);
    ss_format_free(format);
}

static void json_pointers_find_strings_and_numbers(void **state)
{
    (void)state;
    static char client[] = "/peers/0/addr~1port", server_ip[] = "/server/ip", server_port[] = "/server/port",
                duration[] = "/tls/handshake~0s", sni[] = "/tls/";
    static const struct row ROWS[] = {
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"server\":{\"ip\":\"198.51.100.1\",\"port\":443},"
         "\"tls\":{\"handshake~s\":0.3,\"\":\"a.example\"}}",
         SS_FORMAT_EVENT, "192.0.2.7:51234", "198.51.100.1:443", 300 * MS, SS_EVENT_LOGGED, 0, 0, false,
         NULL},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"tls\":{\"handshake~s\":\"1.532\"}}",
         SS_FORMAT_EVENT, "192.0.2.7:51234", NULL, 1532 * MS, LOGGED_THEN, FINE},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"tls\":{\"handshake~s\":-1}}", SS_FORMAT_EVENT,
         "192.0.2.7:51234", NULL, -1, LOGGED_THEN, FAILED},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"tls\":{\"handshake~s\":null}}", SS_FORMAT_EVENT,
         "192.0.2.7:51234", NULL, -1, LOGGED_THEN, FINE},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"tls\":{\"handshake~s\":1e300}}",
         SS_FORMAT_BAD_NUMBER, REFUSED},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}],\"tls\":{\"handshake~s\":1795418319}}",
         SS_FORMAT_BAD_NUMBER, REFUSED},
        {"{\"peers\":[],\"server\":{\"port\":443}}", SS_FORMAT_NO_CLIENT, REFUSED},
        {"{\"peers\":{\"0\":{\"addr/port\":true}}}", SS_FORMAT_NO_MATCH, REFUSED},
        {"{\"peers\":[{\"addr/port\":\"192.0.2.7:51234\"}]", SS_FORMAT_NO_MATCH, REFUSED},
        {"plain text", SS_FORMAT_NO_MATCH, REFUSED},
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
    char line[8192] = "hs src=10.99.0.2:1 Th=1 tag=";
    memset(line + strlen(line), 't', 300);
    for (int i = 0; i < 100; i++)
        snprintf(line + strlen(line), sizeof(line) - strlen(line), " key%d=%060d", i, i);
    strcat(line, " sni=");
    memset(line + strlen(line), 's', 300);
    struct ss_format *format = create_preset(SS_FORMAT_HAPROXY, 0);
    struct ss_event event;
    memset(&event, 0x5a, sizeof(event));
    assert_int_equal(apply(format, line, &event), SS_FORMAT_EVENT);
    assert_int_equal(strlen(event.sni), sizeof(event.sni) - 1);
    assert_int_equal(strlen(field_of(&event, "tag")), 255);
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
        cmocka_unit_test(a_duration_of_nothing_may_be_that_of_a_later_request),
        cmocka_unit_test(nginx_lines_are_events),
        cmocka_unit_test(a_line_that_tells_how_old_the_connection_is_tells_it_at_the_most),
        cmocka_unit_test(envoy_lines_are_events),
        cmocka_unit_test(caddy_lines_are_events),
        cmocka_unit_test(traefik_lines_are_events),
        cmocka_unit_test(tracing_lines_are_events),
        cmocka_unit_test(tracing_reads_the_same_names_everywhere),
        cmocka_unit_test(a_line_of_another_kind_is_no_event_whatever_a_client_wrote),
        cmocka_unit_test(what_a_client_wrote_becomes_no_pair),
        cmocka_unit_test(of_what_is_told_twice_the_first_counts),
        cmocka_unit_test(a_value_in_quotes_may_hold_anything),
        cmocka_unit_test(durations_are_read_in_every_unit_and_within_their_range),
        cmocka_unit_test(addresses_are_read_as_proxies_write_them),
        cmocka_unit_test(the_address_of_the_wire_goes_before_that_of_a_proxy_header),
        cmocka_unit_test(a_line_says_which_moment_its_time_is),
        cmocka_unit_test(the_configuration_says_what_the_entrys_own_time_tells),
        cmocka_unit_test(a_regular_expression_takes_its_named_groups),
        cmocka_unit_test(a_regular_expression_that_backtracks_for_ever_is_given_up),
        cmocka_unit_test(a_line_that_is_too_long_for_a_regular_expression_is_given_up),
        cmocka_unit_test(a_regular_expression_may_match_all_of_a_long_line),
        cmocka_unit_test(json_that_is_too_long_or_too_deep_is_given_up),
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
