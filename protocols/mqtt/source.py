"""The MQTT source: one persistent session, kept up; everything acknowledged is on disk."""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from gateway.domain.device import Device
from gateway.domain.device_command.exchange import CommandAnswer, OutgoingCommand
from gateway.domain.duration import SECOND
from gateway.domain.errors import SourceError, SourceRejected
from gateway.domain.language_values import Phrase
from gateway.domain.metric import MetricSample
from gateway.ports import Clock, Directory, Emit, ReceiptLedger
from gateway.tls_files import ClientTlsFiles
from protocols.mapping.binding import SentBy, sent_canonically
from protocols.mapping.topic import covers, parse_pattern
from protocols.mapping.unused_log import UnusedEntry, UnusedLog
from protocols.mqtt.acknowledge import Acknowledger, Digests, SourceContext
from protocols.mqtt.client_id_conflict import WAIT, ClientIdConflict
from protocols.mqtt.command_exchange import CommandExchange
from protocols.mqtt.command_form import MqttForm
from protocols.mqtt.companion import Companions
from protocols.mqtt.companions import CompanionServices, companions_of
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.last_subscriptions import LastSubscriptions
from protocols.mqtt.metrics import samples
from protocols.mqtt.protocol_choice import ProtocolChoice
from protocols.mqtt.session import ConnectOptions, Phase, Session
from protocols.mqtt.sessions import session_of
from protocols.mqtt.source_mapper import MapperParts, filters_of, mapper_of, nodes_of
from protocols.mqtt.stats import MqttStats
from protocols.mqtt.subscriptions import Subscriptions, subscriptions
from protocols.mqtt.transport import MqttConnection, establish, websocket_of

_STABLE = 60.0  # seconds of connection after which the backoff starts over
_LAST_PARCELS = 2.0  # seconds for the last parcels at shut-down
_PATIENCE = 30.0  # seconds for them before another session: what is cut off may be on disk, and would come again
_MAPPING = ("routes", "unmatched", "max_payload")  # what a connection does not know of
TLS_LOOK = 30.0
"""s between two looks at the TLS files of a connection."""
_HUNG_UP = ("source.closed", "source.lost")

log = structlog.get_logger()


class MqttSource:
    """A gateway.ports.Source. `password` is the secret itself, read by the caller; `sent`: how devices of a profile
    send its points; `memory` is a file of this source alone (see `LastSubscriptions`), beside which presence has its
    own; `retention` µs: how long readings are kept (0 = for ever); `devices`: those of the registry, now;
    `commands`: what it may send."""

    def __init__(
        self,
        name: str,
        config: MqttConfig,
        directory: Directory,
        ledger: ReceiptLedger,
        clock: Clock,
        password: str | None = None,
        jitter: Callable[[], float] = random.random,
        sent: SentBy = sent_canonically,
        memory: Path | None = None,
        retention: int = 0,
        devices: Callable[[], Iterable[Device]] = tuple,
        commands: Sequence[MqttForm] = (),
    ) -> None:
        self.stats = MqttStats()
        self._name = name
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self._jitter = jitter
        self._parts = MapperParts(name, directory, retention)
        self.stats.nodes = nodes_of(config)
        self._sent, self._memory, self._devices = sent, memory, devices
        self._mapper = mapper_of(self._parts, config, sent, self.stats.nodes)
        self._digests = Digests()
        self._choice = ProtocolChoice(config.protocol)
        self._commands = CommandExchange(
            commands, self.stats, lambda topic: _is_routed(self._config, topic), lambda: self._choice.version
        )
        self._wanted = self._subscriptions()
        self._last_subscriptions = LastSubscriptions(memory, f"{config.url} {config.client_id}")
        self._held: set[str] = set()
        """What the broker may keep for us."""
        self._options = _options(config, password)
        self._up = True
        self._conflict, self._accepted, self._why = ClientIdConflict(), 0.0, SourceError()
        self._patience = _LAST_PARCELS
        self._context: SourceContext | None = None
        self._connection: MqttConnection | None = None

    @property
    def name(self) -> str:
        """Its key in the configuration."""
        return self._name

    def samples(self) -> Iterator[MetricSample]:
        """Values of `protocols.mqtt.metrics.METRICS` and `SOURCE_METRICS`, now."""
        return samples(self.stats)

    def unused(self) -> list[tuple[str, UnusedEntry]]:
        """What messages held that nobody used since the start: (the route's filter, what was counted)."""
        return self.stats.unused.by_filter(filters_of(self._config))

    async def send_command(self, command: OutgoingCommand) -> CommandAnswer:
        """As `CommandPort`."""
        return await self._commands.send(command)

    def use(
        self,
        config: MqttConfig,
        password: str | None = None,
        sent: SentBy | None = None,
        commands: Sequence[MqttForm] = (),
    ) -> bool:
        """From now on this configuration, on the event loop of `run`; `sent` None = as before. Routes that changed map
        from the next parcel on, and what differs is subscribed; True: the rest needs a new connection, so `run` has to
        start again."""
        answers = self._commands.filters
        self._commands.use(commands)
        before, options = self._config, _options(config, password)
        self._config = config
        mapped = {key: getattr(before, key) for key in _MAPPING}
        if config.sparkplug != before.sparkplug:
            self.stats.nodes = nodes_of(config)
        changed = any(getattr(config, key) != getattr(before, key) for key in (*_MAPPING, "sparkplug"))
        if sent is not None or changed or answers != self._commands.filters:
            self._sent = sent or self._sent
            self._mapper = mapper_of(self._parts, config, self._sent, self.stats.nodes)
            self.stats.misfits, self.stats.unused = 0, UnusedLog()  # routes are counted by their place
            self._wanted = self._subscriptions()
            if self._context is not None:
                self._context.mapper, self._context.subscriptions = self._mapper, self._wanted
        if (config.url, config.client_id) != (before.url, before.client_id):
            self._last_subscriptions = LastSubscriptions(self._memory, f"{config.url} {config.client_id}")
            self._held = set()  # that is another session
        if (config.url, config.protocol) != (before.url, before.protocol):
            self._choice = ProtocolChoice(config.protocol)
        if options != self._options or config.model_copy(update=mapped) != before:
            self._options, self._patience = options, _PATIENCE
            return True
        if self._connection is not None:
            self._connection.session.use(self._wanted)
            self._connection.write(self._connection.session.outgoing())
            asyncio.get_running_loop().run_in_executor(None, self._last_subscriptions.remember, frozenset(self._held))
        return False

    async def run(self, emit: Emit) -> None:
        """Read and emit until cancelled; reconnects by itself.

        Raises SourceRejected when the broker refuses or our TLS files cannot be used: another try soon would not help.
        """
        services = CompanionServices(
            self._parts.directory,
            self._devices,
            self._clock,
            self._memory,
            self.stats,
            lambda: self._mapper.signs,
            self._commands,
        )
        companions = companions_of(self._name, self._config, services)
        await companions.run_beside(lambda: self._connect_on(emit, companions), emit)

    async def _connect_on(self, emit: Emit, companions: Companions) -> None:
        """Connections, one after another."""
        config, self._patience = self._config, _LAST_PARCELS
        files = ClientTlsFiles(config.ca_file, config.cert_file, config.key_file)
        context = self._context = SourceContext(
            self._name,
            config,
            self._mapper,
            self._ledger,
            self._clock,
            emit,
            self.stats,
            self._digests,
            self._wanted,
            companions,
        )
        self._held |= await asyncio.to_thread(self._last_subscriptions.before)
        attempt = 0
        while True:
            context.subscriptions = self._wanted = self._subscriptions()
            self._held |= self._wanted.inside
            await asyncio.to_thread(self._last_subscriptions.remember, self._held.union(self._wanted.patterns))
            version = self._choice.version
            stable, why = await self._once(context, files)
            if version != self._choice.version:
                log.warning("MQTT version changes", source=self._name, before=version, version=self._choice.version)
            elif isinstance(why, SourceRejected):
                raise why
            attempt = 0 if stable else attempt
            longest = min(config.reconnect.max, config.reconnect.min * 2 ** min(attempt, 30))
            attempt += 1
            least = WAIT if self._conflict.suspected else 0.0
            await asyncio.sleep(least + self._jitter() * longest / SECOND)

    def trouble(self) -> Phrase | None:
        """As the port; the reason of the last attempt."""
        stats = self.stats
        if self._contested():
            return self._used_twice()
        if stats.connected:
            return None
        why = self._why
        if not why.key and not stats.disconnects:
            return Phrase("source.waiting")
        public = Phrase(why.key, {**why.fields, "more": ""}) if why.key else Phrase("source.other")
        return Phrase("source.away" if stats.connects else "source.never", {"why": public})

    async def _once(self, context: SourceContext, files: ClientTlsFiles) -> tuple[bool, SourceError]:
        """One connection from CONNECT to its end -> (it was stable, why it ended)."""
        loop = asyncio.get_running_loop()
        acknowledger = Acknowledger(context)
        options = replace(self._options, will=context.companions.will())
        session = session_of(self._choice.version, options, self._wanted, self._held)
        connection = MqttConnection(session, acknowledger.take, websocket_of(self._config))
        acknowledger.connection = self._connection = connection
        since = None
        try:
            try:
                tls = await asyncio.to_thread(files.context) if self._config.encrypted else None
                await establish(self._config, tls, connection)
                since = loop.time()
                self._connected(connection)
                context.companions.connected(connection)
                await asyncio.to_thread(self._last_subscriptions.remember, frozenset(self._held))
                why = await _until_closed(self._name, connection, files)
            except SourceError as error:
                why = error
            except asyncio.CancelledError:
                await _drain_and_leave(acknowledger, connection, context.companions, self._patience)
                raise
            stable = since is not None and loop.time() - since > _STABLE
            self._look_for_conflict(session, why, since)
            _learn_version(self._choice, session, why, accepted=since is not None)
            self._down(why)
            await acknowledger.drain()
        finally:
            self.stats.connected, self._connection = False, None
            context.companions.disconnected()
            acknowledger.cancel()
        if acknowledger.broken is not None:
            raise acknowledger.broken
        return stable, why

    def _subscriptions(self) -> Subscriptions:
        return subscriptions(self._config, identifiers=self._choice.version == "5", answers=self._commands.filters)

    # ---- what is logged ------------------------------------------------------------------------------------------
    def _connected(self, connection: MqttConnection) -> None:
        stats, session = self.stats, connection.session
        stats.connected, stats.resumed = True, session.resumed
        stats.connects += 1
        self._choice.accepted()
        self._accepted = asyncio.get_running_loop().time()
        if not self._conflict.suspected:
            log.info(
                "source up",
                source=self._name,
                url=self._config.url,
                protocol=session.version,
                resumed=session.resumed,
                keepalive=session.keepalive,
            )
        self._up = True
        if session.degraded:
            log.warning("granted QoS 0 only: these messages can be lost", source=self._name, filters=session.degraded)

    def _down(self, error: SourceError) -> None:
        stats = self.stats
        stats.connected = False
        stats.disconnects += 1
        stats.last_error, self._why = str(error), error
        if self._up and not self._conflict.suspected:
            log.warning("source down", source=self._name, url=self._config.url, error=error)
        self._up = False

    def _look_for_conflict(self, session: Session, why: SourceError, since: float | None) -> None:
        """Another client of our name is logged once; what follows from it (down, up, down) is not."""
        now = asyncio.get_running_loop().time()
        by_broker = why.key in (*_HUNG_UP, "source.sent_away")
        if self._conflict.ended(since, now, taken_over=session.taken_over, by_broker=by_broker):
            log.error("client_id is used twice", source=self._name, error=self._used_twice())

    def _contested(self) -> bool:
        if self.stats.connected and self._conflict.over(self._accepted, asyncio.get_running_loop().time()):
            log.info("client_id is ours again", source=self._name)
        return self._conflict.suspected

    def _used_twice(self) -> Phrase:
        return Phrase("source.client_id_twice", {"client_id": self._config.client_id})


async def _drain_and_leave(
    acknowledger: Acknowledger, connection: MqttConnection, companions: Companions, patience: float
) -> None:
    connection.pause(True)
    try:
        async with asyncio.timeout(patience):
            await acknowledger.drain()
    except TimeoutError:
        acknowledger.cancel()
    for publication in companions.leaving():
        connection.publish(publication)
    await connection.leave()


async def _until_closed(source: str, connection: MqttConnection, files: ClientTlsFiles) -> SourceError:
    """The end of the connection; ended from here when there are other TLS files."""
    while not connection.closed.done():
        await asyncio.wait([connection.closed], timeout=TLS_LOOK if files.watched else None)
        try:
            if not connection.closed.done() and await asyncio.to_thread(files.renewed):
                log.info("TLS files changed", source=source)
                await connection.leave()
        except SourceRejected as error:
            log.warning("TLS files cannot be used", source=source, error=error)
    return connection.closed.result()


def _options(config: MqttConfig, password: str | None) -> ConnectOptions:
    return ConnectOptions(
        client_id=config.client_id,
        username=config.username,
        password=password,
        keepalive=config.keepalive // SECOND,
        session_expiry=config.session_expiry // SECOND,
        receive_maximum=config.receive_maximum,
        max_packet=config.max_packet,
    )


def _is_routed(config: MqttConfig, topic: str) -> bool:
    return any(covers(parse_pattern(route.filter).filter, topic) for route in config.routes)


def _learn_version(choice: ProtocolChoice, session: Session, why: SourceError, *, accepted: bool) -> None:
    """From how a connection ended."""
    if accepted:
        choice.ended()
    elif session.refused_version:
        choice.refused()
    elif session.phase is Phase.CONNECTING and why.key in _HUNG_UP:
        choice.closed()
