"""CoreDNS, built from its Go module and cached: the cluster DNS, for sandboxes that reach no registry."""

import os
from collections.abc import Mapping

from runner.supply.cache import Cache
from runner.supply.gomodule import Program, Recipe
from runner.supply.kubernetes import kept_or_built, supplied_from
from runner.supply.supplied import Absent, Attempt, Progress, Supplied

VERSION = "v1.13.2"
RECIPE = Recipe(
    name=f"coredns-{VERSION}",
    version=VERSION.removeprefix("v"),
    programs=(Program(name="coredns", package="."),),
    toolchain="go1.24.0",
    stamps={},
    packages=750,
    takes="about two minutes, once",
)


async def find_coredns(
    progress: Progress, *, environ: Mapping[str, str] = os.environ, cache: Cache | None = None
) -> Supplied | Absent:
    """CoreDNS from the cache, or built now; Absent, with the reasons, when it cannot be had."""
    attempts: list[Attempt] = []
    entry = await kept_or_built(RECIPE, attempts, cache or Cache.of_user(), environ, progress, refresh=False)
    if entry is None:
        return Absent(what="coredns", attempts=tuple(attempts))
    return supplied_from(entry, "coredns", attempts)
