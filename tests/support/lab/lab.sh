#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The lab: a client, a server and a mirror port in network namespaces of their own, with a real HAProxy and a real
# private systemd-journald. For bash scripts that source it, and as a command (see lab_usage at the end).
#
#      client ns                server ns                          tap ns
#      c0 ────────────────────── s0 ──┐  tc mirred, both directions
#                                     ├─> m0 ─────────────────────── m1   <- the appliance, tcpdump
#      far ns      relay ns           │
#      f0 ── r0 [relay.py] r1 ── s1 ──┘  (lab_far_up: a path that loses and delays)
#
# or with the mirror in the middle of that path (lab_middle_up), so that both of its sides can lose and delay:
#
#      far ns      relay ns                          beyond ns                     server ns
#      f0 ── r0 [relay.py] r1 ────────────────────── q0 [relay.py] q1 ──────────── s1
#                           └─> m0 ── m1, or through a relay that loses: n0 ── n1 [relay.py] m0 ── m1
#
# Everything is called after the one directory that lab_up makes, so that labs can stand side by side and nothing
# that is there already is touched. lab_down takes all of it away again and may be called at any time, also twice.
#
#     . tests/support/lab/lab.sh
#     trap lab_down EXIT; trap 'exit 130' INT TERM
#     lab_up; lab_journal_up; lab_haproxy_up
#     lab_in client curl -sk "https://$LAB_SERVER4/"

# shellcheck disable=SC2034 # some are for whoever sources this
LAB_CODE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

LAB_SERVER4=192.0.2.1
LAB_SERVER6=2001:db8::1
LAB_CLIENT4=192.0.2.10 # and .11 to .19, to tell groups of clients apart
LAB_CLIENT6=2001:db8::10
LAB_FAR_SERVER4=198.51.100.1 # the server as the far client calls it
LAB_FAR_SERVER6=2001:db8:1::1
LAB_FAR4=198.51.100.10
LAB_FAR6=2001:db8:1::10
LAB_HTTP_PORT=443
LAB_ALT_PORT=8443

lab_say()
{
    echo "lab: $*" >&2
}

# --- namespaces, wires, mirror -------------------------------------------------------------------------------------

# lab_in ROLE COMMAND...: runs it in that namespace.
lab_in()
{
    local role=$1
    shift
    ip netns exec "$LAB-$role" "$@"
}

# lab_background NAME ROLE COMMAND...: starts it in the namespace of ROLE ("-": in this one), output to
# $LAB_DIR/NAME.log; the pid is in $LAB_DIR/NAME.pid, and lab_stop NAME or lab_down ends it. The command must be a
# program, for the pid to be its own.
lab_background()
{
    local name=$1 prefix=(ip netns exec "$LAB-$2")
    [ "$2" != - ] || prefix=()
    shift 2
    : >"$LAB_DIR/$name.log"
    "${prefix[@]}" "$@" >>"$LAB_DIR/$name.log" 2>&1 </dev/null &
    echo $! >"$LAB_DIR/$name.pid"
}

# lab_stop NAME: ends what lab_background started, or a daemon that wrote NAME.pid, and waits for its end.
lab_stop()
{
    local pidfile=$LAB_DIR/$1.pid pid
    [ -s "$pidfile" ] || return 0
    pid=$(head -n 1 "$pidfile")
    kill -TERM "$pid" 2>/dev/null || true
    lab_wait_until 5 lab_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -f "$pidfile"
}

# A zombie counts as gone: whoever started it will collect it.
lab_gone()
{
    case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) in
    '' | Z*) return 0 ;;
    esac
    return 1
}

# lab_wait_until SECONDS COMMAND...: until it succeeds.
lab_wait_until()
{
    local turns=$(($1 * 50))
    shift
    while ! "$@"; do
        [ $((turns -= 1)) -gt 0 ] || return 1
        sleep 0.02
    done
}

# No connection's first timeout is as long as an earlier one's slow round trips would make it.
lab_namespace()
{
    ip netns add "$LAB-$1"
    lab_in "$1" sysctl -qw net.ipv4.tcp_no_metrics_save=1
    lab_in "$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
        net.ipv6.conf.default.router_solicitations=0
    lab_in "$1" ip link set lo up
}

# lab_wire NS1 IF1 NS2 IF2: a veth between them. Without offloads, so that the mirror sees frames as a wire has them.
lab_wire()
{
    ip link add "$2" netns "$LAB-$1" type veth peer name "$4" netns "$LAB-$3"
    lab_wire_end "$1" "$2"
    lab_wire_end "$3" "$4"
}

lab_wire_end()
{
    lab_in "$1" ethtool -K "$2" tso off gso off gro off tx off rx off sg off >/dev/null
    lab_in "$1" ip link set "$2" up
}

# An end that only passes frames on must never speak itself.
lab_mute()
{
    lab_in "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1"
    lab_in "$1" ip link set "$2" arp off multicast off promisc on
}

# lab_address ROLE IF ADDRESS...: the first of each family is what connections go out from by default.
lab_address()
{
    local role=$1 interface=$2 address preferred=
    shift 2
    for address; do
        case $address in
        *:*) lab_in "$role" ip addr add "$address/64" dev "$interface" nodad ${preferred:+preferred_lft 0} && preferred=no ;;
        *) lab_in "$role" ip addr add "$address/24" dev "$interface" ;;
        esac
    done
}

# lab_mirror ROLE IF [PORT]: both directions of that interface go to the mirror port.
lab_mirror()
{
    local hook
    lab_in "$1" tc qdisc del dev "$2" clsact 2>/dev/null || true # what mirrored to a port that is gone
    lab_in "$1" tc qdisc add dev "$2" clsact
    for hook in ingress egress; do
        lab_in "$1" tc filter add dev "$2" "$hook" protocol all prio 1 \
            u32 match u32 0 0 action mirred egress mirror dev "${3:-m0}"
    done
}

# lab_mirror_port_up: the mirror's own wire; also to make it anew after lab_mirror_port_down.
lab_mirror_port_up()
{
    lab_wire server m0 tap m1
    lab_mute server m0
    lab_mute tap m1
    lab_mirror server s0
    if lab_in server test -e /sys/class/net/s1; then
        lab_mirror server s1
    fi
}

lab_mirror_port_down()
{
    lab_in server ip link del m0
}

# Neighbours are asked for once, now, so that no ARP stands between a SYN and its answer.
lab_meet()
{
    local role=$1 address
    shift
    for address; do
        lab_in "$role" curl -s -o /dev/null --max-time 1 "http://${address}:9/" || true
    done
}

lab_up()
{
    LAB_DIR=$(mktemp -d -t ss-lab-XXXXXX) || return 1
    LAB=ss-${LAB_DIR##*-}
    chmod 755 "$LAB_DIR"
    lab_save
    local role i addresses=()
    for role in client server tap; do
        lab_namespace "$role" || return 1
    done
    lab_wire client c0 server s0 || return 1
    lab_address server s0 "$LAB_SERVER4" "$LAB_SERVER6"
    for i in 0 1 2 3 4 5 6 7 8 9; do
        addresses+=("192.0.2.1$i" "2001:db8::1$i")
    done
    lab_address client c0 "${addresses[@]}"
    lab_mirror_port_up || return 1
    lab_meet client "$LAB_SERVER4" "[$LAB_SERVER6]"
}

# For whoever comes later, or speaks no bash.
lab_save()
{
    local name
    for name in LAB LAB_DIR LAB_SERVER4 LAB_SERVER6 LAB_CLIENT4 LAB_CLIENT6 LAB_FAR_SERVER4 LAB_FAR_SERVER6 \
        LAB_FAR4 LAB_FAR6 LAB_HTTP_PORT LAB_ALT_PORT LAB_JOURNAL_DIR LAB_JOURNAL_SOCKET; do
        echo "$name='${!name:-}'"
    done >"$LAB_DIR/env"
}

lab_load()
{
    # shellcheck disable=SC1091
    . "$1/env"
}

lab_down()
{
    [ -n "${LAB_DIR:-}" ] && [ -d "$LAB_DIR" ] || return 0
    local pidfile role
    for pidfile in "$LAB_DIR"/*.pid; do
        case ${pidfile##*/} in
        'journald.pid' | 'journal-stream.pid' | '*.pid') ;;
        *) lab_stop "$(basename "$pidfile" .pid)" ;;
        esac
    done
    lab_journal_down
    lab_starved_down
    for role in client server tap far relay beyond; do
        [ ! -e "/run/netns/$LAB-$role" ] || lab_namespace_down "$role"
    done
    rm -rf "$LAB_DIR"
    LAB_DIR=
}

# What still runs in the namespace was started from here and would keep it alive.
lab_namespace_down()
{
    local pids
    pids=$(ip netns pids "$LAB-$1")
    # shellcheck disable=SC2086 # a list
    [ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
    ip netns del "$LAB-$1"
}

# --- the path that loses and delays --------------------------------------------------------------------------------

# lab_far_up [RELAY-OPTION...]: a second client, behind a relay that drops, holds or delays (see relay.py). The mirror
# is at the server, so that it sees what a real one would.
# shellcheck disable=SC2120
lab_far_up()
{
    lab_namespace far
    lab_namespace relay
    lab_wire far f0 relay r0
    lab_wire server s1 relay r1
    lab_mute relay r0
    lab_mute relay r1
    lab_address far f0 "$LAB_FAR4" "$LAB_FAR6"
    lab_address server s1 "$LAB_FAR_SERVER4" "$LAB_FAR_SERVER6"
    lab_mirror server s1
    lab_relay
    lab_meet far "$LAB_FAR_SERVER4" "[$LAB_FAR_SERVER6]"
    lab_relay "$@"
}

# Relay options that lose a ClientHello as a whole. OpenSSL 3.5 needs two segments for it, of which the second is lost twice:
# itself, and the probe that would bring a quick recovery.
LAB_LOSE_CLIENT_HELLO=(--drop client_hello --drop 'client_hello:2*2')

# lab_relay [RELAY-OPTION...]: other rules from now on.
lab_relay()
{
    lab_relay_start relay relay r0 r1 "$@"
}

# lab_relay_start NAME ROLE CLIENT-SIDE SERVER-SIDE [RELAY-OPTION...]
lab_relay_start()
{
    local name=$1 role=$2 sides=(--client-side "$3" --server-side "$4")
    shift 4
    lab_stop "$name"
    lab_background "$name" "$role" ${LAB_PROMPTLY:-} python3 "$LAB_CODE/relay.py" "${sides[@]}" "$@"
    lab_wait_until 5 grep -qs '^ready' "$LAB_DIR/$name.log"
}

# lab_middle_up: the far client again, with one relay between it and the mirror (lab_relay), one between the mirror and the server
# (lab_relay_beyond), and one that the mirror's packets go through if told so (lab_relay_mirror).
lab_middle_up()
{
    local role
    for role in far relay beyond; do
        lab_namespace "$role"
    done
    lab_wire far f0 relay r0
    lab_wire relay r1 beyond q0
    lab_wire server s1 beyond q1
    lab_mirror_port_down
    lab_wire relay m0 tap m1
    lab_wire relay n0 relay n1
    lab_mute tap m1
    lab_mute beyond q0
    lab_mute beyond q1
    for role in r0 r1 m0 n0 n1; do
        lab_mute relay $role
    done
    lab_address far f0 "$LAB_FAR4" "$LAB_FAR6"
    lab_address server s1 "$LAB_FAR_SERVER4" "$LAB_FAR_SERVER6"
    lab_mirror relay r1
    lab_relay
    lab_relay_beyond
    lab_meet far "$LAB_FAR_SERVER4" "[$LAB_FAR_SERVER6]"
}

# shellcheck disable=SC2120
lab_relay_beyond()
{
    lab_relay_start beyond beyond q0 q1 "$@"
}

# lab_relay_mirror [RELAY-OPTION...]: what the tap sees goes through a relay; without options, it does not.
lab_relay_mirror()
{
    if [ $# = 0 ]; then
        [ ! -e "$LAB_DIR/mirror.pid" ] || lab_mirror relay r1
        lab_stop mirror
        return
    fi
    lab_relay_start mirror relay n1 m0 --mirror "$@"
    lab_mirror relay r1 n0
}

# --- the journal ---------------------------------------------------------------------------------------------------

# lab_journal_up: a journald of our own, as a journal namespace. LAB_JOURNAL_SOCKET takes syslog datagrams,
# LAB_JOURNAL_DIR is what a journal reader opens.
lab_journal_up()
{
    [ -s /etc/machine-id ] || systemd-machine-id-setup >/dev/null 2>&1
    printf '[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nSyncIntervalSec=1s\nForwardToWall=no\n' \
        >"/etc/systemd/journald@$LAB.conf"
    LAB_JOURNAL_DIR=/var/log/journal/$(cat /etc/machine-id).$LAB
    LAB_JOURNAL_SOCKET=/run/systemd/journal.$LAB/dev-log
    mkdir -p /var/log/journal "$LAB_JOURNAL_DIR"
    lab_save
    lab_background journald - /lib/systemd/systemd-journald "$LAB"
    lab_wait_until 10 test -S "/run/systemd/journal.$LAB/stdout" || return 1
    # It exits after 30 idle seconds unless a stream to it is open.
    lab_background journal-stream - python3 "$LAB_CODE/journal_stream.py" "/run/systemd/journal.$LAB/stdout"
    lab_wait_until 10 lab_journal_has_entries || return 1
}

lab_journal_has_entries()
{
    [ -n "$(journalctl -q --directory="$LAB_JOURNAL_DIR" -o cat -n 1 2>/dev/null)" ]
}

lab_journal_down()
{
    [ -n "${LAB_JOURNAL_DIR:-}" ] || return 0
    lab_stop journal-stream
    lab_stop journald
    rm -rf "${LAB_JOURNAL_DIR:?}" "/run/log/journal/$(cat /etc/machine-id).$LAB" "/run/systemd/journal.$LAB" \
        "/etc/systemd/journald@$LAB.conf"
    LAB_JOURNAL_DIR=
}

# --- HAProxy -------------------------------------------------------------------------------------------------------

# lab_certificate NAME [rsa|ecdsa]: NAME.pem (certificate and key in one) in LAB_DIR.
lab_certificate()
{
    local kind=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1)
    [ "${2:-ecdsa}" != rsa ] || kind=(-newkey rsa:2048)
    openssl req -x509 "${kind[@]}" -nodes -days 30 -subj "/CN=$1.example" \
        -addext "subjectAltName=DNS:$1.example,IP:$LAB_SERVER4,IP:$LAB_SERVER6,IP:$LAB_FAR_SERVER4" \
        -keyout "$LAB_DIR/$1.key" -out "$LAB_DIR/$1.crt" 2>/dev/null || return 1
    cat "$LAB_DIR/$1.crt" "$LAB_DIR/$1.key" >"$LAB_DIR/$1.pem"
}

# How HAProxy is made to log: the addresses of the wire, the accept time to the millisecond, the handshake's time.
# The names are those that the journal section of slowshake's configuration knows.
LAB_LOG_FORMAT='hs fe=%ft client_ip=%[fc_src] client_port=%[fc_src_port] server_ip=%[fc_dst] server_port=%[fc_dst_port] duration_ms=%Th accept=%Ts.%ms Ti=%Ti Tt=%Tt sslv=%sslv resumed=%[ssl_fc_is_resumed] status=%ST sni=%{+Q,+E}[ssl_fc_sni]'
LAB_ERROR_FORMAT='hs-error fe=%ft client_ip=%[fc_src] client_port=%[fc_src_port] server_ip=%[fc_dst] server_port=%[fc_dst_port] duration_ms=%Th accept=%Ts.%ms err=%[fc_err] why=%{+Q}[fc_err_str] sslerr=%[ssl_fc_err]'

# lab_haproxy_slow_only MS: the lines of a frontend that keep handshakes shorter than that out of the log.
lab_haproxy_slow_only()
{
    [ "$1" -gt 0 ] || return 0
    if haproxy -v | grep -q 'version 2\.'; then
        # no fetch for %Th before 2.9: take the time from the accept to the end of the handshake
        cat <<END
    tcp-request connection set-var(sess.t0) date(0,ms)
    tcp-request session set-var(sess.hs) date(0,ms),sub(sess.t0)
    http-request set-log-level silent unless { var(sess.hs) -m int ge $1 }
END
    else
        echo "    http-request set-log-level silent unless { fc.timer.handshake ge $1 }"
    fi
}

# lab_haproxy_frontend NAME PORT CERTIFICATE BIND-OPTIONS
lab_haproxy_frontend()
{
    cat <<END
frontend $1
    bind 0.0.0.0:$2 ssl crt $3 alpn h2,http/1.1 $4
    bind :::$2 v6only ssl crt $3 alpn h2,http/1.1 $4
    log-format "$LAB_LOG_FORMAT"
    error-log-format "$LAB_ERROR_FORMAT"
$(lab_haproxy_slow_only "$LAB_LOG_SLOWER_MS")
    http-request return status 200 content-type text/plain string "hello from the lab"

END
}

# lab_haproxy_up [LOG-SLOWER-MS]: ports 443 (ECDSA) and 8443 (RSA). With a number, only handshakes at least that slow
# are logged. LAB_BIND_OPTIONS adds to the bind lines.
# shellcheck disable=SC2120
lab_haproxy_up()
{
    LAB_LOG_SLOWER_MS=${1:-0}
    lab_certificate ecdsa ecdsa && lab_certificate rsa rsa || return 1
    {
        cat <<END
global
    log ${LAB_JOURNAL_SOCKET:-127.0.0.1:514} len 4096 local0
    maxconn 4096
    stats socket $LAB_DIR/haproxy.sock mode 600
    ssl-default-bind-options ssl-min-ver TLSv1.2
    tune.ssl.default-dh-param 2048

defaults
    mode http
    log global
    no option dontlognull
    timeout client 20s
    timeout server 20s
    timeout connect 5s
    timeout http-request 20s

END
        lab_haproxy_frontend web "$LAB_HTTP_PORT" "$LAB_DIR/ecdsa.pem" "${LAB_BIND_OPTIONS:-}"
        lab_haproxy_frontend alt "$LAB_ALT_PORT" "$LAB_DIR/rsa.pem" "${LAB_BIND_OPTIONS:-}"
    } >"$LAB_DIR/haproxy.cfg"
    if ! lab_in server haproxy -D -f "$LAB_DIR/haproxy.cfg" -p "$LAB_DIR/haproxy.pid" >"$LAB_DIR/haproxy.log" 2>&1; then
        cat "$LAB_DIR/haproxy.log" >&2
        return 1
    fi
}

# --- other peers ---------------------------------------------------------------------------------------------------

# lab_server NAME OPTION...: servers.py in the server's namespace, until lab_stop NAME.
lab_server()
{
    local name=$1
    shift
    [ -s "$LAB_DIR/ecdsa.pem" ] || lab_certificate ecdsa ecdsa || return 1
    lab_background "$name" server ${LAB_SERVING:-} python3 "$LAB_CODE/servers.py" --cert "$LAB_DIR/ecdsa.pem" "$@"
    lab_wait_until 5 grep -qs '^ready' "$LAB_DIR/$name.log"
}

# lab_clients OPTION...: clients.py in the client's namespace; a JSON line for each connection.
lab_clients()
{
    lab_in client python3 "$LAB_CODE/clients.py" "$@"
}

lab_far_clients()
{
    lab_in far python3 "$LAB_CODE/clients.py" "$@"
}

# lab_capture NS IF FILE: tcpdump until lab_stop capture. Nothing is lost: it is stopped only once all came through.
lab_capture()
{
    lab_background capture "$1" tcpdump -i "$2" -p -U -s 0 -B 65536 --immediate-mode \
        --time-stamp-precision=nano -w "$3" tcp
    lab_wait_until 10 grep -qs 'listening on' "$LAB_DIR/capture.log"
}

lab_capture_end()
{
    sleep 0.3
    lab_stop capture
}

# --- too little CPU ------------------------------------------------------------------------------------------------

# lab_starved_group MS [PERIOD-MS]: a cgroup that gets so many ms of one CPU in each period; its directory is in LAB_CGROUP.
lab_starved_group()
{
    local root period_us=$((${2:-100} * 1000)) quota_us=$(($1 * 1000))
    if root=$(lab_cgroup_root cgroup cpu); then
        LAB_CGROUP=$root/$LAB
        mkdir -p "$LAB_CGROUP"
        echo $period_us >"$LAB_CGROUP/cpu.cfs_period_us"
        echo $quota_us >"$LAB_CGROUP/cpu.cfs_quota_us"
    elif root=$(lab_cgroup_root cgroup2 ''); then
        LAB_CGROUP=$root/$LAB
        echo +cpu >"$root/cgroup.subtree_control" 2>/dev/null
        mkdir -p "$LAB_CGROUP"
        echo "$quota_us $period_us" >"$LAB_CGROUP/cpu.max"
    else
        lab_say "no cpu cgroup controller here"
        return 1
    fi
}

# lab_cgroup_root FSTYPE CONTROLLER: where it is mounted.
lab_cgroup_root()
{
    awk -v type="$1" -v controller="$2" '
        $3 == type && (controller == "" || ("," $4 ",") ~ ("," controller ",")) { print $2; found = 1; exit }
        END { exit !found }' /proc/mounts
}

# lab_starved_release: as much CPU as there is, from now on.
lab_starved_release()
{
    if [ -e "$LAB_CGROUP/cpu.cfs_quota_us" ]; then
        echo -1 >"$LAB_CGROUP/cpu.cfs_quota_us"
    else
        echo max >"$LAB_CGROUP/cpu.max"
    fi
}

lab_starved_down()
{
    [ -n "${LAB_CGROUP:-}" ] || return 0
    lab_wait_until 2 rmdir "$LAB_CGROUP" 2>/dev/null || lab_say "$LAB_CGROUP is still there"
    LAB_CGROUP=
}

# lab_starved_curls [COUNT] [PERCENT] [SOURCE]: that many curls at once, with that much of one CPU between them.
# Says on standard output, one curl a line: local port, seconds to connect, seconds to the end of the handshake.
lab_starved_curls()
{
    local count=${1:-8} percent=${2:-5} source=${3:-$LAB_CLIENT4} i pids=()
    lab_starved_group "$percent" || return 1
    for ((i = 0; i < count; i++)); do
        (
            echo "$BASHPID" >"$LAB_CGROUP/cgroup.procs" # before ip netns exec, whose /sys shows no cgroups
            exec ip netns exec "$LAB-client" curl -sk --interface "$source" --max-time 30 -o /dev/null \
                -w '%{local_port} %{time_connect} %{time_appconnect}\n' "https://$LAB_SERVER4:$LAB_HTTP_PORT/"
        ) &
        pids+=($!)
    done
    wait "${pids[@]}"
    lab_starved_down
}

# --- as a command --------------------------------------------------------------------------------------------------

lab_usage()
{
    cat <<'END'
lab.sh up [--far]             makes a lab with journal and HAProxy, prints its directory
lab.sh down DIR               takes it away
lab.sh in DIR ROLE COMMAND... runs a command in its namespace: client, server, tap, far or relay
lab.sh DIR FUNCTION ARG...    calls a function of this file, e.g. lab_relay --drop client_hello
DIR/env has its addresses and directories as shell variables.
END
}

lab_main()
{
    local verb=${1:-help}
    shift || true
    case $verb in
    up)
        trap lab_down EXIT
        trap 'exit 130' INT TERM
        lab_up && lab_journal_up && lab_haproxy_up || exit 1
        if [ "${1:-}" = --far ]; then
            lab_far_up || exit 1
        fi
        trap - EXIT
        echo "$LAB_DIR"
        ;;
    down)
        [ -e "$1/env" ] || exit 0
        lab_load "$1"
        lab_down
        ;;
    in)
        lab_load "$1"
        shift
        lab_in "$@"
        ;;
    /*)
        lab_load "$verb"
        "$@"
        ;;
    *) lab_usage ;;
    esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    lab_main "$@"
fi
