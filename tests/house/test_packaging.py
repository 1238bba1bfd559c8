"""What ships: exactly five packages and the built-in configuration, and they lie in one place."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gateway.app.build import install_check

ROOT = Path(__file__).parents[2]


def test_the_five_packages_lie_in_one_place() -> None:
    assert install_check.misplaced() == {}


def test_a_foreign_package_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = install_check.places()
    monkeypatch.setattr(install_check, "places", lambda: real | {"rules": Path("/elsewhere")})
    assert install_check.misplaced() == {"rules": "/elsewhere"}


def test_the_wheel_holds_these_names_and_no_others(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == set(install_check.PACKAGES)
    assert any(name.startswith("gateway/_builtin/") for name in names)
    assert not any("/tests/" in name or name.endswith(".duckdb") for name in names)
