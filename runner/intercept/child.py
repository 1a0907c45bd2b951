"""The workload's first process, from fork to exec.

Between fork and exec no more happens than must: signals as a fresh program expects them, our descriptors at their
numbers, the filter last of all, because from then on filtered calls need the tracer.
"""

# Plain os calls: this runs at stops, or between fork and exec, where Path objects are only a cost.
# ruff: noqa: PTH118, PTH113

import os
import resource
import signal

import attrs

from runner.intercept.libc import PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, install_filter, prctl

_EXEC_FAILED = 127
# High, so that programs that count their descriptors from below are not disturbed; some close "everything" up to a limit.
_WANTED_FD = 1000


@attrs.frozen
class Child:
    """A process that waits for :meth:`release`.

    Attributes:
        pid: Its number.
        go: Write end that releases it.
        verdict: Read end that says why exec failed, or ends when it succeeded.
    """

    pid: int
    go: int
    verdict: int

    def release(self) -> None:
        """Let it become the workload."""
        os.write(self.go, b"x")
        os.close(self.go)

    def exec_error(self) -> str:
        """Why exec failed, empty if it succeeded; waits until one or the other is known."""
        with os.fdopen(self.verdict, "rb") as file:
            return file.read().decode()


def find_program(name: str, search_path: str) -> str | None:
    """The file that ``name`` means, as execvp would find it; None if there is none."""
    if "/" in name:
        return name
    for directory in search_path.split(":"):
        candidate = os.path.join(directory or ".", name)
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return None


def passed_number(which: int = 0) -> int:
    """The number that the workload gets a descriptor of ours at: the layer is the first, the screener's pages the second."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = _WANTED_FD if soft == resource.RLIM_INFINITY or soft > _WANTED_FD else soft - 1
    return highest - which


def fork_child(
    *,
    program: str,
    argv: tuple[str, ...],
    env: dict[str, str],
    cwd: str,
    passed: tuple[int, ...],
    bpf: bytes,
    privs: bool,
) -> Child:
    """Fork a process that waits to be released, and then becomes the program.

    Args:
        program: File to execute.
        argv: Its arguments.
        env: Its environment.
        cwd: Its directory.
        passed: Descriptors to pass on, each at its :func:`passed_number`.
        bpf: Filter to install, empty for none.
        privs: Whether the process may keep the ability to gain privileges (else no_new_privs is set for the filter).
    """
    wait_go, go = os.pipe()
    verdict, say = os.pipe()
    launcher = os.getpid()
    pid = os.fork()
    if pid:
        os.close(wait_go)
        os.close(say)
        return Child(pid, go, verdict)
    what = "start"
    try:
        os.close(go)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != launcher:
            os._exit(_EXEC_FAILED)
        os.setsid()
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # Python ignores these, and exec passes that on
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        what = f"enter {cwd}"
        os.chdir(cwd)
        what = "pass our descriptors on"
        for which, descriptor in enumerate(passed):
            os.dup2(descriptor, passed_number(which), inheritable=True)
        if not os.read(wait_go, 1):
            os._exit(_EXEC_FAILED)
        if bpf:
            what = "install the seccomp filter"
            if not privs:
                prctl(PR_SET_NO_NEW_PRIVS, 1)
            install_filter(bpf)
        what = f"execute {program}"
        os.execve(program, argv, env)  # noqa: S606  starting the workload is the point
    except BaseException as error:  # noqa: BLE001  whatever it is, this copy of the launcher must end here
        os.write(say, f"cannot {what}: {error}".encode())
    os._exit(_EXEC_FAILED)
