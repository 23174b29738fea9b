#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""watch_records.py EXPORT: prints {"synced_ns": ..., "record": {...}} for each record as it comes to be on disk, until it is ended.

The store opens flows.jsonl, appends one line, syncs it and closes it, after the pcapng was synced and got its name. So the n-th
closing of the file is the moment at which the n-th record was synced. Only days that are there already are watched.
"""
import ctypes
import glob
import json
import os
import struct
import sys
import time

IN_CLOSE_WRITE, IN_OPEN = 0x8, 0x20 # with the openings in between, no two closings become one event
EVENT = struct.Struct('iIII')
NAME = b'flows.jsonl'


def watch(days):
    """{watch: its day} and the descriptor to read from."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init()
    watches = {libc.inotify_add_watch(fd, day.encode(), IN_CLOSE_WRITE | IN_OPEN): day for day in days}
    if fd < 0 or -1 in watches or not watches:
        sys.exit(f'cannot watch {days}')
    return watches, fd


def closings(fd):
    """(watch, time in ns), one for each time that a flows.jsonl was closed."""
    while True:
        data = os.read(fd, 65536)
        now_ns, at = time.time_ns(), 0
        while at < len(data):
            number, mask, _, length = EVENT.unpack_from(data, at)
            name = data[at + EVENT.size:at + EVENT.size + length].rstrip(b'\0')
            at += EVENT.size + length
            if mask & IN_CLOSE_WRITE and name == NAME:
                yield number, now_ns


def main():
    watches, fd = watch(glob.glob(os.path.join(sys.argv[1], '*-*-*')))
    files = {}
    print('watching', file=sys.stderr, flush=True)
    for number, now_ns in closings(fd):
        if number not in files:
            files[number] = open(os.path.join(watches[number], NAME.decode()), encoding='utf-8')
        line = files[number].readline()
        if line:
            print(json.dumps({'synced_ns': now_ns, 'record': json.loads(line)}), flush=True)


if __name__ == '__main__':
    main()
