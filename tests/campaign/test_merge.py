"""Merging: shards give the unsharded whole, twice is once, and disagreements are named."""

import gzip
from pathlib import Path

import attrs
import fake_campaign
import pytest
from some_cells import BAD, GOOD, attempt, cell

from runner.campaign.drive import drive
from runner.campaign.facts import facts_of
from runner.campaign.journal import Journal, file_name
from runner.campaign.merge import merge
from runner.core.agenda import Policy
from runner.core.cell import Attempt
from runner.core.matrix import Build, Column, Placed, WorkloadAxis, shard
from runner.host.store import StoreError, runs_of
from runner.stored.history import summaries

COLUMN = Column(
    workload=WorkloadAxis(kind="k3s", version="v0"),
    build=Build(name="r", version="r", platforms=()),
    platform="systrap",
    mechanism="own",
    without={},
)
PLACED = [Placed(cell=one, column=COLUMN) for one in fake_campaign.CELLS]


def run(results: Path, placed: "tuple[Placed, ...] | list[Placed]") -> None:
    cells = [one.cell for one in placed]
    drive(cells, Journal(results), lambda one: fake_campaign.run_cell(results, one), Policy())


def said(results: Path) -> dict[str, list[object]]:
    return {
        fingerprint: [attempt.outcome for attempt in attempts]
        for fingerprint, attempts in Journal(results).attempts.items()
    }


def everything(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_three_shards_merged_say_what_one_unsharded_campaign_says(tmp_path: Path) -> None:
    run(tmp_path / "whole", PLACED)
    shards = [tmp_path / f"shard{number}" for number in (1, 2, 3)]
    for number, directory in enumerate(shards, start=1):
        run(directory, shard(PLACED, number, 3))
    merged = merge(tmp_path / "merged", shards)
    assert (merged.taken, merged.known, merged.conflicts) == (len(PLACED), 0, ())
    assert said(tmp_path / "merged") == said(tmp_path / "whole")
    for attempts in Journal(tmp_path / "merged").attempts.values():
        assert all((tmp_path / "merged" / one.run / "result.json").is_file() for one in attempts)


def test_facts_of_the_arenas_come_along(tmp_path: Path) -> None:
    run(tmp_path / "shard", PLACED[:1])
    (tmp_path / "shard" / "facts").mkdir()
    (tmp_path / "shard" / "facts" / "r1-systrap.json").write_text(
        '{"runsc": "r1", "platform": "systrap", "facts": {"veth pair": "yes"}}'
    )
    merge(tmp_path / "merged", [tmp_path / "shard"])
    assert facts_of(tmp_path / "merged") == {("r1", "systrap"): {"veth pair": "yes"}}


def test_the_same_shard_twice_changes_nothing(tmp_path: Path) -> None:
    run(tmp_path / "shard", PLACED[:4])
    merge(tmp_path / "merged", [tmp_path / "shard"])
    before = everything(tmp_path / "merged")
    again = merge(tmp_path / "merged", [tmp_path / "shard", tmp_path / "shard"])
    assert (again.taken, again.known) == (0, 8)
    assert everything(tmp_path / "merged") == before


def test_what_a_killed_merge_has_left_is_no_run_and_the_next_merge_takes_it_over(tmp_path: Path) -> None:
    run(tmp_path / "shard", PLACED[:1])
    merged = tmp_path / "merged"
    merge(merged, [tmp_path / "shard"])
    whole = everything(merged)
    (attempts,) = Journal(merged).attempts.values()
    copied = merged / attempts[0].run
    copied.rename(copied.with_name(f".{copied.name}.partial"))
    (merged / "cells" / file_name(attempts[0])).unlink()
    assert Journal(merged).attempts == {}
    assert summaries(merged) == []
    assert runs_of(merged, copied.parent.name) == []
    merge(merged, [tmp_path / "shard"])
    assert everything(merged) == whole


def kept(directory: Path, *attempts: Attempt) -> Path:
    for one in attempts:
        Journal.write(directory, attrs.evolve(one, run=""))
    return directory


def test_cells_that_came_out_differently_are_named_and_all_kept(tmp_path: Path) -> None:
    one, other = cell(number=1), cell(number=2)
    first = kept(tmp_path / "a", attempt(one, GOOD, number=1), attempt(other, GOOD, number=1))
    second = kept(tmp_path / "b", attempt(one, BAD, number=2), attempt(other, GOOD, number=2))
    merged = merge(tmp_path / "merged", [first, second])
    (conflict,) = merged.conflicts
    assert conflict.startswith(f"{one.circumstances}: ")
    assert "pass, node-registered" in conflict
    assert "fail, workload-started, some-blocker" in conflict
    assert len(Journal(tmp_path / "merged").attempts[one.fingerprint]) == 2


def test_the_same_run_with_another_content_is_a_conflict_and_the_first_stays(tmp_path: Path) -> None:
    one = cell(number=1)
    first = kept(tmp_path / "a", attempt(one, GOOD))
    second = kept(tmp_path / "b", attempt(one, BAD))
    merged = merge(tmp_path / "merged", [first, second])
    assert "another content" in merged.conflicts[0]
    assert said(tmp_path / "merged") == {one.fingerprint: [GOOD]}


def test_logs_are_kept_compressed_and_the_same_each_time(tmp_path: Path) -> None:
    run(tmp_path / "shard", PLACED[:1])
    (attempts,) = Journal(tmp_path / "shard").attempts.values()
    (tmp_path / "shard" / attempts[0].run / "workload.log").write_text("a line\n")
    for name in ("one", "two"):
        merge(tmp_path / name, [tmp_path / "shard"], compress=True)
    log = tmp_path / "one" / attempts[0].run / "workload.log.gz"
    assert gzip.decompress(log.read_bytes()) == b"a line\n"
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_a_directory_without_attempts_is_refused_before_anything_is_taken(tmp_path: Path) -> None:
    run(tmp_path / "shard", PLACED[:1])
    with pytest.raises(StoreError, match="nothing: no attempts in it"):
        merge(tmp_path / "merged", [tmp_path / "shard", tmp_path / "nothing"])
    assert not (tmp_path / "merged").exists()


def test_an_attempt_whose_run_cannot_be_copied_is_not_taken(tmp_path: Path) -> None:
    one = attempt(cell(number=1))
    Journal.write(tmp_path / "a", one)
    with pytest.raises(StoreError, match="cannot copy"):
        merge(tmp_path / "merged", [tmp_path / "a"])
    assert not (tmp_path / "merged" / "cells" / file_name(one)).exists()
