#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""check_matrix.py FOLDER: the verdict on each run that test_matrix made.

FOLDER has cells.jsonl (what is right of each), runs/CAUSE-TAP.jsonl (clients.py), injected.jsonl (relay.py) and records.json. Runs are
joined to records by the client's address and port and by time. Prints the confusion matrix, and the first wrong runs of each cell.
What has to hold: nine of ten runs had done to them what was meant (the others are not judged); at least 99 % of all verdicts are
right, with numbers that add up; and where neither client nor server is the right answer, none of them is ever blamed. A cell (a cause seen
from one place in one TLS version) counts as one test, the 99 % as another.
"""
import collections
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from records import client_of, contradictions, lines_of, utc_ns

VERDICTS = ['none', 'client', 'client_path', 'server', 'server_path', 'loss', 'idle', 'proxy', 'tap']
NOT_MADE = 'not made'
BLAMED = {'client', 'server'}
SECOND_NS = 10**9
LEAST_STARVED_NS = 400 * 10**6 # and so no timeout with something before it
MOST_ANSWERED_NS = 120 * 10**6 # a round trip and half a timeout: with more of its own time, nobody can see that it was no stall
WITHOUT_END = {'client-dies', 'client-hangs'}
LEAST_MADE = 0.9
LEAST_RIGHT = 0.99
SHOWN = 3


def right_of(text, tap, tls):
    """The verdicts of "a|b" ("b?": with low confidence only), or by tap, TLS version or both: "1.2=a,1.3=b|c",
    "server/1.2=a,middle/1.2=b,1.3=c"."""
    cases = dict(part.split('=') for part in text.split(',')) if '=' in text else {}
    return next((cases[key] for key in ('%s/%s' % (tap, tls), tap, tls) if key in cases), text).split('|')


def is_right(verdict, record, right):
    return verdict in right or (verdict + '?' in right and record['confidence'] == 'low')


class Records:
    def __init__(self, path):
        self.by_client = collections.defaultdict(list)
        for record in json.load(open(path)):
            self.by_client[client_of(record)].append(record)

    def of(self, run):
        """Its last; a port may have served another run before."""
        return next((record for record in self.by_client[run['ip'], run['port']]
                     if run['started'] - SECOND_NS < utc_ns(record['start']) < run['ended']), None)


class Matrix:
    def __init__(self, folder):
        self.folder = folder
        self.records = Records(os.path.join(folder, 'records.json'))
        self.injected = {(event['ip'], event['port']) for event in lines_of(os.path.join(folder, 'injected.jsonl'))}
        self.cells = {}      # (cause, tap, tls) -> verdict, or NOT_MADE -> count
        self.wrong = collections.defaultdict(list) # cell -> a line for each run
        self.blamed = set()  # cells
        self.right = 0

    def add(self, cause, run):
        cell = cause['cause'], cause['tap'], run['tls']
        counts = self.cells.setdefault(cell, collections.Counter())
        if 'port' not in run or not is_made(cause, run, self.injected):
            counts[NOT_MADE] += 1
            return self.wrong[cell].append('not done as meant: ' + json.dumps(run))
        record = self.records.of(run)
        verdict = record['verdict'] if record else 'none'
        right = right_of(cause['right'], cause['tap'], run['tls'])
        counts[verdict] += 1
        if is_right(verdict, record, right) and (not record or adds_up(cause, record)):
            self.right += 1
            return None
        if verdict in BLAMED and not BLAMED & set(right):
            self.blamed.add(cell)
        return self.wrong[cell].append('%s for %s%s' % (verdict, '|'.join(right), explained(run, record)))

    def is_failed(self, cell):
        counts = self.cells[cell]
        return cell in self.blamed or counts.total() - counts[NOT_MADE] < LEAST_MADE * counts.total()

    def print(self):
        width = max(len(cause) for cause, _, _ in self.cells)
        print('TLS tap   ', ' ' * width, *('%11s' % verdict for verdict in VERDICTS))
        for cell in sorted(self.cells, key=lambda cell: cell[:0:-1]):
            cause, tap, tls = cell
            print(tls, tap, cause.ljust(width), *('%11s' % (self.cells[cell][verdict] or '.') for verdict in VERDICTS))
        for cell, lines in self.wrong.items():
            print('%s, tap %s, TLS %s: %d wrong%s' % (*cell, len(lines), ', the innocent blamed' if cell in self.blamed else ''))
            print(*lines[:SHOWN], sep='\n')
        runs = sum(counts.total() - counts[NOT_MADE] for counts in self.cells.values())
        print('%d of %d verdicts are right' % (self.right, runs))
        failed = sum(map(self.is_failed, self.cells)) + (self.right < LEAST_RIGHT * runs)
        print('%d passed, %d failed' % (len(self.cells) + 1 - failed, failed))
        return failed


def is_made(cause, run, injected):
    """The stall was stalled, the packet dropped. Delays are for all, and random losses are random."""
    words = cause['relays'].split()
    if {'--drop', '--pause', '--vanish'} & set(words) and (run['ip'], run['port']) not in injected:
        return False
    if cause['cause'] == 'client-starved':
        return run['answer_ns'] > LEAST_STARVED_NS
    if cause['cause'].startswith(('lost-finished-alone', 'lost-late-finished')) and run['answer_ns'] > MOST_ANSWERED_NS:
        return False
    if run['planned_stall_ms'] and run['stall_ns'] < run['planned_stall_ms'] * 10**6:
        return False
    return run['ok'] != (cause['cause'] in WITHOUT_END)


def adds_up(cause, record):
    """What holds whatever the verdict."""
    return not list(contradictions(record)) and record['why'] and \
        (record['outcome'] != 'complete' or cause['cause'] not in WITHOUT_END)


def explained(run, record):
    peers = '%s from port %d to %s:%d' % (run['stack'], run['port'], run['server_ip'], run['server_port'])
    if not record:
        return ': ' + peers
    return ', %s confidence: %s\n    %s, record %s, %s\n    phases %s\n    shares %s' % (
        record['confidence'], record['why'], peers, record['id'], record['outcome'], milliseconds(record['phases']),
        milliseconds(record['shares']))


def milliseconds(of):
    return ', '.join('%s %.1f' % (name, value / 1e6) for name, value in of.items() if value)


def main():
    folder = sys.argv[1]
    matrix = Matrix(folder)
    for cause in lines_of(os.path.join(folder, 'cells.jsonl')):
        for run in lines_of(os.path.join(folder, 'runs', '%s-%s.jsonl' % (cause['cause'], cause['tap']))):
            if 'summary' not in run:
                matrix.add(cause, run)
    return 1 if matrix.print() else 0


if __name__ == '__main__':
    sys.exit(main())
