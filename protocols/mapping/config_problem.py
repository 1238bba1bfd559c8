"""Mistakes in a route: errors of pydantic with the keys and fields of the catalogue."""

from collections.abc import Mapping

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError


def submodel(model: type[BaseModel], value: Mapping[object, object]) -> BaseModel:
    """`value` as `model`, for a key that takes a text or an object: its errors, not one per alternative. The error has
    all of them as `nested`, with their `model`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        context = dict(first.get("ctx") or {})
        place = ".".join(map(str, first["loc"]))
        context.setdefault("text", f"{place}: {first['msg']}" if place else first["msg"])
        raise PydanticCustomError(first["type"], "{text}", context | {"nested": error, "model": model}) from None
