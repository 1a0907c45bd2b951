"""Runs a recipe and opens the sandbox for its user: a loopback port of this machine, a kubeconfig, and the cluster's health.

The run itself is any run's; what stands here only goes beside it, and ends with it.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import attrs
import trio

from runner.arena.private_root import ADDRESS
from runner.core.judge import Judge
from runner.host.cluster_client import kubectl_of
from runner.model.events import AnyEvent
from runner.model.experiment import Experiment
from runner.model.plan import RunPlan
from runner.model.result import RunResult
from runner.run import KUBECONFIGS
from runner.runs import RunOptions, run_experiment, sandbox_directory
from runner.supply.cache import Cache
from runner.supply.supplied import Progress
from runner.up.forward import forward, listen, port_of
from runner.up.health import health
from runner.up.notice import Notice, posted
from runner.workloads import WorkloadError, choose_workload

HEALTH_EVERY_S = 5.0
ASK_EVERY_S = 0.5
ANSWER_WITHIN_S = 20.0
LISTING = ("get", "nodes,pods", "--all-namespaces", "-o", "json")


@attrs.frozen(kw_only=True)
class Voice:
    """Where a cluster tells its user something.

    Attributes:
        opened: Called once, when the cluster can be used: its notice and its plan.
        health: Called with a line whenever the health is another one.
        see: Called with each event.
        preparing: Told about preparations.
    """

    opened: Callable[[Notice, RunPlan], None]
    health: Callable[[str], None]
    see: Callable[[AnyEvent, Judge], None]
    preparing: Progress


@attrs.frozen(kw_only=True)
class Lived:
    """How a cluster's life went: whether it could ever be used, and the run's result and directory."""

    usable: bool
    result: RunResult
    directory: Path


async def keep_up(experiment: Experiment, options: RunOptions, *, port: int, began: float, voice: Voice) -> Lived:
    """Bring a recipe up and keep it until the user or the cluster ends it.

    Args:
        experiment: The recipe.
        options: As for any run; the workload is run until it is ended.
        port: Loopback port of this machine for the API; 0 takes a free one.
        began: Wall-clock time of the command.
        voice: Who is told.

    Raises:
        WorkloadError: There is no cluster to be had here, only the stand-in.
        UnreachableError: The port is taken, or the sandbox cannot be entered.
    """
    workload = await choose_workload(options.workload, voice.preparing)
    if workload.kind == "standin":
        raise WorkloadError(f"{workload.reason}; the stand-in answers as a cluster does but is none")
    usable = trio.Event()

    def see(event: AnyEvent, judge: Judge) -> None:
        voice.see(event, judge)
        if experiment.target in judge.ledger.milestones:
            usable.set()

    result, directory = await run_experiment(
        experiment,
        attrs.evolve(options, workload=workload.kind, keep=True, reachable=True),
        began=began,
        progress=voice.preparing,
        watcher=see,
        beside=partial(_open, usable, port, voice),
    )
    return Lived(usable=usable.is_set(), result=result, directory=directory)


async def _open(usable: trio.Event, port: int, voice: Voice, plan: RunPlan, pid: int) -> None:
    listener = await listen(port)
    here = plan.arena == "here"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            forward,
            listener,
            "127.0.0.1" if here else ADDRESS,
            plan.api_port,
            None if here else Path(f"/proc/{pid}/ns/net"),
        )
        await usable.wait()
        text = await trio.to_thread.run_sync(_kubeconfig(pid, plan).read_text)
        kubectl = _kubectl(plan)
        with posted(text, port_of(listener), kubectl, f"{plan.experiment.name} on {plan.workload}") as notice:
            await _until_pods_are_taken(notice)
            voice.opened(notice, plan)
            await _watch_health(notice, voice)


def _kubeconfig(pid: int, plan: RunPlan) -> Path:
    """The admin's kubeconfig, seen from outside: what the inside writes lies in the root's upper layer."""
    inside = str(KUBECONFIGS[plan.workload])
    if plan.arena == "here":
        return Path(f"/proc/{pid}/root{inside}")
    return Path(f"/proc/{pid}/root{sandbox_directory()}/upper{inside}")


def _kubectl(plan: RunPlan) -> str:
    """The user's own kubectl, else the workload's."""
    program = shutil.which("kubectl") or kubectl_of(plan)
    if program is None:
        raise WorkloadError(f"no kubectl on PATH, and workload {plan.workload} brings none; install one")
    return program


def kubectl_environment(kubeconfig: str) -> dict[str, str]:
    """The environment for a kubectl out here; k3s as kubectl would unpack itself below /var/lib/rancher."""
    return {**os.environ, "KUBECONFIG": kubeconfig, "K3S_DATA_DIR": str(Cache.of_user().root / "k3s-data")}


async def _until_pods_are_taken(notice: Notice) -> None:
    """Pods are refused until their namespace has its service account, some seconds after the node is ready."""
    while True:
        if await _asked(notice, "get", "serviceaccount", "default", "-o", "name"):
            return
        await trio.sleep(ASK_EVERY_S)


async def _watch_health(notice: Notice, voice: Voice) -> None:
    said = ""
    while True:
        ready = await _asked(notice, "get", "--raw", "/readyz")
        now = health(await _asked(notice, *LISTING), ready=ready == "ok")
        if now != said:
            said = now
            voice.health(now)
        await trio.sleep(HEALTH_EVERY_S)


async def _asked(notice: Notice, *words: str) -> str:
    """What kubectl says; empty when it fails or takes too long."""
    with trio.move_on_after(ANSWER_WITHIN_S):
        done = await trio.run_process(
            ["kubectl", *words, "--request-timeout=10s"],
            executable=notice.kubectl,
            env=kubectl_environment(notice.kubeconfig),
            capture_stdout=True,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return done.stdout.decode(errors="replace") if done.returncode == 0 else ""
    return ""
