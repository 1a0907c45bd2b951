"""Running iptables and ip6tables as Kubernetes does, and wording their failures as Kubernetes does.

The commands are really run, in the network namespace the process is in; what they say is passed on untouched.
"""

import re
import subprocess
from typing import Literal

Family = Literal["IPv4", "IPv6"]
COMMANDS: dict[Family, str] = {"IPv4": "iptables", "IPv6": "ip6tables"}

_VERSION = re.compile(r"v([0-9]+(?:\.[0-9]+)+)")
_WAIT_SECONDS_SINCE = (1, 4, 22)
_WAIT_SINCE = (1, 4, 20)


class IptablesError(Exception):
    """iptables is missing or refused; the text is Kubernetes', with all that iptables printed."""


class Iptables:
    """One family's command."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self._command = COMMANDS[family]
        self._wait = self._wait_flag()

    def check_present(self) -> None:
        """Ask for a chain every kernel with NAT has.

        Raises:
            IptablesError: The command is missing or the kernel does not do what it asks.
        """
        failed, _, output = self._run("-S", "nat", "POSTROUTING")
        if failed:
            raise IptablesError(f'error listing chain "POSTROUTING" in table "nat": {failed}: {output}')

    def ensure_chain(self, table: str, chain: str) -> None:
        """Make a chain unless it is there.

        Raises:
            IptablesError: It could not be made.
        """
        failed, status, output = self._run("-N", table, chain)
        if failed and status != 1:  # 1: the chain exists already
            raise IptablesError(f'error creating chain "{chain}": {failed}: {output}')

    def ensure_rule(self, table: str, chain: str, rule: tuple[str, ...]) -> None:
        """Put a rule first in a chain unless it is in it.

        Raises:
            IptablesError: It could not be looked for or not be put there.
        """
        failed, status, output = self._run("-C", table, chain, *rule)
        if not failed:
            return
        if status != 1:  # 1: no such rule
            raise IptablesError(f"error checking rule: {failed}: {output}")
        failed, _, output = self._run("-I", table, chain, *rule)
        if failed:
            raise IptablesError(f"error appending rule: {failed}: {output}")

    def _run(self, operation: str, table: str, chain: str, *rule: str) -> tuple[str | None, int, str]:
        """Why it failed (None when not), the exit status, everything it printed."""
        command = [self._command, *self._wait, operation, chain, "-t", table, *rule]
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False
            )
        except FileNotFoundError:
            return "executable file not found in $PATH", -1, ""
        except OSError as error:
            return f"fork/exec {self._command}: {error.strerror}", -1, ""
        text = done.stdout.decode(errors="replace")
        if done.returncode == 0:
            return None, 0, text
        how = f"exit status {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
        return how, done.returncode, text

    def _wait_flag(self) -> list[str]:
        try:
            asked = subprocess.run(
                [self._command, "--version"], capture_output=True, stdin=subprocess.DEVNULL, check=False
            )
        except OSError:
            return []  # every further command will say so
        match = _VERSION.search(asked.stdout.decode(errors="replace"))
        version = tuple(int(part) for part in match[1].split(".")) if match else ()
        if version >= _WAIT_SECONDS_SINCE:
            return ["-w", "5"]
        return ["-w"] if version >= _WAIT_SINCE else []
