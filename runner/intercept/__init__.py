"""Interception: starts the workload and makes a view true for it, by mounts or by rewriting system calls.

``python -m runner.intercept`` is a process of its own: one thread, no Trio, few imports. Everything that decides is pure
(``rules``, ``resolve``, ``rewrite``, ``machine``, ``bpf``, ``mount_plan``); everything that touches the kernel is thin.
"""
