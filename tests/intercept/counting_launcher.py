"""The launcher, counting what it asks the kernel for while it traces; the sum is the last line of stderr."""

import os
import sys
from collections.abc import Callable
from typing import Any

from runner.intercept import __main__ as launcher
from runner.intercept import ptrace_kernel

count = 0


def counted(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        global count  # noqa: PLW0603  one number for the whole program
        count += 1
        return function(*arguments, **options)

    return call


class Library:
    """The C library, its calls counted."""

    def __getattr__(self, name: str) -> Any:
        value = counted(getattr(real, name))
        setattr(self, name, value)
        return value


real = ptrace_kernel.library
ptrace_kernel.library = Library()  # type: ignore[assignment]
for name in ("stat", "lstat", "readlink", "listdir", "open"):
    setattr(os, name, counted(getattr(os, name)))
code = launcher.main(sys.argv[1:])
sys.stderr.write(f"\nrequests {count}\n")
sys.stderr.flush()
sys.exit(code)
