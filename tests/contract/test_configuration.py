"""A wrong configuration of any adapter is a problem with its file, its line and its place."""

from pathlib import Path
from typing import Any

import pytest
from contract.test_registration import ALL, sample
from ruamel.yaml import YAML

from gateway.adapters import ENDPOINTS, SOURCES
from gateway.settings import inspect_project


def main_file(folder: Path, adapter: Any, config: dict[str, Any]) -> tuple[Path, str]:
    """A `gateway.yaml` with this configuration, and where it stands there."""
    whole: dict[str, Any] = {"name": "gw", "timezone": "Asia/Shanghai", "language": "en"}
    if adapter.name in SOURCES:
        whole["sources"], place = {"one": config}, "sources.one"
    elif adapter.name in ENDPOINTS:
        whole["endpoints"], place = {"one": config}, "endpoints.one"
    else:
        whole["series"], place = config, "series"
    file = folder / "gateway.yaml"
    with file.open("w", encoding="utf-8") as out:
        YAML().dump(whole, out)
    return file, place


@pytest.mark.parametrize("adapter", ALL.values(), ids=ALL)
def test_wrong_keys_and_values_are_named(adapter: Any, tmp_path: Path) -> None:
    wrong: list[tuple[str, Any]] = [("no_such_key", 1)]
    wrong += [(key, {"a": [1]}) for key, value in sample(adapter).items() if key != "type" and isinstance(value, str)]
    for key, value in wrong:
        file, place = main_file(tmp_path, adapter, {**sample(adapter), key: value})
        found = [one for one in inspect_project(file, {}).problems if one.path.startswith(f"{place}.{key}")]
        assert found, key
        assert (found[0].file, found[0].line > 1) == (str(file), True)
        assert found[0].render("zh") != found[0].render("en")


@pytest.mark.parametrize("adapter", ALL.values(), ids=ALL)
def test_what_must_be_there_is_named(adapter: Any, tmp_path: Path) -> None:
    needed = [name for name, info in adapter.config.model_fields.items() if info.is_required() and name != "type"]
    for key in needed:
        config = {name: value for name, value in sample(adapter).items() if name != key}
        file, place = main_file(tmp_path, adapter, config)
        assert any(one.path.startswith(f"{place}.{key}") for one in inspect_project(file, {}).problems), key
