"""What would become of a message or a poll: the real parts on a registry of paper, nothing is written or sent."""

from gateway.try_out.page import page
from gateway.try_out.try_message import Tried, message_sources, try_message, try_poll
from gateway.try_out.unknown_devices import Stranger, Strangers, propose

__all__ = ["Stranger", "Strangers", "Tried", "message_sources", "page", "propose", "try_message", "try_poll"]
