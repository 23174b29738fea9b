// SPDX-License-Identifier: BSD-3-Clause
/* The configuration: what is read, what is refused and how that is said. Run it in the source directory. */

#include "config/reader.h"

#include "base/units.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Every key there is, none at its default. */
static const char FULL[] =
    "{\"sensor\": \"s1\", \"tap\": \"client\", \"eal\": [\"--no-pci\", \"--no-huge\"],"
    " \"ports\": [{\"device\": \"mirror0\", \"rx_queues\": 3, \"driver\": \"af_xdp\"}, \"0000:3b:00.0\"],"
    " \"lcores\": {\"control\": 9, \"rx\": [1, 2], \"analyzers\": [2, 3]}, \"idle\": \"spin\","
    " \"history\": {\"handshakes\": {\"memory\": \"8MiB\", \"per_flow\": \"16KiB\"},"
    "  \"recent\": {\"memory\": \"2MiB\"}, \"snaplen\": 2000},"
    " \"flows\": {\"max\": 5000, \"identity\": [\"vlan\", \"vni\"]},"
    " \"tunnels\": {\"vxlan_ports\": [4790, 65535], \"geneve_ports\": [6082]}, \"tls\": {\"ports\": [8443, "
    "443]},"
    " \"slow\": {\"handshake\": \"1.5s\", \"phases\": {\"tcp_accept\": \"1ms\", \"tcp_return\": \"2ms\","
    "  \"talk\": \"3ms\", \"hello_wait\": \"4ms\", \"hello_send\": \"5ms\", \"hello_ack\": \"6ms\","
    "  \"hello_retry\": \"7ms\", \"hello_again\": \"8ms\", \"server_hello\": \"9ms\","
    "  \"server_flight\": \"10ms\", \"flight_ack\": \"11ms\", \"client_finish\": \"12ms\","
    "  \"server_finish\": \"13ms\"}, \"unfinished\": \"1m\"},"
    " \"journal\": [{\"directory\": \"/j/1\", \"matches\": [\"_COMM=a\", \"PRIORITY=6\"], \"format\": "
    "\"envoy\","
    "  \"entry_time\": \"ended\", \"min_duration\": \"5ms\", \"slack\": \"3s\", \"hold\": \"4s\", "
    "\"cursor_file\": \"/c/1\"},"
    "  {\"directory\": \"/j/2\", \"format\": {\"regex\": \"^(?<client_ip>\\\\S+) [(?<x>] "
    "(?P<duration>\\\\S+) (?<pool>.*)\"}},"
    "  {\"directory\": \"/j/3\", \"format\": {\"json\": {\"client\": \"/a\", \"client_ip\": \"/b\","
    "   \"client_port\": \"/c\", \"server_ip\": \"/d\", \"server_port\": \"/e\", \"duration\": \"/f\","
    "   \"duration_s\": \"/g\", \"duration_ms\": \"/h\", \"duration_us\": \"/i\", \"duration_ns\": "
    "\"/j/~0~1\","
    "   \"proxied_client\": \"/l\", \"proxied_client_ip\": \"/m\", \"proxied_client_port\": \"/n\","
    "   \"server\": \"/o\", \"accepted\": \"/p\", \"ended\": \"/q\", \"logged\": \"/r\", \"error\": \"/s\","
    "   \"sni\": \"/k\"}}},"
    "  {\"directory\": \"/j/4\", \"format\": {\"fields\": {\"client\": \"A\", \"client_ip\": \"B\","
    "   \"client_port\": \"C\", \"server_ip\": \"D\", \"server_port\": \"E\", \"duration\": \"F\","
    "   \"duration_s\": \"G\", \"duration_ms\": \"H\", \"duration_us\": \"I\", \"duration_ns\": \"_J2\","
    "   \"proxied_client\": \"L\", \"proxied_client_ip\": \"M\", \"proxied_client_port\": \"N\","
    "   \"server\": \"O\", \"accepted\": \"P\", \"ended\": \"Q\", \"logged\": \"R\", \"error\": \"S\","
    "   \"sni\": \"K\"}}}],"
    " \"origins\": [{\"file\": \"/o/1\", \"format\": \"aws\"}],"
    " \"export\": {\"directory\": \"/x\", \"quota\": \"1.5GiB\", \"rate\": 7, \"payload\": \"headers\","
    "  \"journal\": false}}";

static const char LEAST[] =
    "{\"ports\": [\"p\"], \"lcores\": {\"control\": 0, \"rx\": [1], \"analyzers\": [1]}}";

static struct ss_config *load(const char *text)
{
    struct ss_config *config = NULL;
    struct ss_config_errors errors = {0};
    int result = ss_config_load_text("t", text, strlen(text), &config, &errors);
    for (size_t i = 0; i < errors.count; i++)
        print_error("%s\n", errors.lines[i]);
    assert_int_equal(result, 0);
    assert_int_equal(errors.count, 0);
    return config;
}

static struct ss_config_errors refuse(const char *text)
{
    struct ss_config *config = NULL;
    struct ss_config_errors errors = {0};
    assert_int_equal(ss_config_load_text("t", text, strlen(text), &config, &errors), -EINVAL);
    assert_null(config);
    assert_true(errors.count > 0);
    return errors;
}

static bool has_line(const struct ss_config_errors *errors, const char *line)
{
    for (size_t i = 0; i < errors->count; i++)
        if (strcmp(errors->lines[i], line) == 0)
            return true;
    for (size_t i = 0; i < errors->count; i++)
        print_error("found:  %s\n", errors->lines[i]);
    print_error("wanted: %s\n", line);
    return false;
}

static bool has_start(const struct ss_config_errors *errors, const char *start)
{
    for (size_t i = 0; i < errors->count; i++)
        if (strncmp(errors->lines[i], start, strlen(start)) == 0)
            return true;
    print_error("no error starts with: %s\n", start);
    return false;
}

/* LEAST with one more member at its end, or with another one of the same key. */
static char *with(const char *key, const char *value)
{
    json_t *root = json_loads(LEAST, 0, NULL), *member = json_loads(value, JSON_DECODE_ANY, NULL);
    assert_non_null(member);
    json_object_set_new(root, key, member);
    char *text = json_dumps(root, 0);
    json_decref(root);
    return text;
}

static void the_least_file_gets_every_default(void **state)
{
    (void)state;
    struct ss_config *config = load(LEAST);
    char host[SS_CONFIG_NAME_MAX] = "";
    gethostname(host, sizeof(host) - 1);
    assert_string_equal(config->sensor, host);
    assert_int_equal(config->tap, SS_TAP_SERVER);
    assert_null(config->eal[0]);
    assert_int_equal(config->port_count, 1);
    assert_string_equal(config->ports[0].device, "p");
    assert_int_equal(config->ports[0].rx_queues, 0);
    assert_int_equal(config->ports[0].driver, SS_DRIVER_AF_PACKET);
    assert_false(config->spin);
    assert_int_equal(config->handshakes_bytes, 192 << 20);
    assert_int_equal(config->per_flow_bytes, 32 << 10);
    assert_int_equal(config->recent_bytes, 64 << 20);
    assert_int_equal(config->snaplen, 65535);
    assert_int_equal(config->flows_max, 1000000);
    assert_false(config->packet.identity[SS_IDENTITY_VLAN] || config->packet.identity[SS_IDENTITY_VNI]);
    assert_int_equal(config->packet.vxlan_port_count, 2);
    assert_int_equal(config->packet.vxlan_ports[0], 4789);
    assert_int_equal(config->packet.geneve_ports[0], 6081);
    assert_false(config->any_port);
    for (unsigned port = 0; port < 65536; port++)
        assert_int_equal(config->tls_ports[port / 8] >> port % 8 & 1, port == 443);
    assert_int_equal(config->slow.handshake_ns, SS_SLOW_NEVER);
    assert_int_equal(config->slow.unfinished_ns, SS_SLOW_NEVER);
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        assert_int_equal(config->slow.phase_ns[i], SS_SLOW_NEVER);
    assert_int_equal(config->journal_count, 0);
    assert_int_equal(config->origin_count, 0);
    assert_null(config->export_directory);
    ss_config_free(config);
}

static void check_full_journals(const struct ss_config_journal *journals)
{
    assert_string_equal(journals[0].directory, "/j/1");
    assert_string_equal(journals[0].matches[0], "_COMM=a");
    assert_string_equal(journals[0].matches[1], "PRIORITY=6");
    assert_null(journals[0].matches[2]);
    assert_int_equal(journals[0].format, SS_FORMAT_ENVOY);
    assert_int_equal(journals[0].entry_time, SS_ENTRY_TIME_ENDED);
    assert_int_equal(journals[0].min_duration_ns, 5 * SS_NS_PER_MS);
    assert_int_equal(journals[0].slack_ns, 3 * SS_NS_PER_S);
    assert_int_equal(journals[0].hold_ns, 4 * SS_NS_PER_S);
    assert_string_equal(journals[0].cursor_file, "/c/1");
    assert_int_equal(journals[1].format, SS_FORMAT_REGEX);
    assert_string_equal(journals[1].regex, "^(?<client_ip>\\S+) [(?<x>] (?P<duration>\\S+) (?<pool>.*)");
    assert_null(journals[1].matches[0]);
    assert_int_equal(journals[1].entry_time, SS_ENTRY_TIME_OF_FORMAT);
    assert_int_equal(journals[1].min_duration_ns, 0);
    assert_int_equal(journals[1].slack_ns, 2 * SS_NS_PER_S);
    assert_int_equal(journals[1].hold_ns, 30 * SS_NS_PER_S);
    assert_null(journals[1].cursor_file);
    assert_int_equal(journals[2].format, SS_FORMAT_JSON);
    assert_string_equal(journals[2].pointers[SS_KEY_CLIENT], "/a");
    assert_string_equal(journals[2].pointers[SS_KEY_DURATION_NS], "/j/~0~1");
    assert_string_equal(journals[2].pointers[SS_KEY_ERROR], "/s");
    assert_string_equal(journals[2].pointers[SS_KEY_SNI], "/k");
    assert_int_equal(journals[3].format, SS_FORMAT_FIELDS);
    assert_string_equal(journals[3].pointers[SS_KEY_CLIENT_IP], "B");
    assert_string_equal(journals[3].pointers[SS_KEY_DURATION_NS], "_J2");
}

static void every_key_reaches_its_field(void **state)
{
    (void)state;
    struct ss_config *config = load(FULL);
    assert_string_equal(config->sensor, "s1");
    assert_int_equal(config->tap, SS_TAP_CLIENT);
    assert_string_equal(config->eal[1], "--no-huge");
    assert_null(config->eal[2]);
    assert_int_equal(config->port_count, 2);
    assert_int_equal(config->ports[0].rx_queues, 3);
    assert_int_equal(config->ports[0].driver, SS_DRIVER_AF_XDP);
    assert_string_equal(config->ports[1].device, "0000:3b:00.0");
    assert_int_equal(config->control_lcore, 9);
    assert_int_equal(config->rx_count, 2);
    assert_int_equal(config->rx_lcores[1], 2);
    assert_int_equal(config->analyzer_count, 2);
    assert_int_equal(config->analyzer_lcores[1], 3);
    assert_true(config->spin);
    assert_int_equal(config->handshakes_bytes, 8 << 20);
    assert_int_equal(config->per_flow_bytes, 16 << 10);
    assert_int_equal(config->recent_bytes, 2 << 20);
    assert_int_equal(config->snaplen, 2000);
    assert_int_equal(config->flows_max, 5000);
    assert_true(config->packet.identity[SS_IDENTITY_VLAN] && config->packet.identity[SS_IDENTITY_VNI]);
    assert_int_equal(config->packet.vxlan_port_count, 2);
    assert_int_equal(config->packet.vxlan_ports[1], 65535);
    assert_int_equal(config->packet.geneve_port_count, 1);
    assert_int_equal(config->packet.geneve_ports[0], 6082);
    assert_int_equal(config->tls_ports[443 / 8], 1 << 443 % 8);
    assert_int_equal(config->tls_ports[8443 / 8], 1 << 8443 % 8);
    assert_int_equal(config->slow.handshake_ns, 1500 * SS_NS_PER_MS);
    assert_int_equal(config->slow.unfinished_ns, 60 * SS_NS_PER_S);
    for (unsigned i = 0; i < SS_PHASE_COUNT; i++)
        assert_int_equal(config->slow.phase_ns[i], (i + 1) * SS_NS_PER_MS);
    assert_int_equal(config->journal_count, 4);
    check_full_journals(config->journals);
    assert_int_equal(config->origin_count, 1);
    assert_string_equal(config->origins[0].file, "/o/1");
    assert_string_equal(config->origins[0].format, "aws");
    assert_string_equal(config->export_directory, "/x");
    assert_int_equal(config->quota_bytes, 3ull << 29);
    assert_int_equal(config->export_rate, 7);
    assert_true(config->headers_only);
    assert_false(config->export_journal);
    ss_config_free(config);
}

static void a_single_journal_needs_no_list(void **state)
{
    (void)state;
    char *text = with("journal", "{\"directory\": \"/j\"}");
    struct ss_config *config = load(text);
    assert_int_equal(config->journal_count, 1);
    assert_string_equal(config->journals[0].directory, "/j");
    assert_int_equal(config->journals[0].format, SS_FORMAT_HAPROXY);
    ss_config_free(config);
    free(text);
}

static void words_of_the_table_are_those_of_their_enums(void **state)
{
    (void)state;
    const struct ss_config_member *tap = ss_config_member_find(SS_SECTION_ROOT, "tap");
    for (unsigned i = 0; i < SS_TAP_COUNT; i++)
        assert_string_equal(tap->names[i], ss_tap_name(i));
    assert_null(tap->names[SS_TAP_COUNT]);
}

/* Whether a value of the file, or an entry of a list in it, has the member. */
static bool has_member(const json_t *value, enum ss_config_section section,
                       const struct ss_config_member *wanted);

static bool member_has(const json_t *value, const struct ss_config_member *member,
                       const struct ss_config_member *wanted)
{
    if (member == wanted)
        return true;
    if (member->type == SS_TYPE_FORMAT)
        return has_member(value, SS_SECTION_FORMAT, wanted);
    return member->sub != SS_SECTION_NONE && has_member(value, member->sub, wanted);
}

static bool has_member(const json_t *value, enum ss_config_section section,
                       const struct ss_config_member *wanted)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (has_member(json_array_get(value, i), section, wanted))
            return true;
    const struct ss_config_member *member = NULL;
    while (json_is_object(value) && (member = ss_config_member_next(section, member)) != NULL) {
        const json_t *inner = json_object_get(value, member->key);
        if (inner != NULL && member_has(inner, member, wanted))
            return true;
    }
    return false;
}

static void the_full_file_of_these_tests_has_every_row_of_the_table(void **state)
{
    (void)state;
    json_t *root = json_loads(FULL, 0, NULL);
    for (unsigned section = 0; section < SS_SECTION_COUNT; section++) {
        const struct ss_config_member *member = NULL;
        assert_non_null(ss_config_member_next(section, NULL));
        while ((member = ss_config_member_next(section, member)) != NULL)
            if (!has_member(root, SS_SECTION_ROOT, member))
                fail_msg("%s is missing", member->key);
    }
    json_decref(root);
}

/* Where a walk through a file is. */
struct walk {
    json_t *root;
    char path[256];
};

static struct ss_config_errors refuse_root(const struct walk *walk)
{
    char *text = json_dumps(walk->root, 0);
    struct ss_config_errors errors = refuse(text);
    free(text);
    return errors;
}

/* No key takes the number 1.5. */
static void try_wrong_type(struct walk *walk)
{
    char start[300];
    struct ss_config_errors errors = refuse_root(walk);
    snprintf(start, sizeof(start), "t: %s: 1.5 is not a", walk->path);
    if (strstr(walk->path, "export.journal") != NULL)
        snprintf(start, sizeof(start), "t: %s: 1.5 is not true or false", walk->path);
    if (strstr(walk->path, ".fields.") != NULL)
        snprintf(start, sizeof(start), "t: %s: 1.5 is not the name of", walk->path);
    assert_true(has_start(&errors, start));
    ss_config_errors_free(&errors);
}

static void try_unknown_key(struct walk *walk, json_t *object)
{
    char start[300];
    json_object_set_new(object, "zzzzzz", json_true());
    struct ss_config_errors errors = refuse_root(walk);
    snprintf(start, sizeof(start), "t: %s%szzzzzz: unknown key (wanted: \"", walk->path,
             walk->path[0] != '\0' ? "." : "");
    assert_true(has_start(&errors, start));
    assert_int_equal(errors.count, 1);
    ss_config_errors_free(&errors);
    json_object_del(object, "zzzzzz");
}

static void try_all(struct walk *walk, json_t *value)
{
    size_t length = strlen(walk->path);
    if (json_is_object(value))
        try_unknown_key(walk, value);
    const char *key;
    json_t *inner;
    void *next;
    json_object_foreach_safe(value, next, key, inner)
    {
        snprintf(walk->path + length, sizeof(walk->path) - length, "%s%s", length > 0 ? "." : "", key);
        try_all(walk, inner);
        json_incref(inner);
        json_object_set_new(value, key, json_real(1.5));
        try_wrong_type(walk);
        json_object_set_new(value, key, inner);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        inner = json_incref(json_array_get(value, i));
        snprintf(walk->path + length, sizeof(walk->path) - length, "[%zu]", i);
        try_all(walk, inner);
        json_array_set_new(value, i, json_real(1.5));
        try_wrong_type(walk);
        json_array_set_new(value, i, inner);
    }
    walk->path[length] = '\0';
}

static void a_wrong_type_or_an_unknown_key_is_refused_at_every_place(void **state)
{
    (void)state;
    struct walk walk = {.root = json_loads(FULL, 0, NULL)};
    try_all(&walk, walk.root);
    json_decref(walk.root);
}

static void five_errors_are_all_reported_in_one_go(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"ports\": [\"p\"], \"lcores\": {\"control\": 0, \"rx\": [1], \"analyzers\": [0]},"
        " \"slow\": {\"handshake\": \"300\", \"phases\": {\"client_finsh\": \"1ms\"}},"
        " \"tls\": {\"ports\": [443, 8443, 70000]}, \"idle\": \"sleep\"}";
    static const char *const LINES[] = {
        "t: lcores.analyzers[0]: lcore 0 is lcores.control already (wanted: one of its own)",
        "t: idle: \"sleep\" is not a known word (wanted: \"relax\" or \"spin\")",
        "t: tls.ports[2]: 70000 is not a TCP port (wanted: 1 to 65535)",
        "t: slow.handshake: \"300\" is not a duration such as \"300ms\" (wanted: 0 to 24h)",
        "t: slow.phases.client_finsh: unknown key; did you mean \"client_finish\"?"};
    struct ss_config_errors errors = refuse(TEXT);
    for (size_t i = 0; i < COUNT_OF(LINES); i++)
        assert_true(has_line(&errors, LINES[i]));
    assert_int_equal(errors.count, COUNT_OF(LINES));
    ss_config_errors_free(&errors);
}

static void what_a_live_appliance_needs_is_required(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line;
    } ROWS[] = {
        {"{}", "t: ports: missing (wanted: a list of devices or objects)"},
        {"{}", "t: lcores: missing (wanted: an object)"},
        {"{\"lcores\": {}}", "t: lcores.control: missing (wanted: an lcore id)"},
        {"{\"lcores\": {}}", "t: lcores.rx: missing (wanted: a list of lcore ids)"},
        {"{\"lcores\": {}}", "t: lcores.analyzers: missing (wanted: a list of lcore ids)"},
        {"{\"ports\": []}", "t: ports: a list of 0 (wanted: 1 to 16 entries)"},
        {"{\"ports\": [{}]}", "t: ports[0].device: missing (wanted: a string)"},
        {"{\"journal\": {}}", "t: journal.directory: missing (wanted: a string)"},
        {"{\"journal\": [{}]}", "t: journal[0].directory: missing (wanted: a string)"},
        {"{\"origins\": [{}]}", "t: origins[0].file: missing (wanted: a string)"},
        {"{\"export\": {}}", "t: export.directory: missing (wanted: a string)"},
        {"[]", "t: a list is not an object (wanted: {...})"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_config_errors errors = refuse(ROWS[i].text);
        assert_true(has_line(&errors, ROWS[i].line));
        ss_config_errors_free(&errors);
    }
}

static void what_contradicts_is_refused_alone_and_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *line;
    } ROWS[] = {
        {"lcores", "{\"control\": 0, \"rx\": [1, 1], \"analyzers\": [2]}",
         "t: lcores.rx[1]: lcore 1 is in the list already (wanted: each once)"},
        {"lcores", "{\"control\": 0, \"rx\": [1], \"analyzers\": [2, 3, 2]}",
         "t: lcores.analyzers[2]: lcore 2 is in the list already (wanted: each once)"},
        {"lcores", "{\"control\": 1, \"rx\": [1], \"analyzers\": [2]}",
         "t: lcores.rx[0]: lcore 1 is lcores.control already (wanted: one of its own)"},
        {"lcores", "{\"control\": 128, \"rx\": [1], \"analyzers\": [2]}",
         "t: lcores.control: 128 is out of range (wanted: 0 to 127)"},
        {"lcores", "{\"control\": 0, \"rx\": [-1], \"analyzers\": [2]}",
         "t: lcores.rx[0]: -1 is out of range (wanted: 0 to 127)"},
        {"ports", "[\"a\", {\"device\": \"a\"}]",
         "t: ports[1]: \"a\" is the device of ports[0] already (wanted: one of its own)"},
        {"ports", "[\"\"]", "t: ports[0]: \"\" is out of range (wanted: 1 to 63 bytes)"},
        {"ports", "[\"0123456789012345678901234567890123456789012345678901234567890123\"]",
         "t: ports[0]: \"0123456789012345678901234567890123456789012345678901234567...\" is out of range "
         "(wanted: 1 to 63 bytes)"},
        {"ports", "[{\"device\": \"a\", \"rx_queues\": 17}]",
         "t: ports[0].rx_queues: 17 is out of range (wanted: 0 to 16)"},
        {"history", "{\"handshakes\": {\"memory\": \"1MiB\", \"per_flow\": \"512KiB\"}}",
         "t: history.handshakes.per_flow: \"512KiB\" is above a quarter of what an analyzer has of memory "
         "(wanted: a "
         "quarter of 1MiB at most)"},
        {"history", "{\"handshakes\": {\"memory\": \"1000KiB\"}}",
         "t: history.handshakes.memory: \"1000KiB\" is out of range (wanted: 1MiB to 1TiB)"},
        {"history", "{\"recent\": {\"memory\": \"64KiB\"}}",
         "t: history.recent.memory: \"64KiB\" is out of range (wanted: \"0\", or 1MiB or more)"},
        {"history", "{\"recent\": {\"memory\": \"1MiB\"}, \"snaplen\": 262144}",
         "t: history.snaplen: 262144 with its header is above a quarter of what an analyzer has of "
         "history.recent.memory (wanted: a quarter of 1MiB at most)"},
        {"tls", "{\"ports\": []}", "t: tls.ports: an empty list (wanted: at least one port, or \"any\")"},
        {"tls", "{\"ports\": \"all\"}",
         "t: tls.ports: \"all\" is not a list of TCP ports, or \"any\" (wanted: 1 to 65535)"},
        {"slow", "{\"handshake\": \"25h\"}", "t: slow.handshake: \"25h\" is out of range (wanted: 0 to 24h)"},
        {"flows", "{\"max\": 4294967297}",
         "t: flows.max: 4294967297 is out of range (wanted: 16 to 100000000)"},
        {"flows", "{\"identity\": [\"vlan\", \"mpls\"]}",
         "t: flows.identity[1]: \"mpls\" is not a known word (wanted: \"vlan\" or \"vni\")"},
        {"tunnels", "{\"vxlan_ports\": [0]}",
         "t: tunnels.vxlan_ports[0]: 0 is not a UDP port (wanted: 1 to 65535)"},
        {"tunnels", "{\"geneve_ports\": [6081, 8472]}",
         "t: tunnels.geneve_ports[1]: 8472 is in vxlan_ports already (wanted: another)"},
        {"sensor", "\"0123456789012345678901234567890123456789012345678901234567890123\"",
         "t: sensor: \"0123456789012345678901234567890123456789012345678901234567...\" is out of range "
         "(wanted: 1 to "
         "63 bytes)"},
        {"a\tb", "1",
         "t: a?b: unknown key (wanted: \"sensor\", \"tap\", \"eal\", \"ports\", \"lcores\", \"idle\", "
         "\"history\", \"flows\", \"tunnels\", \"tls\", \"slow\", \"journal\", \"origins\" or \"export\")"},
        {"journal", "{\"directory\": \"/j\", \"matches\": [\"haproxy\"]}",
         "t: journal.matches[0]: \"haproxy\" is not a match (wanted: FIELD=value, such as "
         "\"SYSLOG_IDENTIFIER=haproxy\")"},
        {"journal", "{\"directory\": \"/j\", \"matches\": [\"__CURSOR=x\"]}",
         "t: journal.matches[0]: \"__CURSOR=x\" is not a match (wanted: FIELD=value, such as "
         "\"SYSLOG_IDENTIFIER=haproxy\")"},
        {"journal", "{\"directory\": \"/j\", \"format\": \"apache\"}",
         "t: journal.format: \"apache\" is not a format (wanted: \"haproxy\", \"envoy\", \"nginx\", "
         "\"caddy\", "
         "\"traefik\" or \"tracing\", or an object with one of regex, json and fields)"},
        {"journal", "{\"directory\": \"/j\", \"format\": {}}",
         "t: journal.format: has 0 of regex, json and fields (wanted: exactly one)"},
        {"journal",
         "{\"directory\": \"/j\", \"format\": {\"json\": {\"client\": \"/a\"}, \"fields\": {\"client\": "
         "\"A\"}}}",
         "t: journal.format: has 2 of regex, json and fields (wanted: exactly one)"},
        {"journal", "{\"directory\": \"/j\", \"format\": {\"json\": {\"sni\": \"/a\"}}}",
         "t: journal.format: names no client (wanted: client or client_ip)"},
        {"journal", "{\"directory\": \"/j\", \"format\": {\"json\": {\"client\": \"a\"}}}",
         "t: journal.format.json.client: \"a\" is not a JSON pointer such as \"/request/remote_ip\" (wanted: "
         "1 to 255 "
         "bytes)"},
        {"journal", "{\"directory\": \"/j\", \"format\": {\"fields\": {\"client\": \"lower\"}}}",
         "t: journal.format.fields.client: \"lower\" is not the name of a journal field such as "
         "\"CLIENT_IP\" (wanted: "
         "1 to 64 bytes)"},
        {"journal",
         "{\"directory\": \"/j\", \"format\": {\"fields\": {\"client\": \"__MONOTONIC_TIMESTAMP\"}}}",
         "t: journal.format.fields.client: \"__MONOTONIC_TIMESTAMP\" is not the name of a journal field such "
         "as \"CLIENT_IP\" (wanted: 1 to 64 bytes)"},
        {"journal", "{\"directory\": \"/j\", \"format\": {\"regex\": \"(?<clientip>.*)\"}}",
         "t: journal.format.regex: unknown group \"clientip\"; did you mean \"client_ip\"?"},
        {"journal",
         "{\"directory\": \"/j\", \"format\": {\"regex\": \"(?<=a)\\\\(?<client>[]()(?<client>]\"}}",
         "t: journal.format: names no client (wanted: client or client_ip)"},
        {"journal",
         "{\"directory\": \"/j\", \"format\": {\"regex\": \"(?'client'.*)\"}, \"min_duration\": \"1ms\"}",
         "t: journal.min_duration: the format takes no duration out of an event (wanted: \"0\", or a "
         "duration in "
         "format)"},
        {"journal", "{\"directory\": \"/j\", \"format\": \"caddy\", \"min_duration\": \"1ms\"}",
         "t: journal.min_duration: the format takes no duration out of an event (wanted: \"0\", or a "
         "duration in "
         "format)"},
        {"journal",
         "[{\"directory\": \"/a\", \"cursor_file\": \"/c\"}, {\"directory\": \"/b\", \"cursor_file\": "
         "\"/c\"}]",
         "t: journal[1]: \"/c\" is the cursor_file of journal[0] already (wanted: one of its own)"},
        {"export", "{\"directory\": \"/x\", \"rate\": 0}",
         "t: export.rate: 0 is out of range (wanted: 1 to 1000000)"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char *text = with(ROWS[i].key, ROWS[i].value);
        struct ss_config_errors errors = refuse(text);
        assert_true(has_line(&errors, ROWS[i].line));
        assert_int_equal(errors.count, 1);
        ss_config_errors_free(&errors);
        free(text);
    }
}

static void check_lines(const char *text, const char *const *lines)
{
    struct ss_config_errors errors = refuse(text);
    size_t count = 0;
    for (; lines[count] != NULL; count++)
        assert_true(has_line(&errors, lines[count]));
    for (size_t i = 0; errors.count != count && i < errors.count; i++)
        print_error("%s\n", errors.lines[i]);
    assert_int_equal(errors.count, count);
    ss_config_errors_free(&errors);
}

/* One bad value hides nothing that can be said without it, and what can't is not said. */
static void values_are_compared_with_each_other_where_they_could_be_read(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *lines[6];
    } ROWS[] = {
        {"lcores",
         "{\"control\": 0, \"rx\": [0, 0], \"analyzers\": [\"x\"]}",
         {"t: lcores.rx[0]: lcore 0 is lcores.control already (wanted: one of its own)",
          "t: lcores.rx[1]: lcore 0 is in the list already (wanted: each once)",
          "t: lcores.analyzers[0]: \"x\" is not an lcore id (wanted: 0 to 127)"}},
        {"lcores",
         "{\"control\": -1, \"rx\": [0, \"x\", \"x\", 0], \"analyzers\": [0]}",
         {"t: lcores.control: -1 is out of range (wanted: 0 to 127)",
          "t: lcores.rx[1]: \"x\" is not an lcore id (wanted: 0 to 127)",
          "t: lcores.rx[2]: \"x\" is not an lcore id (wanted: 0 to 127)",
          "t: lcores.rx[3]: lcore 0 is in the list already (wanted: each once)"}},
        {"lcores",
         "{\"rx\": [0], \"analyzers\": [1, 1]}",
         {"t: lcores.control: missing (wanted: an lcore id)",
          "t: lcores.analyzers[1]: lcore 1 is in the list already (wanted: each once)"}},
        {"ports",
         "[\"a\", 5, \"\", {\"device\": \"a\", \"rx_queues\": \"x\"}, \"\"]",
         {"t: ports[1]: 5 is not a port (wanted: the name of a device, or an object with device)",
          "t: ports[2]: \"\" is out of range (wanted: 1 to 63 bytes)",
          "t: ports[3].rx_queues: \"x\" is not an integer (wanted: 0 to 16)",
          "t: ports[4]: \"\" is out of range (wanted: 1 to 63 bytes)",
          "t: ports[3]: \"a\" is the device of ports[0] already (wanted: one of its own)"}},
        {"history",
         "{\"handshakes\": {\"memory\": \"much\", \"per_flow\": \"1GiB\"}, \"snaplen\": 262144,"
         " \"recent\": {\"memory\": \"1MiB\"}}",
         {"t: history.handshakes.memory: \"much\" is not a size such as \"64KiB\" (wanted: 1MiB to 1TiB)",
          "t: history.snaplen: 262144 with its header is above a quarter of what an analyzer has of "
          "history.recent.memory (wanted: a quarter of 1MiB at most)"}},
        {"history",
         "{\"handshakes\": {\"memory\": \"1MiB\", \"per_flow\": \"1\"}, \"snaplen\": 1, \"recent\": "
         "{\"memory\": \"1KiB\"}}",
         {"t: history.handshakes.per_flow: \"1\" is not a size such as \"64KiB\" (wanted: 1KiB to 1GiB)",
          "t: history.snaplen: 1 is out of range (wanted: 96 to 262144)",
          "t: history.recent.memory: \"1KiB\" is out of range (wanted: \"0\", or 1MiB or more)"}},
        {"tunnels",
         "{\"vxlan_ports\": [4789, 0], \"geneve_ports\": [0, 4789]}",
         {"t: tunnels.vxlan_ports[1]: 0 is not a UDP port (wanted: 1 to 65535)",
          "t: tunnels.geneve_ports[0]: 0 is not a UDP port (wanted: 1 to 65535)",
          "t: tunnels.geneve_ports[1]: 4789 is in vxlan_ports already (wanted: another)"}},
        {"journal",
         "{\"format\": \"caddy\", \"min_duration\": \"1ms\"}",
         {"t: journal.directory: missing (wanted: a string)",
          "t: journal.min_duration: the format takes no duration out of an event (wanted: \"0\", or a "
          "duration in format)"}},
        {"journal",
         "{\"directory\": \"/j\", \"format\": {\"json\": {\"sni\": \"a\"}}, \"min_duration\": \"1ms\"}",
         {"t: journal.format.json.sni: \"a\" is not a JSON pointer such as \"/request/remote_ip\" (wanted: 1 "
          "to 255 bytes)",
          "t: journal.format: names no client (wanted: client or client_ip)",
          "t: journal.min_duration: the format takes no duration out of an event (wanted: \"0\", or a "
          "duration in format)"}},
        {"journal",
         "{\"directory\": \"/j\", \"format\": {\"fields\": {\"client\": \"a\", \"duration\": \"b\"}},"
         " \"min_duration\": \"1ms\"}",
         {"t: journal.format.fields.client: \"a\" is not the name of a journal field such as \"CLIENT_IP\" "
          "(wanted: 1 to 64 bytes)",
          "t: journal.format.fields.duration: \"b\" is not the name of a journal field such as \"CLIENT_IP\" "
          "(wanted: 1 to 64 bytes)"}},
        {"journal",
         "{\"directory\": \"/j\", \"format\": {\"json\": {\"clint\": \"/a\"}}}",
         {"t: journal.format.json.clint: unknown key; did you mean \"client\"?"}},
        {"journal",
         "{\"directory\": \"/j\", \"format\": {\"regex\": 5}, \"min_duration\": \"1ms\"}",
         {"t: journal.format.regex: 5 is not a string (wanted: 1 to 4095 bytes)"}},
        {"journal",
         "[{\"directory\": 1, \"cursor_file\": \"/c\"}, {\"directory\": \"/b\", \"cursor_file\": \"/c\"}]",
         {"t: journal[0].directory: 1 is not a string (wanted: 1 to 4095 bytes)",
          "t: journal[1]: \"/c\" is the cursor_file of journal[0] already (wanted: one of its own)"}},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char *text = with(ROWS[i].key, ROWS[i].value);
        check_lines(text, ROWS[i].lines);
        free(text);
    }
}

static void a_key_that_is_given_twice_hides_nothing(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"tap\": \"middle\", \"ports\": [\"p\"], \"idle\": \"tap\",\n"
                               " \"lcores\": {\"control\": 0, \"rx\": [1], \"analyzers\": [1]},\n"
                               " \"é\\\"\": 1, \"\\u0074ap\": \"client\", \"tap\": \"server\",\n"
                               " \"origins\": [{\"file\": \"/a\"}, {\"file\": \"/b\", \"file\": \"tap\"}]}";
    static const char *const LINES[] = {
        "t:3:12: the key \"tap\" is given twice (wanted: once)",
        "t:3:34: the key \"tap\" is given twice (wanted: once)",
        "t:4:45: the key \"file\" is given twice (wanted: once)",
        "t: idle: \"tap\" is not a known word (wanted: \"relax\" or \"spin\")",
        "t: é\": unknown key (wanted: \"sensor\", \"tap\", \"eal\", \"ports\", \"lcores\", \"idle\", "
        "\"history\", \"flows\", \"tunnels\", \"tls\", \"slow\", \"journal\", \"origins\" or \"export\")",
        NULL};
    check_lines(TEXT, LINES);
}

static void an_unknown_key_is_taken_for_one_only_if_that_is_near(void **state)
{
    (void)state;
    static const struct {
        const char *text, *like;
    } ROWS[] = {{"sensr", "sensor"}, {"sesnor", "sensor"}, {"tas", "tap"},       {"bar", NULL},
                {"it", NULL},        {"expo", NULL},       {"slwo", NULL},       {"", NULL},
                {"tapes", "tap"},    {"orts", "ports"},    {"exports", "export"}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const char *like = ss_config_key_like(SS_SECTION_ROOT, ROWS[i].text);
        if (like != ROWS[i].like && (like == NULL || ROWS[i].like == NULL || strcmp(like, ROWS[i].like) != 0))
            fail_msg("%s: %s", ROWS[i].text, like);
    }
}

static void the_keys_of_every_section_fit_into_a_sentence(void **state)
{
    (void)state;
    char keys[SS_CONFIG_KEYS_MAX];
    for (unsigned section = 0; section < SS_SECTION_COUNT; section++)
        assert_true(strlen(ss_config_section_keys(section, keys)) < sizeof(keys) - 1);
    assert_string_equal(ss_config_section_keys(SS_SECTION_HANDSHAKES, keys), "\"memory\" or \"per_flow\"");
}

/* PCRE2's own words differ from one version to the next. */
static void a_regular_expression_is_compiled_when_it_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *value, *start;
    } ROWS[] = {
        {"[{\"directory\": \"/j\", \"format\": {\"regex\": \"(?<client>a(\"}}]",
         "t: journal[0].format.regex: does not compile: "},
        {"{\"directory\": \"/j\", \"format\": {\"regex\": \"(*UTF)(?<client>.)\"}}",
         "t: journal.format.regex: does not compile: "},
        {"{\"directory\": \"/j\", \"format\": {\"regex\": \"(?<client>.)(?<client>.)\"}}",
         "t: journal.format.regex: does not compile: "},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char *text = with("journal", ROWS[i].value);
        struct ss_config_errors errors = refuse(text);
        assert_true(has_start(&errors, ROWS[i].start));
        assert_non_null(strstr(errors.lines[0], ", at offset "));
        assert_int_equal(errors.count, 1);
        ss_config_errors_free(&errors);
        free(text);
    }
}

static void a_regular_expression_has_64_named_groups_at_most(void **state)
{
    (void)state;
    char value[2000];
    for (int groups = 64; groups <= 65; groups++) {
        int at = sprintf(value, "{\"directory\": \"/j\", \"format\": {\"regex\": \"(?<client>)");
        for (int i = 1; i < groups; i++)
            at += sprintf(value + at, "(?<field%d>)", i);
        sprintf(value + at, "\"}}");
        char *text = with("journal", value);
        static const char *const LINES[] = {"t: journal.format.regex: has 65 named groups, more than 64 "
                                            "(wanted: a regular expression of PCRE2)",
                                            NULL};
        if (groups == 64)
            ss_config_free(load(text));
        else
            check_lines(text, LINES);
        free(text);
    }
}

static void an_analyzer_has_only_its_part_of_the_history(void **state)
{
    (void)state;
    char *text = with("history", "{\"handshakes\": {\"memory\": \"4MiB\", \"per_flow\": \"768KiB\"}}");
    ss_config_free(load(text));
    json_t *root = json_loads(text, 0, NULL);
    json_object_set_new(root, "lcores",
                        json_pack("{s:i, s:[i], s:[i, i]}", "control", 0, "rx", 1, "analyzers", 1, 2));
    char *halved = json_dumps(root, 0);
    struct ss_config_errors errors = refuse(halved);
    assert_true(has_start(&errors, "t: history.handshakes.per_flow: \"768KiB\" is above a quarter"));
    ss_config_errors_free(&errors);
    json_decref(root);
    free(halved);
    free(text);
}

static void a_syntax_error_says_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *start;
    } ROWS[] = {{"", "t:1:0: "},
                {"{\n  \"tap\": server\n}", "t:2:15: "},
                {"{\"a\": \"\\u0000\"}", "t:1:"},
                {"{} x", "t:1:4: "}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_config_errors errors = refuse(ROWS[i].text);
        assert_int_equal(errors.count, 1);
        if (!has_start(&errors, ROWS[i].start))
            fail_msg("%s", errors.lines[0]);
        ss_config_errors_free(&errors);
    }
}

static void a_file_that_cannot_be_read_is_one_error(void **state)
{
    (void)state;
    static const struct {
        const char *path, *line;
    } ROWS[] = {{"/nonexistent/file", "/nonexistent/file: cannot be read: No such file or directory"},
                {"/", "/: cannot be read: Is a directory"},
                {"/dev/zero", "/dev/zero: is larger than 1MiB, which no configuration is"}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_config *config = NULL;
        struct ss_config_errors errors = {0};
        assert_int_equal(ss_config_load(ROWS[i].path, &config, &errors), -EINVAL);
        assert_null(config);
        assert_int_equal(errors.count, 1);
        assert_true(has_line(&errors, ROWS[i].line));
        ss_config_errors_free(&errors);
    }
}

static void check_round_trip(struct ss_config *config)
{
    char *text = ss_config_print(config);
    struct ss_config *again = load(text);
    char *text_again = ss_config_print(again);
    const char *name;
    assert_string_equal(text, text_again);
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_int_equal(ss_config_fixed_changes(config, again, &name, 1), 0);
    free(text);
    free(text_again);
    ss_config_free(again);
}

static void what_is_printed_loads_and_prints_the_same(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {FULL, LEAST};
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        struct ss_config *config = load(TEXTS[i]);
        check_round_trip(config);
        ss_config_free(config);
    }
}

static void the_full_file_prints_as_what_it_is(void **state)
{
    (void)state;
    struct ss_config *config = load(FULL);
    char *text = ss_config_print(config);
    json_t *printed = json_loads(text, 0, NULL), *given = json_loads(FULL, 0, NULL);
    static const char *const KEYS[] = {"sensor", "tap",     "eal",  "lcores",  "idle",  "history",
                                       "flows",  "tunnels", "slow", "origins", "export"};
    for (size_t i = 0; i < COUNT_OF(KEYS); i++)
        assert_true(json_equal(json_object_get(printed, KEYS[i]), json_object_get(given, KEYS[i])));
    json_t *formats = json_object_get(given, "journal"), *journals = json_object_get(printed, "journal");
    for (size_t i = 0; i < json_array_size(formats); i++)
        assert_true(json_equal(json_object_get(json_array_get(journals, i), "format"),
                               json_object_get(json_array_get(formats, i), "format")));
    json_decref(printed);
    json_decref(given);
    free(text);
    ss_config_free(config);
}

static void the_examples_load_and_print_the_same(void **state)
{
    (void)state;
    static const char *const PATHS[] = {"config/slowshake.json", "config/minimal.json",
                                        "config/capture-only.json"};
    for (size_t i = 0; i < COUNT_OF(PATHS); i++) {
        struct ss_config *config = NULL;
        struct ss_config_errors errors = {0};
        int result = ss_config_load(PATHS[i], &config, &errors);
        if (result != 0)
            fail_msg("%s", errors.lines[0]);
        check_round_trip(config);
        ss_config_free(config);
    }
}

static void reading_without_a_file_looks_at_every_port_and_exports_nothing(void **state)
{
    (void)state;
    struct ss_config *config = ss_config_default();
    assert_non_null(config);
    assert_int_equal(config->tap, SS_TAP_MIDDLE);
    assert_true(config->any_port);
    assert_int_equal(config->port_count, 0);
    assert_int_equal(config->rx_count, 0);
    assert_int_equal(config->flows_max, 100000);
    assert_int_equal(config->handshakes_bytes, 64 << 20);
    assert_int_equal(config->recent_bytes, 64 << 20);
    assert_int_equal(config->slow.handshake_ns, 300 * SS_NS_PER_MS);
    assert_int_equal(config->slow.phase_ns[SS_PHASE_CLIENT_FINISH], 200 * SS_NS_PER_MS);
    assert_int_equal(config->slow.phase_ns[SS_PHASE_SERVER_HELLO], SS_SLOW_NEVER);
    assert_int_equal(config->slow.unfinished_ns, 10 * SS_NS_PER_S);
    assert_null(config->export_directory);
    char *text = ss_config_print(config);
    assert_non_null(strstr(text, "\"tap\": \"middle\""));
    assert_null(strstr(text, "lcores"));
    assert_null(strstr(text, "export"));
    free(text);
    ss_config_free(config);
}

static struct ss_config *load_for_reading(const char *text, struct ss_config_errors *ret_errors)
{
    char path[] = "/tmp/config.XXXXXX";
    struct ss_config *config = NULL;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    ss_config_load_for_reading(path, &config, ret_errors);
    unlink(path);
    return config;
}

static void reading_needs_nothing_that_only_the_appliance_uses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum ss_tap tap;
        uint64_t quota_bytes;
    } ROWS[] = {
        {"{}", SS_TAP_MIDDLE, 0},
        {"{\"slow\": {\"handshake\": \"1s\"}}", SS_TAP_MIDDLE, 0},
        {"{\"journal\": {\"format\": \"envoy\"}}", SS_TAP_MIDDLE, 0},
        {"{\"tap\": \"server\", \"lcores\": {\"analyzers\": [1, 2]}}", SS_TAP_SERVER, 0},
        {"{\"export\": {\"payload\": \"headers\"}}", SS_TAP_MIDDLE, 0},
        {"{\"export\": {\"quota\": \"10GiB\"}}", SS_TAP_MIDDLE, 10ull << 30},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct ss_config_errors errors = {0};
        struct ss_config *config = load_for_reading(ROWS[i].text, &errors);
        if (config == NULL)
            fail_msg("%s: %s", ROWS[i].text, errors.lines[0]);
        assert_int_equal(config->tap, ROWS[i].tap);
        assert_int_equal(config->quota_bytes, ROWS[i].quota_bytes);
        assert_false(config->any_port);
        ss_config_free(config);
    }
}

static void reading_needs_what_it_uses(void **state)
{
    (void)state;
    struct ss_config_errors errors = {0};
    assert_null(load_for_reading("{\"origins\": [{\"format\": \"aws\"}], \"slov\": {}}", &errors));
    assert_int_equal(errors.count, 2);
    assert_non_null(strstr(errors.lines[0], "origins[0].file: missing"));
    ss_config_errors_free(&errors);
}

static void only_what_cannot_change_at_run_time_is_named(void **state)
{
    (void)state;
    struct ss_config *least = load(LEAST), *full = load(FULL);
    static const char *const NAMES[] = {"sensor", "tap",     "eal",   "ports",   "lcores",
                                        "idle",   "history", "flows", "tunnels", "tls"};
    const char *names[16];
    assert_int_equal(ss_config_fixed_changes(least, full, names, COUNT_OF(names)), COUNT_OF(NAMES));
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        assert_string_equal(names[i], NAMES[i]);
    names[1] = "untouched";
    assert_int_equal(ss_config_fixed_changes(least, full, names, 1), COUNT_OF(NAMES));
    assert_string_equal(names[1], "untouched");
    ss_config_free(least);
    ss_config_free(full);
}

static void slow_journal_origins_and_export_can_change_at_run_time(void **state)
{
    (void)state;
    static const char *const ROWS[][2] = {{"slow", "{\"handshake\": \"1ms\"}"},
                                          {"journal", "{\"directory\": \"/j\"}"},
                                          {"origins", "[{\"file\": \"/o\"}]"},
                                          {"export", "{\"directory\": \"/x\"}"}};
    struct ss_config *least = load(LEAST);
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const char *name;
        char *text = with(ROWS[i][0], ROWS[i][1]);
        struct ss_config *other = load(text);
        assert_int_equal(ss_config_fixed_changes(least, other, &name, 1), 0);
        ss_config_free(other);
        free(text);
    }
    ss_config_free(least);
}

static void paths_and_texts_of_any_length_are_cut_not_overrun(void **state)
{
    (void)state;
    enum { BYTES = 100000 };
    char *text = malloc(2 * BYTES + 100);
    int at = sprintf(text, "{\"");
    for (int i = 0; i < BYTES / 2; i++) /* the cut falls within a character in one of the two */
        at += sprintf(text + at, "é");
    at += sprintf(text + at, "\": 1, \"k");
    for (int i = 0; i < BYTES / 4; i++)
        at += sprintf(text + at, "é");
    at += sprintf(text + at, "\": 1, \"tap\": \"");
    for (int i = 0; i < BYTES / 4; i++)
        at += sprintf(text + at, "é");
    sprintf(text + at, "\"}");
    struct ss_config_errors errors = refuse(text);
    for (size_t i = 0; i < errors.count; i++) {
        assert_true(strlen(errors.lines[i]) < 300);
        json_t *is_utf8 = json_string(errors.lines[i]);
        assert_non_null(is_utf8);
        json_decref(is_utf8);
    }
    ss_config_errors_free(&errors);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_file_gets_every_default),
        cmocka_unit_test(every_key_reaches_its_field),
        cmocka_unit_test(a_single_journal_needs_no_list),
        cmocka_unit_test(words_of_the_table_are_those_of_their_enums),
        cmocka_unit_test(the_full_file_of_these_tests_has_every_row_of_the_table),
        cmocka_unit_test(a_wrong_type_or_an_unknown_key_is_refused_at_every_place),
        cmocka_unit_test(five_errors_are_all_reported_in_one_go),
        cmocka_unit_test(what_a_live_appliance_needs_is_required),
        cmocka_unit_test(what_contradicts_is_refused_alone_and_with_its_place),
        cmocka_unit_test(values_are_compared_with_each_other_where_they_could_be_read),
        cmocka_unit_test(a_key_that_is_given_twice_hides_nothing),
        cmocka_unit_test(an_unknown_key_is_taken_for_one_only_if_that_is_near),
        cmocka_unit_test(the_keys_of_every_section_fit_into_a_sentence),
        cmocka_unit_test(a_regular_expression_is_compiled_when_it_is_read),
        cmocka_unit_test(a_regular_expression_has_64_named_groups_at_most),
        cmocka_unit_test(an_analyzer_has_only_its_part_of_the_history),
        cmocka_unit_test(a_syntax_error_says_line_and_column),
        cmocka_unit_test(a_file_that_cannot_be_read_is_one_error),
        cmocka_unit_test(what_is_printed_loads_and_prints_the_same),
        cmocka_unit_test(the_full_file_prints_as_what_it_is),
        cmocka_unit_test(the_examples_load_and_print_the_same),
        cmocka_unit_test(reading_without_a_file_looks_at_every_port_and_exports_nothing),
        cmocka_unit_test(reading_needs_nothing_that_only_the_appliance_uses),
        cmocka_unit_test(reading_needs_what_it_uses),
        cmocka_unit_test(only_what_cannot_change_at_run_time_is_named),
        cmocka_unit_test(slow_journal_origins_and_export_can_change_at_run_time),
        cmocka_unit_test(paths_and_texts_of_any_length_are_cut_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
