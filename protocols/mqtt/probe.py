"""What a broker is: CONNECT under a name and session of its own, read the CONNACK, leave. Nothing is subscribed."""

import asyncio

from gateway.domain.errors import SourceError
from gateway.tls_files import ClientTlsFiles
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.protocol_choice import ProtocolChoice
from protocols.mqtt.session import BrokerGrants, ConnectOptions
from protocols.mqtt.sessions import session_of
from protocols.mqtt.subscriptions import Subscriptions
from protocols.mqtt.transport import MqttConnection, establish, websocket_of

PATIENCE = 5.0  # s


async def probe(config: MqttConfig, password: str | None) -> BrokerGrants | None:
    """What it grants; None in MQTT 3.1.1, which has no such fields. Raises SourceError."""
    options = ConnectOptions(
        f"{config.client_id}-doctor"[:200], config.username, password, 30, 0, 100, config.max_packet, clean=True
    )
    choice = ProtocolChoice(config.protocol)
    files = ClientTlsFiles(config.ca_file, config.cert_file, config.key_file)
    context = await asyncio.to_thread(files.context) if config.encrypted else None
    while True:
        session = session_of(choice.version, options, Subscriptions(()))
        connection = MqttConnection(session, lambda _: None, websocket_of(config))
        try:
            await establish(config, context, connection, PATIENCE)
        except SourceError:
            if choice.version == "5" and session.refused_version and choice.refused():
                continue
            raise
        await connection.leave()
        return session.grants
