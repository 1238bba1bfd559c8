"""Rules on stored history: the same engine, sorted readings, no down-time (RULES section 6). Pure."""

from rules.backtest.compare import Difference, Moved, compared
from rules.backtest.episodes import Episode, Episodes
from rules.backtest.orders import orders_per_day
from rules.backtest.player import Field, Player, by_device, joined

__all__ = [
    "Difference",
    "Episode",
    "Episodes",
    "Field",
    "Moved",
    "Player",
    "by_device",
    "compared",
    "joined",
    "orders_per_day",
]
