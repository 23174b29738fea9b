// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What slowshake read found: findings in the order of their start, joined with journals, shown or written. */

#include "analyzer/analyzer.h"
#include "config/config.h"

struct ss_read_options {
    const char *config;
    const char *out;
    const char *journals[SS_JOURNALS_MAX];
    unsigned journal_count;
    bool all, json;
    char **captures;
    int capture_count;
};

struct ss_results;

/* options and config are borrowed. NULL: no memory. */
struct ss_results *ss_results_create(const struct ss_read_options *options, const struct ss_config *config);
void ss_results_free(struct ss_results *results);

/* Opens what the results need, so that a wrong path is said before long files are read: export directory,
 * journals, origins. The exit status; what failed has been said. */
int ss_results_open(struct ss_results *results);

/* Takes over what the news' finding says. The analyzer must live until ss_results_show. False: no memory. */
bool ss_results_add(struct ss_results *results, const struct ss_news *news, struct ss_analyzer *analyzer);

/* Joins with the journals, then prints and exports. whole: every capture could be read, so that nothing found
 * means that there was nothing. The exit status. */
int ss_results_show(struct ss_results *results, bool whole);
