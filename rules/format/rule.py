"""One rule of a file: tree -> `rules.compiled.Rule`, with all its problems noted at once."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from gateway.domain.device import PointSpec
from gateway.domain.duration import format_duration
from rules.compiled import Rule, Vocabulary, Watch
from rules.expr.scope import Scope, nearest
from rules.format.actions import actions
from rules.format.build import Build
from rules.format.conditions import FORMS, TIMING, condition
from rules.format.fields import LONGEST, Fields, duration_of, guess
from rules.format.meaning import meaning_of, points_read
from rules.format.signals import signals
from rules.format.tree import Notes, Plain, Scalar, Table, plain, show

KEYS = (
    "id", "title", "why", "watch", "let", *FORMS, *TIMING, "missing", "downtime", "lateness", "mode", "owner", "then",
    "test",
)  # fmt: skip
LATER = (
    "unless", "active", "cooldown", "inhibit", "identity", "stale_after", "flap", "votes", "due", "every", "sequence",
    "again", "members", "accept_late", "zone",
)  # fmt: skip
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True)
class Defaults:
    """`defaults` of a file; a rule's own keys win."""

    missing: str = "keep"
    downtime: str = "pause"


@dataclass(frozen=True, slots=True)
class Built:
    """A rule and what it means, part by part (see `rules.format.meaning`)."""

    rule: Rule
    meaning: Mapping[str, object]


def build_rule(table: Table, path: str, notes: Notes, vocabulary: Vocabulary, defaults: Defaults) -> Built | None:
    """The rule; None when anything is wrong with it."""
    before = len(notes.problems)
    fields = Fields(table, path, notes, KEYS, LATER)
    build = Build(notes, vocabulary)
    rule_id = _id(fields)
    watch = _watch(fields, build)
    found = signals(fields, build)
    if build.scope is not None:
        build.scope = None if found is None else Scope(build.scope.vocabulary, {s.name: s.unit for s in found})
    then = actions(fields, rule_id)
    judged = condition(fields, build, then.level, found or ())
    missing = missing_of(fields, defaults.missing)
    downtime = fields.choice("downtime", ("pause", "reset", "count"), defaults.downtime)
    lateness_of(fields)
    rule = Rule(
        id=rule_id,
        revision="",
        title=_title(fields, rule_id),
        why=fields.text("why", most=2_000),
        mode=fields.choice("mode", ("live", "shadow", "off"), "live"),
        watch=watch or Watch(()),
        signals=found or (),
        condition=judged or (),
        points=(),
        order=then.order,
        notice=then.notice,
        clear_after=missing,
        downtime=downtime,
        owner=fields.text("owner"),
    )
    if len(notes.problems) > before or watch is None or judged is None or build.scope is None:
        return None
    points = points_read(rule)
    _components(fields, watch, points, build.scope)
    if len(notes.problems) > before:
        return None
    used = {kind: {name: specs[name] for name in points} for kind, specs in build.scope.vocabulary.items()}
    body = plain(table)
    body = {k: v for k, v in body.items() if k != "test"} if isinstance(body, dict) else {}
    body = {"missing": defaults.missing, "downtime": defaults.downtime, **body}
    meaning = meaning_of(rule, build.meanings)
    rule = replace(rule, points=points, source=normalise(body, used), revision=revision_of(meaning))
    return Built(rule, meaning)


def normalise(rule: Mapping[str, Plain], points: Mapping[str, Mapping[str, PointSpec]]) -> bytes:
    """Canonical JSON of a rule and of the points it reads, by kind: everything that compiling it again needs."""
    whole: dict[str, Any] = {"format": 1, "rule": rule, "points": points}
    return msgspec.json.encode(whole, order="deterministic")


def revision_of(meaning: Mapping[str, object]) -> str:
    """Twelve hex digits of the SHA-256 over the meaning."""
    return hashlib.sha256(msgspec.json.encode(meaning, order="deterministic")).hexdigest()[:12]


def lateness_of(fields: Fields) -> None:
    """This build decides at once: only `0s`."""
    if fields.has("lateness") and fields.duration("lateness", 0) != 0:
        fields.wrong("lateness", "rules.later.lateness", write="lateness: 0s")


def missing_of(fields: Fields, default: str = "keep") -> int:
    """`keep` -> 0, `clear_after 7d` -> µs."""
    text = show(fields.get("missing") or Scalar(default))
    if text == "keep":
        return 0
    word, _, rest = text.partition(" ")
    span = duration_of(Scalar(rest.strip())) if word == "clear_after" and rest else None
    if span is None or not 0 < span <= LONGEST:
        after = guess(Scalar(rest.strip())) if rest else format_duration(7 * 86_400_000_000)
        fields.wrong("missing", "rules.value.missing", value=text, write=f"missing: clear_after {after}")
        return 0
    return span


def _id(fields: Fields) -> str:
    fields.require("id", "id: charger.overtemp")
    text = fields.text("id", most=1_000)
    if text and not _ID.fullmatch(text):
        fields.wrong("id", "rules.value.id", value=text)
        return ""
    return text


def _title(fields: Fields, rule_id: str) -> Mapping[str, str]:
    """A text for both languages, or one for each; the id when there is none."""
    tree = fields.get("title")
    if not isinstance(tree, Table):
        text = fields.text("title", rule_id)
        return {"en": text, "zh": text}
    inside = Fields(tree, fields.at("title"), fields.notes, ("en", "zh"))
    english, chinese = inside.text("en"), inside.text("zh")
    if not english and not chinese:
        fields.wrong("title", "rules.value.title", write="title: {en: Connector over temperature, zh: 枪头过温}")
    return {"en": english or chinese, "zh": chinese or english}


def _watch(fields: Fields, build: Build) -> Watch | None:
    """The watched kinds become the scope of all expressions."""
    fields.require("watch", "watch: {kind: charger}")
    table = fields.table_of("watch", "watch: {kind: charger}")
    if table is None:
        return None
    watch = Fields(table, fields.at("watch"), fields.notes, ("kind", "where", "each"), ("group",))
    watch.require("kind", "kind: charger")
    kinds = watch.names("kind")
    unknown = [kind for kind in kinds if kind not in build.vocabulary]
    for kind in unknown:
        near = nearest(kind, list(build.vocabulary))
        key = "rules.watch.kind_near" if near else "rules.watch.kind"
        known = ", ".join(sorted(build.vocabulary)) or "-"
        watch.wrong("kind", key, kind=kind, near=near, known=known)
    each = watch.choice("each", ("connector", "component"), "")
    text = watch.text("where", most=2_000)
    test = build.where(text, watch.at("where"), watch.line("where")) if text else None
    if not kinds or unknown:
        return None
    build.scope = Scope({kind: build.vocabulary[kind] for kind in kinds})
    return Watch(kinds, bool(each), test[0] if test else None, test[1] if test else "")


def _components(fields: Fields, watch: Watch, points: tuple[str, ...], scope: Scope) -> None:
    """`each` is for points that every component has; without it such a point has no single value.

    A kind that repeats no point at all (as in a short test profile) is not asked: its readings count for all.
    """
    kind, specs = next(iter(scope.vocabulary.items()))
    per_component = [name for name in points if specs[name].each]
    place = fields.at("watch")
    if watch.each and not per_component and any(spec.each for spec in specs.values()):
        fields.notes.add(fields.line("watch"), place, "rules.watch.no_component", points=", ".join(points), kind=kind)
    if not watch.each and per_component:
        fields.notes.add(fields.line("watch"), place, "rules.watch.each", point=per_component[0], kind=kind)
