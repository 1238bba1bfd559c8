"""The condition of a rule in words, from the mapping it was written as."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.domain.duration import format_duration, parse_duration
from gateway.domain.language_values import spelled
from gateway.domain.text import Lang, say
from rules.handbook.words import level_word, listed

Body = Mapping[str, Any]
"""A rule as it is written, normalised: `rule` of `Rule.source`."""

LEVELS = ("notice", "minor", "major", "critical")
UNITS = ("day", "week", "month", "year")
_FORMS = ("levels", "silent", "streak", "votes", "due", "every", "sequence")


def form_of(body: Body) -> tuple[str, Any]:
    """The form of the condition and what is said of it."""
    for form in _FORMS:
        if form in body:
            return form, body[form]
    if "members" in body:
        return "when", {"members": body["members"]}
    when = body["when"]
    if isinstance(when, Mapping):
        for form in _FORMS:
            if form in when:
                return form, when[form]
    return "when", when


def raised(body: Body, lang: Lang) -> list[str]:
    """When it is raised: one line, or one for each level."""
    form, what = form_of(body)
    veto = say("handbook.unless", lang, unless=_text(body["unless"], lang)) if "unless" in body else ""
    match form:
        case "levels":
            said = {one: _when(what[one]["when"], lang) + _hold(what[one], lang) for one in LEVELS if one in what}
            lines = [say("handbook.level", lang, level=level_word(one, lang), when=when) for one, when in said.items()]
        case "when":
            lines = [_when(what, lang) + _hold(body, lang)]
        case "silent":
            lines = [_silent(what, lang)]
        case "streak":
            lines = [_streak(what, lang)]
        case "votes":
            lines = [say("handbook.votes", lang, of=what["of"], need=what["need"], last=what["last"])]
        case "due":
            lines = [_due(what, lang)]
        case "every":
            told = say("handbook.told", lang, ahead=spelled(what["ahead"], lang)) if "ahead" in what else ""
            told += say("handbook.or_after", lang, span=_span(what["or_after"], lang)) if "or_after" in what else ""
            lines = [say("handbook.every", lang, counter=what["counter"], step=spelled(what["step"], lang)) + told]
        case _:
            lines = [_sequence(what, lang)]
    return [line + veto for line in lines]


def ended(body: Body, lang: Lang) -> list[str]:
    """When it ends: one line, or one for each level."""
    form, what = form_of(body)
    if form == "levels":
        return [
            say("handbook.level", lang, level=level_word(one, lang), when=_clear(what[one], "when", lang))
            for one in LEVELS if one in what
        ]  # fmt: skip
    return [_clear(body, form, lang, what)]


def _clear(body: Body, form: str, lang: Lang, what: Any = None) -> str:
    latched = say("handbook.latched", lang) if body.get("auto_clear") is False else ""
    if "clear" in body:
        held = say("handbook.hold", lang, hold=spelled(body["clear_hold"], lang)) if "clear_hold" in body else ""
        return _when(body["clear"], lang) + held + latched
    own = form if form in {"silent", "due", "every", "sequence"} else "default"
    own = "due_again" if form == "due" and "repeat" in what else own
    return say(f"handbook.clear_{own}", lang) + latched


def _text(what: Any, lang: Lang) -> str:
    return what if isinstance(what, str) else _when(what, lang)


def _when(what: Any, lang: Lang) -> str:
    if isinstance(what, str):
        return say("handbook.when", lang, when=what)
    if "members" in what:
        return _quorum(what["members"], lang)
    word = next(iter(what))
    return say(f"handbook.{word}", lang, items=say("handbook.join", lang).join(_when(one, lang) for one in what[word]))


def _quorum(what: Body, lang: Lang) -> str:
    limits = [say(f"handbook.{key}", lang, n=what[key]) for key in ("at_least", "at_most") if key in what]
    if "fraction" in what:
        limits.append(say("handbook.fraction", lang, n=f"{100 * float(what['fraction']):g}"))
    recent = say("handbook.within", lang, within=spelled(what["within"], lang)) if "within" in what else ""
    if "began_within" in what:
        recent += say("handbook.began_within", lang, within=spelled(what["began_within"], lang))
    if what.get("per") == "component":
        recent += say("handbook.per_component", lang)
    return say("handbook.quorum", lang, of=what["of"], limits=say("handbook.and", lang).join(limits)) + recent


def _hold(body: Body, lang: Lang) -> str:
    hold = body.get("hold")
    if hold is None:
        return ""
    if not isinstance(hold, Mapping):
        return say("handbook.hold", lang, hold=spelled(hold, lang))
    gap = say("handbook.gap", lang, gap=spelled(hold["gap"], lang)) if "gap" in hold else ""
    return say("handbook.hold", lang, hold=spelled(hold["for"], lang)) + gap


def _silent(what: Body, lang: Lang) -> str:
    key = "any" if "any_of" in what else "all"
    points = what[f"{key}_of"]
    names: Sequence[str] = [points] if isinstance(points, str) else points
    good = say("handbook.silent_good", lang) if "quality" in what else ""
    limit = spelled(what["longer_than"], lang)
    return good + say(f"handbook.silent_{key}", lang, points=listed((f"`{one}`" for one in names), lang), limit=limit)


def _streak(what: Body, lang: Lang) -> str:
    unknown = say(f"handbook.{what.get('unknown', 'breaks')}", lang)
    span = say("handbook.span", lang, span=spelled(what["max_span"], lang)) if "max_span" in what else ""
    return say("handbook.streak", lang, of=what["of"], length=what["length"]) + span + unknown


def _due(what: Body, lang: Lang) -> str:
    stages = []
    for level in LEVELS:
        if level in what["stages"]:
            offset = parse_duration(str(what["stages"][level]))
            key = "ahead" if offset < 0 else "after" if offset else "on_day"
            stages.append(
                say(
                    f"handbook.{key}",
                    lang,
                    level=level_word(level, lang),
                    span=spelled(format_duration(abs(offset)), lang),
                )
            )
    told = say("handbook.due", lang, date=what["date"], stages=listed(stages, lang), at=what.get("at", "00:00"))
    if "repeat" not in what:
        return told
    basis = what.get("basis", "date")
    span = _span(what["repeat"], lang)
    return told + say(f"handbook.repeat_{basis}", lang, span=span, every=_each(what["repeat"], lang))


def _span(written: str, lang: Lang) -> str:
    """`6 months` -> 6 个月."""
    if lang == "en":
        return written
    number, unit = _parts(written)
    return say(f"handbook.calendar_{unit}", lang, n=number)


def _each(written: str, lang: Lang) -> str:
    """`6 months` -> every 6 months, 每 6 个月; `1 year` -> every year, 每年."""
    number, unit = _parts(written)
    return (
        say(f"handbook.each_{unit}", lang)
        if number == "1"
        else say("handbook.each_span", lang, span=_span(written, lang))
    )


def _parts(written: str) -> tuple[str, str]:
    """`6 months` -> 6, month."""
    number, unit = written.rstrip("s").partition(next(one for one in UNITS if one in written))[:2]
    return number.strip(), unit


def _sequence(what: Sequence[Body], lang: Lang) -> str:
    first, second = what
    key = "sequence" if "see" in second else "sequence_not"
    then = second["see"] if "see" in second else second["not_see"]
    off = say("handbook.cancelled", lang, unless=second["unless"]) if "unless" in second else ""
    return say(f"handbook.{key}", lang, first=first["see"], second=then, within=spelled(second["within"], lang)) + off
