#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""telemetry.py PREFIX COMMAND...: asks the DPDK telemetry socket of --file-prefix=PREFIX; one line of JSON an answer."""
import json
import os
import socket
import sys


def path_of(prefix):
    folder = '/var/run/dpdk' if os.getuid() == 0 else os.path.join(os.environ.get('XDG_RUNTIME_DIR', '/tmp'), 'dpdk')
    return os.path.join(folder, prefix, 'dpdk_telemetry.v2')


class Telemetry:
    def __init__(self, prefix):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(path_of(prefix))
        self.most = json.loads(self.socket.recv(1024))['max_output_len']

    def text(self, command):
        """The answer as it came."""
        self.socket.send(command.encode())
        return self.socket.recv(self.most).decode()

    def ask(self, command):
        answer = json.loads(self.text(command))
        return answer[command.split(',')[0]]

    def ask_all(self, command, of):
        """All pages of a list that stands under the key OF of each answer."""
        entries, total = [], 1
        while len(entries) < total:
            page = self.ask(f'{command},{len(entries)}')
            total = page['total']
            new = list(page[of].values() if isinstance(page[of], dict) else page[of])
            entries += new
            if not new:
                break
        return entries


def main():
    telemetry = Telemetry(sys.argv[1])
    for command in sys.argv[2:]:
        print(json.dumps(telemetry.ask(command)))


if __name__ == '__main__':
    sys.exit(main())
