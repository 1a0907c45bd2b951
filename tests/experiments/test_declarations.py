"""Every declared experiment loads, and misdeclared ones are refused with what, where and what to do."""

from pathlib import Path

import attrs
import pytest

import experiments
from runner.model.assertion import Absent
from runner.model.experiment import Expected, Experiment
from runner.model.step import BindMount, WriteFile
from runner.model.view import View, ViewFile, ViewTree
from runner.registry import DeclarationError, UnknownExperimentError, all_experiments, find

EXP13 = find("13")


def test_every_file_is_an_experiment_with_a_docstring_that_names_its_parent_and_what_refutes_it() -> None:
    for experiment in all_experiments().values():
        path = Path(experiments.__path__[0]) / f"{experiment.name}_{experiment.slug.replace('-', '_')}.py"
        docstring = path.read_text().split('"""')[1]
        assert docstring.startswith(f"Experiment {experiment.number}: ")
        assert "Parent:" in docstring
        assert "refute" in docstring


@pytest.mark.parametrize("name", ["13", "exp13", "EXP13", "redirect-proc-sys", "013"])
def test_an_experiment_answers_to_number_short_name_and_slug(name: str) -> None:
    assert find(name) is not None
    assert find(name).number == 13


@pytest.mark.parametrize("name", ["99", "exp", "", "exp13x", "-1"])
def test_an_unknown_name_lists_what_there_is(name: str) -> None:
    with pytest.raises(UnknownExperimentError, match="exp13 \\(redirect-proc-sys\\)"):
        find(name)


@pytest.fixture
def declared_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(experiments, "__path__", [str(tmp_path)])
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("exp77.py", "", "name it expNN_slug.py"),
        ("exp77_empty_file.py", "", "defines no EXPERIMENT"),
        ("exp77_broken.py", "1/0", "cannot be loaded: ZeroDivisionError"),
        (
            "exp77_wrong_number.py",
            "from runner.registry import *\nimport tests_exp13\nEXPERIMENT = tests_exp13.EXP13",
            "both must agree",
        ),
    ],
)
def test_a_bad_file_is_refused_by_name(
    declared_elsewhere: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, message: str
) -> None:
    import sys
    import types

    holder = types.ModuleType("tests_exp13")
    holder.EXP13 = EXP13  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests_exp13", holder)
    (declared_elsewhere / name).write_text(text)
    with pytest.raises(DeclarationError, match=message):
        all_experiments()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": ("not a step",)}, "is not a step"),
        ({"steps": (*EXP13.steps, EXP13.steps[0])}, "declared twice"),
        ({"assertions": (*EXP13.assertions, EXP13.assertions[0])}, "declared twice"),
        ({"assertions": (Absent(id="x", claim="c", blockers=("b",), by=("nobody",)),)}, "which are no steps"),
        ({"expected": ()}, "declares no expected outcome"),
        ({"mechanism": "none"}, "mechanism 'none'"),
        ({"slug": "Ultimate Solution"}, "is not an id"),
        ({"question": " "}, "must not be empty"),
        ({"deadline_s": 0}, "above zero"),
    ],
)
def test_a_contradictory_declaration_is_refused_when_it_is_written(changes: dict[str, object], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        attrs.evolve(EXP13, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("proc/sys", "not an absolute path"),
        ("/proc//sys", "not normalised"),
        ("/proc/sys/", "not normalised"),
        ("", "not an absolute"),
    ],
)
def test_a_path_that_is_not_absolute_and_plain_is_refused_with_the_right_spelling(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WriteFile(id="x", reason="r", path=path, content="")
    with pytest.raises(ValueError, match=message):
        BindMount(id="x", reason="r", source="/dev/null", target=path)
    with pytest.raises(ValueError, match=message):
        ViewTree(prefix=path, part="p")


def test_a_view_that_says_two_things_about_one_path_is_refused() -> None:
    one = ViewFile(path="/proc/sys/a", content="1", reason="r", part="p")
    with pytest.raises(ValueError, match="twice"):
        View(files=(one, attrs.evolve(one, content="2")))
    with pytest.raises(ValueError, match="has no children"):
        View(files=(one, attrs.evolve(one, path="/proc/sys/a/b")))
    with pytest.raises(ValueError, match="no such parts"):
        View(files=(one,), holds_back={"q": ("x",)})


def test_expectations_are_chosen_by_workload_before_the_general_one() -> None:
    general, special = (
        Expected(verdict="fail", ended_by="deadline"),
        Expected(verdict="pass", ended_by="target-reached", workloads=("standin",)),
    )
    experiment: Experiment = attrs.evolve(EXP13, expected=(general, special))
    assert experiment.expected_for("standin") is special
    assert experiment.expected_for("k3s") is general
    with pytest.raises(LookupError, match="no expected outcome for workload"):
        attrs.evolve(EXP13, expected=(special,)).expected_for("k3s")
