#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What slowshake joined, against what the clients did.

    check_join.py --clients FILE... --export DIR --prefix PREFIX --lost PORT MASK --host NAME AHEAD SERVER-PORT... [--host ...]

A client's line tells its addresses and when it began; nothing of slowshake's is taken for true. The last line is
"N passed, N failed".
"""
import argparse
import collections
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from records import connection_of, exported, lines_of, records_of, utc_ns
from results import Results
from telemetry import Telemetry

MS = 10**6
START_ERROR_NS = 100 * MS # from a client's note of the time to its SYN, on a busy machine
CLOCK_ERROR_NS = 2 * MS
STALE_NS = 50 * MS # HAProxy's date of the accept is that of its last look at the clock
LINE_ERROR_NS = 500 * MS # from the end of a handshake to the line


class Truth:
    """Which connection of which client something is about."""

    def __init__(self, options):
        self.connections = collections.defaultdict(list)
        self.hosts = {int(port): (name, int(ahead) * 10**9) for name, ahead, *ports in options.host for port in ports}
        self.lost_port, self.lost_mask = options.lost
        for one in lines_of(*options.clients):
            if 'port' in one:
                self.connections[one['ip'], one['port'], one['server_port']].append(one)

    def all(self):
        return (one for connections in self.connections.values() for one in connections)

    def is_lost(self, one):
        return one['port'] & self.lost_mask == self.lost_port

    def slow(self, lost):
        return [one for one in self.all() if one['stall_ns'] and self.is_lost(one) == lost]

    def began_at(self, key, at_ns):
        """The last that had begun by then, just before: as exactly as two clocks agree in their first seconds."""
        begun = [one for one in self.connections[key] if -CLOCK_ERROR_NS <= at_ns - one['started'] < START_ERROR_NS]
        return min(begun, key=lambda one: abs(at_ns - one['started']), default=None)

    def spoken_of(self, key, proxy):
        """The one that the proxy's time lies in, by the host's true clock."""
        at_ns = utc_ns(proxy['time']) - self.hosts[key[2]][1]
        return [one for one in self.connections[key]
                if -STALE_NS <= at_ns - one['started'] < one.get('handshake_ns', 0) + LINE_ERROR_NS]


def check_record(results, truth, record):
    """The connection that this record is of."""
    key, what = connection_of(record), f'{record["id"]}, {record["client"]}'
    one = truth.began_at(key, utc_ns(record['start']))
    nearest_ns = min((utc_ns(record['start']) - other['started'] for other in truth.connections[key]), key=abs, default=None)
    results.check(one is not None, f'{what}: no client began then, the nearest {nearest_ns} ns before')
    if one is None:
        return None
    host, ahead_ns = truth.hosts[key[2]]
    proxy = record.get('proxy', {})
    results.check(record['flagged_by'] == ['proxy'], f'{what}: flagged by {record["flagged_by"]}')
    results.check(proxy.get('host') == host, f'{what}: of host {proxy.get("host")}')
    results.check(one in truth.spoken_of(key, proxy), f'{what}: joined with a line about another connection: {proxy}, {one}')
    results.check(one['stall_ns'] or one['handshake_ns'] >= 150 * MS, f'{what}: was not slow: {one}')
    if proxy['clock_offset_ns'] != 0:
        off_ns = abs(proxy['clock_offset_ns'] - ahead_ns)
        results.check(off_ns < 100 * MS, f'{what}: its clock is taken to be {off_ns / MS} ms off its truth')
    return one


def check_records(results, truth, options):
    records, of = records_of(options.export), collections.Counter()
    for record in records:
        one = check_record(results, truth, record)
        if one is not None:
            of[id(one)] += 1
    for one in truth.slow(lost=False):
        results.check(of[id(one)] == 1, f'{of[id(one)]} records of slow {one}')
    return len(records)


def check_unmatched(results, truth, options):
    rows = exported(options.export, 'unmatched.jsonl')
    told = collections.Counter()
    for row in rows:
        about = truth.spoken_of(connection_of(row), row['proxy'])
        results.check(row['reason'] == 'no_flow' and about and all(map(truth.is_lost, about)), f'unmatched: {row}, in truth {about}')
        told.update(id(one) for one in about if one['stall_ns'])
    for one in truth.slow(lost=True):
        results.check(told[id(one)] >= 1, f'no line in unmatched.jsonl for {one}')
    return len(rows)


def check_counters(results, options, records, rows):
    journal = Telemetry(options.prefix).ask('/slowshake/journal')
    events = journal['events']
    results.check(events['read'] == events['matched'] + events['unmatched'] and events['waiting'] == 0, f'events: {events}')
    results.check(events['matched'] == records, f'{events["matched"]} events matched, {records} records')
    results.check(events['unmatched'] == journal['unmatched']['no_flow'] == rows, f'unmatched: {journal["unmatched"]}, {rows} lines')
    results.check(all(host['steps'] == 0 for host in journal['hosts'].values()), f'steps of clocks: {journal["hosts"]}')


def reuse_of(truth):
    """How often an address and port were used again within slack."""
    count = 0
    for connections in truth.connections.values():
        begins = sorted(one['started'] for one in connections)
        count += sum(later - earlier < 2000 * MS for earlier, later in zip(begins, begins[1:]))
    return count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--clients', nargs='+', required=True)
    parser.add_argument('--export', required=True)
    parser.add_argument('--prefix', required=True)
    parser.add_argument('--lost', nargs=2, type=lambda text: int(text, 0), required=True)
    parser.add_argument('--host', nargs='+', action='append', required=True)
    options = parser.parse_args()
    truth, results = Truth(options), Results()
    records = check_records(results, truth, options)
    rows = check_unmatched(results, truth, options)
    check_counters(results, options, records, rows)
    reused = reuse_of(truth)
    results.check(reused > 100, f'only {reused} times was a port used again within two seconds')
    results.check(len(truth.slow(lost=True)) > 0, 'the mirror lost no slow handshake')
    print(f'{sum(1 for _ in truth.all())} connections, {reused} within two seconds of the same port; slow: '
          f'{len(truth.slow(lost=False))} seen, {len(truth.slow(lost=True))} not; {records} records, {rows} unmatched')
    return results.end()


if __name__ == '__main__':
    sys.exit(main())
