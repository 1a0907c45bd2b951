"""The end of the process: who may ask for it, what is printed, which exit code.

k3s ends in three ways, and the stand-in in the same: a component exits (error line, orderly shutdown, exit 0), the
server or agent fails (orderly shutdown, fatal line, exit 1), or a component calls os.Exit in the middle (no further
line). The first request wins; nothing here waits for anything but the datastore's end.
"""

import os
import signal
import threading
from collections.abc import Callable
from typing import NoReturn

from runner.standin.lines import Printer

GRACE_S = 2.0
_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


class Gate:
    """Something components wait for: it opens once, or the shutdown comes first."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._woken = threading.Event()
        self.opened = False

    def open(self) -> None:
        """It happened: let everybody through."""
        self.opened = True
        self._woken.set()

    def wake(self) -> None:
        """The shutdown began: nobody shall wait any longer."""
        self._woken.set()

    def wait(self) -> bool:
        """Wait; False when a shutdown began, whether or not the gate opened as well."""
        self._woken.wait()
        return self.opened and not self._stopping.is_set()


class Lifecycle:
    """Shared by all components; ``stopping`` is set once an orderly shutdown began."""

    def __init__(self, out: Printer) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._failure: str | None = None
        self._gates: list[Gate] = []
        self.stopping = threading.Event()

    def start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Run a component in a thread of its own; an error nobody foresaw ends the process, with its traceback."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:
                self.failed(f"{name}: {error!r}")
                raise

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread

    def gate(self) -> Gate:
        """A gate that a shutdown wakes; make it before the components start."""
        gate = Gate(self.stopping)
        self._gates.append(gate)
        return gate

    def component_exited(self, component: str, reason: str) -> None:
        """A component returned an error: begin the shutdown that k3s ends with exit code 0."""
        with self._lock:
            if not self.stopping.is_set():
                self._out.error(f"Shutdown request received: {component} exited: {reason}")
                self._stop()

    def failed(self, reason: str) -> None:
        """The server or the agent failed: begin the shutdown that k3s ends with a fatal line and exit code 1."""
        with self._lock:
            if not self.stopping.is_set():
                self._failure = reason
                self._out.info("Shutdown request received")
                self._stop()

    def exit_now(self, code: int) -> NoReturn:
        """Go's os.Exit: nothing is put in order, no other thread prints again."""
        os._exit(code)

    def block_signals(self) -> None:
        """Keep SIGTERM and SIGINT for the thread that waits for them; call before any other thread is started."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def watch_signals(self) -> None:
        """Wait for the first signal, which begins the shutdown, and the second, which ends the process at once."""
        threading.Thread(target=self._signals, name="signals", daemon=True).start()

    def run_until_stopped(self, close: Callable[[], None]) -> int:
        """Wait for a shutdown to begin, put things in order; returns the exit code."""
        self.stopping.wait()
        self._out.info(f"Waiting up to {GRACE_S:.0f}s for graceful shutdown of Kine GRPC server...")
        close()
        if self._failure is None:
            return 0
        self._out.fatal(f"Error: {self._failure}")
        return 1

    def _stop(self) -> None:
        self.stopping.set()
        for gate in self._gates:
            gate.wake()

    def _signals(self) -> None:
        signal.sigwait(_SIGNALS)
        with self._lock:
            self._stop()
        number = signal.sigwait(_SIGNALS)
        name = "terminated" if number == signal.SIGTERM else "interrupt"
        self._out.info(f"Second shutdown signal received: {name}, exiting...")
        os._exit(1)
