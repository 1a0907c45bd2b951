"""The archive for an issue upstream: readable without the tool, nothing private in it, the same run the same bytes."""

import tarfile
from pathlib import Path

import attrs
import pytest
from some_results import blocked_by, real

from runner.core.codec import result_to_json
from runner.host.store import StoreError
from runner.pages.bundle import make_bundle

SECRETS = {
    "token": "K10abcdef0123456789abcdef::server:5ecre7pa55",
    "certificate": "-----BEGIN CERTIFICATE-----MIIBdzCCAR2gAwIBAgIBADAK-----END CERTIFICATE-----",
    "address": "203.0.113.77",
    "mail": "someone@example.org",
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    result = blocked_by(real("exp13-k3s"), "dev-kmsg-missing")
    result = attrs.evolve(result, blockers=(attrs.evolve(result.blockers[0], line=f"E {SECRETS['address']} ```"),))
    directory = tmp_path / "exp13/20261101T000000Z-aaaaaa"
    directory.mkdir(parents=True)
    (directory / "result.json").write_text(result_to_json(result))
    lines = [f"said {number}" for number in range(1, 20)]
    lines[6] = f"E {SECRETS['address']} ```"
    lines[7:7] = SECRETS.values()
    (directory / "workload.log").write_text("\n".join(lines) + "\n")
    (directory / "events.jsonl").write_text("")
    return directory


def members(archive: Path) -> dict[str, str]:
    with tarfile.open(archive) as packed:
        return {
            member.name.partition("/")[2]: (packed.extractfile(member) or pytest.fail(member.name)).read().decode()
            for member in packed.getmembers()
        }


def test_it_holds_a_page_to_read_the_result_and_the_logs(run: Path, tmp_path: Path) -> None:
    made = make_bundle(run / "result.json", tmp_path / "out.tar.gz")
    found = members(made.path)
    assert set(found) == set(made.members) == {"README.md", "result.json", "workload.log", "events.jsonl"}
    page = found["README.md"]
    for part in ("dev-kmsg-missing", "     2  said 2", "### Environment", "k3s v1.34.1+k3s1", "runner run exp13"):
        assert part in page


def test_no_secret_is_left_anywhere_and_what_was_taken_is_counted(run: Path, tmp_path: Path) -> None:
    made = make_bundle(run / "result.json", tmp_path / "out.tar.gz")
    everything = "\n".join(members(made.path).values())
    for secret in SECRETS.values():
        assert secret not in everything
    assert {"token", "certificate or key", "address", "mail address"} <= set(made.redacted)
    assert "[ipv4-1]" in everything


def test_without_redaction_everything_stays(run: Path, tmp_path: Path) -> None:
    made = make_bundle(run / "result.json", tmp_path / "out.tar.gz", redact=False)
    assert SECRETS["token"] in members(made.path)["workload.log"]
    assert made.redacted == {}


def test_a_log_line_cannot_end_the_block_it_is_quoted_in(run: Path, tmp_path: Path) -> None:
    page = members(make_bundle(run / "result.json", tmp_path / "out.tar.gz").path)["README.md"]
    assert page.count("\n````text\n") == 1
    assert page.count("\n````\n") == 1


def test_the_same_run_gives_the_same_bytes_and_links_are_not_followed(run: Path, tmp_path: Path) -> None:
    (run / "private.log").symlink_to("/etc/passwd")
    first = make_bundle(run / "result.json", tmp_path / "a.tar.gz")
    second = make_bundle(run / "result.json", tmp_path / "b.tar.gz")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert "private.log" not in first.members


def test_what_cannot_be_written_leaves_nothing_half_written(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "dir.tar.gz"
    out.mkdir()
    with pytest.raises(StoreError, match="--out"):
        make_bundle(run / "result.json", out)
    assert list(tmp_path.glob(".*partial")) == []
