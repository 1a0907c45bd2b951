"""The workflow files do what they say: their own commands, run over a stored result, leave what CI shows and keeps."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from junitparser import JUnitXml

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests/results/exp13-k3s.json"
COMMAND = re.compile(r"^\s*(?:run: )?(runner (?:compare|report|bundle) .*)$", re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory as after the run step: one k3s result, and the same one promoted."""
    run = tmp_path / "results/exp13/20261123T234839Z-71c46f"
    run.mkdir(parents=True)
    shutil.copy(SAMPLE, run / "result.json")
    (tmp_path / "results/baseline").mkdir()
    shutil.copy(SAMPLE, tmp_path / "results/baseline/exp13.json")
    program = tmp_path / "bin/runner"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m runner "$@"\n')
    program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("workflow", ["docs/workflow.yml", ".github/workflows/ci.yml"])
def test_the_commands_of_a_workflow_leave_summary_junit_page_and_index(checkout: Path, workflow: str) -> None:
    commands = COMMAND.findall((ROOT / workflow).read_text())
    assert [command.split()[1] for command in commands][:2] == ["compare", "report"]
    summary = checkout / "summary.md"
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(commands)],
        cwd=checkout,
        env={
            **os.environ,
            "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "EXPERIMENT": "exp13",
            "REPEAT": "1",
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(summary),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = summary.read_text()
    assert text.index("exp13: no regression") < text.index("Experiment 13: redirect-proc-sys"), "the gate first"
    assert JUnitXml.fromfile(str(checkout / "results/exp13/junit.xml")).failures == 0
    assert (checkout / "results/index.html").is_file()
    assert next((checkout / "results/exp13").glob("*/report.html")).is_file()
