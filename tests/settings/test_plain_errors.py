"""Errors in plain words, with the path, and one for each mistake (C5)."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.app.build import build
from gateway.domain.errors import StoreError, StoreUnavailable
from gateway.settings import inspect_project, load_project

ENV: dict[str, str] = {}
FILES = {
    "gateway.yaml": """\
name: gw
timezone: Asia/Shanghai
data_dir: ../var
profiles: profiles
rules: rules
registry: {devices: devices.csv}
sources:
  broker:
    type: mqtt
    url: mqtt://127.0.0.1
    client_id: c
    routes: [{filter: "d/{device}", device: "{device}", points: {temp: {path: t, unit: degF, component: 1}}}]
""",
    "devices.csv": "code,profile\nD1,dc\nD2,dc\n",
    "profiles/dc.yaml": """\
kind: charger
components: 2
points:
  temp: {unit: degC, each: true, plausible: {min: -40 degC, max: 200 degC}}
  fault: {unit: degC, every: 10s}
""",
    "rules/a.yaml": """\
format: 1
rules:
- id: hot
  title: {en: Hot, zh: 热}
  why: it burns
  watch: {kind: charger, each: connector}
  when: "temp > 85 degC"
""",
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path / "config"


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unit: degC", "unit: degX"),
        ("unit: degC", "unitt: degC"),
        ("points:", "points: ["),
        ("kind: charger", "kid: charger"),
        ("components:", "components: many #"),
    ],
)
def test_one_bad_profile_is_one_error(config: Path, old: str, new: str) -> None:
    """C5: one bad profile made five follow-up errors."""
    spoil(config / "profiles" / "dc.yaml", old, new)
    problems = inspect_project(config / "gateway.yaml", ENV).problems
    assert {Path(problem.file).name for problem in problems} == {"dc.yaml"}, problems
    assert len(problems) <= 2, "a wrong key may be a missing one, too"


@pytest.mark.parametrize(
    ("key", "path", "write"),
    [
        ("data_dir: ../var", r"C:\fieldgate\var", "/fieldgate/var"),
        ("profiles: profiles", r"..\profiles", "../profiles"),
        ("rules: rules", "D:/rules", "/rules"),
    ],
)
def test_paths_of_windows_are_refused(config: Path, key: str, path: str, write: str) -> None:
    """C5: they were accepted, and a folder of that very name was made."""
    name = key.partition(":")[0]
    text = (config / "gateway.yaml").read_text("utf-8")
    line = next((one for one in text.splitlines() if one.lstrip("# ").startswith(f"{name}:")), "")
    text = text.replace(line, f"{name}: '{path}'", 1) if line else f"{name}: '{path}'\n{text}"
    (config / "gateway.yaml").write_text(text, "utf-8")
    problems = inspect_project(config / "gateway.yaml", ENV).problems
    assert [(problem.path, problem.key) for problem in problems] == [(name, "config.path.windows")], problems
    assert problems[0].render("en").endswith(f"Write '{write}'")
    assert "Windows 路径" in problems[0].render("zh")


def test_a_data_dir_that_cannot_be_made_is_named(config: Path) -> None:
    """C5: an unwritable data_dir gave a raw error without its path."""
    (config.parent / "var").write_text("a file")
    with pytest.raises(StoreError) as caught:
        build(load_project(config / "gateway.yaml", ENV))
    assert f"{config}/../var：已有同名的文件" in caught.value.text("zh")
    assert caught.value.text("en").endswith("or make this one for the user that runs the gateway")


def test_a_data_dir_of_somebody_else_is_named(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(StoreError, match="cannot be written by the user"):
        build(load_project(config / "gateway.yaml", ENV))


def test_a_second_gateway_on_one_data_dir_hears_who_has_it(config: Path) -> None:
    """C5: two gateways on one data_dir gave a sentence of DuckDB."""
    first = build(load_project(config / "gateway.yaml", ENV))
    try:
        with pytest.raises(StoreUnavailable) as caught:
            build(load_project(config / "gateway.yaml", ENV))
        assert "(fieldgate run) has the data in" in caught.value.text("en")
        assert "正在使用" in caught.value.text("zh")
    finally:
        stores = first.stores
        for close in (first.threads.close, stores.sql.database.close, stores.series.close, stores.journal.close):
            close()


@pytest.mark.parametrize(("lang", "word"), [("en", "problem(s)"), ("zh", "处问题")])
def test_run_speaks_the_language_of_the_installation(config: Path, lang: str, word: str) -> None:
    from gateway.cli.run_command import command

    text = (config / "gateway.yaml").read_text("utf-8")
    text = f"language: {lang}\nodd: 1\n" + text.replace("\nlanguage:", "\n# language:")
    (config / "gateway.yaml").write_text(text, "utf-8")
    found = CliRunner().invoke(command, ["-c", str(config / "gateway.yaml")], env=ENV)
    assert (found.exit_code, word in found.stderr) == (2, True), found.stderr
