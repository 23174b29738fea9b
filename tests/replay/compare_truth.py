#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""compare_truth.py SLOWSHAKE CAPTURES: marks of `slowshake read --all --json` against an independent reading.

CAPTURES is a folder of captures with truth/<capture>.json beside them. A mark is compared where the truth is certain: where the
flow has none of the notes that make it uncertain, and the mark is one that the truth calls exact. Prints each difference; the last line is
"N passed, N failed", counted in marks.
"""
import glob
import json
import os
import subprocess
import sys

# What makes a whole flow uncertain; each is a fact about the capture, not about a reader.
UNCERTAIN = ('one-sided', 'payload-cut-by-snaplen', 'bytes-missing', 'openvpn-framing',
             'data-on-syn-not-accepted', 'no-server-payload')


def at(point):
    return point['ns'] if point else None


def truth_marks(flow):
    """The contract's marks as the truth file has them, None where it is not certain."""
    tcp, tls = flow['tcp'], flow['tls']
    complete = lambda message: at(message.get('complete')) if message else None
    marks = {'syn': at(tcp.get('syn')), 'syn_ack': at(tcp.get('synack')), 'ack': at(tcp.get('ack')),
             'client_hello_first': at((tls.get('ch') or {}).get('first')), 'client_hello': complete(tls.get('ch')),
             'hello_retry': complete(tls.get('hrr')), 'client_hello_2': complete(tls.get('ch2')),
             'server_hello': complete(tls.get('sh'))}
    flight = tls.get('server_flight_end')
    if flight and flight['exact']:
        marks['server_flight'] = complete(flight)
        marks['flight_ack'] = at(flight.get('client_ack_any'))
    finished = tls.get('client_finished')
    if (tls.get('version') or '').startswith('TLSv1.3'):
        # With a client certificate the first encrypted record of the answer is not the Finished; the mark is the first record's.
        others = any(note.startswith('client-sent-') for note in flow['notes']) and '0rtt-offered' not in flow['notes']
        if finished and finished['how'].startswith('record of Finished') and not others:
            marks['client_finished'] = at(finished.get('complete'))
    elif tls.get('server_ccs') or tls.get('client_ccs'):
        marks['client_finished'] = at(tls.get('client_ccs'))
        if not tls.get('resumed'):
            marks['server_finished'] = at(tls.get('server_ccs'))
    return {name: ns for name, ns in marks.items() if ns is not None}


def utc_ns(text):
    import calendar
    import time
    whole, fraction = text.rstrip('Z').split('.')
    return calendar.timegm(time.strptime(whole, '%Y-%m-%dT%H:%M:%S')) * 10**9 + int(fraction)


def key(flow):
    return flow['client']['ip'], flow['client']['port'], flow['server']['ip'], flow['server']['port']


def read(program, capture):
    out = subprocess.run([program, 'read', '--all', '--json', capture], capture_output=True, text=True, check=False)
    records = {}
    for line in out.stdout.splitlines():
        record = json.loads(line)
        start = utc_ns(record['start'])
        record['at'] = {name: start + ns for name, ns in record['marks'].items()}
        records.setdefault(key(record), []).append(record)
    return records, out.returncode, out.stderr


def compare(program, capture, truth):
    passed, failures = 0, []
    records, _, _ = read(program, capture)
    for flow in truth['flows']:
        if any(note.startswith(UNCERTAIN) for note in flow['notes']):
            continue
        wanted = truth_marks(flow)
        mine = records.get(key(flow), [])
        if not mine:
            failures.append(f'{capture}: {key(flow)}: no record; notes {flow["notes"]}')
            continue
        record = min(mine, key=lambda r: abs(r['at'].get('client_hello_first', 0) - wanted.get('client_hello_first', 0)))
        for name, ns in wanted.items():
            got = record['at'].get(name)
            if got == ns:
                passed += 1
            else:
                off = 'absent' if got is None else f'{got - ns:+d} ns'
                failures.append(f'{os.path.basename(capture)}: {key(flow)}: {name}: {off}; notes {flow["notes"]}')
    return passed, failures


def main():
    program, folder = sys.argv[1:3]
    passed, failures = 0, []
    for name in sorted(glob.glob(os.path.join(folder, 'truth', '*.json'))):
        with open(name, encoding='utf-8') as file:
            truth = json.load(file)
        good, bad = compare(program, os.path.join(folder, truth['capture']), truth)
        passed += good
        failures += bad
    for failure in failures:
        print(failure)
    print(f'{passed} passed, {len(failures)} failed')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
