#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Journals of other hosts, in the format that systemd-journal-remote reads (journalctl -o export).

    journalctl -f -o export -t haproxy | journal_export.py host edge-b --ahead 90 | systemd-journal-remote -o FILE -
    journal_export.py entry edge-b --tag haproxy 'Th=300 accept=1795390095.593 ...' | systemd-journal-remote -o FILE -

host: what comes in is what that host would have written, whose clock is so many seconds ahead: its name, its times, and
the times in its lines (accept=, logged=: seconds since 1970 with milliseconds). --only leaves out lines without that.
entry: one entry of now.
"""
import argparse
import re
import struct
import sys
import time

TIMES = (b'__REALTIME_TIMESTAMP', b'_SOURCE_REALTIME_TIMESTAMP')
NOT_PASSED_ON = (b'__CURSOR', b'SYSLOG_RAW', b'SYSLOG_TIMESTAMP')
IN_LINES = re.compile(rb'\b(accept|logged)=(\d+)\.(\d{3})\b')


def entries_of(stream):
    """Each a list of (name, value); values may be anything."""
    entry = []
    for line in iter(stream.readline, b''):
        line = line.rstrip(b'\n')
        if not line:
            if entry:
                yield entry
            entry = []
        elif b'=' in line:
            entry.append(tuple(line.split(b'=', 1)))
        else:
            length, = struct.unpack('<Q', stream.read(8))
            entry.append((line, stream.read(length)))
            stream.read(1)


def written(entry):
    parts = []
    for name, value in entry:
        if b'\n' in value:
            parts.append(name + b'\n' + struct.pack('<Q', len(value)) + value + b'\n')
        else:
            parts.append(name + b'=' + value + b'\n')
    return b''.join(parts) + b'\n'


def shifted(match, ahead_ms):
    ms = int(match[2]) * 1000 + int(match[3]) + ahead_ms
    return b'%s=%d.%03d' % (match[1], ms // 1000, ms % 1000)


def of_host(entry, host, ahead_ms):
    changed = []
    for name, value in entry:
        if name in NOT_PASSED_ON:
            continue
        if name in TIMES:
            value = b'%d' % (int(value) + 1000 * ahead_ms)
        elif name == b'_HOSTNAME':
            value = host.encode()
        elif name == b'MESSAGE':
            value = IN_LINES.sub(lambda match: shifted(match, ahead_ms), value)
        changed.append((name, value))
    return changed


def follow(options):
    for entry in entries_of(sys.stdin.buffer):
        if not re.search(options.only.encode(), dict(entry).get(b'MESSAGE', b'')):
            continue
        sys.stdout.buffer.write(written(of_host(entry, options.host, int(options.ahead * 1000))))
        sys.stdout.buffer.flush()


def one_entry(options):
    fields = {'__REALTIME_TIMESTAMP': time.time_ns() // 1000, '__MONOTONIC_TIMESTAMP': time.monotonic_ns() // 1000,
              '_BOOT_ID': 'eb2d0000000040008000000000000001', '_MACHINE_ID': '3d120000000040008000000000000001',
              '_HOSTNAME': options.host, 'SYSLOG_IDENTIFIER': options.tag, 'PRIORITY': 6, 'MESSAGE': options.message}
    sys.stdout.buffer.write(written([(name.encode(), str(value).encode()) for name, value in fields.items()]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest='verb', required=True)
    host = verbs.add_parser('host')
    host.add_argument('host')
    host.add_argument('--ahead', type=float, default=0, help='seconds')
    host.add_argument('--only', default='', help='regular expression')
    entry = verbs.add_parser('entry')
    entry.add_argument('host')
    entry.add_argument('--tag', default='haproxy')
    entry.add_argument('message')
    options = parser.parse_args()
    follow(options) if options.verb == 'host' else one_entry(options)


if __name__ == '__main__':
    main()
