"""The terminal's view of a classified log: what stops it first, each with advice and the line that shows it."""

import io
from pathlib import Path

from golden import check_golden
from rich.console import Console

from runner.recorded.classify import classify_log
from runner.show.classified import print_classified

LOG = Path(__file__).parents[1] / "logs" / "slow-disk.log.gz"


def test_a_real_log_with_a_fatal_blocker() -> None:
    out = io.StringIO()
    print_classified(Console(file=out, width=120, color_system=None), classify_log(str(LOG)))
    text = out.getvalue().replace(str(LOG), LOG.name)
    check_golden("classified.txt", "".join(line.rstrip() + "\n" for line in text.splitlines()))
