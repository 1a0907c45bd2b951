# Between root.sh and what follows it: /etc/ld.so.cache is the machine's and knows nothing of the layer's libraries, so ld.so looks
# for each of them in a dozen directories at every start of a program, and every look wakes the interceptor. A cache of both is
# made here, in some 30 ms, and not with the layer: kept with it, it would be out of date as soon as the machine's libraries change.
#
# It is taken only if nothing but libraries of the layer was added. Otherwise the machine's cache was made in another way than by a
# plain ldconfig, or before its latest libraries came; it stays, and so does whatever each program finds by it. It stays as well
# where there is no ldconfig. A library that a cache names and that is gone is searched for by ld.so, as if not named.
both=/etc/ld.so.cache.both
ldconfig() { chroot "$work/root" /sbin/ldconfig "$@"; }
# Of a library's several files the first counts. /lib in the caches may be /usr/lib in the layer.
only_the_layer_adds() {
    {
        (cd "$layer" && find . -name '*.so*')
        echo
        ldconfig -p -C /etc/ld.so.cache
        echo
        ldconfig -p -C "$both"
    } | awk -F ' => ' '
        function plain(path) { sub(/^[.]?(\/usr)?/, "", path); return path }
        /^$/ { part++; next }
        !part { of_layer[plain($0)]; next }
        NF == 2 && part == 1 && !($1 in old) { old[$1] = $2 }
        NF == 2 && part == 2 && !($1 in new) { new[$1] = $2 }
        END {
            for (name in old) if (new[name] != old[name]) exit 1
            for (name in new) if (!(name in old) && !(plain(new[name]) in of_layer)) exit 1
        }'
}
if [ -n "$layer" ] && [ -e "$work/root/etc/ld.so.cache" ] && ldconfig -X -C "$both" && only_the_layer_adds; then
    mv "$work/root$both" "$work/root/etc/ld.so.cache"
fi 2> /dev/null
rm -f "$work/root$both"
