// SPDX-License-Identifier: BSD-3-Clause
#include "export/packets.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define NOWHERE SIZE_MAX

static int order(const void *left, const void *right)
{
    const struct ss_history_record *a = *(const struct ss_history_record *const *)left;
    const struct ss_history_record *b = *(const struct ss_history_record *const *)right;

    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    if (a->captured != b->captured) /* the fuller copy first */
        return a->captured > b->captured ? -1 : 1;
    return 0;
}

size_t ss_packets_sort(const struct ss_history_record *records, size_t count,
                       const struct ss_history_record **ret_sorted)
{
    size_t frames = 0, kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (records[i].kind == SS_HISTORY_FRAME)
            ret_sorted[frames++] = &records[i];
    }
    if (frames > 0)
        qsort(ret_sorted, frames, sizeof(ret_sorted[0]), order);
    for (size_t i = 0; i < frames; i++) {
        if (kept == 0 || ret_sorted[i]->number != ret_sorted[kept - 1]->number)
            ret_sorted[kept++] = ret_sorted[i];
    }
    return kept;
}

static struct ss_frame frame_of(const struct ss_history_record *packet)
{
    return (struct ss_frame){.data = packet->data,
                             .captured = packet->captured,
                             .wire = packet->wire,
                             .time_ns = packet->time_ns,
                             .port = packet->port,
                             .link = packet->link};
}

/* Between the first mark of TLS and the last one; what was said before may be anything, in the clear. */
static bool is_of_handshake(const struct ss_finding *finding, int64_t time_ns)
{
    bool has_begun = false, has_ended = true;

    for (unsigned i = SS_MARK_CLIENT_HELLO_FIRST; i < SS_MARK_COUNT; i++) {
        int64_t mark_ns = finding->mark_ns[i];
        if (mark_ns == SS_MARK_UNSEEN)
            continue;
        has_begun = has_begun || time_ns >= finding->start_ns + mark_ns;
        has_ended = has_ended && time_ns > finding->start_ns + mark_ns;
    }
    return has_begun && !has_ended;
}

uint32_t ss_packets_kept(const struct ss_finding *finding, const struct ss_packet_settings *settings,
                         const struct ss_history_record *packet)
{
    struct ss_frame frame = frame_of(packet);
    struct ss_packet decoded;

    if (is_of_handshake(finding, packet->time_ns))
        return packet->captured;
    /* What cannot be told apart from payload is not kept. */
    if (ss_packet_decode(&frame, settings, &decoded) != SS_REFUSED_NOTHING)
        return 0;
    return (uint32_t)(decoded.payload - packet->data);
}

/* ---- Marks to packets ---- */

/* Which of several packets of one time (a burst has one) the mark is at. */
static const struct {
    bool payload; /* it carries bytes */
    bool last;    /* the last such packet of its time, not the first */
} MARKERS[] = {
    [SS_MARK_SYN] = {false, false},
    [SS_MARK_SYN_ACK] = {false, false},
    [SS_MARK_ACK] = {false, false},
    [SS_MARK_TALK] = {true, false},
    [SS_MARK_CLIENT_HELLO_FIRST] = {true, false},
    [SS_MARK_CLIENT_HELLO] = {true, false},
    [SS_MARK_HELLO_ACK] = {false, false},
    [SS_MARK_HELLO_RETRY] = {true, false},
    [SS_MARK_CLIENT_HELLO_2] = {true, false},
    [SS_MARK_SERVER_HELLO] = {true, false},
    [SS_MARK_SERVER_FLIGHT] = {true, true},
    [SS_MARK_FLIGHT_ACK] = {false, false},
    [SS_MARK_CLIENT_FINISHED] = {true, false},
    [SS_MARK_SERVER_FINISHED] = {true, false},
};
_Static_assert(sizeof(MARKERS) / sizeof(MARKERS[0]) == SS_MARK_COUNT, "every mark knows its packet");

static bool is_sent_by(const struct ss_packet *packet, const struct ss_endpoint *sender)
{
    return packet->source_port == sender->port && ss_ip_equal(&packet->source, &sender->ip);
}

static bool is_marker(const struct ss_packets *packets, size_t i, enum ss_mark mark)
{
    const struct ss_finding *finding = packets->finding;
    enum ss_sent_by sender = ss_mark_sent_by(mark);
    struct ss_frame frame = frame_of(packets->sorted[i]);
    struct ss_packet decoded;

    return ss_packet_decode(&frame, packets->settings, &decoded) == SS_REFUSED_NOTHING &&
           (sender == SS_SENT_BY_EITHER ||
            is_sent_by(&decoded, sender == SS_SENT_BY_CLIENT ? &finding->client : &finding->server)) &&
           (!MARKERS[mark].payload || decoded.payload_bytes > 0) &&
           ((decoded.flags & SS_TCP_SYN) != 0) == (mark == SS_MARK_SYN || mark == SS_MARK_SYN_ACK);
}

/* The packet that a mark was made from, else the first of its time, else NOWHERE. */
static size_t find_marker(const struct ss_packets *packets, enum ss_mark mark)
{
    const struct ss_finding *finding = packets->finding;
    size_t first = NOWHERE, best = NOWHERE;

    if (finding->mark_ns[mark] == SS_MARK_UNSEEN)
        return NOWHERE;
    int64_t time_ns = finding->start_ns + finding->mark_ns[mark];
    for (size_t i = 0; i < packets->count && packets->sorted[i]->time_ns <= time_ns; i++) {
        if (packets->sorted[i]->time_ns != time_ns)
            continue;
        if (first == NOWHERE)
            first = i;
        if ((best == NOWHERE || MARKERS[mark].last) && is_marker(packets, i, mark))
            best = i;
    }
    return best != NOWHERE ? best : first;
}

/* ---- The file ---- */

/* The configured interfaces, and one for each port beyond them. */
static unsigned list_interfaces(const struct ss_packets *packets, struct ss_pcapng_interface *interfaces,
                                char (*names)[16])
{
    unsigned count = 0;

    for (; count < packets->interface_count && count < SS_PACKETS_INTERFACES_MAX; count++)
        interfaces[count] = packets->interfaces[count];
    for (size_t i = 0; i < packets->count; i++) {
        const struct ss_history_record *packet = packets->sorted[i];
        for (; count <= packet->port && count < SS_PACKETS_INTERFACES_MAX; count++) {
            snprintf(names[count], sizeof(names[count]), "port %u", count);
            interfaces[count] = (struct ss_pcapng_interface){.name = names[count], .link = packet->link};
        }
        if (packet->port < count && interfaces[packet->port].name == names[packet->port])
            interfaces[packet->port].link = packet->link;
    }
    return count;
}

static void write_packet(const struct ss_packets *packets, size_t i, const size_t at[SS_MARK_COUNT],
                         struct ss_pcapng *writer)
{
    struct ss_frame frame = frame_of(packets->sorted[i]);
    char texts[SS_MARK_COUNT][48];
    const char *comments[SS_MARK_COUNT];
    unsigned count = 0;

    for (unsigned mark = 0; mark < SS_MARK_COUNT; mark++) {
        if (at[mark] != i)
            continue;
        snprintf(texts[count], sizeof(texts[count]), "slowshake: %s", ss_mark_name((enum ss_mark)mark));
        comments[count] = texts[count];
        count++;
    }
    if (packets->headers_only)
        frame.captured = ss_packets_kept(packets->finding, packets->settings, packets->sorted[i]);
    ss_pcapng_packet(writer, &frame, comments, count);
}

int ss_packets_write(const struct ss_packets *packets, const char *comment, int fd, struct ss_pcapng *writer)
{
    struct ss_pcapng_interface interfaces[SS_PACKETS_INTERFACES_MAX];
    char names[SS_PACKETS_INTERFACES_MAX][16];
    size_t at[SS_MARK_COUNT];

    for (unsigned mark = 0; mark < SS_MARK_COUNT; mark++)
        at[mark] = find_marker(packets, (enum ss_mark)mark);
    unsigned count = list_interfaces(packets, interfaces, names);
    ss_pcapng_begin(writer, fd, comment, interfaces, count);
    for (size_t i = 0; i < packets->count; i++) {
        if (packets->sorted[i]->port >= count)
            return -ERANGE;
        write_packet(packets, i, at, writer);
    }
    return ss_pcapng_finish(writer);
}
