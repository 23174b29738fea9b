#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""check_evidence.py FILE: how long it took from an event to its evidence on disk, by what watch_records.py saw.

    wire     from the packet that ended the slow handshake to its first record
    journal  from the journal's taking of the proxy's line (__REALTIME_TIMESTAMP) to the first record that tells of it

Prints both distributions; the last line is "N passed, N failed": the 99th percentiles against what docs/performance.md promises.
"""
import calendar
import json
import sys
import time

MS = 1e6
LIMITS_MS = {'wire': 50, 'journal': 500}


def utc_ns(text):
    """Of "2026-11-22T23:03:17.630499123Z"."""
    return calendar.timegm(time.strptime(text[:19], '%Y-%m-%dT%H:%M:%S')) * 10**9 + int(text[20:29])


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
    with open(sys.argv[1], encoding='utf-8') as file:
        delays_ns = delays([json.loads(line) for line in file])
    failed = 0
    print(f'{"ms":8} {"flows":>6} {"least":>8} {"median":>8} {"p90":>8} {"p99":>8} {"most":>8}')
    for name, values in delays_ns.items():
        values.sort()
        if not values:
            print(f'{name}: none')
            failed += 1
            continue
        shown = (values[0], *(percentile(values, share) for share in (0.5, 0.9, 0.99)), values[-1])
        print(f'{name:8} {len(values):6}', *(f'{ns / MS:8.1f}' for ns in shown))
        failed += percentile(values, 0.99) > LIMITS_MS[name] * MS
    print(f'{len(delays_ns) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
