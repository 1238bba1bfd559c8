"""The journal's consumers: each keeps its own cursor in its own transaction (DESIGN section 2)."""

from gateway.consumers.lookback_process import LookBackProcess
from gateway.consumers.reruns import Reruns
from gateway.consumers.rules import DeskWork, RulesConsumer
from gateway.consumers.series import Progress, SeriesConsumer
from gateway.consumers.snapshots import Snapshots
from gateway.consumers.store_beside import StoreBeside

__all__ = [
    "DeskWork",
    "LookBackProcess",
    "Progress",
    "Reruns",
    "RulesConsumer",
    "SeriesConsumer",
    "Snapshots",
    "StoreBeside",
]
