"""Durations as Go prints them, and kine's reports in the three wordings that were seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.slow_sql import SlowSql, go_duration_s

REPORTS = (
    (
        'time="2026-11-23T14:17:57Z" level=warning msg="Slow SQL (started: 2026-11-23 14:17:52.4 +0000 UTC m=+13.8)'
        ' (total time: 5.296166973s): INSERT INTO kine(name) values(?)" duration=5.296166973s'
    ),
    'level=info msg="Slow SQL (total time: 13.390673601s)"',
    (
        'time="2026-11-23T14:18:57Z" level=warning msg="Slow SQL (started: 2026-11-23 14:17:52.4 +0000 UTC m=+13.8)'
        ' (total time: 1m2.5s): INSERT" duration=1m2.5s'
    ),
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("31.5s", 31.5), ("1m2.5s", 62.5), ("250ms", 0.25), ("15µs", 15e-6), ("2h0m1s", 7201.0)],
)
def test_a_go_duration_is_read(text, seconds):
    assert go_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "1m2.5", "five"])
def test_what_is_no_duration_is_not_taken_for_one(text):
    assert go_duration_s(text) is None


def test_reports_add_up_whatever_their_wording():
    seen = SlowSql()
    for text in REPORTS:
        seen = seen.see(text)
    assert (seen.count, seen.longest_s) == (3, 62.5)
    assert seen.total_s == pytest.approx(5.296166973 + 13.390673601 + 62.5)


@given(st.text())
def test_any_other_line_changes_nothing(text):
    assert SlowSql().see(text) == SlowSql()
