"""Runs programs under the launcher, one mechanism or another, in a world of their own."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, TypeVar

import attrs

from runner.intercept.mount_plan import mount_plan
from runner.intercept.mounts import Applied, apply_mounts, enter_private_namespace, look, undo
from runner.intercept.plan import Delay, LaunchPlan, to_json
from runner.intercept.records import AnyRecord, Report, from_line
from runner.intercept.view_layer import ViewError, materialise
from runner.model.view import StatfsSpoof, View, ViewFile, ViewTree

ROOT = Path(__file__).parents[2]
MECHANISMS = ("mount", "seccomp", "syscall")


@attrs.frozen
class World:
    """A tree of the view with real files in it, a directory outside with links into it, and a layer elsewhere."""

    base: Path
    layer: Path
    view: View

    @property
    def tree(self) -> Path:
        return self.base / "tree"

    @property
    def out(self) -> Path:
        return self.base / "out"

    @property
    def single(self) -> Path:
        return self.base / "single.conf"

    def remove(self) -> None:
        """Nothing is left of it."""
        shutil.rmtree(self.base)
        shutil.rmtree(self.layer, ignore_errors=True)


def make_world(base: Path, statfs: tuple[StatfsSpoof, ...] = ()) -> World:
    """Real files below ``base``, nothing applied yet."""
    tree, out = base / "tree", base / "out"
    (tree / "both").mkdir(parents=True)
    out.mkdir()
    (tree / "shared").write_text("real shared\n")
    (tree / "real").write_text("really\n")
    (tree / "both" / "real").write_text("really both\n")
    (tree / "dir-link").symlink_to("only")
    (tree / "file-link").symlink_to("shared")
    (tree / "gone-link").symlink_to(tree / "only/new")
    (base / "single.conf").write_text("real single\n")
    (out / "plain").write_text("plain\n")
    (out / "to-tree").symlink_to(tree)
    (out / "to-new").symlink_to(tree / "only/new")
    (out / "relative").symlink_to("../tree/only/new")
    (out / "to-link").symlink_to("to-new")
    (out / "loop").symlink_to("loop")
    contents = {
        "tree/only/new": "new\n",
        "tree/only/script": "#!/bin/sh\necho script: $1\nexit 5\n",
        "tree/shared": "made up\n",
        "tree/both/new": "new both\n",
        "single.conf": "made up single\n",
    }
    files = tuple(
        ViewFile(path=str(base / path), content=content, reason="test", part="test")
        for path, content in contents.items()
    )
    view = View(trees=(ViewTree(prefix=str(tree), part="test"),), files=files, statfs=statfs)
    # Another filesystem than the tree's, so that renames between them fail alike under mounts and under rewriting.
    layer = Path(tempfile.mkdtemp(prefix="layer-", dir="/dev/shm"))
    layer.chmod(0o755)
    return World(base, layer, view)


RecordKind = TypeVar("RecordKind")


@attrs.frozen
class Outcome:
    """What a run left: output, records, and the launcher's own exit code."""

    output: str
    records: tuple[AnyRecord, ...]
    code: int

    def of(self, kind: type[RecordKind]) -> list[RecordKind]:
        return [record for record in self.records if isinstance(record, kind)]

    @property
    def report(self) -> Report:
        return self.of(Report)[-1]


@attrs.define
class Running:
    """A launcher that was started."""

    process: subprocess.Popen[str]
    events: IO[bytes]
    output: IO[str]
    mounted_below: tuple[Path, ...] = ()

    def next_record(self, kind: type[RecordKind]) -> RecordKind:
        """Read records until one of a kind."""
        for line in self.events:
            record = from_line(line)
            if isinstance(record, kind):
                return record
        raise AssertionError(f"no {kind.__name__} came")

    def finish(self, timeout_s: float = 60) -> Outcome:
        """Wait for the end."""
        records = tuple(from_line(line) for line in self.events)
        code = self.process.wait(timeout_s)
        unmount_below(*self.mounted_below)
        self.output.seek(0)
        text = self.output.read()
        self.events.close()
        self.output.close()
        return Outcome(text, records, code)


def start(
    world: World,
    mechanism: str,
    argv: list[str],
    *,
    env: dict[str, str] | None = None,
    observe: tuple[str, ...] = (),
    delays: tuple[Delay, ...] = (),
    refuse_overlay: bool = False,
    fresh_layer: bool = True,
    launcher: tuple[str, ...] = (sys.executable, "-m", "runner.intercept"),
) -> Running:
    """Start a program under the launcher; ``mount`` gets a private mount namespace with the view in it."""
    if mechanism != "mount" and fresh_layer:
        shutil.rmtree(world.layer)
        materialise(world.view, str(world.layer))
    plan = LaunchPlan(
        mechanism=mechanism,
        argv=tuple(argv),
        env={"PATH": os.environ["PATH"], **(env or {})},
        view=world.view,
        layer=str(world.layer),
        observe=observe,
        delays=delays,
    )
    plan_read, plan_write = os.pipe()
    events_read, events_write = os.pipe()
    output = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  closed when the run is finished

    def mount() -> None:
        # gVisor of 2022 has no private namespaces: there it is mounted for all, and taken away when the run is finished.
        with contextlib.suppress(ViewError):
            enter_private_namespace()
        facts = look(world.view, str(world.layer))
        if refuse_overlay:
            facts = attrs.evolve(facts, overlay=dict.fromkeys(facts.overlay, "refused for the test"))
        apply_mounts(mount_plan(world.view, facts, str(world.layer)))

    process = subprocess.Popen(
        [*launcher, "--plan-fd", str(plan_read), "--events-fd", str(events_write)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=(plan_read, events_write),
        preexec_fn=mount if mechanism == "mount" else None,  # noqa: PLW1509  the tests have one thread
    )
    os.close(plan_read)
    os.close(events_write)
    with os.fdopen(plan_write, "w") as file:
        file.write(to_json(plan))
    below = (world.base, world.layer) if mechanism == "mount" else ()
    return Running(process, os.fdopen(events_read, "rb"), output, below)


def unmount_below(*directories: Path) -> None:
    """Undo what a mechanism mounted where everybody sees it."""
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    undo(Applied(tuple(t for t in targets if any(Path(t).is_relative_to(directory) for directory in directories))))


def run(world: World, mechanism: str, argv: list[str], **options: Any) -> Outcome:
    """Start a program and wait for it."""
    return start(world, mechanism, argv, **options).finish()
