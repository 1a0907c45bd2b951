"""The entry point's last word: the exit code of what nobody expected."""

import signal

import pytest

from runner.cli import main
from runner.cli.exit_codes import ExitCode


def test_a_bug_of_ours_shows_where_it_is_and_is_no_outcome(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main.cli, "main", lambda **_: 1 // 0)
    former = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        main.main()
    signal.signal(signal.SIGTERM, former)
    assert ended.value.code == ExitCode.HARNESS
    assert "ZeroDivisionError" in capsys.readouterr().err
