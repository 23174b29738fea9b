// SPDX-License-Identifier: BSD-3-Clause

#include "analyzer/mirror_loss.h"

#include "base/units.h"

#include <assert.h>

#define SPAN_MAX 64 /* seconds looked at */

void ss_mirror_loss_init(struct ss_mirror_loss *loss, struct ss_mirror_second *memory, uint32_t count)
{
    assert(count > 0 && (count & (count - 1)) == 0);
    *loss = (struct ss_mirror_loss){.seconds = memory, .mask = count - 1};
}

void ss_mirror_loss_add(struct ss_mirror_loss *loss, const struct ss_mirror_second *second)
{
    struct ss_mirror_second *kept = &loss->seconds[(uint64_t)second->second & loss->mask];

    loss->seen_bytes += second->seen_bytes;
    loss->missing_bytes += second->missing_bytes;
    if (second->second < kept->second)
        return;
    if (second->second > kept->second)
        *kept = (struct ss_mirror_second){.second = second->second};
    kept->seen_bytes += second->seen_bytes;
    kept->missing_bytes += second->missing_bytes;
}

static uint32_t ppm_of(const struct ss_mirror_second *second)
{
    uint64_t all = second->seen_bytes + second->missing_bytes;

    return all == 0 ? 0 : (uint32_t)((double)second->missing_bytes * 1e6 / (double)all);
}

uint32_t ss_mirror_loss_ppm(const struct ss_mirror_loss *loss, int64_t from_ns, int64_t to_ns)
{
    int64_t first = from_ns / SS_NS_PER_S, last = to_ns / SS_NS_PER_S;
    uint32_t worst = 0;

    if (last - first >= SPAN_MAX)
        first = last - SPAN_MAX + 1;
    for (int64_t second = first; second <= last; second++) {
        const struct ss_mirror_second *kept = &loss->seconds[(uint64_t)second & loss->mask];
        if (kept->second == second && ppm_of(kept) > worst)
            worst = ppm_of(kept);
    }
    return worst;
}
