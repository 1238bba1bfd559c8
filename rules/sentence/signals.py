"""A signal of `let` in words: what it is made of, and over what time."""

from collections.abc import Mapping
from typing import Any

from gateway.domain.duration import parse_duration
from gateway.domain.text import localize
from rules.format.signal_keys import operator_of
from rules.sentence.quantities import length
from rules.sentence.wording import Wording, read

_OWN = frozenset({"site", "area", "region", "customer"})


def signal(what: Mapping[str, Any], words: Wording, *, each: bool = False) -> str:
    """`{mean: gun_temp, over: 10m}` -> the mean of connector temperature in the last 10 minutes; with `each`, inside
    another signal, the one of every window."""
    words = words.inside()
    if "members" in what:
        inside = what["members"]
        if "count" in inside:
            return words.localize("members_count", of=_predicate(str(inside["count"]), words))
        return words.localize("members", of=_operator(inside, words))
    if "peers" in what:
        inside = what["peers"]
        attribute = inside["of"]
        by = words.localize(f"by.{attribute}") if attribute in _OWN else words.localize("by.other", name=attribute)
        return words.localize("peers", of=_operator(inside, words), by=by)
    return _windowed(what, _operator(what, words), words, each=each)


def _operator(what: Mapping[str, Any], words: Wording) -> str:
    written = next(filter(operator_of, what))
    operator, _, rank = written.partition("(")
    if operator in {"share", "times"}:
        return words.localize(f"op.{operator}", of=_predicate(str(what[written]), words))
    of = _made_of(str(what[written]), words)
    if operator == "increase" and what.get("scale") == "per_day":
        operator = "per_day"
    return words.localize(f"op.{operator}", of=of, rank=rank.rstrip(") ").strip())


def _made_of(text: str, words: Wording) -> str:
    return words.number(read(text))


def _predicate(text: str, words: Wording) -> str:
    return words.clause(read(text))


def _windowed(what: Mapping[str, Any], of: str, words: Wording, *, each: bool) -> str:
    if "over" in what:
        span = length(parse_duration(str(what["over"])), words.lang)
        return words.localize("over", of=of, window=span.removeprefix("1 ") if words.lang == "en" else span)
    if "per" not in what:
        return of
    name, _, inside = str(what["per"]).partition("(")
    name, inside = name.strip(), inside.rstrip(") ").removeprefix("from:").strip()
    period = f"word.period.{name}"
    window = words.localize(f"period.{name}_of", inside=inside) if inside else localize(period, words.lang)
    return words.localize("each" if each else "per", of=of, window=window)
