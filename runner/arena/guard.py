"""``python -m runner.arena.guard COMMAND...``: run a command in namespaces and cgroups of its own, and leave none of them behind.

Namespaces end by themselves; a cgroup is a directory that somebody must remove when its last process has gone. The runner
cannot be that somebody, for it may be killed; this process outlives it, because all it waits for is the command, which ends
when its input does. Should this one be killed, the runner removes what is left, and should both be, the next run.
"""

import os
import signal
import subprocess
import sys

from runner.arena import cgroups

WITH_US = ("setpriv", "--pdeathsig", "KILL")
NAMESPACES = ("--mount", "--net", "--pid", "--ipc", "--uts")
EXIT_NO_CGROUP = 2


def main(argv: list[str]) -> int:
    """The command's exit code, or 128 and its number for a signal."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    found = cgroups.on_this_machine()
    cgroups.sweep(found, os.getpid())
    try:
        groups = cgroups.make(found, os.getpid())
        child = subprocess.Popen(
            (*WITH_US, "unshare", *NAMESPACES, "--fork", "--kill-child", "--propagation", "private", *argv),
            env={
                **os.environ,
                "GROUPS_OF_RUN": "".join(f"{group}\n" for group in groups),
                "CGROUPS": " ".join(hierarchy.controllers for hierarchy in found),
            },
        )
        code = child.wait()
    except OSError as error:
        sys.stderr.write(f"the run's namespaces and cgroups cannot be made: {error}\n")
        return EXIT_NO_CGROUP
    finally:
        cgroups.sweep(found, os.getpid())
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
