// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* Records as a table for people. */

#include "export/record.h"

#include <stdio.h>

struct ss_table {
    FILE *out;
    unsigned rows;
};

void ss_table_row(struct ss_table *table, const struct ss_record *record);
/* Says so where there were none. */
void ss_table_end(const struct ss_table *table, bool all);
