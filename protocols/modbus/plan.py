"""Which requests read a set of registers and bits: pure and deterministic.

Those of one table that are close to each other share a block, with so many unused ones in between as cost less than
another request on this link (`LinkTiming`), never across a forbidden range and never more than a device takes. Devices
differ from their manuals, so a refused block teaches (`Learned`): it is split until what is refused stands alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from protocols.modbus.profile import ModbusMap
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.timing import LinkTiming

Area = tuple[int, RegisterTable]
"""One table of one unit, as its offset from the unit id of the device."""
MOST_GAP = 24
"""Unused registers that are read along without a `max_gap` at most: there may be registers that a device has not."""
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3


@dataclass(frozen=True, slots=True, order=True)
class RegisterSpan:
    """Addresses [address, address + count) of a table that belong together: the words or bits of one point.

    `unit` is added to the unit id of the device.
    """

    table: RegisterTable
    address: int
    count: int
    unit: int = 0

    @property
    def area(self) -> "Area":
        """What one request may read of."""
        return self.unit, self.table

    @property
    def end(self) -> int:
        """The address after the last."""
        return self.address + self.count


@dataclass(frozen=True, slots=True)
class RequestBlock:
    """One request. `members` are the indices of the spans it answers."""

    table: RegisterTable
    address: int
    count: int
    members: tuple[int, ...]
    unit: int = 0

    @property
    def area(self) -> "Area":
        """What it reads of."""
        return self.unit, self.table

    @property
    def end(self) -> int:
        """The address after the last."""
        return self.address + self.count

    @property
    def key(self) -> RegisterSpan:
        """What it reads: the same for two plans that contain the same request."""
        return RegisterSpan(self.table, self.address, self.count, self.unit)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What a device takes in one request, by its profile, and how many unused registers and bits are read along."""

    max_registers: int = 60
    max_gap: int = 8
    forbid: tuple[tuple[int, int], ...] = ()
    style: Literal["block", "single"] = "block"
    max_bits: int = 2000
    max_bit_gap: int = 8

    @classmethod
    def of(cls, register_map: ModbusMap, timing: LinkTiming) -> "RequestLimits":
        """The limits of a profile's section on a link."""
        m = register_map
        of_registers, of_bits = (
            min(timing.worthwhile_gap(table), most if m.max_gap is None else m.max_gap)
            for table, most in ((RegisterTable.HOLDING, MOST_GAP), (RegisterTable.COIL, 16 * MOST_GAP))
        )
        return cls(m.max_registers, of_registers, m.forbid, m.style, m.max_bits, of_bits)

    def gap(self, table: RegisterTable) -> int:
        """Unused registers or bits between two spans of one request, at most."""
        return self.max_bit_gap if table.of_bits else self.max_gap

    def most(self, table: RegisterTable) -> int:
        """Registers or bits in one request."""
        return self.max_bits if table.of_bits else self.max_registers


@dataclass(frozen=True, slots=True)
class Learned:
    """Limits learned from refusals of one device: `caps` (area, most in one request; none = that of the profile),
    `cuts` no block may contain both sides of these addresses, `holes` spans it does not have."""

    caps: frozenset[tuple[Area, int]] = frozenset()
    cuts: frozenset[tuple[Area, int]] = frozenset()
    holes: frozenset[RegisterSpan] = frozenset()

    def cap(self, area: Area, most: int) -> int:
        """The lower of `most` and what was learned of `area`."""
        return min([most, *(cap for of, cap in self.caps if of == area)])


NOTHING = Learned()
"""A device that was never refused anything."""


def plan(spans: Sequence[RegisterSpan], limits: RequestLimits, learned: Learned = NOTHING) -> tuple[RequestBlock, ...]:
    """The requests, ordered by unit, table and address: every span lies in exactly one block.

    A span longer than the limit gets a block of its own: it cannot be read in two without tearing.
    """
    most = {span.area: learned.cap(span.area, limits.most(span.table)) for span in spans}
    blocks: list[RequestBlock] = []
    for index in sorted(range(len(spans)), key=lambda i: (spans[i].area, spans[i].address, -spans[i].count)):
        span = spans[index]
        if blocks and _joins(blocks[-1], span, most[span.area], limits, learned):
            last = blocks[-1]
            end = max(last.end, span.end)
            blocks[-1] = RequestBlock(last.table, last.address, end - last.address, (*last.members, index), last.unit)
        else:
            blocks.append(RequestBlock(span.table, span.address, span.count, (index,), span.unit))
    return tuple(blocks)


def _joins(block: RequestBlock, span: RegisterSpan, most: int, limits: RequestLimits, learned: Learned) -> bool:
    """Whether `span`, which starts at or after the block, may be read with it."""
    if span.area != block.area or span in learned.holes or block.key in learned.holes:
        return span == block.key
    if limits.style == "single":
        return span == block.key
    end = max(block.end, span.end)
    if end - block.address > max(most, block.count) or span.address - block.end > limits.gap(span.table):
        return False
    avoid = [*limits.forbid, *((hole.address, hole.end - 1) for hole in learned.holes if hole.area == block.area)]
    if any(low < end and block.address <= high for low, high in avoid):
        return False
    return not any(area == block.area and block.address < cut < end for area, cut in learned.cuts)


def learn(learned: Learned, block: RequestBlock, spans: Sequence[RegisterSpan], code: int) -> Learned:
    """What exception `code` (2 or 3) on `block` teaches. The result differs from `learned`, so that asking ends.

    3 on a block of several spans halves the cap of its area. 2 cuts it at the widest gap, else in the middle. A span
    refused alone is a hole, and the cuts that led to it are forgotten: without the hole they may not be needed.
    """
    members = sorted((spans[index] for index in block.members), key=lambda s: (s.address, s.count))
    borders = _borders(members)
    if code == ILLEGAL_VALUE and borders:
        cap = max(*(span.count for span in members), (block.count + 1) // 2)
        if cap < block.count:
            others = {(area, most) for area, most in learned.caps if area != block.area}
            return replace(learned, caps=frozenset({*others, (block.area, cap)}))
    if borders:
        middle = block.address + block.count / 2
        _, _, cut = min((-gap, abs(cut - middle), cut) for gap, cut in borders)
        return replace(learned, cuts=learned.cuts | {(block.area, cut)})
    holes = learned.holes | {block.key, *members}
    return Learned(learned.caps, frozenset(), holes)


def lessons(before: Learned, after: Learned) -> list[str]:
    """What was learned in between, one line each."""
    caps = [f"takes at most {cap} {_named(area)} in one request" for area, cap in after.caps - before.caps]
    holes = [f"refuses {_named(one.area)} {one.address}-{one.end - 1}" for one in after.holes - before.holes]
    cuts = [f"refuses one request for {_named(area)} on both sides of {cut}" for area, cut in after.cuts - before.cuts]
    return [*sorted(caps), *sorted(holes), *sorted(cuts)]


def _named(area: Area) -> str:
    unit, table = area
    return f"{table.contents} of unit {unit:+d}" if unit else table.contents


def _borders(members: Sequence[RegisterSpan]) -> list[tuple[int, int]]:
    """(unused addresses before it, address) of every place where a block can be cut without cutting a span."""
    out: list[tuple[int, int]] = []
    end = members[0].end
    for span in members[1:]:
        if span.address >= end:
            out.append((span.address - end, span.address))
        end = max(end, span.end)
    return out
