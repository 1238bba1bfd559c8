"""What the source counts; read by metrics and the console, written by the source alone."""

from collections import Counter
from dataclasses import dataclass, field

from protocols.mapping.unused_log import UnusedLog


@dataclass(slots=True)
class MqttStats:
    """Messages: received = journaled + duplicates + sum(rejected) + ignored + returned + lost + waiting.

    `returned`: the journal did not take them, the broker keeps them (QoS 1 and 2); `lost`: the same at QoS 0.
    `ignored`: retained or unmatched, as configured, and messages of presence topics. `partial`: journaled messages
    that left a dead letter, too, by reason. `readings` are those of journaled messages, of which `bad_values` have
    no value and `uncertain` lie outside the plausible range or are old. `bad_elements`: elements of a list that
    were left out of a message otherwise good; `state_overflow`: readings left out because their texts were refused.
    `misfits`: points that a route cannot fill (unit or map does not suit), all their readings are bad. `unused`:
    what journaled messages held and no point took. `waiting`, `bytes_waiting`: received, not yet on disk.
    """

    connected: bool = False
    resumed: bool = False
    connects: int = 0
    disconnects: int = 0
    last_error: str = ""
    received: int = 0
    journaled: int = 0
    readings: int = 0
    duplicates: int = 0
    ignored: int = 0
    returned: int = 0
    lost: int = 0
    bad_values: int = 0
    uncertain: int = 0
    bad_elements: int = 0
    state_overflow: int = 0
    pauses: int = 0
    misfits: int = 0
    waiting: int = 0
    bytes_waiting: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    partial: Counter[str] = field(default_factory=Counter)
    unused: UnusedLog = field(default_factory=UnusedLog)
