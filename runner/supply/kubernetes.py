"""The upstream Kubernetes components and a datastore for them, built from their Go modules and cached by version.

For machines without k3s, and without the site that has it, but with a Go module proxy. kine is SQLite behind etcd's
interface, as k3s has it (here with SQLite translated to Go: k3s compiles the C original); etcd is the other choice.
Not to be had is an answer and no error: another workload takes its place. How the components are run is not known here.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from typing import Literal, get_args

import attrs
import trio

from runner.supply.binary import NotUsableError, machine, reported_version
from runner.supply.cache import Cache, CacheError, Claim, Entry, explained, hash_file
from runner.supply.gobuild import BuildError
from runner.supply.gomodule import Go, Program, Recipe, build, go_for
from runner.supply.supplied import Absent, Attempt, Progress, Supplied, SupplyError

Datastore = Literal["kine", "etcd"]

VERSION = "v1.34.4"
VERSIONS = (VERSION, "v1.35.4")
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
KINE = "v0.17.5"
ETCD = "v3.6.5"
# A build that failed is not tried again for so long, or every run would begin with a minute of waiting for it.
FAILURE_REMEMBERED_S = 600.0

_VERSION_LINES = {
    "kine": re.compile(r"kine version v(\S+)"),
    "etcd": re.compile(r"etcd Version: (\S+)"),
    "coredns": re.compile(r"CoreDNS-(\S+)"),
}
_KUBERNETES_LINE = re.compile(r"Kubernetes v(\S+)")


@attrs.frozen(kw_only=True)
class Kubernetes:
    """Everything a cluster is made of, except what the package layer brings.

    Attributes:
        components: Directory of the components; version, origin and digest are those of all of them.
        datastore: kine or etcd.
    """

    components: Supplied
    datastore: Supplied


def kubernetes_recipe(version: str) -> Recipe:
    """How the components of a version are built.

    Raises:
        SupplyError: No module for that version is shipped.
    """
    if version not in VERSIONS:
        raise SupplyError(f"Kubernetes {version}: this program can build {', '.join(VERSIONS)}; choose one of them")
    major, minor, _ = version.removeprefix("v").split(".")
    stamps = {
        f"{package}/version.{name}": value
        for package in ("k8s.io/component-base", "k8s.io/client-go/pkg")
        for name, value in (
            ("gitVersion", version),
            ("gitMajor", major),
            ("gitMinor", minor),
            ("gitTreeState", "archive"),
        )
    }
    return Recipe(
        name=f"kubernetes-{version}",
        version=version.removeprefix("v"),
        programs=tuple(
            Program(name=name, package=f"k8s.io/kubernetes/cmd/{name}") for name in (*COMPONENTS, "kubectl")
        ),
        toolchain="go1.25.0",
        stamps=stamps,
        packages=2350,
        takes="about five minutes on two cores, once",
    )


def datastore_recipe(datastore: Datastore) -> Recipe:
    """How a datastore is built."""
    if datastore == "kine":
        return Recipe(
            name=f"kine-{KINE}",
            version=KINE.removeprefix("v"),
            programs=(Program(name="kine", package="github.com/k3s-io/kine"),),
            toolchain="go1.26.5",
            stamps={"github.com/k3s-io/kine/pkg/version.Version": KINE},
            packages=1000,
            takes="about two minutes, once",
        )
    return Recipe(
        name=f"etcd-{ETCD}",
        version=ETCD.removeprefix("v"),
        programs=(Program(name="etcd", package="go.etcd.io/etcd/server/v3"),),
        toolchain="go1.25.0",
        stamps={},
        packages=500,
        takes="about a minute, once",
    )


def cache_key(recipe: Recipe) -> str:
    """Cache key of what a recipe builds on this machine."""
    return f"{recipe.name}-{machine()}"


async def find_kubernetes(
    progress: Progress,
    *,
    environ: Mapping[str, str] = os.environ,
    cache: Cache | None = None,
    refresh: bool = False,
) -> Kubernetes | Absent:
    """The components and their datastore, from the cache or built now.

    Args:
        progress: Told what goes on while something is built.
        environ: Where KUBERNETES_VERSION and KUBERNETES_DATASTORE are looked up, PATH and Go's variables.
        cache: None for the user's.
        refresh: Build even if it failed a moment ago.

    Returns:
        Absent when something of it cannot be had, with the reasons.

    Raises:
        SupplyError: A variable asks for something that is not offered.
    """
    cache = cache or Cache.of_user()
    components = kubernetes_recipe(environ.get("KUBERNETES_VERSION", "") or VERSION)
    chosen = environ.get("KUBERNETES_DATASTORE", "") or "kine"
    if chosen not in get_args(Datastore):
        raise SupplyError(f"KUBERNETES_DATASTORE={chosen}: it can be {' or '.join(get_args(Datastore))}")
    datastore = datastore_recipe("etcd" if chosen == "etcd" else "kine")
    attempts: list[Attempt] = []
    entries = []
    # The smaller one first: whatever stands in the way of building shows early.
    for recipe in (datastore, components):
        entry = await kept_or_built(recipe, attempts, cache, environ, progress, refresh=refresh)
        if entry is None:
            return Absent(what="kubernetes", attempts=tuple(attempts))
        entries.append(entry)
    return Kubernetes(
        datastore=supplied_from(entries[0], datastore.programs[0].name, attempts),
        components=supplied_from(entries[1], "", attempts),
    )


def supplied_from(entry: Entry, program: str, attempts: list[Attempt]) -> Supplied:
    """A program of a cache entry; without a name, the directory of all of them."""
    facts = entry.facts
    path = entry.path / program if program else entry.path
    return Supplied(
        path=path, version=facts["version"], origin=facts["origin"], sha256=facts["sha256"], attempts=tuple(attempts)
    )


async def kept_or_built(
    recipe: Recipe,
    attempts: list[Attempt],
    cache: Cache,
    environ: Mapping[str, str],
    progress: Progress,
    *,
    refresh: bool,
) -> Entry | None:
    """The cache's entry of a recipe, built now if there is none or it is damaged; None when it cannot be had.

    Args:
        recipe: What to build.
        attempts: What was tried is added here.
        cache: Where it is kept.
        environ: For Go.
        progress: Told what goes on.
        refresh: Build even if it failed a moment ago.
    """
    key = cache_key(recipe)
    source = f"cache ({recipe.name})"
    entry = cache.entry(key)
    if entry is not None:
        if await _is_intact(entry, recipe, cache):
            attempts.append(Attempt(source=source, outcome="used", detail=str(entry.path)))
            return entry
        attempts.append(Attempt(source=source, outcome="unusable", detail="it was damaged, and is built again"))
    else:
        attempts.append(Attempt(source=source, outcome="absent", detail=f"it is not in {cache.root}"))
    source = f"Go module ({recipe.name})"
    try:
        go = await go_for(recipe, environ)
    except BuildError as error:
        attempts.append(Attempt(source=source, outcome="failed", detail=str(error)))
        return None
    known = None if refresh else cache.recall(key, FAILURE_REMEMBERED_S)
    if known is not None:
        minutes = FAILURE_REMEMBERED_S / 60
        detail = f"not tried: less than {minutes:g} minutes ago it failed: {known}"
        attempts.append(Attempt(source=source, outcome="skipped", detail=detail))
        return None
    try:
        async with cache.claim(key, progress) as claim:
            entry = cache.entry(key)
            if entry is not None and not await _is_intact(entry, recipe, cache):
                claim.drop()
                entry = None
            if entry is None:
                entry = await _build(recipe, go, claim, environ, progress)
    except (BuildError, CacheError, NotUsableError) as error:
        attempts.append(Attempt(source=source, outcome="failed", detail=str(error)))
        cache.remember(key, str(error))
        return None
    cache.forget(key)
    attempts.append(Attempt(source=source, outcome="used", detail=str(entry.path)))
    return entry


async def _build(recipe: Recipe, go: Go, claim: Claim, environ: Mapping[str, str], progress: Progress) -> Entry:
    scratch = claim.scratch()
    with explained(scratch):
        built = await build(recipe, go, into=scratch, environ=environ, progress=progress, keep_open=(claim.lock_fd,))
    for path in built:
        if path.name == "kubectl":
            continue  # it answers to `version --client` only
        said = await reported_version(path, _VERSION_LINES.get(path.name, _KUBERNETES_LINE), path.name)
        if said != recipe.version:
            raise NotUsableError(f"{path.name} was built, but says that it is {said} and not {recipe.version}")
    digests = {path.name: await trio.to_thread.run_sync(hash_file, path, "sha256") for path in built}
    facts = {f"sha256 {name}": digest for name, digest in digests.items()}
    facts["sha256"] = _digest_of(digests) if len(digests) > 1 else next(iter(digests.values()))
    facts |= {"version": f"v{recipe.version}", "origin": f"built from Go module {recipe.name}"}
    return await claim.publish(scratch, facts)


def _digest_of(digests: Mapping[str, str]) -> str:
    """One digest for several files: of the lines that ``sha256sum`` would print for them, sorted by name."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


async def _is_intact(entry: Entry, recipe: Recipe, cache: Cache) -> bool:
    """Whether every program is what was put in; a second for each that was touched since it was last looked at."""
    try:
        for program in recipe.programs:
            if await cache.sha256(entry.path / program.name) != entry.facts.get(f"sha256 {program.name}"):
                return False
    except OSError:
        return False
    return {"version", "origin", "sha256"} <= entry.facts.keys()
