"""Parts of a changed configuration that take effect at once, and parts that need a restart."""

from pydantic import BaseModel

from gateway.settings.model import Settings

AT_START = ("name", "tenant", "data_dir", "series", "journal", "intake", "delivery", "api", "health", "clock", "log")
"""Keys of `gateway.yaml` used to open files and sockets and to build running parts."""
_DERIVED = {"intake.ahead_limit", "intake.patience"}  # keys below `clock`


def without_restart_only(running: Settings, wanted: Settings) -> tuple[Settings, tuple[str, ...]]:
    """`wanted` with the values of `running` for keys that need a restart, and the names of those keys: `api.port`."""
    differ: list[str] = []
    for name in AT_START:
        before, after = getattr(running, name), getattr(wanted, name)
        if before == after:
            continue
        if isinstance(before, BaseModel):
            keys = type(before).model_fields
            differ += [f"{name}.{key}" for key in keys if getattr(before, key) != getattr(after, key)]
        else:
            differ.append(name)
    kept = wanted.model_copy(update={name: getattr(running, name) for name in AT_START})
    return kept, tuple(name for name in differ if name not in _DERIVED)
