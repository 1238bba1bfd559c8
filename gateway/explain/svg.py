"""Timeline as SVG, written without a drawing library (edge boxes have none)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import numpy as np

from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.domain.reading import F64, I64

WIDTH, LEFT, RIGHT, HEAD, TRACK, SPACE, FOOT = 1000, 90, 20, 62, 170, 34, 40
MOST = 2_000
"""Points of one line; of a longer series the lowest and highest of each part are drawn."""
TICKS = 6
STEPS = (
    SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR,
    2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY,
)  # fmt: skip
STYLE = (
    "text{font:12px 'Noto Sans CJK SC','Microsoft YaHei','PingFang SC',sans-serif;fill:#222}.h{font-size:16px;"
    "font-weight:600}.s{fill:#666}.v{fill:none;stroke:#1565c0;stroke-width:1.4}.d{fill:#1565c0}.l{stroke:#c62828;"
    "stroke-dasharray:5 3}.lt{fill:#c62828}.a{fill:#c62828;fill-opacity:.09}.w{fill:#f9a825;fill-opacity:.22}"
    ".g{fill:#999;fill-opacity:.22}.m{stroke:#444}.x{stroke:#bbb}.f{fill:none;stroke:#ccc}"
)


@dataclass(frozen=True, slots=True)
class Line:
    """Readings of one point: `at` µs rising, `value` NaN = bad. `limits`: (value, what is written beside it).

    `every` µs: a longer silence than 3 x it is shaded (0 = none promised). `texts`: of a state, by its code.
    """

    label: str
    at: I64
    value: F64
    every: int = 0
    limits: Sequence[tuple[float, str]] = ()
    texts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """`spans`: (start, end, class, label) with class `a` alarm, `w` hold; `marks`: (µs, label)."""

    title: str
    subtitle: str
    start: int
    end: int
    zone: ZoneInfo
    lines: Sequence[Line]
    spans: Sequence[tuple[int, int, str, str]] = ()
    marks: Sequence[tuple[int, str]] = ()
    words: dict[str, str] = field(default_factory=dict)


def draw(picture: Picture) -> str:
    """The complete SVG file."""
    height = HEAD + max(1, len(picture.lines)) * (TRACK + SPACE) + FOOT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">'
        f'<style>{STYLE}</style><rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text class="h" x="{LEFT}" y="24">{escape(picture.title)}</text>'
        f'<text class="s" x="{LEFT}" y="44">{escape(picture.subtitle)}</text>'
    )
    body = "\n".join(part for k, line in enumerate(picture.lines) for part in _track(picture, line, k))
    empty = (
        "" if picture.lines else f'<text x="{LEFT}" y="{HEAD + 40}">{escape(picture.words.get("nothing", ""))}</text>'
    )
    return f"{head}\n{body}{empty}\n{''.join(_axis(picture, height - FOOT))}\n</svg>\n"


def _x(picture: Picture, us: int) -> float:
    share = (us - picture.start) / max(1, picture.end - picture.start)
    return LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT)


def _track(picture: Picture, line: Line, number: int) -> Iterator[str]:
    top = HEAD + number * (TRACK + SPACE) + 16
    low, high = _range(line)

    def y(value: float) -> float:
        return top + TRACK - (value - low) / (high - low) * TRACK

    yield f'<text x="{LEFT}" y="{top - 5}">{escape(line.label)}</text>'
    for start, end, kind, label in picture.spans:
        a, b = _x(picture, start), _x(picture, end)
        yield _box(kind, a, top, b - a)
        if label and b - a > 24:
            yield f'<text class="s" x="{a + 3:.1f}" y="{top + 13}">{escape(label)}</text>'
    for start, end in _gaps(picture, line):
        a, b = _x(picture, start), _x(picture, end)
        yield _box("g", a, top, b - a)
        if b - a > 60:
            word = escape(picture.words.get("gap", ""))
            yield f'<text class="s" x="{a + 3:.1f}" y="{top + TRACK - 5}">{word}</text>'
    yield f'<rect class="f" x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{TRACK}"/>'
    for value, text in _scale(line, low, high):
        yield f'<text class="s" text-anchor="end" x="{LEFT - 6}" y="{y(value) + 4:.1f}">{escape(text)}</text>'
    for limit, text in line.limits:
        at = y(limit)
        yield f'<line class="l" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text class="lt" text-anchor="end" x="{WIDTH - RIGHT - 3}" y="{at - 4:.1f}">{escape(text)}</text>'
    for piece in _pieces(line):
        times, values = _thinned(line.at[piece], line.value[piece])
        places = [(_x(picture, a), y(v)) for a, v in zip(times.tolist(), values.tolist(), strict=True)]
        yield f'<polyline class="v" points="{" ".join(_steps(places, stepped=bool(line.texts)))}"/>'
        if len(places) <= 120:
            yield "".join(f'<circle class="d" cx="{a:.1f}" cy="{b:.1f}" r="2"/>' for a, b in places)
    for us, label in picture.marks:
        at = _x(picture, us)
        yield f'<line class="m" x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{top + TRACK}"/>'
        yield f'<text x="{at + 3:.1f}" y="{top + TRACK + 13}">{escape(label)}</text>'


def _box(kind: str, x: float, top: int, width: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{top}" width="{max(0.5, width):.1f}" height="{TRACK}"/>'


def _range(line: Line) -> tuple[float, float]:
    known = line.value[np.isfinite(line.value)].tolist() + [v for v, _ in line.limits if np.isfinite(v)]
    if line.texts:
        known += [0.0, float(len(line.texts) - 1)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    margin = (high - low) * 0.08 or max(1.0, abs(high) * 0.05)
    return low - margin, high + margin


def _scale(line: Line, low: float, high: float) -> list[tuple[float, str]]:
    if line.texts:
        return [(float(k), text) for k, text in enumerate(line.texts[:12])]
    return [(v, f"{v:.4g}") for v in np.linspace(low, high, 5).tolist()[1:4]]


def _silence(line: Line) -> int:
    return 3 * line.every if line.every else 1 << 62


def _gaps(picture: Picture, line: Line) -> list[tuple[int, int]]:
    at = line.at[np.isfinite(line.value)]
    if not len(at):
        return [(picture.start, picture.end)]
    edges = np.concatenate([at, [max(picture.end, int(at[-1]))]])
    long = np.flatnonzero(np.diff(edges) > _silence(line))
    return [(int(edges[k]), int(edges[k + 1])) for k in long.tolist()]


def _pieces(line: Line) -> list[slice]:
    """Connected parts of a line. It is broken at a bad reading and after too long a silence."""
    if not len(line.at):
        return []
    good = np.isfinite(line.value)
    cut = np.ones(len(line.at), np.bool_)
    cut[1:] = ~good[1:] | ~good[:-1] | (np.diff(line.at) > _silence(line))
    starts = np.flatnonzero(cut).tolist()
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(line.at)], strict=True) if good[a]]


def _thinned(at: I64, value: F64) -> tuple[I64, F64]:
    if len(at) <= MOST:
        return at, value
    edges = np.linspace(0, len(at), MOST // 2 + 1).astype(int).tolist()
    parts = list(pairwise(edges))
    chosen = {k for a, b in parts for k in (a + int(value[a:b].argmin()), a + int(value[a:b].argmax()))}
    rows = np.array(sorted(chosen | {0, len(at) - 1}), np.intp)
    return at[rows], value[rows]


def _steps(places: Sequence[tuple[float, float]], *, stepped: bool) -> Iterator[str]:
    before: float | None = None
    for x, y in places:
        if stepped and before is not None:
            yield f"{x:.1f},{before:.1f}"
        yield f"{x:.1f},{y:.1f}"
        before = y


def _axis(picture: Picture, bottom: int) -> Iterator[str]:
    """Axis with local times and the zone at its end."""
    span = max(1, picture.end - picture.start)
    step = next((one for one in STEPS if span / one <= TICKS + 2), STEPS[-1])
    first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=picture.start)
    shift = (first.astimezone(picture.zone).utcoffset() or timedelta()) // timedelta(microseconds=1)
    us = -((-picture.start - shift) // step) * step - shift
    form = "%m-%d" if step >= DAY else "%m-%d %H:%M" if step >= MINUTE else "%H:%M:%S"
    while us <= picture.end:
        x = _x(picture, us)
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).astimezone(picture.zone)
        yield f'<line class="x" x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD + 16}" y2="{bottom}" stroke-opacity=".4"/>'
        yield f'<text class="s" text-anchor="middle" x="{x:.1f}" y="{bottom + 16}">{moment.strftime(form)}</text>'
        us += step
    day = first.astimezone(picture.zone).strftime("%Y-%m-%d")
    yield f'<text class="s" x="{LEFT}" y="{bottom + 33}">{day} · {escape(picture.zone.key)}</text>'
