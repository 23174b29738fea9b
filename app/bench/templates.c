// SPDX-License-Identifier: BSD-3-Clause

#include "templates.h"

#include "analyzer/analyzer.h"
#include "capture/capture.h"
#include "flow/key.h"
#include "packet/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAMES_MAX     512 /* of one capture */
#define ETHERNET_BYTES 14
#define TAG_BYTES      4
#define TCP_BYTES      20
#define SERVER_PORT    443
#define PATH_BYTES     4096

static const char *const captures[] = {"tls13-full", "tls12-full", "ipv6-tls13"};

/* A capture as far as it can serve: Ethernet frames of TCP. */
struct taken {
    struct ss_frame frame;
    struct ss_packet packet;
    struct ss_flow_key key;
    uint8_t bytes[SS_BENCH_FRAME_MAX];
};

struct capture {
    struct taken frames[FRAMES_MAX];
    unsigned count;
};

/* ---- reading */

static void take(struct capture *capture, const struct ss_frame *frame)
{
    struct taken *taken = &capture->frames[capture->count];
    bool from_first;

    if (frame->captured > SS_BENCH_FRAME_MAX - TAG_BYTES || frame->link != SS_LINK_ETHERNET)
        return;
    memcpy(taken->bytes, frame->data, frame->captured);
    taken->frame = *frame;
    taken->frame.data = taken->bytes;
    if (ss_packet_decode(&taken->frame, NULL, &taken->packet) != SS_REFUSED_NOTHING ||
        taken->packet.encap_count > 0)
        return;
    taken->key = ss_flow_key_of(&taken->packet, NULL, &from_first);
    capture->count++;
}

static bool read_capture(const char *path, struct capture *ret_capture, const char **ret_why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct ss_capture *reader;
    struct ss_frame frame;

    if (fd < 0) {
        *ret_why = strerror(errno);
        return false;
    }
    ret_capture->count = 0;
    bool is_open = ss_capture_open(fd, &reader, ret_why) == 0;
    if (is_open) {
        while (ret_capture->count < FRAMES_MAX && ss_capture_next(reader, &frame) == SS_CAPTURE_FRAME)
            take(ret_capture, &frame);
        ss_capture_close(reader);
    }
    close(fd);
    return is_open;
}

/* ---- one connection */

static void store16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Where the values of the timestamps option are (RFC 7323 section 3.2); 0: there is none. */
static uint16_t timestamps_of(const struct ss_bench_frame *frame, uint16_t tcp_at)
{
    enum { NOP = 1, TIMESTAMPS = 8 };
    unsigned end = tcp_at + (frame->bytes[tcp_at + 12] >> 4) * 4u;

    for (unsigned at = tcp_at + TCP_BYTES; at + 1 < end && frame->bytes[at] != 0;) {
        if (frame->bytes[at] == TIMESTAMPS)
            return (uint16_t)(at + 2);
        at += frame->bytes[at] == NOP || frame->bytes[at + 1] == 0 ? 1 : frame->bytes[at + 1];
    }
    return 0;
}

/* Of the captures' servers it makes one, so that a connection's segments follow from its number. */
static void note_places(struct ss_bench_frame *frame, uint16_t ip_at, enum ss_bench_family family,
                        bool from_client)
{
    uint16_t source_at = family == SS_BENCH_IPV4 ? ip_at + 12 : ip_at + 8 + 12;
    uint16_t destination_at = family == SS_BENCH_IPV4 ? ip_at + 16 : ip_at + 24 + 12;
    uint16_t tcp_at = family == SS_BENCH_IPV4 ? ip_at + 20 : ip_at + 40;

    frame->from_client = from_client;
    frame->client_at = from_client ? source_at : destination_at;
    frame->client_port_at = from_client ? tcp_at : tcp_at + 2;
    frame->seq_at = tcp_at + 4;
    frame->timestamps_at = timestamps_of(frame, tcp_at);
    store16(frame->bytes + (from_client ? tcp_at + 2 : tcp_at), SERVER_PORT);
}

static void add_tag(const struct ss_bench_frame *plain, struct ss_bench_frame *ret_tagged)
{
    static const uint8_t tag[TAG_BYTES] = {0x81, 0x00, 0x00, 0x64};

    *ret_tagged = *plain;
    memcpy(ret_tagged->bytes + 12, tag, TAG_BYTES);
    memcpy(ret_tagged->bytes + 12 + TAG_BYTES, plain->bytes + 12, plain->length - 12u);
    ret_tagged->length += TAG_BYTES;
    ret_tagged->client_at += TAG_BYTES;
    ret_tagged->client_port_at += TAG_BYTES;
    ret_tagged->seq_at += TAG_BYTES;
    if (ret_tagged->timestamps_at > 0)
        ret_tagged->timestamps_at += TAG_BYTES;
}

/* Adds the frame to both variants. False: there are too many. */
static bool add_step(struct ss_bench_template *plain, struct ss_bench_template *tagged,
                     const struct taken *taken, enum ss_bench_family family, bool from_client)
{
    if (plain->count == SS_BENCH_STEPS_MAX)
        return false;
    struct ss_bench_frame *frame = &plain->frames[plain->count++];
    memcpy(frame->bytes, taken->bytes, taken->frame.captured);
    frame->length = (uint16_t)taken->frame.captured;
    note_places(frame, ETHERNET_BYTES, family, from_client);
    add_tag(frame, &tagged->frames[tagged->count++]);
    return true;
}

/* An analyzer for one connection after the other. Its memory is the caller's to free. */
static struct ss_analyzer *small_analyzer(void **ret_memory)
{
    struct ss_analyzer_config config = {.clock = SS_CLOCK_FILE,
                                        .flows_max = 16,
                                        .per_flow_bytes = 64 << 10,
                                        .handshakes_bytes = 256 << 10,
                                        .recent_bytes = 256 << 10,
                                        .snaplen = 65535};
    size_t bytes = ss_analyzer_bytes(&config);

    ss_slow_init(&config.slow);
    *ret_memory = aligned_alloc(64, bytes);
    if (*ret_memory == NULL)
        return NULL;
    memset(*ret_memory, 0, bytes);
    return ss_analyzer_create(&config, *ret_memory);
}

static bool is_complete(struct ss_analyzer *analyzer, uint16_t *ret_version)
{
    struct ss_news news;

    while (ss_analyzer_next(analyzer, &news)) {
        const struct ss_finding *finding = ss_analyzer_finding(analyzer, news.note);
        if (news.kind != SS_NEWS_JUDGED || finding == NULL || finding->outcome != SS_OUTCOME_COMPLETE)
            continue;
        *ret_version = finding->tls.version;
        return true;
    }
    return false;
}

/* Fills both variants from the connection that begins with frame first. False: its handshake does not come to
 * its end there, or it is never closed. */
static bool fill(const struct capture *capture, unsigned first, struct ss_analyzer *analyzer,
                 struct ss_bench_template *plain, struct ss_bench_template *tagged)
{
    const struct taken *syn = &capture->frames[first];
    enum ss_bench_family family = ss_ip_is_v4(&syn->packet.source) ? SS_BENCH_IPV4 : SS_BENCH_IPV6;
    bool has_ended = false, has_fin[2] = {false, false};

    plain->count = tagged->count = 0;
    for (unsigned i = first; i < capture->count; i++) {
        const struct taken *taken = &capture->frames[i];
        if (!ss_flow_key_equal(&taken->key, &syn->key))
            continue;
        bool from_client = taken->packet.source_port == syn->packet.source_port;
        if (has_ended && (!(taken->packet.flags & SS_TCP_FIN) || has_fin[from_client]))
            continue;
        if (!add_step(plain, tagged, taken, family, from_client))
            return false;
        has_fin[from_client] |= (taken->packet.flags & SS_TCP_FIN) != 0;
        if (has_ended)
            continue;
        ss_analyzer_feed(analyzer, &taken->frame, 1);
        has_ended = is_complete(analyzer, &plain->version);
        plain->last_of_handshake = plain->count - 1;
    }
    tagged->version = plain->version;
    tagged->last_of_handshake = plain->last_of_handshake;
    return has_ended && has_fin[0] && has_fin[1];
}

static void add_connections(const struct capture *capture, struct ss_analyzer *analyzer,
                            struct ss_bench_templates *templates)
{
    for (unsigned i = 0; i < capture->count; i++) {
        const struct ss_packet *packet = &capture->frames[i].packet;
        if ((packet->flags & (SS_TCP_SYN | SS_TCP_ACK)) != SS_TCP_SYN)
            continue;
        enum ss_bench_family family = ss_ip_is_v4(&packet->source) ? SS_BENCH_IPV4 : SS_BENCH_IPV6;
        unsigned at = templates->count[family];
        if (at < SS_BENCH_TEMPLATES && fill(capture, i, analyzer, &templates->handshakes[family][0][at],
                                            &templates->handshakes[family][1][at]))
            templates->count[family]++;
    }
}

/* ---- segments after the handshake */

/* The frame with so many bytes behind its Ethernet header. */
static void set_ip_bytes(struct ss_bench_frame *frame, enum ss_bench_family family, unsigned ip_bytes)
{
    uint8_t *ip = frame->bytes + ETHERNET_BYTES;

    if (family == SS_BENCH_IPV4)
        store16(ip + 2, ip_bytes);
    else
        store16(ip + 4, ip_bytes - 40);
    for (unsigned i = frame->length; i < ETHERNET_BYTES + ip_bytes; i++)
        frame->bytes[i] = (uint8_t)(i * 37);
    frame->length = (uint16_t)(ETHERNET_BYTES + ip_bytes);
}

static void swap(uint8_t *a, uint8_t *b, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        uint8_t byte = a[i];
        a[i] = b[i];
        b[i] = byte;
    }
}

/* The same from the other side. */
static void turn_round(struct ss_bench_frame *frame, enum ss_bench_family family)
{
    uint8_t *ip = frame->bytes + ETHERNET_BYTES, *tcp = frame->bytes + frame->seq_at - 4;

    if (family == SS_BENCH_IPV4)
        swap(ip + 12, ip + 16, 4);
    else
        swap(ip + 8, ip + 24, 16);
    swap(tcp, tcp + 2, 2);
    note_places(frame, ETHERNET_BYTES, family, !frame->from_client);
}

/* From the ACK that ends TCP's handshake. */
static void make_segments(struct ss_bench_templates *templates, enum ss_bench_family family)
{
    const struct ss_bench_frame *ack = &templates->handshakes[family][0][0].frames[2];
    struct ss_bench_segments *plain = &templates->segments[family][0];
    struct ss_bench_segments *tagged = &templates->segments[family][1];
    unsigned tcp_bytes = family == SS_BENCH_IPV4 ? 20 : 40;

    for (unsigned side = 0; side < 2; side++) {
        struct ss_bench_frame *least = &plain->least[side], *full = &plain->full[side];
        plain->ack[side] = *least = *full = *ack;
        least->bytes[least->seq_at + 8] = TCP_BYTES / 4 << 4; /* no options */
        least->timestamps_at = 0;
        least->length = (uint16_t)(ETHERNET_BYTES + tcp_bytes + TCP_BYTES);
        set_ip_bytes(least, family, family == SS_BENCH_IPV4 ? 46 : 60);
        set_ip_bytes(full, family, 1500);
        if (side == 1) {
            turn_round(&plain->ack[side], family);
            turn_round(least, family);
            turn_round(full, family);
        }
        add_tag(&plain->ack[side], &tagged->ack[side]);
        add_tag(least, &tagged->least[side]);
        add_tag(full, &tagged->full[side]);
    }
}

/* ---- all */

static bool load(const char *folder, struct capture *capture, struct ss_analyzer *analyzer,
                 struct ss_bench_templates *ret_templates, char *ret_why, size_t why_bytes)
{
    char path[PATH_BYTES];
    const char *why;

    for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s/capture.pcap", folder, captures[i]);
        if (!read_capture(path, capture, &why)) {
            snprintf(ret_why, why_bytes, "%s: %s", path, why);
            return false;
        }
        add_connections(capture, analyzer, ret_templates);
    }
    for (unsigned family = 0; family < SS_BENCH_FAMILY_COUNT; family++) {
        if (ret_templates->count[family] == 0) {
            snprintf(ret_why, why_bytes, "%s: no complete handshake over IPv%c", folder,
                     family == SS_BENCH_IPV4 ? '4' : '6');
            return false;
        }
        make_segments(ret_templates, family);
    }
    return true;
}

struct ss_bench_templates *ss_bench_templates_load(const char *folder, char *ret_why, size_t why_bytes)
{
    struct ss_bench_templates *templates = calloc(1, sizeof(*templates));
    struct capture *capture = malloc(sizeof(*capture));
    void *memory = NULL;
    struct ss_analyzer *analyzer = small_analyzer(&memory);
    bool loaded = false;

    snprintf(ret_why, why_bytes, "out of memory");
    if (templates != NULL && capture != NULL && analyzer != NULL)
        loaded = load(folder, capture, analyzer, templates, ret_why, why_bytes);
    free(memory);
    free(capture);
    if (loaded)
        return templates;
    free(templates);
    return NULL;
}
