#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds one stdout stream to a journald open, so that it does not go away, and writes one entry to it."""
import signal
import socket
import sys

stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
stream.connect(sys.argv[1])
# identifier, unit, priority, level prefix, forward to syslog, kmsg, console
stream.sendall(b'slowshake-lab\n\n6\n0\n0\n0\n0\nthe lab is up\n')
signal.pause()
