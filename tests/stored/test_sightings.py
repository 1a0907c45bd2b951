"""In which versions a blocker was seen or overcome, out of promoted results."""

import json
from pathlib import Path

from click.testing import CliRunner
from some_results import blocked_by, real

from runner.cli.main import cli
from runner.core.codec import result_to_json
from runner.stored.sightings import sightings

K3S, STANDIN = real("exp13-k3s"), real("exp13-standin")


def promoted(results: Path) -> Path:
    directory = results / "baseline"
    directory.mkdir(parents=True)
    (directory / "exp13.json").write_text(result_to_json(blocked_by(K3S, "dev-kmsg-missing", count=2)))
    overcome = blocked_by(STANDIN, "dev-kmsg-missing", count=0, resolved_by="kmsg")
    (directory / "exp13.standin.json").write_text(result_to_json(overcome))
    (directory / "exp14.json").write_text("{")
    return results


def test_seen_and_overcome_are_told_apart_with_versions_and_a_broken_baseline_hides_nothing(tmp_path: Path) -> None:
    found = sightings(promoted(tmp_path), "dev-kmsg-missing")
    assert [(one.baseline, one.outcome, one.by) for one in found] == [
        ("exp13", "seen", ""),
        ("exp13.standin", "overcome", "kmsg"),
    ]
    assert found[0].workload == "k3s v1.34.1+k3s1"
    assert K3S.arena.runsc_version in found[0].arena
    assert sightings(tmp_path, "flannel-vxlan-unsupported") == ()


def test_explain_shows_them_as_text_and_as_json(tmp_path: Path) -> None:
    words = ["explain", "dev-kmsg-missing", "--results", str(promoted(tmp_path))]
    text = CliRunner().invoke(cli, words).output
    assert "In versions, by the baselines and the matrix" in text
    document = json.loads(CliRunner().invoke(cli, [*words, "--json"]).output)
    assert document["id"] == "dev-kmsg-missing"
    assert [one["outcome"] for one in document["in_versions"]] == ["seen", "overcome"]
