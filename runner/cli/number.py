"""Numbers on the command line."""

import math
from typing import Any

import click


class Number(click.FloatRange):
    """A number in a range; what is none ("nan"), or has no end ("inf"), is in no range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401  as click
        """The number.

        Raises:
            click.BadParameter: It is none, or out of range.
        """
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


SECONDS = Number(min=0, min_open=True)
