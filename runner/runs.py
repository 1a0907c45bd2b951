"""From the command line's words to finished runs: choose workload and arena, plan, conduct, collect.

The order matters to the user: whatever can be refused is refused before anything is downloaded, and whatever has to be
downloaded or built is ready before the run's clock matters.
"""

import os
import platform
import subprocess
from pathlib import Path

import attrs

from runner.arena import host
from runner.arena.gvisor import sandbox_command
from runner.arena.host import host_command
from runner.arena.limits import FaultUnavailableError, unavailable
from runner.arena.private_root import SOURCE, paths_of_this_program, refused_because
from runner.conduct import Beside, Inside, Watcher, conduct, inner_command
from runner.core.prepare import PlanError, prepare
from runner.host.arena_facts import inside_gvisor, tracing_refused
from runner.log import log
from runner.model.experiment import Experiment
from runner.model.fault import AnyFault, describe
from runner.model.kinds import ArenaKind, Mechanism
from runner.model.result import ArenaInfo, RunResult, WorkloadInfo
from runner.supply.cache import Cache
from runner.supply.gvisors import GVisor, gvisor, gvisor_named, known
from runner.supply.layer import Layer, LayerUnavailableError, commands_present
from runner.supply.layer import layer as package_layer
from runner.supply.needs import missing, packages_for
from runner.supply.programs import with_programs
from runner.supply.runsc import find_runsc
from runner.supply.supplied import Progress, Supplied
from runner.workloads import Workload, choose_workload, standin


class ArenaError(Exception):
    """The arena cannot be made here; the message says why and what to do (exit code 4)."""


@attrs.frozen(kw_only=True)
class RunOptions:
    """The words of the command line, checked for form but not yet resolved.

    Attributes:
        workload: Kind, or ``auto``.
        arena: Kind, or ``auto``.
        mechanism: Instead of the experiment's own.
        faults: Instead of the experiment's own; None leaves those.
        without: Steps and view parts to leave out.
        deadline_s: Instead of the experiment's own.
        keep: Leave the workload running at the end.
        platform: gVisor's; empty is the usual one of the build.
        network: gVisor's; empty is the usual one of the build.
        runsc: A build of gVisor by name or version, instead of the one that is found.
        workload_version: That version of the workload and no other.
        cell: Fingerprint of the cell that the run belongs to, for the result.
        results: The results directory.
    """

    workload: str = "auto"
    arena: str = "auto"
    mechanism: Mechanism | None = None
    faults: tuple[AnyFault, ...] | None = None
    without: tuple[str, ...] = ()
    deadline_s: float | None = None
    keep: bool = False
    platform: str = ""
    network: str = ""
    runsc: str = ""
    workload_version: str = ""
    cell: str = ""
    reachable: bool = False
    results: Path


@attrs.frozen(kw_only=True)
class Ground:
    """A chosen arena with what it is made of, and the workload that it was made for.

    Attributes:
        kind: Which arena.
        workload: What will be started in it.
        runsc: The gVisor of the ``gvisor`` arena.
        layer: What is laid over the machine's root there.
        platform: gVisor's; empty outside that arena.
        network: gVisor's; empty is its own.
    """

    kind: ArenaKind
    workload: Workload
    runsc: Supplied | None = None
    layer: Layer | None = None
    platform: str = ""
    network: str = ""


async def run_experiment(
    experiment: Experiment,
    options: RunOptions,
    *,
    began: float,
    progress: Progress,
    watcher: Watcher,
    ground: Ground | None = None,
    beside: Beside | None = None,
) -> tuple[RunResult, Path]:
    """Run one experiment once.

    Args:
        experiment: What to run.
        options: How.
        began: Wall-clock time of the command, the zero of the run's clock.
        progress: Told about preparations.
        watcher: Told about each event.
        ground: What :func:`find_ground` found for the same options; None looks for it now.
        beside: As for :func:`runner.conduct.conduct`.

    Returns:
        The result and its directory.

    Raises:
        PlanError: The options do not fit the experiment.
        ArenaError: There is no arena to be had.
        FaultUnavailableError: A fault cannot be applied here.
        WorkloadError: There is no such workload to be had.
        SupplyError: Something that was named explicitly is not what it should be, or not to be had.
        StoreError: Results cannot be written.
    """
    # A first plan with a placeholder command: unknown step names are refused before anything is looked for.
    kind = _arena_kind(options.arena)
    first = prepare(
        experiment,
        workload="standin",
        arena=kind,
        command=(),
        mechanism=options.mechanism,
        faults=options.faults,
        without=options.without,
        deadline_s=options.deadline_s,
    )
    _refuse_untraced(kind, first.mechanism, options.platform)
    if refused := unavailable(first.faults, sandboxed=kind != "here"):
        raise FaultUnavailableError(refused)
    if ground is None:
        ground = await find_ground(options, progress)
    workload = ground.workload
    experiment, programs = await with_programs(experiment, workload.kind, progress)
    plan = prepare(
        experiment,
        workload=workload.kind,
        arena=kind,
        command=workload.command,
        mechanism=options.mechanism,
        faults=options.faults,
        without=options.without,
        deadline_s=options.deadline_s,
        keep=options.keep,
    )
    try:
        return await conduct(
            plan,
            in_arena(inner_command(plan, began), ground, programs, reachable=options.reachable),
            began=began,
            results=options.results,
            workload=WorkloadInfo(
                kind=workload.kind,
                version=workload.version,
                sha256=workload.sha256,
                command=plan.argv,
                chosen_because=workload.reason,
            ),
            arena=ArenaInfo(
                kind=kind,
                runsc_version=ground.runsc.version if ground.runsc else "",
                platform=ground.platform,
                fault="; ".join(describe(fault) for fault in plan.faults),
            ),
            environment={**_environment(ground), **workload.facts, **({"cell": options.cell} if options.cell else {})},
            watcher=watcher,
            beside=beside,
        )
    finally:
        if kind == "host":
            await host.clean_up()


async def find_ground(options: RunOptions, progress: Progress) -> Ground:
    """Find, download or build what a run needs: the workload, gVisor, the packages.

    Raises:
        ArenaError: There is no arena to be had.
        WorkloadError: There is no such workload to be had.
        SupplyError: Something that was named explicitly is not what it should be, or not to be had.
    """
    kind = _arena_kind(options.arena)
    _refuse_early(kind)
    if options.runsc and kind != "gvisor":
        raise PlanError(f"--runsc {options.runsc} is for the gvisor arena, and this is {kind}; leave it out")
    workload = await choose_workload(options.workload, progress, options.workload_version)
    try:
        ground = await _ground(kind, workload, options, progress)
    except LayerUnavailableError as error:
        if options.workload != "auto" or workload.kind == "k3s":
            raise
        workload = standin(f"{workload.kind} {workload.version} is there, but not what it needs: {error}")
        ground = await _ground(kind, workload, options, progress)
    log().info("workload.chosen", kind=workload.kind, version=workload.version, reason=workload.reason)
    if ground.runsc is not None:
        for attempt in ground.runsc.attempts:
            log().debug("runsc.looked", source=attempt.source, outcome=attempt.outcome, detail=attempt.detail)
    progress(f"workload {workload.kind} {workload.version}: {workload.reason}", None)
    return ground


def _arena_kind(wanted: str) -> ArenaKind:
    if wanted == "gvisor":
        return "gvisor"
    if wanted == "here":
        return "here"
    if wanted == "host":
        return "host"
    return "here" if inside_gvisor() else "gvisor"


def _refuse_untraced(kind: ArenaKind, mechanism: Mechanism, gvisor_platform: str) -> None:
    traced = mechanism in {"seccomp", "syscall"}
    if (traced or (kind == "gvisor" and gvisor_platform != "kvm")) and (reason := tracing_refused()):
        who = "the interceptor" if kind != "gvisor" else "gVisor's systrap" + (" and the interceptor" if traced else "")
        advice = ", or choose --mechanism mount" if kind != "gvisor" else ""
        raise ArenaError(
            f"no ptrace: {reason}; {who} cannot do without: allow it (CAP_SYS_PTRACE, kernel.yama.ptrace_scope below 3,"
            f" no seccomp profile that forbids it){advice}"
        )


def _refuse_early(kind: ArenaKind) -> None:
    if kind == "here":
        if os.geteuid() != 0:
            raise ArenaError("not root: steps mount and write system files; run it as root")
        return
    reason = refused_because(*(host.TOOLS if kind == "host" else ()))
    if reason:
        raise ArenaError(reason)


async def _ground(kind: ArenaKind, workload: Workload, options: RunOptions, progress: Progress) -> Ground:
    if kind == "here":
        # Nothing is laid over a sandbox that is not ours; what it lacks shows late, as pods that never run.
        if lacking := missing(commands_present(more=workload.commands), workload.commands):
            commands = ", ".join(need.command for need in lacking)
            log().warning("arena.lacks", commands=commands, install=" ".join(packages_for(lacking)))
        return Ground(kind=kind, workload=workload)
    if kind == "host":
        return Ground(kind=kind, workload=workload, layer=await package_layer(progress, more=workload.commands))
    if options.runsc:
        build: GVisor | None = (named := await gvisor_named(options.runsc))
        runsc = await gvisor(named, progress)
    else:
        runsc = await find_runsc(progress)
        build = known(runsc.version)
    return Ground(
        kind=kind,
        workload=workload,
        runsc=runsc,
        layer=await package_layer(progress, more=workload.commands),
        platform=options.platform or (build.platforms[0] if build else "systrap"),
        network=options.network or (build.network if build else ""),
    )


def in_arena(
    command: tuple[str, ...], ground: Ground, programs: tuple[Path, ...] = (), *, reachable: bool = False
) -> Inside:
    """How to run a command inside an arena.

    Args:
        command: The command.
        ground: The arena, with what it was made of.
        programs: More files that it must show.
        reachable: As for :func:`runner.arena.gvisor.sandbox_command`.
    """
    if ground.kind == "here":
        return Inside(argv=command, env={**os.environ, "PYTHONPATH": str(SOURCE)})
    work = sandbox_directory()
    layer = ground.layer.path if ground.layer else None
    shown = (*paths_of_this_program(), *ground.workload.needs, *programs)
    if ground.runsc is None:
        sandbox = host_command(layer=layer, work=work, inside=command, shown=shown)
    else:
        sandbox = sandbox_command(
            runsc=ground.runsc.path,
            platform=ground.platform,
            network=ground.network,
            layer=layer,
            work=work,
            inside=command,
            shown=shown,
            reachable=reachable,
        )
    return Inside(argv=sandbox.argv, env=dict(sandbox.env))


def sandbox_directory() -> Path:
    """Where a sandbox of ours has its root, in a mount namespace of its own: for everyone else the directory stays empty.

    It is made if it is missing.
    """
    directory = Cache.of_user().root / "sandbox"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _environment(ground: Ground) -> dict[str, str]:
    facts = {
        "tool_version": tool_version(),
        "git_commit": _git_commit(),
        "machine": platform.machine(),
        "machine_kernel": platform.release(),
        "cpus": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 2**20} MiB",
    }
    if ground.runsc is not None:
        facts["runsc_origin"] = ground.runsc.origin
        facts["runsc_sha256"] = ground.runsc.sha256
    if ground.layer is not None:
        facts["layer_packages"] = " ".join(ground.layer.packages)
    return facts


def tool_version() -> str:
    """This tool's version, as installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  only when a result needs it

    try:
        return version("k3s-in-gvisor-runner")
    except PackageNotFoundError:
        return "not installed"


def _git_commit() -> str:
    try:
        found = subprocess.run(
            ["git", "-C", str(SOURCE), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()
