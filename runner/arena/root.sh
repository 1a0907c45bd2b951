# Runs as the first process of private PID, mount and network namespaces; when it ends, for whatever reason, the kernel
# ends every process in them, unmounts all of it and drops the network. That is the whole clean-up.
#
# $1 work directory (becomes a tmpfs)   $2 layer directory or empty   $3... for what follows
# Standard input is the lifeline: it ends when the runner ends. MASKED lists directories that start out empty inside,
# TMPFS_SIZE limits what a run may write.
set -eu
work=$1 layer=$2
shift 2
mount -t proc proc /proc
mount -t tmpfs -o "size=$TMPFS_SIZE" tmpfs "$work"
mkdir "$work/upper" "$work/overlay" "$work/root"
[ -z "$layer" ] || cp -a "$layer/." "$work/upper/"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/overlay" "$work/root"
for masked in $MASKED; do
    rm -rf "$work/root$masked"
    mkdir -p "$work/root$masked"
done
printf '127.0.0.1 localhost\n::1 localhost\n%s %s\n' "$ADDRESS" "$HOSTNAME" > "$work/root/etc/hosts"
# The sandbox gets a network namespace other than its starter's: gVisor of 2022 refuses to take over the starter's own.
touch "$work/net"
unshare --net="$work/net" true
ip() { nsenter --net="$work/net" chroot "$work/root" ip "$@"; }
ip link set lo up
# A pair of which one end has the address; the other stays outside the sandbox, in a namespace that leads nowhere: k3s wants
# an address and a default route, and no packet of a run may ever leave it.
outside() { chroot "$work/root" ip "$@"; }
touch "$work/root/run/net"
mount --bind "$work/net" "$work/root/run/net"
outside link add far type veth peer name eth0 netns /run/net
umount "$work/root/run/net"
rm "$work/root/run/net"
outside link set far up
[ -z "${REACHABLE:-}" ] || outside addr add "$GATEWAY/24" dev far
ip addr add "$ADDRESS/24" dev eth0
ip link set eth0 up
ip route add default via "$GATEWAY" dev eth0
