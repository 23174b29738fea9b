# SPDX-License-Identifier: BSD-3-Clause
"""Packets of captures as others read them: tshark says which belong to a connection, editcap makes plain pcap of anything."""
import struct
import subprocess

ETHERNET = 1


def frames_of(path):
    """[(time in ns, bytes)] of a capture of any kind."""
    pcap = subprocess.run(['editcap', '-F', 'nsecpcap', path, '-'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout
    frames, at = [], 24
    while at < len(pcap):
        seconds, fraction, captured, _ = struct.unpack_from('<IIII', pcap, at)
        frames.append((seconds * 10**9 + fraction, pcap[at + 16:at + 16 + captured]))
        at += 16 + captured
    return frames


def write(path, link, frames):
    """[(time in ns, bytes)] as a pcap file of that link type."""
    with open(path, 'wb') as file:
        file.write(struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 262144, link))
        for ns, frame in frames:
            file.write(struct.pack('<IIII', ns // 10**9, ns % 10**9, len(frame), len(frame)) + frame)


def tshark(path, *fields):
    """A tuple of fields for each frame."""
    command = ['tshark', '-n', '-r', path, '-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=a']
    for field in fields:
        command += ['-e', field]
    lines = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout
    return [tuple(line.split('\t')) for line in lines.splitlines()]


def connections_of(path):
    """{(client ip, client port): [[(time in ns, bytes)], ...]}: the packets of each connection, in the order of their times, as tshark
    tells connections apart: a port may be used again. The client is the one whose port is the higher."""
    frames, streams = frames_of(path), {}
    rows = tshark(path, 'tcp.stream', 'ip.src', 'ipv6.src', 'ip.dst', 'ipv6.dst', 'tcp.srcport', 'tcp.dstport')
    for frame, (stream, src4, src6, dst4, dst6, src_port, dst_port) in zip(frames, rows):
        if stream:
            ends = [(src4 or src6, int(src_port)), (dst4 or dst6, int(dst_port))]
            streams.setdefault((max(ends, key=lambda end: end[1]), stream), []).append(frame)
    connections = {}
    for (client, _), packets in streams.items():
        packets.sort(key=lambda packet: packet[0]) # two CPUs may stamp and deliver in different orders
        connections.setdefault(client, []).append(packets)
    return connections
