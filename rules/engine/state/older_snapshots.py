"""Snapshots and warm-up results of versions 13 and 14 as those of today, until nobody starts from one any more.

They are changed as plain values, without the types of then: decoded, changed, encoded again.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

OLDER = (13, 14)
Tree = dict[str, Any]
_RENAMED = (
    (r"told$", "reported"), (r"mark_told$", "mark_reported"), (r"said\.(\d+)\.heard$", r"votes.\1.read_at"),
    (r"said\.", "votes."), (r"peers\.recent\.heard$", "peers.recent.times"),
    (r"peers\.recent\.said$", "peers.recent.values"),
)  # fmt: skip
"""Names of arrays, from their beginning."""
_SAME_IN_13 = (
    "seq", "now", "sites", "customers", "devices", "points", "profiles", "spaces", "rules", "runners", "counts",
    "waiting", "standing",
)  # fmt: skip
"""Fields of an evaluator that version 13 had, too."""
_COUNTER = re.compile(r"(?:.*\.)?counter\.(?:value|shift|at|fell|fell_shift|fell_at)")
_KEPT = (
    "at", "rule", "plan", "thing", "change", "level", "evidence", "reason", "imported", "suspect", "identity", "late",
    "count", "muted", "stale",
)  # fmt: skip
"""The places of a `KeptTransition`."""


def engine_of(version: int, body: memoryview) -> bytes:
    """An encoded `EngineImage`. Raises msgspec.MsgspecError, KeyError, ValueError or TypeError for what is none."""
    tree = msgspec.msgpack.decode(body)
    if version == OLDER[0]:
        tree = _of_version_13(tree)
    for evaluator in (tree["evaluator"], *(late["evaluator"] for late in tree["late"])):
        evaluator["rule_states"] = [_rule_state(one) for one in evaluator.pop("runners")]
    for _, _, episodes in (tree["episodes"] or [0, []])[1]:
        for one in episodes:
            one["known_raise"] = one.pop("told")
    for completion in (one for several in (tree["completions"] or [[]])[0] for one in several):
        completion["known_at"] = completion.pop("told")
    if tree["alarms"]:
        for child in tree["alarms"]["children"]:
            child[0], child[4] = _kept(child[0]), _kept(child[4])
        for flapping in tree["alarms"]["flaps"]:
            flapping[8] = _kept(flapping[8])
    return msgspec.msgpack.encode(tree)


def warmup_of(body: memoryview) -> bytes:
    """An encoded `WarmupResult`; both versions had the same. Raises as `engine_of`."""
    tree = msgspec.msgpack.decode(body)
    tree["rule_states"] = [_rule_state(one) for one in tree.pop("runners")]
    tree["made"] = [_kept(one) for one in tree["made"]]
    return msgspec.msgpack.encode(tree)


def _of_version_13(old: Tree) -> Tree:
    """That of version 14: parts were encoded one by one, b"" = nothing, and the rules of a lateness an image."""
    return {
        **{name: old[name] for name in ("partition", "tenant", "seq", "now", "imports")},
        "evaluator": _evaluator_13(old),
        "late": [
            {"lateness": lane["lateness"], "readings": lane["buffer"], "evaluator": _evaluator_13(lane)}
            for lane in old["lanes"]
        ],
        "alarms": msgspec.msgpack.decode(old["after"]) if old["after"] else None,
        "episodes": _part(old["ledger"]),
        "completions": _part(old["completions"]),
    }


def _evaluator_13(old: Tree) -> Tree:
    parts = {"requests": "requests", "interim": "buffered", "replaced": "replaced", "overtaken": "overtaken"}
    return {
        **{name: old[name] for name in _SAME_IN_13},
        **{new: _part(old[name]) for name, new in (parts | {"glitches": "glitches"}).items()},
        "downtime": {"spans": old["downs"], **{name: old[name] for name in ("kept", "settled", "steps")}},
    }


def _part(blob: bytes) -> Any:
    return msgspec.msgpack.decode(blob) if blob else []


def _kept(places: list[Any] | None) -> Tree | None:
    return None if places is None else dict(zip(_KEPT, places, strict=True))


# --- the state of a rule
def _rule_state(old: Tree) -> Tree:
    """Arrays have other names, counters the state before the newest moment apart; what is no array was bytes."""
    tables = {name: table for before, one in old.pop("tables").items() for name, table in _arrays(before, one)}
    blob, groups = old.pop("extra"), tables.pop("groups", None)
    extra: Tree | None = None
    if groups is not None:
        extra = _group_extra(blob, *msgspec.msgpack.decode(groups["data"]))
    elif blob:
        extra = (_slots_extra if any(name[0].isdigit() for name in tables) else _holds_extra)(blob)
    return {**old, "tables": tables, "extra": extra}


def _arrays(name: str, table: Tree) -> Iterable[tuple[str, Tree]]:
    if name.endswith(".edges.rose"):
        return
    if _COUNTER.fullmatch(name):
        half = len(table["data"]) // 2
        shape = table["shape"][1:]
        yield name, {**table, "shape": shape, "data": table["data"][:half]}
        yield f"{name}_before", {**table, "shape": shape, "data": table["data"][half:]}
        return
    for before, now in _RENAMED:
        name = re.sub(f"^{before}", now, name)
    yield name, table


def _holds_extra(blob: bytes) -> Tree:
    paused, deferred = msgspec.msgpack.decode(blob)
    return {"type": "holds", "paused": paused, "deferred": deferred}


def _slots_extra(blob: bytes) -> Tree:
    overflow, slots = msgspec.msgpack.decode(blob)
    each = [{"texts": texts, "holds": _holds_extra(extra) if extra else None} for texts, extra in slots]
    return {"type": "texts", "overflow": overflow, "slots": each}


def _group_extra(blob: bytes, groups: list[str], columns: list[str]) -> Tree:
    touched, closed, recent = msgspec.msgpack.decode(blob)
    newest, known, parts = msgspec.msgpack.decode(recent)
    waiting = {"closed": msgspec.msgpack.decode(closed), "touched": touched}
    totals = {"newest": newest, "known": known, "parts": parts}
    return {"type": "groups", "groups": groups, "columns": columns, "recent": totals, **waiting}
