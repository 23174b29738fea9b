# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# For tests that run the appliance in a lab (tests/support/lab/lab.sh). A test is a program that gets slowshake as its argument, sources
# this, and ends with finish; whatever happens, what it made is taken away.
#
#     . "$(dirname "$0")/appliance.sh"
#     lab_up || exit 1
#     appliance_config config.json '{"slow": {"handshake": "200ms"}}'
#     appliance_start config.json
#     check "it says what is right" test 1 = 1
#     appliance_stop
#     finish

set -u
export PYTHONDONTWRITEBYTECODE=1
E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TREE=$(cd "$E2E/../.." && pwd)
PROGRAM=$(realpath "${1:?the program to test}")
PASSED=0
FAILED=0
# The tests share their CPUs with whatever else runs here; who measures time should not wait for a turn.
PROMPTLY=(chrt --rr 2)
"${PROMPTLY[@]}" true 2>/dev/null || PROMPTLY=()
HUGEPAGES=/sys/kernel/mm/hugepages/hugepages-2048kB
HUGEPAGES_WANTED=224
HUGEPAGES_ADDED=0
# shellcheck source=../support/lab/lab.sh
. "$TREE/tests/support/lab/lab.sh"

# --- results -------------------------------------------------------------------------------------------------------

# check WHAT COMMAND...: one test. What the command said is shown when it failed.
check()
{
    local what=$1
    shift
    if "$@" >"$LAB_DIR/check.out" 2>&1; then
        PASSED=$((PASSED + 1))
        return 0
    fi
    FAILED=$((FAILED + 1))
    echo "not so: $what"
    sed 's/^/    /' "$LAB_DIR/check.out"
    return 1
}

# checks WHAT COMMAND...: a command that tests several things and ends with "N passed, N failed".
checks()
{
    local what=$1 last
    shift
    "$@" >"$LAB_DIR/check.out" 2>&1
    last=$(tail -n 1 "$LAB_DIR/check.out")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        PASSED=$((PASSED + BASH_REMATCH[1])) FAILED=$((FAILED + BASH_REMATCH[2]))
        [ "${BASH_REMATCH[2]}" != 0 ] || return 0
        sed '$d' "$LAB_DIR/check.out" | sed "s/^/$what: /"
    else
        FAILED=$((FAILED + 1))
        sed "s/^/$what: /" "$LAB_DIR/check.out"
    fi
    return 1
}

finish()
{
    if [ $FAILED != 0 ] && [ -s "$LAB_DIR/slowshake.log" ]; then
        echo "slowshake said last:"
        tail -n 15 "$LAB_DIR/slowshake.log" | sed 's/^/    /'
    fi
    clean_up
    trap - EXIT
    echo "$PASSED passed, $FAILED failed"
    [ $FAILED = 0 ] && [ $PASSED != 0 ]
    exit
}

give_up()
{
    echo "gave up: $*"
    [ ! -s "${LAB_DIR:-/nonexistent}/slowshake.log" ] || tail -n 15 "$LAB_DIR/slowshake.log"
    echo "$PASSED passed, $((FAILED + 1)) failed"
    exit 1
}

clean_up()
{
    trap '' INT TERM HUP
    [ -n "${LAB_DIR:-}" ] || return 0
    local runtime=/var/run/dpdk/$LAB
    lab_stop slowshake
    if [ -n "${E2E_KEEP:-}" ]; then
        cp -r "$LAB_DIR" "$E2E_KEEP/"
    fi
    lab_down
    hugepages_give_back
    rm -rf "${runtime:?}"
}

trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# --- hugepages -----------------------------------------------------------------------------------------------------

# Only what is missing is added, and only what could be added is taken away: others may do the same at the same time.
hugepages_add()
{
    local before
    exec 9>/run/lock/slowshake-hugepages
    flock 9
    before=$(cat $HUGEPAGES/nr_hugepages)
    echo $((before + $1)) >$HUGEPAGES/nr_hugepages
    HUGEPAGES_ADDED=$((HUGEPAGES_ADDED + $(cat $HUGEPAGES/nr_hugepages) - before))
    exec 9>&-
}

hugepages_missing()
{
    echo $((HUGEPAGES_WANTED - $(cat $HUGEPAGES/free_hugepages)))
}

hugepages_are_free()
{
    [ "$(hugepages_missing)" -le 0 ] || hugepages_add "$(hugepages_missing)"
    [ "$(hugepages_missing)" -le 0 ]
}

# Others may have taken what was free a moment ago, and give it back.
hugepages_reserve()
{
    within 30 hugepages_are_free || give_up "$(hugepages_missing) of $HUGEPAGES_WANTED hugepages of 2 MiB are not to be had"
}

hugepages_give_back()
{
    [ "$HUGEPAGES_ADDED" = 0 ] || hugepages_add -"$HUGEPAGES_ADDED"
}

# --- the appliance -------------------------------------------------------------------------------------------------

# appliance_config NAME [JSON]: LAB_DIR/NAME, with JSON in place of what stands here by default (null: without that key).
appliance_config()
{
    local lcores=() change=${2:-}
    [ -n "$change" ] || change='{}'
    [ "$(nproc)" -gt 1 ] || lcores=("--lcores=0@0,1@0")
    EXPORT=$LAB_DIR/flows
    mkdir -p "$EXPORT"
    jq -n --arg prefix "--file-prefix=$LAB" --arg directory "$EXPORT" --argjson change "$change" '
        {sensor: "e2e", tap: "server", eal: (["--no-pci", "--in-memory", $prefix] + $ARGS.positional), ports: ["m1"],
         lcores: {control: 0, rx: [1], analyzers: [1]}, idle: "relax",
         history: {handshakes: {memory: "96MiB", per_flow: "32KiB"}, recent: {memory: "32MiB"}},
         flows: {max: 50000}, tls: {ports: [443, 8443]},
         export: {directory: $directory, journal: false, rate: 1000000}}
        + $change | del(.. | nulls)' --args "${lcores[@]}" >"$LAB_DIR/$1"
}

# The part of a configuration that reads the lab's journal.
journal_section()
{
    jq -n --arg directory "$LAB_JOURNAL_DIR" --arg cursor "$LAB_DIR/cursor" --arg least "$1" '
        {directory: $directory, matches: ["SYSLOG_IDENTIFIER=haproxy"], format: "haproxy", min_duration: $least, slack: "2s",
         hold: "5s", cursor_file: $cursor}'
}

# appliance_start NAME: on the mirror port, until it answers.
appliance_start()
{
    hugepages_reserve
    lab_background slowshake tap "${PROMPTLY[@]}" "$PROGRAM" -c "$LAB_DIR/$1"
    APPLIANCE=$(cat "$LAB_DIR/slowshake.pid")
    within 20 appliance_answers || give_up "slowshake does not answer"
    ! lab_gone "$APPLIANCE" || give_up "slowshake ended"
}

# Telemetry answers a little before the journals are open and the ports are polled. That it ended is an answer, too: no use waiting.
appliance_answers()
{
    lab_gone "$APPLIANCE" || { grep -q '^slowshake: ready' "$LAB_DIR/slowshake.log" && telemetry /slowshake/status >/dev/null 2>&1; }
}

telemetry()
{
    python3 "$TREE/tests/support/telemetry.py" "$LAB" "$@"
}

# appliance_end SIGNAL: its exit status is in STATUS.
appliance_end()
{
    kill -"$1" "$APPLIANCE" 2>/dev/null
    if ! lab_wait_until 20 lab_gone "$APPLIANCE"; then
        kill -KILL "$APPLIANCE"
    fi
    wait "$APPLIANCE" 2>/dev/null
    STATUS=$?
    rm -f "$LAB_DIR/slowshake.pid"
}

# A connection that has ended is forgotten two seconds later, and written once more if its record lacks packets. Waits for that, or for
# ten seconds where connections are left open.
ends_are_written()
{
    within 10 no_connection_is_known || true
    sleep 0.5
}

no_connection_is_known()
{
    telemetry /slowshake/status | jq -e '.flows.now == 0' >/dev/null
}

# within SECONDS COMMAND...: until it succeeds, however long it takes itself.
within()
{
    local end=$((SECONDS + $1))
    shift
    while ! "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

appliance_stop()
{
    appliance_end TERM
    check "slowshake ends with status 0 on SIGTERM" test $STATUS = 0
}

# Clients whose stalls are as long as they say, to be compared with what was measured.
prompt_clients()
{
    lab_in client nice -n -10 python3 "$LAB_CODE/clients.py" "$@"
}

# What of HAProxy the journal has, as journalctl counts.
journal_lines()
{
    journalctl -q --directory="$LAB_JOURNAL_DIR" -t haproxy -o cat | wc -l
}

# Records that were written so far, the last revision of each flow, as one JSON array.
records()
{
    find "$EXPORT" -name flows.jsonl -print0 | sort -z | xargs -0r cat |
        jq -s 'group_by(.id) | map(max_by(.revision // 0)) | sort_by(.start)'
}

record_count()
{
    records | jq length
}

has_records()
{
    [ "$(record_count)" -ge "$1" ]
}
