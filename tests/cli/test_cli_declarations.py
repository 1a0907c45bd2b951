"""A misdeclared experiment, as its author meets it: one message with file and remedy, exit code 64, nothing run or stored."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A whole valid experiment with one hole for what is wrong.
DECLARATION = """
import attrs
from experiments import parts
from experiments.exp13_redirect_proc_sys import EXPERIMENT as PARENT
from runner.model.experiment import *
from runner.model.step import *
EXPERIMENT = attrs.evolve(PARENT, number={number}, slug={slug!r}, {changes})
"""


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("exp13_again", "", "exp13_redirect_proc_sys.py: number 13 is taken by again"),
        ("exp77_kind", "steps=({'kind': 'reboot'},)", "is not a step; the kinds are in runner/model/step.py"),
        (
            "exp77_relative",
            "steps=(WriteFile(id='x', reason='r', path='etc/x', content=''),)",
            "'etc/x' is not an absolute path",
        ),
        ("exp77_twice", "steps=(parts.KMSG, parts.KMSG)", "'kmsg' is declared twice"),
        ("exp77_orphan", "parent=76", "parent 76 is no experiment"),
        (
            "exp77_blocker",
            "steps=(attrs.evolve(parts.KMSG, holds_back=('kmsg-gone',)),), assertions=()",
            "no blocker rule is called kmsg-gone",
        ),
        ("exp77_mechanism", "mechanism='magic'", "magic not in literal"),
        ("exp77_target", "target='moon-landing'", "moon-landing not in literal"),
        ("exp77_syntax", "))", "cannot be loaded: SyntaxError"),
    ],
)
def test_a_misdeclared_experiment_is_refused_by_file_before_anything_starts(
    tmp_path: Path, name: str, changes: str, says: str
) -> None:
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments", ignore=shutil.ignore_patterns("__pycache__"))
    number, slug = name.removeprefix("exp").split("_", 1)
    declaration = DECLARATION.format(number=number, slug=slug, changes=changes)
    (tmp_path / "experiments" / f"{name}.py").write_text(declaration)
    done = subprocess.run(
        [sys.executable, "-m", "runner", "run", f"exp{number}", "--workload", "standin"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,  # its "experiments" come before ours
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 64, done.stderr
    assert says in done.stderr
    assert "experiments/exp" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "results").exists()
