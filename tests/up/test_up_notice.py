"""The notice of a running cluster: found while it runs, gone afterwards, readable by its owner alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.up import notice

KUBECONFIG = "clusters:\n- cluster:\n    server: https://127.0.0.1:6443\n  name: default\n"


@pytest.fixture(autouse=True)
def runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(notice, "directory", lambda: tmp_path / "run")
    return tmp_path / "run"


def test_the_kubeconfig_leads_to_this_machines_port_and_is_private() -> None:
    with notice.posted(KUBECONFIG, 41234, "/bin/k3s", "exp67 on k3s") as posted:
        file = Path(posted.kubeconfig)
        assert "    server: https://127.0.0.1:41234\n" in file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
        assert notice.running() == [posted]
    assert not file.exists()
    assert notice.running() == []


def test_the_notice_of_a_process_that_was_killed_is_ignored_and_removed(runtime_directory: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    place = runtime_directory / str(gone.pid)
    place.mkdir(parents=True)
    document = {"pid": gone.pid, "kubeconfig": "", "kubectl": "kubectl", "what": ""}
    (place / notice.NAME).write_text(json.dumps(document))
    assert notice.running() == []
    assert not place.exists()


def test_a_notice_that_is_half_written_is_passed_over(runtime_directory: Path) -> None:
    place = runtime_directory / str(os.getpid())
    place.mkdir(parents=True)
    (place / notice.NAME).write_text('{"pid": ')
    assert notice.running() == []
