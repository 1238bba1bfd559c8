"""Errors of pydantic as texts of the catalogue: file, line, path, value and correction."""

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from gateway.domain.errors import Problem
from gateway.domain.nearest import nearest
from gateway.domain.text import catalogue
from gateway.settings.yaml_document import Document, Place, dotted

_SECRET = re.compile(r"(password|secret|token|passphrase|phone)s?$|(^|_)key$", re.IGNORECASE)
_QUOTED = re.compile(r"'([^']*)'")
_KNOWN_MOST = 16
_SHOWN = 60


def problems_of(error: ValidationError, document: Document, model: Any, base: Place = ()) -> list[Problem]:
    """One problem per error. `base` is the place in the document of the value that was validated as `model` (a model or
    any annotation of models)."""
    value = _descend(document.value, base)
    problems: list[Problem] = []
    for entry in error.errors(include_url=False):
        place, inside = _place(entry["loc"], value)
        context = entry.get("ctx", {})
        if isinstance(nested := context.get("nested"), ValidationError) and isinstance(entry["input"], Mapping):
            problems += problems_of(nested, document, context["model"], (*base, *place))
            continue
        key, fields = _words(entry, _annotations_at(model, entry["loc"]), inside)
        value_shown = shown_value(entry, document, (*base, *place))
        if (*base, *place) in document.written and entry["input"]:  # the value of a variable is not repeated either
            fields = {k: v.replace(entry["input"], value_shown) if isinstance(v, str) else v for k, v in fields.items()}
        problems.append(document.problem((*base, *place), key, **{"value": value_shown} | fields))
    return _unique(problems)


def _unique(problems: Sequence[Problem]) -> list[Problem]:
    """Without repeats: an untagged union reports one place once per alternative."""
    return list({(p.path, p.key, str(dict(p.fields))): p for p in problems}.values())


def shown_value(entry: Mapping[str, Any], document: Document, place: Place) -> str:
    """The wrong value as written, short, never a secret."""
    if place in document.written:
        return document.written[place]
    value = entry["input"]
    if isinstance(value, SecretStr) or (place and _SECRET.search(str(place[-1])) and isinstance(value, str)):
        return "***"
    if isinstance(value, Mapping):
        return "{…}"
    if isinstance(value, list | tuple):
        return "[…]"
    text = "null" if value is None else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def located(problem: Problem, document: Document, drop: str = "") -> Problem:
    """Problem found by another module, with the line of its path; `drop` is a prefix that the file does not have."""
    path = problem.path.removeprefix(drop)
    lines = {dotted(place): line for place, line in document.lines.items()}
    wanted = path
    while wanted and wanted not in lines:
        wanted = wanted[: max(wanted.rfind("."), wanted.rfind("["), 0)]
    return Problem(problem.file, path, problem.key, problem.fields, problem.line or lines.get(wanted, 0))


def _descend(value: Any, place: Place) -> Any:
    for part in place:
        value = value[part]
    return value


def _place(loc: Sequence[str | int], value: Any) -> tuple[Place, Mapping[str, Any] | None]:
    """pydantic's loc without the names of union members, and the mapping that holds its last key."""
    place: list[str | int] = []
    holder: Mapping[str, Any] | None = value if isinstance(value, Mapping) else None
    for index, part in enumerate(loc):
        if isinstance(value, Mapping):
            if part in value:
                holder, value = value, value[part]
            elif index == len(loc) - 1 and isinstance(part, str) and value.get("type") != part:
                holder = value
            else:
                continue
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            continue
        place.append(part)
    return tuple(place), holder


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _alternatives(member)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def tags_of(annotation: Any) -> list[str]:
    """The values of `type` that a discriminated union takes."""
    out: list[str] = []
    for member in _alternatives(annotation):
        if _is_model(member) and (info := member.model_fields.get("type")) is not None:
            out += [str(a) for a in get_args(info.annotation) if get_origin(info.annotation) is Literal]
    return out


def _keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _annotations_at(model: Any, loc: Sequence[str | int]) -> tuple[list[Any], FieldInfo | None]:
    """Annotations around the last part of `loc`, and the field it names."""
    around: list[Any] = [model]
    for part in loc[:-1]:
        below: list[Any] = []
        for annotation in around:
            for member in _alternatives(annotation):
                below += _below(member, part)
        around = below or around
    last = loc[-1] if loc else ""
    models = [m for a in around for m in _alternatives(a) if _is_model(m)]
    return around, next((_keys(m)[str(last)] for m in models if str(last) in _keys(m)), None)


def _below(member: Any, part: str | int) -> list[Any]:
    if _is_model(member):
        if str(part) in _keys(member):
            return [_keys(member)[str(part)].annotation]
        return [member] if part in tags_of(member) else []
    origin, args = get_origin(member), get_args(member)
    if origin is not None and isinstance(origin, type) and args:
        return [args[1]] if issubclass(origin, Mapping) and len(args) > 1 else [args[0]]
    return []


def _words(
    entry: Mapping[str, Any], spot: tuple[list[Any], FieldInfo | None], inside: Mapping[str, Any] | None
) -> tuple[str, dict[str, object]]:
    """Key of the catalogue and its fields for one error."""
    context = dict(entry.get("ctx") or {})
    kind = str(entry["type"])
    around, info = spot
    fields: dict[str, object] = {
        k: v if isinstance(v, str | int | float) else str(v) for k, v in context.items() if k != "text"
    }
    if kind in catalogue():  # a validator that uses the catalogue itself
        return kind, fields
    fields["message"] = re.sub(r"^(Value|Assertion) (error|failed), ", "", str(entry["msg"]))
    name = str(entry["loc"][-1]) if entry["loc"] else ""
    if kind == "extra_forbidden":
        known = sorted({key for a in around for m in _alternatives(a) if _is_model(m) for key in _keys(m)})
        return _unknown(name, known, inside)
    if kind == "missing":
        examples = (info.examples if info is not None else None) or ["…"]
        return "config.type.missing", fields | {"name": name, "example": examples[0]}
    if kind == "union_tag_not_found":
        here = info.annotation if info is not None else (around[0] if around else None)
        tags = tags_of(here) or [
            t for a in around for m in _alternatives(a) for b in _below(m, name) for t in tags_of(b)
        ]
        return "config.type.union_tag_not_found", fields | {"expected": ", ".join(tags)}
    if kind in {"literal_error", "enum", "union_tag_invalid"}:
        expected = _QUOTED.findall(str(context.get("expected") or context.get("expected_tags") or ""))
        written = str(context.get("tag") or entry["input"])
        best = nearest(written, expected)
        fields |= {"expected": ", ".join(expected) or context.get("expected", ""), "written": written}
        return (f"config.type.choice{'_near' if best else ''}", fields | {"near": best})
    key = f"config.type.{kind}"
    return (key if key in catalogue() else "config.type.other"), fields


def _unknown(name: str, known: Sequence[str], inside: Mapping[str, Any] | None) -> tuple[str, dict[str, object]]:
    free = [key for key in known if inside is None or key not in inside]
    if best := nearest(name, free):
        return "config.key.near", {"name": name, "near": best}
    if 0 < len(known) <= _KNOWN_MOST:
        return "config.key.known", {"name": name, "known": ", ".join(known)}
    return "config.key.unknown", {"name": name}
