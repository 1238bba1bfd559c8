"""Damaged files are moved aside, never deleted."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from gateway.journal.schema import sync_folder


def move_aside(path: Path, *companions: str) -> Path:
    """`<path>.damaged-<UTC>`, with the files of these suffixes; returns it. A missing file is no error."""
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    for suffix in (*companions, ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    sync_folder(path)
    return aside
