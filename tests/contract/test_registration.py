"""What each registered adapter owes its reader and its start, before any port is tried."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from gateway.adapters import ENDPOINTS, SERIES, SOURCES
from gateway.section import Section

ROOT = Path(__file__).parents[2]
ALL = {**SOURCES, **ENDPOINTS, **SERIES}
HEAVY = (
    "duckdb", "influxdb_client", "psycopg", "pymodbus", "mqtt5", "httpcore", "asyncua",
    "protocols.mqtt.source", "protocols.modbus.source", "sinks.http.client",
)  # fmt: skip
every_adapter = pytest.mark.parametrize("adapter", ALL.values(), ids=ALL)


def folder(adapter: Any) -> Path:
    """Of the adapter, by where its configuration is written."""
    return Path(sys.modules[adapter.config.__module__].__file__ or "").parent


def sample(adapter: Any) -> dict[str, Any]:
    """The first configuration of its sample, alone or under its name (below `sources:`)."""
    found: dict[str, Any] = YAML(typ="safe").load((folder(adapter) / "sample.yaml").read_text("utf-8"))
    while "type" not in found:
        found = next(iter(found.values()))
    return found


@every_adapter
def test_a_folder_has_a_readme_and_a_sample_that_loads(adapter: Any) -> None:
    config = adapter.config.model_validate(sample(adapter))
    assert config.type == adapter.name
    text, readme = ((folder(adapter) / name).read_text("utf-8") for name in ("sample.yaml", "README.md"))
    shown = text + "\n" + text.replace("_file", "")
    for name in adapter.config.model_fields:
        assert f"{name}:" in shown or f"`{name}" in readme, f"{name} is neither in the sample nor in the README"


@every_adapter
def test_it_is_found_by_the_type_of_its_configuration(adapter: Any) -> None:
    assert issubclass(adapter.config, Section)
    assert get_args(adapter.config.model_fields["type"].annotation) == (adapter.name,)
    assert ALL[adapter.name] is adapter
    assert len(ALL) == len(SOURCES) + len(ENDPOINTS) + len(SERIES), "a type stands for one adapter"


def test_every_folder_is_registered() -> None:
    folders = {path.parent for area in ("protocols", "sinks") for path in (ROOT / area).rglob("config.py")}
    shared = {ROOT / "sinks" / "http", ROOT / "protocols" / "mapping"}
    assert {folder(adapter) for adapter in ALL.values()} == folders - shared


def test_metrics_have_one_owner() -> None:
    names = [family.name for adapter in SOURCES.values() for family in adapter.metrics]
    assert len(names) == len(set(names))


def test_the_list_loads_no_library() -> None:
    """A gateway with one protocol pays for one: settings and the list of adapters load configurations alone."""
    requested = f"import sys, gateway.settings, gateway.adapters; print([one for one in {HEAVY} if one in sys.modules])"
    found = subprocess.run([sys.executable, "-c", requested], check=True, capture_output=True, text=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("area", ["gateway", "protocols", "sinks"])
def test_nobody_asks_for_the_class_of_a_configuration(area: str) -> None:
    models = {adapter.config.__name__ for adapter in ALL.values()} | {"HttpEndpoint"}
    for path in (ROOT / area).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
                requested = {one.id for one in ast.walk(node.args[1]) if isinstance(one, ast.Name)}
                assert not requested & models, f"{path}:{node.lineno}"
