"""Steps on a real (private) mount namespace: what is applied is seen, and what is undone is as before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.host.steps import Steps
from runner.model.step import CniPlugin, Link, Symlink, WriteFile

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


def in_private_namespace(program: str) -> str:
    """Run a Python program in mounts of its own; what it prints."""
    prelude = (
        "from runner.host.mounts import mount_table\n"
        "from runner.intercept.mounts import enter_private_namespace\n"
        "enter_private_namespace()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", prelude + program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_written_file_replaces_what_stood_there_and_the_undo_brings_it_back(tmp_path: Path) -> None:
    target = tmp_path / "etc" / "conf"
    target.parent.mkdir()
    target.write_text("original")
    steps = Steps()
    applied = steps.apply(WriteFile(id="w", reason="r", path=str(target), content="changed", mode=0o600))
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("changed", 0o600)
    assert applied.outcome == "applied"
    assert steps.undo() == [("w", "")]
    assert target.read_text() == "original"
    assert [path.name for path in target.parent.iterdir()] == ["conf"]


def test_a_directory_that_the_workload_has_filled_stays_and_the_step_is_undone_all_the_same(tmp_path: Path) -> None:
    steps = Steps()
    steps.apply(WriteFile(id="w", reason="r", path=str(tmp_path / "state" / "images" / "x.tar"), content="x"))
    (tmp_path / "state" / "db").write_text("the workload's own")
    assert steps.undo() == [("w", "")]
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["db"]


def test_a_file_that_was_not_there_is_gone_after_the_undo_with_the_directories_made_for_it(tmp_path: Path) -> None:
    steps = Steps()
    steps.apply(
        CniPlugin(id="stub", reason="r", path=str(tmp_path / "opt/cni/bin/host-local"), script="#!/bin/sh\necho hi\n")
    )
    plugin = tmp_path / "opt/cni/bin/host-local"
    assert subprocess.run([plugin], capture_output=True, text=True, check=True).stdout == "hi\n"
    steps.undo()
    assert list(tmp_path.iterdir()) == []


def test_links_replace_a_binary_keep_it_aside_and_the_undo_puts_it_back(tmp_path: Path) -> None:
    binary, legacy = tmp_path / "iptables", tmp_path / "iptables-legacy"
    binary.write_text("nft")
    legacy.write_text("legacy")
    steps = Steps()
    steps.apply(Symlink(id="ipt", reason="r", links=(Link(path=str(binary), target=str(legacy)),)))
    assert binary.read_text() == "legacy"
    assert (tmp_path / "iptables.runner-kept").read_text() == "nft"
    steps.undo()
    assert binary.read_text() == "nft"
    assert not binary.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["iptables", "iptables-legacy"]


def test_a_link_into_nothing_is_refused_by_name(tmp_path: Path) -> None:
    link = Link(path=str(tmp_path / "a"), target=str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError, match="would point nowhere"):
        Steps().apply(Symlink(id="l", reason="r", links=(link,)))


def test_the_copy_kept_by_a_killed_run_is_the_one_that_comes_back(tmp_path: Path) -> None:
    target = tmp_path / "iptables"
    target.write_text("nft")
    Steps().apply(WriteFile(id="w", reason="r", path=str(target), content="first run, killed"))
    second = Steps()
    second.apply(WriteFile(id="w", reason="r", path=str(target), content="second run"))
    second.undo()
    assert target.read_text() == "nft"


def test_every_undo_runs_even_if_another_fails_and_the_failure_is_named(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    steps = Steps()
    steps.apply(WriteFile(id="first", reason="r", path=str(one), content="x"))
    steps.apply(WriteFile(id="second", reason="r", path=str(two), content="x"))
    (tmp_path / "two.runner-kept").unlink()
    undone = dict(steps.undo())
    assert "No such file" in undone["second"]
    assert undone["first"] == ""
    assert one.read_text() == "1"


@needs_root
def test_dev_null_bound_over_a_missing_device_appears_and_leaves_no_file_behind(tmp_path: Path) -> None:
    said = in_private_namespace(
        "from pathlib import Path\n"
        "from runner.host.steps import Steps\n"
        "from runner.model.step import BindMount\n"
        f"target = Path({str(tmp_path / 'kmsg')!r})\n"
        "steps = Steps()\n"
        "print(steps.apply(BindMount(id='k', reason='r', source='/dev/null', target=str(target))).verified)\n"
        "print(target.is_char_device(), target.read_bytes())\n"
        "print(steps.undo(), target.exists())\n"
    )
    assert said.splitlines() == [f"{tmp_path}/kmsg shows /dev/null", "True b''", "[('k', '')] False"]


@needs_root
def test_a_tmpfs_comes_and_goes_and_propagation_is_set(tmp_path: Path) -> None:
    said = in_private_namespace(
        "from runner.host.steps import Steps\n"
        "from runner.model.step import TmpfsMount, MountPropagation\n"
        "steps = Steps()\n"
        f"steps.apply(TmpfsMount(id='t', reason='r', target={str(tmp_path / 'new/dir')!r}, size_mib=1))\n"
        f"print([entry.fstype for entry in mount_table() if entry.target == {str(tmp_path / 'new/dir')!r}])\n"
        "print(steps.apply(MountPropagation(id='p', reason='r')).verified)\n"
        "print(steps.undo())\n"
    )
    assert said.splitlines() == ["['tmpfs']", "/ is rshared", "[('t', '')]"]
    assert list(tmp_path.iterdir()) == []


@needs_root
def test_a_cgroup_hierarchy_that_the_kernel_refuses_is_an_error_that_names_it(tmp_path: Path) -> None:
    said = in_private_namespace(
        "from runner.host.steps import Steps\n"
        "from runner.model.step import CgroupMount\n"
        "try:\n"
        f"    Steps().apply(CgroupMount(id='c', reason='r', target={str(tmp_path)!r}, controllers=('no-such',)))\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    assert "no cgroup controller could be mounted: no-such" in said
