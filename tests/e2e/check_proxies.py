#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""check_proxies.py TRUTH RECORDS UNMATCHED: whether each connection has the report of its proxy, and no other has.

TRUTH is what proxies_clients.py said, RECORDS what slowshake read --all --json did. Ends with "N passed, N failed".
"""
import json
import sys

HTTP, TCP, HTTPLOG, TCPLOG, PROXIED, SILENT, NGINX, NGINX_STREAM, NGINX_PROXIED = range(7001, 7010)
HOSTS = {port: 'edge-a' if port < NGINX else 'edge-b' for port in range(HTTP, NGINX_PROXIED + 1)}
MEASURED = (HTTP, TCP, PROXIED, SILENT)
FAILED = ('rejects', 'leaves', 'hangs')

passed = failed = 0


def check(what, holds):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print('not so:', what)


def lines_of(path):
    with open(path, encoding='utf-8') as file:
        return [json.loads(line) for line in file]


def reported(truth):
    """Whether the proxy says anything of such a connection, by its configuration."""
    return truth['port'] != SILENT or truth['kind'] != 'fine'


def has_port(truth):
    """nginx's error log has no port."""
    return truth['kind'] not in FAILED or truth['port'] not in (NGINX, NGINX_PROXIED)


def is_doubtful(truth):
    """One of two at the same time. The first line may come while the other handshake has not ended, the second does not."""
    return not truth['alone'] and not has_port(truth)


def check_doubtful(records, reasons):
    reports = len([record for record in records if 'proxy' in record])
    check(f'what is in doubt is not guessed: {reports} reports', reports < len(records))
    check(f'nothing else is left over: {reasons}', reasons == ['ambiguous'] * (len(records) - reports))


def check_report(truth, proxy, what):
    check(f'{what}: of {HOSTS[truth["port"]]}', proxy['host'] == HOSTS[truth['port']])
    check(f'{what}: failed or not', proxy.get('failed', False) == (truth['kind'] in FAILED))
    if truth['kind'] == 'slow' and truth['port'] in MEASURED:
        check(f'{what}: lasted as long as the stall', 290e6 < proxy.get('duration_ns', 0) < 600e6)
    if truth['kind'] == 'slow' and truth['port'] not in MEASURED:
        check(f'{what}: no duration', 'duration_ns' not in proxy)
    if 'proxied' in truth and has_port(truth):
        fields = proxy['fields']
        check(f'{what}: both clients', (fields['proxied_client_ip'], fields['proxied_client_port']) ==
              (truth['proxied'][0], str(truth['proxied'][1])) and fields['client_port'] == str(truth['client'][1]))


def check_one(truth, record):
    what = json.dumps(truth)
    check(f'{what}: a handshake', record)
    if not record:
        return
    proxy = record.get('proxy')
    if not is_doubtful(truth):
        check(f'{what}: {"a" if reported(truth) else "no"} report, not {proxy}', (proxy is not None) == reported(truth))
    if proxy:
        check_report(truth, proxy, what)
    if 'proxied' in truth:
        check(f'{what}: the header on the wire', record['proxied']['client'] == dict(zip(('ip', 'port'), truth['proxied'])))


def main(truth_path, records_path, unmatched_path):
    records = {(r['client']['ip'], r['client']['port'], r['server']['port']): r for r in lines_of(records_path)}
    truths = lines_of(truth_path)
    check('no port was used twice', len({(*t['client'], t['port']) for t in truths}) == len(truths))
    for truth in truths:
        check_one(truth, records.get((*truth['client'], truth['port'])))
    check_doubtful([records[(*truth['client'], truth['port'])] for truth in truths if is_doubtful(truth)],
                   [event['reason'] for event in lines_of(unmatched_path)])
    print(f'{passed} passed, {failed} failed')


if __name__ == '__main__':
    main(*sys.argv[1:])
