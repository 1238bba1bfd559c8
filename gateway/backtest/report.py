"""Result of a backtest as text and as JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.backtest.backtest import BacktestResult, RuleSetResult
from gateway.domain.duration import format_duration
from gateway.domain.text import Lang, localize
from rules.backtest import BacktestEpisode, ChangedEpisode, Difference

TOP = 10


def as_json(outcome: BacktestResult) -> dict[str, Any]:
    """Result as JSON values. Times are RFC 3339 in the installation's zone."""
    wanted = outcome.wanted
    found: dict[str, Any] = {
        "from": _time(outcome, wanted.start),
        "to": _time(outcome, wanted.end),
        "history_from": _time(outcome, outcome.warm),
        "zone": outcome.zone.key,
        "rules": [r.id for r in wanted.rules],
        "devices_watched": outcome.devices,
        "readings": outcome.readings,
        "seconds": round(outcome.seconds, 3),
        "readings_s": round(outcome.readings / max(outcome.seconds, 1e-9)),
    }
    found |= _judged_json(outcome, outcome.now)
    if outcome.old is not None and outcome.difference is not None:
        found["compare"] = {
            **_judged_json(outcome, outcome.old),
            "same": outcome.difference.same,
            "only_old": [_episode(outcome, one) for one in outcome.difference.only_old],
            "only_new": [_episode(outcome, one) for one in outcome.difference.only_new],
            "moved": [
                {"old": _episode(outcome, one.old), "new": _episode(outcome, one.new)}
                for one in outcome.difference.moved
            ],
        }
    return found


def _judged_json(outcome: BacktestResult, judged: RuleSetResult) -> dict[str, Any]:
    return {
        "episodes": [_episode(outcome, one) for one in judged.episodes],
        "orders_per_day": judged.orders,
        "orders": sum(judged.orders.values()),
        "orders_by_rule": judged.by_rule,
        "devices": sorted({outcome.thing(one.thing) for one in judged.episodes}),
        "raised_before": judged.before,
        "merged": judged.merged,
    }


def _episode(outcome: BacktestResult, one: BacktestEpisode) -> dict[str, Any]:
    device = outcome.names.get(one.thing.device, "")
    return {
        "rule": one.rule,
        "device": device,
        "component": one.thing.component,
        "group": one.thing.group,
        "identity": list(one.identity),
        "raised": _time(outcome, one.raised),
        "cleared": None if one.cleared is None else _time(outcome, one.cleared),
        "level": one.level.word,
        "count": one.count,
        "unstable": one.unstable,
        "stale": one.stale,
    }


def _time(outcome: BacktestResult, us: int) -> str:
    return outcome.local(us).isoformat()


def as_text(outcome: BacktestResult, lang: Lang, limit: int, against: str) -> Iterator[str]:
    """Lines of the report, with at most `limit` episodes of each list (0 = all)."""
    yield localize(
        "backtest.head",
        lang,
        rules=len(outcome.wanted.rules),
        devices=outcome.devices,
        start=_short(outcome, outcome.wanted.start),
        end=_short(outcome, outcome.wanted.end),
        zone=outcome.zone.key,
        warm=_short(outcome, outcome.warm),
    )
    rate = outcome.readings / max(outcome.seconds, 1e-9)
    yield localize(
        "backtest.speed", lang, readings=f"{outcome.readings:,}", seconds=f"{outcome.seconds:.1f}", rate=f"{rate:,.0f}"
    )
    yield ""
    yield from _judged_text(outcome, outcome.now, lang, limit)
    if outcome.old is not None and outcome.difference is not None:
        yield ""
        yield from _difference(outcome, outcome.old, outcome.difference, lang, limit, against)


def _judged_text(outcome: BacktestResult, judged: RuleSetResult, lang: Lang, limit: int) -> Iterator[str]:
    episodes = judged.episodes
    if judged.before:
        yield localize("backtest.before", lang, count=judged.before)
    if judged.merged:
        yield localize("backtest.merged", lang, count=judged.merged)
    if not episodes:
        yield localize("backtest.nothing", lang)
        return
    yield localize("backtest.episodes", lang, count=len(episodes))
    yield "  " + localize("backtest.columns", lang)
    yield from _rows(outcome, episodes, lang, limit)
    yield ""
    yield localize("backtest.rules", lang)
    count = Counter(one.rule for one in episodes)
    for rule, raised in count.most_common():
        things = len({one.thing for one in episodes if one.rule == rule})
        yield f"  {rule}  {raised}  {things}  {judged.by_rule.get(rule, 0)}"
    yield ""
    per_device = Counter(outcome.thing(one.thing) for one in episodes)
    yield localize("backtest.devices", lang, count=len(per_device))
    top = per_device.most_common(limit or None)
    yield "  " + " ".join(f"{name}({n})" for name, n in top) + (" …" if len(top) < len(per_device) else "")
    yield ""
    yield localize("backtest.orders", lang, count=sum(judged.orders.values()))
    for day, orders in judged.orders.items():
        yield f"  {day}  {orders}"
    yield "  " + localize("backtest.orders_note", lang)


def _rows(outcome: BacktestResult, episodes: Sequence[BacktestEpisode], lang: Lang, limit: int) -> Iterator[str]:
    shown = episodes[:limit] if limit else episodes
    for one in shown:
        name = " ".join([outcome.thing(one.thing), *one.identity])
        level = localize(f"word.level.{one.level.word}", lang)
        times = f"{_short(outcome, one.raised)} | {_end(outcome, one, lang)}"
        yield f"  {one.rule} | {name} | {times} | {level} | {one.count}"
    if len(shown) < len(episodes):
        yield "  " + localize("backtest.more", lang, count=len(episodes) - len(shown))


def _difference(
    outcome: BacktestResult, old: RuleSetResult, found: Difference, lang: Lang, limit: int, against: str
) -> Iterator[str]:
    yield localize(
        "backtest.compare",
        lang,
        what=against,
        same=found.same,
        moved=len(found.moved),
        gone=len(found.only_old),
        fresh=len(found.only_new),
    )
    for key, episodes in (("backtest.only_old", found.only_old), ("backtest.only_new", found.only_new)):
        if episodes:
            yield localize(key, lang)
            yield from _rows(outcome, episodes, lang, limit)
    if found.moved:
        yield localize("backtest.moved", lang)
        shown = found.moved[:limit] if limit else found.moved
        yield from (_moved(outcome, one, lang) for one in shown)
        if len(shown) < len(found.moved):
            yield "  " + localize("backtest.more", lang, count=len(found.moved) - len(shown))
    before, after = sum(old.orders.values()), sum(outcome.now.orders.values())
    yield localize("backtest.orders_change", lang, old=before, new=after)
    for day in sorted({*old.orders, *outcome.now.orders}):
        a, b = old.orders.get(day, 0), outcome.now.orders.get(day, 0)
        yield "  " + localize("backtest.day_change", lang, day=day, old=a, new=b, change=f"{b - a:+d}")


def _moved(outcome: BacktestResult, one: ChangedEpisode, lang: Lang) -> str:
    shift = one.new.raised - one.old.raised
    return "  " + localize(
        "backtest.moved_row",
        lang,
        rule=one.new.rule,
        thing=outcome.thing(one.new.thing),
        old=_short(outcome, one.old.raised),
        new=_short(outcome, one.new.raised),
        shift=("+" if shift >= 0 else "") + format_duration(shift),
        old_end=_end(outcome, one.old, lang),
        new_end=_end(outcome, one.new, lang),
        old_level=localize(f"word.level.{one.old.level.word}", lang),
        new_level=localize(f"word.level.{one.new.level.word}", lang),
    )


def _end(outcome: BacktestResult, one: BacktestEpisode, lang: Lang) -> str:
    return localize("backtest.still", lang) if one.cleared is None else _short(outcome, one.cleared)


def _short(outcome: BacktestResult, us: int) -> str:
    return outcome.local(us).strftime("%Y-%m-%d %H:%M:%S")
