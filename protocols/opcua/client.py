"""The connection to an OPC UA server. The only file that uses asyncua; its values leave it as plain Python."""

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from asyncua import Client, ua
from asyncua.crypto import security_policies, uacrypto
from cryptography import x509

from gateway.domain.duration import MS, SECOND
from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceError, SourceRejected, SourceUnavailable
from gateway.domain.language_values import Phrase
from gateway.domain.text import Localized
from protocols.opcua.config import OpcUaConfig, SecureChannel
from protocols.opcua.nodes import BoundNode, SentValue

logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # it logs every lost connection with a traceback
AT_ONCE: Final = 500
"""Nodes in one request, at most."""
_LIMITS: Final = {
    "read": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    "watch": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
    "paths": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
}
"""What a server takes in one request (OPC 10000-5, 6.3.11): small controllers take few, and refuse more."""
_SESSION: Final = 60_000  # ms a server keeps a session of which it hears nothing
_LIFETIME, _KEEPALIVE = 600, 10  # publishing intervals
_HISTORY_PAGE: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_POLICIES: Final[Mapping[str, Any]] = {
    "basic256sha256": security_policies.SecurityPolicyBasic256Sha256,
    "aes128_sha256_rsaoaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "aes256_sha256_rsapss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
_MODES: Final = {
    "sign": ua.MessageSecurityMode.Sign,
    "sign_and_encrypt": ua.MessageSecurityMode.SignAndEncrypt,
}
_REFUSED: Final = {
    "BadUserAccessDenied", "BadIdentityTokenRejected", "BadIdentityTokenInvalid", "BadCertificateUntrusted",
    "BadCertificateInvalid", "BadCertificateTimeInvalid", "BadCertificateUriInvalid", "BadSecurityChecksFailed",
    "BadSecurityPolicyRejected", "BadSecurityModeRejected", "BadTcpEndpointUrlInvalid",
}  # fmt: skip
"""Status codes that stay until a person changes something (OPC 10000-6, annex A)."""
_RAISED: Final = (ua.UaError, OSError, ValueError, LookupError, TypeError, AttributeError, struct.error)
"""What the library raises, also for packets that are none."""
T = TypeVar("T")
NodeId = ua.NodeId
"""The id of a node on a server, as the library has it."""
Changes = Callable[[Sequence[tuple[int, SentValue]], int | None], "asyncio.Future[None] | None"]
"""Takes (number of a node, its value) of one notification, and the server's time µs. A future holds further ones
back until it is done."""


@dataclass(frozen=True, slots=True)
class RefusedNode:
    """Why the server does not give a node: a text without addresses."""

    why: Localized | str


@dataclass(frozen=True, slots=True)
class AboutServer:
    """Its product and version, and how many namespaces it has."""

    product: str
    namespaces: int


class OpcUaServer:
    """An open session. `lost` is done when the connection is gone. Raises SourceError in every call."""

    def __init__(self, client: Client, config: OpcUaConfig) -> None:
        self._client, self._config = client, config
        self._namespaces: dict[str, int] = {}
        self._most = dict.fromkeys(_LIMITS, AT_ONCE)
        self._subscription = 0
        self._items: dict[int, int] = {}
        self.lost: asyncio.Future[SourceError] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Read the namespaces, and how much the server takes at once."""
        with _translated():
            uris = await self._client.get_namespace_array()
        self._namespaces = {uri: index for index, uri in enumerate(uris)}
        for what, node in _LIMITS.items():  # one by one: the limit may be 1
            most = (await self.read([ua.NodeId(ua.Int32(node))]))[0].value
            if isinstance(most, int) and most > 0:  # 0 = none
                self._most[what] = min(most, AT_ONCE)

    async def about(self) -> AboutServer:
        """What the server is (OPC 10000-5, 6.3.1: BuildInfo)."""
        values = await self.read(
            [
                ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerStatus_BuildInfo_ProductName)),
                ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerStatus_BuildInfo_SoftwareVersion)),
            ]
        )
        texts = [one.value for one in values if isinstance(one.value, str)]
        return AboutServer(" ".join(texts), len(self._namespaces))

    async def resolve(self, nodes: Sequence[BoundNode]) -> list[ua.NodeId | RefusedNode]:
        """The NodeId of each node, or why there is none."""
        found = [self._node_id(node.node) for node in nodes]
        paths = [
            (place, ua.BrowsePath(start, _relative(nodes[place].steps, start)))
            for place, start in enumerate(found)
            if not isinstance(start, RefusedNode) and nodes[place].steps
        ]
        for some in _chunks(paths, self._most["paths"]):
            wanted = [path for _, path in some]
            with _translated():
                results = await self._client.uaclient.session.translate_browsepaths_to_nodeids(wanted)
            for (place, _), result in zip(some, results, strict=True):
                if result.StatusCode.is_good() and result.Targets:
                    found[place] = result.Targets[0].TargetId
                else:
                    found[place] = RefusedNode(_status(result.StatusCode))
        return found

    async def subscribe(self, changes: Changes) -> None:
        """Open the subscription; `changes` is called on the event loop."""

        async def take(result: ua.PublishResult) -> None:
            message = result.NotificationMessage
            sent: list[tuple[int, SentValue]] = []
            for one in message.NotificationData or ():
                if isinstance(one, ua.DataChangeNotification):
                    sent += [(int(item.ClientHandle), plain(item.Value)) for item in one.MonitoredItems]
                elif isinstance(one, ua.StatusChangeNotification):
                    self._lose(SourceUnavailable.of("opcua.subscription_lost", why=_status(one.Status)))
            held = changes(sent, _micros(message.PublishTime))
            if held is not None:
                await held

        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=self._config.publishing / MS,
            RequestedLifetimeCount=_LIFETIME,
            RequestedMaxKeepAliveCount=_KEEPALIVE,
            MaxNotificationsPerPublish=10_000,
            PublishingEnabled=True,
        )
        with _translated():
            result = await self._client.uaclient.session.create_subscription(parameters, take)
        self._subscription = result.SubscriptionId

    async def watch(self, nodes: Mapping[int, tuple[BoundNode, ua.NodeId]]) -> dict[int, RefusedNode]:
        """Have the server send changes of these nodes, by number; returns those that it refuses."""
        refused: dict[int, RefusedNode] = {}
        for some in _chunks(list(nodes.items()), self._most["watch"]):
            parameters = ua.CreateMonitoredItemsParameters(
                SubscriptionId=self._subscription,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=[self._item(number, *node) for number, node in some],
            )
            with _translated():
                results = await self._client.uaclient.session.create_monitored_items(parameters)
            for (number, _), result in zip(some, results, strict=True):
                if result.StatusCode.is_good():
                    self._items[number] = result.MonitoredItemId
                else:
                    refused[number] = RefusedNode(_status(result.StatusCode))
        return refused

    async def forget(self, numbers: Iterable[int]) -> None:
        """No more changes of these."""
        items = [self._items.pop(number) for number in numbers if number in self._items]
        for some in _chunks(items, self._most["watch"]):
            parameters = ua.DeleteMonitoredItemsParameters(self._subscription, some)
            with _translated():
                await self._client.uaclient.session.delete_monitored_items(parameters)

    async def read(self, nodes: Sequence[ua.NodeId]) -> list[SentValue]:
        """The present value of each node."""
        found: list[SentValue] = []
        for some in _chunks(list(nodes), self._most["read"]):
            parameters = ua.ReadParameters(
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                NodesToRead=[ua.ReadValueId(one, ua.AttributeIds.Value) for one in some],
            )
            with _translated():
                found += [plain(one) for one in await self._client.uaclient.session.read(parameters)]
        return found

    async def recorded(self, node: ua.NodeId, since: int, until: int) -> AsyncIterator[list[SentValue]]:
        """What the server recorded of a node in [since, until) µs, page by page; nothing when it records nothing."""
        details = ua.ReadRawModifiedDetails(
            IsReadModified=False,
            StartTime=_EPOCH + timedelta(microseconds=since),
            EndTime=_EPOCH + timedelta(microseconds=until),
            NumValuesPerNode=_HISTORY_PAGE,
            ReturnBounds=False,
        )
        wanted = ua.HistoryReadValueId(node)
        while True:
            parameters = ua.HistoryReadParameters(
                HistoryReadDetails=details,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ReleaseContinuationPoints=False,
                NodesToRead=[wanted],
            )
            with _translated():
                result = (await self._client.uaclient.session.history_read(parameters))[0]
            if not result.StatusCode.is_good():
                return
            yield [plain(one) for one in getattr(result.HistoryData, "DataValues", None) or ()]
            if not result.ContinuationPoint:
                return
            wanted = ua.HistoryReadValueId(node, ContinuationPoint=result.ContinuationPoint)

    def _node_id(self, text: str) -> ua.NodeId | RefusedNode:
        uri, _, rest = text.removeprefix("nsu=").partition(";") if text.startswith("nsu=") else ("", "", text)
        if uri:
            if uri not in self._namespaces:
                return RefusedNode(Phrase("opcua.namespace", {"uri": uri}))
            rest = f"ns={self._namespaces[uri]};{rest}"
        try:
            return ua.NodeId.from_string(rest)
        except (ua.UaError, ValueError):
            return RefusedNode(Phrase("opcua.node", {"got": text}))

    def _item(self, number: int, node: BoundNode, found: ua.NodeId) -> ua.MonitoredItemCreateRequest:
        wanted = ua.MonitoringParameters(
            ClientHandle=number,
            SamplingInterval=(self._config.sampling if node.sampling is None else node.sampling) / MS,
            QueueSize=self._config.queue,
            DiscardOldest=True,
        )
        if node.deadband:
            wanted.Filter = ua.DataChangeFilter(
                ua.DataChangeTrigger.StatusValue, ua.DeadbandType.Absolute, node.deadband
            )
        item = ua.ReadValueId(found, ua.AttributeIds.Value)
        return ua.MonitoredItemCreateRequest(item, ua.MonitoringMode.Reporting, wanted)

    def _lose(self, error: SourceError) -> None:
        if not self.lost.done():
            self.lost.set_result(error)

    async def on_lost(self, error: Exception) -> None:
        """As asyncua calls it."""
        self._lose(_problem(error))


@asynccontextmanager
async def connected(name: str, config: OpcUaConfig, password: str | None) -> AsyncIterator[OpcUaServer]:
    """A session with the server of a source. Raises SourceError."""
    seconds = config.timeout / SECOND
    client = Client(config.endpoint, timeout=seconds, watchdog_intervall=max(seconds, 1.0))
    client.name = client.description = f"Fieldgate {name}"
    client.application_uri = f"urn:fieldgate:{name}"
    client.session_timeout = _SESSION
    if config.user is not None:
        client.set_user(config.user)
        client.set_password(password or "")
    with _translated():
        if config.secure is not None:
            await _secure(client, config.secure)
        await client.connect()
    server = OpcUaServer(client, config)
    client.connection_lost_callback = server.on_lost
    try:
        await server.start()
        yield server
    finally:
        with suppress(Exception):  # whatever a broken connection makes of the farewell
            async with asyncio.timeout(1):
                await client.disconnect()
        client.disconnect_socket()


async def _secure(client: Client, wanted: SecureChannel) -> None:
    cert, key, theirs = await asyncio.gather(*map(_file, (wanted.cert, wanted.key, wanted.server_cert)))
    own = await uacrypto.load_certificate(cert.path_or_content, cert.extension)
    with suppress(x509.ExtensionNotFound, IndexError):
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        client.application_uri = names.get_values_for_type(x509.UniformResourceIdentifier)[0]
    policy, mode = _POLICIES[wanted.policy], _MODES[wanted.mode]
    await client.set_security(policy, cert, key, server_certificate=theirs, mode=mode)


async def _file(path: Path) -> uacrypto.CertProperties:
    """PEM or DER by its content, not by its name."""
    content = await asyncio.to_thread(path.read_bytes)
    return uacrypto.CertProperties(content, "pem" if content.lstrip().startswith(b"-----") else "der")


def plain(sent: ua.DataValue | None) -> SentValue:
    """A DataValue in plain Python."""
    if sent is None:
        return SentValue(None)
    value, other = _plain(None if sent.Value is None else sent.Value.Value)
    status = 0 if sent.StatusCode is None else int(sent.StatusCode.value)
    return SentValue(value, status, _micros(sent.SourceTimestamp), _micros(sent.ServerTimestamp), other)


def _plain(value: Any) -> tuple[object, str]:
    """(value, type of what has no plain value)."""
    if value is None or isinstance(value, bool | float | str | bytes):
        return value, ""
    if isinstance(value, int):  # also enumerations
        return int(value), ""
    if isinstance(value, ua.LocalizedText):
        return value.Text, ""
    if isinstance(value, list):
        found = [_plain(one) for one in value]
        return [one for one, _ in found], next((other for _, other in found if other), "")
    return None, type(value).__name__


def _micros(at: datetime | None) -> int | None:
    """µs since 1970 UTC; None for none, and for 1601-01-01, which stands for none (OPC 10000-6, 5.2.2.5)."""
    if at is None or at.year < 1970:
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _relative(steps: Iterable[tuple[str, int | None, str]], start: ua.NodeId) -> ua.RelativePath:
    kinds = {"/": ua.ObjectIds.HierarchicalReferences, ".": ua.ObjectIds.Aggregates}
    return ua.RelativePath(
        [
            ua.RelativePathElement(
                ReferenceTypeId=ua.NodeId(ua.Int32(kinds[reference])),
                IsInverse=False,  # type: ignore[arg-type]  # its Boolean is no type
                IncludeSubtypes=True,  # type: ignore[arg-type]
                TargetName=ua.QualifiedName(name, start.NamespaceIndex if namespace is None else namespace),
            )
            for reference, namespace, name in steps
        ]
    )


def _chunks(values: list[T], most: int) -> Iterator[list[T]]:
    return (values[start : start + most] for start in range(0, len(values), most))


def _status(code: ua.StatusCode) -> Localized | str:
    return Phrase("opcua.status", {"name": code.name, "what": reason(RuntimeError(code.doc))})


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the library as SourceError."""
    try:
        yield
    except SourceError:
        raise
    except asyncio.CancelledError:  # the library has a kind of its own, which task groups take for an error
        raise asyncio.CancelledError from None
    except _RAISED as error:
        raise _problem(error) from None


def _problem(error: Exception) -> SourceError:
    """An error of the library; its texts may hold addresses, so they go into the log alone (`more`)."""
    if isinstance(error, ua.UaStatusCodeError):
        status = ua.StatusCode(error.code)
        found = SourceRejected if status.name in _REFUSED else SourceUnavailable
        return found.of("opcua.server", why=_status(status))
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return SourceUnavailable.of("opcua.no_answer")
    if isinstance(error, ConnectionRefusedError):
        return SourceUnavailable.of("opcua.refused_port")
    if isinstance(error, ua.UaError | ValueError):
        return SourceRejected.of("opcua.protocol", why=reason(error))
    return SourceUnavailable.of("opcua.lost", why=reason(error))
