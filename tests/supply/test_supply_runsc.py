"""Finding, downloading and building runsc: the order, the reasons, and what is left when it fails."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio
from unreliable_site import Site

from runner.supply import gobuild
from runner.supply.binary import machine
from runner.supply.cache import Cache
from runner.supply.gobuild import NEWEST_PIN, BuildError, choose_toolchain
from runner.supply.runsc import build_key, find_runsc, runsc_at_pin
from runner.supply.supplied import Progress, Supplied, SupplyError

Script = Callable[..., Path]
ELF = Path("/bin/true").read_bytes()
ARCHITECTURE = {"amd64": "x86_64", "arm64": "aarch64"}[machine()]
RELEASED = b"#!/bin/sh\necho runsc version release-20260901.0\n"
BUILT = "#!/bin/sh\necho runsc version release-of-the-module\n"
# What go does, as far as this project asks it: say its version, and put an executable into GOBIN.
GO = """
echo "$GOTOOLCHAIN $*" >> "$(dirname "$0")/calls"
case "$1" in
version) echo "go version go1.26.8 linux/amd64" ;;
install) echo gvisor.dev/gvisor/pkg/one >&2; cp "$(dirname "$0")/runsc.built" "$GOBIN/runsc" ;;
esac
"""


@pytest.fixture
def dead_site() -> Iterator[str]:
    with socket.socket() as bound:  # bound, not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/release"


@pytest.fixture(autouse=True)
def _only_go_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gobuild, "_USUAL_PLACES", ())


@pytest.fixture
def environ(tmp_path: Path, dead_site: str) -> dict[str, str]:
    """No runsc, no Go, no network."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    return {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "RUNSC_RELEASES_URL": dead_site}


@pytest.fixture
def go(script: Script) -> Path:
    script("bin/runsc.built", "").write_text(BUILT)
    return script("bin/go", GO)


def outcomes(found: Supplied | SupplyError) -> list[tuple[str, str]]:
    return [(attempt.source, attempt.outcome) for attempt in found.attempts]


def publish(site: Site, environ: dict[str, str], body: bytes = RELEASED) -> None:
    directory = f"/latest/{ARCHITECTURE}"
    site.publish(directory, "runsc", body, listing="runsc.sha512", algorithm="sha512")
    environ["RUNSC_RELEASES_URL"] = site.url


def kept(cache: Cache) -> list[str]:
    return sorted(path.name for path in cache.root.iterdir() if not path.name.startswith("."))


async def test_the_variable_comes_first(
    cache: Cache, environ: dict[str, str], progress: Progress, script: Script
) -> None:
    script("bin/runsc", "echo runsc version other")
    environ["RUNSC_BIN"] = str(script("my/sc", "echo runsc version release-1; echo spec: 1.1"))
    found = await find_runsc(progress, environ=environ, cache=cache)
    assert (found.path, found.version) == (Path(environ["RUNSC_BIN"]), "release-1")
    assert found.origin == f"RUNSC_BIN={environ['RUNSC_BIN']}"
    assert outcomes(found) == [("RUNSC_BIN", "used")]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        ("missing", "no such file"),
        ("directory", "is not a file"),
        ("empty", "is an empty file"),
        ("page", r"is not a program \(it begins with b'<html>"),
        ("unexecutable", r"is not executable; chmod \+x it"),
        ("foreign", r"is built for s390x, but this machine is \w+"),
        ("cut", "cannot be run: Exec format error"),
        ("other", r"is not a runsc: its answer to --version is 'ls \(GNU coreutils\)"),
        ("silent", r"is not a runsc: its answer to --version is 'nothing' \(exit code 3\)"),
        ("no interpreter", "cannot be run: No such file or directory"),
    ],
)
async def test_a_variable_that_names_no_runsc_is_an_error_that_says_why(
    make: str, why: str, cache: Cache, environ: dict[str, str], progress: Progress, tmp_path: Path, script: Script
) -> None:
    script("bin/runsc", "echo runsc version other")  # must not be taken instead
    path = tmp_path / "given"
    elf = ELF
    match make:
        case "directory":
            path.mkdir()
        case "empty":
            path.touch(0o755)
        case "page":
            path.write_text("<html><body>Not found")
        case "unexecutable":
            script("given", "echo runsc version x", mode=0o644)
        case "foreign":
            path.write_bytes(elf[:18] + (22).to_bytes(2, "little") + elf[20:])
        case "cut":
            path.write_bytes(elf[:200])
            path.chmod(0o755)
        case "other":
            path = Path("/bin/ls")
        case "silent":
            script("given", "exit 3")
        case "no interpreter":
            path.write_text("#!/no/such/interpreter\n")
            path.chmod(0o755)
        case _:
            assert make == "missing"
    environ["RUNSC_BIN"] = str(path)
    with pytest.raises(SupplyError, match=f"RUNSC_BIN={path}: {why}.*; point RUNSC_BIN at a runsc .* or unset it"):
        await find_runsc(progress, environ=environ, cache=cache)


async def test_path_comes_second(cache: Cache, environ: dict[str, str], progress: Progress, script: Script) -> None:
    path = script("bin/runsc", "echo runsc version release-2")
    found = await find_runsc(progress, environ=environ, cache=cache)
    assert (found.path, found.version) == (path, "release-2")
    assert outcomes(found) == [("RUNSC_BIN", "absent"), ("PATH", "used")]


@pytest.mark.usefixtures("go")
async def test_an_unusable_runsc_on_path_is_noted_and_passed_over(
    cache: Cache, environ: dict[str, str], progress: Progress, script: Script
) -> None:
    script("bin/runsc", "echo something else")
    found = await find_runsc(progress, environ=environ, cache=cache)
    assert outcomes(found)[1] == ("PATH", "unusable")
    assert found.path.parent.parent == cache.root


@pytest.mark.usefixtures("go")
async def test_the_official_release_is_preferred_to_building_and_kept(
    site: Site, cache: Cache, environ: dict[str, str], progress: Progress
) -> None:
    publish(site, environ)
    found = await find_runsc(progress, environ=environ, cache=cache)
    assert found.version == "release-20260901.0"
    assert found.path.read_bytes() == RELEASED
    assert found.origin == f"official release, {site.url}/latest/{ARCHITECTURE}/runsc"
    assert outcomes(found)[2:] == [("cache", "absent"), ("official release", "used")]
    asked = len(site.asked)
    again = await find_runsc(progress, environ=environ, cache=cache)
    assert outcomes(again)[2:] == [("cache", "used")]
    assert (again.path, again.sha256, again.origin) == (found.path, found.sha256, found.origin)
    assert len(site.asked) == asked


async def test_without_a_network_it_is_built_and_the_way_there_is_told(
    go: Path, cache: Cache, environ: dict[str, str], progress: Progress, said: list[str]
) -> None:
    found = await find_runsc(progress, environ=environ, cache=cache)
    assert found.version == "release-of-the-module"
    assert found.origin == f"built from Go module gvisor.dev/gvisor/runsc@{NEWEST_PIN}"
    assert outcomes(found) == [
        ("RUNSC_BIN", "absent"),
        ("PATH", "absent"),
        ("cache", "absent"),
        ("official release", "failed"),
        ("Go module", "used"),
    ]
    assert "no connection to 127.0.0.1" in found.attempts[3].detail
    assert "building runsc: gvisor.dev/gvisor/pkg/one" in said
    calls = (go.parent / "calls").read_text().splitlines()
    assert calls == ["local version", f"local install -v -trimpath gvisor.dev/gvisor/runsc@{NEWEST_PIN}"]
    assert kept(cache) == [build_key(NEWEST_PIN)]


@pytest.mark.usefixtures("go")
async def test_a_wrong_checksum_leads_to_building_and_is_said(
    site: Site, cache: Cache, environ: dict[str, str], progress: Progress
) -> None:
    publish(site, environ)
    site.pages[f"/latest/{ARCHITECTURE}/runsc"].body = RELEASED + b"#"
    found = await find_runsc(progress, environ=environ, cache=cache)
    assert outcomes(found)[3:] == [("official release", "failed"), ("Go module", "used")]
    assert "the download was thrown away" in found.attempts[3].detail
    assert kept(cache) == [build_key(NEWEST_PIN)]


@pytest.mark.usefixtures("go")
async def test_a_release_that_is_verified_but_is_no_runsc_is_not_kept(
    site: Site, cache: Cache, environ: dict[str, str], progress: Progress
) -> None:
    publish(site, environ, b"#!/bin/sh\necho something else\n")
    found = await find_runsc(progress, environ=environ, cache=cache)
    assert "has the published checksum, but is not a runsc" in found.attempts[3].detail
    assert kept(cache) == [build_key(NEWEST_PIN)]


async def test_a_remembered_failure_of_the_network_is_not_tried_again_until_asked(
    site: Site, cache: Cache, environ: dict[str, str], progress: Progress
) -> None:
    publish(site, environ)
    pages, site.pages = site.pages, {}
    with pytest.raises(SupplyError):
        await find_runsc(progress, environ=environ, cache=cache)
    site.pages = pages
    with pytest.raises(SupplyError, match=r"skipped: not tried: less than 10 minutes ago it failed: .* HTTP 404"):
        await find_runsc(progress, environ=environ, cache=cache)
    found = await find_runsc(progress, environ=environ, cache=cache, refresh=True)
    assert outcomes(found)[-1] == ("official release", "used")


async def test_nothing_at_all_lists_every_place_and_what_to_do(
    cache: Cache, environ: dict[str, str], progress: Progress
) -> None:
    with pytest.raises(SupplyError) as caught:
        await find_runsc(progress, environ=environ, cache=cache)
    text = str(caught.value)
    for words in (
        "RUNSC_BIN: absent: not set",
        "PATH: absent: no runsc on PATH",
        "official release: failed: no connection to 127.0.0.1",
        "Go module: failed: there is no go command on PATH; install Go",
        "Set RUNSC_BIN to a runsc",
    ):
        assert words in text
    assert len(caught.value.attempts) == 5
    assert kept(cache) == []


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("dial tcp: lookup modules.example.org: no such host", "no Go module proxy answers"),
        ("link: write /x: no space left on device", "the disk is full"),
        ("go: download go1.26.8: toolchain not available", "Go cannot get the toolchain"),
        ("verifying module: checksum mismatch", "the module proxy sent something else"),
        ("compile: signal: killed", "the compiler was killed: too little memory"),
        ("pkg/x.go:1: undefined: y", "see its words"),
    ],
)
async def test_a_failing_build_is_explained_and_leaves_nothing(
    words: str, advice: str, cache: Cache, environ: dict[str, str], progress: Progress, script: Script
) -> None:
    script(
        "bin/go", f'[ "$1" = version ] && echo go version go1.26.8 && exit\ntouch "$GOBIN/half"; echo "{words}"; exit 1'
    )
    with pytest.raises(SupplyError, match=rf"failed with exit code 1: {advice}.*\n *{words}"):
        await runsc_at_pin(NEWEST_PIN, progress, environ=environ, cache=cache)
    assert [path.name for path in cache.root.iterdir()] == [f".{build_key(NEWEST_PIN)}~lock"]


async def test_a_go_that_is_none_is_named(
    cache: Cache, environ: dict[str, str], progress: Progress, script: Script
) -> None:
    go = script("bin/go", "echo a board game")
    with pytest.raises(SupplyError, match=rf"{go} is not Go: its answer to 'go version' is 'a board game'"):
        await runsc_at_pin(NEWEST_PIN, progress, environ=environ, cache=cache)


@pytest.mark.parametrize("damage", [b"", b"#!/bin/sh\necho runsc version forged\n", None])
async def test_a_damaged_entry_is_removed_and_made_again(
    damage: bytes | None, go: Path, cache: Cache, environ: dict[str, str], progress: Progress
) -> None:
    first = await runsc_at_pin(NEWEST_PIN, progress, environ=environ, cache=cache)
    if damage is None:
        first.path.unlink()
    else:
        first.path.write_bytes(damage)
    again = await runsc_at_pin(NEWEST_PIN, progress, environ=environ, cache=cache)
    assert outcomes(again) == [("cache", "unusable"), ("Go module", "used")]
    assert "it was damaged, and is removed" in again.attempts[0].detail
    assert again.sha256 == first.sha256
    assert (go.parent / "calls").read_text().count("install") == 2


async def test_two_runs_at_once_build_once(go: Path, cache: Cache, environ: dict[str, str], progress: Progress) -> None:
    found: list[Supplied] = []

    async def run() -> None:
        found.append(await runsc_at_pin(NEWEST_PIN, progress, environ=environ, cache=cache))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        nursery.start_soon(run)
    assert found[0].path == found[1].path
    assert (go.parent / "calls").read_text().count("install") == 1


def test_a_run_killed_in_the_middle_of_building_leaves_the_cache_empty_and_the_next_one_builds(
    go: Path, cache: Cache, environ: dict[str, str], progress: Progress, said: list[str], script: Script
) -> None:
    script("bin/go", f'[ "$1" = install ] && echo half > "$GOBIN/runsc" && echo $$ && exec sleep 60\n{GO}')
    code = (
        "import sys, trio\nfrom pathlib import Path\nfrom runner.supply.cache import Cache\n"
        "from runner.supply.runsc import runsc_at_pin\nheard = lambda text, _: print(text, flush=True)\n"
        "trio.run(lambda: runsc_at_pin(sys.argv[2], heard, cache=Cache(root=Path(sys.argv[1]))))"
    )
    argv = [sys.executable, "-c", code, str(cache.root), NEWEST_PIN]
    killed = subprocess.Popen(
        argv,
        env={**environ, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert killed.stdout is not None
    with killed:
        assert killed.stdout.readline().startswith("building runsc")
        compiler = int(killed.stdout.readline().rpartition(" ")[2])
        killed.send_signal(signal.SIGKILL)
    assert kept(cache) == []
    script("bin/go", GO)

    def heard(text: str, fraction: float | None) -> None:
        progress(text, fraction)
        if "another run" in text:  # the compiler outlived its run, and still holds the lock
            os.kill(compiler, signal.SIGKILL)

    async def next_run() -> Supplied:
        with trio.fail_after(30):
            return await runsc_at_pin(NEWEST_PIN, heard, environ=environ, cache=cache)

    found = trio.run(next_run)
    assert found.path.read_text() == (go.parent / "runsc.built").read_text()
    assert any("another run" in text for text in said)
    assert kept(cache) == [build_key(NEWEST_PIN)]


async def test_cancelling_a_build_kills_the_compiler(cache: Cache, environ: dict[str, str], script: Script) -> None:
    script("bin/go", 'case "$1" in version) echo go version go1.26.8;; *) sleep 60 & echo $!; wait;; esac')
    compilers: list[int] = []
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:

            def heard(text: str, _: float | None) -> None:
                if (last := text.rpartition(" ")[2]).isdigit():
                    compilers.append(os.pidfd_open(int(last)))
                    nursery.cancel_scope.cancel()

            async def run() -> None:
                await runsc_at_pin(NEWEST_PIN, heard, environ=environ, cache=cache)

            nursery.start_soon(run)
        await trio.lowlevel.wait_readable(compilers[0])  # a pidfd is readable when its process has ended
    os.close(compilers[0])
    assert kept(cache) == []


@pytest.mark.parametrize(
    ("pin", "installed", "toolchain"),
    [
        (NEWEST_PIN, (1, 26, 8), "local"),
        (NEWEST_PIN, (1, 26, 9), "local"),
        (NEWEST_PIN, (1, 26, 1), "go1.26.8"),
        (NEWEST_PIN, (1, 27, 0), "go1.26.8"),
        (NEWEST_PIN, (1, 21, 0), "go1.26.8"),
        ("v0.0.0-20251031020517-ecfcdd2f171c", (1, 26, 8), "go1.25.4"),
        ("v0.0.0-20250503011706-39ed1f5ac29c", (1, 26, 8), "go1.24.9"),
    ],
)
def test_a_pin_is_built_with_the_go_of_its_time(pin: str, installed: tuple[int, int, int], toolchain: str) -> None:
    assert choose_toolchain(pin, installed) == toolchain


def test_a_go_that_cannot_fetch_another_is_refused() -> None:
    with pytest.raises(BuildError, match=r"Go 1\.19\.8 cannot fetch go1\.26\.8.*; install Go 1\.21 or later"):
        choose_toolchain(NEWEST_PIN, (1, 19, 8))


def test_an_unknown_pin_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BuildError, match=f"v9: no Go toolchain is known.*{NEWEST_PIN}"):
        choose_toolchain("v9", (1, 26, 8))
