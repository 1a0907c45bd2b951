"""The view's semantics: strings in, decision out."""

import posixpath

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.intercept.rules import Kind, Screening, Where, compile_rules
from runner.model.view import View, ViewFile, ViewTree

LAYER = "/run/layer"


def file(path):
    return ViewFile(path=path, content="x", reason="test", part="test")


VIEW = View(
    trees=(ViewTree(prefix="/proc/sys", part="test"),),
    files=(file("/proc/sys/kernel/panic"), file("/proc/sys/net/ipv4/conf/all/x"), file("/proc/diskstats")),
)
RULES = compile_rules(VIEW, LAYER, observe=("/dev/kmsg", "/opt/cni/bin/host-local"))


@attrs.frozen
class Facts:
    layer: dict[str, Kind] = attrs.field(factory=dict)
    real: dict[str, Kind] = attrs.field(factory=dict)

    def in_layer(self, path):
        return self.layer.get(path, Kind.NOTHING)

    def really(self, path):
        return self.real.get(path, Kind.NOTHING)


class TestScreen:
    @pytest.mark.parametrize(
        "path",
        [
            "/proc/sys",
            "/proc/sys/",
            "/proc/sys/kernel/panic",
            "/proc/sys/x/y",
            "//proc//sys/./vm/",
            "/proc/diskstats",
            "/dev/kmsg",
        ],
    )
    def test_paths_of_the_view_are_seen_from_the_text_alone(self, path):
        assert RULES.screen(path, follows=True, creates=False) is Screening.PLAIN

    @pytest.mark.parametrize(
        "path",
        [
            "/proc/sysfoo", "/proc/sysfoo/kernel/panic", "/proc/self/status", "/proc/12/stat", "/proc/self/fd/3", "/proc/stat",
            "/proc/self/cwd", "/proc/12/root", "/proc/12/task/13/stat", "/proc/diskstats2", "/proc/12/cwdx/y",
        ],
    )  # fmt: skip
    def test_other_paths_of_proc_cost_nothing_more(self, path):
        assert RULES.screen(path, follows=True, creates=False) is Screening.NO

    @pytest.mark.parametrize(
        "path",
        [
            "/proc/self/root/proc/sys/x", "/proc/1/cwd/x", "/proc/self/fd/3/x", "/proc/thread-self/root/x", "/proc/1/task/2/cwd/x",
            "/proc/self/../sys/x", "/x/../proc/sys", "/tmp/link/kernel/panic", "/tmp/host-local",
        ],
    )  # fmt: skip
    def test_ways_around_are_walked(self, path):
        assert RULES.screen(path, follows=True, creates=False) is Screening.WALK

    def test_an_ordinary_path_is_only_asked_for_a_link_at_its_end(self):
        assert RULES.screen("/etc/hosts", follows=True, creates=False) is Screening.LAST
        assert RULES.screen("/etc/hosts", follows=False, creates=False) is Screening.NO

    def test_a_new_name_may_appear_in_the_tree_through_a_link(self):
        assert RULES.screen("/tmp/link/new", follows=False, creates=True) is Screening.WALK

    @given(
        st.lists(st.sampled_from(["proc", "sys", "x", ".", "", "kernel"]), max_size=6).map(
            lambda parts: "/" + "/".join(parts)
        )
    )
    def test_dots_and_doubled_slashes_never_change_the_answer(self, path):
        plain = posixpath.normpath("/" + path.lstrip("/"))
        answer = RULES.screen(path, follows=True, creates=False)
        assert (answer is Screening.PLAIN) == RULES.concerns(plain)


class TestCovers:
    @given(st.text(min_size=1, max_size=8).filter(lambda text: "/" not in text and "\0" not in text))
    def test_a_name_that_only_begins_like_the_tree_is_another(self, text):
        assert not RULES.covers("/proc/sys" + text)
        assert RULES.covers("/proc/sys/" + text)
        assert not RULES.covers(f"/x/proc/sys/{text}")

    def test_watched_paths_concern_us_but_are_not_covered(self):
        assert RULES.concerns("/dev/kmsg")
        assert not RULES.covers("/dev/kmsg")

    def test_a_path_in_the_layer_is_shown_as_programs_know_it(self):
        assert RULES.virtual(LAYER + "/proc/sys/x") == "/proc/sys/x"
        assert RULES.virtual(LAYER) == LAYER
        assert RULES.virtual(LAYER + "x/proc") == LAYER + "x/proc"


P = "/proc/sys/a/b"
FILE, DIRECTORY, NOTHING, LINK, BELOW = Kind.FILE, Kind.DIRECTORY, Kind.NOTHING, Kind.LINK, Kind.BELOW_A_FILE


@pytest.mark.parametrize(
    ("layer", "real", "creates", "named_in_layer", "expected"),
    [
        pytest.param(FILE, NOTHING, False, False, Where.LAYER, id="only the layer has it"),
        pytest.param(FILE, FILE, False, False, Where.LAYER, id="both have the file: the layer's"),
        pytest.param(LINK, FILE, False, False, Where.LAYER, id="a link in the layer counts"),
        pytest.param(BELOW, NOTHING, False, False, Where.LAYER, id="below a file of the layer: it gives ENOTDIR"),
        pytest.param(NOTHING, FILE, False, False, Where.AS_NAMED, id="only the sandbox has it"),
        pytest.param(NOTHING, FILE, True, False, Where.AS_NAMED, id="an existing real file is not created anew"),
        pytest.param(NOTHING, NOTHING, False, False, Where.AS_NAMED, id="nobody has it: the kernel says so"),
        pytest.param(DIRECTORY, NOTHING, False, False, Where.LAYER, id="a directory only the layer has"),
        pytest.param(DIRECTORY, DIRECTORY, False, False, Where.AS_NAMED, id="a directory both have stays the real one"),
        pytest.param(NOTHING, FILE, False, True, Where.REAL, id="a real file named through the layer"),
        pytest.param(DIRECTORY, DIRECTORY, False, True, Where.REAL, id="a real directory named through the layer"),
        pytest.param(NOTHING, NOTHING, False, True, Where.AS_NAMED, id="nobody has it, named through the layer"),
    ],
)
def test_decision(layer, real, creates, named_in_layer, expected):
    facts = Facts(layer={P: layer}, real={P: real})
    assert RULES.decide(P, facts, creates=creates, named_in_layer=named_in_layer) is expected


@pytest.mark.parametrize("parent", [Facts(layer={"/proc/sys/a": DIRECTORY}), Facts(real={"/proc/sys/a": DIRECTORY})])
def test_a_new_file_goes_to_the_layer_if_its_directory_exists(parent):
    assert RULES.decide(P, parent, creates=True, named_in_layer=False) is Where.LAYER_NEW


def test_a_new_file_without_a_directory_is_the_kernels_business():
    assert RULES.decide(P, Facts(), creates=True, named_in_layer=False) is Where.AS_NAMED


def test_a_single_file_that_was_removed_comes_back_in_the_layer():
    assert RULES.decide("/proc/diskstats", Facts(), creates=True, named_in_layer=False) is Where.LAYER_NEW
