"""Tries a message or a poll with the real parts on a registry in memory; nothing is written or sent."""

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
