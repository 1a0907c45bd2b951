"""The launcher's command: ``python -m runner.intercept --plan-fd N --events-fd M``.

Exit code: 0 the workload ran to its end (its own code is in the ``exited`` record), 2 it could not be started,
64 wrong usage, 128 + n ended by signal n.
"""

import os
import select
import signal
import sys
import time

from runner.intercept.emit import Emitter
from runner.intercept.launch import EXIT_FAILED, Launcher
from runner.intercept.libc import PR_SET_PDEATHSIG, prctl
from runner.intercept.plan import PlanError, from_json
from runner.intercept.records import Failed
from runner.intercept.signals import OwnSignals

EXIT_USAGE = 64


def main(arguments: list[str]) -> int:
    """Read the plan, run it, and say how it went."""
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    if set(options) != {"--plan-fd", "--events-fd"} or not all(value.isdigit() for value in options.values()):
        sys.stderr.write("usage: python -m runner.intercept --plan-fd N --events-fd N\n")
        return EXIT_USAGE
    plan_fd, events_fd = int(options["--plan-fd"]), int(options["--events-fd"])
    # The runner may be gone before the first line here; then nobody reads the events.
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    emitter = Emitter(events_fd)
    signals = OwnSignals()
    if _nobody_reads(events_fd):
        return EXIT_FAILED
    try:
        with os.fdopen(plan_fd, "rb") as file:
            plan = from_json(file.read().decode("utf-8", "surrogateescape"))
        # Only now: until something is started, a signal may simply end the process.
        signals.install()
        return Launcher(plan, emitter, signals).run()
    except PlanError as error:
        emitter.emit(Failed(t=time.time(), what=str(error)))
        return EXIT_FAILED
    finally:
        signals.end_alarms()


def _nobody_reads(fd: int) -> bool:
    waiting = select.poll()
    waiting.register(fd, 0)
    return any(events & select.POLLERR for _fd, events in waiting.poll(0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
