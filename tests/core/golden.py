"""Expected output as files: compared, and written anew only when asked."""

import os
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
RESULTS = Path(__file__).parents[1] / "results"


def check_golden(name: str, text: str) -> None:
    """Fail with the command that accepts the new text if the file says something else."""
    path = GOLDEN / name
    if os.environ.get("ACCEPT_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        (path.parent / f".{name}.new").write_text(text, encoding="utf-8")
        pytest.fail(
            f"{path} differs from what came out (beside it as .{name}.new). Read both; to accept the new one: "
            f"ACCEPT_GOLDEN=1 python -m pytest {os.environ.get('PYTEST_CURRENT_TEST', '').split(' ')[0]}"
        )
