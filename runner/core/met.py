"""Where a blocker was met, overcome, or not there any more, out of all attempts.

Not there means that an experiment that met it elsewhere got beyond its place, though nothing that is known to hold it back was
applied. A run that did not get so far says nothing, and neither does an experiment that never met it: it may not go that way.

What this module must not do: know where attempts come from.
"""

from collections.abc import Collection, Iterable, Mapping

import attrs

from runner.core.agenda import Attempts
from runner.core.blockers import RULES
from runner.core.cell import Attempt
from runner.core.changes import blockers_of
from runner.core.milestones import BEYOND
from runner.core.needs import holders
from runner.model.experiment import Experiment


@attrs.frozen(kw_only=True)
class Met:
    """What became of one blocker in one version of gVisor with one workload.

    Attributes:
        blocker: Which.
        runsc: gVisor's version.
        workload: With its version.
        met: Attempts in which it appeared, oldest first.
        overcome: Those that show that a workaround held it back.
        absent: Those that got beyond its place though nothing held it back.
    """

    blocker: str
    runsc: str
    workload: str
    met: tuple[Attempt, ...]
    overcome: tuple[Attempt, ...]
    absent: tuple[Attempt, ...]

    @property
    def overcome_by(self) -> tuple[str, ...]:
        """Steps and view parts that held it back."""
        return tuple(sorted({attempt.outcome.resolved[self.blocker] for attempt in self.overcome}))


def met_where(
    blocker: str, done: Attempts, experiments: Iterable[Experiment], refused: Collection[str] = ()
) -> tuple[Met, ...]:
    """Every version in which undisturbed attempts say something about a blocker; none if none ever met or overcame it.

    Args:
        blocker: A row's id.
        done: Attempts by fingerprint.
        experiments: Which steps hold what back.
        refused: Steps that are left out only where a build refuses them: with or without, it is the same experiment.
    """
    held = holders(experiments)

    def way(one: Attempt) -> tuple[str, str, frozenset[str]]:
        return one.cell.experiment, one.cell.workload, frozenset(one.cell.without) - set(refused)

    met_by = {way(one) for attempts in done.values() for one in attempts if blocker in blockers_of(one)}
    places: dict[tuple[str, str], list[Attempt]] = {}
    for attempts in done.values():
        for attempt in attempts:
            if not attempt.cell.fault:
                where = attempt.cell.runsc, f"{attempt.cell.workload} {attempt.cell.version}"
                places.setdefault(where, []).append(attempt)
    found = []
    for (runsc, workload), attempts in sorted(places.items()):
        attempts.sort(key=lambda one: one.id)
        found.append(
            Met(
                blocker=blocker,
                runsc=runsc,
                workload=workload,
                met=tuple(one for one in attempts if blocker in blockers_of(one)),
                overcome=tuple(one for one in attempts if blocker in one.outcome.resolved),
                absent=tuple(one for one in attempts if way(one) in met_by and _is_absent(blocker, one, held)),
            )
        )
    if not any(one.met or one.overcome for one in found):
        return ()
    return tuple(one for one in found if one.met or one.overcome or one.absent)


def _is_absent(blocker: str, one: Attempt, held: Mapping[str, frozenset[str]]) -> bool:
    if blocker in blockers_of(one) or blocker in one.outcome.resolved:
        return False
    if any(blocker in held.get(step, frozenset()) for step in one.outcome.applied):
        return False
    return bool(set(one.outcome.milestones) & BEYOND[RULES[blocker].lies_before])
