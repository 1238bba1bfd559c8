"""Commands of a Modbus source: read, write, read back, each between the polls of its link."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.domain.device_command.exchange import AnswerKind, CommandAnswer, CommandNotSent, OutgoingCommand
from gateway.domain.duration import SECOND
from gateway.domain.errors import SourceError
from protocols.modbus.command_form import BoundWrite, ModbusForm
from protocols.modbus.link import ExceptionResponse, Link, LinkDown
from protocols.modbus.register_write import RegisterWrite, WritingLink

BROADCAST = 0


@dataclass(frozen=True, slots=True)
class DeviceOnLink:
    """Where a device answers."""

    link: Link
    unit: int


@dataclass(slots=True)
class _Found:
    """Words of the places that were read, before and after; `verified` None = nothing was read back."""

    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    verified: bool | None = None
    written: int = 0

    def answer(self, kind: AnswerKind, text: str = "") -> CommandAnswer:
        return CommandAnswer(kind, text, self.verified, " ".join(self.before), " ".join(self.after))


async def write_command(place: DeviceOnLink, command: OutgoingCommand) -> CommandAnswer:
    """As `CommandPort.send_command`."""
    form: ModbusForm = command.form
    if not isinstance(place.link, WritingLink):
        raise CommandNotSent.of("command.no_connection")
    try:
        requests = [(one, one.request(command.component, command.values)) for one in form]
    except ValueError as error:
        raise CommandNotSent(str(error)) from error
    if any(place.unit + one.unit(command.component) == BROADCAST for one in form):
        raise CommandNotSent.of("command.broadcast")
    found = _Found()
    try:
        async with asyncio.timeout(command.timeout / SECOND):
            return await _carry_out(place, requests, command.component, found)
    except TimeoutError:
        if not found.written:
            raise CommandNotSent.of("command.line_busy") from None
        return found.answer(AnswerKind.SILENT, "command.no_answer")


async def _carry_out(
    place: DeviceOnLink, requests: Sequence[tuple[BoundWrite, RegisterWrite]], component: int, found: _Found
) -> CommandAnswer:
    link = place.link
    assert isinstance(link, WritingLink)
    for one, request in requests:
        unit = place.unit + one.unit(component)
        try:
            if one.config.read_back:
                words = await place.link.read(unit, request.table, request.address, len(request.words))
                found.before.append(_shown(request, words))
        except SourceError as error:
            if not found.written:
                raise CommandNotSent(f"{request.address}: {error}") from error
            return found.answer(AnswerKind.ERROR, f"{request.address}: {error}")
        found.written += 1
        try:
            await link.write(unit, request)
        except LinkDown as error:
            if found.written == 1:
                raise CommandNotSent(str(error)) from error
            return found.answer(AnswerKind.ERROR, str(error))
        except ExceptionResponse as error:
            return found.answer(AnswerKind.ERROR, str(error))
        except SourceError as error:
            return found.answer(AnswerKind.SILENT, str(error))
        if one.config.read_back:
            await _read_back(place.link, unit, request, found)
    return found.answer(AnswerKind.OK)


async def _read_back(link: Link, unit: int, request: RegisterWrite, found: _Found) -> None:
    """A place that cannot be read any more is not verified."""
    try:
        words = await link.read(unit, request.table, request.address, len(request.words))
    except SourceError:
        found.verified = False
        return
    found.after.append(_shown(request, words))
    found.verified = tuple(words) == request.words and found.verified is not False


def _shown(request: RegisterWrite, words: Sequence[int]) -> str:
    return f"{request.address}={','.join(map(str, words))}"
