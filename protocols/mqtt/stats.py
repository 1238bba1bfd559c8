"""What the source counts besides its messages."""

from dataclasses import dataclass

from protocols.mapping.message_stats import MessageStats


@dataclass(slots=True)
class MqttStats(MessageStats):
    """`returned`: QoS 1 and 2, the broker keeps them; `lost`: the same at QoS 0. `ignored`: retained, too."""

<<<<<<< HEAD
    `returned`: the journal did not take them, the broker keeps them (QoS 1 and 2); `lost`: the same at QoS 0.
    `ignored`: retained or unmatched, as configured, and messages of presence topics. `partial`: journaled messages
    that left a dead letter, too, by reason. `readings` are those of journaled messages, of which `bad_values` have
    no value and `uncertain` lie outside the plausible range or are old. `bad_elements`: elements of a list that
    were left out of a message otherwise good; `state_overflow`: readings left out because their texts were refused.
    `misfits`: points that a route cannot fill (unit or map does not suit), all their readings are bad. `unused`:
    what journaled messages held and no point took. `waiting`, `bytes_waiting`: received, not yet on disk.
    """

    connected: bool = False
=======
>>>>>>> da721f45 (HTTP: messages pushed to /v1/ingest/NAME, answered when they are in the journal; one list of counts for all sources of messages)
    resumed: bool = False
    connects: int = 0
    disconnects: int = 0
    last_error: str = ""
    pauses: int = 0
