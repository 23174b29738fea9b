#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""TLS clients that can stall at a chosen moment of the handshake.

    clients.py run --target 192.0.2.1:443 --count 2000 --concurrency 16 --every 50 --stall-at finished --stall-ms 300

Real handshakes over real sockets (OpenSSL through memory BIOs, GnuTLS in the same way, so that the moment when bytes leave is
ours). Every --every-th connection stalls. Each connection sends one HTTP/1.1 request, reads the answer and closes. One JSON line a
connection, in the order of their ends, and one last line {"summary": ...}.

The moments (--stall-at):
    hello      connected, before the ClientHello
    hello-mid  between two halves of the ClientHello
    finished   the server's flight is here and acknowledged, before the answer to it
    request    after the handshake
--hang: instead of going on after the stall, it leaves the connection to a process that holds it open and does nothing.
--starve CGROUP: as soon as the ClientHello is sent, it has no more CPU than that cgroup gives.
"""
import argparse
import json
import multiprocessing
import os
import signal
import socket
import ssl
import struct
import sys
import time

VERSIONS = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}
HANDSHAKE, CLIENT_HELLO = 22, 1
START_SECONDS = 20 # for all processes to be there


class Hung(OSError):
    """The connection is left open, and nobody goes on with it."""


def endpoint(text):
    host, _, port = text.rpartition(':')
    return host.strip('[]'), int(port)


def context_of(options, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if options.verify:
        context.verify_mode = ssl.CERT_REQUIRED
    if options.cafile:
        context.load_verify_locations(options.cafile)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    if options.alpn:
        context.set_alpn_protocols(options.alpn.split(','))
    if options.ciphers:
        context.set_ciphers(options.ciphers)
    if options.curve:
        context.set_ecdh_curve(options.curve)
    if options.cert:
        context.load_cert_chain(options.cert)
    if options.no_ticket:
        context.options |= ssl.OP_NO_TICKET
    return context


class Connection:
    """One handshake, one request, one answer."""

    def __init__(self, options, context, stalls, session, source):
        self.options, self.stall_at, self.session = options, options.stall_at if stalls else None, session
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=options.sni, session=session)
        self.stalled_ns = 0
        self.hello_sent_ns = self.answered_ns = 0
        self.waiting_since_ns = 0
        self.source = source
        self.socket = None

    def connect(self, target):
        family = socket.AF_INET6 if ':' in target[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(self.options.timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.options.mss:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, self.options.mss)
        if self.source:
            self.socket.bind((self.source, 0))
        self.socket.connect(target)
        self.waiting_since_ns = time.monotonic_ns()

    def stall(self):
        """Its length counts from when the peer's last bytes were here to when ours go out."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        time.sleep(self.options.stall_ms / 1000)
        self.stalled_ns = time.monotonic_ns() - self.waiting_since_ns
        if self.options.hang:
            if os.fork() == 0:
                signal.pause()
            raise Hung('left to hang')

    def send_hello(self, hello):
        if self.stall_at == 'hello':
            self.stall()
        if self.stall_at == 'hello-mid':
            self.socket.sendall(hello[:len(hello) // 2])
            self.waiting_since_ns = time.monotonic_ns()
            self.stall()
            hello = hello[len(hello) // 2:]
        self.socket.sendall(hello)
        self.hello_sent_ns = time.monotonic_ns()
        if self.options.starve:
            enter_cgroup(self.options.starve)

    def receive(self):
        data = self.socket.recv(65536)
        self.waiting_since_ns = time.monotonic_ns()
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def flush(self, is_answer):
        data = self.outgoing.read()
        if not data:
            return
        if is_answer and self.stall_at == 'finished' and not self.stalled_ns and not is_second_hello(data):
            self.stall()
        if is_answer:
            self.answered_ns = time.monotonic_ns()
        self.socket.sendall(data)

    def handshake(self):
        sent_hello = False
        while True:
            try:
                self.tls.do_handshake()
                self.flush(True)
                return
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                self.flush(True)
                raise
            if sent_hello:
                self.flush(True)
            else:
                self.send_hello(self.outgoing.read())
                sent_hello = True
            self.receive()

    def request(self):
        if self.stall_at == 'request':
            self.stall()
        host = self.options.sni or 'lab.example'
        self.tls.write(b'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' % host.encode())
        self.flush(False)
        answer = b''
        while True:
            try:
                data = self.tls.read(65536)
                if not data:
                    break
                answer += data
                if self.options.no_eof and b'\r\n\r\n' in answer:
                    break
            except ssl.SSLWantReadError:
                self.receive()
            except ssl.SSLError:
                break # an end without close_notify
        return answer

    def close(self):
        if self.socket is not None:
            if self.options.reset:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            self.socket.close()


def is_second_hello(data):
    """Bytes whose first message is a ClientHello: the answer to a HelloRetryRequest, not to the flight. Later ones may be encrypted."""
    while len(data) > 5:
        if data[0] == HANDSHAKE:
            return data[5] == CLIENT_HELLO
        data = data[5 + int.from_bytes(data[3:5], 'big'):]
    return False


def enter_cgroup(path):
    with open(os.path.join(path, 'cgroup.procs'), 'w') as procs:
        procs.write(str(os.getpid()))


def context_of_stack(options, stack, version):
    if stack == 'openssl':
        return context_of(options, version)
    import gnutls # only who asks for it needs the library
    return gnutls.Context(version, options)


class Worker:
    """One of the processes that make connections, one after the other. Processes, not threads: waiting for the
    interpreter's lock would lengthen the stalls."""

    def __init__(self, options, all_are_here):
        self.options = options
        self.kinds = [(stack, version) for stack in options.stack.split(',') for version in options.tls.split(',')]
        self.contexts = [context_of_stack(options, *kind) for kind in self.kinds]
        self.sessions = {} # a session belongs to its context and its server
        all_are_here.wait(START_SECONDS) # nobody's handshake waits for a CPU because others still start
        self.begin = time.monotonic()

    def one(self, number):
        options = self.options
        context = self.contexts[number % len(self.contexts)]
        stack, version = self.kinds[number % len(self.contexts)]
        target = options.target[number // len(self.contexts) % len(options.target)]
        source = next((s for s in options.source if (':' in s) == (':' in target[0])), None)
        stalls = options.stall_ms > 0 and options.every > 0 and number % options.every == options.every - 1
        key = (id(context), target)
        connection = Connection(options, context, stalls, self.sessions.get(key) if options.resume else None, source)
        time.sleep(max(0, self.begin + number * options.spread_ms / 1000 - time.monotonic()))
        result = {'number': number, 'stack': stack, 'tls': version, 'planned_stall_ms': options.stall_ms if stalls else 0,
                  'stall_at': connection.stall_at, 'started': time.time_ns(), 'ok': False}
        begin = time.monotonic_ns()
        try:
            connection.connect(target)
            result['connect_ns'] = time.monotonic_ns() - begin
            name = connection.socket.getsockname()
            result.update(ip=name[0], port=name[1], server_ip=target[0], server_port=target[1])
            connection.handshake()
            result.update(handshake_ns=time.monotonic_ns() - begin, version=connection.tls.version(),
                          resumed=connection.tls.session_reused, alpn=connection.tls.selected_alpn_protocol())
            if not options.no_request:
                result['ok'] = b' 200 ' in connection.request()[:20]
                self.sessions[key] = connection.tls.session
            else:
                result['ok'] = True
        except (OSError, ssl.SSLError) as error:
            result['error'] = str(error)
        connection.close()
        if options.starve:
            enter_cgroup(os.path.dirname(options.starve))
        result.update(stall_ns=connection.stalled_ns, answer_ns=connection.answered_ns - connection.hello_sent_ns,
                      ended=time.time_ns())
        time.sleep(options.pause_ms / 1000)
        return result


def start_worker(options, all_are_here):
    global WORKER
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    WORKER = Worker(options, all_are_here)


def work(number):
    return WORKER.one(number)


def run(options):
    begin = time.monotonic()
    done = failed = stalled = 0
    processes = min(options.concurrency, options.count)
    context = multiprocessing.get_context('fork')
    with context.Pool(processes, start_worker, (options, context.Barrier(processes))) as pool:
        for result in pool.imap_unordered(work, range(options.count)):
            done += 1
            failed += not result['ok']
            stalled += result['stall_ns'] > 0
            print(json.dumps(result), flush=options.count < 100)
    print(json.dumps({'summary': {'done': done, 'failed': failed, 'stalled': stalled,
                                  'seconds': round(time.monotonic() - begin, 3)}}))
    return 1 if failed and not options.may_fail else 0


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    run = parser.add_subparsers(dest='command', required=True).add_parser('run')
    run.add_argument('--target', type=endpoint, nargs='+', required=True, help='ip:port, [ipv6]:port; several in turn')
    run.add_argument('--source', nargs='*', default=[], help='own address, one an address family')
    run.add_argument('--count', type=int, default=1)
    run.add_argument('--concurrency', type=int, default=1)
    run.add_argument('--pause-ms', type=float, default=0, help='between two connections of a process')
    run.add_argument('--tls', default='1.3', help='1.2, 1.3, or "1.2,1.3" in turn')
    run.add_argument('--stack', default='openssl', help='openssl, gnutls, or "openssl,gnutls" in turn')
    run.add_argument('--spread-ms', type=float, default=0, help='between the starts of two connections')
    run.add_argument('--hang', action='store_true')
    run.add_argument('--starve', metavar='CGROUP')
    run.add_argument('--stall-ms', type=float, default=0)
    run.add_argument('--stall-at', choices=['hello', 'hello-mid', 'finished', 'request'], default='finished')
    run.add_argument('--every', type=int, default=1, help='every how manieth connection stalls')
    run.add_argument('--sni')
    run.add_argument('--alpn', help='comma-separated')
    run.add_argument('--ciphers')
    run.add_argument('--curve', help='the only group offered')
    run.add_argument('--cert', help='client certificate and key, PEM')
    run.add_argument('--verify', action='store_true', help="reject a server's certificate that is not trusted")
    run.add_argument('--cafile')
    run.add_argument('--resume', action='store_true', help='each process resumes its last session')
    run.add_argument('--no-ticket', action='store_true', help='TLS 1.2: resume by session id')
    run.add_argument('--mss', type=int)
    run.add_argument('--timeout', type=float, default=20)
    run.add_argument('--no-request', action='store_true', help='close right after the handshake')
    run.add_argument('--no-eof', action='store_true', help='close once the header of the answer is there')
    run.add_argument('--reset', action='store_true', help='end with RST')
    run.add_argument('--may-fail', action='store_true', help='failed connections are what is wanted: status 0')
    return parser.parse_args(arguments)


if __name__ == '__main__':
    try:
        sys.exit(run(options_of(sys.argv[1:])))
    except KeyboardInterrupt:
        sys.exit(130)
