"""Reads a case into a `CaseInput`, with all its problems at once."""

from collections.abc import Sequence
from datetime import datetime

from gateway.domain.duration import to_us
from rules.casetest.case_input import CaseInput
from rules.casetest.events import events
from rules.casetest.expect import expect
from rules.casetest.readings import readings, series
from rules.casetest.series import LIMIT
from rules.casetest.things import devices, surroundings
from rules.compiled import Rule
from rules.format import Case, TestFile

DEFAULT_START = "2026-01-01T00:00:00Z"
KEYS = (
    "say", "start", "device", "devices", "sites", "customers", "every", "series", "readings", "events", "until",
    "expect",
)  # fmt: skip


def read_case(case: Case, rule: Rule, tests: TestFile, rules: Sequence[Rule] = (), policy: bytes = b"") -> CaseInput:
    """Read the case. `rules` are all of its file, `policy` the file's settings for all rules."""
    inputs = CaseInput(case, rule, tests, policy=policy)
    data = case.data
    inputs.known(data, KEYS, "")
    text = data.get("say", "")
    if not isinstance(text, str | int | float) and not (isinstance(text, dict) and set(text) <= {"en", "zh"}):
        inputs.wrong("say", "shape", value=text, write="{en: two minutes above, zh: 超过两分钟}")
    start = data.get("start", DEFAULT_START)
    try:
        inputs.start = to_us(datetime.fromisoformat(start if isinstance(start, str) else ""))
    except (ValueError, TypeError):
        inputs.wrong("start", "start", value=start)
    surroundings(inputs)
    devices(inputs)
    series(inputs)
    readings(inputs)
    events(inputs)
    if "expect" not in data:
        inputs.wrong("", "missing", key="expect", write="expect: []")
    expect(inputs)
    if data.get("until") is not None:
        inputs.until = inputs.moment(data["until"], "until")
    inputs.values.sort(key=lambda text: (text.received, text.frame))
    if len(inputs.values) > LIMIT:
        inputs.wrong("series", "many", limit=LIMIT)
    inputs.others = _beside(inputs, rules)
    return inputs


def _beside(inputs: CaseInput, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Rules that can affect the result: those whose transitions are compared, and all their parents.

    When orders share a limit, every rule counts.
    """
    by_id = {rule.id: rule for rule in rules}
    for name in sorted(inputs.shown - {inputs.rule.id}):
        if name not in by_id:
            inputs.wrong("expect", "rule", rule=name, known=", ".join(by_id) or "-")
    if b"orders_per_site" in inputs.policy:
        return tuple(rule for rule in rules if rule.id != inputs.rule.id)
    edited = [one.value for one in inputs.events if one.what == "edit"]
    wanted = [*inputs.shown, *(str(name) for value in edited for name in _parents(value))]
    found: dict[str, Rule] = {}
    while wanted:
        rule = by_id.get(wanted.pop())
        if rule is None or rule.id in found:
            continue
        found[rule.id] = rule
        if rule.inhibit is not None:
            wanted.append(rule.inhibit.by)
    return tuple(rule for rule in rules if rule.id in found and rule.id != inputs.rule.id)


def _parents(edit: object) -> list[object]:
    inhibit = edit.get("inhibit") if isinstance(edit, dict) else None
    return [inhibit.get("by")] if isinstance(inhibit, dict) else []
