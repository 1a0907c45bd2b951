# After root.sh and libraries.sh: start the sandbox over the root that it made.
#
# $1 runsc   $2... runsc's flags; BUNDLE is the OCI bundle's config.json.
runsc=$1
shift
mkdir "$work/bundle" "$work/state"
printf '%s' "$BUNDLE" > "$work/bundle/config.json"
exec 3<&0
"$runsc" --root "$work/state" "$@" run --bundle "$work/bundle" run <&3 &
sandbox=$!
# The run inside sees the same end of input and stops in order; what still runs after the grace is killed.
{ cat > /dev/null; sleep "$GRACE_S"; kill -KILL "$sandbox"; } <&3 2> /dev/null &
exec 3<&-
wait "$sandbox"
