"""How calls reach their placements: registers first, texts only where there is no other way."""

import pytest

from runner.intercept.calls import AT_FDCWD, BY_NAME, CHANGING, READING
from runner.intercept.rewrite import Placement, Rewriting, rewrite

LAYER, FD = "/run/layer", 1000
POINTER, OTHER = 0x7000, 0x8000
PLAIN = Placement(target="/proc/sys/x", in_layer=True, skip=1)
ODD = Placement(target="/proc/sys/x", in_layer=True)
REAL = Placement(target="/proc/sys/y", in_layer=False)


def made(name, arguments, *placements, fd=FD):
    return rewrite(BY_NAME[name], arguments, placements, layer=LAYER, layer_fd=fd)


def test_a_plain_path_needs_two_registers_and_no_text():
    arguments = (2**64 - 100, POINTER, 0, 0, 0, 0)
    assert made("openat", arguments, PLAIN) == Rewriting(name=None, arguments={0: FD, 1: POINTER + 1}, texts={})


def test_a_legacy_call_becomes_its_directory_form():
    rewriting = made("open", (POINTER, 0o100, 0o644, 0, 0, 0), PLAIN)
    assert rewriting == Rewriting(name="openat", arguments={0: FD, 1: POINTER + 1, 2: 0o100, 3: 0o644}, texts={})


def test_an_odd_spelling_is_written_relative_to_the_descriptor():
    rewriting = made("newfstatat", (3, POINTER, OTHER, 0, 0, 0), ODD)
    assert rewriting == Rewriting(name=None, arguments={0: FD}, texts={1: "proc/sys/x"})


@pytest.mark.parametrize("name", ["statfs", "chdir", "truncate", "execve"])
def test_a_call_without_directory_form_gets_an_absolute_text(name):
    rewriting = made(name, (POINTER, 0, 0, 0, 0, 0), PLAIN)
    assert rewriting == Rewriting(name=None, arguments={}, texts={0: LAYER + "/proc/sys/x"})


def test_without_a_descriptor_every_text_is_absolute():
    assert made("openat", (3, POINTER, 0, 0, 0, 0), PLAIN, fd=None).texts == {1: LAYER + "/proc/sys/x"}
    assert made("open", (POINTER, 0, 0, 0, 0, 0), PLAIN, fd=None) == Rewriting(
        name=None, arguments={}, texts={0: LAYER + "/proc/sys/x"}
    )


def test_a_real_file_named_through_the_layer_gets_its_own_path():
    assert made("openat", (3, POINTER, 0, 0, 0, 0), REAL) == Rewriting(
        name=None, arguments={}, texts={1: "/proc/sys/y"}
    )


def test_of_two_paths_only_the_one_meant_is_changed():
    rewriting = made("rename", (POINTER, OTHER, 0, 0, 0, 0), PLAIN, None)
    assert rewriting == Rewriting(name="renameat", arguments={0: FD, 1: POINTER + 1, 2: AT_FDCWD, 3: OTHER}, texts={})
    rewriting = made("renameat2", (3, POINTER, 4, OTHER, 1, 0), None, ODD)
    assert rewriting == Rewriting(name=None, arguments={2: FD}, texts={3: "proc/sys/x"})


def test_a_mixed_rename_names_the_real_file_by_its_path():
    rewriting = made("rename", (POINTER, OTHER, 0, 0, 0, 0), REAL, PLAIN)
    assert rewriting.texts == {1: "/proc/sys/y"}
    assert rewriting.arguments == {0: AT_FDCWD, 2: FD, 3: OTHER + 1}


@pytest.mark.parametrize("call", [call for call in READING + CHANGING if call.at_form], ids=lambda call: call.name)
def test_every_directory_form_names_each_path_and_exists(call):
    assert call.at_form is not None
    name, _sources = call.at_form
    arguments = tuple(range(0x1000, 0x7000, 0x1000))
    placements = (PLAIN,) * len(call.paths)
    rewriting = rewrite(call, arguments, placements, layer=LAYER, layer_fd=FD)
    target = BY_NAME[name]
    assert rewriting.name == name
    for at, old in zip(target.paths, call.paths, strict=True):
        assert at.dirfd is not None
        assert rewriting.arguments[at.dirfd] == FD
        assert rewriting.arguments[at.path] == arguments[old.path] + 1
