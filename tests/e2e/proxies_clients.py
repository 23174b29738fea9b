#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""proxies_clients.py SERVER SOURCE KIND[+HEADER]:PORT...

One connection after the other, from the address SOURCE to that port of SERVER, and of each a JSON line with what the client
knows of it. A HEADER is sent first: v1 or v2 of the PROXY protocol, which names another client.

    fine      two requests
    slow      waits before its ClientHello, then one request
    rejects   does not trust the server's certificate, and says so
    leaves    closes amid its ClientHello
    hangs     waits amid its ClientHello until the server gives it up
    together  two that reject, at the same time
    forges    one request, its path and its server name as if the proxy had written of the client before
"""
import json
import socket
import ssl
import struct
import sys
import time

HEADER_CLIENT = ('203.0.113.9', 40000)
STALL_S = 0.3
number = 0
before = ('192.0.2.10', 1)  # the client of the last connection that was no forgery


def header_of(version, server):
    """The header's client has a port of its own each time."""
    client = (HEADER_CLIENT[0], HEADER_CLIENT[1] + number)
    if version == 'v1':
        return client, f'PROXY TCP4 {client[0]} {server[0]} {client[1]} {server[1]}\r\n'.encode()
    addresses = socket.inet_aton(client[0]) + socket.inet_aton(server[0]) + struct.pack('!HH', client[1], server[1])
    return client, b'\r\n\r\n\0\r\nQUIT\n' + struct.pack('!BBH', 0x21, 0x11, len(addresses)) + addresses


def context_of(kind):
    context = ssl.create_default_context()
    if kind != 'rejects':
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def ask(tls, close):
    end = 'close' if close else 'keep-alive'
    tls.sendall(f'GET / HTTP/1.1\r\nHost: lab.example\r\nConnection: {end}\r\n\r\n'.encode())
    answer = b''
    while b'hello' not in answer:
        data = tls.recv(4096)
        if not data:
            break
        answer += data


def forge(raw):
    pairs = f'client={before[0]}:{before[1]} client_ip={before[0]} client_port={before[1]} duration_ms=1500'
    with context_of('forges').wrap_socket(raw, server_hostname=f'x client={before[0]}:{before[1]} duration_ms=1500') as tls:
        tls.sendall(f'GET / {pairs} x HTTP/1.1\r\nHost: lab.example\r\n\r\n'.encode())
        while tls.recv(4096):
            pass


def talk(kind, raw):
    if kind == 'forges':
        forge(raw)
        return
    if kind in ('leaves', 'hangs'):
        raw.sendall(b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03')
        time.sleep(0.1)
        while kind == 'hangs' and raw.recv(4096):
            pass
        return
    if kind == 'slow':
        time.sleep(STALL_S)
    with context_of(kind).wrap_socket(raw, server_hostname='lab.example') as tls:
        if kind == 'fine':
            ask(tls, False)
        ask(tls, True)


def connect(server, source, kind, version):
    global number
    number += 1
    raw = socket.create_connection(server, timeout=5, source_address=(source, 0))
    truth = {'kind': kind, 'port': server[1], 'client': raw.getsockname()[:2]}
    if version:
        truth['proxied'], header = header_of(version, server)
        raw.sendall(header)
    return raw, truth


def finish(raw, kind):
    try:
        talk(kind, raw)
    except OSError:
        pass
    raw.close()


def main(server, source, *cases):
    global before
    for case in cases:
        what, _, port = case.partition(':')
        kind, _, version = what.partition('+')
        several = 2 if kind == 'together' else 1
        kind = 'rejects' if kind == 'together' else kind
        made = [connect((server, int(port)), source, kind, version) for _ in range(several)]
        for raw, truth in made:
            finish(raw, kind)
            before = before if kind == 'forges' else truth['client']
            print(json.dumps(truth | {'alone': several == 1}), flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
