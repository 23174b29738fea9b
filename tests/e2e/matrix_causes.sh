# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The causes of test_matrix: what is done, and what is right to say of it.
#
#     cause NAME RIGHT TAP... [-- COMMAND...]     what does it is that command, or the function cause_NAME, with _ for -
#
# RIGHT is a verdict or several, "a|b" ("b?": with low confidence only), or such by TLS version, by tap, or by both (see
# check_matrix.py). TAP is where the appliance is told that the mirror is; told the server's side, there is next to nothing between
# the mirror and the server.
#
#     near, beyond, mirror RELAY-OPTION...   on the client's side of the mirror, on the server's, and on the mirror's way to the tap
#     clients OPTION...                      makes the runs; SERVERS and FAMILIES choose
#     on SIDE RELAY-OPTION...                one of the first three, then the runs
#     over FAMILIES COMMAND...               over one of 4 and 6 alone
#     slow_server MOMENT OPTION...           an OpenSSL server that stalls (servers.py), on port SLOW
#     last_has_waited BEFORE                 until the last of the runs in the background has waited as long as any stall; BEFORE
#                                            them there were so many connections already
declare -a CAUSES
declare -A RIGHT SEEN_FROM HOW

cause()
{
    local rest=${*:3}
    CAUSES+=("$1")
    RIGHT[$1]=$2
    SEEN_FROM[$1]=${rest%% -- *}
    HOW[$1]=cause_${1//-/_}
    [[ $rest != *' -- '* ]] || HOW[$1]=${rest#* -- }
}

on()
{
    "$@"
    clients
}

over()
{
    FAMILIES=$1 "${@:2}"
}

cause healthy none middle server client -- clients

# --- the client ----------------------------------------------------------------------------------------------------

# Who waits before it speaks is idle; a limit for hello_wait flags it.
cause client-before-hello idle middle server -- clients --stall-at hello --stall-ms $STALL
cause client-in-hello client middle server -- clients --stall-at hello-mid --stall-ms $STALL
cause client-before-finished client middle server client -- clients --stall-at finished --stall-ms $STALL

# As long as a lost Finished would take to come again: its identifications follow one another.
cause client-like-a-timeout client middle server -- over 4 clients --stall-at finished --stall-ms $TIMEOUT_MS

# Nothing numbers the packets of IPv6.
cause client-like-a-timeout-6 'client|loss' middle server -- over 6 clients --stall-at finished --stall-ms $TIMEOUT_MS

# Its kernel is gone, too: the ACK of the flight is the last that is heard of it.
cause client-dies client middle server
cause_client_dies()
{
    near --vanish flight_ack
    clients --stall-at finished --stall-ms $STALL --timeout 2 --may-fail --reset
}

# Its kernel goes on.
cause client-hangs client middle server
cause_client_hangs()
{
    clients --stall-at finished --stall-ms $STALL --hang --may-fail
    sleep 1.5
}

# From when its ClientHello is sent, all of them and a busy program have next to no CPU: a millisecond of each second lets one or two
# of them go on, at most.
cause client-starved client middle server
cause_client_starved()
{
    local before
    lab_starved_group 1 1000 || return
    lab_background busy - sh -c 'while :; do :; done'
    cat "$LAB_DIR/busy.pid" >"$LAB_CGROUP/cgroup.procs"
    before=$(connections)
    clients --starve "$LAB_CGROUP" &
    local clients=$!
    last_has_waited "$before"
    lab_starved_release
    lab_stop busy
    wait $clients
    lab_starved_down
}

# --- the server ----------------------------------------------------------------------------------------------------

cause server-before-hello server middle server client
cause_server_before_hello()
{
    slow_server server-hello
    SERVERS="$SLOW" clients
}

cause server-like-a-timeout server middle server
cause_server_like_a_timeout()
{
    slow_server server-hello --stall-ms $TIMEOUT_MS
    SERVERS="$SLOW" FAMILIES=4 clients
}

cause server-in-flight server middle server
cause_server_in_flight()
{
    slow_server flight
    SERVERS="$SLOW" clients
}

# TLS 1.2: before its ChangeCipherSpec; 1.3: before the last record of its flight.
cause server-before-finished server middle server
cause_server_before_finished()
{
    slow_server finished --tls 1.2
    SERVERS="$SLOW" clients --tls 1.2
    slow_server flight-end --tls 1.3
    SERVERS="$SLOW" clients --tls 1.3
}

# Its kernel acknowledges, and takes the connections.
cause server-process-stopped server middle server
cause_server_process_stopped()
{
    local server before
    for server in haproxy nginx openssl; do
        kill -STOP "$(cat "$LAB_DIR/$server.pid")"
    done
    before=$(connections)
    clients &
    last_has_waited "$before"
    for server in haproxy nginx openssl; do
        kill -CONT "$(cat "$LAB_DIR/$server.pid")"
    done
    wait $!
}

# The whole server is stopped: nothing comes from it, and what was sent to it is there when it goes on. Nobody can tell that from its
# path, but who is beside it.
cause server-stopped-before-syn server=server,middle=server_path middle server -- on beyond --pause syn=$STALL
cause server-stopped-before-hello server=server,middle=server_path middle server -- on beyond --pause client_hello=$STALL

# In TLS 1.3 the handshake ends with the Finished, which the tap has seen by then.
cause server-stopped-before-finished server/1.2=server,middle/1.2=server_path,1.3=none middle server -- \
    on beyond --pause finished=$STALL

# --- loss on the client's side --------------------------------------------------------------------------------------

# What is lost before the tap leaves no trace when it was the first packet.
cause lost-syn-near none middle server -- on near --drop syn
cause lost-syn-ack-near loss middle server -- on near --drop synack
cause lost-client-hello-near loss middle server -- over 4 on near "${LAB_LOSE_CLIENT_HELLO[@]}"
cause lost-client-hello-near-6 'loss|idle' middle server -- over 6 on near "${LAB_LOSE_CLIENT_HELLO[@]}"

# Two copies each: the first, and the one that a quick recovery sends.
cause lost-server-hello-near loss middle server -- on near --drop 'server_flight:1*2'
cause lost-flight-end-near loss middle server -- on near --drop 'server_flight:last*2'

# In TLS 1.3 a request follows it at once, and gets through.
cause lost-finished-near loss middle server -- over 4 on near --drop 'finished*2'
cause lost-finished-near-6 loss middle server -- over 6 on near --drop 'finished*2'

# Nothing follows it. Where GnuTLS has sent its ChangeCipherSpec of TLS 1.3 apart, the recovery is quick, and nothing slow. Where
# nothing numbers its packets, a client that had been busy before looks like one that was busy all the time.
cause lost-finished-alone-near '1.2=loss,1.3=loss|none' middle server -- over 4 lost_finished_alone
cause lost-finished-alone-near-6 '1.2=loss|client?,1.3=loss|none|client?' middle server -- over 6 lost_finished_alone
lost_finished_alone()
{
    near --drop finished
    clients --stall-at request --stall-ms 600
}

# The same of clients that have been busy for 60 ms. In TLS 1.3 the request would follow.
cause lost-late-finished-near loss middle server -- over 4 lost_late_finished
cause lost-late-finished-near-6 'loss|client?' middle server -- over 6 lost_late_finished
lost_late_finished()
{
    near --drop finished
    clients --tls 1.2 --stall-at finished --stall-ms 60
}

# --- loss on the server's side -------------------------------------------------------------------------------------

cause lost-syn-beyond loss middle client -- on beyond --drop syn
cause lost-syn-ack-beyond loss middle client -- on beyond --drop synack
cause lost-client-hello-beyond loss middle client -- on beyond "${LAB_LOSE_CLIENT_HELLO[@]}"
cause lost-server-hello-beyond loss middle client -- on beyond --drop 'server_flight:1*2'
cause lost-flight-end-beyond loss middle client -- over 4 on beyond --drop 'server_flight:last*2'
cause lost-flight-end-beyond-6 loss middle client -- over 6 on beyond --drop 'server_flight:last*2'

# In TLS 1.3 the tap has seen the end of the handshake before it is lost.
cause lost-finished-beyond 1.2=loss,1.3=none middle client -- on beyond --drop finished

# --- delay ---------------------------------------------------------------------------------------------------------

cause delay-near client_path middle server -- on near --up-ms 100 --down-ms 100
cause delay-beyond server_path middle client -- on beyond --up-ms 100 --down-ms 100
cause jitter-near client_path middle server -- on near --up-ms 60 --down-ms 60 --jitter-ms 120
cause jitter-beyond server_path middle client -- on beyond --up-ms 60 --down-ms 60 --jitter-ms 120

# A delay that comes once: a packet and all that follows it are late.
cause late-flight-near client_path middle server -- on near --pause server_flight=300
cause late-flight-beyond server_path middle client -- on beyond --pause server_flight=300
cause late-finished-near client_path middle server -- on near --pause finished=300
cause late-finished-beyond 1.2=server_path,1.3=none middle client -- on beyond --pause finished=300

# 40 kB of certificates wait for acknowledgements of what was sent before.
cause long-chain-near client_path middle server
cause_long_chain_near()
{
    near --up-ms 50 --down-ms 50
    SERVERS=$LONG_CHAINS clients
}

cause long-chain-beyond server_path middle client
cause_long_chain_beyond()
{
    beyond --up-ms 50 --down-ms 50
    SERVERS=$LONG_CHAINS clients
}

# --- the mirror ----------------------------------------------------------------------------------------------------

cause mirror-loses-some 'none|tap' middle server -- on mirror --lose 8
cause mirror-loses-client-hello 'none|tap' middle server -- on mirror --drop client_hello
cause mirror-loses-server-hello 'none|tap' middle server -- on mirror --drop server_flight:1
cause mirror-loses-flight-ack 'none|tap' middle server -- on mirror --drop flight_ack
cause mirror-loses-finished 'none|tap' middle server -- on mirror --drop finished

# And nothing more is said for longer than a handshake may be unfinished.
cause mirror-loses-finished-alone 'none|tap' middle server
cause_mirror_loses_finished_alone()
{
    mirror --drop finished
    clients --stall-at request --stall-ms 2000
}

# What is slow for another reason, which remains visible, or not.
cause mirror-loses-some-of-slow-path 'none|tap|client_path' middle server
cause_mirror_loses_some_of_slow_path()
{
    near --up-ms 100 --down-ms 100
    mirror --lose 8
    clients
}

cause mirror-loses-some-of-slow-client 'none|tap|client' middle server
cause_mirror_loses_some_of_slow_client()
{
    mirror --lose 8
    clients --stall-at finished --stall-ms $STALL
}

cause mirror-loses-some-of-slow-server 'none|tap|server|server_path' middle server
cause_mirror_loses_some_of_slow_server()
{
    slow_server server-hello
    mirror --lose 8
    SERVERS="$SLOW" clients
}
