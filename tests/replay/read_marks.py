#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An independent reading of the handshakes in a capture: the marks as docs/record.md defines them.

    read_marks.py CAPTURE        prints {"flows": [...]}, in the order of their first packets

tshark decodes link layer, IP and TCP; the byte streams, records and messages are put together here, in the simplest
way that can be right (whole streams in memory, looked at after the fact). It shares nothing with slowshake, so that
the two agreeing means something. Meant for whole connections without sequence number wrap at odd places.
"""
import json
import subprocess
import sys

FIELDS = ['frame.time_epoch', 'ip.src', 'ipv6.src', 'ip.dst', 'ipv6.dst', 'tcp.srcport', 'tcp.dstport', 'tcp.stream',
          'tcp.seq_raw', 'tcp.ack_raw', 'tcp.flags', 'tcp.payload']
FIN, SYN, RST, ACK = 1, 2, 4, 16
CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = 1, 2, 11
HELLO_RETRY = bytes.fromhex('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c') # RFC 8446 4.1.3
EARLY_DATA, PRE_SHARED_KEY, SUPPORTED_VERSIONS = 42, 41, 43
# RFC 8446 section 6
ALERTS = {0: 'close_notify', 10: 'unexpected_message', 20: 'bad_record_mac', 40: 'handshake_failure',
          42: 'bad_certificate', 45: 'certificate_expired', 46: 'certificate_unknown', 47: 'illegal_parameter',
          48: 'unknown_ca', 50: 'decode_error', 51: 'decrypt_error', 70: 'protocol_version',
          80: 'internal_error', 112: 'unrecognized_name', 116: 'certificate_required',
          120: 'no_application_protocol'}


class Packet:
    def __init__(self, row):
        value = dict(zip(FIELDS, row))
        seconds, _, fraction = value['frame.time_epoch'].partition('.')
        self.ns = int(seconds) * 10**9 + int(fraction.ljust(9, '0')[:9])
        self.source = (value['ip.src'] or value['ipv6.src'], int(value['tcp.srcport']))
        self.destination = (value['ip.dst'] or value['ipv6.dst'], int(value['tcp.dstport']))
        self.stream = int(value['tcp.stream'])
        self.seq, self.ack = int(value['tcp.seq_raw']), int(value['tcp.ack_raw'])
        self.flags = int(value['tcp.flags'], 16)
        self.data = bytes.fromhex(value['tcp.payload'])


class Direction:
    """Its bytes, and for each the packet with which the tap had every byte up to it."""

    def __init__(self, packets):
        self.packets = packets
        self.isn = next((p.seq for p in packets if p.flags & SYN), None)
        if self.isn is None:
            self.isn = (packets[0].seq - 1) % 2**32 if packets else 0
        self.bytes = b''
        self.reached = []    # (length of the stream without holes, packet)
        self.carriers = []   # (offset, end, packet), in capture order
        waiting = {}
        for packet in packets:
            if not packet.data:
                continue
            offset = (packet.seq - self.isn - 1) % 2**32
            self.carriers.append((offset, offset + len(packet.data), packet))
            waiting[offset] = max(packet.data, waiting.get(offset, b''), key=len)
            self.absorb(waiting, packet)

    def absorb(self, waiting, packet):
        grown = True
        while grown:
            grown = False
            for offset, data in sorted(waiting.items()):
                if offset <= len(self.bytes) < offset + len(data):
                    self.bytes += data[len(self.bytes) - offset:]
                    self.reached.append((len(self.bytes), packet))
                    grown = True

    def had(self, length):
        """The packet with which the first `length` bytes were all there."""
        return next((packet for reached, packet in self.reached if reached >= length), None)

    def carrier(self, offset):
        return next((packet for begin, end, packet in self.carriers if begin <= offset < end), None)

    def first_ack_of(self, other, length):
        """The first packet here that acknowledges `length` bytes of the other direction."""
        for packet in self.packets:
            if packet.flags & ACK and not packet.flags & RST:
                acked = (packet.ack - other.isn - 1) % 2**32
                if length <= acked < 2**31:
                    return packet
        return None


class Record:
    def __init__(self, kind, begin, end):
        self.kind, self.begin, self.end = kind, begin, end


class Message:
    def __init__(self, kind, begin, end, body):
        self.kind, self.begin, self.end, self.body = kind, begin, end, body


def records_of(stream):
    records, at = [], 0
    while at + 5 <= len(stream) and stream[at] in (CCS, ALERT, HANDSHAKE, DATA) and stream[at + 1] == 3:
        end = at + 5 + int.from_bytes(stream[at + 3:at + 5], 'big')
        if end > len(stream):
            break
        records.append(Record(stream[at], at, end))
        at = end
    return records


def messages_of(stream, records, keep_on_after_ccs):
    """Handshake messages in the clear. Each byte keeps its place in the stream."""
    places = []
    for record in records:
        if record.kind == DATA or (record.kind == CCS and not keep_on_after_ccs):
            break
        if record.kind == HANDSHAKE:
            places += range(record.begin + 5, record.end)
    messages, at = [], 0
    while at + 4 <= len(places):
        length = int.from_bytes(bytes(stream[p] for p in places[at + 1:at + 4]), 'big')
        if at + 4 + length > len(places):
            break
        body = bytes(stream[p] for p in places[at + 4:at + 4 + length])
        messages.append(Message(stream[places[at]], places[at], places[at + 3 + length] + 1, body))
        at += 4 + length
    return messages


def extensions_of(hello):
    """{type: data} of a ClientHello or ServerHello."""
    body = hello.body
    at = 34 + 1 + body[34]
    if hello.kind == CLIENT_HELLO:
        at += 2 + int.from_bytes(body[at:at + 2], 'big')
        at += 1 + body[at]
    else:
        at += 3
    found, at = {}, at + 2
    while at + 4 <= len(body):
        length = int.from_bytes(body[at + 2:at + 4], 'big')
        found[int.from_bytes(body[at:at + 2], 'big')] = body[at + 4:at + 4 + length]
        at += 4 + length
    return found


class Flow:
    def __init__(self, packets):
        self.packets = packets
        opener = next((p for p in packets if p.flags & (SYN | ACK) == SYN), packets[0])
        self.client_end, self.server_end = opener.source, opener.destination
        self.client = Direction([p for p in packets if p.source == self.client_end])
        self.server = Direction([p for p in packets if p.source == self.server_end])
        self.marks = {}
        self.facts = {}

    def mark(self, name, packet):
        if packet is not None:
            self.marks[name] = packet.ns - self.packets[0].ns

    def is_tls(self):
        stream = self.client.bytes
        return len(stream) > 5 and stream[0] == HANDSHAKE and stream[1] == 3 and stream[5] == CLIENT_HELLO

    def read(self):
        self.read_tcp()
        self.client_records, self.server_records = records_of(self.client.bytes), records_of(self.server.bytes)
        messages = messages_of(self.server.bytes, self.server_records, True)
        self.hellos = [m for m in messages_of(self.client.bytes, self.client_records, True) if m.kind == CLIENT_HELLO]
        self.server_hellos = [m for m in messages if m.kind == SERVER_HELLO]
        self.read_hellos()
        if 'version' not in self.facts:
            return
        if self.facts['version'] == '1.3':
            self.read_13()
        else:
            self.read_12([m for m in messages_of(self.server.bytes, self.server_records, False)])

    def read_tcp(self):
        self.mark('syn', next((p for p in self.client.packets if p.flags & (SYN | ACK) == SYN), None))
        self.mark('syn_ack', next((p for p in self.server.packets if p.flags & SYN), None))
        self.mark('ack', self.client.first_ack_of(self.server, 0))

    def read_hellos(self):
        first = self.hellos[0]
        self.mark('client_hello_first', self.client.had(1))
        self.mark('client_hello', self.client.had(first.end))
        self.mark('hello_ack', self.server.first_ack_of(self.client, first.end))
        self.facts['early_data'] = EARLY_DATA in extensions_of(first)
        for hello in self.server_hellos:
            if hello.body[2:34] == HELLO_RETRY:
                self.facts['hello_retry'] = True
                self.mark('hello_retry', self.server.had(hello.end))
                if len(self.hellos) > 1:
                    self.mark('client_hello_2', self.client.had(self.hellos[1].end))
                continue
            self.mark('server_hello', self.server.had(hello.end))
            self.server_hello_end = hello.end
            extensions = extensions_of(hello)
            version = extensions.get(SUPPORTED_VERSIONS, hello.body[0:2])
            self.facts['version'] = {0x301: '1.0', 0x302: '1.1', 0x303: '1.2', 0x304: '1.3'}[int.from_bytes(version, 'big')]
            self.facts['resumed'] = PRE_SHARED_KEY in extensions
            return

    def read_flight(self, answer_begin):
        """What the segment that starts the client's answer acknowledges is the server's flight."""
        starter = self.client.carrier(answer_begin)
        flight = (starter.ack - self.server.isn - 1) % 2**32
        self.mark('server_flight', self.server.had(flight))
        self.mark('flight_ack', self.client.first_ack_of(self.server, flight))

    def read_13(self):
        for record in self.client_records:
            if record.kind == ALERT:
                self.read_flight(record.begin) # an answer too, in the clear
            if record.kind != DATA or record.begin < self.hellos[-1].end:
                continue
            acked = (self.client.carrier(record.begin).ack - self.server.isn - 1) % 2**32
            if acked < self.server_hello_end:
                continue # early data: sent before anything of the server was there
            self.read_flight(record.begin)
            # an alert and nothing else: 2 bytes, content type, 16 bytes of tag (RFC 8446 sections 5.2 and 6)
            self.facts['rejected'] = record.end - record.begin == 5 + 2 + 1 + 16
            if not self.facts['rejected']:
                self.mark('client_finished', self.client.had(record.end))
            return

    def read_12(self, server_messages):
        self.facts['resumed'] = not any(m.kind == CERTIFICATE for m in server_messages)
        answer = [r for r in self.client_records if r.begin >= self.hellos[-1].end]
        if answer:
            self.read_flight(answer[0].begin)
        changes = [next((r for r in records if r.kind == CCS), None) for records in (answer, self.server_records)]
        if changes[0] is not None:
            self.mark('client_finished', self.client.had(changes[0].end))
            if changes[1] is not None and not self.facts['resumed']:
                self.mark('server_finished', self.server.had(changes[1].end))

    def outcome(self):
        full_12 = self.facts.get('version', '') < '1.3' and not self.facts.get('resumed')
        if self.facts.get('rejected'):
            return 'client_rejected'
        if ('server_finished' if full_12 else 'client_finished') in self.marks:
            return 'complete'
        for direction, records in ((self.client, self.client_records), (self.server, self.server_records)):
            for record in records:
                if record.kind == ALERT and record.end - record.begin == 7 and direction.bytes[record.begin + 5] == 2:
                    return 'alert:' + ALERTS[direction.bytes[record.begin + 6]]
        for packet in self.packets:
            side = 'client' if packet.source == self.client_end else 'server'
            if packet.flags & (RST | FIN):
                return side + ('_reset' if packet.flags & RST else '_closed')
        return 'unfinished'

    def result(self):
        self.read()
        result = {'client': {'ip': self.client_end[0], 'port': self.client_end[1]},
                  'server': {'ip': self.server_end[0], 'port': self.server_end[1]},
                  'start_ns': self.packets[0].ns, 'packets': len(self.packets)}
        result.update({name: self.facts[name] for name in ('version',) if name in self.facts})
        result.update({name: bool(self.facts.get(name)) for name in ('hello_retry', 'resumed', 'early_data')})
        result['outcome'] = self.outcome()
        result['duration_ns'] = max(self.marks.values()) - self.marks['syn'] if 'syn' in self.marks else None
        result['marks'] = dict(sorted(self.marks.items(), key=lambda item: item[1]))
        return result


def packets_of(path):
    command = ['tshark', '-n', '-r', path, '-Y', 'tcp', '-o', 'tcp.desegment_tcp_streams:FALSE',
               '-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=f']
    for field in FIELDS:
        command += ['-e', field]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return [Packet(line.split('\t')) for line in lines.splitlines()]


def read(path):
    streams = {}
    for packet in packets_of(path):
        streams.setdefault(packet.stream, []).append(packet)
    flows = [Flow(packets) for packets in streams.values()]
    return {'flows': [flow.result() for flow in flows if flow.is_tls()]}


if __name__ == '__main__':
    print(json.dumps(read(sys.argv[1]), indent=1))
