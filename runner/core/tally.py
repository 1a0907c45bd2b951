"""How runs that do not always agree make one answer.

The rule is the simplest that bounds the error: a question counts as answered once ``lead`` more of its runs came out one way
than the other. If each run tells the truth with probability 1 - f, the answer is wrong with a probability of at most
1 / (1 + ((1 - f) / f) ** lead), whatever the truth is (Wald's sequential test for a coin): with one flaky run in five, a lead
of 2 errs once in 17, of 3 once in 65, of 6 once in 4097; of 1, like a single run, once in 5.
"""

import attrs


@attrs.frozen
class Tally:
    """Runs of one set of circumstances: how many came out yes, and how many no."""

    yes: int = 0
    no: int = 0

    @property
    def runs(self) -> int:
        """All of them."""
        return self.yes + self.no

    def __str__(self) -> str:
        """``2 of 3``."""
        return f"{self.yes} of {self.runs}"

    def plus(self, *, yes: bool) -> "Tally":
        """With one more run."""
        return Tally(self.yes + yes, self.no + (not yes))

    def answer(self, lead: int) -> bool | None:
        """The answer, or None while it takes more runs."""
        if abs(self.yes - self.no) < lead:
            return None
        return self.yes > self.no


def error_bound(flake: float, lead: int) -> float:
    """Probability of a wrong answer, when each run lies with probability ``flake`` (below one half)."""
    if flake <= 0:
        return 0.0
    return 1 / (1 + ((1 - flake) / flake) ** lead)
