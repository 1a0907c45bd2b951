"""What the series runs on: k3s where there is one, else the stand-in, and never in silence."""

from pathlib import Path

import attrs
import pytest
from some_cells import SMALL
from test_real_cells import ground

from runner.campaign import series as series_module
from runner.campaign.series import series_cells, series_ground
from runner.model.experiment import Expected
from runner.model.fault import MemoryLimit
from runner.runs import Ground, RunOptions
from runner.supply.supplied import Progress
from runner.workloads import WorkloadError

FAULTY = attrs.evolve(SMALL, number=91, faults=(MemoryLimit(id="small", reason="to see", mib=512),))
K3S_ONLY = attrs.evolve(
    SMALL, number=92, expected=(Expected(verdict="pass", ended_by="target-reached", workloads=("k3s",)),)
)


def there_is(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> list[str]:
    """Only these workloads are to be had; what is asked for is noted."""
    asked: list[str] = []

    async def find_ground(options: RunOptions, progress: Progress) -> Ground:
        asked.append(options.workload)
        if options.workload not in kinds:
            raise WorkloadError(f"no {options.workload} to be had")
        found = ground(Path("/runsc"))
        return attrs.evolve(found, workload=attrs.evolve(found.workload, kind=options.workload))

    monkeypatch.setattr(series_module, "find_ground", find_ground)
    return asked


def test_without_k3s_the_stand_in_takes_its_place_and_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = there_is(monkeypatch, "standin")
    said: list[str] = []
    found = series_ground(RunOptions(results=tmp_path), lambda text, _: said.append(text))
    assert (found.workload.kind, asked) == ("standin", ["k3s", "standin"])
    assert said == ["the stand-in takes its place: no k3s to be had"]


def test_what_is_asked_for_by_name_is_not_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there_is(monkeypatch, "standin")
    with pytest.raises(WorkloadError, match="no kubernetes to be had"):
        series_ground(RunOptions(results=tmp_path, workload="kubernetes"), lambda _text, _fraction: None)


@pytest.mark.parametrize(("kind", "numbers"), [("k3s", [90, 91, 92]), ("kubernetes", [90, 91]), ("standin", [90])])
def test_each_workload_gets_the_experiments_that_are_for_it(
    kind: str, numbers: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there_is(monkeypatch, kind)
    found = series_ground(RunOptions(results=tmp_path, workload=kind), lambda _text, _fraction: None)
    assert [one.experiment.number for one in series_cells((SMALL, FAULTY, K3S_ONLY), found)] == numbers
