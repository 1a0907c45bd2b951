"""Finds the experiments: every ``experiments/expNN_slug.py`` and its ``EXPERIMENT``; runs nothing."""

import importlib
import pkgutil
import re

import experiments
from experiments.faults import FAULTS
from runner.core.blockers import RULES
from runner.core.codec import FormatError, check_declared
from runner.core.prepare import PlanError
from runner.model.assertion import Absent
from runner.model.experiment import Experiment
from runner.model.fault import AnyFault, amount_of, show_amount, with_amount, written_amount

FILE_NAME = re.compile(r"exp(?P<number>\d{2,})_(?P<slug>[a-z0-9_]+)")


class DeclarationError(Exception):
    """An experiment's file is not a valid declaration; the message names the file and what to change."""


class UnknownExperimentError(LookupError):
    """No experiment answers to the name; the message lists those that exist."""


def all_experiments() -> dict[int, Experiment]:
    """Every experiment by number, in order.

    Raises:
        DeclarationError: A file cannot be loaded, its number or slug differs from its name, a number is used twice, a parent
            is missing, or a blocker that it names has no rule.
    """
    found: dict[int, Experiment] = {}
    for module in sorted(pkgutil.iter_modules(experiments.__path__), key=lambda info: info.name):
        match = FILE_NAME.fullmatch(module.name)
        if match is None:
            if module.name.startswith("exp"):
                raise DeclarationError(
                    f"experiments/{module.name}.py: name it expNN_slug.py, e.g. exp13_redirect_proc_sys.py"
                )
            continue
        experiment = _load(module.name)
        if experiment.number != int(match["number"]) or experiment.slug != match["slug"].replace("_", "-"):
            raise DeclarationError(
                f"experiments/{module.name}.py declares number {experiment.number} and slug {experiment.slug!r};"
                f" both must agree with the file's name"
            )
        if experiment.number in found:
            raise DeclarationError(
                f"experiments/{module.name}.py: number {experiment.number} is taken by {found[experiment.number].slug}"
            )
        found[experiment.number] = experiment
    for experiment in found.values():
        _check_references(experiment, found)
    return dict(sorted(found.items()))


def find(name: str, known: dict[int, Experiment] | None = None) -> Experiment:
    """The experiment called ``13``, ``exp13`` or by its slug.

    Raises:
        UnknownExperimentError: There is none; the message lists what there is.
        DeclarationError: As :func:`all_experiments`.
    """
    known = all_experiments() if known is None else known
    wanted = name.strip().lower()
    number = wanted.removeprefix("exp")
    for experiment in known.values():
        if wanted == experiment.slug or (number.isdecimal() and int(number) == experiment.number):
            return experiment
    offer = ", ".join(f"{experiment.name} ({experiment.slug})" for experiment in known.values())
    raise UnknownExperimentError(f"no experiment {name!r}; there are: {offer}")


def faults_named(words: tuple[str, ...]) -> tuple[AnyFault, ...] | None:
    """The faults that ``--fault`` asks for, each ``NAME`` or ``NAME=AMOUNT``, e.g. ``slow-disk=120ms``.

    Returns:
        None without any word: the experiment's own hold; an empty tuple for the one word ``none``.

    Raises:
        PlanError: A name is unknown, or an amount makes no sense; the message lists what there is.
    """
    if not words:
        return None
    return () if words == ("none",) else tuple(_fault(word) for word in words)


def _fault(word: str) -> AnyFault:
    name, _, amount = word.partition("=")
    for fault in FAULTS:
        if fault.id == name:
            try:
                return with_amount(fault, written_amount(fault, amount)) if amount else fault
            except ValueError as error:
                raise PlanError(f"--fault {word}: {error}") from error
    known = [(fault.id, amount_of(fault)) for fault in FAULTS]
    offer = ", ".join(f"{one} ({show_amount(*much)})" if much else one for one, much in known)
    raise PlanError(f"--fault {word}: no such fault; there are: {offer}, and none")


def _load(name: str) -> Experiment:
    try:
        module = importlib.import_module(f"experiments.{name}")
    except Exception as error:
        # A declaration is somebody's file: whatever it raises is reported with its name.
        raise DeclarationError(f"experiments/{name}.py cannot be loaded: {type(error).__name__}: {error}") from error
    experiment = getattr(module, "EXPERIMENT", None)
    if not isinstance(experiment, Experiment):
        raise DeclarationError(f"experiments/{name}.py defines no EXPERIMENT = Experiment(...)")
    try:
        check_declared(experiment)
    except FormatError as error:
        raise DeclarationError(f"experiments/{name}.py: {error}") from error
    return experiment


def _check_references(experiment: Experiment, known: dict[int, Experiment]) -> None:
    where = f"experiments/{experiment.name}_{experiment.slug.replace('-', '_')}.py"
    if experiment.parent is not None and experiment.parent not in known:
        raise DeclarationError(f"{where}: parent {experiment.parent} is no experiment; there are {sorted(known)}")
    named = {blocker for step in experiment.steps for blocker in step.holds_back}
    named |= {blocker for held in experiment.view.holds_back.values() for blocker in held}
    named |= {
        blocker
        for assertion in experiment.assertions
        if isinstance(assertion, Absent)
        for blocker in assertion.blockers
    }
    named |= {blocker for expected in experiment.expected for blocker in expected.blockers}
    unknown = sorted(named - set(RULES))
    if unknown:
        raise DeclarationError(
            f"{where}: no blocker rule is called {', '.join(unknown)}; see runner/core/blocker_rules.py"
        )
