#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""compare_truth.py [--table] SLOWSHAKE CAPTURES...: `slowshake read --all --json` against an independent reading.

CAPTURES is a folder of captures with truth/<capture>.json beside them. Compared is what the truth is certain of: flows that have none of
the notes that make them uncertain, their marks as far as the truth calls them exact, and what else the record says of them. Of uncertain
flows, and of flows that the truth does not have, only that the record agrees with itself. Prints each difference, with --table a line of
counts a source (what stands before "--" in the captures' names); the last line is "N passed, N failed".
"""
import collections
import glob
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from records import contradictions, ends_of, utc_ns

SECONDS = 120

# What makes a whole flow uncertain; each is a fact about the capture, not about a reader.
UNCERTAIN = re.compile('one-sided|payload-cut-by-snaplen|.*bytes-missing|openvpn-framing|data-on-syn-not-accepted|no-server-payload')


def at(point):
    return point['ns'] if point else None


def is_tls13(tls):
    return (tls.get('version') or '').startswith('TLSv1.3')


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
    if is_tls13(tls):
        # With a client certificate the first encrypted record of the answer is not the Finished; the mark is the first record's.
        others = any(note.startswith('client-sent-') for note in flow['notes']) and '0rtt-offered' not in flow['notes']
        if finished and finished['how'].startswith('record of Finished') and not others:
            marks['client_finished'] = at(finished.get('complete'))
    elif not tls.get('hello_retry'):
        marks['client_finished'] = at(tls.get('client_ccs'))
        if not tls.get('resumed'):
            marks['server_finished'] = at(tls.get('server_ccs'))
    return {name: ns for name, ns in marks.items() if ns is not None}


class Names:
    """Of ciphers and groups, from tshark: another list than slowshake's."""

    def __init__(self):
        self.known = collections.defaultdict(dict)
        wanted = {'tls.handshake.ciphersuite': 'cipher', 'tls.handshake.extensions_supported_group': 'group'}
        listed = subprocess.run(['tshark', '-G', 'values'], capture_output=True, text=True, check=True).stdout
        for line in listed.splitlines():
            row = line.split('\t')
            if row[0] == 'V' and row[1] in wanted:
                self.known[wanted[row[1]]][int(row[2], 0)] = row[3]

    def agree(self, kind, mine, code):
        """Spellings differ, and tshark does not know the latest."""
        plain = lambda name: re.sub('[^a-z0-9]', '', name.lower())
        name = self.known[kind].get(int(code, 0), 'Unknown')
        return mine == code or name.startswith(('Reserved', 'Unknown')) or plain(mine) == plain(name)


def version_name(version):
    return version.replace('TLSv', '').replace('SSLv', 'SSL ')


def printable(name):
    return ''.join(letter if ' ' <= letter <= '~' else '?' for letter in name)


def is_grease(name):
    return len(name) == 2 and ord(name[0]) & 15 == 10 and name[0] == name[1]


def field_differences(names, record, flow):
    """What the record says besides marks, against the truth; (name, mine, the truth's) of each difference."""
    mine, tls = record['tls'], flow['tls']
    offered = tls.get('offered') or {}
    wanted = {}
    if tls.get('version') and not (tls.get('sh') or {}).get('complete') is None:
        wanted['version'] = version_name(tls['version'])
        wanted['hello_retry'] = tls['hello_retry']
        wanted['resumed'] = bool(tls.get('psk_accepted')) if is_tls13(tls) else tls.get('resumed')
        for kind, code in (('cipher', tls.get('cipher')), ('group', tls.get('keyshare_group'))):
            if code and names.agree(kind, mine.get(kind, ''), code):
                wanted[kind] = mine[kind]
            elif code:
                wanted[kind] = code
    if offered and tls['ch'].get('complete'):
        wanted['sni'] = printable(offered['sni'] or '') or None
        wanted['early_data'] = offered['early_data']
        wanted['alpn'] = [printable(name) for name in offered['alpn'] or [] if not is_grease(name)] or None
    differences = [(name, mine.get(name), value) for name, value in wanted.items() if mine.get(name) != value]
    if tls.get('completed') == 'yes' and record['outcome'] != 'complete':
        differences.append(('outcome', record['outcome'], tls['completed_why']))
    if tls.get('completed') == 'no' and record['outcome'] == 'complete':
        differences.append(('outcome', record['outcome'], tls['completed_why']))
    return len(wanted) + 1, differences


def read(program, capture):
    out = subprocess.run([program, 'read', '--all', '--json', capture], capture_output=True, text=True, check=False, timeout=SECONDS)
    records = {}
    for line in out.stdout.splitlines():
        record = json.loads(line)
        start = utc_ns(record['start'])
        record['at'] = {name: start + ns for name, ns in record['marks'].items()}
        records.setdefault(ends_of(record), []).append(record)
    return records, out.returncode, out.stderr


class Comparison:
    """Of one capture: counts, and a sentence for each difference."""

    def __init__(self, names, capture):
        self.names, self.capture = names, os.path.basename(capture)
        self.counts = collections.Counter()
        self.failures = []

    def fail(self, what, flow, said):
        self.counts[what] += 1
        self.failures.append(f'{self.capture}: {" ".join(map(str, ends_of(flow)))}: {said}; notes {flow.get("notes", [])}')

    def compare_marks(self, record, flow, wanted):
        for name, ns in wanted.items():
            got = record['at'].get(name)
            if got == ns:
                self.counts['marks'] += 1
            else:
                self.fail('other marks', flow, f'{name}: ' + ('absent' if got is None else f'{got - ns:+d} ns'))

    def compare_fields(self, record, flow):
        count, differences = field_differences(self.names, record, flow)
        self.counts['fields'] += count - len(differences)
        for name, mine, value in differences:
            self.fail('other fields', flow, f'{name}: {mine!r}, not {value!r}')

    def compare_flow(self, flow, records):
        wanted = truth_marks(flow)
        uncertain = any(UNCERTAIN.match(note) for note in flow['notes'])
        self.counts['uncertain' if uncertain else 'handshakes'] += 1
        if uncertain:
            return
        if not records:
            self.fail('no record', flow, 'no record')
            return
        hello = wanted.get('client_hello_first', wanted.get('client_hello', 0))
        record = min(records, key=lambda r: abs(r['at'].get('client_hello_first', 0) - hello))
        self.compare_marks(record, flow, wanted)
        self.compare_fields(record, flow)


def compare(names, program, capture, truth):
    comparison = Comparison(names, capture)
    records, status, said = read(program, capture)
    if status not in (0, 1):
        comparison.counts['crash'] += 1
        comparison.failures.append(f'{capture}: status {status}: {said[-2000:]}')
    for flow in truth['flows']:
        comparison.compare_flow(flow, records.get(ends_of(flow), []))
    known = {ends_of(flow) for flow in truth['flows'] + truth['server_only']}
    for record in (record for some in records.values() for record in some):
        comparison.counts['records'] += 1
        for contradiction in contradictions(record):
            comparison.fail('contradictions', record, contradiction)
        if ends_of(record) not in known:
            comparison.fail('without truth', record, 'the truth has no such handshake')
    return comparison


def print_table(comparisons):
    columns = ('captures', 'handshakes', 'uncertain', 'marks', 'other marks', 'fields', 'other fields', 'no record', 'without truth')
    sources = collections.defaultdict(collections.Counter)
    for comparison in comparisons:
        for source in (comparison.capture.split('--')[0], 'all'):
            sources[source].update(comparison.counts)
            sources[source]['captures'] += 1
    print('| source | ' + ' | '.join(columns) + ' |\n|---' + '|---' * len(columns) + '|')
    for source in sorted(sources, key=lambda name: (name == 'all', name)):
        print(f'| {source} | ' + ' | '.join(str(sources[source][column]) for column in columns) + ' |')


def main():
    arguments = sys.argv[1:]
    is_table = arguments[0] == '--table'
    program, *folders = arguments[is_table:]
    names, comparisons = Names(), []
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(folder, 'truth', '*.json'))):
            with open(path, encoding='utf-8') as file:
                truth = json.load(file)
            comparisons.append(compare(names, program, os.path.join(folder, truth['capture']), truth))
    failures = [failure for comparison in comparisons for failure in comparison.failures]
    passed = sum(comparison.counts['marks'] + comparison.counts['fields'] for comparison in comparisons)
    print(*failures, sep='\n')
    if is_table:
        print_table(comparisons)
    print(f'{passed} passed, {len(failures)} failed')
    return 1 if failures or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
