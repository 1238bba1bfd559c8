"""What would become of a message or a poll: the real parts on a registry of paper, nothing is written or sent."""

from gateway.trial.page import page
from gateway.trial.result import Tried, try_message, try_poll
from gateway.trial.unknown_devices import Stranger, Strangers, propose

__all__ = ["Stranger", "Strangers", "Tried", "page", "propose", "try_message", "try_poll"]
