#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A bridge between two interfaces that loses, holds and delays what it is told to.

    relay.py --client-side r0 --server-side r1 --drop client_hello --drop server_flight:2 --up-ms 10 --jitter-ms 2

What a packet is (WHAT), looked at once per connection; a second WHAT of the same kind is a retransmission or a later one:
    syn  synack  ack         the three of the TCP handshake
    client_hello[:K]         the client's K-th segment with data before the server said anything
    server_flight[:K]        the server's K-th segment with data
    finished                 the client's first segment with data after the server's first
    finished_ack             the server's first segment without data after that
--drop WHAT drops it once in every connection, --drop WHAT*N N times in a row (itself and its retransmissions).
--hold WHAT=MS lets it through MS later, so that others overtake it.
--connections N applies both to every N-th connection only. Offloads must be off: what passes is what is sent.
"""
import argparse
import heapq
import random
import select
import socket
import struct
import sys
import time

PACKET_IGNORE_OUTGOING = 23
ETH_ALL, IPV4, IPV6, TCP = 3, 0x0800, 0x86dd, 6
FIN, SYN, RST, ACK = 1, 2, 4, 16


class Segment:
    """What matters of a TCP segment; None for anything else (see segment_of)."""
    __slots__ = ('source', 'destination', 'flags', 'seq', 'length')


def segment_of(frame):
    kind = struct.unpack_from('!H', frame, 12)[0]
    if kind == IPV4 and frame[23] == TCP:
        start = 14 + 4 * (frame[14] & 15)
        end = 14 + struct.unpack_from('!H', frame, 16)[0]
        source, destination = frame[26:30], frame[30:34]
    elif kind == IPV6 and frame[20] == TCP:
        start, end = 54, 54 + struct.unpack_from('!H', frame, 18)[0]
        source, destination = frame[22:38], frame[38:54]
    else:
        return None
    segment = Segment()
    segment.source = (source, frame[start:start + 2])
    segment.destination = (destination, frame[start + 2:start + 4])
    segment.seq = struct.unpack_from('!I', frame, start + 4)[0]
    segment.flags = frame[start + 13]
    segment.length = end - start - 4 * (frame[start + 12] >> 4)
    return segment


class Watched:
    """One connection: says what each packet is, with retransmissions known by their sequence number."""

    def __init__(self, number):
        self.number = number
        self.names = {}    # (from the client, sequence number) of data -> name
        self.counts = {}   # how often each name came
        self.server_spoke = self.client_answered = self.acked = False

    def name(self, segment, from_client):
        if segment.flags & SYN:
            return 'syn' if from_client else 'synack'
        if not segment.length:
            return self.name_of_pure_ack(from_client)
        key = (from_client, segment.seq)
        if key not in self.names:
            self.names[key] = self.name_of_data(from_client)
        return self.names[key]

    def name_of_pure_ack(self, from_client):
        if from_client and not self.acked:
            self.acked = True
            return 'ack'
        return 'finished_ack' if not from_client and self.client_answered else None

    def name_of_data(self, from_client):
        if not from_client:
            self.server_spoke = True
            return 'server_flight:%d' % (1 + sum(1 for key in self.names if not key[0]))
        if not self.server_spoke:
            return 'client_hello:%d' % (1 + sum(1 for key in self.names if key[0]))
        if not self.client_answered:
            self.client_answered = True
            return 'finished'
        return None


class Rules:
    def __init__(self, options):
        self.drops = dict(self.parse(text, '*', 1) for text in options.drop)
        self.holds = dict(self.parse(text, '=', 0) for text in options.hold)
        self.every = options.connections
        self.connections = {}
        self.count = 0
        self.dropped = 0

    @staticmethod
    def parse(text, separator, default):
        name, _, value = text.partition(separator)
        if name in ('client_hello', 'server_flight'):
            name += ':1'
        return name, float(value or default)

    def judge(self, frame, from_client):
        """Seconds to hold the frame back, or None to drop it."""
        segment = segment_of(frame)
        if segment is None or not (self.drops or self.holds):
            return 0
        key = (segment.source, segment.destination) if from_client else (segment.destination, segment.source)
        watched = self.connections.get(key)
        if watched is None or (from_client and segment.flags & SYN and watched.server_spoke):
            watched = self.connections[key] = Watched(self.count)
            self.count += 1
        if watched.number % self.every != self.every - 1:
            return 0
        name = watched.name(segment, from_client)
        watched.counts[name] = watched.counts.get(name, 0) + 1
        if watched.counts[name] <= self.drops.get(name, 0):
            self.dropped += 1
            return None
        return self.holds.get(name, 0) / 1000 if watched.counts[name] == 1 else 0


class Relay:
    def __init__(self, options):
        self.rules = Rules(options)
        self.jitter = options.jitter_ms / 1000
        client, server = self.port(options.client_side), self.port(options.server_side)
        self.ways = {client: (server, True, options.up_ms / 1000), server: (client, False, options.down_ms / 1000)}
        self.waiting = []    # (when, order, port, frame)
        self.order = 0
        self.latest = {client: 0.0, server: 0.0}

    @staticmethod
    def port(interface):
        port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL))
        port.setsockopt(263, PACKET_IGNORE_OUTGOING, 1) # SOL_PACKET
        port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        port.bind((interface, ETH_ALL))
        port.setblocking(False)
        return port

    def take(self, port):
        other, from_client, delay = self.ways[port]
        for _ in range(64):
            try:
                frame = port.recv(65536)
            except BlockingIOError:
                return
            hold = self.rules.judge(frame, from_client)
            if hold is None:
                continue
            if hold or delay or self.jitter:
                self.wait(other, frame, hold, delay)
            else:
                self.send(other, frame)

    def wait(self, other, frame, hold, delay):
        """Jitter never reorders; only a hold does."""
        when = time.monotonic() + delay + random.uniform(0, self.jitter)
        when = self.latest[other] = max(when, self.latest[other])
        self.order += 1
        heapq.heappush(self.waiting, (when + hold, self.order, other, frame))

    @staticmethod
    def send(port, frame):
        try:
            port.send(frame)
        except OSError:
            pass # the far end went away, or its queue is full: a loss like any other

    def run(self):
        while True:
            timeout = max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
            readable, _, _ = select.select(list(self.ways), [], [], timeout)
            for port in readable:
                self.take(port)
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, _, port, frame = heapq.heappop(self.waiting)
                self.send(port, frame)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--client-side', required=True)
    parser.add_argument('--server-side', required=True)
    parser.add_argument('--drop', action='append', default=[], metavar='WHAT[*N]')
    parser.add_argument('--hold', action='append', default=[], metavar='WHAT=MS')
    parser.add_argument('--connections', type=int, default=1, metavar='N')
    parser.add_argument('--up-ms', type=float, default=0, help='delay from client to server')
    parser.add_argument('--down-ms', type=float, default=0)
    parser.add_argument('--jitter-ms', type=float, default=0)
    relay = Relay(parser.parse_args())
    print('ready', flush=True)
    relay.run()


if __name__ == '__main__':
    sys.exit(main())
