"""A backtest sees an exchange of a meter at its time, device by device and in order of time."""

import numpy as np
import pytest
from backtest_lab import HEAD, START, field, rules_of

from gateway.backtest.runner import run_players
from gateway.domain.duration import HOUR
from gateway.domain.reading import Batch, empty_batch
from gateway.domain.record import MeterExchanged
from rules.backtest import PlayedRegistry, Player

DAY = HEAD + '  let: {u: {increase: total, over: 6h, coverage: 0.1}}\n  when: "u > 30"\n'
GROUP = HEAD.replace("watch: {kind: charger}", "watch: {kind: charger, group: site}") + (
    '  let: {own: {increase: total, over: 6h, coverage: 0.1}, u: {members: {sum: own}}}\n  when: "u > 30"\n'
)


def readings() -> Batch:
    """Both devices count 1 an hour from 100; at 4:30 meter 1 begins at 5."""
    at = START + np.repeat(np.arange(8) * HOUR, 2)
    value = 100 + np.repeat(np.arange(8.0), 2)
    value[10::2] -= 99
    device = np.tile(np.array([1, 2], np.int32), 8)
    rows = len(at)
    return Batch(
        device,
        np.full(rows, 3, np.int32),
        at.astype(np.int64),
        value,
        np.full(rows, 2, np.uint8),
        np.zeros(rows, np.uint8),
        np.arange(rows, dtype=np.int32),
        at.astype(np.int64),
    )


@pytest.mark.parametrize("text", [DAY, GROUP])
@pytest.mark.parametrize("final", [None, 150.0])
def test_an_exchange_is_played_at_its_time(text: str, final: float | None) -> None:
    fact = MeterExchanged(1, 3, START + 4 * HOUR + HOUR // 2, 5.0, final=final)
    place = field(2)
    place = PlayedRegistry(place.sites, (), place.devices, place.points, [fact])
    player = Player(rules_of(f"format: 1\nrules:\n- id: r{text}"), place, "Asia/Shanghai", START, START)
    run_players([player], empty_batch(), [readings()], START + 8 * HOUR, lambda _: None)
    found = [(one.thing.device, (one.raised - START) // HOUR) for one in player.episodes.counted(START + 8 * HOUR)]
    device = 0 if "group" in text else 1
    assert found == ([] if final is None else [(device, 5)])
