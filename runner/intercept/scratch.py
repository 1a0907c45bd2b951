"""Scratch memory inside tracees: one mapping per address space, cut into slots that calls claim and give back.

A thread that vforks shares its memory with the child, a process that forks gives the child a copy. Both can use what was
mapped before, as long as no two calls under way use one slot; so regions are remembered by process, inherited by
children, and a slot belongs to one call wherever it runs. Whether a region is really there is told by a mark at its start:
a program may unmap it, and nobody knows in which order a fork and a mapping happened.
"""

import os

import attrs

TEXT_BYTES = 4352  # a path of PATH_MAX, and room
SLOT_BYTES = 2 * TEXT_BYTES  # rename names two paths
SLOTS = 15
REGION_BYTES = 1 << 17
MARK_BYTES = 16
_FIRST_SLOT = 64


@attrs.define
class Region:
    """One mapping.

    Attributes:
        address: Where it is, the same in all address spaces that have it.
        mark: Random bytes at its start.
        free: Addresses of unused slots.
    """

    address: int
    mark: bytes
    free: list[int]


@attrs.frozen
class Slot:
    """Memory for the texts of one call under way."""

    region: Region
    address: int


@attrs.define
class ScratchBook:
    """Which process has which regions."""

    _regions: dict[int, list[Region]] = attrs.field(factory=dict)
    _refused: set[int] = attrs.field(factory=set)

    def regions(self, process: int, parent: int) -> list[Region]:
        """Regions that the process may have; it inherits its parent's when first asked for."""
        if process not in self._regions:
            self._regions[process] = list(self._regions.get(parent, ()))
        return self._regions[process]

    def add(self, process: int, address: int) -> Region:
        """Remember a new mapping; its mark must be written to its start."""
        first = address + _FIRST_SLOT
        slots = [first + index * SLOT_BYTES for index in range(SLOTS)]
        region = Region(address, os.urandom(MARK_BYTES), slots)
        self._regions.setdefault(process, []).append(region)
        return region

    def drop(self, process: int, region: Region) -> None:
        """The process does not have that region (any more)."""
        self._regions[process].remove(region)

    def claim(self, region: Region) -> Slot | None:
        """A slot for one call, None if all are in use."""
        return Slot(region, region.free.pop()) if region.free else None

    def give_back(self, slot: Slot) -> None:
        """The call is over."""
        slot.region.free.append(slot.address)

    def refuse(self, process: int) -> None:
        """The process cannot map memory (limits, another filter): do not try again."""
        self._refused.add(process)

    def refused(self, process: int) -> bool:
        """Whether mapping failed before."""
        return process in self._refused

    def forget(self, process: int) -> None:
        """The process has a new program, or is gone: no mapping is left."""
        self._regions[process] = []
        self._refused.discard(process)

    def end(self, process: int) -> None:
        """The process is gone."""
        self._regions.pop(process, None)
        self._refused.discard(process)
