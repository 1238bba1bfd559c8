"""`expect` of a case: the complete list of transitions; keys that are not written are not compared."""

from gateway.domain.alarm import Change, Level
from rules.casetest.case_input import CaseInput
from rules.casetest.things import component_of

KEYS = (
    "at", "is", "level", "device", "component", "group", "identity", "reason", "late", "imported", "live", "count",
    "unstable", "stale", "muted", "held_until", "limited", "rule", "parent",
)  # fmt: skip
_FLAGS = ("late", "imported", "live", "unstable", "stale", "muted")
_LIMITS = ("alarms_per_rule", "orders_per_site", "")
_MOMENTS = ("at", "held_until")


def expect(inputs: CaseInput) -> None:
    """Expected transitions, with times in µs."""
    for where, table in inputs.items(inputs.case.data.get("expect"), "expect", "expect: [{at: 2m10s, is: raised}]"):
        inputs.known(table, KEYS, where)
        wanted = dict(table)
        for key in _MOMENTS:
            if key == "held_until" and wanted.get(key) in {0, "0s"}:
                wanted[key] = 0  # not held
            elif key in wanted:
                wanted[key] = inputs.moment(wanted[key], f"{where}.{key}")
        if "is" in wanted and wanted["is"] not in {change.value for change in Change}:
            inputs.wrong(f"{where}.is", "is", value=wanted["is"])
        if "level" in wanted and wanted["level"] not in {level.word for level in Level}:
            inputs.wrong(f"{where}.level", "level", value=wanted["level"])
        if "device" in wanted:
            _device(inputs, wanted, f"{where}.device")
        for key in _FLAGS:
            if not isinstance(wanted.get(key, True), bool):
                inputs.wrong(f"{where}.{key}", "shape", value=wanted[key], write=f"{key}: true")
        if "limited" in wanted and wanted["limited"] not in _LIMITS:
            inputs.wrong(f"{where}.limited", "shape", value=wanted["limited"], write=f"limited: {_LIMITS[0]}")
        if "identity" in wanted:
            texts = wanted["identity"]
            wanted["identity"] = [str(text) for text in texts] if isinstance(texts, list) else [str(texts)]
        if "group" in wanted:
            wanted["group"] = str(wanted["group"])
        inputs.expected.append(wanted)
    named = {str(one["rule"]) for one in inputs.expected if "rule" in one}
    inputs.shown = frozenset({inputs.rule.id, *named})
    inputs.merged = any(one.get("is") == Change.MERGED.value for one in inputs.expected)


def _device(inputs: CaseInput, wanted: dict[str, object], where: str) -> None:
    """`p1#2` -> its device and component, each compared as written."""
    written = str(wanted["device"])
    thing = component_of(inputs, written, where)
    if thing is None:
        return
    device, component = thing
    wanted["device"] = device.code
    if component is not None and wanted.setdefault("component", component) != component:
        inputs.wrong(where, "shape", value=written, write=f"device: {device.code}#{wanted['component']}")
