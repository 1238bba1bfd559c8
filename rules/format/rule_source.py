"""The source of a rule, as the journal keeps it: canonical JSON of the rule as written and of the names it reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.domain.code_table import CodeTable
from gateway.domain.device import PointSpec
from gateway.domain.fence import Fence
from gateway.domain.workdays import NO_CALENDAR, WorkCalendar
from rules.format.yaml_tree import Plain


@dataclass(frozen=True, slots=True)
class RuleSource:
    """`rule` as written, with the defaults of its file; `points` by kind, and the lookups that it uses."""

    rule: dict[str, Any]
    points: dict[str, dict[str, PointSpec]] = field(default_factory=dict)
    codes: dict[str, CodeTable] = field(default_factory=dict)
    fences: dict[str, Fence] = field(default_factory=dict)
    calendar: WorkCalendar = NO_CALENDAR
    format: int = 1


_decoder = msgspec.json.Decoder(RuleSource)


def encoded(rule: Mapping[str, Plain], names: Mapping[str, object]) -> bytes:
    """The source of a rule. `names`: "points" by kind, and "codes", "fences" and the "calendar" when it uses them."""
    whole: dict[str, Any] = {"format": 1, "rule": rule, **names}
    return msgspec.json.encode(whole, order="deterministic")


def decoded(source: bytes) -> RuleSource:
    """Contents of a source. Raises ValueError when the bytes are damaged or of an unknown format."""
    try:
        found = _decoder.decode(source)
    except msgspec.MsgspecError as error:
        raise ValueError(f"damaged rule source: {error}") from error
    if found.format != 1:
        raise ValueError(f"rule source of format {found.format}; this build knows 1")
    return found
