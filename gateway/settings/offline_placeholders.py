"""Placeholders for commands that open no connection: for secrets and addresses that only the gateway's machine has."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.domain.errors import Problem
from gateway.settings.yaml_document import Document, Place

UNSET = "config.env.unset"
_SECRET = re.compile(r"(secret|password|token)(_file)?$")
_EXAMPLE_SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="
"""Stands in for a secret, so that the other settings can be checked. It never signs anything."""


def fill_in(document: Document, base: Path, *, database: bool = False) -> tuple[Problem, ...]:
    """Fill secrets of sources and endpoints that are not set here or cannot be read, and addresses that are not set,
    with valid placeholders; with `database` those of the database, too, which is not opened then. Returns the problems
    they would have been. `base`: folder of relative paths."""
    unset = {problem.path: problem for problem in document.problems if problem.key == UNSET}
    found: list[Problem] = []
    for owner, place, key in list(_entries(document.value, database=database)):
        problem = unset.get(document.problem(place, "").path)
        secret = _SECRET.search(key)
        if problem is None and secret and key.endswith("_file") and not _readable(base, owner[key]):
            problem = document.problem(place, "config.file.unreadable", value=owner[key], reason="")
        if problem is None or not (secret or (key == "url" and place[0] != "database")):
            continue
        found.append(problem)
        if secret:
            del owner[key]
            owner[key.removesuffix("_file")] = _EXAMPLE_SECRET
        else:
            owner[key] = _address(place[0], owner)
    named = {problem.path for problem in found}
    document.problems = [p for p in document.problems if p.key != UNSET or p.path not in named]
    return tuple(found)


def _entries(tree: Any, *, database: bool) -> Iterator[tuple[dict[Any, Any], Place, str]]:
    """(mapping, place, key) of every key of every source, endpoint and store, and of the database."""
    for part in ("sources", "endpoints") if isinstance(tree, dict) else ():
        sections = tree.get(part)
        for name, section in sections.items() if isinstance(sections, dict) else ():
            yield from _keys(section, (part, name))
    stores = tree.get("series") if isinstance(tree, dict) else None
    for index, section in enumerate(stores) if isinstance(stores, list) else ():
        yield from _keys(section, ("series", index))
    yield from _keys(stores, ("series",))
    if database and isinstance(tree, dict):
        yield from _keys(tree.get("database"), ("database",))


def _keys(section: Any, place: Place) -> Iterator[tuple[dict[Any, Any], Place, str]]:
    for key in list(section) if isinstance(section, dict) else ():
        yield section, (*place, key), str(key)


def _readable(base: Path, written: object) -> bool:
    try:
        with (base / str(written)).open("rb"):
            return True
    except OSError:
        return False


def _address(part: object, owner: dict[Any, Any]) -> str:
    if part != "sources":
        return "https://127.0.0.1/"
    return "mqtts://127.0.0.1" if "ca_file" in owner else "mqtt://127.0.0.1"
