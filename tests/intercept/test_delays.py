"""Which calls are held back for how long."""

import pytest

from runner.intercept.delays import Delays
from runner.intercept.plan import Delay

DELAYS = Delays(
    (
        Delay(syscalls=("pread64",), seconds=0.08),
        Delay(syscalls=("openat", "pread64"), path_prefix="/var/lib", seconds=0.2),
    )
)


@pytest.mark.parametrize(
    ("name", "path", "seconds"),
    [
        ("pread64", "", 0.08),
        ("pread64", "/etc/hosts", 0.08),
        ("pread64", "/var/lib/db", 0.2),
        ("openat", "/var/lib", 0.2),
        ("openat", "/var/library", 0.0),
        ("openat", "", 0.0),
        ("read", "/var/lib/db", 0.0),
    ],
)
def test_the_longest_matching_delay_counts(name, path, seconds):
    assert DELAYS.seconds(name, path) == seconds


def test_what_waits_for_a_request_holds_only_once_there_is_one():
    asked = []
    delays = Delays((Delay(syscalls=("pread64",), seconds=1, on_request=True),), lambda: bool(asked))
    assert delays.names() == {"pread64"}
    assert delays.seconds("pread64", "") == 0.0
    asked.append("now")
    assert delays.seconds("pread64", "") == 1.0


def test_a_path_is_only_looked_up_where_one_matters():
    assert DELAYS.by_path("openat")
    assert not Delays((Delay(syscalls=("fsync",), seconds=1),)).by_path("fsync")
    assert DELAYS.names() == {"pread64", "openat"}
