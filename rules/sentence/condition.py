"""The condition of a rule in words, from the mapping it was written as: why an alarm began, and why it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.duration import parse_duration
from rules.expr.flaw import ExpressionError
from rules.expr.syntax import CallNode, Compare, MemberNode, NotNode, Number, Syntax, TextNode, Truth
from rules.handbook.conditions import LEVELS, Body, form_of
from rules.sentence.holds import judged, leaves
from rules.sentence.joining import bracketed, together
from rules.sentence.phrase import Phrases, read
from rules.sentence.quantities import digits, length, spans
from rules.sentence.template import Placeholder, listed


@dataclass(frozen=True, slots=True)
class Conditions:
    """The forms of a condition. `body` is the rule as written.

    `claims`: what the words say was so, or was not, for the evidence to bear out; `asked`: the
    comparisons in it.
    """

    words: Phrases
    body: Body
    claims: list[tuple[Syntax, bool]] = field(default_factory=list)
    asked: list[Syntax] = field(default_factory=list)

    def began(self, level: str) -> str:
        """Why it was raised, or came to this level."""
        form, what = form_of(self.body)
        match form:
            case "levels":
                one = what.get(level) or next(iter(what.values()))
                return self._held(one["when"], one.get("hold"))
            case "when":
                return self._held(what, self.body.get("hold"))
            case "silent":
                return self._silent(what)
            case "streak":
                text = self.words.say("streak", what=self._clause(what["of"]), length=what["length"])
                span = self._length(what["max_span"]) if "max_span" in what else ""
                return text + (self.words.say("streak_span", span=span) if span else "")
            case "votes":
                return self.words.say("votes", what=self._clause(what["of"]), need=what["need"], last=what["last"])
            case "due":
                place = Placeholder("due", what["date"], other=self.words.say("due_alone", date=what["date"]))
                return place.text()
            case "every":
                return self._every(what)
            case _:
                return self._sequence(what)

    def lowered(self, level: str) -> str:
        """Why it came down to this level: the next one above it ended."""
        levels = [one for one in LEVELS if one in self.body.get("levels", {})]
        above = levels[levels.index(level) + 1 :] if level in levels else []
        return self.ended(above[0]) if above else self.began(level)

    def ended(self, level: str) -> str:
        """Why it cleared, when its condition did it."""
        form, what = form_of(self.body)
        own = what.get(level, {}) if form == "levels" else self.body
        if own.get("clear") is not None:
            return self._held(own["clear"], own.get("clear_hold"))
        match form:
            case "levels":
                return self._clause(own["when"], yes=False) if own else self.words.say("over_now")
            case "when":
                return self._clause(what, yes=False)
            case "streak" | "votes":
                return self._clause(what["of"], yes=False)
            case "silent":
                return self.words.say("heard", points=self._points(what))
            case _:
                return self.words.say("over_now")

    # -- forms
    def _held(self, what: Any, hold: Any) -> str:
        text = self._clause(what)
        span = hold.get("for") if isinstance(hold, Mapping) else hold
        if not span or not parse_duration(str(span)):
            return text
        key = "hold_all"
        if isinstance(what, str) and _single(what):
            key = "hold" if _measured(what) else "hold_text"
        return self.words.say(key, what=text, hold=self._length(span))

    def _clause(self, what: Any, *, yes: bool = True) -> str:
        """A text, `{all: [..]}`, `{any: [..]}` or `{members: {..}}`."""
        if not isinstance(what, Mapping):
            node = read(str(what))
            self.claims.append((node, yes))
            self.asked.extend(leaves(node))
            return self.words.clause(node, yes)
        if "members" in what:
            return self._quorum(what["members"], yes=yes)
        word = next(iter(what))
        join = "and" if (word == "all") is yes else "or"
        parts = [(self._part(one, yes=yes), self._so(one, yes=yes)) for one in what[word]]
        return together(self.words, join, parts)

    def _part(self, what: Any, *, yes: bool) -> str:
        """Part of a condition: what it claims alone is not claimed by the whole."""
        inner = Conditions(self.words, self.body, asked=self.asked)
        text = inner._clause(what, yes=yes)
        several = isinstance(what, Mapping) or not _single(str(what))
        return bracketed(self.words, text) if several else text

    def _so(self, what: Any, *, yes: bool) -> bool | None:
        """Was it so, by what was seen?"""
        found = None
        if self.words.seen is not None and not isinstance(what, Mapping):
            found = judged(read(str(what)), self.words.seen)
        return found if found is None or yes else not found

    def _quorum(self, what: Body, *, yes: bool) -> str:
        words, of = self.words, self.words.bare().clause(read(str(what["of"])))
        if not yes:
            return words.say("quorum_not", of=of)
        limits = [words.say(key, n=what[key]) for key in ("at_least", "at_most") if key in what]
        if "fraction" in what:
            limits.append(words.say("fraction", n=f"{digits(100 * float(what['fraction']))}%"))
        wanted = listed(limits, words.lang)
        who, names = Placeholder("voting", other=wanted).text(), Placeholder("members", form="inside").text()
        for key in ("within", "began_within"):
            if key in what:
                of += words.say("heard_within" if key == "within" else key, span=self._length(what[key]))
        return words.say("quorum", who=who + names, of=of)

    def _silent(self, what: Body) -> str:
        limit = str(what["longer_than"])
        try:
            span = self._length(limit)
        except ValueError:  # an expression: as long as it was
            span = Placeholder("silence", other=self.words.bare().number(read(limit, True))).text()
        key = "silent_all" if "all_of" in what and len(_list(what["all_of"])) > 1 else "silent"
        return self.words.say(key + ("_good" if "quality" in what else ""), points=self._points(what), span=span)

    def _points(self, what: Body) -> str:
        names = _list(what["any_of" if "any_of" in what else "all_of"])
        return listed((self.words.noun(name) for name in names), self.words.lang)

    def _every(self, what: Body) -> str:
        unit = _amount(what["step"]).unit
        head = self.words.noun(what["counter"]) + self.words.value(what["counter"], unit)
        step = self.words.number(_amount(what["step"]))
        if "or_after" in what:
            count, unit = str(what["or_after"]).split()
            step += self.words.say("or_after", span=_once(spans(count, unit.rstrip("s"), self.words.lang)))
        if "ahead" in what:
            return self.words.say("every_ahead", head=head, step=step, ahead=self.words.number(_amount(what["ahead"])))
        return self.words.say("every", head=head, step=step)

    def _sequence(self, what: Sequence[Body]) -> str:
        first, second = what
        key, then = ("sequence", second["see"]) if "see" in second else ("sequence_not", second["not_see"])
        bare = Conditions(self.words.bare(), self.body)
        return self.words.say(
            key, first=bare._clause(first["see"]), second=bare._clause(then),
            within=self._length(second["within"]),
        )  # fmt: skip

    def _length(self, text: Any) -> str:
        """`2m` -> 2 minutes. Raises ValueError for an expression."""
        return length(parse_duration(str(text)), self.words.lang)


def _single(text: str) -> bool:
    """One comparison: its time may follow it directly."""
    found = read(text)
    return isinstance(found.item if isinstance(found, NotNode) else found, Compare | MemberNode | CallNode)


def _once(span: str) -> str:
    """Every year, not every 1 year."""
    return span.removeprefix("1 ") if span.isascii() else span


def _measured(text: str) -> bool:
    """It compares with a number."""
    found = read(text)
    return isinstance(found, Compare) and not isinstance(found.right, TextNode | Truth)


def _list(names: Any) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _amount(text: Any) -> Number:
    """`500 h`."""
    try:
        found = read(str(text))
    except ExpressionError:
        found = None
    return found if isinstance(found, Number) else Number(float(text), "")
