"""Benchmark of the interceptor against strace and PRoot: ratios, side by side, in one run, on the host and in gVisor."""
