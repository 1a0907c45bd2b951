"""``nox -s pictures``: the pictures in the docs, from the real runs in ``results/baseline`` and the logs in ``tests/logs``.

Terminal views are drawn by rich as SVG, as the commands print them. Pages are what ``runner report`` writes, photographed by a
headless Chromium where one is installed; without it these pictures stay as they are.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from runner.core.blockers import RULES
from runner.core.gate import gate
from runner.host.store import read_result
from runner.pages.reporting import write_index, write_page
from runner.recorded.classify import classify_log
from runner.registry import all_experiments
from runner.show.classified import print_classified
from runner.show.compared import print_comparison
from runner.show.explained import print_rule
from runner.show.listed import list_rows, print_list
from runner.show.table import print_result
from runner.stored.baseline import baseline_files
from runner.stored.comparing import side_by_side
from runner.stored.history import baseline_summaries
from runner.stored.sightings import sightings

IMAGES = Path("docs/images")
RESULTS = Path("results")
THEME = TerminalTheme(
    (20, 24, 28),
    (227, 232, 237),
    [
        (20, 24, 28),
        (255, 123, 107),
        (88, 194, 125),
        (224, 169, 63),
        (109, 179, 242),
        (190, 132, 201),
        (90, 190, 200),
        (227, 232, 237),
    ],
    [
        (91, 101, 112),
        (255, 123, 107),
        (88, 194, 125),
        (224, 169, 63),
        (109, 179, 242),
        (190, 132, 201),
        (90, 190, 200),
        (255, 255, 255),
    ],
)
# As rich's own form, without the fonts that it would fetch from the network.
FORM = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: {char_height}px;
  line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-family: system-ui, Arial, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def main() -> int:
    """Make all of them."""
    IMAGES.mkdir(exist_ok=True)
    run = read_result(baseline_files(RESULTS, "exp13")[0])
    sides = ("exp13/baseline", "exp13.kubernetes/baseline")
    (comparison,), _ = side_by_side(RESULTS, sides)
    rows = list_rows(all_experiments().values(), (), baseline_summaries(RESULTS))
    slow = classify_log("tests/logs/slow-disk.log.gz")
    terminal("run", "nox -s exp13", 150, lambda console: print_result(console, run, f"results/exp13/{run.run_id}"))
    terminal(
        "compare",
        f"runner compare {' '.join(sides)}",
        130,
        lambda console: print_comparison(console, comparison, [gate(comparison)]),
    )
    terminal("list", "runner list", 150, lambda console: print_list(console, rows))
    terminal("classify", f"runner classify {slow.name}", 130, lambda console: print_classified(console, slow))
    blocker = "poststarthook-priority-classes"
    terminal(
        "explain",
        f"runner explain {blocker}",
        102,
        lambda console: print_rule(console, RULES[blocker], sightings(RESULTS, blocker)),
    )
    with tempfile.TemporaryDirectory() as directory:
        page = write_page(RESULTS, baseline_files(RESULTS, "exp13")[0], run, Path(directory) / "report.html")
        photograph(page, "report", 1180, 1240)
        photograph(page, "report-dark", 1180, 1240, "--blink-settings=preferredColorScheme=0")
        photograph(write_index(RESULTS, Path(directory) / "index.html"), "index", 1180, 900)
    return 0


def terminal(name: str, command: str, width: int, show: Callable[[Console], None]) -> None:
    """One view of a terminal as SVG."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, highlight=False)
    show(console)
    console.print()  # rich cuts the last line off at half its height
    path = IMAGES / f"{name}.svg"
    path.write_text(console.export_svg(title=command, theme=THEME, code_format=FORM, unique_id=name), encoding="utf-8")
    sys.stdout.write(f"{path}\n")


def photograph(page: Path, name: str, width: int, height: int, *flags: str) -> None:
    """The upper part of a page as PNG."""
    browser = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if browser is None:
        sys.stderr.write(f"no Chromium here: docs/images/{name}.png stays as it is\n")
        return
    path = IMAGES / f"{name}.png"
    with tempfile.TemporaryDirectory() as profile:
        words = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}")
        target = (f"--window-size={width},{height}", f"--screenshot={path.resolve()}", page.resolve().as_uri())
        subprocess.run([browser, *words, *flags, *target], check=True, capture_output=True)
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    sys.exit(main())
