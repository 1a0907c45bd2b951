"""Resolving in the merged world, with the kernel itself as the oracle where it can be one."""

import os

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.intercept.resolve import MOST_LINKS, lexically, resolve


@attrs.frozen
class Tree:
    directories: frozenset[str] = frozenset({"/", "/a", "/a/b", "/c"})
    links: dict[str, str] = attrs.field(factory=dict)

    def link(self, path):
        return self.links.get(path)

    def is_directory(self, path):
        return path in self.directories


@pytest.mark.parametrize(
    ("path", "links", "follows", "expected"),
    [
        pytest.param("/a/b/x", {}, True, "/a/b/x", id="plain"),
        pytest.param("//a/./b//x", {}, True, "/a/b/x", id="noise"),
        pytest.param("/a/../c/x", {}, True, "/c/x", id="up"),
        pytest.param("/../../a", {}, True, "/a", id="above the root is the root"),
        pytest.param("/none/../a", {}, True, None, id="up from what does not exist"),
        pytest.param("/l/x", {"/l": "/a/b"}, True, "/a/b/x", id="absolute link on the way"),
        pytest.param("/a/l/x", {"/a/l": "../c"}, True, "/c/x", id="relative link on the way"),
        pytest.param("/l", {"/l": "/a"}, True, "/a", id="link at the end, followed"),
        pytest.param("/l", {"/l": "/a"}, False, "/l", id="link at the end, not followed"),
        pytest.param("/l/", {"/l": "/a"}, False, "/a", id="a trailing slash follows"),
        pytest.param("/l/.", {"/l": "/a"}, False, "/a", id="so does a trailing dot"),
        pytest.param("/l", {"/l": "/m", "/m": "gone"}, True, "/gone", id="link to a link to nothing"),
        pytest.param("/l", {"/l": "l"}, True, None, id="loop"),
        pytest.param("/l/../x", {"/l": "/a/b"}, True, "/a/x", id="up from where the link leads, not from the link"),
    ],
)
def test_resolution(path, links, follows, expected):
    assert resolve(path, Tree(links=links), follows=follows) == expected


def test_as_many_links_as_the_kernel_follows():
    links = {f"/l{index}": f"l{index + 1}" for index in range(MOST_LINKS)}
    assert resolve("/l0", Tree(links=links), follows=True) == f"/l{MOST_LINKS}"
    assert resolve("/m", Tree(links={**links, "/m": "l0"}), follows=True) is None


@attrs.frozen
class RealTree:
    def link(self, path):
        try:
            return os.readlink(path)
        except OSError:
            return None

    def is_directory(self, path):
        return os.path.isdir(path)


@pytest.fixture(scope="module")
def maze(tmp_path_factory):
    base = tmp_path_factory.mktemp("maze")
    (base / "a/b").mkdir(parents=True)
    (base / "c").mkdir()
    (base / "a/file").write_text("")
    (base / "a/up").symlink_to("..")
    (base / "c/to-b").symlink_to(base / "a/b")
    (base / "a/b/back").symlink_to("../../c")
    (base / "c/loop").symlink_to("loop")
    return base


NAMES = ["a", "b", "c", "up", "to-b", "back", "loop", "file", "..", ".", "", "none"]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=8))
def test_agrees_with_the_kernel_wherever_the_kernel_finds_something(maze, parts):
    path = f"{maze}/" + "/".join(parts)
    resolved = resolve(path, RealTree(), follows=True)
    try:
        fd = os.open(path, os.O_PATH)
    except OSError:
        return
    try:
        assert resolved == os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def test_two_slashes_at_the_start_mean_nothing_here():
    assert lexically("//proc//sys/./x/") == "/proc/sys/x"
