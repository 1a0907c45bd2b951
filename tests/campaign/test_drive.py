"""Campaigns: killed, shared, interrupted, out of time; and what the journal keeps."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import attrs
import fake_campaign
import pytest
from some_cells import BAD, NOT_TO_BE_HAD, attempt, cell

from runner.campaign.drive import Position, drive
from runner.campaign.journal import CELL_FACT, Journal, file_name
from runner.core.agenda import Policy
from runner.core.cell import Attempt, Cell
from runner.core.codec import FormatError, result_to_json
from runner.host.store import StoreError, read_result
from runner.show.campaign import left_words

CELLS = [cell(number=number) for number in (1, 2, 3)]


def campaign(results: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, fake_campaign.__file__, str(results)],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def finished_runs(results: Path) -> Counter[str]:
    found = (read_result(path) for path in results.glob("exp*/*/result.json") if not path.parent.is_symlink())
    return Counter(result.environment[CELL_FACT] for result in found if result.state == "finished")


def test_killed_ten_times_at_random_points_it_completes_without_doing_a_finished_cell_again(tmp_path: Path) -> None:
    chance = random.Random(20261125)  # noqa: S311  where to kill, not a secret
    for _ in range(10):
        with campaign(tmp_path) as running:
            assert running.stdout is not None
            for _ in range(chance.randint(1, 6)):
                running.stdout.readline()
            running.kill()
        before = finished_runs(tmp_path)
        assert max(before.values(), default=0) <= 2
    with campaign(tmp_path) as running:
        said, _ = running.communicate()
    assert said.splitlines()[-1] == "complete"
    assert finished_runs(tmp_path) == dict.fromkeys((one.fingerprint for one in fake_campaign.CELLS), 2)
    assert sum(len(found) for found in Journal(tmp_path).attempts.values()) == 2 * len(fake_campaign.CELLS)


def test_two_campaigns_at_once_share_the_cells(tmp_path: Path) -> None:
    with campaign(tmp_path) as first, campaign(tmp_path) as second:
        ends = {running.communicate()[0].splitlines()[-1] for running in (first, second)}
    assert ends <= {"complete", "elsewhere"}
    assert finished_runs(tmp_path) == dict.fromkeys((one.fingerprint for one in fake_campaign.CELLS), 2)


def answering(*answers: object) -> Callable[[Cell], Attempt | None]:
    """A way to run cells that yields these outcomes in turn; None is an interruption."""
    left = list(enumerate(answers))

    def run_cell(one: Cell) -> Attempt | None:
        number, answer = left.pop(0)
        return None if answer is None else attempt(one, answer, number=number)  # type: ignore[arg-type]

    return run_cell


def test_an_interruption_ends_it_and_the_next_campaign_goes_on_from_there(tmp_path: Path) -> None:
    first = drive(CELLS, Journal(tmp_path), answering(BAD, None), Policy())
    assert (first.end, len(first.made), len(first.left)) == ("interrupted", 1, 2)
    second = drive(CELLS, Journal(tmp_path), answering(BAD, BAD), Policy())
    assert (second.end, [one.cell.experiment for one in second.made]) == ("complete", ["exp02", "exp03"])


def test_a_version_that_cannot_be_had_is_an_outcome_and_no_stop(tmp_path: Path) -> None:
    ended = drive(CELLS, Journal(tmp_path), answering(NOT_TO_BE_HAD, BAD, BAD), Policy(in_doubt=1))
    assert ended.end == "complete"
    assert [one.outcome.ending for one in ended.made] == ["unavailable", "ran", "ran"]
    assert Journal(tmp_path).attempts[CELLS[0].fingerprint][0].outcome.detail == "it does not compile"


def test_the_budget_stops_it_before_a_cell_that_would_not_fit(tmp_path: Path) -> None:
    seconds = iter([0.0, 0.0, 30.0, 50.0, 50.0])
    ended = drive(CELLS, Journal(tmp_path), answering(BAD, BAD), Policy(budget_s=45.0), clock=lambda: next(seconds))
    assert (ended.end, len(ended.made), len(ended.left)) == ("budget", 2, 1)


def test_progress_says_how_much_is_left_and_how_long_it_will_take(tmp_path: Path) -> None:
    told: list[Position] = []
    drive(CELLS, Journal(tmp_path), answering(BAD, BAD, BAD), Policy(), tell=told.append, clock=lambda: 0.0)
    assert [(one.finished, one.left, one.left_s) for one in told] == [
        (0, 3, 90.0),
        (1, 2, 20.0),
        (2, 1, 10.0),
        (3, 0, 0.0),
    ]


def test_a_budget_hides_nothing_of_the_time_that_is_left(tmp_path: Path) -> None:
    told: list[Position] = []
    drive(
        CELLS,
        Journal(tmp_path),
        answering(BAD),
        Policy(budget_s=31.0, in_doubt=2),
        tell=told.append,
        clock=iter([0.0, 0.0, 25.0]).__next__,
    )
    assert [(one.doubted, one.left_s, one.budget_left_s) for one in told] == [(0, 90.0, 31.0), (1, 30.0, 6.0)]
    assert left_words(told[1]) == "0/3 cells and 1 to confirm, 30 s left, 6 s of the budget"


def test_a_damaged_attempt_is_named_with_what_to_do(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add(attempt(CELLS[0]))
    path = next(journal.directory.glob("*.json"))
    path.write_text(path.read_text()[:100])
    with pytest.raises(FormatError, match=f"{path.name}.*remove it"):
        Journal(tmp_path)


def test_an_attempt_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    one = attempt(CELLS[0])
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / file_name(one)).mkdir()  # in the way of the rename, also for root
    with pytest.raises(StoreError, match="cannot write"):
        journal.add(one)
    assert [path.name for path in (tmp_path / "cells").iterdir()] == [file_name(one)]
    assert journal.attempts == {}


def test_a_run_that_somebody_stopped_finishes_no_cell(tmp_path: Path) -> None:
    one = fake_campaign.CELLS[0]
    made = fake_campaign.run_cell(tmp_path, one)
    path = tmp_path / made.run / "result.json"
    assert set(Journal(tmp_path).attempts) == {one.fingerprint}
    for left in (tmp_path / "cells").glob("*.json"):
        left.unlink()
    result = read_result(path)
    stopped = attrs.evolve(result, ended_by=attrs.evolve(result.ended_by, reason="interrupted"))
    path.write_text(result_to_json(stopped))
    assert Journal(tmp_path).attempts == {}
