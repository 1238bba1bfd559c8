"""What would become of a message or a poll: the real parts on a registry of paper, nothing is written or sent."""

from gateway.trial.page import page
from gateway.trial.tried import Tried, try_message, try_poll

__all__ = ["Tried", "page", "try_message", "try_poll"]
