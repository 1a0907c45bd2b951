"""The document that the launcher is given."""

import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.intercept.plan import Delay, LaunchPlan, PlanError, from_json, to_json
from runner.model.view import StatfsSpoof, View, ViewFile, ViewTree

TEXT = st.text(st.characters(exclude_characters="\0"), max_size=12)
NAME = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
PATH = st.lists(NAME, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@st.composite
def views(draw):
    trees = draw(st.sets(PATH, max_size=2))
    files = draw(st.sets(PATH, max_size=4)) - trees
    every = trees | files
    files = {path for path in files if not any(other.startswith(path + "/") for other in every)}
    return View(
        trees=tuple(ViewTree(prefix=path, part="tree") for path in sorted(trees)),
        files=tuple(ViewFile(path=path, content=draw(TEXT), reason="why", part="file") for path in sorted(files)),
        statfs=(StatfsSpoof(real_type=0x01021997, shown_type=0xEF53, part="statfs"),),
        holds_back={"statfs": ("some-blocker", "another")},
    )


PLANS = st.builds(
    LaunchPlan,
    mechanism=st.sampled_from(["none", "mount", "seccomp", "syscall"]),
    argv=st.lists(TEXT, min_size=1, max_size=3).map(tuple),
    env=st.dictionaries(NAME, TEXT, max_size=3),
    cwd=PATH,
    view=views(),
    layer=PATH,
    observe=st.lists(PATH, max_size=2).map(tuple),
    delays=st.lists(
        st.builds(Delay, syscalls=st.just(("pread64", "openat")), path_prefix=PATH, seconds=st.floats(0, 9)), max_size=2
    ).map(tuple),
)


@given(PLANS)
def test_what_goes_in_comes_out(plan):
    assert from_json(to_json(plan)) == plan


MINIMAL = {"mechanism": "none", "argv": ["true"], "env": {}, "layer": "/run/layer"}


def test_what_is_left_out_has_defaults():
    plan = from_json(json.dumps(MINIMAL))
    assert plan == LaunchPlan(mechanism="none", argv=("true",), env={}, layer="/run/layer")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"novelty": 1}, r"plan: unknown keys \['novelty'\]"),
        ({"view": {"trees": [{"prefix": "/a", "part": "a", "novelty": 1}]}}, r"plan.view.trees: unknown keys"),
        ({"view": {"novelty": []}}, r"plan.view: unknown keys"),
        ({"delays": [{"syscalls": ["read"], "seconds": 1, "novelty": 1}]}, r"plan.delays: unknown keys"),
        ({"mechanism": "magic"}, r"mechanism 'magic' is unknown; one of none, mount"),
        ({"argv": []}, r"argv is empty"),
        ({"argv": [1]}, r"plan.argv: expected strings"),
        ({"env": {"A": 1}}, r"plan.env: expected an object of strings"),
        ({"layer": "relative"}, r"not an absolute path"),
        ({"cwd": "/a/../b"}, r"not normalised"),
        ({"view": {"trees": [{"prefix": "a", "part": "a"}]}}, r"plan.view.trees: .*not an absolute path"),
        ({"view": []}, r"plan.view: expected an object, found list"),
        ({"delays": {}}, r"plan.delays: expected a list"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_place(change, says):
    with pytest.raises(PlanError, match=says):
        from_json(json.dumps({**MINIMAL, **change}))


@pytest.mark.parametrize("missing", MINIMAL)
def test_what_is_needed_is_missed(missing):
    document = {key: value for key, value in MINIMAL.items() if key != missing}
    with pytest.raises(PlanError, match=missing):
        from_json(json.dumps(document))


def test_a_plan_that_was_cut_off_is_refused():
    with pytest.raises(PlanError, match="not JSON"):
        from_json(to_json(from_json(json.dumps(MINIMAL)))[:-3])


def test_every_field_is_in_the_document():
    plan = from_json(json.dumps(MINIMAL))
    assert set(json.loads(to_json(plan))) == {field.name for field in attrs.fields(LaunchPlan)}
