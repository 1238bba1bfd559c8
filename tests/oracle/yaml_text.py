"""A scene as people write it: the rule text and the cases for the product. JSON is YAML."""

import json
from collections.abc import Mapping
from typing import Any

from oracle.scene import DeviceDef, Expr, FactDef, LevelDef, Message, PointDef, RuleDef, SceneDef, SignalDef

from gateway.domain.duration import format_duration

KIND = "e"
RULE = "r"
_SIGNS = {"least": "min", "most": "max"}


def condition(node: Expr) -> Any:
    """A condition as it stands in a rule: an expression, or a quorum."""
    if node[0] != "members":
        return expression(node)
    limits = {key: format_duration(value) if key.endswith("within") else value for key, value in node[2]}
    return {"members": {"of": expression(node[1]), **limits}}


def expression(node: Expr) -> str:
    """As it stands in a rule."""
    kind = node[0]
    match kind:
        case "num":
            return f"{node[1]:.12g}{' ' + node[2] if len(node) > 2 else ''}"
        case "span":
            return f"{node[1] / 1e6:g} s"
        case "point" | "signal":
            return str(node[1])
        case "before":
            return f"before({node[1]}, {node[2]})"
        case "age" | "has" | "changed":
            return f"{kind}({node[1]})"
        case "cmp" | "arith":
            return f"({expression(node[2])} {node[1]} {expression(node[3])})"
        case "is" | "isnt":
            return f"{node[1]} {'==' if kind == 'is' else '!='} '{node[2]}'"
        case "in":
            return f"{node[1]} in [{', '.join(repr(text) for text in node[2])}]"
        case "and" | "or":
            return "(" + f" {kind} ".join(expression(part) for part in node[1:]) + ")"
        case "not":
            return f"not ({expression(node[1])})"
        case "abs" | "round" | "least" | "most":
            return f"{_SIGNS.get(kind, kind)}({', '.join(expression(part) for part in node[1:])})"
        case "choose":
            return f"({expression(node[1])} ? {expression(node[2])} : {expression(node[3])})"
    raise ValueError(kind)


def _point(point: PointDef) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": point.kind} | ({"each": True} if point.each else {})
    if point.every:
        found["every"] = format_duration(point.every)
    if point.values:
        found["values"] = list(point.values)
    counter = {"rollover": point.rollover, "reset": point.reset, "resolution": point.resolution}
    if point.kind == "counter" and (point.rollover or point.reset != "swap" or point.resolution):
        found["counter"] = {key: value for key, value in counter.items() if value}
    return found


def _level(level: LevelDef) -> dict[str, Any]:
    found: dict[str, Any] = {"when": condition(level.when)}
    if level.gap is not None:
        found["hold"] = {"for": format_duration(level.hold), "gap": format_duration(level.gap)}
    elif level.hold:
        found["hold"] = format_duration(level.hold)
    if level.clear is not None:
        found["clear"] = condition(level.clear)
    if level.clear_hold:
        found["clear_hold"] = format_duration(level.clear_hold)
    if not level.auto_clear:
        found["auto_clear"] = False
    return found


def _signal(signal: SignalDef) -> dict[str, Any]:
    if signal.operator == "peers":
        share = {} if signal.coverage is None else {"coverage": signal.coverage}
        return {"peers": {signal.more["what"]: signal.of, "of": signal.more["by"]} | share}
    if signal.operator == "members":
        return {"members": {signal.of[0]: expression(signal.of[1]), **signal.more}}
    of = expression(signal.of) if isinstance(signal.of, tuple) else signal.of
    found: dict[str, Any] = {signal.operator: of}
    if signal.over:
        found["over"] = format_duration(signal.over)
    if signal.per:
        found["per"] = signal.per
    if signal.coverage is not None:
        found["coverage"] = signal.coverage
    for key, value in signal.more.items():
        found[key] = format_duration(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return found


def _silent(keys: Mapping[str, Any]) -> dict[str, Any]:
    longer = keys["longer"]
    found = {
        "all_of" if keys.get("all_of") else "any_of": list(keys["points"]),
        "longer_than": format_duration(longer) if isinstance(longer, int) else expression(longer),
    }
    return found | ({"quality": "good"} if keys.get("good") else {})


def _streak(keys: Mapping[str, Any]) -> dict[str, Any]:
    found = {"of": expression(keys["of"]), "length": keys["length"]}
    if keys.get("skips"):
        found["unknown"] = "skips"
    return found | ({"max_span": format_duration(keys["span"])} if keys.get("span") else {})


def _sequence(keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    second = {
        "not_see" if keys["absent"] else "see": expression(keys["then"]),
        "within": format_duration(keys["within"]),
    }
    if keys.get("unless") is not None:
        second["unless"] = expression(keys["unless"])
    return [{"see": expression(keys["see"])}, second]


def _span(span: tuple[int, str]) -> str:
    return f"{span[0]} {span[1]}{'s' if span[0] > 1 else ''}"


def _condition(rule: RuleDef) -> dict[str, Any]:
    keys = rule.keys
    match rule.form:
        case "levels" if len(rule.levels) == 1:
            return _level(rule.levels[0])
        case "levels":
            return {"levels": {one.level: _level(one) for one in rule.levels}}
        case "silent":
            return {"silent": _silent(keys)}
        case "streak":
            return {"when": {"streak": _streak(keys)}}
        case "votes":
            return {"when": {"votes": {"of": expression(keys["of"]), "need": keys["need"], "last": keys["last"]}}}
        case "due":
            stages = {level: f"{days}d" for level, days in keys["stages"]}
            hour, minute = keys["at"]
            again = {"repeat": _span(keys["repeat"])} if keys.get("repeat") else {}
            again |= {"basis": "completed"} if keys.get("completed") else {}
            return {"due": {"date": keys["date"], "stages": stages, "at": f"{hour:02d}:{minute:02d}", **again}}
        case "every":
            amounts = {"step": keys["step"], "from": keys["first"], "ahead": keys["ahead"]}
            found = {key: value for key, value in amounts.items() if value}
            found |= {"or_after": _span(keys["after"])} if "after" in keys else {}
            return {"every": {"counter": keys["counter"], **found}}
        case "sequence":
            again = {"again": "restart"} if keys.get("restart") else {}
            return {"sequence": _sequence(keys)} | again
    raise ValueError(rule.form)


def rule_table(rule: RuleDef) -> dict[str, Any]:
    """The rule as a mapping."""
    found: dict[str, Any] = {
        "id": RULE,
        "watch": {"kind": KIND} | ({"group": "g"} if rule.group else {}),
        **_condition(rule),
    }
    if rule.let:
        found["let"] = {name: _signal(signal) for name, signal in rule.let.items()}
    for key in ("clear", "unless"):
        if (node := getattr(rule, key)) is not None:
            found[key] = expression(node)
    if rule.lateness:
        found["lateness"] = format_duration(rule.lateness)
    if rule.missing:
        found["missing"] = f"clear_after {format_duration(rule.missing)}"
    if rule.downtime != "pause":
        found["downtime"] = rule.downtime
    single = rule.levels[0].level if len(rule.levels) == 1 else rule.keys.get("level")
    order = {"type": "r"} | ({"level": single} if single and rule.form != "due" else {})
    return found | {"then": {"order": order}}


def file_text(rule: RuleDef, sites: Mapping[str, Any] | None = None) -> str:
    """A stand-alone file with the rule and its points."""
    points = {name: _point(point) for name, point in rule.points.items()}
    profiles = {KIND: {"points": points} | ({"components": rule.components} if rule.components else {})}
    top: dict[str, Any] = {"format": 1, "profiles": profiles, "rules": [rule_table(rule)], "test": []}
    return json.dumps(top | ({"sites": sites} if sites else {}), ensure_ascii=False)


def _message(message: Message, device: str) -> dict[str, Any]:
    found: dict[str, Any] = {"at": format_duration(message.at)}
    if device:
        found["device"] = device
    for name, value in message.values.items():
        found[f"{device}{name}" if name.startswith("#") else name] = "bad" if value is None else value
    if message.received != message.at:
        found["received"] = format_duration(message.received)
    return found


def _device(scene: SceneDef, device: DeviceDef) -> dict[str, Any]:
    found: dict[str, Any] = {"site": "s1"} if scene.zone != "UTC" else {}
    return found | ({"attrs": dict(device.attrs)} if device.attrs else {})


def case_table(scene: SceneDef, say: str = "") -> dict[str, Any]:
    """The scene as one case of the file; `expect` is empty."""
    names = [f"d{k}" for k in range(len(scene.devices))]
    found: dict[str, Any] = {"say": say}
    if scene.start != SceneDef.start:
        found["start"] = _iso(scene.start)
    if scene.zone != "UTC":
        found["sites"] = {"s1": {"timezone": scene.zone}}
    found["devices"] = {name: _device(scene, one) for name, one in zip(names, scene.devices, strict=True)}
    found["readings"] = [
        _message(message, name)
        for name, device in zip(names, scene.devices, strict=True)
        for message in device.messages
    ]
    events: list[dict[str, Any]] = [
        {"at": format_duration(at), "restart": format_duration(length)} for at, length in scene.restarts
    ]
    events += [{"at": format_duration(one.at), "device": names[one.device], **_fact(one)} for one in scene.facts]
    if events:
        found["events"] = events
    found["until"] = format_duration(scene.until)
    return found | {"expect": []}


def _fact(fact: FactDef) -> dict[str, Any]:
    if not isinstance(fact.value, tuple):
        return {fact.what: fact.value}
    return {fact.what: fact.value[0], "done": format_duration(fact.value[1])}


def _iso(us: int) -> str:
    from gateway.domain.duration import iso

    return iso(us)
