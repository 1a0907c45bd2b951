#!/bin/sh
# iptables for gVisor: hands rules to iptables-legacy in the words that gVisor's netfilter knows.
#
# gVisor (2026-09) has the matches tcp, udp, mark, multiport and owner, and neither MARK nor MASQUERADE. One rule with
# another match makes kube-proxy's whole pass fail. So each rule loses what it can do without, and a rule that would mean
# something else then is left out:
#
#   comment, nfacct, recent --set   the match goes, the rule stays
#   conntrack --ctstate NEW         goes: the chains behind it choose by address and port anyway
#   conntrack, any other state      the rule goes: accepting is the default, and dropping needs the state
#   addrtype --dst-type LOCAL       goes in the jump to KUBE-NODEPORTS, else the rule goes, as for --src-type
#   recent --rcheck                 the rule goes: no session affinity
#   statistic                       becomes a share of the source ports: connections, not packets, are spread, as before
#   MARK, MASQUERADE                the rule goes: sources are not hidden, so a pod does not reach itself by a service
#
# Called by the name of any program of the family; a rule that was left out counts as there when somebody checks.
set -uf
name=${0##*/}
legacy=${IPTABLES_DIRECTORY:-/usr/sbin}/$(printf '%s' "$name" | sed 's/tables/tables-legacy/')

# shellcheck disable=SC2016
translate='
BEGIN { EPHEMERAL = 16000 } # gVisor gives out ports from here to 65535
function restart() { kept = 0; gone = 0; share = 0 }
function keep(word) { out[++kept] = word }
function take(words, count,    i, target, match_name, state, inverted) {
    restart()
    for (i = 1; i <= count; i++) if (words[i] == "-j") target = words[i + 1]
    if (target == "MARK" || target == "MASQUERADE") gone = 1
    for (i = 1; i <= count; i++) {
        if (words[i] != "-m") { keep(words[i]); continue }
        match_name = words[i + 1]
        if (match_name == "comment" || match_name == "nfacct") i += 3
        else if (match_name == "conntrack") {
            i += 2
            inverted = words[i] == "!"; if (inverted) i++
            state = words[++i]
            if (inverted || state != "NEW") gone = 1
        } else if (match_name == "addrtype") {
            if (words[i + 2] != "--dst-type" || target != "KUBE-NODEPORTS") gone = 1
            i += 3
        } else if (match_name == "statistic") { share = words[i + 5]; i += 5 }
        else if (match_name == "recent") {
            for (i += 2; words[i + 1] ~ /^--|^[0-9]/ || words[i] == "--name"; i++) if (words[i + 1] == "--rcheck") gone = 1
        } else keep(words[i])
    }
}
function split_line(line, words,    count) {
    count = 0
    while (match(line, /^[ \t]*("[^"]*"|[^ \t]+)/)) {
        words[++count] = substr(line, RSTART, RLENGTH)
        sub(/^[ \t]+/, "", words[count])
        line = substr(line, RSTART + RLENGTH)
    }
    return count
}
function show(more,    i, line) {
    line = out[1] " " out[2] more
    for (i = 3; i <= kept; i++) line = line " " out[i]
    print line
}
mode == "words" { words[NR] = $0; next }
!/^-[AID] / { print; next }
{
    count = split_line($0, words)
    take(words, count)
    if (gone) next
    if (out[2] != chain) { chain = out[2]; first = 0; free = EPHEMERAL }
    if (!share) { show(""); next }
    # Of the ports that a client is given, those left over by the rules before this one in the chain.
    free += int((65536 - free) * share)
    show(" -p tcp --sport " first ":" free - 1)
    show(" -p udp --sport " first ":" free - 1)
    first = free
}
END { if (mode == "words") { take(words, NR); if (gone) exit 3; for (i = 1; i <= kept; i++) print out[i] } }
'

case $name in
*-restore)
    awk "$translate" | "$legacy" "$@"
    ;;
*-save)
    exec "$legacy" "$@"
    ;;
*)
    if ! words=$(printf '%s\n' "$@" | awk -v mode=words "$translate"); then
        case " $* " in *" -D "*) exit 1 ;; *) exit 0 ;; esac
    fi
    IFS='
'
    # shellcheck disable=SC2086
    exec "$legacy" $words
    ;;
esac
