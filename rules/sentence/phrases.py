"""An expression of a rule in words: what was compared, with places for what was read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.duration import parse_duration
from gateway.domain.text import localize
from rules.expr.operators import NEGATED, SWAPPED
from rules.expr.syntax_tree import (
    PRODUCT,
    STRENGTH,
    Arithmetic,
    CallNode,
    ChoiceNode,
    Compare,
    LogicNode,
    MemberNode,
    Name,
    Negative,
    NotNode,
    Number,
    Syntax,
    TextNode,
    Truth,
)
from rules.format.signal_keys import operator_of
from rules.sentence.clauses import bracketed, joined
from rules.sentence.evidence_truth import judged
from rules.sentence.quantities import digits, length, literal
from rules.sentence.template import CHOOSING, Placeholder, has_place, listed
from rules.sentence.value_texts import title_of
from rules.sentence.wording import Wording, read

_WORDS = {">": "gt", ">=": "ge", "<": "lt", "<=": "le", "==": "eq", "!=": "ne"}
_ARITHMETIC = {"+": "plus", "-": "minus", "*": "multiplied", "/": "divided"}
_OWN = frozenset({"site", "area", "region", "customer"})
_LEVELS = frozenset({"notice", "minor", "major", "critical"})


@dataclass(frozen=True, slots=True)
class Phrases(Wording):
    """Words for the expressions of one rule."""

    # -- names
    def noun(self, name: str) -> str:
        """The title of a point, else its name; of a signal, what it is made of; of `code.name`, its point."""
        first, _, field = name.partition(".")
        if first in self.lets and name not in self.points:
            of = self.lets[first]
            if "code_of" in of:
                noun = self.noun(of["code_of"])
                return self.localize("field_of", field=self._field(field), of=noun) if field else noun
            return signal(of, self, each=self.within)
        spec = self.points.get(name)
        title = "" if spec is None else (spec.title_zh if self.lang == "zh" else spec.title_en)
        if title:
            return title[:1].lower() + title[1:] if self.lang == "en" and title[1:2].islower() else title
        return name.replace("_", " ") if self.lang == "en" else name

    def _field(self, field: str) -> str:
        return self.localize(f"field.{field}")

    def value(self, name: str, unit: str = "", form: str = "plain") -> str:
        """The place for what was read of a point or a signal."""
        if not self.valued:
            return ""
        first = name.partition(".")[0]
        if first not in self.lets or name in self.points:
            return Placeholder("point", name, unit, form).text()
        let = self.lets[first]
        if "code_of" in let:
            return Placeholder("point", let["code_of"], unit, form).text()
        if not unit and let.get("scale") == "per_day":
            unit = f"{self.points[let['increase']].unit}/day"
        return Placeholder("signal", name, unit, "is" if form == "plain" else form).text()

    # -- conditions
    def clause(self, node: Syntax, yes: bool = True) -> str:
        """Words for `node` true, or for `node` false."""
        match node:
            case NotNode(item):
                return self.clause(item, not yes)
            case LogicNode(operator, items):
                word = operator if yes else {"and": "or", "or": "and"}[operator]
                return joined(self, word, [(self._inner(item, yes), self._so(item, yes)) for item in items])
            case Compare(operator, left, right):
                if _is_literal(left) and not _is_literal(right):
                    operator, left, right = SWAPPED[operator], right, left
                return self._compared(operator if yes else NEGATED[operator], left, right)
            case MemberNode(item, options):
                if yes and self.valued and isinstance(item, Name) and all(isinstance(one, TextNode) for one in options):
                    return self._one_of(item, options)
                limit = listed((self._option(one, item) for one in options), self.lang)
                return self._related("one_of" if yes else "none_of", self.head(item), limit)
            case ChoiceNode(condition, then, otherwise):
                return self._chosen(condition, then, otherwise, yes)
            case CallNode(name, arguments):
                return self._called(name, arguments, yes)
            case Truth(value):
                return self.localize("always" if value is yes else "never")
            case _:
                return self.localize("true" if yes else "false", of=self.number(node))

    def _inner(self, node: Syntax, yes: bool) -> str:
        """Part of a condition, in brackets when it has parts of its own."""
        text, of = self.clause(node, yes), node.item if isinstance(node, NotNode) else node
        return bracketed(self, text) if isinstance(of, LogicNode | ChoiceNode) else text

    def _so(self, node: Syntax, yes: bool) -> bool | None:
        found = None if self.seen is None else judged(node, self.seen)
        return found if found is None or yes else not found

    def _option(self, node: Syntax, left: Syntax) -> str:
        """A text as people call it, else in quotes."""
        return title_of(self, node, left) or self.number(node)

    def _chosen(self, condition: Syntax, then: Syntax, otherwise: Syntax, yes: bool) -> str:
        so = self._so(condition, yes=True)
        if so is not None:
            parts = (self.clause(condition, so), self.clause(then if so else otherwise, yes))
            return CHOOSING + self.localize("and").join(parts)
        return CHOOSING + self.localize(
            "choice",
            condition=self.bare().clause(condition),
            then=self.bare().clause(then, yes),
            otherwise=self.bare().clause(otherwise, yes),
        )

    def _related(self, word: str, head: str, limit: str) -> str:
        return self.localize(word if has_place(head) else f"plain.{word}", head=head, limit=limit)

    def _one_of(self, item: Name, options: Sequence[Syntax]) -> str:
        """The value, one of the options."""
        name = item.name
        named = self.localize("or_plain").join(self._option(one, item) for one in options)
        place = self.value(name, form="bare") if "." not in name else ""
        if not place:
            return self.localize("equals", head=self.noun(name), limit=named)
        kind = Placeholder("point", name, other=named)
        return self.localize("equals", head=self.noun(name), limit=kind.text())

    def _compared(self, operator: str, left: Syntax, right: Syntax) -> str:
        if isinstance(right, TextNode | Truth):
            return self._texts(operator, left, right)
        if isinstance(left, Name) and isinstance(right, Number) and "share" in self.lets.get(left.name, {}):
            right = right if right.unit else Number(100 * right.value, "%")
        unit = right.unit if isinstance(right, Number) else _unit_of(right)
        return self._related(_WORDS[operator], self.head(left, unit), self.number(right))

    def _texts(self, operator: str, left: Syntax, right: TextNode | Truth) -> str:
        limit = self._option(right, left)
        first, _, field = left.name.partition(".") if isinstance(left, Name) else ("", "", "")
        if field and "code_of" in self.lets.get(first, {}) and isinstance(left, Name):
            head = self.noun(self.lets[first]["code_of"]) + self.value(left.name)
            words = self._field(field)
            if operator in {"==", "!="}:
                key = "means" if operator == "==" else "means_not"
                return self.localize(key, head=head, field=words, limit=limit)
            return self._related(_WORDS[operator], self.localize("field_of", field=words, of=head), limit)
        if operator == "==":
            return self.localize(
                "equals", head=self.number(left) if not isinstance(left, Name) else self.noun(left.name), limit=limit
            )
        return self._related("is_not" if operator == "!=" else _WORDS[operator], self.head(left), limit)

    def _called(self, name: str, arguments: tuple[Syntax, ...], yes: bool) -> str:
        end = "" if yes else "_not"
        match name, arguments:
            case ("has" | "changed", (item,)):
                return self.localize(name + end, of=self.bare().number(item))
            case "within", (_, _, TextNode(fence)):
                return self.localize(f"within{end}", fence=self.quoted(fence))
            case "tag", (TextNode(tag),):
                return self.localize(f"tag{end}", tag=self.quoted(tag))
            case "contains", (item, part):
                return self._related("contains" if yes else "lacks", self.head(item), self.number(part))
            case _:
                return self.localize("true" if yes else "false", of=self.number(CallNode(name, arguments)))

    # -- what is compared
    def head(self, node: Syntax, unit: str = "") -> str:
        """The left side: a name with what was read of it, in `unit` where the rule writes one."""
        match node:
            case Name(name):
                return self.noun(name) + self.value(name, unit)
            case CallNode("age", (Name(name),)):
                return self.localize("age", of=self.noun(name))
            case _:
                return self.number(node)

    def number(self, node: Syntax, strength: int = 0) -> str:
        """Words for a number or a text, with readings in brackets."""
        match node:
            case Number(value, unit):
                return literal(value, unit, self.lang)
            case TextNode(text):
                return self.quoted(localize(f"word.level.{text}", self.lang) if text in _LEVELS else text)
            case Truth(value):
                return self.localize("always" if value else "never")
            case Name(name):
                return self.noun(name) + self.value(name, form="inside")
            case Negative(item):
                return self.localize("negative", of=self.number(item, PRODUCT))
            case Arithmetic("*", Number(n, ""), right):
                return self.localize("fold", n=digits(n), of=self.number(right, PRODUCT + 1))
            case Arithmetic(operator, left, right):
                own, word = STRENGTH[operator], _ARITHMETIC[operator]
                text = self.localize(word, left=self.number(left, own), right=self.number(right, own + 1))
                return self.localize("bracket", text=text) if own < strength else text
            case ChoiceNode(CallNode("has"), then, _) if not _is_literal(then):
                return self.number(then, strength)
            case ChoiceNode(condition, then, otherwise):
                return self.localize(
                    "choice_of",
                    condition=self.bare().clause(condition),
                    then=self.number(then),
                    otherwise=self.number(otherwise),
                )
            case CallNode(name, arguments):
                return self._made(name, arguments)
            case _:
                return self.bare().clause(node)

    def _made(self, name: str, arguments: tuple[Syntax, ...]) -> str:
        match name, arguments:
            case "attr", (TextNode(attr), *default):
                return _attribute(self, attr, default)
            case (("min" | "max"), _):
                items = listed((self.number(one) for one in arguments), self.lang)
                return self.localize("least" if name == "min" else "most", items=items)
            case "abs", (Arithmetic("-", left, right),):
                return self.localize("between", left=self.number(left), right=self.number(right))
            case "abs", (item,):
                return self.localize("abs", of=self.number(item))
            case "round", (item,):
                return self.localize("rounded", of=self.number(item))
            case "before", (item, *n):
                periods = n[0].value if n and isinstance(n[0], Number) else 1
                key = "before_one" if periods == 1 else "before"
                return self.localize(key, of=self._before(item), n=digits(periods))
            case "age", _:
                return self.bare().head(CallNode(name, arguments))
            case (("hour" | "weekday"), _):
                return self.localize(name)
            case _:
                return self.bare()._called(name, arguments, yes=True)  # noqa: SLF001 - its own

    def _before(self, item: Syntax) -> str:
        """A signal without its window."""
        let = dict(self.lets[item.name]) if isinstance(item, Name) and item.name in self.lets else {}
        let.pop("per", None)
        return signal(let, self) if let else self.bare().number(item)


def signal(what: Mapping[str, Any], words: Phrases, *, each: bool = False) -> str:
    """`{mean: gun_temp, over: 10m}` -> the mean of connector temperature in the last 10 minutes; with `each`, inside
    another signal, the one of every window."""
    words = words.inside()
    if "members" in what:
        inside = what["members"]
        if "count" in inside:
            return words.localize("members_count", of=words.clause(read(str(inside["count"]))))
        return words.localize("members", of=_operator(inside, words))
    if "peers" in what:
        inside = what["peers"]
        attribute = inside["of"]
        by = words.localize(f"by.{attribute}") if attribute in _OWN else words.localize("by.other", name=attribute)
        return words.localize("peers", of=_operator(inside, words), by=by)
    return _windowed(what, _operator(what, words), words, each=each)


def _operator(what: Mapping[str, Any], words: Phrases) -> str:
    written = next(filter(operator_of, what))
    operator, _, rank = written.partition("(")
    if operator in {"share", "times"}:
        return words.localize(f"op.{operator}", of=words.clause(read(str(what[written]))))
    of = words.number(read(str(what[written])))
    if operator == "increase" and what.get("scale") == "per_day":
        operator = "per_day"
    return words.localize(f"op.{operator}", of=of, rank=rank.rstrip(") ").strip())


def _windowed(what: Mapping[str, Any], of: str, words: Phrases, *, each: bool) -> str:
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


def _attribute(words: Phrases, attr: str, defaults: list[Syntax]) -> str:
    """Value and name of an attribute; inside a signal the name alone, as its value is not in the evidence."""
    alone, usual = words.localize("attr_alone", name=attr), defaults[0] if defaults else None
    if words.within or isinstance(usual, TextNode):
        return alone
    unit = usual.unit if isinstance(usual, Number) else ""
    default = words.number(usual) if isinstance(usual, Number) else ""
    return Placeholder("attr", attr, unit, other=alone, default=default).text()


def _is_literal(node: Syntax) -> bool:
    return isinstance(node, Number | TextNode | Truth) or (isinstance(node, Negative) and _is_literal(node.item))


def _unit_of(node: Syntax) -> str:
    """The unit that the default of an attribute is written in."""
    match node:
        case CallNode("attr", (_, Number(_, unit))):
            return unit
        case _:
            return ""
