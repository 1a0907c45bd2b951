"""The words of the status page: since when and until when, as far as runs tell."""

import pytest

from runner.core.matrix import Build, Column, WorkloadAxis
from runner.core.needs import Need, NeedAt, Workaround
from runner.formats.status_tables import until_words

BUILDS = ("2025-05", "2025-10", "2026-09")


def workaround(*needs: Need) -> Workaround:
    columns = [
        Column(
            workload=WorkloadAxis(kind="k3s", version="v1"),
            build=Build(name=name, version=name, platforms=()),
            platform="systrap",
            mechanism="own",
            without={},
        )
        for name in BUILDS
    ]
    marks = tuple(NeedAt(column=column, need=need, witness=None) for column, need in zip(columns, needs, strict=True))
    return Workaround(id="kmsg", holds_back=(), needs=marks)


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        (("needed", "needed", "not needed"), "needed until 2025-10, no longer since 2026-09"),
        (("needed", "needed", "needed"), "still needed in 2026-09"),
        (("needed", "unknown", "depends"), "still needed in 2026-09"),
        (("not needed", "not needed", "needed"), "needed since 2026-09"),
        (("unknown", "unknown", "needed"), "needed in 2026-09"),
        (("needed", "unknown", "unknown"), "needed until 2025-05 at least"),
        (("unknown", "not needed", "unknown"), "not needed since 2025-10 at the latest"),
        (("unknown", "unknown", "unknown"), "not known"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_since_when_and_until_when_claim_no_more_than_runs_tell(needs: tuple[Need, ...], said: str) -> None:
    assert until_words(workaround(*needs), BUILDS) == said
