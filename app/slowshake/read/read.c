// SPDX-License-Identifier: BSD-3-Clause

/* slowshake read: the command line, and capture files through the analyzers. */

#include "read/read.h"

#include "capture/capture.h"
#include "config/config.h"
#include "read/feeder.h"
#include "read/results.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE     2
#define HISTORY_LEAST  (1ULL << 20) /* of one analyzer */
#define HISTORY_MOST   (1ULL << 30) /* of each tier, where the configuration names none */
#define PROGRESS_BYTES (64u << 20)  /* how often progress is shown */

struct reader {
    struct ss_read_options options;
    struct ss_config *config;
    struct ss_results *results;
    struct ss_feeder *feeder;
    bool failed;
};

static const char usage_text[] =
    "usage: slowshake read [-c FILE] [--all] [--json] [--journal DIR|FILE]... [--out DIR] CAPTURE...\n"
    "  CAPTURE         pcap or pcapng; - is standard input\n"
    "  -c FILE         thresholds, ports, journal formats as the appliance's; without it every TCP port is "
    "looked at\n"
    "  --all           every handshake, not only the flagged ones\n"
    "  --json          one record a line\n"
    "  --journal PATH  join with the journal in this directory or file (several may be given)\n"
    "  --out DIR       write pcapng files and records of flagged handshakes there\n";

static int parse_options(int argc, char **argv, struct ss_read_options *options)
{
    static char program[] = "slowshake read";
    enum { OPTION_ALL = 1, OPTION_JSON, OPTION_JOURNAL, OPTION_OUT, OPTION_HELP };
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"all", no_argument, NULL, OPTION_ALL},
                                          {"json", no_argument, NULL, OPTION_JSON},
                                          {"journal", required_argument, NULL, OPTION_JOURNAL},
                                          {"out", required_argument, NULL, OPTION_OUT},
                                          {"help", no_argument, NULL, OPTION_HELP},
                                          {NULL, 0, NULL, 0}};
    int option;

    argv[0] = program; /* so getopt_long names what was called */
    while ((option = getopt_long(argc, argv, "c:h", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case OPTION_ALL:
            options->all = true;
            break;
        case OPTION_JSON:
            options->json = true;
            break;
        case OPTION_JOURNAL:
            if (options->journal_count == SS_JOURNALS_MAX) {
                fprintf(stderr, "slowshake read: at most %d journals\n", SS_JOURNALS_MAX);
                return EXIT_USAGE;
            }
            options->journals[options->journal_count++] = optarg;
            break;
        case OPTION_OUT:
            options->out = optarg;
            break;
        case 'h':
        case OPTION_HELP:
            exit(fputs(usage_text, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : 0);
        default:
            fputs(usage_text, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        fprintf(stderr, "slowshake read: no capture file given\n%s", usage_text);
        return EXIT_USAGE;
    }
    options->captures = argv + optind;
    options->capture_count = argc - optind;
    return 0;
}

static int load_config(struct reader *reader)
{
    struct ss_config_errors errors = {0};

    if (reader->options.config == NULL) {
        reader->config = ss_config_default();
        return reader->config != NULL ? 0 : EXIT_FAILURE;
    }
    if (ss_config_load_for_reading(reader->options.config, &reader->config, &errors) == 0)
        return 0;
    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    ss_config_errors_free(&errors);
    return EXIT_USAGE;
}

/* Only --out reads packets back. Then, without a configuration, the history is as large as the files, so that
 * nothing of them is overwritten; else it need only hold a finding until it is fetched, and stays in the
 * CPU's caches. */
static void size_history(struct reader *reader)
{
    struct ss_config *config = reader->config;
    uint64_t bytes = 0;
    struct stat about;

    if (reader->options.out == NULL) {
        config->handshakes_bytes = HISTORY_LEAST * (config->analyzer_count > 0 ? config->analyzer_count : 1);
        config->recent_bytes = 0;
        return;
    }
    if (reader->options.config != NULL)
        return;
    for (int i = 0; i < reader->options.capture_count; i++) {
        if (stat(reader->options.captures[i], &about) == 0 && S_ISREG(about.st_mode))
            bytes += (uint64_t)about.st_size * 4;
    }
    if (bytes > HISTORY_MOST)
        bytes = HISTORY_MOST;
    if (bytes > config->handshakes_bytes)
        config->handshakes_bytes = config->recent_bytes = bytes & ~(uint64_t)63;
}

static int make_feeder(struct reader *reader)
{
    size_history(reader);
    reader->results = ss_results_create(&reader->options, reader->config);
    if (reader->results == NULL)
        return EXIT_FAILURE;
    reader->feeder = ss_feeder_create(reader->config, reader->results);
    return reader->feeder != NULL ? 0 : EXIT_FAILURE;
}

static void show_progress(const char *name, uint64_t at, uint64_t size)
{
    if (size > 0)
        fprintf(stderr, "\r%s: %" PRIu64 " %% ", name, at * 100 / size);
    else
        fprintf(stderr, "\r%s: %" PRIu64 " MiB ", name, at >> 20);
}

static uint64_t file_bytes(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0;
}

static void read_frames(struct reader *reader, const char *name, struct ss_capture *capture, uint64_t size)
{
    bool is_terminal = isatty(STDERR_FILENO);
    uint64_t shown = 0;
    struct ss_frame frames[SS_BURST_MAX];
    unsigned count;
    enum ss_capture_result result;

    while ((result = ss_capture_burst(capture, frames, SS_BURST_MAX, &count)) == SS_CAPTURE_FRAME) {
        ss_feeder_take(reader->feeder, frames, count);
        if (is_terminal && ss_capture_position(capture) - shown > PROGRESS_BYTES) {
            shown = ss_capture_position(capture);
            show_progress(name, shown, size);
        }
    }
    ss_feeder_end_file(reader->feeder);
    if (shown > 0)
        fputs("\r\033[K", stderr);
    if (result == SS_CAPTURE_CUT)
        fprintf(stderr, "slowshake read: warning: %s: %s; read up to there\n", name,
                ss_capture_error(capture));
    if (result == SS_CAPTURE_BAD) {
        fprintf(stderr, "slowshake read: %s: %s\n", name, ss_capture_error(capture));
        reader->failed = true;
    }
}

static int open_file(const char *name)
{
    struct stat about;

    if (stat(name, &about) == 0 && S_ISDIR(about.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    return open(name, O_RDONLY | O_CLOEXEC);
}

static void read_capture(struct reader *reader, const char *name)
{
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open_file(name);
    struct ss_capture *capture;
    const char *why;

    if (fd < 0) {
        fprintf(stderr, "slowshake read: %s: %s\n", name, strerror(errno));
        reader->failed = true;
        return;
    }
    int error = ss_capture_open(fd, &capture, &why);
    if (error == 0) {
        read_frames(reader, is_stdin ? "standard input" : name, capture, file_bytes(fd));
        ss_capture_close(capture);
    } else {
        fprintf(stderr, "slowshake read: %s: %s\n", is_stdin ? "standard input" : name, why);
        reader->failed = true;
    }
    if (!is_stdin)
        close(fd);
}

/* What could not be read is not silently left out of the results. */
static void warn_of_refused(const struct reader *reader)
{
    for (unsigned reason = 0; reason < SS_REFUSED_COUNT; reason++) {
        uint64_t packets = ss_feeder_refused(reader->feeder, reason);
        if (packets > 0 && ss_refusal_class(reason) != SS_CLASS_NOT_TLS)
            fprintf(stderr, "slowshake read: warning: %" PRIu64 " packets not looked at: %s\n", packets,
                    ss_refusal_about(reason));
    }
}

static void warn(uint64_t count, const char *what)
{
    if (count > 0)
        fprintf(stderr, "slowshake read: warning: %" PRIu64 " %s\n", count, what);
}

/* Too much at once: more of it finds room with a larger flows.max. */
static void warn_of_left_out(const struct reader *reader)
{
    struct ss_analyzer_counters left_out = ss_feeder_left_out(reader->feeder);

    warn(left_out.handshakes_full, "connections not measured: too many handshakes at once (raise flows.max)");
    warn(left_out.hellos_full, "hellos not read: too many at once (raise flows.max)");
    warn(left_out.segments_full, "early segments not kept: too many at once (raise flows.max)");
    warn(left_out.lacking_evidence, "handshakes judged without all of their evidence (raise flows.max)");
    warn(left_out.news_dropped, "handshakes not told of (raise history.handshakes.memory)");
}

int ss_read_main(int argc, char **argv)
{
    struct reader reader = {0};
    int status = parse_options(argc, argv, &reader.options);

    if (status == 0)
        status = load_config(&reader);
    if (status == 0)
        status = make_feeder(&reader);
    if (status == 0 && (status = ss_results_open(reader.results)) == 0) {
        for (int i = 0; i < reader.options.capture_count; i++)
            read_capture(&reader, reader.options.captures[i]);
        ss_feeder_finish(reader.feeder);
        warn_of_refused(&reader);
        warn_of_left_out(&reader);
        status = ss_results_show(reader.results, !reader.failed);
        if (reader.failed)
            status = EXIT_FAILURE;
    }
    ss_feeder_free(reader.feeder);
    ss_results_free(reader.results);
    ss_config_free(reader.config);
    return status;
}
