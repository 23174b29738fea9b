#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""watch_records.py EXPORT: prints {"synced_ns": ..., "record": {...}} for each record as it comes to be on disk, until it is ended.

The store opens flows.jsonl, appends one line or more, syncs them and closes it, after the pcapng was synced and got its name. So what
is in the file when it is closed, and has not been written to since, was on disk at that moment. Only days that are there already are
watched.
"""
import ctypes
import glob
import json
import os
import select
import struct
import sys
import time

IN_MODIFY, IN_CLOSE_WRITE = 0x2, 0x8
EVENT = struct.Struct('iIII')
NAME = b'flows.jsonl'


def watch(days):
    """{watch: its day} and the descriptor to read from."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init()
    watches = {libc.inotify_add_watch(fd, day.encode(), IN_MODIFY | IN_CLOSE_WRITE): day for day in days}
    if fd < 0 or -1 in watches or not watches:
        sys.exit(f'cannot watch {days}')
    return watches, fd


def changes(fd):
    """[(watch, mask)] of what happened to each flows.jsonl, waiting for it."""
    data, at, found = os.read(fd, 65536), 0, []
    while at < len(data):
        number, mask, _, length = EVENT.unpack_from(data, at)
        if data[at + EVENT.size:at + EVENT.size + length].rstrip(b'\0') == NAME:
            found.append((number, mask))
        at += EVENT.size + length
    return found


class Day:
    """One day's flows.jsonl: what was read of it and may not be synced yet."""

    def __init__(self, folder):
        self.path, self.file = os.path.join(folder, NAME.decode()), None
        self.text, self.closed_ns, self.is_written_to = '', 0, False

    def change(self, mask, now_ns):
        self.is_written_to = bool(mask & IN_MODIFY)
        if mask & IN_CLOSE_WRITE:
            self.closed_ns = now_ns

    def read(self):
        if not self.is_written_to and self.closed_ns:
            self.file = self.file or open(self.path, encoding='utf-8')
            self.text += self.file.read()

    def tell(self):
        if self.is_written_to or not self.text.endswith('\n'):
            return
        for line in self.text.splitlines():
            print(json.dumps({'synced_ns': self.closed_ns, 'record': json.loads(line)}), flush=True)
        self.text = ''


def main():
    watches, fd = watch(glob.glob(os.path.join(sys.argv[1], '*-*-*')))
    days = {number: Day(folder) for number, folder in watches.items()}
    print('watching', file=sys.stderr, flush=True)
    while True:
        found, now_ns = changes(fd), time.time_ns()
        for number, mask in found:
            days[number].change(mask, now_ns)
        for day in days.values():
            day.read()
        if not select.select([fd], [], [], 0)[0]: # nothing was written while it was read
            for day in days.values():
                day.tell()


if __name__ == '__main__':
    main()
