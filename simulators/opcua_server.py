"""An OPC UA server with a few nodes, whose values, times and status codes a test sets: the server of asyncua.

It needs seconds to read the standard nodes, so one process has one server for each kind (open, with a user, secured);
a simulator gets a port of its own and puts its nodes there, one simulator of a kind at a time. Servers run in a thread,
as if they were elsewhere.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from asyncua import Server, ua
from asyncua.crypto.permission_rules import SimpleRoleRuleset, User, UserRole
from asyncua.server.binary_server_asyncio import BinaryServer
from asyncua.server.user_managers import UserManager

NAMESPACE: Final = "urn:fieldgate:simulator"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerKind:
    """`user`: the one name and password it accepts, None = everybody. `secure`: certificate and key, None = open."""

    user: tuple[str, str] | None = None
    secure: tuple[Path, Path] | None = None


class _OneUser(UserManager):
    def __init__(self, name: str, password: str) -> None:
        self._known = name, password

    def get_user(self, iserver: Any, username: Any = None, password: Any = None, certificate: Any = None) -> Any:  # noqa: ARG002 - the port
        return User(role=UserRole.User) if (username, password) == self._known else None


class OpcUaSimulator:
    """`nodes`: text of a NodeId in our namespace (`s=CH1.Power`) -> its first value, below the object `Plant`."""

    def __init__(self, nodes: Mapping[str, Any], *, kind: ServerKind | None = None, history: bool = False) -> None:
        self._first, self._kind, self._history = dict(nodes), kind or ServerKind(), history
        self._nodes: dict[str, Any] = {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._plant: Any = None
        self._network: BinaryServer | None = None

    async def __aenter__(self) -> Self:
        await _elsewhere(self._add_nodes())
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await _elsewhere(self._remove_nodes())

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"opc.tcp://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        """Listen; on the same port as before."""
        await _elsewhere(self._listen())

    async def stop(self) -> None:
        """As if it were switched off."""
        await _elsewhere(self._close())

    async def put(self, text: str, value: Any, *, status: str = "Good", at: datetime | None = None) -> None:
        """A new value with its source time (now) and the name of its status code."""
        await _elsewhere(self._put(text, value, status, at))

    async def drop(self) -> None:
        """Close every connection; go on listening."""
        await _elsewhere(self._drop())

    async def remove(self, text: str) -> None:
        """The node is gone; the connections stay."""
        await _elsewhere(self._remove(text))

    async def add(self, text: str, name: str, value: Any) -> None:
        """A node `text` with this browse name, while the server runs."""
        await _elsewhere(self._add(text, name, value))

    async def allow(self, name: str, most: int) -> None:
        """One of its OperationLimits, 0 = none. It is only written there, not enforced."""
        await _elsewhere(self._allow(name, most))

    # ---- in the thread of the servers
    async def _add_nodes(self) -> None:
        server = await _server(self._kind)
        index = await server.get_namespace_index(NAMESPACE)
        self._plant = await server.nodes.objects.add_object(index, "Plant")
        for text, value in self._first.items():
            node_id = ua.NodeId.from_string(f"ns={index};{text}")
            name = text.rpartition(".")[2].removeprefix("s=")
            self._nodes[text] = await self._plant.add_variable(node_id, f"{index}:{name}", value)
        if self._history:
            for node in self._nodes.values():
                await server.historize_node_data_change(node, period=timedelta(hours=1), count=1000)

    async def _add(self, text: str, name: str, value: Any) -> None:
        index = await (await _server(self._kind)).get_namespace_index(NAMESPACE)
        node_id = ua.NodeId.from_string(f"ns={index};{text}")
        self._nodes[text] = await self._plant.add_variable(node_id, f"{index}:{name}", value)

    async def _remove(self, text: str) -> None:
        await (await _server(self._kind)).delete_nodes([self._nodes.pop(text)])

    async def _allow(self, name: str, most: int) -> None:
        node = ua.NodeId(getattr(ua.ObjectIds, f"Server_ServerCapabilities_OperationLimits_{name}"))
        sent = ua.DataValue(ua.Variant(most, ua.VariantType.UInt32))
        await (await _server(self._kind)).write_attribute_value(node, sent)

    async def _remove_nodes(self) -> None:
        server = await _server(self._kind)
        if self._history:
            await server.dehistorize_node_data_change(list(self._nodes.values()))
        await server.delete_nodes([*self._nodes.values(), self._plant])

    async def _listen(self) -> None:
        server = await _server(self._kind)
        server.set_endpoint(self.endpoint)
        for endpoint in server.iserver.endpoints:
            endpoint.EndpointUrl = self.endpoint
        network = BinaryServer(server.iserver, "127.0.0.1", self.port, server.limits)
        network.set_policies(server._policies)  # noqa: SLF001 - its own start listens on one port for good
        await network.start()
        self._network = network

    async def _close(self) -> None:
        if self._network is not None:
            network, self._network = self._network, None
            await network.stop()

    async def _drop(self) -> None:
        assert self._network is not None
        for protocol in list(self._network.clients):
            if protocol.transport is not None:
                protocol.transport.close()

    async def _put(self, text: str, value: Any, status: str, at: datetime | None) -> None:
        code = ua.StatusCode(getattr(ua.StatusCodes, status))
        now: Any = datetime.now(UTC)
        source: Any = at or now
        sent = ua.DataValue(ua.Variant(value), code, SourceTimestamp=source, ServerTimestamp=now)
        await (await _server(self._kind)).write_attribute_value(self._nodes[text].nodeid, sent)


def ago(seconds: float) -> datetime:
    """A time that long ago."""
    return datetime.now(UTC) - timedelta(seconds=seconds)


# ---- the servers of this process
_servers: dict[ServerKind, "asyncio.Task[Server]"] = {}


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    threading.Thread(target=loop.run_forever, name="opcua servers", daemon=True).start()
    return loop


async def _elsewhere(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, done in the thread of the servers."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, _loop()))


async def _server(kind: ServerKind) -> Server:
    if kind not in _servers:
        _servers[kind] = asyncio.create_task(_made(kind))
    return await _servers[kind]


async def _made(kind: ServerKind) -> Server:
    server = Server(user_manager=None if kind.user is None else _OneUser(*kind.user))
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/")
    if kind.secure is None:
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    else:
        await server.load_certificate(str(kind.secure[0]))
        await server.load_private_key(str(kind.secure[1]))
        rules: Any = SimpleRoleRuleset
        policies = [ua.SecurityPolicyType.Basic256Sha256_Sign, ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]
        server.set_security_policy(policies, permission_ruleset=rules())
    await server.register_namespace(NAMESPACE)
    await server.start()
    assert server.bserver is not None
    await server.bserver.stop()  # simulators listen
    return server
