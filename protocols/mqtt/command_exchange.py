"""Commands of an MQTT source: published once, each answer given to the command it belongs to."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.domain.device_command.exchange import AnswerKind, CommandAnswer, CommandNotSent, OutgoingCommand
from gateway.domain.duration import SECOND
from gateway.domain.errors import SourceError
from protocols.mapping.topic import covers
from protocols.mqtt.command_form import AnswerWords, MqttForm
from protocols.mqtt.companion import NoCompanion, ReceivedMessage
from protocols.mqtt.publication import Publication, Publisher
from protocols.mqtt.stats import MqttStats

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Awaited:
    command: OutgoingCommand
    form: MqttForm
    answer: asyncio.Future[AnswerWords]


class CommandExchange(NoCompanion):
    """A `Companion` that outlives the connections: an answer may come by the next one. `routed`: whether a topic
    belongs to a route, so that the message holds readings, too; `version` of MQTT that is in use."""

    def __init__(
        self, forms: Sequence[MqttForm], stats: MqttStats, routed: Callable[[str], bool], version: Callable[[], str]
    ) -> None:
        self._stats, self._routed, self._version = stats, routed, version
        self._publisher: Publisher | None = None
        self._awaited: dict[str, _Awaited] = {}
        self.filters: tuple[str, ...] = ()
        """Filters of the answers, to be subscribed."""
        self.use(forms)

    def use(self, forms: Sequence[MqttForm]) -> None:
        """The commands that this source may send from now on."""
        patterns = [form.response.subscription for form in forms if form.response is not None]
        self.filters = tuple(dict.fromkeys(patterns))

    def connected(self, publisher: Publisher) -> None:
        """From now on commands can be sent."""
        self._publisher = publisher

    def disconnected(self) -> None:
        """What waits for its answer goes on waiting; nothing is sent again."""
        self._publisher = None

    def take(self, messages: Sequence[ReceivedMessage], skip: Collection[int] = ()) -> set[int]:
        """As `Companion`: messages of the answers' topics, unless a route takes them, too."""
        if not self.filters:
            return set()
        found = {i for i, one in enumerate(messages) if any(covers(pattern, one.topic) for pattern in self.filters)}
        for index in found.difference(skip):
            self._answered(messages[index])
        return {index for index in found if not self._routed(messages[index].topic)}

    def _answered(self, message: ReceivedMessage) -> None:
        """A retained message is older than every command, so it answers none."""
        correlation: bytes | None = getattr(message, "correlation_data", None)
        for one in () if message.retain else tuple(self._awaited.values()):
            if one.answer.done() or not one.form.is_from(message.topic, one.command):
                continue
            words = one.form.read(message.payload, one.command.id, correlation)
            if words is not None:
                if words.ok is not None:
                    one.answer.set_result(words)
                return
        self._stats.foreign_answers += 1

    async def send(self, command: OutgoingCommand) -> CommandAnswer:
        """As `CommandPort`."""
        form: MqttForm = command.form
        publisher, version = self._publisher, self._version()
        if publisher is None:
            raise CommandNotSent.of("command.no_connection")
        if form.needs_mqtt5 and version != "5":
            raise CommandNotSent.of("command.needs_mqtt5")
        message = form.message(command)
        if message is None:
            raise CommandNotSent.of("command.no_topic")
        data = form.config.response is not None and form.config.response.correlation_data
        publication = Publication(
            message.topic,
            message.payload,
            form.qos,
            response_topic=message.response_topic if data else "",
            correlation=command.id.encode() if data else b"",
            expiry=-(-command.timeout // SECOND),
        )
        loop = asyncio.get_running_loop()
        one = _Awaited(command, form, loop.create_future())
        self._awaited[command.id] = one
        try:
            return await self._publish(publisher, publication, one)
        finally:
            del self._awaited[command.id]

    async def _publish(self, publisher: Publisher, publication: Publication, one: _Awaited) -> CommandAnswer:
        try:
            sent = publisher.publish(publication)
        except ValueError as error:
            raise CommandNotSent(str(error)) from error
        if sent.done() and (failure := sent.exception()) is not None:  # the connection is over: nothing went out
            raise CommandNotSent.of("command.no_connection") from failure
        expects_answer = one.form.response is not None
        try:
            async with asyncio.timeout(one.command.timeout / SECOND):
                if not await self._accepted(sent, one.answer):
                    raise CommandNotSent.of("command.broker_refused")
                if not expects_answer:
                    return CommandAnswer(AnswerKind.NONE_EXPECTED)
                words = await one.answer
        except TimeoutError:
            return CommandAnswer(AnswerKind.SILENT, "command.no_answer")
        return CommandAnswer(AnswerKind.OK if words.ok else AnswerKind.ERROR, words.text)

    @staticmethod
    async def _accepted(sent: "asyncio.Future[None]", answer: "asyncio.Future[AnswerWords]") -> bool:
        """Wait for PUBACK or the device's answer, whichever is first; False when the broker refuses the message. A
        connection that ends before leaves it open: the answer may come yet."""
        either: list[asyncio.Future[Any]] = [sent, answer]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if answer.done() or not sent.done():
            return True
        failure = sent.exception()
        return not (isinstance(failure, SourceError) and failure.key == "source.not_published")
