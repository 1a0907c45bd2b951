#!/bin/sh
# A CNI plugin for gVisor: one veth pair a pod, and routes instead of a bridge.
#
# The CNI project's own plugins end on what gVisor refuses: bridge sets each port's hairpin flag, ptp names a source
# address in its routes (RTA_PREFSRC). Neither is needed. Here every pod's packets go through the node's own stack, so
# that its answers do, too: that is what lets kube-proxy's DNAT undo itself. Over a bridge they would go straight back.
#
# Configuration: "ipam" for host-local, the only plugin for addresses that it asks. The gateway of host-local's answer is
# put on the node's end of each pair.
set -u
config=$(cat)

field() { # $1 name of a string field; the first one in standard input
    tr -d '\n' | sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p"
}

version=$(printf '%s' "$config" | field cniVersion)

fail() { # $1 message; what was made so far is taken back
    [ -z "${made_link:-}" ] || ip link del "$node_end" 2> /dev/null
    [ -z "${made_address:-}" ] || printf '%s' "$config" | CNI_COMMAND=DEL ipam > /dev/null 2>&1
    printf '{"cniVersion": "%s", "code": 100, "msg": "routed-veth: %s"}\n' "$version" "$(printf '%s' "$1" | tr '\n"' ' .')"
    exit 1
}

ipam() { # host-local, looked for where the runtime says
    directories=$CNI_PATH:
    while [ -n "$directories" ]; do
        candidate=${directories%%:*}/host-local
        directories=${directories#*:}
        [ ! -x "$candidate" ] || { "$candidate"; return; }
    done
    echo "no host-local in $CNI_PATH"
    return 1
}

try() { # $@ a command; its words are the message if it fails
    said=$("$@" 2>&1) || fail "$*: $said"
}

in_pod() { nsenter --net="$CNI_NETNS" "$@"; }

# A name of an interface has at most 15 characters; the same container and interface always give the same one.
node_end=pod$(printf '%s' "${CNI_CONTAINERID:-}${CNI_IFNAME:-}" | cksum | cut -d ' ' -f 1)

case ${CNI_COMMAND:-} in
VERSION)
    echo '{"cniVersion": "1.0.0", "supportedVersions": ["0.4.0", "1.0.0"]}'
    ;;
ADD)
    answer=$(printf '%s' "$config" | ipam) || fail "addresses: $answer"
    made_address=yes
    address=$(printf '%s' "$answer" | field address)
    address=${address%/*}
    gateway=$(printf '%s' "$answer" | field gateway)
    [ -n "$address" ] && [ -n "$gateway" ] || fail "no address or no gateway in: $answer"
    try ip link add "$node_end" type veth peer name "${node_end}p"
    made_link=yes
    try ip link set "${node_end}p" netns "$CNI_NETNS"
    try in_pod ip link set "${node_end}p" name "$CNI_IFNAME"
    try in_pod ip addr add "$address/32" dev "$CNI_IFNAME"
    try in_pod ip link set "$CNI_IFNAME" up
    try ip addr add "$gateway/32" dev "$node_end"
    try ip link set "$node_end" up
    # gVisor takes a route's device from the request alone: without "dev" a route through a gateway leads nowhere.
    try in_pod ip route add "$gateway/32" dev "$CNI_IFNAME"
    try in_pod ip route add default via "$gateway" dev "$CNI_IFNAME"
    try ip route add "$address/32" dev "$node_end"
    # Pods reach each other and the node's services through the node's stack, which has to pass packets on.
    # (A fake file over it takes the 1 just as well, and nothing is ever passed on.)
    echo 1 > /proc/sys/net/ipv4/ip_forward || fail "net.ipv4.ip_forward cannot be set"
    cat << END
{
  "cniVersion": "$version",
  "interfaces": [{"name": "$CNI_IFNAME", "sandbox": "$CNI_NETNS"}],
  "ips": [{"interface": 0, "address": "$address/32", "gateway": "$gateway"}],
  "routes": [{"dst": "0.0.0.0/0", "gw": "$gateway"}]
}
END
    ;;
DEL)
    # Asked for again and again until it works, also for what is gone or was never there.
    ip link del "$node_end" 2> /dev/null
    answer=$(printf '%s' "$config" | ipam) || fail "addresses: $answer"
    ;;
CHECK)
    try ip link show "$node_end"
    ;;
*)
    fail "CNI_COMMAND ${CNI_COMMAND:-} is none of ADD, DEL, CHECK, VERSION"
    ;;
esac
