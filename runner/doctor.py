"""What this machine can do for a run, found out by trying, never by asking a version or a configuration.

Four states: ``ok``, ``warn`` (a run works, something is lost), ``fail`` (no run), ``unknown`` (could not be tried). Inside
gVisor only what the arena ``here`` needs is looked at. Everything is tried in private namespaces or a temporary directory, so
nothing of the machine changes; nothing is downloaded or built either: what a run would fetch by itself is said, not done.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import attrs
import trio

from runner.host.arena_facts import inside_gvisor, tracing_refused
from runner.host.steps import free_bytes
from runner.supply import k3s, kubernetes, runsc
from runner.supply.cache import Cache, CacheError
from runner.supply.gobuild import NEWEST_PIN, BuildError, choose_toolchain, find_go, installed_go
from runner.supply.layer import commands_present
from runner.supply.needs import missing, packages_for
from runner.supply.search import Search, Wanted
from runner.supply.supplied import Supplied, SupplyError

State = Literal["ok", "warn", "fail", "unknown"]

PROBE_WITHIN_S = 20
RUN_NEEDS_MIB = 2048
DISK_NEEDS_MIB = 1024


@attrs.frozen(kw_only=True)
class Check:
    """One probe's finding.

    Attributes:
        id: Stable name.
        state: See the module.
        found: What was seen.
        todo: What to do about it; empty when nothing needs doing.
    """

    id: str
    state: State
    found: str
    todo: str = ""


async def examine() -> tuple[Check, ...]:
    """Run all probes, one after the other: they are quick, and some would disturb each other."""
    inside = inside_gvisor()
    checks = [_root(), _machine(inside=inside)]
    if not inside:
        checks.append(await _tried("namespaces", _namespaces))
        checks.append(await _tried("overlay", _overlay))
    checks.append(_ptrace(inside=inside))
    if not inside:
        checks.append(await _program(runsc.WANTED, _runsc_keys(), _how_runsc_comes))
    checks.append(await _program(k3s.WANTED, _k3s_keys(), _how_k3s_comes))
    checks += [await _kubernetes(), _packages(inside=inside), _memory(), _disk()]
    return tuple(checks)


def _root() -> Check:
    if os.geteuid() == 0:
        return Check(id="root", state="ok", found="running as root")
    return Check(
        id="root",
        state="fail",
        found=f"running as user {os.geteuid()}",
        todo="run as root: the sandbox needs namespaces and mounts of its own",
    )


def _machine(*, inside: bool) -> Check:
    machine = os.uname().machine
    where = "inside gVisor" if inside else "plain Linux"
    found = f"{machine}, {where}, kernel {os.uname().release}"
    if machine == "x86_64":
        return Check(id="machine", state="ok", found=found)
    return Check(
        id="machine",
        state="warn",
        found=found,
        todo="the interceptor knows x86_64 only: use --mechanism mount on this machine",
    )


async def _tried(name: str, probe: Callable[[], Awaitable[Check]]) -> Check:
    try:
        return await probe()
    except trio.TooSlowError:
        return Check(id=name, state="unknown", found=f"could not be tried: no answer within {PROBE_WITHIN_S} s")
    except OSError as error:
        return Check(id=name, state="unknown", found=f"could not be tried: {error}")


async def _namespaces() -> Check:
    code, said = await _command("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "true")
    if code == 0:
        return Check(id="namespaces", state="ok", found="private mount, network and process namespaces can be made")
    return Check(
        id="namespaces",
        state="fail",
        found=f"unshare: {said}",
        todo="allow namespaces: in a container, start it with --privileged or CAP_SYS_ADMIN and no seccomp profile",
    )


async def _overlay() -> Check:
    with tempfile.TemporaryDirectory() as scratch:
        script = (
            'mount -t tmpfs tmpfs "$0" && mkdir "$0/u" "$0/w" "$0/m" &&'
            ' mount -t overlay overlay -o "lowerdir=/,upperdir=$0/u,workdir=$0/w" "$0/m" && test -e "$0/m/etc"'
        )
        code, said = await _command("unshare", "--mount", "--propagation", "private", "sh", "-c", script, scratch)
    if code == 0:
        return Check(id="overlay", state="ok", found="a copy-on-write layer over / can be mounted")
    return Check(
        id="overlay",
        state="fail",
        found=f"overlay over /: {said}",
        todo="the machine's kernel must allow overlayfs over its root; inside gVisor use --arena here",
    )


def _ptrace(*, inside: bool) -> Check:
    reason = tracing_refused()
    if not reason:
        return Check(id="ptrace", state="ok", found="a child can be traced")
    return Check(
        id="ptrace",
        state="warn" if inside else "fail",
        found=f"tracing a child failed: {reason}",
        todo="allow ptrace (CAP_SYS_PTRACE, kernel.yama.ptrace_scope below 3, no seccomp profile that forbids it): "
        + ("or use --mechanism mount" if inside else "gVisor's systrap needs it, and so does the interceptor"),
    )


async def _program(wanted: Wanted, keys: tuple[str, ...], otherwise: Callable[[], Awaitable[Check]]) -> Check:
    """Look where a run would look, short of fetching."""
    try:
        search = Search(wanted, os.environ, Cache.of_user(), lambda _text, _fraction: None)
        found: Supplied | None = await search.named() or await search.on_path() or await search.cached(*keys)
    except (SupplyError, CacheError) as error:
        return Check(id=wanted.program, state="fail", found=str(error), todo=f"correct or unset {wanted.variable}")
    if found is not None:
        return Check(id=wanted.program, state="ok", found=f"{found.version}, {found.origin}")
    return await otherwise()


def _runsc_keys() -> tuple[str, ...]:
    release = runsc.release_of(os.environ)
    keys = [release.key] if release else []
    return (*keys, runsc.build_key(NEWEST_PIN))


def _k3s_keys() -> tuple[str, ...]:
    release = k3s.release_of(k3s.VERSION, os.environ)
    return (release.key,) if release else ()


async def _how_runsc_comes() -> Check:
    go, why_not = await _go()
    if not why_not:
        return Check(
            id="runsc",
            state="warn",
            found=f"not there yet; a run downloads it, or builds it with {go} in about a minute",
        )
    return Check(
        id="runsc",
        state="warn",
        found=f"not there yet; a run downloads it if it can; it cannot be built: {why_not}",
        todo="without access to the release site: set RUNSC_BIN, or install Go 1.21 or newer to have it built",
    )


async def _go() -> tuple[str, str]:
    """The go command, and why nothing can be built with it; the reason is empty when it can."""
    go = find_go(os.environ)
    if go is None:
        return "", "there is no go command"
    try:
        choose_toolchain(NEWEST_PIN, await installed_go(go, os.environ))
    except BuildError as error:
        return str(go), str(error)
    return str(go), ""


async def _how_k3s_comes() -> Check:
    return Check(
        id="k3s",
        state="warn",
        found="not there yet; a run downloads it if it can, else upstream Kubernetes or the stand-in takes its place",
        todo="to run the real thing without access to the release site: set K3S_BIN to a k3s binary",
    )


async def _kubernetes() -> Check:
    """The second choice of a workload; built, never downloaded."""
    recipes = (kubernetes.kubernetes_recipe(kubernetes.VERSION), kubernetes.datastore_recipe("kine"))
    if all(Cache.of_user().entry(kubernetes.cache_key(recipe)) for recipe in recipes):
        return Check(
            id="kubernetes", state="ok", found=f"{kubernetes.VERSION} and kine {kubernetes.KINE}, in the cache"
        )
    go, why_not = await _go()
    if not why_not:
        return Check(
            id="kubernetes",
            state="ok",
            found=f"not there yet; {go} builds it in some minutes when there is no k3s, if a Go module proxy can be reached",
        )
    return Check(
        id="kubernetes",
        state="warn",
        found=f"not there, and cannot be built: {why_not}",
        todo="without k3s: install Go 1.21 or newer to run the real components rather than the stand-in",
    )


def _packages(*, inside: bool) -> Check:
    lacking = packages_for(missing(commands_present()))
    if not lacking:
        return Check(id="packages", state="ok", found="the machine has every program that the arena needs")
    names = ", ".join(lacking)
    if inside:
        return Check(
            id="packages",
            state="warn",
            found=f"this sandbox lacks {names}",
            todo=f"apt-get install {' '.join(lacking)}: nothing is laid over a sandbox that is not ours",
        )
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        return Check(id="packages", state="ok", found=f"from a cached layer, not onto the machine: {names}")
    return Check(
        id="packages",
        state="fail",
        found=f"missing, and there is no apt-get to make the layer with: {names}",
        todo=f"install them with your package manager: {names}",
    )


def _memory() -> Check:
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    found = f"{available} MiB free, {os.cpu_count()} processors"
    if available >= RUN_NEEDS_MIB:
        return Check(id="memory", state="ok", found=found)
    return Check(id="memory", state="warn", found=found, todo=f"a run of k3s wants about {RUN_NEEDS_MIB} MiB")


def _disk() -> Check:
    free = free_bytes(Path.cwd()) // 2**20
    if free >= DISK_NEEDS_MIB:
        return Check(id="disk", state="ok", found=f"{free} MiB free here")
    return Check(
        id="disk", state="warn", found=f"{free} MiB free here", todo="free some space, or choose --results elsewhere"
    )


async def _command(*argv: str) -> tuple[int, str]:
    with trio.fail_after(PROBE_WITHIN_S):
        done = await trio.run_process(list(argv), check=False, stdin=b"", capture_stdout=True, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode(errors="replace").strip()
