"""What would become of a message or a poll: the real parts on a registry of paper, nothing is written or sent."""

from gateway.try_out.page import page
from gateway.try_out.try_message import TryResult, message_sources, try_message, try_poll
from gateway.try_out.unknown_devices import UnknownDevice, UnknownDevices, propose_profiles

__all__ = [
    "TryResult",
    "UnknownDevice",
    "UnknownDevices",
    "message_sources",
    "page",
    "propose_profiles",
    "try_message",
    "try_poll",
]
