"""The tool's own log: a dotted event name and values, on stderr; never the result, never the workload's lines."""

import logging
import sys
from typing import Any

import structlog


def configure_log(*, verbose: bool) -> None:
    """Warnings and worse by default; everything with ``verbose``."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def log() -> Any:  # noqa: ANN401  structlog's own return type
    """The logger."""
    return structlog.get_logger()
