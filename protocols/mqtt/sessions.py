"""The versions of MQTT by name."""

from protocols.mqtt.mqtt5_session import Mqtt5Session
from protocols.mqtt.protocol_choice import Version
from protocols.mqtt.session import ConnectOptions, Session
from protocols.mqtt.subscriptions import Subscriptions


def session_of(
    version: Version, options: ConnectOptions, wanted: Subscriptions, held: set[str] | None = None
) -> Session:
    """A session that begins. paho is loaded when it is needed."""
    if version == "5":
        return Mqtt5Session(options, wanted, held)
    from protocols.mqtt.mqtt311_session import Mqtt311Session

    return Mqtt311Session(options, wanted, held)
