"""Whether a device is there: birth and will, its messages and their absence, as one debounced state per device. Pure.

Times are µs of one clock; a call with an earlier time than the last one counts as of the last one.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from protocols.mqtt.presence_config import FLAPPING, OFFLINE, ONLINE

_NEVER: Final = 2**62


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """The device is in `state` since `at` µs. `number` counts its states, from 1. Not `certain`: a will that may be
    old; then nothing is counted, and what was published before still holds."""

    device: int
    state: str
    at: int
    number: int
    certain: bool = True


@dataclass(frozen=True, slots=True)
class PresenceLimits:
    """µs: silence that makes a device offline (0 = it never does), and how long a state lasts until it is published."""

    timeout: int
    debounce: int


@dataclass(frozen=True, slots=True)
class FlapLimits:
    """`changes` within `span` µs are too many; `quiet` µs without one end it."""

    changes: int
    span: int
    quiet: int


@dataclass(frozen=True, slots=True)
class KnownPresence:
    """What was published of a device last."""

    state: str
    number: int


@dataclass(slots=True)
class _State:
    alive: int
    """µs of the last sign of life."""
    holds: int
    """µs for which it holds; 0 = for ever."""
    raw: bool | None
    """None: not known yet."""
    since: int
    """µs since when `raw` holds."""
    published: str = ""
    number: int = 0
    turns: deque[int] = field(default_factory=deque)
    """µs of the last changes of `raw`."""
    unsteady: bool = False
    doubted: int = _NEVER
    """µs when an uncertain state is published."""
    unsure: bool = False
    """It was."""


class PresenceTracker:
    """The state machines of all devices of a source.

    A device is online with its first sign of life: a birth, or any message of its own. It is offline with its will, or
    when a sign of life does not hold any more. A sign of life after a will undoes it: the will of an old connection may
    come after the birth of the new one. A state is published once it lasted the debounce time; the first state of a
    device at once. Too many changes are one state, flapping, until there is quiet. `limits`: device -> its own.
    """

    def __init__(self, limits: Callable[[int], PresenceLimits], flap: FlapLimits | None = None) -> None:
        self._limits, self._flap = limits, flap
        self._states: dict[int, _State] = {}
        self._due: list[tuple[int, int]] = []
        self._changes: list[PresenceChange] = []
        self._now = 0
        self._connected = False

    def restore(self, published: Mapping[int, KnownPresence], now: int) -> None:
        """Go on with the states of the last run: silence counts from `now`."""
        for device, known in published.items():
            if device not in self._states:
                raw = None if known.state == FLAPPING else known.state == ONLINE
                holds = self._limits(device).timeout
                self._states[device] = _State(now, holds, raw, now, known.state, known.number)
                self._plan(device)

    def alive(self, device: int, now: int, holds: int | None = None) -> None:
        """A sign of life that holds for so long, µs (0 = for ever; None = as in its limits). One that
        holds longer does not extend what another one promised: that one is due at its own time."""
        new = device not in self._states
        state = self._advanced(device, now, first=True)
        holds = self._limits(device).timeout if holds is None else holds
        longer = bool(state.holds) and (not holds or holds > state.holds)
        if new or not (longer and state.raw):
            state.alive, state.holds = self._now, holds
        unsure, state.doubted, state.unsure = state.unsure, _NEVER, False
        if not state.raw:
            self._turn(device, state, online=True)
        elif unsure:
            state.since = self._now
            self._settle(device, state, self._now)
        self._plan(device)

    def gone(self, device: int, now: int) -> None:
        """The will of the device."""
        state = self._advanced(device, now, first=False)
        state.doubted, state.unsure = _NEVER, False
        if state.raw or state.raw is None:
            self._turn(device, state, online=False)

    def doubt(self, device: int, now: int) -> None:
        """A will that may be old. Without a sign of life it is published as uncertain."""
        state = self._advanced(device, now, first=None)
        if state.raw is not False and state.doubted == _NEVER and not state.unsure:
            state.doubted = self._now + self._limits(device).debounce
            self._settle(device, state, self._now)
            self._plan(device)

    def connected(self, now: int) -> None:
        """Messages of the devices can arrive again: silence counts from here."""
        self._decide(now)
        self._connected = True
        for device, state in self._states.items():
            state.alive = max(state.alive, self._now)
            self._plan(device)

    def disconnected(self, now: int) -> None:
        """No message can arrive: silence proves nothing from here on. What was due before is decided."""
        self._decide(now)
        self._connected = False

    def changes(self, now: int) -> list[PresenceChange]:
        """What is published by `now` and was not given before, in order of time."""
        self._decide(now)
        found, self._changes = sorted(self._changes, key=lambda change: change.at), []
        return found

    def published(self) -> dict[int, KnownPresence]:
        """Device -> what was published last, and is certain."""
        return {
            device: KnownPresence(state.published, state.number)
            for device, state in self._states.items()
            if state.published
        }

    # ---- one device -------------------------------------------------------------------------------------------
    def _advanced(self, device: int, now: int, *, first: bool | None) -> _State:
        """Its state before what comes at `now`; a new device begins in the state `first`, None = with a doubt."""
        self._now = max(self._now, now)
        state = self._states.get(device)
        if state is None:
            state = _State(self._now, self._limits(device).timeout, first, self._now)
            self._states[device] = state
            if first is not None:
                self._publish(device, state, ONLINE if first else OFFLINE, self._now)
            self._plan(device)
        else:
            self._advance(device, state)
        return state

    def _advance(self, device: int, state: _State) -> None:
        silent = self._silent_at(state)
        if silent <= self._now:
            self._settle(device, state, silent)
            self._turn_at(device, state, silent, online=False)
        self._settle(device, state, self._now)

    def _turn(self, device: int, state: _State, *, online: bool) -> None:
        self._turn_at(device, state, self._now, online=online)
        self._settle(device, state, self._now)
        self._plan(device)

    def _turn_at(self, device: int, state: _State, at: int, *, online: bool) -> None:
        known, flap = state.raw is not None, self._flap
        state.raw, state.since = online, at
        if not known or flap is None:
            return
        state.turns.append(at)
        while len(state.turns) > flap.changes or state.turns[0] <= at - flap.span:
            state.turns.popleft()
        if len(state.turns) >= flap.changes and not state.unsteady:
            state.unsteady = True
            self._publish(device, state, FLAPPING, at)

    def _settle(self, device: int, state: _State, until: int) -> None:
        """Publish what lasted long enough by `until`."""
        if state.doubted <= until:
            self._changes.append(PresenceChange(device, OFFLINE, state.doubted, state.number, certain=False))
            state.doubted, state.unsure, state.published = _NEVER, True, ""
        at = self._settles_at(device, state)
        if at <= until:
            if state.unsteady:
                state.unsteady = False
                state.turns.clear()
            self._publish(device, state, ONLINE if state.raw else OFFLINE, at)

    def _settles_at(self, device: int, state: _State) -> int:
        if state.raw is None or (state.unsure and state.raw):
            return _NEVER
        if state.unsteady and self._flap is not None:
            return state.since + self._flap.quiet
        same = state.published == (ONLINE if state.raw else OFFLINE)
        return _NEVER if same else state.since + self._limits(device).debounce

    def _publish(self, device: int, state: _State, text: str, at: int) -> None:
        state.number += 1
        state.published = text
        self._changes.append(PresenceChange(device, text, at, state.number))

    def _silent_at(self, state: _State) -> int:
        return state.alive + state.holds if state.holds and state.raw is not False and self._connected else _NEVER

    # ---- time -------------------------------------------------------------------------------------------------
    def _plan(self, device: int) -> None:
        state = self._states[device]
        due = min(self._silent_at(state), self._settles_at(device, state), state.doubted)
        if due < _NEVER:
            heappush(self._due, (due, device))

    def _decide(self, now: int) -> None:
        """What time alone decides until `now`. A plan that is outdated only makes its device looked at once more."""
        self._now = max(self._now, now)
        for device in self._overdue():
            self._advance(device, self._states[device])
            self._plan(device)

    def _overdue(self) -> Iterator[int]:
        while self._due and self._due[0][0] <= self._now:
            yield heappop(self._due)[1]
