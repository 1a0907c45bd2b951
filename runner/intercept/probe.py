"""Learns by trying what the kernel below does; never by its name or version.

gVisor calls itself 4.19 and orders stops like a kernel before 4.8; a gVisor of 2022 lacks process_vm_readv, and a tracer
that did not look redirected nothing, silently. Keys of the facts, all values text:

``machine``, ``kernel``     uname's
``seize``                   yes, or why not
``stop_order``              ``seccomp-exit`` or ``seccomp-entry-exit``
``process_vm``              yes, or the error's name; then /proc/PID/mem is used
``no_new_privs``            whether it has to be set for the filter (setuid programs lose privileges)
"""

import ctypes
import os
import signal
from pathlib import Path

import attrs

from runner.intercept import abi_x86_64 as abi
from runner.intercept import bpf
from runner.intercept.libc import PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, WAIT_ALL, install_filter, prctl
from runner.intercept.machine import Go, Order
from runner.intercept.port import is_stopped
from runner.intercept.ptrace_kernel import PtraceKernel

_CAP_SYS_ADMIN = 21
_EVENT_SECCOMP = 7
_PATTERN = b"what the tracer must be able to read"


class UnfitError(Exception):
    """Tracing cannot work here; the message says why and what to do."""


@attrs.frozen(kw_only=True)
class Capabilities:
    """What was found.

    Attributes:
        order: Of stops.
        process_vm: Whether process_vm_readv and process_vm_writev work.
        facts: All of it as text, for the record.
    """

    order: Order
    process_vm: bool
    facts: dict[str, str]


def needs_no_new_privs() -> bool:
    """Whether a filter may only be installed after giving up new privileges."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("CapEff:"):
            return not int(line.split()[1], 16) >> _CAP_SYS_ADMIN & 1
    return True


def probe() -> Capabilities:
    """Trace a child that makes one filtered call, and look at what comes.

    Raises:
        UnfitError: Another machine, or tracing or filters are refused.
    """
    system = os.uname()
    if system.machine != abi.MACHINE:
        raise UnfitError(
            f"this machine is {system.machine}; interception knows {abi.MACHINE} only: use the mechanism 'mount'"
        )
    secret = ctypes.create_string_buffer(_PATTERN)
    address = ctypes.addressof(secret)
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        _be_probed(ready)
    os.close(ready)
    kernel = PtraceKernel()
    try:
        try:
            kernel.seize(child)
        except OSError as error:
            raise UnfitError(f"{error}; another tracer, a container's profile or yama forbids it") from error
        os.write(go, b"x")
        order, process_vm = _watch(kernel, child, address)
    finally:
        os.close(go)
        _end(child)
    facts = {
        "machine": system.machine,
        "kernel": system.release,
        "seize": "yes",
        "stop_order": order.value,
        "process_vm": process_vm,
        "no_new_privs": "needed" if needs_no_new_privs() else "not needed",
    }
    return Capabilities(order=order, process_vm=process_vm == "yes", facts=facts)


def _end(child: int) -> None:
    try:
        os.kill(child, signal.SIGKILL)
        while is_stopped(os.waitpid(child, WAIT_ALL)[1]):
            pass
    except (ProcessLookupError, ChildProcessError):
        pass


def _be_probed(ready: int) -> None:
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.read(ready, 1)
        if needs_no_new_privs():
            prctl(PR_SET_NO_NEW_PRIVS, 1)
        program = bpf.build(
            (abi.NUMBERS["getppid"],), audit_arch=abi.AUDIT_ARCH, x32_bit=abi.X32_BIT, enosys=abi.ENOSYS
        )
        install_filter(program)
        os.getppid()
    finally:
        os._exit(7)


def _watch(kernel: PtraceKernel, child: int, address: int) -> tuple[Order, str]:
    """Stop order, and whether memory can be read at once."""
    filtered = False
    process_vm = ""
    while True:
        waited = kernel.wait()
        if waited is None:
            continue
        _tid, status = waited
        if not is_stopped(status):
            raise UnfitError("no seccomp filter can be installed here (needs CAP_SYS_ADMIN or no_new_privs)")
        if status >> 16 == _EVENT_SECCOMP:
            filtered = True
            process_vm = _memory(kernel, child, address)
            kernel.resume(child, Go.SYSCALL)
        elif filtered:
            at_entry = abi.result(kernel.registers(child)) == -abi.ENOSYS
            return Order.SECCOMP_THEN_ENTRY if at_entry else Order.SECCOMP_THEN_EXIT, process_vm
        else:
            kernel.resume(child, Go.CONT)


def _memory(kernel: PtraceKernel, child: int, address: int) -> str:
    """Whether the child's memory can be read and written; its copy of our buffer is at the same address."""
    ctypes.set_errno(0)
    if kernel.read(child, address, len(_PATTERN)) != _PATTERN:
        code = ctypes.get_errno()
        return os.strerror(code) if code else "wrong data"
    ctypes.set_errno(0)
    if not kernel.write(child, address, _PATTERN):
        return f"reads, but does not write: {os.strerror(ctypes.get_errno())}"
    return "yes"
