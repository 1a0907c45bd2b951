"""A campaign in a process of its own, to be killed: real journal, real run directories, a run that only writes its result.

Says on stdout how far it is, a line each, so that whoever kills it can choose the moment.
"""

import sys
from pathlib import Path

import attrs
from some_cells import cell
from some_results import real

from runner.campaign.drive import drive
from runner.campaign.journal import CELL_FACT, Journal, attempt_of
from runner.core.agenda import Policy
from runner.core.cell import Attempt, Cell
from runner.host.store import RunDirectory, new_run_id

CELLS = [cell(number=number, runsc=runsc, workload="k3s") for number in (1, 2, 3, 4) for runsc in ("r1", "r2", "r3")]
ENDED = real("exp13-k3s")


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def run_cell(results: Path, one: Cell) -> Attempt:
    run_id = new_run_id("2026-11-25T10:00:00Z")
    reference = attrs.evolve(ENDED.experiment, number=one.experiment.number)
    result = attrs.evolve(
        ENDED, run_id=run_id, experiment=reference, environment={**ENDED.environment, CELL_FACT: one.fingerprint}
    )
    directory = RunDirectory(results, one.experiment.name, run_id)
    directory.write_result(attrs.evolve(result, state="running", finished_at=None))
    say("running")
    directory.write_result(result)
    say("finished")
    directory.close()
    return attempt_of(result, directory.path.relative_to(results))


if __name__ == "__main__":
    where = Path(sys.argv[1])
    ended = drive(
        CELLS,
        Journal(where),
        lambda one: run_cell(where, one),
        Policy(order="informative", repeat=2),
        tell=lambda position: say(f"left {position.left}"),
    )
    say(ended.end)
