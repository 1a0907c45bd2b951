"""The inside of an arena: ``python -m runner.inner BEGAN PLAN`` carries out one plan and writes events to stdout.

Standard input is the lifeline: when it ends, the user has given up or the outside is gone, and the run stops and undoes.
"""

import os
import signal
import sys

import trio

from runner.core.codec import event_to_line, plan_from_json
from runner.host.clock import RunClock
from runner.intercept.mounts import enter_private_namespace
from runner.intercept.view_layer import ViewError
from runner.model.events import AnyEvent
from runner.run import Record, broken, run


def main(argv: list[str]) -> int:
    """Carry out the plan; 0 when the run finished in order, whatever it found."""
    began, plan_text = argv
    clock = RunClock(float(began))
    # The events keep the real stdout for themselves: nothing else that prints can get between two of them.
    events = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)

    def record(*batch: AnyEvent) -> None:
        events.write("".join(event_to_line(event) + "\n" for event in batch))

    try:
        enter_private_namespace()
    except ViewError as error:
        # gVisor of 2022 refuses. The sandbox itself is thrown away, so there is still nothing to undo outside.
        sys.stderr.write(f"{error}\n")
    try:
        trio.run(_run, plan_text, clock, record)
    except Exception as error:
        record(broken(clock, error))
        raise
    return 0


async def _run(plan_text: str, clock: RunClock, record: Record) -> None:
    plan = plan_from_json(plan_text)
    interrupted = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch_lifeline, interrupted)
        nursery.start_soon(_watch_signals, interrupted)
        await run(plan, clock, record, interrupted)
        nursery.cancel_scope.cancel()


async def _watch_lifeline(interrupted: trio.Event) -> None:
    async with trio.lowlevel.FdStream(os.dup(0)) as lifeline:
        while await lifeline.receive_some(4096):
            pass
    interrupted.set()


async def _watch_signals(interrupted: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            interrupted.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
