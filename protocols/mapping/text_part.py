"""The part of a text that is the value: `22.51,114.05`, `T=21,5 C`."""

import re
from collections.abc import Callable
from typing import Any

from protocols.mapping.point_config import PointMap

LONGEST = 1024
"""Characters of a text that an expression is tried on; of a longer one there is no part."""


def text_part(config: PointMap) -> Callable[[Any], Any] | None:
    """What takes a raw value to its part; None when the whole value is meant. Where no text or no such part is, the
    result is None, a bad reading; numbers pass `decimal` as they are."""
    if config.split is None and config.regex is None and config.decimal == ".":
        return None
    split, comma = config.split, config.decimal == ","
    pattern = None if config.regex is None else re.compile(config.regex)

    def part(raw: Any) -> Any:
        if type(raw) is not str:
            return raw if split is None and pattern is None else None
        if split is not None:
            parts = raw.split(split.by, 64)
            if not -len(parts) <= split.at < len(parts):
                return None
            raw = parts[split.at].strip()
        if pattern is not None:
            found = pattern.search(raw) if len(raw) <= LONGEST else None
            raw = None if found is None else found[1]
        if comma and raw is not None and "." not in raw:
            raw = raw.replace(",", ".", 1)
        return raw

    return part
