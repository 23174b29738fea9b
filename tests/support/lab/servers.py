#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A TLS server that can stall at a chosen moment of the handshake.

    servers.py --listen 192.0.2.1:9443 --cert cert-and-key.pem --stall-at flight --stall-ms 400

The moments (--stall-at):
    server-hello  the ClientHello is here, before the server's flight
    flight        between two halves of the server's flight
    flight-end    before the last record of the server's flight
    finished      TLS 1.2: the client's Finished is here, before the server's
"""
import argparse
import itertools
import signal
import socket
import ssl
import sys
import threading
import time

VERSIONS = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n'


def endpoint(text):
    host, _, port = text.rpartition(':')
    return host.strip('[]'), int(port)


class Conversation:
    def __init__(self, options, context, peer, stalls):
        self.options, self.peer = options, peer
        self.stall_at = options.stall_at if stalls else None
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        peer.settimeout(30)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self):
        data = self.peer.recv(65536)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def stall(self):
        self.stall_at = None
        time.sleep(self.options.stall_ms / 1000)

    def send(self, is_last):
        data = self.outgoing.read()
        if not data:
            return
        if self.stall_at == 'server-hello' or (self.stall_at == 'finished' and is_last):
            self.stall()
        if self.stall_at in CUTS:
            cut = CUTS[self.stall_at](data)
            self.peer.sendall(data[:cut])
            self.stall()
            data = data[cut:]
        self.peer.sendall(data)

    def run(self):
        try:
            while True:
                try:
                    self.tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    self.send(False)
                    self.receive()
            self.send(True)
            while True:
                try:
                    self.tls.read(65536)
                    break
                except ssl.SSLWantReadError:
                    self.receive()
            self.tls.write(ANSWER)
            self.send(False)
        except (OSError, ssl.SSLError):
            alert = self.outgoing.read()
            if alert:
                self.peer.send(alert)
        self.peer.close()


def middle_of_flight(data):
    """Some bytes behind the ServerHello's record; in the middle where all is one record."""
    first = 5 + int.from_bytes(data[3:5], 'big')
    return first + 16 if first + 16 < len(data) else len(data) // 2


def end_of_flight(data):
    """Where its last record starts."""
    start = 0
    while start + 5 + int.from_bytes(data[start + 3:start + 5], 'big') < len(data):
        start += 5 + int.from_bytes(data[start + 3:start + 5], 'big')
    return start


CUTS = {'flight': middle_of_flight, 'flight-end': end_of_flight}


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--listen', type=endpoint, nargs='+', required=True)
    parser.add_argument('--cert', required=True, help='certificate and key, PEM')
    parser.add_argument('--tls', choices=['1.2', '1.3', 'any'], default='any')
    parser.add_argument('--stall-at', choices=['server-hello', 'flight', 'flight-end', 'finished'], default='server-hello')
    parser.add_argument('--stall-ms', type=float, default=0)
    parser.add_argument('--every', type=int, default=1, help='every how manieth connection stalls')
    parser.add_argument('--client-cert', action='store_true', help='ask for one, and take any that --cafile signed')
    parser.add_argument('--cafile')
    return parser.parse_args(arguments)


def context_of(options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert)
    context.minimum_version = VERSIONS.get(options.tls, ssl.TLSVersion.TLSv1_2)
    context.maximum_version = VERSIONS.get(options.tls, ssl.TLSVersion.TLSv1_3)
    if options.client_cert:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(options.cafile)
    return context


def serve(options, context, listener, numbers):
    while True:
        peer, _ = listener.accept()
        stalls = options.stall_ms > 0 and next(numbers) % options.every == options.every - 1
        threading.Thread(target=Conversation(options, context, peer, stalls).run, daemon=True).start()


def main():
    options = options_of(sys.argv[1:])
    context, numbers = context_of(options), itertools.count()
    for address in options.listen:
        family = socket.AF_INET6 if ':' in address[0] else socket.AF_INET
        listener = socket.create_server(address, family=family, backlog=256)
        threading.Thread(target=serve, args=(options, context, listener, numbers), daemon=True).start()
    print('ready', flush=True)
    signal.pause()


if __name__ == '__main__':
    main()
