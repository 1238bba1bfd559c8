"""Expression text -> tokens. Numbers take their unit with them; characters of Chinese input are named, not guessed."""

import re
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.duration import HOUR, parse_duration
from gateway.domain.units import UnitError, is_unit, parse_unit
from rules.expr.expression_error import fail

MAX_LENGTH = 2_000
KEYWORDS = frozenset({"and", "or", "not", "in", "true", "false"})
OPERATORS = ("==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]", ",", "?", ":")


class Kind(StrEnum):
    """Classes of tokens."""

    NUMBER = "number"
    TEXT = "text"
    NAME = "name"
    OPERATOR = "operator"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """`word` is the operator, keyword, name or quoted text; `value` and `unit` belong to a number; `at` from 0."""

    kind: Kind
    word: str
    at: int
    value: float = 0.0
    unit: str = ""


# What people's keyboards and documents put in, and what to write.
_INSTEAD = {
    "\u3000": "a space", "\u201c": "'", "\u201d": "'", "\u2018": "'", "\u2019": "'", "「": "'", "」": "'",
    "。": ".", "、": ",", "【": "[", "】": "]", "〔": "(", "〕": ")", "《": "<", "》": ">", "〈": "<", "〉": ">",
    "×": "*", "÷": "/", "≥": ">=", "≤": "<=", "≧": ">=", "≦": "<=", "≠": "!=", "−": "-", "–": "-", "—": "-",
    "＇": "'", "＂": "'", "｛": "[", "｝": "]", "㎥": "m3", "㎞": "km",
}  # fmt: skip
_WRONG = {
    "&&": "and", "||": "or", "<>": "!=", "=<": "<=", "=>": ">=", "===": "==", "**": "a product x * x", "//": "/",
    "->": "changed(x) and x == '…'", "=": "==", "!": "not", "&": "and", "|": "or", ";": ",", "{": "[", "}": "]",
    "^": "a product x * x", "$": "attr('name', 85 degC)", "@": "nothing", "#": "nothing", "\\": "nothing", "`": "'",
}  # fmt: skip
_WRONG_BY_LENGTH = sorted(_WRONG, key=len, reverse=True)

_SPACE = re.compile(r"[ \t\r\n]+")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9])", re.ASCII)
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:us|ms|min|s|m|h|d|w)){2,}(?![\w.])", re.ASCII)
_SHORT_DURATION = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:ms|min|s|m|h|d|w)(?![\w.])", re.ASCII)
_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_ATOM = r"(?:°[CF]?|℃|℉|‰|%(?:(?:LEL|RH|rh|vol|VOL)(?!\w))?|kW\.h|[^\W\d]\w*(?:\^[23])?)"
_UNIT = re.compile(rf"{_ATOM}(?:[*/·⋅][0-9]*{_ATOM})*")
_JOINT = re.compile("[*/·⋅]")
_NO_UNIT = {
    "unit.near": "rules.expr.unit_near", "unit.degree": "rules.expr.unit_degree",
    "unit.unknown": "rules.expr.unit_unknown",
}  # fmt: skip
_PER = re.compile(r"/(ms|s|min|h|hour|day|d|week|秒|分钟|小时|天|周)(?!\w)")


def full_width(text: str) -> tuple[str, str] | None:
    """The first character of `text` that only looks like one of the grammar, and what to write for it."""
    for character in text:
        if instead := instead_of(character):
            return character, instead
    return None


def instead_of(character: str) -> str:
    """`＞` -> `>`, `“` -> `'`; "" for a character that is what it looks like."""
    if character in _INSTEAD:
        return _INSTEAD[character]
    return chr(ord(character) - 0xFEE0) if "！" <= character <= "～" else ""


def tokens(text: str, durations: bool = False) -> list[Token]:
    """All tokens of `text`, ending with END. With `durations` a lone `15m` means minutes, as everywhere in a file.

    Raises ExpressionError for the first character that fits nothing.
    """
    if len(text) > MAX_LENGTH:
        raise fail("rules.expr.too_long", MAX_LENGTH, length=len(text), most=MAX_LENGTH)
    out: list[Token] = []
    at = 0
    while at < len(text):
        if space := _SPACE.match(text, at):
            at = space.end()
            continue
        token, at = _next(text, at, durations)
        out.append(token)
    out.append(Token(Kind.END, "", len(text)))
    return out


def _next(text: str, at: int, durations: bool) -> tuple[Token, int]:
    character = text[at]
    if character in "'\"":
        return _quoted(text, at)
    if instead := instead_of(character):
        raise fail("rules.expr.full_width", at, character=character, write=instead)
    if "0" <= character <= "9":
        return _number(text, at, durations)
    for wrong in _WRONG_BY_LENGTH:
        if text.startswith(wrong, at) and not (len(wrong) == 1 and text.startswith(OPERATORS[:2], at)):
            raise fail("rules.expr.wrong_operator", at, operator=wrong, write=_WRONG[wrong])
    for operator in OPERATORS:
        if text.startswith(operator, at):
            return Token(Kind.OPERATOR, operator, at), at + len(operator)
    if name := _NAME.match(text, at):
        word = name[0]
        for offset, part in enumerate(word):
            if instead := instead_of(part):
                raise fail("rules.expr.full_width", at + offset, character=part, write=instead)
        if word.lower() in KEYWORDS and word not in KEYWORDS:
            raise fail("rules.expr.wrong_operator", at, operator=word, write=word.lower())
        return Token(Kind.OPERATOR if word in KEYWORDS else Kind.NAME, word, at), name.end()
    raise fail("rules.expr.character", at, character=character if character.isprintable() else ascii(character))


def _quoted(text: str, at: int) -> tuple[Token, int]:
    end = text.find(text[at], at + 1)
    if end < 0:
        raise fail("rules.expr.quote", at, quote=text[at])
    return Token(Kind.TEXT, text[at + 1 : end], at), end + 1


def _number(text: str, at: int, durations: bool) -> tuple[Token, int]:
    duration = _DURATION.match(text, at) or (_SHORT_DURATION.match(text, at) if durations else None)
    if duration:
        return Token(Kind.NUMBER, duration[0], at, parse_duration(duration[0]) / HOUR, "h"), duration.end()
    match = _NUMBER.match(text, at)
    if match is None or text.startswith((".", "_"), match.end()):
        end = at + 1 if match is None else match.end() + 1
        raise fail("rules.expr.number", at, number=text[at:end])
    value = float(match[0])
    if value == float("inf"):
        raise fail("rules.expr.number", at, number=match[0])
    unit, end = _unit(text, match.end())
    return Token(Kind.NUMBER, text[at:end], at, value, unit), end


def _unit(text: str, at: int) -> tuple[str, int]:
    """The unit behind a number: `85℃`, `0.2 m3/day`, `5/day`. Only a `/` or `*` without spaces belongs to it."""
    if per := _PER.match(text, at):
        return f"1{per[0]}", per.end()
    space = _SPACE.match(text, at)
    start = space.end() if space else at
    found = _UNIT.match(text, start)
    if found is None:
        return "", at
    ends = [start + joint.start() for joint in _JOINT.finditer(found[0])] + [found.end()]
    if text[start : ends[0]] in KEYWORDS:
        return "", at
    for end in reversed(ends):  # `5 kWh/km` is one unit, `5 kWh/gun_temp` a quotient
        if is_unit(text[start:end]):
            return text[start:end], end
    for end in (found.end(), ends[0]):
        try:
            parse_unit(text[start:end])
        except UnitError as error:
            if error.write or end == ends[0]:
                raise fail(_NO_UNIT[error.key], start, **error.fields) from None
    raise ValueError("a unit after all")
