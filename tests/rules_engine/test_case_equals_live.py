"""`rules test` = live: random scenes through a case and through the product's own path give the same transitions."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from depth import examples
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rules_engine.live_lab import LiveCase

from gateway.domain.alarm import Transition
from gateway.domain.duration import SECOND
from rules.casetest.case_input import CaseInput
from rules.casetest.play import play
from rules.casetest.read import read_case
from rules.compiled import Names
from rules.format import load_text

UNTIL = 75
PLAUSIBLE = {"min": 0, "max": 90, "max_rate": 8, "stuck_after": "20s", "relearn": 2}
PROFILES = {
    "e": {
        "components": 2,
        "points": {
            "x": {"every": "5s", "plausible": PLAUSIBLE},
            "c": {"kind": "counter", "every": "5s", "plausible": {"max_rate": 4}},
            "st": {"kind": "state", "values": ["idle", "busy", "fault"]},
        },
    },
    "g": {
        "components": 2,
        "points": {
            "y": {"every": "5s", "each": True, "plausible": PLAUSIBLE},
            "st": {"kind": "state", "values": ["idle", "busy", "fault"], "each": True},
        },
    },
}
ONE: list[dict[str, Any]] = [
    {"when": "x >= 50", "hold": "6s", "clear": "x < 30"},
    {"when": "x >= 50", "hold": {"for": "8s", "gap": "12s"}, "clear_hold": "4s"},
    {"when": "x >= attr('limit', 50)", "missing": "clear_after 20s", "lateness": "4s"},
    {"when": "x >= 50", "auto_clear": False},
    {"levels": {"minor": {"when": "x >= 30", "hold": "4s"}, "major": {"when": "x >= 60"}}},
    {"when": "age(x) > 9 s"},
    {"silent": {"any_of": ["x", "st"], "longer_than": "11s"}},
    {"silent": {"all_of": ["x", "st"], "longer_than": "15s", "quality": "good"}},
    {"sequence": [{"see": "st == 'busy'"}, {"not_see": "st == 'idle'", "within": "12s"}], "clear": "x < 20"},
    {"when": {"streak": {"of": "x >= 50", "length": 3}}},
    {"when": {"votes": {"of": "x >= 50", "need": 2, "last": 4}}},
    {"let": {"m": {"mean": "x", "over": "20s"}}, "when": "m > 40"},
    {"let": {"s": {"share": "st == 'busy'", "over": "20s", "coverage": 0.2}}, "when": "s > 0.5"},
    {"let": {"u": {"increase": "c", "over": "30s", "coverage": 0.1}}, "when": "u > 25"},
    {"let": {"r": {"rate": "c", "over": "20s"}}, "when": "r > 7200/h"},
    {"every": {"counter": "c", "step": 30}},
    {"let": {"n": {"times": "st == 'fault'", "over": "30s"}}, "when": "n >= 2"},
    {"let": {"p": {"percentile(90)": "x", "over": "30s"}}, "when": "p > 45"},
    {"when": "x >= 50 or st == 'fault'", "unless": "c > 60", "hold": "4s"},
    {"when": "x >= 50", "hold": "4s", "flap": {"raises": 1, "in": "40s", "quiet": "20s"}},
]  # fmt: skip
EACH: list[dict[str, Any]] = [
    {"when": "y >= 50 or st == 'fault'", "hold": "6s"},
    {"silent": {"any_of": ["y"], "longer_than": "11s"}},
    {"let": {"m": {"max": "y", "over": "15s", "coverage": 0.1}}, "when": "m > 52"},
]
GROUPS: list[dict[str, Any]] = [
    {"when": {"members": {"of": "st == 'fault'", "at_least": 2}}},
    {"when": {"members": {"of": "y >= 50", "at_least": 2, "per": "component", "within": "12s"}}},
    {"when": {"members": {"of": "y >= 50", "at_least": 2, "began_within": "15s"}}, "hold": "3s"},
]


def _rule(shape: dict[str, Any], watch: dict[str, Any]) -> dict[str, Any]:
    return {"id": "r", "watch": watch, **shape, "then": {"order": {"type": "repair"} | _level(shape)}}


def _level(shape: dict[str, Any]) -> dict[str, str]:
    return {} if "levels" in shape else {"level": "minor"}


RULES = [
    *(_rule(shape, {"kind": "e"}) for shape in ONE),
    *(_rule(shape, {"kind": "g", "each": "connector"}) for shape in EACH),
    *(_rule(shape, {"kind": "g", "each": "connector", "group": "site"}) for shape in GROUPS),
]


def _edit(shape: dict[str, Any]) -> dict[str, Any]:
    """The change that makes this rule of any other."""
    level = {"order": {"level": None}} if "levels" in shape else {"order": {"level": "minor"}}
    return {"missing": None} | _alone(shape, [*ONE, *EACH, *GROUPS]) | {"then": level}


def _alone(shape: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any]:
    """The patch that leaves nothing of any of the others: an edit is merged with what it meets."""
    gone = dict.fromkeys(sorted({key for one in others for key in one}))
    return gone | {
        key: _alone(part, [one[key] for one in others if isinstance(one.get(key), dict)])
        if isinstance(part, dict)
        else part
        for key, part in shape.items()
    }


VALUES = {
    "x": st.one_of(st.sampled_from([10, 20, 40, 50, 55, 60, 95]), st.just("bad")),
    "y": st.one_of(st.sampled_from([10, 20, 40, 50, 55, 60, 95]), st.just("bad")),
    "c": st.one_of(st.integers(0, 120), st.just("bad")),
    "st": st.sampled_from(["'idle'", "'busy'", "'fault'", "bad"]),
}

AGAIN = [{}, {"received": "40s"}, {"received": f"{UNTIL - 3}s"}]


@st.composite
def readings(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """One message: now and then late, ahead of its time, of a clock that was never set."""
    at = draw(st.integers(0, 2 * (UNTIL - 15))) / 2
    point = draw(st.sampled_from(["x", "c", "st"] if kind == "e" else ["#1.y", "#2.y", "#2.st"]))
    one: dict[str, Any] = {"at": f"{at}s", "device": draw(st.sampled_from(["d1", "d2"]))}
    one[point] = draw(VALUES[point.rpartition(".")[2]])
    wrong = draw(st.sampled_from(["", "", "", "", "late", "ahead", "unset"]))
    if wrong == "late":
        one["received"] = f"{at + draw(st.integers(1, 15))}s"
    elif wrong:
        one |= {"received": one["at"], "at": "2h" if wrong == "ahead" else "1999-05-01T00:00:00+00:00"}
    return one


def scene_of(rule: dict[str, Any], said: list[dict[str, Any]], events: list[dict[str, Any]]) -> CaseInput:
    """A rule and what happens to two devices."""
    case = {"rule": "r", "say": "s", "devices": {"d1": {}, "d2": {}}, "readings": said, "events": events, "expect": []}
    loaded = load_text(json.dumps({"profiles": PROFILES, "rules": [rule], "test": [case]}), "s.yaml", Names({}))
    assert not loaded.problems, [one.render() for one in loaded.problems]
    scene = read_case(loaded.tests.cases[0], loaded.rules[0], loaded.tests, loaded.rules)
    assert not scene.problems, [one.render() for one in scene.problems]
    scene.until = scene.start + UNTIL * SECOND
    return scene


@st.composite
def scenes(draw: st.DrawFn) -> CaseInput:
    """A rule, two devices, at most forty readings, at most two events."""
    rule = draw(st.sampled_from(RULES))
    told = draw(st.lists(readings(rule["watch"]["kind"]), min_size=1, max_size=40))
    said = [*told, *draw(st.lists(st.sampled_from(told), max_size=4))]  # the broker delivers some of them twice
    for first in draw(st.lists(st.sampled_from(told), max_size=4)):  # and some get another value at their own moment
        (point,) = first.keys() - {"at", "device", "received"}
        said.append(first | {point: draw(VALUES[point.rpartition(".")[2]])} | draw(st.sampled_from(AGAIN)))
    events: list[dict[str, Any]] = []
    shapes = GROUPS if "group" in rule["watch"] else EACH if rule["watch"]["kind"] == "g" else ONE
    group = {"group": "site"} if "group" in rule["watch"] else {}
    for at in draw(st.lists(st.integers(1, UNTIL - 5), max_size=2, unique=True)):
        what = draw(
            st.sampled_from(
                [
                    {"restart": "0s"},
                    {"restart": "7s"},
                    {"restart": "30s"},
                    {"closed": True},
                    {"unlatch": True},
                    {"set": {"life": "retired"}},
                    {"set": {"attrs": {"limit": 15}}},
                    {"edit": _edit(draw(st.sampled_from(shapes)))},
                ]
            )
        )
        events.append(
            {"at": f"{at}s", "device": "d1", **what, **(group if what.keys() & {"closed", "unlatch"} else {})}
        )
    return scene_of(rule, said, events)


def shown(one: Transition) -> dict[str, Any]:
    """What a person would see of it: everything but record numbers and the moment of the decision."""
    return {
        name: getattr(one, name)
        for name in (
            "change",
            "thing",
            "level",
            "at",
            "identity",
            "reason",
            "late",
            "live",
            "count",
            "stale",
            "muted",
            "held_until",
            "limited",
            "evidence",
        )
    }


def by_thing(several: Sequence[Transition]) -> list[dict[str, Any]]:
    """In the order of each thing: what is decided at one instant has no order among devices."""
    return [shown(one) for one in sorted(several, key=lambda one: (one.thing.device, one.thing.component))]


def apart(messages: Sequence[dict[str, Any]]) -> bool:
    """Does nothing else of a device come at the instant of a late one? A case knows no order within an instant."""
    came: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for one in messages:
        there = came.setdefault((one["device"], float(one.get("received", one["at"]).removesuffix("s"))), [])
        if one not in there:
            there.append(one)
    return all(len(there) == 1 or all("received" not in one for one in there) for there in came.values())


@settings(deadline=None, max_examples=examples(12))
@given(scenes(), st.booleans(), st.booleans())
def test_a_case_and_live_give_the_same(scene: CaseInput, together: bool, crash: bool) -> None:
    assume(together or apart(scene.case.data["readings"]))
    expected = play(scene)
    assert expected.agree
    assert scene.until is not None
    with TemporaryDirectory() as folder:
        got = asyncio.run(_live_run(scene, Path(folder), together=together, crash=crash))
    assert by_thing(got) == by_thing(expected.got)


@pytest.mark.parametrize("values", [(10, 50, "bad"), ("bad", 50, 95), (10, 50, 10, 50, "bad")])
def test_each_message_of_one_moment_replaces_the_one_before(values: tuple[Any, ...], tmp_path: Path) -> None:
    """The last one ends the hold: an alarm would show a reading that is not there."""
    scene = scene_of(_rule(ONE[0], {"kind": "e"}), [{"at": "40s", "device": "d1", "x": one} for one in values], [])
    assert asyncio.run(_live_run(scene, tmp_path, together=False, crash=False)) == []


async def _live_run(scene: CaseInput, folder: Path, *, together: bool, crash: bool) -> list[Transition]:
    return await LiveCase(scene, folder, together=together, crash=crash).run(scene.until or scene.start)
