"""The delay fault: for how long a call is held back. Pure."""

from collections.abc import Callable

import attrs

from runner.intercept.plan import Delay


@attrs.frozen
class Delays:
    """All delays of a plan.

    Attributes:
        delays: As declared.
        requested: Whether those that wait for a request hold now.
    """

    delays: tuple[Delay, ...]
    requested: Callable[[], bool] = lambda: False

    def names(self) -> frozenset[str]:
        """The calls that any delay is about."""
        return frozenset(name for delay in self.delays for name in delay.syscalls)

    def by_path(self, name: str) -> bool:
        """Whether a path has to be known to decide about a call."""
        return any(name in delay.syscalls and delay.path_prefix for delay in self.delays)

    def seconds(self, name: str, path: str) -> float:
        """The longest delay that applies to a call on ``path`` (empty if it has none or is not known)."""
        return max(
            (
                delay.seconds
                for delay in self.delays
                if name in delay.syscalls and _below(path, delay) and (self.requested() or not delay.on_request)
            ),
            default=0.0,
        )


def _below(path: str, delay: Delay) -> bool:
    prefix = delay.path_prefix
    return not prefix or path == prefix or path.startswith(prefix.rstrip("/") + "/")
