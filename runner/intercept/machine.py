"""The life of one traced thread as a table: which stop means what, and what to do about it. No kernel in here.

A system call can be seen at up to three stops, and kernels disagree about their order. Linux since 4.8: entry, seccomp,
exit. gVisor (and older Linux): seccomp, entry, exit. So after a seccomp stop, asking for "the next syscall stop" yields the
exit on one and the entry on the other. Code that toggles, or that guesses from uname, undoes its own redirects on the
other kernel. Here each thread has an explicit phase, and the order is a fact learnt by a probe at start.

A call that needs nothing costs one stop with the filter (``FILTERED``), two without (``EVERY_CALL``, kept as the control).
"""

import enum

import attrs

from runner.intercept.verdict import Ending, Verdict


class Order(enum.Enum):
    """What follows a seccomp stop when the thread goes on to its next syscall stop."""

    SECCOMP_THEN_EXIT = "seccomp-exit"  # Linux since 4.8
    SECCOMP_THEN_ENTRY = "seccomp-entry-exit"  # gVisor


class Tracing(enum.Enum):
    """Which calls stop."""

    FILTERED = "filtered"
    EVERY_CALL = "every-call"


class Phase(enum.Enum):
    """What the next syscall stop of a thread is."""

    RUNNING = "running"  # a call's first stop
    ENTRY_DUE = "entry-due"  # the entry of a call that was already dealt with
    EXIT_DUE = "exit-due"


class Go(enum.Enum):
    """How to resume."""

    CONT = "cont"  # to the next filtered call
    SYSCALL = "syscall"  # to the next syscall stop
    LISTEN = "listen"  # stay in the group stop


@attrs.frozen
class Thread:
    """Phase, and what is left to do when the call returns."""

    phase: Phase = Phase.RUNNING
    ending: Ending | None = None


# Stops, in the past tense.


@attrs.frozen
class CallFiltered:
    """The filter stopped the thread before a call."""


@attrs.frozen
class SyscallStopped:
    """An entry or exit stop."""


@attrs.frozen
class Examined:
    """The call was looked at."""

    verdict: Verdict


@attrs.frozen
class SignalArrived:
    """A signal is about to be delivered."""

    signal: int


@attrs.frozen
class GroupStopped:
    """SIGSTOP or its kin stopped the whole process."""


@attrs.frozen
class Announced:
    """Anything that needs no answer: a new child, the first stop of a thread, the end of a group stop."""

    fresh: bool = False


@attrs.frozen
class ProgramReplaced:
    """execve succeeded."""


Stop = CallFiltered | SyscallStopped | Examined | SignalArrived | GroupStopped | Announced | ProgramReplaced


# Actions, in the imperative.


@attrs.frozen
class Examine:
    """Look at the call, then feed :class:`Examined`."""


@attrs.frozen
class Rewrite:
    """Change the call as the verdict says."""

    verdict: Verdict


@attrs.frozen
class Finish:
    """The call returned: put the registers back and do what else the ending asks for."""

    ending: Ending


@attrs.frozen
class Abandon:
    """The call will never return: give back what the ending holds."""

    ending: Ending


@attrs.frozen
class Resume:
    """Let the thread go on, after ``delay_s`` seconds."""

    how: Go
    signal: int = 0
    delay_s: float = 0.0


Action = Examine | Rewrite | Finish | Abandon | Resume

RUNNING = Thread()
_EXAMINE = (Examine(),)
_LISTEN = (Resume(Go.LISTEN),)


@attrs.frozen
class Machine:
    """The table for one way of tracing on one kernel."""

    tracing: Tracing
    order: Order

    def step(self, thread: Thread, stop: Stop) -> tuple[Thread, tuple[Action, ...]]:
        """The thread's next state, and what to do now.

        Every sequence ends in exactly one :class:`Resume`, except that :class:`Examine` asks for another step first.
        """
        match stop:
            case CallFiltered():
                # Always a new call, whatever was expected: an exit that never came must not swallow it.
                return RUNNING, (*_abandon(thread), *_EXAMINE)
            case SyscallStopped():
                return self._syscall_stopped(thread)
            case Examined(verdict):
                return self._examined(verdict)
            case SignalArrived(signal):
                return thread, (Resume(self._onward(thread), signal),)
            case GroupStopped():
                return thread, _LISTEN
            case Announced(fresh):
                # Threads report for the first time outside any call; so does a thread after a group stop.
                thread_now = RUNNING if fresh else thread
                return thread_now, (*(_abandon(thread) if fresh else ()), Resume(self._onward(thread_now)))
            case ProgramReplaced():
                # The registers are the new program's: nothing is restored. Without a filter the exit stop still comes.
                phase = Phase.EXIT_DUE if self.tracing is Tracing.EVERY_CALL else Phase.RUNNING
                after = Thread(phase)
                return after, (*_abandon(thread), Resume(self._onward(after)))

    def _syscall_stopped(self, thread: Thread) -> tuple[Thread, tuple[Action, ...]]:
        match thread.phase:
            case Phase.ENTRY_DUE:
                return Thread(Phase.EXIT_DUE, thread.ending), (Resume(Go.SYSCALL),)
            case Phase.EXIT_DUE:
                finish = (Finish(thread.ending),) if thread.ending else ()
                return RUNNING, (*finish, Resume(self._onward(RUNNING)))
            case Phase.RUNNING if self.tracing is Tracing.EVERY_CALL:
                return thread, _EXAMINE
            case Phase.RUNNING:
                # With the filter nothing asks for these; should one come, it is over by going on.
                return thread, (Resume(Go.CONT),)

    def _examined(self, verdict: Verdict) -> tuple[Thread, tuple[Action, ...]]:
        rewrite: tuple[Action, ...] = (Rewrite(verdict),) if verdict.changes_call else ()
        if self.tracing is Tracing.EVERY_CALL:
            after = Thread(Phase.EXIT_DUE, verdict.ending)
        elif verdict.ending is None:
            after = RUNNING
        elif self.order is Order.SECCOMP_THEN_ENTRY:
            after = Thread(Phase.ENTRY_DUE, verdict.ending)
        else:
            after = Thread(Phase.EXIT_DUE, verdict.ending)
        return after, (*rewrite, Resume(self._onward(after), delay_s=verdict.delay_s))

    def _onward(self, thread: Thread) -> Go:
        if self.tracing is Tracing.EVERY_CALL or thread.phase is not Phase.RUNNING:
            return Go.SYSCALL
        return Go.CONT


def _abandon(thread: Thread) -> tuple[Action, ...]:
    return (Abandon(thread.ending),) if thread.ending else ()
