"""The sender: takes approved commands to the sources, records what came back, and lets times run out.

That a command is sent is on disk before anything leaves, so it is sent once at most: what a stop of the process cuts
off between sending and answer is `uncertain` at the next start, and a person decides.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from gateway.command_port import CommandPort
from gateway.device_commands.ports import DeviceCommandStore
from gateway.device_commands.read_back import ReadBacks, WatchedPoint, shown_value
from gateway.device_commands.requests import Allowed
from gateway.domain.device import Device
from gateway.domain.device_command.allowed import AllowedCommand
from gateway.domain.device_command.command import CommandEvent, CommandState, DeviceCommand, Verification
from gateway.domain.device_command.definition import Value, checked
from gateway.domain.device_command.exchange import AnswerKind, CommandAnswer, CommandNotSent, OutgoingCommand
from gateway.domain.device_command.lifecycle import Happening
from gateway.domain.duration import SECOND
from gateway.domain.errors import CommandError, SourceError, StoreError
from gateway.domain.reading import Reading
from gateway.ports import Blocking, Clock, RegistryView

log = structlog.get_logger()
E, S = CommandEvent, CommandState
LONGEST: Final = 3600.0
"""s between two looks when nothing is due."""
RETRY: Final = 1.0
"""s between two tries to record an answer."""
MOST_TEXT: Final = 500
"""Characters of an answer that are kept."""


@dataclass(frozen=True, slots=True)
class SenderServices:
    """Parts of the gateway that the sender uses. `sources`: the running ones by name; `latest`: the newest reading of
    each point of a device, from the store of readings."""

    store: DeviceCommandStore
    desk_thread: Blocking
    clock: Clock
    allowed: Allowed
    registry: RegistryView
    sources: Callable[[], Mapping[str, object]]
    latest: Callable[[int], Awaitable[Sequence[Reading]]]


class CommandSender:
    """Sends what is approved, one command per device at a time, until cancelled."""

    def __init__(self, services: SenderServices) -> None:
        self._services = services
        self.read_backs = ReadBacks(services.registry.point_by_id, self.notify)
        self.counts: Counter[str] = Counter()
        """Events so far, by name."""
        self._busy: set[int] = set()
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def notify(self) -> None:
        """Look again: a command was requested, approved or refused. From any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to wake
                loop.call_soon_threadsafe(self._changed.set)

    async def run(self) -> None:
        """Until cancelled. Commands that were cut off before become uncertain first."""
        self._loop, self._busy = asyncio.get_running_loop(), set()
        await self._recover()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                try:
                    due = await self._look(tasks)
                except StoreError as error:  # commands under way are not disturbed
                    log.warning("device commands wait for the store", error=error)
                    due = self._now() + SECOND
                wait = LONGEST if due is None else max(0.0, (due - self._now()) / SECOND)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(wait, LONGEST)):
                        await self._changed.wait()

    async def _recover(self) -> None:
        for command in await self._waiting():
            if command.state is S.SENT:
                await self._change(command.id, self._when(S.SENT, E.LOSE, reason="command.cut_off"))

    async def _look(self, tasks: asyncio.TaskGroup) -> int | None:
        """Let times run out, start what can be sent -> when something is due next, µs."""
        due: list[int] = []
        for command in await self._waiting():
            now = self._now()
            if command.verification is Verification.PENDING:
                await self._verify(command, now, due)
            elif command.state is S.SENT:
                continue
            elif command.expires_at <= now:
                await self._change(command.id, self._when(command.state, E.EXPIRE))
            elif command.state is S.APPROVED and command.device not in self._busy:
                self._busy.add(command.device)
                tasks.create_task(self._carry_out(command), name=f"command {command.id}")
            else:
                due.append(command.expires_at)
        return min(due, default=None)

    # ---- one command ------------------------------------------------------------------------------------------
    async def _carry_out(self, command: DeviceCommand) -> None:
        try:
            await self._send(command)
        except StoreError as error:  # nothing was sent: it is looked at again
            log.warning("a device command waits for the store", id=command.id, error=error)
            await asyncio.sleep(RETRY)
        finally:
            self._busy.discard(command.device)
            self.notify()

    async def _send(self, command: DeviceCommand) -> None:
        device = self._services.registry.device_by_id(command.device)
        allowed = None if device is None else self._services.allowed(device).get(command.name)
        wrong = self._refused(command, device, allowed)
        port = None if allowed is None else self._services.sources().get(allowed.source)
        if wrong or device is None or allowed is None or not isinstance(port, CommandPort):
            reason = wrong or "command.no_source"
            await self._change(command.id, self._when(S.APPROVED, E.FAIL_TO_SEND, reason=reason))
            return
        data = {"source": allowed.source, **await self._before(command, device, allowed)}
        sent, changed = await self._change(command.id, self._when(S.APPROVED, E.SEND, data=data))
        if not changed:
            return
        self._watch(sent, device, allowed)
        outgoing = OutgoingCommand(
            sent.id,
            sent.name,
            device,
            sent.component,
            sent.parameters,
            allowed.form,
            allowed.definition.timeout,
            sent.sent_at,
        )
        happened = await self._exchange(port, outgoing, allowed)
        await self._record(sent.id, happened)

    def _refused(self, command: DeviceCommand, device: Device | None, allowed: AllowedCommand | None) -> str:
        """Text of the catalogue: why the configuration of now does not send it, "" = it does. It may have changed since
        the approval."""
        if device is None or self._services.registry.device(device.code) is None:
            return "command.device_gone"
        if allowed is None or allowed.source != command.source or allowed.definition.approval != command.approval:
            return "command.no_longer_allowed"
        try:
            checked(allowed.definition, command.parameters)
        except CommandError:
            return "command.no_longer_fits"
        return ""

    async def _exchange(self, port: CommandPort, outgoing: OutgoingCommand, allowed: AllowedCommand) -> Happening:
        try:
            answer = await port.send_command(outgoing)
        except CommandNotSent as error:
            return Happening(E.FAIL_TO_SEND, self._now(), reason=_reason(error))
        except SourceError as error:
            answer = CommandAnswer(AnswerKind.SILENT, _reason(error))
        read = {"register_before": answer.before, "register_after": answer.after}
        data: dict[str, Value] = {name: text for name, text in read.items() if text}
        text, now, back = answer.text[:MOST_TEXT], self._now(), allowed.definition.read_back
        event = {
            AnswerKind.OK: E.ANSWER_OK,
            AnswerKind.ERROR: E.ANSWER_ERROR,
            AnswerKind.NONE_EXPECTED: E.HAND_OVER,
            AnswerKind.SILENT: E.TIME_OUT,
        }[answer.kind]
        reason = text if event is E.TIME_OUT else ""
        return Happening(
            event,
            now,
            reason=reason,
            answer="" if reason else text,
            verify_until=0 if back is None else now + back.within,
            verified=answer.verified,
            data=data,
        )

    async def _record(self, command: str, happened: Happening) -> None:
        """Until the store takes it: what a device answered is not lost over a full disk."""
        while True:
            try:
                after, _ = await self._change(command, lambda one: happened if one.state is S.SENT else None)
            except StoreError as error:
                log.warning("the answer to a device command waits for the store", id=command, error=error)
                await asyncio.sleep(RETRY)
            else:
                if after.verification is not Verification.PENDING:
                    self.read_backs.end(command)
                return

    # ---- read-back --------------------------------------------------------------------------------------------
    def _watch(self, command: DeviceCommand, device: Device, allowed: AllowedCommand) -> None:
        back = allowed.definition.read_back
        point = None if back is None else self._point(device, back.point, command.component)
        if back is None or point is None:
            return
        expected = back.expected(command.parameters)
        self.read_backs.watch(WatchedPoint(command.id, device.id, point, expected, back.tolerance, command.sent_at))

    def _point(self, device: Device, name: str, component: int) -> int | None:
        points = self._services.registry.points(device.profile)
        found = points.get((name, component)) or points.get((name, 0))
        return None if found is None else found.id

    async def _before(self, command: DeviceCommand, device: Device, allowed: AllowedCommand) -> dict[str, Value]:
        """The value that the point of the read-back has now, for the audit."""
        back = allowed.definition.read_back
        wanted = None if back is None else self._point(device, back.point, command.component)
        point = None if wanted is None else self._services.registry.point_by_id(wanted)
        if back is None or point is None:
            return {}
        try:
            readings = await self._services.latest(device.id)
        except StoreError as error:
            log.warning("the value before a device command is not known", id=command.id, error=error)
            return {}
        values = [shown_value(point, one.value) for one in readings if one.point == wanted and one.value == one.value]
        return {"point": back.point, **({"value_before": values[0]} if values else {})}

    async def _verify(self, command: DeviceCommand, now: int, due: list[int]) -> None:
        one = self.read_backs.of(command.id)
        if one is None:  # it began before this process
            device = self._services.registry.device_by_id(command.device)
            allowed = None if device is None else self._services.allowed(device).get(command.name)
            if device is not None and allowed is not None:
                self._watch(command, device, allowed)
                one = self.read_backs.of(command.id)
        if one is not None and one.reached:
            event, reason = E.VERIFY, ""
        elif command.verify_until <= now:
            event, reason = E.FAIL_TO_VERIFY, "command.not_read_back"
        else:
            due.append(command.verify_until)
            return
        last = {} if one is None or one.last is None else {"value_after": one.last}
        happening = Happening(event, now, reason=reason, data=last)
        await self._change(command.id, lambda found: happening if found.verification is Verification.PENDING else None)
        self.read_backs.end(command.id)

    # ---- the store --------------------------------------------------------------------------------------------
    def _when(
        self, state: CommandState, event: CommandEvent, *, reason: str = "", data: Mapping[str, Value] | None = None
    ) -> Callable[[DeviceCommand], Happening | None]:
        """`event` if the command is still in `state`."""
        happening = Happening(event, self._now(), reason=reason, data=data or {})
        return lambda command: happening if command.state is state else None

    async def _change(
        self, command: str, decide: Callable[[DeviceCommand], Happening | None]
    ) -> tuple[DeviceCommand, bool]:
        after, changed = await self._services.desk_thread(partial(self._services.store.change, command, decide))
        if changed:
            self.counts[after.state.value] += 1
            words = {"state": after.state.value, "verification": after.verification.value}
            log.info("device command", id=after.id, name=after.name, source=after.source, **words)
        return after, changed

    async def _waiting(self) -> list[DeviceCommand]:
        found: list[DeviceCommand] = await self._services.desk_thread(self._services.store.waiting)
        return found

    def _now(self) -> int:
        return self._services.clock.now()


def _reason(error: SourceError) -> str:
    """A text of the catalogue without fields is kept as its key, so that each reader gets it in their language."""
    return (error.key if error.key and not error.fields else str(error))[:MOST_TEXT]
