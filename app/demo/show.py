#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What slowshake wrote, for people: the table of flagged handshakes, and one handshake as a waterfall.

    show.py count FLOWS.JSONL                 how many records there are
    show.py table FLOWS.JSONL
    show.py waterfall FLOWS.JSONL [ID]        without an ID: the one that tells the most

FLOWS.JSONL as in docs/record.md.
"""
import signal
signal.signal(signal.SIGINT, signal.SIG_DFL) # first: Ctrl-C ends it without a traceback

import json
import os
import shutil
import sys
import textwrap

COLOURS = {'client': '33', 'client_path': '35', 'server': '31', 'server_path': '35', 'loss': '36', 'idle': '90',
           'proxy': '31', 'tap': '90', 'none': '32', 'unknown': '90'}
PHASES = [ # phase, the mark that ends it, what happens in it
    ('tcp_accept', 'syn_ack', 'SYN to SYN-ACK'),
    ('tcp_return', 'ack', "to the client's ACK"),
    ('talk', 'talk', 'the talk before TLS'),
    ('hello_wait', 'client_hello_first', 'connected, nothing sent yet'),
    ('hello_send', 'client_hello', 'ClientHello, first to last byte'),
    ('hello_ack', 'hello_ack', "the server's kernel has it"),
    ('hello_retry', 'hello_retry', 'to the HelloRetryRequest'),
    ('hello_again', 'client_hello_2', 'to the second ClientHello'),
    ('server_hello', 'server_hello', 'to the ServerHello'),
    ('server_flight', 'server_flight', "rest of the server's flight"),
    ('flight_ack', 'flight_ack', "the client's kernel has it"),
    ('client_finish', 'client_finished', "to the client's Finished"),
    ('server_finish', 'server_finished', "to the server's Finished"),
]


def colour(verdict, text):
    if not sys.stdout.isatty() or os.environ.get('NO_COLOR'):
        return text
    return '\033[%sm%s\033[0m' % (COLOURS.get(verdict, '0'), text)


def milliseconds(ns):
    return '%.1f ms' % (ns / 1e6)


def endpoint(end):
    ip = '[%s]' % end['ip'] if ':' in end['ip'] else end['ip']
    return '%s:%d' % (ip, end['port'])


def records_of(path):
    """The last revision of each flow, in the order of the first ones."""
    try:
        with open(path, encoding='utf-8') as lines:
            records = [json.loads(line) for line in lines if line.endswith('\n')]
    except FileNotFoundError:
        return []
    return list({record['id']: record for record in records}.values())


def table(records):
    rows = [('time', 'client', 'server', 'tls', 'took', 'verdict', 'flagged by')]
    for r in records:
        rows.append((r['start'][11:23], endpoint(r['client']), endpoint(r['server']),
                     r.get('tls', {}).get('version', '-'), milliseconds(r.get('duration_ns', 0)), r['verdict'],
                     ' '.join(r.get('flagged_by', []))))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    screen = max(100, shutil.get_terminal_size((110, 24)).columns)
    for number, row in enumerate(rows):
        cells = [cell.rjust(w) if i == 4 else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths))]
        if number:
            cells[5] = colour(row[5], cells[5])
        print('  '.join(cells).rstrip())
        if number and records[number - 1].get('why'):
            print(textwrap.fill(records[number - 1]['why'], screen - 2, initial_indent=' ' * 14,
                                subsequent_indent=' ' * 14))


def bar(begin, end, whole, width):
    first = min(width - 1, int(begin * width / whole))
    cells = min(round((end - begin) * width / whole), width - first)
    drawn = '█' * cells or '▏'
    return ' ' * first + drawn + ' ' * (width - first - len(drawn))


def waterfall(record):
    marks, phases = record['marks'], record['phases']
    whole = max(1, max(marks.values()))
    width = 48
    print('%s -> %s   TLS %s   %s   verdict: %s (%s)' % (
        endpoint(record['client']), endpoint(record['server']), record.get('tls', {}).get('version', '?'),
        milliseconds(record.get('duration_ns', whole)), colour(record['verdict'], record['verdict']),
        record.get('confidence', '?')))
    slowest = max(phases, key=phases.get)
    for name, mark, text in PHASES:
        if name not in phases or mark not in marks:
            continue
        begin = marks[mark] - phases[name]
        drawn = bar(begin, marks[mark], whole, width)
        print('  %-13s %11s  %s  %s' % (name, milliseconds(phases[name]),
                                        colour(record['verdict'] if name == slowest else 'idle', drawn), text))
    shares = sorted(record['shares'].items(), key=lambda item: -item[1])
    print('  whose time: ' + ', '.join('%s %s' % (colour(n, n), milliseconds(ns)) for n, ns in shares if ns > 0))
    if 'proxy' in record and 'duration_ns' in record['proxy']:
        print('  the proxy says: %s' % milliseconds(record['proxy']['duration_ns']))
    if record.get('why'):
        print(textwrap.fill(record['why'], 108, initial_indent='  ', subsequent_indent='  '))


def most_telling(records):
    """A slow client that the proxy's journal knows of too, if there is one; the longest of those."""
    return max(records, key=lambda r: (r['verdict'] == 'client', 'proxy' in r, r['phases'].get('client_finish', 0)))


def main():
    verb, records = sys.argv[1], records_of(sys.argv[2])
    if verb == 'count':
        print(len(records))
    elif verb == 'table':
        table(records)
    elif records:
        wanted = [r for r in records if r['id'] == sys.argv[3]] if len(sys.argv) > 3 else [most_telling(records)]
        for record in wanted:
            waterfall(record)
            if record.get('pcapng'):
                print('  packets: ' + os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[2]))),
                                                   record['pcapng']))


if __name__ == '__main__':
    main()
