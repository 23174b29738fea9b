#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What slowshake found live against what `slowshake read` finds in tcpdump's capture of the same mirror.

    check_mirrors.py --export DIR --reference DIR --sent N [--defragmented]

--sent: frames that were sent without a tunnel; each is in an export. --defragmented: IPv4 fragments never came, the kernel put them
together; their frames are not compared. The last line is "N passed, N failed".
"""
import argparse
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from packets import frames_of
from records import client_of, records_of
from results import Results

MS = 10**6
STAMP_ERROR_NS = 5 * MS # two ends of a wire, on a busy machine


def frames_in(folder, record):
    return [frame for _, frame in frames_of(os.path.join(folder, record['pcapng']))]


def is_ipv4_fragment(frame):
    return frame[12:14] == b'\x08\x00' and struct.unpack_from('!H', frame, 20)[0] & 0x3fff != 0


def check_marks(results, name, record, wanted):
    marks, others, bound_ns = record['marks'], wanted['marks'], record['clock_error_ns'] + STAMP_ERROR_NS
    results.check(list(marks) == list(others), f'{name}: marks {list(marks)}, in the capture {list(others)}')
    off = {mark: ns - others[mark] for mark, ns in marks.items() if abs(ns - others.get(mark, ns)) > bound_ns}
    results.check(not off, f'{name}: marks that are ns off: {off}, clock_error_ns is {record["clock_error_ns"]}')


def check_record(results, name, record, wanted):
    check_marks(results, name, record, wanted)
    for key in ('outcome', 'encap', 'tls'):
        results.check(record.get(key) == wanted.get(key), f'{name}: {key} {record.get(key)}, in the capture {wanted.get(key)}')
    results.check((record['outcome'], record['packets_missing']) == ('complete', 0),
                  f'{name}: {record["outcome"]}, {record["packets_missing"]} packets missing')


def check_frames(results, name, record, frames, wanted):
    results.check(sorted(frames) == sorted(wanted), f'{name}: {len(frames)} frames exported, {len(wanted)} in the capture')
    results.check(len(frames) == record['packets'], f'{name}: {len(frames)} frames exported, {record["packets"]} by its record')


def check(results, options):
    found = {client_of(record): record for record in records_of(options.export)}
    expected = {client_of(record): record for record in records_of(options.reference)}
    results.check(expected and sorted(found) == sorted(expected), f'records of {sorted(found)}, in the capture of {sorted(expected)}')
    exported = 0
    for client in set(found) & set(expected):
        record, name = found[client], f'{client}, {found[client].get("encap")}'
        frames, wanted = frames_in(options.export, record), frames_in(options.reference, expected[client])
        check_record(results, name, record, expected[client])
        if not (options.defragmented and any(map(is_ipv4_fragment, wanted))):
            check_frames(results, name, record, frames, wanted)
        exported += len(frames) if 'encap' not in record else 0
    if not options.defragmented:
        results.check(exported == options.sent, f'{exported} frames exported, {options.sent} sent')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--export', required=True)
    parser.add_argument('--reference', required=True)
    parser.add_argument('--sent', type=int, required=True)
    parser.add_argument('--defragmented', action='store_true')
    results = Results()
    check(results, parser.parse_args())
    return results.end()


if __name__ == '__main__':
    sys.exit(main())
