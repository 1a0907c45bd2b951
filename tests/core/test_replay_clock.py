"""Relative times out of mixed stamps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.lines import parse_line
from runner.core.replay_clock import ReplayClock


def klog(stamp: str) -> str:
    return f"I{stamp}      33 kubelet.go:1] x"


def logrus(stamp: str) -> str:
    return f'time="{stamp}" level=info msg="x"'


def times(*lines: str) -> list[float]:
    clock = ReplayClock()
    return [clock.at(parse_line(line)) for line in lines]


def test_klog_and_logrus_share_one_scale() -> None:
    lines = (logrus("2026-11-23T14:15:07Z"), klog("1123 14:15:09.500000"), logrus("2026-11-23T14:15:10Z"))
    assert times(*lines) == pytest.approx([0.0, 2.5, 3.0])


def test_a_stamp_that_cut_off_its_fraction_does_not_turn_time_back() -> None:
    lines = (klog("1123 14:15:07.000000"), klog("1123 14:15:09.900000"), logrus("2026-11-23T14:15:09Z"))
    assert times(*lines) == pytest.approx([0.0, 2.9, 2.9])


def test_a_line_without_stamp_has_the_time_of_the_one_before() -> None:
    assert times(klog("1123 14:15:07.000000"), klog("1123 14:15:08.000000"), "\tcontinued") == pytest.approx(
        [0.0, 1.0, 1.0]
    )


def test_klog_is_read_in_the_zone_of_the_process() -> None:
    lines = (logrus("2026-11-23T14:15:07+01:00"), klog("1123 14:15:08.000000"), logrus("2026-11-23T13:15:09Z"))
    assert times(*lines) == pytest.approx([0.0, 1.0, 2.0])


def test_midnight_and_new_year_go_on() -> None:
    assert times(klog("1123 23:59:59.000000"), klog("1124 00:00:01.000000")) == pytest.approx([0.0, 2.0])
    lines = (logrus("2026-12-31T23:59:59Z"), klog("0101 00:00:01.000000"), logrus("2027-01-01T00:00:02Z"))
    assert times(*lines) == pytest.approx([0.0, 2.0, 3.0])


def test_a_log_that_begins_with_klog_learns_its_year_later() -> None:
    lines = (klog("1123 14:15:07.000000"), logrus("2026-11-23T14:15:09Z"), klog("1123 14:15:10.000000"))
    assert times(*lines) == pytest.approx([0.0, 2.0, 3.0])


@pytest.mark.parametrize("stamp", ["1399 14:15:07.000000", "0230 14:15:07.000000", "1123 25:61:07.000000"])
def test_an_impossible_date_is_no_stamp(stamp: str) -> None:
    assert times(klog("1123 14:15:07.000000"), klog(stamp)) == [0.0, 0.0]


@given(stamps=st.lists(st.datetimes(), max_size=20), klog_too=st.lists(st.booleans(), min_size=20, max_size=20))
def test_time_never_goes_back(stamps: list[object], klog_too: list[bool]) -> None:
    lines = [
        klog(f"{stamp:%m%d %H:%M:%S.%f}") if as_klog else logrus(f"{stamp:%Y-%m-%dT%H:%M:%S}Z")
        for stamp, as_klog in zip(stamps, klog_too, strict=False)
    ]
    seen = times(*lines)
    assert seen == sorted(seen)
