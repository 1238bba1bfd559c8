"""The summary and the first of a kind (C2): a day with ten orders fits on two screens."""

from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.domain.language_values import as_text_field
from gateway.domain.once_per_period import OncePerPeriod
from gateway.domain.text import localize
from gateway.health.traffic_summary import Summary, TrafficCounts

LOOK = 5 * SECOND


def test_the_first_minute_then_an_hour() -> None:
    """12,431 messages in the first hour are one line after a minute, and one after the hour."""
    summary, said = Summary(0), []
    for now in range(LOOK, 2 * HOUR + 2 * MINUTE, LOOK):
        count = now // SECOND
        if line := summary.due(TrafficCounts(count, 4 * count, by_source={"broker": count}), (), now):
            said.append((now, line))
    assert [now for now, _ in said] == [MINUTE, MINUTE + HOUR, MINUTE + 2 * HOUR]
    assert sum(int(str(line["messages"])) for _, line in said) == 61 + 2 * 3600 - 1
    english = localize("log.summary", "en", **{name: as_text_field(value, "en") for name, value in said[1][1].items()})
    assert english.startswith("in 1 h: 3600 messages, 14,400 readings, 0 dead letters, 0 alarms, 0 work orders")


def test_no_data_is_said_and_when_it_changes() -> None:
    """C2: "no data" looked like "all fine"."""
    summary = Summary(0)
    line = summary.due(TrafficCounts(by_source={"yard": 0, "hall": 0}), ("yard",), MINUTE)
    assert line is not None
    assert str(line["silent"]) == "; no data from: yard, hall"
    assert summary.due(TrafficCounts(by_source={"yard": 0, "hall": 0}), ("yard",), 2 * MINUTE) is None
    line = summary.due(TrafficCounts(5, 5, by_source={"yard": 5, "hall": 0}), (), 3 * MINUTE)
    assert line is not None, "the first data of all"
    assert (line["messages"], str(line["silent"])) == (5, "; no data from: hall")
    assert summary.due(TrafficCounts(9, 9, by_source={"yard": 9, "hall": 0}), (), 4 * MINUTE) is None
    line = summary.due(TrafficCounts(9, 9, by_source={"yard": 9, "hall": 0}), ("yard",), 5 * MINUTE)
    assert line is not None
    assert line["silent"].text("zh") == "；无数据的数据源：yard、hall"  # type: ignore[attr-defined]


def test_a_day_is_told_in_few_lines() -> None:
    """Two sources, one of which is away from 3 to 4: 24 hourly lines and the two changes, not 1440."""
    summary, lines = Summary(0), 0
    for now in range(MINUTE, DAY + 1, MINUTE):
        away = 3 * HOUR <= now < 4 * HOUR
        counts = {"yard": now // SECOND, "hall": min(now, 3 * HOUR) // SECOND}
        lines += (
            summary.due(TrafficCounts(sum(counts.values()), 0, by_source=counts), ("hall",) if away else (), now)
            is not None
        )
    assert 24 <= lines <= 28


def test_the_first_of_a_kind_once_a_day() -> None:
    firsts = OncePerPeriod()
    assert firsts.allows("a", 0)
    assert not firsts.allows("a", DAY - 1)
    assert firsts.allows("b", DAY - 1)
    assert firsts.allows("a", DAY)
    for n in range(1000):
        assert firsts.allows(n, DAY)
    assert not firsts.allows(999, DAY)
    assert firsts.allows("b", DAY), "bounded: the oldest are forgotten"
