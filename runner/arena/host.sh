# After root.sh: enter the run's cgroups and the network namespace that root.sh made, keeping the process id 1, and go on with
# INSIDE_NETWORK. GROUPS_OF_RUN lists the run's cgroup directories, one a line; the cgroup namespace makes them its roots.
printf '%s' "$GROUPS_OF_RUN" | while IFS= read -r group; do echo $$ > "$group/cgroup.procs"; done
exec unshare --cgroup nsenter --net="$work/net" sh -c "$INSIDE_NETWORK" runner-host "$work" "$@"
