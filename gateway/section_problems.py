"""Validation errors of a section of a profile file as problems of that file."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.domain.errors import Problem
from gateway.domain.text import catalogue


def problems(error: ValidationError, model: type[BaseModel], file: str, root: str) -> list[Problem]:
    """Every error of a validation as a problem of `file`; `root` is the place of the model inside the file."""
    return [_problem(one, model, file, root) for one in error.errors(include_url=False)]


def _problem(one: Any, model: type[BaseModel], file: str, root: str) -> Problem:
    place = _path(root, one["loc"])
    if one["type"] in catalogue():
        return Problem(file, place, one["type"], one.get("ctx", {}))
    if one["type"] == "extra_forbidden":
        owner = _owner(model, one["loc"][:-1])
        known = ", ".join(sorted(owner.model_fields)) if owner else ""
        return Problem(file, place, "section.unknown_key", {"key": one["loc"][-1], "known": known})
    shown = "" if isinstance(one["input"], dict | list) else f" ({one['input']!r})"
    return Problem(file, place, "section.invalid", {"message": f"{one['msg']}{shown}"})


def _path(root: str, loc: Sequence[int | str]) -> str:
    out = root
    for part in loc:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else str(part)
    return out


def _owner(model: type[BaseModel], loc: Sequence[int | str]) -> type[BaseModel] | None:
    """The model in which the key at the end of `loc` was looked for."""
    for part in loc:
        if isinstance(part, str) and part in model.model_fields:
            inner = _inner(model.model_fields[part].annotation)
            if inner is None:
                return None
            model = inner
    return model


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Mapping[str, Register]`, `tuple[Part, ...]`, `Link | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _inner(argument)
        if found is not None:
            return found
    return None
