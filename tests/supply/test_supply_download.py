"""Downloads from a real server on this machine that breaks in the ways that real ones do."""

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing
from unreliable_site import Page, Site

from runner.supply import download, transfer
from runner.supply.download import Checksum, fetch, find_checksum, published_checksum
from runner.supply.supplied import Progress
from runner.supply.transfer import DownloadError, Transfer, UnreachableError, endpoint, reach

BODY = os.urandom(300_000)
GOOD = Checksum(algorithm="sha256", digest=hashlib.sha256(BODY).hexdigest(), source="the list")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_PAUSE_S", 0.001)


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    return tmp_path / "partial"


def size(path: Path) -> int:
    return path.stat().st_size


def content(path: Path) -> bytes:
    return path.read_bytes()


def put(path: Path, text: bytes) -> None:
    path.write_bytes(text)


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def get(site: Site, partial: Path, progress: Progress, checksum: Checksum = GOOD) -> None:
    await fetch(f"{site.url}/k3s", checksum=checksum, partial=partial, progress=progress, what="k3s")


@pytest.mark.parametrize("sized", [True, False])
async def test_a_whole_download_is_delivered(*, sized: bool, site: Site, partial: Path, progress: Progress) -> None:
    site.pages["/k3s"] = Page(BODY, sized=sized)
    await get(site, partial, progress)
    assert content(partial) == BODY
    assert names(partial.parent) == ["partial"]  # no note is left


async def test_a_broken_connection_is_taken_up_where_it_broke(
    site: Site, partial: Path, progress: Progress, said: list[str]
) -> None:
    site.pages["/k3s"] = Page(BODY, cut_after=[100_000, 50_000])
    await get(site, partial, progress)
    assert content(partial) == BODY
    assert [asked.range for asked in site.asked] == ["", "bytes=100000-", "bytes=150000-"]
    assert any("ended after 100000 of 300000 bytes; trying again" in text for text in said)


async def test_progress_that_is_made_starts_the_count_of_tries_anew(
    site: Site, partial: Path, progress: Progress
) -> None:
    site.pages["/k3s"] = Page(BODY, cut_after=[10_000] * 12)
    await get(site, partial, progress)
    assert content(partial) == BODY


async def test_without_progress_it_gives_up_and_keeps_what_it_has(
    site: Site, partial: Path, progress: Progress
) -> None:
    site.pages["/k3s"] = Page(BODY, cut_after=[100_000] + [0] * 20)
    with pytest.raises(DownloadError, match="ended after 100000 of 300000 bytes"):
        await get(site, partial, progress)
    assert size(partial) == 100_000
    assert len(site.asked) <= 2 * download.TRIES


async def test_a_server_without_ranges_is_asked_for_all_of_it(site: Site, partial: Path, progress: Progress) -> None:
    site.pages["/k3s"] = Page(BODY, cut_after=[100_000], ranges=False)
    await get(site, partial, progress)
    assert content(partial) == BODY


async def test_nothing_is_resumed_without_a_validator(site: Site, partial: Path, progress: Progress) -> None:
    site.pages["/k3s"] = Page(BODY, cut_after=[100_000], etag="")
    await get(site, partial, progress)
    assert [asked.range for asked in site.asked] == ["", ""]


async def test_a_changed_file_is_not_glued_to_the_old_half(site: Site, partial: Path, progress: Progress) -> None:
    site.pages["/k3s"] = Page(os.urandom(300_000), cut_after=[100_000] + [0] * 20, etag='"old"')
    with pytest.raises(DownloadError):
        await get(site, partial, progress)
    site.pages["/k3s"] = Page(BODY, etag='"new"')
    await get(site, partial, progress)
    assert content(partial) == BODY


async def test_a_wrong_half_with_the_right_etag_is_thrown_away_and_all_is_fetched_once_more(
    site: Site, partial: Path, progress: Progress
) -> None:
    site.pages["/k3s"] = Page(BODY, cut_after=[100_000] + [0] * 20)
    with pytest.raises(DownloadError):
        await get(site, partial, progress)
    put(partial, b"x" * 100_000)
    site.pages["/k3s"] = Page(BODY)
    await get(site, partial, progress)
    assert content(partial) == BODY


async def test_a_half_longer_than_the_file_is_thrown_away(site: Site, partial: Path, progress: Progress) -> None:
    site.pages["/k3s"] = Page(BODY, cut_after=[100_000] + [0] * 20)
    with pytest.raises(DownloadError):
        await get(site, partial, progress)
    put(partial, b"x" * 400_000)
    site.pages["/k3s"] = Page(BODY)
    await get(site, partial, progress)
    assert content(partial) == BODY


async def test_a_file_that_was_complete_when_interrupted_is_not_fetched_again(
    site: Site, partial: Path, progress: Progress
) -> None:
    site.pages["/k3s"] = Page(BODY, cut_after=[100_000] + [0] * 20)
    with pytest.raises(DownloadError):
        await get(site, partial, progress)
    put(partial, BODY)
    before = len(site.asked)
    await get(site, partial, progress)
    assert len(site.asked) == before


async def test_a_wrong_checksum_is_an_error_and_nothing_stays(site: Site, partial: Path, progress: Progress) -> None:
    site.pages["/k3s"] = Page(BODY[:-1] + b"!")
    with pytest.raises(DownloadError, match=r"the list publishes .*thrown away") as caught:
        await get(site, partial, progress)
    assert not caught.value.passing
    assert names(partial.parent) == []
    assert len(site.asked) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_busy_server_is_asked_again(status: int, site: Site, partial: Path, progress: Progress) -> None:
    site.pages["/k3s"] = Page(BODY, statuses=[status, status])
    await get(site, partial, progress)
    assert len(site.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_refusal_is_said_at_once(status: int, site: Site, partial: Path, progress: Progress) -> None:
    site.pages["/k3s"] = Page(BODY, statuses=[status])
    with pytest.raises(DownloadError, match=rf"/k3s: HTTP {status} "):
        await get(site, partial, progress)
    assert len(site.asked) == 1


async def test_redirects_are_followed_and_keep_the_range(site: Site, partial: Path, progress: Progress) -> None:
    site.pages["/k3s"] = Page(b"", location=f"{site.url}/elsewhere")
    site.pages["/elsewhere"] = Page(BODY, cut_after=[100_000])
    await get(site, partial, progress)
    assert content(partial) == BODY
    assert site.asked[-1].range == "bytes=100000-"


async def test_progress_tells_bytes_and_fraction(site: Site, partial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "REPORT_EVERY_S", 0)
    heard: list[tuple[str, float | None]] = []
    site.pages["/k3s"] = Page(BODY)
    await get(site, partial, lambda text, fraction: heard.append((text, fraction)))
    fractions = [fraction for text, fraction in heard if fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert heard[-1] == ("k3s: checking its sha256", None)


async def test_a_download_cancelled_while_it_waits_ends_at_once_and_keeps_its_half(
    site: Site, partial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "REPORT_EVERY_S", 0)
    site.pages["/k3s"] = Page(BODY, hold_after=200_000)
    with trio.fail_after(10):  # less than the time a stalled read may take
        async with trio.open_nursery() as nursery:

            async def cancel_once_it_waits() -> None:
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()

            def heard(_: str, fraction: float | None) -> None:
                if fraction is not None and fraction >= 2 / 3:
                    nursery.start_soon(cancel_once_it_waits)

            nursery.start_soon(get, site, partial, heard)
    site.release.set()
    assert size(partial) == 200_000
    site.pages["/k3s"].hold_after = None
    await get(site, partial, lambda *_: None)
    assert site.asked[-1].range == "bytes=200000-"


async def test_a_stalled_server_is_given_up(
    site: Site, partial: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "STALL_S", 0.2)
    monkeypatch.setattr(download, "TRIES", 1)
    site.pages["/k3s"] = Page(BODY, hold_after=1000)
    with pytest.raises(DownloadError, match=r"the server sent nothing for 0\.2 s") as caught:
        await get(site, partial, progress)
    assert caught.value.passing
    site.release.set()


@pytest.fixture
def dead_port() -> Iterator[int]:
    with socket.socket() as bound:  # bound, not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


@pytest.mark.usefixtures("site")
async def test_no_connection_is_said_in_seconds(dead_port: int) -> None:
    with pytest.raises(UnreachableError, match=rf"no connection to 127\.0\.0\.1:{dead_port}: "):
        await reach(f"http://127.0.0.1:{dead_port}/x")


@pytest.mark.usefixtures("site")
async def test_an_unanswered_connection_is_given_up_in_time() -> None:
    with socket.socket() as full:  # a queue of one that nobody accepts from: further SYNs are dropped
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.socket() as first, socket.socket() as second:
            first.connect(address)
            second.settimeout(0)
            second.connect_ex(address)
            with pytest.raises(UnreachableError, match=r"within 0\.2 s"):
                await reach(f"http://127.0.0.1:{address[1]}/x", timeout_s=0.2)


async def test_the_proxy_is_what_must_be_reached(
    site: Site, partial: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", site.url)
    site.pages["http://releases.invalid/k3s"] = Page(BODY)  # a proxy is asked by full address
    url = "http://releases.invalid/k3s"
    assert endpoint(url) == endpoint(site.url)
    await reach(url)
    await fetch(url, checksum=GOOD, partial=partial, progress=progress, what="k3s")
    assert content(partial) == BODY


@pytest.mark.usefixtures("site")
def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", "inside.invalid")
    assert endpoint("https://outside.invalid/x") == ("proxy.invalid", 3128)
    assert endpoint("https://mirror.inside.invalid/x") == ("mirror.inside.invalid", 443)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y", "/x", "http://", "http://x:99999/y", "", "http://[/"]
)
async def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(DownloadError, match="is not an http:// or https:// address"):
        await reach(url)
    with pytest.raises(DownloadError, match="is not an http:// or https:// address"):
        Transfer(url)


async def test_something_that_speaks_no_http_is_a_passing_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DownloadError, match=r"SSH-2\.0") as caught:
            await published_checksum(f"http://127.0.0.1:{server.getsockname()[1]}/x", "k3s", "sha256")
        thread.join()
    assert caught.value.passing


async def test_the_published_checksum_is_found(site: Site) -> None:
    site.publish("/v1", "k3s", BODY, listing="sha256sum-amd64.txt", algorithm="sha256")
    url = f"{site.url}/v1/sha256sum-amd64.txt"
    assert await published_checksum(url, "k3s", "sha256") == Checksum(
        algorithm="sha256", digest=GOOD.digest, source=url
    )


@pytest.mark.parametrize(
    "text", ["", "<html>sign in</html>", f"{GOOD.digest}  k3s-arm64\n", f"{GOOD.digest[:-1]}  k3s\n"]
)
async def test_a_checksum_file_that_does_not_list_the_file_is_an_error(text: str, site: Site) -> None:
    site.pages["/sums"] = Page(text.encode())
    with pytest.raises(DownloadError, match="lists no sha256 of k3s"):
        await published_checksum(f"{site.url}/sums", "k3s", "sha256")


async def test_an_endless_checksum_file_is_refused(site: Site) -> None:
    site.pages["/sums"] = Page(b"0" * (download.CHECKSUM_FILE_LIMIT + 1), sized=False)
    with pytest.raises(DownloadError, match="not a checksum file"):
        await published_checksum(f"{site.url}/sums", "k3s", "sha256")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("{}  runsc", True),
        ("{} *runsc", True),
        ("{}  ./bin/runsc", True),
        ("{}  runsc.old", False),
        ("{}", False),
        ("zz{}  runsc", False),
    ],
)
def test_checksum_lines(*, line: str, found: bool) -> None:
    digest = hashlib.sha512(BODY).hexdigest()
    expected = digest if found else None
    assert find_checksum(f"# comment\n{line.format(digest.upper())}\n", "runsc", "sha512") == expected
