#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""check_evidence.py FILE: how long it took from an event to its evidence on disk, by what watch_records.py saw.

    wire     from the packet that ended the slow handshake to its first record
    journal  from the journal's taking of the proxy's line (__REALTIME_TIMESTAMP) to the first record that tells of it

Prints both distributions; the last line is "N passed, N failed": the 99th percentiles against what docs/performance.md promises.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from records import lines_of, utc_ns
from results import Results

MS = 1e6
LIMITS_MS = {'wire': 50, 'journal': 500}


def journal_ns(cursor):
    """The time in a journal's cursor, which is that of the entry, in microseconds."""
    return int(dict(part.split('=') for part in cursor.split(';'))['t'], 16) * 1000


def delays(lines):
    """{'wire': [ns...], 'journal': [ns...]}, one a flow at most."""
    delays_ns, told = {'wire': [], 'journal': []}, set()
    for line in lines:
        record, synced_ns = line['record'], line['synced_ns']
        if 'revision' not in record and record['flagged_by'] != ['proxy']:
            delays_ns['wire'].append(synced_ns - utc_ns(record['start']) - record['duration_ns'])
        if 'proxy' in record and record['id'] not in told:
            told.add(record['id'])
            delays_ns['journal'].append(synced_ns - journal_ns(record['proxy']['cursor']))
    return delays_ns


def percentile(values, share):
    """Of sorted values: the least that so many are not above."""
    return values[min(len(values) - 1, int(len(values) * share))]


def main():
    results = Results()
    print(f'{"ms":8} {"flows":>6} {"least":>8} {"median":>8} {"p90":>8} {"p99":>8} {"most":>8}')
    for name, values in delays(lines_of(sys.argv[1])).items():
        values.sort()
        if not results.check(values, f'{name}: none'):
            continue
        shown = (values[0], *(percentile(values, share) for share in (0.5, 0.9, 0.99)), values[-1])
        print(f'{name:8} {len(values):6}', *(f'{ns / MS:8.1f}' for ns in shown))
        results.check(percentile(values, 0.99) <= LIMITS_MS[name] * MS, f'{name}: p99 is above {LIMITS_MS[name]} ms')
    return results.end()


if __name__ == '__main__':
    sys.exit(main())
