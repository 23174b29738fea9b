#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What slowshake found against what the clients did and what tcpdump saw on the mirror.

    check_stalled.py --clients FILE --export DIR --mirror PCAP --flagged-by NAME...

The last line is "N passed, N failed".
"""
import argparse
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from packets import connections_of, frames_of, tshark
from records import client_of, contradictions, lines_of, records_of, utc_ns
from results import Results
from schema import RecordSchema

MS = 10**6
STALL_ERROR_NS = 5 * MS
STAMP_ERROR_NS = MS // 2 # two readers of one packet, on a busy machine
AT_ONCE_NS = MS // 10


def stalled_of(path):
    """{(ip, port): stall in ns} of the clients that stalled."""
    return {(one['ip'], one['port']): one['stall_ns'] for one in lines_of(path) if one.get('stall_ns')}


def check_who(results, records, stalled, count):
    flagged = {client_of(record): record for record in records}
    for client in sorted(set(stalled) - set(flagged)):
        results.check(False, f'{client} stalled and was not flagged')
    for client in sorted(set(flagged) - set(stalled)):
        record = flagged[client]
        results.check(False, f'{client} was flagged by {record["flagged_by"]} and had not stalled: {record["why"]} {record["phases"]}')
    # Two of them may have had the same port, towards different servers or one after the other.
    results.check(len(records) == count, f'{len(records)} flows flagged, {count} clients stalled')


def gap_of(packets):
    """The longest silence of a connection."""
    return max((later - earlier for (earlier, _), (later, _) in zip(packets, packets[1:])), default=0)


def check_stall(results, record, stall_ns, packets):
    """Within 5 ms of what the client measured. On a busy machine the client itself may wait for a CPU, before it begins to measure or
    before its bytes leave; then tcpdump's view counts, as exactly as slowshake could stamp."""
    finish_ns, gap_ns, error_ns = record['phases'].get('client_finish', 0), gap_of(packets), record['clock_error_ns']
    good = abs(finish_ns - stall_ns) < STALL_ERROR_NS or abs(finish_ns - gap_ns) < STALL_ERROR_NS + error_ns
    results.check(good, f'{client_of(record)}, {record["id"]}: client_finish is {finish_ns / MS:.3f} ms, the client stalled for '
                        f'{stall_ns / MS:.3f} ms, on the mirror {gap_ns / MS:.3f} ms; clock_error_ns {error_ns}, {record["phases"]}')
    return abs(finish_ns - stall_ns) < STALL_ERROR_NS


def check_record(results, record, flagged_by):
    name = f'{client_of(record)}, {record["id"]}'
    results.check(record['verdict'] == 'client', f'{name}: verdict {record["verdict"]}: {record["why"]}')
    results.check(set(record['flagged_by']) == set(flagged_by), f'{name}: flagged by {record["flagged_by"]}, not {flagged_by}')
    results.check(('proxy' in record) == ('proxy' in flagged_by), f'{name}: proxy is {record.get("proxy")}')
    results.check(record['outcome'] == 'complete', f'{name}: outcome {record["outcome"]}')
    results.check(record.get('packets_missing') == 0, f'{name}: packets_missing is {record.get("packets_missing")}')
    results.none(contradictions(record), name)


def same_order(kept, seen):
    """Two readers may get in different orders what two CPUs delivered at the same time."""
    when = {}
    for time_ns, data in reversed(seen):
        when.setdefault(data, []).append(time_ns)
    times = [when[data].pop() for _, data in kept if when.get(data)]
    return all(later >= earlier - AT_ONCE_NS for earlier, later in zip(times, times[1:]))


def seen_of(record, connections):
    """That connection of the client which began when the record did."""
    begin_ns = utc_ns(record['start'])
    return min(connections.get(client_of(record), [[]]), key=lambda packets: abs(packets[0][0] - begin_ns) if packets else 0)


def check_packets(results, folder, record, seen):
    """The file holds what tcpdump saw, and no stamp is further off than the record admits."""
    name = f'{client_of(record)}, {record.get("pcapng")}'
    path = os.path.join(folder, record.get('pcapng', 'none'))
    if not os.path.exists(path):
        results.check(False, f'{name}: no such file')
        return
    kept = frames_of(path)
    results.check(len(kept) == len(seen) == record.get('packets'),
                  f'{name}: {len(kept)} packets, {record.get("packets")} by its record, {len(seen)} on the mirror')
    results.check(sorted(data for _, data in kept) == sorted(data for _, data in seen), f'{name}: not the same bytes')
    results.check(same_order(kept, seen), f'{name}: not in the same order')
    late = [ours - theirs for (ours, _), (theirs, _) in zip(kept, seen)]
    results.check(late and max(map(abs, late)) < record['clock_error_ns'] + STAMP_ERROR_NS,
                  f'{name}: stamps are {min(late, default=0)} to {max(late, default=0)} ns after tcpdump\'s, '
                  f'clock_error_ns is {record["clock_error_ns"]}')


def check_comments(results, folder, record):
    """tshark shows each mark of the handshake at a packet of its time."""
    path = os.path.join(folder, record.get('pcapng', 'none'))
    if not os.path.exists(path):
        return
    rows = tshark(path, 'frame.time_epoch', 'frame.comment')
    comments = ' '.join(row[1] for row in rows if len(row) > 1)
    missing = [mark for mark in ('syn', 'server_flight', 'client_finished') if f'slowshake: {mark}' not in comments]
    results.check(not missing, f'{path}: no comment for {missing}: {comments!r}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--clients', required=True)
    parser.add_argument('--export', required=True)
    parser.add_argument('--mirror', required=True)
    parser.add_argument('--flagged-by', nargs='+', required=True)
    options = parser.parse_args()
    results = Results()
    stalled, records, seen = stalled_of(options.clients), records_of(options.export), connections_of(options.mirror)
    schema = RecordSchema()
    check_who(results, records, stalled, sum(1 for one in lines_of(options.clients) if one.get('stall_ns')))
    exact = 0
    for record in records:
        error = schema.error_of(record)
        results.check(error is None, f'{record["id"]}: {error}')
        if client_of(record) in stalled:
            check_record(results, record, options.flagged_by)
            exact += check_stall(results, record, stalled[client_of(record)], seen_of(record, seen))
        check_packets(results, options.export, record, seen_of(record, seen))
    results.check(exact >= 0.9 * len(stalled), f'only {exact} of {len(stalled)} are within 5 ms of what the client measured')
    for record in records[:3]:
        check_comments(results, options.export, record)
    files = glob.glob(os.path.join(options.export, '*', '*.pcapng'))
    results.check(len(files) == len(records), f'{len(files)} pcapng files for {len(records)} records')
    return results.end()


if __name__ == '__main__':
    sys.exit(main())
