"""Results as text and as JSON."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from gateway.domain.duration import format_duration
from gateway.domain.text import Lang, localize
from rules.casetest.run import CaseResult, Shown, different

_QUIET: dict[str, object] = {
    "reason": "", "imported": False, "late": False, "live": True, "group": "", "identity": [], "count": 1,
    "unstable": False, "stale": False, "muted": False, "held_until": 0, "limited": "", "parent": "",
}  # fmt: skip
_MOMENTS = ("at", "held_until")


def readable(one: Shown, outcome: CaseResult) -> dict[str, object]:
    """A transition as written in a case: `at` as an offset, defaults left out."""
    found = {key: value for key, value in one.items() if value != _QUIET.get(key, ...)}
    for key in _MOMENTS:
        if isinstance(at := found.get(key), int):
            found[key] = format_duration(at - outcome.start)
    if found.get("rule") == outcome.case.rule:
        del found["rule"]
    device, component = found.pop("device", ""), found.pop("component", 0)
    if outcome.several and not one.get("group") and (device or component):
        found |= {"device": f"{device}#{component}" if component else device}
    return found


def _line(one: Shown, outcome: CaseResult) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in readable(one, outcome).items()) + "}"


def as_text(outcomes: Sequence[CaseResult], lang: Lang) -> str:
    """One line for each case; for a failed one the differences, like a diff."""
    lines: list[str] = []
    for outcome in outcomes:
        case = outcome.case
        key = "casetest.ok" if outcome.ok else "casetest.failed"
        lines.append(localize(key, lang, rule=case.rule, say=case.title(lang), file=case.file, line=case.line))
        if not outcome.ok:
            lines += _difference(outcome, lang)
    failed = sum(not outcome.ok for outcome in outcomes)
    return "\n".join([*lines, localize("casetest.sum", lang, passed=len(outcomes) - failed, failed=failed)])


def _difference(outcome: CaseResult, lang: Lang) -> list[str]:
    expected = [(one.get("at"), one.get("is")) for one in outcome.expected]
    got = [
        tuple(value if key in wanted else None for key, value in (("at", one["at"]), ("is", one["is"])))
        for one, wanted in zip(outcome.got, [*outcome.expected, *([{"at", "is"}] * len(outcome.got))], strict=False)
    ]
    lines: list[str] = []
    for tag, a, b, c, d in SequenceMatcher(None, expected, got, autojunk=False).get_opcodes():
        pairs = list(zip(outcome.expected[a:b], outcome.got[c:d], strict=False)) if tag in {"equal", "replace"} else []
        for wanted, real in pairs:
            keys = different(wanted, real)
            if keys:
                fields = {"item": _line(wanted, outcome), "got": _line(real, outcome), "keys": ", ".join(keys)}
                lines.append(localize("casetest.differs", lang, **fields))
            else:
                lines.append(localize("casetest.same", lang, item=_line(real, outcome)))
        lines += [
            localize("casetest.expected", lang, item=_line(one, outcome))
            for one in outcome.expected[a + len(pairs) : b]
        ]
        lines += [localize("casetest.got", lang, item=_line(one, outcome)) for one in outcome.got[c + len(pairs) : d]]
    if not outcome.got and not outcome.expected:
        lines.append(localize("casetest.none", lang))
    if not outcome.agree:
        sides = {"live": _all(outcome.got, outcome), "replay": _all(outcome.replayed, outcome)}
        lines.append(localize("casetest.replay", lang, **sides))
    return lines


def _all(several: Sequence[Shown], outcome: CaseResult) -> str:
    return "[" + ", ".join(_line(one, outcome) for one in several) + "]"


def as_json(outcomes: Sequence[CaseResult]) -> dict[str, object]:
    """`{"passed": n, "failed": n, "cases": [{"rule", "say", "ok", "got", "expected"}]}`."""
    failed = sum(not outcome.ok for outcome in outcomes)
    return {
        "passed": len(outcomes) - failed,
        "failed": failed,
        "cases": [
            {
                "rule": outcome.case.rule,
                "say": outcome.say,
                "ok": outcome.ok,
                "got": [readable(one, outcome) for one in outcome.got],
                "expected": [readable(one, outcome) for one in outcome.expected],
            }
            for outcome in outcomes
        ],
    }
