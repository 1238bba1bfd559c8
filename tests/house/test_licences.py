"""What the locks install: licences on the list, and a bill of materials that names every package."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from cyclonedx.model.bom import Bom

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sbom", ROOT / ".ci" / "sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sbom"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("expression", "core", "extra"),
    [
        ("MIT", True, True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True, True),
        ("EPL-2.0 OR BSD-3-Clause", True, True),
        ("MIT AND GPL-3.0-only", False, False),
        ("LGPL-3.0-only", False, True),
        ("AGPL-3.0-or-later", False, False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False, False),
        ("LicenseRef-Proprietary", False, False),
        ("", False, False),
    ],
)
def test_which_licences_are_allowed(sbom: ModuleType, expression: str, core: bool, extra: bool) -> None:
    assert sbom.allowed(expression, sbom.ALLOWED) is core
    assert sbom.allowed(expression, sbom.ALLOWED | sbom.OPTIONAL) is extra


def test_a_lock_that_is_not_what_is_installed_is_refused(sbom: ModuleType) -> None:
    lock = "click==0.1 \\\n    --hash=sha256:00\nno-such-package==1.0 \\\n    --hash=sha256:11\n"
    assert list(sbom.problems(list(sbom.locked(lock)), set())) == [
        f"click: locked as 0.1, installed is {sbom.distribution('click').version}",
        "no-such-package: locked as 1.0, not installed",
    ]


def test_every_locked_package_is_in_the_bill_with_its_licence_and_hashes(sbom: ModuleType, tmp_path: Path) -> None:
    assert sbom.main(tmp_path / "fieldgate.cdx.json") == 0
    text = (tmp_path / "fieldgate.cdx.json").read_text("utf-8")
    bom = Bom.from_json(json.loads(text))
    packages = list(sbom.locked((ROOT / "requirements" / "run.txt").read_text("utf-8")))
    assert {(part.name, part.version) for part in bom.components} == {(one.name, one.version) for one in packages}
    assert all(part.licenses and part.hashes for part in bom.components)
    optional = {part.name for part in bom.components if part.scope is not None and part.scope.value == "optional"}
    assert optional == {"aiomqtt", "iotcore"}
    assert bom.validate()


def test_the_core_needs_no_extra(sbom: ModuleType) -> None:
    needed = sbom.core()
    assert {"duckdb", "pydantic-core", "starlette"} <= needed
    assert not needed & {"aiomqtt", "iotcore", "pytest"}
