"""The entry point's last word: the exit code of what nobody expected, and output that nobody takes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runner.cli import main
from runner.cli.exit_codes import ExitCode

RUNNER = [sys.executable, "-m", "runner"]


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


@pytest.mark.parametrize("words", [("show", "13"), ("schema",)], ids=["less than a buffer", "more than a buffer"])
def test_a_full_disk_below_stdout_is_one_message_and_the_harness_s_code(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*RUNNER, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        ExitCode.HARNESS,
        "error: cannot write the output: No space left on device; free some space there\n",
    )


@pytest.mark.parametrize("words", [("show", "13"), ("schema",)], ids=["less than a buffer", "more than a buffer"])
def test_a_reader_that_went_away_is_nothing_wrong(words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*RUNNER, *words], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (ExitCode.AS_EXPECTED, "")
