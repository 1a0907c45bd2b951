"""The commands for a cluster to use, without one: what is refused, and what reaches kubectl."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from runner.cli.exit_codes import ExitCode
from runner.cli.main import cli
from runner.up import notice


@pytest.fixture(autouse=True)
def runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "directory", lambda: tmp_path / "run")


@pytest.mark.parametrize(
    "words",
    [
        ("get", "pods", "-A", "-o", "wide"),
        ("-n", "team", "exec", "web", "-c", "one", "--", "sh", "-c", "echo -- $HOME"),
        ("--help",),
        ("exec", "deploy/web", "-it", "--", "sh"),
    ],
)
def test_every_word_reaches_kubectl_as_it_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    called: list[tuple[str, list[str], str]] = []
    monkeypatch.setattr("os.execve", lambda path, argv, env: called.append((path, argv, env["KUBECONFIG"])))
    with notice.posted("server: x\n", 1, "/bin/k3s", "exp69 on k3s") as posted:
        CliRunner().invoke(cli, ["kubectl", *words], standalone_mode=False)
    assert called == [("/bin/k3s", ["kubectl", *words], posted.kubeconfig)]


def test_without_a_cluster_kubectl_says_how_to_get_one() -> None:
    done = CliRunner().invoke(cli, ["kubectl", "get", "pods"])
    assert done.exit_code == ExitCode.SKIPPED
    assert "runner up" in done.output


def test_a_recipe_and_the_control_plane_are_not_asked_for_together() -> None:
    done = CliRunner().invoke(cli, ["up", "exp60", "--control-plane-only"])
    assert "leave EXP or the option out" in done.output
