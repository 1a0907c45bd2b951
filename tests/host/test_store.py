"""The run directory: on disk from the first moment, whole at every moment, found again by every name."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from runner.core.codec import FormatError, event_from_line
from runner.host.store import RunDirectory, StoreError, new_run_id, read_result, resolve_run
from runner.model.events import LineSeen, PathRedirected


def test_a_run_id_sorts_by_time_and_is_unique() -> None:
    ids = {new_run_id("2026-11-23T14:15:35Z") for _ in range(100)}
    assert len(ids) == 100
    assert all(run_id.startswith("20261123T141535Z-") for run_id in ids)


def test_every_batch_of_events_is_on_disk_before_the_next_one(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path, "exp13", "20261123T141535Z-abc123")
    run.record(LineSeen(at_s=1.0, source="workload", line_no=1, text="one"))
    run.record(
        LineSeen(at_s=1.1, source="workload", line_no=2, text="two"),
        PathRedirected(at_s=1.1, pid=33, path="/proc/sys/a", target="/fake/a", syscall="openat"),
    )
    # Nothing is closed here: a kill at this moment must find it all.
    assert (run.path / "workload.log").read_text() == "one\ntwo\n"
    assert (run.path / "interceptor.log").read_text() == "[PTRACE:33] /proc/sys/a -> /fake/a\n"
    events = [event_from_line(line) for line in (run.path / "events.jsonl").read_text().splitlines()]
    assert [event.at_s for event in events] == [1.0, 1.1, 1.1]
    run.close()


def test_latest_points_to_the_newest_run_and_names_find_runs(tmp_path: Path) -> None:
    for run_id in ("20261123T141535Z-aaaaaa", "20261123T141536Z-bbbbbb"):
        run = RunDirectory(tmp_path, "exp13", run_id)
        (run.path / "result.json").write_text("{}")
        run.close()
    newest = tmp_path / "exp13/20261123T141536Z-bbbbbb/result.json"
    assert (tmp_path / "exp13/latest").resolve() == newest.parent
    for name in ("latest", "-1", "exp13", "exp13/-1", "20261123T141536Z-bbbbbb", str(newest), str(newest.parent)):
        assert resolve_run(tmp_path, name).resolve() == newest
    assert resolve_run(tmp_path, "-2").parent.name == "20261123T141535Z-aaaaaa"


@pytest.mark.parametrize("name", ["-1", "latest", "exp99", "-3", "nonsense", "exp13/baseline"])
def test_a_run_that_is_not_there_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=r"run|exist"):
        resolve_run(tmp_path, name)


@pytest.mark.parametrize("text", ["", "{", '{"schema_version": 99}', "[]"])
def test_a_broken_result_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(FormatError):
        read_result(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a mount of its own")
def test_a_full_disk_is_an_error_that_keeps_what_was_written(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from runner.host.store import RunDirectory, StoreError\n"
        "from runner.model.events import LineSeen\n"
        f"run = RunDirectory(Path({str(tmp_path)!r}) / 'results', 'exp13', 'x')\n"
        "try:\n"
        "    for n in range(100000):\n"
        "        run.record(LineSeen(at_s=1.0, source='workload', line_no=n + 1, text='x' * 200))\n"
        "except StoreError as error:\n"
        "    print(error)\n"
        "    print(sum(1 for _ in (run.path / 'workload.log').open()) > 100)\n"
    )
    script = f'mount -t tmpfs -o size=256k tmpfs {tmp_path} && exec "$0" -c "$1"'
    import sys

    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "No space left on device; what was written so far is kept" in done.stdout
    assert done.stdout.splitlines()[-1] == "True"


def test_results_that_cannot_be_written_at_all_are_refused_before_anything_runs(tmp_path: Path) -> None:
    blocked = tmp_path / "results"
    blocked.write_text(json.dumps("a file in the way"))
    with pytest.raises(StoreError, match="choose --results DIR"):
        RunDirectory(blocked, "exp13", "x")
