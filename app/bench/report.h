// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* What the workers measured, as a table or as a line of JSON. */

#include "worker.h"

struct ss_bench_report {
    const struct ss_bench_profile *profile;
    const struct ss_bench_options *options;
    const struct ss_bench_templates *templates;
    struct ss_bench_worker *const *workers;
    double ticks_hz;
    size_t transparent_bytes; /* in huge pages now */
};

void ss_bench_report_table(const struct ss_bench_report *report);
void ss_bench_report_json(const struct ss_bench_report *report);

/* Whether the analyzers took every frame and measured every handshake; where not, one line says what is
 * missing. A flood is meant to be too much: then only frames count. */
bool ss_bench_report_check(const struct ss_bench_report *report);
