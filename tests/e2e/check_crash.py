#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a crash left on disk, or what there is at the end.

    check_crash.py --export DIR --cursor FILE --state FILE                                after a kill
    check_crash.py --export DIR --cursor FILE --state FILE --journal DIR --least-ms N     at the end

The last line is "N passed, N failed"; the status is 1 where something is not so. --state remembers which files were looked at.
"""
import argparse
import collections
import glob
import json
import os
import re
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from results import Results

HIDDEN_MAX = 16 + 2 # pcapng files whose records are synced together (SS_STORE_PCAPNGS), the one under way, the cursor's


def is_whole(path):
    """Block after block, to the end of the file."""
    with open(path, 'rb') as file:
        data = file.read()
    at = 0
    while at + 12 <= len(data):
        length, = struct.unpack_from('<I', data, at + 4)
        if length < 12 or at + length > len(data) or struct.unpack_from('<I', data, at + length - 4)[0] != length:
            return False
        at += length
    return at == len(data) > 0


def lines_of(results, path, may_be_cut):
    """Whole lines as objects. Only the last may be cut, and only until the next start."""
    with open(path, 'rb') as file:
        data = file.read()
    *whole, rest = data.split(b'\n')
    results.check(rest == b'' or may_be_cut, f'{path}: the last line is cut')
    objects = []
    for line in whole:
        try:
            objects.append(json.loads(line))
        except ValueError:
            results.check(False, f'{path}: {line[:100]}')
    return objects


def entry_of(cursor):
    """What a cursor says of the entry, not of the file."""
    return cursor[cursor.index(';b='):]


def check_records(results, export, records):
    seen = collections.Counter((record['id'], record.get('revision', 0)) for record in records)
    for record, count in seen.items():
        results.check(count == 1, f'{record} is there {count} times')
    for record in records:
        path = record.get('pcapng')
        results.check(path is None or os.path.exists(os.path.join(export, path)), f'{path} is not there')
        results.check(path is not None or record.get('packets') == 0 or 'pcapng_skipped' in record, f'{record["id"]}: no pcapng, no reason')


def check_files(results, export, records, state, at_end):
    known = {record['pcapng'] for record in records if 'pcapng' in record}
    for path in glob.glob(os.path.join(export, '*', '*.pcapng')):
        name = os.path.relpath(path, export)
        day, base = os.path.split(path)
        due = os.path.exists(os.path.join(day, f'.{base}.due'))
        results.check(name in known or (due and not at_end), f'{name} has no record')
        stamp = os.stat(path).st_mtime_ns
        if state.get(name) != stamp:
            results.check(is_whole(path), f'{name} is not whole')
            state[name] = stamp
    hidden = glob.glob(os.path.join(export, '*', '.*'))
    results.check(len(hidden) <= (0 if at_end else HIDDEN_MAX), f'{len(hidden)} hidden files: {hidden}')


def check_once(results, records, unmatched):
    """Each entry is in the records of one flow, or in one line of unmatched.jsonl."""
    places = collections.defaultdict(set)
    for record in records:
        if 'proxy' in record:
            places[entry_of(record['proxy']['cursor'])].add(record['id'])
    for number, event in enumerate(unmatched):
        places[entry_of(event['proxy']['cursor'])].add(number)
    for entry, where in places.items():
        results.check(len(where) == 1, f'{entry} is in {where}')
    return set(places)


def slow_entries(journal, least_ms):
    command = ['journalctl', '-q', f'--directory={journal}', '-t', 'haproxy', '-o', 'json']
    entries = {}
    for line in subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines():
        entry = json.loads(line)
        found = re.search(r'duration_ms=(\d+)', entry['MESSAGE'])
        if found and int(found.group(1)) >= least_ms:
            entries[entry_of(entry['__CURSOR'])] = entry['MESSAGE']
    return entries


def check_all(results, options, records, unmatched, entries):
    slow = slow_entries(options.journal, options.least_ms)
    for entry in set(slow) - entries:
        results.check(False, f'nowhere: {slow[entry]}')
    for entry in entries - set(slow):
        results.check(False, f'not in the journal: {entry}')
    results.check(len(slow) > 100, f'only {len(slow)} slow lines')
    capinfos = subprocess.run(['capinfos', '-c', '-r', '-T'] + glob.glob(os.path.join(options.export, '*', '*.pcapng')),
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, text=True)
    results.check(capinfos.returncode == 0, f'capinfos: {capinfos.stderr}')
    reasons = collections.Counter(event['reason'] for event in unmatched)
    joined = sum('proxy' in record for record in records)
    with open(options.state + '.told', 'w', encoding='utf-8') as file:
        file.write(f'{len(slow)} slow lines; {len(records)} records, {joined} with a line; unmatched: {dict(reasons)}\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--export', required=True)
    parser.add_argument('--cursor', required=True)
    parser.add_argument('--state', required=True)
    parser.add_argument('--journal')
    parser.add_argument('--least-ms', type=int)
    options = parser.parse_args()
    results, at_end, records, unmatched, state = Results(), options.journal is not None, [], [], {}
    if os.path.exists(options.state):
        with open(options.state, encoding='utf-8') as file:
            state = json.load(file)
    for name, list_of in (('flows.jsonl', records), ('unmatched.jsonl', unmatched)):
        for path in sorted(glob.glob(os.path.join(options.export, '*', name))):
            list_of += lines_of(results, path, not at_end)
    check_records(results, options.export, records)
    check_files(results, options.export, records, state, at_end)
    entries = check_once(results, records, unmatched)
    with open(options.cursor, encoding='utf-8') as file:
        results.check(file.readline().startswith('slowshake-cursors 1 '), 'the cursor file is not whole')
    if at_end:
        check_all(results, options, records, unmatched, entries)
    with open(options.state, 'w', encoding='utf-8') as file:
        json.dump(state, file)
    return results.end()


if __name__ == '__main__':
    sys.exit(main())
