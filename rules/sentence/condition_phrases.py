"""The condition of a rule in words, from the mapping it was written as: why an alarm began, and why it ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.duration import parse_duration
from rules.expr.syntax_tree import CallNode, Compare, MemberNode, NotNode, Syntax, TextNode, Truth
from rules.format.rule_compiler import LEVELS
from rules.handbook.condition_words import Body, form_of
from rules.registered import Registered
from rules.sentence.clauses import bracketed, joined
from rules.sentence.evidence_truth import judged, leaves
from rules.sentence.phrases import Phrases
from rules.sentence.quantities import digits, length
from rules.sentence.template import Placeholder, listed
from rules.sentence.wording import read


@dataclass(frozen=True, slots=True)
class ConditionPhrases:
    """The forms of a condition. `body` is the rule as written.

    `claims`: conditions that the words state as true or false, to be checked against the evidence; `comparisons`: those
    in it.
    """

    words: Phrases
    body: Body
    claims: list[tuple[Syntax, bool]] = field(default_factory=list)
    comparisons: list[Syntax] = field(default_factory=list)

    def began(self, level: str) -> str:
        """Reason for raising, or for coming to this level."""
        form, what = form_of(self.body)
        return SENTENCE_WORDS[form].began(self, what, level)

    def lowered(self, level: str) -> str:
        """Reason for coming down to this level: the next one above it ended."""
        levels = [one for one in LEVELS if one in self.body.get("levels", {})]
        above = levels[levels.index(level) + 1 :] if level in levels else []
        return self.ended(above[0]) if above else self.began(level)

    def ended(self, level: str) -> str:
        """Reason for clearing by its condition."""
        form, what = form_of(self.body)
        if self.body.get("clear") is not None:
            return self.held(self.body["clear"], self.body.get("clear_hold"))
        return SENTENCE_WORDS[form].ended(self, what, level)

    def held(self, what: Any, hold: Any) -> str:
        """A condition, and for how long it was so."""
        text = self.clause(what)
        span = hold.get("for") if isinstance(hold, Mapping) else hold
        if not span or not parse_duration(str(span)):
            return text
        key = "hold_all"
        if isinstance(what, str) and _single(what):
            key = "hold" if _measured(what) else "hold_text"
        return self.words.localize(key, what=text, hold=self.length(span))

    def clause(self, what: Any, *, yes: bool = True) -> str:
        """A text, `{all: [..]}`, `{any: [..]}` or `{members: {..}}`."""
        if not isinstance(what, Mapping):
            node = read(str(what))
            self.claims.append((node, yes))
            self.comparisons.extend(leaves(node))
            return self.words.clause(node, yes)
        if "members" in what:
            return self._quorum(what["members"], yes=yes)
        word = next(iter(what))
        join = "and" if (word == "all") is yes else "or"
        parts = [(self._part(one, yes=yes), self._so(one, yes=yes)) for one in what[word]]
        return joined(self.words, join, parts)

    def _part(self, what: Any, *, yes: bool) -> str:
        """Part of a condition: what it claims alone is not claimed by the whole."""
        inner = ConditionPhrases(self.words, self.body, comparisons=self.comparisons)
        text = inner.clause(what, yes=yes)
        several = isinstance(what, Mapping) or not _single(str(what))
        return bracketed(self.words, text) if several else text

    def _so(self, what: Any, *, yes: bool) -> bool | None:
        """Whether it was true, by the evidence."""
        found = None
        if self.words.seen is not None and not isinstance(what, Mapping):
            found = judged(read(str(what)), self.words.seen)
        return found if found is None or yes else not found

    def _quorum(self, what: Body, *, yes: bool) -> str:
        words, of = self.words, self.words.bare().clause(read(str(what["of"])))
        if not yes:
            return words.localize("quorum_not", of=of)
        limits = [words.localize(key, n=what[key]) for key in ("at_least", "at_most") if key in what]
        if "fraction" in what:
            limits.append(words.localize("fraction", n=f"{digits(100 * float(what['fraction']))}%"))
        wanted = listed(limits, words.lang)
        who, names = Placeholder("voting", other=wanted).text(), Placeholder("members", form="inside").text()
        for key in ("within", "began_within"):
            if key in what:
                of += words.localize("heard_within" if key == "within" else key, span=self.length(what[key]))
        return words.localize("quorum", who=who + names, of=of)

    def length(self, text: Any) -> str:
        """`2m` -> 2 minutes. Raises ValueError for an expression."""
        return length(parse_duration(str(text)), self.words.lang)


def _single(text: str) -> bool:
    """One comparison: its time may follow it directly."""
    found = read(text)
    return isinstance(found.item if isinstance(found, NotNode) else found, Compare | MemberNode | CallNode)


def _measured(text: str) -> bool:
    """It compares with a number."""
    found = read(text)
    return isinstance(found, Compare) and not isinstance(found.right, TextNode | Truth)


def _over(conditions: ConditionPhrases, what: Any, level: str) -> str:  # noqa: ARG001 - forms say more
    return conditions.words.localize("over_now")


@dataclass(frozen=True, slots=True)
class SentenceWords:
    """Words of a sentence for a form of condition, from the value of its key: why an alarm began at a level, and why it
    ended where no `clear` is written."""

    began: Callable[[ConditionPhrases, Any, str], str]
    ended: Callable[[ConditionPhrases, Any, str], str] = _over


SENTENCE_WORDS: Registered[str, SentenceWords] = Registered("language", "SENTENCE")
"""By the key of the form; `members` is a `when`."""
