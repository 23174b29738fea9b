#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A bridge between two interfaces that loses, holds and delays what it is told to.

    relay.py --client-side r0 --server-side r1 --drop client_hello --drop server_flight:2 --up-ms 10 --jitter-ms 2

What a packet is (WHAT), looked at once per connection; a second WHAT of the same kind is a retransmission or a later one:
    syn  synack  ack         the three of the TCP handshake
    client_hello[:K]         the client's K-th segment with data before the server said anything
    server_flight[:K]        the server's K-th segment with data
    server_flight:last       the one that ends the server's flight (no resumption, certificates of one record each)
    flight_ack               the client's first segment without data that acknowledges all of the flight
    finished                 the client's first segment with data after the server's first, a ChangeCipherSpec alone aside
    finished_ack             the server's first segment without data after that
--drop WHAT drops it once in every connection, --drop WHAT*N N times in a row (itself and its retransmissions).
--hold WHAT=MS lets it through MS later, so that others overtake it.
--pause WHAT=MS holds it and all that follows it in its direction, and lets them through MS later, in order.
--vanish WHAT lets it through, and nothing more of its connection, in either direction.
--lose PERCENT loses that many of all packets, at random.
--connections N applies them to every N-th connection only. Offloads must be off: what passes is what is sent.
--log FILE says what was done: one JSON line each, by the client's address and port.
--mirror: both directions come in at the client's side and go out at the server's; a mirror port that loses.
"""
import argparse
import heapq
import ipaddress
import json
import random
import select
import socket
import struct
import sys
import time

PACKET_IGNORE_OUTGOING = 23
ETH_ALL, IPV4, IPV6, TCP = 3, 0x0800, 0x86dd, 6
FIN, SYN, RST, ACK = 1, 2, 4, 16
CHANGE_CIPHER_SPEC = b'\x14'


class Segment:
    """What matters of a TCP segment; None for anything else (see segment_of)."""
    __slots__ = ('source', 'destination', 'flags', 'seq', 'ack', 'data')


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
    segment.seq, segment.ack = struct.unpack_from('!II', frame, start + 4)
    segment.flags = frame[start + 13]
    segment.data = frame[start + 4 * (frame[start + 12] >> 4):end]
    return segment


def is_at_or_after(seq, other):
    return (seq - other) & 0xffffffff < 1 << 31


class Flight:
    """The server's bytes in order, up to where its flight ends. TLS 1.3 hides the types of its messages: what ends it is the first
    encrypted record of a Finished's length behind EncryptedExtensions, which holds for stacks that put each message in a record."""
    HANDSHAKE, ENCRYPTED = 22, 23
    SERVER_HELLO_DONE = 14
    FINISHED_LENGTHS = (53, 69)

    def __init__(self):
        self.bytes = self.messages = b''
        self.next_seq = None
        self.end_seq = None
        self.encrypted = 0

    def feed(self, segment):
        if self.end_seq is not None or (self.next_seq is not None and segment.seq != self.next_seq):
            return
        self.next_seq = (segment.seq + len(segment.data)) & 0xffffffff
        self.bytes += segment.data
        while self.end_seq is None and len(self.bytes) >= 5:
            end = 5 + int.from_bytes(self.bytes[3:5], 'big')
            if len(self.bytes) < end:
                return
            record, self.bytes = self.bytes[:end], self.bytes[end:]
            if self.ends_with(record[0], record[5:]):
                self.end_seq = (self.next_seq - len(self.bytes)) & 0xffffffff

    def ends_with(self, kind, content):
        if kind == self.ENCRYPTED:
            self.encrypted += 1
            return self.encrypted > 1 and len(content) in self.FINISHED_LENGTHS
        if kind == self.HANDSHAKE:
            self.messages += content
        while len(self.messages) >= 4 and len(self.messages) >= 4 + int.from_bytes(self.messages[1:4], 'big'):
            if self.messages[0] == self.SERVER_HELLO_DONE:
                return True
            self.messages = self.messages[4 + int.from_bytes(self.messages[1:4], 'big'):]
        return False


class Watched:
    """One connection: says what each packet is, with retransmissions known by their sequence number."""

    def __init__(self, number):
        self.number = number
        self.names = {}    # (from the client, sequence number) of data -> names
        self.counts = {}   # how often each name came
        self.flight = Flight()
        self.paused_until = {True: 0, False: 0}
        self.server_spoke = self.client_answered = self.acked = self.is_gone = False

    def names_of(self, segment, from_client):
        if segment.flags & SYN:
            return ['syn' if from_client else 'synack']
        if not segment.data:
            return self.names_of_pure_ack(segment, from_client)
        key = (from_client, segment.seq)
        if key not in self.names:
            self.names[key] = self.names_of_data(segment, from_client)
        return self.names[key]

    def names_of_pure_ack(self, segment, from_client):
        if not from_client:
            return ['finished_ack'] if self.client_answered else []
        if not self.acked:
            self.acked = True
            return ['ack']
        end = self.flight.end_seq
        return ['flight_ack'] if end is not None and is_at_or_after(segment.ack, end) else []

    def names_of_data(self, segment, from_client):
        if not from_client:
            self.server_spoke = True
            return ['server_flight:%d' % (1 + sum(1 for key in self.names if not key[0]))] + self.last_of_flight(segment)
        if not self.server_spoke:
            return ['client_hello:%d' % (1 + sum(1 for key in self.names if key[0]))]
        if self.client_answered or segment.data[:1] == CHANGE_CIPHER_SPEC and len(segment.data) == 6:
            return []
        self.client_answered = True
        return ['finished']

    def last_of_flight(self, segment):
        if self.flight.end_seq is not None:
            return []
        self.flight.feed(segment)
        return ['server_flight:last'] if self.flight.end_seq is not None else []


class Rules:
    def __init__(self, options):
        self.drops = dict(self.parse(text, '*', 1) for text in options.drop)
        self.holds = dict(self.parse(text, '=', 0) for text in options.hold)
        self.pauses = dict(self.parse(text, '=', 0) for text in options.pause)
        self.vanish = {self.parse(text, '=', 0)[0] for text in options.vanish}
        self.lose = options.lose / 100
        self.are_none = not (self.drops or self.holds or self.pauses or self.vanish or self.lose)
        self.every = options.connections
        self.connections = {}
        self.servers = set()
        self.count = 0
        self.log = open(options.log, 'a', buffering=1) if options.log else None

    @staticmethod
    def parse(text, separator, default):
        name, _, value = text.partition(separator)
        if name in ('client_hello', 'server_flight'):
            name += ':1'
        return name, float(value or default)

    def judge(self, frame, from_client, now):
        """Seconds to hold the frame back, and when it may leave at the earliest; None to drop it. A mirror does not tell who it is
        from: its SYN does."""
        segment = None if self.are_none else segment_of(frame)
        if segment is None:
            return 0, 0
        if segment.flags & (SYN | ACK) == SYN:
            self.servers.add(segment.destination)
        if from_client is None:
            from_client = segment.destination in self.servers
        client, server = (segment.source, segment.destination) if from_client else (segment.destination, segment.source)
        watched = self.watched_of((client, server), segment, from_client)
        if watched.number % self.every != self.every - 1:
            return 0, 0
        return self.apply(watched, segment, from_client, now, client)

    def watched_of(self, key, segment, from_client):
        watched = self.connections.get(key)
        if watched is None or (from_client and segment.flags & SYN and watched.server_spoke):
            watched = self.connections[key] = Watched(self.count)
            self.count += 1
        return watched

    def apply(self, watched, segment, from_client, now, client):
        names = watched.names_of(segment, from_client)
        is_first = True
        for name in names:
            watched.counts[name] = watched.counts.get(name, 0) + 1
            is_first = watched.counts[name] == 1
            if watched.counts[name] <= self.drops.get(name, 0):
                return self.note(client, 'drop', name)
        if watched.is_gone or (self.lose and random.random() < self.lose):
            return self.note(client, 'lose', ','.join(names))
        for name in names if is_first else []:
            if name in self.pauses:
                watched.paused_until[from_client] = now + self.pauses[name] / 1000
                self.note(client, 'pause', name)
            if name in self.vanish:
                watched.is_gone = True
                self.note(client, 'vanish', name)
        hold = max((self.holds.get(name, 0) for name in names), default=0) if is_first else 0
        return hold / 1000, watched.paused_until[from_client]

    def note(self, client, what, name):
        if self.log:
            ip = ipaddress.ip_address(client[0])
            port = int.from_bytes(client[1], 'big')
            self.log.write(json.dumps({'ip': str(ip), 'port': port, 'what': what, 'name': name, 'time': time.time_ns()}) + '\n')


class Relay:
    def __init__(self, options):
        self.rules = Rules(options)
        self.jitter = options.jitter_ms / 1000
        client, server = self.port(options.client_side), self.port(options.server_side)
        self.ways = {client: (server, True, options.up_ms / 1000), server: (client, False, options.down_ms / 1000)}
        if options.mirror:
            self.ways = {client: (server, None, 0)}
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
            now = time.monotonic()
            judgement = self.rules.judge(frame, from_client, now)
            if judgement is None:
                continue
            hold, earliest = judgement
            if hold or earliest or delay or self.jitter:
                self.wait(other, frame, now + delay, hold, earliest)
            else:
                self.send(other, frame)

    def wait(self, other, frame, when, hold, earliest):
        """Jitter never reorders; only a hold does."""
        when = self.latest[other] = max(when + random.uniform(0, self.jitter), self.latest[other])
        self.order += 1
        heapq.heappush(self.waiting, (max(when + hold, earliest), self.order, other, frame))

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
    parser.add_argument('--pause', action='append', default=[], metavar='WHAT=MS')
    parser.add_argument('--vanish', action='append', default=[], metavar='WHAT')
    parser.add_argument('--lose', type=float, default=0, metavar='PERCENT')
    parser.add_argument('--log', metavar='FILE')
    parser.add_argument('--mirror', action='store_true')
    parser.add_argument('--connections', type=int, default=1, metavar='N')
    parser.add_argument('--up-ms', type=float, default=0, help='delay from client to server')
    parser.add_argument('--down-ms', type=float, default=0)
    parser.add_argument('--jitter-ms', type=float, default=0)
    relay = Relay(parser.parse_args())
    print('ready', flush=True)
    relay.run()


if __name__ == '__main__':
    sys.exit(main())
