"""The catalogue of blockers: all rows, from one table per part of the system.

Facts come from recorded runs (``tests/logs``), from the field notes of 2026-11-23 and from the original series of 32
experiments. A row of the original's catalogue is missing here where it has no line of its own to recognise: the hang
of the first interceptor, cgroup directories without files, ``ldd``'s and ``file``'s answers about static programs,
mount(8)'s ``wrong fs type`` (also said of things that nobody needs), a node's taint, a refused ``kubectl logs``, a
refused download.

What this module must not do: match. ``blockers`` does.
"""

from typing import Final

from runner.core.blocker_rule import BlockerRule
from runner.core.blocker_rules_kubelet import KUBELET_RULES
from runner.core.blocker_rules_network import NETWORK_RULES
from runner.core.blocker_rules_runtime import RUNTIME_RULES
from runner.core.blocker_rules_server import SERVER_RULES

ROWS: Final[tuple[BlockerRule, ...]] = (*SERVER_RULES, *KUBELET_RULES, *NETWORK_RULES, *RUNTIME_RULES)
