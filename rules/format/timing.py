"""The keys of timing that any form may have: how often it may raise, who its parent is, what lateness it bears."""

from gateway.domain.duration import SECOND, format_duration
from rules.compiled import Flap, Inhibit
from rules.format.mapping_reader import LONGEST, MappingReader, duration_of, guess
from rules.format.yaml_tree import Scalar

_WEEK = 7 * 86_400_000_000


def flap(rule: MappingReader) -> Flap | None:
    """`flap: {raises: 4, in: 1h, quiet: 2h}`."""
    fields = rule.inside("flap", ("raises", "in", "quiet"), "flap: {raises: 4, in: 1h, quiet: 2h}")
    if fields is None:
        return None
    fields.require("raises: 4", "in: 1h", "quiet: 2h")
    span, quiet = (fields.duration(key, SECOND, least=SECOND) for key in ("in", "quiet"))
    return Flap(fields.whole("raises", 1, 1000, 1), span, quiet)


def inhibit(rule: MappingReader, rule_id: str) -> Inhibit | None:
    """`inhibit: {by: gateway.offline, same: [site], settle: 90s}`."""
    known = ("by", "same", "settle")
    fields = rule.inside("inhibit", known, "inhibit: {by: gateway.offline, same: [site], settle: 90s}")
    if fields is None:
        return None
    fields.require("by: gateway.offline", "same: [site]")
    by, same = fields.word("by"), fields.names("same")
    if by and by == rule_id:
        fields.wrong("by", "rules.inhibit.itself", value=by)
    return Inhibit(by, same, fields.duration("settle", 0))


def lateness_of(fields: MappingReader, default: int = 0) -> int:
    """How long the engine waits for readings out of order, µs; at most a week, because they are kept in memory."""
    found = fields.duration("lateness", default)
    if found > _WEEK:
        fields.wrong("lateness", "rules.value.range", span=f"0s … {format_duration(_WEEK)}")
        return default
    return found


def missing_of(fields: MappingReader, default: str = "keep") -> int:
    """`keep` -> 0, `clear_after 7d` -> µs."""
    text = fields.shown("missing") or default
    if text == "keep":
        return 0
    word, _, rest = text.partition(" ")
    span = duration_of(Scalar(rest.strip())) if word == "clear_after" and rest else None
    if span is None or not 0 < span <= LONGEST:
        after = guess(Scalar(rest.strip())) if rest else format_duration(_WEEK)
        fields.wrong("missing", "rules.value.missing", value=text, write=f"missing: clear_after {after}")
        return 0
    return span
