"""Charts of episodes: of an alarm, and of each episode of a backtest."""

import re
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.backtest.backtest import BacktestResult
from gateway.backtest.installation import Installation
from gateway.domain.alarm import Evidence
from gateway.domain.device import PointKind
from gateway.domain.text import Lang, localize
from gateway.explain.alarm_history import AlarmHistory, Track, tracks_of
from gateway.explain.page import holds, local, number, thing_of
from gateway.explain.svg import Line, Picture, draw
from rules.compiled import Levels


def chart_of(history: AlarmHistory, zone: ZoneInfo, lang: Lang) -> str:
    """Chart of an alarm as SVG text."""
    alarm = history.alarm
    title = alarm.plan.title_zh if lang == "zh" else alarm.plan.title_en
    hold, clear_hold = holds(history)
    return _picture(
        f"{title} · {thing_of(history)}",
        f"{alarm.rule} · {alarm.id} · {local(alarm.raised_at, zone)}",
        history.tracks,
        alarm.evidence,
        (alarm.raised_at, alarm.cleared_at),
        (hold, clear_hold),
        zone,
        lang,
    )


def draw_all(installation: Installation, outcome: BacktestResult, folder: Path, most: int) -> int:
    """Write one file per episode, at most `most` (0 = all). Returns the number of files."""
    folder.mkdir(parents=True, exist_ok=True)
    rules = {rule.id: rule for rule in outcome.wanted.rules}
    episodes = outcome.now.episodes[: most or None]
    for n, one in enumerate(episodes, 1):
        rule = rules[one.rule]
        end = outcome.wanted.end if one.cleared is None else one.cleared
        tracks = tracks_of(installation, one.thing, one.evidence, rule, one.raised, end)
        levels = rule.condition.levels if isinstance(rule.condition, Levels) else ()
        level = next((level for level in levels if level.level == one.level), None)
        hold = (level.hold.for_, level.clear_hold) if level is not None else (0, 0)
        title = rule.title.get(installation.lang) or rule.title.get("en") or rule.id
        text = _picture(
            f"{title} · {outcome.thing(one.thing)}",
            f"{one.rule} · {local(one.raised, outcome.zone)}",
            tracks,
            one.evidence,
            (one.raised, one.cleared),
            hold,
            outcome.zone,
            installation.lang,
        )
        name = re.sub(r"[^\w.-]+", "_", f"{n:04d}-{one.rule}-{outcome.thing(one.thing)}")
        (folder / f"{name}.svg").write_text(text, "utf-8")
    return len(episodes)


def _picture(
    title: str,
    subtitle: str,
    tracks: Sequence[Track],
    evidence: Evidence,
    episode: tuple[int, int | None],
    hold: tuple[int, int],
    zone: ZoneInfo,
    lang: Lang,
) -> str:
    raised, cleared = episode
    times = [int(at) for track in tracks for at in (track.rows.at[0], track.rows.at[-1])]
    ends = [*times, raised, *([cleared] if cleared is not None else [])]
    start, end = min(ends), max(ends)
    margin = max(1, (end - start) // 50)
    start, end = start - margin, end + margin
    spans = [(raised, end if cleared is None else cleared, "a", localize("explain.plot.alarm", lang))]
    marks = [(raised, localize("word.change.raised", lang))]
    if hold[0]:
        spans.append((raised - hold[0], raised, "w", localize("explain.plot.hold", lang)))
    if cleared is not None:
        marks.append((cleared, localize("word.change.cleared", lang)))
        if hold[1]:
            spans.append((cleared - hold[1], cleared, "w", localize("explain.plot.hold", lang)))
    words = {"gap": localize("explain.plot.gap", lang), "nothing": localize("explain.plot.nothing", lang)}
    lines = [_line(track, evidence) for track in tracks]
    return draw(Picture(title, subtitle, start, end, zone, lines, spans, marks, words))


def _line(track: Track, evidence: Evidence) -> Line:
    point = track.point
    label = f"{point.name}[{point.component}]" if point.component else point.name
    texts = point.values if point.kind is PointKind.STATE else ()
    seen = {reading.point for reading in evidence.readings}
    fits = (point.name in seen or not seen) and not texts
    limits = [
        (one.value, f"{number(one.value, one.unit)} ({one.origin})")
        for one in evidence.thresholds
        if fits and one.unit == point.unit and point.kind is not PointKind.COUNTER
    ]
    unit = f" [{point.unit}]" if point.unit else ""
    return Line(f"{label}{unit}", track.rows.at, track.rows.value, point.every, limits, texts)
