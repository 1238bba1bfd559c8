"""C8: every command speaks the installation's language, and in Chinese nothing is left untranslated."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from latin import CODE, HAN, WORD, left

from gateway.cli import main
from gateway.cli.language import of_arguments, of_locale, resolved
from gateway.domain.text import catalogue

SILENT = {"version"}  # names and numbers only; `bench` writes JSON


def commands(
    command: click.Command = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            inside = command.get_command(ctx, name)
            assert inside is not None
            yield from commands(inside, (*path, name))


ALL = {" ".join(path): command for path, command in commands()}
CALLED = {word for path in ALL for word in path.split()} | {"main"}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path or "fieldgate")
def test_help_is_chinese(path: str) -> None:
    """A paragraph that is missing belongs into gateway/domain/texts/help.py, word for word as in the code."""
    shown = CliRunner().invoke(main, ["--lang", "zh", *path.split(), "--help"])
    assert shown.exit_code == 0, shown.output
    assert HAN.search(shown.output)
    plain = re.sub(r"示例：.*?(?=\n\n|\Z)", "", shown.output, flags=re.DOTALL)
    assert not left(plain, CALLED)


def test_help_is_english() -> None:
    shown = CliRunner().invoke(main, ["--lang", "en", "check", "--help"])
    assert "Usage: " in shown.output
    assert "Options:" in shown.output
    assert "Show this message and exit." in shown.output


@pytest.mark.parametrize(
    "args",
    [
        ["chekc"],
        [],
        ["run", "--bad"],
        ["units", "7"],
        ["units", "--format", "xml"],
        ["demo", "--seed", "x"],
        ["rules", "backtest", "a"],
        ["check", "-c"],
        ["bench", "ingest", "--qos", "7"],
        ["rules", "explan"],
        ["import", "a.csv"],
        ["keys", "create"],
        ["demo", "--keep", __file__],
        ["demo", "--for", "10s", "--lang", "zh"],
        ["demo", "--for", "7x", "--lang", "zh"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_answered_in_chinese(args: list[str]) -> None:
    shown = CliRunner().invoke(main, ["--lang", "zh", *args])
    assert shown.exit_code == 2
    assert HAN.search(shown.output)
    assert not left(re.sub(r"示例：.*?(?=\n\n|\Z)", "", shown.output, flags=re.DOTALL), CALLED)


def test_every_text_has_chinese() -> None:
    """Only names, numbers and fields may stand alone; a Latin word is a key or name that the English has, too."""
    bare, foreign = [], {}
    for key, (english, chinese) in catalogue().items():
        plain = CODE.sub(" ", english)
        if not HAN.search(chinese) and [word for word in WORD.findall(plain) if word.islower()]:
            bare.append(key)
        if extra := set(left(chinese, CALLED)) - set(WORD.findall(english)):
            foreign[key] = extra
    assert set(bare) <= {"handbook.active_days"}
    assert not foreign


@pytest.mark.parametrize("path", [path for path, one in ALL.items() if not isinstance(one, click.Group)])
def test_every_command_takes_its_language_in_one_way(path: str) -> None:
    if path in SILENT or path.startswith("bench"):
        return
    option = next((one for one in ALL[path].params if one.name == "lang"), None)
    assert option is not None, "use report_language of gateway.cli.options"
    assert option.callback is resolved


def test_the_language_is_that_of_the_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    english, silent = tmp_path / "en.yaml", tmp_path / "silent.yaml"
    english.write_text("name: a\nlanguage: en\n", "utf-8")
    silent.write_text("name: a\n", "utf-8")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.chdir(tmp_path)

    def said(*args: str) -> str:
        shown = CliRunner().invoke(main, args)
        return "zh" if HAN.search(shown.output.partition("\n\n")[0]) else "en"

    assert said("check", "-c", str(english)) == "en"
    assert said("check", "-c", str(english), "--lang", "zh") == "zh"
    assert said("check", f"--config={english}", "--bad") == "en"
    assert said("check", "-c", str(silent)) == "zh"
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert said("check", "-c", str(silent)) == "zh"  # the installation's, not the locale's
    assert said("check", "-c", "none.yaml") == "en"  # there is no installation
    assert said("rules", "test", "none") == "en"
    assert said("--lang", "zh", "rules", "test", "none") == "zh"
    (tmp_path / "gateway.yaml").write_text("language: zh\n", "utf-8")
    assert said("check") == "zh"
    assert said("units") == "en"  # belongs to no installation


def test_the_locale() -> None:
    assert of_locale({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}) == "zh"
    assert of_locale({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}) == "en"
    assert of_locale({}) == "en"
    assert of_arguments(["run", "--lang=zh", "-c", "nothing"]) == "zh"


PROPER = {
    "Webhook", "Webhooks", "Standard", "English", "OpenAPI", "Python", "Java", "Node", "CloudEvents", "Callbacks",
    "QoS", "Dashboards", "New", "Import", "Debian", "Grafana", "Prometheus", "systemd", "vmagent", "root", "pandas",
    "Spark", "InfluxDB", "VictoriaMetrics",
}  # fmt: skip
KEYS = {"admin", "engineer", "integrator", "operator", "supervisor", "base"}


@pytest.mark.parametrize("page", sorted(Path(__file__).parents[2].glob("docs/*.zh.md")), ids=lambda page: page.name)
def test_pages_are_chinese(page: Path) -> None:
    """Code, links and tables of fields aside."""
    text = re.sub(
        r"```.*?```|\]\([^)]*\)|^\| `data\..*?$", " ", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    assert not {n: found for n, line in enumerate(text.splitlines(), 1) if (found := left(line, PROPER | KEYS))}
