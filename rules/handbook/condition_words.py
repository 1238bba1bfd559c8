"""The condition of a rule in words, from the mapping it was written as; the words of each form: `rules/conditions`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.language_values import duration_text
from gateway.domain.text import Lang, localize
from rules.registered import Registered

Body = Mapping[str, Any]
"""A rule as it is written, normalised: `rule` of `Rule.source`."""


@dataclass(frozen=True, slots=True)
class HandbookWords:
    """Words of a page for a form of condition, made from the rule as written and the value of the form's key.

    `raised`: one line, or one for each level. `cleared`: the text of the catalogue for how it ends without `clear`;
    `ended` instead where that depends on more.
    """

    raised: Callable[[Body, Any, Lang], list[str]]
    cleared: str = "handbook.clear_default"
    ended: Callable[[Body, Any, Lang], list[str]] | None = None


HANDBOOK_WORDS: Registered[str, HandbookWords] = Registered("language", "HANDBOOK")
"""By the key of the form; `members` is a `when`."""


def form_of(body: Body) -> tuple[str, Any]:
    """Key of the form and its value."""
    named = [form for form in HANDBOOK_WORDS if form != "when"]
    for form in named:
        if form in body:
            return form, body[form]
    if "members" in body:
        return "when", {"members": body["members"]}
    when = body["when"]
    if isinstance(when, Mapping):
        for form in named:
            if form in when:
                return form, when[form]
    return "when", when


def raised(body: Body, lang: Lang) -> list[str]:
    """Condition of raising: one line, or one for each level."""
    form, what = form_of(body)
    veto = localize("handbook.unless", lang, unless=_text(body["unless"], lang)) if "unless" in body else ""
    return [line + veto for line in HANDBOOK_WORDS[form].raised(body, what, lang)]


def ended(body: Body, lang: Lang) -> list[str]:
    """Condition of clearing: one line, or one for each level."""
    form, what = form_of(body)
    words = HANDBOOK_WORDS[form]
    return words.ended(body, what, lang) if words.ended else [end_of(body, words.cleared, lang)]


def end_of(body: Body, default: str, lang: Lang) -> str:
    """How a rule or a level ends: by `clear`, else the text `default` of the catalogue."""
    latched = localize("handbook.latched", lang) if body.get("auto_clear") is False else ""
    if "clear" in body:
        held = (
            localize("handbook.hold", lang, hold=duration_text(body["clear_hold"], lang))
            if "clear_hold" in body
            else ""
        )
        return clause(body["clear"], lang) + held + latched
    return localize(default, lang) + latched


def _text(what: Any, lang: Lang) -> str:
    return what if isinstance(what, str) else clause(what, lang)


def clause(what: Any, lang: Lang) -> str:
    """A condition: a text, `{all: [..]}`, `{any: [..]}` or `{members: {..}}`."""
    if isinstance(what, str):
        return localize("handbook.when", lang, when=what)
    if "members" in what:
        return _quorum(what["members"], lang)
    word = next(iter(what))
    return localize(
        f"handbook.{word}", lang, items=localize("handbook.join", lang).join(clause(one, lang) for one in what[word])
    )


def _quorum(what: Body, lang: Lang) -> str:
    limits = [localize(f"handbook.{key}", lang, n=what[key]) for key in ("at_least", "at_most") if key in what]
    if "fraction" in what:
        limits.append(localize("handbook.fraction", lang, n=f"{100 * float(what['fraction']):g}"))
    recent = localize("handbook.within", lang, within=duration_text(what["within"], lang)) if "within" in what else ""
    if "began_within" in what:
        recent += localize("handbook.began_within", lang, within=duration_text(what["began_within"], lang))
    if what.get("per") == "component":
        recent += localize("handbook.per_component", lang)
    return localize("handbook.quorum", lang, of=what["of"], limits=localize("handbook.and", lang).join(limits)) + recent


def hold_of(body: Body, lang: Lang) -> str:
    """For how long it must be so; "" = not at all."""
    hold = body.get("hold")
    if hold is None:
        return ""
    if not isinstance(hold, Mapping):
        return localize("handbook.hold", lang, hold=duration_text(hold, lang))
    gap = localize("handbook.gap", lang, gap=duration_text(hold["gap"], lang)) if "gap" in hold else ""
    return localize("handbook.hold", lang, hold=duration_text(hold["for"], lang)) + gap
