"""Named faults for ``--fault NAME`` and for experiments; data only.

What a fault does to a run is measured, never assumed (``docs/faults.md``).
"""

from typing import Final

from runner.model.fault import AnyFault, CpuQuota, Kill, MemoryLimit, Pause, SlowDisk

SLOW_DISK: Final = SlowDisk(
    id="slow-disk",
    calls=("pread64", "pwrite64"),
    below=("/var/lib",),
    delay_s=0.2,
    reason="a disk as slow as under the original series, whose SQL statements took 13 to 20 s: SQLite reads and writes with"
    " these two calls, and hardly anything else in k3s does",
)

SLOW_READS: Final = SlowDisk(
    id="slow-reads",
    calls=("pread64",),
    below=("/var/lib",),
    delay_s=0.12,
    reason="reads wait and writes do not: a cold, remote or contended volume",
)

STALLED_READS: Final = SlowDisk(
    id="stalled-reads",
    calls=("pread64",),
    below=("/var/lib",),
    at=r"Running kube-apiserver ",
    delay_s=8,
    reason="storage that stalls when everything starts at once: a list reads twice, so it takes 16 s, as the original series' SQL"
    " took 13 to 20 s",
)

SLOW_SYNC: Final = SlowDisk(
    id="slow-sync",
    calls=("fsync", "fdatasync"),
    below=("/var/lib",),
    delay_s=0.5,
    reason="a disk that takes its time to say that data is safe",
)

CPU_QUOTA: Final = CpuQuota(
    id="cpu-quota",
    percent=40,
    reason="a small instance: the field notes tried 40 and 12 % of a processor",
)

MEMORY_LIMIT: Final = MemoryLimit(
    id="memory-limit",
    mib=2048,
    reason="a small instance; gVisor, the interceptor and what is written to the root count, too",
)

PAUSE: Final = Pause(
    id="pause",
    at=r"\] Serving securely on ",
    for_s=15,
    reason="the machine is suspended, or starved, just when the API server begins to serve",
)

KILL_CONTAINERD: Final = Kill(
    id="kill-containerd",
    at=r'"Successfully registered node"|"Node was previously registered"',
    component="containerd",
    reason="the container runtime is lost once the node is there",
)

FAULTS: Final[tuple[AnyFault, ...]] = (
    SLOW_DISK,
    SLOW_READS,
    STALLED_READS,
    SLOW_SYNC,
    CPU_QUOTA,
    MEMORY_LIMIT,
    PAUSE,
    KILL_CONTAINERD,
)
"""All that ``--fault`` knows by name."""
