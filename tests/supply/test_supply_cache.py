"""The cache: good or empty, whoever is killed and whatever is full."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import trio
import trio.testing

from runner.supply.cache import Cache, CacheError
from runner.supply.supplied import Progress


async def make(cache: Cache, key: str, text: str, progress: Progress) -> None:
    async with cache.claim(key, progress) as claim:
        scratch = claim.scratch()
        await trio.Path(scratch / "file").write_text(text)
        await claim.publish(scratch, {"made": text})


def leftovers(cache: Cache) -> list[str]:
    return sorted(path.name for path in cache.root.iterdir() if "~" in path.name and not path.name.endswith("~lock"))


def child(code: str, *arguments: str) -> "subprocess.Popen[str]":
    text = "import sys, trio\nfrom pathlib import Path\nfrom runner.supply.cache import *\n" + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", text, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


async def test_an_entry_is_there_only_after_publishing(cache: Cache, progress: Progress) -> None:
    async with cache.claim("k", progress) as claim:
        scratch = claim.scratch()
        (scratch / "file").write_text("x")
        assert cache.entry("k") is None
        published = await claim.publish(scratch, {"made": "x"})
        assert cache.entry("k") == published
    assert (cache.root / "k" / "file").read_text() == "x"
    assert leftovers(cache) == []


async def test_publishing_again_replaces_the_entry_whole(cache: Cache, progress: Progress) -> None:
    await make(cache, "k", "old", progress)
    await make(cache, "k", "new", progress)
    entry = cache.entry("k")
    assert entry is not None
    assert (entry.path / "file").read_text() == "new"
    assert entry.facts == {"made": "new"}
    assert leftovers(cache) == []


async def test_a_failing_maker_leaves_nothing(cache: Cache, progress: Progress) -> None:
    async def fails() -> None:
        async with cache.claim("k", progress) as claim:
            (claim.scratch() / "half").write_text("x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert cache.entry("k") is None
    assert leftovers(cache) == []


@pytest.mark.parametrize("facts", ["", "{", "[]", "\x80"])
async def test_an_entry_with_broken_facts_is_none_and_can_be_replaced(
    facts: str, cache: Cache, progress: Progress
) -> None:
    await make(cache, "k", "x", progress)
    (cache.root / "k" / "entry.json").write_text(facts, encoding="latin-1")
    assert cache.entry("k") is None
    await make(cache, "k", "y", progress)
    assert cache.entry("k") is not None


async def test_makers_of_one_key_take_turns_and_the_waiting_one_says_so(
    cache: Cache, progress: Progress, said: list[str]
) -> None:
    order: list[str] = []
    holding, go_on = trio.Event(), trio.Event()

    async def first() -> None:
        async with cache.claim("k", progress):
            holding.set()
            await go_on.wait()
            order.append("first")

    async def second() -> None:
        await holding.wait()

        def heard(text: str, fraction: float | None) -> None:
            progress(text, fraction)
            go_on.set()

        async with cache.claim("k", heard):
            order.append("second")

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first)
            nursery.start_soon(second)
    assert order == ["first", "second"]
    assert said == ["another run is preparing k; waiting for it"]


async def test_waiting_for_another_run_can_be_cancelled(cache: Cache, progress: Progress) -> None:
    async with cache.claim("k", progress):
        with trio.move_on_after(0.2) as scope:
            async with cache.claim("k", progress):
                raise AssertionError
        assert scope.cancelled_caught
    async with cache.claim("k", progress):  # the cancelled one holds nothing
        pass


async def test_other_keys_do_not_wait(cache: Cache, progress: Progress, said: list[str]) -> None:
    async with cache.claim("a", progress), cache.claim("b", progress):
        assert said == []


def test_a_killed_maker_frees_its_key_and_its_leftovers_are_swept(
    cache: Cache, progress: Progress, said: list[str]
) -> None:
    holder = child(
        """
        async def main():
            async with Cache(root=Path(sys.argv[1])).claim("k", print) as claim:
                (claim.scratch() / "half").write_text("x" * 1000)
                print("holding", flush=True)
                await trio.sleep_forever()
        trio.run(main)
        """,
        str(cache.root),
    )
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == "holding\n"
        assert len(leftovers(cache)) == 1
        holder.send_signal(signal.SIGKILL)
    trio.run(make, cache, "k", "x", progress)
    assert leftovers(cache) == []
    assert said == []


def test_a_child_that_inherits_the_lock_keeps_it_when_its_parent_is_killed(cache: Cache) -> None:
    holder = child(
        """
        import os, subprocess
        async def main():
            async with Cache(root=Path(sys.argv[1])).claim("k", print) as claim:
                left = subprocess.Popen(["sleep", "60"], pass_fds=(claim.lock_fd,), stdout=subprocess.DEVNULL)
                print(left.pid, flush=True)
                await trio.sleep_forever()
        trio.run(main)
        """,
        str(cache.root),
    )
    assert holder.stdout is not None
    with holder:
        orphan = int(holder.stdout.readline())
        holder.send_signal(signal.SIGKILL)

    def waits(text: str, _: float | None) -> None:
        assert "another run" in text
        os.kill(orphan, signal.SIGKILL)

    async def claims() -> None:
        with trio.fail_after(20):
            async with cache.claim("k", waits):
                pass

    trio.run(claims)


async def test_the_partial_file_of_a_download_outlives_its_maker_but_not_a_week(
    cache: Cache, progress: Progress
) -> None:
    async with cache.claim("k", progress) as claim:
        partial = claim.partial
        partial.write_text("half")
    assert partial.exists()
    async with cache.claim("k", progress):
        assert partial.exists()
    os.utime(partial, (0, 0))
    async with cache.claim("k", progress):
        assert not partial.exists()


async def test_emptying_the_cache_while_waiting_does_not_split_the_lock(cache: Cache, progress: Progress) -> None:
    inside = 0

    async def second() -> None:
        nonlocal inside
        async with cache.claim("k", removes_lock_once):
            inside += 1
            assert inside == 1
            await trio.testing.wait_all_tasks_blocked()
            inside -= 1

    def removes_lock_once(_: str, __: float | None) -> None:
        (cache.root / ".k~lock").unlink(missing_ok=True)

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery, cache.claim("k", progress):
            nursery.start_soon(second)
            nursery.start_soon(second)
            await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize("key", ["", "../up", ".hidden", "a/b", "a~b", "-x", "x" * 200])
def test_a_key_that_could_leave_the_directory_is_refused(key: str, cache: Cache) -> None:
    with pytest.raises(ValueError, match="cache key"):
        cache.entry(key)


async def test_a_place_that_is_a_file_is_explained(tmp_path: Path, progress: Progress) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match=r"file/cache: .*not a directory; set XDG_CACHE_HOME"):
        async with Cache(root=tmp_path / "file" / "cache").claim("k", progress):
            pass


def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path: Path) -> None:
    code = """
        async def main():
            cache = Cache(root=Path(sys.argv[1]) / "cache")
            try:
                async with cache.claim("k", lambda *_: None) as claim:
                    scratch = claim.scratch()
                    claim.partial.write_bytes(b"x" * 700_000)
                    with explained(cache.root):
                        (scratch / "big").write_bytes(b"x" * 700_000)
                    await claim.publish(scratch, {})
            except CacheError as error:
                print(error)
            print(cache.entry("k"), sorted(path.name for path in cache.root.iterdir()))
        trio.run(main)
        """
    text = "import sys, trio\nfrom pathlib import Path\nfrom runner.supply.cache import *\n" + textwrap.dedent(code)
    (tmp_path / "full.py").write_text(text)
    (tmp_path / "disk").mkdir()
    commands = 'mount -t tmpfs -o size=1m none "$1" && PYTHONPATH="$4" exec "$2" "$3" "$1"'
    argv = ["unshare", "-m", "sh", "-c", commands, "sh", str(tmp_path / "disk"), sys.executable]
    ran = subprocess.run(
        [*argv, str(tmp_path / "full.py"), str(Path.cwd())], capture_output=True, text=True, check=False
    )
    if "unshare failed" in ran.stderr or "mount:" in ran.stderr:
        pytest.skip("needs to mount a small file system of its own")
    assert "no space left on the disk; free some, or set XDG_CACHE_HOME" in ran.stdout, ran
    assert ran.stdout.splitlines()[-1] == "None ['.k~lock']"


def test_notes_are_forgotten_with_age_and_on_request(cache: Cache) -> None:
    assert cache.recall("n", 60) is None
    cache.remember("n", "no network")
    assert cache.recall("n", 60) == "no network"
    (note,) = (cache.root / ".notes").iterdir()
    os.utime(note, (1, 1))
    assert cache.recall("n", 60) is None
    os.utime(note, (2**33, 2**33))  # a clock that was wrong
    assert cache.recall("n", 60) is None
    cache.remember("n", "again")
    cache.forget("n")
    assert cache.recall("n", 60) is None


def test_a_note_that_cannot_be_kept_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(root=tmp_path / "file")
    cache.remember("n", "x")
    assert cache.recall("n", 60) is None


async def test_a_digest_is_remembered_until_the_file_is_touched(cache: Cache, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    before = await cache.sha256(path)
    (note,) = (cache.root / ".notes").iterdir()
    note.write_text("f" * 64)
    assert await cache.sha256(path) == "f" * 64  # read from the note, not from the file
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    path.write_bytes(b"two")
    os.utime(path, ns=times)
    assert await cache.sha256(path) not in {before, "f" * 64}


def test_the_users_cache_is_below_xdg_cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Cache.of_user().root == tmp_path / "k3s-in-gvisor"


async def test_entries_that_are_out_of_use_are_pruned_by_prefix(cache: Cache, progress: Progress) -> None:
    for key in ("layer-old", "layer-used", "runsc-old"):
        await make(cache, key, "x", progress)
        os.utime(cache.root / key, (1, 1))
    used = cache.entry("layer-used")
    assert used is not None
    cache.use(used)
    await cache.prune("layer-", 3600, progress)
    assert cache.entry("layer-old") is None
    assert cache.entry("layer-used") is not None
    assert cache.entry("runsc-old") is not None
    assert leftovers(cache) == []


async def test_facts_are_readable_by_others(cache: Cache, progress: Progress) -> None:
    await make(cache, "k", "x", progress)
    assert json.loads((cache.root / "k" / "entry.json").read_text()) == {"made": "x"}


async def test_a_place_where_nothing_can_be_made_is_explained(progress: Progress) -> None:
    with pytest.raises(CacheError, match=r"/proc/cache: .*; set XDG_CACHE_HOME"):
        async with Cache(root=Path("/proc/cache")).claim("k", progress):
            pass


async def test_a_disk_that_fills_up_while_an_entry_is_made_is_explained(cache: Cache, progress: Progress) -> None:
    async def fills() -> None:
        async with cache.claim("k", progress) as claim:
            claim.partial.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(CacheError, match="no space left on the disk"):
        await fills()
    assert leftovers(cache) == []
