#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""check_proxies.py TRUTH RECORDS UNMATCHED: whether each connection has the report of its proxy, and no other has.

TRUTH is what proxies_clients.py said, RECORDS what slowshake read --all --json did. Ends with "N passed, N failed".
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from records import connection_of, lines_of
from results import Results

HTTP, TCP, HTTPLOG, TCPLOG, PROXIED, SILENT, NGINX, NGINX_STREAM, NGINX_PROXIED = range(7001, 7010)
HOSTS = {port: 'edge-a' if port < NGINX else 'edge-b' for port in range(HTTP, NGINX_PROXIED + 1)}
MEASURED = (HTTP, TCP, PROXIED, SILENT)
FAILED = ('rejects', 'leaves', 'hangs')


def reported(truth):
    """Whether the proxy says anything of such a connection, by its configuration."""
    return truth['port'] != SILENT or truth['kind'] != 'fine'


def has_port(truth):
    """nginx's error log has no port."""
    return truth['kind'] not in FAILED or truth['port'] not in (NGINX, NGINX_PROXIED)


def is_doubtful(truth):
    """One of two at the same time. The first line may come while the other handshake has not ended, the second does not."""
    return not truth['alone'] and not has_port(truth)


def check_doubtful(results, records, unmatched):
    reports = len([record for record in records if 'proxy' in record])
    results.check(reports < len(records), f'{reports} reports: what is in doubt was guessed')
    results.equal([(event['reason'], event.get('candidates')) for event in unmatched],
                  [('ambiguous', len(records))] * (len(records) - reports), 'what is left over')


def check_report(results, truth, proxy, what):
    results.equal(proxy['host'], HOSTS[truth['port']], f'{what}: host')
    results.equal(proxy.get('failed', False), truth['kind'] in FAILED, f'{what}: failed')
    results.equal(proxy.get('no_port', False), not has_port(truth), f'{what}: no port')
    if truth['kind'] == 'slow' and truth['port'] in MEASURED:
        results.check(290e6 < proxy.get('duration_ns', 0) < 600e6, f'{what}: lasted not as long as the stall: {proxy}')
    if truth['kind'] == 'slow' and truth['port'] not in MEASURED:
        results.check('duration_ns' not in proxy, f'{what}: has a duration')
    results.check(proxy.get('duration_ns', 0) < 1e9, f'{what}: lasted as long as another client said: {proxy}')
    if 'proxied' in truth and has_port(truth):
        fields = proxy['fields']
        results.equal((fields['proxied_client_ip'], fields['proxied_client_port'], fields['client_port']),
                      (truth['proxied'][0], str(truth['proxied'][1]), str(truth['client'][1])), f'{what}: both clients')


def check_one(results, truth, record):
    what = json.dumps(truth)
    results.check(record, f'{what}: no handshake')
    if not record:
        return
    proxy = record.get('proxy')
    if not is_doubtful(truth):
        results.equal(proxy is not None, reported(truth), f'{what}: a report, which is {proxy}')
    if proxy:
        check_report(results, truth, proxy, what)
    if 'proxied' in truth:
        results.equal(record['proxied']['client'], dict(zip(('ip', 'port'), truth['proxied'])), f'{what}: the header on the wire')


def main(truth_path, records_path, unmatched_path):
    results = Results()
    records = {connection_of(record): record for record in lines_of(records_path)}
    truths = lines_of(truth_path)
    results.equal(len({(*t['client'], t['port']) for t in truths}), len(truths), 'ports that were not used twice')
    for truth in truths:
        check_one(results, truth, records.get((*truth['client'], truth['port'])))
    check_doubtful(results, [records[(*truth['client'], truth['port'])] for truth in truths if is_doubtful(truth)],
                   lines_of(unmatched_path))
    return results.end()


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
