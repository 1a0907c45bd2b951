"""The command: ``python -m runner.standin server [k3s flags]``; exit codes are k3s's."""

import os
import sys

from runner.standin import flags, server
from runner.standin.lines import Printer


def main(arguments: list[str]) -> int:
    """Run the server the arguments ask for; returns the exit code."""
    out = Printer()
    if arguments[:1] != ["server"]:
        sys.stdout.write(flags.HELP)
        sys.stdout.flush()
        out.fatal(f"Error: the stand-in knows one command, server, not {' '.join(arguments[:1]) or 'nothing'}")
        return 1
    try:
        config = flags.parse(arguments[1:])
    except flags.UsageError as error:
        sys.stdout.write(f"Incorrect Usage: {error}\n\n{flags.HELP}")
        sys.stdout.flush()
        out.fatal(f"Error: {error}")
        return 1
    if config is None:
        sys.stdout.write(flags.HELP)
        sys.stdout.flush()
        return 0
    return server.run(config, out)


if __name__ == "__main__":
    # Components may still be waiting in system calls; as in Go, they do not keep the process.
    os._exit(main(sys.argv[1:]))
