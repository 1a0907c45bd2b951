"""Other places and kinds of datastore for k3s, and what else might ease its start on a slow disk; data only."""

from typing import Final

from experiments import parts
from runner.model.step import Supervise, TmpfsMount, WorkloadFlag

# What k3s itself would give SQLite, before anything is changed about it.
_KINES_OWN = "_journal=WAL&cache=shared&_busy_timeout=30000&_txlock=immediate"

SUPERVISOR: Final = Supervise(
    id="supervisor",
    restarts=5,
    survives=("poststarthook-priority-classes",),
    reason="as a service manager does: what the first start wrote is there at the second, which has less to write",
)

DATASTORE_TMPFS: Final = TmpfsMount(
    id="datastore-tmpfs",
    target="/mnt/datastore",
    reason="memory under the datastore, whatever the disk is like",
    workloads=parts.K3S_REAL,
)

DATASTORE_ON_TMPFS: Final = WorkloadFlag(
    id="datastore-on-tmpfs",
    flags=(f"--datastore-endpoint=sqlite:///mnt/datastore/state.db?{_KINES_OWN}",),
    reason="kine's SQLite as it is by default, but in another directory",
    workloads=parts.K3S_REAL,
)

SQLITE_TUNED: Final = WorkloadFlag(
    id="sqlite-tuned",
    flags=(
        (
            "--datastore-endpoint=sqlite:///var/lib/rancher/k3s/server/state.db"
            "?_journal=WAL&cache=shared&_busy_timeout=180000&_synchronous=OFF&_txlock=immediate"
        ),
    ),
    reason="a writer waits three minutes for the others instead of half a minute, and nobody waits for the disk to sync",
    workloads=parts.K3S_REAL,
)

SQLITE_COLD: Final = WorkloadFlag(
    id="sqlite-cold",
    flags=(
        (
            "--datastore-endpoint=sqlite:///var/lib/rancher/k3s/server/state.db"
            "?_journal=WAL&_cache_size=1&_busy_timeout=30000&_txlock=immediate"
        ),
    ),
    reason="SQLite keeps one page, and no connection shares it with another: what is asked for is read from the disk",
    workloads=parts.K3S_REAL,
)

DATASTORE_IN_MEMORY: Final = WorkloadFlag(
    id="datastore-in-memory",
    flags=("--datastore-endpoint=memory://",),
    reason="kine has a backend in memory since 0.15; k3s hands the address to it unchanged",
    workloads=parts.K3S_REAL,
)

EMBEDDED_ETCD: Final = WorkloadFlag(
    id="embedded-etcd",
    flags=("--cluster-init",),
    reason="k3s starts an etcd of its own in place of kine: no SQL, one log written in order, reads from a memory map",
    workloads=parts.K3S_REAL,
)

NO_CLOUD_CONTROLLER: Final = WorkloadFlag(
    id="no-cloud-controller",
    flags=("--disable-cloud-controller",),
    reason="one writer less at the start; in CI a workaround for a race that ends k3s",
    workloads=parts.K3S_REAL,
)

FEWER_WRITERS: Final = WorkloadFlag(
    id="fewer-writers",
    flags=(
        "--disable-cloud-controller",
        "--disable-helm-controller",
        "--disable-network-policy",
        "--disable-scheduler",
        "--disable-kube-proxy",
    ),
    reason="what is not needed for the hook does not write while it waits: the load at start comes in order, not at once",
    workloads=parts.K3S_REAL,
)

FEWER_ADMISSION_PLUGINS: Final = WorkloadFlag(
    id="fewer-admission-plugins",
    flags=(
        (
            "--kube-apiserver-arg=disable-admission-plugins=MutatingAdmissionWebhook,ValidatingAdmissionWebhook,"
            "ValidatingAdmissionPolicy,MutatingAdmissionPolicy"
        ),
    ),
    reason="these look at every create and keep it waiting until their caches are filled",
    workloads=parts.K3S_REAL,
)
