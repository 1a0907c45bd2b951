# The second half of the host arena, in all of its namespaces: give the root what a machine has below /proc, /sys and /dev, make
# it the only root there is, and start the inside without the capabilities that reach past namespaces.
#
# $1 work directory   $2... command of the inside. CGROUPS lists the controllers to mount (cgroup v1), or is "unified"; SHOWN
# lists paths on other filesystems, one a line; DROPPED lists capabilities as setpriv takes them.
set -eu
work=$1 root=$1/root
shift
echo "$HOSTNAME" > /proc/sys/kernel/hostname

# What a sysctl outside net/ says holds for the whole machine: the run gets a copy, where a write succeeds and stays. net/ and
# the random ids are the kernel's own. Files that can only be written (vm/drop_caches) are not copied.
mount -t proc proc "$root/proc"
mkdir "$work/sysctl"
for part in "$root"/proc/sys/*; do
    [ "${part##*/}" = net ] || cp -r "$part" "$work/sysctl" 2> /dev/null || :
done
mkdir "$work/sysctl/net"
mount --bind "$work/sysctl" "$root/proc/sys"
mount --bind /proc/sys/net "$root/proc/sys/net"
mount --bind /proc/sys/kernel/random "$root/proc/sys/kernel/random"
mount -o remount,bind,ro "$root/proc/sys/kernel/random"
for fixed in bus fs irq; do
    [ -d "$root/proc/$fixed" ] || continue
    mount --bind "$root/proc/$fixed" "$root/proc/$fixed"
    mount -o remount,bind,ro "$root/proc/$fixed"
done
for hidden in sysrq-trigger kcore; do
    [ ! -e "$root/proc/$hidden" ] || mount --bind /dev/null "$root/proc/$hidden"
done

mount -t sysfs -o ro sysfs "$root/sys"
if [ "$CGROUPS" = unified ]; then
    mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
    # A group with processes of its own cannot give its controllers to groups below it.
    mkdir "$root/sys/fs/cgroup/init"
    echo 0 > "$root/sys/fs/cgroup/init/cgroup.procs"
    for controller in $(cat "$root/sys/fs/cgroup/cgroup.controllers"); do
        echo "+$controller" > "$root/sys/fs/cgroup/cgroup.subtree_control" || :
    done
else
    mount -t tmpfs -o mode=755 cgroup "$root/sys/fs/cgroup"
    for controllers in $CGROUPS; do
        mkdir "$root/sys/fs/cgroup/$controllers"
        mount -t cgroup -o "$controllers" cgroup "$root/sys/fs/cgroup/$controllers"
    done
fi

# No disks: only what every program may expect.
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom tty kmsg; do
    [ ! -e "/dev/$device" ] || cp -a "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t mqueue mqueue "$root/dev/mqueue"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"

printf '%s' "$SHOWN" | while IFS= read -r shown; do
    if [ -d "$shown" ]; then mkdir -p "$root$shown"; else mkdir -p "$root${shown%/*}" && : >> "$root$shown"; fi
    mount --rbind "$shown" "$root$shown"
    mount -o remount,bind,ro "$root$shown"
done

mkdir -p "$root/.machine"
cd "$root"
pivot_root . .machine
cd /
umount -l /.machine
rmdir /.machine

exec 3<&0
setpriv --bounding-set "$DROPPED" --inh-caps "$DROPPED" -- "$@" <&3 &
inside=$!
# The run inside sees the same end of input and stops in order; what still runs after the grace is killed.
{ cat > /dev/null; sleep "$GRACE_S"; kill -KILL "$inside"; } <&3 2> /dev/null &
exec 3<&-
wait "$inside"
