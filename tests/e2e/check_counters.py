#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every packet and every event is accounted for, by telemetry.

    check_counters.py --prefix PREFIX --mirror PCAP --handshakes N --flagged N [--journal --lines N]

The last line is "N passed, N failed".
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from packets import frames_of
from results import Results
from telemetry import Telemetry


def check_packets(results, status, ports, mirror):
    packets, refused = status['packets'], status['refused']
    results.equal(packets['analyzed'] + packets['not_tls'] + packets['undecodable'] + packets['dropped'], packets['received'],
                  f'analyzed + not TLS + undecodable + dropped = received, of {packets}')
    results.equal(sum(refused.values()), packets['received'] - packets['analyzed'], f'the sum of what was refused, of {refused}')
    results.equal(sum(port['packets'] for port in ports['ports'].values()), packets['received'], 'packets of the ports')
    for name in ('missed', 'no_mbufs', 'errors'):
        results.equal(status['ports'][name], 0, f'ports: {name}')
    for name in ('undecodable', 'dropped', 'truncated'):
        results.equal(packets[name], 0, f'packets: {name}')
    results.equal(packets['received'] - refused['not_ip'] - refused['not_tcp'], len(frames_of(mirror)), 'TCP packets, of those tcpdump saw')


def check_handshakes(results, status, options):
    handshakes, exports = status['handshakes'], status['exports']
    results.equal(handshakes['judged'], options.handshakes, 'handshakes judged')
    results.equal(handshakes['open'], 0, 'handshakes that are open')
    for name in ('not_measured', 'hellos_not_read', 'findings_lost'):
        results.equal(handshakes[name], 0, f'handshakes: {name}')
    results.equal(exports['flagged'], options.flagged, 'flows flagged')
    results.equal(exports['pcapngs'], exports['records'], 'pcapng files written, one with each record')
    for name in ('gone', 'refused', 'writer_full', 'record_errors', 'pcapng_errors', 'rate_limited', 'events_failed',
                 'journal_errors'):
        results.equal(exports[name], 0, f'exports: {name}')
    results.equal(exports['last_error'], '', 'last error of the writer')


def check_verdicts(results, telemetry, options):
    """The list of flows is paged; each can be asked for by its id."""
    flows = telemetry.ask_all('/slowshake/flows', 'flows')
    results.equal(len({flow['id'] for flow in flows}), options.flagged, 'flows in telemetry')
    results.equal({flow['verdict'] for flow in flows}, {'client'}, 'verdicts in telemetry')
    results.equal({flow['resumed'] for flow in flows} <= {0, 1}, True, 'resumed or not in telemetry')


def check_full_and_resumed(results, status, telemetry, options):
    """Counted apart, they sum to the whole."""
    verdicts, handshakes = telemetry.ask('/slowshake/verdicts'), status['handshakes']
    for name in ('wire', 'flagged', 'outcomes'):
        both = {key: verdicts['full'][name][key] + verdicts['resumed'][name][key] for key in verdicts[name]}
        results.equal(both, verdicts[name], f'verdicts: {name}, full and resumed')
    results.equal(sum(verdicts['outcomes'].values()), handshakes['judged'], 'outcomes of all handshakes')
    results.equal(sum(verdicts['resumed']['outcomes'].values()), handshakes['resumed'], 'outcomes of resumed handshakes')
    origins = telemetry.ask_all('/slowshake/origins', 'origins')
    results.equal(sum(origin['flows'] for origin in origins), options.flagged, 'flows by origin')
    for origin in origins:
        results.equal(origin['full']['flows'] + origin['resumed']['flows'], origin['flows'], f'flows of {origin["name"]!r}')


def check_events(results, status, journal, options):
    """All that journalctl shows was read, and those that were slow enough are events."""
    events, all_journals = status['events'], list(journal['journals'].values())
    results.equal(events['matched'] + events['waiting'] + events['unmatched'], events['read'],
                  f'matched + waiting + unmatched = read, of {events}')
    results.equal(sum(journal['unmatched'].values()), events['unmatched'], 'the sum of the reasons')
    results.equal(events['read'], options.flagged if options.journal else 0, 'events read')
    results.equal(events['matched'], events['read'], 'events matched')
    for one in all_journals:
        known = ('directory', 'error', 'hosts', 'entries', 'suppressed', 'rotations', 'errors')
        results.equal(sum(count for name, count in one.items() if name not in known), one['entries'], f'entries by result, of {one}')
        results.equal(one['entries'], options.lines, 'entries of HAProxy in the journal')
        results.equal((one['error'], one['errors'], one['suppressed']), ('', 0, 0), 'errors of the journal')
    results.equal(len(all_journals), int(options.journal), 'journals')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--prefix', required=True)
    parser.add_argument('--mirror', required=True)
    parser.add_argument('--handshakes', type=int, required=True)
    parser.add_argument('--flagged', type=int, required=True)
    parser.add_argument('--journal', action='store_true')
    parser.add_argument('--lines', type=int, help='that the journal has')
    options = parser.parse_args()
    telemetry, results = Telemetry(options.prefix), Results()
    status, ports, journal = (telemetry.ask('/slowshake/' + name) for name in ('status', 'ports', 'journal'))
    check_packets(results, status, ports, options.mirror)
    check_handshakes(results, status, options)
    check_verdicts(results, telemetry, options)
    check_full_and_resumed(results, status, telemetry, options)
    check_events(results, status, journal, options)
    if results.failed:
        print(f'status: {status}\njournal: {journal}')
    return results.end()


if __name__ == '__main__':
    sys.exit(main())
