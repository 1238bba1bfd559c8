"""Which requests read a set of registers and bits: pure and deterministic.

Those of one table that are close to each other share a block, up to a number of unused ones read along, never across a
forbidden range and never more than a device takes. Devices differ from their manuals, so a refused block teaches
(`Learned`): it is split until what is refused stands alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from protocols.modbus.profile import ModbusMap, RegisterTable

ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3


@dataclass(frozen=True, slots=True, order=True)
class RegisterSpan:
    """Addresses [address, address + count) of a table that belong together: the words or bits of one point."""

    table: RegisterTable
    address: int
    count: int

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

    @property
    def end(self) -> int:
        """The address after the last."""
        return self.address + self.count

    @property
    def key(self) -> RegisterSpan:
        """What it reads: the same for two plans that contain the same request."""
        return RegisterSpan(self.table, self.address, self.count)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What a device takes in one request, by its profile."""

    max_registers: int = 60
    max_gap: int = 8
    forbid: tuple[tuple[int, int], ...] = ()
    style: Literal["block", "single"] = "block"
    max_bits: int = 2000

    @classmethod
    def of(cls, register_map: ModbusMap) -> "RequestLimits":
        """The limits of a profile's section."""
        m = register_map
        return cls(m.max_registers, m.max_gap, m.forbid, m.style, m.max_bits)

    def most(self, table: RegisterTable) -> int:
        """Registers or bits in one request."""
        return self.max_bits if table.of_bits else self.max_registers


@dataclass(frozen=True, slots=True)
class Learned:
    """Limits learned from refusals of one device: `caps` (table, most in one request; none = that of the profile),
    `cuts` no block may contain both sides of these addresses, `holes` spans it does not have."""

    caps: frozenset[tuple[RegisterTable, int]] = frozenset()
    cuts: frozenset[tuple[RegisterTable, int]] = frozenset()
    holes: frozenset[RegisterSpan] = frozenset()

    def cap(self, table: RegisterTable, most: int) -> int:
        """The lower of `most` and what was learned of `table`."""
        return min([most, *(cap for of, cap in self.caps if of == table)])


NOTHING = Learned()
"""A device that was never refused anything."""


def plan(spans: Sequence[RegisterSpan], limits: RequestLimits, learned: Learned = NOTHING) -> tuple[RequestBlock, ...]:
    """The requests, ordered by table and address: every span lies in exactly one block.

    A span longer than the limit gets a block of its own: it cannot be read in two without tearing.
    """
    most = {table: learned.cap(table, limits.most(table)) for table in RegisterTable}
    blocks: list[RequestBlock] = []
    for index in sorted(range(len(spans)), key=lambda i: (spans[i].table, spans[i].address, -spans[i].count)):
        span = spans[index]
        if blocks and _joins(blocks[-1], span, most[span.table], limits, learned):
            last = blocks[-1]
            end = max(last.end, span.end)
            blocks[-1] = RequestBlock(last.table, last.address, end - last.address, (*last.members, index))
        else:
            blocks.append(RequestBlock(span.table, span.address, span.count, (index,)))
    return tuple(blocks)


def _joins(block: RequestBlock, span: RegisterSpan, most: int, limits: RequestLimits, learned: Learned) -> bool:
    """Whether `span`, which starts at or after the block, may be read with it."""
    if span.table != block.table or span in learned.holes or block.key in learned.holes:
        return span == block.key
    if limits.style == "single":
        return span == block.key
    end = max(block.end, span.end)
    if end - block.address > max(most, block.count) or span.address - block.end > limits.max_gap:
        return False
    avoid = [*limits.forbid, *((hole.address, hole.end - 1) for hole in learned.holes if hole.table == block.table)]
    if any(low < end and block.address <= high for low, high in avoid):
        return False
    return not any(table == block.table and block.address < cut < end for table, cut in learned.cuts)


def learn(learned: Learned, block: RequestBlock, spans: Sequence[RegisterSpan], code: int) -> Learned:
    """What exception `code` (2 or 3) on `block` teaches. The result differs from `learned`, so that asking ends.

    3 on a block of several spans halves the cap of its table. 2 cuts it at the widest gap, else in the middle. A span
    refused alone is a hole, and the cuts that led to it are forgotten: without the hole they may not be needed.
    """
    members = sorted((spans[index] for index in block.members), key=lambda s: (s.address, s.count))
    borders = _borders(members)
    if code == ILLEGAL_VALUE and borders:
        cap = max(*(span.count for span in members), (block.count + 1) // 2)
        if cap < block.count:
            others = {(table, most) for table, most in learned.caps if table != block.table}
            return replace(learned, caps=frozenset({*others, (block.table, cap)}))
    if borders:
        middle = block.address + block.count / 2
        _, _, cut = min((-gap, abs(cut - middle), cut) for gap, cut in borders)
        return replace(learned, cuts=learned.cuts | {(block.table, cut)})
    holes = learned.holes | {block.key, *members}
    return Learned(learned.caps, frozenset(), holes)


def lessons(before: Learned, after: Learned) -> list[str]:
    """What was learned in between, one line each."""
    caps = [f"takes at most {cap} {t.contents} in one request" for t, cap in after.caps - before.caps]
    holes = [f"refuses {one.table.contents} {one.address}-{one.end - 1}" for one in after.holes - before.holes]
    cuts = [f"refuses one request for {t.contents} on both sides of {cut}" for t, cut in after.cuts - before.cuts]
    return [*sorted(caps), *sorted(holes), *sorted(cuts)]


def _borders(members: Sequence[RegisterSpan]) -> list[tuple[int, int]]:
    """(unused addresses before it, address) of every place where a block can be cut without cutting a span."""
    out: list[tuple[int, int]] = []
    end = members[0].end
    for span in members[1:]:
        if span.address >= end:
            out.append((span.address - end, span.address))
        end = max(end, span.end)
    return out
