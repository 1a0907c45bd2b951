"""What a run says when it broke by an error of ours."""

import time

import pytest
import trio

from runner.host.clock import RunClock
from runner.run import broken


async def _fails() -> None:
    raise OSError(22, "Invalid argument")


async def _fails_in_a_nursery() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_fails)
        nursery.start_soon(trio.sleep_forever)


def test_an_error_out_of_a_nursery_is_named_itself_and_where_it_arose() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        trio.run(_fails_in_a_nursery)
    what = broken(RunClock(time.time()), caught.value).what
    assert what.startswith("OSError: [Errno 22] Invalid argument (test_run_broken.py:")
    assert "ExceptionGroup" not in what
