"""What the source counts besides its messages."""

from collections import Counter
from dataclasses import dataclass, field

from protocols.mapping.message_stats import MessageStats
from protocols.mqtt.sparkplug.node import NodeSessions


@dataclass(slots=True)
class MqttStats(MessageStats):
    """`returned`: QoS 1 and 2, the broker keeps them; `lost`: the same at QoS 0. `ignored`: retained, and
    messages of presence topics, too. `published`: messages of the gateway itself, by state;
    `presence`: states of devices that were published; `nodes`: those of Sparkplug; `foreign_answers`: messages of the
    answers' topics that answered no command under way."""

    resumed: bool = False
    connects: int = 0
    disconnects: int = 0
    last_error: str = ""
    pauses: int = 0
    foreign_answers: int = 0
    published: Counter[str] = field(default_factory=Counter)
    presence: Counter[str] = field(default_factory=Counter)
    nodes: NodeSessions | None = None
