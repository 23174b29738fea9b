// SPDX-License-Identifier: BSD-3-Clause

#include "appliance.h"
#include "read/read.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

static const char usage_text[] =
    "usage: slowshake -c FILE [-- EAL-ARGUMENT...]   run the appliance until SIGTERM or SIGINT\n"
    "       slowshake -c FILE --check                check the configuration and print the effective one\n"
    "       slowshake read [-c FILE] [--all] [--json] [--journal DIR|FILE]... [--out DIR] CAPTURE...\n"
    "       slowshake --version | --help\n";

struct options {
    const char *config;
    bool check, version, help;
};

/* False: wrong usage, which was said. Stops at the first argument that is no option. */
static bool parse_options(int argc, char **argv, struct options *options)
{
    enum { OPTION_CHECK = 1, OPTION_VERSION };
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"check", no_argument, NULL, OPTION_CHECK},
                                          {"version", no_argument, NULL, OPTION_VERSION},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "+c:h", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case OPTION_CHECK:
            options->check = true;
            break;
        case OPTION_VERSION:
            options->version = true;
            break;
        case 'h':
            options->help = true;
            break;
        default: /* getopt_long has said what is wrong */
            fputs(usage_text, stderr);
            return false;
        }
    }
    return true;
}

/* The exit status of a program that had only this to say. */
static int say(const char *text)
{
    return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : 0;
}

static int refuse(const char *what)
{
    fprintf(stderr, "slowshake: %s\n%s", what, usage_text);
    return EXIT_USAGE;
}

static int check(const char *path)
{
    struct ss_config_errors errors = {0};
    struct ss_config *config;
    int status = EXIT_USAGE;

    if (ss_config_load(path, &config, &errors) == 0) {
        char *text = ss_config_print(config);
        status = text != NULL ? say(text) : EXIT_FAILURE;
        if (status != 0)
            fprintf(stderr, "slowshake: cannot print the configuration\n");
        free(text);
        ss_config_free(config);
    }
    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    ss_config_errors_free(&errors);
    return status;
}

int main(int argc, char **argv)
{
    struct options options = {0};

    if (argc > 1 && strcmp(argv[1], "read") == 0)
        return ss_read_main(argc - 1, argv + 1);
    if (!parse_options(argc, argv, &options))
        return EXIT_USAGE;
    if (options.help)
        return say(usage_text);
    if (options.version)
        return say("slowshake " SS_VERSION "\n");

    bool has_eal_arguments = optind < argc && strcmp(argv[optind - 1], "--") == 0;
    if (optind < argc && !has_eal_arguments)
        return refuse("arguments for the EAL come after --");
    if (options.config == NULL)
        return refuse("no configuration given");
    if (options.check)
        return has_eal_arguments ? refuse("--check takes no arguments for the EAL") : check(options.config);
    return ss_appliance_main(options.config, argv + optind);
}
