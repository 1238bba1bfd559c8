"""Asks a broker what it is: CONNECT under a name of its own, read the CONNACK, leave. Nothing is subscribed."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass

import mqtt5

from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceRejected, SourceUnavailable
from gateway.domain.language_values import Phrase
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.session import refused
from protocols.mqtt.transport import tls_context, unreachable

PATIENCE = 5.0  # s
_MQTT3 = b"\x20\x02\x00"


@dataclass(frozen=True, slots=True)
class BrokerGrants:
    """What it grants: `receive_maximum` messages on the way, `session_expiry` s (None = as asked for), `qos` at most,
    wildcards, identifiers of subscriptions, the longest packet in bytes (None = any)."""

    receive_maximum: int
    session_expiry: int | None
    qos: int
    wildcards: bool
    identifiers: bool
    max_packet: int | None


async def probe(config: MqttConfig, password: str | None) -> BrokerGrants:
    """Raises SourceError."""
    host, port = config.address
    context = await asyncio.to_thread(tls_context, config)
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            try:
                writer.write(
                    mqtt5.ConnectPacket(
                        f"{config.client_id}-doctor"[:200],
                        username=config.username,
                        password=None if password is None else password.encode(),
                        clean_start=True,
                        keep_alive=30,
                        session_expiry_interval=0,
                    ).write()
                )
                answer = await _answer(reader)
                writer.write(mqtt5.DisconnectPacket().write())
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        raise SourceUnavailable.of("source.no_answer", seconds=f"{PATIENCE:g}") from None
    except ssl.SSLCertVerificationError as error:
        raise SourceRejected.of("source.certificate", more=Phrase("source.more", {"why": reason(error)})) from None
    except OSError as error:
        raise unreachable(error, encrypted=context is not None) from None
    if int(answer.reason_code) != 0:
        raise SourceRejected.of("source.refused", **refused(answer.reason_code.name, answer.reason_str))
    return BrokerGrants(
        answer.receive_max,
        answer.session_expiry_interval,
        int(answer.max_qos),
        answer.wildcard_subscription_available,
        answer.subscription_id_available,
        answer.max_packet_size,
    )


async def _answer(reader: asyncio.StreamReader) -> mqtt5.ConnAckPacket:
    held = b""
    while chunk := await reader.read(65_536):
        held += chunk
        if held.startswith(_MQTT3):
            raise SourceRejected.of("source.not_mqtt5")
        with contextlib.suppress(IndexError):  # not all of it yet
            packet, _ = mqtt5.read(memoryview(held))
            if isinstance(packet, mqtt5.ConnAckPacket):
                return packet
            raise SourceUnavailable.of("source.protocol", more="")
    raise SourceUnavailable.of("source.closed")
