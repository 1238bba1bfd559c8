"""The library as it ships, and real or small meters run through all of it by the real engine."""

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import Transition
from gateway.domain.device import Attr, Device, Point, PointSpec, Profile, Site
from gateway.domain.duration import DAY, to_us
from gateway.domain.reading import Batch, Flag
from gateway.domain.record import (
    Body,
    DeviceDefined,
    DeviceSet,
    MeterExchanged,
    PointDefined,
    PolicySet,
    Record,
    RuleSet,
    SiteSet,
    Tick,
)
from gateway.settings.code_tables_and_fences import load_lookups
from gateway.settings.profiles import load_profiles, vocabulary
from gateway.settings.rulebook import Rulebook, load_rulebook
from rules.compiled import Names, Rule
from rules.engine import Engine
from rules.format import compile_policy, compile_source

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
DATA = ROOT.parent / "shared" / "vectors" / "data"
FIXTURES = Path(__file__).parent / "fixtures"
METERS = ("gas_meter_01", "gas_meter_02", "gas_meter_03", "gas_meter_04")
ZONE = "Asia/Shanghai"
WEEK = 7 * DAY
AIR = 101.325
"""kPa: the pressure of the files is absolute, that of the profile is above the air's."""


@cache
def names() -> Names:
    """What the shipped rules may speak of."""
    profiles, problems = load_profiles(CONFIG / "profiles")
    words, disagreements = vocabulary([one.profile for one in profiles.values()])
    lookups = load_lookups(CONFIG / "codes", CONFIG / "fences.yaml")
    assert not [*problems, *disagreements, *lookups.problems]
    return Names(words, lookups.codes, lookups.fences)


@cache
def book() -> Rulebook:
    """The shipped rules."""
    found = load_rulebook(CONFIG / "rules", names())
    assert [one.render() for one in found.problems] == []
    return found


def profile(name: str) -> Profile:
    """A shipped profile."""
    loaded, _ = load_profiles(CONFIG / "profiles")
    return loaded[name].profile


Columns = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Series:
    """Values of one meter: `at` µs rising, and a column for each point (NaN = no value)."""

    at: NDArray[np.int64]
    columns: Columns


def read(path: Path, points: dict[str, Callable[[str], float]]) -> Series:
    """A CSV file with local times in the column CreateDate; `points` are `point=COLUMN` with what makes the number."""
    blob = path.read_bytes()
    text = (gzip.decompress(blob) if path.suffix == ".gz" else blob).decode("utf-8", "replace")
    zone = ZoneInfo(ZONE)
    rows = sorted(
        (
            (to_us(datetime.fromisoformat(row["CreateDate"]).replace(tzinfo=zone)), row)
            for row in csv.DictReader(io.StringIO(text))
        ),
        key=lambda pair: pair[0],
    )
    columns = {}
    for key, number in points.items():
        point, _, column = key.partition("=")
        columns[point] = np.array([number(row[column]) if row[column] else np.nan for _, row in rows])
    return Series(np.array([at for at, _ in rows], np.int64), columns)


def real_meter(name: str) -> Series:
    """One of the four hourly industrial meters."""
    return read(
        DATA / f"{name}.csv.gz",
        {
            "volume_total=BTotal": float,
            "flow=BFlow": float,
            "temperature=T": float,
            "pressure=Pa": lambda text: float(text) - AIR,
        },
    )


def fixture(name: str) -> Series:
    """One of our own small meters."""
    return read(FIXTURES / f"{name}.csv", {"volume_total=Total": float})


@dataclass
class Outcome:
    """What a run gave: transitions by meter; (meter, rule, signal) -> local start of a window -> (value, coverage)."""

    transitions: dict[str, list[Transition]] = field(default_factory=dict)
    windows: dict[tuple[str, str, str], dict[str, tuple[float, float]]] = field(default_factory=dict)


def run(
    meters: Mapping[str, Series],
    rules: Sequence[Rule],
    *,
    model: str = "gas_meter_corrector",
    attrs: Mapping[str, Attr] | None = None,
    policy: bytes = b"",
    exchange: tuple[int, float] | None = None,
) -> Outcome:
    """Meters through one engine: for each week a record of every meter's readings and a tick, then a month of ticks.

    `exchange`: (µs, first total of the new meter) of the first meter.
    """
    out, codes = Outcome({name: [] for name in meters}), dict(enumerate(meters, 1))

    def observe(rule: str, thing: tuple[int, int], signal: str, value: float, start: int, _: int, cover: float) -> None:
        local = datetime.fromtimestamp(start / 1e6, ZoneInfo(ZONE)).strftime("%Y-%m-%d")
        out.windows.setdefault((codes[thing[0]], rule, signal), {})[local] = (value, cover)

    engine = Engine(0, compile_source, "t", observe=observe, compile_policy=compile_policy)
    first = min(int(series.at[0]) for series in meters.values())
    bodies = [*_facts(meters, rules, profile(model), attrs or {}, policy)]
    records = [*((first, body) for body in bodies), *_weeks(meters, profile(model), exchange)]
    for number, (at, body) in enumerate(records, 1):
        for one in engine.step(Record(number, at, body)):
            out.transitions[codes[one.thing.device]].append(one)
    return out


def _facts(
    meters: Mapping[str, Series], rules: Sequence[Rule], kind: Profile, attrs: Mapping[str, Attr], policy: bytes
) -> Iterator[Body]:
    yield SiteSet(Site("s1", "s1", ZONE, "east"))
    for number, spec in enumerate(kind.points, 1):
        yield PointDefined(
            "t",
            Point(
                number,
                kind.id,
                spec.name,
                0,
                spec.kind,
                spec.unit,
                spec.every,
                1,
                spec.values,
                spec.plausible,
                spec.counter,
            ),
        )
    for number, (name, series) in enumerate(meters.items(), 1):
        born = int(series.at[0])
        yield DeviceDefined(number, "t", name, kind.id)
        yield DeviceSet(Device(number, name, kind.id, kind.kind, site="s1", registered=born, attrs=dict(attrs)))
    for rule in rules:
        yield RuleSet(rule.id, rule.revision, rule.source, ZONE)
    if policy:
        yield PolicySet(policy, ZONE)


def _weeks(
    meters: Mapping[str, Series], kind: Profile, exchange: tuple[int, float] | None
) -> Iterator[tuple[int, Body]]:
    first = min(int(series.at[0]) for series in meters.values())
    last = max(int(series.at[-1]) for series in meters.values())
    total = next(number for number, spec in enumerate(kind.points, 1) if spec.name == "volume_total")
    ends = list(range(first - first % DAY, last + 38 * DAY, WEEK))
    if exchange is not None:
        ends = sorted([*ends, exchange[0]])
    for begin, end in pairwise(ends):
        if exchange is not None and begin == exchange[0]:
            yield begin, MeterExchanged(1, total, *exchange)
        for number, series in enumerate(meters.values(), 1):
            rows = np.flatnonzero((series.at >= begin) & (series.at < end))
            if len(rows):
                yield end - 1, _batch(series, rows, number, kind.points)
        yield end, Tick(end)


def _batch(series: Series, rows: NDArray[np.intp], device: int, specs: Sequence[PointSpec]) -> Batch:
    """All points of the rows, one frame for each moment, flagged as intake would flag them."""
    parts: list[tuple[int, int, int, float, int]] = []
    for number, spec in enumerate(specs, 1):
        column = series.columns.get(spec.name)
        if column is None:
            continue
        low, high = spec.plausible.min, spec.plausible.max
        for frame, row in enumerate(rows.tolist()):
            value = float(column[row])
            odd = (low is not None and value < low) or (high is not None and value > high)
            if value == value:
                parts.append((frame, number, int(series.at[row]), value, int(Flag.IMPLAUSIBLE) if odd else 0))
    frames, points, moments, values, flags = zip(*sorted(parts), strict=True)
    n = len(parts)
    return Batch(
        np.full(n, device, np.int32),
        np.array(points, np.int32),
        np.array(moments, np.int64),
        np.array(values),
        np.full(n, 2, np.uint8),
        np.array(flags, np.uint8),
        np.array(frames, np.int32),
        series.at[rows],
    )
