"""Parts of a changed configuration that take effect at once, and parts that need a restart."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from gateway.settings.model import Settings

AT_START = (
    *("name", "tenant", "data_dir", "series", "database", "journal", "intake", "delivery", "api", "health", "clock"),
    "log",
)
"""Keys of `gateway.yaml` used to open files and sockets and to build running parts."""
_DERIVED = {"intake.ahead_limit", "intake.patience"}  # keys below `clock`


def _stores(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """`series.retention` of a single store, `series.influx.retention` of one of several, `series.influx` for one that
    is new, gone, or of another type."""
    prefix = "series." if len(before) == len(after) == 1 else "series.{}."
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if one is None or other is None or one.type != other.type:
            yield f"series.{name}"
        else:
            for key in type(one).model_fields:
                if getattr(one, key) != getattr(other, key):
                    yield prefix.format(name) + key


def without_restart_only(running: Settings, wanted: Settings) -> tuple[Settings, tuple[str, ...]]:
    """`wanted` with the values of `running` for keys that need a restart, and the names of those keys: `api.port`."""
    differ: list[str] = []
    for name in AT_START:
        before, after = getattr(running, name), getattr(wanted, name)
        if before == after:
            continue
        if name == "series":
            differ += _stores(running.stores, wanted.stores)
        elif isinstance(before, BaseModel):
            keys = type(before).model_fields
            differ += [f"{name}.{key}" for key in keys if getattr(before, key) != getattr(after, key)]
        else:
            differ.append(name)
    kept = wanted.model_copy(update={name: getattr(running, name) for name in AT_START})
    return kept, tuple(name for name in differ if name not in _DERIVED)
