"""Meaning of lists of objects in a sample message: one row per element, or places of one device. A guess. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST = 16
"""Elements of a list that get separate places; a longer list is rows."""
TIMES = frozenset({"ts", "timestamp", "time", "at", "date", "datetime", "t", "reported_at", "event_time", "时间"})
PARTS = frozenset({"connector", "connector_id", "gun", "gun_no", "port", "plug", "plug_id", "枪号"})
CODES = frozenset(
    {"device", "device_id", "id", "sn", "serial", "serial_no", "imei", "vin", "code", "client_id", "设备编号"}
)
_NAMES = ("name", "key", "measurand", "metric", "point", "tag", "type", "id", "code", "名称")
_VALUES = ("value", "val", "v", "reading", "data", "值")


@dataclass(frozen=True, slots=True)
class SampleList:
    """`each` as in a route; `rows` the elements, `first` the path to the first of them. `codes`: keys that are codes of
    devices, `plain_keys` those that are not."""

    each: str
    rows: tuple[Mapping[str, Any], ...]
    first: tuple[str | int, ...]
    codes: tuple[str, ...] = ()
    plain_keys: tuple[str, ...] = ()

    @property
    def key(self) -> bool:
        """True if the keys are codes of devices."""
        return bool(self.codes)

    @property
    def merged(self) -> dict[str, Any]:
        """All keys of the elements, each with its first value."""
        found: dict[str, Any] = {}
        for row in self.rows:
            for key, value in row.items():
                if found.get(key) is None:
                    found[key] = value
        return found


def objects(node: object) -> tuple[dict[str, Any], ...]:
    """The elements of a list of objects, else ()."""
    if isinstance(node, list) and node and all(isinstance(one, dict) and one for one in node):
        return tuple(node)
    return ()


def rows(document: object, device: str, word: Any) -> SampleList | None:
    """List that a route must iterate with `each`: elements that are devices or moments, or connectors when the message
    holds nothing else. `device`: a code that may be a key. `word`: normalizes a key to one word."""
    found = list(_lists(document, "", ()))
    by_key = next(_keyed(document, "", (), device), None) if device else None
    if by_key is not None:
        return by_key
    for many in found:
        words = {word(key) for row in many.rows for key in row}
        if words & TIMES or (words & CODES and named(many.rows) is None) or len(many.rows) > MOST:
            return many
    if len(found) == 1 and {word(key) for key in found[0].merged} & PARTS and not _has_other_values(document, word):
        return found[0]
    return found[0] if isinstance(document, list) and found else None


def named(elements: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """(key of the name, key of the value) when each element is one value with its own name."""
    for name in _NAMES:
        names = [one.get(name) for one in elements]
        if len(set(map(str, names))) < len(names) or not all(isinstance(one, str) and one for one in names):
            continue
        value = next((key for key in _VALUES if all(_scalar(one.get(key)) for one in elements)), None)
        if value is not None:
            return name, value
    return None


def _scalar(value: object) -> bool:
    return isinstance(value, int | float | str)


def _lists(node: object, path: str, way: tuple[str | int, ...]) -> Iterator[SampleList]:
    """Lists of objects below `node`, outer lists before inner ones."""
    if isinstance(node, dict):
        for key, value in node.items():
            if _plain(key):
                yield from _lists(value, f"{path}.{key}" if path else key, (*way, key))
    elif elements := objects(node):
        yield SampleList(f"{path}[*]", elements, (*way, 0))
        for key, value in elements[0].items():
            inner = tuple(row for one in elements for row in objects(one.get(key)))
            if inner and objects(value) and _plain(key):
                yield SampleList(f"{path}[*].{key}[*]", inner, (*way, 0, key, 0))


def _keyed(node: object, path: str, way: tuple[str | int, ...], device: str) -> Iterator[SampleList]:
    """Objects with the code of the device as a key."""
    if not isinstance(node, dict):
        return
    found = {key: value for key, value in node.items() if isinstance(value, dict) and value}
    if device in found:
        beside = tuple(f"{path}.{key}" if path else key for key in node if key not in found and _plain(key))
        yield SampleList(f"{path}.*" if path else "*", tuple(found.values()), (*way, device), tuple(found), beside)
    for key, value in node.items():
        if _plain(key):
            yield from _keyed(value, f"{path}.{key}" if path else key, (*way, key), device)


def _has_other_values(document: object, word: Any) -> bool:
    """True if there are values of the device itself, besides time and code."""
    if not isinstance(document, dict):
        return False
    return any(
        (_scalar(value) and word(key) not in TIMES | CODES)
        or (isinstance(value, dict) and _has_other_values(value, word))
        for key, value in document.items()
    )


def _plain(key: str) -> bool:
    return not set(key) & set('.[]"$*')
