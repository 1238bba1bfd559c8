"""Keys of `let`: names, operators and the keys beside them (RULES section 4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from rules.compiled import Aggregate
from rules.expr.functions import RESERVED
from rules.expr.tokens import KEYWORDS
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler

_WINDOW = ("over", "per", "coverage")
KEYS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((one.value for one in Aggregate), _WINDOW),
    "median": _WINDOW,
    "increase": (*_WINDOW, "counter", "scale"),
    "rate": ("over", "max_gap", "counter"),
    "rise": ("over", "max_gap"),
    "fall": ("over", "max_gap"),
    "share": _WINDOW,
    "times": _WINDOW,
    "zscore": ("half_life", "season", "warmup"),
    "ewma": ("half_life", "season", "warmup"),
    "code_of": ("table",),
    "members": (),
    "peers": (),
}
"""Operator -> the keys allowed beside it."""

EXAMPLES = {
    "percentile": "high: {percentile(90): pressure, per: day}", "median": "usual: {median: pressure, over: 24h}",
    "increase": "used: {increase: volume_total, per: month}", "rate": "hourly: {rate: volume_total, over: 10m}",
    "rise": "up: {rise: odometer, over: 10m}", "fall": "drop: {fall: soc, over: 10m}",
    "share": "busy: {share: \"status == 'charging'\", per: day}",
    "times": "faults: {times: \"status == 'fault'\", over: 24h}",
    "zscore": "odd: {zscore: pressure, half_life: 6h, warmup: 14d}", "ewma": "usual: {ewma: pressure, half_life: 6h}",
    "code_of": "code: {code_of: fault_code, table: charger_faults}",
    "members": "low: {members: {mean: pressure}}", "peers": "others: {peers: {median: gun_temp, of: site}}",
}  # fmt: skip
_SPELLINGS = {
    "avg": "mean", "average": "mean", "std": "stddev", "stdev": "stddev", "range": "spread", "delta": "increase",
    "diff": "increase", "usage": "increase", "speed": "rate", "rises": "rise", "falls": "fall", "drop": "fall",
    "percent": "share", "fraction": "share", "ema": "ewma", "occurrences": "times", "number_of": "times",
    "code": "code_of", "group": "members", "others": "peers", "neighbours": "peers",
}  # fmt: skip
_RANKED = re.compile(r"(percentile|quantile|p)\s*\(?\s*([0-9]{1,2}(?:\.[0-9]+)?)\s*\)?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class SignalEntry:
    """One signal as it is written; `key` is the operator with its rank, `others` are the names of all."""

    name: str
    operator: str
    key: str
    fields: MappingReader
    others: frozenset[str]
    compiler: RuleCompiler


def entry(lets: MappingReader, name: str, compiler: RuleCompiler) -> SignalEntry | None:
    """The signal `name` as written in `let`; None after its problems were noted."""
    taken = name in KEYWORDS or name in RESERVED or not _NAME.fullmatch(name)
    if taken or (compiler.scope and any(name in points for points in compiler.scope.vocabulary.values())):
        lets.wrong(name, "rules.let.name", name=name, write="used")
        return None
    fields = lets.inside(name, None, EXAMPLES["increase"])
    if fields is None:
        return None
    written = [key for key in fields.table.entries if operator_of(key)]
    if len(written) > 1:
        fields.wrong_mapping("rules.let.several", first=written[0], second=written[1])
        return None
    if not written:
        _no_operator(fields)
        return None
    operator, key = operator_of(written[0]), written[0]
    others = tuple(dict.fromkeys(key for keys in KEYS.values() for key in keys))
    fields = MappingReader(fields.table, fields.path, fields.notes, (key, *others))
    for other in others:
        if fields.has(other) and other not in KEYS[operator]:
            known = ", ".join(KEYS[operator]) or "-"
            fields.wrong(other, "rules.let.key", name=other, operator=operator, known=known)
    if operator == "percentile" and rank_of(key) is None:
        fields.wrong(key, "rules.let.rank", value=key)
        return None
    return SignalEntry(name, operator, key, fields, frozenset(lets.table.entries), compiler)


def operator_of(key: str) -> str:
    """The operator that a key names; "" = none."""
    return "percentile" if key.startswith("percentile") else key if key in KEYS else ""


def rank_of(key: str) -> float | None:
    """90 of `percentile(90)`: at least 1 and below 100."""
    match = _RANKED.fullmatch(key)
    rank = float(match[2]) if match and match[1] == "percentile" and "(" in key and ")" in key else 0.0
    return rank if rank >= 1 else None


def _no_operator(fields: MappingReader) -> None:
    """No operator, or a misspelt one."""
    keys = {key for keys in KEYS.values() for key in keys}
    for key in fields.table.entries:
        if (match := _RANKED.fullmatch(key.lower())) and float(match[2]) >= 1:
            return fields.wrong(key, "rules.key.near", name=key, near=f"percentile({match[2]})")
        near = _SPELLINGS.get(key.lower()) or next(iter(get_close_matches(key, [*KEYS], 1, 0.6)), "")
        if key not in keys and near:
            return fields.wrong(key, "rules.key.near", name=key, near=near)
    return fields.wrong_mapping("rules.let.operator", known=", ".join(KEYS), write=EXAMPLES["increase"])
