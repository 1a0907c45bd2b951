"""Faults as data: one number each, written and read as people do, contradictions refused when written."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.faults import FAULTS
from runner.core.codec import plan_from_json, plan_to_json
from runner.core.prepare import PlanError, prepare
from runner.model.fault import (
    CpuQuota,
    Kill,
    MemoryLimit,
    Pause,
    SlowDisk,
    amount_of,
    describe,
    with_amount,
    words_for,
    written_amount,
)
from runner.registry import faults_named, find

SLOW = SlowDisk(id="slow", reason="r", calls=("pread64",), delay_s=0.08)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (SLOW, "slow: 80 ms per pread64"),
        (
            SlowDisk(id="slow", reason="r", calls=("fsync",), below=("/var/lib",), delay_s=1.5),
            "slow: 1.5 s per fsync below /var/lib",
        ),
        (CpuQuota(id="quota", reason="r", percent=40), "quota: 40 % of one processor"),
        (MemoryLimit(id="memory", reason="r", mib=2048), "memory: 2048 MiB of memory"),
        (Pause(id="pause", reason="r", at="Serving", for_s=15), "pause: everything stopped for 15 s at /Serving/"),
        (Kill(id="kill", reason="r", at="x", component="containerd"), "kill: containerd killed at /x/"),
    ],
)
def test_a_fault_is_named_in_results_with_its_number(fault, text):
    assert describe(fault) == text


@pytest.mark.parametrize(
    ("name", "written", "amount"),
    [
        ("slow-disk", "120ms", 0.12),
        ("slow-disk", "2s", 2.0),
        ("cpu-quota", "12.5%", 12.5),
        ("memory-limit", "1.5GiB", 1536.0),
        ("pause", "500ms", 0.5),
    ],
)
def test_an_amount_is_read_as_people_write_it(name, written, amount):
    (fault,) = faults_named((f"{name}={written}",))
    assert amount_of(fault)[0] == pytest.approx(amount)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("slow-dsk", r"no such fault; there are: slow-disk \(200 ms\), .*, and none"),
        ("slow-disk=40%", "is no amount for fault slow-disk; write a number and one of ms, s"),
        ("slow-disk=0ms", "above zero"),
        ("slow-disk=fast", "is no amount"),
        ("kill-containerd=3s", "has no number"),
        ("cpu-quota=-4%", "is no amount"),
        ("none=3", "no such fault"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_there_is(word, message):
    with pytest.raises(PlanError, match=message):
        faults_named((word,))


def test_without_a_word_the_experiments_own_faults_hold_and_none_drops_them():
    assert faults_named(()) is None
    assert faults_named(("none",)) == ()
    with pytest.raises(PlanError, match="no such fault"):
        faults_named(("none", "slow-disk"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SlowDisk(id="x", reason="r", calls=(), delay_s=1), "name at least one"),
        (lambda: SlowDisk(id="x", reason="r", calls=("open at",), delay_s=1), "no list of system calls"),
        (lambda: SlowDisk(id="x", reason="r", calls=("open",), below=("var",), delay_s=1), "not an absolute path"),
        (lambda: SlowDisk(id="x", reason="r", calls=("open",), delay_s=0), "above zero"),
        (lambda: Pause(id="x", reason="r", at="(", for_s=1), "not a regular expression"),
        (lambda: Pause(id="x", reason="r", at="a*", for_s=1), "matches the empty line"),
        (lambda: Kill(id="x", reason="r", at="x", component=""), "must not be empty"),
        (lambda: CpuQuota(id="Quota", reason="r", percent=1), "is not an id"),
    ],
)
def test_a_contradictory_fault_is_refused_when_it_is_written(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@given(st.floats(0.001, 10).map(lambda amount: round(amount, 6)))
def test_a_written_amount_is_the_amount(amount):
    assert written_amount(SLOW, f"{amount:.6f}s") == pytest.approx(amount)
    assert amount_of(with_amount(SLOW, amount)) == (amount, "s")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_the_description_says_how_to_ask_for_the_fault_again(fault):
    assert faults_named(words_for(describe(fault))) == (fault,)
    assert words_for("; ".join(describe(one) for one in FAULTS)) == tuple(words_for(describe(one))[0] for one in FAULTS)
    assert words_for("") == ()


def test_a_plan_carries_every_kind_of_fault_through_json():
    plan = prepare(find("13"), workload="k3s", arena="gvisor", command=("k3s",), faults=FAULTS)
    assert plan_from_json(plan_to_json(plan)) == plan


def test_names_are_not_used_twice_and_a_recording_cannot_be_disturbed():
    kmsg = SlowDisk(id="kmsg", reason="r", calls=("open",), delay_s=1)
    for faults in ((SLOW, SLOW), (kmsg,)):
        with pytest.raises(PlanError, match="that name is taken"):
            prepare(find("13"), workload="k3s", arena="gvisor", command=(), faults=faults)
    with pytest.raises(PlanError, match="recorded log cannot be disturbed"):
        prepare(find("13"), workload="replay", arena="here", command=(), faults=(SLOW,))
    declared = attrs.evolve(find("13"), faults=(SLOW,))
    assert prepare(declared, workload="replay", arena="here", command=()).faults == ()
