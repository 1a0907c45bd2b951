"""Starts the workload as the plan says, follows it to its end, and leaves nothing of it behind."""

import contextlib
import os
import time

import attrs

from runner.intercept import abi_x86_64 as abi
from runner.intercept import bpf
from runner.intercept.calls import (
    CHANGING,
    LINKING,
    LISTING,
    NAMING,
    OPENING,
    READING,
    REARRANGING,
    SPOOFED_BY_DESCRIPTOR,
    SPOOFED_BY_PATH,
)
from runner.intercept.child import Child, find_program, fork_child, passed_number
from runner.intercept.delays import Delays
from runner.intercept.descendants import kill_all
from runner.intercept.emit import Emitter
from runner.intercept.examine import Examiner
from runner.intercept.finish import Finisher
from runner.intercept.libc import PR_SET_CHILD_SUBREAPER, prctl
from runner.intercept.machine import Machine, Tracing
from runner.intercept.plan import LaunchPlan
from runner.intercept.port import is_stopped
from runner.intercept.probe import Capabilities, UnfitError, needs_no_new_privs, probe
from runner.intercept.ptrace_kernel import PtraceKernel
from runner.intercept.records import Exited, Failed, Probed, Started
from runner.intercept.rules import Rules, compile_rules
from runner.intercept.scratch import ScratchBook
from runner.intercept.screener import Screener, make_pages
from runner.intercept.screener_x86_64 import PASS_ARGUMENT, SCREENED
from runner.intercept.signals import OwnSignals
from runner.intercept.tracer import Tracer, exit_code
from runner.intercept.view_layer import ViewError, check_view, view_kinds
from runner.intercept.world import World, identity, look_around
from runner.model.view import View

EXIT_FAILED = 2
_SIGNAL_BASE = 128


def traced_calls(plan: LaunchPlan) -> frozenset[str]:
    """Names of the system calls that the plan needs to see; nothing else is ever stopped by the filter.

    Raises:
        ValueError: A delay names a call that does not exist.
    """
    view = plan.view
    names: set[str] = set()
    if view.trees or view.files or plan.observe:
        names |= {*LINKING, *REARRANGING}
        names |= {*OPENING} if view.calls == "opening" else {call.name for call in READING}
    if (view.trees or view.files) and view.calls == "every":
        names |= {call.name for call in CHANGING} | {*LISTING, *NAMING}
    if view.statfs:
        names |= {*SPOOFED_BY_PATH, *SPOOFED_BY_DESCRIPTOR}
    for delay in plan.delays:
        unknown = set(delay.syscalls) - set(abi.NUMBERS)
        if unknown:
            raise ValueError(f"delays: unknown system calls {sorted(unknown)}")
        names |= set(delay.syscalls)
    return frozenset(names & set(abi.NUMBERS))


@attrs.define
class Launcher:
    """One workload.

    Attributes:
        plan: What to do.
        emitter: Where to report.
        signals: The launcher's own signals, installed.
    """

    plan: LaunchPlan
    emitter: Emitter
    signals: OwnSignals
    _child: Child | None = None
    _started: bool = False
    _ended: bool = False

    def run(self) -> int:
        """Start, follow, clean up; the launcher's exit code."""
        # gVisor of 2022 has no subreapers; there, orphans that nobody traces end with the sandbox.
        with contextlib.suppress(OSError):
            prctl(PR_SET_CHILD_SUBREAPER, 1)
        try:
            self._follow()
        except (UnfitError, ViewError, OSError, ValueError) as error:
            self._fail(str(error))
        finally:
            if not kill_all():
                self._fail("some processes of the workload could not be killed within 10 s")
            self.emitter.report(last=True)
        if self.signals.stop:
            return _SIGNAL_BASE + self.signals.stop
        return 0 if self._ended else EXIT_FAILED

    def _follow(self) -> None:
        plan = self.plan
        program = find_program(plan.argv[0], plan.env.get("PATH", os.defpath))
        if program is None:
            raise ValueError(f"{plan.argv[0]} is not on the workload's PATH ({plan.env.get('PATH', os.defpath)})")
        if plan.mechanism in ("none", "mount"):
            # Only a fault needs a tracer here, and it changes no path.
            plan = self.plan = attrs.evolve(plan, view=View(), observe=())
        if plan.mechanism in ("none", "mount") and not plan.delays:
            self._child = self._fork(program, passed=(), filter_program=b"")
            self._child.release()
            self._note_exec()
            if self._started:
                self._wait()
            return
        check_view(plan.view, view_kinds(plan.view), plan.layer)
        capabilities = probe()
        self.emitter.emit(Probed(t=time.time(), facts=capabilities.facts))
        kernel = PtraceKernel(process_vm=capabilities.process_vm)
        rules = compile_rules(plan.view, plan.layer, plan.observe)
        world = look_around(rules)
        passed = [os.open(plan.layer, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
        traced = traced_calls(plan)
        screener = self._screener(kernel, rules, world, traced)
        if screener is not None:
            passed.append(screener.pages.descriptor)
        filter_program = b"" if plan.mechanism == "syscall" else _filter(traced, screener)
        tracer = self._tracer(kernel, capabilities, rules, world, screener)
        self._child = self._fork(program, passed=tuple(passed), filter_program=filter_program)
        kernel.seize(self._child.pid)
        self._child.release()
        try:
            tracer.run()
        finally:
            tracer.examiner.count()

    def _screener(self, kernel: PtraceKernel, rules: Rules, world: World, traced: frozenset[str]) -> Screener | None:
        """None where every call has to be seen, or where there are no anonymous files."""
        plan = self.plan
        delayed = {name for delay in plan.delays for name in delay.syscalls}
        names = traced & set(SCREENED) - delayed
        if plan.mechanism == "syscall" or not names:
            return None
        try:
            pages = make_pages(rules, (passed_number(), identity(plan.layer)))
        except OSError:
            return None
        return Screener(kernel, world, pages, passed_number(1), frozenset(SCREENED[name] for name in names))

    def _fork(self, program: str, *, passed: tuple[int, ...], filter_program: bytes) -> Child:
        plan = self.plan
        return fork_child(
            program=program,
            argv=plan.argv,
            env=plan.env,
            cwd=plan.cwd,
            passed=passed,
            bpf=filter_program,
            privs=not filter_program or not needs_no_new_privs(),
        )

    def _tracer(
        self,
        kernel: PtraceKernel,
        capabilities: Capabilities,
        rules: Rules,
        world: World,
        screener: Screener | None,
    ) -> Tracer:
        plan = self.plan
        tracing = Tracing.EVERY_CALL if plan.mechanism == "syscall" else Tracing.FILTERED
        scratch = ScratchBook()
        shown_types = {spoof.real_type: spoof.shown_type for spoof in plan.view.statfs}
        examiner = Examiner(
            kernel=kernel,
            rules=rules,
            world=world,
            scratch=scratch,
            layer_fd=passed_number(),
            layer_identity=identity(plan.layer),
            spoofs=bool(plan.view.statfs),
            delays=Delays(plan.delays, lambda: self.signals.requested),
            on_redirect=self.emitter.redirected,
            on_observe=self.emitter.observed,
            on_counted=self.emitter.counted,
            seen=self.emitter.calls,
            screener=screener,
        )
        return Tracer(
            kernel=kernel,
            machine=Machine(tracing, capabilities.order),
            examiner=examiner,
            finisher=Finisher(kernel, rules, scratch, shown_types, world.known, screener),
            emitter=self.emitter,
            on_exit=self._gone,
            on_exec=self._executed,
            signals=self.signals,
        )

    def _wait(self) -> None:
        """Without a tracer: wait for the workload, and for whatever loses its parent meanwhile."""
        kernel = PtraceKernel()
        while not self.signals.stop:
            try:
                waited = kernel.wait()
            except ChildProcessError:
                return
            if waited and self._gone(*waited):
                return

    def _executed(self, pid: int) -> None:
        if self._child and pid == self._child.pid and not self._started:
            self._note_exec()

    def _note_exec(self) -> None:
        child = self._child
        if child is None:
            return
        why = child.exec_error()
        if why:
            self._fail(why)
        else:
            self._started = True
            self.emitter.emit(Started(t=time.time(), pid=child.pid))

    def _gone(self, pid: int, status: int) -> bool:
        """Whether that was the workload's first process: then the run is over, and what it left behind is ended."""
        if self._child is None or pid != self._child.pid or is_stopped(status):
            return False
        if not self._started:
            self._note_exec()
            return True
        code, number = exit_code(status)
        self._ended = True
        self.emitter.emit(Exited(t=time.time(), code=code, signal=number))
        return True

    def _fail(self, what: str) -> None:
        self.emitter.emit(Failed(t=time.time(), what=what))


def _filter(traced: frozenset[str], screener: Screener | None) -> bytes:
    """The program that stops the traced calls, all but those that programs let go themselves."""
    numbers = [abi.NUMBERS[name] for name in traced]
    unless = None if screener is None else bpf.Pass(PASS_ARGUMENT, screener.pages.permit)
    return bpf.build(numbers, audit_arch=abi.AUDIT_ARCH, x32_bit=abi.X32_BIT, enosys=abi.ENOSYS, unless=unless)
