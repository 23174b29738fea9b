# SPDX-License-Identifier: BSD-3-Clause
"""Files of JSON lines, and what stands in a flow's record."""
import calendar
import glob
import json
import os
import time


def lines_of(*paths):
    """The objects of files, one a line."""
    objects = []
    for path in paths:
        with open(path, encoding='utf-8') as file:
            objects += [json.loads(line) for line in file if line.strip()]
    return objects


def exported(folder, name):
    """The lines of all days' files of that name in an export's directory."""
    return lines_of(*sorted(glob.glob(os.path.join(folder, '*', name))))


def records_of(folder):
    """The last record of each flow in an export's directory."""
    return list({record['id']: record for record in exported(folder, 'flows.jsonl')}.values())


def client_of(record):
    return record['client']['ip'], record['client']['port']


def connection_of(record):
    """Its client and the server's port, which is what a test's clients know it by."""
    return *client_of(record), record['server']['port']


def ends_of(record):
    return *client_of(record), record['server']['ip'], record['server']['port']


def contradictions(record):
    """What must be so of every record, and is not."""
    for name in ('phases', 'shares'):
        if sum(record[name].values()) != record['duration_ns']:
            yield f'{name} sum to {sum(record[name].values())}, not to duration_ns {record["duration_ns"]}'
        if any(ns < 0 for ns in record[name].values()):
            yield f'{name} has a negative entry'
    if record['outcome'] == 'complete' and 'client_finished' not in record['marks']:
        yield 'complete without an answer'


def utc_ns(text):
    """Nanoseconds since 1970 of a time as records have it: 2026-11-22T23:03:17.630499123Z."""
    whole, _, fraction = text.rstrip('Z').partition('.')
    return calendar.timegm(time.strptime(whole, '%Y-%m-%dT%H:%M:%S')) * 10**9 + int(fraction.ljust(9, '0'))
