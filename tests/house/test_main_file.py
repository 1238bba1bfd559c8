"""C9: a folder after `-c` means the main file in it; one without says what was looked for."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from test_language import ALL

from gateway.cli import main
from gateway.cli.language import MAIN_FILE

CONFIGURED = {
    path: option.opts[-1] for path, command in ALL.items() for option in command.params if option.name == "config"
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as `fieldgate init` writes it."""
    folder = tmp_path_factory.mktemp("site")
    made = CliRunner().invoke(main, ["init", str(folder), "--yes", "--profile", "charger_dc", "--lang", "en"])
    assert made.exit_code == 0, made.output
    return folder


def test_they_are_all_found() -> None:
    assert {"check", "run", "try", "tail", "doctor", "rules check", "rules explain", "backup"} <= CONFIGURED.keys()


@pytest.mark.parametrize("path", CONFIGURED)
@pytest.mark.parametrize(
    ("lang", "words"), [("en", "there is no gateway.yaml in the folder"), ("zh", "中没有 gateway.yaml")]
)
def test_a_folder_without_a_main_file(tmp_path: Path, path: str, lang: str, words: str) -> None:
    found = CliRunner().invoke(main, ["--lang", lang, *path.split(), CONFIGURED[path], str(tmp_path)])
    assert (found.exit_code, words in found.output, str(tmp_path) in found.output) == (2, True, True), found.output


@pytest.mark.parametrize("inside", ["", "rules"])
def test_a_folder_is_its_main_file(site: Path, inside: str) -> None:
    run, folder = CliRunner(), str(site / inside)
    found = run.invoke(main, ["check", "-c", folder])
    assert (found.exit_code, f"{site / MAIN_FILE} is in order" in found.output) == (0, True), found.output
    found = run.invoke(main, ["rules", "check", "-c", folder])
    assert (found.exit_code, "1 rules: 0 warnings" in found.output) == (0, True), found.output
    tried = run.invoke(main, ["try", "devices/DEV-1/telemetry", str(site / "sample.json"), "-c", folder])
    assert tried.exit_code == 0, tried.output


def test_profiles_are_no_project(site: Path) -> None:
    found = CliRunner().invoke(main, ["check", "-c", str(site / "profiles")])
    assert (found.exit_code, "gateway.yaml" in found.output) == (2, True)
