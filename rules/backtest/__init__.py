"""Rules on stored history: the same engine, sorted readings, no down-time (RULES section 6). Pure."""

from rules.backtest.compare import ChangedEpisode, Difference, compared
from rules.backtest.episodes import BacktestEpisode, Episodes
from rules.backtest.orders import orders_per_day
from rules.backtest.player import PlayedRegistry, Player, by_device, joined

__all__ = [
    "BacktestEpisode",
    "ChangedEpisode",
    "Difference",
    "Episodes",
    "PlayedRegistry",
    "Player",
    "by_device",
    "compared",
    "joined",
    "orders_per_day",
]
