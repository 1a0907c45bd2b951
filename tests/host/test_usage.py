"""Memory of a family of processes: sums, peaks, and processes that are gone meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from runner.host.usage import UsageMeter, children_cpu_s

PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


def process(proc: Path, pid: int, *, pages: int, name: str = "kubelet") -> None:
    (proc / str(pid)).mkdir(exist_ok=True)
    fields = ["S", "1", *["0"] * 19, str(pages), "0"]
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")


def test_the_peak_is_of_the_sum_and_stays(tmp_path: Path) -> None:
    meter = UsageMeter(1, tmp_path)
    process(tmp_path, 10, pages=1000)
    process(tmp_path, 11, pages=500, name="odd ) name ( 7")
    meter.look()
    process(tmp_path, 10, pages=100)
    meter.look()
    assert meter.peak_rss_mib == pytest.approx(1500 * PAGE_MIB)
    assert meter.peak_processes == 2


def test_who_is_gone_meanwhile_counts_nothing(tmp_path: Path) -> None:
    meter = UsageMeter(1, tmp_path)
    process(tmp_path, 10, pages=10)
    (tmp_path / "12").mkdir()
    meter.look()
    assert meter.peak_rss_mib == pytest.approx(10 * PAGE_MIB)


def test_what_a_mapping_holds_beyond_the_end_of_its_file_does_not_count(tmp_path: Path) -> None:
    # gVisor, when bbolt maps and populates 10 GiB of a small file; in form as its smaps says it.
    database = tmp_path / "member/snap/db"
    database.parent.mkdir(parents=True)
    database.write_bytes(bytes(2**20))
    process(tmp_path, 10, pages=int(10_340 / PAGE_MIB), name="etcd")
    (tmp_path / "10/smaps").write_text(
        f"7ed7c5550000-7eda45550000 r--s 00000000 00:12 804                        {database}\n"
        "Size:           10485760 kB\nRss:            10485760 kB\nPss:            10485760 kB\n"
        "7eda45550000-7eda4b550000 rw-p 00000000 00:00 0 \n"
        "Size:             102400 kB\nRss:              101376 kB\n"
    )
    meter = UsageMeter(1, tmp_path)
    meter.look()
    assert meter.peak_rss_mib == pytest.approx(10_340 - 10_239, abs=1)


@pytest.mark.trio
async def test_a_real_familys_memory_is_seen() -> None:
    program = "import sys; held = b'x' * 64 * 2**20; print('held', flush=True); sys.stdin.read()"
    inner = [sys.executable, "-c", program]
    outer = f"import subprocess; subprocess.run({inner!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    meter = UsageMeter(process.pid)
    with trio.move_on_after(10) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(meter.watch)
            while meter.peak_rss_mib < 64:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    process.communicate(timeout=30)
    assert not scope.cancelled_caught
    assert meter.peak_processes == 1


def test_processor_time_of_children_counts_their_children_too() -> None:
    before = children_cpu_s()
    burn = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    subprocess.run(["sh", "-c", f"{sys.executable} -c '{burn}'; true"], check=True)
    assert children_cpu_s() - before >= 0.2
