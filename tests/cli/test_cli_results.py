"""The gate as CI uses it: exit codes, broken input, and what is written where."""

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result
from some_results import blocked_by, reaching, real

from runner.cli.main import cli
from runner.core.codec import result_to_json
from runner.core.milestones import MILESTONES
from runner.model.result import EndedBy, RunResult

K3S, STANDIN = real("exp13-k3s"), real("exp13-standin")


def stored(results: Path, result: RunResult, run_id: str) -> Path:
    directory = results / "exp13" / run_id
    directory.mkdir(parents=True)
    (directory / "result.json").write_text(result_to_json(attrs.evolve(result, run_id=run_id)))
    (directory / "workload.log").write_text("".join(f"line {number}\n" for number in range(1, 1000)))
    (directory / "events.jsonl").write_text(
        '{"at_s":62.3,"pid":6,"command":["k3s"],"type":"WorkloadStarted"}\n'
        '{"at_s":63.0,"source":"workload","line_no":1,"text":"line 1","truncated":false,"type":"LineSeen"}\n{"at_s":6'
    )
    return directory


@pytest.fixture
def results(tmp_path: Path) -> Path:
    directory = tmp_path / "results"
    stored(directory, K3S, "20261101T000000Z-aaaaaa")
    return directory


def runner(results: Path, *words: str, env: dict[str, str] | None = None) -> Result:
    clean = {"GITHUB_STEP_SUMMARY": None, "GITHUB_ACTIONS": None}
    return CliRunner().invoke(cli, [words[0], "--results", str(results), *words[1:]], env={**clean, **(env or {})})


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """The program as users start it, for exit codes that only its entry point gives."""
    return subprocess.run([sys.executable, "-m", "runner", *words], capture_output=True, text=True, check=False)


def test_accept_keeps_the_result_as_it_is_and_its_logs_compressed(results: Path) -> None:
    run = results / "exp13/20261101T000000Z-aaaaaa"
    done = runner(results, "accept", "exp13")
    assert done.exit_code == 0, done.output
    baseline = results / "baseline/exp13.json"
    assert baseline.read_bytes() == (run / "result.json").read_bytes()
    log = results / "baseline/exp13.logs/workload.log.gz"
    assert gzip.decompress(log.read_bytes()) == (run / "workload.log").read_bytes()
    before = {path: path.read_bytes() for path in results.glob("baseline/**/*") if path.is_file()}
    assert runner(results, "accept", "exp13").exit_code == 0
    after = {path: path.read_bytes() for path in results.glob("baseline/**/*") if path.is_file()}
    assert before == after, "accepting the same run again changes no byte"


def test_accept_shows_what_it_changes_and_a_dry_run_changes_nothing(results: Path) -> None:
    runner(results, "accept", "exp13")
    stored(results, reaching(K3S, *MILESTONES[:3]), "20261102T000000Z-bbbbbb")
    dry = runner(results, "accept", "exp13", "--dry-run")
    assert "node-ready: reached -> not reached" in dry.output
    assert json.loads((results / "baseline/exp13.json").read_text())["run_id"].endswith("aaaaaa")
    assert runner(results, "accept", "exp13").exit_code == 0
    assert json.loads((results / "baseline/exp13.json").read_text())["run_id"].endswith("bbbbbb")


def test_an_accept_that_finds_the_disk_full_keeps_the_former_baseline(results: Path) -> None:
    runner(results, "accept", "exp13")
    before = {path: path.read_bytes() for path in results.glob("baseline/**/*") if path.is_file()}
    stored(results, reaching(K3S, *MILESTONES[:3]), "20261102T000000Z-bbbbbb")
    accept = (sys.executable, "-m", "runner", "accept", "exp13", "--results", str(results))
    # Of the logs all is written, of the result a part.
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh", *accept], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "File too large; what was there is kept" in done.stderr
    assert {path: path.read_bytes() for path in results.glob("baseline/**/*") if path.is_file()} == before


def test_a_stand_in_never_becomes_the_baseline_of_k3s(results: Path) -> None:
    stored(results, STANDIN, "20261102T000000Z-bbbbbb")
    assert runner(results, "accept", "exp13").exit_code == 0
    assert (results / "baseline/exp13.standin.json").is_file()
    assert not (results / "baseline/exp13.json").exists()


def test_a_run_on_plain_linux_never_becomes_the_baseline_of_gvisor(results: Path) -> None:
    stored(results, attrs.evolve(K3S, arena=attrs.evolve(K3S.arena, kind="host")), "20261102T000000Z-bbbbbb")
    assert runner(results, "accept", "exp13").exit_code == 0
    assert (results / "baseline/exp13.host.json").is_file()
    assert not (results / "baseline/exp13.json").exists()


def test_repeats_are_accepted_together_and_fewer_replace_more(results: Path) -> None:
    for number in range(2):
        stored(results, K3S, f"20261102T00000{number}Z-bbbbbb")
    assert runner(results, "accept", "exp13", "--last", "3").exit_code == 0
    assert sorted(p.name for p in (results / "baseline").glob("*.json")) == [
        "exp13.json",
        "exp13.repeat2.json",
        "exp13.repeat3.json",
    ]
    assert "(n=3)" in runner(results, "compare", "exp13", "--baseline", "--last", "3").output
    assert runner(results, "accept", "exp13").exit_code == 0
    assert sorted(p.name for p in (results / "baseline").glob("*.json")) == ["exp13.json"]


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (attrs.evolve(K3S, state="running"), "did not finish"),
        (
            attrs.evolve(K3S, steps=(attrs.evolve(K3S.steps[0], outcome="skipped", reason="left out by --without"),)),
            "--without cgroup-v1",
        ),
    ],
)
def test_what_measured_nothing_or_is_an_ablation_is_no_baseline(tmp_path: Path, result: RunResult, why: str) -> None:
    stored(tmp_path, result, "20261102T000000Z-bbbbbb")
    done = command("accept", "exp13", "--results", str(tmp_path))
    assert done.returncode == 2
    assert why in done.stderr
    assert not (tmp_path / "baseline").exists()


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (K3S, 0),
        (reaching(K3S, *MILESTONES[:3]), 1),
        (blocked_by(K3S, "dev-kmsg-missing"), 1),
        (attrs.evolve(K3S, state="running"), 3),
        (attrs.evolve(K3S, verdict="error", ended_by=EndedBy(reason="harness-error", detail="x")), 2),
        (reaching(K3S, *MILESTONES), 0),
    ],
)
def test_the_gates_exit_code(results: Path, result: RunResult, code: int) -> None:
    runner(results, "accept", "exp13")
    stored(results, result, "20261102T000000Z-bbbbbb")
    assert runner(results, "compare", "--baseline", "exp13").exit_code == code
    assert runner(results, "compare", "-2", "-1").exit_code == code
    if code == 1:
        assert runner(results, "compare", "--baseline", "exp13", "--exit-zero").exit_code == 0


def test_strict_does_not_let_an_open_question_pass(results: Path) -> None:
    runner(results, "accept", "exp13")
    claims = (attrs.evolve(K3S.assertions[0], verdict="inconclusive"), *K3S.assertions[1:])
    stored(results, attrs.evolve(K3S, assertions=claims), "20261102T000000Z-bbbbbb")
    assert runner(results, "compare", "--baseline", "exp13").exit_code == 0
    assert runner(results, "compare", "--baseline", "exp13", "--strict").exit_code == 1


def test_nothing_run_is_never_a_pass(tmp_path: Path, results: Path) -> None:
    nothing = runner(tmp_path / "empty", "compare", "--baseline")
    assert nothing.exit_code == 3
    assert "nothing was compared" in nothing.output
    unaccepted = runner(results, "compare", "--baseline")
    assert unaccepted.exit_code == 3
    assert "exp13.json: no such baseline" in unaccepted.output
    assert "accept exp13" in unaccepted.output


def test_without_words_the_newest_whole_run_of_each_baseline_is_judged(results: Path) -> None:
    runner(results, "accept", "exp13")
    stored(results, STANDIN, "20261102T000000Z-bbbbbb")
    runner(results, "accept", "exp13")
    stored(results, reaching(STANDIN, *MILESTONES[:3]), "20261103T000000Z-cccccc")
    ablated = attrs.evolve(
        K3S, steps=(attrs.evolve(K3S.steps[0], outcome="skipped", reason="left out by --without"),), milestones=()
    )
    stored(results, ablated, "20261104T000000Z-dddddd")
    done = runner(results, "compare", "--baseline", "--json")
    assert done.exit_code == 1
    gates = [one["gates"][0] for one in json.loads(done.stdout)["comparisons"]]
    assert [(gate["side"], gate["verdict"]) for gate in gates] == [
        ("exp13/20261101T000000Z-aaaaaa", "pass"),
        ("exp13.standin/20261103T000000Z-cccccc", "regression"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cut off"),
        ("", "cut off"),
        ('{"schema_version": 99}', "update the tool"),
        ('{"schema_version": 1}', "not a result of schema version 1"),
        ("[]", "schema_version"),
        ("\x00\x01", "cut off"),
    ],
)
def test_a_broken_result_is_named_and_the_others_are_still_compared(results: Path, content: str, said: str) -> None:
    stored(results, K3S, "20261102T000000Z-bbbbbb")
    broken = stored(results, K3S, "20261103T000000Z-cccccc") / "result.json"
    broken.write_text(content)
    done = runner(results, "compare", "-3", "-2", "-1")
    assert done.exit_code == 2
    assert str(broken) in done.stderr
    assert said in done.stderr
    assert "node-ready" in done.stdout


def test_an_empty_directory_says_what_to_do(results: Path, tmp_path: Path) -> None:
    empty = tmp_path / "nothing-here"
    empty.mkdir()
    done = runner(results, "compare", "exp13", str(empty))
    assert done.exit_code == 3
    assert f"{empty}: no run in it" in done.stderr


def test_baseline_as_a_word_is_the_other_sides(results: Path) -> None:
    runner(results, "accept", "exp13")
    done = runner(results, "compare", "baseline", "exp13", "--json")
    assert done.exit_code == 0
    sides = json.loads(done.stdout)["comparisons"][0]["sides"]
    assert [side["label"] for side in sides] == ["exp13/baseline", "exp13"]


def test_json_is_one_document_and_every_form_says_the_same(results: Path) -> None:
    stored(results, reaching(K3S, *MILESTONES[:3]), "20261102T000000Z-bbbbbb")
    document = json.loads(runner(results, "compare", "-2", "-1", "--json").stdout)
    assert document["comparisons"][0]["gates"][0]["verdict"] == "regression"
    assert (
        "node-ready,exp13/20261102T000000Z-bbbbbb,not reached,broke"
        in runner(results, "compare", "-2", "-1", "--format", "csv").stdout
    )
    assert "| ! | node-ready | reached | not reached |" in (
        runner(results, "compare", "-2", "-1", "--format", "markdown").stdout
    )
    assert "!  node-ready" in runner(results, "compare", "-2", "-1").stdout


def test_github_gets_a_summary_and_annotations_and_stdout_stays_clean(results: Path, tmp_path: Path) -> None:
    stored(results, blocked_by(K3S, "dev-kmsg-missing"), "20261102T000000Z-bbbbbb")
    env = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_ACTIONS": "true"}
    done = runner(results, "compare", "-2", "-1", "--json", env=env)
    json.loads(done.stdout)
    assert "::error title=new blocker dev-kmsg-missing::" in done.stderr
    assert "### Blockers" in (tmp_path / "summary").read_text()


def test_a_mistyped_option_is_not_taken_for_a_run(results: Path) -> None:
    done = runner(results, "compare", "exp13", "--basline")
    assert done.exit_code == 2  # click's own; main() turns it into 64
    assert "no such option: --basline" in done.output
    assert runner(results, "compare", "exp13").exit_code == 2


def test_a_report_lies_beside_the_run_and_a_baselines_outside_of_git(results: Path) -> None:
    runner(results, "accept", "exp13")
    done = runner(results, "report", "exp13", "exp13/baseline")
    assert done.exit_code == 0
    written = [Path(line) for line in done.stdout.split()]
    assert written == [results / "exp13/20261101T000000Z-aaaaaa/report.html", results / "exp13/exp13.baseline.html"]
    for page in written:
        text = page.read_text()
        assert "node-ready" in text
        assert "svg" in text
        assert "line 702" in text, "the log around the fatal blocker's line"


def test_a_baselines_page_is_one_page_whatever_its_repeats(results: Path, tmp_path: Path) -> None:
    stored(results, K3S, "20261102T000000Z-bbbbbb")
    runner(results, "accept", "exp13", "--last", "2")
    done = runner(results, "report", "exp13/baseline", "--out", str(tmp_path / "page.html"))
    assert done.exit_code == 0, done.output
    assert done.stdout.split() == [str(tmp_path / "page.html")]


def test_a_report_is_made_even_without_logs(results: Path) -> None:
    run = results / "exp13/20261101T000000Z-aaaaaa"
    (run / "workload.log").unlink()
    (run / "events.jsonl").unlink()
    page = Path(runner(results, "report", "exp13").stdout.strip())
    assert "Could not be read" in page.read_text()


@pytest.mark.parametrize("form", ["markdown", "junit", "tap", "csv", "json", "github"])
def test_every_format_of_a_report(results: Path, form: str, tmp_path: Path) -> None:
    done = runner(results, "report", "exp13", "--format", form)
    assert done.exit_code == 0
    assert "20261101T000000Z-aaaaaa" in done.stdout
    out = tmp_path / "deep/out"
    assert runner(results, "report", "exp13", "--format", form, "--out", str(out)).exit_code == 0
    assert out.read_text() == done.stdout


@pytest.mark.parametrize(("form", "said"), [("junit", "<error"), ("tap", "not ok 1 - exp99: no run is stored")])
def test_a_report_for_ci_is_written_even_when_nothing_ran(results: Path, form: str, said: str, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert runner(results, "report", "exp99", "--format", form, "--out", str(out)).exit_code == 3
    assert said in out.read_text()


def test_the_index_lists_broken_runs_and_experiments_never_run(results: Path) -> None:
    broken = stored(results, K3S, "20261103T000000Z-cccccc") / "result.json"
    broken.write_text("{")
    page = Path(runner(results, "report", "--index").stdout.strip())
    assert page == results / "index.html"
    text = page.read_text()
    assert str(broken) in text
    assert "exp13/20261101T000000Z-aaaaaa/result.json" in text
    shutil.rmtree(results)
    done = command("report", "--index", "--results", str(results))
    assert done.returncode == 3
    assert "no stored run and no baseline; run an experiment first" in done.stderr


@pytest.mark.parametrize(
    "words", [("report", "exp13"), ("bundle", "exp13"), ("accept", "exp13"), ("compare", "-1", "-2")]
)
def test_a_run_that_is_not_stored_is_nothing_measured_in_every_command(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = command(*words, "--results", str(tmp_path))
    assert done.returncode == 3
    assert f"no run is stored in {tmp_path}; run an experiment first" in done.stderr


@pytest.mark.parametrize("words", [("report",), ("bundle",), ("accept",)])
def test_a_broken_result_is_named_by_every_command(results: Path, words: tuple[str, ...]) -> None:
    broken = results / "exp13/20261101T000000Z-aaaaaa/result.json"
    broken.write_bytes(b"\xff\xfe\x00")
    done = command(*words, "exp13", "--results", str(results))
    assert done.returncode == 2
    assert f"error: {broken}: not text, so no result.json" in done.stderr


def test_classify_reads_the_others_when_one_log_cannot_be_read(tmp_path: Path) -> None:
    whole, absent = tmp_path / "whole.log", tmp_path / "absent.log"
    whole.write_text("F1123 14:15:49.018073       1 x.go:1] odd\n")
    done = command("classify", str(absent), str(whole), "--json")
    assert done.returncode == 3
    assert str(absent) in done.stderr
    assert [one["name"] for one in json.loads(done.stdout)] == [str(whole)]


@pytest.mark.parametrize(
    ("word", "offer"),
    [("flanel", "flannel-vxlan-unsupported"), ("kmsg", "dev-kmsg-missing"), ("vxlan", "flannel-vxlan-unsupported")],
)
def test_explain_offers_the_blockers_that_a_word_may_mean(word: str, offer: str) -> None:
    done = command("explain", word)
    assert done.returncode == 64
    assert offer in done.stderr


@pytest.mark.parametrize("words", [("list",), ("explain", "dev-kmsg-missing")], ids=" ".join)
def test_a_directory_of_results_that_was_named_and_is_not_there_is_said(words: tuple[str, ...], tmp_path: Path) -> None:
    absent = tmp_path / "none"
    said = runner(absent, *words, "--json")
    assert (said.exit_code, said.stderr) == (0, f"note: {absent}: no such directory, so nothing counts as run\n")
    json.loads(said.stdout)
    assert CliRunner().invoke(cli, [*words, "--json"]).stderr == ""
