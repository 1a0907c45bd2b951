"""Finding and downloading k3s: nothing found is an answer, a wrong K3S_BIN is an error."""

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from unreliable_site import Page, Site

from runner.supply.binary import machine
from runner.supply.cache import Cache
from runner.supply.k3s import VERSION, find_k3s, release_of
from runner.supply.supplied import Absent, Progress, Supplied, SupplyError

Script = Callable[..., Path]
NAME = {"amd64": "k3s", "arm64": "k3s-arm64"}[machine()]
ANSWER = f"echo 'k3s version {VERSION} (24fc436e)'; echo go version go1.24.6"
RELEASED = f"#!/bin/sh\n{ANSWER}\n".encode() + b"#" * 200_000
KEY = f"k3s-{VERSION}-{machine()}"


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """No k3s, no network."""
    (tmp_path / "bin").mkdir()
    with socket.socket() as bound:  # bound, not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        yield {"PATH": f"{tmp_path}/bin", "K3S_RELEASES_URL": f"http://127.0.0.1:{bound.getsockname()[1]}"}


def publish(site: Site, environ: dict[str, str]) -> Page:
    environ["K3S_RELEASES_URL"] = f"{site.url}/download/"
    listing = f"sha256sum-{machine()}.txt"
    return site.publish("/download/v1.34.1%2Bk3s1", NAME, RELEASED, listing=listing, algorithm="sha256")


def outcomes(found: Supplied | Absent) -> list[tuple[str, str]]:
    return [(attempt.source, attempt.outcome) for attempt in found.attempts]


def kept(cache: Cache) -> list[str]:
    return sorted(path.name for path in cache.root.iterdir() if not path.name.startswith("."))


async def test_the_variable_then_path(
    cache: Cache, environ: dict[str, str], progress: Progress, script: Script
) -> None:
    on_path = script("bin/k3s", "echo k3s version v1.30.0+k3s1")
    found = await find_k3s(progress, environ=environ, cache=cache)
    assert isinstance(found, Supplied)
    assert (found.path, found.version) == (on_path, "v1.30.0+k3s1")
    environ["K3S_BIN"] = str(script("other", ANSWER))
    found = await find_k3s(progress, environ=environ, cache=cache)
    assert isinstance(found, Supplied)
    assert (found.path, found.version) == (Path(environ["K3S_BIN"]), VERSION)


async def test_a_variable_that_names_no_k3s_is_never_passed_over(
    cache: Cache, environ: dict[str, str], progress: Progress, script: Script
) -> None:
    script("bin/k3s", ANSWER)
    environ["K3S_BIN"] = str(script("other", "echo runsc version 1"))
    with pytest.raises(
        SupplyError, match=r"K3S_BIN=.*other: is not a k3s: .*'runsc version 1'.*; point K3S_BIN at a k3s"
    ):
        await find_k3s(progress, environ=environ, cache=cache)


async def test_a_relative_variable_is_of_the_working_directory(
    cache: Cache, environ: dict[str, str], progress: Progress, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = script("other", ANSWER)
    monkeypatch.chdir(path.parent)
    environ["K3S_BIN"] = "other"
    found = await find_k3s(progress, environ=environ, cache=cache)
    assert isinstance(found, Supplied)
    assert found.path == path


async def test_nothing_found_is_an_answer_with_reasons(
    cache: Cache, environ: dict[str, str], progress: Progress
) -> None:
    found = await find_k3s(progress, environ=environ, cache=cache)
    assert isinstance(found, Absent)
    assert outcomes(found) == [
        ("K3S_BIN", "absent"),
        ("PATH", "absent"),
        ("cache", "absent"),
        ("official release", "failed"),
    ]
    assert "official release: no connection to 127.0.0.1" in found.reason


async def test_the_release_is_downloaded_verified_and_kept(
    site: Site, cache: Cache, environ: dict[str, str], progress: Progress
) -> None:
    publish(site, environ)
    found = await find_k3s(progress, environ=environ, cache=cache)
    assert isinstance(found, Supplied)
    assert found.path.read_bytes() == RELEASED
    assert found.version == VERSION
    assert found.origin == f"official release, {site.url}/download/v1.34.1%2Bk3s1/{NAME}"
    again = await find_k3s(progress, environ=environ, cache=cache)
    assert outcomes(again)[-1] == ("cache", "used")
    assert site.times(f"/download/v1.34.1%2Bk3s1/{NAME}") == 1


async def test_a_release_of_another_version_is_not_kept(
    site: Site, cache: Cache, environ: dict[str, str], progress: Progress
) -> None:
    body = b"#!/bin/sh\necho k3s version v1.34.1+k3s10\n"
    publish(site, environ)
    listing = f"sha256sum-{machine()}.txt"
    site.publish("/download/v1.34.1%2Bk3s1", NAME, body, listing=listing, algorithm="sha256")
    found = await find_k3s(progress, environ=environ, cache=cache)
    assert isinstance(found, Absent)
    assert "v1.34.1+k3s10" in found.reason
    assert kept(cache) == []


@pytest.mark.parametrize("fault", ["checksum", "cut short for ever", "no file", "no checksum file", "error page"])
async def test_a_bad_download_never_reaches_the_cache(
    fault: str, site: Site, cache: Cache, environ: dict[str, str], progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.supply.download.FIRST_PAUSE_S", 0.001)
    page = publish(site, environ)
    match fault:
        case "checksum":
            page.body = page.body[:-1]
        case "cut short for ever":
            page.cut_after = [1000] + [0] * 20
        case "no file":
            del site.pages[f"/download/v1.34.1%2Bk3s1/{NAME}"]
        case "no checksum file":
            del site.pages[f"/download/v1.34.1%2Bk3s1/sha256sum-{machine()}.txt"]
        case "error page":
            site.pages[f"/download/v1.34.1%2Bk3s1/sha256sum-{machine()}.txt"].body = b"<html>sign in</html>"
        case _:
            raise AssertionError(fault)
    found = await find_k3s(progress, environ=environ, cache=cache)
    assert isinstance(found, Absent)
    assert outcomes(found)[-1] == ("official release", "failed")
    assert kept(cache) == []


async def test_a_remembered_failure_of_the_network_costs_nothing_until_asked(
    site: Site, cache: Cache, environ: dict[str, str], progress: Progress
) -> None:
    page = publish(site, environ)
    page.statuses = [404]
    assert isinstance(await find_k3s(progress, environ=environ, cache=cache), Absent)
    asked = len(site.asked)
    found = await find_k3s(progress, environ=environ, cache=cache)
    assert outcomes(found)[-1] == ("official release", "skipped")
    assert len(site.asked) == asked
    assert isinstance(await find_k3s(progress, environ=environ, cache=cache, refresh=True), Supplied)
    shutil.rmtree(cache.root / KEY)
    found = await find_k3s(progress, environ=environ, cache=cache)  # the success has put an end to it
    assert outcomes(found)[-1] == ("official release", "used")


async def test_another_mirror_is_not_blamed_for_the_first_ones_failure(
    site: Site, cache: Cache, environ: dict[str, str], progress: Progress
) -> None:
    assert isinstance(await find_k3s(progress, environ=environ, cache=cache), Absent)
    publish(site, environ)
    assert isinstance(await find_k3s(progress, environ=environ, cache=cache), Supplied)


def runs(cache: Cache, environ: dict[str, str]) -> "subprocess.Popen[str]":
    code = (
        "import sys, trio\nfrom pathlib import Path\nfrom runner.supply import download\n"
        "from runner.supply.cache import Cache\nfrom runner.supply.k3s import find_k3s\n"
        "download.REPORT_EVERY_S = 0\nheard = lambda text, _: print(text, flush=True)\n"
        "print(trio.run(lambda: find_k3s(heard, cache=Cache(root=Path(sys.argv[1])))).attempts[-1].outcome)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(cache.root)],
        env={**environ, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def hear(run: "subprocess.Popen[str]", words: str) -> None:
    assert run.stdout is not None
    heard = []
    for line in run.stdout:
        heard.append(line)
        if words in line:
            return
    raise AssertionError(heard)


def test_two_runs_at_once_share_one_download(site: Site, cache: Cache, environ: dict[str, str]) -> None:
    publish(site, environ).hold_after = 100_000
    with runs(cache, environ) as first:
        hear(first, "downloading")
        with runs(cache, environ) as second:
            hear(second, f"another run is preparing {KEY}")
            site.release.set()
            hear(first, "used")
            hear(second, "used")
    assert site.times(f"/download/v1.34.1%2Bk3s1/{NAME}") == 1
    assert kept(cache) == [KEY]


def test_a_run_killed_in_the_middle_leaves_no_entry_and_the_next_one_takes_it_up(
    site: Site, cache: Cache, environ: dict[str, str]
) -> None:
    page = publish(site, environ)
    page.hold_after = 100_000
    with runs(cache, environ) as killed:
        hear(killed, "0 of 0 MB")
        killed.send_signal(signal.SIGKILL)
    assert kept(cache) == []
    site.release.set()
    page.hold_after = None
    with runs(cache, environ) as again:
        hear(again, "used")
    assert (cache.root / KEY / "k3s").read_bytes() == RELEASED
    assert sorted(path.name for path in cache.root.iterdir()) == [f".{KEY}~lock", ".notes", KEY]


def test_the_plus_of_a_version_is_escaped_in_its_address() -> None:
    release = release_of(VERSION, {})
    assert release is not None
    assert release.url == f"https://github.com/k3s-io/k3s/releases/download/v1.34.1%2Bk3s1/{NAME}"
    assert release.checksum_url.endswith(f"/v1.34.1%2Bk3s1/sha256sum-{machine()}.txt")
