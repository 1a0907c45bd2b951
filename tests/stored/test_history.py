"""Ten thousand stored runs: each result is read once, and the cache never lies."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from some_results import real

from runner.cli.main import cli
from runner.core.codec import result_to_json
from runner.stored import history
from runner.stored.history import CACHE, summaries

K3S = real("exp13-k3s")
RUNS = 10_000


def store(results: Path, run_id: str, text: str) -> Path:
    path = results / "exp13" / run_id / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("many")
    first = store(results, "20261123T000000Z-abcdef", result_to_json(K3S))
    for number in range(1, RUNS):
        # One file under ten thousand names: as much to read, and no 200 MB of disk.
        path = results / "exp13" / f"20261123T{number:06d}Z-abcdef" / "result.json"
        path.parent.mkdir()
        path.hardlink_to(first)
    return results


def test_of_ten_thousand_runs_each_is_read_once(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What that costs in time, ``nox -s bench -- stored`` measures."""
    assert len(summaries(many)) == RUNS
    documents = 0
    read = history._document

    def counting(path: str) -> dict[str, Any]:
        nonlocal documents
        documents += 1
        return read(path)

    monkeypatch.setattr(history, "_document", counting)
    for words in (
        ["report", "--index"],
        ["list"],
        ["compare", "-2", "-1"],
        ["compare", "exp13", "20261123T000000Z-abcdef"],
    ):
        done = CliRunner().invoke(cli, [*words, "--results", str(many)])
        assert done.exit_code == 0, done.output
    assert documents <= 3, "the project's own baselines at most"
    assert f"{RUNS} stored runs" in (many / "index.html").read_text()


def test_the_cache_says_what_the_files_say(tmp_path: Path) -> None:
    for number in range(3):
        store(tmp_path, f"run{number}", result_to_json(K3S))
    fresh = summaries(tmp_path)
    assert (tmp_path / "exp13" / CACHE).is_file()
    assert summaries(tmp_path) == fresh
    assert [run.path for run in fresh] == [str(tmp_path / f"exp13/run{number}/result.json") for number in range(3)]
    assert fresh[0] == history._read(fresh[0].path, "exp13")
    assert fresh[0].furthest == "node-ready"
    assert fresh[0].blockers == ("flannel-vxlan-unsupported",)


def test_a_changed_added_or_removed_run_is_noticed(tmp_path: Path) -> None:
    path = store(tmp_path, "run0", result_to_json(K3S).replace('"verdict": "fail"', '"verdict": "pass"'))
    store(tmp_path, "run1", result_to_json(K3S))
    assert [run.verdict for run in summaries(tmp_path)] == ["pass", "fail"]
    path.write_text(result_to_json(K3S) + "\n")
    store(tmp_path, "run2", result_to_json(K3S))
    assert [run.verdict for run in summaries(tmp_path)] == ["fail", "fail", "fail"]
    path.unlink()
    assert [run.run_id for run in summaries(tmp_path)] == [K3S.run_id] * 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 0}', '{"version": 1, "runs": 3}'])
def test_a_broken_cache_is_made_anew(tmp_path: Path, text: str) -> None:
    store(tmp_path, "run0", result_to_json(K3S))
    (tmp_path / "exp13" / CACHE).write_text(text)
    assert [run.verdict for run in summaries(tmp_path)] == ["fail"]
    assert json.loads((tmp_path / "exp13" / CACHE).read_text())["runs"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 99}', '{"schema_version": 1}', "\x00"])
def test_a_broken_result_is_a_line_that_names_it(tmp_path: Path, text: str) -> None:
    path = store(tmp_path, "run0", text)
    store(tmp_path, "run1", result_to_json(K3S))
    broken, whole = summaries(tmp_path)
    assert str(path) in broken.problem
    assert whole.problem == ""
