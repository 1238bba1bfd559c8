"""`quiet` and `limits` of rule files, which apply to all rules: read from one file, joined over files, compiled."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from gateway.domain.duration import SECOND, parse_duration, to_us
from gateway.domain.errors import Problem
from rules.compiled import Budget, Quiet, RulePolicy
from rules.expr.attribute_test import where
from rules.expr.expression_error import ExpressionError
from rules.format.mapping_reader import LONGEST, MappingReader
from rules.format.yaml_tree import join

BUDGETS = ("alarms_per_rule", "orders_per_site")
_LIMITS = (*BUDGETS, "state")
_QUIET = ("where", "from", "until", "why")
_EXAMPLE = "{where: \"site == 'S12'\", from: 2026-11-23T22:00, until: 2026-11-24T06:00, why: site works}"
_BUDGET = re.compile(r"([0-9]{1,9})\s+per\s+(\S+)", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?)\s*(kB|MB|GB|KiB|MiB|GiB)", re.ASCII)
_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


@dataclass(frozen=True, slots=True)
class PolicyPart:
    """Contents of one file: each quiet with the keys where, from, until, why; limits by name as written, with lines."""

    quiet: tuple[Mapping[str, str], ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)


class _Source(msgspec.Struct):
    quiet: list[dict[str, str]] = []
    limits: dict[str, str] = {}
    format: int = 1


_decoder = msgspec.json.Decoder(_Source)


def policy_of(top: MappingReader) -> PolicyPart:
    """`quiet` and `limits` of a file, with what is wrong noted and left out."""
    quiet = [found for fields in top.tables("quiet", _QUIET, _EXAMPLE) if (found := _quiet(fields))]
    fields = top.inside("limits", _LIMITS, "limits: {alarms_per_rule: 500 per 10m}")
    if fields is None:
        return PolicyPart(tuple(quiet))
    limits = {name: text for name in _LIMITS if (text := _limit(fields, name))}
    return PolicyPart(tuple(quiet), limits, {name: fields.line(name) for name in limits})


def _quiet(fields: MappingReader) -> Mapping[str, str] | None:
    """One quiet time, or none when it is wrong."""
    before = len(fields.notes.problems)
    fields.require("where: \"site == 'S12'\"")
    text = fields.text("where", most=2_000)
    if text:
        try:
            text = where(text)[1]
        except ExpressionError as error:
            for flaw in error.flaws:
                fields.wrong("where", flaw.key, **{**flaw.fields, "at": flaw.at + 1})
    span = span_of(fields)
    why = fields.text("why")
    if len(fields.notes.problems) > before or span is None:
        return None
    start, end = span
    return {"where": text, "from": start.isoformat(), "until": end.isoformat(), "why": why}


def span_of(fields: MappingReader) -> tuple[datetime, datetime] | None:
    """`from` and `until`, both with an offset or both without; None after a problem was noted."""
    fields.require("from: 2026-11-23T22:00", "until: 2026-11-24T06:00")
    start, end = (_moment(fields, key) for key in ("from", "until"))
    if start is None or end is None:
        return None
    if (start.tzinfo is None) != (end.tzinfo is None):
        fields.wrong("until", "rules.quiet.offset")
    elif end <= start:
        fields.wrong("until", "rules.quiet.order")
    else:
        return start, end
    return None


def instant(moment: datetime, zone: str) -> int:
    """µs; a moment without an offset is a local one of `zone` ("" and unknown ones = UTC)."""
    if moment.tzinfo is not None:
        return to_us(moment)
    try:
        return to_us(moment.replace(tzinfo=ZoneInfo(zone or "UTC")))
    except (ZoneInfoNotFoundError, ValueError):
        return to_us(moment.replace(tzinfo=UTC))


def _moment(fields: MappingReader, key: str) -> datetime | None:
    if not fields.has(key):
        return None
    try:
        return datetime.fromisoformat(fields.shown(key))
    except ValueError:
        fields.wrong(key, "rules.quiet.time", write=f"{key}: 2026-11-23T22:00")
        return None


def _limit(fields: MappingReader, name: str) -> str:
    text = fields.shown(name).strip()
    if not fields.has(name):
        return ""
    if name in BUDGETS and budget(text) is None:
        fields.wrong(name, "rules.limits.budget", value=text, write=f"{name}: 500 per 10m")
        return ""
    if name == "state" and size(text) is None:
        fields.wrong(name, "rules.limits.size", value=text, write="state: 256 MB")
        return ""
    return text


def budget(text: str) -> Budget | None:
    """`500 per 10m`; None for anything else."""
    match = _BUDGET.fullmatch(text)
    try:
        span = parse_duration(match[2]) if match else 0
    except ValueError:
        return None
    return Budget(int(match[1]), span) if match and int(match[1]) > 0 and SECOND <= span <= LONGEST else None


def size(text: str) -> int | None:
    """`256 MB` -> bytes; None for anything else."""
    match = _SIZE.fullmatch(text)
    return round(float(match[1]) * _BYTES[match[2]]) or None if match else None


def join_policies(parts: Sequence[tuple[str, PolicyPart]]) -> tuple[bytes, tuple[Problem, ...]]:
    """The source of all files' policy, and a problem for each limit that is written twice. b"" = no policy."""
    first: dict[str, str] = {}
    limits: dict[str, str] = {}
    quiet: list[Mapping[str, str]] = []
    problems: list[Problem] = []
    for file, part in parts:
        quiet += part.quiet
        for name, text in part.limits.items():
            if name in first:
                fields = {"name": name, "where": first[name]}
                problems.append(Problem(file, join("limits", name), "rules.limits.twice", fields, part.lines[name]))
            else:
                first[name], limits[name] = f"{file}:{part.lines[name]}", text
    if not quiet and not limits:
        return b"", tuple(problems)
    quiet = sorted(quiet, key=lambda one: (one["from"], one["until"], one["where"], one["why"]))
    whole: dict[str, Any] = {"format": 1, "quiet": quiet, "limits": limits}
    return msgspec.json.encode(whole, order="deterministic"), tuple(problems)


def compile_policy(source: bytes, zone: str) -> RulePolicy:
    """The policy of a PolicySet fact; times without an offset are local ones of `zone`. b"" is the empty policy.

    Raises ValueError when the bytes are damaged or of an unknown format.
    """
    if not source:
        return RulePolicy()
    try:
        found = _decoder.decode(source)
        if found.format != 1:
            raise ValueError(f"policy source of format {found.format}; this build knows 1")
        quiet = tuple(_compiled(one, zone) for one in found.quiet)
        budgets = {name: budget(found.limits[name]) for name in BUDGETS if name in found.limits}
    except (msgspec.MsgspecError, ExpressionError, KeyError) as error:
        raise ValueError(f"damaged policy source: {error}") from error
    return RulePolicy(
        quiet,
        budgets.get("alarms_per_rule"),
        budgets.get("orders_per_site"),
        size(found.limits.get("state", "")) or 0,
        source,
    )


def _compiled(one: Mapping[str, str], zone: str) -> Quiet:
    test, text = where(one["where"])
    start, end = (instant(datetime.fromisoformat(one[key]), zone) for key in ("from", "until"))
    return Quiet(test, text, start, end, one["why"])
