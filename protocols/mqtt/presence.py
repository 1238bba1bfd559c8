"""Whether a device is there: birth and will, its messages and their absence, as one debounced state per device. Pure.

Times are µs of one clock; a call with an earlier time than the last one counts as of the last one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

_NEVER: Final = 2**62


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """The device is `online` (or is not) since `at` µs: by then the state had lasted for the debounce time."""

    device: int
    online: bool
    at: int


@dataclass(slots=True)
class _State:
    alive: int
    """µs of the last sign of life."""
    raw: bool
    since: int
    """µs since when `raw` holds."""
    published: bool


class PresenceTracker:
    """The state machines of all devices of a source.

    A device is online with its first sign of life: a birth, or any message of its own. It is offline with its will, or
    `timeout` µs after its last sign of life (0 = never by silence). A sign of life after a will undoes it: the will of
    an old connection may come after the birth of the new one. A state is published once it lasted `debounce` µs; the
    first state of a device at once.
    """

    def __init__(self, timeout: int, debounce: int) -> None:
        self._timeout, self._debounce = timeout, debounce
        self._states: dict[int, _State] = {}
        self._due: list[tuple[int, int]] = []
        self._changes: list[PresenceChange] = []
        self._now = 0
        self._connected = False

    def restore(self, published: Mapping[int, bool], now: int) -> None:
        """Go on with the states of the last run: silence counts from `now`."""
        for device, online in published.items():
            if device not in self._states:
                self._states[device] = _State(now, online, now, online)
                self._plan(device)

    def alive(self, device: int, now: int) -> None:
        """A sign of life."""
        state = self._advanced(device, now, first=True)
        state.alive = self._now
        if not state.raw:
            self._turn(device, state, online=True)

    def gone(self, device: int, now: int) -> None:
        """The will of the device."""
        state = self._advanced(device, now, first=False)
        if state.raw:
            self._turn(device, state, online=False)

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

    def published(self) -> dict[int, bool]:
        """Device -> published state."""
        return {device: state.published for device, state in self._states.items()}

    # ---- one device -------------------------------------------------------------------------------------------
    def _advanced(self, device: int, now: int, *, first: bool) -> _State:
        """Its state before what comes at `now`; a new device begins in the state `first`."""
        self._now = max(self._now, now)
        state = self._states.get(device)
        if state is None:
            state = self._states[device] = _State(self._now, first, self._now, first)
            self._changes.append(PresenceChange(device, first, self._now))
            self._plan(device)
        else:
            self._advance(device, state)
        return state

    def _advance(self, device: int, state: _State) -> None:
        silent = self._silent_at(state)
        if silent <= self._now:
            self._settle(device, state, silent)
            state.raw, state.since = False, silent
        self._settle(device, state, self._now)

    def _turn(self, device: int, state: _State, *, online: bool) -> None:
        state.raw, state.since = online, self._now
        self._settle(device, state, self._now)
        self._plan(device)

    def _settle(self, device: int, state: _State, until: int) -> None:
        """Publish what lasted long enough by `until`."""
        at = state.since + self._debounce
        if state.raw != state.published and at <= until:
            state.published = state.raw
            self._changes.append(PresenceChange(device, state.raw, at))

    def _silent_at(self, state: _State) -> int:
        return state.alive + self._timeout if self._timeout and state.raw and self._connected else _NEVER

    # ---- time -------------------------------------------------------------------------------------------------
    def _plan(self, device: int) -> None:
        state = self._states[device]
        settles = state.since + self._debounce if state.raw != state.published else _NEVER
        due = min(self._silent_at(state), settles)
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
