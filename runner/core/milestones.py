"""Which line shows which rung of the start-up ladder.

The problem: k3s and the upstream components announce progress in passing, in lines that other components print as well
(four of them say ``Serving securely on``), and some rungs take two lines.

The idea: a row per milestone holds alternatives, each a set of patterns of which all must have been seen. The order
of rows is the ladder's order, but no order is assumed: each stands alone, and :data:`BEYOND` says what really follows
from what.

What this module must not do: look at time, or take an object seen through the API for a line.

Why these witnesses (k3s 1.34.1, logs of 2026-11-23):

- ``datastore-ready``: k3s says that its datastore client got an answer; a kine of its own only says where it listens.
- ``apiserver-serving``: the scheduler and both controller managers serve securely too, on their fixed ports.
- ``kube-proxy-synced``: the service and endpoint slice caches together are what kube-proxy waits for before its first
  pass over the rules. It says that sysctls and the iptables probe lie behind it; it does **not** say that the rules
  were programmed: in every run so far the pass fails afterwards (blocker ``kube-proxy-sync-failed``). At the default
  verbosity kube-proxy prints no line for a pass that worked.
- ``node-ready``: the kubelet's own word. In exp13.log it comes five seconds before flannel ends everything.
- ``pod-running``: the kubelet measures a pod's start once it saw all its containers running.
"""

import re
from collections.abc import Mapping
from typing import Final, get_args

import attrs

from runner.core.lines import ParsedLine
from runner.model.kinds import Milestone

MILESTONES: Final[tuple[Milestone, ...]] = get_args(Milestone)


@attrs.frozen(kw_only=True)
class Witness:
    """A line that shows a milestone, alone or together with others.

    Attributes:
        literal: Plain text that every matching line contains; looked for before the pattern is.
        pattern: Regular expression, searched in the whole line.
    """

    literal: str
    pattern: re.Pattern[str]


@attrs.frozen(kw_only=True)
class Rung:
    """One milestone.

    Attributes:
        what: In words, for people.
        witnesses: Alternatives; each is reached when all of its lines were seen.
        needs: Milestones without which this one cannot be, by the way the components work.
    """

    id: Milestone
    what: str
    witnesses: tuple[tuple[Witness, ...], ...]
    needs: tuple[Milestone, ...] = ()

    @property
    def rank(self) -> int:
        """Place on the ladder, from 0."""
        return MILESTONES.index(self.id)


def _line(literal: str, pattern: str | None = None) -> Witness:
    return Witness(literal=literal, pattern=re.compile(re.escape(literal) if pattern is None else pattern))


def _caches(name: str) -> Witness:
    # Before 1.34: 'Caches are synced for service config'.
    return _line(f"{name} config", rf'Caches are synced(?:" controller="| for ){name} config\b')


LADDER: Final = (
    Rung(
        id="workload-started",
        what="the workload's process runs",
        witnesses=(
            (_line("Starting k3s", r"\bStarting k3s (?:agent )?v\d"),),
            (_line("Starting k3s-standin v"),),
            (_line("] Version: v", r"^I\d{4} .* server\.go:\d+\] Version: v\d"),),
        ),
    ),
    Rung(
        id="datastore-ready",
        what="the datastore answers",
        witnesses=(
            (_line("Datastore connection validated successfully"),),
            (_line("Kine available at "),),
            (_line("ready to serve client requests"),),
        ),
        needs=("workload-started",),
    ),
    Rung(
        id="apiserver-serving",
        what="kube-apiserver listens",
        witnesses=(
            # 10250 is the kubelet's port and metrics-server's, 10257 and 10258 the controller managers', 10259 the
            # scheduler's.
            (_line("Serving securely on ", r"\] Serving securely on \S*:(?!1025[0789]\b)\d+"),),
        ),
        needs=("datastore-ready",),
    ),
    Rung(
        id="poststart-hooks-done",
        what="both system priority classes are there",
        witnesses=(
            (_line("all system priority classes are created successfully or already exist"),),
            (
                _line("created PriorityClass system-node-critical"),
                _line("created PriorityClass system-cluster-critical"),
            ),
        ),
        needs=("apiserver-serving",),
    ),
    Rung(
        id="node-registered",
        what="the kubelet registered its node",
        witnesses=(
            (_line('"Successfully registered node"'),),
            (_line('"Node was previously registered"'),),
        ),
        needs=("apiserver-serving",),
    ),
    Rung(
        id="kube-proxy-synced",
        what="kube-proxy has the services and endpoints and begins its first pass over the rules",
        witnesses=((_caches("service"), _caches("endpoint slice")),),
        needs=("apiserver-serving",),
    ),
    Rung(
        id="node-ready",
        what="the kubelet reports its node as ready",
        witnesses=((_line("Fast updating node status as it just became ready"),),),
        needs=("node-registered",),
    ),
    Rung(
        id="pod-running",
        what="a pod's containers run",
        witnesses=((_line('"Observed pod startup duration"'),),),
        needs=("node-registered",),
    ),
)


def _beyond() -> dict[Milestone, frozenset[Milestone]]:
    needs = {rung.id: set(rung.needs) for rung in LADDER}
    for name in MILESTONES:  # ladder order: what a rung needs is complete before the rung is looked at
        for lower in tuple(needs[name]):
            needs[name] |= needs[lower]
    return {name: frozenset({name} | {higher for higher in MILESTONES if name in needs[higher]}) for name in MILESTONES}


BEYOND: Final[Mapping[Milestone, frozenset[Milestone]]] = _beyond()
"""Milestone -> those that prove it, itself among them. Not the ladder: a ready node says nothing about kube-proxy."""

_WITNESSES: Final = tuple(
    (witness, rung, alternative)
    for rung in LADDER
    for alternative, witnesses in enumerate(rung.witnesses)
    for witness in witnesses
)
LITERALS: Final = tuple(sorted({witness.literal for witness, _, _ in _WITNESSES}))
"""Every line that shows a milestone, or a part of one, holds one of these."""

# Most lines hold none; one search over all of them turns those lines away.
_ANY_LITERAL: Final = re.compile("|".join(re.escape(literal) for literal in LITERALS))


class MilestoneFold:
    """Milestones out of lines, in the order the lines come; remembers the half of a rung that takes two."""

    def __init__(self) -> None:
        self._seen: set[Witness] = set()
        self._reached: set[Milestone] = set()

    @property
    def wanted(self) -> tuple[str, ...]:
        """Of :data:`LITERALS`, those of milestones not reached yet: what a search through a long log still needs."""
        return tuple(sorted({witness.literal for witness, rung, _ in _WITNESSES if rung.id not in self._reached}))

    def see(self, line: ParsedLine | str) -> Milestone | None:
        """The milestone that this line completes; None when it shows none, or one that was reached before."""
        text = line if isinstance(line, str) else line.text
        if _ANY_LITERAL.search(text) is None or text.startswith("[PTRACE:"):
            return None
        for witness, rung, alternative in _WITNESSES:
            if rung.id in self._reached or witness.literal not in text or not witness.pattern.search(text):
                continue
            self._seen.add(witness)
            if self._seen.issuperset(rung.witnesses[alternative]):
                self._reached.add(rung.id)
                return rung.id
        return None
