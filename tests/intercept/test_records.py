"""The lines that the launcher writes."""

import pytest

from runner.intercept.records import (
    Exited,
    Failed,
    Observed,
    Probed,
    RecordError,
    Redirected,
    Report,
    Started,
    from_line,
    to_line,
)

RECORDS = [
    Started(t=1.5, pid=7),
    Probed(t=1.5, facts={"stop_order": "seccomp-exit"}),
    Redirected(t=1.5, pid=7, path="/proc/sys/a\udcff\n", target="/l/proc/sys/a", syscall="openat"),
    Observed(t=1.5, pid=7, path="/dev/kmsg", syscall="openat"),
    Report(
        t=1.5,
        stops={"seccomp": 3},
        calls={"openat": 3},
        redirects_by_path={"/proc/sys/a": 2},
        observed_by_path={},
        tracer_cpu_s=0.1,
        wall_s=1.0,
        stops_per_s=3.0,
        dropped=0,
        delayed=4,
        delayed_s=0.32,
    ),
    Exited(t=1.5, code=None, signal=9),
    Failed(t=1.5, what="nothing works"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_survives_its_line(record):
    line = to_line(record)
    assert "\n" not in line
    assert from_line(line) == record


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "[]",
        '{"event":"novelty","t":1}',
        '{"event":"started","t":1}',
        '{"event":"started","t":1,"pid":2,"x":3}',
    ],
)
def test_other_lines_are_refused_and_quoted(line):
    with pytest.raises(RecordError, match="no record of the launcher"):
        from_line(line)
