"""Why an alarm changed, as one sentence a dispatcher reads, in English and in Chinese.

Made of the rule as written (its condition, the titles of its points, its signals) and of the evidence. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from msgspec.structs import replace

from gateway.domain.alarm import Change, Evidence, Level, Transition
from gateway.domain.device import PointSpec
from gateway.domain.record import RuleSet
from gateway.domain.text import Lang, catalogue, localize
from rules.expr.syntax_tree import Syntax
from rules.format.rule_source import decoded
from rules.sentence.condition_phrases import ConditionPhrases
from rules.sentence.evidence_truth import Truth, holds, judged
from rules.sentence.phrases import Phrases
from rules.sentence.template import SeenEvidence, SentenceTemplate, template
from rules.sentence.value_texts import texts_of

__all__ = ["sentences", "with_sentences"]
_BEGAN = frozenset({Change.RAISED, Change.LEVEL_UP, Change.LEVEL_DOWN, Change.MERGED})


LANGS: tuple[Lang, Lang] = ("en", "zh")


@dataclass(frozen=True, slots=True)
class SentenceParts:
    """The sentence in both languages, what it claims was so, or was not, and the comparisons in that."""

    english: SentenceTemplate
    chinese: SentenceTemplate
    claims: tuple[tuple[Syntax, bool], ...] = ()
    comparisons: tuple[Syntax, ...] = ()

    @property
    def choosing(self) -> bool:
        """True if it has alternatives that the evidence decides."""
        return self.english.choosing


def with_sentences(transitions: Iterable[Transition], rules: Mapping[str, tuple[RuleSet, object]]) -> list[Transition]:
    """The transitions with their sentences; `rules` are those in force after them. A rule that was removed or
    replaced ended its alarms for a reason, which is the sentence."""
    return [_with_sentence(one, rules[one.rule][0].source if one.rule in rules else b"") for one in transitions]


def _with_sentence(one: Transition, source: bytes) -> Transition:
    if not source and not one.reason:
        return one
    english, chinese = sentences(source, one.change, one.level, one.evidence, one.at, one.reason)
    return replace(one, evidence=replace(one.evidence, sentence_en=english, sentence_zh=chinese))


def sentences(
    source: bytes, change: Change, level: Level, evidence: Evidence, at: int, reason: str = ""
) -> tuple[str, str]:
    """English and Chinese about a change of an alarm at `at` µs; `reason`: why it ended, if not by its condition.

    `source`: that of the rule (`Rule.source`).
    """
    words = _words(source, change, level, reason)
    if words.comparisons:
        words = _fitting(source, change, level, tuple(holds(one, evidence) for one in words.comparisons))
    return words.english.fill(SeenEvidence(evidence, at, "en")), words.chinese.fill(SeenEvidence(evidence, at, "zh"))


@lru_cache(maxsize=4096)
def _words(source: bytes, change: Change, level: Level, reason: str) -> SentenceParts:
    if change not in _BEGAN and reason:
        key = f"explain.reason.{reason}" if f"explain.reason.{reason}" in catalogue() else "sentence.over_now"
        return SentenceParts(*_both("sentence.ended", key))
    if change is Change.WITHDRAWN:
        return SentenceParts(*_both("sentence.withdrawn", "sentence.over_now"))
    return _made(source, change, level, None)


def _both(key: str, why: str) -> tuple[SentenceTemplate, SentenceTemplate]:
    english, chinese = (template(localize(key, lang, why=localize(why, lang))) for lang in LANGS)
    return english, chinese


@lru_cache(maxsize=4096)
def _fitting(source: bytes, change: Change, level: Level, found: tuple[bool | None, ...]) -> SentenceParts:
    """The words for comparisons that were true, false or unknown (None)."""
    words = _words(source, change, level, "")
    truth = dict(zip(words.comparisons, found, strict=True))
    if any((so := judged(node, truth)) is not None and so is not yes for node, yes in words.claims):
        return _made(source, change, level, None, valued=False)  # another reading than the newest decided
    return _made(source, change, level, truth) if words.choosing else words


def _made(source: bytes, change: Change, level: Level, seen: Truth | None, *, valued: bool = True) -> SentenceParts:
    found = decoded(source)
    points, lets = _titled(found.points), found.rule.get("let") or {}
    titles = {name: table.titles for name, table in found.codes.items()}
    made = [ConditionPhrases(Phrases(lang, points, lets, titles, valued, seen), found.rule) for lang in LANGS]
    templates = [template(_of(one, change, level), texts_of(one.words)) for one in made]
    return SentenceParts(templates[0], templates[1], tuple(made[0].claims), tuple(made[0].comparisons))


def _of(conditions: ConditionPhrases, change: Change, level: Level) -> str:
    if change is Change.LEVEL_DOWN:
        return conditions.lowered(level.word)
    return conditions.began(level.word) if change in _BEGAN else conditions.ended(level.word)


def _titled(points: Mapping[str, Mapping[str, PointSpec]]) -> Mapping[str, PointSpec]:
    """Points by name: of several kinds the first that has a title."""
    found: dict[str, PointSpec] = {}
    for specs in points.values():
        for name, spec in specs.items():
            if name not in found or not found[name].title_en:
                found[name] = spec
    return found
