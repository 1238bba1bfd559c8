"""For `fieldgate probe mqtt`: listens for a while under a name and session of its own. Nothing is published, and the
session of a gateway is not touched."""

import asyncio
import secrets
from collections.abc import Callable, Sequence

import mqtt5

from gateway.domain.errors import SourceError
from gateway.tls_files import ClientTlsFiles
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.protocol_choice import ProtocolChoice
from protocols.mqtt.session import ConnectOptions, DamagedPublish, Message, acks
from protocols.mqtt.sessions import session_of
from protocols.mqtt.subscriptions import Subscriptions
from protocols.mqtt.transport import MqttConnection, establish, websocket_of

PATIENCE = 10.0  # s
KEEPALIVE = 30  # s
TURN = 0.1  # s between two looks at what came
Listener = Callable[[str, bytes, bool], None]
"""(topic, payload, whether it is a replay of a retained message)."""


async def listen(config: MqttConfig, filters: Sequence[str], seconds: float, message: Listener) -> None:
    """Call `message` with everything that matches the MQTT filters for so long. Raises SourceError, OSError (secrets).

    The session is clean: the broker forgets it with the connection.
    """
    password = await asyncio.to_thread(config.secret)
    options = ConnectOptions(
        f"probe-{secrets.token_hex(6)}", config.username, password, KEEPALIVE, 0, 10_000, config.max_packet, clean=True
    )
    wanted = Subscriptions(
        tuple(mqtt5.TopicFilter(one, max_qos=mqtt5.QoS.AT_MOST_ONCE, retain_as_published=False) for one in filters)
    )
    choice = ProtocolChoice(config.protocol)
    files = ClientTlsFiles(config.ca_file, config.cert_file, config.key_file)
    context = await asyncio.to_thread(files.context) if config.encrypted else None
    received: list[Message] = []
    while True:
        session = session_of(choice.version, options, wanted)
        connection = MqttConnection(session, received.extend, websocket_of(config))
        try:
            await establish(config, context, connection, PATIENCE)
        except SourceError:
            if choice.version == "5" and (choice.refused() if session.refused_version else choice.closed()):
                continue
            raise
        break
    end = asyncio.get_running_loop().time() + seconds
    try:
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait([connection.closed], timeout=min(left, TURN))
            _hand_over(connection, received, message)
            if connection.closed.done():
                raise connection.closed.result()
    finally:
        await connection.leave()


def _hand_over(connection: MqttConnection, received: list[Message], message: Listener) -> None:
    for one in received:
        if one.packet_id is not None:  # MQTT 3.1.1 subscribes at QoS 1
            connection.write(acks([one.packet_id], [one.packet_id] if one.qos == 2 else []))
        if not isinstance(one, DamagedPublish):
            message(one.topic, bytes(one.payload or b""), bool(one.retain))
    received.clear()
