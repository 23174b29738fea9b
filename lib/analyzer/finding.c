// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/finding.h"

#include <inttypes.h>
#include <stdio.h>

char *ss_finding_id(const struct ss_finding *finding, char ret_text[SS_ID_TEXT_MAX])
{
    snprintf(ret_text, SS_ID_TEXT_MAX, "%016" PRIx64 "-%08" PRIx32, (uint64_t)finding->start_ns,
             (uint32_t)finding->tuple_hash);
    return ret_text;
}
