"""One poll cycle of one device: its blocks in, the columns of one frame out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gateway.domain.device import Device
from gateway.domain.duration import MINUTE
from gateway.domain.errors import DecodeError
from gateway.domain.reading import F64, I32, U8, Quality
from protocols.modbus.link import ExceptionResponse, Link, LinkDown, Silent
from protocols.modbus.plan import (
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    NOTHING,
    Learned,
    RegisterSpan,
    RequestBlock,
    RequestLimits,
    learn,
    plan,
)
from protocols.modbus.registers import BAD, BoundRegister
from protocols.modbus.slave import Backoff, Slave
from protocols.modbus.stats import ModbusStats

REST = 10 * MINUTE
"""How long registers that a device refused are left alone before they are asked for again."""
LESSONS = 16
"""Blocks split in one cycle at most, so that learning does not starve the other devices of the link."""

Code = Callable[[int, str, int], int | None]
Rows = list[tuple[float, Quality]]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What one poll cycle read: rows of one device. `at` is its start, `received` its end, µs since 1970."""

    device: int
    at: int
    received: int
    points: I32
    values: F64
    quality: U8


@dataclass(slots=True)
class Pause:
    """A block that is not requested for a time, while others are."""

    failures: int = 0
    until: int = 0


class Layout:
    """What devices of one profile and as many components have in common: registers, their points, the first plan.

    `spans` are what is read, register by register; `owners` the index of the register that each belongs to.
    """

    def __init__(self, registers: Sequence[BoundRegister], limits: RequestLimits) -> None:
        self.registers = tuple(registers)
        self.limits = limits
        self.points = np.array([register.point for register in self.registers], np.int32)
        owned = [(index, register, span) for index, register in enumerate(registers) for span in register.spans]
        self.spans = tuple(
            RegisterSpan(register.table, address, count, register.unit) for _, register, (address, count) in owned
        )
        self.owners = tuple(index for index, *_ in owned)
        self.blocks = plan(self.spans, limits)
        self.units = frozenset(span.unit for span in self.spans)


@dataclass(slots=True)
class DeviceMemory:
    """What is known of one device beyond its profile, whichever of its points are polled: limits learned from refusals,
    and blocks that are left alone for a time."""

    learned: Learned = NOTHING
    pauses: dict[RegisterSpan, Pause] = field(default_factory=dict)


class PolledDevice:
    """Points of a device that are polled together. Groups of one device share a `memory`."""

    def __init__(self, device: Device, layout: Layout, patience: Backoff, memory: DeviceMemory | None = None) -> None:
        self.device, self.layout, self.patience = device, layout, patience
        self.memory = memory or DeviceMemory()
        self._planned = NOTHING, layout.blocks

    @property
    def learned(self) -> Learned:
        """The limits learned from refusals."""
        return self.memory.learned

    @property
    def blocks(self) -> tuple[RequestBlock, ...]:
        """The requests, by what was learned until now."""
        if self._planned[0] != self.learned:
            self._planned = self.learned, plan(self.layout.spans, self.layout.limits, self.learned)
        return self._planned[1]

    def paused(self, block: RequestBlock, now: int) -> bool:
        """Whether this block is paused at `now`."""
        pause = self.memory.pauses.get(block.key)
        return pause is not None and now < pause.until

    def refused(self, block: RequestBlock, code: int) -> None:
        """Plan anew after exception 2 or 3 on `block`."""
        self.memory.learned = learn(self.learned, block, self.layout.spans, code)

    def read(self, block: RequestBlock) -> None:
        """`block` was read: end its pause, and let it be read with others again."""
        self.memory.pauses.pop(block.key, None)
        if block.key in self.learned.holes:
            self.memory.learned = replace(self.learned, holes=self.learned.holes - {block.key})

    def unanswered(self, block: RequestBlock, now: int) -> None:
        """`block` alone got no response: pause it, longer every time."""
        pause = self.memory.pauses.setdefault(block.key, Pause())
        pause.failures += 1
        pause.until = now + self.patience.wait(pause.failures, f"{self.device.code} {block.key}")

    def rest(self, block: RequestBlock, now: int) -> None:
        """`block` cannot be split and was refused."""
        self.memory.pauses[block.key] = Pause(until=now + REST)


@dataclass(slots=True)
class Cycle:
    """One cycle under way. `now` is the µs clock of the schedule, `wall` µs since 1970."""

    link: Link
    slave: Slave
    target: PolledDevice
    code: Code
    stats: ModbusStats
    now: Callable[[], int]
    wall: Callable[[], int]
    answered: bool = False
    _lessons: int = 0
    _done: set[int] = field(default_factory=set)
    _words: dict[int, Sequence[int]] = field(default_factory=dict)

    async def run(self) -> Frame:
        """Read every block. Rows of blocks that failed are bad.

        Raises Silent or LinkDown when nothing at all was answered: after one unanswered request.
        """
        at, rows = self.wall(), [BAD] * len(self.target.layout.registers)
        queue = self._queue()
        while queue and await self._block(queue[0], rows):
            queue = self._queue()
        values = np.array([value for value, _ in rows], np.float64)
        quality = np.array([quality for _, quality in rows], np.uint8)
        return Frame(self.target.device.id, at, self.wall(), self.target.layout.points, values, quality)

    def _queue(self) -> Sequence[RequestBlock]:
        """Blocks with registers not settled in this cycle, without those left alone.

        After silence another block begins each time, so that one bad block cannot make the device look dead. When all
        are left alone, one is requested all the same, to find out whether the device is there.
        """
        blocks, now = self.target.blocks, self.now()
        left = [b for b in blocks if not self._done.issuperset(b.members) and not self.target.paused(b, now)]
        if not left and not self._done:
            return (blocks[self.slave.polls % len(blocks)],)
        turn = 0 if self.answered or not left else self.slave.failures % len(left)
        return left[turn:] + left[:turn]

    async def _block(self, block: RequestBlock, rows: Rows) -> bool:
        """Ask for one block; False ends the cycle."""
        try:
            words = await self.link.read(self.slave.unit + block.unit, block.table, block.address, block.count)
        except ExceptionResponse as refusal:
            self.answered = True
            self.stats.exceptions[refusal.code] = self.stats.exceptions.get(refusal.code, 0) + 1
            self._refused(block, refusal.code)
            return True
        except LinkDown:
            if not self.answered:
                raise
            return False
        except Silent as silence:
            self.stats.silence(silence.reason)
            if not self.answered:
                raise
            self.target.unanswered(block, self.now())
            self._done.update(*(one.members for one in self.target.blocks if one.unit == block.unit))
            return True
        self.answered = True
        self._done.update(block.members)
        self.target.read(block)
        self._decode(block, words, rows)
        return True

    def _refused(self, block: RequestBlock, code: int) -> None:
        """2 and 3 teach, as long as this cycle may learn; the rest is settled as bad."""
        teaches = code in (ILLEGAL_ADDRESS, ILLEGAL_VALUE) and block.key not in self.target.learned.holes
        if teaches and self._lessons < LESSONS:
            self._lessons += 1
            self.target.refused(block, code)
        if block.key in self.target.learned.holes:
            self.target.rest(block, self.now())
        if block.key in self.target.learned.holes or block in self.target.blocks:
            self._done.update(block.members)

    def _state(self, point: int, text: str) -> int | None:
        return self.code(point, text, self.target.device.id)

    def _decode(self, block: RequestBlock, words: Sequence[int], rows: Rows) -> None:
        layout = self.target.layout
        for index in block.members:
            span = layout.spans[index]
            start = span.address - block.address
            self._words[index] = words[start : start + span.count]
        for owner in {layout.owners[index] for index in block.members}:
            first = layout.owners.index(owner)
            pieces = [self._words.get(first + i) for i in range(len(layout.registers[owner].spans))]
            if None not in pieces:
                rows[owner] = self._judge(layout.registers[owner], [word for piece in pieces for word in piece or ()])

    def _judge(self, register: BoundRegister, words: Sequence[int]) -> tuple[float, Quality]:
        try:
            return register.judge(words, self._state)
        except DecodeError:
            self.stats.undecodable += 1
            return BAD
