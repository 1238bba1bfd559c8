"""C9: a rule for what a rule of the library that is switched on says already is found, however that is written."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from lint_lab import rule

from gateway.cli import main

CONFIG = Path(__file__).parents[2] / "config"
CONNECTOR = "{kind: charger, each: connector}"
OWN = {
    "levels": ('  when: "gun_temp > 90 degC"\n  clear: "gun_temp < 80 degC"', CONNECTOR, "charger.overtemp"),
    "silent": ("  silent: {any_of: [gun_temp], longer_than: 10m}", CONNECTOR, "charger.offline"),
    "a name in a code table": (
        "  when: \"fault_code == 'E07'\"\n  clear: \"fault_code != 'E07'\"", CONNECTOR, "charger.overtemp-code"
    ),
    "a level in a code table": (
        "  when: \"fault_code == 'E02'\"\n  clear: \"fault_code != 'E02'\"", CONNECTOR, "charger.fault-code"
    ),
    "votes": (
        '  when: "battery < 3.2 V"\n  clear: "battery > 3.4 V"', "{kind: gas_meter}", "gas.battery-low"
    ),
    "nothing": ("  when: \"fault_code == 'none'\"\n  clear: \"fault_code != 'none'\"", CONNECTOR, ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, all of it switched on, by its folder."""
    folder = tmp_path_factory.mktemp("library") / "config"
    shutil.copytree(CONFIG, folder)
    text = (
        (folder / "demo/library.yaml")
        .read_text("utf-8")
        .replace("${FIELDGATE_OA_SECRET}", "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0")
    )
    (folder / "gateway.yaml").write_text(text.replace(": library/", ": demo/library/").replace(": ../", ": "), "utf-8")
    return folder


@pytest.mark.parametrize("kind", OWN)
def test_an_own_rule_and_one_of_the_library(site: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDGATE_OA_SECRET", "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0")
    body, watch, other = OWN[kind]
    draft = site / "draft.yaml"
    draft.write_text("format: 1\nrules:\n" + rule(body, watch, "own.rule", test=""), "utf-8")
    found = CliRunner().invoke(main, ["rules", "check", str(draft), "-c", str(site), "--lang", "en"])
    assert found.exit_code == 0, found.output
    told = [line for line in found.output.splitlines() if "overlap" in line]
    assert len(told) == bool(other), found.output
    assert not other or f" as {other} (" in told[0]
