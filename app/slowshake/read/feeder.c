// SPDX-License-Identifier: BSD-3-Clause

#include "read/feeder.h"

#include "capture/course.h"
#include "flow/key.h"
#include "packet/fragments.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIXED_SEED    0x5106571a4eULL /* the same output each time */
#define OF_A_FRAGMENT UINT_MAX        /* in place of an analyzer: none is known yet */

struct ss_feeder {
    const struct ss_config *config;
    struct ss_results *results;
    struct ss_analyzer **analyzers;
    unsigned analyzer_count;
    struct ss_fragments *fragments; /* that wait for their analyzer to be known */
    struct ss_course course;
    struct ss_frame held; /* whose time is doubted; its bytes are a copy; NULL: none */
};

/* ---- made and freed */

static struct ss_analyzer *make_analyzer(const struct ss_config *config, unsigned count)
{
    struct ss_analyzer_config wanted = {.ports = config->any_port ? NULL : config->tls_ports,
                                        .packet = &config->packet,
                                        .slow = config->slow,
                                        .tap = config->tap,
                                        .clock = SS_CLOCK_FILE,
                                        .flows_max = config->flows_max / count,
                                        .per_flow_bytes = (uint32_t)config->per_flow_bytes,
                                        .handshakes_bytes = config->handshakes_bytes / count & ~(uint64_t)63,
                                        .recent_bytes = config->recent_bytes / count & ~(uint64_t)63,
                                        .snaplen = config->snaplen,
                                        .hash_seed = FIXED_SEED,
                                        .disorder_ns = SS_COURSE_DISORDER_NS};
    void *memory = mmap(NULL, ss_analyzer_bytes(&wanted), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : ss_analyzer_create(&wanted, memory);
}

static struct ss_fragments *make_fragments(void)
{
    void *memory = aligned_alloc(64, (ss_fragments_bytes() + 63) & ~(size_t)63);
    return memory == NULL ? NULL : ss_fragments_create(memory);
}

static bool make_analyzers(struct ss_feeder *feeder)
{
    unsigned count = feeder->config->analyzer_count > 0 ? feeder->config->analyzer_count : 1;

    feeder->analyzer_count = count;
    feeder->analyzers = calloc(count, sizeof(struct ss_analyzer *));
    feeder->fragments = make_fragments();
    if (feeder->analyzers == NULL || feeder->fragments == NULL)
        return false;
    for (unsigned i = 0; i < count; i++) {
        feeder->analyzers[i] = make_analyzer(feeder->config, count);
        if (feeder->analyzers[i] == NULL)
            return false;
    }
    return true;
}

struct ss_feeder *ss_feeder_create(const struct ss_config *config, struct ss_results *results)
{
    struct ss_feeder *feeder = calloc(1, sizeof(*feeder));

    if (feeder != NULL) {
        feeder->config = config;
        feeder->results = results;
        if (make_analyzers(feeder))
            return feeder;
        ss_feeder_free(feeder);
    }
    fprintf(stderr, "slowshake read: no memory for the history: %s\n", strerror(errno));
    return NULL;
}

void ss_feeder_free(struct ss_feeder *feeder)
{
    if (feeder == NULL)
        return;
    free((void *)(uintptr_t)feeder->held.data);
    free(feeder->fragments);
    free(feeder->analyzers);
    free(feeder);
}

/* ---- to the analyzer of its connection */

static void drain(struct ss_feeder *feeder, unsigned index)
{
    struct ss_news news;

    while (ss_analyzer_next(feeder->analyzers[index], &news)) {
        if (!ss_results_add(feeder->results, &news, feeder->analyzers[index])) {
            fprintf(stderr, "slowshake read: no memory for the results\n");
            exit(EXIT_FAILURE);
        }
    }
}

static unsigned analyzer_of_packet(const struct ss_feeder *feeder, const struct ss_packet *packet)
{
    bool from_first;
    struct ss_flow_key key = ss_flow_key_of(packet, &feeder->config->packet, &from_first);
    return ss_flow_worker(ss_flow_hash(&key, FIXED_SEED), feeder->analyzer_count);
}

static unsigned analyzer_of(const struct ss_feeder *feeder, const struct ss_frame *frame)
{
    struct ss_packet packet;

    if (feeder->analyzer_count == 1)
        return 0;
    switch (ss_packet_decode(frame, &feeder->config->packet, &packet)) {
    case SS_REFUSED_NOTHING:
        return analyzer_of_packet(feeder, &packet);
    case SS_REFUSED_FRAGMENT:
        return OF_A_FRAGMENT;
    default:
        return 0;
    }
}

static void feed(struct ss_feeder *feeder, unsigned index, const struct ss_frame *frames, unsigned count)
{
    ss_analyzer_feed(feeder->analyzers[index], frames, count);
    drain(feeder, index);
}

/* Its fragments, all to the analyzer of its connection, which puts them together once more. What came to
 * nothing goes to the first, which counts it. */
static void feed_datagram(struct ss_feeder *feeder, const struct ss_datagram *datagram)
{
    struct ss_packet packet;
    bool is_packet = datagram->refused == SS_REFUSED_NOTHING &&
                     ss_packet_decode_within(&datagram->whole, datagram->encap, datagram->encap_count,
                                             &feeder->config->packet, &packet) == SS_REFUSED_NOTHING;
    unsigned index = is_packet ? analyzer_of_packet(feeder, &packet) : 0;

    ss_analyzer_tick(feeder->analyzers[index], feeder->course.now_ns);
    feed(feeder, index, datagram->frames, datagram->frame_count);
}

static void give_up_fragments(struct ss_feeder *feeder, int64_t now_ns, bool want_room)
{
    const struct ss_datagram *datagram;

    while ((datagram = ss_fragments_give_up(feeder->fragments, now_ns, want_room)) != NULL)
        feed_datagram(feeder, datagram);
}

/* A fragment has no ports: it waits until its datagram is whole. */
static void feed_fragment(struct ss_feeder *feeder, const struct ss_frame *frame)
{
    int64_t now_ns = feeder->course.now_ns;
    struct ss_fragment fragment;

    if (ss_packet_fragment(frame, &feeder->config->packet, &fragment) != SS_REFUSED_NOTHING) {
        feed(feeder, 0, frame, 1);
        return;
    }
    give_up_fragments(feeder, now_ns, true);
    const struct ss_datagram *datagram = ss_fragments_add(feeder->fragments, frame, &fragment, now_ns);
    if (datagram != NULL)
        feed_datagram(feeder, datagram);
}

/* ---- in the course of time */

/* All is judged as it stands: nothing more of what was taken until now will come. */
static void end_capture(struct ss_feeder *feeder)
{
    give_up_fragments(feeder, INT64_MAX, false);
    for (unsigned i = 0; i < feeder->analyzer_count; i++) {
        bool more = true;
        ss_analyzer_tick(feeder->analyzers[i], feeder->course.now_ns);
        while (more) {
            more = ss_analyzer_flush(feeder->analyzers[i]);
            drain(feeder, i);
        }
    }
}

/* The first of the frames, whose time has been taken, and those after it that go on and are of the same
 * analyzer. Returns how many. */
static unsigned feed_run(struct ss_feeder *feeder, const struct ss_frame *frames, unsigned count,
                         int64_t now_ns)
{
    unsigned index = analyzer_of(feeder, frames), run = 1;

    if (index == OF_A_FRAGMENT) {
        feed_fragment(feeder, frames);
        return 1;
    }
    ss_analyzer_tick(feeder->analyzers[index], now_ns);
    while (run < count && (feeder->analyzer_count == 1 || analyzer_of(feeder, &frames[run]) == index) &&
           ss_course_goes_on(&feeder->course, ss_frame_time(frames[run].time_ns)))
        run++;
    feed(feeder, index, frames, run);
    return run;
}

/* now_ns: when it came. */
static void release_held(struct ss_feeder *feeder, int64_t now_ns)
{
    struct ss_frame held = feeder->held;

    if (held.data == NULL)
        return;
    feeder->held.data = NULL;
    feed_run(feeder, &held, 1, now_ns);
    free((void *)(uintptr_t)held.data);
}

static void hold(struct ss_feeder *feeder, const struct ss_frame *frame)
{
    uint8_t *copy = malloc((size_t)frame->captured + 1);

    if (copy == NULL) {
        fprintf(stderr, "slowshake read: no memory for a packet\n");
        exit(EXIT_FAILURE);
    }
    memcpy(copy, frame->data, frame->captured);
    feeder->held = *frame;
    feeder->held.data = copy;
}

/* False: it is held. */
static bool take_time(struct ss_feeder *feeder, const struct ss_frame *frame)
{
    int64_t time_ns = ss_frame_time(frame->time_ns), now_ns = feeder->course.now_ns;
    enum ss_course_step step = ss_course_take(&feeder->course, time_ns);

    if (step == SS_COURSE_ANEW)
        end_capture(feeder);
    if (step == SS_COURSE_ANEW || step == SS_COURSE_LATER) {
        now_ns = feeder->held.data != NULL ? ss_frame_time(feeder->held.time_ns) : time_ns;
        ss_course_begin(&feeder->course, now_ns);
        step = ss_course_take(&feeder->course, time_ns);
    }
    release_held(feeder, now_ns);
    if (step == SS_COURSE_DOUBTFUL)
        hold(feeder, frame);
    return step != SS_COURSE_DOUBTFUL;
}

void ss_feeder_take(struct ss_feeder *feeder, const struct ss_frame *frames, unsigned count)
{
    for (unsigned from = 0; from < count;) {
        bool is_held = !take_time(feeder, &frames[from]);
        from += is_held ? 1 : feed_run(feeder, frames + from, count - from, feeder->course.now_ns);
    }
}

void ss_feeder_end_file(struct ss_feeder *feeder)
{
    ss_course_end_file(&feeder->course);
    release_held(feeder, feeder->course.now_ns);
}

void ss_feeder_finish(struct ss_feeder *feeder)
{
    end_capture(feeder);
}

uint64_t ss_feeder_refused(const struct ss_feeder *feeder, enum ss_refusal reason)
{
    uint64_t packets = 0;

    for (unsigned i = 0; i < feeder->analyzer_count; i++)
        packets += ss_analyzer_counters(feeder->analyzers[i])->refused[reason];
    return packets;
}

struct ss_analyzer_counters ss_feeder_left_out(const struct ss_feeder *feeder)
{
    struct ss_analyzer_counters sum = {0};

    for (unsigned i = 0; i < feeder->analyzer_count; i++) {
        const struct ss_analyzer_counters *counters = ss_analyzer_counters(feeder->analyzers[i]);
        sum.handshakes_full += counters->handshakes_full;
        sum.hellos_full += counters->hellos_full;
        sum.segments_full += counters->segments_full;
        sum.lacking_evidence += counters->lacking_evidence;
        sum.news_dropped += counters->news_dropped;
    }
    return sum;
}
