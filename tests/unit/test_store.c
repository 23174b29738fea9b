// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/units.h"
#include "capture/capture.h"
#include "export/packets.h"
#include "export/store.h"
#include "support/findings.h"
#include "support/frames.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DAY_NS          (24 * 3600 * SS_NS_PER_S)
#define ID              "18ea806acb8d7933-55667788"
#define PACKETS         10

static const struct ss_pcapng_interface INTERFACE = {"mirror0", SS_LINK_ETHERNET, 65535};

/* A directory of its own for each test, and one flow of a packet a mark. */
struct fixture {
    char directory[64];
    struct ss_store_config config;
    struct ss_store *store;
    struct ss_finding finding;
    struct ss_history_record packets[PACKETS];
    struct frame frames[PACKETS];
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/slowshake-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->config = (struct ss_store_config){
        .directory = fixture->directory, .rate = 100, .interfaces = &INTERFACE, .interface_count = 1};
    *state = fixture;
    return 0;
}

static int shell(const char *format, const char *argument)
{
    char command[512];
    snprintf(command, sizeof(command), format, argument);
    return system(command);
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    ss_store_close(fixture->store);
    shell("rm -rf '%s'", fixture->directory);
    free(fixture);
    return 0;
}

static void open_store(struct fixture *fixture)
{
    char why[256] = "";
    ss_store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(ss_store_open(&fixture->config, &fixture->store, why, sizeof(why)), 0);
}

/* The sender and payload of each mark's packet; ms is its time. */
static void build_packets(struct fixture *fixture)
{
    static const struct {
        bool from_server;
        uint8_t flags;
        const char *payload;
    } ROWS[PACKETS] = {{false, SS_TCP_SYN, ""},           {true, SS_TCP_SYN | SS_TCP_ACK, ""},
                       {false, SS_TCP_ACK, ""},           {false, SS_TCP_ACK, "ClientHello 1"},
                       {false, SS_TCP_ACK, "2 of 2"},     {true, SS_TCP_ACK, ""},
                       {true, SS_TCP_ACK, "ServerHello"}, {true, SS_TCP_ACK, "rest of the flight"},
                       {false, SS_TCP_ACK, ""},           {false, SS_TCP_ACK, "Finished"}};
    const struct ss_finding *finding = &fixture->finding;
    size_t n = 0;
    for (unsigned mark = 0; mark < SS_MARK_COUNT; mark++) {
        if (finding->mark_ns[mark] == SS_MARK_UNSEEN)
            continue;
        struct frame *frame = &fixture->frames[n];
        bool back = ROWS[n].from_server;
        frame_start(frame, SS_LINK_ETHERNET);
        frame_ethernet(frame);
        frame_ip(frame, back ? "198.51.100.1" : "192.0.2.7", back ? "192.0.2.7" : "198.51.100.1");
        frame_tcp(frame, (struct frame_tcp){.source_port = back ? 443 : 51234,
                                            .destination_port = back ? 51234 : 443,
                                            .flags = ROWS[n].flags});
        frame_text(frame, ROWS[n].payload);
        struct ss_frame whole = frame_end(frame);
        fixture->packets[n] =
            (struct ss_history_record){.data = whole.data,
                                       .captured = whole.captured,
                                       .wire = whole.wire,
                                       .number = n + 1,
                                       .time_ns = finding->start_ns + finding->mark_ns[mark],
                                       .link = SS_LINK_ETHERNET};
        n++;
    }
    assert_int_equal(n, PACKETS);
}

static struct ss_store_flow flow_of(struct fixture *fixture)
{
    fixture->finding = finding_example();
    build_packets(fixture);
    return (struct ss_store_flow){.record = {.finding = &fixture->finding, .sensor = "edge"},
                                  .packets = fixture->packets,
                                  .packet_count = PACKETS};
}

/* By itself. */
static int write_now(struct ss_store *store, struct ss_store_flow *flow, int64_t now_ns)
{
    ss_store_write(store, flow, now_ns);
    ss_store_sync(store);
    return flow->error;
}

static int write_at(struct fixture *fixture, int64_t start_ns)
{
    struct ss_store_flow flow = flow_of(fixture);
    for (size_t i = 0; i < PACKETS; i++)
        fixture->packets[i].time_ns += start_ns - fixture->finding.start_ns;
    fixture->finding.start_ns = start_ns;
    return write_now(fixture->store, &flow, start_ns);
}

static const char *path_in(const struct fixture *fixture, const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
    return path;
}

static bool exists(const struct fixture *fixture, const char *name)
{
    return access(path_in(fixture, name), F_OK) == 0;
}

static char *text_of(const struct fixture *fixture, const char *name)
{
    static char text[65536];
    FILE *file = fopen(path_in(fixture, name), "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static unsigned lines_of(const struct fixture *fixture, const char *name)
{
    unsigned lines = 0;
    for (const char *c = text_of(fixture, name); *c != '\0'; c++)
        lines += *c == '\n';
    return lines;
}

static void put_file(const struct fixture *fixture, const char *name, const char *content)
{
    FILE *file = fopen(path_in(fixture, name), "wb");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static unsigned mode_of(const struct fixture *fixture, const char *name)
{
    struct stat status;
    assert_int_equal(stat(path_in(fixture, name), &status), 0);
    return status.st_mode & 07777;
}

static size_t read_packets(const struct fixture *fixture, const char *name, struct ss_frame *ret_frames)
{
    struct ss_capture *capture;
    struct ss_frame frame;
    const char *why;
    size_t n = 0;
    int fd = open(path_in(fixture, name), O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(ss_capture_open(fd, &capture, &why), 0);
    while (ss_capture_next(capture, &frame) == SS_CAPTURE_FRAME) {
        assert_in_range(n, 0, PACKETS);
        ret_frames[n++] = frame; /* data is gone by then; the numbers stay */
    }
    ss_capture_close(capture);
    close(fd);
    return n;
}

static void a_flow_lands_in_its_day_with_its_packets_and_its_record(void **state)
{
    struct fixture *fixture = *state;
    struct ss_frame frames[PACKETS + 1];
    mode_t old = umask(077);
    open_store(fixture);
    struct ss_store_flow flow = flow_of(fixture);
    flow.packets_missing = 3;
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns), 0);
    umask(old);

    assert_int_equal(read_packets(fixture, "2026-11-22/" ID ".pcapng", frames), PACKETS);
    json_t *record = json_loads(text_of(fixture, "2026-11-22/flows.jsonl"), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(record, "pcapng")), "2026-11-22/" ID ".pcapng");
    assert_int_equal(json_integer_value(json_object_get(record, "packets")), PACKETS);
    assert_int_equal(json_integer_value(json_object_get(record, "packets_missing")), 3);
    json_decref(record);
    assert_int_equal(lines_of(fixture, "2026-11-22/flows.jsonl"), 1);
    assert_int_equal(mode_of(fixture, "2026-11-22"), 0750);
    assert_int_equal(mode_of(fixture, "2026-11-22/flows.jsonl"), 0640);
    assert_int_equal(mode_of(fixture, "2026-11-22/" ID ".pcapng"), 0640);

    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    assert_int_equal(counters->records, 1);
    assert_int_equal(counters->pcapngs, 1);
    struct stat a, b;
    assert_int_equal(stat(path_in(fixture, "2026-11-22/flows.jsonl"), &a), 0);
    assert_int_equal(stat(path_in(fixture, "2026-11-22/" ID ".pcapng"), &b), 0);
    assert_int_equal(counters->bytes, a.st_size + b.st_size);
    /* Written again, a file takes the place of the old one, in the count too. */
    flow = flow_of(fixture);
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns), 0);
    assert_int_equal(stat(path_in(fixture, "2026-11-22/flows.jsonl"), &a), 0);
    assert_int_equal(stat(path_in(fixture, "2026-11-22/" ID ".pcapng"), &b), 0);
    assert_int_equal(counters->bytes, a.st_size + b.st_size);
}

static void both_tiers_become_one_list_in_the_order_of_time(void **state)
{
    (void)state;
    static const struct ss_history_record RECORDS[] = {
        {.number = 5, .time_ns = 50, .captured = 10},         {.number = 2, .time_ns = 20, .captured = 10},
        {.number = 9, .time_ns = 1, .kind = SS_HISTORY_NOTE}, {.number = 3, .time_ns = 20, .captured = 10},
        {.number = 5, .time_ns = 50, .captured = 99},         {.number = 1, .time_ns = 20, .captured = 10},
        {.number = 4, .time_ns = 60, .captured = 10}};
    static const uint64_t WANTED[] = {1, 2, 3, 5, 4};
    const struct ss_history_record *sorted[COUNT_OF(RECORDS)];
    assert_int_equal(ss_packets_sort(RECORDS, COUNT_OF(RECORDS), sorted), COUNT_OF(WANTED));
    for (size_t i = 0; i < COUNT_OF(WANTED); i++)
        assert_int_equal(sorted[i]->number, WANTED[i]);
    assert_int_equal(sorted[3]->captured, 99); /* the fuller copy */
    assert_int_equal(ss_packets_sort(RECORDS, 0, sorted), 0);
}

static void assert_tshark(const struct fixture *fixture, const char *name, const char *fields,
                          const char *wanted)
{
    char command[512], printed[8192];
    snprintf(command, sizeof(command), "tshark -r '%s' -T fields %s 2>/dev/null", path_in(fixture, name),
             fields);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    printed[fread(printed, 1, sizeof(printed) - 1, pipe)] = '\0';
    pclose(pipe);
    assert_string_equal(printed, wanted);
}

static void need_tshark(void)
{
    if (system("command -v tshark >/dev/null") != 0) {
        print_message("skipped: tshark is not here\n");
        skip();
    }
}

static void each_mark_is_a_comment_of_its_packet(void **state)
{
    struct fixture *fixture = *state;
    need_tshark();
    open_store(fixture);
    assert_int_equal(write_at(fixture, finding_example().start_ns), 0);
    assert_tshark(fixture, "2026-11-22/" ID ".pcapng", "-e frame.comment",
                  "slowshake: syn\nslowshake: syn_ack\nslowshake: ack\nslowshake: client_hello_first\n"
                  "slowshake: client_hello\nslowshake: hello_ack\nslowshake: server_hello\n"
                  "slowshake: server_flight\nslowshake: flight_ack\nslowshake: client_finished\n");
}

/* Software stamps give a whole burst one time. */
static void marks_of_one_burst_find_their_packets_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    need_tshark();
    open_store(fixture);
    struct ss_store_flow flow = flow_of(fixture);
    for (unsigned i = 0; i < SS_MARK_COUNT; i++) {
        if (fixture->finding.mark_ns[i] != SS_MARK_UNSEEN)
            fixture->finding.mark_ns[i] = 0;
    }
    for (size_t i = 0; i < PACKETS; i++)
        fixture->packets[i].time_ns = fixture->finding.start_ns;
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns), 0);
    assert_tshark(fixture, "2026-11-22/" ID ".pcapng", "-e frame.comment",
                  "slowshake: syn\nslowshake: syn_ack\nslowshake: ack,slowshake: flight_ack\n"
                  "slowshake: client_hello_first,slowshake: client_hello,slowshake: client_finished\n\n"
                  "slowshake: hello_ack\nslowshake: server_hello\nslowshake: server_flight\n\n\n");
}

static void headers_alone_are_kept_after_the_handshake(void **state)
{
    struct fixture *fixture = *state;
    struct ss_frame frames[PACKETS + 1];
    fixture->config.headers_only = true;
    open_store(fixture);
    struct ss_store_flow flow = flow_of(fixture);
    fixture->finding.mark_ns[SS_MARK_CLIENT_FINISHED] =
        SS_MARK_UNSEEN;                  /* so that packet comes after the last mark */
    fixture->frames[8].bytes[12] = 0x42; /* no IP at all, but at the last mark */
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns), 0);
    assert_int_equal(read_packets(fixture, "2026-11-22/" ID ".pcapng", frames), PACKETS);
    for (size_t i = 0; i < PACKETS - 1; i++)
        assert_int_equal(frames[i].captured, frames[i].wire);
    assert_int_equal(frames[9].captured, 14 + 20 + 20);
    assert_int_equal(frames[9].wire, 14 + 20 + 20 + strlen("Finished"));

    fixture->frames[9].bytes[12] = 0x42;
    assert_int_equal(ss_packets_kept(&fixture->finding, NULL, &fixture->packets[9]), 0);
}

static void headers_alone_are_kept_of_what_was_said_before_tls(void **state)
{
    struct fixture *fixture = *state;
    struct ss_history_record *hello = &fixture->packets[3];

    flow_of(fixture);
    assert_int_equal(hello->time_ns,
                     fixture->finding.start_ns + fixture->finding.mark_ns[SS_MARK_CLIENT_HELLO_FIRST]);
    assert_int_equal(ss_packets_kept(&fixture->finding, NULL, hello), hello->captured);
    hello->time_ns--;
    assert_int_equal(ss_packets_kept(&fixture->finding, NULL, hello), 14 + 20 + 20);
}

static void a_port_beyond_the_configured_ones_has_an_interface_block_too(void **state)
{
    struct fixture *fixture = *state;
    struct ss_frame frames[PACKETS + 1];
    open_store(fixture);
    struct ss_store_flow flow = flow_of(fixture);
    fixture->packets[4].port = 2;
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns), 0);
    assert_int_equal(read_packets(fixture, "2026-11-22/" ID ".pcapng", frames), PACKETS);
    assert_int_equal(frames[4].port, 2);
    assert_int_equal(frames[4].link, SS_LINK_ETHERNET);
    flow = flow_of(fixture);
    fixture->packets[4].port = SS_PACKETS_INTERFACES_MAX;
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns), -ERANGE);
    assert_int_equal(lines_of(fixture, "2026-11-22/flows.jsonl"), 2);
    assert_int_equal(ss_store_counters(fixture->store)->pcapngs_unwritten[SS_UNWRITTEN_DISK_ERROR], 1);
}

/* Of a client in a prefix of its own. */
static int write_from(struct fixture *fixture, uint8_t prefix, enum ss_verdict verdict, int64_t now_ns)
{
    struct ss_store_flow flow = flow_of(fixture);
    fixture->finding.client.ip.bytes[14] = prefix;
    fixture->finding.tuple_hash += prefix;
    fixture->finding.verdict = (uint8_t)verdict;
    return write_now(fixture->store, &flow, now_ns);
}

static void the_rate_forbids_packets_and_never_a_record(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.rate = 2;
    open_store(fixture);
    int64_t start_ns = finding_example().start_ns;
    for (uint8_t i = 0; i < 5; i++)
        assert_int_equal(write_from(fixture, i, (enum ss_verdict)i, start_ns), 0);
    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    assert_int_equal(counters->pcapngs, 2);
    assert_int_equal(counters->pcapngs_unwritten[SS_UNWRITTEN_RATE], 3);
    assert_int_equal(counters->records, 5);
    const char *text = text_of(fixture, "2026-11-22/flows.jsonl");
    assert_non_null(strstr(text, "],\"pcapng_skipped\":\"rate\"}\n")); /* and no packets */
    /* half a second gives one more */
    assert_int_equal(write_from(fixture, 10, SS_VERDICT_PROXY, start_ns + SS_NS_PER_S / 2), 0);
    assert_int_equal(write_from(fixture, 11, SS_VERDICT_TAP, start_ns + SS_NS_PER_S / 2 + 1), 0);
    assert_int_equal(counters->pcapngs, 3);
    /* and a clock set back none */
    assert_int_equal(write_from(fixture, 12, SS_VERDICT_NONE, start_ns), 0);
    assert_int_equal(counters->pcapngs, 3);
    assert_int_equal(counters->records, 8);
}

static int write_end(struct fixture *fixture)
{
    struct ss_store_flow flow = flow_of(fixture);
    flow.record.revision = 2;
    flow.is_end = true;
    return write_now(fixture->store, &flow, fixture->finding.start_ns);
}

static void a_further_revision_of_a_flow_takes_nothing_more_of_the_rate(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.rate = 1;
    open_store(fixture);
    struct ss_store_flow flow = flow_of(fixture);
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns), 0);
    flow = flow_of(fixture);
    flow.record.revision = 2;
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns), 0);
    assert_int_equal(write_end(fixture), 0);

    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    assert_int_equal(counters->records, 3);
    assert_int_equal(counters->pcapngs, 3);
    assert_int_equal(counters->pcapngs_unwritten[SS_UNWRITTEN_RATE], 0);
}

static void the_end_of_a_connection_is_no_record_where_it_has_no_pcapng_to_replace(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.rate = 0;
    open_store(fixture);
    struct ss_store_flow flow = flow_of(fixture);
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns), 0);
    assert_int_equal(write_end(fixture), 0);

    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    assert_int_equal(counters->records, 1);
    assert_int_equal(counters->pcapngs_unwritten[SS_UNWRITTEN_RATE], 1);
    assert_int_equal(counters->ends_left_out, 1);
    assert_int_equal(lines_of(fixture, "2026-11-22/flows.jsonl"), 1);
}

static void a_storm_of_one_prefix_leaves_room_for_another(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    int64_t start_ns = finding_example().start_ns;
    for (int i = 0; i < 200; i++)
        assert_int_equal(write_at(fixture, start_ns + i), 0);
    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    assert_int_equal(counters->pcapngs, 50); /* a tenth of 100 a second, saved up for 5 s */
    assert_int_equal(counters->pcapngs_unwritten[SS_UNWRITTEN_PREFIX_RATE], 150);
    assert_int_equal(counters->records, 200);
    assert_int_equal(write_from(fixture, 9, SS_VERDICT_CLIENT, start_ns + 200), 0);
    assert_int_equal(counters->pcapngs, 51);
}

static void a_flow_without_packets_left_has_a_record_that_says_so(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    struct ss_store_flow flow = flow_of(fixture);
    flow.packet_count = 0;
    flow.packets_missing = 14;
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns), 0);
    assert_non_null(
        strstr(text_of(fixture, "2026-11-22/flows.jsonl"), "\"packets\":0,\"packets_missing\":14}\n"));
    assert_false(exists(fixture, "2026-11-22/" ID ".pcapng"));
}

static void past_the_quota_the_oldest_go_first(void **state)
{
    struct fixture *fixture = *state;
    int64_t start_ns = finding_example().start_ns;
    open_store(fixture);
    for (int day = 0; day < 3; day++) {
        for (int i = 0; i < 3; i++)
            assert_int_equal(write_at(fixture, start_ns + day * DAY_NS + i), 0);
    }
    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    uint64_t all = counters->bytes;
    put_file(fixture, "2026-11-22/notes.txt", "not ours");

    fixture->config.quota_bytes =
        all + 500; /* room for the notes; the next flow costs two pcapng files or so */
    open_store(fixture);
    counters = ss_store_counters(fixture->store);
    assert_int_equal(counters->bytes, all + strlen("not ours"));
    assert_int_equal(write_at(fixture, start_ns + 2 * DAY_NS + 3), 0);
    assert_false(exists(fixture, "2026-11-22/" ID ".pcapng")); /* the oldest, and all the rest stays */
    assert_true(exists(fixture, "2026-11-22/18ea806acb8d7935-55667788.pcapng"));
    assert_true(exists(fixture, "2026-11-22/flows.jsonl"));
    assert_true(counters->bytes <= fixture->config.quota_bytes);
    assert_in_range(counters->quota_removed, 1, 2);

    fixture->config.quota_bytes = 256 * 1024;
    shell("truncate -s 1M '%s'/2026-11-22/notes.txt", fixture->directory); /* all that may be removed is */
    open_store(fixture);
    assert_int_equal(write_at(fixture, start_ns + 2 * DAY_NS + 4), 0);
    assert_true(exists(fixture, "2026-11-22/notes.txt"));
    assert_false(exists(fixture, "2026-11-22/flows.jsonl"));
    assert_false(exists(fixture, "2026-11-23"));
    assert_int_equal(lines_of(fixture, "2026-11-24/flows.jsonl"), 5); /* today's lines stay */
    assert_int_equal(shell("test $(find '%s' -name '*.pcapng' | wc -l) = 1", fixture->directory), 0);
}

static void files_that_others_removed_do_not_cost_more_files(void **state)
{
    struct fixture *fixture = *state;
    int64_t start_ns = finding_example().start_ns;
    open_store(fixture);
    for (int i = 0; i < 20; i++)
        assert_int_equal(write_at(fixture, start_ns + i), 0);
    uint64_t all = ss_store_counters(fixture->store)->bytes;
    fixture->config.quota_bytes = all + 1000;
    open_store(fixture);
    shell("find '%s' -name '*3[3-9]-*.pcapng' -delete", fixture->directory);
    assert_int_equal(write_at(fixture, start_ns + DAY_NS), 0);
    assert_int_equal(ss_store_counters(fixture->store)->quota_removed, 0);
    assert_true(ss_store_counters(fixture->store)->bytes < all);
}

static void what_a_crash_left_is_swept_at_the_start(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    assert_int_equal(write_at(fixture, finding_example().start_ns), 0);
    ss_store_close(fixture->store);
    fixture->store = NULL;
    size_t whole = strlen(text_of(fixture, "2026-11-22/flows.jsonl"));
    put_file(fixture, "2026-11-22/." ID ".pcapng.tmp", "half a file");
    put_file(fixture, "2026-11-22/unmatched.jsonl", "{\"cut\":");
    FILE *lines = fopen(path_in(fixture, "2026-11-22/flows.jsonl"), "ab");
    for (int i = 0; i < 5000; i++) /* a cut line longer than what is looked at in one go */
        fputs("{}", lines);
    fclose(lines);

    open_store(fixture);
    assert_false(exists(fixture, "2026-11-22/." ID ".pcapng.tmp"));
    assert_int_equal(strlen(text_of(fixture, "2026-11-22/flows.jsonl")), whole);
    assert_string_equal(text_of(fixture, "2026-11-22/unmatched.jsonl"), "");
    assert_true(exists(fixture, "2026-11-22/" ID ".pcapng"));
}

static void a_second_store_on_the_directory_sweeps_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct ss_store *second;
    char why[256];
    open_store(fixture);
    assert_int_equal(write_at(fixture, finding_example().start_ns), 0);
    put_file(fixture, "2026-11-22/." ID ".pcapng.tmp", "being written");
    assert_int_equal(ss_store_open(&fixture->config, &second, why, sizeof(why)), 0);
    assert_true(exists(fixture, "2026-11-22/." ID ".pcapng.tmp"));
    ss_store_close(second);
}

static void a_directory_deleted_underneath_is_made_again(void **state)
{
    static const char *const WHAT[] = {"rm -rf '%s'/2026-11-22", "rm -rf '%s'", "mv '%s' '%s'.gone",
                                       "mv '%s' '%s'.other && mkdir '%s'"};
    struct fixture *fixture = *state;
    open_store(fixture);
    for (size_t i = 0; i < COUNT_OF(WHAT); i++) {
        char command[256];
        assert_int_equal(write_at(fixture, finding_example().start_ns), 0);
        snprintf(command, sizeof(command), WHAT[i], fixture->directory, fixture->directory,
                 fixture->directory);
        assert_int_equal(system(command), 0);
        assert_int_equal(write_at(fixture, finding_example().start_ns), 0);
        assert_int_equal(lines_of(fixture, "2026-11-22/flows.jsonl"), 1);
        assert_true(exists(fixture, "2026-11-22/" ID ".pcapng"));
        shell("rm -rf '%s'/*", fixture->directory);
    }
    shell("rm -rf '%s'.*", fixture->directory);
}

static void nothing_is_written_through_a_symbolic_link(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    assert_int_equal(symlink("/tmp", path_in(fixture, "2026-11-22")), 0);
    assert_int_not_equal(write_at(fixture, finding_example().start_ns), 0);
    assert_int_equal(ss_store_counters(fixture->store)->records_unwritten[SS_UNWRITTEN_IN_THE_WAY], 1);
    assert_int_equal(unlink(path_in(fixture, "2026-11-22")), 0);
    assert_int_equal(mkdir(path_in(fixture, "2026-11-22"), 0750), 0);
    assert_int_equal(symlink("/dev/null", path_in(fixture, "2026-11-22/flows.jsonl")), 0);
    assert_int_equal(write_at(fixture, finding_example().start_ns), -ELOOP);
    assert_false(exists(fixture, "2026-11-22/" ID ".pcapng")); /* nothing stays without a record */
}

static void a_pipe_in_the_place_of_a_file_holds_nothing_up(void **state)
{
    struct fixture *fixture = *state;
    struct ss_frame frames[PACKETS + 1];
    open_store(fixture);
    assert_int_equal(mkdir(path_in(fixture, "2026-11-22"), 0750), 0);
    assert_int_equal(mkfifo(path_in(fixture, "2026-11-22/flows.jsonl"), 0640), 0);
    assert_int_equal(write_at(fixture, finding_example().start_ns), -EINVAL);
    assert_int_equal(unlink(path_in(fixture, "2026-11-22/flows.jsonl")), 0);
    assert_int_equal(mkfifo(path_in(fixture, "2026-11-22/." ID ".pcapng.tmp"), 0640), 0);
    assert_int_equal(mkfifo(path_in(fixture, "2026-11-22/" ID ".pcapng"), 0640), 0);
    assert_int_equal(write_at(fixture, finding_example().start_ns), 0);
    assert_int_equal(lines_of(fixture, "2026-11-22/flows.jsonl"), 1);
    assert_int_equal(read_packets(fixture, "2026-11-22/" ID ".pcapng", frames), PACKETS);
}

static void a_clock_set_back_over_midnight_changes_neither_day_nor_id(void **state)
{
    struct fixture *fixture = *state;
    struct ss_store_flow flow = flow_of(fixture);
    fixture->config.quota_bytes = 64 * 1024;
    open_store(fixture);
    assert_int_equal(mkdir(path_in(fixture, "2026-11-22"), 0750), 0);
    shell("truncate -s 1M '%s'/2026-11-22/notes.txt", fixture->directory);
    open_store(fixture); /* all that may be removed is */
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns), 0);
    flow = flow_of(fixture);
    assert_int_equal(write_now(fixture->store, &flow, fixture->finding.start_ns - DAY_NS), 0);
    assert_int_equal(lines_of(fixture, "2026-11-22/flows.jsonl"), 2);
    assert_false(exists(fixture, "2026-11-21"));
}

static void flows_that_are_given_together_lie_each_in_its_day(void **state)
{
    struct fixture *fixture = *state;
    struct ss_finding findings[6];
    struct ss_store_flow flows[6];
    open_store(fixture);
    for (unsigned i = 0; i < COUNT_OF(flows); i++) {
        flows[i] = flow_of(fixture);
        findings[i] = fixture->finding;
        findings[i].start_ns += i + (i % 2) * DAY_NS;
        flows[i].record.finding = &findings[i];
        ss_store_write(fixture->store, &flows[i], findings[i].start_ns);
    }
    ss_store_sync(fixture->store);
    for (unsigned i = 0; i < COUNT_OF(flows); i++) {
        assert_true(flows[i].is_written);
        assert_true(exists(fixture, flows[i].record.pcapng));
    }
    assert_int_equal(lines_of(fixture, "2026-11-22/flows.jsonl"), 3);
    assert_int_equal(lines_of(fixture, "2026-11-23/flows.jsonl"), 3);
}

static void a_storm_of_events_does_not_drive_flows_out(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event event = {.client = endpoint_of("192.0.2.7:51234"),
                             .time_ns = finding_example().start_ns,
                             .logged_ns = finding_example().start_ns,
                             .duration_ns = SS_NS_PER_S};
    fixture->config.quota_bytes = 256 * 1024;
    open_store(fixture);
    assert_int_equal(write_at(fixture, finding_example().start_ns), 0);
    int error = 0;
    for (int i = 0; i < 2000; i++)
        error = ss_store_unmatched(fixture->store, "edge", &event, SS_UNMATCHED_BEFORE_START, NULL,
                                   event.logged_ns);
    assert_int_equal(error, -EDQUOT);
    assert_int_equal(ss_store_sync(fixture->store), 0);
    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    assert_int_equal(counters->unmatched, lines_of(fixture, "2026-11-22/unmatched.jsonl"));
    assert_int_equal(counters->unmatched + counters->unmatched_unwritten[SS_UNWRITTEN_QUOTA], 2000);
    assert_in_range(counters->bytes, 0, 32 * 1024);
    assert_int_equal(write_at(fixture, finding_example().start_ns + 1), 0); /* records go on */
    assert_int_equal(counters->records, 2);
    assert_true(exists(fixture, "2026-11-22/" ID ".pcapng"));
}

static void an_event_without_a_flow_is_kept_in_the_day_of_its_entry(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event event = {.client = endpoint_of("192.0.2.7:51234"),
                             .time_ns = INT64_MAX, /* a proxy may log anything */
                             .logged_ns = finding_example().start_ns,
                             .duration_ns = SS_NS_PER_S};
    open_store(fixture);
    assert_int_equal(
        ss_store_unmatched(fixture->store, "edge", &event, SS_UNMATCHED_NO_FLOW, NULL, event.logged_ns), 0);
    assert_int_equal(
        ss_store_unmatched(fixture->store, "edge", &event, SS_UNMATCHED_AMBIGUOUS, NULL, event.logged_ns), 0);
    assert_int_equal(lines_of(fixture, "2026-11-22/unmatched.jsonl"), 2);
    assert_int_equal(ss_store_counters(fixture->store)->unmatched, 0); /* not for sure */
    assert_int_equal(ss_store_sync(fixture->store), 0);
    assert_non_null(strstr(text_of(fixture, "2026-11-22/unmatched.jsonl"), "\"reason\":\"no_flow\""));
    assert_int_equal(ss_store_counters(fixture->store)->unmatched, 2);
}

static void a_directory_that_cannot_be_written_is_told_with_what_to_do(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *directory;
        int error;
    } ROWS[] = {{"/proc/slowshake", -ENOENT}, {"/dev/null/flows", -ENOTDIR}, {"", -ENOENT}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char why[256] = "";
        fixture->config.directory = ROWS[i].directory;
        assert_int_equal(ss_store_open(&fixture->config, &fixture->store, why, sizeof(why)), ROWS[i].error);
        assert_null(fixture->store);
        assert_non_null(strstr(why, "export.directory"));
        fixture->config.setting = "--out";
        assert_int_equal(ss_store_open(&fixture->config, &fixture->store, why, sizeof(why)), ROWS[i].error);
        assert_non_null(strstr(why, "--out"));
        assert_null(strstr(why, "export.directory"));
        fixture->config.setting = NULL;
    }
    fixture->config.directory = fixture->directory;
    assert_int_equal(chmod(fixture->directory, 0555), 0);
    if (geteuid() == 0) /* root may write anyway */
        return;
    char why[256] = "";
    assert_int_equal(ss_store_open(&fixture->config, &fixture->store, why, sizeof(why)), -EACCES);
    assert_non_null(strstr(why, "write access"));
}

static void parents_of_the_directory_are_made(void **state)
{
    struct fixture *fixture = *state;
    char deep[128];
    snprintf(deep, sizeof(deep), "%s/a/b/c/", fixture->directory);
    fixture->config.directory = deep;
    open_store(fixture);
    assert_int_equal(mode_of(fixture, "a/b/c"), 0750);
}

/* ---- A full disk ---- */

/* All that is there is whole; 0, or the number of what is not so. */
static int check_whole(const struct fixture *fixture)
{
    const char *text = text_of(fixture, "2026-11-22/flows.jsonl");
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        json_t *record = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
        if (record == NULL || strchr(line, '\n') == NULL)
            return 3;
        const char *pcapng = json_string_value(json_object_get(record, "pcapng"));
        const char *skipped = json_string_value(json_object_get(record, "pcapng_skipped"));
        if (pcapng != NULL ? !exists(fixture, pcapng) : skipped == NULL)
            return 4;
        json_decref(record);
    }
    return shell("test -z \"$(find '%s' -name '.*.*' -type f)\"", fixture->directory) != 0 ? 5 : 0;
}

/* In a process of its own: fills the directory until not even a record fits; 0 when all that is there is
 * whole, and records went on after pcapng files. */
static int write_until_full(struct fixture *fixture, enum ss_unwritten reason)
{
    int64_t start_ns = finding_example().start_ns;
    unsigned written = 0;
    int error = 0;
    open_store(fixture);
    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    while (counters->records_unwritten[SS_UNWRITTEN_NO_SPACE] == 0 && written < 2000) {
        error = write_at(fixture, start_ns + written);
        written++;
    }
    if (counters->records_unwritten[SS_UNWRITTEN_NO_SPACE] != 1 || (error != -ENOSPC && error != -EFBIG) ||
        counters->last_errno != -error)
        return 1;
    if (counters->records != lines_of(fixture, "2026-11-22/flows.jsonl") ||
        counters->records + 1 != written || counters->pcapngs_unwritten[reason] == 0)
        return 2;
    int wrong = check_whole(fixture);
    if (wrong != 0)
        return wrong;
    /* With room again it goes on, with a whole line after a whole line. */
    shell("rm -f '%s'/2026-11-22/*.pcapng", fixture->directory);
    struct rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &no_limit);
    uint64_t records = counters->records;
    if (write_at(fixture, start_ns + written) != 0 || counters->records != records + 1)
        return 6;
    return lines_of(fixture, "2026-11-22/flows.jsonl") == records + 1 ? 0 : 7;
}

/* A file system of 64 KiB of its own where that is allowed, else files that may not grow beyond it. */
static int full_disk(struct fixture *fixture, bool limit_files)
{
    fixture->config.rate = 1000000;
    signal(SIGXFSZ, SIG_IGN);
    if (limit_files) {
        struct rlimit limit = {20000, RLIM_INFINITY};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            return 100;
    } else if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
               mount("tmpfs", fixture->directory, "tmpfs", 0, "size=64k") != 0) {
        return 101;
    }
    return write_until_full(fixture, limit_files ? SS_UNWRITTEN_NO_SPACE : SS_UNWRITTEN_RESERVE);
}

extern int unshare(int flags); /* sched.h gives it to _GNU_SOURCE only */
#define CLONE_NEWNS 0x00020000

static void assert_whole_when_full(struct fixture *fixture, bool limit_files)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(!limit_files && unshare(CLONE_NEWNS) != 0 ? 102 : full_disk(fixture, limit_files));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_full_disk_leaves_nothing_half_written(void **state)
{
    if (geteuid() != 0) {
        print_message("skipped: a file system of its own needs root\n");
        skip();
    }
    assert_whole_when_full(*state, false);
}

static void a_file_that_may_not_grow_ends_with_a_whole_line(void **state)
{
    assert_whole_when_full(*state, true);
}

/* Records without packets, of which a file that may not grow beyond 20000 bytes takes some. */
static int write_more_than_fits(struct fixture *fixture)
{
    static struct ss_finding findings[40];
    static struct ss_store_flow flows[40];
    struct rlimit limit = {20000, RLIM_INFINITY};
    unsigned written = 0;
    signal(SIGXFSZ, SIG_IGN);
    open_store(fixture);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 100;
    for (unsigned i = 0; i < 40; i++) {
        findings[i] = finding_example();
        findings[i].start_ns += i;
        flows[i] = (struct ss_store_flow){.record = {.finding = &findings[i], .sensor = "edge"}};
        ss_store_write(fixture->store, &flows[i], findings[i].start_ns);
    }
    ss_store_sync(fixture->store);
    for (unsigned i = 0; i < 40; i++) {
        written += flows[i].is_written;
        if (flows[i].is_written != (flows[i].error == 0))
            return 1;
    }
    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    if (written < 10 || written == 40 || counters->records != written ||
        counters->records_unwritten[SS_UNWRITTEN_NO_SPACE] != 40 - written)
        return 2;
    return lines_of(fixture, "2026-11-22/flows.jsonl") == written ? 0 : 3;
}

static void of_records_that_do_not_fit_together_those_are_written_that_do(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(write_more_than_fits(*state));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A mount of its own that is made read-only and writable again. */
static int read_only_for_a_while(struct fixture *fixture)
{
    int64_t start_ns = finding_example().start_ns;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", fixture->directory, "tmpfs", 0, "size=1m") != 0)
        return 101;
    open_store(fixture);
    const struct ss_store_counters *counters = ss_store_counters(fixture->store);
    if (write_at(fixture, start_ns) != 0 ||
        mount("none", fixture->directory, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0)
        return 1;
    if (write_at(fixture, start_ns + 1) != -EROFS ||
        counters->records_unwritten[SS_UNWRITTEN_NOT_WRITABLE] != 1)
        return 2;
    if (mount("none", fixture->directory, NULL, MS_REMOUNT, NULL) != 0 ||
        write_at(fixture, start_ns + 2) != 0 || counters->records != 2)
        return 3;
    return check_whole(fixture);
}

static void a_directory_that_is_read_only_for_a_while_costs_what_came_meanwhile(void **state)
{
    if (geteuid() != 0) {
        print_message("skipped: a file system of its own needs root\n");
        skip();
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(unshare(CLONE_NEWNS) != 0 ? 102 : read_only_for_a_while(*state));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_flow_lands_in_its_day_with_its_packets_and_its_record),
        TEST(both_tiers_become_one_list_in_the_order_of_time),
        TEST(each_mark_is_a_comment_of_its_packet),
        TEST(marks_of_one_burst_find_their_packets_all_the_same),
        TEST(headers_alone_are_kept_after_the_handshake),
        TEST(headers_alone_are_kept_of_what_was_said_before_tls),
        TEST(a_port_beyond_the_configured_ones_has_an_interface_block_too),
        TEST(the_rate_forbids_packets_and_never_a_record),
        TEST(a_further_revision_of_a_flow_takes_nothing_more_of_the_rate),
        TEST(the_end_of_a_connection_is_no_record_where_it_has_no_pcapng_to_replace),
        TEST(a_storm_of_one_prefix_leaves_room_for_another),
        TEST(a_flow_without_packets_left_has_a_record_that_says_so),
        TEST(past_the_quota_the_oldest_go_first),
        TEST(files_that_others_removed_do_not_cost_more_files),
        TEST(what_a_crash_left_is_swept_at_the_start),
        TEST(a_second_store_on_the_directory_sweeps_nothing),
        TEST(a_directory_deleted_underneath_is_made_again),
        TEST(nothing_is_written_through_a_symbolic_link),
        TEST(a_pipe_in_the_place_of_a_file_holds_nothing_up),
        TEST(a_clock_set_back_over_midnight_changes_neither_day_nor_id),
        TEST(a_storm_of_events_does_not_drive_flows_out),
        TEST(a_directory_that_is_read_only_for_a_while_costs_what_came_meanwhile),
        TEST(an_event_without_a_flow_is_kept_in_the_day_of_its_entry),
        TEST(a_directory_that_cannot_be_written_is_told_with_what_to_do),
        TEST(parents_of_the_directory_are_made),
        TEST(a_full_disk_leaves_nothing_half_written),
        TEST(a_file_that_may_not_grow_ends_with_a_whole_line),
        TEST(of_records_that_do_not_fit_together_those_are_written_that_do),
        TEST(flows_that_are_given_together_lie_each_in_its_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
