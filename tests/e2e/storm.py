#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Slow handshakes that never were, as journal entries in export format on standard output, at a steady rate."""
import argparse
import sys
import time

TICK_S = 0.05


def entry(number):
    now = time.time()
    client = f'203.0.{number >> 8 & 0xff}.{number & 0xff}'
    message = (f'hs fe=web client_ip={client} client_port={1024 + number % 60000} server_ip=198.51.100.1 server_port=443 '
               f'duration_ms=1500 accept={now - 1.5:.3f} storm={number}')
    return (f'__REALTIME_TIMESTAMP={int(now * 1e6)}\n__MONOTONIC_TIMESTAMP={time.monotonic_ns() // 1000}\n'
            f'_BOOT_ID=0123456789abcdef0123456789abcdef\n_HOSTNAME=storm\nSYSLOG_IDENTIFIER=haproxy\nMESSAGE={message}\n\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--rate', type=int, required=True)
    parser.add_argument('--seconds', type=int, required=True)
    options = parser.parse_args()
    begin, sent, total = time.monotonic(), 0, options.rate * options.seconds
    while sent < total:
        due = min(total, int((time.monotonic() - begin) * options.rate) + 1)
        sys.stdout.write(''.join(entry(number) for number in range(sent, due)))
        sys.stdout.flush()
        sent = due
        time.sleep(TICK_S)


if __name__ == '__main__':
    main()
