"""`peers` of `let`: a point of the others, such as `{peers: {median: gun_temp, of: site}}`."""

import re

from gateway.domain.device import PointKind
from gateway.domain.units import canonical_symbol, parse_unit
from rules.compiled import Aggregate, PeerStat
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler

WHAT = {"mean": Aggregate.MEAN, "median": Aggregate.PERCENTILE, "min": Aggregate.MIN, "max": Aggregate.MAX}
_EXAMPLE = "peers: {median: gun_temp, of: site}"
_ATTRIBUTE = re.compile(r"[^\W\d]\w*")


def peer_stat(name: str, fields: MappingReader, compiler: RuleCompiler) -> PeerStat | None:
    """The signal; None after its problems were noted."""
    if compiler.scope is None:
        return None
    if compiler.scope.group:
        fields.wrong("peers", "rules.let.peers_group", group=compiler.scope.group)
        return None
    inside = fields.inside("peers", (*WHAT, "of", "coverage"), _EXAMPLE)
    if inside is None:
        return None
    written = [key for key in WHAT if inside.has(key)]
    if len(written) != 1:
        fields.wrong("peers", "rules.let.peers_one", known=", ".join(WHAT), write=_EXAMPLE)
        return None
    inside.require("of: site")
    key, by, coverage = written[0], inside.word("of"), inside.share("coverage", 0.0)
    if by and not _ATTRIBUTE.fullmatch(by):
        inside.wrong("of", "rules.watch.group", value=by)
        return None
    point = inside.word(key)
    if not by or not point:
        return None
    spec = compiler.point(inside, key, point)
    if spec is None:
        return None
    if spec.kind is PointKind.STATE:
        inside.wrong(key, "rules.let.peers_state", name=point)
        return None
    return PeerStat(name, WHAT[key], point, by, coverage, canonical_symbol(parse_unit(spec.unit)))
