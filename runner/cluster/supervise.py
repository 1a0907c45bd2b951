"""Starts components as soon as what they wait for answers, passes their lines on, and ends all when one ends.

A cluster with a component missing is no cluster: there are no restarts, because an experiment wants to see the first end
and not the tenth. Processes are started by hand from the main thread, not by ``trio.lowlevel.open_process``: that forks
in a worker thread, and the kernel sends a parent-death signal when the forking *thread* ends.
"""

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import attrs
import trio

from runner.cluster.components import Component
from runner.cluster.waiting import until_it_answers
from runner.core.lines import LineSplitter
from runner.intercept.descendants import kill_all
from runner.model.tagged import tag

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
# What a component gets to end in after SIGTERM. The API server would take a minute to drain; nobody looks at that.
STOP_WITHIN_S = 1.0
# A component's last words are in its pipe when it has ended; a child of its own may keep the pipe open for ever.
LAST_WORDS_WITHIN_S = 1.0

_libc = ctypes.CDLL(None, use_errno=True)

Say = Callable[[str], None]


@attrs.frozen(kw_only=True)
class Ended:
    """A component ended by itself: the first to do so."""

    component: str
    returncode: int

    @property
    def how(self) -> str:
        """In words."""
        if self.returncode < 0:
            return f"was killed by {signal.Signals(-self.returncode).name}"
        return f"ended with exit code {self.returncode}"


class Supervisor:
    """The processes of one cluster.

    Args:
        components: Whoever waits for another stands after it.
        directory: Working directory of all.
        say: Takes one line of the common output.
        images: Directory of image archives for containerd; None for none.
    """

    def __init__(
        self, components: tuple[Component, ...], directory: Path, say: Say, images: Path | None = None
    ) -> None:
        self._components = components
        self._directory = directory
        self._say = say
        self._images = images
        self._answered = {component.name: trio.Event() for component in components}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ended: Ended | None = None

    async def run(self, pki_ready: trio.Event, stop: trio.Event) -> Ended | None:
        """Run everything until a component ends or ``stop`` is set; afterwards nothing is left running.

        Args:
            pki_ready: Set when certificates and kubeconfigs are written.
            stop: Set from outside to end the cluster.

        Returns:
            The component that ended first; None when the cluster was told to stop.
        """
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._import_images)
                for component in self._components:
                    nursery.start_soon(self._component, component, pki_ready, nursery.cancel_scope)
                await stop.wait()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await self._stop_all()
        return self._ended

    async def _component(self, component: Component, pki_ready: trio.Event, everything: trio.CancelScope) -> None:
        for name in component.after:
            await self._answered[name].wait()
        if component.needs_pki:
            await pki_ready.wait()
        self._say(f"Running {component.name} {' '.join(component.flags)}")
        try:
            process = self._start(component)
        except OSError as error:
            self._say(f"{component.name} cannot be started: {component.program}: {error.strerror}")
            self._ended = self._ended or Ended(component=component.name, returncode=127)
            everything.cancel()
            return
        async with trio.open_nursery() as nursery:
            spoken = trio.Event()
            nursery.start_soon(self._pass_on, component.name, process, spoken)
            if component.answer is not None:
                nursery.start_soon(self._wait_for_answer, component)
            await _until_gone(process)
            with trio.move_on_after(LAST_WORDS_WITHIN_S):
                await spoken.wait()
            if self._ended is None:
                self._ended = Ended(component=component.name, returncode=process.wait())
            everything.cancel()

    def _start(self, component: Component) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            component.argv,
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Between fork and exec, of a process with one thread: safe, and the only way to outlive nobody.
            preexec_fn=_die_with_parent,  # noqa: PLW1509
        )
        self._processes.append(process)
        return process

    async def _wait_for_answer(self, component: Component) -> None:
        if component.answer is not None:
            await until_it_answers(component.answer)
            self._answered[component.name].set()

    async def _import_images(self) -> None:
        """Give containerd the archives that lie ready, as k3s does at its start; one that it refuses is said and left."""
        if self._images is None:
            return
        await self._answered["containerd"].wait()
        for archive in sorted(self._images.glob("*.tar*")):
            done = await trio.run_process(
                ["ctr", "--namespace=k8s.io", "images", "import", str(archive)],
                capture_stdout=True,
                stderr=subprocess.STDOUT,
                check=False,
            )
            said = done.stdout.decode(errors="replace").strip().replace("\n", "; ")
            self._say(
                f"Imported {archive.name}: {said}" if done.returncode == 0 else f"Cannot import {archive.name}: {said}"
            )

    async def _pass_on(self, name: str, process: "subprocess.Popen[bytes]", spoken: trio.Event) -> None:
        if process.stdout is None:
            return
        splitter = LineSplitter()
        async with trio.lowlevel.FdStream(os.dup(process.stdout.fileno())) as stream:
            async for chunk in stream:
                for line in splitter.feed(bytes(chunk)):
                    self._say(tag(name, line.text))
        for line in splitter.close():
            self._say(tag(name, line.text))
        spoken.set()

    async def _stop_all(self) -> None:
        """Ask all, wait a moment, and kill whatever is left, also what has long lost its parent."""
        running = [process for process in self._processes if process.poll() is None]
        for process in running:
            process.terminate()
        with trio.move_on_after(STOP_WITHIN_S):
            for process in running:
                await _until_gone(process)
        kill_all()
        for process in self._processes:
            if process.stdout is not None:
                process.stdout.close()


async def _until_gone(process: "subprocess.Popen[bytes]") -> None:
    """Wait for the end of a process without reaping it.

    A thread that looks and takes nothing away, so it may be left behind: it ends with the process. (A pidfd needs no thread,
    but gVisor has none before 2026: ENOSYS in 2025-05 and 2025-10.)
    """
    with suppress(ChildProcessError):  # somebody has reaped it: gone
        await trio.to_thread.run_sync(
            partial(os.waitid, os.P_PID, process.pid, os.WEXITED | os.WNOWAIT), abandon_on_cancel=True
        )


def _die_with_parent() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "prctl")
