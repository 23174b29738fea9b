#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""compare_ja4.py SLOWSHAKE CAPTURE-OR-FOLDER...: tls.ja4 of `slowshake read --all --json` against another computation.

tshark takes the ClientHellos apart; JA4 is made of its fields here, by FoxIO's technical_details/JA4.md, and compared with tshark's
own (tls.handshake.ja4, from 4.2 on) where it has one. The first ClientHello of each TCP stream counts. Prints each
difference; the last line is "N passed, N failed", counted in connections.
"""
import glob
import hashlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from records import ends_of
from results import Results

VERSIONS = {0x304: '13', 0x303: '12', 0x302: '11', 0x301: '10', 0x300: 's3', 0x002: 's2'}
SERVER_NAME, SIGNATURE_ALGORITHMS, ALPN, SUPPORTED_VERSIONS = 0, 13, 16, 43


def no_duplicates(pairs):
    """JSON objects of tshark have the same key several times: each value becomes a list."""
    found = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def values(tree, name):
    """All values of that name, wherever they stand in the tree, in order."""
    if isinstance(tree, list):
        for item in tree:
            yield from values(item, name)
    elif isinstance(tree, dict):
        for key, items in tree.items():
            if key == name:
                yield from items
            else:
                yield from values(items, name)


def numbers(tree, name):
    """Without GREASE (RFC 8701)."""
    for value in values(tree, name):
        number = int(value, 0)
        if not (number & 0xf0f == 0xa0a and number >> 8 == number & 0xff):
            yield number


def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else '0' * 12


def words(codes):
    return ','.join(f'{code:04x}' for code in codes)


def alpn_of(name):
    data = name.encode()
    if not data:
        return '00'
    if all(chr(byte).isalnum() and byte < 0x80 for byte in (data[0], data[-1])):
        return name[0] + name[-1]
    return data.hex()[0] + data.hex()[-1]


def ja4_of(hello):
    extensions = {}
    types = list(numbers(hello, 'tls.handshake.extension.type'))
    for tree in extension_trees(hello):
        extensions.setdefault(int(next(values(tree, 'tls.handshake.extension.type')), 0), tree)
    versions = [int(next(values(hello, 'tls.handshake.version')), 0)]
    if SUPPORTED_VERSIONS in extensions:
        versions = list(numbers(extensions[SUPPORTED_VERSIONS], 'tls.handshake.extensions.supported_version'))
    protocols = list(values(extensions.get(ALPN, {}), 'tls.handshake.extensions_alpn_str'))
    ciphers = sorted(numbers(hello, 'tls.handshake.ciphersuite'))
    signatures = words(numbers(extensions.get(SIGNATURE_ALGORITHMS, {}), 'tls.handshake.sig_hash_alg'))
    listed = words(sorted(t for t in types if t not in (SERVER_NAME, ALPN)))
    return 't{}{}{:02}{:02}{}_{}_{}'.format(
        VERSIONS.get(max(versions, default=0), '00'), 'd' if SERVER_NAME in types else 'i', min(len(ciphers), 99),
        min(len(types), 99), alpn_of(protocols[0]) if protocols else '00', hash_of(words(ciphers)),
        hash_of(listed + ('_' + signatures if signatures and listed else '')))


def extension_trees(tree):
    """Each subtree that is one extension: it has a type of its own."""
    if isinstance(tree, list):
        for item in tree:
            yield from extension_trees(item)
    elif isinstance(tree, dict):
        if 'tls.handshake.extension.type' in tree:
            yield tree
        else:
            yield from extension_trees(list(tree.values()))


def hellos_of(tree):
    """Each handshake message that is a ClientHello; not those framed as in SSLv2, for which JA4 is not defined."""
    if isinstance(tree, list):
        for item in tree:
            yield from hellos_of(item)
    elif isinstance(tree, dict):
        if [int(kind, 0) for kind in tree.get('tls.handshake.type', [])] == [1]:
            if 'tls.handshake.cipher_suites_length' in tree:
                yield tree
        else:
            yield from hellos_of(list(tree.values()))


def first(tree, name):
    return next(values(tree, name), None)


def ends_of_packet(packet):
    """(client ip, client port, server ip, server port), innermost."""
    protocols = first(packet, 'frame.protocols').split(':')
    inner = next(name for name in reversed(protocols) if name in ('ip', 'ipv6'))
    source, destination = (list(values(packet, f'{inner}.{end}'))[-1] for end in ('src', 'dst'))
    return source, int(first(packet, 'tcp.srcport')), destination, int(first(packet, 'tcp.dstport'))


def expected_of(capture):
    """{(client ip, client port, server ip, server port): [JA4 of the first hello, of each connection in order]}"""
    done = subprocess.run(['tshark', '-n', '-r', capture, '-Y', 'tcp && tls.handshake.type == 1', '-T', 'json',
                           '-o', 'tcp.reassemble_out_of_order:TRUE'], capture_output=True, text=True, check=False)
    found, seen = {}, set()
    for packet in json.loads(done.stdout or '[]', object_pairs_hook=no_duplicates):
        stream = first(packet, 'tcp.stream')
        hello = next(hellos_of(packet), None)
        if hello is None or stream in seen:
            continue
        seen.add(stream)
        ends, mine, own = ends_of_packet(packet), ja4_of(hello), first(hello, 'tls.handshake.ja4')
        if own is not None and own != mine:
            raise SystemExit(f'{capture}: {ends}: tshark says {own}, {os.path.basename(__file__)} {mine}')
        found.setdefault(ends, []).append(mine)
    return found


def compare(program, capture):
    done = subprocess.run([program, 'read', '--all', '--json', capture], capture_output=True, text=True, check=False)
    expected = expected_of(capture)
    for record in map(json.loads, done.stdout.splitlines()):
        ends = ends_of(record)
        wanted, got = expected.get(ends, []), record.get('tls', {}).get('ja4')
        if got in wanted:
            wanted.remove(got)
            yield None
        elif got is not None or wanted:
            yield f'{os.path.basename(capture)}: {ends}: {got}, expected {wanted}'


def captures_of(path):
    if os.path.isdir(path):
        return sorted(glob.glob(os.path.join(path, '*.pcap*')) + glob.glob(os.path.join(path, '*', 'capture.pcap')))
    return [path]


def main():
    results = Results()
    for capture in (capture for path in sys.argv[2:] for capture in captures_of(path)):
        for wrong in compare(sys.argv[1], capture):
            results.check(wrong is None, wrong)
    return results.end()


if __name__ == '__main__':
    sys.exit(main())
