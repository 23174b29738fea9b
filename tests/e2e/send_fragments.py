#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""send_fragments.py --flood N --lone N INTERFACE CAPTURE...: packets of captures, in small fragments, out of an interface.

Before them at least as many fragments of another protocol, and some whose others never come. Of every other packet the last fragment
goes first. Prints how many frames of the captures' packets it sent.
"""
import argparse
import importlib.machinery
import importlib.util
import os
import socket
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LOADER = importlib.machinery.SourceFileLoader('mirrors', os.path.join(HERE, '..', 'replay', 'mirrors'))
MIRRORS = importlib.util.module_from_spec(importlib.util.spec_from_loader('mirrors', LOADER))
LOADER.exec_module(MIRRORS)
MIRRORS.FRAGMENT_BYTES = 96 # a TCP header is in the first, and even a full packet makes no more than 32


def send(out, pieces):
    for piece in pieces:
        out.send(piece)
    time.sleep(0.001)
    return len(pieces)


def send_others(out, frame, flood, lone):
    """Made of an IPv6 packet."""
    other, sent, number = frame[:20] + bytes((socket.IPPROTO_UDP, )) + frame[21:], 0, 1 << 16
    while sent < flood:
        sent += send(out, MIRRORS.in_fragments(other, number))
        number += 1
    for _ in range(lone):
        send(out, MIRRORS.in_fragments(frame, number)[:1])
        number += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--flood', type=int, default=0)
    parser.add_argument('--lone', type=int, default=0)
    parser.add_argument('interface')
    parser.add_argument('captures', nargs='+')
    options = parser.parse_args()
    frames = [frame for capture in options.captures for _, frame in MIRRORS.frames_of(capture)]
    longest = max((frame for frame in frames if frame[12:14] == MIRRORS.V6), key=len)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((options.interface, 0))
        send_others(out, longest, options.flood, options.lone)
        print(sum(send(out, MIRRORS.in_fragments(frame, number)[::1 if number % 2 else -1]) for number, frame in enumerate(frames)))


if __name__ == '__main__':
    main()
