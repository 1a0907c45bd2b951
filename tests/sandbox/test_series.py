"""The series on the stand-in in real gVisor: marked rows, two arenas at once, nothing done twice."""

import json
from pathlib import Path

import pytest
from command import runner

pytestmark = pytest.mark.sandbox
EXPS = ("exp01", "exp13", "exp34")


def test_the_series_goes_on_where_it_was_and_every_row_says_stand_in(tmp_path: Path) -> None:
    words = ("--workload", "standin", "--results", str(tmp_path), "--format", "json")
    first = runner("series", "exp13", *words)
    assert first.returncode == 0, first.stderr
    page = tmp_path / "series.md"
    both = runner("series", *EXPS, *words, "--jobs", "2", "--page", str(page))
    assert both.returncode == 0, both.stderr
    rows = json.loads(both.stdout)["rows"]
    assert [(row["experiment"], row["standin"], row["same"], row["of"]) for row in rows] == [
        (name, True, 1, 1) for name in EXPS
    ]
    assert [row["furthest"] for row in rows] == [["poststart-hooks-done"], ["node-ready"], ["kube-proxy-synced"]]
    assert rows[1]["blockers"] == ["flannel-vxlan-unsupported"]
    runs = [path for name in EXPS for path in (tmp_path / name).iterdir() if not path.is_symlink()]
    assert len(runs) == len(EXPS), "each experiment was run once, by whichever process"
    markdown = page.read_text()
    assert markdown.count("(stand-in)") == len(EXPS)
    assert f"](exp13/{rows[1]['attempts'][0]['id']}/result.json)" in markdown
