"""A stand-in of k3s: its start-up in miniature, with real system calls, in the same order and the same words.

Real k3s is a large download and needs 15 s for the interesting part of its start. This program makes the same demands
on the sandbox (cgroup mounts, host-local, /dev/kmsg, sysctls, iptables, a vxlan device, SQLite on its file system)
and prints k3s's lines when they are refused, so that steps, views and rules can be tried in seconds. Its first line
names it.

It must never simulate a refusal: each blocker is the kernel's or a program's own answer, and it must not print a line
for something it did not do. What it leaves out (certificates, containerd, pods, TLS) is left out of its output too.

Only the standard library is imported: it starts inside the sandbox, where every import costs.
"""
